/* SPDX-License-Identifier: Apache-2.0
 *
 * Whether a spec fits what the node holds. Nothing changes here.
 */
#include "media-node/core/node/parts.h"

#include <stdio.h>
#include <stdlib.h>

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

bool fit_can_become(const struct application *app, const struct spec_track *track)
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

int fit_local_endpoint(const struct application *app, const struct spec_transport *transport,
                       uint16_t *out)
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
    if (transport->check_priority != 0 && fit_local_endpoint(app, transport, &endpoint) != 0) {
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
    if (track_stays(app, id) && !fit_can_become(app, track)) {
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

int fit_check(struct application *app, struct arena *arena)
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
