/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal: metrics come out in Prometheus' text format 0.0.4, escaped, with HELP and TYPE once per
 * name, whole numbers whole, and cut off where there is no room.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdlib.h>

#include "common/probes/probes.h"

static void test_format(void **state)
{
    (void)state;
    const struct probes_metric metrics[] = {
        {"drops_total", "Packets dropped, by \\ reason\nand more.", PROBES_COUNTER,
         "reason=\"replay\"", 3, NULL},
        {"drops_total", NULL, PROBES_COUNTER, "reason=\"auth\"", 4503599627370497.0, NULL},
        {"load_ratio", "Load.", PROBES_GAUGE, NULL, 0.25, NULL},
        {"lag_seconds", "Lag.", PROBES_GAUGE, "", INFINITY, NULL},
    };
    static const char expected[] =
        "# HELP x_drops_total Packets dropped, by \\\\ reason\\nand more.\n"
        "# TYPE x_drops_total counter\n"
        "x_drops_total{reason=\"replay\"} 3\n"
        "x_drops_total{reason=\"auth\"} 4503599627370497\n"
        "# HELP x_load_ratio Load.\n"
        "# TYPE x_load_ratio gauge\n"
        "x_load_ratio 0.25\n"
        "# HELP x_lag_seconds Lag.\n"
        "# TYPE x_lag_seconds gauge\n"
        "x_lag_seconds +Inf\n";
    char out[1024];
    size_t len = probes_format(out, sizeof(out), "x", metrics, ARRAY_LEN(metrics));
    assert_string_equal(out, expected);
    assert_int_equal(len, strlen(expected));
    assert_int_equal(probes_format(NULL, 0, "x", metrics, ARRAY_LEN(metrics)), len);
}

/* Goal: buckets hold all below, with the labels of the rest, and seconds come of microseconds. */
static void test_histogram(void **state)
{
    (void)state;
    struct timings times = {0}, none = {0};
    const struct probes_metric metrics[] = {
        {.name = "wait_seconds",
         .help = "Waits.",
         .kind = PROBES_HISTOGRAM,
         .labels = "for=\"a\"",
         .histogram = &times},
        {.name = "wait_seconds",
         .kind = PROBES_HISTOGRAM,
         .labels = "for=\"b\"",
         .histogram = &none},
    };
    char out[8192];
    timings_add(&times, 1000);
    timings_add(&times, 600000);
    timings_add(&times, 40000000);
    probes_format(out, sizeof(out), "x", metrics, ARRAY_LEN(metrics));
    static const char begin[] = "# HELP x_wait_seconds Waits.\n"
                                "# TYPE x_wait_seconds histogram\n"
                                "x_wait_seconds_bucket{for=\"a\",le=\"0.001\"} 1\n"
                                "x_wait_seconds_bucket{for=\"a\",le=\"0.0025\"} 1\n";
    static const char end[] = "x_wait_seconds_bucket{for=\"a\",le=\"30\"} 2\n"
                              "x_wait_seconds_bucket{for=\"a\",le=\"+Inf\"} 3\n"
                              "x_wait_seconds_sum{for=\"a\"} 40.601\n"
                              "x_wait_seconds_count{for=\"a\"} 3\n"
                              "x_wait_seconds_bucket{for=\"b\",le=\"0.001\"} 0\n";
    assert_memory_equal(out, begin, strlen(begin));
    assert_non_null(strstr(out, "{for=\"a\",le=\"0.5\"} 1\n"));
    assert_non_null(strstr(out, "{for=\"a\",le=\"0.75\"} 2\n"));
    assert_non_null(strstr(out, end));
    assert_null(strstr(out + strlen(begin), "# TYPE"));

    struct probes_metric bare = metrics[0];
    bare.labels = NULL;
    probes_format(out, sizeof(out), "x", &bare, 1);
    assert_non_null(strstr(out, "\nx_wait_seconds_bucket{le=\"0.001\"} 1\n"));
    assert_non_null(strstr(out, "\nx_wait_seconds_count 3\n"));
}

static void test_format_cut_off(void **state)
{
    (void)state;
    const struct probes_metric metric = {"up", "Up.", PROBES_GAUGE, NULL, 1, NULL};
    char whole[128];
    size_t len = probes_format(whole, sizeof(whole), "x", &metric, 1);
    for (size_t cap = 1; cap <= len + 1; cap++) {
        char *out = mem_alloc(cap); /* its end is watched by ASan */
        assert_int_equal(probes_format(out, cap, "x", &metric, 1), len);
        assert_int_equal(strlen(out), MIN(cap - 1, len));
        assert_memory_equal(out, whole, MIN(cap - 1, len));
        free(out);
    }
    assert_int_equal(probes_format(whole, sizeof(whole), "x", &metric, 0), 0);
    assert_string_equal(whole, "");
}

static void test_label(void **state)
{
    (void)state;
    char out[32] = "unchanged";
    assert_int_equal(probes_label(out, 4, "region", "eu"), ERR_TOO_BIG);
    assert_string_equal(out, "unchanged");
    assert_int_equal(probes_label(out, sizeof(out), "r", "a\"b\\c\nd"), 14);
    assert_string_equal(out, "r=\"a\\\"b\\\\c\\nd\"");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_format),
        cmocka_unit_test(test_histogram),
        cmocka_unit_test(test_format_cut_off),
        cmocka_unit_test(test_label),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
