/* SPDX-License-Identifier: Apache-2.0
 *
 * The settings of spillway-orchestrator: what orchestrator.yaml, SPILLWAY_ORCHESTRATOR_* variables
 * and the command line may say. orchestrator.yaml in this folder is the documented sample.
 */
#ifndef ORCHESTRATOR_CONFIG_H
#define ORCHESTRATOR_CONFIG_H

#include "common/config/arguments.h"
#include "orchestrator/core/scaling/timetable.h"

struct settings_listen {
    char *address;
    int64_t port;
    char *tls_cert_file;
    char *tls_key_file;
    bool trust_forwarded_for;
};

struct settings_bus {
    char *control; /* "tcp://0.0.0.0:7881" */
    char *tunnel;
    char *secret_file; /* path of this orchestrator's NAME.key */
    char *nodes_dir;   /* NAME.pub of every node that may connect */
};

/* Another orchestrator: its peer_listen as seen from here, and its public key. */
struct settings_peer {
    char *endpoint;
    char *key;      /* Z85; either this */
    char *key_file; /* or this */
};

struct settings_redis {
    char *host; /* "", and no sentinels: the store is kept in memory */
    int64_t port;
    char *username, *password;
    struct config_strings sentinels; /* "host:port" each; instead of host */
    char *master;
    char *sentinel_password;
};

struct settings_rooms {
    int64_t empty_timeout_us;
    int64_t departure_timeout_us;
    int64_t loudest; /* audio tracks between two nodes of a room at a time, 0: all */
};

struct settings_placement {
    int64_t fill_percent;
    int64_t join_percent; /* >= fill_percent */
    int64_t room_weight;
    int64_t node_joins_per_s; /* 0: no limit */
    int64_t room_joins_per_s;
};

struct settings_rebalance {
    bool enabled;
    int64_t hot_percent;
    int64_t cool_percent; /* < hot_percent */
};

/* Nodes that a region has at least on those days, between those times of a place. */
struct settings_timetable {
    char *region;               /* "" where a cluster has but one */
    struct config_strings days; /* "mon" .. "sun" */
    char *from, *to;            /* "08:30", to up to "24:00"; not after from: on the next day */
    char *zone;                 /* of the tz database; "UTC" */
    int64_t nodes;
};

struct settings_autoscaling {
    int64_t target_percent;
    int64_t node_start_us;
    int64_t scale_in_after_us;
    bool survive_region_loss;
    int64_t nodes_min, nodes_max;
    struct config_list timetable; /* of struct settings_timetable */
};

struct settings_distance {
    char *from; /* regions; holds both ways */
    char *to;
    int64_t ms;
};

struct settings_turn {
    struct config_strings urls; /* none: there are no TURN servers */
    char *secret;
    int64_t credential_lifetime_us;
};

struct settings_webhooks {
    struct config_strings urls;
    char *api_key;
};

struct settings_tracing {
    char *otlp_endpoint; /* "": nothing is traced */
    char *authorization;
    int64_t sample_permille;
};

struct settings_pages {
    char *dir;
    char *status_dir;
    char *demo_api_key; /* "": the page gives nobody a token */
};

struct settings_log {
    int level;  /* enum log_level */
    int format; /* enum logger_format */
};

/* A setting that is in force; secrets are "***". */
struct settings_shown {
    char *name, *value, *origin;
};

struct settings {
    char *name;
    char *region;
    char *zone;
    char *cluster_secret;   /* "": made up at the start */
    struct config_map keys; /* API key -> secret */
    struct settings_listen listen;
    struct settings_bus bus;
    char *peer_listen;        /* "tcp://0.0.0.0:7883" */
    struct config_list peers; /* of struct settings_peer */
    struct settings_redis redis;
    struct settings_rooms rooms;
    struct settings_placement placement;
    struct settings_rebalance rebalance;
    struct settings_autoscaling autoscaling;
    int64_t drain_grace_us; /* from SIGTERM to the end, if somebody's front is still here */
    struct config_list region_distances; /* of struct settings_distance */
    struct settings_turn turn;
    struct settings_webhooks webhooks;
    struct settings_tracing tracing;
    struct settings_pages pages;
    struct settings_log log;
    struct settings_shown *shown; /* all of the above, for operators */
    size_t shown_count;
};

/* Reads every source. On success, and for commands RUN, CHECK and SHOW, the caller frees out with
 * settings_free(). ERR_INVALID, ERR_IO or ERR_TOO_BIG with a text to print before exiting with 2.
 */
MUST_CHECK int settings_load(struct settings *out, enum config_command *command, int argc,
                             char *const *argv, char error[CONFIG_ERROR_MAX]);
void settings_free(struct settings *settings);
/* What --schema prints. */
void settings_schema(FILE *out);

/* "host:port" or "[address]:port" in two. ERR_INVALID: it is not, or host is longer than len - 1.
 */
MUST_CHECK int settings_host_port(const char *text, char *host, size_t len, uint16_t *port);
/* The entry with its zone read; its strings are the settings'. ERR_INVALID, and why: it makes no
 * sense, or the machine's tz database does not have the zone. */
MUST_CHECK int settings_timetable_entry(const struct settings_timetable *settings,
                                        struct timetable_entry *out, const char **why);
/* config_placement.c: placement and an entry of region_distances, and what is wrong with them
 * beyond their ranges: ERR_INVALID with a text. */
extern const struct config_table settings_placement_table, settings_distance_table;
extern const char settings_not_a_label[]; /* what is wrong where config_is_label() says no */
MUST_CHECK int settings_check_placement(const struct settings_placement *placement,
                                        const struct config_list *distances,
                                        const struct config_source *source,
                                        char error[CONFIG_ERROR_MAX]);
/* Whether there is a Redis, somewhere. */
bool settings_has_redis(const struct settings *settings);

/* What --help prints. */
extern const char settings_help[];

#endif
