/* SPDX-License-Identifier: Apache-2.0 */
#include "orchestrator/core/entry/entry.h"

#include "proto/protojson/protojson.h"
#include "proto/wire/wire.h"

#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <zlib.h>

enum { HTTP_BAD_REQUEST = 400, HTTP_UNAUTHORIZED = 401 };

const char *entry_bearer(const char *authorization, const char *fallback)
{
    return strncasecmp(authorization, "bearer ", 7) == 0 ? authorization + 7 : fallback;
}

/* ---- join_request -------------------------------------------------------------------------- */

static void *zalloc(void *arg, unsigned count, unsigned size)
{
    (void)arg;
    return mem_array(count, size);
}

static void zfree(void *arg, void *memory)
{
    (void)arg;
    free(memory);
}

static int inflate_gzip(struct bytes in, uint8_t **out, size_t *out_len)
{
    z_stream stream = {.zalloc = zalloc, .zfree = zfree};
    if (inflateInit2(&stream, 16 + MAX_WBITS) != Z_OK) { /* 16: gzip's wrapper */
        return ERR_INVALID;
    }
    uint8_t *inflated = mem_alloc(ENTRY_INFLATED_MAX);
    stream.next_in = (uint8_t *)(uintptr_t)in.data;
    stream.avail_in = (unsigned)in.len;
    stream.next_out = inflated;
    stream.avail_out = ENTRY_INFLATED_MAX;
    int result = inflate(&stream, Z_FINISH);
    *out_len = stream.total_out;
    bool full = stream.avail_out == 0;
    inflateEnd(&stream);
    if (result != Z_STREAM_END) {
        free(inflated);
        return full ? ERR_TOO_BIG : ERR_INVALID;
    }
    *out = inflated;
    return 0;
}

static int unpack_request(const Livekit__WrappedJoinRequest *wrapped, ProtobufCMessage **out)
{
    struct bytes inner = {wrapped->join_request.data, wrapped->join_request.len};
    if (wrapped->compression != LIVEKIT__WRAPPED_JOIN_REQUEST__COMPRESSION__GZIP) {
        return wire_unpack(&livekit__join_request__descriptor, inner, out);
    }
    uint8_t *inflated;
    size_t len;
    int err = inflate_gzip(inner, &inflated, &len);
    if (err != 0) {
        return err;
    }
    err = wire_unpack(&livekit__join_request__descriptor, (struct bytes){inflated, len}, out);
    free(inflated);
    return err;
}

int entry_decode(const char *text, Livekit__JoinRequest **out)
{
    size_t text_len = strlen(text);
    if (text_len > ENTRY_REQUEST_MAX) {
        return ERR_TOO_BIG;
    }
    uint8_t *raw = mem_alloc(PROTOJSON_DECODED_MAX(text_len));
    size_t len;
    ProtobufCMessage *wrapped = NULL, *request;
    int err = protojson_base64_decode(text, text_len, raw, &len);
    if (err == 0) {
        err = wire_unpack(&livekit__wrapped_join_request__descriptor, (struct bytes){raw, len},
                          &wrapped);
    }
    free(raw);
    if (err != 0) {
        return err;
    }
    err = unpack_request((const Livekit__WrappedJoinRequest *)wrapped, &request);
    protobuf_c_message_free_unpacked(wrapped, NULL);
    if (err != 0) {
        return err;
    }
    *out = (Livekit__JoinRequest *)request;
    return 0;
}

char *entry_encode(const Livekit__JoinRequest *request)
{
    Livekit__WrappedJoinRequest wrapped = LIVEKIT__WRAPPED_JOIN_REQUEST__INIT;
    uint8_t *inner = wire_pack(&request->base, &wrapped.join_request.len);
    wrapped.join_request.data = inner;
    size_t len;
    uint8_t *packed = wire_pack(&wrapped.base, &len);
    char *text = mem_alloc(PROTOJSON_ENCODED_LEN(len) + 1);
    protojson_base64_encode((struct bytes){packed, len}, text);
    free(inner);
    free(packed);
    return text;
}

bool entry_is_v0(const struct entry_request *request)
{
    bool there = strcmp(request->path, "/rtc") == 0 || strcmp(request->path, "/rtc/validate") == 0;
    return there && request->join_request[0] == '\0' && request->protocol[0] != '\0';
}

/* ---- Checks -------------------------------------------------------------------------------- */

static int check_token(const struct token *token, const char **room,
                       const struct entry_request *request, char reason[ENTRY_REASON_MAX])
{
    if (!token->has_video || !token->video.room_join) {
        snprintf(reason, ENTRY_REASON_MAX, "the token does not grant roomJoin");
        return HTTP_UNAUTHORIZED;
    }
    if (token->identity[0] == '\0' || strlen(token->identity) > ENTRY_NAME_MAX) {
        snprintf(reason, ENTRY_REASON_MAX, "the identity must have 1 to %d bytes", ENTRY_NAME_MAX);
        return HTTP_BAD_REQUEST;
    }
    *room = token->video.room[0] != '\0' ? token->video.room : request->room;
    if ((*room)[0] == '\0' || strlen(*room) > ENTRY_NAME_MAX) {
        snprintf(reason, ENTRY_REASON_MAX, "the room's name must have 1 to %d bytes",
                 ENTRY_NAME_MAX);
        return HTTP_BAD_REQUEST;
    }
    return 0;
}

static int read_join_request(const struct entry_request *request, Livekit__JoinRequest **out,
                             char reason[ENTRY_REASON_MAX])
{
    if (request->join_request[0] == '\0') {
        *out = mem_alloc(sizeof(**out));
        livekit__join_request__init(*out);
        return 0;
    }
    int err = entry_decode(request->join_request, out);
    if (err != 0) {
        snprintf(reason, ENTRY_REASON_MAX, "join_request: %s", err_text(err));
        return HTTP_BAD_REQUEST;
    }
    return 0;
}

static int check_protocol(const struct entry_request *request, const Livekit__JoinRequest *join,
                          char reason[ENTRY_REASON_MAX])
{
    bool validating = strstr(request->path, "/validate") != NULL;
    if (request->join_request[0] == '\0' && validating) {
        return 0; /* asks about the token only */
    }
    if (request->join_request[0] == '\0') {
        snprintf(reason, ENTRY_REASON_MAX,
                 "neither a join_request (/rtc/v1) nor a protocol (/rtc): not a LiveKit SDK");
        return HTTP_BAD_REQUEST;
    }
    int32_t protocol = join->client_info == NULL ? 0 : join->client_info->protocol;
    int min = request->two_connections ? ENTRY_PROTOCOL_MIN_V0 : ENTRY_PROTOCOL_MIN;
    if (protocol < min) {
        snprintf(reason, ENTRY_REASON_MAX,
                 "client protocol %d is too old, this server needs %d or newer: update the SDK",
                 (int)protocol, min);
        return HTTP_BAD_REQUEST;
    }
    return 0;
}

/* They go on to other orchestrators, and a room's name to everybody in it. */
static bool texts_valid(const struct entry_request *request)
{
    const char *const texts[] = {request->authorization, request->access_token,
                                 request->join_request, request->protocol, request->room};
    bool valid = true;
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        size_t len = strlen(texts[i]);
        valid = valid && wire_utf8(texts[i], len) == len;
    }
    return valid;
}

int entry_check(struct entry *out, const struct entry_request *request,
                const struct token_keys *keys, int64_t now_s, char reason[ENTRY_REASON_MAX])
{
    struct entry entry = {0};
    char why[TOKEN_REASON_MAX];
    const char *text = entry_bearer(request->authorization, request->access_token);
    if (!texts_valid(request)) {
        snprintf(reason, ENTRY_REASON_MAX, "a header or parameter is not UTF-8");
        return HTTP_BAD_REQUEST;
    }
    if (text[0] == '\0') {
        snprintf(reason, ENTRY_REASON_MAX, "no access token");
        return HTTP_UNAUTHORIZED;
    }
    if (token_verify(&entry.token, keys, text, strlen(text), now_s, why) != 0) {
        snprintf(reason, ENTRY_REASON_MAX, "%s", why);
        return HTTP_UNAUTHORIZED;
    }
    int status = check_token(&entry.token, &entry.room, request, reason);
    if (status == 0) {
        status = read_join_request(request, &entry.request, reason);
    }
    if (status == 0) {
        status = check_protocol(request, entry.request, reason);
    }
    if (status != 0) {
        entry_fini(&entry);
        return status;
    }
    entry.two_connections = request->two_connections;
    *out = entry;
    return 0;
}

void entry_fini(struct entry *entry)
{
    token_fini(&entry->token);
    if (entry->request != NULL) {
        livekit__join_request__free_unpacked(entry->request, NULL);
    }
    *entry = (struct entry){0};
}
