/* SPDX-License-Identifier: Apache-2.0
 *
 * A node that refuses who fled to it, since others came first: its word is newer than its last
 * report, and counts as one. Those it refused go on to the next one, or wait, as from the node that
 * died (place.c), and ask for what their room costs a node beside them, too: else they would be
 * sent where they are refused again. What is refused and finds no other place counts as waiting in
 * the next step of shortage.c, for the place that this one sees may be taken by others once more.
 */
#include "orchestrator/core/orch/private.h"

#include <stdio.h>

static void heard(struct orch *orch, const char *node, const Spillway__Control__SpecAck *ack,
                  uint32_t refused)
{
    const struct registry_node *known = registry_get(orch->registry, node);
    if (known != NULL) {
        struct registry_load load = known->load;
        load.weight = ack->weight - MIN(refused, ack->weight);
        (void)!registry_heard(orch->registry, orch->now_us, node, &load); /* gone: no matter */
    }
}

void orch_refused(struct orch *orch, struct room_entry *entry, const char *node,
                  const Spillway__Control__SpecAck *ack)
{
    char dead[ROOM_NODES_MAX][REGISTRY_NAME_MAX];
    size_t count = 0;
    struct room_held refused = {0};
    uint32_t relayed = room_relayed(entry->room, node);
    const char *from;
    while ((from = room_refused(entry->room, node, ack)) != NULL) {
        assert(count < ROOM_NODES_MAX);
        snprintf(dead[count], sizeof(dead[count]), "%s", from);
        struct room_held some = room_send_back(entry->room, node, ack, dead[count]);
        orch_place_back(orch, entry, dead[count], node);
        refused.people += some.people;
        refused.weight += some.weight;
        count++;
    }
    if (count == 0) {
        return;
    }
    log_write(orch->config.log, LOG_INFO, "node_full node=%s room=%s participants=%zu", node,
              entry->sid, refused.people);
    orch->stats.refused_by_node += refused.people;
    entry->relayed = relayed;
    registry_room_confirmed(orch->registry, node, entry->sid, room_weight(entry->room, node));
    heard(orch, node, ack, refused.weight + relayed);
    for (size_t i = 0; i < count; i++) {
        orch_place_leave_room(orch, entry, dead[i]);
        orch->refused_weight += room_weight(entry->room, dead[i]);
    }
}
