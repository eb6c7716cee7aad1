/* SPDX-License-Identifier: Apache-2.0
 *
 * /livez, /readyz and /metrics. Ready: an orchestrator has accepted this node, and it is not
 * draining. Every counter of core and shell is a metric by its own name.
 */
#include "media-node/shell/parts.h"

#include <stdio.h>

struct row {
    const char *name;
    const char *help;
    size_t offset;
};

static const struct row core_rows[] = {
#define X(name, text) {#name "_total", text, offsetof(struct counters, name)},
    COUNTERS_MAP(X)
#undef X
};

#define SHELL_MAP(X)                                                                               \
    X(udp_truncated, "datagrams dropped: longer than any we expect")                               \
    X(udp_receive_full, "datagrams dropped by the kernel: a UDP socket was not read in time")      \
    X(udp_send_full, "packets dropped: a UDP socket's buffer was full")                            \
    X(udp_send_failed, "packets dropped: the kernel refused them")                                 \
    X(udp_burst_failed, "bursts sent packet by packet: the kernel refused to cut them")            \
    X(tcp_accepted, "TCP connections accepted")                                                    \
    X(tcp_refused, "TCP connections refused: too many")                                            \
    X(tcp_displaced, "TCP connections closed: not authenticated yet, and others came")             \
    X(tcp_timeouts, "TCP connections closed: not authenticated in time, or idle")                  \
    X(tcp_forgotten, "TCP connections to authenticate anew: the node has forgotten their path")    \
    X(tcp_malformed, "TCP connections closed: a frame too long")                                   \
    X(tcp_send_full, "packets dropped: a TCP client does not read")                                \
    X(tcp_send_gone, "packets dropped: their TCP connection is gone")                              \
    X(control_full, "links begun anew: the queue to an orchestrator was full")                     \
    X(tunnel_dropped, "tunnel frames dropped: the queue to an orchestrator was full or gone")

static const struct row shell_rows[] = {
#define X(name, text) {#name "_total", text, offsetof(struct shell_counters, name)},
    SHELL_MAP(X)
#undef X
};

static size_t add_rows(const struct row *rows, size_t count, const void *counters,
                       struct probes_metric *out)
{
    for (size_t i = 0; i < count; i++) {
        uint64_t value;
        memcpy(&value, (const char *)counters + rows[i].offset, sizeof(value));
        out[i] = (struct probes_metric){.name = rows[i].name,
                                        .help = rows[i].help,
                                        .kind = PROBES_COUNTER,
                                        .value = (double)value};
    }
    return count;
}

static size_t add_gauges(const struct shell *shell, struct probes_metric *out)
{
    size_t registered = 0;
    for (size_t i = 0; i < shell->config->orchestrator_count; i++) {
        registered += node_registered(shell->node, i);
    }
    const struct {
        const char *name;
        const char *help;
        double value;
    } gauges[] = {
        {"capacity_weight", "weight that this node is willing to carry",
         (double)shell->config->capacity},
        {"weight", "what it carries: tracks, subscriptions and edges",
         (double)node_weight(shell->node)},
        {"rooms", "rooms held", (double)node_room_count(shell->node)},
        {"transports", "clients' transports held", (double)node_transport_count(shell->node)},
        {"tcp_connections", "TCP connections open",
         shell->tcp == NULL ? 0.0 : (double)tcp_connections(shell->tcp)},
        {"orchestrators_registered", "orchestrators that accepted this node", (double)registered},
        {"draining", "1 while this node asks to be left", shell->draining ? 1.0 : 0.0},
        {"cpu_ratio", "share of one core used over the last second",
         (double)shell->cpu_permille / 1000.0},
        {"loop_lag_seconds", "worst lateness of the loop in the last second",
         (double)shell->lag_us / 1e6},
    };
    for (size_t i = 0; i < ARRAY_LEN(gauges); i++) {
        out[i] = (struct probes_metric){.name = gauges[i].name,
                                        .help = gauges[i].help,
                                        .kind = PROBES_GAUGE,
                                        .value = gauges[i].value};
    }
    return ARRAY_LEN(gauges);
}

/* One of them is 1: what orchestrators said of it last; draining, too, if it said so itself. */
static size_t add_states(const struct shell *shell, struct probes_metric *out)
{
    static const char *const states[] = {
        [NODE_READY] = "state=\"ready\"",
        [NODE_CORDONED] = "state=\"cordoned\"",
        [NODE_DRAINING] = "state=\"draining\"",
        [NODE_GRAY] = "state=\"gray\"",
    };
    enum node_service now = shell->draining ? NODE_DRAINING : node_service(shell->node);
    for (size_t i = 0; i < ARRAY_LEN(states); i++) {
        out[i] = (struct probes_metric){.name = "state",
                                        .help = "1 for the state that orchestrators gave it",
                                        .kind = PROBES_GAUGE,
                                        .labels = states[i],
                                        .value = i == now};
    }
    return ARRAY_LEN(states);
}

#define GAUGES_MAX 32

static size_t fill_metrics(void *arg, struct probes_metric *out, size_t max)
{
    const struct shell *shell = arg;
    assert(max >= ARRAY_LEN(core_rows) + ARRAY_LEN(shell_rows) + GAUGES_MAX);
    size_t count = add_rows(core_rows, ARRAY_LEN(core_rows), node_counters(shell->node), out);
    count += add_rows(shell_rows, ARRAY_LEN(shell_rows), &shell->counters, out + count);
    count += add_gauges(shell, out + count);
    return count + add_states(shell, out + count);
}

static bool is_ready(void *arg, char reason[PROBES_REASON_MAX])
{
    const struct shell *shell = arg;
    if (shell->draining) {
        snprintf(reason, PROBES_REASON_MAX, "draining");
        return false;
    }
    for (size_t i = 0; i < shell->config->orchestrator_count; i++) {
        if (node_registered(shell->node, i)) {
            return true;
        }
    }
    snprintf(reason, PROBES_REASON_MAX, "no orchestrator has accepted this node yet");
    return false;
}

int shell_probes_open(struct shell *shell)
{
    const struct shell_config *config = shell->config;
    if (config->probes_port == 0) {
        return 0;
    }
    shell->probes = (struct probes){
        .prefix = "spillway_node", .arg = shell, .ready = is_ready, .metrics = fill_metrics};
    return probes_listen(&shell->probes_listener, &shell->loop, config->log, config->probes_listen,
                         config->probes_port, &shell->probes);
}
