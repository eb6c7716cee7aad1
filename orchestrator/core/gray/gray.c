/* SPDX-License-Identifier: Apache-2.0
 *
 * A node has a sample for each client that something is known of, and is in one of three states:
 *
 *   serving   judged by its samples -> resting: gray_condemn()
 *   resting   until probe_at_us -> tried
 *   tried     a probe every GRAY_PROBE_US -> resting: one failed; trusted: GRAY_PROBES reached it
 *
 * gray_forgive() leads back to serving from any.
 */
#include "orchestrator/core/gray/gray.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <uthash.h>

#define NEVER INT64_MIN /* long ago */

struct sample {
    uint64_t client, network;
    int64_t tried_us; /* when its last try ended; NEVER: none known */
    bool missed;      /* in vain */
    int64_t lost_us;  /* NEVER: not known */
};

struct watched {
    char id[GRAY_ID_MAX];
    struct sample *samples;
    size_t count;
    bool condemned, relapsed;
    int64_t rest_us; /* of the last condemnation, doubled by failed probes */
    int64_t probe_at_us;
    int64_t failed_us;   /* condemned, or a probe failed */
    int64_t forgiven_us; /* NEVER: was not condemned yet */
    uint64_t proved[GRAY_PROBES];
    size_t proofs;
    UT_hash_handle hh;
};

/* A client that failed at a node. */
struct fled {
    uint64_t client;
    char node[GRAY_ID_MAX];
    int64_t at_us;
    UT_hash_handle hh; /* in the order of at_us */
};

struct gray {
    struct watched *nodes;
    struct fled *fled;
};

static struct watched *find(const struct gray *gray, const char *node)
{
    struct watched *watched;
    HASH_FIND_STR(gray->nodes, node, watched);
    return watched;
}

static struct watched *watch(struct gray *gray, const char *node)
{
    struct watched *watched = find(gray, node);
    if (watched == NULL) {
        assert(strlen(node) < GRAY_ID_MAX);
        watched = mem_alloc(sizeof(*watched));
        snprintf(watched->id, sizeof(watched->id), "%s", node);
        watched->forgiven_us = NEVER;
        HASH_ADD_STR(gray->nodes, id, watched);
    }
    return watched;
}

/* ---- Samples ------------------------------------------------------------------------------- */

static bool is_recent(int64_t now_us, int64_t at_us)
{
    return at_us != NEVER && now_us - at_us < GRAY_WINDOW_US;
}

static void expire_samples(struct watched *watched, int64_t now_us)
{
    size_t kept = 0;
    for (size_t i = 0; i < watched->count; i++) {
        const struct sample *sample = &watched->samples[i];
        if (is_recent(now_us, sample->tried_us) || is_recent(now_us, sample->lost_us)) {
            watched->samples[kept++] = *sample;
        }
    }
    watched->count = kept;
}

static void drop_oldest(struct watched *watched)
{
    size_t oldest = 0;
    for (size_t i = 1; i < watched->count; i++) {
        const struct sample *a = &watched->samples[i], *b = &watched->samples[oldest];
        oldest = MAX(a->tried_us, a->lost_us) < MAX(b->tried_us, b->lost_us) ? i : oldest;
    }
    watched->samples[oldest] = watched->samples[--watched->count];
}

static struct sample *sample_of(struct watched *watched, int64_t now_us, uint64_t client)
{
    for (size_t i = 0; i < watched->count; i++) {
        if (watched->samples[i].client == client) {
            return &watched->samples[i];
        }
    }
    expire_samples(watched, now_us);
    if (watched->count == GRAY_SAMPLES_MAX) {
        drop_oldest(watched);
    }
    watched->samples = mem_grow(watched->samples, watched->count + 1, sizeof(*watched->samples));
    struct sample *sample = &watched->samples[watched->count++];
    *sample = (struct sample){.client = client, .tried_us = NEVER, .lost_us = NEVER};
    return sample;
}

static void forget_fled(struct gray *gray, struct fled *fled)
{
    HASH_DEL(gray->fled, fled);
    free(fled);
}

bool gray_expire(struct gray *gray, int64_t now_us)
{
    while (gray->fled != NULL && !is_recent(now_us, gray->fled->at_us)) {
        forget_fled(gray, gray->fled);
    }
    return gray->fled != NULL;
}

static void flee(struct gray *gray, int64_t now_us, const struct gray_outcome *outcome)
{
    struct fled *fled;
    HASH_FIND(hh, gray->fled, &outcome->client, sizeof(outcome->client), fled);
    if (fled != NULL) {
        forget_fled(gray, fled);
    }
    if (gray_expire(gray, now_us) && HASH_COUNT(gray->fled) == GRAY_FLED_MAX) {
        forget_fled(gray, gray->fled);
    }
    fled = mem_alloc(sizeof(*fled));
    fled->client = outcome->client;
    fled->at_us = now_us;
    snprintf(fled->node, sizeof(fled->node), "%s", outcome->node);
    HASH_ADD(hh, gray->fled, client, sizeof(fled->client), fled);
}

const char *gray_failed_at(const struct gray *gray, int64_t now_us, uint64_t client)
{
    const struct fled *fled;
    HASH_FIND(hh, gray->fled, &client, sizeof(client), fled);
    return fled != NULL && is_recent(now_us, fled->at_us) ? fled->node : NULL;
}

/* ---- Probation ----------------------------------------------------------------------------- */

static bool is_tried(const struct watched *watched, int64_t now_us)
{
    return watched->condemned && now_us >= watched->probe_at_us;
}

static void rest(struct watched *watched, int64_t now_us)
{
    watched->proofs = 0;
    watched->failed_us = now_us;
    watched->probe_at_us = now_us + watched->rest_us;
}

static void prove(struct watched *watched, uint64_t client)
{
    for (size_t i = 0; i < watched->proofs; i++) {
        if (watched->proved[i] == client) {
            return;
        }
    }
    if (watched->proofs < GRAY_PROBES) {
        watched->proved[watched->proofs++] = client;
    }
}

/* What is heard of it before its first probe is of those who leave it. */
static void probed(struct watched *watched, int64_t now_us, const struct gray_outcome *outcome)
{
    bool begun = watched->failed_us + watched->rest_us <= now_us;
    if (begun && outcome->how == GRAY_REACHED) {
        prove(watched, outcome->client);
    } else if (begun && outcome->how == GRAY_MISSED) {
        watched->rest_us = MIN(2 * watched->rest_us, GRAY_REST_MAX_US);
        watched->relapsed = true;
        rest(watched, now_us);
    }
}

void gray_condemn(struct gray *gray, int64_t now_us, const char *node)
{
    struct watched *watched = watch(gray, node);
    bool again = watched->condemned ||
                 (watched->forgiven_us != NEVER && now_us - watched->forgiven_us < GRAY_FORGIVE_US);
    watched->rest_us = again ? MIN(2 * watched->rest_us, GRAY_REST_MAX_US) : GRAY_REST_US;
    watched->condemned = true;
    rest(watched, now_us);
}

bool gray_probe_due(struct gray *gray, int64_t now_us, const char *node)
{
    struct watched *watched = find(gray, node);
    if (watched == NULL || !is_tried(watched, now_us)) {
        return false;
    }
    watched->probe_at_us = now_us + GRAY_PROBE_US;
    return true;
}

bool gray_trusted(const struct gray *gray, int64_t now_us, const char *node)
{
    const struct watched *watched = find(gray, node);
    return watched != NULL && watched->condemned &&
           (watched->proofs == GRAY_PROBES ||
            now_us - watched->failed_us >= watched->rest_us + GRAY_IDLE_US);
}

bool gray_relapsed(struct gray *gray, const char *node)
{
    struct watched *watched = find(gray, node);
    bool relapsed = watched != NULL && watched->relapsed;
    if (relapsed) {
        watched->relapsed = false;
    }
    return relapsed;
}

void gray_forgive(struct gray *gray, int64_t now_us, const char *node)
{
    struct watched *watched = find(gray, node);
    if (watched == NULL) {
        return;
    }
    watched->count = 0;
    watched->forgiven_us = watched->condemned ? now_us : watched->forgiven_us;
    watched->condemned = watched->relapsed = false;
    watched->proofs = 0;
}

void gray_outcome(struct gray *gray, int64_t now_us, const struct gray_outcome *outcome)
{
    struct watched *watched = watch(gray, outcome->node);
    struct sample *sample = sample_of(watched, now_us, outcome->client);
    sample->network = outcome->network;
    if (outcome->how == GRAY_LOST) {
        sample->lost_us = now_us;
    } else {
        sample->tried_us = now_us;
        sample->missed = outcome->how == GRAY_MISSED;
    }
    if (outcome->how != GRAY_REACHED) {
        flee(gray, now_us, outcome);
    }
    if (watched->condemned) {
        probed(watched, now_us, outcome);
    }
}

/* ---- Verdicts ------------------------------------------------------------------------------ */

struct tally {
    uint32_t failed, total;
};

static bool has_failed(const struct sample *sample, int64_t now_us, enum gray_verdict what)
{
    return what == GRAY_LOSING ? is_recent(now_us, sample->lost_us)
                               : sample->missed && is_recent(now_us, sample->tried_us);
}

/* Of losing, total is that of those who failed: who is well there is no sample. */
static struct tally count(const struct watched *watched, int64_t now_us, enum gray_verdict what)
{
    struct tally tally = {0};
    for (size_t i = 0; i < watched->count; i++) {
        const struct sample *sample = &watched->samples[i];
        bool failed = has_failed(sample, now_us, what);
        tally.failed += failed;
        tally.total += what == GRAY_LOSING ? failed : is_recent(now_us, sample->tried_us);
    }
    return tally;
}

static struct tally count_others(const struct gray *gray, int64_t now_us, const char *node,
                                 enum gray_verdict what)
{
    struct tally tally = {0};
    for (const struct watched *w = gray->nodes; w != NULL; w = w->hh.next) {
        if (!w->condemned && strcmp(w->id, node) != 0) {
            struct tally one = count(w, now_us, what);
            tally.failed += one.failed;
            tally.total += one.total;
        }
    }
    return tally;
}

/* Somebody of that network reached another node. */
static bool is_vouched_for(const struct gray *gray, int64_t now_us, const char *node,
                           uint64_t network)
{
    for (const struct watched *w = gray->nodes; w != NULL; w = w->hh.next) {
        for (size_t i = 0; i < w->count && strcmp(w->id, node) != 0; i++) {
            const struct sample *sample = &w->samples[i];
            if (sample->network == network && is_recent(now_us, sample->tried_us) &&
                !sample->missed) {
                return true;
            }
        }
    }
    return false;
}

static int by_value(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

/* How many of those who failed say nothing new: of a network whose first one counts. */
static uint32_t echoes(const struct gray *gray, int64_t now_us, const struct watched *watched,
                       enum gray_verdict what)
{
    uint64_t networks[GRAY_SAMPLES_MAX];
    size_t failed = 0;
    uint32_t extra = 0;
    for (size_t i = 0; i < watched->count; i++) {
        if (has_failed(&watched->samples[i], now_us, what)) {
            networks[failed++] = watched->samples[i].network;
        }
    }
    qsort(networks, failed, sizeof(networks[0]), by_value);
    for (size_t i = 0, same; i < failed; i += same) {
        for (same = 1; i + same < failed && networks[i + same] == networks[i]; same++) {
        }
        if (same > 1 && !is_vouched_for(gray, now_us, watched->id, networks[i])) {
            extra += (uint32_t)same - 1;
        }
    }
    return extra;
}

/* Chernoff: P(failed of total or more, each with chance p) <= exp(-total KL(failed/total || p)). */
static double surprise(const struct tally *tally, double p)
{
    double n = tally->total, q = tally->failed / n;
    if (q <= p) {
        return 0;
    }
    double rest = q < 1 ? (1 - q) * log((1 - q) / (1 - p)) : 0;
    return n * (q * log(q / p) + rest);
}

static bool is_worse(const struct gray *gray, int64_t now_us, const struct watched *watched,
                     const struct gray_facts *facts, enum gray_verdict what)
{
    struct tally here = count(watched, now_us, what);
    struct tally others = count_others(gray, now_us, watched->id, what);
    if (what == GRAY_LOSING) {
        here.total = MAX(here.total, MIN(facts->here, GRAY_SAMPLES_MAX));
        others.total = MAX(others.total, facts->elsewhere);
    }
    if (here.failed < GRAY_CLIENTS_MIN || others.total == others.failed) {
        return false;
    }
    uint32_t extra = echoes(gray, now_us, watched, what);
    here.failed -= extra;
    here.total -= extra;
    double p = (others.failed + 1.0) / (others.total + GRAY_PRIOR);
    return here.failed >= GRAY_CLIENTS_MIN &&
           1000 * (uint64_t)here.failed >= (uint64_t)here.total * GRAY_SHARE_PERMILLE &&
           surprise(&here, p) > log((double)GRAY_ODDS * MAX(facts->nodes, 1));
}

bool gray_suspects(const struct gray *gray, int64_t now_us, const char *node)
{
    const struct watched *watched = find(gray, node);
    return watched != NULL && !watched->condemned &&
           (count(watched, now_us, GRAY_UNREACHED).failed >= GRAY_CLIENTS_MIN ||
            count(watched, now_us, GRAY_LOSING).failed >= GRAY_CLIENTS_MIN);
}

enum gray_verdict gray_judge(const struct gray *gray, int64_t now_us, const char *node,
                             const struct gray_facts *facts)
{
    const struct watched *watched = find(gray, node);
    if (watched == NULL || watched->condemned) {
        return GRAY_FINE;
    }
    if (is_worse(gray, now_us, watched, facts, GRAY_UNREACHED)) {
        return GRAY_UNREACHED;
    }
    return is_worse(gray, now_us, watched, facts, GRAY_LOSING) ? GRAY_LOSING : GRAY_FINE;
}

const char *gray_verdict_name(enum gray_verdict verdict)
{
    static const char *const names[] = {"fine", "unreached", "losing"};
    return names[verdict];
}

/* ---- Life ---------------------------------------------------------------------------------- */

void gray_forget(struct gray *gray, const char *node)
{
    struct watched *watched = find(gray, node);
    if (watched != NULL) {
        HASH_DEL(gray->nodes, watched);
        free(watched->samples);
        free(watched);
    }
}

struct gray *gray_new(void)
{
    return mem_alloc(sizeof(struct gray));
}

void gray_free(struct gray *gray)
{
    while (gray->nodes != NULL) {
        gray_forget(gray, gray->nodes->id);
    }
    while (gray->fled != NULL) {
        forget_fled(gray, gray->fled);
    }
    free(gray);
}
