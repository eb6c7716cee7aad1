/* SPDX-License-Identifier: Apache-2.0
 *
 * GET events: what the journal has behind a cursor, at once, or as soon as there is something. Who
 * waits is looked at when the journal has grown, which is due then and there (orch_deadline).
 */
#include "orchestrator/core/orch/private.h"

#include "common/rfc3339/rfc3339.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <utlist.h>

enum { OK = 200, BAD = 400, UNAVAILABLE = 503 };

struct event_wait {
    uint64_t request;
    int64_t until_us;
    struct journal_cursor cursor;
    struct event_wait *prev, *next;
};

/* ---- The answer ---------------------------------------------------------------------------- */

static json_t *text_json(const char *text, size_t len)
{
    json_t *json = json_stringn(text, len);
    if (json != NULL) {
        return json;
    }
    char *ascii = mem_copy(text, len); /* it is not UTF-8 */
    for (size_t i = 0; i < len; i++) {
        ascii[i] = (uint8_t)ascii[i] < 0x80 ? ascii[i] : '?';
    }
    json = json_stringn(ascii, len);
    free(ascii);
    return json;
}

static json_t *fields_json(const char *words)
{
    json_t *fields = json_object();
    struct log_word word;
    while (log_word_next(&words, &word)) {
        if (word.key_len > 0) { /* all that events have */
            json_object_setn_new(fields, word.key, word.key_len,
                                 text_json(word.value, word.value_len));
        }
    }
    return fields;
}

static json_t *event_json(const struct journal_event *event, const char *cursor)
{
    static const char *const levels[] = {"trace", "debug", "info", "warn", "error"};
    char at[RFC3339_MAX];
    size_t name_len = log_event_len(event->text);
    return json_pack("{s:s, s:s, s:s%, s:o, s:s, s:o, s:s}", "time",
                     rfc3339_ms(at, event->wall_us / 1000), "level", levels[event->level], "event",
                     event->text, name_len, "orchestrator",
                     text_json(event->name, strlen(event->name)), "orchestrator_id", event->id,
                     "fields", fields_json(event->text + name_len), "cursor", cursor);
}

static json_t *missed_json(const struct journal_losses *losses)
{
    json_t *list = json_array();
    for (size_t i = 0; i < losses->count; i++) {
        const struct journal_loss *loss = &losses->items[i];
        json_t *events = loss->unknown ? json_null() : json_integer((json_int_t)loss->events);
        json_array_append_new(
            list, json_pack("{s:s, s:o}", "orchestrator_id", loss->id, "events", events));
    }
    return list;
}

/* With what was lost already as the cursor was settled. */
static void answer(struct orch *orch, uint64_t request, struct journal_cursor *cursor,
                   struct journal_losses *losses)
{
    char text[JOURNAL_CURSOR_MAX];
    struct journal_event *events = mem_array(JOURNAL_EVENTS_MAX, sizeof(*events));
    size_t count = journal_after(orch->config.journal, cursor, events);
    json_t *list = json_array();
    for (size_t i = 0; i < MIN(count, ORCH_EVENTS_AT_ONCE); i++) { /* the loop waits meanwhile */
        journal_pass(cursor, &events[i], losses);
        journal_cursor_text(cursor, text);
        json_array_append_new(list, event_json(&events[i], text));
    }
    journal_cursor_text(cursor, text);
    orch_admin_reply(orch, request, OK,
                     json_pack("{s:o, s:s, s:b, s:o}", "events", list, "cursor", text, "more",
                               count > ORCH_EVENTS_AT_ONCE, "missed", missed_json(losses)));
    free(events);
}

/* ---- Waiting ------------------------------------------------------------------------------- */

static void forget(struct orch *orch, struct event_wait *wait)
{
    DL_DELETE(orch->event_waits, wait);
    orch->event_wait_count--;
    free(wait);
}

static void stopping(struct orch *orch, uint64_t request)
{
    orch_admin_fail(orch, request, UNAVAILABLE, "unavailable", "it is about to stop");
}

static void wait_for_more(struct orch *orch, uint64_t request, const struct journal_cursor *cursor,
                          int64_t until_us)
{
    if (orch->events_end) {
        stopping(orch, request);
        return;
    }
    if (orch->event_wait_count == ORCH_EVENT_WAITS_MAX) {
        orch_admin_fail(orch, request, UNAVAILABLE, "unavailable", "too many wait for events");
        return;
    }
    struct event_wait *wait = mem_alloc(sizeof(*wait));
    *wait = (struct event_wait){.request = request, .until_us = until_us, .cursor = *cursor};
    DL_APPEND(orch->event_waits, wait);
    orch->event_wait_count++;
}

int64_t orch_events_deadline(const struct orch *orch)
{
    const struct event_wait *wait;
    int64_t at = TIME_NEVER;
    DL_FOREACH(orch->event_waits, wait)
    {
        at = MIN(at, wait->until_us);
    }
    bool more = at != TIME_NEVER && journal_count(orch->config.journal) != orch->events_seen;
    return more ? orch->now_us : at;
}

void orch_events_expire(struct orch *orch)
{
    struct event_wait *wait, *next;
    DL_FOREACH_SAFE(orch->event_waits, wait, next)
    {
        struct journal_losses losses = {.count = 0};
        if (wait->until_us <= orch->now_us ||
            journal_has_after(orch->config.journal, &wait->cursor)) {
            journal_settle(orch->config.journal, &wait->cursor, &losses);
            answer(orch, wait->request, &wait->cursor, &losses);
            forget(orch, wait);
        }
    }
    if (orch->event_waits != NULL) {
        orch->events_seen = journal_count(orch->config.journal);
    }
}

void orch_request_gone(struct orch *orch, uint64_t request)
{
    struct event_wait *wait, *next;
    DL_FOREACH_SAFE(orch->event_waits, wait, next)
    {
        if (wait->request == request) {
            orch_admin_fail(orch, request, UNAVAILABLE, "unavailable", "its client is gone");
            forget(orch, wait);
        }
    }
}

void orch_events_end(struct orch *orch, int64_t now_us)
{
    orch_tick(orch, now_us);
    orch->events_end = true;
    while (orch->event_waits != NULL) {
        stopping(orch, orch->event_waits->request);
        forget(orch, orch->event_waits);
    }
}

void orch_events_fini(struct orch *orch)
{
    while (orch->event_waits != NULL) {
        forget(orch, orch->event_waits);
    }
}

/* ---- The question -------------------------------------------------------------------------- */

/* In whole seconds; -1: it makes no sense. */
static int wait_of(const char *text)
{
    char *end = NULL;
    if (text == NULL || text[0] == '\0') {
        return 0;
    }
    long wait_s = text[0] >= '0' && text[0] <= '9' ? strtol(text, &end, 10) : -1;
    return wait_s >= 0 && wait_s <= ORCH_EVENT_WAIT_MAX_S && *end == '\0' ? (int)wait_s : -1;
}

void orch_events(struct orch *orch, uint64_t request, const struct orch_admin_request *admin)
{
    struct journal_cursor cursor;
    struct journal_losses losses = {.count = 0};
    int wait_s = wait_of(admin->wait_s);
    if (journal_cursor_parse(&cursor, admin->after == NULL ? "" : admin->after) != 0) {
        orch_admin_fail(orch, request, BAD, "bad_request", "after is no cursor");
    } else if (wait_s < 0) {
        orch_admin_fail(orch, request, BAD, "bad_request", "wait_s is 0 to 60");
    } else {
        journal_settle(orch->config.journal, &cursor, &losses);
        if (wait_s == 0 || losses.count > 0 || journal_has_after(orch->config.journal, &cursor)) {
            answer(orch, request, &cursor, &losses);
        } else {
            wait_for_more(orch, request, &cursor, orch->now_us + TIME_S(wait_s));
        }
    }
}
