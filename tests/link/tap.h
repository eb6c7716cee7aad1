/* SPDX-License-Identifier: Apache-2.0
 *
 * A TAP device in a network namespace: what the kernel there sends on it is read here, what is
 * written here it receives.
 */
#ifndef TESTS_LINK_TAP_H
#define TESTS_LINK_TAP_H

#include "common/base/base.h"

/* Makes a device of this name in the namespace of that path (/run/netns/NAME, /proc/PID/ns/net; "":
 * our own), and returns its non-blocking file descriptor; the device goes with it. ERR_IO: errno
 * says why. */
MUST_CHECK int tap_open(const char *netns_path, const char *name);

#endif
