/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/client/pc.h"

#include "media-node/core/rtp/rtcp.h"
#include "tests/lib/stun_client.h"
#include "tests/sim/process/orchestrator.h"

#include <arpa/inet.h>
#include <stdio.h>

#define CHECK_NEW_US    TIME_MS(200) /* between checks of a path that never answered */
#define CHECK_CHOSEN_US TIME_S(1)
#define CHECK_OTHER_US  TIME_S(5)
#define CHECKS_MAX      75        /* without an answer: 15 s */
#define STALE_US        TIME_S(3) /* a chosen path that answers nothing gives way to any other */
#define HELLO_US        TIME_S(1)
#define RTCP_TICKS      10
#define PACKET_MAGIC    0x53

/* Of those of every offer. */
static const struct rtp_ext_ids exts = {
    .id = {[RTP_EXT_AUDIO_LEVEL] = 1, [RTP_EXT_MID] = 4, [RTP_EXT_RID] = 10}};

static void new_credentials(struct pc *pc)
{
    struct random_source random = prng_source(pc->prng);
    id_chars(pc->ufrag, sizeof(pc->ufrag), &random);
    id_chars(pc->pwd, sizeof(pc->pwd), &random);
}

void pc_init(struct pc *pc, const struct net_addr *addr, struct prng *prng, uint8_t who,
             int64_t talk_us)
{
    *pc = (struct pc){.addr = *addr,
                      .prng = prng,
                      .chosen = -1,
                      .who = who,
                      .talk_ticks = (unsigned)(talk_us / PC_TICK_US)};
    new_credentials(pc);
    pc->rtcp_ssrc = (uint32_t)prng_next(prng);
    pc->seq = (uint16_t)prng_below(prng, 0x7000);
}

void pc_fini(struct pc *pc)
{
    assoc_end(&pc->assoc);
    if (pc->sec != NULL) {
        rtpsec_free(pc->sec);
        pc->sec = NULL;
    }
}

bool pc_connected(const struct pc *pc)
{
    return pc->sec != NULL;
}

bool pc_failed(const struct pc *pc, int64_t now_us)
{
    return pc->chosen >= 0 && now_us - pc->restarted_us > PC_LOST_US &&
           now_us - pc->paths[pc->chosen].answered_us > PC_LOST_US;
}

/* ---- Signalling ---------------------------------------------------------------------------- */

static struct pc_path *path_to(struct pc *pc, const struct net_addr *remote)
{
    for (size_t i = 0; i < pc->path_count; i++) {
        if (net_equal(&pc->paths[i].remote, remote)) {
            return &pc->paths[i];
        }
    }
    return NULL;
}

static struct pc_path *add_path(struct pc *pc, const struct net_addr *remote, uint32_t priority)
{
    struct pc_path *path = path_to(pc, remote);
    if (path == NULL) {
        size_t at = pc->path_count;
        if (at == PC_PATHS_MAX) { /* the oldest goes */
            memmove(&pc->paths[0], &pc->paths[1], (PC_PATHS_MAX - 1) * sizeof(pc->paths[0]));
            pc->chosen = pc->chosen <= 0 ? -1 : pc->chosen - 1;
            at--;
        }
        path = &pc->paths[at];
        *path = (struct pc_path){.remote = *remote};
        pc->path_count = at + 1;
    }
    path->priority = MAX(path->priority, priority);
    path->tries = 0;
    return path;
}

void pc_candidate(struct pc *pc, const struct answer_candidate *candidate)
{
    struct net_addr remote = {.port = ntohs(candidate->addr.sin_port), .family = NET_V4};
    memcpy(remote.ip, &candidate->addr.sin_addr, 4);
    add_path(pc, &remote, candidate->priority);
}

/* Another front: DTLS begins anew, and with it every rollover counter. */
static bool take_fingerprint(struct pc *pc, const char *fingerprint)
{
    bool anew =
        pc->fingerprint[0] != '\0' && strcmp(pc->fingerprint, fingerprint) != 0 && pc->sec != NULL;
    if (anew) {
        pc_fini(pc);
        pc->hello_us = 0;
        rtpsec_stream_init(&pc->stream, pc->stream.ssrc);
        video_rekeyed(&pc->video);
    }
    snprintf(pc->fingerprint, sizeof(pc->fingerprint), "%s", fingerprint);
    return anew;
}

bool pc_answered(struct pc *pc, const struct answer *answer)
{
    bool anew = take_fingerprint(pc, answer->fingerprint);
    snprintf(pc->server_ufrag, sizeof(pc->server_ufrag), "%s", answer->ufrag);
    snprintf(pc->server_pwd, sizeof(pc->server_pwd), "%s", answer->pwd);
    for (size_t i = 0; i < answer->candidate_count; i++) {
        pc_candidate(pc, &answer->candidates[i]);
    }
    return anew;
}

void pc_restart(struct pc *pc, int64_t now_us)
{
    pc->restarted_us = now_us;
    new_credentials(pc);
    pc->server_ufrag[0] = '\0';
}

void pc_publish(struct pc *pc, unsigned section)
{
    if (!pc->publishing) {
        pc->publishing = true;
        rtpsec_stream_init(&pc->stream, (uint32_t)prng_next(pc->prng) | 1);
    }
    snprintf(pc->mid, sizeof(pc->mid), "%u", section);
}

/* ---- Sending ------------------------------------------------------------------------------- */

static void check(struct pc *pc, int64_t now_us, struct pc_path *path,
                  const struct pc_handler *handler)
{
    uint8_t out[STUN_BUILD_MAX];
    const struct stun_client_check request = {
        .server_ufrag = pc->server_ufrag,
        .client_ufrag = pc->ufrag,
        .server_pwd = pc->server_pwd,
        .priority = 1000000,
        .transaction = pc->transaction++,
        .use_candidate = pc->chosen >= 0 && path == &pc->paths[pc->chosen],
    };
    path->asked_us = now_us;
    path->tries++;
    size_t len = stun_client_request(out, &request);
    handler->send(handler->arg, &path->remote, (struct bytes){out, len});
}

static void check_paths(struct pc *pc, int64_t now_us, const struct pc_handler *handler)
{
    if (pc->server_ufrag[0] == '\0') {
        return; /* the answer is to come */
    }
    for (size_t i = 0; i < pc->path_count; i++) {
        struct pc_path *path = &pc->paths[i];
        int64_t wait_us = (int)i == pc->chosen     ? CHECK_CHOSEN_US
                          : path->answered_us == 0 ? CHECK_NEW_US
                                                   : CHECK_OTHER_US;
        if (now_us - path->asked_us >= wait_us && path->tries < CHECKS_MAX) {
            check(pc, now_us, path, handler);
        }
    }
}

static void say_hello(struct pc *pc, int64_t now_us, const struct pc_handler *handler)
{
    static const uint8_t hello[2] = {SIM_DTLS, 'H'};
    if (now_us - pc->hello_us >= HELLO_US) {
        pc->hello_us = now_us;
        handler->send(handler->arg, &pc->paths[pc->chosen].remote,
                      (struct bytes){hello, sizeof(hello)});
    }
}

void pc_send_rtp(struct pc *pc, struct rtpsec_stream *stream, const struct rtp_header *header,
                 struct bytes payload, const struct pc_handler *handler)
{
    uint8_t out[RTP_HEADER_OUT_MAX + 64];
    struct rtp_header_out where;
    int err = rtp_header_write(out, header, &exts, &where);
    assert(err == 0);
    const struct rtpsec_packet packet = {.header_len = where.len, .body = payload};
    int sealed = rtpsec_protect_rtp(pc->sec, stream, &packet, out);
    assert(sealed > 0);
    handler->send(handler->arg, &pc->paths[pc->chosen].remote, (struct bytes){out, (size_t)sealed});
}

static void send_rtp(struct pc *pc, const struct pc_handler *handler)
{
    uint8_t level = 20;
    const uint8_t payload[4] = {PACKET_MAGIC, pc->who, (uint8_t)(pc->seq >> 8), (uint8_t)pc->seq};
    struct rtp_header header = {
        .ts = pc->ts, .ssrc = pc->stream.ssrc, .seq = pc->seq++, .pt = OFFER_OPUS};
    header.exts.value[RTP_EXT_MID] = (struct bytes){(const uint8_t *)pc->mid, strlen(pc->mid)};
    header.exts.value[RTP_EXT_AUDIO_LEVEL] = (struct bytes){&level, 1};
    pc->ts += (uint32_t)(48 * pc->talk_ticks * PC_TICK_US / 1000);
    pc_send_rtp(pc, &pc->stream, &header, (struct bytes){payload, sizeof(payload)}, handler);
}

void pc_send_rtcp(struct pc *pc, uint8_t *rtcp, size_t len, const struct pc_handler *handler)
{
    int err = rtpsec_protect_rtcp(pc->sec, rtcp, &len);
    assert(err == 0);
    handler->send(handler->arg, &pc->paths[pc->chosen].remote, (struct bytes){rtcp, len});
}

static void send_rtcp(struct pc *pc, const struct pc_handler *handler)
{
    uint8_t out[128];
    struct rtcp_writer writer = {.data = out, .cap = sizeof(out) - RTPSEC_RTCP_OVERHEAD};
    int err = rtcp_write_rr(&writer, pc->rtcp_ssrc, NULL, 0);
    assert(err == 0);
    pc_send_rtcp(pc, out, writer.len, handler);
}

/* ---- Data ---------------------------------------------------------------------------------- */

struct packet_way {
    const struct pc *pc;
    const struct pc_handler *handler;
};

static void send_packet(void *arg, struct bytes packet)
{
    const struct packet_way *way = arg;
    const struct pc *pc = way->pc;
    if (pc->chosen >= 0) {
        way->handler->send(way->handler->arg, &pc->paths[pc->chosen].remote, packet);
    }
}

static void told(void *arg, struct bytes message)
{
    const struct packet_way *way = arg;
    way->handler->told(way->handler->arg, message);
}

void pc_say(struct pc *pc, int64_t now_us, struct bytes message, const struct pc_handler *handler)
{
    struct packet_way way = {pc, handler};
    assoc_say(&pc->assoc, now_us, message, &(struct assoc_handler){send_packet, told, &way});
}

/* ---- Time ---------------------------------------------------------------------------------- */

void pc_tick(struct pc *pc, int64_t now_us, const struct pc_handler *handler)
{
    struct packet_way way = {pc, handler};
    pc->ticks++;
    check_paths(pc, now_us, handler);
    if (pc->chosen < 0) {
        return;
    }
    if (pc->sec == NULL) {
        say_hello(pc, now_us, handler);
        return;
    }
    assoc_tick(&pc->assoc, now_us, &(struct assoc_handler){send_packet, told, &way});
    if (pc->publishing && pc->ticks % pc->talk_ticks == 0) {
        send_rtp(pc, handler);
    }
    if (pc->video.on && pc->ticks % pc->talk_ticks == 0) {
        video_send(pc, handler);
    }
    if (pc->ticks % RTCP_TICKS == 0) {
        send_rtcp(pc, handler);
    }
}

/* ---- Receiving ----------------------------------------------------------------------------- */

static void choose(struct pc *pc, int64_t now_us, struct pc_path *path,
                   const struct pc_handler *handler)
{
    const struct pc_path *old = pc->chosen < 0 ? NULL : &pc->paths[pc->chosen];
    path->answered_us = now_us;
    path->tries = 0;
    if (path != old &&
        (old == NULL || path->priority > old->priority || now_us - old->answered_us > STALE_US)) {
        pc->chosen = (int)(path - pc->paths);
        check(pc, now_us, path, handler); /* nominates it */
    }
}

static void take_stun(struct pc *pc, int64_t now_us, const struct net_addr *from,
                      struct bytes datagram, const struct pc_handler *handler)
{
    struct stun_message message;
    uint8_t out[STUN_BUILD_MAX];
    struct pc_path *path = path_to(pc, from);
    if (stun_parse(&message, datagram.data, datagram.len) != 0) {
        return;
    }
    if (message.kind == STUN_SUCCESS && path != NULL) {
        choose(pc, now_us, path, handler);
    } else if (message.kind == STUN_REQUEST && stun_check_integrity(&message, pc->pwd) == 0) {
        size_t len = stun_build_success(out, message.transaction, from, pc->pwd);
        handler->send(handler->arg, from, (struct bytes){out, len});
        if (path == NULL) {
            path = add_path(pc, from, message.priority);
        }
        if (pc->server_ufrag[0] != '\0') { /* a triggered check, RFC 8445 7.3.1.4 */
            check(pc, now_us, path, handler);
        }
    }
}

static void take_keys(struct pc *pc, struct bytes flight)
{
    size_t len = SIM_DTLS_KEYS / 2;
    if (pc->sec != NULL || flight.len != 1 + SIM_DTLS_KEYS) {
        return;
    }
    const struct rtpsec_config config = {.suite = RTPSEC_AES_128_GCM,
                                         .send_key = {flight.data + 1, len},
                                         .receive_key = {flight.data + 1 + len, len}};
    int err = rtpsec_new(&pc->sec, &config);
    assert(err == 0);
    assoc_begin(&pc->assoc, sim_dtls_tag(flight.data + 1));
}

static void take_dtls(struct pc *pc, struct bytes datagram, const struct pc_handler *handler)
{
    struct packet_way way = {pc, handler};
    if (datagram.data[0] == ASSOC_FIRST_BYTE) {
        assoc_receive(&pc->assoc, datagram, &(struct assoc_handler){send_packet, told, &way});
    } else {
        take_keys(pc, datagram);
    }
}

static void take_rtp(struct pc *pc, int64_t now_us, struct bytes datagram,
                     const struct pc_handler *handler)
{
    uint8_t copy[RTP_PACKET_MAX];
    struct rtp_view view;
    size_t len = datagram.len;
    memcpy(copy, datagram.data, len);
    if (pc->sec == NULL || rtpsec_unprotect_rtp(pc->sec, copy, &len) != 0 ||
        rtp_parse(&view, copy, len) != 0) {
        return;
    }
    if (view.payload.len == 4 && view.payload.data[0] == PACKET_MAGIC) {
        handler->heard(handler->arg, view.payload.data[1]);
    } else {
        video_take(pc, now_us, &view, handler);
    }
}

/* Nothing else asks what it says. */
static void take_rtcp(struct pc *pc, struct bytes datagram)
{
    uint8_t copy[RTP_PACKET_MAX];
    size_t len = datagram.len;
    memcpy(copy, datagram.data, len);
    if (pc->video.on && pc->sec != NULL && rtpsec_unprotect_rtcp(pc->sec, copy, &len) == 0) {
        video_feedback(&pc->video, (struct bytes){copy, len});
    }
}

void pc_receive(struct pc *pc, int64_t now_us, const struct net_addr *from, struct bytes datagram,
                const struct pc_handler *handler)
{
    switch (stun_classify(datagram.data, datagram.len)) {
    case PACKET_STUN:
        take_stun(pc, now_us, from, datagram, handler);
        break;
    case PACKET_DTLS:
        take_dtls(pc, datagram, handler);
        break;
    case PACKET_RTP:
        take_rtp(pc, now_us, datagram, handler);
        break;
    case PACKET_RTCP:
        take_rtcp(pc, datagram);
        break;
    default:
        break;
    }
}
