/* SPDX-License-Identifier: Apache-2.0
 *
 * Numbers with their nouns: "1 room", "2 rooms".
 */
#ifndef ORCHESTRATOR_CLI_COUNT_H
#define ORCHESTRATOR_CLI_COUNT_H

#include <stdio.h>

#define COUNT_BYTES 48

/* Into out, which is returned. */
static inline const char *count_text(char out[COUNT_BYTES], unsigned long long count,
                                     const char *one, const char *several)
{
    snprintf(out, COUNT_BYTES, "%llu %s", count, count == 1 ? one : several);
    return out;
}

/* Valid to the end of the block. */
#define COUNT_OF(count, one, several)                                                              \
    count_text((char[COUNT_BYTES]){0}, (unsigned long long)(count), one, several)
#define COUNT_PEOPLE(count) COUNT_OF(count, "person", "people")
#define COUNT_ROOMS(count)  COUNT_OF(count, "room", "rooms")
#define COUNT_NODES(count)  COUNT_OF(count, "node", "nodes")

#endif
