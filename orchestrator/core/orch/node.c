/* SPDX-License-Identifier: Apache-2.0
 *
 * Media nodes: registration, heartbeats, acknowledgements and events.
 */
#include "common/net/net.h"
#include "orchestrator/core/orch/private.h"
#include "proto/wire/wire.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#define PROTOCOL          1
#define BEATS_PER_STORING 4 /* heartbeats come four a second, load goes to the store once */

void orch_send_to_node(struct orch *orch, const char *node,
                       const Spillway__Control__OrchestratorMessage *message)
{
    size_t len;
    uint8_t *data = wire_pack(&message->base, &len);
    effects_take(
        &orch->fx,
        (struct effect){.type = EFFECT_NODE_SEND, .name = mem_str(node), .data = data, .len = len});
}

static void send_registered(struct orch *orch, const char *node, const char *refused)
{
    Spillway__Control__Registered registered = SPILLWAY__CONTROL__REGISTERED__INIT;
    registered.orchestrator_id = (char *)orch->config.id;
    registered.heartbeat_ms = ORCH_HEARTBEAT_MS;
    registered.refused = (char *)refused;
    Spillway__Control__OrchestratorMessage message = SPILLWAY__CONTROL__ORCHESTRATOR_MESSAGE__INIT;
    message.message_case = SPILLWAY__CONTROL__ORCHESTRATOR_MESSAGE__MESSAGE_REGISTERED;
    message.registered = &registered;
    orch_send_to_node(orch, node, &message);
}

static void send_drop(struct orch *orch, const char *node,
                      const Spillway__Control__RoomVersion *held)
{
    Spillway__Control__RoomSpec spec = SPILLWAY__CONTROL__ROOM_SPEC__INIT;
    spec.room = held->room;
    spec.epoch = held->epoch;
    spec.version = held->version + 1;
    spec.dropped = true;
    Spillway__Control__OrchestratorMessage message = SPILLWAY__CONTROL__ORCHESTRATOR_MESSAGE__INIT;
    message.message_case = SPILLWAY__CONTROL__ORCHESTRATOR_MESSAGE__MESSAGE_SPEC;
    message.spec = &spec;
    orch_send_to_node(orch, node, &message);
}

static void keep_info(struct orch *orch, const char *id,
                      const Spillway__Control__Register *registration)
{
    struct node_entry *entry;
    HASH_FIND_STR(orch->nodes, id, entry);
    if (entry == NULL) {
        entry = mem_alloc(sizeof(*entry));
        snprintf(entry->id, sizeof(entry->id), "%s", id);
        HASH_ADD_STR(orch->nodes, id, entry);
    } else {
        spillway__control__register__free_unpacked(entry->info, NULL);
    }
    size_t len;
    uint8_t *packed = wire_pack(&registration->base, &len);
    entry->info = spillway__control__register__unpack(NULL, len, packed);
    free(packed);
    assert(entry->info != NULL);
}

const char *orch_node_name(const struct orch *orch, const char *id)
{
    const struct registry_node *node = registry_get(orch->registry, id);
    return node == NULL ? "" : node->name;
}

/* ---- What operators want of it ------------------------------------------------------------- */

static struct node_entry *entry_of(const struct orch *orch, const char *id)
{
    struct node_entry *entry;
    HASH_FIND_STR(orch->nodes, id, entry);
    return entry;
}

static void set_service(struct orch *orch, const char *id, Spillway__Control__Service__State state)
{
    orch_gray_set(orch, id, state == SPILLWAY__CONTROL__SERVICE__STATE__GRAY);
    if (state == SPILLWAY__CONTROL__SERVICE__STATE__GRAY) {
        return;
    }
    if (state == SPILLWAY__CONTROL__SERVICE__STATE__DRAINING) {
        orch_drain_begin(orch, id, REGISTRY_DRAINING);
        return;
    }
    bool cordoned = state == SPILLWAY__CONTROL__SERVICE__STATE__CORDONED;
    enum registry_state wanted = cordoned ? REGISTRY_CORDONED : REGISTRY_READY;
    if (registry_get(orch->registry, id)->state != wanted) {
        log_write(orch->config.log, LOG_INFO, "node_%s node=%s name=%s",
                  registry_state_text(wanted), id, orch_node_name(orch, id));
    }
    orch_drain_end(orch, id);
    (void)!registry_set_state(orch->registry, id, wanted); /* it is there */
}

static void tell_service(struct orch *orch, const struct node_entry *entry)
{
    Spillway__Control__Service service = SPILLWAY__CONTROL__SERVICE__INIT;
    service.state = entry->service;
    service.changed_us = entry->service_us;
    Spillway__Control__OrchestratorMessage message = SPILLWAY__CONTROL__ORCHESTRATOR_MESSAGE__INIT;
    message.message_case = SPILLWAY__CONTROL__ORCHESTRATOR_MESSAGE__MESSAGE_SERVICE;
    message.service = &service;
    orch_send_to_node(orch, entry->id, &message);
}

uint64_t orch_node_serve_now(const struct orch *orch, const char *id)
{
    const struct node_entry *entry = entry_of(orch, id);
    uint64_t wall_us = (uint64_t)(orch->now_us + orch->wall_offset_us);
    return entry == NULL ? wall_us : MAX(entry->service_us + 1, wall_us);
}

void orch_node_repeat(struct orch *orch, const char *id)
{
    struct node_entry *entry = entry_of(orch, id);
    assert(entry != NULL);
    entry->service_us = orch_node_serve_now(orch, id);
    tell_service(orch, entry);
}

void orch_node_serve(struct orch *orch, const char *id, Spillway__Control__Service__State state,
                     uint64_t changed_us)
{
    struct node_entry *entry = entry_of(orch, id);
    changed_us = changed_us == 0 ? orch_node_serve_now(orch, id) : changed_us;
    if (changed_us <= entry->service_us) {
        return;
    }
    entry->service_us = changed_us;
    entry->service = state;
    tell_service(orch, entry);
    set_service(orch, id, state);
}

/* What the node was told last, by whomever. One that stops itself is not to be uncordoned. */
static void served(struct orch *orch, const char *id, const Spillway__Control__Service *service)
{
    struct node_entry *entry = entry_of(orch, id);
    bool sane = service->changed_us < (uint64_t)1 << 53; /* the year 2255 */
    if (entry == NULL || !sane || service->changed_us <= entry->service_us) {
        return;
    }
    entry->service_us = service->changed_us;
    entry->service = service->state;
    log_write(orch->config.log, LOG_INFO, "node_remembers node=%s state=%d", id,
              (int)service->state);
    if (!entry->stopping) {
        set_service(orch, id, service->state);
    }
}

/* It may have been away when it was to be told. */
static void served_at_first(struct orch *orch, const char *id,
                            const Spillway__Control__Service *service)
{
    const struct node_entry *entry = entry_of(orch, id);
    if (service != NULL) {
        served(orch, id, service);
    }
    if (entry->service_us > (service == NULL ? 0 : service->changed_us)) {
        tell_service(orch, entry);
    }
}

/* ---- Registration -------------------------------------------------------------------------- */

/* Why a registration is refused; text NULL: it is not. */
struct refusal {
    int why; /* ORCH_NODE_REFUSED_* */
    const char *text;
};

static struct refusal check_endpoints(const Spillway__Control__Register *registration)
{
    if (registration->n_endpoints == 0 || registration->n_endpoints > REGISTRY_ENDPOINTS_MAX) {
        return (struct refusal){ORCH_NODE_REFUSED_ENDPOINT, "1 to 136 endpoints are needed"};
    }
    for (size_t i = 0; i < registration->n_endpoints; i++) {
        const Spillway__Control__Endpoint *endpoint = registration->endpoints[i];
        struct net_addr addr;
        if (endpoint->port == 0 || endpoint->port > UINT16_MAX) {
            return (struct refusal){ORCH_NODE_REFUSED_ENDPOINT,
                                    "the port of an endpoint is not from 1 to 65535"};
        }
        if (net_from_text(&addr, endpoint->ip, 0) != 0) {
            return (struct refusal){ORCH_NODE_REFUSED_ENDPOINT,
                                    "the ip of an endpoint is not a numeric address"};
        }
        if (endpoint->protocol != SPILLWAY__CONTROL__ENDPOINT__PROTOCOL__UDP &&
            endpoint->protocol != SPILLWAY__CONTROL__ENDPOINT__PROTOCOL__TCP) {
            return (struct refusal){ORCH_NODE_REFUSED_ENDPOINT,
                                    "the protocol of an endpoint is neither UDP nor TCP"};
        }
    }
    return (struct refusal){0};
}

static struct refusal check_registration(const char *id,
                                         const Spillway__Control__Register *registration)
{
    if (registration->protocol != PROTOCOL) {
        return (struct refusal){ORCH_NODE_REFUSED_PROTOCOL, "control protocol 1 is spoken here"};
    }
    if (strcmp(registration->node_id, id) != 0) {
        return (struct refusal){ORCH_NODE_REFUSED_IDENTITY, "node_id is not the routing id"};
    }
    if (strlen(id) >= ID_MAX) {
        return (struct refusal){ORCH_NODE_REFUSED_IDENTITY, "node_id has more than 23 bytes"};
    }
    return check_endpoints(registration);
}

static struct refusal add_to_registry(struct orch *orch, const char *id,
                                      const Spillway__Control__Register *registration)
{
    struct registry_endpoint endpoints[REGISTRY_ENDPOINTS_MAX];
    for (size_t i = 0; i < registration->n_endpoints; i++) {
        const Spillway__Control__Endpoint *from = registration->endpoints[i];
        endpoints[i] = (struct registry_endpoint){
            .port = (uint16_t)from->port,
            .tcp = from->protocol == SPILLWAY__CONTROL__ENDPOINT__PROTOCOL__TCP};
        snprintf(endpoints[i].ip, sizeof(endpoints[i].ip), "%s", from->ip);
    }
    struct registry_identity identity = {
        .id = id,
        .name = registration->name[0] != '\0' ? registration->name : id,
        .region = registration->region,
        .zone = registration->zone,
        .version = registration->version,
        .endpoints = endpoints,
        .endpoint_count = registration->n_endpoints,
        .capacity = registration->capacity,
        .pid = registration->pid,
    };
    switch (registry_add(orch->registry, orch->now_us, &identity)) {
    case 0:
        return (struct refusal){0};
    case ERR_EXISTS:
        return (struct refusal){ORCH_NODE_REFUSED_NAME, "another live node has this name"};
    case ERR_FULL:
        return (struct refusal){ORCH_NODE_REFUSED_FULL, "too many nodes"};
    default:
        return (struct refusal){ORCH_NODE_REFUSED_IDENTITY,
                                "id, name, region, zone or version has more than 63 bytes"};
    }
}

static void refuse(struct orch *orch, const char *id, const struct refusal *refusal)
{
    orch->stats.nodes_refused[refusal->why]++;
    log_write(orch->config.log, LOG_WARN, "node_refused node=%s why=\"%s\"", id, refusal->text);
    send_registered(orch, id, refusal->text);
}

/* A node has the room since a later epoch: it is somebody else's. */
static void outdated(struct orch *orch, struct room_entry *entry, uint64_t epoch)
{
    log_write(orch->config.log, LOG_WARN, "epoch_outdated room=%s ours=%llu node=%llu", entry->sid,
              (unsigned long long)room_epoch(entry->room), (unsigned long long)epoch);
    room_yield(entry->room, orch->now_us, &orch->fx);
    orch_settle(orch, entry);
}

/* A node was told to drop the room since a later epoch: whoever had it then, perhaps cut off from
 * us, may have gone on with it until nobody was in it there, and may have it elsewhere still. */
static void outlived(struct orch *orch, struct room_entry *entry, uint64_t epoch)
{
    log_write(orch->config.log, LOG_WARN, "epoch_outlived room=%s ours=%llu node=%llu", entry->sid,
              (unsigned long long)room_epoch(entry->room), (unsigned long long)epoch);
    orch->last_epoch = MAX(orch->last_epoch, epoch);
    effects_take(&orch->fx, (struct effect){.type = EFFECT_OUTLIVED, .name = mem_str(entry->name)});
}

void orch_outlive(struct orch *orch, int64_t now_us, const char *name, uint64_t epoch)
{
    orch_tick(orch, now_us);
    struct room_entry *entry = orch_room(orch, name);
    epoch = epoch != 0 ? epoch : orch_next_epoch(orch);
    if (entry != NULL && epoch > room_epoch(entry->room)) {
        room_outlive(entry->room, epoch);
        orch_settle(orch, entry);
    }
}

/* Rooms that a node holds and should not: they moved away while it did not listen. */
static bool is_stranger(const struct orch *orch, const char *id,
                        const Spillway__Control__RoomVersion *held)
{
    const struct room_entry *entry = orch_room_by_sid(orch, held->room);
    if (entry != NULL) {
        return !room_on_node(entry->room, id);
    }
    if (orch_orphan_claimed(orch, held->room)) {
        return false;
    }
    if (strcmp(held->orchestrator, orch->config.id) == 0 || /* an older node does not say whose: */
        (held->orchestrator[0] == '\0' && !held->foreign)) {
        return true;
    }
    /* Another orchestrator's. If that one died, whoever claimed the room's name made it anew. */
    const struct room_entry *successor = orch_room(orch, held->name);
    return successor != NULL && room_epoch(successor->room) > held->epoch;
}

static void drop_strangers(struct orch *orch, const char *id,
                           Spillway__Control__RoomVersion *const *rooms, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (rooms[i]->epoch < (uint64_t)1 << 53) { /* of an owner that may be dead and forgotten */
            orch->last_epoch = MAX(orch->last_epoch, rooms[i]->epoch);
        }
        struct room_entry *entry = orch_room_by_sid(orch, rooms[i]->room);
        if (entry != NULL && rooms[i]->epoch > room_epoch(entry->room)) {
            outdated(orch, entry, rooms[i]->epoch);
        } else if (is_stranger(orch, id, rooms[i])) {
            send_drop(orch, id, rooms[i]);
        } else if (rooms[i]->orphan && orch_room_by_sid(orch, rooms[i]->room) == NULL) {
            orch_orphan_seen(orch, id, rooms[i]);
        }
    }
}

/* What was sent while the link was down is lost. A room that the node does not list it has lost, or
 * never had. */
static void respec_all(struct orch *orch, const char *id,
                       const Spillway__Control__Register *registration)
{
    for (size_t i = 0; i < registration->n_rooms; i++) {
        struct room_entry *entry = orch_room_by_sid(orch, registration->rooms[i]->room);
        if (entry != NULL) {
            entry->held = true;
        }
    }
    struct room_entry *entry, *next;
    HASH_ITER(hh, orch->rooms, entry, next)
    {
        bool held = entry->held;
        entry->held = false;
        if (!room_on_node(entry->room, id)) {
            continue;
        }
        if (held) {
            room_respec(entry->room, id);
        } else {
            room_forgotten(entry->room, orch->now_us, id);
        }
        orch_settle(orch, entry);
    }
}

/* It was thought dead, and nobody else could take its rooms: they are its own again. */
static void count_rooms_again(struct orch *orch, const char *id)
{
    for (const struct room_entry *entry = orch->rooms; entry != NULL; entry = entry->hh.next) {
        if (room_on_node(entry->room, id) &&
            registry_room_placed(orch->registry, orch->now_us, id, entry->sid,
                                 room_weight(entry->room, id)) != 0) {
            unreachable(); /* it had that many before */
        }
    }
}

static void registered(struct orch *orch, const char *id,
                       const Spillway__Control__Register *registration)
{
    const struct registry_node *known = registry_get(orch->registry, id);
    bool returns = known != NULL && known->state == REGISTRY_GONE;
    struct refusal refusal = check_registration(id, registration);
    if (refusal.text == NULL) {
        refusal = add_to_registry(orch, id, registration);
    }
    if (refusal.text != NULL) {
        refuse(orch, id, &refusal);
        return;
    }
    log_write(orch->config.log, LOG_INFO, "node_registered node=%s name=%s region=%s capacity=%u",
              id, registration->name, registration->region, registration->capacity);
    keep_info(orch, id, registration);
    detector_node_registered(orch->detector, orch->now_us, id);
    orch_judge(orch);
    send_registered(orch, id, "");
    if (returns) {
        count_rooms_again(orch, id);
    }
    drop_strangers(orch, id, registration->rooms, registration->n_rooms);
    served_at_first(orch, id, registration->service);
    orch_watch_came(orch, entry_of(orch, id));
    respec_all(orch, id, registration);
    (void)orch_place_waiting(orch, SIZE_MAX);
}

/* ---- Heartbeats ---------------------------------------------------------------------------- */

static void store_load(struct orch *orch, const char *id)
{
    const struct registry_node *node = registry_get(orch->registry, id);
    const struct registry_load *load = &node->load;
    json_t *json = json_pack(
        "{s:s, s:s, s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "name", node->name,
        "region", node->region, "zone", node->zone, "state", registry_state_text(node->state),
        "capacity", (json_int_t)node->capacity, "weight", (json_int_t)load->weight, "reserved",
        (json_int_t)node->reserved, "transports", (json_int_t)load->transports, "tracks",
        (json_int_t)load->tracks, "subscriptions", (json_int_t)load->subscriptions, "cpu_permille",
        (json_int_t)load->cpu_permille, "bps_in", (json_int_t)load->bps_in, "bps_out",
        (json_int_t)load->bps_out);
    char *text = json == NULL ? NULL : json_dumps(json, JSON_COMPACT);
    if (text != NULL) { /* NULL: a name that is not UTF-8 */
        effects_take(&orch->fx, (struct effect){.type = EFFECT_STORE_NODE,
                                                .name = mem_str(id),
                                                .data = (uint8_t *)text,
                                                .len = strlen(text)});
    }
    json_decref(json);
}

/* The node reads again: what found no place in its queue goes out whole. */
static void resend_specs(struct orch *orch, const char *id)
{
    struct node_entry *node;
    HASH_FIND_STR(orch->nodes, id, node);
    if (node == NULL || !node->specs_unsent) {
        return;
    }
    node->specs_unsent = false;
    struct room_entry *entry, *next;
    HASH_ITER(hh, orch->rooms, entry, next)
    {
        if (room_resend(entry->room, id)) {
            orch_settle(orch, entry);
        }
    }
}

void orch_node_unsent(struct orch *orch, int64_t now_us, const char *id, const char *room)
{
    orch_tick(orch, now_us);
    struct room_entry *entry = orch_room_by_sid(orch, room);
    struct node_entry *node;
    HASH_FIND_STR(orch->nodes, id, node);
    if (entry != NULL && node != NULL) {
        node->specs_unsent = true;
        room_unsent(entry->room, id);
    }
}

static void heartbeat(struct orch *orch, const char *id, const Spillway__Control__Heartbeat *beat)
{
    struct registry_load load = {0};
    if (beat->load != NULL) {
        const Spillway__Control__Load *from = beat->load;
        load = (struct registry_load){.weight = from->weight,
                                      .transports = from->transports,
                                      .tracks = from->tracks,
                                      .subscriptions = from->subscriptions,
                                      .cpu_permille = from->cpu_permille,
                                      .loop_lag_us = from->loop_lag_us,
                                      .bps_in = from->bps_in,
                                      .bps_out = from->bps_out,
                                      .pps_in = from->pps_in,
                                      .pps_out = from->pps_out};
    }
    if (registry_heard(orch->registry, orch->now_us, id, &load) != 0) {
        send_registered(orch, id, "not registered");
        return;
    }
    Spillway__Control__HeartbeatAck ack = SPILLWAY__CONTROL__HEARTBEAT_ACK__INIT;
    ack.sequence = beat->sequence;
    Spillway__Control__OrchestratorMessage message = SPILLWAY__CONTROL__ORCHESTRATOR_MESSAGE__INIT;
    message.message_case = SPILLWAY__CONTROL__ORCHESTRATOR_MESSAGE__MESSAGE_HEARTBEAT_ACK;
    message.heartbeat_ack = &ack;
    orch_send_to_node(orch, id, &message);
    for (size_t i = 0; i < beat->n_trunks; i++) {
        orch_place_measured(orch, id, beat->trunks[i]);
        if (beat->trunks[i]->silent) {
            orch_watch_silent(orch, id, beat->trunks[i]->node);
        }
    }
    orch_links_heard(orch, entry_of(orch, id), beat->trunks, beat->n_trunks);
    resend_specs(orch, id);
    orch_watch_tell(orch, entry_of(orch, id));
    orch_rebalance_heard(orch, id);
    orch_capacity_look(orch);
    drop_strangers(orch, id, beat->rooms, beat->n_rooms);
    if (beat->service != NULL) {
        served(orch, id, beat->service);
    }
    if (beat->sequence % BEATS_PER_STORING == 0) {
        store_load(orch, id);
    }
}

/* ---- Rooms on nodes ------------------------------------------------------------------------ */

static void acked(struct orch *orch, const char *id, const Spillway__Control__SpecAck *ack)
{
    struct room_entry *entry = orch_room_by_sid(orch, ack->room);
    if (entry == NULL || !room_on_node(entry->room, id)) {
        return; /* the ack of a drop */
    }
    if (ack->result == SPILLWAY__CONTROL__SPEC_ACK__RESULT__APPLIED) {
        registry_room_confirmed(orch->registry, id, ack->room, room_weight(entry->room, id));
    }
    if (ack->result == SPILLWAY__CONTROL__SPEC_ACK__RESULT__STALE_EPOCH &&
        ack->epoch > room_epoch(entry->room)) { /* somebody claimed it after us (§2.5) */
        if (ack->dropped && ack->epoch < (uint64_t)1 << 53) {
            outlived(orch, entry, ack->epoch);
        } else {
            outdated(orch, entry, ack->epoch);
        }
        return;
    }
    room_spec_acked(entry->room, orch->now_us, id, ack);
    if (ack->result == SPILLWAY__CONTROL__SPEC_ACK__RESULT__FULL) {
        orch_refused(orch, entry, id, ack);
    }
    orch_settle(orch, entry);
}

static void events(struct orch *orch, const char *id, const Spillway__Control__Events *list)
{
    for (size_t i = 0; i < list->n_events; i++) {
        const Spillway__Control__Event *event = list->events[i];
        struct room_entry *entry = orch_room_by_sid(orch, event->room);
        if (entry == NULL || !room_on_node(entry->room, id) ||
            event->epoch != room_epoch(entry->room)) {
            orch->stats.stale_events++;
            continue;
        }
        room_node_event(entry->room, orch->now_us, id, event, &orch->fx);
        orch_settle(orch, entry);
    }
}

/* ---- Regions ------------------------------------------------------------------------------- */

bool orch_region_silent(const struct orch *orch, int64_t now_us, const char *region,
                        int64_t silent_us)
{
    size_t count = 0;
    for (size_t i = 0; i < registry_count(orch->registry); i++) {
        const struct registry_node *node = registry_at(orch->registry, i);
        if (node->state == REGISTRY_GONE || strcmp(node->region, region) != 0) {
            continue;
        }
        if (detector_silence_us(orch->detector, now_us, node->id) < silent_us) {
            return false;
        }
        count++;
    }
    return count > 0;
}

void orch_region_cut_off(struct orch *orch, int64_t now_us, const char *region, int64_t until_us)
{
    orch_tick(orch, now_us);
    for (size_t i = 0; i < registry_count(orch->registry); i++) {
        const struct registry_node *node = registry_at(orch->registry, i);
        if (strcmp(node->region, region) == 0) {
            detector_hold(orch->detector, now_us, node->id, until_us);
        }
    }
}

static void draining(struct orch *orch, const char *id)
{
    struct node_entry *node;
    HASH_FIND_STR(orch->nodes, id, node);
    if (node != NULL) {
        node->stopping = true;
        orch_drain_begin(orch, id, REGISTRY_DRAINING);
    }
}

void orch_node_message(struct orch *orch, int64_t now_us, const char *node, struct bytes message)
{
    orch_tick(orch, now_us);
    ProtobufCMessage *unpacked;
    if (wire_unpack(&spillway__control__node_message__descriptor, message, &unpacked) != 0) {
        log_write(orch->config.log, LOG_WARN, "node_message_bad node=%s bytes=%zu", node,
                  message.len);
        return;
    }
    detector_node_heard(orch->detector, now_us, node);
    orch_judge(orch);
    const Spillway__Control__NodeMessage *m = (const Spillway__Control__NodeMessage *)unpacked;
    switch (m->message_case) {
    case SPILLWAY__CONTROL__NODE_MESSAGE__MESSAGE_REGISTER:
        registered(orch, node, m->register_);
        break;
    case SPILLWAY__CONTROL__NODE_MESSAGE__MESSAGE_HEARTBEAT:
        heartbeat(orch, node, m->heartbeat);
        break;
    case SPILLWAY__CONTROL__NODE_MESSAGE__MESSAGE_SPEC_ACK:
        acked(orch, node, m->spec_ack);
        break;
    case SPILLWAY__CONTROL__NODE_MESSAGE__MESSAGE_EVENTS:
        events(orch, node, m->events);
        break;
    case SPILLWAY__CONTROL__NODE_MESSAGE__MESSAGE_DRAINING:
        draining(orch, node);
        break;
    case SPILLWAY__CONTROL__NODE_MESSAGE__MESSAGE_ROOM_STATE:
        orch_orphan_state(orch, node, m->room_state);
        break;
    default: /* newer than this program */
        break;
    }
    protobuf_c_message_free_unpacked(unpacked, NULL);
}
