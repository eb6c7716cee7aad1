/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal: the front gives its outputs in the promised order, keeps keys and the last flight together,
 * counts what it drops, bounds what a flood may take, and leaves without a word.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/lib/front_client.h"
#include "tests/lib/openssl_time.h"

#define CHROMIUM_PROFILES "SRTP_AES128_CM_SHA1_80:SRTP_AEAD_AES_256_GCM:SRTP_AEAD_AES_128_GCM"
#define CLIENTS_MAX       8

static int64_t now_us; /* never goes back, over all tests */

static const struct dtls_client_config browser = {
    .srtp_profiles = CHROMIUM_PROFILES,
    .hello_padding = 1100,
};
static const struct wire_config perfect = {.delay_us_min = 5000, .delay_us_max = 5000};

/* A front, its clients, and everything it said, as one line of text per output. */
struct world {
    struct front *front;
    struct front_client *clients[CLIENTS_MAX];
    size_t client_count;
    int64_t start_us;
    char told[1 << 16];
    size_t told_len;
    struct front_keys keys; /* of the last output with keys */
    enum front_failure failure;
    bool echo;     /* send every message back on its channel */
    int with_keys; /* outputs of datagrams with keys */
    int drained;
    size_t messages;
};

static void tell(struct world *world, const char *format, ...) PRINTF_LIKE(2, 3);
static void tell(struct world *world, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int n = vsnprintf(world->told + world->told_len, sizeof(world->told) - world->told_len, format,
                      args);
    va_end(args);
    world->told_len = MIN(world->told_len + (size_t)n, sizeof(world->told) - 1);
}

static struct world *world_new(uint32_t handshakes_max)
{
    struct world *world = mem_alloc(sizeof(*world));
    const struct front_config config = {.handshakes_max = handshakes_max};
    assert_int_equal(front_new(&world->front, &config), 0);
    world->start_us = now_us;
    return world;
}

static void world_free(struct world *world)
{
    for (size_t i = 0; i < world->client_count; i++)
        front_client_free(world->clients[i]);
    front_free(world->front);
    free(world);
}

static struct front_client *add_client(struct world *world, const struct dtls_client_config *dtls,
                                       const struct wire_config *up, const struct wire_config *down)
{
    uint64_t transport = 0xabc0 + world->client_count;
    struct front_client *client = front_client_new(transport, dtls, up, down);
    world->clients[world->client_count++] = client;
    front_client_start(client, world->front);
    return client;
}

static struct front_client *client_of(struct world *world, uint64_t transport)
{
    for (size_t i = 0; i < world->client_count; i++)
        if (world->clients[i]->transport == transport)
            return world->clients[i];
    fail_msg("output for unknown transport %llx", (unsigned long long)transport);
    return NULL;
}

static void on_datagrams(struct world *world, const struct front_out *out)
{
    struct front_client *client = client_of(world, out->transport);
    assert_in_range(out->datagram_count, 1, FRONT_DATAGRAMS_MAX);
    for (size_t i = 0; i < out->datagram_count; i++) {
        assert_true(out->datagrams[i].len <= 1200);
        assert_in_range(out->datagrams[i].data[0], 20, 63); /* what a node takes for DTLS */
        wire_push(client->down, now_us, out->datagrams[i]);
    }
    if (out->keys != NULL) {
        world->keys = *out->keys;
        world->with_keys++;
        tell(world, "datagrams with keys\n");
    }
}

static void on_message(struct world *world, const struct front_out *out)
{
    world->messages++;
    tell(world, "message %d %s %zu bytes %s\n", out->message.stream, out->channel.label,
         out->message.data.len, out->message.binary ? "binary" : "text");
    if (world->echo)
        assert_int_equal(front_send(world->front, now_us, out->transport, &out->message), 0);
}

static void drain(struct world *world)
{
    struct front_out out;
    while (front_poll(world->front, &out)) {
        switch (out.kind) {
        case FRONT_DATAGRAMS:
            on_datagrams(world, &out);
            break;
        case FRONT_CONNECTED:
            assert_memory_equal(out.keys, &world->keys, sizeof(world->keys));
            tell(world, "connected\n");
            break;
        case FRONT_CHANNEL_OPEN:
            tell(world, "open %d %s%s%s\n", out.channel.stream, out.channel.label,
                 out.channel.ordered ? " ordered" : "", out.channel.reliable ? " reliable" : "");
            break;
        case FRONT_MESSAGE:
            on_message(world, &out);
            break;
        case FRONT_CHANNEL_CLOSED:
            tell(world, "closed %d %s\n", out.channel.stream, out.channel.label);
            break;
        case FRONT_DRAINED:
            world->drained++;
            break;
        case FRONT_FAILED:
            world->failure = out.failure;
            tell(world, "failed: %s\n", front_failure_text(out.failure));
            break;
        }
    }
}

static bool step(struct world *world, int64_t end_us)
{
    drain(world); /* what the test did since */
    for (size_t i = 0; i < world->client_count; i++)
        front_client_step(world->clients[i], now_us);
    int64_t next_us = MIN(front_deadline(world->front), end_us);
    for (size_t i = 0; i < world->client_count; i++)
        next_us = MIN(next_us, front_client_deadline(world->clients[i], now_us));
    now_us = MAX(next_us, now_us);
    openssl_time_set(now_us);
    for (size_t i = 0; i < world->client_count; i++) {
        struct front_client *client = world->clients[i];
        uint8_t *bytes;
        size_t len;
        while ((bytes = wire_pop(client->up, now_us, &len)) != NULL) {
            front_datagram(world->front, now_us, client->transport, (struct bytes){bytes, len});
            free(bytes);
        }
        front_client_step(client, now_us);
    }
    if (now_us >= front_deadline(world->front))
        front_expire(world->front, now_us);
    drain(world);
    return now_us < end_us;
}

static void run(struct world *world, int64_t duration_us)
{
    int64_t end_us = now_us + duration_us;
    while (step(world, end_us)) {
    }
}

static bool run_until_up(struct world *world, struct front_client *client, int64_t limit_us)
{
    int64_t end_us = now_us + limit_us;
    while (client->sctp == NULL && step(world, end_us)) {
    }
    if (client->sctp == NULL)
        return false;
    const struct orch_sctp_channel channel = {.label = "_reliable", .ordered = true};
    while (orch_sctp_open(client->sctp, now_us, &channel) != 0)
        if (!step(world, end_us))
            return false;
    int stream;
    while ((stream = front_stream(world->front, client->transport, "_reliable")) < 0)
        if (!step(world, end_us))
            return false;
    return stream == 0;
}

static int client_send(struct front_client *client, uint16_t stream, const char *text)
{
    const struct orch_sctp_message message = {
        .stream = stream,
        .data = {(const uint8_t *)text, strlen(text)},
    };
    return orch_sctp_send(client->sctp, now_us, &message);
}

static int server_send(struct world *world, const struct front_client *client, uint16_t stream,
                       const void *bytes, size_t len)
{
    const struct front_message message = {.stream = stream, .binary = true, .data = {bytes, len}};
    return front_send(world->front, now_us, client->transport, &message);
}

static struct front_stats stats_of(const struct world *world)
{
    struct front_stats stats;
    front_stats(world->front, &stats);
    return stats;
}

/* ---- Tests ------------------------------------------------------------------------------------
 */

static void tells_the_life_of_a_transport_in_order(void **state)
{
    (void)state;
    struct world *world = world_new(0);
    world->echo = true;
    struct front_client *client = add_client(world, &browser, &perfect, &perfect);
    assert_true(run_until_up(world, client, TIME_S(1)));
    const struct orch_sctp_channel lossy = {
        .stream = 2, .label = "_lossy", .reliability = ORCH_SCTP_RETRANSMITS};
    assert_int_equal(orch_sctp_open(client->sctp, now_us, &lossy), 0);
    assert_int_equal(client_send(client, 0, "hello"), 0);
    assert_int_equal(client_send(client, 2, ""), 0);
    run(world, TIME_MS(100));
    assert_int_equal(orch_sctp_close(client->sctp, now_us, 2), 0);
    run(world, TIME_MS(500));
    dtls_client_close(client->dtls);
    run(world, TIME_MS(100));

    assert_string_equal(world->told, "datagrams with keys\n"
                                     "connected\n"
                                     "open 0 _reliable ordered reliable\n"
                                     "open 2 _lossy\n"
                                     "message 0 _reliable 5 bytes text\n"
                                     "message 2 _lossy 0 bytes text\n"
                                     "closed 2 _lossy\n"
                                     "failed: closed by client\n");
    assert_int_equal(client->messages, 2); /* echoed */
    assert_int_equal(client->closed, 1);
    struct front_stats stats = stats_of(world);
    assert_int_equal(stats.transports, 1);
    assert_int_equal(stats.handshakes, 0);
    assert_int_equal(stats.associations, 0);
    assert_int_equal(stats.handshakes_started, 1);
    assert_int_equal(stats.handshakes_done, 1);
    assert_int_equal(stats.failures[FRONT_FAILURE_PEER_CLOSED], 1);
    assert_int_equal(stats.messages_in, 2);
    assert_int_equal(stats.messages_out, 2);
    world_free(world);
}

static void connects_in_four_round_trips(void **state)
{
    (void)state;
    struct world *world = world_new(0);
    struct front_client *client = add_client(world, &browser, &perfect, &perfect);
    int64_t start_us = now_us;
    assert_true(run_until_up(world, client, TIME_S(1)));
    /* Two of DTLS, two of SCTP's, half a one for the OPEN; 10 ms each, and no timer of ours. */
    assert_in_range(now_us - start_us, TIME_MS(40), TIME_MS(55));
    world_free(world);
}

static void both_ends_have_the_same_keys(void **state)
{
    (void)state;
    static const struct {
        const char *profiles;
        enum front_suite suite;
        size_t key, salt;
    } rows[] = {
        {CHROMIUM_PROFILES, FRONT_AES_128_GCM, 16, 12},
        {"SRTP_AES128_CM_SHA1_80:SRTP_AEAD_AES_256_GCM", FRONT_AES_256_GCM, 32, 12},
        {"SRTP_AES128_CM_SHA1_80", FRONT_AES_128_CM_SHA1_80, 16, 14},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct dtls_client_config config = {.srtp_profiles = rows[i].profiles};
        struct world *world = world_new(0);
        struct front_client *client = add_client(world, &config, &perfect, &perfect);
        assert_true(run_until_up(world, client, TIME_S(1)));
        size_t key = rows[i].key;
        size_t salt = rows[i].salt;
        uint8_t block[2 * FRONT_KEY_MAX];
        dtls_client_export(client->dtls, block, 2 * (key + salt));
        assert_int_equal(world->keys.suite, rows[i].suite);
        assert_int_equal(world->keys.len, key + salt);
        assert_memory_equal(world->keys.client_key, block, key);
        assert_memory_equal(world->keys.client_key + key, block + 2 * key, salt);
        assert_memory_equal(world->keys.server_key, block + key, key);
        assert_memory_equal(world->keys.server_key + key, block + 2 * key + salt, salt);
        world_free(world);
    }
}

/* The frame with the last flight and the keys is lost in the tunnel: both come again together. */
static void keys_come_again_with_the_last_flight(void **state)
{
    (void)state;
    struct world *world = world_new(0);
    struct wire_config down = perfect;
    down.drop_mask = 2; /* the first flight passes, the last does not */
    struct front_client *client = add_client(world, &browser, &perfect, &down);
    run(world, TIME_MS(30));
    assert_int_equal(world->with_keys, 1);
    assert_false(dtls_client_connected(client->dtls));
    assert_true(run_until_up(world, client, TIME_S(3)));
    assert_int_equal(world->with_keys, 2);
    assert_int_equal(stats_of(world).handshakes_done, 1);
    assert_int_equal(server_send(world, client, 0, "later", 5), 0);
    run(world, TIME_MS(100));
    assert_int_equal(world->with_keys, 2); /* the client showed that it has them */
    assert_int_equal(client->messages, 1);
    world_free(world);
}

static void works_over_a_rough_network(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 12; seed++) {
        struct wire_config up = {
            .seed = seed,
            .loss_permille = 200,
            .repeat_permille = 100,
            .delay_us_min = 5000,
            .delay_us_max = 60000,
        };
        struct wire_config down = up;
        down.seed = seed + 100;
        struct world *world = world_new(0);
        struct front_client *client = add_client(world, &browser, &up, &down);
        if (!run_until_up(world, client, TIME_S(25)))
            fail_msg("seed %d: not up; told: %s", (int)seed, world->told);
        uint8_t body[64000];
        memset(body, (int)seed, sizeof(body));
        for (int i = 0; i < 4; i++)
            assert_int_equal(server_send(world, client, 0, body, sizeof(body)), 0);
        for (int i = 0; i < 600 && client->messages < 4; i++)
            run(world, TIME_MS(100));
        if (client->messages != 4)
            fail_msg("seed %d: %zu messages", (int)seed, client->messages);
        assert_int_equal(client->bytes, 4 * sizeof(body));
        assert_memory_equal(client->body, body, sizeof(body));
        world_free(world);
    }
}

static void refuses_a_foreign_certificate(void **state)
{
    (void)state;
    struct world *world = world_new(0);
    struct front_client *good = add_client(world, &browser, &perfect, &perfect);
    struct front_client *bad = front_client_new(0xbad, &browser, &perfect, &perfect);
    world->clients[world->client_count++] = bad;
    const struct front_fingerprint of_another = {"SHA-256", dtls_client_fingerprint(good->dtls)};
    assert_int_equal(front_open(world->front, 0xbad, &of_another), 0);
    dtls_client_start(bad->dtls);
    assert_true(run_until_up(world, good, TIME_S(1)));
    assert_int_equal(world->failure, FRONT_FAILURE_FINGERPRINT);
    assert_int_equal(dtls_client_alert(bad->dtls), 42); /* bad_certificate */
    assert_int_equal(world->with_keys, 1);              /* the good one's */
    struct front_stats stats = stats_of(world);
    assert_int_equal(stats.failures[FRONT_FAILURE_FINGERPRINT], 1);
    assert_int_equal(stats.handshakes, 0);
    front_datagram(world->front, now_us, 0xbad, (struct bytes){(const uint8_t *)"\x16", 1});
    assert_int_equal(stats_of(world).dropped_failed, 1);
    world_free(world);
}

static void opens_only_what_makes_sense(void **state)
{
    (void)state;
    struct world *world = world_new(0);
    const struct front_fingerprint own = {"sha-256", front_fingerprint(world->front)};
    const struct front_fingerprint weak = {"sha-1", "AA:BB"};
    const struct front_fingerprint broken = {"sha-256", "AA:BB"};
    assert_int_equal(front_open(world->front, 1, &weak), ERR_UNSUPPORTED);
    assert_int_equal(front_open(world->front, 1, &broken), ERR_INVALID);
    assert_int_equal(front_open(world->front, 1, &own), 0);
    assert_int_equal(front_open(world->front, 1, &own), ERR_EXISTS);
    assert_int_equal(stats_of(world).transports, 1);
    assert_true(front_deadline(world->front) == TIME_NEVER);

    front_datagram(world->front, now_us, 2, (struct bytes){(const uint8_t *)"\x16\xfe", 2});
    front_datagram(world->front, now_us, 1, (struct bytes){(const uint8_t *)"\x17\xfe", 2});
    front_datagram(world->front, now_us, 1, (struct bytes){NULL, 0});
    assert_int_equal(stats_of(world).dropped_unknown, 1);
    assert_int_equal(stats_of(world).dropped_malformed, 2);
    assert_int_equal(stats_of(world).handshakes, 0);

    front_close(world->front, 1);
    front_close(world->front, 1);
    assert_int_equal(front_open(world->front, 1, &own), 0);
    assert_int_equal(front_stream(world->front, 1, "_reliable"), ERR_NOT_FOUND);
    const struct front_message message = {.data = {(const uint8_t *)"x", 1}};
    assert_int_equal(front_send(world->front, now_us, 1, &message), ERR_NOT_FOUND);
    assert_int_equal(front_send(world->front, now_us, 9, &message), ERR_NOT_FOUND);
    world_free(world);
}

/* Two at once: a third waits until one is done, a fourth fails by time-out of the first two. */
static void bounds_a_flood(void **state)
{
    (void)state;
    struct world *world = world_new(2);
    struct wire_config mute = perfect;
    mute.loss_permille = 1000;
    add_client(world, &browser, &perfect, &mute); /* say hello and are never heard again */
    add_client(world, &browser, &perfect, &mute);
    run(world, TIME_MS(100));
    assert_int_equal(stats_of(world).handshakes, 2);

    struct front_client *third = add_client(world, &browser, &perfect, &perfect);
    run(world, TIME_S(20));
    struct front_stats stats = stats_of(world);
    assert_int_equal(stats.handshakes, 2);
    assert_in_range(stats.dropped_flood, 2, 20);
    assert_false(dtls_client_connected(third->dtls));

    assert_true(run_until_up(world, third, TIME_S(40)));
    stats = stats_of(world);
    assert_int_equal(stats.failures[FRONT_FAILURE_TIMEOUT], 2);
    assert_int_equal(stats.handshakes, 0);
    assert_non_null(strstr(world->told, "failed: handshake timed out\n"));
    world_free(world);
}

static void leaves_without_a_word(void **state)
{
    (void)state;
    struct world *world = world_new(0);
    struct front_client *early = add_client(world, &browser, &perfect, &perfect);
    run(world, TIME_MS(8)); /* in the middle of a handshake */
    front_close(world->front, early->transport);
    struct front_client *client = add_client(world, &browser, &perfect, &perfect);
    assert_true(run_until_up(world, client, TIME_S(1)));
    assert_int_equal(server_send(world, client, 0, "never sent", 10), 0);
    uint64_t sent = client->down->pushed + early->down->pushed;
    front_close(world->front, client->transport);
    assert_int_equal(client_send(client, 0, "to nobody"), 0);
    run(world, TIME_S(30));
    assert_int_equal(client->down->pushed + early->down->pushed, sent);
    assert_int_equal(client->failed, 0); /* its channels are open as before */
    assert_int_equal(client->closed, 0);
    assert_int_equal(dtls_client_alert(client->dtls), -1);
    assert_true(stats_of(world).dropped_unknown > 0);
    world_free(world);
}

static void tells_a_slow_client_from_a_quick_one(void **state)
{
    (void)state;
    static uint8_t body[64000];
    struct world *world = world_new(0);
    struct front_client *slow = add_client(world, &browser, &perfect, &perfect);
    struct front_client *quick = add_client(world, &browser, &perfect, &perfect);
    assert_true(run_until_up(world, slow, TIME_S(1)));
    assert_true(run_until_up(world, quick, TIME_S(1)));
    run(world, TIME_MS(100));
    slow->down->config.loss_permille = 1000;
    int sent = 0;
    while (server_send(world, slow, 0, body, sizeof(body)) == 0)
        sent++;
    assert_int_equal(sent, FRONT_BUFFERED_MAX / sizeof(body));
    assert_int_equal(front_buffered(world->front, slow->transport), (size_t)sent * sizeof(body));
    assert_int_equal(server_send(world, quick, 0, body, sizeof(body)), 0);
    run(world, TIME_S(2));
    assert_int_equal(quick->messages, 1);
    assert_int_equal(world->drained, 0);
    slow->down->config.loss_permille = 0;
    run(world, TIME_S(30));
    assert_int_equal(world->drained, 1);
    assert_int_equal(slow->messages, sent);
    assert_int_equal(front_buffered(world->front, slow->transport), 0);
    assert_int_equal(server_send(world, slow, 0, NULL, FRONT_MESSAGE_IN_MAX + 1), ERR_TOO_BIG);
    world_free(world);
}

static void survives_a_move_in_mid_transfer(void **state)
{
    (void)state;
    static uint8_t body[64000];
    struct world *world = world_new(0);
    struct front_client *client = add_client(world, &browser, &perfect, &perfect);
    assert_true(run_until_up(world, client, TIME_S(1)));
    for (int i = 0; i < 20; i++)
        assert_int_equal(server_send(world, client, 0, body, sizeof(body)), 0);
    run(world, TIME_MS(30));
    assert_in_range(client->messages, 0, 19);
    client->up->config.loss_permille = client->down->config.loss_permille = 1000; /* node dead */
    run(world, TIME_MS(400));
    client->up->config.loss_permille = client->down->config.loss_permille = 0;
    for (int i = 0; i < 50 && client->messages < 20; i++)
        run(world, TIME_MS(100));
    assert_int_equal(client->messages, 20);
    world_free(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tells_the_life_of_a_transport_in_order),
        cmocka_unit_test(connects_in_four_round_trips),
        cmocka_unit_test(both_ends_have_the_same_keys),
        cmocka_unit_test(keys_come_again_with_the_last_flight),
        cmocka_unit_test(works_over_a_rough_network),
        cmocka_unit_test(refuses_a_foreign_certificate),
        cmocka_unit_test(opens_only_what_makes_sense),
        cmocka_unit_test(bounds_a_flood),
        cmocka_unit_test(leaves_without_a_word),
        cmocka_unit_test(tells_a_slow_client_from_a_quick_one),
        cmocka_unit_test(survives_a_move_in_mid_transfer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
