/* SPDX-License-Identifier: Apache-2.0
 *
 * The server that http_test.py drives: the orchestrator's routes in front of handlers that echo.
 *   server PAGES_DIR [CONNECTIONS_MAX [PING_S [HEADER_S [QUEUE_BYTES [PROXIED [CERT KEY]]]]]]
 * prints "port N probes M" and serves until SIGTERM, then prints its counters. M is the port of a
 * listener for nothing but probes, as media nodes have it. The environment's STATUS_DIR is served,
 * too, if it is there.
 */
#include <stdio.h>
#include <stdlib.h>

#include "orchestrator/shell/http/http.h"

#define LATE_MS 100

struct test {
    uv_loop_t loop;
    struct orch_http *http;
    struct probes_listener *listener;
    uv_signal_t sigterm;
};

struct late {
    uv_timer_t timer;
    struct http_call *call;
};

static void log_line(void *arg, enum log_level level, const char *text)
{
    (void)arg;
    fprintf(stderr, "%d %s\n", (int)level, text);
}

static struct bytes text_bytes(const char *text)
{
    return (struct bytes){(const uint8_t *)text, strlen(text)};
}

static bool answer(struct http_call *call, int status, const char *text)
{
    return http_call_answer(call,
                            &(struct http_answer){.status = status, .body = text_bytes(text)});
}

/* /rtc?token=good echoes; anything else is refused. "hello" is sent before the upgrade is done. */
static void on_connect(void *arg, const struct http_request *request, struct http_ws *ws)
{
    (void)arg;
    const char *token = http_query_get(request, "token");
    char text[512];
    if (token == NULL || strcmp(token, "good") != 0) {
        snprintf(text, sizeof(text), "bad token \"%s\" authorization \"%s\" agent \"%s\"",
                 token == NULL ? "(none)" : token, request->authorization, request->user_agent);
        http_ws_refuse(
            ws, &(struct http_answer){.status = 401, .body = text_bytes(text), .retry_after_s = 7});
        return;
    }
    const char *big = http_query_get(request, "join_request");
    snprintf(text, sizeof(text), "hello %s %zu", request->client_address,
             big == NULL ? 0 : strlen(big));
    http_ws_send(ws, true, text_bytes(text));
    http_ws_send(ws, true, text_bytes(request->path));
}

static void flood(struct http_ws *ws)
{
    static const uint8_t block[65536];
    while (http_ws_send(ws, false, (struct bytes){block, sizeof(block)}) == 0) {
    }
}

/* Echoes, except for the text messages "close CODE REASON", "burst N" and "flood". */
static void on_message(void *arg, struct http_ws *ws, bool text, struct bytes message)
{
    (void)arg;
    const char *command = (const char *)message.data;
    unsigned code = 0;
    char reason[64] = "";
    int count = 0;
    if (text && sscanf(command, "close %u %63[^\n]", &code, reason) >= 1) {
        http_ws_send(ws, true, text_bytes("last"));
        http_ws_close(ws, code, reason);
    } else if (text && sscanf(command, "burst %d", &count) == 1) {
        for (int i = 0; i < count; i++) {
            char number[16];
            snprintf(number, sizeof(number), "%d", i);
            http_ws_send(ws, true, text_bytes(number));
        }
    } else if (text && strcmp(command, "flood") == 0) {
        flood(ws);
    } else {
        http_ws_send(ws, text, message);
    }
}

static void on_closed(void *arg, struct http_ws *ws, unsigned code)
{
    (void)arg;
    (void)ws;
    printf("closed %u\n", code);
    fflush(stdout);
}

static void late_closed(uv_handle_t *handle)
{
    free(handle->data);
}

static void late_fires(uv_timer_t *timer)
{
    struct late *late = timer->data;
    if (!answer(late->call, 200, "late")) {
        printf("in vain\n");
        fflush(stdout);
    }
    uv_close((uv_handle_t *)timer, late_closed);
}

static void on_gone(void *arg)
{
    (void)arg;
    printf("gone\n");
    fflush(stdout);
}

/* Answers later, or after "?ms="; "?v=" is given back at once. */
static void on_validate(void *arg, const struct http_request *request, struct http_call *call)
{
    struct test *test = arg;
    const char *value = http_query_get(request, "v");
    if (value != NULL) {
        answer(call, 200, value);
        return;
    }
    struct late *late = mem_alloc(sizeof(*late));
    late->call = call;
    http_call_watch(call, on_gone, NULL);
    uv_timer_init(&test->loop, &late->timer);
    late->timer.data = late;
    const char *ms = http_query_get(request, "ms");
    uv_timer_start(&late->timer, late_fires, ms == NULL ? LATE_MS : strtoul(ms, NULL, 10), 0);
}

static void on_echo(void *arg, const struct http_request *request, struct http_call *call)
{
    (void)arg;
    http_call_answer(call, &(struct http_answer){.status = 200,
                                                 .content_type = request->content_type[0] == '\0'
                                                                     ? NULL
                                                                     : request->content_type,
                                                 .body = request->body});
}

static bool on_ready(void *arg, char reason[PROBES_REASON_MAX])
{
    (void)arg;
    snprintf(reason, PROBES_REASON_MAX, "cordoned\n");
    return false;
}

static size_t on_metrics(void *arg, struct probes_metric *out, size_t max)
{
    const struct test *test = arg;
    const struct http_counters *c = http_counters(orch_http_server(test->http));
    const struct probes_metric metrics[] = {
        {"http_connections", "Open connections.", PROBES_GAUGE, NULL, (double)c->connections, NULL},
        {"http_requests_total", "Requests.", PROBES_COUNTER, NULL, (double)c->requests_total, NULL},
    };
    assert(ARRAY_LEN(metrics) <= max);
    memcpy(out, metrics, sizeof(metrics));
    return ARRAY_LEN(metrics);
}

static void on_sigterm(uv_signal_t *signal, int number)
{
    struct test *test = signal->data;
    (void)number;
    const struct http_counters *c = http_counters(orch_http_server(test->http));
    printf("refused %llu slow %llu too_big %llu too_large %llu silent %llu\n",
           (unsigned long long)c->connections_refused, (unsigned long long)c->ws_slow,
           (unsigned long long)c->ws_too_big, (unsigned long long)c->requests_too_large,
           (unsigned long long)c->connections_silent);
    fflush(stdout);
    orch_http_close(test->http);
    probes_close(test->listener);
    uv_close((uv_handle_t *)signal, NULL);
}

static long argument(int argc, char **argv, int i)
{
    return i < argc ? strtol(argv[i], NULL, 10) : 0;
}

int main(int argc, char **argv)
{
    struct test test;
    uv_loop_init(&test.loop);
    const struct log_sink log = {log_line, NULL, LOG_INFO};
    const struct probes probes = {"test", &test, on_ready, on_metrics};
    const struct orch_http_config config = {
        .loop = &test.loop,
        .log = &log,
        .address = "127.0.0.1",
        .trust_forwarded_for = argument(argc, argv, 6) != 0,
        .tls_cert_path = argc > 8 ? argv[7] : NULL,
        .tls_key_path = argc > 8 ? argv[8] : NULL,
        .pages_dir = argc > 1 && argv[1][0] != '\0' ? argv[1] : NULL,
        .status_dir = getenv("STATUS_DIR"),
        .limits = {.connections = (size_t)argument(argc, argv, 2),
                   .ws_ping_interval_s = (int)argument(argc, argv, 3),
                   .header_timeout_s = (int)argument(argc, argv, 4),
                   .ws_queue_max = (size_t)argument(argc, argv, 5)},
        .handlers = {.connect = on_connect,
                     .message = on_message,
                     .closed = on_closed,
                     .validate = on_validate,
                     .twirp = on_echo,
                     .admin = on_echo,
                     .token = on_echo,
                     .arg = &test},
        .probes = &probes,
    };
    if (orch_http_open(&test.http, &config) != 0) {
        uv_run(&test.loop, UV_RUN_DEFAULT);
        return uv_loop_close(&test.loop) == 0 ? 1 : 3;
    }
    uv_signal_init(&test.loop, &test.sigterm);
    test.sigterm.data = &test;
    uv_signal_start(&test.sigterm, on_sigterm, SIGTERM);
    if (probes_listen(&test.listener, &test.loop, &log, "127.0.0.1", 0, &probes) != 0) {
        return 1;
    }
    printf("port %d probes %d\n", http_port(orch_http_server(test.http)),
           probes_port(test.listener));
    fflush(stdout);
    uv_run(&test.loop, UV_RUN_DEFAULT);
    return uv_loop_close(&test.loop) == 0 ? 0 : 1;
}
