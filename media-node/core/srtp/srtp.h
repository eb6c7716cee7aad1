/* SPDX-License-Identifier: Apache-2.0
 *
 * SRTP and SRTCP of one transport (RFC 3711, RFC 7714). Prefix rtpsec_, for libsrtp2, the
 * reference in tests, owns srtp_.
 *
 * Key schedules are kept (gcm.h for the GCM suites, OpenSSL for the other), because that costs a
 * quarter (fanout-limit.md): the payload is copied only by the cipher, and with GCM nothing is
 * allocated.
 * Any SSRC is received, with a replay window; what that needs is made when the first packet
 * arrives. An SSRC that first appears in the middle of its life (a client moved here) is accepted,
 * if its rollover counter is below RTPSEC_ROC_SEARCH: it is found by trial.
 *
 * The law of sending: no (key, SSRC, index) is ever used for two different packets. Per stream a
 * window of used indices enforces it; whoever continues an old stream must know its last index,
 * whoever does not takes a fresh SSRC.
 */
#ifndef MEDIA_NODE_CORE_SRTP_SRTP_H
#define MEDIA_NODE_CORE_SRTP_SRTP_H

#include "common/base/base.h"

#define RTPSEC_KEY_MAX       48   /* key and salt of the longest suite */
#define RTPSEC_PACKET_MAX    2048 /* longer ones are refused */
#define RTPSEC_RTP_OVERHEAD  16   /* bytes rtpsec_protect_rtp adds at most */
#define RTPSEC_RTCP_OVERHEAD 20   /* bytes rtpsec_protect_rtcp adds at most */
#define RTPSEC_REPLAY_WINDOW 1024 /* packets behind the newest, received */
#define RTPSEC_SEND_WINDOW   512  /* packets behind the newest that may still be sent first */
#define RTPSEC_SOURCES_MAX   512  /* SSRCs received at a time */
#define RTPSEC_ROC_SEARCH    1024 /* rollover counters tried for a new SSRC */
#define RTPSEC_ROC_SEARCH_CM 64   /* the same with AES-CM, where a trial costs more */

/* Numbers as in control.proto. */
enum rtpsec_suite {
    RTPSEC_NONE = 0,
    RTPSEC_AES_128_GCM = 1,
    RTPSEC_AES_256_GCM = 2,
    RTPSEC_AES_128_CM_SHA1_80 = 3
};

/* Bytes of master key and master salt together: 28, 44, 30. 0 for anything else. */
size_t rtpsec_key_len(enum rtpsec_suite suite);

struct rtpsec;

struct rtpsec_config {
    enum rtpsec_suite suite;
    struct bytes receive_key; /* master key then master salt: what the client encrypts with */
    struct bytes send_key;    /* what we encrypt with */
};

/* Keys are copied into key schedules, and wiped by rtpsec_free. ERR_INVALID: unknown suite or wrong
 * key length. ERR_CRYPTO: a library refused. */
MUST_CHECK int rtpsec_new(struct rtpsec **out, const struct rtpsec_config *config);
void rtpsec_free(struct rtpsec *sec);

/* ---- Receiving ----------------------------------------------------------------------------- */

/* Decrypts in place; *len shrinks. packet should be 4-byte aligned. ERR_AUTH (also for garbage),
 * ERR_REPLAY (seen before), ERR_STALE (older than the window), ERR_INVALID (no RTP), ERR_FULL
 * (RTPSEC_SOURCES_MAX of media), ERR_CRYPTO. After an error the bytes are undefined: drop the
 * packet. A source of reports alone gives way to a new one where there is no place, with its
 * replay window: who ends a stream may say so after it was forgotten, each time under another
 * SSRC. */
MUST_CHECK int rtpsec_unprotect_rtp(struct rtpsec *sec, uint8_t *packet, size_t *len);
MUST_CHECK int rtpsec_unprotect_rtcp(struct rtpsec *sec, uint8_t *packet, size_t *len);

/* The source is gone for good: frees its place. Its replay window goes too. */
void rtpsec_forget(struct rtpsec *sec, uint32_t ssrc);

/* ---- Receiving where the index is told -------------------------------------------------------
 * Between nodes the whole index of a packet travels with it, so nothing is guessed or searched, and
 * whoever receives keeps the window of his source himself. AES-GCM only. */

/* Which indices of one incoming SSRC were seen. All zero: none. */
struct rtpsec_window {
    uint64_t newest;
    bool started;
    uint64_t seen[RTPSEC_REPLAY_WINDOW / 64]; /* ring: bit (index % RTPSEC_REPLAY_WINDOW) */
};

/* Decrypts in place; *len shrinks. header_len: of the RTP header with CSRCs and extensions. The
 * window remembers the index if the packet authenticated. ERR_REPLAY, ERR_STALE (then nothing was
 * changed), ERR_AUTH, ERR_INVALID (too short), ERR_UNSUPPORTED (no GCM suite), ERR_CRYPTO. */
MUST_CHECK int rtpsec_open_rtp(struct rtpsec *sec, struct rtpsec_window *window, uint64_t index,
                               uint8_t *packet, size_t header_len, size_t *len);

/* ---- Sending ------------------------------------------------------------------------------- */

/* One outgoing SSRC, embedded in whoever sends it. */
struct rtpsec_stream {
    uint32_t ssrc;
    uint32_t roc;     /* rollover counter of seq_max */
    uint16_t seq_max; /* highest sequence number sent, in index order */
    bool started;
    uint64_t used[RTPSEC_SEND_WINDOW / 64]; /* ring: bit (index % RTPSEC_SEND_WINDOW) was sent */
};

/* A fresh SSRC. Its first sequence number should be below 2^15, so that a receiver that misses the
 * first packets does not guess the rollover counter wrong (RFC 3711 §3.3.1). */
void rtpsec_stream_init(struct rtpsec_stream *stream, uint32_t ssrc);

/* Continues a stream another holder has sent up to and including (roc, seq): all up to there counts
 * as used. */
void rtpsec_stream_resume(struct rtpsec_stream *stream, uint32_t ssrc, uint32_t roc, uint16_t seq);

/* After that: the last holder did not use this index, and never will. No effect outside the window.
 */
void rtpsec_stream_spare(struct rtpsec_stream *stream, uint64_t index);

/* Where to read a packet from. The header already stands at the start of out. */
struct rtpsec_packet {
    size_t header_len; /* RTP header with extensions, 12 or more: authenticated, not encrypted */
    struct bytes
        prefix; /* first payload bytes (RTX sequence number, rewritten descriptor); may be empty */
    struct bytes body; /* the rest of the payload, borrowed; must not overlap out */
    bool again;        /* a repetition, byte for byte, of a packet sent on this stream before */
};

/* Encrypts prefix and body to out + header_len, appends the tag, returns the length of all. out has
 * room for header, payload and RTPSEC_RTP_OVERHEAD; its header carries stream->ssrc (asserted) and
 * a sequence number within 2^15 of the newest. Errors, nothing was encrypted: ERR_REPLAY (this
 * index was used and again is false: a mistake of the caller, yet dropping one packet is a better
 * end than two packets under one nonce or a stopped node), ERR_STALE (more than RTPSEC_SEND_WINDOW
 * behind, or again for an index never sent), ERR_STATE (2^48 packets: the key is used up),
 * ERR_CRYPTO.
 *
 * again: the header must be the first one to the byte, the transport-cc value included. A
 * repetition on an RTX stream is a new packet of that stream, not one of these. */
MUST_CHECK int rtpsec_protect_rtp(struct rtpsec *sec, struct rtpsec_stream *stream,
                                  const struct rtpsec_packet *packet, uint8_t *out);

/* The same for a stream whose owner places every packet himself: its index, low 16 bits of which
 * stand in the header (asserted), instead of the one nearest to the newest. One stream must be sent
 * by this call alone. */
MUST_CHECK int rtpsec_seal_rtp(struct rtpsec *sec, struct rtpsec_stream *stream, uint64_t index,
                               const struct rtpsec_packet *packet, uint8_t *out);

/* Whether that index was sent and may be sent again; of one too old to tell, false. */
bool rtpsec_stream_used(const struct rtpsec_stream *stream, uint64_t index);

/* The newest index sent; the stream must have begun. */
static inline uint64_t rtpsec_stream_newest(const struct rtpsec_stream *stream)
{
    assert(stream->started);
    return (uint64_t)stream->roc << 16 | stream->seq_max;
}

/* Protects a compound packet in place; *len grows by up to RTPSEC_RTCP_OVERHEAD, for which there
 * must be room. The index counts per transport, from 0 with every rtpsec_new: so the sender SSRC of
 * the first packet in the compound must be one that no earlier holder of these keys used there.
 * ERR_INVALID: less than 8 bytes. ERR_STATE: 2^31 packets, the key is used up. ERR_CRYPTO. */
MUST_CHECK int rtpsec_protect_rtcp(struct rtpsec *sec, uint8_t *packet, size_t *len);

#endif
