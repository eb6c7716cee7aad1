/* SPDX-License-Identifier: Apache-2.0 */
#include "orchestrator/core/placement/placement.h"

/* Nodes drawn of which one is to win. */
struct sample {
    const struct registry_node *nodes[PLACEMENT_SAMPLES_MAX];
    size_t count;
    size_t seen; /* fit ones, for Vitter's algorithm R */
};

/* Regions that are equally far from the asked one. */
struct pool {
    size_t regions[REGISTRY_REGIONS_MAX];
    size_t count;
    uint64_t rank;
};

/* One call's facts and findings. */
struct choice {
    const struct placement_request *request;
    const struct registry *registry;
    struct prng *prng;
    int64_t now_us;
    uint32_t open_permille; /* the marks, see placement.h */
    uint32_t span_permille;
    uint32_t limit_permille; /* of who asks */
    enum registry_level level_max;
    bool anywhere; /* second round, of reconnects: nodes that are not OPEN, too */
    bool pinned;   /* the answer is the node that the room is pinned to */
    struct pool pool;
    struct sample sample;
    int64_t rate_wait_us; /* the least of those that a rate kept out; TIME_NEVER: none */
};

static bool asks_any(const struct placement_request *request)
{
    return request->region == NULL || request->region[0] == '\0';
}

/* Order of the regions: 0 the asked one, then by distance. */
static uint64_t rank_of(const struct placement_request *request, const char *region)
{
    if (asks_any(request) || strcmp(request->region, region) == 0) {
        return 0;
    }
    return 1 + (uint64_t)placement_map_ms(request->map, request->region, region);
}

static uint32_t distance_of(uint64_t rank)
{
    return rank == 0 ? 0 : (uint32_t)(rank - 1);
}

/* ---- One node ---- */

/* What a node carries and was promised. */
static uint64_t weight_of(const struct registry_node *node)
{
    return node->load.weight + node->reserved;
}

static bool is_listed(const char *const *ids, size_t count, const char *id)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(ids[i], id) == 0) {
            return true;
        }
    }
    return false;
}

static bool is_held(const struct placement_request *request, const struct registry_node *node)
{
    return is_listed(request->held, request->held_count, node->id);
}

static bool was_there(const struct placement_request *request)
{
    return request->who == PLACEMENT_RECONNECT || request->who == PLACEMENT_MOVE;
}

static bool is_excluded(const struct placement_request *request, const char *region)
{
    return request->excluded_region != NULL && strcmp(request->excluded_region, region) == 0;
}

/* By what it carries alone. */
static enum placement_reason judge_load(struct choice *c, const struct registry_node *node,
                                        uint32_t mark_permille)
{
    const struct placement_request *request = c->request;
    if ((weight_of(node) + request->weight) * 1000 > (uint64_t)node->capacity * mark_permille) {
        return PLACEMENT_FULL;
    }
    if (!was_there(request)) {
        int64_t wait_us = registry_join_wait_us(c->registry, c->now_us, node, request->room);
        if (wait_us > 0) {
            c->rate_wait_us = MIN(c->rate_wait_us, wait_us);
            return PLACEMENT_RATE;
        }
    }
    return PLACEMENT_NOT_SAMPLED;
}

/* Why a node may not take it below a mark, or PLACEMENT_NOT_SAMPLED if it may. */
static enum placement_reason judge(struct choice *c, const struct registry_node *node,
                                   uint32_t mark_permille)
{
    const struct placement_request *request = c->request;
    switch (node->state) {
    case REGISTRY_CORDONED:
        return PLACEMENT_CORDONED;
    case REGISTRY_DRAINING:
        return PLACEMENT_DRAINING;
    case REGISTRY_GRAY:
        return PLACEMENT_GRAY;
    case REGISTRY_GONE:
        return PLACEMENT_GONE;
    case REGISTRY_READY:
        break;
    }
    if (is_listed(request->excluded, request->excluded_count, node->id) ||
        is_excluded(request, node->region)) {
        return PLACEMENT_EXCLUDED;
    }
    if (node->suspect) {
        return PLACEMENT_SUSPECT;
    }
    if (node->level > c->level_max) {
        return PLACEMENT_FULL;
    }
    return judge_load(c, node, mark_permille);
}

static bool may_take(struct choice *c, const struct registry_node *node, uint32_t mark_permille)
{
    return judge(c, node, mark_permille) == PLACEMENT_NOT_SAMPLED;
}

/* Negative if a is less filled afterwards, positive if b is, 0 if there is nothing between them.
 * Filling is weight per capacity, compared without division. */
static int compare(const struct placement_request *request, const struct registry_node *a,
                   const struct registry_node *b)
{
    unsigned __int128 left = (unsigned __int128)(weight_of(a) + request->weight) * b->capacity;
    unsigned __int128 right = (unsigned __int128)(weight_of(b) + request->weight) * a->capacity;
    if (left != right) {
        return left < right ? -1 : 1;
    }
    if (a->room_count != b->room_count) {
        return a->room_count < b->room_count ? -1 : 1;
    }
    return 0;
}

/* ---- Drawing ---- */

static size_t pool_size(const struct choice *c, enum registry_level level)
{
    size_t size = 0;
    for (size_t i = 0; i < c->pool.count; i++) {
        size += registry_region_size(c->registry, c->pool.regions[i], level);
    }
    return size;
}

static const struct registry_node *pool_node(const struct choice *c, enum registry_level level,
                                             size_t index)
{
    size_t i = 0;
    size_t size;
    while (index >= (size = registry_region_size(c->registry, c->pool.regions[i], level))) {
        index -= size;
        i++;
    }
    return registry_region_node(c->registry, c->pool.regions[i], level, index);
}

static bool is_sampled(const struct sample *sample, const struct registry_node *node)
{
    for (size_t i = 0; i < sample->count; i++) {
        if (sample->nodes[i] == node) {
            return true;
        }
    }
    return false;
}

/* Every orchestrator gives a node the same part. */
static bool is_in_part(const struct placement_request *request, const struct registry_node *node)
{
    uint64_t hash = 0xcbf29ce484222325;
    for (const char *id = node->id; *id != '\0'; id++) { /* FNV-1a */
        hash = (hash ^ (uint8_t)*id) * 0x100000001b3;
    }
    return hash % request->parts == request->part;
}

static bool fits(struct choice *c, const struct registry_node *node, uint32_t mark_permille)
{
    const struct placement_request *request = c->request;
    return (request->parts == 0 || is_in_part(request, node)) && !is_held(request, node) &&
           may_take(c, node, mark_permille);
}

/* A uniform sample of those that fit, by looking at all of them. */
static void sample_all(struct choice *c, enum registry_level level, size_t size,
                       uint32_t mark_permille)
{
    struct sample *sample = &c->sample;
    for (size_t i = 0; i < size; i++) {
        const struct registry_node *node = pool_node(c, level, i);
        if (!fits(c, node, mark_permille)) {
            continue;
        }
        sample->seen++;
        if (sample->count < c->request->samples) {
            sample->nodes[sample->count++] = node;
            continue;
        }
        uint64_t slot = prng_below(c->prng, sample->seen);
        if (slot < sample->count) {
            sample->nodes[slot] = node;
        }
    }
}

static void sample_some(struct choice *c, enum registry_level level, size_t size,
                        uint32_t mark_permille)
{
    struct sample *sample = &c->sample;
    for (size_t i = 0; i < PLACEMENT_DRAWS_MAX && sample->count < c->request->samples; i++) {
        const struct registry_node *node = pool_node(c, level, prng_below(c->prng, size));
        if (!is_sampled(sample, node) && fits(c, node, mark_permille)) {
            sample->nodes[sample->count++] = node;
        }
    }
}

/* The least filled of a sample; NULL if nobody fits. */
static const struct registry_node *draw(struct choice *c, enum registry_level level,
                                        uint32_t mark_permille)
{
    size_t size = pool_size(c, level);
    c->sample.count = c->sample.seen = 0;
    if (size <= PLACEMENT_DRAWS_MAX) {
        sample_all(c, level, size, mark_permille);
    } else {
        sample_some(c, level, size, mark_permille);
    }
    const struct registry_node *best = NULL;
    uint64_t equals = 1;
    for (size_t i = 0; i < c->sample.count; i++) {
        const struct registry_node *node = c->sample.nodes[i];
        int order = best == NULL ? -1 : compare(c->request, node, best);
        equals = order == 0 ? equals + 1 : order < 0 ? 1 : equals;
        /* Of k equals each is kept with probability 1/k. */
        if (order < 0 || (order == 0 && prng_below(c->prng, equals) == 0)) {
            best = node;
        }
    }
    return best;
}

/* ---- One pool of regions ---- */

/* The least filled node in the pool that holds the room and is below the mark. */
static const struct registry_node *held_below(struct choice *c, uint32_t mark_permille,
                                              bool *is_here)
{
    const struct placement_request *request = c->request;
    const struct registry_node *best = NULL;
    for (size_t i = 0; i < request->held_count; i++) {
        const struct registry_node *node = registry_get(c->registry, request->held[i]);
        if (node == NULL || rank_of(request, node->region) != c->pool.rank) {
            continue;
        }
        *is_here = true;
        if (may_take(c, node, mark_permille) &&
            (best == NULL || compare(request, node, best) < 0)) {
            best = node;
        }
    }
    return best;
}

static void list_candidates(const struct sample *sample, struct placement_answer *answer)
{
    answer->candidates[answer->candidate_count++] = answer->node;
    for (size_t i = 0; i < sample->count && answer->reason == PLACEMENT_CHOSEN; i++) {
        if (answer->candidate_count < PLACEMENT_CANDIDATES_MAX &&
            sample->nodes[i] != answer->node) {
            answer->candidates[answer->candidate_count++] = sample->nodes[i];
        }
    }
}

static bool choose_in_pool(struct choice *c, struct placement_answer *answer)
{
    bool is_here = false;
    const struct registry_node *node = held_below(c, c->span_permille, &is_here);
    bool kept = node != NULL;
    if (node == NULL) {
        node = draw(c, REGISTRY_OPEN, c->open_permille);
    }
    if (node == NULL && is_here) {
        node = held_below(c, c->limit_permille, &is_here);
        kept = node != NULL;
    }
    for (int level = REGISTRY_OPEN; node == NULL && c->anywhere && level < REGISTRY_OUT; level++) {
        node = draw(c, (enum registry_level)level, c->limit_permille);
    }
    if (node == NULL) {
        return false;
    }
    *answer = (struct placement_answer){.node = node,
                                        .reason = kept ? PLACEMENT_KEPT : PLACEMENT_CHOSEN,
                                        .spans = is_here && !kept,
                                        .distance_ms = distance_of(c->pool.rank)};
    list_candidates(&c->sample, answer);
    return true;
}

/* Whether a region may have somebody: for anybody but reconnects an OPEN node, or one of the
 * room's.
 */
static bool has_takers(const struct choice *c, size_t region)
{
    const struct placement_request *request = c->request;
    if (is_excluded(request, registry_region_name(c->registry, region))) {
        return false;
    }
    if (registry_region_size(c->registry, region, REGISTRY_OPEN) > 0) {
        return true;
    }
    if (c->anywhere) {
        return registry_region_size(c->registry, region, REGISTRY_CROWDED) > 0 ||
               registry_region_size(c->registry, region, REGISTRY_SHUT) > 0;
    }
    for (size_t i = 0; i < request->held_count; i++) {
        const struct registry_node *node = registry_get(c->registry, request->held[i]);
        if (node != NULL && registry_region_of(node) == region) {
            return true;
        }
    }
    return false;
}

/* The asked region, or all of them; its distance needs no looking up. */
static void own_pool(struct choice *c)
{
    struct pool *pool = &c->pool;
    *pool = (struct pool){.count = 0};
    for (size_t i = 0; i < registry_region_count(c->registry); i++) {
        bool own = asks_any(c->request) ||
                   strcmp(c->request->region, registry_region_name(c->registry, i)) == 0;
        if (own && has_takers(c, i)) {
            pool->regions[pool->count++] = i;
        }
    }
}

/* Of the others, by what rank_others() found, the nearest from this rank on. False: there is none.
 */
static bool next_pool(struct choice *c, const uint64_t *ranks, uint64_t rank_min)
{
    struct pool *pool = &c->pool;
    pool->count = 0;
    for (size_t i = 0; i < registry_region_count(c->registry); i++) {
        if (ranks[i] < rank_min || (pool->count > 0 && ranks[i] > pool->rank)) {
            continue;
        }
        if (pool->count > 0 && ranks[i] < pool->rank) {
            pool->count = 0;
        }
        pool->rank = ranks[i];
        pool->regions[pool->count++] = i;
    }
    return pool->count > 0;
}

/* 0 for those that are out of the question. */
static void rank_others(const struct choice *c, uint64_t *ranks)
{
    for (size_t i = 0; i < registry_region_count(c->registry); i++) {
        const char *name = registry_region_name(c->registry, i);
        ranks[i] = has_takers(c, i) ? rank_of(c->request, name) : 0;
    }
}

/* ---- The whole ---- */

static bool has_ready(const struct registry *registry)
{
    for (size_t i = 0; i < registry_region_count(registry); i++) {
        if (registry_region_size(registry, i, REGISTRY_OPEN) > 0 ||
            registry_region_size(registry, i, REGISTRY_CROWDED) > 0 ||
            registry_region_size(registry, i, REGISTRY_SHUT) > 0) {
            return true;
        }
    }
    return false;
}

static void refuse(struct choice *c, struct placement_answer *answer)
{
    *answer = (struct placement_answer){
        .reason = has_ready(c->registry) ? PLACEMENT_FULL : PLACEMENT_NO_NODES,
        .retry_after_s =
            PLACEMENT_FULL_RETRY_S + (uint32_t)prng_below(c->prng, PLACEMENT_FULL_RETRY_S + 1)};
    if (c->rate_wait_us != TIME_NEVER) {
        /* Not all of them again in the same second. */
        uint32_t wait_s = (uint32_t)((c->rate_wait_us + TIME_S(1) - 1) / TIME_S(1));
        answer->reason = PLACEMENT_RATE;
        answer->retry_after_s = wait_s + (uint32_t)prng_below(c->prng, REGISTRY_BURST_S + 1);
    }
}

/* Region by region. */
static bool go_round(struct choice *c, struct placement_answer *answer)
{
    own_pool(c);
    if (c->pool.count > 0 && choose_in_pool(c, answer)) {
        return true;
    }
    uint64_t ranks[REGISTRY_REGIONS_MAX];
    rank_others(c, ranks);
    for (uint64_t rank = 1; next_pool(c, ranks, rank); rank = c->pool.rank + 1) {
        if (choose_in_pool(c, answer)) {
            return true;
        }
    }
    return false;
}

static bool take_pinned(struct choice *c, struct placement_answer *answer)
{
    const struct placement_request *request = c->request;
    const struct registry_node *node =
        request->pinned == NULL ? NULL : registry_get(c->registry, request->pinned);
    if (node == NULL || !may_take(c, node, c->limit_permille)) {
        return false;
    }
    bool kept = is_held(request, node);
    *answer = (struct placement_answer){.node = node,
                                        .reason = kept ? PLACEMENT_KEPT : PLACEMENT_PINNED,
                                        .candidates = {node},
                                        .candidate_count = 1,
                                        .spans = request->held_count > 0 && !kept,
                                        .distance_ms = distance_of(rank_of(request, node->region))};
    return true;
}

static int choose(struct choice *c, struct placement_answer *answer)
{
    c->pinned = take_pinned(c, answer);
    if (c->pinned) {
        return 0;
    }
    if (go_round(c, answer)) {
        return 0;
    }
    c->anywhere = was_there(c->request);
    if (c->anywhere && go_round(c, answer)) {
        return 0;
    }
    refuse(c, answer);
    return ERR_FULL;
}

static void init(struct choice *c, const struct placement_request *request,
                 const struct registry *registry, int64_t now_us, struct prng *prng)
{
    assert(request->samples > 0 && request->samples <= PLACEMENT_SAMPLES_MAX);
    assert(request->who != PLACEMENT_NEW_ROOM || request->held_count == 0);
    const struct registry_config *marks = registry_config(registry);
    c->request = request;
    c->registry = registry;
    c->prng = prng;
    c->now_us = now_us;
    c->rate_wait_us = TIME_NEVER;
    c->anywhere = false;
    c->open_permille = marks->open_permille;
    switch (request->who) {
    case PLACEMENT_NEW_ROOM:
        c->limit_permille = marks->open_permille;
        c->level_max = REGISTRY_OPEN;
        break;
    case PLACEMENT_JOIN:
    case PLACEMENT_MOVE:
        c->limit_permille = marks->join_permille;
        c->level_max = REGISTRY_CROWDED;
        break;
    case PLACEMENT_RECONNECT:
        c->limit_permille = 1000;
        c->level_max = REGISTRY_SHUT;
        break;
    }
    c->span_permille = MIN(MAX(c->open_permille, PLACEMENT_SPAN_PERMILLE), c->limit_permille);
}

int placement_choose(const struct placement_request *request, const struct registry *registry,
                     int64_t now_us, struct prng *prng, struct placement_answer *answer)
{
    struct choice c;
    init(&c, request, registry, now_us, prng);
    return choose(&c, answer);
}

static bool crumbles(const struct registry *registry, int64_t now_us, size_t region)
{
    size_t nodes = 0;
    for (int level = 0; level < REGISTRY_LEVELS; level++) { /* gone ones are OUT */
        nodes += registry_region_size(registry, region, (enum registry_level)level);
    }
    size_t lost = registry_region_lost(registry, region, now_us - PLACEMENT_CRUMBLE_US);
    return lost >= PLACEMENT_CRUMBLE_NODES && lost * 1000 >= nodes * PLACEMENT_CRUMBLE_PERMILLE;
}

int placement_flee(const struct placement_request *request, const struct registry *registry,
                   int64_t now_us, struct prng *prng, struct placement_answer *answer)
{
    const struct registry_node *from = registry_get(registry, request->excluded[0]);
    if (from != NULL && crumbles(registry, now_us, registry_region_of(from))) {
        struct placement_request elsewhere = *request;
        elsewhere.excluded_region = from->region;
        if (placement_choose(&elsewhere, registry, now_us, prng, answer) == 0) {
            return 0;
        }
    }
    struct placement_request anywhere = *request;
    anywhere.parts = 0;
    return placement_choose(&anywhere, registry, now_us, prng, answer);
}

int placement_admit(const struct placement_request *request, const struct registry *registry,
                    int64_t now_us, const struct registry_node *node, struct prng *prng,
                    struct placement_answer *answer)
{
    struct choice c;
    init(&c, request, registry, now_us, prng);
    if (judge_load(&c, node, c.limit_permille) != PLACEMENT_NOT_SAMPLED) {
        refuse(&c, answer);
        return ERR_FULL;
    }
    *answer = (struct placement_answer){.node = node, .reason = PLACEMENT_KEPT};
    return 0;
}

/* Of a node that would do: why another one was taken, or why nobody saw it. */
static enum placement_reason loser(const struct choice *c, const struct registry_node *node,
                                   const struct placement_answer *answer)
{
    if (answer->node == NULL) {
        return node->level == REGISTRY_OPEN ? PLACEMENT_NOT_SAMPLED : PLACEMENT_FULL;
    }
    if (c->pinned) {
        return PLACEMENT_NOT_NEEDED;
    }
    uint64_t rank = rank_of(c->request, node->region);
    if (rank != c->pool.rank) {
        return rank > c->pool.rank ? PLACEMENT_OTHER_REGION : PLACEMENT_NOT_SAMPLED;
    }
    if (answer->reason == PLACEMENT_KEPT) {
        return is_held(c->request, node) ? PLACEMENT_FULLER : PLACEMENT_NOT_NEEDED;
    }
    if (is_sampled(&c->sample, node)) {
        return PLACEMENT_FULLER;
    }
    bool crowded = is_held(c->request, node) || node->level > answer->node->level;
    return crowded ? PLACEMENT_CROWDED : PLACEMENT_NOT_SAMPLED;
}

int placement_explain(const struct placement_request *request, const struct registry *registry,
                      int64_t now_us, struct prng *prng, struct placement_answer *answer,
                      enum placement_reason *reasons)
{
    struct choice c;
    init(&c, request, registry, now_us, prng);
    int err = choose(&c, answer);
    for (size_t i = 0; i < registry_count(registry); i++) {
        const struct registry_node *node = registry_at(registry, i);
        bool may_go_on = was_there(request) || is_held(request, node);
        enum placement_reason reason =
            judge(&c, node, may_go_on ? c.limit_permille : c.open_permille);
        if (node == answer->node) {
            reasons[i] = answer->reason;
        } else {
            reasons[i] = reason == PLACEMENT_NOT_SAMPLED ? loser(&c, node, answer) : reason;
        }
    }
    return err;
}

uint32_t placement_room_weight(uint32_t participants)
{
    enum { TRACKS = 2, PUBLISHERS_MAX = 16 };
    uint64_t weight = (uint64_t)TRACKS * MIN(participants, PUBLISHERS_MAX) * participants;
    return (uint32_t)MIN(weight, UINT32_MAX);
}
