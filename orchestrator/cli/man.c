/* SPDX-License-Identifier: Apache-2.0
 *
 * man --out DIR: the manual, a page for spillctl and one for each command, out of the tables that
 * help is made of. The build runs it (CMakeLists.txt). Macros: man(7).
 */
#include <errno.h>

#include "orchestrator/cli/cli.h"

#define TITLE_BYTES 64

struct page {
    FILE *out;
    const struct cli_command *command;
};

/* What troff would take for its own is escaped; a '-' is one that can be typed. */
static void put(FILE *out, const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        switch (text[i]) {
        case '\\':
            fputs("\\e", out);
            break;
        case '-':
            fputs("\\-", out);
            break;
        case '.':
        case '\'':
            fputs(i == 0 ? "\\&" : "", out);
            fputc(text[i], out);
            break;
        default:
            fputc(text[i], out);
        }
    }
}

static void put_text(FILE *out, const char *text)
{
    put(out, text, strlen(text));
}

static void put_line(FILE *out, const char *macro, const char *text)
{
    fprintf(out, "%s%s", macro, macro[0] == '\0' ? "" : " ");
    put_text(out, text);
    fputc('\n', out);
}

static void put_item(FILE *out, const char *name, const char *text)
{
    fputs(".TP\n", out);
    put_line(out, ".B", name);
    put_line(out, "", text);
}

static void put_options(FILE *out, const struct cli_option *options, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        fputs(".TP\n\\fB\\-\\-", out);
        put_text(out, options[i].name);
        fputs("\\fR", out);
        if (options[i].value_name != NULL) {
            fputs(" \\fI", out);
            put_text(out, options[i].value_name);
            fputs("\\fR", out);
        }
        fputc('\n', out);
        put_line(out, "", options[i].help);
    }
}

static void put_head(FILE *out, const char *title, const char *summary)
{
    fputs(".\\\" Made by spillctl man.\n.TH ", out);
    put_text(out, title);
    fprintf(out, " 1 \"\" \"Spillway %s\" \"Spillway\"\n.SH NAME\n", SPILLWAY_VERSION);
    put_text(out, title);
    fputs(" \\- ", out);
    put_line(out, "", summary);
}

static void put_command(const struct cli_tables *tables, void *arg)
{
    const struct page *page = arg;
    FILE *out = page->out;
    char title[TITLE_BYTES];
    snprintf(title, sizeof(title), "spillctl-%s", page->command->name);
    put_head(out, title, page->command->summary);
    fputs(".SH SYNOPSIS\n", out);
    for (const char *p = tables->usage; *p != '\0';) {
        const char *bar = strstr(p, " | ");
        size_t len = bar == NULL ? strlen(p) : (size_t)(bar - p);
        fputs("\\fBspillctl ", out);
        put(out, p, len);
        fputs(bar == NULL ? "\\fR [\\fIoptions\\fR]\n" : "\\fR [\\fIoptions\\fR]\n.br\n", out);
        p += len + (bar == NULL ? 0 : strlen(" | "));
    }
    fputs(".SH OPTIONS\n", out);
    put_options(out, tables->own, tables->own_count);
    fputs(tables->own_count == 0 ? "Those of every command, in\n.BR spillctl (1).\n"
                                 : ".PP\nAnd those of every command, in\n.BR spillctl (1).\n",
          out);
    fputs(".SH SEE ALSO\n.BR spillctl (1)\n", out);
}

static void put_common(const struct cli_tables *tables, void *arg)
{
    const struct page *page = arg;
    put_options(page->out, tables->common, tables->common_count);
}

static void put_main(FILE *out)
{
    struct page page = {.out = out};
    struct cli any = {.command = "version"};
    const struct cli_command *command;
    put_head(out, "spillctl", "looks at a Spillway cluster, and changes it");
    fputs(".SH SYNOPSIS\n.B spillctl\n.I COMMAND\n[\\fIoptions\\fR]\n.SH COMMANDS\n", out);
    for (size_t i = 0; (command = cli_command_at(i)) != NULL; i++) {
        if (command->summary != NULL) {
            put_item(out, command->name, command->summary);
        }
    }
    fputs(".SH OPTIONS\nOf every command:\n", out);
    cli_describe_command(&any, put_common, &page);
    fputs(".SH ENVIRONMENT\n", out);
    for (size_t i = 0; cli_variables[i].name != NULL; i++) {
        put_item(out, cli_variables[i].name, cli_variables[i].text);
    }
    fputs(".SH EXIT STATUS\n", out);
    for (size_t i = 0; i < CLI_EXIT_COUNT; i++) {
        char number[8];
        snprintf(number, sizeof(number), "%zu", i);
        put_item(out, number, cli_exit_texts[i]);
    }
    fputs(".SH SEE ALSO\n", out);
    const char *lead = "";
    for (size_t i = 0; (command = cli_command_at(i)) != NULL; i++) {
        if (command->summary != NULL) {
            fprintf(out, "%s.BR spillctl\\-%s (1)", lead, command->name);
            lead = ",\n";
        }
    }
    fputc('\n', out);
}

/* command: NULL for the page of all. */
static enum cli_exit write_page(const char *dir, const struct cli_command *command)
{
    char path[CLI_PATH_BYTES];
    struct page page = {.command = command};
    snprintf(path, sizeof(path), "%s/spillctl%s%s.1", dir, command == NULL ? "" : "-",
             command == NULL ? "" : command->name);
    page.out = fopen(path, "we");
    if (page.out == NULL) {
        cli_say("%s: %s", path, strerror(errno));
        return CLI_FAILED;
    }
    if (command == NULL) {
        put_main(page.out);
    } else {
        struct cli cli = {.command = command->name};
        cli_describe_command(&cli, put_command, &page);
    }
    bool written = ferror(page.out) == 0;
    if (fclose(page.out) != 0 || !written) {
        cli_say("cannot write %s", path);
        return CLI_FAILED;
    }
    return CLI_OK;
}

enum cli_exit cli_cmd_man(struct cli *cli, int argc, char **argv)
{
    const char *out = NULL;
    const struct cli_option options[] = {{"out", "DIR", &out, "where the pages go"}};
    const struct cli_command *command;
    enum cli_exit exit_code;
    if (!cli_parse(cli, argc, argv, "man --out DIR", options, ARRAY_LEN(options), &exit_code)) {
        return exit_code;
    }
    if (out == NULL || cli->argument_count > 0) {
        return cli_usage(cli, "man takes --out alone");
    }
    exit_code = write_page(out, NULL);
    for (size_t i = 0; exit_code == CLI_OK && (command = cli_command_at(i)) != NULL; i++) {
        if (command->summary != NULL) {
            exit_code = write_page(out, command);
        }
    }
    return exit_code;
}
