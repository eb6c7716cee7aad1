/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal: a node of a neighbouring version is served: what it says beyond what is known here is
 * skipped. One that speaks another protocol is refused.
 */
#include "tests/lib/orch_world.h"

#include <setjmp.h>
#include <stdlib.h>

#include <cmocka.h>

#include "proto/wire/wire.h"

/* Field 127, two bytes of text: nobody knows it. */
static const uint8_t unknown[] = {0xfa, 0x07, 0x02, 'h', 'i'};

/* The registration of ND_b with unknown fields in the message and in the registration itself. */
static void registers(struct world *world, uint32_t protocol)
{
    Spillway__Control__Endpoint endpoint = SPILLWAY__CONTROL__ENDPOINT__INIT;
    endpoint.ip = "127.0.0.2";
    endpoint.port = 4000;
    Spillway__Control__Register hello = SPILLWAY__CONTROL__REGISTER__INIT;
    hello.node_id = hello.name = "ND_b";
    hello.protocol = protocol;
    hello.capacity = 1000;
    hello.endpoints = &(Spillway__Control__Endpoint *){&endpoint};
    hello.n_endpoints = 1;
    size_t len;
    uint8_t *inner = wire_pack(&hello.base, &len), bytes[256];
    assert_true(len + sizeof(unknown) < 128 && len + 2 * sizeof(unknown) + 2 <= sizeof(bytes));
    bytes[0] = 1 << 3 | 2; /* NodeMessage.register */
    bytes[1] = (uint8_t)(len + sizeof(unknown));
    memcpy(bytes + 2, inner, len);
    memcpy(bytes + 2 + len, unknown, sizeof(unknown));
    memcpy(bytes + 2 + len + sizeof(unknown), unknown, sizeof(unknown));
    free(inner);
    orch_node_message(world->orch, world->now_us, "ND_b",
                      (struct bytes){bytes, 2 + len + 2 * sizeof(unknown)});
    world_drain(world);
}

static bool is_ready(struct world *world)
{
    world_admin(world, "GET", "/admin/v1/nodes/ND_b", "");
    return strstr(world->last_reply, "\"state\":\"ready\"") != NULL;
}

static void newer_node(void **state)
{
    (void)state;
    struct world world;
    world_init(&world);
    registers(&world, 1);
    assert_true(is_ready(&world));
    orch_node_message(world.orch, world.now_us, "ND_b", (struct bytes){unknown, sizeof(unknown)});
    world_drain(&world);
    assert_true(is_ready(&world));
    world_fini(&world);
}

static void other_protocol(void **state)
{
    (void)state;
    for (uint32_t protocol = 0; protocol <= 2; protocol += 2) {
        struct world world;
        struct orch_stats stats;
        world_init(&world);
        registers(&world, protocol);
        assert_false(is_ready(&world));
        orch_stats(world.orch, &stats);
        assert_int_equal(stats.nodes_refused[ORCH_NODE_REFUSED_PROTOCOL], 1);
        world_fini(&world);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(newer_node),
                                       cmocka_unit_test(other_protocol)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
