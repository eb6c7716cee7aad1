/* SPDX-License-Identifier: Apache-2.0
 *
 * A rollout as it was asked for (rollout.c), and its course (rollout_run.c).
 */
#ifndef ORCHESTRATOR_CLI_ROLLOUT_H
#define ORCHESTRATOR_CLI_ROLLOUT_H

#include "orchestrator/cli/cli.h"

#define CLI_ROLLOUT_AT_ONCE_MAX 1000

struct rollout {
    const struct cli *cli;
    const char *region; /* NULL: all */
    const char *to;     /* version; "" any */
    const char *since;  /* RFC 3339: who registered later is done */
    const char *exec;   /* NULL: somebody else restarts nodes */
    const char *yes, *dry_run;
    size_t at_once; /* 1 or more */
    int64_t deadline_s, settle_s;
};

/* due: nodes that live, in their turn. CLI_OK: all of them are back. Else what is left was told. */
enum cli_exit cli_rollout_run(const struct rollout *rollout, const json_t *due);

#endif
