/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal: any file is a fleet or refused with words, and any text a fault of one.
 */
#include "orchestrator/cli/sim/fleet.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct fleet fleet;
    struct fleet_fault fault;
    char error[CONFIG_ERROR_MAX] = "", *text = mem_copy(data, len);
    if (fleet_parse(&fleet, "fleet", (struct bytes){data, len}, error) == 0) {
        assert(fleet.regions.count > 0 && fleet.regions.count <= FLEET_REGIONS_MAX);
        fleet_free(&fleet);
    } else {
        assert(error[0] != '\0' && memchr(error, '\0', sizeof(error)) != NULL);
    }
    error[0] = '\0';
    if (fleet_fault_read(&fault, text, error) == 0) {
        assert(fault.share >= 1 && fault.share <= 100 && fault.at_us >= 0);
        fleet_fault_free(&fault);
    } else {
        assert(error[0] != '\0' && memchr(error, '\0', sizeof(error)) != NULL);
    }
    free(text);
    return 0;
}
