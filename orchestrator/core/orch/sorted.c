/* SPDX-License-Identifier: Apache-2.0
 *
 * Lists of the admin API in their order: whoever is asked, and whenever, says the same.
 */
#include "orchestrator/core/orch/private.h"

#include <jansson.h>
#include <stdlib.h>

static int compare(const json_t *a, const json_t *b, const char *key)
{
    const char *x = json_string_value(json_object_get(a, key));
    const char *y = json_string_value(json_object_get(b, key));
    return strcmp(x == NULL ? "" : x, y == NULL ? "" : y);
}

static int by_name(const void *a, const void *b)
{
    const json_t *x = *(json_t *const *)a, *y = *(json_t *const *)b;
    int order = compare(x, y, "name");
    return order != 0 ? order : compare(x, y, "id");
}

json_t *orch_sorted(json_t *list)
{
    size_t count = json_array_size(list);
    json_t **items = mem_array(count, sizeof(json_t *));
    for (size_t i = 0; i < count; i++) {
        items[i] = json_array_get(list, i);
    }
    qsort(items, count, sizeof(json_t *), by_name);
    json_t *out = json_array();
    for (size_t i = 0; i < count; i++) {
        json_array_append(out, items[i]);
    }
    free(items);
    json_decref(list);
    return out;
}
