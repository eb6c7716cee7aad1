/* SPDX-License-Identifier: Apache-2.0 */
#include "media-node/shell/inbound.h"

#include "media-node/shell/parts.h"

#include <netinet/udp.h>
#include <stdlib.h>
#include <time.h>

#define WAIT_MAX_US TIME_S(1)
/* A row is shorter than 64 KB. What is on top spreads the buffers' beginnings, where all the
 * headers are, over the cache: 64 KB apart they would share a few of its lines. */
#define BUFFER_BYTES (65536 + 19 * 64)

struct inbound {
    struct mmsghdr messages[INBOUND_MESSAGES];
    struct iovec iovs[INBOUND_MESSAGES];
    struct sockaddr_storage addrs[INBOUND_MESSAGES];
    union {
        struct cmsghdr align;
        uint8_t bytes[CMSG_SPACE(sizeof(struct timespec)) + CMSG_SPACE(sizeof(uint32_t)) +
                      CMSG_SPACE(sizeof(int))];
    } notes[INBOUND_MESSAGES]; /* SO_TIMESTAMPNS, SO_RXQ_OVFL, UDP_GRO */
    struct node_datagram datagrams[INBOUND_MAX];
    uint8_t buffers[INBOUND_MESSAGES][BUFFER_BYTES];
};

/* What the kernel says about a message. */
struct notes {
    int64_t waited_us;
    size_t segment; /* bytes of each datagram but the last; 0: it is one datagram */
};

struct inbound *inbound_new(void)
{
    struct inbound *inbound = mem_alloc(sizeof(*inbound));
    for (size_t i = 0; i < INBOUND_MESSAGES; i++) {
        inbound->iovs[i] = (struct iovec){inbound->buffers[i], BUFFER_BYTES};
        inbound->messages[i].msg_hdr = (struct msghdr){
            .msg_name = &inbound->addrs[i], .msg_iov = &inbound->iovs[i], .msg_iovlen = 1};
    }
    return inbound;
}

void inbound_free(struct inbound *inbound)
{
    free(inbound);
}

void inbound_prepare(int fd)
{
    int on = 1;
    (void)setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof(on));
    (void)setsockopt(fd, SOL_SOCKET, SO_RXQ_OVFL, &on, sizeof(on));
    (void)setsockopt(fd, SOL_UDP, UDP_GRO, &on, sizeof(on));
}

/* Returns how many messages were read. */
static size_t receive(struct inbound *inbound, int fd)
{
    for (size_t i = 0; i < INBOUND_MESSAGES; i++) {
        struct msghdr *header = &inbound->messages[i].msg_hdr;
        header->msg_namelen = sizeof(inbound->addrs[i]);
        header->msg_control = &inbound->notes[i];
        header->msg_controllen = sizeof(inbound->notes[i]);
    }
    int count = recvmmsg(fd, inbound->messages, INBOUND_MESSAGES, MSG_DONTWAIT, NULL);
    return count > 0 ? (size_t)count : 0;
}

/* How long a message waited in the kernel, by its stamp, which is of the wall clock: a clock that
 * was set meanwhile gives nonsense, and nonsense counts as no wait. */
static int64_t waited_us(const struct cmsghdr *note, const struct timespec *wall)
{
    struct timespec stamp;
    memcpy(&stamp, CMSG_DATA(note), sizeof(stamp));
    int64_t waited =
        (wall->tv_sec - stamp.tv_sec) * 1000000 + (wall->tv_nsec - stamp.tv_nsec) / 1000;
    return waited < 0 || waited > WAIT_MAX_US ? 0 : waited;
}

static struct notes read_notes(struct msghdr *header, const struct timespec *wall,
                               struct inbound_batch *batch)
{
    struct notes out = {0};
    struct cmsghdr *note;
    for (note = CMSG_FIRSTHDR(header); note != NULL; note = CMSG_NXTHDR(header, note)) {
        if (note->cmsg_level == SOL_SOCKET && note->cmsg_type == SCM_TIMESTAMPNS) {
            out.waited_us = waited_us(note, wall);
        } else if (note->cmsg_level == SOL_SOCKET && note->cmsg_type == SO_RXQ_OVFL) {
            memcpy(&batch->full, CMSG_DATA(note), sizeof(batch->full));
            batch->full_known = true;
        } else if (note->cmsg_level == SOL_UDP && note->cmsg_type == UDP_GRO) {
            int segment;
            memcpy(&segment, CMSG_DATA(note), sizeof(segment));
            out.segment = segment > 0 ? (size_t)segment : 0;
        }
    }
    return out;
}

/* One message's datagrams. */
static void cut(struct inbound_batch *batch, const struct node_datagram *message, size_t segment)
{
    size_t left = message->len;
    size_t step = segment == 0 || segment > left ? left : segment;
    for (size_t n = 0; n < INBOUND_ROW_MAX && (n == 0 || left > 0); n++) {
        struct node_datagram *datagram = &batch->datagrams[batch->count];
        *datagram = *message;
        datagram->data = message->data + (message->len - left);
        datagram->len = MIN(step, left);
        left -= datagram->len;
        if (datagram->len > SHELL_PACKET) {
            batch->truncated++;
        } else {
            batch->count++;
        }
    }
}

struct inbound_batch inbound_read(struct inbound *inbound, int fd)
{
    size_t received = receive(inbound, fd);
    struct inbound_batch batch = {.messages = received, .datagrams = inbound->datagrams};
    struct timespec wall;
    clock_gettime(CLOCK_REALTIME, &wall);
    for (size_t i = 0; i < received; i++) {
        struct msghdr *header = &inbound->messages[i].msg_hdr;
        struct notes notes = read_notes(header, &wall, &batch);
        struct node_datagram message = {.data = inbound->buffers[i],
                                        .len = inbound->messages[i].msg_len,
                                        .waited_us = notes.waited_us};
        if (net_from_sockaddr(&message.remote, header->msg_name, header->msg_namelen) == 0) {
            cut(&batch, &message, notes.segment);
        }
    }
    return batch;
}
