/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal: credentials are those that a server with the same secret makes of their username, and end;
 * settings that no client could use are told from those that one can.
 */
#include "orchestrator/core/turn/turn.h"

#include <setjmp.h>

#include <cmocka.h>

static const char secret[] = "north-north-west-by-south-east!!";

/* By: printf 1767312000:PA_alice | openssl dgst -sha1 -hmac SECRET -binary | base64 */
static void test_vector(void **state)
{
    (void)state;
    const struct turn_config config = {.secret = secret, .lifetime_s = 3600};
    struct turn_credentials made;
    turn_credentials_make(&config, 1767308400, "PA_alice", &made);
    assert_string_equal(made.username, "1767312000:PA_alice");
    assert_string_equal(made.password, "fB0yKhM3JT24kcAiadEOduqcXn4=");
}

static void test_each_its_own(void **state)
{
    (void)state;
    static const char other_secret[] = "north-north-west-by-south-east!?";
    struct {
        const char *secret, *name;
        int64_t now_s;
    } const other[] = {
        {secret, "PA_bob", 1767308400},
        {secret, "PA_alice", 1767308401},
        {other_secret, "PA_alice", 1767308400},
    };
    const struct turn_config config = {.secret = secret, .lifetime_s = 3600};
    struct turn_credentials one;
    turn_credentials_make(&config, 1767308400, "PA_alice", &one);
    for (size_t i = 0; i < ARRAY_LEN(other); i++) {
        const struct turn_config its = {.secret = other[i].secret, .lifetime_s = 3600};
        struct turn_credentials made;
        turn_credentials_make(&its, other[i].now_s, other[i].name, &made);
        assert_string_not_equal(made.password, one.password);
    }
}

/* The longest name and time there are. */
static void test_longest(void **state)
{
    (void)state;
    const struct turn_config config = {.secret = secret, .lifetime_s = 1};
    struct turn_credentials made;
    turn_credentials_make(&config, INT64_MAX - 1, "PA_23456789012345678901", &made);
    assert_string_equal(made.username, "9223372036854775807:PA_23456789012345678901");
    assert_int_equal(strlen(made.password), 28);
}

static void test_urls(void **state)
{
    (void)state;
    static const char *const good[] = {
        "turn:turn.example.com",
        "turn:192.0.2.1:3478",
        "turn:turn.example.com:3478?transport=udp",
        "turn:turn.example.com?transport=tcp",
        "turns:turn.example.com",
        "turns:turn.example.com:443?transport=tcp",
        "turn:[2001:db8::1]",
        "turn:[2001:db8::1]:65535?transport=udp",
    };
    static const char *const bad[] = {
        "",
        "turn",
        "turn:",
        "turn.example.com",
        "stun:turn.example.com",
        "turn://turn.example.com",
        "TURN:turn.example.com",
        "turn::3478",
        "turn:turn.example.com:",
        "turn:turn.example.com:0",
        "turn:turn.example.com:65536",
        "turn:turn.example.com:123456",
        "turn:turn.example.com:udp",
        "turn:turn.example.com?transport=sctp",
        "turn:turn.example.com?transport=udp&a=b",
        "turns:turn.example.com?transport=udp",
        "turn:user@turn.example.com",
        "turn:turn.example.com ",
        "turn:2001:db8::1",
        "turn:[2001:db8::1",
        "turn:[]",
        "turn:[a.example]",
    };
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        if (!turn_url_valid(good[i])) {
            fail_msg("refused: %s", good[i]);
        }
    }
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        if (turn_url_valid(bad[i])) {
            fail_msg("taken: %s", bad[i]);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_vector),
        cmocka_unit_test(test_each_its_own),
        cmocka_unit_test(test_longest),
        cmocka_unit_test(test_urls),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
