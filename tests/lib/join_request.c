/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/lib/join_request.h"

#include "orchestrator/core/token/token.h"
#include "proto/gen/client.pb-c.h"
#include "proto/protojson/protojson.h"
#include "proto/wire/wire.h"

#include <stdio.h>
#include <stdlib.h>

#define TOKEN_S 3600

char *join_request_token(const struct join_request *request, int64_t now_s)
{
    const struct token_key key = {request->key, request->secret};
    struct token_attribute region = {"region", request->region};
    struct token token = {.identity = request->identity,
                          .attributes = &region,
                          .attribute_count = request->region != NULL,
                          .has_video = true,
                          .video = {.room_join = true, .room = request->room}};
    char *text = token_sign(&token, &key, now_s, TOKEN_S);
    assert(text != NULL);
    return text;
}

/* base64url of the wrapped request, without padding. */
char *join_request_parameter(const struct join_request *from)
{
    Livekit__ClientInfo client = LIVEKIT__CLIENT_INFO__INIT;
    Livekit__ConnectionSettings settings = LIVEKIT__CONNECTION_SETTINGS__INIT;
    Livekit__SessionDescription description = LIVEKIT__SESSION_DESCRIPTION__INIT;
    Livekit__JoinRequest request = LIVEKIT__JOIN_REQUEST__INIT;
    Livekit__WrappedJoinRequest wrapped = LIVEKIT__WRAPPED_JOIN_REQUEST__INIT;
    char browser[] = "chrome";
    char type[] = "offer";
    client.protocol = 17;
    client.browser = browser;
    settings.auto_subscribe = from->subscribe;
    description.type = type;
    description.sdp = (char *)(uintptr_t)from->offer;
    description.id = from->offer_id;
    request.client_info = &client;
    request.connection_settings = &settings;
    request.publisher_offer = from->offer == NULL ? NULL : &description;
    request.reconnect = from->reconnect;
    request.participant_sid = (char *)(uintptr_t)(from->sid == NULL ? "" : from->sid);
    uint8_t *inner = wire_pack(&request.base, &wrapped.join_request.len);
    wrapped.join_request.data = inner;
    size_t len;
    uint8_t *packed = wire_pack(&wrapped.base, &len);
    char *text = mem_alloc(PROTOJSON_ENCODED_LEN(len) + 1);
    protojson_base64_encode((struct bytes){packed, len}, text);
    for (char *c = text; *c != '\0'; c++) {
        *c = (char)(*c == '+' ? '-' : *c == '/' ? '_' : *c == '=' ? '\0' : *c);
    }
    free(inner);
    free(packed);
    return text;
}

char *join_request_target(const struct join_request *request, int64_t now_s)
{
    static const char format[] = "/rtc/v1?access_token=%s&join_request=%s";
    char *token = join_request_token(request, now_s);
    char *wrapped = join_request_parameter(request);
    size_t cap = sizeof(format) + strlen(token) + strlen(wrapped);
    char *target = mem_alloc(cap);
    snprintf(target, cap, format, token, wrapped);
    free(token);
    free(wrapped);
    return target;
}
