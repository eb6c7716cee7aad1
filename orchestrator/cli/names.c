/* SPDX-License-Identifier: Apache-2.0
 *
 * Nodes as they are typed. The API knows whole ids and names; a beginning of one is looked for
 * here.
 */
#include <stdlib.h>

#include "orchestrator/cli/cli.h"

#define TOLD_MAX 5 /* of several nodes that may be meant */

static bool begins_so(const json_t *node, const char *text)
{
    size_t len = strlen(text);
    return strcmp(cli_text(node, "state"), "gone") != 0 &&
           (strncmp(cli_text(node, "id"), text, len) == 0 ||
            strncmp(cli_text(node, "name"), text, len) == 0);
}

/* The only one of the list that is called so. */
static enum cli_exit choose(const json_t *list, const char *text, const char **id)
{
    char names[256] = "";
    size_t i, found = 0;
    const json_t *node;
    json_array_foreach(list, i, node)
    {
        if (begins_so(node, text)) {
            size_t len = strlen(names);
            *id = cli_text(node, "id");
            if (found < TOLD_MAX) {
                snprintf(names + len, sizeof(names) - len, "%s%s", found == 0 ? "" : ", ",
                         cli_text(node, "name"));
            }
            found++;
        }
    }
    if (found == 0) {
        cli_say("no live node has the id or name \"%s\", or one that begins so", text);
        return CLI_NOT_FOUND;
    }
    if (found > 1) {
        cli_say("\"%s\" may be any of %zu nodes: %s%s", text, found, names,
                found > TOLD_MAX ? ", ..." : "");
        return CLI_USAGE;
    }
    return CLI_OK;
}

enum cli_exit cli_node_get(const struct cli *cli, const char *text, struct cli_node *out)
{
    char path[CLI_PATH_BYTES];
    json_t *json = NULL;
    cli_path(path, sizeof(path), "nodes", text, NULL);
    enum cli_exit exit_code = cli_get(cli, path, &json);
    if (exit_code == CLI_OK) {
        *out = (struct cli_node){json, cli_text(json, "id"), cli_text(json, "name"), true};
    }
    return exit_code;
}

enum cli_exit cli_node_find(const struct cli *cli, const char *text, struct cli_node *out)
{
    struct cli hushed = *cli;
    json_t *all = NULL;
    const char *id = NULL;
    if (text[0] == '\0') {
        return cli_usage(cli, "the name of a node is empty");
    }
    hushed.hush = MAX(cli->hush, CLI_HUSH_NOT_FOUND);
    enum cli_exit exit_code = cli_node_get(&hushed, text, out);
    if (exit_code != CLI_NOT_FOUND) {
        return exit_code;
    }
    exit_code = cli_get(cli, "nodes", &all);
    if (exit_code == CLI_OK) {
        exit_code = choose(json_object_get(all, "nodes"), text, &id);
    }
    if (exit_code == CLI_OK) {
        exit_code = cli_node_get(cli, id, out);
    }
    if (exit_code == CLI_OK) {
        out->exact = false;
    }
    json_decref(all);
    return exit_code;
}

void cli_node_free(struct cli_node *node)
{
    json_decref(node->json);
    *node = (struct cli_node){0};
}

static bool is_among(const struct cli_nodes *nodes, const struct cli_node *node)
{
    bool found = false;
    for (size_t i = 0; i < nodes->count; i++) {
        found |= strcmp(nodes->items[i].id, node->id) == 0;
    }
    return found;
}

enum cli_exit cli_nodes_find(const struct cli *cli, struct cli_nodes *out)
{
    enum cli_exit exit_code = CLI_OK;
    if (cli->argument_count == 0) {
        return cli_usage(cli, "%s takes one node at least", cli->command);
    }
    struct cli_nodes nodes = {mem_array(cli->argument_count, sizeof(*nodes.items)), 0, true};
    for (size_t i = 0; i < cli->argument_count && exit_code == CLI_OK; i++) {
        struct cli_node node = {0};
        exit_code = cli_node_find(cli, cli->arguments[i], &node);
        if (exit_code == CLI_OK && strcmp(cli_text(node.json, "state"), "gone") == 0) {
            cli_say("%s is gone: %s takes nodes that live", node.name, cli->command);
            exit_code = CLI_NOT_FOUND;
        }
        if (exit_code == CLI_OK) {
            nodes.exact &= node.exact;
        }
        if (exit_code == CLI_OK && !is_among(&nodes, &node)) {
            nodes.items[nodes.count++] = node;
        } else {
            cli_node_free(&node);
        }
    }
    if (exit_code == CLI_OK) {
        *out = nodes;
    } else {
        cli_nodes_free(&nodes);
    }
    return exit_code;
}

void cli_nodes_free(struct cli_nodes *nodes)
{
    for (size_t i = 0; i < nodes->count; i++) {
        cli_node_free(&nodes->items[i]);
    }
    free(nodes->items);
    *nodes = (struct cli_nodes){0};
}
