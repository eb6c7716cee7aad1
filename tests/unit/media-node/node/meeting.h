/* SPDX-License-Identifier: Apache-2.0
 *
 * A whole node with a publisher of three layers and sound, and a viewer behind a modelled
 * bottleneck that tells of what came as libwebrtc does; virtual time.
 *
 * BWE_TRACE=1 tells what happened, a line a second.
 */
#ifndef TESTS_UNIT_MEDIA_NODE_NODE_MEETING_H
#define TESTS_UNIT_MEDIA_NODE_NODE_MEETING_H

#include "media-node/core/node/node.h"
#include "tests/lib/media_client.h"
#include "tests/lib/svc_source.h"
#include "tests/link/link.h"
#include "tests/unit/media-node/node/decoder.h"
#include "tests/unit/media-node/node/remb_receiver.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define LAYERS      3
#define OTHER       3 /* the source of another video of one layer, which is silent at first */
#define SOURCES     4
#define VIDEO       1
#define AUDIO       2
#define OTHER_VIDEO 3
#define VIEWER_CC   20000 /* where the node is told to begin to number */

struct seen {
    unsigned packets;
    unsigned bytes;
    unsigned longest_us; /* between two packets */
};

/* What the viewer agreed on. */
enum meeting_feedback {
    MEETING_TRANSPORT_CC,
    MEETING_REMB,
    MEETING_REMB_WITHOUT_RTX,
};

/* A publisher as Chromium is one: 15 uneven pictures a second, whose layers come highest first;
 * asked for one key frame it makes one of each layer, after a while. */
struct meeting_encoder {
    bool chromium;
    int64_t slow_us;     /* a key frame takes from a quarter of that to all of it */
    int64_t key_us;      /* when the one that is being made is there; TIME_NEVER: none is */
    uint32_t percent;    /* size of this picture, of the mean */
    size_t owed[LAYERS]; /* bytes to be saved */
};

struct meeting {
    struct node *node;
    struct prng prng;
    int64_t now_us;
    struct media_client *publisher;
    struct media_client *viewer;
    struct media_source *layers[SOURCES];
    struct media_source *voice;
    struct link *down; /* to the viewer */
    struct stream_arrivals *arrivals;
    struct remb_receiver remb;
    enum meeting_feedback feedback;
    uint64_t lie_bps;   /* what REMB tells in place of what is estimated; 0: that */
    bool answers;       /* the viewer gives feedback */
    int64_t drops_us;   /* video, for so long from its first packet on: it knows no such stream */
    int64_t applies_us; /* until then */
    unsigned dropped;   /* VP8 */
    int64_t audio_us;   /* last packet of sound the viewer got */
    int64_t second_us;  /* end of the second that is counted */
    struct seen audio;  /* in it */
    struct seen video;
    unsigned repairs;      /* RTX and padding */
    unsigned layer_bits;   /* layers seen in it */
    unsigned paused;       /* subscriptions, as the node told last */
    unsigned paused_told;  /* times it told */
    struct seen audio_was; /* of the second before */
    struct seen video_was;
    unsigned layer_bits_was;
    uint32_t estimate_bps;
    struct meeting_encoder encoder;
    struct decoder decoder; /* of the viewer, where the publisher is Chromium */
    uint8_t tl0[SOURCES];
    unsigned factor, divisor; /* of what the layers take; 0: 1 */
    bool screen;              /* the other video is a screen share, */
    uint32_t priority;        /* or has one */
    bool rates;               /* all video is VP8 of three temporal layers */
    bool svc;                 /* the other video is VP9 of three sizes and rates in one stream */
    struct svc_source svc_source;
    struct rtp_dependency_structure svc_structure; /* as the viewer knows it, */
    uint32_t svc_active;                           /* and these of its targets */
};

/* At 1 s. bps: of the viewer's link, 0: no limit. */
void meeting_begin(struct meeting *m, uint64_t bps);
void meeting_begin_with(struct meeting *m, uint64_t bps, enum meeting_feedback feedback);
void meeting_end(struct meeting *m);
void meeting_step(struct meeting *m); /* a millisecond */
void meeting_run(struct meeting *m, unsigned seconds);
void meeting_set_rate(struct meeting *m, uint64_t bps);

/* The publisher is Chromium from now on, and the viewer decodes what it gets; before any time
 * passes. */
void meeting_chromium(struct meeting *m, int64_t slow_us, uint64_t seed);

/* The viewer asks for a key frame. */
void meeting_lost_picture(struct meeting *m);

/* The spec, once more: after a change of what it says. */
void meeting_tell_room(struct meeting *m);

/* Until the second before shows just that layer; how long it took. */
unsigned meeting_until_layer(struct meeting *m, unsigned layer, unsigned seconds_max);

#endif
