/* SPDX-License-Identifier: Apache-2.0
 *
 * A list as it changes: on a terminal the list, once a second; elsewhere a line for what came,
 * changed and went. A list that lacks an orchestrator's part tells of nobody that he went.
 */
#include "common/rfc3339/rfc3339.h"
#include "orchestrator/cli/live.h"

#define COLUMNS_MAX 24

struct watch {
    struct cli_live live;
    const struct cli *cli;
    const struct cli_watched *what;
    json_t *known; /* the rows that are there, by what->id */
    bool headed;   /* the first line was printed */
};

/* Of nodes, the dead are listed for a while. */
static bool is_there(const json_t *row)
{
    return strcmp(cli_text(row, "state"), "gone") != 0;
}

/* ---- Changes ------------------------------------------------------------------------------- */

static bool is_measure(const struct cli_watched *what, const char *key)
{
    bool found = false;
    for (const char *const *measure = what->measures; *measure != NULL; measure++) {
        found |= strcmp(*measure, key) == 0;
    }
    return found;
}

/* The keys of what is another one now. */
static json_t *differences(const struct cli_watched *what, json_t *before, const json_t *row)
{
    json_t *keys = json_array();
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)row, key, value)
    {
        if (!is_measure(what, key) && !json_equal(value, json_object_get(before, key))) {
            json_array_append_new(keys, json_string(key));
        }
    }
    return keys;
}

static void add(json_t *changes, const char *change, json_t *take_fields, json_t *row)
{
    char now[RFC3339_MAX];
    rfc3339_s(now, cli_time_ms() / 1000);
    json_t *line = json_pack("{s:s, s:s, s:o}", "time", now, "change", change, "fields",
                             take_fields == NULL ? json_array() : take_fields);
    json_object_update(line, row);
    json_array_append_new(changes, line);
}

static void compare(const struct cli_watched *what, json_t *before, json_t *row, json_t *changes)
{
    if (before == NULL) {
        add(changes, "added", NULL, row);
        return;
    }
    json_t *keys = differences(what, before, row);
    if (json_array_size(keys) > 0) {
        add(changes, "changed", keys, row);
    } else {
        json_decref(keys);
    }
}

static json_t *take(struct watch *watch, const json_t *answer)
{
    const struct cli_watched *what = watch->what;
    json_t *changes = json_array(), *now = json_object();
    json_t *row;
    const char *id;
    size_t i;
    bool whole = json_object_get(answer, "unanswered") == NULL;
    json_array_foreach(json_object_get(answer, what->view->list), i, row)
    {
        id = cli_text(row, what->id);
        if (is_there(row)) {
            compare(what, json_object_get(watch->known, id), row, changes);
            json_object_set(now, id, row);
        } else if (json_object_get(watch->known, id) != NULL) {
            add(changes, "gone", NULL, row);
            json_object_del(watch->known, id);
        }
    }
    json_object_foreach(watch->known, id, row)
    {
        if (json_object_get(now, id) != NULL) {
            continue;
        }
        if (whole) {
            add(changes, "gone", NULL, row);
        } else {
            json_object_set(now, id, row);
        }
    }
    json_decref(watch->known);
    watch->known = now;
    return changes;
}

/* ---- Output -------------------------------------------------------------------------------- */

static void print_table(struct watch *watch, const json_t *changes)
{
    const struct cli_view *view = watch->what->view;
    struct cli_column columns[COLUMNS_MAX] = {{"CHANGE", "change", CLI_TEXT, false}};
    struct cli cli = *watch->cli;
    assert(view->column_count < COLUMNS_MAX);
    memcpy(columns + 1, view->columns, view->column_count * sizeof(*columns));
    if (watch->headed) {
        cli.no_headers = "true";
    }
    cli_table(&cli, changes, columns, view->column_count + 1);
    watch->headed = true;
}

static void print_changes(struct watch *watch, const json_t *answer)
{
    json_t *changes = take(watch, answer);
    json_t *lines = json_pack("{s:o}", "changes", changes);
    if (watch->cli->format == CLI_NAME) {
        cli_names(changes, watch->what->view->name);
    } else if (!cli_print_data(watch->cli, lines, "changes") && json_array_size(changes) > 0) {
        print_table(watch, changes);
    }
    json_decref(lines);
}

/* As many as there is place for. */
static void draw(const struct watch *watch, const json_t *answer)
{
    const struct cli_view *view = watch->what->view;
    const json_t *rows = json_object_get(answer, view->list);
    json_t *shown = json_array();
    size_t place = cli_live_place(cli_on(watch->cli->no_headers) ? 0 : 1);
    for (size_t i = 0; i < MIN(place, json_array_size(rows)); i++) {
        json_array_append(shown, json_array_get(rows, i));
    }
    cli_live_head(&watch->live, "%zu of %zu %s", json_array_size(shown), json_array_size(rows),
                  view->list);
    cli_table(watch->cli, shown, view->columns, view->column_count);
    json_decref(shown);
}

static enum cli_exit run(struct watch *watch)
{
    json_t *last = NULL;
    enum cli_exit exit_code;
    do {
        json_t *answer = NULL;
        exit_code = cli_live_look(&watch->live, watch->what->view->list, &answer);
        if (answer != NULL) {
            json_decref(last);
            last = answer;
            cli_live_say_unanswered(&watch->live, answer);
        }
        if (exit_code == CLI_OK && watch->live.screen) {
            draw(watch, last);
        } else if (answer != NULL) {
            print_changes(watch, answer);
        }
    } while (exit_code == CLI_OK && cli_live_tick(&watch->live));
    json_decref(last);
    return exit_code;
}

enum cli_exit cli_watch(const struct cli *cli, const struct cli_watched *what)
{
    struct watch watch = {.cli = cli, .what = what};
    if (cli->format == CLI_JSON || cli->format == CLI_YAML) {
        return cli_usage(cli, CLI_ENDLESS);
    }
    if (!cli_live_begin(&watch.live, cli, cli_screen(cli))) {
        return CLI_USAGE;
    }
    watch.known = json_object();
    enum cli_exit exit_code = run(&watch);
    cli_live_end(&watch.live);
    json_decref(watch.known);
    return exit_code;
}
