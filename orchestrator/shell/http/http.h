/* SPDX-License-Identifier: Apache-2.0
 *
 * The orchestrator's one port: which path goes to which handler, and the meeting page's files. The
 * server itself, with calls and WebSockets, is common/http.
 *
 *   /rtc, /rtc/v1                       WebSocket: connect, message, closed; plain requests: 404
 *   /rtc/validate, /rtc/v1/validate     GET: validate
 *   /twirp/...                          POST, body up to 10 MiB: twirp
 *   /admin/v1/...                       GET, POST, body up to 64 KiB: admin
 *   /whip/v1, /whip/v1/..., the same    any, body up to 40 KiB: whip
 *   with /whep
 *   /livez, /readyz, /metrics           probes
 *   /api/token                          GET: token
 *   everything else                     GET: the pages; /, /meet, /meet/... their index.html
 *
 * A path may start with several slashes. Every answer may be read by any origin (CORS), as the SDKs
 * in a browser need it.
 */
#ifndef ORCHESTRATOR_SHELL_HTTP_HTTP_H
#define ORCHESTRATOR_SHELL_HTTP_HTTP_H

#include "common/http/http.h"
#include "common/probes/probes.h"

#define ORCH_HTTP_TWIRP_BODY_MAX ((size_t)10 << 20)
#define ORCH_HTTP_ADMIN_BODY_MAX ((size_t)64 << 10)
#define ORCH_HTTP_WHIP_BODY_MAX  ((size_t)40 << 10)

struct orch_http;

/* All but token are needed. The contracts are those of struct http_route. */
struct orch_http_handlers {
    /* request->path tells v0 from v1. Accept, or http_ws_refuse. */
    void (*connect)(void *arg, const struct http_request *request, struct http_ws *ws);
    void (*message)(void *arg, struct http_ws *ws, bool text, struct bytes message);
    void (*closed)(void *arg, struct http_ws *ws, unsigned code);
    void (*validate)(void *arg, const struct http_request *request, struct http_call *call);
    void (*twirp)(void *arg, const struct http_request *request, struct http_call *call);
    void (*admin)(void *arg, const struct http_request *request, struct http_call *call);
    /* Says by itself which methods a path has. */
    void (*whip)(void *arg, const struct http_request *request, struct http_call *call);
    /* The meeting page asks for an access token; NULL: 404. */
    void (*token)(void *arg, const struct http_request *request, struct http_call *call);
    void *arg;
};

struct orch_http_config {
    uv_loop_t *loop;
    const struct log_sink *log; /* must outlive */
    const char *address;        /* as in http_config */
    int port;                   /* 7880 by custom */
    const char *tls_cert_path;  /* both or neither */
    const char *tls_key_path;
    bool trust_forwarded_for;
    struct http_limits limits; /* zeros: defaults */
    /* A bundled page's files, read into memory at the start (64 MiB at most); x.gz beside x is sent
     * to clients that take gzip. NULL: no pages, "/" says OK to health checks. */
    const char *pages_dir;
    const char *status_dir; /* of spillway-probe's status page, at /status/; NULL: none */
    struct orch_http_handlers handlers;
    const struct probes *probes; /* must outlive */
};

/* ERR_IO: cannot listen or read the pages. ERR_TOO_BIG: pages above the limit. Logged. */
int orch_http_open(struct orch_http **out, const struct orch_http_config *config) MUST_CHECK;

/* The server behind, for http_port, http_counters and http_stop_listening. */
struct http_server *orch_http_server(struct orch_http *http);

/* As http_close. */
void orch_http_close(struct orch_http *http);

#endif
