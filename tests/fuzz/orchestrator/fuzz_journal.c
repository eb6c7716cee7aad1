/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal: any text is read as the words of a log line, within it and to its end; any text that is
 * taken for a cursor is written as one that says the same; and whatever another orchestrator says
 * happened, somebody who reads on with such a cursor comes to an end.
 */
#include "orchestrator/core/journal/journal.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void read_words(const char *text)
{
    const char *rest = text, *before = text, *end = text + strlen(text);
    struct log_word word;
    while (log_word_next(&rest, &word)) {
        assert(rest > before && rest <= end);
        assert(word.key >= before && word.value + word.value_len <= end);
        assert(word.key_len + word.value_len > 0 || word.value > word.key);
        before = rest;
    }
    assert(rest == end && log_event_len(text) <= strlen(text));
}

static void read_cursor(const char *text, struct journal_cursor *out)
{
    struct journal_cursor again;
    char written[JOURNAL_CURSOR_MAX];
    *out = (struct journal_cursor){.count = 0};
    if (journal_cursor_parse(out, text) != 0) {
        return;
    }
    journal_cursor_text(out, written);
    int err = journal_cursor_parse(&again, written);
    assert(err == 0 && again.count == out->count);
    for (size_t i = 0; i < out->count; i++) {
        assert(strcmp(again.marks[i].id, out->marks[i].id) == 0);
        assert(again.marks[i].number == out->marks[i].number);
    }
}

static void read_on(const struct journal *journal, struct journal_cursor *cursor)
{
    static struct journal_event events[JOURNAL_EVENTS_MAX];
    struct journal_losses losses = {.count = 0}, more = {.count = 0};
    journal_settle(journal, cursor, &losses);
    size_t count = journal_after(journal, cursor, events);
    for (size_t i = 0; i < count; i++) {
        journal_pass(cursor, &events[i], &losses);
    }
    assert(!journal_has_after(journal, cursor));
    journal_settle(journal, cursor, &more);
    assert(more.count == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct journal_cursor cursor;
    char *text = mem_copy(data, len);
    struct journal *journal = journal_new("OR_a", "a");
    read_words(text);
    read_cursor(text, &cursor);
    journal_log(journal, 1, LOG_INFO, text);
    /* The same text as events: an id, a number and a text each, one byte apart. */
    for (size_t at = 0; at + 2 < len; at += (size_t)data[at] + 2) {
        char id[] = {(char)data[at], '\0'};
        (void)journal_take(journal, &(struct journal_event){.id = id,
                                                            .name = id,
                                                            .number = data[at + 1],
                                                            .wall_us = data[at + 1],
                                                            .level = LOG_INFO,
                                                            .text = text + at + 2});
    }
    read_on(journal, &cursor);
    journal_free(journal);
    free(text);
    return 0;
}
