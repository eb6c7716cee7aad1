/* SPDX-License-Identifier: Apache-2.0 */
#include "orchestrator/core/reservations/reservations.h"

#include "common/rfc3339/rfc3339.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- JSON ---------------------------------------------------------------------------------- */

json_t *reservation_json(const struct reservation *r)
{
    char at[RFC3339_MAX];
    return json_pack("{s:s, s:s, s:s, s:I, s:s, s:I, s:I, s:b}", "id", r->id, "room", r->room,
                     "region", r->region, "people", (json_int_t)r->people, "at",
                     rfc3339_s(at, r->at_s), "for_s", (json_int_t)(r->until_s - r->at_s),
                     "changed_us", (json_int_t)r->changed_us, "cancelled", r->cancelled);
}

char *reservation_text(const struct reservation *reservation)
{
    json_t *json = reservation_json(reservation);
    char *text = json_dumps(json, JSON_COMPACT | JSON_PRESERVE_ORDER);
    json_decref(json);
    assert(text != NULL);
    return text;
}

/* A text of 1 to len - 1 bytes; if it may be empty, it may be missing, too. */
static bool copy_text(const json_t *json, const char *key, char *out, size_t len, bool empty)
{
    const json_t *value = json_object_get(json, key);
    const char *text = value == NULL && empty ? "" : json_string_value(value);
    if (text == NULL || strlen(text) >= len || (text[0] == '\0' && !empty)) {
        return false;
    }
    snprintf(out, len, "%s", text);
    return true;
}

static bool whole_number(const json_t *json, const char *key, json_int_t most, json_int_t *out)
{
    const json_t *value = json_object_get(json, key);
    *out = json_integer_value(value);
    return json_is_integer(value) && *out >= 1 && *out <= most;
}

/* NULL: it is fine. */
static const char *read_event(const json_t *json, struct reservation *out)
{
    json_int_t people, for_s;
    int64_t at_ms;
    const char *at = json_string_value(json_object_get(json, "at"));
    if (!json_is_object(json)) {
        return "a JSON object is needed";
    }
    if (!copy_text(json, "room", out->room, sizeof(out->room), false)) {
        return "room is not a text of 1 to 256 bytes";
    }
    if (!copy_text(json, "region", out->region, sizeof(out->region), true)) {
        return "region is not the name of one";
    }
    if (!whole_number(json, "people", RESERVATION_PEOPLE_MAX, &people)) {
        return "people is not a number from 1 to 1000000";
    }
    if (at == NULL || rfc3339_parse(&at_ms, at) != 0) {
        return "at is not a time like 2026-12-01T09:00Z";
    }
    if (!whole_number(json, "for_s", RESERVATION_FOR_MAX_S, &for_s)) {
        return "for_s is not a number of seconds from 1 to 604800 (7 days)";
    }
    out->people = (uint32_t)people;
    out->at_s = at_ms / 1000;
    out->until_s = out->at_s + for_s;
    return NULL;
}

static const char *read_version(const json_t *json, struct reservation *out)
{
    const json_t *cancelled = json_object_get(json, "cancelled");
    json_int_t changed_us;
    if (!copy_text(json, "id", out->id, sizeof(out->id), false) ||
        strncmp(out->id, "RV_", 3) != 0) {
        return "id is none";
    }
    if (!whole_number(json, "changed_us", INT64_MAX, &changed_us) || !json_is_boolean(cancelled)) {
        return "changed_us or cancelled is missing";
    }
    out->changed_us = (uint64_t)changed_us;
    out->cancelled = json_is_true(cancelled);
    return NULL;
}

int reservation_parse(struct reservation *out, struct bytes text, bool is_new,
                      char why[RESERVATION_WHY_MAX])
{
    json_t *json = json_loadb((const char *)text.data, text.len, 0, NULL);
    struct reservation read = {.present = 0};
    const char *wrong = read_event(json, &read);
    if (wrong == NULL && !is_new) {
        wrong = read_version(json, &read);
    }
    json_decref(json);
    if (wrong != NULL) {
        snprintf(why, RESERVATION_WHY_MAX, "%s", wrong);
        return ERR_INVALID;
    }
    *out = read;
    return 0;
}
