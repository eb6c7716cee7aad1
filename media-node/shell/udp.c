/* SPDX-License-Identifier: Apache-2.0
 *
 * Media over UDP: a few sockets, each shared by all clients, on file descriptors of their own,
 * because libuv's UDP can't receive and send in batches.
 *
 * Happy path: a socket is readable, a batch is read (inbound.h), the core takes it, and what it
 * made leaves by sendmmsg: one call for up to 64 messages of a socket, whatever their addresses,
 * each a packet or a burst of packets for one address (UDP_SEGMENT).
 *
 * An endpoint is a port, with a socket for each address that is listened on. A packet leaves
 * through the one of its remote's family; where there are several, through the one its client came
 * to (origins.h).
 *
 * What fails:
 *   - The send buffer is full (EAGAIN, ENOBUFS): the rest of the batch is dropped and counted. It
 *     is media: NACK repairs what was not too late anyway, and waiting would only make it late.
 *   - The kernel refuses one packet (no route, a forbidden address): that one is dropped.
 *   - The kernel refuses a burst: its packets are sent one by one, and if the way out can't cut
 *     bursts, so is everything else on this socket from then on.
 *   - A datagram is longer than our buffers: dropped.
 */
#include "media-node/shell/bursts.h"
#include "media-node/shell/inbound.h"
#include "media-node/shell/origins.h"
#include "media-node/shell/parts.h"

#include "common/base/openssl.h"

#include <errno.h>
#include <netinet/udp.h>
#include <openssl/rand.h>
#include <stdlib.h>
#include <unistd.h>

#define BUFFER_BYTES (8 << 20) /* asked of the kernel for each direction */
#define SEND_BATCH   64        /* messages of one sendmmsg */

struct udp_socket {
    uv_poll_t poll;
    struct udp *udp;
    int fd;
    uint16_t endpoint;
    uint8_t address;      /* number of the one it listens on */
    uint32_t overflowed;  /* datagrams that found no place, modulo 2^32 (SO_RXQ_OVFL) */
    struct bursts bursts; /* to be sent */
};

struct udp {
    struct shell *shell;
    size_t addresses;
    struct udp_socket
        *sockets; /* those of an endpoint next to each other, in the settings' order */
    size_t count;
    uint8_t first_v4, first_v6; /* addresses; ORIGINS_NONE: of that family there is none */
    struct origins *origins;    /* NULL: no family has several */
    size_t open;                /* handles that libuv still holds */
    struct inbound *inbound;    /* of whichever socket is readable */
    /* sendmmsg of whichever socket is flushed */
    struct mmsghdr out[SEND_BATCH];
    struct iovec out_bytes[SEND_BATCH][BURST_PACKETS_MAX];
    struct sockaddr_storage out_addrs[SEND_BATCH];
    union {
        struct cmsghdr align;
        uint8_t bytes[CMSG_SPACE(sizeof(uint16_t))];
    } out_segments[SEND_BATCH]; /* UDP_SEGMENT */
};

/* ---- Receiving ------------------------------------------------------------------------------- */

static void note_origin(const struct udp_socket *socket, const struct node_datagram *datagram)
{
    struct origins *origins = socket->udp->origins;
    if (origins != NULL) {
        bool stun = origins_is_stun((struct bytes){datagram->data, datagram->len});
        origins_note(origins, socket->endpoint, &datagram->remote, stun, socket->address);
    }
}

static void count_overflow(struct udp_socket *socket, const struct inbound_batch *batch)
{
    if (batch->full_known) {
        socket->udp->shell->counters.udp_receive_full += batch->full - socket->overflowed;
        socket->overflowed = batch->full;
    }
}

/* What is left makes the socket readable again, when others have had their turn. */
static void on_readable(uv_poll_t *poll, int status, int events)
{
    struct udp_socket *socket = poll->data;
    struct shell *shell = socket->udp->shell;
    (void)events;
    if (status < 0) {
        return;
    }
    struct inbound_batch batch = inbound_read(socket->udp->inbound, socket->fd);
    count_overflow(socket, &batch);
    shell->counters.udp_truncated += batch.truncated;
    for (size_t i = 0; i < batch.count; i++) {
        batch.datagrams[i].endpoint = socket->endpoint;
        note_origin(socket, &batch.datagrams[i]);
    }
    shell_feed(shell, shell_now(), batch.datagrams, batch.count);
}

/* ---- Sending --------------------------------------------------------------------------------- */

/* One message: a packet, or a burst that the kernel is told to cut. */
static void write_message(struct udp *udp, const struct bursts *bursts, size_t burst, size_t i)
{
    const struct burst *what = &bursts->bursts[burst];
    struct msghdr *header = &udp->out[i].msg_hdr;
    *header = (struct msghdr){.msg_name = &udp->out_addrs[i],
                              .msg_namelen = net_to_sockaddr(&what->remote, &udp->out_addrs[i]),
                              .msg_iov = udp->out_bytes[i],
                              .msg_iovlen = bursts_packets(bursts, burst, udp->out_bytes[i])};
    if (what->count > 1) {
        header->msg_control = &udp->out_segments[i];
        header->msg_controllen = sizeof(udp->out_segments[i]);
        struct cmsghdr *control = CMSG_FIRSTHDR(header);
        control->cmsg_level = SOL_UDP;
        control->cmsg_type = UDP_SEGMENT;
        control->cmsg_len = CMSG_LEN(sizeof(what->segment));
        memcpy(CMSG_DATA(control), &what->segment, sizeof(what->segment));
    }
}

/* What can't leave as a burst leaves packet by packet. EIO tells that the way out can't cut at all:
 * an interface without checksums of its own, until Linux 6.11. */
static void send_singly(struct udp_socket *socket, const struct msghdr *burst, int reason)
{
    struct shell_counters *counters = &socket->udp->shell->counters;
    counters->udp_burst_failed++;
    if (reason == EIO) {
        socket->bursts.packets_max = 1;
    }
    for (size_t i = 0; i < burst->msg_iovlen; i++) {
        const struct msghdr single = {.msg_name = burst->msg_name,
                                      .msg_namelen = burst->msg_namelen,
                                      .msg_iov = &burst->msg_iov[i],
                                      .msg_iovlen = 1};
        if (sendmsg(socket->fd, &single, MSG_DONTWAIT) < 0) {
            counters->udp_send_failed++;
        }
    }
}

static uint64_t packets_of(const struct mmsghdr *messages, unsigned count)
{
    uint64_t packets = 0;
    for (unsigned i = 0; i < count; i++) {
        packets += messages[i].msg_hdr.msg_iovlen;
    }
    return packets;
}

static void send_messages(struct udp_socket *socket, struct mmsghdr *messages, unsigned waiting)
{
    struct shell_counters *counters = &socket->udp->shell->counters;
    unsigned sent = 0;
    while (sent < waiting) {
        int count = sendmmsg(socket->fd, messages + sent, waiting - sent, MSG_DONTWAIT);
        if (count > 0) {
            sent += (unsigned)count;
        } else if (errno == EAGAIN || errno == ENOBUFS) {
            counters->udp_send_full += packets_of(messages + sent, waiting - sent);
            break;
        } else if (errno != EINTR && messages[sent].msg_hdr.msg_iovlen > 1) {
            send_singly(socket, &messages[sent++].msg_hdr, errno);
        } else if (errno != EINTR) {
            counters->udp_send_failed++;
            sent++;
        }
    }
}

static void flush_socket(struct udp_socket *socket)
{
    struct udp *udp = socket->udp;
    struct bursts *bursts = &socket->bursts;
    for (size_t first = 0; first < bursts->burst_count; first += SEND_BATCH) {
        size_t count = MIN(bursts->burst_count - first, SEND_BATCH);
        for (size_t i = 0; i < count; i++) {
            write_message(udp, bursts, first + i, i);
        }
        send_messages(socket, udp->out, (unsigned)count);
    }
    bursts_clear(bursts);
}

/* NULL: this node has no address of that family. */
static struct udp_socket *way_to(struct udp *udp, const struct ice_path *path, struct bytes packet)
{
    uint8_t address = ORIGINS_NONE;
    if (udp->origins != NULL) {
        bool stun = origins_is_stun(packet);
        address = origins_find(udp->origins, path->endpoint, &path->remote, stun);
    }
    if (address == ORIGINS_NONE) {
        address = path->remote.family == NET_V4 ? udp->first_v4 : udp->first_v6;
    }
    return address == ORIGINS_NONE ? NULL
                                   : &udp->sockets[path->endpoint * udp->addresses + address];
}

void udp_send(struct udp *udp, const struct outbox_packet *packet)
{
    assert(packet->path.endpoint < udp->count / udp->addresses);
    const struct bytes bytes = {packet->data, packet->len};
    struct udp_socket *socket = way_to(udp, &packet->path, bytes);
    if (socket == NULL) {
        udp->shell->counters.udp_send_failed++;
        return;
    }
    if (!bursts_add(&socket->bursts, &packet->path.remote, bytes)) {
        flush_socket(socket);
        bool added = bursts_add(&socket->bursts, &packet->path.remote, bytes);
        assert(added);
    }
}

void udp_flush(struct udp *udp)
{
    for (size_t i = 0; i < udp->count; i++) {
        flush_socket(&udp->sockets[i]);
    }
}

/* ---- Opening and closing --------------------------------------------------------------------- */

/* As much as the kernel gives: the privileged call passes net.core.rmem_max, the other is cut. */
static void widen(int fd)
{
    int bytes = BUFFER_BYTES;
    if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof(bytes)) != 0) {
        (void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes));
    }
    if (setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &bytes, sizeof(bytes)) != 0) {
        (void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes));
    }
}

MUST_CHECK static int open_fd(const struct net_addr *addr, int *out)
{
    struct sockaddr_storage bound;
    socklen_t len = net_to_sockaddr(addr, &bound);
    int fd = socket(bound.ss_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return ERR_IO;
    }
    int on = 1;
    if (addr->family == NET_V6) {
        (void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
    }
    inbound_prepare(fd);
    if (bind(fd, (const struct sockaddr *)&bound, len) != 0) {
        close(fd);
        return ERR_IO;
    }
    widen(fd);
    *out = fd;
    return 0;
}

/* A kernel that does not know UDP_SEGMENT (before Linux 4.18) would send a burst as one datagram.
 */
static bool can_cut(int fd)
{
    int segment;
    socklen_t len = sizeof(segment);
    return getsockopt(fd, SOL_UDP, UDP_SEGMENT, &segment, &len) == 0;
}

MUST_CHECK static int open_socket(struct udp *udp, uint16_t endpoint, uint8_t address)
{
    struct udp_socket *socket = &udp->sockets[udp->count];
    const struct net_addr addr = shell_listen(udp->shell->config, address, endpoint);
    char text[NET_TEXT_MAX];
    if (open_fd(&addr, &socket->fd) != 0) {
        log_write(udp->shell->config->log, LOG_ERROR,
                  "listen_failed protocol=udp address=%s "
                  "reason=\"%s\"",
                  net_text(&addr, text), strerror(errno));
        return ERR_IO;
    }
    socket->udp = udp;
    socket->endpoint = endpoint;
    socket->address = address;
    socket->poll.data = socket;
    socket->bursts.packets_max = can_cut(socket->fd) ? BURST_PACKETS_MAX : 1;
    int err = uv_poll_init(&udp->shell->loop, &socket->poll, socket->fd);
    assert(err == 0);
    err = uv_poll_start(&socket->poll, UV_READABLE, on_readable);
    assert(err == 0);
    udp->open++;
    udp->count++;
    return 0;
}

/* Which address is the first of each family, and whether one has several. */
static void sort_addresses(struct udp *udp)
{
    unsigned v4 = 0, v6 = 0;
    udp->addresses = udp->shell->config->more_count + 1;
    udp->first_v4 = udp->first_v6 = ORIGINS_NONE;
    for (size_t i = udp->addresses; i-- > 0;) {
        bool is_v4 = shell_listen(udp->shell->config, i, 0).family == NET_V4;
        *(is_v4 ? &udp->first_v4 : &udp->first_v6) = (uint8_t)i;
        v4 += is_v4;
        v6 += !is_v4;
    }
    if (v4 > 1 || v6 > 1) {
        uint64_t seed;
        int done = RAND_bytes((uint8_t *)&seed, sizeof(seed));
        assert(done == 1); /* as fill_random() in loop.c */
        udp->origins = origins_new(seed);
    }
}

int udp_open(struct udp **out, struct shell *shell)
{
    struct udp *udp = mem_alloc(sizeof(*udp));
    udp->shell = shell;
    udp->inbound = inbound_new();
    sort_addresses(udp);
    size_t sockets = shell->config->ports * udp->addresses;
    udp->sockets = mem_array(sockets, sizeof(*udp->sockets));
    *out = udp;
    for (size_t i = 0; i < sockets; i++) {
        int err = open_socket(udp, (uint16_t)(i / udp->addresses), (uint8_t)(i % udp->addresses));
        if (err != 0) {
            return err; /* the caller closes what is open */
        }
    }
    return 0;
}

static void udp_free(struct udp *udp)
{
    if (udp->origins != NULL) {
        origins_free(udp->origins);
    }
    inbound_free(udp->inbound);
    free(udp->sockets);
    free(udp);
}

static void on_closed(uv_handle_t *handle)
{
    struct udp_socket *socket = handle->data;
    struct udp *udp = socket->udp;
    close(socket->fd);
    udp->open--;
    if (udp->open == 0) {
        udp_free(udp);
    }
}

void udp_close(struct udp *udp)
{
    if (udp->count == 0) {
        udp_free(udp);
        return;
    }
    for (size_t i = 0; i < udp->count; i++) {
        uv_close((uv_handle_t *)&udp->sockets[i].poll, on_closed);
    }
}
