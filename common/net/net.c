/* SPDX-License-Identifier: Apache-2.0 */
#include "common/net/net.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>

bool net_equal(const struct net_addr *a, const struct net_addr *b)
{
    return a->family == b->family && a->port == b->port && memcmp(a->ip, b->ip, net_ip_len(a)) == 0;
}

/* The finalizer of splitmix64: every input bit reaches every output bit. */
static uint64_t mix(uint64_t x)
{
    x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
    return x ^ x >> 31;
}

uint64_t net_hash(const struct net_addr *addr, uint64_t seed)
{
    uint64_t h = mix(seed ^ ((uint64_t)addr->family << 16 | addr->port));
    h = mix(h ^ be64_get(addr->ip));
    return mix(h ^ be64_get(addr->ip + 8));
}

int net_from_text(struct net_addr *out, const char *ip, uint16_t port)
{
    struct net_addr addr = {.port = port};
    if (inet_pton(AF_INET, ip, addr.ip) == 1) {
        addr.family = NET_V4;
    } else if (inet_pton(AF_INET6, ip, addr.ip) == 1) {
        addr.family = NET_V6;
    } else {
        return ERR_INVALID;
    }
    *out = addr;
    return 0;
}

static int port_from_text(const char *text, uint16_t *out)
{
    uint32_t port = 0;
    size_t len = strlen(text);
    if (len == 0 || len > 5) {
        return ERR_INVALID;
    }
    for (const char *p = text; *p != '\0'; p++) {
        if (*p < '0' || *p > '9') {
            return ERR_INVALID;
        }
        port = port * 10 + (uint32_t)(*p - '0');
    }
    if (port > UINT16_MAX) {
        return ERR_INVALID;
    }
    *out = (uint16_t)port;
    return 0;
}

int net_parse(struct net_addr *out, const char *text)
{
    char ip[NET_TEXT_MAX];
    const char *colon = strrchr(text, ':');
    size_t len = colon == NULL ? 0 : (size_t)(colon - text);
    bool bracketed = len >= 2 && text[0] == '[' && text[len - 1] == ']';
    if (bracketed) {
        text++;
        len -= 2;
    }
    if (len == 0 || len >= sizeof(ip)) {
        return ERR_INVALID;
    }
    memcpy(ip, text, len);
    ip[len] = '\0';

    uint16_t port;
    struct net_addr addr;
    if (port_from_text(colon + 1, &port) != 0 || net_from_text(&addr, ip, port) != 0 ||
        bracketed != (addr.family == NET_V6)) {
        return ERR_INVALID;
    }
    *out = addr;
    return 0;
}

const char *net_ip_text(const struct net_addr *addr, char out[NET_TEXT_MAX])
{
    if (addr->family == NET_NONE) {
        memcpy(out, "none", sizeof("none"));
        return out;
    }
    const char *text =
        inet_ntop(addr->family == NET_V4 ? AF_INET : AF_INET6, addr->ip, out, NET_TEXT_MAX);
    assert(text != NULL);
    return text;
}

const char *net_text(const struct net_addr *addr, char out[NET_TEXT_MAX])
{
    if (addr->family == NET_NONE) {
        return net_ip_text(addr, out);
    }
    char ip[NET_TEXT_MAX];
    net_ip_text(addr, ip);
    bool v6 = addr->family == NET_V6;
    snprintf(out, NET_TEXT_MAX, "%s%.45s%s:%u", v6 ? "[" : "", ip, v6 ? "]" : "", addr->port);
    return out;
}

socklen_t net_to_sockaddr(const struct net_addr *addr, struct sockaddr_storage *out)
{
    memset(out, 0, sizeof(*out));
    if (addr->family == NET_V4) {
        struct sockaddr_in *in = (struct sockaddr_in *)out;
        in->sin_family = AF_INET;
        in->sin_port = htons(addr->port);
        memcpy(&in->sin_addr, addr->ip, 4);
        return sizeof(*in);
    }
    assert(addr->family == NET_V6);
    struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)out;
    in6->sin6_family = AF_INET6;
    in6->sin6_port = htons(addr->port);
    memcpy(&in6->sin6_addr, addr->ip, 16);
    return sizeof(*in6);
}

int net_from_sockaddr(struct net_addr *out, const struct sockaddr *sa, socklen_t len)
{
    struct sockaddr_in in;
    struct sockaddr_in6 in6;
    if (len < offsetof(struct sockaddr, sa_data)) {
        return ERR_TRUNCATED;
    }
    if (sa->sa_family == AF_INET) {
        if (len < sizeof(in)) {
            return ERR_TRUNCATED;
        }
        memcpy(&in, sa, sizeof(in));
        *out = (struct net_addr){.port = ntohs(in.sin_port), .family = NET_V4};
        memcpy(out->ip, &in.sin_addr, 4);
        return 0;
    }
    if (sa->sa_family == AF_INET6) {
        if (len < sizeof(in6)) {
            return ERR_TRUNCATED;
        }
        memcpy(&in6, sa, sizeof(in6));
        *out = (struct net_addr){.port = ntohs(in6.sin6_port), .family = NET_V6};
        memcpy(out->ip, &in6.sin6_addr, 16);
        return 0;
    }
    return ERR_UNSUPPORTED;
}
