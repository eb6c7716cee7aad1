/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/bench/bench.h"
#include "tests/bench/grid.h"
#include "tests/bench/janus_client.h"

#include <stdlib.h>

#define SSRC 4000 /* of the first layer */

struct grid_janus {
    struct janus_clients clients;
    struct sink *sink;
    size_t count;
    struct janus_client *publishers;
    struct janus_client *viewers;
    json_int_t *feeds;
    struct janus_source (*sources)[GRID_LAYERS];
    size_t next;      /* who sends next */
    size_t next_turn; /* whose transport to send by is read next */
    struct janus_client_turns turns;
};

static void send_frame(void *arg, unsigned packets)
{
    struct grid_janus *grid = arg;
    assert(packets == grid_packets[GRID_WATCHED]);
    for (size_t layer = 0; layer < GRID_LAYERS; layer++) {
        struct janus_source *source = &grid->sources[grid->next][layer];
        source->key = source->picture % GRID_KEY == 0;
        janus_source_frame(source, &grid->publishers[grid->next], grid_packets[layer]);
    }
    grid->next = (grid->next + 1) % grid->count;
}

static void keep(void *arg)
{
    struct grid_janus *grid = arg;
    janus_client_turn(&grid->clients, &grid->publishers[grid->next_turn]);
    grid->next_turn = (grid->next_turn + 1) % grid->count;
    janus_run_drain(grid->clients.run);
    janus_clients_keep(&grid->turns, grid->viewers, grid->count);
}

static void view(struct grid_janus *grid, size_t viewer)
{
    json_int_t feeds[GRID_TILES];
    for (size_t tile = 0; tile < GRID_TILES; tile++) {
        feeds[tile] = grid->feeds[grid_watched(grid->count, viewer, tile)];
    }
    janus_client_view(&grid->clients, &grid->viewers[viewer], feeds, GRID_TILES, GRID_WATCHED);
    janus_clients_wait(&grid->clients, &grid->viewers[viewer], 1);
}

/* Frames until everybody has decrypted some. */
static void wait_media(struct grid_janus *grid)
{
    size_t watching = 0;
    for (int ms = 0; watching < grid->count; ms += 50) {
        if (ms >= JANUS_CLIENT_WAIT_MS) {
            bench_fail("%zu of %zu viewers of Janus see anything", watching, grid->count);
        }
        watching = 0;
        for (size_t i = 0; i < grid->count; i++) {
            send_frame(grid, grid_packets[GRID_WATCHED]);
            janus_client_turn(&grid->clients, &grid->publishers[i]);
            janus_client_turn(&grid->clients, &grid->viewers[i]);
            watching += grid->viewers[i].received > 0;
        }
        bench_sleep_ms(50);
    }
}

struct grid_janus *grid_janus_start(unsigned event_loops, size_t participants, struct fanout *out)
{
    struct grid_janus *grid = mem_alloc(sizeof(*grid));
    janus_clients_init(&grid->clients, event_loops, participants);
    grid->count = participants;
    grid->publishers = mem_array(participants, sizeof(*grid->publishers));
    grid->viewers = mem_array(participants, sizeof(*grid->viewers));
    grid->feeds = mem_array(participants, sizeof(*grid->feeds));
    grid->sources = mem_array(participants, sizeof(*grid->sources));
    for (size_t i = 0; i < participants; i++) {
        for (size_t layer = 0; layer < GRID_LAYERS; layer++) {
            uint32_t ssrc = SSRC + (uint32_t)(i * GRID_LAYERS + layer);
            janus_source_init(&grid->sources[i][layer], ssrc, grid_rids[layer]);
        }
        grid->feeds[i] = janus_client_publish(&grid->clients, &grid->publishers[i], GRID_LAYERS);
    }
    for (size_t i = 0; i < participants; i++) {
        view(grid, i);
    }
    wait_media(grid);
    grid->sink = janus_clients_sink(grid->viewers, participants);
    grid->turns.due_us = bench_now_us();
    *out = (struct fanout){.arg = grid,
                           .pid = janus_run_pid(grid->clients.run),
                           .sink = grid->sink,
                           .receivers = participants,
                           .copies = GRID_TILES,
                           .pt = grid->viewers[0].pt,
                           .send_frame = send_frame,
                           .keep = keep};
    return grid;
}

void grid_janus_stop(struct grid_janus *grid)
{
    sink_stop(grid->sink);
    sink_free(grid->sink);
    for (size_t i = 0; i < grid->count; i++) {
        janus_client_fini(&grid->viewers[i]);
        janus_client_fini(&grid->publishers[i]);
    }
    janus_clients_fini(&grid->clients);
    free(grid->publishers);
    free(grid->viewers);
    free(grid->feeds);
    free(grid->sources);
    free(grid);
}
