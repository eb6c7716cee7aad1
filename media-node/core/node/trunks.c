/* SPDX-License-Identifier: Apache-2.0
 *
 * Trunks to other nodes, shared by all rooms.
 *
 *   in use   some room names it, or an orchestrator watches it: it pings, and is listened to at its
 *            5-tuple
 *   idle     nobody does; after NODE_TRUNK_IDLE_US it
 *   rests    silent, off the path table, but remembering which SSRCs it used under its keys: for
 *            with the same keys they must not be used again. A spec that names it wakes it. Only
 *            after NODE_TRUNK_KEPT_US, when there are newer keys for sure, it may be forgotten to
 *            make room.
 */
#include "media-node/core/node/parts.h"

#include <stdio.h>
#include <stdlib.h>

struct trunk *trunks_find(const struct node *node, const char *id)
{
    struct trunk *trunk;
    HASH_FIND_STR(node->trunks, id, trunk);
    return trunk;
}

int trunks_endpoint(const struct node *node, uint16_t port, uint16_t *out)
{
    for (uint16_t i = 0; i < node->config.endpoint_count; i++) {
        const struct node_endpoint *endpoint = &node->config.endpoints[i];
        if (endpoint->protocol == NODE_UDP && endpoint->port == port) {
            *out = i;
            return 0;
        }
    }
    return ERR_NOT_FOUND;
}

static bool forgettable(const struct trunk *trunk, int64_t now_us)
{
    return relay_ports(trunk->relay) == 0 && trunk->idle_us != TIME_NEVER &&
           now_us - trunk->idle_us >= NODE_TRUNK_KEPT_US;
}

static void free_trunk(struct node *node, struct trunk *trunk)
{
    paths_remove_trunk(node, trunk);
    agenda_set(&node->trunk_agenda, &trunk->entry, TIME_NEVER);
    relay_free(trunk->relay);
    HASH_DEL(node->trunks, trunk);
    free(trunk);
}

void trunks_free_all(struct node *node)
{
    while (node->trunks != NULL) {
        free_trunk(node, node->trunks);
    }
}

bool trunks_have_room(const struct node *node, size_t more)
{
    size_t kept = 0;
    for (const struct trunk *trunk = node->trunks; trunk != NULL; trunk = trunk->hh.next) {
        kept += !forgettable(trunk, node->now_us);
    }
    return kept + more <= NODE_TRUNKS_MAX;
}

static void make_room(struct node *node)
{
    struct trunk *trunk = node->trunks;
    while (trunk != NULL && HASH_COUNT(node->trunks) >= NODE_TRUNKS_MAX) {
        struct trunk *next = trunk->hh.next;
        if (forgettable(trunk, node->now_us)) {
            free_trunk(node, trunk);
        }
        trunk = next;
    }
}

static struct trunk *add_trunk(struct node *node, int64_t now_us, const char *id)
{
    make_room(node);
    struct trunk *trunk = mem_alloc(sizeof(*trunk));
    snprintf(trunk->node, sizeof(trunk->node), "%s", id);
    const struct relay_config config = {.random = node->config.random,
                                        .outbox = node->outbox,
                                        .counters = &node->counters,
                                        .agenda = &node->trunk_agenda,
                                        .entry = &trunk->entry};
    trunk->relay = relay_new(&config, now_us);
    HASH_ADD_STR(node->trunks, node, trunk);
    return trunk;
}

void trunks_set(struct node *node, int64_t now_us, const struct spec_trunk *spec)
{
    struct trunk *trunk = trunks_find(node, spec->node);
    if (trunk == NULL) {
        trunk = add_trunk(node, now_us, spec->node);
        log_write(node->config.log, LOG_INFO, "trunk_made to=%s", trunk->node);
    }
    struct ice_path path = {.remote = spec->remote, .protocol = ICE_UDP};
    int err = trunks_endpoint(node, spec->local.port, &path.endpoint);
    assert(err == 0); /* checked with the spec */
    err = relay_set_keys(trunk->relay, now_us, spec->generation, &spec->keys);
    assert(err == 0);
    const struct path *other = paths_get(node, &path);
    if (other != NULL && other->trunk != NULL && other->trunk != trunk) {
        relay_set_path(other->trunk->relay, now_us, NULL); /* that node is another one now */
    }
    paths_add_trunk(node, &path, trunk);
    relay_set_path(trunk->relay, now_us, &path);
    trunk->idle_us = TIME_NEVER;
    agenda_set(&node->trunk_agenda, &trunk->entry, now_us);
}

/* Bounded: an orchestrator watches two neighbours, and a region's nodes need no more. */
static bool may_watch(const struct node *node, const struct spec_trunk *spec)
{
    uint16_t endpoint;
    return trunks_endpoint(node, spec->local.port, &endpoint) == 0 &&
           strcmp(spec->node, node->config.id) != 0 &&
           (trunks_find(node, spec->node) != NULL || trunks_have_room(node, 1));
}

void trunks_watch(struct node *node, int64_t now_us, size_t link,
                  const Spillway__Control__Watch *watch)
{
    trunks_unwatch(node, now_us, link);
    if (watch->n_trunks > NODE_WATCHED_MAX) {
        node->counters.drop_control_malformed++;
        return;
    }
    for (size_t i = 0; i < watch->n_trunks; i++) {
        struct spec_trunk spec;
        if (spec_read_trunk(&spec, watch->trunks[i]) == NULL && may_watch(node, &spec)) {
            trunks_set(node, now_us, &spec);
            trunks_find(node, spec.node)->watched |= 1u << link;
        } else {
            node->counters.drop_control_malformed++;
        }
        explicit_bzero(&spec.keys, sizeof(spec.keys));
    }
}

void trunks_unwatch(struct node *node, int64_t now_us, size_t link)
{
    for (struct trunk *trunk = node->trunks; trunk != NULL; trunk = trunk->hh.next) {
        if ((trunk->watched >> link & 1) != 0) {
            trunk->watched &= ~(1u << link);
            agenda_set(&node->trunk_agenda, &trunk->entry, now_us);
        }
    }
}

/* ---- Datagrams ------------------------------------------------------------------------------- */

void trunks_rtp(struct node *node, int64_t now_us, struct trunk *trunk,
                const struct node_datagram *in)
{
    struct relay_rtp rtp;
    if (relay_rtp(trunk->relay, now_us, in->data, in->len, &rtp) == 0) {
        node_settle(node, fwd_owner(fwd_relayed(now_us, &rtp)));
    }
}

void trunks_rtcp(struct node *node, int64_t now_us, struct trunk *trunk,
                 const struct node_datagram *in)
{
    struct rtcp_iter iter;
    struct rtcp_packet packet;
    if (relay_rtcp(trunk->relay, now_us, in->data, in->len, in->waited_us, &iter) != 0) {
        return;
    }
    while (rtcp_next(&iter, &packet)) {
        struct fwd *fwd = fwd_relayed_rtcp(trunk->relay, now_us, &packet);
        if (fwd != NULL) {
            node_settle(node, fwd_owner(fwd));
        }
    }
}

/* ---- Time ------------------------------------------------------------------------------------ */

static void rest(struct node *node, int64_t now_us, struct trunk *trunk)
{
    relay_set_path(trunk->relay, now_us, NULL);
    paths_remove_trunk(node, trunk);
    log_write(node->config.log, LOG_INFO, "trunk_rests to=%s", trunk->node);
}

static void expire_trunk(struct node *node, int64_t now_us, struct trunk *trunk)
{
    if (relay_ports(trunk->relay) > 0 || trunk->watched != 0) {
        trunk->idle_us = TIME_NEVER;
    } else if (trunk->idle_us == TIME_NEVER) {
        trunk->idle_us = now_us;
    } else if (now_us - trunk->idle_us >= NODE_TRUNK_IDLE_US) {
        rest(node, now_us, trunk);
    }
    relay_expire(trunk->relay, now_us);
    struct relay_turn turn;
    while (outbox_waiting(node->outbox) < node->outbox_high &&
           relay_next_turn(trunk->relay, now_us, &turn)) {
        fwd_relay_turn(now_us, &turn);
    }
    agenda_set(&node->trunk_agenda, &trunk->entry, relay_deadline(trunk->relay));
}

void trunks_expire(struct node *node, int64_t now_us)
{
    struct agenda_entry *entry;
    while ((entry = agenda_due(&node->trunk_agenda, now_us)) != NULL) {
        if (outbox_waiting(node->outbox) >= node->outbox_high) {
            return; /* still due: after the drain */
        }
        expire_trunk(node, now_us, (struct trunk *)((char *)entry - offsetof(struct trunk, entry)));
    }
}

void trunks_report(struct node *node, int64_t now_us)
{
    if (now_us < node->trunks_at_us) {
        return;
    }
    node->trunks_at_us = now_us + TIME_S(1);
    for (struct trunk *trunk = node->trunks; trunk != NULL; trunk = trunk->hh.next) {
        trunk->report = relay_report(trunk->relay);
    }
}
