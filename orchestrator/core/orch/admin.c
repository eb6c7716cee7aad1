/* SPDX-License-Identifier: Apache-2.0
 *
 * The admin API: what operators see of nodes, rooms and participants, and the room move. The shapes
 * are docs/protocols/admin-api.md.
 */
#include "orchestrator/core/orch/private.h"

#include "common/rfc3339/rfc3339.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#define PREFIX         "/admin/v1/"
#define SEGMENTS_MAX   5
#define PATH_MAX_BYTES 2048 /* two names, each byte of them encoded */

enum {
    OK = 200,
    BAD = 400,
    UNAUTHORIZED = 401,
    FORBIDDEN = 403,
    NOT_FOUND = 404,
    METHOD = 405,
    CONFLICT = 409,
    UNAVAILABLE = 503
};

struct admin_call {
    struct orch *orch;
    uint64_t request;
    uint64_t changed_us; /* as in the request, and the next */
    bool weighed;
    struct token token;
    char path[PATH_MAX_BYTES];
    char *segments[SEGMENTS_MAX]; /* "rooms", NAME, "participants", IDENTITY, "stats" */
    size_t count;
};

void orch_admin_reply(struct orch *orch, uint64_t request, int status, json_t *take_json)
{
    char *text =
        json_dumps(take_json, JSON_COMPACT | JSON_PRESERVE_ORDER | JSON_REAL_PRECISION(15));
    json_decref(take_json);
    effect_reply(&orch->fx, request, status, "application/json", text == NULL ? "{}" : text);
    free(text);
}

void orch_admin_fail(struct orch *orch, uint64_t request, int status, const char *code,
                     const char *message)
{
    orch_admin_reply(orch, request, status,
                     json_pack("{s:s, s:s}", "error", code, "message", message));
}

static void reply(const struct admin_call *c, int status, json_t *json)
{
    orch_admin_reply(c->orch, c->request, status, json);
}

static void fail(const struct admin_call *c, int status, const char *code, const char *message)
{
    orch_admin_fail(c->orch, c->request, status, code, message);
}

static json_t *time_json(int64_t unix_s)
{
    char text[RFC3339_MAX];
    return json_string(rfc3339_s(text, unix_s));
}

json_t *orch_time_json(const struct orch *orch, int64_t at_us)
{
    return time_json((at_us + orch->wall_offset_us) / 1000000);
}

/* ---- Nodes --------------------------------------------------------------------------------- */

static json_t *node_json(const struct orch *orch, const struct registry_node *node)
{
    const struct registry_load *load = &node->load;
    json_t *json = json_pack(
        "{s:s, s:s, s:s, s:s, s:s, s:s, s:b, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:f, s:I, s:I, "
        "s:I}",
        "id", node->id, "name", node->name, "region", node->region, "zone", node->zone, "version",
        node->version, "state", registry_state_text(node->state), "suspect", node->suspect,
        "capacity", (json_int_t)node->capacity, "weight", (json_int_t)load->weight, "reserved",
        (json_int_t)node->reserved, "rooms", (json_int_t)node->room_count, "transports",
        (json_int_t)load->transports, "tracks", (json_int_t)load->tracks, "subscriptions",
        (json_int_t)load->subscriptions, "cpu_ratio", load->cpu_permille / 1000.0, "loop_lag_us",
        (json_int_t)load->loop_lag_us, "bps_in", (json_int_t)load->bps_in, "bps_out",
        (json_int_t)load->bps_out);
    json_object_set_new(json, "registered_at", orch_time_json(orch, node->registered_at_us));
    json_object_set_new(json, "heard_at", orch_time_json(orch, node->heard_at_us));
    const struct node_entry *entry;
    HASH_FIND_STR(orch->nodes, node->id, entry);
    const struct balance cold = {0}, *balance = entry == NULL ? &cold : &entry->balance;
    json_object_set_new(json, "hot", json_string(balance_cause_name(balance->cause)));
    json_object_set_new(json, "heat_ratio", json_real(balance_heat(balance) / 1000.0));
    enum gray_verdict gray = entry == NULL ? GRAY_FINE : entry->gray;
    json_object_set_new(json, "gray",
                        json_string(gray == GRAY_FINE ? "" : gray_verdict_name(gray)));
    return json;
}

json_t *orch_nodes_json(const struct orch *orch)
{
    json_t *list = json_array();
    for (size_t i = 0; i < registry_count(orch->registry); i++) {
        json_array_append_new(list, node_json(orch, registry_at(orch->registry, i)));
    }
    return list;
}

const struct registry_node *orch_admin_node(const struct orch *orch, const char *text)
{
    const struct registry_node *node = registry_get(orch->registry, text);
    return node != NULL ? node : registry_named(orch->registry, text);
}

static void get_node(const struct admin_call *c)
{
    const struct registry_node *node = orch_admin_node(c->orch, c->segments[1]);
    if (node == NULL) {
        fail(c, NOT_FOUND, "not_found", "no node has this id or name");
        return;
    }
    json_t *json = node_json(c->orch, node);
    json_t *endpoints = json_array();
    for (size_t i = 0; i < node->endpoint_count; i++) {
        const struct registry_endpoint *endpoint = &node->endpoints[i];
        json_array_append_new(endpoints, json_pack("{s:s, s:i, s:s}", "ip", endpoint->ip, "port",
                                                   (int)endpoint->port, "protocol",
                                                   endpoint->tcp ? "tcp" : "udp"));
    }
    json_object_set_new(json, "endpoints", endpoints);
    json_t *rooms = json_array();
    for (const struct room_entry *entry = c->orch->rooms; entry != NULL; entry = entry->hh.next) {
        if (room_on_node(entry->room, node->id)) {
            json_array_append_new(rooms, json_string(entry->name));
        }
    }
    json_object_set_new(json, "room_names", rooms);
    reply(c, OK, json);
}

static bool has_flag(struct bytes body, const char *key)
{
    json_t *json = json_loadb((const char *)body.data, body.len, 0, NULL);
    bool set = json_is_true(json_object_get(json, key));
    json_decref(json);
    return set;
}

static bool is_forced(struct bytes body)
{
    return has_flag(body, "force");
}

static void uncordon(const struct admin_call *c, const char *id)
{
    const struct node_entry *entry;
    HASH_FIND_STR(c->orch->nodes, id, entry);
    if (entry != NULL && entry->stopping) {
        fail(c, CONFLICT, "conflict", "the node is being stopped where it runs");
        return;
    }
    orch_node_serve(c->orch, id, SPILLWAY__CONTROL__SERVICE__STATE__READY, c->changed_us);
    get_node(c);
}

static void change_node(const struct admin_call *c, struct bytes body)
{
    const struct registry_node *node = orch_admin_node(c->orch, c->segments[1]);
    const char *verb = c->segments[2];
    if (node == NULL || node->state == REGISTRY_GONE) {
        fail(c, NOT_FOUND, "not_found", "no live node has this id or name");
    } else if (strcmp(verb, "uncordon") == 0) {
        uncordon(c, node->id);
    } else if (strcmp(verb, "cordon") == 0) {
        if (node->state == REGISTRY_READY) { /* one that drains is more than cordoned */
            orch_node_serve(c->orch, node->id, SPILLWAY__CONTROL__SERVICE__STATE__CORDONED,
                            c->changed_us);
        }
        get_node(c);
    } else if (strcmp(verb, "drain") != 0) {
        fail(c, NOT_FOUND, "not_found", "no such path");
    } else if (!is_forced(body) && !c->weighed && !orch_drain_possible(c->orch, &node, 1)) {
        fail(c, CONFLICT, "conflict", ORCH_NO_PLACE);
    } else {
        orch_node_serve(c->orch, node->id, SPILLWAY__CONTROL__SERVICE__STATE__DRAINING,
                        c->changed_us);
        get_node(c);
    }
}

/* ---- Rooms --------------------------------------------------------------------------------- */

static json_t *room_json(const struct orch *orch, const struct room_entry *entry)
{
    struct arena arena = {0};
    const Livekit__Room *info = room_info(entry->room, &arena);
    json_t *nodes = json_array();
    for (size_t i = 0; i < room_node_count(entry->room); i++) {
        const char *node = room_node_at(entry->room, i);
        json_array_append_new(nodes, json_pack("{s:s, s:s, s:I}", "id", node, "name",
                                               orch_node_name(orch, node), "participants",
                                               (json_int_t)room_node_people(entry->room, node)));
    }
    const char *first = orch_place_node(entry);
    json_t *json = json_pack(
        "{s:s, s:s, s:s, s:s, s:o, s:I, s:I, s:I, s:I, s:I, s:s, s:o, s:s, s:s}", "name",
        entry->name, "sid", entry->sid, "node", first, "node_name", orch_node_name(orch, first),
        "nodes", nodes, "epoch", (json_int_t)room_epoch(entry->room), "participants",
        (json_int_t)room_participant_count(entry->room), "publishers",
        (json_int_t)info->num_publishers, "weight", (json_int_t)room_weight(entry->room, NULL),
        "max_participants", (json_int_t)info->max_participants, "metadata", info->metadata,
        "created_at", time_json(info->creation_time), "pinned_node", room_pinned_node(entry->room),
        "pinned_region", room_pinned_region(entry->room));
    arena_fini(&arena);
    return json;
}

json_t *orch_rooms_json(const struct orch *orch)
{
    json_t *list = json_array();
    for (const struct room_entry *entry = orch->rooms; entry != NULL; entry = entry->hh.next) {
        json_array_append_new(list, room_json(orch, entry));
    }
    return list;
}

static json_t *tree_json(const struct orch *orch, const struct room_entry *entry)
{
    json_t *json = room_json(orch, entry);
    orch_tree_add(entry, json);
    return json;
}

/* Everybody who is not there already. */
static int move_all(struct orch *orch, struct room_entry *entry, const char *to, size_t *moved)
{
    int err = 0;
    for (size_t i = room_node_count(entry->room); i-- > 0 && err == 0;) {
        const char *from = room_node_at(entry->room, i);
        size_t people = room_node_people(entry->room, from);
        if (strcmp(from, to) != 0 && people > 0) {
            err = orch_place_evacuate(orch, entry, from, to);
            *moved += err == 0 ? people : 0;
        }
    }
    return err;
}

static int move_one(struct orch *orch, struct room_entry *entry, const char *identity,
                    const char *to, size_t *moved)
{
    const char *from = room_node_of(entry->room, identity);
    *moved = from != NULL && strcmp(from, to) != 0;
    return orch_place_move(orch, entry, identity, to);
}

/* Where they are before they move; of a room on several nodes, the first one. */
static void note_origin(const struct room_entry *entry, const char *identity, const char *to,
                        char from[REGISTRY_NAME_MAX])
{
    const char *origin = identity == NULL ? "" : room_node_of(entry->room, identity);
    for (size_t i = room_node_count(entry->room); identity == NULL && i-- > 0;) {
        const char *node = room_node_at(entry->room, i);
        origin = strcmp(node, to) == 0 ? origin : node;
    }
    snprintf(from, REGISTRY_NAME_MAX, "%s", origin);
}

static void move_people(const struct admin_call *c, struct room_entry *entry, struct bytes body)
{
    json_t *json = json_loadb((const char *)body.data, body.len, 0, NULL);
    const char *to = json_string_value(json_object_get(json, "to"));
    const char *identity = json_string_value(json_object_get(json, "participant"));
    const struct registry_node *node = to == NULL ? NULL : orch_admin_node(c->orch, to);
    char from[REGISTRY_NAME_MAX] = "";
    size_t moved = 0;
    int err = 0;
    if (to == NULL) {
        fail(c, BAD, "bad_request", "a JSON object with \"to\", a node's id or name, is needed");
    } else if (node == NULL || node->state == REGISTRY_GONE) {
        fail(c, NOT_FOUND, "not_found", "no live node has this id or name");
    } else if (identity != NULL && room_node_of(entry->room, identity) == NULL) {
        fail(c, NOT_FOUND, "not_found", "nobody in the room has this identity");
    } else {
        note_origin(entry, identity, node->id, from);
        err = identity == NULL ? move_all(c->orch, entry, node->id, &moved)
                               : move_one(c->orch, entry, identity, node->id, &moved);
        if (err == ERR_AGAIN) {
            fail(c, CONFLICT, "conflict", "is on the way to a node already");
        } else if (err != 0) {
            fail(c, UNAVAILABLE, "unavailable", "the node does not take them");
        } else if (moved == 0) {
            fail(c, CONFLICT, "conflict", "nobody is anywhere else");
        } else {
            log_write(c->orch->config.log, LOG_INFO,
                      "%s_moves room=%s from=%s to=%s participants=%zu",
                      identity == NULL ? "room" : "participant", entry->sid, from, node->id, moved);
            reply(c, OK,
                  json_pack("{s:s, s:s, s:s, s:I}", "room", entry->name, "from", from, "to",
                            node->id, "participants", (json_int_t)moved));
        }
        orch_settle(c->orch, entry);
    }
    json_decref(json);
}

/* ---- Participants -------------------------------------------------------------------------- */

static const char *state_text(Livekit__ParticipantInfo__State state)
{
    switch (state) {
    case LIVEKIT__PARTICIPANT_INFO__STATE__JOINING:
        return "joining";
    case LIVEKIT__PARTICIPANT_INFO__STATE__JOINED:
        return "joined";
    case LIVEKIT__PARTICIPANT_INFO__STATE__ACTIVE:
        return "active";
    default:
        return "disconnected";
    }
}

static const char *source_text(Livekit__TrackSource source)
{
    static const char *const names[] = {"unknown", "camera", "microphone", "screen_share",
                                        "screen_share_audio"};
    return (size_t)source < ARRAY_LEN(names) ? names[source] : "unknown";
}

json_t *orch_track_json(const Livekit__TrackInfo *track)
{
    return json_pack("{s:s, s:s, s:s, s:s, s:s, s:b, s:i, s:i}", "sid", track->sid, "name",
                     track->name, "kind",
                     track->type == LIVEKIT__TRACK_TYPE__AUDIO ? "audio" : "video", "source",
                     source_text(track->source), "mime_type", track->mime_type, "muted",
                     track->muted, "width", (int)track->width, "height", (int)track->height);
}

static json_t *participant_json(const struct orch *orch, const struct room_entry *entry,
                                const Livekit__ParticipantInfo *info)
{
    const char *node = room_node_of(entry->room, info->identity);
    json_t *tracks = json_array();
    for (size_t i = 0; i < info->n_tracks; i++) {
        json_array_append_new(tracks, orch_track_json(info->tracks[i]));
    }
    return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:b, s:s, s:o, s:o}", "identity",
                     info->identity, "sid", info->sid, "node", node, "node_name",
                     orch_node_name(orch, node), "name", info->name, "state",
                     state_text(info->state), "hidden",
                     info->permission != NULL && info->permission->hidden, "metadata",
                     info->metadata, "joined_at", time_json(info->joined_at), "tracks", tracks);
}

static void get_participants(const struct admin_call *c, const struct room_entry *entry)
{
    struct arena arena = {0};
    Livekit__ParticipantInfo **infos;
    size_t count = room_participants(entry->room, &arena, &infos);
    json_t *list = json_array();
    for (size_t i = 0; i < count; i++) {
        json_array_append_new(list, participant_json(c->orch, entry, infos[i]));
    }
    reply(c, OK, json_pack("{s:o}", "participants", list));
    arena_fini(&arena);
}

static void get_participant(const struct admin_call *c, const struct room_entry *entry)
{
    struct arena arena = {0};
    const Livekit__ParticipantInfo *info = room_participant(entry->room, c->segments[3], &arena);
    if (info == NULL) {
        fail(c, NOT_FOUND, "not_found", "nobody with this identity is in the room");
    } else {
        reply(c, OK, participant_json(c->orch, entry, info));
    }
    arena_fini(&arena);
}

static void get_stats(const struct admin_call *c, const struct room_entry *entry)
{
    json_t *json = orch_media_stats(c->orch, entry, c->segments[3]);
    if (json == NULL) {
        fail(c, NOT_FOUND, "not_found", "nobody with this identity is in the room");
    } else {
        reply(c, OK, json);
    }
}

/* ---- Entry --------------------------------------------------------------------------------- */

static int hex_value(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

/* HTTP's own percent-encoding is gone by now; this is the second one, see admin-api.md. */
static void decode(char *text)
{
    char *out = text;
    for (const char *in = text; *in != '\0'; in++) {
        int high = *in == '%' ? hex_value(in[1]) : -1;
        int low = high >= 0 ? hex_value(in[2]) : -1;
        if (low >= 0 && (high | low) != 0) {
            *out++ = (char)(high << 4 | low);
            in += 2;
        } else {
            *out++ = *in;
        }
    }
    *out = '\0';
}

static bool split(struct admin_call *c, const char *path)
{
    size_t prefix = strlen(PREFIX);
    if (strncmp(path, PREFIX, prefix) != 0 || strlen(path) >= sizeof(c->path)) {
        return false;
    }
    snprintf(c->path, sizeof(c->path), "%s", path + prefix);
    char *rest = c->path, *segment;
    while ((segment = strsep(&rest, "/")) != NULL) {
        if (c->count == SEGMENTS_MAX) {
            return false;
        }
        decode(segment);
        c->segments[c->count++] = segment;
    }
    return true;
}

static bool room_of_body(struct bytes body, char *out, size_t len)
{
    json_t *json = json_loadb((const char *)body.data, body.len, 0, NULL);
    const char *room = json_string_value(json_object_get(json, "room"));
    bool fits = room != NULL && room[0] != '\0' && strlen(room) < len;
    if (fits) {
        snprintf(out, len, "%s", room);
    }
    json_decref(json);
    return fits;
}

bool orch_admin_refuses(const struct orch *orch, const struct orch_admin_request *admin)
{
    struct admin_call c = {0};
    if (!split(&c, admin->path) || c.count != 3 || strcmp(c.segments[2], "drain") != 0) {
        return false;
    }
    const struct registry_node *node = orch_admin_node(orch, c.segments[1]);
    return node != NULL && !is_forced(admin->body) && !orch_drain_possible(orch, &node, 1);
}

uint64_t orch_admin_now(const struct orch *orch, const struct orch_admin_request *admin)
{
    struct admin_call c = {0};
    const struct registry_node *node =
        split(&c, admin->path) && c.count == 3 ? orch_admin_node(orch, c.segments[1]) : NULL;
    return orch_node_serve_now(orch, node == NULL ? "" : node->id); /* others may know it */
}

bool orch_admin_room(const struct orch_admin_request *admin, char *out, size_t len)
{
    struct admin_call c = {0};
    if (!split(&c, admin->path)) {
        return false;
    }
    if (c.count == 1 && strcmp(c.segments[0], "place") == 0) {
        return room_of_body(admin->body, out, len);
    }
    if (c.count < 2 || strcmp(c.segments[0], "rooms") != 0 || strlen(c.segments[1]) >= len) {
        return false;
    }
    snprintf(out, len, "%s", c.segments[1]);
    return true;
}

static bool authenticate(struct admin_call *c, const char *authorization)
{
    char reason[TOKEN_REASON_MAX];
    if (orch_token(c->orch, authorization, &c->token, reason) != 0) {
        fail(c, UNAUTHORIZED, "unauthorized", reason);
        return false;
    }
    return true;
}

static void pin(const struct admin_call *c, struct room_entry *entry, struct bytes body)
{
    int err = orch_pin(c->orch, entry, body);
    if (err == ERR_INVALID) {
        fail(c, BAD, "bad_request", "a JSON object with either \"node\" or \"region\" is needed");
    } else if (err != 0) {
        fail(c, NOT_FOUND, "not_found", "no live node has this id or name, or is of this region");
    } else {
        reply(c, OK, room_json(c->orch, entry));
        orch_settle(c->orch, entry);
    }
}

static void unpin(const struct admin_call *c, struct room_entry *entry)
{
    orch_unpin(c->orch, entry);
    reply(c, OK, room_json(c->orch, entry));
    orch_settle(c->orch, entry);
}

/* What POST does with a room: changes_room() knows the verbs. */
static void change_room(const struct admin_call *c, struct room_entry *entry, struct bytes body)
{
    const char *verb = c->segments[2];
    if (strcmp(verb, "pin") == 0) {
        pin(c, entry, body);
    } else if (strcmp(verb, "unpin") == 0) {
        unpin(c, entry);
    } else {
        move_people(c, entry, body);
    }
}

static bool changes_room(const struct admin_call *c)
{
    static const char *const verbs[] = {"move", "pin", "unpin"};
    bool changes = false;
    for (size_t i = 0; i < ARRAY_LEN(verbs) && c->count == 3; i++) {
        changes |= strcmp(c->segments[2], verbs[i]) == 0;
    }
    return changes;
}

static void room_call(struct admin_call *c, bool get, struct bytes body)
{
    struct room_entry *entry = orch_room(c->orch, c->segments[1]);
    bool participants = c->count >= 3 && strcmp(c->segments[2], "participants") == 0;
    bool changes = changes_room(c);
    if (entry == NULL) {
        fail(c, NOT_FOUND, "not_found", "no room has this name");
    } else if (changes == get) {
        fail(c, METHOD, "method_not_allowed", "POST moves, pins and unpins, GET shows");
    } else if (c->count == 2) {
        reply(c, OK, tree_json(c->orch, entry));
    } else if (changes) {
        change_room(c, entry, body);
    } else if (c->count == 3 && strcmp(c->segments[2], "explain") == 0) {
        reply(c, OK, orch_explain_room(c->orch, entry, tree_json(c->orch, entry)));
    } else if (participants && c->count == 3) {
        get_participants(c, entry);
    } else if (participants && c->count == 4) {
        get_participant(c, entry);
    } else if (participants && c->count == 5 && strcmp(c->segments[4], "stats") == 0) {
        get_stats(c, entry);
    } else {
        fail(c, NOT_FOUND, "not_found", "no such path");
    }
}

static void explain(const struct admin_call *c, struct bytes body)
{
    json_t *asked = json_loadb((const char *)body.data, body.len, 0, NULL);
    if (!json_is_object(asked)) {
        fail(c, BAD, "bad_request", "a JSON object is needed");
    } else {
        reply(c, OK, orch_explain(c->orch, asked));
    }
    json_decref(asked);
}

/* Of this orchestrator, whoever else there is. */
static void get_config(const struct admin_call *c)
{
    const struct orch_config *config = &c->orch->config;
    json_t *list = json_array();
    for (size_t i = 0; i < config->setting_count; i++) {
        const struct orch_setting *setting = &config->settings[i];
        json_array_append_new(list, json_pack("{s:s, s:s, s:s}", "name", setting->name, "value",
                                              setting->value, "origin", setting->origin));
    }
    reply(c, OK,
          json_pack("{s:s, s:s, s:o}", "orchestrator",
                    config->journal == NULL ? "" : journal_name(config->journal), "orchestrator_id",
                    config->id, "settings", list));
}

static void rebalance(const struct admin_call *c, struct bytes body)
{
    if (c->orch->config.balance.hot_permille == 0) {
        fail(c, CONFLICT, "conflict", "rebalance.enabled is false: no node is ever hot");
    } else {
        reply(c, OK, orch_rebalance_now(c->orch, has_flag(body, "dry_run")));
    }
}

static bool checks_drain(const struct admin_call *c)
{
    return c->count == 1 && strcmp(c->segments[0], "drain_check") == 0;
}

/* Whoever changes something operates, and whoever asks whether he could; what may harm meetings is
 * an admin's, and so are settings: URLs may hold passwords. */
static enum token_role role_of(const struct admin_call *c, const struct orch_admin_request *admin)
{
    bool asks = strcmp(admin->verb, "GET") == 0 ||
                (c->count == 1 && strcmp(c->segments[0], "place") == 0); /* whatever its verb */
    bool drains = (c->count == 3 && strcmp(c->segments[2], "drain") == 0) || checks_drain(c);
    if (strcmp(c->segments[0], "config") == 0 || (drains && is_forced(admin->body))) {
        return TOKEN_ROLE_ADMIN;
    }
    return asks ? TOKEN_ROLE_READ : TOKEN_ROLE_OPERATE;
}

static void forbid(const struct admin_call *c, enum token_role wanted)
{
    char text[128];
    bool none = c->token.role == TOKEN_ROLE_NONE;
    snprintf(text, sizeof(text), "this takes the role %s, or the grant %s; the token has %s%s",
             token_role_name(wanted), wanted == TOKEN_ROLE_READ ? "roomList" : "roomCreate",
             none ? "no role" : "the role ", token_role_name(c->token.role));
    fail(c, FORBIDDEN, "forbidden", text);
}

static void dispatch(struct admin_call *c, const struct orch_admin_request *admin)
{
    bool get = strcmp(admin->verb, "GET") == 0;
    enum token_role wanted = role_of(c, admin);
    const char *kind = c->segments[0];
    if (!token_may(&c->token, wanted)) {
        forbid(c, wanted);
    } else if (strcmp(kind, "place") == 0 && c->count == 1 && !get) {
        explain(c, admin->body);
    } else if (strcmp(kind, "rooms") == 0 && c->count >= 2) {
        room_call(c, get, admin->body);
    } else if (!get && strcmp(kind, "nodes") == 0 && c->count == 3) {
        change_node(c, admin->body);
    } else if (!get && checks_drain(c)) {
        orch_drain_check(c->orch, c->request, admin->body);
    } else if (!get && strcmp(kind, "rebalance") == 0 && c->count == 1) {
        rebalance(c, admin->body);
    } else if (strcmp(kind, "reservations") == 0) {
        orch_reservations_call(c->orch, c->request, get, c->segments, c->count, admin->body);
    } else if (!get) {
        fail(c, METHOD, "method_not_allowed",
             "only rooms/NAME/move, pin and unpin, place, drain_check, rebalance, reservations and "
             "nodes/NAME/cordon, uncordon and drain take POST");
    } else if (strcmp(kind, "nodes") == 0 && c->count == 1) {
        reply(c, OK, json_pack("{s:o}", "nodes", orch_nodes_json(c->orch)));
    } else if (strcmp(kind, "nodes") == 0 && c->count == 2) {
        get_node(c);
    } else if (strcmp(kind, "capacity") == 0 && c->count == 1) {
        reply(c, OK, orch_capacity_json(c->orch));
    } else if (strcmp(kind, "rooms") == 0) {
        reply(c, OK, json_pack("{s:o}", "rooms", orch_rooms_json(c->orch)));
    } else if (strcmp(kind, "snapshot") == 0 && c->count == 1) {
        reply(c, OK, orch_snapshot(c->orch));
    } else if (strcmp(kind, "config") == 0 && c->count == 1) {
        get_config(c);
    } else if (strcmp(kind, "events") == 0 && c->count == 1 && c->orch->config.journal != NULL) {
        orch_events(c->orch, c->request, admin);
    } else {
        fail(c, NOT_FOUND, "not_found", "no such path");
    }
}

bool orch_admin_may(const struct orch *orch, const struct orch_admin_request *admin)
{
    struct admin_call c = {0};
    char reason[TOKEN_REASON_MAX];
    if (!split(&c, admin->path) || orch_token(orch, admin->authorization, &c.token, reason) != 0) {
        return false;
    }
    bool may = token_may(&c.token, role_of(&c, admin));
    token_fini(&c.token);
    return may;
}

void orch_admin(struct orch *orch, int64_t now_us, uint64_t request,
                const struct orch_admin_request *admin)
{
    struct admin_call c = {.orch = orch,
                           .request = request,
                           .changed_us = admin->changed_us,
                           .weighed = admin->weighed};
    orch_tick(orch, now_us);
    orch->cause = (struct room_cause){.why = "operator", .trace = admin->trace};
    if (!split(&c, admin->path)) {
        fail(&c, NOT_FOUND, "not_found", "no such path");
    } else if (authenticate(&c, admin->authorization)) {
        dispatch(&c, admin);
        token_fini(&c.token);
    }
    orch->cause = (struct room_cause){0};
}
