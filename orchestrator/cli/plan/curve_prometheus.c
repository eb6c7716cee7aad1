/* SPDX-License-Identifier: Apache-2.0 */
#include "orchestrator/cli/plan/private.h"

#include "common/rfc3339/rfc3339.h"

#include <jansson.h>
#include <stdio.h>

#define SECONDS_MAX 253402300799.0 /* 9999-12-31T23:59:59Z */

static int wrong(const struct curve_rows *rows, size_t series, const char *what)
{
    snprintf(rows->error, CURVE_ERROR_MAX, "series %zu: %s", series + 1, what);
    return ERR_INVALID;
}

/* [time, "value"] */
static int read_value(struct curve_rows *rows, size_t series, const json_t *pair, size_t region)
{
    struct curve_row row = {.region = region};
    const json_t *at = json_array_get(pair, 0);
    const char *value = json_string_value(json_array_get(pair, 1));
    double unix_s = json_number_value(at);
    if (!json_is_number(at) || !(unix_s >= 0 && unix_s <= SECONDS_MAX) || value == NULL) {
        return wrong(rows, series, "not pairs of a time and a value");
    }
    rfc3339_s(row.time, (int64_t)unix_s);
    if (!curve_number(value, &row.value)) {
        return wrong(rows, series, "a value is not a number of 0 to 1e12");
    }
    return curve_add(rows, &row);
}

static int read_series(struct curve_rows *rows, size_t index, const json_t *series)
{
    const char *name =
        json_string_value(json_object_get(json_object_get(series, "metric"), "region"));
    const json_t *values = json_object_get(series, "values");
    size_t region, before = rows->curve->region_count, i;
    json_t *pair;
    if (name == NULL || strlen(name) >= CURVE_NAME_MAX) {
        return wrong(rows, index, "no label region, ask for max by (region) or sum by (region)");
    }
    int err = curve_region(rows, name, &region);
    if (err == 0 && region < before) {
        return wrong(rows, index, "its region has one already, ask for max by (region)");
    }
    if (err == 0 && json_array_size(values) == 0) {
        return wrong(rows, index, "no values: is it a range query?");
    }
    json_array_foreach(values, i, pair)
    {
        err = err != 0 ? err : read_value(rows, index, pair, region);
    }
    return err;
}

int curve_read_prometheus(struct curve_rows *rows, struct bytes text)
{
    json_error_t place;
    json_t *json = json_loadb((const char *)text.data, text.len, 0, &place);
    const json_t *result = json_object_get(json_object_get(json, "data"), "result");
    size_t i;
    json_t *series;
    int err = 0;
    if (json == NULL) {
        snprintf(rows->error, CURVE_ERROR_MAX, "%d: %.160s", place.line, place.text);
        err = ERR_INVALID;
    } else if (!json_is_array(result)) {
        snprintf(rows->error, CURVE_ERROR_MAX, "not the answer of a range query: no data.result");
        err = ERR_INVALID;
    }
    json_array_foreach(result, i, series)
    {
        err = err != 0 ? err : read_series(rows, i, series);
    }
    json_decref(json);
    return err;
}
