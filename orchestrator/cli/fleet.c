/* SPDX-License-Identifier: Apache-2.0
 *
 * get fleet: the cluster as it is now, as the file that sim takes (sim/fleet.h). A room belongs to
 * the region that has most of its people; rooms of a size are counted.
 */
#include <stdlib.h>

#include "orchestrator/cli/cli.h"

#define UNNAMED "unnamed" /* a region that settings left without a name */

static const char *region_name(const json_t *object)
{
    const char *name = cli_text(object, "name");
    return name[0] == '\0' ? UNNAMED : name;
}

static json_int_t number(const json_t *object, const char *key)
{
    return json_integer_value(json_object_get(object, key));
}

/* ---- Rooms --------------------------------------------------------------------------------- */

/* Node ids to the regions of these. To be released. */
static json_t *list_homes(const json_t *snapshot)
{
    json_t *homes = json_object();
    const json_t *node;
    size_t i;
    json_array_foreach(json_object_get(snapshot, "nodes"), i, node)
    {
        const char *region = cli_text(node, "region");
        json_object_set_new(homes, cli_text(node, "id"),
                            json_string(region[0] == '\0' ? UNNAMED : region));
    }
    return homes;
}

/* NULL: nobody is in it. */
static const char *home_of(const json_t *room, const json_t *homes)
{
    json_t *people = json_object();
    const char *home = NULL;
    const json_t *node;
    size_t i;
    json_array_foreach(json_object_get(room, "nodes"), i, node)
    {
        const char *region = json_string_value(json_object_get(homes, cli_text(node, "id")));
        if (region == NULL || number(node, "participants") == 0) {
            continue;
        }
        json_int_t sum = number(people, region) + number(node, "participants");
        json_object_set_new(people, region, json_integer(sum));
        if (home == NULL || sum > number(people, home)) {
            home = region;
        }
    }
    json_decref(people);
    return home;
}

/* One more of this size. Who watches alone has nobody to watch: a room has a publisher. */
static void count_room(json_t *sizes, const json_t *room)
{
    json_int_t people = number(room, "participants");
    json_int_t publishers = MIN(MAX(number(room, "publishers"), 1), people);
    char key[64];
    snprintf(key, sizeof(key), "%" JSON_INTEGER_FORMAT ".%" JSON_INTEGER_FORMAT, people,
             publishers);
    json_t *size = json_object_get(sizes, key);
    if (size == NULL) {
        size = json_pack("{s:i, s:I, s:I}", "count", 0, "people", people, "publishers", publishers);
        json_object_set_new(sizes, key, size);
    }
    json_object_set_new(size, "count", json_integer(number(size, "count") + 1));
}

/* By region, of an object that has a row for each size. To be released. */
static json_t *list_sizes(const json_t *snapshot)
{
    json_t *homes = list_homes(snapshot), *regions = json_object();
    const json_t *room;
    size_t i;
    json_array_foreach(json_object_get(snapshot, "rooms"), i, room)
    {
        const char *home = home_of(room, homes);
        if (home == NULL || number(room, "participants") == 0) {
            continue;
        }
        if (json_object_get(regions, home) == NULL) {
            json_object_set_new(regions, home, json_object());
        }
        count_room(json_object_get(regions, home), room);
    }
    json_decref(homes);
    return regions;
}

/* ---- Regions ------------------------------------------------------------------------------- */

/* Those without a living node carry nobody. */
static json_t *regions_json(const json_t *snapshot)
{
    json_t *rows = json_array(), *sizes = list_sizes(snapshot);
    const json_t *region;
    size_t i;
    json_array_foreach(json_object_get(snapshot, "regions"), i, region)
    {
        const char *name = region_name(region), *key;
        json_int_t nodes = number(region, "nodes");
        json_t *size, *rooms = json_array();
        json_object_foreach(json_object_get(sizes, name), key, size)
        {
            json_array_append(rooms, size);
        }
        if (nodes > 0) {
            json_array_append_new(
                rows, json_pack("{s:s, s:I, s:I, s:O}", "name", name, "nodes", nodes, "capacity",
                                number(region, "capacity") / nodes, "rooms", rooms));
        }
        json_decref(rooms);
    }
    json_decref(sizes);
    return rows;
}

static bool is_listed(const json_t *regions, const char *name)
{
    const json_t *region;
    bool listed = false;
    size_t i;
    json_array_foreach(regions, i, region)
    {
        listed |= strcmp(cli_text(region, "name"), name) == 0;
    }
    return listed;
}

/* Each pair once; what is far is left out. */
static json_t *distances_json(const json_t *snapshot, const json_t *listed)
{
    json_t *rows = json_array();
    const json_t *region, *link;
    size_t i, j;
    json_array_foreach(json_object_get(snapshot, "regions"), i, region)
    {
        json_array_foreach(json_object_get(region, "links"), j, link)
        {
            const char *from = region_name(region), *to = cli_text(link, "to");
            const json_t *ms = json_object_get(link, "distance_ms");
            if (json_is_integer(ms) && strcmp(from, to) < 0 && is_listed(listed, from) &&
                is_listed(listed, to)) {
                json_array_append_new(
                    rows, json_pack("{s:s, s:s, s:O}", "from", from, "to", to, "ms", ms));
            }
        }
    }
    return rows;
}

/* ---- Placement ----------------------------------------------------------------------------- */

/* What the settings say of it, which may be an admin's to see. */
static json_t *placement_json(const struct cli *cli)
{
    static const char group[] = "placement.";
    struct cli hushed = *cli;
    json_t *answer = NULL, *placement = json_object();
    const json_t *setting;
    size_t i;
    hushed.hush = CLI_HUSH_ALL;
    if (cli_get(&hushed, "config", &answer) != CLI_OK) {
        cli_say("the settings of placement cannot be read (role admin): their defaults hold");
    }
    json_array_foreach(json_object_get(answer, "settings"), i, setting)
    {
        const char *name = cli_text(setting, "name");
        char *end;
        long long value = strtoll(cli_text(setting, "value"), &end, 10);
        if (strncmp(name, group, strlen(group)) == 0 && *end == '\0') {
            json_object_set_new(placement, name + strlen(group), json_integer(value));
        }
    }
    json_decref(answer);
    return placement;
}

enum cli_exit cli_get_fleet(const struct cli *cli)
{
    struct cli file = *cli;
    json_t *snapshot = NULL;
    enum cli_exit exit_code = cli_get(cli, "snapshot", &snapshot);
    if (exit_code != CLI_OK) {
        return exit_code;
    }
    json_t *regions = regions_json(snapshot);
    json_t *fleet =
        json_pack("{s:I, s:o, s:o, s:o}", "orchestrators",
                  (json_int_t)json_array_size(json_object_get(snapshot, "orchestrators")),
                  "placement", placement_json(cli), "regions", regions, "region_distances",
                  distances_json(snapshot, regions));
    if (cli->format == CLI_NAME) {
        cli_names(regions, "name");
    } else {
        bool table = cli->format == CLI_TABLE || cli->format == CLI_WIDE;
        file.format = table ? CLI_YAML : cli->format;
        cli_print_data(&file, fleet, "regions");
    }
    exit_code = cli_whole(snapshot);
    json_decref(fleet);
    json_decref(snapshot);
    return exit_code;
}
