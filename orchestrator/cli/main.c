/* SPDX-License-Identifier: Apache-2.0
 *
 * spillctl: what operators type. One function per command; each reads its own options.
 */
#include <curl/curl.h>
#include <locale.h>

#include "orchestrator/cli/cli.h"

static enum cli_exit cmd_version(struct cli *cli, int argc, char **argv)
{
    enum cli_exit exit_code;
    if (!cli_parse(cli, argc, argv, "version", NULL, 0, &exit_code)) {
        return exit_code;
    }
    json_t *json = json_pack("{s:s}", "version", SPILLWAY_VERSION);
    if (!cli_print_data(cli, json, NULL)) {
        printf("%s%s\n", cli->format == CLI_NAME ? "" : "spillctl ", SPILLWAY_VERSION);
    }
    json_decref(json);
    return CLI_OK;
}

static enum cli_exit run(int argc, char **argv);

static enum cli_exit cmd_help(struct cli *cli, int argc, char **argv)
{
    enum cli_exit exit_code;
    if (!cli_parse(cli, argc, argv, "help [COMMAND]", NULL, 0, &exit_code)) {
        return exit_code;
    }
    if (cli->argument_count > 1) {
        return cli_usage(cli, "help takes one command");
    }
    if (cli->argument_count == 1) {
        char *of_command[] = {(char *)cli->arguments[0], (char *)"--help", NULL};
        return run(2, of_command);
    }
    cli_help_all(stdout);
    return CLI_OK;
}

static const struct cli_command commands[] = {
    {"get", cli_cmd_get,
     "list nodes, rooms, people, regions, orchestrators; what regions want; the fleet"},
    {"watch", cli_cmd_watch, "a list as it changes"},
    {"describe", cli_cmd_describe, "everything about one of them"},
    {"stats", cli_cmd_stats, "how a participant's media fare"},
    {"events", cli_cmd_events, "what happened, and what happens"},
    {"top", cli_cmd_top, "nodes by load, once a second"},
    {"move", cli_cmd_move, "move a room, or one of its people, to another node"},
    {"pin", cli_cmd_pin, "where a room is wanted"},
    {"unpin", cli_cmd_unpin, "take that back"},
    {"rebalance", cli_cmd_rebalance, "move people off hot nodes at once"},
    {"cordon", cli_cmd_cordon, "no new rooms on nodes"},
    {"uncordon", cli_cmd_uncordon, "take that back, and a drain"},
    {"drain", cli_cmd_drain, "move everybody away from nodes"},
    {"rollout", cli_cmd_rollout, "drain nodes for a restart, one after the other"},
    {"explain", cli_cmd_explain, "why a room is where it is, or a node takes none"},
    {"reserve", cli_cmd_reserve, "tell of an event, so that there are nodes for it"},
    {"place", cli_cmd_place, "where the next one of a room would go, and why"},
    {"plan", cli_cmd_plan, "how many nodes a day like that needs, in a file"},
    {"sim", cli_cmd_sim, "what a loss would do to a fleet, in a file"},
    {"config", cli_cmd_config, "the settings that are in force, or whether a file's are fine"},
    {"demo", cli_cmd_demo, "kill a node of deploy/up's cluster, and see it heal"},
    {"token", cli_cmd_token, "make a token for a client"},
    {"keys", cli_cmd_keys, "make CURVE key pairs for orchestrators and nodes"},
    {"completion", cli_cmd_completion, "a script for a shell that completes what is typed"},
    {"version", cmd_version, "say which version this is"},
    {"help", cmd_help, "this list, or the options of one command"},
    {"complete", cli_cmd_complete, NULL},
    {"man", cli_cmd_man, NULL},
};

const struct cli_command *cli_command_at(size_t index)
{
    return index < ARRAY_LEN(commands) ? &commands[index] : NULL;
}

static const struct cli_command *find_command(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
        if (strcmp(name, commands[i].name) == 0) {
            return &commands[i];
        }
    }
    return NULL;
}

bool cli_describe_command(struct cli *cli,
                          void (*describe)(const struct cli_tables *tables, void *arg), void *arg)
{
    const struct cli_command *command = find_command(cli->command);
    cli->describe = describe;
    cli->describe_arg = arg;
    if (command != NULL) {
        command->run(cli, 0, NULL);
    }
    return command != NULL;
}

static enum cli_exit run(int argc, char **argv)
{
    struct cli cli = {.command = argv[0]};
    const struct cli_command *command = find_command(argv[0]);
    if (command != NULL) {
        return command->run(&cli, argc, argv);
    }
    cli.command = "";
    return cli_usage(&cli, "there is no command \"%s\"", argv[0]);
}

/* Options may stand before the command's name. */
static enum cli_exit run_named(int argc, char **argv)
{
    int at = cli_command_index(argc, argv);
    if (at == argc) {
        const struct cli nothing = {.command = ""};
        return cli_usage(&nothing, "a command is missing");
    }
    char *name = argv[at];
    memmove(argv + 1, argv, (size_t)at * sizeof(*argv));
    argv[0] = name;
    return run(argc, argv);
}

int main(int argc, char **argv)
{
    static const char *const others[][2] = {
        {"--help", "help"}, {"-h", "help"}, {"--version", "version"}};
    if (argc < 2) {
        cli_help_all(stderr);
        return CLI_USAGE;
    }
    for (size_t i = 0; i < ARRAY_LEN(others); i++) {
        if (strcmp(argv[1], others[i][0]) == 0) {
            argv[1] = (char *)others[i][1];
        }
    }
    (void)setlocale(LC_CTYPE, "C.UTF-8"); /* all texts are UTF-8, whoever runs this */
    curl_global_init(CURL_GLOBAL_DEFAULT);
    enum cli_exit exit_code = run_named(argc - 1, argv + 1);
    curl_global_cleanup();
    if ((fflush(stdout) != 0 || ferror(stdout)) && exit_code == CLI_OK) {
        cli_say("stdout cannot be written"); /* e.g. a full disk behind a redirection */
        return CLI_FAILED;
    }
    return (int)exit_code;
}
