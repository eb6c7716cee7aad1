/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal: what a node has to tell an orchestrator costs few messages: statistics of many people are
 * told together, and so are all events of one moment, up to a bound.
 */
#include "tests/unit/media-node/node/world.h"

#include <stdio.h>

#define PEOPLE     4
#define TRACKS     8  /* of each */
#define EVENTS_MAX 64 /* of a message */

static void forget(struct world *w)
{
    world_forget(w);
    w->events = 0;
    w->event_messages = 0;
}

static void test_statistics_together(void **state)
{
    (void)state;
    struct world w;
    world_init(&w);
    world_register(&w);
    for (uint32_t i = 0; i < PEOPLE; i++) { /* each comes at another time */
        struct room_spec spec;
        room_spec_init(&spec, "RM_1", 1, i, i + 1);
        room_spec_transport(&spec, 11 + i, world_join(&w)->client, true);
        world_spec(&w, &spec);
        world_check(&w, &w.clients[i], true);
        world_run(&w, 7);
    }
    world_run(&w, 4000);
    forget(&w);
    world_run(&w, 10000);
    assert_int_equal(w.events, 2 * PEOPLE);
    assert_int_equal(w.event_messages, 2);
    world_fini(&w);
}

static void tell_tracks(struct world *w, uint64_t version)
{
    char mid[8];
    struct room_spec spec;
    room_spec_init(&spec, "RM_1", 1, 0, version);
    for (uint32_t person = 0; person < PEOPLE; person++) {
        room_spec_transport(&spec, 11 + person, w->clients[person].client, true);
        for (uint32_t i = 0; i < TRACKS; i++) {
            snprintf(mid, sizeof(mid), "%u", i + 1);
            room_spec_audio(&spec, 100 * person + i + 1, 11 + person, mid);
        }
    }
    world_spec(w, &spec);
}

/* A spec that is whole has all told again: of each person a path, of each track source and media.
 */
static void test_bounded(void **state)
{
    (void)state;
    const unsigned all = PEOPLE * (1 + 2 * TRACKS);
    struct world w;
    world_init(&w);
    world_register(&w);
    for (size_t person = 0; person < PEOPLE; person++) {
        world_join(&w);
    }
    tell_tracks(&w, 1);
    for (size_t person = 0; person < PEOPLE; person++) {
        world_check(&w, &w.clients[person], true);
        for (unsigned i = 0; i < TRACKS; i++) {
            struct media_source source = {.audio = true, .due_us = w.now_us};
            snprintf(source.mid, sizeof(source.mid), "%u", i + 1);
            media_client_publish(w.clients[person].client, &source);
        }
    }
    world_run(&w, 230);
    forget(&w);
    tell_tracks(&w, 2);
    assert_int_equal(w.events, all);
    assert_int_equal(w.event_messages, (all + EVENTS_MAX - 1) / EVENTS_MAX);
    world_fini(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_statistics_together),
        cmocka_unit_test(test_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
