/* SPDX-License-Identifier: Apache-2.0
 *
 * Channels by stream, and their life (RFC 8831 §6.7, RFC 8832 §6):
 *   open     by the peer's DATA_CHANNEL_OPEN, which we answer, or by ours: usable at once
 *   closing  we reset our side of the stream; the peer is to reset its own
 *   closed   the peer reset its side: we reset ours, say so once, and forget the channel
 */
#include "orchestrator/shell/sctp/dcep.h"
#include "orchestrator/shell/sctp/internal.h"

#include <stdlib.h>

struct channel *channel_find(const struct orch_sctp *sctp, uint16_t stream)
{
    for (size_t i = 0; i < sctp->channel_count; i++)
        if (sctp->channels[i].info.stream == stream)
            return &sctp->channels[i];
    return NULL;
}

struct channel *channel_add(struct orch_sctp *sctp, const struct orch_sctp_channel *info)
{
    assert(sctp->channel_count < ORCH_SCTP_CHANNELS_MAX);
    sctp->channels = mem_grow(sctp->channels, sctp->channel_count + 1, sizeof(sctp->channels[0]));
    struct channel *channel = &sctp->channels[sctp->channel_count++];
    *channel = (struct channel){.info = *info};
    channel->info.label = mem_str(info->label);
    return channel;
}

void channel_remove(struct orch_sctp *sctp, struct channel *channel)
{
    free((char *)channel->info.label);
    *channel = sctp->channels[--sctp->channel_count];
    if (sctp->channel_count == 0) {
        free(sctp->channels);
        sctp->channels = NULL;
    }
}

void channel_send_ack(struct orch_sctp *sctp, struct channel *channel)
{
    static const uint8_t ack[] = {DCEP_ACK};
    /* DCEP messages are reliable and ordered whatever the channel is (RFC 8832 §6). */
    const struct channel dcep = {.info = {.stream = channel->info.stream, .ordered = true}};
    channel->ack_due = transmit(sctp, &dcep, DCEP_PPID, (struct bytes){ack, sizeof(ack)}) != 0;
}

/* usrsctp keeps it until the messages before it are sent and an earlier reset is answered. */
void channel_reset(struct orch_sctp *sctp, uint16_t stream)
{
    union {
        struct sctp_reset_streams reset;
        uint8_t room[sizeof(struct sctp_reset_streams) + sizeof(uint16_t)];
    } request = {.reset = {
                     .srs_assoc_id = sctp->association,
                     .srs_flags = SCTP_STREAM_RESET_OUTGOING,
                     .srs_number_streams = 1,
                 }};
    memcpy(request.room + offsetof(struct sctp_reset_streams, srs_stream_list), &stream,
           sizeof(stream));
    /* A peer without RFC 6525 makes this fail: the stream then stays as it is, which harms nobody
     * but a peer that wants to use its number again. */
    (void)usrsctp_setsockopt(sctp->socket, IPPROTO_SCTP, SCTP_RESET_STREAMS, &request,
                             sizeof(request));
}

int channel_send_open(struct orch_sctp *sctp, struct channel *channel)
{
    uint8_t message[DCEP_OPEN_MAX];
    size_t len = dcep_write_open(message, &channel->info);
    const struct channel dcep = {.info = {.stream = channel->info.stream, .ordered = true}};
    int err = transmit(sctp, &dcep, DCEP_PPID, (struct bytes){message, len});
    channel->ack_wanted = err == 0;
    return err;
}

int orch_sctp_open(struct orch_sctp *sctp, int64_t now_us, const struct orch_sctp_channel *channel)
{
    library_advance(now_us);
    if (!sctp->up)
        return ERR_STATE;
    if (strlen(channel->label) >= ORCH_SCTP_LABEL_MAX)
        return ERR_TOO_BIG;
    if (channel->stream >= ORCH_SCTP_STREAMS)
        return ERR_INVALID;
    if (channel_find(sctp, channel->stream) != NULL)
        return ERR_EXISTS;
    if (sctp->channel_count == ORCH_SCTP_CHANNELS_MAX)
        return ERR_FULL;

    struct channel *added = channel_add(sctp, channel);
    int err = channel_send_open(sctp, added);
    if (err != 0)
        channel_remove(sctp, added);
    return err;
}

void orch_sctp_offer(struct orch_sctp *sctp, const struct orch_sctp_channel *channels, size_t count)
{
    assert(count <= ORCH_SCTP_CHANNELS_MAX && sctp->channel_count == 0);
    for (size_t i = 0; i < count; i++)
        channel_add(sctp, &channels[i])->open_due = true;
}

int orch_sctp_close(struct orch_sctp *sctp, int64_t now_us, uint16_t stream)
{
    library_advance(now_us);
    struct channel *channel = channel_find(sctp, stream);
    if (channel == NULL || channel->closing || channel->closed)
        return ERR_NOT_FOUND;
    channel->closing = true;
    channel_reset(sctp, stream);
    return 0;
}

int orch_sctp_stream(const struct orch_sctp *sctp, const char *label)
{
    int lowest = ERR_NOT_FOUND;
    for (size_t i = 0; i < sctp->channel_count; i++) {
        const struct channel *channel = &sctp->channels[i];
        bool open = !channel->closing && !channel->closed;
        if (open && strcmp(channel->info.label, label) == 0 &&
            (lowest < 0 || channel->info.stream < lowest))
            lowest = channel->info.stream;
    }
    return lowest;
}
