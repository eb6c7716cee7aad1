/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/orchestrator/whip/offers.h"

#include "common/base/base.h"

#include <stdio.h>

#define TRANSPORT                                                                                  \
    "c=IN IP4 0.0.0.0\r\n"                                                                         \
    "a=ice-ufrag:" OFFER_UFRAG "\r\n"                                                              \
    "a=ice-pwd:0123456789abcdefghijkl\r\n"                                                         \
    "a=fingerprint:sha-256 00:01:02:03:04:05:06:07:08:09:0A:0B:0C:0D:0E:0F:"                       \
    "10:11:12:13:14:15:16:17:18:19:1A:1B:1C:1D:1E:1F\r\n"                                          \
    "a=setup:actpass\r\na=rtcp-mux\r\n"

#define OFFER_MAX 4096

char *offer_text(const char *audio, const char *video)
{
    char *text = mem_alloc(OFFER_MAX);
    size_t len = (size_t)snprintf(text, OFFER_MAX,
                                  "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n"
                                  "a=group:BUNDLE%s%s\r\n",
                                  audio == NULL ? "" : " 0", video == NULL ? "" : " 1");
    if (audio != NULL) {
        len += (size_t)snprintf(text + len, OFFER_MAX - len,
                                "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\n" TRANSPORT
                                "a=mid:0\r\na=%s\r\na=msid:obs sound\r\n"
                                "a=rtpmap:111 opus/48000/2\r\n"
                                "a=fmtp:111 minptime=10;stereo=1;useinbandfec=1\r\n",
                                audio);
    }
    if (video != NULL) {
        len += (size_t)snprintf(text + len, OFFER_MAX - len,
                                "m=video 9 UDP/TLS/RTP/SAVPF 96\r\n" TRANSPORT
                                "a=mid:1\r\na=%s\r\na=msid:obs picture\r\n"
                                "a=rtpmap:96 VP8/90000\r\n"
                                "a=rtcp-fb:96 nack\r\na=rtcp-fb:96 nack pli\r\n",
                                video);
    }
    return text;
}
