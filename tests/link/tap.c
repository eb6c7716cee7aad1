/* SPDX-License-Identifier: Apache-2.0
 *
 * A device belongs to the namespace its maker is in, wherever its file descriptor goes later: so
 * the thread enters the namespace, opens the device and comes back.
 */
#include "tests/link/tap.h"

#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <sched.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <unistd.h>

static int open_here(const char *name)
{
    struct ifreq request = {.ifr_flags = IFF_TAP | IFF_NO_PI};
    int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
    snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", name);
    if (fd >= 0 && ioctl(fd, TUNSETIFF, &request) != 0) {
        close(fd);
        return ERR_IO;
    }
    return fd >= 0 ? fd : ERR_IO;
}

int tap_open(const char *netns_path, const char *name)
{
    if (netns_path[0] == '\0') {
        return open_here(name);
    }
    int fd = ERR_IO;
    int home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
    int there = open(netns_path, O_RDONLY | O_CLOEXEC);
    if (home >= 0 && there >= 0 && setns(there, CLONE_NEWNET) == 0) {
        fd = open_here(name);
        if (setns(home, CLONE_NEWNET) != 0) {
            unreachable(); /* where we came from */
        }
    }
    if (there >= 0) {
        close(there);
    }
    if (home >= 0) {
        close(home);
    }
    return fd;
}
