/* SPDX-License-Identifier: Apache-2.0
 *
 * spillctl: what operators type. One function per command; each reads its own options.
 */
#include <curl/curl.h>
#include <string.h>

#include "orchestrator/cli/cli.h"

static const char usage[] =
    "usage: spillctl COMMAND [options]\n"
    "\n"
    "  get nodes|rooms|participants       list them (participants: --room R, else of all rooms)\n"
    "  describe node|room|participant X   everything about one (participant: --room R)\n"
    "  stats IDENTITY [--room R]          how a participant's media fare\n"
    "  move --room R --to NODE            move a whole room to another node\n"
    "  cordon|uncordon NODE               no new rooms on it; take that back, and a drain\n"
    "  drain NODE [--deadline 60s]        move everybody away from it\n"
    "  place explain ROOM [--region R]    where the next one of a room would go, and why of each "
    "node\n"
    "  place --dry-run [--region R]       the same for a room that is not there\n"
    "  token create --room R --identity I make a token for a client\n"
    "  keys --out DIR NAME...             make CURVE key pairs for orchestrators and nodes\n"
    "  version                            say which version this is\n"
    "  help [COMMAND]                     this text, or the options of one command\n"
    "\n"
    "The orchestrator is SPILLWAY_SERVER or --server (http://127.0.0.1:7880): several with commas, "
    "asked\n"
    "in turn until one answers; or --cluster FILE. A token for it comes from\n"
    "--token-file, SPILLWAY_TOKEN, or is made from SPILLWAY_API_KEY and SPILLWAY_API_SECRET.\n"
    "\n"
    "exit codes: 0 done, 1 failed, 2 usage, 3 not found, 4 refused, 5 timed out, 6 cannot reach "
    "it\n";

static enum cli_exit version(struct cli *cli, int argc, char **argv)
{
    enum cli_exit exit_code;
    if (!cli_parse(cli, argc, argv, "version", NULL, 0, &exit_code)) {
        return exit_code;
    }
    if (cli->format == CLI_JSON) {
        json_t *json = json_pack("{s:s}", "version", SPILLWAY_VERSION);
        cli_json(json);
        json_decref(json);
    } else {
        printf("spillctl %s\n", SPILLWAY_VERSION);
    }
    return CLI_OK;
}

static const struct {
    const char *name;
    enum cli_exit (*run)(struct cli *cli, int argc, char **argv);
} commands[] = {
    {"get", cli_cmd_get},       {"describe", cli_cmd_describe}, {"move", cli_cmd_move},
    {"token", cli_cmd_token},   {"keys", cli_cmd_keys},         {"place", cli_cmd_place},
    {"cordon", cli_cmd_cordon}, {"uncordon", cli_cmd_uncordon}, {"drain", cli_cmd_drain},
    {"stats", cli_cmd_stats},   {"version", version},
};

static enum cli_exit run(int argc, char **argv)
{
    struct cli cli = {.command = argv[0]};
    for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
        if (strcmp(argv[0], commands[i].name) == 0) {
            return commands[i].run(&cli, argc, argv);
        }
    }
    cli.command = "";
    return cli_usage(&cli, "there is no command \"%s\"", argv[0]);
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        fputs(usage, stderr);
        return CLI_USAGE;
    }
    const char *first = argv[1];
    bool help =
        strcmp(first, "help") == 0 || strcmp(first, "--help") == 0 || strcmp(first, "-h") == 0;
    if (help && argc > 2) {
        char *of_command[] = {argv[2], (char *)"--help", NULL};
        return (int)run(2, of_command);
    }
    if (help) {
        fputs(usage, stdout);
        return CLI_OK;
    }
    if (strcmp(first, "--version") == 0) {
        argv[1] = (char *)"version";
    }
    curl_global_init(CURL_GLOBAL_DEFAULT);
    enum cli_exit exit_code = run(argc - 1, argv + 1);
    curl_global_cleanup();
    if (fflush(stdout) != 0 && exit_code == CLI_OK) {
        return CLI_FAILED; /* e.g. a full disk behind a redirection */
    }
    return (int)exit_code;
}
