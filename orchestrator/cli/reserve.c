/* SPDX-License-Identifier: Apache-2.0
 *
 * reserve: an event that is going to need nodes, so that they have started when it begins.
 */
#include <stdlib.h>

#include "orchestrator/cli/cli.h"

#define RESERVE_USAGE                                                                              \
    "reserve --room ROOM --people N --at TIME --for DURATION | reserve list | reserve cancel ID"

static const struct cli_column columns[] = {
    {"ID", "id", CLI_TEXT, false},
    {"ROOM", "room", CLI_TEXT, false},
    {"REGION", "region", CLI_TEXT, false},
    {"PEOPLE", "people", CLI_NUMBER, false},
    {"MISSING", "missing", CLI_NUMBER, false},
    {"AT", "at", CLI_TEXT, false},
    {"FOR_S", "for_s", CLI_NUMBER, false},
};

static const struct cli_view rows_view = {"reservations", "id", columns, ARRAY_LEN(columns)};
static const struct cli_view row_view = {NULL, "id", columns, ARRAY_LEN(columns)};

struct event {
    const char *room, *people, *at, *duration, *region; /* NULL: not said */
};

static enum cli_exit post_and_print(const struct cli *cli, const char *path, const json_t *body)
{
    json_t *answer = NULL;
    enum cli_exit exit_code = cli_post(cli, path, body, &answer);
    if (exit_code == CLI_OK) {
        exit_code = cli_print(cli, answer, &row_view);
    }
    json_decref(answer);
    return exit_code;
}

static enum cli_exit make(const struct cli *cli, const struct event *event)
{
    char *end = NULL;
    if (event->room == NULL || event->people == NULL || event->at == NULL ||
        event->duration == NULL) {
        return cli_usage(cli, "reserve needs --room, --people, --at and --for");
    }
    long people = strtol(event->people, &end, 10);
    if (end == event->people || *end != '\0' || people < 1) {
        return cli_usage(cli, "--people takes a number");
    }
    int64_t for_s = cli_seconds(event->duration);
    if (for_s < 1) {
        return cli_usage(cli, "--for takes a duration like 90m, 2h or 1d");
    }
    json_t *body = json_pack("{s:s, s:I, s:s, s:I}", "room", event->room, "people",
                             (json_int_t)people, "at", event->at, "for_s", (json_int_t)for_s);
    if (body == NULL || (event->region != NULL &&
                         json_object_set_new(body, "region", json_string(event->region)) != 0)) {
        json_decref(body);
        return cli_usage(cli, "names are UTF-8");
    }
    enum cli_exit exit_code = post_and_print(cli, "reservations", body);
    json_decref(body);
    return exit_code;
}

static enum cli_exit cancel(const struct cli *cli, const char *id)
{
    char path[CLI_PATH_BYTES];
    json_t *body = json_object();
    cli_path(path, sizeof(path), "reservations", id, "cancel", NULL);
    enum cli_exit exit_code = post_and_print(cli, path, body);
    json_decref(body);
    return exit_code;
}

static enum cli_exit list(const struct cli *cli)
{
    json_t *answer = NULL;
    enum cli_exit exit_code = cli_get(cli, "reservations", &answer);
    if (exit_code == CLI_OK) {
        exit_code = cli_print(cli, answer, &rows_view);
    }
    json_decref(answer);
    return exit_code;
}

enum cli_exit cli_cmd_reserve(struct cli *cli, int argc, char **argv)
{
    struct event event = {NULL, NULL, NULL, NULL, NULL};
    const struct cli_option options[] = {
        {"room", "ROOM", &event.room, "where it is going to be"},
        {"people", "N", &event.people, "how many are expected at once"},
        {"at", "TIME", &event.at, "when it begins: 2026-12-01T09:00Z, ...T10:00+01:00"},
        {"for", "DURATION", &event.duration, "how long it is: 90m, 2h, 1d; 7d at most"},
        {"region", "REGION", &event.region, "whose nodes it needs (the orchestrator's)"},
    };
    enum cli_exit exit_code;
    if (!cli_parse(cli, argc, argv, RESERVE_USAGE, options, ARRAY_LEN(options), &exit_code)) {
        return exit_code;
    }
    bool says = event.room != NULL || event.people != NULL || event.at != NULL ||
                event.duration != NULL || event.region != NULL;
    const char *verb = cli->argument_count > 0 ? cli->arguments[0] : "";
    if (cli->argument_count == 0) {
        return make(cli, &event);
    }
    if (!says && cli->argument_count == 1 && strcmp(verb, "list") == 0) {
        return list(cli);
    }
    if (!says && cli->argument_count == 2 && strcmp(verb, "cancel") == 0 &&
        cli->arguments[1][0] != '\0') {
        return cancel(cli, cli->arguments[1]);
    }
    return cli_usage(cli, "reserve takes options of an event, or list, or cancel and an id");
}
