/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal: a node tells how far its streams are before it goes farther, so that after its death
 * another one goes on under the same SSRCs and uses no index twice; and media do not stop for an
 * owner that is dead.
 */
#include "tests/unit/media-node/node/cascade.h"

#include "media-node/core/forward/forward.h"

#include <stdlib.h>

#define AUDIO        1
#define AUDIO_SSRC   8010
#define SUBSCRIPTION 21
#define LEASE        5

enum { SOURCE = 1, OLD = 2, NEW = 3 }; /* nodes */
enum { PUBLISHER, VIEWER };

/* What the viewer's node is told. */
struct view {
    uint32_t lease;
    uint64_t index_end;
    Spillway__Control__SenderState *resume;
};

static void add_track(struct room_spec *spec, unsigned self)
{
    Spillway__Control__Track *audio = room_spec_audio(spec, AUDIO, self == SOURCE ? 11 : 0, "1");
    audio->participant = arena_str(&spec->arena, "PA_11");
    if (self != SOURCE) {
        room_spec_trunk(spec, self, SOURCE, 1);
        room_spec_upstream(spec, audio, SOURCE, 1000 + self);
    }
}

static void open_source(struct cascade *c)
{
    struct room_spec spec;
    cascade_spec(c, &spec, SOURCE);
    room_spec_transport(&spec, 11, c->clients[PUBLISHER].client, true);
    add_track(&spec, SOURCE);
    for (unsigned to = OLD; to <= NEW; to++) {
        const struct room_spec_edge edge = {10 * to, AUDIO, to, 1000 + to, 1, 1};
        room_spec_trunk(&spec, SOURCE, to, 1);
        room_spec_edge(&spec, &edge);
    }
    cascade_apply(c, &spec, SOURCE);
}

static void tell(struct cascade *c, unsigned node, const struct view *view)
{
    const struct room_spec_want want = {SUBSCRIPTION, AUDIO, 12, "6", AUDIO_SSRC, true};
    struct room_spec spec;
    cascade_spec(c, &spec, node);
    add_track(&spec, node);
    room_spec_transport(&spec, 12, c->clients[VIEWER].client, true)->lease = view->lease;
    Spillway__Control__Subscription *subscription = room_spec_subscription(&spec, &want);
    subscription->index_end = view->index_end;
    subscription->resume = view->resume;
    cascade_apply(c, &spec, node);
}

/* A viewer who hears somebody, and has for a second. */
static struct cascade *begin(uint32_t lease)
{
    struct cascade *c = cascade_new(3);
    cascade_join(c, SOURCE)->sends_clock = true;
    cascade_join(c, OLD);
    open_source(c);
    tell(c, OLD, &(struct view){.lease = lease});
    cascade_run(c, 200);
    media_client_publish(
        c->clients[PUBLISHER].client,
        &(struct media_source){.mid = "1", .audio = true, .level = 20, .due_us = c->now_us});
    cascade_run(c, 1000);
    return c;
}

static struct cascade_flow *heard(struct cascade *c)
{
    return cascade_flow(&c->clients[VIEWER], AUDIO_SSRC);
}

/* Minutes: 50 packets a second. */
static void run_packets(struct cascade *c, unsigned packets)
{
    cascade_run(c, 20 * (int64_t)packets);
}

static const Spillway__Control__StreamStanding *told(const struct cascade *c, unsigned node)
{
    const Spillway__Control__Standing *standing = c->standings[node];
    assert_non_null(standing);
    assert_int_equal(standing->transport, 12);
    assert_int_equal(standing->n_streams, 1);
    assert_int_equal(standing->streams[0]->ssrc, AUDIO_SSRC);
    assert_int_equal(standing->streams[0]->state->subscription, SUBSCRIPTION);
    return standing->streams[0];
}

/* ---- Tests ----------------------------------------------------------------------------------- */

/* With the first packet, then with every quarter: each time with an end that is ahead. */
static void test_told_before_it_matters(void **state)
{
    (void)state;
    struct cascade *c = begin(LEASE);
    assert_int_equal(c->standing_count[OLD], 1);
    assert_int_equal(c->standings[OLD]->lease, LEASE);
    uint64_t first = told(c, OLD)->state->next_index, end = told(c, OLD)->index_end;
    assert_in_range(end - first, FWD_LEASE - 10, FWD_LEASE);
    assert_non_null(told(c, OLD)->state->newest);
    assert_null(told(c, OLD)->state->run);
    run_packets(c, FWD_LEASE / 4);
    assert_int_equal(c->standing_count[OLD], 2);
    assert_in_range(told(c, OLD)->state->next_index - first, FWD_LEASE / 4 - 10,
                    FWD_LEASE / 4 + 10);
    assert_int_equal(told(c, OLD)->index_end, told(c, OLD)->state->next_index + FWD_LEASE);
    cascade_free(c);
}

/* An owner that repeats what it heard is told again with every quarter, and nothing else happens.
 */
static void test_renewed(void **state)
{
    (void)state;
    struct cascade *c = begin(LEASE);
    for (int quarter = 0; quarter < 6; quarter++) {
        run_packets(c, FWD_LEASE / 4);
        tell(c, OLD, &(struct view){LEASE, told(c, OLD)->index_end, NULL});
    }
    assert_int_equal(c->standing_count[OLD], 7);
    assert_int_equal(cascade_missing(heard(c)), 0);
    cascade_free(c);
}

/* The owner is dead, and the client is there: media go on, and each step is told. */
static void test_goes_on_without_an_owner(void **state)
{
    (void)state;
    struct cascade *c = begin(LEASE);
    run_packets(c, FWD_LEASE + 2 * FWD_LEASE_STEP);
    assert_int_equal(cascade_missing(heard(c)), 0);
    assert_int_equal(cascade_counters(c, OLD)->drop_lease, 0);
    uint16_t newest = (uint16_t)heard(c)->newest;
    assert_true(seq_diff((uint16_t)told(c, OLD)->index_end, newest) > 0);
    cascade_free(c);
}

/* The client is elsewhere: this node's indices end where it said. */
static void test_ends_without_a_client(void **state)
{
    (void)state;
    struct cascade *c = begin(LEASE);
    uint64_t end = told(c, OLD)->index_end;
    run_packets(c, FWD_LEASE - 500); /* and consent lasts for 750 more */
    struct cascade_client *viewer = &c->clients[VIEWER];
    viewer->node = 0; /* what it says is not heard there, but what comes from there would be */
    viewer->old = OLD;
    run_packets(c, 1000);
    assert_int_equal((uint16_t)heard(c)->newest, (uint16_t)(end - 1));
    assert_true(cascade_counters(c, OLD)->drop_lease > 100);
    cascade_free(c);
}

/* Another owner, or other keys: told again, under its lease. */
static void test_another_owner(void **state)
{
    (void)state;
    struct cascade *c = begin(LEASE);
    tell(c, OLD, &(struct view){.lease = LEASE + 1});
    cascade_run(c, 200);
    assert_int_equal(c->standing_count[OLD], 2);
    assert_int_equal(c->standings[OLD]->lease, LEASE + 1);
    uint64_t next = told(c, OLD)->state->next_index;
    assert_int_equal((uint16_t)heard(c)->newest, (uint16_t)(next + 4)); /* 100 ms ago, or less */
    cascade_free(c);
}

/* An owner of before there were leases is told nothing, and no stream ends. */
static void test_without_a_lease(void **state)
{
    (void)state;
    struct cascade *c = begin(0);
    c->clients[VIEWER].node = 0;
    c->clients[VIEWER].old = OLD;
    run_packets(c, 2 * FWD_LEASE);
    assert_int_equal(c->standing_count[OLD], 0);
    assert_int_equal(cascade_counters(c, OLD)->drop_lease, 0);
    cascade_free(c);
}

/* The node dies; another one is told what it had told, and begins behind its end. The client hears
 * it on under the same SSRC, in time, and was told no index twice (media_client decrypts all). */
static void test_another_node_goes_on(void **state)
{
    (void)state;
    struct cascade *c = begin(LEASE);
    int64_t told_at_us = c->now_us - TIME_S(1) + TIME_MS(100); /* or a little later */
    run_packets(c, 300);
    struct media_client *viewer = c->clients[VIEWER].client;
    const struct media_incoming *incoming = media_client_incoming(viewer, "6");
    uint32_t ts = incoming->ts;
    int64_t at_us = heard(c)->newest_us;
    uint64_t end = told(c, OLD)->index_end;
    unsigned distinct = heard(c)->distinct;
    Spillway__Control__SenderState resume = *told(c, OLD)->state;
    Spillway__Control__SentPacket newest = *resume.newest;
    newest.age_us += (uint32_t)(c->now_us - told_at_us);
    resume.newest = &newest;
    resume.next_index = end + FWD_LEASE_STEP;
    resume.next_rtx_index = told(c, OLD)->rtx_index_end + FWD_LEASE_STEP;
    c->clients[VIEWER].node = NEW;
    c->clients[VIEWER].check_at_us = c->now_us;
    tell(c, NEW, &(struct view){LEASE, 0, &resume});
    cascade_run(c, 1000);
    assert_in_range(heard(c)->distinct - distinct, 45, 51);
    assert_int_equal((uint16_t)(heard(c)->newest - (end + FWD_LEASE_STEP)),
                     heard(c)->distinct - distinct - 1);
    assert_int_equal(viewer->bad, 0);
    uint32_t passed = (uint32_t)(heard(c)->newest_us - at_us);
    assert_in_range(incoming->ts - ts, passed / 1000 * 48 - 48 * 30, passed / 1000 * 48 + 48 * 30);
    assert_int_equal(told(c, NEW)->index_end, end + FWD_LEASE_STEP + FWD_LEASE);
    cascade_free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_told_before_it_matters),
        cmocka_unit_test(test_renewed),
        cmocka_unit_test(test_goes_on_without_an_owner),
        cmocka_unit_test(test_ends_without_a_client),
        cmocka_unit_test(test_another_owner),
        cmocka_unit_test(test_without_a_lease),
        cmocka_unit_test(test_another_node_goes_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
