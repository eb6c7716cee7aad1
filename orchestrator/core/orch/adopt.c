/* SPDX-License-Identifier: Apache-2.0
 *
 * Rooms whose owner died (architecture.md §6.6). Nodes go on with them, and say that they have
 * them.
 *
 *   orphan    a node has it, and is not connected to whoever told it: cluster/ finds out whether
 *             that one lives, and who is to own the room next (EFFECT_ORPHAN)
 *   claimed   it is ours since an epoch (orch_adopt): each of its nodes refuses older epochs, and
 *             gives back what it keeps for the next owner
 *   answered  by all of them, or ADOPT_US are over: the room goes on (room_restore)
 *
 * Meanwhile whoever wants into the room waits.
 *
 * Of an owner that was told to stop there are remains, too (orch_remains): what its nodes would
 * answer, for those that do not. With them the room is an orphan as soon as that one has gone,
 * whether a node says so or not.
 */
#include "orchestrator/core/orch/private.h"
#include "proto/wire/wire.h"

#include <stdio.h>
#include <stdlib.h>
#include <utlist.h>

#define ADOPT_US    TIME_MS(500)    /* for nodes to answer: one of another region is 300 ms away */
#define FORGET_US   ORCH_REMAINS_US /* nodes repeat what they have every 5 s */
#define ORPHANS_MAX 100000

struct orphan_node {
    char id[REGISTRY_NAME_MAX];
    bool asked;                          /* or to be, when it registers */
    bool done;                           /* it answered, or is gone */
    Spillway__Control__RoomState *state; /* owned, or NULL */
    struct orphan_node *prev, *next;
};

/* What its last owner left on a node. */
struct left {
    Spillway__Control__Register *node;   /* owned */
    Spillway__Control__RoomState *state; /* owned */
    size_t bytes;
    struct left *prev, *next;
};

struct orphan {
    char *name; /* owned */
    char sid[ID_MAX];
    uint64_t epoch; /* ours, 0: not claimed */
    int64_t until_us;
    struct orphan_node *nodes;
    char from[ID_MAX];   /* who left it, "": nobody */
    uint64_t left_epoch; /* under which that one had it */
    struct left *left;
    UT_hash_handle hh; /* by name */
};

/* Adds how large it is, packed. */
static void *copy(const ProtobufCMessage *message, size_t *bytes)
{
    size_t len;
    uint8_t *packed = wire_pack(message, &len);
    ProtobufCMessage *out = protobuf_c_message_unpack(message->descriptor, NULL, len, packed);
    assert(out != NULL);
    free(packed);
    *bytes += len;
    return out;
}

static struct orphan *find(const struct orch *orch, const char *name)
{
    struct orphan *orphan;
    HASH_FIND_STR(orch->orphans, name, orphan);
    return orphan;
}

static struct orphan_node *find_node(const struct orphan *orphan, const char *id)
{
    struct orphan_node *node;
    DL_FOREACH(orphan->nodes, node)
    {
        if (strcmp(node->id, id) == 0) {
            return node;
        }
    }
    return NULL;
}

static bool has_left(const struct orphan *orphan, const char *node)
{
    const struct left *left;
    DL_FOREACH(orphan->left, left)
    {
        if (strcmp(left->node->node_id, node) == 0) {
            return true;
        }
    }
    return false;
}

static void forget_left(struct orch *orch, struct orphan *orphan)
{
    struct left *left, *next;
    DL_FOREACH_SAFE(orphan->left, left, next)
    {
        orch->remains_bytes -= left->bytes;
        spillway__control__register__free_unpacked(left->node, NULL);
        spillway__control__room_state__free_unpacked(left->state, NULL);
        free(left);
    }
    orphan->left = NULL;
    orphan->from[0] = '\0';
}

static void forget(struct orch *orch, struct orphan *orphan)
{
    struct orphan_node *node, *next;
    forget_left(orch, orphan);
    DL_FOREACH_SAFE(orphan->nodes, node, next)
    {
        if (node->state != NULL) {
            spillway__control__room_state__free_unpacked(node->state, NULL);
        }
        free(node);
    }
    HASH_DEL(orch->orphans, orphan);
    free(orphan->name);
    free(orphan);
}

static struct orphan *add(struct orch *orch, const char *name)
{
    if (HASH_COUNT(orch->orphans) == ORPHANS_MAX) {
        return NULL;
    }
    struct orphan *orphan = mem_alloc(sizeof(*orphan));
    orphan->name = mem_str(name);
    HASH_ADD_KEYPTR(hh, orch->orphans, orphan->name, strlen(orphan->name), orphan);
    return orphan;
}

/* ---- Nodes --------------------------------------------------------------------------------- */

static void claim(struct orch *orch, const struct orphan *orphan, struct orphan_node *node)
{
    Spillway__Control__Claim claim = SPILLWAY__CONTROL__CLAIM__INIT;
    Spillway__Control__OrchestratorMessage message = SPILLWAY__CONTROL__ORCHESTRATOR_MESSAGE__INIT;
    claim.room = (char *)(uintptr_t)orphan->sid;
    claim.epoch = orphan->epoch;
    message.message_case = SPILLWAY__CONTROL__ORCHESTRATOR_MESSAGE__MESSAGE_CLAIM;
    message.claim = &claim;
    orch_send_to_node(orch, node->id, &message);
    node->asked = true;
}

static struct orphan_node *add_node(struct orphan *orphan, const char *id)
{
    struct orphan_node *node = find_node(orphan, id);
    if (node == NULL) {
        node = mem_alloc(sizeof(*node));
        snprintf(node->id, sizeof(node->id), "%s", id);
        DL_APPEND(orphan->nodes, node);
    }
    return node;
}

static void ask(struct orch *orch, struct orphan *orphan, const char *id)
{
    struct orphan_node *node = add_node(orphan, id);
    if (orphan->epoch != 0 && !node->asked) {
        claim(orch, orphan, node);
    }
}

void orch_orphan_seen(struct orch *orch, const char *node,
                      const Spillway__Control__RoomVersion *held)
{
    if (held->name[0] == '\0' || strlen(held->room) >= ID_MAX) {
        return;
    }
    struct orphan *orphan = find(orch, held->name);
    if (orphan == NULL) {
        orphan = add(orch, held->name);
    }
    if (orphan == NULL || (orphan->sid[0] != '\0' && strcmp(orphan->sid, held->room) != 0)) {
        return; /* of two rooms of one name, made in a partition, one goes on */
    }
    snprintf(orphan->sid, sizeof(orphan->sid), "%s", held->room);
    orch->last_epoch = MAX(orch->last_epoch, held->epoch); /* ours is to be a later one */
    ask(orch, orphan, node);
    if (orphan->epoch == 0) {
        orphan->until_us = orch->now_us + FORGET_US;
        effects_take(&orch->fx, (struct effect){.type = EFFECT_ORPHAN,
                                                .name = mem_str(held->name),
                                                .text = mem_str(held->orchestrator),
                                                .epoch = held->epoch});
    }
}

bool orch_orphan_claimed(const struct orch *orch, const char *sid)
{
    for (const struct orphan *orphan = orch->orphans; orphan != NULL; orphan = orphan->hh.next) {
        if (orphan->epoch != 0 && strcmp(orphan->sid, sid) == 0) {
            return true;
        }
    }
    return false;
}

/* ---- The room goes on ---------------------------------------------------------------------- */

static struct room *restore(struct orch *orch, struct orphan *orphan)
{
    struct arena arena = {0};
    struct orphan_node *node;
    size_t count = 0;
    struct left *left;
    DL_FOREACH(orphan->nodes, node)
    {
        count++;
    }
    DL_FOREACH(orphan->left, left)
    {
        count++;
    }
    struct room_remains *remains = arena_array(&arena, count, sizeof(*remains));
    struct room_heir heir = {.sid = orphan->sid, .epoch = orphan->epoch, .remains = remains};
    DL_FOREACH(orphan->nodes, node)
    {
        struct node_entry *entry;
        HASH_FIND_STR(orch->nodes, node->id, entry);
        if (node->state != NULL && entry != NULL) {
            remains[heir.count++] =
                (struct room_remains){.node = entry->info, .state = node->state};
        }
    }
    DL_FOREACH(orphan->left, left)
    {
        remains[heir.count++] =
            (struct room_remains){.node = left->node, .state = left->state, .left = true};
    }
    struct room *room = room_restore(&orch->room_config, &heir, orch->now_us, &orch->fx);
    arena_fini(&arena);
    return room;
}

static void finish(struct orch *orch, struct orphan *orphan)
{
    struct room *room = orphan->epoch == 0 ? NULL : restore(orch, orphan);
    char *name = mem_str(orphan->name);
    forget(orch, orphan);
    if (room != NULL) {
        orch->stats.rooms_adopted++;
        orch->stats.people_adopted += room_participant_count(room);
        orch_room_goes_on(orch, room);
        orch->cause = (struct room_cause){.why = "death"};
        orch_place_leave_the_dead(orch, name);
        orch->cause = (struct room_cause){0};
    }
    effects_take(&orch->fx,
                 (struct effect){.type = EFFECT_PLACED, .name = name, .text = mem_str("")});
}

static bool is_gone(const struct orch *orch, const char *id)
{
    const struct registry_node *node = registry_get(orch->registry, id);
    return node == NULL ? orch->now_us >= orch->settled_us : node->state == REGISTRY_GONE;
}

static void finish_if_done(struct orch *orch, struct orphan *orphan)
{
    const struct orphan_node *node;
    DL_FOREACH(orphan->nodes, node)
    {
        if (!node->done) {
            return;
        }
    }
    finish(orch, orphan);
}

bool orch_adopt(struct orch *orch, int64_t now_us, const char *name, uint64_t epoch)
{
    orch_tick(orch, now_us);
    struct orphan *orphan = find(orch, name);
    if (orphan == NULL || orphan->nodes == NULL || orphan->epoch != 0 ||
        orch_room(orch, name) != NULL) {
        return false;
    }
    orphan->epoch = epoch != 0 ? epoch : orch_next_epoch(orch);
    orphan->until_us = now_us + ADOPT_US;
    struct orphan_node *node;
    DL_FOREACH(orphan->nodes, node)
    {
        claim(orch, orphan, node);
        node->done = is_gone(orch, node->id); /* one that something was left of */
    }
    finish_if_done(orch, orphan);
    return true;
}

/* The room's other nodes are known from what the first one kept. Those that have not found us yet,
 * who start, are waited for. */
static void ask_the_others(struct orch *orch, struct orphan *orphan,
                           const Spillway__Control__RoomState *state)
{
    size_t count;
    char **nodes = room_remains_nodes(&orch->room_config, orphan->sid, state, &count);
    for (size_t i = 0; i < count; i++) {
        const struct registry_node *node = registry_get(orch->registry, nodes[i]);
        if (node != NULL && node->state != REGISTRY_GONE) {
            ask(orch, orphan, nodes[i]);
        } else if (node == NULL && orch->now_us < orch->settled_us) {
            (void)add_node(orphan, nodes[i]);
        }
        free(nodes[i]);
    }
    free(nodes);
}

void orch_orphan_state(struct orch *orch, const char *id, const Spillway__Control__RoomState *state)
{
    struct orphan *orphan = orch->orphans;
    while (orphan != NULL && strcmp(orphan->sid, state->room) != 0) {
        orphan = orphan->hh.next;
    }
    struct orphan_node *node = orphan == NULL ? NULL : find_node(orphan, id);
    if (node == NULL || node->done || state->claimed != orphan->epoch) {
        return;
    }
    node->done = true;
    if (state->epoch == orphan->epoch) { /* else somebody claimed it after us */
        node->state = copy(&state->base, &(size_t){0});
        ask_the_others(orch, orphan, state);
    }
    finish_if_done(orch, orphan);
}

void orch_orphan_node_gone(struct orch *orch, const char *id)
{
    struct orphan *orphan, *next;
    HASH_ITER(hh, orch->orphans, orphan, next)
    {
        struct orphan_node *node = find_node(orphan, id);
        bool claimed = orphan->epoch != 0;
        if (node != NULL && !claimed && !has_left(orphan, id)) { /* it says so if it comes back */
            DL_DELETE(orphan->nodes, node);
            free(node);
            if (orphan->nodes == NULL) { /* and then it is an orphan anew */
                orphan->until_us = MAX(orch->now_us, orch->settled_us);
            }
        } else if (node != NULL && claimed && !node->done) {
            node->done = true;
            finish_if_done(orch, orphan);
        }
    }
}

void orch_miss(struct orch *orch, int64_t now_us, const char *name, const char *identity,
               const char *sid)
{
    orch_tick(orch, now_us);
    struct room_entry *entry = orch_room(orch, name);
    if (entry != NULL) {
        room_miss(entry->room, identity, sid);
        orch_settle(orch, entry);
    }
}

/* ---- What its last owner left ---------------------------------------------------------------- */

struct room_remains *orch_bequeath(struct orch *orch, const char *name, struct arena *arena,
                                   size_t *count)
{
    const struct room_entry *entry = orch_room(orch, name);
    *count = 0;
    return entry == NULL ? NULL : room_bequeath(entry->room, arena, count);
}

/* Whether there is nothing that speaks against it; an orphan of it is there then. */
static struct orphan *heir_to(struct orch *orch, const char *name, const char *from,
                              const Spillway__Control__RoomState *state)
{
    struct orphan *orphan = find(orch, name);
    if (orch_room(orch, name) != NULL || orch->room_config.seal == NULL) {
        return NULL;
    }
    orphan = orphan == NULL ? add(orch, name) : orphan;
    if (orphan == NULL || orphan->epoch != 0 ||
        (orphan->sid[0] != '\0' && strcmp(orphan->sid, state->room) != 0)) {
        return NULL;
    }
    if (orphan->left != NULL &&
        (orphan->left_epoch != state->epoch || strcmp(orphan->from, from) != 0)) {
        forget_left(orch, orphan);
    }
    return orphan;
}

void orch_remains(struct orch *orch, int64_t now_us, const char *name, const char *from,
                  const struct room_remains *remains)
{
    orch_tick(orch, now_us);
    struct orphan *orphan = heir_to(orch, name, from, remains->state);
    size_t bytes = protobuf_c_message_get_packed_size(&remains->node->base) +
                   protobuf_c_message_get_packed_size(&remains->state->base);
    if (orphan == NULL || orch->remains_bytes + bytes > ORCH_REMAINS_BYTES) {
        log_write(orch->config.log, LOG_WARN, "remains_refused room=%s bytes=%zu",
                  remains->state->room, bytes);
        return;
    }
    struct left *left = mem_alloc(sizeof(*left));
    left->node = copy(&remains->node->base, &left->bytes);
    left->state = copy(&remains->state->base, &left->bytes);
    orch->remains_bytes += left->bytes;
    DL_APPEND(orphan->left, left);
    snprintf(orphan->sid, sizeof(orphan->sid), "%s", left->state->room);
    snprintf(orphan->from, sizeof(orphan->from), "%s", from);
    orphan->left_epoch = left->state->epoch;
    orphan->until_us = now_us + ORCH_REMAINS_US;
    (void)add_node(orphan, left->node->node_id);
}

void orch_remains_due(struct orch *orch, int64_t now_us, const char *from)
{
    orch_tick(orch, now_us);
    for (struct orphan *orphan = orch->orphans; orphan != NULL; orphan = orphan->hh.next) {
        if (orphan->left != NULL && orphan->epoch == 0 && strcmp(orphan->from, from) == 0) {
            orch->last_epoch = MAX(orch->last_epoch, orphan->left_epoch);
            orphan->until_us = now_us + ORCH_REMAINS_US;
            effects_take(&orch->fx, (struct effect){.type = EFFECT_ORPHAN,
                                                    .name = mem_str(orphan->name),
                                                    .text = mem_str(from),
                                                    .epoch = orphan->left_epoch});
        }
    }
}

void orch_remains_forget(struct orch *orch, const char *name, uint64_t epoch)
{
    struct orphan *orphan = find(orch, name);
    if (orphan != NULL && orphan->left != NULL && orphan->epoch == 0 &&
        orphan->left_epoch < epoch) {
        forget_left(orch, orphan);
    }
}

/* ---- Who waits for it ---------------------------------------------------------------------- */

bool orch_orphaned(const struct orch *orch, const char *name)
{
    const struct orphan *orphan = find(orch, name);
    return orphan != NULL && orphan->nodes != NULL;
}

bool orch_adopts(const struct orch *orch, const char *name)
{
    const struct orphan *orphan = find(orch, name);
    return orphan != NULL && (orphan->epoch != 0 || orphan->nodes == NULL);
}

bool orch_expects_orphan(struct orch *orch, const char *name)
{
    if (orch->room_config.seal == NULL || orch->now_us >= orch->settled_us) {
        return false;
    }
    struct orphan *orphan = find(orch, name);
    orphan = orphan == NULL ? add(orch, name) : orphan;
    if (orphan != NULL && orphan->nodes == NULL) {
        orphan->until_us = orch->settled_us;
    }
    return orphan != NULL;
}

/* ---- Time ---------------------------------------------------------------------------------- */

int64_t orch_orphans_deadline(const struct orch *orch)
{
    int64_t at = TIME_NEVER;
    for (const struct orphan *orphan = orch->orphans; orphan != NULL; orphan = orphan->hh.next) {
        at = MIN(at, orphan->until_us);
    }
    return at;
}

void orch_orphans_expire(struct orch *orch)
{
    struct orphan *orphan, *next;
    HASH_ITER(hh, orch->orphans, orphan, next)
    {
        if (orphan->until_us <= orch->now_us) {
            finish(orch, orphan);
        }
    }
}

void orch_orphans_fini(struct orch *orch)
{
    while (orch->orphans != NULL) {
        forget(orch, orch->orphans);
    }
}
