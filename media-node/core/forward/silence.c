/* SPDX-License-Identifier: Apache-2.0
 *
 * A client of which nothing is heard: its network failed, or the way from there to this node, which
 * only the room's owner can find out, by giving it another node. Consent is good for 15 s
 * (RFC 7675), so that is told long before.
 *
 * Whoever says nothing for FWD_SILENT_US is asked first: a healthy client may say no more than one
 * STUN message in 6 s. As each of the checks leaves in its own time and what came is read between
 * them, a node that stood still, and finds itself without news of anybody, accuses nobody.
 */
#include "media-node/core/forward/room.h"

void silence_look(struct fwd_member *member, int64_t now_us)
{
    int64_t quiet_us = now_us - peer_last_us(member->peer);
    bool served = member->duty == FWD_SERVES && peer_selected(member->peer) != NULL;
    member->silence_at_us = now_us + FWD_SILENT_US;
    if (served && member->silent_us == TIME_NEVER) {
        if (quiet_us < FWD_SILENT_US) {
            member->silence_at_us -= quiet_us;
        } else {
            peer_ask(member->peer, now_us);
        }
    }
    room_settle(member, now_us);
}

void silence_begins(struct fwd_member *member, int64_t now_us)
{
    if (member->duty == FWD_SERVES) {
        member->silent_us = now_us;
        member->fwd->config.counters->transports_silent++;
        room_event(member->fwd, member, FWD_SILENT);
    }
}

void silence_heed(struct fwd_member *member)
{
    if (member->silent_us != TIME_NEVER && peer_last_us(member->peer) >= member->silent_us) {
        member->silent_us = TIME_NEVER;
        room_event(member->fwd, member, FWD_SILENT)->over = true;
    }
}
