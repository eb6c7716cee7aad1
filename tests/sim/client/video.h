/* SPDX-License-Identifier: Apache-2.0
 *
 * A camera in three layers of VP8, and how others' are watched: whole frames of one packet, which
 * say whose they are. A key frame is made when one is asked for, and wanted again by whoever misses
 * a packet: nothing here asks for lost ones to be sent again.
 */
#ifndef TESTS_SIM_CLIENT_VIDEO_H
#define TESTS_SIM_CLIENT_VIDEO_H

#include "common/base/base.h"
#include "media-node/core/rtp/rtp.h"
#include "media-node/core/srtp/srtp.h"

#define VIDEO_LAYERS 3
#define VIDEO_PEOPLE 32

struct pc;
struct pc_handler;

struct video_layer {
    struct rtpsec_stream stream;
    uint16_t seq, picture;
    uint32_t ts;
    bool key_wanted;
};

/* Somebody's, as far as it can be decoded. */
struct video_view {
    uint32_t ssrc;
    uint16_t next; /* number of a packet */
    bool decodes;
    int64_t asked_us; /* for a key frame, last */
};

/* Zero-initialised: no camera is on, and nobody's is seen. */
struct video {
    bool on;
    char mid[12];
    struct video_layer layers[VIDEO_LAYERS];
    struct video_view views[VIDEO_PEOPLE];
};

/* It is on, in that section. */
void video_on(struct pc *pc, unsigned section);
/* Under new keys. */
void video_rekeyed(struct video *video);
/* A frame of each layer. */
void video_send(struct pc *pc, const struct pc_handler *handler);

/* A packet of somebody's camera. */
void video_take(struct pc *pc, int64_t now_us, const struct rtp_view *packet,
                const struct pc_handler *handler);
/* A compound of RTCP, in the clear. */
void video_feedback(struct video *video, struct bytes rtcp);

#endif
