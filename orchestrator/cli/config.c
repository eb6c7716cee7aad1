/* SPDX-License-Identifier: Apache-2.0
 *
 * config: the settings of a running orchestrator, and whether a file of settings is fine, which the
 * service itself says.
 */
#include <errno.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "orchestrator/cli/cli.h"

static const struct cli_column columns[] = {
    {"NAME", "name", CLI_TEXT, false},
    {"VALUE", "value", CLI_TEXT, false},
    {"ORIGIN", "origin", CLI_TEXT, false},
};
static const struct cli_view view = {"settings", "name", columns, ARRAY_LEN(columns)};

static enum cli_exit show(const struct cli *cli)
{
    json_t *answer = NULL;
    enum cli_exit exit_code = cli_get(cli, "config", &answer);
    if (exit_code == CLI_OK) {
        const char *name = json_string_value(json_object_get(answer, "orchestrator"));
        cli_talk(cli, "settings of %s", name == NULL ? "" : name);
        exit_code = cli_print(cli, answer, &view);
    }
    json_decref(answer);
    return exit_code;
}

/* What is wrong the service says itself, on stderr. */
static enum cli_exit check(const struct cli *cli, const char *program, const char *file)
{
    char *argv[] = {(char *)(uintptr_t)program, (char *)"--config", (char *)(uintptr_t)file,
                    (char *)"--check", NULL};
    pid_t pid;
    int status = 0;
    int err = posix_spawnp(&pid, program, NULL, NULL, argv, environ);
    if (err != 0) {
        cli_say("cannot run %s, which is to read its settings itself: %s", program, strerror(err));
        return CLI_FAILED;
    }
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    if (status != 0) {
        return CLI_FAILED;
    }
    cli_talk(cli, "%s is fine", file);
    return CLI_OK;
}

enum cli_exit cli_cmd_config(struct cli *cli, int argc, char **argv)
{
    const char *node = NULL;
    const struct cli_option options[] = {
        {"node", NULL, &node, "the file is a media node's, not an orchestrator's"},
    };
    enum cli_exit exit_code;
    if (!cli_parse(cli, argc, argv, "config show | config check FILE", options, ARRAY_LEN(options),
                   &exit_code)) {
        return exit_code;
    }
    const char *what = cli->argument_count > 0 ? cli->arguments[0] : "";
    if (cli->argument_count == 1 && strcmp(what, "show") == 0 && node == NULL) {
        return show(cli);
    }
    if (cli->argument_count == 2 && strcmp(what, "check") == 0) {
        const char *program = cli_on(node) ? "spillway-node" : "spillway-orchestrator";
        return check(cli, program, cli->arguments[1]);
    }
    return cli_usage(cli, "config takes show, or check and a file");
}
