/* SPDX-License-Identifier: Apache-2.0
 *
 * The receiver of one VP8 stream as libwebrtc is one: it asks for what is missing, puts frames
 * together, decodes at once what all references have come of, and counts freezes as its statistics
 * do (totalFreezesDuration). Left out: the playout delay, which hides some of what is counted here.
 */
#ifndef TESTS_UNIT_MEDIA_NODE_NODE_DECODER_H
#define TESTS_UNIT_MEDIA_NODE_NODE_DECODER_H

#include "media-node/core/rtp/payload.h"
#include "media-node/core/rtp/rtp.h"

#define DECODER_PACKETS 2048
#define DECODER_DELAYS  30 /* between frames, of which the mean is taken */

struct decoder_packet {
    bool here;
    bool start;
    bool marker;
    uint32_t ts;
    uint64_t seq;
    struct rtp_vp8 vp8; /* valid of the first packet of a frame */
};

struct decoder_missing {
    bool wanted;
    unsigned tries;
    int64_t asked_us;
};

struct decoder {
    bool started;
    uint64_t newest;                                /* number, extended */
    uint64_t done;                                  /* behind the last packet of what was decoded */
    struct decoder_packet packets[DECODER_PACKETS]; /* by number */
    struct decoder_missing missing[DECODER_PACKETS];
    bool waits; /* for a key frame */
    uint8_t tl0;
    uint16_t picture;                 /* decoded last */
    int64_t shown_us;                 /* when that was; 0: none yet */
    unsigned shown;                   /* frames */
    unsigned delays;                  /* ever, */
    int64_t delay_us[DECODER_DELAYS]; /* the newest of them */
    int64_t asked_us;                 /* last, for a key frame */
    int64_t frozen_us;                /* in all */
};

/* A packet of the stream, whether it came as it is or as RTX: then the view is of what it repairs.
 */
void decoder_add(struct decoder *decoder, int64_t now_us, const struct rtp_view *view);

/* What is to be asked for now, at most max numbers. */
size_t decoder_missing(struct decoder *decoder, int64_t now_us, uint16_t *seqs, size_t max);

/* Whether a key frame is to be asked for now: nothing could be decoded for 3 s. */
bool decoder_asks(struct decoder *decoder, int64_t now_us);

/* What has been frozen until now, the gap that lasts still included. */
int64_t decoder_frozen_us(const struct decoder *decoder, int64_t now_us);

#endif
