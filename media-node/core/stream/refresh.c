/* SPDX-License-Identifier: Apache-2.0
 *
 * Key-frame requests of one layer (PLI, RFC 4585 §6.3.1). However many want one, there is one
 * request per spacing. It is repeated at that pace until a key frame begins to arrive. Where no
 * media comes at all, nobody listens: after REFRESH_TRIES_MAX requests it rests until media does.
 */
#include "media-node/core/stream/receiver_parts.h"

void stream_refresh_init(struct stream_refresh *refresh, int64_t spacing_us)
{
    *refresh = (struct stream_refresh){
        .spacing_us = spacing_us,
        .due_us = TIME_NEVER,
        .next_us = INT64_MIN,
    };
}

void stream_refresh_want(struct stream_refresh *refresh, int64_t now_us)
{
    refresh->wanted = true;
    refresh->tries = 0;
    refresh->due_us = MAX(now_us, refresh->next_us);
}

void stream_refresh_media(struct stream_refresh *refresh, int64_t now_us)
{
    refresh->tries = 0;
    if (refresh->wanted && refresh->due_us == TIME_NEVER) {
        refresh->due_us = MAX(now_us, refresh->next_us);
    }
}

void stream_refresh_answered(struct stream_refresh *refresh)
{
    refresh->wanted = false;
    refresh->due_us = TIME_NEVER;
}

bool stream_refresh_due(struct stream_refresh *refresh, int64_t now_us)
{
    if (now_us < refresh->due_us) {
        return false;
    }
    assert(refresh->wanted);
    refresh->asked++;
    refresh->tries++;
    refresh->next_us = now_us + refresh->spacing_us;
    refresh->due_us = refresh->tries < REFRESH_TRIES_MAX ? refresh->next_us : TIME_NEVER;
    return true;
}
