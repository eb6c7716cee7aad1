/* SPDX-License-Identifier: Apache-2.0
 *
 * Which people of which rooms are on which nodes, what they weigh there, and what rooms and nodes
 * are called.
 */
#include "orchestrator/cli/sim/private.h"

#include <stdio.h>
#include <stdlib.h>

/* ---- Names --------------------------------------------------------------------------------- */

void share_node_id(char out[ID_MAX], uint32_t node)
{
    snprintf(out, ID_MAX, "ND_%u", node);
}

void share_sid(char out[ID_MAX], uint32_t room)
{
    snprintf(out, ID_MAX, "RM_%u", room);
}

uint32_t share_number(const char *id)
{
    return (uint32_t)strtoul(id + 3, NULL, 10);
}

void share_node_name(const struct sim *sim, char out[64], uint32_t node)
{
    snprintf(out, 64, "%s-%u", sim->regions[sim->nodes[node].region].name, sim->nodes[node].number);
}

void share_list_add(struct list *list, uint32_t item)
{
    if (list->count == list->capacity) {
        list->capacity = MAX(2 * list->capacity, 64);
        list->items = mem_grow(list->items, list->capacity, sizeof(*list->items));
    }
    list->items[list->count++] = item;
}

/* ---- Shares -------------------------------------------------------------------------------- */

uint32_t share_weight(const struct room *room, uint32_t people, uint32_t held)
{
    uint64_t all = ((uint64_t)people * room->weight + room->people - 1) / room->people;
    return (uint32_t)(all - (uint64_t)held * room->video / room->people);
}

uint32_t share_find(const struct sim *sim, uint32_t room, uint32_t node)
{
    uint32_t share = sim->rooms[room].shares;
    while (share != NOBODY && sim->shares[share].node != node) {
        share = sim->shares[share].next;
    }
    return share;
}

uint32_t share_of(struct sim *sim, uint32_t room, uint32_t node)
{
    uint32_t share = share_find(sim, room, node);
    if (share != NOBODY) {
        return share;
    }
    if (sim->share_count == sim->share_capacity) {
        sim->share_capacity = MAX(2 * sim->share_capacity, 1024);
        sim->shares = mem_grow(sim->shares, sim->share_capacity, sizeof(*sim->shares));
    }
    sim->shares[sim->share_count] =
        (struct share){.room = room, .node = node, .next = sim->rooms[room].shares};
    sim->rooms[room].shares = sim->share_count;
    return sim->share_count++;
}

void share_serve(struct sim *sim, uint32_t index, uint32_t there, uint32_t held)
{
    struct share *share = &sim->shares[index];
    struct node *node = &sim->nodes[share->node];
    const struct room *room = &sim->rooms[share->room];
    sim->served += (uint64_t)there - share->there;
    sim->without_video += (uint64_t)held - share->there_held;
    node->carried += (uint64_t)share_weight(room, there, held) -
                     share_weight(room, share->there, share->there_held);
    node->over |= node->carried > node->capacity;
    node->told = false;
    share->there = there;
    share->there_held = held;
    struct sim_region *region = &sim->out->regions[node->region];
    region->use_max = MAX(region->use_max, (double)node->carried / node->capacity);
}

size_t share_held(const struct sim *sim, const struct room *room, char ids[SHARE_HELD_MAX][ID_MAX],
                  const char *held[SHARE_HELD_MAX])
{
    size_t count = 0;
    for (uint32_t i = room->shares; i != NOBODY && count < SHARE_HELD_MAX;
         i = sim->shares[i].next) {
        if (sim->shares[i].people > 0) {
            share_node_id(ids[count], sim->shares[i].node);
            held[count] = ids[count];
            count++;
        }
    }
    return count;
}
