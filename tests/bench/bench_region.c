/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal: what it costs one orchestrator in CPU time that a region's media nodes die, in a cluster of
 * 10,000 nodes in 40 regions and 1,000,000 rooms with 9 orchestrators (OWNERSHIP_MEMBERS_MAX), of
 * which it owns a ninth. The owner is the orchestrator's core as in production: detector, registry,
 * placement, rooms, specs, sealed sessions and messages, of people who joined with offers of real
 * Chromiums and whose DTLS is up; sockets are not in it. Its rooms in the lost region have all
 * their people (the size mix of common/room_mix); of the others one person each is there, so
 * that no more memory is taken than this is worth.
 *
 *     bench_region [SHARE]    of the whole, in percent of nodes and rooms; 100
 */
#include "common/room_mix/room_mix.h"
#include "orchestrator/core/ownership/ownership.h"
#include "proto/wire/wire.h"
#include "tests/bench/bench.h"
#include "tests/lib/orch_world.h"

#include <stdio.h>
#include <stdlib.h>

#define REGIONS     40
#define NODES       10000
#define ROOMS       1000000
#define CAPACITY    40000
#define TALKERS_MAX 9 /* of a room: they publish a microphone and a camera */
#define MICROPHONE  "bdff7259-4fed-4deb-bf36-e87d9a3f493c" /* of chromium-publish.offer */
#define CAMERA      "b43b7cab-1f6a-433c-9307-80364c14926b"
#define WALL_US     (1600000000LL * 1000000)

struct run {
    struct world world; /* first */
    uint32_t nodes, rooms, lost_rooms;
    uint64_t conns, lost_people;
    /* since the loss */
    uint64_t moved, moved_again, specs, spec_bytes;
    int64_t worst_us;
};

/* Of region 0, that is. */
static bool is_lost(const char *node)
{
    return strncmp(node, "ND_0.", 5) == 0;
}

static void shown(struct world *world, const struct effect *effect)
{
    struct run *run = (struct run *)world;
    if (effect->type == EFFECT_FRONT_OPEN) {
        world->transports =
            mem_grow(world->transports, world->transport_count + 1, sizeof(*world->transports));
        world->transports[world->transport_count++] = effect->id;
    } else if (effect->type == EFFECT_FRONT_ROUTE) {
        bool again = is_lost(effect->name); /* that one is about to die */
        run->moved += !again;
        run->moved_again += again;
    } else if (effect->type == EFFECT_NODE_SEND) {
        run->specs++;
        run->spec_bytes += effect->len;
    }
}

/* ---- The cluster before -------------------------------------------------------------------- */

static void node_says(struct run *run, const char *id,
                      const Spillway__Control__NodeMessage *message)
{
    size_t len;
    uint8_t *packed = wire_pack(&message->base, &len);
    int64_t began_us = bench_thread_cpu_us();
    orch_node_message(run->world.orch, run->world.now_us, id, (struct bytes){packed, len});
    run->world.spent_us += bench_thread_cpu_us() - began_us;
    world_drain(&run->world);
    free(packed);
}

static void name_node(char out[ID_MAX], const struct run *run, uint32_t node)
{
    uint32_t per_region = run->nodes / REGIONS;
    snprintf(out, ID_MAX, "ND_%u.%u", node / per_region, node % per_region);
}

static void add_node(struct run *run, uint32_t node)
{
    char id[ID_MAX], region[16], ip[24];
    Spillway__Control__Endpoint all[3], *endpoints[3];
    name_node(id, run, node);
    snprintf(region, sizeof(region), "r%u", node / (run->nodes / REGIONS));
    snprintf(ip, sizeof(ip), "10.%u.%u.%u", node >> 16, node >> 8 & 255, node & 255);
    for (int i = 0; i < 3; i++) {
        spillway__control__endpoint__init(&all[i]);
        all[i].ip = ip;
        all[i].port = i == 1 ? 4001 : 4000;
        all[i].protocol = i == 2 ? SPILLWAY__CONTROL__ENDPOINT__PROTOCOL__TCP
                                 : SPILLWAY__CONTROL__ENDPOINT__PROTOCOL__UDP;
        endpoints[i] = &all[i];
    }
    Spillway__Control__Register hello = SPILLWAY__CONTROL__REGISTER__INIT;
    hello.node_id = hello.name = id;
    hello.region = region;
    hello.version = "0";
    hello.protocol = 1;
    hello.hands_over = true;
    hello.capacity = CAPACITY;
    hello.endpoints = endpoints;
    hello.n_endpoints = 3;
    Spillway__Control__NodeMessage message = SPILLWAY__CONTROL__NODE_MESSAGE__INIT;
    message.message_case = SPILLWAY__CONTROL__NODE_MESSAGE__MESSAGE_REGISTER;
    message.register_ = &hello;
    node_says(run, id, &message);
}

static void heartbeat(struct run *run, uint32_t node)
{
    char id[ID_MAX];
    name_node(id, run, node);
    Spillway__Control__Load load = SPILLWAY__CONTROL__LOAD__INIT;
    load.weight = CAPACITY * 65 / 100;
    Spillway__Control__Heartbeat beat = SPILLWAY__CONTROL__HEARTBEAT__INIT;
    beat.sequence = 1;
    beat.load = &load;
    Spillway__Control__NodeMessage message = SPILLWAY__CONTROL__NODE_MESSAGE__INIT;
    message.message_case = SPILLWAY__CONTROL__NODE_MESSAGE__MESSAGE_HEARTBEAT;
    message.heartbeat = &beat;
    node_says(run, id, &message);
}

static void join(struct run *run, const char *room, bool talks)
{
    struct world *world = &run->world;
    char identity[32];
    uint64_t conn = ++run->conns;
    snprintf(identity, sizeof(identity), "person-%llu", (unsigned long long)conn);
    world_join(world, conn,
               &(struct world_join){.room = room,
                                    .identity = identity,
                                    .offer_file = talks ? NULL : "chromium-join.offer"});
    if (talks) {
        world_add_track(world, conn, MICROPHONE, LIVEKIT__TRACK_TYPE__AUDIO);
        world_add_track(world, conn, CAMERA, LIVEKIT__TRACK_TYPE__VIDEO);
        world_offer(world, conn, "chromium-publish.offer", 1);
    }
    world_connected(world, world->transport_count);
}

static void add_rooms(struct run *run, struct prng *prng)
{
    char name[32], region[16];
    for (uint32_t i = 0; i < run->rooms; i++) {
        bool lost = i < run->lost_rooms;
        uint16_t people = lost ? room_mix_size(prng) : 1;
        snprintf(name, sizeof(name), "room-%u", i);
        snprintf(region, sizeof(region), "r%u", lost ? 0 : 1 + i % (REGIONS - 1));
        run->world.region = region;
        run->lost_people += lost ? people : 0;
        for (uint16_t p = 0; p < people; p++) {
            join(run, name, lost && p < TALKERS_MAX);
        }
    }
}

static struct orch *new_orch(struct run *run)
{
    static const uint8_t secret[32] = {7};
    struct orch_distance distances[REGIONS * REGIONS];
    static char names[REGIONS][8];
    size_t count = 0;
    for (uint32_t i = 0; i < REGIONS; i++) {
        snprintf(names[i], sizeof(names[i]), "r%u", i);
        for (uint32_t j = 0; j < i; j++) {
            distances[count++] =
                (struct orch_distance){names[i], names[j], 10 * MIN(i - j, REGIONS - (i - j))};
        }
    }
    return orch_new(&(struct orch_config){.id = "OR_test",
                                          .region = "",
                                          .zone = "",
                                          .keys = {&run->world.key, 1},
                                          .demo_api_key = "",
                                          .random = prng_source(&run->world.prng),
                                          .empty_timeout_s = 300,
                                          .departure_timeout_s = 20,
                                          .fill_permille = 800,
                                          .join_permille = 950,
                                          .room_weight = 16,
                                          .balance = {.hot_permille = 900, .cool_permille = 800},
                                          .distances = distances,
                                          .distance_count = count,
                                          .cluster_secret = {secret, sizeof(secret)},
                                          .seals = true},
                    run->world.now_us, WALL_US);
}

/* ---- The loss ------------------------------------------------------------------------------ */

static int64_t lose_region(struct run *run)
{
    char id[ID_MAX];
    int64_t total_us = 0;
    for (uint32_t i = 0; i < run->nodes / REGIONS; i++) {
        name_node(id, run, i);
        int64_t began_us = bench_thread_cpu_us();
        orch_node_link_lost(run->world.orch, run->world.now_us, id);
        world_drain(&run->world);
        (void)!orch_deadline(run->world.orch); /* as the loop does after each input */
        int64_t spent_us = bench_thread_cpu_us() - began_us;
        total_us += spent_us;
        run->worst_us = MAX(run->worst_us, spent_us);
    }
    return total_us;
}

static int64_t heartbeats(struct run *run)
{
    run->world.spent_us = 0;
    for (uint32_t i = 0; i < run->nodes; i++) {
        heartbeat(run, i);
    }
    return run->world.spent_us;
}

static void print(const struct run *run, int64_t beats_us, int64_t loss_us)
{
    printf(
        "one of %d orchestrators: %u nodes, %u rooms, of which %u with %llu people are on the %u "
        "nodes of the lost region\n",
        OWNERSHIP_MEMBERS_MAX, run->nodes, run->rooms, run->lost_rooms,
        (unsigned long long)run->lost_people, run->nodes / REGIONS);
    printf(
        "region lost: %.3f s of CPU, %.1f us a person, worst node %.1f ms; %llu specs, %.1f MB\n",
        (double)loss_us / 1e6, (double)loss_us / (double)run->lost_people,
        (double)run->worst_us / 1e3, (unsigned long long)run->specs, (double)run->spec_bytes / 1e6);
    printf("heartbeats meanwhile: %.2f us each, %.0f %% of the core at four a second\n",
           (double)beats_us / run->nodes, (double)beats_us * 4 / 1e4);
}

int main(int argc, char **argv)
{
    unsigned percent = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : 100;
    struct prng prng;
    struct run *run = mem_alloc(sizeof(*run));
    run->nodes = NODES / 100 * percent / REGIONS * REGIONS;
    run->rooms = ROOMS / OWNERSHIP_MEMBERS_MAX / 100 * percent;
    run->lost_rooms = run->rooms / REGIONS;
    bench_print_machine();
    world_init(&run->world);
    orch_free(run->world.orch);
    run->world.orch = new_orch(run);
    run->world.cpu_us = bench_thread_cpu_us;
    run->world.shown = shown;
    prng_seed(&prng, 1);
    for (uint32_t i = 0; i < run->nodes; i++) {
        add_node(run, i);
    }
    add_rooms(run, &prng);
    run->world.now_us += TIME_MS(250);
    int64_t beats_us = heartbeats(run);
    run->moved = run->moved_again = run->specs = run->spec_bytes = 0;
    int64_t loss_us = lose_region(run);
    print(run, beats_us, loss_us);
    if (run->moved != run->lost_people) {
        bench_fail("%llu of %llu people were moved", (unsigned long long)run->moved,
                   (unsigned long long)run->lost_people);
    }
    world_fini(&run->world);
    free(run);
    return 0;
}
