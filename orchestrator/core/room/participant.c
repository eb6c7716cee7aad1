/* SPDX-License-Identifier: Apache-2.0 */
#include "orchestrator/core/room/private.h"

#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#define TOKEN_TTL_S 1800 /* of refreshed tokens: LiveKit's minimum is 600 */

/* Bytes of one. Its client comes back with it in a request line of 64 KB, beside an offer. */
#define TOKEN_BYTES_MAX (32 * 1024)

static void replace(char **text, const char *with)
{
    char *copy = mem_str(with);
    free(*text);
    *text = copy;
}

void participant_set_attribute(struct participant *p, const char *name, const char *value)
{
    for (size_t i = 0; i < p->attribute_count; i++) {
        struct attribute *attribute = &p->attributes[i];
        if (strcmp(attribute->name, name) != 0) {
            continue;
        }
        if (value[0] != '\0') {
            replace(&attribute->value, value);
            return;
        }
        free(attribute->name);
        free(attribute->value);
        *attribute = p->attributes[--p->attribute_count];
        return;
    }
    if (value[0] == '\0') { /* an empty value deletes */
        return;
    }
    p->attributes = mem_grow(p->attributes, p->attribute_count + 1, sizeof(*p->attributes));
    p->attributes[p->attribute_count++] =
        (struct attribute){.name = mem_str(name), .value = mem_str(value)};
}

static void free_attributes(struct attribute *list, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        free(list[i].name);
        free(list[i].value);
    }
    free(list);
}

static bool attributes_fit(const struct participant *p)
{
    size_t bytes = 0;
    for (size_t i = 0; i < p->attribute_count; i++) {
        bytes += strlen(p->attributes[i].name) + strlen(p->attributes[i].value);
    }
    return p->attribute_count <= LIMITS_ATTRIBUTES && bytes <= ROOM_ATTRIBUTES_BYTES;
}

bool participant_update_attributes(struct participant *p, const struct attribute *list,
                                   size_t count)
{
    if (count > LIMITS_ATTRIBUTES) {
        return false;
    }
    struct attribute *had = p->attributes;
    size_t had_count = p->attribute_count;
    p->attributes = mem_array(had_count, sizeof(*had));
    p->attribute_count = had_count;
    for (size_t i = 0; i < had_count; i++) {
        p->attributes[i] =
            (struct attribute){.name = mem_str(had[i].name), .value = mem_str(had[i].value)};
    }
    for (size_t i = 0; i < count; i++) {
        participant_set_attribute(p, list[i].name, list[i].value);
    }
    if (attributes_fit(p)) {
        free_attributes(had, had_count);
        return true;
    }
    free_attributes(p->attributes, p->attribute_count);
    p->attributes = had;
    p->attribute_count = had_count;
    return false;
}

static void keep_sources(Livekit__ParticipantPermission *permission,
                         const Livekit__TrackSource *sources, size_t count)
{
    free(permission->can_publish_sources);
    permission->n_can_publish_sources = count;
    permission->can_publish_sources = mem_copy(sources, count * sizeof(*sources));
}

static void permission_from_grants(Livekit__ParticipantPermission *permission,
                                   const struct token_video *grants)
{
    Livekit__TrackSource sources[8];
    size_t count = 0;
    for (unsigned source = 0; source < 5; source++) {
        if ((grants->can_publish_sources & 1u << source) != 0) {
            sources[count++] = (Livekit__TrackSource)source;
        }
    }
    keep_sources(permission, sources, count);
    permission->can_subscribe = token_can_subscribe(grants);
    permission->can_publish = token_can_publish(grants);
    permission->can_publish_data = token_can_publish_data(grants);
    permission->can_update_metadata = token_can_update_own_metadata(grants);
    permission->can_subscribe_metrics = token_can_subscribe_metrics(grants);
    permission->hidden = grants->hidden;
    permission->recorder = grants->recorder;
    permission->agent = grants->agent;
}

void participant_set_permission(struct participant *p, const Livekit__ParticipantPermission *from)
{
    Livekit__ParticipantPermission *to = &p->permission;
    keep_sources(to, from->can_publish_sources, from->n_can_publish_sources);
    to->can_subscribe = from->can_subscribe;
    to->can_publish = from->can_publish;
    to->can_publish_data = from->can_publish_data;
    to->can_update_metadata = from->can_update_metadata;
    to->can_subscribe_metrics = from->can_subscribe_metrics;
    to->hidden = from->hidden;
    to->recorder = from->recorder;
    to->agent = from->agent;

    /* The token that is refreshed from now on says the same. */
    p->grants.can_subscribe = from->can_subscribe ? TOKEN_YES : TOKEN_NO;
    p->grants.can_publish = from->can_publish ? TOKEN_YES : TOKEN_NO;
    p->grants.can_publish_data = from->can_publish_data ? TOKEN_YES : TOKEN_NO;
    p->grants.can_update_own_metadata = from->can_update_metadata ? TOKEN_YES : TOKEN_NO;
    p->grants.can_subscribe_metrics = from->can_subscribe_metrics ? TOKEN_YES : TOKEN_NO;
    p->grants.hidden = from->hidden;
    p->grants.recorder = from->recorder;
    p->grants.waits_if_locked = false; /* somebody has decided */
    p->grants.can_publish_sources = 0;
    for (size_t i = 0; i < from->n_can_publish_sources; i++) {
        unsigned source = (unsigned)from->can_publish_sources[i];
        p->grants.can_publish_sources |= source < 5 ? 1u << source : TOKEN_SOURCE_UNKNOWN;
    }
}

void participant_changed(struct participant *p)
{
    p->version++;
    p->update_dirty = true;
    sealed_changed(p);
}

static void keep_token(struct participant *p, const struct token *token)
{
    p->identity = mem_str(token->identity);
    p->name = mem_str(token->name);
    p->metadata = mem_str(token->metadata);
    p->kind = mem_str(token->kind);
    p->api_key = mem_str(token->key);
    p->grants = token->video;
    p->grants.room = p->grants.destination_room = NULL;
    permission_from_grants(&p->permission, &token->video);
    for (size_t i = 0; i < token->attribute_count; i++) {
        participant_set_attribute(p, token->attributes[i].name, token->attributes[i].value);
    }
}

static void keep_request(struct participant *p, const struct room_join *join)
{
    const Livekit__JoinRequest *request = join->request;
    if (request->metadata[0] != '\0') {
        replace(&p->metadata, request->metadata);
    }
    for (size_t i = 0; i < request->n_participant_attributes; i++) {
        participant_set_attribute(p, request->participant_attributes[i]->key,
                                  request->participant_attributes[i]->value);
    }
    if (request->connection_settings != NULL) {
        const Livekit__ConnectionSettings *settings = request->connection_settings;
        p->auto_subscribe = settings->auto_subscribe;
        p->adaptive_stream = settings->adaptive_stream;
        p->auto_subscribe_data =
            settings->has_auto_subscribe_data_track_case ==
                LIVEKIT__CONNECTION_SETTINGS__HAS_AUTO_SUBSCRIBE_DATA_TRACK_AUTO_SUBSCRIBE_DATA_TRACK &&
            settings->auto_subscribe_data_track;
    }
    Livekit__ClientInfo client = LIVEKIT__CLIENT_INFO__INIT;
    if (request->client_info != NULL) {
        client = *request->client_info;
    }
    client.address = (char *)join->address;
    p->client = info_clone(&client.base);
}

struct participant *participant_blank(struct room *room, int64_t now_us)
{
    struct participant *p = mem_alloc(sizeof(*p));
    p->room = room;
    livekit__participant_permission__init(&p->permission);
    session_init(&p->session);
    p->state = LIVEKIT__PARTICIPANT_INFO__STATE__JOINED;
    p->join_by_us = now_us + ROOM_JOIN_TIMEOUT_US;
    p->lost_at_us = TIME_NEVER;
    p->reach_by_us = TIME_NEVER;
    p->arrive_by_us = TIME_NEVER;
    p->answer_by_us = TIME_NEVER;
    p->node_died_us = TIME_NEVER;
    p->keys_by_us = TIME_NEVER;
    p->move_at_us = TIME_NEVER;
    p->ping_by_us = now_us + TIME_S(ROOM_PING_TIMEOUT_S);
    p->heard_us = now_us;
    p->refresh_at_us = now_us + ROOM_REFRESH_US;
    p->replay_from = room->replay.last_ordinal + 1;
    p->quality_sent = -1;
    lease_renew(p);
    return p;
}

struct participant *participant_new(struct room *room, int64_t now_us, const struct room_join *join)
{
    struct participant *p = participant_blank(room, now_us);
    if (join->sid != NULL) {
        snprintf(p->sid, sizeof(p->sid), "%s", join->sid);
    } else {
        id_new(p->sid, "PA_", &room->config->random);
    }
    p->auto_subscribe = true;
    keep_token(p, join->token);
    lock_meet(p);
    keep_request(p, join);
    p->conn = join->conn;
    p->front = room_front_copy(&join->front);
    p->region = mem_str(join->region);
    p->joined_wall_us = now_us + room->config->wall_offset_us;
    p->host = host_of(room, join->node);
    if (join->two_connections) {
        participant_add_receiver(p, now_us);
    }
    participant_changed(p);
    return p;
}

void participant_add_receiver(struct participant *p, int64_t now_us)
{
    struct participant *receiver = participant_blank(p->room, now_us);
    snprintf(receiver->sid, sizeof(receiver->sid), "%s", p->sid);
    receiver->identity = mem_str(p->identity);
    receiver->region = mem_str(p->region);
    receiver->front = room_front_copy(&p->front);
    receiver->host = p->host;
    receiver->join_by_us = TIME_NEVER; /* its person's counts */
    receiver->renegotiate = true;
    receiver->person = p;
    p->receiver = receiver;
}

bool participant_is_firefox(const struct participant *p)
{
    const Livekit__ClientInfo *client = person_of(p)->client;
    return client != NULL && strcasecmp(client->browser, "firefox") == 0;
}

bool participant_is_pion(const struct participant *p)
{
    const Livekit__ClientInfo *client = person_of(p)->client;
    return client != NULL && client->sdk == LIVEKIT__CLIENT_INFO__SDK__GO;
}

bool participant_is_plain(const struct participant *p)
{
    const Livekit__ClientInfo *client = person_of(p)->client;
    return client != NULL &&
           (strcmp(client->other_sdks, "whip") == 0 || strcmp(client->other_sdks, "whep") == 0);
}

static bool depends(const char *kind, bool agent, bool recorder)
{
    return agent || recorder || strcmp(kind, "agent") == 0 || strcmp(kind, "egress") == 0;
}

bool participant_is_dependent(const struct participant *p)
{
    return depends(p->kind, p->permission.agent, p->permission.recorder);
}

bool participant_would_depend(const struct token *token)
{
    return depends(token->kind, token->video.agent, token->video.recorder);
}

size_t participant_count_people(const struct room *room)
{
    size_t count = 0;
    for (const struct participant *p = room->participants; p != NULL; p = p->hh.next) {
        count += !participant_is_dependent(p);
    }
    return count;
}

void participant_recount(struct room *room, int64_t now_us)
{
    if (participant_count_people(room) > 0) {
        room->joined_once = true;
        room->empty_since_us = TIME_NEVER;
    } else if (room->empty_since_us == TIME_NEVER) {
        room->empty_since_us = now_us;
    }
}

void participant_free(struct participant *p)
{
    assert(p->tracks == NULL && p->subscriptions == NULL);
    if (p->receiver != NULL) {
        participant_free(p->receiver);
    }
    data_track_forget(p);
    missed_forget(p);
    refuge_end(p);
    if (p->handed != NULL) {
        spillway__control__handed_over__free_unpacked(p->handed, NULL);
    }
    session_fini(&p->session);
    free_attributes(p->attributes, p->attribute_count);
    free(p->permission.can_publish_sources);
    if (p->client != NULL) {
        livekit__client_info__free_unpacked(p->client, NULL);
    }
    if (p->keys != NULL) {
        spillway__control__srtp_keys__free_unpacked(p->keys, NULL);
    }
    if (p->address != NULL) {
        spillway__control__endpoint__free_unpacked(p->address, NULL);
    }
    if (p->subscription_permission != NULL) {
        livekit__subscription_permission__free_unpacked(p->subscription_permission, NULL);
    }
    free(p->used);
    passage_forget(p); /* of a room that is freed as it is */
    room_front_free(&p->front);
    room_front_free(&p->front_next);
    channel_forget(p);
    free(p->region);
    free(p->identity);
    free(p->name);
    free(p->metadata);
    free(p->api_key);
    free(p->kind);
    free(p);
}

/* Better one without its metadata, or also without its attributes, than one with which it could not
 * come back; NULL: not even that. */
static char *sign_one_that_fits(struct token *token, const struct token_key *key, int64_t now_s)
{
    for (int turn = 0; turn < 3; turn++) {
        char *text = token_sign(token, key, now_s, TOKEN_TTL_S);
        if (text != NULL && strlen(text) <= TOKEN_BYTES_MAX) {
            return text;
        }
        free(text);
        token->metadata = "";
        token->attribute_count = turn == 0 ? token->attribute_count : 0;
    }
    return NULL;
}

void participant_refresh_token(struct participant *p, int64_t now_us, struct effects *fx)
{
    p->refresh_at_us = now_us + ROOM_REFRESH_US;
    const struct token_key *key = token_keys_find(p->room->config->keys, p->api_key);
    if (key == NULL) { /* the key was withdrawn while the participant was here */
        return;
    }
    if (lock_waits(p)) {
        return;
    }
    struct token token = {.identity = p->identity,
                          .name = p->name,
                          .metadata = p->metadata,
                          .kind = p->kind,
                          .has_video = true,
                          .video = p->grants,
                          .attribute_count = p->attribute_count};
    struct token_attribute *attributes = mem_array(p->attribute_count, sizeof(*attributes));
    for (size_t i = 0; i < p->attribute_count; i++) {
        attributes[i].name = p->attributes[i].name;
        attributes[i].value = p->attributes[i].value;
    }
    token.attributes = attributes;
    token.video.room = p->room->name;
    token.video.room_join = true;
    char *text = sign_one_that_fits(&token, key, wall_ms(p->room, now_us) / 1000);
    free(attributes);
    if (text == NULL) {
        log_write(p->room->config->log, LOG_WARN, "token_too_big participant=%s", p->sid);
        return;
    }
    Livekit__SignalResponse response = LIVEKIT__SIGNAL_RESPONSE__INIT;
    response.message_case = LIVEKIT__SIGNAL_RESPONSE__MESSAGE_REFRESH_TOKEN;
    response.refresh_token = text;
    signal_send(p, &response, fx);
    free(text);
}
