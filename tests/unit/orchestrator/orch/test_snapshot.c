/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal: operators see a room as the tree that it is, and what flows between regions, as far as
 * nodes tell, and nothing that nobody knows.
 */
#include "tests/lib/orch_world.h"

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>
#include <jansson.h>

#define MICROPHONE "bdff7259-4fed-4deb-bf36-e87d9a3f493c" /* of chromium-publish.offer */

static void add_node(struct world *world, const char *id, const char *region)
{
    world->node_region = region;
    world_node(world, id);
}

static void join(struct world *world, uint64_t conn, const char *identity, const char *region)
{
    world->region = region;
    world_join(world, conn,
               &(struct world_join){
                   .room = "lobby", .identity = identity, .offer_file = "chromium-join.offer"});
}

static json_t *get(struct world *world, const char *path)
{
    world_admin(world, "GET", path, "");
    assert_int_equal(world->last_status, 200);
    json_t *json = json_loads(world->last_reply, 0, NULL);
    assert_non_null(json);
    return json;
}

static const json_t *find(const json_t *list, const char *key, const char *value)
{
    size_t i;
    const json_t *item;
    json_array_foreach(list, i, item)
    {
        const char *text = json_string_value(json_object_get(item, key));
        if (text != NULL && strcmp(text, value) == 0) {
            return item;
        }
    }
    return NULL;
}

/* "ND_b hub of ND_a" */
static void assert_place(const json_t *room, const char *node, const char *role, const char *parent)
{
    const json_t *at = find(json_object_get(room, "nodes"), "id", node);
    assert_non_null(at);
    assert_string_equal(json_string_value(json_object_get(at, "role")), role);
    const char *above = json_string_value(json_object_get(at, "parent"));
    assert_string_equal(above == NULL ? "" : above, parent);
}

static bool has_edge(const json_t *track, const char *from, const char *to)
{
    size_t i;
    const json_t *edge;
    json_array_foreach(json_object_get(track, "edges"), i, edge)
    {
        if (strcmp(json_string_value(json_object_get(edge, "from")), from) == 0 &&
            strcmp(json_string_value(json_object_get(edge, "to")), to) == 0) {
            return true;
        }
    }
    return false;
}

/* Goal: hubs hang on the room's first node, leaves on the hub of their region; a track has the hops
 * that it takes, and none to where nobody watches it. */
static void tree(void **state)
{
    (void)state;
    struct world world;
    world_init(&world);
    add_node(&world, "ND_a", "eu");
    add_node(&world, "ND_b", "us");
    join(&world, 1, "alice", "eu");
    world_add_track(&world, 1, MICROPHONE, LIVEKIT__TRACK_TYPE__AUDIO);
    world_connected(&world, 1);
    json_t *room = get(&world, "/admin/v1/rooms/lobby");
    assert_place(room, "ND_a", "hub", "");
    assert_int_equal(json_array_size(json_object_get(room, "tracks")), 0); /* not published yet */
    json_decref(room);
    world_offer(&world, 1, "chromium-publish.offer", 2);
    join(&world, 2, "bob", "us");
    add_node(&world, "ND_c", "us");
    join(&world, 3, "carol", "us");
    world_admin(&world, "POST", "/admin/v1/rooms/lobby/move",
                "{\"participant\": \"carol\", \"to\": \"ND_c\"}");

    room = get(&world, "/admin/v1/rooms/lobby");
    assert_place(room, "ND_a", "hub", "");
    assert_place(room, "ND_b", "hub", "ND_a");
    assert_place(room, "ND_c", "leaf", "ND_b");
    const json_t *track = find(json_object_get(room, "tracks"), "publisher", "alice");
    assert_string_equal(json_string_value(json_object_get(track, "node")), "ND_a");
    assert_string_equal(json_string_value(json_object_get(track, "kind")), "audio");
    assert_int_equal(json_array_size(json_object_get(track, "edges")), 2); /* and no backup */
    assert_true(has_edge(track, "ND_a", "ND_b") && has_edge(track, "ND_b", "ND_c"));
    json_decref(room);
    world_fini(&world);
}

/* ---- Links --------------------------------------------------------------------------------- */

static void tell_queue(struct world *world, const char *from, const char *to, uint64_t bytes_out,
                       uint32_t lost_permille, uint32_t queue_us)
{
    Spillway__Control__TrunkReport trunk = SPILLWAY__CONTROL__TRUNK_REPORT__INIT;
    trunk.node = (char *)(uintptr_t)to;
    trunk.rtt_us = 39500;
    trunk.bytes_out = bytes_out;
    trunk.lost_permille = lost_permille;
    trunk.queue_us = queue_us;
    world->trunk = &trunk;
    world_heartbeat(world, from, 1);
    world->trunk = NULL;
}

static void tell(struct world *world, const char *from, const char *to, uint64_t bytes_out,
                 uint32_t lost_permille)
{
    tell_queue(world, from, to, bytes_out, lost_permille, 0);
}

/* The link as compact JSON; "" there is none. Valid until the next call. */
static const char *link_of(struct world *world, const char *from, const char *to)
{
    static char text[256];
    json_t *snapshot = get(world, "/admin/v1/snapshot");
    const json_t *region = find(json_object_get(snapshot, "regions"), "name", from);
    const json_t *link = find(json_object_get(region, "links"), "to", to);
    char *dump = link == NULL ? NULL : json_dumps(link, JSON_COMPACT | JSON_REAL_PRECISION(4));
    snprintf(text, sizeof(text), "%s", dump == NULL ? "" : dump);
    free(dump);
    json_decref(snapshot);
    return text;
}

static void advance(struct world *world, int64_t us)
{
    for (; us > 0; us -= TIME_MS(250)) {
        world_advance(world, MIN(us, TIME_MS(250)));
        world_heartbeat(world, "ND_a", 1);
        world_heartbeat(world, "ND_b", 1);
        world_heartbeat(world, "ND_c", 1); /* where there is one */
    }
}

/* Goal: a link's load is what its trunks sent between two reports, its loss what the far end
 * misses; a trunk that was made anew begins anew; what is not said again is unknown. */
static void links(void **state)
{
    (void)state;
    struct world world;
    world_init(&world);
    add_node(&world, "ND_a", "eu");
    add_node(&world, "ND_b", "us");
    assert_string_equal(link_of(&world, "eu", "us"), "");
    tell(&world, "ND_a", "ND_b", 1000000, 0);
    assert_string_equal(link_of(&world, "eu", "us"),
                        "{\"to\":\"us\",\"distance_ms\":40,\"trunks\":1,\"bps_out\":null,"
                        "\"lost_ratio\":null}");
    advance(&world, TIME_S(1));
    tell(&world, "ND_a", "ND_b", 1125000, 0); /* 125,000 bytes in a second */
    tell(&world, "ND_b", "ND_a", 0, 20);
    assert_string_equal(link_of(&world, "eu", "us"),
                        "{\"to\":\"us\",\"distance_ms\":40,\"trunks\":1,\"bps_out\":1000000,"
                        "\"lost_ratio\":0.02}");
    assert_non_null(strstr(link_of(&world, "us", "eu"), "\"bps_out\":null,\"lost_ratio\":0.0"));
    advance(&world, TIME_S(1));
    tell(&world, "ND_a", "ND_b", 5000, 0);
    assert_non_null(strstr(link_of(&world, "eu", "us"), "\"bps_out\":null"));
    advance(&world, TIME_MS(3250));
    assert_string_equal(link_of(&world, "eu", "us"),
                        "{\"to\":\"us\",\"distance_ms\":40,\"trunks\":0,\"bps_out\":null,"
                        "\"lost_ratio\":null}");
    world_fini(&world);
}

static struct orch_crossing crossing(const struct world *world, const char *from, const char *to)
{
    struct orch_crossing all[16];
    size_t count = orch_crossings(world->orch, all, ARRAY_LEN(all));
    for (size_t i = 0; i < count; i++) {
        if (strcmp(all[i].from, from) == 0 && strcmp(all[i].to, to) == 0) {
            return all[i];
        }
    }
    fail();
    return (struct orch_crossing){0};
}

static uint64_t crossed(const struct world *world, const char *from, const char *to)
{
    return crossing(world, from, to).bytes;
}

/* Goal: what a thin way between two regions does to trunks is told of the worst one: loss by who
 * receives, the queue by who sends; and no more once nobody repeats it. */
static void worst_between_regions(void **state)
{
    (void)state;
    struct world world;
    world_init(&world);
    add_node(&world, "ND_a", "eu");
    add_node(&world, "ND_b", "us");
    add_node(&world, "ND_c", "us");
    assert_int_equal(crossing(&world, "eu", "us").lost_permille, 0);
    tell_queue(&world, "ND_a", "ND_b", 1000, 7, 30000);
    tell_queue(&world, "ND_b", "ND_a", 1000, 20, 90000);
    tell_queue(&world, "ND_c", "ND_a", 1000, 150, 4000);
    assert_int_equal(crossing(&world, "eu", "us").lost_permille, 150);
    assert_int_equal(crossing(&world, "eu", "us").queue_us, 30000);
    assert_int_equal(crossing(&world, "us", "eu").lost_permille, 7);
    assert_int_equal(crossing(&world, "us", "eu").queue_us, 90000);
    advance(&world, TIME_MS(3250));
    assert_int_equal(crossing(&world, "eu", "us").lost_permille, 0);
    assert_int_equal(crossing(&world, "us", "eu").queue_us, 0);
    world_fini(&world);
}

static size_t pairs(const struct world *world)
{
    struct orch_crossing all[16];
    return orch_crossings(world->orch, all, ARRAY_LEN(all));
}

/* Goal: bytes are counted in their direction, on over a trunk that is made anew, and a region that
 * comes later does not disturb what was counted. */
static void bytes_between_regions(void **state)
{
    (void)state;
    struct world world;
    struct orch_crossing none;
    world_init(&world);
    assert_int_equal(orch_crossings(world.orch, &none, 1), 0);
    add_node(&world, "ND_a", "eu");
    add_node(&world, "ND_b", "us");
    assert_int_equal(crossed(&world, "eu", "us"), 0);
    tell(&world, "ND_a", "ND_b", 1000000, 0); /* since when is not known */
    assert_int_equal(crossed(&world, "eu", "us"), 0);
    advance(&world, TIME_S(1));
    tell(&world, "ND_a", "ND_b", 1125000, 0);
    assert_int_equal(crossed(&world, "eu", "us"), 125000);
    assert_int_equal(crossed(&world, "us", "eu"), 0);
    add_node(&world, "ND_c", "asia");
    for (uint64_t bytes = 7; bytes <= 14; bytes += 7) {
        advance(&world, TIME_S(1));
        tell(&world, "ND_a", "ND_b", bytes, 0);
        tell(&world, "ND_c", "ND_a", 2 * bytes, 0);
    }
    assert_int_equal(crossed(&world, "eu", "us"), 125007);
    assert_int_equal(crossed(&world, "asia", "eu"), 14);
    assert_int_equal(crossed(&world, "asia", "us"), 0);
    assert_int_equal(orch_crossings(world.orch, &none, 1), 1);

    orch_node_link_lost(world.orch, world.now_us, "ND_a"); /* so that its region is forgotten */
    world_drain(&world);
    for (int i = 0; i < 700 && pairs(&world) == 6; i++) {
        advance(&world, TIME_S(1));
    }
    assert_int_equal(pairs(&world), 2);
    assert_int_equal(crossed(&world, "us", "asia"), 0);
    add_node(&world, "ND_d", "eu");
    assert_int_equal(crossed(&world, "eu", "us"), 125007);
    assert_int_equal(crossed(&world, "asia", "eu"), 14);
    world_fini(&world);
}

/* Goal: trunks within a region, to nodes that nobody knows, and with absurd counts do no harm. */
static void odd_reports(void **state)
{
    (void)state;
    struct world world;
    world_init(&world);
    add_node(&world, "ND_a", "eu");
    add_node(&world, "ND_b", "eu");
    add_node(&world, "ND_c", "us");
    tell(&world, "ND_a", "ND_b", 1, 0);
    tell(&world, "ND_a", "ND_unknown", 1, 0);
    assert_string_equal(link_of(&world, "eu", "us"), "");
    tell(&world, "ND_a", "ND_c", 0, UINT32_MAX);
    advance(&world, TIME_S(1));
    tell(&world, "ND_a", "ND_c", UINT64_MAX, UINT32_MAX);
    assert_non_null(strstr(link_of(&world, "us", "eu"), "\"lost_ratio\":1.0"));
    assert_non_null(
        strstr(link_of(&world, "eu", "us"), "\"trunks\":1,\"bps_out\":1000000000000000,"));
    world_fini(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tree),
        cmocka_unit_test(links),
        cmocka_unit_test(bytes_between_regions),
        cmocka_unit_test(worst_between_regions),
        cmocka_unit_test(odd_reports),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
