/* SPDX-License-Identifier: Apache-2.0
 *
 * Private to this folder: the session behind the handle, and what its files ask of each other.
 */
#ifndef MEDIA_NODE_CORE_SRTP_PRIVATE_H
#define MEDIA_NODE_CORE_SRTP_PRIVATE_H

#include "common/base/openssl.h"

#include <openssl/evp.h>

#include "common/gcm/gcm.h"
#include "media-node/core/srtp/srtp.h"

#define RTP_FIXED_LEN   12
#define RTCP_FIXED_LEN  8
#define CM_IV_LEN       16
#define CM_TAG_LEN      10 /* SHA-1's 160 bits cut to 80 */
#define AUTH_KEY_LEN    20
#define SALT_MAX        14
#define SESSION_KEY_MAX 32
#define INDEX_WORD_LEN  4          /* behind SRTCP: E bit and index */
#define INDEX_E         0x80000000 /* "encrypted" (RFC 3711 §3.4) */

/* What RFC 3711 §4.3 derives from one master key for RTP, or for RTCP. */
struct session_keys {
    uint8_t cipher[SESSION_KEY_MAX];
    uint8_t auth[AUTH_KEY_LEN];
    uint8_t salt[SALT_MAX];
};

/* Kept contexts: their keys are scheduled, each packet only sets its IV. */
struct transform {
    bool begun;
    struct gcm *gcm;        /* of gcm_library() */
    EVP_CIPHER_CTX *cipher; /* AES_CM, as is mac */
    EVP_MAC_CTX *mac;
    uint8_t salt[SALT_MAX];
};

/* An SSRC of which something authenticated came. */
struct source {
    uint32_t ssrc;
    struct rtpsec_window rtp; /* by rollover counter and sequence number */
    struct rtpsec_window rtcp;
    uint64_t heard_at; /* the count of packets by then */
};

struct rtpsec {
    enum rtpsec_suite suite;
    struct transform send_rtp;
    struct transform send_rtcp;
    uint32_t rtcp_index; /* next to be used */

    struct transform receive_rtp; /* begun with the first packet */
    struct transform receive_rtcp;
    uint8_t master[RTPSEC_KEY_MAX];   /* receiving */
    struct session_keys receive_keys; /* of RTP, to find a rollover counter with */
    struct source **sources;          /* sorted by SSRC */
    size_t source_count;
    size_t source_cap;
    uint64_t heard; /* packets that authenticated */
};

static inline bool is_gcm(enum rtpsec_suite suite)
{
    return suite != RTPSEC_AES_128_CM_SHA1_80;
}

/* keys.c */
enum key_use { USE_RTP = 0, USE_RTCP = 3 }; /* the first of its three labels */
size_t rtpsec_cipher_key_len(enum rtpsec_suite suite);
const EVP_CIPHER *rtpsec_cipher_of(enum rtpsec_suite suite);
int rtpsec_derive_keys(enum rtpsec_suite suite, const uint8_t *master, enum key_use use,
                       struct session_keys *out);
EVP_MAC_CTX *rtpsec_hmac_new(const uint8_t key[AUTH_KEY_LEN]);
void rtpsec_gcm_rtp_iv(uint8_t iv[GCM_IV_LEN], const uint8_t *salt, uint32_t ssrc, uint64_t index);
void rtpsec_gcm_rtcp_iv(uint8_t iv[GCM_IV_LEN], const uint8_t *salt, uint32_t ssrc, uint32_t index);
void rtpsec_cm_iv(uint8_t iv[CM_IV_LEN], const uint8_t *salt, uint32_t ssrc, uint64_t index);

/* roc.c: the rollover counter under which this RTP packet authenticates. ERR_AUTH if none does. */
int rtpsec_find_roc(const struct rtpsec *sec, const uint8_t *packet, size_t len, uint32_t *roc);
/* Where the payload begins, or 0 if the header is not whole. */
size_t rtpsec_header_len(const uint8_t *packet, size_t len);

/* stream.c: the index of this sequence number, marked as used. Errors of rtpsec_protect_rtp. */
int rtpsec_stream_take(struct rtpsec_stream *stream, uint16_t seq, bool again, uint64_t *index);
int rtpsec_stream_take_at(struct rtpsec_stream *stream, uint64_t index, bool again);

/* transform.c */
int rtpsec_transform_init(struct transform *t, enum rtpsec_suite suite, const uint8_t *master,
                          enum key_use use, enum gcm_direction direction);
void rtpsec_transform_fini(struct transform *t);
/* HMAC-SHA1 over both, cut to CM_TAG_LEN. */
bool rtpsec_cm_tag(EVP_MAC_CTX *mac, struct bytes packet, struct bytes suffix,
                   uint8_t tag[CM_TAG_LEN]);

/* window.c: 0, ERR_REPLAY, ERR_STALE. */
int rtpsec_window_check(const struct rtpsec_window *window, uint64_t index);
void rtpsec_window_mark(struct rtpsec_window *window, uint64_t index);

/* open.c: decrypt in place if the packet authenticates under that index; *len shrinks. */
int rtpsec_rtp_open_at(struct rtpsec *sec, uint64_t index, uint8_t *packet, size_t header_len,
                       size_t *len);
int rtpsec_rtcp_open_at(struct rtpsec *sec, uint32_t index, uint8_t *packet, size_t *len);
/* The index that the packet says it has. ERR_AUTH: it is too short, or in the clear. */
int rtpsec_rtcp_index(const struct rtpsec *sec, const uint8_t *packet, size_t len, uint32_t *index);

/* receive.c */
int rtpsec_receiver_init(struct rtpsec *sec, struct bytes master);
void rtpsec_receiver_fini(struct rtpsec *sec);

#endif
