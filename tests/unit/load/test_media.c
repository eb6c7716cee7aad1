/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal: the load client's own counting can be trusted: an account tells lost, doubled, reordered
 * and paused from whole, a histogram its percentiles, a source keeps its rates and makes payloads
 * that a node takes for VP8.
 */
#include "media-node/core/rtp/payload.h"
#include "tests/bench/load/account.h"
#include "tests/bench/load/histogram.h"
#include "tests/bench/load/offer.h"
#include "tests/bench/load/source.h"
#include "tests/bench/load/stamp.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdlib.h>

#include <cmocka.h>

/* ---- Accounts -------------------------------------------------------------------------------- */

static void test_account(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        uint32_t counters[8];
        size_t count;
        uint64_t received, duplicated, reordered, stale;
        uint32_t oldest, newest;
    } rows[] = {
        {"whole", {5, 6, 7}, 3, 3, 0, 0, 0, 5, 7},
        {"one lost", {5, 7}, 2, 2, 0, 0, 0, 5, 7},
        {"twice", {5, 6, 6, 5, 7}, 5, 3, 2, 0, 0, 5, 7},
        {"in another order", {5, 7, 6, 8}, 4, 4, 0, 1, 0, 5, 8},
        {"begins behind its first", {5, 4}, 2, 2, 0, 1, 0, 4, 5},
        {"a jump past the window",
         {5, 5 + ACCOUNT_WINDOW, 6},
         3,
         3,
         0,
         1,
         0,
         5,
         5 + ACCOUNT_WINDOW},
        {"too old to tell", {5, 5 + ACCOUNT_WINDOW, 5}, 3, 2, 0, 0, 1, 5, 5 + ACCOUNT_WINDOW},
        {"a place used again",
         {0, ACCOUNT_WINDOW, 1, ACCOUNT_WINDOW + 1, 1},
         5,
         4,
         0,
         1,
         1,
         0,
         ACCOUNT_WINDOW + 1},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct account account;
        print_message("%s\n", rows[i].name);
        account_init(&account, 0);
        for (size_t j = 0; j < rows[i].count; j++) {
            account_add(&account, rows[i].counters[j], 0);
        }
        assert_true(account_has(&account, rows[i].newest));
        assert_false(account_has(&account, rows[i].newest + 1));
        assert_int_equal(account.received, rows[i].received);
        assert_int_equal(account.duplicated, rows[i].duplicated);
        assert_int_equal(account.reordered, rows[i].reordered);
        assert_int_equal(account.stale, rows[i].stale);
        assert_int_equal(account.oldest, rows[i].oldest);
        assert_int_equal(account.newest, rows[i].newest);
    }
}

static void test_account_has(void **state)
{
    (void)state;
    struct account account;
    account_init(&account, 0);
    assert_false(account_has(&account, 0));
    account_add(&account, 5, 0);
    account_add(&account, 7, 0);
    assert_true(account_has(&account, 5));
    assert_false(account_has(&account, 6));
    assert_false(account_has(&account, 7 + ACCOUNT_WINDOW));
    account_add(&account, 7 + ACCOUNT_WINDOW, 0);
    assert_false(account_has(&account, 5)); /* out of the window */
}

static void test_account_gaps(void **state)
{
    (void)state;
    struct account account;
    account_init(&account, TIME_MS(1000));
    account_add(&account, 0, TIME_MS(1030)); /* the wait for the first counts */
    assert_int_equal(account.gap_us_max, TIME_MS(30));
    account_add(&account, 1, TIME_MS(1040));
    account_add(&account, 2, TIME_MS(1100));
    account_add(&account, 2, TIME_MS(1150)); /* a double tells nothing */
    assert_int_equal(account.gap_us_max, TIME_MS(60));
    account_end(&account, TIME_MS(1200)); /* and so does the silence behind the last */
    assert_int_equal(account.gap_us_max, TIME_MS(100));
}

/* ---- Histograms ------------------------------------------------------------------------------ */

static void test_histogram(void **state)
{
    (void)state;
    struct histogram *h = mem_alloc(sizeof(*h));
    assert_int_equal(histogram_us(h, 500), 0);
    for (int i = 1; i <= 1000; i++) {
        histogram_add(h, i * 10 - 5);
    }
    assert_int_equal(histogram_us(h, 500), 5000);
    assert_int_equal(histogram_us(h, 990), 9900);
    assert_int_equal(histogram_us(h, 1000), 9995);
    histogram_add(h, TIME_MS(123)); /* coarse: to 10 ms, but not above the largest */
    assert_int_equal(histogram_us(h, 1000), TIME_MS(123));
    histogram_add(h, TIME_S(1000)); /* beyond all places */
    histogram_add(h, -1);
    assert_int_equal(histogram_us(h, 1000), TIME_S(1000));
    assert_int_equal(histogram_us(h, 0), 10);
    free(h);
}

/* ---- Sources --------------------------------------------------------------------------------- */

struct tally {
    uint64_t packets;
    uint64_t bytes;
    uint64_t frames;
    uint64_t keys;
};

/* Runs a source for some time in steps of 1 ms, as the client does, and checks each packet. */
static struct tally run_source(struct source *source, int64_t from_us, int64_t to_us)
{
    struct tally tally = {0};
    uint8_t payload[SOURCE_PAYLOAD_MAX];
    struct source_packet *packet;
    for (int64_t now_us = from_us; now_us < to_us; now_us += 1000) {
        while ((packet = source_next(source, now_us)) != NULL) {
            struct stamp stamp;
            packet->sent_us = now_us;
            source_payload(source, packet, payload);
            assert_int_equal(stamp_read(&stamp, (struct bytes){payload, packet->len}), 0);
            assert_int_equal(stamp.publisher, source->publisher);
            assert_int_equal(stamp.stream, source->stream);
            assert_int_equal(stamp.counter, packet->counter);
            assert_int_equal(stamp.sent_us, now_us);
            assert_ptr_equal(source_find(source, packet->seq), packet);
            if (source->shape.video) {
                struct rtp_vp8 vp8;
                assert_int_equal(rtp_vp8_parse(&vp8, (struct bytes){payload, packet->len}), 0);
                assert_int_equal(vp8.start, packet->first);
                assert_int_equal(vp8.key, packet->first && packet->key);
                assert_int_equal(vp8.picture_id, packet->picture);
            }
            tally.packets++;
            tally.bytes += packet->len;
            tally.frames += packet->last;
            tally.keys += packet->last && packet->key;
        }
    }
    return tally;
}

static struct source *new_source(uint8_t stream, size_t layers)
{
    struct prng prng;
    struct source *source = mem_alloc(sizeof(*source));
    struct source_shape shape = source_shape(stream, layers);
    prng_seed(&prng, 1);
    source_init(source, &shape, 7, stream, &prng);
    return source;
}

static void test_source_rates(void **state)
{
    (void)state;
    for (uint8_t stream = 0; stream <= SOURCE_LAYERS_MAX; stream++) {
        struct source *source = new_source(stream, SOURCE_LAYERS_MAX);
        assert_null(source_next(source, TIME_S(1))); /* not started */
        source_start(source, 0);
        (void)run_source(source, 0, TIME_S(1)); /* with its first key frame */
        struct tally tally = run_source(source, TIME_S(1), TIME_S(11));
        assert_in_range(tally.frames, 10 * source->shape.fps - 1, 10 * source->shape.fps + 1);
        assert_int_equal(tally.keys, 0);
        uint64_t bps = tally.bytes * 8 / 10;
        assert_in_range(bps, source->shape.bitrate_bps * 98 / 100,
                        source->shape.bitrate_bps * 102 / 100);
        free(source);
    }
}

static void test_source_covering(void **state)
{
    (void)state;
    static const struct {
        size_t layers;
        uint32_t width;
        uint32_t height;
        uint8_t stream;
    } rows[] = {{3, 160, 90, 1},   {3, 320, 180, 1},   {3, 321, 180, 2}, {3, 640, 360, 2},
                {3, 1280, 720, 3}, {3, 1920, 1080, 3}, {2, 640, 360, 2}, {1, 160, 90, 1}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        assert_int_equal(source_covering(rows[i].layers, rows[i].width, rows[i].height),
                         rows[i].stream);
    }
}

static void test_source_key_frames(void **state)
{
    (void)state;
    struct source *source = new_source(3, 3);
    source_start(source, 0);
    assert_int_equal(run_source(source, 0, TIME_S(1)).keys, 1);
    source->key_wanted = true;
    assert_int_equal(run_source(source, TIME_S(1), TIME_S(2)).keys, 1);
    free(source);
}

/* A sender that was held up does not send in one go all it did not send. */
static void test_source_late(void **state)
{
    (void)state;
    struct source *source = new_source(0, 1);
    source_start(source, 0);
    assert_int_equal(run_source(source, 0, 1).packets, 1);
    assert_int_equal(run_source(source, TIME_S(5), TIME_S(5) + 1).packets, 1);
    assert_int_equal(run_source(source, TIME_MS(5400), TIME_MS(5400) + 1).packets, 20);
    free(source);
}

/* ---- Answers --------------------------------------------------------------------------------- */

static void test_candidates(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int err;
    } rows[] = {
        {"109 1 udp 1000001 127.0.0.1 40000 typ host", 0},
        {"109 1 tcp 1000001 127.0.0.1 40000 typ host tcptype passive", ERR_UNSUPPORTED},
        {"109 1 udp 1000001 fd00::2 40000 typ host", ERR_UNSUPPORTED},
        {"109 1 udp 1000001 127.0.0.1 70000 typ host", ERR_INVALID},
        {"109 1 udp 1000001", ERR_INVALID},
        {"", ERR_INVALID},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct answer_candidate candidate;
        print_message("%s\n", rows[i].text);
        assert_int_equal(answer_read_candidate(&candidate, rows[i].text), rows[i].err);
    }
    struct answer_candidate candidate;
    assert_int_equal(answer_read_candidate(&candidate, rows[0].text), 0);
    assert_int_equal(candidate.priority, 1000001);
    assert_int_equal(ntohs(candidate.addr.sin_port), 40000);
    assert_int_equal(ntohl(candidate.addr.sin_addr.s_addr), INADDR_LOOPBACK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_account),           cmocka_unit_test(test_account_has),
        cmocka_unit_test(test_account_gaps),      cmocka_unit_test(test_histogram),
        cmocka_unit_test(test_source_rates),      cmocka_unit_test(test_source_covering),
        cmocka_unit_test(test_source_key_frames), cmocka_unit_test(test_source_late),
        cmocka_unit_test(test_candidates),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
