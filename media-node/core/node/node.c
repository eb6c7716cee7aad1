/* SPDX-License-Identifier: Apache-2.0
 *
 * The composing parent: links, datagrams, tunnel, time, and the outputs.
 */
#include "media-node/core/node/parts.h"

#include "proto/wire/wire.h"

#include <stdio.h>
#include <stdlib.h>

/* A registration without an answer, or refused (the name may still be taken by a predecessor that
 * died), is tried again. */
#define REGISTER_AGAIN_US TIME_S(3)

/* Input waits for a drain once this share of the outbox is taken: the rest is for what one datagram
 * may cause. */
#define OUTBOX_HIGH_SHARE 4

/* Packets made at a time of what is to be forwarded: they stay in the processor's cache until they
 * are sent, and the first of them does not wait long for the last (measured by bench.latency). */
#define PORTION 32

/* ---- Life ------------------------------------------------------------------------------------ */

static void copy_config(struct node_config *out, const struct node_config *config)
{
    *out = *config;
    out->id = mem_str(config->id);
    out->name = mem_str(config->name);
    out->region = mem_str(config->region);
    out->zone = mem_str(config->zone);
    out->version = mem_str(config->version);
    out->endpoints =
        mem_copy(config->endpoints, config->endpoint_count * sizeof(*config->endpoints));
    out->advertise =
        mem_copy(config->advertise, config->advertise_count * sizeof(*config->advertise));
}

static void free_config(struct node_config *config)
{
    const void *copies[] = {config->id,      config->name,      config->region,   config->zone,
                            config->version, config->endpoints, config->advertise};
    for (size_t i = 0; i < ARRAY_LEN(copies); i++) {
        free((void *)(uintptr_t)copies[i]);
    }
}

struct node *node_new(const struct node_config *config, int64_t now_us)
{
    assert(config->endpoint_count >= 1 && config->endpoint_count <= NODE_ENDPOINTS_MAX);
    assert(config->advertise_count >= 1 && config->advertise_count <= NODE_ADVERTISE_MAX);
    assert(config->link_count >= 1 && config->link_count <= NODE_LINKS_MAX);
    struct node *node = mem_alloc(sizeof(*node));
    copy_config(&node->config, config);
    size_t slots = config->outbox_slots != 0 ? config->outbox_slots : NODE_OUTBOX_SLOTS;
    node->outbox = outbox_new(slots);
    node->outbox_high = MAX(slots / OUTBOX_HIGH_SHARE, 1);
    node->burst = fwd_burst_new();
    node->tunnel = mem_array(TUNNEL_SLOTS, sizeof(*node->tunnel));
    node->now_us = now_us;
    node->rates_at_us = now_us;
    for (size_t i = 0; i < NODE_LINKS_MAX; i++) {
        node->links[i] = (struct link){.due_us = TIME_NEVER, .heartbeat_us = HEARTBEAT_US};
    }
    return node;
}

void node_free(struct node *node)
{
    apply_free_all(node);
    trunks_free_all(node);
    for (size_t i = 0; i < node->control_count; i++) {
        free(node->control[(node->control_first + i) % CONTROL_MAX].data);
    }
    free(node->control_polled);
    tell_forget(node);
    free(node->events.list);
    free(node->tunnel);
    outbox_free(node->outbox);
    fwd_burst_free(node->burst);
    agenda_fini(&node->agenda);
    agenda_fini(&node->trunk_agenda);
    free_config(&node->config);
    free(node);
}

struct transport *node_find_transport(const struct node *node, uint64_t id)
{
    struct transport *transport;
    HASH_FIND(hh, node->transports, &id, sizeof(id), transport);
    return transport;
}

/* ---- What rooms have to tell ----------------------------------------------------------------- */

static void map_path(struct node *node, const struct fwd_event *event)
{
    bool known;
    struct transport *transport;
    switch (event->kind) {
    case FWD_PATH_ADDED:
        transport = node_find_transport(node, fwd_member_id(event->member));
        paths_add(node, &event->path, transport, true);
        break;
    case FWD_PATH_REMOVED:
        transport = node_find_transport(node, fwd_member_id(event->member));
        paths_remove(node, &event->path, transport);
        break;
    case FWD_CHECK_UNANSWERED:
        transport = node_find_transport(node, fwd_member_id(event->member));
        if (paths_find(node, &event->path, &known) == transport && !known) {
            paths_remove(node, &event->path, transport);
        }
        break;
    default:
        break;
    }
}

void node_settle(struct node *node, struct room *room)
{
    for (size_t i = 0; i < node->events.count; i++) {
        map_path(node, &node->events.list[i]);
    }
    if (node->events.count > 0) {
        tell_events(node);
    }
    agenda_set(&node->agenda, &room->entry, fwd_deadline(room->fwd));
}

/* Forwards what waits, until so many packets wait in the outbox. */
static void forward(struct node *node, size_t enough)
{
    struct fwd *fwd;
    while (outbox_waiting(node->outbox) < enough &&
           (fwd = fwd_burst_send(node->burst, node->now_us, enough)) != NULL) {
        node_settle(node, fwd_owner(fwd));
    }
}

/* Each input passes here: time never goes back, and nothing waits that it could change. */
static void advance(struct node *node, int64_t now_us)
{
    assert(now_us >= node->now_us);
    forward(node, SIZE_MAX);
    node->now_us = now_us;
}

/* ---- Links ----------------------------------------------------------------------------------- */

static void try_to_register(struct node *node, int64_t now_us, size_t link)
{
    node->links[link].due_us = now_us + REGISTER_AGAIN_US;
    tell_register(node, link);
}

void node_link_up(struct node *node, int64_t now_us, size_t link)
{
    assert(link < node->config.link_count);
    advance(node, now_us);
    node->links[link].registered = false;
    try_to_register(node, now_us, link);
}

static bool has_rooms(const struct node *node, size_t link)
{
    const struct room *room = node->rooms;
    while (room != NULL && (room->fwd == NULL || room->link != link)) {
        room = room->hh.next;
    }
    return room != NULL;
}

/* The other orchestrators hear at once of rooms that may be nobody's now: one goes on with them. */
static void tell_orphans(struct node *node, int64_t now_us)
{
    for (size_t i = 0; i < node->config.link_count; i++) {
        if (node->links[i].registered) {
            node->links[i].rooms_due = true;
            node->links[i].due_us = now_us;
        }
    }
}

void node_link_down(struct node *node, int64_t now_us, size_t link)
{
    assert(link < node->config.link_count);
    advance(node, now_us);
    node->links[link].registered = false;
    node->links[link].due_us = TIME_NEVER;
    trunks_unwatch(node, now_us, link);
    if (has_rooms(node, link)) {
        tell_orphans(node, now_us);
    }
}

static void on_registered(struct node *node, int64_t now_us, size_t index,
                          const Spillway__Control__Registered *registered)
{
    struct link *link = &node->links[index];
    const struct log_sink *log = node->config.log;
    if (registered->refused[0] != '\0') {
        link->registered = false;
        link->due_us = now_us + REGISTER_AGAIN_US;
        log_write(log, LOG_ERROR, "registration_refused link=%zu reason=\"%s\"", index,
                  registered->refused);
        return;
    }
    if (strlen(registered->orchestrator_id) >= sizeof(link->orchestrator)) {
        node->counters.drop_control_malformed++;
        return;
    }
    snprintf(link->orchestrator, sizeof(link->orchestrator), "%s", registered->orchestrator_id);
    bool sane = registered->heartbeat_ms >= 10 && registered->heartbeat_ms <= 60000;
    link->heartbeat_us = sane ? TIME_MS(registered->heartbeat_ms) : HEARTBEAT_US;
    link->registered = true;
    link->due_us = now_us;
    log_write(log, LOG_INFO, "registered link=%zu orchestrator=%s", index, link->orchestrator);
    if (node->draining) {
        tell_draining(node, index);
    }
}

static void on_service(struct node *node, const Spillway__Control__Service *service)
{
    if (service->changed_us > node->service.changed_us) {
        spillway__control__service__init(&node->service);
        node->service.state = service->state;
        node->service.changed_us = service->changed_us;
    }
}

void node_control(struct node *node, int64_t now_us, size_t link, struct bytes bytes)
{
    assert(link < node->config.link_count);
    advance(node, now_us);
    ProtobufCMessage *unpacked;
    if (bytes.len > NODE_MESSAGE_MAX ||
        wire_unpack(&spillway__control__orchestrator_message__descriptor, bytes, &unpacked) != 0) {
        node->counters.drop_control_malformed++;
        return;
    }
    const Spillway__Control__OrchestratorMessage *message =
        (const Spillway__Control__OrchestratorMessage *)unpacked;
    switch (message->message_case) {
    case SPILLWAY__CONTROL__ORCHESTRATOR_MESSAGE__MESSAGE_REGISTERED:
        on_registered(node, now_us, link, message->registered);
        break;
    case SPILLWAY__CONTROL__ORCHESTRATOR_MESSAGE__MESSAGE_SPEC:
        apply_spec(node, now_us, link, message->spec);
        break;
    case SPILLWAY__CONTROL__ORCHESTRATOR_MESSAGE__MESSAGE_CLAIM:
        claim_room(node, now_us, link, message->claim);
        break;
    case SPILLWAY__CONTROL__ORCHESTRATOR_MESSAGE__MESSAGE_HEARTBEAT_ACK:
        break;
    case SPILLWAY__CONTROL__ORCHESTRATOR_MESSAGE__MESSAGE_SERVICE:
        on_service(node, message->service);
        break;
    case SPILLWAY__CONTROL__ORCHESTRATOR_MESSAGE__MESSAGE_WATCH:
        trunks_watch(node, now_us, link, message->watch);
        break;
    default: /* empty, or of a later version of the protocol */
        node->counters.drop_control_malformed++;
        break;
    }
    protobuf_c_message_free_unpacked(unpacked, NULL);
}

void node_drain(struct node *node, int64_t now_us)
{
    advance(node, now_us);
    node->draining = true;
    for (size_t i = 0; i < node->config.link_count; i++) {
        if (node->links[i].registered) {
            tell_draining(node, i);
        }
    }
}

void node_load(struct node *node, uint32_t cpu_permille, uint32_t loop_lag_us)
{
    node->cpu_permille = cpu_permille;
    node->loop_lag_us = loop_lag_us;
}

/* ---- Tunnel ---------------------------------------------------------------------------------- */

static void take_keys(struct node *node, int64_t now_us, struct transport *transport,
                      const Spillway__Control__SrtpKeys *message)
{
    struct peer_keys keys;
    int err = spec_keys(&keys, message);
    if (err == 0 && keys.suite != RTPSEC_NONE) {
        err = fwd_set_keys(transport->member, now_us, &keys);
    }
    explicit_bzero(&keys, sizeof(keys));
    if (err != 0) {
        node->counters.drop_tunnel_keys++;
    }
}

void node_tunnel(struct node *node, int64_t now_us, size_t link, struct bytes bytes)
{
    assert(link < node->config.link_count);
    advance(node, now_us);
    ProtobufCMessage *unpacked;
    if (wire_unpack(&spillway__control__tunnel_frame__descriptor, bytes, &unpacked) != 0) {
        node->counters.drop_tunnel_malformed++;
        return;
    }
    const Spillway__Control__TunnelFrame *frame = (const Spillway__Control__TunnelFrame *)unpacked;
    struct transport *transport = node_find_transport(node, frame->transport);
    if (transport == NULL) {
        node->counters.drop_tunnel_transport++;
    } else {
        take_keys(node, now_us, transport, frame->srtp);
        for (size_t i = 0; i < frame->n_datagrams; i++) {
            struct bytes datagram = {frame->datagrams[i].data, frame->datagrams[i].len};
            (void)fwd_send_dtls(transport->member, datagram);
        }
        node_settle(node, transport->room);
    }
    protobuf_c_message_free_unpacked(unpacked, NULL);
}

/* ---- Datagrams ------------------------------------------------------------------------------- */

/* A request names our ufrag; a response comes from where our check went. */
static void take_stun(struct node *node, int64_t now_us, const struct ice_path *path,
                      const struct node_datagram *in)
{
    struct stun_message message;
    struct bytes ufrag;
    bool known;
    if (stun_parse(&message, in->data, in->len) != 0) {
        node->counters.drop_stun_malformed++;
        return;
    }
    struct transport *transport;
    if (message.kind == STUN_REQUEST) {
        bool named = stun_local_ufrag(&message, &ufrag) == 0;
        transport = named ? paths_find_ufrag(node, ufrag) : NULL;
    } else {
        transport = paths_find(node, path, &known);
    }
    if (transport == NULL) {
        node->counters.drop_stun_ufrag++;
        return;
    }
    (void)fwd_stun(transport->member, now_us, path, &message);
    node_settle(node, transport->room);
}

/* Media and its control are all that nodes say to each other. */
static void take_of_trunk(struct node *node, int64_t now_us, struct trunk *trunk,
                          enum packet_kind kind, const struct node_datagram *in)
{
    if (kind == PACKET_RTP) {
        trunks_rtp(node, now_us, trunk, in);
    } else if (kind == PACKET_RTCP) {
        trunks_rtcp(node, now_us, trunk, in);
    } else {
        node->counters.drop_trunk_malformed++;
    }
}

static void take_datagram(struct node *node, int64_t now_us, const struct node_datagram *in)
{
    assert(in->endpoint < node->config.endpoint_count && in->waited_us >= 0);
    const struct ice_path path = {
        .remote = in->remote,
        .endpoint = in->endpoint,
        .protocol = node->config.endpoints[in->endpoint].protocol == NODE_TCP ? ICE_TCP : ICE_UDP};
    node->counters.packets_in++;
    node->counters.bytes_in += in->len;
    enum packet_kind kind = stun_classify(in->data, in->len);
    if (kind == PACKET_STUN) {
        take_stun(node, now_us, &path, in);
        return;
    }
    if (kind == PACKET_UNKNOWN) {
        node->counters.drop_kind++;
        return;
    }
    const struct path *found = paths_get(node, &path);
    if (found != NULL && found->trunk != NULL) {
        take_of_trunk(node, now_us, found->trunk, kind, in);
        return;
    }
    if (found == NULL || !found->known) {
        node->counters.drop_path++;
        return;
    }
    struct transport *transport = found->transport;
    const struct peer_datagram datagram = {
        .data = in->data, .len = in->len, .arrival_us = now_us - in->waited_us};
    if (kind == PACKET_RTP) {
        fwd_rtp(transport->member, now_us, &path, &datagram);
    } else if (kind == PACKET_RTCP) {
        fwd_rtcp(transport->member, now_us, &path, &datagram);
    } else {
        fwd_dtls(transport->member, &path);
        tell_dtls(node, transport, (struct bytes){in->data, in->len});
    }
    node_settle(node, transport->room);
}

size_t node_datagrams(struct node *node, int64_t now_us, const struct node_datagram *batch,
                      size_t count)
{
    advance(node, now_us);
    size_t taken = 0;
    while (taken < count && !fwd_burst_full(node->burst) &&
           (taken == 0 || outbox_waiting(node->outbox) < node->outbox_high)) {
        take_datagram(node, now_us, &batch[taken]);
        taken++;
    }
    return taken;
}

void node_tcp_closed(struct node *node, int64_t now_us, uint16_t endpoint,
                     const struct net_addr *remote)
{
    advance(node, now_us);
    const struct ice_path path = {.remote = *remote, .endpoint = endpoint, .protocol = ICE_TCP};
    bool known;
    struct transport *transport = paths_find(node, &path, &known);
    if (transport != NULL) {
        fwd_path_closed(transport->member, now_us, &path);
        node_settle(node, transport->room);
    }
}

/* ---- Time ------------------------------------------------------------------------------------ */

static void expire_links(struct node *node, int64_t now_us)
{
    for (size_t i = 0; i < node->config.link_count; i++) {
        struct link *link = &node->links[i];
        if (link->due_us > now_us) {
            continue;
        }
        if (link->registered) {
            link->due_us = now_us + link->heartbeat_us;
            tell_heartbeat(node, now_us, i);
        } else {
            try_to_register(node, now_us, i);
        }
    }
}

void node_expire(struct node *node, int64_t now_us)
{
    advance(node, now_us);
    expire_links(node, now_us);
    trunks_expire(node, now_us);
    struct agenda_entry *entry;
    while ((entry = agenda_due(&node->agenda, now_us)) != NULL) {
        if (outbox_waiting(node->outbox) >= node->outbox_high) {
            return; /* still due: after the drain */
        }
        struct room *room = (struct room *)((char *)entry - offsetof(struct room, entry));
        if (room->fwd == NULL) {
            apply_forget(node, room);
        } else {
            fwd_expire(room->fwd, now_us);
            node_settle(node, room);
        }
    }
}

int64_t node_deadline(const struct node *node)
{
    int64_t at = MIN(agenda_deadline(&node->agenda), agenda_deadline(&node->trunk_agenda));
    for (size_t i = 0; i < node->config.link_count; i++) {
        at = MIN(at, node->links[i].due_us);
    }
    return at;
}

/* ---- Outputs --------------------------------------------------------------------------------- */

size_t node_poll_packets(struct node *node, struct outbox_packet *out, size_t max)
{
    if (outbox_waiting(node->outbox) == 0) {
        forward(node, MIN(PORTION, node->outbox_high));
    }
    size_t count = outbox_poll(node->outbox, out, max);
    for (size_t i = 0; i < count; i++) {
        node->counters.bytes_out += out[i].len;
    }
    node->counters.packets_out += count;
    return count;
}

bool node_poll_control(struct node *node, struct node_message *out)
{
    free(node->control_polled);
    node->control_polled = NULL;
    if (node->control_count == 0) {
        tell_waiting(node);
    }
    if (node->control_count == 0) {
        return false;
    }
    struct control_message *message = &node->control[node->control_first];
    node->control_first = (node->control_first + 1) % CONTROL_MAX;
    node->control_count--;
    node->control_polled = message->data;
    *out = (struct node_message){.link = message->link, .bytes = {message->data, message->len}};
    return true;
}

bool node_poll_tunnel(struct node *node, struct node_message *out)
{
    if (node->tunnel_polled == node->tunnel_filled) {
        node->tunnel_polled = 0;
        node->tunnel_filled = 0;
        return false;
    }
    const struct tunnel_frame *frame = &node->tunnel[node->tunnel_polled++];
    *out = (struct node_message){.link = frame->link, .bytes = {frame->data, frame->len}};
    return true;
}

/* ---- Views ----------------------------------------------------------------------------------- */

bool node_path_known(const struct node *node, uint16_t endpoint, const struct net_addr *remote)
{
    const struct ice_path path = {
        .remote = *remote,
        .endpoint = endpoint,
        .protocol = node->config.endpoints[endpoint].protocol == NODE_TCP ? ICE_TCP : ICE_UDP};
    bool known;
    (void)paths_find(node, &path, &known);
    return known;
}

size_t node_room_count(const struct node *node)
{
    return node->room_count;
}

size_t node_transport_count(const struct node *node)
{
    return HASH_COUNT(node->transports);
}

bool node_room(const struct node *node, const char *sid, struct node_room_view *out)
{
    const struct room *room;
    HASH_FIND_STR(node->rooms, sid, room);
    if (room == NULL || room->fwd == NULL) {
        return false;
    }
    struct fwd_counts counts = fwd_counts(room->fwd);
    *out = (struct node_room_view){.epoch = room->epoch,
                                   .version = room->version,
                                   .transports = counts.members,
                                   .tracks = counts.tracks,
                                   .subscriptions = counts.subscriptions,
                                   .edges = counts.edges};
    return true;
}

bool node_registered(const struct node *node, size_t link)
{
    assert(link < node->config.link_count);
    return node->links[link].registered;
}

const struct counters *node_counters(const struct node *node)
{
    return &node->counters;
}
