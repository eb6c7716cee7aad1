/* SPDX-License-Identifier: Apache-2.0
 *
 * Cutting text into lines, words and numbers.
 */
#include "orchestrator/core/sdp/parse.h"

char *scan_line(char **at)
{
    char *line = *at;
    if (*line == '\0') {
        return NULL;
    }
    char *end = strchr(line, '\n');
    if (end == NULL) {
        end = line + strlen(line);
        *at = end;
    } else {
        *at = end + 1;
        *end = '\0';
    }
    /* Lines end with CRLF, and parsers should take a bare LF (RFC 8866 §5). */
    if (end > line && end[-1] == '\r') {
        end[-1] = '\0';
    }
    return line;
}

char *scan_word(char **at, char delimiter)
{
    char *word = *at;
    while (*word == ' ') {
        word++;
    }
    if (*word == '\0') {
        return NULL;
    }
    char *end = word;
    while (*end != '\0' && *end != delimiter) {
        end++;
    }
    *at = *end == '\0' ? end : end + 1;
    *end = '\0';
    return word;
}

bool scan_number(const char *text, uint32_t max, uint32_t *out)
{
    uint64_t value = 0;
    if (*text == '\0') {
        return false;
    }
    for (; *text != '\0'; text++) {
        if (*text < '0' || *text > '9') {
            return false;
        }
        value = value * 10 + (uint64_t)(*text - '0');
        if (value > max) {
            return false;
        }
    }
    *out = (uint32_t)value;
    return true;
}

static bool is_alphanumeric(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

bool scan_is_token(const char *text, size_t max)
{
    size_t len = strlen(text);
    for (size_t i = 0; i < len; i++) {
        if (!is_alphanumeric(text[i]) && strchr("!#$%&'*+-.^_`{|}~", text[i]) == NULL) {
            return false;
        }
    }
    return len >= 1 && len <= max;
}

bool scan_is_ice(const char *text, size_t min, size_t max)
{
    size_t len = strlen(text);
    for (size_t i = 0; i < len; i++) {
        if (!is_alphanumeric(text[i]) && text[i] != '+' && text[i] != '/') {
            return false;
        }
    }
    return len >= min && len <= max;
}
