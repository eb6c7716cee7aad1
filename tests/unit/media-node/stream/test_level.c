/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal: loudness over a window is the mean level of what was loud and the share of time it was,
 * whatever the packets' length, with discontinuous transmission, loss and reordering.
 */
#include "tests/unit/media-node/stream/kit.h"

#define MS TIME_MS(1)

struct speech {
    int packets;
    int step_ms; /* length of a packet */
    uint8_t loud;
    int loud_each; /* every n-th packet is loud, the others silent; 0: none */
    struct stream_level expect;
};

static void feed(struct stream_receiver *receiver, int64_t now_us, struct kit_spec spec)
{
    struct kit_packet packet;
    spec.has_level = true;
    kit_opus(&packet, &spec);
    kit_feed(receiver, now_us, &packet);
}

static void windows(void **state)
{
    (void)state;
    static const struct speech cases[] = {
        {20, 20, 10, 1, {10, 1000}},        {20, 20, 35, 1, {35, 1000}}, {20, 20, 36, 1, {127, 0}},
        {20, 20, 20, 2, {20, 500}},         {40, 10, 20, 4, {20, 275}},  {6, 60, 30, 1, {30, 800}},
        {20, 20, 127, 0, {127, 0}},         {1, 20, 0, 1, {0, 50}},      {0, 20, 0, 0, {127, 0}},
        {20, 20, 0x80 | 12, 1, {12, 1000}}, /* the voice bit is not part of the level */
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct stream_receiver *receiver = kit_receiver(STREAM_AUDIO, 0);
        for (int n = 0; n < cases[i].packets; n++) {
            bool loud = cases[i].loud_each > 0 && n % cases[i].loud_each == 0;
            feed(receiver, n * cases[i].step_ms * MS,
                 (struct kit_spec){.seq = (uint16_t)n,
                                   .ts = (uint32_t)(n * cases[i].step_ms) * 48,
                                   .level = loud ? cases[i].loud : 127});
        }
        struct stream_level level = stream_receiver_level(receiver, 400 * MS);
        assert_int_equal(level.dbov, cases[i].expect.dbov);
        assert_int_equal(level.active_permille, cases[i].expect.active_permille);
        level = stream_receiver_level(receiver, 800 * MS); /* the next window is its own */
        assert_int_equal(level.dbov, 127);
        assert_int_equal(level.active_permille, 0);
        stream_receiver_free(receiver);
    }
}

static void the_mean_is_over_time(void **state)
{
    (void)state;
    struct stream_receiver *receiver = kit_receiver(STREAM_AUDIO, 0);
    feed(receiver, 0, (struct kit_spec){.seq = 1, .ts = 0, .level = 10});
    feed(receiver, 0, (struct kit_spec){.seq = 2, .ts = 60 * 48, .level = 30}); /* 60 ms of it */
    struct stream_level level = stream_receiver_level(receiver, 400 * MS);
    assert_int_equal(level.dbov, (10 * 20 + 30 * 60) / 80);
    assert_int_equal(level.active_permille, 200);
    stream_receiver_free(receiver);
}

/* A pause of the encoder is no loud time, nor does a late packet count. */
static void pauses_and_late_packets(void **state)
{
    (void)state;
    struct stream_receiver *receiver = kit_receiver(STREAM_AUDIO, 0);
    feed(receiver, 0, (struct kit_spec){.seq = 1, .ts = 0, .level = 127});
    feed(receiver, 0, (struct kit_spec){.seq = 2, .ts = 400 * 48, .level = 20});
    feed(receiver, 0, (struct kit_spec){.seq = 4, .ts = 440 * 48, .level = 127});
    feed(receiver, 0, (struct kit_spec){.seq = 3, .ts = 420 * 48, .level = 0});
    struct stream_level level = stream_receiver_level(receiver, 400 * MS);
    assert_int_equal(level.dbov, 20);
    assert_int_equal(level.active_permille, 50);
    stream_receiver_free(receiver);
}

static void without_the_extension_nothing_is_loud(void **state)
{
    (void)state;
    struct stream_receiver *receiver = kit_receiver(STREAM_AUDIO, 0);
    struct kit_packet packet;
    kit_opus(&packet, &(struct kit_spec){.seq = 1});
    kit_feed(receiver, 0, &packet);
    assert_int_equal(stream_receiver_level(receiver, 400 * MS).active_permille, 0);
    stream_receiver_free(receiver);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(windows),
        cmocka_unit_test(the_mean_is_over_time),
        cmocka_unit_test(pauses_and_late_packets),
        cmocka_unit_test(without_the_extension_nothing_is_loud),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
