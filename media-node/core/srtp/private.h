/* SPDX-License-Identifier: Apache-2.0
 *
 * Private to this folder: the session behind the handle, and what its files ask of each other.
 */
#ifndef MEDIA_NODE_CORE_SRTP_PRIVATE_H
#define MEDIA_NODE_CORE_SRTP_PRIVATE_H

#include "common/base/openssl.h"

#include <openssl/evp.h>
#include <srtp2/srtp.h>

#include "media-node/core/srtp/srtp.h"

#define RTP_FIXED_LEN   12
#define RTCP_FIXED_LEN  8
#define GCM_IV_LEN      12
#define GCM_TAG_LEN     16
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
struct sealer {
    EVP_CIPHER_CTX *cipher;
    EVP_MAC_CTX *mac; /* AES_CM only */
    uint8_t salt[SALT_MAX];
};

/* An SSRC libsrtp2 has a stream for. */
struct source {
    uint32_t ssrc;
    bool rtp; /* an RTP packet of it authenticated, so its rollover counter is known */
};

struct rtpsec {
    enum rtpsec_suite suite;
    struct sealer rtp;
    struct sealer rtcp;
    uint32_t rtcp_index; /* next to be used */

    srtp_t receiver;                  /* NULL until the first packet arrives */
    srtp_policy_t policy;             /* of receiver; its key points to master */
    uint8_t master[RTPSEC_KEY_MAX];   /* receiving: libsrtp2 wants it for each stream added */
    struct session_keys receive_keys; /* of RTP, to find a rollover counter with */
    EVP_CIPHER_CTX *opener;           /* of rtpsec_open_rtp; NULL until its first packet */
    struct source *sources;           /* sorted by SSRC */
    size_t source_count;
    size_t source_cap;
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

/* stream.c: the index of this sequence number, marked as used. Errors of rtpsec_protect_rtp. */
int rtpsec_stream_take(struct rtpsec_stream *stream, uint16_t seq, bool again, uint64_t *index);
int rtpsec_stream_take_at(struct rtpsec_stream *stream, uint64_t index, bool again);

/* open.c */
void rtpsec_opener_fini(struct rtpsec *sec);

/* send.c */
int rtpsec_sealer_init(struct sealer *sealer, enum rtpsec_suite suite, const uint8_t *master,
                       enum key_use use);
void rtpsec_sealer_fini(struct sealer *sealer);

/* receive.c */
int rtpsec_receiver_init(struct rtpsec *sec, struct bytes master);
void rtpsec_receiver_fini(struct rtpsec *sec);

#endif
