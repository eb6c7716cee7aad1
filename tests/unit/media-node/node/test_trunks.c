/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal: trunks and what is decided about them: voices by loudness without a clipped syllable,
 * backups only when needed, reports, rest and waking, and what bad specs and strangers get.
 */
#include "tests/unit/media-node/node/cascade.h"

#define TRACK(i) (1 + (uint32_t)(i))

/* Voices: clients 0 .. voices-1 speak at node 1, the last client listens at node 2. */
static void spec_of_voices(struct cascade *c, unsigned node, uint32_t voices, uint32_t loudest)
{
    struct room_spec spec;
    cascade_spec(c, &spec, node);
    spec.message.loudest = loudest;
    room_spec_trunk(&spec, node, 3 - node, 1);
    for (uint32_t i = 0; i < voices; i++) {
        if (node == 1) {
            const struct room_spec_edge edge = {40 + i, TRACK(i), 2, 900 + i, 1, 1};
            room_spec_transport(&spec, 11 + i, c->clients[i].client, true);
            room_spec_audio(&spec, TRACK(i), 11 + i, "1");
            room_spec_edge(&spec, &edge);
        } else {
            const struct room_spec_want want = {
                20 + i,   TRACK(i), 11 + voices, (const char *const[]){"5", "6", "7", "8"}[i],
                8000 + i, true};
            Spillway__Control__Track *track = room_spec_audio(&spec, TRACK(i), 0, "1");
            room_spec_upstream(&spec, track, 1, 900 + i);
            if (i == 0) {
                room_spec_transport(&spec, 11 + voices, c->clients[voices].client, true);
            }
            room_spec_subscription(&spec, &want);
        }
    }
    cascade_apply(c, &spec, node);
}

static struct cascade *voices(uint32_t count, uint32_t loudest)
{
    struct cascade *c = cascade_new(2);
    for (uint32_t i = 0; i <= count; i++) {
        cascade_join(c, i < count ? 1 : 2);
    }
    spec_of_voices(c, 1, count, loudest);
    spec_of_voices(c, 2, count, 0);
    cascade_run(c, 200);
    for (uint32_t i = 0; i < count; i++) {
        const struct media_source source = {
            .mid = "1", .audio = true, .level = 127, .due_us = c->now_us + TIME_MS(i)};
        media_client_publish(c->clients[i].client, &source);
    }
    return c;
}

static void set_level(struct cascade *c, size_t client, uint8_t level)
{
    c->clients[client].client->sources[0].level = level;
}

static unsigned got(struct cascade *c, size_t listener, uint32_t voice)
{
    const struct cascade_flow *flow = cascade_flow(&c->clients[listener], 8000 + voice);
    return flow == NULL ? 0 : flow->distinct;
}

/* One that turns loud displaces one that fell silent, and not a packet of its first word, nor of
 * the 80 ms before it, is missing. */
static void test_no_clipped_syllable(void **state)
{
    (void)state;
    struct cascade *c = voices(3, 1);
    set_level(c, 0, 20);
    cascade_run(c, 3000);
    assert_int_equal(got(c, 3, 1) + got(c, 3, 2), 0);
    assert_in_range(got(c, 3, 0), 140, 150);
    for (uint32_t turn = 0; turn < 6; turn++) {
        uint32_t next = 1 + turn % 2;
        set_level(c, turn == 0 ? 0 : 3 - next, 127);
        cascade_run(c, 1000); /* nobody speaks */
        unsigned before = got(c, 3, next);
        set_level(c, next, 25);
        cascade_run(c, 1000);
        /* 50 loud ones less those in the air, and 4 or 5 from before */
        assert_in_range(got(c, 3, next) - before, 51, 55);
        assert_int_equal(cascade_missing(cascade_flow(&c->clients[3], 8000 + next)), 0);
    }
    assert_int_equal(cascade_counters(c, 1)->relay_admitted, 6);
    assert_int_equal(cascade_counters(c, 2)->relay_nacks_sent, 0);
    cascade_free(c);
}

/* No more than so many flow, whoever shouts, and voices that are alike do not take turns. */
static void test_loudest_are_so_many(void **state)
{
    (void)state;
    struct cascade *c = voices(4, 2);
    for (size_t i = 0; i < 4; i++) {
        set_level(c, i, (uint8_t)(20 + i % 2));
    }
    cascade_run(c, 5000);
    unsigned crossed = 0;
    for (uint32_t i = 0; i < 4; i++) {
        crossed += cascade_crossed(c, 1, 2, 900 + i);
    }
    assert_in_range(crossed, 2 * 245, 2 * 252);
    assert_int_equal(cascade_counters(c, 1)->relay_admitted, 0);
    for (int i = 0; i < 50; i++) { /* everybody stammers */
        set_level(c, (size_t)i % 4, i % 3 == 0 ? 10 : 60);
        cascade_run(c, 100);
    }
    assert_true(cascade_counters(c, 1)->relay_admitted <= 20); /* 5 s, two places, 500 ms each */
    cascade_free(c);
}

/* What was left out of a voice is no loss to those who listen. */
static void test_short_pauses(void **state)
{
    (void)state;
    struct cascade *c = voices(2, 1);
    set_level(c, 0, 20);
    cascade_run(c, 2000);
    for (size_t turn = 0; turn < 10; turn++) {
        set_level(c, turn % 2, 127);
        cascade_run(c, 300);
        set_level(c, 1 - turn % 2, 20);
        cascade_run(c, 500);
    }
    assert_int_equal(cascade_counters(c, 1)->relay_admitted, 10);
    for (uint32_t i = 0; i < 2; i++) {
        assert_int_equal(cascade_missing(cascade_flow(&c->clients[2], 8000 + i)), 0);
    }
    cascade_free(c);
}

/* Two who interrupt each other ten times a second do not get the place in turns. */
static void test_no_flapping(void **state)
{
    (void)state;
    struct cascade *c = voices(2, 1);
    for (size_t turn = 0; turn < 50; turn++) {
        set_level(c, turn % 2, 60);
        set_level(c, 1 - turn % 2, 10);
        cascade_run(c, 100);
    }
    assert_in_range(cascade_counters(c, 1)->relay_admitted, 1, 10);
    cascade_free(c);
}

static void test_all_flow_without_a_limit(void **state)
{
    (void)state;
    struct cascade *c = voices(4, 0);
    cascade_run(c, 2000);
    for (uint32_t i = 0; i < 4; i++) {
        assert_in_range(got(c, 4, i), 90, 101);
    }
    cascade_free(c);
}

/* ---- Backups --------------------------------------------------------------------------------- */

/* A at node 1; node 3 gets it from node 2, and from node 1 if need be. */
static struct cascade *triangle(void)
{
    struct room_spec spec;
    struct cascade *c = cascade_new(3);
    cascade_join(c, 1);
    cascade_join(c, 3);
    cascade_spec(c, &spec, 1);
    room_spec_trunk(&spec, 1, 2, 1);
    room_spec_trunk(&spec, 1, 3, 1);
    room_spec_transport(&spec, 11, c->clients[0].client, true);
    room_spec_audio(&spec, 1, 11, "1");
    const struct room_spec_edge to_2 = {1, 1, 2, 120, 1, 1};
    const struct room_spec_edge to_3 = {2, 1, 3, 130, 1, 1};
    room_spec_edge(&spec, &to_2);
    room_spec_edge(&spec, &to_3)->backup = true;
    cascade_apply(c, &spec, 1);
    cascade_spec(c, &spec, 2);
    room_spec_trunk(&spec, 2, 1, 1);
    room_spec_trunk(&spec, 2, 3, 1);
    room_spec_upstream(&spec, room_spec_audio(&spec, 1, 0, "1"), 1, 120);
    const struct room_spec_edge onward = {1, 1, 3, 230, 1, 1};
    room_spec_edge(&spec, &onward);
    cascade_apply(c, &spec, 2);
    cascade_spec(c, &spec, 3);
    room_spec_trunk(&spec, 3, 1, 1);
    room_spec_trunk(&spec, 3, 2, 1);
    Spillway__Control__Track *track = room_spec_audio(&spec, 1, 0, "1");
    room_spec_upstream(&spec, track, 2, 230);
    room_spec_upstream(&spec, track, 1, 130)->backup = true;
    room_spec_transport(&spec, 12, c->clients[1].client, true);
    const struct room_spec_want want = {1, 1, 12, "5", 8000, true};
    room_spec_subscription(&spec, &want);
    cascade_apply(c, &spec, 3);
    cascade_run(c, 200);
    const struct media_source source = {
        .mid = "1", .audio = true, .level = 20, .due_us = c->now_us};
    media_client_publish(c->clients[0].client, &source);
    return c;
}

static void test_backup(void **state)
{
    (void)state;
    struct cascade *c = triangle();
    cascade_run(c, 3000);
    assert_int_equal(cascade_crossed(c, 1, 3, 130), 0);
    c->cut[2][3] = true; /* node 2 dies, for node 3 */
    cascade_run(c, 2000);
    struct cascade_flow *flow = cascade_flow(&c->clients[1], 8000);
    assert_true(cascade_crossed(c, 1, 3, 130) > 50);
    assert_in_range(flow->pause_us, TIME_MS(400), TIME_MS(700));
    assert_true(c->now_us - flow->newest_us < TIME_MS(100));
    c->cut[2][3] = false;
    flow->pause_us = 0;
    cascade_run(c, 1500);
    unsigned crossed = cascade_crossed(c, 1, 3, 130);
    cascade_run(c, 1000);
    assert_int_equal(cascade_crossed(c, 1, 3, 130), crossed);
    assert_true(flow->pause_us < TIME_MS(100));
    cascade_free(c);
}

/* ---- Reports, rest, waking ------------------------------------------------------------------- */

static void test_reports(void **state)
{
    (void)state;
    struct cascade *c = triangle();
    cascade_run(c, 4000);
    assert_int_equal(c->heartbeats[1]->n_trunks, 2);
    const Spillway__Control__TrunkReport *report = c->heartbeats[1]->trunks[0];
    assert_in_range(report->rtt_us, 80000, 84000);
    assert_false(report->silent);
    assert_int_equal(report->lost_permille, 0);
    assert_true(report->packets_out > 150 && report->bytes_out > 10000);
    c->loss = 100;
    cascade_run(c, 5000);
    uint32_t lost = 0;
    for (size_t i = 0; i < c->heartbeats[2]->n_trunks; i++) {
        lost = MAX(lost, c->heartbeats[2]->trunks[i]->lost_permille);
    }
    assert_in_range(lost, 20, 250);
    c->loss = 0;
    c->cut[1][2] = c->cut[3][2] = true;
    cascade_run(c, 900); /* told with the first heartbeat after half a second */
    assert_true(c->heartbeats[2]->trunks[0]->silent && c->heartbeats[2]->trunks[1]->silent);
    assert_false(c->heartbeats[1]->trunks[0]->silent);
    cascade_free(c);
}

static void test_rest(void **state)
{
    (void)state;
    struct room_spec spec;
    struct cascade *c = voices(1, 0);
    cascade_run(c, 1000);
    assert_true(got(c, 1, 0) > 40);
    for (unsigned node = 1; node <= 2; node++) {
        cascade_spec(c, &spec, node);
        room_spec_remove(&spec, 0, TRACK(0), 0);
        cascade_apply(c, &spec, node);
    }
    cascade_run(c, 29000);
    uint64_t sent = cascade_counters(c, 1)->packets_out;
    cascade_run(c, 500);
    assert_true(cascade_counters(c, 1)->packets_out > sent);
    c->clients[0].node = c->clients[1].node = 0;
    cascade_run(c, 20000);
    sent = cascade_counters(c, 1)->packets_out;
    cascade_run(c, 5000);
    assert_int_equal(cascade_counters(c, 1)->packets_out, sent);
    c->clients[0].node = 1;
    c->clients[1].node = 2;
    c->clients[0].client->sources[0].due_us = c->now_us;
    spec_of_voices(c, 1, 1, 0);
    spec_of_voices(c, 2, 1, 0);
    unsigned before = got(c, 1, 0);
    cascade_run(c, 1000);
    assert_true(got(c, 1, 0) > before + 30);
    assert_int_equal(cascade_counters(c, 2)->drop_trunk_auth, 0);
    cascade_free(c);
}

/* A node that died and came back is another node at the same address. */
static void test_node_comes_back(void **state)
{
    (void)state;
    struct room_spec spec;
    struct cascade *c = voices(1, 0);
    cascade_run(c, 1000);
    cascade_spec(c, &spec, 1);
    Spillway__Control__Trunk *trunk = room_spec_trunk(&spec, 1, 2, 7);
    trunk->node = arena_str(&spec.arena, "ND_2b");
    const struct room_spec_edge edge = {50, TRACK(0), 2, 950, 1, 1};
    room_spec_edge(&spec, &edge)->node = arena_str(&spec.arena, "ND_2b");
    spec.message.removed_edges[spec.message.n_removed_edges++] = 40;
    cascade_apply(c, &spec, 1);
    cascade_run(c, 500);
    assert_true(cascade_crossed(c, 1, 2, 950) > 20);
    cascade_free(c);
}

/* ---- Neighbours ------------------------------------------------------------------------------ */

static bool tells_silence(const struct cascade *c, unsigned node)
{
    const Spillway__Control__Heartbeat *beat = c->heartbeats[node];
    assert_int_equal(beat->n_trunks, 1);
    assert_true(beat->trunks[0]->rtt_us > 0); /* it was heard before */
    return beat->trunks[0]->silent;
}

/* Neighbours ping each other without a room, tell within a beat when one falls silent, and rest
 * once nobody wants them awake. */
static void test_watch(void **state)
{
    (void)state;
    struct cascade *c = cascade_new(2);
    cascade_watch(c, 1, (const unsigned[]){2}, 1);
    cascade_watch(c, 2, (const unsigned[]){1}, 1);
    cascade_run(c, 40000); /* longer than an idle one is awake */
    assert_false(tells_silence(c, 1) || tells_silence(c, 2));
    c->cut[2][1] = true;
    cascade_run(c, 800);
    assert_true(tells_silence(c, 1));
    assert_false(tells_silence(c, 2));
    c->cut[2][1] = false;
    cascade_run(c, 1500);
    assert_false(tells_silence(c, 1));
    cascade_watch(c, 1, NULL, 0);
    node_link_down(c->nodes[2], c->now_us, 0);
    cascade_run(c, 31000);
    uint64_t sent[2] = {cascade_counters(c, 1)->packets_out, cascade_counters(c, 2)->packets_out};
    cascade_run(c, 5000);
    assert_int_equal(cascade_counters(c, 1)->packets_out, sent[0]);
    assert_int_equal(cascade_counters(c, 2)->packets_out, sent[1]);
    assert_int_equal(cascade_counters(c, 1)->drop_control_malformed, 0);
    cascade_watch(c, 1, (const unsigned[]){1, 3, 4}, 3); /* itself */
    assert_int_equal(cascade_counters(c, 1)->drop_control_malformed, 1);
    cascade_free(c);
}

/* ---- Bad input ------------------------------------------------------------------------------- */

static void test_refused_specs(void **state)
{
    (void)state;
    struct room_spec spec;
    struct cascade *c = voices(2, 0);
    const struct room_spec_edge edge = {60, TRACK(0), 3, 960, 1, 1};
    cascade_spec(c, &spec, 1);
    room_spec_edge(&spec, &edge);
    assert_string_equal(cascade_refuse(c, &spec, 1), "edge 60: over an unknown trunk");
    cascade_spec(c, &spec, 1);
    room_spec_edge(&spec, &edge)->track = 99;
    assert_string_equal(cascade_refuse(c, &spec, 1), "edge 60: unknown track");
    const struct room_spec_edge taken = {61, TRACK(1), 2, 900, 1, 1};
    cascade_spec(c, &spec, 1);
    room_spec_edge(&spec, &taken);
    assert_string_equal(cascade_refuse(c, &spec, 1), "edge 61: ssrc of another edge on that trunk");
    cascade_spec(c, &spec, 1);
    room_spec_edge(&spec, &taken)->n_ssrcs = 0;
    assert_string_equal(cascade_refuse(c, &spec, 1),
                        "edge 61: no ssrcs on the trunk, or more than 4");
    cascade_spec(c, &spec, 1);
    room_spec_trunk(&spec, 1, 3, 1)->local->port = 40001;
    assert_string_equal(cascade_refuse(c, &spec, 1),
                        "trunk 0: local is no UDP endpoint of this node");
    cascade_spec(c, &spec, 1);
    room_spec_trunk(&spec, 1, 1, 1);
    assert_string_equal(cascade_refuse(c, &spec, 1), "trunk 0: it leads to this node itself");
    cascade_spec(c, &spec, 1);
    room_spec_trunk(&spec, 1, 3, 1)->keys->suite = SPILLWAY__CONTROL__SRTP_KEYS__SUITE__AES_256_GCM;
    assert_string_equal(cascade_refuse(c, &spec, 1), "trunk 0: no AES-GCM keys, or generation 0");
    cascade_spec(c, &spec, 2);
    room_spec_upstream(&spec, room_spec_audio(&spec, 9, 0, "1"), 1, 901);
    assert_string_equal(cascade_refuse(c, &spec, 2),
                        "track 9: ssrc of another track on that trunk");
    cascade_spec(c, &spec, 2);
    room_spec_upstream(&spec, room_spec_audio(&spec, 9, 0, "1"), 3, 901);
    assert_string_equal(cascade_refuse(c, &spec, 2), "track 9: upstream over an unknown trunk");
    cascade_run(c, 1000); /* nothing changed */
    assert_true(got(c, 2, 0) > 40 && got(c, 2, 1) > 40);
    cascade_free(c);
}

/* Whatever comes from a trunk's address and is not of the trunk is dropped, counted by reason. */
static void test_strangers(void **state)
{
    (void)state;
    struct cascade *c = voices(1, 0);
    uint8_t packet[100] = {0x82, 111};
    cascade_run(c, 500);
    const struct counters *counters = cascade_counters(c, 2);
    cascade_inject(c, 1, 2, packet, sizeof(packet));
    assert_int_equal(counters->drop_trunk_ssrc, 1);
    be32_put(packet + 8, 900);
    be32_put(packet + 16, 1u << 26);
    cascade_inject(c, 1, 2, packet, sizeof(packet));
    assert_true(counters->drop_trunk_auth == 1 || counters->drop_trunk_replay == 1);
    be32_put(packet + 16, 2u << 26);
    cascade_inject(c, 1, 2, packet, sizeof(packet));
    assert_int_equal(counters->drop_trunk_keys, 1);
    packet[0] = 0x80;
    cascade_inject(c, 1, 2, packet, sizeof(packet));
    packet[0] = 20; /* DTLS */
    cascade_inject(c, 1, 2, packet, sizeof(packet));
    assert_int_equal(counters->drop_trunk_malformed, 2);
    unsigned before = got(c, 1, 0);
    for (size_t i = 0; i < CASCADE_AIR; i++) { /* all that is in the air comes twice */
        if (c->air[i].len > 0 && c->air[i].to == 2) {
            cascade_inject(c, 1, 2, c->air[i].data, c->air[i].len);
        }
    }
    uint64_t replays = counters->drop_trunk_replay;
    cascade_run(c, 100);
    assert_true(counters->drop_trunk_replay > replays);
    cascade_run(c, 400);
    assert_in_range(got(c, 1, 0) - before, 24, 28);
    assert_int_equal(cascade_missing(cascade_flow(&c->clients[1], 8000)), 0);
    cascade_free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_no_clipped_syllable),
        cmocka_unit_test(test_loudest_are_so_many),
        cmocka_unit_test(test_short_pauses),
        cmocka_unit_test(test_no_flapping),
        cmocka_unit_test(test_all_flow_without_a_limit),
        cmocka_unit_test(test_backup),
        cmocka_unit_test(test_reports),
        cmocka_unit_test(test_rest),
        cmocka_unit_test(test_node_comes_back),
        cmocka_unit_test(test_watch),
        cmocka_unit_test(test_refused_specs),
        cmocka_unit_test(test_strangers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
