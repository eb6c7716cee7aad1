/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/wire/wire.h"

#include <stdlib.h>

/* ---- Packing and unpacking ------------------------------------------------------------------ */

struct budget {
    size_t left;
    bool exceeded;
};

static void *budget_alloc(void *arg, size_t size)
{
    struct budget *budget = arg;
    if (size > budget->left) {
        budget->exceeded = true;
        return NULL;
    }
    budget->left -= size;
    return mem_alloc(size);
}

/* Nothing is credited: what counts is the work done as well as the memory held. */
static void budget_free(void *arg, void *memory)
{
    (void)arg;
    free(memory);
}

#define FIELD_NUMBER_MAX 536870911 /* protobuf's own limit */

static bool value_valid(const ProtobufCFieldDescriptor *field, const void *value)
{
    if (field->type == PROTOBUF_C_TYPE_MESSAGE) {
        return wire_valid(value);
    }
    size_t len = strlen(value);
    return wire_utf8(value, len) == len;
}

static bool field_valid(const ProtobufCMessage *message, const ProtobufCFieldDescriptor *field)
{
    bool text = field->type == PROTOBUF_C_TYPE_STRING;
    if ((!text && field->type != PROTOBUF_C_TYPE_MESSAGE) || !wire_has(message, field)) {
        return true;
    }
    if (field->label != PROTOBUF_C_LABEL_REPEATED) {
        return value_valid(field, *(void *const *)wire_member(message, field));
    }
    void *const *values = *(void *const *const *)wire_member(message, field);
    for (size_t i = 0; i < *wire_count(message, field); i++) {
        if (!value_valid(field, values[i])) {
            return false;
        }
    }
    return true;
}

/* What protobuf-c does not look at: text, and the numbers of fields it does not know, which go out
 * again when a message is forwarded. Recursion is as deep as protobuf-c's own was. */
bool wire_valid(const ProtobufCMessage *message)
{
    for (unsigned i = 0; i < message->n_unknown_fields; i++) {
        uint32_t number = message->unknown_fields[i].tag;
        if (number == 0 || number > FIELD_NUMBER_MAX) {
            return false;
        }
    }
    for (unsigned i = 0; i < message->descriptor->n_fields; i++) {
        if (!field_valid(message, &message->descriptor->fields[i])) {
            return false;
        }
    }
    return true;
}

int wire_unpack(const ProtobufCMessageDescriptor *descriptor, struct bytes in,
                ProtobufCMessage **out)
{
    if (in.len > (SIZE_MAX - WIRE_MEMORY_MIN) / WIRE_MEMORY_PER_BYTE) {
        return ERR_TOO_BIG;
    }
    struct budget budget = {.left = WIRE_MEMORY_MIN + WIRE_MEMORY_PER_BYTE * in.len};
    ProtobufCAllocator allocator = {budget_alloc, budget_free, &budget};
    ProtobufCMessage *message = protobuf_c_message_unpack(descriptor, &allocator, in.len, in.data);
    if (message == NULL) {
        return budget.exceeded ? ERR_TOO_BIG : ERR_INVALID;
    }
    if (!wire_valid(message)) {
        protobuf_c_message_free_unpacked(message, NULL);
        return ERR_INVALID;
    }
    *out = message;
    return 0;
}

uint8_t *wire_pack(const ProtobufCMessage *message, size_t *len)
{
    size_t size = protobuf_c_message_get_packed_size(message);
    uint8_t *out = mem_alloc(size + 1);
    *len = protobuf_c_message_pack(message, out);
    assert(*len == size);
    return out;
}

/* ---- Walking -------------------------------------------------------------------------------- */

size_t wire_size(const ProtobufCFieldDescriptor *field)
{
    switch (field->type) {
    case PROTOBUF_C_TYPE_INT32:
    case PROTOBUF_C_TYPE_SINT32:
    case PROTOBUF_C_TYPE_SFIXED32:
    case PROTOBUF_C_TYPE_UINT32:
    case PROTOBUF_C_TYPE_FIXED32:
    case PROTOBUF_C_TYPE_FLOAT:
        return sizeof(uint32_t);
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_SINT64:
    case PROTOBUF_C_TYPE_SFIXED64:
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_FIXED64:
    case PROTOBUF_C_TYPE_DOUBLE:
        return sizeof(uint64_t);
    case PROTOBUF_C_TYPE_BOOL:
        return sizeof(protobuf_c_boolean);
    case PROTOBUF_C_TYPE_ENUM:
        return sizeof(int);
    case PROTOBUF_C_TYPE_STRING:
    case PROTOBUF_C_TYPE_MESSAGE:
        return sizeof(void *);
    case PROTOBUF_C_TYPE_BYTES:
        return sizeof(ProtobufCBinaryData);
    }
    unreachable();
}

bool wire_has(const ProtobufCMessage *message, const ProtobufCFieldDescriptor *field)
{
    if (wire_in_oneof(field)) {
        return *wire_case(message, field) == field->id;
    }
    if (field->label == PROTOBUF_C_LABEL_REPEATED) {
        return *wire_count(message, field) > 0;
    }
    assert(field->label == PROTOBUF_C_LABEL_NONE); /* proto3 knows no others */
    const void *value = wire_member(message, field);
    if (field->type == PROTOBUF_C_TYPE_STRING) {
        const char *text = *(char *const *)value;
        return text != NULL && text[0] != '\0';
    }
    if (field->type == PROTOBUF_C_TYPE_BYTES) {
        return ((const ProtobufCBinaryData *)value)->len > 0;
    }
    if (field->type == PROTOBUF_C_TYPE_FLOAT) {
        return *(const float *)value != 0; /* -0 is zero to protobuf-c, so it is to us */
    }
    if (field->type == PROTOBUF_C_TYPE_DOUBLE) {
        return *(const double *)value != 0;
    }
    static const uint8_t zero[sizeof(uint64_t)];
    return memcmp(value, zero, wire_size(field)) != 0;
}

/* Whether entry is parent.FieldName + "Entry" for the field name field_name. */
static bool is_entry_name(const char *parent, const char *field, const char *entry)
{
    size_t len = strlen(parent);
    if (strncmp(entry, parent, len) != 0 || entry[len] != '.') {
        return false;
    }
    const char *rest = entry + len + 1;
    bool upper = true;
    for (const char *c = field; *c != '\0'; c++) {
        if (*c == '_') {
            upper = true;
            continue;
        }
        char want = upper && *c >= 'a' && *c <= 'z' ? (char)(*c - 'a' + 'A') : *c;
        if (*rest++ != want) {
            return false;
        }
        upper = false;
    }
    return strcmp(rest, "Entry") == 0;
}

bool wire_is_map(const ProtobufCMessageDescriptor *parent, const ProtobufCFieldDescriptor *field)
{
    if (field->label != PROTOBUF_C_LABEL_REPEATED || field->type != PROTOBUF_C_TYPE_MESSAGE) {
        return false;
    }
    const ProtobufCMessageDescriptor *entry = field->descriptor;
    return entry->n_fields == 2 && entry->fields[0].id == 1 && entry->fields[1].id == 2 &&
           is_entry_name(parent->name, field->name, entry->name);
}
