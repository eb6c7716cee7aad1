/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal: our candidates read as ICE wants them, alone and as trickled JSON, and a client's are told
 * from garbage.
 */
#include "orchestrator/core/sdp/sdp.h"

#include <stdlib.h>

#include <setjmp.h>

#include <cmocka.h>

static void writes_candidates(void **state)
{
    (void)state;
    char text[SDP_CANDIDATE_MAX];
    struct sdp_candidate udp = {.ip = "10.0.0.1", .port = 7882, .priority = 1000000};
    sdp_candidate_write(text, &udp);
    const char *rest = strchr(text, ' ');
    assert_int_equal(strncmp(text, "candidate:", 10), 0);
    assert_string_equal(rest, " 1 udp 1000000 10.0.0.1 7882 typ host");
    struct sdp_candidate tcp = {.ip = "ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255",
                                .port = UINT16_MAX,
                                .tcp = true,
                                .priority = UINT32_MAX};
    sdp_candidate_write(text, &tcp);
    assert_string_equal(strchr(text, ' '),
                        " 1 tcp 4294967295 ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255 65535 "
                        "typ host tcptype passive");
}

static void foundations_tell_bases_apart(void **state)
{
    (void)state;
    struct sdp_candidate list[] = {
        {.ip = "10.0.0.1", .port = 1, .priority = 1},
        {.ip = "10.0.0.1", .port = 2, .priority = 2}, /* the same base address */
        {.ip = "10.0.0.2", .port = 1, .priority = 1},
        {.ip = "10.0.0.1", .port = 1, .tcp = true, .priority = 1},
    };
    char text[ARRAY_LEN(list)][SDP_CANDIDATE_MAX];
    for (size_t i = 0; i < ARRAY_LEN(list); i++) {
        sdp_candidate_write(text[i], &list[i]);
        *strchr(text[i], ' ') = '\0';
    }
    assert_string_equal(text[0], text[1]);
    assert_string_not_equal(text[0], text[2]);
    assert_string_not_equal(text[0], text[3]);
    assert_string_not_equal(text[2], text[3]);
}

static void trickles_json_it_could_read_itself(void **state)
{
    (void)state;
    char json[SDP_TRICKLE_MAX];
    struct sdp_candidate candidate = {.ip = "192.0.2.7", .port = 3478, .priority = 1000007};
    sdp_trickle_write(json, &candidate, "0", 3, "frag");
    assert_non_null(strstr(json, "\"sdpMid\":\"0\",\"sdpMLineIndex\":3,"));
    assert_non_null(strstr(json, "\"usernameFragment\":\"frag\"}"));
    struct sdp_remote_candidate read;
    assert_int_equal(sdp_trickle_parse(&read, json, strlen(json)), 0);
    assert_false(read.end || read.tcp);
    assert_string_equal(read.address, "192.0.2.7");
    assert_string_equal(read.type, "host");
    assert_int_equal(read.port, 3478);
    assert_int_equal(read.priority, 1000007);
}

#define JSON(text) "{\"candidate\":\"" text "\",\"sdpMid\":\"0\",\"sdpMLineIndex\":0}"

static void reads_what_clients_trickle(void **state)
{
    (void)state;
    static const struct {
        const char *json;
        int err;
        bool tcp;
        const char *address;
        const char *type;
    } rows[] = {
        {JSON("candidate:3909389776 1 udp 2113937151 80c3d4cf-c47d-4f11.local 58064 typ host "
              "generation 0 ufrag CWDR network-cost 999"),
         0, false, "80c3d4cf-c47d-4f11.local", "host"},
        {JSON("candidate:0 2 UDP 2122187006 192.0.2.2 41443 typ srflx raddr 0.0.0.0 rport 0"), 0,
         false, "192.0.2.2", "srflx"},
        {JSON("candidate:2 1 TCP 2105458943 fd00::2 9 typ host tcptype active"), 0, true, "fd00::2",
         "host"},
        {JSON("candidate:a+/ 1 udp 0 1.2.3.4 0 typ relay"), 0, false, "1.2.3.4", "relay"},
        {JSON("candidate:1 1 udp 4294967296 1.2.3.4 1 typ host"), ERR_INVALID, 0, 0, 0},
        {JSON("candidate:1 1 udp 1 1.2.3.4 65536 typ host"), ERR_INVALID, 0, 0, 0},
        {JSON("candidate:1 1 sctp 1 1.2.3.4 1 typ host"), ERR_INVALID, 0, 0, 0},
        {JSON("candidate:1 1 udp 1 1.2.3.4;rm 1 typ host"), ERR_INVALID, 0, 0, 0},
        {JSON("candidate:1 1 udp 1 1.2.3.4 1 typ bad"), ERR_INVALID, 0, 0, 0},
        {JSON("candidate:1 1 udp 1 1.2.3.4 1 host typ"), ERR_INVALID, 0, 0, 0},
        {JSON("candidate:1 1 udp 1 1.2.3.4 1"), ERR_INVALID, 0, 0, 0},
        {JSON("candidate:"), ERR_INVALID, 0, 0, 0},
        {JSON("a=candidate:1 1 udp 1 1.2.3.4 1 typ host"), ERR_INVALID, 0, 0, 0},
        {JSON("candidate:1 1 udp 1 1.2.3.4 1 typ host\\u0000"), ERR_INVALID, 0, 0, 0},
        {"{\"sdpMid\":\"0\"}", ERR_INVALID, 0, 0, 0},
        {"{\"candidate\":1}", ERR_INVALID, 0, 0, 0},
        {"[\"candidate\"]", ERR_INVALID, 0, 0, 0},
        {"null", ERR_INVALID, 0, 0, 0},
        {"{", ERR_INVALID, 0, 0, 0},
        {"", ERR_INVALID, 0, 0, 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct sdp_remote_candidate read;
        int err = sdp_trickle_parse(&read, rows[i].json, strlen(rows[i].json));
        assert_int_equal(err, rows[i].err);
        if (err == 0) {
            assert_false(read.end);
            assert_int_equal(read.tcp, rows[i].tcp);
            assert_string_equal(read.address, rows[i].address);
            assert_string_equal(read.type, rows[i].type);
        }
    }
}

static void knows_the_end_and_its_bound(void **state)
{
    (void)state;
    struct sdp_remote_candidate read;
    const char *end = JSON("");
    assert_int_equal(sdp_trickle_parse(&read, end, strlen(end)), 0);
    assert_true(read.end);
    char giant[4097] = "{\"candidate\":\"\"}";
    memset(giant + strlen(giant), ' ', sizeof(giant) - strlen(giant));
    assert_int_equal(sdp_trickle_parse(&read, giant, 4096), 0);
    assert_int_equal(sdp_trickle_parse(&read, giant, 4097), ERR_TOO_BIG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_candidates),
        cmocka_unit_test(foundations_tell_bases_apart),
        cmocka_unit_test(trickles_json_it_could_read_itself),
        cmocka_unit_test(reads_what_clients_trickle),
        cmocka_unit_test(knows_the_end_and_its_bound),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
