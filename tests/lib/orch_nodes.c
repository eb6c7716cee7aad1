/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/lib/orch_nodes.h"

#include "common/net/net.h"
#include "media-node/core/node/node.h"
#include "media-node/core/srtp/srtp.h"
#include "proto/wire/wire.h"

#include <stdio.h>
#include <stdlib.h>

#include <uthash.h>

#define ENDPOINTS_MAX 16
#define OUTBOX_SLOTS  256
#define NODE_LAYERS   4

typedef Spillway__Control__RoomSpec spec_message;

enum kind { TRANSPORT, TRACK, SUBSCRIPTION, EDGE, KINDS };

struct entry_key {
    uint64_t id;
    uint64_t kind;
};

/* An entry of a spec as it was sent last. */
struct entry {
    struct entry_key key;
    uint64_t transport, track; /* it goes with them */
    uint32_t ssrc, rtx_ssrc;
    bool standby;  /* a transport that sends nothing yet */
    bool claimed;  /* a subscription whose SSRCs are its own */
    uint8_t *data; /* packed, without what nodes tell themselves */
    size_t len;
    UT_hash_handle hh;
};

/* A room on a node: what its specs add up to. */
struct holding {
    char room[64];
    bool held;   /* false: dropped, or never arrived */
    bool behind; /* a spec was lost on the way */
    bool asked;  /* whole, for comparison */
    uint64_t epoch, version;
    struct entry *entries;
    UT_hash_handle hh;
};

struct fake {
    char id[ID_MAX];
    Spillway__Control__Register *saying; /* not answered yet */
    Spillway__Control__Register *said;
    bool down;
    struct node *core; /* NULL: no spec came yet */
    struct holding *holdings;
    UT_hash_handle hh;
};

/* An SSRC is used up with its first packet. */
struct used {
    struct {
        uint64_t transport;
        uint64_t ssrc;
    } key;
    UT_hash_handle hh;
};

struct orch_nodes {
    struct fake *fakes;
    struct used *used;
    struct prng prng;
    struct orch_nodes_answer *answers;
    size_t answer_count, answered;
};

static _Noreturn void fail(const char *id, const char *room, const char *format, ...)
    PRINTF_LIKE(3, 4);
static _Noreturn void fail(const char *id, const char *room, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fprintf(stderr, "node %s, room %s: ", id, room);
    vfprintf(stderr, format, args);
    fprintf(stderr, "\n");
    va_end(args);
    abort();
}

/* ---- Entries ------------------------------------------------------------------------------- */

static void entry_remove(struct holding *h, struct entry *e)
{
    HASH_DEL(h->entries, e);
    free(e->data);
    free(e);
}

static struct entry *entry_find(const struct holding *h, enum kind kind, uint64_t id)
{
    struct entry_key key = {.id = id, .kind = kind};
    struct entry *e;
    HASH_FIND(hh, h->entries, &key, sizeof(key), e);
    return e;
}

/* With a transport go its tracks and subscriptions, with a track its subscriptions and edges. */
static void entry_remove_tree(struct holding *h, enum kind kind, uint64_t id)
{
    struct entry *e, *next;
    HASH_ITER(hh, h->entries, e, next)
    {
        bool goes = e->key.kind == kind && e->key.id == id;
        if (kind == TRANSPORT) {
            goes |= e->key.kind != EDGE && e->transport == id;
        } else if (kind == TRACK) {
            goes |= (e->key.kind == SUBSCRIPTION || e->key.kind == EDGE) && e->track == id;
        }
        if (!goes) {
            continue;
        }
        bool other_track = kind == TRANSPORT && e->key.kind == TRACK;
        uint64_t track = e->key.id;
        entry_remove(h, e);
        if (other_track) {
            entry_remove_tree(h, TRACK, track);
            entry_remove_tree(h, TRANSPORT, id); /* the list has changed */
            return;
        }
    }
}

static void holding_clear(struct holding *h)
{
    while (h->entries != NULL) {
        entry_remove(h, h->entries);
    }
    h->held = false;
}

/* A nonce that was used is never used again, whoever sends. */
static void claim(struct orch_nodes *nodes, const struct fake *fake, const struct holding *h,
                  const struct entry *e, uint32_t ssrc)
{
    if (ssrc == 0) {
        return;
    }
    struct used *used = mem_alloc(sizeof(*used)), *before;
    used->key.transport = e->transport;
    used->key.ssrc = ssrc;
    HASH_FIND(hh, nodes->used, &used->key, sizeof(used->key), before);
    if (before != NULL) {
        fail(fake->id, h->room, "subscription %llu begins with SSRC %u, which was used before",
             (unsigned long long)e->key.id, ssrc);
    }
    HASH_ADD(hh, nodes->used, key, sizeof(used->key), used);
}

/* What is sent on from now on: not through a transport that stands by. */
static void claim_all(struct orch_nodes *nodes, const struct fake *fake, const struct holding *h)
{
    for (struct entry *e = h->entries; e != NULL; e = e->hh.next) {
        if (e->key.kind != SUBSCRIPTION || e->claimed) {
            continue;
        }
        const struct entry *transport = entry_find(h, TRANSPORT, e->transport);
        if (transport != NULL && !transport->standby) {
            claim(nodes, fake, h, e, e->ssrc);
            claim(nodes, fake, h, e, e->rtx_ssrc);
            e->claimed = true;
        }
    }
}

/* What nodes tell themselves (where a client is, which SSRCs its layers have) comes to them in no
 * delta, and is left out. */
/* But for what its node makes use of only when it begins. */
static void entry_transport(struct entry *e, const Spillway__Control__Transport *transport)
{
    Spillway__Control__Transport plain = *transport;
    plain.client = NULL;
    plain.check_priority = 0;
    plain.estimate_bps = 0;
    plain.transport_cc = 0;
    plain.trace = (ProtobufCBinaryData){0}; /* of its coming alone, not of what it is */
    e->key.id = e->transport = plain.id;
    e->standby = plain.standby;
    e->data = wire_pack(&plain.base, &e->len);
}

static void entry_track(struct entry *e, const Spillway__Control__Track *track)
{
    Spillway__Control__Track plain = *track;
    Spillway__Control__Layer layers[NODE_LAYERS], *list[NODE_LAYERS];
    assert(plain.n_layers <= NODE_LAYERS);
    for (size_t i = 0; i < plain.n_layers; i++) {
        layers[i] = *track->layers[i];
        layers[i].ssrc = layers[i].rtx_ssrc = 0;
        list[i] = &layers[i];
    }
    plain.layers = list;
    e->key.id = plain.id;
    e->transport = plain.transport;
    e->data = wire_pack(&plain.base, &e->len);
}

static void entry_subscription(struct entry *e, const Spillway__Control__Subscription *subscription)
{
    Spillway__Control__Subscription plain = *subscription;
    plain.resume = NULL;
    e->key.id = plain.id;
    e->transport = plain.transport;
    e->track = plain.track;
    e->ssrc = plain.ssrc;
    e->rtx_ssrc = plain.rtx_ssrc;
    e->data = wire_pack(&plain.base, &e->len);
}

static void entry_edge(struct entry *e, const Spillway__Control__Edge *edge)
{
    e->key.id = edge->id;
    e->track = edge->track;
    e->data = wire_pack(&edge->base, &e->len);
}

static struct entry *entry_of(enum kind kind, const spec_message *spec, size_t i)
{
    struct entry *e = mem_alloc(sizeof(*e));
    e->key.kind = kind;
    switch (kind) {
    case TRANSPORT:
        entry_transport(e, spec->transports[i]);
        break;
    case TRACK:
        entry_track(e, spec->tracks[i]);
        break;
    case SUBSCRIPTION:
        entry_subscription(e, spec->subscriptions[i]);
        break;
    default:
        entry_edge(e, spec->edges[i]);
        break;
    }
    return e;
}

static size_t spec_count(const spec_message *spec, enum kind kind)
{
    const size_t counts[KINDS] = {spec->n_transports, spec->n_tracks, spec->n_subscriptions,
                                  spec->n_edges};
    return counts[kind];
}

static size_t holding_count(const struct holding *h, enum kind kind)
{
    size_t count = 0;
    for (const struct entry *e = h->entries; e != NULL; e = e->hh.next) {
        count += e->key.kind == kind;
    }
    return count;
}

/* ---- Specs --------------------------------------------------------------------------------- */

static const char *const kind_names[KINDS] = {"transport", "track", "subscription", "edge"};

/* A whole spec says what the deltas before it said. */
static void compare(const struct fake *fake, const struct holding *h, const spec_message *spec)
{
    for (enum kind kind = TRANSPORT; kind < KINDS; kind++) {
        size_t count = spec_count(spec, kind);
        for (size_t i = 0; i < count; i++) {
            struct entry *e = entry_of(kind, spec, i);
            const struct entry *had = entry_find(h, kind, e->key.id);
            if (had == NULL) {
                fail(fake->id, h->room, "no delta told of %s %llu", kind_names[kind],
                     (unsigned long long)e->key.id);
            }
            if (had->len != e->len || memcmp(had->data, e->data, e->len) != 0) {
                fail(fake->id, h->room, "no delta told of a change of %s %llu", kind_names[kind],
                     (unsigned long long)e->key.id);
            }
            free(e->data);
            free(e);
        }
        if (count != holding_count(h, kind)) {
            fail(fake->id, h->room, "%zu of kind %s are there, and %zu should be",
                 holding_count(h, kind), kind_names[kind], count);
        }
    }
}

/* A track that is relayed here from now on does not go with its publisher's transport. */
static void release_tracks(struct holding *h, const spec_message *spec)
{
    for (size_t i = 0; i < spec->n_tracks; i++) {
        struct entry *e = entry_find(h, TRACK, spec->tracks[i]->id);
        if (e != NULL && spec->tracks[i]->transport == 0) {
            e->transport = 0;
        }
    }
}

static void take_removals(struct holding *h, const spec_message *spec)
{
    release_tracks(h, spec);
    for (size_t i = 0; i < spec->n_removed_subscriptions; i++) {
        entry_remove_tree(h, SUBSCRIPTION, spec->removed_subscriptions[i]);
    }
    for (size_t i = 0; i < spec->n_removed_edges; i++) {
        entry_remove_tree(h, EDGE, spec->removed_edges[i]);
    }
    for (size_t i = 0; i < spec->n_removed_tracks; i++) {
        entry_remove_tree(h, TRACK, spec->removed_tracks[i]);
    }
    for (size_t i = 0; i < spec->n_removed_transports; i++) {
        entry_remove_tree(h, TRANSPORT, spec->removed_transports[i]);
    }
}

static bool resumes(const spec_message *spec, enum kind kind, size_t i)
{
    return kind == SUBSCRIPTION && spec->subscriptions[i]->resume != NULL;
}

static void take_entries(struct orch_nodes *nodes, const struct fake *fake, struct holding *h,
                         const spec_message *spec)
{
    struct entry *old = h->entries;
    bool whole = spec->base_version == 0;
    struct holding before = {.entries = whole ? old : NULL};
    if (whole) {
        h->entries = NULL;
    }
    for (enum kind kind = TRANSPORT; kind < KINDS; kind++) {
        for (size_t i = 0; i < spec_count(spec, kind); i++) {
            struct entry *e = entry_of(kind, spec, i);
            struct entry *had = entry_find(whole ? &before : h, kind, e->key.id);
            e->claimed =
                resumes(spec, kind, i) || (had != NULL && had->claimed && had->ssrc == e->ssrc);
            if (had != NULL && !whole) {
                entry_remove(h, had);
            }
            HASH_ADD(hh, h->entries, key, sizeof(e->key), e);
        }
    }
    holding_clear(&before);
    claim_all(nodes, fake, h);
}

static void take(struct orch_nodes *nodes, struct fake *fake, struct holding *h,
                 const spec_message *spec)
{
    bool whole = spec->base_version == 0;
    if (spec->dropped) {
        holding_clear(h);
        h->behind = h->asked = false;
        return;
    }
    if (!whole && (!h->held || h->version != spec->base_version)) {
        if (!h->behind) {
            fail(fake->id, h->room, "a delta of version %llu, and %llu is there",
                 (unsigned long long)spec->base_version, (unsigned long long)h->version);
        }
        return;
    }
    if (whole && h->asked) {
        compare(fake, h, spec);
    }
    if (whole) {
        h->asked = h->behind = false;
    } else {
        take_removals(h, spec);
    }
    take_entries(nodes, fake, h, spec);
    h->held = true;
    h->epoch = spec->epoch;
    h->version = spec->version;
}

/* ---- Node cores ---------------------------------------------------------------------------- */

/* Nodes tell every port at every address. */
static void add_endpoint(struct node_endpoint *list, size_t *count,
                         const Spillway__Control__Endpoint *endpoint)
{
    bool tcp = endpoint->protocol == SPILLWAY__CONTROL__ENDPOINT__PROTOCOL__TCP;
    const struct node_endpoint added = {tcp ? NODE_TCP : NODE_UDP, (uint16_t)endpoint->port};
    for (size_t i = 0; i < *count; i++) {
        if (list[i].port == added.port && list[i].protocol == added.protocol) {
            return;
        }
    }
    assert(*count < ENDPOINTS_MAX);
    list[(*count)++] = added;
}

static void add_address(struct net_addr *list, size_t *count,
                        const Spillway__Control__Endpoint *endpoint)
{
    struct net_addr added;
    int err = net_from_text(&added, endpoint->ip, 0);
    assert(err == 0);
    for (size_t i = 0; i < *count; i++) {
        if (net_equal(&list[i], &added)) {
            return;
        }
    }
    assert(*count < NODE_ADVERTISE_MAX);
    list[(*count)++] = added;
}

static void core_start(struct orch_nodes *nodes, struct fake *fake, int64_t now_us)
{
    const Spillway__Control__Register *said = fake->said;
    struct node_endpoint endpoints[ENDPOINTS_MAX];
    struct net_addr addresses[NODE_ADVERTISE_MAX];
    size_t endpoint_count = 0, address_count = 0;
    for (size_t i = 0; i < said->n_endpoints; i++) {
        add_endpoint(endpoints, &endpoint_count, said->endpoints[i]);
        add_address(addresses, &address_count, said->endpoints[i]);
    }
    const struct node_config config = {
        .id = fake->id,
        .name = fake->id,
        .region = said->region,
        .zone = "",
        .version = "0",
        .capacity = 1000,
        .endpoints = endpoints,
        .endpoint_count = endpoint_count,
        .advertise = addresses,
        .advertise_count = address_count,
        .link_count = 1,
        .outbox_slots = OUTBOX_SLOTS,
        .random = prng_source(&nodes->prng),
    };
    fake->core = node_new(&config, now_us);
}

static void answer(struct orch_nodes *nodes, const char *id, struct bytes message)
{
    nodes->answers = mem_grow(nodes->answers, nodes->answer_count + 1, sizeof(*nodes->answers));
    struct orch_nodes_answer *a = &nodes->answers[nodes->answer_count++];
    snprintf(a->id, sizeof(a->id), "%s", id);
    a->data = mem_copy(message.data, message.len);
    a->len = message.len;
}

/* False: refused for want of place, and nothing of it is there. */
static bool check_ack(const struct fake *fake, const struct holding *h, struct bytes bytes)
{
    bool full = false;
    ProtobufCMessage *unpacked;
    int err = wire_unpack(&spillway__control__node_message__descriptor, bytes, &unpacked);
    assert(err == 0);
    const Spillway__Control__NodeMessage *m = (const Spillway__Control__NodeMessage *)unpacked;
    if (m->message_case == SPILLWAY__CONTROL__NODE_MESSAGE__MESSAGE_SPEC_ACK) {
        const Spillway__Control__SpecAck *ack = m->spec_ack;
        bool lacks = ack->result == SPILLWAY__CONTROL__SPEC_ACK__RESULT__NEED_WHOLE;
        full = ack->result == SPILLWAY__CONTROL__SPEC_ACK__RESULT__FULL;
        if (!full && ack->result != SPILLWAY__CONTROL__SPEC_ACK__RESULT__APPLIED &&
            !(lacks && h->behind)) {
            fail(fake->id, h->room, "the node answers %d: %s", (int)ack->result, ack->reason);
        }
    }
    protobuf_c_message_free_unpacked(unpacked, NULL);
    return !full;
}

/* False: what was sent was refused for want of place. */
static bool core_drain(struct orch_nodes *nodes, const struct fake *fake, const struct holding *h)
{
    bool taken = true;
    struct outbox_packet packets[64];
    struct node_message message;
    while (node_poll_packets(fake->core, packets, ARRAY_LEN(packets)) > 0) {
    }
    while (node_poll_control(fake->core, &message)) {
        taken = check_ack(fake, h, message.bytes) && taken;
        answer(nodes, fake->id, message.bytes);
    }
    while (node_poll_tunnel(fake->core, &message)) {
    }
    return taken;
}

static void check_counts(const struct fake *fake, const struct holding *h)
{
    struct node_room_view view;
    bool there = node_room(fake->core, h->room, &view);
    if (there != h->held) {
        fail(fake->id, h->room, "the node %s the room", there ? "still holds" : "does not hold");
    }
    if (!there) {
        return;
    }
    const size_t counts[KINDS] = {view.transports, view.tracks, view.subscriptions, view.edges};
    for (enum kind kind = TRANSPORT; kind < KINDS; kind++) {
        if (counts[kind] != holding_count(h, kind)) {
            fail(fake->id, h->room, "the node holds %zu of kind %s instead of %zu", counts[kind],
                 kind_names[kind], holding_count(h, kind));
        }
    }
}

/* ---- From outside -------------------------------------------------------------------------- */

struct orch_nodes *orch_nodes_new(void)
{
    struct orch_nodes *nodes = mem_alloc(sizeof(*nodes));
    prng_seed(&nodes->prng, 2);
    return nodes;
}

static void fake_forget(struct fake *fake)
{
    while (fake->holdings != NULL) {
        struct holding *h = fake->holdings;
        holding_clear(h);
        HASH_DEL(fake->holdings, h);
        free(h);
    }
    if (fake->core != NULL) {
        node_free(fake->core);
        fake->core = NULL;
    }
}

static void register_free(Spillway__Control__Register **message)
{
    if (*message != NULL) {
        spillway__control__register__free_unpacked(*message, NULL);
        *message = NULL;
    }
}

void orch_nodes_free(struct orch_nodes *nodes)
{
    struct fake *fake, *next;
    HASH_ITER(hh, nodes->fakes, fake, next)
    {
        fake_forget(fake);
        register_free(&fake->said);
        register_free(&fake->saying);
        HASH_DEL(nodes->fakes, fake);
        free(fake);
    }
    struct used *used, *next_used;
    HASH_ITER(hh, nodes->used, used, next_used)
    {
        HASH_DEL(nodes->used, used);
        free(used);
    }
    for (size_t i = nodes->answered; i < nodes->answer_count; i++) {
        free(nodes->answers[i].data);
    }
    free(nodes->answers);
    free(nodes);
}

static struct fake *fake_of(struct orch_nodes *nodes, const char *id)
{
    struct fake *fake;
    HASH_FIND_STR(nodes->fakes, id, fake);
    if (fake == NULL) {
        fake = mem_alloc(sizeof(*fake));
        snprintf(fake->id, sizeof(fake->id), "%s", id);
        HASH_ADD_STR(nodes->fakes, id, fake);
    }
    return fake;
}

void orch_nodes_registers(struct orch_nodes *nodes, const char *id,
                          const Spillway__Control__Register *said)
{
    if (strlen(id) >= ID_MAX) {
        return; /* refused anyway */
    }
    struct fake *fake = fake_of(nodes, id);
    register_free(&fake->saying);
    size_t len;
    uint8_t *packed = wire_pack(&said->base, &len);
    fake->saying = spillway__control__register__unpack(NULL, len, packed);
    free(packed);
}

/* Accepted, or refused: then it goes on as it was. */
static void registered(struct fake *fake, const Spillway__Control__Registered *answer)
{
    if (fake == NULL || fake->saying == NULL || answer->refused[0] != '\0') {
        return;
    }
    if (fake->saying->n_rooms == 0) {
        fake_forget(fake);
    }
    register_free(&fake->said);
    fake->down = false;
    fake->said = fake->saying;
    fake->saying = NULL;
}

static struct holding *holding_of(struct fake *fake, const char *room)
{
    struct holding *h;
    HASH_FIND_STR(fake->holdings, room, h);
    if (h == NULL) {
        h = mem_alloc(sizeof(*h));
        snprintf(h->room, sizeof(h->room), "%s", room);
        HASH_ADD_STR(fake->holdings, room, h);
    }
    return h;
}

void orch_nodes_down(struct orch_nodes *nodes, const char *id)
{
    fake_of(nodes, id)->down = true;
}

void orch_nodes_lose(struct orch_nodes *nodes, const char *id, const spec_message *spec)
{
    struct holding *h = holding_of(fake_of(nodes, id), spec->room);
    h->behind = true;
    h->asked = false;
}

static void receive_spec(struct orch_nodes *nodes, int64_t now_us, struct fake *fake,
                         const spec_message *spec, struct bytes message)
{
    struct holding *h = holding_of(fake, spec->room);
    if (fake->core == NULL) {
        core_start(nodes, fake, now_us);
    }
    node_control(fake->core, now_us, 0, message);
    if (core_drain(nodes, fake, h)) {
        take(nodes, fake, h, spec);
    } else {
        h->behind = true;
        h->asked = false;
    }
    if (!h->behind) {
        check_counts(fake, h);
    }
}

void orch_nodes_receive(struct orch_nodes *nodes, int64_t now_us, const char *id,
                        struct bytes message)
{
    struct fake *fake;
    HASH_FIND_STR(nodes->fakes, id, fake);
    ProtobufCMessage *unpacked;
    int err = wire_unpack(&spillway__control__orchestrator_message__descriptor, message, &unpacked);
    assert(err == 0);
    Spillway__Control__OrchestratorMessage *m = (Spillway__Control__OrchestratorMessage *)unpacked;
    if (m->message_case == SPILLWAY__CONTROL__ORCHESTRATOR_MESSAGE__MESSAGE_SPEC) {
        if (fake == NULL || fake->said == NULL) {
            /* a test speaks for it alone */
        } else if (fake->down) {
            orch_nodes_lose(nodes, id, m->spec);
        } else {
            receive_spec(nodes, now_us, fake, m->spec, message);
        }
    } else if (m->message_case == SPILLWAY__CONTROL__ORCHESTRATOR_MESSAGE__MESSAGE_REGISTERED) {
        registered(fake, m->registered);
    }
    protobuf_c_message_free_unpacked(unpacked, NULL);
}

bool orch_nodes_answers(struct orch_nodes *nodes, struct orch_nodes_answer *out)
{
    if (nodes->answered == nodes->answer_count) {
        nodes->answered = nodes->answer_count = 0;
        return false;
    }
    *out = nodes->answers[nodes->answered++];
    return true;
}

void orch_nodes_compare(struct orch_nodes *nodes)
{
    for (struct fake *fake = nodes->fakes; fake != NULL; fake = fake->hh.next) {
        for (struct holding *h = fake->holdings; h != NULL; h = h->hh.next) {
            if (!h->held || h->behind || h->version < 2 || fake->down) {
                continue; /* version 1 is whole itself */
            }
            Spillway__Control__NodeMessage message = SPILLWAY__CONTROL__NODE_MESSAGE__INIT;
            Spillway__Control__SpecAck ack = SPILLWAY__CONTROL__SPEC_ACK__INIT;
            message.message_case = SPILLWAY__CONTROL__NODE_MESSAGE__MESSAGE_SPEC_ACK;
            message.spec_ack = &ack;
            ack.room = h->room;
            ack.epoch = h->epoch;
            ack.version = 1; /* not 0: it has not lost the room */
            ack.result = SPILLWAY__CONTROL__SPEC_ACK__RESULT__NEED_WHOLE;
            ack.reason = (char *)"";
            size_t len;
            uint8_t *packed = wire_pack(&message.base, &len);
            answer(nodes, fake->id, (struct bytes){packed, len});
            free(packed);
            h->asked = true;
        }
    }
}

void orch_nodes_compared(struct orch_nodes *nodes)
{
    for (struct fake *fake = nodes->fakes; fake != NULL; fake = fake->hh.next) {
        for (const struct holding *h = fake->holdings; h != NULL; h = h->hh.next) {
            if (h->asked) {
                fail(fake->id, h->room, "the orchestrator knows nothing of the room there");
            }
        }
    }
}

size_t orch_nodes_rooms(const struct orch_nodes *nodes)
{
    size_t count = 0;
    for (const struct fake *fake = nodes->fakes; fake != NULL; fake = fake->hh.next) {
        count += fake->core == NULL ? 0 : node_room_count(fake->core);
    }
    return count;
}

Spillway__Control__RoomVersion **orch_nodes_held(const struct orch_nodes *nodes, const char *id,
                                                 struct arena *arena, size_t *count)
{
    struct fake *fake;
    HASH_FIND_STR(nodes->fakes, id, fake);
    *count = 0;
    if (fake == NULL) {
        return NULL;
    }
    Spillway__Control__RoomVersion **list =
        arena_array(arena, HASH_COUNT(fake->holdings), sizeof(*list));
    for (struct holding *h = fake->holdings; h != NULL; h = h->hh.next) {
        if (h->held) {
            Spillway__Control__RoomVersion *version = arena_alloc(arena, sizeof(*version));
            spillway__control__room_version__init(version);
            version->room = h->room;
            version->epoch = h->epoch;
            version->version = h->version;
            list[(*count)++] = version;
        }
    }
    return list;
}
