/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal: of a transport that is traced the node tells when it had its path, and when the first
 * packet came of it and went to it, before the event that says so and once; of any other, nothing.
 */
#include "tests/unit/media-node/node/world.h"

#define AUDIO 1

static uint8_t traces[2][24]; /* trace id, span id */

static void trace(Spillway__Control__Transport *transport, uint8_t *context)
{
    transport->trace = (ProtobufCBinaryData){.len = sizeof(traces[0]), .data = context};
}

/* A publishes, B listens. */
static void tell(struct world *w, uint64_t version, bool traced)
{
    const struct room_spec_want want = {21, AUDIO, 12, "6", 8010, true};
    struct room_spec spec;
    room_spec_init(&spec, "RM_1", 1, 0, version);
    for (uint32_t i = 0; i < 2; i++) {
        Spillway__Control__Transport *transport =
            room_spec_transport(&spec, 11 + i, w->clients[i].client, true);
        transport->lease = 5; /* else nobody is told of what went out */
        if (traced) {
            trace(transport, traces[i]);
        }
    }
    room_spec_audio(&spec, AUDIO, 11, "1");
    room_spec_subscription(&spec, &want);
    world_spec(w, &spec);
}

static void start(struct world *w, bool traced)
{
    memset(traces[0], 1, sizeof(traces[0]));
    memset(traces[1], 2, sizeof(traces[1]));
    world_init(w);
    world_register(w);
    world_join(w);
    world_join(w);
    tell(w, 1, traced);
    world_forget(w);
}

static void publish(struct world *w)
{
    media_client_publish(
        w->clients[0].client,
        &(struct media_source){.mid = "1", .audio = true, .level = 20, .due_us = w->now_us});
}

static void test_each_is_told_once(void **state)
{
    (void)state;
    struct world w;
    start(&w, true);
    world_run(&w, 40);
    world_check(&w, &w.clients[0], true);
    world_run(&w, 10);
    world_check(&w, &w.clients[1], true);
    world_run(&w, 30);
    publish(&w);
    world_run(&w, 300);
    tell(&w, 2, true); /* everything is told again */
    world_run(&w, 300);
    world_expect(&w, "   40 event transport 11 span ice of 1 took 40 ms\n"
                     "   40 event transport 11 path 192.0.2.1:5000 at 40000\n"
                     "   50 event transport 12 span ice of 2 took 50 ms\n"
                     "   50 event transport 12 path 192.0.2.2:5000 at 40000\n"
                     "   80 B gets mid 6 ssrc 8010 layer 0\n"
                     "   80 event track 1 source - pt 111\n"
                     "   80 event transport 11 span receive of 1 took 40 ms\n"
                     "   80 event track 1 media\n"
                     "  100 event transport 12 span send of 2 took 50 ms\n"
                     "  100 event transport 12 standing\n"
                     "  380 ack RM_1 1.2 applied\n"
                     "  380 event transport 11 path 192.0.2.1:5000 at 40000\n"
                     "  380 event track 1 source - pt 111\n"
                     "  380 event track 1 media\n"
                     "  380 event transport 12 path 192.0.2.2:5000 at 40000\n"
                     "  400 levels 1:-20/1000\n"
                     "  400 event transport 12 standing\n");
    world_fini(&w);
}

static void test_nothing_of_others(void **state)
{
    (void)state;
    struct world w;
    start(&w, false);
    world_check(&w, &w.clients[0], true);
    world_check(&w, &w.clients[1], true);
    publish(&w);
    world_run(&w, 300);
    assert_null(strstr(w.story, "span"));
    world_fini(&w);
}

/* Who has joined long ago has nothing to do with that any more. */
static void test_not_for_ever(void **state)
{
    (void)state;
    struct world w;
    start(&w, true);
    world_check(&w, &w.clients[0], true);
    world_check(&w, &w.clients[1], true);
    world_run(&w, 11000);
    world_forget(&w);
    publish(&w);
    world_run(&w, 300);
    assert_non_null(strstr(w.story, "media"));
    assert_null(strstr(w.story, "span"));
    world_fini(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_is_told_once),
        cmocka_unit_test(test_nothing_of_others),
        cmocka_unit_test(test_not_for_ever),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
