/* SPDX-License-Identifier: Apache-2.0
 *
 * Any text as the fields of a list: each row has a value for each of them, or there is no table.
 */
#include "orchestrator/core/cluster/private.h"

#include <jansson.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    char *text = mem_copy(data, len); /* with a zero byte behind */
    json_t *list = json_pack("[{s:s, s:i}, {}]", "name", "node-1", "rooms", 7);
    json_t *table = columns_of(list, text);
    if (table != NULL) {
        size_t fields = json_array_size(json_object_get(table, "fields"));
        const json_t *rows = json_object_get(table, "rows");
        assert(fields > 0 && json_array_size(rows) == json_array_size(list));
        for (size_t i = 0; i < json_array_size(rows); i++) {
            assert(json_array_size(json_array_get(rows, i)) == fields);
        }
    }
    json_decref(table);
    json_decref(list);
    free(text);
    return 0;
}
