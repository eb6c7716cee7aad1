/* SPDX-License-Identifier: Apache-2.0
 *
 * sim: what a loss would do to the fleet in a file. Asks no orchestrator.
 */
#include "orchestrator/cli/sim/plot.h"

#include <stdlib.h>

#include "orchestrator/cli/cli.h"
#include "orchestrator/core/placement/placement.h"

#define ROWS_WANTED 30 /* of the timeline as a table */

static const struct cli_column timeline_columns[] = {
    {"AT_S", "at_s", CLI_TEXT, false},
    {"MOVED", "people_moved", CLI_NUMBER, false},
    {"NO_NODE", "people_waiting", CLI_NUMBER, false},
    {"NO_VIDEO", "people_without_video", CLI_NUMBER, false},
    {"MEAN", "use_mean_ratio", CLI_RATIO, false},
    {"HIGHEST", "use_max_ratio", CLI_RATIO, false},
    {"NODE", "fullest_node", CLI_TEXT, false},
    {"EVENT", "event", CLI_TEXT, false},
};

static const struct cli_column region_columns[] = {
    {"REGION", "name", CLI_TEXT, false},
    {"NODES", "nodes", CLI_NUMBER, false},
    {"LOST", "nodes_lost", CLI_NUMBER, false},
    {"PEOPLE", "people_before", CLI_NUMBER, false},
    {"PEOPLE_AFTER", "people_after", CLI_NUMBER, false},
    {"MEAN", "use_before_ratio", CLI_RATIO, false},
    {"MEAN_AFTER", "use_after_ratio", CLI_RATIO, false},
    {"HIGHEST", "use_max_ratio", CLI_RATIO, false},
};

static const struct cli_column move_columns[] = {
    {"FROM", "from", CLI_TEXT, false},
    {"TO", "to", CLI_TEXT, false},
    {"DISTANCE_MS", "distance_ms", CLI_NUMBER, false},
    {"MOVED", "people", CLI_NUMBER, false},
    {"KEPT", "people_kept", CLI_NUMBER, false},
    {"NO_VIDEO", "people_without_video", CLI_NUMBER, false},
};

/* ---- JSON ---------------------------------------------------------------------------------- */

/* Null: never. */
static json_t *seconds_json(int64_t us)
{
    return us == TIME_NEVER ? json_null() : json_real((double)us / 1e6);
}

static json_t *row_json(const struct sim_row *row, bool for_people)
{
    char at[32];
    snprintf(at, sizeof(at), "%.3f", (double)row->at_us / 1e6);
    return json_pack("{s:o, s:I, s:I, s:I, s:f, s:f, s:s, s:s}", "at_s",
                     for_people ? json_string(at) : seconds_json(row->at_us), "people_moved",
                     (json_int_t)row->moved, "people_waiting", (json_int_t)row->waiting,
                     "people_without_video", (json_int_t)row->without_video, "use_mean_ratio",
                     row->use_mean, "use_max_ratio", row->use_max, "fullest_node", row->fullest,
                     "event", row->event);
}

static bool is_change(const struct sim_row *row, const struct sim_row *last)
{
    return row->moved != last->moved || row->waiting != last->waiting ||
           row->without_video != last->without_video;
}

/* Events, and what has changed at times so far apart. False: more than one reads. */
static bool few_rows(const struct sim_result *r, int64_t apart_us, json_t *out)
{
    const struct sim_row *last = &r->rows[0];
    for (size_t i = 0; i < r->row_count; i++) {
        const struct sim_row *row = &r->rows[i];
        bool event = row->event[0] != '\0';
        bool due = row->at_us % apart_us == 0 && row->at_us > last->at_us && is_change(row, last);
        if (event || i == 0 || i + 1 == r->row_count || due) {
            json_array_append_new(out, row_json(row, true));
            last = row;
        }
    }
    return json_array_size(out) <= ROWS_WANTED;
}

static json_t *rows_for_people(const struct sim_result *r)
{
    static const int64_t apart_us[] = {TIME_MS(100), TIME_S(1),  TIME_S(5),  TIME_S(10),
                                       TIME_S(30),   TIME_S(60), TIME_S(600)};
    json_t *rows = json_array();
    for (size_t i = 0; i < ARRAY_LEN(apart_us); i++) {
        json_array_clear(rows);
        if (few_rows(r, apart_us[i], rows)) {
            break;
        }
    }
    return rows;
}

static json_t *timeline_json(const struct sim_result *r)
{
    json_t *rows = json_array();
    for (size_t i = 0; i < r->row_count; i++) {
        json_array_append_new(rows, row_json(&r->rows[i], false));
    }
    return rows;
}

static json_t *regions_json(const struct sim_result *r)
{
    json_t *rows = json_array();
    for (size_t i = 0; i < r->region_count; i++) {
        const struct sim_region *region = &r->regions[i];
        json_array_append_new(
            rows,
            json_pack("{s:s, s:I, s:I, s:I, s:I, s:f, s:f, s:f}", "name", region->name, "nodes",
                      (json_int_t)region->nodes, "nodes_lost", (json_int_t)region->nodes_lost,
                      "people_before", (json_int_t)region->people_before, "people_after",
                      (json_int_t)region->people_after, "use_before_ratio", region->use_before,
                      "use_after_ratio", region->use_after, "use_max_ratio", region->use_max));
    }
    return rows;
}

static json_t *moves_json(const struct sim_result *r)
{
    json_t *rows = json_array();
    for (size_t i = 0; i < r->flow_count; i++) {
        const struct sim_flow *flow = &r->flows[i];
        json_t *ms =
            flow->distance_ms == PLACEMENT_FAR_MS ? json_null() : json_integer(flow->distance_ms);
        json_array_append_new(
            rows, json_pack("{s:s, s:s, s:o, s:I, s:I, s:I}", "from", r->regions[flow->from].name,
                            "to", r->regions[flow->to].name, "distance_ms", ms, "people",
                            (json_int_t)flow->people, "people_kept", (json_int_t)flow->kept,
                            "people_without_video", (json_int_t)flow->without_video));
    }
    return rows;
}

static json_t *result_json(const struct sim_result *r)
{
    return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:o, s:o, s:o, s:o, s:o}", "seed",
                     (json_int_t)r->seed, "nodes", (json_int_t)r->nodes, "people",
                     (json_int_t)r->people, "rooms", (json_int_t)r->rooms, "people_affected",
                     (json_int_t)r->affected, "people_waiting", (json_int_t)r->waiting,
                     "people_without_video", (json_int_t)r->without_video, "nodes_over_capacity",
                     (json_int_t)r->nodes_over, "everybody_served_at_s", seconds_json(r->healed_us),
                     "everybody_has_video_at_s", seconds_json(r->video_us), "regions",
                     regions_json(r), "moves", moves_json(r), "timeline", timeline_json(r));
}

/* ---- Tables -------------------------------------------------------------------------------- */

static void print_summary(const struct sim_result *r)
{
    printf("%s, %s in %s, seed %llu\n", COUNT_NODES(r->nodes), COUNT_PEOPLE(r->people),
           COUNT_ROOMS(r->rooms), (unsigned long long)r->seed);
    if (r->affected > 0) {
        printf("%s %s on nodes that were lost", COUNT_PEOPLE(r->affected),
               r->affected == 1 ? "was" : "were");
        if (r->healed_us != TIME_NEVER) {
            printf("; everybody has a node %.2f s after the first loss",
                   (double)(r->healed_us - r->first_us) / 1e6);
        }
        printf("\n");
    }
    if (r->waiting > 0) {
        printf("no place, even with sound alone: %s\n", COUNT_PEOPLE(r->waiting));
    }
    if (r->without_video > 0) {
        printf("sound alone in the end: %s\n", COUNT_PEOPLE(r->without_video));
    }
    printf("nodes that were ever over their capacity: %llu\n", (unsigned long long)r->nodes_over);
}

static void print_tables(const struct cli *cli, const struct sim_result *r)
{
    json_t *timeline = rows_for_people(r), *regions = regions_json(r), *moves = moves_json(r);
    cli_table(cli, timeline, timeline_columns, ARRAY_LEN(timeline_columns));
    printf("\n");
    cli_table(cli, regions, region_columns, ARRAY_LEN(region_columns));
    if (r->flow_count > 0) {
        printf("\n");
        cli_table(cli, moves, move_columns, ARRAY_LEN(move_columns));
    }
    printf("\n");
    print_summary(r);
    json_decref(timeline);
    json_decref(regions);
    json_decref(moves);
}

static void print(const struct cli *cli, const struct sim_result *result)
{
    json_t *answer = result_json(result);
    if (!cli_print_data(cli, answer, "timeline")) {
        if (cli->format == CLI_NAME) {
            cli_names(json_object_get(answer, "regions"), "name");
        } else {
            print_tables(cli, result);
        }
    }
    json_decref(answer);
}

/* ---- The command --------------------------------------------------------------------------- */

struct faults {
    struct fleet_fault items[FLEET_FAULTS_MAX];
    size_t count;
};

static void free_faults(struct faults *faults)
{
    for (size_t i = 0; i < faults->count; i++) {
        fleet_fault_free(&faults->items[i]);
    }
}

/* A line each. False: one of them is none, told. */
static bool read_faults(const struct cli *cli, const char *lines, struct faults *out)
{
    char *copy = mem_str(lines == NULL ? "" : lines), *rest = copy, *line;
    bool fine = true;
    *out = (struct faults){.count = 0};
    while (fine && lines != NULL && (line = strsep(&rest, "\n")) != NULL) {
        char error[CONFIG_ERROR_MAX] = "more than 16 of them";
        fine = out->count < FLEET_FAULTS_MAX &&
               fleet_fault_read(&out->items[out->count], line, error) == 0;
        out->count += fine;
        if (!fine) {
            cli_usage(cli, "--fault \"%s\": %s", line, error);
        }
    }
    free(copy);
    return fine;
}

/* CLI_FAILED: the file cannot be written, told. */
static enum cli_exit plot(const char *path, const struct sim_result *result)
{
    FILE *file = fopen(path, "we");
    if (file != NULL) {
        plot_write(file, result);
        bool failed = ferror(file) != 0;
        if (fclose(file) == 0 && !failed) {
            return CLI_OK;
        }
    }
    cli_say("%s cannot be written", path);
    return CLI_FAILED;
}

static enum cli_exit judge(const struct sim_result *r)
{
    if (r->waiting == 0 && r->nodes_over == 0) {
        return CLI_OK;
    }
    cli_say("that is too much for it: %s without a node, %s over capacity",
            COUNT_PEOPLE(r->waiting), COUNT_NODES(r->nodes_over));
    return CLI_REFUSED;
}

static enum cli_exit run(const struct cli *cli, const char *path, const char *plot_path,
                         struct sim_config *config)
{
    char error[CONFIG_ERROR_MAX];
    struct fleet fleet;
    struct sim_result result;
    if (fleet_read(&fleet, strcmp(path, "-") == 0 ? "/dev/stdin" : path, error) != 0) {
        cli_say("%s", error);
        return CLI_FAILED;
    }
    config->fleet = &fleet;
    int err = sim_run(config, &result, error);
    enum cli_exit exit_code = err == ERR_NOT_FOUND ? CLI_NOT_FOUND : CLI_REFUSED;
    if (err != 0) {
        cli_say("%s: %s", path, error);
    } else {
        print(cli, &result);
        exit_code = plot_path == NULL ? CLI_OK : plot(plot_path, &result);
        exit_code = exit_code == CLI_OK ? judge(&result) : exit_code;
        sim_result_free(&result);
    }
    fleet_free(&fleet);
    return exit_code;
}

/* A whole number of digits alone, from least to most. */
static bool number_of(const char *text, uint64_t least, uint64_t most, uint64_t *out)
{
    char *end;
    *out = text[0] < '0' || text[0] > '9' ? UINT64_MAX : strtoull(text, &end, 10);
    return *out != UINT64_MAX && *end == '\0' && *out >= least && *out <= most;
}

enum cli_exit cli_cmd_sim(struct cli *cli, int argc, char **argv)
{
    const char *path = NULL, *lines = NULL, *plot_path = NULL, *seconds_text = "60",
               *seed_text = "1";
    const struct cli_option options[] = {
        {"fleet", "FILE", &path,
         "nodes and rooms, as docs/operations/what-if.md says; -: standard input, where get fleet "
         "may write"},
        {"fault", "FAULT", &lines,
         "\"region=eu share=33 at=10s\", \"node=eu-1\", \"drain=eu-1\", \"start=eu nodes=4\"; may "
         "be repeated"},
        {"plot", "FILE", &plot_path, "a picture of it, as SVG"},
        {"seconds", "N", &seconds_text, "how long is looked at (60)"},
        {"seed", "N", &seed_text, "of all that is left to chance (1)"},
    };
    enum cli_exit exit_code;
    struct faults faults;
    uint64_t seconds, seed;
    cli->lines_of = &lines;
    if (!cli_parse(cli, argc, argv, "sim --fleet FILE", options, ARRAY_LEN(options), &exit_code)) {
        return exit_code;
    }
    if (cli->argument_count != 0 || path == NULL) {
        return cli_usage(cli, "sim takes a --fleet, and options alone");
    }
    if (!number_of(seconds_text, 1, SIM_SECONDS_MAX, &seconds)) {
        return cli_usage(cli, "--seconds takes a number from 1 to %d", SIM_SECONDS_MAX);
    }
    if (!number_of(seed_text, 0, INT64_MAX, &seed)) {
        return cli_usage(cli, "--seed takes a number");
    }
    exit_code = CLI_USAGE;
    if (read_faults(cli, lines, &faults)) {
        struct sim_config config = {.faults = faults.items,
                                    .fault_count = faults.count,
                                    .seconds = (int64_t)seconds,
                                    .seed = seed};
        exit_code = run(cli, path, plot_path, &config);
    }
    free_faults(&faults);
    return exit_code;
}
