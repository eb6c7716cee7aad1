/* SPDX-License-Identifier: Apache-2.0
 *
 * plan: how many nodes which regions need for a day like that in a file. Asks no orchestrator.
 */
#include "orchestrator/cli/plan/plan.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "orchestrator/cli/cli.h"

static const struct cli_column columns[] = {
    {"REGION", "name", CLI_TEXT, false},
    {"PEAK", "peak", CLI_NUMBER, false},
    {"AT", "peak_at", CLI_TEXT, false},
    {"NODES", "nodes", CLI_NUMBER, false},
    {"IF_PEAKS_COINCIDE", "nodes_if_peaks_coincide", CLI_NUMBER, false},
    {"WITHOUT_LOSS", "nodes_without_loss", CLI_NUMBER, false},
};

/* "-": standard input. ERR_IO and errno, ERR_TOO_BIG. */
MUST_CHECK static int read_file(const char *path, char **out, size_t *len)
{
    FILE *file = strcmp(path, "-") == 0 ? stdin : fopen(path, "re");
    if (file == NULL) {
        return ERR_IO;
    }
    size_t capacity = 64u << 10, got = 0, n;
    char *text = mem_array(capacity, 1);
    while ((n = fread(text + got, 1, capacity - got, file)) > 0 && got + n <= CURVE_BYTES_MAX) {
        got += n;
        if (got == capacity) {
            capacity *= 2;
            text = mem_grow(text, capacity, 1);
        }
    }
    int err = n > 0 ? ERR_TOO_BIG : ferror(file) ? ERR_IO : 0, why = errno;
    if (file != stdin) {
        fclose(file);
    }
    errno = why;
    if (err != 0) {
        free(text);
        return err;
    }
    *out = text;
    *len = got;
    return 0;
}

static enum cli_exit read_curve(const char *path, struct curve *out)
{
    char error[CURVE_ERROR_MAX];
    char *text;
    size_t len;
    int err = read_file(path, &text, &len);
    if (err != 0) {
        cli_say("%s: %s", path, err == ERR_IO ? strerror(errno) : err_text(err));
        return CLI_FAILED;
    }
    err = curve_read(out, (struct bytes){(const uint8_t *)text, len}, error);
    free(text);
    if (err == 0 && out->region_count < 2) {
        snprintf(error, sizeof(error), "one region alone: there is nobody else to carry it");
        curve_free(out);
        err = ERR_INVALID;
    }
    if (err != 0) { /* FILE:LINE: as compilers say it, and sim */
        bool line = error[0] >= '0' && error[0] <= '9';
        cli_say("%s:%s%s", path, line ? "" : " ", error);
        return CLI_FAILED;
    }
    return CLI_OK;
}

static json_t *region_json(const struct curve *curve, const struct plan *plan, size_t index)
{
    const struct plan_region *region = &plan->regions[index];
    return json_pack("{s:s, s:I, s:s, s:I, s:I, s:I}", "name", curve->regions[index], "peak",
                     (json_int_t)region->peak, "peak_at", curve->times[region->peak_at], "nodes",
                     (json_int_t)region->apart, "nodes_if_peaks_coincide",
                     (json_int_t)region->coinciding, "nodes_without_loss",
                     (json_int_t)region->alone);
}

/* NULL: a name is not UTF-8. */
static json_t *plan_json(const struct curve *curve, const struct plan *plan)
{
    json_t *rows = json_array();
    for (size_t i = 0; i < curve->region_count; i++) {
        json_array_append_new(rows, region_json(curve, plan, i));
    }
    if (json_array_size(rows) != curve->region_count) {
        json_decref(rows);
        return NULL;
    }
    return json_pack("{s:s, s:s, s:I, s:s, s:I, s:I, s:I, s:I, s:o}", "method", "exact", "unit",
                     curve->unit, "peak", (json_int_t)plan->peak, "peak_at",
                     curve->times[plan->peak_at], "sum_of_peaks", (json_int_t)plan->sum_of_peaks,
                     "nodes", (json_int_t)plan->apart, "nodes_if_peaks_coincide",
                     (json_int_t)plan->coinciding, "nodes_without_loss", (json_int_t)plan->alone,
                     "regions", rows);
}

static void say(const struct cli *cli, const struct curve *curve, const struct plan *plan)
{
    const char *unit = curve->unit[0] == '\0' ? "load" : curve->unit;
    cli_talk(cli, "the loss of any one region is survived by %s, which is the least",
             COUNT_NODES(plan->apart));
    cli_talk(cli, "at most %llu %s at one time (%s), while peaks add up to %llu: %s fewer",
             (unsigned long long)plan->peak, unit, curve->times[plan->peak_at],
             (unsigned long long)plan->sum_of_peaks, COUNT_NODES(plan->coinciding - plan->apart));
}

static enum cli_exit print(const struct cli *cli, const struct curve *curve, double each)
{
    static const struct cli_view view = {"regions", "name", columns, ARRAY_LEN(columns)};
    struct plan plan;
    plan_make(&plan, curve, each);
    json_t *answer = plan_json(curve, &plan);
    if (answer == NULL) {
        cli_say("a name in the file is not UTF-8");
        return CLI_FAILED;
    }
    bool table = cli->format == CLI_TABLE || cli->format == CLI_WIDE;
    if (table) {
        say(cli, curve, &plan);
    }
    enum cli_exit exit_code = cli_print(cli, answer, &view);
    json_decref(answer);
    return exit_code;
}

/* A number above 0 and at most `most`. */
static bool number_of(const char *text, double most, double *out)
{
    char *end;
    *out = text == NULL ? 0 : strtod(text, &end);
    return text != NULL && end != text && *end == '\0' && *out > 0 && *out <= most;
}

enum cli_exit cli_cmd_plan(struct cli *cli, int argc, char **argv)
{
    const char *per_node = NULL, *target = "100";
    const struct cli_option options[] = {
        {"per-node", "N", &per_node, "people, or weight, that one node can take"},
        {"target-percent", "PERCENT", &target, "how much of that it is to take at most (100)"},
    };
    enum cli_exit exit_code;
    struct curve curve;
    double each, percent;
    if (!cli_parse(cli, argc, argv, "plan FILE --per-node N", options, ARRAY_LEN(options),
                   &exit_code)) {
        return exit_code;
    }
    if (cli->argument_count != 1) {
        return cli_usage(cli, "plan takes one file, or - for standard input");
    }
    if (!number_of(per_node, CURVE_VALUE_MAX, &each) || each < 1) {
        return cli_usage(cli, "plan needs --per-node: what one node takes of what the file counts");
    }
    if (!number_of(target, 100, &percent) || percent < 1) {
        return cli_usage(cli, "--target-percent takes a number from 1 to 100");
    }
    exit_code = read_curve(cli->arguments[0], &curve);
    if (exit_code == CLI_OK) {
        exit_code = print(cli, &curve, each * percent / 100);
        curve_free(&curve);
    }
    return exit_code;
}
