/* SPDX-License-Identifier: Apache-2.0
 *
 * A curve of load per region over time, from a file: how many people, or what weight, at which
 * time. Every time has a value of every region: what is missing is an error, never taken for none.
 *
 * CSV (RFC 4180, without quotes): a line "time,region,people" or "time,region,weight", then the
 * values in any order. Times are whatever tells them apart ("09:00", "2026-11-30T09:00Z"). Empty
 * lines and lines that begin with # are skipped.
 *
 * Prometheus: the answer of its range query (GET /api/v1/query_range) with one series per region,
 * named by the label region. Its times are shown in UTC.
 */
#ifndef ORCHESTRATOR_CLI_PLAN_CURVE_H
#define ORCHESTRATOR_CLI_PLAN_CURVE_H

#include "common/base/base.h"

#define CURVE_BYTES_MAX   (64u << 20)
#define CURVE_REGIONS_MAX 64
#define CURVE_ROWS_MAX    1000000 /* values */
#define CURVE_NAME_MAX    64      /* bytes of a region or a time, NUL included */
#define CURVE_VALUE_MAX   1e12
#define CURVE_ERROR_MAX   256
#define CURVE_UNIT_MAX    16

struct curve {
    char unit[CURVE_UNIT_MAX]; /* "people", "weight"; "" where the file does not say */
    char regions[CURVE_REGIONS_MAX][CURVE_NAME_MAX]; /* by name */
    size_t region_count;
    char (*times)[CURVE_NAME_MAX]; /* as text, in its order */
    size_t time_count;
    uint64_t *values; /* [time * region_count + region], rounded up */
};

/* Either kind, by its first character. ERR_INVALID or ERR_TOO_BIG, and where and what is wrong, to
 * stand behind the file's name and a colon ("7: not a number: \"12a\""); then there is nothing to
 * free. */
int curve_read(struct curve *out, struct bytes text, char error[CURVE_ERROR_MAX]) MUST_CHECK;
void curve_free(struct curve *curve);

#endif
