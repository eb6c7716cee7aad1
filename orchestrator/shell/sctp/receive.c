/* SPDX-License-Identifier: Apache-2.0
 *
 * Happy path: usrsctp hands over a message in memory of its own, it waits in the inbox, is shown to
 * the caller and freed on the next poll, and never copied. A long one arrives in pieces and is put
 * together, up to ORCH_SCTP_MESSAGE_MAX.
 *
 * What goes wrong, and what happens then:
 *   a message above the bound            the association fails
 *   a message that names no channel      counted as stray
 *   a DCEP message that makes no sense   counted; an OPEN we do not take has its stream reset
 *   usrsctp gives up a partial message   its first half is dropped (a lossy channel's right)
 *   ABORT, SHUTDOWN, silence             the association fails
 *   the peer begins anew                 its channels are closed, and it opens others
 *   we do, after another front           its channels are open once we are up
 *   we are to open channels              their OPENs are sent once we are up; usable at once
 */
#include "orchestrator/shell/sctp/dcep.h"
#include "orchestrator/shell/sctp/internal.h"

#include <stdlib.h>

enum step { STEP_NOTHING, STEP_AGAIN, STEP_EVENT };

/* ---- Notifications ----------------------------------------------------------------------------
 */

/* Those of orch_sctp_resume() and orch_sctp_offer(). The queues of an association that has just
 * come up have room for them. */
static void begin_channels(struct orch_sctp *sctp)
{
    for (size_t i = 0; i < sctp->channel_count; i++) {
        struct channel *channel = &sctp->channels[i];
        if (channel->open_due && channel_send_open(sctp, channel) != 0) {
            association_fail(sctp, ORCH_SCTP_LOST);
            return;
        }
        channel->open_due = false;
        channel->opened = true;
    }
}

static void on_association(struct orch_sctp *sctp, const struct sctp_assoc_change *change)
{
    switch (change->sac_state) {
    case SCTP_COMM_UP:
        sctp->up = true;
        sctp->association = change->sac_assoc_id;
        begin_channels(sctp);
        break;
    case SCTP_RESTART:
        for (size_t i = 0; i < sctp->channel_count; i++)
            sctp->channels[i].closed = true;
        sctp->partial.len = 0;
        break;
    default: /* lost, shut down, or never started; with the peer's ABORT chunk, if it sent one */
        association_fail(sctp,
                         change->sac_length > sizeof(*change) ? ORCH_SCTP_BY_PEER : ORCH_SCTP_LOST);
    }
}

static void on_reset(struct orch_sctp *sctp, const struct sctp_stream_reset_event *event)
{
    if ((event->strreset_flags & SCTP_STREAM_RESET_INCOMING_SSN) == 0 ||
        (event->strreset_flags & (SCTP_STREAM_RESET_DENIED | SCTP_STREAM_RESET_FAILED)) != 0)
        return;
    size_t count =
        (event->strreset_length - sizeof(*event)) / sizeof(event->strreset_stream_list[0]);
    for (size_t i = 0; i < sctp->channel_count; i++) {
        struct channel *channel = &sctp->channels[i];
        bool named = count == 0; /* all streams */
        for (size_t k = 0; k < count && !named; k++)
            named = event->strreset_stream_list[k] == channel->info.stream;
        if (!named || channel->closed)
            continue;
        channel->closed = true;
        if (!channel->closing)
            channel_reset(sctp, channel->info.stream);
    }
}

static void on_notification(struct orch_sctp *sctp, const uint8_t *bytes, size_t len)
{
    const union sctp_notification *event = (const union sctp_notification *)bytes;
    if (len < sizeof(event->sn_header) || event->sn_header.sn_length != len)
        return;
    switch (event->sn_header.sn_type) {
    case SCTP_ASSOC_CHANGE:
        on_association(sctp, &event->sn_assoc_change);
        break;
    case SCTP_STREAM_RESET_EVENT:
        on_reset(sctp, &event->sn_strreset_event);
        break;
    case SCTP_PARTIAL_DELIVERY_EVENT:
        sctp->partial.len = 0;
        break;
    case SCTP_SHUTDOWN_EVENT:
        association_fail(sctp, ORCH_SCTP_BY_PEER);
        break;
    default:
        unreachable(); /* no other was subscribed to */
    }
}

/* ---- Channels ---------------------------------------------------------------------------------
 */

/* Length of the label, or ERR_INVALID when it has a NUL inside or is too long. */
static int label_copy(char out[ORCH_SCTP_LABEL_MAX], struct bytes label)
{
    if (label.len >= ORCH_SCTP_LABEL_MAX ||
        (label.len > 0 && memchr(label.data, '\0', label.len) != NULL))
        return ERR_INVALID;
    if (label.len > 0)
        memcpy(out, label.data, label.len);
    out[label.len] = '\0';
    return 0;
}

static enum step on_open(struct orch_sctp *sctp, uint16_t stream, struct bytes message,
                         struct orch_sctp_out *out)
{
    char label[ORCH_SCTP_LABEL_MAX];
    struct dcep_open open;
    if (dcep_parse_open(&open, message) != 0 || channel_find(sctp, stream) != NULL) {
        sctp->stack->stats.malformed++;
        return STEP_AGAIN;
    }
    if (sctp->channel_count == ORCH_SCTP_CHANNELS_MAX || label_copy(label, open.label) != 0) {
        sctp->stack->stats.refused++;
        channel_reset(sctp, stream); /* RFC 8832 §6: how to say no */
        return STEP_AGAIN;
    }
    const struct orch_sctp_channel info = {
        .stream = stream,
        .label = label,
        .ordered = open.ordered,
        .reliability = open.reliability,
        .limit = open.limit,
    };
    struct channel *channel = channel_add(sctp, &info);
    channel_send_ack(sctp, channel);
    *out = (struct orch_sctp_out){.kind = ORCH_SCTP_OPENED, .channel = channel->info};
    return STEP_EVENT;
}

static enum step on_dcep(struct orch_sctp *sctp, uint16_t stream, struct bytes message,
                         struct orch_sctp_out *out)
{
    struct channel *channel = channel_find(sctp, stream);
    switch (dcep_type(message)) {
    case DCEP_OPEN:
        return on_open(sctp, stream, message, out);
    case DCEP_ACK:
        if (channel != NULL)
            channel->ack_wanted = false;
        return STEP_AGAIN;
    default:
        sctp->stack->stats.malformed++;
        return STEP_AGAIN;
    }
}

/* A whole one: its last piece says where it belongs. */
static enum step on_message(struct orch_sctp *sctp, const struct piece *piece, struct bytes message,
                            struct orch_sctp_out *out)
{
    uint32_t ppid = piece->ppid;
    if (ppid == DCEP_PPID)
        return on_dcep(sctp, piece->stream, message, out);
    struct channel *channel = channel_find(sctp, piece->stream);
    bool empty = ppid == PPID_TEXT_EMPTY || ppid == PPID_BINARY_EMPTY;
    bool binary = ppid == PPID_BINARY || ppid == PPID_BINARY_EMPTY;
    if (channel == NULL || (!empty && !binary && ppid != PPID_TEXT)) {
        sctp->stack->stats.stray++;
        return STEP_AGAIN;
    }
    channel->ack_wanted = false; /* a message says as much as an answer */
    sctp->stack->stats.messages_in++;
    *out = (struct orch_sctp_out){
        .kind = ORCH_SCTP_MESSAGE,
        .channel = channel->info,
        .message =
            {
                .stream = piece->stream,
                .binary = binary,
                .data = {message.data, empty ? 0 : message.len},
            },
    };
    return STEP_EVENT;
}

/* ---- The inbox --------------------------------------------------------------------------------
 */

int receive_on_data(struct socket *socket, union sctp_sockstore from, void *data, size_t len,
                    struct sctp_rcvinfo info, int flags, void *handle)
{
    (void)socket;
    (void)from;
    struct orch_sctp *sctp = library_find(handle);
    if (sctp == NULL || sctp->failed || data == NULL) {
        free(data);
        return 1;
    }
    struct piece *piece = mem_alloc(sizeof(*piece));
    *piece = (struct piece){
        .data = data,
        .len = len,
        .stream = info.rcv_sid,
        .ppid = ntohl(info.rcv_ppid),
        .last = (flags & MSG_EOR) != 0,
        .notification = (flags & MSG_NOTIFICATION) != 0,
    };
    *sctp->inbox_end = piece;
    sctp->inbox_end = &piece->next;
    sctp->inbox_bytes += len;
    stack_mark_ready(sctp);
    return 1;
}

static struct piece *inbox_take(struct orch_sctp *sctp)
{
    struct piece *piece = sctp->inbox_first;
    if (piece == NULL)
        return NULL;
    sctp->inbox_first = piece->next;
    if (sctp->inbox_first == NULL)
        sctp->inbox_end = &sctp->inbox_first;
    sctp->inbox_bytes -= piece->len;
    return piece;
}

static void piece_free(struct piece *piece)
{
    if (piece != NULL)
        free(piece->data);
    free(piece);
}

static void partial_forget(struct partial *partial)
{
    free(partial->bytes);
    *partial = (struct partial){0};
}

static void forget_shown(struct orch_sctp *sctp)
{
    piece_free(sctp->shown);
    sctp->shown = NULL;
    if (sctp->partial.complete)
        partial_forget(&sctp->partial);
}

void receive_forget(struct orch_sctp *sctp)
{
    struct piece *piece;
    while ((piece = inbox_take(sctp)) != NULL)
        piece_free(piece);
    forget_shown(sctp);
    partial_forget(&sctp->partial);
}

static void partial_append(struct partial *partial, const struct piece *piece)
{
    size_t len = partial->len + piece->len;
    if (len > partial->capacity) {
        partial->capacity = MIN(2 * len, ORCH_SCTP_MESSAGE_MAX);
        partial->bytes = mem_grow(partial->bytes, partial->capacity, 1);
    }
    memcpy(partial->bytes + partial->len, piece->data, piece->len);
    partial->len = len;
}

static enum step on_piece(struct orch_sctp *sctp, const struct piece *piece,
                          struct orch_sctp_out *out)
{
    struct partial *partial = &sctp->partial;
    if (partial->len + piece->len > ORCH_SCTP_MESSAGE_MAX) {
        association_fail(sctp, ORCH_SCTP_TOO_BIG);
        return STEP_AGAIN;
    }
    if (partial->len == 0 && piece->last)
        return on_message(sctp, piece, (struct bytes){piece->data, piece->len}, out);
    partial_append(partial, piece);
    if (!piece->last)
        return STEP_AGAIN;
    partial->complete = true;
    return on_message(sctp, piece, (struct bytes){partial->bytes, partial->len}, out);
}

static enum step read_once(struct orch_sctp *sctp, struct orch_sctp_out *out)
{
    forget_shown(sctp);
    sctp->shown = inbox_take(sctp);
    if (sctp->shown == NULL)
        return STEP_NOTHING;
    if (!sctp->shown->notification)
        return on_piece(sctp, sctp->shown, out);
    on_notification(sctp, sctp->shown->data, sctp->shown->len);
    return STEP_AGAIN;
}

/* ---- Polling ----------------------------------------------------------------------------------
 */

static bool report_closed(struct orch_sctp *sctp, struct orch_sctp_out *out)
{
    for (size_t i = 0; i < sctp->channel_count; i++) {
        struct channel *channel = &sctp->channels[i];
        if (!channel->closed)
            continue;
        char *label = sctp->stack->closed_label;
        memcpy(label, channel->info.label, strlen(channel->info.label) + 1);
        *out = (struct orch_sctp_out){.kind = ORCH_SCTP_CLOSED, .channel = channel->info};
        out->channel.label = label;
        channel_remove(sctp, channel);
        return true;
    }
    return false;
}

static bool report_opened(struct orch_sctp *sctp, struct orch_sctp_out *out)
{
    for (size_t i = 0; i < sctp->channel_count; i++) {
        struct channel *channel = &sctp->channels[i];
        if (channel->opened) {
            channel->opened = false;
            *out = (struct orch_sctp_out){.kind = ORCH_SCTP_OPENED, .channel = channel->info};
            return true;
        }
    }
    return false;
}

static void retry_acks(struct orch_sctp *sctp)
{
    for (size_t i = 0; i < sctp->channel_count; i++)
        if (sctp->channels[i].ack_due)
            channel_send_ack(sctp, &sctp->channels[i]);
}

bool orch_sctp_poll(struct orch_sctp *sctp, struct orch_sctp_out *out)
{
    enum step step = STEP_AGAIN;
    while (step == STEP_AGAIN && !sctp->failed) {
        if (report_opened(sctp, out) || report_closed(sctp, out))
            return true;
        step = read_once(sctp, out);
    }
    if (step == STEP_EVENT)
        return true;
    if (sctp->failed) {
        *out = (struct orch_sctp_out){.kind = ORCH_SCTP_FAILED, .failure = sctp->failure};
        bool first = !sctp->failure_reported;
        sctp->failure_reported = true;
        return first;
    }
    retry_acks(sctp);
    if (!sctp->full || !drained(sctp))
        return false;
    sctp->full = false;
    *out = (struct orch_sctp_out){.kind = ORCH_SCTP_DRAINED};
    return true;
}
