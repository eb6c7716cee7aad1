/* SPDX-License-Identifier: Apache-2.0 */
#include "media-node/core/srtp/srtp.h"

#include <stdlib.h>

#include "media-node/core/srtp/private.h"

void rtpsec_library_init(void)
{
    srtp_err_status_t status = srtp_init();
    assert(status == srtp_err_status_ok); /* its self-tests: a broken installation */
}

int rtpsec_new(struct rtpsec **out, const struct rtpsec_config *config)
{
    size_t key_len = rtpsec_key_len(config->suite);
    if (key_len == 0 || config->receive_key.len != key_len || config->send_key.len != key_len) {
        return ERR_INVALID;
    }
    struct rtpsec *sec = mem_alloc(sizeof(*sec));
    sec->suite = config->suite;
    int err = rtpsec_sealer_init(&sec->rtp, config->suite, config->send_key.data, USE_RTP);
    if (err == 0) {
        err = rtpsec_sealer_init(&sec->rtcp, config->suite, config->send_key.data, USE_RTCP);
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
    rtpsec_sealer_fini(&sec->rtp);
    rtpsec_sealer_fini(&sec->rtcp);
    rtpsec_receiver_fini(sec);
    rtpsec_opener_fini(sec);
    OPENSSL_cleanse(sec, sizeof(*sec));
    free(sec);
}
