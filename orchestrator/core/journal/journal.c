/* SPDX-License-Identifier: Apache-2.0 */
#include "orchestrator/core/journal/journal.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

/* What an operator wants to see happen. Whatever befalls a single participant is left out, and so
 * are rooms that begin and end (webhooks tell of these): they would crowd out the rest. */
static const char *const names[] = {
    /* nodes */
    "node_registered", "node_refused", "node_suspect", "node_alive", "node_dead", "node_left",
    "node_evacuated", "node_cordoned", "node_ready", "node_draining", "node_drained", "node_hot",
    "node_cool", "node_gray", "node_gray_spared", "node_still_gray", "node_gray_over",
    /* rooms */
    "room_moves", "room_pinned", "room_unpinned", "room_rebalanced", "room_stays",
    "room_taken_over", "room_yielded", "video_held", "video_given_up", "video_back", "spec_refused",
    "epoch_outdated",
    /* events that are told beforehand */
    "reservation_made", "reservation_cancelled",
    /* orchestrators */
    "serving", "leaving", "stopping", "peer_up", "peer_lost", "peer_leaves", "peer_refused",
    "peer_full", "region_cut_off", "region_back",
    /* the store */
    "store_up", "store_down", "store_master", "store_sentinels_silent", "store_late"};

enum { OWN }; /* place of this one among the processes */

struct origin {
    char id[ID_MAX];
    char name[JOURNAL_NAME_MAX];
    uint64_t last; /* number of its last event */
    int64_t wall_us;
    uint64_t index; /* of that event: who was last heard of longest ago is forgotten */
};

struct record {
    const struct origin *origin; /* NULL: was forgotten */
    uint64_t number;
    int64_t wall_us;
    enum log_level level;
    char *text; /* owned */
};

struct journal {
    struct origin origins[JOURNAL_ORIGINS_MAX];
    size_t origin_count;
    struct record ring[JOURNAL_EVENTS_MAX];
    uint64_t count;
};

struct journal *journal_new(const char *id, const char *name)
{
    struct journal *journal = mem_alloc(sizeof(*journal));
    struct origin *own = &journal->origins[journal->origin_count++];
    snprintf(own->id, sizeof(own->id), "%s", id);
    snprintf(own->name, sizeof(own->name), "%.*s", JOURNAL_NAME_MAX - 1, name);
    return journal;
}

void journal_free(struct journal *journal)
{
    for (size_t i = 0; i < JOURNAL_EVENTS_MAX; i++) {
        free(journal->ring[i].text);
    }
    free(journal);
}

/* ---- Processes ----------------------------------------------------------------------------- */

/* Its place; origin_count: it is unknown. */
static size_t find(const struct journal *journal, const char *id)
{
    size_t at = 0;
    while (at < journal->origin_count && strcmp(journal->origins[at].id, id) != 0) {
        at++;
    }
    return at;
}

static struct origin *forget_one(struct journal *journal)
{
    struct origin *oldest = &journal->origins[1];
    for (size_t i = 2; i < journal->origin_count; i++) {
        struct origin *other = &journal->origins[i];
        oldest = other->index < oldest->index ? other : oldest;
    }
    for (size_t i = 0; i < JOURNAL_EVENTS_MAX; i++) {
        if (journal->ring[i].origin == oldest) {
            journal->ring[i].origin = NULL;
        }
    }
    return oldest;
}

static struct origin *add(struct journal *journal, const struct journal_event *event)
{
    struct origin *origin = journal->origin_count == JOURNAL_ORIGINS_MAX
                                ? forget_one(journal)
                                : &journal->origins[journal->origin_count++];
    *origin = (struct origin){.last = 0};
    snprintf(origin->id, sizeof(origin->id), "%s", event->id);
    snprintf(origin->name, sizeof(origin->name), "%s", event->name);
    return origin;
}

/* ---- Writing ------------------------------------------------------------------------------- */

static void write(struct journal *journal, struct origin *origin, const struct journal_event *event)
{
    struct record *record = &journal->ring[journal->count % JOURNAL_EVENTS_MAX];
    size_t len = strnlen(event->text, JOURNAL_TEXT_MAX - 1);
    free(record->text);
    origin->last = event->number;
    origin->wall_us = MAX(origin->wall_us, event->wall_us); /* the clock may have been set back */
    origin->index = journal->count++;
    *record = (struct record){.origin = origin,
                              .number = event->number,
                              .wall_us = origin->wall_us,
                              .level = event->level,
                              .text = mem_copy(event->text, len)};
}

void journal_log(struct journal *journal, int64_t wall_us, enum log_level level, const char *text)
{
    size_t len = log_event_len(text);
    struct origin *own = &journal->origins[OWN];
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if (strlen(names[i]) == len && strncmp(names[i], text, len) == 0) {
            write(journal, own,
                  &(struct journal_event){
                      .number = own->last + 1, .wall_us = wall_us, .level = level, .text = text});
            return;
        }
    }
}

static bool is_id(const char *id)
{
    size_t len = 0;
    while (isalnum((unsigned char)id[len]) || id[len] == '_') {
        len++;
    }
    return len > 0 && len < ID_MAX && id[len] == '\0';
}

bool journal_take(struct journal *journal, const struct journal_event *event)
{
    if (!is_id(event->id) || strlen(event->name) >= JOURNAL_NAME_MAX || event->number == 0 ||
        event->number > INT64_MAX || event->wall_us < 0 || log_event_len(event->text) == 0 ||
        (unsigned)event->level > LOG_ERROR) {
        return false;
    }
    size_t at = find(journal, event->id);
    bool known = at < journal->origin_count;
    if (at != OWN && (!known || event->number > journal->origins[at].last)) {
        write(journal, known ? &journal->origins[at] : add(journal, event), event);
    }
    return true;
}

/* ---- Reading ------------------------------------------------------------------------------- */

uint64_t journal_count(const struct journal *journal)
{
    return journal->count;
}

uint64_t journal_first(const struct journal *journal)
{
    return journal->count - MIN(journal->count, JOURNAL_EVENTS_MAX);
}

bool journal_at(const struct journal *journal, uint64_t index, struct journal_event *out)
{
    assert(index >= journal_first(journal) && index < journal->count);
    const struct record *record = &journal->ring[index % JOURNAL_EVENTS_MAX];
    if (record->origin == NULL) {
        return false;
    }
    *out = (struct journal_event){.id = record->origin->id,
                                  .name = record->origin->name,
                                  .number = record->number,
                                  .wall_us = record->wall_us,
                                  .level = record->level,
                                  .text = record->text};
    return true;
}

const char *journal_name(const struct journal *journal)
{
    return journal->origins[OWN].name;
}

bool journal_is_own(const struct journal *journal, const struct journal_event *event)
{
    return event->id == journal->origins[OWN].id;
}

/* ---- Cursors ------------------------------------------------------------------------------- */

/* Its place; count: it has none. */
static size_t mark_of(const struct journal_cursor *cursor, const char *id)
{
    size_t at = 0;
    while (at < cursor->count && strcmp(cursor->marks[at].id, id) != 0) {
        at++;
    }
    return at;
}

static int add_mark(struct journal_cursor *cursor, const char *text, size_t len)
{
    char word[ID_MAX + 21];
    char *end = NULL;
    if (len >= sizeof(word) || cursor->count == JOURNAL_ORIGINS_MAX) {
        return ERR_INVALID;
    }
    snprintf(word, sizeof(word), "%.*s", (int)len, text);
    char *dot = strchr(word, '.');
    if (dot == NULL || !isdigit((unsigned char)dot[1])) {
        return ERR_INVALID;
    }
    *dot = '\0';
    unsigned long long number = strtoull(dot + 1, &end, 10);
    if (!is_id(word) || *end != '\0' || number > INT64_MAX ||
        mark_of(cursor, word) < cursor->count) {
        return ERR_INVALID;
    }
    struct journal_mark *mark = &cursor->marks[cursor->count++];
    memcpy(mark->id, word, strlen(word) + 1);
    mark->number = number;
    return 0;
}

int journal_cursor_parse(struct journal_cursor *out, const char *text)
{
    struct journal_cursor cursor = {.count = 0};
    while (*text != '\0') {
        size_t len = strcspn(text, "~");
        if (add_mark(&cursor, text, len) != 0 || (text[len] == '~' && text[len + 1] == '\0')) {
            return ERR_INVALID;
        }
        text += len + (text[len] == '~');
    }
    *out = cursor;
    return 0;
}

void journal_cursor_text(const struct journal_cursor *cursor, char out[JOURNAL_CURSOR_MAX])
{
    size_t len = 0;
    out[0] = '\0';
    for (size_t i = 0; i < cursor->count; i++) {
        len += (size_t)snprintf(out + len, JOURNAL_CURSOR_MAX - len, "%s%s.%llu", i == 0 ? "" : "~",
                                cursor->marks[i].id, (unsigned long long)cursor->marks[i].number);
    }
}

static uint64_t number_of(const struct journal_cursor *cursor, const char *id)
{
    size_t at = mark_of(cursor, id);
    return at == cursor->count ? 0 : cursor->marks[at].number;
}

/* How many of one orchestrator are kept, behind that number. */
static uint64_t kept_after(const struct journal *journal, const struct origin *origin,
                           uint64_t number)
{
    uint64_t kept = 0;
    for (size_t i = 0; i < JOURNAL_EVENTS_MAX; i++) {
        kept += journal->ring[i].origin == origin && journal->ring[i].number > number;
    }
    return kept;
}

static void lose(struct journal_losses *losses, const struct journal_loss *loss)
{
    size_t at = 0;
    while (at < losses->count && strcmp(losses->items[at].id, loss->id) != 0) {
        at++;
    }
    if (at == losses->count) {
        assert(losses->count < ARRAY_LEN(losses->items)); /* those of a cursor and of a journal */
        losses->items[losses->count++] = *loss;
    } else {
        losses->items[at].events += loss->events;
    }
}

/* Of one process; whether it is known. */
static bool settle(const struct journal *journal, struct journal_mark *mark,
                   struct journal_losses *losses)
{
    size_t at = find(journal, mark->id);
    struct journal_loss loss = {.unknown = at == journal->origin_count};
    memcpy(loss.id, mark->id, sizeof(loss.id));
    if (loss.unknown) {
        lose(losses, &loss);
        return false;
    }
    const struct origin *origin = &journal->origins[at];
    if (origin->last > mark->number && kept_after(journal, origin, mark->number) == 0) {
        loss.events = origin->last - mark->number;
        mark->number = origin->last;
        lose(losses, &loss);
    }
    return true;
}

void journal_settle(const struct journal *journal, struct journal_cursor *cursor,
                    struct journal_losses *losses)
{
    size_t known = 0;
    for (size_t i = 0; i < cursor->count; i++) {
        struct journal_mark mark = cursor->marks[i];
        if (settle(journal, &mark, losses)) {
            cursor->marks[known++] = mark;
        }
    }
    cursor->count = known;
}

void journal_pass(struct journal_cursor *cursor, const struct journal_event *event,
                  struct journal_losses *losses)
{
    struct journal_loss loss = {.unknown = false};
    size_t at = mark_of(cursor, event->id);
    memcpy(loss.id, event->id, strlen(event->id) + 1);
    if (at == cursor->count) {                       /* where it began is not known */
        assert(cursor->count < JOURNAL_ORIGINS_MAX); /* it has only those of the journal */
        memcpy(cursor->marks[cursor->count++].id, loss.id, sizeof(loss.id));
    } else {
        loss.events = event->number - cursor->marks[at].number - 1;
    }
    cursor->marks[at].number = event->number;
    if (loss.events > 0) {
        lose(losses, &loss);
    }
}

bool journal_has_after(const struct journal *journal, const struct journal_cursor *cursor)
{
    for (size_t i = 0; i < journal->origin_count; i++) {
        uint64_t number = number_of(cursor, journal->origins[i].id);
        if (journal->origins[i].last > number &&
            kept_after(journal, &journal->origins[i], number) > 0) {
            return true;
        }
    }
    return false;
}

static int by_time(const void *a, const void *b)
{
    const struct journal_event *x = a, *y = b;
    int order = (x->wall_us > y->wall_us) - (x->wall_us < y->wall_us);
    order = order != 0 ? order : strcmp(x->id, y->id);
    return order != 0 ? order : (x->number > y->number) - (x->number < y->number);
}

size_t journal_after(const struct journal *journal, const struct journal_cursor *cursor,
                     struct journal_event *out)
{
    size_t count = 0;
    for (uint64_t index = journal_first(journal); index < journal->count; index++) {
        if (journal_at(journal, index, &out[count]) &&
            out[count].number > number_of(cursor, out[count].id)) {
            count++;
        }
    }
    qsort(out, count, sizeof(*out), by_time);
    return count;
}
