/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal: whoever writes spans never waits for the exporter: what its queue does not take is dropped
 * and counted, while nothing of the loop runs; and it ends with all of them unsent. (That it sends
 * them is integration.cluster_traces's matter.)
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "orchestrator/shell/otlp/exporter.h"

static int64_t zero(void)
{
    return 0;
}

static struct exporter_config config_of(uv_loop_t *loop, const char *endpoint)
{
    return (struct exporter_config){.loop = loop,
                                    .endpoint = endpoint,
                                    .authorization = "",
                                    .service = {"OR_1", "", "", "1"},
                                    .now_us = zero,
                                    .wall_us = zero};
}

static void nobody_waits(void **state)
{
    (void)state;
    enum { TOO_MANY = 17 };
    uv_loop_t loop;
    struct exporter *exporter;
    struct trace_span span = {.name = "join", .kind = TRACE_SERVER};
    assert_int_equal(uv_loop_init(&loop), 0);
    struct exporter_config config = config_of(&loop, "http://127.0.0.1:1"); /* nobody is there */
    assert_int_equal(exporter_new(&exporter, &config), 0);
    for (size_t i = 0; i < OTLP_QUEUE_MAX + TOO_MANY; i++) {
        exporter_write(exporter, &span);
    }
    const struct exporter_counters *counters = exporter_counters(exporter);
    assert_int_equal(counters->waiting, OTLP_QUEUE_MAX);
    assert_int_equal(counters->dropped_overflow, TOO_MANY);
    assert_int_equal(counters->requests, 0);
    exporter_close_take(exporter, 0);
    assert_int_equal(counters->requests, 1); /* it tries once */
    uv_run(&loop, UV_RUN_DEFAULT);           /* and ends */
    assert_int_equal(uv_loop_close(&loop), 0);
}

static void endpoints(void **state)
{
    (void)state;
    static const char *const bad[] = {"", "collector:4318", "grpc://collector:4317", "http://"};
    uv_loop_t loop;
    struct exporter *exporter;
    assert_int_equal(uv_loop_init(&loop), 0);
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct exporter_config config = config_of(&loop, bad[i]);
        assert_int_equal(exporter_new(&exporter, &config), ERR_INVALID);
    }
    assert_int_equal(uv_loop_close(&loop), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nobody_waits),
        cmocka_unit_test(endpoints),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
