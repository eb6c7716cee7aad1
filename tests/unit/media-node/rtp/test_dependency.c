/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal: dependency descriptors are read as the specification lays them out, bit by bit, and as
 * libwebrtc makes them for its modes; what ends early or makes no sense is refused.
 */
#include "media-node/core/rtp/dependency.h"
#include "tests/lib/descriptor.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

/* L1T2, 640 x 360: two layers of rate. */
static const uint8_t l1t2[] = {
    0xc0,       /* start, end, template 0 */
    0x00, 0x01, /* frame 1 */
    0x80, 0x01, /* 1 0 0 0 0: structure; 000000 first template; 00001 two targets */
    0x1e, 0xa8,
    0x51,       /* layers 00 (same) 01 (next rate) 11 (end); indications 10 10, 10 10, 00 01;
                   references of template 0: 0 none; of 1: 1 0001 two back */
    0x41,       /* 0 no more; of 2: 1 0000 one back, 0 no more; 1.. chains: */
    0x01, 0x0c, /* ..0 one of them, which takes no bits to be chosen; 0000 0010 0001; 1 sizes */
    0x09, 0xfc, /* 0000001001111111: 639 */
    0x05, 0x9c, /* 0000000101100111: 359; two bits of padding */
};

static int parse(struct rtp_dependency *out, struct rtp_dependency_structure *structure,
                 const uint8_t *data, size_t len)
{
    return rtp_dependency_parse(out, structure, (struct bytes){data, len});
}

static void by_hand(void **state)
{
    (void)state;
    static const uint8_t later[] = {0x80 | 1, 0x12, 0x34};
    struct rtp_dependency_structure structure = {0};
    struct rtp_dependency d;
    struct rtp_dependency_head head;
    assert_int_equal(parse(&d, &structure, l1t2, sizeof(l1t2)), 0);
    assert_false(d.active_told);
    assert_int_equal(rtp_dependency_head(&head, (struct bytes){l1t2, sizeof(l1t2)}), 0);
    assert_true(head.attached);
    assert_int_equal(structure.template_count, 3);
    assert_int_equal(structure.target_count, 2);
    assert_int_equal(structure.chain_count, 1);
    assert_int_equal(structure.inhabited, 3);
    assert_int_equal(structure.targets[0].temporal, 0);
    assert_int_equal(structure.targets[1].temporal, 1);
    assert_int_equal(structure.templates[1].refs, 1u << 2);
    assert_int_equal(structure.templates[2].refs, 1u << 1);
    assert_int_equal(structure.templates[2].present, 2);
    assert_int_equal(structure.templates[2].switches, 0);
    assert_int_equal(d.frame.refs, 0);
    assert_int_equal(d.frame.switches, 3);
    assert_int_equal(parse(&d, &structure, later, sizeof(later)), 0);
    assert_int_equal(d.frame.refs, 1u << 2);
    assert_int_equal(rtp_dependency_head(&head, (struct bytes){later, sizeof(later)}), 0);
    assert_false(head.attached);
    assert_true(head.frame_start);
    assert_false(head.frame_end);
    assert_int_equal(head.template_id, 1);
    assert_int_equal(head.frame_number, 0x1234);
    assert_int_equal(rtp_dependency_head(&head, (struct bytes){later, 2}), ERR_TRUNCATED);
}

static void custom_fields_replace_the_templates(void **state)
{
    (void)state;
    static const uint8_t custom[] = {
        0xc2, 0x00, 0x05, /* template 2, frame 5 */
        0x3c, 0xa9, /* 00111: indications, references, chains; 10 01; 01 0100 five back; 1.. */
        0x1f, 0xe0, 0x00, /* ..0 00111111 64 back; 11 000000000000 one back; .. */
        0x01, 0x80,       /* 00 no more; 00000011 the chain */
    };
    static const uint8_t active[] = {0xc2, 0x00, 0x06, 0x42 /* 01000: active targets; 01 */};
    struct rtp_dependency_structure structure = {0};
    struct rtp_dependency d;
    assert_int_equal(parse(&d, &structure, l1t2, sizeof(l1t2)), 0);
    assert_int_equal(parse(&d, &structure, custom, sizeof(custom)), 0);
    assert_int_equal(d.frame.temporal, 1);
    assert_int_equal(d.frame.present, 3);
    assert_int_equal(d.frame.switches, 1);
    assert_int_equal(d.frame.refs, 1u << 5 | 1u << 1 | 1u);
    assert_int_equal(parse(&d, &structure, active, sizeof(active)), 0);
    assert_true(d.active_told);
    assert_int_equal(d.active, 1);
    for (size_t len = 4; len < sizeof(custom); len++) {
        assert_int_equal(parse(&d, &structure, custom, len), ERR_TRUNCATED);
    }
}

static void active_targets_are_written_in(void **state)
{
    (void)state;
    static const struct {
        uint8_t in[10], out[10];
        size_t in_len, out_len;
    } rows[] = {
        /* 01000, and 01 for the first of two; six bits of padding more */
        {{0x81, 0x12, 0x34}, {0x81, 0x12, 0x34, 0x42}, 3, 4},
        {{0xc2, 0x00, 0x06, 0x46}, {0xc2, 0x00, 0x06, 0x42}, 4, 4}, /* 11 becomes 01 */
        /* custom references: 00010, 00 no more, becomes 01010, 01, 00 */
        {{0xc2, 0x00, 0x05, 0x10}, {0xc2, 0x00, 0x05, 0x52, 0x00}, 4, 5},
    };
    struct rtp_dependency_structure structure = {0};
    struct rtp_dependency d;
    assert_int_equal(parse(&d, &structure, l1t2, sizeof(l1t2)), 0);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        uint8_t out[RTP_DEPENDENCY_LEN_MAX];
        struct bytes in = {rows[i].in, rows[i].in_len};
        assert_int_equal(rtp_dependency_parse(&d, &structure, in), 0);
        assert_int_equal(rtp_dependency_write_active(out, in, &d.place, 1), rows[i].out_len);
        assert_memory_equal(out, rows[i].out, rows[i].out_len);
    }
    uint8_t out[RTP_DEPENDENCY_LEN_MAX], longest[RTP_DEPENDENCY_LEN_MAX] = {0x81};
    const struct rtp_dependency_place place = {.at = 29, .width = 9};
    assert_int_equal(
        rtp_dependency_write_active(out, (struct bytes){longest, sizeof(longest)}, &place, 1),
        ERR_TOO_BIG);
    assert_int_equal(rtp_dependency_write_active(out, (struct bytes){longest, 2}, &place, 1),
                     ERR_TRUNCATED);
}

/* All else of a frame is as it was, with its structure and without. */
static void what_is_written_reads_back(void **state)
{
    (void)state;
    static const struct descriptor_mode modes[] = {
        {1, 2, false, 0}, {3, 3, false, 60}, {3, 3, true, 5}, {2, 1, true, 0}};
    for (size_t i = 0; i < ARRAY_LEN(modes); i++) {
        struct rtp_dependency_structure plain = {0}, rewritten = {0};
        for (unsigned n = 0; n < 24; n++) {
            uint8_t data[DESCRIPTOR_MAX], out[RTP_DEPENDENCY_LEN_MAX];
            const struct descriptor_frame frame = {.number = (uint16_t)n,
                                                   .picture = n / modes[i].spatial,
                                                   .spatial = n % modes[i].spatial,
                                                   .start = true,
                                                   .end = n % 2 != 0,
                                                   .active_told = n % 5 == 0,
                                                   .active = 1};
            struct rtp_dependency before, after;
            struct bytes value = {data, descriptor_write(data, &modes[i], &frame)};
            assert_int_equal(rtp_dependency_parse(&before, &plain, value), 0);
            uint32_t active = n % ((1u << plain.target_count) - 1) + 1;
            int len = rtp_dependency_write_active(out, value, &before.place, active);
            assert_true(len > 0);
            assert_int_equal(parse(&after, &rewritten, out, (size_t)len), 0);
            assert_true(after.active_told);
            assert_int_equal(after.active, active);
            assert_memory_equal(&after.frame, &before.frame, sizeof(after.frame));
            assert_memory_equal(&rewritten, &plain, sizeof(plain));
            assert_memory_equal(out, data, 3);
        }
    }
}

/* ---- libwebrtc's modes ----------------------------------------------------------------------- */

/* A frame after a key frame, and what it is to each target: '-' not present, D, S, R. */
struct expected {
    unsigned picture;
    unsigned spatial;
    const char *indications;
    uint64_t refs;
};

static void check(const struct descriptor_mode *mode, const struct expected *lines, size_t count)
{
    struct rtp_dependency_structure structure = {0};
    for (size_t i = 0; i < count; i++) {
        uint8_t data[DESCRIPTOR_MAX];
        struct rtp_dependency d;
        size_t len = descriptor_write(data, mode,
                                      &(struct descriptor_frame){
                                          .number = (uint16_t)(65530 + i),
                                          .picture = lines[i].picture,
                                          .spatial = lines[i].spatial,
                                          .start = true,
                                          .end = true,
                                      });
        assert_int_equal(parse(&d, &structure, data, len), 0);
        assert_int_equal(d.frame.spatial, lines[i].spatial);
        assert_int_equal(d.frame.temporal, descriptor_temporal(mode, lines[i].picture));
        assert_int_equal(structure.target_count, strlen(lines[i].indications));
        for (size_t target = 0; target < structure.target_count; target++) {
            char what = lines[i].indications[target];
            assert_int_equal(d.frame.present >> target & 1, what != '-');
            assert_int_equal(d.frame.switches >> target & 1, what == 'S');
        }
        assert_int_equal(d.frame.refs, lines[i].refs);
    }
    for (unsigned target = 0; target < structure.target_count; target++) {
        assert_int_equal(structure.targets[target].spatial, target / mode->temporal);
        assert_int_equal(structure.targets[target].temporal, target % mode->temporal);
    }
}

#define BACK(n) (UINT64_C(1) << (n))

static void modes_of_one_size(void **state)
{
    (void)state;
    static const struct expected two[] = {
        {0, 0, "SS", 0}, {1, 0, "-D", BACK(1)}, {2, 0, "SS", BACK(2)}, {3, 0, "-D", BACK(1)}};
    static const struct expected three[] = {{0, 0, "SSS", 0},       {1, 0, "--D", BACK(1)},
                                            {2, 0, "-DS", BACK(2)}, {3, 0, "--D", BACK(1)},
                                            {4, 0, "SSS", BACK(4)}, {6, 0, "-DS", BACK(2)}};
    check(&(struct descriptor_mode){.spatial = 1, .temporal = 2}, two, ARRAY_LEN(two));
    check(&(struct descriptor_mode){.spatial = 1, .temporal = 3, .first = 62}, three,
          ARRAY_LEN(three));
}

static void full_svc(void **state)
{
    (void)state;
    static const struct expected lines[] = {
        {0, 0, "SSSSSSSSS", 0},
        {0, 1, "---SSSSSS", BACK(1)},
        {0, 2, "------SSS", BACK(1)},
        {1, 0, "--D--R--R", BACK(3)},
        {1, 1, "-----D--R", BACK(3) | BACK(1)},
        {1, 2, "--------D", BACK(3) | BACK(1)},
        {2, 0, "-DS-RR-RR", BACK(6)},
        {2, 1, "----DS-RR", BACK(6) | BACK(1)},
        {2, 2, "-------DS", BACK(6) | BACK(1)},
        {4, 0, "SSSRRRRRR", BACK(12)},
        {4, 1, "---SSSRRR", BACK(12) | BACK(1)},
        {4, 2, "------SSS", BACK(12) | BACK(1)},
    };
    check(&(struct descriptor_mode){.spatial = 3, .temporal = 3, .first = 40}, lines,
          ARRAY_LEN(lines));
}

static void key_svc(void **state)
{
    (void)state;
    static const struct expected lines[] = {
        {0, 0, "SSSSSSSSS", 0},        {0, 1, "---SSSSSS", BACK(1)}, {0, 2, "------SSS", BACK(1)},
        {1, 0, "--D------", BACK(3)},  {1, 1, "-----D---", BACK(3)}, {1, 2, "--------D", BACK(3)},
        {2, 0, "-DS------", BACK(6)},  {2, 2, "-------DS", BACK(6)}, {4, 0, "SSS------", BACK(12)},
        {4, 2, "------SSS", BACK(12)},
    };
    check(&(struct descriptor_mode){.spatial = 3, .temporal = 3, .key_only = true}, lines,
          ARRAY_LEN(lines));
}

/* ---- What is refused ------------------------------------------------------------------------- */

static void every_end_that_comes_early(void **state)
{
    (void)state;
    uint8_t data[DESCRIPTOR_MAX] = {0};
    static const struct rtp_dependency_structure none = {0};
    struct rtp_dependency_structure structure = {0};
    struct rtp_dependency d;
    size_t len = descriptor_write(data, &(struct descriptor_mode){.spatial = 3, .temporal = 3},
                                  &(struct descriptor_frame){.start = true});
    for (size_t part = 0; part < len; part++) {
        int wanted = part == 3 ? ERR_NOT_FOUND : ERR_TRUNCATED; /* 3 bytes alone are a descriptor */
        assert_int_equal(parse(&d, &structure, data, part), wanted);
        assert_memory_equal(&structure, &none, sizeof(none));
    }
    assert_int_equal(parse(&d, &structure, data, len), 0);
    assert_int_equal(parse(&d, &structure, data, len + 5), 0); /* padding */
}

static void absurd_structures(void **state)
{
    (void)state;
    static const uint8_t five_sizes[] = {0xc0, 0, 0, 0x80, 0x00, 0xaa, 0xea, 0xa0, 0, 0, 0};
    static const uint8_t unknown[] = {0xc0 | 3, 0, 1};
    uint8_t many[64] = {0xc0, 0, 0, 0x80}; /* 65 templates of one layer */
    struct rtp_dependency_structure structure = {0};
    struct rtp_dependency d;
    assert_int_equal(parse(&d, &structure, many, sizeof(many)), ERR_INVALID);
    assert_int_equal(parse(&d, &structure, five_sizes, sizeof(five_sizes)), ERR_UNSUPPORTED);
    assert_int_equal(parse(&d, &structure, unknown, sizeof(unknown)), ERR_NOT_FOUND);
    assert_int_equal(parse(&d, &structure, l1t2, sizeof(l1t2)), 0);
    assert_int_equal(parse(&d, &structure, many, sizeof(many)), ERR_INVALID);
    assert_int_equal(parse(&d, &structure, unknown, sizeof(unknown)), ERR_NOT_FOUND);
    assert_int_equal(structure.template_count, 3); /* what was refused left it alone */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(by_hand),
        cmocka_unit_test(custom_fields_replace_the_templates),
        cmocka_unit_test(active_targets_are_written_in),
        cmocka_unit_test(what_is_written_reads_back),
        cmocka_unit_test(modes_of_one_size),
        cmocka_unit_test(full_svc),
        cmocka_unit_test(key_svc),
        cmocka_unit_test(every_end_that_comes_early),
        cmocka_unit_test(absurd_structures),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
