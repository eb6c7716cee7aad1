/* SPDX-License-Identifier: Apache-2.0 */
#include "orchestrator/config.h"

#include "common/bus/bus.h"
#include "common/net/net.h"
#include "orchestrator/core/registry/registry.h"
#include "orchestrator/core/turn/turn.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define PORT_MAX           65535
#define CLUSTER_SECRET_MIN 32
#define SENTINELS_MAX      8
#define HOST_MAX           256
#define TURN_URLS_MAX      16

const char settings_help[] =
    "Usage: spillway-orchestrator [options]\n"
    "\n"
    "The control plane of a Spillway cluster: signalling, server API, pages and every decision.\n"
    "\n"
    "  --config FILE    read settings from FILE (YAML)\n"
    "  --name NAME      the operator's name for this orchestrator\n"
    "  --port PORT      where clients connect\n"
    "  --set KEY=VALUE  any setting, e.g. --set rooms.empty_timeout=60s; may be repeated\n"
    "  --check          check the settings and exit\n"
    "  --show           the settings as they are in force, each with where it comes from\n"
    "  --schema         every setting with its type, default and range, as a JSON Schema\n"
    "  --version        print the version and exit\n"
    "  --help           print this and exit\n"
    "\n"
    "Settings come from the command line, SPILLWAY_ORCHESTRATOR_* variables, the file, and\n"
    "defaults, in this order. Exit status: 0 after a stop, 1 if it can't run, 2 for wrong "
    "settings.\n";

static const struct config_option options[] = {
    {"--name", "name", false}, {"--port", "listen.port", false}, {NULL, NULL, false}};

static const char *const levels[] = {"trace", "debug", "info", "warn", "error", NULL};
static const char *const formats[] = {"text", "json", NULL};

static const struct config_key listen_keys[] = {
    CONFIG_STRING("address", struct settings_listen, address, ""),
    CONFIG_INT("port", struct settings_listen, port, "7880", 0, PORT_MAX),
    CONFIG_STRING("tls_cert_file", struct settings_listen, tls_cert_file, ""),
    CONFIG_STRING("tls_key_file", struct settings_listen, tls_key_file, ""),
    CONFIG_BOOL("trust_forwarded_for", struct settings_listen, trust_forwarded_for, "false"),
};
static const struct config_table listen_table = CONFIG_TABLE(listen_keys, struct settings_listen);

static const struct config_key bus_keys[] = {
    CONFIG_STRING("control", struct settings_bus, control, "tcp://0.0.0.0:7881"),
    CONFIG_STRING("tunnel", struct settings_bus, tunnel, "tcp://0.0.0.0:7882"),
    CONFIG_STRING_REQUIRED("secret_file", struct settings_bus, secret_file),
    CONFIG_STRING_REQUIRED("nodes_dir", struct settings_bus, nodes_dir),
};
static const struct config_table bus_table = CONFIG_TABLE(bus_keys, struct settings_bus);

static const struct config_key peer_keys[] = {
    CONFIG_STRING_REQUIRED("endpoint", struct settings_peer, endpoint),
    CONFIG_STRING("key", struct settings_peer, key, ""),
    CONFIG_STRING("key_file", struct settings_peer, key_file, ""),
};
static const struct config_table peer_table = CONFIG_TABLE(peer_keys, struct settings_peer);

static const struct config_key redis_keys[] = {
    CONFIG_STRING("host", struct settings_redis, host, ""),
    CONFIG_INT("port", struct settings_redis, port, "6379", 1, PORT_MAX),
    CONFIG_STRING("username", struct settings_redis, username, ""),
    CONFIG_SECRET("password", struct settings_redis, password),
    CONFIG_STRINGS("sentinels", struct settings_redis, sentinels, false),
    CONFIG_STRING("master", struct settings_redis, master, ""),
    CONFIG_SECRET("sentinel_password", struct settings_redis, sentinel_password),
};
static const struct config_table redis_table = CONFIG_TABLE(redis_keys, struct settings_redis);

static const struct config_key rooms_keys[] = {
    CONFIG_DURATION("empty_timeout", struct settings_rooms, empty_timeout_us, "300s", TIME_S(1),
                    TIME_S(7 * 24 * 3600)),
    CONFIG_DURATION("departure_timeout", struct settings_rooms, departure_timeout_us, "20s",
                    TIME_S(1), TIME_S(7 * 24 * 3600)),
    CONFIG_INT("loudest", struct settings_rooms, loudest, "0", 0, 1000),
};
static const struct config_table rooms_table = CONFIG_TABLE(rooms_keys, struct settings_rooms);

static const struct config_key rebalance_keys[] = {
    CONFIG_BOOL("enabled", struct settings_rebalance, enabled, "true"),
    CONFIG_INT("hot_percent", struct settings_rebalance, hot_percent, "90", 2, 100),
    CONFIG_INT("cool_percent", struct settings_rebalance, cool_percent, "80", 1, 99),
};
static const struct config_table rebalance_table =
    CONFIG_TABLE(rebalance_keys, struct settings_rebalance);

static const struct config_key timetable_keys[] = {
    CONFIG_STRING("region", struct settings_timetable, region, ""),
    CONFIG_STRINGS("days", struct settings_timetable, days, true),
    CONFIG_STRING_REQUIRED("from", struct settings_timetable, from),
    CONFIG_STRING_REQUIRED("to", struct settings_timetable, to),
    CONFIG_STRING("zone", struct settings_timetable, zone, "UTC"),
    CONFIG_INT("nodes", struct settings_timetable, nodes, "1", 1, REGISTRY_NODES_MAX),
};
static const struct config_table timetable_table =
    CONFIG_TABLE(timetable_keys, struct settings_timetable);

static const struct config_key autoscaling_keys[] = {
    CONFIG_INT("target_percent", struct settings_autoscaling, target_percent, "60", 1, 100),
    CONFIG_DURATION("node_start", struct settings_autoscaling, node_start_us, "180s", TIME_S(1),
                    TIME_S(3600)),
    CONFIG_DURATION("scale_in_after", struct settings_autoscaling, scale_in_after_us, "600s",
                    TIME_S(10), TIME_S(24 * 3600)),
    CONFIG_BOOL("survive_region_loss", struct settings_autoscaling, survive_region_loss, "false"),
    CONFIG_INT("nodes_min", struct settings_autoscaling, nodes_min, "1", 0, REGISTRY_NODES_MAX),
    CONFIG_INT("nodes_max", struct settings_autoscaling, nodes_max, "1000", 1, REGISTRY_NODES_MAX),
    CONFIG_LIST("timetable", struct settings_autoscaling, timetable, &timetable_table, false),
};
static const struct config_table autoscaling_table =
    CONFIG_TABLE(autoscaling_keys, struct settings_autoscaling);

static const struct config_key turn_keys[] = {
    CONFIG_STRINGS("urls", struct settings_turn, urls, false),
    CONFIG_SECRET("secret", struct settings_turn, secret),
    CONFIG_DURATION("credential_lifetime", struct settings_turn, credential_lifetime_us, "24h",
                    TIME_S(60), TIME_S(30 * 24 * 3600)),
};
static const struct config_table turn_table = CONFIG_TABLE(turn_keys, struct settings_turn);

static const struct config_key webhooks_keys[] = {
    CONFIG_STRINGS("urls", struct settings_webhooks, urls, false),
    CONFIG_STRING("api_key", struct settings_webhooks, api_key, ""),
};
static const struct config_table webhooks_table =
    CONFIG_TABLE(webhooks_keys, struct settings_webhooks);

static const struct config_key tracing_keys[] = {
    CONFIG_STRING("otlp_endpoint", struct settings_tracing, otlp_endpoint, ""),
    CONFIG_SECRET("authorization", struct settings_tracing, authorization),
    CONFIG_INT("sample_permille", struct settings_tracing, sample_permille, "1000", 0, 1000),
};
static const struct config_table tracing_table =
    CONFIG_TABLE(tracing_keys, struct settings_tracing);

static const struct config_key pages_keys[] = {
    CONFIG_STRING("dir", struct settings_pages, dir, ""),
    CONFIG_STRING("status_dir", struct settings_pages, status_dir, ""),
    CONFIG_STRING("demo_api_key", struct settings_pages, demo_api_key, ""),
};
static const struct config_table pages_table = CONFIG_TABLE(pages_keys, struct settings_pages);

static const struct config_key log_keys[] = {
    CONFIG_CHOICE("level", struct settings_log, level, "info", levels),
    CONFIG_CHOICE("format", struct settings_log, format, "text", formats),
};
static const struct config_table log_table = CONFIG_TABLE(log_keys, struct settings_log);

static const char env_prefix[] = "SPILLWAY_ORCHESTRATOR_";

static const struct config_key keys[] = {
    CONFIG_STRING("name", struct settings, name, "orchestrator"),
    CONFIG_STRING("region", struct settings, region, ""),
    CONFIG_STRING("zone", struct settings, zone, ""),
    CONFIG_SECRET("cluster_secret", struct settings, cluster_secret),
    CONFIG_SECRETS("keys", struct settings, keys, true),
    CONFIG_GROUP("listen", struct settings, listen, &listen_table),
    CONFIG_GROUP("bus", struct settings, bus, &bus_table),
    CONFIG_STRING("peer_listen", struct settings, peer_listen, "tcp://0.0.0.0:7883"),
    CONFIG_LIST("peers", struct settings, peers, &peer_table, false),
    CONFIG_GROUP("redis", struct settings, redis, &redis_table),
    CONFIG_GROUP("rooms", struct settings, rooms, &rooms_table),
    CONFIG_GROUP("placement", struct settings, placement, &settings_placement_table),
    CONFIG_GROUP("rebalance", struct settings, rebalance, &rebalance_table),
    CONFIG_GROUP("autoscaling", struct settings, autoscaling, &autoscaling_table),
    CONFIG_DURATION("drain_grace", struct settings, drain_grace_us, "60s", 0, TIME_S(24 * 3600)),
    CONFIG_LIST("region_distances", struct settings, region_distances, &settings_distance_table,
                false),
    CONFIG_GROUP("turn", struct settings, turn, &turn_table),
    CONFIG_GROUP("webhooks", struct settings, webhooks, &webhooks_table),
    CONFIG_GROUP("tracing", struct settings, tracing, &tracing_table),
    CONFIG_GROUP("pages", struct settings, pages, &pages_table),
    CONFIG_GROUP("log", struct settings, log, &log_table),
};
static const struct config_table table = CONFIG_TABLE(keys, struct settings);

static int check_places(const struct settings *settings, const struct config_source *source,
                        char error[CONFIG_ERROR_MAX])
{
    if (settings->region[0] != '\0' && !config_is_label(settings->region)) {
        return config_complain(source, "region", settings_not_a_label, error);
    }
    if (settings->zone[0] != '\0' && !config_is_label(settings->zone)) {
        return config_complain(source, "zone", settings_not_a_label, error);
    }
    int err =
        settings_check_placement(&settings->placement, &settings->region_distances, source, error);
    if (err == 0 && settings->rebalance.cool_percent >= settings->rebalance.hot_percent) {
        return config_complain(source, "rebalance.cool_percent", "not less than hot_percent",
                               error);
    }
    return err;
}

static int check_peers(const struct settings *settings, const struct config_source *source,
                       char error[CONFIG_ERROR_MAX])
{
    const struct settings_peer *items = settings->peers.items;
    if (settings->peers.count > 0 && !settings_has_redis(settings)) {
        return config_complain(source, "peers", "several orchestrators need a redis", error);
    }
    if (settings->peers.count > 0 && settings->cluster_secret[0] == '\0') {
        return config_complain(source, "peers", "several orchestrators need a cluster_secret",
                               error);
    }
    for (size_t i = 0; i < settings->peers.count; i++) {
        char key[64];
        bool has_key = items[i].key[0] != '\0', has_file = items[i].key_file[0] != '\0';
        snprintf(key, sizeof(key), "peers.%zu%s", i, has_key && !has_file ? ".key" : "");
        if (has_key == has_file) {
            return config_complain(source, key, "needs a key or a key_file", error);
        }
        if (has_key && !bus_key_valid(items[i].key)) {
            return config_complain(source, key, "not a public key (Z85)", error);
        }
    }
    return 0;
}

int settings_host_port(const char *text, char *host, size_t len, uint16_t *port)
{
    const char *colon = strrchr(text, ':');
    char *end;
    if (colon == NULL || colon[1] < '0' || colon[1] > '9') {
        return ERR_INVALID;
    }
    unsigned long number = strtoul(colon + 1, &end, 10);
    const char *first = text, *last = colon;
    if (text[0] == '[' && colon > text + 1 && colon[-1] == ']') {
        first++;
        last--;
    } else if (memchr(text, ':', (size_t)(colon - text)) != NULL) {
        return ERR_INVALID; /* an IPv6 address needs brackets */
    }
    size_t host_len = (size_t)(last - first);
    if (*end != '\0' || number == 0 || number > PORT_MAX || host_len == 0 || host_len >= len) {
        return ERR_INVALID;
    }
    memcpy(host, first, host_len);
    host[host_len] = '\0';
    *port = (uint16_t)number;
    return 0;
}

bool settings_has_redis(const struct settings *settings)
{
    return settings->redis.host[0] != '\0' || settings->redis.sentinels.count > 0;
}

static int check_redis(const struct settings_redis *redis, const struct config_source *source,
                       char error[CONFIG_ERROR_MAX])
{
    const struct config_strings *sentinels = &redis->sentinels;
    if (redis->host[0] != '\0' && sentinels->count > 0) {
        return config_complain(source, "redis.sentinels", "not with a host: they say it", error);
    }
    if ((sentinels->count > 0) != (redis->master[0] != '\0')) {
        return config_complain(source, sentinels->count > 0 ? "redis.sentinels" : "redis.master",
                               "sentinels and master go together", error);
    }
    if (sentinels->count > SENTINELS_MAX) {
        return config_complain(source, "redis.sentinels", "more than 8", error);
    }
    if (redis->username[0] != '\0' && redis->password[0] == '\0') {
        return config_complain(source, "redis.username", "needs a password", error);
    }
    for (size_t i = 0; i < sentinels->count; i++) {
        char key[64], host[HOST_MAX];
        uint16_t port;
        if (settings_host_port(sentinels->items[i], host, sizeof(host), &port) != 0) {
            snprintf(key, sizeof(key), "redis.sentinels.%zu", i);
            return config_complain(source, key, "not host:port", error);
        }
    }
    return 0;
}

static int check_turn(const struct settings_turn *turn, const struct config_source *source,
                      char error[CONFIG_ERROR_MAX])
{
    size_t secret = strlen(turn->secret);
    if (secret > 0 && turn->urls.count == 0) {
        return config_complain(source, "turn.urls", "needed with a secret: where are the servers?",
                               error);
    }
    if (turn->urls.count > TURN_URLS_MAX) {
        return config_complain(source, "turn.urls", "more than 16", error);
    }
    for (size_t i = 0; i < turn->urls.count; i++) {
        if (!turn_url_valid(turn->urls.items[i])) {
            char key[64];
            snprintf(key, sizeof(key), "turn.urls.%zu", i);
            return config_complain(source, key,
                                   "not turn:HOST[:PORT][?transport=udp|tcp] or "
                                   "turns:HOST[:PORT][?transport=tcp]",
                                   error);
        }
    }
    if (turn->urls.count > 0 && secret == 0) {
        return config_complain(source, "turn.secret",
                               "needed with urls: coturn's static-auth-secret", error);
    }
    if (secret > 0 && secret < TURN_SECRET_MIN) {
        return config_complain(source, "turn.secret", "shorter than 32 characters", error);
    }
    return 0;
}

static int check_autoscaling(const struct settings *settings, const struct config_source *source,
                             char error[CONFIG_ERROR_MAX])
{
    const struct settings_autoscaling *scaling = &settings->autoscaling;
    const struct settings_timetable *items = scaling->timetable.items;
    if (scaling->nodes_max < scaling->nodes_min) {
        return config_complain(source, "autoscaling.nodes_max", "less than nodes_min", error);
    }
    if (scaling->timetable.count > TIMETABLE_ENTRIES_MAX) {
        return config_complain(source, "autoscaling.timetable", "more than 64", error);
    }
    for (size_t i = 0; i < scaling->timetable.count; i++) {
        char key[64];
        const char *why;
        struct timetable_entry entry;
        if (settings_timetable_entry(&items[i], &entry, &why) != 0) {
            snprintf(key, sizeof(key), "autoscaling.timetable.%zu", i);
            return config_complain(source, key, why, error);
        }
    }
    return 0;
}

/* Or nothing. */
static bool is_url(const char *text)
{
    return text[0] == '\0' || strncmp(text, "http://", 7) == 0 || strncmp(text, "https://", 8) == 0;
}

/* What the table can't say: addresses, and values that must fit each other. */
static int check(const struct settings *settings, const struct config_source *source,
                 char error[CONFIG_ERROR_MAX])
{
    const struct settings_listen *listen = &settings->listen;
    const char *demo_key = settings->pages.demo_api_key;
    const char *webhooks_key = settings->webhooks.api_key;
    struct net_addr addr;
    size_t secret = strlen(settings->cluster_secret);
    if (secret > 0 && secret < CLUSTER_SECRET_MIN) {
        return config_complain(source, "cluster_secret", "shorter than 32 characters", error);
    }
    if (listen->address[0] != '\0' && net_from_text(&addr, listen->address, 0) != 0) {
        return config_complain(source, "listen.address", "not an address", error);
    }
    if ((listen->tls_cert_file[0] == '\0') != (listen->tls_key_file[0] == '\0')) {
        return config_complain(source, "listen", "tls_cert_file and tls_key_file go together",
                               error);
    }
    if (settings->webhooks.urls.count > 0 &&
        config_map_get(&settings->keys, webhooks_key) == NULL) {
        return config_complain(source, "webhooks.api_key", "not one of keys", error);
    }
    if (!is_url(settings->tracing.otlp_endpoint)) {
        return config_complain(source, "tracing.otlp_endpoint", "no http:// or https:// URL",
                               error);
    }
    if (demo_key[0] != '\0' && config_map_get(&settings->keys, demo_key) == NULL) {
        return config_complain(source, "pages.demo_api_key", "not one of keys", error);
    }
    for (size_t i = 0; i < settings->keys.count; i++) {
        if (settings->keys.items[i].value[0] == '\0') {
            char key[128];
            snprintf(key, sizeof(key), "keys.%s", settings->keys.items[i].key);
            return config_complain(source, key, "the secret is empty", error);
        }
    }
    int err = check_redis(&settings->redis, source, error);
    err = err != 0 ? err : check_turn(&settings->turn, source, error);
    err = err != 0 ? err : check_peers(settings, source, error);
    err = err != 0 ? err : check_autoscaling(settings, source, error);
    return err != 0 ? err : check_places(settings, source, error);
}

static void keep_shown(void *arg, const struct config_shown *shown)
{
    struct settings *settings = arg;
    settings->shown =
        mem_grow(settings->shown, settings->shown_count + 1, sizeof(*settings->shown));
    settings->shown[settings->shown_count++] = (struct settings_shown){
        mem_str(shown->path), mem_str(shown->value), mem_str(shown->origin)};
}

static int load(struct settings *out, const struct config_arguments *arguments,
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
    } else {
        config_each(&table, &source, out, keep_shown, out);
    }
    return err;
}

int settings_load(struct settings *out, enum config_command *command, int argc, char *const *argv,
                  char error[CONFIG_ERROR_MAX])
{
    struct config_arguments arguments;
    int err = config_arguments_parse(&arguments, options, argc, argv, error);
    if (err != 0) {
        return err;
    }
    *command = arguments.command;
    if (config_command_needs_settings(arguments.command)) {
        err = load(out, &arguments, error);
    }
    config_arguments_free(&arguments);
    return err;
}

void settings_schema(FILE *out)
{
    config_schema(&table, "spillway-orchestrator", env_prefix, out);
}

void settings_free(struct settings *settings)
{
    for (size_t i = 0; i < settings->shown_count; i++) {
        free(settings->shown[i].name);
        free(settings->shown[i].value);
        free(settings->shown[i].origin);
    }
    free(settings->shown);
    config_free(&table, settings);
}
