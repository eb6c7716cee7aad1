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
 * Media are read at once. What clients say about them, and that they are there, comes in small
 * messages one by one, ten a second and more of each viewer, and the wake for one of them costs ten
 * times what it does. So these have a socket of their own (ports.h), which is read every ASIDE_MS
 * while anything comes there, and when it is readable only once nothing did: the first after a rest
 * is heeded at once. What is too much for one read does not wait.
 *
 * What fails:
 *   - The kernel does not tell media apart from the rest: all is read at once.
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
#include "media-node/shell/ports.h"

#include "common/base/openssl.h"

#include <errno.h>
#include <netinet/udp.h>
#include <openssl/rand.h>
#include <stdlib.h>
#include <unistd.h>

#define SEND_BATCH    64 /* messages of one sendmmsg */
#define ASIDE_MS      2  /* between two reads of what may wait */
#define ASIDE_BATCHES 16 /* of one such read */

/* One of the kernel's two sockets. */
struct lane {
    uv_poll_t poll;
    struct udp_socket *socket;
    int fd;              /* -1: there is no such socket */
    uint32_t overflowed; /* datagrams that found no place, modulo 2^32 (SO_RXQ_OVFL) */
};

struct udp_socket {
    struct udp *udp;
    struct lane media; /* sends, too */
    struct lane aside;
    bool aside_waits; /* it is read by the timer, not when it is readable */
    uint16_t endpoint;
    uint8_t address;      /* number of the one it listens on */
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
    uv_timer_t aside;           /* active while any aside_waits */
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

static void count_overflow(struct lane *lane, const struct inbound_batch *batch)
{
    if (batch->full_known) {
        lane->socket->udp->shell->counters.udp_receive_full += batch->full - lane->overflowed;
        lane->overflowed = batch->full;
    }
}

/* Returns how many messages there were. */
static size_t read_batch(struct lane *lane)
{
    const struct udp_socket *socket = lane->socket;
    struct shell *shell = socket->udp->shell;
    struct inbound_batch batch = inbound_read(socket->udp->inbound, lane->fd);
    count_overflow(lane, &batch);
    shell->counters.udp_truncated += batch.truncated;
    for (size_t i = 0; i < batch.count; i++) {
        batch.datagrams[i].endpoint = socket->endpoint;
        note_origin(socket, &batch.datagrams[i]);
    }
    if (batch.messages > 0) {
        shell_feed(shell, shell_now(), batch.datagrams, batch.count);
    }
    return batch.messages;
}

/* What is left makes the socket readable again, when others have had their turn. */
static void on_media(uv_poll_t *poll, int status, int events)
{
    (void)events;
    if (status >= 0) {
        (void)read_batch(poll->data);
    }
}

static void on_aside(uv_poll_t *poll, int status, int events);
static void on_aside_time(uv_timer_t *timer);

static void watch(struct lane *lane, uv_poll_cb callback)
{
    int err = uv_poll_start(&lane->poll, UV_READABLE, callback);
    assert(err == 0);
}

/* True: something came, and now there is nothing left. Of more than that what is left makes the
 * socket readable again, too. */
static bool read_aside(struct udp_socket *socket)
{
    size_t messages = INBOUND_MESSAGES;
    size_t batches = 0;
    for (; batches < ASIDE_BATCHES && messages == INBOUND_MESSAGES; batches++) {
        messages = read_batch(&socket->aside);
    }
    return messages < INBOUND_MESSAGES && (batches > 1 || messages > 0);
}

static void wait_for_aside(struct udp *udp)
{
    if (!uv_is_active((uv_handle_t *)&udp->aside)) {
        int err = uv_timer_start(&udp->aside, on_aside_time, ASIDE_MS, 0);
        assert(err == 0);
    }
}

static void on_aside(uv_poll_t *poll, int status, int events)
{
    const struct lane *lane = poll->data;
    struct udp_socket *socket = lane->socket;
    (void)events;
    if (status >= 0 && read_aside(socket)) {
        socket->aside_waits = true;
        (void)uv_poll_stop(poll);
        wait_for_aside(socket->udp);
    }
}

static void on_aside_time(uv_timer_t *timer)
{
    struct udp *udp = timer->data;
    bool any = false;
    for (size_t i = 0; i < udp->count; i++) {
        struct udp_socket *socket = &udp->sockets[i];
        if (socket->aside_waits) {
            socket->aside_waits = read_aside(socket);
            any = any || socket->aside_waits;
            if (!socket->aside_waits) {
                watch(&socket->aside, on_aside);
            }
        }
    }
    if (any) {
        wait_for_aside(udp);
    }
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
        if (sendmsg(socket->media.fd, &single, MSG_DONTWAIT) < 0) {
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
        int count = sendmmsg(socket->media.fd, messages + sent, waiting - sent, MSG_DONTWAIT);
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

static void open_lane(struct udp_socket *socket, struct lane *lane, uv_poll_cb callback)
{
    lane->socket = socket;
    lane->poll.data = lane;
    int err = uv_poll_init(&socket->udp->shell->loop, &lane->poll, lane->fd);
    assert(err == 0);
    watch(lane, callback);
    socket->udp->open++;
}

MUST_CHECK static int open_socket(struct udp *udp, uint16_t endpoint, uint8_t address)
{
    struct udp_socket *socket = &udp->sockets[udp->count];
    const struct net_addr addr = shell_listen(udp->shell->config, address, endpoint);
    char text[NET_TEXT_MAX];
    if (ports_open(&addr, &socket->media.fd) != 0) {
        log_write(udp->shell->config->log, LOG_ERROR,
                  "listen_failed protocol=udp address=%s "
                  "reason=\"%s\"",
                  net_text(&addr, text), strerror(errno));
        return ERR_IO;
    }
    socket->udp = udp;
    socket->endpoint = endpoint;
    socket->address = address;
    socket->bursts.packets_max = ports_can_cut(socket->media.fd) ? BURST_PACKETS_MAX : 1;
    open_lane(socket, &socket->media, on_media);
    if (ports_open_aside(&addr, socket->media.fd, &socket->aside.fd) == 0) {
        open_lane(socket, &socket->aside, on_aside);
    } else {
        socket->aside.fd = -1;
    }
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
    udp->aside.data = udp;
    int err = uv_timer_init(&shell->loop, &udp->aside);
    assert(err == 0);
    udp->open++;
    sort_addresses(udp);
    size_t sockets = shell->config->ports * udp->addresses;
    udp->sockets = mem_array(sockets, sizeof(*udp->sockets));
    *out = udp;
    for (size_t i = 0; i < sockets; i++) {
        err = open_socket(udp, (uint16_t)(i / udp->addresses), (uint8_t)(i % udp->addresses));
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

static void forget_handle(struct udp *udp)
{
    udp->open--;
    if (udp->open == 0) {
        udp_free(udp);
    }
}

static void on_lane_closed(uv_handle_t *handle)
{
    const struct lane *lane = handle->data;
    close(lane->fd);
    forget_handle(lane->socket->udp);
}

static void on_timer_closed(uv_handle_t *handle)
{
    forget_handle(handle->data);
}

void udp_close(struct udp *udp)
{
    for (size_t i = 0; i < udp->count; i++) {
        struct lane *lanes[] = {&udp->sockets[i].media, &udp->sockets[i].aside};
        for (size_t lane = 0; lane < ARRAY_LEN(lanes); lane++) {
            if (lanes[lane]->fd >= 0) {
                uv_close((uv_handle_t *)&lanes[lane]->poll, on_lane_closed);
            }
        }
    }
    uv_close((uv_handle_t *)&udp->aside, on_timer_closed);
}
