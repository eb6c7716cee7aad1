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

#include "tests/unit/orchestrator/room/meeting.h"

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
    meeting_join(&world, 1, "mute", no_publishing);
    meeting_join(&world, 2, "seen", only_camera);
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
    meeting_init(&world);
    meeting_join(&world, 3, "ghost", hide);
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
    meeting_init(&world);
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
    meeting_join(&world, 3, "carol", NULL);
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
    meeting_init(&world);
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
    meeting_join(&world, 1, "alice", NULL);
    meeting_join(&world, 2, "bob", NULL);
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
    meeting_join(&world, 1, "alice", NULL);
    meeting_join(&world, 2, "bob", NULL);
    world_connected(&world, 1);
    world_add_track(&world, 1, MICROPHONE, LIVEKIT__TRACK_TYPE__AUDIO);
    assert_null(strstr(world_story(&world), "track_subscribed"));
    world_offer(&world, 2, "chromium-publish.offer", 2);
    const char *story = world_story(&world);
    assert_non_null(strstr(story, "conn 2 < answer 2 tracks=1\n"));
    assert_null(strstr(story, "track_subscribed"));
    world_connected(&world, 2);
    assert_non_null(strstr(world_story(&world), "conn 1 < track_subscribed\n"));

    meeting_join(&world, 3, "carol", NULL);
    world_connected(&world, 3);
    assert_null(strstr(world_story(&world), "track_subscribed"));
    world_add_track(&world, 3, MICROPHONE, LIVEKIT__TRACK_TYPE__AUDIO);
    assert_null(strstr(world_story(&world), "track_subscribed"));
    world_offer(&world, 1, "chromium-publish.offer", 3);
    assert_non_null(strstr(world_story(&world), "conn 3 < track_subscribed\n"));
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
    meeting_init(&world);
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
    meeting_init(&world);
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

/* Goal: a publisher hears which layers somebody watches: of more at once, of fewer after a second,
 * and all of it when it may have missed some. */
static void dynacast(void **state)
{
    (void)state;
    struct world world;
    meeting_init(&world);
    world_add_track(&world, 1, CAMERA, LIVEKIT__TRACK_TYPE__VIDEO);
    assert_null(strstr(world_story(&world), "quality")); /* bob is to see it all */
    world_advance(&world, TIME_S(2));
    assert_string_equal(world_story(&world), "");

    world_watch(&world, 2, LIVEKIT__VIDEO_QUALITY__LOW);
    world_advance(&world, TIME_MS(999));
    assert_null(strstr(world_story(&world), "quality"));
    world_advance(&world, TIME_MS(1));
    assert_string_equal(world_story(&world), "conn 1 < quality TR_VC vp8 0=on 1=off 2=off\n");
    world_watch(&world, 2, LIVEKIT__VIDEO_QUALITY__MEDIUM);
    assert_non_null(strstr(world_story(&world), "conn 1 < quality TR_VC vp8 0=on 1=on 2=off\n"));

    meeting_join(&world, 3, "carol", NULL); /* wants the highest layer until she says otherwise */
    assert_non_null(strstr(world_story(&world), "conn 1 < quality TR_VC vp8 0=on 1=on 2=on\n"));
    orch_disconnected(world.orch, world.now_us, 3);
    orch_disconnected(world.orch, world.now_us, 1);
    world_watch(&world, 2, LIVEKIT__VIDEO_QUALITY__OFF);
    world_advance(&world, TIME_S(1));
    assert_null(strstr(world_story(&world), "quality")); /* nobody there to tell */
    world_join(&world, 4,
               &(struct world_join){.room = "lobby", .identity = "alice", .reconnect = true});
    assert_non_null(strstr(world_story(&world), "conn 4 < quality TR_VC vp8 0=off 1=off 2=off\n"));
    world_fini(&world);
}

static void visitor(struct token_video *video)
{
    video->waits_if_locked = true;
}

static void lock_room(struct world *world, const char *locked)
{
    char json[100];
    snprintf(json, sizeof(json), "{\"room\":\"lobby\",\"metadata\":\"{\\\"locked\\\":%s}\"}",
             locked);
    world_twirp(world, "UpdateRoomMetadata", json);
}

static void say_to_all(struct world *world, size_t transport, uint16_t stream)
{
    static const char lossy[] = "\x12\x03\x12\x01x";
    meeting_send(world, transport, stream, lossy, sizeof(lossy) - 1);
}

/* Goal: who comes to a locked room, and has a token that says so, neither hears, sees nor says
 * anything, and is given no other token, until a host lets him in; who was let in gets a token that
 * is good for the locked room. */
static void waits_to_be_let_in(void **state)
{
    (void)state;
    struct world world;
    meeting_init(&world);
    lock_room(&world, "true");
    world_story(&world);
    meeting_join(&world, 3, "carol", visitor);
    const char *story = world_story(&world);
    assert_non_null(strstr(story, "conn 3 < join carol others=2\n"));
    assert_non_null(strstr(story, "conn 3 < answer 1 tracks=0\n"));
    assert_null(strstr(story, "conn 3 < refresh_token"));
    world_connected(&world, 3);
    for (size_t transport = 1; transport <= 3; transport++) {
        meeting_channels(&world, transport);
    }
    world_story(&world);
    world_add_track(&world, 3, CAMERA, LIVEKIT__TRACK_TYPE__VIDEO);
    assert_string_equal(world_story(&world), "conn 3 < request_response id=0 reason=2\n");
    say_to_all(&world, 1, 2);
    say_to_all(&world, 3, 2);
    story = world_story(&world);
    assert_non_null(strstr(story, "front T2 send stream=2"));
    assert_null(strstr(story, "front T3 send"));
    assert_null(strstr(story, "front T1 send"));

    world_twirp(&world, "UpdateParticipant",
                "{\"room\":\"lobby\",\"identity\":\"carol\",\"permission\":"
                "{\"canPublish\":true,\"canSubscribe\":true,\"canPublishData\":true}}");
    story = world_story(&world);
    assert_non_null(strstr(story, "conn 3 < refresh_token\n"));
    assert_non_null(strstr(story, "conn 3 < sections"));
    say_to_all(&world, 1, 2);
    assert_non_null(strstr(world_story(&world), "front T3 send stream=2"));
    world_fini(&world);
}

/* Goal: a token that does not say so is as good as without the lock; and who came before it was
 * locked, or after, is given such a one. */
static void waits_only_if_locked(void **state)
{
    (void)state;
    static const char *const unlocked[] = {"false", "1", "{}"};
    struct world world;
    meeting_init(&world);
    for (size_t i = 0; i < ARRAY_LEN(unlocked); i++) {
        lock_room(&world, unlocked[i]);
        world_story(&world);
        meeting_join(&world, 3 + i, "carol", visitor);
        const char *story = world_story(&world);
        assert_non_null(strstr(story, "< refresh_token\n"));
        assert_non_null(strstr(story, "< answer 1 tracks=1\n"));
    }
    world_twirp(&world, "UpdateRoomMetadata", "{\"room\":\"lobby\",\"metadata\":\"no JSON\"}");
    meeting_join(&world, 6, "carol", visitor);
    assert_non_null(strstr(world_story(&world), "conn 6 < answer 1 tracks=1\n"));
    lock_room(&world, "true");
    meeting_join(&world, 7, "dora", NULL);
    assert_non_null(strstr(world_story(&world), "conn 7 < answer 1 tracks=1\n"));
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
        cmocka_unit_test(rewritten_track_id),
        cmocka_unit_test(section_unusable),
        cmocka_unit_test(codec_unsupported),
        cmocka_unit_test(dynacast),
        cmocka_unit_test(waits_to_be_let_in),
        cmocka_unit_test(waits_only_if_locked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
