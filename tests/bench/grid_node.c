/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/bench/bench.h"
#include "tests/bench/grid.h"
#include "tests/bench/node_client.h"

#include <stdio.h>
#include <stdlib.h>

#define ROOM "RM_grid"

struct grid_node {
    struct node_run *run;
    struct sink *sink;
    size_t count;
    struct node_client *clients;
    struct media_source *(*sources)[GRID_LAYERS];
    size_t next; /* who sends next */
    struct node_client_turns turns;
};

/* ---- The room -------------------------------------------------------------------------------- */

static uint32_t track_id(size_t participant)
{
    return 1 + (uint32_t)participant;
}

static void tell_participants(struct grid_node *grid)
{
    struct room_spec spec;
    assert(grid->count <= ROOM_SPEC_ENTRIES);
    room_spec_init(&spec, ROOM, 1, 0, 1);
    for (size_t i = 0; i < grid->count; i++) {
        room_spec_transport(&spec, node_client_id(i), grid->clients[i].media, true);
        room_spec_video(&spec, track_id(i), node_client_id(i), "0", grid_rids);
    }
    node_run_spec(grid->run, &spec);
}

static void tell_tiles(struct grid_node *grid, size_t viewer)
{
    struct room_spec spec;
    room_spec_init(&spec, ROOM, 1, 1 + viewer, 2 + viewer);
    for (size_t tile = 0; tile < GRID_TILES; tile++) {
        char mid[PEER_MID_MAX];
        uint32_t id = (uint32_t)(viewer * GRID_TILES + tile + 1);
        snprintf(mid, sizeof(mid), "%zu", 1 + tile);
        const struct room_spec_want want = {.id = id,
                                            .track =
                                                track_id(grid_watched(grid->count, viewer, tile)),
                                            .transport = node_client_id(viewer),
                                            .mid = mid,
                                            .ssrc = 10000 + 2 * id};
        room_spec_subscription(&spec, &want)->spatial_max = GRID_WATCHED;
    }
    node_run_spec(grid->run, &spec);
}

/* ---- Media ----------------------------------------------------------------------------------- */

static void send_frame(void *arg, unsigned packets)
{
    struct grid_node *grid = arg;
    assert(packets == grid_packets[GRID_WATCHED]);
    for (size_t layer = 0; layer < GRID_LAYERS; layer++) {
        struct media_source *source = grid->sources[grid->next][layer];
        source->key_wanted = source->picture % GRID_KEY == 0;
        node_client_frame(&grid->clients[grid->next], source, grid_packets[layer]);
    }
    grid->next = (grid->next + 1) % grid->count;
}

static void keep(void *arg)
{
    struct grid_node *grid = arg;
    node_run_step(grid->run);
    node_clients_keep(&grid->turns, grid->clients, grid->count);
}

/* ---- Life ------------------------------------------------------------------------------------ */

static void make_client(struct grid_node *grid, size_t i)
{
    node_client_init(&grid->clients[i], grid->run, i, sink_fd(grid->sink, i));
    for (uint8_t layer = 0; layer < GRID_LAYERS; layer++) {
        struct media_source source = {.mid = "0", .layer = layer};
        snprintf(source.rid, sizeof(source.rid), "%s", grid_rids[layer]);
        grid->sources[i][layer] = media_client_publish(grid->clients[i].media, &source);
        grid->sources[i][layer]->picture = 0;
    }
}

struct grid_node *grid_node_start(const char *program, size_t participants, struct fanout *out)
{
    struct grid_node *grid = mem_alloc(sizeof(*grid));
    grid->run = node_run_start(program);
    grid->sink = sink_new(participants);
    grid->count = participants;
    grid->clients = mem_array(participants, sizeof(*grid->clients));
    grid->sources = mem_array(participants, sizeof(*grid->sources));
    for (size_t i = 0; i < participants; i++) {
        make_client(grid, i);
    }
    tell_participants(grid);
    for (size_t i = 0; i < participants; i++) {
        tell_tiles(grid, i);
    }
    node_clients_check(grid->clients, participants, grid->run);
    sink_start(grid->sink);
    grid->turns.due_us = bench_now_us();
    *out = (struct fanout){.arg = grid,
                           .pid = node_run_pid(grid->run),
                           .sink = grid->sink,
                           .receivers = participants,
                           .copies = GRID_TILES,
                           .pt = MEDIA_VP8,
                           .send_frame = send_frame,
                           .keep = keep};
    return grid;
}

void grid_node_stop(struct grid_node *grid)
{
    sink_stop(grid->sink);
    sink_free(grid->sink);
    for (size_t i = 0; i < grid->count; i++) {
        node_client_fini(&grid->clients[i]);
    }
    free(grid->clients);
    free(grid->sources);
    node_run_stop(grid->run);
    free(grid);
}
