/* SPDX-License-Identifier: Apache-2.0
 *
 * Which media nodes the room is on: those of its participants, and how participants move between
 * them.
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

static size_t people_on(const struct room *room, const struct host *host)
{
    size_t count = 0;
    for (const struct participant *p = room->participants; p != NULL; p = p->hh.next) {
        count += p->host == host;
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
        if (people_on(room, host) == 0) {
            drop(room, host, fx);
        }
    }
    if (room->hosts_changed) {
        room->hosts_changed = false;
        room_store(room, fx);
    }
}

/* ---- Moves --------------------------------------------------------------------------------- */

static void change_host(struct participant *p, struct host *host)
{
    struct subscription *subscription;
    struct track *track;
    spec_remove_transport(p);
    p->host->tracks_stay = p->tracks != NULL;
    p->host = host;
    spec_transport_changed(p);
    DL_FOREACH(p->subscriptions, subscription)
    {
        cascade_changed(subscription->track);
        spec_subscription_changed(subscription);
    }
    DL_FOREACH(p->tracks, track)
    {
        cascade_changed(track);
    }
}

static void go_to(struct participant *p, int64_t now_us, struct host *host, struct effects *fx)
{
    struct room *room = p->room;
    log_write(room->config->log, LOG_INFO, "participant_moved room=%s participant=%s to=%s",
              room->sid, p->sid, host->node);
    change_host(p, host);
    if (p->session.transport == 0) {
        return;
    }
    bool fresh = negotiate_choose_candidates(p);
    p->check_priority = p->session.candidates[0].priority;
    p->media_lost = false;
    effect_front_route(fx, p->session.transport, host->node);
    if (!fresh) {
        node_restart(p, now_us, fx);
        return;
    }
    negotiate_trickle(p, fx);
    if (p->connected) {
        node_expect(p, now_us);
    }
}

int room_move(struct room *room, int64_t now_us, const char *identity,
              const Spillway__Control__Register *node, struct effects *fx)
{
    struct participant *p = room_find(room, identity);
    if (p == NULL) {
        return ERR_NOT_FOUND;
    }
    struct host *host = host_of(room, node);
    if (p->host != host) {
        go_to(p, now_us, host, fx);
    }
    return 0;
}

void room_evacuate(struct room *room, int64_t now_us, const char *from,
                   const Spillway__Control__Register *to, struct effects *fx)
{
    struct host *old = host_find(room, from);
    assert(old != NULL);
    for (struct participant *p = room->participants; p != NULL; p = p->hh.next) {
        if (p->host == old) {
            go_to(p, now_us, host_of(room, to), fx);
        }
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
    return people_on(room, host_find(room, node));
}

static uint32_t weight_of(const struct participant *p)
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
        weight++;
    }
    return weight;
}

uint32_t room_weight(const struct room *room, const char *node)
{
    uint32_t weight = 0;
    const struct host *host = node == NULL ? NULL : host_find(room, node);
    for (const struct participant *p = room->participants; p != NULL; p = p->hh.next) {
        if (node == NULL || p->host == host) {
            weight += weight_of(p);
        }
    }
    return weight;
}
