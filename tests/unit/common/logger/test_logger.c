/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal: an entry is exactly one line, in text and in JSON, whatever bytes the text holds, and a
 * JSON entry always parses.
 */
#include "common/logger/logger.h"

#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <unistd.h>

#include <setjmp.h>

#include <cmocka.h>

#define NOON_MS 1769860800123 /* 2026-01-31T12:00:00.123Z */

static const struct logger_config plain = {.format = LOGGER_TEXT};
static const struct logger_config json = {.format = LOGGER_JSON};

static void test_lines(void **state)
{
    (void)state;
    static const struct {
        struct logger_config config;
        enum log_level level;
        const char *text;
        const char *line;
    } vectors[] = {
        {{.format = LOGGER_TEXT},
         LOG_INFO,
         "node_registered node=a capacity=4000",
         "2026-01-31T12:00:00.123Z info  node_registered node=a capacity=4000\n"},
        {{.format = LOGGER_TEXT, .identity = "worker=1"},
         LOG_ERROR,
         "a\nb\x1b[0m",
         "2026-01-31T12:00:00.123Z error a?b?[0m worker=1\n"},
        {{.format = LOGGER_JSON},
         LOG_INFO,
         "node_registered node=a capacity=4000",
         "{\"ts\":\"2026-01-31T12:00:00.123Z\",\"level\":\"info\",\"event\":\"node_registered\","
         "\"node\":\"a\",\"capacity\":\"4000\"}\n"},
        {{.format = LOGGER_JSON, .identity = "worker=1"},
         LOG_WARN,
         "join_refused name=\"a \\ b\" because of x=1 reasons",
         "{\"ts\":\"2026-01-31T12:00:00.123Z\",\"level\":\"warn\",\"event\":\"join_refused\","
         "\"name\":\"a \\\\ b\",\"x\":\"1\",\"worker\":\"1\",\"text\":\"because of reasons\"}\n"},
        {{.format = LOGGER_JSON},
         LOG_DEBUG,
         "x=\"open\nend",
         "{\"ts\":\"2026-01-31T12:00:00.123Z\",\"level\":\"debug\",\"x\":\"open\\u000aend\"}\n"},
        {{.format = LOGGER_JSON},
         LOG_DEBUG,
         "x=a\xc3\xa9\xff\xc3",
         "{\"ts\":\"2026-01-31T12:00:00.123Z\",\"level\":\"debug\",\"x\":\"a\xc3\xa9?\?\"}\n"},
        {{.format = LOGGER_JSON},
         LOG_TRACE,
         "",
         "{\"ts\":\"2026-01-31T12:00:00.123Z\",\"level\":\"trace\"}\n"},
    };
    for (size_t i = 0; i < ARRAY_LEN(vectors); i++) {
        char line[LOGGER_LINE_MAX];
        size_t len = logger_format_line(line, &vectors[i].config, NOON_MS, vectors[i].level,
                                        vectors[i].text);
        assert_int_equal(len, strlen(vectors[i].line));
        assert_memory_equal(line, vectors[i].line, len);
    }
}

/* Random bytes, from short to far too long: one newline, at the end, and JSON that parses. */
static void test_any_bytes(void **state)
{
    (void)state;
    struct prng prng;
    prng_seed(&prng, 1);
    static char text[2 * LOGGER_LINE_MAX];
    for (size_t round = 0; round < 2000; round++) {
        size_t len = prng_below(&prng, round % 10 == 0 ? sizeof(text) : 200);
        for (size_t i = 0; i < len; i++) {
            static const char often[] = " =\"\\a_";
            text[i] = prng_below(&prng, 2) == 0 ? often[prng_below(&prng, sizeof(often) - 1)]
                                                : (char)(1 + prng_below(&prng, 255));
        }
        text[len] = '\0';
        char line[LOGGER_LINE_MAX];
        size_t plain_len = logger_format_line(line, &plain, NOON_MS, LOG_INFO, text);
        assert_ptr_equal(memchr(line, '\n', plain_len), line + plain_len - 1);
        size_t json_len = logger_format_line(line, &json, NOON_MS, LOG_INFO, text);
        assert_ptr_equal(memchr(line, '\n', json_len), line + json_len - 1);
        json_t *parsed = json_loadb(line, json_len, 0, NULL);
        assert_non_null(parsed);
        assert_string_equal(json_string_value(json_object_get(parsed, "level")), "info");
        json_decref(parsed);
    }
}

static void test_longest_log_write(void **state)
{
    (void)state;
    char text[1024];
    memset(text, 1, sizeof(text) - 1); /* six bytes each in JSON */
    text[sizeof(text) - 1] = '\0';
    char line[LOGGER_LINE_MAX];
    size_t len = logger_format_line(line, &json, NOON_MS, LOG_INFO, text);
    line[len - 1] = '\0';
    assert_non_null(strstr(line, "\\u0001\\u0001"));
    assert_null(strstr(line, "log_line_too_long"));
}

static void test_levels(void **state)
{
    (void)state;
    for (int level = LOG_TRACE; level <= LOG_ERROR; level++) {
        enum log_level parsed = LOG_TRACE;
        assert_int_equal(logger_level_parse(&parsed, logger_level_name((enum log_level)level)), 0);
        assert_int_equal(parsed, level);
    }
    enum log_level untouched = LOG_WARN;
    assert_int_equal(logger_level_parse(&untouched, "loud"), ERR_INVALID);
    assert_int_equal(untouched, LOG_WARN);
}

/* Through a pipe: the filter holds, and what can not be written is counted. */
static void test_sink(void **state)
{
    (void)state;
    int ends[2];
    assert_int_equal(pipe2(ends, O_NONBLOCK), 0);
    struct logger logger;
    logger_init(&logger, &(struct logger_config){.level_min = LOG_INFO, .fd = ends[1]});
    log_write(&logger.sink, LOG_DEBUG, "hidden");
    log_write(&logger.sink, LOG_INFO, "shown n=%d", 7);
    char line[256] = {0};
    ssize_t len = read(ends[0], line, sizeof(line) - 1);
    assert_true(len > 0);
    assert_non_null(strstr(line, "Z info  shown n=7\n"));
    assert_null(strstr(line, "hidden"));
    close(ends[1]);
    log_write(&logger.sink, LOG_INFO, "lost");
    assert_int_equal(logger.lost, 1);
    close(ends[0]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lines),
        cmocka_unit_test(test_any_bytes),
        cmocka_unit_test(test_longest_log_write),
        cmocka_unit_test(test_levels),
        cmocka_unit_test(test_sink),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
