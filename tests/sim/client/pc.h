/* SPDX-License-Identifier: Apache-2.0
 *
 * A client's peer connection, as far as the media plane goes: ICE (full agent, controlling), the
 * model's DTLS with an association for data, one microphone whose packets say whose they are, and a
 * camera (video.h). Everything it receives goes through real SRTP.
 */
#ifndef TESTS_SIM_CLIENT_PC_H
#define TESTS_SIM_CLIENT_PC_H

#include "common/net/net.h"
#include "media-node/core/srtp/srtp.h"
#include "tests/bench/load/offer.h"
#include "tests/sim/assoc/assoc.h"
#include "tests/sim/client/video.h"
#include "tests/sim/net/net.h"

#define PC_PATHS_MAX 24
#define PC_TICK_US   TIME_MS(100) /* pc_tick() is called so often */
#define PC_LOST_US   TIME_S(12)   /* without an answer on the chosen path: libwebrtc's "failed" */

struct pc_path {
    struct net_addr remote;
    uint32_t priority;
    int64_t asked_us;    /* the last check */
    int64_t answered_us; /* 0: never */
    unsigned tries;      /* since the last answer */
};

struct pc {
    struct net_addr addr; /* new with every peer connection, and never used again */
    struct prng *prng;
    char ufrag[8], pwd[28];
    char fingerprint[3 * 32]; /* the server's, "" before an answer */
    char server_ufrag[OFFER_WORD_MAX], server_pwd[OFFER_WORD_MAX]; /* "": no answer yet */
    struct pc_path paths[PC_PATHS_MAX];
    size_t path_count;
    int chosen; /* -1: none */
    int64_t restarted_us;
    uint8_t transaction;
    int64_t hello_us;   /* the last one */
    struct rtpsec *sec; /* NULL: no keys yet */
    struct assoc assoc; /* begins with them */
    uint32_t rtcp_ssrc;
    bool publishing;
    char mid[12];        /* its section's number */
    uint8_t who;         /* written into every packet */
    unsigned talk_ticks; /* between two packets */
    struct rtpsec_stream stream;
    uint16_t seq;
    uint32_t ts;
    struct video video;
    unsigned ticks;
};

/* How it sends, whom it heard and saw, and what came over its data channel. */
struct pc_handler {
    void (*send)(void *arg, const struct net_addr *to, struct bytes datagram);
    void (*heard)(void *arg, uint8_t who);
    void (*seen)(void *arg, uint8_t who);
    void (*told)(void *arg, struct bytes message);
    void *arg;
};

/* prng is borrowed. */
void pc_init(struct pc *pc, const struct net_addr *addr, struct prng *prng, uint8_t who,
             int64_t talk_us);
void pc_fini(struct pc *pc);

bool pc_connected(const struct pc *pc);
/* It had a path, and has none that answers. */
bool pc_failed(const struct pc *pc, int64_t now_us);

/* True: from another front, so that its association is over. */
bool pc_answered(struct pc *pc, const struct answer *answer);
void pc_candidate(struct pc *pc, const struct answer_candidate *candidate);
/* New credentials, for the next offer. */
void pc_restart(struct pc *pc, int64_t now_us);
/* The microphone is on, in that section. */
void pc_publish(struct pc *pc, unsigned section);

/* Its association has begun. */
void pc_say(struct pc *pc, int64_t now_us, struct bytes message, const struct pc_handler *handler);

void pc_tick(struct pc *pc, int64_t now_us, const struct pc_handler *handler);
void pc_receive(struct pc *pc, int64_t now_us, const struct net_addr *from, struct bytes datagram,
                const struct pc_handler *handler);

/* ---- For video.c: under its keys, to its path. rtcp has RTPSEC_RTCP_OVERHEAD bytes more. */
void pc_send_rtp(struct pc *pc, struct rtpsec_stream *stream, const struct rtp_header *header,
                 struct bytes payload, const struct pc_handler *handler);
void pc_send_rtcp(struct pc *pc, uint8_t *rtcp, size_t len, const struct pc_handler *handler);

#endif
