/* SPDX-License-Identifier: Apache-2.0 */
#include "orchestrator/core/placement/placement.h"

#include <stdio.h>

/* A uniform sample of a stream whose length is not known (Vitter's algorithm R), kept without
 * memory of its own. */
struct sample {
    size_t indexes[PLACEMENT_SAMPLES_MAX];
    size_t count;
    size_t seen;
};

static void sample_add(struct sample *sample, size_t size, size_t index, struct prng *prng)
{
    sample->seen++;
    if (sample->count < size) {
        sample->indexes[sample->count++] = index;
        return;
    }
    uint64_t slot = prng_below(prng, sample->seen);
    if (slot < size) {
        sample->indexes[slot] = index;
    }
}

/* What a node carries and was promised. */
static uint64_t weight_of(const struct registry_node *node)
{
    return (uint64_t)node->load.weight + node->reserved;
}

static bool has_room(const struct placement_request *request, const struct registry_node *node)
{
    return (weight_of(node) + request->weight) * 1000 <=
           (uint64_t)node->capacity * request->fill_permille;
}

/* Negative if a is less filled, positive if b is, 0 if there is nothing between them. Filling is
 * weight per capacity, compared without division. */
static int compare(const struct registry_node *a, const struct registry_node *b)
{
    unsigned __int128 left = (unsigned __int128)weight_of(a) * b->capacity;
    unsigned __int128 right = (unsigned __int128)weight_of(b) * a->capacity;
    if (left != right) {
        return left < right ? -1 : 1;
    }
    if (a->room_count != b->room_count) {
        return a->room_count < b->room_count ? -1 : 1;
    }
    return 0;
}

static bool is_excluded(const struct placement_request *request, const char *id)
{
    for (size_t i = 0; i < request->excluded_count; i++) {
        if (strcmp(request->excluded[i], id) == 0) {
            return true;
        }
    }
    return false;
}

static bool in_region(const struct placement_request *request, const struct registry_node *node)
{
    return request->region == NULL || request->region[0] == '\0' ||
           strcmp(request->region, node->region) == 0;
}

/* Why a node may not take the room, or PLACEMENT_NOT_SAMPLED if it may. */
static enum placement_reason judge(const struct placement_request *request,
                                   const struct registry_node *node)
{
    switch (node->state) {
    case REGISTRY_CORDONED:
        return PLACEMENT_CORDONED;
    case REGISTRY_DRAINING:
        return PLACEMENT_DRAINING;
    case REGISTRY_GONE:
        return PLACEMENT_GONE;
    case REGISTRY_READY:
        break;
    }
    if (is_excluded(request, node->id)) {
        return PLACEMENT_EXCLUDED;
    }
    if (node->suspect) {
        return PLACEMENT_SUSPECT;
    }
    return has_room(request, node) ? PLACEMENT_NOT_SAMPLED : PLACEMENT_FULL;
}

static size_t best_of(const struct sample *sample, const struct registry *registry,
                      struct prng *prng)
{
    size_t best = sample->indexes[0];
    uint64_t equals = 1;
    for (size_t i = 1; i < sample->count; i++) {
        size_t index = sample->indexes[i];
        int order = compare(registry_at(registry, index), registry_at(registry, best));
        equals = order == 0 ? equals + 1 : order < 0 ? 1 : equals;
        /* Of k equals each is kept with probability 1/k. */
        if (order < 0 || (order == 0 && prng_below(prng, equals) == 0)) {
            best = index;
        }
    }
    return best;
}

/* Turns "would do" into why it was not chosen. */
static void explain_losers(enum placement_reason *reasons, const struct placement_request *request,
                           const struct registry *registry, const struct sample *winners, bool kept,
                           bool regional)
{
    if (reasons == NULL) {
        return;
    }
    for (size_t i = 0; i < registry_count(registry); i++) {
        if (reasons[i] != PLACEMENT_NOT_SAMPLED) {
            continue;
        }
        if (kept) {
            reasons[i] = PLACEMENT_NOT_NEEDED;
        } else if (regional && !in_region(request, registry_at(registry, i))) {
            reasons[i] = PLACEMENT_OTHER_REGION;
        }
    }
    for (size_t i = 0; !kept && i < winners->count; i++) {
        reasons[winners->indexes[i]] = PLACEMENT_FULLER;
    }
}

int placement_choose(const struct registry_node **out, const struct placement_request *request,
                     const struct registry *registry, struct prng *prng,
                     enum placement_reason *reasons)
{
    assert(request->samples > 0 && request->samples <= PLACEMENT_SAMPLES_MAX);
    assert(request->fill_permille > 0 && request->fill_permille <= 1000);
    struct sample near = {.count = 0};
    struct sample far = {.count = 0};
    size_t current = SIZE_MAX;
    for (size_t i = 0; i < registry_count(registry); i++) {
        const struct registry_node *node = registry_at(registry, i);
        enum placement_reason reason = judge(request, node);
        if (reasons != NULL) {
            reasons[i] = reason;
        }
        if (reason != PLACEMENT_NOT_SAMPLED) {
            continue;
        }
        bool local = in_region(request, node);
        sample_add(local ? &near : &far, request->samples, i, prng);
        if (local && request->current != NULL && strcmp(request->current, node->id) == 0) {
            current = i;
        }
    }
    bool kept = current != SIZE_MAX;
    bool regional = near.count > 0;
    const struct sample *winners = regional ? &near : &far;
    if (winners->count == 0) {
        return ERR_FULL;
    }
    size_t chosen = kept ? current : best_of(winners, registry, prng);
    explain_losers(reasons, request, registry, winners, kept, regional);
    if (reasons != NULL) {
        reasons[chosen] = kept ? PLACEMENT_KEPT : PLACEMENT_CHOSEN;
    }
    *out = registry_at(registry, chosen);
    return 0;
}

/* ---- Words
 * ----------------------------------------------------------------------------------------- */

static const struct {
    const char *name;
    const char *text;
} words[] = {
    [PLACEMENT_CHOSEN] = {"chosen", "chosen: least filled of the sample"},
    [PLACEMENT_KEPT] = {"kept", "chosen: holds the room already"},
    [PLACEMENT_FULLER] = {"fuller", "another one of the sample is less filled"},
    [PLACEMENT_NOT_SAMPLED] = {"not_sampled", "would do, but was not drawn into the sample"},
    [PLACEMENT_OTHER_REGION] = {"other_region", "would do, but the wanted region has a node"},
    [PLACEMENT_NOT_NEEDED] = {"not_needed", "would do, but the room stays where it is"},
    [PLACEMENT_FULL] = {"full", "has no room for it"},
    [PLACEMENT_EXCLUDED] = {"excluded", "was excluded by the request"},
    [PLACEMENT_CORDONED] = {"cordoned", "is cordoned"},
    [PLACEMENT_DRAINING] = {"draining", "is draining"},
    [PLACEMENT_SUSPECT] = {"suspect", "has been silent for too long"},
    [PLACEMENT_GONE] = {"gone", "is gone"},
};

const char *placement_reason_name(enum placement_reason reason)
{
    assert((size_t)reason < ARRAY_LEN(words));
    return words[reason].name;
}

void placement_explain(char *out, size_t len, enum placement_reason reason,
                       const struct registry_node *node, const struct registry_node *chosen)
{
    assert((size_t)reason < ARRAY_LEN(words));
    const char *text = words[reason].text;
    unsigned long long weight = weight_of(node);
    if (reason == PLACEMENT_FULLER && chosen != NULL) {
        snprintf(out, len, "%s: %llu of %u against %llu of %u", text, weight, node->capacity,
                 (unsigned long long)weight_of(chosen), chosen->capacity);
    } else if (reason == PLACEMENT_CHOSEN || reason == PLACEMENT_FULL) {
        snprintf(out, len, "%s: %llu of %u", text, weight, node->capacity);
    } else {
        snprintf(out, len, "%s", text);
    }
}
