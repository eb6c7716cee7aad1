/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/world/world.h"

#include "tests/lib/join_request.h"

#include <stdio.h>
#include <stdlib.h>

#define CONNECT_US   TIME_S(5)  /* for an attempt to lead to anything */
#define RESUMING_US  TIME_S(15) /* then it starts over */
#define WS_BREAK_US  TIME_S(15) /* pings are answered within it */
#define WS_QUEUE_MAX 10000
#define CONNECTED_US TIME_S(15) /* for a peer connection to stand, as in livekit-client */
#define PING_US      TIME_S(5)
#define PREPARED     3 /* recvonly sections of the first offer */

static int64_t now(const struct client *c)
{
    return events_now(c->sim->events);
}

static int64_t some_time(struct client *c, int64_t max_us)
{
    return max_us / 2 + (int64_t)prng_below(&c->prng, (uint64_t)max_us / 2);
}

/* ---- WebSocket ----------------------------------------------------------------------------- */

static void ask(struct client *c, struct net_link *link)
{
    bool resumes = c->state == CLIENT_RESUMING;
    char *offer = resumes ? NULL : client_offer_text(c);
    const struct join_request request = {.key = "key",
                                         .secret = "secret",
                                         .room = c->room,
                                         .identity = c->name,
                                         .offer = offer,
                                         .offer_id = c->offer_id,
                                         .subscribe = true,
                                         .reconnect = resumes,
                                         .sid = resumes ? c->person : NULL,
                                         .region = c->region};
    char *token = join_request_token(&request, (SIM_WALL_US + now(c) - SIM_START_US) / 1000000);
    char *wrapped = join_request_parameter(&request);
    size_t len = strlen(token) + 1 + strlen(wrapped) + 1;
    char *text = mem_alloc(len);
    memcpy(text, token, strlen(token));
    memcpy(text + strlen(token) + 1, wrapped, strlen(wrapped));
    int err = net_send(link, 0, (struct bytes){(const uint8_t *)text, len});
    assert(err == 0);
    c->offered = !resumes;
    free(offer);
    free(token);
    free(wrapped);
    free(text);
}

static void on_up(void *arg, struct net_link *link)
{
    struct client *c = arg;
    if (link == c->ws) {
        ask(c, link);
    } else {
        net_abandon(link);
    }
}

static void on_message(void *arg, struct net_link *link, struct bytes message)
{
    struct client *c = arg;
    if (link == c->ws) {
        client_told(c, message);
    }
}

/* Who gives an attempt up at a front that hangs may be let in all the same when that one wakes, as
 * somebody else of his name: that throws him out of where he is by then. */
static void hang_up(struct client *c)
{
    struct net_link *link = c->ws;
    c->relied |= c->state == CLIENT_JOINING && link != NULL ? 1u << c->front : 0;
    c->ws = NULL;
    if (link != NULL) {
        net_hang_up(link, 0);
    }
}

static void try_again(struct client *c, enum client_state state, int64_t wait_us)
{
    hang_up(c);
    c->state = state;
    c->until_us = now(c) + wait_us;
}

static void on_down(void *arg, struct net_link *link)
{
    struct client *c = arg;
    if (link != c->ws) {
        return;
    }
    c->ws = NULL;
    switch (c->state) {
    case CLIENT_IN:
        client_resume(c, "WebSocket lost");
        break;
    case CLIENT_JOINING:
        try_again(c, CLIENT_OUT, some_time(c, TIME_S(1)));
        break;
    default:
        try_again(c, c->state, some_time(c, TIME_MS(600)));
        break;
    }
}

static void dial(struct client *c)
{
    struct sim *sim = c->sim;
    traffic_attempt(sim, c->room);
    c->front = (c->front + 1) % sim->config.orchestrators;
    struct orchestrator *front = &sim->orchestrators[c->front];
    c->until_us = now(c) + CONNECT_US;
    c->ws = net_dial(sim->net,
                     &(struct net_link_config){
                         .hosts = {c->host, front->host},
                         .ends = {{.up = on_up, .message = on_message, .down = on_down, .arg = c},
                                  orchestrator_client_end(front)},
                         .queue_max = WS_QUEUE_MAX,
                         .break_us = WS_BREAK_US,
                     });
}

/* ---- Peer connections ---------------------------------------------------------------------- */

static void new_pc(struct client *c)
{
    if (c->has_pc) {
        pc_fini(&c->pc);
    }
    struct net_addr addr = {.ip = {192, 0, 2, (uint8_t)(c->index + 1)},
                            .port = (uint16_t)(1024 + c->pcs++),
                            .family = NET_V4};
    pc_init(&c->pc, &addr, &c->prng, (uint8_t)c->index, c->sim->config.talk_us);
    c->has_pc = true;
    c->began_us = now(c);
    c->section_count = PREPARED;
    memset(c->sections, 0, sizeof(c->sections));
    c->microphone = c->camera = -1;
    c->camera_announced = c->announced = c->published = c->offered = c->offer_wanted = false;
    c->roster = 0;
    data_begin(c);
}

static void send_datagram(void *arg, const struct net_addr *to, struct bytes datagram)
{
    struct client *c = arg;
    struct node_process *node = sim_node_at(c->sim, to);
    if (node != NULL) {
        net_datagram(c->sim->net,
                     &(struct net_datagram){.from = c->host,
                                            .to = node->host,
                                            .fn = node_process_datagram,
                                            .arg = node,
                                            .number = node_process_number(&c->pc.addr, to->port)},
                     datagram);
    }
}

static void heard(void *arg, uint8_t who)
{
    struct client *c = arg;
    assert(who < CLIENT_PEOPLE);
    if (c->heard_us[who] != 0) {
        c->pause_us = MAX(c->pause_us, now(c) - c->heard_us[who]);
    }
    c->heard_us[who] = now(c);
}

static void seen(void *arg, uint8_t who)
{
    struct client *c = arg;
    assert(who < CLIENT_PEOPLE);
    c->seen_us[who] = now(c);
}

static void told(void *arg, struct bytes message)
{
    data_told(arg, message);
}

static struct pc_handler handler(struct client *c)
{
    return (struct pc_handler){
        .send = send_datagram, .heard = heard, .seen = seen, .told = told, .arg = c};
}

void client_datagram(void *arg, uint64_t number, struct bytes data)
{
    struct client *c = arg;
    struct net_addr from = {.port = (uint16_t)(number >> 16), .family = NET_V4};
    be32_put(from.ip, (uint32_t)(number >> 32));
    if (c->has_pc && (uint16_t)number == c->pc.addr.port) { /* else for an earlier one */
        struct pc_handler with = handler(c);
        pc_receive(&c->pc, now(c), &from, data, &with);
    }
}

/* ---- What a person and an SDK do ----------------------------------------------------------- */

void client_resume(struct client *c, const char *why)
{
    timeline_tell(c->sim->timeline, c->name, "resumes: %s", why);
    check_session_broken(c->sim, c, why);
    c->broken_us = now(c);
    try_again(c, CLIENT_RESUMING, TIME_MS(50));
}

void client_start_over(struct client *c, const char *why)
{
    timeline_tell(c->sim->timeline, c->name, "starts over: %s", why);
    check_session_lost(c->sim, c);
    try_again(c, CLIENT_OUT, some_time(c, TIME_MS(500)));
}

void client_thrown_out(struct client *c, int reason)
{
    timeline_tell(c->sim->timeline, c->name, "is thrown out, reason %d", reason);
    check_session_lost(c->sim, c);
    try_again(c, CLIENT_OUT, TIME_S(1) + some_time(c, TIME_S(2)));
}

void client_is_in(struct client *c)
{
    timeline_tell(c->sim->timeline, c->name, "%s %s through %s",
                  c->state == CLIENT_RESUMING ? "is back in" : "is in", c->room,
                  c->sim->orchestrators[c->front].name);
    c->association = c->state == CLIENT_RESUMING ? c->association : c->front;
    c->state = CLIENT_IN;
    c->relied |= 1u << c->front | 1u << c->association | check_owner(c->sim, c->room);
}

static void wait_for_signalling(struct client *c)
{
    if (c->state == CLIENT_RESUMING && now(c) - c->broken_us > RESUMING_US) {
        client_start_over(c, "resuming led nowhere");
    } else if (c->ws != NULL) { /* nobody answered in time */
        try_again(c, c->state == CLIENT_JOINING ? CLIENT_OUT : c->state, some_time(c, TIME_S(1)));
    } else {
        if (c->state == CLIENT_OUT) {
            new_pc(c);
            c->state = CLIENT_JOINING;
        }
        dial(c);
    }
}

static void tick(void *arg, uint64_t number, struct bytes data)
{
    struct client *c = arg;
    (void)number;
    (void)data;
    if (c->state == CLIENT_AWAY) {
        c->ticking = false;
        return;
    }
    net_timer(c->sim->net, c->host, now(c) + PC_TICK_US, tick, c, 0);
    if (c->state != CLIENT_IN && now(c) >= c->until_us) {
        wait_for_signalling(c);
    }
    if (c->state == CLIENT_IN && now(c) >= c->ping_us) {
        c->ping_us = now(c) + PING_US;
        client_ping(c);
    }
    if (!c->has_pc) {
        return;
    }
    if (c->state == CLIENT_IN) {
        c->relied |= check_owner(c->sim, c->room);
    }
    struct pc_handler with = handler(c);
    pc_tick(&c->pc, now(c), &with);
    if (c->sim->config.data) {
        data_say(c, &with);
    }
    if (c->state == CLIENT_IN && pc_failed(&c->pc, now(c))) {
        client_resume(c, "no media path");
    } else if (c->state == CLIENT_IN && !pc_connected(&c->pc) &&
               now(c) - c->began_us > CONNECTED_US) {
        client_start_over(c, "never connected");
    } else if (c->state == CLIENT_IN && pc_connected(&c->pc)) {
        client_publish(c);
    }
}

void client_join(struct client *c, const char *room)
{
    snprintf(c->room, sizeof(c->room), "%s", room);
    c->state = CLIENT_OUT;
    c->until_us = now(c);
    memset(c->heard_us, 0, sizeof(c->heard_us));
    memset(c->seen_us, 0, sizeof(c->seen_us));
    if (!c->ticking) {
        c->ticking = true;
        tick(c, 0, (struct bytes){NULL, 0});
    }
}

static void away(struct client *c)
{
    c->state = CLIENT_AWAY;
    if (c->has_pc) {
        c->has_pc = false;
        pc_fini(&c->pc);
    }
}

void client_leave(struct client *c)
{
    timeline_tell(c->sim->timeline, c->name, "leaves %s", c->room);
    traffic_farewell(c->sim, c->room);
    if (c->state == CLIENT_IN) {
        Livekit__LeaveRequest leave = LIVEKIT__LEAVE_REQUEST__INIT;
        Livekit__SignalRequest request = LIVEKIT__SIGNAL_REQUEST__INIT;
        request.message_case = LIVEKIT__SIGNAL_REQUEST__MESSAGE_LEAVE;
        request.leave = &leave;
        client_request(c, &request);
    }
    hang_up(c);
    away(c);
}

void client_vanish(struct client *c)
{
    timeline_tell(c->sim->timeline, c->name, "vanishes from %s", c->room);
    traffic_farewell(c->sim, c->room);
    c->ws = NULL;
    c->ticking = false;
    away(c);
    net_crash(c->sim->net, c->host);
    net_start(c->sim->net, c->host);
}

void client_init(struct client *c, struct sim *sim, size_t index)
{
    size_t region = index % sim->config.regions;
    *c = (struct client){
        .sim = sim, .index = index, .front = region, .microphone = -1, .camera = -1};
    c->host = net_add(sim->net, region, true);
    sim_region_name(c->region, region);
    snprintf(c->name, sizeof(c->name), "c%zu", index + 1);
    prng_seed(&c->prng, sim->config.seed * 1000 + 300 + index);
    c->front = prng_below(&c->prng, sim->config.orchestrators);
}

void client_fini(struct client *c)
{
    data_fini(&c->data);
    if (c->has_pc) {
        pc_fini(&c->pc);
    }
}
