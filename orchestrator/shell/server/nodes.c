/* SPDX-License-Identifier: Apache-2.0
 *
 * Media nodes on the bus: control messages to and from the core, tunnel frames to the front. A node
 * whose connection breaks is reported at once; one whose queue is full loses a message, which the
 * core is told if it was a room's spec.
 */
#include "orchestrator/shell/server/internal.h"

static void on_control(void *arg, const struct bus_peer *peer, struct bytes message)
{
    struct server *server = arg;
    orch_node_message(server->orch, server_now(), peer->id, message);
    server_drain(server);
}

static void on_control_peer(void *arg, const struct bus_peer *peer, bool up)
{
    struct server *server = arg;
    if (!up) {
        orch_node_link_lost(server->orch, server_now(), peer->id);
        server_drain(server);
    }
}

static void on_tunnel(void *arg, const struct bus_peer *peer, struct bytes frame)
{
    struct server *server = arg;
    (void)peer;
    transports_frame(server, frame);
    server_drain(server);
}

void nodes_send(struct server *server, const struct effect *effect)
{
    int err = bus_send(server->control, effect->name, (struct bytes){effect->data, effect->len});
    if (err != 0) {
        log_write(server->log, LOG_WARN, "node_send_failed node=%s err=\"%s\"", effect->name,
                  err_text(err));
        if (effect->text != NULL) {
            orch_node_unsent(server->orch, server_now(), effect->name, effect->text);
        }
    }
}

static int complain(struct server *server, int err, const char *error)
{
    log_write(server->log, LOG_ERROR, "bus_failed why=\"%s\"", error);
    return err;
}

int nodes_open(struct server *server)
{
    const struct settings_bus *settings = &server->settings->bus;
    char error[BUS_ERROR_MAX] = "ZeroMQ does not start";
    int err = bus_new(&server->bus, &(struct bus_config){.loop = &server->loop,
                                                         .keys = server->bus_keys,
                                                         .io_threads = 1,
                                                         .log = server->log});
    if (err != 0) {
        return complain(server, err, error);
    }
    err = bus_allow_dir(server->bus, BUS_ROLE_NODE, settings->nodes_dir, error);
    if (err != 0) {
        return complain(server, err, error);
    }
    struct bus_router_config control = {
        .endpoint = settings->control,
        .profile = BUS_CONTROL,
        .accept = BUS_ROLE_NODE,
        .handlers = {.on_message = on_control, .on_peer = on_control_peer, .arg = server}};
    err = bus_router_bind(&server->control, server->bus, &control, error);
    if (err != 0) {
        return complain(server, err, error);
    }
    struct bus_router_config tunnel = {.endpoint = settings->tunnel,
                                       .profile = BUS_TUNNEL,
                                       .accept = BUS_ROLE_NODE,
                                       .handlers = {.on_message = on_tunnel, .arg = server}};
    err = bus_router_bind(&server->tunnel, server->bus, &tunnel, error);
    return err == 0 ? 0 : complain(server, err, error);
}
