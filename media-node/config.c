/* SPDX-License-Identifier: Apache-2.0 */
#include "media-node/config.h"

#include "common/bus/bus.h"
#include "common/net/net.h"
#include "media-node/core/node/node.h"
#include "media-node/shell/shell.h"

#include <stdio.h>
#include <unistd.h>

#define PORT_MAX 65535

const char settings_help[] =
    "Usage: spillway-node [options]\n"
    "\n"
    "A media node of a Spillway cluster: forwards audio and video, told what by an orchestrator.\n"
    "\n"
    "  --config FILE    read settings from FILE (YAML)\n"
    "  --workers N      run N processes, one per core, each a node of its own\n"
    "  --name NAME      the operator's name for this node\n"
    "  --external-ip IP where clients reach it, if it listens at another address: behind a NAT\n"
    "  --set KEY=VALUE  any setting, e.g. --set media.port_base=41000; may be repeated\n"
    "  --check          check the settings and exit\n"
    "  --show           the settings as they are in force, each with where it comes from\n"
    "  --schema         every setting with its type, default and range, as a JSON Schema\n"
    "  --version        print the version and exit\n"
    "  --help           print this and exit\n"
    "\n"
    "Settings come from the command line, SPILLWAY_NODE_* variables, the file, and defaults, in\n"
    "this order. SIGTERM asks the orchestrators to move everybody away, then exits; a second one\n"
    "exits at once. Exit status: 0 after a stop, 1 if it can't run, 2 for wrong settings.\n";

static const char *const levels[] = {"trace", "debug", "info", "warn", "error", NULL};
static const char *const formats[] = {"text", "json", NULL};

static const struct config_key orchestrator_keys[] = {
    CONFIG_STRING_REQUIRED("control", struct settings_orchestrator, control),
    CONFIG_STRING_REQUIRED("tunnel", struct settings_orchestrator, tunnel),
    CONFIG_STRING("key", struct settings_orchestrator, key, ""),
    CONFIG_STRING("key_file", struct settings_orchestrator, key_file, ""),
};
static const struct config_table orchestrator_table =
    CONFIG_TABLE(orchestrator_keys, struct settings_orchestrator);

static const struct config_key media_keys[] = {
    CONFIG_STRING("ip", struct settings_media, ip, "0.0.0.0"),
    CONFIG_STRINGS("more_ips", struct settings_media, more_ips, false),
    CONFIG_STRINGS("advertise", struct settings_media, advertise, false),
    CONFIG_STRING("trunk_address", struct settings_media, trunk_address, ""),
    CONFIG_INT("port_base", struct settings_media, port_base, "40000", 1, PORT_MAX),
    CONFIG_INT("ports", struct settings_media, ports, "4", 1, 16),
    CONFIG_BOOL("tcp", struct settings_media, tcp, "true"),
    CONFIG_BOOL("congestion_control", struct settings_media, congestion_control, "true"),
};
static const struct config_table media_table = CONFIG_TABLE(media_keys, struct settings_media);

static const struct config_key probes_keys[] = {
    CONFIG_STRING("listen", struct settings_probes, listen, "127.0.0.1"),
    CONFIG_INT("port", struct settings_probes, port, "7890", 0, PORT_MAX),
};
static const struct config_table probes_table = CONFIG_TABLE(probes_keys, struct settings_probes);

static const struct config_key log_keys[] = {
    CONFIG_CHOICE("level", struct settings_log, level, "info", levels),
    CONFIG_CHOICE("format", struct settings_log, format, "text", formats),
};
static const struct config_table log_table = CONFIG_TABLE(log_keys, struct settings_log);

static const struct config_key curve_keys[] = {
    CONFIG_STRING_REQUIRED("secret_file", struct settings_curve, secret_file),
};
static const struct config_table curve_table = CONFIG_TABLE(curve_keys, struct settings_curve);

static const char env_prefix[] = "SPILLWAY_NODE_";

static const struct config_key keys[] = {
    CONFIG_STRING("name", struct settings, name, ""),
    CONFIG_STRING("region", struct settings, region, ""),
    CONFIG_STRING("zone", struct settings, zone, ""),
    CONFIG_INT("workers", struct settings, workers, "1", 1, 256),
    CONFIG_INT("capacity", struct settings, capacity, "4000", 1, 1000000),
    CONFIG_DURATION("drain_grace", struct settings, drain_grace_us, "60s", 0, TIME_S(24 * 3600)),
    CONFIG_GROUP("curve", struct settings, curve, &curve_table),
    CONFIG_LIST("orchestrators", struct settings, orchestrators, &orchestrator_table, true),
    CONFIG_GROUP("media", struct settings, media, &media_table),
    CONFIG_GROUP("probes", struct settings, probes, &probes_table),
    CONFIG_GROUP("log", struct settings, log, &log_table),
};
static const struct config_table table = CONFIG_TABLE(keys, struct settings);

const struct config_option settings_options[] = {
    {"--workers", "workers", false},
    {"--name", "name", false},
    {"--external-ip", "media.advertise", true},
    {NULL, NULL, false},
};

MUST_CHECK static int check_orchestrators(const struct settings *settings,
                                          const struct config_source *source,
                                          char error[CONFIG_ERROR_MAX])
{
    const struct settings_orchestrator *items = settings->orchestrators.items;
    if (settings->orchestrators.count > NODE_LINKS_MAX) {
        return config_complain(source, "orchestrators", "more than 8", error);
    }
    for (size_t i = 0; i < settings->orchestrators.count; i++) {
        char path[64];
        bool key = items[i].key[0] != '\0';
        bool file = items[i].key_file[0] != '\0';
        snprintf(path, sizeof(path), "orchestrators.%zu%s", i, key && !file ? ".key" : "");
        if (key == file) {
            return config_complain(source, path, "needs a key or a key_file", error);
        }
        if (key && !bus_key_valid(items[i].key)) {
            return config_complain(source, path, "not a public key (Z85)", error);
        }
    }
    return 0;
}

/* 0.0.0.0 or ::. */
static bool is_any(const struct net_addr *addr)
{
    static const uint8_t zeros[sizeof(addr->ip)];
    return memcmp(addr->ip, zeros, sizeof(zeros)) == 0;
}

/* Where to listen, and where clients are told that it is. */
MUST_CHECK static int check_addresses(const struct settings_media *media,
                                      const struct config_source *source,
                                      char error[CONFIG_ERROR_MAX])
{
    struct net_addr addr;
    if (net_from_text(&addr, media->ip, 0) != 0) {
        return config_complain(source, "media.ip", "not an address", error);
    }
    bool any = is_any(&addr);
    if (media->more_ips.count >= SHELL_ADDRESSES_MAX) {
        return config_complain(source, "media.more_ips", "more than 7", error);
    }
    for (size_t i = 0; i < media->more_ips.count; i++) {
        if (net_from_text(&addr, media->more_ips.items[i], 0) != 0) {
            return config_complain(source, "media.more_ips", "not an address", error);
        }
        any = any || is_any(&addr);
    }
    if (media->advertise.count > NODE_ADVERTISE_MAX) {
        return config_complain(source, "media.advertise", "more than 8", error);
    }
    if (media->advertise.count == 0 && any) {
        return config_complain(
            source, "media.advertise",
            "needed when it listens at every address: where do clients reach this node?", error);
    }
    for (size_t i = 0; i < media->advertise.count; i++) {
        if (net_from_text(&addr, media->advertise.items[i], 0) != 0 || is_any(&addr)) {
            return config_complain(source, "media.advertise", "not an address", error);
        }
    }
    if (media->trunk_address[0] != '\0' &&
        (net_from_text(&addr, media->trunk_address, 0) != 0 || is_any(&addr))) {
        return config_complain(source, "media.trunk_address", "not an address", error);
    }
    return 0;
}

/* What the table can't say: addresses, and values that must fit each other. */
MUST_CHECK static int check(const struct settings *settings, const struct config_source *source,
                            char error[CONFIG_ERROR_MAX])
{
    struct net_addr addr;
    const struct settings_media *media = &settings->media;
    static const char not_a_label[] = "1 to 32 of a-z, 0-9 and '-'";
    if (settings->region[0] != '\0' && !config_is_label(settings->region)) {
        return config_complain(source, "region", not_a_label, error);
    }
    if (settings->zone[0] != '\0' && !config_is_label(settings->zone)) {
        return config_complain(source, "zone", not_a_label, error);
    }
    int err = check_addresses(media, source, error);
    if (err != 0) {
        return err;
    }
    if (media->port_base + settings->workers * media->ports - 1 > PORT_MAX) {
        return config_complain(source, "media.port_base", "too high for workers * ports", error);
    }
    if (settings->probes.port != 0 && settings->probes.port + settings->workers - 1 > PORT_MAX) {
        return config_complain(source, "probes.port", "too high for this many workers", error);
    }
    if (net_from_text(&addr, settings->probes.listen, 0) != 0) {
        return config_complain(source, "probes.listen", "not an address", error);
    }
    return check_orchestrators(settings, source, error);
}

int settings_load(struct settings *out, const struct config_arguments *arguments,
                  char error[CONFIG_ERROR_MAX])
{
    struct config_source source = {
        .path = arguments->path,
        .env_prefix = env_prefix,
        .env = environ,
        .overrides = (const char *const *)arguments->overrides,
        .override_count = arguments->override_count,
    };
    int err = config_load(&table, &source, out, error);
    if (err != 0) {
        return err;
    }
    err = check(out, &source, error);
    if (err != 0) {
        settings_free(out);
    } else if (arguments->command == CONFIG_SHOW) {
        config_show(&table, &source, out, stdout);
    }
    return err;
}

void settings_schema(FILE *out)
{
    config_schema(&table, "spillway-node", env_prefix, out);
}

void settings_free(struct settings *settings)
{
    config_free(&table, settings);
}
