/* SPDX-License-Identifier: Apache-2.0
 *
 * Lists that are asked for once a second: on a terminal the screen is drawn anew, and what there is
 * to say stands on its second line for a while.
 */
#include <stdlib.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "common/rfc3339/rfc3339.h"
#include "orchestrator/cli/live.h"

#define EVERY_MS   1000
#define TIMEOUT_S  4L /* of a list: who has it waits 2 s for the others' parts */
#define SAID_TICKS 10
#define CLEAR      "\x1b[H\x1b[J" /* to the top left, and all behind it */
#define HEAD_LINES 2U

bool cli_screen(const struct cli *cli)
{
    const char *term = getenv("TERM");
    bool table = cli->format == CLI_TABLE || cli->format == CLI_WIDE;
    return table && isatty(STDOUT_FILENO) && term != NULL && strcmp(term, "dumb") != 0;
}

int64_t cli_time_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void cli_live_say(struct cli_live *live, const char *format, ...)
{
    char text[CLI_SAID_BYTES];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    if (live->screen) {
        cli_harmless(live->said, sizeof(live->said), text);
        live->said_ticks = SAID_TICKS;
    } else {
        cli_say("%s", text);
    }
}

void cli_live_say_unanswered(struct cli_live *live, const json_t *answer)
{
    size_t i;
    const json_t *name;
    json_array_foreach(json_object_get(answer, "unanswered"), i, name)
    {
        cli_live_say(live, "orchestrator %s does not answer: its part is missing",
                     json_string_value(name));
    }
}

enum cli_exit cli_live_look(struct cli_live *live, const char *path, json_t **out)
{
    bool lost = live->lost;
    char before[CLI_SAID_BYTES];
    snprintf(before, sizeof(before), "%s", cli_live_server(live));
    enum cli_exit exit_code = cli_live_get(live, path, MIN(TIMEOUT_S, live->cli->timeout_s), out);
    if (live->begun && live->lost) {
        if (!lost || live->screen) {
            cli_live_say(live, "no orchestrator answers: trying on");
        }
        return CLI_OK;
    }
    if (exit_code != CLI_OK) {
        return exit_code;
    }
    const char *server = cli_live_server(live);
    if (live->changed && strcmp(before, server) == 0) {
        cli_live_say(live, "%s answers again", server);
    } else if (live->changed) {
        cli_live_say(live, "%s did not answer: this is %s", before, server);
    }
    return CLI_OK;
}

size_t cli_live_place(size_t lines)
{
    struct winsize size = {.ws_row = 24};
    (void)ioctl(STDOUT_FILENO, TIOCGWINSZ, &size);
    lines += HEAD_LINES + 1; /* and one that stays free */
    return size.ws_row > lines ? size.ws_row - lines : 1;
}

void cli_live_head(const struct cli_live *live, const char *format, ...)
{
    char now[RFC3339_MAX], server[CLI_SAID_BYTES], text[CLI_SAID_BYTES];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    rfc3339_s(now, cli_time_ms() / 1000);
    cli_harmless(server, sizeof(server), cli_live_server(live));
    printf(CLEAR "%s  %s, at %s; q ends it\n%s\n", now, text, server,
           live->said_ticks > 0 ? live->said : "");
}

bool cli_live_tick(struct cli_live *live)
{
    live->said_ticks -= live->said_ticks > 0;
    live->next_ms = MAX(live->next_ms + EVERY_MS, cli_live_now_ms());
    return cli_live_pause(live->next_ms - cli_live_now_ms());
}
