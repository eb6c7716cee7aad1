/* SPDX-License-Identifier: Apache-2.0
 *
 * GET snapshot: the whole cluster in one answer, so that whoever shows it shows one picture. Its
 * version is a digest of what was decided and who is where, without what is measured: loads are
 * new with each heartbeat, and each orchestrator hears them at another moment.
 */
#include "orchestrator/core/orch/private.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#define VERSION_MAX 24

/* ---- One orchestrator's part --------------------------------------------------------------- */

/* A name that was cut within a character is none. */
static json_t *name_json(const struct orch_config *config)
{
    json_t *name = config->journal == NULL ? NULL : json_string(journal_name(config->journal));
    return name == NULL ? json_string("") : name;
}

static json_t *self_json(const struct orch *orch)
{
    const struct orch_config *config = &orch->config;
    size_t people = 0;
    for (const struct room_entry *entry = orch->rooms; entry != NULL; entry = entry->hh.next) {
        people += room_participant_count(entry->room);
    }
    return json_pack("{s:s, s:o, s:s, s:s, s:I, s:I}", "id", config->id, "name", name_json(config),
                     "region", config->region, "zone", config->zone, "rooms",
                     (json_int_t)HASH_COUNT(orch->rooms), "participants", (json_int_t)people);
}

json_t *orch_snapshot(const struct orch *orch)
{
    json_t *snapshot = json_pack("{s:s, s:o, s:[o], s:o, s:o, s:o}", "version", "", "time",
                                 orch_time_json(orch, orch->now_us), "orchestrators",
                                 self_json(orch), "regions", orch_links_json(orch), "nodes",
                                 orch_nodes_json(orch), "rooms", orch_rooms_json(orch));
    orch_snapshot_finish(snapshot);
    return snapshot;
}

/* ---- Regions ------------------------------------------------------------------------------- */

static const char *const states[] = {"ready", "cordoned", "draining", "gray", "gone"};
static const char *const sums[] = {"capacity",   "weight", "reserved",
                                   "transports", "bps_in", "bps_out"};

static const char *text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text == NULL ? "" : text;
}

static void add(json_t *to, const char *key, json_int_t number)
{
    json_int_t sum = json_integer_value(json_object_get(to, key)) + number;
    json_object_set_new(to, key, json_integer(sum));
}

static json_t *region_of(json_t *regions, const char *name)
{
    size_t i;
    json_t *region;
    json_array_foreach(regions, i, region)
    {
        if (strcmp(text_of(region, "name"), name) == 0) {
            return region;
        }
    }
    region = json_pack("{s:s, s:[]}", "name", name, "links");
    json_array_append_new(regions, region);
    return region;
}

static void begin(json_t *region)
{
    json_t *links = json_incref(json_object_get(region, "links"));
    json_object_del(region, "links"); /* they come last */
    json_object_set_new(region, "orchestrators", json_integer(0));
    json_object_set_new(region, "nodes", json_integer(0));
    for (size_t i = 0; i < ARRAY_LEN(states); i++) {
        json_object_set_new(region, states[i], json_integer(0));
    }
    for (size_t i = 0; i < ARRAY_LEN(sums); i++) {
        json_object_set_new(region, sums[i], json_integer(0));
    }
    json_object_set_new(region, "participants", json_integer(0));
    json_object_set_new(region, "links", links);
}

/* Of those that are gone it says how many there were. */
static void add_node(json_t *region, const json_t *node)
{
    add(region, text_of(node, "state"), 1);
    if (strcmp(text_of(node, "state"), "gone") == 0) {
        return;
    }
    add(region, "nodes", 1);
    for (size_t i = 0; i < ARRAY_LEN(sums); i++) {
        add(region, sums[i], json_integer_value(json_object_get(node, sums[i])));
    }
}

/* where: the region of each node, by its id. */
static void add_people(json_t *where, const json_t *room)
{
    size_t i;
    const json_t *node;
    json_array_foreach(json_object_get(room, "nodes"), i, node)
    {
        json_t *region = json_object_get(where, text_of(node, "id"));
        if (region != NULL) {
            add(region, "participants", json_integer_value(json_object_get(node, "participants")));
        }
    }
}

static void add_up(json_t *snapshot)
{
    json_t *regions = json_object_get(snapshot, "regions"), *where = json_object();
    json_t *item;
    size_t i;
    json_array_foreach(json_object_get(snapshot, "nodes"), i, item)
    {
        (void)region_of(regions, text_of(item, "region"));
    }
    json_array_foreach(json_object_get(snapshot, "orchestrators"), i, item)
    {
        (void)region_of(regions, text_of(item, "region"));
    }
    json_array_foreach(regions, i, item)
    {
        begin(item);
    }
    json_array_foreach(json_object_get(snapshot, "orchestrators"), i, item)
    {
        add(region_of(regions, text_of(item, "region")), "orchestrators", 1);
    }
    json_array_foreach(json_object_get(snapshot, "nodes"), i, item)
    {
        json_t *region = region_of(regions, text_of(item, "region"));
        add_node(region, item);
        json_object_set(where, text_of(item, "id"), region);
    }
    json_array_foreach(json_object_get(snapshot, "rooms"), i, item)
    {
        add_people(where, item);
    }
    json_decref(where);
}

/* ---- Version ------------------------------------------------------------------------------- */

static int fold(const char *text, size_t len, void *arg)
{
    uint64_t *hash = arg;
    for (size_t i = 0; i < len; i++) { /* FNV-1a */
        *hash = (*hash ^ (uint8_t)text[i]) * 0x100000001b3;
    }
    return 0;
}

static void fold_list(const json_t *list, const char *const *keys, size_t count, uint64_t *hash)
{
    size_t i;
    const json_t *item;
    json_array_foreach(list, i, item)
    {
        for (size_t k = 0; k < count; k++) {
            (void)json_dump_callback(json_object_get(item, keys[k]), fold, hash,
                                     JSON_ENCODE_ANY | JSON_COMPACT | JSON_SORT_KEYS);
        }
    }
    fold("|", 1, hash);
}

void orch_snapshot_finish(json_t *snapshot)
{
    static const char *const orchestrator_keys[] = {"id", "name", "region", "rooms",
                                                    "participants"};
    static const char *const node_keys[] = {"id",      "name",  "region",  "zone",
                                            "version", "state", "capacity"};
    static const char *const room_keys[] = {
        "name", "sid", "epoch", "nodes", "participants", "publishers", "max_participants"};
    char text[VERSION_MAX];
    uint64_t hash = 0xcbf29ce484222325;
    add_up(snapshot);
    fold_list(json_object_get(snapshot, "orchestrators"), orchestrator_keys,
              ARRAY_LEN(orchestrator_keys), &hash);
    fold_list(json_object_get(snapshot, "nodes"), node_keys, ARRAY_LEN(node_keys), &hash);
    fold_list(json_object_get(snapshot, "rooms"), room_keys, ARRAY_LEN(room_keys), &hash);
    snprintf(text, sizeof(text), "%016llx", (unsigned long long)hash);
    json_object_set_new(snapshot, "version", json_string(text));
}
