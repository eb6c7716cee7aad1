/* SPDX-License-Identifier: Apache-2.0
 *
 * pin and unpin: where an operator wants a room. It moves nobody: move does.
 */
#include "orchestrator/cli/cli.h"

struct pin {
    const char *room;
    const char *to, *region;
    const char *dry_run;
};

/* Who of the room is on another node than that. */
static json_int_t count_elsewhere(const json_t *room, const char *node)
{
    json_int_t people = 0;
    size_t i;
    const json_t *each;
    json_array_foreach(json_object_get(room, "nodes"), i, each)
    {
        if (strcmp(cli_text(each, "name"), node) != 0) {
            people += json_integer_value(json_object_get(each, "participants"));
        }
    }
    return people;
}

static enum cli_exit print(const struct cli *cli, const json_t *room)
{
    if (!cli_print_data(cli, room, NULL) && cli->format == CLI_NAME) {
        puts(cli_text(room, "name"));
    }
    return cli_whole(room);
}

/* verb NULL: nothing is done. *out is the room, as it is then. */
static enum cli_exit ask(const struct cli *cli, const char *room, const char *verb,
                         const json_t *body, json_t **out)
{
    char path[CLI_PATH_BYTES];
    cli_path(path, sizeof(path), "rooms", room, verb, NULL);
    return verb == NULL ? cli_get(cli, path, out) : cli_post(cli, path, body, out);
}

static enum cli_exit pin_to(const struct cli *cli, const struct pin *pin, const char *node_id,
                            const char *node_name)
{
    const char *where = node_name == NULL ? pin->region : node_name;
    json_t *room = NULL;
    json_t *body = json_pack("{s:s*, s:s*}", "node", node_id, "region", pin->region);
    if (body == NULL) {
        return cli_usage(cli, "names are UTF-8");
    }
    bool dry_run = cli_on(pin->dry_run);
    enum cli_exit exit_code = ask(cli, pin->room, dry_run ? NULL : "pin", body, &room);
    json_decref(body);
    if (exit_code != CLI_OK) {
        return exit_code;
    }
    cli_talk(cli, dry_run ? "would pin %s to %s; nothing was done" : "%s is pinned to %s",
             pin->room, where);
    json_int_t people = node_name == NULL ? 0 : count_elsewhere(room, node_name);
    if (people > 0) {
        cli_talk(cli,
                 "%" JSON_INTEGER_FORMAT " of it are elsewhere, and stay there: move moves them",
                 people);
    }
    exit_code = print(cli, room);
    json_decref(room);
    return exit_code;
}

enum cli_exit cli_cmd_pin(struct cli *cli, int argc, char **argv)
{
    struct pin pin = {0};
    const struct cli_option options[] = {
        {"to", "NODE", &pin.to, "the node that is to have who joins, or has to leave his"},
        {"region", "REGION", &pin.region, "or the region"},
        CLI_DRY_RUN(&pin.dry_run),
    };
    struct cli_node node;
    enum cli_exit exit_code;
    if (!cli_parse(cli, argc, argv, "pin ROOM", options, ARRAY_LEN(options), &exit_code)) {
        return exit_code;
    }
    if (cli->argument_count != 1 || (pin.to == NULL) == (pin.region == NULL)) {
        return cli_usage(cli, "pin takes a room, and either --to or --region");
    }
    pin.room = cli->arguments[0];
    if (pin.to == NULL) {
        return pin_to(cli, &pin, NULL, NULL);
    }
    exit_code = cli_node_find(cli, pin.to, &node);
    if (exit_code == CLI_OK) {
        exit_code = pin_to(cli, &pin, node.id, node.name);
        cli_node_free(&node);
    }
    return exit_code;
}

enum cli_exit cli_cmd_unpin(struct cli *cli, int argc, char **argv)
{
    const char *dry_run = NULL;
    const struct cli_option options[] = {CLI_DRY_RUN(&dry_run)};
    json_t *room = NULL;
    enum cli_exit exit_code;
    if (!cli_parse(cli, argc, argv, "unpin ROOM", options, ARRAY_LEN(options), &exit_code)) {
        return exit_code;
    }
    if (cli->argument_count != 1) {
        return cli_usage(cli, "unpin takes a room");
    }
    json_t *body = json_object();
    const char *name = cli->arguments[0];
    exit_code = ask(cli, name, cli_on(dry_run) ? NULL : "unpin", body, &room);
    if (exit_code == CLI_OK) {
        cli_talk(cli, cli_on(dry_run) ? "would unpin %s; nothing was done" : "%s is pinned no more",
                 name);
        exit_code = print(cli, room);
    }
    json_decref(room);
    json_decref(body);
    return exit_code;
}
