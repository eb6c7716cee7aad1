/* SPDX-License-Identifier: Apache-2.0
 *
 * Any datagram at a transport with keys that nobody knows: never accepted, whichever suite, which
 * the first byte chooses.
 */
#include "media-node/core/srtp/srtp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static const uint8_t key[RTPSEC_KEY_MAX] = "not a secret, but unknown to the fuzzer";
    static struct rtpsec *secs[3];
    static uint8_t packet[RTPSEC_PACKET_MAX];
    if (secs[0] == NULL) {
        for (size_t i = 0; i < ARRAY_LEN(secs); i++) {
            enum rtpsec_suite suite = (enum rtpsec_suite)(RTPSEC_AES_128_GCM + i);
            struct bytes bytes = {key, rtpsec_key_len(suite)};
            struct rtpsec_config config = {suite, bytes, bytes};
            int err = rtpsec_new(&secs[i], &config);
            assert(err == 0);
        }
    }
    if (len == 0 || len - 1 > sizeof(packet)) {
        return 0;
    }
    struct rtpsec *sec = secs[data[0] % ARRAY_LEN(secs)];
    size_t n = len - 1;
    memcpy(packet, data + 1, n);
    assert(rtpsec_unprotect_rtp(sec, packet, &n) != 0);
    n = len - 1;
    memcpy(packet, data + 1, n);
    assert(rtpsec_unprotect_rtcp(sec, packet, &n) != 0);
    return 0;
}
