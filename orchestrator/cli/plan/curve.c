/* SPDX-License-Identifier: Apache-2.0 */
#include "orchestrator/cli/plan/private.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

int curve_region(struct curve_rows *rows, const char *name, size_t *out)
{
    struct curve *curve = rows->curve;
    for (*out = 0; *out < curve->region_count; (*out)++) {
        if (strcmp(curve->regions[*out], name) == 0) {
            return 0;
        }
    }
    if (curve->region_count == CURVE_REGIONS_MAX) {
        snprintf(rows->error, CURVE_ERROR_MAX, "more than %d regions", CURVE_REGIONS_MAX);
        return ERR_TOO_BIG;
    }
    snprintf(curve->regions[curve->region_count++], CURVE_NAME_MAX, "%s", name);
    return 0;
}

int curve_add(struct curve_rows *rows, const struct curve_row *row)
{
    if (rows->count == CURVE_ROWS_MAX) {
        snprintf(rows->error, CURVE_ERROR_MAX, "more than %d values", CURVE_ROWS_MAX);
        return ERR_TOO_BIG;
    }
    if (rows->count == rows->capacity) {
        rows->capacity = rows->capacity == 0 ? 256 : 2 * rows->capacity;
        rows->items = mem_grow(rows->items, rows->capacity, sizeof(*rows->items));
    }
    rows->items[rows->count++] = *row;
    return 0;
}

bool curve_number(const char *text, uint64_t *out)
{
    char *end;
    if (text[0] < '0' || text[0] > '9') { /* strtod takes blanks, "inf" and "nan" */
        return false;
    }
    double value = strtod(text, &end);
    if (*end != '\0' || !(value <= CURVE_VALUE_MAX)) {
        return false;
    }
    *out = (uint64_t)ceil(value);
    return true;
}

/* ---- Rows into a grid ---------------------------------------------------------------------- */

static int by_time_and_region(const void *a, const void *b)
{
    const struct curve_row *x = a, *y = b;
    int order = strcmp(x->time, y->time);
    if (order == 0) {
        order = (x->region > y->region) - (x->region < y->region);
    }
    return order != 0 ? order : (x->line > y->line) - (x->line < y->line);
}

static int twice(const struct curve_rows *rows, const struct curve_row *row)
{
    const char *region = rows->curve->regions[row->region];
    if (row->line > 0) {
        snprintf(rows->error, CURVE_ERROR_MAX, "%zu: %s has a value at %s already, line %zu",
                 row->line, region, row->time, row[-1].line);
    } else {
        snprintf(rows->error, CURVE_ERROR_MAX, "%s has two values at %s", region, row->time);
    }
    return ERR_INVALID;
}

/* have: of whom there is a value then. */
static int missing(const struct curve_rows *rows, size_t region, const struct curve_row *have)
{
    const struct curve *curve = rows->curve;
    char where[32] = "";
    if (have->line > 0) {
        snprintf(where, sizeof(where), "%zu: ", have->line);
    }
    snprintf(rows->error, CURVE_ERROR_MAX, "%s%s has a value at %s, and %s has none", where,
             curve->regions[have->region], have->time, curve->regions[region]);
    return ERR_INVALID;
}

/* Sorted, each time has as many rows as there are regions, in their order. */
static int check(const struct curve_rows *rows)
{
    size_t regions = rows->curve->region_count;
    for (size_t i = 0; i < rows->count; i++) {
        const struct curve_row *row = &rows->items[i];
        bool same = i > 0 && strcmp(row[-1].time, row->time) == 0;
        if (same && row[-1].region == row->region) {
            return twice(rows, row);
        }
        size_t wanted = same ? row[-1].region + 1 : 0;
        if (!same && i > 0 && row[-1].region + 1 != regions) {
            return missing(rows, row[-1].region + 1, &row[-1]);
        }
        if (row->region != wanted) {
            return missing(rows, wanted, row);
        }
    }
    const struct curve_row *last = &rows->items[rows->count - 1];
    return last->region + 1 == regions ? 0 : missing(rows, last->region + 1, last);
}

static void fill(struct curve *curve, const struct curve_rows *rows)
{
    curve->time_count = rows->count / curve->region_count;
    curve->times = mem_array(curve->time_count, sizeof(*curve->times));
    curve->values = mem_array(rows->count, sizeof(*curve->values));
    for (size_t i = 0; i < rows->count; i++) {
        memcpy(curve->times[i / curve->region_count], rows->items[i].time, CURVE_NAME_MAX);
        curve->values[i] = rows->items[i].value;
    }
}

int curve_read(struct curve *out, struct bytes text, char error[CURVE_ERROR_MAX])
{
    struct curve curve = {.region_count = 0};
    struct curve_rows rows = {.curve = &curve, .error = error};
    size_t first = 0;
    while (first < text.len && strchr(" \t\r\n", text.data[first]) != NULL) {
        first++;
    }
    bool json = first < text.len && text.data[first] == '{';
    int err = json ? curve_read_prometheus(&rows, text) : curve_read_csv(&rows, text);
    if (err == 0 && rows.count == 0) {
        snprintf(error, CURVE_ERROR_MAX, "there are no values");
        err = ERR_INVALID;
    }
    if (err == 0) {
        qsort(rows.items, rows.count, sizeof(*rows.items), by_time_and_region);
        err = check(&rows);
    }
    if (err == 0) {
        fill(&curve, &rows);
        *out = curve;
    }
    free(rows.items);
    return err;
}

void curve_free(struct curve *curve)
{
    free(curve->times);
    free(curve->values);
    *curve = (struct curve){.region_count = 0};
}
