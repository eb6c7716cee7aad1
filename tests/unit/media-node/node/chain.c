/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/media-node/node/chain.h"

static const char *const simulcast[] = {"q", "h", "f", ""};

uint32_t chain_ssrc(unsigned from, unsigned to)
{
    return 1000 * from + 100 * to;
}

void chain_tracks(struct room_spec *spec, unsigned self, unsigned from)
{
    uint64_t transport = from == 0 ? 11 : 0;
    Spillway__Control__Track *video = room_spec_video(spec, CHAIN_VIDEO, transport, "0", simulcast);
    Spillway__Control__Track *audio = room_spec_audio(spec, CHAIN_AUDIO, transport, "1");
    video->participant = audio->participant = arena_str(&spec->arena, "PA_11");
    if (from != 0) {
        room_spec_upstream(spec, video, from, chain_ssrc(from, self));
        room_spec_upstream(spec, audio, from, chain_ssrc(from, self) + 10);
    }
}

Spillway__Control__Edge *chain_edges(struct room_spec *spec, unsigned self, unsigned to,
                                     uint32_t layers)
{
    const struct room_spec_edge video = {10 * to + 1,          CHAIN_VIDEO, to,
                                         chain_ssrc(self, to), 3,           layers};
    const struct room_spec_edge audio = {
        10 * to + 2, CHAIN_AUDIO, to, chain_ssrc(self, to) + 10, 1, 1};
    room_spec_edge(spec, &audio);
    return room_spec_edge(spec, &video);
}

uint32_t chain_video_ssrc(size_t client)
{
    return 7000 + 10 * (uint32_t)client;
}

uint32_t chain_audio_ssrc(size_t client)
{
    return 8000 + 10 * (uint32_t)client;
}

Spillway__Control__Subscription *chain_video(struct room_spec *spec, size_t client)
{
    const struct room_spec_want want = {20 + (uint32_t)client,    CHAIN_VIDEO, 11 + client, "5",
                                        chain_video_ssrc(client), false};
    return room_spec_subscription(spec, &want);
}

void chain_subscriber(struct cascade *c, struct room_spec *spec, size_t client)
{
    const struct room_spec_want audio = {30 + (uint32_t)client,    CHAIN_AUDIO, 11 + client, "6",
                                         chain_audio_ssrc(client), true};
    room_spec_transport(spec, 11 + client, c->clients[client].client, true);
    chain_video(spec, client);
    room_spec_subscription(spec, &audio);
}

static void publish(struct cascade *c)
{
    struct media_client *a = c->clients[0].client;
    for (uint8_t i = 0; i < 3; i++) {
        struct media_source video = {.mid = "0", .layer = i, .due_us = c->now_us};
        memcpy(video.rid, simulcast[i], 2);
        media_client_publish(a, &video);
    }
    const struct media_source audio = {.mid = "1", .audio = true, .level = 20, .due_us = c->now_us};
    media_client_publish(a, &audio);
}

struct cascade *chain_new(unsigned nodes, uint32_t layers)
{
    struct cascade *c = cascade_new(nodes);
    for (unsigned node = 1; node <= nodes; node++) {
        cascade_join(c, node);
    }
    for (unsigned node = 1; node <= nodes; node++) {
        struct room_spec spec;
        cascade_spec(c, &spec, node);
        if (node > 1) {
            room_spec_trunk(&spec, node, node - 1, 1);
            chain_subscriber(c, &spec, node - 1);
        } else {
            room_spec_transport(&spec, 11, c->clients[0].client, true);
        }
        chain_tracks(&spec, node, node - 1);
        if (node < nodes) {
            room_spec_trunk(&spec, node, node + 1, 1);
            chain_edges(&spec, node, node + 1, layers);
        }
        cascade_apply(c, &spec, node);
    }
    cascade_run(c, 200);
    publish(c);
    return c;
}
