/* SPDX-License-Identifier: Apache-2.0
 *
 * Happy path: a callback of some shell feeds the core; server_drain() turns the core's effects into
 * calls of shells, and the front's outputs into inputs of the core, until both are silent.
 *
 * Failure modes: a port that is taken or a key that cannot be read stops the start. Redis away: the
 * store drops hints and is refilled later. A node's queue full: the core's spec is lost, and sent
 * whole after the node's next heartbeat. A peer's queue full: its link is made anew. A client that
 * does not read: its WebSocket or its transport is closed.
 */
#include "common/base/openssl.h" /* before base.h */

#include "orchestrator/shell/server/internal.h"

#include "proto/protojson/protojson.h"

#include <openssl/evp.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>

#define WEBHOOK_TOKEN_TTL_S 300
#define WEBHOOK_FLUSH_US    TIME_S(2)
#define LATE_US             TIME_MS(50)  /* of our loop: worth a doubt */
#define READ_US             TIME_MS(20)  /* for what waits in queues then */
#define LAST_WORDS_US       TIME_MS(200) /* for queues to empty, and for seals to get to nodes */

int64_t server_now(void)
{
    return (int64_t)(uv_hrtime() / 1000);
}

int64_t server_wall_us(void)
{
    uv_timeval64_t now;
    if (uv_gettimeofday(&now) != 0) {
        unreachable();
    }
    return now.tv_sec * 1000000 + now.tv_usec;
}

static void random_fill(void *arg, void *out, size_t len)
{
    (void)arg;
    if (RAND_bytes(out, (int)len) != 1) { /* no secrets without randomness */
        abort();
    }
}

/* Of connections, requests and transports, see effect.h. Never 0. */
static uint64_t new_number(void)
{
    uint64_t random;
    random_fill(NULL, &random, sizeof(random));
    return random % ((1u << (64 - EFFECT_FRONT_SHIFT)) - 1) + 1;
}

static void on_log(void *arg, enum log_level level, const char *text)
{
    struct server *server = arg;
    journal_log(server->journal, server_wall_us(), level, text);
    log_write(server->out, level, "%s", text);
}

/* ---- Effects ------------------------------------------------------------------------------- */

static void on_claimed(void *arg, const char *room, int err, const char *owner, uint64_t epoch)
{
    struct server *server = arg;
    cluster_claimed(server->cluster, server_now(), room, err, owner, epoch);
    if (!server->draining) {
        server_drain(server);
    }
}

static void store_claim_effect(struct server *server, const struct effect *effect)
{
    store_claim(server->store,
                &(struct store_claim){.room = effect->name,
                                      .epoch_min = effect->epoch,
                                      .look = effect->status != 0,
                                      .over = effect->text},
                on_claimed, server);
}

static void on_size(void *arg, const char *room, uint32_t people)
{
    struct server *server = arg;
    orch_sized(server->orch, server_now(), room, people);
    if (!server->draining) {
        server_drain(server);
    }
}

struct placing {
    struct server *server;
    char *room, *request; /* owned */
};

static void on_placed(void *arg, int err, const struct store_placed *placed)
{
    struct placing *placing = arg;
    struct server *server = placing->server;
    struct cluster_placed answer = {.room = placing->room,
                                    .request = placing->request,
                                    .answer = ORCH_PLACE_FAILED,
                                    .node = "",
                                    .owner = ""};
    if (err == 0 && placed->status == STORE_STALE) {
        answer.owner = placed->owner;
        answer.epoch = placed->epoch;
    } else if (err == 0 && placed->status != STORE_UNKNOWN) {
        answer.answer = placed->status == STORE_FULL ? ORCH_PLACE_FULL : ORCH_PLACE_NODE;
        answer.node = placed->node;
    }
    cluster_placed(server->cluster, server_now(), &answer);
    free(placing->room);
    free(placing->request);
    free(placing);
    if (!server->draining) {
        server_drain(server);
    }
}

static void store_place_effect(struct server *server, const struct effect *effect)
{
    const char *nodes[STORE_CANDIDATES_MAX];
    size_t count = 0;
    for (size_t at = 0; at < effect->len && count < STORE_CANDIDATES_MAX; count++) {
        nodes[count] = (const char *)effect->data + at;
        at += strlen(nodes[count]) + 1;
    }
    struct placing *placing = mem_alloc(sizeof(*placing));
    placing->server = server;
    placing->room = mem_str(effect->name);
    placing->request = mem_str(effect->text);
    store_place(server->store,
                &(struct store_place){.room = effect->name,
                                      .epoch = effect->epoch,
                                      .request = effect->text,
                                      .weight = effect->weight,
                                      .permille = (uint32_t)effect->status,
                                      .hold_ms = STORE_HOLD_MS,
                                      .nodes = nodes,
                                      .node_count = count},
                on_placed, placing);
}

static void store_room_effect(struct server *server, const struct effect *effect)
{
    store_room(
        server->store,
        &(struct store_room){.name = effect->name, .node = effect->text, .epoch = effect->epoch});
}

/* tidy: long, a flat switch with one line per effect */
static void carry_out(struct server *server, const struct effect *effect)
{
    switch (effect->type) {
    case EFFECT_ACCEPT: /* what is not refused is accepted */
        break;
    case EFFECT_REFUSE:
        clients_refuse(server, effect);
        break;
    case EFFECT_SEND:
        clients_send(server, effect);
        break;
    case EFFECT_CLOSE:
        clients_close(server, effect);
        break;
    case EFFECT_NODE_SEND:
        nodes_send(server, effect);
        break;
    case EFFECT_FRONT_OPEN:
        transports_open(server, effect);
        break;
    case EFFECT_FRONT_CLOSE:
        transports_close(server, effect);
        break;
    case EFFECT_FRONT_ROUTE:
        transports_route(server, effect);
        break;
    case EFFECT_CHANNEL_SEND:
        transports_send(server, effect);
        break;
    case EFFECT_REPLY:
        clients_reply(server, effect);
        break;
    case EFFECT_RPC: /* the core turns these into REPLY */
    case EFFECT_MEDIA:
    case EFFECT_RECOVERED:
    case EFFECT_OUTLIVED:
    case EFFECT_PLACED:
    case EFFECT_ORPHAN:
    case EFFECT_JOINED:
    case EFFECT_CONN_ADOPT:
    case EFFECT_FRONT_ADOPT:
    case EFFECT_RESERVATION:
        unreachable();
    case EFFECT_WEBHOOK:
        webhooks_send(server->webhooks, effect->name, (struct bytes){effect->data, effect->len});
        break;
    case EFFECT_STORE_NODE:
        store_node(server->store, effect->name, (const char *)effect->data);
        break;
    case EFFECT_STORE_NODE_GONE:
        store_node_gone(server->store, effect->name);
        break;
    case EFFECT_STORE_ROOM:
        store_room_effect(server, effect);
        break;
    case EFFECT_STORE_CLAIM:
        store_claim_effect(server, effect);
        break;
    case EFFECT_STORE_SIZE:
        store_size(server->store, effect->name, effect->weight);
        break;
    case EFFECT_STORE_SIZE_GET:
        store_size_get(server->store, effect->name, on_size, server);
        break;
    case EFFECT_STORE_PLACE:
        store_place_effect(server, effect);
        break;
    case EFFECT_STORE_RESERVATION:
        store_reservation(server->store,
                          &(struct store_reservation){.id = effect->name,
                                                      .text = (const char *)effect->data,
                                                      .left_s = (int64_t)effect->epoch});
        break;
    case EFFECT_PEER_SEND:
        peers_send(server, effect);
        break;
    case EFFECT_STORE_ROOM_GONE:
        store_room_gone(server->store, effect->name, effect->epoch);
        break;
    }
}

/* We stood still: what came meanwhile is read before anybody is judged by what did not come. libuv
 * has timers before all else, and ZeroMQ's own thread has to wake up first. */
static bool reads_first(struct server *server, int64_t now_us)
{
    int64_t due_us = cluster_deadline(server->cluster);
    if (now_us - due_us > LATE_US && due_us > server->read_by_us) {
        server->read_by_us = now_us + READ_US;
    }
    return now_us < server->read_by_us;
}

static void on_timer(uv_timer_t *timer)
{
    struct server *server = timer->data;
    peers_reconnect(server); /* it may tell the core of a link, at a time of its own: before ours */
    int64_t now_us = server_now();
    front_expire(server->front, now_us);
    if (now_us >= cluster_deadline(server->cluster) && !reads_first(server, now_us)) {
        cluster_expire(server->cluster, now_us);
    }
    whip_expire(server->whip, now_us);
    server_drain(server);
}

static void arm_timer(struct server *server)
{
    int64_t at = MAX(cluster_deadline(server->cluster), server->read_by_us);
    at = MIN(at, front_deadline(server->front));
    at = MIN(at, whip_deadline(server->whip));
    at = MIN(at, server->stop_us);
    at = peers_broken(server) ? 0 : at;
    if (at == TIME_NEVER) {
        uv_timer_stop(&server->timer);
        return;
    }
    int64_t wait_us = MAX(at - server_now(), 0);
    uv_timer_start(&server->timer, on_timer, (uint64_t)(wait_us + 999) / 1000, 0);
}

static void stop(struct server *server)
{
    log_write(server->log, LOG_INFO, "stopping websockets=%u", HASH_COUNT(server->conns));
    server->stop_us = TIME_NEVER;
    uv_stop(&server->loop);
}

/* Whether it begins to, which has effects. */
static bool hands_over(struct server *server, int64_t now_us)
{
    if (server->hands_over || !cluster_hand_over(server->cluster, now_us)) {
        return false;
    }
    log_write(server->log, LOG_INFO, "handing_over");
    server->hands_over = true;
    server->stop_us = now_us + CLUSTER_HAND_OVER_US;
    return true;
}

/* Once everybody has gone elsewhere, a moment more; then its rooms go to others. */
static void look_whether_left(struct server *server)
{
    if (server->stop_us == TIME_NEVER) {
        return;
    }
    int64_t now_us = server_now();
    if (server->hands_over) {
        if (cluster_handed_over(server->cluster) || server->stop_us <= now_us) {
            stop(server);
        }
    } else if (server->stop_us <= now_us) {
        if (hands_over(server, now_us)) {
            server_drain(server);
        } else {
            stop(server);
        }
    } else if (server->conns == NULL && server->requests == NULL && cluster_left(server->cluster)) {
        server->stop_us = MIN(server->stop_us, now_us + LAST_WORDS_US);
    }
}

void server_drain(struct server *server)
{
    struct effect effect;
    server->draining = true;
    do {
        while (cluster_poll(server->cluster, &effect)) {
            carry_out(server, &effect);
            effect_fini(&effect);
        }
    } while (transports_poll(server) || plain_poll(server));
    server->draining = false;
    look_whether_left(server);
    uv_update_time(&server->loop);
    arm_timer(server);
}

/* ---- Start and stop ------------------------------------------------------------------------ */

static int sign_webhook(void *arg, struct bytes body, char out[WEBHOOKS_TOKEN_MAX])
{
    struct server *server = arg;
    uint8_t digest[32];
    char digest_text[PROTOJSON_ENCODED_LEN(sizeof(digest)) + 1];
    if (EVP_Digest(body.data, body.len, digest, NULL, EVP_sha256(), NULL) != 1) {
        return ERR_CRYPTO;
    }
    protojson_base64_encode((struct bytes){digest, sizeof(digest)}, digest_text);
    struct token_keys keys = {server->keys, server->settings->keys.count};
    const struct token_key *key = token_keys_find(&keys, server->settings->webhooks.api_key);
    struct token token = {.sha256 = digest_text};
    char *text = token_sign(&token, key, server_wall_us() / 1000000, WEBHOOK_TOKEN_TTL_S);
    if (text == NULL) {
        return ERR_TOO_BIG;
    }
    int written = snprintf(out, WEBHOOKS_TOKEN_MAX, "%s", text);
    free(text);
    return written < WEBHOOKS_TOKEN_MAX ? 0 : ERR_TOO_BIG;
}

/* The first has its clients go elsewhere, if there is somewhere to go; the next ends it. */
static void on_signal(uv_signal_t *handle, int signum)
{
    struct server *server = handle->data;
    int64_t now_us = server_now(), grace_us = server->settings->drain_grace_us;
    log_write(server->log, LOG_INFO, "signal number=%d", signum);
    if (++server->signals > 2) {
        exit(1);
    }
    if (server->signals == 1 && grace_us > 0 && cluster_leave(server->cluster, now_us)) {
        log_write(server->log, LOG_INFO, "leaving websockets=%u grace_s=%lld",
                  HASH_COUNT(server->conns), (long long)(grace_us / TIME_S(1)));
        server->stop_us = now_us + grace_us;
        server_drain(server);
        return;
    }
    if (server->signals == 1 && hands_over(server, now_us)) { /* without a grace */
        server_drain(server);
        return;
    }
    stop(server);
}

static void on_reservation(void *arg, const char *text)
{
    struct server *server = arg;
    struct bytes bytes = {(const uint8_t *)text, strlen(text)};
    (void)orch_reservation_heard(server->orch, server_now(), bytes, true); /* a hint, or none */
    if (!server->draining) {
        server_drain(server);
    }
}

static void on_store_up(void *arg)
{
    struct server *server = arg;
    store_reservations_get(server->store, on_reservation, server); /* before ours are written */
    cluster_store_up(server->cluster, server_now());
    server_drain(server);
}

/* May be told while a command is being sent. */
static void on_store_down(void *arg)
{
    struct server *server = arg;
    cluster_store_down(server->cluster, server_now());
}

static void on_store_lost(void *arg, const char *room)
{
    struct server *server = arg;
    cluster_lost(server->cluster, server_now(), room);
    server_drain(server);
}

static void open_store(struct server *server)
{
    const struct settings_redis *redis = &server->settings->redis;
    struct store_sentinels sentinels = {.master = redis->master,
                                        .password = redis->sentinel_password};
    for (size_t i = 0; i < redis->sentinels.count; i++) {
        struct store_host *host = &sentinels.hosts[sentinels.count++];
        if (settings_host_port(redis->sentinels.items[i], host->name, sizeof(host->name),
                               &host->port) != 0) {
            unreachable(); /* was checked */
        }
    }
    server->store = store_new(&(struct store_config){
        .loop = &server->loop,
        .redis_host = redis->host[0] == '\0' ? NULL : redis->host,
        .redis_port = (uint16_t)redis->port,
        .redis_username = redis->username,
        .redis_password = redis->password,
        .sentinels = sentinels,
        .owner = server->id,
        .log = server->log,
        .on_up = on_store_up,
        .on_down = on_store_down,
        .on_lost = on_store_lost,
        .arg = server,
    });
}

static int open_webhooks(struct server *server)
{
    uint64_t seed;
    random_fill(NULL, &seed, sizeof(seed));
    const struct config_strings *urls = &server->settings->webhooks.urls;
    return webhooks_new(&server->webhooks, &(struct webhooks_config){
                                               .loop = &server->loop,
                                               .log = server->log,
                                               .urls = (const char *const *)urls->items,
                                               .url_count = urls->count,
                                               .sign = sign_webhook,
                                               .arg = server,
                                               .seed = seed,
                                           });
}

static int open_front(struct server *server)
{
    int err = front_new(&server->front, &(struct front_config){.log = server->log});
    if (err == 0) {
        snprintf(server->fingerprint, sizeof(server->fingerprint), "sha-256 %s",
                 front_fingerprint(server->front));
    }
    return err;
}

static struct balance_config balance_of(const struct settings_rebalance *settings)
{
    return (struct balance_config){
        .hot_permille = settings->enabled ? (uint32_t)settings->hot_percent * 10 : 0,
        .cool_permille = (uint32_t)settings->cool_percent * 10,
    };
}

static struct turn_config turn_of(const struct settings_turn *settings)
{
    return (struct turn_config){
        .urls = (const char *const *)settings->urls.items,
        .url_count = settings->urls.count,
        .secret = settings->secret,
        .lifetime_s = settings->credential_lifetime_us / TIME_S(1),
    };
}

static void show_settings(struct server *server)
{
    const struct settings *settings = server->settings;
    server->shown = mem_array(MAX(settings->shown_count, 1), sizeof(*server->shown));
    for (size_t i = 0; i < settings->shown_count; i++) {
        const struct settings_shown *one = &settings->shown[i];
        server->shown[i] = (struct orch_setting){one->name, one->value, one->origin};
    }
}

/* Nodes do not get fuller than placement fills them. */
static struct scaling_config scaling_of(const struct settings_autoscaling *settings,
                                        const struct settings_placement *placement)
{
    int64_t percent = MIN(settings->target_percent, placement->fill_percent);
    return (struct scaling_config){
        .target_permille = (uint32_t)percent * 10,
        .node_start_us = settings->node_start_us,
        .scale_in_after_us = settings->scale_in_after_us,
        .survive_region_loss = settings->survive_region_loss,
        .nodes_min = (uint32_t)settings->nodes_min,
        .nodes_max = (uint32_t)settings->nodes_max,
    };
}

static struct timetable timetable_of(struct server *server, const struct config_list *list)
{
    const struct settings_timetable *items = list->items;
    for (size_t i = 0; i < list->count; i++) {
        const char *why;
        if (settings_timetable_entry(&items[i], &server->timetable[i], &why) != 0) {
            unreachable(); /* was checked */
        }
    }
    return (struct timetable){server->timetable, list->count};
}

static void open_core(struct server *server)
{
    const struct settings *settings = server->settings;
    show_settings(server);
    server->keys = mem_array(settings->keys.count, sizeof(*server->keys));
    for (size_t i = 0; i < settings->keys.count; i++) {
        server->keys[i] =
            (struct token_key){settings->keys.items[i].key, settings->keys.items[i].value};
    }
    const struct config_list *list = &settings->region_distances;
    const struct settings_distance *items = list->items;
    struct orch_distance *distances = mem_array(MAX(list->count, 1), sizeof(*distances));
    for (size_t i = 0; i < list->count; i++) {
        distances[i] = (struct orch_distance){items[i].from, items[i].to, (uint32_t)items[i].ms};
    }
    struct bytes secret = {(const uint8_t *)settings->cluster_secret,
                           strlen(settings->cluster_secret)};
    if (secret.len == 0) {
        server->random.fill(server->random.arg, server->cluster_secret,
                            sizeof(server->cluster_secret));
        secret = (struct bytes){server->cluster_secret, sizeof(server->cluster_secret)};
    }
    server->turn = turn_of(&settings->turn);
    server->scaling = scaling_of(&settings->autoscaling, &settings->placement);
    server->orch = orch_new(
        &(struct orch_config){
            .id = server->id,
            .region = settings->region,
            .zone = settings->zone,
            .keys = {server->keys, settings->keys.count},
            .demo_api_key = settings->pages.demo_api_key,
            .random = server->random,
            .log = server->log,
            .tracer = traces_tracer(server),
            .empty_timeout_s = (uint32_t)(settings->rooms.empty_timeout_us / 1000000),
            .departure_timeout_s = (uint32_t)(settings->rooms.departure_timeout_us / 1000000),
            .fill_permille = (uint32_t)settings->placement.fill_percent * 10,
            .join_permille = (uint32_t)settings->placement.join_percent * 10,
            .room_weight = (uint32_t)settings->placement.room_weight,
            .node_joins_per_s = (uint32_t)settings->placement.node_joins_per_s,
            .room_joins_per_s = (uint32_t)settings->placement.room_joins_per_s,
            .balance = balance_of(&settings->rebalance),
            .distances = distances,
            .distance_count = list->count,
            .cluster_secret = secret,
            .loudest = (uint32_t)settings->rooms.loudest,
            .turn = &server->turn,
            .journal = server->journal,
            .settings = server->shown,
            .setting_count = settings->shown_count,
            .scaling = &server->scaling,
            .timetable = timetable_of(server, &settings->autoscaling.timetable),
            .seals = true,
        },
        server_now(), server_wall_us());
    free(distances);
    server->cluster =
        cluster_new(&(struct cluster_config){.name = settings->name,
                                             .front = {.orchestrator = server->id,
                                                       .fingerprint = server->fingerprint,
                                                       .region = settings->region,
                                                       .number = server->number},
                                             .keys = {server->keys, settings->keys.count},
                                             .peer_count = server->peer_count,
                                             .random = server->random,
                                             .log = server->log,
                                             .tracer = traces_tracer(server),
                                             .journal = server->journal},
                    server->orch, server_now(), server_wall_us());
}

static void open_loop(struct server *server)
{
    if (uv_loop_init(&server->loop) != 0) {
        abort(); /* no file descriptors at the start of a process */
    }
    uv_timer_init(&server->loop, &server->timer);
    uv_signal_init(&server->loop, &server->sigterm);
    uv_signal_init(&server->loop, &server->sigint);
    server->timer.data = server->sigterm.data = server->sigint.data = server;
    uv_signal_start(&server->sigterm, on_signal, SIGTERM);
    uv_signal_start(&server->sigint, on_signal, SIGINT);
}

int server_new(struct server **out, const struct settings *settings, const struct log_sink *log)
{
    struct server *server = mem_alloc(sizeof(*server));
    server->settings = settings;
    server->out = log;
    server->sink = (struct log_sink){
        .write = on_log, .arg = server, .level_min = MIN(log->level_min, LOG_INFO)};
    server->log = &server->sink;
    server->stop_us = TIME_NEVER;
    server->random = (struct random_source){random_fill, NULL};
    id_new(server->id, "OR_", &server->random);
    server->number = new_number();
    server->last_id = server->number << EFFECT_FRONT_SHIFT;
    server->journal = journal_new(server->id, settings->name);
    open_loop(server);
    int err = open_front(server);
    err = err == 0 ? peers_read(server) : err;
    err = err == 0 ? traces_open(server) : err;
    if (err == 0) {
        open_core(server);
        plain_open(server, server_wall_us());
        open_store(server);
    }
    err = err == 0 ? open_webhooks(server) : err;
    err = err == 0 ? nodes_open(server) : err;
    err = err == 0 ? peers_open(server) : err;
    err = err == 0 ? clients_open(server) : err;
    if (err != 0) {
        server_free(server);
        return err;
    }
    log_write(server->log, LOG_INFO, "serving id=%s port=%d control=%s tunnel=%s", server->id,
              http_port(orch_http_server(server->http)), bus_endpoint(server->control),
              bus_endpoint(server->tunnel));
    arm_timer(server);
    *out = server;
    return 0;
}

void server_run(struct server *server)
{
    uv_run(&server->loop, UV_RUN_DEFAULT);
}

static void free_tables(struct server *server)
{
    struct server_conn *conn, *next_conn;
    HASH_ITER(hh, server->conns, conn, next_conn)
    {
        HASH_DEL(server->conns, conn);
        free(conn);
    }
    struct server_request *request, *next_request;
    HASH_ITER(hh, server->requests, request, next_request)
    {
        HASH_DEL(server->requests, request);
        http_call_answer(request->call, &(struct http_answer){.status = 503});
        free(request);
    }
    struct server_route *route, *next_route;
    HASH_ITER(hh, server->routes, route, next_route)
    {
        HASH_DEL(server->routes, route);
        free(route);
    }
}

/* Whatever was opened, in reverse order; also after a start that failed half-way. */
void server_free(struct server *server)
{
    if (server->http != NULL) {
        orch_http_close(server->http);
    }
    free_tables(server);
    if (server->bus != NULL) {
        bus_free(server->bus);
    }
    traces_close(server);
    if (server->webhooks != NULL) {
        webhooks_close_take(server->webhooks, WEBHOOK_FLUSH_US, NULL, NULL);
    }
    if (server->store != NULL) {
        store_free(server->store);
    }
    uv_close((uv_handle_t *)&server->timer, NULL);
    uv_close((uv_handle_t *)&server->sigterm, NULL);
    uv_close((uv_handle_t *)&server->sigint, NULL);
    uv_run(&server->loop, UV_RUN_DEFAULT);
    if (server->whip != NULL) {
        whip_free(server->whip);
    }
    if (server->cluster != NULL) {
        cluster_free(server->cluster);
    }
    if (server->front != NULL) {
        front_free(server->front);
    }
    free(server->keys);
    free(server->shown);
    arena_fini(&server->scrape);
    uv_loop_close(&server->loop);
    journal_free(server->journal);
    free(server);
}
