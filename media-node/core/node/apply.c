/* SPDX-License-Identifier: Apache-2.0
 *
 * From a room as it is to the room as it should be. First the fence and the versions, then
 * whether the spec fits what is here (fit.c; nothing changes until all of it does), then the
 * change: trunks, removals, transports, tracks, subscriptions, edges, in this order, so that
 * nothing ever dangles.
 */
#include "media-node/core/node/parts.h"

#include <stdio.h>
#include <stdlib.h>

/* ---- Removal --------------------------------------------------------------------------------- */

static void remove_transport(struct node *node, struct transport *transport)
{
    paths_remove_all(node, transport);
    paths_set_ufrag(node, &transport->ufrag, "", transport);
    paths_set_ufrag(node, &transport->previous, "", transport);
    fwd_remove_transport(transport->room->fwd, transport->member);
    HASH_DEL(node->transports, transport);
    free(transport->sealed);
    spans_free(transport);
    free(transport);
}

/* What is here and not named goes, if the spec is whole. */
static void remove_unnamed(struct application *app, struct arena *arena)
{
    struct fwd_counts counts = fwd_counts(app->fwd);
    uint32_t *ids = arena_array(arena, counts.subscriptions, sizeof(*ids));
    fwd_list_subscriptions(app->fwd, ids);
    for (size_t i = 0; i < counts.subscriptions; i++) {
        if (!spec_names_subscription(app->spec, ids[i])) {
            fwd_remove_subscription(app->fwd, ids[i]);
        }
    }
    ids = arena_array(arena, counts.edges, sizeof(*ids));
    fwd_list_edges(app->fwd, ids);
    for (size_t i = 0; i < counts.edges; i++) {
        if (!spec_names_edge(app->spec, ids[i])) {
            fwd_remove_edge(app->fwd, ids[i]);
        }
    }
    ids = arena_array(arena, counts.tracks, sizeof(*ids));
    fwd_list_tracks(app->fwd, ids);
    for (size_t i = 0; i < counts.tracks; i++) {
        if (!spec_names_track(app->spec, ids[i])) {
            fwd_remove_track(app->fwd, ids[i]);
        }
    }
    struct fwd_member **members = arena_array(arena, counts.members, sizeof(*members));
    fwd_list_members(app->fwd, members);
    for (size_t i = 0; i < counts.members; i++) {
        uint64_t id = fwd_member_id(members[i]);
        if (!spec_names_transport(app->spec, id)) {
            remove_transport(app->node, node_find_transport(app->node, id));
        }
    }
}

static void remove_named(struct application *app)
{
    const room_spec_message *message = app->spec->message;
    for (size_t i = 0; i < message->n_removed_subscriptions; i++) {
        fwd_remove_subscription(app->fwd, message->removed_subscriptions[i]);
    }
    for (size_t i = 0; i < message->n_removed_edges; i++) {
        fwd_remove_edge(app->fwd, message->removed_edges[i]);
    }
    for (size_t i = 0; i < message->n_removed_tracks; i++) {
        fwd_remove_track(app->fwd, message->removed_tracks[i]);
    }
    for (size_t i = 0; i < message->n_removed_transports; i++) {
        struct transport *transport =
            node_find_transport(app->node, message->removed_transports[i]);
        if (transport != NULL && transport->room == app->room) {
            remove_transport(app->node, transport);
        }
    }
}

/* A track id that comes back for something else in a whole spec is a new track. One whose publisher
 * is not here any more stays, whatever becomes of the transport. */
static void prepare_tracks(struct application *app)
{
    for (size_t i = 0; i < app->spec->message->n_tracks; i++) {
        const struct spec_track *track = &app->spec->tracks[i];
        uint32_t id = track->forward.published.id;
        if (!fwd_has_track(app->fwd, id)) {
            continue;
        }
        if (!fit_can_become(app, track)) {
            fwd_remove_track(app->fwd, id);
        } else if (track->transport == 0) {
            fwd_release_track(app->fwd, id);
        }
    }
}

/* ---- Change ---------------------------------------------------------------------------------- */

static void send_checks(struct application *app, struct transport *transport,
                        const struct spec_transport *spec)
{
    struct ice_path path = {.remote = spec->client, .protocol = ICE_UDP};
    if (spec->check_priority <= transport->checked_priority ||
        fit_local_endpoint(app, spec, &path.endpoint) != 0) {
        return;
    }
    transport->checked_priority = spec->check_priority;
    if (fwd_check(transport->member, app->now_us, &path, spec->check_priority) == 0) {
        paths_add(app->node, &path, transport, false);
    }
}

static void set_transport(struct application *app, const struct spec_transport *spec)
{
    struct node *node = app->node;
    struct transport *transport = node_find_transport(node, spec->forward.id);
    if (transport == NULL) {
        transport = mem_alloc(sizeof(*transport));
        transport->id = spec->forward.id;
        transport->room = app->room;
        HASH_ADD(hh, node->transports, id, sizeof(transport->id), transport);
    }
    int err = fwd_set_transport(app->fwd, app->now_us, &spec->forward, &transport->member);
    assert(err == 0); /* everything it refuses was refused above */
    const struct ice_credentials *credentials = &spec->forward.credentials;
    paths_set_ufrag(node, &transport->ufrag, credentials->local_ufrag, transport);
    paths_set_ufrag(node, &transport->previous, credentials->previous_ufrag, transport);
    snprintf(transport->orchestrator, sizeof(transport->orchestrator), "%s", spec->orchestrator);
    spans_set(transport, app->now_us, &spec->trace);
    send_checks(app, transport, spec);
}

static void set_track(struct application *app, const struct spec_track *spec)
{
    struct fwd_track track = spec->forward;
    for (size_t i = 0; i < track.upstream_count; i++) {
        track.upstreams[i].relay = trunks_find(app->node, spec->nodes[i])->relay;
    }
    const struct transport *transport = node_find_transport(app->node, spec->transport);
    struct fwd_member *member = transport == NULL ? NULL : transport->member;
    int err = fwd_set_track(app->fwd, app->now_us, member, &track);
    assert(err == 0);
}

static void set_subscription(struct application *app, const struct spec_subscription *spec)
{
    struct fwd_member *member = node_find_transport(app->node, spec->transport)->member;
    struct fwd_subscription subscription = spec->forward;
    struct stream_state state;
    if (spec->resume != NULL) {
        state = *spec->resume;
        state.newest.arrival_us += app->now_us;
        subscription.resume = &state;
    }
    fwd_set_subscription(app->fwd, app->now_us, member, &subscription);
}

static void set_edges(struct application *app)
{
    for (size_t i = 0; i < app->spec->message->n_edges; i++) {
        const struct spec_edge *spec = &app->spec->edges[i];
        struct fwd_edge edge = spec->forward;
        edge.relay = trunks_find(app->node, spec->node)->relay;
        fwd_set_edge(app->fwd, app->now_us, &edge);
    }
}

static void keep(uint8_t **kept, size_t *len, const ProtobufCBinaryData *sealed)
{
    free(*kept);
    *kept = mem_copy(sealed->data, sealed->len);
    *len = sealed->len;
}

static void keep_sealed(struct application *app)
{
    const room_spec_message *message = app->spec->message;
    if (message->sealed.len > 0) {
        keep(&app->room->sealed, &app->room->sealed_len, &message->sealed);
    }
    for (size_t i = 0; i < message->n_sessions; i++) {
        const Spillway__Control__Session *session = message->sessions[i];
        struct transport *transport = node_find_transport(app->node, session->transport);
        keep(&transport->sealed, &transport->sealed_len, &session->sealed);
    }
}

static void change(struct application *app, struct arena *arena)
{
    const struct spec *spec = app->spec;
    for (size_t i = 0; i < spec->message->n_trunks; i++) {
        trunks_set(app->node, app->now_us, &spec->trunks[i]);
    }
    prepare_tracks(app);
    if (spec_whole(spec)) {
        remove_unnamed(app, arena);
    } else {
        remove_named(app);
    }
    fwd_set_loudest(app->fwd, spec->message->loudest);
    for (size_t i = 0; i < spec->message->n_transports; i++) {
        set_transport(app, &spec->transports[i]);
    }
    for (size_t i = 0; i < spec->message->n_tracks; i++) {
        set_track(app, &spec->tracks[i]);
    }
    for (size_t i = 0; i < spec->message->n_subscriptions; i++) {
        set_subscription(app, &spec->subscriptions[i]);
    }
    set_edges(app);
    keep_sealed(app);
    for (size_t i = 0; i < spec->message->n_transports; i++) {
        const struct spec_transport *transport = &spec->transports[i];
        struct fwd_member *member = node_find_transport(app->node, transport->forward.id)->member;
        fwd_set_duty(member, app->now_us, transport->duty, transport->forward.transport_cc);
    }
}

static void tell_all(struct application *app, struct arena *arena)
{
    size_t count = fwd_counts(app->fwd).members;
    struct fwd_member **members = arena_array(arena, count, sizeof(*members));
    fwd_list_members(app->fwd, members);
    for (size_t i = 0; i < count; i++) {
        fwd_tell(members[i], app->now_us);
    }
}

/* ---- Rooms ----------------------------------------------------------------------------------- */

struct room *apply_find(const struct node *node, const char *id)
{
    struct room *room;
    HASH_FIND_STR(node->rooms, id, room);
    return room;
}

static void free_room(struct node *node, struct room *room)
{
    agenda_set(&node->agenda, &room->entry, TIME_NEVER);
    HASH_DEL(node->rooms, room);
    free(room->sealed);
    free(room->name);
    free(room);
}

/* The room's entry in the table, made if need be: at first only a fence. */
static struct room *hold_room(struct node *node, struct room *room, const char *id)
{
    if (room != NULL) {
        return room;
    }
    struct room *made = mem_alloc(sizeof(*made));
    snprintf(made->id, sizeof(made->id), "%s", id);
    HASH_ADD_STR(node->rooms, id, made);
    node->fence_count++;
    return made;
}

struct room *apply_hold(struct node *node, const char *id)
{
    return hold_room(node, apply_find(node, id), id);
}

/* Gone at once and without a word; only the fence stays for a while. */
static void drop_room(struct node *node, struct room *room)
{
    size_t count = fwd_counts(room->fwd).members;
    struct fwd_member **members = mem_array(count, sizeof(struct fwd_member *));
    fwd_list_members(room->fwd, members);
    for (size_t i = 0; i < count; i++) {
        remove_transport(node, node_find_transport(node, fwd_member_id(members[i])));
    }
    free(members);
    fwd_free(room->fwd);
    room->fwd = NULL;
    free(room->sealed);
    room->sealed = NULL;
    room->sealed_len = 0;
    node->room_count--;
    node->fence_count++;
}

void apply_forget(struct node *node, struct room *room)
{
    assert(room->fwd == NULL);
    node->fence_count--;
    free_room(node, room);
}

void apply_free_all(struct node *node)
{
    while (node->rooms != NULL) {
        struct room *room = node->rooms;
        if (room->fwd != NULL) {
            drop_room(node, room);
        }
        apply_forget(node, room);
    }
}

static void open_room(struct application *app)
{
    struct node *node = app->node;
    app->room = hold_room(node, app->room, app->spec->message->room);
    if (app->room->fwd == NULL) {
        struct fwd_config config = {.random = node->config.random,
                                    .outbox = node->outbox,
                                    .burst = node->burst,
                                    .events = &node->events,
                                    .counters = &node->counters,
                                    .congestion_control = node->config.congestion_control,
                                    .owner = app->room};
        app->room->fwd = fwd_new(&config, app->now_us);
        node->fence_count--;
        node->room_count++;
        log_write(node->config.log, LOG_DEBUG, "room_opened room=%s name=\"%s\"", app->room->id,
                  app->spec->message->name);
    }
    app->fwd = app->room->fwd;
}

void apply_fence(struct node *node, struct room *room, int64_t now_us)
{
    bool full = node->fence_count > FENCES_MAX;
    agenda_set(&node->agenda, &room->entry, full ? now_us : now_us + NODE_FENCE_US);
}

/* Leaves a fence, also where the room has never been; none beyond FENCES_MAX. */
static void close_room(struct application *app)
{
    struct node *node = app->node;
    app->room = hold_room(node, app->room, app->spec->message->room);
    if (app->room->fwd != NULL) {
        drop_room(node, app->room);
        log_write(node->config.log, LOG_DEBUG, "room_dropped room=%s", app->room->id);
    }
    apply_fence(node, app->room, app->now_us);
}

/* What to answer before the spec is looked into; APPLIED: go on. */
static Spillway__Control__SpecAck__Result judge(const struct room *room,
                                                const room_spec_message *message, bool *known)
{
    *known = false;
    if (room == NULL) {
        return message->base_version == 0 ? SPILLWAY__CONTROL__SPEC_ACK__RESULT__APPLIED
                                          : SPILLWAY__CONTROL__SPEC_ACK__RESULT__NEED_WHOLE;
    }
    if (message->epoch < room->epoch) {
        return SPILLWAY__CONTROL__SPEC_ACK__RESULT__STALE_EPOCH;
    }
    bool same_epoch = message->epoch == room->epoch;
    bool whole = message->base_version == 0;
    if (same_epoch && (message->version < room->version ||
                       (message->version == room->version && (!whole || room->fwd == NULL)))) {
        *known = true;
        return SPILLWAY__CONTROL__SPEC_ACK__RESULT__APPLIED;
    }
    bool follows = same_epoch && room->fwd != NULL && message->base_version == room->version;
    return whole || follows ? SPILLWAY__CONTROL__SPEC_ACK__RESULT__APPLIED
                            : SPILLWAY__CONTROL__SPEC_ACK__RESULT__NEED_WHOLE;
}

void apply_set_link(struct node *node, struct room *room, size_t link)
{
    room->link = link;
    snprintf(room->orchestrator, sizeof(room->orchestrator), "%s", node->links[link].orchestrator);
}

static void take_version(struct node *node, struct room *room, size_t link,
                         const room_spec_message *message)
{
    room->epoch = message->epoch;
    room->version = message->version;
    room->applied = message->version;
    apply_set_link(node, room, link);
    if (message->name[0] != '\0') {
        free(room->name);
        room->name = mem_str(message->name);
    }
}

MUST_CHECK static int apply(struct application *app, size_t link, struct arena *arena)
{
    const room_spec_message *message = app->spec->message;
    int err = fit_check(app, arena);
    if (err != 0) {
        return err;
    }
    if (message->dropped) {
        close_room(app);
        take_version(app->node, app->room, link, message);
        return 0;
    }
    open_room(app);
    take_version(app->node, app->room, link, message);
    admit_promise(app->room, app->now_us, message);
    change(app, arena);
    if (spec_whole(app->spec)) {
        tell_all(app, arena);
    }
    return 0;
}

static void count_ack(struct counters *counters, Spillway__Control__SpecAck__Result result,
                      bool known)
{
    switch (result) {
    case SPILLWAY__CONTROL__SPEC_ACK__RESULT__APPLIED:
        counters->specs_known += known;
        counters->specs_applied += !known;
        break;
    case SPILLWAY__CONTROL__SPEC_ACK__RESULT__NEED_WHOLE:
        counters->specs_need_whole++;
        break;
    case SPILLWAY__CONTROL__SPEC_ACK__RESULT__STALE_EPOCH:
        counters->specs_stale++;
        break;
    case SPILLWAY__CONTROL__SPEC_ACK__RESULT__FULL:
        counters->specs_full++;
        break;
    default:
        counters->specs_invalid++;
        break;
    }
}

void apply_spec(struct node *node, int64_t now_us, size_t link, const room_spec_message *message)
{
    struct arena arena = {0};
    struct spec spec;
    char reason[SPEC_REASON_MAX] = "";
    bool known = false;
    struct room *room = apply_find(node, message->room);
    struct tell_ack ack = {
        .result = judge(room, message, &known), .reason = reason, .answers = message->version};
    bool new = ack.result == SPILLWAY__CONTROL__SPEC_ACK__RESULT__APPLIED && !known;
    if (new && !admit_spec(node, now_us, room, message, &ack.weight)) {
        ack.result = SPILLWAY__CONTROL__SPEC_ACK__RESULT__FULL;
    } else if (new) {
        struct application app = {.node = node,
                                  .now_us = now_us,
                                  .spec = &spec,
                                  .room = room,
                                  .fwd = room == NULL ? NULL : room->fwd,
                                  .reason = reason};
        int err = spec_read(&spec, &arena, message, reason);
        if (err == 0) {
            err = apply(&app, link, &arena);
            room = app.room;
        }
        if (err != 0) {
            ack.result = SPILLWAY__CONTROL__SPEC_ACK__RESULT__INVALID;
        }
    }
    count_ack(&node->counters, ack.result, known);
    tell_ack(node, link, message->room, room, &ack);
    if (ack.result == SPILLWAY__CONTROL__SPEC_ACK__RESULT__INVALID) {
        log_write(node->config.log, LOG_WARN, "spec_invalid room=%s epoch=%llu reason=\"%s\"",
                  message->room, (unsigned long long)message->epoch, reason);
    }
    if (room != NULL && room->fwd != NULL) {
        node_settle(node, room);
    }
    arena_fini(&arena);
}
