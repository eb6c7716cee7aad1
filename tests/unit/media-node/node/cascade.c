/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/media-node/node/cascade.h"

#include "proto/wire/wire.h"

#include <stdio.h>
#include <stdlib.h>

/* ---- Control --------------------------------------------------------------------------------- */

/* A copy in place of the one before. */
static void keep(const ProtobufCMessage *message, ProtobufCMessage **kept)
{
    size_t len;
    uint8_t *bytes = wire_pack(message, &len);
    if (*kept != NULL) {
        protobuf_c_message_free_unpacked(*kept, NULL);
    }
    *kept = protobuf_c_message_unpack(message->descriptor, NULL, len, bytes);
    free(bytes);
}

static void take_events(struct cascade *c, unsigned node, const Spillway__Control__Events *events)
{
    for (size_t i = 0; i < events->n_events; i++) {
        const Spillway__Control__Event *event = events->events[i];
        if (event->event_case == SPILLWAY__CONTROL__EVENT__EVENT_MEDIA_ARRIVED) {
            c->arrived[node]++;
        } else if (event->event_case == SPILLWAY__CONTROL__EVENT__EVENT_PATH_SELECTED) {
            c->paths[node]++;
        } else if (event->event_case == SPILLWAY__CONTROL__EVENT__EVENT_LEVELS) {
            c->levels[node] += event->levels->n_levels > 0;
        } else if (event->event_case == SPILLWAY__CONTROL__EVENT__EVENT_HANDED_OVER) {
            keep(&event->handed_over->base, (ProtobufCMessage **)&c->handed[node]);
        } else if (event->event_case == SPILLWAY__CONTROL__EVENT__EVENT_STANDING) {
            keep(&event->standing->base, (ProtobufCMessage **)&c->standings[node]);
            c->standing_count[node]++;
        }
    }
}

static void take_control(struct cascade *c, unsigned node, const struct node_message *out)
{
    Spillway__Control__NodeMessage *m =
        spillway__control__node_message__unpack(NULL, out->bytes.len, out->bytes.data);
    assert_non_null(m);
    switch (m->message_case) {
    case SPILLWAY__CONTROL__NODE_MESSAGE__MESSAGE_SPEC_ACK:
        c->ack_results[node] = (int)m->spec_ack->result;
        snprintf(c->ack_reasons[node], sizeof(c->ack_reasons[node]), "%s", m->spec_ack->reason);
        break;
    case SPILLWAY__CONTROL__NODE_MESSAGE__MESSAGE_EVENTS:
        take_events(c, node, m->events);
        break;
    case SPILLWAY__CONTROL__NODE_MESSAGE__MESSAGE_HEARTBEAT:
        if (m->heartbeat->n_trunks > 0) {
            keep(&m->heartbeat->base, (ProtobufCMessage **)&c->heartbeats[node]);
        }
        break;
    case SPILLWAY__CONTROL__NODE_MESSAGE__MESSAGE_ROOM_STATE:
        keep(&m->room_state->base, (ProtobufCMessage **)&c->states[node]);
        break;
    default:
        break;
    }
    spillway__control__node_message__free_unpacked(m, NULL);
}

static void register_node(struct cascade *c, unsigned node)
{
    Spillway__Control__OrchestratorMessage message = SPILLWAY__CONTROL__ORCHESTRATOR_MESSAGE__INIT;
    Spillway__Control__Registered registered = SPILLWAY__CONTROL__REGISTERED__INIT;
    message.message_case = SPILLWAY__CONTROL__ORCHESTRATOR_MESSAGE__MESSAGE_REGISTERED;
    message.registered = &registered;
    registered.orchestrator_id = (char[]){"OR_1"};
    registered.heartbeat_ms = 250;
    size_t len;
    uint8_t *bytes = wire_pack(&message.base, &len);
    node_link_up(c->nodes[node], c->now_us, 0);
    node_control(c->nodes[node], c->now_us, 0, (struct bytes){bytes, len});
    free(bytes);
}

void cascade_watch(struct cascade *c, unsigned node, const unsigned *others, size_t count)
{
    struct room_spec spec;
    room_spec_init(&spec, "RM_none", 1, 0, 1);
    for (size_t i = 0; i < count; i++) {
        room_spec_trunk(&spec, node, others[i], 1);
    }
    Spillway__Control__Watch watch = SPILLWAY__CONTROL__WATCH__INIT;
    watch.trunks = spec.message.trunks;
    watch.n_trunks = count;
    Spillway__Control__OrchestratorMessage message = SPILLWAY__CONTROL__ORCHESTRATOR_MESSAGE__INIT;
    message.message_case = SPILLWAY__CONTROL__ORCHESTRATOR_MESSAGE__MESSAGE_WATCH;
    message.watch = &watch;
    size_t len;
    uint8_t *bytes = wire_pack(&message.base, &len);
    node_control(c->nodes[node], c->now_us, 0, (struct bytes){bytes, len});
    free(bytes);
    room_spec_fini(&spec);
}

/* ---- Clocks of publishers -------------------------------------------------------------------- */

#define BEGIN_US TIME_S(1000)

static int64_t faster(int64_t us, int ppm)
{
    return us + us / 1000000 * ppm + us % 1000000 * ppm / 1000000;
}

static int64_t wall_since_us(const struct cascade_clocks *clocks, int64_t at_us)
{
    return faster(at_us - BEGIN_US, clocks->wall_ppm);
}

static uint32_t rtp_time(const struct cascade_clocks *clocks, const struct media_source *source,
                         int64_t at_us)
{
    int64_t hz = source->audio ? 48000 : 90000;
    int ppm = source->audio ? clocks->audio_ppm : clocks->video_ppm;
    int64_t zero = -(int64_t)(clocks->wrap_s + source->layer) * hz;
    return (uint32_t)(zero + faster(wall_since_us(clocks, at_us), ppm) * hz / 1000000);
}

/* The source's packet is of what was captured some time ago. */
static void stamp(const struct cascade *c, const struct cascade_clocks *clocks,
                  struct media_source *source)
{
    int64_t late_us = source->audio ? clocks->audio_late_us : clocks->video_late_us;
    int64_t at_us = c->now_us - late_us;
    source->ts = rtp_time(clocks, source, at_us);
    source->captured_ntp = rtcp_ntp(clocks->wall_us + wall_since_us(clocks, at_us));
}

/* By its sender report, how much later than it was in truth a viewer takes a packet to be captured
 * (RFC 3550 §6.4.1). NTP times are of different eras perhaps. */
static int64_t capture_off_us(const struct media_incoming *in)
{
    int64_t hz = in->pt == MEDIA_OPUS ? 48000 : 90000;
    int64_t told_us = (int64_t)ts_diff(in->ts, in->report.ts) * 1000000 / hz;
    int64_t true_ntp = (int64_t)(in->captured_ntp - in->report.ntp);
    int64_t true_us = (true_ntp >> 32) * 1000000 + ((true_ntp & UINT32_MAX) * 1000000 >> 32);
    return told_us - true_us;
}

static void note_time(struct cascade_flow *flow, const struct media_incoming *in)
{
    if (in->captured_ntp == 0 || in->reports == 0) {
        return;
    }
    int64_t off_us = capture_off_us(in);
    flow->off_us_min = flow->timed == 0 ? off_us : MIN(flow->off_us_min, off_us);
    flow->off_us_max = flow->timed == 0 ? off_us : MAX(flow->off_us_max, off_us);
    flow->timed++;
}

/* ---- Datagrams ------------------------------------------------------------------------------- */

static void note_flow(struct cascade *c, struct cascade_client *client,
                      const struct media_incoming *in)
{
    struct cascade_flow *flow = cascade_flow(client, in->ssrc);
    if (flow == NULL) {
        assert_true(client->flow_count < CASCADE_FLOWS);
        flow = &client->flows[client->flow_count++];
        *flow = (struct cascade_flow){.ssrc = in->ssrc,
                                      .first = 65536u + in->seq,
                                      .newest = 65536u + in->seq - 1,
                                      .newest_us = c->now_us};
    }
    uint64_t seq = flow->newest + (uint64_t)(int64_t)seq_diff(in->seq, (uint16_t)flow->newest);
    if (seq > flow->newest) {
        flow->newest = seq;
        flow->pause_us = MAX(flow->pause_us, c->now_us - flow->newest_us);
        flow->newest_us = c->now_us;
    }
    uint8_t bit = (uint8_t)(1u << in->seq % 8);
    flow->distinct += (flow->seen[in->seq / 8] & bit) == 0;
    flow->seen[in->seq / 8] |= bit;
    flow->keys += in->key;
    note_time(flow, in);
}

static void input(struct cascade *c, unsigned node, const struct net_addr *from, uint8_t *data,
                  size_t len)
{
    const struct node_datagram datagram = {.remote = *from, .data = data, .len = len};
    assert_int_equal(node_datagrams(c->nodes[node], c->now_us, &datagram, 1), 1);
}

static void to_client(struct cascade *c, unsigned node, const struct outbox_packet *packet)
{
    uint8_t data[OUTBOX_PACKET_MAX];
    uint8_t answer[MEDIA_CLIENT_PACKET];
    for (size_t i = 0; i < c->client_count; i++) {
        struct cascade_client *client = &c->clients[i];
        struct media_incoming *changed;
        if (!net_equal(&client->client->config.addr, &packet->path.remote) ||
            (client->node != node && client->old != node)) {
            continue;
        }
        memcpy(data, packet->data, packet->len);
        (void)media_client_receive(client->client, data, packet->len, answer, &changed);
        if (changed != NULL) {
            note_flow(c, client, changed);
        }
    }
}

const struct cascade_wire *cascade_wire(const struct cascade *c, unsigned from, unsigned to,
                                        uint32_t ssrc)
{
    for (size_t i = 0; i < c->wire_count; i++) {
        const struct cascade_wire *wire = &c->wires[i];
        if (wire->from == from && wire->to == to && wire->ssrc == ssrc) {
            return wire;
        }
    }
    return NULL;
}

static struct cascade_wire *wire_of(struct cascade *c, unsigned from, unsigned to, uint32_t ssrc)
{
    const struct cascade_wire *known = cascade_wire(c, from, to, ssrc);
    if (known != NULL) {
        return &c->wires[known - c->wires];
    }
    assert_true(c->wire_count < CASCADE_WIRES);
    c->wires[c->wire_count] = (struct cascade_wire){.from = from, .to = to, .ssrc = ssrc};
    return &c->wires[c->wire_count++];
}

/* RFC 5116 §3.1: two plaintexts under one nonce give the key away. */
static void note_sealed(struct cascade_wire *wire, const uint8_t *data, size_t len)
{
    uint32_t word = be32_get(data + 16); /* relay.h */
    uint64_t nonce = (uint64_t)(word >> 26) << 40 | (uint64_t)(word & 0xfffff) << 16 |
                     be16_get(data + 2) | UINT64_C(1) << 63;
    uint64_t digest = 0xcbf29ce484222325; /* FNV-1a */
    for (size_t i = 0; i < len; i++) {
        digest = (digest ^ data[i]) * 0x100000001b3;
    }
    size_t place = nonce % CASCADE_SEALED;
    if (wire->sealed[place].nonce == nonce) {
        assert_true(wire->sealed[place].digest == digest);
    }
    wire->sealed[place].nonce = nonce;
    wire->sealed[place].digest = digest;
}

static void launch(struct cascade *c, unsigned from, unsigned to, const uint8_t *data, size_t len)
{
    bool rtcp = data[1] >= 192 && data[1] <= 223;
    struct cascade_wire *wire = rtcp ? NULL : wire_of(c, from, to, be32_get(data + 8));
    c->rtcp += rtcp;
    bool lost = c->cut[from][to] || prng_below(&c->prng, 1000) < c->loss;
    if (wire != NULL) {
        wire->packets++;
        wire->lost += lost;
        wire->bytes += len;
        note_sealed(wire, data, len);
    }
    if (lost) {
        return;
    }
    for (size_t i = 0; i < CASCADE_AIR; i++) {
        struct cascade_datagram *d = &c->air[i];
        if (d->len == 0) {
            uint64_t jitter = (uint64_t)c->jitter_us + 1;
            d->at_us = c->now_us + c->delay_us + (int64_t)prng_below(&c->prng, jitter);
            d->from = from;
            d->to = to;
            d->len = len;
            memcpy(d->data, data, len);
            return;
        }
    }
    fail_msg("too much in the air");
}

static void drain(struct cascade *c)
{
    struct outbox_packet packets[32];
    struct node_message message;
    size_t count;
    for (unsigned node = 1; node <= CASCADE_NODES && c->nodes[node] != NULL; node++) {
        while ((count = node_poll_packets(c->nodes[node], packets, ARRAY_LEN(packets))) > 0) {
            for (size_t i = 0; i < count; i++) {
                const struct net_addr *to = &packets[i].path.remote;
                bool trunk = to->ip[0] == 10;
                if (trunk) {
                    launch(c, node, to->ip[3], packets[i].data, packets[i].len);
                } else {
                    to_client(c, node, &packets[i]);
                }
            }
        }
        while (node_poll_control(c->nodes[node], &message)) {
            take_control(c, node, &message);
        }
        while (node_poll_tunnel(c->nodes[node], &message)) {
        }
    }
}

void cascade_inject(struct cascade *c, unsigned from, unsigned to, const uint8_t *data, size_t len)
{
    uint8_t copy[OUTBOX_PACKET_MAX];
    const struct net_addr addr = {.ip = {10, 0, 0, (uint8_t)from}, .port = 40000, .family = NET_V4};
    memcpy(copy, data, len);
    input(c, to, &addr, copy, len);
    drain(c);
}

/* ---- Life ------------------------------------------------------------------------------------ */

static void add_node(struct cascade *c, unsigned number)
{
    static const struct node_endpoint endpoints[] = {{NODE_UDP, 40000}, {NODE_TCP, 40000}};
    const struct net_addr advertise = {
        .ip = {10, 0, 0, (uint8_t)number}, .port = 0, .family = NET_V4};
    char id[16];
    snprintf(id, sizeof(id), "ND_%u", number);
    const struct node_config config = {.id = id,
                                       .congestion_control = true,
                                       .name = id,
                                       .region = "eu",
                                       .zone = "z1",
                                       .version = "test",
                                       .capacity = 100,
                                       .endpoints = endpoints,
                                       .endpoint_count = ARRAY_LEN(endpoints),
                                       .advertise = &advertise,
                                       .advertise_count = 1,
                                       .link_count = 1,
                                       .outbox_slots = 1024,
                                       .random = prng_source(&c->prng)};
    c->nodes[number] = node_new(&config, c->now_us);
    register_node(c, number);
}

struct cascade *cascade_new(unsigned nodes)
{
    struct cascade *c = mem_alloc(sizeof(*c));
    c->now_us = BEGIN_US;
    c->delay_us = TIME_MS(40);
    c->epoch = 1;
    prng_seed(&c->prng, 5);
    assert_true(nodes <= CASCADE_NODES);
    for (unsigned i = 1; i <= nodes; i++) {
        add_node(c, i);
    }
    drain(c);
    return c;
}

void cascade_free(struct cascade *c)
{
    for (unsigned i = 1; i <= CASCADE_NODES; i++) {
        if (c->nodes[i] != NULL) {
            node_free(c->nodes[i]);
        }
        if (c->heartbeats[i] != NULL) {
            spillway__control__heartbeat__free_unpacked(c->heartbeats[i], NULL);
        }
        if (c->handed[i] != NULL) {
            spillway__control__handed_over__free_unpacked(c->handed[i], NULL);
        }
        if (c->standings[i] != NULL) {
            spillway__control__standing__free_unpacked(c->standings[i], NULL);
        }
        if (c->states[i] != NULL) {
            spillway__control__room_state__free_unpacked(c->states[i], NULL);
        }
    }
    for (size_t i = 0; i < c->client_count; i++) {
        media_client_free(c->clients[i].client);
    }
    free(c);
}

struct cascade_client *cascade_join(struct cascade *c, unsigned node)
{
    static const char *const ufrags[CASCADE_CLIENTS][2] = {{"cliA", "srvA"}, {"cliB", "srvB"},
                                                           {"cliC", "srvC"}, {"cliD", "srvD"},
                                                           {"cliE", "srvE"}, {"cliF", "srvF"}};
    size_t i = c->client_count++;
    assert_true(i < CASCADE_CLIENTS);
    const struct media_client_config config = {
        .addr = {.ip = {192, 0, 2, (uint8_t)(i + 1)}, .port = 5000, .family = NET_V4},
        .ufrag = ufrags[i][0],
        .pwd = "clientpassword123456789",
        .server_ufrag = ufrags[i][1],
        .server_pwd = "serverpassword12345678",
        .seed = i + 1};
    c->clients[i] = (struct cascade_client){.client = media_client_new(&config),
                                            .node = node,
                                            .rtcp_at_us = c->now_us,
                                            .check_at_us = c->now_us,
                                            .clock_at_us = c->now_us + TIME_MS(500)};
    return &c->clients[i];
}

/* ---- Specs ----------------------------------------------------------------------------------- */

void cascade_spec(struct cascade *c, struct room_spec *spec, unsigned node)
{
    uint64_t version = c->versions[node]++;
    room_spec_init(spec, "RM_1", c->epoch, version, version + 1);
}

void cascade_claim(struct cascade *c)
{
    Spillway__Control__OrchestratorMessage message = SPILLWAY__CONTROL__ORCHESTRATOR_MESSAGE__INIT;
    Spillway__Control__Claim claim = SPILLWAY__CONTROL__CLAIM__INIT;
    message.message_case = SPILLWAY__CONTROL__ORCHESTRATOR_MESSAGE__MESSAGE_CLAIM;
    message.claim = &claim;
    claim.room = (char[]){"RM_1"};
    claim.epoch = ++c->epoch;
    size_t len;
    uint8_t *bytes = wire_pack(&message.base, &len);
    for (unsigned node = 1; node <= CASCADE_NODES && c->nodes[node] != NULL; node++) {
        node_control(c->nodes[node], c->now_us, 0, (struct bytes){bytes, len});
        c->versions[node] = 0;
    }
    free(bytes);
    drain(c);
}

static void send_spec(struct cascade *c, struct room_spec *spec, unsigned node)
{
    size_t len;
    uint8_t *bytes = room_spec_pack(spec, &len);
    node_control(c->nodes[node], c->now_us, 0, (struct bytes){bytes, len});
    free(bytes);
    room_spec_fini(spec);
    drain(c);
}

void cascade_apply(struct cascade *c, struct room_spec *spec, unsigned node)
{
    send_spec(c, spec, node);
    assert_string_equal(c->ack_reasons[node], "");
    assert_int_equal(c->ack_results[node], 0);
}

const char *cascade_refuse(struct cascade *c, struct room_spec *spec, unsigned node)
{
    send_spec(c, spec, node);
    assert_int_equal(c->ack_results[node], SPILLWAY__CONTROL__SPEC_ACK__RESULT__INVALID);
    c->versions[node]--;
    return c->ack_reasons[node];
}

/* ---- Time ------------------------------------------------------------------------------------ */

void cascade_give(struct cascade *c, struct cascade_client *client, uint8_t *data, size_t len)
{
    input(c, client->node, &client->client->config.addr, data, len);
    drain(c);
}

/* Each size takes three times as much as the one below. */
static void send_svc(struct cascade *c, struct cascade_client *client)
{
    uint8_t data[MEDIA_CLIENT_PACKET];
    size_t size = 100;
    svc_source_begin(&client->svc);
    for (unsigned spatial = 0; spatial < client->svc.mode.spatial; spatial++, size *= 3) {
        size_t len = svc_source_send(client->client, &client->svc, spatial, size, true, true, data);
        cascade_give(c, client, data, len);
    }
    svc_source_end(&client->svc);
}

static void send_media(struct cascade *c, struct cascade_client *client)
{
    uint8_t data[MEDIA_CLIENT_PACKET];
    for (size_t i = 0; i < client->client->source_count; i++) {
        struct media_source *source = &client->client->sources[i];
        if (source->on && source->due_us <= c->now_us) {
            source->due_us += TIME_MS(source->audio ? 20 : 33);
            if (source == client->svc.source) {
                send_svc(c, client);
                continue;
            }
            if (client->clocks != NULL) {
                stamp(c, client->clocks, source);
            }
            cascade_give(c, client, data, media_client_send(client->client, source, data));
        }
    }
}

static void send_clocks(struct cascade *c, struct cascade_client *client)
{
    uint8_t data[MEDIA_CLIENT_PACKET];
    const struct cascade_clocks *clocks = client->clocks;
    int64_t wall_us = TIME_S(1700000000) + c->now_us;
    for (size_t i = 0; i < client->client->source_count; i++) {
        struct media_source *source = &client->client->sources[i];
        if (clocks != NULL) {
            wall_us = clocks->wall_us + wall_since_us(clocks, c->now_us);
            source->ts = rtp_time(clocks, source, c->now_us);
        }
        const struct media_feedback feedback = {.sr = source, .wall_us = wall_us};
        cascade_give(c, client, data, media_client_rtcp(client->client, &feedback, data));
    }
}

static void act(struct cascade *c, struct cascade_client *client)
{
    uint8_t data[MEDIA_CLIENT_PACKET];
    const struct media_feedback nothing = {0};
    if (client->node == 0) {
        return;
    }
    if (client->check_at_us <= c->now_us) {
        client->check_at_us = c->now_us + TIME_S(2);
        cascade_give(c, client, data, media_client_check(client->client, true, data));
    }
    if (client->rtcp_at_us <= c->now_us) {
        client->rtcp_at_us = c->now_us + TIME_MS(100);
        cascade_give(c, client, data, media_client_rtcp(client->client, &nothing, data));
    }
    if (client->sends_clock && client->clock_at_us <= c->now_us) {
        client->clock_at_us =
            c->now_us + (client->clocks != NULL ? client->clocks->report_us : TIME_S(1));
        send_clocks(c, client);
    }
    send_media(c, client);
}

void cascade_run(struct cascade *c, int64_t ms)
{
    for (int64_t end_us = c->now_us + TIME_MS(ms); c->now_us < end_us;) {
        c->now_us += TIME_MS(1);
        for (size_t i = 0; i < CASCADE_AIR; i++) {
            struct cascade_datagram *d = &c->air[i];
            if (d->len > 0 && d->at_us <= c->now_us) {
                size_t len = d->len;
                d->len = 0;
                cascade_inject(c, d->from, d->to, d->data, len);
            }
        }
        for (unsigned node = 1; node <= CASCADE_NODES && c->nodes[node] != NULL; node++) {
            if (node_deadline(c->nodes[node]) <= c->now_us) {
                node_expire(c->nodes[node], c->now_us);
            }
        }
        drain(c);
        for (size_t i = 0; i < c->client_count; i++) {
            act(c, &c->clients[i]);
        }
    }
}

/* ---- Views ----------------------------------------------------------------------------------- */

const struct counters *cascade_counters(const struct cascade *c, unsigned node)
{
    return node_counters(c->nodes[node]);
}

unsigned cascade_crossed(const struct cascade *c, unsigned from, unsigned to, uint32_t ssrc)
{
    const struct cascade_wire *wire = cascade_wire(c, from, to, ssrc);
    return wire != NULL ? wire->packets : 0;
}

unsigned cascade_lost(const struct cascade *c, unsigned from, unsigned to, uint32_t ssrc)
{
    const struct cascade_wire *wire = cascade_wire(c, from, to, ssrc);
    return wire != NULL ? wire->lost : 0;
}

struct cascade_flow *cascade_flow(struct cascade_client *client, uint32_t ssrc)
{
    for (size_t i = 0; i < client->flow_count; i++) {
        if (client->flows[i].ssrc == ssrc) {
            return &client->flows[i];
        }
    }
    return NULL;
}

unsigned cascade_missing(const struct cascade_flow *flow)
{
    return (unsigned)(flow->newest - flow->first + 1) - flow->distinct;
}
