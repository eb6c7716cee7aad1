/* SPDX-License-Identifier: Apache-2.0
 *
 * rollout: every node is emptied, restarted by somebody else, and waited for, a few at a time. What
 * is done is no secret of this program: a node that registered after --since, or that runs --to.
 * So whoever is interrupted begins again with what is left, and status says the same anywhere.
 *
 * It stops at the first thing that is not as it should be, and says which nodes it leaves how: a
 * drain that is refused or late, a command that fails, a node that does not come back in time, or
 * not as the version it should, or that is not ready any more while others are restarted.
 */
#include <stdlib.h>

#include "common/rfc3339/rfc3339.h"
#include "orchestrator/cli/rollout.h"

#define DEADLINE "5m"
#define SETTLE   "10s"
#define AT_ONCE  "1"

static const struct cli_column columns[] = {
    {"NAME", "name", CLI_TEXT, false},          {"STATE", "state", CLI_STATE, false},
    {"ROLLOUT", "rollout", CLI_TEXT, false},    {"VERSION", "version", CLI_TEXT, false},
    {"REGION", "region", CLI_TEXT, false},      {"ROOMS", "rooms", CLI_NUMBER, false},
    {"PEERS", "transports", CLI_NUMBER, false}, {"WEIGHT", "weight", CLI_NUMBER, true},
    {"AGE", "registered_at", CLI_AGE, false},   {"ID", "id", CLI_TEXT, true},
};
static const struct cli_view view = {"nodes", "name", columns, ARRAY_LEN(columns)};

/* ---- What is left -------------------------------------------------------------------------- */

static bool is_done(const struct rollout *rollout, const json_t *node)
{
    return rollout->to[0] != '\0' ? strcmp(cli_text(node, "version"), rollout->to) == 0
                                  : strcmp(cli_text(node, "registered_at"), rollout->since) > 0;
}

static const char *stage_of(const struct rollout *rollout, const json_t *node)
{
    if (is_done(rollout, node)) {
        return "done";
    }
    return strcmp(cli_text(node, "state"), "draining") == 0 ? "draining" : "due";
}

/* Those that drain already come first, then the emptiest: whoever is moved from one node to another
 * may be moved again when that one's turn comes. */
static int by_turn(const void *a, const void *b)
{
    static const char *const numbers[] = {"weight", "transports"};
    const json_t *x = *(json_t *const *)a, *y = *(json_t *const *)b;
    bool drains_x = strcmp(cli_text(x, "state"), "draining") == 0;
    bool drains_y = strcmp(cli_text(y, "state"), "draining") == 0;
    if (drains_x != drains_y) {
        return drains_x ? -1 : 1;
    }
    for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
        json_int_t nx = json_integer_value(json_object_get(x, numbers[i]));
        json_int_t ny = json_integer_value(json_object_get(y, numbers[i]));
        if (nx != ny) {
            return nx < ny ? -1 : 1;
        }
    }
    return strcmp(cli_text(x, "name"), cli_text(y, "name"));
}

static json_t *in_turn(const json_t *rows)
{
    size_t i, count = json_array_size(rows);
    json_t **items = mem_array(count + 1, sizeof(*items));
    json_t *sorted = json_array();
    for (i = 0; i < count; i++) {
        items[i] = json_array_get(rows, i);
    }
    qsort(items, count, sizeof(*items), by_turn);
    for (i = 0; i < count; i++) {
        json_array_append(sorted, items[i]);
    }
    free(items);
    return sorted;
}

/* Nodes that live, of the region; due_only: those that are left, in their turn. */
static json_t *select_nodes(const struct rollout *rollout, const json_t *answer, bool due_only)
{
    json_t *rows = json_array();
    json_t *node;
    size_t i;
    json_array_foreach(json_object_get(answer, "nodes"), i, node)
    {
        const char *stage = stage_of(rollout, node);
        bool meant =
            rollout->region == NULL || strcmp(cli_text(node, "region"), rollout->region) == 0;
        if (meant && strcmp(cli_text(node, "state"), "gone") != 0 &&
            !(due_only && strcmp(stage, "done") == 0)) {
            json_object_set_new(node, "rollout", json_string(stage));
            json_array_append(rows, node);
        }
    }
    if (due_only) {
        json_t *sorted = in_turn(rows);
        json_decref(rows);
        rows = sorted;
    }
    return rows;
}

/* CLI_NOT_FOUND, told: the region that was typed has none. Else *out is to be released. */
static enum cli_exit get_nodes(const struct rollout *rollout, json_t **out)
{
    const json_t *node;
    size_t i;
    bool found = rollout->region == NULL;
    enum cli_exit exit_code = cli_get(rollout->cli, "nodes", out);
    json_array_foreach(json_object_get(*out, "nodes"), i, node)
    {
        found = found || (strcmp(cli_text(node, "region"), rollout->region) == 0 &&
                          strcmp(cli_text(node, "state"), "gone") != 0);
    }
    if (exit_code == CLI_OK && !found) {
        cli_say("no live node is of the region \"%s\"", rollout->region);
        exit_code = CLI_NOT_FOUND;
    }
    return exit_code;
}

/* Of the node that registered last: what --since or --to are if nobody says. */
static const char *newest(const json_t *answer, const char *key)
{
    const json_t *node, *last = NULL;
    size_t i;
    json_array_foreach(json_object_get(answer, "nodes"), i, node)
    {
        bool alive = strcmp(cli_text(node, "state"), "gone") != 0;
        if (alive && strcmp(cli_text(node, "registered_at"), cli_text(last, "registered_at")) > 0) {
            last = node;
        }
    }
    return cli_text(last, key);
}

/* ---- nodes --------------------------------------------------------------------------------- */

static enum cli_exit print_plan(struct rollout *rollout, const json_t *answer, json_t *due)
{
    json_t *plan = json_pack("{s:O}", "nodes", due);
    cli_talk(rollout->cli,
             "would drain and wait for %s, %zu at a time, in this order; "
             "nothing was done",
             COUNT_NODES(json_array_size(due)), rollout->at_once);
    (void)cli_print(rollout->cli, plan, &view);
    json_decref(plan);
    return cli_whole(answer);
}

static enum cli_exit begin(struct rollout *rollout, const json_t *answer)
{
    enum cli_exit exit_code = CLI_OK;
    json_t *due = select_nodes(rollout, answer, true);
    size_t count = json_array_size(due);
    if (cli_on(rollout->dry_run)) {
        exit_code = print_plan(rollout, answer, due);
    } else if (count == 0) {
        cli_talk(rollout->cli, "all nodes are done");
    } else {
        exit_code = cli_confirm(rollout->cli, rollout->yes,
                                "drains %s, %zu at a time, and waits until each is back",
                                COUNT_NODES(count), rollout->at_once);
        if (exit_code == CLI_OK) {
            exit_code = cli_rollout_run(rollout, due);
        }
    }
    json_decref(due);
    return exit_code;
}

static enum cli_exit roll_out(struct rollout *rollout)
{
    json_t *answer = NULL;
    enum cli_exit exit_code = get_nodes(rollout, &answer);
    if (exit_code == CLI_OK) {
        if (rollout->since == NULL) {
            rollout->since = newest(answer, "registered_at");
        }
        exit_code = begin(rollout, answer);
    }
    json_decref(answer);
    return exit_code;
}

/* ---- status -------------------------------------------------------------------------------- */

static enum cli_exit show_status(struct rollout *rollout)
{
    json_t *answer = NULL;
    const json_t *node;
    size_t i, done = 0;
    enum cli_exit exit_code = get_nodes(rollout, &answer);
    if (exit_code != CLI_OK) {
        json_decref(answer);
        return exit_code;
    }
    if (rollout->to[0] == '\0' && rollout->since == NULL) {
        rollout->to = newest(answer, "version");
    }
    json_t *all = json_incref(json_object_get(answer, "nodes")); /* has the text of --to */
    json_t *rows = select_nodes(rollout, answer, false);
    json_array_foreach(rows, i, node)
    {
        done += is_done(rollout, node);
    }
    json_object_set(answer, "nodes", rows);
    if (rollout->to[0] != '\0') {
        cli_talk(rollout->cli, "%zu of %zu nodes run %s", done, json_array_size(rows), rollout->to);
    } else {
        cli_talk(rollout->cli, "%zu of %zu nodes registered after %s", done, json_array_size(rows),
                 rollout->since);
    }
    exit_code = cli_print(rollout->cli, answer, &view);
    json_decref(rows);
    json_decref(all);
    json_decref(answer);
    return exit_code;
}

/* ---- The command --------------------------------------------------------------------------- */

/* As the API writes it, so that texts compare. */
static bool is_time(const char *text)
{
    char same[RFC3339_MAX];
    int64_t unix_ms;
    return rfc3339_parse(&unix_ms, text) == 0 && strcmp(rfc3339_s(same, unix_ms / 1000), text) == 0;
}

static bool read_count(const char *text, size_t *out)
{
    char *end = NULL;
    unsigned long number = strtoul(text, &end, 10);
    *out = (size_t)number;
    return text[0] >= '0' && text[0] <= '9' && *end == '\0' && number > 0 &&
           number <= CLI_ROLLOUT_AT_ONCE_MAX;
}

enum cli_exit cli_cmd_rollout(struct cli *cli, int argc, char **argv)
{
    struct rollout rollout = {.cli = cli, .to = ""};
    const char *at_once = AT_ONCE, *deadline = DEADLINE, *settle = SETTLE;
    const struct cli_option options[] = {
        {"region", "REGION", &rollout.region, "only nodes of this region"},
        {"to", "VERSION", &rollout.to,
         "those that run this version are done, and no other may "
         "come back"},
        {"since", "TIME", &rollout.since,
         "those that registered later are done (now); the time "
         "that an interrupted rollout tells"},
        {"max-unavailable", "N", &at_once, "how many at a time (" AT_ONCE ")"},
        {"deadline", "TIME", &deadline,
         "for a node to be empty, and again to be back (" DEADLINE ")"},
        {"settle", "TIME", &settle, "how long it is to be ready before others follow (" SETTLE ")"},
        {"exec", "COMMAND", &rollout.exec,
         "restarts an empty node; SPILLWAY_NODE, _NODE_ID and _NODE_REGION say which"},
        CLI_DRY_RUN(&rollout.dry_run),
        CLI_YES(&rollout.yes),
    };
    enum cli_exit exit_code;
    if (!cli_parse(cli, argc, argv, "rollout nodes | rollout status", options, ARRAY_LEN(options),
                   &exit_code)) {
        return exit_code;
    }
    rollout.deadline_s = cli_seconds(deadline);
    rollout.settle_s = cli_seconds(settle);
    if (!read_count(at_once, &rollout.at_once)) {
        return cli_usage(cli, "--max-unavailable takes a number from 1 on, not \"%s\"", at_once);
    }
    if (rollout.deadline_s < 0 || rollout.settle_s < 0) {
        return cli_usage(cli, "--deadline and --settle take a time such as 60s");
    }
    if (rollout.since != NULL && !is_time(rollout.since)) {
        return cli_usage(cli, "--since takes a time such as 2026-01-31T12:00:00Z");
    }
    const char *what = cli->argument_count == 1 ? cli->arguments[0] : "";
    if (strcmp(what, "status") == 0) {
        return show_status(&rollout);
    }
    return strcmp(what, "nodes") == 0 ? roll_out(&rollout)
                                      : cli_usage(cli, "rollout takes nodes or status");
}
