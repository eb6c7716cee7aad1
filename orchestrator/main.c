/* SPDX-License-Identifier: Apache-2.0 */
#include "common/logger/logger.h"
#include "orchestrator/shell/server/server.h"

#include <stdio.h>
#include <unistd.h>

static int run(const struct settings *settings)
{
    struct logger logger;
    struct server *server;
    logger_init(&logger, &(struct logger_config){.level_min = (enum log_level)settings->log.level,
                                                 .format = (enum logger_format)settings->log.format,
                                                 .fd = STDOUT_FILENO});
    if (server_new(&server, settings, &logger.sink) != 0) {
        return 1;
    }
    server_run(server);
    server_free(server);
    return 0;
}

int main(int argc, char **argv)
{
    struct settings settings;
    enum config_command command;
    char error[CONFIG_ERROR_MAX];
    if (settings_load(&settings, &command, argc, argv, error) != 0) {
        fprintf(stderr, "spillway-orchestrator: %s\n", error);
        return 2;
    }
    if (command == CONFIG_HELP) {
        fputs(settings_help, stdout);
        return 0;
    }
    if (command == CONFIG_VERSION) {
        puts("spillway-orchestrator " SPILLWAY_VERSION);
        return 0;
    }
    if (command == CONFIG_SCHEMA) {
        settings_schema(stdout);
        return 0;
    }
    int status = command == CONFIG_RUN ? run(&settings) : 0;
    settings_free(&settings);
    return status;
}
