/* SPDX-License-Identifier: Apache-2.0
 *
 * The sender that webhooks_test.py drives:
 *   sender ATTEMPTS TIMEOUT_MS BACKOFF_MS QUEUE_MAX FLUSH_MS URL...
 * Each line "KEY BODY" of its input is an event; at its end the queue is flushed and the counters
 * are printed. Tokens are signed with the key "devkey" and the secret "secret".
 */
#include "common/base/openssl.h"

#include <openssl/evp.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "orchestrator/core/token/token.h"
#include "orchestrator/shell/webhooks/webhooks.h"

#define LINE_SIZE 65536
#define TTL_S     300

struct sender {
    uv_loop_t loop;
    uv_pipe_t input;
    struct webhooks *webhooks;
    char line[LINE_SIZE];
    size_t len;
    int64_t flush_us;
};

static void log_line(void *arg, enum log_level level, const char *text)
{
    (void)arg;
    fprintf(stderr, "%d %s\n", (int)level, text);
}

static int sign(void *arg, struct bytes body, char token[WEBHOOKS_TOKEN_MAX])
{
    uint8_t digest[SHA256_DIGEST_LENGTH];
    uint8_t text[64];
    (void)arg;
    SHA256(body.data, body.len, digest);
    EVP_EncodeBlock(text, digest, sizeof(digest));
    const struct token claims = {.sha256 = (const char *)text};
    const struct token_key key = {"devkey", "secret"};
    char *signed_text = token_sign(&claims, &key, (int64_t)time(NULL), TTL_S);
    assert(signed_text != NULL);
    snprintf(token, WEBHOOKS_TOKEN_MAX, "%s", signed_text);
    free(signed_text);
    return 0;
}

static void done(void *arg)
{
    (void)arg;
    printf("done\n");
}

static void finish(struct sender *sender)
{
    uv_close((uv_handle_t *)&sender->input, NULL);
    webhooks_close_take(sender->webhooks, sender->flush_us, done, NULL);
}

static void take_lines(struct sender *sender)
{
    char *begin = sender->line;
    char *end;
    while ((end = memchr(begin, '\n', sender->len)) != NULL) {
        *end = '\0';
        char *body = strchr(begin, ' ');
        assert(body != NULL);
        *body++ = '\0';
        webhooks_send(sender->webhooks, begin, (struct bytes){(uint8_t *)body, strlen(body)});
        sender->len -= (size_t)(end + 1 - begin);
        begin = end + 1;
    }
    memmove(sender->line, begin, sender->len);
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *out)
{
    struct sender *sender = handle->data;
    (void)suggested;
    *out = uv_buf_init(sender->line + sender->len, (unsigned)(LINE_SIZE - sender->len));
}

static void on_read(uv_stream_t *stream, ssize_t len, const uv_buf_t *buf)
{
    struct sender *sender = stream->data;
    (void)buf;
    if (len < 0) {
        finish(sender);
        return;
    }
    sender->len += (size_t)len;
    take_lines(sender);
}

static void print_counters(const struct webhooks_counters *c)
{
    printf("{\"sent\": %llu, \"delivered\": %llu, \"attempts\": %llu, \"failures\": %llu, "
           "\"overflow\": %llu, \"gave_up\": %llu, \"shutdown\": %llu, \"waiting\": %llu}\n",
           (unsigned long long)c->sent, (unsigned long long)c->delivered,
           (unsigned long long)c->attempts, (unsigned long long)c->failures,
           (unsigned long long)c->dropped_overflow, (unsigned long long)c->dropped_gave_up,
           (unsigned long long)c->dropped_shutdown, (unsigned long long)c->waiting);
}

/* The counters live in what webhooks_close_take frees, so they are printed as the last thing
 * before. */
static void print_when_idle(uv_prepare_t *prepare)
{
    struct sender *sender = prepare->data;
    if (uv_is_closing((uv_handle_t *)&sender->input) &&
        webhooks_counters(sender->webhooks)->waiting == 0) {
        print_counters(webhooks_counters(sender->webhooks));
        uv_close((uv_handle_t *)prepare, NULL);
    }
}

int main(int argc, char **argv)
{
    struct sender sender = {0};
    uv_prepare_t prepare;
    if (argc < 7) {
        return 2;
    }
    uv_loop_init(&sender.loop);
    const struct log_sink log = {log_line, NULL, LOG_DEBUG};
    const struct webhooks_config config = {
        .loop = &sender.loop,
        .log = &log,
        .urls = (const char *const *)argv + 6,
        .url_count = (size_t)argc - 6,
        .sign = sign,
        .seed = 1,
        .attempts_max = (unsigned)strtoul(argv[1], NULL, 10),
        .timeout_us = TIME_MS(strtol(argv[2], NULL, 10)),
        .backoff_min_us = TIME_MS(strtol(argv[3], NULL, 10)),
        .queue_max = strtoul(argv[4], NULL, 10),
        .parallel_max = 2,
    };
    sender.flush_us = TIME_MS(strtol(argv[5], NULL, 10));
    if (webhooks_new(&sender.webhooks, &config) != 0) {
        return 1;
    }
    uv_pipe_init(&sender.loop, &sender.input, 0);
    sender.input.data = &sender;
    uv_pipe_open(&sender.input, 0);
    uv_read_start((uv_stream_t *)&sender.input, on_alloc, on_read);
    uv_prepare_init(&sender.loop, &prepare);
    prepare.data = &sender;
    uv_prepare_start(&prepare, print_when_idle);
    uv_run(&sender.loop, UV_RUN_DEFAULT);
    return uv_loop_close(&sender.loop) == 0 ? 0 : 1;
}
