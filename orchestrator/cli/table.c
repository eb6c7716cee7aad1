/* SPDX-License-Identifier: Apache-2.0
 *
 * JSON on its way to people: tables, and indented lines. Names and metadata are chosen by clients,
 * so whatever could steer a terminal is replaced.
 */
#include <stdlib.h>
#include <time.h>
#include <unistd.h>
#include <wchar.h>

#include "common/rfc3339/rfc3339.h"
#include "orchestrator/cli/cli.h"

#define CELL_MAX    1024
#define COLUMNS_MAX 20
#define GAP         2
#define NAME_WIDTH  40 /* of a text on a terminal, before the last column */

/* ---- Cells ------------------------------------------------------------------------------------
 */

/* Control characters are C0, DEL, and C1, which UTF-8 writes as C2 80 .. C2 9F. */
void cli_harmless(char *out, size_t cap, const char *text)
{
    size_t len = 0;
    for (const uint8_t *p = (const uint8_t *)text; *p != '\0' && len + 4 < cap; p++) {
        bool c1 = p[0] == 0xc2 && p[1] >= 0x80 && p[1] <= 0x9f;
        bool bad = *p < 0x20 || *p == 0x7f || c1;
        out[len++] = bad ? '?' : (char)*p;
        p += c1;
        while (!bad && (p[1] & 0xc0) == 0x80 && len + 1 < cap) {
            out[len++] = (char)*++p;
        }
    }
    out[len] = '\0';
}

/* Of the character at text, which is not at its end: bytes, and places on a terminal. */
static size_t measure(const char *text, size_t *places)
{
    wchar_t wide;
    mbstate_t state = {0};
    if ((uint8_t)*text < 0x80) {
        *places = 1;
        return 1;
    }
    size_t len = mbrtowc(&wide, text, MB_CUR_MAX, &state);
    if (len == 0 || len > MB_CUR_MAX) { /* no UTF-8: terminals show something for each byte */
        *places = 1;
        return 1;
    }
    *places = (size_t)MAX(wcwidth(wide), 0);
    return len;
}

/* Bytes of so many places at most; *places: how many these are. */
static size_t fit(const char *text, size_t places_max, size_t *places)
{
    size_t len = 0, step, more;
    *places = 0;
    while (text[len] != '\0') {
        step = measure(text + len, &more);
        if (*places + more > places_max) {
            break;
        }
        len += step;
        *places += more;
    }
    return len;
}

/* Nearly all are ASCII, of fleets a hundred thousand. */
static size_t width_of(const char *text)
{
    size_t ascii = 0, places;
    while ((uint8_t)(text[ascii] - 1) < 0x7f) {
        ascii++;
    }
    fit(text + ascii, SIZE_MAX, &places);
    return ascii + places;
}

/* One long name would push all columns of all rows off the terminal. */
static void shorten(char text[CELL_MAX])
{
    size_t places, whole = fit(text, NAME_WIDTH, &places);
    if (text[whole] != '\0') {
        size_t len = fit(text, NAME_WIDTH - 1, &places);
        snprintf(text + len, CELL_MAX - len, "\u2026");
    }
}

static void bitrate_text(char *out, size_t cap, double bps)
{
    static const char *const units[] = {"bit/s", "kbit/s", "Mbit/s", "Gbit/s"};
    size_t unit = 0;
    while (bps >= 1000 && unit + 1 < ARRAY_LEN(units)) {
        bps /= 1000;
        unit++;
    }
    snprintf(out, cap, unit == 0 ? "%.0f %s" : "%.1f %s", bps, units[unit]);
}

static void age_text(char *out, size_t cap, const char *rfc3339)
{
    int64_t unix_ms;
    if (rfc3339 == NULL || rfc3339_parse(&unix_ms, rfc3339) != 0) {
        snprintf(out, cap, "-");
        return;
    }
    long long age_s = MAX((long long)time(NULL) - unix_ms / 1000, 0);
    if (age_s < 120) {
        snprintf(out, cap, "%llds", age_s);
    } else if (age_s < 2 * 3600) {
        snprintf(out, cap, "%lldm", age_s / 60);
    } else if (age_s < 48 * 3600) {
        snprintf(out, cap, "%lldh", age_s / 3600);
    } else {
        snprintf(out, cap, "%lldd", age_s / 86400);
    }
}

static void cell_text(char out[CELL_MAX], const json_t *value, enum cli_kind kind)
{
    const char *text = json_string_value(value);
    if (json_is_null(value)) {
        snprintf(out, CELL_MAX, "-");
        return;
    }
    switch (kind) {
    case CLI_TEXT:
    case CLI_STATE:
        cli_harmless(out, CELL_MAX, text == NULL || text[0] == '\0' ? "-" : text);
        break;
    case CLI_NUMBER:
        if (json_is_integer(value)) {
            snprintf(out, CELL_MAX, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
        } else {
            snprintf(out, CELL_MAX, "%.15g", json_number_value(value));
        }
        break;
    case CLI_BITRATE:
        bitrate_text(out, CELL_MAX, json_number_value(value));
        break;
    case CLI_RATIO:
        snprintf(out, CELL_MAX, "%.0f %%", json_number_value(value) * 100);
        break;
    case CLI_LOSS: /* a ratio of which a tenth of a percent matters */
        snprintf(out, CELL_MAX, "%.1f %%", json_number_value(value) * 100);
        break;
    case CLI_AGE:
        age_text(out, CELL_MAX, text);
        break;
    case CLI_COUNT:
        snprintf(out, CELL_MAX, "%zu", json_array_size(value));
        break;
    case CLI_FLAG:
        snprintf(out, CELL_MAX, "%s", json_is_true(value) ? "yes" : "no");
        break;
    default:
        unreachable();
    }
}

/* ---- Tables -----------------------------------------------------------------------------------
 */
/* The escape sequence before a state; "" for none. */
static const char *color_of(const char *state)
{
    static const char *const colors[][2] = {{"ready", "\x1b[32m"},    /* green */
                                            {"cordoned", "\x1b[33m"}, /* yellow */
                                            {"draining", "\x1b[33m"},
                                            {"gray", "\x1b[31m"}, /* red */
                                            {"gone", "\x1b[31m"}};
    for (size_t i = 0; i < ARRAY_LEN(colors); i++) {
        if (strcmp(state, colors[i][0]) == 0) {
            return colors[i][1];
        }
    }
    return "";
}

static bool has_colors(void)
{
    const char *no_color = getenv("NO_COLOR");
    const char *term = getenv("TERM");
    return (no_color == NULL || no_color[0] == '\0') && term != NULL && strcmp(term, "dumb") != 0 &&
           isatty(STDOUT_FILENO);
}

static void print_cell(const char *text, const char *color, size_t width, bool last)
{
    if (color[0] != '\0') {
        printf("%s%s\x1b[0m", color, text);
    } else {
        fputs_unlocked(text, stdout);
    }
    for (size_t i = width_of(text); !last && i < width + GAP; i++) {
        putc_unlocked(' ', stdout);
    }
    if (last) {
        fputc('\n', stdout);
    }
}

/* What is shown of a table. */
struct shown {
    const struct cli_column *columns[COLUMNS_MAX];
    size_t widths[COLUMNS_MAX]; /* places of the widest text */
    size_t count;
    bool shortens;
};

/* The texts of all cells, row by row, a NUL behind each; to be freed. Fleets have 10,000 rows, so
 * they are made once. */
static char *cells_of(const json_t *rows, struct shown *shown)
{
    char *texts = NULL;
    size_t size, i;
    const json_t *row;
    FILE *stream = open_memstream(&texts, &size);
    if (stream == NULL) {
        abort();
    }
    json_array_foreach(rows, i, row)
    {
        for (size_t c = 0; c < shown->count; c++) {
            char cell[CELL_MAX];
            const json_t *value = json_is_array(row) ? json_array_get(row, c)
                                                     : json_object_get(row, shown->columns[c]->key);
            cell_text(cell, value, shown->columns[c]->kind);
            if (shown->shortens && shown->columns[c]->kind == CLI_TEXT && c + 1 < shown->count) {
                shorten(cell);
            }
            shown->widths[c] = MAX(shown->widths[c], width_of(cell));
            fwrite_unlocked(cell, 1, strlen(cell) + 1, stream);
        }
    }
    fclose(stream);
    return texts;
}

static bool is_shown(const struct cli *cli, const struct cli_column *column)
{
    return !column->wide || cli->format == CLI_WIDE;
}

void cli_table_path(const struct cli *cli, const struct cli_view *view, char *out, size_t cap)
{
    size_t len = (size_t)snprintf(out, cap, "%s", view->list);
    const char *before = "?fields=";
    bool table = cli->format == CLI_TABLE || cli->format == CLI_WIDE;
    if (cli->format == CLI_NAME) {
        snprintf(out + len, cap - len, "%s%s", before, view->name);
    }
    for (size_t c = 0; c < view->column_count && table; c++) {
        if (is_shown(cli, &view->columns[c])) {
            len += (size_t)snprintf(out + len, cap - len, "%s%s", before, view->columns[c].key);
            assert(len < cap);
            before = ",";
        }
    }
}

void cli_table(const struct cli *cli, const json_t *rows, const struct cli_column *columns,
               size_t count)
{
    struct shown shown = {.shortens = cli->format == CLI_TABLE && isatty(STDOUT_FILENO)};
    bool headers = !cli_on(cli->no_headers);
    bool colors = has_colors();
    for (size_t c = 0; c < count; c++) {
        if (is_shown(cli, &columns[c])) {
            assert(shown.count < COLUMNS_MAX);
            shown.widths[shown.count] = headers ? strlen(columns[c].header) : 0;
            shown.columns[shown.count++] = &columns[c];
        }
    }
    char *texts = cells_of(rows, &shown);
    for (size_t c = 0; c < shown.count && headers; c++) {
        print_cell(shown.columns[c]->header, "", shown.widths[c], c + 1 == shown.count);
    }
    const char *text = texts;
    for (size_t i = 0; i < json_array_size(rows); i++) {
        for (size_t c = 0; c < shown.count; c++) {
            bool colored = colors && shown.columns[c]->kind == CLI_STATE;
            print_cell(text, colored ? color_of(text) : "", shown.widths[c], c + 1 == shown.count);
            text += strlen(text) + 1;
        }
    }
    free(texts);
}

/* ---- Description -------------------------------------------------------------------------------
 */
static void print_scalar(const json_t *value)
{
    const char *text = json_string_value(value);
    if (text != NULL) {
        size_t size = strlen(text) + 8;
        char *copy = mem_alloc(size);
        cli_harmless(copy, size, text);
        puts(copy[0] == '\0' ? "-" : copy);
        free(copy);
    } else {
        char *dump = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT | JSON_PRESERVE_ORDER);
        puts(dump == NULL ? "-" : dump);
        free(dump);
    }
}

static void print_object(const json_t *object, const char *indent)
{
    const char *key;
    const json_t *value;
    json_object_foreach((json_t *)object, key, value)
    {
        if (!json_is_array(value)) {
            printf("%s%-16s ", indent, key);
            print_scalar(value);
        }
    }
}

void cli_describe(const json_t *object)
{
    const char *key;
    const json_t *value;
    print_object(object, "");
    json_object_foreach((json_t *)object, key, value)
    {
        size_t i;
        const json_t *item;
        if (!json_is_array(value)) {
            continue;
        }
        printf("%s (%zu)\n", key, json_array_size(value));
        json_array_foreach(value, i, item)
        {
            if (json_is_object(item)) {
                printf("%s", i == 0 ? "" : "\n");
                print_object(item, "  ");
            } else {
                fputs("  ", stdout);
                print_scalar(item);
            }
        }
    }
}
