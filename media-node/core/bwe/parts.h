/* SPDX-License-Identifier: Apache-2.0
 *
 * The parts of an estimator. Each is one concern with no knowledge of the others; bwe.c composes
 * them in one fixed order. All are ready when zeroed, unless they have an _init.
 */
#ifndef MEDIA_NODE_CORE_BWE_PARTS_H
#define MEDIA_NODE_CORE_BWE_PARTS_H

#include "media-node/core/bwe/bwe.h"

#define NO_LIMIT UINT32_MAX

/* Rates are 32 bits wide and products of them are not. */
static inline uint32_t bps_clamp(double bps)
{
    return bps <= 0 ? 0 : bps >= (double)UINT32_MAX ? UINT32_MAX : (uint32_t)bps;
}

/* ---- history.c: what was sent --------------------------------------------------------------- */

#define HISTORY_MIN 256
#define HISTORY_MAX 8192
#define HISTORY_US  TIME_S(3) /* what was sent that long ago may be forgotten */

enum slot_state {
    SLOT_VOID,    /* never sent */
    SLOT_SENT,    /* nothing known yet */
    SLOT_ASSUMED, /* the feedback about it seems to be lost: assumed to have arrived */
    SLOT_LOST,    /* reported as missing; may still turn up */
    SLOT_ARRIVED
};

struct slot {
    uint32_t sent_us; /* low 32 bits */
    uint16_t size;
    uint8_t probe;
    uint8_t state : 7; /* enum slot_state */
    uint8_t untaken : 1;
};
static_assert(sizeof(struct slot) == 8, "eight to a cache line");

struct history {
    struct slot *slots; /* by number % size; NULL: nothing sent lately */
    uint32_t size;      /* a power of two */
    uint64_t first;     /* lowest number in it */
    uint64_t next;      /* behind the highest */
};

void history_add(struct history *history, int64_t now_us, const struct bwe_packet *packet);

/* The full number of a wire one, if it is not ahead of all that was sent: else of one far behind.
 */
uint64_t history_number(const struct history *history, uint16_t seq);

/* NULL if that number was not sent lately. */
struct slot *history_find(struct history *history, uint64_t number);
void history_clear(struct history *history);

/* ---- meter.c: bytes over the last half second ----------------------------------------------- */

#define METER_BUCKETS 16
#define METER_SHIFT   15 /* 32.8 ms a bucket */

struct meter {
    bool started;
    int64_t since;  /* bucket number of the first byte since a gap */
    int64_t newest; /* bucket number */
    int64_t last_us;
    uint32_t bytes[METER_BUCKETS];
};

/* meter_add() where a bucket begins or the time is not the newest. */
void meter_add_elsewhere(struct meter *meter, int64_t at_us, uint32_t bytes);

static inline void meter_add(struct meter *meter, int64_t at_us, uint32_t bytes)
{
    if (meter->started && at_us >> METER_SHIFT == meter->newest && at_us >= meter->last_us) {
        meter->bytes[meter->newest & (METER_BUCKETS - 1)] += bytes;
        meter->last_us = at_us;
        return;
    }
    meter_add_elsewhere(meter, at_us, bytes);
}

#define METER_SHORT 6 /* buckets: 160 to 200 ms */
#define METER_LONG  METER_BUCKETS

/* Over the last buckets before at_us; 0 while less than 100 ms were seen. */
uint32_t meter_bps(const struct meter *meter, int64_t at_us, unsigned buckets);

/* Of the newest: over METER_SHORT, for a path that is too small delivers without a pause. Where
 * there was one, because the path stopped, somebody had no CPU or nothing was sent, that says
 * little, and it is at least what it is over METER_LONG. */
uint32_t meter_now_bps(const struct meter *meter);

/* ---- groups.c: delay variation between groups of packets ------------------------------------ */

struct group {
    int64_t sent_first_us; /* valid if complete or current */
    int64_t sent_last_us;
    int64_t arrived_first_us;
    int64_t arrived_last_us;
    bool valid;
};

struct groups {
    struct group current;
    struct group previous;
    unsigned reordered; /* groups in a row that arrived before their predecessor */
};

struct group_delta {
    int64_t sent_us;    /* between two groups when sent, */
    int64_t arrived_us; /* and when they arrived */
    int64_t at_us;      /* arrival of the later one */
};

/* A packet arrived, in order of sending. True: *out holds the deltas of two complete groups. */
bool groups_add(struct groups *groups, int64_t sent_us, int64_t arrived_us,
                struct group_delta *out);

/* ---- trend.c: is a queue growing? ----------------------------------------------------------- */

#define TREND_WINDOW 20

enum usage { USAGE_NORMAL, USAGE_OVER, USAGE_UNDER };

struct trend {
    struct {
        double at_ms;    /* arrival since origin_us */
        double delay_ms; /* smoothed */
    } points[TREND_WINDOW];
    unsigned count; /* of points ever */
    int64_t origin_us;
    double sum_ms;       /* of all delay variations */
    double smoothed_ms;  /* of that */
    double threshold_ms; /* adaptive; 0: not set yet */
    double last;         /* trend before */
    double over_ms;      /* for how long it has been over the threshold */
    int64_t adapted_us;
    enum usage usage;
};

enum usage trend_add(struct trend *trend, const struct group_delta *delta);

/* ---- aimd.c: the rate by delay -------------------------------------------------------------- */

struct aimd {
    uint32_t bps;
    uint32_t max_bps;
    uint32_t min_bps;
    double capacity_bps; /* mean of what arrived when a queue grew; 0 unknown */
    double deviation;    /* relative variance of it, in units of its own scale */
    int64_t changed_us;
    int64_t decreased_us;
    bool hold; /* until the queue is no longer shrinking */
};

struct aimd_input {
    enum usage usage;
    uint32_t acked_bps;     /* 0 unknown */
    uint32_t acked_now_bps; /* over a shorter time: exact while there is a queue */
    uint32_t sent_bps;
    int64_t rtt_us;
    bool contended; /* with a flow that fills the queue */
};

void aimd_update(struct aimd *aimd, int64_t now_us, const struct aimd_input *in);

/* A probe found at least this much. */
void aimd_raise(struct aimd *aimd, int64_t now_us, uint32_t bps);

/* The capacity is known: a little under it from now on. */
void aimd_settle(struct aimd *aimd, int64_t now_us, uint32_t capacity_bps);

/* ---- drain.c: a queue that stands ----------------------------------------------------------- */

/* A stretch in which each packet found a queue: what arrives then is all that the path takes. */
struct busy {
    int64_t first_us; /* arrivals it begins and ends with */
    int64_t last_us;
    int64_t sent_us;  /* when the last one was sent */
    int64_t grown_us; /* how much longer that took than the first one */
    uint32_t bytes;   /* behind the first one */
};

struct drain {
    bool started;
    int64_t since_us;    /* start of the window of least_us */
    int64_t least_us;    /* one-way delay between two clocks, of this window */
    int64_t before_us;   /* of the window before */
    int64_t delay_us;    /* of the newest packets, above the least */
    int64_t standing_us; /* since when it is not short */
    int64_t long_us;     /* when it last was long */
    bool contended;      /* somebody else keeps it long */
    bool is_busy;
    struct busy busy[2]; /* valid if it is: now, and before that */
    uint32_t bps;        /* limit while draining, else 0 */
    uint32_t capacity_bps;
    int64_t begun_us;
    int64_t deepest_us; /* since then */
    int64_t until_us;
    int64_t next_us;  /* no attempt before */
    int64_t pause_us; /* after the last attempt */
};

/* The least one-way delay of a feedback packet. */
void drain_add(struct drain *drain, int64_t now_us, int64_t delay_us);

/* A packet arrived, in order of sending. */
void drain_arrived(struct drain *drain, int64_t sent_us, int64_t arrived_us, uint32_t bytes);

/* What the path takes if what is sent piles up on it, else 0. Rates over METER_SHORT, here and
 * below; 0 unknown. */
uint32_t drain_piles(const struct drain *drain, uint32_t sent_bps);

/* Begins and ends draining; when it ends: the capacity, else 0. */
uint32_t drain_update(struct drain *drain, int64_t now_us, uint32_t sent_bps, uint32_t acked_bps);

/* ---- loss.c: the rate by loss --------------------------------------------------------------- */

#define LOSS_WINDOW 20 /* observations */

struct observation {
    float bps; /* sent */
    float packets;
    float lost;
};

struct loss {
    struct observation seen[LOSS_WINDOW];
    unsigned count; /* ever */
    float inherent; /* share of packets, by what was lost while little was sent */
    uint32_t bps;   /* NO_LIMIT: loss says nothing */
    struct {
        int64_t since_us; /* valid if packets > 0 */
        uint32_t packets;
        uint32_t lost;
    } open; /* the observation being made */
};

/* An account of packets since the last one; a packet given as lost may be taken back: lost -1. */
void loss_add(struct loss *loss, int64_t now_us, uint32_t packets, int lost);

struct loss_input {
    uint32_t sent_bps;
    uint32_t acked_bps; /* 0 unknown */
    uint32_t other_bps; /* what all else allows */
    uint32_t min_bps;
};

/* Closes the observation if it is large enough, and judges. */
void loss_update(struct loss *loss, int64_t now_us, const struct loss_input *in);

/* ---- probe.c: when to probe, and what it showed --------------------------------------------- */

#define PROBE_CLUSTERS 4 /* asked for or under way */

/* Times and sizes of a train, over the packets of it that arrived. */
struct train {
    int64_t first_us;
    int64_t last_us;
    uint32_t first_size; /* of the packet at first_us */
    uint32_t last_size;
};

struct cluster {
    uint8_t id; /* 0: free */
    bool polled;
    uint32_t bps;   /* wanted */
    uint32_t bytes; /* wanted */
    uint32_t sent;  /* bytes */
    uint32_t sent_packets;
    uint32_t known_packets; /* reported on */
    uint32_t arrived;       /* bytes */
    uint32_t arrived_packets;
    struct train out;
    struct train in;
    int64_t until_us; /* to be begun until then; once begun: judged by then by what is there */
};

struct prober {
    struct cluster clusters[PROBE_CLUSTERS]; /* by id % PROBE_CLUSTERS */
    uint8_t last_id;
    bool started;
    bool more; /* the last ones found no limit */
    uint32_t wanted_bps;
    int64_t train_us;    /* how long trains are now */
    int64_t next_us;     /* not before */
    int64_t interval_us; /* between probes that find nothing */
    uint32_t raised_bps; /* what the last one that found something found; 0: long ago */
    int64_t raised_us;
    int64_t pause_us;    /* after one that found what was not there, */
    uint32_t fell_bps;   /* and what that was; valid while there is a pause */
    int64_t reported_us; /* when a packet of a train was last reported on */
    uint64_t probes;
    uint64_t failed;
};

/* What the prober is told about the whole each time. */
struct probe_state {
    uint32_t bps; /* estimate */
    uint32_t max_bps;
    int64_t rtt_us; /* 0 unknown */
    bool calm;      /* no queue growing, feedback coming */
    bool contended; /* the path, with a flow that fills its queue */
    bool squeezed;  /* and less is sent than estimated: nothing but trains tells of our share */
};

void prober_sent(struct prober *prober, int64_t now_us, const struct bwe_packet *packet,
                 int64_t rtt_us);

/* The first report on a packet: it arrived, or is missing. */
struct probe_report {
    uint8_t id;
    bool arrived;
    uint16_t size;
    int64_t sent_us;
    int64_t arrived_us;
};
void prober_report(struct prober *prober, int64_t now_us, const struct probe_report *report);

/* Takes the clusters that are complete or whose time is over: the best rate they showed, or 0.
 * least_delay_us: on the way without a queue, between two clocks. */
uint32_t prober_take(struct prober *prober, int64_t now_us, int64_t least_delay_us);

/* That much is wanted from now on. */
void prober_want(struct prober *prober, uint32_t bps);

/* Asks for clusters where they are of use. */
void prober_update(struct prober *prober, int64_t now_us, const struct probe_state *state);
bool prober_poll(struct prober *prober, int64_t now_us, struct bwe_probe *out);
int64_t prober_deadline(const struct prober *prober, const struct probe_state *state);

/* ---- trial.c: more than REMB tells of, tried ------------------------------------------------ */

struct trial {
    struct bwe_step step; /* wished for */
    bool running;         /* a round is; what follows is of it, or of the last one */
    bool padding;
    uint32_t goal_bps;
    uint32_t best_bps;   /* highest estimate; 0: the receiver has told none yet */
    uint32_t failed_bps; /* what the last round that failed came to; valid while there is a pause */
    int64_t begun_us;
    int64_t risen_us;
    int64_t next_us;        /* no round before */
    int64_t pause_us;       /* after the last one; 0: it did not fail */
    int64_t train_us;       /* next train */
    struct bwe_probe train; /* to be polled; id 0: none */
    uint8_t last_id;
};

struct trial_state {
    uint32_t bps; /* estimate without the trial */
    bool told;    /* by the receiver, lately */
    bool losing;  /* loss limits it */
    bool sending; /* anything */
};

/* Whenever the state or the wish has changed, and at the deadline. */
void trial_update(struct trial *trial, int64_t now_us, const struct trial_state *state);

/* To be sent for the sake of the trial whatever is estimated; 0: nothing. */
uint32_t trial_granted_bps(const struct trial *trial);

/* As bwe_poll. */
bool trial_poll(struct trial *trial, int64_t now_us, struct bwe_probe *out);
int64_t trial_deadline(const struct trial *trial, const struct trial_state *state);

#endif
