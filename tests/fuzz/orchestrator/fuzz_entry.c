/* SPDX-License-Identifier: Apache-2.0
 *
 * Any text as a join_request parameter, or any bytes as what it encodes: then the first byte says
 * whether they are a WrappedJoinRequest or what is to be found in one, plain or called gzip.
 */
#include "orchestrator/core/entry/entry.h"
#include "proto/protojson/protojson.h"
#include "proto/wire/wire.h"

#include <stdlib.h>

static void try(const char *text)
{
    Livekit__JoinRequest *request;
    if (entry_decode(text, &request) == 0) {
        livekit__join_request__free_unpacked(request, NULL);
    }
}

static void try_bytes(struct bytes bytes)
{
    char *text = mem_alloc(PROTOJSON_ENCODED_LEN(bytes.len) + 1);
    protojson_base64_encode(bytes, text);
    try(text);
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    char *text = mem_copy(data, len);
    try(text);
    free(text);
    if (len == 0) {
        return 0;
    }
    struct bytes rest = {data + 1, len - 1};
    if (data[0] > 1) {
        try_bytes(rest);
        return 0;
    }
    Livekit__WrappedJoinRequest wrapped = LIVEKIT__WRAPPED_JOIN_REQUEST__INIT;
    wrapped.compression = (Livekit__WrappedJoinRequest__Compression)data[0];
    wrapped.join_request = (ProtobufCBinaryData){rest.len, (uint8_t *)(uintptr_t)rest.data};
    size_t packed_len;
    uint8_t *packed = wire_pack(&wrapped.base, &packed_len);
    try_bytes((struct bytes){packed, packed_len});
    free(packed);
    return 0;
}
