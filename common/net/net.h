/* SPDX-License-Identifier: Apache-2.0
 *
 * An IP address with its port, as a plain value: compared, hashed, printed and handed to sockets.
 * No name is ever resolved here; link-local scopes are left out, for no candidate carries one.
 * Sockets are bound per family (IPV6_V6ONLY), so an IPv4-mapped IPv6 address stays what it is.
 */
#ifndef COMMON_NET_NET_H
#define COMMON_NET_NET_H

#include <sys/socket.h> /* tidy: allow sys/socket.h, only its types */

#include "common/base/base.h"

#define NET_TEXT_MAX 56 /* "[" + 45 characters of IPv6 + "]:65535" + NUL, rounded up */

enum net_family { NET_NONE = 0, NET_V4 = 4, NET_V6 = 6 };

/* All zero is NET_NONE: no address. Unused bytes are kept zero. */
struct net_addr {
    uint8_t ip[16]; /* network order; NET_V4 uses the first four */
    uint16_t port;  /* host order */
    uint8_t family; /* enum net_family */
};

static inline size_t net_ip_len(const struct net_addr *addr)
{
    return addr->family == NET_V4 ? 4 : addr->family == NET_V6 ? 16 : 0;
}

/* Same family, ip and port. */
bool net_equal(const struct net_addr *a, const struct net_addr *b);

/* For tables whose keys strangers choose: give a random seed. */
uint64_t net_hash(const struct net_addr *addr, uint64_t seed);

/* A numeric ip and a port. ERR_INVALID if ip is no IPv4 or IPv6 address. */
MUST_CHECK int net_from_text(struct net_addr *out, const char *ip, uint16_t port);

/* "192.0.2.1:7882" or "[2001:db8::1]:7882". ERR_INVALID. */
MUST_CHECK int net_parse(struct net_addr *out, const char *text);

/* The form net_parse reads; "none" for NET_NONE. Returns out. */
const char *net_text(const struct net_addr *addr, char out[NET_TEXT_MAX]);

/* The ip alone, without brackets; "none" for NET_NONE. Returns out. */
const char *net_ip_text(const struct net_addr *addr, char out[NET_TEXT_MAX]);

/* Fills out and returns its length. addr must be NET_V4 or NET_V6. */
socklen_t net_to_sockaddr(const struct net_addr *addr, struct sockaddr_storage *out);

/* ERR_UNSUPPORTED for other families, ERR_TRUNCATED if len is too short for the family. */
MUST_CHECK int net_from_sockaddr(struct net_addr *out, const struct sockaddr *sa, socklen_t len);

#endif
