/* SPDX-License-Identifier: Apache-2.0
 *
 * Any bytes as a message from a client: whatever is taken packs, unpacks and packs again to the
 * same bytes, and prints as JSON that reads back as the same message. The first byte chooses the
 * type.
 */
#include "proto/gen/api.pb-c.h"
#include "proto/gen/client.pb-c.h"
#include "proto/protojson/protojson.h"
#include "proto/wire/wire.h"

#include <stdlib.h>

static const ProtobufCMessageDescriptor *const types[] = {
    &livekit__signal_request__descriptor,  &livekit__wrapped_join_request__descriptor,
    &livekit__join_request__descriptor,    &livekit__data_packet__descriptor,
    &livekit__signal_response__descriptor, &livekit__create_room_request__descriptor,
};

static void check_binary(const ProtobufCMessage *message)
{
    size_t first_len, second_len;
    uint8_t *first = wire_pack(message, &first_len);
    ProtobufCMessage *again = NULL;
    int err = wire_unpack(message->descriptor, (struct bytes){first, first_len}, &again);
    if (err == ERR_TOO_BIG) { /* fields of zero are gone, and the memory for them with them */
        free(first);
        return;
    }
    assert(err == 0);
    uint8_t *second = wire_pack(again, &second_len);
    assert(first_len == second_len && memcmp(first, second, first_len) == 0);
    protobuf_c_message_free_unpacked(again, NULL);
    free(first);
    free(second);
}

static void check_json(const ProtobufCMessage *message)
{
    const struct protojson_options options = {0};
    size_t len;
    char *first = protojson_print(message, &options, &len);
    ProtobufCMessage *again = NULL;
    int err = protojson_parse(message->descriptor, first, len, &options, &again, NULL);
    assert(err == 0);
    char *second = protojson_print(again, &options, NULL);
    assert(strcmp(first, second) == 0);
    protobuf_c_message_free_unpacked(again, NULL);
    free(first);
    free(second);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    if (len == 0) {
        return 0;
    }
    ProtobufCMessage *message = NULL;
    if (wire_unpack(types[data[0] % ARRAY_LEN(types)], (struct bytes){data + 1, len - 1},
                    &message) == 0) {
        check_binary(message);
        check_json(message);
        protobuf_c_message_free_unpacked(message, NULL);
    }
    return 0;
}
