/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal: text that is not UTF-8, from whoever comes by HTTP or opens a data channel, harms nobody
 * but its sender.
 */
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/lib/cluster_world.h"

#define OWNER 0 /* of the room */
#define FRONT 1 /* of bob */
#define BAD   "\xff"

static const char *const regions[SITES] = {"r1", "r1", "r1"};

static void begin(struct cluster_world *w)
{
    cluster_world_init(w, regions);
    cluster_world_join(w, OWNER, 1, "lobby", "alice", false);
    cluster_world_settle(w);
    cluster_world_join(w, FRONT, 1, "lobby", "bob", false);
    cluster_world_settle(w);
    for (size_t site = OWNER; site <= FRONT; site++) {
        world_connected(&w->sites[site], 1);
        cluster_world_channels(w, site, 1);
    }
    cluster_world_settle(w);
    assert_int_equal(cluster_world_owner(w, "lobby"), OWNER);
}

/* Nobody was lost, and what bob says arrives. */
static void all_is_well(struct cluster_world *w, uint64_t unfit)
{
    struct cluster_stats front;
    cluster_stats(w->sites[FRONT].cluster, &front);
    assert_int_equal(front.unfit, unfit);
    cluster_world_settle(w);
    cluster_world_story(w, OWNER);
    cluster_world_data(w, FRONT, 1, "x");
    cluster_world_settle(w);
    assert_non_null(strstr(cluster_world_story(w, OWNER), "front T1 send stream=0"));
    cluster_world_advance(w, TIME_S(1));
    for (size_t site = 0; site < SITES; site++) {
        struct cluster_stats stats;
        cluster_stats(w->sites[site].cluster, &stats);
        assert_int_equal(stats.peers_lost, 0);
        assert_int_equal(stats.peers_up, SITES - 1);
    }
}

/* Goal: what a client says may be as large as the bus takes, and no larger. */
static void size(void **state)
{
    (void)state;
    struct cluster_world w;
    begin(&w);
    struct world *at = &w.sites[FRONT];
    uint8_t *message = mem_alloc(CLUSTER_MESSAGE_MAX);
    cluster_signal(at->cluster, at->now_us, CLUSTER_ID(FRONT, 1),
                   (struct bytes){message, CLUSTER_MESSAGE_MAX});
    world_drain(at);
    all_is_well(&w, 1);
    free(message);
    cluster_world_fini(&w);
}

/* Goal: an application's own data channel, whatever its label. */
static void label(void **state)
{
    (void)state;
    struct cluster_world w;
    begin(&w);
    struct world *at = &w.sites[FRONT];
    cluster_channel_opened(at->cluster, at->now_us, at->transports[0], 9, "chat" BAD);
    world_drain(at);
    all_is_well(&w, 1);
    cluster_world_fini(&w);
}

/* Goal: parameters of a call, with a token that is good for it. */
static void call(void **state)
{
    (void)state;
    struct cluster_world w;
    begin(&w);
    struct world *at = &w.sites[FRONT];
    struct token_video video = {.room_admin = true, .room = "lobby"};
    char *token = world_token(at, "", &video), authorization[2048];
    snprintf(authorization, sizeof(authorization), "Bearer %s", token);
    static const char json[] = "{\"room\":\"lobby\"}";
    const struct twirp_head head = {.verb = "POST",
                                    .path = "/twirp/livekit.RoomService/ListParticipants",
                                    .content_type = "application/json; a=" BAD};
    cluster_twirp(at->cluster, at->now_us, at->request, &head,
                  &(struct cluster_caller){.authorization = authorization},
                  (struct bytes){(const uint8_t *)json, strlen(json)});
    world_drain(at);
    all_is_well(&w, 0);
    assert_int_equal(at->last_status, 200);
    at->last_status = 0;
    world_admin(at, "GET", "/admin/v1/rooms/" BAD, "");
    world_admin(at, "GET", "/admin/v1/nodes/" BAD, "");
    all_is_well(&w, 2); /* of the node, everybody is asked */
    cluster_world_advance(&w, CLUSTER_ASK_US);
    assert_int_not_equal(at->last_status, 200);
    free(token);
    cluster_world_fini(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(size), cmocka_unit_test(label),
                                       cmocka_unit_test(call)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
