/* SPDX-License-Identifier: Apache-2.0
 *
 * Orchestrators that die, links that break, a store that is away, queues that are full.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "proto/gen/bus.pb-c.h"
#include "proto/wire/wire.h"
#include "tests/lib/cluster_world.h"

static const char *const one_region[SITES] = {"", "", ""};
static const char *const three_regions[SITES] = {"r1", "r2", "r3"};

static struct cluster_stats stats_of(const struct cluster_world *w, size_t site)
{
    struct cluster_stats stats;
    cluster_stats(w->sites[site].cluster, &stats);
    return stats;
}

/* alice through site 0, which owns the room, bob through site 1; both active. */
static void meet(struct cluster_world *w)
{
    cluster_world_init(w, three_regions);
    for (size_t site = 0; site < 2; site++) {
        cluster_world_join(w, site, 1, "lobby", site == 0 ? "alice" : "bob", false);
        cluster_world_settle(w);
        world_connected(&w->sites[site], 1);
        cluster_world_settle(w);
    }
    assert_int_equal(cluster_world_owner(w, "lobby"), 0);
    (void)cluster_world_story(w, 0);
    (void)cluster_world_story(w, 1);
}

/* Goal: the owner dies, and no node kept anything: its clients elsewhere lose their WebSocket once
 * nobody went on with them, and resume; the room is claimed with the next epoch and they start over
 * in it, together. */
static void owner_dies(void **state)
{
    (void)state;
    struct cluster_world w;
    meet(&w);
    uint64_t epoch = w.last_epoch;
    cluster_world_kill(&w, 0);
    assert_string_equal(cluster_world_story(&w, 1), "");
    cluster_world_advance(&w, CLUSTER_ORPHAN_US);
    assert_string_equal(cluster_world_story(&w, 1), "conn 1 close 1001\n"
                                                    "front T1 close\n");
    cluster_world_disconnect(&w, 1, 1);
    cluster_world_join(&w, 1, 2, "lobby", "bob", true);
    cluster_world_settle(&w);
    assert_string_equal(cluster_world_story(&w, 1), "conn 2 accept\n"
                                                    "conn 2 < leave reason=6 action=2\n"
                                                    "conn 2 close 1000\n");
    cluster_world_join(&w, 1, 3, "lobby", "bob", false);
    cluster_world_settle(&w);
    cluster_world_join(&w, 2, 1, "lobby", "alice", false);
    cluster_world_settle(&w);
    assert_int_equal(cluster_world_owner(&w, "lobby"), 1);
    assert_true(w.last_epoch > epoch);
    assert_non_null(strstr(cluster_world_story(&w, 2), "conn 1 < join alice others=1"));
    cluster_world_fini(&w);
}

/* Goal: a front dies: those whose WebSocket and DTLS ended there resume elsewhere as long as their
 * media live, as whoever was elsewhere already is told to; with its ICE restart DTLS begins anew
 * there. */
static void front_dies(void **state)
{
    (void)state;
    struct cluster_world w;
    meet(&w);
    cluster_world_join(&w, 1, 2, "lobby", "carol", false);
    cluster_world_settle(&w);
    world_connected(&w.sites[1], 2);
    cluster_world_channels(&w, 1, 2);
    world_connected(&w.sites[0], 1);
    cluster_world_channels(&w, 0, 1);
    cluster_world_settle(&w);
    cluster_world_join(&w, 2, 1, "lobby", "carol", true); /* her DTLS stays at site 1 */
    cluster_world_settle(&w);
    (void)cluster_world_story(&w, 0);
    (void)cluster_world_story(&w, 2);
    cluster_world_kill(&w, 1);
    cluster_world_settle(&w);
    assert_string_equal(cluster_world_story(&w, 2), "conn 1 < leave reason=8 action=1\n"
                                                    "conn 1 close 1000\n");
    assert_string_equal(cluster_world_story(&w, 0), ""); /* nobody has gone */
    cluster_world_join(&w, 2, 2, "lobby", "carol", true);
    cluster_world_settle(&w);
    assert_non_null(strstr(cluster_world_story(&w, 2), "conn 2 < reconnect"));
    world_offer(&w.sites[2], CLUSTER_ID(2, 2), "firefox-join.offer", 2); /* with another ufrag */
    cluster_world_settle(&w);
    assert_non_null(strstr(cluster_world_story(&w, 2), "front T1 open again channels=2\n"
                                                       "front T1 route ND_a\n"));
    assert_string_equal(w.sites[0].last_spec->transports[0]->orchestrator, "OR_3");
    world_connected(&w.sites[2], 1);
    cluster_world_channels(&w, 2, 1);
    cluster_world_settle(&w);
    assert_int_equal(w.sites[0].last_spec->transports[0]->srtp->client_key.len, 28);
    assert_int_equal(stats_of(&w, 0).stale, 0);
    cluster_world_data(&w, 2, 1, "hello"); /* to alice */
    cluster_world_settle(&w);
    assert_non_null(strstr(cluster_world_story(&w, 0), "front T1 send stream=0"));
    cluster_world_fini(&w);
}

/* Goal: a join on its way to an owner that dies is asked again, and is answered. */
static void dies_while_asked(void **state)
{
    (void)state;
    struct cluster_world w;
    meet(&w);
    cluster_world_join(&w, 1, 2, "lobby", "carol", false); /* not delivered */
    cluster_world_kill(&w, 0);
    cluster_world_settle(&w);
    assert_non_null(strstr(cluster_world_story(&w, 1), "conn 2 < join carol others=0"));
    assert_int_equal(cluster_world_owner(&w, "lobby"), 1);
    world_twirp(&w.sites[1], "ListParticipants", "{\"room\":\"lobby\"}");
    assert_int_equal(w.sites[1].last_status, 200);
    cluster_world_fini(&w);
}

/* Goal: a call on its way to an owner that dies gets an answer, and is not made twice. */
static void dies_while_called(void **state)
{
    (void)state;
    struct cluster_world w;
    meet(&w);
    world_twirp(&w.sites[1], "ListParticipants", "{\"room\":\"lobby\"}");
    cluster_world_kill(&w, 0);
    assert_int_equal(w.sites[1].last_status, 503);
    cluster_world_fini(&w);
}

/* Goal: asked about a room whose owner cannot be reached while the store counts it as there: it
 * died a moment ago, and no node has told yet that it has the room. Who asks waits, and is not told
 * that there is no such room before the store says so. */
static void owner_out_of_reach(void **state)
{
    (void)state;
    struct cluster_world w;
    cluster_world_init(&w, three_regions);
    w.rows[0] = (struct row){.room = "lobby", .owner = 2, .epoch = 1, .used = true};
    cluster_world_link(&w, 1, 2, false);
    cluster_world_link(&w, 2, 1, false);
    w.sites[1].last_status = 0;
    world_twirp(&w.sites[1], "ListParticipants", "{\"room\":\"lobby\"}");
    cluster_world_settle(&w);
    assert_int_equal(w.sites[1].last_status, 0);
    w.alive[2] = false;
    cluster_world_advance(&w, CLUSTER_CLAIM_US);
    assert_int_equal(w.sites[1].last_status, 404);
    w.alive[2] = true;
    cluster_world_fini(&w);
}

/* Goal: a link that breaks and comes back: both ends forget what they had in common, whichever
 * connection it was, and then work together again. */
static void link_breaks(void **state)
{
    (void)state;
    for (size_t from = 0; from < 2; from++) {
        struct cluster_world w;
        meet(&w);
        cluster_world_link(&w, from, 1 - from, false);
        cluster_world_settle(&w);
        cluster_world_link(&w, from, 1 - from, true);
        cluster_world_settle(&w);
        cluster_world_advance(&w, TIME_MS(50));
        assert_non_null(strstr(cluster_world_story(&w, 1), "conn 1 close 1001"));
        cluster_world_disconnect(&w, 1, 1);
        cluster_world_settle(&w);
        for (size_t site = 0; site < SITES; site++) {
            assert_int_equal(stats_of(&w, site).peers_up, 2);
        }
        cluster_world_join(&w, 1, 2, "lobby", "bob", false);
        cluster_world_settle(&w);
        assert_non_null(strstr(cluster_world_story(&w, 1), "conn 2 < join bob others=1"));
        cluster_world_advance(&w, TIME_S(5)); /* and stay so */
        for (size_t site = 0; site < SITES; site++) {
            assert_int_equal(stats_of(&w, site).peers_up, 2);
        }
        cluster_world_fini(&w);
    }
}

/* Goal: however links break and messages are late, both ends find each other in the end, and then
 * stay together: they do not take each other's Hellos of before for news without end. */
static void links_at_random(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 200; seed++) {
        struct cluster_world w;
        struct prng prng;
        bool up[SITES][SITES];
        memset(up, 1, sizeof(up));
        prng_seed(&prng, seed);
        cluster_world_init(&w, three_regions);
        for (int step = 0; step < 300; step++) {
            size_t from = prng_below(&prng, SITES), to = prng_below(&prng, SITES);
            size_t choices = cluster_world_choices(&w);
            if (prng_below(&prng, 16) == 0) { /* hears nobody for long: what it missed comes late */
                world_advance(&w.sites[from], CLUSTER_SILENT_US + TIME_MS(100));
            } else if (from != to && prng_below(&prng, 16) == 0) {
                up[from][to] = !up[from][to];
                cluster_world_link(&w, from, to, up[from][to]);
            } else if (choices > 0) {
                cluster_world_deliver(&w, prng_below(&prng, choices));
            }
        }
        for (size_t from = 0; from < SITES; from++) {
            for (size_t to = 0; to < SITES; to++) {
                if (!up[from][to] && from != to) {
                    cluster_world_link(&w, from, to, true);
                }
            }
        }
        for (int step = 0; cluster_world_choices(&w) > 0; step++) {
            assert_true(step < 1000);
            cluster_world_deliver(&w, prng_below(&prng, cluster_world_choices(&w)));
        }
        for (size_t site = 0; site < SITES; site++) {
            assert_int_equal(stats_of(&w, site).peers_up, 2);
        }
        cluster_world_fini(&w);
    }
}

/* Goal: a peer that says nothing for 2 s is lost, though its connections stand and its region's
 * node is heard; when it speaks again both start anew. */
static void silence(void **state)
{
    (void)state;
    struct cluster_world w;
    meet(&w);
    for (int64_t us = 0; us < TIME_MS(2100); us += TIME_MS(50)) { /* site 0 is stopped */
        world_advance(&w.sites[1], TIME_MS(50));
        world_advance(&w.sites[2], TIME_MS(50));
        world_heartbeat(&w.sites[1], "ND_a", ++w.beats);
        world_heartbeat(&w.sites[2], "ND_a", w.beats);
        cluster_world_deliver_link(&w, 1, 2);
        cluster_world_deliver_link(&w, 2, 1);
    }
    assert_int_equal(stats_of(&w, 1).peers_up, 1);
    w.sites[0].now_us = w.sites[1].now_us;
    cluster_world_advance(&w, TIME_S(1));
    assert_non_null(strstr(cluster_world_story(&w, 1), "conn 1 close 1001"));
    for (size_t site = 0; site < SITES; site++) {
        assert_int_equal(stats_of(&w, site).peers_up, 2);
    }
    cluster_world_fini(&w);
}

/* Goal: of two parts that each made the room while they were apart, one gives it up when they meet
 * again: its people start over, at the other. */
static void parted(void **state)
{
    (void)state;
    struct cluster_world w;
    cluster_world_init(&w, one_region);
    cluster_world_store_up(&w, false);
    cluster_world_settle(&w);
    for (size_t site = 0; site < 2; site++) {
        for (size_t other = 0; other < SITES; other++) {
            if (other != site) {
                cluster_world_link(&w, site, other, false);
                cluster_world_link(&w, other, site, false);
            }
        }
    }
    for (size_t site = 0; site < 2; site++) {
        cluster_world_join(&w, site, 1, "lobby", site == 0 ? "alice" : "bob", false);
    }
    cluster_world_advance(&w, CLUSTER_ALONE_US - TIME_MS(200));
    assert_false(orch_has_room(w.sites[0].orch, "lobby"));
    cluster_world_advance(&w, TIME_MS(400));
    assert_true(orch_has_room(w.sites[0].orch, "lobby"));
    assert_true(orch_has_room(w.sites[1].orch, "lobby"));
    (void)cluster_world_story(&w, 0);
    (void)cluster_world_story(&w, 1);
    cluster_world_link(&w, 0, 1, true);
    cluster_world_link(&w, 1, 0, true);
    cluster_world_settle(&w);
    assert_int_equal(cluster_world_owner(&w, "lobby"), 1); /* equal clocks: the greater id */
    assert_non_null(strstr(cluster_world_story(&w, 0), "conn 1 < leave reason=8 action=1"));
    assert_string_equal(cluster_world_story(&w, 1), "");
    cluster_world_join(&w, 0, 2, "lobby", "alice", false);
    cluster_world_settle(&w);
    assert_non_null(strstr(cluster_world_story(&w, 0), "conn 2 < join alice others=1"));
    cluster_world_fini(&w);
}

/* Goal: whoever joins through an orchestrator that was cut off, and has found neither the store nor
 * the others again, waits for that, and disturbs nobody. */
static void cut_off(void **state)
{
    (void)state;
    for (size_t found = 1; found < SITES; found++) { /* the owner alone, or everybody */
        struct cluster_world w;
        cluster_world_init(&w, one_region);
        cluster_world_join(&w, 0, 1, "lobby", "alice", false);
        cluster_world_settle(&w);
        size_t owner = cluster_world_owner(&w, "lobby"), other = (owner + 1) % SITES;
        cluster_world_store_up(&w, false);
        for (size_t i = 1; i < SITES; i++) {
            cluster_world_link(&w, other, (other + i) % SITES, false);
            cluster_world_link(&w, (other + i) % SITES, other, false);
        }
        cluster_world_join(&w, other, 1, "lobby", "bob", false);
        cluster_world_advance(&w, TIME_S(3));
        assert_false(orch_has_room(w.sites[other].orch, "lobby"));
        for (size_t i = SITES - found; i < SITES; i++) {
            cluster_world_link(&w, other, (other + i) % SITES, true);
            cluster_world_link(&w, (other + i) % SITES, other, true);
        }
        cluster_world_advance(&w, TIME_MS(500));
        assert_non_null(strstr(cluster_world_story(&w, other), "conn 1 < join bob others=1"));
        assert_int_equal(cluster_world_owner(&w, "lobby"), owner);
        cluster_world_fini(&w);
    }
}

static void both_ways(struct cluster_world *w, size_t site, size_t other, bool up)
{
    cluster_world_link(w, site, other, up);
    cluster_world_link(w, other, site, up);
}

/* Goal: while the store is away, whoever would own a room does not before all peers have said which
 * rooms they own: they have just come up again. */
static void before_it_is_told(void **state)
{
    (void)state;
    struct cluster_world w;
    cluster_world_init(&w, one_region);
    both_ways(&w, 1, 0, false);
    both_ways(&w, 1, 2, false);
    cluster_world_join(&w, 0, 1, "room-10", "alice", false); /* which 1 would get */
    cluster_world_settle(&w);
    size_t owner = cluster_world_owner(&w, "room-10");
    assert_true(owner == 0 || owner == 2);
    cluster_world_store_up(&w, false);
    both_ways(&w, 1, 2 - owner, true);
    cluster_world_settle(&w);
    both_ways(&w, 1, owner, true);
    while (stats_of(&w, 1).peers_up < 2) {
        cluster_world_deliver(&w, 0);
    }
    cluster_world_join(&w, 1, 1, "room-10", "bob", false);
    cluster_world_deliver_store(&w, 1);
    assert_false(orch_has_room(w.sites[1].orch, "room-10"));
    cluster_world_settle(&w);
    cluster_world_advance(&w, TIME_S(1));
    assert_int_equal(cluster_world_owner(&w, "room-10"), owner);
    assert_non_null(strstr(cluster_world_story(&w, 1), "conn 1 < join bob others=1"));
    cluster_world_fini(&w);
}

/* Goal: without a store everybody names the same owner; when it is back, rooms stay where they are.
 */
static void without_store(void **state)
{
    (void)state;
    for (char room[] = "a"; room[0] < 'h'; room[0]++) {
        struct cluster_world w;
        cluster_world_init(&w, three_regions);
        cluster_world_store_up(&w, false);
        cluster_world_advance(&w, TIME_S(1));
        for (size_t site = 0; site < SITES; site++) {
            cluster_world_join(&w, site, 1, room, site == 0 ? "a" : site == 1 ? "b" : "c", false);
        }
        cluster_world_settle(&w);
        size_t owner = cluster_world_owner(&w, room); /* one alone */
        struct orch_stats stats;
        orch_stats(w.sites[owner].orch, &stats);
        assert_int_equal(stats.participants, 3);
        cluster_world_store_up(&w, true);
        cluster_world_advance(&w, TIME_S(1));
        assert_int_equal(cluster_world_owner(&w, room), owner);
        cluster_world_fini(&w);
    }
}

/* Goal: the store has lost a room, and its owner dies, whose clock was ahead: the next epoch is
 * higher nevertheless, claimed in the store or without it. */
static void store_forgets(void **state)
{
    (void)state;
    for (int away = 0; away < 2; away++) {
        struct cluster_world w;
        cluster_world_init(&w, three_regions);
        uint64_t ahead = (uint64_t)1 << 51; /* the year 2041 */
        w.rows[0] = (struct row){.room = "lobby", .owner = 1, .epoch = ahead, .used = true};
        w.alive[1] = false; /* long ago */
        cluster_world_join(&w, 0, 1, "lobby", "alice", false);
        cluster_world_settle(&w);
        w.alive[1] = true;
        assert_int_equal(w.rows[0].epoch, ahead + 1);
        memset(w.rows, 0, sizeof(w.rows));
        if (away) {
            cluster_world_store_up(&w, false);
        }
        cluster_world_kill(&w, 0);
        cluster_world_join(&w, 1, 1, "lobby", "bob", false);
        cluster_world_advance(&w, CLUSTER_ALONE_US + TIME_S(1));
        size_t owner = cluster_world_owner(&w, "lobby");
        assert_in_range(owner, 1, SITES - 1);
        (void)cluster_world_story(&w, owner);
        world_admin(&w.sites[owner], "GET", "/admin/v1/rooms/lobby", "");
        assert_non_null(strstr(w.sites[owner].last_reply, "2251799813685250"));
        cluster_world_fini(&w);
    }
}

/* Goal: a store that says that another one has the room makes its owner give it up. */
static void lost_in_store(void **state)
{
    (void)state;
    struct cluster_world w;
    meet(&w);
    cluster_lost(w.sites[0].cluster, w.sites[0].now_us, "lobby");
    world_drain(&w.sites[0]);
    cluster_world_settle(&w);
    assert_non_null(strstr(cluster_world_story(&w, 0), "conn 1 < leave reason=8 action=1"));
    assert_non_null(strstr(cluster_world_story(&w, 1), "conn 1 < leave reason=8 action=1"));
    assert_int_equal(cluster_world_owner(&w, "lobby"), SITES);
    cluster_world_fini(&w);
}

/* Goal: a store that does not answer lets nobody wait for ever. */
static void late(void **state)
{
    (void)state;
    struct cluster_world w;
    cluster_world_init(&w, three_regions);
    cluster_world_join(&w, 0, 1, "lobby", "alice", false);
    world_advance(&w.sites[0], CLUSTER_ASK_US);
    assert_non_null(strstr(cluster_world_story(&w, 0),
                           "conn 1 < leave reason=7 action=0\n"
                           "conn 1 close 1013 the room's owner was not found in time\n"));
    assert_int_equal(stats_of(&w, 0).asks_late, 1);
    cluster_world_fini(&w);
}

/* Goal: the queue of waiting joins is bounded, and those beyond it are refused with a reason. */
static void full(void **state)
{
    (void)state;
    struct cluster_world w;
    char identity[32];
    cluster_world_init(&w, three_regions);
    for (size_t i = 0; i <= CLUSTER_ASKS_MAX; i++) {
        snprintf(identity, sizeof(identity), "p%zu", i);
        (void)cluster_world_story(&w, 0);
        world_join(&w.sites[0], CLUSTER_ID(0, i + 1),
                   &(struct world_join){.room = "lobby", .identity = identity});
    }
    assert_non_null(strstr(cluster_world_story(&w, 0), "close 1013 too many clients wait"));
    assert_int_equal(stats_of(&w, 0).asks, CLUSTER_ASKS_MAX);
    assert_int_equal(stats_of(&w, 0).asks_full, 1);
    cluster_world_fini(&w);
}

/* Goal: a list says who did not answer, after 2 s and no later. */
static void unanswered(void **state)
{
    (void)state;
    struct cluster_world w;
    meet(&w);
    w.sites[1].last_status = 0;
    world_admin(&w.sites[1], "GET", "/admin/v1/rooms", "");
    cluster_world_deliver(&w, 0); /* site 0 is asked, and its answer lost with its link */
    assert_int_equal(w.sites[1].last_status, 0);
    cluster_world_kill(&w, 0);
    world_advance(&w.sites[1], 0);
    cluster_world_settle(&w);
    world_advance(&w.sites[1], 0);
    assert_int_equal(w.sites[1].last_status, 200);
    const char *missing = strstr(w.sites[1].last_reply, "\"unanswered\":["); /* by its name still */
    assert_non_null(missing);
    assert_non_null(strstr(missing, "\"OR_1\""));

    world_twirp(&w.sites[1], "ListRooms", "{}");
    w.sites[1].last_status = 0;
    world_advance(&w.sites[1], CLUSTER_GATHER_US - 1000);
    assert_int_equal(w.sites[1].last_status, 0);
    world_advance(&w.sites[1], 1000);
    assert_int_equal(w.sites[1].last_status, 200);
    cluster_world_fini(&w);
}

/* Goal: a room whose owner changed while a message was on its way: the old one redirects. */
static void redirected(void **state)
{
    (void)state;
    struct cluster_world w;
    meet(&w);
    cluster_world_join(&w, 1, 2, "lobby", "carol", false); /* to site 0, not delivered */
    world_twirp(&w.sites[0], "DeleteRoom", "{\"room\":\"lobby\"}");
    cluster_world_deliver_link(&w, 0, 2); /* site 2 hears of it, and makes the room its own */
    cluster_world_join(&w, 2, 1, "lobby", "dave", false);
    cluster_world_deliver_store(&w, 2);
    assert_int_equal(cluster_world_owner(&w, "lobby"), 2);
    cluster_world_settle(&w);
    assert_non_null(strstr(cluster_world_story(&w, 1), "conn 2 < join carol others=1"));
    cluster_world_fini(&w);
}

/* Goal: a peer speaks for its own front and rooms only; anything else is dropped and counted. */
static void strangers(void **state)
{
    (void)state;
    struct cluster_world w;
    meet(&w);
    Spillway__Bus__PeerMessage message = SPILLWAY__BUS__PEER_MESSAGE__INIT;
    Spillway__Bus__Signal signal = SPILLWAY__BUS__SIGNAL__INIT;
    struct world *owner = &w.sites[0];
    size_t len;
    signal.conn = CLUSTER_ID(1, 1); /* bob's, said by site 2 */
    signal.malformed = true;
    message.message_case = SPILLWAY__BUS__PEER_MESSAGE__MESSAGE_SIGNAL;
    message.signal = &signal;
    w.sites[2].now_us = MAX(w.sites[2].now_us, owner->now_us);

    /* The session that site 2 uses is in whatever it says next. */
    world_advance(&w.sites[2], CLUSTER_BEAT_US);
    assert_non_null(w.links[2][0]);
    ProtobufCMessage *beat;
    assert_int_equal(wire_unpack(&spillway__bus__peer_message__descriptor,
                                 (struct bytes){w.links[2][0]->data, w.links[2][0]->len}, &beat),
                     0);
    message.session = ((Spillway__Bus__PeerMessage *)beat)->session;
    protobuf_c_message_free_unpacked(beat, NULL);

    uint8_t *packed = wire_pack(&message.base, &len);
    cluster_peer_message(owner->cluster, owner->now_us, 1, (struct bytes){packed, len});
    world_drain(owner);
    free(packed);
    assert_int_equal(stats_of(&w, 0).malformed, 1);
    Spillway__Bus__TransportEvent failed = SPILLWAY__BUS__TRANSPORT_EVENT__INIT;
    failed.transport = w.sites[1].transports[0]; /* bob's, too, which does not end there */
    failed.kind = SPILLWAY__BUS__TRANSPORT_EVENT__KIND__FAILED;
    message.message_case = SPILLWAY__BUS__PEER_MESSAGE__MESSAGE_TRANSPORT_EVENT;
    message.transport_event = &failed;
    packed = wire_pack(&message.base, &len);
    cluster_peer_message(owner->cluster, owner->now_us, 1, (struct bytes){packed, len});
    world_drain(owner);
    free(packed);
    assert_int_equal(stats_of(&w, 0).stale, 1);
    cluster_peer_message(owner->cluster, owner->now_us, 1,
                         (struct bytes){(const uint8_t *)"\xff\xff", 2});
    assert_int_equal(stats_of(&w, 0).malformed, 2);
    message.session++; /* of a connection that is over */
    packed = wire_pack(&message.base, &len);
    cluster_peer_message(owner->cluster, owner->now_us, 1, (struct bytes){packed, len});
    free(packed);
    assert_int_equal(stats_of(&w, 0).stale, 2);
    assert_string_equal(cluster_world_story(&w, 0), "");
    cluster_world_settle(&w);
    assert_string_equal(cluster_world_story(&w, 1), "");
    cluster_world_fini(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(owner_dies),
        cmocka_unit_test(front_dies),
        cmocka_unit_test(dies_while_asked),
        cmocka_unit_test(dies_while_called),
        cmocka_unit_test(owner_out_of_reach),
        cmocka_unit_test(link_breaks),
        cmocka_unit_test(links_at_random),
        cmocka_unit_test(silence),
        cmocka_unit_test(parted),
        cmocka_unit_test(cut_off),
        cmocka_unit_test(without_store),
        cmocka_unit_test(before_it_is_told),
        cmocka_unit_test(store_forgets),
        cmocka_unit_test(lost_in_store),
        cmocka_unit_test(late),
        cmocka_unit_test(full),
        cmocka_unit_test(unanswered),
        cmocka_unit_test(redirected),
        cmocka_unit_test(strangers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
