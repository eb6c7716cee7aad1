/* SPDX-License-Identifier: Apache-2.0
 *
 * A client for a front under test: DTLS by dtls_client.h, data channels by orchestrator/shell/sctp
 * in a client's role, and a lossy wire each way. Time is the virtual one of openssl_time.h.
 */
#ifndef TESTS_LIB_FRONT_CLIENT_H
#define TESTS_LIB_FRONT_CLIENT_H

#include "orchestrator/shell/front/front.h"
#include "orchestrator/shell/sctp/sctp.h"
#include "tests/lib/dtls_client.h"
#include "tests/lib/wire.h"

struct front_client {
    uint64_t transport;
    struct dtls_client *dtls;
    struct orch_sctp_stack *stack;
    struct orch_sctp *sctp; /* from the moment DTLS is connected */
    struct wire *up;
    struct wire *down;
    int channels_answered; /* opened by the other side: none */
    int closed;
    int failed;
    size_t messages;
    size_t bytes;
    struct orch_sctp_message last; /* data is valid until the next one */
    uint8_t *body;
};

struct front_client *front_client_new(uint64_t transport, const struct dtls_client_config *dtls,
                                      const struct wire_config *up, const struct wire_config *down);
void front_client_free(struct front_client *client);

/* Opens this client's transport and sends its ClientHello. */
void front_client_start(struct front_client *client, struct front *front);

/* What is due: wire to client, client's timers, client to wire. */
void front_client_step(struct front_client *client, int64_t now_us);

int64_t front_client_deadline(const struct front_client *client, int64_t now_us);

#endif
