/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal: a meeting as one node lives it, told in virtual milliseconds: joining, publishing,
 * subscribing, layers, loss on both sides, keys, moves, silence, the end.
 */
#include "tests/unit/media-node/node/world.h"

static const char *const simulcast[] = {"q", "h", "f", ""};

/* Room RM_1 with A (transport 11, simulcast video track 1 on mid 0, audio track 2 on mid 1) and B
 * (transport 12, which subscribes to both). */
static void spec_of_two(struct room_spec *spec, struct world *w, bool keyed)
{
    room_spec_init(spec, "RM_1", 1, 0, 1);
    room_spec_transport(spec, 11, w->clients[0].client, keyed);
    room_spec_transport(spec, 12, w->clients[1].client, keyed);
    room_spec_video(spec, 1, 11, "0", simulcast);
    room_spec_audio(spec, 2, 11, "1");
    const struct room_spec_want video = {21, 1, 12, "5", 7000, false};
    const struct room_spec_want audio = {22, 2, 12, "6", 8000, true};
    room_spec_subscription(spec, &video);
    room_spec_subscription(spec, &audio);
}

static void publish(struct world *w, struct world_client *client)
{
    for (uint8_t i = 0; i < 3; i++) {
        struct media_source video = {.mid = "0", .layer = i, .due_us = w->now_us};
        memcpy(video.rid, simulcast[i], 2);
        media_client_publish(client->client, &video);
    }
    const struct media_source audio = {.mid = "1", .audio = true, .level = 20, .due_us = w->now_us};
    media_client_publish(client->client, &audio);
}

static void test_meeting(void **state)
{
    (void)state;
    struct world w;
    struct room_spec spec;
    world_init(&w);
    world_register(&w);
    struct world_client *a = world_join(&w);
    struct world_client *b = world_join(&w);
    spec_of_two(&spec, &w, true);
    world_spec(&w, &spec);
    world_run(&w, 10);
    world_check(&w, a, false);
    world_check(&w, a, true);
    world_check(&w, b, true);
    world_run(&w, 10);
    publish(&w, a);
    world_run(&w, 1000);
    world_expect(&w, "");
    (void)b;
    world_fini(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_meeting),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
