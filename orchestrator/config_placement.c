/* SPDX-License-Identifier: Apache-2.0
 *
 * Where rooms go: settings that fleets which are only simulated have, too.
 */
#include "orchestrator/config.h"

#include <stdio.h>

static const struct config_key placement_keys[] = {
    CONFIG_INT("fill_percent", struct settings_placement, fill_percent, "80", 1, 100),
    CONFIG_INT("join_percent", struct settings_placement, join_percent, "95", 1, 100),
    CONFIG_INT("room_weight", struct settings_placement, room_weight, "16", 1, 100000),
    CONFIG_INT("node_joins_per_s", struct settings_placement, node_joins_per_s, "400", 0, 1000000),
    CONFIG_INT("room_joins_per_s", struct settings_placement, room_joins_per_s, "200", 0, 1000000),
};
const struct config_table settings_placement_table =
    CONFIG_TABLE(placement_keys, struct settings_placement);

static const struct config_key distance_keys[] = {
    CONFIG_STRING_REQUIRED("from", struct settings_distance, from),
    CONFIG_STRING_REQUIRED("to", struct settings_distance, to),
    CONFIG_INT("ms", struct settings_distance, ms, "0", 0, 10000),
};
const struct config_table settings_distance_table =
    CONFIG_TABLE(distance_keys, struct settings_distance);

const char settings_not_a_label[] = "1 to 32 of a-z, 0-9 and '-'";

int settings_check_placement(const struct settings_placement *placement,
                             const struct config_list *distances,
                             const struct config_source *source, char error[CONFIG_ERROR_MAX])
{
    const struct settings_distance *items = distances->items;
    for (size_t i = 0; i < distances->count; i++) {
        bool from = config_is_label(items[i].from);
        if (!from || !config_is_label(items[i].to)) {
            char key[64];
            snprintf(key, sizeof(key), "region_distances.%zu.%s", i, from ? "to" : "from");
            return config_complain(source, key, settings_not_a_label, error);
        }
    }
    if (placement->join_percent < placement->fill_percent) {
        return config_complain(source, "placement.join_percent", "less than fill_percent", error);
    }
    return 0;
}
