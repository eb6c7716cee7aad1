/* SPDX-License-Identifier: Apache-2.0
 *
 * A WebSocket client (RFC 6455) that never blocks: messages both ways, pings answered, no TLS, no
 * fragments. It fails for good, with a reason, when anything does not go as it should.
 */
#ifndef TESTS_LIB_WS_CLIENT_H
#define TESTS_LIB_WS_CLIENT_H

#include "common/base/base.h"

#include <netinet/in.h>

#define WS_CLIENT_BUFFER_MAX                                                                       \
    (4 << 20) /* bytes unsent, and of an incoming message: fails beyond                            \
               */
#define WS_CLIENT_REASON_MAX 256

struct ws_client;

/* Begins to connect; target: path and query. */
struct ws_client *ws_client_open(const struct sockaddr_in *addr, const char *target);
void ws_client_close(struct ws_client *ws);

/* Watch it edge-triggered for reading and writing; after an event, receive until there is nothing.
 * Stays the same, also after a failure. */
int ws_client_fd(const struct ws_client *ws);

/* A binary message. Kept until the server has upgraded the connection. */
void ws_client_send(struct ws_client *ws, struct bytes message);

/* Sends and reads what can be. The next message that is there, valid until the next call; false if
 * none is. */
bool ws_client_receive(struct ws_client *ws, struct bytes *message);

/* Why it failed, NULL as long as it has not. */
const char *ws_client_failure(const struct ws_client *ws);

#endif
