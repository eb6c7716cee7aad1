/* SPDX-License-Identifier: Apache-2.0 */
#include "orchestrator/core/orch/private.h"
#include "orchestrator/core/seal/seal.h"

#include <stdio.h>
#include <stdlib.h>

struct orch *orch_new(const struct orch_config *config, int64_t now_us, int64_t wall_us)
{
    struct orch *orch = mem_alloc(sizeof(*orch));
    orch->config = *config;
    orch->now_us = now_us;
    orch->short_us = TIME_NEVER;
    orch->wall_offset_us = wall_us - now_us;
    orch->settled_us = now_us + ORCH_SETTLE_US;
    orch->room_config = (struct room_config){
        .random = config->random,
        .log = config->log,
        .keys = &orch->config.keys,
        .empty_timeout_s = config->empty_timeout_s,
        .departure_timeout_s = config->departure_timeout_s,
        .wall_offset_us = orch->wall_offset_us,
        .cluster_secret = config->cluster_secret,
        .seal = config->seals ? seal_new(config->cluster_secret, &config->random) : NULL,
        .loudest = config->loudest,
        .turn = config->turn,
        .tracer = config->tracer,
    };
    uint64_t seed;
    config->random.fill(config->random.arg, &seed, sizeof(seed));
    prng_seed(&orch->prng, seed);
    orch_place_init(orch);
    orch->detector = detector_new(&DETECTOR_CONFIG_DEFAULT);
    orch_gray_init(orch);
    orch_reservations_init(orch);
    orch_capacity_init(orch);
    return orch;
}

static void room_entry_free(struct orch *orch, struct room_entry *entry)
{
    HASH_DEL(orch->rooms, entry);
    HASH_DELETE(by_sid, orch->rooms_by_sid, entry);
    agenda_set(&orch->agenda, &entry->due, TIME_NEVER);
    room_free(entry->room);
    free(entry->nodes);
    free(entry);
}

static void node_entry_free(struct orch *orch, struct node_entry *node)
{
    HASH_DEL(orch->nodes, node);
    spillway__control__register__free_unpacked(node->info, NULL);
    orch_links_forget(node);
    free(node);
}

void orch_free(struct orch *orch)
{
    struct conn_entry *conn, *next_conn;
    HASH_ITER(hh, orch->conns, conn, next_conn)
    {
        orch_conn_remove(orch, conn->conn);
    }
    struct transport_entry *transport, *next_transport;
    HASH_ITER(hh, orch->transports, transport, next_transport)
    {
        HASH_DEL(orch->transports, transport);
        free(transport);
    }
    struct room_entry *room, *next_room;
    HASH_ITER(hh, orch->rooms, room, next_room)
    {
        room_entry_free(orch, room);
    }
    agenda_fini(&orch->agenda);
    struct node_entry *node, *next_node;
    HASH_ITER(hh, orch->nodes, node, next_node)
    {
        node_entry_free(orch, node);
    }
    orch_rpcs_free(orch);
    orch_links_fini(orch);
    orch_share_fini(orch);
    orch_drain_fini(orch);
    orch_front_drain_fini(orch);
    orch_orphans_fini(orch);
    orch_gray_fini(orch);
    orch_silence_fini(orch);
    orch_events_fini(orch);
    orch_capacity_fini(orch);
    orch_reservations_fini(orch);
    orch_place_fini(orch);
    detector_free(orch->detector);
    effects_fini(&orch->fx);
    if (orch->room_config.seal != NULL) {
        seal_free(orch->room_config.seal);
    }
    free(orch);
}

int64_t orch_wall_s(const struct orch *orch)
{
    return (orch->now_us + orch->wall_offset_us) / 1000000;
}

int64_t orch_now(const struct orch *orch)
{
    return orch->now_us;
}

void orch_tick(struct orch *orch, int64_t now_us)
{
    assert(now_us >= orch->now_us);
    orch->now_us = now_us;
}

/* ---- Tables follow effects -----------------------------------------------------------------
 * Rooms say in effects which transports and connections begin and end; reading them there keeps the
 * tables right whatever path led to it. */

static void follow(struct orch *orch, struct room_entry *room, const struct effect *effect)
{
    struct transport_entry *transport;
    switch (effect->type) {
    case EFFECT_FRONT_ADOPT:
    case EFFECT_FRONT_OPEN:
        transport = mem_alloc(sizeof(*transport));
        transport->transport = effect->id;
        transport->front = effect->front;
        transport->room = room;
        HASH_ADD(hh, orch->transports, transport, sizeof(transport->transport), transport);
        break;
    case EFFECT_CONN_ADOPT:
        orch_conn_add(orch, effect->id, room, room_conn(room->room, effect->id));
        break;
    case EFFECT_FRONT_CLOSE:
        HASH_FIND(hh, orch->transports, &effect->id, sizeof(effect->id), transport);
        if (transport != NULL) {
            HASH_DEL(orch->transports, transport);
            free(transport);
        }
        break;
    case EFFECT_CLOSE:
        orch_conn_remove(orch, effect->id);
        break;
    case EFFECT_STORE_ROOM:
        orch_place_follow(orch, room);
        break;
    case EFFECT_MEDIA:
        orch_gray_heard(orch, room, effect);
        break;
    case EFFECT_RECOVERED:
        timings_add(&orch->stats.recovery, orch->now_us - (int64_t)effect->id);
        break;
    default:
        break;
    }
}

static void follow_new(struct orch *orch, struct room_entry *room)
{
    while (orch->scanned < orch->fx.count) {
        follow(orch, room, &orch->fx.items[orch->scanned++]);
    }
}

static void remember_size(struct orch *orch, const struct room_entry *entry)
{
    if (entry->peak > 0) {
        effects_take(&orch->fx, (struct effect){.type = EFFECT_STORE_SIZE,
                                                .name = mem_str(entry->name),
                                                .weight = entry->peak});
    }
}

void orch_settle(struct orch *orch, struct room_entry *entry)
{
    room_flush(entry->room, orch->now_us, &orch->fx);
    follow_new(orch, entry);
    entry->peak = MAX(entry->peak, (uint32_t)room_participant_count(entry->room));
    if (room_over(entry->room)) {
        remember_size(orch, entry);
        entry->promised = false;
        orch_place_follow(orch, entry);
        struct conn_entry *conn, *next;
        HASH_ITER(hh, orch->conns, conn, next)
        {
            assert(conn->room != entry); /* everybody was closed */
        }
        room_entry_free(orch, entry);
        return;
    }
    agenda_set(&orch->agenda, &entry->due, room_deadline(entry->room));
}

static bool is_ours(const struct effect *effect)
{
    return effect->type == EFFECT_RPC || effect->type == EFFECT_MEDIA ||
           effect->type == EFFECT_RECOVERED;
}

bool orch_poll(struct orch *orch, struct effect *out)
{
    while (effects_poll(&orch->fx, out)) {
        if (!is_ours(out)) {
            return true;
        }
        if (out->type == EFFECT_RPC) {
            orch_rpc_finished(orch, out);
        }
        effect_fini(out);
    }
    orch->scanned = 0;
    return false;
}

/* ---- Rooms --------------------------------------------------------------------------------- */

struct room_entry *orch_room(const struct orch *orch, const char *name)
{
    struct room_entry *entry;
    HASH_FIND_STR(orch->rooms, name, entry);
    return entry;
}

struct room_entry *orch_room_by_sid(const struct orch *orch, const char *sid)
{
    struct room_entry *entry;
    HASH_FIND(by_sid, orch->rooms_by_sid, sid, strlen(sid), entry);
    return entry;
}

uint64_t orch_next_epoch(struct orch *orch)
{
    if (orch->claimed_epoch != 0) {
        return orch->claimed_epoch;
    }
    uint64_t wall_us = (uint64_t)(orch->now_us + orch->wall_offset_us);
    orch->last_epoch = MAX(orch->last_epoch + 1, wall_us);
    return orch->last_epoch;
}

static struct room_entry *entry_new(struct orch *orch, struct room *room)
{
    struct room_entry *entry = mem_alloc(sizeof(*entry));
    entry->room = room;
    entry->name = room_name(room);
    snprintf(entry->sid, sizeof(entry->sid), "%s", room_sid(room));
    HASH_ADD_KEYPTR(hh, orch->rooms, entry->name, strlen(entry->name), entry);
    HASH_ADD(by_sid, orch->rooms_by_sid, sid, strlen(entry->sid), entry);
    return entry;
}

void orch_room_goes_on(struct orch *orch, struct room *room)
{
    struct room_entry *entry = entry_new(orch, room);
    orch_place_found(orch, entry);
    if (room_held(room, NULL).people > 0) {
        orch_short_begin(orch, entry);
    }
    orch_settle(orch, entry);
}

int orch_room_open(struct orch *orch, const char *name, const char *region, struct room_entry **out)
{
    struct room_entry *entry = orch_room(orch, name);
    if (entry != NULL) {
        *out = entry;
        return 0;
    }
    entry =
        entry_new(orch, room_new(&orch->room_config, name, orch_next_epoch(orch), orch->now_us));
    int err = orch_place_room(orch, entry, region);
    if (err != 0) {
        room_entry_free(orch, entry);
        return err;
    }
    agenda_set(&orch->agenda, &entry->due, room_deadline(entry->room));
    *out = entry;
    return 0;
}

void orch_room_discard(struct orch *orch, struct room_entry *entry)
{
    entry->promised = false;
    orch_place_follow(orch, entry);
    room_entry_free(orch, entry);
}

void orch_room_close(struct orch *orch, struct room_entry *entry, Livekit__DisconnectReason reason)
{
    room_close(entry->room, orch->now_us, reason, &orch->fx);
    orch_settle(orch, entry);
}

void orch_claimed(struct orch *orch, uint64_t epoch)
{
    orch->claimed_epoch = epoch;
}

bool orch_has_room(const struct orch *orch, const char *name)
{
    return orch_room(orch, name) != NULL || orch_adopts(orch, name);
}

void orch_yield(struct orch *orch, int64_t now_us, const char *name)
{
    orch_tick(orch, now_us);
    struct room_entry *entry = orch_room(orch, name);
    if (entry != NULL) {
        room_yield(entry->room, now_us, &orch->fx);
        orch_settle(orch, entry);
    }
}

void orch_front_lost(struct orch *orch, int64_t now_us, uint64_t number)
{
    orch_tick(orch, now_us);
    orch_front_drain_end(orch, number);
    struct conn_entry *conn, *next_conn;
    HASH_ITER(hh, orch->conns, conn, next_conn)
    {
        if (conn->conn >> EFFECT_FRONT_SHIFT == number) {
            room_disconnected(conn->room->room, now_us, conn->identity, conn->conn, &orch->fx);
            orch_conn_remove(orch, conn->conn);
        }
    }
    struct room_entry *entry, *next;
    HASH_ITER(hh, orch->rooms, entry, next)
    {
        room_front_lost(entry->room, now_us, number, &orch->fx);
        orch_settle(orch, entry);
    }
}

void orch_front_away(struct orch *orch, int64_t now_us, uint64_t number, bool away)
{
    orch_tick(orch, now_us);
    struct room_entry *entry, *next;
    HASH_ITER(hh, orch->rooms, entry, next)
    {
        room_front_away(entry->room, now_us, number, away);
        orch_settle(orch, entry);
    }
}

uint64_t orch_last_epoch(const struct orch *orch)
{
    return orch->last_epoch;
}

bool orch_store_rooms(struct orch *orch, int64_t now_us, bool first)
{
    orch_tick(orch, now_us);
    size_t left = MAX(ORCH_STORE_AT_ONCE, HASH_COUNT(orch->rooms) / ORCH_STORE_STEPS + 1);
    orch->store_round += first;
    for (struct room_entry *entry = orch->rooms; entry != NULL; entry = entry->hh.next) {
        if (entry->stored_round == orch->store_round) {
            continue;
        }
        if (left-- == 0) {
            return true;
        }
        entry->stored_round = orch->store_round;
        if (room_node_count(entry->room) > 0) {
            room_store(entry->room, &orch->fx);
        } else {
            effect_room_stored(&orch->fx, entry->name, orch_place_node(entry),
                               room_epoch(entry->room));
        }
    }
    return false;
}

/* ---- Time ---------------------------------------------------------------------------------- */

int64_t orch_deadline(const struct orch *orch)
{
    int64_t at = MIN(registry_deadline(orch->registry), detector_deadline(orch->detector));
    at = MIN(at, orch_share_deadline(orch));
    at = MIN(at, MIN(orch_drain_deadline(orch), orch_front_drain_deadline(orch)));
    at = MIN(at, orch_orphans_deadline(orch));
    at = MIN(at, MIN(orch_gray_deadline(orch), orch_silence_deadline(orch)));
    at = MIN(at, MIN(orch->short_us, orch_events_deadline(orch)));
    return MIN(at, agenda_deadline(&orch->agenda));
}

/* Dead, or gone in an orderly way: its rooms go elsewhere. */
static void node_gone(struct orch *orch, const char *id)
{
    struct node_entry *node;
    if (registry_gone(orch->registry, orch->now_us, id) != 0) {
        return;
    }
    orch_drain_end(orch, id);
    gray_forget(orch->gray, id);
    effect_node_gone(&orch->fx, id);
    HASH_FIND_STR(orch->nodes, id, node);
    assert(node != NULL); /* was added with its registration */
    orch_watch_left(node);
    node_entry_free(orch, node);
    orch_orphan_node_gone(orch, id);
    orch_place_leave(orch, id);
}

void orch_judge(struct orch *orch)
{
    struct detector_out out;
    while (detector_poll(orch->detector, &out)) {
        log_write(orch->config.log, LOG_WARN, "node_%s node=%s name=%s cause=%s silent_ms=%lld",
                  detector_verdict_text(out.verdict), out.id, orch_node_name(orch, out.id),
                  detector_cause_text(out.cause), (long long)(out.silent_us / 1000));
        if (out.verdict == DETECTOR_DEAD) {
            assert((size_t)out.cause < ARRAY_LEN(orch->stats.detection));
            orch->stats.nodes_lost++;
            timings_add(&orch->stats.detection[out.cause], out.silent_us);
            orch_capacity_lost(orch, out.id);
            orch->cause =
                (struct room_cause){.why = "death", .since_us = orch->now_us - out.silent_us};
            node_gone(orch, out.id);
            orch->cause = (struct room_cause){0};
        } else {
            registry_set_suspect(orch->registry, out.id, out.verdict == DETECTOR_SUSPECT);
        }
        orch_watch_verdict(orch, &out);
    }
}

void orch_expire(struct orch *orch, int64_t now_us)
{
    orch_tick(orch, now_us);
    registry_expire(orch->registry, now_us);
    orch_share_expire(orch);
    detector_expire(orch->detector, now_us);
    orch_judge(orch);
    orch_drain_expire(orch);
    orch_front_drain_expire(orch);
    orch_orphans_expire(orch);
    orch_short_expire(orch);
    struct agenda_entry *due;
    size_t left = orch->agenda.count; /* whoever is due again at once waits for the next call */
    while (left-- > 0 && (due = agenda_due(&orch->agenda, now_us)) != NULL) {
        struct room_entry *entry = (struct room_entry *)due; /* its first member */
        room_expire(entry->room, now_us, &orch->fx);
        orch_settle(orch, entry);
    }
    orch_gray_expire(orch);
    orch_silence_expire(orch);
    orch_events_expire(orch);
}

void orch_node_link_lost(struct orch *orch, int64_t now_us, const char *node)
{
    orch_tick(orch, now_us);
    const struct registry_node *known = registry_get(orch->registry, node);
    if (known != NULL && known->state == REGISTRY_DRAINING && known->room_count == 0) {
        log_write(orch->config.log, LOG_INFO, "node_left node=%s name=%s", node, known->name);
        detector_node_left(orch->detector, node);
        node_gone(orch, node);
        return;
    }
    detector_link_lost(orch->detector, now_us, node);
    orch_judge(orch);
}
