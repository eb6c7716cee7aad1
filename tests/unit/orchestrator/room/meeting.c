/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/orchestrator/room/meeting.h"

void meeting_join(struct world *world, uint64_t conn, const char *identity,
                  void (*grants)(struct token_video *video))
{
    world_join(world, conn,
               &(struct world_join){.room = "lobby",
                                    .identity = identity,
                                    .offer_file = "chromium-publish.offer",
                                    .grants = grants});
}

void meeting_init(struct world *world)
{
    world_init(world);
    world_node(world, "ND_a");
    meeting_join(world, 1, "alice", NULL);
    world_add_track(world, 1, MICROPHONE, LIVEKIT__TRACK_TYPE__AUDIO);
    meeting_join(world, 2, "bob", NULL);
    world_connected(world, 1);
    world_connected(world, 2);
    world_story(world);
}

void meeting_channels(struct world *world, size_t transport)
{
    static const char *const labels[] = {"_reliable", "_lossy", "_data_track"};
    for (size_t i = 0; i < ARRAY_LEN(labels); i++) {
        orch_channel_opened(world->orch, world->now_us, world->transports[transport - 1],
                            (uint16_t)(2 * i), labels[i]);
    }
}

void meeting_send(struct world *world, size_t transport, uint16_t stream, const char *bytes,
                  size_t len)
{
    orch_channel_message(world->orch, world->now_us, world->transports[transport - 1], stream,
                         (struct bytes){(const uint8_t *)bytes, len});
    world_advance(world, 0);
    world_heartbeat(world, "ND_a", 1); /* drains */
}
