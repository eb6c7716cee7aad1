/* SPDX-License-Identifier: Apache-2.0
 *
 * Any bytes as a data packet. What is accepted says the same once it is stamped, whoever it names;
 * and any bytes as a data track packet.
 */
#include "orchestrator/core/data/data.h"

#include <stdlib.h>

static void check_stamp(const struct data_packet *packet)
{
    size_t len;
    uint8_t *copy = data_packet_stamp(packet, "somebody", "PA_somebody", &len);
    struct data_packet stamped;
    /* A packet at the limit is beyond it once stamped; nobody reads those again. */
    if (data_packet_parse((struct bytes){copy, len}, &stamped) == 0) {
        assert(stamped.value == packet->value && stamped.sequence == packet->sequence);
        assert(stamped.addressed == packet->addressed);
        assert(data_packet_for(&stamped, "a", "b") == data_packet_for(packet, "a", "b"));
    } else {
        assert(len > DATA_PACKET_MAX);
    }
    free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct data_packet packet;
    uint16_t handle;
    if (data_packet_parse((struct bytes){data, len}, &packet) == 0) {
        check_stamp(&packet);
    }
    if (data_track_handle((struct bytes){data, len}, &handle) == 0) {
        uint8_t *copy = mem_copy(data, len);
        data_track_set_handle(copy, 7);
        int err = data_track_handle((struct bytes){copy, len}, &handle);
        assert(err == 0 && handle == 7);
        free(copy);
    }
    return 0;
}
