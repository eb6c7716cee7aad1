/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal: a room whose owner died goes on under another one: what was kept comes back, the old owner
 * is refused, and neither the claim nor the whole spec after it costs a packet or a key frame.
 */
#include "tests/unit/media-node/node/cascade.h"
#include "tests/unit/media-node/node/world.h"

#include <stdlib.h>

/* ---- One node, two orchestrators ------------------------------------------------------------- */

static void begin(struct world *w)
{
    world_init(w);
    world_register(w);
    world_register_at(w, 1, "OR_2");
    world_join(w);
    world_join(w);
    world_forget(w);
}

static ProtobufCBinaryData sealed(const char *text)
{
    return (ProtobufCBinaryData){strlen(text), (uint8_t *)(uintptr_t)text};
}

static void add_session(struct room_spec *spec, uint64_t transport, ProtobufCBinaryData bytes)
{
    Spillway__Control__RoomSpec *m = &spec->message;
    Spillway__Control__Session *session = arena_alloc(&spec->arena, sizeof(*session));
    if (m->sessions == NULL) {
        m->sessions = arena_array(&spec->arena, ROOM_SPEC_ENTRIES, sizeof(*m->sessions));
    }
    spillway__control__session__init(session);
    session->transport = transport;
    session->sealed = bytes;
    m->sessions[m->n_sessions++] = session;
}

/* A publishes, B views. */
static void whole(struct room_spec *spec, const struct world *w, uint64_t epoch, uint64_t version)
{
    const struct room_spec_want want = {21, 1, 12, "5", 7010, false};
    room_spec_init(spec, "RM_1", epoch, 0, version);
    room_spec_transport(spec, 11, w->clients[0].client, true);
    room_spec_transport(spec, 12, w->clients[1].client, true);
    room_spec_video(spec, 1, 11, "0", NULL);
    room_spec_subscription(spec, &want);
}

static void open_room(struct world *w)
{
    struct room_spec spec;
    whole(&spec, w, 1, 7);
    spec.message.sealed = sealed("of the room");
    add_session(&spec, 11, sealed("of A"));
    add_session(&spec, 12, sealed("of B"));
    world_spec(w, &spec);
    world_expect(w, "    0 ack RM_1 1.7 applied\n");
}

static const Spillway__Control__SessionState *session_of(const struct world *w, uint64_t transport)
{
    for (size_t i = 0; i < w->room_state->n_sessions; i++) {
        if (w->room_state->sessions[i]->transport == transport) {
            return w->room_state->sessions[i];
        }
    }
    fail_msg("no session of that transport");
    return NULL;
}

static void assert_sealed(ProtobufCBinaryData bytes, const char *text)
{
    assert_int_equal(bytes.len, strlen(text));
    assert_true(bytes.len == 0 || memcmp(bytes.data, text, bytes.len) == 0);
}

static void test_held_room(void **state)
{
    (void)state;
    struct world w;
    begin(&w);
    open_room(&w);
    for (int i = 0; i < 2; i++) { /* again: the answer may have been lost */
        world_claim(&w, 1, "RM_1", 2);
        world_expect(&w, "    0 link 1 state RM_1 2.7 claimed 2 sessions 2\n");
        assert_sealed(w.room_state->sealed, "of the room");
        assert_sealed(session_of(&w, 11)->sealed, "of A");
        assert_sealed(session_of(&w, 12)->sealed, "of B");
        assert_int_equal(session_of(&w, 11)->n_subscriptions, 0);
        assert_int_equal(session_of(&w, 12)->n_subscriptions, 1);
        assert_int_equal(session_of(&w, 12)->subscriptions[0]->id, 21);
        assert_int_equal(session_of(&w, 12)->subscriptions[0]->ssrc, 7010);
        assert_int_equal(session_of(&w, 12)->subscriptions[0]->rtx_ssrc, 7011);
        assert_false(session_of(&w, 12)->moving);
    }
    world_claim(&w, 1, "RM_1", 3); /* once more before the first spec: the same was kept */
    world_expect(&w, "    0 link 1 state RM_1 3.7 claimed 3 sessions 2\n");
    world_fini(&w);
}

static void test_moving(void **state)
{
    (void)state;
    for (int duty = 0; duty < 2; duty++) {
        struct world w;
        struct room_spec spec;
        begin(&w);
        room_spec_init(&spec, "RM_1", 1, 0, 1);
        Spillway__Control__Transport *transport =
            room_spec_transport(&spec, 11, w.clients[0].client, true);
        transport->standby = duty == 0;
        transport->hand_over = duty == 1;
        room_spec_transport(&spec, 12, w.clients[1].client, true);
        size_t len;
        uint8_t *bytes = room_spec_pack(&spec, &len);
        node_control(w.node, w.now_us, 0, (struct bytes){bytes, len});
        free(bytes);
        room_spec_fini(&spec);
        struct node_message message;
        while (node_poll_control(w.node, &message)) { /* HandedOver is no matter here */
        }
        world_claim(&w, 1, "RM_1", 2);
        assert_true(session_of(&w, 11)->moving);
        assert_false(session_of(&w, 12)->moving);
        world_fini(&w);
    }
}

/* Nobody but the claimer is told anything, and nobody else's claim changes anything. */
static void test_stale_claim(void **state)
{
    (void)state;
    struct world w;
    begin(&w);
    open_room(&w);
    world_claim(&w, 1, "RM_1", 3);
    world_forget(&w);
    world_claim(&w, 0, "RM_1", 2);
    world_claim(&w, 0, "RM_1", 3);
    world_claim(&w, 1, "RM_1", 2);
    world_expect(&w, "    0 link 0 state RM_1 3.0 claimed 2 sessions 0\n"
                     "    0 link 0 state RM_1 3.0 claimed 3 sessions 0\n"
                     "    0 link 1 state RM_1 3.0 claimed 2 sessions 0\n");
    assert_sealed(w.room_state->sealed, "");
    world_claim(&w, 1, "RM_1", 3);
    world_expect(&w, "    0 link 1 state RM_1 3.7 claimed 3 sessions 2\n");
    world_fini(&w);
}

static void test_old_owner_is_refused(void **state)
{
    (void)state;
    struct world w;
    struct room_spec spec;
    begin(&w);
    open_room(&w);
    world_claim(&w, 1, "RM_1", 2);
    world_forget(&w);
    room_spec_init(&spec, "RM_1", 1, 7, 8);
    room_spec_remove(&spec, 12, 0, 0);
    world_spec(&w, &spec);
    room_spec_init(&spec, "RM_1", 2, 7, 8); /* nor does a delta follow the claim */
    world_spec_at(&w, 1, &spec);
    assert_int_equal(node_transport_count(w.node), 2);
    whole(&spec, &w, 2, 1);
    world_spec_at(&w, 1, &spec);
    world_expect(&w, "    0 ack RM_1 2.0 stale epoch\n"
                     "    0 ack RM_1 2.0 need whole\n"
                     "    0 ack RM_1 2.1 applied\n");
    world_fini(&w);
}

static void test_fence(void **state)
{
    (void)state;
    struct world w;
    struct room_spec spec;
    begin(&w);
    open_room(&w);
    room_spec_init(&spec, "RM_1", 1, 0, 8);
    spec.message.dropped = true;
    world_spec(&w, &spec);
    world_claim(&w, 1, "RM_1", 2);
    whole(&spec, &w, 1, 9);
    world_spec(&w, &spec);
    whole(&spec, &w, 2, 1);
    world_spec_at(&w, 1, &spec);
    world_expect(&w, "    0 ack RM_1 1.8 applied\n"
                     "    0 link 1 state RM_1 2.0 claimed 2 sessions 0\n"
                     "    0 ack RM_1 2.0 stale epoch, dropped\n"
                     "    0 ack RM_1 2.1 applied\n");
    world_fini(&w);
}

/* The fence goes after as long as that of a dropped room does. */
static void test_unknown_room(void **state)
{
    (void)state;
    struct world w;
    struct room_spec spec;
    begin(&w);
    world_claim(&w, 1, "RM_1", 2);
    assert_int_equal(node_room_count(w.node), 0);
    world_run(&w, NODE_FENCE_US / 1000 - 1000);
    world_claim(&w, 0, "RM_1", 1); /* does not prolong it */
    world_forget(&w);
    whole(&spec, &w, 1, 1);
    world_spec(&w, &spec);
    assert_non_null(strstr(w.story, "stale epoch"));
    world_run(&w, 2000);
    world_forget(&w);
    whole(&spec, &w, 1, 1);
    world_spec(&w, &spec);
    assert_non_null(strstr(w.story, "ack RM_1 1.1 applied"));
    world_fini(&w);
}

static void test_malformed_claim(void **state)
{
    (void)state;
    struct world w;
    char name[200];
    begin(&w);
    memset(name, 'x', sizeof(name) - 1);
    name[sizeof(name) - 1] = '\0';
    world_claim(&w, 1, name, 2);
    world_claim(&w, 1, "", 2);
    world_claim(&w, 1, "RM_1", 0);
    world_expect(&w, "");
    assert_int_equal(node_counters(w.node)->drop_control_malformed, 3);
    world_fini(&w);
}

/* ---- What is kept ---------------------------------------------------------------------------- */

static void test_sessions_stay_or_are_replaced(void **state)
{
    (void)state;
    struct world w;
    struct room_spec spec;
    begin(&w);
    open_room(&w);
    whole(&spec, &w, 1, 8); /* names none of them */
    add_session(&spec, 11, sealed("of A, later"));
    world_spec(&w, &spec);
    world_claim(&w, 1, "RM_1", 2);
    assert_sealed(w.room_state->sealed, "of the room");
    assert_sealed(session_of(&w, 11)->sealed, "of A, later");
    assert_sealed(session_of(&w, 12)->sealed, "of B");
    room_spec_init(&spec, "RM_1", 2, 0, 1);
    room_spec_transport(&spec, 12, w.clients[1].client, true);
    world_spec_at(&w, 1, &spec);
    room_spec_init(&spec, "RM_1", 2, 1, 2); /* another one of that id: nothing is left of it */
    room_spec_transport(&spec, 11, w.clients[0].client, true);
    world_spec_at(&w, 1, &spec);
    world_claim(&w, 1, "RM_1", 3);
    assert_sealed(session_of(&w, 11)->sealed, "");
    assert_sealed(session_of(&w, 12)->sealed, "of B");
    world_fini(&w);
}

static void test_sessions_are_bounded(void **state)
{
    (void)state;
    static uint8_t big[(1 << 20) + 1];
    struct world w;
    struct room_spec spec;
    begin(&w);
    open_room(&w);
    for (int i = 0; i < 5; i++) {
        ProtobufCBinaryData bytes = {sizeof(big) - (i == 4), big};
        room_spec_init(&spec, "RM_1", 1, 7, 8);
        if (i == 0) {
            spec.message.sealed = bytes;
        } else if (i == 1 || i == 4) {
            add_session(&spec, 11, bytes);
        } else if (i == 2) {
            add_session(&spec, 13, sealed("of nobody"));
        } else {
            room_spec_remove(&spec, 12, 0, 0);
            add_session(&spec, 12, sealed("of one who goes"));
        }
        world_spec(&w, &spec);
    }
    world_expect(&w, "    0 ack RM_1 1.7 invalid\n"
                     "    0 ack RM_1 1.7 invalid\n"
                     "    0 ack RM_1 1.7 invalid\n"
                     "    0 ack RM_1 1.7 invalid\n"
                     "    0 ack RM_1 1.8 applied\n");
    world_claim(&w, 1, "RM_1", 2);
    assert_sealed(w.room_state->sealed, "of the room");
    assert_int_equal(session_of(&w, 11)->sealed.len, 1 << 20);
    assert_sealed(session_of(&w, 12)->sealed, "of B");
    world_fini(&w);
}

/* ---- Orphans --------------------------------------------------------------------------------- */

/* What one message can't take is left out, the longest first. */
static void test_an_answer_fits_a_message(void **state)
{
    (void)state;
    enum { LARGE = 20 };
    static uint8_t bytes[1 << 20]; /* as many as a node takes */
    struct world w;
    struct room_spec spec;
    begin(&w);
    whole(&spec, &w, 1, 1);
    add_session(&spec, 11, sealed("of A"));
    for (uint64_t i = 0; i < LARGE; i++) {
        Spillway__Control__Transport *transport =
            room_spec_transport(&spec, 100 + i, w.clients[0].client, false);
        transport->local_ufrag = arena_printf(&spec.arena, "large%d", (int)i);
    }
    world_spec(&w, &spec);
    for (uint64_t i = 0; i < LARGE; i++) {
        room_spec_init(&spec, "RM_1", 1, 1 + i, 2 + i);
        add_session(&spec, 100 + i, (ProtobufCBinaryData){sizeof(bytes), bytes});
        world_spec(&w, &spec);
    }
    world_forget(&w);
    world_claim(&w, 1, "RM_1", 2);
    world_expect(&w, "    0 link 1 state RM_1 2.21 claimed 2 sessions 22\n");
    assert_true(spillway__control__room_state__get_packed_size(w.room_state) < NODE_MESSAGE_MAX);
    assert_sealed(session_of(&w, 11)->sealed, "of A");
    assert_int_equal(session_of(&w, 12)->n_subscriptions, 1);
    assert_int_equal(session_of(&w, 100)->sealed.len, 0);
    world_fini(&w);
}

static void test_orphans_are_told_at_once(void **state)
{
    (void)state;
    struct world w;
    begin(&w);
    open_room(&w);
    world_run(&w, 1100);
    world_forget(&w);
    unsigned before = w.heartbeats;
    node_link_down(w.node, w.now_us, 1); /* nothing is of that one */
    assert_true(node_deadline(w.node) > w.now_us);
    world_register_at(&w, 1, "OR_2");
    world_run(&w, 60); /* between two heartbeats */
    world_forget(&w);
    before = w.heartbeats;
    assert_int_equal(w.orphans, 0);
    node_link_down(w.node, w.now_us, 0);
    world_run(&w, 0);
    assert_int_equal(w.heartbeats, before + 1);
    assert_int_equal(w.orphans, 1);
    assert_non_null(strstr(w.story, "link 1 hears of RM_1"));
    world_claim(&w, 1, "RM_1", 2);
    world_run(&w, 10000); /* it has an owner again */
    assert_int_equal(w.orphans, 1);
    world_fini(&w);
}

/* Goal: a new process where the owner was is not the owner. */
static void test_orphans_of_another_process(void **state)
{
    (void)state;
    struct world w;
    begin(&w);
    open_room(&w);
    world_register_at(&w, 1, "OR_2");
    node_link_down(w.node, w.now_us, 0);
    world_register_at(&w, 0, "OR_3");
    world_run(&w, 10000);
    unsigned before = w.orphans;
    world_run(&w, 6000); /* still nobody's: both hear of it again */
    assert_in_range(w.orphans, before + 2, before + 4);
    world_fini(&w);
}

/* ---- Media go on ----------------------------------------------------------------------------- */

enum { PUBLISHER, NEAR, FAR };

/* The publisher and one viewer at node 1, the other at node 2. */
static void tell(struct cascade *c, unsigned node)
{
    struct room_spec spec;
    const struct room_spec_edge edge = {41, 1, 2, 900, 1, 1};
    const struct room_spec_want want = {20 + node, 1, 11 + node, "5", 7000 + 10 * node, false};
    cascade_spec(c, &spec, node);
    room_spec_trunk(&spec, node, 3 - node, 1);
    Spillway__Control__Track *track = room_spec_video(&spec, 1, node == 1 ? 11 : 0, "0", NULL);
    if (node == 1) {
        room_spec_transport(&spec, 11, c->clients[PUBLISHER].client, true);
        room_spec_edge(&spec, &edge);
    } else {
        room_spec_upstream(&spec, track, 1, 900);
    }
    room_spec_transport(&spec, 11 + node, c->clients[node].client, true);
    room_spec_subscription(&spec, &want);
    cascade_apply(c, &spec, node);
}

/* ms: since the publisher began. */
static void check_undisturbed(struct cascade *c, unsigned ms)
{
    for (size_t i = NEAR; i <= FAR; i++) {
        const struct media_client *viewer = c->clients[i].client;
        const struct cascade_flow *flow = cascade_flow(&c->clients[i], 7000 + 10 * (uint32_t)i);
        assert_int_equal(c->clients[i].flow_count, 1);
        assert_int_equal(cascade_missing(flow), 0);
        assert_int_equal(viewer->bad, 0);
        assert_int_equal(viewer->incoming[0].packets, flow->distinct); /* none twice */
        assert_int_equal(viewer->incoming[0].repairs, 0);
        assert_int_equal(flow->keys, 0);
        assert_in_range(flow->pause_us, 0, TIME_MS(40));
        assert_in_range(flow->distinct, ms / 33 - 3, ms / 33 + 1); /* less those in the air */
    }
    assert_int_equal(c->clients[PUBLISHER].client->sources[0].plis, 0);
}

static void test_media_go_on(void **state)
{
    (void)state;
    struct cascade *c = cascade_new(2);
    cascade_join(c, 1);
    cascade_join(c, 1);
    cascade_join(c, 2);
    tell(c, 1);
    tell(c, 2);
    cascade_run(c, 200);
    const struct media_source video = {.mid = "0", .due_us = c->now_us};
    media_client_publish(c->clients[PUBLISHER].client, &video);
    cascade_run(c, 7000); /* who gives no feedback is sent the first trains after 5 s (early.c) */
    for (size_t i = NEAR; i <= FAR; i++) {
        struct cascade_flow *flow = cascade_flow(&c->clients[i], 7000 + 10 * (uint32_t)i);
        flow->keys = 0; /* counted from here on */
        flow->pause_us = 0;
    }
    c->clients[PUBLISHER].client->sources[0].plis = 0;
    cascade_claim(c);
    assert_int_equal(c->states[1]->n_edges, 1);
    assert_int_equal(c->states[1]->edges[0]->id, 41);
    assert_int_equal(c->states[1]->edges[0]->track, 1);
    assert_string_equal(c->states[1]->edges[0]->node, "ND_2");
    assert_int_equal(c->states[1]->edges[0]->n_ssrcs, 1);
    assert_int_equal(c->states[1]->edges[0]->ssrcs[0], 900);
    assert_int_equal(c->states[2]->n_edges, 0);
    cascade_run(c, 2000); /* without a spec */
    check_undisturbed(c, 9000);
    unsigned arrived = c->arrived[1];
    unsigned paths = c->paths[1];
    tell(c, 1);
    tell(c, 2);
    assert_int_equal(c->arrived[1], arrived + 1); /* what only the dead owner knew is told again */
    assert_int_equal(c->paths[1], paths + 2);
    cascade_run(c, 2000);
    check_undisturbed(c, 11000);
    cascade_free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_held_room),
        cmocka_unit_test(test_moving),
        cmocka_unit_test(test_stale_claim),
        cmocka_unit_test(test_old_owner_is_refused),
        cmocka_unit_test(test_fence),
        cmocka_unit_test(test_unknown_room),
        cmocka_unit_test(test_malformed_claim),
        cmocka_unit_test(test_sessions_stay_or_are_replaced),
        cmocka_unit_test(test_sessions_are_bounded),
        cmocka_unit_test(test_an_answer_fits_a_message),
        cmocka_unit_test(test_orphans_are_told_at_once),
        cmocka_unit_test(test_orphans_of_another_process),
        cmocka_unit_test(test_media_go_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
