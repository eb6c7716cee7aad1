/* SPDX-License-Identifier: Apache-2.0
 *
 * Rooms that operators want on a node, or in a region. A pin is a wish: joiners go there and
 * whoever has to leave his node, while there is place; rebalancing takes nobody away from it. It
 * moves nobody by itself, and holds nobody on a node that drains, is gray or died. It lives in the
 * room, as long as that, and goes with it to its next owner.
 *
 * A node is kept by its name, which its next process has, too.
 */
#include "orchestrator/core/orch/private.h"

#include <jansson.h>

bool orch_pinned(const struct room_entry *entry)
{
    return room_pinned_node(entry->room)[0] != '\0' || room_pinned_region(entry->room)[0] != '\0';
}

void orch_pin_heed(const struct orch *orch, const struct room_entry *entry,
                   struct placement_request *request)
{
    if (entry == NULL) {
        return;
    }
    const char *name = room_pinned_node(entry->room);
    const struct registry_node *node =
        name[0] == '\0' ? NULL : registry_named(orch->registry, name);
    if (node != NULL) {
        request->pinned = node->id;
    }
    if (room_pinned_region(entry->room)[0] != '\0') {
        request->region = room_pinned_region(entry->room);
    }
}

static bool has_region(const struct orch *orch, const char *region)
{
    bool found = false;
    for (size_t i = 0; i < registry_count(orch->registry); i++) {
        const struct registry_node *node = registry_at(orch->registry, i);
        found |= node->state != REGISTRY_GONE && strcmp(node->region, region) == 0;
    }
    return found;
}

static int pin_to_node(struct room_entry *entry, const struct registry_node *node)
{
    if (node == NULL || node->state == REGISTRY_GONE) {
        return ERR_NOT_FOUND;
    }
    room_pin(entry->room, node->name, "");
    return 0;
}

static int pin_to_region(const struct orch *orch, struct room_entry *entry, const char *region)
{
    if (!has_region(orch, region)) {
        return ERR_NOT_FOUND;
    }
    room_pin(entry->room, "", region);
    return 0;
}

int orch_pin(struct orch *orch, struct room_entry *entry, struct bytes body)
{
    json_t *json = json_loadb((const char *)body.data, body.len, 0, NULL);
    const char *node = json_string_value(json_object_get(json, "node"));
    const char *region = json_string_value(json_object_get(json, "region"));
    int err = ERR_INVALID;
    if (node != NULL && region == NULL) {
        err = pin_to_node(entry, orch_admin_node(orch, node));
    } else if (node == NULL && region != NULL && region[0] != '\0') {
        err = pin_to_region(orch, entry, region);
    }
    json_decref(json);
    if (err == 0) {
        log_write(orch->config.log, LOG_INFO, "room_pinned room=%s name=%s region=%s", entry->sid,
                  room_pinned_node(entry->room), room_pinned_region(entry->room));
    }
    return err;
}

void orch_unpin(struct orch *orch, struct room_entry *entry)
{
    if (orch_pinned(entry)) {
        room_pin(entry->room, "", "");
        log_write(orch->config.log, LOG_INFO, "room_unpinned room=%s", entry->sid);
    }
}
