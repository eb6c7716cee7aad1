/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/bench/crowd.h"

#include "media-node/core/stun/stun.h"
#include "orchestrator/shell/sctp/sctp.h"
#include "proto/gen/client.pb-c.h"
#include "proto/wire/wire.h"
#include "tests/bench/bench.h"
#include "tests/lib/dtls_client.h"
#include "tests/lib/join_request.h"
#include "tests/lib/stun_client.h"
#include "tests/lib/ws_client.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define JOIN_US     TIME_S(10)
#define RESEND_US   TIME_MS(100) /* a check that is not answered */
#define CHECK_US    TIME_MS(2500)
#define PING_US     TIME_S(5)
#define CREDENTIAL  64
#define DATAGRAM    2048
#define EVENTS      64
#define FINGERPRINT 95         /* characters of SHA-256 in SDP */
#define PRIORITY    0x6e7f1eff /* of a peer-reflexive candidate, as browsers have it */

static const struct orch_sctp_channel channels[] = {
    {.stream = 0, .label = "_lossy", .reliability = ORCH_SCTP_RETRANSMITS},
    {.stream = 2, .label = "_reliable", .ordered = true},
    {.stream = 4, .label = "_data_track", .reliability = ORCH_SCTP_RETRANSMITS},
};

struct participant {
    struct ws_client *ws;
    int udp; /* -1 before the answer */
    struct dtls_client *dtls;
    struct orch_sctp *sctp; /* NULL before DTLS is connected */
    char server_ufrag[CREDENTIAL];
    char server_pwd[CREDENTIAL];
    uint8_t transaction;
    bool checked;
    bool opened; /* the channels were */
};

struct crowd {
    struct crowd_config config;
    char client_ufrag[CREDENTIAL]; /* of the offer: the same for everybody */
    struct orch_sctp_stack *stack;
    int epoll;
    struct participant *participants;
    size_t count;
    size_t joined; /* of these, kept alive in turn */
    size_t next_check;
    size_t next_ping;
    int64_t check_us; /* when the next one is due */
    int64_t ping_us;
};

/* ---- SDP ------------------------------------------------------------------------------------- */

/* The value behind the first name, up to the end of its line. */
static void sdp_value(const char *sdp, const char *name, char out[CREDENTIAL])
{
    const char *at = strstr(sdp, name);
    if (at == NULL) {
        bench_fail("no %s in the SDP", name);
    }
    at += strlen(name);
    snprintf(out, CREDENTIAL, "%.*s", (int)strcspn(at, "\r\n"), at);
}

static uint16_t sdp_udp_port(const char *sdp)
{
    const char *at = strstr(sdp, "a=candidate:");
    unsigned port;
    while (at != NULL && sscanf(at, "a=candidate:%*s 1 udp %*u 127.0.0.1 %u", &port) != 1) {
        at = strstr(at + 1, "a=candidate:");
    }
    if (at == NULL) {
        bench_fail("no candidate in the answer");
    }
    return (uint16_t)port;
}

static char *own_offer(const struct crowd *crowd, const struct participant *p)
{
    static const char name[] = "a=fingerprint:sha-256 ";
    char *sdp = mem_str(crowd->config.offer);
    for (char *at = sdp; (at = strstr(at, name)) != NULL;) {
        at += strlen(name);
        memcpy(at, dtls_client_fingerprint(p->dtls), FINGERPRINT);
    }
    return sdp;
}

/* ---- Joining --------------------------------------------------------------------------------- */

static void open_ws(struct crowd *crowd, struct participant *p, size_t number)
{
    const struct sockaddr_in addr = {.sin_family = AF_INET,
                                     .sin_port = htons(crowd->config.port),
                                     .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    char room[32];
    char identity[32];
    snprintf(room, sizeof(room), "room-%zu", number / crowd->config.room_size);
    snprintf(identity, sizeof(identity), "idle-%zu", number);
    char *offer = own_offer(crowd, p);
    const struct join_request request = {.key = "devkey",
                                         .secret = "secret",
                                         .room = room,
                                         .identity = identity,
                                         .offer = offer,
                                         .offer_id = 1,
                                         .subscribe = true};
    char *target = join_request_target(&request, (int64_t)time(NULL));
    p->ws = ws_client_open(&addr, target);
    free(offer);
    free(target);
}

static void watch(struct crowd *crowd, int fd, uint32_t events, size_t number)
{
    struct epoll_event event = {.events = events, .data.u64 = number};
    if (epoll_ctl(crowd->epoll, EPOLL_CTL_ADD, fd, &event) != 0) {
        bench_fail("epoll: %s", strerror(errno));
    }
}

static void take_answer(struct crowd *crowd, struct participant *p, const char *sdp)
{
    struct sockaddr_in node = {.sin_family = AF_INET,
                               .sin_port = htons(sdp_udp_port(sdp)),
                               .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    sdp_value(sdp, "a=ice-ufrag:", p->server_ufrag);
    sdp_value(sdp, "a=ice-pwd:", p->server_pwd);
    p->udp = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (p->udp < 0 || connect(p->udp, (struct sockaddr *)&node, sizeof(node)) != 0) {
        bench_fail("no UDP socket: %s", strerror(errno));
    }
    watch(crowd, p->udp, EPOLLIN, (size_t)(p - crowd->participants));
}

static void take_signals(struct crowd *crowd, struct participant *p)
{
    struct bytes message;
    while (ws_client_receive(p->ws, &message)) {
        ProtobufCMessage *unpacked;
        if (wire_unpack(&livekit__signal_response__descriptor, message, &unpacked) != 0) {
            bench_fail("a signal that is none");
        }
        const Livekit__SignalResponse *signal = (const Livekit__SignalResponse *)unpacked;
        if (signal->message_case == LIVEKIT__SIGNAL_RESPONSE__MESSAGE_ANSWER && p->udp < 0) {
            take_answer(crowd, p, signal->answer->sdp);
        } else if (signal->message_case == LIVEKIT__SIGNAL_RESPONSE__MESSAGE_LEAVE) {
            bench_fail("told to leave, reason %d", (int)signal->leave->reason);
        }
        protobuf_c_message_free_unpacked(unpacked, NULL);
    }
    if (ws_client_failure(p->ws) != NULL) {
        bench_fail("WebSocket: %s", ws_client_failure(p->ws));
    }
}

/* ---- Transport ------------------------------------------------------------------------------- */

static void send_datagram(const struct participant *p, const void *data, size_t len)
{
    if (send(p->udp, data, len, 0) != (ssize_t)len) {
        bench_fail("UDP: %s", strerror(errno));
    }
}

static void send_check(const struct crowd *crowd, struct participant *p)
{
    uint8_t data[STUN_BUILD_MAX];
    const struct stun_client_check check = {.server_ufrag = p->server_ufrag,
                                            .client_ufrag = crowd->client_ufrag,
                                            .server_pwd = p->server_pwd,
                                            .priority = PRIORITY,
                                            .transaction = p->transaction++,
                                            .use_candidate = true};
    send_datagram(p, data, stun_client_request(data, &check));
}

static void send_ping(const struct participant *p)
{
    Livekit__Ping ping = LIVEKIT__PING__INIT;
    Livekit__SignalRequest request = LIVEKIT__SIGNAL_REQUEST__INIT;
    ping.timestamp = bench_now_us() / 1000;
    request.message_case = LIVEKIT__SIGNAL_REQUEST__MESSAGE_PING_REQ;
    request.ping_req = &ping;
    size_t len;
    uint8_t *packed = wire_pack(&request.base, &len);
    ws_client_send(p->ws, (struct bytes){packed, len});
    free(packed);
}

/* What SCTP and then DTLS have to send. */
static void flush(struct participant *p)
{
    if (p->sctp != NULL) {
        struct bytes views[DATAGRAMS_MAX];
        size_t count = datagrams_view(orch_sctp_packets(p->sctp), views);
        for (size_t i = 0; i < count; i++) {
            dtls_client_send(p->dtls, views[i].data, views[i].len);
        }
        datagrams_clear(orch_sctp_packets(p->sctp));
    }
    uint8_t *bytes;
    size_t len;
    while ((bytes = dtls_client_output(p->dtls, &len)) != NULL) {
        send_datagram(p, bytes, len);
        free(bytes);
    }
}

static void poll_sctp(struct participant *p)
{
    struct orch_sctp_out out;
    while (orch_sctp_poll(p->sctp, &out)) {
        if (out.kind == ORCH_SCTP_FAILED || out.kind == ORCH_SCTP_CLOSED) {
            bench_fail("SCTP ended");
        }
    }
    flush(p);
}

static void run_sctp(struct crowd *crowd, struct participant *p)
{
    int64_t now_us = bench_now_us();
    uint64_t number = (uint64_t)(p - crowd->participants);
    if (p->sctp == NULL && dtls_client_connected(p->dtls) &&
        (orch_sctp_new(&p->sctp, crowd->stack, number) != 0 ||
         orch_sctp_connect(p->sctp, now_us) != 0)) {
        bench_fail("no SCTP");
    }
    uint8_t *bytes;
    size_t len;
    while ((bytes = dtls_client_plain(p->dtls, &len)) != NULL) {
        orch_sctp_receive(p->sctp, now_us, (struct bytes){bytes, len});
        free(bytes);
    }
}

/* Until the association is up opening is refused: tried again with each packet. */
static void open_channels(struct participant *p)
{
    if (p->opened) {
        return;
    }
    for (size_t i = 0; i < ARRAY_LEN(channels); i++) {
        int err = orch_sctp_open(p->sctp, bench_now_us(), &channels[i]);
        if (err == ERR_STATE) {
            return;
        }
        if (err != 0) {
            bench_fail("%s: %s", channels[i].label, err_text(err));
        }
    }
    p->opened = true;
}

static void take_datagrams(struct crowd *crowd, struct participant *p)
{
    uint8_t data[DATAGRAM];
    ssize_t len;
    while ((len = recv(p->udp, data, sizeof(data), MSG_DONTWAIT)) > 0) {
        if (stun_classify(data, (size_t)len) == PACKET_STUN) {
            p->checked = true;
        } else if (stun_classify(data, (size_t)len) == PACKET_DTLS) {
            dtls_client_receive(p->dtls, data, (size_t)len);
            run_sctp(crowd, p);
        }
    }
    if (p->sctp != NULL) {
        poll_sctp(p); /* also learns that the association is up */
        open_channels(p);
    }
    flush(p);
}

/* ---- The crowd ------------------------------------------------------------------------------- */

static void run_timers(struct crowd *crowd)
{
    uint64_t number;
    orch_sctp_stack_expire(crowd->stack, bench_now_us());
    while (orch_sctp_stack_ready(crowd->stack, &number)) {
        poll_sctp(&crowd->participants[number]);
    }
}

/* Everybody in turn, so that there is never a burst. */
static void keep_alive(struct crowd *crowd)
{
    int64_t now_us = bench_now_us();
    while (crowd->joined > 0 && crowd->check_us <= now_us) {
        crowd->next_check = (crowd->next_check + 1) % crowd->joined;
        crowd->check_us += CHECK_US / (int64_t)crowd->joined;
        send_check(crowd, &crowd->participants[crowd->next_check]);
    }
    while (crowd->joined > 0 && crowd->ping_us <= now_us) {
        crowd->next_ping = (crowd->next_ping + 1) % crowd->joined;
        crowd->ping_us += PING_US / (int64_t)crowd->joined;
        send_ping(&crowd->participants[crowd->next_ping]);
    }
}

static void step(struct crowd *crowd, int wait_ms)
{
    struct epoll_event events[EVENTS];
    int count = epoll_wait(crowd->epoll, events, EVENTS, wait_ms);
    for (int i = 0; i < count; i++) {
        struct participant *p = &crowd->participants[events[i].data.u64];
        take_signals(crowd, p);
        if (p->udp >= 0) {
            take_datagrams(crowd, p);
        }
    }
    run_timers(crowd);
    keep_alive(crowd);
}

struct crowd *crowd_new(const struct crowd_config *config)
{
    struct crowd *crowd = mem_alloc(sizeof(*crowd));
    crowd->config = *config;
    crowd->participants = mem_array(config->size_max, sizeof(*crowd->participants));
    crowd->epoll = epoll_create1(EPOLL_CLOEXEC);
    crowd->check_us = crowd->ping_us = bench_now_us();
    sdp_value(config->offer, "a=ice-ufrag:", crowd->client_ufrag);
    orch_sctp_stack_new(&crowd->stack);
    return crowd;
}

void crowd_free(struct crowd *crowd)
{
    for (size_t i = 0; i < crowd->count; i++) {
        struct participant *p = &crowd->participants[i];
        orch_sctp_free(p->sctp);
        dtls_client_free(p->dtls);
        ws_client_close(p->ws);
        close(p->udp);
    }
    orch_sctp_stack_free(crowd->stack);
    close(crowd->epoll);
    free(crowd->participants);
    free(crowd);
}

/* A check until it is answered, then the ClientHello; DTLS repeats itself. */
static void advance(struct crowd *crowd, struct participant *p, int64_t *check_us, bool *hello)
{
    if (p->udp < 0) {
        return;
    }
    if (!p->checked && bench_now_us() >= *check_us) {
        send_check(crowd, p);
        *check_us = bench_now_us() + RESEND_US;
    }
    if (p->checked && !*hello) {
        *hello = true;
        dtls_client_start(p->dtls);
    }
    if (*hello) {
        dtls_client_expire(p->dtls);
    }
    flush(p);
}

void crowd_join(struct crowd *crowd)
{
    assert(crowd->count < crowd->config.size_max);
    size_t number = crowd->count++;
    struct participant *p = &crowd->participants[number];
    const struct dtls_client_config dtls = {.srtp_profiles = "SRTP_AEAD_AES_128_GCM"};
    p->udp = -1;
    p->dtls = dtls_client_new(&dtls);
    open_ws(crowd, p, number);
    watch(crowd, ws_client_fd(p->ws), EPOLLIN | EPOLLOUT | EPOLLET, number);
    take_signals(crowd, p);
    int64_t end_us = bench_now_us() + JOIN_US;
    int64_t check_us = 0;
    bool hello = false;
    while (!p->opened || orch_sctp_buffered(p->sctp) > 0) {
        if (bench_now_us() > end_us) {
            bench_fail("participant %zu does not get in: answer %d, ICE %d, DTLS %d, channels %d",
                       number, p->udp >= 0, p->checked, dtls_client_connected(p->dtls), p->opened);
        }
        advance(crowd, p, &check_us, &hello);
        step(crowd, 5);
    }
    crowd->joined++;
}

void crowd_run(struct crowd *crowd, int ms)
{
    int64_t end_us = bench_now_us() + TIME_MS(ms);
    while (bench_now_us() < end_us) {
        step(crowd, 5);
    }
}
