/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/media-node/node/call.h"

static const char *const simulcast[] = {"q", "h", "f", ""};

void call_spec(struct room_spec *spec, const struct world *w, bool keyed)
{
    room_spec_init(spec, "RM_1", 1, 0, 1);
    room_spec_video(spec, 1, 11, "0", simulcast);
    room_spec_audio(spec, 2, 11, "1");
    for (uint32_t i = 0; i < w->client_count; i++) {
        room_spec_transport(spec, 11 + i, w->clients[i].client, keyed);
        if (i > 0) {
            const struct room_spec_want video = {20 + i, 1, 11 + i, "5", 7000 + i * 10, false};
            const struct room_spec_want audio = {30 + i, 2, 11 + i, "6", 8000 + i * 10, true};
            room_spec_subscription(spec, &video);
            room_spec_subscription(spec, &audio);
        }
    }
}

void call_publish(struct world *w)
{
    for (uint8_t i = 0; i < 3; i++) {
        struct media_source video = {.mid = "0", .layer = i, .due_us = w->now_us};
        memcpy(video.rid, simulcast[i], 2);
        media_client_publish(w->clients[0].client, &video);
    }
    const struct media_source audio = {.mid = "1", .audio = true, .level = 20, .due_us = w->now_us};
    media_client_publish(w->clients[0].client, &audio);
}

void call_start(struct world *w, size_t clients)
{
    struct room_spec spec;
    world_init(w);
    world_register(w);
    for (size_t i = 0; i < clients; i++) {
        world_join(w);
    }
    call_spec(&spec, w, true);
    world_spec(w, &spec);
    for (size_t i = 0; i < clients; i++) {
        world_check(w, &w->clients[i], true);
    }
    call_publish(w);
    world_run(w, 1000);
    world_forget(w);
}

const struct media_source *call_video(const struct world *w, size_t layer)
{
    return &w->clients[0].client->sources[layer];
}
