/* SPDX-License-Identifier: Apache-2.0
 *
 * Data channels between two SCTP associations: a client's front is gone, and its peer connection,
 * where the channels stay open, gets another one (front.c).
 *
 *   to it     What it had not acknowledged to the old front, nobody knows. So it is sent again what
 *             the replay has of a moment before, but for what it says it has (SyncState), and all
 *             that came since. The SDKs drop twins, by sender and sequence: without a sequence (a
 *             server's) only what came since is sent. If that is too much or too old, it starts
 *             over.
 *   from it   The SDKs send again what they have that follows last_message_seq (ReconnectResponse),
 * a second (Rust) or two (JS) after they resumed. Before that comes what the client's SCTP had not
 * begun to send: numbers after a hole. These are not taken; they come once more. What was on its
 * way to the old front, an SDK has only in part: holes may stay.
 */
#include "orchestrator/core/room/private.h"

#include <stdio.h>
#include <stdlib.h>

#define RESENT_US    TIME_S(1) /* after a resume, at the soonest */
#define RECEIVED_MAX 4096      /* senders */

void channel_suspend(struct participant *p)
{
    if (p == receiver_of(p) && p->channels[CHANNEL_RELIABLE].open && p->lost_from == 0) {
        p->lost_from = p->room->replay.last_ordinal + 1;
        p->room->replay.holders++;
    }
    for (unsigned kind = 0; kind < CHANNEL_COUNT; kind++) {
        p->channels[kind].waits |= p->channels[kind].open;
        p->channels[kind].open = false;
    }
}

size_t channel_waiting(const struct participant *p, struct effect_channel out[CHANNEL_COUNT])
{
    size_t count = 0;
    for (unsigned kind = 0; kind < CHANNEL_COUNT; kind++) {
        if (p->channels[kind].waits) {
            out[count] = (struct effect_channel){.stream = p->channels[kind].stream,
                                                 .lossy = kind != CHANNEL_RELIABLE};
            snprintf(out[count].label, sizeof(out[count].label), "%s",
                     channel_label((enum channel_kind)kind));
            count++;
        }
    }
    return count;
}

/* Open to it, and its last front was gone before it could say so. */
static void take_channels(struct participant *p, const Livekit__SyncState *state)
{
    for (size_t i = 0; i < state->n_data_channels; i++) {
        const Livekit__DataChannelInfo *info = state->data_channels[i];
        enum channel_kind kind;
        bool receives = info->target == LIVEKIT__SIGNAL_TARGET__SUBSCRIBER;
        if (receives == (p->person != NULL) && info->id < UINT16_MAX &&
            channel_of(info->label, &kind) && !p->channels[kind].open && !p->channels[kind].waits) {
            p->channels[kind] = (struct channel){.waits = true, .stream = (uint16_t)info->id};
            sealed_changed(p);
        }
    }
}

void channel_received(struct participant *p, const Livekit__SyncState *state)
{
    EACH_OF_PERSON(p, connection)
    {
        if (connection->front_lost) {
            take_channels(connection, state);
        }
    }
    p = receiver_of(p);
    if (p->lost_from == 0) {
        return;
    }
    free(p->received);
    p->received_count = MIN(state->n_datachannel_receive_states, RECEIVED_MAX);
    p->received = mem_array(p->received_count, sizeof(*p->received));
    for (size_t i = 0; i < p->received_count; i++) {
        const Livekit__DataChannelReceiveState *from = state->datachannel_receive_states[i];
        snprintf(p->received[i].sid, ID_MAX, "%s", from->publisher_sid);
        p->received[i].sequence = from->last_seq;
    }
}

void channel_forget(struct participant *p)
{
    if (p->lost_from != 0) {
        p->room->replay.holders--;
    }
    p->lost_from = 0;
    free(p->received);
    p->received = NULL;
    p->received_count = 0;
}

static bool has(const struct participant *p, const char *sender, uint32_t sequence)
{
    const struct participant *from = room_find(p->room, sender);
    for (size_t i = 0; from != NULL && sequence != 0 && i < p->received_count; i++) {
        if (strcmp(p->received[i].sid, from->sid) == 0) {
            return sequence <= p->received[i].sequence;
        }
    }
    return false;
}

bool channel_lacks(const struct participant *p, const struct data_replay_entry *entry,
                   const struct data_packet *packet)
{
    return entry->ordinal >= p->replay_from &&
           (p->lost_from == 0 || packet->sequence != 0 || entry->ordinal >= p->lost_from) &&
           !has(p, entry->sender, packet->sequence);
}

bool channel_kept(const struct participant *p)
{
    const struct data_replay *replay = &p->room->replay;
    uint64_t oldest = replay->count == 0 ? replay->last_ordinal + 1 : replay->entries[0].ordinal;
    return oldest <= p->lost_from;
}

void channel_resumed(struct participant *p, int64_t now_us)
{
    p->resent_from_us = now_us + RESENT_US;
}

bool channel_takes(struct participant *p, int64_t now_us, uint32_t sequence)
{
    uint32_t last = p->last_reliable_sequence;
    if (sequence <= last || (now_us < p->resent_from_us && last != 0 && sequence != last + 1)) {
        return false;
    }
    p->last_reliable_sequence = sequence;
    return true;
}
