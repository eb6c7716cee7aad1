/* SPDX-License-Identifier: Apache-2.0 */
#include "orchestrator/core/api/twirp.h"

#include "proto/gen/api.pb-c.h"
#include "proto/protojson/protojson.h"
#include "proto/wire/wire.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#define PREFIX "/twirp/livekit."

static const struct twirp_method methods[] = {
#define X(id, name, grant, request, response)                                                      \
    {TWIRP_##id, #name, TWIRP_GRANT_##grant, &livekit__##request##__descriptor,                    \
     &livekit__##response##__descriptor},
    TWIRP_METHOD_MAP(X)
#undef X
};

/* Services LiveKit's SDKs may call and Spillway does not have. */
static const struct {
    const char *service, *what;
} absent[] = {
    {"Egress", "recording and streaming out (egress)"},
    {"Ingress", "ingesting streams (ingress)"},
    {"SIP", "telephony (SIP)"},
    {"AgentDispatchService", "dispatching agents"},
};

/* As LiveKit's own server prints: proto names, and fields that are not set too. */
static const struct protojson_options json_options = {
    .ignore_unknown = true, .proto_names = true, .all_fields = true};

static const struct {
    const char *text;
    unsigned status;
} codes[] = {
#define X(name, text, status) {text, status},
    TWIRP_CODE_MAP(X)
#undef X
};

/* ---- Errors --------------------------------------------------------------------------------- */

/* Formats and ends at the last whole character, wherever the text had to be cut. */
PRINTF_LIKE(3, 0)
static void format_whole(char *out, size_t size, const char *format, va_list args)
{
    vsnprintf(out, size, format, args);
    out[wire_utf8(out, strlen(out))] = '\0';
}

void twirp_error_set(struct twirp_error *error, enum twirp_code code, const char *format, ...)
{
    *error = (struct twirp_error){.code = code};
    va_list args;
    va_start(args, format);
    format_whole(error->msg, sizeof(error->msg), format, args);
    va_end(args);
}

void twirp_error_meta(struct twirp_error *error, const char *key, const char *format, ...)
{
    error->meta_key = key;
    va_list args;
    va_start(args, format);
    format_whole(error->meta_value, sizeof(error->meta_value), format, args);
    va_end(args);
}

/* ---- Routing -------------------------------------------------------------------------------- */

static int route_refused(struct twirp_error *error, const struct twirp_head *head)
{
    twirp_error_meta(error, "twirp_invalid_route", "%s %s", head->verb, head->path);
    return ERR_INVALID;
}

/* Whether a header's media type is this one, whatever parameters follow (RFC 9110 §8.3.1). */
static bool media_type_is(const char *header, const char *type)
{
    size_t len = strlen(type);
    header += strspn(header, " \t");
    if (strncasecmp(header, type, len) != 0) {
        return false;
    }
    header += len;
    header += strspn(header, " \t");
    return *header == '\0' || *header == ';';
}

/* "Egress" out of "/twirp/livekit.Egress/StartWebEgress"; its length is 0 in any other path. */
static struct bytes service_in(const char *path)
{
    size_t prefix = strlen(PREFIX);
    if (strncmp(path, PREFIX, prefix) != 0) {
        return (struct bytes){NULL, 0};
    }
    const char *service = path + prefix;
    const char *slash = strchr(service, '/');
    size_t len = slash != NULL ? (size_t)(slash - service) : 0;
    return (struct bytes){(const uint8_t *)service, len};
}

static bool service_is(struct bytes service, const char *name)
{
    return service.len == strlen(name) && memcmp(service.data, name, service.len) == 0;
}

static const struct twirp_method *method_find(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(methods); i++) {
        if (strcmp(methods[i].name, name) == 0) {
            return &methods[i];
        }
    }
    return NULL;
}

int twirp_route(struct twirp_call *call, const struct twirp_head *head, struct twirp_error *error)
{
    struct bytes service = service_in(head->path);
    for (size_t i = 0; i < ARRAY_LEN(absent); i++) {
        if (service_is(service, absent[i].service)) {
            twirp_error_set(error, TWIRP_UNIMPLEMENTED, "this server does not offer %s",
                            absent[i].what);
            return ERR_INVALID;
        }
    }
    if (strcmp(head->verb, "POST") != 0) {
        twirp_error_set(error, TWIRP_BAD_ROUTE, "method %.20s is not allowed, only POST is",
                        head->verb);
        return route_refused(error, head);
    }
    struct twirp_call found = {.encoding = TWIRP_JSON};
    if (service_is(service, "RoomService")) {
        found.method = method_find((const char *)service.data + service.len + 1);
    }
    if (found.method == NULL) {
        twirp_error_set(error, TWIRP_BAD_ROUTE, "nothing answers at %s", head->path);
        return route_refused(error, head);
    }
    if (media_type_is(head->content_type, "application/protobuf")) {
        found.encoding = TWIRP_PROTOBUF;
    } else if (!media_type_is(head->content_type, "application/json")) {
        twirp_error_set(error, TWIRP_BAD_ROUTE,
                        "content type \"%.60s\" is neither application/json nor "
                        "application/protobuf",
                        head->content_type);
        return route_refused(error, head);
    }
    *call = found;
    return 0;
}

/* ---- Bodies --------------------------------------------------------------------------------- */

int twirp_decode(struct twirp_call *call, struct bytes body, struct twirp_error *error)
{
    assert(call->request == NULL);
    const ProtobufCMessageDescriptor *descriptor = call->method->request;
    if (body.len > TWIRP_BODY_MAX) {
        twirp_error_set(error, TWIRP_BODY_TOO_LARGE, "the body is larger than %d bytes",
                        TWIRP_BODY_MAX);
        return ERR_INVALID;
    }
    if (call->encoding == TWIRP_JSON) {
        struct protojson_error why;
        if (protojson_parse(descriptor, (const char *)body.data, body.len, &json_options,
                            &call->request, &why) != 0) {
            twirp_error_set(error, TWIRP_MALFORMED, "the body is no %s in JSON: %s",
                            descriptor->short_name, why.text);
            return ERR_INVALID;
        }
        return 0;
    }
    if (wire_unpack(descriptor, body, &call->request) != 0) {
        twirp_error_set(error, TWIRP_MALFORMED, "the body is no protobuf message %s",
                        descriptor->name);
        return ERR_INVALID;
    }
    return 0;
}

static const char *text_field(const struct twirp_call *call, const char *name)
{
    assert(call->request != NULL);
    const ProtobufCFieldDescriptor *field =
        protobuf_c_message_descriptor_get_field_by_name(call->method->request, name);
    return field != NULL ? *(char *const *)wire_member(call->request, field) : "";
}

const char *twirp_room(const struct twirp_call *call)
{
    return text_field(call, call->method->id == TWIRP_CREATE_ROOM ? "name" : "room");
}

const char *twirp_destination_room(const struct twirp_call *call)
{
    return text_field(call, "destination_room");
}

void twirp_call_fini(struct twirp_call *call)
{
    protobuf_c_message_free_unpacked(call->request, NULL);
    *call = (struct twirp_call){.method = NULL};
}

/* ---- Answers -------------------------------------------------------------------------------- */

struct twirp_answer twirp_reply(const struct twirp_call *call, const ProtobufCMessage *response)
{
    assert(response->descriptor == call->method->response);
    struct twirp_answer answer = {.status = 200};
    if (call->encoding == TWIRP_PROTOBUF) {
        answer.content_type = "application/protobuf";
        answer.body = wire_pack(response, &answer.body_len);
    } else {
        answer.content_type = "application/json";
        answer.body = (uint8_t *)protojson_print(response, &json_options, &answer.body_len);
    }
    return answer;
}

/* SDKs read an error's body only when the content type is this, to the letter. */
struct twirp_answer twirp_fail(const struct twirp_error *error)
{
    json_t *json = json_pack("{s:s, s:s}", "code", codes[error->code].text, "msg", error->msg);
    assert(json != NULL); /* msg is UTF-8 by twirp_error_set */
    if (error->meta_key != NULL) {
        int err = json_object_set_new(json, "meta",
                                      json_pack("{s:s}", error->meta_key, error->meta_value));
        assert(err == 0);
    }
    char *text = json_dumps(json, JSON_COMPACT);
    assert(text != NULL);
    json_decref(json);
    return (struct twirp_answer){.status = codes[error->code].status,
                                 .content_type = "application/json",
                                 .body = (uint8_t *)text,
                                 .body_len = strlen(text)};
}
