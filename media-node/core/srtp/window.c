/* SPDX-License-Identifier: Apache-2.0
 *
 * The replay list of RFC 3711 §3.3.2: which of the last RTPSEC_REPLAY_WINDOW indices came.
 */
#include "media-node/core/srtp/private.h"

static uint64_t bit_of(uint64_t index)
{
    return UINT64_C(1) << index % 64;
}

int rtpsec_window_check(const struct rtpsec_window *window, uint64_t index)
{
    if (!window->started || index > window->newest) {
        return 0;
    }
    if (window->newest - index >= RTPSEC_REPLAY_WINDOW) {
        return ERR_STALE;
    }
    uint64_t word = window->seen[index % RTPSEC_REPLAY_WINDOW / 64];
    return (word & bit_of(index)) != 0 ? ERR_REPLAY : 0;
}

void rtpsec_window_mark(struct rtpsec_window *window, uint64_t index)
{
    if (!window->started || index > window->newest) {
        if (!window->started || index - window->newest >= RTPSEC_REPLAY_WINDOW) {
            memset(window->seen, 0, sizeof(window->seen));
        } else {
            for (uint64_t i = window->newest + 1; i < index; i++) {
                window->seen[i % RTPSEC_REPLAY_WINDOW / 64] &= ~bit_of(i);
            }
        }
        window->started = true;
        window->newest = index;
    }
    window->seen[index % RTPSEC_REPLAY_WINDOW / 64] |= bit_of(index);
}
