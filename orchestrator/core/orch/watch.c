/* SPDX-License-Identifier: Apache-2.0
 *
 * Who hears a node beside us. The nodes of a region stand in a ring, in the order of their ids,
 * which every orchestrator knows alike; each keeps a trunk to the one before and the one after it
 * (control.proto, Watch), whether they share a room or not. When it hangs, two neighbours know
 * within half a second, and tell with their heartbeats (orch_watch_silent).
 *
 * A node is told with its next heartbeat after its neighbours or the keys of its trunks changed.
 *
 * One that is alone in its region has no neighbour. Orchestrators tell each other at once whom they
 * do not hear (bus.proto, Beat): two that do not, of which one is of its region, and who hear each
 * other, know that it is the node and not a way between regions. Their ears are TCP connections of
 * the node, on which what is lost once comes 200 ms and a round trip later (RFC 8985), so it takes
 * suspect_us of the one that tells, which two losses in a row on a long way, or three on a short
 * one, are needed for.
 */
#include "orchestrator/core/orch/private.h"

#include <stdio.h>

#define LATE_AGAIN  2 /* times the worst lag of its loop that a node told last */
#define LATE_MAX_US TIME_S(1)
#define SILENCED_US TIME_S(1) /* how long a death is told to those who have not found it out */

static void due(struct node_entry *entry)
{
    entry->watch_due = entry->before->watch_due = entry->after->watch_due = true;
}

/* Behind whom it belongs; NULL: it is alone. */
static struct node_entry *place_of(const struct orch *orch, const struct node_entry *entry)
{
    struct node_entry *below = NULL, *last = NULL;
    for (struct node_entry *other = orch->nodes; other != NULL; other = other->hh.next) {
        if (other == entry || strcmp(other->info->region, entry->info->region) != 0) {
            continue;
        }
        if (last == NULL || strcmp(other->id, last->id) > 0) {
            last = other;
        }
        if (strcmp(other->id, entry->id) < 0 &&
            (below == NULL || strcmp(other->id, below->id) > 0)) {
            below = other;
        }
    }
    return below == NULL ? last : below;
}

void orch_watch_came(struct orch *orch, struct node_entry *entry)
{
    if (entry->before == NULL) {
        struct node_entry *before = place_of(orch, entry);
        entry->before = before == NULL ? entry : before;
        entry->after = before == NULL ? entry : before->after;
        entry->before->after = entry->after->before = entry;
    }
    due(entry);
}

void orch_watch_left(struct node_entry *entry)
{
    due(entry);
    entry->before->after = entry->after;
    entry->after->before = entry->before;
}

/* Nothing where either has no UDP. */
static void add(const struct orch *orch, struct room_trunk *out, uint32_t generation,
                const struct node_entry *entry, const struct node_entry *other,
                Spillway__Control__Watch *watch)
{
    room_trunk_make(out, orch->room_config.cluster_secret, generation,
                    &(struct room_trunk_end){entry->id, entry->info},
                    &(struct room_trunk_end){other->id, other->info});
    if (out->message.local != NULL && out->message.remote != NULL) {
        watch->trunks[watch->n_trunks++] = &out->message;
    }
}

void orch_watch_tell(struct orch *orch, struct node_entry *entry)
{
    uint32_t generation = topology_generation((orch->now_us + orch->wall_offset_us) / TIME_S(1));
    if (!entry->watch_due && entry->watch_generation == generation) {
        return;
    }
    entry->watch_due = false;
    entry->watch_generation = generation;
    struct room_trunk trunks[2];
    Spillway__Control__Trunk *list[2];
    Spillway__Control__Watch watch = SPILLWAY__CONTROL__WATCH__INIT;
    watch.trunks = list;
    if (entry->after != entry) {
        add(orch, &trunks[0], generation, entry, entry->after, &watch);
    }
    if (entry->before != entry->after) {
        add(orch, &trunks[1], generation, entry, entry->before, &watch);
    }
    Spillway__Control__OrchestratorMessage message = SPILLWAY__CONTROL__ORCHESTRATOR_MESSAGE__INIT;
    message.message_case = SPILLWAY__CONTROL__ORCHESTRATOR_MESSAGE__MESSAGE_WATCH;
    message.watch = &watch;
    orch_send_to_node(orch, entry->id, &message);
    explicit_bzero(trunks, sizeof(trunks));
}

/* ---- Witnesses ----------------------------------------------------------------------------- */

/* A node that stood still of late, on a machine with too much to do, may do so again: neither we
 * nor its neighbours hear it then, and it is well. */
static bool may_be_late(const struct orch *orch, const struct registry_node *node)
{
    int64_t late_us = MIN(LATE_AGAIN * (int64_t)node->load.loop_lag_us, LATE_MAX_US);
    return detector_silence_us(orch->detector, orch->now_us, node->id) <
           DETECTOR_CONFIG_DEFAULT.witnessed_us + late_us;
}

static void witnessed(struct orch *orch, const struct registry_node *node)
{
    if (!may_be_late(orch, node)) {
        detector_witness_told(orch->detector, orch->now_us, node->id);
        orch_judge(orch);
    }
}

/* From another region, the way there may be gone, which is no death (cluster.h). */
void orch_watch_silent(struct orch *orch, const char *id, const char *silent)
{
    const struct registry_node *from = registry_get(orch->registry, id);
    const struct registry_node *node = registry_get(orch->registry, silent);
    if (node != NULL && strcmp(from->region, node->region) == 0) {
        witnessed(orch, node);
    }
}

bool orch_misses_more(struct orch *orch)
{
    bool more = orch->misses_more;
    orch->misses_more = false;
    return more;
}

void orch_watch_verdict(struct orch *orch, const struct detector_out *out)
{
    bool dead = out->verdict == DETECTOR_DEAD && out->cause != DETECTOR_LINK_LOST;
    if (dead) {
        struct silenced *silenced = &orch->silenced[orch->silenced_next++ % ORCH_MISSED_MAX];
        snprintf(silenced->id, sizeof(silenced->id), "%s", out->id);
        silenced->at_us = orch->now_us;
    }
    orch->misses_more |= dead || out->verdict == DETECTOR_SUSPECT;
}

/* Not if it came back. */
static bool is_silenced(const struct orch *orch, const struct silenced *silenced)
{
    const struct registry_node *node = registry_get(orch->registry, silenced->id);
    return silenced->id[0] != '\0' && orch->now_us < silenced->at_us + SILENCED_US &&
           (node == NULL || node->state == REGISTRY_GONE);
}

size_t orch_missed(const struct orch *orch, const char *out[ORCH_MISSED_MAX])
{
    size_t count = 0;
    for (size_t i = 0; i < ORCH_MISSED_MAX; i++) {
        if (is_silenced(orch, &orch->silenced[i])) {
            out[count++] = orch->silenced[i].id;
        }
    }
    return count + detector_suspects(orch->detector, out + count, ORCH_MISSED_MAX - count);
}

void orch_node_missed(struct orch *orch, int64_t now_us, const char *id, const char *from,
                      const char *here)
{
    orch_tick(orch, now_us);
    const struct registry_node *node = registry_get(orch->registry, id);
    if (node != NULL && (strcmp(node->region, from) == 0 || strcmp(node->region, here) == 0)) {
        witnessed(orch, node);
    }
}
