/* SPDX-License-Identifier: Apache-2.0
 *
 * The fleet before anything happens: its nodes in the registries of all orchestrators, its rooms on
 * nodes, where placement puts those who join.
 */
#include "common/room_mix/room_mix.h"
#include "orchestrator/cli/sim/private.h"

#include <stdio.h>

#define NEAR_US    500         /* one way within a region */
#define UNKNOWN_US TIME_MS(50) /* one way between regions whose distance nobody knows */

/* ---- Nodes --------------------------------------------------------------------------------- */

static void number_nodes(struct sim *sim)
{
    size_t count = sim->config->fleet->regions.count;
    for (size_t i = 0; i < count; i++) {
        sim->node_count += (uint32_t)sim->regions[i].nodes;
    }
    sim->nodes = mem_array(sim->node_count, sizeof(*sim->nodes));
    uint32_t node = 0;
    for (size_t i = 0; i < count; i++) {
        for (uint32_t number = 1; number <= sim->regions[i].nodes; number++) {
            sim->nodes[node++] = (struct node){.region = (uint32_t)i,
                                               .number = number,
                                               .capacity = (uint32_t)sim->regions[i].capacity};
        }
    }
}

void fill_add_node(const struct sim *sim, int64_t now_us, uint32_t node)
{
    static const struct registry_endpoint endpoint = {.ip = "192.0.2.1", .port = 5000};
    char id[ID_MAX], name[REGISTRY_NAME_MAX];
    share_node_id(id, node);
    share_node_name(sim, name, node);
    const struct registry_identity identity = {.id = id,
                                               .name = name,
                                               .region = sim->regions[sim->nodes[node].region].name,
                                               .zone = "",
                                               .version = "",
                                               .endpoints = &endpoint,
                                               .endpoint_count = 1,
                                               .capacity = sim->nodes[node].capacity};
    for (uint32_t i = 0; i < sim->owner_count; i++) {
        int err = registry_add(sim->owners[i].registry, sim->base_us + now_us, &identity);
        assert(err == 0); /* fewer than it takes, of different names */
    }
}

static struct registry *new_registry(const struct settings_placement *placement)
{
    return registry_new(&(struct registry_config){
        .hold_us = BUDGETS_RESERVATION_US,
        .forget_us = TIME_S(2 * SIM_SECONDS_MAX), /* who waits on a dead node is found there */
        .expect_us = BUDGETS_EXPECTATION_US,
        .open_permille = (uint32_t)placement->fill_percent * 10,
        .join_permille = (uint32_t)placement->join_percent * 10,
        .usual_weight = (uint32_t)placement->room_weight,
        .node_joins_per_s = (uint32_t)placement->node_joins_per_s,
        .room_joins_per_s = (uint32_t)placement->room_joins_per_s,
    });
}

static void draw_map(struct sim *sim)
{
    const struct config_list *list = &sim->config->fleet->region_distances;
    const struct settings_distance *items = list->items;
    sim->map = placement_map_new();
    for (size_t i = 0; i < list->count; i++) {
        int err = placement_map_set(sim->map, items[i].from, items[i].to, (uint32_t)items[i].ms);
        assert(err == 0); /* fewer regions than the map has place for */
    }
}

/* Orchestrators are spread over the regions. */
static void open_owner(struct sim *sim, uint32_t index)
{
    const struct fleet *fleet = sim->config->fleet;
    struct owner *owner = &sim->owners[index];
    const char *home = sim->regions[index % fleet->regions.count].name;
    prng_seed(&owner->prng, prng_next(&sim->prng));
    owner->registry = new_registry(&fleet->placement);
    for (size_t i = 0; i < fleet->regions.count; i++) {
        uint32_t ms = placement_map_ms(sim->map, home, sim->regions[i].name);
        owner->way_us[i] = ms == PLACEMENT_FAR_MS ? UNKNOWN_US : MAX(ms * TIME_MS(1) / 2, NEAR_US);
    }
}

void fill_report(struct sim *sim, int64_t now_us, uint32_t node)
{
    char id[ID_MAX];
    const struct registry_load load = {.weight =
                                           (uint32_t)MIN(sim->nodes[node].carried, UINT32_MAX)};
    share_node_id(id, node);
    for (uint32_t i = 0; i < sim->owner_count; i++) {
        (void)!registry_heard(sim->owners[i].registry, sim->base_us + now_us, id, &load);
    }
    sim->nodes[node].told = true;
}

/* ---- Rooms --------------------------------------------------------------------------------- */

static void add_room(struct sim *sim, uint32_t region, uint32_t people, uint32_t publishers)
{
    if (sim->room_count == sim->room_capacity) {
        sim->room_capacity = MAX(2 * sim->room_capacity, 1024);
        sim->rooms = mem_grow(sim->rooms, sim->room_capacity, sizeof(*sim->rooms));
    }
    uint32_t watched = MIN(publishers, ROOM_MIX_VIEWED_MAX);
    uint32_t by_publishers = MIN(publishers - 1, ROOM_MIX_VIEWED_MAX);
    uint32_t video = publishers * by_publishers + (people - publishers) * watched;
    sim->rooms[sim->room_count] =
        (struct room){.people = people,
                      .weight = 2 * publishers + 2 * video, /* of each a sound with a picture */
                      .video = video,
                      .region = region,
                      .owner = (uint32_t)prng_below(&sim->prng, sim->owner_count),
                      .shares = NOBODY};
    sim->room_count++;
    sim->out->people += people;
}

static void list_rooms(struct sim *sim, uint32_t region)
{
    const struct fleet_region *of = &sim->regions[region];
    const struct fleet_rooms *rooms = of->rooms.items;
    for (int64_t left = of->people; left > 0;) {
        uint32_t people = (uint32_t)MIN((int64_t)room_mix_size(&sim->prng), left);
        add_room(sim, region, people, people);
        left -= people;
    }
    for (size_t i = 0; i < of->rooms.count; i++) {
        int64_t publishers = rooms[i].publishers == 0 ? rooms[i].people : rooms[i].publishers;
        for (int64_t j = 0; j < rooms[i].count; j++) {
            add_room(sim, region, (uint32_t)rooms[i].people, (uint32_t)publishers);
        }
    }
}

/* Those of large regions, and large rooms, are not all there before the others come. */
static void shuffle_rooms(struct sim *sim)
{
    for (uint32_t i = sim->room_count; i > 1; i--) {
        uint32_t j = (uint32_t)prng_below(&sim->prng, i);
        struct room room = sim->rooms[i - 1];
        sim->rooms[i - 1] = sim->rooms[j];
        sim->rooms[j] = room;
    }
}

/* Slow enough for both join rates: nobody is refused for that before anything happens. */
static int64_t between_joins_us(const struct settings_placement *placement)
{
    int64_t rate = 1000000;
    rate = placement->node_joins_per_s > 0 ? MIN(rate, placement->node_joins_per_s) : rate;
    rate = placement->room_joins_per_s > 0 ? MIN(rate, placement->room_joins_per_s) : rate;
    return TIME_S(1) / rate;
}

/* One more of a room, where its nodes are or to one more. */
MUST_CHECK static int join(struct sim *sim, uint32_t index)
{
    const struct settings_placement *settings = &sim->config->fleet->placement;
    struct room *room = &sim->rooms[index];
    struct owner *owner = &sim->owners[room->owner];
    char sid[ID_MAX], ids[SHARE_HELD_MAX][ID_MAX];
    const char *held[SHARE_HELD_MAX];
    size_t count = share_held(sim, room, ids, held);
    share_sid(sid, index);
    const struct placement_request request = {
        .who = count == 0 ? PLACEMENT_NEW_ROOM : PLACEMENT_JOIN,
        .region = sim->regions[room->region].name,
        .room = count == 0 ? NULL : sid,
        .weight = count == 0 ? (uint32_t)settings->room_weight : BUDGETS_JOIN_WEIGHT,
        .held = held,
        .held_count = count,
        .map = sim->map,
        .samples = PLACEMENT_SAMPLES_DEFAULT};
    struct placement_answer answer;
    sim->base_us += between_joins_us(settings);
    int err = placement_choose(&request, owner->registry, sim->base_us, &owner->prng, &answer);
    if (err == 0) {
        char id[ID_MAX];
        uint32_t node = share_number(answer.node->id);
        share_node_id(id, node);
        err = registry_room_placed(owner->registry, sim->base_us, id, sid, request.weight);
        uint32_t share = share_of(sim, index, node);
        uint32_t people = ++sim->shares[share].people;
        share_serve(sim, share, people, 0);
        registry_room_confirmed(owner->registry, id, sid,
                                share_weight(&sim->rooms[index], people, 0));
        fill_report(sim, 0, node);
    }
    return err;
}

static int fill_rooms(struct sim *sim, char error[CONFIG_ERROR_MAX])
{
    for (uint32_t room = 0; room < sim->room_count; room++) {
        for (uint32_t i = 0; i < sim->rooms[room].people; i++) {
            if (join(sim, room) != 0) {
                snprintf(error, CONFIG_ERROR_MAX,
                         "the fleet is full before anything happens: %llu of its %llu people are "
                         "on nodes, the next one, of region %s, finds no place",
                         (unsigned long long)sim->served, (unsigned long long)sim->out->people,
                         sim->regions[sim->rooms[room].region].name);
                return ERR_FULL;
            }
        }
    }
    return 0;
}

int fill_fleet(struct sim *sim, char error[CONFIG_ERROR_MAX])
{
    number_nodes(sim);
    draw_map(sim);
    for (uint32_t i = 0; i < sim->owner_count; i++) {
        open_owner(sim, i);
    }
    for (uint32_t node = 0; node < sim->node_count; node++) {
        fill_add_node(sim, 0, node);
    }
    for (uint32_t i = 0; i < sim->config->fleet->regions.count; i++) {
        list_rooms(sim, i);
    }
    shuffle_rooms(sim);
    return fill_rooms(sim, error);
}
