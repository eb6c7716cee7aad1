/* SPDX-License-Identifier: Apache-2.0
 *
 * Audio before video when capacity is short (a region is lost, and the others have not place for
 * all of it). Whose node died and whom no node takes below join_permille with all he watches, is
 * moved with what he hears alone, up to the last of a node's capacity: a room as a whole where one
 * node takes it, else one by one. Newcomers are refused meanwhile (placement.h), and who comes back
 * to such a node stays without video.
 *
 * Video comes again with a hysteresis: when his node with it is at or below fill_permille, or
 * another one is, to which his room's people then move. PEOPLE_A_STEP at a time, so that reports of
 * what it did come in between.
 */
#include "orchestrator/core/orch/private.h"

#define STEP_US       TIME_S(1)
#define PEOPLE_A_STEP 50
#define AGAIN_US      TIME_S(3) /* more than ROOM_ARRIVAL_TIMEOUT_US */

void orch_short_begin(struct orch *orch, struct room_entry *entry)
{
    entry->is_short = true;
    orch->short_us = MIN(orch->short_us, orch->now_us + STEP_US);
}

static void flee_one_by_one(struct orch *orch, struct room_entry *entry, const char *from)
{
    struct arena arena = {0};
    Livekit__ParticipantInfo **infos;
    size_t count = room_participants(entry->room, &arena, &infos);
    for (size_t i = 0; i < count; i++) {
        const char *node = room_node_of(entry->room, infos[i]->identity);
        if (node != NULL && strcmp(node, from) == 0 &&
            orch_place_flee(orch, entry, from, infos[i]->identity) != 0) {
            break; /* the next one finds no place either */
        }
    }
    arena_fini(&arena);
}

bool orch_short_evacuate(struct orch *orch, struct room_entry *entry, const char *from)
{
    room_hold_video(entry->room, from, NULL, true);
    orch_short_begin(orch, entry);
    log_write(orch->config.log, LOG_WARN, "video_held room=%s node=%s participants=%zu", entry->sid,
              from, room_held(entry->room, from).people);
    if (orch_place_flee(orch, entry, from, NULL) != 0) {
        flee_one_by_one(orch, entry, from);
    }
    return room_node_people(entry->room, from) == 0;
}

/* ---- Video again --------------------------------------------------------------------------- */

static bool has_place(const struct orch *orch, const struct registry_node *node, uint32_t weight)
{
    uint64_t used = (uint64_t)node->load.weight + node->reserved + weight;
    return node->state != REGISTRY_GONE && !node->suspect &&
           used * 1000 <= (uint64_t)node->capacity * orch->config.fill_permille;
}

/* The room's people there go to a node that takes them with their video; they get it there. */
static size_t move_for_video(struct orch *orch, struct room_entry *entry,
                             const struct registry_node *from, uint32_t weight)
{
    const char *id = from->id;
    const struct placement_request request = {.who = PLACEMENT_NEW_ROOM,
                                              .region = from->region,
                                              .weight = room_weight(entry->room, id) + weight,
                                              .excluded = &id,
                                              .excluded_count = 1,
                                              .map = orch->map,
                                              .samples = PLACEMENT_SAMPLES_DEFAULT};
    struct placement_answer answer;
    size_t people = room_node_people(entry->room, id);
    if (entry->drained_us > orch->now_us || room_node_count(entry->room) >= ROOM_NODES_MAX ||
        placement_choose(&request, orch->registry, orch->now_us, &orch->prng, &answer) != 0 ||
        orch_place_evacuate(orch, entry, id, answer.node->id) != 0) {
        return 0;
    }
    entry->drained_us = orch->now_us + AGAIN_US;
    return people;
}

/* Of one room; how many people got it, or moved for it. */
static size_t give_back(struct orch *orch, struct room_entry *entry)
{
    size_t done = 0;
    for (size_t i = 0; i < room_node_count(entry->room); i++) {
        const char *id = room_node_at(entry->room, i);
        const struct registry_node *node = registry_get(orch->registry, id);
        struct room_held held = room_held(entry->room, id);
        if (held.people == 0 || node == NULL || node->state == REGISTRY_GONE) {
            continue;
        }
        if (!has_place(orch, node, held.weight)) {
            done += move_for_video(orch, entry, node, held.weight);
        } else if (registry_room_placed(orch->registry, orch->now_us, id, entry->sid,
                                        held.weight) == 0) {
            room_hold_video(entry->room, id, NULL, false);
            log_write(orch->config.log, LOG_INFO, "video_back room=%s node=%s participants=%zu",
                      entry->sid, id, held.people);
            done += held.people;
        }
    }
    return done;
}

void orch_short_expire(struct orch *orch)
{
    struct room_entry *entry, *next;
    size_t done = 0;
    bool more = false;
    if (orch->short_us > orch->now_us) {
        return;
    }
    HASH_ITER(hh, orch->rooms, entry, next)
    {
        if (!entry->is_short) {
            continue;
        }
        if (done < PEOPLE_A_STEP) {
            done += give_back(orch, entry);
            entry->is_short = room_held(entry->room, NULL).people > 0;
        }
        more = more || entry->is_short;
        orch_settle(orch, entry);
    }
    orch->short_us = more ? orch->now_us + STEP_US : TIME_NEVER;
}
