/* SPDX-License-Identifier: Apache-2.0
 *
 * Each of the simulator's checks finds what it is there for.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>
#include <sys/wait.h>
#include <unistd.h>

#include "proto/wire/wire.h"
#include "tests/sim/faults/faults.h"
#include "tests/sim/world/world.h"

static struct sim *small(void)
{
    return sim_new(&(struct sim_config){.seed = 1,
                                        .regions = 1,
                                        .orchestrators = 2,
                                        .nodes = 2,
                                        .clients = 3,
                                        .rooms = 1,
                                        .capacity = 100});
}

/* In a process of its own, which must end by abort(). */
static void fails(void (*what)(struct sim *sim))
{
    int status;
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        struct sim *sim = small();
        if (freopen("/dev/null", "w", stderr) != NULL) {
            what(sim);
        }
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
}

static void send_rtp(struct sim *sim, size_t node, const struct net_addr *to, uint8_t payload)
{
    const uint8_t packet[16] = {0x80, 111, 0, 7, [11] = 9, [12] = payload};
    check_client_packet(sim, &sim->nodes[node], to, (struct bytes){packet, sizeof(packet)});
}

static const struct net_addr somebody = {.ip = {192, 0, 2, 1}, .port = 1024, .family = NET_V4};

static void repeats_nonce(struct sim *sim)
{
    send_rtp(sim, 0, &somebody, 1);
    send_rtp(sim, 1, &somebody, 2);
}

static void begins_elsewhere(struct sim *sim)
{
    const uint8_t packet[16] = {0x80, 111, 0x40, 0, [11] = 9};
    send_rtp(sim, 0, &somebody, 1);
    check_client_packet(sim, &sim->nodes[1], &somebody, (struct bytes){packet, sizeof(packet)});
}

/* A handshake's last flight. */
static void send_keys(struct sim *sim, uint8_t key)
{
    const uint8_t flight[] = {22, key};
    check_client_packet(sim, &sim->nodes[0], &somebody, (struct bytes){flight, sizeof(flight)});
}

static void repeats_flight(struct sim *sim)
{
    send_keys(sim, 1);
    send_rtp(sim, 0, &somebody, 1);
    send_keys(sim, 1);
    send_rtp(sim, 1, &somebody, 2);
}

static void carries_too_much(struct sim *sim)
{
    Spillway__Control__Load load = SPILLWAY__CONTROL__LOAD__INIT;
    Spillway__Control__Heartbeat beat = SPILLWAY__CONTROL__HEARTBEAT__INIT;
    Spillway__Control__NodeMessage message = SPILLWAY__CONTROL__NODE_MESSAGE__INIT;
    size_t len;
    load.weight = 101;
    beat.load = &load;
    message.message_case = SPILLWAY__CONTROL__NODE_MESSAGE__MESSAGE_HEARTBEAT;
    message.heartbeat = &beat;
    uint8_t *packed = wire_pack(&message.base, &len);
    check_node_message(sim, &sim->nodes[0], (struct bytes){packed, len});
}

static void says_too_much(struct sim *sim)
{
    const uint8_t update[] = {LIVEKIT__SIGNAL_RESPONSE__MESSAGE_UPDATE << 3 | 2, 0};
    traffic_attempt(sim, "room0");
    for (int i = 0; i < 11; i++) {
        traffic_to_client(sim, (struct bytes){update, sizeof(update)});
    }
    traffic_check(sim, true);
}

static void send_spec(struct sim *sim, size_t orchestrator)
{
    Spillway__Control__RoomSpec spec = SPILLWAY__CONTROL__ROOM_SPEC__INIT;
    Spillway__Control__OrchestratorMessage message = SPILLWAY__CONTROL__ORCHESTRATOR_MESSAGE__INIT;
    char name[] = "room0";
    size_t len;
    spec.name = name;
    spec.epoch = 5;
    message.message_case = SPILLWAY__CONTROL__ORCHESTRATOR_MESSAGE__MESSAGE_SPEC;
    message.spec = &spec;
    uint8_t *packed = wire_pack(&message.base, &len);
    check_spec(sim, &sim->orchestrators[orchestrator], (struct bytes){packed, len});
    free(packed);
}

static void two_owners(struct sim *sim)
{
    send_spec(sim, 0);
    send_spec(sim, 1);
}

static void starts_over(struct sim *sim)
{
    client_join(&sim->clients[0], "room0");
    sim_run(sim, TIME_S(5));
    check_session_lost(sim, &sim->clients[0]);
}

/* Somebody who is in starts over after node 0 was struck by the first, node 1 by the second. */
static void starts_over_after(struct sim *sim, enum fault_kind first, enum fault_kind second)
{
    client_join(&sim->clients[0], "room0");
    sim_run(sim, TIME_S(5));
    fault_happens(sim, &(struct fault){.kind = first, .for_us = TIME_S(20)});
    fault_happens(sim, &(struct fault){.kind = second, .target = 1, .for_us = TIME_S(20)});
    check_session_lost(sim, &sim->clients[0]);
}

static void starts_over_beside_a_node(struct sim *sim)
{
    starts_over_after(sim, FAULT_NODE_CRASH, FAULT_LOSS);
}

static void starts_over_beside_a_drained_node(struct sim *sim)
{
    starts_over_after(sim, FAULT_NODE_CRASH, FAULT_NODE_DRAIN);
}

/* Goal: where no node is left, who starts over is no breach; where one serves, he is. */
static void no_node_left(void **state)
{
    (void)state;
    struct sim *sim = small();
    starts_over_after(sim, FAULT_NODE_HANG, FAULT_NODE_CRASH);
    sim_free(sim);
    fails(starts_over_beside_a_node);
    fails(starts_over_beside_a_drained_node);
}

/* Goal: a breach of what must never be ends the program; the same packet twice is none, nor are
 * the same numbers under other keys. */
static void breaches(void **state)
{
    (void)state;
    struct sim *sim = small();
    send_rtp(sim, 0, &somebody, 1);
    send_rtp(sim, 0, &somebody, 1);
    send_keys(sim, 1);
    send_rtp(sim, 1, &somebody, 2);
    send_spec(sim, 0);
    send_spec(sim, 0);
    sim_free(sim);
    fails(repeats_nonce);
    fails(repeats_flight);
    fails(begins_elsewhere);
    fails(carries_too_much);
    fails(says_too_much);
    fails(two_owners);
    fails(starts_over);
}

static void finds(const struct sim *sim, const char *text)
{
    char why[CHECK_TEXT_MAX];
    check_meetings(sim, why);
    assert_string_equal(why, text);
}

/* Goal: people who meet are well; one who is mute, missing or a ghost is found; and what is left.
 */
static void meetings(void **state)
{
    (void)state;
    char why[CHECK_TEXT_MAX];
    struct sim *sim = small();
    for (size_t i = 0; i < 3; i++) {
        client_join(&sim->clients[i], "room0");
    }
    finds(sim, "c1 is not in room0");
    sim_run(sim, TIME_S(5));
    finds(sim, "");
    sim->clients[1].pc.publishing = false;
    sim_run(sim, TIME_S(2));
    finds(sim, "c1 does not hear c2 in room0");
    sim->clients[1].pc.publishing = true;
    sim_run(sim, TIME_S(2));
    finds(sim, "");
    check_empty(sim, why);
    assert_string_not_equal(why, "");
    client_vanish(&sim->clients[2]);
    finds(sim, "c1 has listed 6, and there are 2 in room0");
    sim_free(sim);
}

/* Goal: what is reserved for a room, in the store and in its owner's registry, is found while it
 * lasts, and is over in time. */
static void reservations(void **state)
{
    (void)state;
    char why[CHECK_TEXT_MAX];
    struct sim *sim = small();
    client_join(&sim->clients[0], "room0");
    sim_run(sim, TIME_MS(600));
    assert_true(store_held(sim->store) > 0);
    client_leave(&sim->clients[0]);
    sim_run(sim, TIME_MS(100));
    check_empty(sim, why);
    assert_non_null(strstr(why, "reserved"));
    sim_run(sim, TIME_S(40));
    check_empty(sim, why);
    assert_string_equal(why, "");
    sim_free(sim);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(breaches), cmocka_unit_test(no_node_left),
                                       cmocka_unit_test(meetings), cmocka_unit_test(reservations)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
