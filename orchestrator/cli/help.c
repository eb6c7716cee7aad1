/* SPDX-License-Identifier: Apache-2.0
 *
 * Help, out of the tables of commands and options: nothing here is said twice.
 */
#include "orchestrator/cli/cli.h"

#define LEFT_BYTES 96

static void print_option(const struct cli_option *option)
{
    char left[LEFT_BYTES];
    snprintf(left, sizeof(left), "--%s%s%s", option->name, option->value_name == NULL ? "" : " ",
             option->value_name == NULL ? "" : option->value_name);
    printf("  %-26s %s\n", left, option->help);
}

/* "a | b": a line for each. */
static void print_usage(const char *usage)
{
    const char *lead = "usage:";
    for (const char *p = usage; *p != '\0';) {
        const char *end = strstr(p, " | ");
        size_t len = end == NULL ? strlen(p) : (size_t)(end - p);
        printf("%-6s spillctl %.*s [options]\n", lead, (int)len, p);
        lead = "";
        p += len + (end == NULL ? 0 : strlen(" | "));
    }
}

void cli_help(const struct cli_tables *tables)
{
    print_usage(tables->usage);
    putchar('\n');
    for (size_t i = 0; i < tables->own_count; i++) {
        print_option(&tables->own[i]);
    }
    printf("%sOf every command:\n", tables->own_count > 0 ? "\n" : "");
    for (size_t i = 0; i < tables->common_count; i++) {
        print_option(&tables->common[i]);
    }
}

const char *const cli_exit_texts[CLI_EXIT_COUNT] = {
    [CLI_OK] = "done",
    [CLI_FAILED] = "failed",
    [CLI_USAGE] = "usage: it makes no sense as it was typed, and nothing was done",
    [CLI_NOT_FOUND] = "not found",
    [CLI_REFUSED] = "refused: not permitted, or not in the state that things are in",
    [CLI_TIMEOUT] = "not in time, or not all of it: an orchestrator did not answer",
    [CLI_UNREACHABLE] = "no orchestrator was reached",
};

const struct cli_variable cli_variables[] = {
    {"SPILLWAY_SERVER", "the orchestrator, or several with commas, asked in turn until one answers "
                        "(http://127.0.0.1:7880)"},
    {"SPILLWAY_CLUSTER", "deploy/up's cluster.json, which names them"},
    {"SPILLWAY_TOKEN", "the token to send"},
    {"SPILLWAY_API_KEY", "makes one, with the secret"},
    {"SPILLWAY_API_SECRET", "that of the key"},
    {"SPILLWAY_API_SECRET_FILE", "the file whose first line it is"},
    {"NO_COLOR", "no colours, if it is not empty"},
    {NULL, NULL},
};

void cli_help_all(FILE *out)
{
    const struct cli_command *command;
    fputs("usage: spillctl COMMAND [options]\n\n", out);
    for (size_t i = 0; (command = cli_command_at(i)) != NULL; i++) {
        if (command->summary != NULL) {
            fprintf(out, "  %-20s %s\n", command->name, command->summary);
        }
    }
    fputs("\nenvironment (options come before it: spillctl help COMMAND):\n", out);
    for (size_t i = 0; cli_variables[i].name != NULL; i++) {
        fprintf(out, "  %-26s %s\n", cli_variables[i].name, cli_variables[i].text);
    }
    fputs("\nexit codes:\n", out);
    for (size_t i = 0; i < CLI_EXIT_COUNT; i++) {
        fprintf(out, "  %-20zu %s\n", i, cli_exit_texts[i]);
    }
}
