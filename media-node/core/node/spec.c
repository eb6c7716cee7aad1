/* SPDX-License-Identifier: Apache-2.0
 *
 * A spec as a whole: its ids, its entries one by one (spec_entry.c), and the SSRCs, none of which
 * may be given twice.
 */
#include "media-node/core/node/spec.h"

#include <stdio.h>
#include <stdlib.h>

/* Says what is wrong with which entry, and gives ERR_INVALID to return. */
static int refuse(char reason[SPEC_REASON_MAX], const char *what, uint64_t id, const char *why)
{
    snprintf(reason, SPEC_REASON_MAX, "%s %llu: %s", what, (unsigned long long)id, why);
    return ERR_INVALID;
}

/* ---- Sets of ids ----------------------------------------------------------------------------- */

static int compare_ids(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a;
    uint64_t y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

static void sort_ids(uint64_t *ids, size_t count)
{
    qsort(ids, count, sizeof(*ids), compare_ids);
}

static bool has_id(const uint64_t *ids, size_t count, uint64_t id)
{
    return count > 0 && bsearch(&id, ids, count, sizeof(*ids), compare_ids) != NULL;
}

/* Of sorted ids: the first that is 0 or comes twice. */
static bool find_bad_id(const uint64_t *ids, size_t count, uint64_t *bad)
{
    for (size_t i = 0; i < count; i++) {
        if (ids[i] == 0 || (i > 0 && ids[i] == ids[i - 1])) {
            *bad = ids[i];
            return true;
        }
    }
    return false;
}

bool spec_whole(const struct spec *spec)
{
    return spec->message->base_version == 0;
}

bool spec_names_transport(const struct spec *spec, uint64_t id)
{
    return has_id(spec->transport_ids, spec->message->n_transports, id);
}

bool spec_names_track(const struct spec *spec, uint32_t id)
{
    return has_id(spec->track_ids, spec->message->n_tracks, id);
}

bool spec_names_subscription(const struct spec *spec, uint32_t id)
{
    return has_id(spec->subscription_ids, spec->message->n_subscriptions, id);
}

bool spec_removes_transport(const struct spec *spec, uint64_t id)
{
    return has_id(spec->removed_transports, spec->message->n_removed_transports, id);
}

bool spec_removes_track(const struct spec *spec, uint32_t id)
{
    return has_id(spec->removed_tracks, spec->message->n_removed_tracks, id);
}

bool spec_removes_subscription(const struct spec *spec, uint32_t id)
{
    return has_id(spec->removed_subscriptions, spec->message->n_removed_subscriptions, id);
}

bool spec_names_edge(const struct spec *spec, uint32_t id)
{
    return has_id(spec->edge_ids, spec->message->n_edges, id);
}

bool spec_removes_edge(const struct spec *spec, uint32_t id)
{
    return has_id(spec->removed_edges, spec->message->n_removed_edges, id);
}

bool spec_names_trunk(const struct spec *spec, const char *node)
{
    for (size_t i = 0; i < spec->message->n_trunks; i++) {
        if (strcmp(spec->trunks[i].node, node) == 0) {
            return true;
        }
    }
    return false;
}

static uint64_t *sorted_copy(struct arena *arena, const uint32_t *ids, size_t count)
{
    uint64_t *copy = arena_array(arena, count, sizeof(*copy));
    for (size_t i = 0; i < count; i++) {
        copy[i] = ids[i];
    }
    sort_ids(copy, count);
    return copy;
}

static void collect_ids(struct spec *out, struct arena *arena, const room_spec_message *message)
{
    out->transport_ids = arena_array(arena, message->n_transports, sizeof(uint64_t));
    for (size_t i = 0; i < message->n_transports; i++) {
        out->transport_ids[i] = message->transports[i]->id;
    }
    out->track_ids = arena_array(arena, message->n_tracks, sizeof(uint64_t));
    for (size_t i = 0; i < message->n_tracks; i++) {
        out->track_ids[i] = message->tracks[i]->id;
    }
    out->subscription_ids = arena_array(arena, message->n_subscriptions, sizeof(uint64_t));
    for (size_t i = 0; i < message->n_subscriptions; i++) {
        out->subscription_ids[i] = message->subscriptions[i]->id;
    }
    out->edge_ids = arena_array(arena, message->n_edges, sizeof(uint64_t));
    for (size_t i = 0; i < message->n_edges; i++) {
        out->edge_ids[i] = message->edges[i]->id;
    }
    sort_ids(out->edge_ids, message->n_edges);
    out->removed_edges = sorted_copy(arena, message->removed_edges, message->n_removed_edges);
    sort_ids(out->transport_ids, message->n_transports);
    sort_ids(out->track_ids, message->n_tracks);
    sort_ids(out->subscription_ids, message->n_subscriptions);
    out->removed_transports = arena_array(arena, message->n_removed_transports, sizeof(uint64_t));
    for (size_t i = 0; i < message->n_removed_transports; i++) {
        out->removed_transports[i] = message->removed_transports[i];
    }
    sort_ids(out->removed_transports, message->n_removed_transports);
    out->removed_tracks = sorted_copy(arena, message->removed_tracks, message->n_removed_tracks);
    out->removed_subscriptions =
        sorted_copy(arena, message->removed_subscriptions, message->n_removed_subscriptions);
}

MUST_CHECK static int check_ids(const struct spec *spec, char reason[SPEC_REASON_MAX])
{
    uint64_t bad;
    if (find_bad_id(spec->transport_ids, spec->message->n_transports, &bad)) {
        return refuse(reason, "transport", bad, "id is 0 or comes twice");
    }
    if (find_bad_id(spec->track_ids, spec->message->n_tracks, &bad)) {
        return refuse(reason, "track", bad, "id is 0 or comes twice");
    }
    if (find_bad_id(spec->subscription_ids, spec->message->n_subscriptions, &bad)) {
        return refuse(reason, "subscription", bad, "id is 0 or comes twice");
    }
    if (find_bad_id(spec->edge_ids, spec->message->n_edges, &bad)) {
        return refuse(reason, "edge", bad, "id is 0 or comes twice");
    }
    return 0;
}

/* ---- SSRCs ----------------------------------------------------------------------------------- */

struct claim {
    uint64_t transport;
    uint32_t ssrc;
    uint32_t id; /* of the track or subscription */
};

static int compare_claims(const void *a, const void *b)
{
    const struct claim *x = a;
    const struct claim *y = b;
    if (x->transport != y->transport) {
        return x->transport < y->transport ? -1 : 1;
    }
    return (x->ssrc > y->ssrc) - (x->ssrc < y->ssrc);
}

static bool find_clash(struct claim *claims, size_t count, uint32_t *id)
{
    qsort(claims, count, sizeof(*claims), compare_claims);
    for (size_t i = 1; i < count; i++) {
        if (compare_claims(&claims[i - 1], &claims[i]) == 0) {
            *id = claims[i].id;
            return true;
        }
    }
    return false;
}

/* One SSRC of one transport means one thing in each direction. */
MUST_CHECK static int check_ssrcs(const struct spec *spec, struct arena *arena,
                                  char reason[SPEC_REASON_MAX])
{
    const room_spec_message *message = spec->message;
    size_t most = MAX(message->n_tracks * STREAM_LAYERS_MAX, message->n_subscriptions) * 2;
    struct claim *claims = arena_array(arena, most, sizeof(*claims));
    size_t count = 0;
    uint32_t id;
    for (size_t i = 0; i < message->n_tracks; i++) {
        const struct spec_track *track = &spec->tracks[i];
        const struct peer_track *published = &track->forward.published;
        for (size_t l = 0; l < published->layer_count * 2 && track->transport != 0; l++) {
            const struct peer_layer *layer = &published->layers[l / 2];
            uint32_t ssrc = l % 2 == 0 ? layer->ssrc : layer->rtx_ssrc;
            if (ssrc != 0) {
                claims[count++] = (struct claim){track->transport, ssrc, published->id};
            }
        }
    }
    if (find_clash(claims, count, &id)) {
        return refuse(reason, "track", id, "its ssrc comes twice");
    }
    count = 0;
    for (size_t i = 0; i < message->n_subscriptions; i++) {
        const struct spec_subscription *s = &spec->subscriptions[i];
        claims[count++] = (struct claim){s->transport, s->forward.ssrc, s->forward.id};
        if (s->forward.rtx_ssrc != 0) {
            claims[count++] = (struct claim){s->transport, s->forward.rtx_ssrc, s->forward.id};
        }
    }
    return find_clash(claims, count, &id)
               ? refuse(reason, "subscription", id, "its ssrc comes twice")
               : 0;
}

/* On one trunk, too. There a node stands where a transport does: by the place of its first
 * mention. */
static uint64_t number_of(const char **nodes, size_t *count, const char *node)
{
    for (size_t i = 0; i < *count; i++) {
        if (strcmp(nodes[i], node) == 0) {
            return i;
        }
    }
    nodes[(*count)++] = node;
    return *count - 1;
}

MUST_CHECK static int check_trunk_ssrcs(const struct spec *spec, struct arena *arena,
                                        char reason[SPEC_REASON_MAX])
{
    const room_spec_message *message = spec->message;
    size_t most = MAX(message->n_tracks * FWD_UPSTREAMS_MAX, message->n_edges);
    struct claim *claims = arena_array(arena, most * STREAM_LAYERS_MAX, sizeof(*claims));
    const char **nodes = arena_array(arena, most, sizeof(*nodes));
    size_t node_count = 0;
    size_t count = 0;
    uint32_t id;
    for (size_t i = 0; i < message->n_tracks; i++) {
        const struct spec_track *track = &spec->tracks[i];
        for (size_t u = 0; u < track->forward.upstream_count; u++) {
            const struct fwd_upstream *upstream = &track->forward.upstreams[u];
            uint64_t node = number_of(nodes, &node_count, track->nodes[u]);
            for (size_t l = 0; l < upstream->ssrc_count; l++) {
                claims[count++] =
                    (struct claim){node, upstream->ssrcs[l], track->forward.published.id};
            }
        }
    }
    if (find_clash(claims, count, &id)) {
        return refuse(reason, "track", id, "its ssrc on a trunk comes twice");
    }
    node_count = 0;
    count = 0;
    for (size_t i = 0; i < message->n_edges; i++) {
        const struct spec_edge *edge = &spec->edges[i];
        uint64_t node = number_of(nodes, &node_count, edge->node);
        for (size_t l = 0; l < edge->forward.ssrc_count; l++) {
            claims[count++] = (struct claim){node, edge->forward.ssrcs[l], edge->forward.id};
        }
    }
    return find_clash(claims, count, &id)
               ? refuse(reason, "edge", id, "its ssrc on a trunk comes twice")
               : 0;
}

/* ---- The whole ------------------------------------------------------------------------------- */

MUST_CHECK static int check_head(const room_spec_message *message, char reason[SPEC_REASON_MAX])
{
    const char *ails = NULL;
    size_t len = strlen(message->room);
    if (len == 0 || len >= SPEC_ROOM_MAX) {
        ails = "room sid missing or too long";
    } else if (message->epoch == 0 || message->version <= message->base_version) {
        ails = "epoch 0, or version not above base_version";
    } else if (message->dropped && message->base_version != 0) {
        ails = "dropped by a delta";
    }
    if (ails == NULL) {
        return 0;
    }
    snprintf(reason, SPEC_REASON_MAX, "%s", ails);
    return ERR_INVALID;
}

MUST_CHECK static int read_cascade(struct spec *out, struct arena *arena,
                                   char reason[SPEC_REASON_MAX])
{
    const room_spec_message *message = out->message;
    out->trunks = arena_array(arena, message->n_trunks, sizeof(*out->trunks));
    out->edges = arena_array(arena, message->n_edges, sizeof(*out->edges));
    for (size_t i = 0; i < message->n_trunks; i++) {
        const char *ails = spec_read_trunk(&out->trunks[i], message->trunks[i]);
        for (size_t other = 0; ails == NULL && other < i; other++) {
            bool twice = strcmp(out->trunks[other].node, out->trunks[i].node) == 0;
            ails = twice ? "its node comes twice" : NULL;
        }
        if (ails != NULL) {
            return refuse(reason, "trunk", i, ails);
        }
    }
    for (size_t i = 0; i < message->n_edges; i++) {
        const char *ails = spec_read_edge(&out->edges[i], message->edges[i]);
        if (ails != NULL) {
            return refuse(reason, "edge", message->edges[i]->id, ails);
        }
    }
    return 0;
}

MUST_CHECK static int read_entries(struct spec *out, struct arena *arena,
                                   char reason[SPEC_REASON_MAX])
{
    const room_spec_message *message = out->message;
    out->transports = arena_array(arena, message->n_transports, sizeof(*out->transports));
    out->tracks = arena_array(arena, message->n_tracks, sizeof(*out->tracks));
    out->subscriptions = arena_array(arena, message->n_subscriptions, sizeof(*out->subscriptions));
    for (size_t i = 0; i < message->n_transports; i++) {
        const char *ails = spec_read_transport(&out->transports[i], message->transports[i]);
        if (ails != NULL) {
            return refuse(reason, "transport", message->transports[i]->id, ails);
        }
    }
    for (size_t i = 0; i < message->n_tracks; i++) {
        const char *ails = spec_read_track(&out->tracks[i], message->tracks[i]);
        if (ails != NULL) {
            return refuse(reason, "track", message->tracks[i]->id, ails);
        }
    }
    for (size_t i = 0; i < message->n_subscriptions; i++) {
        const char *ails =
            spec_read_subscription(&out->subscriptions[i], arena, message->subscriptions[i]);
        if (ails != NULL) {
            return refuse(reason, "subscription", message->subscriptions[i]->id, ails);
        }
    }
    int err = read_cascade(out, arena, reason);
    if (err == 0) {
        err = check_ssrcs(out, arena, reason);
    }
    return err == 0 ? check_trunk_ssrcs(out, arena, reason) : err;
}

int spec_read(struct spec *out, struct arena *arena, const room_spec_message *message,
              char reason[SPEC_REASON_MAX])
{
    *out = (struct spec){.message = message};
    int err = check_head(message, reason);
    if (err != 0) {
        return err;
    }
    collect_ids(out, arena, message);
    err = check_ids(out, reason);
    return err != 0 ? err : read_entries(out, arena, reason);
}
