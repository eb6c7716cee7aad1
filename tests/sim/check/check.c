/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/world/world.h"

#include "media-node/core/forward/forward.h"
#include "media-node/core/stun/stun.h"
#include "proto/wire/wire.h"

#include <stdio.h>
#include <stdlib.h>
#include <uthash.h>

void check_fail(struct sim *sim, const char *format, ...)
{
    va_list args;
    timeline_print(sim->timeline, stderr);
    fprintf(stderr, "FAILED seed %llu at %.3f s: ", (unsigned long long)sim->config.seed,
            (double)(sim_now(sim) - SIM_START_US) / 1e6);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fprintf(stderr, "\nplay it again with SPILLWAY_SEED=%llu\n",
            (unsigned long long)sim->config.seed);
    abort();
}

/* ---- Nonces -------------------------------------------------------------------------------- */

/* A key is known by who uses it: the peer connection's address and the last flight of the handshake
 * that gave it keys, as far as that node has them, or two nodes' ids and their keys' generation. */
static void use(struct sim *sim, const char *who, const struct nonce *nonce, struct bytes data)
{
    uint64_t bytes = check_hash(0, data.data, data.len);
    sim->check.digest = check_hash(sim->check.digest, &bytes, sizeof(bytes));
    if (!nonces_use(&sim->check.nonces, nonce, bytes)) {
        check_fail(sim, "%s sends SSRC %u index %llu a second time under one key", who,
                   (unsigned)nonce->ssrc, (unsigned long long)nonce->index);
    }
}

/* SRTCP says its whole index itself (RFC 7714 §9.1). */
static void read_rtcp(struct nonce *out, struct bytes data)
{
    out->ssrc = (uint64_t)1 << 32 | be32_get(data.data + 4);
    out->index = be32_get(data.data + data.len - 4) & 0x7fffffff;
}

/* The newest index of an SSRC under a key that a node, in one life of its process, sent; of no
 * node: that anybody did. */
struct holding {
    struct {
        uint64_t key, ssrc;
        const struct node_process *holder;
        uint64_t life;
    } of;
    uint64_t newest;
    UT_hash_handle hh;
};

static struct holding *find_holding(const struct sim *sim, const struct nonce *nonce,
                                    const struct node_process *holder)
{
    const struct holding key = {.of = {.key = nonce->key,
                                       .ssrc = nonce->ssrc,
                                       .holder = holder,
                                       .life = holder == NULL ? 0 : holder->life}};
    struct holding *holding;
    HASH_FIND(hh, sim->check.holdings, &key.of, sizeof(key.of), holding);
    return holding;
}

static void hold(struct sim *sim, const struct nonce *nonce, const struct node_process *holder)
{
    struct holding *holding = find_holding(sim, nonce, holder);
    if (holding == NULL) {
        holding = mem_alloc(sizeof(*holding));
        *holding = (struct holding){.of = {.key = nonce->key,
                                           .ssrc = nonce->ssrc,
                                           .holder = holder,
                                           .life = holder == NULL ? 0 : holder->life}};
        HASH_ADD(hh, sim->check.holdings, of, sizeof(holding->of), holding);
    }
    holding->newest = MAX(holding->newest, nonce->index);
}

static bool is_near(int ahead)
{
    return ahead >= -CHECK_AHEAD && ahead <= CHECK_AHEAD;
}

/* Where the last holder said that it stopped; or, if it died, behind what it may have sent. */
static bool may_go_on(int ahead)
{
    return is_near(ahead) || (ahead >= FWD_LEASE / 2 && ahead <= FWD_LEASE + 2 * FWD_LEASE_STEP);
}

/* What it was told to begin with when it stopped hearing anybody: another one has gone on
 * meanwhile, behind all that it may send until it hears of that. */
static bool may_begin_late(const struct sim *sim, const struct node_process *from, int ahead)
{
    return sim_now(sim) - from->back_us < CHECK_LATE_US && ahead <= -FWD_LEASE / 2 &&
           ahead >= -FWD_LEASE - 2 * FWD_LEASE_STEP;
}

/* A stream that begins at random somewhere else under the same key and SSRC would meet a used
 * number sooner or later. Gives the packet its whole index, as the client guesses it. */
static void check_holder(struct sim *sim, const struct node_process *from, struct nonce *nonce)
{
    const struct holding *own = find_holding(sim, nonce, from);
    const struct holding *all = find_holding(sim, nonce, NULL);
    uint16_t number = (uint16_t)nonce->index;
    if (all != NULL) {
        const struct holding *before = own != NULL ? own : all;
        int ahead = seq_diff(number, (uint16_t)before->newest);
        if (own == NULL || !is_near(ahead)) { /* or it had it before, and gets it back */
            before = all;
            ahead = seq_diff(number, (uint16_t)all->newest);
            if (!may_go_on(ahead) && !(own == NULL && may_begin_late(sim, from, ahead))) {
                check_fail(sim, "%s goes on with SSRC %u at %u, and the last one stopped at %u",
                           from->name, (unsigned)nonce->ssrc, number,
                           (unsigned)(uint16_t)all->newest);
            }
        }
        nonce->index = before->newest + (uint64_t)(int64_t)ahead;
    }
    hold(sim, nonce, from);
    hold(sim, nonce, NULL);
}

/* The keys that a peer connection has: others once its DTLS began anew with another front. */
struct keying {
    uint64_t address, keys, before;
    uint8_t server[SIM_DTLS_KEYS / 2];
    UT_hash_handle hh;
};

static struct keying *keying_of(struct sim *sim, const struct net_addr *to)
{
    uint64_t address = (uint64_t)be32_get(to->ip) << 16 | to->port;
    struct keying *keying;
    HASH_FIND(hh, sim->check.keyings, &address, sizeof(address), keying);
    if (keying == NULL) {
        keying = mem_alloc(sizeof(*keying));
        keying->address = address;
        HASH_ADD(hh, sim->check.keyings, address, sizeof(keying->address), keying);
    }
    return keying;
}

static void take_keys(struct keying *keying, struct bytes flight)
{
    uint64_t keys = check_hash(0, flight.data, flight.len);
    assert(flight.len == 1 + SIM_DTLS_KEYS);
    if (keys != keying->keys) {
        keying->before = keying->keys;
        keying->keys = keys;
        memcpy(keying->server, flight.data + 1 + SIM_DTLS_KEYS / 2, sizeof(keying->server));
    }
}

static bool is_under(const uint8_t key[SIM_DTLS_KEYS / 2], struct bytes packet)
{
    struct rtpsec *sec;
    const struct rtpsec_config config = {.suite = RTPSEC_AES_128_GCM,
                                         .receive_key = {key, SIM_DTLS_KEYS / 2},
                                         .send_key = {key, SIM_DTLS_KEYS / 2}};
    uint8_t copy[RTPSEC_PACKET_MAX];
    size_t len = packet.len;
    assert(len <= sizeof(copy));
    memcpy(copy, packet.data, len);
    int err = rtpsec_new(&sec, &config);
    assert(err == 0);
    err = stun_classify(copy, len) == PACKET_RTP ? rtpsec_unprotect_rtp(sec, copy, &len)
                                                 : rtpsec_unprotect_rtcp(sec, copy, &len);
    rtpsec_free(sec);
    return err == 0;
}

/* A node, in one life of its process, that was heard to send to a peer connection under those. */
struct keyed {
    struct {
        uint64_t address;
        const struct node_process *holder;
        uint64_t life;
    } of;
    uint64_t keys;
    UT_hash_handle hh;
};

/* One that hung while the keys became others goes on with those it has. */
static uint64_t keys_of(struct sim *sim, const struct node_process *from,
                        const struct keying *keying, struct bytes packet)
{
    const struct keyed key = {
        .of = {.address = keying->address, .holder = from, .life = from->life}};
    struct keyed *keyed;
    HASH_FIND(hh, sim->check.keyed, &key.of, sizeof(key.of), keyed);
    if (keyed == NULL) {
        keyed = mem_alloc(sizeof(*keyed));
        *keyed = key;
        keyed->keys = keying->before;
        HASH_ADD(hh, sim->check.keyed, of, sizeof(keyed->of), keyed);
    }
    if (keyed->keys != keying->keys && is_under(keying->server, packet)) {
        keyed->keys = keying->keys;
    }
    return keyed->keys;
}

/* Of RTP to clients only the low 16 bits are there. */
void check_client_packet(struct sim *sim, const struct node_process *from,
                         const struct net_addr *to, struct bytes data)
{
    struct keying *keying = keying_of(sim, to);
    struct nonce of = {.key = keying->address};
    switch (stun_classify(data.data, data.len)) {
    case PACKET_RTP:
        of.key ^= keys_of(sim, from, keying, data);
        of.ssrc = be32_get(data.data + 8);
        of.index = be16_get(data.data + 2);
        check_holder(sim, from, &of);
        break;
    case PACKET_RTCP:
        of.key ^= keys_of(sim, from, keying, data);
        read_rtcp(&of, data);
        break;
    case PACKET_DTLS:
        if (data.data[0] == SIM_DTLS) {
            take_keys(keying, data);
        }
        return;
    default:
        return;
    }
    use(sim, from->name, &of, data);
}

/* relay.h: a word behind two CSRCs has the generation and the rollover counter. */
void check_trunk_packet(struct sim *sim, const struct node_process *from,
                        const struct node_process *to, struct bytes data)
{
    struct nonce of = {.key = check_hash(check_hash(0, from->id, ID_MAX), to->id, ID_MAX)};
    uint32_t word;
    switch (stun_classify(data.data, data.len)) {
    case PACKET_RTP:
        word = be32_get(data.data + 16);
        of.key ^= word >> 26;
        of.ssrc = be32_get(data.data + 8);
        of.index = (uint64_t)(word & 0xfffff) << 16 | be16_get(data.data + 2);
        break;
    case PACKET_RTCP:
        of.key ^= data.data[0] & 0x1fu;
        read_rtcp(&of, data);
        break;
    default:
        return;
    }
    use(sim, from->name, &of, data);
}

/* ---- Control ------------------------------------------------------------------------------- */

void check_node_message(struct sim *sim, struct node_process *from, struct bytes message)
{
    ProtobufCMessage *unpacked;
    uint64_t hash = check_hash(0, message.data, message.len);
    sim->check.digest = check_hash(sim->check.digest, &hash, sizeof(hash));
    if (hash == from->said) {
        return; /* to another orchestrator */
    }
    from->said = hash;
    int err = wire_unpack(&spillway__control__node_message__descriptor, message, &unpacked);
    assert(err == 0);
    const Spillway__Control__NodeMessage *m = (const Spillway__Control__NodeMessage *)unpacked;
    if (m->message_case == SPILLWAY__CONTROL__NODE_MESSAGE__MESSAGE_HEARTBEAT &&
        m->heartbeat->load != NULL) {
        from->weight = m->heartbeat->load->weight;
        if (from->weight > from->capacity && !sim->config.brim) {
            check_fail(sim, "%s carries %u of at most %u", from->name, from->weight,
                       from->capacity);
        }
    }
    if (m->message_case == SPILLWAY__CONTROL__NODE_MESSAGE__MESSAGE_SPEC_ACK &&
        m->spec_ack->result == SPILLWAY__CONTROL__SPEC_ACK__RESULT__INVALID) {
        check_fail(sim, "%s refuses a spec: %s", from->name, m->spec_ack->reason);
    }
    if (m->message_case == SPILLWAY__CONTROL__NODE_MESSAGE__MESSAGE_EVENTS) {
        traffic_from_node(sim, m->events);
    }
    protobuf_c_message_free_unpacked(unpacked, NULL);
}

/* Who owned a room in an epoch: a process, which is a number and how often it started. */
struct reign {
    struct {
        uint64_t room, epoch;
    } of;
    size_t owner;
    unsigned life;
    UT_hash_handle hh;
};

uint32_t check_owner(const struct sim *sim, const char *room)
{
    uint64_t of = check_hash(0, room, strlen(room)), newest = 0;
    uint32_t owner = 0;
    for (const struct reign *reign = sim->check.reigns; reign != NULL; reign = reign->hh.next) {
        if (reign->of.room == of && reign->of.epoch > newest) {
            newest = reign->of.epoch;
            owner = 1u << reign->owner;
        }
    }
    return owner;
}

static void check_reign(struct sim *sim, const struct orchestrator *from,
                        const Spillway__Control__RoomSpec *spec)
{
    struct reign key = {
        .of = {.room = check_hash(0, spec->name, strlen(spec->name)), .epoch = spec->epoch}};
    struct reign *reign;
    HASH_FIND(hh, sim->check.reigns, &key.of, sizeof(key.of), reign);
    if (reign == NULL) {
        reign = mem_alloc(sizeof(*reign));
        reign->of = key.of;
        reign->owner = from->index;
        reign->life = from->life;
        HASH_ADD(hh, sim->check.reigns, of, sizeof(reign->of), reign);
        timeline_tell(sim->timeline, from->name, "owns %s since epoch %llu", spec->name,
                      (unsigned long long)spec->epoch);
    } else if (reign->owner != from->index || reign->life != from->life) {
        check_fail(sim, "%s and %s own %s with one epoch", from->name,
                   sim->orchestrators[reign->owner].name, spec->name);
    }
}

void check_spec(struct sim *sim, const struct orchestrator *from, struct bytes message)
{
    ProtobufCMessage *unpacked;
    int err = wire_unpack(&spillway__control__orchestrator_message__descriptor, message, &unpacked);
    assert(err == 0);
    const Spillway__Control__OrchestratorMessage *m =
        (const Spillway__Control__OrchestratorMessage *)unpacked;
    if (m->message_case == SPILLWAY__CONTROL__ORCHESTRATOR_MESSAGE__MESSAGE_SPEC &&
        !m->spec->dropped) {
        check_reign(sim, from, m->spec);
    }
    protobuf_c_message_free_unpacked(unpacked, NULL);
}

/* ---- People -------------------------------------------------------------------------------- */

void check_session_lost(struct sim *sim, const struct client *client)
{
    bool was_in = client->state == CLIENT_IN || client->state == CLIENT_RESUMING;
    /* Who found no node within his patience had nothing to lose, unless all nodes were well. */
    bool had_one = was_in && (pc_connected(&client->pc) || sim->config.sound);
    if (had_one && (client->relied & sim->disturbed) == 0) {
        check_fail(sim, "%s has to start over, and nothing happened to who serves it",
                   client->name);
    }
}

void check_session_broken(struct sim *sim, struct client *client, const char *why)
{
    if (sim->config.sound) {
        check_fail(sim, "%s has to resume, and nothing broke: %s", client->name, why);
    }
    if (sim->config.stops && client->resumed == sim->stops) {
        check_fail(sim, "%s has to resume once more for stop %u: %s", client->name, sim->stops,
                   why);
    }
    client->resumed = sim->stops;
}

void check_disturbed(struct sim *sim, uint32_t who)
{
    for (size_t i = 0; i < sim->config.orchestrators; i++) {
        if ((who & ~sim->disturbed & 1u << i) != 0) {
            sim->disturbed_us[i] = sim_now(sim);
        }
    }
    sim->disturbed |= who;
}

void check_stopped(struct sim *sim, struct orchestrator *orchestrator)
{
    bool is_front = conns_in(orchestrator) || orchestrator->transports != NULL;
    if (is_front && sim->config.stops) {
        check_fail(sim, "%s stops, and somebody's front is there", orchestrator->name);
    }
    orchestrator->ended_us = sim_now(sim);
    if (is_front || orchestrator->ended_us - sim->struck_us < CHECK_KEPT_US) {
        check_disturbed(sim, 1u << orchestrator->index);
    }
}

void check_struck(struct sim *sim)
{
    sim->struck_us = sim_now(sim);
    for (size_t i = 0; i < sim->config.orchestrators; i++) {
        if (sim->struck_us - sim->orchestrators[i].ended_us < CHECK_KEPT_US) {
            check_disturbed(sim, 1u << i);
        }
    }
}

void check_round_over(struct sim *sim)
{
    bool settled = sim_now(sim) - sim->mended_us >= CHECK_SETTLES_US;
    traffic_check(sim, settled);
    sim->disturbed = settled ? 0 : sim->disturbed;
    for (size_t i = 0; i < sim->config.clients; i++) {
        struct client *c = &sim->clients[i];
        c->relied = c->state == CLIENT_IN ? 1u << c->front | 1u << c->association : 0;
    }
}

/* ---- When nothing is broken ---------------------------------------------------------------- */

static void check_owners(const struct sim *sim, const char *room, char out[CHECK_TEXT_MAX])
{
    uint32_t owners = sim_owners(sim, room);
    if ((owners & (owners - 1)) != 0) {
        snprintf(out, CHECK_TEXT_MAX, "%s has more than one owner (%x)", room, owners);
    }
}

/* Where it is tight, whoever is not in was refused, and tries again. */
static bool is_present(const struct sim *sim, const struct client *c)
{
    return sim->config.tight ? c->state == CLIENT_IN : c->state != CLIENT_AWAY;
}

static bool meet(const struct sim *sim, const struct client *a, const struct client *b)
{
    return a != b && is_present(sim, a) && is_present(sim, b) && strcmp(a->room, b->room) == 0;
}

void check_meetings(const struct sim *sim, char out[CHECK_TEXT_MAX])
{
    out[0] = '\0';
    for (size_t i = 0; i < sim->config.clients; i++) {
        const struct client *a = &sim->clients[i];
        uint32_t others = 0;
        if (is_present(sim, a) && a->state != CLIENT_IN) {
            snprintf(out, CHECK_TEXT_MAX, "%s is not in %s", a->name, a->room);
            return;
        }
        if (a->state == CLIENT_IN) {
            check_owners(sim, a->room, out);
            if (out[0] != '\0') {
                return;
            }
        }
        for (size_t j = 0; j < sim->config.clients; j++) {
            const struct client *b = &sim->clients[j];
            if (!meet(sim, a, b)) {
                continue;
            }
            others |= 1u << j;
            if (a->heard_us[j] < sim_now(sim) - CHECK_HEARD_US) {
                snprintf(out, CHECK_TEXT_MAX, "%s does not hear %s in %s", a->name, b->name,
                         a->room);
                return;
            }
            if (sim->config.video && a->seen_us[j] < sim_now(sim) - CHECK_SEEN_US) {
                snprintf(out, CHECK_TEXT_MAX, "%s does not see %s in %s", a->name, b->name,
                         a->room);
                return;
            }
            check_messages(sim, a, b, out);
            if (out[0] != '\0') {
                return;
            }
        }
        if (is_present(sim, a) && a->roster != others) {
            snprintf(out, CHECK_TEXT_MAX, "%s has listed %x, and there are %x in %s", a->name,
                     a->roster, others, a->room);
            return;
        }
    }
}

void check_acquainted(const struct sim *sim, char out[CHECK_TEXT_MAX])
{
    out[0] = '\0';
    for (size_t i = 0; i < sim->config.orchestrators && out[0] == '\0'; i++) {
        const struct orchestrator *o = &sim->orchestrators[i];
        struct cluster_stats stats;
        cluster_stats(o->cluster, &stats);
        if (stats.peers_up != sim->config.orchestrators - 1) {
            snprintf(out, CHECK_TEXT_MAX, "%s has %llu of the others", o->name,
                     (unsigned long long)stats.peers_up);
        }
        for (size_t n = 0; n < sim->config.nodes; n++) {
            if (!sim->nodes[n].links[i].up) {
                snprintf(out, CHECK_TEXT_MAX, "%s does not have %s", o->name, sim->nodes[n].name);
            }
        }
    }
}

static void check_orchestrator(const struct sim *sim, const struct orchestrator *o,
                               char out[CHECK_TEXT_MAX])
{
    struct orch_stats stats;
    orch_stats(o->orch, &stats);
    if (stats.rooms != 0 || stats.participants != 0) {
        snprintf(out, CHECK_TEXT_MAX, "%s has %llu rooms and %llu participants", o->name,
                 (unsigned long long)stats.rooms, (unsigned long long)stats.participants);
    } else if (stats.rooms_on_nodes != 0 || stats.reserved != 0) {
        snprintf(out, CHECK_TEXT_MAX, "%s has %llu rooms on nodes, and %llu reserved", o->name,
                 (unsigned long long)stats.rooms_on_nodes, (unsigned long long)stats.reserved);
    } else if (o->conns != NULL || o->transports != NULL) {
        snprintf(out, CHECK_TEXT_MAX, "%s has %s open", o->name,
                 o->conns != NULL ? "connections" : "transports");
    } else if (!sim->store_doubted && store_rows(sim->store, o->id) != 0) {
        snprintf(out, CHECK_TEXT_MAX, "the store has rooms of %s", o->name);
    }
}

void check_empty(const struct sim *sim, char out[CHECK_TEXT_MAX])
{
    out[0] = '\0';
    if (store_held(sim->store) != 0) {
        snprintf(out, CHECK_TEXT_MAX, "the store has %llu reserved",
                 (unsigned long long)store_held(sim->store));
    }
    for (size_t i = 0; i < sim->config.orchestrators && out[0] == '\0'; i++) {
        if (sim->orchestrators[i].alive) {
            check_orchestrator(sim, &sim->orchestrators[i], out);
        }
    }
    for (size_t i = 0; i < sim->config.nodes && out[0] == '\0'; i++) {
        const struct node_process *n = &sim->nodes[i];
        if (n->alive && node_room_count(n->core) != 0) {
            snprintf(out, CHECK_TEXT_MAX, "%s holds %zu rooms", n->name, node_room_count(n->core));
        }
    }
}

void check_fini(struct check *check)
{
    nonces_fini(&check->nonces);
    struct holding *holding, *next_holding;
    HASH_ITER(hh, check->holdings, holding, next_holding)
    {
        HASH_DEL(check->holdings, holding);
        free(holding);
    }
    struct keying *keying, *next_keying;
    HASH_ITER(hh, check->keyings, keying, next_keying)
    {
        HASH_DEL(check->keyings, keying);
        free(keying);
    }
    struct keyed *keyed, *next_keyed;
    HASH_ITER(hh, check->keyed, keyed, next_keyed)
    {
        HASH_DEL(check->keyed, keyed);
        free(keyed);
    }
    struct reign *reign, *next_reign;
    HASH_ITER(hh, check->reigns, reign, next_reign)
    {
        HASH_DEL(check->reigns, reign);
        free(reign);
    }
}
