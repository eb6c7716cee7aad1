/* SPDX-License-Identifier: Apache-2.0
 *
 * The entries of a RoomSpec: transports, tracks with their ways from other nodes, edges,
 * subscriptions, trunks.
 */
#include "orchestrator/core/room/spec.h"

#define UPSTREAMS_MAX 4 /* of a track: a node refuses a spec with more, whole */
#define PRIORITY_MAX  UINT8_MAX
#define PAYLOADS_MAX  16 /* of a track or subscription: a node refuses a spec with more, whole */

/* The trunk between the message's host and another one, if the message has not got it already. */
static void put_trunk(struct building *b, const struct host *other)
{
    Spillway__Control__RoomSpec *spec = &b->spec;
    for (size_t i = 0; i < spec->n_trunks; i++) {
        if (strcmp(spec->trunks[i]->node, other->node) == 0) {
            return;
        }
    }
    struct room_trunk *trunk = &b->trunks[spec->n_trunks];
    room_trunk_make(trunk, b->room->config->cluster_secret, b->room->generation,
                    &(struct room_trunk_end){b->host->node, b->host->info},
                    &(struct room_trunk_end){other->node, other->info});
    spec->trunks[spec->n_trunks++] = &trunk->message;
}

/* The UDP endpoint of the node that this client was given: its checks leave from there. */
static Spillway__Control__Endpoint *local_endpoint(struct session *session, struct arena *arena)
{
    for (size_t i = 0; i < session->candidate_count; i++) {
        struct sdp_candidate *candidate = &session->candidates[i];
        if (!candidate->tcp) {
            Spillway__Control__Endpoint *endpoint = arena_alloc(arena, sizeof(*endpoint));
            spillway__control__endpoint__init(endpoint);
            endpoint->ip = candidate->ip;
            endpoint->port = candidate->port;
            return endpoint;
        }
    }
    return NULL;
}

Spillway__Control__Transport *spec_transport_entry(struct participant *p, int place,
                                                   struct arena *arena)
{
    bool arrives = p->next == NULL ? place == HERE : (place == NEXT) == (p->phase != MOVE_SETTLING);
    struct session *session = &p->session;
    Spillway__Control__Transport *entry = arena_alloc(arena, sizeof(*entry));
    spillway__control__transport__init(entry);
    entry->id = session->transport;
    entry->participant = p->sid;
    entry->local_ufrag = session->local_ufrag;
    entry->local_pwd = session->local_pwd;
    entry->remote_ufrag = session->remote_ufrag;
    entry->remote_pwd = session->remote_pwd;
    entry->previous_ufrag = session->previous_ufrag;
    entry->previous_pwd = session->previous_pwd;
    entry->srtp = p->keys;
    entry->orchestrator = (char *)p->front.orchestrator;
    entry->client = p->address;
    entry->local = arrives ? local_endpoint(session, arena) : NULL;
    entry->check_priority = arrives ? p->check_priority : 0;
    entry->standby = place == NEXT && p->phase != MOVE_SETTLING;
    entry->hand_over = p->phase == (place == HERE ? MOVE_HANDING : MOVE_SETTLING);
    entry->estimate_bps = p->estimate_bps;
    entry->transport_cc = p->transport_cc;
    entry->lease = p->lease;
    struct bytes trace = arrives ? passage_context(p) : (struct bytes){0};
    entry->trace = (ProtobufCBinaryData){trace.len, (uint8_t *)(uintptr_t)trace.data};
    entry->extensions = arena_array(arena, SDP_EXT_COUNT, sizeof(*entry->extensions));
    for (unsigned kind = 1; kind < SDP_EXT_COUNT; kind++) {
        if (session->extension_ids[kind] == 0) {
            continue;
        }
        Spillway__Control__Extension *extension = arena_alloc(arena, sizeof(*extension));
        spillway__control__extension__init(extension);
        extension->kind = (Spillway__Control__ExtensionKind)kind; /* same numbers, see sdp.h */
        extension->id = session->extension_ids[kind];
        entry->extensions[entry->n_extensions++] = extension;
    }
    return entry;
}

static size_t payload_types(const struct session_line *line, struct arena *arena,
                            Spillway__Control__PayloadType ***out)
{
    Spillway__Control__PayloadType **list = arena_array(arena, line->codec_count, sizeof(*list));
    for (size_t i = 0; i < line->codec_count; i++) {
        const struct sdp_answer_codec *codec = &line->codecs[i];
        Spillway__Control__PayloadType *type = arena_alloc(arena, sizeof(*type));
        spillway__control__payload_type__init(type);
        type->codec = (Spillway__Control__Codec)codec->id; /* same numbers, see sdp.h */
        type->number = codec->payload_type;
        type->rtx = codec->rtx;
        type->clock_hz = codec->clock_hz;
        type->nack = (codec->feedback & SDP_FB_NACK) != 0;
        type->pli = (codec->feedback & SDP_FB_PLI) != 0;
        type->transport_cc = (codec->feedback & SDP_FB_TRANSPORT_CC) != 0;
        type->remb = (codec->feedback & SDP_FB_REMB) != 0;
        list[i] = type;
    }
    *out = list;
    return line->codec_count;
}

static void put_upstream(struct building *b, Spillway__Control__Track *entry, struct edge *edge)
{
    Spillway__Control__Upstream *upstream = arena_alloc(&b->arena, sizeof(*upstream));
    spillway__control__upstream__init(upstream);
    upstream->node = edge->from->node;
    upstream->ssrcs = edge->ssrcs;
    upstream->n_ssrcs = MAX(edge->track->layer_count, 1);
    upstream->backup = edge->backup;
    entry->upstreams[entry->n_upstreams++] = upstream;
    put_trunk(b, edge->from);
}

/* The copies that arrive on a host, each over its edge: the ways of today first, then those round
 * them, as many as a node takes. */
static void put_upstreams(struct building *b, Spillway__Control__Track *entry,
                          const struct track *track)
{
    entry->upstreams = arena_array(&b->arena, UPSTREAMS_MAX, sizeof(*entry->upstreams));
    for (int backup = 0; backup < 2; backup++) {
        struct edge *edge;
        DL_FOREACH(track->edges, edge)
        {
            if (edge->to == b->host && edge->backup == backup && !edge->from->lost &&
                entry->n_upstreams < UPSTREAMS_MAX) {
                put_upstream(b, entry, edge);
            }
        }
    }
}

Spillway__Control__Track *spec_track_entry(struct building *b, struct track *track,
                                           const struct session_line *line)
{
    struct arena *arena = &b->arena;
    const struct participant *publisher = track->publisher;
    bool here = host_place(publisher, b->host) >= 0;
    Spillway__Control__Track *entry = arena_alloc(arena, sizeof(*entry));
    spillway__control__track__init(entry);
    entry->id = track->id;
    entry->sid = track->info->sid;
    entry->participant = (char *)publisher->sid;
    entry->transport = here ? publisher->session.transport : 0;
    entry->kind = track->kind == SDP_VIDEO ? SPILLWAY__CONTROL__TRACK__KIND__VIDEO
                                           : SPILLWAY__CONTROL__TRACK__KIND__AUDIO;
    entry->mid = (char *)line->mid;
    entry->muted = track->info->muted;
    entry->n_payload_types = payload_types(line, arena, &entry->payload_types);
    entry->n_payload_types = MIN(entry->n_payload_types, PAYLOADS_MAX);
    entry->layers = arena_array(arena, track->layer_count, sizeof(*entry->layers));
    for (size_t i = 0; i < track->layer_count; i++) {
        Spillway__Control__Layer *layer = arena_alloc(arena, sizeof(*layer));
        spillway__control__layer__init(layer);
        layer->rid = track->layers[i].rid;
        layer->spatial = track->layers[i].spatial;
        layer->ssrc = here ? track->layers[i].ssrc : 0;
        layer->rtx_ssrc = here ? track->layers[i].rtx_ssrc : 0;
        entry->layers[entry->n_layers++] = layer;
    }
    put_upstreams(b, entry, track);
    return entry;
}

/* Of layers inside a stream so many; in words 0: all. */
static uint32_t put_count(uint32_t count)
{
    return count == WANTS_ALL ? 0 : count;
}

static uint32_t read_count(uint32_t count)
{
    return count == 0 ? WANTS_ALL : count;
}

void spec_put_wants(Spillway__Control__Edge *entry, const struct wants *wants, struct arena *arena)
{
    entry->layers = wants->layers;
    entry->sizes = put_count(wants->sizes);
    entry->rates = arena_array(arena, LAYERS_MAX, sizeof(*entry->rates));
    for (size_t i = 0; i < LAYERS_MAX; i++) {
        entry->rates[i] = put_count(wants->rates[i]);
        if (entry->rates[i] != 0) { /* of those behind it, all */
            entry->n_rates = i + 1;
        }
    }
}

struct wants spec_wants(const Spillway__Control__Edge *entry)
{
    struct wants wants = {.layers = entry->layers, .sizes = read_count(entry->sizes)};
    for (size_t i = 0; i < LAYERS_MAX; i++) {
        bool wanted = (entry->layers >> i & 1) != 0;
        wants.rates[i] = wanted ? read_count(i < entry->n_rates ? entry->rates[i] : 0) : 0;
    }
    return wants;
}

Spillway__Control__Edge *spec_edge_entry(struct building *b, struct edge *edge,
                                         const struct track *track)
{
    Spillway__Control__Edge *entry = arena_alloc(&b->arena, sizeof(*entry));
    spillway__control__edge__init(entry);
    entry->id = edge->id;
    entry->track = track->id;
    entry->node = edge->to->node;
    entry->ssrcs = edge->ssrcs;
    entry->n_ssrcs = MAX(track->layer_count, 1);
    spec_put_wants(entry, &edge->told, &b->arena);
    entry->backup = edge->backup;
    entry->seamless = edge->seamless;
    put_trunk(b, edge->to);
    return entry;
}

uint32_t spec_fresh_ssrc(const struct room *room)
{
    uint32_t ssrc = 0;
    while (ssrc == 0) {
        room->config->random.fill(room->config->random.arg, &ssrc, sizeof(ssrc));
    }
    return ssrc;
}

void spec_choose_ssrcs(struct subscription *subscription)
{
    if (subscription->ssrc == 0) {
        subscription->ssrc = spec_fresh_ssrc(subscription->subscriber->room);
        subscription->rtx_ssrc = spec_fresh_ssrc(subscription->subscriber->room);
    }
}

/* Of several variants of one codec (H264 profiles) the node takes the first: the publisher's. */
static void put_match_first(Spillway__Control__Subscription *entry, const struct session_line *line,
                            const struct track *track)
{
    const struct session_line *from = session_line_of_track(&track->publisher->session, track->id);
    if (from == NULL || from->codec_count == 0) {
        return;
    }
    const struct sdp_answer_codec *match =
        sdp_codec_match(line->codecs, line->codec_count, &from->codecs[0]);
    if (match != NULL) {
        size_t at = (size_t)(match - line->codecs);
        Spillway__Control__PayloadType *first = entry->payload_types[at];
        entry->payload_types[at] = entry->payload_types[0];
        entry->payload_types[0] = first;
    }
}

/* Where it goes on; NULL: it begins anew here. */
static Spillway__Control__SenderState *resume(struct building *b, struct subscription *subscription)
{
    const Spillway__Control__HandedOver *over = subscription->subscriber->handed;
    for (size_t i = 0; subscription->resumes && i < over->n_senders; i++) {
        if (over->senders[i]->subscription == subscription->id) {
            return over->senders[i];
        }
    }
    return lease_resume(subscription, b->now_us, &b->arena);
}

Spillway__Control__Subscription *spec_subscription_entry(struct building *b,
                                                         struct subscription *subscription,
                                                         const struct session_line *line, int place)
{
    struct arena *arena = &b->arena;
    spec_choose_ssrcs(subscription);
    Spillway__Control__Subscription *entry = arena_alloc(arena, sizeof(*entry));
    spillway__control__subscription__init(entry);
    entry->id = subscription->id;
    entry->track = subscription->track->id;
    entry->transport = subscription->subscriber->session.transport;
    entry->mid = (char *)line->mid;
    entry->n_payload_types = payload_types(line, arena, &entry->payload_types);
    put_match_first(entry, line, subscription->track);
    entry->n_payload_types = MIN(entry->n_payload_types, PAYLOADS_MAX);
    entry->ssrc = subscription->ssrc;
    entry->rtx_ssrc = subscription->rtx_ssrc;
    entry->paused = subscribe_is_off(subscription);
    entry->held = subscribe_is_held(subscription);
    entry->spatial_max = subscribe_spatial_max(subscription);
    entry->sizes = subscribe_sizes(subscription);
    entry->temporal_max = subscribe_temporal_max(subscription);
    entry->screen = subscription->track->info->source == LIVEKIT__TRACK_SOURCE__SCREEN_SHARE;
    entry->priority = MIN(subscription->priority, PRIORITY_MAX);
    entry->resume = place == HERE ? resume(b, subscription) : NULL;
    if (subscription->standing.known) {
        entry->index_end = subscription->standing.index_end;
        entry->rtx_index_end = subscription->standing.rtx_index_end;
    }
    return entry;
}
