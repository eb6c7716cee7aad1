/* SPDX-License-Identifier: Apache-2.0
 *
 * The orchestrator as a process: core/orch and the shells around it on one libuv loop. Decides
 * nothing: every callback stamps the time, feeds the core, carries its effects out, and arms one
 * timer at the earliest deadline.
 */
#ifndef ORCHESTRATOR_SHELL_SERVER_SERVER_H
#define ORCHESTRATOR_SHELL_SERVER_SERVER_H

#include "common/base/base.h"
#include "orchestrator/config.h"

struct server;

/* Listens and binds everything. ERR_IO, ERR_CRYPTO or ERR_INVALID, with what is wrong in the log.
 * settings and log must outlive the server. */
MUST_CHECK int server_new(struct server **out, const struct settings *settings,
                          const struct log_sink *log);

/* Serves until SIGTERM or SIGINT, and then until its clients are at other orchestrators, for
 * drain_grace at most; a second signal ends it at once. */
void server_run(struct server *server);

void server_free(struct server *server);

#endif
