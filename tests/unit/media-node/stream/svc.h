/* SPDX-License-Identifier: Apache-2.0
 *
 * A publisher of VP9 with layers inside its stream, and a subscriber that checks whatever it gets:
 * numbers without a hole, frames that can be decoded with those before, one marker at the end of
 * each picture. Between the two one node, or two and a trunk.
 */
#ifndef TESTS_UNIT_MEDIA_NODE_STREAM_SVC_H
#define TESTS_UNIT_MEDIA_NODE_STREAM_SVC_H

#include "tests/lib/descriptor.h"
#include "tests/unit/media-node/stream/kit.h"

#define SVC_PARTS    2 /* packets of a frame */
#define SVC_FRAME_US 33333
#define SVC_FRAMES   4096
#define SVC_SENT_MAX 64
#define SVC_TELLINGS 256

extern const struct descriptor_mode svc_l1t2, svc_l1t3, svc_l2t1_key, svc_l3t3, svc_l3t3_key;

struct svc {
    struct stream_receiver *layers[STREAM_LAYERS_MAX]; /* of the node that has the subscriber */
    struct stream_sender *sender;
    struct stream_filter *filter; /* of another one that the publisher is at, and its receiver; */
    struct stream_receiver *near; /* NULL: it is at the same */
    unsigned trunk_asked;         /* times that node asked for a key frame */
    unsigned emptied;             /* packets of which the number crossed alone */
    unsigned crossed;             /* packets, whatever of them */
    struct svc_told {
        uint64_t seq;
        struct stream_passage passage;
    } tellings[SVC_TELLINGS]; /* what went of the last ones */
    struct descriptor_mode mode;
    struct rtp_dependency_structure structure; /* as the subscriber knows it, */
    uint32_t active;                           /* and these; 0: nothing yet */
    bool rewritten;                            /* some descriptor was */
    int64_t now_us;
    uint16_t seq;     /* next of the publisher */
    uint16_t number;  /* next frame */
    unsigned picture; /* since the last key frame */
    uint32_t ts;
    unsigned sizes;             /* spatial layers that the publisher sends now */
    bool key_wanted;            /* a key frame was asked for */
    unsigned asked;             /* times */
    bool told;                  /* the next key frame tells which targets are active */
    uint64_t index;             /* next to be seen by the subscriber */
    uint32_t out_ts;            /* of the picture that it gets now */
    bool ended;                 /* that had its marker */
    bool decodable[SVC_FRAMES]; /* by its number, mod SVC_FRAMES */
    char seen[SVC_SENT_MAX];    /* layers of the last picture's frames sent, '!' for a marker */
};

/* At one node. */
void svc_begin(struct svc *world, const struct descriptor_mode *mode, uint8_t spatial,
               uint8_t temporal);
/* At two; size_max: what is wanted behind the trunk, at the full rate. */
void svc_begin_apart(struct svc *world, const struct descriptor_mode *mode, uint8_t size_max,
                     uint8_t spatial);
void svc_end(struct svc *world);

struct stream_receiver *svc_receiver(void);
struct stream_sender *svc_sender(void);

void svc_want(struct svc *world, uint8_t spatial, uint8_t temporal);

/* The publisher's next packet. */
void svc_make(struct svc *world, struct kit_packet *out, unsigned spatial, unsigned part);
void svc_forward(struct svc *world, const struct kit_packet *packet);
void svc_next_picture(struct svc *world);

/* A picture, and what of it arrived; a key frame if one is wanted. */
const char *svc_picture(struct svc *world);

void svc_expect(struct svc *world, const char *const *pictures, size_t count);
#define SVC_EXPECT(world, ...)                                                                     \
    svc_expect(world, (const char *const[]){__VA_ARGS__},                                          \
               sizeof((const char *const[]){__VA_ARGS__}) / sizeof(const char *))

#endif
