/* SPDX-License-Identifier: Apache-2.0
 *
 * One direction of an emulated network link, for kernels without netem (docs/decisions/0009). A
 * frame that goes in is lost, or waits for its turn at the bottleneck, takes its delay, and comes
 * out. Sans-IO: time comes in as an argument, randomness from a seed, so that the same frames at
 * the same times have the same fate. It never duplicates or changes a frame.
 *
 * One input, then link_pop() until it returns false, then wait for link_deadline().
 */
#ifndef TESTS_LINK_LINK_H
#define TESTS_LINK_LINK_H

#include "common/base/base.h"

#define LINK_DELAY_US_MAX  TIME_S(10)
#define LINK_RATE_BPS_MAX  10000000000u
#define LINK_QUEUE_DEFAULT (64u << 10)
#define LINK_QUEUE_MAX     (64u << 20) /* bytes */
#define LINK_FRAMES_MAX    16384       /* under way at a time */
#define LINK_FRAME_MAX     65535       /* bytes */

struct link_config {
    int64_t delay_us;  /* 0 .. LINK_DELAY_US_MAX */
    int64_t jitter_us; /* 0 .. delay_us: each frame takes delay_us +- jitter_us, uniform */
    bool reorder;      /* a frame may overtake another by jitter, as with netem; else it waits */
    uint32_t loss_permille; /* 0 .. 1000, of each frame by itself */
    uint64_t rate_bps;      /* of the bottleneck; 0: there is none */
    size_t queue_bytes;     /* before the bottleneck: a frame that finds no room is dropped */
};
#define LINK_CONFIG_DEFAULT ((struct link_config){.queue_bytes = LINK_QUEUE_DEFAULT})

/* Reads words into config: "delay 40ms", "jitter 5ms", "order kept" or "order free", "loss 1.5%",
 * "rate 500kbit" or "rate none", "queue 64kb"; any number of them, blanks between. Times are in us,
 * ms or s, rates in bit, kbit or mbit a second, sizes in b or kb. ERR_INVALID, and config is as it
 * was, if a word is unknown or a value out of its range. */
MUST_CHECK int link_config_read(struct link_config *config, const char *words);

struct link;

struct link *link_new(uint64_t seed);
void link_free(struct link *link);

/* Holds from the next frame on: what is under way keeps the time it was given, as with netem. */
void link_configure(struct link *link, const struct link_config *config);

/* A frame of 1 .. LINK_FRAME_MAX bytes goes in; borrowed. now_us never decreases. */
void link_push(struct link *link, int64_t now_us, struct bytes frame);

/* The next frame that is through; its bytes hold until the next call of link. */
bool link_pop(struct link *link, int64_t now_us, struct bytes *out);

/* When the next frame is through; TIME_NEVER if none is under way. */
int64_t link_deadline(const struct link *link);

struct link_stats {
    uint64_t frames, bytes;     /* that came out */
    uint64_t lost;              /* by chance */
    uint64_t queue_full;        /* dropped: no room before the bottleneck */
    uint64_t frames_full;       /* dropped: LINK_FRAMES_MAX under way */
    uint64_t reordered;         /* came out behind one that went in later */
    size_t under_way;           /* gauge */
    int64_t queue_delay_us_max; /* longest wait for the bottleneck */
};
const struct link_stats *link_stats(const struct link *link);

#endif
