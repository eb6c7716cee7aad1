/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal: times are read and written as RFC 3339 has them, and what is none is refused.
 */
#include "common/rfc3339/rfc3339.h"

#include <setjmp.h>

#include <cmocka.h>

#define NOW_MS 1600000000000

static void writes(void **state)
{
    (void)state;
    char text[RFC3339_MAX];
    assert_string_equal(rfc3339_s(text, NOW_MS / 1000), "2020-09-13T12:26:40Z");
    assert_string_equal(rfc3339_ms(text, NOW_MS + 7), "2020-09-13T12:26:40.007Z");
    assert_string_equal(rfc3339_ms(text, -1), "1969-12-31T23:59:59.999Z");
    assert_string_equal(rfc3339_s(text, INT64_MAX), "9999-12-31T23:59:59Z");
    assert_string_equal(rfc3339_s(text, INT64_MIN), "0000-01-01T00:00:00Z");
}

static void reads(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t unix_ms;
    } good[] = {
        {"2020-09-13T12:26:40Z", NOW_MS},         {"2020-09-13T12:26Z", NOW_MS - 40000},
        {"2020-09-13T14:26:40+02:00", NOW_MS},    {"2020-09-13T06:56:40-05:30", NOW_MS},
        {"2020-09-13T12:26:40.5Z", NOW_MS + 500}, {"2020-09-13T12:26:40.0429999Z", NOW_MS + 42},
        {"2024-02-29T00:00Z", 1709164800000}};
    static const char *const bad[] = {"",
                                      "now",
                                      "0226-12-01T09:00Z",
                                      "9999-12-31T23:59-01:00",
                                      "2020-09-13",
                                      "2020-09-13T12:26",
                                      "2020-09-13 12:26Z",
                                      "2020-09-13T12:26z",
                                      "2020-09-13T12:26ZZ",
                                      "2020-9-13T12:26Z",
                                      "2023-02-29T00:00Z",
                                      "2020-13-01T00:00Z",
                                      "2020-00-01T00:00Z",
                                      "2020-09-31T00:00Z",
                                      "2020-09-13T24:00Z",
                                      "2020-09-13T12:60Z",
                                      "2020-09-13T12:26:60Z",
                                      "2020-09-13T12:26:40.Z",
                                      "2020-09-13T12:26.5Z",
                                      "2020-09-13T12:26+24:00",
                                      "2020-09-13T12:26+0200",
                                      "2020-09-13T12:26+"};
    int64_t unix_ms;
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        assert_int_equal(rfc3339_parse(&unix_ms, good[i].text), 0);
        assert_int_equal(unix_ms, good[i].unix_ms);
    }
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        assert_int_equal(rfc3339_parse(&unix_ms, bad[i]), ERR_INVALID);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(writes), cmocka_unit_test(reads)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
