/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal: DATA_CHANNEL_OPEN is read and written as RFC 8832 §5.1 draws it, and never beyond its end.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "orchestrator/shell/sctp/dcep.h"

/* What Chromium sends for createDataChannel("_lossy", {ordered: false, maxRetransmits: 0}). */
static const uint8_t lossy[] = {3, 0x81, 0x01, 0x00, 0,   0,   0,   0,   0,
                                6, 0,    0,    '_',  'l', 'o', 's', 's', 'y'};

static void parses_what_a_browser_sends(void **state)
{
    (void)state;
    struct dcep_open open;
    assert_int_equal(dcep_type((struct bytes){lossy, sizeof(lossy)}), DCEP_OPEN);
    assert_int_equal(dcep_parse_open(&open, (struct bytes){lossy, sizeof(lossy)}), 0);
    assert_false(open.ordered);
    assert_int_equal(open.reliability, ORCH_SCTP_RETRANSMITS);
    assert_int_equal(open.limit, 0);
    assert_int_equal(open.priority, 256);
    assert_int_equal(open.label.len, 6);
    assert_memory_equal(open.label.data, "_lossy", 6);
    assert_int_equal(open.protocol.len, 0);
}

static void knows_the_channel_types(void **state)
{
    (void)state;
    static const struct {
        uint8_t type;
        int expected;
        bool ordered;
        enum orch_sctp_reliability reliability;
        uint32_t limit;
    } rows[] = {
        {0x00, 0, true, ORCH_SCTP_RELIABLE, 0},
        {0x80, 0, false, ORCH_SCTP_RELIABLE, 0},
        {0x01, 0, true, ORCH_SCTP_RETRANSMITS, 0x01020304},
        {0x81, 0, false, ORCH_SCTP_RETRANSMITS, 0x01020304},
        {0x02, 0, true, ORCH_SCTP_LIFETIME, 0x01020304},
        {0x82, 0, false, ORCH_SCTP_LIFETIME, 0x01020304},
        {0x03, ERR_INVALID, 0, 0, 0},
        {0x7f, ERR_INVALID, 0, 0, 0},
        {0x83, ERR_INVALID, 0, 0, 0},
        {0xff, ERR_INVALID, 0, 0, 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        uint8_t message[] = {3, rows[i].type, 0, 0, 1, 2, 3, 4, 0, 1, 0, 1, 'l', 'p'};
        struct dcep_open open;
        int err = dcep_parse_open(&open, (struct bytes){message, sizeof(message)});
        assert_int_equal(err, rows[i].expected);
        if (err != 0)
            continue;
        assert_int_equal(open.ordered, rows[i].ordered);
        assert_int_equal(open.reliability, rows[i].reliability);
        assert_int_equal(open.limit, rows[i].limit);
        assert_int_equal(open.label.data[0], 'l');
        assert_int_equal(open.protocol.data[0], 'p');
    }
}

static void refuses_what_is_cut_off(void **state)
{
    (void)state;
    struct dcep_open open;
    for (size_t len = 0; len < sizeof(lossy); len++) {
        uint8_t *exact = malloc(len + (len == 0)); /* so that ASan sees a read past it */
        memcpy(exact, lossy, len);
        assert_int_equal(dcep_parse_open(&open, (struct bytes){exact, len}), ERR_TRUNCATED);
        free(exact);
    }
    uint8_t lying[sizeof(lossy)];
    memcpy(lying, lossy, sizeof(lossy));
    be16_put(lying + 8, 0xffff);
    be16_put(lying + 10, 0xffff);
    assert_int_equal(dcep_parse_open(&open, (struct bytes){lying, sizeof(lying)}), ERR_TRUNCATED);
}

static void knows_messages_by_type(void **state)
{
    (void)state;
    for (int type = 0; type < 256; type++) {
        uint8_t byte = (uint8_t)type;
        int expected = type == 2 || type == 3 ? type : ERR_INVALID;
        assert_int_equal(dcep_type((struct bytes){&byte, 1}), expected);
    }
    assert_int_equal(dcep_type((struct bytes){NULL, 0}), ERR_INVALID);
}

static void writes_what_it_reads(void **state)
{
    (void)state;
    const struct orch_sctp_channel channel = {
        .label = "_lossy",
        .ordered = false,
        .reliability = ORCH_SCTP_RETRANSMITS,
    };
    uint8_t message[DCEP_OPEN_MAX];
    assert_int_equal(dcep_write_open(message, &channel), sizeof(lossy));
    be16_put(message + 2, 256); /* our priority is 0, the default */
    assert_memory_equal(message, lossy, sizeof(lossy));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parses_what_a_browser_sends), cmocka_unit_test(knows_the_channel_types),
        cmocka_unit_test(refuses_what_is_cut_off),     cmocka_unit_test(knows_messages_by_type),
        cmocka_unit_test(writes_what_it_reads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
