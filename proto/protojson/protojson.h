/* SPDX-License-Identifier: Apache-2.0
 *
 * The JSON form of proto3 messages, both ways, by protobuf-c's descriptors: WebSocket text frames,
 * the server API, webhooks, and roomConfig in tokens. What the mapping says is done, except for
 * the well-known types (google.protobuf.*), which no message of ours uses.
 *
 * Input is taken liberally: lowerCamelCase or proto names, enums by name or number, integers as
 * numbers or strings, either base64 alphabet with or without padding, null for "not set". It is
 * an error to name a field twice, to set two members of a oneof, to overflow a type, or to put
 * a NUL character into text, which a C string cannot hold.
 */
#ifndef PROTO_PROTOJSON_PROTOJSON_H
#define PROTO_PROTOJSON_PROTOJSON_H

#include "common/base/base.h"

#include <protobuf-c/protobuf-c.h>

#define PROTOJSON_SIZE_MAX   (16 << 20) /* bytes of input */
#define PROTOJSON_VALUES_MAX 65536      /* values in it: each costs some hundred bytes of memory */
#define PROTOJSON_DEPTH_MAX  32         /* messages inside messages */

/* All false: what a webhook needs. */
struct protojson_options {
    bool ignore_unknown; /* input: skip fields and names of enum values that are not known */
    bool proto_names;    /* output: track_sid instead of trackSid */
    bool all_fields;     /* output: fields that are not set too, messages as null; never oneofs */
};

struct protojson_error {
    char text[256]; /* "publisherOffer.id: does not fit uint32"; UTF-8 */
};

/* Reads len bytes of text, a JSON object. *out is written on success and freed by the caller with
 * protobuf_c_message_free_unpacked(*out, NULL). Errors: ERR_INVALID, ERR_TOO_BIG; error, which may
 * be NULL, then says where and why, in words fit for the sender. */
MUST_CHECK int protojson_parse(const ProtobufCMessageDescriptor *descriptor, const char *text,
                               size_t len, const struct protojson_options *options,
                               ProtobufCMessage **out, struct protojson_error *error);

/* The message on one line, for the caller to free() . Never NULL; len may be. Text of it that is
 * not UTF-8 comes out with U+FFFD in place of each bad byte. */
char *protojson_print(const ProtobufCMessage *message, const struct protojson_options *options,
                      size_t *len);

/* ---- Base64 (RFC 4648) ---------------------------------------------------------------------- */

/* Bytes that len characters decode to at most, and characters (without a NUL) for len bytes. */
#define PROTOJSON_DECODED_MAX(len) ((len) / 4 * 3 + 3)
#define PROTOJSON_ENCODED_LEN(len) (((len) + 2) / 3 * 4)

/* Either alphabet, padded or not. out holds PROTOJSON_DECODED_MAX(len) bytes. ERR_INVALID for
 * a foreign character, misplaced padding or a length that cannot be. */
MUST_CHECK int protojson_base64_decode(const char *text, size_t len, uint8_t *out, size_t *out_len);

/* Standard alphabet, padded. out holds PROTOJSON_ENCODED_LEN(in.len) + 1 characters. */
void protojson_base64_encode(struct bytes in, char *out);

#endif
