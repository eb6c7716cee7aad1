/* SPDX-License-Identifier: Apache-2.0
 *
 * People whom their node does not hear any more, while it lives and hears others (TransportSilent):
 * a firewall, a broken path, or they are offline. Each is given another node at once, by a planned
 * move, which is lost on nobody: who is away does not come to it, and stays (room/move.c).
 *
 * AT_ONCE of them are on their way at a time, the others wait for their turn; who comes makes room
 * soon, who does not, in ROOM_ARRIVAL_TIMEOUT_US. So when a whole network goes away, moves are few;
 * and when a node loses its own, those who came elsewhere have it condemned (gray.c), and the rest
 * leave it as everybody leaves a gray node. Whoever waits until his consent ends is told to resume.
 */
#include "orchestrator/core/orch/private.h"

#include <stdio.h>
#include <stdlib.h>
#include <utlist.h>

#define AT_ONCE     16
#define WAITING_MAX 1024 /* more of them are left to the end of their consent */
#define LOOK_US     TIME_MS(50)

struct silent {
    char *room, *identity;
    char node[REGISTRY_NAME_MAX];
    bool going;
    struct silent *prev, *next;
};

static void forget(struct orch *orch, struct silent *one)
{
    DL_DELETE(orch->silent, one);
    free(one->room);
    free(one->identity);
    free(one);
}

void orch_silence_heard(struct orch *orch, const struct room_entry *entry,
                        const struct effect *media)
{
    const struct silent *other;
    size_t count;
    DL_COUNT(orch->silent, other, count);
    if (count == WAITING_MAX) {
        return;
    }
    struct silent *one = mem_alloc(sizeof(*one));
    one->room = mem_str(entry->name);
    one->identity = mem_str(media->text);
    snprintf(one->node, sizeof(one->node), "%s", media->name);
    DL_APPEND(orch->silent, one);
    orch->silent_at_us = orch->now_us;
}

static bool is_over(const struct orch *orch, const struct silent *one)
{
    const struct room_entry *entry = orch_room(orch, one->room);
    return entry == NULL || !(one->going ? room_flees(entry->room, one->identity)
                                         : room_is_silent(entry->room, one->identity, one->node));
}

/* How many are on their way. */
static size_t look(struct orch *orch)
{
    size_t going = 0;
    struct silent *one, *next;
    DL_FOREACH_SAFE(orch->silent, one, next)
    {
        if (is_over(orch, one)) {
            forget(orch, one);
        } else {
            going += one->going;
        }
    }
    return going;
}

static bool flee(struct orch *orch, struct silent *one)
{
    struct room_entry *entry = orch_room(orch, one->room);
    orch->cause = (struct room_cause){.why = "silence"};
    one->going = orch_place_plan(orch, entry, one->identity, one->node) == 0;
    orch->cause = (struct room_cause){0};
    if (!one->going) { /* nowhere to */
        forget(orch, one);
        return false;
    }
    orch->stats.silent_moves++;
    orch_settle(orch, entry);
    return true;
}

void orch_silence_expire(struct orch *orch)
{
    struct silent *one, *next;
    if (orch->silent == NULL || orch->silent_at_us > orch->now_us) {
        return;
    }
    size_t going = look(orch);
    DL_FOREACH_SAFE(orch->silent, one, next)
    {
        going += !one->going && going < AT_ONCE && flee(orch, one);
    }
    orch->silent_at_us = orch->now_us + LOOK_US;
}

int64_t orch_silence_deadline(const struct orch *orch)
{
    return orch->silent == NULL ? TIME_NEVER : orch->silent_at_us;
}

void orch_silence_fini(struct orch *orch)
{
    while (orch->silent != NULL) {
        forget(orch, orch->silent);
    }
}
