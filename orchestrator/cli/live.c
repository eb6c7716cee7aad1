/* SPDX-License-Identifier: Apache-2.0
 *
 * A signal ends the program right in its handler, which may come only while a request or a pause is
 * on: whatever was printed is whole and flushed by then.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "orchestrator/cli/live.h"

#define SCREEN_ON  "\x1b[?25l\x1b[?7l" /* no cursor, long lines are cut: xterm's DECTCEM, DECAWM */
#define SCREEN_OFF "\x1b[?7h\x1b[?25h"

static struct termios before;        /* of the terminal */
static volatile sig_atomic_t keys;   /* it was changed */
static volatile sig_atomic_t screen; /* and its screen */

static void put_back(void)
{
    if (keys) {
        tcsetattr(STDIN_FILENO, TCSANOW, &before);
    }
    if (screen && write(STDOUT_FILENO, SCREEN_OFF, strlen(SCREEN_OFF)) < 0) {
        return; /* it is gone */
    }
}

static void on_stop(int number)
{
    (void)number;
    put_back();
    _exit(CLI_OK);
}

static void let_signals(int how)
{
    sigset_t stops;
    sigemptyset(&stops);
    sigaddset(&stops, SIGINT);
    sigaddset(&stops, SIGTERM);
    sigprocmask(how, &stops, NULL);
}

bool cli_live_begin(struct cli_live *live, const struct cli *cli, bool on_screen)
{
    *live = (struct cli_live){.cli = cli, .screen = on_screen, .next_ms = cli_live_now_ms()};
    if (!cli_servers_read(cli, &live->servers)) {
        return false;
    }
    const struct sigaction action = {.sa_handler = on_stop};
    let_signals(SIG_BLOCK);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    if (on_screen && tcgetattr(STDIN_FILENO, &before) == 0) {
        struct termios raw = before;
        raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
        keys = tcsetattr(STDIN_FILENO, TCSANOW, &raw) == 0;
    }
    if (on_screen) {
        screen = true;
        fputs(SCREEN_ON, stdout);
    }
    return true;
}

void cli_live_end(struct cli_live *live)
{
    fflush(stdout);
    put_back();
    keys = screen = false;
    cli_servers_free(&live->servers);
    let_signals(SIG_UNBLOCK);
}

const char *cli_live_server(const struct cli_live *live)
{
    return live->servers.urls[live->at];
}

/* Another one may answer. */
static bool is_away(enum cli_exit exit_code)
{
    return exit_code == CLI_UNREACHABLE || exit_code == CLI_TIMEOUT;
}

enum cli_exit cli_live_get(struct cli_live *live, const char *path, long timeout_s, json_t **out)
{
    struct cli one = *live->cli;
    size_t first = live->at;
    enum cli_exit exit_code = CLI_UNREACHABLE;
    fflush(stdout);
    let_signals(SIG_UNBLOCK);
    one.timeout_s = timeout_s;
    one.hush = live->begun ? CLI_HUSH_ALL : CLI_TELL;
    for (size_t i = 0; i < live->servers.count && is_away(exit_code); i++) {
        live->at = (first + i) % live->servers.count;
        one.server = cli_live_server(live);
        exit_code = cli_get(&one, path, out);
    }
    if (!is_away(exit_code) && exit_code != CLI_OK && live->begun) {
        one.hush = CLI_TELL; /* it ends with this: once more, for its reason */
        exit_code = cli_get(&one, path, out);
    }
    let_signals(SIG_BLOCK);
    live->changed = exit_code == CLI_OK && live->begun && (live->lost || live->at != first);
    live->lost = is_away(exit_code);
    live->begun |= exit_code == CLI_OK;
    return exit_code;
}

bool cli_live_pause(int64_t ms)
{
    char key = '\0';
    struct pollfd input = {.fd = keys ? STDIN_FILENO : -1, .events = POLLIN};
    int64_t end_ms = cli_live_now_ms() + ms;
    fflush(stdout);
    let_signals(SIG_UNBLOCK);
    do { /* once at least: somebody may have typed while a request was on */
        int ready = poll(&input, 1, (int)MAX(end_ms - cli_live_now_ms(), 0));
        if (ready > 0 && read(STDIN_FILENO, &key, 1) <= 0) {
            input.fd = -1; /* nobody types any more */
        }
    } while (key != 'q' && cli_live_now_ms() < end_ms);
    let_signals(SIG_BLOCK);
    return key != 'q';
}

void cli_live_arguments(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "-w") == 0) {
            argv[i] = (char *)"--watch";
        }
    }
}

int64_t cli_live_now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}
