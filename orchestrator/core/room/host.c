/* SPDX-License-Identifier: Apache-2.0
 *
 * Which media nodes the room is on: those of its participants.
 */
#include "orchestrator/core/room/private.h"

#include <stdio.h>
#include <stdlib.h>

static_assert(ROOM_NODES_MAX <= TOPOLOGY_NODES_MAX, "a topology holds every host");

struct host *host_find(const struct room *room, const char *node)
{
    struct host *host;
    DL_FOREACH(room->hosts, host)
    {
        if (strcmp(host->node, node) == 0) {
            return host;
        }
    }
    return NULL;
}

struct host *host_of(struct room *room, const Spillway__Control__Register *node)
{
    struct host *host = host_find(room, node->node_id);
    if (host != NULL) {
        return host;
    }
    host = mem_alloc(sizeof(*host));
    snprintf(host->node, sizeof(host->node), "%s", node->node_id);
    host->info = info_clone(&node->base);
    host->whole = host->dirty = true;
    host->place = room->host_count++;
    DL_APPEND(room->hosts, host);
    room->hosts_changed = true;
    cascade_changed_all(room);
    return host;
}

void host_free(struct room *room, struct host *host)
{
    DL_DELETE(room->hosts, host);
    struct host *later;
    for (later = host->next; later != NULL; later = later->next) {
        later->place--;
    }
    room->host_count--;
    spillway__control__register__free_unpacked(host->info, NULL);
    free(host->removed_transports);
    free(host->removed_tracks);
    free(host->removed_subscriptions);
    free(host->removed_edges);
    free(host);
}

int host_place(const struct participant *p, const struct host *host)
{
    if (p->host == host) {
        return HERE;
    }
    return p->next == host ? NEXT : -1;
}

static size_t connections_on(const struct room *room, const struct host *host)
{
    size_t count = 0;
    EACH_CONNECTION(room, p)
    {
        count += host_place(p, host) >= 0;
    }
    return count;
}

/* Nothing of the room is left there: what was on its way to others goes round it. */
static void drop(struct room *room, struct host *host, struct effects *fx)
{
    spec_drop(room, host, fx);
    cascade_leave_host(room, host);
    host_free(room, host);
    room->hosts_changed = true;
    cascade_changed_all(room);
}

void room_store(const struct room *room, struct effects *fx)
{
    struct arena arena = {0};
    const struct host *host;
    const char *nodes = "";
    DL_FOREACH(room->hosts, host)
    {
        nodes = nodes[0] == '\0' ? host->node : arena_printf(&arena, "%s,%s", nodes, host->node);
    }
    effect_room_stored(fx, room->name, nodes, room->epoch);
    arena_fini(&arena);
}

void host_flush(struct room *room, struct effects *fx)
{
    struct host *host, *next;
    DL_FOREACH_SAFE(room->hosts, host, next)
    {
        if (connections_on(room, host) == 0) {
            drop(room, host, fx);
        }
    }
    if (room->hosts_changed) {
        room->hosts_changed = false;
        room_store(room, fx);
    }
}

/* ---- Views --------------------------------------------------------------------------------- */

size_t room_node_count(const struct room *room)
{
    return room->host_count;
}

const char *room_node_at(const struct room *room, size_t index)
{
    const struct host *host = room->hosts;
    for (size_t i = 0; i < index; i++) {
        host = host->next;
    }
    return host->node;
}

bool room_on_node(const struct room *room, const char *node)
{
    return host_find(room, node) != NULL;
}

const char *room_node_of(const struct room *room, const char *identity)
{
    const struct participant *p = room_find(room, identity);
    return p == NULL ? NULL : p->host->node;
}

size_t room_node_people(const struct room *room, const char *node)
{
    const struct host *host = host_find(room, node);
    size_t count = 0;
    for (const struct participant *p = room->participants; p != NULL; p = p->hh.next) {
        count += p->host == host || receiver_of(p)->host == host;
    }
    return count;
}

uint32_t host_connection_weight(const struct participant *p)
{
    uint32_t weight = 0;
    const struct track *track;
    const struct subscription *subscription;
    DL_FOREACH(p->tracks, track)
    {
        weight++;
    }
    DL_FOREACH(p->subscriptions, subscription)
    {
        weight += !subscribe_is_held(subscription);
    }
    return weight;
}

void host_found(struct room *room, struct host *host)
{
    if (!host->lost) {
        return;
    }
    host->lost = false;
    for (struct participant *p = room->participants; p != NULL; p = p->hh.next) {
        struct track *track;
        DL_FOREACH(p->tracks, track)
        {
            struct edge *edge;
            DL_FOREACH(track->edges, edge)
            {
                spec_edge_changed(edge);
            }
            spec_track_changed(track);
        }
    }
}

static bool is_watched(const struct track *track, const struct host *host, bool here)
{
    const struct subscription *subscription;
    DL_FOREACH2(track->subscriptions, subscription, track_next)
    {
        if ((host_place(subscription->subscriber, host) >= 0) == here) {
            return true;
        }
    }
    return false;
}

static uint32_t edges_from(const struct track *track, const struct host *host)
{
    uint32_t count = 0;
    const struct edge *edge;
    DL_FOREACH(track->edges, edge)
    {
        count += edge->from == host;
    }
    return count;
}

uint32_t host_weight(const struct room *room, const struct host *host)
{
    uint32_t weight = 0;
    EACH_CONNECTION(room, p)
    {
        bool here = host_place(p, host) >= 0;
        const struct track *track;
        weight += here ? host_connection_weight(p) : 0;
        DL_FOREACH(p->tracks, track)
        {
            uint32_t edges = edges_from(track, host);
            bool relayed = cascade_copy(track, host) != NULL || is_watched(track, host, true);
            weight += here ? MAX(edges, is_watched(track, host, false)) : edges + relayed;
        }
    }
    return weight;
}

uint32_t room_relayed(const struct room *room, const char *node)
{
    const struct host *host = host_find(room, node);
    uint32_t weight = host == NULL ? 0 : host_weight(room, host);
    return weight - MIN(weight, room_weight(room, node));
}

uint32_t room_person_weight(const struct room *room, const char *identity)
{
    uint32_t weight = 0;
    EACH_OF_PERSON(room_find(room, identity), p)
    {
        weight += host_connection_weight(p);
    }
    return weight;
}

uint32_t room_weight(const struct room *room, const char *node)
{
    uint32_t weight = 0;
    const struct host *host = node == NULL ? NULL : host_find(room, node);
    EACH_CONNECTION(room, p)
    {
        if (node == NULL || p->host == host) {
            weight += host_connection_weight(p);
        }
    }
    return weight;
}
