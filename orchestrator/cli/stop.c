/* SPDX-License-Identifier: Apache-2.0
 *
 * The last words of a command that a signal ends. Their text is kept ready, since a handler can
 * only write.
 */
#include <signal.h>
#include <unistd.h>

#include "orchestrator/cli/cli.h"

static char texts[2][CLI_STOP_BYTES]; /* one is said while the other is written */
static volatile sig_atomic_t at;

static void on_stop(int number)
{
    const char *text = texts[at];
    if (write(STDERR_FILENO, "\n", 1) < 0 || write(STDERR_FILENO, text, strlen(text)) < 0) {
        _exit(CLI_FAILED); /* nobody reads it */
    }
    signal(number, SIG_DFL);
    raise(number);
}

void cli_stop_say(const char *text)
{
    snprintf(texts[!at], CLI_STOP_BYTES, "%s", text);
    at = !at;
    signal(SIGINT, on_stop);
    signal(SIGTERM, on_stop);
}
