/* SPDX-License-Identifier: Apache-2.0
 *
 * The HTTP side of LiveKit's server API, which is Twirp v7: POST /twirp/livekit.<Service>/<Method>
 * with a JSON or a binary body. Which request it is, whether its body is sound, and what an answer
 * looks like; what it does to a room is the owner's matter. One call goes
 *
 *   twirp_route()   by path and headers: which method, in which encoding
 *   (the caller)    checks the token against call.method->grant; twirp_room() says for which room
 *   twirp_decode()  by body: the request message
 *   (the caller)    does it
 *   twirp_reply()   the response message, in the encoding of the request
 *
 * and a twirp_error at any of these points goes out through twirp_fail(). Room names are in the
 * body, so a room's grant can only be checked once that is decoded.
 */
#ifndef ORCHESTRATOR_CORE_API_TWIRP_H
#define ORCHESTRATOR_CORE_API_TWIRP_H

#include "common/base/base.h"

#include <protobuf-c/protobuf-c.h>

#define TWIRP_BODY_MAX (10 << 20) /* bytes; larger is answered with 413 */

/* ---- Methods -------------------------------------------------------------------------------- */

/* What a token must hold. All but the first two are for the room the request names. */
enum twirp_grant {
    TWIRP_GRANT_ROOM_CREATE,
    TWIRP_GRANT_ROOM_LIST,
    TWIRP_GRANT_ROOM_ADMIN,
    TWIRP_GRANT_ROOM_ADMIN_DESTINATION, /* and destinationRoom */
};

/* RoomService: method, grant, request message, response message. */
#define TWIRP_METHOD_MAP(X)                                                                        \
    X(CREATE_ROOM, CreateRoom, ROOM_CREATE, create_room_request, room)                             \
    X(LIST_ROOMS, ListRooms, ROOM_LIST, list_rooms_request, list_rooms_response)                   \
    X(DELETE_ROOM, DeleteRoom, ROOM_CREATE, delete_room_request, delete_room_response)             \
    X(LIST_PARTICIPANTS, ListParticipants, ROOM_ADMIN, list_participants_request,                  \
      list_participants_response)                                                                  \
    X(GET_PARTICIPANT, GetParticipant, ROOM_ADMIN, room_participant_identity, participant_info)    \
    X(REMOVE_PARTICIPANT, RemoveParticipant, ROOM_ADMIN, room_participant_identity,                \
      remove_participant_response)                                                                 \
    X(MUTE_PUBLISHED_TRACK, MutePublishedTrack, ROOM_ADMIN, mute_room_track_request,               \
      mute_room_track_response)                                                                    \
    X(UPDATE_PARTICIPANT, UpdateParticipant, ROOM_ADMIN, update_participant_request,               \
      participant_info)                                                                            \
    X(UPDATE_SUBSCRIPTIONS, UpdateSubscriptions, ROOM_ADMIN, update_subscriptions_request,         \
      update_subscriptions_response)                                                               \
    X(SEND_DATA, SendData, ROOM_ADMIN, send_data_request, send_data_response)                      \
    X(UPDATE_ROOM_METADATA, UpdateRoomMetadata, ROOM_ADMIN, update_room_metadata_request, room)    \
    X(PERFORM_RPC, PerformRpc, ROOM_ADMIN, perform_rpc_request, perform_rpc_response)              \
    X(FORWARD_PARTICIPANT, ForwardParticipant, ROOM_ADMIN_DESTINATION,                             \
      forward_participant_request, forward_participant_response)                                   \
    X(MOVE_PARTICIPANT, MoveParticipant, ROOM_ADMIN_DESTINATION, move_participant_request,         \
      move_participant_response)

enum twirp_method_id {
#define X(id, name, grant, request, response) TWIRP_##id,
    TWIRP_METHOD_MAP(X)
#undef X
};

struct twirp_method {
    enum twirp_method_id id;
    const char *name; /* "CreateRoom" */
    enum twirp_grant grant;
    const ProtobufCMessageDescriptor *request;
    const ProtobufCMessageDescriptor *response;
};

/* ---- Errors --------------------------------------------------------------------------------- */

/* Twirp's codes and their HTTP status. It has none for a body too large: that is malformed, 413. */
#define TWIRP_CODE_MAP(X)                                                                          \
    X(CANCELED, "canceled", 408)                                                                   \
    X(UNKNOWN, "unknown", 500)                                                                     \
    X(INVALID_ARGUMENT, "invalid_argument", 400)                                                   \
    X(MALFORMED, "malformed", 400)                                                                 \
    X(BODY_TOO_LARGE, "malformed", 413)                                                            \
    X(DEADLINE_EXCEEDED, "deadline_exceeded", 408)                                                 \
    X(NOT_FOUND, "not_found", 404)                                                                 \
    X(BAD_ROUTE, "bad_route", 404)                                                                 \
    X(ALREADY_EXISTS, "already_exists", 409)                                                       \
    X(PERMISSION_DENIED, "permission_denied", 403)                                                 \
    X(UNAUTHENTICATED, "unauthenticated", 401)                                                     \
    X(RESOURCE_EXHAUSTED, "resource_exhausted", 429)                                               \
    X(FAILED_PRECONDITION, "failed_precondition", 412)                                             \
    X(ABORTED, "aborted", 409)                                                                     \
    X(OUT_OF_RANGE, "out_of_range", 400)                                                           \
    X(UNIMPLEMENTED, "unimplemented", 501)                                                         \
    X(INTERNAL, "internal", 500)                                                                   \
    X(UNAVAILABLE, "unavailable", 503)                                                             \
    X(DATA_LOSS, "data_loss", 500)

enum twirp_code {
#define X(name, text, status) TWIRP_##name,
    TWIRP_CODE_MAP(X)
#undef X
};

/* Written by the two functions below only, which see to it that its texts are UTF-8. */
struct twirp_error {
    enum twirp_code code;
    char msg[256];
    const char *meta_key; /* of one more detail; NULL: none */
    char meta_value[128];
};

/* Fills an error, without a detail. Text is cut where it gets too long or is not UTF-8. */
void twirp_error_set(struct twirp_error *error, enum twirp_code code, const char *format, ...)
    PRINTF_LIKE(3, 4);

/* Adds the detail, or replaces it: key, which is kept, is a constant such as "argument". */
void twirp_error_meta(struct twirp_error *error, const char *key, const char *format, ...)
    PRINTF_LIKE(3, 4);

/* ---- A call --------------------------------------------------------------------------------- */

enum twirp_encoding { TWIRP_JSON, TWIRP_PROTOBUF };

struct twirp_call {
    const struct twirp_method *method;
    enum twirp_encoding encoding;
    ProtobufCMessage *request; /* NULL until decoded; twirp_call_fini() frees it */
};

/* Text as HTTP gave it, borrowed. An absent content type is "". */
struct twirp_head {
    const char *verb;         /* "POST" */
    const char *path;         /* from "/twirp/" on, without a query */
    const char *content_type; /* application/json or application/protobuf, parameters allowed */
};

/* Finds the method. On ERR_INVALID error is to be sent: bad_route, or unimplemented for services of
 * LiveKit's that Spillway does not have. */
MUST_CHECK int twirp_route(struct twirp_call *call, const struct twirp_head *head,
                           struct twirp_error *error);

/* Reads the body into call->request. On ERR_INVALID error is to be sent: malformed, saying what is
 * wrong, or BODY_TOO_LARGE. Unknown JSON fields are skipped: SDKs may be newer than this. */
MUST_CHECK int twirp_decode(struct twirp_call *call, struct bytes body, struct twirp_error *error);

/* The room a decoded request is about; "" for ListRooms. The destination of Forward and Move, ""
 * for the others. Borrowed from the request. */
const char *twirp_room(const struct twirp_call *call);
const char *twirp_destination_room(const struct twirp_call *call);

void twirp_call_fini(struct twirp_call *call);

/* ---- An answer ------------------------------------------------------------------------------ */

struct twirp_answer {
    unsigned status;
    const char *content_type; /* static */
    uint8_t *body;            /* the caller frees it */
    size_t body_len;
};

/* 200 with the response, which must be of call->method->response. */
struct twirp_answer twirp_reply(const struct twirp_call *call, const ProtobufCMessage *response);

/* Errors are JSON whatever the request was. */
struct twirp_answer twirp_fail(const struct twirp_error *error);

#endif
