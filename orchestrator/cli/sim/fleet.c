/* SPDX-License-Identifier: Apache-2.0 */
#include "orchestrator/cli/sim/fleet.h"

#include "orchestrator/core/ownership/ownership.h"

#include <stdio.h>

static const struct config_key rooms_keys[] = {
    CONFIG_INT("count", struct fleet_rooms, count, "1", 1, FLEET_PEOPLE_MAX),
    CONFIG_INT("people", struct fleet_rooms, people, "2", 1, 100000),
    CONFIG_INT("publishers", struct fleet_rooms, publishers, "0", 0, 100000),
};
static const struct config_table rooms_table = CONFIG_TABLE(rooms_keys, struct fleet_rooms);

static const struct config_key region_keys[] = {
    CONFIG_STRING_REQUIRED("name", struct fleet_region, name),
    CONFIG_INT("nodes", struct fleet_region, nodes, "1", 1, FLEET_NODES_MAX),
    CONFIG_INT("capacity", struct fleet_region, capacity, "4000", 1, 1000000),
    CONFIG_INT("people", struct fleet_region, people, "0", 0, FLEET_PEOPLE_MAX),
    CONFIG_LIST("rooms", struct fleet_region, rooms, &rooms_table, false),
};
static const struct config_table region_table = CONFIG_TABLE(region_keys, struct fleet_region);

static const struct config_key keys[] = {
    CONFIG_INT("orchestrators", struct fleet, orchestrators, "3", 1, OWNERSHIP_MEMBERS_MAX),
    CONFIG_GROUP("placement", struct fleet, placement, &settings_placement_table),
    CONFIG_LIST("regions", struct fleet, regions, &region_table, true),
    CONFIG_LIST("region_distances", struct fleet, region_distances, &settings_distance_table,
                false),
};
static const struct config_table table = CONFIG_TABLE(keys, struct fleet);

/* ---- What ranges do not say ---------------------------------------------------------------- */

struct check {
    const struct fleet *fleet;
    const struct config_source *source;
    char *error;
    int64_t nodes, people;
};

PRINTF_LIKE(3, 4)
static int complain(const struct check *c, const char *text, const char *key, ...)
{
    char path[64];
    va_list args;
    va_start(args, key);
    vsnprintf(path, sizeof(path), key, args);
    va_end(args);
    return config_complain(c->source, path, text, c->error);
}

static bool is_region(const struct fleet *fleet, const char *name, size_t below)
{
    const struct fleet_region *regions = fleet->regions.items;
    size_t i = 0;
    while (i < below && strcmp(regions[i].name, name) != 0) {
        i++;
    }
    return i < below;
}

static int check_region(struct check *c, size_t index)
{
    const struct fleet_region *region = (struct fleet_region *)c->fleet->regions.items + index;
    const struct fleet_rooms *rooms = region->rooms.items;
    if (!config_is_label(region->name)) {
        return complain(c, settings_not_a_label, "regions.%zu.name", index);
    }
    if (is_region(c->fleet, region->name, index)) {
        return complain(c, "there is a region of this name", "regions.%zu.name", index);
    }
    c->nodes += region->nodes;
    c->people += region->people;
    for (size_t i = 0; i < region->rooms.count; i++) {
        if (rooms[i].publishers > rooms[i].people) {
            return complain(c, "more than people", "regions.%zu.rooms.%zu.publishers", index, i);
        }
        c->people += rooms[i].count * rooms[i].people;
    }
    return 0;
}

static int check(const struct fleet *fleet, const struct config_source *source,
                 char error[CONFIG_ERROR_MAX])
{
    struct check c = {.fleet = fleet, .source = source, .error = error};
    const struct settings_distance *distances = fleet->region_distances.items;
    int err = settings_check_placement(&fleet->placement, &fleet->region_distances, source, error);
    for (size_t i = 0; i < fleet->regions.count && err == 0; i++) {
        err = check_region(&c, i);
    }
    if (err == 0 && fleet->regions.count > FLEET_REGIONS_MAX) {
        return complain(&c, "more than 64", "regions");
    }
    if (err == 0 && (c.nodes > FLEET_NODES_MAX || c.people > FLEET_PEOPLE_MAX)) {
        return complain(&c, "more than 10000 nodes, or 2000000 people, in all", "regions");
    }
    for (size_t i = 0; i < fleet->region_distances.count && err == 0; i++) {
        bool from = is_region(fleet, distances[i].from, fleet->regions.count);
        if (!from || !is_region(fleet, distances[i].to, fleet->regions.count)) {
            return complain(&c, "none of the regions", "region_distances.%zu.%s", i,
                            from ? "to" : "from");
        }
    }
    return err;
}

/* ---- Reading ------------------------------------------------------------------------------- */

static int finish(struct fleet *fleet, int err, const struct config_source *source,
                  char error[CONFIG_ERROR_MAX])
{
    if (err == 0 && (err = check(fleet, source, error)) != 0) {
        fleet_free(fleet);
    }
    return err;
}

int fleet_read(struct fleet *out, const char *path, char error[CONFIG_ERROR_MAX])
{
    const struct config_source source = {.path = path};
    return finish(out, config_load(&table, &source, out, error), &source, error);
}

int fleet_parse(struct fleet *out, const char *name, struct bytes text,
                char error[CONFIG_ERROR_MAX])
{
    const struct config_source source = {.path = NULL};
    return finish(out, config_parse(&table, &source, name, text, out, error), &source, error);
}

void fleet_free(struct fleet *fleet)
{
    config_free(&table, fleet);
}
