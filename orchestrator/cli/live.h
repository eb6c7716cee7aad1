/* SPDX-License-Identifier: Apache-2.0
 *
 * What commands share that go on until they are stopped: they stay with one orchestrator, go on at
 * the next when it does not answer, and end well on Ctrl-C and SIGTERM, in between two outputs,
 * with the terminal as it was.
 */
#ifndef ORCHESTRATOR_CLI_LIVE_H
#define ORCHESTRATOR_CLI_LIVE_H

#include "orchestrator/cli/cli.h"

#define CLI_SAID_BYTES 512
#define CLI_ENDLESS    "a watch has no end: -o jsonl has an object on a line"

struct cli_live {
    const struct cli *cli;
    struct cli_servers servers;
    size_t at;    /* the one that answered last */
    bool begun;   /* one answered */
    bool lost;    /* none does, which was told */
    bool changed; /* out of a get: another one answered than before, or one again after none did */
    bool screen;  /* the terminal is redrawn */
    char said[CLI_SAID_BYTES]; /* on the second line of the screen, */
    int said_ticks;            /* for as many seconds */
    int64_t next_ms;           /* when a list is asked for again */
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

/* ---- screen.c: lists, once a second ---- */
/* Whether a table is asked for on a terminal that can be redrawn. */
bool cli_screen(const struct cli *cli);
/* On the screen for a while, or on stderr. */
void cli_live_say(struct cli_live *live, const char *format, ...) PRINTF_LIKE(2, 3);
/* A partial list is shown, and that it is. */
void cli_live_say_unanswered(struct cli_live *live, const json_t *answer);
/* CLI_OK also while nobody answers, which is said; then *out is as it was. */
enum cli_exit cli_live_look(struct cli_live *live, const char *path, json_t **out);
/* How many rows fit on the screen beside so many other lines, 1 or more. */
size_t cli_live_place(size_t lines);
/* The first two lines of an empty screen: the time, what is shown of what, and what was said. */
void cli_live_head(const struct cli_live *live, const char *format, ...) PRINTF_LIKE(2, 3);
/* Waits for the next second. False: q was typed. */
bool cli_live_tick(struct cli_live *live);
int64_t cli_time_ms(void); /* now, since 1970 */

/* ---- watch.c: a list as it changes ---- */
struct cli_watched {
    const struct cli_view *view; /* its list is the path, too */
    const char *id;              /* key of what makes a row that one */
    const char *const *measures; /* keys of what changes all the time, and is no news; NULL ends */
};
enum cli_exit cli_watch(const struct cli *cli, const struct cli_watched *what);

#endif
