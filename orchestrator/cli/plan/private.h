/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ORCHESTRATOR_CLI_PLAN_PRIVATE_H
#define ORCHESTRATOR_CLI_PLAN_PRIVATE_H

#include "orchestrator/cli/plan/curve.h"

/* A value as read. */
struct curve_row {
    char time[CURVE_NAME_MAX];
    size_t region; /* index in the order of coming */
    uint64_t value;
    size_t line; /* where it is from: a line, or 0 */
};

struct curve_rows {
    struct curve_row *items; /* owned */
    size_t count, capacity;
    struct curve *curve; /* gets regions, in the order of their coming */
    char *error;         /* CURVE_ERROR_MAX */
};

/* The region's index, a new one if need be. ERR_TOO_BIG, told. */
int curve_region(struct curve_rows *rows, const char *name, size_t *out) MUST_CHECK;
/* ERR_TOO_BIG, told. */
int curve_add(struct curve_rows *rows, const struct curve_row *row) MUST_CHECK;
/* Whether the text is a number of 0 to CURVE_VALUE_MAX; rounded up. */
bool curve_number(const char *text, uint64_t *out);

/* ---- curve_csv.c, curve_prometheus.c: ERR_INVALID or ERR_TOO_BIG, told */
MUST_CHECK int curve_read_csv(struct curve_rows *rows, struct bytes text);
MUST_CHECK int curve_read_prometheus(struct curve_rows *rows, struct bytes text);

#endif
