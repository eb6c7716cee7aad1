/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal: 16-bit numbers become 64-bit ones through wraps, loss, reordering, duplicates and restarts,
 * as a table and against a model that remembers everything.
 */
#include "media-node/core/stream/receiver_parts.h"

#include "tests/unit/media-node/stream/kit.h"

#define C 65536u /* extended numbers start a cycle up */

struct step {
    uint16_t number;
    enum stream_verdict verdict;
    uint64_t ext; /* where the verdict gives one */
};

static void play(const struct step *steps, size_t count)
{
    struct stream_sequence sequence = {0};
    for (size_t i = 0; i < count; i++) {
        uint64_t ext = 0;
        assert_int_equal(stream_sequence_add(&sequence, steps[i].number, &ext), steps[i].verdict);
        assert_int_equal(ext, steps[i].ext);
    }
}

static void loss_reordering_duplicates(void **state)
{
    (void)state;
    static const struct step steps[] = {
        {100, SEQUENCE_NEXT, C + 100},   {101, SEQUENCE_NEXT, C + 101},
        {101, SEQUENCE_DUPLICATE, 0},    {104, SEQUENCE_NEXT, C + 104},
        {102, SEQUENCE_LATE, C + 102},   {102, SEQUENCE_DUPLICATE, 0},
        {103, SEQUENCE_LATE, C + 103},   {105, SEQUENCE_NEXT, C + 105},
        {99, SEQUENCE_LATE, C + 99},     {84, SEQUENCE_LATE, C + 84},
        {50, SEQUENCE_OLD, 0},           {2000, SEQUENCE_NEXT, C + 2000},
        {2000 - 1024, SEQUENCE_OLD, 0},  {2000 - 1023, SEQUENCE_LATE, C + 2000 - 1023},
        {104, SEQUENCE_OLD, 0},          {5000, SEQUENCE_NEXT, C + 5000},
        {4999, SEQUENCE_LATE, C + 4999},
    };
    play(steps, ARRAY_LEN(steps));
}

static void wrap(void **state)
{
    (void)state;
    static const struct step steps[] = {
        {65534, SEQUENCE_NEXT, C + 65534}, {1, SEQUENCE_NEXT, 2 * C + 1},
        {65535, SEQUENCE_LATE, C + 65535}, {0, SEQUENCE_LATE, 2 * C},
        {65535, SEQUENCE_DUPLICATE, 0},    {2, SEQUENCE_NEXT, 2 * C + 2},
    };
    play(steps, ARRAY_LEN(steps));
}

static void a_restart_needs_two(void **state)
{
    (void)state;
    static const struct step steps[] = {
        {10, SEQUENCE_NEXT, C + 10},
        {30000, SEQUENCE_SUSPECT, 0}, /* a stray */
        {11, SEQUENCE_NEXT, C + 11},
        {30001, SEQUENCE_SUSPECT, 0}, /* does not continue it: media went on between */
        {30003, SEQUENCE_SUSPECT, 0},
        {30004, SEQUENCE_RESTART, 3 * C + 30004},
        {30005, SEQUENCE_NEXT, 3 * C + 30005},
        {30003, SEQUENCE_LATE, 3 * C + 30003},
        {12, SEQUENCE_SUSPECT, 0},
    };
    play(steps, ARRAY_LEN(steps));
}

static void expected_spans_restarts(void **state)
{
    (void)state;
    struct stream_sequence sequence = {0};
    uint64_t ext;
    assert_int_equal(stream_sequence_expected(&sequence), 0);
    stream_sequence_add(&sequence, 10, &ext);
    stream_sequence_add(&sequence, 19, &ext);
    assert_int_equal(stream_sequence_expected(&sequence), 10);
    stream_sequence_add(&sequence, 9, &ext);
    assert_int_equal(stream_sequence_expected(&sequence), 11);
    stream_sequence_add(&sequence, 40000, &ext);
    stream_sequence_add(&sequence, 40001, &ext);
    assert_int_equal(stream_sequence_expected(&sequence), 12);
}

static void a_repair_never_leads(void **state)
{
    (void)state;
    struct stream_sequence sequence = {0};
    uint64_t ext = 0;
    assert_int_equal(stream_sequence_repair(&sequence, 5, &ext), SEQUENCE_OLD);
    stream_sequence_add(&sequence, 5, &ext);
    stream_sequence_add(&sequence, 8, &ext);
    assert_int_equal(stream_sequence_repair(&sequence, 9, &ext), SEQUENCE_OLD);
    assert_int_equal(stream_sequence_repair(&sequence, 6, &ext), SEQUENCE_LATE);
    assert_int_equal(ext, C + 6);
    assert_int_equal(stream_sequence_repair(&sequence, 6, &ext), SEQUENCE_DUPLICATE);
    assert_int_equal(stream_sequence_add(&sequence, 6, &ext), SEQUENCE_DUPLICATE);
    assert_int_equal(stream_sequence_add(&sequence, 9, &ext), SEQUENCE_NEXT);
}

/* A source counts to 300,000; numbers arrive up to 200 late, some never, some twice. */
static void agrees_with_a_model(void **state)
{
    (void)state;
    enum { TOTAL = 300000, BEHIND_MAX = 200 };
    uint8_t *arrived = mem_alloc(TOTAL);
    struct stream_sequence sequence = {0};
    struct prng prng;
    prng_seed(&prng, 3550);
    uint64_t highest = 0;
    uint64_t head = 65000;
    const uint64_t first = head;
    for (int i = 0; head < TOTAL - 100; i++) {
        uint64_t n = head;
        if (i > 0 && prng_below(&prng, 4) == 0) {
            n = kit_behind(&prng, head, first, BEHIND_MAX);
        } else {
            head += 1 + (prng_below(&prng, 10) == 0 ? prng_below(&prng, 40) : 0);
            n = i == 0 ? first : head;
            head = n;
        }
        uint64_t ext = 0;
        enum stream_verdict expect = arrived[n] != 0 ? SEQUENCE_DUPLICATE
                                     : n > highest   ? SEQUENCE_NEXT
                                                     : SEQUENCE_LATE;
        assert_int_equal(stream_sequence_add(&sequence, (uint16_t)n, &ext), expect);
        if (expect != SEQUENCE_DUPLICATE) {
            assert_int_equal(ext, C + n);
        }
        arrived[n] = 1;
        highest = MAX(highest, n);
    }
    assert_int_equal(stream_sequence_expected(&sequence), highest - first + 1);
    free(arrived);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(loss_reordering_duplicates), cmocka_unit_test(wrap),
        cmocka_unit_test(a_restart_needs_two),        cmocka_unit_test(expected_spans_restarts),
        cmocka_unit_test(a_repair_never_leads),       cmocka_unit_test(agrees_with_a_model),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
