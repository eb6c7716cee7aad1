/* SPDX-License-Identifier: Apache-2.0 */
#include "common/config/walk.h"

#include <inttypes.h>
#include <stdio.h>

struct unit {
    const char *name;
    int64_t factor;
};

/* From small to large; where two words mean the same, the later one is printed. */
static const struct unit duration_units[] = {
    {"us", 1}, {"ms", TIME_MS(1)}, {"s", TIME_S(1)}, {"m", TIME_S(60)}, {"h", TIME_S(3600)},
};
static const struct unit size_units[] = {
    {"", 1},          {"KB", 1000},       {"KiB", 1 << 10}, {"MB", 1000000},
    {"MiB", 1 << 20}, {"GB", 1000000000}, {"GiB", 1 << 30},
};
static const struct unit no_units[] = {{"", 1}};

struct units {
    const struct unit *items;
    size_t count;
    const char *noun;
};

static struct units units_of(enum config_type type)
{
    switch (type) {
    case CONFIG_TYPE_DURATION:
        return (struct units){duration_units, ARRAY_LEN(duration_units), "a duration"};
    case CONFIG_TYPE_SIZE:
        return (struct units){size_units, ARRAY_LEN(size_units), "a size"};
    default:
        return (struct units){no_units, ARRAY_LEN(no_units), "a whole number"};
    }
}

void value_text(const struct config_key *key, int64_t value, char out[VALUE_TEXT_MAX])
{
    struct units units = units_of(key->type);
    size_t best = 0;
    for (size_t i = 0; i < units.count; i++) {
        if (value % units.items[i].factor == 0) {
            best = i;
        }
    }
    snprintf(out, VALUE_TEXT_MAX, "%" PRId64 "%s", value / units.items[best].factor,
             value == 0 ? "" : units.items[best].name); /* zero is zero in any unit */
}

void value_pattern(const struct config_key *key, char out[VALUE_TEXT_MAX])
{
    struct units units = units_of(key->type);
    size_t len = (size_t)snprintf(out, VALUE_TEXT_MAX, "^0$|^[0-9]+(");
    for (size_t i = 0; i < units.count; i++) {
        len += (size_t)snprintf(out + len, VALUE_TEXT_MAX - len, "%s%s", i == 0 ? "" : "|",
                                units.items[i].name);
    }
    snprintf(out + len, VALUE_TEXT_MAX - len, ")$");
}

static bool number_parse(const struct units *units, const char *text, int64_t *out)
{
    bool negative = *text == '-';
    text += negative;
    if (*text < '0' || *text > '9') {
        return false;
    }
    int64_t value = 0;
    for (; *text >= '0' && *text <= '9'; text++) {
        int digit = *text - '0';
        if (__builtin_mul_overflow(value, 10, &value) ||
            __builtin_add_overflow(value, digit, &value)) {
            return false;
        }
    }
    for (size_t i = 0; i < units->count; i++) {
        /* Zero is zero in any unit. */
        if (strcmp(text, units->items[i].name) == 0 || (value == 0 && *text == '\0')) {
            if (__builtin_mul_overflow(value, units->items[i].factor, &value)) {
                return false;
            }
            *out = negative ? -value : value;
            return true;
        }
    }
    return false;
}

static int parse_number(const struct config_key *key, const char *text, int64_t *field,
                        char expected[VALUE_EXPECTED_MAX])
{
    struct units units = units_of(key->type);
    int64_t value;
    if (number_parse(&units, text, &value) && value >= key->min && value <= key->max) {
        *field = value;
        return 0;
    }
    char min[VALUE_TEXT_MAX];
    char max[VALUE_TEXT_MAX];
    value_text(key, key->min, min);
    value_text(key, key->max, max);
    snprintf(expected, VALUE_EXPECTED_MAX, "%s from %s to %s", units.noun, min, max);
    return ERR_INVALID;
}

static int parse_choice(const struct config_key *key, const char *text, int *field,
                        char expected[VALUE_EXPECTED_MAX])
{
    size_t len = (size_t)snprintf(expected, VALUE_EXPECTED_MAX, "one of");
    for (int i = 0; key->choices[i] != NULL; i++) {
        if (strcmp(text, key->choices[i]) == 0) {
            *field = i;
            return 0;
        }
        if (len < VALUE_EXPECTED_MAX) {
            len += (size_t)snprintf(expected + len, VALUE_EXPECTED_MAX - len, "%s %s",
                                    i == 0 ? "" : ",", key->choices[i]);
        }
    }
    return ERR_INVALID;
}

static int parse_bool(const char *text, bool *field, char expected[VALUE_EXPECTED_MAX])
{
    bool value = strcmp(text, "true") == 0;
    if (!value && strcmp(text, "false") != 0) {
        snprintf(expected, VALUE_EXPECTED_MAX, "true or false");
        return ERR_INVALID;
    }
    *field = value;
    return 0;
}

int value_parse(const struct config_key *key, const char *text, void *field,
                char expected[VALUE_EXPECTED_MAX])
{
    switch (key->type) {
    case CONFIG_TYPE_BOOL:
        return parse_bool(text, field, expected);
    case CONFIG_TYPE_INT:
    case CONFIG_TYPE_DURATION:
    case CONFIG_TYPE_SIZE:
        return parse_number(key, text, field, expected);
    case CONFIG_TYPE_CHOICE:
        return parse_choice(key, text, field, expected);
    case CONFIG_TYPE_STRING:
    case CONFIG_TYPE_STRINGS:
    case CONFIG_TYPE_MAP:
    case CONFIG_TYPE_GROUP:
    case CONFIG_TYPE_LIST:
        break;
    }
    unreachable();
}
