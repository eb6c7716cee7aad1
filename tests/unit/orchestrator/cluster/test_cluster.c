/* SPDX-License-Identifier: Apache-2.0
 *
 * A meeting over three orchestrators: whoever is asked, its room's owner answers.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/lib/cluster_world.h"

static const char *const one_region[SITES] = {"", "", ""};
static const char *const three_regions[SITES] = {"r1", "r2", "r3"};

/* alice through site 0, which owns the room since it is alone in its region; bob through site 1. */
static void meet(struct cluster_world *w)
{
    cluster_world_init(w, three_regions);
    cluster_world_join(w, 0, 1, "lobby", "alice", false);
    cluster_world_settle(w);
    cluster_world_join(w, 1, 1, "lobby", "bob", false);
    cluster_world_settle(w);
    assert_int_equal(cluster_world_owner(w, "lobby"), 0);
}

/* Goal: a client whose room is elsewhere hears what it would hear at its owner; its DTLS ends where
 * its WebSocket does. */
static void signalling(void **state)
{
    (void)state;
    struct cluster_world w;
    meet(&w);
    assert_non_null(strstr(cluster_world_story(&w, 0), "conn 1 < update bob=joined/0\n"));
    assert_string_equal(cluster_world_story(&w, 1), "conn 1 accept\n"
                                                    "conn 1 < join bob others=1\n"
                                                    "conn 1 < refresh_token\n"
                                                    "front T1 open\n"
                                                    "front T1 route ND_a\n"
                                                    "conn 1 < answer 1 tracks=0\n"
                                                    "conn 1 < update bob=joined/0\n");
    world_connected(&w.sites[1], 1);
    cluster_world_settle(&w);
    assert_non_null(strstr(cluster_world_story(&w, 1), "conn 1 < update bob=active/0\n"));
    assert_string_equal(w.sites[0].last_spec->transports[0]->orchestrator, "OR_2");
    assert_int_equal(w.sites[0].last_spec->transports[0]->srtp->client_key.len, 28);

    world_add_track(&w.sites[1], CLUSTER_ID(1, 1), "cid", LIVEKIT__TRACK_TYPE__AUDIO);
    cluster_world_settle(&w);
    assert_non_null(strstr(cluster_world_story(&w, 1), "conn 1 < track_published cid"));
    cluster_world_disconnect(&w, 1, 1); /* media live: it may resume */
    cluster_world_settle(&w);
    cluster_world_join(&w, 2, 2, "lobby", "bob", true); /* through the third */
    cluster_world_settle(&w);
    assert_non_null(strstr(cluster_world_story(&w, 2), "conn 2 < reconnect"));
    world_offer(&w.sites[2], CLUSTER_ID(2, 2), "chromium-join.offer", 2);
    cluster_world_settle(&w);
    assert_non_null(strstr(cluster_world_story(&w, 2), "conn 2 < answer 2"));
    assert_string_equal(cluster_world_story(&w, 1), ""); /* DTLS stays there, undisturbed */
    assert_string_equal(w.sites[0].last_spec->transports[0]->orchestrator, "OR_2");
    cluster_world_fini(&w);
}

/* Goal: a message that is none ends the client that sent it, with the reason, wherever it is. */
static void malformed(void **state)
{
    (void)state;
    struct cluster_world w;
    meet(&w);
    (void)cluster_world_story(&w, 1);
    cluster_signal(w.sites[1].cluster, w.sites[1].now_us, CLUSTER_ID(1, 1),
                   (struct bytes){(const uint8_t *)"\xff", 1});
    world_drain(&w.sites[1]);
    cluster_world_settle(&w);
    const char *story = cluster_world_story(&w, 1);
    assert_non_null(strstr(story, "conn 1 < leave"));
    assert_non_null(strstr(story, "conn 1 close 1008 not a SignalRequest"));
    assert_non_null(strstr(story, "front T1 close"));
    cluster_world_fini(&w);
}

/* Goal: data between fronts arrive, in order, and each front is sent one copy for all its people.
 */
static void data(void **state)
{
    (void)state;
    struct cluster_world w;
    meet(&w);
    cluster_world_join(&w, 1, 2, "lobby", "carol", false);
    cluster_world_settle(&w);
    for (size_t transport = 1; transport <= 2; transport++) {
        world_connected(&w.sites[1], transport);
        cluster_world_channels(&w, 1, transport);
    }
    world_connected(&w.sites[0], 1);
    cluster_world_channels(&w, 0, 1);
    cluster_world_settle(&w);
    (void)cluster_world_story(&w, 0);
    (void)cluster_world_story(&w, 1);

    cluster_world_data(&w, 1, 1, "bob says");
    cluster_world_data(&w, 1, 1, "bob says more");
    cluster_world_settle(&w);
    assert_string_equal(cluster_world_story(&w, 0), "front T1 send stream=0 bytes=57\n"
                                                    "front T1 send stream=0 bytes=62\n");
    assert_string_equal(cluster_world_story(&w, 1), "front T2 send stream=0 bytes=57\n"
                                                    "front T2 send stream=0 bytes=62\n");
    size_t messages = w.messages;
    cluster_world_data(&w, 0, 1, "alice says");
    cluster_world_settle(&w);
    assert_int_equal(w.messages - messages, 1);
    assert_string_equal(cluster_world_story(&w, 1), "front T1 send stream=0 bytes=63\n"
                                                    "front T2 send stream=0 bytes=63\n");
    cluster_world_fini(&w);
}

static const char *ask(struct cluster_world *w, size_t site, const char *method, const char *body)
{
    w->sites[site].last_status = 0;
    world_twirp(&w->sites[site], method, body);
    cluster_world_settle(w);
    return w->sites[site].last_reply;
}

static const char *show(struct cluster_world *w, size_t site, const char *path)
{
    w->sites[site].last_status = 0;
    world_admin(&w->sites[site], "GET", path, "");
    cluster_world_settle(w);
    return w->sites[site].last_reply;
}

/* Goal: the server API and the admin API say the same whoever is asked, of one room and of all. */
static void apis(void **state)
{
    (void)state;
    static const struct {
        const char *method, *body; /* method NULL: a path of the admin API */
        int status;
    } questions[] = {
        {"ListRooms", "{}", 200},
        {"ListRooms", "{\"names\":[\"lobby\"]}", 200},
        {"ListRooms", "{\"names\":[\"nowhere\"]}", 200},
        {"ListParticipants", "{\"room\":\"lobby\"}", 200},
        {"GetParticipant", "{\"room\":\"lobby\",\"identity\":\"bob\"}", 200},
        {"GetParticipant", "{\"room\":\"lobby\",\"identity\":\"nobody\"}", 404},
        {"CreateRoom", "{\"name\":\"lobby\"}", 200},
        {"UpdateRoomMetadata", "{\"room\":\"lobby\",\"metadata\":\"m\"}", 200},
        {"ListRooms", "{\"names\":7}", 400},
        {NULL, "/admin/v1/rooms", 200},
        {NULL, "/admin/v1/rooms/lobby", 200},
        {NULL, "/admin/v1/rooms/nowhere", 404},
        {NULL, "/admin/v1/rooms/lobby/explain", 200},
        {NULL, "/admin/v1/rooms/nowhere/explain", 404},
        {NULL, "/admin/v1/rooms/lobby/participants", 200},
        {NULL, "/admin/v1/rooms/lobby/participants/alice", 200},
        {NULL, "/admin/v1/rooms/lobby/participants/alice/stats", 200},
        {NULL, "/admin/v1/rooms/lobby/participants/nobody/stats", 404},
        {NULL, "/admin/v1/nodes", 200},
        {NULL, "/admin/v1/nodes/ND_a", 200},
        {NULL, "/admin/v1/nodes/ND_x", 404},
        {NULL, "/admin/v1/snapshot", 200},
        {NULL, "/admin/v1/nothing", 404},
    };
    struct cluster_world w;
    meet(&w);
    cluster_world_join(&w, 2, 1, "attic", "dave", false); /* owned by another */
    cluster_world_settle(&w);
    assert_int_equal(cluster_world_owner(&w, "attic"), 2);
    for (size_t q = 0; q < ARRAY_LEN(questions); q++) {
        char *first = NULL;
        for (size_t site = 0; site < SITES; site++) {
            const char *reply = questions[q].method != NULL
                                    ? ask(&w, site, questions[q].method, questions[q].body)
                                    : show(&w, site, questions[q].body);
            assert_int_equal(w.sites[site].last_status, questions[q].status);
            if (first == NULL) {
                first = mem_str(reply);
            }
            assert_string_equal(reply, first);
        }
        free(first);
    }
    const char *rooms = show(&w, 1, "/admin/v1/rooms");
    assert_true(strstr(rooms, "\"attic\"") != NULL && strstr(rooms, "\"lobby\"") != NULL);
    assert_null(strstr(rooms, "unanswered"));
    const char *node = show(&w, 1, "/admin/v1/nodes/ND_a");
    assert_non_null(strstr(node, "\"room_names\":[\"attic\",\"lobby\"]"));
    cluster_world_fini(&w);
}

/* Goal: a list has the fields that are asked for, in that order, whoever is asked; of everybody's
 * nodes, and what none has is null. What makes no sense is refused. */
static void columns(void **state)
{
    (void)state;
    static const char *const wrong[] = {",",    "name,",   ",name", "name,,id",
                                        "Name", "name id", "a=b"};
    char many[2 * 33 + 1] = "";
    struct cluster_world w;
    meet(&w);
    for (size_t site = 0; site < SITES; site++) {
        struct world *world = &w.sites[site];
        world_list(world, "/admin/v1/nodes", "state,nothing,id,rooms");
        cluster_world_settle(&w);
        assert_string_equal(world->last_reply,
                            "{\"fields\":[\"state\",\"nothing\",\"id\",\"rooms\"],"
                            "\"rows\":[[\"ready\",null,\"ND_a\",1]]}");
        world_list(world, "/admin/v1/rooms", "name");
        cluster_world_settle(&w);
        assert_string_equal(world->last_reply, "{\"fields\":[\"name\"],\"rows\":[[\"lobby\"]]}");
    }
    for (size_t i = 0; i < 33; i++) {
        snprintf(many + 2 * i, sizeof(many) - 2 * i, i == 32 ? "a" : "a,");
    }
    for (size_t i = 0; i <= ARRAY_LEN(wrong); i++) {
        world_list(&w.sites[0], "/admin/v1/nodes", i < ARRAY_LEN(wrong) ? wrong[i] : many);
        cluster_world_settle(&w);
        assert_int_equal(w.sites[0].last_status, 400);
    }
    world_list(&w.sites[0], "/admin/v1/nodes", many + 2); /* 32 */
    cluster_world_settle(&w);
    assert_int_equal(w.sites[0].last_status, 200);
    cluster_world_fini(&w);
}

static int change(struct cluster_world *w, size_t site, const char *path)
{
    w->sites[site].last_status = 0;
    world_admin(&w->sites[site], "POST", path, "{}");
    cluster_world_settle(w);
    return w->sites[site].last_status;
}

/* What each of them knows itself of the node. */
static void all_say(struct cluster_world *w, const char *state)
{
    for (size_t site = 0; site < SITES; site++) {
        assert_non_null(strstr(show(w, site, "/admin/v1/nodes/ND_a"), state));
    }
}

/* Goal: a node is cordoned, drained and uncordoned by all of them, whoever is asked; what one finds
 * impossible none begins; who owns a room there moves it. */
static void nodes(void **state)
{
    (void)state;
    struct cluster_world w;
    meet(&w);
    assert_int_equal(change(&w, 2, "/admin/v1/nodes/ND_a/cordon"), 200);
    all_say(&w, "\"state\":\"cordoned\"");
    assert_int_equal(change(&w, 1, "/admin/v1/nodes/ND_a/uncordon"), 200);
    all_say(&w, "\"state\":\"ready\"");
    assert_int_equal(change(&w, 1, "/admin/v1/nodes/ND_x/cordon"), 404);
    for (size_t site = 0; site < SITES; site++) {
        w.sites[site].node_weight = 10;
        world_heartbeat(&w.sites[site], "ND_a", 1);
    }
    assert_int_equal(change(&w, 2, "/admin/v1/nodes/ND_a/drain"), 409);
    all_say(&w, "\"state\":\"ready\"");
    for (size_t site = 0; site < SITES; site++) {
        world_node(&w.sites[site], "ND_b");
    }
    assert_int_equal(change(&w, 2, "/admin/v1/nodes/ND_a/drain"), 200);
    all_say(&w, "\"state\":\"draining\"");
    assert_non_null(strstr(show(&w, 1, "/admin/v1/rooms/lobby"), "\"node\":\"ND_b\""));
    cluster_world_fini(&w);
}

/* Goal: rooms are made through any orchestrator, once, and a participant is removed through any. */
static void changes(void **state)
{
    (void)state;
    struct cluster_world w;
    meet(&w);
    ask(&w, 1, "CreateRoom", "{\"name\":\"new\"}");
    assert_int_equal(w.sites[1].last_status, 200);
    size_t owner = cluster_world_owner(&w, "new");
    assert_in_range(owner, 0, SITES - 1);
    ask(&w, 2, "CreateRoom", "{\"name\":\"new\"}");
    assert_int_equal(cluster_world_owner(&w, "new"), owner);
    (void)cluster_world_story(&w, 1);
    ask(&w, 2, "RemoveParticipant", "{\"room\":\"lobby\",\"identity\":\"bob\"}");
    assert_int_equal(w.sites[2].last_status, 200);
    assert_non_null(strstr(cluster_world_story(&w, 1), "conn 1 < leave"));
    ask(&w, 1, "DeleteRoom", "{\"room\":\"lobby\"}");
    assert_int_equal(w.sites[1].last_status, 200);
    assert_int_equal(cluster_world_owner(&w, "lobby"), SITES);
    cluster_world_join(&w, 2, 7, "lobby", "erin", false); /* anew, and elsewhere */
    cluster_world_settle(&w);
    assert_int_equal(cluster_world_owner(&w, "lobby"), 2);
    cluster_world_fini(&w);
}

/* Goal: RPC made by the server reaches a participant behind another front, and its time-out the
 * caller behind a third. */
static void rpc(void **state)
{
    (void)state;
    struct cluster_world w;
    meet(&w);
    world_connected(&w.sites[1], 1);
    cluster_world_channels(&w, 1, 1);
    cluster_world_settle(&w);
    (void)cluster_world_story(&w, 1);
    ask(&w, 2, "PerformRpc",
        "{\"room\":\"lobby\",\"destination_identity\":\"bob\",\"method\":\"m\",\"payload\":\"p\","
        "\"response_timeout_ms\":1000}");
    assert_non_null(strstr(cluster_world_story(&w, 1), "front T1 send stream=0"));
    assert_int_equal(w.sites[2].last_status, 0); /* not answered yet */
    cluster_world_advance(&w, TIME_MS(1500));
    assert_int_equal(w.sites[2].last_status, 412);
    assert_non_null(strstr(w.sites[2].last_reply, "1502"));
    cluster_world_fini(&w);
}

/* Goal: a refusal by an owner elsewhere reaches the client, whose WebSocket is open by then; and
 * the validate path says it, too. */
static void refusal(void **state)
{
    (void)state;
    struct cluster_world w;
    cluster_world_init(&w, three_regions);
    ask(&w, 0, "CreateRoom", "{\"name\":\"small\",\"max_participants\":1}");
    cluster_world_join(&w, 0, 1, "small", "alice", false);
    cluster_world_settle(&w);
    (void)cluster_world_story(&w, 1);
    cluster_world_join(&w, 1, 1, "small", "bob", false);
    cluster_world_settle(&w);
    assert_string_equal(cluster_world_story(&w, 1),
                        "conn 1 accept\n"
                        "conn 1 < leave reason=7 action=0\n"
                        "conn 1 close 1008 the room is full: max_participants is 1\n");
    world_validate(&w.sites[1], &(struct world_join){.room = "small", .identity = "bob"});
    cluster_world_settle(&w);
    assert_int_equal(w.sites[1].last_status, 403);
    cluster_world_fini(&w);
}

/* Goal: whose room nobody has, and none would take, is refused before its WebSocket opens; into a
 * room that is there its owner may still let people. */
static void full(void **state)
{
    (void)state;
    struct cluster_world w;
    meet(&w);
    for (size_t site = 0; site < SITES; site++) {
        w.sites[site].node_weight = 820; /* no new rooms, but joins */
        world_heartbeat(&w.sites[site], "ND_a", 1);
        (void)cluster_world_story(&w, site);
    }
    cluster_world_join(&w, 1, 2, "attic", "carol", false);
    const char *story = cluster_world_story(&w, 1);
    assert_non_null(strstr(story, "conn 2 refuse 503 the media nodes are full, try again in 1"));
    assert_null(strstr(story, "accept"));
    world_validate(&w.sites[1], &(struct world_join){.room = "attic", .identity = "carol"});
    cluster_world_settle(&w);
    assert_int_equal(w.sites[1].last_status, 503);
    cluster_world_join(&w, 1, 3, "lobby", "carol", false);
    cluster_world_settle(&w);
    assert_non_null(strstr(cluster_world_story(&w, 1), "conn 3 < join carol"));
    cluster_world_join(&w, 1, 4, "nowhere", "carol", true); /* only its owner knows */
    assert_non_null(strstr(cluster_world_story(&w, 1), "conn 4 accept"));
    cluster_world_fini(&w);
}

/* Goal: what a client says before its room's owner is found gets there after the join; one that
 * says too much is ended. */
static void early(void **state)
{
    (void)state;
    struct cluster_world w;
    cluster_world_init(&w, three_regions);
    cluster_world_join(&w, 0, 1, "lobby", "alice", false);
    world_add_track(&w.sites[0], CLUSTER_ID(0, 1), "cid", LIVEKIT__TRACK_TYPE__AUDIO);
    assert_string_equal(cluster_world_story(&w, 0), "conn 1 accept\n");
    cluster_world_settle(&w);
    assert_non_null(strstr(cluster_world_story(&w, 0), "conn 1 < track_published cid"));

    cluster_world_join(&w, 1, 2, "other", "bob", false);
    for (size_t i = 0; i <= CLUSTER_EARLY_MAX; i++) {
        world_add_track(&w.sites[1], CLUSTER_ID(1, 2), "cid", LIVEKIT__TRACK_TYPE__AUDIO);
    }
    assert_non_null(strstr(cluster_world_story(&w, 1), "conn 2 close 1008 too many messages"));
    cluster_world_settle(&w);
    assert_int_equal(cluster_world_owner(&w, "other"), SITES);
    cluster_world_fini(&w);
}

static void say(struct cluster_world *w, const char *text, size_t len)
{
    struct world *at = &w->sites[0];
    cluster_signal(at->cluster, at->now_us, CLUSTER_ID(0, 1),
                   (struct bytes){(const uint8_t *)text, len});
    world_drain(at);
}

/* Goal: what waits for owners is bounded in bytes, too; what is refused for it says so, and what is
 * gone makes place. */
static void heavy(void **state)
{
    (void)state;
    enum { PIECE = 16 << 20, LEFT = 8 << 10 };
    struct cluster_world w;
    char *piece = mem_alloc(PIECE);
    cluster_world_init(&w, three_regions);
    for (size_t round = 0; round < 2; round++) {
        cluster_world_join(&w, 0, 1, "lobby", "alice", true);
        for (size_t i = 0; i < CLUSTER_WAITING_MAX / PIECE; i++) {
            say(&w, piece, PIECE - LEFT / (CLUSTER_WAITING_MAX / PIECE));
        }
        assert_string_equal(cluster_world_story(&w, 0), "conn 1 accept\n");
        uint64_t joins = 0;
        const char *story;
        do {
            cluster_world_join(&w, 0, 2 + joins, "attic", "bob", true);
            story = cluster_world_story(&w, 0);
        } while (strstr(story, "close") == NULL && ++joins < LEFT / 64);
        assert_non_null(strstr(story, "close 1013 too many clients wait"));
        assert_true(joins > 0);
        say(&w, piece, LEFT);
        assert_non_null(strstr(cluster_world_story(&w, 0), "conn 1 close 1008 too many messages"));
        for (uint64_t n = 0; n < joins; n++) {
            cluster_world_disconnect(&w, 0, 2 + n);
        }
    }
    free(piece);
    cluster_world_fini(&w);
}

/* Goal: a client that goes while its room is being found leaves nothing behind. */
static void gone_meanwhile(void **state)
{
    (void)state;
    struct cluster_world w;
    struct cluster_stats stats;
    for (size_t steps = 0; steps < 8; steps++) { /* at whatever moment */
        cluster_world_init(&w, one_region);
        cluster_world_join(&w, 0, 1, "lobby", "alice", false);
        for (size_t i = 0; i < steps && cluster_world_choices(&w) > 0; i++) {
            cluster_world_deliver(&w, 0);
        }
        cluster_world_disconnect(&w, 0, 1);
        cluster_world_settle(&w);
        size_t owner = cluster_world_owner(&w, "lobby");
        struct orch_stats orch = {0};
        if (owner != SITES) {
            orch_stats(w.sites[owner].orch, &orch);
        }
        assert_int_equal(orch.participants, 0);
        cluster_stats(w.sites[0].cluster, &stats);
        assert_int_equal(stats.asks + stats.conns_elsewhere, 0);
        cluster_world_fini(&w);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(signalling),     cmocka_unit_test(malformed), cmocka_unit_test(data),
        cmocka_unit_test(apis),           cmocka_unit_test(changes),   cmocka_unit_test(rpc),
        cmocka_unit_test(refusal),        cmocka_unit_test(full),      cmocka_unit_test(early),
        cmocka_unit_test(columns),        cmocka_unit_test(heavy),     cmocka_unit_test(nodes),
        cmocka_unit_test(gone_meanwhile),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
