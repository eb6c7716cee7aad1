/* SPDX-License-Identifier: Apache-2.0
 *
 * WHIP (RFC 9725) and WHEP (draft-ietf-wish-whep): clients that publish or play by one HTTP request
 * instead of LiveKit's signalling. To the room each is a client like any other: its request becomes
 * the join request and the messages that an SDK would have sent, what the room says becomes the
 * HTTP answer, and its connection is held here, without a WebSocket, until a DELETE comes or the
 * room ends it (which it does when the transport is lost).
 *
 *   joining   a POST was turned into a CONNECT. PUBLISH: the offer is in it. PLAY: it has none
 *             -> asking: the room's `join` shows what is published, and the offer is said
 *   asking    -> open: the room's `answer` came, 201
 *   open      pinged, until DELETE, or the room closes the connection, or all that a player plays
 *             is no longer published. A PATCH with other ICE credentials says the offer again with
 *             these; what the room then answers of ICE is its 200, or WHIP_ANSWER_US its 503
 *
 * A `leave`, a refusal or WHIP_ANSWER_US without an answer end the first two, with a status.
 *
 * Shape: inputs take now_us; after each, whip_poll() until it returns false. A request's number is
 * also that of the connection it opens.
 */
#ifndef ORCHESTRATOR_CORE_WHIP_WHIP_H
#define ORCHESTRATOR_CORE_WHIP_WHIP_H

#include "common/base/base.h"
#include "orchestrator/core/entry/entry.h"
#include "orchestrator/core/token/token.h"

#define WHIP_BODY_MAX     ((size_t)40 << 10) /* bytes; as base64 it fits ENTRY_REQUEST_MAX */
#define WHIP_SESSIONS_MAX 10000
#define WHIP_ANSWER_US    TIME_S(10)
#define WHIP_PING_US      TIME_S(5) /* ROOM_PING_INTERVAL_S */

struct whip;

struct whip_config {
    struct token_keys keys; /* borrowed */
    struct random_source random;
};

/* wall_us: microseconds since 1970 at now_us. */
struct whip *whip_new(const struct whip_config *config, int64_t now_us, int64_t wall_us);
void whip_free(struct whip *whip);

enum whip_out_type {
    WHIP_ANSWER,     /* id: the request, which is over */
    WHIP_CONNECT,    /* a connection is asked for, with these words */
    WHIP_SIGNAL,     /* body: a SignalRequest of the connection */
    WHIP_DISCONNECT, /* it is gone, also after the room closed it, as of a WebSocket */
};

struct whip_out {
    enum whip_out_type type;
    uint64_t id;
    int status; /* ANSWER, with the next four; no Retry-After: 0 */
    uint32_t retry_after_s;
    const char *content_type; /* NULL: plain text */
    char *headers;            /* whole lines; NULL: none */
    struct bytes body;        /* owned by the output */
    char *authorization;      /* CONNECT: of a struct entry_request, with the next two */
    char *join_request;
    char *room;    /* "": the token names it */
    char *address; /* the client's */
};

bool whip_poll(struct whip *whip, struct whip_out *out); /* the caller's, for whip_out_fini() */
void whip_out_fini(struct whip_out *out);
void whip_expire(struct whip *whip, int64_t now_us);
int64_t whip_deadline(const struct whip *whip);

/* As HTTP gave it, percent-decoded; "" where absent. */
struct whip_request {
    const char *verb; /* "POST", "PATCH", "DELETE", ... */
    const char *path; /* from "/whip/v1" or "/whep/v1" on */
    const char *authorization;
    const char *content_type;
    const char *if_match;
    const char *participant; /* WHEP's query parameter: whose tracks */
    const char *address;
    struct bytes body; /* one zero byte behind it */
};

/* Exactly one ANSWER of that number follows, within WHIP_ANSWER_US. */
void whip_request(struct whip *whip, int64_t now_us, uint64_t id, const struct whip_request *from);

/* Its client went away before the answer, or did not get it: nobody knows of the session that it
 * opens, so that ends. */
void whip_gone(struct whip *whip, int64_t now_us, uint64_t id);

/* Whether it is a connection of ours; then these are for what the room wants done with it. */
bool whip_has(const struct whip *whip, uint64_t conn);
struct whip_refusal {
    int status;
    const char *text; /* NULL: none */
    uint32_t retry_after_s;
};
void whip_refused(struct whip *whip, int64_t now_us, uint64_t conn, const struct whip_refusal *why);
void whip_message(struct whip *whip, int64_t now_us, uint64_t conn, struct bytes response);
/* code: of the WebSocket that it is not. */
void whip_closed(struct whip *whip, int64_t now_us, uint64_t conn, int code, const char *text);

struct whip_stats {
    uint64_t publishing, playing; /* gauges: open sessions */
    uint64_t opened;
    uint64_t refused; /* requests answered with an error */
};
void whip_stats(const struct whip *whip, struct whip_stats *out);

#endif
