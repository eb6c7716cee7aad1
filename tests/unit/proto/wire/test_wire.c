/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal: a stranger's binary message costs bounded memory and holds UTF-8 only; helpers tell maps
 * and set fields apart.
 */
#include "proto/gen/client.pb-c.h"
#include "proto/wire/wire.h"

#include <setjmp.h>
#include <stdlib.h>

#include <cmocka.h>

static const struct {
    const char *text;
    size_t valid;
} texts[] = {
    {"", 0},
    {"plain", 5},
    {"\xc2\x80\xdf\xbf", 4},
    {"\xe0\xa0\x80\xed\x9f\xbf\xee\x80\x80", 9},
    {"\xf0\x90\x80\x80\xf4\x8f\xbf\xbf", 8},
    {"a\x80", 1},        /* continuation without a start */
    {"a\xc0\x80", 1},    /* overlong */
    {"\xc1\xbf", 0},     /* overlong */
    {"\xe0\x9f\xbf", 0}, /* overlong */
    {"\xf0\x8f\xbf\xbf", 0},
    {"ab\xed\xa0\x80", 2},   /* surrogate */
    {"\xf4\x90\x80\x80", 0}, /* above U+10FFFF */
    {"\xf5\x80\x80\x80", 0},
    {"\xff", 0},
    {"\xc3", 0}, /* cut */
    {"\xe2\x82", 0},
    {"\xf0\x9f\x98", 0},
    {"x\xe2\x28\xa1", 1},
    {"x\xf0\x9f\x98\x28", 1},
};

static void test_utf8(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        size_t len = strlen(texts[i].text);
        char *exact = malloc(len + (len == 0)); /* no NUL behind: reading on would be seen */
        memcpy(exact, texts[i].text, len);
        assert_int_equal(wire_utf8(exact, len), texts[i].valid);
        free(exact);
    }
}

static int unpack(const ProtobufCMessageDescriptor *descriptor, const void *data, size_t len)
{
    ProtobufCMessage *message = NULL;
    int err = wire_unpack(descriptor, (struct bytes){data, len}, &message);
    if (err == 0) {
        protobuf_c_message_free_unpacked(message, NULL);
    } else {
        assert_null(message);
    }
    return err;
}

/* Text is checked wherever it is: in a field, a oneof, a list, a map, a message inside. */
static void test_text_must_be_utf8(void **state)
{
    (void)state;
    static const struct {
        const ProtobufCMessageDescriptor *descriptor;
        const char *bytes; /* the byte '?' is replaced */
    } cases[] = {
        {&livekit__room_update__descriptor, "\x0a\x03\x12\x01?"},
        {&livekit__signal_response__descriptor, "\x82\x01\x01?"},
        {&livekit__update_subscription__descriptor, "\x0a\x01z\x0a\x01?"},
        {&livekit__session_description__descriptor, "\x22\x06\x0a\x01z\x12\x01?"},
        {&livekit__session_description__descriptor, "\x22\x06\x0a\x01?\x12\x01z"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char bytes[16];
        size_t len = strlen(cases[i].bytes);
        memcpy(bytes, cases[i].bytes, len);
        char *mark = memchr(bytes, '?', len);
        assert_int_equal(unpack(cases[i].descriptor, bytes, len), 0);
        *mark = (char)0xff;
        assert_int_equal(unpack(cases[i].descriptor, bytes, len), ERR_INVALID);
    }
    /* The bytes of a bytes field are nobody's text. */
    assert_int_equal(unpack(&livekit__wrapped_join_request__descriptor, "\x12\x01\xff", 3), 0);
}

static void test_malformed(void **state)
{
    (void)state;
    assert_int_equal(unpack(&livekit__room_update__descriptor, "\x0a\x05\x12", 3), ERR_INVALID);
    assert_int_equal(unpack(&livekit__room_update__descriptor, "\xff", 1), ERR_INVALID);
    assert_int_equal(unpack(&livekit__room_update__descriptor, "", 0), 0);
    /* Unknown fields: number 0 in the two-byte form that protobuf-c takes, and a sound one. */
    assert_int_equal(unpack(&livekit__room_update__descriptor, "\x80\x00\x00", 3), ERR_INVALID);
    assert_int_equal(unpack(&livekit__room_update__descriptor, "\x0a\x03\x80\x00\x00", 5),
                     ERR_INVALID);
    assert_int_equal(unpack(&livekit__room_update__descriptor, "\x80\x40\x00", 3), 0);
}

/* A participant list of empty participants: two bytes of input for a structure of hundreds. */
static void test_memory_bound(void **state)
{
    (void)state;
    size_t len = 2 << 20;
    uint8_t *bytes = mem_alloc(len);
    for (size_t i = 0; i < len; i += 2) {
        bytes[i] = 0x0a;
    }
    assert_int_equal(unpack(&livekit__participant_update__descriptor, bytes, 64), 0);
    assert_int_equal(unpack(&livekit__participant_update__descriptor, bytes, len), ERR_TOO_BIG);
    free(bytes);
}

/* The densest honest message: a subscription by nothing but track ids. */
static void test_memory_suffices(void **state)
{
    (void)state;
    enum { COUNT = 100000 };
    char sid[] = "TR_AM0123456789ab";
    char **sids = mem_array(COUNT, sizeof(*sids));
    for (size_t i = 0; i < COUNT; i++) {
        sids[i] = sid;
    }
    Livekit__UpdateSubscription subscription = LIVEKIT__UPDATE_SUBSCRIPTION__INIT;
    subscription.track_sids = sids;
    subscription.n_track_sids = COUNT;
    size_t len;
    uint8_t *bytes = wire_pack(&subscription.base, &len);
    assert_int_equal(unpack(&livekit__update_subscription__descriptor, bytes, len), 0);
    free(bytes);
    free(sids);
}

static const ProtobufCFieldDescriptor *field_of(const ProtobufCMessageDescriptor *descriptor,
                                                const char *name)
{
    return protobuf_c_message_descriptor_get_field_by_name(descriptor, name);
}

static void test_maps(void **state)
{
    (void)state;
    static const struct {
        const ProtobufCMessageDescriptor *descriptor;
        const char *field;
        bool map;
    } cases[] = {
        {&livekit__session_description__descriptor, "mid_to_track_id", true},
        {&livekit__data_track_subscriber_handles__descriptor, "sub_handles", true},
        {&livekit__data_stream__header__descriptor, "attributes", true},
        {&livekit__participant_update__descriptor, "participants", false},
        {&livekit__update_subscription__descriptor, "track_sids", false},
        {&livekit__join_response__descriptor, "room", false},
        /* Two fields numbered 1 and 2, but no entry of protoc's. */
        {&livekit__subscribed_audio_codec_update__descriptor, "subscribed_audio_codecs", false},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const ProtobufCFieldDescriptor *field = field_of(cases[i].descriptor, cases[i].field);
        assert_int_equal(wire_is_map(cases[i].descriptor, field), cases[i].map);
    }
}

static void test_has(void **state)
{
    (void)state;
    const ProtobufCMessageDescriptor *d = &livekit__user_packet__descriptor;
    Livekit__UserPacket packet = LIVEKIT__USER_PACKET__INIT;
    static const char *const names[] = {"payload", "participant_sid", "topic", "destination_sids"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        assert_false(wire_has(&packet.base, field_of(d, names[i])));
    }
    char empty[] = "", sid[] = "PA_1";
    char *sids[] = {sid};
    packet.payload = (ProtobufCBinaryData){1, (uint8_t *)sid};
    packet.participant_sid = sid;
    packet.destination_sids = sids;
    packet.n_destination_sids = 1;
    packet.has_topic_case = LIVEKIT__USER_PACKET__HAS_TOPIC_TOPIC;
    packet.topic = empty;
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        assert_true(wire_has(&packet.base, field_of(d, names[i])));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_utf8),
        cmocka_unit_test(test_text_must_be_utf8),
        cmocka_unit_test(test_malformed),
        cmocka_unit_test(test_memory_bound),
        cmocka_unit_test(test_memory_suffices),
        cmocka_unit_test(test_maps),
        cmocka_unit_test(test_has),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
