/* SPDX-License-Identifier: Apache-2.0
 *
 * What commands share that go on until they are stopped: they stay with one orchestrator, go on at
 * the next when it does not answer, and end well on Ctrl-C and SIGTERM, in between two outputs,
 * with the terminal as it was.
 */
#ifndef ORCHESTRATOR_CLI_LIVE_H
#define ORCHESTRATOR_CLI_LIVE_H

#include "orchestrator/cli/cli.h"

struct cli_live {
    const struct cli *cli;
    struct cli_servers servers;
    size_t at;    /* the one that answered last */
    bool begun;   /* one answered */
    bool lost;    /* none does, which was told */
    bool changed; /* out of a get: another one answered than before, or one again after none did */
};

/* False: no orchestrator is named, told already. Afterwards signals wait but for the two functions
 * below. screen: the terminal is redrawn, and keys are read without Enter. */
bool cli_live_begin(struct cli_live *live, const struct cli *cli, bool screen);
void cli_live_end(struct cli_live *live);

const char *cli_live_server(const struct cli_live *live);
/* A GET of one of them, within that time each. Once one has answered, CLI_UNREACHABLE and
 * CLI_TIMEOUT mean that it may be tried again after a pause, and are not told. */
enum cli_exit cli_live_get(struct cli_live *live, const char *path, long timeout_s, json_t **out);
/* False: q was typed; only on a screen. */
bool cli_live_pause(int64_t ms);

/* "-w" as "--watch": options of one letter are those of all commands. */
void cli_live_arguments(int argc, char **argv);
/* Milliseconds, monotonic. */
int64_t cli_live_now_ms(void);

#endif
