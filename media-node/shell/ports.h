/* SPDX-License-Identifier: Apache-2.0
 *
 * Opening of UDP sockets. A port has two: one for media, through which everything is sent, and one
 * for what may wait for a few milliseconds (ports_open_aside). They are told apart in the kernel,
 * for only what is not read at once wakes nobody.
 */
#ifndef MEDIA_NODE_SHELL_PORTS_H
#define MEDIA_NODE_SHELL_PORTS_H

#include "common/base/base.h"
#include "common/net/net.h"

/* A socket bound to that address, which nobody else has; prepared for inbound_read. ERR_IO, with
 * errno. The caller closes it. */
MUST_CHECK int ports_open(const struct net_addr *addr, int *fd);

/* Another socket at the address of the first one: from now on STUN and RTCP come here, as
 * stun_classify sorts them, and all else there. ERR_UNSUPPORTED: the kernel does not do that, and
 * all comes to the first. The caller closes it. */
MUST_CHECK int ports_open_aside(const struct net_addr *addr, int first, int *fd);

/* Whether it knows UDP_SEGMENT: a kernel that does not (before Linux 4.18) would send a burst as
 * one datagram. */
bool ports_can_cut(int fd);

#endif
