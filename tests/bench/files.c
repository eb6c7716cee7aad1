/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/bench/files.h"

#include "tests/bench/bench.h"

#include <time.h>

#define PATH_BYTES 256

FILE *files_create(const char *dir, const char *name)
{
    char path[PATH_BYTES];
    if (bench_short()) {
        bench_fail("%s: what a short run measured is not kept", dir);
    }
    snprintf(path, sizeof(path), "%s/%s", dir, name);
    FILE *file = fopen(path, "w");
    if (file == NULL) {
        bench_fail("%s: can't be written", path);
    }
    return file;
}

double files_rounded(double value)
{
    return (double)(int64_t)(value * 1000 + 0.5) / 1000;
}

json_t *files_begin(const char *machine)
{
    char date[32];
    time_t now = time(NULL);
    strftime(date, sizeof(date), "%Y-%m-%d %H:%M UTC", gmtime(&now));
    return json_pack("{s:s, s:s}", "date", date, "machine", machine);
}

void files_write_json(const char *dir, const char *name, json_t *json)
{
    FILE *file = files_create(dir, name);
    json_dumpf(json, file, JSON_INDENT(2) | JSON_REAL_PRECISION(6));
    fputc('\n', file);
    fclose(file);
    json_decref(json);
    printf("written: %s/%s\n", dir, name);
}
