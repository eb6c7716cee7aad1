/* SPDX-License-Identifier: Apache-2.0
 *
 * Data packets, data tracks and RPC between people in a room and the server API, as stories.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "orchestrator/core/data/data.h"
#include "orchestrator/core/room/room.h"
#include "proto/wire/wire.h"
#include "tests/unit/orchestrator/room/meeting.h"

/* Goal: reliable data reaches whom it names, once, and who joins just after it was sent. */
static void data(void **state)
{
    (void)state;
    struct world world;
    meeting_init(&world);
    meeting_channels(&world, 1);
    meeting_channels(&world, 2);
    /* user packet "x" with sequence 1 */
    static const char packet[] = "\x12\x03\x12\x01x\x80\x01\x01";
    meeting_send(&world, 1, 0, packet, sizeof(packet) - 1);
    assert_non_null(strstr(world_story(&world), "front T2 send stream=0"));
    meeting_send(&world, 1, 0, packet, sizeof(packet) - 1); /* resent after a resume */
    assert_string_equal(world_story(&world), "");

    meeting_join(&world, 3, "carol", NULL);
    world_connected(&world, 3);
    world_story(&world);
    static const char lossy[] = "\x12\x03\x12\x01y";
    static const char named[] = "\x12\x03\x12\x01z\x2a\x05"
                                "carol\x80\x01\x02";
    meeting_send(&world, 1, 2, lossy, sizeof(lossy) - 1);
    meeting_send(&world, 1, 0, named, sizeof(named) - 1);
    const char *story = world_story(&world);
    assert_non_null(strstr(story, "front T2 send stream=2")); /* the lossy one */
    assert_null(strstr(story, "front T2 send stream=0"));     /* not named */
    assert_null(strstr(story, "front T3"));                   /* its channel is not there yet */
    meeting_channels(&world, 3);
    world_heartbeat(&world, "ND_a", 1);
    story = world_story(&world);
    assert_non_null(strstr(story, "front T3 send stream=0")); /* replayed: sent after it joined */
    assert_null(strstr(strstr(story, "front T3 send") + 1, "front T3 send"));
    world_fini(&world);
}

static void publish_data(struct world *world, uint64_t conn, uint32_t handle, char *name,
                         char sid[ID_MAX])
{
    Livekit__PublishDataTrackRequest publish = LIVEKIT__PUBLISH_DATA_TRACK_REQUEST__INIT;
    publish.pub_handle = handle;
    publish.name = name;
    Livekit__SignalRequest request = LIVEKIT__SIGNAL_REQUEST__INIT;
    request.message_case = LIVEKIT__SIGNAL_REQUEST__MESSAGE_PUBLISH_DATA_TRACK_REQUEST;
    request.publish_data_track_request = &publish;
    world_signal(world, conn, &request);
    memcpy(sid, world->last_sid, ID_MAX);
}

/* Subscribes to a data track, `times` times, each but the last undone at once. */
static void subscribe_data(struct world *world, uint64_t conn, char *sid, size_t times)
{
    Livekit__UpdateDataSubscription__Update on = LIVEKIT__UPDATE_DATA_SUBSCRIPTION__UPDATE__INIT;
    on.track_sid = sid;
    Livekit__UpdateDataSubscription__Update off = on;
    on.subscribe = true;
    Livekit__UpdateDataSubscription__Update *updates[1000];
    for (size_t i = 0; i < ARRAY_LEN(updates); i++) {
        updates[i] = i % 2 == 0 ? &off : &on;
    }
    Livekit__UpdateDataSubscription update = LIVEKIT__UPDATE_DATA_SUBSCRIPTION__INIT;
    update.updates = updates;
    Livekit__SignalRequest request = LIVEKIT__SIGNAL_REQUEST__INIT;
    request.message_case = LIVEKIT__SIGNAL_REQUEST__MESSAGE_UPDATE_DATA_SUBSCRIPTION;
    request.update_data_subscription = &update;
    for (size_t left = times, now; left > 0; left -= now) {
        now = MIN(left, ARRAY_LEN(updates) / 2);
        update.n_updates = 2 * now;
        world_signal(world, conn, &request);
    }
}

static const char *last_line(const char *story)
{
    const char *line = story;
    for (const char *end = strchr(story, '\n'); end[1] != '\0'; end = strchr(end + 1, '\n')) {
        line = end + 1;
    }
    return line;
}

/* Goal: a subscriber's numbers for data tracks are unique, also when all were used once, and end
 * with the tracks' publisher. */
static void data_handles(void **state)
{
    (void)state;
    struct world world;
    meeting_init(&world);
    char first[ID_MAX], second[ID_MAX], third[ID_MAX];
    publish_data(&world, 1, 7, "first", first);
    publish_data(&world, 1, 8, "second", second);
    subscribe_data(&world, 2, first, 1);
    subscribe_data(&world, 2, second, UINT16_MAX - 1);
    assert_string_equal(last_line(world_story(&world)), "conn 2 < data_handles 1 65535\n");
    subscribe_data(&world, 2, second, 1);
    assert_string_equal(last_line(world_story(&world)), "conn 2 < data_handles 1 2\n");

    orch_disconnected(world.orch, world.now_us, 1);
    Livekit__SignalRequest request = LIVEKIT__SIGNAL_REQUEST__INIT;
    request.message_case = LIVEKIT__SIGNAL_REQUEST__MESSAGE_LEAVE;
    Livekit__LeaveRequest leave = LIVEKIT__LEAVE_REQUEST__INIT;
    request.leave = &leave;
    world_join(&world, 3,
               &(struct world_join){.room = "lobby", .identity = "alice", .reconnect = true});
    world_signal(&world, 3, &request);
    meeting_join(&world, 4, "alice", NULL);
    publish_data(&world, 4, 7, "third", third);
    world_story(&world);
    /* 3 to 65,535, then 1 and 2, which are free again. */
    subscribe_data(&world, 2, third, UINT16_MAX);
    assert_string_equal(last_line(world_story(&world)), "conn 2 < data_handles 2\n");

    Livekit__UnpublishDataTrackRequest unpublish = LIVEKIT__UNPUBLISH_DATA_TRACK_REQUEST__INIT;
    unpublish.pub_handle = 9;
    request.message_case = LIVEKIT__SIGNAL_REQUEST__MESSAGE_UNPUBLISH_DATA_TRACK_REQUEST;
    request.unpublish_data_track_request = &unpublish;
    world_signal(&world, 4, &request);
    assert_string_equal(world_story(&world), "conn 4 < request_response id=0 reason=1 handle=9\n");
    world_fini(&world);
}

static void permit(struct world *world, const char *identity, const char *can_subscribe)
{
    char json[200];
    snprintf(json, sizeof(json),
             "{\"room\":\"lobby\",\"identity\":\"%s\",\"permission\":{\"canSubscribe\":%s}}",
             identity, can_subscribe);
    world_twirp(world, "UpdateParticipant", json);
    assert_int_equal(world->last_status, 200);
}

/* Goal: who may subscribe no more gets no data track any more either, and is told so; who may again
 * is subscribed to them if that is what his client wants. */
static void data_by_permission(void **state)
{
    (void)state;
    static const char packet[DATA_TRACK_HEADER] = {0, 0, 0, 7}; /* of the track of that handle */
    struct world world;
    char sid[ID_MAX];
    meeting_init(&world);
    world_join(&world, 3,
               &(struct world_join){.room = "lobby",
                                    .identity = "carol",
                                    .offer_file = "chromium-publish.offer",
                                    .data_tracks = true});
    for (size_t transport = 1; transport <= 3; transport++) {
        meeting_channels(&world, transport);
    }
    publish_data(&world, 1, 7, "positions", sid);
    subscribe_data(&world, 2, sid, 1);
    world_story(&world);
    meeting_send(&world, 1, 4, packet, sizeof(packet));
    assert_string_equal(world_story(&world), "front T2 send stream=4 bytes=12\n"
                                             "front T3 send stream=4 bytes=12\n");
    permit(&world, "bob", "false");
    assert_non_null(strstr(world_story(&world), "conn 2 < data_handles\n"));
    permit(&world, "carol", "false");
    assert_non_null(strstr(world_story(&world), "conn 3 < data_handles\n"));
    meeting_send(&world, 1, 4, packet, sizeof(packet));
    assert_string_equal(world_story(&world), "");

    permit(&world, "bob", "true");
    assert_null(strstr(world_story(&world), "data_handles"));
    permit(&world, "carol", "true");
    assert_non_null(strstr(world_story(&world), "conn 3 < data_handles 2\n"));
    meeting_send(&world, 1, 4, packet, sizeof(packet));
    assert_string_equal(world_story(&world), "front T3 send stream=4 bytes=12\n");
    world_fini(&world);
}

static void call_bob(struct world *world, size_t payload)
{
    char *text = mem_alloc(payload + 1), *json = mem_alloc(payload + 200);
    memset(text, 'x', payload);
    snprintf(json, payload + 200,
             "{\"room\":\"lobby\",\"destinationIdentity\":\"bob\",\"method\":\"m\","
             "\"payload\":\"%s\"}",
             text);
    world->last_status = 0;
    world_twirp(world, "PerformRpc", json);
    free(text);
    free(json);
}

/* Goal: the server calls a participant's method and is answered, or told that nobody did; one whose
 * channel is not open yet is called once it is. */
static void server_rpc(void **state)
{
    (void)state;
    struct world world;
    meeting_init(&world);
    world_twirp(&world, "PerformRpc",
                "{\"room\":\"lobby\",\"destinationIdentity\":\"nobody\",\"method\":\"m\"}");
    assert_int_equal(world.last_status, 404);
    call_bob(&world, 1);
    assert_null(strstr(world_story(&world), "front T2 send stream=0"));
    meeting_channels(&world, 2);
    world_drain(&world);
    const char *story = world_story(&world);
    assert_non_null(strstr(story, "front T2 send stream=0"));
    assert_null(strstr(strstr(story, "front T2 send stream=0") + 1, "front T2 send stream=0"));
    assert_int_equal(world.last_status, 0);
    world_advance(&world, TIME_S(7));
    assert_int_equal(world.last_status, 412); /* he does not say a word */
    assert_non_null(strstr(world.last_reply, "1501"));
    world_twirp(&world, "PerformRpc",
                "{\"room\":\"lobby\",\"destinationIdentity\":\"bob\",\"method\":\"m\","
                "\"responseTimeoutMs\":2000}");
    assert_non_null(strstr(world_story(&world), "front T2 send stream=0"));
    world.last_status = 0;
    world_advance(&world, TIME_MS(1999));
    assert_int_equal(world.last_status, 0);
    world_advance(&world, TIME_MS(1));
    assert_int_equal(world.last_status, 412);
    assert_non_null(strstr(world.last_reply, "1502"));
    world_fini(&world);
}

static void rpc_says(struct world *world, Livekit__DataPacket *packet)
{
    size_t len;
    uint8_t *packed = wire_pack(&packet->base, &len);
    meeting_send(world, 2, 0, (const char *)packed, len);
    free(packed);
}

/* Goal: a call that nobody acknowledges ends after 7 s, one that is, 15 s after it was made; and no
 * payload is larger than clients would take. */
static void server_rpc_bounds(void **state)
{
    (void)state;
    struct world world;
    meeting_init(&world);
    meeting_channels(&world, 2);
    call_bob(&world, 1);
    world_advance(&world, TIME_MS(6999));
    assert_int_equal(world.last_status, 0);
    world_advance(&world, TIME_MS(1));
    assert_int_equal(world.last_status, 412);
    assert_non_null(strstr(world.last_reply, "1501"));

    call_bob(&world, 1);
    Livekit__DataPacket packet = LIVEKIT__DATA_PACKET__INIT;
    Livekit__RpcAck ack = LIVEKIT__RPC_ACK__INIT;
    ack.request_id = world.last_rpc;
    packet.value_case = LIVEKIT__DATA_PACKET__VALUE_RPC_ACK;
    packet.rpc_ack = &ack;
    rpc_says(&world, &packet);
    world_advance(&world, TIME_MS(14999));
    assert_int_equal(world.last_status, 0);
    world_advance(&world, TIME_MS(1));
    assert_int_equal(world.last_status, 412);
    assert_non_null(strstr(world.last_reply, "1502"));

    world_story(&world);
    call_bob(&world, ROOM_RPC_BYTES + 1);
    assert_int_equal(world.last_status, 412);
    assert_non_null(strstr(world.last_reply, "1402"));
    assert_null(strstr(world_story(&world), "send"));
    call_bob(&world, ROOM_RPC_BYTES);
    assert_non_null(strstr(world_story(&world), "front T2 send stream=0"));

    char *large = mem_alloc(ROOM_RPC_BYTES + 2);
    memset(large, 'x', ROOM_RPC_BYTES + 1);
    Livekit__RpcResponse response = LIVEKIT__RPC_RESPONSE__INIT;
    response.request_id = world.last_rpc;
    response.value_case = LIVEKIT__RPC_RESPONSE__VALUE_PAYLOAD;
    response.payload = large;
    packet.value_case = LIVEKIT__DATA_PACKET__VALUE_RPC_RESPONSE;
    packet.rpc_response = &response;
    rpc_says(&world, &packet);
    assert_non_null(strstr(world.last_reply, "1504"));
    call_bob(&world, 1);
    large[ROOM_RPC_BYTES] = '\0';
    response.request_id = world.last_rpc;
    rpc_says(&world, &packet);
    assert_int_equal(world.last_status, 200);
    free(large);
    world_fini(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(data),
        cmocka_unit_test(data_handles),
        cmocka_unit_test(data_by_permission),
        cmocka_unit_test(server_rpc),
        cmocka_unit_test(server_rpc_bounds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
