/* SPDX-License-Identifier: Apache-2.0
 *
 * The entries of a spec, each by itself: transports, tracks, subscriptions, trunks, edges.
 */
#include "media-node/core/node/spec.h"

typedef Spillway__Control__Transport transport_message;
typedef Spillway__Control__Track track_message;
typedef Spillway__Control__Subscription subscription_message;
typedef Spillway__Control__PayloadType payload_message;

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

const char *spec_read_transport(struct spec_transport *out, const transport_message *message)
{
    *out = (struct spec_transport){
        .forward = {.id = message->id,
                    .credentials = {.local_ufrag = message->local_ufrag,
                                    .local_pwd = message->local_pwd,
                                    .remote_ufrag = message->remote_ufrag,
                                    .remote_pwd = message->remote_pwd,
                                    .previous_ufrag = message->previous_ufrag,
                                    .previous_pwd = message->previous_pwd},
                    .estimate_bps = message->estimate_bps,
                    .transport_cc = (uint16_t)message->transport_cc},
        .orchestrator = message->orchestrator,
    };
    out->duty = message->hand_over ? FWD_HANDS_OVER : message->standby ? FWD_STANDBY : FWD_SERVES;
    const char *ails = what_ails_credentials(message);
    if (ails != NULL) {
        return ails;
    }
    if (!fits(message->participant, 0, FWD_NAME_MAX - 1)) {
        return "participant sid too long";
    }
    memcpy(out->forward.participant, message->participant, strlen(message->participant));
    out->forward.lease = message->lease;
    (void)trace_context_read(&out->trace, (struct bytes){message->trace.data, message->trace.len});
    if (!fits(message->orchestrator, 0, SPEC_ORCHESTRATOR_MAX - 1)) {
        return "orchestrator id too long";
    }
    if (spec_keys(&out->forward.keys, message->srtp) != 0) {
        return "SRTP keys of a wrong length or suite";
    }
    if (read_exts(&out->forward.exts, message) != 0) {
        return "extension id not in 1..14 or twice";
    }
    if (read_check(out, message) != 0) {
        return "client or local is no address";
    }
    if (out->check_priority != 0 && message->remote_ufrag[0] == '\0') {
        return "checks wanted without remote ufrag";
    }
    return NULL;
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

const char *spec_read_track(struct spec_track *out, const track_message *message)
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

static_assert(STREAM_SIZE_ALL == STREAM_RATE_ALL, "layers of both kinds are counted alike");

/* Of so many layers inside a stream, from the lowest up, the highest; 0: all. */
static uint8_t highest(uint32_t layers)
{
    return layers == 0 ? STREAM_SIZE_ALL : (uint8_t)MIN(layers - 1, STREAM_SIZE_ALL);
}

const char *spec_read_subscription(struct spec_subscription *out, struct arena *arena,
                                   const subscription_message *message)
{
    struct fwd_subscription *subscription = &out->forward;
    *out = (struct spec_subscription){
        .transport = message->transport,
        .forward = {.id = message->id,
                    .track = message->track,
                    .ssrc = message->ssrc,
                    .rtx_ssrc = message->rtx_ssrc,
                    .held = message->held,
                    .screen = message->screen,
                    .priority = (uint8_t)MIN(message->priority, UINT8_MAX),
                    .index_end = message->index_end,
                    .rtx_index_end = message->rtx_index_end,
                    .want = {.paused = message->paused || message->held,
                             .spatial_max = (uint8_t)MIN(message->spatial_max, 7),
                             .size_max = highest(message->sizes),
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
        const Spillway__Control__PayloadType *type = message->payload_types[i];
        subscription->transport_cc = subscription->transport_cc || type->transport_cc;
        subscription->remb = subscription->remb || type->remb;
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

const char *spec_read_trunk(struct spec_trunk *out, const Spillway__Control__Trunk *message)
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

const char *spec_read_edge(struct spec_edge *out, const Spillway__Control__Edge *message)
{
    *out = (struct spec_edge){.node = message->node,
                              .forward = {.id = message->id,
                                          .track = message->track,
                                          .layers = (uint8_t)(message->layers & 0xf),
                                          .size_max = highest(message->sizes),
                                          .backup = message->backup,
                                          .seamless = message->seamless}};
    for (size_t i = 0; i < STREAM_LAYERS_MAX; i++) {
        out->forward.temporal_max[i] = highest(i < message->n_rates ? message->rates[i] : 0);
    }
    return read_ssrcs(out->forward.ssrcs, &out->forward.ssrc_count, message->ssrcs,
                      message->n_ssrcs);
}
