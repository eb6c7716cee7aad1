/* SPDX-License-Identifier: Apache-2.0
 *
 * Events that somebody told beforehand: so many people in a room of a region, from a time on for so
 * long. Every orchestrator has all of them: what one is told the others are told, and when two meet
 * they tell each other all. Of two versions of one the later holds (changed_us), and a cancelled
 * one is a version too, kept until the event would be over; so it does not matter in which order
 * they come, nor how often (a last-writer-wins map). They end by themselves.
 *
 * The room's owner tells how many are in it, again and again; the rest are still to come.
 */
#ifndef ORCHESTRATOR_CORE_RESERVATIONS_RESERVATIONS_H
#define ORCHESTRATOR_CORE_RESERVATIONS_RESERVATIONS_H

#include "common/base/base.h"
#include "orchestrator/core/registry/registry.h"

#define RESERVATIONS_MAX       256 /* cancelled ones included, of which the oldest makes way */
#define RESERVATION_ROOM_MAX   257 /* bytes, NUL included */
#define RESERVATION_PEOPLE_MAX 1000000
#define RESERVATION_FOR_MAX_S  (7 * 86400)
#define RESERVATION_AHEAD_S    (366 * 86400) /* how long before an event it may be told */
#define RESERVATION_HEARD_US   TIME_S(15)    /* for how long an owner's word on people holds */

struct reservation {
    char id[ID_MAX]; /* RV_... */
    char room[RESERVATION_ROOM_MAX];
    char region[REGISTRY_NAME_MAX];
    uint32_t people;       /* 1 .. RESERVATION_PEOPLE_MAX */
    int64_t at_s, until_s; /* since 1970 */
    uint64_t changed_us;   /* since 1970, by the clock of who changed it */
    bool cancelled;
    uint32_t present; /* people in the room; read by reservations_missing() */
    int64_t heard_us; /* when its owner said so; 0: never */
};

struct reservations;

struct reservations *reservations_new(void);
void reservations_free(struct reservations *reservations);

/* Takes one in, or another version. ERR_EXISTS: it is known, so or later. ERR_STATE: it is over.
 * ERR_FULL: RESERVATIONS_MAX, none of which is cancelled. */
int reservations_take(struct reservations *reservations, int64_t wall_s,
                      const struct reservation *reservation) MUST_CHECK;
/* Those that are over are gone; how many. */
size_t reservations_expire(struct reservations *reservations, int64_t wall_s);

/* So many people are in its room now; unknown ids are ignored. */
void reservations_present(struct reservations *reservations, int64_t now_us, const char *id,
                          uint32_t people);
/* Who is still to come. */
uint32_t reservations_missing(const struct reservation *reservation, int64_t now_us);

/* By id; NULL: unknown. All, cancelled ones included, by their beginning: index 0 .. count - 1.
 * Valid until the next call that takes reservations which are not const. */
const struct reservation *reservations_get(const struct reservations *reservations, const char *id);
size_t reservations_count(const struct reservations *reservations);
const struct reservation *reservations_at(const struct reservations *reservations, size_t index);

/* ---- As text (text.c) ----------------------------------------------------------------------
 * JSON as in docs/protocols/admin-api.md: to operators, in the store and between orchestrators. */

#define RESERVATION_WHY_MAX 96

/* Without id, changed_us and cancelled if is_new, which are the caller's then. ERR_INVALID, and why
 * it makes no sense, for whoever asked. */
int reservation_parse(struct reservation *out, struct bytes text, bool is_new,
                      char why[RESERVATION_WHY_MAX]) MUST_CHECK;
/* To be freed by json_decref(). */
struct json_t *reservation_json(const struct reservation *reservation);
/* The same as text, to be freed. */
char *reservation_text(const struct reservation *reservation);

#endif
