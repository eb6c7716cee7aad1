/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/bench/load/transport.h"

#include "media-node/core/rtp/rtcp.h"
#include "media-node/core/stun/stun.h"
#include "tests/lib/dtls_client.h"
#include "tests/lib/stun_client.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define PAIRS_MAX     8
#define CHECK_US      TIME_MS(2500) /* of the pair in use, as libwebrtc */
#define RETRY_US      TIME_MS(50)   /* of one that has not answered yet */
#define TRIES_MAX     200
#define CONSENT_US    TIME_S(30) /* RFC 7675 §5.1 */
#define CONNECT_US    TIME_S(15) /* as livekit-client's peerConnectionTimeout */
#define PRIORITY      0x6e7f1eff /* of a peer-reflexive candidate, as browsers have it */
#define BATCH         32         /* datagrams */
#define BATCHES_MAX   8          /* read at a time, so that one transport can't starve the others */
#define DATAGRAM      2048       /* more than RTPSEC_PACKET_MAX is refused anyway */
#define RECEIVE_BYTES (1 << 20)
#define KEY_LEN       16
#define SALT_LEN      12
#define PROFILE       "SRTP_AEAD_AES_128_GCM"

struct pair {
    struct sockaddr_in addr;
    uint32_t priority;
    int64_t due_us; /* of the next check */
    int64_t answered_us;
    int tries; /* since it last answered */
    bool answered;
};

struct transport {
    struct transport_handler handler;
    unsigned loss_permille;
    struct prng prng; /* of losses */
    char ufrag[5];
    char pwd[25];
    struct answer remote;
    int fd;
    struct pair pairs[PAIRS_MAX];
    size_t pair_count;
    int selected; /* -1: none yet */
    uint8_t transaction;
    struct dtls_client *dtls;
    bool started; /* the handshake */
    int64_t opened_us;
    struct rtpsec *sec; /* NULL before the handshake is done */
    uint16_t cc_seq;
    char failure[TRANSPORT_REASON_MAX];
    struct transport_stats stats;
};

static void fail(struct transport *t, const char *reason)
{
    if (t->failure[0] == '\0') {
        snprintf(t->failure, sizeof(t->failure), "%s", reason);
    }
}

static bool is_lost(struct transport *t)
{
    return t->loss_permille > 0 && prng_below(&t->prng, 1000) < t->loss_permille;
}

/* ---- Life ------------------------------------------------------------------------------------ */

static void random_word(struct prng *prng, char *out, size_t len)
{
    static const char letters[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (size_t i = 0; i < len; i++) {
        out[i] = letters[prng_below(prng, 64)];
    }
    out[len] = '\0';
}

struct transport *transport_new(const struct transport_handler *handler, unsigned loss_permille,
                                struct prng *prng)
{
    const struct dtls_client_config dtls = {.srtp_profiles = PROFILE};
    struct transport *t = mem_alloc(sizeof(*t));
    t->handler = *handler;
    t->loss_permille = loss_permille;
    prng_seed(&t->prng, prng_next(prng));
    t->fd = -1;
    t->selected = -1;
    t->dtls = dtls_client_new(&dtls);
    random_word(prng, t->ufrag, sizeof(t->ufrag) - 1);
    random_word(prng, t->pwd, sizeof(t->pwd) - 1);
    return t;
}

void transport_free(struct transport *t)
{
    if (t == NULL) {
        return;
    }
    if (t->fd >= 0) {
        close(t->fd);
    }
    if (t->sec != NULL) {
        rtpsec_free(t->sec);
    }
    dtls_client_free(t->dtls);
    free(t);
}

const char *transport_ufrag(const struct transport *t)
{
    return t->ufrag;
}

const char *transport_pwd(const struct transport *t)
{
    return t->pwd;
}

const char *transport_fingerprint(const struct transport *t)
{
    return dtls_client_fingerprint(t->dtls);
}

int transport_fd(const struct transport *t)
{
    return t->fd;
}

bool transport_connected(const struct transport *t)
{
    return t->sec != NULL;
}

const char *transport_failure(const struct transport *t)
{
    return t->failure[0] == '\0' ? NULL : t->failure;
}

const struct sockaddr_in *transport_remote(const struct transport *t)
{
    return t->selected < 0 ? NULL : &t->pairs[t->selected].addr;
}

const struct transport_stats *transport_stats(const struct transport *t)
{
    return &t->stats;
}

int transport_open(struct transport *t, int64_t now_us, const struct answer *answer)
{
    int on = 1;
    int bytes = RECEIVE_BYTES;
    t->remote = *answer;
    t->opened_us = now_us;
    t->fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (t->fd < 0 || setsockopt(t->fd, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof(on)) != 0) {
        return ERR_IO;
    }
    if (setsockopt(t->fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof(bytes)) != 0) {
        (void)setsockopt(t->fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes));
    }
    for (size_t i = 0; i < answer->candidate_count; i++) {
        transport_add_candidate(t, now_us, &answer->candidates[i]);
    }
    transport_tick(t, now_us);
    return 0;
}

/* ---- Sending --------------------------------------------------------------------------------- */

static void send_to(struct transport *t, const struct sockaddr_in *addr, const void *data,
                    size_t len)
{
    if (sendto(t->fd, data, len, 0, (const struct sockaddr *)addr, sizeof(*addr)) < 0) {
        t->stats.unsent++; /* the kernel's buffer is full, or nobody is there: UDP */
    }
}

static void send_selected(struct transport *t, const void *data, size_t len)
{
    if (t->selected < 0) {
        t->stats.unsent++;
        return;
    }
    send_to(t, &t->pairs[t->selected].addr, data, len);
}

void transport_send_rtp(struct transport *t, struct rtpsec_stream *stream,
                        const struct rtp_header *header, struct bytes payload)
{
    uint8_t out[DATAGRAM];
    struct rtp_header_out where;
    if (t->sec == NULL) {
        t->stats.unsent++;
        return;
    }
    assert(RTP_HEADER_OUT_MAX + payload.len + RTPSEC_RTP_OVERHEAD <= sizeof(out));
    int err = rtp_header_write(out, header, &offer_exts, &where);
    assert(err == 0);
    if (where.transport_cc_at != 0) {
        be16_put(out + where.transport_cc_at, t->cc_seq++);
    }
    const struct rtpsec_packet packet = {.header_len = where.len, .body = payload};
    int len = rtpsec_protect_rtp(t->sec, stream, &packet, out);
    assert(len > 0);
    if (!is_lost(t)) {
        send_selected(t, out, (size_t)len);
    }
}

void transport_send_rtcp(struct transport *t, struct bytes compound)
{
    uint8_t out[RTCP_OUT_MAX + RTPSEC_RTCP_OVERHEAD];
    size_t len = compound.len;
    if (t->sec == NULL) {
        return;
    }
    assert(len <= RTCP_OUT_MAX);
    memcpy(out, compound.data, len);
    int err = rtpsec_protect_rtcp(t->sec, out, &len);
    assert(err == 0);
    send_selected(t, out, len);
}

/* ---- ICE ------------------------------------------------------------------------------------- */

static struct pair *find_pair(struct transport *t, const struct sockaddr_in *addr)
{
    for (size_t i = 0; i < t->pair_count; i++) {
        if (t->pairs[i].addr.sin_port == addr->sin_port &&
            t->pairs[i].addr.sin_addr.s_addr == addr->sin_addr.s_addr) {
            return &t->pairs[i];
        }
    }
    return NULL;
}

static void forget_oldest(struct transport *t)
{
    int oldest = t->selected == 0 ? 1 : 0;
    t->pair_count--;
    memmove(&t->pairs[oldest], &t->pairs[oldest + 1],
            (t->pair_count - (size_t)oldest) * sizeof(t->pairs[0]));
    t->selected -= t->selected > oldest;
}

void transport_add_candidate(struct transport *t, int64_t check_us,
                             const struct answer_candidate *candidate)
{
    struct pair *pair = find_pair(t, &candidate->addr);
    if (pair == NULL) {
        if (t->pair_count == PAIRS_MAX) {
            forget_oldest(t);
        }
        pair = &t->pairs[t->pair_count++];
        *pair = (struct pair){.addr = candidate->addr};
    }
    pair->priority = candidate->priority;
    pair->due_us = check_us;
    pair->tries = 0;
}

static bool is_worth_checking(const struct transport *t, const struct pair *pair)
{
    return pair->tries < TRIES_MAX &&
           (t->selected < 0 || pair->priority > t->pairs[t->selected].priority);
}

static void send_check(struct transport *t, struct pair *pair)
{
    uint8_t data[STUN_BUILD_MAX];
    const struct stun_client_check check = {.server_ufrag = t->remote.ufrag,
                                            .client_ufrag = t->ufrag,
                                            .server_pwd = t->remote.pwd,
                                            .priority = PRIORITY,
                                            .transaction = t->transaction++,
                                            .use_candidate = true};
    pair->tries++;
    send_to(t, &pair->addr, data, stun_client_request(data, &check));
}

static void check_pairs(struct transport *t, int64_t now_us)
{
    for (size_t i = 0; i < t->pair_count; i++) {
        struct pair *pair = &t->pairs[i];
        bool selected = (int)i == t->selected;
        if (now_us < pair->due_us || (!selected && !is_worth_checking(t, pair))) {
            continue;
        }
        send_check(t, pair);
        pair->due_us = now_us + (selected ? CHECK_US : RETRY_US);
        if (selected && now_us - pair->answered_us > CONSENT_US) {
            fail(t, "the node does not answer ICE checks any more");
        }
    }
}

static void take_success(struct transport *t, int64_t now_us, const struct stun_message *message,
                         const struct sockaddr_in *from)
{
    struct pair *pair = find_pair(t, from);
    if (pair == NULL || stun_check_integrity(message, t->remote.pwd) != 0) {
        t->stats.rejected++;
        return;
    }
    pair->answered = true;
    pair->answered_us = now_us;
    pair->tries = 0;
    if (t->selected >= 0 && pair->priority <= t->pairs[t->selected].priority) {
        return;
    }
    if (t->selected >= 0) {
        t->stats.moves++;
        t->stats.moved_us = now_us;
    }
    t->selected = (int)(pair - t->pairs);
    pair->due_us = now_us + CHECK_US;
}

/* A check of the node's, which it sends when the transport was moved to it. */
static void take_request(struct transport *t, const struct stun_message *message,
                         const struct sockaddr_in *from)
{
    uint8_t out[STUN_BUILD_MAX];
    struct net_addr mapped = {.port = ntohs(from->sin_port), .family = NET_V4};
    if (stun_check_integrity(message, t->pwd) != 0) {
        t->stats.rejected++;
        return;
    }
    memcpy(mapped.ip, &from->sin_addr, 4);
    send_to(t, from, out, stun_build_success(out, message->transaction, &mapped, t->pwd));
}

static void take_stun(struct transport *t, int64_t now_us, const uint8_t *data, size_t len,
                      const struct sockaddr_in *from)
{
    struct stun_message message;
    if (stun_parse(&message, data, len) != 0) {
        t->stats.rejected++;
    } else if (message.kind == STUN_SUCCESS) {
        take_success(t, now_us, &message, from);
    } else if (message.kind == STUN_REQUEST) {
        take_request(t, &message, from);
    } else if (message.kind == STUN_ERROR) {
        t->stats.rejected++;
    }
}

/* ---- DTLS ------------------------------------------------------------------------------------ */

static void flush_dtls(struct transport *t)
{
    uint8_t *bytes;
    size_t len;
    while ((bytes = dtls_client_output(t->dtls, &len)) != NULL) {
        send_selected(t, bytes, len);
        free(bytes);
    }
    while ((bytes = dtls_client_plain(t->dtls, &len)) != NULL) {
        free(bytes); /* SCTP, which nobody asked for */
    }
}

/* RFC 5764 §4.2: both keys, then both salts, the client's first. */
static void take_keys(struct transport *t)
{
    uint8_t material[2 * (KEY_LEN + SALT_LEN)];
    uint8_t client[KEY_LEN + SALT_LEN];
    uint8_t server[KEY_LEN + SALT_LEN];
    if (!dtls_client_peer_is(t->dtls, t->remote.fingerprint)) {
        fail(t, "the certificate is not the one of the answer");
        return;
    }
    if (strcmp(dtls_client_profile(t->dtls), PROFILE) != 0) {
        fail(t, "no SRTP profile was agreed on");
        return;
    }
    dtls_client_export(t->dtls, material, sizeof(material));
    memcpy(client, material, KEY_LEN);
    memcpy(server, material + KEY_LEN, KEY_LEN);
    memcpy(client + KEY_LEN, material + 2 * KEY_LEN, SALT_LEN);
    memcpy(server + KEY_LEN, material + 2 * KEY_LEN + SALT_LEN, SALT_LEN);
    const struct rtpsec_config config = {.suite = RTPSEC_AES_128_GCM,
                                         .receive_key = {server, sizeof(server)},
                                         .send_key = {client, sizeof(client)}};
    if (rtpsec_new(&t->sec, &config) != 0) {
        fail(t, "no SRTP session");
    }
}

static void run_dtls(struct transport *t)
{
    flush_dtls(t);
    if (dtls_client_alert(t->dtls) >= 0) {
        char reason[64];
        snprintf(reason, sizeof(reason), "DTLS alert %d", dtls_client_alert(t->dtls));
        fail(t, reason);
    } else if (t->sec == NULL && dtls_client_connected(t->dtls)) {
        take_keys(t);
    }
}

void transport_tick(struct transport *t, int64_t now_us)
{
    if (t->fd < 0 || t->failure[0] != '\0') {
        return;
    }
    check_pairs(t, now_us);
    if (t->sec != NULL) {
        return;
    }
    if (t->selected >= 0 && !t->started) {
        t->started = true;
        dtls_client_start(t->dtls);
    } else if (t->started) {
        dtls_client_expire(t->dtls);
    }
    run_dtls(t);
    if (now_us - t->opened_us > CONNECT_US) {
        fail(t, t->selected < 0 ? "the node does not answer ICE checks"
                                : "the DTLS handshake does not end");
    }
}

/* ---- Receiving ------------------------------------------------------------------------------- */

struct transport_batch {
    struct mmsghdr messages[BATCH];
    struct iovec bytes[BATCH];
    struct sockaddr_in from[BATCH];
    _Alignas(struct cmsghdr) uint8_t control[BATCH][64];
    _Alignas(64) uint8_t data[BATCH][DATAGRAM];
};

struct transport_batch *transport_batch_new(void)
{
    return mem_alloc(sizeof(struct transport_batch));
}

void transport_batch_free(struct transport_batch *batch)
{
    free(batch);
}

static int64_t clock_ns(clockid_t id)
{
    struct timespec now;
    (void)clock_gettime(id, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static int read_batch(struct transport_batch *batch, int fd)
{
    for (size_t i = 0; i < BATCH; i++) {
        batch->bytes[i] = (struct iovec){batch->data[i], DATAGRAM};
        batch->messages[i].msg_hdr = (struct msghdr){.msg_name = &batch->from[i],
                                                     .msg_namelen = sizeof(batch->from[i]),
                                                     .msg_iov = &batch->bytes[i],
                                                     .msg_iovlen = 1,
                                                     .msg_control = batch->control[i],
                                                     .msg_controllen = sizeof(batch->control[i])};
    }
    return recvmmsg(fd, batch->messages, BATCH, 0, NULL);
}

/* When the kernel had it, of CLOCK_MONOTONIC; ahead_ns: of the real-time clock before that. */
static int64_t arrival_us(struct msghdr *message, int64_t ahead_ns, int64_t now_us)
{
    for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c != NULL; c = CMSG_NXTHDR(message, c)) {
        if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_TIMESTAMPNS) {
            struct timespec at;
            memcpy(&at, CMSG_DATA(c), sizeof(at));
            return ((int64_t)at.tv_sec * 1000000000 + at.tv_nsec - ahead_ns) / 1000;
        }
    }
    return now_us;
}

static void take_srtp(struct transport *t, uint8_t *data, size_t len, int64_t at_us)
{
    struct rtp_view packet;
    int err = t->sec == NULL ? ERR_STATE : rtpsec_unprotect_rtp(t->sec, data, &len);
    if (err == ERR_REPLAY) {
        t->stats.replayed++;
    } else if (err == 0 && rtp_parse(&packet, data, len) == 0) {
        t->handler.on_rtp(t->handler.arg, &packet, at_us);
    } else if (err != ERR_STATE) { /* before the keys are there it can't be told */
        t->stats.rejected++;
    }
}

static void take_srtcp(struct transport *t, uint8_t *data, size_t len, int64_t at_us)
{
    if (t->sec == NULL) {
        return;
    }
    if (rtpsec_unprotect_rtcp(t->sec, data, &len) == 0) {
        t->handler.on_rtcp(t->handler.arg, data, len, at_us);
    } else {
        t->stats.rejected++;
    }
}

static void take_datagram(struct transport *t, int64_t now_us, int64_t at_us, uint8_t *data,
                          size_t len, const struct sockaddr_in *from)
{
    switch (stun_classify(data, len)) {
    case PACKET_STUN:
        take_stun(t, now_us, data, len, from);
        break;
    case PACKET_DTLS:
        dtls_client_receive(t->dtls, data, len);
        run_dtls(t);
        break;
    case PACKET_RTP:
        if (!is_lost(t)) {
            take_srtp(t, data, len, at_us);
        }
        break;
    case PACKET_RTCP:
        take_srtcp(t, data, len, at_us);
        break;
    case PACKET_UNKNOWN:
        t->stats.rejected++;
        break;
    }
}

void transport_receive(struct transport *t, int64_t now_us, struct transport_batch *batch)
{
    int64_t ahead_ns = clock_ns(CLOCK_REALTIME) - clock_ns(CLOCK_MONOTONIC);
    for (int turn = 0; turn < BATCHES_MAX && t->failure[0] == '\0'; turn++) {
        int count = read_batch(batch, t->fd);
        for (int i = 0; i < count; i++) {
            int64_t at_us = arrival_us(&batch->messages[i].msg_hdr, ahead_ns, now_us);
            take_datagram(t, now_us, at_us, batch->data[i], batch->messages[i].msg_len,
                          &batch->from[i]);
        }
        if (count < BATCH) {
            break;
        }
    }
    if (t->selected >= 0 && !t->started) {
        transport_tick(t, now_us);
    }
}
