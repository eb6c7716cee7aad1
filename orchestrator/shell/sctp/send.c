/* SPDX-License-Identifier: Apache-2.0
 *
 * Happy path: usrsctp copies the message into its send buffer and gives packets to on_packet(),
 * now or as the peer's window opens. That buffer is the only queue: it is bounded here in bytes and
 * in messages, and nobody waits.
 */
#include "orchestrator/shell/sctp/dcep.h"
#include "orchestrator/shell/sctp/internal.h"

#include <errno.h>
#include <stdlib.h>

#define LOSSY_QUEUED_MAX (ORCH_SCTP_QUEUED_MAX / 16)

static void outstanding_push(struct outstanding *ring, size_t size)
{
    if (ring->count == ring->capacity) {
        uint32_t capacity = MAX(2 * ring->capacity, 16u);
        uint32_t *sizes = mem_array(capacity, sizeof(sizes[0]));
        for (uint32_t i = 0; i < ring->count; i++)
            sizes[i] = ring->sizes[(ring->first + i) & (ring->capacity - 1)];
        free(ring->sizes);
        ring->sizes = sizes;
        ring->capacity = capacity;
        ring->first = 0;
    }
    ring->sizes[(ring->first + ring->count) & (ring->capacity - 1)] = (uint32_t)size;
    ring->count++;
    ring->bytes_sent += size;
}

static void outstanding_shrink(struct outstanding *ring, size_t buffered)
{
    while (ring->count > 0) {
        uint32_t size = ring->sizes[ring->first];
        if (ring->bytes_sent - ring->bytes_dropped - size < buffered)
            return;
        ring->bytes_dropped += size;
        ring->first = (ring->first + 1) & (ring->capacity - 1);
        ring->count--;
    }
    free(ring->sizes);
    ring->sizes = NULL;
    ring->capacity = 0;
}

/* usrsctp calls this for every SACK, since the threshold it was given is zero. */
int send_on_acknowledged(struct socket *socket, uint32_t free_bytes, void *handle)
{
    (void)socket;
    struct orch_sctp *sctp = library_find(handle);
    if (sctp == NULL)
        return 1;
    uint32_t size = usrsctp_sysctl_get_sctp_sendspace();
    sctp->buffered = free_bytes < size ? size - free_bytes : 0;
    outstanding_shrink(&sctp->outstanding, sctp->buffered);
    if (sctp->full)
        stack_mark_ready(sctp);
    return 1;
}

bool drained(const struct orch_sctp *sctp)
{
    return sctp->buffered <= ORCH_SCTP_BUFFERED_MAX / 2 &&
           sctp->outstanding.count <= ORCH_SCTP_QUEUED_MAX / 2;
}

int transmit(struct orch_sctp *sctp, const struct channel *channel, uint32_t ppid,
             struct bytes data)
{
    const struct orch_sctp_channel *info = &channel->info;
    /* The peer knows how to deliver out of order once it answered our OPEN (RFC 8832 §6). */
    bool ordered = info->ordered || channel->ack_wanted;
    struct sctp_sendv_spa spa = {
        .sendv_flags = SCTP_SEND_SNDINFO_VALID,
        .sendv_sndinfo =
            {
                .snd_sid = info->stream,
                .snd_flags = ordered ? 0 : SCTP_UNORDERED,
                .snd_ppid = htonl(ppid),
                .snd_assoc_id = sctp->association,
            },
    };
    if (info->reliability != ORCH_SCTP_RELIABLE) {
        spa.sendv_flags |= SCTP_SEND_PRINFO_VALID;
        spa.sendv_prinfo = (struct sctp_prinfo){
            .pr_policy =
                info->reliability == ORCH_SCTP_LIFETIME ? SCTP_PR_SCTP_TTL : SCTP_PR_SCTP_RTX,
            .pr_value = info->limit,
        };
    }
    if (usrsctp_sendv(sctp->socket, data.data, data.len, NULL, 0, &spa, sizeof(spa), SCTP_SENDV_SPA,
                      0) < 0)
        return errno == EWOULDBLOCK || errno == ENOBUFS ? ERR_FULL : ERR_STATE;
    sctp->buffered += data.len;
    outstanding_push(&sctp->outstanding, data.len);
    return 0;
}

static bool has_room(const struct orch_sctp *sctp, bool reliable, size_t len)
{
    size_t bytes_max = reliable ? ORCH_SCTP_BUFFERED_MAX : ORCH_SCTP_LOSSY_MAX;
    size_t queued_max = reliable ? ORCH_SCTP_QUEUED_MAX : LOSSY_QUEUED_MAX;
    /* One that is larger than the bound itself may go when nothing else waits. */
    bool fits = sctp->buffered + len <= bytes_max || sctp->buffered == 0;
    return fits && sctp->outstanding.count < queued_max;
}

static int send_or_refuse(struct orch_sctp *sctp, const struct channel *channel,
                          const struct orch_sctp_message *message)
{
    static const uint8_t nothing = 0;
    struct bytes data = message->data;
    uint32_t ppid = message->binary ? PPID_BINARY : PPID_TEXT;
    if (data.len == 0) {
        ppid = message->binary ? PPID_BINARY_EMPTY : PPID_TEXT_EMPTY;
        data = (struct bytes){&nothing, 1};
    }
    bool reliable = channel->info.reliability == ORCH_SCTP_RELIABLE;
    int err = has_room(sctp, reliable, data.len) ? transmit(sctp, channel, ppid, data) : ERR_FULL;
    if (err == ERR_FULL && reliable)
        sctp->full = true;
    if (err == ERR_FULL && !reliable)
        sctp->stack->stats.lossy_dropped++;
    return err;
}

int orch_sctp_send(struct orch_sctp *sctp, int64_t now_us, const struct orch_sctp_message *message)
{
    library_advance(now_us);
    if (!sctp->up)
        return ERR_STATE;
    const struct channel *channel = channel_find(sctp, message->stream);
    if (channel == NULL || channel->closing || channel->closed)
        return ERR_NOT_FOUND;
    if (message->data.len > ORCH_SCTP_MESSAGE_MAX)
        return ERR_TOO_BIG;
    int err = send_or_refuse(sctp, channel, message);
    if (err == 0)
        sctp->stack->stats.messages_out++;
    return err;
}
