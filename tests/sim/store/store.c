/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/store/store.h"

#include "tests/sim/store/seats.h"

#include <stdio.h>
#include <stdlib.h>

#define ROWS    64
#define PRESENT 64
#define LAG_US  TIME_MS(400) /* of the replica, at most */
#define WAITING 256          /* questions while it hangs */

struct row {
    char room[STORE_NAME_MAX]; /* "": none */
    char owner[ID_MAX];
    uint64_t epoch;
};

struct presence {
    char id[ID_MAX];
    int64_t until_us;
};

struct copy {
    struct row rows[ROWS];
    struct presence present[PRESENT];
};

/* What the replica still has to hear. */
struct change {
    unsigned life;
    struct row row;
    struct presence presence;
};

struct waiting {
    struct net_link *link;
    struct store_word word;
};

struct store {
    struct events *events;
    struct net *net;
    struct prng prng;
    size_t host;
    bool hung;
    unsigned life;
    struct copy primary, replica;
    struct seats seats;
    int64_t replica_us; /* no change arrives there before */
    struct waiting waiting[WAITING];
    size_t waiting_count;
};

/* ---- Copies -------------------------------------------------------------------------------- */

/* "": a vacant one. */
static struct row *row_of(struct copy *copy, const char *room)
{
    for (size_t i = 0; i < ROWS; i++) {
        if (strcmp(copy->rows[i].room, room) == 0) {
            return &copy->rows[i];
        }
    }
    return NULL;
}

/* No owner: no row. */
static void put_row(struct copy *copy, const struct row *row)
{
    struct row *at = row_of(copy, row->room);
    at = at == NULL ? row_of(copy, "") : at;
    assert(at != NULL);
    *at = row->owner[0] == '\0' ? (struct row){0} : *row;
}

/* One whose time is over makes room. */
static void put_presence(struct copy *copy, const struct presence *presence)
{
    struct presence *at = &copy->present[0];
    for (size_t i = 0; i < PRESENT; i++) {
        if (strcmp(copy->present[i].id, presence->id) == 0) {
            at = &copy->present[i];
            break;
        }
        if (copy->present[i].until_us < at->until_us) {
            at = &copy->present[i];
        }
    }
    *at = *presence;
}

static void put(struct copy *copy, const struct change *change)
{
    if (change->row.room[0] != '\0') {
        put_row(copy, &change->row);
    }
    if (change->presence.id[0] != '\0') {
        put_presence(copy, &change->presence);
    }
}

static void replicate(void *arg, void *detail)
{
    struct store *store = arg;
    const struct change *change = detail;
    if (change->life == store->life) {
        put(&store->replica, change);
    }
}

static void change(struct store *store, struct change change)
{
    change.life = store->life;
    put(&store->primary, &change);
    int64_t lag_us = (int64_t)prng_below(&store->prng, LAG_US);
    store->replica_us = MAX(store->replica_us, events_now(store->events) + lag_us);
    events_at(store->events, store->replica_us, replicate, store,
              mem_copy(&change, sizeof(change)));
}

static bool is_present(const struct store *store, const char *id)
{
    for (size_t i = 0; i < PRESENT; i++) {
        const struct presence *presence = &store->primary.present[i];
        if (strcmp(presence->id, id) == 0) {
            return presence->until_us > events_now(store->events);
        }
    }
    return false;
}

/* ---- Scripts ------------------------------------------------------------------------------- */

static struct change set_row(const struct store_word *word, uint64_t epoch)
{
    struct change change = {.row = {.epoch = epoch}};
    snprintf(change.row.room, sizeof(change.row.room), "%s", word->room);
    snprintf(change.row.owner, sizeof(change.row.owner), "%s", word->owner);
    return change;
}

static void presence(struct store *store, const char *id)
{
    struct change renewed = {
        .presence = {.until_us = events_now(store->events) + STORE_PRESENT_US}};
    snprintf(renewed.presence.id, sizeof(renewed.presence.id), "%s", id);
    change(store, renewed);
}

static void claim(struct store *store, struct store_word *word, const struct row *row, bool present)
{
    presence(store, word->owner);
    bool mine = strcmp(row->owner, word->owner) == 0;
    bool died = row->owner[0] != '\0' && strcmp(row->owner, word->over) == 0;
    if (mine ? row->epoch >= word->epoch : present && !died) {
        snprintf(word->owner, sizeof(word->owner), "%s", row->owner);
        word->epoch = row->epoch;
        return;
    }
    word->epoch = MAX(row->epoch + 1, word->epoch);
    change(store, set_row(word, word->epoch));
}

/* An answer is asked for once only, so none was given before. */
static void place(struct store *store, struct store_word *word, const struct row *row)
{
    bool known;
    bool newer = row->epoch > word->epoch ||
                 (row->epoch == word->epoch && strcmp(row->owner, word->owner) != 0);
    if (row->owner[0] != '\0' && newer) {
        word->placed = STORE_STALE;
        snprintf(word->owner, sizeof(word->owner), "%s", row->owner);
        word->epoch = row->epoch;
        return;
    }
    const char *node = seats_take(&store->seats, events_now(store->events),
                                  (struct bytes){(const uint8_t *)word->ids, word->ids_len},
                                  word->weight, word->permille, &known);
    word->placed = node != NULL ? STORE_PLACED : known ? STORE_FULL : STORE_UNKNOWN;
    if (node != NULL) {
        snprintf(word->node, sizeof(word->node), "%s", node);
        change(store, set_row(word, word->epoch));
    }
}

/* The answer says who has the room after it. */
static void carry_out(struct store *store, struct store_word *word)
{
    const struct row *found = row_of(&store->primary, word->room);
    struct row row = found == NULL ? (struct row){0} : *found;
    bool present = row.owner[0] != '\0' && is_present(store, row.owner);
    bool mine = strcmp(row.owner, word->owner) == 0;
    struct change gone;
    switch (word->verb) {
    case STORE_PRESENT:
        presence(store, word->owner);
        break;
    case STORE_CLAIM:
        claim(store, word, &row, present);
        break;
    case STORE_LOOK:
        snprintf(word->owner, sizeof(word->owner), "%s", present ? row.owner : "");
        word->epoch = present ? row.epoch : 0;
        break;
    case STORE_RENEW:
        if (present && !mine && row.epoch > word->epoch) {
            snprintf(word->owner, sizeof(word->owner), "%s", row.owner);
        } else {
            change(store, set_row(word, word->epoch));
        }
        break;
    case STORE_LOAD:
        seats_heard(&store->seats, events_now(store->events), word->node, word->weight,
                    word->capacity);
        break;
    case STORE_PLACE:
        place(store, word, &row);
        break;
    case STORE_RELEASE:
        if (mine && row.epoch == word->epoch) {
            gone = set_row(word, 0);
            gone.row.owner[0] = '\0';
            change(store, gone);
        }
        break;
    }
}

/* ---- Connections --------------------------------------------------------------------------- */

static void on_up(void *arg, struct net_link *link)
{
    (void)arg;
    (void)link;
}

static void answer(struct store *store, struct net_link *link, struct store_word word)
{
    carry_out(store, &word);
    if (net_send(link, 1, (struct bytes){(const uint8_t *)&word, sizeof(word)}) != 0) {
        return; /* its connection broke meanwhile */
    }
}

static void on_message(void *arg, struct net_link *link, struct bytes message)
{
    struct store *store = arg;
    struct store_word word;
    assert(message.len == sizeof(word));
    memcpy(&word, message.data, sizeof(word));
    if (!store->hung) {
        answer(store, link, word);
    } else if (store->waiting_count < WAITING) {
        store->waiting[store->waiting_count++] = (struct waiting){link, word};
    }
}

struct net_end store_end(struct store *store)
{
    return (struct net_end){.up = on_up, .message = on_message, .down = on_up, .arg = store};
}

size_t store_host(const struct store *store)
{
    return store->host;
}

/* ---- Life ---------------------------------------------------------------------------------- */

struct store *store_new(struct events *events, struct net *net, size_t region, uint64_t seed)
{
    struct store *store = mem_alloc(sizeof(*store));
    store->events = events;
    store->net = net;
    prng_seed(&store->prng, seed);
    store->host = net_add(net, region, false);
    return store;
}

void store_free(struct store *store)
{
    free(store);
}

void store_hang(struct store *store, bool hung)
{
    store->hung = hung;
    for (size_t i = 0; !hung && i < store->waiting_count; i++) {
        answer(store, store->waiting[i].link, store->waiting[i].word);
    }
    store->waiting_count = 0;
}

void store_crash(struct store *store)
{
    store->hung = false;
    store->waiting_count = 0;
    store->life++;
    net_crash(store->net, store->host);
}

void store_start(struct store *store, enum store_start with)
{
    switch (with) {
    case STORE_WHOLE:
        break;
    case STORE_REPLICA:
        store->primary = store->replica;
        store->seats = (struct seats){0};
        break;
    case STORE_EMPTY:
        store->primary = (struct copy){0};
        store->seats = (struct seats){0};
        break;
    }
    store->replica = store->primary;
    net_start(store->net, store->host);
}

size_t store_rows(const struct store *store, const char *owner)
{
    size_t count = 0;
    for (size_t i = 0; i < ROWS; i++) {
        count += strcmp(store->primary.rows[i].owner, owner) == 0;
    }
    return count;
}

uint64_t store_held(const struct store *store)
{
    return seats_held(&store->seats, events_now(store->events));
}
