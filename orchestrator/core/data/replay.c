/* SPDX-License-Identifier: Apache-2.0 */
#include "orchestrator/core/data/data.h"

#include <stdlib.h>

static void drop_oldest(struct data_replay *replay, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        replay->bytes -= replay->entries[i].len;
        free(replay->entries[i].sender);
        free(replay->entries[i].data);
    }
    replay->count -= n;
    if (replay->count == 0) {
        return;
    }
    memmove(replay->entries, replay->entries + n, replay->count * sizeof(*replay->entries));
}

void data_replay_fini(struct data_replay *replay)
{
    drop_oldest(replay, replay->count);
    free(replay->entries);
    *replay = (struct data_replay){0};
}

void data_replay_expire(struct data_replay *replay, int64_t now_us)
{
    int64_t life_us = replay->holders > 0 ? DATA_HELD_US : DATA_REPLAY_US;
    size_t old = 0;
    while (old < replay->count && replay->entries[old].at_us + life_us <= now_us) {
        old++;
    }
    if (old > 0) {
        drop_oldest(replay, old);
    }
}

void data_replay_add(struct data_replay *replay, int64_t now_us, const char *sender,
                     struct bytes packet)
{
    data_replay_expire(replay, now_us);
    size_t bytes_max = replay->holders > 0 ? DATA_HELD_BYTES_MAX : DATA_REPLAY_BYTES_MAX;
    size_t surplus = 0;
    size_t kept = replay->bytes;
    while (surplus < replay->count && kept + packet.len > bytes_max) {
        kept -= replay->entries[surplus++].len;
    }
    if (surplus > 0) {
        drop_oldest(replay, surplus);
    }
    if (replay->count == replay->capacity) {
        replay->capacity = replay->capacity == 0 ? 16 : replay->capacity * 2;
        replay->entries = mem_grow(replay->entries, replay->capacity, sizeof(*replay->entries));
    }
    replay->entries[replay->count++] = (struct data_replay_entry){
        .at_us = now_us,
        .sender = mem_str(sender),
        .data = mem_copy(packet.data, packet.len),
        .len = packet.len,
        .ordinal = ++replay->last_ordinal,
    };
    replay->bytes += packet.len;
}
