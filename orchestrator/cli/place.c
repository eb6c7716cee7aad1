/* SPDX-License-Identifier: Apache-2.0
 *
 * place: where somebody would go now, and why not to the other nodes. Changes nothing.
 */
#include <stdlib.h>

#include "orchestrator/cli/cli.h"

static const struct cli_column columns[] = {
    {"NODE", "name", CLI_TEXT, false},
    {"REGION", "region", CLI_TEXT, false},
    {"ZONE", "zone", CLI_TEXT, true},
    {"STATE", "state", CLI_STATE, true},
    {"WEIGHT", "weight", CLI_NUMBER, false},
    {"RESERVED", "reserved", CLI_NUMBER, false},
    {"CAPACITY", "capacity", CLI_NUMBER, false},
    {"REASON", "reason", CLI_TEXT, false},
    {"WHY", "text", CLI_TEXT, false},
    {"ID", "id", CLI_TEXT, true},
};

/* What room there is for those who are still to come. */
static void say_expected(const struct cli *cli, const json_t *answer)
{
    static const char *const froms[][2] = {{"asked", "as asked"},
                                           {"tag", "by its tag expected_participants"},
                                           {"max_participants", "by its max_participants"},
                                           {"history", "as before under its name"}};
    const char *from = json_string_value(json_object_get(answer, "expected_from"));
    for (size_t i = 0; from != NULL && i < ARRAY_LEN(froms); i++) {
        if (strcmp(from, froms[i][0]) == 0) {
            json_int_t count = json_integer_value(json_object_get(answer, "expected_participants"));
            cli_talk(cli, "%s %s expected, %s", COUNT_PEOPLE(count), count == 1 ? "is" : "are",
                     froms[i][1]);
        }
    }
}

static void print_answer(const struct cli *cli, const json_t *answer)
{
    const char *node = json_string_value(json_object_get(answer, "node_name"));
    const char *text = json_string_value(json_object_get(answer, "text"));
    if (cli_print_data(cli, answer, NULL)) {
        return;
    }
    if (cli->format == CLI_NAME) {
        if (node != NULL && node[0] != '\0') {
            puts(node);
        }
        return;
    }
    cli_talk(cli, "%s: %s", node == NULL || node[0] == '\0' ? "no node" : node,
             text == NULL ? "" : text);
    say_expected(cli, answer);
    cli_table(cli, json_object_get(answer, "nodes"), columns, ARRAY_LEN(columns));
}

/* Refused, where nobody would be let in: so that scripts can ask before an event. */
static enum cli_exit ask(const struct cli *cli, const json_t *body)
{
    const char *room = cli_text(body, "room");
    json_t *answer = NULL;
    enum cli_exit exit_code = cli_post(cli, "place", body, &answer);
    if (exit_code != CLI_OK) {
        return exit_code;
    }
    const char *node = json_string_value(json_object_get(answer, "node"));
    bool refused = node == NULL || node[0] == '\0';
    if (room[0] != '\0' && cli_text(answer, "room")[0] == '\0') { /* it is of a new one then */
        cli_say("no room is called \"%s\" now; where a new one would go: place --dry-run", room);
        json_decref(answer);
        return CLI_NOT_FOUND;
    }
    print_answer(cli, answer);
    json_decref(answer);
    return refused ? CLI_REFUSED : CLI_OK;
}

enum cli_exit cli_cmd_place(struct cli *cli, int argc, char **argv)
{
    const char *region = NULL;
    const char *participants = NULL;
    const char *identity = NULL;
    const char *dry_run = NULL;
    const struct cli_option options[] = {
        {"dry-run", NULL, &dry_run, "a room that is not there; nothing is changed either way"},
        {"region", "REGION", &region, "where the client is (the orchestrator's)"},
        {"participants", "N", &participants, "how many are expected, for the weight"},
        {"identity", "NAME", &identity, "whose: those who are in the room come back first"},
    };
    enum cli_exit exit_code;
    if (!cli_parse(cli, argc, argv, "place explain ROOM | place --dry-run", options,
                   ARRAY_LEN(options), &exit_code)) {
        return exit_code;
    }
    bool explain = cli->argument_count == 2 && strcmp(cli->arguments[0], "explain") == 0 &&
                   cli->arguments[1][0] != '\0';
    if (explain == (cli_on(dry_run)) || (!explain && cli->argument_count > 0)) {
        return cli_usage(cli, "place takes either explain and a room, or --dry-run");
    }
    char *end = NULL;
    long number = participants == NULL ? 0 : strtol(participants, &end, 10);
    if (participants != NULL && (*end != '\0' || end == participants || number < 1)) {
        return cli_usage(cli, "--participants takes a number");
    }
    json_t *body =
        json_pack("{s:s, s:I, s:s}", "room", explain ? cli->arguments[1] : "", "participants",
                  (json_int_t)number, "identity", identity == NULL ? "" : identity);
    if (body == NULL ||
        (region != NULL && json_object_set_new(body, "region", json_string(region)) != 0)) {
        json_decref(body);
        return cli_usage(cli, "names are UTF-8");
    }
    exit_code = ask(cli, body);
    json_decref(body);
    return exit_code;
}
