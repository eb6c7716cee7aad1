/* SPDX-License-Identifier: Apache-2.0 */
#include "common/config/arguments.h"

#include <stdio.h>
#include <stdlib.h>

static int complain(char error[CONFIG_ERROR_MAX], const char *what, const char *argument)
{
    snprintf(error, CONFIG_ERROR_MAX, "%s: %s (see --help)", what, argument);
    return ERR_INVALID;
}

static bool take_flag(struct config_arguments *arguments, const char *name)
{
    static const struct {
        const char *name;
        enum config_command command;
    } flags[] = {{"--help", CONFIG_HELP},
                 {"--version", CONFIG_VERSION},
                 {"--check", CONFIG_CHECK},
                 {"--show", CONFIG_SHOW},
                 {"--schema", CONFIG_SCHEMA}};
    for (size_t i = 0; i < ARRAY_LEN(flags); i++) {
        if (strcmp(flags[i].name, name) == 0) {
            arguments->command = flags[i].command;
            return true;
        }
    }
    return false;
}

/* A program's own option, or --set, whose value says the key itself; NULL for none. */
static const struct config_option *find(const struct config_option *options, const char *name)
{
    static const struct config_option set = {.name = "--set"};
    if (strcmp(name, set.name) == 0) {
        return &set;
    }
    for (; options->name != NULL; options++) {
        if (strcmp(options->name, name) == 0) {
            return options;
        }
    }
    return NULL;
}

static int take_setting(struct config_arguments *arguments, const struct config_option *option,
                        const char *value, char error[CONFIG_ERROR_MAX])
{
    if (arguments->override_count == CONFIG_OVERRIDES_MAX) {
        snprintf(error, CONFIG_ERROR_MAX, "too many settings on the command line");
        return ERR_TOO_BIG;
    }
    const char *key = option->key == NULL ? "" : option->key;
    size_t size = strlen(key) + strlen(value) + sizeof("=[]");
    char *text = mem_alloc(size);
    snprintf(text, size, "%s%s%s%s%s", key, option->key == NULL ? "" : "=", option->list ? "[" : "",
             value, option->list ? "]" : "");
    arguments->overrides[arguments->override_count++] = text;
    return 0;
}

static int parse(struct config_arguments *arguments, const struct config_option *options, int argc,
                 char *const *argv, char error[CONFIG_ERROR_MAX])
{
    for (int i = 1; i < argc; i++) {
        if (take_flag(arguments, argv[i])) {
            continue;
        }
        const struct config_option *option = find(options, argv[i]);
        bool is_path = strcmp(argv[i], "--config") == 0;
        if (option == NULL && !is_path) {
            return complain(error, "unknown option", argv[i]);
        }
        if (i + 1 == argc) {
            return complain(error, "a value is missing after", argv[i]);
        }
        const char *value = argv[++i];
        if (is_path) {
            arguments->path = value;
            continue;
        }
        int err = take_setting(arguments, option, value, error);
        if (err != 0) {
            return err;
        }
    }
    return 0;
}

int config_arguments_parse(struct config_arguments *out, const struct config_option *options,
                           int argc, char *const *argv, char error[CONFIG_ERROR_MAX])
{
    struct config_arguments arguments = {.command = CONFIG_RUN};
    int err = parse(&arguments, options, argc, argv, error);
    if (err != 0) {
        config_arguments_free(&arguments);
        return err;
    }
    *out = arguments;
    return 0;
}

void config_arguments_free(struct config_arguments *arguments)
{
    for (size_t i = 0; i < arguments->override_count; i++) {
        free(arguments->overrides[i]);
    }
    arguments->override_count = 0;
}
