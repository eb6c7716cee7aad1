/* SPDX-License-Identifier: Apache-2.0
 *
 * Where somebody would go now, and why not elsewhere: POST place of the admin API; and why a room
 * is where it is. Changes nothing, not even what chance brings next.
 */
#include "orchestrator/core/orch/private.h"

#include <jansson.h>
#include <stdlib.h>

#define TEXT_MAX 160

struct question {
    struct placement_request request;
    const char *room;  /* "" a new one */
    uint32_t expected; /* people; 0: nobody said */
    enum expected_from expected_from;
};

static const char *const from_words[] = {[EXPECTED_NOT] = "",
                                         [EXPECTED_TAG] = "tag",
                                         [EXPECTED_LIMIT] = "max_participants",
                                         [EXPECTED_HISTORY] = "history",
                                         [EXPECTED_ASKED] = "asked"};

static const char *const who_words[] = {[PLACEMENT_NEW_ROOM] = "new_room",
                                        [PLACEMENT_JOIN] = "join",
                                        [PLACEMENT_RECONNECT] = "reconnect",
                                        [PLACEMENT_MOVE] = "move"};

static const char *string_or(const json_t *json, const char *key, const char *fallback)
{
    const char *text = json_string_value(json_object_get(json, key));
    return text == NULL ? fallback : text;
}

static void understand(struct question *q, const struct orch *orch, const json_t *json,
                       struct arena *arena)
{
    json_int_t participants = json_integer_value(json_object_get(json, "participants"));
    const struct room_entry *entry = orch_room(orch, string_or(json, "room", ""));
    q->room = entry == NULL ? "" : entry->name;
    if (participants > 0) {
        q->expected = (uint32_t)MIN(participants, (json_int_t)UINT32_MAX);
        q->expected_from = EXPECTED_ASKED;
    } else if (entry != NULL) {
        q->expected = entry->expected;
        q->expected_from = entry->expected_from;
    }
    q->request = orch_place_request(orch, entry, string_or(json, "region", orch->config.region),
                                    string_or(json, "identity", ""), arena);
}

static json_t *node_json(const struct registry_node *node, enum placement_reason reason,
                         const struct placement_answer *answer)
{
    char text[TEXT_MAX];
    placement_node_text(text, sizeof(text), reason, node, answer);
    return json_pack("{s:s, s:s, s:s, s:s, s:s, s:I, s:I, s:I, s:s, s:s}", "id", node->id, "name",
                     node->name, "region", node->region, "zone", node->zone, "state",
                     registry_state_text(node->state), "weight", (json_int_t)node->load.weight,
                     "reserved", (json_int_t)node->reserved, "capacity", (json_int_t)node->capacity,
                     "reason", placement_reason_name(reason), "text", text);
}

static json_t *answer_json(const struct question *q, const struct placement_answer *answer)
{
    char text[TEXT_MAX];
    const struct registry_node *node = answer->node;
    placement_answer_text(text, sizeof(text), &q->request, answer);
    json_t *json =
        json_pack("{s:s, s:s, s:s, s:I, s:I, s:s, s:I, s:s, s:s, s:s, s:s, s:I}", "room", q->room,
                  "who", who_words[q->request.who], "region", q->request.region, "weight",
                  (json_int_t)q->request.weight, "expected_participants", (json_int_t)q->expected,
                  "expected_from", from_words[q->expected_from], "expected_weight",
                  (json_int_t)placement_room_weight(q->expected), "node",
                  node == NULL ? "" : node->id, "node_name", node == NULL ? "" : node->name,
                  "reason", placement_reason_name(answer->reason), "text", text, "retry_after_s",
                  (json_int_t)answer->retry_after_s);
    bool known = node != NULL && answer->distance_ms != PLACEMENT_FAR_MS;
    json_object_set_new(json, "distance_ms",
                        known ? json_integer(answer->distance_ms) : json_null());
    return json;
}

json_t *orch_explain(const struct orch *orch, const json_t *asked)
{
    struct question q = {0};
    struct arena arena = {0};
    struct placement_answer answer;
    struct prng prng = orch->prng;
    size_t count = registry_count(orch->registry);
    enum placement_reason *reasons = mem_array(MAX(count, 1), sizeof(*reasons));
    understand(&q, orch, asked, &arena);
    int err = placement_explain(&q.request, orch->registry, orch->now_us, &prng, &answer, reasons);
    bool stays = err != 0 && orch_place_choose(orch, &q.request, &prng, &answer) == 0;
    json_t *json = answer_json(&q, &answer);
    json_t *nodes = json_array();
    for (size_t i = 0; i < count; i++) {
        const struct registry_node *node = registry_at(orch->registry, i);
        bool kept = stays && node == answer.node; /* whatever its state */
        json_array_append_new(nodes, node_json(node, kept ? PLACEMENT_KEPT : reasons[i], &answer));
    }
    json_object_set_new(json, "nodes", orch_sorted(nodes));
    free(reasons);
    arena_fini(&arena);
    return json;
}

/* ---- Rooms --------------------------------------------------------------------------------- */

static const char *const placed_words[] = {
    [PLACED_NEW] = "new_room", [PLACED_JOIN] = "join", [PLACED_MOVE] = "move",
    [PLACED_DRAIN] = "drain",  [PLACED_GRAY] = "gray", [PLACED_DEATH] = "death",
    [PLACED_FOUND] = "found",
};

static json_t *place_json(const struct orch *orch, const struct room_entry *entry,
                          const struct room_place *place)
{
    const struct registry_node *node = registry_get(orch->registry, place->id);
    json_t *json = json_pack(
        "{s:s, s:s, s:s, s:s, s:I, s:I, s:s, s:s, s:s}", "id", place->id, "name",
        orch_node_name(orch, place->id), "region", node == NULL ? "" : node->region, "state",
        registry_state_text(node == NULL ? REGISTRY_GONE : node->state), "participants",
        (json_int_t)room_node_people(entry->room, place->id), "weight",
        (json_int_t)room_weight(entry->room, place->id), "cause", placed_words[place->placed],
        "from", place->from, "from_name", orch_node_name(orch, place->from));
    json_object_set_new(json, "since", orch_time_json(orch, place->since_us));
    return json;
}

json_t *orch_explain_room(const struct orch *orch, const struct room_entry *entry,
                          json_t *take_room)
{
    json_t *places = json_array();
    json_t *asked = json_pack("{s:s}", "room", entry->name);
    const struct journal *journal = orch->config.journal;
    for (size_t i = 0; i < entry->node_count; i++) {
        json_array_append_new(places, place_json(orch, entry, &entry->nodes[i]));
    }
    json_t *json =
        json_pack("{s:s, s:s, s:o, s:o, s:o}", "owner",
                  journal == NULL ? "" : journal_name(journal), "owner_id", orch->config.id, "room",
                  take_room, "places", places, "next", orch_explain(orch, asked));
    json_decref(asked);
    return json;
}
