/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/lib/cluster_world.h"

#include "proto/gen/client.pb-c.h"
#include "proto/wire/wire.h"

#include <stdio.h>
#include <stdlib.h>
#include <utlist.h>

static const char *const ids[SITES] = {"OR_1", "OR_2", "OR_3"};

static size_t index_of(size_t at, size_t peer)
{
    return peer < at ? peer : peer - 1;
}

static size_t peer_of(size_t at, size_t index)
{
    return index < at ? index : index + 1;
}

static struct parcel *put(struct parcel **queue)
{
    struct parcel *parcel = mem_alloc(sizeof(*parcel));
    DL_APPEND(*queue, parcel);
    return parcel;
}

static void drop(struct parcel **queue, struct parcel *parcel)
{
    DL_DELETE(*queue, parcel);
    free(parcel->data);
    free(parcel);
}

static void clear(struct parcel **queue)
{
    while (*queue != NULL) {
        drop(queue, *queue);
    }
}

/* ---- The store ----------------------------------------------------------------------------- */

static struct row *find_row(struct cluster_world *w, const char *room)
{
    for (size_t i = 0; i < ARRAY_LEN(w->rows); i++) {
        if (w->rows[i].used && strcmp(w->rows[i].room, room) == 0) {
            return &w->rows[i];
        }
    }
    return NULL;
}

static struct row *new_row(struct cluster_world *w, const char *room)
{
    for (size_t i = 0; i < ARRAY_LEN(w->rows); i++) {
        if (!w->rows[i].used) {
            w->rows[i] = (struct row){.used = true};
            snprintf(w->rows[i].room, sizeof(w->rows[i].room), "%s", room);
            return &w->rows[i];
        }
    }
    unreachable();
}

static void answer(struct cluster_world *w, size_t site, const struct parcel *question)
{
    struct parcel *out = put(&w->answers[site]);
    struct row *row = find_row(w, question->room);
    snprintf(out->room, sizeof(out->room), "%s", question->room);
    if (w->store_away) {
        out->err = ERR_IO;
        return;
    }
    bool present = row != NULL && w->alive[row->owner];
    if (!question->look && !present) {
        if (row == NULL) {
            row = new_row(w, question->room);
        }
        row->owner = site;
        row->epoch = MAX(row->epoch + 1, question->epoch);
        w->last_epoch = row->epoch;
        present = true;
    }
    if (present) {
        snprintf(out->owner, sizeof(out->owner), "%s", ids[row->owner]);
        out->epoch = row->epoch;
    }
}

static void place_on(struct cluster_world *w, size_t at, const char *room, const char *request,
                     const char *node)
{
    struct world *site = &w->sites[at];
    bool full = node != NULL && node[0] == '\0';
    cluster_placed(site->cluster, site->now_us,
                   &(struct cluster_placed){.room = room,
                                            .request = request,
                                            .answer = node == NULL ? ORCH_PLACE_FAILED
                                                      : full       ? ORCH_PLACE_FULL
                                                                   : ORCH_PLACE_NODE,
                                            .node = node,
                                            .owner = ""});
}

void cluster_world_place(struct cluster_world *w, size_t site, const char *node)
{
    struct parcel *parcel = w->places[site];
    assert(parcel != NULL);
    DL_DELETE(w->places[site], parcel);
    place_on(w, site, parcel->room, parcel->request, node);
    world_drain(&w->sites[site]);
    free(parcel->data);
    free(parcel);
}

static void place(struct cluster_world *w, size_t from, const struct effect *effect)
{
    const char *first = (const char *)effect->data;
    if ((!w->places_wait && !w->places_late) || w->store_away) {
        place_on(w, from, effect->name, effect->text, w->store_away ? NULL : first);
        return;
    }
    struct parcel *parcel = put(&w->places[from]);
    snprintf(parcel->room, sizeof(parcel->room), "%s", effect->name);
    snprintf(parcel->request, sizeof(parcel->request), "%s", effect->text);
    parcel->data = mem_copy(effect->data, effect->len);
    parcel->len = effect->len;
}

/* ---- Effects ------------------------------------------------------------------------------- */

static void on_effect(struct world *site, const struct effect *effect)
{
    struct cluster_world *w = site->arg;
    size_t from = (size_t)(site - w->sites);
    struct parcel *parcel;
    struct row *row;
    switch (effect->type) {
    case EFFECT_PEER_SEND:
        parcel = put(&w->links[from][peer_of(from, effect->id)]);
        parcel->data = mem_copy(effect->data, effect->len);
        parcel->len = effect->len;
        w->bytes += effect->len;
        w->messages++;
        break;
    case EFFECT_STORE_CLAIM:
        parcel = put(&w->questions[from]);
        snprintf(parcel->room, sizeof(parcel->room), "%s", effect->name);
        parcel->epoch = effect->epoch;
        parcel->look = effect->status != 0;
        break;
    case EFFECT_STORE_PLACE:
        place(w, from, effect);
        break;
    case EFFECT_STORE_ROOM_GONE: /* at once: nothing here is about its being late */
        row = find_row(w, effect->name);
        if (row != NULL && row->owner == from && row->epoch == effect->epoch) {
            row->used = false;
        }
        break;
    default:
        break;
    }
}

/* ---- Delivery ------------------------------------------------------------------------------ */

static struct parcel **queue_at(struct cluster_world *w, size_t i)
{
    if (i < SITES * SITES) {
        return &w->links[i / SITES][i % SITES];
    }
    struct parcel **queues[] = {w->questions, w->answers, w->places};
    i -= SITES * SITES;
    return &queues[i / SITES][i % SITES];
}

#define QUEUES (SITES * SITES + 3 * SITES)

/* Nothing goes from one to the other. */
static bool is_cut(const struct cluster_world *w, size_t from, size_t to)
{
    return (from == w->cut_off) != (to == w->cut_off);
}

static bool has_some(struct cluster_world *w, size_t i)
{
    if (i < SITES * SITES && is_cut(w, i / SITES, i % SITES)) {
        return false;
    }
    return *queue_at(w, i) != NULL && (i < QUEUES - SITES || w->places_late);
}

size_t cluster_world_choices(const struct cluster_world *w)
{
    size_t count = 0;
    for (size_t i = 0; i < QUEUES; i++) {
        count += has_some((struct cluster_world *)(uintptr_t)w, i);
    }
    return count;
}

static void deliver_from(struct cluster_world *w, size_t i)
{
    struct parcel **queue = queue_at(w, i), *parcel = *queue;
    if (i >= QUEUES - SITES) {
        char first[ID_MAX];
        snprintf(first, sizeof(first), "%s", (const char *)parcel->data);
        cluster_world_place(w, i - (QUEUES - SITES), first);
        return;
    }
    DL_DELETE(*queue, parcel);
    if (i < SITES * SITES) {
        size_t from = i / SITES, to = i % SITES;
        struct world *site = &w->sites[to];
        cluster_peer_message(site->cluster, site->now_us, index_of(to, from),
                             (struct bytes){parcel->data, parcel->len});
        world_drain(site);
    } else if (i < SITES * SITES + SITES) {
        answer(w, i - SITES * SITES, parcel);
    } else {
        struct world *site = &w->sites[i - SITES * SITES - SITES];
        cluster_claimed(site->cluster, site->now_us, parcel->room, parcel->err, parcel->owner,
                        parcel->epoch);
        world_drain(site);
    }
    free(parcel->data);
    free(parcel);
}

void cluster_world_deliver(struct cluster_world *w, size_t choice)
{
    for (size_t i = 0; i < QUEUES; i++) {
        if (has_some(w, i) && choice-- == 0) {
            deliver_from(w, i);
            return;
        }
    }
    unreachable();
}

void cluster_world_deliver_link(struct cluster_world *w, size_t from, size_t to)
{
    while (w->links[from][to] != NULL) {
        deliver_from(w, from * SITES + to);
    }
}

void cluster_world_deliver_store(struct cluster_world *w, size_t site)
{
    while (w->questions[site] != NULL) {
        deliver_from(w, SITES * SITES + site);
    }
    while (w->answers[site] != NULL) {
        deliver_from(w, SITES * SITES + SITES + site);
    }
}

void cluster_world_settle(struct cluster_world *w)
{
    size_t steps = 0;
    while (cluster_world_choices(w) > 0) {
        cluster_world_deliver(w, 0);
        assert(++steps < 10000); /* they talk without end */
    }
}

static void hear_nodes(struct cluster_world *w, size_t site)
{
    w->beats++;
    if (site != w->cut_off) {
        world_heartbeat(&w->sites[site], "ND_a", w->beats);
    }
    if (w->second && (w->cut_off == SITES || site == w->cut_off)) {
        world_heartbeat(&w->sites[site], "ND_b", w->beats);
    }
}

void cluster_world_advance(struct cluster_world *w, int64_t us)
{
    for (int64_t passed = 0; passed < us; passed += TIME_MS(50)) {
        for (size_t i = 0; i < SITES; i++) {
            if (w->alive[i]) {
                world_advance(&w->sites[i], TIME_MS(50));
                hear_nodes(w, i);
            }
        }
        cluster_world_settle(w);
    }
}

/* ---- Faults -------------------------------------------------------------------------------- */

void cluster_world_link(struct cluster_world *w, size_t from, size_t to, bool up)
{
    struct world *a = &w->sites[from], *b = &w->sites[to];
    clear(&w->links[from][to]);
    if (w->alive[from]) {
        cluster_peer_link(a->cluster, a->now_us, index_of(from, to), up);
        world_drain(a);
    }
    if (!up && w->alive[to]) {
        cluster_peer_lost(b->cluster, b->now_us, index_of(to, from));
        world_drain(b);
    }
}

void cluster_world_second_node(struct cluster_world *w)
{
    w->second = true;
    for (size_t i = 0; i < SITES; i++) {
        w->sites[i].node_region = "r2";
        world_node(&w->sites[i], "ND_b");
        (void)world_story(&w->sites[i]);
    }
}

void cluster_world_cut_off(struct cluster_world *w, size_t site)
{
    w->cut_off = site;
    cluster_world_settle(w);
}

void cluster_world_kill(struct cluster_world *w, size_t site)
{
    w->alive[site] = false;
    clear(&w->questions[site]);
    clear(&w->answers[site]);
    clear(&w->places[site]);
    for (size_t other = 0; other < SITES; other++) {
        if (other != site) {
            cluster_world_link(w, other, site, false);
            cluster_world_link(w, site, other, false);
        }
    }
    for (size_t other = 0; other < SITES; other++) {
        clear(&w->links[site][other]);
        clear(&w->links[other][site]);
    }
}

void cluster_world_store_up(struct cluster_world *w, bool up)
{
    w->store_away = !up;
    for (size_t i = 0; i < SITES; i++) {
        struct world *site = &w->sites[i];
        if (up) {
            cluster_store_up(site->cluster, site->now_us);
        } else {
            cluster_store_down(site->cluster, site->now_us);
        }
        world_drain(site);
    }
}

/* ---- Life ---------------------------------------------------------------------------------- */

static void init(struct cluster_world *w, const char *const regions[SITES], bool seals)
{
    *w = (struct cluster_world){.cut_off = SITES};
    for (size_t i = 0; i < SITES; i++) {
        world_init_site(&w->sites[i], &(struct world_site){.id = ids[i],
                                                           .region = regions[i],
                                                           .number = i + 1,
                                                           .peer_count = SITES - 1,
                                                           .seals = seals});
        w->alive[i] = true;
        w->sites[i].arg = w;
        w->sites[i].elsewhere = on_effect;
        w->sites[i].request = CLUSTER_ID(i, 1000);
        world_node(&w->sites[i], "ND_a");
    }
    cluster_world_store_up(w, true);
    for (size_t i = 0; i < SITES; i++) {
        for (size_t j = 0; j < SITES; j++) {
            if (i != j) {
                cluster_world_link(w, i, j, true);
            }
        }
    }
    cluster_world_settle(w);
    for (size_t i = 0; i < SITES; i++) {
        (void)world_story(&w->sites[i]);
    }
}

void cluster_world_init(struct cluster_world *w, const char *const regions[SITES])
{
    init(w, regions, false);
}

void cluster_world_init_sealed(struct cluster_world *w, const char *const regions[SITES])
{
    init(w, regions, true);
}

void cluster_world_fini(struct cluster_world *w)
{
    for (size_t i = 0; i < QUEUES; i++) {
        clear(queue_at(w, i));
    }
    for (size_t i = 0; i < SITES; i++) {
        clear(&w->places[i]);
        world_fini(&w->sites[i]);
    }
}

size_t cluster_world_owner(const struct cluster_world *w, const char *room)
{
    size_t owner = SITES;
    for (size_t i = 0; i < SITES; i++) {
        if (w->alive[i] && orch_has_room(w->sites[i].orch, room)) {
            assert(owner == SITES);
            owner = i;
        }
    }
    return owner;
}

/* ---- Clients ------------------------------------------------------------------------------- */

void cluster_world_join(struct cluster_world *w, size_t site, uint64_t n, const char *room,
                        const char *identity, bool reconnect)
{
    world_join(&w->sites[site], CLUSTER_ID(site, n),
               &(struct world_join){.room = room,
                                    .identity = identity,
                                    .offer_file = reconnect ? NULL : "chromium-join.offer",
                                    .reconnect = reconnect});
}

void cluster_world_disconnect(struct cluster_world *w, size_t site, uint64_t n)
{
    struct world *at = &w->sites[site];
    cluster_disconnected(at->cluster, at->now_us, CLUSTER_ID(site, n));
    world_drain(at);
}

void cluster_world_channels(struct cluster_world *w, size_t site, size_t transport)
{
    static const char *const labels[] = {"_reliable", "_lossy"};
    struct world *at = &w->sites[site];
    for (uint16_t stream = 0; stream < ARRAY_LEN(labels); stream++) {
        cluster_channel_opened(at->cluster, at->now_us, at->transports[transport - 1], stream,
                               labels[stream]);
        world_drain(at);
    }
}

void cluster_world_data(struct cluster_world *w, size_t site, size_t transport, const char *payload)
{
    struct world *at = &w->sites[site];
    Livekit__UserPacket user = LIVEKIT__USER_PACKET__INIT;
    Livekit__DataPacket packet = LIVEKIT__DATA_PACKET__INIT;
    user.payload = (ProtobufCBinaryData){strlen(payload), (uint8_t *)(uintptr_t)payload};
    packet.value_case = LIVEKIT__DATA_PACKET__VALUE_USER;
    packet.user = &user;
    size_t len;
    uint8_t *data = wire_pack(&packet.base, &len);
    cluster_channel_message(at->cluster, at->now_us, at->transports[transport - 1], 0,
                            (struct bytes){data, len});
    world_drain(at);
    free(data);
}

const char *cluster_world_story(struct cluster_world *w, size_t site)
{
    return world_story(&w->sites[site]);
}
