/* SPDX-License-Identifier: Apache-2.0
 *
 * Who left while a participant had no signalling: told to it when it resumes, before it is told who
 * is there. Clients take nobody for gone whom an update merely leaves out.
 */
#include "orchestrator/core/room/private.h"

#include <stdlib.h>

void missed_note(struct participant *p, const Livekit__ParticipantInfo *info)
{
    if (p->missed_count < ROOM_MISSED_MAX) {
        p->missed = mem_grow(p->missed, p->missed_count + 1, sizeof(*p->missed));
        p->missed[p->missed_count] = info_clone(&info->base);
    }
    p->missed_count = MIN(p->missed_count + 1, ROOM_MISSED_MAX + 1);
}

bool missed_too_much(const struct participant *p)
{
    return p->missed_count > ROOM_MISSED_MAX;
}

void missed_tell(struct participant *p, struct effects *fx)
{
    if (p->missed_count > 0) {
        Livekit__ParticipantUpdate update = LIVEKIT__PARTICIPANT_UPDATE__INIT;
        update.participants = p->missed;
        update.n_participants = p->missed_count;
        Livekit__SignalResponse response = LIVEKIT__SIGNAL_RESPONSE__INIT;
        response.message_case = LIVEKIT__SIGNAL_RESPONSE__MESSAGE_UPDATE;
        response.update = &update;
        signal_send(p, &response, fx);
    }
    missed_forget(p);
}

void missed_forget(struct participant *p)
{
    for (size_t i = 0; i < MIN(p->missed_count, ROOM_MISSED_MAX); i++) {
        livekit__participant_info__free_unpacked(p->missed[i], NULL);
    }
    free(p->missed);
    p->missed = NULL;
    p->missed_count = 0;
}
