/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal: missing numbers are asked for after the reordering allowance, again each round trip, ten
 * times at most; the list is bounded; and all of that agrees with a naive model at any load.
 */
#include "media-node/core/stream/receiver_parts.h"

#include "tests/unit/media-node/stream/kit.h"

#define MS TIME_MS(1)

static size_t collect(struct stream_nack *nack, int64_t now_us, uint16_t *out)
{
    bool gave_up = false;
    return stream_nack_collect(nack, now_us, out, &gave_up);
}

static void asks_after_the_allowance_and_each_round_trip(void **state)
{
    (void)state;
    struct stream_nack nack;
    uint16_t out[STREAM_NACK_MAX];
    bool gave_up = false;
    stream_nack_init(&nack);
    nack.rtt_us = 100 * MS;
    assert_true(nack.due_us == TIME_NEVER);
    assert_true(stream_nack_missing(&nack, 1000 * MS, 65536 + 7, 2));
    int64_t due_us = 1000 * MS + NACK_REORDER_US;
    for (int try = 0; try < NACK_TRIES_MAX; try++) {
        assert_int_equal(nack.due_us, due_us);
        assert_int_equal(collect(&nack, due_us - 1, out), 0);
        assert_int_equal(collect(&nack, due_us, out), 2);
        assert_int_equal(out[0], 7);
        assert_int_equal(out[1], 8);
        assert_int_equal(collect(&nack, due_us, out), 0);
        due_us += 110 * MS;
    }
    assert_int_equal(nack.asked, 2);
    assert_int_equal(stream_nack_collect(&nack, due_us, out, &gave_up), 0);
    assert_true(gave_up);
    assert_int_equal(nack.given_up, 2);
    assert_true(nack.due_us == TIME_NEVER);
    stream_nack_fini(&nack);
}

/* A near node may wait for the number itself: two round trips of 300 ms are not too long. */
static void who_is_near_is_given_time(void **state)
{
    (void)state;
    struct stream_nack nack;
    uint16_t out[STREAM_NACK_MAX];
    unsigned requests = 0;
    stream_nack_init(&nack);
    nack.rtt_us = 10 * MS;
    assert_true(stream_nack_missing(&nack, 0, 7, 1));
    while (nack.due_us < 700 * MS) {
        assert_int_equal(collect(&nack, nack.due_us, out), 1);
        requests++;
        assert_in_range(nack.due_us, requests * 20 * MS, 20 * MS + requests * 110 * MS);
    }
    assert_int_equal(nack.count, 1);
    assert_int_equal(nack.given_up, 0);
    assert_in_range(requests, 8, NACK_TRIES_MAX);
    while (nack.due_us != TIME_NEVER) {
        requests += (unsigned)collect(&nack, nack.due_us, out);
    }
    assert_int_equal(requests, NACK_TRIES_MAX);
    assert_int_equal(nack.given_up, 1);
    stream_nack_fini(&nack);
}

static void what_arrives_in_time_is_never_asked_for(void **state)
{
    (void)state;
    struct stream_nack nack;
    uint16_t out[STREAM_NACK_MAX];
    stream_nack_init(&nack);
    assert_true(stream_nack_missing(&nack, 0, 10, 3));
    stream_nack_arrived(&nack, 11);
    stream_nack_arrived(&nack, 11); /* a duplicate does no harm */
    stream_nack_arrived(&nack, 99);
    assert_int_equal(collect(&nack, NACK_REORDER_US, out), 2);
    assert_int_equal(out[0], 10);
    assert_int_equal(out[1], 12);
    stream_nack_forget(&nack, 12);
    assert_int_equal(nack.count, 1);
    stream_nack_arrived(&nack, 12);
    assert_true(nack.due_us == TIME_NEVER);
    stream_nack_fini(&nack);
}

static void more_than_a_request_holds_comes_in_several(void **state)
{
    (void)state;
    struct stream_nack nack;
    uint16_t out[STREAM_NACK_MAX];
    stream_nack_init(&nack);
    assert_true(stream_nack_missing(&nack, 0, 100, STREAM_NACK_MAX + 10));
    assert_int_equal(collect(&nack, NACK_REORDER_US, out), STREAM_NACK_MAX);
    assert_int_equal(out[STREAM_NACK_MAX - 1], 100 + STREAM_NACK_MAX - 1);
    assert_int_equal(collect(&nack, NACK_REORDER_US, out), 10);
    assert_int_equal(out[0], 100 + STREAM_NACK_MAX);
    assert_int_equal(collect(&nack, NACK_REORDER_US, out), 0);
    stream_nack_fini(&nack);
}

static void a_full_list_is_given_up(void **state)
{
    (void)state;
    struct stream_nack nack;
    stream_nack_init(&nack);
    assert_true(stream_nack_missing(&nack, 0, 100, NACK_LIST_MAX));
    assert_int_equal(nack.count, NACK_LIST_MAX);
    assert_false(stream_nack_missing(&nack, 0, 1000, 1));
    assert_int_equal(nack.count, 0);
    assert_int_equal(nack.given_up, NACK_LIST_MAX + 1);
    assert_true(nack.due_us == TIME_NEVER);
    assert_true(stream_nack_missing(&nack, 0, 2000, 1));
    stream_nack_fini(&nack);
}

/* ---- Against a model: one record for each number ever --------------------------------------- */

enum { NUMBERS = 20000 };

struct model {
    struct {
        bool missing;
        int tries;
        int64_t due_us;
    } numbers[NUMBERS];
    size_t missing;
};

static void model_clear(struct model *model, uint64_t below)
{
    for (uint64_t i = 0; i < below; i++) {
        model->missing -= model->numbers[i].missing;
        model->numbers[i].missing = false;
    }
}

static void model_missing(struct model *model, int64_t now_us, uint64_t first, uint64_t count)
{
    if (model->missing + count > NACK_LIST_MAX) {
        model_clear(model, first);
        return;
    }
    for (uint64_t i = first; i < first + count; i++) {
        model->numbers[i].missing = true;
        model->numbers[i].tries = 0;
        model->numbers[i].due_us = now_us + NACK_REORDER_US;
    }
    model->missing += count;
}

static size_t model_collect(struct model *model, int64_t now_us, int64_t rtt_us, uint16_t *out)
{
    size_t count = 0;
    for (size_t i = 0; i < NUMBERS; i++) {
        if (!model->numbers[i].missing || model->numbers[i].due_us > now_us) {
            continue;
        }
        if (model->numbers[i].tries == NACK_TRIES_MAX) {
            model->numbers[i].missing = false;
            model->missing--;
        } else if (count < STREAM_NACK_MAX) {
            model->numbers[i].tries++;
            bool quick = model->numbers[i].tries < 4;
            model->numbers[i].due_us = now_us + MAX(rtt_us + 10 * MS, quick ? 0 : 110 * MS);
            out[count++] = (uint16_t)i;
        }
    }
    return count;
}

static void agrees_with_a_model(void **state)
{
    (void)state;
    struct model *model = mem_alloc(sizeof(*model));
    struct stream_nack nack;
    struct prng prng;
    prng_seed(&prng, 4585);
    stream_nack_init(&nack);
    nack.rtt_us = 30 * MS;
    int64_t now_us = 0;
    uint64_t next = 100;
    while (next < NUMBERS - 400) {
        now_us += (int64_t)prng_below(&prng, 8000);
        uint64_t lost = prng_below(&prng, 6) == 0 ? 1 + prng_below(&prng, 4) : 0;
        lost = prng_below(&prng, 400) == 0 ? 300 : lost;
        model_missing(model, now_us, next, lost);
        stream_nack_missing(&nack, now_us, next, lost);
        next += lost + 1;
        uint64_t back = next - 1 - prng_below(&prng, 80);
        stream_nack_arrived(&nack, back);
        model->missing -= model->numbers[back].missing;
        model->numbers[back].missing = false;
        if (prng_below(&prng, 300) == 0) {
            stream_nack_forget(&nack, back);
            model_clear(model, back);
        }
        uint16_t out[STREAM_NACK_MAX];
        uint16_t expect[STREAM_NACK_MAX];
        size_t count = collect(&nack, now_us, out);
        assert_int_equal(count, model_collect(model, now_us, nack.rtt_us, expect));
        assert_memory_equal(out, expect, count * sizeof(out[0]));
        assert_int_equal(nack.count, model->missing);
    }
    assert_true(nack.given_up > 0 && nack.asked > 1000);
    stream_nack_fini(&nack);
    free(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(asks_after_the_allowance_and_each_round_trip),
        cmocka_unit_test(who_is_near_is_given_time),
        cmocka_unit_test(what_arrives_in_time_is_never_asked_for),
        cmocka_unit_test(more_than_a_request_holds_comes_in_several),
        cmocka_unit_test(a_full_list_is_given_up),
        cmocka_unit_test(agrees_with_a_model),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
