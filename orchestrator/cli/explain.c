/* SPDX-License-Identifier: Apache-2.0
 *
 * explain: why a room is where it is, and why a node takes no rooms or sheds people; with what
 * happened to it of late.
 */
#include "orchestrator/cli/cli.h"

#define EVENTS_MAX 10
#define TEXT_BYTES 512

static const struct cli_column place_columns[] = {
    {"NODE", "name", CLI_TEXT, false},
    {"REGION", "region", CLI_TEXT, false},
    {"STATE", "state", CLI_STATE, false},
    {"ROLE", "role", CLI_TEXT, false}, /* as the room says */
    {"PARTICIPANTS", "participants", CLI_NUMBER, false},
    {"WEIGHT", "weight", CLI_NUMBER, true},
    {"SINCE", "since", CLI_AGE, false},
    {"CAUSE", "cause", CLI_TEXT, true},
    {"WHY", "why", CLI_TEXT, false},
    {"ID", "id", CLI_TEXT, true},
};

static void PRINTF_LIKE(2, 3) line(const char *key, const char *format, ...)
{
    char text[TEXT_BYTES], shown[TEXT_BYTES];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    cli_harmless(shown, sizeof(shown), text);
    printf("%-16s %s\n", key, shown);
}

/* The last ones of it go into the answer. */
static enum cli_exit add_events(const struct cli *cli, json_t *answer, const char *node,
                                const char *room)
{
    json_t *events = NULL;
    enum cli_exit exit_code = cli_events_about(cli, node, room, &events);
    while (json_array_size(events) > EVENTS_MAX) {
        json_array_remove(events, 0);
    }
    json_object_set_new(answer, "events", events == NULL ? json_array() : events);
    return exit_code;
}

static void print_events(const json_t *answer)
{
    const json_t *events = json_object_get(answer, "events");
    if (json_array_size(events) > 0) {
        putchar('\n');
        cli_events_print(events);
    }
}

/* ---- A room -------------------------------------------------------------------------------- */

static void say_why(char *out, size_t cap, const json_t *place)
{
    static const char *const words[][2] = {
        {"new_room", "it was made here"},
        {"join", "somebody joined for whom this was the place"},
        {"move", "people were moved here, by an operator or by rebalancing, from"},
        {"drain", "people were moved here off a node that drains,"},
        {"gray", "people were moved here off a node that clients do not reach,"},
        {"death", "people were moved here when their node died,"},
        {"found", "it was here already when its owner took it over"}};
    const char *from = cli_text(place, "from_name");
    from = from[0] == '\0' ? cli_text(place, "from") : from;
    snprintf(out, cap, "%s", cli_text(place, "cause"));
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        if (strcmp(cli_text(place, "cause"), words[i][0]) == 0) {
            snprintf(out, cap, "%s%s%s", words[i][1], from[0] == '\0' ? "" : " ", from);
        }
    }
}

/* What the room says of the node. */
static json_t *role_of(const json_t *room, const char *id)
{
    size_t i;
    const json_t *node;
    json_array_foreach(json_object_get(room, "nodes"), i, node)
    {
        if (strcmp(cli_text(node, "id"), id) == 0) {
            return json_object_get(node, "role");
        }
    }
    return NULL;
}

static void print_places(const struct cli *cli, const json_t *answer)
{
    json_t *rows = json_array();
    json_t *place;
    size_t i;
    json_array_foreach(json_object_get(answer, "places"), i, place)
    {
        char why[TEXT_BYTES];
        json_t *row = json_copy(place);
        json_t *role = role_of(json_object_get(answer, "room"), cli_text(place, "id"));
        say_why(why, sizeof(why), place);
        json_object_set_new(row, "why", json_string(why));
        json_object_set(row, "role", role == NULL ? json_null() : role);
        json_array_append_new(rows, row);
    }
    cli_table(cli, rows, place_columns, ARRAY_LEN(place_columns));
    json_decref(rows);
}

static void print_room(const struct cli *cli, const json_t *answer)
{
    const json_t *room = json_object_get(answer, "room"), *next = json_object_get(answer, "next");
    line("room", "%s", cli_text(room, "name"));
    line("owner", "%s, epoch %" JSON_INTEGER_FORMAT, cli_text(answer, "owner"),
         json_integer_value(json_object_get(room, "epoch")));
    line("participants", "%" JSON_INTEGER_FORMAT,
         json_integer_value(json_object_get(room, "participants")));
    line("next to join", "%s%s%s", cli_text(next, "node_name"),
         cli_text(next, "node_name")[0] == '\0' ? "" : ": ", cli_text(next, "text"));
    putchar('\n');
    print_places(cli, answer);
    print_events(answer);
}

static enum cli_exit explain_room(const struct cli *cli, const char *name)
{
    char path[CLI_PATH_BYTES];
    json_t *answer = NULL;
    cli_path(path, sizeof(path), "rooms", name, "explain", NULL);
    enum cli_exit exit_code = cli_get(cli, path, &answer);
    if (exit_code != CLI_OK) {
        return exit_code;
    }
    exit_code = add_events(cli, answer, NULL, name);
    if (cli->format == CLI_NAME) {
        cli_names(json_object_get(answer, "places"), "name");
    } else if (!cli_print_data(cli, answer, NULL)) {
        print_room(cli, answer);
    }
    json_decref(answer);
    return exit_code;
}

/* ---- A node -------------------------------------------------------------------------------- */

/* Whether one more room could go there, by what placement says of it. */
static bool takes_rooms(const char *reason)
{
    static const char *const would[] = {"chosen", "fuller", "not_sampled"};
    bool takes = false;
    for (size_t i = 0; i < ARRAY_LEN(would); i++) {
        takes |= strcmp(reason, would[i]) == 0;
    }
    return takes;
}

/* What placement says of the node to a new room in its region. */
static enum cli_exit ask_placement(const struct cli *cli, const struct cli_node *node,
                                   json_t *answer)
{
    json_t *body = json_pack("{s:O}", "region", json_object_get(node->json, "region"));
    json_t *place = NULL;
    const json_t *row;
    size_t i;
    enum cli_exit exit_code = cli_post(cli, "place", body, &place);
    json_array_foreach(json_object_get(place, "nodes"), i, row)
    {
        if (strcmp(cli_text(row, "id"), node->id) == 0) {
            const char *reason = cli_text(row, "reason");
            json_object_set_new(answer, "takes_rooms", json_boolean(takes_rooms(reason)));
            json_object_set_new(answer, "reason", json_string(reason));
            json_object_set(answer, "text", json_object_get(row, "text"));
        }
    }
    json_decref(place);
    json_decref(body);
    return exit_code;
}

static void print_heat(const json_t *node)
{
    static const char *const causes[][2] = {{"weight", "its weight"},
                                            {"cpu", "the use of its core"},
                                            {"loop_lag", "the lag of its loop"}};
    double heat = 100 * json_number_value(json_object_get(node, "heat_ratio"));
    const char *hot = cli_text(node, "hot");
    if (hot[0] == '\0') {
        line("sheds people", "no: %.0f %% of what is hot", heat);
    }
    for (size_t i = 0; i < ARRAY_LEN(causes); i++) {
        if (strcmp(hot, causes[i][0]) == 0) {
            line("sheds people", "yes: it is hot by %s, %.0f %%", causes[i][1], heat);
        }
    }
}

static void print_reach(const json_t *node)
{
    const char *gray = cli_text(node, "gray");
    if (strcmp(gray, "unreached") == 0) {
        line("reached", "no: who joins, moves or restarts his ICE does not reach it");
    } else if (strcmp(gray, "losing") == 0) {
        line("reached", "no: it lost the media of those who were on it");
    } else if (strcmp(cli_text(node, "state"), "gray") == 0) {
        line("reached", "no, another orchestrator says");
    } else {
        line("reached", "yes");
    }
    line("heard", "%s",
         json_is_true(json_object_get(node, "suspect"))
             ? "no: it may be dead, and gets nobody new until that is known"
             : "yes");
}

static void print_node(const json_t *answer)
{
    const json_t *node = json_object_get(answer, "node");
    bool takes = json_is_true(json_object_get(answer, "takes_rooms"));
    line("node", "%s", cli_text(node, "name"));
    line("state", "%s", cli_text(node, "state"));
    line("region", "%s", cli_text(node, "region"));
    line("weight",
         "%" JSON_INTEGER_FORMAT " and %" JSON_INTEGER_FORMAT " reserved, of %" JSON_INTEGER_FORMAT,
         json_integer_value(json_object_get(node, "weight")),
         json_integer_value(json_object_get(node, "reserved")),
         json_integer_value(json_object_get(node, "capacity")));
    line("takes rooms", "%s: %s", takes ? "yes" : "no", cli_text(answer, "text"));
    print_heat(node);
    print_reach(node);
    print_events(answer);
}

static enum cli_exit explain_node(const struct cli *cli, const char *name)
{
    struct cli_node node;
    enum cli_exit exit_code = cli_node_find(cli, name, &node);
    if (exit_code != CLI_OK) {
        return exit_code;
    }
    json_t *answer = json_pack("{s:O}", "node", node.json);
    exit_code = ask_placement(cli, &node, answer);
    if (exit_code == CLI_OK) {
        exit_code = add_events(cli, answer, node.id, NULL);
    }
    if (exit_code == CLI_OK && cli->format == CLI_NAME) {
        puts(node.name);
    } else if (exit_code == CLI_OK && !cli_print_data(cli, answer, NULL)) {
        print_node(answer);
    }
    if (exit_code == CLI_OK) {
        exit_code = cli_whole(node.json);
    }
    json_decref(answer);
    cli_node_free(&node);
    return exit_code;
}

/* ---- The command --------------------------------------------------------------------------- */

/* Whichever there is, by its whole name. */
static enum cli_exit explain_any(const struct cli *cli, const char *name)
{
    struct cli hushed = *cli;
    struct cli_node node;
    char path[CLI_PATH_BYTES];
    json_t *room = NULL;
    hushed.hush = CLI_HUSH_NOT_FOUND;
    enum cli_exit of_node = cli_node_get(&hushed, name, &node);
    if (of_node != CLI_OK && of_node != CLI_NOT_FOUND) {
        return of_node;
    }
    if (of_node == CLI_OK) {
        cli_node_free(&node);
    }
    cli_path(path, sizeof(path), "rooms", name, NULL);
    enum cli_exit of_room = cli_get(&hushed, path, &room);
    json_decref(room);
    if (of_room != CLI_OK && of_room != CLI_NOT_FOUND) {
        return of_room;
    }
    if (of_room == of_node) {
        if (of_room == CLI_OK) {
            return cli_usage(cli, "a node and a room are called \"%s\": explain room or node",
                             name);
        }
        cli_say("neither a room nor a node is called \"%s\"", name);
        return CLI_NOT_FOUND;
    }
    return of_room == CLI_OK ? explain_room(cli, name) : explain_node(cli, name);
}

enum cli_exit cli_cmd_explain(struct cli *cli, int argc, char **argv)
{
    enum cli_exit exit_code;
    if (!cli_parse(cli, argc, argv, "explain room ROOM | explain node NODE | explain NAME", NULL, 0,
                   &exit_code)) {
        return exit_code;
    }
    const char *what = cli->argument_count > 0 ? cli->arguments[0] : "";
    if (cli->argument_count == 1 && what[0] != '\0') {
        return explain_any(cli, what);
    }
    if (cli->argument_count == 2 && strcmp(what, "room") == 0) {
        return explain_room(cli, cli->arguments[1]);
    }
    if (cli->argument_count == 2 && strcmp(what, "node") == 0) {
        return explain_node(cli, cli->arguments[1]);
    }
    return cli_usage(cli, "explain takes room or node, and a name");
}
