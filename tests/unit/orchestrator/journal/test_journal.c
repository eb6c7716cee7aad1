/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal: whoever comes back with a cursor reads what happened since, once and in order, from
 * whichever orchestrator; and what is lost meanwhile is told, not passed over.
 */
#include "orchestrator/core/journal/journal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static struct journal *journal;
static char story[1 << 16];

static int setup(void **state)
{
    (void)state;
    journal = journal_new("OR_a", "a");
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    journal_free(journal);
    return 0;
}

static void log_at(int64_t wall_us, const char *text)
{
    journal_log(journal, wall_us, LOG_WARN, text);
}

static bool take(const char *id, uint64_t number, int64_t wall_us, const char *text)
{
    return journal_take(journal, &(struct journal_event){.id = id,
                                                         .name = "other",
                                                         .number = number,
                                                         .wall_us = wall_us,
                                                         .level = LOG_INFO,
                                                         .text = text});
}

/* Reads so many of what is behind the cursor, as "ID.NUMBER TEXT; ", before "(lost ID COUNT) ". */
static const char *read_some(struct journal_cursor *cursor, size_t max)
{
    struct journal_losses losses = {.count = 0};
    struct journal_event *events = mem_array(JOURNAL_EVENTS_MAX, sizeof(*events));
    journal_settle(journal, cursor, &losses);
    size_t count = journal_after(journal, cursor, events), len = 0;
    story[0] = '\0';
    assert_int_equal(journal_has_after(journal, cursor), count > 0);
    for (size_t i = 0; i < MIN(count, max); i++) {
        journal_pass(cursor, &events[i], &losses);
        if (i < 8) {
            len += (size_t)snprintf(story + len, sizeof(story) - len, "%s.%d %s; ", events[i].id,
                                    (int)events[i].number, events[i].text);
        }
    }
    for (size_t i = 0; i < losses.count; i++) {
        len +=
            (size_t)snprintf(story + len, sizeof(story) - len, "(lost %s %d) ", losses.items[i].id,
                             losses.items[i].unknown ? -1 : (int)losses.items[i].events);
    }
    free(events);
    return story;
}

static const char *read_on(struct journal_cursor *cursor)
{
    return read_some(cursor, SIZE_MAX);
}

static struct journal_cursor cursor_of(const char *text)
{
    struct journal_cursor cursor;
    assert_int_equal(journal_cursor_parse(&cursor, text), 0);
    return cursor;
}

static const char *text_of(const struct journal_cursor *cursor)
{
    static char text[JOURNAL_CURSOR_MAX];
    journal_cursor_text(cursor, text);
    return text;
}

static void events_are_kept_and_the_rest_is_not(void **state)
{
    (void)state;
    struct journal_cursor cursor = cursor_of("");
    log_at(1, "node_dead node=ND_1 cause=link_lost");
    log_at(2, "participant_joined room=RM_1 participant=PA_1");
    log_at(3, "node_deadly");
    log_at(4, "node_dea");
    log_at(5, "store_down");
    assert_string_equal(read_on(&cursor),
                        "OR_a.1 node_dead node=ND_1 cause=link_lost; OR_a.2 store_down; ");
    assert_string_equal(text_of(&cursor), "OR_a.2");
}

static void two_readers_each_read_all_once(void **state)
{
    (void)state;
    struct journal_cursor one = cursor_of(""), two;
    log_at(1, "store_down");
    assert_string_equal(read_on(&one), "OR_a.1 store_down; ");
    assert_string_equal(read_on(&one), "");
    log_at(2, "store_up");
    two = cursor_of("");
    assert_string_equal(read_on(&two), "OR_a.1 store_down; OR_a.2 store_up; ");
    assert_string_equal(read_on(&one), "OR_a.2 store_up; ");
    assert_string_equal(read_on(&two), "");
}

static void others_are_read_by_time_and_each_in_its_order(void **state)
{
    (void)state;
    struct journal_cursor cursor = cursor_of("");
    log_at(30, "store_down");
    assert_true(take("OR_b", 1, 20, "node_dead node=ND_1"));
    assert_true(take("OR_b", 2, 40, "node_left node=ND_2"));
    assert_true(take("OR_b", 3, 10, "node_left node=ND_3")); /* its clock was set back */
    assert_string_equal(read_on(&cursor),
                        "OR_b.1 node_dead node=ND_1; OR_a.1 store_down; "
                        "OR_b.2 node_left node=ND_2; OR_b.3 node_left node=ND_3; ");
    assert_string_equal(text_of(&cursor), "OR_b.3~OR_a.1");
}

static void what_is_known_is_not_taken_twice(void **state)
{
    (void)state;
    struct journal_cursor cursor = cursor_of("");
    log_at(1, "store_down");
    for (int i = 0; i < 2; i++) {
        assert_true(take("OR_b", 1, 1, "store_down"));
        assert_true(take("OR_b", 2, 2, "store_up"));
        assert_true(take("OR_a", 1, 1, "store_down")); /* this one's, from another */
    }
    assert_int_equal(journal_count(journal), 3);
    assert_string_equal(read_on(&cursor),
                        "OR_a.1 store_down; OR_b.1 store_down; OR_b.2 store_up; ");
}

static void a_cursor_of_another_orchestrator_goes_on_here(void **state)
{
    (void)state;
    struct journal_cursor cursor = cursor_of("OR_b.1~OR_a.1");
    log_at(1, "store_down");
    log_at(3, "store_up");
    assert_true(take("OR_b", 1, 2, "store_down"));
    assert_true(take("OR_c", 1, 4, "peer_up peer=OR_a"));
    assert_string_equal(read_on(&cursor), "OR_a.2 store_up; OR_c.1 peer_up peer=OR_a; ");
    assert_string_equal(text_of(&cursor), "OR_b.1~OR_a.2~OR_c.1");
}

static void a_cursor_ahead_of_what_is_here_waits(void **state)
{
    (void)state;
    struct journal_cursor cursor = cursor_of("OR_b.2");
    assert_true(take("OR_b", 1, 1, "store_down"));
    assert_string_equal(read_on(&cursor), "");
    assert_true(take("OR_b", 2, 2, "store_up"));
    assert_string_equal(read_on(&cursor), "");
    assert_true(take("OR_b", 3, 3, "store_down"));
    assert_string_equal(read_on(&cursor), "OR_b.3 store_down; ");
}

static void what_fell_out_is_told_once(void **state)
{
    (void)state;
    struct journal_cursor cursor = cursor_of(""), behind;
    log_at(1, "store_down");
    (void)read_on(&cursor);
    behind = cursor;
    for (int i = 0; i < JOURNAL_EVENTS_MAX + 4; i++) {
        log_at(2, "store_up");
    }
    assert_int_equal(journal_count(journal) - journal_first(journal), JOURNAL_EVENTS_MAX);
    const char *told = read_on(&cursor);
    assert_int_equal(strncmp(told, "OR_a.6 store_up; ", 17), 0);
    assert_non_null(strstr(told, "(lost OR_a 4) "));
    assert_string_equal(read_on(&cursor), "");
    /* All of it may be gone. */
    for (int i = 0; i < JOURNAL_EVENTS_MAX; i++) {
        assert_true(take("OR_b", (uint64_t)i + 1, 3, "store_up"));
    }
    told = read_on(&behind);
    assert_int_equal(strncmp(told, "OR_b.1 store_up; ", 17), 0);
    assert_non_null(strstr(told, "(lost OR_a 10004) "));
    assert_null(strstr(read_on(&behind), "lost"));
}

static void what_never_came_here_is_told(void **state)
{
    (void)state;
    struct journal_cursor cursor = cursor_of("OR_b.1");
    assert_true(take("OR_b", 1, 1, "store_down"));
    assert_true(take("OR_b", 2, 2, "store_up"));
    assert_true(take("OR_b", 5, 3, "store_down"));
    assert_true(take("OR_b", 7, 4, "store_up"));
    assert_string_equal(read_some(&cursor, 1), "OR_b.2 store_up; ");
    assert_string_equal(read_some(&cursor, 1), "OR_b.5 store_down; (lost OR_b 2) ");
    assert_string_equal(read_some(&cursor, 1), "OR_b.7 store_up; (lost OR_b 1) ");
    assert_string_equal(read_on(&cursor), "");
}

static void a_process_that_nobody_knows_is_told_once(void **state)
{
    (void)state;
    struct journal_cursor cursor = cursor_of("OR_z.7~OR_a.0");
    log_at(1, "store_down");
    assert_string_equal(read_on(&cursor), "OR_a.1 store_down; (lost OR_z -1) ");
    assert_string_equal(read_on(&cursor), "");
}

static void processes_are_bounded_and_the_oldest_is_forgotten(void **state)
{
    (void)state;
    struct journal_cursor cursor = cursor_of(""), before;
    char id[ID_MAX];
    log_at(1, "store_down");
    for (int i = 1; i < JOURNAL_ORIGINS_MAX; i++) {
        snprintf(id, sizeof(id), "OR_%d", i);
        assert_true(take(id, 1, 2, "store_up"));
    }
    (void)read_on(&cursor);
    before = cursor;
    assert_true(take("OR_1", 2, 3, "store_up")); /* now OR_2 was heard of longest ago */
    assert_true(take("OR_new", 1, 4, "store_up"));
    assert_string_equal(read_on(&cursor), "OR_1.2 store_up; OR_new.1 store_up; (lost OR_2 -1) ");
    assert_int_equal(before.count, JOURNAL_ORIGINS_MAX);
    assert_int_equal(cursor.count, JOURNAL_ORIGINS_MAX);
}

static void malformed_events_are_refused(void **state)
{
    (void)state;
    char long_name[JOURNAL_NAME_MAX + 1];
    memset(long_name, 'n', sizeof(long_name) - 1);
    long_name[sizeof(long_name) - 1] = '\0';
    struct journal_event event = {
        .id = "OR_b", .name = long_name, .number = 1, .level = LOG_INFO, .text = "store_up"};
    assert_false(journal_take(journal, &event));
    assert_false(take("", 1, 1, "store_up"));
    assert_false(take("OR_b~", 1, 1, "store_up"));
    assert_false(take("OR_012345678901234567890123", 1, 1, "store_up"));
    assert_false(take("OR_b", 0, 1, "store_up"));
    assert_false(take("OR_b", UINT64_MAX, 1, "store_up"));
    assert_false(take("OR_b", 1, -1, "store_up"));
    assert_false(take("OR_b", 1, 1, "=no name"));
    assert_int_equal(journal_count(journal), 0);
    assert_true(take("OR_b", 1, 1, "of_a_newer_version")); /* any name */
}

static void long_texts_are_cut(void **state)
{
    (void)state;
    struct journal_event event;
    char text[2 * JOURNAL_TEXT_MAX] = "store_down reason=";
    memset(text + strlen(text), 'x', sizeof(text) - strlen(text) - 1);
    log_at(1, text);
    assert_true(journal_at(journal, 0, &event));
    assert_int_equal(strlen(event.text), JOURNAL_TEXT_MAX - 1);
    assert_true(journal_is_own(journal, &event));
}

static void what_is_no_cursor_is_refused(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "OR_a",
        "OR_a.",
        "OR_a.x",
        "OR_a.-1",
        "OR_a.1~",
        "~OR_a.1",
        ".1",
        "OR_a.1.2",
        "OR_a.1~OR_a.2",
        "OR a.1",
        "OR_a.9223372036854775808",
        "OR_a.99999999999999999999999",
        "a.1~b.1~c.1~d.1~e.1~f.1~g.1~h.1~i.1~j.1~k.1~l.1~m.1~n.1~o.1~p.1~q.1"};
    struct journal_cursor cursor = {.count = 7};
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        assert_int_equal(journal_cursor_parse(&cursor, texts[i]), ERR_INVALID);
    }
    assert_int_equal(cursor.count, 7);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(events_are_kept_and_the_rest_is_not),
        TEST(two_readers_each_read_all_once),
        TEST(others_are_read_by_time_and_each_in_its_order),
        TEST(what_is_known_is_not_taken_twice),
        TEST(a_cursor_of_another_orchestrator_goes_on_here),
        TEST(a_cursor_ahead_of_what_is_here_waits),
        TEST(what_fell_out_is_told_once),
        TEST(what_never_came_here_is_told),
        TEST(a_process_that_nobody_knows_is_told_once),
        TEST(processes_are_bounded_and_the_oldest_is_forgotten),
        TEST(malformed_events_are_refused),
        TEST(long_texts_are_cut),
        TEST(what_is_no_cursor_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
