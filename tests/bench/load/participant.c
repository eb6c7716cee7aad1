/* SPDX-License-Identifier: Apache-2.0
 *
 * A participant's states, in order: joining (WebSocket, join, answer), connecting (ICE, DTLS),
 * connected; a publisher then announces its tracks, offers them once all have a sid, and sends with
 * the answer. Offers go out one at a time: what is wanted meanwhile waits for the answer.
 */
#include "tests/bench/load/participant.h"

#include "proto/gen/client.pb-c.h"
#include "proto/wire/wire.h"
#include "tests/lib/join_request.h"
#include "tests/lib/ws_client.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define PREPARED  3          /* recvonly sections of each kind in the first offer, as the SDKs */
#define JOIN_US   TIME_S(15) /* until it is connected */
#define ANSWER_US TIME_S(15) /* for an offer */
#define PING_US   TIME_S(5)  /* as OSS asks of clients */
#define PONG_US   TIME_S(15)

struct participant {
    struct participant_config config;
    struct prng prng;
    struct ws_client *ws;
    struct transport *transport;
    struct receiver *receiver;
    struct publisher *publisher;
    struct offer_section sections[OFFER_SECTIONS_MAX];
    char tracks[OFFER_SECTIONS_MAX][ID_MAX]; /* sids by section, of the newest answers */
    size_t section_count;
    size_t published_at; /* the first of the sections it publishes in */
    size_t published;    /* tracks that were announced and have a sid */
    bool announced;
    bool offered_tracks;
    uint32_t offer_id;
    bool offer_wanted;
    int64_t offered_us; /* TIME_NEVER: every offer was answered */
    int64_t ping_us;
    int64_t heard_us;
    bool left;
    char failure[PARTICIPANT_REASON_MAX];
    struct participant_times times;
};

static void fail(struct participant *p, const char *format, ...) PRINTF_LIKE(2, 3);
static void fail(struct participant *p, const char *format, ...)
{
    if (p->failure[0] == '\0' && !p->left) {
        va_list args;
        va_start(args, format);
        vsnprintf(p->failure, sizeof(p->failure), format, args);
        va_end(args);
    }
}

/* ---- Life ------------------------------------------------------------------------------------ */

static void on_rtp(void *arg, const struct rtp_view *packet, int64_t arrival_us)
{
    struct participant *p = arg;
    receiver_take_rtp(p->receiver, packet, arrival_us);
}

static void on_rtcp(void *arg, const uint8_t *data, size_t len, int64_t arrival_us)
{
    struct participant *p = arg;
    struct rtcp_iter iter;
    struct rtcp_packet packet;
    if (rtcp_begin(&iter, data, len) != 0) {
        fail(p, "RTCP that is none");
        return;
    }
    while (rtcp_next(&iter, &packet)) {
        receiver_take_rtcp(p->receiver, &packet, arrival_us);
        if (p->publisher != NULL) {
            publisher_take_rtcp(p->publisher, &packet);
        }
    }
}

static bool publishes(const struct participant *p)
{
    return p->config.publisher >= 0;
}

static struct offer_section *add_section(struct participant *p, bool video)
{
    if (p->section_count == OFFER_SECTIONS_MAX) {
        fail(p, "more than %d sections are asked for", OFFER_SECTIONS_MAX);
        return NULL;
    }
    struct offer_section *section = &p->sections[p->section_count++];
    *section = (struct offer_section){.video = video};
    return section;
}

static void add_sections(struct participant *p, size_t audio, size_t video)
{
    for (size_t i = 0; i < audio && p->failure[0] == '\0'; i++) {
        (void)add_section(p, false);
    }
    for (size_t i = 0; i < video && p->failure[0] == '\0'; i++) {
        (void)add_section(p, true);
    }
}

/* What is published where, before it is offered. */
static void prepare_publisher(struct participant *p, struct prng *prng)
{
    struct publisher_config config = {.scene = p->config.scene,
                                      .transport = p->transport,
                                      .number = (uint16_t)p->config.publisher,
                                      .audio = p->config.audio,
                                      .layers = p->config.layers};
    p->published_at = p->section_count;
    config.audio_mid = p->published_at;
    config.video_mid = p->published_at + p->config.audio;
    p->publisher = publisher_new(&config, prng);
}

struct participant *participant_new(const struct participant_config *config, struct prng *prng)
{
    struct participant *p = mem_alloc(sizeof(*p));
    const struct transport_handler handler = {.arg = p, .on_rtp = on_rtp, .on_rtcp = on_rtcp};
    p->config = *config;
    prng_seed(&p->prng, prng_next(prng));
    p->offered_us = TIME_NEVER;
    p->transport = transport_new(&handler, config->loss_permille, prng);
    p->receiver = receiver_new(config->scene, p->transport, prng);
    add_sections(p, PREPARED, PREPARED);
    if (publishes(p)) {
        prepare_publisher(p, prng);
    }
    return p;
}

void participant_free(struct participant *p)
{
    if (p == NULL) {
        return;
    }
    ws_client_close(p->ws);
    publisher_free(p->publisher);
    receiver_free(p->receiver);
    transport_free(p->transport);
    free(p);
}

const char *participant_identity(const struct participant *p)
{
    return p->config.identity;
}

int participant_ws_fd(const struct participant *p)
{
    return p->ws == NULL ? -1 : ws_client_fd(p->ws);
}

int participant_udp_fd(const struct participant *p)
{
    return transport_fd(p->transport);
}

bool participant_publishing(const struct participant *p)
{
    return p->publisher != NULL && publisher_stats(p->publisher).packets > 0;
}

const char *participant_failure(const struct participant *p)
{
    return p->failure[0] == '\0' ? NULL : p->failure;
}

const struct participant_times *participant_times(const struct participant *p)
{
    return &p->times;
}

const struct sockaddr_in *participant_node(const struct participant *p)
{
    return transport_remote(p->transport);
}

const struct transport_stats *participant_transport(const struct participant *p)
{
    return transport_stats(p->transport);
}

struct receiver *participant_receiver(const struct participant *p)
{
    return publishes(p) ? NULL : p->receiver;
}

struct publisher *participant_publisher(const struct participant *p)
{
    return p->publisher;
}

/* ---- Requests -------------------------------------------------------------------------------- */

static void send_signal(struct participant *p, const Livekit__SignalRequest *request)
{
    size_t len;
    uint8_t *packed = wire_pack(&request->base, &len);
    ws_client_send(p->ws, (struct bytes){packed, len});
    free(packed);
}

static char *write_offer(struct participant *p)
{
    const struct offer offer = {.ufrag = transport_ufrag(p->transport),
                                .pwd = transport_pwd(p->transport),
                                .fingerprint = transport_fingerprint(p->transport),
                                .sections = p->sections,
                                .section_count = p->section_count,
                                .version = ++p->offer_id};
    return offer_write(&offer);
}

void participant_join(struct participant *p, int64_t now_us)
{
    char *offer = write_offer(p);
    const struct join_request request = {.key = p->config.key,
                                         .secret = p->config.secret,
                                         .room = p->config.room,
                                         .identity = p->config.identity,
                                         .offer = offer,
                                         .offer_id = p->offer_id,
                                         .subscribe = !publishes(p)};
    char *target = join_request_target(&request, (int64_t)time(NULL));
    p->ws = ws_client_open(&p->config.server, target);
    p->times.began_us = p->offered_us = p->heard_us = now_us;
    p->ping_us = now_us + PING_US;
    free(offer);
    free(target);
}

static void send_offer(struct participant *p, int64_t now_us)
{
    Livekit__SessionDescription description = LIVEKIT__SESSION_DESCRIPTION__INIT;
    Livekit__SignalRequest request = LIVEKIT__SIGNAL_REQUEST__INIT;
    char type[] = "offer";
    char *sdp = write_offer(p);
    description.type = type;
    description.sdp = sdp;
    description.id = p->offer_id;
    request.message_case = LIVEKIT__SIGNAL_REQUEST__MESSAGE_OFFER;
    request.offer = &description;
    send_signal(p, &request);
    free(sdp);
    p->offered_us = now_us;
    p->offer_wanted = false;
}

static void ask_for_offer(struct participant *p, int64_t now_us)
{
    p->offer_wanted = true;
    if (p->offered_us == TIME_NEVER) {
        send_offer(p, now_us);
    }
}

static void send_ping(struct participant *p, int64_t now_us)
{
    Livekit__Ping ping = LIVEKIT__PING__INIT;
    Livekit__SignalRequest request = LIVEKIT__SIGNAL_REQUEST__INIT;
    ping.timestamp = now_us / 1000;
    request.message_case = LIVEKIT__SIGNAL_REQUEST__MESSAGE_PING_REQ;
    request.ping_req = &ping;
    send_signal(p, &request);
    p->ping_us = now_us + PING_US;
}

void participant_leave(struct participant *p)
{
    Livekit__LeaveRequest leave = LIVEKIT__LEAVE_REQUEST__INIT;
    Livekit__SignalRequest request = LIVEKIT__SIGNAL_REQUEST__INIT;
    if (p->ws == NULL || p->left) {
        return;
    }
    leave.reason = LIVEKIT__DISCONNECT_REASON__CLIENT_INITIATED;
    request.message_case = LIVEKIT__SIGNAL_REQUEST__MESSAGE_LEAVE;
    request.leave = &leave;
    send_signal(p, &request);
    p->left = true;
}

static void ask_for_layer(struct participant *p, char *sid)
{
    Livekit__UpdateTrackSettings settings = LIVEKIT__UPDATE_TRACK_SETTINGS__INIT;
    Livekit__SignalRequest request = LIVEKIT__SIGNAL_REQUEST__INIT;
    settings.track_sids = &sid;
    settings.n_track_sids = 1;
    settings.quality = (Livekit__VideoQuality)p->config.quality;
    settings.width = p->config.tile_width;
    settings.height = p->config.tile_height;
    request.message_case = LIVEKIT__SIGNAL_REQUEST__MESSAGE_TRACK_SETTING;
    request.track_setting = &settings;
    send_signal(p, &request);
}

/* ---- Publishing ------------------------------------------------------------------------------ */

static void send_add_track(struct participant *p, Livekit__AddTrackRequest *track)
{
    Livekit__SignalRequest request = LIVEKIT__SIGNAL_REQUEST__INIT;
    request.message_case = LIVEKIT__SIGNAL_REQUEST__MESSAGE_ADD_TRACK;
    request.add_track = track;
    send_signal(p, &request);
}

static void announce_audio(struct participant *p, struct offer_section *section)
{
    Livekit__AddTrackRequest track = LIVEKIT__ADD_TRACK_REQUEST__INIT;
    track.cid = section->cid;
    track.type = LIVEKIT__TRACK_TYPE__AUDIO;
    track.source = LIVEKIT__TRACK_SOURCE__MICROPHONE;
    track.disable_red = true;
    send_add_track(p, &track);
}

static void announce_video(struct participant *p, struct offer_section *section)
{
    Livekit__AddTrackRequest track = LIVEKIT__ADD_TRACK_REQUEST__INIT;
    Livekit__SimulcastCodec codec = LIVEKIT__SIMULCAST_CODEC__INIT;
    Livekit__SimulcastCodec *codecs = &codec;
    Livekit__VideoLayer layers[SOURCE_LAYERS_MAX];
    Livekit__VideoLayer *list[SOURCE_LAYERS_MAX];
    char name[] = "vp8";
    for (size_t i = 0; i < section->layers; i++) {
        struct source_shape shape = source_shape((uint8_t)(i + 1), section->layers);
        layers[i] = (Livekit__VideoLayer)LIVEKIT__VIDEO_LAYER__INIT;
        layers[i].quality =
            section->layers == 1 ? LIVEKIT__VIDEO_QUALITY__HIGH : (Livekit__VideoQuality)i;
        layers[i].width = track.width = shape.width;
        layers[i].height = track.height = shape.height;
        layers[i].bitrate = shape.bitrate_bps;
        list[i] = &layers[i];
    }
    codec.codec = name;
    codec.cid = track.cid = section->cid;
    track.type = LIVEKIT__TRACK_TYPE__VIDEO;
    track.source = LIVEKIT__TRACK_SOURCE__CAMERA;
    track.layers = list;
    track.n_layers = section->layers;
    track.simulcast_codecs = &codecs;
    track.n_simulcast_codecs = 1;
    send_add_track(p, &track);
}

static void announce(struct participant *p)
{
    p->announced = true;
    if (p->config.audio) {
        struct offer_section *section = add_section(p, false);
        section->layers = 1;
        snprintf(section->cid, sizeof(section->cid), "audio-%d", p->config.publisher);
        announce_audio(p, section);
    }
    if (p->config.layers > 0) {
        struct offer_section *section = add_section(p, true);
        section->layers = p->config.layers;
        snprintf(section->cid, sizeof(section->cid), "video-%d", p->config.publisher);
        announce_video(p, section);
    }
}

static void take_published(struct participant *p, int64_t now_us,
                           const Livekit__TrackPublishedResponse *published)
{
    struct scene *scene = p->config.scene;
    for (size_t i = p->published_at; i < p->section_count; i++) {
        if (strcmp(published->cid, p->sections[i].cid) != 0) {
            continue;
        }
        assert(scene->track_count < ARRAY_LEN(scene->tracks));
        struct scene_track *track = &scene->tracks[scene->track_count++];
        track->publisher = (uint16_t)p->config.publisher;
        track->kind = p->sections[i].video ? SCENE_VIDEO : SCENE_AUDIO;
        snprintf(track->sid, sizeof(track->sid), "%s", published->track->sid);
        p->published++;
    }
    if (!p->offered_tracks && p->published == p->section_count - p->published_at) {
        p->offered_tracks = true;
        ask_for_offer(p, now_us);
    }
}

/* ---- Responses ------------------------------------------------------------------------------- */

static void map_tracks(struct participant *p, const Livekit__SessionDescription *answer)
{
    for (size_t i = 0; i < answer->n_mid_to_track_id; i++) {
        const Livekit__SessionDescription__MidToTrackIdEntry *entry = answer->mid_to_track_id[i];
        size_t mid = strtoul(entry->key, NULL, 10);
        if (mid >= p->section_count || p->sections[mid].layers > 0) {
            fail(p, "the answer sends in section %s", entry->key);
            return;
        }
        if (strcmp(p->tracks[mid], entry->value) == 0) {
            continue;
        }
        const struct scene_track *track = scene_find(p->config.scene, entry->value);
        snprintf(p->tracks[mid], sizeof(p->tracks[mid]), "%s", entry->value);
        receiver_map(p->receiver, mid, p->sections[mid].video ? SCENE_VIDEO : SCENE_AUDIO,
                     track == NULL ? -1 : track->publisher);
        if (p->sections[mid].video) {
            ask_for_layer(p, entry->value);
        }
    }
}

static void take_answer(struct participant *p, int64_t now_us,
                        const Livekit__SessionDescription *description)
{
    struct answer answer;
    if (description->id != p->offer_id) {
        return; /* to an older offer */
    }
    if (transport_fd(p->transport) < 0 && (answer_read(&answer, description->sdp) != 0 ||
                                           transport_open(p->transport, now_us, &answer) != 0)) {
        fail(p, "an answer without ICE, a fingerprint or a candidate, or no socket");
        return;
    }
    p->offered_us = TIME_NEVER;
    map_tracks(p, description);
    if (p->offered_tracks && !p->offer_wanted && !participant_publishing(p)) {
        publisher_start(p->publisher, now_us);
    }
    if (p->offer_wanted) {
        send_offer(p, now_us);
    }
}

static void take_trickle(struct participant *p, int64_t now_us,
                         const Livekit__TrickleRequest *trickle)
{
    static const char name[] = "candidate:";
    struct answer_candidate candidate;
    json_t *json = json_loads(trickle->candidateinit, 0, NULL);
    const char *text = json_string_value(json_object_get(json, "candidate"));
    if (text == NULL || strncmp(text, name, strlen(name)) != 0) {
        fail(p, "a trickled candidate that is none");
    } else if (answer_read_candidate(&candidate, text + strlen(name)) == 0) {
        int64_t wait_us = (int64_t)prng_below(&p->prng, (uint64_t)p->config.tick_us + 1);
        transport_add_candidate(p->transport, now_us + wait_us, &candidate);
    }
    json_decref(json);
}

static void take_refusal(struct participant *p, const Livekit__RequestResponse *response)
{
    if (response->reason != LIVEKIT__REQUEST_RESPONSE__REASON__OK) {
        fail(p, "refused, reason %d: %s", (int)response->reason, response->message);
    }
}

static void take_signal(struct participant *p, int64_t now_us,
                        const Livekit__SignalResponse *signal)
{
    if (p->times.joined_us == 0 && signal->message_case != LIVEKIT__SIGNAL_RESPONSE__MESSAGE_JOIN &&
        signal->message_case != LIVEKIT__SIGNAL_RESPONSE__MESSAGE_LEAVE) {
        fail(p, "the first message is no join");
        return;
    }
    switch (signal->message_case) {
    case LIVEKIT__SIGNAL_RESPONSE__MESSAGE_JOIN:
        p->times.joined_us = now_us;
        break;
    case LIVEKIT__SIGNAL_RESPONSE__MESSAGE_ANSWER:
        take_answer(p, now_us, signal->answer);
        break;
    case LIVEKIT__SIGNAL_RESPONSE__MESSAGE_TRICKLE:
        take_trickle(p, now_us, signal->trickle);
        break;
    case LIVEKIT__SIGNAL_RESPONSE__MESSAGE_TRACK_PUBLISHED:
        take_published(p, now_us, signal->track_published);
        break;
    case LIVEKIT__SIGNAL_RESPONSE__MESSAGE_MEDIA_SECTIONS_REQUIREMENT:
        add_sections(p, signal->media_sections_requirement->num_audios,
                     signal->media_sections_requirement->num_videos);
        ask_for_offer(p, now_us);
        break;
    case LIVEKIT__SIGNAL_RESPONSE__MESSAGE_SUBSCRIPTION_RESPONSE:
        fail(p, "subscription of %s refused, reason %d", signal->subscription_response->track_sid,
             (int)signal->subscription_response->err);
        break;
    case LIVEKIT__SIGNAL_RESPONSE__MESSAGE_REQUEST_RESPONSE:
        take_refusal(p, signal->request_response);
        break;
    case LIVEKIT__SIGNAL_RESPONSE__MESSAGE_LEAVE:
        fail(p, "told to leave: action %d, reason %d", (int)signal->leave->action,
             (int)signal->leave->reason);
        break;
    default: /* who is there, who speaks, pongs: no business of ours */
        break;
    }
}

void participant_on_ws(struct participant *p, int64_t now_us)
{
    struct bytes message;
    while (p->failure[0] == '\0' && ws_client_receive(p->ws, &message)) {
        ProtobufCMessage *unpacked;
        p->heard_us = now_us;
        if (wire_unpack(&livekit__signal_response__descriptor, message, &unpacked) != 0) {
            fail(p, "a signal that is none");
            return;
        }
        take_signal(p, now_us, (const Livekit__SignalResponse *)unpacked);
        protobuf_c_message_free_unpacked(unpacked, NULL);
    }
    if (ws_client_failure(p->ws) != NULL) {
        fail(p, "WebSocket: %s", ws_client_failure(p->ws));
    }
}

/* ---- Time ------------------------------------------------------------------------------------ */

static void watch_transport(struct participant *p, int64_t now_us)
{
    if (transport_failure(p->transport) != NULL) {
        fail(p, "%s", transport_failure(p->transport));
    } else if (p->times.connected_us == 0 && transport_connected(p->transport)) {
        p->times.connected_us = now_us;
        if (publishes(p) && !p->announced) {
            announce(p);
        }
    }
}

void participant_on_udp(struct participant *p, int64_t now_us, struct transport_batch *batch)
{
    transport_receive(p->transport, now_us, batch);
    watch_transport(p, now_us);
}

static void watch_times(struct participant *p, int64_t now_us)
{
    if (p->times.connected_us == 0 && now_us - p->times.began_us > JOIN_US) {
        fail(p, p->times.joined_us == 0 ? "no join within %d s" : "not connected within %d s",
             (int)(JOIN_US / TIME_S(1)));
    } else if (p->offered_us != TIME_NEVER && now_us - p->offered_us > ANSWER_US) {
        fail(p, "an offer is not answered within %d s", (int)(ANSWER_US / TIME_S(1)));
    } else if (now_us - p->heard_us > PONG_US) {
        fail(p, "nothing on the WebSocket for %d s", (int)(PONG_US / TIME_S(1)));
    }
}

void participant_tick(struct participant *p, int64_t now_us)
{
    if (p->ws == NULL || p->failure[0] != '\0' || p->left) {
        return;
    }
    transport_tick(p->transport, now_us);
    watch_transport(p, now_us);
    watch_times(p, now_us);
    if (now_us >= p->ping_us) {
        send_ping(p, now_us);
    }
    if (transport_connected(p->transport)) {
        receiver_tick(p->receiver, now_us);
    }
}

void participant_send(struct participant *p, int64_t now_us)
{
    if (p->publisher != NULL && p->failure[0] == '\0') {
        publisher_step(p->publisher, now_us);
    }
}
