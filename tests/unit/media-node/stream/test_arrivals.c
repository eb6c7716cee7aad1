/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal: transport-wide feedback is due in time, and a client that reads all of it knows of each
 * packet that arrived, when, and of no other; also against a model under loss and reordering.
 */
#include "tests/unit/media-node/stream/kit.h"

#define MS TIME_MS(1)

/* What a client learns. */
struct client {
    int64_t arrival_us[1 << 16]; /* RTCP_NOT_RECEIVED: not told, or told that it did not arrive */
    unsigned feedbacks;
    uint8_t next_count;
};

static struct client *client_new(void)
{
    struct client *client = mem_alloc(sizeof(*client));
    for (size_t i = 0; i < ARRAY_LEN(client->arrival_us); i++) {
        client->arrival_us[i] = RTCP_NOT_RECEIVED;
    }
    return client;
}

static void client_read(struct client *client, const uint8_t *data, size_t len)
{
    struct rtcp_iter compound;
    struct rtcp_packet packet;
    assert_int_equal(rtcp_begin(&compound, data, len), 0);
    while (rtcp_next(&compound, &packet)) {
        struct rtcp_twcc twcc;
        struct rtcp_twcc_status status;
        assert_true(rtcp_is(&packet, RTCP_RTPFB, RTCP_TWCC));
        assert_int_equal(rtcp_read_twcc(&packet, &twcc), 0);
        assert_int_equal(twcc.feedback_count, client->next_count++);
        client->feedbacks++;
        struct rtcp_twcc_iter iter = rtcp_twcc_begin(&twcc);
        while (rtcp_twcc_next(&iter, &status)) {
            if (status.received) {
                client->arrival_us[status.seq] = status.arrival_us;
            }
        }
    }
}

/* Writes all that waits, in compounds of at most cap bytes. */
static void flush(struct stream_arrivals *arrivals, int64_t now_us, size_t cap,
                  struct client *client)
{
    uint8_t data[RTCP_OUT_MAX];
    struct rtcp_writer writer = {.data = data, .cap = cap};
    struct rtcp_feedback about = {1, 2};
    int err;
    do {
        err = stream_arrivals_write(arrivals, now_us, &writer, about);
        if (err == ERR_FULL) {
            assert_true(writer.len > 0);
        }
        if (err < 0 && writer.len > 0) {
            client_read(client, data, writer.len);
            writer.len = 0;
        }
    } while (err != ERR_NOT_FOUND);
}

static void check(const struct client *client, uint16_t seq, int64_t arrival_us)
{
    assert_int_equal(client->arrival_us[seq] / 250, arrival_us / 250); /* the format's ticks */
}

static void due_in_time(void **state)
{
    (void)state;
    struct stream_arrivals *arrivals = stream_arrivals_new(0);
    struct client *client = client_new();
    assert_true(stream_arrivals_deadline(arrivals) == TIME_NEVER);
    stream_arrivals_add(arrivals, 10 * MS, 65535);
    stream_arrivals_add(arrivals, 20 * MS, 0);
    assert_int_equal(stream_arrivals_deadline(arrivals), 60 * MS);
    flush(arrivals, 60 * MS, RTCP_OUT_MAX, client);
    assert_true(stream_arrivals_deadline(arrivals) == TIME_NEVER);
    assert_int_equal(client->feedbacks, 1);
    check(client, 65535, 10 * MS);
    check(client, 0, 20 * MS);
    for (uint16_t i = 1; i <= 100; i++) {
        assert_true(i == 1 || stream_arrivals_deadline(arrivals) == 110 * MS);
        stream_arrivals_add(arrivals, 60 * MS, i);
    }
    assert_int_equal(stream_arrivals_deadline(arrivals), 60 * MS);
    free(client);
    stream_arrivals_free(arrivals);
}

static void late_duplicate_and_far_ones(void **state)
{
    (void)state;
    struct stream_arrivals *arrivals = stream_arrivals_new(0);
    struct client *client = client_new();
    stream_arrivals_add(arrivals, 10 * MS, 100);
    stream_arrivals_add(arrivals, 11 * MS, 103);
    flush(arrivals, 60 * MS, RTCP_OUT_MAX, client);
    assert_true(client->arrival_us[102] == RTCP_NOT_RECEIVED);
    stream_arrivals_add(arrivals, 70 * MS, 102); /* told again, with what came behind it */
    stream_arrivals_add(arrivals, 71 * MS, 102);
    stream_arrivals_add(arrivals, 71 * MS, 103);
    flush(arrivals, 120 * MS, RTCP_OUT_MAX, client);
    check(client, 102, 70 * MS);
    check(client, 103, 11 * MS);
    assert_true(client->arrival_us[101] == RTCP_NOT_RECEIVED);

    stream_arrivals_add(arrivals, 130 * MS, 103 + 400);
    stream_arrivals_add(arrivals, 130 * MS, 103 + 400 - 256 - 2); /* too late to be told */
    flush(arrivals, 180 * MS, RTCP_OUT_MAX, client);
    check(client, 503, 130 * MS);
    assert_true(client->arrival_us[245] == RTCP_NOT_RECEIVED);

    stream_arrivals_add(arrivals, 200 * MS, 30000); /* a leap */
    stream_arrivals_add(arrivals, 201 * MS, 500);   /* the client numbers anew */
    stream_arrivals_add(arrivals, 202 * MS, 501);
    flush(arrivals, 260 * MS, RTCP_OUT_MAX, client);
    check(client, 501, 202 * MS);
    free(client);
    stream_arrivals_free(arrivals);
}

/* Two sockets, and a reader that came late: stamps of the kernel run backwards here and there. */
static void read_later_than_they_arrived(void **state)
{
    (void)state;
    struct stream_arrivals *arrivals = stream_arrivals_new(0);
    struct client *client = client_new();
    stream_arrivals_add(arrivals, 10 * MS, 100);
    flush(arrivals, 90 * MS, RTCP_OUT_MAX, client);
    stream_arrivals_add(arrivals, 80 * MS, 102); /* before that feedback was written */
    stream_arrivals_add(arrivals, 79 * MS, 101);
    assert_int_equal(stream_arrivals_deadline(arrivals), 130 * MS);
    flush(arrivals, 130 * MS, RTCP_OUT_MAX, client);
    check(client, 101, 79 * MS);
    check(client, 102, 80 * MS);
    free(client);
    stream_arrivals_free(arrivals);
}

static void agrees_with_a_model(void **state)
{
    (void)state;
    enum { TOTAL = 30000 }; /* less than a cycle of numbers, with a wrap in it */
    struct stream_arrivals *arrivals = stream_arrivals_new(0);
    struct client *client = client_new();
    int64_t *model = mem_array(1 << 16, sizeof(*model));
    for (size_t i = 0; i < 1 << 16; i++) {
        model[i] = RTCP_NOT_RECEIVED;
    }
    struct prng prng;
    prng_seed(&prng, 15);
    int64_t now_us = 1000;
    uint64_t head = 65000;
    const uint64_t low = head;
    for (int i = 0; i < TOTAL; i++) {
        /* Mostly a packet each millisecond, at times a burst, at times a pause. */
        now_us += prng_below(&prng, 500) == 0 ? 3000000 : (int64_t)prng_below(&prng, 2000);
        uint64_t number = head;
        if (prng_below(&prng, 10) == 0) {
            number = kit_behind(&prng, head, low, 60);
        } else {
            head += 1 + (prng_below(&prng, 20) == 0 ? prng_below(&prng, 30) : 0);
            number = head;
        }
        uint16_t seq = (uint16_t)number;
        if (model[seq] == RTCP_NOT_RECEIVED) {
            model[seq] = now_us;
        }
        stream_arrivals_add(arrivals, now_us, seq);
        if (now_us >= stream_arrivals_deadline(arrivals)) {
            flush(arrivals, now_us, 60 + prng_below(&prng, RTCP_OUT_MAX - 60), client);
            for (uint64_t n = head - MIN(head - low, 300); n <= head; n++) {
                if (model[(uint16_t)n] == RTCP_NOT_RECEIVED) {
                    assert_true(client->arrival_us[(uint16_t)n] == RTCP_NOT_RECEIVED);
                } else {
                    check(client, (uint16_t)n, model[(uint16_t)n]);
                }
            }
        }
    }
    assert_true(head > 65536 + 10000 && head - low < 65536);
    assert_true(client->feedbacks > 500);
    free(model);
    free(client);
    stream_arrivals_free(arrivals);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(due_in_time),
        cmocka_unit_test(late_duplicate_and_far_ones),
        cmocka_unit_test(read_later_than_they_arrived),
        cmocka_unit_test(agrees_with_a_model),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
