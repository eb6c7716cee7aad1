/* SPDX-License-Identifier: Apache-2.0
 *
 * What LiveKit's messages say about tracks, participants and rooms. Built into an arena, with
 * pointers into the room where that lives longer.
 */
#include "orchestrator/core/room/private.h"

#include <stdlib.h>

void *info_clone(const ProtobufCMessage *message)
{
    size_t len = protobuf_c_message_get_packed_size(message);
    uint8_t *packed = mem_alloc(len);
    protobuf_c_message_pack(message, packed);
    ProtobufCMessage *copy = protobuf_c_message_unpack(message->descriptor, NULL, len, packed);
    free(packed);
    assert(copy != NULL); /* we packed it ourselves: strings are valid, memory never runs out */
    return copy;
}

void info_set(char **field, const char *text)
{
    char *copy = mem_str(text);
    if (*field != protobuf_c_empty_string) { /* what an absent field points at */
        free(*field);
    }
    *field = copy;
}

Livekit__TrackInfo *info_track(const struct track *track, struct arena *arena)
{
    Livekit__TrackInfo *info = arena_alloc(arena, sizeof(*info));
    *info = *track->info; /* shares what it points to with the track */
    return info;
}

static Livekit__ParticipantInfo__Kind kind_of(const char *kind)
{
    static const struct {
        const char *name;
        Livekit__ParticipantInfo__Kind kind;
    } kinds[] = {
        {"ingress", LIVEKIT__PARTICIPANT_INFO__KIND__INGRESS},
        {"egress", LIVEKIT__PARTICIPANT_INFO__KIND__EGRESS},
        {"sip", LIVEKIT__PARTICIPANT_INFO__KIND__SIP},
        {"agent", LIVEKIT__PARTICIPANT_INFO__KIND__AGENT},
        {"connector", LIVEKIT__PARTICIPANT_INFO__KIND__CONNECTOR},
        {"bridge", LIVEKIT__PARTICIPANT_INFO__KIND__BRIDGE},
    };
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        if (strcmp(kinds[i].name, kind) == 0) {
            return kinds[i].kind;
        }
    }
    return LIVEKIT__PARTICIPANT_INFO__KIND__STANDARD;
}

static void fill_attributes(Livekit__ParticipantInfo *info, const struct participant *p,
                            struct arena *arena)
{
    info->n_attributes = p->attribute_count;
    info->attributes = arena_array(arena, p->attribute_count, sizeof(*info->attributes));
    for (size_t i = 0; i < p->attribute_count; i++) {
        Livekit__ParticipantInfo__AttributesEntry *entry = arena_alloc(arena, sizeof(*entry));
        livekit__participant_info__attributes_entry__init(entry);
        entry->key = p->attributes[i].name;
        entry->value = p->attributes[i].value;
        info->attributes[i] = entry;
    }
}

static void fill_tracks(Livekit__ParticipantInfo *info, const struct participant *p,
                        struct arena *arena)
{
    const struct track *track;
    const struct data_track *data;
    size_t tracks = 0, data_tracks = 0;
    DL_FOREACH(p->tracks, track)
    {
        tracks += track->published;
    }
    DL_FOREACH(p->data_tracks, data)
    {
        data_tracks++;
    }
    info->tracks = arena_array(arena, tracks, sizeof(*info->tracks));
    info->data_tracks = arena_array(arena, data_tracks, sizeof(*info->data_tracks));
    DL_FOREACH(p->tracks, track)
    {
        if (track->published) {
            info->tracks[info->n_tracks++] = info_track(track, arena);
        }
    }
    DL_FOREACH(p->data_tracks, data)
    {
        info->data_tracks[info->n_data_tracks++] = data->info;
    }
}

Livekit__ParticipantInfo *info_participant(const struct participant *p, struct arena *arena)
{
    Livekit__ParticipantInfo *info = arena_alloc(arena, sizeof(*info));
    livekit__participant_info__init(info);
    info->sid = (char *)p->sid;
    info->identity = p->identity;
    info->name = p->name;
    info->metadata = p->metadata;
    info->state = p->state;
    info->disconnect_reason = p->leave_reason;
    info->joined_at = p->joined_wall_us / 1000000;
    info->joined_at_ms = p->joined_wall_us / 1000;
    info->version = p->version;
    info->region = p->region;
    info->kind = kind_of(p->kind);
    info->permission = (Livekit__ParticipantPermission *)&p->permission;
    fill_attributes(info, p, arena);
    fill_tracks(info, p, arena);
    info->is_publisher = info->n_tracks > 0;
    if (p->client != NULL) {
        info->client_protocol = p->client->client_protocol;
        info->n_capabilities = p->client->n_capabilities;
        info->capabilities = p->client->capabilities;
    }
    return info;
}

Livekit__Room *info_room(const struct room *room, struct arena *arena)
{
    Livekit__Room *info = arena_alloc(arena, sizeof(*info));
    livekit__room__init(info);
    info->sid = (char *)room->sid;
    info->name = room->name;
    info->metadata = room->metadata;
    info->empty_timeout = room->empty_timeout_s;
    info->departure_timeout = room->departure_timeout_s;
    info->max_participants = room->max_participants;
    info->creation_time_ms = wall_ms(room, room->created_us);
    info->creation_time = info->creation_time_ms / 1000;
    const struct participant *p;
    for (p = room->participants; p != NULL; p = p->hh.next) {
        const struct track *track;
        bool publishes = false;
        DL_FOREACH(p->tracks, track)
        {
            publishes |= track->published;
        }
        info->num_participants += !p->permission.hidden && !participant_is_dependent(p);
        info->num_publishers += publishes;
    }
    return info;
}

/* By its sid, which our log has, too: an identity may be any text, and somebody's address. */
Livekit__ICEServer **info_ice_servers(const struct participant *p, int64_t now_us,
                                      struct arena *arena, size_t *count)
{
    const struct turn_config *turn = p->room->config->turn;
    *count = 0;
    if (turn == NULL || turn->url_count == 0) {
        return NULL;
    }
    struct turn_credentials credentials;
    turn_credentials_make(turn, wall_ms(p->room, now_us) / 1000, p->sid, &credentials);
    Livekit__ICEServer **list = arena_array(arena, 1, sizeof(*list));
    Livekit__ICEServer *server = arena_alloc(arena, sizeof(*server));
    livekit__iceserver__init(server);
    server->n_urls = turn->url_count;
    server->urls = arena_array(arena, turn->url_count, sizeof(*server->urls));
    for (size_t i = 0; i < turn->url_count; i++) {
        server->urls[i] = arena_str(arena, turn->urls[i]);
    }
    server->username = arena_str(arena, credentials.username);
    server->credential = arena_str(arena, credentials.password);
    list[(*count)++] = server;
    return list;
}

Livekit__Room *room_info(const struct room *room, struct arena *arena)
{
    return info_room(room, arena);
}

Livekit__ParticipantInfo *room_participant(const struct room *room, const char *identity,
                                           struct arena *arena)
{
    const struct participant *p = room_find(room, identity);
    return p == NULL ? NULL : info_participant(p, arena);
}

size_t room_participants(const struct room *room, struct arena *arena,
                         Livekit__ParticipantInfo ***out)
{
    size_t count = 0;
    Livekit__ParticipantInfo **list =
        arena_array(arena, HASH_COUNT(room->participants), sizeof(*list));
    const struct participant *p;
    for (p = room->participants; p != NULL; p = p->hh.next) {
        list[count++] = info_participant(p, arena);
    }
    *out = list;
    return count;
}

Livekit__TrackInfo *room_track(const struct room *room, const char *identity, const char *track_sid,
                               struct arena *arena)
{
    const struct participant *p = room_find(room, identity);
    const struct track *track = p == NULL ? NULL : publish_find(p, track_sid);
    return track == NULL ? NULL : info_track(track, arena);
}
