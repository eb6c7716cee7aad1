/* SPDX-License-Identifier: Apache-2.0
 *
 * Debian's Janus, with its videoroom alone, spoken to over a Unix socket. Everything it writes is
 * below a directory of its own, and goes with it. What it refuses ends the bench.
 */
#ifndef TESTS_BENCH_JANUS_RUN_H
#define TESTS_BENCH_JANUS_RUN_H

#include "common/base/base.h"

#include <jansson.h>
#include <sys/types.h>

struct janus_run;

bool janus_run_installed(void);

/* event_loops: as its setting; 0 leaves its default, a thread for every handle. */
struct janus_run *janus_run_start(unsigned event_loops);
void janus_run_stop(struct janus_run *run);

pid_t janus_run_pid(const struct janus_run *run);

/* A handle of the videoroom's, for one publisher or one viewer. */
json_int_t janus_run_attach(struct janus_run *run);

/* Sends a message to the plugin, with a description unless type is NULL, and waits for what it
 * says. Takes body; the result is the caller's. */
json_t *janus_run_ask(struct janus_run *run, json_int_t handle, json_t *body, const char *type,
                      const char *sdp);

/* The SDP of what janus_run_ask returned. */
const char *janus_run_sdp(const json_t *said);

/* Tells of the client's one candidate. */
void janus_run_trickle(struct janus_run *run, json_int_t handle, const char *candidate);

/* Takes what it tells unasked. */
void janus_run_drain(struct janus_run *run);

#endif
