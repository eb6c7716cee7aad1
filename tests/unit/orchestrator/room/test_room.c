/* SPDX-License-Identifier: Apache-2.0
 *
 * What people in a room may do, see and receive, told as stories.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "orchestrator/core/room/limits.h"
#include "orchestrator/core/room/room.h"
#include "proto/wire/wire.h"
#include "tests/lib/orch_world.h"

/* Of chromium-publish.offer. */
#define MICROPHONE "bdff7259-4fed-4deb-bf36-e87d9a3f493c"
#define CAMERA     "b43b7cab-1f6a-433c-9307-80364c14926b"

static void join(struct world *world, uint64_t conn, const char *identity,
                 void (*grants)(struct token_video *video))
{
    world_join(world, conn,
               &(struct world_join){.room = "lobby",
                                    .identity = identity,
                                    .offer_file = "chromium-publish.offer",
                                    .grants = grants});
}

/* alice and bob are active; alice publishes a microphone, which bob receives. */
static void meeting(struct world *world)
{
    world_init(world);
    world_node(world, "ND_a");
    join(world, 1, "alice", NULL);
    world_add_track(world, 1, MICROPHONE, LIVEKIT__TRACK_TYPE__AUDIO);
    join(world, 2, "bob", NULL);
    world_connected(world, 1);
    world_connected(world, 2);
    world_story(world);
}

static void open_channels(struct world *world, size_t transport)
{
    static const char *const labels[] = {"_reliable", "_lossy", "_data_track"};
    for (size_t i = 0; i < ARRAY_LEN(labels); i++) {
        orch_channel_opened(world->orch, world->now_us, world->transports[transport - 1],
                            (uint16_t)(2 * i), labels[i]);
    }
}

static void send(struct world *world, size_t transport, uint16_t stream, const char *bytes,
                 size_t len)
{
    orch_channel_message(world->orch, world->now_us, world->transports[transport - 1], stream,
                         (struct bytes){(const uint8_t *)bytes, len});
    world_advance(world, 0);
    world_heartbeat(world, "ND_a", 1); /* drains */
}

static void no_publishing(struct token_video *video)
{
    video->can_publish = TOKEN_NO;
}

static void only_camera(struct token_video *video)
{
    video->can_publish_sources = TOKEN_SOURCE_CAMERA;
}

/* Goal: a source that the token does not allow is refused, and nobody hears of it. */
static void publishing_rights(void **state)
{
    (void)state;
    struct world world;
    world_init(&world);
    world_node(&world, "ND_a");
    join(&world, 1, "mute", no_publishing);
    join(&world, 2, "seen", only_camera);
    world_story(&world);
    world_add_track(&world, 1, MICROPHONE, LIVEKIT__TRACK_TYPE__AUDIO);
    world_add_track(&world, 2, MICROPHONE, LIVEKIT__TRACK_TYPE__AUDIO);
    assert_string_equal(world_story(&world), "conn 1 < request_response id=0 reason=2\n"
                                             "conn 2 < request_response id=0 reason=2\n");
    world_add_track(&world, 2, "some camera", LIVEKIT__TRACK_TYPE__VIDEO);
    assert_non_null(strstr(world_story(&world), "conn 2 < track_published some camera TR_VC"));
    world_fini(&world);
}

static void hide(struct token_video *video)
{
    video->hidden = true;
}

/* Goal: a hidden participant sees everybody and itself, and is seen by nobody. */
static void hidden(void **state)
{
    (void)state;
    struct world world;
    meeting(&world);
    join(&world, 3, "ghost", hide);
    const char *story = world_story(&world);
    assert_non_null(strstr(story, "conn 3 < join ghost others=2\n"));
    assert_non_null(strstr(story, "conn 3 < update ghost=joined/0\n"));
    assert_null(strstr(story, "conn 1 < update"));
    orch_disconnected(world.orch, world.now_us, 3);
    world_heartbeat(&world, "ND_a", 1);
    assert_null(strstr(world_story(&world), "conn 1 < update"));
    world_fini(&world);
}

/* Goal: what a hidden participant publishes is pressed on nobody. One that is hidden, or shown, in
 * the middle is seen to leave, or to come, by the others, and not by itself. */
static void hidden_later(void **state)
{
    (void)state;
    struct world world;
    meeting(&world);
    world_twirp(&world, "UpdateParticipant",
                "{\"room\":\"lobby\",\"identity\":\"alice\",\"permission\":"
                "{\"hidden\":true,\"canPublish\":true,\"canSubscribe\":true}}");
    const char *story = world_story(&world);
    assert_non_null(strstr(story, "conn 1 < update alice=active/1\n"));
    assert_null(strstr(story, "conn 1 < update alice=gone"));
    assert_non_null(strstr(story, "conn 2 < update alice=gone/0\n"));
    assert_non_null(strstr(story, "-k=0 -s=1\n"));
    world_offer(&world, 2, "chromium-publish.offer", 2); /* ends the old section */
    world_story(&world);

    world_add_track(&world, 1, CAMERA, LIVEKIT__TRACK_TYPE__VIDEO);
    join(&world, 3, "carol", NULL);
    story = world_story(&world);
    assert_non_null(strstr(story, "conn 1 < update alice=active/2\n"));
    assert_null(strstr(story, "conn 2 < sections"));
    assert_non_null(strstr(story, "conn 3 < answer 1 tracks=0\n"));

    world_twirp(&world, "UpdateParticipant",
                "{\"room\":\"lobby\",\"identity\":\"alice\",\"permission\":"
                "{\"canPublish\":true,\"canSubscribe\":true}}");
    story = world_story(&world);
    assert_non_null(strstr(story, "conn 2 < update alice=active/2\n"));
    assert_non_null(strstr(story, "conn 2 < sections"));
    world_offer(&world, 2, "chromium-publish.offer", 3);
    assert_non_null(strstr(world_story(&world), "conn 2 < answer 3 tracks=2\n"));
    world_fini(&world);
}

static void permit(struct world *world, uint64_t conn, bool all)
{
    Livekit__SubscriptionPermission permission = LIVEKIT__SUBSCRIPTION_PERMISSION__INIT;
    permission.all_participants = all;
    Livekit__SignalRequest request = LIVEKIT__SIGNAL_REQUEST__INIT;
    request.message_case = LIVEKIT__SIGNAL_REQUEST__MESSAGE_SUBSCRIPTION_PERMISSION;
    request.subscription_permission = &permission;
    world_signal(world, conn, &request);
}

/* Goal: a publisher may take its track away from subscribers and give it back. */
static void subscription_permission(void **state)
{
    (void)state;
    struct world world;
    meeting(&world);
    permit(&world, 1, false);
    const char *story = world_story(&world);
    assert_non_null(strstr(story, "conn 2 < subscription_permission allowed=0\n"));
    assert_non_null(strstr(story, "conn 2 < sections audio=0 video=0\n"));
    assert_non_null(strstr(story, "-s=1\n"));
    world_offer(&world, 2, "chromium-publish.offer", 3);
    assert_non_null(strstr(world_story(&world), "conn 2 < answer 3 tracks=0\n"));
    permit(&world, 1, true);
    story = world_story(&world);
    assert_non_null(strstr(story, "conn 2 < subscription_permission allowed=1\n"));
    assert_non_null(strstr(story, "conn 2 < sections audio=0 video=0\n"));
    world_offer(&world, 2, "chromium-publish.offer", 4);
    assert_non_null(strstr(world_story(&world), "conn 2 < answer 4 tracks=1\n"));
    assert_int_equal(world.last_spec->n_subscriptions, 1);
    uint32_t ssrc = world.last_spec->subscriptions[0]->ssrc;

    /* The node begins it anew: under the old SSRC it would use a nonce a second time. */
    permit(&world, 1, false);
    world_offer(&world, 2, "chromium-publish.offer", 5);
    permit(&world, 1, true);
    world_offer(&world, 2, "chromium-publish.offer", 6);
    assert_int_equal(world.last_spec->n_subscriptions, 1);
    assert_int_not_equal(world.last_spec->subscriptions[0]->ssrc, ssrc);
    world_fini(&world);
}

/* Goal: a client hears that it may not have a track after it heard of the track, and what was
 * decided while it was away when it comes back. */
static void permission_after_update(void **state)
{
    (void)state;
    struct world world;
    world_init(&world);
    world_node(&world, "ND_a");
    join(&world, 1, "alice", NULL);
    join(&world, 2, "bob", NULL);
    world_connected(&world, 1);
    world_connected(&world, 2);
    permit(&world, 1, false);
    world_story(&world);
    world_add_track(&world, 1, MICROPHONE, LIVEKIT__TRACK_TYPE__AUDIO);
    const char *update = strstr(world_story(&world), "conn 2 < update alice=active/1\n");
    assert_non_null(update);
    assert_non_null(strstr(update, "conn 2 < subscription_permission allowed=0\n"));

    orch_disconnected(world.orch, world.now_us, 2);
    permit(&world, 1, true);
    assert_null(strstr(world_story(&world), "conn 2"));
    world_join(&world, 3,
               &(struct world_join){.room = "lobby", .identity = "bob", .reconnect = true});
    update = strstr(world_story(&world), "conn 3 < update alice=active/1 bob=active/0\n");
    assert_non_null(update);
    assert_non_null(strstr(update, "conn 3 < subscription_permission allowed=1\n"));
    world_fini(&world);
}

/* Goal: a publisher is told once that somebody receives its track, and not before: the subscriber's
 * answer names it and its DTLS is up. */
static void track_subscribed(void **state)
{
    (void)state;
    struct world world;
    world_init(&world);
    world_node(&world, "ND_a");
    join(&world, 1, "alice", NULL);
    join(&world, 2, "bob", NULL);
    world_connected(&world, 1);
    world_add_track(&world, 1, MICROPHONE, LIVEKIT__TRACK_TYPE__AUDIO);
    assert_null(strstr(world_story(&world), "track_subscribed"));
    world_offer(&world, 2, "chromium-publish.offer", 2);
    const char *story = world_story(&world);
    assert_non_null(strstr(story, "conn 2 < answer 2 tracks=1\n"));
    assert_null(strstr(story, "track_subscribed"));
    world_connected(&world, 2);
    assert_non_null(strstr(world_story(&world), "conn 1 < track_subscribed\n"));

    join(&world, 3, "carol", NULL);
    world_connected(&world, 3);
    assert_null(strstr(world_story(&world), "track_subscribed"));
    world_add_track(&world, 3, MICROPHONE, LIVEKIT__TRACK_TYPE__AUDIO);
    assert_null(strstr(world_story(&world), "track_subscribed"));
    world_offer(&world, 1, "chromium-publish.offer", 3);
    assert_non_null(strstr(world_story(&world), "conn 3 < track_subscribed\n"));
    world_fini(&world);
}

/* Goal: reliable data reaches whom it names, once, and who joins just after it was sent. */
static void data(void **state)
{
    (void)state;
    struct world world;
    meeting(&world);
    open_channels(&world, 1);
    open_channels(&world, 2);
    /* user packet "x" with sequence 1 */
    static const char packet[] = "\x12\x03\x12\x01x\x80\x01\x01";
    send(&world, 1, 0, packet, sizeof(packet) - 1);
    assert_non_null(strstr(world_story(&world), "front T2 send stream=0"));
    send(&world, 1, 0, packet, sizeof(packet) - 1); /* resent after a resume */
    assert_string_equal(world_story(&world), "");

    join(&world, 3, "carol", NULL);
    world_connected(&world, 3);
    world_story(&world);
    static const char lossy[] = "\x12\x03\x12\x01y";
    static const char named[] = "\x12\x03\x12\x01z\x2a\x05"
                                "carol\x80\x01\x02";
    send(&world, 1, 2, lossy, sizeof(lossy) - 1);
    send(&world, 1, 0, named, sizeof(named) - 1);
    const char *story = world_story(&world);
    assert_non_null(strstr(story, "front T2 send stream=2")); /* the lossy one */
    assert_null(strstr(story, "front T2 send stream=0"));     /* not named */
    assert_null(strstr(story, "front T3"));                   /* its channel is not there yet */
    open_channels(&world, 3);
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
    meeting(&world);
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
    join(&world, 4, "alice", NULL);
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

/* Goal: the server calls a participant's method and is answered, or told that nobody did. */
static void server_rpc(void **state)
{
    (void)state;
    struct world world;
    meeting(&world);
    world_twirp(&world, "PerformRpc",
                "{\"room\":\"lobby\",\"destinationIdentity\":\"bob\",\"method\":\"m\"}");
    assert_int_equal(world.last_status, 404); /* no data channel yet */
    open_channels(&world, 2);
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
    send(world, 2, 0, (const char *)packed, len);
    free(packed);
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

/* Goal: a call that nobody acknowledges ends after 7 s, one that is, 15 s after it was made; and no
 * payload is larger than clients would take. */
static void server_rpc_bounds(void **state)
{
    (void)state;
    struct world world;
    meeting(&world);
    open_channels(&world, 2);
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

/* A text with the first of `from` replaced, or with all of them; freed, as `text` is. */
static char *replace(char *text, const char *from, const char *to, bool all)
{
    size_t size = strlen(text) + 100 * (strlen(to) + 1), used = 0;
    char *out = mem_alloc(size);
    const char *rest = text, *at = strstr(text, from);
    do {
        assert_non_null(at);
        used += (size_t)snprintf(out + used, size - used, "%.*s%s", (int)(at - rest), rest, to);
        rest = at + strlen(from);
        at = strstr(rest, from);
    } while (all && at != NULL);
    snprintf(out + used, size - used, "%s", rest);
    free(text);
    return out;
}

/* Goal: a section whose track id the browser has rewritten takes no track that another names. */
static void rewritten_track_id(void **state)
{
    (void)state;
    struct world world;
    world_init(&world);
    world_node(&world, "ND_a");
    world_join(&world, 1, &(struct world_join){.room = "lobby", .identity = "alice"});
    world_add_track(&world, 1, MICROPHONE, LIVEKIT__TRACK_TYPE__AUDIO);
    char microphone[ID_MAX];
    memcpy(microphone, world.last_sid, sizeof(microphone));
    world_add_track(&world, 1, "of another name", LIVEKIT__TRACK_TYPE__AUDIO);
    char *offer = replace(world_read_offer("chromium-publish.offer"), "a=recvonly\r\n",
                          "a=sendonly\r\na=msid:- rewritten\r\n", false);
    world_offer_text(&world, 1, offer, 1);
    free(offer);
    assert_int_equal(world.last_spec->n_tracks, 2);
    for (size_t i = 0; i < 2; i++) {
        const Spillway__Control__Track *track = world.last_spec->tracks[i];
        bool named = strcmp(track->sid, microphone) == 0;
        assert_string_equal(track->mid, named ? "7" : "0");
    }
    world_fini(&world);
}

/* Goal: a track whose section can no longer be received is unpublished, and its publisher told. */
static void section_unusable(void **state)
{
    (void)state;
    struct world world;
    meeting(&world);
    char *offer =
        replace(world_read_offer("chromium-publish.offer"), "111 63 9 0 8 13 110 126", "63", true);
    world_offer_text(&world, 1, offer, 2);
    free(offer);
    const char *story = world_story(&world);
    assert_non_null(strstr(story, "conn 1 < track_unpublished TR_AM\n"));
    assert_non_null(strstr(story, "webhook track_unpublished\n"));
    assert_non_null(strstr(story, "conn 2 < update alice=active/0\n"));
    assert_non_null(strstr(story, "-k=1 -s=1\n"));
    world_fini(&world);
}

/* Goal: a subscriber that cannot decode a track is told so, also when it could before. */
static void codec_unsupported(void **state)
{
    (void)state;
    struct world world;
    meeting(&world);
    char *offer =
        replace(world_read_offer("chromium-publish.offer"), "opus/48000/2", "other/48000/2", true);
    world_offer_text(&world, 2, offer, 2); /* PCMU is left */
    const char *story = world_story(&world);
    assert_non_null(strstr(story, "conn 2 < subscription_response TR_AM err=1\n"
                                  "conn 2 < answer 2 tracks=0\n"));
    assert_non_null(strstr(story, "-k=0 -s=1\n"));
    world_offer_text(&world, 2, offer, 3);
    assert_null(strstr(world_story(&world), "subscription_response")); /* once */
    world_offer(&world, 2, "chromium-publish.offer", 4);               /* now it can */
    assert_non_null(strstr(world_story(&world), "conn 2 < answer 4 tracks=1\n"));
    free(offer);
    world_fini(&world);
}

/* Goal: who resumes hears who left meanwhile; who missed more than can be told joins anew. */
static void missed(void **state)
{
    (void)state;
    struct world world;
    meeting(&world);
    orch_disconnected(world.orch, world.now_us, 1);
    orch_disconnected(world.orch, world.now_us, 2);
    world_twirp(&world, "RemoveParticipant", "{\"room\":\"lobby\",\"identity\":\"bob\"}");
    world_story(&world);
    const struct world_join again = {.room = "lobby", .identity = "alice", .reconnect = true};
    world_join(&world, 3, &again);
    const char *story = world_story(&world);
    assert_non_null(strstr(story, "conn 3 < update bob=gone/0\n"
                                  "conn 3 < update alice=active/1\n"));
    orch_disconnected(world.orch, world.now_us, 3);
    for (uint64_t i = 0; i <= ROOM_MISSED_MAX; i++) {
        if (i % 100 == 0) { /* what was reserved for those who came is free again */
            world_advance(&world, TIME_S(11));
            world_heartbeat(&world, "ND_a", i + 1);
        }
        world_join(&world, 10 + i, &(struct world_join){.room = "lobby", .identity = "passer-by"});
        orch_disconnected(world.orch, world.now_us, 10 + i);
    }
    world_story(&world);
    world_join(&world, 4, &again);
    assert_string_equal(world_story(&world), "webhook participant_connection_aborted\n"
                                             "conn 4 accept\n"
                                             "conn 4 < leave reason=6 action=2\n"
                                             "conn 4 close 1000\n");
    world_fini(&world);
}

static void watch(struct world *world, uint64_t conn, Livekit__VideoQuality quality)
{
    char *sids[] = {world->last_sid};
    Livekit__UpdateTrackSettings settings = LIVEKIT__UPDATE_TRACK_SETTINGS__INIT;
    settings.track_sids = sids;
    settings.n_track_sids = 1;
    settings.quality = quality;
    Livekit__SignalRequest request = LIVEKIT__SIGNAL_REQUEST__INIT;
    request.message_case = LIVEKIT__SIGNAL_REQUEST__MESSAGE_TRACK_SETTING;
    request.track_setting = &settings;
    world_signal(world, conn, &request);
}

/* Goal: a publisher hears which layers somebody watches: of more at once, of fewer after a second,
 * and all of it when it may have missed some. */
static void dynacast(void **state)
{
    (void)state;
    struct world world;
    meeting(&world);
    world_add_track(&world, 1, CAMERA, LIVEKIT__TRACK_TYPE__VIDEO);
    assert_null(strstr(world_story(&world), "quality")); /* bob is to see it all */
    world_advance(&world, TIME_S(2));
    assert_string_equal(world_story(&world), "");

    watch(&world, 2, LIVEKIT__VIDEO_QUALITY__LOW);
    world_advance(&world, TIME_MS(999));
    assert_null(strstr(world_story(&world), "quality"));
    world_advance(&world, TIME_MS(1));
    assert_string_equal(world_story(&world), "conn 1 < quality TR_VC vp8 0=on 1=off 2=off\n");
    watch(&world, 2, LIVEKIT__VIDEO_QUALITY__MEDIUM);
    assert_non_null(strstr(world_story(&world), "conn 1 < quality TR_VC vp8 0=on 1=on 2=off\n"));

    join(&world, 3, "carol", NULL); /* wants the highest layer until she says otherwise */
    assert_non_null(strstr(world_story(&world), "conn 1 < quality TR_VC vp8 0=on 1=on 2=on\n"));
    orch_disconnected(world.orch, world.now_us, 3);
    orch_disconnected(world.orch, world.now_us, 1);
    watch(&world, 2, LIVEKIT__VIDEO_QUALITY__OFF);
    world_advance(&world, TIME_S(1));
    assert_null(strstr(world_story(&world), "quality")); /* nobody there to tell */
    world_join(&world, 4,
               &(struct world_join){.room = "lobby", .identity = "alice", .reconnect = true});
    assert_non_null(strstr(world_story(&world), "conn 4 < quality TR_VC vp8 0=off 1=off 2=off\n"));
    world_fini(&world);
}

/* Goal: tokens are refreshed every five minutes while the client talks to us. */
static void refresh(void **state)
{
    (void)state;
    struct world world;
    meeting(&world);
    Livekit__Ping ping = LIVEKIT__PING__INIT;
    Livekit__SignalRequest request = LIVEKIT__SIGNAL_REQUEST__INIT;
    request.message_case = LIVEKIT__SIGNAL_REQUEST__MESSAGE_PING_REQ;
    request.ping_req = &ping;
    for (int s = 0; s < 300; s += 5) {
        world_advance(&world, TIME_S(5));
        world_signal(&world, 1, &request);
    }
    const char *story = world_story(&world);
    const char *first = strstr(story, "conn 1 < refresh_token\n");
    assert_non_null(first);
    assert_null(strstr(first + 1, "conn 1 < refresh_token\n"));
    assert_non_null(strstr(story, "conn 2 close 1000\n")); /* bob did not ping */
    world_fini(&world);
}

/* Goal: an event of transport 0 is about nobody, not about who has made no offer yet. */
static void no_transport(void **state)
{
    (void)state;
    struct world world;
    meeting(&world);
    world_join(&world, 3, &(struct world_join){.room = "lobby", .identity = "quiet"});
    world_story(&world);
    Spillway__Control__TransportLost lost = SPILLWAY__CONTROL__TRANSPORT_LOST__INIT;
    Spillway__Control__Event event = SPILLWAY__CONTROL__EVENT__INIT;
    event.event_case = SPILLWAY__CONTROL__EVENT__EVENT_TRANSPORT_LOST;
    event.transport_lost = &lost;
    world_event(&world, "ND_a", &event);
    assert_string_equal(world_story(&world), "");
    world_fini(&world);
}

static void simulate(struct world *world, uint64_t conn, Livekit__SimulateScenario *scenario)
{
    Livekit__SignalRequest request = LIVEKIT__SIGNAL_REQUEST__INIT;
    request.message_case = LIVEKIT__SIGNAL_REQUEST__MESSAGE_SIMULATE;
    request.simulate = scenario;
    world_signal(world, conn, &request);
}

/* Goal: who is told to start over is gone for the others at once, whether or not it comes back. */
static void start_over(void **state)
{
    (void)state;
    struct world world;
    meeting(&world);
    Livekit__TrackInfo unknown = LIVEKIT__TRACK_INFO__INIT;
    unknown.sid = "TR_unknown";
    Livekit__TrackPublishedResponse published = LIVEKIT__TRACK_PUBLISHED_RESPONSE__INIT;
    Livekit__TrackPublishedResponse *list[] = {&published};
    published.track = &unknown;
    Livekit__SyncState sync = LIVEKIT__SYNC_STATE__INIT;
    sync.publish_tracks = list;
    sync.n_publish_tracks = ARRAY_LEN(list);
    Livekit__SignalRequest request = LIVEKIT__SIGNAL_REQUEST__INIT;
    request.message_case = LIVEKIT__SIGNAL_REQUEST__MESSAGE_SYNC_STATE;
    request.sync_state = &sync;
    world_signal(&world, 1, &request);
    const char *story = world_story(&world);
    assert_non_null(strstr(story, "conn 1 < leave reason=6 action=2\nconn 1 close 1000\n"));
    assert_non_null(strstr(story, "front T1 close\n"));
    assert_non_null(strstr(story, "conn 2 < update alice=gone/0\n"));

    join(&world, 3, "alice", NULL);
    world_story(&world);
    Livekit__SimulateScenario scenario = LIVEKIT__SIMULATE_SCENARIO__INIT;
    scenario.scenario_case = LIVEKIT__SIMULATE_SCENARIO__SCENARIO_LEAVE_REQUEST_FULL_RECONNECT;
    scenario.leave_request_full_reconnect = true;
    simulate(&world, 3, &scenario);
    story = world_story(&world);
    assert_non_null(strstr(story, "conn 3 < leave reason=0 action=2\nconn 3 close 1000\n"));
    assert_non_null(strstr(story, "conn 2 < update alice=gone/0\n"));
    world_fini(&world);
}

/* Goal: a client whose media are lost and whose resume drops by simulation has as long to come back
 * as if it had dropped by itself. */
static void vanishes_in_dropped_resume(void **state)
{
    (void)state;
    static const struct {
        Livekit__SimulateScenario__ScenarioCase scenario;
        const char *heard;
    } cases[] = {
        {LIVEKIT__SIMULATE_SCENARIO__SCENARIO_DISCONNECT_SIGNAL_ON_RESUME,
         "conn 3 accept\nconn 3 < reconnect last_seq=0\nconn 3 close 1000\n"},
        {LIVEKIT__SIMULATE_SCENARIO__SCENARIO_DISCONNECT_SIGNAL_ON_RESUME_NO_MESSAGES,
         "conn 3 accept\nconn 3 close 1000\n"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct world world;
        meeting(&world);
        Livekit__SimulateScenario scenario = LIVEKIT__SIMULATE_SCENARIO__INIT;
        scenario.scenario_case = cases[i].scenario;
        scenario.disconnect_signal_on_resume = true; /* the same place in the union */
        simulate(&world, 1, &scenario);
        Spillway__Control__TransportLost lost = SPILLWAY__CONTROL__TRANSPORT_LOST__INIT;
        lost.transport = world.transports[0];
        Spillway__Control__Event event = SPILLWAY__CONTROL__EVENT__INIT;
        event.event_case = SPILLWAY__CONTROL__EVENT__EVENT_TRANSPORT_LOST;
        event.transport_lost = &lost;
        world_event(&world, "ND_a", &event);
        world_story(&world);
        world_join(&world, 3,
                   &(struct world_join){.room = "lobby", .identity = "alice", .reconnect = true});
        assert_string_equal(world_story(&world), cases[i].heard);
        world_advance(&world, TIME_MS(4900));
        assert_null(strstr(world_story(&world), "gone"));
        world_advance(&world, TIME_MS(200));
        assert_non_null(strstr(world_story(&world), "conn 2 < update alice=gone/0\n"));
        world_fini(&world);
    }
}

static void add(struct world *world, Livekit__AddTrackRequest *add)
{
    add->cid = add->cid[0] == '\0' ? "camera" : add->cid;
    add->type = LIVEKIT__TRACK_TYPE__VIDEO;
    Livekit__SignalRequest request = LIVEKIT__SIGNAL_REQUEST__INIT;
    request.message_case = LIVEKIT__SIGNAL_REQUEST__MESSAGE_ADD_TRACK;
    request.add_track = add;
    world_signal(world, 1, &request);
}

/* Goal: a track described at more length than any client does is refused, and its client stays. */
static void long_tracks(void **state)
{
    (void)state;
    struct world world;
    meeting(&world);
    char text[LIMITS_TEXT_BYTES + 2] = "";
    memset(text, 'x', LIMITS_TEXT_BYTES + 1);
    Livekit__VideoLayer layer = LIVEKIT__VIDEO_LAYER__INIT, *layers[LIMITS_LAYERS + 1];
    Livekit__AudioTrackFeature features[LIMITS_FEATURES + 1] = {0};
    for (size_t i = 0; i < ARRAY_LEN(layers); i++) {
        layers[i] = &layer;
    }
    Livekit__SimulcastCodec codec = LIVEKIT__SIMULCAST_CODEC__INIT, *codecs[] = {&codec};
    codec.codec = text;
    static const Livekit__AddTrackRequest none = LIVEKIT__ADD_TRACK_REQUEST__INIT;
    Livekit__AddTrackRequest requests[] = {none, none, none, none, none, none};
    requests[0].cid = requests[1].name = requests[2].stream = text;
    requests[3].layers = layers;
    requests[3].n_layers = ARRAY_LEN(layers);
    requests[4].simulcast_codecs = codecs;
    requests[4].n_simulcast_codecs = ARRAY_LEN(codecs);
    requests[5].audio_features = features;
    requests[5].n_audio_features = ARRAY_LEN(features);
    for (size_t i = 0; i < ARRAY_LEN(requests); i++) {
        add(&world, &requests[i]);
        assert_string_equal(world_story(&world), "conn 1 < request_response id=0 reason=3\n");
    }
    text[LIMITS_TEXT_BYTES] = '\0'; /* at the bounds */
    requests[3].n_layers--;
    requests[5].n_audio_features--;
    for (size_t i = 0; i < ARRAY_LEN(requests); i++) {
        add(&world, &requests[i]);
        assert_non_null(strstr(world_story(&world), "conn 1 < track_published "));
    }
    world_fini(&world);
}

/* Goal: whoever sends a list longer than any client does is expelled, with the reason. */
static void long_lists(void **state)
{
    (void)state;
    static char *sids[LIMITS_LIST + 1];
    for (size_t i = 0; i < ARRAY_LEN(sids); i++) {
        sids[i] = "TR_none";
    }
    Livekit__AudioTrackFeature features[LIMITS_FEATURES + 1] = {0};
    Livekit__UpdateSubscription subscription = LIVEKIT__UPDATE_SUBSCRIPTION__INIT;
    Livekit__ParticipantTracks tracks = LIVEKIT__PARTICIPANT_TRACKS__INIT,
                               *both[2] = {&tracks, &tracks};
    Livekit__UpdateSubscription nested = subscription;
    Livekit__UpdateTrackSettings settings = LIVEKIT__UPDATE_TRACK_SETTINGS__INIT;
    Livekit__TrackPermission rule = LIVEKIT__TRACK_PERMISSION__INIT, *rules[] = {&rule};
    Livekit__SubscriptionPermission permission = LIVEKIT__SUBSCRIPTION_PERMISSION__INIT;
    Livekit__SyncState sync = LIVEKIT__SYNC_STATE__INIT;
    Livekit__UpdateLocalAudioTrack audio = LIVEKIT__UPDATE_LOCAL_AUDIO_TRACK__INIT;
    subscription.track_sids = tracks.track_sids = settings.track_sids = rule.track_sids =
        sync.track_sids_disabled = sids;
    subscription.n_track_sids = settings.n_track_sids = sync.n_track_sids_disabled =
        LIMITS_LIST + 1;
    rule.n_track_sids = LIMITS_LIST;
    tracks.n_track_sids = LIMITS_LIST / 2 + 1;
    nested.participant_tracks = both;
    nested.n_participant_tracks = ARRAY_LEN(both);
    permission.track_permissions = rules;
    permission.n_track_permissions = ARRAY_LEN(rules);
    audio.features = features;
    audio.n_features = ARRAY_LEN(features);
    Livekit__SignalRequest requests[6];
    for (size_t i = 0; i < ARRAY_LEN(requests); i++) {
        livekit__signal_request__init(&requests[i]);
    }
    requests[0].message_case = LIVEKIT__SIGNAL_REQUEST__MESSAGE_SUBSCRIPTION;
    requests[0].subscription = &subscription;
    requests[1].message_case = LIVEKIT__SIGNAL_REQUEST__MESSAGE_SUBSCRIPTION;
    requests[1].subscription = &nested;
    requests[2].message_case = LIVEKIT__SIGNAL_REQUEST__MESSAGE_TRACK_SETTING;
    requests[2].track_setting = &settings;
    requests[3].message_case = LIVEKIT__SIGNAL_REQUEST__MESSAGE_SUBSCRIPTION_PERMISSION;
    requests[3].subscription_permission = &permission;
    requests[4].message_case = LIVEKIT__SIGNAL_REQUEST__MESSAGE_SYNC_STATE;
    requests[4].sync_state = &sync;
    requests[5].message_case = LIVEKIT__SIGNAL_REQUEST__MESSAGE_UPDATE_AUDIO_TRACK;
    requests[5].update_audio_track = &audio;
    for (size_t i = 0; i < ARRAY_LEN(requests); i++) {
        struct world world;
        meeting(&world);
        world_signal(&world, 1, &requests[i]);
        const char *story = world_story(&world);
        assert_non_null(strstr(story, "conn 1 < leave reason=6 action=0\nconn 1 close 1008 "));
        assert_non_null(strstr(story, " exceeds its limit\n"));
        world_fini(&world);
    }
    struct world world;
    meeting(&world);
    settings.n_track_sids = LIMITS_LIST;
    world_signal(&world, 1, &requests[2]);
    assert_string_equal(world_story(&world), "");
    world_fini(&world);
}

static void own_metadata(struct token_video *video)
{
    video->can_update_own_metadata = TOKEN_YES;
}

/* Goal: nobody has more attributes than fit, and a join request says no more than it may. */
static void many_attributes(void **state)
{
    (void)state;
    struct world world;
    meeting(&world);
    join(&world, 3, "carol", own_metadata);
    world_story(&world);
    static char names[LIMITS_ATTRIBUTES + 1][8];
    static Livekit__UpdateParticipantMetadata__AttributesEntry entries[LIMITS_ATTRIBUTES + 1];
    static Livekit__UpdateParticipantMetadata__AttributesEntry *list[LIMITS_ATTRIBUTES + 1];
    for (size_t i = 0; i < ARRAY_LEN(list); i++) {
        livekit__update_participant_metadata__attributes_entry__init(&entries[i]);
        snprintf(names[i], sizeof(names[i]), "%zu", i);
        entries[i].key = names[i];
        entries[i].value = "x";
        list[i] = &entries[i];
    }
    Livekit__UpdateParticipantMetadata update = LIVEKIT__UPDATE_PARTICIPANT_METADATA__INIT;
    update.attributes = list;
    update.n_attributes = LIMITS_ATTRIBUTES;
    Livekit__SignalRequest request = LIVEKIT__SIGNAL_REQUEST__INIT;
    request.message_case = LIVEKIT__SIGNAL_REQUEST__MESSAGE_UPDATE_METADATA;
    request.update_metadata = &update;
    world_signal(&world, 3, &request);
    assert_non_null(strstr(world_story(&world), "conn 3 < request_response id=0 reason=0\n"));
    update.attributes = list + LIMITS_ATTRIBUTES;
    update.n_attributes = 1;
    world_signal(&world, 3, &request);
    assert_string_equal(world_story(&world), "conn 3 < request_response id=0 reason=3\n");
    world_fini(&world);

    char reason[SDP_REASON_MAX], *text = mem_alloc(LIMITS_CLIENT_BYTES + 1);
    memset(text, 'x', LIMITS_CLIENT_BYTES);
    Livekit__JoinRequest joining = LIVEKIT__JOIN_REQUEST__INIT;
    Livekit__ClientInfo client = LIVEKIT__CLIENT_INFO__INIT;
    joining.client_info = &client;
    assert_int_equal(limits_join(&joining, reason), 0);
    client.os = text;
    assert_int_equal(limits_join(&joining, reason), ERR_TOO_BIG);
    assert_non_null(strstr(reason, "client_info"));
    free(text);
}

/* Goal: a room takes as many as it was made for; a participant that comes again counts once. */
static void full(void **state)
{
    (void)state;
    struct world world;
    world_init(&world);
    world_node(&world, "ND_a");
    world_twirp(&world, "CreateRoom", "{\"name\":\"lobby\",\"maxParticipants\":2}");
    assert_int_equal(world.last_status, 200);
    join(&world, 1, "alice", NULL);
    join(&world, 2, "bob", NULL);
    world_story(&world);
    join(&world, 3, "carol", NULL);
    assert_string_equal(world_story(&world), "conn 3 refuse 403 the room has its 2 participants\n");
    join(&world, 4, "bob", NULL);
    assert_non_null(strstr(world_story(&world), "conn 4 < join bob others=1\n"));
    world_fini(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(publishing_rights),
        cmocka_unit_test(hidden),
        cmocka_unit_test(hidden_later),
        cmocka_unit_test(subscription_permission),
        cmocka_unit_test(permission_after_update),
        cmocka_unit_test(track_subscribed),
        cmocka_unit_test(data),
        cmocka_unit_test(data_handles),
        cmocka_unit_test(server_rpc),
        cmocka_unit_test(server_rpc_bounds),
        cmocka_unit_test(rewritten_track_id),
        cmocka_unit_test(section_unusable),
        cmocka_unit_test(codec_unsupported),
        cmocka_unit_test(missed),
        cmocka_unit_test(dynacast),
        cmocka_unit_test(refresh),
        cmocka_unit_test(no_transport),
        cmocka_unit_test(full),
        cmocka_unit_test(long_tracks),
        cmocka_unit_test(long_lists),
        cmocka_unit_test(many_attributes),
        cmocka_unit_test(start_over),
        cmocka_unit_test(vanishes_in_dropped_resume),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
