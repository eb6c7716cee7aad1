/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal: client.proto and api.proto say the same as LiveKit's own protocol package, in binary and
 * in JSON, for every message and field. The package made tests/data/proto/messages.json (how:
 * make.mjs beside it).
 */
#include "proto/gen/api.pb-c.h"
#include "proto/gen/client.pb-c.h"
#include "proto/protojson/protojson.h"
#include "proto/wire/wire.h"

#include <jansson.h>
#include <setjmp.h>
#include <stdlib.h>

#include <cmocka.h>

/* The messages no other contains; the rest is reached from them. */
static const ProtobufCMessageDescriptor *const roots[] = {
    &livekit__signal_request__descriptor,
    &livekit__signal_response__descriptor,
    &livekit__wrapped_join_request__descriptor,
    &livekit__join_request__descriptor,
    &livekit__data_packet__descriptor,
    &livekit__encryption__descriptor,
    &livekit__data_stream__descriptor,
    &livekit__create_room_request__descriptor,
    &livekit__room_configuration__descriptor,
    &livekit__list_rooms_request__descriptor,
    &livekit__list_rooms_response__descriptor,
    &livekit__delete_room_request__descriptor,
    &livekit__delete_room_response__descriptor,
    &livekit__list_participants_request__descriptor,
    &livekit__list_participants_response__descriptor,
    &livekit__room_participant_identity__descriptor,
    &livekit__remove_participant_response__descriptor,
    &livekit__mute_room_track_request__descriptor,
    &livekit__mute_room_track_response__descriptor,
    &livekit__update_participant_request__descriptor,
    &livekit__update_subscriptions_request__descriptor,
    &livekit__update_subscriptions_response__descriptor,
    &livekit__send_data_request__descriptor,
    &livekit__send_data_response__descriptor,
    &livekit__update_room_metadata_request__descriptor,
    &livekit__perform_rpc_request__descriptor,
    &livekit__perform_rpc_response__descriptor,
    &livekit__forward_participant_request__descriptor,
    &livekit__forward_participant_response__descriptor,
    &livekit__move_participant_request__descriptor,
    &livekit__move_participant_response__descriptor,
    &livekit__webhook_event__descriptor,
};

#define TYPES_MAX 256

struct types {
    const ProtobufCMessageDescriptor *list[TYPES_MAX];
    size_t count;
};

static void types_add(struct types *types, const ProtobufCMessageDescriptor *descriptor)
{
    for (size_t i = 0; i < types->count; i++) {
        if (types->list[i] == descriptor) {
            return;
        }
    }
    assert_true(types->count < TYPES_MAX);
    types->list[types->count++] = descriptor;
}

/* All messages there are; a map's entries are no messages of their own. */
static struct types types_all(void)
{
    struct types types = {.count = 0};
    for (size_t i = 0; i < ARRAY_LEN(roots); i++) {
        types_add(&types, roots[i]);
    }
    for (size_t i = 0; i < types.count; i++) {
        const ProtobufCMessageDescriptor *type = types.list[i];
        for (unsigned k = 0; k < type->n_fields; k++) {
            const ProtobufCFieldDescriptor *field = &type->fields[k];
            if (wire_is_map(type, field)) {
                const ProtobufCMessageDescriptor *entry = field->descriptor;
                field = &entry->fields[1];
            }
            if (field->type == PROTOBUF_C_TYPE_MESSAGE) {
                types_add(&types, field->descriptor);
            }
        }
    }
    return types;
}

static const ProtobufCMessageDescriptor *type_named(const struct types *types, const char *name)
{
    for (size_t i = 0; i < types->count; i++) {
        if (strcmp(types->list[i]->name, name) == 0) {
            return types->list[i];
        }
    }
    fail_msg("the fixture's %s is not reached from the roots", name);
    return NULL;
}

static json_t *fixture_load(void)
{
    json_error_t error;
    json_t *fixture = json_load_file(TEST_DATA "/proto/messages.json", 0, &error);
    if (fixture == NULL) {
        fail_msg("messages.json: %s", error.text);
    }
    return fixture;
}

static ProtobufCMessage *message_parsed(const ProtobufCMessageDescriptor *type, const char *text)
{
    ProtobufCMessage *message = NULL;
    struct protojson_error error;
    const struct protojson_options options = {0};
    if (protojson_parse(type, text, strlen(text), &options, &message, &error) != 0) {
        fail_msg("%s: %s in %s", type->name, error.text, text);
    }
    return message;
}

/* Drops the members that are null, at any depth: ours prints absent messages, theirs does not. */
static void nulls_drop(json_t *json)
{
    size_t i;
    const char *key;
    json_t *value;
    void *next;
    json_array_foreach(json, i, value)
    {
        nulls_drop(value);
    }
    json_object_foreach_safe(json, next, key, value)
    {
        nulls_drop(value);
        if (json_is_null(value)) {
            json_object_del(json, key);
        }
    }
}

/* Read as reals, since 164 and 164.0 are the same number. */
static json_t *json_of(const char *text)
{
    json_t *json = json_loads(text, JSON_DECODE_INT_AS_REAL, NULL);
    assert_non_null(json);
    nulls_drop(json);
    return json;
}

static void assert_prints(const ProtobufCMessage *message, const struct protojson_options *options,
                          const json_t *expected)
{
    char *ours = protojson_print(message, options, NULL);
    char *theirs = json_dumps(expected, JSON_COMPACT);
    json_t *our_json = json_of(ours);
    json_t *their_json = json_of(theirs);
    if (!json_equal(our_json, their_json)) {
        fail_msg("%s\nours   %s\ntheirs %s", message->descriptor->name, ours, theirs);
    }
    json_decref(our_json);
    json_decref(their_json);
    free(ours);
    free(theirs);
}

/* Their bytes print as their JSON, and their JSON packs to their very bytes. */
static void check_message(const ProtobufCMessageDescriptor *type, json_t *row)
{
    const char *base64 = json_string_value(json_object_get(row, "binary"));
    uint8_t *binary = mem_alloc(PROTOJSON_DECODED_MAX(strlen(base64)));
    size_t binary_len = 0;
    assert_int_equal(protojson_base64_decode(base64, strlen(base64), binary, &binary_len), 0);

    ProtobufCMessage *message = NULL;
    assert_int_equal(wire_unpack(type, (struct bytes){binary, binary_len}, &message), 0);
    assert_int_equal(message->n_unknown_fields, 0);
    assert_prints(message, &(struct protojson_options){0}, json_object_get(row, "json"));
    json_t *proto = json_object_get(row, "proto");
    const struct protojson_options all = {.proto_names = true, .all_fields = true};
    if (proto != NULL) {
        assert_prints(message, &all, proto);
    }

    char *texts[] = {json_dumps(json_object_get(row, "json"), 0),
                     protojson_print(message, &all, NULL)};
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        ProtobufCMessage *again = message_parsed(type, texts[i]);
        size_t len;
        uint8_t *packed = wire_pack(again, &len);
        assert_int_equal(len, binary_len);
        assert_memory_equal(packed, binary, len);
        free(packed);
        protobuf_c_message_free_unpacked(again, NULL);
        free(texts[i]);
    }
    protobuf_c_message_free_unpacked(message, NULL);
    free(binary);
}

static void test_messages(void **state)
{
    (void)state;
    struct types types = types_all();
    json_t *fixture = fixture_load();
    size_t i;
    json_t *row;
    json_array_foreach(fixture, i, row)
    {
        check_message(type_named(&types, json_string_value(json_object_get(row, "type"))), row);
    }
    json_decref(fixture);
}

static bool fixture_sets(json_t *fixture, const char *type, const char *field)
{
    size_t i;
    json_t *row;
    json_array_foreach(fixture, i, row)
    {
        json_t *json = json_object_get(row, "json");
        const char *name = json_string_value(json_object_get(row, "type"));
        if (strcmp(name, type) == 0 && json_object_get(json, field) != NULL) {
            return true;
        }
    }
    return false;
}

/* So that a new field without a new fixture is noticed. */
static void test_every_field_is_covered(void **state)
{
    (void)state;
    struct types types = types_all();
    json_t *fixture = fixture_load();
    for (size_t i = 0; i < types.count; i++) {
        const ProtobufCMessageDescriptor *type = types.list[i];
        for (unsigned k = 0; k < type->n_fields; k++) {
            char camel[64] = "";
            size_t len = 0;
            for (const char *c = type->fields[k].name; *c != '\0'; c++) {
                bool up = *c == '_';
                c += up;
                camel[len++] = up ? (char)(*c - 'a' + 'A') : *c;
            }
            if (!fixture_sets(fixture, type->name, camel)) {
                fail_msg("%s.%s is not in messages.json", type->name, camel);
            }
        }
    }
    json_decref(fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_messages),
        cmocka_unit_test(test_every_field_is_covered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
