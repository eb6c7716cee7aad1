/* SPDX-License-Identifier: Apache-2.0
 *
 * Of a host with several addresses of one family: to which of them each client came, for what it is
 * sent must leave from there. It has one socket and tries them all, so what the core knows of it,
 * its address and our port, does not tell.
 *
 * An answer to a check leaves from where the check came to, everything else from where DTLS or
 * media came to last: checks of the addresses that the client does not use go on for as long as it
 * lives.
 *
 * Strangers choose addresses, and with them where they stand in our table. It is bounded, and a
 * search short: the entry that was not heard for the longest time makes place. Whose entry went
 * gets the first address until it is heard again, as every client that was never heard does.
 */
#ifndef MEDIA_NODE_SHELL_ORIGINS_H
#define MEDIA_NODE_SHELL_ORIGINS_H

#include "common/base/base.h"
#include "common/net/net.h"

#define ORIGINS_NONE UINT8_MAX
#define ORIGINS_WAYS 4
#define ORIGINS_SETS 4096 /* a power of two */

struct origins;

/* What a datagram is, by its first byte (RFC 7983). */
bool origins_is_stun(struct bytes packet);

struct origins *origins_new(uint64_t seed);
void origins_free(struct origins *origins);

/* A datagram came to that address of ours. */
void origins_note(struct origins *origins, uint16_t endpoint, const struct net_addr *remote,
                  bool stun, uint8_t address);

/* Where a packet for it is to leave from; ORIGINS_NONE: nothing is known of it. */
uint8_t origins_find(const struct origins *origins, uint16_t endpoint,
                     const struct net_addr *remote, bool stun);

#endif
