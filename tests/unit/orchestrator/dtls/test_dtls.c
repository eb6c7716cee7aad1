/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal: handshakes with an independent OpenSSL client complete whatever a network does to them, end
 * with the same SRTP keys on both sides, and refuse whom they must; all under virtual time.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "orchestrator/shell/dtls/dtls.h"
#include "tests/lib/dtls_client.h"
#include "tests/lib/openssl_time.h"
#include "tests/lib/wire.h"

#define CHROMIUM_PROFILES "SRTP_AES128_CM_SHA1_80:SRTP_AEAD_AES_256_GCM:SRTP_AEAD_AES_128_GCM"
#define HELLO_PADDING     1100 /* makes a ClientHello of browsers' size: two datagrams */

static int64_t now_us; /* never goes back, over all tests: OpenSSL's timers need it so */

struct pair {
    struct dtls_server *server;
    struct dtls *dtls;
    struct dtls_client *client;
    struct wire *up;
    struct wire *down;
};

static const struct dtls_client_config browser = {
    .srtp_profiles = CHROMIUM_PROFILES,
    .hello_padding = HELLO_PADDING,
};

static void tick(int64_t us)
{
    now_us += us;
    openssl_time_set(now_us);
}

static struct pair pair_new(const struct dtls_client_config *client, const struct wire_config *up,
                            const struct wire_config *down)
{
    struct pair pair = {
        .client = dtls_client_new(client), .up = wire_new(up), .down = wire_new(down)};
    struct dtls_fingerprint expected = {.len = 32};
    if (!client->no_certificate)
        assert_int_equal(
            dtls_fingerprint_parse(&expected, "sha-256", dtls_client_fingerprint(pair.client)), 0);
    assert_int_equal(dtls_server_new(&pair.server), 0);
    assert_int_equal(dtls_new(&pair.dtls, pair.server, &expected), 0);
    return pair;
}

static void pair_free(struct pair *pair)
{
    dtls_free(pair->dtls);
    dtls_server_free(pair->server);
    dtls_client_free(pair->client);
    wire_free(pair->up);
    wire_free(pair->down);
}

static void flush(struct pair *pair)
{
    struct bytes views[DATAGRAMS_MAX];
    size_t count = datagrams_view(dtls_output(pair->dtls), views);
    for (size_t i = 0; i < count; i++) {
        assert_true(views[i].len <= DTLS_MTU);
        wire_push(pair->down, now_us, views[i]);
    }
    datagrams_clear(dtls_output(pair->dtls));
    uint8_t *bytes;
    size_t len;
    while ((bytes = dtls_client_output(pair->client, &len)) != NULL) {
        wire_push(pair->up, now_us, (struct bytes){bytes, len});
        free(bytes);
    }
}

static void deliver(struct pair *pair)
{
    uint8_t *bytes;
    size_t len;
    while ((bytes = wire_pop(pair->up, now_us, &len)) != NULL) {
        dtls_receive(pair->dtls, now_us, (struct bytes){bytes, len});
        free(bytes);
    }
    while ((bytes = wire_pop(pair->down, now_us, &len)) != NULL) {
        dtls_client_receive(pair->client, bytes, len);
        free(bytes);
    }
}

static int64_t next_event(const struct pair *pair)
{
    int64_t wires = MIN(wire_deadline(pair->up), wire_deadline(pair->down));
    int64_t ends = MIN(dtls_deadline(pair->dtls), dtls_client_deadline(pair->client, now_us));
    return MIN(wires, ends);
}

static bool done(const struct pair *pair)
{
    return dtls_state(pair->dtls) == DTLS_CONNECTED && dtls_client_connected(pair->client);
}

/* Moves to the next event, at most to end_us; false when it got there. */
static bool step(struct pair *pair, int64_t end_us)
{
    flush(pair);
    int64_t next_us = MIN(next_event(pair), end_us);
    tick(MAX(next_us - now_us, 0));
    deliver(pair);
    dtls_expire(pair->dtls, now_us);
    dtls_client_expire(pair->client);
    flush(pair);
    return now_us < end_us;
}

static void run(struct pair *pair, int64_t duration_us)
{
    int64_t end_us = now_us + duration_us;
    while (step(pair, end_us)) {
    }
}

static bool run_until_done(struct pair *pair, int64_t limit_us)
{
    int64_t end_us = now_us + limit_us;
    while (!done(pair) && step(pair, end_us)) {
    }
    return done(pair);
}

static const struct wire_config perfect = {.delay_us_min = 1000, .delay_us_max = 1000};

static void assert_same_keys(struct pair *pair, size_t key, size_t salt)
{
    struct dtls_keys keys;
    uint8_t block[2 * DTLS_KEY_MAX];
    assert_int_equal(dtls_export(pair->dtls, &keys), 0);
    assert_int_equal(keys.len, key + salt);
    dtls_client_export(pair->client, block, 2 * (key + salt));
    assert_memory_equal(keys.client, block, key);
    assert_memory_equal(keys.server, block + key, key);
    assert_memory_equal(keys.client + key, block + 2 * key, salt);
    assert_memory_equal(keys.server + key, block + 2 * key + salt, salt);
    assert_memory_not_equal(keys.client, keys.server, key);
}

static void echo(struct pair *pair)
{
    dtls_client_send(pair->client, "over", 4);
    run(pair, TIME_S(1));
    struct bytes views[DATAGRAMS_MAX];
    assert_int_equal(datagrams_view(dtls_plain(pair->dtls), views), 1);
    assert_memory_equal(views[0].data, "over", 4);
    datagrams_clear(dtls_plain(pair->dtls));

    assert_int_equal(dtls_send(pair->dtls, (struct bytes){(const uint8_t *)"out", 3}), 0);
    run(pair, TIME_S(1));
    size_t len;
    uint8_t *bytes = dtls_client_plain(pair->client, &len);
    assert_non_null(bytes);
    assert_int_equal(len, 3);
    assert_memory_equal(bytes, "out", 3);
    free(bytes);
}

/* Chromium lists AES-CM first and Firefox GCM: the server's order decides either way. */
static void agrees_on_keys_and_profile(void **state)
{
    (void)state;
    static const struct {
        const char *profiles;
        enum dtls_profile expected;
        size_t key, salt;
        bool rsa;
    } rows[] = {
        {CHROMIUM_PROFILES, DTLS_AES_128_GCM, 16, 12, false},
        {"SRTP_AEAD_AES_128_GCM:SRTP_AES128_CM_SHA1_80", DTLS_AES_128_GCM, 16, 12, true},
        {"SRTP_AES128_CM_SHA1_80:SRTP_AEAD_AES_256_GCM", DTLS_AES_256_GCM, 32, 12, false},
        {"SRTP_AES128_CM_SHA1_32:SRTP_AES128_CM_SHA1_80", DTLS_AES_128_CM_SHA1_80, 16, 14, false},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct dtls_client_config config = {.srtp_profiles = rows[i].profiles, .rsa = rows[i].rsa};
        struct pair pair = pair_new(&config, &perfect, &perfect);
        dtls_client_start(pair.client);
        run(&pair, TIME_S(1));
        assert_true(done(&pair));
        struct dtls_keys keys;
        assert_int_equal(dtls_export(pair.dtls, &keys), 0);
        assert_int_equal(keys.profile, rows[i].expected);
        assert_same_keys(&pair, rows[i].key, rows[i].salt);
        echo(&pair);
        pair_free(&pair);
    }
}

static void takes_a_client_hello_in_two_datagrams(void **state)
{
    (void)state;
    struct pair pair = pair_new(&browser, &perfect, &perfect);
    dtls_client_start(pair.client);
    flush(&pair);
    assert_int_equal(pair.up->pushed, 2);
    int64_t start_us = now_us;
    assert_true(run_until_done(&pair, TIME_S(1)));
    assert_int_equal(now_us - start_us, 4000); /* two round trips of 2 ms */
    pair_free(&pair);
}

/* Every single datagram of the first eight each way, and every pair, is lost once. */
static void survives_lost_flights(void **state)
{
    (void)state;
    int64_t worst_us = 0;
    for (unsigned up = 0; up <= 8; up++) {
        for (unsigned down = 0; down <= 8; down++) {
            struct wire_config a = perfect;
            struct wire_config b = perfect;
            a.drop_mask = up == 0 ? 0 : 1u << (up - 1);
            b.drop_mask = down == 0 ? 0 : 1u << (down - 1);
            struct pair pair = pair_new(&browser, &a, &b);
            dtls_client_start(pair.client);
            int64_t start_us = now_us;
            if (!run_until_done(&pair, TIME_S(10)))
                fail_msg("up %u and down %u lost: no connection", up, down);
            worst_us = MAX(worst_us, now_us - start_us);
            assert_same_keys(&pair, 16, 12);
            pair_free(&pair);
        }
    }
    assert_in_range(worst_us, TIME_MS(100), TIME_S(1));
}

static void whole_first_flights_lost(void **state)
{
    (void)state;
    struct wire_config all = perfect;
    all.drop_mask = 0x3f; /* the server's flight, one datagram, and its first repetition, five */
    struct pair pair = pair_new(&browser, &perfect, &all);
    dtls_client_start(pair.client);
    int64_t start_us = now_us;
    run(&pair, TIME_MS(150));
    assert_int_equal(pair.down->pushed, 1);
    run(&pair, TIME_MS(100)); /* our timer: 200 ms, then 400 */
    assert_int_equal(pair.down->pushed, 6);
    assert_true(run_until_done(&pair, TIME_S(5)));
    assert_in_range(now_us - start_us, TIME_MS(600), TIME_MS(650));
    assert_same_keys(&pair, 16, 12);
    assert_true(dtls_deadline(pair.dtls) == TIME_NEVER);
    pair_free(&pair);
}

/* The tunnel loses our last flight: the client repeats its own, a connected server answers. */
static void repeats_the_last_flight_when_connected(void **state)
{
    (void)state;
    struct pair pair = pair_new(&browser, &perfect, &perfect);
    dtls_client_start(pair.client);
    while (dtls_state(pair.dtls) != DTLS_CONNECTED)
        assert_true(step(&pair, now_us + TIME_S(1)));
    while (pair.down->count > 0)
        free(wire_pop(pair.down, INT64_MAX - 1, &(size_t){0}));
    assert_false(dtls_client_connected(pair.client));
    assert_true(run_until_done(&pair, TIME_S(3)));
    assert_same_keys(&pair, 16, 12);
    echo(&pair);
    pair_free(&pair);
}

static void survives_loss_repetition_and_reordering(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 40; seed++) {
        struct wire_config rough = {
            .seed = seed,
            .loss_permille = 200,
            .repeat_permille = 200,
            .delay_us_min = 1000,
            .delay_us_max = 80000,
        };
        struct wire_config back = rough;
        back.seed = seed + 1000;
        struct pair pair = pair_new(&browser, &rough, &back);
        dtls_client_start(pair.client);
        if (!run_until_done(&pair, TIME_S(30)))
            fail_msg("seed %d: no connection within 30 s", (int)seed);
        assert_same_keys(&pair, 16, 12);
        pair_free(&pair);
    }
}

static void refuses_a_foreign_certificate(void **state)
{
    (void)state;
    struct pair pair = pair_new(&browser, &perfect, &perfect);
    struct dtls_fingerprint other = {.hash = DTLS_SHA_256, .len = 32};
    dtls_free(pair.dtls);
    assert_int_equal(dtls_new(&pair.dtls, pair.server, &other), 0);
    dtls_client_start(pair.client);
    run(&pair, TIME_S(1));
    assert_int_equal(dtls_state(pair.dtls), DTLS_FAILED);
    assert_int_equal(dtls_failure(pair.dtls), DTLS_FAILURE_FINGERPRINT);
    assert_int_equal(dtls_client_alert(pair.client), 42); /* bad_certificate */
    assert_false(dtls_client_connected(pair.client));
    struct dtls_keys keys;
    assert_int_equal(dtls_export(pair.dtls, &keys), ERR_STATE);
    pair_free(&pair);
}

static void refuses_who_has_no_srtp_or_certificate(void **state)
{
    (void)state;
    static const struct {
        struct dtls_client_config config;
        enum dtls_failure failure;
    } rows[] = {
        {{.srtp_profiles = NULL}, DTLS_FAILURE_NO_SRTP},
        {{.srtp_profiles = "SRTP_AES128_CM_SHA1_32"}, DTLS_FAILURE_NO_SRTP},
        {{.srtp_profiles = CHROMIUM_PROFILES, .no_certificate = true}, DTLS_FAILURE_PROTOCOL},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct pair pair = pair_new(&rows[i].config, &perfect, &perfect);
        dtls_client_start(pair.client);
        run(&pair, TIME_S(1));
        assert_int_equal(dtls_state(pair.dtls), DTLS_FAILED);
        assert_int_equal(dtls_failure(pair.dtls), rows[i].failure);
        assert_string_not_equal(dtls_reason(pair.dtls), "");
        assert_int_equal(dtls_client_alert(pair.client), 40); /* handshake_failure */
        pair_free(&pair);
    }
}

static void garbage_changes_nothing(void **state)
{
    (void)state;
    struct pair pair = pair_new(&browser, &perfect, &perfect);
    struct prng prng;
    uint8_t junk[1400];
    prng_seed(&prng, 5);
    dtls_client_start(pair.client);
    for (int round = 0; round < 200; round++) {
        size_t len = 1 + prng_below(&prng, sizeof(junk));
        prng_fill(&prng, junk, len);
        junk[0] = (uint8_t)(20 + prng_below(&prng, 44)); /* what reaches us at all */
        dtls_receive(pair.dtls, now_us, (struct bytes){junk, len});
        if (round == 100)
            run(&pair, TIME_S(1));
    }
    assert_true(done(&pair));
    echo(&pair);
    pair_free(&pair);
}

static void leaves_without_a_word_and_hears_a_goodbye(void **state)
{
    (void)state;
    struct pair pair = pair_new(&browser, &perfect, &perfect);
    dtls_client_start(pair.client);
    run(&pair, TIME_S(1));
    assert_true(done(&pair));
    uint64_t sent = pair.down->pushed;
    dtls_client_close(pair.client);
    run(&pair, TIME_S(1));
    assert_int_equal(dtls_state(pair.dtls), DTLS_CLOSED);
    assert_int_equal(pair.down->pushed, sent);
    assert_int_equal(dtls_send(pair.dtls, (struct bytes){(const uint8_t *)"x", 1}), ERR_STATE);
    pair_free(&pair);
}

#define HEX_32                                                                                     \
    "00:11:22:33:44:55:66:77:88:99:aa:bb:cc:dd:ee:ff:"                                             \
    "00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF"

static void parses_fingerprints(void **state)
{
    (void)state;
    static const struct {
        const char *hash, *value;
        int expected;
    } rows[] = {
        {"sha-256", HEX_32, 0},
        {"SHA-256", HEX_32, 0},
        {"sha-512", HEX_32 ":" HEX_32, 0},
        {"sha-384", HEX_32 ":00:11:22:33:44:55:66:77:88:99:aa:bb:cc:dd:ee:ff", 0},
        {"sha-1", "00:11:22:33:44:55:66:77:88:99:aa:bb:cc:dd:ee:ff:00:11:22:33", ERR_UNSUPPORTED},
        {"", HEX_32, ERR_UNSUPPORTED},
        {"sha-2567", HEX_32, ERR_UNSUPPORTED},
        {"sha-256", "", ERR_INVALID},
        {"sha-256", HEX_32 ":", ERR_INVALID},
        {"sha-256", HEX_32 ":00", ERR_INVALID},
        {"sha-512", HEX_32, ERR_INVALID},
        {"sha-256",
         "00-11:22:33:44:55:66:77:88:99:aa:bb:cc:dd:ee:ff:"
         "00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF",
         ERR_INVALID},
        {"sha-256",
         "0g:11:22:33:44:55:66:77:88:99:aa:bb:cc:dd:ee:ff:"
         "00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF",
         ERR_INVALID},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct dtls_fingerprint parsed = {.len = 99};
        int err = dtls_fingerprint_parse(&parsed, rows[i].hash, rows[i].value);
        assert_int_equal(err, rows[i].expected);
        if (err != 0)
            assert_int_equal(parsed.len, 99); /* untouched */
        else
            assert_int_equal(parsed.digest[31], 0xff);
    }
}

static void each_server_has_a_certificate_of_its_own(void **state)
{
    (void)state;
    struct dtls_server *a;
    struct dtls_server *b;
    struct dtls_fingerprint parsed;
    assert_int_equal(dtls_server_new(&a), 0);
    assert_int_equal(dtls_server_new(&b), 0);
    assert_string_not_equal(dtls_server_fingerprint(a), dtls_server_fingerprint(b));
    assert_int_equal(dtls_fingerprint_parse(&parsed, "sha-256", dtls_server_fingerprint(a)), 0);
    dtls_server_free(a);
    dtls_server_free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_on_keys_and_profile),
        cmocka_unit_test(takes_a_client_hello_in_two_datagrams),
        cmocka_unit_test(survives_lost_flights),
        cmocka_unit_test(whole_first_flights_lost),
        cmocka_unit_test(repeats_the_last_flight_when_connected),
        cmocka_unit_test(survives_loss_repetition_and_reordering),
        cmocka_unit_test(refuses_a_foreign_certificate),
        cmocka_unit_test(refuses_who_has_no_srtp_or_certificate),
        cmocka_unit_test(garbage_changes_nothing),
        cmocka_unit_test(leaves_without_a_word_and_hears_a_goodbye),
        cmocka_unit_test(parses_fingerprints),
        cmocka_unit_test(each_server_has_a_certificate_of_its_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
