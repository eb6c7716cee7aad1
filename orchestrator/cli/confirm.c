/* SPDX-License-Identifier: Apache-2.0
 *
 * A question before people are moved by what may be meant otherwise (docs/operations/spillctl.md).
 */
#include <unistd.h>

#include "orchestrator/cli/cli.h"

#define ANSWER_BYTES 64

enum cli_exit cli_confirm(const struct cli *cli, const char *yes, const char *format, ...)
{
    char what[1024];
    char answer[ANSWER_BYTES] = "";
    va_list args;
    if (cli_on(yes)) {
        return CLI_OK;
    }
    va_start(args, format);
    vsnprintf(what, sizeof(what), format, args);
    va_end(args);
    if (!isatty(STDIN_FILENO) || !isatty(STDERR_FILENO)) {
        cli_say("this %s: needs --yes where nobody can be asked (see: spillctl help %s)", what,
                cli->command);
        return CLI_REFUSED;
    }
    fprintf(stderr, "spillctl: this %s. %s? [y/N] ", what, cli->command);
    fflush(stderr);
    if (fgets(answer, sizeof(answer), stdin) != NULL &&
        (strcmp(answer, "y\n") == 0 || strcmp(answer, "yes\n") == 0)) {
        return CLI_OK;
    }
    cli_say("nothing was done");
    return CLI_REFUSED;
}
