/* SPDX-License-Identifier: Apache-2.0
 *
 * Nodes as they are typed. The API knows whole ids and names; a beginning of one is looked for
 * here.
 */
#include "orchestrator/cli/cli.h"

#define PATH_BYTES 4096
#define TOLD_MAX   5 /* of several nodes that may be meant */

static enum cli_exit fetch(const struct cli *cli, const char *node, json_t **out)
{
    char path[PATH_BYTES];
    cli_path(path, sizeof(path), "nodes", node, NULL);
    return cli_get(cli, path, out);
}

static const char *text_of(const json_t *node, const char *key)
{
    const char *text = json_string_value(json_object_get(node, key));
    return text == NULL ? "" : text;
}

static bool begins_so(const json_t *node, const char *text)
{
    size_t len = strlen(text);
    return strcmp(text_of(node, "state"), "gone") != 0 &&
           (strncmp(text_of(node, "id"), text, len) == 0 ||
            strncmp(text_of(node, "name"), text, len) == 0);
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
            *id = text_of(node, "id");
            if (found < TOLD_MAX) {
                snprintf(names + len, sizeof(names) - len, "%s%s", found == 0 ? "" : ", ",
                         text_of(node, "name"));
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

enum cli_exit cli_node_find(const struct cli *cli, const char *text, struct cli_node *out)
{
    struct cli hushed = *cli;
    json_t *json = NULL;
    json_t *all = NULL;
    const char *id = NULL;
    if (text[0] == '\0') {
        return cli_usage(cli, "the name of a node is empty");
    }
    hushed.hush = MAX(cli->hush, CLI_HUSH_NOT_FOUND);
    enum cli_exit exit_code = fetch(&hushed, text, &json);
    bool exact = exit_code == CLI_OK;
    if (exit_code == CLI_NOT_FOUND) {
        exit_code = cli_get(cli, "nodes", &all);
        if (exit_code == CLI_OK) {
            exit_code = choose(json_object_get(all, "nodes"), text, &id);
        }
        if (exit_code == CLI_OK) {
            exit_code = fetch(cli, id, &json);
        }
    }
    json_decref(all);
    if (exit_code == CLI_OK) {
        *out = (struct cli_node){json, text_of(json, "id"), text_of(json, "name"), exact};
    }
    return exit_code;
}

void cli_node_free(struct cli_node *node)
{
    json_decref(node->json);
    *node = (struct cli_node){0};
}
