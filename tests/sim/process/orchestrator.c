/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/world/world.h"

#include "proto/wire/wire.h"

#include <stdio.h>
#include <stdlib.h>

#define BUS_BREAK_US  TIME_S(3)    /* ZMQ_HEARTBEAT_TIMEOUT */
#define LAST_WORDS_US TIME_MS(200) /* as in shell/server */

static int64_t now(const struct orchestrator *o)
{
    return events_now(o->sim->events);
}

static size_t peer_index(const struct orchestrator *o, size_t other)
{
    return other < o->index ? other : other - 1;
}

static size_t peer_at(const struct orchestrator *o, size_t index)
{
    return index < o->index ? index : index + 1;
}

static size_t orchestrator_at(const struct sim *sim, size_t host)
{
    size_t i = 0;
    while (sim->orchestrators[i].host != host) {
        i++;
    }
    return i;
}

/* ---- Effects ------------------------------------------------------------------------------- */

static struct net_link *control_of(const struct orchestrator *o, const char *id)
{
    for (size_t i = 0; i < ARRAY_LEN(o->controls); i++) {
        if (o->controls[i].link != NULL && strcmp(o->controls[i].id, id) == 0) {
            return o->controls[i].link;
        }
    }
    return NULL;
}

static void node_send(struct orchestrator *o, const struct effect *effect)
{
    struct net_link *link = control_of(o, effect->name);
    traffic_to_node(o->sim, (struct bytes){effect->data, effect->len});
    int err =
        link == NULL ? ERR_NOT_FOUND : net_send(link, 1, (struct bytes){effect->data, effect->len});
    if (err == 0 && effect->text != NULL) {
        check_spec(o->sim, o, (struct bytes){effect->data, effect->len});
    }
    if (err != 0 && effect->text != NULL) {
        orch_node_unsent(o->orch, now(o), effect->name, effect->text);
    }
}

static void peer_send(struct orchestrator *o, const struct effect *effect)
{
    size_t to = peer_at(o, effect->id);
    traffic_to_peer(o->sim, (struct bytes){effect->data, effect->len});
    int err = net_send(o->peers[to], 0, (struct bytes){effect->data, effect->len});
    if (err == ERR_FULL && effect->status == 0 && !o->peer_broken[to]) {
        o->peer_broken[to] = true;
        cluster_peer_link(o->cluster, now(o), effect->id, false);
    }
}

static void reply(struct orchestrator *o, const struct effect *effect)
{
    free(o->last_reply);
    o->last_reply = mem_str((const char *)effect->data);
    o->last_status = effect->status;
}

static void carry_out(struct orchestrator *o, const struct effect *effect)
{
    switch (effect->type) {
    case EFFECT_REFUSE:
    case EFFECT_SEND:
    case EFFECT_CLOSE:
        conns_effect(o, effect);
        break;
    case EFFECT_NODE_SEND:
        node_send(o, effect);
        break;
    case EFFECT_FRONT_OPEN:
    case EFFECT_FRONT_CLOSE:
    case EFFECT_FRONT_ROUTE:
    case EFFECT_CHANNEL_SEND:
        transports_effect(o, effect);
        break;
    case EFFECT_REPLY:
        reply(o, effect);
        break;
    case EFFECT_STORE_ROOM:
    case EFFECT_STORE_CLAIM:
    case EFFECT_STORE_ROOM_GONE:
    case EFFECT_STORE_NODE:
    case EFFECT_STORE_PLACE:
        rows_effect(o, effect);
        break;
    case EFFECT_PEER_SEND:
        peer_send(o, effect);
        break;
    default: /* webhooks, nodes' rows: nobody listens */
        break;
    }
}

/* ---- Time ---------------------------------------------------------------------------------- */

static void on_wake(void *arg, uint64_t at_us, struct bytes data)
{
    struct orchestrator *o = arg;
    (void)data;
    if ((int64_t)at_us != o->wake_us) {
        return; /* an earlier one was set since */
    }
    o->wake_us = TIME_NEVER;
    for (size_t i = 0; i < SIM_ORCHESTRATORS_MAX; i++) {
        if (o->peer_broken[i]) {
            o->peer_broken[i] = false;
            net_redial(o->peers[i]);
        }
    }
    if (cluster_deadline(o->cluster) <= now(o)) {
        cluster_expire(o->cluster, now(o));
    }
    orchestrator_drain(o);
}

static void arm(struct orchestrator *o)
{
    int64_t at_us = MAX(cluster_deadline(o->cluster), now(o));
    for (size_t i = 0; i < SIM_ORCHESTRATORS_MAX; i++) {
        at_us = o->peer_broken[i] ? now(o) : at_us;
    }
    if (at_us < o->wake_us) {
        o->wake_us = at_us;
        net_timer(o->sim->net, o->host, at_us, on_wake, o, (uint64_t)at_us);
    }
}

static void on_stop(void *arg, uint64_t at_us, struct bytes data);

static void stop_at(struct orchestrator *o, int64_t at_us)
{
    if (at_us < o->stop_us) {
        o->stop_us = at_us;
        net_timer(o->sim->net, o->host, at_us, on_stop, o, (uint64_t)at_us);
    }
}

void orchestrator_drain(struct orchestrator *o)
{
    struct effect effect;
    while (cluster_poll(o->cluster, &effect)) {
        carry_out(o, &effect);
        effect_fini(&effect);
    }
    if (o->hands_over && cluster_handed_over(o->cluster)) {
        stop_at(o, now(o));
    } else if (o->stop_us != TIME_NEVER && !o->hands_over && !conns_in(o) &&
               cluster_left(o->cluster)) {
        stop_at(o, now(o) + LAST_WORDS_US);
    }
    arm(o);
}

/* ---- Nodes --------------------------------------------------------------------------------- */

static void on_control_up(void *arg, struct net_link *link)
{
    struct orchestrator *o = arg;
    struct sim *sim = o->sim;
    size_t i = 0;
    while (o->controls[i].link != NULL) {
        i++;
        assert(i < ARRAY_LEN(o->controls));
    }
    o->controls[i].link = link;
    for (size_t n = 0; n < sim->config.nodes; n++) {
        if (sim->nodes[n].host == net_link_host(link, 0)) {
            snprintf(o->controls[i].id, ID_MAX, "%s", sim->nodes[n].id);
        }
    }
}

static const char *control_id(const struct orchestrator *o, const struct net_link *link)
{
    size_t i = 0;
    while (o->controls[i].link != link) {
        i++;
        assert(i < ARRAY_LEN(o->controls));
    }
    return o->controls[i].id;
}

static void on_control_message(void *arg, struct net_link *link, struct bytes message)
{
    struct orchestrator *o = arg;
    orch_node_message(o->orch, now(o), control_id(o, link), message);
    orchestrator_drain(o);
}

static void on_control_down(void *arg, struct net_link *link)
{
    struct orchestrator *o = arg;
    char id[ID_MAX];
    snprintf(id, sizeof(id), "%s", control_id(o, link));
    for (size_t i = 0; i < ARRAY_LEN(o->controls); i++) {
        if (o->controls[i].link == link) {
            o->controls[i].link = NULL;
        }
    }
    orch_node_link_lost(o->orch, now(o), id);
    orchestrator_drain(o);
}

struct net_end orchestrator_control_end(struct orchestrator *o)
{
    return (struct net_end){
        .up = on_control_up, .message = on_control_message, .down = on_control_down, .arg = o};
}

/* ---- Other orchestrators ------------------------------------------------------------------- */

static void on_router_up(void *arg, struct net_link *link)
{
    (void)arg;
    (void)link; /* its first message tells */
}

static void on_router_message(void *arg, struct net_link *link, struct bytes message)
{
    struct orchestrator *o = arg;
    size_t from = orchestrator_at(o->sim, net_link_host(link, 0));
    cluster_peer_message(o->cluster, now(o), peer_index(o, from), message);
    orchestrator_drain(o);
}

static void on_router_down(void *arg, struct net_link *link)
{
    struct orchestrator *o = arg;
    size_t from = orchestrator_at(o->sim, net_link_host(link, 0));
    cluster_peer_lost(o->cluster, now(o), peer_index(o, from));
    orchestrator_drain(o);
}

struct net_end orchestrator_peer_end(struct orchestrator *o)
{
    return (struct net_end){
        .up = on_router_up, .message = on_router_message, .down = on_router_down, .arg = o};
}

static void dealer(struct orchestrator *o, const struct net_link *link, bool up)
{
    size_t to = orchestrator_at(o->sim, net_link_host(link, 1));
    cluster_peer_link(o->cluster, now(o), peer_index(o, to), up);
    orchestrator_drain(o);
}

static void on_dealer_up(void *arg, struct net_link *link)
{
    dealer(arg, link, true);
}

static void on_dealer_down(void *arg, struct net_link *link)
{
    dealer(arg, link, false);
}

static void on_dealer_message(void *arg, struct net_link *link, struct bytes message)
{
    (void)arg;
    (void)link;
    (void)message; /* peers write to our ROUTER */
}

static void dial_peers(struct orchestrator *o)
{
    for (size_t i = 0; i < o->sim->config.orchestrators; i++) {
        struct orchestrator *peer = &o->sim->orchestrators[i];
        if (peer == o) {
            continue;
        }
        o->peers[i] = net_dial(o->sim->net, &(struct net_link_config){
                                                .hosts = {o->host, peer->host},
                                                .ends = {{.up = on_dealer_up,
                                                          .message = on_dealer_message,
                                                          .down = on_dealer_down,
                                                          .arg = o},
                                                         orchestrator_peer_end(peer)},
                                                .queue_max = SIM_PEER_QUEUE,
                                                .break_us = BUS_BREAK_US,
                                                .redial = true,
                                            });
    }
}

/* ---- Life ---------------------------------------------------------------------------------- */

static struct orch *new_orch(struct orchestrator *o)
{
    static const uint8_t secret[32] = {7};
    return orch_new(
        &(struct orch_config){
            .id = o->id,
            .region = o->region,
            .zone = "",
            .keys = {&o->key, 1},
            .demo_api_key = "",
            .random = prng_source(&o->prng),
            .empty_timeout_s = 30,
            .departure_timeout_s = 2,
            .fill_permille = 800,
            .join_permille = 950,
            .room_weight = o->sim->config.brim ? 4 : 16,
            .cluster_secret = {secret, sizeof(secret)},
            .seals = true,
            .log = &o->log.sink,
        },
        now(o), SIM_WALL_US + now(o) - SIM_START_US);
}

void orchestrator_init(struct orchestrator *o, struct sim *sim, size_t index)
{
    *o = (struct orchestrator){.sim = sim, .index = index, .key = {"key", "secret"}};
    size_t region = index % sim->config.regions;
    o->host = net_add(sim->net, region, false);
    sim_region_name(o->region, region);
    snprintf(o->name, sizeof(o->name), "OR_%zu", index + 1);
    prng_seed(&o->prng, sim->config.seed * 1000 + 100 + index);
    timeline_log(&o->log, sim->timeline, o->name);
}

void orchestrator_start(struct orchestrator *o)
{
    o->alive = true;
    o->life++;
    o->wake_us = o->stop_us = TIME_NEVER;
    o->hands_over = false;
    struct random_source random = prng_source(&o->prng);
    id_new(o->id, "OR_", &random);
    o->number = prng_below(&o->prng, (1u << (64 - EFFECT_FRONT_SHIFT)) - 1) + 1;
    o->last_id = o->number << EFFECT_FRONT_SHIFT;
    snprintf(o->fingerprint, sizeof(o->fingerprint), "sha-256 AA:%05X", (unsigned)o->number);
    o->orch = new_orch(o);
    o->cluster =
        cluster_new(&(struct cluster_config){.name = o->name,
                                             .front = {.orchestrator = o->id,
                                                       .fingerprint = o->fingerprint,
                                                       .region = o->region,
                                                       .number = o->number},
                                             .keys = {&o->key, 1},
                                             .peer_count = o->sim->config.orchestrators - 1,
                                             .log = &o->log.sink,
                                             .random = random},
                    o->orch, now(o), SIM_WALL_US + now(o) - SIM_START_US);
    timeline_tell(o->sim->timeline, o->name, "starts in %s", o->region);
    net_start(o->sim->net, o->host);
    dial_peers(o);
    rows_open(o);
    orchestrator_drain(o);
}

static void forget(struct orchestrator *o)
{
    cluster_free(o->cluster);
    o->cluster = NULL;
    conns_forget(o);
    transports_forget(o);
    rows_forget(o);
    memset(o->controls, 0, sizeof(o->controls));
    memset(o->peer_broken, 0, sizeof(o->peer_broken));
}

static void end(struct orchestrator *o)
{
    o->alive = false;
    net_crash(o->sim->net, o->host);
    forget(o);
}

void orchestrator_crash(struct orchestrator *o)
{
    timeline_tell(o->sim->timeline, o->name, "crashes");
    end(o);
}

static void stopped(struct orchestrator *o)
{
    timeline_tell(o->sim->timeline, o->name, "has stopped");
    check_stopped(o->sim, o);
    end(o);
}

static void on_stop(void *arg, uint64_t at_us, struct bytes data)
{
    struct orchestrator *o = arg;
    (void)data;
    if ((int64_t)at_us != o->stop_us) {
        return; /* it is to be sooner */
    }
    if (!o->hands_over && cluster_hand_over(o->cluster, now(o))) {
        o->hands_over = true;
        o->stop_us = TIME_NEVER;
        stop_at(o, now(o) + CLUSTER_HAND_OVER_US);
        orchestrator_drain(o);
    } else {
        stopped(o);
    }
}

void orchestrator_stop(struct orchestrator *o)
{
    timeline_tell(o->sim->timeline, o->name, "is told to stop");
    if (cluster_leave(o->cluster, now(o))) {
        stop_at(o, now(o) + SIM_GRACE_US);
        orchestrator_drain(o);
    } else {
        stopped(o);
    }
}

void orchestrator_fini(struct orchestrator *o)
{
    if (o->alive) {
        forget(o);
    }
    free(o->last_reply);
}

void orchestrator_admin(struct orchestrator *o, const char *verb, const char *path,
                        const char *json)
{
    char authorization[2048];
    struct token token = {.identity = "",
                          .has_video = true,
                          .video = {.room_create = strcmp(verb, "POST") == 0,
                                    .room_list = strcmp(verb, "POST") != 0}};
    char *text = token_sign(&token, &o->key, SIM_WALL_US / 1000000, 36000);
    assert(text != NULL);
    snprintf(authorization, sizeof(authorization), "Bearer %s", text);
    o->last_status = 0;
    cluster_admin(o->cluster, now(o), ++o->last_id,
                  &(struct orch_admin_request){.verb = verb,
                                               .path = path,
                                               .authorization = authorization,
                                               .body = {(const uint8_t *)json, strlen(json)}});
    free(text);
    orchestrator_drain(o);
}
