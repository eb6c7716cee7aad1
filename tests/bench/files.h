/* SPDX-License-Identifier: Apache-2.0
 *
 * What benches write into a folder.
 */
#ifndef TESTS_BENCH_FILES_H
#define TESTS_BENCH_FILES_H

#include "common/base/base.h"

#include <jansson.h>
#include <stdio.h>

FILE *files_create(const char *dir, const char *name);

/* To thousandths, for JSON. */
double files_rounded(double value);

/* {"date": now, "machine": machine}, to be gone on with. */
json_t *files_begin(const char *machine);

/* Takes json. */
void files_write_json(const char *dir, const char *name, json_t *json);

#endif
