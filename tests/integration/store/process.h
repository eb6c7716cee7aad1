/* SPDX-License-Identifier: Apache-2.0
 *
 * Real processes for the tests of the store, and a loop that waits for what comes of them.
 */
#ifndef TESTS_INTEGRATION_STORE_PROCESS_H
#define TESTS_INTEGRATION_STORE_PROCESS_H

#include <stdint.h>
#include <sys/types.h>
#include <uv.h>

/* A TCP port of the loopback that nobody listens on now. */
uint16_t free_port(void);

/* Found on the path; words end with NULL. Its output goes nowhere. */
pid_t process_start(const char *const *words);
/* Kills it unless it is 0, and makes it so. */
void process_kill(pid_t *pid);

/* Runs the loop until *value is at least this, within 20 s. */
void loop_until(uv_loop_t *loop, const uint64_t *value, uint64_t at_least);

#endif
