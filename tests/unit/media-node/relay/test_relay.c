/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal: two ends of a trunk agree whatever the network does in between: what arrives is what was
 * sent, once; round trip, loss and silence are told as they are; keys change without a packet lost;
 * and never do two different packets go out under one nonce.
 */
#include "media-node/core/relay/relay.h"

#include <setjmp.h>
#include <stdlib.h>

#include <cmocka.h>

#define SSRC     4711
#define SOURCE   99
#define IN_AIR   512
#define SENT_MAX 40000

struct datagram {
    int64_t at_us;
    int to;
    size_t len;
    uint8_t data[OUTBOX_PACKET_MAX];
};

/* The clear head and tag of a packet: two of one nonce must be equal. */
struct nonce {
    uint64_t key; /* end, generation, rollover counter, number */
    uint8_t tag[16];
};

struct end {
    struct relay *relay;
    struct outbox *outbox;
    struct counters counters;
    struct relay_source *source;
    struct relay_stream *stream;
    uint64_t last_seq;
    unsigned got;
    unsigned cuts;
    unsigned apps;
};

struct world {
    int64_t now_us;
    int64_t delay_us;
    int64_t waits_us; /* of that, in the kernel of who gets it */
    uint32_t loss;    /* of 1000 */
    int64_t jitter_us;
    bool cut_off;
    struct prng prng;
    struct end ends[2];
    struct datagram air[IN_AIR];
    struct nonce *nonces;
    size_t nonce_count;
};

static void set_keys(struct world *w, int end, uint32_t generation)
{
    struct relay_keys keys = {.suite = RTPSEC_AES_128_GCM};
    memset(keys.receive, (int)generation * 2 + end, sizeof(keys.receive));
    memset(keys.send, (int)generation * 2 + 1 - end, sizeof(keys.send));
    assert_int_equal(relay_set_keys(w->ends[end].relay, w->now_us, generation, &keys), 0);
}

static struct world *world_new(void)
{
    struct world *w = mem_alloc(sizeof(*w));
    w->now_us = TIME_S(100);
    w->delay_us = TIME_MS(40);
    w->nonces = mem_array(SENT_MAX, sizeof(*w->nonces));
    prng_seed(&w->prng, 3);
    for (int i = 0; i < 2; i++) {
        struct end *end = &w->ends[i];
        const struct ice_path path = {
            .remote = {.ip = {10, 0, 0, 1}, .port = 7000, .family = NET_V4}, .endpoint = 1};
        end->outbox = outbox_new(256);
        const struct relay_config config = {
            .random = prng_source(&w->prng), .outbox = end->outbox, .counters = &end->counters};
        end->relay = relay_new(&config, w->now_us);
        relay_set_path(end->relay, w->now_us, &path);
        set_keys(w, i, 1);
    }
    w->ends[0].stream = relay_open(w->ends[0].relay, SSRC, w, 2);
    w->ends[1].source = relay_listen(w->ends[1].relay, SSRC, w, 2);
    return w;
}

static void world_free(struct world *w)
{
    if (w->ends[0].stream != NULL) {
        relay_close(w->ends[0].stream);
    }
    relay_unlisten(w->ends[1].source);
    for (int i = 0; i < 2; i++) {
        relay_free(w->ends[i].relay);
        outbox_free(w->ends[i].outbox);
    }
    free(w->nonces);
    free(w);
}

static void check_nonce(struct world *w, int end, const uint8_t *data, size_t len)
{
    if (data[1] >= 192 && data[1] <= 223) {
        return;
    }
    uint32_t word = be32_get(data + 16);
    struct nonce nonce = {.key = (uint64_t)end << 63 | (uint64_t)(word >> 26) << 40 |
                                 (uint64_t)(word & 0xfffff) << 16 | be16_get(data + 2)};
    memcpy(nonce.tag, data + len - 16, 16);
    for (size_t i = 0; i < w->nonce_count; i++) {
        if (w->nonces[i].key == nonce.key) {
            assert_memory_equal(w->nonces[i].tag, nonce.tag, 16);
            return;
        }
    }
    assert_true(w->nonce_count < SENT_MAX);
    w->nonces[w->nonce_count++] = nonce;
}

static void launch(struct world *w, int from, const uint8_t *data, size_t len)
{
    for (size_t i = 0; i < IN_AIR; i++) {
        struct datagram *d = &w->air[i];
        if (d->len == 0) {
            int64_t jitter_us =
                w->jitter_us == 0 ? 0 : (int64_t)prng_below(&w->prng, (uint64_t)w->jitter_us);
            *d = (struct datagram){
                .at_us = w->now_us + w->delay_us + jitter_us, .to = 1 - from, .len = len};
            memcpy(d->data, data, len);
            return;
        }
    }
    fail_msg("too much in the air");
}

static void drain(struct world *w)
{
    struct outbox_packet packets[16];
    size_t count;
    for (int i = 0; i < 2; i++) {
        while ((count = outbox_poll(w->ends[i].outbox, packets, 16)) > 0) {
            for (size_t p = 0; p < count; p++) {
                check_nonce(w, i, packets[p].data, packets[p].len);
                if (!w->cut_off && prng_below(&w->prng, 1000) >= w->loss) {
                    launch(w, i, packets[p].data, packets[p].len);
                }
            }
        }
    }
}

static void deliver(struct world *w, struct datagram *d)
{
    struct end *end = &w->ends[d->to];
    struct relay_rtp rtp;
    struct rtcp_iter iter;
    uint8_t copy[OUTBOX_PACKET_MAX];
    memcpy(copy, d->data, d->len);
    if (copy[1] >= 192 && copy[1] <= 223) {
        end->apps += relay_rtcp(end->relay, w->now_us, copy, d->len, w->waits_us, &iter) == 0;
    } else if (relay_rtp(end->relay, w->now_us, copy, d->len, &rtp) == 0) {
        assert_ptr_equal(rtp.to.owner, w);
        assert_int_equal(rtp.to.layer, 2);
        assert_int_equal(rtp.view.ssrc, SOURCE);
        assert_int_equal(rtp.view.payload.len, 100);
        assert_int_equal(be16_get(rtp.view.payload.data), rtp.view.seq);
        assert_int_equal(rtp.view.ts, rtp.view.seq * 7u);
        end->got++;
        end->cuts += rtp.cut;
    }
}

/* Lets time pass, millisecond by millisecond. */
static void run(struct world *w, int ms)
{
    for (int t = 0; t < ms; t++) {
        w->now_us += TIME_MS(1);
        for (size_t i = 0; i < IN_AIR; i++) {
            if (w->air[i].len > 0 && w->air[i].at_us <= w->now_us) {
                deliver(w, &w->air[i]);
                w->air[i].len = 0;
            }
        }
        for (int i = 0; i < 2; i++) {
            if (relay_deadline(w->ends[i].relay) <= w->now_us) {
                relay_expire(w->ends[i].relay, w->now_us);
            }
        }
        drain(w);
    }
}

static bool give(struct world *w, uint64_t seq, bool again)
{
    uint8_t payload[100] = {0};
    static const struct rtp_exts none;
    be16_put(payload, (uint16_t)seq);
    const struct relay_packet packet = {.seq = seq,
                                        .source = SOURCE,
                                        .ts = (uint32_t)(uint16_t)seq * 7u,
                                        .pt = 96,
                                        .exts = &none,
                                        .payload = {payload, sizeof(payload)}};
    bool sent = relay_send(w->ends[0].stream, w->now_us, &packet, again);
    drain(w);
    return sent;
}

/* So many packets, one each millisecond, from that number on. */
static void stream(struct world *w, uint64_t seq, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        assert_true(give(w, seq + i, false));
        run(w, 1);
    }
}

static void test_round_trip_and_words(void **state)
{
    (void)state;
    struct world *w = world_new();
    run(w, 3000);
    struct relay_report report = relay_report(w->ends[1].relay);
    assert_in_range(report.rtt_us, 80000, 83000);
    assert_false(relay_silent(w->ends[1].relay, w->now_us));
    assert_in_range(w->ends[1].apps, 28, 31);
    stream(w, 65536 + 10, 500);
    run(w, 100);
    assert_int_equal(w->ends[1].got, 500);
    run(w, 1000);
    assert_int_equal(relay_report(w->ends[1].relay).lost_permille, 0);
    for (size_t i = 0; i < 2; i++) { /* the node's sums are those of its trunks */
        report = relay_report(w->ends[i].relay);
        assert_true(report.bytes_in > 0 && report.bytes_out > 0);
        assert_int_equal(w->ends[i].counters.relay_bytes_in, report.bytes_in);
        assert_int_equal(w->ends[i].counters.relay_bytes_out, report.bytes_out);
    }
    w->cut_off = true;
    run(w, 350);
    assert_false(relay_silent(w->ends[0].relay, w->now_us));
    run(w, 250);
    assert_true(relay_silent(w->ends[0].relay, w->now_us));
    world_free(w);
}

/* What a ping waits for to be read, at either end, is no part of the way. */
static void test_waits(void **state)
{
    (void)state;
    struct world *w = world_new();
    w->waits_us = TIME_MS(10);
    run(w, 3000);
    for (size_t i = 0; i < 2; i++) {
        assert_in_range(relay_report(w->ends[i].relay).rtt_us, 60000, 63000);
    }
    world_free(w);
}

/* Who never heard it is no witness: there may be no way between the two. */
static void test_never_heard(void **state)
{
    (void)state;
    struct world *w = world_new();
    w->cut_off = true;
    run(w, 3000);
    assert_false(relay_silent(w->ends[0].relay, w->now_us));
    w->cut_off = false;
    run(w, 1000);
    w->cut_off = true;
    run(w, 700);
    assert_true(relay_silent(w->ends[0].relay, w->now_us));
    world_free(w);
}

static void test_loss_is_measured(void **state)
{
    (void)state;
    struct world *w = world_new();
    run(w, 1000);
    (void)relay_report(w->ends[1].relay);
    w->loss = 100;
    stream(w, 70000, 3000);
    run(w, 500);
    struct relay_report report = relay_report(w->ends[1].relay);
    assert_in_range(report.lost_permille, 80, 120);
    assert_int_equal(relay_report(w->ends[1].relay).lost_permille, 0);
    world_free(w);
}

/* What waits on the way makes the round trip longer than it was at least; after a minute that is
 * what the way is. */
static void test_queue_is_measured(void **state)
{
    (void)state;
    struct world *w = world_new();
    run(w, 3000);
    assert_in_range(relay_report(w->ends[0].relay).queue_us, 0, 3000);
    w->delay_us = TIME_MS(90);
    run(w, 10000);
    assert_in_range(relay_report(w->ends[0].relay).queue_us, 95000, 105000);
    run(w, 20000 + 3000); /* the least of the last 30 s is still of before */
    assert_in_range(relay_report(w->ends[0].relay).queue_us, 95000, 105000);
    run(w, 30000);
    assert_in_range(relay_report(w->ends[0].relay).queue_us, 0, 3000);
    world_free(w);
}

/* Reordered and repeated packets arrive once each; the repetition is the same bytes. */
static void test_reorder_and_replay(void **state)
{
    (void)state;
    struct world *w = world_new();
    w->jitter_us = TIME_MS(30);
    stream(w, 65536 + 65000, 2000); /* numbers wrap on the way */
    run(w, 200);
    assert_int_equal(w->ends[1].got, 2000);
    assert_int_equal(w->ends[1].counters.drop_trunk_replay, 0);
    for (uint64_t seq = 65536 + 66900; seq < 65536 + 67000; seq++) {
        assert_true(give(w, seq, true));
    }
    run(w, 200);
    assert_int_equal(w->ends[1].got, 2000);
    assert_int_equal(w->ends[1].counters.drop_trunk_replay, 100);
    assert_false(give(w, 65536 + 66950, false)); /* new it can not be */
    assert_false(give(w, 65536 + 66000, true));  /* too old to tell */
    uint64_t seq;
    assert_true(relay_seq(w->ends[0].stream, (uint16_t)(65536 + 66990), &seq));
    assert_int_equal(seq, 65536 + 66990);
    world_free(w);
}

/* What was lost is sent again and fills the gap, also when it is late by hundreds of packets. */
static void test_late_repair(void **state)
{
    (void)state;
    struct world *w = world_new();
    stream(w, 66000, 10);
    w->cut_off = true;
    stream(w, 66010, 10);
    w->cut_off = false;
    stream(w, 66020, 480);
    for (uint64_t seq = 66010; seq < 66020; seq++) {
        assert_true(give(w, seq, true));
    }
    run(w, 100);
    assert_int_equal(w->ends[1].got, 500);
    assert_int_equal(w->ends[1].counters.drop_trunk_replay, 0);
    world_free(w);
}

static void test_rotation(void **state)
{
    (void)state;
    struct world *w = world_new();
    w->loss = 0;
    stream(w, 66000, 200);
    set_keys(w, 0, 2); /* the other end is told half a second later */
    stream(w, 66200, 500);
    assert_int_equal(relay_generation(w->ends[0].relay), 1);
    set_keys(w, 1, 2);
    stream(w, 66700, 300);
    assert_int_equal(relay_generation(w->ends[0].relay), 2);
    assert_int_equal(relay_generation(w->ends[1].relay), 2);
    w->loss = 300;
    set_keys(w, 1, 3);
    set_keys(w, 0, 3);
    run(w, 2000);
    w->loss = 0;
    stream(w, 67000, 100);
    run(w, 100);
    assert_int_equal(w->ends[1].got, 1100);
    assert_int_equal(w->ends[1].cuts, 0);
    assert_int_equal(relay_generation(w->ends[0].relay), 3);
    set_keys(w, 0, 2); /* older: passed over */
    assert_int_equal(relay_generation(w->ends[0].relay), 3);
    /* one end was told nothing for two generations: what it sends is not understood any more */
    set_keys(w, 1, 4);
    set_keys(w, 1, 5);
    (void)give(w, 67100, false);
    run(w, 100);
    assert_int_equal(w->ends[1].got, 1100);
    assert_true(w->ends[1].counters.drop_trunk_keys > 0);
    set_keys(w, 0, 5);
    run(w, 200);
    assert_true(give(w, 67101, false));
    run(w, 100);
    assert_int_equal(w->ends[1].got, 1101);
    world_free(w);
}

/* Numbers that go on elsewhere, forwards or backwards, arrive at once and are told as a cut; and an
 * SSRC that is closed and opened again uses no nonce twice. */
static void test_runs(void **state)
{
    (void)state;
    struct world *w = world_new();
    const uint64_t starts[] = {70000, 70200, 65600, 70100, 131072 + 70150, 65536 + 40000, 65536};
    for (size_t i = 0; i < ARRAY_LEN(starts); i++) {
        relay_cut(w->ends[0].stream);
        stream(w, starts[i], 100);
    }
    run(w, 100);
    assert_int_equal(w->ends[1].got, 700);
    assert_int_equal(w->ends[1].cuts, 6);
    relay_close(w->ends[0].stream);
    w->ends[0].stream = relay_open(w->ends[0].relay, SSRC, w, 2);
    stream(w, 65536 + 50, 100);
    run(w, 100);
    assert_int_equal(w->ends[1].got, 800);
    world_free(w);
}

static void test_strangers(void **state)
{
    (void)state;
    struct world *w = world_new();
    struct end *end = &w->ends[1];
    struct relay_rtp rtp;
    struct rtcp_iter iter;
    uint8_t out[OUTBOX_PACKET_MAX];
    run(w, 200);
    assert_true(give(w, 66000, false));
    for (size_t i = 0; i < IN_AIR; i++) {
        if (w->air[i].len == 0 || w->air[i].to != 1 || w->air[i].data[1] != 96) {
            continue;
        }
        struct datagram *d = &w->air[i];
        for (size_t byte = 0; byte < d->len; byte++) { /* any bit turned anywhere is noticed */
            memcpy(out, d->data, d->len);
            out[byte] ^= 1;
            assert_int_not_equal(relay_rtp(end->relay, w->now_us, out, d->len, &rtp), 0);
        }
        for (size_t len = 0; len < d->len; len++) {
            memcpy(out, d->data, len);
            assert_int_not_equal(relay_rtp(end->relay, w->now_us, out, len, &rtp), 0);
            assert_int_not_equal(relay_rtcp(end->relay, w->now_us, out, len, 0, &iter), 0);
        }
        be32_put(d->data + 8, SSRC + 1);
        assert_int_equal(relay_rtp(end->relay, w->now_us, d->data, d->len, &rtp), ERR_NOT_FOUND);
        d->len = 0;
    }
    assert_true(end->counters.drop_trunk_auth > 100);
    assert_true(end->counters.drop_trunk_malformed > 100);
    assert_true(end->counters.drop_trunk_ssrc > 0);
    assert_int_equal(end->counters.relay_in, 0);
    world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip_and_words),
        cmocka_unit_test(test_waits),
        cmocka_unit_test(test_never_heard),
        cmocka_unit_test(test_loss_is_measured),
        cmocka_unit_test(test_queue_is_measured),
        cmocka_unit_test(test_reorder_and_replay),
        cmocka_unit_test(test_late_repair),
        cmocka_unit_test(test_rotation),
        cmocka_unit_test(test_runs),
        cmocka_unit_test(test_strangers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
