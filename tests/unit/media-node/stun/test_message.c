/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal: the messages of RFC 5769 are read and verified as that RFC says, what is built here reads
 * back whole, and no damage to a message goes unnoticed.
 */
#include "media-node/core/stun/stun.h"

#include <setjmp.h>

#include <cmocka.h>

#define PWD "VOkJxbRl1RmTxUk/WvJxBt"

/* RFC 5769 §2.1 */
static const uint8_t request[] = {
    0x00, 0x01, 0x00, 0x58, 0x21, 0x12, 0xa4, 0x42, 0xb7, 0xe7, 0xa7, 0x01, 0xbc, 0x34, 0xd6, 0x86,
    0xfa, 0x87, 0xdf, 0xae, 0x80, 0x22, 0x00, 0x10, 0x53, 0x54, 0x55, 0x4e, 0x20, 0x74, 0x65, 0x73,
    0x74, 0x20, 0x63, 0x6c, 0x69, 0x65, 0x6e, 0x74, 0x00, 0x24, 0x00, 0x04, 0x6e, 0x00, 0x01, 0xff,
    0x80, 0x29, 0x00, 0x08, 0x93, 0x2f, 0xf9, 0xb1, 0x51, 0x26, 0x3b, 0x36, 0x00, 0x06, 0x00, 0x09,
    0x65, 0x76, 0x74, 0x6a, 0x3a, 0x68, 0x36, 0x76, 0x59, 0x20, 0x20, 0x20, 0x00, 0x08, 0x00, 0x14,
    0x9a, 0xea, 0xa7, 0x0c, 0xbf, 0xd8, 0xcb, 0x56, 0x78, 0x1e, 0xf2, 0xb5, 0xb2, 0xd3, 0xf2, 0x49,
    0xc1, 0xb5, 0x71, 0xa2, 0x80, 0x28, 0x00, 0x04, 0xe5, 0x7a, 0x3b, 0xcf,
};

/* RFC 5769 §2.2 */
static const uint8_t response_v4[] = {
    0x01, 0x01, 0x00, 0x3c, 0x21, 0x12, 0xa4, 0x42, 0xb7, 0xe7, 0xa7, 0x01, 0xbc, 0x34, 0xd6, 0x86,
    0xfa, 0x87, 0xdf, 0xae, 0x80, 0x22, 0x00, 0x0b, 0x74, 0x65, 0x73, 0x74, 0x20, 0x76, 0x65, 0x63,
    0x74, 0x6f, 0x72, 0x20, 0x00, 0x20, 0x00, 0x08, 0x00, 0x01, 0xa1, 0x47, 0xe1, 0x12, 0xa6, 0x43,
    0x00, 0x08, 0x00, 0x14, 0x2b, 0x91, 0xf5, 0x99, 0xfd, 0x9e, 0x90, 0xc3, 0x8c, 0x74, 0x89, 0xf9,
    0x2a, 0xf9, 0xba, 0x53, 0xf0, 0x6b, 0xe7, 0xd7, 0x80, 0x28, 0x00, 0x04, 0xc0, 0x7d, 0x4c, 0x96,
};

/* RFC 5769 §2.3 */
static const uint8_t response_v6[] = {
    0x01, 0x01, 0x00, 0x48, 0x21, 0x12, 0xa4, 0x42, 0xb7, 0xe7, 0xa7, 0x01, 0xbc, 0x34, 0xd6, 0x86,
    0xfa, 0x87, 0xdf, 0xae, 0x80, 0x22, 0x00, 0x0b, 0x74, 0x65, 0x73, 0x74, 0x20, 0x76, 0x65, 0x63,
    0x74, 0x6f, 0x72, 0x20, 0x00, 0x20, 0x00, 0x14, 0x00, 0x02, 0xa1, 0x47, 0x01, 0x13, 0xa9, 0xfa,
    0xa5, 0xd3, 0xf1, 0x79, 0xbc, 0x25, 0xf4, 0xb5, 0xbe, 0xd2, 0xb9, 0xd9, 0x00, 0x08, 0x00, 0x14,
    0xa3, 0x82, 0x95, 0x4e, 0x4b, 0xe6, 0x7b, 0xf1, 0x17, 0x84, 0xc9, 0x7c, 0x82, 0x92, 0xc2, 0x75,
    0xbf, 0xe3, 0xed, 0x41, 0x80, 0x28, 0x00, 0x04, 0xc8, 0xfb, 0x0b, 0x4c,
};

static const uint8_t *const transaction = request + 8;

static struct stun_message parse(const uint8_t *data, size_t len)
{
    struct stun_message m;
    assert_int_equal(stun_parse(&m, data, len), 0);
    return m;
}

static void reads_the_rfc_request(void **state)
{
    (void)state;
    struct stun_message m = parse(request, sizeof(request));
    assert_int_equal(m.kind, STUN_REQUEST);
    assert_memory_equal(m.transaction, request + 8, STUN_TRANSACTION_LEN);
    assert_int_equal(m.username.len, 9);
    assert_memory_equal(m.username.data, "evtj:h6vY", 9);
    assert_int_equal(m.priority, 0x6e0001ff);
    assert_true(m.controlled);
    assert_false(m.controlling);
    assert_true(m.tie_breaker == UINT64_C(0x932ff9b151263b36));
    assert_false(m.use_candidate);
    assert_int_equal(m.unknown_count, 0);
    assert_int_equal(stun_check_integrity(&m, PWD), 0);
    assert_int_equal(stun_check_fingerprint(&m), 0);
    assert_int_equal(stun_check_integrity(&m, "VOkJxbRl1RmTxUk/WvJxBu"), ERR_AUTH);

    struct bytes ufrag;
    assert_int_equal(stun_local_ufrag(&m, &ufrag), 0);
    assert_int_equal(ufrag.len, 4);
    assert_memory_equal(ufrag.data, "evtj", 4);
}

static void reads_the_rfc_responses(void **state)
{
    (void)state;
    static const struct {
        const uint8_t *data;
        size_t len;
        const char *mapped;
    } rows[] = {
        {response_v4, sizeof(response_v4), "192.0.2.1:32853"},
        {response_v6, sizeof(response_v6), "[2001:db8:1234:5678:11:2233:4455:6677]:32853"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char text[NET_TEXT_MAX];
        struct stun_message m = parse(rows[i].data, rows[i].len);
        assert_int_equal(m.kind, STUN_SUCCESS);
        assert_string_equal(net_text(&m.mapped, text), rows[i].mapped);
        assert_int_equal(stun_check_integrity(&m, PWD), 0);
        assert_int_equal(stun_check_fingerprint(&m), 0);
    }
}

/* FINGERPRINT covers every bit; whatever still parses must fail it. */
static void notices_every_flipped_bit(void **state)
{
    (void)state;
    uint8_t data[sizeof(request)];
    for (size_t bit = 0; bit < 8 * sizeof(request); bit++) {
        struct stun_message m;
        memcpy(data, request, sizeof(request));
        data[bit / 8] ^= (uint8_t)(1 << bit % 8);
        if (stun_parse(&m, data, sizeof(data)) == 0) {
            assert_int_not_equal(stun_check_fingerprint(&m), 0);
        }
        if (stun_parse(&m, data, sizeof(data)) == 0 && bit / 8 < 76) {
            assert_int_not_equal(stun_check_integrity(&m, PWD), 0);
        }
    }
}

static void refuses_every_cut(void **state)
{
    (void)state;
    for (size_t len = 0; len < sizeof(request); len++) {
        struct stun_message m;
        assert_int_equal(stun_parse(&m, request, len), ERR_TRUNCATED);
    }
}

static void refuses_malformed(void **state)
{
    (void)state;
    static const uint8_t header[] = {0x00, 0x01, 0, 0, 0x21, 0x12, 0xa4, 0x42};
    static const struct {
        const char *what;
        uint16_t type;
        uint32_t magic;
        uint8_t body[24];
        size_t body_len;
        int err;
    } rows[] = {
        {"no attributes", 0x0001, 0x2112a442, {0}, 0, 0},
        {"another method", 0x0003, 0x2112a442, {0}, 0, ERR_UNSUPPORTED},
        {"the old cookie-less form", 0x0001, 0x2112a443, {0}, 0, ERR_INVALID},
        {"top bits", 0x4001, 0x2112a442, {0}, 0, ERR_INVALID},
        {"length not of 4", 0x0001, 0x2112a442, {0x80, 0x22, 0, 0, 0}, 5, ERR_INVALID},
        {"attribute overruns", 0x0001, 0x2112a442, {0x80, 0x22, 0, 5, 0, 0, 0, 0}, 8, ERR_INVALID},
        {"priority of 8", 0x0001, 0x2112a442, {0, 0x24, 0, 8}, 12, ERR_INVALID},
        {"use-candidate of 4", 0x0001, 0x2112a442, {0, 0x25, 0, 4}, 8, ERR_INVALID},
        {"controlled of 4", 0x0001, 0x2112a442, {0x80, 0x29, 0, 4}, 8, ERR_INVALID},
        {"integrity of 16", 0x0001, 0x2112a442, {0, 8, 0, 16}, 20, ERR_INVALID},
        {"address of an unknown family",
         0x0101,
         0x2112a442,
         {0, 0x20, 0, 8, 0, 3},
         12,
         ERR_INVALID},
        {"v6 address of 8", 0x0101, 0x2112a442, {0, 0x20, 0, 8, 0, 2}, 12, ERR_INVALID},
        {"error code 700", 0x0111, 0x2112a442, {0, 9, 0, 4, 0, 0, 7, 0}, 8, ERR_INVALID},
        {"fingerprint not last",
         0x0001,
         0x2112a442,
         {0x80, 0x28, 0, 4, 0, 0, 0, 0, 0x80, 0x22, 0, 0},
         12,
         ERR_INVALID},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        uint8_t data[STUN_HEADER_LEN + 24] = {0};
        struct stun_message m;
        memcpy(data, header, sizeof(header));
        be16_put(data, rows[i].type);
        be16_put(data + 2, (uint16_t)rows[i].body_len);
        be32_put(data + 4, rows[i].magic);
        memcpy(data + STUN_HEADER_LEN, rows[i].body, rows[i].body_len);
        int err = stun_parse(&m, data, STUN_HEADER_LEN + rows[i].body_len);
        if (err != rows[i].err) {
            fail_msg("%s: %s, not %s", rows[i].what, err_text(err), err_text(rows[i].err));
        }
    }
}

/* What nothing protects must not count: USE-CANDIDATE behind MESSAGE-INTEGRITY. */
static void ignores_attributes_behind_integrity(void **state)
{
    (void)state;
    uint8_t data[STUN_BUILD_MAX];
    struct stun_check check = {transaction, "r", "l", PWD, 1, 2};
    size_t len = stun_build_request(data, &check) - 8; /* FINGERPRINT off */
    be16_put(data + len, 0x0025);
    be16_put(data + len + 2, 0);
    len += 4;
    be16_put(data + 2, (uint16_t)(len - STUN_HEADER_LEN));
    struct stun_message m = parse(data, len);
    assert_false(m.use_candidate);
    assert_int_equal(stun_check_integrity(&m, PWD), 0);
    assert_int_equal(stun_check_fingerprint(&m), ERR_NOT_FOUND);
}

static void lists_unknown_attributes(void **state)
{
    (void)state;
    uint8_t data[STUN_HEADER_LEN + 12] = {0x00, 0x01, 0, 12, 0x21, 0x12, 0xa4, 0x42};
    be16_put(data + 20, 0x7001); /* must be understood */
    be16_put(data + 24, 0xc057); /* may be skipped */
    be16_put(data + 28, 0x7002);
    struct stun_message m = parse(data, sizeof(data));
    assert_int_equal(m.unknown_count, 2);
    assert_int_equal(m.unknown[0], 0x7001);
    assert_int_equal(m.unknown[1], 0x7002);

    uint8_t out[STUN_BUILD_MAX];
    struct stun_message answer = parse(out, stun_build_error(out, &m, STUN_UNKNOWN_ATTRIBUTE, PWD));
    assert_int_equal(answer.kind, STUN_ERROR);
    assert_int_equal(answer.error_code, 420);
    assert_int_equal(stun_check_integrity(&answer, PWD), 0);
}

static void builds_errors(void **state)
{
    (void)state;
    static const enum stun_error_code codes[] = {STUN_BAD_REQUEST, STUN_UNAUTHENTICATED,
                                                 STUN_ROLE_CONFLICT};
    struct stun_message m = parse(request, sizeof(request));
    for (size_t i = 0; i < ARRAY_LEN(codes); i++) {
        uint8_t out[STUN_BUILD_MAX];
        const char *pwd = codes[i] == STUN_ROLE_CONFLICT ? PWD : NULL;
        struct stun_message answer = parse(out, stun_build_error(out, &m, codes[i], pwd));
        assert_int_equal(answer.kind, STUN_ERROR);
        assert_int_equal(answer.error_code, codes[i]);
        assert_memory_equal(answer.transaction, transaction, STUN_TRANSACTION_LEN);
        assert_int_equal(stun_check_fingerprint(&answer), 0);
        assert_int_equal(stun_check_integrity(&answer, PWD), pwd == NULL ? ERR_NOT_FOUND : 0);
    }
}

static void builds_requests_up_to_the_limit(void **state)
{
    (void)state;
    char ufrag[257];
    memset(ufrag, 'u', 256);
    ufrag[256] = '\0';
    const char *const names[] = {"a", "abcd", "abcde", ufrag};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        uint8_t out[STUN_BUILD_MAX];
        struct stun_check check = {transaction, names[i], ufrag, PWD, UINT64_MAX - 1, 1000001};
        struct stun_message m = parse(out, stun_build_request(out, &check));
        struct bytes left;
        assert_int_equal(m.kind, STUN_REQUEST);
        assert_int_equal(m.priority, 1000001);
        assert_true(m.controlled);
        assert_true(m.tie_breaker == UINT64_MAX - 1);
        assert_int_equal(stun_local_ufrag(&m, &left), 0);
        assert_int_equal(left.len, strlen(names[i]));
        assert_int_equal(m.username.len, strlen(names[i]) + 1 + 256);
        assert_int_equal(stun_check_integrity(&m, PWD), 0);
        assert_int_equal(stun_check_fingerprint(&m), 0);
    }
}

static void builds_success_for_any_address(void **state)
{
    (void)state;
    struct prng prng;
    prng_seed(&prng, 5769);
    for (int i = 0; i < 200; i++) {
        uint8_t out[STUN_BUILD_MAX];
        uint8_t id[STUN_TRANSACTION_LEN];
        struct net_addr addr = {.family = i % 2 == 0 ? NET_V4 : NET_V6,
                                .port = (uint16_t)prng_next(&prng)};
        prng_fill(&prng, id, sizeof(id));
        prng_fill(&prng, addr.ip, net_ip_len(&addr));
        struct stun_message m = parse(out, stun_build_success(out, id, &addr, PWD));
        assert_int_equal(m.kind, STUN_SUCCESS);
        assert_true(net_equal(&m.mapped, &addr));
        assert_memory_equal(m.transaction, id, sizeof(id));
        assert_int_equal(stun_check_integrity(&m, PWD), 0);
        assert_int_equal(stun_check_fingerprint(&m), 0);
    }
}

static void username_without_colon_has_no_ufrag(void **state)
{
    (void)state;
    struct stun_message m = {.username = {(const uint8_t *)"abcd", 4}};
    struct bytes out;
    assert_int_equal(stun_local_ufrag(&m, &out), ERR_NOT_FOUND);
    m.username = (struct bytes){NULL, 0};
    assert_int_equal(stun_local_ufrag(&m, &out), ERR_NOT_FOUND);
    m.username = (struct bytes){(const uint8_t *)":abcd", 5};
    assert_int_equal(stun_local_ufrag(&m, &out), 0);
    assert_int_equal(out.len, 0);
}

/* RFC 7983 §7 and RFC 5761 §4: every first byte, and the second where it matters. */
static void classifies(void **state)
{
    (void)state;
    for (unsigned first = 0; first < 256; first++) {
        for (unsigned second = 0; second < 256; second++) {
            uint8_t data[12] = {(uint8_t)first, (uint8_t)second};
            enum packet_kind want = PACKET_UNKNOWN;
            if (first <= 3) {
                want = PACKET_STUN;
            } else if (first >= 20 && first <= 63) {
                want = PACKET_DTLS;
            } else if (first >= 128 && first <= 191) {
                want = second >= 192 && second <= 223 ? PACKET_RTCP : PACKET_RTP;
            }
            assert_int_equal(stun_classify(data, sizeof(data)), want);
        }
    }
    static const uint8_t rtp[12] = {0x80, 111};
    static const uint8_t rtcp[8] = {0x80, 200};
    assert_int_equal(stun_classify(rtp, 11), PACKET_UNKNOWN);
    assert_int_equal(stun_classify(rtcp, 8), PACKET_RTCP);
    assert_int_equal(stun_classify(rtcp, 7), PACKET_UNKNOWN);
    assert_int_equal(stun_classify(rtp, 0), PACKET_UNKNOWN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_the_rfc_request),
        cmocka_unit_test(reads_the_rfc_responses),
        cmocka_unit_test(notices_every_flipped_bit),
        cmocka_unit_test(refuses_every_cut),
        cmocka_unit_test(refuses_malformed),
        cmocka_unit_test(ignores_attributes_behind_integrity),
        cmocka_unit_test(lists_unknown_attributes),
        cmocka_unit_test(builds_errors),
        cmocka_unit_test(builds_requests_up_to_the_limit),
        cmocka_unit_test(builds_success_for_any_address),
        cmocka_unit_test(username_without_colon_has_no_ufrag),
        cmocka_unit_test(classifies),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
