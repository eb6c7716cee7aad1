/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal: a node that is too hot sheds whole small rooms to cooler ones until it is cool, and then
 * nothing goes to and fro.
 */
#include "tests/lib/orch_world.h"

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define MICROPHONE  "bdff7259-4fed-4deb-bf36-e87d9a3f493c" /* of chromium-publish.offer */
#define NOISE       5                                      /* percent, to either side */
#define PERSON      1 /* weight of a publisher of sound, and of each who hears him */
#define ROOM_WEIGHT (2 * PERSON)

static const char *const ids[] = {"ND_a", "ND_b", "ND_c"};

struct load {
    struct world world;
    struct prng prng;
    size_t nodes;
    uint32_t extra[3]; /* weight that is not of our rooms, by node */
    uint64_t sequence, conn;
};

static uint32_t number(struct world *world, const char *node, const char *key)
{
    char path[64];
    snprintf(path, sizeof(path), "/admin/v1/nodes/%s", node);
    world_admin(world, "GET", path, "");
    const char *found = strstr(world->last_reply, key);
    assert_non_null(found);
    return (uint32_t)strtoul(found + strlen(key), NULL, 10);
}

static uint32_t rooms_on(struct load *load, size_t node)
{
    return number(&load->world, ids[node], "\"rooms\":");
}

static bool is_hot(struct load *load, size_t node)
{
    char path[64];
    snprintf(path, sizeof(path), "/admin/v1/nodes/%s", ids[node]);
    world_admin(&load->world, "GET", path, "");
    return strstr(load->world.last_reply, "\"hot\":\"weight\"") != NULL;
}

static struct orch_stats stats_of(struct load *load)
{
    struct orch_stats stats;
    orch_stats(load->world.orch, &stats);
    return stats;
}

/* Whoever is given a new node gets there. */
static void arrive(struct load *load)
{
    const char *line = world_story(&load->world);
    char *story = mem_str(line);
    char *rest = story;
    while ((line = strsep(&rest, "\n")) != NULL) {
        char node[8];
        size_t transport;
        if (sscanf(line, "node %7s < T%zu stands by", node, &transport) == 2) {
            world_arrive(&load->world, node, transport);
        }
    }
    free(story);
}

static void ping(struct load *load)
{
    Livekit__Ping ping = LIVEKIT__PING__INIT;
    Livekit__SignalRequest request = LIVEKIT__SIGNAL_REQUEST__INIT;
    request.message_case = LIVEKIT__SIGNAL_REQUEST__MESSAGE_PING_REQ;
    request.ping_req = &ping;
    for (uint64_t conn = 1; conn <= load->conn; conn++) {
        world_signal(&load->world, conn, &request);
    }
}

/* A second with four heartbeats of every node; what they say sways. */
static void second(struct load *load)
{
    uint32_t weights[ARRAY_LEN(ids)];
    for (size_t node = 0; node < load->nodes; node++) {
        weights[node] = rooms_on(load, node) * ROOM_WEIGHT + load->extra[node];
    }
    for (int i = 0; i < 4; i++) {
        for (size_t node = 0; node < load->nodes; node++) {
            uint32_t sway = (uint32_t)prng_below(&load->prng, 2 * NOISE + 1);
            load->world.node_weight = weights[node] * (100 - NOISE + sway) / 100;
            world_heartbeat(&load->world, ids[node], load->sequence);
        }
        load->sequence++;
        world_advance(&load->world, TIME_MS(250));
    }
    if (load->sequence % 40 == 0) {
        ping(load);
    }
    arrive(load);
}

static void seconds(struct load *load, int count)
{
    while (count-- > 0) {
        second(load);
    }
}

static void join(struct load *load, const char *room, bool publishes)
{
    char identity[16];
    uint64_t conn = ++load->conn;
    snprintf(identity, sizeof(identity), "p%d", (int)conn);
    world_join(&load->world, conn,
               &(struct world_join){
                   .room = room, .identity = identity, .offer_file = "chromium-join.offer"});
    if (publishes) {
        world_add_track(&load->world, conn, MICROPHONE, LIVEKIT__TRACK_TYPE__AUDIO);
        world_offer(&load->world, conn, "chromium-publish.offer", 2);
    }
    load->world.node_weight = 0;
    world_heartbeat(&load->world, ids[0], 0); /* what was reserved is there */
    world_connected(&load->world, conn);
    world_arrive(&load->world, ids[0], conn);
    world_story(&load->world);
}

/* Rooms of one who speaks and one who listens, on the only node there is; then others come. */
static void begin(struct load *load, int rooms, uint32_t capacity, size_t nodes)
{
    *load = (struct load){.nodes = 1};
    prng_seed(&load->prng, 1);
    world_init(&load->world);
    load->world.node_capacity = capacity;
    world_node(&load->world, ids[0]);
    for (int i = 0; i < rooms; i++) {
        char name[16];
        snprintf(name, sizeof(name), "room-%d", i);
        join(load, name, true);
        join(load, name, false);
    }
    for (; load->nodes < nodes; load->nodes++) {
        world_node(&load->world, ids[load->nodes]);
    }
    assert_int_equal(rooms_on(load, 0), rooms);
}

/* Goal: 96 % of noisy load go down to about 80 %, a room at a time, whole; and then, also when all
 * may move again, nobody does. */
static void cools_down(void **state)
{
    (void)state;
    struct load load;
    begin(&load, 48, 100, 3);
    seconds(&load, 5);
    assert_int_equal(stats_of(&load).moves, 0); /* not by a few reports */
    seconds(&load, 25);
    assert_true(is_hot(&load, 0));
    assert_in_range(stats_of(&load).moves, 2, 8); /* 2 % a step of 10 s: one room */
    seconds(&load, 150);
    assert_false(is_hot(&load, 0));
    uint64_t moved = stats_of(&load).moves;
    assert_in_range(moved, 14, 20); /* two people each */
    assert_int_equal(stats_of(&load).rebalanced[BALANCE_WEIGHT], moved);
    assert_in_range(rooms_on(&load, 0), 38, 41);
    seconds(&load, 660); /* past the rest of those who moved */
    assert_int_equal(stats_of(&load).moves, moved);
    assert_int_equal(rooms_on(&load, 0) + rooms_on(&load, 1) + rooms_on(&load, 2), 48); /* whole */
    world_fini(&load.world);
}

/* Goal: of a node that is hot by other orchestrators' rooms, each sheds its share alone. */
static void others_load(void **state)
{
    (void)state;
    struct load load;
    begin(&load, 12, 100, 2);
    load.extra[0] = 72; /* 96, of which a quarter is ours */
    seconds(&load, 10 + 120);
    assert_in_range(stats_of(&load).moves, 2, 10); /* alone it would have moved 24 */
    world_fini(&load.world);
}

/* Goal: who was moved is not moved again for ten minutes, whatever becomes of his new node. */
static void rests(void **state)
{
    (void)state;
    struct load load;
    begin(&load, 48, 100, 2);
    seconds(&load, 180);
    uint64_t moved = stats_of(&load).moves;
    assert_in_range(moved, 14, 20);
    load.extra[1] = 96 - rooms_on(&load, 1) * ROOM_WEIGHT;
    seconds(&load, 300);
    assert_true(is_hot(&load, 1));
    assert_int_equal(stats_of(&load).moves, moved);
    seconds(&load, 450);
    assert_true(stats_of(&load).moves > moved || stats_of(&load).rebalance_stuck > 0);
    world_fini(&load.world);
}

/* Goal: where no node would stay cool, everybody stays; that is counted. */
static void stuck(void **state)
{
    (void)state;
    struct load load;
    begin(&load, 48, 100, 2);
    load.extra[1] = 82;
    seconds(&load, 120);
    assert_true(is_hot(&load, 0));
    assert_int_equal(stats_of(&load).moves, 0);
    assert_true(stats_of(&load).rebalance_stuck > 0);
    world_fini(&load.world);
}

/* Goal: of a room too large to go as one, a few people go, together, and then it rests. */
static void large_room(void **state)
{
    (void)state;
    struct load load;
    begin(&load, 0, 96, 1);
    join(&load, "stage", true);
    for (int i = 1; i < 30; i++) {
        join(&load, "stage", false);
    }
    load.nodes = 2;
    world_node(&load.world, ids[1]);
    load.extra[0] = 30 - ROOM_WEIGHT + 62; /* 92 in all */
    seconds(&load, 200);
    assert_in_range(stats_of(&load).moves, 1, 5);
    assert_int_equal(rooms_on(&load, 0), 1);
    assert_int_equal(rooms_on(&load, 1), 1);
    world_fini(&load.world);
}

static void pin_all(struct load *load, int rooms, const char *verb)
{
    for (int i = 0; i < rooms; i++) {
        char path[64];
        snprintf(path, sizeof(path), "/admin/v1/rooms/room-%d/%s", i, verb);
        world_admin(&load->world, "POST", path, "{\"node\": \"ND_a\"}");
        assert_int_equal(load->world.last_status, 200);
    }
}

/* Goal: rooms that are pinned to the hot node stay there; others go. */
static void pinned(void **state)
{
    (void)state;
    struct load load;
    begin(&load, 48, 100, 3);
    pin_all(&load, 48, "pin");
    seconds(&load, 60);
    assert_true(is_hot(&load, 0));
    assert_int_equal(stats_of(&load).moves, 0);
    pin_all(&load, 4, "unpin");
    seconds(&load, 90);
    assert_int_equal(stats_of(&load).moves, 8); /* their people */
    world_fini(&load.world);
}

static size_t count(const char *text, const char *word)
{
    size_t found = 0;
    while ((text = strstr(text, word)) != NULL) {
        found++;
        text++;
    }
    return found;
}

/* Goal: asked for, what is too much goes at once, as was told before; where nothing is hot nobody
 * goes, and who has nobody to ask is told. */
static void asked_for(void **state)
{
    (void)state;
    struct load load;
    begin(&load, 48, 100, 3);
    world_admin(&load.world, "POST", "/admin/v1/rebalance", "{}");
    assert_string_equal(load.world.last_reply, "{\"moves\":[]}"); /* it is not known to be hot */
    seconds(&load, 25);
    assert_true(is_hot(&load, 0));
    uint64_t before = stats_of(&load).moves;
    world_admin(&load.world, "POST", "/admin/v1/rebalance", "{\"dry_run\": true}");
    size_t told = count(load.world.last_reply, "\"from\":\"ND_a\"");
    assert_in_range(told, 2, 9); /* at most 96 - 80, by rooms of 2 */
    assert_int_equal(count(load.world.last_reply, "\"cause\":\"weight\""), told);
    assert_int_equal(stats_of(&load).moves, before);
    world_admin(&load.world, "POST", "/admin/v1/rebalance", "{}");
    assert_int_equal(count(load.world.last_reply, "\"from\":\"ND_a\""), told);
    assert_int_equal(stats_of(&load).moves, before + 2 * told);
    seconds(&load, 120);
    assert_false(is_hot(&load, 0));
    world_admin(&load.world, "POST", "/admin/v1/rebalance", "{}");
    assert_string_equal(load.world.last_reply, "{\"moves\":[]}");
    world_fini(&load.world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cools_down), cmocka_unit_test(others_load), cmocka_unit_test(rests),
        cmocka_unit_test(stuck),      cmocka_unit_test(large_room),  cmocka_unit_test(pinned),
        cmocka_unit_test(asked_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
