/* SPDX-License-Identifier: Apache-2.0
 *
 * Data channels (RFC 8831) of one client: an SCTP association over usrsctp, and the channels opened
 * on it with DCEP (RFC 8832). What is encrypted and where packets go is not known here.
 *
 * Everything exported is called orch_sctp_*, not sctp_* as the folder asks: libusrsctp exports some
 * four hundred functions named sctp_*, and one of ours by the same name would take its place.
 *
 * Shape: packets go in with orch_sctp_receive() and are collected from orch_sctp_packets(); events
 * are polled. After an input, or orch_sctp_stack_expire(), ask orch_sctp_stack_ready() for the
 * associations that have something, and for each poll until false and take its packets, until
 * neither gives anything.
 *
 * usrsctp has one set of timers and one output callback per process, so associations belong to a
 * stack, and all stacks of a process share its clock: each call hands in now_us, which never goes
 * back, and the first call to see a later time moves usrsctp's clock on, in steps of 10 ms or more.
 * Round-trip times it measures with gettimeofday() instead, so now_us must advance as that does.
 */
#ifndef ORCHESTRATOR_SHELL_SCTP_SCTP_H
#define ORCHESTRATOR_SHELL_SCTP_SCTP_H

#include "common/base/base.h"
#include "orchestrator/shell/datagrams/datagrams.h"

#define ORCH_SCTP_PORT         5000 /* a=sctp-port of every offer and answer */
#define ORCH_SCTP_PACKET_MAX   1150 /* bytes: with DTLS around it, it fits a path MTU of 1,280 */
#define ORCH_SCTP_STREAMS      256  /* each way; 112 bytes each. The SDKs open three */
#define ORCH_SCTP_CHANNELS_MAX 64   /* open at once on one association */
#define ORCH_SCTP_LABEL_MAX    256  /* bytes of a label, NUL included */
#define ORCH_SCTP_MESSAGE_MAX  ((size_t)256 << 10) /* bytes of a message, both ways */
#define ORCH_SCTP_BUFFERED_MAX ((size_t)4 << 20)   /* unacknowledged bytes */
#define ORCH_SCTP_LOSSY_MAX    ((size_t)64 << 10)  /* above it lossy messages are dropped */
#define ORCH_SCTP_QUEUED_MAX                                                                       \
    8192 /* messages and packets unacknowledged: small messages cost too                           \
          */
#define ORCH_SCTP_TICK_US TIME_MS(10)

/* ---- Stack ------------------------------------------------------------------------------------
 */

struct orch_sctp_stack;

struct orch_sctp_stats {
    uint32_t associations; /* gauge */
    uint64_t messages_in;
    uint64_t messages_out;
    uint64_t lossy_dropped;   /* not sent, for ORCH_SCTP_LOSSY_MAX */
    uint64_t stray;           /* messages on a stream without a channel, or of an unknown type */
    uint64_t malformed;       /* DCEP messages that make no sense */
    uint64_t refused;         /* channels not opened: too many, or a label we do not take */
    uint64_t packets_dropped; /* more than DATAGRAMS_MAX waited; SCTP repairs it */
};

void orch_sctp_stack_new(struct orch_sctp_stack **out);
void orch_sctp_stack_free(struct orch_sctp_stack *stack); /* after its associations */
void orch_sctp_stack_expire(struct orch_sctp_stack *stack, int64_t now_us);
int64_t
orch_sctp_stack_deadline(const struct orch_sctp_stack *stack); /* a tick away, or TIME_NEVER */
const struct orch_sctp_stats *orch_sctp_stack_stats(const struct orch_sctp_stack *stack);

/* Takes one association that may have events or packets off the list, by the id it was made with.
 * False when no more. */
bool orch_sctp_stack_ready(struct orch_sctp_stack *stack, uint64_t *id);

/* ---- Association ------------------------------------------------------------------------------
 */

struct orch_sctp;

/* Waits for the peer's INIT. stack is borrowed; id is the caller's own name for it. ERR_IO: usrsctp
 * refuses. */
int orch_sctp_new(struct orch_sctp **out, struct orch_sctp_stack *stack, uint64_t id) MUST_CHECK;

/* Silent: no ABORT, no SHUTDOWN. What waits in its queues is lost. */
void orch_sctp_free(struct orch_sctp *sctp);

/* Sends an INIT of its own: what the side of a client does. ERR_STATE: done already. */
int orch_sctp_connect(struct orch_sctp *sctp, int64_t now_us) MUST_CHECK;

/* One packet, common header first. Malformed ones are dropped by usrsctp. */
void orch_sctp_receive(struct orch_sctp *sctp, int64_t now_us, struct bytes packet);

struct datagrams *orch_sctp_packets(struct orch_sctp *sctp); /* the caller empties it */

/* ---- Channels ---------------------------------------------------------------------------------
 */

struct orch_sctp_channel {
    uint16_t stream;
    const char *label; /* UTF-8 */
    bool ordered;
    enum orch_sctp_reliability {
        ORCH_SCTP_RELIABLE,
        ORCH_SCTP_RETRANSMITS, /* at most `limit` retransmissions */
        ORCH_SCTP_LIFETIME,    /* at most `limit` milliseconds */
    } reliability;
    uint32_t limit;
};

/* For a peer that has an association with somebody before us, and these channels on it: an INIT of
 * ours makes it begin anew with its channels as they are (RFC 9260 §5.2.4, case A), and once that
 * is through, ORCH_SCTP_OPENED says so of each. Packets of its old association, with a verification
 * tag that we do not know, are dropped in silence. Right after orch_sctp_new(); labels are copied.
 */
int orch_sctp_resume(struct orch_sctp *sctp, int64_t now_us,
                     const struct orch_sctp_channel *channels, size_t count) MUST_CHECK;

/* Channels to be opened by DCEP as soon as the peer's association is up, which ORCH_SCTP_OPENED
 * then says of each. Right after orch_sctp_new(); labels are copied. Streams are odd: the peer, as
 * the DTLS client, takes even ones (RFC 8832 §6). */
void orch_sctp_offer(struct orch_sctp *sctp, const struct orch_sctp_channel *channels,
                     size_t count);

/* Opens a channel by DCEP; messages may follow at once. A peer that takes it answers; of one that
 * does not we learn by ORCH_SCTP_CLOSED. ERR_EXISTS: the stream carries one; ERR_FULL: too many or
 * no buffer; ERR_TOO_BIG: label; ERR_STATE: no association; ERR_INVALID: stream out of range. */
int orch_sctp_open(struct orch_sctp *sctp, int64_t now_us,
                   const struct orch_sctp_channel *channel) MUST_CHECK;

/* Closes it by resetting our side of its stream (RFC 8831 §6.7). ERR_NOT_FOUND. */
int orch_sctp_close(struct orch_sctp *sctp, int64_t now_us, uint16_t stream) MUST_CHECK;

/* The open channel of that label (the one on the lowest stream), or ERR_NOT_FOUND. */
int orch_sctp_stream(const struct orch_sctp *sctp, const char *label) MUST_CHECK;

struct orch_sctp_message {
    uint16_t stream;
    bool binary;
    struct bytes data;
};

/* Copied. ERR_NOT_FOUND: no such channel; ERR_TOO_BIG; ERR_FULL: see front_send(); ERR_STATE. */
int orch_sctp_send(struct orch_sctp *sctp, int64_t now_us,
                   const struct orch_sctp_message *message) MUST_CHECK;

size_t orch_sctp_buffered(const struct orch_sctp *sctp); /* bytes the peer has not acknowledged */

/* ---- Events -----------------------------------------------------------------------------------
 */

struct orch_sctp_out {
    enum orch_sctp_out_kind {
        ORCH_SCTP_OPENED,  /* by the peer, orch_sctp_resume(), orch_sctp_offer(): `channel` */
        ORCH_SCTP_MESSAGE, /* `channel`, `message` */
        ORCH_SCTP_CLOSED,  /* by the peer, or by orch_sctp_close() and then by it: `channel` */
        ORCH_SCTP_DRAINED, /* after ERR_FULL: half of the buffer is free */
        ORCH_SCTP_FAILED,  /* `failure`; nothing follows */
    } kind;
    struct orch_sctp_channel channel;
    struct orch_sctp_message message;
    enum orch_sctp_failure {
        ORCH_SCTP_LOST,    /* no answer for minutes, or it never came up */
        ORCH_SCTP_BY_PEER, /* ABORT or SHUTDOWN: what a browser's pc.close() sends */
        ORCH_SCTP_TOO_BIG, /* the peer sent a message above ORCH_SCTP_MESSAGE_MAX */
    } failure;
};

/* False when drained. *out is valid until the next call with this stack or one of its associations.
 */
bool orch_sctp_poll(struct orch_sctp *sctp, struct orch_sctp_out *out);

#endif
