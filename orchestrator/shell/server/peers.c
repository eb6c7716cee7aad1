/* SPDX-License-Identifier: Apache-2.0
 *
 * Other orchestrators on the bus: a DEALER to each that is written, one ROUTER that is read.
 *
 * Happy path: a peer is known by its key, which the ROUTER names by its place in the settings; so a
 * message that came in and the DEALER that answers belong together.
 *
 * Failure modes: a connection breaks either way: the core is told at once. A peer does not read and
 * its queue is full, by messages or by bytes (bus.h): what may be lost is dropped and counted, so
 * is all of that from half of the bytes on, which leaves the rest to what may not; anything else
 * means that the link is lost and made anew.
 */
#include "orchestrator/shell/server/internal.h"

#include <stdio.h>
#include <stdlib.h>

static int complain(struct server *server, int err, const char *error)
{
    log_write(server->log, LOG_ERROR, "peers_failed why=\"%s\"", error);
    return err;
}

/* ---- Messages ------------------------------------------------------------------------------ */

static void on_dealer_peer(void *arg, const struct bus_peer *peer, bool up)
{
    struct server_peer *to = arg;
    (void)peer;
    cluster_peer_link(to->server->cluster, server_now(), to->index, up);
    if (!to->server->draining) {
        server_drain(to->server);
    }
}

static void on_dealer_message(void *arg, const struct bus_peer *peer, struct bytes message)
{
    (void)arg;
    (void)peer;
    (void)message; /* peers write to our ROUTER */
}

static size_t index_of(const struct bus_peer *peer)
{
    return (size_t)strtoul(peer->name, NULL, 10); /* as peers_open() listed its key */
}

static void on_router_peer(void *arg, const struct bus_peer *peer, bool up)
{
    struct server *server = arg;
    if (!up) {
        cluster_peer_lost(server->cluster, server_now(), index_of(peer));
        server_drain(server);
    }
}

static void on_router_message(void *arg, const struct bus_peer *peer, struct bytes message)
{
    struct server *server = arg;
    cluster_peer_message(server->cluster, server_now(), index_of(peer), message);
    server_drain(server);
}

void peers_send(struct server *server, const struct effect *effect)
{
    struct server_peer *peer = &server->peers[effect->id];
    bool lossy = effect->status != 0;
    if (lossy && bus_queued_bytes(peer->dealer) > BUS_QUEUED_BYTES_MAX / 2) {
        server->peers_lossy_dropped++;
        return;
    }
    int err = bus_send(peer->dealer, NULL, (struct bytes){effect->data, effect->len});
    if (err != ERR_FULL) {
        return; /* else it has no connection, which the core knows or hears in a moment */
    }
    if (lossy) {
        server->peers_lossy_dropped++;
    } else if (!peer->broken) {
        server->peers_full++;
        log_write(server->log, LOG_ERROR, "peer_full endpoint=%s", peer->endpoint);
        peer->broken = true;
        cluster_peer_link(server->cluster, server_now(), peer->index, false);
    }
}

bool peers_broken(const struct server *server)
{
    bool broken = false;
    for (size_t i = 0; i < server->peer_count; i++) {
        broken |= server->peers[i].broken;
    }
    return broken;
}

/* Not from the handlers that may have found it full. */
void peers_reconnect(struct server *server)
{
    for (size_t i = 0; i < server->peer_count; i++) {
        if (server->peers[i].broken) {
            server->peers[i].broken = false;
            bus_reconnect(server->peers[i].dealer);
        }
    }
}

/* ---- Start --------------------------------------------------------------------------------- */

static int read_key(char out[BUS_KEY_LEN], const struct settings_peer *settings,
                    char error[BUS_ERROR_MAX])
{
    if (settings->key[0] == '\0') {
        return bus_public_key_load(out, settings->key_file, error);
    }
    snprintf(out, BUS_KEY_LEN, "%s", settings->key);
    return 0;
}

int peers_read(struct server *server)
{
    char error[BUS_ERROR_MAX] = "";
    const struct config_list *list = &server->settings->peers;
    const struct settings_peer *items = list->items;
    int err = bus_keys_load(&server->bus_keys, server->settings->bus.secret_file, error);
    for (size_t i = 0; err == 0 && i < list->count; i++) {
        char key[BUS_KEY_LEN];
        err = read_key(key, &items[i], error);
        if (err != 0 || strcmp(key, server->bus_keys.public_key) == 0) {
            continue; /* ours: the same list may be everybody's */
        }
        if (server->peer_count == CLUSTER_PEERS_MAX) {
            snprintf(error, sizeof(error), "more than %d other orchestrators", CLUSTER_PEERS_MAX);
            err = ERR_FULL;
            continue;
        }
        struct server_peer *peer = &server->peers[server->peer_count];
        *peer = (struct server_peer){
            .server = server, .index = server->peer_count++, .endpoint = items[i].endpoint};
        memcpy(peer->key, key, sizeof(key));
    }
    return err == 0 ? 0 : complain(server, err, error);
}

static int open_dealer(struct server_peer *peer, char error[BUS_ERROR_MAX])
{
    struct server *server = peer->server;
    char name[BUS_NAME_MAX];
    snprintf(name, sizeof(name), "%zu", peer->index);
    int err = bus_allow(server->bus, BUS_ROLE_ORCHESTRATOR, name, peer->key);
    if (err != 0) {
        snprintf(error, BUS_ERROR_MAX, "%.150s: its key is another peer's, too", peer->endpoint);
        return err;
    }
    return bus_dealer_connect(
        &peer->dealer, server->bus,
        &(struct bus_dealer_config){
            .endpoint = peer->endpoint,
            .server_key = peer->key,
            .id = server->id,
            .profile = BUS_PEER,
            .handlers = {.on_message = on_dealer_message, .on_peer = on_dealer_peer, .arg = peer}},
        error);
}

int peers_open(struct server *server)
{
    char error[BUS_ERROR_MAX] = "";
    if (server->peer_count == 0) {
        return 0;
    }
    int err =
        bus_router_bind(&server->peer_router, server->bus,
                        &(struct bus_router_config){.endpoint = server->settings->peer_listen,
                                                    .profile = BUS_PEER,
                                                    .accept = BUS_ROLE_ORCHESTRATOR,
                                                    .handlers = {.on_message = on_router_message,
                                                                 .on_peer = on_router_peer,
                                                                 .arg = server}},
                        error);
    for (size_t i = 0; err == 0 && i < server->peer_count; i++) {
        err = open_dealer(&server->peers[i], error);
    }
    return err == 0 ? 0 : complain(server, err, error);
}
