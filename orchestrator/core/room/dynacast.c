/* SPDX-License-Identifier: Apache-2.0 */
#include "orchestrator/core/room/dynacast.h"

void dynacast_init(struct dynacast *dynacast)
{
    *dynacast = (struct dynacast){.level = DYNACAST_HIGH};
    for (unsigned level = 0; level < DYNACAST_LEVELS; level++) {
        dynacast->off_at_us[level] = TIME_NEVER;
    }
}

void dynacast_add(struct dynacast *dynacast, enum dynacast_level wanted)
{
    dynacast->wanting[wanted]++;
}

void dynacast_remove(struct dynacast *dynacast, enum dynacast_level wanted)
{
    assert(dynacast->wanting[wanted] > 0);
    dynacast->wanting[wanted]--;
}

bool dynacast_decide(struct dynacast *dynacast, int64_t now_us)
{
    enum dynacast_level before = dynacast->level, highest = DYNACAST_OFF;
    bool wanted = false;
    for (unsigned level = DYNACAST_HIGH; level > DYNACAST_OFF; level--) {
        int64_t *off_at_us = &dynacast->off_at_us[level];
        wanted |= dynacast->wanting[level] > 0;
        bool on = wanted;
        if (!wanted && level <= before) {
            *off_at_us = *off_at_us == TIME_NEVER ? now_us + DYNACAST_LOWER_US : *off_at_us;
            on = now_us < *off_at_us;
        }
        if (wanted || !on) {
            *off_at_us = TIME_NEVER;
        }
        highest = on && highest == DYNACAST_OFF ? (enum dynacast_level)level : highest;
    }
    dynacast->level = highest;
    return highest != before;
}

int64_t dynacast_deadline(const struct dynacast *dynacast)
{
    int64_t at = TIME_NEVER;
    for (unsigned level = DYNACAST_LOW; level < DYNACAST_LEVELS; level++) {
        at = MIN(at, dynacast->off_at_us[level]);
    }
    return at;
}
