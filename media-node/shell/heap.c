/* SPDX-License-Identifier: Apache-2.0 */
#include "media-node/shell/heap.h"

bool heap_look(struct heap *heap, uint64_t sent)
{
    bool quiet = sent - heap->sent < HEAP_QUIET;
    heap->sent = sent;
    heap->quiet_s = quiet ? heap->quiet_s + 1 : 0;
    if (heap->quiet_s < HEAP_TRIM_S) {
        return false;
    }
    heap->quiet_s = 0;
    return true;
}
