/* SPDX-License-Identifier: Apache-2.0
 *
 * top: nodes by load and what regions sum up to, once a second. On a terminal the screen is drawn
 * anew; elsewhere it is one table, or with -o jsonl a line for each node and second.
 */
#include <stdlib.h>

#include "common/rfc3339/rfc3339.h"
#include "orchestrator/cli/live.h"

static const struct cli_column node_columns[] = {
    {"NODE", "name", CLI_TEXT, false},
    {"STATE", "state", CLI_STATE, false},
    {"REGION", "region", CLI_TEXT, false},
    {"ZONE", "zone", CLI_TEXT, true},
    {"LOAD", "load_ratio", CLI_RATIO, false},
    {"WEIGHT", "weight", CLI_NUMBER, false},
    {"RESERVED", "reserved", CLI_NUMBER, false},
    {"CAPACITY", "capacity", CLI_NUMBER, false},
    {"CPU", "cpu_ratio", CLI_RATIO, false},
    {"LAG_US", "loop_lag_us", CLI_NUMBER, false},
    {"ROOMS", "rooms", CLI_NUMBER, false},
    {"PEERS", "transports", CLI_NUMBER, false},
    {"IN", "bps_in", CLI_BITRATE, false},
    {"OUT", "bps_out", CLI_BITRATE, false},
    {"HOT", "hot", CLI_TEXT, false},
    {"ID", "id", CLI_TEXT, true},
};

static const struct cli_column region_columns[] = {
    {"REGION", "region", CLI_TEXT, false},       {"NODES", "nodes", CLI_NUMBER, false},
    {"READY", "ready", CLI_NUMBER, false},       {"LOAD", "load_ratio", CLI_RATIO, false},
    {"WEIGHT", "weight", CLI_NUMBER, false},     {"RESERVED", "reserved", CLI_NUMBER, false},
    {"CAPACITY", "capacity", CLI_NUMBER, false}, {"PEERS", "transports", CLI_NUMBER, false},
    {"IN", "bps_in", CLI_BITRATE, false},        {"OUT", "bps_out", CLI_BITRATE, false},
};

/* What sums up over the nodes of a region. */
static const char *const sums[] = {"weight",     "reserved", "capacity",
                                   "transports", "bps_in",   "bps_out"};

struct top {
    struct cli_live live;
    const struct cli *cli;
    json_t *answer; /* the last one, of which nodes are sorted, with "load_ratio" and "regions" */
};

static double number_of(const json_t *object, const char *key)
{
    return json_number_value(json_object_get(object, key));
}

/* ---- What is shown ------------------------------------------------------------------------- */

/* Full with what it carries and what is promised to it, as placement sees it. */
static void rate(json_t *row)
{
    double capacity = number_of(row, "capacity");
    double taken = number_of(row, "weight") + number_of(row, "reserved");
    json_object_set_new(row, "load_ratio", json_real(capacity > 0 ? taken / capacity : 0));
}

static int by_load(const void *a, const void *b)
{
    const json_t *x = *(json_t *const *)a, *y = *(json_t *const *)b;
    double dx = number_of(x, "load_ratio"), dy = number_of(y, "load_ratio");
    return dx != dy ? (dx < dy) - (dx > dy) : strcmp(cli_text(x, "name"), cli_text(y, "name"));
}

/* Those that live. */
static json_t *sorted(const json_t *nodes)
{
    size_t i, count = 0;
    json_t *node;
    json_t *list = json_array();
    json_t **items = mem_array(json_array_size(nodes) + 1, sizeof(*items));
    json_array_foreach(nodes, i, node)
    {
        if (strcmp(cli_text(node, "state"), "gone") != 0) {
            rate(node);
            items[count++] = node;
        }
    }
    qsort(items, count, sizeof(*items), by_load);
    for (i = 0; i < count; i++) {
        json_array_append(list, items[i]);
    }
    free(items);
    return list;
}

static json_t *region_of(json_t *regions, const char *name)
{
    size_t i;
    json_t *region;
    json_array_foreach(regions, i, region)
    {
        if (strcmp(cli_text(region, "region"), name) == 0) {
            return region;
        }
    }
    region = json_pack("{s:s, s:i, s:i}", "region", name, "nodes", 0, "ready", 0);
    json_array_append_new(regions, region);
    return region;
}

static void add(json_t *to, const char *key, json_int_t number)
{
    json_int_t sum = json_integer_value(json_object_get(to, key)) + number;
    json_object_set_new(to, key, json_integer(sum));
}

/* In the order of their fullest nodes. */
static json_t *regions_of(const json_t *nodes)
{
    json_t *regions = json_array();
    size_t i;
    json_t *node, *region;
    json_array_foreach(nodes, i, node)
    {
        region = region_of(regions, cli_text(node, "region"));
        add(region, "nodes", 1);
        add(region, "ready", strcmp(cli_text(node, "state"), "ready") == 0);
        for (size_t s = 0; s < ARRAY_LEN(sums); s++) {
            add(region, sums[s], json_integer_value(json_object_get(node, sums[s])));
        }
    }
    json_array_foreach(regions, i, region)
    {
        rate(region);
    }
    return regions;
}

/* ---- Output -------------------------------------------------------------------------------- */

static void print_tables(const struct top *top, const json_t *nodes)
{
    cli_table(top->cli, json_object_get(top->answer, "regions"), region_columns,
              ARRAY_LEN(region_columns));
    putchar('\n');
    cli_table(top->cli, nodes, node_columns, ARRAY_LEN(node_columns));
}

/* As many nodes as there is place for, the fullest. */
static void draw(const struct top *top)
{
    const json_t *nodes = json_object_get(top->answer, "nodes");
    json_t *shown = json_array();
    size_t headers = cli_on(top->cli->no_headers) ? 0 : 2;
    size_t regions = json_array_size(json_object_get(top->answer, "regions"));
    size_t place = cli_live_place(1 + headers + regions);
    for (size_t i = 0; i < MIN(place, json_array_size(nodes)); i++) {
        json_array_append(shown, json_array_get(nodes, i));
    }
    cli_live_head(&top->live, "%zu of %zu nodes by load", json_array_size(shown),
                  json_array_size(nodes));
    print_tables(top, shown);
    json_decref(shown);
}

static void print_lines(const struct top *top)
{
    char now[RFC3339_MAX];
    size_t i;
    json_t *node;
    json_t *rows = json_array();
    rfc3339_s(now, cli_time_ms() / 1000);
    json_array_foreach(json_object_get(top->answer, "nodes"), i, node)
    {
        json_t *row = json_pack("{s:s}", "time", now);
        json_object_update(row, node);
        json_array_append_new(rows, row);
    }
    json_t *lines = json_pack("{s:o}", "nodes", rows);
    (void)cli_print_data(top->cli, lines, "nodes");
    json_decref(lines);
}

static void print(const struct top *top)
{
    if (top->live.screen) {
        draw(top);
    } else if (top->cli->format == CLI_JSONL) {
        print_lines(top);
    } else if (top->cli->format == CLI_NAME) {
        cli_names(json_object_get(top->answer, "nodes"), "name");
    } else if (!cli_print_data(top->cli, top->answer, "nodes")) {
        print_tables(top, json_object_get(top->answer, "nodes"));
    }
}

/* ---- Once a second ------------------------------------------------------------------------- */

static void take(struct top *top, json_t *answer)
{
    json_decref(top->answer);
    top->answer = answer;
    json_t *nodes = sorted(json_object_get(answer, "nodes"));
    json_object_set_new(answer, "nodes", nodes);
    json_object_set_new(answer, "regions", regions_of(nodes));
}

static enum cli_exit run(struct top *top)
{
    bool goes_on = top->live.screen || top->cli->format == CLI_JSONL;
    do {
        json_t *answer = NULL;
        enum cli_exit exit_code = cli_live_look(&top->live, "nodes", &answer);
        if (exit_code != CLI_OK) {
            return exit_code;
        }
        if (answer != NULL) {
            take(top, answer);
        }
        if (goes_on) {
            cli_live_say_unanswered(&top->live, top->answer);
        }
        if (top->live.screen || answer != NULL) {
            print(top);
        }
    } while (goes_on && cli_live_tick(&top->live));
    return goes_on ? CLI_OK : cli_whole(top->answer);
}

enum cli_exit cli_cmd_top(struct cli *cli, int argc, char **argv)
{
    struct top top = {.cli = cli};
    enum cli_exit exit_code;
    if (!cli_parse(cli, argc, argv, "top", NULL, 0, &exit_code)) {
        return exit_code;
    }
    if (cli->argument_count > 0) {
        return cli_usage(cli, "top takes options alone");
    }
    if (!cli_live_begin(&top.live, cli, cli_screen(cli))) {
        return CLI_USAGE;
    }
    exit_code = run(&top);
    cli_live_end(&top.live);
    json_decref(top.answer);
    return exit_code;
}
