/* SPDX-License-Identifier: Apache-2.0
 *
 * The store of a single orchestrator: rooms, and of nodes what placing needs. Their numbers are
 * those of the live rooms and of the nodes that reported in the last STORE_NODE_TTL_S, or left
 * none.
 */
#include "orchestrator/shell/store/internal.h"

#include <stdlib.h>
#include <uthash.h>

struct kept {
    char *name;
    char *node;
    char *owner;
    char *request; /* that placed it last; NULL: none did */
    uint64_t epoch;
    UT_hash_handle hh;
};

struct node {
    char *id;
    uint64_t weight;
    uint64_t capacity;
    uint64_t heard_at_ms;
    uint64_t held_slot, held, held_before; /* see place.lua */
    UT_hash_handle hh;
};

struct memory {
    const uv_loop_t *loop;
    struct kept *rooms;
    struct node *nodes;
};

static struct kept *find(const struct memory *memory, const char *name)
{
    struct kept *kept;
    HASH_FIND_STR(memory->rooms, name, kept);
    return kept;
}

static void forget(struct memory *memory, struct kept *kept)
{
    HASH_DEL(memory->rooms, kept);
    free(kept->name);
    free(kept->node);
    free(kept->owner);
    free(kept->request);
    free(kept);
}

struct memory *memory_new(const uv_loop_t *loop)
{
    struct memory *memory = mem_alloc(sizeof(*memory));
    memory->loop = loop;
    return memory;
}

void memory_free(struct memory *memory)
{
    while (memory->rooms != NULL) {
        forget(memory, memory->rooms);
    }
    while (memory->nodes != NULL) {
        memory_node_gone(memory, memory->nodes->id);
    }
    free(memory);
}

void memory_room(struct memory *memory, const struct store_room *room)
{
    memory_room_gone(memory, room->name);
    struct kept *kept = mem_alloc(sizeof(*kept));
    *kept = (struct kept){.name = mem_str(room->name),
                          .node = mem_str(room->node),
                          .owner = mem_str(room->owner),
                          .epoch = room->epoch};
    HASH_ADD_KEYPTR(hh, memory->rooms, kept->name, strlen(kept->name), kept);
}

void memory_room_gone(struct memory *memory, const char *name)
{
    struct kept *kept = find(memory, name);
    if (kept != NULL) {
        forget(memory, kept);
    }
}

bool memory_room_get(const struct memory *memory, const char *name, struct store_room *out)
{
    const struct kept *kept = find(memory, name);
    if (kept == NULL) {
        return false;
    }
    *out = (struct store_room){
        .name = kept->name, .node = kept->node, .owner = kept->owner, .epoch = kept->epoch};
    return true;
}

/* ---- Nodes and placing ---- */

static struct node *find_node(const struct memory *memory, const char *id)
{
    struct node *node;
    HASH_FIND_STR(memory->nodes, id, node);
    return node;
}

static void set_number(struct node *node, const char *field, const char *value)
{
    if (strcmp(field, "weight") == 0) {
        node->weight = strtoull(value, NULL, 10);
    } else if (strcmp(field, "capacity") == 0) {
        node->capacity = strtoull(value, NULL, 10);
    }
}

void memory_node(struct memory *memory, const char *id, const struct row *row)
{
    struct node *node = find_node(memory, id);
    if (node == NULL) {
        node = mem_alloc(sizeof(*node));
        node->id = mem_str(id);
        HASH_ADD_KEYPTR(hh, memory->nodes, node->id, strlen(node->id), node);
    }
    node->heard_at_ms = uv_now(memory->loop);
    for (size_t i = ROW_NODE_HEAD; i + 1 < row->count; i += 2) {
        set_number(node, row->words[i], row->words[i + 1]);
    }
}

void memory_node_gone(struct memory *memory, const char *id)
{
    struct node *node = find_node(memory, id);
    if (node != NULL) {
        HASH_DEL(memory->nodes, node);
        free(node->id);
        free(node);
    }
}

/* NULL if it is not known, or was silent for too long. */
static struct node *live_node(struct memory *memory, const char *id)
{
    struct node *node = find_node(memory, id);
    uint64_t now_ms = uv_now(memory->loop);
    bool live = node != NULL && now_ms - node->heard_at_ms < STORE_NODE_TTL_S * 1000;
    return live ? node : NULL;
}

/* Brings the node's reservations up to the slot that runs. */
static void advance(struct node *node, uint64_t slot)
{
    uint64_t since = slot - node->held_slot;
    node->held_before = since == 0 ? node->held_before : since == 1 ? node->held : 0;
    node->held = since == 0 ? node->held : 0;
    node->held_slot = slot;
}

static struct node *best_of(struct memory *memory, const struct store_place *place, bool *known)
{
    uint64_t slot = uv_now(memory->loop) / place->hold_ms;
    struct node *best = NULL;
    double best_use = 0;
    for (size_t i = 0; i < place->node_count; i++) {
        struct node *node = live_node(memory, place->nodes[i]);
        if (node == NULL || node->capacity == 0) {
            continue;
        }
        *known = true;
        advance(node, slot);
        uint64_t used = node->weight + node->held + node->held_before + place->weight;
        double use = (double)used / (double)node->capacity;
        if (use * 1000 <= place->permille && (best == NULL || use < best_use)) {
            best = node;
            best_use = use;
        }
    }
    return best;
}

static void answer(struct store_placed *out, enum store_place_status status,
                   const struct kept *kept)
{
    *out = (struct store_placed){
        .status = status, .node = kept->node, .owner = kept->owner, .epoch = kept->epoch};
}

void memory_place(struct memory *memory, const char *owner, const struct store_place *place,
                  struct store_placed *out)
{
    struct kept *kept = find(memory, place->room);
    bool same = kept != NULL && kept->epoch == place->epoch;
    if (kept != NULL && (kept->epoch > place->epoch || (same && strcmp(kept->owner, owner) != 0))) {
        answer(out, STORE_STALE, kept);
        return;
    }
    if (same && kept->request != NULL && strcmp(kept->request, place->request) == 0) {
        answer(out, STORE_PLACED_BEFORE, kept);
        return;
    }
    bool known = false;
    struct node *node = best_of(memory, place, &known);
    if (node == NULL) {
        *out = (struct store_placed){.status = known ? STORE_FULL : STORE_UNKNOWN,
                                     .node = "",
                                     .owner = owner,
                                     .epoch = place->epoch};
        return;
    }
    node->held += place->weight;
    memory_room(memory,
                &(struct store_room){
                    .name = place->room, .node = node->id, .owner = owner, .epoch = place->epoch});
    kept = find(memory, place->room);
    kept->request = mem_str(place->request);
    answer(out, STORE_PLACED, kept);
}
