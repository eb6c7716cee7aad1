/* SPDX-License-Identifier: Apache-2.0
 *
 * Which orchestrators to ask: --server, --cluster, SPILLWAY_SERVER, SPILLWAY_CLUSTER, the first of
 * these that is there, in either scheme ("wss://..." is what clients have). A cluster file is
 * deploy/up's run/cluster.json: "processes", each with "role" and "url".
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
    if (len > 3 && strncmp(url + len - 3, "://", 3) == 0) {
        cli_say("%.*s: where is the host?", (int)len, url);
        return false;
    }
    /* What clients have: the same port. */
    bool ws = strncmp(url, "ws://", 5) == 0 || strncmp(url, "wss://", 6) == 0;
    const char *scheme = ws ? "http" : "";
    size_t left_out = ws ? strlen("ws") : 0;
    size_t size = strlen(scheme) + len - left_out + 1;
    char *copy = mem_alloc(size);
    snprintf(copy, size, "%s%s", scheme, url + left_out);
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

/* To be released; NULL, told: it is no such file. */
static json_t *read_file(const char *path)
{
    json_error_t error;
    json_t *file = json_load_file(path, 0, &error);
    json_t *rows = json_incref(json_object_get(file, "processes"));
    if (!json_is_array(rows)) {
        cli_say("%s: %s", path, file == NULL ? error.text : "no list of processes");
        json_decref(rows);
        rows = NULL;
    }
    json_decref(file);
    return rows;
}

static const char *file_of(const struct cli *cli)
{
    return cli->cluster_file != NULL ? cli->cluster_file : getenv("SPILLWAY_CLUSTER");
}

json_t *cli_cluster_rows(const struct cli *cli)
{
    const char *path = file_of(cli);
    if (path == NULL) {
        cli_usage(cli, "%s needs --cluster", cli->command);
        return NULL;
    }
    return read_file(path);
}

static bool add_file(struct cli_servers *servers, const char *path)
{
    size_t index;
    const json_t *row;
    json_t *rows = read_file(path);
    bool ok = rows != NULL;
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
