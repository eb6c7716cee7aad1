/* SPDX-License-Identifier: Apache-2.0
 *
 * move: a room, or one of its people, to another node.
 */
#include "orchestrator/cli/cli.h"

struct move {
    const char *room, *identity; /* NULL: everybody */
    const char *to_text, *yes, *dry_run;
    struct cli_node to;
};

static const struct cli_column plan_columns[] = {
    {"ROOM", "room", CLI_TEXT, false},
    {"PARTICIPANT", "participant", CLI_TEXT, false},
    {"FROM", "from_name", CLI_TEXT, false},
    {"TO", "to_name", CLI_TEXT, false},
    {"PEOPLE", "participants", CLI_NUMBER, false},
};
static const struct cli_view plan_view = {"moves", "room", plan_columns, ARRAY_LEN(plan_columns)};

/* ---- --dry-run ----------------------------------------------------------------------------- */

static void add_move(json_t *rows, const struct move *move, const char *from, const char *from_name,
                     json_int_t people)
{
    if (from != NULL && strcmp(from, move->to.id) != 0 && people > 0) {
        json_array_append_new(rows, json_pack("{s:s, s:s?, s:s, s:s?, s:s, s:s, s:I}", "room",
                                              move->room, "participant", move->identity, "from",
                                              from, "from_name", from_name, "to", move->to.id,
                                              "to_name", move->to.name, "participants", people));
    }
}

static const char *text_of(const json_t *json, const char *key)
{
    return json_string_value(json_object_get(json, key));
}

static enum cli_exit plan(const struct cli *cli, const struct move *move)
{
    char path[CLI_PATH_BYTES];
    json_t *answer = NULL;
    const json_t *node;
    size_t i;
    cli_path(path, sizeof(path), "rooms", move->room,
             move->identity == NULL ? NULL : "participants", move->identity, NULL);
    enum cli_exit exit_code = cli_get(cli, path, &answer);
    if (exit_code != CLI_OK) {
        return exit_code;
    }
    json_t *rows = json_array();
    if (move->identity != NULL) {
        add_move(rows, move, text_of(answer, "node"), text_of(answer, "node_name"), 1);
    }
    json_array_foreach(move->identity == NULL ? json_object_get(answer, "nodes") : NULL, i, node)
    {
        add_move(rows, move, text_of(node, "id"), text_of(node, "name"),
                 json_integer_value(json_object_get(node, "participants")));
    }
    json_t *moves = json_pack("{s:o}", "moves", rows);
    if (json_array_size(rows) == 0) {
        cli_say("nobody is anywhere else");
        exit_code = CLI_REFUSED;
    } else {
        cli_talk(cli, "would move; nothing was done");
        exit_code = cli_print(cli, moves, &plan_view);
    }
    json_decref(moves);
    json_decref(answer);
    return exit_code;
}

/* ---- move ---------------------------------------------------------------------------------- */

/* From a node by its id, which is said by its name if it can be had. */
static void tell(const struct cli *cli, const char *who, const char *from, const char *to)
{
    struct cli hushed = *cli;
    struct cli_node node = {.name = from == NULL || from[0] == '\0' ? "no node" : from};
    hushed.hush = CLI_HUSH_ALL;
    if (from != NULL && from[0] != '\0' && !cli_on(cli->quiet)) {
        (void)cli_node_get(&hushed, from, &node);
    }
    cli_talk(cli, "%s moves from %s to %s", who, node.name, to);
    cli_node_free(&node);
}

static enum cli_exit move_now(const struct cli *cli, const struct move *move)
{
    char path[CLI_PATH_BYTES];
    json_t *answer = NULL;
    const char *who = move->identity == NULL ? move->room : move->identity;
    enum cli_exit exit_code =
        move->to.exact ? CLI_OK : cli_confirm(cli, move->yes, "moves %s to %s", who, move->to.name);
    if (exit_code != CLI_OK) {
        return exit_code;
    }
    json_t *body = json_pack("{s:s, s:s*}", "to", move->to.id, "participant", move->identity);
    if (body == NULL) {
        return cli_usage(cli, "the identity is not UTF-8");
    }
    cli_path(path, sizeof(path), "rooms", move->room, "move", NULL);
    exit_code = cli_post(cli, path, body, &answer);
    if (exit_code == CLI_OK) {
        tell(cli, who, text_of(answer, "from"), move->to.name);
        cli_print_data(cli, answer, NULL);
    }
    json_decref(body);
    json_decref(answer);
    return exit_code;
}

enum cli_exit cli_cmd_move(struct cli *cli, int argc, char **argv)
{
    struct move move = {0};
    const struct cli_option options[] = {
        {"room", "ROOM", &move.room, "the room to move, or that of the participant"},
        {"to", "NODE", &move.to_text, "the node that is to have them"},
        CLI_DRY_RUN(&move.dry_run),
        CLI_YES(&move.yes),
    };
    enum cli_exit exit_code;
    if (!cli_parse(cli, argc, argv, "move [IDENTITY] --room ROOM --to NODE", options,
                   ARRAY_LEN(options), &exit_code)) {
        return exit_code;
    }
    if (move.room == NULL || move.to_text == NULL || cli->argument_count > 1) {
        return cli_usage(cli, "move needs --room and --to, and may name one participant");
    }
    move.identity = cli->argument_count > 0 ? cli->arguments[0] : NULL;
    exit_code = cli_node_find(cli, move.to_text, &move.to);
    if (exit_code == CLI_OK) {
        exit_code = cli_on(move.dry_run) ? plan(cli, &move) : move_now(cli, &move);
        cli_node_free(&move.to);
    }
    return exit_code;
}
