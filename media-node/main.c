/* SPDX-License-Identifier: Apache-2.0
 *
 * spillway-node: reads its settings, and runs one node, or one in each of several processes.
 *
 * With workers the parent only watches: it passes on SIGTERM and SIGINT, starts a worker that died
 * anew after a second, and ends when all have ended. A worker whose parent dies stops.
 */
#include "common/logger/logger.h"
#include "media-node/config.h"
#include "media-node/shell/shell.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define EXIT_SETTINGS 2
#define WORKERS_MAX   256

/* ---- One worker ------------------------------------------------------------------------------ */

MUST_CHECK static int read_keys(const struct settings *settings, struct bus_keys *keys,
                                struct shell_orchestrator *out, char error[BUS_ERROR_MAX])
{
    int err = bus_keys_load(keys, settings->curve.secret_file, error);
    const struct settings_orchestrator *items = settings->orchestrators.items;
    for (size_t i = 0; err == 0 && i < settings->orchestrators.count; i++) {
        out[i] = (struct shell_orchestrator){items[i].control, items[i].tunnel, ""};
        if (items[i].key_file[0] != '\0') {
            err = bus_public_key_load(out[i].key, items[i].key_file, error);
        } else {
            snprintf(out[i].key, sizeof(out[i].key), "%s", items[i].key);
        }
    }
    return err;
}

struct addresses {
    struct net_addr listen[SHELL_ADDRESSES_MAX];
    size_t listen_count;
    struct net_addr advertise[NODE_ADVERTISE_MAX];
};

static void fill_addresses(const struct settings *settings, size_t worker,
                           struct shell_config *config, struct addresses *out)
{
    const struct settings_media *media = &settings->media;
    uint16_t port = (uint16_t)(media->port_base + (int64_t)worker * media->ports);
    int err = net_from_text(&config->listen, media->ip, port);
    assert(err == 0); /* checked with the settings */
    out->listen[0] = config->listen;
    out->listen_count = 1;
    for (size_t i = 0; i < media->more_ips.count; i++) {
        err = net_from_text(&out->listen[out->listen_count++], media->more_ips.items[i], port);
        assert(err == 0);
    }
    for (size_t i = 0; i < media->advertise.count; i++) {
        err = net_from_text(&out->advertise[i], media->advertise.items[i], 0);
        assert(err == 0);
    }
    bool given = media->advertise.count > 0;
    config->more = out->listen + 1;
    config->more_count = out->listen_count - 1;
    config->advertise = given ? out->advertise : out->listen;
    config->advertise_count = given ? media->advertise.count : out->listen_count;
    if (media->trunk_address[0] != '\0') {
        err = net_from_text(&config->trunk, media->trunk_address, 0);
        assert(err == 0);
    }
}

/* "node-a", or "node-a-2" for one of several. */
static void make_name(const struct settings *settings, size_t worker, char *out, size_t cap)
{
    char host[64] = "node";
    (void)gethostname(host, sizeof(host) - 1);
    const char *name = settings->name[0] != '\0' ? settings->name : host;
    if (settings->workers == 1) {
        snprintf(out, cap, "%s", name);
    } else {
        snprintf(out, cap, "%s-%zu", name, worker + 1);
    }
}

static int run_worker(const struct settings *settings, size_t worker)
{
    char name[256];
    make_name(settings, worker, name, sizeof(name));
    char identity[300];
    snprintf(identity, sizeof(identity), "node=%s", name);
    struct logger logger;
    const struct logger_config log = {.level_min = (enum log_level)settings->log.level,
                                      .format = (enum logger_format)settings->log.format,
                                      .fd = STDOUT_FILENO,
                                      .identity = identity};
    logger_init(&logger, &log);
    struct shell_orchestrator orchestrators[NODE_LINKS_MAX];
    struct addresses addresses;
    struct shell_config config = {
        .name = name,
        .region = settings->region,
        .zone = settings->zone,
        .capacity = (uint32_t)settings->capacity,
        .orchestrators = orchestrators,
        .orchestrator_count = settings->orchestrators.count,
        .ports = (uint16_t)settings->media.ports,
        .tcp = settings->media.tcp,
        .congestion_control = settings->media.congestion_control,
        .probes_listen = settings->probes.listen,
        .drain_grace_us = settings->drain_grace_us,
        .log = &logger.sink,
    };
    if (settings->probes.port != 0) {
        config.probes_port = (uint16_t)(settings->probes.port + (int64_t)worker);
    }
    char error[BUS_ERROR_MAX];
    if (read_keys(settings, &config.keys, orchestrators, error) != 0) {
        log_write(&logger.sink, LOG_ERROR, "keys_failed reason=\"%s\"", error);
        return EXIT_FAILURE;
    }
    fill_addresses(settings, worker, &config, &addresses);
    return shell_run(&config) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* ---- The parent of several ------------------------------------------------------------------- */

struct parent {
    const struct settings *settings;
    pid_t pids[WORKERS_MAX]; /* 0: not running */
    sigset_t signals;
    bool stopping;
    bool failed;
};

static void start_worker(struct parent *parent, size_t worker)
{
    pid_t self = getpid();
    fflush(NULL);
    pid_t pid = fork();
    if (pid < 0) {
        parent->failed = true;
        return;
    }
    if (pid > 0) {
        parent->pids[worker] = pid;
        return;
    }
    (void)prctl(PR_SET_PDEATHSIG, SIGTERM);
    (void)sigprocmask(SIG_UNBLOCK, &parent->signals, NULL);
    if (getppid() != self) {
        _exit(EXIT_FAILURE); /* the parent died in between */
    }
    _exit(run_worker(parent->settings, worker));
}

static size_t running(const struct parent *parent)
{
    size_t count = 0;
    for (size_t i = 0; i < (size_t)parent->settings->workers; i++) {
        count += parent->pids[i] != 0;
    }
    return count;
}

static void stop_workers(struct parent *parent, int signal)
{
    parent->stopping = true;
    for (size_t i = 0; i < (size_t)parent->settings->workers; i++) {
        if (parent->pids[i] != 0) {
            (void)kill(parent->pids[i], signal);
        }
    }
}

/* Collects workers that ended. One that can't run (its port is taken) ends with EXIT_FAILURE soon:
 * then starting it again helps nobody, and all stop. One that was killed is started anew. */
static void collect(struct parent *parent)
{
    int status;
    pid_t pid;
    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
        for (size_t i = 0; i < (size_t)parent->settings->workers; i++) {
            if (parent->pids[i] != pid) {
                continue;
            }
            parent->pids[i] = 0;
            bool refused = WIFEXITED(status) && WEXITSTATUS(status) != 0;
            if (refused && !parent->stopping) {
                parent->failed = true;
                stop_workers(parent, SIGTERM);
            }
        }
    }
}

static int run_parent(const struct settings *settings)
{
    struct parent parent = {.settings = settings};
    sigemptyset(&parent.signals);
    sigaddset(&parent.signals, SIGTERM);
    sigaddset(&parent.signals, SIGINT);
    sigaddset(&parent.signals, SIGCHLD);
    (void)sigprocmask(SIG_BLOCK, &parent.signals, NULL);
    for (size_t i = 0; i < (size_t)settings->workers; i++) {
        start_worker(&parent, i);
    }
    while (running(&parent) > 0 || !parent.stopping) {
        const struct timespec second = {.tv_sec = 1};
        int signal = sigtimedwait(&parent.signals, NULL, &second);
        if (signal == SIGTERM || signal == SIGINT) {
            stop_workers(&parent, SIGTERM);
        }
        collect(&parent);
        for (size_t i = 0; signal < 0 && !parent.stopping && i < (size_t)settings->workers; i++) {
            if (parent.pids[i] == 0) {
                start_worker(&parent, i);
            }
        }
    }
    return parent.failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

static void tell(enum config_command command)
{
    if (command == CONFIG_HELP) {
        puts(settings_help);
    } else if (command == CONFIG_VERSION) {
        puts("spillway-node " SPILLWAY_VERSION);
    } else {
        settings_schema(stdout);
    }
}

int main(int argc, char **argv)
{
    char error[CONFIG_ERROR_MAX];
    struct config_arguments arguments;
    (void)signal(SIGPIPE, SIG_IGN); /* a TCP client that went shows as an error of the write */
    if (config_arguments_parse(&arguments, settings_options, argc, argv, error) != 0) {
        fprintf(stderr, "spillway-node: %s\n", error);
        return EXIT_SETTINGS;
    }
    if (!config_command_needs_settings(arguments.command)) {
        tell(arguments.command);
        config_arguments_free(&arguments);
        return EXIT_SUCCESS;
    }
    struct settings settings;
    int err = settings_load(&settings, &arguments, error);
    bool wanted = arguments.command == CONFIG_RUN;
    config_arguments_free(&arguments);
    if (err != 0) {
        fprintf(stderr, "spillway-node: %s\n", error);
        return EXIT_SETTINGS;
    }
    int status = EXIT_SUCCESS;
    if (wanted) {
        status = settings.workers == 1 ? run_worker(&settings, 0) : run_parent(&settings);
    }
    settings_free(&settings);
    return status;
}
