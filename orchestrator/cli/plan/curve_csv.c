/* SPDX-License-Identifier: Apache-2.0 */
#include "orchestrator/cli/plan/private.h"

#include <stdio.h>

enum { TIME, REGION, VALUE, FIELDS };
#define LINE_MAX_BYTES 256

struct line {
    char text[LINE_MAX_BYTES]; /* cut at the commas */
    char *fields[FIELDS];
    size_t number; /* from 1 */
};

static int wrong(const struct curve_rows *rows, const struct line *line, const char *what,
                 const char *text)
{
    snprintf(rows->error, CURVE_ERROR_MAX, "%zu: %s%s%s%s", line->number, what,
             text == NULL ? "" : ": \"", text == NULL ? "" : text, text == NULL ? "" : "\"");
    return ERR_INVALID;
}

static char *trimmed(char *text)
{
    text += strspn(text, " \t");
    size_t len = strlen(text);
    while (len > 0 && strchr(" \t\r", text[len - 1]) != NULL) {
        len--;
    }
    text[len] = '\0';
    return text;
}

static int split(const struct curve_rows *rows, struct line *line)
{
    char *rest = line->text, *field;
    size_t count = 0;
    while ((field = strsep(&rest, ",")) != NULL) {
        if (count == FIELDS) {
            return wrong(rows, line, "more than three fields: time, region, value", NULL);
        }
        line->fields[count++] = trimmed(field);
    }
    return count == FIELDS ? 0 : wrong(rows, line, "not three fields: time, region, value", NULL);
}

static int read_head(const struct curve_rows *rows, const struct line *line)
{
    char *const *fields = line->fields;
    bool known = strcmp(fields[VALUE], "people") == 0 || strcmp(fields[VALUE], "weight") == 0;
    if (strcmp(fields[TIME], "time") != 0 || strcmp(fields[REGION], "region") != 0 || !known) {
        return wrong(rows, line, "the first line is not time,region,people or time,region,weight",
                     NULL);
    }
    snprintf(rows->curve->unit, sizeof(rows->curve->unit), "%s", fields[VALUE]);
    return 0;
}

static int read_row(struct curve_rows *rows, const struct line *line)
{
    struct curve_row row = {.line = line->number};
    for (size_t i = TIME; i <= REGION; i++) {
        if (line->fields[i][0] == '\0' || strlen(line->fields[i]) >= CURVE_NAME_MAX) {
            return wrong(rows, line, "not 1 to 63 bytes of a time and a region", NULL);
        }
    }
    if (!curve_number(line->fields[VALUE], &row.value)) {
        return wrong(rows, line, "not a number of 0 to 1e12", line->fields[VALUE]);
    }
    snprintf(row.time, sizeof(row.time), "%s", line->fields[TIME]);
    int err = curve_region(rows, line->fields[REGION], &row.region);
    return err != 0 ? err : curve_add(rows, &row);
}

/* The next line with something on it. False: there is none. */
static bool next_line(struct bytes *text, size_t *number, const char **out, size_t *len)
{
    while (text->len > 0) {
        const uint8_t *end = memchr(text->data, '\n', text->len);
        size_t whole = end == NULL ? text->len : (size_t)(end - text->data) + 1;
        *out = (const char *)text->data;
        *len = whole - (end != NULL);
        *text = (struct bytes){text->data + whole, text->len - whole};
        (*number)++;
        size_t blanks = 0;
        while (blanks < *len && strchr(" \t\r", (*out)[blanks]) != NULL && (*out)[blanks] != '\0') {
            blanks++;
        }
        if (blanks < *len && (*out)[blanks] != '#') {
            return true;
        }
    }
    return false;
}

static int copy(const struct curve_rows *rows, struct line *line, const char *text, size_t len)
{
    if (len >= sizeof(line->text)) {
        return wrong(rows, line, "longer than 255 bytes", NULL);
    }
    if (memchr(text, '\0', len) != NULL || memchr(text, '"', len) != NULL) {
        return wrong(rows, line, "quotes and zero bytes have no place here", NULL);
    }
    memcpy(line->text, text, len);
    line->text[len] = '\0';
    return split(rows, line);
}

int curve_read_csv(struct curve_rows *rows, struct bytes text)
{
    static const char mark[] = "\xef\xbb\xbf"; /* of UTF-8, as spreadsheets write it */
    struct line line = {.number = 0};
    const char *at;
    size_t len;
    bool head = true;
    if (text.len >= 3 && memcmp(text.data, mark, 3) == 0) {
        text = (struct bytes){text.data + 3, text.len - 3};
    }
    while (next_line(&text, &line.number, &at, &len)) {
        int err = copy(rows, &line, at, len);
        if (err == 0) {
            err = head ? read_head(rows, &line) : read_row(rows, &line);
        }
        if (err != 0) {
            return err;
        }
        head = false;
    }
    return 0;
}
