/* SPDX-License-Identifier: Apache-2.0 */
#include "media-node/shell/ports.h"

#include "media-node/shell/inbound.h"

#include <linux/filter.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <sys/socket.h>
#include <unistd.h>

#define BUFFER_BYTES (8 << 20) /* asked of the kernel for each direction */

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

static bool set(int fd, int option)
{
    int on = 1;
    return setsockopt(fd, SOL_SOCKET, option, &on, sizeof(on)) == 0;
}

/* shared: beside another one that allows it. */
MUST_CHECK static int open_bound(const struct net_addr *addr, bool shared, int *out)
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
    if ((shared && !set(fd, SO_REUSEPORT)) || bind(fd, (const struct sockaddr *)&bound, len) != 0) {
        close(fd);
        return ERR_IO;
    }
    widen(fd);
    *out = fd;
    return 0;
}

int ports_open(const struct net_addr *addr, int *fd)
{
    return open_bound(addr, false, fd);
}

/* Of the sockets of an address, numbered as they were bound: 1 for STUN (RFC 7983 §7) and RTCP
 * (RFC 5761 §4), else 0. A read behind the end is 0, too. */
static int attach_sorter(int fd)
{
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 0),
        BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, 3, 0, 6),
        BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, 128, 0, 4),
        BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, 191, 3, 0),
        BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 1),
        BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, 192, 0, 1),
        BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, 223, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, 0),
        BPF_STMT(BPF_RET | BPF_K, 1),
    };
    const struct sock_fprog sorter = {.len = ARRAY_LEN(code), .filter = code};
    return setsockopt(fd, SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF, &sorter, sizeof(sorter));
}

/* The first one was bound alone, so that the port is not anybody else's, and is shared since. */
int ports_open_aside(const struct net_addr *addr, int first, int *fd)
{
    int aside;
    if (!set(first, SO_REUSEPORT) || open_bound(addr, true, &aside) != 0) {
        return ERR_UNSUPPORTED;
    }
    if (attach_sorter(first) != 0) {
        close(aside);
        return ERR_UNSUPPORTED;
    }
    *fd = aside;
    return 0;
}

bool ports_can_cut(int fd)
{
    int segment;
    socklen_t len = sizeof(segment);
    return getsockopt(fd, SOL_UDP, UDP_SEGMENT, &segment, &len) == 0;
}
