/* SPDX-License-Identifier: Apache-2.0
 *
 * Trickled candidates. We are ICE-lite and learn paths from checks, so of a fragment only the ufrag
 * is of interest: another one than the offer's is an ICE restart.
 */
#include "orchestrator/core/whip/private.h"

#define UFRAG "a=ice-ufrag:"

bool whip_fragment_ufrag(struct bytes body, struct bytes *out)
{
    const size_t name_len = sizeof(UFRAG) - 1;
    const uint8_t *at = body.data, *end = body.data + body.len;
    while (at < end) {
        const uint8_t *line_end = memchr(at, '\n', (size_t)(end - at));
        const uint8_t *next = line_end == NULL ? end : line_end + 1;
        size_t len = (size_t)((line_end == NULL ? end : line_end) - at);
        len -= len > 0 && at[len - 1] == '\r';
        if (len > name_len && memcmp(at, UFRAG, name_len) == 0) {
            *out = (struct bytes){at + name_len, len - name_len};
            return true;
        }
        at = next;
    }
    return false;
}
