/* SPDX-License-Identifier: Apache-2.0 */
#include "common/logger/logger.h"

#include "common/rfc3339/rfc3339.h"

#include <stdio.h>
#include <time.h>
#include <unistd.h>

#define TAIL 2 /* bytes kept for the closing brace and the newline */

/* Appends to a line of bounded length; what does not fit is left out. */
struct line {
    char *data;
    size_t len;
    size_t capacity;
    bool cut;
};

static void put_char(struct line *line, char c)
{
    if (line->len == line->capacity) {
        line->cut = true;
        return;
    }
    line->data[line->len++] = c;
}

static void put_text(struct line *line, const char *text)
{
    for (; *text != '\0'; text++) {
        put_char(line, *text);
    }
}

/* Bytes of the UTF-8 character at text (the table of RFC 3629 §4), 0 if it is none. */
static size_t utf8_len(const char *text, size_t len)
{
    static const struct {
        unsigned char lead_max, size, second_min, second_max;
    } rows[] = {
        {0x7f, 1, 0x00, 0x00}, {0xc1, 0, 0x00, 0x00}, {0xdf, 2, 0x80, 0xbf}, {0xe0, 3, 0xa0, 0xbf},
        {0xec, 3, 0x80, 0xbf}, {0xed, 3, 0x80, 0x9f}, {0xef, 3, 0x80, 0xbf}, {0xf0, 4, 0x90, 0xbf},
        {0xf3, 4, 0x80, 0xbf}, {0xf4, 4, 0x80, 0x8f}, {0xff, 0, 0x00, 0x00},
    };
    const unsigned char *byte = (const unsigned char *)text;
    size_t row = 0;
    while (byte[0] > rows[row].lead_max) {
        row++;
    }
    size_t size = rows[row].size;
    if (size <= 1 || size > len) {
        return size == 1 ? 1 : 0;
    }
    if (byte[1] < rows[row].second_min || byte[1] > rows[row].second_max) {
        return 0;
    }
    for (size_t i = 2; i < size; i++) {
        if ((byte[i] & 0xc0) != 0x80) {
            return 0;
        }
    }
    return size;
}

/* One byte inside a JSON string. */
static void put_escaped(struct line *line, char c)
{
    char escape[8];
    if (c == '"' || c == '\\') {
        snprintf(escape, sizeof(escape), "\\%c", c);
    } else if ((unsigned char)c < 0x20 || c == 0x7f) {
        snprintf(escape, sizeof(escape), "\\u%04x", (unsigned)(unsigned char)c);
    } else {
        snprintf(escape, sizeof(escape), "%c", c);
    }
    put_text(line, escape);
}

static void put_time(struct line *line, int64_t unix_ms)
{
    char text[RFC3339_MAX];
    put_text(line, rfc3339_ms(text, unix_ms));
}

/* Text inside a JSON string, which has to be UTF-8: other bytes become question marks. */
static void put_word(struct line *line, const char *word, size_t len)
{
    for (size_t i = 0; i < len;) {
        size_t size = utf8_len(word + i, len - i);
        if (size == 0) {
            put_char(line, '?');
            i++;
        }
        for (; size > 0; size--) {
            put_escaped(line, word[i++]);
        }
    }
}

/* The first word if it is a name, then the pairs; other words are gathered in rest, each after a
 * space. */
static void put_fields(struct line *line, const char *text, struct line *rest)
{
    struct log_word word;
    size_t event_len = log_event_len(text);
    if (event_len > 0) {
        put_text(line, ",\"event\":\"");
        put_word(line, text, event_len);
        put_char(line, '"');
        text += event_len;
    }
    while (log_word_next(&text, &word)) {
        if (word.key_len > 0) {
            put_text(line, ",\"");
            put_word(line, word.key, word.key_len);
            put_text(line, "\":\"");
            put_word(line, word.value, word.value_len);
            put_char(line, '"');
            continue;
        }
        for (size_t i = 0; i < word.value_len && rest != NULL; i++) {
            put_text(rest, i == 0 ? " " : "");
            put_char(rest, word.value[i]);
        }
    }
}

static void put_json_head(struct line *line, int64_t unix_ms, enum log_level level)
{
    line->len = 0;
    put_text(line, "{\"ts\":\"");
    put_time(line, unix_ms);
    put_text(line, "\",\"level\":\"");
    put_text(line, logger_level_name(level));
    put_char(line, '"');
}

static void put_json(struct line *line, const struct logger_config *config, int64_t unix_ms,
                     enum log_level level, const char *text)
{
    char words[LOGGER_LINE_MAX];
    struct line rest = {.data = words, .capacity = sizeof(words) - 1};
    put_json_head(line, unix_ms, level);
    put_fields(line, text, &rest);
    if (config->identity != NULL) {
        put_fields(line, config->identity, NULL);
    }
    words[rest.len] = '\0';
    if (rest.len > 0) {
        put_text(line, ",\"text\":\"");
        put_word(line, words + 1, rest.len - 1);
        put_char(line, '"');
    }
    if (line->cut) { /* half a JSON object is of use to nobody */
        put_json_head(line, unix_ms, level);
        put_text(line, ",\"event\":\"log_line_too_long\"");
    }
}

static void put_plain(struct line *line, const struct logger_config *config, int64_t unix_ms,
                      enum log_level level, const char *text)
{
    put_time(line, unix_ms);
    put_char(line, ' ');
    char padded[8];
    snprintf(padded, sizeof(padded), "%-5s ", logger_level_name(level));
    put_text(line, padded);
    for (; *text != '\0'; text++) {
        put_char(line, (unsigned char)*text < 0x20 || *text == 0x7f ? '?' : *text);
    }
    if (config->identity != NULL) {
        put_char(line, ' ');
        put_text(line, config->identity);
    }
}

size_t logger_format_line(char out[LOGGER_LINE_MAX], const struct logger_config *config,
                          int64_t unix_ms, enum log_level level, const char *text)
{
    struct line line = {.data = out, .capacity = LOGGER_LINE_MAX - TAIL};
    if (config->format == LOGGER_JSON) {
        put_json(&line, config, unix_ms, level, text);
    } else {
        put_plain(&line, config, unix_ms, level, text);
    }
    line.capacity = LOGGER_LINE_MAX;
    put_text(&line, config->format == LOGGER_JSON ? "}\n" : "\n");
    return line.len;
}

static const char *const level_names[] = {"trace", "debug", "info", "warn", "error"};

const char *logger_level_name(enum log_level level)
{
    assert((size_t)level < ARRAY_LEN(level_names));
    return level_names[level];
}

int logger_level_parse(enum log_level *out, const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(level_names); i++) {
        if (strcmp(name, level_names[i]) == 0) {
            *out = (enum log_level)i;
            return 0;
        }
    }
    return ERR_INVALID;
}

static void sink_write(void *arg, enum log_level level, const char *text)
{
    struct logger *logger = arg;
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    int64_t unix_ms = (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
    char line[LOGGER_LINE_MAX];
    size_t len = logger_format_line(line, &logger->config, unix_ms, level, text);
    if (write(logger->config.fd, line, len) != (ssize_t)len) {
        logger->lost++;
    }
}

void logger_init(struct logger *logger, const struct logger_config *config)
{
    *logger = (struct logger){
        .sink = {.write = sink_write, .arg = logger, .level_min = config->level_min},
        .config = *config,
    };
}
