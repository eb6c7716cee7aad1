/* SPDX-License-Identifier: Apache-2.0
 *
 * A link's settings in words, for the command line and for changes while it runs.
 */
#include "tests/link/link.h"

#include <errno.h>
#include <stdlib.h>

#define WORD_MAX 32

struct unit {
    const char *name;
    double factor;
};
static const struct unit times[] = {{"us", 1}, {"ms", 1e3}, {"s", 1e6}, {NULL, 0}};
static const struct unit rates[] = {{"bit", 1}, {"kbit", 1e3}, {"mbit", 1e6}, {NULL, 0}};
static const struct unit sizes[] = {{"b", 1}, {"kb", 1024}, {NULL, 0}};
static const struct unit shares[] = {{"%", 10}, {NULL, 0}};

/* A number of one of these units, 0 .. max, into out. */
static bool read_value(const char *word, const struct unit *units, double max, uint64_t *out)
{
    char *end;
    double number = strtod(word, &end);
    if (end == word || end != word + strspn(word, "0123456789.")) {
        return false; /* strtod also takes signs, "inf", "nan", hexadecimal */
    }
    for (; units->name != NULL; units++) {
        if (strcmp(end, units->name) == 0) {
            double value = number * units->factor;
            if (!(value >= 0 && value <= max)) {
                return false;
            }
            *out = (uint64_t)(value + 0.5);
            return true;
        }
    }
    return false;
}

static bool read_setting(struct link_config *config, const char *name, const char *value)
{
    uint64_t n = 0;
    bool ok = false;
    if (strcmp(name, "delay") == 0) {
        ok = read_value(value, times, LINK_DELAY_US_MAX, &n);
        config->delay_us = (int64_t)n;
    } else if (strcmp(name, "jitter") == 0) {
        ok = read_value(value, times, LINK_DELAY_US_MAX, &n);
        config->jitter_us = (int64_t)n;
    } else if (strcmp(name, "loss") == 0) {
        ok = read_value(value, shares, 1000, &n);
        config->loss_permille = (uint32_t)n;
    } else if (strcmp(name, "rate") == 0) {
        ok = strcmp(value, "none") == 0 ||
             (read_value(value, rates, LINK_RATE_BPS_MAX, &n) && n > 0);
        config->rate_bps = n;
    } else if (strcmp(name, "queue") == 0) {
        ok = read_value(value, sizes, LINK_QUEUE_MAX, &n);
        config->queue_bytes = (size_t)n;
    } else if (strcmp(name, "order") == 0) {
        config->reorder = strcmp(value, "free") == 0;
        ok = config->reorder || strcmp(value, "kept") == 0;
    }
    return ok;
}

/* The next word of *text into word, "" at the end. False: it is too long. */
static bool next_word(const char **text, char word[WORD_MAX])
{
    *text += strspn(*text, " \t\r\n");
    size_t len = strcspn(*text, " \t\r\n");
    if (len >= WORD_MAX) {
        return false;
    }
    memcpy(word, *text, len);
    word[len] = '\0';
    *text += len;
    return true;
}

int link_config_read(struct link_config *config, const char *words)
{
    struct link_config read = *config;
    char name[WORD_MAX], value[WORD_MAX];
    for (;;) {
        if (!next_word(&words, name) || !next_word(&words, value)) {
            return ERR_INVALID;
        }
        if (name[0] == '\0') {
            break;
        }
        if (!read_setting(&read, name, value)) {
            return ERR_INVALID;
        }
    }
    if (read.jitter_us > read.delay_us) {
        return ERR_INVALID;
    }
    *config = read;
    return 0;
}
