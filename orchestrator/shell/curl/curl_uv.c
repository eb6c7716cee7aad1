/* SPDX-License-Identifier: Apache-2.0
 *
 * libcurl's multi interface on a libuv loop.
 *
 * Happy path: libcurl names its sockets and its timer, each socket gets a uv_poll, and what they
 * report is passed back to libcurl; ended transfers are then read off.
 * Failure modes: none of its own. A transfer's failure is its result.
 */
#include <stdlib.h>

#include "orchestrator/shell/curl/curl_uv.h"

struct watch {
    uv_poll_t poll;
    struct curl_uv *curl;
    curl_socket_t socket;
};

static void handle_closed(struct curl_uv *curl)
{
    if (--curl->handles_open == 0 && curl->on_closed != NULL) {
        curl->on_closed(curl->arg);
    }
}

static void watch_closed(uv_handle_t *handle)
{
    struct watch *watch = handle->data;
    handle_closed(watch->curl);
    free(watch);
}

static void timer_closed(uv_handle_t *handle)
{
    handle_closed(handle->data);
}

static void read_off(struct curl_uv *curl)
{
    int left = 0;
    CURLMsg *message;
    while ((message = curl_multi_info_read(curl->multi, &left)) != NULL) {
        if (message->msg != CURLMSG_DONE) {
            continue;
        }
        /* The message does not survive the removal. */
        CURL *easy = message->easy_handle;
        CURLcode result = message->data.result;
        curl_multi_remove_handle(curl->multi, easy);
        curl->on_done(curl->arg, easy, result);
        if (curl->multi == NULL) {
            return;
        }
    }
}

static void socket_ready(uv_poll_t *poll, int status, int events)
{
    struct watch *watch = poll->data;
    struct curl_uv *curl = watch->curl;
    int running = 0;
    int flags = status < 0 ? CURL_CSELECT_ERR : 0;
    flags |= events & UV_READABLE ? CURL_CSELECT_IN : 0;
    flags |= events & UV_WRITABLE ? CURL_CSELECT_OUT : 0;
    curl_multi_socket_action(curl->multi, watch->socket, flags, &running);
    read_off(curl);
}

static void timer_fires(uv_timer_t *timer)
{
    struct curl_uv *curl = timer->data;
    int running = 0;
    curl_multi_socket_action(curl->multi, CURL_SOCKET_TIMEOUT, 0, &running);
    read_off(curl);
}

static int on_socket(CURL *easy, curl_socket_t socket, int what, void *arg, void *watch_arg)
{
    struct curl_uv *curl = arg;
    struct watch *watch = watch_arg;
    (void)easy;
    if (what == CURL_POLL_REMOVE) {
        if (watch != NULL) {
            uv_poll_stop(&watch->poll);
            uv_close((uv_handle_t *)&watch->poll, watch_closed);
            curl_multi_assign(curl->multi, socket, NULL);
        }
        return 0;
    }
    if (watch == NULL) {
        watch = mem_alloc(sizeof(*watch));
        *watch = (struct watch){.curl = curl, .socket = socket};
        uv_poll_init_socket(curl->loop, &watch->poll, socket);
        watch->poll.data = watch;
        curl->handles_open++;
        curl_multi_assign(curl->multi, socket, watch);
    }
    int events = (what & CURL_POLL_IN ? UV_READABLE : 0) | (what & CURL_POLL_OUT ? UV_WRITABLE : 0);
    uv_poll_start(&watch->poll, events, socket_ready);
    return 0;
}

static int on_timer(CURLM *multi, long timeout_ms, void *arg)
{
    struct curl_uv *curl = arg;
    (void)multi;
    if (timeout_ms < 0) {
        uv_timer_stop(&curl->timer);
    } else {
        /* Never from here: libcurl forbids being called within its own callback. */
        uv_timer_start(&curl->timer, timer_fires, (uint64_t)timeout_ms, 0);
    }
    return 0;
}

void curl_uv_init(struct curl_uv *curl, uv_loop_t *loop)
{
    curl->loop = loop;
    curl->multi = curl_multi_init();
    assert(curl->multi != NULL);
    uv_timer_init(loop, &curl->timer);
    curl->timer.data = curl;
    curl->handles_open = 1;
    curl_multi_setopt(curl->multi, CURLMOPT_SOCKETFUNCTION, on_socket);
    curl_multi_setopt(curl->multi, CURLMOPT_SOCKETDATA, curl);
    curl_multi_setopt(curl->multi, CURLMOPT_TIMERFUNCTION, on_timer);
    curl_multi_setopt(curl->multi, CURLMOPT_TIMERDATA, curl);
}

void curl_uv_start(struct curl_uv *curl, CURL *easy)
{
    CURLMcode result = curl_multi_add_handle(curl->multi, easy);
    assert(result == CURLM_OK);
}

void curl_uv_abort(struct curl_uv *curl, CURL *easy)
{
    curl_multi_remove_handle(curl->multi, easy);
}

void curl_uv_close(struct curl_uv *curl, void (*on_closed)(void *arg))
{
    curl->on_closed = on_closed;
    curl_multi_cleanup(curl->multi);
    curl->multi = NULL;
    uv_timer_stop(&curl->timer);
    uv_close((uv_handle_t *)&curl->timer, timer_closed);
}

char *curl_uv_host(const char *url)
{
    CURLU *parts = curl_url();
    char *scheme = NULL;
    char *host = NULL;
    assert(parts != NULL);
    bool ok = curl_url_set(parts, CURLUPART_URL, url, 0) == CURLUE_OK &&
              curl_url_get(parts, CURLUPART_SCHEME, &scheme, 0) == CURLUE_OK &&
              curl_url_get(parts, CURLUPART_HOST, &host, 0) == CURLUE_OK &&
              (strcmp(scheme, "http") == 0 || strcmp(scheme, "https") == 0);
    curl_free(scheme);
    curl_url_cleanup(parts);
    if (!ok) {
        curl_free(host);
        return NULL;
    }
    return host;
}

static size_t throw_away(char *bytes, size_t size, size_t count, void *arg)
{
    (void)bytes;
    (void)arg;
    return size * count;
}

CURL *curl_uv_post(const struct curl_uv_post *post)
{
    CURL *easy = curl_easy_init();
    assert(easy != NULL);
    curl_easy_setopt(easy, CURLOPT_URL, post->url);
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)post->body.len);
    curl_easy_setopt(easy, CURLOPT_POSTFIELDS, post->body.data);
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, post->headers);
    curl_easy_setopt(easy, CURLOPT_USERAGENT, "Spillway/" SPILLWAY_VERSION);
    curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)(post->timeout_us / 1000));
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, throw_away);
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_PRIVATE, post->user);
    return easy;
}
