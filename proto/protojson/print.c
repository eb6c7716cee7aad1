/* SPDX-License-Identifier: Apache-2.0
 *
 * Message to jansson tree to text. Recursion goes as deep as messages are nested, which their
 * descriptors bound: none of ours contains itself.
 */
#include "proto/protojson/names.h"
#include "proto/protojson/protojson.h"
#include "proto/wire/wire.h"

#include <inttypes.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static json_t *message_json(const ProtobufCMessage *message,
                            const struct protojson_options *options);

/* jansson returns NULL when memory is out; nothing of ours goes on then. */
static json_t *sure(json_t *json)
{
    assert(json != NULL);
    return json;
}

static void object_set(json_t *object, const char *key, json_t *value)
{
    int err = json_object_set_new(object, key, sure(value));
    assert(err == 0);
}

/* A copy with U+FFFD for each byte that is not UTF-8; the caller frees it. */
static char *repaired(const char *text)
{
    static const char replacement[] = "\xef\xbf\xbd";
    size_t len = strlen(text);
    char *out = mem_array(len + 1, sizeof(replacement) - 1);
    char *to = out;
    while (len > 0) {
        size_t good = wire_utf8(text, len);
        memcpy(to, text, good);
        to += good;
        if (good == len) {
            break;
        }
        memcpy(to, replacement, sizeof(replacement) - 1);
        to += sizeof(replacement) - 1;
        text += good + 1;
        len -= good + 1;
    }
    return out;
}

static json_t *text_json(const char *text)
{
    char *clean = repaired(text);
    json_t *json = json_string(clean);
    free(clean);
    return json;
}

static json_t *real_json(double value)
{
    if (isnan(value)) {
        return json_string("NaN");
    }
    if (isinf(value)) {
        return json_string(value > 0 ? "Infinity" : "-Infinity");
    }
    return json_real(value);
}

static json_t *bytes_json(const ProtobufCBinaryData *data)
{
    char *text = mem_alloc(PROTOJSON_ENCODED_LEN(data->len) + 1);
    protojson_base64_encode((struct bytes){data->data, data->len}, text);
    json_t *json = json_string(text);
    free(text);
    return json;
}

static json_t *enum_json(const ProtobufCEnumDescriptor *descriptor, int value)
{
    const ProtobufCEnumValue *known = protobuf_c_enum_descriptor_get_value(descriptor, value);
    return known != NULL ? json_string(known->name) : json_integer(value);
}

/* 64-bit integers go as text: a JavaScript number holds 53 bits. */
static json_t *value_json(const ProtobufCFieldDescriptor *field, const void *at,
                          const struct protojson_options *options)
{
    char text[24];
    switch (field->type) {
    case PROTOBUF_C_TYPE_INT32:
    case PROTOBUF_C_TYPE_SINT32:
    case PROTOBUF_C_TYPE_SFIXED32:
        return json_integer(*(const int32_t *)at);
    case PROTOBUF_C_TYPE_UINT32:
    case PROTOBUF_C_TYPE_FIXED32:
        return json_integer(*(const uint32_t *)at);
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_SINT64:
    case PROTOBUF_C_TYPE_SFIXED64:
        snprintf(text, sizeof(text), "%" PRId64, *(const int64_t *)at);
        return json_string(text);
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_FIXED64:
        snprintf(text, sizeof(text), "%" PRIu64, *(const uint64_t *)at);
        return json_string(text);
    case PROTOBUF_C_TYPE_FLOAT:
        return real_json((double)*(const float *)at);
    case PROTOBUF_C_TYPE_DOUBLE:
        return real_json(*(const double *)at);
    case PROTOBUF_C_TYPE_BOOL:
        return json_boolean(*(const protobuf_c_boolean *)at);
    case PROTOBUF_C_TYPE_ENUM:
        return enum_json(field->descriptor, *(const int *)at);
    case PROTOBUF_C_TYPE_STRING:
        return text_json(*(char *const *)at);
    case PROTOBUF_C_TYPE_BYTES:
        return bytes_json(at);
    case PROTOBUF_C_TYPE_MESSAGE: {
        const ProtobufCMessage *message = *(ProtobufCMessage *const *)at;
        return message != NULL ? message_json(message, options) : json_null();
    }
    }
    unreachable();
}

static json_t *list_json(const ProtobufCFieldDescriptor *field, const void *values, size_t count,
                         const struct protojson_options *options)
{
    json_t *list = sure(json_array());
    const uint8_t *at = values;
    for (size_t i = 0; i < count; i++, at += wire_size(field)) {
        int err = json_array_append_new(list, sure(value_json(field, at, options)));
        assert(err == 0);
    }
    return list;
}

/* A key is written as its value would be, without the quotes an integer or boolean lacks. */
static char *key_text(const ProtobufCFieldDescriptor *field, const void *at,
                      const struct protojson_options *options)
{
    json_t *value = sure(value_json(field, at, options));
    char *text = json_is_string(value) ? mem_str(json_string_value(value))
                                       : json_dumps(value, JSON_ENCODE_ANY);
    assert(text != NULL);
    json_decref(value);
    return text;
}

/* The wire may leave out an entry's value, which then is its type's zero. */
static json_t *map_json(ProtobufCMessage *const *entries, size_t count,
                        const struct protojson_options *options)
{
    json_t *map = sure(json_object());
    for (size_t i = 0; i < count; i++) {
        const ProtobufCFieldDescriptor *fields = entries[i]->descriptor->fields;
        char *key = key_text(&fields[0], wire_member(entries[i], &fields[0]), options);
        json_t *value = sure(value_json(&fields[1], wire_member(entries[i], &fields[1]), options));
        if (json_is_null(value)) {
            value = json_object();
        }
        object_set(map, key, value);
        free(key);
    }
    return map;
}

static json_t *field_json(const ProtobufCMessage *message, const ProtobufCFieldDescriptor *field,
                          const struct protojson_options *options)
{
    const void *at = wire_member(message, field);
    if (field->label != PROTOBUF_C_LABEL_REPEATED) {
        return value_json(field, at, options);
    }
    const void *values = *(void *const *)at;
    size_t count = *wire_count(message, field);
    return wire_is_map(message->descriptor, field) ? map_json(values, count, options)
                                                   : list_json(field, values, count, options);
}

static json_t *message_json(const ProtobufCMessage *message,
                            const struct protojson_options *options)
{
    json_t *object = sure(json_object());
    for (unsigned i = 0; i < message->descriptor->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &message->descriptor->fields[i];
        bool unset_too = options->all_fields && !wire_in_oneof(field);
        if (!wire_has(message, field) && !unset_too) {
            continue;
        }
        char camel[NAME_MAX_LEN];
        camel_name(field->name, camel);
        object_set(object, options->proto_names ? field->name : camel,
                   field_json(message, field, options));
    }
    return object;
}

char *protojson_print(const ProtobufCMessage *message, const struct protojson_options *options,
                      size_t *len)
{
    json_t *object = message_json(message, options);
    char *text = json_dumps(object, JSON_COMPACT);
    assert(text != NULL);
    json_decref(object);
    if (len != NULL) {
        *len = strlen(text);
    }
    return text;
}
