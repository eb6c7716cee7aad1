/* SPDX-License-Identifier: Apache-2.0
 *
 * What a client and the server say to each other. Offers go out one at a time: what is wanted
 * meanwhile waits for the answer.
 */
#include "tests/sim/world/world.h"

#include "proto/wire/wire.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

void client_request(struct client *c, const Livekit__SignalRequest *request)
{
    size_t len;
    uint8_t *packed = wire_pack(&request->base, &len);
    int err = c->ws == NULL ? 0 : net_send(c->ws, 0, (struct bytes){packed, len});
    assert(err != ERR_FULL); /* else it is down, and heard of soon */
    free(packed);
}

/* ---- Offers -------------------------------------------------------------------------------- */

char *client_offer_text(struct client *c)
{
    static const char fingerprint[] =
        "AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:"
        "AB:AB";
    const struct offer offer = {.ufrag = c->pc.ufrag,
                                .pwd = c->pc.pwd,
                                .fingerprint = fingerprint,
                                .sections = c->sections,
                                .section_count = c->section_count,
                                .version = ++c->offer_id};
    return offer_write(&offer);
}

void client_offer(struct client *c)
{
    if (c->offered) {
        c->offer_wanted = true;
        return;
    }
    char *sdp = client_offer_text(c);
    char type[] = "offer";
    Livekit__SessionDescription description = LIVEKIT__SESSION_DESCRIPTION__INIT;
    Livekit__SignalRequest request = LIVEKIT__SIGNAL_REQUEST__INIT;
    description.type = type;
    description.sdp = sdp;
    description.id = c->offer_id;
    request.message_case = LIVEKIT__SIGNAL_REQUEST__MESSAGE_OFFER;
    request.offer = &description;
    client_request(c, &request);
    free(sdp);
    c->offered = true;
    c->offer_wanted = false;
}

static struct offer_section *add_section(struct client *c)
{
    assert(c->section_count < CLIENT_SECTIONS);
    return &c->sections[c->section_count++];
}

/* ---- Publishing ---------------------------------------------------------------------------- */

static void announce(struct client *c, Livekit__AddTrackRequest *add)
{
    Livekit__SignalRequest request = LIVEKIT__SIGNAL_REQUEST__INIT;
    request.message_case = LIVEKIT__SIGNAL_REQUEST__MESSAGE_ADD_TRACK;
    request.add_track = add;
    client_request(c, &request);
}

static void announce_camera(struct client *c)
{
    char cid[OFFER_WORD_MAX], name[] = "vp8";
    Livekit__AddTrackRequest add = LIVEKIT__ADD_TRACK_REQUEST__INIT;
    Livekit__SimulcastCodec codec = LIVEKIT__SIMULCAST_CODEC__INIT, *codecs = &codec;
    Livekit__VideoLayer layers[VIDEO_LAYERS], *list[VIDEO_LAYERS];
    for (size_t i = 0; i < VIDEO_LAYERS; i++) {
        layers[i] = (Livekit__VideoLayer)LIVEKIT__VIDEO_LAYER__INIT;
        layers[i].quality = (Livekit__VideoQuality)i;
        layers[i].width = add.width = 320u << i;
        layers[i].height = add.height = 180u << i;
        layers[i].bitrate = 160000u << (2 * i);
        list[i] = &layers[i];
    }
    snprintf(cid, sizeof(cid), "cam-%s-%u", c->name, c->pcs);
    codec.codec = name;
    codec.cid = add.cid = cid;
    add.type = LIVEKIT__TRACK_TYPE__VIDEO;
    add.source = LIVEKIT__TRACK_SOURCE__CAMERA;
    add.layers = list;
    add.n_layers = VIDEO_LAYERS;
    add.simulcast_codecs = &codecs;
    add.n_simulcast_codecs = 1;
    announce(c, &add);
    c->camera_announced = true;
}

/* Announced once the peer connection stands, offered once it has a sid; and again what a lost
 * WebSocket took with it. */
void client_publish(struct client *c)
{
    if (c->sim->config.video && !c->camera_announced) {
        announce_camera(c);
    }
    if (c->announced) {
        return;
    }
    char cid[OFFER_WORD_MAX];
    snprintf(cid, sizeof(cid), "mic-%s-%u", c->name, c->pcs);
    Livekit__AddTrackRequest add = LIVEKIT__ADD_TRACK_REQUEST__INIT;
    add.cid = cid;
    add.type = LIVEKIT__TRACK_TYPE__AUDIO;
    add.source = LIVEKIT__TRACK_SOURCE__MICROPHONE;
    add.disable_red = true;
    announce(c, &add);
    c->announced = true;
}

static void take_published(struct client *c, const Livekit__TrackPublishedResponse *published)
{
    bool video = published->track->type == LIVEKIT__TRACK_TYPE__VIDEO;
    int *number = video ? &c->camera : &c->microphone;
    if (*number >= 0) {
        return; /* it was announced twice, around a resume */
    }
    *number = (int)c->section_count;
    snprintf(video ? c->camera_sid : c->sid, OFFER_WORD_MAX, "%s", published->track->sid);
    struct offer_section *section = add_section(c);
    section->video = video;
    section->layers = video ? VIDEO_LAYERS : 1;
    snprintf(section->cid, sizeof(section->cid), "%s", published->cid);
    client_offer(c);
}

void client_ping(struct client *c)
{
    Livekit__Ping ping = LIVEKIT__PING__INIT;
    Livekit__SignalRequest request = LIVEKIT__SIGNAL_REQUEST__INIT;
    request.message_case = LIVEKIT__SIGNAL_REQUEST__MESSAGE_PING_REQ;
    request.ping_req = &ping;
    client_request(c, &request);
}

/* ---- What the server says ------------------------------------------------------------------ */

static void take_answer(struct client *c, const Livekit__SessionDescription *description)
{
    struct answer answer;
    if (description->id != c->offer_id) {
        return; /* to an older offer */
    }
    c->offered = false;
    if (answer_read(&answer, description->sdp) == 0 && pc_answered(&c->pc, &answer)) {
        data_front_lost(c);
    }
    if (c->microphone >= 0) {
        pc_publish(&c->pc, (unsigned)c->microphone);
    }
    if (c->camera >= 0) {
        video_on(&c->pc, (unsigned)c->camera);
    }
    if (c->offer_wanted) {
        client_offer(c);
    }
}

static void take_trickle(struct client *c, const Livekit__TrickleRequest *trickle)
{
    static const char name[] = "candidate:";
    struct answer_candidate candidate;
    json_t *json = json_loads(trickle->candidateinit, 0, NULL);
    const char *text = json_string_value(json_object_get(json, "candidate"));
    if (text != NULL && strncmp(text, name, strlen(name)) == 0 &&
        answer_read_candidate(&candidate, text + strlen(name)) == 0) {
        pc_candidate(&c->pc, &candidate);
    }
    json_decref(json);
}

static void take_participant(struct client *c, const Livekit__ParticipantInfo *info)
{
    unsigned who = (unsigned)strtoul(info->identity + 1, NULL, 10) - 1;
    assert(who < CLIENT_PEOPLE);
    if (who == c->index) {
        return;
    }
    if (info->state == LIVEKIT__PARTICIPANT_INFO__STATE__DISCONNECTED) {
        c->roster &= ~(1u << who);
    } else {
        c->roster |= 1u << who;
    }
}

static void take_join(struct client *c, const Livekit__JoinResponse *join)
{
    c->roster = 0;
    snprintf(c->person, sizeof(c->person), "%s", join->participant->sid);
    for (size_t i = 0; i < join->n_other_participants; i++) {
        take_participant(c, join->other_participants[i]);
    }
    client_is_in(c);
}

/* What it publishes: of a track that the server does not know it has to be told; and how far it has
 * others' messages. */
static void say_state(struct client *c)
{
    struct arena arena = {0};
    const int sections[] = {c->microphone, c->camera};
    Livekit__TrackInfo tracks[ARRAY_LEN(sections)];
    Livekit__TrackPublishedResponse published[ARRAY_LEN(sections)], *list[ARRAY_LEN(sections)];
    Livekit__SyncState state = LIVEKIT__SYNC_STATE__INIT;
    Livekit__SignalRequest request = LIVEKIT__SIGNAL_REQUEST__INIT;
    state.publish_tracks = list;
    for (size_t i = 0; i < ARRAY_LEN(sections); i++) {
        livekit__track_info__init(&tracks[i]);
        livekit__track_published_response__init(&published[i]);
        tracks[i].sid = i == 1 ? c->camera_sid : c->sid;
        tracks[i].type = i == 1 ? LIVEKIT__TRACK_TYPE__VIDEO : LIVEKIT__TRACK_TYPE__AUDIO;
        tracks[i].source =
            i == 1 ? LIVEKIT__TRACK_SOURCE__CAMERA : LIVEKIT__TRACK_SOURCE__MICROPHONE;
        published[i].track = &tracks[i];
        if (sections[i] >= 0) {
            published[i].cid = c->sections[sections[i]].cid;
            list[state.n_publish_tracks++] = &published[i];
        }
    }
    data_state(c, &state, &arena);
    request.message_case = LIVEKIT__SIGNAL_REQUEST__MESSAGE_SYNC_STATE;
    request.sync_state = &state;
    client_request(c, &request);
    arena_fini(&arena);
}

/* An ICE restart goes with every resume; what was not answered is said again. */
static void take_reconnect(struct client *c, const Livekit__ReconnectResponse *reconnect)
{
    client_is_in(c);
    data_resumed(c, reconnect->last_message_seq);
    say_state(c);
    pc_restart(&c->pc, sim_now(c->sim));
    c->offered = false;
    c->announced = c->microphone >= 0;
    c->camera_announced = c->camera >= 0;
    client_offer(c);
}

static void take_leave(struct client *c, const Livekit__LeaveRequest *leave)
{
    char why[40];
    snprintf(why, sizeof(why), "told so, reason %d", (int)leave->reason);
    switch (leave->action) {
    case LIVEKIT__LEAVE_REQUEST__ACTION__RESUME:
        client_resume(c, why);
        break;
    case LIVEKIT__LEAVE_REQUEST__ACTION__RECONNECT:
        client_start_over(c, why);
        break;
    default:
        client_thrown_out(c, (int)leave->reason);
        break;
    }
}

static void take(struct client *c, const Livekit__SignalResponse *m)
{
    switch (m->message_case) {
    case LIVEKIT__SIGNAL_RESPONSE__MESSAGE_JOIN:
        take_join(c, m->join);
        break;
    case LIVEKIT__SIGNAL_RESPONSE__MESSAGE_RECONNECT:
        take_reconnect(c, m->reconnect);
        break;
    case LIVEKIT__SIGNAL_RESPONSE__MESSAGE_ANSWER:
        take_answer(c, m->answer);
        break;
    case LIVEKIT__SIGNAL_RESPONSE__MESSAGE_TRICKLE:
        take_trickle(c, m->trickle);
        break;
    case LIVEKIT__SIGNAL_RESPONSE__MESSAGE_UPDATE:
        for (size_t i = 0; i < m->update->n_participants; i++) {
            take_participant(c, m->update->participants[i]);
        }
        break;
    case LIVEKIT__SIGNAL_RESPONSE__MESSAGE_TRACK_PUBLISHED:
        take_published(c, m->track_published);
        break;
    case LIVEKIT__SIGNAL_RESPONSE__MESSAGE_MEDIA_SECTIONS_REQUIREMENT:
        for (size_t i = 0; i < m->media_sections_requirement->num_audios; i++) {
            (void)add_section(c);
        }
        for (size_t i = 0; i < m->media_sections_requirement->num_videos; i++) {
            add_section(c)->video = true;
        }
        client_offer(c);
        break;
    case LIVEKIT__SIGNAL_RESPONSE__MESSAGE_LEAVE:
        take_leave(c, m->leave);
        break;
    default: /* who speaks, how well, new tokens */
        break;
    }
}

void client_told(struct client *c, struct bytes message)
{
    ProtobufCMessage *unpacked;
    int err = wire_unpack(&livekit__signal_response__descriptor, message, &unpacked);
    assert(err == 0);
    take(c, (const Livekit__SignalResponse *)unpacked);
    protobuf_c_message_free_unpacked(unpacked, NULL);
}
