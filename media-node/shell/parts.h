/* SPDX-License-Identifier: Apache-2.0
 *
 * Private to the shell: what its files offer each other.
 */
#ifndef MEDIA_NODE_SHELL_PARTS_H
#define MEDIA_NODE_SHELL_PARTS_H

#include <uv.h>

#include "common/probes/probes.h"
#include "media-node/shell/heap.h"
#include "media-node/shell/shell.h"

#define SHELL_PACKET 2048 /* bytes of a receive buffer; longer datagrams are dropped */
#define SHELL_PORTS  16   /* of each protocol */

struct shell;
struct udp;
struct tcp;
struct control;
struct tunnel;

/* What only the shell sees. */
struct shell_counters {
    uint64_t udp_truncated;    /* datagrams longer than SHELL_PACKET */
    uint64_t udp_receive_full; /* the socket's buffer was full, as the kernel tells */
    uint64_t udp_send_full;    /* the socket's buffer was full */
    uint64_t udp_send_failed;  /* the kernel refused the packet (no route, bad address) */
    uint64_t udp_burst_failed; /* the kernel refused to cut a burst: sent packet by packet */
    uint64_t tcp_accepted;
    uint64_t tcp_refused;   /* over the limit of connections */
    uint64_t tcp_displaced; /* not authenticated yet, and others came */
    uint64_t tcp_timeouts;  /* not authenticated in time, or idle */
    uint64_t tcp_forgotten; /* by the core, and to authenticate anew */
    uint64_t tcp_malformed; /* a frame too long */
    uint64_t tcp_send_full; /* the client does not read */
    uint64_t tcp_send_gone; /* no such connection any more */
    uint64_t control_full;  /* the queue to an orchestrator was full: connection begun anew */
    uint64_t tunnel_dropped;
};

struct shell {
    const struct shell_config *config;
    uv_loop_t loop;
    struct node *node;
    struct bus *bus;
    struct udp *udp;
    struct tcp *tcp;
    struct control *control;
    struct tunnel *tunnel;
    struct probes probes;
    struct probes_listener *probes_listener;
    char id[ID_MAX];
    uv_timer_t deadline;
    uv_timer_t second; /* measures load, gives memory back, ends a drain */
    uv_timer_t pulse;  /* its lateness is the loop's lag */
    uv_signal_t terminate;
    uv_signal_t interrupt;
    bool draining;
    bool stopping;
    int64_t drain_end_us;
    unsigned alone_s; /* seconds without any orchestrator */
    int64_t load_at_us;
    int64_t load_cpu_us;
    uint32_t cpu_permille;
    struct heap heap;
    int64_t pulse_due_us;
    uint32_t lag_us_max; /* of the running second */
    uint32_t lag_us;     /* of the last one */
    struct shell_counters counters;
};

/* ---- loop.c ---------------------------------------------------------------------------------- */

int64_t shell_now(void);

/* After each input: sends what the core has, and sets its alarm. */
void shell_drain(struct shell *shell);

/* Feeds datagrams and drains, until all are taken. */
void shell_feed(struct shell *shell, int64_t now_us, const struct node_datagram *batch,
                size_t count);

/* The address number i that is listened on, with the port of the endpoint of that number. */
static inline struct net_addr shell_listen(const struct shell_config *config, size_t i,
                                           uint16_t endpoint)
{
    struct net_addr addr = i == 0 ? config->listen : config->more[i - 1];
    addr.port = (uint16_t)(config->listen.port + endpoint);
    return addr;
}

/* ---- udp.c: endpoints 0 .. ports-1 ----------------------------------------------------------- */

MUST_CHECK int udp_open(struct udp **out, struct shell *shell);
void udp_close(struct udp *udp);
/* Queues a packet for its socket; udp_flush sends. Bytes are borrowed until then. */
void udp_send(struct udp *udp, const struct outbox_packet *packet);
void udp_flush(struct udp *udp);

/* ---- tcp.c: endpoints ports .. 2*ports-1 ------------------------------------------------------
 */

MUST_CHECK int tcp_open(struct tcp **out, struct shell *shell);
void tcp_close(struct tcp *tcp);
/* Sends a packet as one frame, or drops it; bytes are borrowed for the call. */
void tcp_send(struct tcp *tcp, const struct outbox_packet *packet);
size_t tcp_connections(const struct tcp *tcp);

/* ---- control.c, tunnel.c: a DEALER to each orchestrator ---------------------------------------
 */

MUST_CHECK int control_open(struct control **out, struct shell *shell);
void control_close(struct control *control);
void control_send(struct control *control, const struct node_message *message);

MUST_CHECK int tunnel_open(struct tunnel **out, struct shell *shell);
void tunnel_close(struct tunnel *tunnel);
void tunnel_send(struct tunnel *tunnel, const struct node_message *message);

/* ---- probes.c -------------------------------------------------------------------------------- */

MUST_CHECK int shell_probes_open(struct shell *shell);

#endif
