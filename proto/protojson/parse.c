/* SPDX-License-Identifier: Apache-2.0
 *
 * Text to jansson tree to message. The text is scanned first, so that neither tree nor message can
 * grow large out of little text. A message is filled field by field; whatever its pointers hold at
 * any moment is complete, so a failure anywhere frees the root and all is gone.
 */
#include "proto/protojson/names.h"
#include "proto/protojson/protojson.h"
#include "proto/wire/wire.h"

#include <float.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

struct parser {
    bool ignore_unknown;
    unsigned depth;
    struct protojson_error *error;
    size_t path_len;
    char path[160]; /* "participants[2].attributes.color"; a longer one is cut */
};

/* A value that is no error and yet sets nothing: an unknown enum name, when those are ignored. */
#define SKIPPED 1

static int message_fill(struct parser *parser, ProtobufCMessage *message, json_t *json);

/* ---- Errors --------------------------------------------------------------------------------- */

PRINTF_LIKE(3, 4)
static int fail(struct parser *parser, int err, const char *format, ...)
{
    struct protojson_error *error = parser->error;
    size_t size = sizeof(error->text);
    int len = snprintf(error->text, size, "%s%s", parser->path, parser->path_len > 0 ? ": " : "");
    va_list args;
    va_start(args, format);
    vsnprintf(error->text + len, size - (size_t)len, format, args);
    va_end(args);
    error->text[wire_utf8(error->text, strlen(error->text))] = '\0'; /* cut within a character */
    return err;
}

static int wrong(struct parser *parser, const char *wanted)
{
    return fail(parser, ERR_INVALID, "%s expected", wanted);
}

/* Lengthens the path by a step and returns its former length, for path_leave. */
PRINTF_LIKE(2, 3)
static size_t path_enter(struct parser *parser, const char *format, ...)
{
    size_t before = parser->path_len;
    size_t room = sizeof(parser->path) - before;
    va_list args;
    va_start(args, format);
    int len = vsnprintf(parser->path + before, room, format, args);
    va_end(args);
    parser->path_len = before + MIN((size_t)len, room - 1);
    return before;
}

static void path_leave(struct parser *parser, size_t before)
{
    parser->path_len = before;
    parser->path[before] = '\0';
}

/* ---- Scalars -------------------------------------------------------------------------------- */

struct integer {
    bool negative;
    uint64_t magnitude;
};

static int decimal_read(const char *text, struct integer *out)
{
    struct integer value = {.negative = text[0] == '-'};
    text += value.negative;
    if (text[0] == '\0') {
        return ERR_INVALID;
    }
    for (; *text != '\0'; text++) {
        uint64_t digit = (uint64_t)(*text - '0');
        if (*text < '0' || *text > '9' || value.magnitude > (UINT64_MAX - digit) / 10) {
            return ERR_INVALID;
        }
        value.magnitude = value.magnitude * 10 + digit;
    }
    *out = value;
    return 0;
}

static int integer_read(struct parser *parser, const json_t *json, struct integer *out)
{
    if (json_is_integer(json)) {
        json_int_t value = json_integer_value(json);
        out->negative = value < 0;
        out->magnitude = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
        return 0;
    }
    if (json_is_real(json)) { /* 1e3 and 5.0 are integers too */
        double value = json_real_value(json);
        if (trunc(value) == value && fabs(value) < 0x1p64) {
            out->negative = value < 0;
            out->magnitude = (uint64_t)fabs(value);
            return 0;
        }
    }
    if (json_is_string(json) && decimal_read(json_string_value(json), out) == 0) {
        return 0;
    }
    return wrong(parser, "an integer");
}

static int signed_read(struct parser *parser, const json_t *json, unsigned bits, int64_t *out)
{
    struct integer value;
    int err = integer_read(parser, json, &value);
    if (err != 0) {
        return err;
    }
    uint64_t limit = UINT64_C(1) << (bits - 1);
    if (value.magnitude > limit - !value.negative) {
        return fail(parser, ERR_INVALID, "does not fit int%u", bits);
    }
    *out = (int64_t)(value.negative ? 0 - value.magnitude : value.magnitude);
    return 0;
}

static int unsigned_read(struct parser *parser, const json_t *json, unsigned bits, uint64_t *out)
{
    struct integer value;
    int err = integer_read(parser, json, &value);
    if (err != 0) {
        return err;
    }
    if ((value.negative && value.magnitude > 0) || value.magnitude > UINT64_MAX >> (64 - bits)) {
        return fail(parser, ERR_INVALID, "does not fit uint%u", bits);
    }
    *out = value.magnitude;
    return 0;
}

static bool real_text_read(const char *text, double *out)
{
    if (strcmp(text, "NaN") == 0) {
        *out = (double)NAN;
        return true;
    }
    if (strcmp(text, "Infinity") == 0 || strcmp(text, "-Infinity") == 0) {
        *out = text[0] == '-' ? -(double)INFINITY : (double)INFINITY;
        return true;
    }
    char *end;
    size_t len = strspn(text, "+-.0123456789eE"); /* no hexadecimal, no "inf", no blanks */
    *out = strtod(text, &end);
    return len > 0 && end == text + len && *end == '\0' && isfinite(*out);
}

static int real_read(struct parser *parser, const json_t *json, double max, double *out)
{
    double value;
    if (json_is_number(json)) {
        value = json_number_value(json);
    } else if (!json_is_string(json) || !real_text_read(json_string_value(json), &value)) {
        return wrong(parser, "a number");
    }
    if (isfinite(value) && fabs(value) > max) {
        return fail(parser, ERR_INVALID, "does not fit float");
    }
    *out = value;
    return 0;
}

static int enum_read(struct parser *parser, const ProtobufCEnumDescriptor *descriptor,
                     const json_t *json, int *out)
{
    if (!json_is_string(json)) {
        int64_t number;
        if (!json_is_number(json)) {
            return wrong(parser, "the name or number of an enum value");
        }
        int err = signed_read(parser, json, 32, &number);
        if (err == 0) {
            *out = (int)number; /* need not be known: proto3 enums are open */
        }
        return err;
    }
    const char *name = json_string_value(json);
    const ProtobufCEnumValue *value =
        protobuf_c_enum_descriptor_get_value_by_name(descriptor, name);
    if (value == NULL) {
        return parser->ignore_unknown ? SKIPPED
                                      : fail(parser, ERR_INVALID, "no value \"%.60s\"", name);
    }
    *out = value->value;
    return 0;
}

static int bytes_read(struct parser *parser, const json_t *json, ProtobufCBinaryData *out)
{
    if (!json_is_string(json)) {
        return wrong(parser, "base64 text");
    }
    size_t len = json_string_length(json);
    uint8_t *data = mem_alloc(PROTOJSON_DECODED_MAX(len));
    size_t data_len;
    if (protojson_base64_decode(json_string_value(json), len, data, &data_len) != 0) {
        free(data);
        return wrong(parser, "base64 text");
    }
    *out = (ProtobufCBinaryData){.len = data_len, .data = data};
    return 0;
}

static int text_read(struct parser *parser, const json_t *json, char **out)
{
    if (!json_is_string(json)) {
        return wrong(parser, "text");
    }
    *out = mem_str(json_string_value(json));
    return 0;
}

/* ---- Values, lists, maps -------------------------------------------------------------------- */

static ProtobufCMessage *message_new(const ProtobufCMessageDescriptor *descriptor)
{
    ProtobufCMessage *message = mem_alloc(descriptor->sizeof_message);
    protobuf_c_message_init(descriptor, message);
    return message;
}

static int submessage_read(struct parser *parser, const ProtobufCMessageDescriptor *descriptor,
                           json_t *json, ProtobufCMessage **out)
{
    ProtobufCMessage *message = message_new(descriptor);
    int err = message_fill(parser, message, json);
    if (err != 0) {
        protobuf_c_message_free_unpacked(message, NULL);
        return err;
    }
    *out = message;
    return 0;
}

/* Writes one value to at, on success only. */
static int value_read(struct parser *parser, const ProtobufCFieldDescriptor *field, json_t *json,
                      void *at)
{
    int err;
    int64_t number = 0;
    uint64_t natural = 0;
    double real = 0;
    switch (field->type) {
    case PROTOBUF_C_TYPE_INT32:
    case PROTOBUF_C_TYPE_SINT32:
    case PROTOBUF_C_TYPE_SFIXED32:
        err = signed_read(parser, json, 32, &number);
        *(int32_t *)at = err == 0 ? (int32_t)number : *(int32_t *)at;
        return err;
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_SINT64:
    case PROTOBUF_C_TYPE_SFIXED64:
        return signed_read(parser, json, 64, at);
    case PROTOBUF_C_TYPE_UINT32:
    case PROTOBUF_C_TYPE_FIXED32:
        err = unsigned_read(parser, json, 32, &natural);
        *(uint32_t *)at = err == 0 ? (uint32_t)natural : *(uint32_t *)at;
        return err;
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_FIXED64:
        return unsigned_read(parser, json, 64, at);
    case PROTOBUF_C_TYPE_FLOAT:
        err = real_read(parser, json, (double)FLT_MAX, &real);
        *(float *)at = err == 0 ? (float)real : *(float *)at;
        return err;
    case PROTOBUF_C_TYPE_DOUBLE:
        return real_read(parser, json, DBL_MAX, at);
    case PROTOBUF_C_TYPE_BOOL:
        if (!json_is_boolean(json)) {
            return wrong(parser, "true or false");
        }
        *(protobuf_c_boolean *)at = json_is_true(json);
        return 0;
    case PROTOBUF_C_TYPE_ENUM:
        return enum_read(parser, field->descriptor, json, at);
    case PROTOBUF_C_TYPE_STRING:
        return text_read(parser, json, at);
    case PROTOBUF_C_TYPE_BYTES:
        return bytes_read(parser, json, at);
    case PROTOBUF_C_TYPE_MESSAGE:
        return submessage_read(parser, field->descriptor, json, at);
    }
    unreachable();
}

static int list_read(struct parser *parser, ProtobufCMessage *message,
                     const ProtobufCFieldDescriptor *field, json_t *json)
{
    if (!json_is_array(json)) {
        return wrong(parser, "a list");
    }
    size_t count = json_array_size(json);
    if (count == 0) {
        return 0;
    }
    uint8_t *values = mem_array(count, wire_size(field));
    *(void **)wire_member(message, field) = values;
    size_t *filled = wire_count(message, field);
    for (size_t i = 0; i < count; i++) {
        size_t before = path_enter(parser, "[%zu]", i);
        int err =
            value_read(parser, field, json_array_get(json, i), values + *filled * wire_size(field));
        if (err < 0) {
            return err;
        }
        path_leave(parser, before);
        *filled += err != SKIPPED;
    }
    return 0;
}

/* A key is text in JSON whatever its type; integers are taken as text anyway. */
static json_t *key_json(const ProtobufCFieldDescriptor *field, const char *key)
{
    if (field->type == PROTOBUF_C_TYPE_BOOL && strcmp(key, "true") == 0) {
        return json_true();
    }
    if (field->type == PROTOBUF_C_TYPE_BOOL && strcmp(key, "false") == 0) {
        return json_false();
    }
    json_t *json = json_string(key);
    assert(json != NULL);
    return json;
}

static int entry_read(struct parser *parser, const ProtobufCMessageDescriptor *descriptor,
                      const char *key, json_t *json, ProtobufCMessage **out)
{
    const ProtobufCFieldDescriptor *fields = descriptor->fields;
    ProtobufCMessage *entry = message_new(descriptor);
    json_t *key_value = key_json(&fields[0], key);
    int err = value_read(parser, &fields[0], key_value, wire_member(entry, &fields[0]));
    json_decref(key_value);
    if (err == 0) {
        err = value_read(parser, &fields[1], json, wire_member(entry, &fields[1]));
    }
    if (err != 0) {
        protobuf_c_message_free_unpacked(entry, NULL);
        return err;
    }
    *out = entry;
    return 0;
}

static int map_read(struct parser *parser, ProtobufCMessage *message,
                    const ProtobufCFieldDescriptor *field, json_t *json)
{
    if (!json_is_object(json)) {
        return wrong(parser, "an object");
    }
    size_t count = json_object_size(json);
    if (count == 0) {
        return 0;
    }
    ProtobufCMessage **entries = mem_array(count, sizeof(*entries));
    *(void **)wire_member(message, field) = entries;
    size_t *filled = wire_count(message, field);
    const char *key;
    json_t *value;
    json_object_foreach(json, key, value)
    {
        size_t before = path_enter(parser, ".%.60s", key);
        int err = entry_read(parser, field->descriptor, key, value, &entries[*filled]);
        if (err < 0) {
            return err;
        }
        path_leave(parser, before);
        *filled += err != SKIPPED;
    }
    return 0;
}

/* ---- Messages ------------------------------------------------------------------------------- */

static int field_read(struct parser *parser, ProtobufCMessage *message,
                      const ProtobufCFieldDescriptor *field, json_t *json)
{
    if (field->label == PROTOBUF_C_LABEL_REPEATED) {
        return wire_is_map(message->descriptor, field) ? map_read(parser, message, field, json)
                                                       : list_read(parser, message, field, json);
    }
    if (!wire_in_oneof(field)) {
        return value_read(parser, field, json, wire_member(message, field));
    }
    if (*wire_case(message, field) != 0) {
        return fail(parser, ERR_INVALID, "excludes a field given before");
    }
    int err = value_read(parser, field, json, wire_member(message, field));
    if (err == 0) {
        *wire_case(message, field) = field->id;
    }
    return err;
}

/* Looks a field up under both its names. *name is the one the sender used. */
static json_t *field_find(const json_t *object, const ProtobufCFieldDescriptor *field,
                          char name[NAME_MAX_LEN], bool *twice)
{
    camel_name(field->name, name);
    json_t *camel = json_object_get(object, name);
    if (strcmp(name, field->name) == 0) {
        return camel;
    }
    json_t *proto = json_object_get(object, field->name);
    *twice = camel != NULL && proto != NULL;
    if (camel == NULL) {
        memcpy(name, field->name, strlen(field->name) + 1);
    }
    return camel != NULL ? camel : proto;
}

static bool key_known(const ProtobufCMessageDescriptor *descriptor, const char *key)
{
    for (unsigned i = 0; i < descriptor->n_fields; i++) {
        char camel[NAME_MAX_LEN];
        camel_name(descriptor->fields[i].name, camel);
        if (strcmp(key, camel) == 0 || strcmp(key, descriptor->fields[i].name) == 0) {
            return true;
        }
    }
    return false;
}

static int unknown_fail(struct parser *parser, const ProtobufCMessageDescriptor *descriptor,
                        json_t *object)
{
    const char *key;
    json_t *value;
    json_object_foreach(object, key, value)
    {
        if (!key_known(descriptor, key)) {
            return fail(parser, ERR_INVALID, "no field \"%.60s\" in %s", key,
                        descriptor->short_name);
        }
    }
    unreachable();
}

static int message_fill(struct parser *parser, ProtobufCMessage *message, json_t *json)
{
    const ProtobufCMessageDescriptor *descriptor = message->descriptor;
    if (!json_is_object(json)) {
        return wrong(parser, "an object");
    }
    if (parser->depth == PROTOJSON_DEPTH_MAX) {
        return fail(parser, ERR_TOO_BIG, "nested too deep");
    }
    parser->depth++;
    size_t known = 0;
    for (unsigned i = 0; i < descriptor->n_fields; i++) {
        char name[NAME_MAX_LEN];
        bool twice = false;
        json_t *value = field_find(json, &descriptor->fields[i], name, &twice);
        if (value == NULL) {
            continue;
        }
        size_t before = path_enter(parser, parser->path_len > 0 ? ".%s" : "%s", name);
        int err = twice ? fail(parser, ERR_INVALID, "given twice")
                  : json_is_null(value)
                      ? 0
                      : field_read(parser, message, &descriptor->fields[i], value);
        if (err < 0) {
            return err;
        }
        path_leave(parser, before);
        known++;
    }
    parser->depth--;
    if (known < json_object_size(json) && !parser->ignore_unknown) {
        return unknown_fail(parser, descriptor, json);
    }
    return 0;
}

/* ---- Text ----------------------------------------------------------------------------------- */

/* An upper bound of the values in a text, without reading it as JSON. */
static size_t values_in(const char *text, size_t len)
{
    size_t values = 1;
    bool quoted = false;
    for (size_t i = 0; i < len; i++) {
        if (text[i] == '\\') {
            i++;
        } else if (text[i] == '"') {
            quoted = !quoted;
        } else if (!quoted) {
            values += text[i] == '{' || text[i] == '[' || text[i] == ',';
        }
    }
    return values;
}

int protojson_parse(const ProtobufCMessageDescriptor *descriptor, const char *text, size_t len,
                    const struct protojson_options *options, ProtobufCMessage **out,
                    struct protojson_error *error)
{
    struct protojson_error unused;
    struct parser parser = {.ignore_unknown = options->ignore_unknown,
                            .error = error != NULL ? error : &unused};
    if (len > PROTOJSON_SIZE_MAX) {
        return fail(&parser, ERR_TOO_BIG, "more than %d bytes", PROTOJSON_SIZE_MAX);
    }
    if (values_in(text, len) > PROTOJSON_VALUES_MAX) {
        return fail(&parser, ERR_TOO_BIG, "more than %d values", PROTOJSON_VALUES_MAX);
    }
    json_error_t json_error;
    json_t *json = json_loadb(text, len, JSON_REJECT_DUPLICATES, &json_error);
    if (json == NULL) {
        return fail(&parser, ERR_INVALID, "line %d, column %d: %s", json_error.line,
                    json_error.column, json_error.text);
    }
    int err = submessage_read(&parser, descriptor, json, out);
    json_decref(json);
    return err;
}
