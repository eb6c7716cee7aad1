/* SPDX-License-Identifier: Apache-2.0
 *
 * Messages to orchestrators: made in an arena, packed, and queued for node_poll_control.
 */
#include "media-node/core/node/parts.h"

#include "proto/wire/wire.h"

#include <stdlib.h>

typedef Spillway__Control__NodeMessage node_message;
typedef Spillway__Control__Event event_message;
typedef Spillway__Control__Endpoint endpoint_message;

/* Protobuf's strings are not const, yet packing only reads them. */
static char *text(const char *borrowed)
{
    return (char *)(uintptr_t)borrowed;
}

static void append(struct node *node, size_t link, const node_message *message)
{
    if (node->control_count == CONTROL_MAX) {
        node->counters.drop_control_full++;
        return;
    }
    struct control_message *slot =
        &node->control[(node->control_first + node->control_count) % CONTROL_MAX];
    slot->link = link;
    slot->data = wire_pack(&message->base, &slot->len);
    node->control_count++;
}

static void forget(struct link *link)
{
    arena_fini(&link->arena);
    link->event_count = 0;
}

static void append_events(struct node *node, size_t i)
{
    struct link *link = &node->links[i];
    node_message message = SPILLWAY__CONTROL__NODE_MESSAGE__INIT;
    Spillway__Control__Events events = SPILLWAY__CONTROL__EVENTS__INIT;
    if (link->event_count == 0) {
        return;
    }
    message.message_case = SPILLWAY__CONTROL__NODE_MESSAGE__MESSAGE_EVENTS;
    message.events = &events;
    events.events = link->events;
    events.n_events = link->event_count;
    append(node, i, &message);
    forget(link);
}

/* After the events that were before it. */
static void queue(struct node *node, size_t link, const node_message *message)
{
    append_events(node, link);
    append(node, link, message);
}

/* ---- Registration and load ------------------------------------------------------------------- */

static endpoint_message *make_endpoint(struct arena *arena, const struct net_addr *addr,
                                       enum node_protocol protocol, uint16_t port)
{
    char ip[NET_TEXT_MAX];
    endpoint_message *out = arena_alloc(arena, sizeof(*out));
    spillway__control__endpoint__init(out);
    out->ip = arena_str(arena, net_ip_text(addr, ip));
    out->port = port;
    out->protocol = protocol == NODE_TCP ? SPILLWAY__CONTROL__ENDPOINT__PROTOCOL__TCP
                                         : SPILLWAY__CONTROL__ENDPOINT__PROTOCOL__UDP;
    return out;
}

/* Whoever told it is not connected; a new process in its place is another one. */
static bool is_orphan(const struct node *node, const struct room *room)
{
    const struct link *link = &node->links[room->link];
    return !link->registered || strcmp(link->orchestrator, room->orchestrator) != 0;
}

/* What this link's orchestrator told; and what others told that are not connected now, which may be
 * dead and replaced by this one. all: the others', too. */
static Spillway__Control__RoomVersion **room_versions(struct node *node, struct arena *arena,
                                                      size_t link, bool all, size_t *count)
{
    Spillway__Control__RoomVersion **list =
        arena_array(arena, node->room_count, sizeof(Spillway__Control__RoomVersion *));
    *count = 0;
    for (struct room *room = node->rooms; room != NULL; room = room->hh.next) {
        bool foreign = room->link != link;
        if (room->fwd == NULL || (foreign && !all && !is_orphan(node, room))) {
            continue;
        }
        Spillway__Control__RoomVersion *version = arena_alloc(arena, sizeof(*version));
        spillway__control__room_version__init(version);
        version->room = room->id;
        version->epoch = room->epoch;
        version->version = room->version;
        version->name = room->name == NULL ? version->name : room->name;
        version->foreign = foreign;
        version->orphan = is_orphan(node, room);
        version->orchestrator = room->orchestrator;
        list[(*count)++] = version;
    }
    return list;
}

/* NULL: this node has no UDP. */
static endpoint_message *trunk_endpoint(const struct node *node, struct arena *arena)
{
    const struct node_config *config = &node->config;
    const struct net_addr *addr =
        config->trunk.family != 0 ? &config->trunk : &config->advertise[0];
    for (size_t i = 0; i < config->endpoint_count; i++) {
        if (config->endpoints[i].protocol == NODE_UDP) {
            return make_endpoint(arena, addr, NODE_UDP, config->endpoints[i].port);
        }
    }
    return NULL;
}

enum node_service node_service(const struct node *node)
{
    return (enum node_service)node->service.state;
}

static Spillway__Control__Service *service_of(struct node *node)
{
    return node->service.changed_us == 0 ? NULL : &node->service;
}

void tell_register(struct node *node, size_t link)
{
    struct arena arena = {0};
    const struct node_config *config = &node->config;
    node_message message = SPILLWAY__CONTROL__NODE_MESSAGE__INIT;
    Spillway__Control__Register reg = SPILLWAY__CONTROL__REGISTER__INIT;
    message.message_case = SPILLWAY__CONTROL__NODE_MESSAGE__MESSAGE_REGISTER;
    message.register_ = &reg;
    reg.node_id = text(config->id);
    reg.region = text(config->region);
    reg.zone = text(config->zone);
    reg.version = text(config->version);
    reg.protocol = NODE_PROTOCOL;
    reg.capacity = config->capacity;
    reg.pid = config->pid;
    reg.hands_over = true;
    reg.name = text(config->name);
    reg.endpoints = arena_array(&arena, config->endpoint_count * config->advertise_count,
                                sizeof(endpoint_message *));
    for (size_t i = 0; i < config->endpoint_count; i++) {
        for (size_t a = 0; a < config->advertise_count; a++) {
            reg.endpoints[reg.n_endpoints++] =
                make_endpoint(&arena, &config->advertise[a], config->endpoints[i].protocol,
                              config->endpoints[i].port);
        }
    }
    reg.rooms = room_versions(node, &arena, link, true, &reg.n_rooms);
    reg.trunk = trunk_endpoint(node, &arena);
    reg.service = service_of(node);
    queue(node, link, &message);
    arena_fini(&arena);
}

void tell_draining(struct node *node, size_t link)
{
    node_message message = SPILLWAY__CONTROL__NODE_MESSAGE__INIT;
    Spillway__Control__Draining draining = SPILLWAY__CONTROL__DRAINING__INIT;
    message.message_case = SPILLWAY__CONTROL__NODE_MESSAGE__MESSAGE_DRAINING;
    message.draining = &draining;
    queue(node, link, &message);
}

static uint64_t per_second(uint64_t count, int64_t us)
{
    return us <= 0 ? 0 : count * 1000000 / (uint64_t)us;
}

static void fill_load(const struct node *node, Spillway__Control__Load *load)
{
    for (struct room *room = node->rooms; room != NULL; room = room->hh.next) {
        if (room->fwd != NULL) {
            struct fwd_counts counts = fwd_counts(room->fwd);
            load->transports += (uint32_t)counts.members;
            load->tracks += (uint32_t)counts.tracks;
            load->subscriptions += (uint32_t)counts.subscriptions;
            load->weight += admit_room_weight(room);
        }
    }
    load->cpu_permille = node->cpu_permille;
    load->loop_lag_us = node->loop_lag_us;
    load->bps_in = per_second(node->rates.bytes_in * 8, node->rates_us);
    load->bps_out = per_second(node->rates.bytes_out * 8, node->rates_us);
    load->pps_in = (uint32_t)per_second(node->rates.packets_in, node->rates_us);
    load->pps_out = (uint32_t)per_second(node->rates.packets_out, node->rates_us);
}

uint32_t node_weight(const struct node *node)
{
    Spillway__Control__Load load = SPILLWAY__CONTROL__LOAD__INIT;
    fill_load(node, &load);
    return load.weight;
}

/* Closes the window the rates are counted over once it is a second long. */
static void roll_rates(struct node *node, int64_t now_us)
{
    if (now_us - node->rates_at_us < TIME_S(1)) {
        return;
    }
    const struct counters *now = &node->counters;
    node->rates.bytes_in = now->bytes_in - node->rates_from.bytes_in;
    node->rates.bytes_out = now->bytes_out - node->rates_from.bytes_out;
    node->rates.packets_in = now->packets_in - node->rates_from.packets_in;
    node->rates.packets_out = now->packets_out - node->rates_from.packets_out;
    node->rates_us = now_us - node->rates_at_us;
    node->rates_at_us = now_us;
    node->rates_from = *now;
}

static Spillway__Control__TrunkReport **trunk_reports(struct node *node, int64_t now_us,
                                                      struct arena *arena, size_t *count)
{
    Spillway__Control__TrunkReport **list =
        arena_array(arena, HASH_COUNT(node->trunks), sizeof(Spillway__Control__TrunkReport *));
    *count = 0;
    for (struct trunk *trunk = node->trunks; trunk != NULL; trunk = trunk->hh.next) {
        if (trunk->path == NULL) {
            continue;
        }
        Spillway__Control__TrunkReport *report = arena_alloc(arena, sizeof(*report));
        spillway__control__trunk_report__init(report);
        report->node = trunk->node;
        report->rtt_us = (uint32_t)MIN(relay_rtt_us(trunk->relay), UINT32_MAX);
        report->queue_us = trunk->report.queue_us;
        report->lost_permille = trunk->report.lost_permille;
        report->bytes_in = trunk->report.bytes_in;
        report->bytes_out = trunk->report.bytes_out;
        report->packets_in = trunk->report.packets_in;
        report->packets_out = trunk->report.packets_out;
        report->silent = relay_silent(trunk->relay, now_us);
        list[(*count)++] = report;
    }
    return list;
}

static bool any_silent(const struct node *node, int64_t now_us)
{
    for (const struct trunk *trunk = node->trunks; trunk != NULL; trunk = trunk->hh.next) {
        if (trunk->path != NULL && relay_silent(trunk->relay, now_us)) {
            return true;
        }
    }
    return false;
}

void tell_heartbeat(struct node *node, int64_t now_us, size_t link)
{
    struct arena arena = {0};
    struct link *to = &node->links[link];
    node_message message = SPILLWAY__CONTROL__NODE_MESSAGE__INIT;
    Spillway__Control__Heartbeat heartbeat = SPILLWAY__CONTROL__HEARTBEAT__INIT;
    Spillway__Control__Load load = SPILLWAY__CONTROL__LOAD__INIT;
    roll_rates(node, now_us);
    fill_load(node, &load);
    message.message_case = SPILLWAY__CONTROL__NODE_MESSAGE__MESSAGE_HEARTBEAT;
    message.heartbeat = &heartbeat;
    heartbeat.load = &load;
    heartbeat.sequence = ++to->sequence;
    if (to->sequence % HEARTBEAT_ROOMS == 0 || to->rooms_due) {
        to->rooms_due = false;
        heartbeat.rooms = room_versions(node, &arena, link, false, &heartbeat.n_rooms);
        heartbeat.service = service_of(node);
    }
    trunks_report(node, now_us);
    if (now_us >= to->trunks_at_us || any_silent(node, now_us)) { /* a death is told at once */
        to->trunks_at_us = now_us + TIME_S(1);
        heartbeat.trunks = trunk_reports(node, now_us, &arena, &heartbeat.n_trunks);
    }
    queue(node, link, &message);
    arena_fini(&arena);
}

void tell_ack(struct node *node, size_t link, const char *id, const struct room *room,
              const struct tell_ack *said)
{
    node_message message = SPILLWAY__CONTROL__NODE_MESSAGE__INIT;
    Spillway__Control__SpecAck ack = SPILLWAY__CONTROL__SPEC_ACK__INIT;
    message.message_case = SPILLWAY__CONTROL__NODE_MESSAGE__MESSAGE_SPEC_ACK;
    message.spec_ack = &ack;
    ack.room = text(id);
    ack.epoch = room == NULL ? 0 : room->epoch;
    bool gone = said->result == SPILLWAY__CONTROL__SPEC_ACK__RESULT__NEED_WHOLE &&
                (room == NULL || room->fwd == NULL); /* of a fence, too, nothing is left */
    ack.version = room == NULL || gone ? 0 : room->version;
    ack.result = said->result;
    ack.dropped = said->result == SPILLWAY__CONTROL__SPEC_ACK__RESULT__STALE_EPOCH &&
                  room != NULL && room->fwd == NULL;
    ack.reason = text(said->reason);
    ack.answers = said->answers;
    ack.weight = said->result == SPILLWAY__CONTROL__SPEC_ACK__RESULT__FULL ? said->weight : 0;
    queue(node, link, &message);
}

void tell_room_state(struct node *node, size_t link, const Spillway__Control__RoomState *state)
{
    node_message message = SPILLWAY__CONTROL__NODE_MESSAGE__INIT;
    message.message_case = SPILLWAY__CONTROL__NODE_MESSAGE__MESSAGE_ROOM_STATE;
    message.room_state = (Spillway__Control__RoomState *)(uintptr_t)state;
    queue(node, link, &message);
}

/* ---- Events ---------------------------------------------------------------------------------- */

static endpoint_message *endpoint_of(const struct node *node, struct arena *arena,
                                     const struct ice_path *path)
{
    enum node_protocol protocol = node->config.endpoints[path->endpoint].protocol;
    return make_endpoint(arena, &path->remote, protocol, path->remote.port);
}

static endpoint_message *local_of(const struct node *node, struct arena *arena,
                                  const struct ice_path *path)
{
    const struct node_endpoint *endpoint = &node->config.endpoints[path->endpoint];
    return make_endpoint(arena, &node->config.advertise[0], endpoint->protocol, endpoint->port);
}

static void make_path_selected(const struct node *node, struct arena *arena, event_message *out,
                               const struct fwd_event *event)
{
    Spillway__Control__PathSelected *selected = arena_alloc(arena, sizeof(*selected));
    spillway__control__path_selected__init(selected);
    selected->transport = fwd_member_id(event->member);
    selected->client = endpoint_of(node, arena, &event->path);
    selected->local = local_of(node, arena, &event->path);
    out->event_case = SPILLWAY__CONTROL__EVENT__EVENT_PATH_SELECTED;
    out->path_selected = selected;
}

static void make_lost(struct arena *arena, event_message *out, const struct fwd_event *event)
{
    Spillway__Control__TransportLost *lost = arena_alloc(arena, sizeof(*lost));
    spillway__control__transport_lost__init(lost);
    lost->transport = fwd_member_id(event->member);
    lost->reason = event->tcp ? SPILLWAY__CONTROL__TRANSPORT_LOST__REASON__TCP_CLOSED
                              : SPILLWAY__CONTROL__TRANSPORT_LOST__REASON__CONSENT;
    out->event_case = SPILLWAY__CONTROL__EVENT__EVENT_TRANSPORT_LOST;
    out->transport_lost = lost;
}

static void make_silent(struct arena *arena, event_message *out, const struct fwd_event *event)
{
    Spillway__Control__TransportSilent *silent = arena_alloc(arena, sizeof(*silent));
    spillway__control__transport_silent__init(silent);
    silent->transport = fwd_member_id(event->member);
    silent->over = event->over;
    out->event_case = SPILLWAY__CONTROL__EVENT__EVENT_TRANSPORT_SILENT;
    out->transport_silent = silent;
}

static void make_source(struct arena *arena, event_message *out, const struct fwd_event *event)
{
    Spillway__Control__SourceLearned *learned = arena_alloc(arena, sizeof(*learned));
    spillway__control__source_learned__init(learned);
    learned->transport = fwd_member_id(event->member);
    learned->track = event->source.track;
    learned->rid = arena_str(arena, event->rid);
    learned->ssrc = event->source.ssrc;
    learned->repair = event->source.repair;
    learned->payload_type = event->source.pt;
    out->event_case = SPILLWAY__CONTROL__EVENT__EVENT_SOURCE_LEARNED;
    out->source_learned = learned;
}

static void make_media(struct arena *arena, event_message *out, const struct fwd_event *event)
{
    Spillway__Control__MediaArrived *arrived = arena_alloc(arena, sizeof(*arrived));
    spillway__control__media_arrived__init(arrived);
    arrived->track = event->track;
    out->event_case = SPILLWAY__CONTROL__EVENT__EVENT_MEDIA_ARRIVED;
    out->media_arrived = arrived;
}

static void make_levels(struct arena *arena, event_message *out, const struct fwd_event *event)
{
    Spillway__Control__Levels *levels = arena_alloc(arena, sizeof(*levels));
    spillway__control__levels__init(levels);
    levels->levels = arena_array(arena, event->level_count, sizeof(Spillway__Control__Level *));
    for (size_t i = 0; i < event->level_count; i++) {
        Spillway__Control__Level *level = arena_alloc(arena, sizeof(*level));
        spillway__control__level__init(level);
        level->track = event->levels[i].track;
        level->level_dbov = event->levels[i].level.dbov;
        level->active_permille = event->levels[i].level.active_permille;
        levels->levels[levels->n_levels++] = level;
    }
    out->event_case = SPILLWAY__CONTROL__EVENT__EVENT_LEVELS;
    out->levels = levels;
}

/* Layers of one track stand together in the report: a track begins where its id changes. */
static void make_track_reports(struct arena *arena, Spillway__Control__TransportReport *out,
                               const struct fwd_report *report)
{
    out->tracks = arena_array(arena, report->layer_count, sizeof(Spillway__Control__TrackReport *));
    Spillway__Control__TrackReport *track = NULL;
    for (size_t i = 0; i < report->layer_count; i++) {
        const struct fwd_layer_report *from = &report->layers[i];
        if (track == NULL || track->track != from->track) {
            track = arena_alloc(arena, sizeof(*track));
            spillway__control__track_report__init(track);
            track->track = from->track;
            track->layers =
                arena_array(arena, STREAM_LAYERS_MAX, sizeof(Spillway__Control__LayerReport *));
            out->tracks[out->n_tracks++] = track;
        }
        Spillway__Control__LayerReport *layer = arena_alloc(arena, sizeof(*layer));
        spillway__control__layer_report__init(layer);
        layer->spatial = from->layer;
        layer->packets = from->packets;
        layer->lost = from->lost;
        layer->bytes = from->bytes;
        layer->jitter_us = from->jitter_us;
        layer->frames = (uint32_t)from->frames;
        layer->nacked = from->nacked;
        layer->repaired = from->repaired;
        layer->key_frames_asked = from->key_frames_asked;
        track->layers[track->n_layers++] = layer;
    }
}

static void make_report(struct arena *arena, event_message *out, const struct fwd_event *event)
{
    const struct fwd_report *report = &event->report;
    Spillway__Control__TransportReport *made = arena_alloc(arena, sizeof(*made));
    spillway__control__transport_report__init(made);
    made->transport = fwd_member_id(event->member);
    made->rtt_us = report->rtt_us;
    made->remb_bps = report->remb_bps;
    made->estimate_bps = report->estimate_bps;
    made->transport_cc = report->transport_cc;
    made->interval_ms = report->interval_ms;
    make_track_reports(arena, made, report);
    made->subscriptions = arena_array(arena, report->subscription_count,
                                      sizeof(Spillway__Control__SubscriptionReport *));
    for (size_t i = 0; i < report->subscription_count; i++) {
        const struct fwd_subscription_report *from = &report->subscriptions[i];
        Spillway__Control__SubscriptionReport *to = arena_alloc(arena, sizeof(*to));
        spillway__control__subscription_report__init(to);
        to->subscription = from->subscription;
        to->packets = from->packets;
        to->lost = from->lost;
        to->bytes = from->bytes;
        to->nacked = from->nacked;
        to->repaired = from->repaired;
        to->key_frames_asked = from->key_frames_asked;
        to->jitter_us = from->jitter_us;
        to->spatial = from->layer;
        made->subscriptions[made->n_subscriptions++] = to;
    }
    out->event_case = SPILLWAY__CONTROL__EVENT__EVENT_TRANSPORT_REPORT;
    out->transport_report = made;
}

static void make_paused(struct arena *arena, event_message *out, const struct fwd_event *event)
{
    Spillway__Control__VideoPaused *paused = arena_alloc(arena, sizeof(*paused));
    spillway__control__video_paused__init(paused);
    paused->transport = fwd_member_id(event->member);
    paused->subscriptions = arena_array(arena, event->paused_count, sizeof(*paused->subscriptions));
    for (size_t i = 0; i < event->paused_count; i++) {
        paused->subscriptions[paused->n_subscriptions++] = event->paused[i];
    }
    out->event_case = SPILLWAY__CONTROL__EVENT__EVENT_VIDEO_PAUSED;
    out->video_paused = paused;
}

static event_message *event_of(struct arena *arena, const struct room *room)
{
    event_message *out = arena_alloc(arena, sizeof(*out));
    spillway__control__event__init(out);
    out->room = arena_str(arena, room->id);
    out->epoch = room->epoch;
    return out;
}

/* NULL: it ends no span. */
static event_message *make_span(struct node *node, struct arena *arena,
                                const struct fwd_event *event, const struct room *room)
{
    Spillway__Control__Span *span = spans_of(node, arena, event);
    if (span == NULL) {
        return NULL;
    }
    event_message *out = event_of(arena, room);
    out->event_case = SPILLWAY__CONTROL__EVENT__EVENT_SPAN;
    out->span = span;
    return out;
}

/* NULL: an event for this node alone. */
static event_message *make_event(const struct node *node, struct arena *arena,
                                 const struct fwd_event *event, const struct room *room)
{
    event_message *out = event_of(arena, room);
    switch (event->kind) {
    case FWD_PATH_SELECTED:
        make_path_selected(node, arena, out, event);
        return out;
    case FWD_LOST:
        make_lost(arena, out, event);
        return out;
    case FWD_SOURCE:
        make_source(arena, out, event);
        return out;
    case FWD_MEDIA:
        make_media(arena, out, event);
        return out;
    case FWD_LEVELS:
        make_levels(arena, out, event);
        return out;
    case FWD_REPORT:
        make_report(arena, out, event);
        return out;
    case FWD_HANDED:
        out->event_case = SPILLWAY__CONTROL__EVENT__EVENT_HANDED_OVER;
        out->handed_over =
            spec_handed_over(arena, node->now_us, fwd_member_id(event->member), &event->handed);
        return out;
    case FWD_PAUSED:
        make_paused(arena, out, event);
        return out;
    case FWD_STANDING:
        out->event_case = SPILLWAY__CONTROL__EVENT__EVENT_STANDING;
        out->standing =
            spec_standing(arena, node->now_us, fwd_member_id(event->member), &event->standing);
        return out;
    case FWD_SILENT:
        make_silent(arena, out, event);
        return out;
    case FWD_PATH_ADDED:
    case FWD_PATH_REMOVED:
    case FWD_CHECK_UNANSWERED:
        return NULL;
    }
    unreachable();
}

static void add_event(struct node *node, size_t i, event_message *event)
{
    struct link *link = &node->links[i];
    link->events[link->event_count++] = event;
    if (link->event_count == EVENTS_MAX) {
        append_events(node, i);
    }
}

static void tell_event(struct node *node, const struct fwd_event *event)
{
    const struct room *room = fwd_owner(event->fwd);
    struct link *link = &node->links[room->link];
    struct arena unheard = {0};
    struct arena *arena = link->registered ? &link->arena : &unheard;
    /* a span first: it is told while its trace still goes on */
    event_message *made[] = {make_span(node, arena, event, room),
                             make_event(node, arena, event, room)};
    for (size_t i = 0; i < ARRAY_LEN(made); i++) {
        if (made[i] != NULL && link->registered) {
            add_event(node, room->link, made[i]);
        } else {
            node->counters.drop_events_link += made[i] != NULL;
        }
    }
    arena_fini(&unheard);
}

void tell_events(struct node *node)
{
    for (size_t i = 0; i < node->events.count; i++) {
        tell_event(node, &node->events.list[i]);
    }
    node->events.count = 0;
}

void tell_waiting(struct node *node)
{
    for (size_t i = 0; i < node->config.link_count; i++) {
        append_events(node, i);
    }
}

void tell_forget(struct node *node)
{
    for (size_t i = 0; i < node->config.link_count; i++) {
        forget(&node->links[i]);
    }
}

/* ---- Tunnel ---------------------------------------------------------------------------------- */

static bool find_route(const struct node *node, const char *orchestrator, size_t *link)
{
    for (size_t i = 0; i < node->config.link_count; i++) {
        if (node->links[i].registered && strcmp(node->links[i].orchestrator, orchestrator) == 0) {
            *link = i;
            return true;
        }
    }
    return false;
}

void tell_dtls(struct node *node, const struct transport *transport, struct bytes datagram)
{
    size_t link;
    if (!find_route(node, transport->orchestrator, &link)) {
        node->counters.drop_tunnel_route++;
        return;
    }
    if (node->tunnel_filled == TUNNEL_SLOTS) {
        node->counters.drop_tunnel_full++;
        return;
    }
    Spillway__Control__TunnelFrame frame = SPILLWAY__CONTROL__TUNNEL_FRAME__INIT;
    ProtobufCBinaryData bytes = {.len = datagram.len, .data = (uint8_t *)(uintptr_t)datagram.data};
    frame.transport = transport->id;
    frame.datagrams = &bytes;
    frame.n_datagrams = 1;
    frame.room = text(transport->room->id);
    frame.epoch = transport->room->epoch;
    size_t len = protobuf_c_message_get_packed_size(&frame.base);
    if (len > TUNNEL_FRAME_MAX) {
        node->counters.drop_tunnel_full++;
        return;
    }
    struct tunnel_frame *slot = &node->tunnel[node->tunnel_filled++];
    slot->link = link;
    slot->len = protobuf_c_message_pack(&frame.base, slot->data);
}
