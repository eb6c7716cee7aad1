/* SPDX-License-Identifier: Apache-2.0
 *
 * Datagrams on their way from the kernel, read in batches: one recvmmsg for up to INBOUND_MESSAGES
 * messages, each a datagram or a row of them from one address that the kernel merged on the way in
 * (UDP_GRO, udp(7)): a card that hands over several packets of a frame at once, or another node's
 * bursts, cost one message. All of a row have one size, and only the last may be shorter.
 */
#ifndef MEDIA_NODE_SHELL_INBOUND_H
#define MEDIA_NODE_SHELL_INBOUND_H

#include "common/base/base.h"
#include "media-node/core/node/node.h"

/* More would wait for each other, and for what is made of them, and other sockets for all of it
 * (measured by bench.latency). */
#define INBOUND_MESSAGES 16
#define INBOUND_ROW_MAX                                                                            \
    64 /* datagrams that the kernel merges into one message (UDP_MAX_SEGMENTS) */
#define INBOUND_MAX (INBOUND_MESSAGES * INBOUND_ROW_MAX)

struct inbound;
struct inbound *inbound_new(void);
void inbound_free(struct inbound *inbound);

/* Asks the kernel to merge, and to tell when datagrams arrived and how many found no place. What it
 * does not know, it does without: then nothing is merged, no wait known, or nothing counted. */
void inbound_prepare(int fd);

struct inbound_batch {
    size_t messages;                 /* 0 .. INBOUND_MESSAGES */
    struct node_datagram *datagrams; /* all but .endpoint; valid until the next read */
    size_t count;                    /* 0 .. INBOUND_MAX */
    size_t truncated;                /* were longer than SHELL_PACKET: not among them */
    bool full_known;
    uint32_t full; /* datagrams that found no place since the socket was opened, modulo 2^32 */
};

/* Reads what is there, without waiting. What the kernel reports instead (an ICMP error that an
 * earlier send got back) counts as nothing. */
struct inbound_batch inbound_read(struct inbound *inbound, int fd);

#endif
