/* SPDX-License-Identifier: Apache-2.0
 *
 * What arrives goes through libsrtp2. We keep a list of the SSRCs it has streams for, for two
 * reasons: to bound them, since it would make one for every SSRC a client invents; and to see the
 * first RTP packet of each, whose rollover counter must be found before libsrtp2 may see it.
 */
#include "media-node/core/srtp/private.h"

#include <arpa/inet.h>
#include <stdlib.h>

static int error_of(srtp_err_status_t status)
{
    switch (status) {
    case srtp_err_status_ok:
        return 0;
    case srtp_err_status_auth_fail:
    case srtp_err_status_cipher_fail: /* the GCM of NSS says so */
    case srtp_err_status_no_ctx:
        return ERR_AUTH;
    case srtp_err_status_replay_fail:
        return ERR_REPLAY;
    case srtp_err_status_replay_old:
    case srtp_err_status_pkt_idx_old:
        return ERR_STALE;
    case srtp_err_status_bad_param:
    case srtp_err_status_parse_err:
        return ERR_INVALID;
    default:
        return ERR_CRYPTO;
    }
}

/* ---- Sources ------------------------------------------------------------------------------- */

/* The place of the first source whose SSRC is not below. */
static size_t lower_bound(const struct rtpsec *sec, uint32_t ssrc)
{
    size_t low = 0;
    size_t high = sec->source_count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (sec->sources[middle].ssrc < ssrc) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static struct source *find_source(struct rtpsec *sec, uint32_t ssrc)
{
    size_t at = lower_bound(sec, ssrc);
    return at < sec->source_count && sec->sources[at].ssrc == ssrc ? &sec->sources[at] : NULL;
}

static struct source *add_source(struct rtpsec *sec, uint32_t ssrc)
{
    assert(sec->source_count < RTPSEC_SOURCES_MAX);
    if (sec->source_count == sec->source_cap) {
        sec->source_cap = MAX(8, 2 * sec->source_cap);
        sec->sources = mem_grow(sec->sources, sec->source_cap, sizeof(*sec->sources));
    }
    size_t at = lower_bound(sec, ssrc);
    struct source *source = &sec->sources[at];
    memmove(source + 1, source, (sec->source_count - at) * sizeof(*source));
    *source = (struct source){.ssrc = ssrc};
    sec->source_count++;
    return source;
}

void rtpsec_forget(struct rtpsec *sec, uint32_t ssrc)
{
    struct source *source = find_source(sec, ssrc);
    if (source == NULL) {
        return;
    }
    /* The one call of libsrtp2 that wants network order. */
    (void)srtp_remove_stream(sec->receiver, htonl(ssrc));
    size_t at = (size_t)(source - sec->sources);
    memmove(source, source + 1, (sec->source_count - at - 1) * sizeof(*source));
    sec->source_count--;
}

/* ---- Packets ------------------------------------------------------------------------------- */

static void set_policies(enum rtpsec_suite suite, srtp_crypto_policy_t *rtp,
                         srtp_crypto_policy_t *rtcp)
{
    switch (suite) {
    case RTPSEC_AES_128_GCM:
        srtp_crypto_policy_set_aes_gcm_128_16_auth(rtp);
        srtp_crypto_policy_set_aes_gcm_128_16_auth(rtcp);
        return;
    case RTPSEC_AES_256_GCM:
        srtp_crypto_policy_set_aes_gcm_256_16_auth(rtp);
        srtp_crypto_policy_set_aes_gcm_256_16_auth(rtcp);
        return;
    case RTPSEC_AES_128_CM_SHA1_80:
        srtp_crypto_policy_set_rtp_default(rtp);
        srtp_crypto_policy_set_rtcp_default(rtcp);
        return;
    case RTPSEC_NONE:
        break;
    }
    unreachable();
}

/* With the first packet. */
static int open_receiver(struct rtpsec *sec)
{
    sec->policy = (srtp_policy_t){
        .ssrc = {.type = ssrc_any_inbound},
        .key = sec->master, /* libsrtp2, too, wants key then salt */
        .window_size = RTPSEC_REPLAY_WINDOW,
    };
    set_policies(sec->suite, &sec->policy.rtp, &sec->policy.rtcp);
    return error_of(srtp_create(&sec->receiver, &sec->policy));
}

/* Before the first RTP packet of a source: authenticates it, and tells libsrtp2 its rollover
 * counter. */
static int admit(struct rtpsec *sec, const uint8_t *packet, size_t len, bool has_stream)
{
    uint32_t ssrc = be32_get(packet + 8);
    uint32_t roc = 0;
    int err = rtpsec_find_roc(sec, packet, len, &roc);
    if (err == 0 && sec->receiver == NULL) {
        err = open_receiver(sec);
    }
    if (err != 0 || roc == 0) {
        return err; /* libsrtp2 begins at 0 by itself */
    }
    if (!has_stream) {
        srtp_policy_t policy = sec->policy;
        policy.ssrc = (srtp_ssrc_t){.type = ssrc_specific, .value = ssrc};
        err = error_of(srtp_add_stream(sec->receiver, &policy));
        if (err != 0) {
            return err;
        }
        add_source(sec, ssrc);
    }
    return error_of(srtp_set_stream_roc(sec->receiver, ssrc, roc));
}

int rtpsec_unprotect_rtp(struct rtpsec *sec, uint8_t *packet, size_t *len)
{
    if (*len < RTP_FIXED_LEN || *len > RTPSEC_PACKET_MAX) {
        return ERR_INVALID;
    }
    uint32_t ssrc = be32_get(packet + 8);
    struct source *source = find_source(sec, ssrc);
    if (source == NULL && sec->source_count == RTPSEC_SOURCES_MAX) {
        return ERR_FULL;
    }
    if (source == NULL || !source->rtp) {
        int err = admit(sec, packet, *len, source != NULL);
        if (err != 0) {
            return err;
        }
        source = find_source(sec, ssrc);
    }
    int n = (int)*len;
    int err = error_of(srtp_unprotect(sec->receiver, packet, &n));
    if (err != 0) {
        return err;
    }
    if (source == NULL) {
        source = add_source(sec, ssrc);
    }
    source->rtp = true;
    *len = (size_t)n;
    return 0;
}

int rtpsec_unprotect_rtcp(struct rtpsec *sec, uint8_t *packet, size_t *len)
{
    if (*len < RTCP_FIXED_LEN || *len > RTPSEC_PACKET_MAX) {
        return ERR_INVALID;
    }
    uint32_t ssrc = be32_get(packet + 4);
    bool known = find_source(sec, ssrc) != NULL;
    if (!known && sec->source_count == RTPSEC_SOURCES_MAX) {
        return ERR_FULL;
    }
    int err = sec->receiver == NULL ? open_receiver(sec) : 0;
    if (err != 0) {
        return err;
    }
    int n = (int)*len;
    err = error_of(srtp_unprotect_rtcp(sec->receiver, packet, &n));
    if (err != 0) {
        return err;
    }
    if (!known) {
        add_source(sec, ssrc);
    }
    *len = (size_t)n;
    return 0;
}

/* ---- Life ---------------------------------------------------------------------------------- */

int rtpsec_receiver_init(struct rtpsec *sec, struct bytes master)
{
    memcpy(sec->master, master.data, master.len);
    return rtpsec_derive_keys(sec->suite, sec->master, USE_RTP, &sec->receive_keys);
}

void rtpsec_receiver_fini(struct rtpsec *sec)
{
    if (sec->receiver != NULL) {
        (void)srtp_dealloc(sec->receiver);
    }
    free(sec->sources);
}
