/* SPDX-License-Identifier: Apache-2.0
 *
 * Who fled from a dead node is served by the next one as soon as that has the spec: nobody is asked
 * before, for that would cost everybody a round trip. So where many flee at the same time, by the
 * word of several orchestrators, a node may have taken others by then. It refuses what goes beyond
 * its capacity, as a whole, and who was to be there is back where he came from, as if he had not
 * gone, for his orchestrator to find him another one.
 *
 *   fled     settled on the new host, with a limit in each spec until that host's word
 *     -> there    it applied a spec that has him
 *     -> back     it refused one: nothing was sent from there, and all that was kept of his streams
 *                 (lease.c) is for the next one
 */
#include "orchestrator/core/room/private.h"

static bool is_fled(const struct participant *p, const struct host *host)
{
    return p->host == host && p->refuge.from != NULL;
}

/* He is in a spec of up to that version. */
static bool is_told(const struct participant *p, const struct host *host, uint64_t version)
{
    return is_fled(p, host) && p->refuge.version != 0 && p->refuge.version <= version;
}

void refuge_begin(struct participant *p, const Spillway__Control__Register *from,
                  uint32_t weight_max)
{
    p->refuge = (struct refuge){.from = info_clone(&from->base), .weight_max = weight_max};
}

void refuge_end(struct participant *p)
{
    if (p->refuge.from != NULL) {
        spillway__control__register__free_unpacked(p->refuge.from, NULL);
    }
    p->refuge = (struct refuge){0};
}

void refuge_limit(const struct room *room, const struct host *host,
                  Spillway__Control__RoomSpec *spec)
{
    EACH_CONNECTION(room, p)
    {
        if (!is_fled(p, host)) {
            continue;
        }
        spec->weight_max = MAX(spec->weight_max, p->refuge.weight_max);
        p->refuge.version = p->refuge.version == 0 ? spec->version : p->refuge.version;
    }
    spec->weight = spec->weight_max == 0 ? 0 : host_weight(room, host);
}

void refuge_applied(const struct room *room, const struct host *host, uint64_t version)
{
    EACH_CONNECTION(room, p)
    {
        if (is_told(p, host, version)) {
            refuge_end(p);
        }
    }
}

void refuge_unknown(const struct room *room, const struct host *host)
{
    refuge_applied(room, host, UINT64_MAX);
}

const char *room_refused(const struct room *room, const char *node,
                         const Spillway__Control__SpecAck *ack)
{
    const struct host *host = host_find(room, node);
    EACH_CONNECTION(room, p)
    {
        if (host != NULL && is_told(p, host, ack->answers)) {
            return p->refuge.from->node_id;
        }
    }
    return NULL;
}

/* What was told after a refused spec goes on from it, and is not taken either, unless all was told
 * anew: then he may be sent to from there. */
static bool is_refused_since(const struct host *host, const Spillway__Control__SpecAck *ack)
{
    return host->begun <= ack->answers;
}

struct room_held room_send_back(struct room *room, const char *node,
                                const Spillway__Control__SpecAck *ack, const char *from)
{
    struct room_held sum = {0};
    const struct host *host = host_find(room, node);
    EACH_CONNECTION(room, p)
    {
        if (is_told(p, host, ack->answers) && strcmp(p->refuge.from->node_id, from) == 0) {
            struct host *old = host_of(room, p->refuge.from);
            old->lost = true;
            move_back(p, old, is_refused_since(host, ack));
            sum.people += p == person_of(p) || person_of(p)->host != old;
            sum.weight += host_connection_weight(p);
        }
    }
    return sum;
}
