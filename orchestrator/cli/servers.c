/* SPDX-License-Identifier: Apache-2.0
 *
 * Which orchestrators to ask: --server, --cluster, SPILLWAY_SERVER, SPILLWAY_CLUSTER, the first of
 * these that is there. A cluster file is deploy/up's run/cluster.json: rows with "role" and "url".
 */
#include <stdlib.h>

#include "orchestrator/cli/cli.h"

static bool add(struct cli_servers *servers, const char *url, size_t len)
{
    if (len == 0) {
        return true;
    }
    if (servers->count == CLI_SERVERS_MAX) {
        cli_say("more than %d orchestrators", CLI_SERVERS_MAX);
        return false;
    }
    char *copy = mem_alloc(len + 1);
    memcpy(copy, url, len);
    servers->urls[servers->count++] = copy;
    return true;
}

static bool add_list(struct cli_servers *servers, const char *list)
{
    bool ok = true;
    while (ok && *list != '\0') {
        size_t len = strcspn(list, ",");
        ok = add(servers, list, len);
        list += len + (list[len] == ',');
    }
    return ok;
}

static bool add_file(struct cli_servers *servers, const char *path)
{
    json_error_t error;
    size_t index;
    const json_t *row;
    bool ok = true;
    json_t *rows = json_load_file(path, 0, &error);
    if (!json_is_array(rows)) {
        cli_say("%s: %s", path, rows == NULL ? error.text : "not a list of processes");
        ok = false;
    }
    json_array_foreach(rows, index, row)
    {
        const char *role = json_string_value(json_object_get(row, "role"));
        const char *url = json_string_value(json_object_get(row, "url"));
        if (ok && role != NULL && strcmp(role, "orchestrator") == 0 && url != NULL) {
            ok = add(servers, url, strlen(url));
        }
    }
    json_decref(rows);
    return ok;
}

bool cli_servers_read(const struct cli *cli, struct cli_servers *out)
{
    const char *list = getenv("SPILLWAY_SERVER");
    const char *file = getenv("SPILLWAY_CLUSTER");
    bool ok;
    *out = (struct cli_servers){.count = 0};
    if (cli->server != NULL) {
        ok = add_list(out, cli->server);
    } else if (cli->cluster_file != NULL) {
        ok = add_file(out, cli->cluster_file);
    } else if (list != NULL) {
        ok = add_list(out, list);
    } else if (file != NULL) {
        ok = add_file(out, file);
    } else {
        ok = add_list(out, "http://127.0.0.1:7880");
    }
    if (ok && out->count == 0) {
        cli_say("no orchestrator is named");
        ok = false;
    }
    if (!ok) {
        cli_servers_free(out);
    }
    return ok;
}

void cli_servers_free(struct cli_servers *servers)
{
    for (size_t i = 0; i < servers->count; i++) {
        free(servers->urls[i]);
    }
    servers->count = 0;
}
