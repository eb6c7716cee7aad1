/* SPDX-License-Identifier: Apache-2.0
 *
 * The lock of a room, and its waiting room. A room is locked while its metadata, a JSON object,
 * says "locked": true, which whoever is a host (roomAdmin) sets by UpdateRoomMetadata. Whoever
 * comes then with a token that says waitsIfLocked is in the room without any permission, and
 * without data, until a host gives some (UpdateParticipant); tokens that do not say it are as good
 * as they are without the lock. Who was let in, or came before, is told so by the token that it is
 * given: with that it may start over. Who waits is given none, and so starts over as it came.
 */
#include "orchestrator/core/room/private.h"

#include <jansson.h>

static bool is_locked(const struct room *room)
{
    json_t *metadata = json_loads(room->metadata, 0, NULL);
    bool locked = json_is_true(json_object_get(metadata, "locked"));
    json_decref(metadata);
    return locked;
}

void lock_meet(struct participant *p)
{
    p->grants.waits_if_locked = p->grants.waits_if_locked && is_locked(p->room);
    if (lock_waits(p)) {
        p->permission.can_subscribe = false;
        p->permission.can_publish = false;
        p->permission.can_publish_data = false;
        p->permission.can_update_metadata = false;
        p->permission.can_subscribe_metrics = false;
    }
}

bool lock_waits(const struct participant *p)
{
    return p->grants.waits_if_locked;
}
