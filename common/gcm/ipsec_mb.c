/* SPDX-License-Identifier: Apache-2.0
 *
 * Without intel-ipsec-mb's jobs, whose lanes wait for each other: its functions for one message,
 * which the vector instructions of a single GCM fill.
 */
#include "common/gcm/gcm.h"

#include "common/base/openssl.h"

#include <intel-ipsec-mb.h>
#include <openssl/crypto.h>
#include <stdlib.h>

struct gcm {
    struct gcm_key_data key; /* aligned */
    bool is_256;
};

/* A table of functions for this processor, made with the first key and never freed. Its queues are
 * not used, so threads may share it. */
static IMB_MGR *manager;

static void make_manager(void)
{
    IMB_MGR *made = alloc_mb_mgr(0);
    if (made != NULL) {
        init_mb_mgr_auto(made, NULL);
    }
    if (made != NULL && (imb_get_errno(made) != 0 || (made->features & IMB_FEATURE_AESNI) == 0)) {
        free_mb_mgr(made);
        made = NULL;
    }
    manager = made;
}

static struct gcm *make(const uint8_t *key, size_t key_len, enum gcm_direction direction)
{
    (void)direction;
    struct gcm *gcm = aligned_alloc(_Alignof(struct gcm), sizeof(*gcm));
    if (gcm == NULL) {
        return NULL;
    }
    gcm->is_256 = key_len == 32;
    if (gcm->is_256) {
        IMB_AES256_GCM_PRE(manager, key, &gcm->key);
    } else {
        IMB_AES128_GCM_PRE(manager, key, &gcm->key);
    }
    return gcm;
}

static void wipe(struct gcm *gcm)
{
    if (gcm != NULL) {
        OPENSSL_cleanse(gcm, sizeof(*gcm));
        free(gcm);
    }
}

/* A part of a message; the library need not be asked for nothing. */
static void encrypt(const struct gcm *gcm, struct gcm_context_data *state, struct bytes in,
                    uint8_t *out)
{
    if (in.len > 0 && gcm->is_256) {
        IMB_AES256_GCM_ENC_UPDATE(manager, &gcm->key, state, out, in.data, in.len);
    } else if (in.len > 0) {
        IMB_AES128_GCM_ENC_UPDATE(manager, &gcm->key, state, out, in.data, in.len);
    }
}

static bool seal(struct gcm *gcm, const uint8_t iv[GCM_IV_LEN], struct bytes aad,
                 struct bytes prefix, struct bytes body, uint8_t *out)
{
    struct gcm_context_data state;
    uint8_t *tag = out + prefix.len + body.len;
    if (gcm->is_256) {
        IMB_AES256_GCM_INIT(manager, &gcm->key, &state, iv, aad.data, aad.len);
    } else {
        IMB_AES128_GCM_INIT(manager, &gcm->key, &state, iv, aad.data, aad.len);
    }
    encrypt(gcm, &state, prefix, out);
    encrypt(gcm, &state, body, out + prefix.len);
    if (gcm->is_256) {
        IMB_AES256_GCM_ENC_FINALIZE(manager, &gcm->key, &state, tag, GCM_TAG_LEN);
    } else {
        IMB_AES128_GCM_ENC_FINALIZE(manager, &gcm->key, &state, tag, GCM_TAG_LEN);
    }
    return true;
}

static bool open(struct gcm *gcm, const uint8_t iv[GCM_IV_LEN], struct bytes aad, uint8_t *text,
                 size_t len)
{
    struct gcm_context_data state;
    uint8_t tag[GCM_TAG_LEN];
    const struct gcm_key_data *key = &gcm->key;
    if (gcm->is_256) {
        IMB_AES256_GCM_DEC(manager, key, &state, text, text, len, iv, aad.data, aad.len, tag,
                           sizeof(tag));
    } else {
        IMB_AES128_GCM_DEC(manager, key, &state, text, text, len, iv, aad.data, aad.len, tag,
                           sizeof(tag));
    }
    return CRYPTO_memcmp(tag, text + len, sizeof(tag)) == 0;
}

const struct gcm_library *gcm_ipsec_mb(void)
{
    static const struct gcm_library library = {
        .name = "intel-ipsec-mb", .make = make, .free = wipe, .seal = seal, .open = open};
    static bool asked;
    if (!asked) {
        make_manager();
        asked = true;
    }
    return manager == NULL ? NULL : &library;
}
