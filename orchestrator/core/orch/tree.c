/* SPDX-License-Identifier: Apache-2.0
 *
 * A room drawn as its cascade: GET rooms/NAME of the admin API.
 */
#include "orchestrator/core/orch/private.h"

#include <jansson.h>

static json_t *edges_json(const struct room_way *way)
{
    json_t *edges = json_array();
    for (size_t i = 0; i < way->edge_count; i++) {
        json_array_append_new(
            edges, json_pack("{s:s, s:s}", "from", way->edges[i][0], "to", way->edges[i][1]));
    }
    return edges;
}

static json_t *tracks_json(const struct room_tree *tree)
{
    json_t *tracks = json_array();
    for (size_t i = 0; i < tree->way_count; i++) {
        const struct room_way *way = &tree->ways[i];
        json_t *track = orch_track_json(way->track);
        json_object_set_new(track, "publisher", json_string(way->publisher));
        json_object_set_new(track, "node", json_string(way->node));
        json_object_set_new(track, "edges", edges_json(way));
        json_array_append_new(tracks, track);
    }
    return tracks;
}

void orch_tree_add(const struct room_entry *entry, json_t *room)
{
    struct arena arena = {0};
    struct room_tree tree;
    room_tree(entry->room, &arena, &tree);
    size_t i;
    json_t *node;
    json_array_foreach(json_object_get(room, "nodes"), i, node) /* in the order of the tree's */
    {
        const struct room_tree_node *at = &tree.nodes[i];
        json_object_set_new(node, "region", json_string(at->region));
        json_object_set_new(node, "role", json_string(at->hub ? "hub" : "leaf"));
        json_object_set_new(node, "parent",
                            at->parent == NULL ? json_null() : json_string(at->parent));
    }
    json_object_set_new(room, "tracks", tracks_json(&tree));
    arena_fini(&arena);
}
