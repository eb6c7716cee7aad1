/* SPDX-License-Identifier: Apache-2.0 */
#include "orchestrator/core/data/data.h"

int data_track_handle(struct bytes packet, uint16_t *out)
{
    if (packet.len < DATA_TRACK_HEADER) {
        return ERR_TRUNCATED;
    }
    if (packet.data[0] >> 5 != 0) {
        return ERR_UNSUPPORTED;
    }
    uint16_t handle = be16_get(packet.data + 2);
    if (handle == 0) {
        return ERR_INVALID;
    }
    *out = handle;
    return 0;
}

void data_track_set_handle(uint8_t *packet, uint16_t handle)
{
    be16_put(packet + 2, handle);
}
