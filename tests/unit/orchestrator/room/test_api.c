/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal: what the server API does to a room and the people in it holds.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/unit/orchestrator/room/meeting.h"

static void own_metadata(struct token_video *video)
{
    video->can_update_own_metadata = TOKEN_YES;
}

/* Goal: what a room is set to, its lock for one, is with its nodes at once for the next owner,
 * though nobody in the room does anything. */
static void settings_outlive_their_owner(void **state)
{
    (void)state;
    static const struct {
        const char *method, *format;
    } rows[] = {
        {"UpdateRoomMetadata", "{\"room\":\"lobby\",\"metadata\":\"%s\"}"},

        {"CreateRoom", "{\"name\":\"lobby\",\"maxParticipants\":20}"},
    };
    char json[1200], metadata[1001] = "";
    memset(metadata, 'x', sizeof(metadata) - 1);
    struct world world;
    world_init_sealing(&world);
    world_node(&world, "ND_a");
    meeting_join(&world, 1, "alice", NULL);
    world_connected(&world, 1);
    world_advance(&world, TIME_S(1));
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        snprintf(json, sizeof(json), rows[i].format, metadata);
        world_story(&world);
        world_twirp(&world, rows[i].method, json);
        assert_int_equal(world.last_status, 200);
        assert_non_null(strstr(world_story(&world), "node ND_a < spec"));
        assert_true(world.last_spec->sealed.len > strlen(metadata));
    }
    world_fini(&world);
}

/* The one that a client was given last; token_fini() it. */
static void read_token(const struct world *world, struct token *token)
{
    char reason[TOKEN_REASON_MAX];
    const struct token_keys keys = {&world->key, 1};
    int64_t now_s = 1600000000; /* where its world begins */
    assert_int_equal(
        token_verify(token, &keys, world->last_token, strlen(world->last_token), now_s, reason), 0);
}

/* Goal: the token with which a client would start over says what it is by now: what it said of
 * itself, and what it may. */
static void tokens_follow(void **state)
{
    (void)state;
    struct world world;
    struct token token;
    Livekit__UpdateParticipantMetadata__AttributesEntry hand, *list[] = {&hand};
    Livekit__UpdateParticipantMetadata update = LIVEKIT__UPDATE_PARTICIPANT_METADATA__INIT;
    Livekit__SignalRequest request = LIVEKIT__SIGNAL_REQUEST__INIT;
    livekit__update_participant_metadata__attributes_entry__init(&hand);
    hand.key = "hand";
    hand.value = "raised";
    update.attributes = list;
    update.n_attributes = ARRAY_LEN(list);
    request.message_case = LIVEKIT__SIGNAL_REQUEST__MESSAGE_UPDATE_METADATA;
    request.update_metadata = &update;
    meeting_init(&world);
    meeting_join(&world, 3, "carol", own_metadata);
    world_story(&world);
    world_signal(&world, 3, &request);
    assert_non_null(strstr(world_story(&world), "conn 3 < refresh_token\n"));
    read_token(&world, &token);
    assert_int_equal(token.attribute_count, 1);
    assert_string_equal(token.attributes[0].value, "raised");
    token_fini(&token);

    /* A source that we do not know is not every source. */
    world_twirp(&world, "UpdateParticipant",
                "{\"room\":\"lobby\",\"identity\":\"carol\",\"permission\":"
                "{\"canPublish\":true,\"canPublishSources\":[9]}}");
    assert_int_equal(world.last_status, 200);
    read_token(&world, &token);
    assert_int_equal(token.video.can_publish_sources, TOKEN_SOURCE_UNKNOWN);
    token_fini(&token);
    world_fini(&world);
}

/* Goal: a token with which its client could not come back is given to nobody: metadata are left out
 * that make it too long. */
static void tokens_fit(void **state)
{
    (void)state;
    static char metadata[60001], json[sizeof(metadata) + 200];
    struct world world;
    struct token token;
    memset(metadata, 'x', sizeof(metadata) - 1);
    snprintf(json, sizeof(json),
             "{\"room\":\"lobby\",\"identity\":\"bob\",\"metadata\":\"%s\","
             "\"attributes\":{\"hand\":\"raised\"}}",
             metadata);
    meeting_init(&world);
    world_twirp(&world, "UpdateParticipant", json);
    assert_int_equal(world.last_status, 200);
    assert_non_null(strstr(world_story(&world), "conn 2 < refresh_token\n"));
    assert_true(strlen(world.last_token) < 32 * 1024);
    read_token(&world, &token);
    assert_string_equal(token.metadata, "");
    assert_int_equal(token.attribute_count, 1);
    token_fini(&token);
    world_fini(&world);
}

static void record(struct token_video *video)
{
    video->recorder = video->hidden = true;
}

/* Goal: agents and recorders are there for the others: they fill no room, count as nobody in it,
 * and end with it once the others have left. */
static void dependents(void **state)
{
    (void)state;
    struct world world;
    world_init(&world);
    world_node(&world, "ND_a");
    world_twirp(&world, "CreateRoom", "{\"name\":\"lobby\",\"maxParticipants\":1}");
    world.kind = "agent";
    meeting_join(&world, 1, "agent", NULL);
    world.kind = NULL;
    meeting_join(&world, 2, "alice", NULL);
    meeting_join(&world, 3, "recorder", record);
    for (size_t transport = 1; transport <= 3; transport++) {
        world_connected(&world, transport);
        orch_disconnected(world.orch, world.now_us, transport); /* media are enough to stay */
    }
    world_story(&world);
    meeting_join(&world, 4, "bob", NULL);
    assert_string_equal(world_story(&world),
                        "conn 4 refuse 403 the room is full: max_participants is 1\n");
    world_twirp(&world, "ListRooms", "{}");
    assert_non_null(strstr(world.last_reply, "\"num_participants\":1,"));

    world_advance(&world, TIME_S(30));
    world_twirp(&world, "RemoveParticipant", "{\"room\":\"lobby\",\"identity\":\"alice\"}");
    world_advance(&world, TIME_S(10));
    world_twirp(&world, "RemoveParticipant", "{\"room\":\"lobby\",\"identity\":\"recorder\"}");
    world_advance(&world, TIME_S(10) - 1);
    assert_null(strstr(world_story(&world), "webhook room_finished\n"));
    world_advance(&world, 1);
    assert_non_null(strstr(world_story(&world), "webhook room_finished\n"));
    world_fini(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(settings_outlive_their_owner),
        cmocka_unit_test(tokens_follow),
        cmocka_unit_test(tokens_fit),
        cmocka_unit_test(dependents),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
