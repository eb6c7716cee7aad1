/* SPDX-License-Identifier: Apache-2.0
 *
 * rebalance: what moves off hot nodes at once, or would. Orchestrators move it by themselves, too,
 * slowly.
 */
#include "orchestrator/cli/cli.h"

static const struct cli_column columns[] = {
    {"ROOM", "room", CLI_TEXT, false},       {"FROM", "from_name", CLI_TEXT, false},
    {"TO", "to_name", CLI_TEXT, false},      {"PEOPLE", "participants", CLI_NUMBER, false},
    {"WEIGHT", "weight", CLI_NUMBER, false}, {"CAUSE", "cause", CLI_TEXT, false},
    {"FROM_ID", "from", CLI_TEXT, true},     {"TO_ID", "to", CLI_TEXT, true},
};
static const struct cli_view view = {"moves", "room", columns, ARRAY_LEN(columns)};

enum cli_exit cli_cmd_rebalance(struct cli *cli, int argc, char **argv)
{
    const char *dry_run = NULL;
    const struct cli_option options[] = {CLI_DRY_RUN(&dry_run)};
    json_t *answer = NULL;
    enum cli_exit exit_code;
    if (!cli_parse(cli, argc, argv, "rebalance", options, ARRAY_LEN(options), &exit_code)) {
        return exit_code;
    }
    if (cli->argument_count > 0) {
        return cli_usage(cli, "rebalance takes options alone");
    }
    bool dry = cli_on(dry_run);
    json_t *body = json_pack("{s:b}", "dry_run", dry);
    exit_code = cli_post(cli, "rebalance", body, &answer);
    json_decref(body);
    if (exit_code == CLI_OK) {
        size_t count = json_array_size(json_object_get(answer, "moves"));
        cli_talk(cli, "%zu %s%s", count, dry ? "would move; nothing was done" : "moved",
                 count == 0 ? ": no node is hot, or none of its rooms is small enough and has a "
                              "cooler node"
                            : "");
        exit_code = cli_print(cli, answer, &view);
    }
    json_decref(answer);
    return exit_code;
}
