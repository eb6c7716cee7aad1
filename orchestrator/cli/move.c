/* SPDX-License-Identifier: Apache-2.0
 *
 * move: a room, or one of its people, to another node.
 */
#include "orchestrator/cli/cli.h"

#define PATH_BYTES 3072

/* identity: NULL for everybody. */
static enum cli_exit move(const struct cli *cli, const char *room, const char *identity,
                          const struct cli_node *to)
{
    char path[PATH_BYTES];
    json_t *answer = NULL;
    json_t *body = json_pack("{s:s, s:s*}", "to", to->id, "participant", identity);
    if (body == NULL) {
        return cli_usage(cli, "the identity is not UTF-8");
    }
    cli_path(path, sizeof(path), "rooms", room, "move", NULL);
    enum cli_exit exit_code = cli_post(cli, path, body, &answer);
    if (exit_code == CLI_OK) {
        const char *from = json_string_value(json_object_get(answer, "from"));
        cli_talk(cli, "%s moves from %s to %s", identity == NULL ? room : identity,
                 from == NULL || from[0] == '\0' ? "no node" : from, to->name);
        cli_print_data(cli, answer, NULL);
    }
    json_decref(body);
    json_decref(answer);
    return exit_code;
}

enum cli_exit cli_cmd_move(struct cli *cli, int argc, char **argv)
{
    const char *room = NULL;
    const char *to = NULL;
    const struct cli_option options[] = {
        {"room", "ROOM", &room, "the room to move, or that of the participant"},
        {"to", "NODE", &to, "the node that is to have them"},
    };
    struct cli_node node;
    enum cli_exit exit_code;
    if (!cli_parse(cli, argc, argv, "move [IDENTITY] --room ROOM --to NODE", options,
                   ARRAY_LEN(options), &exit_code)) {
        return exit_code;
    }
    if (room == NULL || to == NULL || cli->argument_count > 1) {
        return cli_usage(cli, "move needs --room and --to, and may name one participant");
    }
    exit_code = cli_node_find(cli, to, &node);
    if (exit_code == CLI_OK) {
        exit_code = move(cli, room, cli->argument_count > 0 ? cli->arguments[0] : NULL, &node);
        cli_node_free(&node);
    }
    return exit_code;
}
