/* SPDX-License-Identifier: Apache-2.0
 *
 * Any text as JSON: refused with a reason in UTF-8, or JSON -> message -> bytes -> message -> JSON
 * ends where it began. The first byte chooses type and options.
 */
#include "proto/gen/api.pb-c.h"
#include "proto/gen/client.pb-c.h"
#include "proto/gen/kinds.pb-c.h"
#include "proto/protojson/protojson.h"
#include "proto/wire/wire.h"

#include <stdlib.h>

static const ProtobufCMessageDescriptor *const types[] = {
    &test__kinds__descriptor,
    &livekit__signal_request__descriptor,
    &livekit__signal_response__descriptor,
    &livekit__room_configuration__descriptor,
};

static void check_round_trip(const ProtobufCMessage *message,
                             const struct protojson_options *options)
{
    size_t packed_len, repacked_len;
    uint8_t *packed = wire_pack(message, &packed_len);
    ProtobufCMessage *again = NULL;
    int err = wire_unpack(message->descriptor, (struct bytes){packed, packed_len}, &again);
    if (err == ERR_TOO_BIG) { /* lists of empty messages: cheap in binary, dear in memory */
        free(packed);
        return;
    }
    assert(err == 0);
    char *first = protojson_print(message, options, NULL);
    char *second = protojson_print(again, options, NULL);
    assert(strcmp(first, second) == 0);
    protobuf_c_message_free_unpacked(again, NULL);

    again = NULL;
    err = protojson_parse(message->descriptor, first, strlen(first), options, &again, NULL);
    assert(err == 0);
    uint8_t *repacked = wire_pack(again, &repacked_len);
    assert(packed_len == repacked_len && memcmp(packed, repacked, packed_len) == 0);
    protobuf_c_message_free_unpacked(again, NULL);
    free(packed);
    free(repacked);
    free(first);
    free(second);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    if (len == 0) {
        return 0;
    }
    const ProtobufCMessageDescriptor *type = types[data[0] % ARRAY_LEN(types)];
    unsigned bits = data[0] / ARRAY_LEN(types);
    const struct protojson_options options = {.ignore_unknown = (bits & 1) != 0,
                                              .proto_names = (bits & 2) != 0,
                                              .all_fields = (bits & 4) != 0};
    ProtobufCMessage *message = NULL;
    struct protojson_error error = {.text = ""};
    if (protojson_parse(type, (const char *)data + 1, len - 1, &options, &message, &error) != 0) {
        size_t text_len = strlen(error.text);
        assert(text_len > 0 && wire_utf8(error.text, text_len) == text_len);
        return 0;
    }
    check_round_trip(message, &options);
    protobuf_c_message_free_unpacked(message, NULL);
    return 0;
}
