/* SPDX-License-Identifier: Apache-2.0
 *
 * One list out of every orchestrator's. Rooms are each in one of them. Nodes are in all, each with
 * the rooms and reservations of that orchestrator alone, which add up. Lists are sorted, so that
 * whoever is asked says the same.
 */
#include "orchestrator/core/cluster/private.h"
#include "proto/gen/api.pb-c.h"
#include "proto/wire/wire.h"

#include <jansson.h>
#include <stdlib.h>

enum { HTTP_OK = 200, HTTP_BAD_REQUEST = 400 };

/* ---- The admin API ------------------------------------------------------------------------- */

static const char *text_of(const json_t *item, const char *key)
{
    const char *text = json_string_value(json_object_get(item, key));
    return text == NULL ? "" : text;
}

static void add_number(json_t *to, const json_t *from, const char *key)
{
    json_int_t sum = json_integer_value(json_object_get(to, key)) +
                     json_integer_value(json_object_get(from, key));
    json_object_set_new(to, key, json_integer(sum));
}

/* What one orchestrator says of a node, into what another one said. */
static void merge_node(json_t *to, const json_t *from)
{
    add_number(to, from, "rooms");
    add_number(to, from, "reserved");
    json_t *names = json_object_get(to, "room_names");
    if (names != NULL) {
        json_array_extend(names, json_object_get(from, "room_names"));
    }
}

/* by_id holds those of the list, which has 10,000 of them. */
static void add_nodes(json_t *list, json_t *by_id, const json_t *from)
{
    size_t i;
    json_t *node;
    json_array_foreach(from, i, node)
    {
        json_t *known = json_object_get(by_id, text_of(node, "id"));
        if (known != NULL) {
            merge_node(known, node);
        } else {
            json_array_append(list, node);
            json_object_set(by_id, text_of(node, "id"), node);
        }
    }
}

static json_t *parse(const struct merge_part *part)
{
    return part->done && part->status == HTTP_OK
               ? json_loadb((const char *)part->body, part->len, 0, NULL)
               : NULL;
}

/* Everybody's list of that name, one out of theirs. */
static json_t *merge_list(const char *kind, json_t *const *parts, size_t count)
{
    json_t *list = json_array(), *by_id = json_object();
    for (size_t i = 0; i < count; i++) {
        const json_t *items = json_object_get(parts[i], kind);
        if (strcmp(kind, "nodes") == 0) {
            add_nodes(list, by_id, items);
        } else {
            json_array_extend(list, (json_t *)(uintptr_t)items);
        }
    }
    json_decref(by_id);
    return orch_sorted(list);
}

/* Every orchestrator knows what flows between regions, and all of it. */
static json_t *merge_snapshot(json_t *const *parts, size_t count)
{
    static const char *const lists[] = {"orchestrators", "nodes", "rooms"};
    json_t *out = json_incref(parts[OWNERSHIP_SELF]);
    for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
        json_object_set_new(out, lists[i], merge_list(lists[i], parts, count));
    }
    orch_snapshot_finish(out);
    json_object_set_new(out, "regions", orch_sorted(json_incref(json_object_get(out, "regions"))));
    return out;
}

static json_t *merge_lists(const char *kind, const struct merge_part *parts, size_t count)
{
    json_t *read[MEMBERS_MAX];
    for (size_t i = 0; i < count; i++) {
        read[i] = parse(&parts[i]);
    }
    json_t *out = strcmp(kind, "snapshot") == 0
                      ? merge_snapshot(read, count)
                      : json_pack("{s:o}", kind, merge_list(kind, read, count));
    for (size_t i = 0; i < count; i++) {
        json_decref(read[i]);
    }
    return out;
}

static json_t *sorted_texts(const json_t *list)
{
    json_t *objects = json_array(), *out = json_array();
    size_t i;
    json_t *text;
    json_array_foreach(list, i, text)
    {
        json_array_append_new(objects, json_pack("{s:O}", "name", text));
    }
    objects = orch_sorted(objects);
    json_array_foreach(objects, i, text)
    {
        json_array_append(out, json_object_get(text, "name"));
    }
    json_decref(objects);
    return out;
}

/* NULL: nobody knows the node. */
static json_t *merge_one(const struct merge_part *parts, size_t count)
{
    json_t *out = NULL;
    for (size_t i = 0; i < count; i++) {
        json_t *part = parse(&parts[i]);
        if (out == NULL) {
            out = part;
        } else if (part != NULL) {
            merge_node(out, part);
            json_decref(part);
        }
    }
    if (out != NULL) {
        json_object_set_new(out, "room_names", sorted_texts(json_object_get(out, "room_names")));
    }
    return out;
}

char *merge_admin(const char *kind, const char *fields, const struct merge_part *parts,
                  size_t count, int *status, const char *const *unanswered, size_t unanswered_count)
{
    const struct merge_part *ours = &parts[OWNERSHIP_SELF];
    bool one = strcmp(kind, "node") == 0;
    json_t *json = NULL;
    if (one) {
        json = merge_one(parts, count);
    } else if (ours->status == HTTP_OK) {
        json = merge_lists(kind, parts, count);
    }
    if (json == NULL) { /* the token is not good for it, or there is no such node */
        *status = ours->status;
        return mem_copy(ours->body, ours->len);
    }
    if (!one && fields[0] != '\0') {
        json_t *table = columns_of(json_object_get(json, kind), fields);
        json_decref(json);
        json = table;
    }
    if (json == NULL) {
        *status = HTTP_BAD_REQUEST;
        return mem_str(
            "{\"error\":\"bad_request\",\"message\":\"fields are 1 to 32 names with commas\"}");
    }
    if (unanswered_count > 0) {
        json_t *names = json_array();
        for (size_t i = 0; i < unanswered_count; i++) {
            json_array_append_new(names, json_string(unanswered[i]));
        }
        json_object_set_new(json, "unanswered", names);
    }
    *status = HTTP_OK;
    char *text = json_dumps(json, JSON_COMPACT | JSON_PRESERVE_ORDER);
    json_decref(json);
    assert(text != NULL);
    return text;
}

/* ---- ListRooms ----------------------------------------------------------------------------- */

static int by_room_name(const void *a, const void *b)
{
    const Livekit__Room *x = *(Livekit__Room *const *)a, *y = *(Livekit__Room *const *)b;
    return strcmp(x->name, y->name);
}

struct twirp_answer merge_rooms(const struct twirp_call *call, const struct merge_part *parts,
                                size_t count)
{
    Livekit__ListRoomsResponse all = LIVEKIT__LIST_ROOMS_RESPONSE__INIT;
    ProtobufCMessage *unpacked[MEMBERS_MAX] = {NULL};
    for (size_t i = 0; i < count; i++) {
        struct bytes body = {parts[i].body, parts[i].len};
        if (!parts[i].done || parts[i].status != HTTP_OK ||
            wire_unpack(&livekit__list_rooms_response__descriptor, body, &unpacked[i]) != 0) {
            continue;
        }
        const Livekit__ListRoomsResponse *part = (const Livekit__ListRoomsResponse *)unpacked[i];
        all.rooms = mem_grow(all.rooms, all.n_rooms + part->n_rooms + 1, sizeof(*all.rooms));
        if (part->n_rooms > 0) {
            memcpy(all.rooms + all.n_rooms, part->rooms, part->n_rooms * sizeof(*all.rooms));
        }
        all.n_rooms += part->n_rooms;
    }
    qsort(all.rooms, all.n_rooms, sizeof(*all.rooms), by_room_name);
    struct twirp_answer answer = twirp_reply(call, &all.base);
    free(all.rooms);
    for (size_t i = 0; i < count; i++) {
        if (unpacked[i] != NULL) {
            protobuf_c_message_free_unpacked(unpacked[i], NULL);
        }
    }
    return answer;
}
