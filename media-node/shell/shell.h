/* SPDX-License-Identifier: Apache-2.0
 *
 * Everything of a media node that touches the world: one libuv loop, one thread, around one core.
 * The shell stamps the time, feeds bytes, drains, and sends; it decides nothing about media.
 */
#ifndef MEDIA_NODE_SHELL_SHELL_H
#define MEDIA_NODE_SHELL_SHELL_H

#include "common/bus/bus.h"
#include "common/net/net.h"
#include "media-node/core/node/node.h"

#define SHELL_ADDRESSES_MAX 8 /* to listen on */

struct shell_orchestrator {
    const char *control; /* "tcp://10.0.0.1:7881" */
    const char *tunnel;
    char key[BUS_KEY_LEN]; /* its public key */
};

/* Everything is borrowed until shell_run returns. */
struct shell_config {
    const char *name;
    const char *region;
    const char *zone;
    uint32_t capacity;
    struct bus_keys keys;
    const struct shell_orchestrator *orchestrators;
    size_t orchestrator_count;   /* 1 .. NODE_LINKS_MAX */
    struct net_addr listen;      /* port: of the first endpoint */
    const struct net_addr *more; /* other addresses at the same ports: an endpoint is a port */
    size_t more_count;           /* < SHELL_ADDRESSES_MAX */
    const struct net_addr *advertise;
    size_t advertise_count; /* 1 .. NODE_ADVERTISE_MAX */
    struct net_addr trunk;  /* where other nodes reach it; family 0: as clients do */
    uint16_t ports;         /* each is a UDP and, with tcp, a TCP endpoint */
    bool tcp;
    bool congestion_control;
    const char *probes_listen;
    uint16_t probes_port; /* 0: no probes */
    int64_t drain_grace_us;
    const struct log_sink *log;
};

/* Runs a node until it is told to stop by SIGTERM or SIGINT and its rooms are gone, or the grace
 * time is over, or a second signal comes. Returns 0, or ERR_IO if it can't start (logged). */
MUST_CHECK int shell_run(const struct shell_config *config);

#endif
