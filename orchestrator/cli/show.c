/* SPDX-License-Identifier: Apache-2.0
 *
 * get and describe.
 */
#include "orchestrator/cli/live.h"

static const struct cli_column node_columns[] = {
    {"NAME", "name", CLI_TEXT, false},          {"STATE", "state", CLI_STATE, false},
    {"SUSPECT", "suspect", CLI_FLAG, true},     {"REGION", "region", CLI_TEXT, false},
    {"ZONE", "zone", CLI_TEXT, false},          {"ROOMS", "rooms", CLI_NUMBER, false},
    {"PEERS", "transports", CLI_NUMBER, false}, {"WEIGHT", "weight", CLI_NUMBER, false},
    {"RESERVED", "reserved", CLI_NUMBER, true}, {"CAPACITY", "capacity", CLI_NUMBER, false},
    {"CPU", "cpu_ratio", CLI_RATIO, false},     {"LAG_US", "loop_lag_us", CLI_NUMBER, true},
    {"IN", "bps_in", CLI_BITRATE, false},       {"OUT", "bps_out", CLI_BITRATE, false},
    {"HEARD", "heard_at", CLI_AGE, true},       {"AGE", "registered_at", CLI_AGE, false},
    {"VERSION", "version", CLI_TEXT, true},     {"ID", "id", CLI_TEXT, true},
};

static const struct cli_column room_columns[] = {
    {"NAME", "name", CLI_TEXT, false},
    {"NODE", "node_name", CLI_TEXT, false},
    {"PARTICIPANTS", "participants", CLI_NUMBER, false},
    {"PUBLISHERS", "publishers", CLI_NUMBER, false},
    {"WEIGHT", "weight", CLI_NUMBER, false},
    {"AGE", "created_at", CLI_AGE, false},
    {"EPOCH", "epoch", CLI_NUMBER, true},
    {"PINNED", "pinned_node", CLI_TEXT, true},
    {"PINNED_REGION", "pinned_region", CLI_TEXT, true},
    {"SID", "sid", CLI_TEXT, true},
    {"METADATA", "metadata", CLI_TEXT, true},
};

static const struct cli_column participant_columns[] = {
    {"ROOM", "room", CLI_TEXT, false},        {"IDENTITY", "identity", CLI_TEXT, false},
    {"NAME", "name", CLI_TEXT, false},        {"STATE", "state", CLI_TEXT, false},
    {"TRACKS", "tracks", CLI_COUNT, false},   {"AGE", "joined_at", CLI_AGE, false},
    {"HIDDEN", "hidden", CLI_FLAG, true},     {"SID", "sid", CLI_TEXT, true},
    {"METADATA", "metadata", CLI_TEXT, true},
};

static const struct cli_column capacity_columns[] = {
    {"REGION", "name", CLI_TEXT, false},
    {"WANTED", "wanted_nodes", CLI_NUMBER, false},
    {"READY", "ready_nodes", CLI_NUMBER, false},
    {"DRAINING", "draining_nodes", CLI_NUMBER, true},
    {"SURPLUS", "surplus_nodes", CLI_NUMBER, false},
    {"DRAIN_NEXT", "drain_next", CLI_TEXT, false},
    {"EMPTIEST", "emptiest_node", CLI_TEXT, true},
    {"REASON", "reason", CLI_TEXT, false},
    {"NEED", "need_nodes", CLI_NUMBER, true},
    {"CARRIED", "carried_weight", CLI_NUMBER, false},
    {"GROWTH", "growth_weight", CLI_NUMBER, false},
    {"EVENTS", "events_weight", CLI_NUMBER, false},
    {"SPARE", "spare_weight", CLI_NUMBER, false},
    {"TIMETABLE", "timetable_nodes", CLI_NUMBER, false},
    {"NODE_WEIGHT", "node_weight", CLI_NUMBER, true},
};

static const struct cli_view capacity_view = {"regions", "name", capacity_columns,
                                              ARRAY_LEN(capacity_columns)};
static const struct cli_column region_columns[] = {
    {"REGION", "name", CLI_TEXT, false},
    {"ORCHESTRATORS", "orchestrators", CLI_NUMBER, false},
    {"NODES", "nodes", CLI_NUMBER, false},
    {"READY", "ready", CLI_NUMBER, false},
    {"WEIGHT", "weight", CLI_NUMBER, false},
    {"RESERVED", "reserved", CLI_NUMBER, false},
    {"CAPACITY", "capacity", CLI_NUMBER, false},
    {"PEOPLE", "participants", CLI_NUMBER, false},
    {"IN", "bps_in", CLI_BITRATE, false},
    {"OUT", "bps_out", CLI_BITRATE, false},
    {"GONE", "gone", CLI_NUMBER, true},
};

static const struct cli_column orchestrator_columns[] = {
    {"NAME", "name", CLI_TEXT, false},
    {"REGION", "region", CLI_TEXT, false},
    {"ZONE", "zone", CLI_TEXT, false},
    {"ROOMS", "rooms", CLI_NUMBER, false},
    {"PEOPLE", "participants", CLI_NUMBER, false},
    {"ID", "id", CLI_TEXT, true},
};

static const struct cli_view nodes_view = {"nodes", "name", node_columns, ARRAY_LEN(node_columns)};
static const struct cli_view rooms_view = {"rooms", "name", room_columns, ARRAY_LEN(room_columns)};
static const struct cli_view participants_view = {"participants", "identity", participant_columns,
                                                  ARRAY_LEN(participant_columns)};
static const struct cli_view regions_view = {"regions", "name", region_columns,
                                             ARRAY_LEN(region_columns)};
static const struct cli_view orchestrators_view = {"orchestrators", "name", orchestrator_columns,
                                                   ARRAY_LEN(orchestrator_columns)};

/* What nodes carry changes with each heartbeat; top tells of it. */
static const char *const node_measures[] = {"reserved", "weight",        "rooms",     "transports",
                                            "tracks",   "subscriptions", "cpu_ratio", "loop_lag_us",
                                            "bps_in",   "bps_out",       "heard_at",  "heat_ratio",
                                            NULL};
static const char *const room_measures[] = {"weight", NULL};

static const struct cli_watched watched[] = {{&nodes_view, "id", node_measures},
                                             {&rooms_view, "sid", room_measures}};

/* ---- get ----------------------------------------------------------------------------------- */

/* Adds a room's participants, each with the name of its room, to the list. */
static enum cli_exit add_participants(const struct cli *cli, const char *room, json_t *list)
{
    char path[CLI_PATH_BYTES];
    json_t *answer = NULL;
    json_t *row;
    size_t i;
    cli_path(path, sizeof(path), "rooms", room, "participants", NULL);
    enum cli_exit exit_code = cli_get(cli, path, &answer);
    if (exit_code != CLI_OK) {
        return exit_code;
    }
    json_array_foreach(json_object_get(answer, "participants"), i, row)
    {
        json_object_set_new(row, "room", json_string(room));
        json_array_append(list, row);
    }
    json_decref(answer);
    return CLI_OK;
}

enum cli_exit cli_participants(const struct cli *cli, json_t *answer)
{
    json_t *rooms = NULL;
    json_t *list = json_object_get(answer, "participants");
    const json_t *row;
    size_t i;
    enum cli_exit exit_code = cli_get(cli, "rooms", &rooms);
    if (exit_code != CLI_OK) {
        return exit_code;
    }
    json_array_foreach(json_object_get(rooms, "rooms"), i, row)
    {
        const char *room = json_string_value(json_object_get(row, "name"));
        exit_code = room == NULL ? CLI_FAILED : add_participants(cli, room, list);
        if (exit_code == CLI_NOT_FOUND) {
            exit_code = CLI_OK; /* the room ended between the two calls */
        } else if (exit_code != CLI_OK) {
            break;
        }
    }
    json_t *unanswered = json_object_get(rooms, "unanswered");
    if (unanswered != NULL) {
        json_object_set(answer, "unanswered", unanswered);
    }
    json_decref(rooms);
    return exit_code;
}

static enum cli_exit get_participants(const struct cli *cli, const char *room)
{
    json_t *list = json_array();
    json_t *answer = json_pack("{s:o}", "participants", list);
    enum cli_exit exit_code =
        room != NULL ? add_participants(cli, room, list) : cli_participants(cli, answer);
    if (exit_code == CLI_OK) {
        exit_code = cli_print(cli, answer, &participants_view);
    }
    json_decref(answer);
    return exit_code;
}

static enum cli_exit get_and_print(const struct cli *cli, const char *path,
                                   const struct cli_view *view)
{
    json_t *answer = NULL;
    enum cli_exit exit_code = cli_get(cli, path, &answer);
    if (exit_code == CLI_OK) {
        exit_code = cli_print(cli, answer, view);
    }
    json_decref(answer);
    return exit_code;
}

/* NULL: neither nodes nor rooms. */
static const struct cli_watched *list_of(const char *what)
{
    for (size_t i = 0; i < ARRAY_LEN(watched); i++) {
        if (strcmp(what, watched[i].view->list) == 0) {
            return &watched[i];
        }
    }
    return NULL;
}

/* The whole is the datum; as a table it is what its regions add up to. */
static enum cli_exit get_snapshot(const struct cli *cli)
{
    json_t *answer = NULL;
    enum cli_exit exit_code = cli_get(cli, "snapshot", &answer);
    if (exit_code == CLI_OK) {
        exit_code = cli_print_data(cli, answer, NULL) ? cli_whole(answer)
                                                      : cli_print(cli, answer, &regions_view);
    }
    json_decref(answer);
    return exit_code;
}

/* A list of the snapshot alone. */
static enum cli_exit get_part(const struct cli *cli, const struct cli_view *view)
{
    json_t *snapshot = NULL;
    enum cli_exit exit_code = cli_get(cli, "snapshot", &snapshot);
    if (exit_code == CLI_OK) {
        json_t *part = json_pack("{s:O*, s:O*}", view->list, json_object_get(snapshot, view->list),
                                 "unanswered", json_object_get(snapshot, "unanswered"));
        exit_code = cli_print(cli, part, view);
        json_decref(part);
    }
    json_decref(snapshot);
    return exit_code;
}

static enum cli_exit get_regions(const struct cli *cli)
{
    return get_part(cli, &regions_view);
}

static enum cli_exit get_orchestrators(const struct cli *cli)
{
    return get_part(cli, &orchestrators_view);
}

static enum cli_exit get_capacity(const struct cli *cli)
{
    return get_and_print(cli, "capacity", &capacity_view);
}

/* Beside what can be watched, and participants. */
static const struct {
    const char *what;
    enum cli_exit (*get)(const struct cli *cli);
} others[] = {
    {"regions", get_regions},   {"orchestrators", get_orchestrators},
    {"capacity", get_capacity}, {"snapshot", get_snapshot},
    {"fleet", cli_get_fleet},
};

/* CLI_USAGE: there is no such list. */
static enum cli_exit get_other(const struct cli *cli, const char *what)
{
    for (size_t i = 0; i < ARRAY_LEN(others); i++) {
        if (strcmp(what, others[i].what) == 0) {
            return others[i].get(cli);
        }
    }
    return cli_usage(cli, "get takes one of nodes, rooms, participants, regions, orchestrators, "
                          "capacity, snapshot, fleet");
}

enum cli_exit cli_cmd_get(struct cli *cli, int argc, char **argv)
{
    const char *room = NULL, *watch = NULL;
    char path[CLI_PATH_BYTES];
    const struct cli_option options[] = {
        {"room", "ROOM", &room, "participants of this room only"},
        {"watch", NULL, &watch, "-w: the list as it changes, as spillctl watch"},
    };
    enum cli_exit exit_code;
    cli_live_arguments(argc, argv);
    if (!cli_parse(
            cli, argc, argv,
            "get nodes|rooms [--watch] | get regions|orchestrators|capacity|snapshot|fleet | "
            "get participants [--room ROOM]",
            options, ARRAY_LEN(options), &exit_code)) {
        return exit_code;
    }
    const char *what = cli->argument_count == 1 ? cli->arguments[0] : "";
    const struct cli_watched *list = list_of(what);
    bool participants = strcmp(what, "participants") == 0;
    if (room != NULL && !participants) {
        return cli_usage(cli, "--room goes with participants only");
    }
    if (cli_on(watch) && list == NULL) {
        return cli_usage(cli, "nodes and rooms can be watched; webhooks tell of participants");
    }
    if (participants) {
        return get_participants(cli, room);
    }
    if (list == NULL) {
        return get_other(cli, what);
    }
    if (cli_on(watch)) {
        return cli_watch(cli, list);
    }
    cli_table_path(cli, list->view, path, sizeof(path));
    return get_and_print(cli, path, list->view);
}

enum cli_exit cli_cmd_watch(struct cli *cli, int argc, char **argv)
{
    enum cli_exit exit_code;
    if (!cli_parse(cli, argc, argv, "watch nodes|rooms", NULL, 0, &exit_code)) {
        return exit_code;
    }
    const struct cli_watched *list = cli->argument_count == 1 ? list_of(cli->arguments[0]) : NULL;
    if (list == NULL) {
        return cli_usage(cli, "watch takes one of nodes, rooms");
    }
    return cli_watch(cli, list);
}

/* ---- describe ------------------------------------------------------------------------------ */

static const char describe_usage[] =
    "describe node NODE | describe room ROOM | describe participant IDENTITY --room ROOM";

static enum cli_exit describe_node(const struct cli *cli, const char *name)
{
    const struct cli_view view = {.name = "name"};
    struct cli_node node;
    enum cli_exit exit_code = cli_node_find(cli, name, &node);
    if (exit_code == CLI_OK) {
        exit_code = cli_print(cli, node.json, &view);
        cli_node_free(&node);
    }
    return exit_code;
}

enum cli_exit cli_cmd_describe(struct cli *cli, int argc, char **argv)
{
    const char *room = NULL;
    const struct cli_option options[] = {
        {"room", "ROOM", &room, "the participant's room"},
    };
    char path[CLI_PATH_BYTES];
    enum cli_exit exit_code;
    if (!cli_parse(cli, argc, argv, describe_usage, options, ARRAY_LEN(options), &exit_code)) {
        return exit_code;
    }
    if (cli->argument_count != 2) {
        return cli_usage(cli, "describe takes node, room or participant, and a name");
    }
    const char *what = cli->arguments[0];
    const char *name = cli->arguments[1];
    if (strcmp(what, "node") == 0) {
        return describe_node(cli, name);
    }
    if (strcmp(what, "room") == 0) {
        cli_path(path, sizeof(path), "rooms", name, NULL);
    } else if (strcmp(what, "participant") != 0) {
        return cli_usage(cli, "there is no \"%s\" to describe", what);
    } else if (room == NULL) {
        return cli_usage(cli, "describe participant needs --room");
    } else {
        cli_path(path, sizeof(path), "rooms", room, "participants", name, NULL);
    }
    const struct cli_view view = {.name = strcmp(what, "participant") == 0 ? "identity" : "name"};
    return get_and_print(cli, path, &view);
}
