/* SPDX-License-Identifier: Apache-2.0
 *
 * The life of an association: a listening one-to-many socket of its own, so that the client's INIT
 * is taken without accept() and without a second socket, and one that comes again (a client that
 * lost its state) restarts the association in place. No path MTU discovery: the size of packets is
 * fixed, and small enough for any path that WebRTC works on.
 */
#include "orchestrator/shell/sctp/internal.h"

#include <stdlib.h>

static struct sockaddr_conn address_of(const struct orch_sctp *sctp)
{
    return (struct sockaddr_conn){
        .sconn_family = AF_CONN,
        .sconn_port = htons(ORCH_SCTP_PORT),
        .sconn_addr = (void *)sctp->handle,
    };
}

static bool subscribe(struct socket *socket)
{
    static const uint16_t types[] = {
        SCTP_ASSOC_CHANGE,
        SCTP_SHUTDOWN_EVENT,
        SCTP_STREAM_RESET_EVENT,
        SCTP_PARTIAL_DELIVERY_EVENT,
    };
    for (size_t i = 0; i < ARRAY_LEN(types); i++) {
        struct sctp_event event = {
            .se_assoc_id = SCTP_FUTURE_ASSOC,
            .se_type = types[i],
            .se_on = 1,
        };
        if (usrsctp_setsockopt(socket, IPPROTO_SCTP, SCTP_EVENT, &event, sizeof(event)) != 0)
            return false;
    }
    return true;
}

static bool set_options(struct socket *socket)
{
    const int on = 1;
    const struct linger at_once = {.l_onoff = 1, .l_linger = 0}; /* no graceful SHUTDOWN */
    const struct sctp_assoc_value resets = {
        .assoc_id = SCTP_FUTURE_ASSOC,
        .assoc_value = SCTP_ENABLE_RESET_STREAM_REQ,
    };
    const struct sctp_paddrparams path = {
        .spp_assoc_id = SCTP_FUTURE_ASSOC,
        .spp_flags = SPP_PMTUD_DISABLE,
        .spp_pathmtu = ORCH_SCTP_PACKET_MAX - sizeof(struct sctp_common_header),
    };
    const struct {
        int level;
        int name;
        const void *value;
        size_t size;
    } options[] = {
        {SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once)},
        {IPPROTO_SCTP, SCTP_NODELAY, &on, sizeof(on)},
        {IPPROTO_SCTP, SCTP_ENABLE_STREAM_RESET, &resets, sizeof(resets)},
        {IPPROTO_SCTP, SCTP_PEER_ADDR_PARAMS, &path, sizeof(path)},
    };
    for (size_t i = 0; i < ARRAY_LEN(options); i++)
        if (usrsctp_setsockopt(socket, options[i].level, options[i].name, options[i].value,
                               (socklen_t)options[i].size) != 0)
            return false;
    return usrsctp_set_non_blocking(socket, 1) == 0 && subscribe(socket);
}

static bool listen_on(struct orch_sctp *sctp)
{
    struct sockaddr_conn address = address_of(sctp);
    sctp->socket = usrsctp_socket(AF_CONN, SOCK_SEQPACKET, IPPROTO_SCTP, receive_on_data,
                                  send_on_acknowledged, 0, (void *)sctp->handle);
    return sctp->socket != NULL && set_options(sctp->socket) &&
           usrsctp_bind(sctp->socket, (struct sockaddr *)&address, sizeof(address)) == 0 &&
           usrsctp_listen(sctp->socket, 1) == 0;
}

int orch_sctp_new(struct orch_sctp **out, struct orch_sctp_stack *stack, uint64_t id)
{
    struct orch_sctp *sctp = mem_alloc(sizeof(*sctp));
    *sctp = (struct orch_sctp){.stack = stack, .id = id, .inbox_end = &sctp->inbox_first};
    library_add(sctp);
    usrsctp_register_address((void *)sctp->handle);
    if (!listen_on(sctp)) {
        orch_sctp_free(sctp);
        return ERR_IO;
    }
    *out = sctp;
    return 0;
}

static void leave_ready_list(struct orch_sctp *sctp)
{
    struct orch_sctp_stack *stack = sctp->stack;
    struct orch_sctp **link = &stack->ready_first;
    if (!sctp->ready)
        return;
    while (*link != sctp)
        link = &(*link)->ready_next;
    *link = sctp->ready_next;
    if (*link == NULL)
        stack->ready_end = link;
}

void orch_sctp_free(struct orch_sctp *sctp)
{
    library_remove(sctp); /* what usrsctp_close() sends is an ABORT, and finds nobody to send it */
    if (sctp->socket != NULL)
        usrsctp_close(sctp->socket);
    usrsctp_deregister_address((void *)sctp->handle);
    leave_ready_list(sctp);
    while (sctp->channel_count > 0)
        channel_remove(sctp, &sctp->channels[0]);
    receive_forget(sctp);
    datagrams_clear(&sctp->packets);
    free(sctp->outstanding.sizes);
    free(sctp);
}

int orch_sctp_connect(struct orch_sctp *sctp, int64_t now_us)
{
    struct sockaddr_conn address = address_of(sctp);
    library_advance(now_us);
    if (usrsctp_connect(sctp->socket, (struct sockaddr *)&address, sizeof(address)) != 0 &&
        errno != EINPROGRESS)
        return ERR_STATE;
    return 0;
}

int orch_sctp_resume(struct orch_sctp *sctp, int64_t now_us,
                     const struct orch_sctp_channel *channels, size_t count)
{
    assert(count <= ORCH_SCTP_CHANNELS_MAX && sctp->channel_count == 0);
    for (size_t i = 0; i < count; i++)
        channel_add(sctp, &channels[i]);
    return orch_sctp_connect(sctp, now_us);
}

void orch_sctp_receive(struct orch_sctp *sctp, int64_t now_us, struct bytes packet)
{
    library_advance(now_us);
    if (sctp->failed)
        return;
    if (sctp->inbox_bytes > INBOX_MAX) { /* the caller does not poll */
        sctp->stack->stats.packets_dropped++;
        return;
    }
    usrsctp_conninput((void *)sctp->handle, packet.data, packet.len, 0);
    stack_mark_ready(sctp);
}

void association_fail(struct orch_sctp *sctp, enum orch_sctp_failure failure)
{
    sctp->failure = failure;
    sctp->failed = true;
    sctp->up = false;
    datagrams_clear(&sctp->packets);
}

struct datagrams *orch_sctp_packets(struct orch_sctp *sctp)
{
    return &sctp->packets;
}

size_t orch_sctp_buffered(const struct orch_sctp *sctp)
{
    return sctp->buffered;
}
