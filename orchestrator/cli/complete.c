/* SPDX-License-Identifier: Apache-2.0
 *
 * complete -- WORD...: what may stand in the place of the last word, for the scripts of
 * completion.c. The grammar is the usage of each command, the names are asked for, at the
 * orchestrators that the words before name.
 */
#include <stdlib.h>

#include "orchestrator/cli/cli.h"

#define TIMEOUT_S     1 /* of a request: somebody waits at the keyboard */
#define TOKEN_BYTES   64
#define NAME_BYTES    512
#define DESCRIBED_MAX 64

struct complete {
    struct cli *cli; /* of the command that is completed: gets the options before the last word */
    const char **words; /* the command, and the words before the last one that are no options */
    size_t word_count;
    const char *typed;            /* the last word, or what follows "--name=" in it */
    int lead;                     /* bytes of the last word before that */
    const char *last;             /* the last word */
    const char *room;             /* of --room */
    const struct cli_option *due; /* whose value the last word is */
};

/* ---- Candidates ---------------------------------------------------------------------------- */

/* What holds control characters cannot be typed, and would be another line. */
static void offer(const struct complete *c, const char *name, const char *text)
{
    char shown[NAME_BYTES];
    cli_harmless(shown, sizeof(shown), name);
    if (strncmp(name, c->typed, strlen(c->typed)) == 0 && name[0] != '\0' &&
        strcmp(shown, name) == 0) {
        printf("%.*s%s%s%s\n", c->lead, c->last, name, text[0] == '\0' ? "" : "\t", text);
    }
}

static void offer_commands(const struct complete *c)
{
    const struct cli_command *command;
    for (size_t i = 0; (command = cli_command_at(i)) != NULL; i++) {
        if (command->summary != NULL) {
            offer(c, command->name, command->summary);
        }
    }
}

static void offer_options(const struct complete *c, const struct cli_option *options, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        char name[TOKEN_BYTES];
        snprintf(name, sizeof(name), "--%s", options[i].name);
        offer(c, name, options[i].help);
    }
}

static void offer_rows(const struct complete *c, const json_t *rows, const char *key,
                       const char *text_key)
{
    size_t i;
    const json_t *row;
    json_array_foreach(rows, i, row)
    {
        char text[DESCRIBED_MAX];
        const char *name = json_string_value(json_object_get(row, key));
        const char *given = json_string_value(json_object_get(row, text_key));
        cli_harmless(text, sizeof(text), given == NULL ? "" : given);
        offer(c, name == NULL ? "" : name, text);
    }
}

static bool holds(const json_t *rows, const char *key, const char *text)
{
    size_t i;
    const json_t *row;
    json_array_foreach(rows, i, row)
    {
        const char *other = json_string_value(json_object_get(row, key));
        if (other != NULL && strcmp(other, text) == 0) {
            return true;
        }
    }
    return false;
}

/* Each once. */
static void offer_regions(const struct complete *c, const json_t *nodes)
{
    json_t *regions = json_array();
    size_t i;
    json_t *node;
    json_array_foreach(nodes, i, node)
    {
        const char *region = json_string_value(json_object_get(node, "region"));
        if (region != NULL && !holds(regions, "region", region)) {
            json_array_append(regions, node);
        }
    }
    offer_rows(c, regions, "region", "");
    json_decref(regions);
}

static json_t *fetch(const struct complete *c, const char *what)
{
    char path[CLI_PATH_BYTES];
    json_t *answer = NULL;
    if (strcmp(what, "participants") == 0 && c->room != NULL) {
        cli_path(path, sizeof(path), "rooms", c->room, what, NULL);
    } else if (strcmp(what, "participants") == 0) {
        answer = json_pack("{s:[]}", what);
        if (cli_participants(c->cli, answer) != CLI_OK) {
            json_decref(answer);
            answer = NULL;
        }
        return answer;
    } else {
        snprintf(path, sizeof(path), "%s", what);
    }
    return cli_get(c->cli, path, &answer) == CLI_OK ? answer : NULL;
}

static void offer_names(const struct complete *c, const char *placeholder)
{
    static const char *const kinds[][4] = {{"NODE", "nodes", "name", "state"},
                                           {"REGION", "nodes", "region", ""},
                                           {"ROOM", "rooms", "name", "node_name"},
                                           {"IDENTITY", "participants", "identity", "room"}};
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        if (strcmp(placeholder, kinds[i][0]) == 0) {
            json_t *answer = fetch(c, kinds[i][1]);
            const json_t *rows = json_object_get(answer, kinds[i][1]);
            if (strcmp(placeholder, "REGION") == 0) {
                offer_regions(c, rows);
            } else {
                offer_rows(c, rows, kinds[i][2], kinds[i][3]);
            }
            json_decref(answer);
        }
    }
}

static void offer_value(const struct complete *c, const char *placeholder)
{
    static const char *const formats[] = {CLI_FORMAT_NAMES};
    if (strcmp(placeholder, "COMMAND") == 0) {
        offer_commands(c);
    }
    for (size_t i = 0; i < ARRAY_LEN(formats) && strcmp(placeholder, "FORMAT") == 0; i++) {
        offer(c, formats[i], "");
    }
    offer_names(c, placeholder);
}

/* ---- Usage --------------------------------------------------------------------------------- */

static bool is_literal(const char *token)
{
    return strpbrk(token, "abcdefghijklmnopqrstuvwxyz") != NULL;
}

/* "a|b|c", or a placeholder, which is anything. */
static bool matches(const char *token, const char *word)
{
    for (const char *p = token; is_literal(token) && *p != '\0';) {
        size_t len = strcspn(p, "|");
        if (strlen(word) == len && strncmp(p, word, len) == 0) {
            return true;
        }
        p += len + (p[len] == '|');
    }
    return !is_literal(token);
}

static void offer_token(const struct complete *c, char *token)
{
    char *rest = NULL;
    if (!is_literal(token)) {
        offer_value(c, token);
        return;
    }
    for (char *word = strtok_r(token, "|", &rest); word != NULL;
         word = strtok_r(NULL, "|", &rest)) {
        offer(c, word, "");
    }
}

/* The next token of one alternative that is not about an option. False: there is none. */
static bool next_token(const char **usage, const char *end, char token[TOKEN_BYTES])
{
    bool value = false; /* the next one is an option's */
    while (*usage < end) {
        size_t len = MIN(strcspn(*usage, " "), (size_t)(end - *usage));
        const char *from = *usage + (**usage == '[');
        size_t wanted = len - (size_t)(from - *usage);
        snprintf(token, TOKEN_BYTES, "%.*s", (int)wanted, from);
        *usage += len + (*usage + len < end);
        bool option = token[0] == '-';
        if (!option && !value) {
            return true;
        }
        value = option && strchr(token, ']') == NULL;
    }
    return false;
}

/* Of the alternative from usage to end, what comes behind the words that are there. */
static void offer_alternative(const struct complete *c, const char *usage, const char *end)
{
    char token[TOKEN_BYTES];
    for (size_t i = 0; next_token(&usage, end, token); i++) {
        bool repeated = strstr(token, "...") != NULL;
        token[strcspn(token, ".]")] = '\0';
        if (i == c->word_count || repeated) {
            offer_token(c, token);
            return;
        }
        if (!matches(token, c->words[i])) {
            return;
        }
    }
}

/* ---- Words --------------------------------------------------------------------------------- */

static const struct cli_option *find_option(const struct cli_tables *tables, const char *word)
{
    size_t len = strcspn(word, "=");
    const struct cli_option *lists[] = {tables->own, tables->common};
    const size_t counts[] = {tables->own_count, tables->common_count};
    for (size_t l = 0; l < ARRAY_LEN(lists); l++) {
        for (size_t i = 0; i < counts[l]; i++) {
            const char *name = lists[l][i].name;
            bool is_long = strncmp(word, "--", 2) == 0 && len == strlen(name) + 2 &&
                           strncmp(word + 2, name, len - 2) == 0;
            if (is_long || (strcmp(word, "-o") == 0 && strcmp(name, "output") == 0)) {
                return &lists[l][i];
            }
        }
    }
    return NULL;
}

static void take_value(struct complete *c, const struct cli_option *option, const char *text)
{
    *option->value = text;
    if (strcmp(option->name, "room") == 0) {
        c->room = text;
    }
}

/* Options before the last word are set, the other words kept. */
static void read_words(struct complete *c, const struct cli_tables *tables, const char **words,
                       size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct cli_option *option = words[i][0] == '-' ? find_option(tables, words[i]) : NULL;
        const char *equals = strchr(words[i], '=');
        if (c->due != NULL) {
            take_value(c, c->due, words[i]);
            c->due = NULL;
        } else if (words[i][0] != '-') {
            c->words[c->word_count++] = words[i];
        } else if (option != NULL && option->value_name != NULL && equals == NULL) {
            c->due = option;
        } else if (option != NULL && equals != NULL) {
            take_value(c, option, equals + 1);
        }
    }
    const char *equals = strchr(c->last, '=');
    if (c->due == NULL && c->last[0] == '-' && equals != NULL) {
        c->due = find_option(tables, c->last);
        c->typed = equals + 1;
        c->lead = (int)(equals + 1 - c->last);
    }
}

static void complete_command(const struct cli_tables *tables, void *arg)
{
    struct complete *c = arg;
    struct cli *cli = c->cli;
    const char **words = cli->arguments;
    size_t count = cli->argument_count;
    read_words(c, tables, words, count - 1);
    cli->timeout_s = TIMEOUT_S;
    cli->hush = CLI_HUSH_ALL;
    const char *value_name = c->due == NULL ? NULL : c->due->value_name;
    bool file =
        value_name != NULL && (strcmp(value_name, "FILE") == 0 || strcmp(value_name, "DIR") == 0);
    puts(file ? "files" : "words");
    if (c->due != NULL && !file) {
        offer_value(c, value_name == NULL ? "" : value_name);
    } else if (c->due == NULL && c->last[0] == '-') {
        offer_options(c, tables->own, tables->own_count);
        offer_options(c, tables->common, tables->common_count);
    }
    for (const char *p = tables->usage; c->due == NULL && c->last[0] != '-' && *p != '\0';) {
        const char *bar = strstr(p, " | ");
        const char *end = bar == NULL ? p + strlen(p) : bar;
        offer_alternative(c, p, end);
        p = bar == NULL ? end : bar + strlen(" | ");
    }
}

enum cli_exit cli_cmd_complete(struct cli *cli, int argc, char **argv)
{
    enum cli_exit exit_code;
    if (!cli_parse(cli, argc, argv, "complete -- WORD...", NULL, 0, &exit_code)) {
        return exit_code;
    }
    if (cli->argument_count == 0) {
        return cli_usage(cli, "complete takes the words behind spillctl");
    }
    const char *last = cli->arguments[cli->argument_count - 1];
    struct cli inner = {.command = cli->arguments[0],
                        .arguments = cli->arguments,
                        .argument_count = cli->argument_count};
    struct complete c = {.cli = &inner,
                         .words = mem_array(cli->argument_count, sizeof(*c.words)),
                         .typed = last,
                         .last = last};
    if (cli->argument_count == 1) {
        puts("words");
        offer_commands(&c);
    } else if (!cli_describe_command(&inner, complete_command, &c)) {
        puts("words");
    }
    free(c.words);
    return CLI_OK;
}
