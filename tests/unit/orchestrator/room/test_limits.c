/* SPDX-License-Identifier: Apache-2.0
 *
 * What people may say in one message, and how many fit, as stories.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "orchestrator/core/room/limits.h"
#include "tests/unit/orchestrator/room/meeting.h"

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
    meeting_init(&world);
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
        meeting_init(&world);
        world_signal(&world, 1, &requests[i]);
        const char *story = world_story(&world);
        assert_non_null(strstr(story, "conn 1 < leave reason=6 action=0\nconn 1 close 1008 "));
        assert_non_null(strstr(story, " exceeds its limit\n"));
        world_fini(&world);
    }
    struct world world;
    meeting_init(&world);
    settings.n_track_sids = LIMITS_LIST;
    world_signal(&world, 1, &requests[2]);
    assert_string_equal(world_story(&world), "");
    world_fini(&world);
}

static void own_metadata(struct token_video *video)
{
    video->can_update_own_metadata = TOKEN_YES;
}

static void set_attributes(struct world *world, uint64_t conn,
                           Livekit__UpdateParticipantMetadata__AttributesEntry **list, size_t count)
{
    Livekit__UpdateParticipantMetadata update = LIVEKIT__UPDATE_PARTICIPANT_METADATA__INIT;
    Livekit__SignalRequest request = LIVEKIT__SIGNAL_REQUEST__INIT;
    update.attributes = list;
    update.n_attributes = count;
    request.message_case = LIVEKIT__SIGNAL_REQUEST__MESSAGE_UPDATE_METADATA;
    request.update_metadata = &update;
    world_signal(world, conn, &request);
}

/* Goal: nobody has more attributes than fit, and a join request says no more than it may. */
static void many_attributes(void **state)
{
    (void)state;
    struct world world;
    meeting_init(&world);
    meeting_join(&world, 3, "carol", own_metadata);
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
    set_attributes(&world, 3, list, LIMITS_ATTRIBUTES);
    assert_non_null(strstr(world_story(&world), "conn 3 < request_response id=0 reason=0\n"));
    set_attributes(&world, 3, list + LIMITS_ATTRIBUTES, 1);
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

/* Goal: what counts is what somebody has then: he who has all that he may can change and delete
 * it, in any order; the server API gives nobody more. */
static void full_attributes(void **state)
{
    (void)state;
    static char value[ROOM_ATTRIBUTES_BYTES];
    static const char accepted[] = "conn 3 < request_response id=0 reason=0\n";
    static const char refused[] = "conn 3 < request_response id=0 reason=3\n";
    struct world world;
    Livekit__UpdateParticipantMetadata__AttributesEntry a, b, gone, *list[3];
    livekit__update_participant_metadata__attributes_entry__init(&a);
    gone = b = a;
    memset(value, 'x', sizeof(value) - 1); /* with a name of one byte as much as there may be */
    a.key = gone.key = "a";
    b.key = "b";
    a.value = value;
    b.value = value + 1; /* the rest */
    gone.value = "";
    meeting_init(&world);
    meeting_join(&world, 3, "carol", own_metadata);
    world_story(&world);
    list[0] = &a;
    for (int i = 0; i < 2; i++) { /* anew, too */
        set_attributes(&world, 3, list, 1);
        assert_non_null(strstr(world_story(&world), accepted));
    }
    list[0] = &b;
    set_attributes(&world, 3, list, 1);
    assert_string_equal(world_story(&world), refused);
    world_twirp(&world, "UpdateParticipant",
                "{\"room\":\"lobby\",\"identity\":\"carol\",\"attributes\":{\"b\":\"x\"}}");
    assert_int_equal(world.last_status, 400);
    world_story(&world);
    list[1] = list[2] = &gone; /* deleting it twice makes no place for more */
    list[0] = &b;
    b.value = value;
    set_attributes(&world, 3, list, 3);
    assert_non_null(strstr(world_story(&world), accepted));
    list[0] = &a;
    set_attributes(&world, 3, list, 1);
    assert_string_equal(world_story(&world), refused);
    world_fini(&world);
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
    meeting_join(&world, 1, "alice", NULL);
    meeting_join(&world, 2, "bob", NULL);
    world_story(&world);
    meeting_join(&world, 3, "carol", NULL);
    assert_string_equal(world_story(&world),
                        "conn 3 refuse 403 the room is full: max_participants is 2\n");
    meeting_join(&world, 4, "bob", NULL);
    assert_non_null(strstr(world_story(&world), "conn 4 < join bob others=1\n"));
    world_fini(&world);
}

static size_t sealed_bytes(const Spillway__Control__RoomSpec *spec)
{
    size_t bytes = 0;
    for (size_t i = 0; i < spec->n_sessions; i++) {
        bytes += spec->sessions[i]->sealed.len;
    }
    return bytes;
}

/* Goal: what a node is to keep of people who said much of themselves is told in several messages,
 * for the link to the node ends with one that is too long. */
static void much_to_keep(void **state)
{
    (void)state;
    enum { PEOPLE = 12, BYTES = 500000, MESSAGE_MAX = 5 << 20 };
    struct world world;
    world_init_sealing(&world);
    world_node(&world, "ND_a");
    char *text = mem_alloc(BYTES + 1);
    memset(text, 'x', BYTES);
    Livekit__UpdateParticipantMetadata update = LIVEKIT__UPDATE_PARTICIPANT_METADATA__INIT;
    update.metadata = text;
    Livekit__SignalRequest request = LIVEKIT__SIGNAL_REQUEST__INIT;
    request.message_case = LIVEKIT__SIGNAL_REQUEST__MESSAGE_UPDATE_METADATA;
    request.update_metadata = &update;
    for (uint64_t conn = 1; conn <= PEOPLE; conn++) {
        char identity[8];
        snprintf(identity, sizeof(identity), "%d", (int)conn);
        meeting_join(&world, conn, identity, own_metadata);
        world_connected(&world, conn);
        world_signal(&world, conn, &request);
    }
    world_advance(&world, TIME_S(1));
    Spillway__Control__SpecAck ack = SPILLWAY__CONTROL__SPEC_ACK__INIT;
    ack.result = SPILLWAY__CONTROL__SPEC_ACK__RESULT__NEED_WHOLE;
    ack.version = 1;
    world_story(&world);
    world_ack(&world, "ND_a", &ack);
    world_advance(&world, TIME_MS(1));
    assert_int_equal(world.spec_before->n_sessions + world.last_spec->n_sessions, PEOPLE);
    assert_in_range(sealed_bytes(world.spec_before), BYTES, MESSAGE_MAX);
    assert_in_range(sealed_bytes(world.last_spec), BYTES, MESSAGE_MAX);
    free(text);
    world_fini(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(long_tracks),
        cmocka_unit_test(long_lists),
        cmocka_unit_test(many_attributes),
        cmocka_unit_test(full_attributes),
        cmocka_unit_test(full),
        cmocka_unit_test(much_to_keep),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
