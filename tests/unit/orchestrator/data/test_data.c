/* SPDX-License-Identifier: Apache-2.0
 *
 * Data packets are routed by what they say and stamped with who sent them, without being decoded.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "orchestrator/core/data/data.h"

#define BYTES(...)                                                                                 \
    (struct bytes)                                                                                 \
    {                                                                                              \
        (const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__})                     \
    }

/* Goal: which packets are understood and which are refused, as a table. */
static void parse_table(void **state)
{
    (void)state;
    static const struct {
        const char *what;
        uint8_t bytes[24];
        size_t len;
        int err;
        enum data_value value;
        uint32_t sequence;
        bool addressed;
    } table[] = {
        {"user packet", {0x12, 0x03, 0x12, 0x01, 'x'}, 5, 0, DATA_VALUE_USER, 0, false},
        {"with a sequence",
         {0x12, 0x03, 0x12, 0x01, 'x', 0x80, 0x01, 0x07},
         8,
         0,
         DATA_VALUE_USER,
         7,
         false},
        {"addressed",
         {0x12, 0x03, 0x12, 0x01, 'x', 0x2a, 0x01, 'b'},
         8,
         0,
         DATA_VALUE_USER,
         0,
         true},
        {"addressed inside", {0x12, 0x03, 0x32, 0x01, 'b'}, 5, 0, DATA_VALUE_USER, 0, true},
        {"chunk", {0x72, 0x00}, 2, 0, DATA_VALUE_STREAM_CHUNK, 0, false},
        {"encrypted", {0x92, 0x01, 0x00}, 3, 0, DATA_VALUE_ENCRYPTED, 0, false},
        {"unknown fields pass", {0xf8, 0x07, 0x01, 0x12, 0x00}, 5, 0, DATA_VALUE_USER, 0, false},
        {"nothing", {0}, 0, ERR_INVALID, 0, 0, false},
        {"no value", {0x08, 0x01}, 2, ERR_INVALID, 0, 0, false},
        {"length too long", {0x12, 0x7f, 0x00}, 3, ERR_INVALID, 0, 0, false},
        {"body is not protobuf", {0x12, 0x02, 0x12, 0x7f}, 4, ERR_INVALID, 0, 0, false},
        {"field zero", {0x02, 0x00}, 2, ERR_INVALID, 0, 0, false},
        {"group", {0x13, 0x14}, 2, ERR_INVALID, 0, 0, false},
        {"endless varint",
         {0x80, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff},
         12,
         ERR_INVALID,
         0,
         0,
         false},
    };
    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        struct data_packet packet = {0};
        print_message("%s\n", table[i].what);
        assert_int_equal(data_packet_parse((struct bytes){table[i].bytes, table[i].len}, &packet),
                         table[i].err);
        assert_int_equal(packet.value, table[i].value);
        assert_int_equal(packet.sequence, table[i].sequence);
        assert_int_equal(packet.addressed, table[i].addressed);
    }
    uint8_t *large = mem_alloc(DATA_PACKET_MAX + 1);
    struct data_packet packet;
    assert_int_equal(data_packet_parse((struct bytes){large, DATA_PACKET_MAX + 1}, &packet),
                     ERR_TOO_BIG);
    free(large);
}

/* Goal: destinations of the packet and of the user packet inside select receivers. */
static void destinations(void **state)
{
    (void)state;
    struct data_packet all, named, inner;
    assert_int_equal(data_packet_parse(BYTES(0x12, 0x00), &all), 0);
    assert_int_equal(data_packet_parse(BYTES(0x12, 0x00, 0x2a, 0x01, 'b', 0x2a, 0x01, 'c'), &named),
                     0);
    assert_int_equal(data_packet_parse(BYTES(0x12, 0x06, 0x1a, 0x01, 'S', 0x32, 0x01, 'd'), &inner),
                     0);

    assert_true(data_packet_for(&all, "anybody", "PA"));
    assert_true(data_packet_for(&named, "b", "PA"));
    assert_true(data_packet_for(&named, "c", "PA"));
    assert_false(data_packet_for(&named, "bc", "PA"));
    assert_false(data_packet_for(&named, "", "PA"));
    assert_true(data_packet_for(&inner, "d", "PA"));
    assert_true(data_packet_for(&inner, "x", "S"));
    assert_false(data_packet_for(&inner, "x", "PA"));
}

/* Goal: what a client says of itself is overruled by the stamp, and the rest is untouched. */
static void stamp_wins(void **state)
{
    (void)state;
    /* a stream chunk */
    struct bytes forged = BYTES(0x22, 0x04, 'e', 'v', 'i', 'l', 0x72, 0x03, 0x1a, 0x01, 'x');
    struct data_packet packet, stamped;
    assert_int_equal(data_packet_parse(forged, &packet), 0);
    size_t len;
    uint8_t *copy = data_packet_stamp(&packet, "alice", "PA_1", &len);
    assert_int_equal(data_packet_parse((struct bytes){copy, len}, &stamped), 0);
    assert_memory_equal(copy, forged.data, forged.len);

    /* Last one wins, as every protobuf parser has it. */
    static const uint8_t tail[] = {0x22, 5,    'a', 'l', 'i', 'c', 'e',
                                   0x8a, 0x01, 4,   'P', 'A', '_', '1'};
    assert_int_equal(len, forged.len + sizeof(tail));
    assert_memory_equal(copy + forged.len, tail, sizeof(tail));
    free(copy);
}

/* Goal: nor is what it says inside a user packet believed, wherever it says it. */
static void stamp_inside_user(void **state)
{
    (void)state;
    struct data_packet packet;
    assert_int_equal(data_packet_parse(BYTES(0x12, 0x03, 0x0a, 0x01, 'E',            /* forged */
                                             0x12, 0x86, 0x00,                       /* 6 bytes */
                                             0x12, 0x01, 'x', 0x2a, 0x01, 'e', 0x80, /* forged */
                                             0x01, 0x07),
                                       &packet),
                     0);
    size_t len;
    uint8_t *copy = data_packet_stamp(&packet, "al", "PA", &len);
    static const uint8_t expected[] = {
        0x12, 0x03, 0x0a, 0x01, 'E',                   /* merged with what follows */
        0x12, 0x0e, 0x12, 0x01, 'x',  0x2a, 0x01, 'e', /* as it was */
        0x0a, 0x02, 'P',  'A',  0x2a, 0x02, 'a',  'l', /* overruled */
        0x80, 0x01, 0x07,                              /* the sequence */
        0x22, 0x02, 'a',  'l',  0x8a, 0x01, 0x02, 'P', 'A',
    };
    assert_int_equal(len, sizeof(expected));
    assert_memory_equal(copy, expected, len);
    free(copy);
}

/* Goal: the replay keeps 2 s and 100 KB, the newest, in order. */
static void replay_bounds(void **state)
{
    (void)state;
    struct data_replay replay = {0};
    static uint8_t packet[30 * 1024];
    for (int i = 0; i < 5; i++) {
        data_replay_add(&replay, TIME_MS(100 * i), "alice", (struct bytes){packet, sizeof(packet)});
    }
    assert_int_equal(replay.count, 3);
    assert_true(replay.bytes <= DATA_REPLAY_BYTES_MAX);
    assert_int_equal(replay.entries[0].ordinal, 3);
    assert_int_equal(replay.entries[2].ordinal, 5);

    data_replay_expire(&replay, TIME_MS(300) + DATA_REPLAY_US);
    assert_int_equal(replay.count, 1);
    data_replay_expire(&replay, TIME_MS(400) + DATA_REPLAY_US);
    assert_int_equal(replay.count, 0);
    assert_int_equal(replay.bytes, 0);
    data_replay_fini(&replay);
}

/* Goal: data track handles are read from and written into the 12-byte header only. */
static void track_header(void **state)
{
    (void)state;
    uint8_t packet[13] = {0x18, 0, 0x12, 0x34, 0, 1, 0, 2, 0, 0, 0, 3, 'x'};
    uint16_t handle = 0;
    assert_int_equal(data_track_handle((struct bytes){packet, sizeof(packet)}, &handle), 0);
    assert_int_equal(handle, 0x1234);
    data_track_set_handle(packet, 7);
    assert_int_equal(data_track_handle((struct bytes){packet, sizeof(packet)}, &handle), 0);
    assert_int_equal(handle, 7);
    assert_int_equal(data_track_handle((struct bytes){packet, 11}, &handle), ERR_TRUNCATED);
    packet[0] = 0x20;
    assert_int_equal(data_track_handle((struct bytes){packet, 13}, &handle), ERR_UNSUPPORTED);
    packet[0] = 0;
    data_track_set_handle(packet, 0);
    assert_int_equal(data_track_handle((struct bytes){packet, 13}, &handle), ERR_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parse_table),   cmocka_unit_test(destinations),
        cmocka_unit_test(stamp_wins),    cmocka_unit_test(stamp_inside_user),
        cmocka_unit_test(replay_bounds), cmocka_unit_test(track_header),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
