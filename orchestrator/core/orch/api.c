/* SPDX-License-Identifier: Apache-2.0
 *
 * LiveKit's server API (RoomService): from a decoded call to a room, and back.
 */
#include "orchestrator/core/orch/private.h"

#include <stdio.h>
#include <stdlib.h>

/* One call on its way through the methods. */
struct api_call {
    struct orch *orch;
    uint64_t request;
    struct twirp_call *call;
    struct token token;
    struct arena arena; /* of the response */
    bool waits;         /* nothing was done yet */
};

static void reply(struct orch *orch, uint64_t request, struct twirp_answer answer)
{
    effects_take(&orch->fx, (struct effect){.type = EFFECT_REPLY,
                                            .id = request,
                                            .status = (int)answer.status,
                                            .name = mem_str(answer.content_type),
                                            .data = answer.body,
                                            .len = answer.body_len,
                                            .retry_after_s = answer.status == 503 ? 2 : 0});
}

static void fail(const struct api_call *c, enum twirp_code code, const char *text)
{
    struct twirp_error error;
    twirp_error_set(&error, code, "%s", text);
    reply(c->orch, c->request, twirp_fail(&error));
}

static void succeed(const struct api_call *c, const ProtobufCMessage *response)
{
    reply(c->orch, c->request, twirp_reply(c->call, response));
}

/* An empty response of the method's type. */
static void succeed_empty(const struct api_call *c)
{
    const ProtobufCMessageDescriptor *type = c->call->method->response;
    ProtobufCMessage *response = mem_alloc(type->sizeof_message);
    protobuf_c_message_init(type, response);
    succeed(c, response);
    free(response);
}

static struct room_entry *existing_room(const struct api_call *c, const char *name)
{
    struct room_entry *entry = orch_room(c->orch, name);
    if (entry == NULL) {
        fail(c, TWIRP_NOT_FOUND, "requested room does not exist");
    }
    return entry;
}

/* Answers for a room function's error; true if there was one. */
static bool failed(const struct api_call *c, int err)
{
    switch (err) {
    case 0:
        return false;
    case ERR_NOT_FOUND:
        fail(c, TWIRP_NOT_FOUND, "participant or track does not exist");
        return true;
    case ERR_DENIED:
        fail(c, TWIRP_FAILED_PRECONDITION, "the server mutes, only its owner unmutes a track");
        return true;
    case ERR_TOO_BIG:
        fail(c, TWIRP_INVALID_ARGUMENT, "name, metadata, attributes or data exceed their limit");
        return true;
    case ERR_FULL:
        fail(c, TWIRP_RESOURCE_EXHAUSTED, "too many calls are in flight");
        return true;
    default:
        fail(c, TWIRP_INTERNAL, err_text(err));
        return true;
    }
}

/* ---- Rooms --------------------------------------------------------------------------------- */

static void create_room(struct api_call *c, const Livekit__CreateRoomRequest *request)
{
    struct room_entry *entry;
    size_t len = strlen(request->name);
    if (len == 0 || len > ENTRY_NAME_MAX || strlen(request->metadata) > ROOM_METADATA_BYTES) {
        fail(c, TWIRP_INVALID_ARGUMENT, "name must have 1 to 256 bytes, metadata up to 512 KiB");
        return;
    }
    bool is_new = orch_room(c->orch, request->name) == NULL;
    c->waits = is_new && orch_share_waits(c->orch, request->name, c->orch->config.region, "");
    if (c->waits) {
        return;
    }
    if (orch_room_open(c->orch, request->name, c->orch->config.region, &entry) != 0) {
        char text[ENTRY_REASON_MAX];
        (void)orch_refusal_text(c->orch, text, sizeof(text));
        fail(c, TWIRP_UNAVAILABLE, text);
        return;
    }
    room_configure(entry->room,
                   &(struct room_settings){.empty_timeout_s = request->empty_timeout,
                                           .departure_timeout_s = request->departure_timeout,
                                           .max_participants = request->max_participants,
                                           .metadata = request->metadata});
    if (is_new) {
        orch_place_expect(c->orch, entry, request->max_participants, EXPECTED_LIMIT);
    }
    room_begin(entry->room, c->orch->now_us, &c->orch->fx);
    succeed(c, &room_info(entry->room, &c->arena)->base);
    orch_settle(c->orch, entry);
}

static bool named(const Livekit__ListRoomsRequest *request, const char *name)
{
    for (size_t i = 0; i < request->n_names; i++) {
        if (strcmp(request->names[i], name) == 0) {
            return true;
        }
    }
    return request->n_names == 0;
}

static void list_rooms(struct api_call *c, const Livekit__ListRoomsRequest *request)
{
    Livekit__ListRoomsResponse response = LIVEKIT__LIST_ROOMS_RESPONSE__INIT;
    response.rooms = arena_array(&c->arena, HASH_COUNT(c->orch->rooms), sizeof(*response.rooms));
    for (const struct room_entry *entry = c->orch->rooms; entry != NULL; entry = entry->hh.next) {
        if (named(request, entry->name)) {
            response.rooms[response.n_rooms++] = room_info(entry->room, &c->arena);
        }
    }
    succeed(c, &response.base);
}

static void delete_room(struct api_call *c, const Livekit__DeleteRoomRequest *request)
{
    struct room_entry *entry = existing_room(c, request->room);
    if (entry != NULL) {
        succeed_empty(c);
        orch_room_close(c->orch, entry, LIVEKIT__DISCONNECT_REASON__ROOM_DELETED);
    }
}

static void update_room_metadata(struct api_call *c,
                                 const Livekit__UpdateRoomMetadataRequest *request)
{
    struct room_entry *entry = existing_room(c, request->room);
    if (entry == NULL) {
        return;
    }
    if (strlen(request->metadata) > ROOM_METADATA_BYTES) {
        fail(c, TWIRP_INVALID_ARGUMENT, "metadata exceeds 512 KiB");
        return;
    }
    room_set_metadata(entry->room, request->metadata);
    succeed(c, &room_info(entry->room, &c->arena)->base);
    orch_settle(c->orch, entry);
}

/* ---- Participants -------------------------------------------------------------------------- */

static void list_participants(struct api_call *c, const Livekit__ListParticipantsRequest *request)
{
    struct room_entry *entry = existing_room(c, request->room);
    if (entry != NULL) {
        Livekit__ListParticipantsResponse response = LIVEKIT__LIST_PARTICIPANTS_RESPONSE__INIT;
        response.n_participants = room_participants(entry->room, &c->arena, &response.participants);
        succeed(c, &response.base);
    }
}

static void send_participant(struct api_call *c, const struct room_entry *entry,
                             const char *identity)
{
    Livekit__ParticipantInfo *info = room_participant(entry->room, identity, &c->arena);
    if (info == NULL) {
        fail(c, TWIRP_NOT_FOUND, "participant does not exist");
    } else {
        succeed(c, &info->base);
    }
}

static void get_participant(struct api_call *c, const Livekit__RoomParticipantIdentity *request)
{
    struct room_entry *entry = existing_room(c, request->room);
    if (entry != NULL) {
        send_participant(c, entry, request->identity);
    }
}

static void remove_participant(struct api_call *c, const Livekit__RoomParticipantIdentity *request)
{
    struct room_entry *entry = existing_room(c, request->room);
    if (entry == NULL) {
        return;
    }
    int err = room_remove(entry->room, c->orch->now_us, request->identity,
                          LIVEKIT__DISCONNECT_REASON__PARTICIPANT_REMOVED, &c->orch->fx);
    if (!failed(c, err)) {
        succeed_empty(c);
        orch_settle(c->orch, entry);
    }
}

static void mute_published_track(struct api_call *c, const Livekit__MuteRoomTrackRequest *request)
{
    struct room_entry *entry = existing_room(c, request->room);
    if (entry == NULL) {
        return;
    }
    int err =
        room_mute(entry->room, request->identity, request->track_sid, request->muted, &c->orch->fx);
    if (!failed(c, err)) {
        Livekit__MuteRoomTrackResponse response = LIVEKIT__MUTE_ROOM_TRACK_RESPONSE__INIT;
        response.track = room_track(entry->room, request->identity, request->track_sid, &c->arena);
        succeed(c, &response.base);
        orch_settle(c->orch, entry);
    }
}

static void update_participant(struct api_call *c, const Livekit__UpdateParticipantRequest *request)
{
    struct room_entry *entry = existing_room(c, request->room);
    if (entry == NULL) {
        return;
    }
    int err = room_update_participant(entry->room, c->orch->now_us, request, &c->orch->fx);
    if (!failed(c, err)) {
        send_participant(c, entry, request->identity);
        orch_settle(c->orch, entry);
    }
}

static void update_subscriptions(struct api_call *c,
                                 const Livekit__UpdateSubscriptionsRequest *request)
{
    struct room_entry *entry = existing_room(c, request->room);
    if (entry == NULL) {
        return;
    }
    int err = room_update_subscriptions(entry->room, request, &c->orch->fx);
    if (!failed(c, err)) {
        succeed_empty(c);
        orch_settle(c->orch, entry);
    }
}

static void send_data(struct api_call *c, const Livekit__SendDataRequest *request)
{
    struct room_entry *entry = existing_room(c, request->room);
    if (entry == NULL) {
        return;
    }
    int err = room_send_data(entry->room, c->orch->now_us, request, &c->orch->fx);
    if (!failed(c, err)) {
        succeed_empty(c);
        orch_settle(c->orch, entry);
    }
}

/* ---- PerformRpc: answered when the participant did ------------------------------------------- */

static void perform_rpc(struct api_call *c, const Livekit__PerformRpcRequest *request)
{
    struct room_entry *entry = existing_room(c, request->room);
    if (entry == NULL) {
        return;
    }
    int err = room_perform_rpc(entry->room, c->orch->now_us, c->request, request, &c->orch->fx);
    if (failed(c, err)) {
        return;
    }
    struct rpc_entry *rpc = mem_alloc(sizeof(*rpc));
    rpc->request = c->request;
    rpc->call = *c->call;
    *c->call = (struct twirp_call){0}; /* taken over */
    HASH_ADD(hh, c->orch->rpcs, request, sizeof(rpc->request), rpc);
    orch_settle(c->orch, entry);
}

static void rpc_free(struct orch *orch, struct rpc_entry *rpc)
{
    HASH_DEL(orch->rpcs, rpc);
    twirp_call_fini(&rpc->call);
    free(rpc);
}

static struct rpc_entry *find_rpc(const struct orch *orch, uint64_t request)
{
    struct rpc_entry *rpc;
    HASH_FIND(hh, orch->rpcs, &request, sizeof(request), rpc);
    return rpc;
}

void orch_rpc_finished(struct orch *orch, const struct effect *effect)
{
    struct rpc_entry *rpc = find_rpc(orch, effect->id);
    if (rpc == NULL) {
        return; /* nobody asks */
    }
    struct api_call c = {.orch = orch, .request = effect->id, .call = &rpc->call};
    if (effect->status == 0) {
        Livekit__PerformRpcResponse response = LIVEKIT__PERFORM_RPC_RESPONSE__INIT;
        response.payload = (char *)effect->data;
        succeed(&c, &response.base);
    } else {
        struct twirp_error error;
        twirp_error_set(&error, TWIRP_FAILED_PRECONDITION, "%s", effect->text);
        twirp_error_meta(&error, "rpc_error_code", "%d", effect->status);
        reply(orch, effect->id, twirp_fail(&error));
    }
    rpc_free(orch, rpc);
}

void orch_rpcs_free(struct orch *orch)
{
    struct rpc_entry *rpc, *next;
    HASH_ITER(hh, orch->rpcs, rpc, next)
    {
        rpc_free(orch, rpc);
    }
}

/* ---- Entry --------------------------------------------------------------------------------- */

static bool granted(const struct token_video *video, const struct twirp_call *call)
{
    switch (call->method->grant) {
    case TWIRP_GRANT_ROOM_CREATE:
        return video->room_create;
    case TWIRP_GRANT_ROOM_LIST:
        return video->room_list;
    case TWIRP_GRANT_ROOM_ADMIN:
        return video->room_admin && strcmp(video->room, twirp_room(call)) == 0;
    case TWIRP_GRANT_ROOM_ADMIN_DESTINATION:
        return video->room_admin && strcmp(video->room, twirp_room(call)) == 0 &&
               strcmp(video->destination_room, twirp_destination_room(call)) == 0;
    }
    unreachable();
}

/* tidy: long, a flat switch with one line per method */
static void perform(struct api_call *c)
{
    const void *request = c->call->request;
    switch (c->call->method->id) {
    case TWIRP_CREATE_ROOM:
        create_room(c, request);
        break;
    case TWIRP_LIST_ROOMS:
        list_rooms(c, request);
        break;
    case TWIRP_DELETE_ROOM:
        delete_room(c, request);
        break;
    case TWIRP_LIST_PARTICIPANTS:
        list_participants(c, request);
        break;
    case TWIRP_GET_PARTICIPANT:
        get_participant(c, request);
        break;
    case TWIRP_REMOVE_PARTICIPANT:
        remove_participant(c, request);
        break;
    case TWIRP_MUTE_PUBLISHED_TRACK:
        mute_published_track(c, request);
        break;
    case TWIRP_UPDATE_PARTICIPANT:
        update_participant(c, request);
        break;
    case TWIRP_UPDATE_SUBSCRIPTIONS:
        update_subscriptions(c, request);
        break;
    case TWIRP_SEND_DATA:
        send_data(c, request);
        break;
    case TWIRP_UPDATE_ROOM_METADATA:
        update_room_metadata(c, request);
        break;
    case TWIRP_PERFORM_RPC:
        perform_rpc(c, request);
        break;
    case TWIRP_FORWARD_PARTICIPANT:
    case TWIRP_MOVE_PARTICIPANT:
        fail(c, TWIRP_UNIMPLEMENTED, "participants stay in the room they joined");
        break;
    }
}

int orch_token(const struct orch *orch, const char *authorization, struct token *out,
               char reason[TOKEN_REASON_MAX])
{
    const char *text = entry_bearer(authorization, "");
    if (text[0] == '\0') {
        snprintf(reason, TOKEN_REASON_MAX, "no bearer token");
        return ERR_INVALID;
    }
    return token_verify(out, &orch->config.keys, text, strlen(text), orch_wall_s(orch), reason);
}

static bool authenticate(struct api_call *c, const char *authorization)
{
    char reason[TOKEN_REASON_MAX];
    if (orch_token(c->orch, authorization, &c->token, reason) != 0) {
        fail(c, TWIRP_UNAUTHENTICATED, reason);
        return false;
    }
    return true;
}

bool orch_twirp_may(const struct orch *orch, struct twirp_call *call, const char *authorization,
                    struct bytes body)
{
    struct token token;
    struct twirp_error error;
    char reason[TOKEN_REASON_MAX];
    if (orch_token(orch, authorization, &token, reason) != 0) {
        return false;
    }
    bool may = twirp_decode(call, body, &error) == 0 && granted(&token.video, call);
    token_fini(&token);
    return may;
}

bool orch_twirp(struct orch *orch, int64_t now_us, uint64_t request, const struct twirp_head *head,
                const char *authorization, struct bytes body)
{
    struct twirp_call call = {0};
    struct api_call c = {.orch = orch, .request = request, .call = &call};
    struct twirp_error error;
    orch_tick(orch, now_us);
    if (twirp_route(&call, head, &error) != 0) {
        reply(orch, request, twirp_fail(&error));
        return true;
    }
    if (!authenticate(&c, authorization)) {
        return true;
    }
    if (twirp_decode(&call, body, &error) != 0) {
        reply(orch, request, twirp_fail(&error));
    } else if (!granted(&c.token.video, &call)) {
        fail(&c, TWIRP_UNAUTHENTICATED, "the token does not grant this");
    } else if (orch_adopts(orch, twirp_room(&call))) {
        c.waits = true;
    } else {
        perform(&c);
    }
    token_fini(&c.token);
    twirp_call_fini(&call);
    arena_fini(&c.arena);
    return !c.waits;
}
