/* SPDX-License-Identifier: Apache-2.0
 *
 * Nodes are found by id and, while they live, by name. Holds, expectations and gone nodes each last
 * for a fixed time, so the queues they stand in are in order of their ends without any sorting.
 *
 * A region's nodes stand in one array, those of a level side by side: OPEN first, then CROWDED,
 * SHUT, OUT. A node changes its level by swapping places with one at the border.
 */
#include "orchestrator/core/registry/registry.h"

#include <stdio.h>
#include <stdlib.h>
#include <uthash.h>
#include <utlist.h>

struct entry;

/* A room on a node. */
struct row {
    struct entry *entry;
    char sid[ID_MAX];
    uint32_t held;             /* promised and not reported yet */
    uint32_t expected;         /* to be carried in the end; 0: nobody said so */
    uint32_t carried;          /* of it, by the last load report after a confirmation */
    uint64_t counted;          /* of the node's reserved: what held and expected make together */
    bool waits;                /* for a load report: is in entry->waiting */
    bool confirmed;            /* the next report counts what is held ... */
    uint32_t confirmed_weight; /* ... and then this is carried */
    int64_t held_until_us;
    int64_t expected_until_us;
    int64_t joins_at_us;
    struct row *prev, *next;               /* registry->holds, while held_until_us is set */
    struct row *node_prev, *node_next;     /* entry->waiting, while waits */
    struct row *expect_prev, *expect_next; /* registry->expectations, while expected */
    UT_hash_handle hh;                     /* entry->rows by sid */
};

struct region {
    char name[REGISTRY_NAME_MAX];
    size_t index; /* in registry->regions */
    struct entry **nodes;
    size_t ends[REGISTRY_LEVELS]; /* of each level's nodes in the array */
};

struct entry {
    struct registry_node node;
    size_t index; /* in registry->entries */
    struct region *region;
    size_t place;     /* in region->nodes */
    struct row *rows; /* by sid */
    struct row *waiting;
    int64_t forget_at_us;      /* while gone */
    struct entry *prev, *next; /* registry->gone, while gone */
    UT_hash_handle by_id;
    UT_hash_handle by_name; /* while not gone */
};

struct registry {
    struct registry_config config;
    struct entry **entries;
    size_t count;
    struct entry *by_id;
    struct entry *by_name;
    struct region *regions[REGISTRY_REGIONS_MAX];
    size_t region_count;
    struct row *holds;        /* by held_until_us */
    struct row *expectations; /* by expected_until_us */
    struct entry *gone;       /* by forget_at_us */
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

/* ---- Regions and levels ------------------------------------------------------------------------
 */

static size_t find_region(const struct registry *registry, const char *name)
{
    size_t i = 0;
    while (i < registry->region_count && strcmp(registry->regions[i]->name, name) != 0) {
        i++;
    }
    return i;
}

static void put(struct region *region, size_t place, struct entry *entry)
{
    region->nodes[place] = entry;
    entry->place = place;
}

static void swap(struct region *region, struct entry *entry, size_t place)
{
    put(region, entry->place, region->nodes[place]);
    put(region, place, entry);
}

static void set_level(struct entry *entry, enum registry_level level)
{
    struct region *region = entry->region;
    while (entry->node.level < level) {
        swap(region, entry, --region->ends[entry->node.level]);
        entry->node.level++;
    }
    while (entry->node.level > level) {
        entry->node.level--;
        swap(region, entry, region->ends[entry->node.level]++);
    }
}

static enum registry_level level_of(const struct registry_config *config,
                                    const struct registry_node *node)
{
    if (node->state != REGISTRY_READY || node->suspect) {
        return REGISTRY_OUT;
    }
    uint64_t used = (node->load.weight + node->reserved + config->usual_weight) * 1000;
    if (used <= (uint64_t)node->capacity * config->open_permille) {
        return REGISTRY_OPEN;
    }
    return used <= (uint64_t)node->capacity * config->join_permille ? REGISTRY_CROWDED
                                                                    : REGISTRY_SHUT;
}

/* After whatever the level depends on has changed. */
static void classify(const struct registry *registry, struct entry *entry)
{
    set_level(entry, level_of(&registry->config, &entry->node));
}

/* The entry stands in its region as OUT until it is classified. */
static void enter_region(struct registry *registry, struct entry *entry, const char *name)
{
    size_t i = find_region(registry, name);
    if (i == registry->region_count) {
        assert(registry->region_count < REGISTRY_REGIONS_MAX);
        registry->regions[i] = mem_alloc(sizeof(struct region));
        snprintf(registry->regions[i]->name, REGISTRY_NAME_MAX, "%s", name);
        registry->regions[i]->index = registry->region_count++;
    }
    struct region *region = registry->regions[i];
    size_t *count = &region->ends[REGISTRY_OUT];
    region->nodes = mem_grow(region->nodes, *count + 1, sizeof(struct entry *));
    entry->region = region;
    entry->node.level = REGISTRY_OUT;
    put(region, (*count)++, entry);
}

static void leave_region(struct registry *registry, struct entry *entry)
{
    struct region *region = entry->region;
    set_level(entry, REGISTRY_OUT);
    swap(region, entry, --region->ends[REGISTRY_OUT]);
    entry->region = NULL;
    if (region->ends[REGISTRY_OUT] == 0) {
        struct region *last = registry->regions[--registry->region_count];
        registry->regions[region->index] = last;
        last->index = region->index;
        free(region->nodes);
        free(region);
    }
}

size_t registry_region_count(const struct registry *registry)
{
    return registry->region_count;
}

const char *registry_region_name(const struct registry *registry, size_t region)
{
    assert(region < registry->region_count);
    return registry->regions[region]->name;
}

size_t registry_region_of(const struct registry_node *node)
{
    return ((const struct entry *)node)->region->index; /* the entry's first member */
}

size_t registry_region_lost(const struct registry *registry, size_t region, int64_t since_us)
{
    const struct entry *entry = registry->gone; /* its prev is the last one: utlist.h */
    size_t lost = 0;
    while (entry != NULL) {
        entry = entry->prev;
        if (entry->forget_at_us - registry->config.forget_us < since_us) {
            break;
        }
        lost += entry->region->index == region;
        entry = entry == registry->gone ? NULL : entry;
    }
    return lost;
}

static size_t level_begin(const struct region *region, enum registry_level level)
{
    return level == REGISTRY_OPEN ? 0 : region->ends[level - 1];
}

size_t registry_region_size(const struct registry *registry, size_t region,
                            enum registry_level level)
{
    assert(region < registry->region_count && level < REGISTRY_LEVELS);
    const struct region *r = registry->regions[region];
    return r->ends[level] - level_begin(r, level);
}

const struct registry_node *registry_region_node(const struct registry *registry, size_t region,
                                                 enum registry_level level, size_t i)
{
    assert(i < registry_region_size(registry, region, level));
    const struct region *r = registry->regions[region];
    return &r->nodes[level_begin(r, level) + i]->node;
}

/* ---- Rooms and reservations --------------------------------------------------------------------
 */

static struct row *find_row(const struct entry *entry, const char *room)
{
    struct row *row = NULL;
    if (entry != NULL) {
        HASH_FIND_STR(entry->rows, room, row);
    }
    return row;
}

/* What the row adds to its node's reserved weight has changed. */
static void recount(struct registry *registry, struct row *row)
{
    struct registry_node *node = &row->entry->node;
    uint64_t promised = (uint64_t)row->held * MAX(registry->config.planners, 1);
    uint64_t missing = row->expected > row->carried ? row->expected - row->carried : 0;
    assert(node->reserved >= row->counted);
    node->reserved -= row->counted;
    row->counted = MAX(promised, missing);
    node->reserved += row->counted;
    classify(registry, row->entry);
}

static void end_hold(struct registry *registry, struct row *row)
{
    if (row->held_until_us != 0) {
        DL_DELETE(registry->holds, row);
        row->held_until_us = 0;
    }
}

static void set_waits(struct row *row, bool waits)
{
    if (waits && !row->waits) {
        DL_APPEND2(row->entry->waiting, row, node_prev, node_next);
    } else if (!waits && row->waits) {
        DL_DELETE2(row->entry->waiting, row, node_prev, node_next);
    }
    row->waits = waits;
}

static void release(struct registry *registry, struct row *row)
{
    end_hold(registry, row);
    row->held = 0;
    recount(registry, row);
}

static void expect_nothing(struct registry *registry, struct row *row)
{
    if (row->expected > 0) {
        DL_DELETE2(registry->expectations, row, expect_prev, expect_next);
        row->expected = 0;
        recount(registry, row);
    }
}

static void release_all(struct registry *registry, struct entry *entry)
{
    for (struct row *row = entry->rows; row != NULL; row = row->hh.next) {
        release(registry, row);
        expect_nothing(registry, row);
    }
}

static struct row *new_row(struct entry *entry, const char *room)
{
    struct row *row = mem_alloc(sizeof(*row));
    row->entry = entry;
    snprintf(row->sid, sizeof(row->sid), "%s", room);
    HASH_ADD_STR(entry->rows, sid, row);
    entry->node.room_count++;
    return row;
}

static void free_row(struct registry *registry, struct row *row)
{
    struct entry *entry = row->entry;
    set_waits(row, false);
    release(registry, row);
    expect_nothing(registry, row);
    HASH_DEL(entry->rows, row);
    entry->node.room_count--;
    free(row);
}

static void free_rows(struct registry *registry, struct entry *entry)
{
    while (entry->rows != NULL) {
        free_row(registry, entry->rows);
    }
}

/* ---- Join rates ---- */

static int64_t interval_us(uint32_t per_s)
{
    return TIME_S(1) / per_s;
}

static void count_join(int64_t *joins_at_us, int64_t now_us, uint32_t per_s)
{
    if (per_s > 0) { /* those who come whatever the rate says do not make others wait for long */
        int64_t at_us = MAX(*joins_at_us, now_us) + interval_us(per_s);
        *joins_at_us = MIN(at_us, now_us + TIME_S(REGISTRY_BURST_S));
    }
}

static int64_t wait_us(int64_t joins_at_us, int64_t now_us, uint32_t per_s)
{
    if (per_s == 0) {
        return 0;
    }
    return MAX(joins_at_us + interval_us(per_s) - TIME_S(REGISTRY_BURST_S) - now_us, 0);
}

int64_t registry_join_wait_us(const struct registry *registry, int64_t now_us,
                              const struct registry_node *node, const char *room)
{
    const struct registry_config *config = &registry->config;
    int64_t wait = wait_us(node->joins_at_us, now_us, config->node_joins_per_s);
    const struct entry *entry = (const struct entry *)node; /* the entry's first member */
    const struct row *row = room == NULL ? NULL : find_row(entry, room);
    if (row != NULL) {
        wait = MAX(wait, wait_us(row->joins_at_us, now_us, config->room_joins_per_s));
    }
    return wait;
}

int registry_room_placed(struct registry *registry, int64_t now_us, const char *id,
                         const char *room, uint32_t weight)
{
    const struct registry_config *config = &registry->config;
    struct entry *entry = find_live(registry, id);
    assert(strlen(room) < ID_MAX);
    if (entry == NULL) {
        return ERR_NOT_FOUND;
    }
    struct row *row = find_row(entry, room);
    if (row == NULL && entry->node.room_count == REGISTRY_ROOMS_MAX) {
        return ERR_FULL;
    }
    row = row == NULL ? new_row(entry, room) : row;
    end_hold(registry, row);
    row->held_until_us = now_us + config->hold_us;
    DL_APPEND(registry->holds, row);
    row->confirmed = false;
    set_waits(row, true);
    /* Absurd sums stop at the top instead of coming around to zero. */
    row->held += MIN(weight, UINT32_MAX - row->held);
    recount(registry, row);
    count_join(&entry->node.joins_at_us, now_us, config->node_joins_per_s);
    count_join(&row->joins_at_us, now_us, config->room_joins_per_s);
    return 0;
}

void registry_room_expected(struct registry *registry, int64_t now_us, const char *id,
                            const char *room, uint32_t weight)
{
    struct row *row = find_row(find_live(registry, id), room);
    if (row == NULL) {
        return;
    }
    expect_nothing(registry, row);
    if (weight > 0) {
        row->expected = weight;
        row->expected_until_us = now_us + registry->config.expect_us;
        DL_APPEND2(registry->expectations, row, expect_prev, expect_next);
        recount(registry, row);
    }
}

void registry_room_confirmed(struct registry *registry, const char *id, const char *room,
                             uint32_t carried)
{
    struct row *row = find_row(find_live(registry, id), room);
    if (row != NULL) {
        row->confirmed = true;
        row->confirmed_weight = carried;
        set_waits(row, true);
    }
}

void registry_room_removed(struct registry *registry, const char *id, const char *room)
{
    struct row *row = find_row(find(registry, id), room);
    if (row != NULL) {
        free_row(registry, row);
    }
}

const char *registry_room_after(const struct registry *registry, const char *id, const char *room)
{
    const struct entry *entry = find(registry, id);
    const struct row *row = room == NULL ? NULL : find_row(entry, room);
    if (row != NULL) {
        row = row->hh.next;
    } else if (room == NULL && entry != NULL) {
        row = entry->rows;
    }
    return row == NULL ? NULL : row->sid;
}

bool registry_room_is_on(const struct registry *registry, const char *id, const char *room,
                         uint64_t *reserved)
{
    const struct row *row = find_row(find(registry, id), room);
    if (row != NULL) {
        *reserved = row->counted;
    }
    return row != NULL;
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
    free_rows(registry, entry);
    leave_region(registry, entry);
    if (entry->node.state == REGISTRY_GONE) {
        DL_DELETE(registry->gone, entry);
    } else {
        HASH_DELETE(by_name, registry->by_name, entry);
    }
    HASH_DELETE(by_id, registry->by_id, entry);
    struct entry *last = registry->entries[--registry->count];
    registry->entries[entry->index] = last;
    last->index = entry->index;
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
    bool new_region = find_region(registry, identity->region) == registry->region_count;
    if ((entry == NULL && registry->count == REGISTRY_NODES_MAX) ||
        (new_region && registry->region_count == REGISTRY_REGIONS_MAX)) {
        return ERR_FULL;
    }
    if (entry == NULL) {
        entry = new_entry(registry, identity);
    } else if (entry->node.state == REGISTRY_GONE) {
        DL_DELETE(registry->gone, entry);
        entry->node.state = REGISTRY_READY;
        free_rows(registry, entry);
        entry->node.load = (struct registry_load){0};
    } else {
        HASH_DELETE(by_name, registry->by_name, entry);
    }
    if (entry->region != NULL) {
        leave_region(registry, entry);
    }
    set_identity(&entry->node, now_us, identity);
    enter_region(registry, entry, identity->region);
    classify(registry, entry);
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
    classify(registry, entry);
    struct row *row, *next;
    DL_FOREACH_SAFE2(entry->waiting, row, next, node_next)
    {
        if (row->confirmed) {
            set_waits(row, false);
            row->confirmed = false;
            row->carried = row->confirmed_weight;
            release(registry, row);
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
    classify(registry, entry);
    return 0;
}

void registry_set_suspect(struct registry *registry, const char *id, bool suspect)
{
    struct entry *entry = find_live(registry, id);
    if (entry != NULL) {
        entry->node.suspect = suspect;
        classify(registry, entry);
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
    entry->node.gone_at_us = now_us;
    classify(registry, entry);
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
    case REGISTRY_GRAY:
        return "gray";
    case REGISTRY_GONE:
        return "gone";
    }
    unreachable();
}

/* ---- Life and time
 * --------------------------------------------------------------------------------- */

struct registry *registry_new(const struct registry_config *config)
{
    assert(config->hold_us > 0 && config->forget_us > 0 && config->expect_us > 0);
    assert(config->open_permille > 0 && config->open_permille <= config->join_permille);
    assert(config->join_permille <= 1000);
    struct registry *registry = mem_alloc(sizeof(*registry));
    registry->config = *config;
    return registry;
}

const struct registry_config *registry_config(const struct registry *registry)
{
    return &registry->config;
}

void registry_set_planners(struct registry *registry, uint32_t planners)
{
    registry->config.planners = planners;
    for (struct row *row = registry->holds; row != NULL; row = row->next) {
        recount(registry, row);
    }
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
    while (registry->holds != NULL && registry->holds->held_until_us <= now_us) {
        release(registry, registry->holds);
    }
    while (registry->expectations != NULL && registry->expectations->expected_until_us <= now_us) {
        expect_nothing(registry, registry->expectations);
    }
    while (registry->gone != NULL && registry->gone->forget_at_us <= now_us) {
        forget(registry, registry->gone);
    }
}

int64_t registry_deadline(const struct registry *registry)
{
    int64_t deadline_us = TIME_NEVER;
    if (registry->holds != NULL) {
        deadline_us = registry->holds->held_until_us;
    }
    if (registry->expectations != NULL) {
        deadline_us = MIN(deadline_us, registry->expectations->expected_until_us);
    }
    if (registry->gone != NULL) {
        deadline_us = MIN(deadline_us, registry->gone->forget_at_us);
    }
    return deadline_us;
}
