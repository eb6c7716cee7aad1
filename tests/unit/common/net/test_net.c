/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal: addresses survive text and sockaddr unchanged, and malformed ones are refused.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/net/net.h"

struct row {
    const char *text;
    const char *printed; /* NULL: refused */
};

static const struct row rows[] = {
    {"192.0.2.1:7882", "192.0.2.1:7882"},
    {"0.0.0.0:0", "0.0.0.0:0"},
    {"255.255.255.255:65535", "255.255.255.255:65535"},
    {"[2001:db8::1]:443", "[2001:db8::1]:443"},
    {"[::]:1", "[::]:1"},
    {"[2001:DB8:0:0:0:0:0:1]:443", "[2001:db8::1]:443"},
    {"[::ffff:192.0.2.1]:9", "[::ffff:192.0.2.1]:9"},
    {"[ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255]:65535",
     "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535"},
    {"", NULL},
    {":", NULL},
    {"192.0.2.1", NULL},
    {"192.0.2.1:", NULL},
    {"192.0.2.1:65536", NULL},
    {"192.0.2.1:-1", NULL},
    {"192.0.2.1: 1", NULL},
    {"192.0.2.1:1x", NULL},
    {"192.0.2:1", NULL},
    {"[192.0.2.1]:1", NULL},
    {"2001:db8::1:443", NULL},
    {"[2001:db8::1]", NULL},
    {"[]:1", NULL},
    {"host.example:1", NULL},
    {"[2001:db8::1%eth0]:1", NULL},
    {"1111111111111111111111111111111111111111111111111111111111111111:1", NULL},
};

static void text_round_trip(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct net_addr addr = {0};
        char text[NET_TEXT_MAX];
        int err = net_parse(&addr, rows[i].text);
        if (rows[i].printed == NULL) {
            assert_int_equal(err, ERR_INVALID);
            assert_int_equal(addr.family, NET_NONE);
            continue;
        }
        assert_int_equal(err, 0);
        assert_string_equal(net_text(&addr, text), rows[i].printed);
    }
}

static void none_is_printable(void **state)
{
    (void)state;
    char text[NET_TEXT_MAX];
    assert_string_equal(net_text(&(struct net_addr){0}, text), "none");
    assert_string_equal(net_ip_text(&(struct net_addr){0}, text), "none");
}

static void sockaddr_round_trip(void **state)
{
    (void)state;
    static const char *const texts[] = {"192.0.2.1:7882", "[2001:db8::1]:443"};
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        struct net_addr addr;
        struct net_addr back;
        struct sockaddr_storage sa;
        assert_int_equal(net_parse(&addr, texts[i]), 0);
        socklen_t len = net_to_sockaddr(&addr, &sa);
        assert_int_equal(net_from_sockaddr(&back, (struct sockaddr *)&sa, len), 0);
        assert_true(net_equal(&addr, &back));
        assert_int_equal(net_from_sockaddr(&back, (struct sockaddr *)&sa, len - 1), ERR_TRUNCATED);
    }
    struct sockaddr_storage unix_sa = {.ss_family = AF_UNIX};
    struct net_addr out;
    assert_int_equal(net_from_sockaddr(&out, (struct sockaddr *)&unix_sa, sizeof(unix_sa)),
                     ERR_UNSUPPORTED);
}

/* Equal addresses hash alike; a change of any part is seen by both. */
static void equality_and_hash(void **state)
{
    (void)state;
    struct net_addr a;
    struct net_addr b;
    assert_int_equal(net_parse(&a, "192.0.2.1:7882"), 0);
    assert_int_equal(net_parse(&b, "192.0.2.1:7882"), 0);
    assert_true(net_equal(&a, &b));
    assert_true(net_hash(&a, 7) == net_hash(&b, 7));
    assert_true(net_hash(&a, 7) != net_hash(&b, 8));

    static const char *const others[] = {"192.0.2.2:7882", "192.0.2.1:7883", "[c000:201::]:7882"};
    for (size_t i = 0; i < ARRAY_LEN(others); i++) {
        assert_int_equal(net_parse(&b, others[i]), 0);
        assert_false(net_equal(&a, &b));
        assert_true(net_hash(&a, 7) != net_hash(&b, 7));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_round_trip),
        cmocka_unit_test(none_is_printable),
        cmocka_unit_test(sockaddr_round_trip),
        cmocka_unit_test(equality_and_hash),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
