/* SPDX-License-Identifier: Apache-2.0
 *
 * From a room as it is to the room as it should be. First the fence and the versions, then
 * whether the spec fits what is here (nothing changes until all of it does), then the change:
 * trunks, removals, transports, tracks, subscriptions, edges, in this order, so that nothing ever
 * dangles.
 */
#include "media-node/core/node/parts.h"

#include <stdio.h>
#include <stdlib.h>

/* A spec on its way into a room. */
struct application {
    struct node *node;
    int64_t now_us;
    const struct spec *spec;
    struct room *room; /* NULL: not here yet; may be a fence */
    struct fwd *fwd;   /* NULL: not here yet */
    char *reason;      /* SPEC_REASON_MAX */
};

/* ---- Does it fit? ---------------------------------------------------------------------------- */

static int refuse(struct application *app, const char *what, uint64_t id, const char *why)
{
    snprintf(app->reason, SPEC_REASON_MAX, "%s %llu: %s", what, (unsigned long long)id, why);
    return ERR_INVALID;
}

/* Whether something that is here now, of this room, is still here afterwards if the spec does not
 * name it. */
static bool transport_stays(const struct application *app, uint64_t id)
{
    return !spec_whole(app->spec) && !spec_removes_transport(app->spec, id);
}

/* The publisher goes, but the track is to stay. */
static bool is_released(const struct application *app, uint32_t id)
{
    for (size_t i = 0; i < app->spec->message->n_tracks; i++) {
        const struct spec_track *track = &app->spec->tracks[i];
        if (track->forward.published.id == id) {
            return track->transport == 0 && fwd_track_kind(app->fwd, id) == track->forward.kind;
        }
    }
    return false;
}

static bool track_stays(const struct application *app, uint32_t id)
{
    if (app->fwd == NULL || !fwd_has_track(app->fwd, id) || spec_whole(app->spec) ||
        spec_removes_track(app->spec, id)) {
        return false;
    }
    const struct fwd_member *member = fwd_track_member(app->fwd, id);
    return member == NULL || transport_stays(app, fwd_member_id(member)) || is_released(app, id);
}

/* The transport of a track that is here; 0: its publisher is not. */
static uint64_t transport_of(const struct application *app, uint32_t id)
{
    const struct fwd_member *member = fwd_track_member(app->fwd, id);
    return member == NULL ? 0 : fwd_member_id(member);
}

/* Whether a track that is here can become what the spec says without being made anew. */
static bool can_become(const struct application *app, const struct spec_track *track)
{
    uint32_t id = track->forward.published.id;
    uint64_t before = transport_of(app, id);
    return fwd_track_kind(app->fwd, id) == track->forward.kind &&
           (before == track->transport || before == 0 || track->transport == 0);
}

static bool edge_stays(const struct application *app, uint32_t id)
{
    return app->fwd != NULL && fwd_has_edge(app->fwd, id) && !spec_whole(app->spec) &&
           !spec_removes_edge(app->spec, id) &&
           (track_stays(app, fwd_edge_track(app->fwd, id)) ||
            spec_names_track(app->spec, fwd_edge_track(app->fwd, id)));
}

static bool subscription_stays(const struct application *app, uint32_t id)
{
    const struct fwd_member *member =
        app->fwd == NULL ? NULL : fwd_subscription_member(app->fwd, id);
    return member != NULL && !spec_whole(app->spec) && !spec_removes_subscription(app->spec, id) &&
           transport_stays(app, fwd_member_id(member)) &&
           track_stays(app, fwd_subscription_track(app->fwd, id));
}

static bool transport_will_be(const struct application *app, uint64_t id)
{
    if (spec_names_transport(app->spec, id)) {
        return true;
    }
    const struct transport *known = node_find_transport(app->node, id);
    return known != NULL && known->room == app->room && transport_stays(app, id);
}

static bool track_will_be(const struct application *app, uint32_t id)
{
    return spec_names_track(app->spec, id) || track_stays(app, id);
}

/* Whether a transport that is here now will be there besides the named ones. */
static bool stays_unnamed(const struct application *app, const struct transport *transport)
{
    return !spec_names_transport(app->spec, transport->id) &&
           (transport->room != app->room || transport_stays(app, transport->id));
}

static bool ufrag_taken(const struct application *app, const char *ufrag)
{
    const struct bytes text = {(const uint8_t *)ufrag, strlen(ufrag)};
    const struct transport *holder = paths_find_ufrag(app->node, text);
    return text.len > 0 && holder != NULL && stays_unnamed(app, holder);
}

MUST_CHECK static int local_endpoint(const struct application *app,
                                     const struct spec_transport *transport, uint16_t *out)
{
    const struct node_config *config = &app->node->config;
    for (uint16_t i = 0; i < config->endpoint_count; i++) {
        const struct node_endpoint *endpoint = &config->endpoints[i];
        bool fits = endpoint->protocol == NODE_UDP &&
                    (!transport->has_local || endpoint->port == transport->local.port);
        if (fits) {
            *out = i;
            return 0;
        }
    }
    return ERR_NOT_FOUND;
}

MUST_CHECK static int check_transport(struct application *app,
                                      const struct spec_transport *transport)
{
    uint64_t id = transport->forward.id;
    const struct transport *known = node_find_transport(app->node, id);
    uint16_t endpoint;
    if (known != NULL && known->room != app->room) {
        return refuse(app, "transport", id, "belongs to another room");
    }
    if (ufrag_taken(app, transport->forward.credentials.local_ufrag) ||
        ufrag_taken(app, transport->forward.credentials.previous_ufrag)) {
        return refuse(app, "transport", id, "ufrag of another transport");
    }
    if (transport->check_priority != 0 && local_endpoint(app, transport, &endpoint) != 0) {
        return refuse(app, "transport", id, "local is no UDP endpoint of this node");
    }
    return 0;
}

static int compare_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* No two of the named transports may share a ufrag. */
MUST_CHECK static int check_ufrags(struct application *app, struct arena *arena)
{
    size_t transports = app->spec->message->n_transports;
    const char **ufrags = arena_array(arena, transports * 2, sizeof(*ufrags));
    size_t count = 0;
    for (size_t i = 0; i < transports; i++) {
        const struct ice_credentials *c = &app->spec->transports[i].forward.credentials;
        ufrags[count++] = c->local_ufrag;
        if (c->previous_ufrag[0] != '\0') {
            ufrags[count++] = c->previous_ufrag;
        }
    }
    qsort(ufrags, count, sizeof(*ufrags), compare_text);
    for (size_t i = 1; i < count; i++) {
        if (strcmp(ufrags[i - 1], ufrags[i]) == 0) {
            snprintf(app->reason, SPEC_REASON_MAX, "two transports with one ufrag");
            return ERR_INVALID;
        }
    }
    return 0;
}

/* ---- ... trunks and what goes over them ---- */

MUST_CHECK static int check_trunks(struct application *app)
{
    size_t added = 0;
    for (size_t i = 0; i < app->spec->message->n_trunks; i++) {
        const struct spec_trunk *trunk = &app->spec->trunks[i];
        uint16_t endpoint;
        if (trunks_endpoint(app->node, trunk->local.port, &endpoint) != 0) {
            return refuse(app, "trunk", i, "local is no UDP endpoint of this node");
        }
        if (strcmp(trunk->node, app->node->config.id) == 0) {
            return refuse(app, "trunk", i, "it leads to this node itself");
        }
        added += trunks_find(app->node, trunk->node) == NULL;
    }
    if (!trunks_have_room(app->node, added)) {
        return refuse(app, "trunk", NODE_TRUNKS_MAX, "too many");
    }
    return 0;
}

/* Known and awake, or named here. */
static bool trunk_will_be(const struct application *app, const char *node)
{
    const struct trunk *trunk = trunks_find(app->node, node);
    return (trunk != NULL && trunk->path != NULL) || spec_names_trunk(app->spec, node);
}

MUST_CHECK static int check_upstreams(struct application *app, const struct spec_track *track)
{
    uint32_t id = track->forward.published.id;
    for (size_t i = 0; i < track->forward.upstream_count; i++) {
        if (!trunk_will_be(app, track->nodes[i])) {
            return refuse(app, "track", id, "upstream over an unknown trunk");
        }
        const struct trunk *trunk = trunks_find(app->node, track->nodes[i]);
        const struct fwd_upstream *upstream = &track->forward.upstreams[i];
        for (size_t s = 0; trunk != NULL && s < upstream->ssrc_count; s++) {
            uint32_t holder = 0;
            const struct fwd *fwd = fwd_relay_track(trunk->relay, upstream->ssrcs[s], &holder);
            bool there =
                fwd != app->fwd || spec_names_track(app->spec, holder) || track_stays(app, holder);
            if (fwd != NULL && there && (fwd != app->fwd || holder != id)) {
                return refuse(app, "track", id, "ssrc of another track on that trunk");
            }
        }
        if (trunk != NULL &&
            relay_ports(trunk->relay) + STREAM_LAYERS_MAX > (size_t)2 * RELAY_PORTS_MAX) {
            return refuse(app, "track", id, "too many tracks on that trunk");
        }
    }
    return 0;
}

MUST_CHECK static int check_edge(struct application *app, const struct spec_edge *edge)
{
    uint32_t id = edge->forward.id;
    if (!spec_names_track(app->spec, edge->forward.track) &&
        !track_stays(app, edge->forward.track)) {
        return refuse(app, "edge", id, "unknown track");
    }
    if (!trunk_will_be(app, edge->node)) {
        return refuse(app, "edge", id, "over an unknown trunk");
    }
    const struct trunk *trunk = trunks_find(app->node, edge->node);
    for (size_t s = 0; trunk != NULL && s < edge->forward.ssrc_count; s++) {
        uint32_t holder = 0;
        const struct fwd *fwd = fwd_relay_edge(trunk->relay, edge->forward.ssrcs[s], &holder);
        bool there =
            fwd != app->fwd || spec_names_edge(app->spec, holder) || edge_stays(app, holder);
        if (fwd != NULL && there && (fwd != app->fwd || holder != id)) {
            return refuse(app, "edge", id, "ssrc of another edge on that trunk");
        }
    }
    if (trunk != NULL &&
        relay_ports(trunk->relay) + STREAM_LAYERS_MAX > (size_t)2 * RELAY_PORTS_MAX) {
        return refuse(app, "edge", id, "too many tracks on that trunk");
    }
    return 0;
}

MUST_CHECK static int check_track(struct application *app, const struct spec_track *track)
{
    uint32_t id = track->forward.published.id;
    if (track->transport != 0 && !transport_will_be(app, track->transport)) {
        return refuse(app, "track", id, "unknown transport");
    }
    if (track_stays(app, id) && !can_become(app, track)) {
        return refuse(app, "track", id, "id used before for another transport or kind");
    }
    return check_upstreams(app, track);
}

static int compare_ids(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a;
    uint64_t y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

/* A transport's tracks: those it has, and those that are new. */
MUST_CHECK static int check_track_counts(struct application *app, struct arena *arena)
{
    const struct spec *spec = app->spec;
    uint64_t *owners = arena_array(arena, spec->message->n_tracks, sizeof(*owners));
    size_t count = 0;
    for (size_t i = 0; i < spec->message->n_tracks; i++) {
        const struct spec_track *track = &spec->tracks[i];
        uint32_t id = track->forward.published.id;
        bool has = track_stays(app, id) && transport_of(app, id) == track->transport;
        if (!has && track->transport != 0) {
            owners[count++] = track->transport;
        }
    }
    qsort(owners, count, sizeof(*owners), compare_ids);
    size_t added = 0;
    for (size_t i = 0; i < count; i++) {
        added = i > 0 && owners[i] == owners[i - 1] ? added + 1 : 1;
        const struct transport *known = node_find_transport(app->node, owners[i]);
        bool stays = known != NULL && transport_stays(app, owners[i]);
        if (added + (stays ? fwd_member_counts(known->member).tracks : 0) > PEER_TRACKS_MAX) {
            return refuse(app, "transport", owners[i], "too many tracks");
        }
    }
    return 0;
}

MUST_CHECK static int check_subscription(struct application *app,
                                         const struct spec_subscription *subscription)
{
    const struct fwd_subscription *forward = &subscription->forward;
    if (!transport_will_be(app, subscription->transport)) {
        return refuse(app, "subscription", forward->id, "unknown transport");
    }
    if (!track_will_be(app, forward->track)) {
        return refuse(app, "subscription", forward->id, "unknown track");
    }
    const struct transport *known = node_find_transport(app->node, subscription->transport);
    if (known == NULL || known->room != app->room) {
        return 0;
    }
    const uint32_t ssrcs[] = {forward->ssrc, forward->rtx_ssrc};
    for (size_t i = 0; i < ARRAY_LEN(ssrcs); i++) {
        uint32_t holder = fwd_ssrc_subscription(known->member, ssrcs[i]);
        bool there = spec_names_subscription(app->spec, holder) || subscription_stays(app, holder);
        if (holder != 0 && holder != forward->id && there) {
            return refuse(app, "subscription", forward->id, "ssrc of another subscription");
        }
    }
    return 0;
}

MUST_CHECK static int check_sealed(struct application *app)
{
    const room_spec_message *message = app->spec->message;
    if (message->sealed.len > SPEC_SEALED_MAX) {
        return refuse(app, "sealed", message->sealed.len, "too many bytes");
    }
    for (size_t i = 0; i < message->n_sessions; i++) {
        const Spillway__Control__Session *session = message->sessions[i];
        if (session->sealed.len > SPEC_SEALED_MAX) {
            return refuse(app, "session", session->transport, "too many bytes");
        }
        if (!transport_will_be(app, session->transport)) {
            return refuse(app, "session", session->transport, "unknown transport");
        }
    }
    return 0;
}

MUST_CHECK static int check(struct application *app, struct arena *arena)
{
    const struct spec *spec = app->spec;
    int err = check_ufrags(app, arena);
    if (err == 0) {
        err = check_trunks(app);
    }
    for (size_t i = 0; err == 0 && i < spec->message->n_transports; i++) {
        err = check_transport(app, &spec->transports[i]);
    }
    for (size_t i = 0; err == 0 && i < spec->message->n_tracks; i++) {
        err = check_track(app, &spec->tracks[i]);
    }
    if (err == 0) {
        err = check_track_counts(app, arena);
    }
    for (size_t i = 0; err == 0 && i < spec->message->n_subscriptions; i++) {
        err = check_subscription(app, &spec->subscriptions[i]);
    }
    for (size_t i = 0; err == 0 && i < spec->message->n_edges; i++) {
        err = check_edge(app, &spec->edges[i]);
    }
    return err == 0 ? check_sealed(app) : err;
}

/* ---- Removal --------------------------------------------------------------------------------- */

static void remove_transport(struct node *node, struct transport *transport)
{
    paths_remove_all(node, transport);
    paths_set_ufrag(node, &transport->ufrag, "", transport);
    paths_set_ufrag(node, &transport->previous, "", transport);
    fwd_remove_transport(transport->room->fwd, transport->member);
    HASH_DEL(node->transports, transport);
    free(transport->sealed);
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
        if (!can_become(app, track)) {
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
        local_endpoint(app, spec, &path.endpoint) != 0) {
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
        fwd_set_duty(member, app->now_us, transport->duty, transport->transport_cc);
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
                                    .events = &node->events,
                                    .counters = &node->counters,
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
    int err = check(app, arena);
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
    struct tell_ack ack = {.result = judge(room, message, &known), .reason = reason};
    if (ack.result == SPILLWAY__CONTROL__SPEC_ACK__RESULT__APPLIED && !known) {
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
