/* SPDX-License-Identifier: Apache-2.0
 *
 * The store of a single orchestrator. Node load has no reader outside of this process, which knows
 * it already, so only rooms are kept; their number is that of the live rooms.
 */
#include "orchestrator/shell/store/internal.h"

#include <stdlib.h>
#include <uthash.h>

struct kept {
    char *name;
    char *node;
    char *owner;
    uint64_t epoch;
    UT_hash_handle hh;
};

struct memory {
    struct kept *rooms;
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
    free(kept);
}

struct memory *memory_new(void)
{
    return mem_alloc(sizeof(struct memory));
}

void memory_free(struct memory *memory)
{
    while (memory->rooms != NULL) {
        forget(memory, memory->rooms);
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
