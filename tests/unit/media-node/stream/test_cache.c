/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal: a packet that is found is the one that was put in; the last second is found up to the
 * bounds; memory follows the bitrate and stays within them.
 */
#include "media-node/core/stream/receiver_parts.h"

#include "tests/unit/media-node/stream/kit.h"

/* The content of a number's packet. */
static size_t content(uint64_t seq, uint8_t *out)
{
    struct prng prng;
    prng_seed(&prng, seq);
    size_t len = prng_below(&prng, RTP_PACKET_MAX - RTP_HEADER_LEN + 1);
    prng_fill(&prng, out, len);
    return len;
}

static void put(struct stream_cache *cache, int64_t now_us, uint64_t seq)
{
    uint8_t payload[RTP_PACKET_MAX];
    uint8_t header[RTP_HEADER_LEN];
    size_t len = content(seq, payload);
    memset(header, (int)(seq & 0xff), sizeof(header));
    struct stream_packet *packet = stream_cache_put(
        cache, now_us, seq, (struct bytes){header, sizeof(header)}, (struct bytes){payload, len});
    packet->arrival_us = now_us;
}

static void check(const struct stream_packet *packet, uint64_t seq)
{
    uint8_t payload[RTP_PACKET_MAX];
    size_t len = content(seq, payload);
    assert_int_equal(packet->seq, seq);
    assert_int_equal(packet->rtp.data[RTP_HEADER_LEN - 1], seq & 0xff);
    assert_int_equal(packet->rtp.payload.len, len);
    assert_memory_equal(packet->rtp.payload.data, payload, len);
}

static void empty_finds_nothing(void **state)
{
    (void)state;
    struct stream_cache cache;
    stream_cache_init(&cache, STREAM_VIDEO);
    assert_null(stream_cache_find(&cache, 0));
    assert_int_equal(stream_cache_bytes(&cache), 0);
    stream_cache_fini(&cache);
}

/* Random order, sizes and pace: whatever is found must be right, whatever is younger than a second
 * and within the slots must be found. */
static void agrees_with_a_model(enum stream_kind kind, uint64_t seed, uint64_t pace_us,
                                bool everything_fits)
{
    struct stream_cache cache;
    struct prng prng;
    stream_cache_init(&cache, kind);
    prng_seed(&prng, seed);
    enum { TOTAL = 6000 };
    int64_t *times = mem_array(TOTAL, sizeof(*times)); /* 0: not put */
    int64_t now_us = TIME_S(5);
    uint64_t head = 1;
    for (; head < TOTAL - 4; head++) {
        now_us += (int64_t)prng_below(&prng, 2 * pace_us);
        bool skip = prng_below(&prng, 10) == 0;
        if (!skip) {
            put(&cache, now_us, head);
            times[head] = now_us;
        }
        uint64_t late = kit_behind(&prng, head, 1, 30);
        if (times[late] == 0) {
            put(&cache, now_us, late);
            times[late] = now_us;
        }
        uint64_t probe = kit_behind(&prng, head, 1, cache.shape.slots + 20);
        const struct stream_packet *found = stream_cache_find(&cache, probe);
        if (found != NULL) {
            assert_true(times[probe] != 0);
            check(found, probe);
        } else if (times[probe] != 0 && head - probe < cache.shape.slots) {
            assert_true(!everything_fits || now_us - times[probe] > CACHE_KEEP_US);
        }
    }
    free(times);
    stream_cache_fini(&cache);
}

static void random_video(void **state)
{
    (void)state;
    agrees_with_a_model(STREAM_VIDEO, 1, 3000, true); /* 333 packets/s, 2 Mbit/s */
    agrees_with_a_model(STREAM_VIDEO, 2, 500, false); /* beyond the bounds */
    agrees_with_a_model(STREAM_VIDEO, 3, 200000, true);
}

static void random_audio(void **state)
{
    (void)state;
    agrees_with_a_model(STREAM_AUDIO, 4, 40000, true);
    agrees_with_a_model(STREAM_AUDIO, 5, 1000, false);
}

static size_t bytes_at(enum stream_kind kind, size_t len, int64_t pace_us)
{
    static const uint8_t bytes[RTP_PACKET_MAX];
    struct stream_cache cache;
    stream_cache_init(&cache, kind);
    for (int64_t i = 0; i < 20000; i++) {
        stream_cache_put(&cache, i * pace_us, (uint64_t)i, (struct bytes){bytes, RTP_HEADER_LEN},
                         (struct bytes){bytes, len});
    }
    size_t held = stream_cache_bytes(&cache);
    stream_cache_fini(&cache);
    return held;
}

static void memory_follows_the_bitrate(void **state)
{
    (void)state;
    assert_true(bytes_at(STREAM_AUDIO, 80, 20000) < 24000);       /* 32 kbit/s of Opus */
    assert_true(bytes_at(STREAM_VIDEO, 1000, 53000) < 64000);     /* 150 kbit/s thumbnail */
    assert_true(bytes_at(STREAM_VIDEO, 1100, 3520) < 450000);     /* 2.5 Mbit/s */
    assert_true(bytes_at(STREAM_VIDEO, 1100, 100) < 48 * 17000u); /* 88 Mbit/s: the bound */
}

/* The newest block may have just begun: the one before it stays, too. */
static void rest_leaves_two_blocks(void **state)
{
    (void)state;
    struct stream_cache cache;
    stream_cache_init(&cache, STREAM_VIDEO);
    int64_t now_us = TIME_S(5);
    size_t least = 0;
    uint64_t head = 0;
    for (int round = 0; round < 200; round++) {
        uint64_t first = head + 1;
        for (unsigned i = 0; i < 1 + 3u * (unsigned)round; i++) {
            put(&cache, now_us, ++head);
            now_us += TIME_MS(2);
        }
        now_us += STREAM_REST_US - TIME_MS(2);
        assert_false(stream_cache_rests(&cache, now_us - 1));
        assert_true(stream_cache_rests(&cache, now_us));
        size_t before = stream_cache_bytes(&cache);
        stream_cache_trim(&cache);
        least = cache.block_count < CACHE_BLOCKS_REST ? least : stream_cache_bytes(&cache);
        assert_true(cache.block_count <= CACHE_BLOCKS_REST);
        assert_true(stream_cache_bytes(&cache) <= before);
        unsigned found = 0;
        for (uint64_t seq = 1; seq <= head; seq++) {
            const struct stream_packet *packet = stream_cache_find(&cache, seq);
            if (packet != NULL) {
                check(packet, seq);
                found++;
            } else {
                assert_int_equal(found, 0); /* the newest are those that stay */
            }
        }
        assert_true(found >= MIN(head - first + 1, 9)); /* as many as any block holds */
    }
    assert_int_equal(stream_cache_bytes(&cache), least);
    stream_cache_fini(&cache);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(empty_finds_nothing),    cmocka_unit_test(random_video),
        cmocka_unit_test(random_audio),           cmocka_unit_test(memory_follows_the_bitrate),
        cmocka_unit_test(rest_leaves_two_blocks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
