/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal: libsrtp2 accepts every packet protected here and gives back its bytes, in all suites; what
 * it protected is accepted here; and nothing else is.
 */
#include "media-node/core/srtp/srtp.h"

#include <setjmp.h>
#include <srtp2/srtp.h>

#include <cmocka.h>

#define SSRC       0x5eed0001u
#define HEADER_MAX 76
#define PACKET_CAP (RTPSEC_PACKET_MAX + SRTP_MAX_TRAILER_LEN)

static const enum rtpsec_suite suites[] = {RTPSEC_AES_128_GCM, RTPSEC_AES_256_GCM,
                                           RTPSEC_AES_128_CM_SHA1_80};

/* One suite under test: our session, and libsrtp2 at the other end of both directions. */
struct world {
    struct prng prng;
    enum rtpsec_suite suite;
    uint8_t client_key[RTPSEC_KEY_MAX];
    uint8_t server_key[RTPSEC_KEY_MAX];
    struct rtpsec *sec;
    srtp_t client_out; /* encrypts with client_key */
    srtp_t client_in;  /* decrypts what we send */
};

static srtp_t reference(enum rtpsec_suite suite, uint8_t *key, srtp_ssrc_type_t type)
{
    srtp_policy_t policy = {.ssrc = {.type = type}, .key = key, .window_size = 1024};
    if (suite == RTPSEC_AES_128_GCM) {
        srtp_crypto_policy_set_aes_gcm_128_16_auth(&policy.rtp);
        srtp_crypto_policy_set_aes_gcm_128_16_auth(&policy.rtcp);
    } else if (suite == RTPSEC_AES_256_GCM) {
        srtp_crypto_policy_set_aes_gcm_256_16_auth(&policy.rtp);
        srtp_crypto_policy_set_aes_gcm_256_16_auth(&policy.rtcp);
    } else {
        srtp_crypto_policy_set_rtp_default(&policy.rtp);
        srtp_crypto_policy_set_rtcp_default(&policy.rtcp);
    }
    srtp_t session;
    assert_int_equal(srtp_create(&session, &policy), srtp_err_status_ok);
    return session;
}

static struct rtpsec *open_session(struct world *w)
{
    size_t len = rtpsec_key_len(w->suite);
    struct rtpsec *sec;
    struct rtpsec_config config = {w->suite, {w->client_key, len}, {w->server_key, len}};
    assert_int_equal(rtpsec_new(&sec, &config), 0);
    return sec;
}

static void world_init(struct world *w, enum rtpsec_suite suite)
{
    *w = (struct world){.suite = suite};
    prng_seed(&w->prng, 7714 + (uint64_t)suite);
    prng_fill(&w->prng, w->client_key, sizeof(w->client_key));
    prng_fill(&w->prng, w->server_key, sizeof(w->server_key));
    w->sec = open_session(w);
    w->client_out = reference(suite, w->client_key, ssrc_any_outbound);
    w->client_in = reference(suite, w->server_key, ssrc_any_inbound);
}

static void world_fini(struct world *w)
{
    rtpsec_free(w->sec);
    assert_int_equal(srtp_dealloc(w->client_out), srtp_err_status_ok);
    assert_int_equal(srtp_dealloc(w->client_in), srtp_err_status_ok);
}

/* A header of random shape: CSRCs, an extension, or neither. Returns its length. */
static size_t write_header(struct prng *prng, uint8_t *out, uint16_t seq, uint32_t ssrc)
{
    size_t csrcs = prng_below(prng, 2) * prng_below(prng, 4);
    size_t words = prng_below(prng, 5);
    prng_fill(prng, out, HEADER_MAX);
    out[0] = (uint8_t)(0x80 | (words > 0 ? 0x10 : 0) | csrcs);
    be16_put(out + 2, seq);
    be32_put(out + 8, ssrc);
    size_t len = 12 + 4 * csrcs;
    if (words > 0) {
        be16_put(out + len, 0xbede);
        be16_put(out + len + 2, (uint16_t)(words - 1));
        len += 4 + 4 * (words - 1);
    }
    return len;
}

/* Sends one packet of random shape through us to libsrtp2, and compares every byte. */
static void send_one(struct world *w, struct rtpsec_stream *stream, uint16_t seq)
{
    uint8_t payload[1200];
    uint8_t plain[PACKET_CAP];
    _Alignas(4) uint8_t out[PACKET_CAP];
    size_t prefix = prng_below(&w->prng, 9);
    size_t body = prng_below(&w->prng, 1190);
    prng_fill(&w->prng, payload, sizeof(payload));
    size_t header = write_header(&w->prng, out, seq, stream->ssrc);
    memcpy(plain, out, header);
    memcpy(plain + header, payload, prefix + body);
    struct rtpsec_packet packet = {
        .header_len = header,
        .prefix = {payload, prefix},
        .body = {payload + prefix, body},
    };
    int len = rtpsec_protect_rtp(w->sec, stream, &packet, out);
    assert_true(len > 0);
    assert_true((size_t)len <= header + prefix + body + RTPSEC_RTP_OVERHEAD);
    if (prefix + body > 16) {
        assert_memory_not_equal(out + header, payload, prefix + body);
    }
    assert_int_equal(srtp_unprotect(w->client_in, out, &len), srtp_err_status_ok);
    assert_int_equal(len, header + prefix + body);
    assert_memory_equal(out, plain, (size_t)len);
}

/* A packet of the client; returns its protected length. */
static size_t client_packet(struct world *w, uint8_t *out, uint16_t seq, uint32_t ssrc, size_t body)
{
    size_t header = write_header(&w->prng, out, seq, ssrc);
    prng_fill(&w->prng, out + header, body);
    int len = (int)(header + body);
    assert_int_equal(srtp_protect(w->client_out, out, &len), srtp_err_status_ok);
    return (size_t)len;
}

static void each_suite(void (*test)(struct world *))
{
    for (size_t i = 0; i < ARRAY_LEN(suites); i++) {
        struct world w;
        world_init(&w, suites[i]);
        test(&w);
        world_fini(&w);
    }
}

/* ---- Sending ------------------------------------------------------------------------------- */

static void sends_in_order(struct world *w)
{
    struct rtpsec_stream stream;
    rtpsec_stream_init(&stream, SSRC);
    for (uint16_t seq = 100; seq < 300; seq++) {
        send_one(w, &stream, seq);
    }
}

/* Twice round the sequence numbers, with gaps and stragglers: both ends count the same rollovers.
 */
static void sends_over_the_wrap(struct world *w)
{
    struct rtpsec_stream stream;
    rtpsec_stream_init(&stream, SSRC);
    uint32_t index = 30000;
    while (index < 3 * 65536) {
        uint32_t gap = 1 + (uint32_t)prng_below(&w->prng, 2000);
        send_one(w, &stream, (uint16_t)(index + gap));
        uint32_t late = (uint32_t)prng_below(&w->prng, MIN(gap, 400));
        if (late > 0) {
            send_one(w, &stream, (uint16_t)(index + gap - late));
        }
        index += gap;
    }
    assert_int_equal(stream.roc, index >> 16);
}

/* Same bytes again is allowed when said so; a second packet under the same index never. */
static void never_uses_an_index_twice(struct world *w)
{
    uint8_t payload[] = "same bytes";
    uint8_t first[PACKET_CAP];
    uint8_t second[PACKET_CAP];
    struct rtpsec_stream stream;
    rtpsec_stream_init(&stream, SSRC);
    struct rtpsec_packet packet = {.header_len = 12, .body = {payload, sizeof(payload)}};
    memset(first, 0, 12);
    first[0] = 0x80;
    be16_put(first + 2, 7);
    be32_put(first + 8, SSRC);
    memcpy(second, first, 12);
    int len = rtpsec_protect_rtp(w->sec, &stream, &packet, first);
    assert_true(len > 0);
    assert_int_equal(rtpsec_protect_rtp(w->sec, &stream, &packet, second), ERR_REPLAY);
    packet.again = true;
    assert_int_equal(rtpsec_protect_rtp(w->sec, &stream, &packet, second), len);
    assert_memory_equal(first, second, (size_t)len);
    be16_put(second + 2, 6);
    assert_int_equal(rtpsec_protect_rtp(w->sec, &stream, &packet, second), ERR_STALE);
}

/* A planned move: another session with the same keys goes on where this one stopped. */
static void resumes_where_another_stopped(struct world *w)
{
    struct rtpsec_stream stream;
    rtpsec_stream_init(&stream, SSRC);
    for (uint32_t i = 0; i < 140000; i += 20000) {
        send_one(w, &stream, (uint16_t)(i + 10));
    }
    struct rtpsec *old = w->sec;
    w->sec = open_session(w);
    struct rtpsec_stream next;
    rtpsec_stream_resume(&next, SSRC, stream.roc, stream.seq_max);
    send_one(w, &next, (uint16_t)(stream.seq_max + 1));
    send_one(w, &next, (uint16_t)(stream.seq_max + 30000));
    rtpsec_free(old);
}

static void sends_rtcp(struct world *w)
{
    for (size_t i = 0; i < 100; i++) {
        _Alignas(4) uint8_t packet[PACKET_CAP];
        uint8_t plain[PACKET_CAP];
        size_t words = 2 + prng_below(&w->prng, 50);
        size_t len = 4 * words;
        prng_fill(&w->prng, packet, len);
        packet[0] = 0x80;
        packet[1] = 201;
        be16_put(packet + 2, (uint16_t)(words - 1));
        memcpy(plain, packet, len);
        assert_int_equal(rtpsec_protect_rtcp(w->sec, packet, &len), 0);
        assert_true(len <= 4 * words + RTPSEC_RTCP_OVERHEAD);
        int n = (int)len;
        assert_int_equal(srtp_unprotect_rtcp(w->client_in, packet, &n), srtp_err_status_ok);
        assert_int_equal(n, 4 * words);
        assert_memory_equal(packet, plain, 4 * words);
    }
    uint8_t tiny[7 + RTPSEC_RTCP_OVERHEAD] = {0x80, 201};
    size_t len = 7;
    assert_int_equal(rtpsec_protect_rtcp(w->sec, tiny, &len), ERR_INVALID);
}

/* ---- Receiving ----------------------------------------------------------------------------- */

static void receives_and_refuses_replays(struct world *w)
{
    for (uint16_t i = 0; i < 300; i++) {
        _Alignas(4) uint8_t packet[PACKET_CAP];
        _Alignas(4) uint8_t copy[PACKET_CAP];
        size_t len = client_packet(w, packet, (uint16_t)(65400 + i), SSRC + i % 3, 1 + i);
        size_t copy_len = len;
        memcpy(copy, packet, len);
        assert_int_equal(rtpsec_unprotect_rtp(w->sec, packet, &len), 0);
        assert_int_equal(rtpsec_unprotect_rtp(w->sec, copy, &copy_len), ERR_REPLAY);
    }
}

static void refuses_what_is_older_than_the_window(struct world *w)
{
    _Alignas(4) uint8_t old[PACKET_CAP];
    _Alignas(4) uint8_t packet[PACKET_CAP];
    size_t old_len = client_packet(w, old, 1000, SSRC, 50);
    for (uint16_t seq = 1001; seq < 1001 + 2 * RTPSEC_REPLAY_WINDOW; seq++) {
        size_t len = client_packet(w, packet, seq, SSRC, 50);
        assert_int_equal(rtpsec_unprotect_rtp(w->sec, packet, &len), 0);
    }
    assert_int_equal(rtpsec_unprotect_rtp(w->sec, old, &old_len), ERR_STALE);
}

/* Over three wraps, eight at a time in another order: all are taken that are within the window,
 * once each. */
static void receives_out_of_order_over_the_wrap(struct world *w)
{
    enum { AHEAD = 8, STEP = 397 };
    static _Alignas(4) uint8_t packets[AHEAD][PACKET_CAP];
    size_t lens[AHEAD];
    uint32_t next = 60000;
    uint32_t newest = 0;
    for (uint32_t round = 0; round < 60; round++) {
        uint32_t first = next;
        for (size_t i = 0; i < AHEAD; i++, next += STEP) {
            lens[i] = client_packet(w, packets[i], (uint16_t)next, SSRC, 20 + i);
        }
        for (uint32_t i = 0; i < AHEAD; i++) {
            uint32_t at = (i * 5 + round) % AHEAD;
            uint32_t index = first + at * STEP;
            bool old = index + RTPSEC_REPLAY_WINDOW <= newest;
            _Alignas(4) uint8_t copy[PACKET_CAP];
            size_t copy_len = lens[at];
            memcpy(copy, packets[at], copy_len);
            assert_int_equal(rtpsec_unprotect_rtp(w->sec, packets[at], &lens[at]),
                             old ? ERR_STALE : 0);
            assert_int_equal(rtpsec_unprotect_rtp(w->sec, copy, &copy_len),
                             old ? ERR_STALE : ERR_REPLAY);
            newest = MAX(newest, index);
        }
    }
    assert_true(next > 3 * 65536);
}

/* A compound of libsrtp2's comes out to the byte, once; cut, changed or in the clear it does not.
 */
static void receives_rtcp(struct world *w)
{
    for (uint32_t i = 0; i < 100; i++) {
        _Alignas(4) uint8_t packet[PACKET_CAP];
        _Alignas(4) uint8_t tried[PACKET_CAP];
        uint8_t plain[PACKET_CAP];
        size_t words = 2 + prng_below(&w->prng, 50);
        int n = (int)(4 * words);
        prng_fill(&w->prng, packet, 4 * words);
        packet[0] = 0x80;
        packet[1] = 201;
        be16_put(packet + 2, (uint16_t)(words - 1));
        be32_put(packet + 4, SSRC + i % 3);
        memcpy(plain, packet, 4 * words);
        assert_int_equal(srtp_protect_rtcp(w->client_out, packet, &n), 0);
        for (size_t k = 0; k < 8 * (size_t)n; k += 1 + prng_below(&w->prng, 40)) {
            size_t len = (size_t)n;
            memcpy(tried, packet, len);
            tried[k / 8] ^= (uint8_t)(1u << k % 8);
            assert_int_not_equal(rtpsec_unprotect_rtcp(w->sec, tried, &len), 0);
        }
        size_t len = 4 * words;
        memcpy(tried, plain, len);
        assert_int_not_equal(rtpsec_unprotect_rtcp(w->sec, tried, &len), 0);
        len = (size_t)n;
        memcpy(tried, packet, len);
        assert_int_equal(rtpsec_unprotect_rtcp(w->sec, tried, &len), 0);
        assert_int_equal(len, 4 * words);
        assert_memory_equal(tried, plain, len);
        len = (size_t)n;
        assert_int_equal(rtpsec_unprotect_rtcp(w->sec, packet, &len), ERR_REPLAY);
    }
}

/* Every bit of RTP and RTCP is authenticated. Sequence number, SSRC and the like may lead
 * elsewhere, but never to acceptance; and the packet itself still passes after all that. */
static void refuses_tampering(struct world *w)
{
    _Alignas(4) uint8_t packet[PACKET_CAP];
    _Alignas(4) uint8_t tried[PACKET_CAP];
    size_t len = client_packet(w, packet, 500, SSRC, 40);
    for (size_t bit = 0; bit < 8 * len; bit++) {
        size_t n = len;
        memcpy(tried, packet, len);
        tried[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_int_not_equal(rtpsec_unprotect_rtp(w->sec, tried, &n), 0);
    }
    size_t n = len;
    memcpy(tried, packet, len);
    assert_int_equal(rtpsec_unprotect_rtp(w->sec, tried, &n), 0);
    for (size_t bit = 0; bit < 8 * len; bit++) { /* now that the stream exists */
        n = len;
        memcpy(tried, packet, len);
        tried[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_int_not_equal(rtpsec_unprotect_rtp(w->sec, tried, &n), 0);
    }
}

static void refuses_cuts_and_garbage(struct world *w)
{
    _Alignas(4) uint8_t packet[PACKET_CAP];
    _Alignas(4) uint8_t tried[PACKET_CAP];
    size_t len = client_packet(w, packet, 500, SSRC, 40);
    for (size_t cut = 0; cut < len; cut++) {
        size_t n = cut;
        memcpy(tried, packet, cut);
        assert_int_not_equal(rtpsec_unprotect_rtp(w->sec, tried, &n), 0);
        n = cut;
        memcpy(tried, packet, cut);
        assert_int_not_equal(rtpsec_unprotect_rtcp(w->sec, tried, &n), 0);
    }
    for (int i = 0; i < 500; i++) {
        size_t n = prng_below(&w->prng, 200);
        prng_fill(&w->prng, tried, n);
        tried[0] = (uint8_t)(0x80 | (tried[0] & 0x3f));
        assert_int_not_equal(rtpsec_unprotect_rtp(w->sec, tried, &n), 0);
        assert_int_not_equal(rtpsec_unprotect_rtcp(w->sec, tried, &n), 0);
    }
    size_t big = RTPSEC_PACKET_MAX + 1;
    assert_int_equal(rtpsec_unprotect_rtp(w->sec, tried, &big), ERR_INVALID);
}

/* A client that was moved here in the middle of its streams: RTP wrapped before we knew it, with
 * RTCP of the same SSRC arriving first or not. */
static void finds_the_rollover_counter(struct world *w)
{
    static const uint32_t rocs[] = {1, 2, 63};
    for (uint32_t i = 0; i < ARRAY_LEN(rocs); i++) {
        for (uint32_t rtcp_first = 0; rtcp_first < 2; rtcp_first++) {
            _Alignas(4) uint8_t packet[PACKET_CAP];
            uint32_t ssrc = SSRC + 16 * i + rtcp_first;
            uint16_t seq = 65530;
            (void)client_packet(w, packet, 5, ssrc, 9); /* the stream is known at the client */
            assert_int_equal(srtp_set_stream_roc(w->client_out, ssrc, rocs[i]), 0);
            if (rtcp_first == 1) {
                uint8_t rr[] = {0x80, 201, 0, 1, 0, 0, 0, 0};
                memcpy(packet, rr, sizeof(rr));
                be32_put(packet + 4, ssrc);
                int n = sizeof(rr);
                assert_int_equal(srtp_protect_rtcp(w->client_out, packet, &n), 0);
                size_t len = (size_t)n;
                assert_int_equal(rtpsec_unprotect_rtcp(w->sec, packet, &len), 0);
            }
            for (int k = 0; k < 20; k++) { /* over the next wrap, too */
                size_t len = client_packet(w, packet, seq++, ssrc, 100);
                assert_int_equal(rtpsec_unprotect_rtp(w->sec, packet, &len), 0);
            }
        }
    }
}

static void gives_up_beyond_the_search(struct world *w)
{
    _Alignas(4) uint8_t packet[PACKET_CAP];
    uint32_t limit =
        w->suite == RTPSEC_AES_128_CM_SHA1_80 ? RTPSEC_ROC_SEARCH_CM : RTPSEC_ROC_SEARCH;
    (void)client_packet(w, packet, 5, SSRC, 9);
    assert_int_equal(srtp_set_stream_roc(w->client_out, SSRC, limit), 0);
    size_t len = client_packet(w, packet, 6, SSRC, 9);
    assert_int_equal(rtpsec_unprotect_rtp(w->sec, packet, &len), ERR_AUTH);

    (void)client_packet(w, packet, 5, SSRC + 1, 9);
    assert_int_equal(srtp_set_stream_roc(w->client_out, SSRC + 1, limit - 1), 0);
    len = client_packet(w, packet, 6, SSRC + 1, 9);
    assert_int_equal(rtpsec_unprotect_rtp(w->sec, packet, &len), 0);
}

/* An SSRC that was forgotten starts anew, and makes room. */
static void bounds_the_sources(struct world *w)
{
    _Alignas(4) uint8_t packet[PACKET_CAP];
    for (uint32_t i = 0; i < RTPSEC_SOURCES_MAX; i++) {
        /* in an order that is neither up nor down */
        size_t len = client_packet(w, packet, 1, (i * 2654435761u) | 1, 10);
        assert_int_equal(rtpsec_unprotect_rtp(w->sec, packet, &len), 0);
    }
    size_t len = client_packet(w, packet, 1, 2, 10);
    assert_int_equal(rtpsec_unprotect_rtp(w->sec, packet, &len), ERR_FULL);
    for (uint32_t i = 0; i < RTPSEC_SOURCES_MAX; i++) {
        rtpsec_forget(w->sec, (i * 2654435761u) | 1);
    }
    rtpsec_forget(w->sec, 4); /* nobody */
    len = client_packet(w, packet, 2, 2, 10);
    assert_int_equal(rtpsec_unprotect_rtp(w->sec, packet, &len), 0);
    len = client_packet(w, packet, 2, 1, 10);
    assert_int_equal(rtpsec_unprotect_rtp(w->sec, packet, &len), 0);
}

static int report(struct world *w, uint32_t ssrc)
{
    _Alignas(4) uint8_t packet[PACKET_CAP] = {0x80, 201, 0, 1};
    int n = 8;
    be32_put(packet + 4, ssrc);
    assert_int_equal(srtp_protect_rtcp(w->client_out, packet, &n), 0);
    size_t len = (size_t)n;
    return rtpsec_unprotect_rtcp(w->sec, packet, &len);
}

/* Streams come, end and are forgotten, and what is said of each last is said after that: so many
 * SSRCs of reports take no place from media. */
static void reports_give_way(struct world *w)
{
    _Alignas(4) uint8_t packet[PACKET_CAP];
    for (uint32_t ssrc = 1; ssrc <= RTPSEC_SOURCES_MAX; ssrc++) {
        size_t len = client_packet(w, packet, 1, ssrc, 10);
        assert_int_equal(rtpsec_unprotect_rtp(w->sec, packet, &len), 0);
        rtpsec_forget(w->sec, ssrc);
        assert_int_equal(report(w, ssrc), 0);
    }
    assert_int_equal(report(w, 1), 0); /* so number 2 is the oldest */
    _Alignas(4) uint8_t again[PACKET_CAP] = {0x80, 201, 0, 1};
    uint8_t copy[PACKET_CAP];
    int n = 8;
    be32_put(again + 4, 1);
    assert_int_equal(srtp_protect_rtcp(w->client_out, again, &n), 0);
    size_t len = (size_t)n;
    memcpy(copy, again, len);
    assert_int_equal(rtpsec_unprotect_rtcp(w->sec, again, &len), 0);
    for (uint32_t ssrc = 1000; ssrc < 1000 + RTPSEC_SOURCES_MAX - 1; ssrc++) {
        len = client_packet(w, packet, 1, ssrc, 10);
        assert_int_equal(rtpsec_unprotect_rtp(w->sec, packet, &len), 0);
    }
    memcpy(again, copy, (size_t)n);
    len = (size_t)n;
    assert_int_equal(rtpsec_unprotect_rtcp(w->sec, again, &len),
                     ERR_REPLAY); /* it is there still */
    len = client_packet(w, packet, 1, 5000, 10);
    assert_int_equal(rtpsec_unprotect_rtp(w->sec, packet, &len), 0);
    assert_int_equal(report(w, 1), ERR_FULL);
    assert_int_equal(report(w, 5000), 0);
}

static void refuses_bad_keys(struct world *w)
{
    struct rtpsec *sec = NULL;
    size_t len = rtpsec_key_len(w->suite);
    struct rtpsec_config config = {w->suite, {w->client_key, len - 1}, {w->server_key, len}};
    assert_int_equal(rtpsec_new(&sec, &config), ERR_INVALID);
    config.receive_key.len = len;
    config.send_key.len = len + 1;
    assert_int_equal(rtpsec_new(&sec, &config), ERR_INVALID);
    config.suite = RTPSEC_NONE;
    config.receive_key.len = 0;
    config.send_key.len = 0;
    assert_int_equal(rtpsec_new(&sec, &config), ERR_INVALID);
    assert_null(sec);
}

#define EACH_SUITE(test)                                                                           \
    static void test_##test(void **state)                                                          \
    {                                                                                              \
        (void)state;                                                                               \
        each_suite(test);                                                                          \
    }
EACH_SUITE(sends_in_order)
EACH_SUITE(sends_over_the_wrap)
EACH_SUITE(never_uses_an_index_twice)
EACH_SUITE(resumes_where_another_stopped)
EACH_SUITE(sends_rtcp)
EACH_SUITE(receives_and_refuses_replays)
EACH_SUITE(refuses_what_is_older_than_the_window)
EACH_SUITE(receives_out_of_order_over_the_wrap)
EACH_SUITE(receives_rtcp)
EACH_SUITE(refuses_tampering)
EACH_SUITE(refuses_cuts_and_garbage)
EACH_SUITE(finds_the_rollover_counter)
EACH_SUITE(gives_up_beyond_the_search)
EACH_SUITE(bounds_the_sources)
EACH_SUITE(reports_give_way)
EACH_SUITE(refuses_bad_keys)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sends_in_order),
        cmocka_unit_test(test_sends_over_the_wrap),
        cmocka_unit_test(test_never_uses_an_index_twice),
        cmocka_unit_test(test_resumes_where_another_stopped),
        cmocka_unit_test(test_sends_rtcp),
        cmocka_unit_test(test_receives_and_refuses_replays),
        cmocka_unit_test(test_refuses_what_is_older_than_the_window),
        cmocka_unit_test(test_receives_out_of_order_over_the_wrap),
        cmocka_unit_test(test_receives_rtcp),
        cmocka_unit_test(test_refuses_tampering),
        cmocka_unit_test(test_refuses_cuts_and_garbage),
        cmocka_unit_test(test_finds_the_rollover_counter),
        cmocka_unit_test(test_gives_up_beyond_the_search),
        cmocka_unit_test(test_bounds_the_sources),
        cmocka_unit_test(test_reports_give_way),
        cmocka_unit_test(test_refuses_bad_keys),
    };
    assert_int_equal(srtp_init(), srtp_err_status_ok);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
