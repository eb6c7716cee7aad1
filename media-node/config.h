/* SPDX-License-Identifier: Apache-2.0
 *
 * The settings of spillway-node: what node.yaml, SPILLWAY_NODE_* variables and the command line may
 * say. node.yaml in this folder is the documented sample.
 */
#ifndef MEDIA_NODE_CONFIG_H
#define MEDIA_NODE_CONFIG_H

#include "common/config/arguments.h"
#include "common/config/config.h"

struct settings_orchestrator {
    char *control;  /* "tcp://10.0.0.1:7881" */
    char *tunnel;   /* "tcp://10.0.0.1:7882" */
    char *key;      /* its public key, Z85; or "" and */
    char *key_file; /* the path of its NAME.pub */
};

struct settings_media {
    char *ip;                       /* address to listen on */
    struct config_strings more_ips; /* and others, at the same ports */
    struct config_strings advertise;
    char *trunk_address; /* where other nodes reach it; "": the first of advertise */
    int64_t port_base;
    int64_t ports; /* of each worker */
    bool tcp;
    bool congestion_control;
};

struct settings_probes {
    char *listen;
    int64_t port; /* of the first worker; 0: none */
};

struct settings_log {
    int level;  /* enum log_level */
    int format; /* enum logger_format */
};

struct settings_curve {
    char *secret_file; /* path of this node's NAME.key */
};

struct settings {
    char *name;
    char *region;
    char *zone;
    int64_t workers;
    int64_t capacity;       /* of each worker */
    int64_t drain_grace_us; /* from SIGTERM to the end, if rooms are still here */
    struct settings_curve curve;
    struct config_list orchestrators; /* of struct settings_orchestrator */
    struct settings_media media;
    struct settings_probes probes;
    struct settings_log log;
};

/* Options of the command line that stand for single settings; for config_arguments_parse. */
extern const struct config_option settings_options[];

/* Reads every source. On success the caller frees out with settings_free(). ERR_INVALID, ERR_IO or
 * ERR_TOO_BIG with a text to print before exiting with status 2. */
MUST_CHECK int settings_load(struct settings *out, const struct config_arguments *arguments,
                             char error[CONFIG_ERROR_MAX]);
void settings_free(struct settings *settings);
/* What --schema prints. */
void settings_schema(FILE *out);

/* What --help prints. */
extern const char settings_help[];

#endif
