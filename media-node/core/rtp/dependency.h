/* SPDX-License-Identifier: Apache-2.0
 *
 * The dependency descriptor (AV1 RTP payload specification, appendix A): a header extension that
 * tells of each packet, whatever its codec, which layer of its stream it belongs to, without a look
 * at its payload.
 *
 * A stream has decode targets: sets of frames of which each can be shown by itself, such as "half
 * the size at the full rate". Its frames are made after a few templates, which a key frame brings;
 * every other packet names one of them and says where it differs.
 */
#ifndef MEDIA_NODE_CORE_RTP_DEPENDENCY_H
#define MEDIA_NODE_CORE_RTP_DEPENDENCY_H

#include "common/base/base.h"

#define RTP_DEPENDENCY_TEMPLATES_MAX 64
#define RTP_DEPENDENCY_TARGETS_MAX   32
#define RTP_DEPENDENCY_SPATIAL_MAX   4 /* layers of each kind; streams of more are refused */
#define RTP_DEPENDENCY_TEMPORAL_MAX  4

/* A frame, or the template of one. Bit n of a set of targets stands for target n. */
struct rtp_dependency_frame {
    uint8_t spatial;   /* 0 lowest */
    uint8_t temporal;  /* 0 lowest */
    uint32_t present;  /* targets that it belongs to */
    uint32_t switches; /* of these, the ones whose later frames can all be decoded if it can be */
    uint64_t refs;     /* frames it refers to: bit n, the n-th before it; bit 0: one further back */
};

/* What a key frame tells of its stream. */
struct rtp_dependency_structure {
    uint8_t template_count; /* 0: nothing told yet */
    uint8_t template_first; /* number of the first one */
    uint8_t target_count;
    uint8_t chain_count;
    uint32_t inhabited; /* targets that any template belongs to */
    struct {
        uint8_t spatial; /* highest of its frames */
        uint8_t temporal;
    } targets[RTP_DEPENDENCY_TARGETS_MAX];
    struct rtp_dependency_frame templates[RTP_DEPENDENCY_TEMPLATES_MAX];
};

/* What is in the first bytes of each descriptor, whether its templates are known or not. */
struct rtp_dependency_head {
    uint16_t frame_number;
    uint8_t template_id; /* 0..63 */
    bool frame_start;    /* first packet of a frame, of one layer that is; */
    bool frame_end;      /* last one */
    bool attached;       /* a structure comes with it: the frame is a key frame */
};

/* Where in a descriptor active targets are told, or would be. */
struct rtp_dependency_place {
    uint16_t at;   /* bits from its start */
    uint8_t len;   /* bits that are there: 0 or width */
    uint8_t width; /* the stream's targets */
};

struct rtp_dependency {
    struct rtp_dependency_frame frame;
    bool active_told; /* active is set; else it is what it was, and all with a new structure */
    uint32_t active;  /* targets that are being sent */
    struct rtp_dependency_place place;
};

/* ERR_TRUNCATED. */
MUST_CHECK int rtp_dependency_head(struct rtp_dependency_head *out, struct bytes value);

/* structure is the stream's: zeros at first, replaced where the descriptor brings another one. On
 * error neither it nor out is changed.
 *   ERR_TRUNCATED    ends too early
 *   ERR_INVALID      more templates than there can be
 *   ERR_UNSUPPORTED  more layers than RTP_DEPENDENCY_SPATIAL_MAX and _TEMPORAL_MAX
 *   ERR_NOT_FOUND    names a template of a structure that did not come */
MUST_CHECK int rtp_dependency_parse(struct rtp_dependency *out,
                                    struct rtp_dependency_structure *structure, struct bytes value);

/* Writes the descriptor so that it tells of these active targets, whatever it told before; place as
 * it was parsed. Returns its length; ERR_TOO_BIG: longer than an extension can be; ERR_TRUNCATED:
 * there is none. */
#define RTP_DEPENDENCY_LEN_MAX 255
MUST_CHECK int rtp_dependency_write_active(uint8_t out[RTP_DEPENDENCY_LEN_MAX], struct bytes value,
                                           const struct rtp_dependency_place *place,
                                           uint32_t active);

#endif
