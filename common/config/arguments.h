/* SPDX-License-Identifier: Apache-2.0
 *
 * The command line of a program with settings: --config FILE, --set KEY=VALUE, --check, --show,
 * --schema, --version, --help, and whatever names a program gives to single settings (--workers N
 * for workers=N).
 */
#ifndef COMMON_CONFIG_ARGUMENTS_H
#define COMMON_CONFIG_ARGUMENTS_H

#include "common/config/config.h"

#define CONFIG_OVERRIDES_MAX 64

enum config_command {
    CONFIG_RUN,
    CONFIG_CHECK,   /* --check: the settings are fine, do no more */
    CONFIG_SHOW,    /* --show: say the settings, do no more */
    CONFIG_HELP,    /* --help; this and what follows need no settings */
    CONFIG_VERSION, /* --version */
    CONFIG_SCHEMA,  /* --schema: say what settings there are */
};

static inline bool config_command_needs_settings(enum config_command command)
{
    return command < CONFIG_HELP;
}

/* An option of the program's own: "--workers" stands for --set workers=. */
struct config_option {
    const char *name;
    const char *key;
    bool list; /* the key is a list, and the value its entries, with commas between */
};

struct config_arguments {
    enum config_command command;
    const char *path; /* --config, NULL if not given; of argv */
    char *overrides[CONFIG_OVERRIDES_MAX];
    size_t override_count;
};

/* Reads argv; options ends with a NULL name. On success the caller frees out with
 * config_arguments_free(). ERR_INVALID or ERR_TOO_BIG with a text to print before exiting with 2.
 */
int config_arguments_parse(struct config_arguments *out, const struct config_option *options,
                           int argc, char *const *argv, char error[CONFIG_ERROR_MAX]) MUST_CHECK;
void config_arguments_free(struct config_arguments *arguments);

#endif
