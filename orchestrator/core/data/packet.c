/* SPDX-License-Identifier: Apache-2.0
 *
 * Just enough of protobuf's wire format (tag, varint, length-delimited) to route without decoding.
 */
#include "orchestrator/core/data/data.h"

#include <stdlib.h>

enum {
    FIELD_IDENTITY = 4,
    FIELD_DESTINATION = 5,
    FIELD_SEQUENCE = 16,
    FIELD_SID = 17,
    USER_SID = 1,
    USER_DESTINATION_SID = 3,
    USER_IDENTITY = 5,
    USER_DESTINATION = 6,
};

struct field {
    uint32_t number;
    uint32_t wire_type;
    uint64_t varint;    /* wire type 0 */
    struct bytes bytes; /* wire type 2 */
};

struct reader {
    struct bytes rest;
    bool broken;
};

static bool read_varint(struct reader *reader, uint64_t *out)
{
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 64 && reader->rest.len > 0; shift += 7) {
        uint8_t byte = reader->rest.data[0];
        reader->rest.data++;
        reader->rest.len--;
        value |= (uint64_t)(byte & 0x7f) << shift;
        if ((byte & 0x80) == 0) {
            *out = value;
            return true;
        }
    }
    reader->broken = true;
    return false;
}

static bool read_span(struct reader *reader, uint64_t len, struct bytes *out)
{
    if (len > reader->rest.len) {
        reader->broken = true;
        return false;
    }
    *out = (struct bytes){reader->rest.data, (size_t)len};
    reader->rest.data += len;
    reader->rest.len -= (size_t)len;
    return true;
}

/* The next field; false at the end and at the first malformed byte (then broken is set). */
static bool next_field(struct reader *reader, struct field *out)
{
    uint64_t tag, len;
    if (reader->rest.len == 0 || reader->broken || !read_varint(reader, &tag)) {
        return false;
    }
    *out = (struct field){.number = (uint32_t)(tag >> 3), .wire_type = (uint32_t)(tag & 7)};
    if (tag >> 3 == 0 || tag >> 3 > 0x1fffffff) {
        reader->broken = true;
        return false;
    }
    switch (out->wire_type) {
    case 0:
        return read_varint(reader, &out->varint);
    case 1:
        return read_span(reader, 8, &out->bytes);
    case 2:
        return read_varint(reader, &len) && read_span(reader, len, &out->bytes);
    case 5:
        return read_span(reader, 4, &out->bytes);
    default: /* groups: nobody sends them */
        reader->broken = true;
        return false;
    }
}

static bool is_value(uint32_t number)
{
    return number == DATA_VALUE_USER ||
           (number >= DATA_VALUE_SIP_DTMF && number <= DATA_VALUE_STREAM_TRAILER) ||
           number == DATA_VALUE_ENCRYPTED;
}

bool data_field(struct bytes message, uint32_t number, struct bytes *out)
{
    struct reader reader = {.rest = message};
    struct field field;
    while (next_field(&reader, &field)) {
        if (field.number == number && field.wire_type == 2) {
            *out = field.bytes;
            return true;
        }
    }
    return false;
}

static bool well_formed(struct bytes message)
{
    struct reader reader = {.rest = message};
    struct field field;
    while (next_field(&reader, &field)) {
    }
    return !reader.broken;
}

int data_packet_parse(struct bytes input, struct data_packet *out)
{
    if (input.len > DATA_PACKET_MAX) {
        return ERR_TOO_BIG;
    }
    struct data_packet packet = {.whole = input};
    struct reader reader = {.rest = input};
    struct field field;
    size_t at = 0;
    for (; next_field(&reader, &field); at = input.len - reader.rest.len) {
        if (field.number == FIELD_SEQUENCE && field.wire_type == 0) {
            packet.sequence = (uint32_t)field.varint;
        } else if (field.number == FIELD_DESTINATION && field.wire_type == 2) {
            packet.addressed = true;
        } else if (is_value(field.number) && field.wire_type == 2) {
            packet.value = (enum data_value)field.number;
            packet.value_at = at;
            packet.body = field.bytes;
        }
    }
    if (reader.broken || packet.value == DATA_VALUE_NONE || !well_formed(packet.body)) {
        return ERR_INVALID;
    }
    struct bytes any;
    if (packet.value == DATA_VALUE_USER) {
        packet.addressed |= data_field(packet.body, USER_DESTINATION, &any) ||
                            data_field(packet.body, USER_DESTINATION_SID, &any);
    }
    *out = packet;
    return 0;
}

static bool equals(struct bytes bytes, const char *text)
{
    return bytes.len == strlen(text) && memcmp(bytes.data, text, bytes.len) == 0;
}

static bool lists(struct bytes message, uint32_t number, const char *text)
{
    struct reader reader = {.rest = message};
    struct field field;
    while (next_field(&reader, &field)) {
        if (field.number == number && field.wire_type == 2 && equals(field.bytes, text)) {
            return true;
        }
    }
    return false;
}

bool data_packet_for(const struct data_packet *packet, const char *identity, const char *sid)
{
    if (!packet->addressed || lists(packet->whole, FIELD_DESTINATION, identity)) {
        return true;
    }
    return packet->value == DATA_VALUE_USER && (lists(packet->body, USER_DESTINATION, identity) ||
                                                lists(packet->body, USER_DESTINATION_SID, sid));
}

static uint8_t *put_varint(uint8_t *p, uint64_t value)
{
    while (value >= 0x80) {
        *p++ = (uint8_t)(value | 0x80);
        value >>= 7;
    }
    *p++ = (uint8_t)value;
    return p;
}

static uint8_t *put_text(uint8_t *p, uint32_t number, const char *text)
{
    size_t len = strlen(text);
    p = put_varint(p, number << 3 | 2);
    p = put_varint(p, len);
    memcpy(p, text, len);
    return p + len;
}

static uint8_t *put_bytes(uint8_t *p, const uint8_t *from, size_t len)
{
    memcpy(p, from, len);
    return p + len;
}

#define TEXT_HEAD 7 /* tag and length take at most 2 + 5 bytes */

static size_t text_size(const char *text)
{
    return strlen(text) + TEXT_HEAD;
}

/* The user packet anew, with the stamp at its end: the last value of a field wins. A second user
 * packet in front of it, forged, would be merged with this one by a parser, and lose as well. */
static uint8_t *put_user(uint8_t *p, struct bytes body, const char *identity, const char *sid)
{
    uint8_t *stamp = mem_alloc(text_size(identity) + text_size(sid));
    uint8_t *end = put_text(put_text(stamp, USER_SID, sid), USER_IDENTITY, identity);
    size_t len = (size_t)(end - stamp);
    p = put_varint(p, DATA_VALUE_USER << 3 | 2);
    p = put_varint(p, body.len + len);
    p = put_bytes(p, body.data, body.len);
    p = put_bytes(p, stamp, len);
    free(stamp);
    return p;
}

uint8_t *data_packet_stamp(const struct data_packet *packet, const char *identity, const char *sid,
                           size_t *len)
{
    const uint8_t *whole = packet->whole.data;
    const uint8_t *rest = whole;
    uint8_t *copy =
        mem_alloc(packet->whole.len + TEXT_HEAD + 2 * (text_size(identity) + text_size(sid)));
    uint8_t *p = copy;
    if (packet->value == DATA_VALUE_USER) {
        p = put_bytes(p, whole, packet->value_at);
        p = put_user(p, packet->body, identity, sid);
        rest = packet->body.data + packet->body.len;
    }
    p = put_bytes(p, rest, (size_t)(whole + packet->whole.len - rest));
    p = put_text(p, FIELD_IDENTITY, identity);
    p = put_text(p, FIELD_SID, sid);
    *len = (size_t)(p - copy);
    return copy;
}
