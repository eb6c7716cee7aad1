/* SPDX-License-Identifier: Apache-2.0
 *
 * A small offer, and others made of it.
 */
#ifndef TESTS_UNIT_ORCHESTRATOR_SDP_OFFERS_H
#define TESTS_UNIT_ORCHESTRATOR_SDP_OFFERS_H

#include "orchestrator/core/sdp/sdp.h"

#define TRANSPORT                                                                                  \
    "a=ice-ufrag:abcd\r\n"                                                                         \
    "a=ice-pwd:0123456789012345678901\r\n"                                                         \
    "a=fingerprint:sha-256 " HASH_16 ":" HASH_16 "\r\n"                                            \
    "a=setup:actpass\r\n"
#define HASH_16 "00:11:22:33:44:55:66:77:88:99:aa:BB:cc:DD:ee:FF"

/* The smallest one with one of each kind. */
static const char base[] = "v=0\r\n"
                           "o=- 1 2 IN IP4 127.0.0.1\r\n"
                           "s=-\r\n"
                           "t=0 0\r\n"
                           "a=group:BUNDLE a v d\r\n" //
    TRANSPORT "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\n"
                           "a=mid:a\r\n"
                           "a=rtcp-mux\r\n"
                           "a=rtpmap:111 opus/48000/2\r\n"
                           "m=video 9 UDP/TLS/RTP/SAVPF 96 97\r\n"
                           "a=mid:v\r\n"
                           "a=sendonly\r\n"
                           "a=rtcp-mux\r\n"
                           "a=rtpmap:96 VP8/90000\r\n"
                           "a=rtpmap:97 rtx/90000\r\n"
                           "a=fmtp:97 apt=96\r\n"
                           "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\n"
                           "a=mid:d\r\n"
                           "a=sctp-port:5000\r\n";

/* base with the first `from` replaced by `to`. */
const char *edited(char out[8192], const char *from, const char *to);

/* Fails the test with the reason if it is refused. Free it with sdp_offer_free(). */
struct sdp_offer *parsed(const char *text);

#endif
