/* SPDX-License-Identifier: Apache-2.0
 *
 * A list as a table of the fields that were asked for: a row is an array, so that neither the names
 * nor what nobody looks at are written and read 10,000 times.
 */
#include "orchestrator/core/cluster/private.h"

#include <jansson.h>

#define FIELDS_MAX  32
#define FIELD_CHARS "abcdefghijklmnopqrstuvwxyz_"

/* NULL: they make no sense. */
static json_t *fields_of(const char *text)
{
    json_t *fields = json_array();
    for (;;) {
        size_t len = strspn(text, FIELD_CHARS);
        bool ends = text[len] == '\0';
        if (len == 0 || json_array_size(fields) == FIELDS_MAX || (!ends && text[len] != ',')) {
            json_decref(fields);
            return NULL;
        }
        json_array_append_new(fields, json_stringn(text, len));
        if (ends) {
            return fields;
        }
        text += len + 1;
    }
}

json_t *columns_of(const json_t *list, const char *text)
{
    json_t *fields = fields_of(text);
    size_t i, f;
    const json_t *item, *field;
    if (fields == NULL) {
        return NULL;
    }
    json_t *rows = json_array();
    json_array_foreach(list, i, item)
    {
        json_t *row = json_array();
        json_array_foreach(fields, f, field)
        {
            json_t *value = json_object_get(item, json_string_value(field));
            json_array_append_new(row, value == NULL ? json_null() : json_incref(value));
        }
        json_array_append_new(rows, row);
    }
    return json_pack("{s:o, s:o}", "fields", fields, "rows", rows);
}
