/* SPDX-License-Identifier: Apache-2.0
 *
 * A room out of what its last owner left with the nodes. A seal is up to a moment older than what
 * its owner did last, so nothing is believed of it that would do harm if it were not so any more:
 * SSRCs and edges count where the node has them in use now, numbers are continued with a gap, and
 * everybody is told everything.
 */
#include "orchestrator/core/room/record.h"
#include "orchestrator/core/session/record.h"
#include "proto/wire/wire.h"

#include <stdio.h>
#include <stdlib.h>

#define NUMBER_GAP  10000 /* tracks, subscriptions, edges that a seal may not know */
#define VERSION_GAP 1000  /* updates of a participant, ditto */

typedef Spillway__Session__Participant participant_record;
typedef Spillway__Session__Subscription subscription_record;
typedef Spillway__Control__SessionState session_state;

/* A session that a node gave back. */
struct found {
    participant_record *record; /* owned */
    struct host *host;
    const session_state *state;
    bool elsewhere; /* another node has that transport, too */
    bool left;      /* the last owner says so, and not the node */
};

struct restoring {
    struct room *room;
    int64_t now_us;
    const struct room_remains *remains;
    size_t count;
    struct found *found; /* owned */
    size_t found_count;
};

/* ---- Reading ------------------------------------------------------------------------------- */

static ProtobufCMessage *read(const struct room_config *config, const char *sid,
                              ProtobufCBinaryData sealed,
                              const ProtobufCMessageDescriptor *descriptor)
{
    uint8_t *plain;
    size_t len;
    ProtobufCMessage *record = NULL;
    int err = seal_open(config->seal, sid, (struct bytes){sealed.data, sealed.len}, &plain, &len);
    if (err == 0) {
        err = wire_unpack(descriptor, (struct bytes){plain, len}, &record);
        explicit_bzero(plain, len);
        free(plain);
    }
    if (err != 0) {
        log_write(config->log, LOG_WARN, "seal_refused room=%s bytes=%zu why=\"%s\"", sid,
                  sealed.len, err_text(err));
        return NULL;
    }
    return record;
}

static void free_record(void *record)
{
    if (record != NULL) {
        protobuf_c_message_free_unpacked(record, NULL);
    }
}

/* The newest of the room's own part. */
static Spillway__Session__Room *read_room(const struct room_config *config, const char *sid,
                                          const struct room_remains *remains, size_t count)
{
    Spillway__Session__Room *newest = NULL;
    for (size_t i = 0; i < count; i++) {
        const Spillway__Control__RoomState *state = remains[i].state;
        if (state->sealed.len == 0) {
            continue;
        }
        Spillway__Session__Room *room = (Spillway__Session__Room *)read(
            config, sid, state->sealed, &spillway__session__room__descriptor);
        if (room != NULL && (newest == NULL || room->number > newest->number)) {
            free_record(newest);
            newest = room;
        } else {
            free_record(room);
        }
    }
    return newest;
}

char **room_remains_nodes(const struct room_config *config, const char *sid,
                          const Spillway__Control__RoomState *state, size_t *count)
{
    struct room_remains remains = {.state = state};
    Spillway__Session__Room *room = read_room(config, sid, &remains, 1);
    char **nodes = NULL;
    *count = room == NULL ? 0 : room->n_nodes;
    if (room != NULL) {
        nodes = room->nodes; /* taken over */
        room->nodes = NULL;
        room->n_nodes = 0;
        free_record(room);
    }
    return nodes;
}

static bool is_complete(const participant_record *record)
{
    return record->identity[0] != '\0' && record->permission != NULL && record->client != NULL &&
           record->front != NULL && record->connection != NULL &&
           record->connection->transport != 0;
}

static struct found *find(struct restoring *r, const participant_record *record)
{
    for (size_t i = 0; i < r->found_count; i++) {
        const participant_record *known = r->found[i].record;
        if (strcmp(known->identity, record->identity) == 0 && known->receives == record->receives) {
            return &r->found[i];
        }
    }
    return NULL;
}

/* Of one who moves, two nodes have a session: the newer one counts, on the node that it names. Of
 * two with one identity, the one that came later. */
static void take(struct restoring *r, const struct found *found)
{
    participant_record *record = found->record;
    const struct host *host = found->host;
    r->room->seals = MAX(r->room->seals, record->number);
    struct found *known = find(r, record);
    if (known == NULL) {
        r->found[r->found_count++] = *found;
        return;
    }
    bool same = known->record->connection->transport == record->connection->transport;
    bool newer = record->number > known->record->number;
    if (same && known->host == host) { /* the last owner's word about him, behind his node's */
        free_record(newer ? known->record : record);
        known->record = newer ? record : known->record;
        return;
    }
    const participant_record *newest = newer ? record : known->record;
    if (newer ? !same || strcmp(record->node, host->node) == 0
              : same && strcmp(newest->node, host->node) == 0) {
        known->host = found->host;
        known->state = found->state;
        known->left = found->left;
    }
    known->elsewhere = known->elsewhere || same;
    if (newer) {
        free_record(known->record);
        known->record = record;
    } else {
        free_record(record);
    }
}

static void read_sessions(struct restoring *r)
{
    size_t most = 0;
    for (size_t i = 0; i < r->count; i++) {
        most += r->remains[i].state->n_sessions;
    }
    r->found = mem_array(most, sizeof(*r->found));
    for (size_t i = 0; i < r->count; i++) {
        const Spillway__Control__RoomState *state = r->remains[i].state;
        struct host *host = host_find(r->room, r->remains[i].node->node_id);
        for (size_t s = 0; s < state->n_sessions; s++) {
            const session_state *session = state->sessions[s];
            if (session->sealed.len == 0) {
                continue;
            }
            participant_record *record =
                (participant_record *)read(r->room->config, r->room->sid, session->sealed,
                                           &spillway__session__participant__descriptor);
            if (record != NULL && is_complete(record) &&
                record->connection->transport == session->transport) {
                take(r, &(struct found){.record = record,
                                        .host = host,
                                        .state = session,
                                        .left = r->remains[i].left});
            } else {
                free_record(record);
            }
        }
    }
}

/* Of somebody with two peer connections, the session of the other one. */
static bool has_other(const struct restoring *r, const participant_record *record)
{
    for (size_t i = 0; i < r->found_count; i++) {
        const participant_record *other = r->found[i].record;
        if (other->receives != record->receives && strcmp(other->sid, record->sid) == 0) {
            return true;
        }
    }
    return false;
}

/* While what the last owner left of it was on its way, or what it told the node. */
static bool has_departed(const Spillway__Session__Room *room, const char *sid)
{
    for (size_t i = 0; i < room->n_departed; i++) {
        if (strcmp(room->departed[i]->sid, sid) == 0) {
            return true;
        }
    }
    return false;
}

/* Who was on two nodes of which one is gone, too, starts over. */
static void leave_out(struct restoring *r, const Spillway__Session__Room *room)
{
    struct found *found = r->found;
    for (size_t i = 0; i < r->found_count;) {
        const participant_record *record = found[i].record;
        bool two = record->two_connections || record->receives;
        if ((two && !has_other(r, record)) || has_departed(room, record->sid)) {
            free_record(found[i].record);
            found[i] = found[--r->found_count];
            i = 0; /* it may have been another one's other */
        } else {
            i++;
        }
    }
}

/* ---- The room ------------------------------------------------------------------------------ */

static const Spillway__Control__Register *node_of(const struct restoring *r, const char *id)
{
    for (size_t i = 0; i < r->count; i++) {
        if (strcmp(r->remains[i].node->node_id, id) == 0) {
            return r->remains[i].node;
        }
    }
    return NULL;
}

static struct room *restore_room(struct restoring *r, const struct room_config *config,
                                 const char *sid, uint64_t epoch,
                                 const Spillway__Session__Room *record)
{
    struct room *room = room_new(config, record->name, epoch, r->now_us);
    r->room = room;
    snprintf(room->sid, sizeof(room->sid), "%s", sid);
    info_set(&room->metadata, record->metadata);
    info_set(&room->pinned_node, record->pinned_node);
    info_set(&room->pinned_region, record->pinned_region);
    room->empty_timeout_s = record->empty_timeout_s;
    room->departure_timeout_s = record->departure_timeout_s;
    room->max_participants = record->max_participants;
    room->created_us = record->created_wall_us - config->wall_offset_us;
    memcpy(room->sif_trailer, record->sif_trailer.data,
           MIN(record->sif_trailer.len, sizeof(room->sif_trailer)));
    room->last_track = record->last_track + NUMBER_GAP;
    room->last_subscription = record->last_subscription + NUMBER_GAP;
    room->last_edge = record->last_edge + NUMBER_GAP;
    room->seals = record->number;
    room->begun = room->joined_once = true;
    for (size_t i = record->n_departed; i-- > 0;) {
        Livekit__ParticipantInfo info = LIVEKIT__PARTICIPANT_INFO__INIT;
        info.sid = record->departed[i]->sid;
        info.identity = record->departed[i]->identity;
        info.version = record->departed[i]->version;
        info.state = LIVEKIT__PARTICIPANT_INFO__STATE__DISCONNECTED;
        missed_departed(room, r->now_us, &info);
    }
    for (size_t i = 0; i < record->n_nodes; i++) {
        const Spillway__Control__Register *node = node_of(r, record->nodes[i]);
        if (node != NULL) {
            host_of(room, node);
        }
    }
    for (size_t i = 0; i < r->count; i++) {
        host_of(room, r->remains[i].node);
    }
    return room;
}

/* ---- People -------------------------------------------------------------------------------- */

static void restore_grants(struct participant *p, uint32_t bits)
{
    p->grants.room_create = (bits & GRANT_ROOM_CREATE) != 0;
    p->grants.room_list = (bits & GRANT_ROOM_LIST) != 0;
    p->grants.room_record = (bits & GRANT_ROOM_RECORD) != 0;
    p->grants.ingress_admin = (bits & GRANT_INGRESS_ADMIN) != 0;
    p->grants.room_admin = (bits & GRANT_ROOM_ADMIN) != 0;
    p->grants.agent = p->permission.agent;
    p->grants.waits_if_locked = (bits & GRANT_WAITS_IF_LOCKED) != 0;
    p->grants.can_manage_agent_session = (bits & GRANT_AGENT_SESSION) != 0 ? TOKEN_YES
                                         : (bits & GRANT_NO_AGENT_SESSION) != 0
                                             ? TOKEN_NO
                                             : p->grants.can_manage_agent_session;
}

/* Not up to which reliable message it was heard: what its last owner took last may have got to
 * nobody when that one ended, and is said again (cluster/transport.c). Clients know twins. */
static void restore_data(struct participant *p, const participant_record *record)
{
    for (size_t i = 0; i < record->n_channels; i++) {
        const Spillway__Session__Channel *channel = record->channels[i];
        if (channel->kind < CHANNEL_COUNT) {
            p->channels[channel->kind] =
                (struct channel){.open = true, .stream = (uint16_t)channel->stream};
        }
    }
    for (size_t i = 0; i < record->n_data_tracks; i++) {
        if (record->data_tracks[i]->info != NULL) {
            struct data_track *track = mem_alloc(sizeof(*track));
            track->handle = (uint16_t)record->data_tracks[i]->handle;
            track->info = info_clone(&record->data_tracks[i]->info->base);
            DL_APPEND(p->data_tracks, track);
        }
    }
    for (size_t i = 0; i < record->n_data_subscriptions; i++) {
        struct data_subscription *subscription = mem_alloc(sizeof(*subscription));
        subscription->handle = (uint16_t)record->data_subscriptions[i]->handle;
        snprintf(subscription->sid, sizeof(subscription->sid), "%s",
                 record->data_subscriptions[i]->sid);
        DL_APPEND(p->data_subscriptions, subscription);
    }
    p->next_data_handle = (uint16_t)record->next_data_handle;
}

static void restore_used(struct participant *p, const participant_record *record)
{
    p->used_count = MIN(record->n_used, USED_MAX);
    p->used = mem_array(p->used_count, sizeof(*p->used));
    for (size_t i = 0; i < p->used_count; i++) {
        const Spillway__Control__Endpoint *used = record->used[i];
        p->used[i].port = (uint16_t)used->port;
        p->used[i].tcp = used->protocol == SPILLWAY__CONTROL__ENDPOINT__PROTOCOL__TCP;
        snprintf(p->used[i].ip, sizeof(p->used[i].ip), "%s", used->ip);
    }
}

static void *cloned(const ProtobufCMessage *message)
{
    return message == NULL ? NULL : info_clone(message);
}

#define CLONED(message) cloned((message) == NULL ? NULL : &(message)->base)

static void restore_connection(struct participant *p, const participant_record *record)
{
    p->conn = record->receives ? 0 : record->conn;
    room_front_free(&p->front);
    p->front = room_front_copy(&(struct room_front){.orchestrator = record->front->orchestrator,
                                                    .fingerprint = record->front->fingerprint,
                                                    .region = record->front->region,
                                                    .number = record->front->number});
    session_restore(&p->session, record->connection);
    p->keys = CLONED(record->keys);
    p->connected = record->connected;
    p->address = CLONED(record->address);
    p->check_priority = record->check_priority;
    restore_used(p, record);
}

static struct participant *restore_person(struct restoring *r, const participant_record *record)
{
    struct participant *p = participant_blank(r->room, r->now_us);
    snprintf(p->sid, sizeof(p->sid), "%s", record->sid);
    p->identity = mem_str(record->identity);
    p->name = mem_str(record->name);
    p->metadata = mem_str(record->metadata);
    p->api_key = mem_str(record->api_key);
    p->kind = mem_str(record->kind);
    for (size_t i = 0; i < record->n_attributes; i++) {
        participant_set_attribute(p, record->attributes[i]->name, record->attributes[i]->value);
    }
    participant_set_permission(p, record->permission);
    restore_grants(p, record->grants);
    p->client = info_clone(&record->client->base);
    p->subscription_permission = CLONED(record->subscription_permission);
    p->joined_wall_us = record->joined_wall_us;
    p->version = record->version + VERSION_GAP;
    p->auto_subscribe = record->auto_subscribe;
    p->auto_subscribe_data = record->auto_subscribe_data;
    p->adaptive_stream = record->adaptive_stream;
    p->region = mem_str(record->region);
    if (record->active) {
        p->state = LIVEKIT__PARTICIPANT_INFO__STATE__ACTIVE;
        p->join_by_us = TIME_NEVER;
    }
    HASH_ADD_KEYPTR(hh, r->room->participants, p->identity, strlen(p->identity), p);
    return p;
}

static void restore_served(struct participant *p, const struct restoring *r,
                           const struct found *found)
{
    p->host = found->host;
    p->restored = true;
    p->video_held = found->record->video_held;
    restore_connection(p, found->record);
    restore_data(p, found->record);
    if (participant_conn(p) == 0) { /* gone, unless its node or itself is heard */
        p->lost_at_us = r->now_us + ROOM_LOST_TIMEOUT_US;
    }
    if (found->left && p->session.transport != 0) { /* the node may not know it, and miss nobody */
        node_expect(p, r->now_us);
    }
}

/* ---- Tracks -------------------------------------------------------------------------------- */

static void restore_track(struct participant *p, const Spillway__Session__Track *record)
{
    if (record->info == NULL) {
        return;
    }
    struct track *track = mem_alloc(sizeof(*track));
    track->id = record->id;
    track->publisher = p;
    track->cid = mem_str(record->cid);
    track->info = info_clone(&record->info->base);
    track->kind = (enum sdp_kind)record->kind;
    track->published = record->published;
    track->carried = track->carried_told = record->carried;
    if (record->codec != NULL) {
        session_restore_codec(&track->codec, record->codec);
    }
    track->layer_count = MIN(record->n_layers, LAYERS_MAX);
    for (size_t i = 0; i < track->layer_count; i++) {
        const Spillway__Session__Layer *layer = record->layers[i];
        track->layers[i] = (struct layer){.spatial = layer->spatial,
                                          .quality = layer->quality,
                                          .ssrc = layer->ssrc,
                                          .rtx_ssrc = layer->rtx_ssrc};
        snprintf(track->layers[i].rid, sizeof(track->layers[i].rid), "%s", layer->rid);
    }
    dynacast_init(&track->dynacast);
    p->room->last_track = MAX(p->room->last_track, track->id);
    DL_APPEND(p->tracks, track);
}

/* Whether the node that sends over it has it so: else its SSRCs may have been somebody else's. */
static bool in_use(const struct restoring *r, const char *from,
                   const Spillway__Control__Edge *record)
{
    for (size_t i = 0; i < r->count; i++) {
        const Spillway__Control__RoomState *state = r->remains[i].state;
        for (size_t e = 0; strcmp(r->remains[i].node->node_id, from) == 0 && e < state->n_edges;
             e++) {
            const Spillway__Control__Edge *edge = state->edges[e];
            if (edge->id == record->id && edge->track == record->track &&
                strcmp(edge->node, record->node) == 0 && edge->n_ssrcs == record->n_ssrcs &&
                memcmp(edge->ssrcs, record->ssrcs, edge->n_ssrcs * sizeof(*edge->ssrcs)) == 0) {
                return true;
            }
        }
    }
    return false;
}

static void restore_edge(struct restoring *r, struct track *track, const char *from_id,
                         const Spillway__Control__Edge *record)
{
    struct host *from = host_find(r->room, from_id);
    struct host *to = host_find(r->room, record->node);
    if (from == NULL || to == NULL || record->n_ssrcs > LAYERS_MAX || !in_use(r, from_id, record)) {
        return;
    }
    struct wants wants = spec_wants(record);
    struct edge *edge = mem_alloc(sizeof(*edge));
    *edge = (struct edge){.id = record->id,
                          .track = track,
                          .from = from,
                          .to = to,
                          .wanted = wants,
                          .told = wants,
                          .backup = record->backup,
                          .lower_at_us = TIME_NEVER,
                          .gone_at_us = TIME_NEVER};
    memcpy(edge->ssrcs, record->ssrcs, record->n_ssrcs * sizeof(*edge->ssrcs));
    r->room->last_edge = MAX(r->room->last_edge, edge->id);
    DL_APPEND(track->edges, edge);
}

static void restore_edges(struct restoring *r, const participant_record *record)
{
    for (size_t t = 0; t < record->n_tracks; t++) {
        const Spillway__Session__Track *from = record->tracks[t];
        struct track *track = publish_find_id(r->room, from->id);
        for (size_t i = 0; track != NULL && i < MIN(from->n_edges, from->n_edges_from); i++) {
            restore_edge(r, track, from->edges_from[i], from->edges[i]);
        }
    }
}

/* ---- Subscriptions ------------------------------------------------------------------------- */

/* As the node has it now, where nobody else may have gone on with it since. */
static void restore_ssrcs(struct subscription *subscription, const struct found *found)
{
    if (found->elsewhere || found->record->moving || found->state->moving) {
        return;
    }
    for (size_t i = 0; i < found->state->n_subscriptions; i++) {
        const Spillway__Control__SubscriptionState *state = found->state->subscriptions[i];
        if (state->id == subscription->id) {
            subscription->ssrc = state->ssrc;
            subscription->rtx_ssrc = state->rtx_ssrc;
        }
    }
}

static void restore_subscription(struct participant *p, const subscription_record *record,
                                 const struct found *found)
{
    struct track *track = publish_find_id(p->room, record->track);
    if (track == NULL || !track->published || track->publisher == person_of(p) ||
        subscribe_find(p, track) != NULL) {
        return; /* its publisher's seal may be older: subscribed to once it is published again */
    }
    struct subscription *subscription = mem_alloc(sizeof(*subscription));
    subscription->id = record->id;
    subscription->track = track;
    subscription->subscriber = p;
    subscription->allowed = subscribe_permitted(track, p);
    subscription->allowed_told = record->allowed_told;
    subscription->refused = record->refused;
    subscription->refused_told = record->refused_told;
    subscription->disabled = record->disabled;
    subscription->settings_known = record->settings_known;
    subscription->width = record->width;
    subscription->height = record->height;
    subscription->fps = record->fps;
    subscription->priority = record->priority;
    subscription->quality = (Livekit__VideoQuality)record->quality;
    subscription->held_told = subscribe_is_held(subscription);
    restore_ssrcs(subscription, found);
    p->room->last_subscription = MAX(p->room->last_subscription, subscription->id);
    DL_APPEND(p->subscriptions, subscription);
    wants_begin(subscription);
    DL_APPEND2(track->subscriptions, subscription, track_prev, track_next);
}

static bool has_subscription(const struct participant *p, uint32_t id)
{
    const struct subscription *subscription;
    DL_SEARCH_SCALAR(p->subscriptions, subscription, id, id);
    return subscription != NULL;
}

static bool has_track(const struct participant *p, uint32_t id)
{
    const struct track *track;
    DL_SEARCH_SCALAR(p->tracks, track, id, id);
    return track != NULL;
}

/* What is not there any more leaves its section. */
static void restore_lines(struct participant *p)
{
    p->renegotiate = true;
    for (size_t i = 0; i < p->session.line_count; i++) {
        struct session_line *line = &p->session.lines[i];
        if (line->subscription != 0 && !has_subscription(p, line->subscription)) {
            line->subscription = 0;
            line->releasing = true;
        }
        if (line->track != 0 && !has_track(p, line->track)) {
            line->track = 0;
        }
    }
}

/* Published after its seal, it may not have heard of them. */
static void subscribe_later_ones(struct participant *p, uint32_t last_track)
{
    for (struct participant *other = p->room->participants; other != NULL; other = other->hh.next) {
        struct track *track;
        DL_FOREACH(other->tracks, track)
        {
            if (p->auto_subscribe && !other->permission.hidden && track->published &&
                track->id > last_track) {
                subscribe_add(p, track);
            }
        }
    }
}

/* ---- The whole ----------------------------------------------------------------------------- */

static void restore_people(struct restoring *r)
{
    for (size_t i = 0; i < r->found_count; i++) {
        const participant_record *record = r->found[i].record;
        if (record->receives) {
            continue;
        }
        struct participant *p = restore_person(r, record);
        restore_served(p, r, &r->found[i]);
        if (record->two_connections) {
            participant_add_receiver(p, r->now_us);
        }
        for (size_t t = 0; t < record->n_tracks; t++) {
            restore_track(p, record->tracks[t]);
        }
    }
    for (size_t i = 0; i < r->found_count; i++) {
        const participant_record *record = r->found[i].record;
        struct participant *p = room_find(r->room, record->identity);
        if (record->receives) {
            p = p->receiver;
            restore_served(p, r, &r->found[i]);
        }
        restore_edges(r, record);
        for (size_t s = 0; s < record->n_subscriptions; s++) {
            restore_subscription(p, record->subscriptions[s], &r->found[i]);
        }
        restore_lines(p);
        if (p == receiver_of(p)) {
            subscribe_later_ones(person_of(p), record->last_track);
        }
    }
}

/* Others may have been told of it. */
static void miss(struct room *room, const char *identity, const char *sid, uint32_t version)
{
    if (room_find(room, identity) == NULL) {
        Livekit__ParticipantInfo info = LIVEKIT__PARTICIPANT_INFO__INIT;
        info.sid = (char *)(uintptr_t)sid;
        info.identity = (char *)(uintptr_t)identity;
        info.version = version + VERSION_GAP;
        leave_tell(room, &info);
    }
}

/* Whose session no node gave back: the only one that had it died with the owner. */
static void miss_people(struct restoring *r, const Spillway__Session__Room *record)
{
    for (size_t i = 0; i < record->n_present; i++) {
        const Spillway__Session__Person *person = record->present[i];
        miss(r->room, person->identity, person->sid, person->version);
    }
}

void room_miss(struct room *room, const char *identity, const char *sid)
{
    if (!missed_was_told(room, sid)) {
        miss(room, identity, sid, 0);
    }
}

/* Their fronts hear whose they are now, and they what they may have missed. */
static void announce(struct participant *p, struct effects *fx)
{
    EACH_OF_PERSON(p, connection)
    {
        effect_front_adopt(fx, connection->session.transport, connection->front.number);
        effect_front_route(fx, connection->session.transport, connection->front.number,
                           connection->host->node);
        spec_transport_changed(connection);
    }
    if (p->conn != 0) {
        effect_conn_adopt(fx, p->conn);
        missed_tell(p, fx);
        join_tell_state(p, fx);
    }
}

struct room *room_restore(const struct room_config *config, const struct room_heir *heir,
                          int64_t now_us, struct effects *fx)
{
    struct restoring r = {.now_us = now_us, .remains = heir->remains, .count = heir->count};
    if (config->seal == NULL) {
        return NULL;
    }
    Spillway__Session__Room *record = read_room(config, heir->sid, heir->remains, heir->count);
    if (record == NULL) {
        return NULL;
    }
    struct room *room = restore_room(&r, config, heir->sid, heir->epoch, record);
    read_sessions(&r);
    leave_out(&r, record);
    restore_people(&r);
    miss_people(&r, record);
    free_record(record);
    participant_recount(room, now_us);
    cascade_changed_all(room);
    for (struct participant *p = room->participants; p != NULL; p = p->hh.next) {
        announce(p, fx);
    }
    log_write(config->log, LOG_WARN, "room_taken_over room=%s epoch=%llu people=%zu nodes=%zu",
              room->sid, (unsigned long long)room->epoch, room_participant_count(room), r.count);
    for (size_t i = 0; i < r.found_count; i++) {
        free_record(r.found[i].record);
    }
    free(r.found);
    return room;
}
