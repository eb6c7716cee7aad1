/* SPDX-License-Identifier: Apache-2.0
 *
 * Nodes that live and that clients do not reach (gray.h). Each orchestrator judges by the people of
 * its own rooms. Its verdict goes to the node, as an operator's word would (Service), which tells
 * all the others: they take it out of service, too. So it outlives the orchestrator, and an
 * operator may overrule it, by uncordoning the node or by anything else that he wants of it.
 *
 * A gray node's people are moved away by the drain, and nobody new goes there. No more than one
 * node of a region, or GRAY_PERMILLE of them, are gray at once, and never the last one that takes
 * rooms: what looks like more is trouble of another kind, which moving people makes worse.
 *
 * Every orchestrator tries it again with its own people, by planned moves, which leave a client
 * where it is if it does not come; the first that finds it well puts it back into service.
 *
 * Apart from any verdict, whoever failed at a node goes to another one with his next try: one who
 * just joined at once, while his client still looks for a way, others when they come back. That
 * heals people where too few are for a verdict, and tells whether it is the node or their network.
 */
#include "orchestrator/core/orch/private.h"

#include <stdio.h>
#include <stdlib.h>
#include <utlist.h>

#define TICK_US       TIME_S(1)
#define GRAY_PERMILLE 100
#define PROBE_STAY_US TIME_S(30) /* who tried it successfully: then a drain may take him away */

struct cure {
    char *room, *identity;
    char node[REGISTRY_NAME_MAX];
    struct cure *prev, *next;
};

/* FNV-1a. */
static uint64_t hash(uint64_t seed, const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        seed = (seed ^ (uint8_t)text[i]) * 0x100000001b3;
    }
    return seed;
}

static uint64_t client_of(const char *room, const char *identity)
{
    uint64_t seed = hash(0xcbf29ce484222325, room, strlen(room) + 1);
    return hash(seed, identity, strlen(identity));
}

/* The first 24 bits of an IPv4 address, 48 of an IPv6 address, or what there is. */
static uint64_t network_of(const char *address)
{
    bool v6 = strchr(address, ':') != NULL;
    size_t len = 0;
    for (int parts = 0; address[len] != '\0'; len++) {
        parts += address[len] == (v6 ? ':' : '.');
        if (parts == 3) {
            break;
        }
    }
    return hash(0xcbf29ce484222325, address, len);
}

/* ---- Outcomes ------------------------------------------------------------------------------ */

void orch_gray_heard(struct orch *orch, const struct room_entry *entry, const struct effect *media)
{
    struct gray_outcome outcome = {.node = media->name,
                                   .client = client_of(entry->name, media->text),
                                   .network = network_of((const char *)media->data)};
    switch ((enum effect_media)media->status) {
    case EFFECT_MEDIA_REACHED:
        outcome.how = GRAY_REACHED;
        break;
    case EFFECT_MEDIA_MISSED:
        outcome.how = GRAY_MISSED;
        break;
    case EFFECT_MEDIA_LOST:
        outcome.how = GRAY_LOST;
        break;
    case EFFECT_MEDIA_SILENT: /* no outcome yet */
        orch_silence_heard(orch, entry, media);
        return;
    }
    bool first = gray_failed_at(orch->gray, orch->now_us, outcome.client) == NULL;
    gray_outcome(orch->gray, orch->now_us, &outcome);
    if (outcome.how != GRAY_REACHED) {
        orch->gray_at_us = MIN(orch->gray_at_us, orch->now_us + TICK_US);
    }
    if (outcome.how == GRAY_MISSED && first && room_awaits_media(entry->room, media->text)) {
        struct cure *cure = mem_alloc(sizeof(*cure));
        cure->room = mem_str(entry->name);
        cure->identity = mem_str(media->text);
        snprintf(cure->node, sizeof(cure->node), "%s", media->name);
        DL_APPEND(orch->cures, cure);
    }
}

const char *orch_gray_failed_at(const struct orch *orch, const char *room, const char *identity)
{
    return gray_failed_at(orch->gray, orch->now_us, client_of(room, identity));
}

static void forget_cure(struct orch *orch, struct cure *cure)
{
    DL_DELETE(orch->cures, cure);
    free(cure->room);
    free(cure->identity);
    free(cure);
}

bool orch_gray_flees(struct orch *orch, struct room_entry *entry, const char *identity)
{
    const char *node = room_node_of(entry->room, identity);
    const char *failed = orch_gray_failed_at(orch, entry->name, identity);
    return node != NULL && failed != NULL && strcmp(node, failed) == 0 &&
           orch_place_elsewhere(orch, entry, identity, node) == 0;
}

static void cure(struct orch *orch)
{
    struct cure *cure, *next;
    DL_FOREACH_SAFE(orch->cures, cure, next)
    {
        struct room_entry *entry = orch_room(orch, cure->room);
        if (entry != NULL && room_awaits_media(entry->room, cure->identity) &&
            orch_gray_flees(orch, entry, cure->identity)) {
            log_write(orch->config.log, LOG_INFO, "join_moved room=%s from=%s", entry->sid,
                      cure->node);
            orch_settle(orch, entry);
        }
        forget_cure(orch, cure);
    }
}

/* ---- Verdicts ------------------------------------------------------------------------------ */

static struct node_entry *entry_of(const struct orch *orch, const char *id)
{
    struct node_entry *entry;
    HASH_FIND_STR(orch->nodes, id, entry);
    return entry;
}

/* Whether one more of its region may be gray, and another node takes rooms. */
static bool may_spare(const struct orch *orch, const struct registry_node *node)
{
    size_t gray = 1, living = 0;
    bool another = false;
    for (size_t i = 0; i < registry_count(orch->registry); i++) {
        const struct registry_node *other = registry_at(orch->registry, i);
        bool of_region = strcmp(other->region, node->region) == 0;
        gray += of_region && other->state == REGISTRY_GRAY;
        living += of_region && other->state != REGISTRY_GONE;
        another |= other != node && other->state == REGISTRY_READY && !other->suspect;
    }
    return another && gray <= MAX(1, living * GRAY_PERMILLE / 1000);
}

static void condemn(struct orch *orch, const struct registry_node *node, enum gray_verdict verdict)
{
    struct node_entry *entry = entry_of(orch, node->id);
    bool spare = may_spare(orch, node);
    if (!spare && entry->gray_spared) {
        return; /* was said */
    }
    log_write(orch->config.log, LOG_WARN, "node_%s node=%s name=%s verdict=%s",
              spare ? "gray" : "gray_spared", node->id, node->name, gray_verdict_name(verdict));
    entry->gray_spared = !spare;
    orch->stats.gray[spare ? verdict : 0]++;
    if (spare) {
        orch_node_serve(orch, node->id, SPILLWAY__CONTROL__SERVICE__STATE__GRAY, 0);
        entry->gray = verdict;
    }
}

static void judge(struct orch *orch, const struct registry_node *node)
{
    struct node_entry *entry = entry_of(orch, node->id);
    enum gray_verdict verdict = GRAY_FINE;
    if (gray_suspects(orch->gray, orch->now_us, node->id)) {
        uint32_t here = orch_people_on(orch, node->id);
        uint32_t all = HASH_COUNT(orch->transports);
        const struct gray_facts facts = {.nodes = (uint32_t)HASH_COUNT(orch->nodes),
                                         .here = here,
                                         .elsewhere = all - MIN(all, here)};
        verdict = gray_judge(orch->gray, orch->now_us, node->id, &facts);
    }
    if (verdict != GRAY_FINE) {
        condemn(orch, node, verdict);
    } else {
        entry->gray_spared = false;
    }
}

/* ---- Probation ----------------------------------------------------------------------------- */

/* Somebody of the room whom a planned move takes there, or NULL. */
static const char *volunteer(struct room_entry *entry, const struct node_entry *node,
                             struct arena *arena)
{
    Livekit__ParticipantInfo **infos;
    size_t count = room_participants(entry->room, arena, &infos);
    for (size_t i = 0; i < count; i++) {
        const char *on = room_node_of(entry->room, infos[i]->identity);
        if (on != NULL && strcmp(on, node->id) != 0 &&
            room_may_plan(entry->room, infos[i]->identity, node->info)) {
            return infos[i]->identity;
        }
    }
    return NULL;
}

static bool is_near(const struct orch *orch, const struct room_entry *entry,
                    const struct registry_node *node)
{
    for (size_t i = 0; i < room_node_count(entry->room); i++) {
        const struct registry_node *other =
            registry_get(orch->registry, room_node_at(entry->room, i));
        if (other != NULL && other != node && strcmp(other->region, node->region) == 0) {
            return true;
        }
    }
    return false;
}

/* Of the rooms that have somebody for it, the one that was asked longest ago. */
static void probe(struct orch *orch, const struct registry_node *node)
{
    struct node_entry *info = entry_of(orch, node->id);
    struct room_entry *asked = NULL;
    struct arena arena = {0};
    const char *identity = NULL;
    for (struct room_entry *entry = orch->rooms; entry != NULL; entry = entry->hh.next) {
        if ((asked == NULL || entry->probed_us < asked->probed_us) && is_near(orch, entry, node)) {
            const char *one = volunteer(entry, info, &arena);
            asked = one != NULL ? entry : asked;
            identity = one != NULL ? one : identity;
        }
    }
    if (asked != NULL && orch_place_move(orch, asked, identity, node->id) == 0) {
        log_write(orch->config.log, LOG_INFO, "node_probed node=%s room=%s", node->id, asked->sid);
        orch->stats.gray_probes++;
        asked->probed_us = orch->now_us;
        asked->drained_us = MAX(asked->drained_us, orch->now_us + PROBE_STAY_US);
        orch_settle(orch, asked);
    }
    arena_fini(&arena);
}

static void try_again(struct orch *orch, const struct registry_node *node)
{
    if (gray_relapsed(orch->gray, node->id)) {
        log_write(orch->config.log, LOG_WARN, "node_still_gray node=%s name=%s", node->id,
                  node->name);
        orch_node_repeat(orch, node->id);
    } else if (gray_trusted(orch->gray, orch->now_us, node->id)) {
        log_write(orch->config.log, LOG_INFO, "node_gray_over node=%s name=%s", node->id,
                  node->name);
        orch_node_serve(orch, node->id, SPILLWAY__CONTROL__SERVICE__STATE__READY, 0);
    } else if (gray_probe_due(orch->gray, orch->now_us, node->id)) {
        probe(orch, node);
    }
}

/* ---- Time ---------------------------------------------------------------------------------- */

static void look(struct orch *orch)
{
    bool again = gray_expire(orch->gray, orch->now_us);
    for (size_t i = 0; i < registry_count(orch->registry); i++) {
        const struct registry_node *node = registry_at(orch->registry, i);
        if (node->state == REGISTRY_READY && !node->suspect) {
            judge(orch, node);
        } else if (node->state == REGISTRY_GRAY) {
            try_again(orch, node);
            again = true;
        }
    }
    orch->gray_at_us = again ? orch->now_us + TICK_US : TIME_NEVER;
}

void orch_gray_set(struct orch *orch, const char *node, bool gray)
{
    if (gray) {
        gray_condemn(orch->gray, orch->now_us, node);
        orch_drain_begin(orch, node, REGISTRY_GRAY);
        orch->gray_at_us = MIN(orch->gray_at_us, orch->now_us + TICK_US);
    } else {
        gray_forgive(orch->gray, orch->now_us, node);
    }
    entry_of(orch, node)->gray = GRAY_FINE; /* by another's word, unless we say more */
}

void orch_gray_expire(struct orch *orch)
{
    cure(orch);
    if (orch->gray_at_us <= orch->now_us) {
        look(orch);
    }
}

int64_t orch_gray_deadline(const struct orch *orch)
{
    return orch->cures != NULL ? orch->now_us : orch->gray_at_us;
}

void orch_gray_init(struct orch *orch)
{
    orch->gray = gray_new();
    orch->gray_at_us = TIME_NEVER;
}

void orch_gray_fini(struct orch *orch)
{
    while (orch->cures != NULL) {
        forget_cure(orch, orch->cures);
    }
    gray_free(orch->gray);
}
