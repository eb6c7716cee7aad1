/* SPDX-License-Identifier: Apache-2.0
 *
 * Binary protobuf messages from strangers. protobuf-c alone takes what hurts: two bytes of input
 * may become a structure of 300, so a frame of 2 MiB half a gigabyte; and it lets through text that
 * is not UTF-8 and fields numbered 0, at which the decoders of other clients give up.
 */
#ifndef PROTO_WIRE_WIRE_H
#define PROTO_WIRE_WIRE_H

#include "common/base/base.h"

#include <protobuf-c/protobuf-c.h>

/* Memory that may be taken on the way, for a message of len bytes: WIRE_MEMORY_MIN +
 * WIRE_MEMORY_PER_BYTE * len. Honest messages, with ids and names in them, need a quarter of it. */
#define WIRE_MEMORY_MIN      65536
#define WIRE_MEMORY_PER_BYTE 32

/* Reads one message. *out is written on success and freed by the caller with
 * protobuf_c_message_free_unpacked(*out, NULL). Text ends at its first NUL, as everywhere in C.
 * Errors: ERR_INVALID malformed, also in one of the ways above; ERR_TOO_BIG memory. */
MUST_CHECK int wire_unpack(const ProtobufCMessageDescriptor *descriptor, struct bytes in,
                           ProtobufCMessage **out);

/* The message packed into memory of exactly *len bytes (and a spare one behind), which the caller
 * frees with free(). */
uint8_t *wire_pack(const ProtobufCMessage *message, size_t *len);

/* Whether wire_unpack() would find nothing wrong with it once it is packed: its texts are UTF-8. */
bool wire_valid(const ProtobufCMessage *message);

/* How many bytes from the start are well-formed UTF-8 (RFC 3629): len if all are. */
size_t wire_utf8(const char *text, size_t len);

/* ---- For code that walks messages by their descriptors --------------------------------------- */

/* Where in a message a field's value is, and its count (repeated) or its oneof's case. */
static inline bool wire_in_oneof(const ProtobufCFieldDescriptor *field)
{
    return (field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) != 0;
}
static inline void *wire_member(const ProtobufCMessage *message,
                                const ProtobufCFieldDescriptor *field)
{
    return (uint8_t *)(uintptr_t)message + field->offset;
}
static inline size_t *wire_count(const ProtobufCMessage *message,
                                 const ProtobufCFieldDescriptor *field)
{
    assert(field->label == PROTOBUF_C_LABEL_REPEATED);
    return (size_t *)(void *)((uint8_t *)(uintptr_t)message + field->quantifier_offset);
}
static inline uint32_t *wire_case(const ProtobufCMessage *message,
                                  const ProtobufCFieldDescriptor *field)
{
    assert(wire_in_oneof(field));
    return (uint32_t *)(void *)((uint8_t *)(uintptr_t)message + field->quantifier_offset);
}

/* Bytes of one value of a field, as it lies in a structure or in the array of a repeated field. */
size_t wire_size(const ProtobufCFieldDescriptor *field);

/* Whether a field would be packed: a member of a oneof that is chosen, a message that is there, a
 * list that is not empty, or a value that is not zero. */
bool wire_has(const ProtobufCMessage *message, const ProtobufCFieldDescriptor *field);

/* Whether a field is a map, that is a repeated message FieldEntry{1 key, 2 value} of protoc's own
 * making. protobuf-c's descriptors do not say so, but protoc reserves the name. */
bool wire_is_map(const ProtobufCMessageDescriptor *parent, const ProtobufCFieldDescriptor *field);

#endif
