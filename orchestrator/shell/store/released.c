/* SPDX-License-Identifier: Apache-2.0
 *
 * A release that is said while Redis is away, or whose answer is lost with the connection, is said
 * again when it is back: else the room's row would name its owner until it expires. Saying it twice
 * does nothing twice, and nothing to a room that was claimed again: the epoch is another one.
 */
#include "orchestrator/shell/store/internal.h"

#include <stdlib.h>
#include <utlist.h>

struct release {
    struct released *released;
    char *room; /* owned */
    uint64_t epoch;
    struct release *prev, *next; /* while it is not on its way */
};

struct released {
    struct redis **redis;
    const char *owner;
    struct release *list; /* the oldest first */
    size_t count;
};

struct released *released_new(struct redis **redis, const char *owner)
{
    struct released *released = mem_alloc(sizeof(*released));
    released->redis = redis;
    released->owner = owner;
    return released;
}

static struct release *take_oldest(struct released *released)
{
    struct release *release = released->list;
    DL_DELETE(released->list, release);
    released->count--;
    return release;
}

static void release_free(struct release *release)
{
    free(release->room);
    free(release);
}

static void keep(struct released *released, struct release *release)
{
    if (released->count == RELEASED_MAX) {
        release_free(take_oldest(released));
    }
    DL_APPEND(released->list, release);
    released->count++;
}

void released_free(struct released *released)
{
    while (released->list != NULL) {
        release_free(take_oldest(released));
    }
    free(released);
}

void released_add(struct released *released, const char *room, uint64_t epoch)
{
    struct release *release = mem_alloc(sizeof(*release));
    *release = (struct release){.released = released, .room = mem_str(room), .epoch = epoch};
    keep(released, release);
}

static void on_released(void *arg, const struct redisReply *reply)
{
    struct release *release = arg;
    if (reply == NULL) {
        keep(release->released, release);
    } else {
        release_free(release);
    }
}

void released_say(struct released *released, size_t count)
{
    for (count = MIN(count, released->count); count > 0; count--) {
        struct release *release = take_oldest(released);
        struct row row;
        row_of_release(&row, released->owner, release->room, release->epoch);
        if (redis_send(*released->redis, &row, on_released, release) != 0) {
            keep(released, release);
            return;
        }
    }
}
