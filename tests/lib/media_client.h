/* SPDX-License-Identifier: Apache-2.0
 *
 * A WebRTC client in memory, as far as a media node can tell: checks with STUN, answers checks,
 * sends VP8 and Opus under SRTP with fixed keys, repairs by RTX, and keeps account of what it gets.
 * Under virtual time; bytes come and go by the caller.
 */
#ifndef TESTS_LIB_MEDIA_CLIENT_H
#define TESTS_LIB_MEDIA_CLIENT_H

#include "common/base/base.h"
#include "common/net/net.h"
#include "media-node/core/peer/peer.h"

#define MEDIA_CLIENT_SOURCES  8
#define MEDIA_CLIENT_INCOMING 32
#define MEDIA_CLIENT_HISTORY  256
#define MEDIA_CLIENT_PACKET   1500

/* Payload types and extension ids every test uses. */
enum {
    MEDIA_OPUS = 111,
    MEDIA_VP8 = 96,
    MEDIA_VP8_RTX = 97,
    MEDIA_EXT_MID = 1,
    MEDIA_EXT_RID = 2,
    MEDIA_EXT_REPAIRED_RID = 3,
    MEDIA_EXT_TRANSPORT_CC = 4,
    MEDIA_EXT_AUDIO_LEVEL = 5,
    MEDIA_EXT_ABS_SEND_TIME = 6,
    MEDIA_EXT_DEPENDENCY = 7,
};
extern const struct rtp_ext_ids media_client_exts;

/* One outgoing SSRC. */
struct media_source {
    char mid[PEER_MID_MAX];
    char rid[PEER_RID_MAX];
    bool audio;
    bool on;       /* sends */
    bool no_exts;  /* leaves mid and rid out, as libwebrtc does after the first receiver report */
    uint8_t layer; /* written into the payload, so that receivers know it */
    uint8_t level; /* audio level in -dBov */
    uint64_t captured_ntp; /* by the publisher's clock, also in the payload; 0: not told */
    uint32_t ssrc;
    uint32_t rtx_ssrc;
    uint16_t seq;
    uint16_t rtx_seq;
    uint32_t ts;
    uint16_t picture;
    bool temporal; /* in three temporal layers: 0 2 1 2; else in one */
    unsigned since_key;
    uint8_t tl0;
    bool key_wanted;   /* the next frame is a key frame */
    int64_t due_us;    /* when the next packet leaves */
    unsigned plis;     /* received */
    unsigned nacked;   /* numbers asked for */
    uint16_t nack_seq; /* the last of these */
    struct rtpsec_stream stream;
    struct rtpsec_stream rtx_stream;
    struct {
        uint16_t seq;
        uint32_t ts;
        bool marker;
        uint8_t len;
        uint8_t payload[32];
    } history[MEDIA_CLIENT_HISTORY]; /* by seq */
};

/* One incoming SSRC. */
struct media_incoming {
    uint32_t ssrc;
    char mid[PEER_MID_MAX]; /* of its newest packet */
    uint8_t pt;
    uint8_t layer;      /* of the newest packet */
    bool layer_changed; /* by the newest packet */
    bool key;           /* the newest packet begins a key frame */
    uint16_t seq;       /* newest */
    uint32_t ts;
    uint16_t picture;
    uint8_t temporal;
    unsigned packets;
    unsigned pictures_skipped; /* ids that are not one above the last */
    unsigned gaps;             /* numbers skipped */
    unsigned repairs;          /* RTX packets: numbers that came in again */
    uint16_t repaired_seq;     /* the newest of these */
    unsigned reports;          /* sender reports */
    struct rtcp_sr report;     /* the last of these */
    uint64_t captured_ntp;     /* of the newest packet; 0: it does not tell */
    bool numbered;             /* carries a transport-cc number */
    int level;                 /* audio level in -dBov, -1 none */
};

struct media_client_config {
    struct net_addr addr;
    const char *ufrag;
    const char *pwd;
    const char *server_ufrag;
    const char *server_pwd;
    uint64_t seed; /* of keys and SSRCs */
};

/* Plain memory: tests look inside. */
struct media_client {
    struct media_client_config config;
    struct peer_keys keys; /* as the node is told them */
    struct rtpsec *sec;
    struct prng prng;
    uint32_t rtcp_ssrc;
    uint16_t cc_seq;
    uint8_t transaction;
    uint32_t priority; /* of its checks */
    struct media_source sources[MEDIA_CLIENT_SOURCES];
    size_t source_count;
    struct media_incoming incoming[MEDIA_CLIENT_INCOMING];
    size_t incoming_count;
    unsigned feedback;         /* transport-cc feedback packets received */
    unsigned reports;          /* report blocks received */
    unsigned checks;           /* STUN requests received */
    uint32_t check_priority;   /* of the last of these */
    unsigned answers;          /* STUN successes received */
    unsigned dtls;             /* DTLS datagrams received */
    unsigned bad;              /* datagrams that did not parse or authenticate */
    uint32_t server_rtcp_ssrc; /* sender of the last RTCP */
    bool numbered;             /* a transport-wide number came; the next two are valid */
    uint16_t numbered_seq;     /* newest */
    unsigned numbered_jumps;   /* times it was not the next one */
    uint32_t lose;             /* so many of the next incoming RTP packets are thrown away */
    uint16_t lost_seq;         /* the last of these */
};

struct media_client *media_client_new(const struct media_client_config *config);
void media_client_free(struct media_client *client);

/* Other keys from here on, as after a new handshake. */
void media_client_rekey(struct media_client *client, uint64_t seed);

/* Adds a source; what names no SSRC gets random ones. */
struct media_source *media_client_publish(struct media_client *client,
                                          const struct media_source *source);

/* These write one datagram to out (MEDIA_CLIENT_PACKET bytes) and return its length. */
size_t media_client_check(struct media_client *client, bool use_candidate, uint8_t *out);
/* The next packet: a VP8 frame of one packet, or 20 ms of Opus. */
size_t media_client_send(struct media_client *client, struct media_source *source, uint8_t *out);
/* The next number with nothing but so many bytes of padding, 1 or more. */
size_t media_client_pad(struct media_client *client, struct media_source *source, uint8_t padding,
                        uint8_t *out);
/* That number again, as RTX; 0 if it was never sent. */
size_t media_client_repair(struct media_client *client, struct media_source *source, uint16_t seq,
                           uint8_t *out);
/* RTCP: an empty receiver report, followed by what is not empty here. */
struct media_feedback {
    uint32_t nack_ssrc;
    uint16_t nack_seq;
    uint32_t pli_ssrc;
    uint64_t remb_bps;
    const struct media_source *sr; /* a sender report of this source */
    int64_t wall_us;               /* of the sender report */
    const struct rtcp_report *report;
};
size_t media_client_rtcp(struct media_client *client, const struct media_feedback *feedback,
                         uint8_t *out);

/* Takes a datagram. Returns the length of an answer in out (a STUN success), or 0. *changed is the
 * incoming SSRC if it was RTP that is not repair, else NULL. data is changed. */
size_t media_client_receive(struct media_client *client, uint8_t *data, size_t len, uint8_t *out,
                            struct media_incoming **changed);

/* The header extensions of an RTP packet as it came, encrypted or not; values stand in header.
 * Returns how much follows the header. */
size_t media_client_read_exts(struct rtp_exts *out, uint8_t header[MEDIA_CLIENT_PACKET],
                              const uint8_t *data, size_t len);

/* The incoming SSRC of a mid with the newest packets, or NULL. */
struct media_incoming *media_client_incoming(struct media_client *client, const char *mid);

#endif
