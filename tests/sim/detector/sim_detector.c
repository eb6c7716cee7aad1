/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal: the detector declares no node dead that lives, in 1,000 node-years of jitter; a hasty one
 * does, and nodes that do hang are found all the same.
 *
 *     sim_detector ring|lone NODE_YEARS [SEED]
 *
 * A cluster is NODES nodes, and an orchestrator that judges them, which is core/detector and hears
 * beats and witnesses as orch/node.c and orch/watch.c do. In a ring, the nodes are of one region,
 * with a trunk between neighbours. Lone ones are of a region each and have no neighbour, but there
 * is another orchestrator: one of the two is near all nodes, the other is not.
 * What disturbs them comes at random (Poisson), each as long as drawn uniformly:
 *
 *   a node's process is stalled           each hour       50 to 200 ms
 *   a node's packets are late             each day        by 50 to 150 ms, for up to 2 s
 *   a node's link drops everything        each day        50 to 150 ms
 *   ... or one packet in 200              each day        10 s
 *   a beat is lost twice in a row         as often as one packet in 10,000 being lost makes it
 *   the orchestrator's loop is stalled    each hour       50 ms to 1 s
 *   ... for long                          each day        1 to 10 s
 *   the orchestrator's link drops all     each week       0.1 to 2 s (then its peers take its
 * rooms)
 *
 * besides one packet in 10,000 that is lost at all times, and exponential jitter of 2 ms around a
 * way of 0.1 to 100 ms. No two of a node's make it silent for longer than 350 ms, which with the
 * beat before them are witnessed_us: for longer ones it is declared dead by design, or nobody who
 * hangs could be found within a second. Beats are TCP: what is lost comes after 200 ms and a round
 * trip (tail loss probe, RFC 8985), again after as long, which then doubles (RFC 6298), and holds
 * up what was sent later. Trunks are UDP. Who was stalled has its timers before its sockets, as
 * libuv.
 *
 * Between disturbances nothing happens that could end in a verdict (a single beat lost once is 450
 * ms of silence), so only the seconds around each are played, with whatever else falls into them.
 */
#include "media-node/core/relay/relay.h"
#include "orchestrator/core/detector/detector.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define NODES      4
#define BEAT_US    TIME_MS(250)
#define PING_US    RELAY_PING_IDLE_US /* the rarer ones */
#define RTO_US     TIME_MS(200)
#define JITTER_US  2e3
#define LOSS       0.0001
#define BAD_LOSS   0.005
#define LEAD_US    TIME_MS(1750) /* the detector trusts its ears again 1 s after a jump in time */
#define TAIL_US    TIME_MS(2000)
#define OWN_TAIL   TIME_MS(5000) /* longer than who was cut off for 2 s needs to get through */
#define SPAN_US    TIME_S(30)    /* of a played stretch, at most */
#define YEAR_S     (365.25 * 86400)
#define FOUND_US   TIME_S(1)
#define EVENTS_MAX 32
#define BEATS_MAX  ((2 * NODES + 1) * (SPAN_US / BEAT_US + 2)) /* OTHER tells early, too */
#define JUDGE      NODES /* what happens to the orchestrator that judges, and to the other one */
#define OTHER      (NODES + 1)

enum kind {
    STALL,
    LATE,
    LINK,
    LOSSY,
    LOST_TWICE,
    OWN_STALL,
    OWN_LONG_STALL,
    OWN_LINK,
    KINDS,
    HANG = KINDS /* of the counter-test */
};

struct disturbance {
    double per_year; /* of one node, or of the orchestrator */
    int64_t min_us, max_us;
    bool own;
};
static const struct disturbance disturbances[KINDS] = {
    [STALL] = {YEAR_S / 3600, TIME_MS(50), TIME_MS(200), false},
    [LATE] = {YEAR_S / 86400, TIME_MS(1), TIME_S(2), false},
    [LINK] = {YEAR_S / 86400, TIME_MS(50), TIME_MS(150), false},
    [LOSSY] = {YEAR_S / 86400, TIME_S(10), TIME_S(10), false},
    [LOST_TWICE] = {YEAR_S * 4 * LOSS * LOSS, TIME_MS(201), TIME_MS(201), false},
    [OWN_STALL] = {YEAR_S / 3600, TIME_MS(50), TIME_S(1), true},
    [OWN_LONG_STALL] = {YEAR_S / 86400, TIME_S(1), TIME_S(10), true},
    [OWN_LINK] = {YEAR_S / 604800, TIME_MS(100), TIME_S(2), true},
};

struct event {
    enum kind kind;
    uint32_t whose; /* a node, JUDGE or OTHER */
    int64_t from_us, until_us;
    int64_t late_us;
};

/* On its way to an orchestrator. */
struct beat {
    int64_t at_us;   /* at its socket */
    uint32_t from;   /* a node, or OTHER */
    unsigned silent; /* nodes that it does not hear, bit for bit */
};

/* An orchestrator, and what comes to it. */
struct ear {
    int64_t way_us[NODES];
    struct beat beats[BEATS_MAX];
    size_t beat_count;
};

struct stretch {
    struct prng *prng;
    bool lone;
    struct event events[EVENTS_MAX];
    size_t event_count;
    int64_t end_us;
    struct ear ears[2]; /* the one that judges, and, for lone nodes, the other one */
};

struct tally {
    uint64_t stretches, false_deaths, suspicions;
    int64_t found_us; /* of the counter-test: the slowest death, since the node hung */
    uint64_t late;    /* ... and those after more than FOUND_US */
};

static double uniform(struct prng *prng)
{
    return (double)(prng_next(prng) >> 11) * 0x1p-53;
}

static int64_t between(struct prng *prng, int64_t min_us, int64_t max_us)
{
    return min_us + (int64_t)(uniform(prng) * (double)(max_us - min_us));
}

/* ---- What happens -------------------------------------------------------------------------- */

static void add_event(struct stretch *s, enum kind kind, uint32_t whose, int64_t from_us)
{
    const struct disturbance *d = &disturbances[kind];
    if (s->event_count == EVENTS_MAX) {
        return;
    }
    s->events[s->event_count++] =
        (struct event){.kind = kind,
                       .whose = whose,
                       .from_us = from_us,
                       .until_us = from_us + between(s->prng, d->min_us, d->max_us),
                       .late_us = between(s->prng, TIME_MS(50), TIME_MS(150))};
}

/* When what happens of that kind at that time to him ends; 0: it does not happen. */
static int64_t until(const struct stretch *s, unsigned kinds, uint32_t whose, int64_t at_us)
{
    int64_t until_us = 0;
    for (size_t i = 0; i < s->event_count; i++) {
        const struct event *e = &s->events[i];
        if ((kinds >> e->kind & 1) != 0 && e->whose == whose && e->from_us <= at_us &&
            at_us < e->until_us) {
            until_us = MAX(until_us, e->until_us);
        }
    }
    return until_us;
}

#define STALLS     (1u << STALL | 1u << HANG)
#define OWN_STALLS (1u << OWN_STALL | 1u << OWN_LONG_STALL)

/* The first moment from then on at which he runs. */
static int64_t awake(const struct stretch *s, unsigned stalls, uint32_t whose, int64_t at_us)
{
    int64_t until_us;
    while ((until_us = until(s, stalls, whose, at_us)) != 0) {
        at_us = until_us;
    }
    return at_us;
}

static bool is_lost(const struct stretch *s, uint32_t node, int64_t at_us)
{
    double loss = until(s, 1u << LOSSY, node, at_us) != 0 ? BAD_LOSS : LOSS;
    return until(s, 1u << LINK, node, at_us) != 0 || uniform(s->prng) < loss;
}

static int64_t late_us(const struct stretch *s, uint32_t node, int64_t at_us)
{
    int64_t late = 0;
    for (size_t i = 0; i < s->event_count; i++) {
        const struct event *e = &s->events[i];
        if (e->kind == LATE && e->whose == node && e->from_us <= at_us && at_us < e->until_us) {
            late = MAX(late, e->late_us);
        }
    }
    return late + (int64_t)(-log(1 - uniform(s->prng)) * JITTER_US);
}

/* ---- Trunks -------------------------------------------------------------------------------- */

/* Whether the neighbour's pings of the last RELAY_SILENT_US are missing to a node that looks then,
 * at what it had read before it was stalled. */
static bool hears_nothing(const struct stretch *s, uint32_t node, uint32_t neighbour,
                          int64_t looks_us, int64_t read_us)
{
    int64_t phase_us = PING_US * neighbour / NODES;
    int64_t first = (looks_us - RELAY_SILENT_US - phase_us) / PING_US - 3;
    for (int64_t i = (read_us - phase_us) / PING_US; i >= first; i--) {
        int64_t sent_us = awake(s, STALLS, neighbour, i * PING_US + phase_us);
        int64_t at_us = sent_us + TIME_MS(1) + late_us(s, neighbour, sent_us);
        if (at_us > read_us || looks_us - at_us >= RELAY_SILENT_US) {
            continue;
        }
        if (!is_lost(s, neighbour, sent_us) && until(s, 1u << LINK, node, at_us) == 0) {
            return false;
        }
    }
    return true;
}

/* ---- Beats --------------------------------------------------------------------------------- */

/* When what the node sent then gets through to whom, by however many attempts. */
static int64_t through(const struct stretch *s, uint32_t node, uint32_t whom, int64_t at_us,
                       bool lost_twice)
{
    int64_t rto_us = RTO_US + 2 * s->ears[whom - JUDGE].way_us[node];
    unsigned lost = lost_twice ? 2 : 0;
    bool probed = false; /* by the tail loss probe, RFC 8985 */
    while (lost > 0 || is_lost(s, node, at_us) || until(s, 1u << OWN_LINK, whom, at_us) != 0) {
        lost -= lost > 0;
        at_us += rto_us;
        rto_us *= probed ? 2 : 1;
        probed = true;
    }
    return at_us;
}

/* Of the neighbours before and after it, as many bits. */
static unsigned hears_not(const struct stretch *s, uint32_t node, int64_t looks_us, int64_t read_us)
{
    unsigned silent = 0;
    for (uint32_t i = 0; i < 2 && !s->lone; i++) {
        uint32_t neighbour = (node + NODES - 1 + 2 * i) % NODES;
        silent |= (unsigned)hears_nothing(s, node, neighbour, looks_us, read_us) << neighbour;
    }
    return silent;
}

/* Each connection loses by itself, but both go over the node's link. */
static void send_beats(struct stretch *s, uint32_t node, uint32_t whom, int64_t phase_us)
{
    struct ear *ear = &s->ears[whom - JUDGE];
    int64_t held_us = 0, sent_us = -1; /* the connection is held up until then */
    for (int64_t due_us = phase_us; due_us < s->end_us; due_us += BEAT_US) {
        int64_t at_us = awake(s, STALLS, node, due_us);
        if (at_us == sent_us) {
            continue; /* timers that were due more than once fire once */
        }
        sent_us = at_us;
        if (at_us >= held_us) {
            bool lost_twice = until(s, 1u << LOST_TWICE, node, at_us) != 0;
            held_us = through(s, node, whom, at_us, lost_twice);
        }
        ear->beats[ear->beat_count++] = (struct beat){
            .from = node,
            .at_us = held_us + ear->way_us[node] + late_us(s, node, held_us),
            .silent = hears_not(s, node, at_us, due_us),
        };
    }
}

static int by_time(const void *a, const void *b)
{
    const struct beat *left = a, *right = b;
    return (left->at_us > right->at_us) - (left->at_us < right->at_us);
}

/* TCP keeps the order, whatever the jitter. */
static void keep_order(struct ear *ear)
{
    int64_t last_us[NODES] = {0};
    for (size_t i = 0; i < ear->beat_count; i++) { /* each node's are in the order of sending */
        struct beat *beat = &ear->beats[i];
        if (beat->from < NODES) {
            beat->at_us = MAX(beat->at_us, last_us[beat->from]);
            last_us[beat->from] = beat->at_us;
        }
    }
    qsort(ear->beats, ear->beat_count, sizeof(*ear->beats), by_time);
}

/* ---- Orchestrators ------------------------------------------------------------------------- */

static void name_node(char out[8], uint32_t node)
{
    snprintf(out, 8, "ND_%u", node);
}

static void tell(const struct stretch *s, const struct detector_out *out, int64_t at_us)
{
    printf("%s dead at %lld ms: %s, silent for %lld ms\n", out->id, (long long)at_us / 1000,
           detector_cause_text(out->cause), (long long)out->silent_us / 1000);
    for (size_t i = 0; i < s->event_count; i++) {
        const struct event *e = &s->events[i];
        printf("    kind %d of %u, %lld to %lld ms, late %lld ms\n", e->kind, e->whose,
               (long long)e->from_us / 1000, (long long)e->until_us / 1000,
               (long long)e->late_us / 1000);
    }
}

/* What the one that judges does with a verdict. */
static void judge(struct stretch *s, struct tally *tally, const struct detector_out *out,
                  int64_t at_us)
{
    uint32_t node = (uint32_t)(out->id[3] - '0');
    tally->suspicions += out->verdict == DETECTOR_SUSPECT;
    if (out->verdict == DETECTOR_DEAD && until(s, 1u << HANG, node, at_us) == 0) {
        if (tally->false_deaths++ < 10 && getenv("SPILLWAY_STORY") != NULL) { /* the first ones */
            tell(s, out, at_us);
        }
    } else if (out->verdict == DETECTOR_DEAD) {
        tally->found_us = MAX(tally->found_us, at_us - LEAD_US);
        tally->late += at_us - LEAD_US > FOUND_US;
    }
}

/* An orchestrator's run: its detector, and where it is in time. */
struct run {
    struct stretch *s;
    struct tally *tally;
    uint32_t who; /* JUDGE or OTHER */
    struct detector *detector;
    int64_t from_us, now_us, beat_us; /* its own next beat to the other one */
};

/* What OTHER does not hear, to JUDGE; its way is as long as the longest of a node. */
static void tell_judge(struct run *run)
{
    struct ear *to = &run->s->ears[0];
    const char *ids[NODES];
    struct beat beat = {.from = OTHER, .at_us = run->now_us + TIME_MS(100)};
    size_t count = detector_suspects(run->detector, ids, NODES);
    for (size_t i = 0; i < count; i++) {
        beat.silent |= 1u << (ids[i][3] - '0');
    }
    if (count > 0 && to->beat_count < BEATS_MAX) {
        to->beats[to->beat_count++] = beat;
    }
}

static void take_verdicts(struct run *run)
{
    struct detector_out out;
    bool misses_more = false;
    while (detector_poll(run->detector, &out)) {
        misses_more |= out.verdict == DETECTOR_SUSPECT;
        if (run->who == JUDGE) {
            judge(run->s, run->tally, &out, run->now_us);
        }
    }
    if (run->who == OTHER && misses_more) {
        tell_judge(run);
    }
}

static void hear(struct run *run, const struct beat *beat)
{
    char id[8];
    if (beat->from < NODES) {
        name_node(id, beat->from);
        detector_node_heard(run->detector, run->from_us + run->now_us, id);
        take_verdicts(run);
    }
    for (uint32_t node = 0; node < NODES; node++) {
        if ((beat->silent >> node & 1) != 0) {
            name_node(id, node);
            detector_witness_told(run->detector, run->from_us + run->now_us, id);
            take_verdicts(run);
        }
    }
}

/* Its loop: timers, then sockets, whenever one is due and it is not stalled. */
static void run_loop(struct run *run)
{
    const struct stretch *s = run->s;
    const struct ear *ear = &s->ears[run->who - JUDGE];
    size_t next = 0;
    while (run->now_us < s->end_us) {
        int64_t beat_us = next < ear->beat_count ? ear->beats[next].at_us : TIME_NEVER;
        int64_t timer_us = MIN(detector_deadline(run->detector) - run->from_us, run->beat_us);
        run->now_us = awake(s, OWN_STALLS, run->who, MAX(run->now_us, MIN(beat_us, timer_us)));
        if (run->beat_us <= run->now_us) {
            tell_judge(run);
            run->beat_us = run->now_us + BEAT_US;
        }
        if (detector_deadline(run->detector) - run->from_us <= run->now_us) {
            detector_expire(run->detector, run->from_us + run->now_us);
            take_verdicts(run);
        }
        while (next < ear->beat_count && ear->beats[next].at_us <= run->now_us) {
            hear(run, &ear->beats[next++]);
        }
    }
}

static void run_one(struct stretch *s, uint32_t who, const struct detector_config *config,
                    struct tally *tally)
{
    struct run run = {.s = s, .tally = tally, .who = who, .from_us = 1};
    run.beat_us = who == OTHER ? between(s->prng, 0, BEAT_US) : TIME_NEVER;
    run.detector = detector_new(config);
    for (uint32_t node = 0; node < NODES; node++) {
        char id[8];
        name_node(id, node);
        detector_node_registered(run.detector, run.from_us, id);
    }
    keep_order(&s->ears[who - JUDGE]);
    run_loop(&run);
    detector_free(run.detector);
}

/* ---- Stretches ----------------------------------------------------------------------------- */

/* Everything else that happens to fall into it. */
static void add_others(struct stretch *s)
{
    for (int kind = 0; kind < KINDS; kind++) {
        bool own = disturbances[kind].own;
        double share = (double)s->end_us / 1e6 / YEAR_S;
        uint32_t first = own ? JUDGE : 0;
        uint32_t count = !own ? NODES : s->lone ? 2 : 1;
        for (uint32_t i = first; i < first + count; i++) {
            if (uniform(s->prng) < disturbances[kind].per_year * share) {
                add_event(s, (enum kind)kind, i, between(s->prng, 0, s->end_us));
            }
        }
    }
}

static void play(struct stretch *s, const struct detector_config *config, struct tally *tally)
{
    uint32_t far = s->lone ? (uint32_t)prng_below(s->prng, 2) : 0; /* the other one is near */
    for (uint32_t ear = 0; ear < (s->lone ? 2 : 1); ear++) {
        s->ears[ear].beat_count = 0;
        for (uint32_t node = 0; node < NODES; node++) {
            s->ears[ear].way_us[node] =
                between(s->prng, 100, ear == far ? TIME_MS(100) : TIME_MS(2));
        }
    }
    for (uint32_t node = 0; node < NODES; node++) {
        int64_t phase_us = between(s->prng, 0, BEAT_US);
        send_beats(s, node, JUDGE, phase_us);
        if (s->lone) {
            send_beats(s, node, OTHER, phase_us);
        }
    }
    if (s->lone) {
        run_one(s, OTHER, config, tally);
    }
    run_one(s, JUDGE, config, tally);
    tally->stretches++;
}

static void play_kind(struct stretch *s, enum kind kind, const struct detector_config *config,
                      struct tally *tally)
{
    bool own = disturbances[kind].own;
    s->event_count = 0;
    uint32_t whose = own ? JUDGE + (uint32_t)prng_below(s->prng, s->lone ? 2 : 1)
                         : (uint32_t)prng_below(s->prng, NODES);
    add_event(s, kind, whose, LEAD_US);
    s->end_us = s->events[0].until_us + (own ? OWN_TAIL : TAIL_US);
    add_others(s);
    play(s, config, tally);
}

static void play_years(struct stretch *s, double node_years, const struct detector_config *config,
                       struct tally *tally)
{
    for (int kind = 0; kind < KINDS; kind++) {
        double whose = disturbances[kind].own ? (s->lone ? 2.0 : 1.0) / NODES : 1;
        uint64_t count =
            (uint64_t)(disturbances[kind].per_year * node_years * whose + uniform(s->prng));
        for (uint64_t i = 0; i < count; i++) {
            play_kind(s, (enum kind)kind, config, tally);
        }
    }
}

/* Nodes that do hang, one at a time. */
static struct tally play_hangs(struct stretch *s, uint64_t count)
{
    struct tally tally = {0};
    for (uint64_t i = 0; i < count; i++) {
        s->event_count = 1;
        s->events[0] = (struct event){HANG, (uint32_t)prng_below(s->prng, NODES), LEAD_US,
                                      LEAD_US + TIME_S(5), 0};
        s->end_us = LEAD_US + TIME_MS(4500);
        play(s, &DETECTOR_CONFIG_DEFAULT, &tally);
    }
    return tally;
}

static int complain(const char *what)
{
    printf("FAILED: %s\n", what);
    return 1;
}

int main(int argc, char **argv)
{
    const struct detector_config hasty = {.beat_us = BEAT_US,
                                          .witnessed_us = TIME_MS(500),
                                          .suspect_us = TIME_MS(600),
                                          .dead_us = TIME_MS(700),
                                          .lag_us = TIME_MS(599)};
    static struct stretch s;
    struct prng prng;
    double node_years = argc > 2 ? strtod(argv[2], NULL) : 0;
    s.lone = argc > 1 && strcmp(argv[1], "lone") == 0;
    s.prng = &prng;
    if (!(node_years > 0) || (!s.lone && strcmp(argv[1], "ring") != 0)) {
        fprintf(stderr, "usage: sim_detector ring|lone NODE_YEARS [SEED]\n");
        return 2;
    }
    struct tally ours = {0}, hasty_ones = {0};
    uint64_t seed = argc > 3 ? strtoull(argv[3], NULL, 10) : 1;
    prng_seed(&prng, seed);
    clock_t began = clock();
    play_years(&s, node_years, &DETECTOR_CONFIG_DEFAULT, &ours);
    double took_s = (double)(clock() - began) / CLOCKS_PER_SEC;
    play_years(&s, MIN(node_years, 5), &hasty, &hasty_ones);
    struct tally hangs = play_hangs(&s, 1000);
    printf("%s: %.0f node-years, seed %llu: %llu false verdicts, %llu suspicions in %llu "
           "disturbances; %.1f s of CPU, %.1f node-years a second\n",
           argv[1], node_years, (unsigned long long)seed, (unsigned long long)ours.false_deaths,
           (unsigned long long)ours.suspicions, (unsigned long long)ours.stretches, took_s,
           node_years / took_s);
    printf("a hasty detector: %llu false verdicts in %.0f node-years\n",
           (unsigned long long)hasty_ones.false_deaths, MIN(node_years, 5));
    printf("1000 hangs: found after %.0f ms at most, %llu after more than a second\n",
           (double)hangs.found_us / 1e3, (unsigned long long)hangs.late);
    int failed = 0;
    if (ours.false_deaths > 0 || hangs.false_deaths > 0) {
        failed |= complain("a node that lives was declared dead");
    }
    if (hasty_ones.false_deaths == 0) {
        failed |= complain("the hasty detector did as well: this shows nothing");
    }
    /* One beat in 10,000 is lost, and comes 200 to 400 ms late though it was the last one. */
    if (hangs.found_us == 0 || hangs.late > 1) {
        failed |= complain("nodes that hang are found too late");
    }
    return failed;
}
