/* SPDX-License-Identifier: Apache-2.0
 *
 * What the sources of this folder share, under the name of the one that defines it.
 */
#ifndef ORCHESTRATOR_SHELL_FRONT_INTERNAL_H
#define ORCHESTRATOR_SHELL_FRONT_INTERNAL_H

#include "orchestrator/shell/dtls/dtls.h"
#include "orchestrator/shell/front/front.h"
#include "orchestrator/shell/sctp/sctp.h"

#include <uthash.h>

enum transport_state {
    TRANSPORT_OPENED,
    TRANSPORT_HANDSHAKE,
    TRANSPORT_CONNECTED,
    TRANSPORT_FAILED,
};

struct transport {
    uint64_t id;
    UT_hash_handle by_id;
    enum transport_state state;
    struct dtls_fingerprint expected;
    struct dtls *dtls;      /* from the first datagram until the failure was reported */
    struct orch_sctp *sctp; /* from the first application data until the failure */
    bool resumes;           /* SCTP begins with an INIT of ours, and these channels are open */
    struct orch_sctp_channel channels[FRONT_CHANNELS_MAX]; /* labels owned */
    size_t channel_count;
    struct front_keys keys;
    bool keys_attached; /* to every output, until the client showed that it is done, too */
    bool connected_due;
    bool failure_due;
    enum front_failure failure;
    int64_t handshake_end_us;
    struct transport *handshake_prev, *handshake_next; /* in front->handshakes (utlist) */
    struct transport *ready_prev, *ready_next;         /* in front->ready (utlist) */
    bool ready;
};

struct front {
    const struct log_sink *log;
    uint32_t handshakes_max;
    struct dtls_server *server;
    struct orch_sctp_stack *stack;
    struct transport *transports; /* uthash, by id */
    struct transport *handshakes; /* those in progress */
    struct transport *ready;      /* those that may have outputs, in the order they got them */
    struct datagrams *shown;      /* the queue front_poll() shows, to be emptied on the next call */
    struct bytes views[DATAGRAMS_MAX];
    struct front_stats stats; /* what is not counted further inside */
};

/* front.c */
struct transport *transport_find(const struct front *front, uint64_t id);
void transport_mark_ready(struct front *front, struct transport *transport);
void transport_fail(struct front *front, struct transport *transport, enum front_failure failure);
void transport_free_dtls(struct front *front, struct transport *transport);
void front_release_shown(struct front *front);

#endif
