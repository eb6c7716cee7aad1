/* SPDX-License-Identifier: Apache-2.0
 *
 * The journal of each orchestrator at all others: its own events as they are written, and to one
 * that has just come, or was cut off, whatever is kept of anybody's. They may be lost on the way,
 * which the journal notices by their numbers.
 */
#include "orchestrator/core/cluster/private.h"

#define EVENTS_PER_TELL 500 /* in one message */

static void send(struct cluster *c, size_t member, Spillway__Bus__Events *events)
{
    Spillway__Bus__PeerMessage message = SPILLWAY__BUS__PEER_MESSAGE__INIT;
    message.message_case = SPILLWAY__BUS__PEER_MESSAGE__MESSAGE_EVENTS;
    message.events = events;
    peer_send(c, member, &message, true);
}

static void add(Spillway__Bus__Events *events, struct arena *arena,
                const struct journal_event *from)
{
    Spillway__Bus__Event *event = arena_alloc(arena, sizeof(*event));
    spillway__bus__event__init(event);
    event->id = (char *)(uintptr_t)from->id;
    event->name = (char *)(uintptr_t)from->name;
    event->number = from->number;
    event->wall_us = from->wall_us;
    event->level = (uint32_t)from->level;
    event->text = (char *)(uintptr_t)from->text;
    events->events[events->n_events++] = event;
}

/* To one of them what is in the journal from that index on. */
static void tell(struct cluster *c, size_t member, uint64_t from, bool own_only)
{
    const struct journal *journal = c->config.journal;
    struct arena arena = {0};
    Spillway__Bus__Events events = SPILLWAY__BUS__EVENTS__INIT;
    events.events = arena_array(&arena, EVENTS_PER_TELL, sizeof(*events.events));
    for (uint64_t index = from; index < journal_count(journal); index++) {
        struct journal_event event;
        if (!journal_at(journal, index, &event) || (own_only && !journal_is_own(journal, &event))) {
            continue;
        }
        add(&events, &arena, &event);
        if (events.n_events == EVENTS_PER_TELL) {
            send(c, member, &events);
            events.n_events = 0;
        }
    }
    if (events.n_events > 0) {
        send(c, member, &events);
    }
    arena_fini(&arena);
}

void events_tell_all(struct cluster *c, size_t member)
{
    if (c->config.journal != NULL) {
        tell(c, member, journal_first(c->config.journal), false);
    }
}

void events_flush(struct cluster *c)
{
    const struct journal *journal = c->config.journal;
    if (journal == NULL || c->events_told == journal_count(journal)) {
        return;
    }
    uint64_t from = MAX(c->events_told, journal_first(journal));
    for (size_t member = 1; member < c->member_count; member++) {
        if (c->peers[member].up) {
            tell(c, member, from, true);
        }
    }
    c->events_told = journal_count(journal);
}

void events_heard(struct cluster *c, const Spillway__Bus__Events *events)
{
    for (size_t i = 0; i < events->n_events && c->config.journal != NULL; i++) {
        const Spillway__Bus__Event *event = events->events[i];
        bool sane = journal_take(c->config.journal,
                                 &(struct journal_event){.id = event->id,
                                                         .name = event->name,
                                                         .number = event->number,
                                                         .wall_us = event->wall_us,
                                                         .level = (enum log_level)event->level,
                                                         .text = event->text});
        c->stats.malformed += !sane;
    }
}
