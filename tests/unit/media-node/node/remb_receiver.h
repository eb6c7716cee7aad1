/* SPDX-License-Identifier: Apache-2.0
 *
 * The receiver's side of draft-ietf-rmcat-gcc-02 §5 as libwebrtc and aiortc have it, with its
 * over-use simplified: a packet that waited for 60 ms, by its absolute send time. Its rate rises by
 * 8 % a second, up to 1.5 times what comes (of video, and without headers: libwebrtc's), and falls
 * to 0.85 of that; it is told (REMB) once a second and when it falls, at first after 5 s.
 */
#ifndef TESTS_UNIT_MEDIA_NODE_NODE_REMB_RECEIVER_H
#define TESTS_UNIT_MEDIA_NODE_NODE_REMB_RECEIVER_H

#include "common/base/base.h"

#define REMB_RECEIVER_BUCKETS 10 /* of 100 ms */

struct remb_receiver { /* all zero at first */
    int64_t first_us;
    int64_t least_us; /* one-way delay */
    int64_t over_us;  /* when it was last too long */
    int64_t step_us;
    int64_t told_us;
    uint32_t bytes[REMB_RECEIVER_BUCKETS];
    uint64_t bps;
    bool fell;
};

/* An RTP packet came, with the absolute send time in its header. */
void remb_receiver_add(struct remb_receiver *receiver, int64_t now_us, const uint8_t *data,
                       size_t len);

/* As often as may be. Whether *bps is to be told. */
bool remb_receiver_due(struct remb_receiver *receiver, int64_t now_us, uint64_t *bps);

#endif
