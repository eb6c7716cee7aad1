/* SPDX-License-Identifier: Apache-2.0
 *
 * The RoomSpec of each of the room's nodes: what changed since the last one as a delta, or
 * everything.
 */
#include "orchestrator/core/room/spec.h"

/* ---- What is to be sent ---------------------------------------------------------------------- */

static void mark_hosts(struct participant *p)
{
    p->host->dirty = true;
    if (p->next != NULL) {
        p->next->dirty = true;
    }
}

void spec_transport_changed(struct participant *p)
{
    for (int place = HERE; place < PLACES; place++) {
        p->entry[place].dirty = true;
    }
    mark_hosts(p);
    sealed_changed(p);
}

void spec_copy_changed(struct copy *copy)
{
    copy->dirty = true;
    copy->host->dirty = true;
    copy->track->publisher->parts_dirty = true;
    sealed_changed(copy->track->publisher);
}

void spec_track_changed(struct track *track)
{
    struct copy *copy;
    DL_FOREACH(track->copies, copy)
    {
        spec_copy_changed(copy);
    }
}

void spec_edge_changed(struct edge *edge)
{
    edge->dirty = true;
    edge->from->dirty = true;
    edge->track->publisher->parts_dirty = true;
    sealed_changed(edge->track->publisher);
}

void spec_subscription_changed(struct subscription *subscription)
{
    struct participant *p = subscription->subscriber;
    for (int place = HERE; place < PLACES; place++) {
        subscription->entry[place].dirty = true;
    }
    p->parts_dirty = true;
    mark_hosts(p);
    sealed_changed(p);
}

static uint32_t *append(uint32_t *list, size_t *count, uint32_t id)
{
    list = mem_grow(list, *count + 1, sizeof(*list));
    list[(*count)++] = id;
    return list;
}

/* A node that is given a subscription begins it from any index: so never under the same SSRC, or
 * with AES-GCM a repeated (key, SSRC, index) gives the key away (architecture.md §2.3). */
static void withdrawn(struct subscription *subscription)
{
    subscription->entry[HERE].in_spec = subscription->entry[NEXT].in_spec = false;
    subscription->resumes = false;
    subscription->ssrc = subscription->rtx_ssrc = 0;
    lease_forget(subscription);
    subscription->subscriber->renegotiate = true; /* its answer named the old ones */
}

/* Unless its owner knows how far it got. */
static void interrupted(struct subscription *subscription)
{
    if (!lease_pass(subscription)) {
        withdrawn(subscription);
        return;
    }
    subscription->entry[HERE].in_spec = subscription->entry[NEXT].in_spec = false;
    subscription->resumes = false;
}

static void remove_transport_from(struct participant *p, struct host *host, int place)
{
    if (p->entry[place].in_spec) {
        host->removed_transports =
            mem_grow(host->removed_transports, host->removed_transport_count + 1, sizeof(uint64_t));
        host->removed_transports[host->removed_transport_count++] = p->session.transport;
        host->dirty = true;
    }
    p->entry[place] = (struct entry){0};
}

void spec_remove_transport(struct participant *p)
{
    struct subscription *subscription;
    DL_FOREACH(p->subscriptions, subscription)
    {
        interrupted(subscription);
    }
    remove_transport_from(p, p->host, HERE);
    if (p->next != NULL) {
        remove_transport_from(p, p->next, NEXT);
    }
}

void spec_leave_next(struct participant *p)
{
    struct subscription *subscription;
    DL_FOREACH(p->subscriptions, subscription)
    {
        subscription->entry[NEXT] = (struct entry){0};
    }
    remove_transport_from(p, p->next, NEXT);
}

/* With a track go its subscriptions there. */
void spec_remove_copy(const struct track *track, struct copy *copy)
{
    struct host *host = copy->host;
    struct subscription *subscription;
    DL_FOREACH2(track->subscriptions, subscription, track_next)
    {
        switch (host_place(subscription->subscriber, host)) {
        case HERE:
            interrupted(subscription);
            break;
        case NEXT:
            subscription->entry[NEXT].in_spec = false;
            break;
        default:
            break;
        }
    }
    if (copy->in_spec) {
        host->removed_tracks = append(host->removed_tracks, &host->removed_track_count, track->id);
        host->dirty = true;
    }
}

void spec_remove_edge(struct edge *edge)
{
    struct host *host = edge->from;
    if (edge->in_spec) {
        host->removed_edges = append(host->removed_edges, &host->removed_edge_count, edge->id);
        host->dirty = true;
    }
}

static void remove_from_hosts(struct subscription *subscription)
{
    const struct participant *p = subscription->subscriber;
    struct host *const hosts[PLACES] = {p->host, p->next};
    for (int place = HERE; place < PLACES; place++) {
        struct host *host = hosts[place];
        if (subscription->entry[place].in_spec) {
            host->removed_subscriptions = append(
                host->removed_subscriptions, &host->removed_subscription_count, subscription->id);
            host->dirty = true;
        }
    }
}

void spec_withdraw(struct subscription *subscription)
{
    remove_from_hosts(subscription);
    withdrawn(subscription);
}

void spec_begin_anew(struct subscription *subscription)
{
    remove_from_hosts(subscription);
    interrupted(subscription);
}

/* ---- The message --------------------------------------------------------------------------- */

/* Whether an entry belongs into this message; updates its flags. */
static bool wanted(const struct building *b, bool *dirty, bool *in_spec)
{
    bool now = b->whole || *dirty || !*in_spec;
    *dirty = false;
    *in_spec = true;
    return now;
}

static void add_copy(struct building *b, struct track *track, const struct session_line *line)
{
    struct copy *copy = cascade_copy(track, b->host);
    if (copy != NULL && wanted(b, &copy->dirty, &copy->in_spec)) {
        b->spec.tracks[b->spec.n_tracks++] = spec_track_entry(b, track, line);
    }
}

static void add_edges(struct building *b, struct track *track)
{
    struct edge *edge;
    DL_FOREACH(track->edges, edge)
    {
        if (edge->from == b->host && !edge->to->lost && wanted(b, &edge->dirty, &edge->in_spec)) {
            b->spec.edges[b->spec.n_edges++] = spec_edge_entry(b, edge, track);
        }
    }
}

/* What a whole spec does not name is gone. */
static void leave_out(const struct building *b, struct track *track)
{
    struct copy *copy = cascade_copy(track, b->host);
    struct edge *edge;
    if (copy != NULL) {
        copy->in_spec = false;
    }
    DL_FOREACH(track->edges, edge)
    {
        edge->in_spec = edge->in_spec && edge->from != b->host;
    }
}

/* A track may be published anywhere, and be on this host. */
static void add_tracks(struct building *b, struct participant *p)
{
    struct track *track;
    DL_FOREACH(p->tracks, track)
    {
        struct session_line *line = session_line_of_track(&p->session, track->id);
        if (track->published && line != NULL && line->use == SDP_USE_RECEIVE) {
            add_copy(b, track, line);
            add_edges(b, track);
        } else if (b->whole) {
            leave_out(b, track);
        }
    }
}

/* The client waits for other SSRCs than those that we would send under now. Audio it plays all the
 * same, and video is not shown: it waits for the answer. */
static bool is_awaited_otherwise(const struct subscription *subscription,
                                 const struct session_line *line)
{
    return negotiate_is_stale(subscription, line) && subscription->track->kind == SDP_VIDEO;
}

/* It has a section, and its track is there. An old host that a client has left is told nothing new.
 */
static bool is_carried(const struct building *b, const struct subscription *subscription,
                       const struct session_line *line, int place)
{
    const struct copy *copy = cascade_copy(subscription->track, b->host);
    bool leaves = place == NEXT && subscription->subscriber->phase == MOVE_SETTLING;
    return line != NULL && line->use == SDP_USE_SEND && copy != NULL && copy->in_spec &&
           !is_awaited_otherwise(subscription, line) &&
           (!leaves || subscription->entry[NEXT].in_spec);
}

static void add_subscriptions(struct building *b, struct participant *p, int place)
{
    struct subscription *subscription;
    DL_FOREACH(p->subscriptions, subscription)
    {
        struct session_line *line = session_line_of_subscription(&p->session, subscription->id);
        struct entry *entry = &subscription->entry[place];
        if (!is_carried(b, subscription, line, place)) {
            entry->in_spec = entry->in_spec && !b->whole;
        } else if (wanted(b, &entry->dirty, &entry->in_spec)) {
            b->spec.subscriptions[b->spec.n_subscriptions++] =
                spec_subscription_entry(b, subscription, line, place);
            subscribe_carried(subscription);
        }
    }
}

static void add_removals(struct building *b)
{
    Spillway__Control__RoomSpec *spec = &b->spec;
    struct host *host = b->host;
    if (!b->whole) {
        spec->removed_tracks = host->removed_tracks;
        spec->n_removed_tracks = host->removed_track_count;
        spec->removed_subscriptions = host->removed_subscriptions;
        spec->n_removed_subscriptions = host->removed_subscription_count;
        spec->removed_edges = host->removed_edges;
        spec->n_removed_edges = host->removed_edge_count;
        spec->removed_transports = host->removed_transports;
        spec->n_removed_transports = host->removed_transport_count;
    }
    host->removed_transport_count = 0;
    host->removed_track_count = 0;
    host->removed_subscription_count = 0;
    host->removed_edge_count = 0;
}

static void send_spec(const char *node, Spillway__Control__RoomSpec *spec, struct effects *fx)
{
    Spillway__Control__OrchestratorMessage message = SPILLWAY__CONTROL__ORCHESTRATOR_MESSAGE__INIT;
    message.message_case = SPILLWAY__CONTROL__ORCHESTRATOR_MESSAGE__MESSAGE_SPEC;
    message.spec = spec;
    size_t len = spillway__control__orchestrator_message__get_packed_size(&message);
    uint8_t *data = mem_alloc(len + 1);
    spillway__control__orchestrator_message__pack(&message, data);
    effects_take(fx, (struct effect){.type = EFFECT_NODE_SEND,
                                     .name = mem_str(node),
                                     .text = mem_str(spec->room),
                                     .data = data,
                                     .len = len});
}

/* Large rooms have thousands of subscriptions, and flush after every input. An entry becomes due
 * with a change, or with the answer that gives it a section, both of which mark their participant.
 */
static bool walks(const struct building *b, const struct participant *p)
{
    return b->whole || p->parts_dirty;
}

static void send_version(struct room *room, struct host *host, bool whole,
                         Spillway__Control__RoomSpec *spec, struct effects *fx)
{
    spec->room = room->sid;
    spec->name = room->name;
    spec->epoch = room->epoch;
    spec->loudest = room->config->loudest;
    spec->base_version = whole ? 0 : host->version;
    spec->version = host->version = ++room->spec_version;
    host->begun = whole ? host->version : host->begun;
    refuge_limit(room, host, spec);
    send_spec(host->node, spec, fx);
}

static void allocate(struct building *b, const struct room *room)
{
    size_t connections = 0, tracks = 0, edges = 0, subscriptions = 0;
    EACH_CONNECTION(room, p)
    {
        const struct track *track;
        const struct subscription *subscription;
        connections++;
        if (!walks(b, p)) {
            continue;
        }
        DL_FOREACH(p->tracks, track)
        {
            const struct edge *edge;
            tracks++;
            DL_FOREACH(track->edges, edge)
            {
                edges++;
            }
        }
        DL_FOREACH(p->subscriptions, subscription)
        {
            subscriptions++;
        }
    }
    b->spec.transports = arena_array(&b->arena, connections, sizeof(*b->spec.transports));
    b->spec.sessions = arena_array(&b->arena, connections, sizeof(*b->spec.sessions));
    b->spec.tracks = arena_array(&b->arena, tracks, sizeof(*b->spec.tracks));
    b->spec.edges = arena_array(&b->arena, edges, sizeof(*b->spec.edges));
    b->spec.subscriptions = arena_array(&b->arena, subscriptions, sizeof(*b->spec.subscriptions));
    b->spec.trunks = arena_array(&b->arena, room->host_count, sizeof(*b->spec.trunks));
    b->trunks = arena_array(&b->arena, room->host_count, sizeof(*b->trunks));
}

static void flush_host(struct room *room, struct host *host, int64_t now_us, struct effects *fx)
{
    struct building b = {.room = room, .host = host, .now_us = now_us, .whole = host->whole};
    spillway__control__room_spec__init(&b.spec);
    allocate(&b, room);
    EACH_CONNECTION(room, p)
    {
        int place = host_place(p, host);
        if (place >= 0 && p->session.transport != 0) {
            bool told = wanted(&b, &p->entry[place].dirty, &p->entry[place].in_spec);
            if (told) {
                b.spec.transports[b.spec.n_transports++] = spec_transport_entry(p, place, &b.arena);
            }
            sealed_add(&b, p, place, told);
        }
        if (walks(&b, p)) {
            add_tracks(&b, p);
        }
    }
    EACH_CONNECTION(room, p)
    {
        int place = host_place(p, host);
        if (place >= 0 && walks(&b, p)) {
            add_subscriptions(&b, p, place);
        }
    }
    add_removals(&b);
    if (room->seal_room) {
        sealed_add_room(&b);
    }
    const Spillway__Control__RoomSpec *s = &b.spec;
    if (b.whole || s->n_transports + s->n_tracks + s->n_subscriptions + s->n_edges +
                           s->n_removed_transports + s->n_removed_tracks +
                           s->n_removed_subscriptions + s->n_removed_edges + s->n_sessions +
                           s->sealed.len >
                       0) {
        send_version(room, host, b.whole, &b.spec, fx);
    }
    host->whole = host->dirty = false;
    for (size_t i = 0; i < b.spec.n_trunks; i++) {
        explicit_bzero(&b.trunks[i], sizeof(b.trunks[i]));
    }
    arena_fini(&b.arena);
}

/* What is only announced, whoever is sealed now has not heard of. */
static uint32_t settled_track(const struct room *room)
{
    uint32_t last = room->last_track;
    for (const struct participant *p = room->participants; p != NULL; p = p->hh.next) {
        const struct track *track;
        DL_FOREACH(p->tracks, track)
        {
            if (!track->published) {
                last = MIN(last, track->id - 1);
            }
        }
    }
    return last;
}

void spec_flush(struct room *room, int64_t now_us, struct effects *fx)
{
    struct host *host;
    room->settled_track = settled_track(room);
    DL_FOREACH(room->hosts, host)
    {
        if (host->dirty) {
            flush_host(room, host, now_us, fx);
            passage_sent(room, host, now_us);
        }
    }
    EACH_CONNECTION(room, p)
    {
        p->parts_dirty = false;
    }
}

void spec_drop(struct room *room, struct host *host, struct effects *fx)
{
    Spillway__Control__RoomSpec spec = SPILLWAY__CONTROL__ROOM_SPEC__INIT;
    spec.room = room->sid;
    spec.epoch = room->epoch;
    spec.version = ++room->spec_version;
    spec.dropped = true;
    send_spec(host->node, &spec, fx);
}

static void respec(struct host *host)
{
    host->whole = host->dirty = true;
}

/* A spec on its way there was lost. */
void room_respec(struct room *room, const char *node)
{
    struct host *host = host_find(room, node);
    if (host != NULL) {
        host_found(room, host);
        refuge_unknown(room, host);
        respec(host);
    }
}

void room_outlive(struct room *room, uint64_t epoch)
{
    struct host *host;
    assert(epoch > room->epoch);
    room->epoch = epoch;
    room->hosts_changed = true;
    DL_FOREACH(room->hosts, host)
    {
        host->whole = host->dirty = true;
    }
}

void room_unsent(struct room *room, const char *node)
{
    struct host *host = host_find(room, node);
    if (host != NULL) {
        host->unsent = true;
    }
}

bool room_resend(struct room *room, const char *node)
{
    struct host *host = host_find(room, node);
    bool lost = host != NULL && host->unsent;
    if (lost) {
        host->unsent = false;
        room_respec(room, node);
    }
    return lost;
}

void room_forgotten(struct room *room, int64_t now_us, const char *node)
{
    const struct host *host = host_find(room, node);
    EACH_CONNECTION(room, p)
    {
        struct subscription *subscription;
        if (p->host == host && p->connected) {
            p->media_lost = true;
            leave_unless_back(p, now_us);
        }
        DL_FOREACH(p->subscriptions, subscription)
        {
            if (p->host == host) {
                spec_begin_anew(subscription);
                spec_subscription_changed(subscription); /* for who stands by, too */
            } else if (p->next == host && p->phase == MOVE_SETTLING) {
                subscription->entry[NEXT] = (struct entry){0}; /* what it did is done */
            }
        }
    }
    room_respec(room, node);
}

size_t room_specs_unacked(const struct room *room)
{
    const struct host *host;
    size_t count = 0;
    DL_FOREACH(room->hosts, host)
    {
        count += host->acked < host->version;
    }
    return count;
}

/* The node was sent the room whole since. */
static bool is_old(const struct host *host, const Spillway__Control__SpecAck *ack)
{
    return ack->version >= host->version || (ack->answers != 0 && ack->answers < host->begun);
}

void room_spec_acked(struct room *room, int64_t now_us, const char *node,
                     const Spillway__Control__SpecAck *ack)
{
    struct host *host = host_find(room, node);
    if (ack->result == SPILLWAY__CONTROL__SPEC_ACK__RESULT__APPLIED && host != NULL) {
        host->acked = MAX(host->acked, ack->version);
        passage_acked(room, host, now_us);
        refuge_applied(room, host, ack->version);
    } else if (ack->result == SPILLWAY__CONTROL__SPEC_ACK__RESULT__NEED_WHOLE && host != NULL &&
               !is_old(host, ack)) {
        if (ack->version == 0) { /* the node does not hold the room */
            room_forgotten(room, now_us, node);
        } else {
            respec(host);
        }
    } else if (ack->result == SPILLWAY__CONTROL__SPEC_ACK__RESULT__FULL && host != NULL) {
        respec(host);
    } else if (ack->result == SPILLWAY__CONTROL__SPEC_ACK__RESULT__INVALID) {
        log_write(room->config->log, LOG_ERROR, "spec_refused room=%s node=%s reason=%s", room->sid,
                  node, ack->reason);
        if (host != NULL && ack->answers > host->begun) { /* what changed; the whole may fit */
            respec(host);
        }
    }
}
