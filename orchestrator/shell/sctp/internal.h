/* SPDX-License-Identifier: Apache-2.0
 *
 * What the sources of this folder share, under the name of the one that defines it.
 */
#ifndef ORCHESTRATOR_SHELL_SCTP_INTERNAL_H
#define ORCHESTRATOR_SHELL_SCTP_INTERNAL_H

#include "orchestrator/shell/sctp/sctp.h"

#include <usrsctp.h>
#include <uthash.h>

#define INBOX_MAX ((size_t)1 << 20) /* bytes; with more waiting, packets are dropped unread */

struct channel {
    struct orch_sctp_channel info; /* the label is a copy of its own */
    bool ack_due;                  /* our DATA_CHANNEL_ACK was not taken yet */
    bool ack_wanted;               /* the peer has not answered our DATA_CHANNEL_OPEN */
    bool open_due;                 /* which is sent once the association is up (orch_sctp_offer) */
    bool opened;                   /* without an OPEN of the peer's; to be reported */
    bool closing;                  /* we reset our side; waits for the peer to reset its own */
    bool closed;                   /* the peer reset its side; to be reported */
};

/* What usrsctp handed over: a message, a part of one, or a notification. */
struct piece {
    struct piece *next;
    uint8_t *data; /* allocated by usrsctp, freed by us */
    size_t len;
    uint16_t stream;
    uint32_t ppid;
    bool last; /* of its message */
    bool notification;
};

/* A message so long that usrsctp hands it over while it still arrives. It finishes one before it
 * begins the next. */
struct partial {
    uint8_t *bytes;
    size_t len;
    size_t capacity;
    bool complete; /* being shown to the caller */
};

/* Sizes of the messages usrsctp still holds, in a ring: it tells how many bytes it holds, but not
 * how many messages, and a million of one byte would cost half a gigabyte inside it. Acknowledged
 * bytes are taken off the oldest messages, so the count is exact whenever one stream is in use, and
 * right in the end otherwise. */
struct outstanding {
    uint32_t *sizes;
    uint32_t capacity; /* a power of two, or 0 */
    uint32_t first;
    uint32_t count;
    uint64_t bytes_sent;
    uint64_t bytes_dropped; /* of the messages taken off */
};

struct orch_sctp {
    uintptr_t handle; /* what usrsctp knows it by: not a pointer, and never used twice */
    UT_hash_handle by_handle;
    uint64_t id;
    struct orch_sctp_stack *stack;
    struct orch_sctp *ready_next;
    bool ready; /* on the stack's list */
    bool up;
    bool failed;
    bool failure_reported;
    enum orch_sctp_failure failure;
    bool full; /* a reliable message was refused: say when there is room */
    struct socket *socket;
    sctp_assoc_t association;
    struct datagrams packets;
    size_t buffered; /* bytes usrsctp holds: exact after each SACK, a sum in between */
    struct outstanding outstanding;
    struct channel *channels; /* at most ORCH_SCTP_CHANNELS_MAX */
    size_t channel_count;
    struct piece *inbox_first; /* in order of arrival */
    struct piece **inbox_end;
    size_t inbox_bytes;
    struct piece *shown; /* the message the caller looks at */
    struct partial partial;
};

struct orch_sctp_stack {
    struct orch_sctp_stats stats;
    struct orch_sctp *ready_first;
    struct orch_sctp **ready_end;
    char closed_label[ORCH_SCTP_LABEL_MAX]; /* of the channel being shown as closed */
};

/* stack.c */
void library_add(struct orch_sctp *sctp);
void library_remove(struct orch_sctp *sctp);
void library_advance(int64_t now_us);
struct orch_sctp *library_find(void *handle);
void stack_mark_ready(struct orch_sctp *sctp);

/* association.c */
void association_fail(struct orch_sctp *sctp, enum orch_sctp_failure failure);

/* channel.c */
struct channel *channel_find(const struct orch_sctp *sctp, uint16_t stream); /* in any state */
struct channel *channel_add(struct orch_sctp *sctp, const struct orch_sctp_channel *info);
void channel_remove(struct orch_sctp *sctp, struct channel *channel);
void channel_send_ack(struct orch_sctp *sctp, struct channel *channel);
int channel_send_open(struct orch_sctp *sctp, struct channel *channel);
void channel_reset(struct orch_sctp *sctp, uint16_t stream);

/* receive.c */
int receive_on_data(struct socket *socket, union sctp_sockstore from, void *data, size_t len,
                    struct sctp_rcvinfo info, int flags, void *handle);
void receive_forget(struct orch_sctp *sctp);

/* send.c */
int send_on_acknowledged(struct socket *socket, uint32_t free_bytes, void *handle);
int transmit(struct orch_sctp *sctp, const struct channel *channel, uint32_t ppid,
             struct bytes data) MUST_CHECK;
bool drained(const struct orch_sctp *sctp);

#endif
