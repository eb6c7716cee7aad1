/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal: any bytes are a time zone's rule, its file, or neither; and by a rule that is one every
 * time has a weekday and a minute.
 */
#include "common/zone/zone.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void use(const struct zone *zone)
{
    for (int64_t at = -2000000000; at <= 8000000000; at += 86399 * 97) {
        struct zone_time local = zone_local(zone, at);
        assert(local.weekday >= 0 && local.weekday <= 6);
        assert(local.minute >= 0 && local.minute < 1440);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct zone zone;
    if (zone_parse(&zone, (struct bytes){data, len}) == 0 ||
        zone_of_file(&zone, (struct bytes){data, len}) == 0) {
        use(&zone);
    }
    return 0;
}
