/* SPDX-License-Identifier: Apache-2.0 */
#include "media-node/core/stun/stun.h"

#define RTP_FIXED_LEN  12
#define RTCP_FIXED_LEN 8

enum packet_kind stun_classify(const uint8_t *data, size_t len)
{
    if (len < 2) {
        return PACKET_UNKNOWN;
    }
    if (data[0] <= 3) {
        return PACKET_STUN;
    }
    if (data[0] >= 20 && data[0] <= 63) {
        return PACKET_DTLS;
    }
    if (data[0] >= 128 && data[0] <= 191) {
        /* RTCP types 192..223 are RTP payload types 64..95 with the marker set, which nobody may
         * use beside RTCP (RFC 5761 §4). */
        bool rtcp = data[1] >= 192 && data[1] <= 223;
        size_t len_min = rtcp ? RTCP_FIXED_LEN : RTP_FIXED_LEN;
        if (len >= len_min) {
            return rtcp ? PACKET_RTCP : PACKET_RTP;
        }
    }
    return PACKET_UNKNOWN;
}
