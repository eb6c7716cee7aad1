/* SPDX-License-Identifier: Apache-2.0
 *
 * Packet trains above the estimate. The path is asked
 *
 *   at the start            3 and 6 times the estimate, one train behind the other;
 *   after it gave that      2 and 4 times what it gave, at once; the same when more is wanted than
 *                           before: what was known to be there was enough then;
 *   while less is estimated 1.5 times the estimate, every second; if that finds nothing, at
 *   than is wanted          intervals that double up to 4 s: a link that widens is found in time.
 *
 * Squeezed (layers beside a flow that fills the queue), only trains tell of the share there would
 * be: 2 times the estimate every second, whatever became of the last result.
 *
 * Between two calls that share a link a train may fall into a gap of the other's frames and show
 * what is not there. So after a result that did not last 5 s nothing is asked for 4 s, then 8,
 * then 16; one that lasted ends that, and so does an estimate that falls to half of it: that much
 * less than a train showed is a path that stopped for a moment, not one that is shared.
 *
 * A train that arrives more slowly than it was sent has found the limit: 0.95 of the rate at which
 * it arrived is taken (libwebrtc's figure). One that arrives twice as fast was held up on its way:
 * libwebrtc learns nothing from it, here it shows what got through since it was sent. Only packets
 * that arrived count, on both sides, so random loss does not matter.
 */
#include "media-node/core/bwe/parts.h"

#define TRAIN_US        TIME_MS(40) /* more than from frame to frame of somebody else */
#define PERIODIC        1.5 /* of the estimate; if that is there, more is asked for at once */
#define PERIODIC_BESIDE 2.0 /* the same, squeezed: a train beside another flow shows less */
#define TRAIN_START_US  TIME_MS(20)
#define TRAIN_PACKETS   5
#define ARRIVED_MIN     3 /* packets, and half of those sent */
#define BEGIN_US        TIME_MS(200)
#define FEEDBACK_US     TIME_MS(500) /* to wait for, over the round trip */
#define RTT_US          TIME_MS(500) /* while unknown */
#define INTERVAL_US     TIME_S(1)
#define INTERVAL_US_MAX TIME_S(4)
#define LASTED_US       TIME_S(5)
#define LASTED          0.8 /* of the result */
#define COLLAPSED       0.5 /* of the result: not what sharing a link does */
#define PAUSE_US        TIME_S(4)
#define PAUSE_US_MAX    TIME_S(16)
#define SATURATED       0.9  /* arrived / sent */
#define UTILISATION     0.95 /* of a saturated path */
#define RATIO_MAX       2.0  /* arrived / sent: the times mean nothing */
#define ABOVE           1.2  /* of the wanted rate at most */
#define GROWN           1.2  /* of the wanted rate: more is wanted */

static struct cluster *cluster_of(struct prober *prober, uint8_t id)
{
    struct cluster *cluster = &prober->clusters[id % PROBE_CLUSTERS];
    return id != 0 && cluster->id == id ? cluster : NULL;
}

static bool all_sent(const struct cluster *cluster)
{
    return cluster->sent >= cluster->bytes && cluster->sent_packets >= TRAIN_PACKETS;
}

void prober_sent(struct prober *prober, int64_t now_us, const struct bwe_packet *packet,
                 int64_t rtt_us)
{
    struct cluster *cluster = cluster_of(prober, packet->probe);
    if (cluster == NULL) {
        return;
    }
    if (cluster->sent_packets++ == 0) {
        int64_t train_us = (int64_t)cluster->bytes * 8000000 / cluster->bps;
        cluster->until_us = now_us + train_us + (rtt_us != 0 ? rtt_us : RTT_US) + FEEDBACK_US;
    }
    cluster->sent += packet->size;
}

static void train_add(struct train *train, bool first, int64_t at_us, uint32_t size)
{
    if (first || at_us < train->first_us) {
        train->first_us = at_us;
        train->first_size = size;
    }
    if (first || at_us >= train->last_us) {
        train->last_us = at_us;
        train->last_size = size;
    }
}

void prober_report(struct prober *prober, int64_t now_us, const struct probe_report *report)
{
    struct cluster *cluster = cluster_of(prober, report->id);
    if (cluster == NULL) {
        return;
    }
    prober->reported_us = now_us;
    cluster->known_packets++;
    if (report->arrived) {
        bool first = cluster->arrived_packets++ == 0;
        cluster->arrived += report->size;
        train_add(&cluster->out, first, report->sent_us, report->size);
        train_add(&cluster->in, first, report->arrived_us, report->size);
    }
}

/* Of a train all but the last packet left within its span, and all but the first one arrived. */
static double rate(uint32_t bytes, uint32_t but, const struct train *train)
{
    int64_t span_us = train->last_us - train->first_us;
    return span_us > 0 ? (double)(bytes - but) * 8e6 / (double)span_us : 0;
}

/* Came faster than it was sent: something on the way stood still, and then let go what it held.
 * How fast it let go says nothing, but all of it got through since it was sent, and the last of it
 * would have come so much earlier had nothing stood still. */
static double heap_rate(const struct cluster *cluster, int64_t least_delay_us)
{
    int64_t span_us = cluster->in.last_us - cluster->out.first_us - least_delay_us;
    return span_us > 0 ? (double)cluster->arrived * 8e6 / (double)span_us : 0;
}

/* 0: it shows nothing. */
static uint32_t judge(const struct cluster *cluster, int64_t least_delay_us, bool *saturated)
{
    if (!all_sent(cluster) || cluster->arrived_packets < ARRIVED_MIN ||
        cluster->arrived_packets * 2 < cluster->sent_packets) {
        return 0;
    }
    double out_bps = rate(cluster->arrived, cluster->out.last_size, &cluster->out);
    double in_bps = rate(cluster->arrived, cluster->in.first_size, &cluster->in);
    if (out_bps <= 0) {
        return 0;
    }
    if (in_bps <= 0 || in_bps > RATIO_MAX * out_bps) {
        return bps_clamp(UTILISATION * MIN(heap_rate(cluster, least_delay_us), out_bps));
    }
    *saturated = in_bps < SATURATED * out_bps;
    return bps_clamp(*saturated ? UTILISATION * in_bps : MIN(in_bps, out_bps));
}

uint32_t prober_take(struct prober *prober, int64_t now_us, int64_t least_delay_us)
{
    uint32_t best = 0;
    bool limit_found = false;
    for (size_t i = 0; i < PROBE_CLUSTERS; i++) {
        struct cluster *cluster = &prober->clusters[i];
        bool complete = all_sent(cluster) && cluster->known_packets >= cluster->sent_packets;
        if (cluster->id == 0 || (!complete && now_us < cluster->until_us)) {
            continue;
        }
        bool saturated = false;
        uint32_t bps = judge(cluster, least_delay_us, &saturated);
        prober->failed += bps == 0;
        limit_found = limit_found || saturated;
        best = MAX(best, bps);
        cluster->id = 0;
    }
    prober->more = best > 0 && !limit_found;
    if (best > 0) {
        prober->raised_bps = best;
        prober->raised_us = now_us;
    }
    return best;
}

static bool busy(const struct prober *prober)
{
    for (size_t i = 0; i < PROBE_CLUSTERS; i++) {
        if (prober->clusters[i].id != 0) {
            return true;
        }
    }
    return false;
}

/* False if that rate, or all that is wanted, is known to be there. */
static bool ask(struct prober *prober, int64_t now_us, const struct probe_state *state, double bps)
{
    double most = MIN(ABOVE * prober->wanted_bps, (double)state->max_bps);
    bool last = bps >= most;
    uint32_t wanted_bps = bps_clamp(MIN(bps, most));
    if (wanted_bps <= state->bps) {
        return false;
    }
    prober->last_id = prober->last_id == UINT8_MAX ? 1 : prober->last_id + 1;
    struct cluster *cluster = &prober->clusters[prober->last_id % PROBE_CLUSTERS];
    assert(cluster->id == 0); /* asked for only where none is under way */
    *cluster = (struct cluster){
        .id = prober->last_id,
        .bps = wanted_bps,
        .bytes = (uint32_t)((uint64_t)wanted_bps * (uint64_t)prober->train_us / 8000000),
        .until_us = now_us + BEGIN_US,
    };
    prober->probes++;
    return !last;
}

/* Two trains at once: the second begins when the first was sent, not when it was answered. */
static void ask_twice(struct prober *prober, int64_t now_us, const struct probe_state *state,
                      double factor)
{
    if (ask(prober, now_us, state, factor * state->bps)) {
        (void)ask(prober, now_us, state, 2 * factor * state->bps);
    }
}

void prober_want(struct prober *prober, uint32_t bps)
{
    bool grown = bps > GROWN * prober->wanted_bps && prober->wanted_bps != 0;
    prober->more = prober->more || (grown && prober->pause_us == 0);
    prober->wanted_bps = bps;
}

/* Did the last result last? */
static void judge_raise(struct prober *prober, int64_t now_us, const struct probe_state *state)
{
    if (prober->raised_bps == 0) {
        return;
    }
    if (now_us - prober->raised_us >= LASTED_US) {
        prober->raised_bps = 0;
        prober->pause_us = 0;
    } else if (state->squeezed) {
        return; /* the share of a path changes all the time */
    } else if (state->bps < LASTED * prober->raised_bps) {
        prober->fell_bps = prober->raised_bps;
        prober->raised_bps = 0;
        prober->more = false;
        prober->pause_us = MIN(MAX(2 * prober->pause_us, PAUSE_US), PAUSE_US_MAX);
        prober->next_us = now_us + prober->pause_us;
    }
}

static void judge_fall(struct prober *prober, int64_t now_us, const struct probe_state *state)
{
    if (prober->pause_us != 0 && !state->contended && state->bps < COLLAPSED * prober->fell_bps) {
        prober->pause_us = 0;
        prober->interval_us = INTERVAL_US;
        prober->next_us = now_us + INTERVAL_US;
    }
}

void prober_update(struct prober *prober, int64_t now_us, const struct probe_state *state)
{
    judge_raise(prober, now_us, state);
    judge_fall(prober, now_us, state);
    if (busy(prober) || prober->wanted_bps <= state->bps) {
        return;
    }
    if (!prober->started) {
        prober->started = true;
        prober->interval_us = INTERVAL_US;
        prober->train_us = TRAIN_START_US;
        ask_twice(prober, now_us, state, 3);
    } else if (prober->more && state->calm) {
        prober->interval_us = INTERVAL_US;
        ask_twice(prober, now_us, state, 2);
    } else if (state->calm && now_us >= prober->next_us) {
        prober->train_us = TRAIN_US;
        (void)ask(prober, now_us, state,
                  (state->squeezed ? PERIODIC_BESIDE : PERIODIC) * state->bps);
    } else {
        return;
    }
    prober->more = false;
    prober->next_us = now_us + prober->interval_us;
    prober->interval_us =
        state->squeezed ? INTERVAL_US : MIN(2 * prober->interval_us, INTERVAL_US_MAX);
}

bool prober_poll(struct prober *prober, int64_t now_us, struct bwe_probe *out)
{
    for (unsigned back = PROBE_CLUSTERS; back-- > 0;) {
        struct cluster *cluster = cluster_of(prober, (uint8_t)(prober->last_id - back));
        if (cluster == NULL || cluster->polled || now_us > cluster->until_us) {
            continue;
        }
        cluster->polled = true;
        *out = (struct bwe_probe){
            .id = cluster->id,
            .packets_min = TRAIN_PACKETS,
            .rate_bps = cluster->bps,
            .bytes = cluster->bytes,
            .deadline_us = cluster->until_us,
        };
        return true;
    }
    return false;
}

int64_t prober_deadline(const struct prober *prober, const struct probe_state *state)
{
    int64_t deadline_us = TIME_NEVER;
    for (size_t i = 0; i < PROBE_CLUSTERS; i++) {
        if (prober->clusters[i].id != 0) {
            deadline_us = MIN(deadline_us, prober->clusters[i].until_us);
        }
    }
    if (deadline_us == TIME_NEVER && prober->wanted_bps > state->bps && state->calm) {
        deadline_us = prober->next_us;
    }
    return deadline_us;
}
