/* SPDX-License-Identifier: Apache-2.0 */
#include "common/base/base.h"

#include <stdio.h>

#define LINE_MAX_BYTES 1024
#define NAME_LEN_MAX   64 /* longer first words are no event name */

void log_write(const struct log_sink *sink, enum log_level level, const char *format, ...)
{
    if (sink == NULL || sink->write == NULL || level < sink->level_min) {
        return;
    }
    char text[LINE_MAX_BYTES];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    sink->write(sink->arg, level, text);
}

static bool is_name_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '.' || c == '-';
}

static size_t name_len(const char *text)
{
    size_t len = 0;
    while (len < NAME_LEN_MAX && is_name_char(text[len])) {
        len++;
    }
    return len;
}

size_t log_event_len(const char *text)
{
    size_t len = name_len(text);
    return text[len] == ' ' || text[len] == '\0' ? len : 0;
}

bool log_word_next(const char **rest, struct log_word *out)
{
    const char *text = *rest + strspn(*rest, " ");
    size_t key_len = name_len(text);
    *out = (struct log_word){.key = text, .value = text};
    if (key_len > 0 && text[key_len] == '=') {
        out->key_len = key_len;
        out->value = text + key_len + 1;
    }
    bool quoted =
        out->key_len > 0 && *out->value == '"'; /* it ends at the next, or with the text */
    out->value += quoted;
    out->value_len = strcspn(out->value, quoted ? "\"" : " ");
    *rest = out->value + out->value_len;
    *rest += **rest != '\0';
    return *text != '\0';
}
