/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/bench/node_client.h"

#include "tests/bench/bench.h"
#include "tests/bench/fanout.h"

#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>

#define REPEAT_MS   100 /* a check that is not answered */
#define CHECK_MS    5000
#define TURN_US     TIME_MS(700)
#define BEHIND_US   TIME_MS(20)
#define CHECK_TURNS 4 /* a check with every fourth report */

void node_client_init(struct node_client *client, const struct node_run *run, size_t number, int fd)
{
    snprintf(client->ufrag, sizeof(client->ufrag), "cli%05zu", number);
    snprintf(client->server_ufrag, sizeof(client->server_ufrag), "srv%05zu", number);
    const struct media_client_config config = {.ufrag = client->ufrag,
                                               .pwd = "clientpassword12345678",
                                               .server_ufrag = client->server_ufrag,
                                               .server_pwd = "serverpassword12345678",
                                               .seed = number + 1};
    client->media = media_client_new(&config);
    client->fd = fd;
    client->node = node_run_addr(run, 0);
}

void node_client_fini(struct node_client *client)
{
    media_client_free(client->media);
}

void node_client_send(const struct node_client *client, const uint8_t *data, size_t len)
{
    const struct sockaddr *to = (const struct sockaddr *)&client->node;
    if (sendto(client->fd, data, len, 0, to, sizeof(client->node)) != (ssize_t)len) {
        bench_fail("a client can't send: %s", strerror(errno));
    }
}

void node_client_check(const struct node_client *client)
{
    uint8_t data[MEDIA_CLIENT_PACKET];
    node_client_send(client, data, media_client_check(client->media, true, data));
}

void node_client_report(const struct node_client *client)
{
    uint8_t data[MEDIA_CLIENT_PACKET];
    const struct media_feedback report = {0};
    node_client_send(client, data, media_client_rtcp(client->media, &report, data));
}

void node_client_receive(struct node_client *client)
{
    uint8_t data[2048];
    uint8_t answer[MEDIA_CLIENT_PACKET];
    struct media_incoming *changed;
    ssize_t len;
    while ((len = recv(client->fd, data, sizeof(data), MSG_DONTWAIT)) > 0) {
        size_t back = media_client_receive(client->media, data, (size_t)len, answer, &changed);
        if (back > 0) {
            node_client_send(client, answer, back);
        }
    }
}

void node_clients_check(struct node_client *clients, size_t count, struct node_run *run)
{
    size_t answered = 0;
    for (int ms = 0; answered < count; ms++) {
        if (ms == CHECK_MS) {
            bench_fail("%zu of %zu clients' checks are not answered", count - answered, count);
        }
        answered = 0;
        for (size_t i = 0; i < count; i++) {
            if (clients[i].media->answers == 0 && ms % REPEAT_MS == 0) {
                node_client_check(&clients[i]);
            }
            node_client_receive(&clients[i]);
            answered += clients[i].media->answers > 0;
        }
        node_run_wait(run, 1);
    }
}

void node_clients_keep(struct node_client_turns *turns, const struct node_client *clients,
                       size_t count)
{
    const int64_t now_us = bench_now_us();
    turns->due_us = MAX(turns->due_us, now_us - BEHIND_US); /* who can't keep up leaves some out */
    for (; turns->due_us <= now_us; turns->due_us += TURN_US / (int64_t)count) {
        if (turns->turns % CHECK_TURNS == turns->next % CHECK_TURNS) {
            node_client_check(&clients[turns->next]);
        }
        node_client_report(&clients[turns->next]);
        turns->next = (turns->next + 1) % count;
        turns->turns += turns->next == 0;
    }
}

/* ---- Media ----------------------------------------------------------------------------------- */

static struct bytes text_bytes(const char *text)
{
    return (struct bytes){text[0] == '\0' ? NULL : (const uint8_t *)text, strlen(text)};
}

/* One packet of a VP8 frame: so many bytes that it has FANOUT_PACKET with its header. */
static size_t make_packet(const struct node_client *client, struct media_source *source, bool first,
                          bool last, uint8_t *out)
{
    uint8_t payload[FANOUT_PACKET];
    struct rtp_header header = {.ts = source->ts,
                                .ssrc = source->ssrc,
                                .seq = source->seq++,
                                .pt = MEDIA_VP8,
                                .marker = last};
    struct rtp_header_out where;
    header.exts.value[RTP_EXT_MID] = text_bytes(source->mid);
    header.exts.value[RTP_EXT_RID] = text_bytes(source->rid);
    if (rtp_header_write(out, &header, &media_client_exts, &where) != 0) {
        bench_fail("no RTP header");
    }
    size_t size = FANOUT_PACKET - where.len;
    fanout_payload(payload, size, first, source->key_wanted, source->picture);
    be16_put(out + where.transport_cc_at, client->media->cc_seq++);
    const struct rtpsec_packet packet = {.header_len = where.len, .body = {payload, size}};
    int len = rtpsec_protect_rtp(client->media->sec, &source->stream, &packet, out);
    if (len < 0) {
        bench_fail("a publisher can't encrypt: %s", err_text(len));
    }
    return (size_t)len;
}

void node_client_frame(const struct node_client *client, struct media_source *source,
                       unsigned packets)
{
    uint8_t data[MEDIA_CLIENT_PACKET];
    source->ts = (uint32_t)bench_wall_us();
    for (unsigned i = 0; i < packets; i++) {
        size_t len = make_packet(client, source, i == 0, i + 1 == packets, data);
        if (i % BENCH_HELD == 0) {
            bench_hold(client->fd, len);
        }
        node_client_send(client, data, len);
        if (i % BENCH_HELD == BENCH_HELD - 1 || i + 1 == packets) {
            bench_release(client->fd);
        }
    }
    source->key_wanted = false;
    source->picture = (source->picture + 1) & 0x7fff;
}
