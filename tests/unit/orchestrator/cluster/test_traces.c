/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal: what is traced is one tree from the request to media, whichever orchestrators and nodes had
 * a part in it, each span within its parent's time; and what is not traced leaves no trace.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/lib/cluster_world.h"

#define MICROPHONE "bdff7259-4fed-4deb-bf36-e87d9a3f493c" /* of chromium-publish.offer */

static const char *const one_region[SITES] = {"", "", ""};
static const char *const three_regions[SITES] = {"r1", "r2", "r3"};

static void begin(struct cluster_world *w, const char *const regions[SITES])
{
    cluster_world_init(w, regions);
    for (size_t i = 0; i < SITES; i++) {
        w->sites[i].tracer.sample_permille = TRACE_ALWAYS;
    }
}

static void wait_ms(struct cluster_world *w, int64_t ms)
{
    cluster_world_advance(w, TIME_MS(ms));
}

static void expect(struct cluster_world *w, const char *wanted)
{
    char text[TRACE_TREE_MAX];
    struct trace_tree *trees[SITES];
    for (size_t i = 0; i < SITES; i++) {
        trees[i] = &w->sites[i].traces;
    }
    trace_tree_text(text, trees, SITES);
    assert_string_equal(text, wanted);
}

/* What node ND_a says to its room's owner, of the last transport that it was told. */
static void node_span(struct cluster_world *w, size_t site, Spillway__Control__Span__Kind kind,
                      int64_t ms)
{
    const Spillway__Control__RoomSpec *spec = w->sites[site].last_spec;
    const Spillway__Control__Transport *transport = spec->transports[spec->n_transports - 1];
    Spillway__Control__Span span = SPILLWAY__CONTROL__SPAN__INIT;
    Spillway__Control__Event event = SPILLWAY__CONTROL__EVENT__INIT;
    span.kind = kind;
    span.transport = transport->id;
    span.trace = transport->trace;
    span.duration_us = (uint64_t)TIME_MS(ms);
    event.event_case = SPILLWAY__CONTROL__EVENT__EVENT_SPAN;
    event.span = &span;
    world_event(&w->sites[site], "ND_a", &event);
}

static void arrives(struct cluster_world *w, size_t site, size_t transport)
{
    world_arrive(&w->sites[site], "ND_a", transport);
}

/* The room is new: its owner is found, and its node agreed on, in the store. */
#define DOOR                                                                                       \
    "  owner_find 0..0\n"                                                                          \
    "  placement_agree 0..0\n"

/* Goal: through the room's owner itself. Nobody else is there, so no media are waited for. */
static void at_the_owner(void **state)
{
    (void)state;
    struct cluster_world w;
    begin(&w, three_regions);
    cluster_world_join(&w, 0, 1, "lobby", "alice", false);
    cluster_world_settle(&w);
    wait_ms(&w, 50);
    node_span(&w, 0, SPILLWAY__CONTROL__SPAN__KIND__ICE, 15);
    arrives(&w, 0, 1);
    wait_ms(&w, 50);
    world_connected(&w.sites[0], 1);
    cluster_world_settle(&w);
    expect(&w, "join 0..100\n" DOOR "  room_join 0..100\n"
               "    negotiation 0..0\n"
               "    placement 0..0\n"
               "    spec 0..0\n"
               "    ice 35..50 ND_a\n"
               "    dtls 50..100\n");
    cluster_world_fini(&w);
}

static void publishes(struct cluster_world *w)
{
    cluster_world_join(w, 0, 1, "lobby", "alice", false);
    cluster_world_settle(w);
    world_add_track(&w->sites[0], CLUSTER_ID(0, 1), MICROPHONE, LIVEKIT__TRACK_TYPE__AUDIO);
    arrives(w, 0, 1);
    world_connected(&w->sites[0], 1);
    world_offer(&w->sites[0], CLUSTER_ID(0, 1), "chromium-publish.offer", 2);
    cluster_world_settle(w);
    for (size_t i = 0; i < SITES; i++) {
        trace_tree_fini(&w->sites[i].traces);
    }
}

/* bob's transport at the room's owner is the second. */
static void first_packet(struct cluster_world *w)
{
    Spillway__Control__Standing standing = SPILLWAY__CONTROL__STANDING__INIT;
    Spillway__Control__Event event = SPILLWAY__CONTROL__EVENT__INIT;
    const Spillway__Control__RoomSpec *spec = w->sites[0].last_spec;
    standing.transport = spec->transports[spec->n_transports - 1]->id;
    event.event_case = SPILLWAY__CONTROL__EVENT__EVENT_STANDING;
    event.standing = &standing;
    world_event(&w->sites[0], "ND_a", &event);
    cluster_world_settle(w);
}

/* Goal: through another orchestrator, whose root and whose question end with the owner's word;
 * there is something to hear, so the first packet belongs to it. */
static void at_another_one(void **state)
{
    (void)state;
    struct cluster_world w;
    begin(&w, three_regions);
    publishes(&w);
    cluster_world_join(&w, 1, 1, "lobby", "bob", false);
    wait_ms(&w, 50); /* on its way, and the answer */
    cluster_world_settle(&w);
    const Spillway__Control__RoomSpec *spec = w.sites[0].last_spec;
    uint64_t transport = spec->transports[spec->n_transports - 1]->id;
    Spillway__Control__PathSelected path = SPILLWAY__CONTROL__PATH_SELECTED__INIT;
    Spillway__Control__Endpoint client = SPILLWAY__CONTROL__ENDPOINT__INIT;
    Spillway__Control__Event event = SPILLWAY__CONTROL__EVENT__INIT;
    path.transport = transport;
    path.client = &client;
    client.ip = (char[]){"10.0.0.1"};
    client.port = 4567;
    event.event_case = SPILLWAY__CONTROL__EVENT__EVENT_PATH_SELECTED;
    event.path_selected = &path;
    world_event(&w.sites[0], "ND_a", &event);
    wait_ms(&w, 50);
    world_connected(&w.sites[1], 1);
    cluster_world_settle(&w);
    assert_int_equal(w.sites[1].traces.count, 0); /* its join is not through */
    wait_ms(&w, 100);
    first_packet(&w);
    expect(&w, "join 0..200\n"
               "  owner_ask 0..200\n"
               "    room_join 50..200\n"
               "      negotiation 50..50\n"
               "      placement 50..50\n"
               "      spec 50..50\n"
               "      dtls 50..100\n"
               "      media 100..200\n");
    cluster_world_fini(&w);
}

/* Goal: the join of one whose node dies meanwhile goes on at the next one, and is no move. */
static void death_in_a_join(void **state)
{
    (void)state;
    struct cluster_world w;
    begin(&w, three_regions);
    cluster_world_second_node(&w);
    cluster_world_join(&w, 0, 1, "lobby", "alice", false);
    cluster_world_settle(&w);
    wait_ms(&w, 50);
    for (size_t i = 0; i < SITES; i++) {
        orch_node_link_lost(w.sites[i].orch, w.sites[i].now_us, "ND_a");
        world_drain(&w.sites[i]);
    }
    cluster_world_settle(&w);
    world_arrive(&w.sites[0], "ND_b", 1);
    world_connected(&w.sites[0], 1);
    cluster_world_settle(&w);
    expect(&w, "join 0..50\n" DOOR "  room_join 0..50\n"
               "    negotiation 0..0\n"
               "    placement 0..0\n"
               "    spec 0..0\n"
               "    dtls 50..50\n"
               "    spec 50..50\n");
    cluster_world_fini(&w);
}

static void post(struct cluster_world *w, const char *path, const char *traceparent, bool known)
{
    struct token_video admin = {.room_create = true};
    char *token = world_token(&w->sites[1], "", &admin);
    char bearer[1024];
    snprintf(bearer, sizeof(bearer), "Bearer %s", known ? token : "of.no.body");
    cluster_admin(w->sites[1].cluster, w->sites[1].now_us, ++w->sites[1].request,
                  &(struct orch_admin_request){.verb = "POST",
                                               .path = path,
                                               .authorization = bearer,
                                               .traceparent = traceparent,
                                               .body = {(const uint8_t *)"{}", 2}});
    world_drain(&w->sites[1]);
    free(token);
    cluster_world_settle(w);
}

#define CALLER "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
#define UNPIN                                                                                      \
    "POST /admin/v1/rooms/{}/unpin 0..0\n"                                                         \
    "  owner_ask 0..0\n"                                                                           \
    "    room_call 0..0\n"

static bool is_of_caller(const struct trace_span *span)
{
    struct trace_parent caller;
    assert_int_equal(trace_parent_parse(&caller, CALLER), 0);
    return memcmp(span->context.trace_id, caller.context.trace_id, TRACE_ID_LEN) == 0;
}

/* Goal: a call is traced by its route, through the orchestrator that has the room, and names
 * nobody; in its caller's trace, if that one may call. */
static void calls(void **state)
{
    (void)state;
    struct cluster_world w;
    begin(&w, three_regions);
    publishes(&w);
    post(&w, "/admin/v1/rooms/lobby/unpin", NULL, true);
    expect(&w, UNPIN);
    post(&w, "/admin/v1/rooms/lobby/unpin", CALLER, false); /* 401 */
    assert_int_equal(w.sites[0].traces.count, 0);
    assert_false(is_of_caller(&w.sites[1].traces.spans[0]));
    expect(&w, "POST /admin/v1/rooms/{}/unpin 0..0\n");
    post(&w, "/admin/v1/rooms/lobby/participants/alice", NULL, true); /* there is no such POST */
    expect(&w, "POST /admin/v1/rooms/{}/{} 0..0\n"
               "  owner_ask 0..0\n"
               "    room_call 0..0\n");
    post(&w, "/admin/v1/rooms/lobby/unpin", CALLER, true);
    assert_true(is_of_caller(&w.sites[0].traces.spans[0]));
    assert_true(is_of_caller(&w.sites[1].traces.spans[0]));
    for (size_t i = 0; i < SITES; i++) { /* its root is the caller's */
        trace_tree_fini(&w.sites[i].traces);
    }
    post(&w, "/admin/v1/nodes/ND_a/drain", NULL, true);
    expect(&w, "POST /admin/v1/nodes/{}/drain 0..0\n"
               "  drain 0..0\n" /* who has a room there is not through with it */
               "  drain 0..0\n"
               "  room_call 0..0\n"
               "  room_call 0..0\n");
    cluster_world_fini(&w);
}

/* Goal: who leaves before anything flows ends what was under way. */
static void left(void **state)
{
    (void)state;
    struct cluster_world w;
    begin(&w, three_regions);
    cluster_world_join(&w, 0, 1, "lobby", "alice", false);
    cluster_world_settle(&w);
    cluster_world_disconnect(&w, 0, 1);
    cluster_world_settle(&w);
    expect(&w, "join 0..0 failed: left\n" DOOR "  room_join 0..0 failed: left\n"
               "    negotiation 0..0\n"
               "    placement 0..0\n"
               "    spec 0..0\n");
    cluster_world_fini(&w);
}

/* Goal: who has no tracer, or a sampler that says no, traces nothing, and owners and nodes are told
 * nothing. */
static void not_sampled(void **state)
{
    (void)state;
    struct cluster_world w;
    cluster_world_init(&w, one_region);
    cluster_world_join(&w, 0, 1, "lobby", "alice", false);
    cluster_world_settle(&w);
    size_t owner = cluster_world_owner(&w, "lobby");
    const Spillway__Control__RoomSpec *spec = w.sites[owner].last_spec;
    assert_int_equal(spec->n_transports, 1);
    assert_int_equal(spec->transports[0]->trace.len, 0);
    world_connected(&w.sites[0], 1);
    cluster_world_settle(&w);
    expect(&w, "");
    cluster_world_fini(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(at_the_owner), cmocka_unit_test(at_another_one),
        cmocka_unit_test(left),         cmocka_unit_test(death_in_a_join),
        cmocka_unit_test(calls),        cmocka_unit_test(not_sampled),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
