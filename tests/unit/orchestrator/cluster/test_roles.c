/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal: each operator may do what his role is for, whichever orchestrator he asks.
 */
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/lib/cluster_world.h"

static const char *const three_regions[SITES] = {"r1", "r2", "r3"};

/* alice through the site that owns the room, on ND_a. */
static void begin(struct cluster_world *w)
{
    cluster_world_init(w, three_regions);
    cluster_world_second_node(w);
    cluster_world_join(w, 0, 1, "lobby", "alice", false);
    cluster_world_settle(w);
}

static const struct {
    enum token_role wanted;
    const char *verb, *path, *body;
} calls[] = {
    {TOKEN_ROLE_READ, "GET", "nodes", ""},
    {TOKEN_ROLE_READ, "GET", "nodes/ND_a", ""},
    {TOKEN_ROLE_READ, "GET", "rooms", ""},
    {TOKEN_ROLE_READ, "GET", "rooms/lobby", ""},
    {TOKEN_ROLE_READ, "GET", "rooms/lobby/participants", ""},
    {TOKEN_ROLE_READ, "GET", "rooms/lobby/explain", ""},
    {TOKEN_ROLE_READ, "GET", "snapshot", ""},
    {TOKEN_ROLE_READ, "GET", "reservations", ""},
    {TOKEN_ROLE_READ, "GET", "events", ""},
    {TOKEN_ROLE_READ, "POST", "place", "{}"},
    {TOKEN_ROLE_OPERATE, "POST", "nodes/ND_a/cordon", "{}"},
    {TOKEN_ROLE_OPERATE, "POST", "nodes/ND_a/uncordon", "{}"},
    {TOKEN_ROLE_OPERATE, "POST", "rooms/lobby/pin", "{\"region\":\"r1\"}"},
    {TOKEN_ROLE_OPERATE, "POST", "rooms/lobby/unpin", "{}"},
    {TOKEN_ROLE_OPERATE, "POST", "rooms/lobby/move", "{\"to\":\"ND_b\"}"},
    {TOKEN_ROLE_OPERATE, "POST", "nodes/ND_a/drain", "{}"},
    {TOKEN_ROLE_OPERATE, "POST", "nodes/ND_a/drain", "{\"force\":false}"},
    {TOKEN_ROLE_ADMIN, "POST", "nodes/ND_b/drain", "{\"force\":true}"},
    {TOKEN_ROLE_ADMIN, "GET", "config", ""},
};

/* Goal: each call takes its role, at every orchestrator alike, and who has a lower one is told
 * which it is. */
static void roles(void **state)
{
    (void)state;
    for (enum token_role role = TOKEN_ROLE_NONE; role < TOKEN_ROLES; role++) {
        struct cluster_world w;
        begin(&w);
        for (size_t i = 0; i < ARRAY_LEN(calls); i++) {
            char path[64], words[64];
            struct world *asked = &w.sites[i % SITES];
            snprintf(path, sizeof(path), "/admin/v1/%s", calls[i].path);
            snprintf(words, sizeof(words), "this takes the role %s",
                     token_role_name(calls[i].wanted));
            asked->last_status = 0;
            world_admin_as(asked, role, calls[i].verb, path, calls[i].body);
            cluster_world_settle(&w);
            if (role < calls[i].wanted) {
                assert_int_equal(asked->last_status, 403);
                assert_non_null(strstr(asked->last_reply, words));
            } else if (asked->last_status != 200) {
                fail_msg("%s %s: %d %s", calls[i].verb, path, asked->last_status,
                         asked->last_reply);
            }
        }
        cluster_world_fini(&w);
    }
}

static bool says_nothing(const struct cluster_world *w, size_t site)
{
    bool nothing = w->questions[site] == NULL;
    for (size_t other = 0; other < SITES; other++) {
        nothing = nothing && w->links[site][other] == NULL;
    }
    return nothing;
}

/* Goal: what a token is not good for is answered at once, and costs no other orchestrator and no
 * store anything: requests are large, what waits for others is bounded for all of them together,
 * and so is what one orchestrator sends to another. */
static void strangers_reach_nobody(void **state)
{
    (void)state;
    static const char *const methods[] = {"SendData", "CreateRoom", "ListRooms"};
    struct cluster_world w;
    struct world *asked = &w.sites[1];
    begin(&w);
    for (size_t i = 0; i < ARRAY_LEN(calls); i++) {
        char path[64];
        snprintf(path, sizeof(path), "/admin/v1/%s", calls[i].path);
        asked->last_status = 0;
        world_admin_as(asked, TOKEN_ROLE_NONE, calls[i].verb, path, calls[i].body);
        assert_int_equal(asked->last_status, 403);
        assert_true(says_nothing(&w, 1));
    }
    struct token_video in_the_room = {.room_join = true, .room = "lobby"};
    char *token = world_token(asked, "mallory", &in_the_room), authorization[2048];
    snprintf(authorization, sizeof(authorization), "Bearer %s", token);
    const char *const tokens[] = {"", "Bearer none", authorization};
    static const char json[] = "{\"room\":\"lobby\",\"name\":\"hall\"}";
    for (size_t i = 0; i < ARRAY_LEN(methods) * ARRAY_LEN(tokens); i++) {
        char path[64];
        snprintf(path, sizeof(path), "/twirp/livekit.RoomService/%s",
                 methods[i % ARRAY_LEN(methods)]);
        const struct twirp_head head = {
            .verb = "POST", .path = path, .content_type = "application/json"};
        const struct cluster_caller caller = {.authorization = tokens[i / ARRAY_LEN(methods)]};
        asked->last_status = 0;
        cluster_twirp(asked->cluster, asked->now_us, asked->request, &head, &caller,
                      (struct bytes){(const uint8_t *)json, strlen(json)});
        world_drain(asked);
        assert_int_equal(asked->last_status, 401);
        assert_true(says_nothing(&w, 1));
    }
    free(token);
    cluster_world_fini(&w);
}

static void all_say(struct cluster_world *w, const char *what)
{
    for (size_t site = 0; site < SITES; site++) {
        world_admin(&w->sites[site], "GET", "/admin/v1/nodes/ND_a", "");
        cluster_world_settle(w);
        assert_non_null(strstr(w->sites[site].last_reply, what));
    }
}

/* Goal: what one orchestrator found possible all begin, also those that would find it impossible,
 * without the role that a forced drain takes. */
static void drains_by_one_view(void **state)
{
    (void)state;
    struct cluster_world w;
    begin(&w);
    for (size_t site = 0; site < SITES; site++) {
        w.sites[site].node_weight = site == 0 ? 10 : 990; /* only the first has place for ND_a's */
        world_heartbeat(&w.sites[site], "ND_b", 1);
        w.sites[site].node_weight = 10;
        world_heartbeat(&w.sites[site], "ND_a", 1);
    }
    world_admin_as(&w.sites[1], TOKEN_ROLE_OPERATE, "POST", "/admin/v1/nodes/ND_a/drain", "{}");
    cluster_world_settle(&w);
    assert_int_equal(w.sites[1].last_status, 409);
    all_say(&w, "\"state\":\"ready\"");
    world_admin_as(&w.sites[0], TOKEN_ROLE_OPERATE, "POST", "/admin/v1/nodes/ND_a/drain", "{}");
    cluster_world_settle(&w);
    assert_int_equal(w.sites[0].last_status, 200);
    all_say(&w, "\"state\":\"draining\"");
    cluster_world_fini(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(roles),
        cmocka_unit_test(strangers_reach_nobody),
        cmocka_unit_test(drains_by_one_view),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
