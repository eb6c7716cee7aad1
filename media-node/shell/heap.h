/* SPDX-License-Identifier: Apache-2.0
 *
 * When memory that was freed goes back to the system. malloc gives back by itself only what lies
 * above all that is in use, which after a crowd has gone, or has come to rest, is next to nothing.
 * To look through all of it takes up to a millisecond, and to give back 170 MB took 8 ms more, in
 * which nothing is forwarded: so this is done while little is. A node that is never quiet keeps
 * what it freed, for it is about to need it again.
 */
#ifndef MEDIA_NODE_SHELL_HEAP_H
#define MEDIA_NODE_SHELL_HEAP_H

#include "common/base/base.h"

#define HEAP_QUIET  1000          /* packets of media a second: fewer make a quiet one */
#define HEAP_TRIM_S 10            /* quiet seconds in a row, and then again as many */
#define HEAP_KEEP   (1024 * 1024) /* bytes at the top, so that little things need no system call */

/* All zero at first. */
struct heap {
    uint64_t sent;
    unsigned quiet_s;
};

/* Once a second, with how many packets were sent so far: whether to give back now. */
bool heap_look(struct heap *heap, uint64_t sent);

#endif
