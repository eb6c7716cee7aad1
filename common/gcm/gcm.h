/* SPDX-License-Identifier: Apache-2.0
 *
 * AES-GCM (NIST SP 800-38D) with key schedules that are kept, IVs of 96 bits and tags of 128. Two
 * libraries make it, with the same bytes: on x86-64 intel-ipsec-mb, which takes a quarter of
 * OpenSSL's time for a packet (decisions/0015), everywhere else, and on processors without AES
 * instructions, OpenSSL.
 */
#ifndef COMMON_GCM_GCM_H
#define COMMON_GCM_GCM_H

#include "common/base/base.h"

#define GCM_IV_LEN  12
#define GCM_TAG_LEN 16

struct gcm; /* one key, for one direction */
enum gcm_direction { GCM_OPEN, GCM_SEAL };

struct gcm_library {
    const char *name;
    /* key_len: 16 or 32. NULL: the library refused. free wipes the key; NULL is fine. */
    struct gcm *(*make)(const uint8_t *key, size_t key_len, enum gcm_direction direction);
    void (*free)(struct gcm *gcm);
    /* Writes prefix and body encrypted, and then the tag. The body may stand where it is written
     * to, behind an empty prefix; aad may stand before it. False: the library refused. */
    bool (*seal)(struct gcm *gcm, const uint8_t iv[GCM_IV_LEN], struct bytes aad,
                 struct bytes prefix, struct bytes body, uint8_t *out);
    /* Decrypts in place; the tag stands behind the text. False: it is not authentic, and the text
     * undefined. */
    bool (*open)(struct gcm *gcm, const uint8_t iv[GCM_IV_LEN], struct bytes aad, uint8_t *text,
                 size_t len);
};

extern const struct gcm_library gcm_openssl;
/* NULL: not for this processor. */
const struct gcm_library *gcm_ipsec_mb(void);

/* The faster one of those there are; the same for the whole life of the process. */
const struct gcm_library *gcm_library(void);

#endif
