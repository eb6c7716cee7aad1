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

#include "media-node/core/forward/forward.h"
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

/* Under a handshake's keys, all of whose bytes are that one; 0: before any. */
static void send_rtp_at(struct sim *sim, size_t node, const struct net_addr *to, uint8_t key,
                        uint16_t number, uint8_t payload)
{
    uint8_t keys[SIM_DTLS_KEYS / 2], packet[13 + RTPSEC_RTP_OVERHEAD] = {0x80, 111, [11] = 9};
    struct rtpsec_stream stream;
    struct rtpsec *sec;
    memset(keys, key, sizeof(keys));
    be16_put(packet + 2, number);
    const struct rtpsec_packet plain = {.header_len = 12, .body = {&payload, 1}};
    assert_int_equal(rtpsec_new(&sec, &(struct rtpsec_config){.suite = RTPSEC_AES_128_GCM,
                                                              .receive_key = {keys, sizeof(keys)},
                                                              .send_key = {keys, sizeof(keys)}}),
                     0);
    rtpsec_stream_init(&stream, 9);
    assert_int_equal(rtpsec_protect_rtp(sec, &stream, &plain, packet), sizeof(packet));
    check_client_packet(sim, &sim->nodes[node], to, (struct bytes){packet, sizeof(packet)});
    rtpsec_free(sec);
}

static void send_rtp(struct sim *sim, size_t node, const struct net_addr *to, uint8_t payload)
{
    send_rtp_at(sim, node, to, 0, 7, payload);
}

static const struct net_addr somebody = {.ip = {192, 0, 2, 1}, .port = 1024, .family = NET_V4};

static void repeats_nonce(struct sim *sim)
{
    send_rtp(sim, 0, &somebody, 1);
    send_rtp(sim, 1, &somebody, 2);
}

static void begins_elsewhere(struct sim *sim)
{
    send_rtp(sim, 0, &somebody, 1);
    send_rtp_at(sim, 1, &somebody, 0, 0x4000, 1);
}

/* Node 1 goes on behind all that node 0 may send, which has sent nothing yet. */
static void begins_late(struct sim *sim, uint16_t behind)
{
    send_rtp_at(sim, 1, &somebody, 0, 0x7000, 1);
    send_rtp_at(sim, 0, &somebody, 0, (uint16_t)(0x7000 - behind), 1);
}

static void begins_late_awake(struct sim *sim)
{
    begins_late(sim, FWD_LEASE + FWD_LEASE_STEP);
}

static void begins_late_elsewhere(struct sim *sim)
{
    sim->nodes[0].back_us = sim_now(sim);
    begins_late(sim, FWD_LEASE / 2 - 1);
}

/* A handshake's last flight. */
static void send_keys(struct sim *sim, uint8_t key)
{
    uint8_t flight[1 + SIM_DTLS_KEYS];
    memset(flight, key, sizeof(flight));
    flight[0] = SIM_DTLS;
    check_client_packet(sim, &sim->nodes[0], &somebody, (struct bytes){flight, sizeof(flight)});
}

static void repeats_flight(struct sim *sim)
{
    send_keys(sim, 1);
    send_rtp_at(sim, 0, &somebody, 1, 7, 1);
    send_keys(sim, 1);
    send_rtp_at(sim, 1, &somebody, 1, 7, 2);
}

/* It has keys of before still, and another node goes on under those that it does not have. */
static void hangs_meanwhile(struct sim *sim, uint8_t key)
{
    send_keys(sim, 1);
    send_rtp_at(sim, 0, &somebody, 1, 7, 1);
    send_keys(sim, 2);
    send_rtp_at(sim, 1, &somebody, 2, 7 + 0x4000, 1);
    send_rtp_at(sim, 0, &somebody, key, 8, 1);
}

static void goes_on_with_new_keys(struct sim *sim)
{
    hangs_meanwhile(sim, 2);
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

static void resumes(struct sim *sim, unsigned stops)
{
    sim->config.stops = true;
    sim->stops = stops;
    client_resume(&sim->clients[0], "said so");
    sim_run(sim, TIME_S(5));
}

static void resumes_unasked(struct sim *sim)
{
    client_join(&sim->clients[0], "room0");
    sim_run(sim, TIME_S(5));
    resumes(sim, 0);
}

static void resumes_twice(struct sim *sim)
{
    client_join(&sim->clients[0], "room0");
    sim_run(sim, TIME_S(5));
    resumes(sim, 1);
    resumes(sim, 1);
}

static void stops_before_he_goes(struct sim *sim)
{
    sim->config.stops = true;
    client_join(&sim->clients[0], "room0");
    sim_run(sim, TIME_S(5));
    orchestrator_crash(&sim->orchestrators[1 - sim->clients[0].front]);
    sim_run(sim, TIME_S(1));
    orchestrator_stop(&sim->orchestrators[sim->clients[0].front]);
}

/* One that is told to stop, and that kind of fault a second before or after it has. */
static bool excuses(enum fault_kind kind, int64_t struck_after_us)
{
    struct sim *sim = small();
    struct fault stop = {.kind = FAULT_ORCHESTRATOR_STOP, .for_us = TIME_S(20)};
    struct fault fault = {.kind = kind, .for_us = TIME_MS(100)};
    fault_happens(sim, struck_after_us < 0 ? &fault : &stop);
    sim_run(sim, struck_after_us < 0 ? -struck_after_us : struck_after_us);
    fault_happens(sim, struck_after_us < 0 ? &stop : &fault);
    sim_run(sim, TIME_S(1));
    bool excused = sim->disturbed == 1;
    assert_true(excused || sim->disturbed == 0);
    sim_free(sim);
    return excused;
}

/* Goal: where orchestrators are told to stop, one resume each is no breach, a second one is, and
 * so is one that ends before everybody has gone; people of its rooms may start over if the store
 * hangs meanwhile, and not otherwise. */
static void told_to_stop(void **state)
{
    (void)state;
    struct sim *sim = small();
    client_join(&sim->clients[0], "room0");
    sim_run(sim, TIME_S(5));
    resumes(sim, 1);
    resumes(sim, 2);
    sim_free(sim);
    fails(resumes_unasked);
    fails(resumes_twice);
    fails(stops_before_he_goes);
    assert_true(excuses(FAULT_STORE_HANG, -TIME_S(1)));
    assert_true(excuses(FAULT_STORE_HANG, TIME_S(1)));
    assert_false(excuses(FAULT_NODE_HANG, -TIME_S(1)));
    assert_false(excuses(FAULT_NODE_CRASH, TIME_S(1)));
    assert_false(excuses(FAULT_STORE_HANG, -CHECK_KEPT_US - TIME_S(1)));
    assert_false(excuses(FAULT_STORE_HANG, CHECK_KEPT_US + TIME_S(1)));
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
    send_keys(sim, 3);
    send_rtp_at(sim, 1, &somebody, 3, 7, 2);
    hangs_meanwhile(sim, 1);
    send_spec(sim, 0);
    send_spec(sim, 0);
    sim_free(sim);
    fails(repeats_nonce);
    fails(repeats_flight);
    fails(begins_elsewhere);
    fails(goes_on_with_new_keys);
    fails(carries_too_much);
    fails(says_too_much);
    fails(two_owners);
    fails(starts_over);
}

/* Goal: a node that hung from before its first packet of a stream until another one had gone on
 * behind all that it may send is no breach where it begins; any other one, or elsewhere, is.
 * (stops_any, seed 1453) */
static void wakes_late(void **state)
{
    (void)state;
    struct sim *sim = small();
    sim->nodes[0].back_us = sim_now(sim);
    begins_late(sim, FWD_LEASE + FWD_LEASE_STEP);
    sim_free(sim);
    fails(begins_late_awake);
    fails(begins_late_elsewhere);
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

static struct sim *small_with(bool data, bool video)
{
    struct sim *sim = sim_new(&(struct sim_config){.seed = 1,
                                                   .regions = 1,
                                                   .orchestrators = 2,
                                                   .nodes = 2,
                                                   .clients = 2,
                                                   .rooms = 1,
                                                   .capacity = 100,
                                                   .data = data,
                                                   .video = video});
    client_join(&sim->clients[0], "room0");
    client_join(&sim->clients[1], "room0");
    sim_run(sim, TIME_S(8));
    finds(sim, "");
    return sim;
}

/* c1 has message 5 of c2, and before that this one. */
static void hears_fifth(struct sim *sim, uint32_t before)
{
    const struct data_heard last = {.who = 1, .session = sim->clients[1].pcs, .number = before};
    struct data_heard fifth = last;
    fifth.number = 5;
    check_message(sim, &sim->clients[0], &fifth, &last);
}

static void lacks_fourth(struct sim *sim)
{
    hears_fifth(sim, 3);
}

static void lacks_third(struct sim *sim)
{
    struct data *data = &sim->clients[1].data;
    data->lost[data->lost_count].from = 4;
    data->lost[data->lost_count++].to = 4;
    hears_fifth(sim, 2);
}

/* Goal: a message that somebody lacks is found, unless it was lost with its sender's front; so is
 * one that has not come in time, and somebody whose messages do not leave him. */
static void messages(void **state)
{
    (void)state;
    struct sim *sim = small_with(true, false);
    struct client *to = &sim->clients[0], *from = &sim->clients[1];
    hears_fifth(sim, 4);
    from->data.quiet_us = TIME_NEVER;
    sim_run(sim, TIME_S(5));
    finds(sim, "nothing that c2 says leaves him");
    from->data.quiet_us = 0;
    sim_run(sim, TIME_S(5));
    finds(sim, "");
    to->data.heard[0].number -= 20;
    char why[CHECK_TEXT_MAX];
    check_meetings(sim, why);
    assert_non_null(strstr(why, "c1 has messages of c2 up to"));
    from->data.lost[from->data.lost_count].from = 4;
    from->data.lost[from->data.lost_count++].to = 4;
    hears_fifth(sim, 3);
    sim_free(sim);
    fails(lacks_fourth);
    fails(lacks_third);
}

/* Goal: a camera that nobody sees any more is found. */
static void cameras(void **state)
{
    (void)state;
    struct sim *sim = small_with(false, true);
    sim->clients[1].pc.video.on = false;
    sim_run(sim, TIME_S(3));
    finds(sim, "c1 does not see c2 in room0");
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
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(breaches),     cmocka_unit_test(wakes_late),
        cmocka_unit_test(no_node_left), cmocka_unit_test(told_to_stop),
        cmocka_unit_test(meetings),     cmocka_unit_test(reservations),
        cmocka_unit_test(messages),     cmocka_unit_test(cameras)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
