/* SPDX-License-Identifier: Apache-2.0
 *
 * cordon, uncordon, drain, of one node or several. A drain is the orchestrators' doing, here it is
 * begun and watched: being interrupted or running out of time ends the watching, uncordon ends the
 * drain.
 */
#include <stdlib.h>

#include "orchestrator/cli/cli.h"

#define DEADLINE "60s"

static const struct cli_column plan_columns[] = {
    {"NAME", "name", CLI_TEXT, false},
    {"STATE", "state", CLI_STATE, false},
    {"REGION", "region", CLI_TEXT, true},
    {"ROOMS", "rooms", CLI_NUMBER, false},
    {"PEERS", "transports", CLI_NUMBER, false},
    {"WEIGHT", "weight", CLI_NUMBER, false},
    {"ID", "id", CLI_TEXT, true},
};
static const struct cli_view plan_view = {"nodes", "name", plan_columns, ARRAY_LEN(plan_columns)};

static enum cli_exit first_failure(enum cli_exit before, enum cli_exit now)
{
    return before == CLI_OK ? now : before;
}

/* Of one node the API's own answer, of several a list. */
static void print_nodes(const struct cli *cli, json_t *rows)
{
    bool one = json_array_size(rows) == 1;
    json_t *answer = one ? json_incref(json_array_get(rows, 0)) : json_pack("{s:O}", "nodes", rows);
    if (json_array_size(rows) > 0 && !cli_print_data(cli, answer, one ? NULL : "nodes") &&
        cli->format == CLI_NAME) {
        cli_names(rows, "name");
    }
    json_decref(answer);
}

static enum cli_exit print_plan(const struct cli *cli, const struct cli_nodes *nodes, bool begins)
{
    json_t *rows = json_array();
    for (size_t i = 0; i < nodes->count; i++) {
        json_array_append(rows, nodes->items[i].json);
    }
    json_t *plan = json_pack("{s:o}", "nodes", rows);
    cli_talk(cli, "would %s%s %s; nothing was done", begins ? "" : "not ", cli->command,
             COUNT_NODES(nodes->count));
    enum cli_exit exit_code = cli_print(cli, plan, &plan_view);
    for (size_t i = 0; i < nodes->count; i++) {
        exit_code = first_failure(exit_code, cli_whole(nodes->items[i].json));
    }
    json_decref(plan);
    return exit_code;
}

/* What there is now of the node is added to the rows. */
static enum cli_exit change(const struct cli *cli, const struct cli_node *node, const char *verb,
                            const json_t *body, json_t *rows)
{
    char path[CLI_PATH_BYTES];
    json_t *answer = NULL;
    cli_path(path, sizeof(path), "nodes", node->id, verb, NULL);
    enum cli_exit exit_code = cli_post(cli, path, body, &answer);
    if (exit_code == CLI_OK) {
        exit_code = cli_whole(answer);
        json_array_append_new(rows, answer);
    }
    return exit_code;
}

/* ---- cordon, uncordon ---------------------------------------------------------------------- */

/* Each of them, whatever became of those before. */
static enum cli_exit change_each(const struct cli *cli, const struct cli_nodes *nodes,
                                 const char *verb, const char *done, json_t *rows)
{
    enum cli_exit exit_code = CLI_OK;
    json_t *body = json_object();
    for (size_t i = 0; i < nodes->count; i++) {
        size_t before = json_array_size(rows);
        exit_code = first_failure(exit_code, change(cli, &nodes->items[i], verb, body, rows));
        if (json_array_size(rows) > before) {
            cli_talk(cli, "%s %s", nodes->items[i].name, done);
        } else if (nodes->count > 1) {
            cli_say("%s stays as it is", nodes->items[i].name);
        }
    }
    json_decref(body);
    return exit_code;
}

static enum cli_exit change_and_print(struct cli *cli, int argc, char **argv, const char *usage,
                                      const char *done)
{
    const char *dry_run = NULL;
    const struct cli_option options[] = {CLI_DRY_RUN(&dry_run)};
    struct cli_nodes nodes;
    enum cli_exit exit_code;
    if (!cli_parse(cli, argc, argv, usage, options, ARRAY_LEN(options), &exit_code)) {
        return exit_code;
    }
    exit_code = cli_nodes_find(cli, &nodes);
    if (exit_code != CLI_OK) {
        return exit_code;
    }
    if (cli_on(dry_run)) {
        exit_code = print_plan(cli, &nodes, true);
    } else {
        json_t *rows = json_array();
        exit_code = change_each(cli, &nodes, cli->command, done, rows);
        print_nodes(cli, rows);
        json_decref(rows);
    }
    cli_nodes_free(&nodes);
    return exit_code;
}

enum cli_exit cli_cmd_cordon(struct cli *cli, int argc, char **argv)
{
    return change_and_print(cli, argc, argv, "cordon NODE...", "gets no new rooms");
}

enum cli_exit cli_cmd_uncordon(struct cli *cli, int argc, char **argv)
{
    return change_and_print(cli, argc, argv, "uncordon NODE...", "takes rooms again");
}

/* ---- drain --------------------------------------------------------------------------------- */

struct drain {
    const char *deadline, *detach, *force, *yes, *dry_run;
    int64_t deadline_s;
};

/* CLI_REFUSED, told: it would not begin, of all of them together. */
static enum cli_exit check(const struct cli *cli, const struct drain *drain,
                           const struct cli_nodes *nodes)
{
    json_t *ids = json_array(), *answer = NULL;
    for (size_t i = 0; i < nodes->count; i++) {
        json_array_append_new(ids, json_string(nodes->items[i].id));
    }
    json_t *body = json_pack("{s:o, s:b}", "nodes", ids, "force", cli_on(drain->force));
    enum cli_exit exit_code = cli_post(cli, "drain_check", body, &answer);
    if (exit_code == CLI_OK && !json_is_true(json_object_get(answer, "possible"))) {
        cli_say("%s", cli_text(answer, "text"));
        exit_code = CLI_REFUSED;
    }
    json_decref(answer);
    json_decref(body);
    return exit_code;
}

static enum cli_exit foresee(const struct cli *cli, const struct drain *drain,
                             const struct cli_nodes *nodes)
{
    enum cli_exit exit_code = check(cli, drain, nodes);
    if (exit_code == CLI_REFUSED || exit_code == CLI_OK) {
        exit_code = first_failure(exit_code, print_plan(cli, nodes, exit_code == CLI_OK));
    }
    return exit_code;
}

/* One node by its whole name is what it says. More than that may be meant otherwise. */
static enum cli_exit confirm(const struct cli *cli, const struct drain *drain,
                             const struct cli_nodes *nodes)
{
    json_int_t rooms = 0, people = 0;
    if (nodes->count == 1 && nodes->exact) {
        return CLI_OK;
    }
    for (size_t i = 0; i < nodes->count; i++) {
        rooms += json_integer_value(json_object_get(nodes->items[i].json, "rooms"));
        people += json_integer_value(json_object_get(nodes->items[i].json, "transports"));
    }
    return cli_confirm(cli, drain->yes, "drains %s%s: moves %s in %s%s", nodes->items[0].name,
                       nodes->count > 1 ? " and others" : "", COUNT_PEOPLE(people),
                       COUNT_ROOMS(rooms),
                       cli_on(drain->force) ? ", also where there is no place for them" : "");
}

/* Puts it back into the state in which it was found; one that drained then drains on. */
static void take_back(const struct cli *cli, const struct cli_node *node)
{
    const char *state = cli_text(node->json, "state");
    json_t *rows = json_array(), *body = json_object();
    bool cordoned = strcmp(state, "cordoned") == 0;
    if ((cordoned || strcmp(state, "ready") == 0) &&
        change(cli, node, "uncordon", body, rows) == CLI_OK &&
        (!cordoned || change(cli, node, "cordon", body, rows) == CLI_OK)) {
        cli_talk(cli, "%s is %s again", node->name, state);
    } else {
        cli_say("%s stays as it is now", node->name);
    }
    json_decref(body);
    json_decref(rows);
}

/* Begins with all of them; of several none takes anybody of another one. All drain, or none and
 * there are no rows. */
static enum cli_exit begin(const struct cli *cli, const struct drain *drain,
                           const struct cli_nodes *nodes, json_t *rows)
{
    json_t *body = json_pack("{s:b}", "force", cli_on(drain->force));
    json_t *cordoned = json_array();
    enum cli_exit exit_code = CLI_OK;
    if (nodes->count > 1) {
        exit_code = change_each(cli, nodes, "cordon", "gets no new rooms", cordoned);
    }
    bool all = nodes->count == 1 || json_array_size(cordoned) == nodes->count;
    for (size_t i = 0; i < nodes->count && all; i++) {
        exit_code = first_failure(exit_code, change(cli, &nodes->items[i], "drain", body, rows));
        all = json_array_size(rows) == i + 1;
        if (!all && nodes->count > 1) {
            cli_say("%s is not drained", nodes->items[i].name);
        }
    }
    for (size_t i = 0; i < nodes->count && !all && nodes->count > 1; i++) {
        take_back(cli, &nodes->items[i]);
    }
    for (size_t i = 0; i < nodes->count && all && cli_on(drain->detach); i++) {
        cli_talk(cli, "%s drains", nodes->items[i].name);
    }
    if (!all) {
        json_array_clear(rows);
    }
    json_decref(cordoned);
    json_decref(body);
    return exit_code;
}

static void take_last(const struct cli_drained *list, size_t count, json_t *rows)
{
    json_array_clear(rows);
    for (size_t i = 0; i < count; i++) {
        json_array_append(rows, list[i].node.json);
    }
}

static enum cli_exit drain_nodes(const struct cli *cli, const struct drain *drain,
                                 struct cli_nodes *nodes)
{
    enum cli_exit exit_code = nodes->count > 1 ? check(cli, drain, nodes) : CLI_OK;
    if (exit_code == CLI_OK) {
        exit_code = confirm(cli, drain, nodes);
    }
    if (exit_code != CLI_OK) {
        return exit_code;
    }
    struct cli_drained *list = mem_array(nodes->count, sizeof(*list));
    json_t *rows = json_array();
    for (size_t i = 0; i < nodes->count; i++) {
        list[i] = (struct cli_drained){.node = nodes->items[i], .rooms = -1, .people = -1};
    }
    cli_stop_say("spillctl: interrupted; what was begun goes on, uncordon ends it\n");
    exit_code = begin(cli, drain, nodes, rows);
    if (!cli_on(drain->detach) && json_array_size(rows) > 0) {
        enum cli_exit watched = cli_drain_watch(cli, list, nodes->count, drain->deadline_s);
        /* An orchestrator that did not say that it began has been waited for. */
        exit_code = exit_code == CLI_TIMEOUT ? watched : first_failure(exit_code, watched);
        take_last(list, nodes->count, rows);
    }
    print_nodes(cli, rows);
    for (size_t i = 0; i < nodes->count; i++) {
        nodes->items[i] = list[i].node;
        exit_code = first_failure(exit_code, list[i].exit_code);
    }
    json_decref(rows);
    free(list);
    return exit_code;
}

enum cli_exit cli_cmd_drain(struct cli *cli, int argc, char **argv)
{
    struct drain drain = {.deadline = DEADLINE};
    const struct cli_option options[] = {
        {"deadline", "TIME", &drain.deadline, "to wait for until all are empty (" DEADLINE ")"},
        {"detach", NULL, &drain.detach, "begins, and does not wait"},
        {"force", NULL, &drain.force, "also where the other nodes have no place for everybody"},
        CLI_DRY_RUN(&drain.dry_run),
        CLI_YES(&drain.yes),
    };
    struct cli_nodes nodes;
    enum cli_exit exit_code;
    if (!cli_parse(cli, argc, argv, "drain NODE...", options, ARRAY_LEN(options), &exit_code)) {
        return exit_code;
    }
    drain.deadline_s = cli_seconds(drain.deadline);
    if (drain.deadline_s < 0) {
        return cli_usage(cli, "--deadline takes a time such as 60s, not \"%s\"", drain.deadline);
    }
    exit_code = cli_nodes_find(cli, &nodes);
    if (exit_code == CLI_OK) {
        exit_code =
            cli_on(drain.dry_run) ? foresee(cli, &drain, &nodes) : drain_nodes(cli, &drain, &nodes);
        cli_nodes_free(&nodes);
    }
    return exit_code;
}
