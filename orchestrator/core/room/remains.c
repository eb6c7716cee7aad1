/* SPDX-License-Identifier: Apache-2.0
 *
 * What an owner that ends leaves for the next one, beside what the nodes keep: the same, as of now.
 * Which SSRCs and edges are in use is left out, for of that nodes alone are believed (restore.c).
 */
#include "orchestrator/core/room/private.h"

#include <utlist.h>

struct leaving {
    struct room *room;
    struct arena *arena;
    size_t people_max; /* in a part */
    struct room_remains *list;
    size_t count;
};

static size_t connections(struct room *room)
{
    size_t count = 0;
    EACH_CONNECTION(room, p)
    {
        count++;
    }
    return count;
}

static Spillway__Control__RoomState *begin(struct leaving *l, const struct host *host)
{
    struct room *room = l->room;
    Spillway__Control__RoomState *state = arena_alloc(l->arena, sizeof(*state));
    spillway__control__room_state__init(state);
    state->room = room->sid;
    state->epoch = room->epoch;
    state->sessions = arena_array(l->arena, l->people_max, sizeof(*state->sessions));
    l->list[l->count++] = (struct room_remains){.node = host->info, .state = state, .left = true};
    return state;
}

static Spillway__Control__SessionState *session_of(struct participant *p, struct arena *arena)
{
    Spillway__Control__SessionState *session = arena_alloc(arena, sizeof(*session));
    spillway__control__session_state__init(session);
    session->transport = p->session.transport;
    session->sealed = sealed_session(p, arena);
    return session;
}

static void add_people(struct leaving *l, const struct host *host,
                       Spillway__Control__RoomState *state)
{
    size_t bytes = 0;
    EACH_CONNECTION(l->room, p)
    {
        if (p->host != host) {
            continue;
        }
        Spillway__Control__SessionState *session = session_of(p, l->arena);
        if (bytes > 0 && bytes + session->sealed.len > ROOM_PART_BYTES) {
            state = begin(l, host);
            bytes = 0;
        }
        bytes += session->sealed.len;
        state->sessions[state->n_sessions++] = session;
    }
}

struct room_remains *room_bequeath(struct room *room, struct arena *arena, size_t *count)
{
    *count = 0;
    if (room->config->seal == NULL) {
        return NULL;
    }
    struct leaving l = {.room = room, .arena = arena, .people_max = connections(room)};
    l.list = arena_array(arena, room->host_count + l.people_max, sizeof(*l.list));
    const struct host *host;
    DL_FOREACH(room->hosts, host)
    {
        Spillway__Control__RoomState *state = begin(&l, host);
        state->sealed = sealed_room(room, arena);
        add_people(&l, host, state);
    }
    *count = l.count;
    return l.list;
}
