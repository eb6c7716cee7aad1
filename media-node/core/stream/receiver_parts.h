/* SPDX-License-Identifier: Apache-2.0
 *
 * The parts a receiver is made of. Each is one concern with no knowledge of the others; receiver.c
 * composes them in one fixed order.
 */
#ifndef MEDIA_NODE_CORE_STREAM_RECEIVER_PARTS_H
#define MEDIA_NODE_CORE_STREAM_RECEIVER_PARTS_H

#include "media-node/core/stream/stream.h"
#include "media-node/core/stream/ticks.h"

/* ---- sequence.c: 16-bit numbers to 64-bit ones ---------------------------------------------- */

#define SEQUENCE_START  65536u /* first numbers are extended to this cycle: room for late ones */
#define SEQUENCE_WINDOW 1024   /* numbers behind the highest whose arrival is remembered */

struct stream_sequence {
    bool started;
    bool suspicious;       /* suspect_next is set */
    uint16_t suspect_next; /* a packet with this number proves that the source restarted */
    uint64_t base;         /* first number of this run of the source */
    uint64_t highest;
    uint64_t expected_before; /* numbers of earlier runs */
    uint64_t seen[SEQUENCE_WINDOW / 64];
};

enum stream_verdict {
    SEQUENCE_NEXT,      /* new highest */
    SEQUENCE_LATE,      /* new, but not the highest */
    SEQUENCE_DUPLICATE, /* seen before */
    SEQUENCE_OLD,       /* behind the window */
    SEQUENCE_SUSPECT,   /* far off: a stray, or the first packet of a restarted source */
    SEQUENCE_RESTART    /* new highest of a new run */
};

/* Places a number and remembers it. *ext is set for NEXT, LATE and RESTART. */
enum stream_verdict stream_sequence_add(struct stream_sequence *sequence, uint16_t number,
                                        uint64_t *ext);

/* The same for a number a repair brought: it never moves the highest (OLD if it would). */
enum stream_verdict stream_sequence_repair(struct stream_sequence *sequence, uint16_t number,
                                           uint64_t *ext);

/* Takes the number as the first of a new run, however near it is. */
enum stream_verdict stream_sequence_restart(struct stream_sequence *sequence, uint16_t number,
                                            uint64_t *ext);

/* Numbers the source has used, as far as we know (RFC 3550 appendix A.3). */
uint64_t stream_sequence_expected(const struct stream_sequence *sequence);

/* ---- nack.c: what to ask for again ---------------------------------------------------------- */

#define NACK_LIST_MAX    256 /* missing numbers; more at a time are a case for a key frame */
#define NACK_TRIES_MAX   10
#define NACK_QUICK_TRIES 4            /* of these, a round trip apart however short that is */
#define NACK_REORDER_US  TIME_MS(10)  /* a number may be that late before it counts as missing */
#define NACK_PATIENCE_US TIME_MS(110) /* between further requests, at least */

struct stream_nack_entry {
    uint64_t seq;
    int64_t due_us;
    unsigned tries;
};

struct stream_nack {
    struct stream_nack_entry *entries; /* rising by seq; NULL until the first loss */
    size_t count;
    int64_t due_us; /* no entry is due before; TIME_NEVER if there is none */
    int64_t rtt_us;
    uint64_t asked;    /* numbers, repeats not counted */
    uint64_t given_up; /* numbers */
};

void stream_nack_init(struct stream_nack *nack);
void stream_nack_fini(struct stream_nack *nack);

/* The numbers first .. first+count-1 are missing, first above all before. False when that is more
 * than the list may hold: then all are given up. */
bool stream_nack_missing(struct stream_nack *nack, int64_t now_us, uint64_t first, uint64_t count);

void stream_nack_arrived(struct stream_nack *nack, uint64_t seq);

/* Gives the list's memory back if it is empty. */
void stream_nack_trim(struct stream_nack *nack);

/* Nobody needs the numbers below seq any more. */
void stream_nack_forget(struct stream_nack *nack, uint64_t seq);

/* Writes the numbers that are due, up to STREAM_NACK_MAX, and returns how many. *gave_up tells that
 * a number was tried often enough. */
size_t stream_nack_collect(struct stream_nack *nack, int64_t now_us, uint16_t *out, bool *gave_up);

/* ---- refresh.c: asking for key frames ------------------------------------------------------- */

#define REFRESH_LOW_US    TIME_MS(500) /* least distance of two requests, lowest layer */
#define REFRESH_US        TIME_S(1)    /* the same, other layers: their key frames are large */
#define REFRESH_TRIES_MAX 10           /* in a row without any media */

struct stream_refresh {
    int64_t spacing_us;
    int64_t due_us;  /* TIME_NEVER: nothing to ask, or tried often enough */
    int64_t next_us; /* no request before */
    unsigned tries;
    bool wanted;
    uint64_t asked;
};

void stream_refresh_init(struct stream_refresh *refresh, int64_t spacing_us);
void stream_refresh_want(struct stream_refresh *refresh, int64_t now_us);
void stream_refresh_media(struct stream_refresh *refresh, int64_t now_us); /* any packet came */
void stream_refresh_answered(struct stream_refresh *refresh); /* a key frame began to arrive */
bool stream_refresh_due(struct stream_refresh *refresh, int64_t now_us); /* true: send one now */

/* ---- cache.c: the last second of packets ---------------------------------------------------- */

#define CACHE_KEEP_US TIME_S(1)

struct stream_cache_shape {
    uint32_t slots; /* packets, a power of two */
    uint32_t block_size;
    uint32_t blocks_max;
};

struct stream_cache_slot {
    uint32_t serial; /* of the block when it was written; 0 empty */
    uint16_t block;
    uint16_t at; /* in units of CACHE_ALIGN */
};

struct stream_cache_block;

struct stream_cache {
    struct stream_cache_shape shape;
    struct stream_cache_slot *slots; /* by seq % shape.slots; NULL until the first packet */
    struct stream_cache_block **blocks;
    uint32_t block_count;
    uint32_t current;
    uint32_t serial; /* of the newest block */
};

void stream_cache_init(struct stream_cache *cache, enum stream_kind kind);
void stream_cache_fini(struct stream_cache *cache);

/* Copies header (the whole RTP header) and payload, sets rtp.data, rtp.payload and seq, leaves the
 * rest of the packet zero. The oldest packets make room. */
struct stream_packet *stream_cache_put(struct stream_cache *cache, int64_t now_us, uint64_t seq,
                                       struct bytes header, struct bytes payload);
const struct stream_packet *stream_cache_find(const struct stream_cache *cache, uint64_t seq);

/* Whether nothing was put for STREAM_REST_US. */
bool stream_cache_rests(const struct stream_cache *cache, int64_t now_us);

/* Frees all but the CACHE_BLOCKS_REST newest blocks. */
#define CACHE_BLOCKS_REST 2
void stream_cache_trim(struct stream_cache *cache);

size_t stream_cache_bytes(const struct stream_cache *cache); /* heap held */

/* ---- targets.c: layers inside a stream ------------------------------------------------------ */

struct stream_targets {
    uint8_t serial; /* of the structure; 0: none yet */
    uint64_t since; /* number of the packet that brought it, or told of active targets last */
    uint32_t active;
    struct rtp_dependency_structure structure;
    uint8_t table[STREAM_SPATIAL_MAX][STREAM_TEMPORAL_MAX]; /* as stream_dependency.targets */
    struct stream_target_sets sets;
};

/* *targets is made when a first structure comes. Fills in packet->dependency but for
 * picture_start; seq and late of the packet must be set. */
void stream_targets_describe(struct stream_targets **targets, struct stream_packet *packet,
                             struct bytes descriptor);

/* How much belongs to each layer and those below it. */
struct stream_layer_meter {
    bool used; /* something was counted in this window or the last one */
    int64_t since_us;
    uint64_t bytes[STREAM_SPATIAL_MAX][STREAM_TEMPORAL_MAX];
    struct stream_rates rates; /* of the window before */
};
void stream_layer_meter_add(struct stream_layer_meter *meter, int64_t now_us,
                            const struct stream_packet *packet);
bool stream_layer_meter_read(const struct stream_layer_meter *meter, int64_t now_us,
                             struct stream_rates *out);

/* ---- meter.c: rates, jitter and loss -------------------------------------------------------- */

struct stream_meter {
    uint64_t arrived; /* originals; repairs do not count in reports */
    uint64_t arrived_prior;
    uint64_t expected_prior; /* at the last report (RFC 3550 appendix A.3) */

    bool transit_known;
    uint32_t transit;   /* of the last frame (appendix A.8) */
    uint32_t jitter_q4; /* clock units, times 16 */

    int64_t since_us; /* start of the window */
    uint64_t bytes;   /* in it */
    uint64_t frames;
    uint32_t bitrate_bps; /* of the window before */
    uint32_t frame_rate_millihz;
};

void stream_meter_bytes(struct stream_meter *meter, int64_t now_us, size_t len);

/* The first packet of a frame arrived, in order. */
void stream_meter_frame(struct stream_meter *meter, int64_t now_us, uint32_t ts, uint32_t clock_hz);

/* Loss and jitter for a report block; the loss since the last call makes its fraction. */
struct rtcp_report stream_meter_report(struct stream_meter *meter, uint64_t expected);

/* ---- level.c: loudness ---------------------------------------------------------------------- */

#define LEVEL_ACTIVE_DBOV 35 /* this loud or louder is active */

struct stream_loudness {
    int64_t since_us;
    int64_t active_us;
    int64_t weighted; /* sum of level * time over active packets */
    uint32_t last_ts;
    bool started;
};

void stream_loudness_add(struct stream_loudness *loudness, uint32_t ts, uint32_t clock_hz,
                         uint8_t dbov);
struct stream_level stream_loudness_take(struct stream_loudness *loudness, int64_t now_us);

#endif
