/* SPDX-License-Identifier: Apache-2.0
 *
 * A WebSocket client of the simplest kind, on loopback, for benches: binary messages both ways.
 * Whatever does not go as it should ends the bench.
 */
#ifndef TESTS_BENCH_WS_H
#define TESTS_BENCH_WS_H

#include "common/base/base.h"

struct ws;

/* target: path and query. Returns when the server has upgraded the connection. */
struct ws *ws_open(uint16_t port, const char *target);
void ws_close(struct ws *ws);

int ws_fd(const struct ws *ws);
void ws_send(struct ws *ws, struct bytes message);

/* The next message that is there, valid until the next call; false if none is. */
bool ws_receive(struct ws *ws, struct bytes *message);

#endif
