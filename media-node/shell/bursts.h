/* SPDX-License-Identifier: Apache-2.0
 *
 * Packets on their way to the kernel, gathered into bursts: one message each, which the kernel cuts
 * into datagrams (UDP_SEGMENT). The core makes a frame's packets one after the other, each for all
 * of its subscribers; what is wanted is all of the frame for one subscriber.
 *
 * A burst is for one address, its packets have one size, and only the last may be shorter. Packets
 * for one address keep their order; those for different addresses may change places.
 *
 * Strangers choose addresses, and with them where they stand in our table. So a search is short: an
 * address that finds no place goes on with bursts of a single packet.
 */
#ifndef MEDIA_NODE_SHELL_BURSTS_H
#define MEDIA_NODE_SHELL_BURSTS_H

#include "common/base/base.h"
#include "common/net/net.h"

#include <sys/uio.h>

#define BURSTS_PACKETS    2048  /* waiting at a time */
#define BURSTS_TABLE      4096  /* a power of two */
#define BURST_PACKETS_MAX 16    /* more save little; the kernel takes 64 */
#define BURST_BYTES_MAX   60000 /* one message: less than the 65,507 of a UDP datagram */

struct burst {
    struct net_addr remote;
    uint16_t segment; /* bytes of each packet but the last */
    uint16_t count;   /* packets, 1 .. BURST_PACKETS_MAX */
    uint16_t first;   /* these are places in waiting */
    uint16_t last;
    uint32_t bytes; /* of all packets */
    bool shorter;   /* the last packet is shorter: no more can follow */
};

struct bursts {
    unsigned packets_max; /* of a burst */
    size_t packet_count;
    size_t burst_count;
    struct {
        struct bytes bytes; /* borrowed */
        uint16_t next;
    } waiting[BURSTS_PACKETS];
    struct burst bursts[BURSTS_PACKETS]; /* in the order to send them in */
    uint16_t places[BURSTS_PACKETS];     /* by burst: its place in table, plus one */
    uint16_t table[BURSTS_TABLE];        /* by address: its newest burst, plus one; 0 none */
};

/* All zero is empty, with packets_max to be set: 1 .. BURST_PACKETS_MAX, 1 for a kernel that can't
 * cut. False: full; take the bursts, clear, and add again. */
MUST_CHECK bool bursts_add(struct bursts *bursts, const struct net_addr *remote,
                           struct bytes packet);

/* Writes the packets of burst number i to out and returns how many. */
size_t bursts_packets(const struct bursts *bursts, size_t i, struct iovec out[BURST_PACKETS_MAX]);

void bursts_clear(struct bursts *bursts);

#endif
