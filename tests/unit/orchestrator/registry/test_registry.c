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
    return registry_new(&(struct registry_config){.hold_us = TIME_S(10), .forget_us = TIME_S(60)});
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
    registry_room_confirmed(registry, "ND_1", "RM_1");
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
    assert_string_equal(node->rooms[0].sid, "RM_2");
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
                model->cells[n][r].confirmed = false;
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
            reserved += model->cells[n][r].reserved;
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
    switch (prng_below(prng, 10)) {
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
        registry_room_confirmed(registry, id, room);
        cell->confirmed = true;
        return;
    case 5: {
        const struct registry_load load = {.weight = weight};
        int err = registry_heard(registry, now_us, id, &load);
        assert_int_equal(err, model->live[n] ? 0 : ERR_NOT_FOUND);
        for (size_t i = 0; err == 0 && i < ROOMS; i++) {
            if (model->cells[n][i].confirmed) {
                model->cells[n][i].reserved = 0;
            }
        }
        return;
    }
    default: {
        int err = registry_room_placed(registry, now_us, id, room, weight);
        assert_int_equal(err, model->live[n] ? 0 : ERR_NOT_FOUND);
        if (err == 0) {
            *cell = (struct cell){.placed = true,
                                  .reserved = cell->reserved + weight,
                                  .until_us = now_us + TIME_S(10)};
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
        struct registry *registry = registry_new(
            &(struct registry_config){.hold_us = TIME_S(10), .forget_us = TIME_S(1000000)});
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
        cmocka_unit_test(test_life_of_a_node),        cmocka_unit_test(test_back_from_the_dead),
        cmocka_unit_test(test_refused_registrations), cmocka_unit_test(test_reservations),
        cmocka_unit_test(test_against_a_model),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
