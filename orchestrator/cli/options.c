/* SPDX-License-Identifier: Apache-2.0
 *
 * Command lines: getopt_long over a command's own table and the one of all commands.
 */
#include <getopt.h>
#include <stdlib.h>

#include "orchestrator/cli/cli.h"

#define OPTIONS_MAX    40
#define COMMON_OPTIONS 11

static void PRINTF_LIKE(1, 0) say(const char *format, va_list args, const char *end)
{
    fputs("spillctl: ", stderr);
    vfprintf(stderr, format, args);
    fputs(end, stderr);
}

void cli_say(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    say(format, args, "\n");
    va_end(args);
}

enum cli_exit cli_usage(const struct cli *cli, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    say(format, args, "");
    fprintf(stderr, " (see: spillctl help%s%s)\n", cli->command[0] == '\0' ? "" : " ",
            cli->command);
    va_end(args);
    return CLI_USAGE;
}

void cli_talk(const struct cli *cli, const char *format, ...)
{
    va_list args;
    if (cli_on(cli->quiet)) {
        return;
    }
    va_start(args, format);
    say(format, args, "\n");
    va_end(args);
}

bool cli_on(const char *flag)
{
    bool ok;
    return flag != NULL && cli_bool(flag, &ok);
}

bool cli_bool(const char *text, bool *ok)
{
    bool yes = strcmp(text, "true") == 0 || strcmp(text, "yes") == 0 || strcmp(text, "1") == 0;
    bool no = strcmp(text, "false") == 0 || strcmp(text, "no") == 0 || strcmp(text, "0") == 0;
    *ok = yes || no;
    return yes;
}

int64_t cli_seconds(const char *text)
{
    static const struct {
        const char *unit;
        int64_t seconds;
    } units[] = {{"", 1}, {"s", 1}, {"m", 60}, {"h", 3600}, {"d", 86400}};
    char *end = NULL;
    if (text[0] < '0' || text[0] > '9') {
        return -1;
    }
    long long number = strtoll(text, &end, 10);
    for (size_t i = 0; i < ARRAY_LEN(units); i++) {
        if (strcmp(end, units[i].unit) == 0 && number <= INT32_MAX / units[i].seconds) {
            return number * units[i].seconds;
        }
    }
    return -1;
}

static bool format_of(const char *text, enum cli_format *out)
{
    static const char *const names[] = {CLI_FORMAT_NAMES};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if (strcmp(text, names[i]) == 0) {
            *out = (enum cli_format)i;
            return true;
        }
    }
    return false;
}

/* Behind those that are there. False: too long, told. */
static bool append(struct cli *cli, const struct cli_option *option, char text[CLI_LIST_BYTES],
                   const char *separator, const char *more)
{
    size_t len = strlen(text);
    int added = snprintf(text + len, CLI_LIST_BYTES - len, "%s%s", len == 0 ? "" : separator, more);
    *option->value = text;
    if ((size_t)added >= CLI_LIST_BYTES - len) {
        cli_usage(cli, "--%s is too long", option->name);
        return false;
    }
    return true;
}

/* The last one counts, but of servers, and where the command says so, there may be several. False:
 * no value for it, told. */
static bool set(struct cli *cli, const struct cli_option *option, const char *text)
{
    bool boolean;
    cli_bool(text, &boolean);
    if (option->value_name == NULL && !boolean) {
        cli_usage(cli, "--%s takes true or false, not \"%s\"", option->name, text);
        return false;
    }
    if (option->value == &cli->server) {
        return append(cli, option, cli->server_text, ",", text);
    }
    if (option->value == &cli->api_secret) {
        cli->secret_text[0] = '\0';
        return append(cli, option, cli->secret_text, "", text);
    }
    if (option->value == cli->lines_of) {
        return append(cli, option, cli->lines, "\n", text);
    }
    *option->value = text;
    return true;
}

/* What ps shows of a secret from now on. */
static void hide(const struct cli *cli, const struct cli_option *option, char *text)
{
    if (option->value == &cli->api_secret) {
        memset(text, '*', strlen(text));
    }
}

/* Sets what getopt_long finds. False: an option or a value that is none, told already. */
static bool scan(struct cli *cli, int argc, char **argv, const struct cli_option *const *all,
                 size_t count)
{
    struct option table[OPTIONS_MAX] = {0};
    assert(count < OPTIONS_MAX);
    for (size_t i = 0; i < count; i++) {
        table[i].name = all[i]->name;
        table[i].has_arg = all[i]->value_name == NULL ? optional_argument : required_argument;
    }
    optind = 1;
    opterr = 0;
    int index = 0;
    int found;
    while ((found = getopt_long(argc, argv, ":o:qh", table, &index)) != -1) {
        if (found == 0) {
            if (!set(cli, all[index], optarg == NULL ? "true" : optarg)) {
                return false;
            }
            hide(cli, all[index], optarg);
        } else if (found == 'o') {
            cli->format_text = optarg;
        } else if (found == 'q') {
            cli->quiet = "true";
        } else if (found == 'h') {
            cli->help = "true";
        } else {
            cli_usage(cli, found == ':' ? "%s needs a value" : "there is no option %s",
                      argv[optind - 1]);
            return false;
        }
    }
    /* getopt has moved the others behind the options. */
    cli->arguments = (const char **)argv + optind;
    cli->argument_count = (size_t)(argc - optind);
    return true;
}

/* Options of every command. */
static void list_common(struct cli *cli, struct cli_option out[COMMON_OPTIONS])
{
    const struct cli_option common[COMMON_OPTIONS] = {
        {"server", "URL", &cli->server,
         "the orchestrator, or several: again, or with commas (SPILLWAY_SERVER)"},
        {"cluster", "FILE", &cli->cluster_file,
         "deploy/up's cluster.json, which names them (SPILLWAY_CLUSTER)"},
        {"output", "FORMAT", &cli->format_text, "-o: " CLI_FORMATS},
        {"no-headers", NULL, &cli->no_headers, "tables without their first line"},
        {"quiet", NULL, &cli->quiet, "-q: nothing on stderr but what went wrong"},
        {"token-file", "FILE", &cli->token_file, "holds the token to send (SPILLWAY_TOKEN)"},
        {"api-key", "KEY", &cli->api_key, "makes a token (SPILLWAY_API_KEY)"},
        {"api-secret-file", "FILE", &cli->api_secret_file,
         "holds the secret of the key (SPILLWAY_API_SECRET_FILE)"},
        {"api-secret", "SECRET", &cli->api_secret,
         "the secret itself (SPILLWAY_API_SECRET); others see command lines"},
        {"timeout", "TIME", &cli->timeout_text, "of a request (10s)"},
        {"help", NULL, &cli->help, "this text"},
    };
    memcpy(out, common, sizeof(common));
}

/* Whether an option of every command is written so, and has its value in the next word. */
static bool takes_next_word(const char *word)
{
    struct cli scratch;
    struct cli_option common[COMMON_OPTIONS];
    list_common(&scratch, common);
    bool takes = strcmp(word, "-o") == 0;
    for (size_t i = 0; i < COMMON_OPTIONS && strncmp(word, "--", 2) == 0; i++) {
        takes |= common[i].value_name != NULL && strcmp(word + 2, common[i].name) == 0;
    }
    return takes;
}

int cli_command_index(int argc, char **argv)
{
    int i = 0;
    while (i < argc && argv[i][0] == '-') {
        i += takes_next_word(argv[i]) ? 2 : 1;
    }
    return MIN(i, argc);
}

bool cli_parse(struct cli *cli, int argc, char **argv, const char *usage,
               const struct cli_option *options, size_t count, enum cli_exit *exit_code)
{
    struct cli_option common[COMMON_OPTIONS];
    list_common(cli, common);
    const struct cli_option *all[OPTIONS_MAX];
    assert(count + COMMON_OPTIONS < OPTIONS_MAX);
    for (size_t i = 0; i < count; i++) {
        all[i] = &options[i];
    }
    for (size_t i = 0; i < COMMON_OPTIONS; i++) {
        all[count + i] = &common[i];
    }
    const struct cli_tables tables = {usage, options, common, count, COMMON_OPTIONS};
    if (cli->describe != NULL) {
        cli->describe(&tables, cli->describe_arg);
        *exit_code = CLI_OK;
        return false;
    }
    *exit_code = CLI_USAGE;
    if (!scan(cli, argc, argv, all, count + COMMON_OPTIONS)) {
        return false;
    }
    if (cli->help != NULL) {
        cli_help(&tables);
        *exit_code = CLI_OK;
        return false;
    }
    if (!format_of(cli->format_text == NULL ? "table" : cli->format_text, &cli->format)) {
        cli_usage(cli, "-o takes " CLI_FORMATS ", not \"%s\"", cli->format_text);
        return false;
    }
    int64_t timeout_s = cli_seconds(cli->timeout_text == NULL ? "10" : cli->timeout_text);
    if (timeout_s <= 0) {
        cli_usage(cli, "--timeout takes a time such as 30s, not \"%s\"", cli->timeout_text);
        return false;
    }
    cli->timeout_s = (long)timeout_s;
    if (cli->api_secret != NULL) {
        cli_talk(cli, "warning: others see a secret on a command line (ps, the shell's history); "
                      "better --api-secret-file, or SPILLWAY_API_SECRET");
    }
    *exit_code = CLI_OK;
    return true;
}
