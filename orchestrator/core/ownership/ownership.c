/* SPDX-License-Identifier: Apache-2.0 */
#include "orchestrator/core/ownership/ownership.h"

#include <stdio.h>
#include <stdlib.h>
#include <uthash.h>
#include <utlist.h>

struct owned {
    struct ownership_room room; /* first: ownership_next() hands it out */
    size_t member;
    struct owned *prev, *next; /* of its member */
    UT_hash_handle hh;
};

struct member {
    bool alive;
    bool claims;
    bool away;
    bool leaves;
    char id[ID_MAX];
    char *region;
    struct owned *rooms;
    size_t room_count;
};

struct ownership {
    struct member members[OWNERSHIP_MEMBERS_MAX];
    struct owned *rooms;
    uint64_t epoch_max; /* heard of, also of rooms that are over */
};

struct ownership *ownership_new(const char *id, const char *region)
{
    struct ownership *ownership = mem_alloc(sizeof(*ownership));
    ownership_member(ownership, OWNERSHIP_SELF, id, region);
    return ownership;
}

static void forget(struct ownership *ownership, struct owned *owned)
{
    struct member *member = &ownership->members[owned->member];
    DL_DELETE(member->rooms, owned);
    member->room_count--;
    HASH_DEL(ownership->rooms, owned);
    free((char *)(uintptr_t)owned->room.name);
    free(owned);
}

void ownership_free(struct ownership *ownership)
{
    for (size_t i = 0; i < OWNERSHIP_MEMBERS_MAX; i++) {
        ownership_member_gone(ownership, i);
    }
    free(ownership);
}

/* ---- Members ------------------------------------------------------------------------------- */

void ownership_member(struct ownership *ownership, size_t member, const char *id,
                      const char *region)
{
    assert(member < OWNERSHIP_MEMBERS_MAX && strlen(id) < ID_MAX);
    struct member *m = &ownership->members[member];
    char *copy = mem_str(region);
    free(m->region);
    m->region = copy;
    m->alive = true;
    snprintf(m->id, sizeof(m->id), "%s", id);
}

void ownership_member_claims(struct ownership *ownership, size_t member, bool claims)
{
    ownership->members[member].claims = claims;
}

void ownership_member_away(struct ownership *ownership, size_t member, bool away)
{
    ownership->members[member].away = away;
}

void ownership_member_gone(struct ownership *ownership, size_t member)
{
    struct member *m = &ownership->members[member];
    while (m->rooms != NULL) {
        forget(ownership, m->rooms);
    }
    free(m->region);
    *m = (struct member){0};
}

void ownership_member_leaves(struct ownership *ownership, size_t member)
{
    ownership->members[member].leaves = true;
}

size_t ownership_member_of(const struct ownership *ownership, const char *id)
{
    for (size_t i = 0; i < OWNERSHIP_MEMBERS_MAX; i++) {
        if (ownership->members[i].alive && strcmp(ownership->members[i].id, id) == 0) {
            return i;
        }
    }
    return OWNERSHIP_NOBODY;
}

static uint64_t hash(uint64_t from, const char *text)
{
    for (; *text != '\0'; text++) { /* FNV-1a */
        from = (from ^ (uint8_t)*text) * 0x100000001b3;
    }
    return from;
}

/* FNV's highest bits hardly depend on the last bytes; weights are compared by them. */
static uint64_t weight(const char *room, const char *id)
{
    uint64_t x = hash(hash(0xcbf29ce484222325, id) * 0x100000001b3, room);
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9;
    x = (x ^ x >> 27) * 0x94d049bb133111eb;
    return x ^ x >> 31;
}

enum choice { CLAIMS_HERE, CLAIMS, ALIVE, LEAVING, CHOICES, ALIVE_HERE };

static bool eligible(const struct member *m, enum choice choice, const char *region)
{
    if (!m->alive || m->away || (m->leaves && choice != LEAVING)) {
        return false;
    }
    switch (choice) {
    case CLAIMS_HERE:
        return m->claims && strcmp(m->region, region) == 0;
    case ALIVE_HERE:
        return strcmp(m->region, region) == 0;
    case CLAIMS:
        return m->claims;
    default:
        return true;
    }
}

static size_t heaviest(const struct ownership *ownership, const char *room, enum choice choice,
                       const char *region)
{
    size_t best = OWNERSHIP_NOBODY;
    uint64_t best_weight = 0;
    for (size_t i = 0; i < OWNERSHIP_MEMBERS_MAX; i++) {
        const struct member *m = &ownership->members[i];
        if (!eligible(m, choice, region)) {
            continue;
        }
        uint64_t w = weight(room, m->id);
        if (best == OWNERSHIP_NOBODY || w > best_weight) {
            best = i;
            best_weight = w;
        }
    }
    return best;
}

size_t ownership_preferred(const struct ownership *ownership, const char *room,
                           enum ownership_scope scope)
{
    size_t best = OWNERSHIP_NOBODY;
    for (enum choice choice = scope == OWNERSHIP_REGION ? CLAIMS_HERE : ALIVE;
         choice < CHOICES && best == OWNERSHIP_NOBODY; choice++) {
        best = heaviest(ownership, room, choice, ownership->members[OWNERSHIP_SELF].region);
    }
    assert(best != OWNERSHIP_NOBODY); /* we are alive */
    return best;
}

size_t ownership_heir(const struct ownership *ownership, const char *room, const char *region)
{
    static const enum choice choices[] = {ALIVE_HERE, ALIVE, LEAVING};
    size_t best = OWNERSHIP_NOBODY;
    for (size_t i = 0; i < ARRAY_LEN(choices) && best == OWNERSHIP_NOBODY; i++) {
        best = heaviest(ownership, room, choices[i], region);
    }
    assert(best != OWNERSHIP_NOBODY); /* we are alive */
    return best;
}

/* ---- Rooms --------------------------------------------------------------------------------- */

static struct owned *find(const struct ownership *ownership, const char *room)
{
    struct owned *owned;
    HASH_FIND_STR(ownership->rooms, room, owned);
    return owned;
}

size_t ownership_owner(const struct ownership *ownership, const char *room, uint64_t *epoch)
{
    const struct owned *owned = find(ownership, room);
    if (owned == NULL) {
        return OWNERSHIP_NOBODY;
    }
    *epoch = owned->room.epoch;
    return owned->member;
}

void ownership_heard_of(struct ownership *ownership, uint64_t epoch)
{
    if (epoch < (uint64_t)1 << 53) { /* what the store's numbers hold */
        ownership->epoch_max = MAX(ownership->epoch_max, epoch);
    }
}

uint64_t ownership_next_epoch(const struct ownership *ownership, uint64_t wall_us)
{
    return MAX(ownership->epoch_max + 1, wall_us);
}

static bool beats(const struct ownership *ownership, size_t member, uint64_t epoch,
                  const struct owned *known)
{
    if (known->member == member || known->room.epoch != epoch) {
        return epoch >= known->room.epoch;
    }
    return strcmp(ownership->members[member].id, ownership->members[known->member].id) > 0;
}

enum ownership_verdict ownership_take(struct ownership *ownership, size_t member, const char *room,
                                      uint64_t epoch)
{
    assert(ownership->members[member].alive);
    struct owned *owned = find(ownership, room);
    ownership_heard_of(ownership, epoch);
    enum ownership_verdict verdict = OWNERSHIP_NOTED;
    if (owned != NULL) {
        if (!beats(ownership, member, epoch, owned)) {
            return OWNERSHIP_STALE;
        }
        if (owned->member == OWNERSHIP_SELF && member != OWNERSHIP_SELF) {
            verdict = OWNERSHIP_LOST;
        }
        forget(ownership, owned);
    }
    owned = mem_alloc(sizeof(*owned));
    owned->room = (struct ownership_room){.name = mem_str(room), .epoch = epoch};
    owned->member = member;
    HASH_ADD_KEYPTR(hh, ownership->rooms, owned->room.name, strlen(owned->room.name), owned);
    DL_APPEND(ownership->members[member].rooms, owned);
    ownership->members[member].room_count++;
    return verdict;
}

void ownership_release(struct ownership *ownership, size_t member, const char *room, uint64_t epoch)
{
    struct owned *owned = find(ownership, room);
    if (owned != NULL && owned->member == member && owned->room.epoch == epoch) {
        forget(ownership, owned);
    }
}

const struct ownership_room *ownership_next(const struct ownership *ownership, size_t member,
                                            const struct ownership_room *last)
{
    const struct owned *next = last == NULL ? ownership->members[member].rooms
                                            : ((const struct owned *)(const void *)last)->next;
    return next == NULL ? NULL : &next->room;
}

size_t ownership_count(const struct ownership *ownership, size_t member)
{
    return ownership->members[member].room_count;
}
