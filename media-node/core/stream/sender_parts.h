/* SPDX-License-Identifier: Apache-2.0
 *
 * The inside of a sender: the ring of numbers it has given, and its state, which sender.c
 * (simulcast layers, generations, forwarding), layers.c (layers inside a stream), compose.c
 * (payloads), feedback.c (NACK, reports) and handover.c (to another node) share.
 */
#ifndef MEDIA_NODE_CORE_STREAM_SENDER_PARTS_H
#define MEDIA_NODE_CORE_STREAM_SENDER_PARTS_H

#include "media-node/core/stream/stream.h"
#include "media-node/core/stream/ticks.h"

#define NO_LAYER        (-1)
#define PICTURE_ID_MASK 0x7fff

/* ---- ring.c: which source number went out under which number -------------------------------- */

enum stream_slot_state {
    SLOT_VOID,   /* nothing is left of what was sent */
    SLOT_KEPT,   /* number kept for a source packet that has not come */
    SLOT_SENT,   /* sent */
    SLOT_FILLER, /* sent as padding */
};

/* How to make the packet of one outgoing number, again and again to the byte: the source's packet
 * is in its receiver's cache, all that is different is here. */
struct stream_slot {
    uint32_t source;        /* low 32 bits of the source's extended number */
    uint32_t ts_offset;     /* added to the source's timestamp */
    uint16_t picture_shift; /* taken from the source's picture id */
    uint16_t resent_ms;     /* when last sent again, low 16 bits */
    uint8_t tl0_shift;
    uint8_t key_shift; /* of KEYIDX */
    uint8_t tries;     /* times sent again */
    uint8_t state : 2; /* enum stream_slot_state */
    uint8_t layer : 2;
    uint8_t marker : 1; /* set the marker, whatever the source says */
    uint8_t told : 1;   /* active targets are (stream_out), which steps that are gone may tell of */
};
static_assert(sizeof(struct stream_slot) == 16, "four to a cache line");

#define RING_MIN 16 /* slots, and what is kept of a stream that rests */

struct stream_ring {
    struct stream_slot *slots; /* by index % size */
    uint32_t size;             /* a power of two; 0 until the first packet */
    uint32_t size_max;
    uint64_t first; /* nothing before it is known; what is, ends with next and fits size */
    uint64_t next;  /* next index to give */
};

void stream_ring_init(struct stream_ring *ring, enum stream_kind kind, uint64_t next);
void stream_ring_fini(struct stream_ring *ring);

/* Gives the next number. The ring grows until it is full at size_max. */
struct stream_slot *stream_ring_append(struct stream_ring *ring, struct stream_slot slot);

/* NULL if that number was not given yet or is too old. */
struct stream_slot *stream_ring_get(struct stream_ring *ring, uint64_t index);

/* The number of a source packet at or above index low, where source numbers rise; false if it was
 * given none. */
bool stream_ring_search(const struct stream_ring *ring, uint64_t low, uint64_t source,
                        uint64_t *index);

/* The lowest number that is known. */
uint64_t stream_ring_oldest(const struct stream_ring *ring);

/* Forgets all but the RING_MIN newest numbers, and gives their memory back. */
void stream_ring_shrink(struct stream_ring *ring);

/* The source of that layer is another one now: its packets can't be found any more. */
void stream_ring_void(struct stream_ring *ring, uint8_t layer);

/* ---- The sender ----------------------------------------------------------------------------- */

/* What is done with a codec. */
enum stream_plan {
    PLAN_DROP,
    PLAN_PASS,
    PLAN_UNPACK, /* RED to Opus: the primary block alone */
};

/* A generation: a stretch of one source sent without interruption. */
struct stream_run {
    uint32_t ssrc;  /* of the source */
    uint64_t first; /* source number it began with */
    uint64_t head;  /* highest source number so far */
    uint64_t index; /* first outgoing number */
    uint32_t ts_offset;
    uint16_t picture_shift;
    uint8_t tl0_shift;
    uint8_t key_shift;
};

/* The newest packet sent: where the next generation continues. */
struct stream_sent {
    bool known;
    bool picture_known;
    bool tl0_known;
    bool key_known;
    uint8_t codec; /* enum rtp_codec */
    uint8_t tl0;
    uint8_t key;
    uint16_t picture;
    uint32_t ts;
    uint32_t clock_hz;
    int64_t arrival_us;
    int64_t wall_us;
};

/* Layers inside the stream that are let through, and what it was before, newest first, for packets
 * that come late. Letting more in takes up to three steps. */
#define TEMPORAL_STEPS 4
#define LIMIT_NONE     UINT8_MAX
struct stream_temporal {
    struct {
        uint64_t since;  /* source number */
        uint8_t limit;   /* VP8: highest temporal layer; else the target (struct stream_dependency),
                            or LIMIT_NONE: all are sent */
        uint32_t active; /* as in stream_out */
    } steps[TEMPORAL_STEPS];
    bool left_out;    /* picture is set */
    uint16_t picture; /* id of the last frame left out */
};

/* Frames of a stream with dependency descriptors. */
struct stream_frames {
    bool known;      /* number is set */
    bool awaits_key; /* the wanted target cannot be begun without a key frame, */
    bool asks;       /* which is to be asked for, once more perhaps */
    bool resumed;    /* which target was sent elsewhere is to be told from size, by its frames */
    uint8_t size;
    uint8_t serial;  /* of the structure that the limit is of */
    uint16_t number; /* of the newest */
    uint64_t sent;   /* bit n: the n-th before it was sent */
};

/* What was last seen of a layer's source. */
struct stream_layer_source {
    uint32_t ssrc; /* 0 none */
    uint32_t ts_offset;
    uint64_t head;
};

#define REPORTS_KEPT 4
struct stream_report_sent {
    uint32_t ntp_middle; /* 0: none */
    int64_t at_us;
};

struct stream_sender {
    int64_t now_us;
    int8_t current; /* layer being sent, or NO_LAYER */
    int8_t target;
    uint8_t live; /* bit a layer */
    bool video;
    bool picture_lost; /* the subscriber waits for a key frame of current */
    struct stream_want want;
    struct stream_run run; /* valid while current is a layer */
    struct stream_ring ring;
    struct stream_sent sent;
    struct stream_temporal temporal;
    struct stream_frames frames;
    int64_t resend_credit; /* bytes */
    int64_t trip_us;       /* what left that long ago has arrived; 0: unknown */
    uint32_t ssrc;
    uint32_t rtx_ssrc;
    uint32_t timestamp_first;
    bool repeat_allowed;
    uint64_t rtx_next;
    struct {
        uint8_t plan; /* enum stream_plan */
        uint8_t number;
        uint8_t rtx;
    } codecs[RTP_CODEC_PCMA + 1];
    struct stream_layer_source layers[STREAM_LAYERS_MAX];
    struct stream_report_sent reports[REPORTS_KEPT];
    unsigned report_count;
    uint64_t trim_next; /* ring.next when last looked at, */
    int64_t trim_us;    /* and since when it is known to be that */
    struct stream_sender_stats stats;
};

/* sender.c: target follows from what is wanted and live. */
void stream_sender_choose_target(struct stream_sender *sender);

/* ---- layers.c: layers inside a stream ------------------------------------------------------- */

/* Up to which temporal layer VP8 goes from this packet on, if it went up to limit before. */
uint8_t stream_vp8_limit(const struct stream_packet *packet, uint8_t limit, uint8_t wanted);

/* A generation begins. */
void stream_layers_begin(struct stream_sender *sender, enum rtp_codec codec);

/* It goes on at another node. */
void stream_layers_export(const struct stream_sender *sender, struct stream_state *out);
void stream_layers_resume(struct stream_sender *sender, const struct stream_state *state);

/* For the newest packet of the source: whether it takes no number. A whole VP8 frame that is left
 * out takes no picture id. */
bool stream_sender_left_out(struct stream_sender *sender, const struct stream_packet *packet);

/* The newest packet, which is sent, is the last one of its picture to be. */
bool stream_layers_end(const struct stream_sender *sender, const struct stream_packet *packet);

/* stream_out.active of a packet. */
uint32_t stream_layers_active(const struct stream_sender *sender,
                              const struct stream_packet *packet);

/* A packet came late, and takes the number that was kept for it: as it is or as a filler. */
void stream_sender_fill_slot(struct stream_sender *sender, struct stream_slot *slot,
                             const struct stream_packet *packet);

/* feedback.c: the cached packet that the slot stands for; NULL: it is not there (any more). */
const struct stream_packet *
stream_sender_source(const struct stream_sender *sender, const struct stream_slot *slot,
                     struct stream_receiver *const layers[STREAM_LAYERS_MAX]);

/* ---- compose.c: what a packet looks like to this subscriber --------------------------------- */

void stream_compose(const struct stream_sender *sender, uint64_t index,
                    const struct stream_slot *slot, const struct stream_packet *packet,
                    struct stream_out *out);

/* Where in the descriptor KEYIDX stands; 0: absent. */
uint8_t stream_vp8_key_at(const struct stream_packet *packet);

#endif
