/* SPDX-License-Identifier: Apache-2.0
 *
 * DTLS between clients and their orchestrators: a second DEALER to each, with a small queue. What
 * finds it full is dropped, for DTLS and SCTP repair. A ROUTER knows a peer by its first message,
 * so an empty frame goes ahead of everything.
 */
#include "media-node/shell/parts.h"

#include <stdlib.h>

struct tunnel_link {
    struct tunnel *tunnel;
    struct bus_socket *socket;
    size_t index;
};

struct tunnel {
    struct shell *shell;
    struct tunnel_link links[NODE_LINKS_MAX];
    size_t count;
};

static void on_peer(void *arg, const struct bus_peer *peer, bool up)
{
    struct tunnel_link *link = arg;
    (void)peer;
    if (up && bus_send(link->socket, NULL, (struct bytes){NULL, 0}) != 0) {
        link->tunnel->shell->counters.tunnel_dropped++;
    }
}

static void on_message(void *arg, const struct bus_peer *peer, struct bytes message)
{
    struct tunnel_link *link = arg;
    struct shell *shell = link->tunnel->shell;
    (void)peer;
    node_tunnel(shell->node, shell_now(), link->index, message);
    shell_drain(shell);
}

void tunnel_send(struct tunnel *tunnel, const struct node_message *message)
{
    if (bus_send(tunnel->links[message->link].socket, NULL, message->bytes) != 0) {
        tunnel->shell->counters.tunnel_dropped++;
    }
}

int tunnel_open(struct tunnel **out, struct shell *shell)
{
    const struct shell_config *config = shell->config;
    struct tunnel *tunnel = mem_alloc(sizeof(*tunnel));
    tunnel->shell = shell;
    *out = tunnel;
    for (size_t i = 0; i < config->orchestrator_count; i++) {
        struct tunnel_link *link = &tunnel->links[i];
        *link = (struct tunnel_link){.tunnel = tunnel, .index = i};
        const struct bus_dealer_config dealer = {
            .endpoint = config->orchestrators[i].tunnel,
            .server_key = config->orchestrators[i].key,
            .id = shell->id,
            .profile = BUS_TUNNEL,
            .handlers = {.on_message = on_message, .on_peer = on_peer, .arg = link},
        };
        char error[BUS_ERROR_MAX];
        int err = bus_dealer_connect(&link->socket, shell->bus, &dealer, error);
        if (err != 0) {
            log_write(config->log, LOG_ERROR, "connect_failed endpoint=%s reason=\"%s\"",
                      dealer.endpoint, error);
            return err; /* the caller closes what is open */
        }
        tunnel->count++;
    }
    return 0;
}

void tunnel_close(struct tunnel *tunnel)
{
    for (size_t i = 0; i < tunnel->count; i++) {
        bus_socket_close(tunnel->links[i].socket);
    }
    free(tunnel);
}
