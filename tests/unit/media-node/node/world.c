/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/media-node/node/world.h"

#include "proto/wire/wire.h"

#include <stdio.h>
#include <stdlib.h>

static const struct node_endpoint endpoints[] = {
    {NODE_UDP, 40000}, {NODE_UDP, 40001}, {NODE_UDP, 40002}, {NODE_UDP, 40003}, {NODE_TCP, 40000}};

void world_init(struct world *w)
{
    *w = (struct world){.now_us = TIME_S(1000)};
    prng_seed(&w->prng, 7);
    struct net_addr advertise;
    assert_int_equal(net_from_text(&advertise, "198.51.100.1", 0), 0);
    struct node_config config = {.id = "ND_1",
                                 .name = "node-a",
                                 .region = "eu",
                                 .zone = "z1",
                                 .version = "test",
                                 .pid = 42,
                                 .capacity = 100,
                                 .endpoints = endpoints,
                                 .endpoint_count = ARRAY_LEN(endpoints),
                                 .advertise = &advertise,
                                 .advertise_count = 1,
                                 .link_count = 2,
                                 .random = prng_source(&w->prng)};
    w->node = node_new(&config, w->now_us);
}

void world_fini(struct world *w)
{
    node_free(w->node);
    if (w->room_state != NULL) {
        spillway__control__room_state__free_unpacked(w->room_state, NULL);
    }
    for (size_t i = 0; i < w->client_count; i++) {
        media_client_free(w->clients[i].client);
    }
    for (size_t i = 0; i < WORLD_CLIENTS; i++) {
        if (w->reports[i] != NULL) {
            spillway__control__transport_report__free_unpacked(w->reports[i], NULL);
        }
    }
}

/* ---- The story ------------------------------------------------------------------------------- */

void world_tell(struct world *w, const char *format, ...)
{
    va_list args;
    char *at = w->story + w->story_len;
    size_t room = WORLD_STORY_MAX - w->story_len;
    int n = snprintf(at, room, "%5lld ", (long long)(w->now_us - TIME_S(1000)) / 1000);
    va_start(args, format);
    n += vsnprintf(at + n, room - (size_t)n, format, args);
    va_end(args);
    w->story_len += (size_t)n;
    assert_true(w->story_len + 2 < WORLD_STORY_MAX);
    w->story[w->story_len++] = '\n';
    w->story[w->story_len] = '\0';
}

void world_expect(struct world *w, const char *story)
{
    if (strcmp(w->story, story) != 0) {
        print_error("the story is:\n%s", w->story); /* cmocka's own message is cut */
    }
    assert_string_equal(w->story, story);
    world_forget(w);
}

void world_forget(struct world *w)
{
    w->story_len = 0;
    w->story[0] = '\0';
}

static void tell_ack(struct world *w, const Spillway__Control__SpecAck *ack)
{
    static const char *const results[] = {"applied", "need whole", "stale epoch", "invalid",
                                          "full"};
    world_tell(w, "ack %s %llu.%llu %s%s", ack->room, (unsigned long long)ack->epoch,
               (unsigned long long)ack->version, results[ack->result],
               ack->dropped ? ", dropped" : "");
    snprintf(w->ack_reason, sizeof(w->ack_reason), "%s", ack->reason);
    w->ack.answers = ack->answers;
    w->ack.weight = ack->weight;
}

static void keep_report(struct world *w, const Spillway__Control__TransportReport *report)
{
    assert_in_range(report->transport, 11, 10 + WORLD_CLIENTS);
    Spillway__Control__TransportReport **kept = &w->reports[report->transport - 11];
    size_t len;
    uint8_t *bytes = wire_pack(&report->base, &len);
    if (*kept != NULL) {
        spillway__control__transport_report__free_unpacked(*kept, NULL);
    }
    *kept = spillway__control__transport_report__unpack(NULL, len, bytes);
    free(bytes);
}

const Spillway__Control__TransportReport *world_report(const struct world *w, uint64_t transport)
{
    return w->reports[transport - 11];
}

static void tell_levels(struct world *w, const Spillway__Control__Levels *levels)
{
    char text[128] = "levels";
    for (size_t i = 0; i < levels->n_levels; i++) {
        size_t len = strlen(text);
        snprintf(text + len, sizeof(text) - len, " %u:-%u/%u", levels->levels[i]->track,
                 levels->levels[i]->level_dbov, levels->levels[i]->active_permille);
    }
    world_tell(w, "%s", text);
}

static void tell_event(struct world *w, const Spillway__Control__Event *event)
{
    const Spillway__Control__SourceLearned *source;
    switch (event->event_case) {
    case SPILLWAY__CONTROL__EVENT__EVENT_PATH_SELECTED:
        world_tell(w, "event transport %llu path %s:%u at %u%s",
                   (unsigned long long)event->path_selected->transport,
                   event->path_selected->client->ip, event->path_selected->client->port,
                   event->path_selected->local->port,
                   event->path_selected->local->protocol != 0 ? " tcp" : "");
        break;
    case SPILLWAY__CONTROL__EVENT__EVENT_TRANSPORT_LOST:
        world_tell(w, "event transport %llu lost %s",
                   (unsigned long long)event->transport_lost->transport,
                   event->transport_lost->reason == 0 ? "consent" : "tcp");
        break;
    case SPILLWAY__CONTROL__EVENT__EVENT_TRANSPORT_SILENT:
        world_tell(w, "event transport %llu %s",
                   (unsigned long long)event->transport_silent->transport,
                   event->transport_silent->over ? "is heard again" : "is silent");
        break;
    case SPILLWAY__CONTROL__EVENT__EVENT_SOURCE_LEARNED:
        source = event->source_learned;
        world_tell(w, "event track %u source %s%s pt %u", source->track,
                   source->rid[0] == '\0' ? "-" : source->rid, source->repair ? " repair" : "",
                   source->payload_type);
        break;
    case SPILLWAY__CONTROL__EVENT__EVENT_MEDIA_ARRIVED:
        world_tell(w, "event track %u media", event->media_arrived->track);
        break;
    case SPILLWAY__CONTROL__EVENT__EVENT_SPAN:
        world_tell(w, "event transport %llu span %s of %u took %llu ms",
                   (unsigned long long)event->span->transport,
                   (const char *[]){"ice", "receive", "send"}[event->span->kind],
                   event->span->trace.data[0],
                   (unsigned long long)(event->span->duration_us / 1000));
        break;
    case SPILLWAY__CONTROL__EVENT__EVENT_STANDING:
        world_tell(w, "event transport %llu standing",
                   (unsigned long long)event->standing->transport);
        break;
    case SPILLWAY__CONTROL__EVENT__EVENT_LEVELS:
        tell_levels(w, event->levels);
        break;
    case SPILLWAY__CONTROL__EVENT__EVENT_TRANSPORT_REPORT:
        keep_report(w, event->transport_report);
        break;
    default:
        fail_msg("an event without content");
    }
}

/* Takes the state out of its message. */
static void keep_state(struct world *w, size_t link, Spillway__Control__NodeMessage *m)
{
    if (w->room_state != NULL) {
        spillway__control__room_state__free_unpacked(w->room_state, NULL);
    }
    w->room_state = m->room_state;
    m->message_case = SPILLWAY__CONTROL__NODE_MESSAGE__MESSAGE__NOT_SET;
    m->room_state = NULL;
    world_tell(w, "link %zu state %s %llu.%llu claimed %llu sessions %zu", link,
               w->room_state->room, (unsigned long long)w->room_state->epoch,
               (unsigned long long)w->room_state->version,
               (unsigned long long)w->room_state->claimed, w->room_state->n_sessions);
}

static void take_control(struct world *w, const struct node_message *out)
{
    Spillway__Control__NodeMessage *m =
        spillway__control__node_message__unpack(NULL, out->bytes.len, out->bytes.data);
    assert_non_null(m);
    switch (m->message_case) {
    case SPILLWAY__CONTROL__NODE_MESSAGE__MESSAGE_REGISTER:
        world_tell(w, "register %s endpoints %zu rooms %zu link %zu", m->register_->name,
                   m->register_->n_endpoints, m->register_->n_rooms, out->link);
        break;
    case SPILLWAY__CONTROL__NODE_MESSAGE__MESSAGE_HEARTBEAT:
        w->heartbeats++;
        w->weight = m->heartbeat->load->weight;
        for (size_t i = 0; i < m->heartbeat->n_rooms; i++) {
            const Spillway__Control__RoomVersion *room = m->heartbeat->rooms[i];
            w->orphans += room->orphan ? 1 : 0;
            if (room->foreign) {
                world_tell(w, "link %zu hears of %s %s", out->link, room->room, room->name);
            }
        }
        break;
    case SPILLWAY__CONTROL__NODE_MESSAGE__MESSAGE_SPEC_ACK:
        tell_ack(w, m->spec_ack);
        break;
    case SPILLWAY__CONTROL__NODE_MESSAGE__MESSAGE_EVENTS:
        w->event_messages++;
        for (size_t i = 0; i < m->events->n_events; i++) {
            w->events++;
            tell_event(w, m->events->events[i]);
        }
        break;
    case SPILLWAY__CONTROL__NODE_MESSAGE__MESSAGE_DRAINING:
        world_tell(w, "draining");
        break;
    case SPILLWAY__CONTROL__NODE_MESSAGE__MESSAGE_ROOM_STATE:
        keep_state(w, out->link, m);
        break;
    default:
        fail_msg("a message without content");
    }
    spillway__control__node_message__free_unpacked(m, NULL);
}

/* ---- Bytes ----------------------------------------------------------------------------------- */

static void input(struct world *w, struct world_client *from, uint8_t *data, size_t len)
{
    const struct node_datagram datagram = {.endpoint = from->endpoint,
                                           .remote = from->client->config.addr,
                                           .data = data,
                                           .len = len,
                                           .waited_us = from->waits_us};
    assert_int_equal(node_datagrams(w->node, w->now_us, &datagram, 1), 1);
}

static struct world_client *client_at(struct world *w, const struct net_addr *addr)
{
    for (size_t i = 0; i < w->client_count; i++) {
        if (net_equal(&w->clients[i].client->config.addr, addr)) {
            return &w->clients[i];
        }
    }
    fail_msg("a packet to nobody");
    return NULL;
}

/* Returns the length of the client's answer. */
static size_t deliver(struct world *w, struct world_client *to, const struct outbox_packet *packet,
                      uint8_t *answer)
{
    uint8_t data[OUTBOX_PACKET_MAX];
    struct media_incoming *changed;
    to->datagrams++;
    if (to->gone) {
        return 0;
    }
    assert_true(packet->len <= sizeof(data));
    memcpy(data, packet->data, packet->len);
    size_t len = media_client_receive(to->client, data, packet->len, answer, &changed);
    if (changed != NULL && (changed->packets == 1 || changed->layer_changed)) {
        world_tell(w, "%c gets mid %s ssrc %u layer %u%s", to->name, changed->mid, changed->ssrc,
                   changed->layer, changed->key ? " key" : "");
    }
    return len;
}

static void repair(struct world *w, struct world_client *client)
{
    for (size_t i = 0; i < client->client->source_count; i++) {
        struct media_source *source = &client->client->sources[i];
        if (source->nacked == 0 || client->deaf) {
            continue;
        }
        uint8_t data[MEDIA_CLIENT_PACKET];
        source->nacked = 0;
        size_t len = media_client_repair(client->client, source, source->nack_seq, data);
        if (len > 0) {
            input(w, client, data, len);
        }
    }
}

/* Drains the node, hands everything over, and feeds back what the clients answer. */
static void pump(struct world *w)
{
    struct outbox_packet packets[16];
    struct node_message message;
    struct {
        struct world_client *from;
        size_t len;
        uint8_t data[MEDIA_CLIENT_PACKET];
    } answers[16];
    size_t count;
    while ((count = node_poll_packets(w->node, packets, ARRAY_LEN(packets))) > 0) {
        size_t answer_count = 0;
        for (size_t i = 0; i < count; i++) {
            struct world_client *to = client_at(w, &packets[i].path.remote);
            size_t len = deliver(w, to, &packets[i], answers[answer_count].data);
            if (len > 0) {
                answers[answer_count].from = to;
                answers[answer_count++].len = len;
            }
        }
        for (size_t i = 0; i < answer_count; i++) {
            input(w, answers[i].from, answers[i].data, answers[i].len);
        }
        for (size_t i = 0; i < w->client_count; i++) {
            repair(w, &w->clients[i]);
        }
    }
    while (node_poll_control(w->node, &message)) {
        take_control(w, &message);
    }
    while (node_poll_tunnel(w->node, &message)) {
        memcpy(w->tunnel, message.bytes.data, message.bytes.len);
        w->tunnel_len = message.bytes.len;
        w->tunnel_link = message.link;
    }
}

static void control(struct world *w, size_t link, const ProtobufCMessage *message)
{
    size_t len;
    uint8_t *bytes = wire_pack(message, &len);
    node_control(w->node, w->now_us, link, (struct bytes){bytes, len});
    free(bytes);
    pump(w);
}

void world_register(struct world *w)
{
    world_register_at(w, 0, "OR_1");
}

void world_register_at(struct world *w, size_t link, const char *id)
{
    Spillway__Control__OrchestratorMessage message = SPILLWAY__CONTROL__ORCHESTRATOR_MESSAGE__INIT;
    Spillway__Control__Registered registered = SPILLWAY__CONTROL__REGISTERED__INIT;
    message.message_case = SPILLWAY__CONTROL__ORCHESTRATOR_MESSAGE__MESSAGE_REGISTERED;
    message.registered = &registered;
    registered.orchestrator_id = (char *)(uintptr_t)id;
    registered.heartbeat_ms = 250;
    node_link_up(w->node, w->now_us, link);
    pump(w);
    control(w, link, &message.base);
}

struct world_client *world_join(struct world *w)
{
    static const char *const ufrags[][4] = {
        {"cliA", "clientApassword123456", "srvA", "serverApassword12345678"},
        {"cliB", "clientBpassword123456", "srvB", "serverBpassword12345678"},
        {"cliC", "clientCpassword123456", "srvC", "serverCpassword12345678"},
        {"cliD", "clientDpassword123456", "srvD", "serverDpassword12345678"},
    };
    size_t i = w->client_count++;
    assert_true(i < ARRAY_LEN(ufrags));
    const struct media_client_config config = {
        .addr = {.ip = {192, 0, 2, (uint8_t)(i + 1)}, .port = 5000, .family = NET_V4},
        .ufrag = ufrags[i][0],
        .pwd = ufrags[i][1],
        .server_ufrag = ufrags[i][2],
        .server_pwd = ufrags[i][3],
        .seed = i + 1,
    };
    w->clients[i] = (struct world_client){.client = media_client_new(&config),
                                          .name = (char)('A' + i),
                                          .rtcp_at_us = w->now_us + TIME_MS(100),
                                          .check_at_us = TIME_NEVER};
    return &w->clients[i];
}

void world_claim(struct world *w, size_t link, const char *room, uint64_t epoch)
{
    Spillway__Control__OrchestratorMessage message = SPILLWAY__CONTROL__ORCHESTRATOR_MESSAGE__INIT;
    Spillway__Control__Claim claim = SPILLWAY__CONTROL__CLAIM__INIT;
    message.message_case = SPILLWAY__CONTROL__ORCHESTRATOR_MESSAGE__MESSAGE_CLAIM;
    message.claim = &claim;
    claim.room = (char *)(uintptr_t)room;
    claim.epoch = epoch;
    control(w, link, &message.base);
}

void world_spec(struct world *w, struct room_spec *spec)
{
    world_spec_at(w, 0, spec);
}

void world_spec_at(struct world *w, size_t link, struct room_spec *spec)
{
    size_t len;
    uint8_t *bytes = room_spec_pack(spec, &len);
    node_control(w->node, w->now_us, link, (struct bytes){bytes, len});
    free(bytes);
    room_spec_fini(spec);
    pump(w);
}

void world_send(struct world *w, struct world_client *from, uint8_t *data, size_t len)
{
    input(w, from, data, len);
    pump(w);
}

void world_check(struct world *w, struct world_client *from, bool use_candidate)
{
    uint8_t data[MEDIA_CLIENT_PACKET];
    from->check_at_us = w->now_us + TIME_S(2);
    world_send(w, from, data, media_client_check(from->client, use_candidate, data));
}

void world_rtcp(struct world *w, struct world_client *from, const struct media_feedback *feedback)
{
    uint8_t data[MEDIA_CLIENT_PACKET];
    world_send(w, from, data, media_client_rtcp(from->client, feedback, data));
}

void world_tunnel(struct world *w, uint64_t transport, const struct media_client *client,
                  const char *datagram)
{
    Spillway__Control__TunnelFrame frame = SPILLWAY__CONTROL__TUNNEL_FRAME__INIT;
    Spillway__Control__SrtpKeys keys = SPILLWAY__CONTROL__SRTP_KEYS__INIT;
    ProtobufCBinaryData data;
    frame.transport = transport;
    if (client != NULL) {
        size_t len = rtpsec_key_len(client->keys.suite);
        keys.suite = (Spillway__Control__SrtpKeys__Suite)client->keys.suite;
        keys.client_key = (ProtobufCBinaryData){len, (uint8_t *)(uintptr_t)client->keys.client};
        keys.server_key = (ProtobufCBinaryData){len, (uint8_t *)(uintptr_t)client->keys.server};
        frame.srtp = &keys;
    }
    if (datagram != NULL) {
        data = (ProtobufCBinaryData){strlen(datagram), (uint8_t *)(uintptr_t)datagram};
        frame.datagrams = &data;
        frame.n_datagrams = 1;
    }
    size_t len;
    uint8_t *bytes = wire_pack(&frame.base, &len);
    node_tunnel(w->node, w->now_us, 0, (struct bytes){bytes, len});
    free(bytes);
    pump(w);
}

/* ---- Time ------------------------------------------------------------------------------------ */

static int64_t next_us(const struct world *w)
{
    int64_t at = node_deadline(w->node);
    for (size_t i = 0; i < w->client_count; i++) {
        const struct world_client *client = &w->clients[i];
        if (client->gone) {
            continue;
        }
        at = MIN(at, MIN(client->rtcp_at_us, client->check_at_us));
        for (size_t s = 0; s < client->client->source_count; s++) {
            if (client->client->sources[s].on) {
                at = MIN(at, client->client->sources[s].due_us);
            }
        }
    }
    return at;
}

static void send_media(struct world *w, struct world_client *client)
{
    for (size_t i = 0; i < client->client->source_count; i++) {
        struct media_source *source = &client->client->sources[i];
        uint8_t data[MEDIA_CLIENT_PACKET];
        if (!source->on || source->due_us > w->now_us) {
            continue;
        }
        source->due_us = w->now_us + TIME_MS(source->audio ? 20 : 33);
        size_t len = media_client_send(client->client, source, data);
        if (w->trickle != 0 && prng_below(&w->prng, w->trickle) == 0) {
            continue;
        }
        world_send(w, client, data, len);
    }
}

static void act(struct world *w, struct world_client *client)
{
    if (client->gone) {
        return;
    }
    if (client->check_at_us <= w->now_us) {
        world_check(w, client, client->nominates);
    }
    if (client->rtcp_at_us <= w->now_us) {
        client->rtcp_at_us = w->now_us + TIME_MS(100);
        if (!client->quiet && client->check_at_us != TIME_NEVER) {
            const struct media_feedback nothing = {0};
            world_rtcp(w, client, &nothing);
        }
    }
    send_media(w, client);
}

void world_run(struct world *w, int64_t ms)
{
    pump(w);
    int64_t end_us = w->now_us + TIME_MS(ms);
    int64_t at;
    while ((at = next_us(w)) <= end_us) {
        w->now_us = MAX(w->now_us, at);
        if (node_deadline(w->node) <= w->now_us) {
            node_expire(w->node, w->now_us);
            pump(w);
        }
        for (size_t i = 0; i < w->client_count; i++) {
            act(w, &w->clients[i]);
        }
    }
    w->now_us = end_us;
}
