/* SPDX-License-Identifier: Apache-2.0
 *
 * Reasons in words.
 */
#include "orchestrator/core/placement/placement.h"

#include <stdio.h>

static const struct {
    const char *name;
    const char *text;
    bool weights; /* matter */
} words[] = {
    [PLACEMENT_CHOSEN] = {"chosen", "chosen: least filled of the sample", true},
    [PLACEMENT_KEPT] = {"kept", "chosen: holds the room already", true},
    [PLACEMENT_PINNED] = {"pinned", "chosen: the room is pinned to it", true},
    [PLACEMENT_FULLER] = {"fuller", "would do, but another one of the sample was taken", true},
    [PLACEMENT_NOT_SAMPLED] = {"not_sampled", "would do, but was not drawn into the sample", true},
    [PLACEMENT_OTHER_REGION] = {"other_region", "would do, but a nearer region has a node", false},
    [PLACEMENT_NOT_NEEDED] = {"not_needed", "would do, but the room stays where it is", false},
    [PLACEMENT_CROWDED] = {"crowded", "would do, but one below its mark was found", true},
    [PLACEMENT_FULL] = {"full", "has no room for it", true},
    [PLACEMENT_RATE] = {"join_rate", "got too many joins in the last seconds", false},
    [PLACEMENT_EXCLUDED] = {"excluded", "was excluded by the request", false},
    [PLACEMENT_CORDONED] = {"cordoned", "is cordoned", false},
    [PLACEMENT_DRAINING] = {"draining", "is draining", false},
    [PLACEMENT_GRAY] = {"gray", "is not reached by its clients", false},
    [PLACEMENT_SUSPECT] = {"suspect", "has been silent for too long", false},
    [PLACEMENT_GONE] = {"gone", "is gone", false},
    [PLACEMENT_NO_NODES] = {"no_nodes", "no media node is ready", false},
};

const char *placement_reason_name(enum placement_reason reason)
{
    assert((size_t)reason < ARRAY_LEN(words));
    return words[reason].name;
}

static unsigned long long weight_of(const struct registry_node *node)
{
    return node->load.weight + node->reserved;
}

void placement_node_text(char *out, size_t len, enum placement_reason reason,
                         const struct registry_node *node, const struct placement_answer *answer)
{
    assert((size_t)reason < ARRAY_LEN(words));
    const char *text = words[reason].text;
    const struct registry_node *chosen = answer->node;
    if (reason == PLACEMENT_FULLER && chosen != NULL) {
        snprintf(out, len, "%s: %llu of %u against %llu of %u", text, weight_of(node),
                 node->capacity, weight_of(chosen), chosen->capacity);
    } else if (words[reason].weights) {
        snprintf(out, len, "%s: %llu of %u", text, weight_of(node), node->capacity);
    } else {
        snprintf(out, len, "%s", text);
    }
}

static void refusal_text(char *out, size_t len, const struct placement_answer *answer)
{
    switch (answer->reason) {
    case PLACEMENT_RATE:
        snprintf(out, len, "too many joins at once, try again in %u s", answer->retry_after_s);
        break;
    case PLACEMENT_FULL:
        snprintf(out, len, "the media nodes are full, try again in %u s", answer->retry_after_s);
        break;
    default:
        snprintf(out, len, "%s", words[PLACEMENT_NO_NODES].text);
        break;
    }
}

void placement_answer_text(char *out, size_t len, const struct placement_request *request,
                           const struct placement_answer *answer)
{
    const char *where = answer->node == NULL ? "" : answer->node->region;
    const char *how = answer->reason == PLACEMENT_KEPT     ? "the room's own node"
                      : answer->reason == PLACEMENT_PINNED ? "the node that the room is pinned to"
                      : answer->spans                      ? "one more node for the room"
                                                           : "a node for the room";
    if (answer->node == NULL) {
        refusal_text(out, len, answer);
    } else if (request->region == NULL || request->region[0] == '\0') {
        snprintf(out, len, "%s, no region is asked for", how);
    } else if (strcmp(where, request->region) == 0) {
        snprintf(out, len, "%s in the asked region %s", how, where);
    } else if (answer->distance_ms == PLACEMENT_FAR_MS) {
        snprintf(out, len, "%s in %s, at an unknown distance: no node in %s takes it", how,
                 where[0] == '\0' ? "no region" : where, request->region);
    } else {
        snprintf(out, len, "%s in %s, %u ms away: no node in %s takes it", how, where,
                 answer->distance_ms, request->region);
    }
}
