/* SPDX-License-Identifier: Apache-2.0
 *
 * The room as its cascade has it at this moment: hubs, leaves, and the hops of each track.
 */
#include "orchestrator/core/room/private.h"

static void add_nodes(const struct room *room, struct arena *arena, struct room_tree *out)
{
    struct topology topology;
    const char **regions = arena_array(arena, room->host_count, sizeof(*regions));
    out->nodes = arena_array(arena, room->host_count, sizeof(*out->nodes));
    out->node_count = room->host_count;
    const struct host *host;
    DL_FOREACH(room->hosts, host)
    {
        regions[host->place] = host->info->region;
        out->nodes[host->place] =
            (struct room_tree_node){.node = host->node, .region = host->info->region};
    }
    topology_build(&topology, regions, room->host_count);
    for (size_t i = 0; i < room->host_count; i++) {
        size_t parent = topology_parent(&topology, 0, i);
        out->nodes[i].hub = topology.hub[i] == i;
        out->nodes[i].parent = parent == TOPOLOGY_NONE ? NULL : out->nodes[parent].node;
    }
}

/* A backup carries nothing while the way stands, and what is replaced is about to go. */
static bool is_taken(const struct edge *edge)
{
    return !edge->backup && edge->gone_at_us == TIME_NEVER;
}

static void add_way(const struct track *track, struct arena *arena, struct room_tree *out)
{
    struct room_way *way = &out->ways[out->way_count++];
    size_t count;
    const struct edge *edge;
    DL_COUNT(track->edges, edge, count);
    *way = (struct room_way){.track = track->info,
                             .publisher = track->publisher->identity,
                             .node = track->publisher->host->node,
                             .edges = arena_array(arena, count, sizeof(*way->edges))};
    DL_FOREACH(track->edges, edge)
    {
        if (is_taken(edge)) {
            way->edges[way->edge_count][0] = edge->from->node;
            way->edges[way->edge_count++][1] = edge->to->node;
        }
    }
}

static size_t count_tracks(const struct room *room)
{
    size_t all = 0, count;
    for (const struct participant *p = room->participants; p != NULL; p = p->hh.next) {
        const struct track *track;
        DL_COUNT(p->tracks, track, count);
        all += count;
    }
    return all;
}

void room_tree(const struct room *room, struct arena *arena, struct room_tree *out)
{
    *out = (struct room_tree){.node_count = 0};
    add_nodes(room, arena, out);
    out->ways = arena_array(arena, count_tracks(room), sizeof(*out->ways));
    for (const struct participant *p = room->participants; p != NULL; p = p->hh.next) {
        const struct track *track;
        DL_FOREACH(p->tracks, track)
        {
            if (track->published) {
                add_way(track, arena, out);
            }
        }
    }
}
