/* SPDX-License-Identifier: Apache-2.0
 *
 * The order of outputs. Of one transport:
 *   until it is connected   datagrams (the last flight, with the keys), then FRONT_CONNECTED
 *   connected               what came in: channels and messages; then datagrams, which by now carry
 *                           the acknowledgements of all of it
 *   failed                  datagrams (an alert), then FRONT_FAILED
 * Transports take turns in the order they became ready.
 */
#include "orchestrator/shell/front/internal.h"

#include <utlist.h>

void front_release_shown(struct front *front)
{
    if (front->shown != NULL)
        datagrams_clear(front->shown);
    front->shown = NULL;
}

static struct front_out output(const struct transport *transport, enum front_out_kind kind)
{
    return (struct front_out){.kind = kind, .transport = transport->id};
}

/* Only into an empty queue, which has room for all of them. */
static void encrypt_packets(struct front *front, struct transport *transport)
{
    struct bytes views[DATAGRAMS_MAX];
    if (transport->sctp == NULL || dtls_output(transport->dtls)->count > 0)
        return;
    struct datagrams *packets = orch_sctp_packets(transport->sctp);
    size_t count = datagrams_view(packets, views);
    bool ok = true;
    for (size_t i = 0; i < count && ok; i++)
        ok = dtls_send(transport->dtls, views[i]) == 0;
    datagrams_clear(packets);
    if (!ok)
        transport_fail(front, transport, FRONT_FAILURE_HANDSHAKE);
}

static bool poll_datagrams(struct front *front, struct transport *transport, struct front_out *out)
{
    if (transport->dtls == NULL)
        return false;
    encrypt_packets(front, transport);
    struct datagrams *queue = dtls_output(transport->dtls);
    if (queue->count == 0)
        return false;
    *out = output(transport, FRONT_DATAGRAMS);
    out->datagram_count = datagrams_view(queue, front->views);
    out->datagrams = front->views;
    out->keys = transport->keys_attached ? &transport->keys : NULL;
    front->shown = queue;
    return true;
}

static struct front_channel channel_of(const struct orch_sctp_channel *channel)
{
    return (struct front_channel){
        .stream = channel->stream,
        .label = channel->label,
        .ordered = channel->ordered,
        .reliable = channel->reliability == ORCH_SCTP_RELIABLE,
    };
}

static bool poll_sctp(struct front *front, struct transport *transport, struct front_out *out)
{
    static const enum front_out_kind kinds[] = {
        [ORCH_SCTP_OPENED] = FRONT_CHANNEL_OPEN,
        [ORCH_SCTP_MESSAGE] = FRONT_MESSAGE,
        [ORCH_SCTP_CLOSED] = FRONT_CHANNEL_CLOSED,
        [ORCH_SCTP_DRAINED] = FRONT_DRAINED,
    };
    static const enum front_failure failures[] = {
        [ORCH_SCTP_LOST] = FRONT_FAILURE_SCTP,
        [ORCH_SCTP_BY_PEER] = FRONT_FAILURE_PEER_CLOSED,
        [ORCH_SCTP_TOO_BIG] = FRONT_FAILURE_MESSAGE_TOO_BIG,
    };
    struct orch_sctp_out event;
    if (transport->sctp == NULL || !orch_sctp_poll(transport->sctp, &event))
        return false;
    if (event.kind == ORCH_SCTP_FAILED) {
        transport_fail(front, transport, failures[event.failure]);
        return false;
    }
    *out = output(transport, kinds[event.kind]);
    out->channel = channel_of(&event.channel);
    out->message = (struct front_message){
        .stream = event.message.stream,
        .binary = event.message.binary,
        .data = event.message.data,
    };
    return true;
}

static bool poll_connected(struct front *front, struct transport *transport, struct front_out *out)
{
    if (transport->connected_due) {
        if (poll_datagrams(front, transport, out))
            return true;
        transport->connected_due = false;
        *out = output(transport, FRONT_CONNECTED);
        out->keys = &transport->keys;
        return true;
    }
    return poll_sctp(front, transport, out) || poll_datagrams(front, transport, out);
}

static bool poll_failed(struct front *front, struct transport *transport, struct front_out *out)
{
    if (poll_datagrams(front, transport, out))
        return true;
    transport_free_dtls(front, transport);
    if (!transport->failure_due)
        return false;
    transport->failure_due = false;
    *out = output(transport, FRONT_FAILED);
    out->failure = transport->failure;
    return true;
}

static bool poll_transport(struct front *front, struct transport *transport, struct front_out *out)
{
    if (transport->state == TRANSPORT_CONNECTED && poll_connected(front, transport, out))
        return true;
    if (transport->state == TRANSPORT_FAILED) /* maybe just now */
        return poll_failed(front, transport, out);
    return poll_datagrams(front, transport, out);
}

static void mark_ready_associations(struct front *front)
{
    uint64_t id;
    while (orch_sctp_stack_ready(front->stack, &id))
        transport_mark_ready(front, transport_find(front, id));
}

bool front_poll(struct front *front, struct front_out *out)
{
    front_release_shown(front);
    mark_ready_associations(front);
    while (front->ready != NULL) {
        struct transport *transport = front->ready;
        if (poll_transport(front, transport, out))
            return true;
        DL_DELETE2(front->ready, transport, ready_prev, ready_next);
        transport->ready = false;
    }
    return false;
}
