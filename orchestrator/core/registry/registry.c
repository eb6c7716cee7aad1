/* SPDX-License-Identifier: Apache-2.0
 *
 * Nodes are found by id and, while they live, by name. Reservations and gone nodes each last for a
 * fixed time, so the queues they stand in are in order of their ends without any sorting.
 */
#include "orchestrator/core/registry/registry.h"

#include <stdio.h>
#include <stdlib.h>
#include <uthash.h>
#include <utlist.h>

struct entry;

/* Weight promised to a node for one of its rooms. */
struct reservation {
    struct entry *entry;
    char room[ID_MAX];
    int64_t until_us;
    bool confirmed;
    struct reservation *prev, *next;           /* registry->reservations */
    struct reservation *node_prev, *node_next; /* entry->reservations */
};

struct entry {
    struct registry_node node;
    size_t index;                     /* in registry->entries */
    struct reservation *reservations; /* of this node */
    int64_t forget_at_us;             /* while gone */
    struct entry *prev, *next;        /* registry->gone, while gone */
    UT_hash_handle by_id;
    UT_hash_handle by_name; /* while not gone */
};

struct registry {
    struct registry_config config;
    struct entry **entries;
    size_t count;
    struct entry *by_id;
    struct entry *by_name;
    struct reservation *reservations; /* by until_us */
    struct entry *gone;               /* by forget_at_us */
};

static struct entry *find(const struct registry *registry, const char *id)
{
    struct entry *entry;
    HASH_FIND(by_id, registry->by_id, id, strlen(id), entry);
    return entry;
}

static struct entry *find_live(const struct registry *registry, const char *id)
{
    struct entry *entry = find(registry, id);
    return entry == NULL || entry->node.state == REGISTRY_GONE ? NULL : entry;
}

/* ---- Rooms and reservations --------------------------------------------------------------------
 */

static struct registry_room *find_room(const struct entry *entry, const char *room)
{
    for (size_t i = 0; i < entry->node.room_count; i++) {
        if (strcmp(entry->node.rooms[i].sid, room) == 0) {
            return &entry->node.rooms[i];
        }
    }
    return NULL;
}

static struct reservation *find_reservation(const struct entry *entry, const char *room)
{
    struct reservation *reservation;
    DL_FOREACH2(entry->reservations, reservation, node_next)
    {
        if (strcmp(reservation->room, room) == 0) {
            return reservation;
        }
    }
    return NULL;
}

static void release(struct registry *registry, struct reservation *reservation)
{
    struct entry *entry = reservation->entry;
    struct registry_room *room = find_room(entry, reservation->room);
    assert(room != NULL && entry->node.reserved >= room->reserved);
    entry->node.reserved -= room->reserved;
    room->reserved = 0;
    DL_DELETE(registry->reservations, reservation);
    DL_DELETE2(entry->reservations, reservation, node_prev, node_next);
    free(reservation);
}

static void release_all(struct registry *registry, struct entry *entry)
{
    while (entry->reservations != NULL) {
        release(registry, entry->reservations);
    }
}

int registry_room_placed(struct registry *registry, int64_t now_us, const char *id,
                         const char *room, uint32_t weight)
{
    struct entry *entry = find_live(registry, id);
    assert(strlen(room) < ID_MAX);
    if (entry == NULL) {
        return ERR_NOT_FOUND;
    }
    struct registry_node *node = &entry->node;
    struct registry_room *row = find_room(entry, room);
    if (row == NULL) {
        if (node->room_count == REGISTRY_ROOMS_MAX) {
            return ERR_FULL;
        }
        node->rooms = mem_grow(node->rooms, node->room_count + 1, sizeof(*node->rooms));
        row = &node->rooms[node->room_count++];
        *row = (struct registry_room){0};
        snprintf(row->sid, sizeof(row->sid), "%s", room);
    }
    struct reservation *reservation = find_reservation(entry, room);
    if (reservation == NULL) {
        reservation = mem_alloc(sizeof(*reservation));
        reservation->entry = entry;
        snprintf(reservation->room, sizeof(reservation->room), "%s", room);
        DL_APPEND2(entry->reservations, reservation, node_prev, node_next);
    } else {
        DL_DELETE(registry->reservations, reservation);
    }
    DL_APPEND(registry->reservations, reservation);
    reservation->until_us = now_us + registry->config.hold_us;
    reservation->confirmed = false;
    /* Absurd sums stop at the top instead of coming around to zero. */
    uint32_t added = MIN(weight, UINT32_MAX - node->reserved);
    row->reserved += added;
    node->reserved += added;
    return 0;
}

void registry_room_confirmed(struct registry *registry, const char *id, const char *room)
{
    struct entry *entry = find(registry, id);
    struct reservation *reservation = entry == NULL ? NULL : find_reservation(entry, room);
    if (reservation != NULL) {
        reservation->confirmed = true;
    }
}

void registry_room_removed(struct registry *registry, const char *id, const char *room)
{
    struct entry *entry = find(registry, id);
    struct registry_room *row = entry == NULL ? NULL : find_room(entry, room);
    if (row == NULL) {
        return;
    }
    struct reservation *reservation = find_reservation(entry, room);
    if (reservation != NULL) {
        release(registry, reservation);
    }
    *row = entry->node.rooms[--entry->node.room_count];
}

/* ---- Nodes
 * --------------------------------------------------------------------------------------- */

static bool text_fits(const char *text, bool may_be_empty)
{
    return strlen(text) < REGISTRY_NAME_MAX && (may_be_empty || text[0] != '\0');
}

static bool identity_valid(const struct registry_identity *identity)
{
    return text_fits(identity->id, false) && text_fits(identity->name, false) &&
           text_fits(identity->region, true) && text_fits(identity->zone, true) &&
           text_fits(identity->version, true) && identity->endpoint_count > 0 &&
           identity->endpoint_count <= REGISTRY_ENDPOINTS_MAX;
}

static void copy_text(char out[REGISTRY_NAME_MAX], const char *text)
{
    snprintf(out, REGISTRY_NAME_MAX, "%s", text);
}

static struct entry *new_entry(struct registry *registry, const struct registry_identity *identity)
{
    struct entry *entry = mem_alloc(sizeof(*entry));
    copy_text(entry->node.id, identity->id);
    entry->index = registry->count;
    registry->entries =
        mem_grow(registry->entries, registry->count + 1, sizeof(*registry->entries));
    registry->entries[registry->count++] = entry;
    HASH_ADD(by_id, registry->by_id, node.id, strlen(entry->node.id), entry);
    return entry;
}

static void forget(struct registry *registry, struct entry *entry)
{
    release_all(registry, entry);
    if (entry->node.state == REGISTRY_GONE) {
        DL_DELETE(registry->gone, entry);
    } else {
        HASH_DELETE(by_name, registry->by_name, entry);
    }
    HASH_DELETE(by_id, registry->by_id, entry);
    struct entry *last = registry->entries[--registry->count];
    registry->entries[entry->index] = last;
    last->index = entry->index;
    free(entry->node.rooms);
    free(entry);
}

static void set_identity(struct registry_node *node, int64_t now_us,
                         const struct registry_identity *identity)
{
    copy_text(node->name, identity->name);
    copy_text(node->region, identity->region);
    copy_text(node->zone, identity->zone);
    copy_text(node->version, identity->version);
    memcpy(node->endpoints, identity->endpoints,
           identity->endpoint_count * sizeof(*identity->endpoints));
    node->endpoint_count = identity->endpoint_count;
    node->capacity = identity->capacity;
    node->pid = identity->pid;
    node->registered_at_us = now_us;
    node->heard_at_us = now_us;
    node->suspect = false;
}

int registry_add(struct registry *registry, int64_t now_us,
                 const struct registry_identity *identity)
{
    if (!identity_valid(identity)) {
        return ERR_INVALID;
    }
    struct entry *namesake;
    HASH_FIND(by_name, registry->by_name, identity->name, strlen(identity->name), namesake);
    struct entry *entry = find(registry, identity->id);
    if (namesake != NULL && namesake != entry) {
        return ERR_EXISTS;
    }
    if (entry == NULL && registry->count == REGISTRY_NODES_MAX) {
        return ERR_FULL;
    }
    if (entry == NULL) {
        entry = new_entry(registry, identity);
    } else if (entry->node.state == REGISTRY_GONE) {
        DL_DELETE(registry->gone, entry);
        entry->node.state = REGISTRY_READY;
        entry->node.room_count = 0;
        entry->node.load = (struct registry_load){0};
    } else {
        HASH_DELETE(by_name, registry->by_name, entry);
    }
    set_identity(&entry->node, now_us, identity);
    HASH_ADD(by_name, registry->by_name, node.name, strlen(entry->node.name), entry);
    return 0;
}

int registry_heard(struct registry *registry, int64_t now_us, const char *id,
                   const struct registry_load *load)
{
    struct entry *entry = find_live(registry, id);
    if (entry == NULL) {
        return ERR_NOT_FOUND;
    }
    entry->node.load = *load;
    entry->node.heard_at_us = now_us;
    struct reservation *reservation;
    struct reservation *next;
    DL_FOREACH_SAFE2(entry->reservations, reservation, next, node_next)
    {
        if (reservation->confirmed) {
            release(registry, reservation);
        }
    }
    return 0;
}

int registry_set_state(struct registry *registry, const char *id, enum registry_state state)
{
    assert(state != REGISTRY_GONE);
    struct entry *entry = find(registry, id);
    if (entry == NULL) {
        return ERR_NOT_FOUND;
    }
    if (entry->node.state == REGISTRY_GONE) {
        return ERR_STATE;
    }
    entry->node.state = state;
    return 0;
}

void registry_set_suspect(struct registry *registry, const char *id, bool suspect)
{
    struct entry *entry = find_live(registry, id);
    if (entry != NULL) {
        entry->node.suspect = suspect;
    }
}

int registry_gone(struct registry *registry, int64_t now_us, const char *id)
{
    struct entry *entry = find_live(registry, id);
    if (entry == NULL) {
        return ERR_NOT_FOUND;
    }
    release_all(registry, entry);
    HASH_DELETE(by_name, registry->by_name, entry);
    entry->node.state = REGISTRY_GONE;
    entry->forget_at_us = now_us + registry->config.forget_us;
    DL_APPEND(registry->gone, entry);
    return 0;
}

const struct registry_node *registry_get(const struct registry *registry, const char *id)
{
    struct entry *entry = find(registry, id);
    return entry == NULL ? NULL : &entry->node;
}

const struct registry_node *registry_named(const struct registry *registry, const char *name)
{
    struct entry *entry;
    HASH_FIND(by_name, registry->by_name, name, strlen(name), entry);
    if (entry != NULL) {
        return &entry->node;
    }
    const struct registry_node *latest = NULL;
    DL_FOREACH(registry->gone, entry)
    {
        if (strcmp(entry->node.name, name) == 0) {
            latest = &entry->node;
        }
    }
    return latest;
}

size_t registry_count(const struct registry *registry)
{
    return registry->count;
}

const struct registry_node *registry_at(const struct registry *registry, size_t index)
{
    assert(index < registry->count);
    return &registry->entries[index]->node;
}

const char *registry_state_text(enum registry_state state)
{
    switch (state) {
    case REGISTRY_READY:
        return "ready";
    case REGISTRY_CORDONED:
        return "cordoned";
    case REGISTRY_DRAINING:
        return "draining";
    case REGISTRY_GONE:
        return "gone";
    }
    unreachable();
}

/* ---- Life and time
 * --------------------------------------------------------------------------------- */

struct registry *registry_new(const struct registry_config *config)
{
    assert(config->hold_us > 0 && config->forget_us > 0);
    struct registry *registry = mem_alloc(sizeof(*registry));
    registry->config = *config;
    return registry;
}

void registry_free(struct registry *registry)
{
    while (registry->count > 0) {
        forget(registry, registry->entries[registry->count - 1]);
    }
    free(registry->entries);
    free(registry);
}

void registry_expire(struct registry *registry, int64_t now_us)
{
    while (registry->reservations != NULL && registry->reservations->until_us <= now_us) {
        release(registry, registry->reservations);
    }
    while (registry->gone != NULL && registry->gone->forget_at_us <= now_us) {
        forget(registry, registry->gone);
    }
}

int64_t registry_deadline(const struct registry *registry)
{
    int64_t deadline_us = TIME_NEVER;
    if (registry->reservations != NULL) {
        deadline_us = registry->reservations->until_us;
    }
    if (registry->gone != NULL) {
        deadline_us = MIN(deadline_us, registry->gone->forget_at_us);
    }
    return deadline_us;
}
