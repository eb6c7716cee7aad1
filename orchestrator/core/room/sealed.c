/* SPDX-License-Identifier: Apache-2.0
 *
 * What the room's nodes keep for its next owner (architecture.md §2.6): the session of each client
 * with its transport, and the room's own part. It goes with the transport's entry when one is sent,
 * since where a client is may never be told by an old seal, and with the answer to an offer, which
 * the client goes by; else what changed is sealed together, SEAL_US later, for one join changes the
 * sessions of everybody who watches.
 */
#include "orchestrator/core/room/record.h"
#include "orchestrator/core/room/spec.h"
#include "proto/wire/wire.h"

#include <stdlib.h>

#define SEAL_US        TIME_MS(100)
#define SEALED_AT_ONCE (4 << 20) /* bytes in one message; what is left waits for the next one */

void sealed_changed(struct participant *p)
{
    p->unsealed = true;
    p->room->unsealed = true;
}

static void ask_hosts(struct participant *p)
{
    struct host *const hosts[PLACES] = {p->host, p->next};
    for (int place = HERE; place < PLACES; place++) {
        if (p->entry[place].seal_due) {
            hosts[place]->dirty = true;
        }
    }
}

void sealed_now(struct participant *p)
{
    sealed_changed(p);
    for (int place = HERE; place < PLACES; place++) {
        p->entry[place].seal_due = p->entry[place].in_spec;
    }
    ask_hosts(p);
}

void sealed_room_now(struct room *room)
{
    struct host *host;
    if (room->config->seal == NULL) {
        return;
    }
    room->seal_room = true;
    DL_FOREACH(room->hosts, host)
    {
        host->dirty = true;
    }
}

/* Asks for what is due now, and for a time for what is not. */
void sealed_flush(struct room *room, int64_t now_us)
{
    if (room->config->seal == NULL) {
        return;
    }
    if (room->unsealed && room->seal_at_us == TIME_NEVER) {
        room->seal_at_us = now_us + SEAL_US;
    }
    if (room->seal_at_us > now_us) {
        return;
    }
    room->seal_at_us = TIME_NEVER;
    EACH_CONNECTION(room, p)
    {
        for (int place = HERE; place < PLACES; place++) {
            struct entry *entry = &p->entry[place];
            entry->seal_due = (entry->seal_due || p->unsealed) && entry->in_spec;
        }
        ask_hosts(p);
    }
}

void sealed_done(struct room *room)
{
    room->unsealed = room->seal_room = false;
    EACH_CONNECTION(room, p)
    {
        p->unsealed = p->unsealed && !p->seal_sent;
        p->seal_sent = false;
        room->unsealed = room->unsealed || p->unsealed;
    }
}

/* In the arena. */
static ProtobufCBinaryData close_seal(struct room *room, const ProtobufCMessage *record,
                                      struct arena *arena)
{
    size_t len, sealed_len;
    uint8_t *plain = wire_pack(record, &len);
    uint8_t *sealed =
        seal_close(room->config->seal, room->sid, (struct bytes){plain, len}, &sealed_len);
    ProtobufCBinaryData out = {sealed_len, arena_alloc(arena, sealed_len)};
    memcpy(out.data, sealed, sealed_len);
    explicit_bzero(plain, len);
    free(plain);
    free(sealed);
    return out;
}

ProtobufCBinaryData sealed_room(struct room *room, struct arena *arena)
{
    struct arena record = {0};
    ProtobufCBinaryData sealed =
        close_seal(room, &record_room(room, ++room->seals, &record)->base, arena);
    arena_fini(&record);
    return sealed;
}

/* One that is too big the new owner does without: its client starts over. */
ProtobufCBinaryData sealed_session(struct participant *p, struct arena *arena)
{
    struct room *room = p->room;
    struct arena records = {0};
    ProtobufCBinaryData sealed =
        close_seal(room, &record_participant(p, ++room->seals, &records)->base, arena);
    arena_fini(&records);
    if (sealed.len > ROOM_SEALED_MAX) {
        log_write(room->config->log, LOG_WARN, "session_too_big participant=%s bytes=%zu", p->sid,
                  sealed.len);
        sealed.len = 0;
    }
    return sealed;
}

void sealed_add_room(struct building *b)
{
    struct room *room = b->room;
    if (room->config->seal == NULL || b->spec.sealed.len > 0) {
        return;
    }
    b->spec.sealed = sealed_room(room, &b->arena);
}

static void add(struct building *b, struct participant *p)
{
    Spillway__Control__Session *session = arena_alloc(&b->arena, sizeof(*session));
    spillway__control__session__init(session);
    session->transport = p->session.transport;
    session->sealed = sealed_session(p, &b->arena);
    if (session->sealed.len > 0) {
        b->spec.sessions[b->spec.n_sessions++] = session;
        b->sealed += session->sealed.len;
    }
    sealed_add_room(b);
}

/* After a whole spec, which may be as long as a message can be, sessions follow at once; and so do
 * those that found no place in this message. */
void sealed_add(struct building *b, struct participant *p, int place, bool told)
{
    struct entry *entry = &p->entry[place];
    if (p->room->config->seal == NULL) {
        return;
    }
    bool due = entry->seal_due || (told && p->unsealed);
    if (b->whole || (due && b->sealed >= SEALED_AT_ONCE)) {
        entry->seal_due = true;
        p->room->seal_at_us = 0;
    } else if (due) {
        add(b, p);
        entry->seal_due = false;
        p->seal_sent = true;
    }
}
