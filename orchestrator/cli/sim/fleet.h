/* SPDX-License-Identifier: Apache-2.0
 *
 * A fleet as an operator describes it in YAML, and what is to befall it
 * (docs/operations/what-if.md). Placement and distances are the orchestrator's own settings, with
 * their names, ranges and defaults.
 */
#ifndef ORCHESTRATOR_CLI_SIM_FLEET_H
#define ORCHESTRATOR_CLI_SIM_FLEET_H

#include "orchestrator/config.h"

#define FLEET_REGIONS_MAX 64
#define FLEET_NODES_MAX   10000   /* in all */
#define FLEET_PEOPLE_MAX  2000000 /* in all */
#define FLEET_FAULTS_MAX  16
#define FLEET_START_MAX   100 /* nodes that one fault starts */

/* So many rooms of so many people each. */
struct fleet_rooms {
    int64_t count;
    int64_t people;
    int64_t publishers; /* of them; 0: all */
};

struct fleet_region {
    char *name;
    int64_t nodes;            /* NAME-1, NAME-2, ... */
    int64_t capacity;         /* of each: weight, as media nodes' setting */
    int64_t people;           /* in rooms of the usual mix of sizes (room_mix.h) */
    struct config_list rooms; /* of struct fleet_rooms; beside them */
};

struct fleet {
    int64_t orchestrators;
    struct settings_placement placement;
    struct config_list regions;          /* of struct fleet_region */
    struct config_list region_distances; /* of struct settings_distance */
};

/* ERR_INVALID, ERR_IO or ERR_TOO_BIG with a text that names file, line and key; else fleet_free().
 */
MUST_CHECK int fleet_read(struct fleet *out, const char *path, char error[CONFIG_ERROR_MAX]);
/* The same of bytes; name stands for the file. */
MUST_CHECK int fleet_parse(struct fleet *out, const char *name, struct bytes text,
                           char error[CONFIG_ERROR_MAX]);
void fleet_free(struct fleet *fleet);

/* One of region, node, drain and start is not "". */
struct fleet_fault {
    char *region;  /* its processes end */
    int64_t share; /* ... of so many percent of its nodes, rounded up */
    char *node;    /* that one's */
    char *drain;   /* that node is drained */
    char *start;   /* a region, which gets more nodes, as those that it has */
    int64_t nodes; /* ... so many */
    int64_t at_us;
};

/* "region=eu share=33 at=10s". ERR_INVALID and a text; else fleet_fault_free(). */
MUST_CHECK int fleet_fault_read(struct fleet_fault *out, const char *text,
                                char error[CONFIG_ERROR_MAX]);
void fleet_fault_free(struct fleet_fault *fault);

#endif
