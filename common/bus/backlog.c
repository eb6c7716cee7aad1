/* SPDX-License-Identifier: Apache-2.0
 *
 * What a socket has handed to ZeroMQ that is not on the wire yet, in bytes: ZeroMQ counts messages
 * only, and does not tell. It is lent each message's memory and gives it back, in a thread of its
 * own and perhaps after the socket is closed; hence the atomic counters, and the one of users.
 */
#include "common/bus/internal.h"

#include <stdatomic.h>
#include <stdlib.h>

struct backlog {
    atomic_size_t bytes;
    atomic_size_t users; /* the socket, and each message */
};

struct lent {
    struct backlog *backlog;
    size_t len;
    uint8_t data[];
};

struct backlog *backlog_new(void)
{
    struct backlog *backlog = mem_alloc(sizeof(*backlog));
    atomic_init(&backlog->users, 1);
    return backlog;
}

void backlog_release(struct backlog *backlog)
{
    if (atomic_fetch_sub(&backlog->users, 1) == 1) {
        free(backlog);
    }
}

size_t backlog_bytes(struct backlog *backlog)
{
    return atomic_load(&backlog->bytes);
}

static void give_back(void *data, void *hint)
{
    struct lent *lent = hint;
    (void)data;
    atomic_fetch_sub(&lent->backlog->bytes, lent->len);
    backlog_release(lent->backlog);
    free(lent);
}

void backlog_lend(struct backlog *backlog, struct bytes message, zmq_msg_t *out)
{
    struct lent *lent = mem_alloc(sizeof(*lent) + message.len);
    lent->backlog = backlog;
    lent->len = message.len;
    if (message.len > 0) {
        memcpy(lent->data, message.data, message.len);
    }
    atomic_fetch_add(&backlog->bytes, message.len);
    atomic_fetch_add(&backlog->users, 1);
    if (zmq_msg_init_data(out, lent->data, message.len, give_back, lent) != 0) {
        unreachable(); /* but for memory, as everywhere */
    }
}
