/* SPDX-License-Identifier: Apache-2.0
 *
 * libcurl's multi interface on a libuv loop: transfers begin, and end in a callback from the loop.
 */
#ifndef ORCHESTRATOR_SHELL_CURL_CURL_UV_H
#define ORCHESTRATOR_SHELL_CURL_CURL_UV_H

#include <curl/curl.h>
#include <uv.h>

#include "common/base/base.h"

/* Embedded by its user, who fills in on_done and arg before curl_uv_init(). */
struct curl_uv {
    uv_loop_t *loop;
    CURLM *multi;
    uv_timer_t timer;
    /* A transfer has ended. The easy handle is taken out already and is the callee's. */
    void (*on_done)(void *arg, CURL *easy, CURLcode result);
    void *arg;
    size_t handles_open; /* of libuv's */
    void (*on_closed)(void *arg);
};

/* A POST whose answer's body is thrown away. */
struct curl_uv_post {
    const char *url;
    struct bytes body;          /* borrowed until it has ended, as the headers */
    struct curl_slist *headers; /* the callee's, as ever */
    int64_t timeout_us;
    void *user; /* CURLINFO_PRIVATE */
};
CURL *curl_uv_post(const struct curl_uv_post *post);

void curl_uv_init(struct curl_uv *curl, uv_loop_t *loop);
void curl_uv_start(struct curl_uv *curl, CURL *easy);
void curl_uv_abort(struct curl_uv *curl,
                   CURL *easy); /* no on_done; the handle stays the caller's */
/* With no transfers left. on_closed comes from the loop, then the memory may go. */
void curl_uv_close(struct curl_uv *curl, void (*on_closed)(void *arg));

/* The host of a URL, to be freed with curl_free(): for the log, where the URL may carry a password.
 * NULL: it is no http or https URL. */
char *curl_uv_host(const char *url);

#endif
