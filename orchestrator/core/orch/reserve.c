/* SPDX-License-Identifier: Apache-2.0
 *
 * Reservations (reservations/): made and cancelled by operators, told to other orchestrators and to
 * the store, and what they add to what regions want. Places are not kept for them, nodes are.
 */
#include "orchestrator/core/orch/private.h"
#include "orchestrator/core/reservations/reservations.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

enum { OK = 200, BAD = 400, NOT_FOUND = 404, METHOD = 405, CONFLICT = 409 };

void orch_reservations_init(struct orch *orch)
{
    orch->reservations = reservations_new();
}

void orch_reservations_fini(struct orch *orch)
{
    reservations_free(orch->reservations);
}

/* ---- To others ----------------------------------------------------------------------------- */

static void store(struct orch *orch, const struct reservation *r)
{
    char *text = reservation_text(r);
    int64_t left_s = MAX(r->until_s - orch_wall_s(orch), 1);
    effects_take(&orch->fx, (struct effect){.type = EFFECT_STORE_RESERVATION,
                                            .name = mem_str(r->id),
                                            .data = (uint8_t *)text,
                                            .len = strlen(text),
                                            .epoch = (uint64_t)left_s});
}

static void tell(struct orch *orch, const struct reservation *r)
{
    char *text = reservation_text(r);
    effects_take(&orch->fx, (struct effect){.type = EFFECT_RESERVATION,
                                            .name = mem_str(r->id),
                                            .data = (uint8_t *)text,
                                            .len = strlen(text)});
}

void orch_reservations_tell(struct orch *orch, int64_t now_us)
{
    orch_tick(orch, now_us);
    for (size_t i = 0; i < reservations_count(orch->reservations); i++) {
        tell(orch, reservations_at(orch->reservations, i));
    }
}

void orch_reservations_store(struct orch *orch, int64_t now_us)
{
    orch_tick(orch, now_us);
    for (size_t i = 0; i < reservations_count(orch->reservations); i++) {
        store(orch, reservations_at(orch->reservations, i));
    }
}

bool orch_reservation_heard(struct orch *orch, int64_t now_us, struct bytes text, bool from_store)
{
    char why[RESERVATION_WHY_MAX];
    struct reservation r;
    orch_tick(orch, now_us);
    if (reservation_parse(&r, text, false, why) != 0) {
        return false;
    }
    if (reservations_take(orch->reservations, orch_wall_s(orch), &r) == 0) {
        if (from_store) {
            tell(orch, &r); /* who does not reach the store */
        } else {
            store(orch, &r);
        }
    }
    return true;
}

void orch_reservation_present(struct orch *orch, int64_t now_us, const char *id, uint32_t people)
{
    orch_tick(orch, now_us);
    reservations_present(orch->reservations, now_us, id, people);
}

/* ---- What it adds -------------------------------------------------------------------------- */

/* From so long before it that its nodes have started. */
static bool is_due(const struct orch *orch, const struct reservation *r)
{
    int64_t lead_s = orch->config.scaling->node_start_us / TIME_S(1);
    return !r->cancelled && orch_wall_s(orch) + lead_s >= r->at_s;
}

uint64_t orch_reservations_weight(const struct orch *orch, const char *region)
{
    uint64_t weight = 0;
    for (size_t i = 0; i < reservations_count(orch->reservations); i++) {
        const struct reservation *r = reservations_at(orch->reservations, i);
        if (is_due(orch, r) && strcmp(r->region, region) == 0) {
            uint32_t present = r->people - reservations_missing(r, orch->now_us);
            weight += placement_room_weight(r->people) - placement_room_weight(present);
        }
    }
    return weight;
}

void orch_reservations_look(struct orch *orch)
{
    reservations_expire(orch->reservations, orch_wall_s(orch));
    for (size_t i = 0; i < reservations_count(orch->reservations); i++) {
        const struct reservation *r = reservations_at(orch->reservations, i);
        const struct room_entry *entry = is_due(orch, r) ? orch_room(orch, r->room) : NULL;
        if (entry != NULL) {
            uint32_t people = (uint32_t)room_participant_count(entry->room);
            reservations_present(orch->reservations, orch->now_us, r->id, people);
            effects_take(&orch->fx, (struct effect){.type = EFFECT_RESERVATION,
                                                    .name = mem_str(r->id),
                                                    .weight = people});
        }
    }
}

/* ---- The admin API ------------------------------------------------------------------------- */

static json_t *row_json(const struct orch *orch, const struct reservation *r)
{
    json_t *json = reservation_json(r);
    json_object_set_new(json, "missing", json_integer(reservations_missing(r, orch->now_us)));
    return json;
}

static void list(struct orch *orch, uint64_t request)
{
    json_t *rows = json_array();
    reservations_expire(orch->reservations, orch_wall_s(orch));
    for (size_t i = 0; i < reservations_count(orch->reservations); i++) {
        const struct reservation *r = reservations_at(orch->reservations, i);
        if (!r->cancelled) {
            json_array_append_new(rows, row_json(orch, r));
        }
    }
    orch_admin_reply(orch, request, OK, json_pack("{s:o}", "reservations", rows));
}

static bool has_region(const struct orch *orch, const char *region)
{
    for (size_t i = 0; i < registry_region_count(orch->registry); i++) {
        if (strcmp(registry_region_name(orch->registry, i), region) == 0) {
            return true;
        }
    }
    return false;
}

/* NULL: it can be made. */
static const char *senseless(const struct orch *orch, const struct reservation *r)
{
    if (!has_region(orch, r->region)) {
        return "no node is of this region";
    }
    if (r->until_s <= orch_wall_s(orch)) {
        return "that would be over already";
    }
    return r->at_s > orch_wall_s(orch) + RESERVATION_AHEAD_S ? "that is more than a year ahead"
                                                             : NULL;
}

/* Now, and later than what holds. */
static uint64_t change_us(const struct orch *orch, uint64_t before_us)
{
    return MAX((uint64_t)(orch->now_us + orch->wall_offset_us), before_us + 1);
}

static void answer(struct orch *orch, uint64_t request, const struct reservation *r,
                   const char *event)
{
    log_write(orch->config.log, LOG_INFO, "%s id=%s region=%s people=%u", event, r->id, r->region,
              r->people);
    store(orch, r);
    tell(orch, r);
    orch_admin_reply(orch, request, OK, row_json(orch, r));
}

static void make(struct orch *orch, uint64_t request, struct bytes body)
{
    char why[RESERVATION_WHY_MAX];
    struct reservation r;
    if (reservation_parse(&r, body, true, why) != 0) {
        orch_admin_fail(orch, request, BAD, "bad_request", why);
        return;
    }
    if (r.region[0] == '\0') {
        snprintf(r.region, sizeof(r.region), "%s", orch->config.region);
    }
    const char *wrong = senseless(orch, &r);
    if (wrong != NULL) {
        orch_admin_fail(orch, request, BAD, "bad_request", wrong);
        return;
    }
    id_new(r.id, "RV_", &orch->config.random);
    r.changed_us = change_us(orch, 0);
    if (reservations_take(orch->reservations, orch_wall_s(orch), &r) != 0) {
        orch_admin_fail(orch, request, CONFLICT, "conflict",
                        "there are 256 reservations; cancel one");
        return;
    }
    answer(orch, request, &r, "reservation_made");
}

static void cancel(struct orch *orch, uint64_t request, const char *id)
{
    const struct reservation *known = reservations_get(orch->reservations, id);
    if (known == NULL || known->cancelled || known->until_s <= orch_wall_s(orch)) {
        orch_admin_fail(orch, request, NOT_FOUND, "not_found", "no reservation has this id");
        return;
    }
    struct reservation r = *known;
    r.cancelled = true;
    r.changed_us = change_us(orch, known->changed_us);
    if (reservations_take(orch->reservations, orch_wall_s(orch), &r) != 0) {
        unreachable(); /* a later version of what is known and not over */
    }
    answer(orch, request, &r, "reservation_cancelled");
}

void orch_reservations_call(struct orch *orch, uint64_t request, bool get, char *const *path,
                            size_t count, struct bytes body)
{
    bool cancels = count == 3 && strcmp(path[2], "cancel") == 0;
    if (count != 1 && !cancels) {
        orch_admin_fail(orch, request, NOT_FOUND, "not_found", "no such path");
    } else if (get && cancels) {
        orch_admin_fail(orch, request, METHOD, "method_not_allowed", "POST cancels");
    } else if (get) {
        list(orch, request);
    } else if (cancels) {
        cancel(orch, request, path[1]);
    } else {
        make(orch, request, body);
    }
}
