/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal: what LiveKit's server SDKs send is routed and read, answers and errors have the form they
 * expect, and every wrong request gets a code, a status and a reason.
 */
#include "orchestrator/core/api/twirp.h"
#include "proto/gen/api.pb-c.h"
#include "proto/wire/wire.h"

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define ROOM_SERVICE "/twirp/livekit.RoomService/"

static const char json_type[] = "application/json;charset=UTF-8"; /* as the JavaScript SDK has it */

static struct bytes text_bytes(const char *text)
{
    return (struct bytes){(const uint8_t *)text, strlen(text)};
}

static struct twirp_call routed(const char *method, const char *content_type)
{
    char path[96];
    snprintf(path, sizeof(path), ROOM_SERVICE "%s", method);
    struct twirp_call call = {.request = NULL};
    struct twirp_error error = {.msg = ""};
    const struct twirp_head head = {"POST", path, content_type};
    if (twirp_route(&call, &head, &error) != 0) {
        fail_msg("%s: %s", path, error.msg);
    }
    return call;
}

static void assert_answer(struct twirp_answer answer, unsigned status, const char *body)
{
    assert_int_equal(answer.status, status);
    assert_string_equal(answer.content_type, "application/json");
    assert_int_equal(answer.body_len, strlen(body));
    assert_memory_equal(answer.body, body, answer.body_len);
    free(answer.body);
}

static const struct {
    const char *method;
    enum twirp_method_id id;
    enum twirp_grant grant;
    const char *request, *response;
} methods[] = {
    {"CreateRoom", TWIRP_CREATE_ROOM, TWIRP_GRANT_ROOM_CREATE, "CreateRoomRequest", "Room"},
    {"ListRooms", TWIRP_LIST_ROOMS, TWIRP_GRANT_ROOM_LIST, "ListRoomsRequest", "ListRoomsResponse"},
    {"DeleteRoom", TWIRP_DELETE_ROOM, TWIRP_GRANT_ROOM_CREATE, "DeleteRoomRequest",
     "DeleteRoomResponse"},
    {"ListParticipants", TWIRP_LIST_PARTICIPANTS, TWIRP_GRANT_ROOM_ADMIN, "ListParticipantsRequest",
     "ListParticipantsResponse"},
    {"GetParticipant", TWIRP_GET_PARTICIPANT, TWIRP_GRANT_ROOM_ADMIN, "RoomParticipantIdentity",
     "ParticipantInfo"},
    {"RemoveParticipant", TWIRP_REMOVE_PARTICIPANT, TWIRP_GRANT_ROOM_ADMIN,
     "RoomParticipantIdentity", "RemoveParticipantResponse"},
    {"MutePublishedTrack", TWIRP_MUTE_PUBLISHED_TRACK, TWIRP_GRANT_ROOM_ADMIN,
     "MuteRoomTrackRequest", "MuteRoomTrackResponse"},
    {"UpdateParticipant", TWIRP_UPDATE_PARTICIPANT, TWIRP_GRANT_ROOM_ADMIN,
     "UpdateParticipantRequest", "ParticipantInfo"},
    {"UpdateSubscriptions", TWIRP_UPDATE_SUBSCRIPTIONS, TWIRP_GRANT_ROOM_ADMIN,
     "UpdateSubscriptionsRequest", "UpdateSubscriptionsResponse"},
    {"SendData", TWIRP_SEND_DATA, TWIRP_GRANT_ROOM_ADMIN, "SendDataRequest", "SendDataResponse"},
    {"UpdateRoomMetadata", TWIRP_UPDATE_ROOM_METADATA, TWIRP_GRANT_ROOM_ADMIN,
     "UpdateRoomMetadataRequest", "Room"},
    {"PerformRpc", TWIRP_PERFORM_RPC, TWIRP_GRANT_ROOM_ADMIN, "PerformRpcRequest",
     "PerformRpcResponse"},
    {"ForwardParticipant", TWIRP_FORWARD_PARTICIPANT, TWIRP_GRANT_ROOM_ADMIN_DESTINATION,
     "ForwardParticipantRequest", "ForwardParticipantResponse"},
    {"MoveParticipant", TWIRP_MOVE_PARTICIPANT, TWIRP_GRANT_ROOM_ADMIN_DESTINATION,
     "MoveParticipantRequest", "MoveParticipantResponse"},
};

static void test_methods(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(methods); i++) {
        struct twirp_call call = routed(methods[i].method, json_type);
        assert_string_equal(call.method->name, methods[i].method);
        assert_int_equal(call.method->id, methods[i].id);
        assert_int_equal(call.method->grant, methods[i].grant);
        assert_string_equal(call.method->request->short_name, methods[i].request);
        assert_string_equal(call.method->response->short_name, methods[i].response);
        assert_null(call.request);
    }
}

static const struct {
    const char *content_type;
    enum twirp_encoding encoding;
} types[] = {
    {"application/json", TWIRP_JSON},
    {"application/json;charset=UTF-8", TWIRP_JSON},
    {" Application/JSON ; charset=utf-8", TWIRP_JSON},
    {"application/protobuf", TWIRP_PROTOBUF},
    {"application/protobuf; x=y", TWIRP_PROTOBUF},
};

static void test_content_types(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(types); i++) {
        assert_int_equal(routed("ListRooms", types[i].content_type).encoding, types[i].encoding);
    }
}

static const struct {
    struct twirp_head head;
    unsigned status;
    const char *body;
} refusals[] = {
    {{"GET", ROOM_SERVICE "ListRooms", ""},
     404,
     "{\"code\":\"bad_route\",\"msg\":\"method GET is not allowed, only POST is\",\"meta\":{"
     "\"twirp_invalid_route\":\"GET /twirp/livekit.RoomService/ListRooms\"}}"},
    {{"POST", ROOM_SERVICE "listrooms", "application/json"},
     404,
     "{\"code\":\"bad_route\",\"msg\":\"nothing answers at /twirp/livekit.RoomService/listrooms\","
     "\"meta\":{\"twirp_invalid_route\":\"POST /twirp/livekit.RoomService/listrooms\"}}"},
    {{"POST", "/twirp/livekit.RoomService", "application/json"},
     404,
     "{\"code\":\"bad_route\",\"msg\":\"nothing answers at /twirp/livekit.RoomService\","
     "\"meta\":{\"twirp_invalid_route\":\"POST /twirp/livekit.RoomService\"}}"},
    {{"POST", "/twirp/other.RoomService/ListRooms", "application/json"},
     404,
     "{\"code\":\"bad_route\",\"msg\":\"nothing answers at /twirp/other.RoomService/ListRooms\","
     "\"meta\":{\"twirp_invalid_route\":\"POST /twirp/other.RoomService/ListRooms\"}}"},
    {{"POST", "/twirp/livekit.Connector/DialWhatsAppCall", "application/json"},
     404,
     "{\"code\":\"bad_route\",\"msg\":\"nothing answers at "
     "/twirp/livekit.Connector/DialWhatsAppCall\",\"meta\":{\"twirp_invalid_route\":\"POST "
     "/twirp/livekit.Connector/DialWhatsAppCall\"}}"},
    {{"POST", ROOM_SERVICE "\xc3\xa9\xff/", "application/json"},
     404,
     "{\"code\":\"bad_route\",\"msg\":\"nothing answers at /twirp/livekit.RoomService/\xc3\xa9\","
     "\"meta\":{\"twirp_invalid_route\":\"POST /twirp/livekit.RoomService/\xc3\xa9\"}}"},
    {{"POST", ROOM_SERVICE "ListRooms", "text/plain"},
     404,
     "{\"code\":\"bad_route\",\"msg\":\"content type \\\"text/plain\\\" is neither "
     "application/json nor application/protobuf\",\"meta\":{\"twirp_invalid_route\":\"POST "
     "/twirp/livekit.RoomService/ListRooms\"}}"},
    {{"POST", ROOM_SERVICE "ListRooms", "application/jsonp"},
     404,
     "{\"code\":\"bad_route\",\"msg\":\"content type \\\"application/jsonp\\\" is neither "
     "application/json nor application/protobuf\",\"meta\":{\"twirp_invalid_route\":\"POST "
     "/twirp/livekit.RoomService/ListRooms\"}}"},
    {{"POST", ROOM_SERVICE "ListRooms", ""},
     404,
     "{\"code\":\"bad_route\",\"msg\":\"content type \\\"\\\" is neither application/json nor "
     "application/protobuf\",\"meta\":{\"twirp_invalid_route\":\"POST "
     "/twirp/livekit.RoomService/ListRooms\"}}"},
    {{"POST", "/twirp/livekit.Egress/StartWebEgress", json_type},
     501,
     "{\"code\":\"unimplemented\",\"msg\":\"this server does not offer recording and streaming "
     "out (egress)\"}"},
    {{"POST", "/twirp/livekit.Ingress/ListIngress", json_type},
     501,
     "{\"code\":\"unimplemented\",\"msg\":\"this server does not offer ingesting streams "
     "(ingress)\"}"},
    {{"POST", "/twirp/livekit.SIP/ListSIPInboundTrunk", "application/protobuf"},
     501,
     "{\"code\":\"unimplemented\",\"msg\":\"this server does not offer telephony (SIP)\"}"},
    {{"POST", "/twirp/livekit.AgentDispatchService/CreateDispatch", json_type},
     501,
     "{\"code\":\"unimplemented\",\"msg\":\"this server does not offer dispatching agents\"}"},
};

static void test_refusals(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(refusals); i++) {
        struct twirp_call call = {.request = NULL};
        struct twirp_error error;
        assert_int_equal(twirp_route(&call, &refusals[i].head, &error), ERR_INVALID);
        assert_null(call.method);
        assert_answer(twirp_fail(&error), refusals[i].status, refusals[i].body);
    }
}

static void test_json_call(void **state)
{
    (void)state;
    struct twirp_call call = routed("CreateRoom", json_type);
    struct twirp_error error;
    const char body[] = "{\"name\":\"standup\",\"emptyTimeout\":600,\"max_participants\":20,"
                        "\"tags\":{\"team\":\"a\"},\"somethingNew\":{\"x\":[1]}}";
    assert_int_equal(twirp_decode(&call, text_bytes(body), &error), 0);
    const Livekit__CreateRoomRequest *request = (const Livekit__CreateRoomRequest *)call.request;
    assert_string_equal(request->name, "standup");
    assert_int_equal(request->empty_timeout, 600);
    assert_int_equal(request->max_participants, 20);
    assert_int_equal(request->n_tags, 1);
    assert_string_equal(twirp_room(&call), "standup");
    assert_string_equal(twirp_destination_room(&call), "");

    Livekit__Room room = LIVEKIT__ROOM__INIT;
    room.name = request->name;
    room.creation_time = 1700000000;
    assert_answer(twirp_reply(&call, &room.base), 200,
                  "{\"sid\":\"\",\"name\":\"standup\",\"empty_timeout\":0,\"max_participants\":0,"
                  "\"creation_time\":\"1700000000\",\"turn_password\":\"\",\"enabled_codecs\":[],"
                  "\"metadata\":\"\",\"num_participants\":0,\"active_recording\":false,"
                  "\"num_publishers\":0,\"version\":null,\"departure_timeout\":0,"
                  "\"creation_time_ms\":\"0\"}");
    twirp_call_fini(&call);
    assert_null(call.request);
}

static void test_binary_call(void **state)
{
    (void)state;
    struct twirp_call call = routed("MoveParticipant", "application/protobuf");
    struct twirp_error error;
    assert_int_equal(twirp_decode(&call,
                                  text_bytes("\x0a\x01r\x12\x01i\x1a\x01"
                                             "d"),
                                  &error),
                     0);
    assert_string_equal(twirp_room(&call), "r");
    assert_string_equal(twirp_destination_room(&call), "d");
    twirp_call_fini(&call);

    call = routed("ListRooms", "application/protobuf");
    assert_int_equal(twirp_decode(&call, (struct bytes){NULL, 0}, &error), 0);
    assert_string_equal(twirp_room(&call), "");
    char name[] = "r";
    Livekit__Room room = LIVEKIT__ROOM__INIT, *rooms[] = {&room};
    room.name = name;
    Livekit__ListRoomsResponse response = LIVEKIT__LIST_ROOMS_RESPONSE__INIT;
    response.rooms = rooms;
    response.n_rooms = 1;
    struct twirp_answer answer = twirp_reply(&call, &response.base);
    assert_int_equal(answer.status, 200);
    assert_string_equal(answer.content_type, "application/protobuf");
    assert_int_equal(answer.body_len, 5);
    assert_memory_equal(answer.body, "\x0a\x03\x12\x01r", 5);
    free(answer.body);
    twirp_call_fini(&call);
}

static const struct {
    const char *method, *content_type, *body, *msg;
} malformed[] = {
    {"ListRooms", "application/json", "",
     "the body is no ListRoomsRequest in JSON: line 1, column 0: '[' or '{' expected near end of "
     "file"},
    {"ListRooms", "application/json", "[]",
     "the body is no ListRoomsRequest in JSON: an object expected"},
    {"UpdateSubscriptions", "application/json", "{\"participantTracks\":[{\"trackSids\":[1]}]}",
     "the body is no UpdateSubscriptionsRequest in JSON: participantTracks[0].trackSids[0]: text "
     "expected"},
    {"SendData", "application/json", "{\"data\":\"!\"}",
     "the body is no SendDataRequest in JSON: data: base64 text expected"},
    {"DeleteRoom", "application/protobuf", "\x0a\x05zz",
     "the body is no protobuf message livekit.DeleteRoomRequest"},
    {"DeleteRoom", "application/protobuf", "\x0a\x01\xff",
     "the body is no protobuf message livekit.DeleteRoomRequest"},
};

static void test_malformed(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(malformed); i++) {
        struct twirp_call call = routed(malformed[i].method, malformed[i].content_type);
        struct twirp_error error;
        assert_int_equal(twirp_decode(&call, text_bytes(malformed[i].body), &error), ERR_INVALID);
        assert_null(call.request);
        assert_int_equal(error.code, TWIRP_MALFORMED);
        assert_string_equal(error.msg, malformed[i].msg);
        twirp_call_fini(&call);
    }
}

static void test_body_too_large(void **state)
{
    (void)state;
    struct twirp_call call = routed("SendData", "application/json");
    struct twirp_error error;
    struct bytes body = {(const uint8_t *)"{}", TWIRP_BODY_MAX + 1};
    assert_int_equal(twirp_decode(&call, body, &error), ERR_INVALID);
    assert_answer(twirp_fail(&error), 413,
                  "{\"code\":\"malformed\",\"msg\":\"the body is larger than 10485760 bytes\"}");
}

static const struct {
    enum twirp_code code;
    const char *text;
    unsigned status;
} codes[] = {
    {TWIRP_INVALID_ARGUMENT, "invalid_argument", 400},
    {TWIRP_UNAUTHENTICATED, "unauthenticated", 401},
    {TWIRP_PERMISSION_DENIED, "permission_denied", 403},
    {TWIRP_NOT_FOUND, "not_found", 404},
    {TWIRP_DEADLINE_EXCEEDED, "deadline_exceeded", 408},
    {TWIRP_ALREADY_EXISTS, "already_exists", 409},
    {TWIRP_FAILED_PRECONDITION, "failed_precondition", 412},
    {TWIRP_RESOURCE_EXHAUSTED, "resource_exhausted", 429},
    {TWIRP_INTERNAL, "internal", 500},
    {TWIRP_UNIMPLEMENTED, "unimplemented", 501},
    {TWIRP_UNAVAILABLE, "unavailable", 503},
};

static void test_codes(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(codes); i++) {
        struct twirp_error error;
        char body[96];
        twirp_error_set(&error, codes[i].code, "room \"%s\"", "a");
        twirp_error_meta(&error, "argument", "%s", "room");
        snprintf(body, sizeof(body),
                 "{\"code\":\"%s\",\"msg\":\"room \\\"a\\\"\",\"meta\":{\"argument\":\"room\"}}",
                 codes[i].text);
        assert_answer(twirp_fail(&error), codes[i].status, body);
    }
}

/* Text that must be cut is cut between characters, so that the answer stays JSON. */
static void test_long_text(void **state)
{
    (void)state;
    char name[400];
    memset(name, 'n', sizeof(name));
    for (size_t at = 200; at < 300; at += 2) {
        memcpy(name + at, "\xc3\xa9", 2);
    }
    name[sizeof(name) - 1] = '\0';
    for (int shift = 0; shift < 2; shift++) {
        struct twirp_error error;
        twirp_error_set(&error, TWIRP_NOT_FOUND, "%s", name + shift);
        size_t len = strlen(error.msg);
        assert_int_equal(wire_utf8(error.msg, len), len);
        assert_true(len >= sizeof(error.msg) - 2);
        free(twirp_fail(&error).body);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_methods),        cmocka_unit_test(test_content_types),
        cmocka_unit_test(test_refusals),       cmocka_unit_test(test_json_call),
        cmocka_unit_test(test_binary_call),    cmocka_unit_test(test_malformed),
        cmocka_unit_test(test_body_too_large), cmocka_unit_test(test_codes),
        cmocka_unit_test(test_long_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
