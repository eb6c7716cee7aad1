/* SPDX-License-Identifier: Apache-2.0
 *
 * How tracks get from node to node. A track is copied to every host where somebody subscribed to
 * it and to those on the way (topology/), over one edge into each. Of video an edge carries the
 * layers that somebody behind it wants. Both follow from what is so now, as the difference to what
 * was so before: nothing here is told to do anything.
 *
 * An edge that is replaced by another into the same host stays a moment beside it, so that nothing
 * is lost in between; what comes twice is taken once there (control.proto, Upstream).
 */
#include "orchestrator/core/room/private.h"

#include <stdlib.h>

#define LOWER_US   TIME_MS(1500) /* an unwanted layer flows on: people scroll to and fro */
#define OVERLAP_US TIME_S(1)     /* of an edge and the one that replaces it */

void cascade_changed(struct track *track)
{
    track->routes_dirty = true;
    track->publisher->room->routes_dirty = true;
}

void cascade_changed_all(struct room *room)
{
    for (struct participant *p = room->participants; p != NULL; p = p->hh.next) {
        struct track *track;
        DL_FOREACH(p->tracks, track)
        {
            cascade_changed(track);
        }
    }
}

struct copy *cascade_copy(const struct track *track, const struct host *host)
{
    struct copy *copy;
    DL_FOREACH(track->copies, copy)
    {
        if (copy->host == host) {
            return copy;
        }
    }
    return NULL;
}

/* ---- What there should be ------------------------------------------------------------------ */

/* Of one track, by the place of the host. */
struct routes {
    const struct topology *topology;
    struct host **hosts;
    size_t roots[PLACES];            /* where its publisher is; while it moves, both */
    size_t root_count;               /* 0: nowhere */
    bool needed[TOPOLOGY_NODES_MAX]; /* a copy belongs there */
    struct wants wants[PLACES][TOPOLOGY_NODES_MAX]; /* by root: there and behind it */
    bool begins[TOPOLOGY_NODES_MAX]; /* somebody there or behind it is served there now */
};

static struct wants wants_of(const struct subscription *subscription)
{
    if (subscribe_is_off(subscription)) {
        return (struct wants){0};
    }
    uint32_t sizes = subscribe_sizes(subscription);
    uint32_t temporal_max = subscribe_temporal_max(subscription);
    uint32_t layer = subscribe_spatial_max(subscription);
    struct wants wants = {.layers = 1u << layer, .sizes = sizes == 0 ? WANTS_ALL : sizes};
    wants.rates[layer] = temporal_max == RATE_ALL ? WANTS_ALL : temporal_max + 1;
    return wants;
}

static struct wants both(struct wants a, struct wants b)
{
    struct wants wants = {.layers = a.layers | b.layers, .sizes = MAX(a.sizes, b.sizes)};
    for (size_t i = 0; i < LAYERS_MAX; i++) {
        wants.rates[i] = MAX(a.rates[i], b.rates[i]);
    }
    return wants;
}

static bool same(struct wants a, struct wants b)
{
    return memcmp(&a, &b, sizeof(a)) == 0; /* no padding */
}

/* That host and all on its way to each of the roots. */
static void need_at(struct routes *routes, const struct host *host, struct wants wants, bool served)
{
    for (size_t i = 0; i < routes->root_count; i++) {
        for (size_t at = host->place; at != TOPOLOGY_NONE;
             at = topology_parent(routes->topology, routes->roots[i], at)) {
            routes->needed[at] = true;
            routes->wants[i][at] = both(routes->wants[i][at], wants);
            routes->begins[at] = routes->begins[at] || (served && i == HERE);
        }
    }
}

static void need(struct routes *routes, const struct subscription *subscription)
{
    const struct participant *p = subscription->subscriber;
    if (!subscription->allowed || subscription->refused) {
        return;
    }
    need_at(routes, p->host, wants_of(subscription), true);
    if (p->next != NULL) {
        need_at(routes, p->next, wants_of(subscription), false);
    }
}

static bool is_root(const struct routes *routes, size_t place)
{
    bool found = false;
    for (size_t i = 0; i < routes->root_count; i++) {
        found = found || routes->roots[i] == place;
    }
    return found;
}

static void find_routes(struct routes *routes, const struct track *track)
{
    const struct participant *publisher = track->publisher;
    routes->root_count = 0;
    memset(routes->needed, 0, sizeof(routes->needed));
    memset(routes->wants, 0, sizeof(routes->wants));
    memset(routes->begins, 0, sizeof(routes->begins));
    if (!track->published) {
        return;
    }
    routes->roots[routes->root_count++] = publisher->host->place;
    if (publisher->next != NULL) {
        routes->roots[routes->root_count++] = publisher->next->place;
    }
    need_at(routes, publisher->host, (struct wants){0}, false);
    if (publisher->next != NULL) { /* each of the two gets what the other one hears */
        need_at(routes, publisher->next, (struct wants){0}, false);
    }
    const struct subscription *subscription;
    if (routes->topology->count > 1) { /* else all of them are at the root */
        DL_FOREACH2(track->subscriptions, subscription, track_next)
        {
            need(routes, subscription);
        }
    }
}

/* ---- Edges --------------------------------------------------------------------------------- */

static void remove_edge(struct track *track, struct edge *edge)
{
    struct copy *far = cascade_copy(track, edge->to);
    spec_remove_edge(edge);
    if (far != NULL) { /* one upstream less */
        spec_copy_changed(far);
    }
    DL_DELETE(track->edges, edge);
    free(edge);
}

static struct edge *find_edge(const struct track *track, const struct host *from,
                              const struct host *to, bool backup)
{
    struct edge *edge;
    DL_FOREACH(track->edges, edge)
    {
        if (edge->from == from && edge->to == to && edge->backup == backup) {
            return edge;
        }
    }
    return NULL;
}

static void add_edge(struct track *track, struct host *from, struct host *to, bool backup)
{
    struct room *room = track->publisher->room;
    struct edge *edge = mem_alloc(sizeof(*edge));
    *edge = (struct edge){.id = ++room->last_edge,
                          .track = track,
                          .from = from,
                          .to = to,
                          .backup = backup,
                          .lower_at_us = TIME_NEVER,
                          .gone_at_us = TIME_NEVER};
    for (size_t i = 0; i < MAX(track->layer_count, 1); i++) {
        edge->ssrcs[i] = spec_fresh_ssrc(room);
    }
    DL_APPEND(track->edges, edge);
    spec_edge_changed(edge);
    spec_copy_changed(cascade_copy(track, to));
}

/* Up at once, down later: a want that comes back in time costs no key frame. seamless: all behind
 * it have it already, from elsewhere. */
static void want(struct edge *edge, struct wants wants, bool seamless, int64_t now_us)
{
    struct wants kept = both(edge->told, wants);
    edge->wanted = wants;
    if (edge->seamless != seamless) {
        edge->seamless = seamless;
        spec_edge_changed(edge);
    }
    if (!same(edge->told, kept)) {
        edge->told = kept;
        spec_edge_changed(edge);
    }
    if (same(kept, wants)) {
        edge->lower_at_us = TIME_NEVER;
    } else if (edge->lower_at_us == TIME_NEVER) {
        edge->lower_at_us = now_us + LOWER_US;
    }
}

static bool leads_from(const struct routes *routes, size_t root, const struct edge *edge)
{
    size_t at = routes->roots[root], to = edge->to->place;
    size_t from = edge->backup ? topology_backup(routes->topology, at, to)
                               : topology_parent(routes->topology, at, to);
    return from == edge->from->place;
}

static bool is_wanted(const struct routes *routes, const struct edge *edge)
{
    bool wanted = false;
    for (size_t r = 0; r < routes->root_count && routes->needed[edge->to->place]; r++) {
        wanted = wanted || leads_from(routes, r, edge);
    }
    return wanted;
}

/* One that another replaces lives on for a moment, if its source does. */
static void retire_edges(struct track *track, const struct routes *routes, int64_t now_us)
{
    struct edge *edge, *next;
    DL_FOREACH_SAFE(track->edges, edge, next)
    {
        if (is_wanted(routes, edge)) {
            edge->gone_at_us = TIME_NEVER;
        } else if (edge->backup || !routes->needed[edge->from->place] ||
                   !routes->needed[edge->to->place] || is_root(routes, edge->to->place)) {
            remove_edge(track, edge);
        } else if (edge->gone_at_us == TIME_NEVER) {
            edge->gone_at_us = now_us + OVERLAP_US;
        }
    }
}

static void ensure_edge(struct track *track, const struct routes *routes, size_t from, size_t to,
                        bool backup)
{
    struct host *source = routes->hosts[from], *goal = routes->hosts[to];
    if (find_edge(track, source, goal, backup) == NULL) {
        add_edge(track, source, goal, backup);
    }
}

/* One edge may be on the way from both roots. */
static struct wants wants_behind(const struct routes *routes, const struct edge *edge)
{
    struct wants wants = {0};
    for (size_t r = 0; r < routes->root_count; r++) {
        if (leads_from(routes, r, edge)) {
            wants = both(wants, routes->wants[r][edge->to->place]);
        }
    }
    return wants;
}

static void ensure_edges(struct track *track, const struct routes *routes, int64_t now_us)
{
    for (size_t to = 0; to < routes->topology->count; to++) {
        for (size_t r = 0; r < routes->root_count && routes->needed[to]; r++) {
            size_t parent = topology_parent(routes->topology, routes->roots[r], to);
            size_t backup = topology_backup(routes->topology, routes->roots[r], to);
            if (parent != TOPOLOGY_NONE) {
                ensure_edge(track, routes, parent, to, false);
            }
            if (backup != TOPOLOGY_NONE) {
                ensure_edge(track, routes, backup, to, true);
            }
        }
    }
    struct edge *edge;
    DL_FOREACH(track->edges, edge)
    {
        if (edge->gone_at_us == TIME_NEVER) {
            bool seamless = !leads_from(routes, HERE, edge) || !routes->begins[edge->to->place];
            want(edge, wants_behind(routes, edge), seamless, now_us);
        }
    }
}

/* ---- Copies -------------------------------------------------------------------------------- */

static void remove_copy(struct track *track, struct copy *copy)
{
    spec_remove_copy(track, copy);
    DL_DELETE(track->copies, copy);
    free(copy);
}

static void add_copy(struct track *track, struct host *host, bool root)
{
    struct copy *copy = mem_alloc(sizeof(*copy));
    *copy = (struct copy){.track = track, .host = host, .root = root};
    DL_APPEND(track->copies, copy);
    spec_copy_changed(copy);
    struct subscription *subscription;
    DL_FOREACH2(track->subscriptions, subscription, track_next)
    {
        if (subscription->subscriber->host == host) {
            spec_subscription_changed(subscription);
        }
    }
}

static void route(struct track *track, struct routes *routes, int64_t now_us)
{
    find_routes(routes, track);
    retire_edges(track, routes, now_us);
    struct copy *copy, *next;
    DL_FOREACH_SAFE(track->copies, copy, next)
    {
        bool root = is_root(routes, copy->host->place);
        if (!routes->needed[copy->host->place]) {
            remove_copy(track, copy);
        } else if (copy->root != root) { /* the publisher has come here, or has left */
            copy->root = root;
            spec_copy_changed(copy);
        }
    }
    for (size_t i = 0; i < routes->topology->count; i++) {
        if (routes->needed[i] && cascade_copy(track, routes->hosts[i]) == NULL) {
            add_copy(track, routes->hosts[i], is_root(routes, i));
        }
    }
    ensure_edges(track, routes, now_us);
}

/* ---- Time ---------------------------------------------------------------------------------- */

static int64_t expire_edges(struct track *track, int64_t now_us)
{
    int64_t at = TIME_NEVER;
    struct edge *edge, *next;
    DL_FOREACH_SAFE(track->edges, edge, next)
    {
        if (edge->gone_at_us <= now_us) {
            remove_edge(track, edge);
            continue;
        }
        if (edge->lower_at_us <= now_us) {
            edge->lower_at_us = TIME_NEVER;
            edge->told = edge->wanted;
            spec_edge_changed(edge);
        }
        at = MIN(at, MIN(edge->gone_at_us, edge->lower_at_us));
    }
    return at;
}

/* Trunk keys are an hour's: in the next one every host hears of new ones. */
static int64_t renew_keys(struct room *room, int64_t now_us)
{
    int64_t wall_s = (now_us + room->config->wall_offset_us) / TIME_S(1);
    uint32_t generation = topology_generation(wall_s);
    if (generation != room->generation) {
        room->generation = generation;
        struct track *track; /* every copy and edge is sent again, with its trunks */
        for (struct participant *p = room->participants; p != NULL; p = p->hh.next) {
            DL_FOREACH(p->tracks, track)
            {
                struct edge *edge;
                spec_track_changed(track);
                DL_FOREACH(track->edges, edge)
                {
                    spec_edge_changed(edge);
                }
            }
        }
    }
    return TIME_S((int64_t)(generation + 1) * TOPOLOGY_KEY_LIFE_S) - room->config->wall_offset_us;
}

void cascade_flush(struct room *room, int64_t now_us)
{
    bool spans = room->host_count > 1;
    if (!room->routes_dirty && now_us < room->cascade_at_us) {
        return;
    }
    int64_t at = spans ? renew_keys(room, now_us) : TIME_NEVER;
    room->routes_dirty = false;

    struct arena arena = {0};
    struct topology topology;
    const char **regions = arena_array(&arena, room->host_count, sizeof(*regions));
    struct routes routes = {.topology = &topology,
                            .hosts = arena_array(&arena, room->host_count, sizeof(*routes.hosts))};
    struct host *host;
    DL_FOREACH(room->hosts, host)
    {
        regions[host->place] = host->info->region;
        routes.hosts[host->place] = host;
    }
    topology_build(&topology, regions, room->host_count);
    for (struct participant *p = room->participants; p != NULL; p = p->hh.next) {
        struct track *track;
        DL_FOREACH(p->tracks, track)
        {
            if (track->routes_dirty) {
                track->routes_dirty = false;
                route(track, &routes, now_us);
            }
            at = MIN(at, expire_edges(track, now_us));
        }
    }
    room->cascade_at_us = at;
    arena_fini(&arena);
}

void cascade_leave_host(struct room *room, struct host *host)
{
    for (struct participant *p = room->participants; p != NULL; p = p->hh.next) {
        struct track *track;
        DL_FOREACH(p->tracks, track)
        {
            struct edge *edge, *next;
            DL_FOREACH_SAFE(track->edges, edge, next)
            {
                if (edge->from == host || edge->to == host) {
                    remove_edge(track, edge);
                }
            }
            struct copy *copy = cascade_copy(track, host);
            if (copy != NULL) {
                remove_copy(track, copy);
            }
        }
    }
}

void cascade_forget(struct track *track)
{
    while (track->edges != NULL) {
        remove_edge(track, track->edges);
    }
    while (track->copies != NULL) {
        remove_copy(track, track->copies);
    }
}
