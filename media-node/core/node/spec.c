/* SPDX-License-Identifier: Apache-2.0 */
#include "media-node/core/node/spec.h"

#include <stdio.h>
#include <stdlib.h>

typedef Spillway__Control__Transport transport_message;
typedef Spillway__Control__Track track_message;
typedef Spillway__Control__Subscription subscription_message;
typedef Spillway__Control__PayloadType payload_message;

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

/* ---- Transports ------------------------------------------------------------------------------ */

static bool fits(const char *text, size_t min, size_t max)
{
    size_t len = strlen(text);
    return len >= min && len <= max;
}

int spec_keys(struct peer_keys *out, const Spillway__Control__SrtpKeys *keys)
{
    *out = (struct peer_keys){.suite = RTPSEC_NONE};
    if (keys == NULL || keys->suite == SPILLWAY__CONTROL__SRTP_KEYS__SUITE__NONE) {
        return 0;
    }
    size_t len = rtpsec_key_len((enum rtpsec_suite)keys->suite);
    if (len == 0 || keys->client_key.len != len || keys->server_key.len != len) {
        return ERR_INVALID;
    }
    out->suite = (enum rtpsec_suite)keys->suite;
    memcpy(out->client, keys->client_key.data, len);
    memcpy(out->server, keys->server_key.data, len);
    return 0;
}

MUST_CHECK static int read_exts(struct rtp_ext_ids *out, const transport_message *message)
{
    for (size_t i = 0; i < message->n_extensions; i++) {
        const Spillway__Control__Extension *extension = message->extensions[i];
        size_t kind = (size_t)extension->kind - SPILLWAY__CONTROL__EXTENSION_KIND__MID;
        if (kind >= RTP_EXT_KINDS) {
            continue; /* one of a later version of the protocol */
        }
        if (extension->id < 1 || extension->id > 14 || out->id[kind] != 0) {
            return ERR_INVALID;
        }
        for (size_t other = 0; other < RTP_EXT_KINDS; other++) {
            if (out->id[other] == extension->id) {
                return ERR_INVALID;
            }
        }
        out->id[kind] = (uint8_t)extension->id;
    }
    return 0;
}

MUST_CHECK static int read_endpoint(struct net_addr *out,
                                    const Spillway__Control__Endpoint *message)
{
    if (message->port < 1 || message->port > 65535) {
        return ERR_INVALID;
    }
    return net_from_text(out, message->ip, (uint16_t)message->port);
}

/* Checks go out over UDP only: to TCP clients a node is passive (RFC 6544). */
MUST_CHECK static int read_check(struct spec_transport *out, const transport_message *message)
{
    if (message->local != NULL) {
        if (read_endpoint(&out->local, message->local) != 0) {
            return ERR_INVALID;
        }
        out->has_local = true;
    }
    if (message->client == NULL) {
        return 0;
    }
    if (read_endpoint(&out->client, message->client) != 0) {
        return ERR_INVALID;
    }
    bool udp = message->client->protocol == SPILLWAY__CONTROL__ENDPOINT__PROTOCOL__UDP;
    out->check_priority = udp ? message->check_priority : 0;
    return 0;
}

static const char *what_ails_credentials(const transport_message *message)
{
    if (!fits(message->local_ufrag, 4, ICE_UFRAG_MAX) ||
        !fits(message->local_pwd, 22, ICE_PWD_MAX)) {
        return "local ufrag or pwd too short or too long (RFC 8839 §5.4)";
    }
    if (!fits(message->remote_ufrag, 0, ICE_UFRAG_MAX) ||
        !fits(message->remote_pwd, 0, ICE_PWD_MAX) ||
        !fits(message->previous_ufrag, 0, ICE_UFRAG_MAX) ||
        !fits(message->previous_pwd, 0, ICE_PWD_MAX)) {
        return "remote or previous ufrag or pwd too long";
    }
    if ((message->remote_ufrag[0] == '\0') != (message->remote_pwd[0] == '\0') ||
        (message->previous_ufrag[0] == '\0') != (message->previous_pwd[0] == '\0')) {
        return "ufrag without pwd, or pwd without ufrag";
    }
    if (strcmp(message->local_ufrag, message->previous_ufrag) == 0) {
        return "previous ufrag is the present one";
    }
    return NULL;
}

MUST_CHECK static int read_transport(struct spec_transport *out, const transport_message *message,
                                     char reason[SPEC_REASON_MAX])
{
    *out = (struct spec_transport){
        .forward = {.id = message->id,
                    .credentials = {.local_ufrag = message->local_ufrag,
                                    .local_pwd = message->local_pwd,
                                    .remote_ufrag = message->remote_ufrag,
                                    .remote_pwd = message->remote_pwd,
                                    .previous_ufrag = message->previous_ufrag,
                                    .previous_pwd = message->previous_pwd}},
        .orchestrator = message->orchestrator,
        .sealed = {message->sealed.data, message->sealed.len},
    };
    out->duty = message->hand_over ? FWD_HANDS_OVER : message->standby ? FWD_STANDBY : FWD_SERVES;
    out->transport_cc = (uint16_t)message->transport_cc;
    const char *ails = what_ails_credentials(message);
    if (ails != NULL) {
        return refuse(reason, "transport", message->id, ails);
    }
    if (!fits(message->participant, 0, FWD_NAME_MAX - 1)) {
        return refuse(reason, "transport", message->id, "participant sid too long");
    }
    memcpy(out->forward.participant, message->participant, strlen(message->participant));
    if (!fits(message->orchestrator, 0, SPEC_ORCHESTRATOR_MAX - 1)) {
        return refuse(reason, "transport", message->id, "orchestrator id too long");
    }
    if (message->sealed.len > SPEC_SEALED_MAX) {
        return refuse(reason, "transport", message->id, "sealed session too big");
    }
    if (spec_keys(&out->forward.keys, message->srtp) != 0) {
        return refuse(reason, "transport", message->id, "SRTP keys of a wrong length or suite");
    }
    if (read_exts(&out->forward.exts, message) != 0) {
        return refuse(reason, "transport", message->id, "extension id not in 1..14 or twice");
    }
    if (read_check(out, message) != 0) {
        return refuse(reason, "transport", message->id, "client or local is no address");
    }
    if (out->check_priority != 0 && message->remote_ufrag[0] == '\0') {
        return refuse(reason, "transport", message->id, "checks wanted without remote ufrag");
    }
    return 0;
}

/* ---- Tracks and subscriptions ---------------------------------------------------------------- */

bool spec_codec(Spillway__Control__Codec codec, enum rtp_codec *out)
{
    static const enum rtp_codec codecs[] = {
        [SPILLWAY__CONTROL__CODEC__OPUS] = RTP_CODEC_OPUS,
        [SPILLWAY__CONTROL__CODEC__RED] = RTP_CODEC_RED,
        [SPILLWAY__CONTROL__CODEC__VP8] = RTP_CODEC_VP8,
        [SPILLWAY__CONTROL__CODEC__H264] = RTP_CODEC_H264,
        [SPILLWAY__CONTROL__CODEC__VP9] = RTP_CODEC_VP9,
        [SPILLWAY__CONTROL__CODEC__AV1] = RTP_CODEC_AV1,
        [SPILLWAY__CONTROL__CODEC__H265] = RTP_CODEC_H265,
        [SPILLWAY__CONTROL__CODEC__PCMU] = RTP_CODEC_PCMU,
        [SPILLWAY__CONTROL__CODEC__PCMA] = RTP_CODEC_PCMA,
    };
    if (codec < 1 || (size_t)codec >= ARRAY_LEN(codecs)) {
        return false;
    }
    *out = codecs[codec];
    return true;
}

/* NULL, or what is wrong. */
static const char *read_payloads(struct stream_payload out[STREAM_PAYLOADS_MAX], size_t *count,
                                 payload_message *const *messages, size_t message_count)
{
    if (message_count < 1 || message_count > STREAM_PAYLOADS_MAX) {
        return "no payload types, or more than 16";
    }
    for (size_t i = 0; i < message_count; i++) {
        const payload_message *message = messages[i];
        out[i] = (struct stream_payload){.number = (uint8_t)message->number,
                                         .rtx = (uint8_t)message->rtx,
                                         .nack = message->nack,
                                         .pli = message->pli,
                                         .clock_hz = message->clock_hz};
        if (!spec_codec(message->codec, &out[i].codec)) {
            return "unknown codec";
        }
        if (message->number > 127 || message->rtx > 127 || message->clock_hz == 0) {
            return "payload type above 127, or without a clock";
        }
        for (size_t other = 0; other < i; other++) {
            if (out[other].number == out[i].number) {
                return "a payload type comes twice";
            }
        }
    }
    *count = message_count;
    return NULL;
}

static const char *read_layers(struct peer_track *out, const track_message *message)
{
    if (message->n_layers < 1 || message->n_layers > STREAM_LAYERS_MAX) {
        return "no layers, or more than 4";
    }
    for (size_t i = 0; i < message->n_layers; i++) {
        const Spillway__Control__Layer *layer = message->layers[i];
        if (layer->spatial != i) {
            return "layers must be numbered 0, 1, 2, ... from low to high";
        }
        if (!fits(layer->rid, 0, PEER_RID_MAX - 1)) {
            return "rid too long";
        }
        for (size_t other = 0; other < i && layer->rid[0] != '\0'; other++) {
            if (strcmp(out->layers[other].rid, layer->rid) == 0) {
                return "a rid comes twice";
            }
        }
        out->layers[i].ssrc = layer->ssrc;
        out->layers[i].rtx_ssrc = layer->rtx_ssrc;
        memcpy(out->layers[i].rid, layer->rid, strlen(layer->rid));
    }
    out->layer_count = message->n_layers;
    return NULL;
}

/* SSRCs on a trunk, by layer. */
static const char *read_ssrcs(uint32_t out[STREAM_LAYERS_MAX], size_t *count, const uint32_t *ssrcs,
                              size_t ssrc_count)
{
    if (ssrc_count < 1 || ssrc_count > STREAM_LAYERS_MAX) {
        return "no ssrcs on the trunk, or more than 4";
    }
    for (size_t i = 0; i < ssrc_count; i++) {
        if (ssrcs[i] == 0) {
            return "an ssrc on the trunk is 0";
        }
        out[i] = ssrcs[i];
    }
    *count = ssrc_count;
    return NULL;
}

static const char *read_upstreams(struct spec_track *out, const track_message *message)
{
    if (message->n_upstreams > FWD_UPSTREAMS_MAX) {
        return "more than 4 upstreams";
    }
    for (size_t i = 0; i < message->n_upstreams; i++) {
        const Spillway__Control__Upstream *upstream = message->upstreams[i];
        struct fwd_upstream *to = &out->forward.upstreams[i];
        const char *ails =
            read_ssrcs(to->ssrcs, &to->ssrc_count, upstream->ssrcs, upstream->n_ssrcs);
        if (ails != NULL) {
            return ails;
        }
        to->backup = upstream->backup;
        out->nodes[i] = upstream->node;
    }
    out->forward.upstream_count = message->n_upstreams;
    return NULL;
}

static const char *read_track(struct spec_track *out, const track_message *message)
{
    struct fwd_track *track = &out->forward;
    *out =
        (struct spec_track){.transport = message->transport,
                            .forward = {.published = {.id = message->id}, .muted = message->muted}};
    track->kind =
        message->kind == SPILLWAY__CONTROL__TRACK__KIND__AUDIO ? STREAM_AUDIO : STREAM_VIDEO;
    if (message->kind > SPILLWAY__CONTROL__TRACK__KIND__VIDEO) {
        return "unknown kind";
    }
    if (!fits(message->mid, 0, PEER_MID_MAX - 1)) {
        return "mid too long";
    }
    memcpy(track->published.mid, message->mid, strlen(message->mid));
    if (!fits(message->participant, 0, FWD_NAME_MAX - 1)) {
        return "participant sid too long";
    }
    memcpy(track->participant, message->participant, strlen(message->participant));
    const char *ails = read_payloads(track->payloads, &track->payload_count, message->payload_types,
                                     message->n_payload_types);
    for (size_t i = 0; ails == NULL && i < track->payload_count; i++) {
        if (track->payloads[i].rtx != 0) {
            track->published.rtx_pts[track->published.rtx_pt_count++] = track->payloads[i].rtx;
        }
    }
    ails = ails != NULL ? ails : read_layers(&track->published, message);
    return ails != NULL ? ails : read_upstreams(out, message);
}

static const char *read_subscription(struct spec_subscription *out, struct arena *arena,
                                     const subscription_message *message)
{
    struct fwd_subscription *subscription = &out->forward;
    *out = (struct spec_subscription){
        .transport = message->transport,
        .forward = {.id = message->id,
                    .track = message->track,
                    .ssrc = message->ssrc,
                    .rtx_ssrc = message->rtx_ssrc,
                    .want = {.paused = message->paused,
                             .spatial_max = (uint8_t)MIN(message->spatial_max, 7),
                             .temporal_max = (uint8_t)MIN(message->temporal_max, 7)}},
    };
    if (!fits(message->mid, 1, PEER_MID_MAX - 1)) {
        return "mid missing or too long";
    }
    memcpy(subscription->mid, message->mid, strlen(message->mid));
    if (message->ssrc == 0 || message->ssrc == message->rtx_ssrc) {
        return "ssrc is 0, or the RTX one as well";
    }
    for (size_t i = 0; i < message->n_payload_types; i++) {
        subscription->transport_cc =
            subscription->transport_cc || message->payload_types[i]->transport_cc;
    }
    const char *ails = read_payloads(subscription->payloads, &subscription->payload_count,
                                     message->payload_types, message->n_payload_types);
    if (ails == NULL && message->resume != NULL) {
        out->resume = arena_alloc(arena, sizeof(*out->resume));
        ails = spec_state(out->resume, message->resume);
    }
    return ails;
}

/* ---- Trunks and edges ------------------------------------------------------------------------ */

static const char *read_trunk(struct spec_trunk *out, const Spillway__Control__Trunk *message)
{
    struct peer_keys keys;
    *out = (struct spec_trunk){.node = message->node, .generation = message->generation};
    if (!fits(message->node, 1, SPEC_NODE_MAX - 1)) {
        return "node id missing or too long";
    }
    if (message->remote == NULL || read_endpoint(&out->remote, message->remote) != 0 ||
        message->local == NULL || read_endpoint(&out->local, message->local) != 0) {
        return "remote or local is no address";
    }
    if (message->remote->protocol != SPILLWAY__CONTROL__ENDPOINT__PROTOCOL__UDP ||
        message->local->protocol != SPILLWAY__CONTROL__ENDPOINT__PROTOCOL__UDP) {
        return "remote or local is not UDP";
    }
    bool gcm = spec_keys(&keys, message->keys) == 0 &&
               (keys.suite == RTPSEC_AES_128_GCM || keys.suite == RTPSEC_AES_256_GCM);
    out->keys.suite = keys.suite;
    memcpy(out->keys.receive, keys.client, sizeof(keys.client));
    memcpy(out->keys.send, keys.server, sizeof(keys.server));
    explicit_bzero(&keys, sizeof(keys));
    return !gcm || message->generation == 0 ? "no AES-GCM keys, or generation 0" : NULL;
}

static const char *read_edge(struct spec_edge *out, const Spillway__Control__Edge *message)
{
    *out = (struct spec_edge){.node = message->node,
                              .forward = {.id = message->id,
                                          .track = message->track,
                                          .layers = (uint8_t)(message->layers & 0xf),
                                          .backup = message->backup,
                                          .seamless = message->seamless}};
    return read_ssrcs(out->forward.ssrcs, &out->forward.ssrc_count, message->ssrcs,
                      message->n_ssrcs);
}

MUST_CHECK static int read_cascade(struct spec *out, struct arena *arena,
                                   char reason[SPEC_REASON_MAX])
{
    const room_spec_message *message = out->message;
    out->trunks = arena_array(arena, message->n_trunks, sizeof(*out->trunks));
    out->edges = arena_array(arena, message->n_edges, sizeof(*out->edges));
    for (size_t i = 0; i < message->n_trunks; i++) {
        const char *ails = read_trunk(&out->trunks[i], message->trunks[i]);
        for (size_t other = 0; ails == NULL && other < i; other++) {
            bool twice = strcmp(out->trunks[other].node, out->trunks[i].node) == 0;
            ails = twice ? "its node comes twice" : NULL;
        }
        if (ails != NULL) {
            return refuse(reason, "trunk", i, ails);
        }
    }
    for (size_t i = 0; i < message->n_edges; i++) {
        const char *ails = read_edge(&out->edges[i], message->edges[i]);
        if (ails != NULL) {
            return refuse(reason, "edge", message->edges[i]->id, ails);
        }
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
    if (!fits(message->room, 1, SPEC_ROOM_MAX - 1)) {
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

MUST_CHECK static int read_entries(struct spec *out, struct arena *arena,
                                   char reason[SPEC_REASON_MAX])
{
    const room_spec_message *message = out->message;
    out->transports = arena_array(arena, message->n_transports, sizeof(*out->transports));
    out->tracks = arena_array(arena, message->n_tracks, sizeof(*out->tracks));
    out->subscriptions = arena_array(arena, message->n_subscriptions, sizeof(*out->subscriptions));
    for (size_t i = 0; i < message->n_transports; i++) {
        int err = read_transport(&out->transports[i], message->transports[i], reason);
        if (err != 0) {
            return err;
        }
    }
    for (size_t i = 0; i < message->n_tracks; i++) {
        const char *ails = read_track(&out->tracks[i], message->tracks[i]);
        if (ails != NULL) {
            return refuse(reason, "track", message->tracks[i]->id, ails);
        }
    }
    for (size_t i = 0; i < message->n_subscriptions; i++) {
        const char *ails =
            read_subscription(&out->subscriptions[i], arena, message->subscriptions[i]);
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
