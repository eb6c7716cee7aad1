/* SPDX-License-Identifier: Apache-2.0
 *
 * Placing together with other orchestrators. Each sees its own reservations only. So a node that is
 * new to a room is chosen here and then agreed on in the store, where one script compares what all
 * of them reserved (store_place). Later joins, reconnects and moves ask nobody.
 *
 *   ASKED        who made us ask waits, and with them all of the same room and region
 *   NODE, FULL   the store's word. FULL was said twice: of the first candidates and of others
 *   ALONE        no word within ORCH_PLACE_US, or the store is away: as placement/ chooses
 *
 * From the last three everybody who waited is asked again, and then it is forgotten. A store that
 * owes an answer is not asked anything more: meanwhile nobody waits, and each orchestrator counts
 * its own reservations once for every planner.
 */
#include "orchestrator/core/orch/private.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define PLACES_MAX 4096 /* asked for at a time; further rooms go where placement/ chooses */

static bool agrees(const struct orch *orch)
{
    return orch->share.planners.agreed && orch->share.owed == 0;
}

static void count_planners(struct orch *orch)
{
    registry_set_planners(orch->registry, agrees(orch) ? 1 : orch->share.planners.count);
}

/* ---- What is being agreed on --------------------------------------------------------------- */

static char *make_key(const char *room, const char *region, unsigned *len)
{
    size_t region_len = strlen(region) + 1, room_len = strlen(room) + 1;
    char *key = mem_array(region_len + room_len, 1);
    memcpy(key, region, region_len);
    memcpy(key + region_len, room, room_len);
    *len = (unsigned)(region_len + room_len);
    return key;
}

static struct place_entry *find(const struct orch *orch, const char *room, const char *region)
{
    struct place_entry *place = NULL;
    if (orch->share.places != NULL) {
        unsigned len;
        char *key = make_key(room, region, &len);
        HASH_FIND(hh, orch->share.places, key, len, place);
        free(key);
    }
    return place;
}

static void forget(struct orch *orch, struct place_entry *place)
{
    if (place->state == PLACE_ASKED) {
        HASH_DELETE(by_request, orch->share.asked, place);
    }
    HASH_DEL(orch->share.places, place);
    free(place->key);
    free(place);
}

void orch_share_fini(struct orch *orch)
{
    while (orch->share.places != NULL) {
        forget(orch, orch->share.places);
    }
}

static void decide(struct orch *orch, struct place_entry *place, enum place_state state)
{
    HASH_DELETE(by_request, orch->share.asked, place);
    place->state = state;
    orch->stats.places_agreed += state == PLACE_NODE;
    orch->stats.places_full += state == PLACE_FULL;
    orch->stats.places_late += state == PLACE_ALONE;
    effects_take(&orch->fx, (struct effect){.type = EFFECT_PLACED,
                                            .name = mem_str(place->room),
                                            .text = mem_str(place->region)});
}

/* Nobody waits for the store any longer; its answers are still to come. */
static void decide_all_alone(struct orch *orch)
{
    struct place_entry *place, *next;
    HASH_ITER(by_request, orch->share.asked, place, next)
    {
        orch->share.owed++;
        decide(orch, place, PLACE_ALONE);
    }
    count_planners(orch);
}

/* ---- Asking -------------------------------------------------------------------------------- */

static void ask(struct orch *orch, struct place_entry *place, const struct placement_answer *answer)
{
    char ids[PLACEMENT_CANDIDATES_MAX * REGISTRY_NAME_MAX];
    size_t len = 0;
    for (size_t i = 0; i < answer->candidate_count; i++) {
        const char *id = answer->candidates[i]->id;
        assert(place->tried_count < ARRAY_LEN(place->tried));
        snprintf(place->tried[place->tried_count++], REGISTRY_NAME_MAX, "%s", id);
        memcpy(ids + len, id, strlen(id) + 1);
        len += strlen(id) + 1;
    }
    snprintf(place->request, sizeof(place->request), "%s-%" PRIu64, orch->config.id,
             ++orch->share.requests);
    HASH_ADD_KEYPTR(by_request, orch->share.asked, place->request, strlen(place->request), place);
    effects_take(&orch->fx, (struct effect){.type = EFFECT_STORE_PLACE,
                                            .name = mem_str(place->room),
                                            .text = mem_str(place->request),
                                            .epoch = place->epoch,
                                            .weight = orch_place_weight(orch),
                                            .status = (int)orch->config.fill_permille,
                                            .data = mem_copy(ids, len),
                                            .len = len});
}

static bool begin(struct orch *orch, const char *name, const char *region,
                  const struct placement_answer *answer)
{
    const struct room_entry *entry = orch_room(orch, name);
    uint64_t epoch = entry != NULL ? room_epoch(entry->room) : orch->claimed_epoch;
    if (epoch == 0 || HASH_COUNT(orch->share.places) >= PLACES_MAX) {
        return false;
    }
    struct place_entry *place = mem_alloc(sizeof(*place));
    place->key = make_key(name, region, &place->key_len);
    place->region = place->key;
    place->room = place->key + strlen(region) + 1;
    place->epoch = epoch;
    place->deadline_us = orch->now_us + ORCH_PLACE_US;
    HASH_ADD_KEYPTR(hh, orch->share.places, place->key, place->key_len, place);
    ask(orch, place, answer);
    return true;
}

bool orch_share_waits(struct orch *orch, const char *name, const char *region, const char *identity)
{
    const struct room_entry *entry = orch_room(orch, name);
    if (entry != NULL && (room_node_of(entry->room, identity) != NULL || orch_pinned(entry))) {
        return false; /* comes back; or an operator said where */
    }
    const struct place_entry *place = find(orch, name, region);
    if (place != NULL || !agrees(orch)) {
        return place != NULL && place->state == PLACE_ASKED;
    }
    struct arena arena = {0};
    struct placement_answer answer;
    struct placement_request request = orch_place_request(orch, entry, region, identity, &arena);
    bool is_new = orch_place_choose(orch, &request, &orch->prng, &answer) == 0 &&
                  answer.reason == PLACEMENT_CHOSEN;
    arena_fini(&arena);
    return is_new && begin(orch, name, region, &answer);
}

/* ---- Answers ------------------------------------------------------------------------------- */

/* As asked for, without the nodes on which the store knows of more than we do. */
static int choose_others(struct orch *orch, const struct place_entry *place,
                         struct placement_request request, struct placement_answer *answer)
{
    const char *tried[ARRAY_LEN(place->tried)];
    for (size_t i = 0; i < place->tried_count; i++) {
        tried[i] = place->tried[i];
    }
    request.excluded = tried;
    request.excluded_count = place->tried_count;
    return placement_choose(&request, orch->registry, orch->now_us, &orch->prng, answer);
}

static bool ask_others(struct orch *orch, struct place_entry *place)
{
    struct arena arena = {0};
    struct placement_answer answer;
    struct placement_request request =
        orch_place_request(orch, orch_room(orch, place->room), place->region, "", &arena);
    bool others =
        choose_others(orch, place, request, &answer) == 0 && answer.reason == PLACEMENT_CHOSEN;
    arena_fini(&arena);
    if (others) {
        HASH_DELETE(by_request, orch->share.asked, place);
        ask(orch, place, &answer);
    }
    return others;
}

void orch_placed(struct orch *orch, int64_t now_us, const char *request,
                 enum orch_place_answer answer, const char *node)
{
    struct place_entry *place;
    orch_tick(orch, now_us);
    HASH_FIND(by_request, orch->share.asked, request, strlen(request), place);
    if (place == NULL) { /* late: what it reserved there lapses */
        assert(orch->share.owed > 0);
        orch->share.owed--;
        count_planners(orch);
        return;
    }
    bool first = !place->again;
    place->again = true;
    switch (answer) {
    case ORCH_PLACE_NODE:
        snprintf(place->node, sizeof(place->node), "%s", node);
        decide(orch, place, PLACE_NODE);
        break;
    case ORCH_PLACE_FULL:
        if (!first || !ask_others(orch, place)) {
            decide(orch, place, PLACE_FULL);
        }
        break;
    case ORCH_PLACE_FAILED:
        decide(orch, place, PLACE_ALONE);
        break;
    }
}

void orch_place_over(struct orch *orch, const char *room, const char *region)
{
    struct place_entry *place = find(orch, room, region);
    if (place != NULL && place->state != PLACE_ASKED) {
        forget(orch, place);
    }
}

int orch_share_choose(struct orch *orch, const struct room_entry *entry,
                      const struct placement_request *request, struct placement_answer *answer)
{
    int err = orch_place_choose(orch, request, &orch->prng, answer);
    const struct place_entry *place = find(orch, entry->name, request->region);
    if (err != 0 || place == NULL || answer->reason != PLACEMENT_CHOSEN) {
        return err;
    }
    if (place->state == PLACE_NODE) {
        const struct registry_node *node = registry_get(orch->registry, place->node);
        bool usable = node != NULL && node->state == REGISTRY_READY && !node->suspect;
        answer->node = usable ? node : answer->node;
    } else if (place->state == PLACE_FULL && (choose_others(orch, place, *request, answer) != 0 ||
                                              answer->reason != PLACEMENT_KEPT)) {
        *answer = (struct placement_answer){.reason = PLACEMENT_FULL,
                                            .retry_after_s = orch_place_retry_s(orch)};
        return ERR_FULL;
    }
    return 0;
}

/* ---- Life and time ------------------------------------------------------------------------- */

void orch_share(struct orch *orch, int64_t now_us, const struct orch_planners *planners)
{
    assert(planners->place < planners->count);
    orch_tick(orch, now_us);
    orch->share.planners = *planners;
    if (!planners->agreed) {
        decide_all_alone(orch);
    }
    count_planners(orch);
}

int64_t orch_share_deadline(const struct orch *orch)
{
    const struct place_entry *place = orch->share.places;
    while (place != NULL && place->state != PLACE_ASKED) {
        place = place->hh.next;
    }
    return place == NULL ? TIME_NEVER : place->deadline_us;
}

void orch_share_expire(struct orch *orch)
{
    if (orch_share_deadline(orch) <= orch->now_us) {
        log_write(orch->config.log, LOG_WARN, "store_late waited_ms=%lld",
                  (long long)(ORCH_PLACE_US / 1000));
        decide_all_alone(orch);
    }
}
