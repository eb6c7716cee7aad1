/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/schedule/operator.h"

#include <stdio.h>

/* NULL: none runs. */
static struct orchestrator *somebody(struct sim *sim)
{
    size_t count = sim->config.orchestrators, first = prng_below(&sim->prng, count);
    for (size_t i = 0; i < count; i++) {
        struct orchestrator *o = &sim->orchestrators[(first + i) % count];
        if (o->alive && !net_hung(sim->net, o->host)) {
            return o;
        }
    }
    return NULL;
}

static void ask(struct sim *sim, const char *what, const char *verb, const char *json)
{
    char path[96];
    struct orchestrator *o = somebody(sim);
    if (o == NULL) {
        return;
    }
    snprintf(path, sizeof(path), "/admin/v1/%s/%s", what, verb);
    timeline_tell(sim->timeline, "operator", "%s %s, asks %s", verb, what, o->name);
    traffic_fault(sim);
    orchestrator_admin(o, "POST", path, json);
}

static void change_node(struct sim *sim, size_t node, const char *verb)
{
    char what[32];
    snprintf(what, sizeof(what), "nodes/%s", sim->nodes[node].name);
    ask(sim, what, verb, "{}");
}

static void move_room(struct sim *sim)
{
    char what[32], json[64];
    snprintf(what, sizeof(what), "rooms/room%u",
             (unsigned)prng_below(&sim->prng, sim->config.rooms));
    snprintf(json, sizeof(json), "{\"to\": \"%s\"}",
             sim->nodes[prng_below(&sim->prng, sim->config.nodes)].name);
    ask(sim, what, "move", json);
}

void operator_acts(struct sim *sim)
{
    static const char *const verbs[] = {"cordon", "uncordon", "drain"};
    uint64_t what = prng_below(&sim->prng, ARRAY_LEN(verbs) + 1);
    if (what < ARRAY_LEN(verbs)) {
        change_node(sim, prng_below(&sim->prng, sim->config.nodes), verbs[what]);
    } else {
        move_room(sim);
    }
}

void operator_is_done(struct sim *sim)
{
    for (size_t i = 0; i < sim->config.nodes; i++) {
        change_node(sim, i, "uncordon");
    }
}
