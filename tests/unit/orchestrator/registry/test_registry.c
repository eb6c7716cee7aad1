/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal: nodes come, speak, go and are forgotten; what is reserved on a node is at any time exactly
 * what was placed there and is neither confirmed and reported, nor too old, nor removed.
 */
#include "orchestrator/core/registry/registry.h"

#include <stdio.h>

#include <setjmp.h>

#include <cmocka.h>

static const struct registry_endpoint endpoints[] = {
    {.ip = "192.0.2.1", .port = 5000},
    {.ip = "192.0.2.1", .port = 5000, .tcp = true},
};

static struct registry_identity identity_of(const char *id, const char *name)
{
    return (struct registry_identity){.id = id,
                                      .name = name,
                                      .region = "eu",
                                      .zone = "",
                                      .version = "1",
                                      .endpoints = endpoints,
                                      .endpoint_count = ARRAY_LEN(endpoints),
                                      .capacity = 1000,
                                      .pid = 7};
}

static int add(struct registry *registry, int64_t now_us, const char *id, const char *name)
{
    struct registry_identity identity = identity_of(id, name);
    return registry_add(registry, now_us, &identity);
}

static struct registry *new_registry(void)
{
    return registry_new(&(struct registry_config){.hold_us = TIME_S(10),
                                                  .forget_us = TIME_S(60),
                                                  .expect_us = TIME_S(100),
                                                  .open_permille = 800,
                                                  .join_permille = 900,
                                                  .usual_weight = 10,
                                                  .node_joins_per_s = 4,
                                                  .room_joins_per_s = 2});
}

static void test_life_of_a_node(void **state)
{
    (void)state;
    struct registry *registry = new_registry();
    struct registry_load load = {.weight = 5};
    assert_int_equal(registry_heard(registry, 0, "ND_1", &load), ERR_NOT_FOUND);
    assert_int_equal(add(registry, 0, "ND_1", "a"), 0);
    const struct registry_node *node = registry_get(registry, "ND_1");
    assert_ptr_equal(registry_named(registry, "a"), node);
    assert_ptr_equal(registry_at(registry, 0), node);
    assert_int_equal(node->state, REGISTRY_READY);
    assert_int_equal(node->endpoint_count, 2);
    assert_true(node->endpoints[1].tcp);
    assert_int_equal(registry_heard(registry, TIME_S(1), "ND_1", &load), 0);
    assert_int_equal(node->load.weight, 5);
    assert_int_equal(node->heard_at_us, TIME_S(1));

    /* A reconnect changes who it says it is, not what was decided about it. */
    assert_int_equal(registry_set_state(registry, "ND_1", REGISTRY_CORDONED), 0);
    assert_int_equal(registry_room_placed(registry, TIME_S(1), "ND_1", "RM_1", 9), 0);
    registry_set_suspect(registry, "ND_1", true);
    assert_int_equal(add(registry, TIME_S(2), "ND_1", "b"), 0);
    assert_null(registry_named(registry, "a"));
    assert_ptr_equal(registry_named(registry, "b"), node);
    assert_int_equal(node->state, REGISTRY_CORDONED);
    assert_int_equal(node->reserved, 9);
    assert_false(node->suspect);

    /* Gone: no promise is left, the rooms are listed still, the name is free. */
    assert_int_equal(registry_gone(registry, TIME_S(3), "ND_1"), 0);
    assert_int_equal(registry_gone(registry, TIME_S(3), "ND_1"), ERR_NOT_FOUND);
    assert_int_equal(node->reserved, 0);
    assert_int_equal(node->room_count, 1);
    assert_int_equal(registry_heard(registry, TIME_S(3), "ND_1", &load), ERR_NOT_FOUND);
    assert_int_equal(registry_set_state(registry, "ND_1", REGISTRY_READY), ERR_STATE);
    assert_int_equal(registry_room_placed(registry, TIME_S(3), "ND_1", "RM_2", 1), ERR_NOT_FOUND);
    assert_ptr_equal(registry_named(registry, "b"), node);
    assert_int_equal(add(registry, TIME_S(4), "ND_2", "b"), 0);
    assert_string_equal(registry_named(registry, "b")->id, "ND_2");

    /* Forgotten a minute after. */
    assert_int_equal(registry_deadline(registry), TIME_S(63));
    registry_expire(registry, TIME_S(63) - 1);
    assert_int_equal(registry_count(registry), 2);
    registry_expire(registry, TIME_S(63));
    assert_int_equal(registry_count(registry), 1);
    assert_null(registry_get(registry, "ND_1"));
    assert_int_equal(registry_deadline(registry), TIME_NEVER);
    registry_free(registry);
}

static void test_back_from_the_dead(void **state)
{
    (void)state;
    struct registry *registry = new_registry();
    assert_int_equal(add(registry, 0, "ND_1", "a"), 0);
    assert_int_equal(registry_room_placed(registry, 0, "ND_1", "RM_1", 9), 0);
    assert_int_equal(registry_gone(registry, 1, "ND_1"), 0);
    assert_int_equal(add(registry, 2, "ND_1", "a"), 0);
    const struct registry_node *node = registry_get(registry, "ND_1");
    assert_int_equal(node->state, REGISTRY_READY);
    assert_int_equal(node->room_count, 0);
    assert_int_equal(registry_deadline(registry), TIME_NEVER);
    registry_free(registry);
}

static void test_refused_registrations(void **state)
{
    (void)state;
    struct registry *registry = new_registry();
    char too_long[REGISTRY_NAME_MAX + 1];
    memset(too_long, 'x', sizeof(too_long) - 1);
    too_long[sizeof(too_long) - 1] = '\0';
    assert_int_equal(add(registry, 0, "", "a"), ERR_INVALID);
    assert_int_equal(add(registry, 0, "ND_1", ""), ERR_INVALID);
    assert_int_equal(add(registry, 0, too_long, "a"), ERR_INVALID);
    struct registry_identity identity = identity_of("ND_1", "a");
    identity.region = too_long;
    assert_int_equal(registry_add(registry, 0, &identity), ERR_INVALID);
    identity = identity_of("ND_1", "a");
    identity.endpoint_count = 0;
    assert_int_equal(registry_add(registry, 0, &identity), ERR_INVALID);
    identity.endpoint_count = REGISTRY_ENDPOINTS_MAX + 1;
    assert_int_equal(registry_add(registry, 0, &identity), ERR_INVALID);
    assert_int_equal(add(registry, 0, "ND_1", "a"), 0);
    assert_int_equal(add(registry, 0, "ND_2", "a"), ERR_EXISTS);
    identity = identity_of("ND_3", "c");
    identity.region = "";
    assert_int_equal(registry_add(registry, 0, &identity), 0);
    assert_int_equal(registry_count(registry), 2);
    registry_free(registry);
}

static void test_reservations(void **state)
{
    (void)state;
    struct registry *registry = new_registry();
    struct registry_load load = {.weight = 0};
    assert_int_equal(add(registry, 0, "ND_1", "a"), 0);
    const struct registry_node *node = registry_get(registry, "ND_1");
    assert_int_equal(registry_room_placed(registry, 0, "ND_1", "RM_1", 10), 0);
    assert_int_equal(registry_room_placed(registry, TIME_S(1), "ND_1", "RM_2", 20), 0);
    assert_int_equal(node->reserved, 30);
    assert_int_equal(registry_deadline(registry), TIME_S(10));

    /* A report alone says nothing of rooms that may not have arrived yet. */
    assert_int_equal(registry_heard(registry, TIME_S(2), "ND_1", &load), 0);
    assert_int_equal(node->reserved, 30);
    registry_room_confirmed(registry, "ND_1", "RM_1", 7);
    assert_int_equal(node->reserved, 30);
    assert_int_equal(registry_heard(registry, TIME_S(3), "ND_1", &load), 0);
    assert_int_equal(node->reserved, 20);

    /* More of the same room renews it, and it ends by itself. */
    assert_int_equal(registry_room_placed(registry, TIME_S(5), "ND_1", "RM_2", 5), 0);
    assert_int_equal(registry_deadline(registry), TIME_S(15));
    registry_expire(registry, TIME_S(15));
    assert_int_equal(node->reserved, 0);
    assert_int_equal(node->room_count, 2);

    assert_int_equal(registry_room_placed(registry, TIME_S(16), "ND_1", "RM_1", UINT32_MAX), 0);
    assert_int_equal(registry_room_placed(registry, TIME_S(16), "ND_1", "RM_1", 7), 0);
    assert_int_equal(node->reserved, UINT32_MAX);
    registry_room_removed(registry, "ND_1", "RM_1");
    assert_int_equal(node->reserved, 0);
    assert_int_equal(node->room_count, 1);
    uint64_t reserved;
    assert_false(registry_room_is_on(registry, "ND_1", "RM_1", &reserved));
    assert_true(registry_room_is_on(registry, "ND_1", "RM_2", &reserved));
    assert_string_equal(registry_room_after(registry, "ND_1", NULL), "RM_2");
    assert_null(registry_room_after(registry, "ND_1", "RM_2"));
    assert_null(registry_room_after(registry, "ND_1", "RM_1"));
    assert_int_equal(reserved, 0);
    registry_free(registry);
}

/* A room of 100 whose people come one by one counts 100 from its first moment until either they are
 * there or the time is up. */
static void test_expected_weight(void **state)
{
    (void)state;
    struct registry *registry = new_registry();
    struct registry_load load = {.weight = 0};
    assert_int_equal(add(registry, 0, "ND_1", "a"), 0);
    const struct registry_node *node = registry_get(registry, "ND_1");
    registry_room_expected(registry, 0, "ND_1", "RM_1", 100); /* not there yet: ignored */
    assert_int_equal(registry_room_placed(registry, 0, "ND_1", "RM_1", 10), 0);
    assert_int_equal(node->reserved, 10);
    registry_room_expected(registry, TIME_S(1), "ND_1", "RM_1", 100);
    assert_int_equal(node->reserved, 100);

    /* What is confirmed leaves with the report that counts it, not before. */
    registry_room_confirmed(registry, "ND_1", "RM_1", 30);
    assert_int_equal(node->reserved, 100);
    load.weight = 30;
    assert_int_equal(registry_heard(registry, TIME_S(2), "ND_1", &load), 0);
    assert_int_equal(node->reserved, 70);
    registry_room_confirmed(registry, "ND_1", "RM_1", 60); /* without a placement before it */
    load.weight = 60;
    assert_int_equal(registry_heard(registry, TIME_S(3), "ND_1", &load), 0);
    assert_int_equal(node->reserved, 40);

    /* More at once than was expected still counts. */
    assert_int_equal(registry_room_placed(registry, TIME_S(4), "ND_1", "RM_1", 50), 0);
    assert_int_equal(node->reserved, 50);
    registry_room_confirmed(registry, "ND_1", "RM_1", 110);
    assert_int_equal(registry_heard(registry, TIME_S(5), "ND_1", &load), 0);
    assert_int_equal(node->reserved, 0);
    registry_room_confirmed(registry, "ND_1", "RM_1", 20); /* they left: they may come back */
    assert_int_equal(registry_heard(registry, TIME_S(6), "ND_1", &load), 0);
    assert_int_equal(node->reserved, 80);
    assert_int_equal(registry_deadline(registry), TIME_S(101));
    registry_expire(registry, TIME_S(101));
    assert_int_equal(node->reserved, 0);
    assert_int_equal(registry_deadline(registry), TIME_NEVER);

    /* With the room or the node goes what was expected. */
    registry_room_expected(registry, TIME_S(102), "ND_1", "RM_1", 9);
    registry_room_removed(registry, "ND_1", "RM_1");
    assert_int_equal(node->reserved, 0);
    assert_int_equal(registry_room_placed(registry, TIME_S(103), "ND_1", "RM_2", 1), 0);
    registry_room_expected(registry, TIME_S(103), "ND_1", "RM_2", 9);
    assert_int_equal(registry_gone(registry, TIME_S(104), "ND_1"), 0);
    assert_int_equal(node->reserved, 0);
    registry_free(registry);
}

/* Two others who place unseen: what is promised counts for them, too, until the node reports. */
static void test_unseen_planners(void **state)
{
    (void)state;
    struct registry *registry = registry_new(&(struct registry_config){.hold_us = TIME_S(10),
                                                                       .forget_us = TIME_S(60),
                                                                       .expect_us = TIME_S(100),
                                                                       .open_permille = 800,
                                                                       .join_permille = 900,
                                                                       .planners = 3});
    struct registry_load load = {.weight = 20};
    assert_int_equal(add(registry, 0, "ND_1", "a"), 0);
    const struct registry_node *node = registry_get(registry, "ND_1");
    assert_int_equal(registry_room_placed(registry, 0, "ND_1", "RM_1", 20), 0);
    assert_int_equal(node->reserved, 60);
    registry_set_planners(registry, 1);
    assert_int_equal(node->reserved, 20);
    registry_set_planners(registry, 3);
    assert_int_equal(node->reserved, 60);
    registry_room_confirmed(registry, "ND_1", "RM_1", 20);
    assert_int_equal(registry_heard(registry, 0, "ND_1", &load), 0);
    assert_int_equal(node->reserved, 0);
    registry_free(registry);
}

static enum registry_level level_after(struct registry *registry, uint32_t weight)
{
    const struct registry_load load = {.weight = weight};
    assert_int_equal(registry_heard(registry, 0, "ND_1", &load), 0);
    return registry_get(registry, "ND_1")->level;
}

/* Of 1000: new rooms (10 each) up to 800, joins up to 900. */
static void test_levels(void **state)
{
    (void)state;
    struct registry *registry = new_registry();
    assert_int_equal(add(registry, 0, "ND_1", "a"), 0);
    const struct registry_node *node = registry_get(registry, "ND_1");
    assert_int_equal(level_after(registry, 790), REGISTRY_OPEN);
    assert_int_equal(level_after(registry, 791), REGISTRY_CROWDED);
    assert_int_equal(level_after(registry, 890), REGISTRY_CROWDED);
    assert_int_equal(level_after(registry, 891), REGISTRY_SHUT);
    assert_int_equal(level_after(registry, 0), REGISTRY_OPEN);
    assert_int_equal(registry_room_placed(registry, 0, "ND_1", "RM_1", 800), 0);
    assert_int_equal(node->level, REGISTRY_CROWDED);
    registry_set_suspect(registry, "ND_1", true);
    assert_int_equal(node->level, REGISTRY_OUT);
    registry_set_suspect(registry, "ND_1", false);
    assert_int_equal(node->level, REGISTRY_CROWDED);
    assert_int_equal(registry_set_state(registry, "ND_1", REGISTRY_CORDONED), 0);
    assert_int_equal(node->level, REGISTRY_OUT);
    assert_int_equal(registry_set_state(registry, "ND_1", REGISTRY_READY), 0);
    registry_room_removed(registry, "ND_1", "RM_1");
    assert_int_equal(node->level, REGISTRY_OPEN);
    assert_int_equal(registry_gone(registry, 0, "ND_1"), 0);
    assert_int_equal(node->level, REGISTRY_OUT);
    assert_int_equal(registry_region_size(registry, 0, REGISTRY_OUT), 1);
    assert_int_equal(add(registry, 1, "ND_1", "a"), 0);
    assert_int_equal(node->level, REGISTRY_OPEN);
    registry_free(registry);
}

/* A burst of two seconds' joins, then one each half or quarter of a second. */
static void test_join_rates(void **state)
{
    (void)state;
    struct registry *registry = new_registry();
    assert_int_equal(add(registry, 0, "ND_1", "a"), 0);
    const struct registry_node *node = registry_get(registry, "ND_1");
    for (int i = 0; i < 4; i++) {
        assert_int_equal(registry_join_wait_us(registry, 0, node, "RM_1"), 0);
        assert_int_equal(registry_room_placed(registry, 0, "ND_1", "RM_1", 1), 0);
    }
    assert_int_equal(registry_join_wait_us(registry, 0, node, "RM_1"), TIME_MS(500));
    assert_int_equal(registry_join_wait_us(registry, TIME_MS(200), node, "RM_1"), TIME_MS(300));
    assert_int_equal(registry_join_wait_us(registry, TIME_MS(500), node, "RM_1"), 0);
    for (int i = 0; i < 4; i++) { /* other rooms have the rest of the node's eight */
        assert_int_equal(registry_join_wait_us(registry, 0, node, NULL), 0);
        assert_int_equal(registry_room_placed(registry, 0, "ND_1", "RM_2", 1), 0);
    }
    assert_int_equal(registry_join_wait_us(registry, 0, node, NULL), TIME_MS(250));
    assert_int_equal(registry_join_wait_us(registry, 0, node, "RM_3"), TIME_MS(250));
    assert_int_equal(registry_join_wait_us(registry, TIME_S(60), node, "RM_1"), 0);
    registry_free(registry);
}

/* Every live or dead node is listed once, in its region and at its level. */
static void check_regions(const struct registry *registry)
{
    size_t listed = 0;
    for (size_t region = 0; region < registry_region_count(registry); region++) {
        size_t size = 0;
        for (int level = 0; level < REGISTRY_LEVELS; level++) {
            size_t count = registry_region_size(registry, region, (enum registry_level)level);
            for (size_t i = 0; i < count; i++) {
                const struct registry_node *node =
                    registry_region_node(registry, region, (enum registry_level)level, i);
                assert_ptr_equal(registry_get(registry, node->id), node);
                assert_string_equal(node->region, registry_region_name(registry, region));
                assert_int_equal(node->level, level);
            }
            size += count;
        }
        assert_true(size > 0);
        listed += size;
    }
    assert_int_equal(listed, registry_count(registry));
}

static void test_regions(void **state)
{
    (void)state;
    struct registry *registry = new_registry();
    struct prng prng;
    prng_seed(&prng, 7);
    char text[16];
    for (int i = 0; i < 5000; i++) {
        char region[16];
        snprintf(text, sizeof(text), "N%d", (int)prng_below(&prng, 60));
        snprintf(region, sizeof(region), "r%d", (int)prng_below(&prng, 6));
        struct registry_identity identity = identity_of(text, text);
        identity.region = region;
        const struct registry_load load = {.weight = (uint32_t)prng_below(&prng, 1200)};
        switch (prng_below(&prng, 4)) {
        case 0: /* comes, or moves to another region */
            assert_int_equal(registry_add(registry, i, &identity), 0);
            break;
        case 1:
            (void)!registry_gone(registry, i, text);
            break;
        default:
            (void)!registry_heard(registry, i, text, &load);
            break;
        }
        if (prng_below(&prng, 100) == 0) {
            registry_expire(registry, i + TIME_S(60)); /* forgets those that are gone */
        }
        check_regions(registry);
    }
    registry_free(registry);

    registry = new_registry();
    for (int i = 0; i <= REGISTRY_REGIONS_MAX; i++) {
        snprintf(text, sizeof(text), "x%d", i);
        struct registry_identity identity = identity_of(text, text);
        identity.region = text;
        assert_int_equal(registry_add(registry, 0, &identity),
                         i < REGISTRY_REGIONS_MAX ? 0 : ERR_FULL);
    }
    registry_free(registry);
}

/* ---- Against a naive model ----------------------------------------------------------------------
 */

#define NODES 5
#define ROOMS 8

struct cell {
    bool placed;
    uint32_t reserved;
    bool confirmed;
    int64_t until_us;
    uint32_t expected, carried, confirmed_weight;
    int64_t expected_until_us;
};

struct model {
    bool live[NODES];
    struct cell cells[NODES][ROOMS];
};

static void model_expire(struct model *model, int64_t now_us)
{
    for (size_t n = 0; n < NODES; n++) {
        for (size_t r = 0; r < ROOMS; r++) {
            if (model->cells[n][r].until_us <= now_us) {
                model->cells[n][r].reserved = 0;
            }
            if (model->cells[n][r].expected_until_us <= now_us) {
                model->cells[n][r].expected = 0;
            }
        }
    }
}

static void compare(const struct model *model, const struct registry *registry)
{
    for (size_t n = 0; n < NODES; n++) {
        char id[8];
        snprintf(id, sizeof(id), "N%zu", n);
        const struct registry_node *node = registry_get(registry, id);
        uint32_t reserved = 0;
        size_t rooms = 0;
        for (size_t r = 0; r < ROOMS; r++) {
            const struct cell *cell = &model->cells[n][r];
            uint32_t missing = cell->expected > cell->carried ? cell->expected - cell->carried : 0;
            reserved += MAX(cell->reserved, missing);
            rooms += model->cells[n][r].placed;
        }
        assert_int_equal(node->reserved, model->live[n] ? reserved : 0);
        assert_int_equal(node->room_count, rooms);
        assert_int_equal(node->state == REGISTRY_GONE, !model->live[n]);
    }
}

static void step(struct model *model, struct registry *registry, struct prng *prng, int64_t now_us)
{
    size_t n = prng_below(prng, NODES);
    size_t r = prng_below(prng, ROOMS);
    uint32_t weight = (uint32_t)prng_below(prng, 20);
    char id[8];
    char room[8];
    snprintf(id, sizeof(id), "N%zu", n);
    snprintf(room, sizeof(room), "R%zu", r);
    struct cell *cell = &model->cells[n][r];
    switch (prng_below(prng, 12)) {
    case 0: /* dies or comes back */
        if (model->live[n]) {
            assert_int_equal(registry_gone(registry, now_us, id), 0);
            for (size_t i = 0; i < ROOMS; i++) {
                model->cells[n][i] = (struct cell){.placed = model->cells[n][i].placed};
            }
        } else {
            assert_int_equal(add(registry, now_us, id, id), 0);
            memset(model->cells[n], 0, sizeof(model->cells[n]));
        }
        model->live[n] = !model->live[n];
        return;
    case 1:
    case 2:
        registry_room_removed(registry, id, room);
        *cell = (struct cell){0};
        return;
    case 3:
    case 4:
        registry_room_confirmed(registry, id, room, weight);
        if (cell->placed && model->live[n]) {
            cell->confirmed = true;
            cell->confirmed_weight = weight;
        }
        return;
    case 6:
        registry_room_expected(registry, now_us, id, room, weight);
        if (cell->placed && model->live[n]) {
            cell->expected = weight;
            cell->expected_until_us = now_us + TIME_S(100);
        }
        return;
    case 5: {
        const struct registry_load load = {.weight = weight};
        int err = registry_heard(registry, now_us, id, &load);
        assert_int_equal(err, model->live[n] ? 0 : ERR_NOT_FOUND);
        for (size_t i = 0; err == 0 && i < ROOMS; i++) {
            if (model->cells[n][i].confirmed) {
                model->cells[n][i].reserved = 0;
                model->cells[n][i].confirmed = false;
                model->cells[n][i].carried = model->cells[n][i].confirmed_weight;
            }
        }
        return;
    }
    default: {
        int err = registry_room_placed(registry, now_us, id, room, weight);
        assert_int_equal(err, model->live[n] ? 0 : ERR_NOT_FOUND);
        if (err == 0) {
            cell->placed = true;
            cell->confirmed = false;
            cell->reserved += weight;
            cell->until_us = now_us + TIME_S(10);
        }
        return;
    }
    }
}

static void test_against_a_model(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct prng prng;
        prng_seed(&prng, seed);
        struct registry *registry =
            registry_new(&(struct registry_config){.hold_us = TIME_S(10),
                                                   .forget_us = TIME_S(1000000),
                                                   .expect_us = TIME_S(100),
                                                   .open_permille = 800,
                                                   .join_permille = 900});
        struct model model = {0};
        int64_t now_us = 0;
        for (size_t n = 0; n < NODES; n++) {
            char id[8];
            snprintf(id, sizeof(id), "N%zu", n);
            assert_int_equal(add(registry, 0, id, id), 0);
            model.live[n] = true;
        }
        for (size_t i = 0; i < 2000; i++) {
            now_us += (int64_t)prng_below(&prng, TIME_S(1));
            registry_expire(registry, now_us);
            model_expire(&model, now_us);
            step(&model, registry, &prng, now_us);
            compare(&model, registry);
        }
        registry_free(registry);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_life_of_a_node),
        cmocka_unit_test(test_back_from_the_dead),
        cmocka_unit_test(test_refused_registrations),
        cmocka_unit_test(test_reservations),
        cmocka_unit_test(test_expected_weight),
        cmocka_unit_test(test_levels),
        cmocka_unit_test(test_unseen_planners),
        cmocka_unit_test(test_join_rates),
        cmocka_unit_test(test_regions),
        cmocka_unit_test(test_against_a_model),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
