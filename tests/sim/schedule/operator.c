/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/schedule/operator.h"

#include <stdio.h>

#define ANSWER_US TIME_MS(500)
#define TRIES_MAX 20

enum { HTTP_OK = 200 };

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

/* Whom it asked; NULL: nobody. */
static struct orchestrator *ask(struct sim *sim, const char *what, const char *verb,
                                const char *json)
{
    char path[96];
    struct orchestrator *o = somebody(sim);
    if (o == NULL) {
        return NULL;
    }
    snprintf(path, sizeof(path), "/admin/v1/%s/%s", what, verb);
    timeline_tell(sim->timeline, "operator", "%s %s, asks %s", verb, what, o->name);
    traffic_fault(sim);
    orchestrator_admin(o, "POST", path, json);
    return o;
}

static struct orchestrator *change_node(struct sim *sim, size_t node, const char *verb)
{
    char what[32];
    snprintf(what, sizeof(what), "nodes/%s", sim->nodes[node].name);
    return ask(sim, what, verb, "{}");
}

static void move_room(struct sim *sim)
{
    char what[32], json[64];
    snprintf(what, sizeof(what), "rooms/room%u",
             (unsigned)prng_below(&sim->prng, sim->config.rooms));
    snprintf(json, sizeof(json), "{\"to\": \"%s\"}",
             sim->nodes[prng_below(&sim->prng, sim->config.nodes)].name);
    (void)ask(sim, what, "move", json);
}

void operator_acts(struct sim *sim)
{
    static const char *const verbs[] = {"cordon", "uncordon", "drain"};
    uint64_t what = prng_below(&sim->prng, ARRAY_LEN(verbs) + 1);
    if (what < ARRAY_LEN(verbs)) {
        (void)change_node(sim, prng_below(&sim->prng, sim->config.nodes), verbs[what]);
    } else {
        move_room(sim);
    }
}

/* Again until it is said to be done: an orchestrator that has just started knows no nodes. */
static void uncordon(struct sim *sim, size_t node)
{
    const struct orchestrator *asked;
    int tries = 0;
    do {
        asked = change_node(sim, node, "uncordon");
        sim_run(sim, ANSWER_US);
    } while (++tries < TRIES_MAX && (asked == NULL || asked->last_status != HTTP_OK));
}

void operator_is_done(struct sim *sim)
{
    for (size_t i = 0; i < sim->config.nodes; i++) {
        uncordon(sim, i);
    }
}
