/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal: the emulated link does to frames what it was told, no more and no less, and the same again
 * from the same seed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/link/link.h"

#define SENT 20000 /* frames of a test about chance */

static struct link *link_of(const char *words, uint64_t seed)
{
    struct link *link = link_new(seed);
    struct link_config config = LINK_CONFIG_DEFAULT;
    assert_int_equal(link_config_read(&config, words), 0);
    link_configure(link, &config);
    return link;
}

/* A frame whose first four bytes are a number. */
static void push(struct link *link, int64_t now_us, uint32_t number, size_t len)
{
    static uint8_t frame[LINK_FRAME_MAX];
    be32_put(frame, number);
    link_push(link, now_us, (struct bytes){frame, len});
}

/* The number of the next frame, which is through exactly then. */
static uint32_t pop_at(struct link *link, int64_t due_us)
{
    struct bytes frame;
    assert_int_equal(link_deadline(link), due_us);
    assert_false(link_pop(link, due_us - 1, &frame));
    assert_true(link_pop(link, due_us, &frame));
    return be32_get(frame.data);
}

static void delay_is_exact(void **state)
{
    (void)state;
    struct link *link = link_of("delay 40ms", 1);
    struct bytes frame;
    assert_false(link_pop(link, 0, &frame));
    assert_int_equal(link_deadline(link), TIME_NEVER);
    push(link, 100, 1, 60);
    push(link, 250, 2, LINK_FRAME_MAX);
    assert_int_equal(pop_at(link, 40100), 1);
    assert_int_equal(pop_at(link, 40250), 2);
    assert_int_equal(link_stats(link)->bytes, 60 + LINK_FRAME_MAX);
    assert_int_equal(link_stats(link)->under_way, 0);
    push(link, 50000, 3, 60); /* and what is under way at the end is released */
    link_free(link);
}

struct outcome {
    uint64_t digest; /* of order and times */
    int64_t delay_us_min, delay_us_max;
    double delay_us_mean;
    uint64_t inversions; /* frames behind one that was sent later */
};

/* A frame each millisecond. */
static struct outcome send_many(struct link *link)
{
    static int64_t sent_at[SENT];
    struct outcome out = {.delay_us_min = TIME_NEVER};
    uint32_t last = 0;
    uint64_t count = 0;
    for (uint32_t i = 0; i < SENT || link_deadline(link) != TIME_NEVER; i++) {
        int64_t now_us = TIME_MS(i);
        struct bytes frame;
        for (int64_t due_us; (due_us = link_deadline(link)) <= now_us; count++) {
            assert_true(link_pop(link, due_us, &frame));
            uint32_t number = be32_get(frame.data);
            int64_t delay_us = due_us - sent_at[number];
            out.delay_us_min = MIN(out.delay_us_min, delay_us);
            out.delay_us_max = MAX(out.delay_us_max, delay_us);
            out.delay_us_mean += (double)delay_us;
            out.inversions += number < last;
            last = MAX(number, last);
            out.digest = (out.digest ^ (uint64_t)due_us ^ number) * 0x100000001b3u;
        }
        if (i < SENT) {
            sent_at[i] = now_us;
            push(link, now_us, i, 100);
        }
    }
    out.delay_us_mean /= (double)count;
    assert_int_equal(count, link_stats(link)->frames);
    assert_int_equal(count + link_stats(link)->lost, SENT);
    return out;
}

static void loss_is_as_asked(void **state)
{
    (void)state;
    static const struct {
        const char *words;
        uint64_t lost_min, lost_max; /* of 20,000: four standard deviations around the mean */
    } rows[] = {{"loss 0%", 0, 0},
                {"loss 1%", 144, 256},
                {"loss 0.5%", 60, 140},
                {"loss 50%", 9717, 10283},
                {"loss 100%", SENT, SENT}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct link *link = link_of(rows[i].words, 7);
        send_many(link);
        assert_in_range(link_stats(link)->lost, rows[i].lost_min, rows[i].lost_max);
        link_free(link);
    }
}

static void jitter_is_uniform_and_keeps_order_if_asked(void **state)
{
    (void)state;
    struct link *link = link_of("delay 40ms jitter 5ms order free", 3);
    struct outcome free_order = send_many(link);
    assert_in_range(free_order.delay_us_min, 35000,
                    35010); /* 20,000 draws come close to both ends */
    assert_in_range(free_order.delay_us_max, 44990, 45000);
    assert_in_range((uint64_t)free_order.delay_us_mean, 39900, 40100);
    assert_true(free_order.inversions > SENT / 4);
    assert_int_equal(free_order.inversions, link_stats(link)->reordered);
    link_free(link);

    link = link_of("delay 40ms jitter 5ms", 3);
    struct outcome kept = send_many(link);
    assert_int_equal(kept.inversions, 0);
    assert_int_equal(link_stats(link)->reordered, 0);
    assert_in_range(kept.delay_us_min, 35000, 35500);
    assert_in_range(kept.delay_us_max, 44990, 45000); /* waiting for another adds nothing to that */
    assert_true(kept.delay_us_mean > free_order.delay_us_mean);
    link_free(link);
}

static void the_seed_decides(void **state)
{
    (void)state;
    uint64_t digests[3];
    for (size_t i = 0; i < ARRAY_LEN(digests); i++) {
        struct link *link = link_of("delay 40ms jitter 5ms loss 1%", i / 2);
        digests[i] = send_many(link).digest;
        link_free(link);
    }
    assert_true(digests[0] == digests[1]);
    assert_true(digests[0] != digests[2]);
}

static void the_bottleneck_spaces_and_drops(void **state)
{
    (void)state;
    struct link *link = link_of("rate 800kbit queue 3kb delay 10ms", 1); /* 100 bytes each ms */
    for (uint32_t i = 0; i < 5; i++) {
        push(link, 0, i, 1000); /* 10 ms each; the fifth finds 4000 of 3072 bytes waiting */
    }
    assert_int_equal(link_stats(link)->queue_full, 2);
    for (uint32_t i = 0; i < 3; i++) {
        assert_int_equal(pop_at(link, TIME_MS(20 + 10 * i)), i);
    }
    assert_int_equal(link_stats(link)->queue_delay_us_max, TIME_MS(20));
    push(link, TIME_MS(100), 9, 1000); /* idle again: no wait */
    assert_int_equal(pop_at(link, TIME_MS(120)), 9);
    link_free(link);

    link = link_of("rate 1mbit queue 0kb", 1); /* no queue is still one frame at a time */
    push(link, 0, 1, 1000);
    push(link, 10, 2, 1000);
    assert_int_equal(pop_at(link, TIME_MS(8)), 1);
    assert_int_equal(link_stats(link)->queue_full, 1);
    link_free(link);
}

static void changes_hold_from_the_next_frame_on(void **state)
{
    (void)state;
    struct link *link = link_of("delay 40ms", 1);
    struct link_config config = LINK_CONFIG_DEFAULT;
    push(link, 0, 1, 100);
    assert_int_equal(link_config_read(&config, "loss 100%"), 0);
    link_configure(link, &config);
    push(link, 10, 2, 100);
    assert_int_equal(link_config_read(&config, "loss 0% delay 10ms order free"), 0);
    link_configure(link, &config);
    push(link, 20, 3, 100);
    assert_int_equal(pop_at(link, 10020), 3);
    assert_int_equal(pop_at(link, 40000), 1);
    assert_int_equal(link_stats(link)->lost, 1);
    link_free(link);
}

static void frames_under_way_are_bounded(void **state)
{
    (void)state;
    struct link *link = link_of("delay 1s", 1);
    for (uint32_t i = 0; i < LINK_FRAMES_MAX + 5; i++) {
        push(link, i, i, 60);
    }
    assert_int_equal(link_stats(link)->under_way, LINK_FRAMES_MAX);
    assert_int_equal(link_stats(link)->frames_full, 5);
    for (uint32_t i = 0; i < LINK_FRAMES_MAX; i++) {
        assert_int_equal(pop_at(link, TIME_S(1) + i), i);
    }
    link_free(link);
}

static void settings_in_words(void **state)
{
    (void)state;
    struct link_config config = LINK_CONFIG_DEFAULT;
    assert_int_equal(link_config_read(&config, ""), 0);
    assert_int_equal(
        link_config_read(&config,
                         " delay 40ms\tjitter 500us loss 2.5% rate 1.5mbit order free\r\n"),
        0);
    assert_int_equal(config.delay_us, 40000);
    assert_int_equal(config.jitter_us, 500);
    assert_int_equal(config.loss_permille, 25);
    assert_int_equal(config.rate_bps, 1500000);
    assert_int_equal(config.queue_bytes, LINK_QUEUE_DEFAULT);
    assert_true(config.reorder);
    assert_int_equal(link_config_read(&config, "delay 2s rate none queue 16kb order kept"), 0);
    assert_int_equal(config.delay_us, TIME_S(2));
    assert_int_equal(config.rate_bps, 0);
    assert_int_equal(config.queue_bytes, 16384);
    assert_false(config.reorder);

    static const char *const wrong[] = {
        "delay",          "delay 40",         "delay 11s",
        "delay -1ms",     "delay ms",         "loss 101%",
        "loss 1",         "loss nan%",        "rate 0bit",
        "rate 11000mbit", "rate fast",        "queue 1mb",
        "order any",      "jitter 3s",        "speed 1ms",
        "loss inf%",      "delay 1ms x",      "loss 1% loss",
        "delay 0x10ms",   "queue 99999999kb", "delay 40msdelay40msdelay40msdelay40ms"};
    struct link_config before = config;
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        assert_int_equal(link_config_read(&config, wrong[i]), ERR_INVALID);
        assert_memory_equal(&config, &before, sizeof(config));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(delay_is_exact),
        cmocka_unit_test(loss_is_as_asked),
        cmocka_unit_test(jitter_is_uniform_and_keeps_order_if_asked),
        cmocka_unit_test(the_seed_decides),
        cmocka_unit_test(the_bottleneck_spaces_and_drops),
        cmocka_unit_test(changes_hold_from_the_next_frame_on),
        cmocka_unit_test(frames_under_way_are_bounded),
        cmocka_unit_test(settings_in_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
