/* SPDX-License-Identifier: Apache-2.0 */
#include "media-node/core/srtp/srtp.h"

#include <stdlib.h>

#include "media-node/core/srtp/private.h"

int rtpsec_new(struct rtpsec **out, const struct rtpsec_config *config)
{
    size_t key_len = rtpsec_key_len(config->suite);
    if (key_len == 0 || config->receive_key.len != key_len || config->send_key.len != key_len) {
        return ERR_INVALID;
    }
    struct rtpsec *sec = mem_alloc(sizeof(*sec));
    sec->suite = config->suite;
    int err = rtpsec_transform_init(&sec->send_rtp, config->suite, config->send_key.data, USE_RTP,
                                    GCM_SEAL);
    if (err == 0) {
        err = rtpsec_transform_init(&sec->send_rtcp, config->suite, config->send_key.data, USE_RTCP,
                                    GCM_SEAL);
    }
    if (err == 0) {
        err = rtpsec_receiver_init(sec, config->receive_key);
    }
    if (err != 0) {
        rtpsec_free(sec);
        return err;
    }
    *out = sec;
    return 0;
}

void rtpsec_free(struct rtpsec *sec)
{
    rtpsec_transform_fini(&sec->send_rtp);
    rtpsec_transform_fini(&sec->send_rtcp);
    rtpsec_receiver_fini(sec);
    OPENSSL_cleanse(sec, sizeof(*sec));
    free(sec);
}
