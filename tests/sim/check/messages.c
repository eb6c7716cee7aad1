/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/world/world.h"

#include <stdio.h>

#define FRONT_HAD_US TIME_MS(500)
#define ARRIVED_US   TIME_S(2) /* for a message to be everywhere */
#define SPOKEN_US    TIME_S(4) /* everybody has said one within it */

int64_t check_front_lost(const struct sim *sim, const struct client *client)
{
    uint32_t disturbed = client->relied & sim->disturbed;
    int64_t since_us = sim->broken.net ? sim_now(sim) : TIME_NEVER;
    for (size_t i = 0; i < sim->config.orchestrators; i++) {
        if ((disturbed & 1u << i) != 0) {
            since_us = MIN(since_us, sim->disturbed_us[i] - FRONT_HAD_US);
        }
    }
    return since_us;
}

void check_message(struct sim *sim, const struct client *to, const struct data_heard *heard,
                   const struct data_heard *before)
{
    const struct client *from = &sim->clients[heard->who];
    if (before->number == 0 || from->pcs != heard->session) {
        return; /* the first one; or it has started over meanwhile */
    }
    for (uint32_t number = before->number + 1; number < heard->number; number++) {
        if (!data_may_lack(&from->data, number)) {
            check_fail(sim, "%s has message %u of %s after %u, and lacks %u", to->name,
                       heard->number, from->name, before->number, number);
        }
    }
}

void check_messages(const struct sim *sim, const struct client *to, const struct client *from,
                    char out[CHECK_TEXT_MAX])
{
    if (!sim->config.data) {
        return;
    }
    uint32_t due = data_due(&from->data, sim_now(sim) - ARRIVED_US);
    uint32_t newest = data_newest(&to->data, from->index, from->pcs);
    if (newest < due) {
        snprintf(out, CHECK_TEXT_MAX, "%s has messages of %s up to %u, and not %u", to->name,
                 from->name, newest, due);
    } else if (data_due(&from->data, sim_now(sim)) <=
               data_due(&from->data, sim_now(sim) - SPOKEN_US)) {
        snprintf(out, CHECK_TEXT_MAX, "nothing that %s says leaves him", from->name);
    }
}
