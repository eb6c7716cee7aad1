/* SPDX-License-Identifier: Apache-2.0
 *
 * Who may come in, and what the others are told.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>
#include <zlib.h>

#include "orchestrator/core/entry/entry.h"
#include "proto/protojson/protojson.h"
#include "proto/wire/wire.h"

#define NOW_S 1600000000

static const struct token_key key = {"key", "secret"};
static const struct token_keys keys = {&key, 1};

static char *sign(const char *identity, const struct token_video *video)
{
    struct token token = {.identity = identity, .has_video = true, .video = *video};
    char *text = token_sign(&token, &key, NOW_S, 600);
    assert_non_null(text);
    return text;
}

static char *encode(const uint8_t *data, size_t len)
{
    char *text = mem_alloc(PROTOJSON_ENCODED_LEN(len) + 1);
    protojson_base64_encode((struct bytes){data, len}, text);
    return text;
}

/* A join_request parameter; inner is the encoded JoinRequest, perhaps compressed. */
static char *wrap(const uint8_t *inner, size_t inner_len, bool gzip)
{
    Livekit__WrappedJoinRequest wrapped = LIVEKIT__WRAPPED_JOIN_REQUEST__INIT;
    wrapped.join_request = (ProtobufCBinaryData){inner_len, (uint8_t *)(uintptr_t)inner};
    wrapped.compression = gzip ? LIVEKIT__WRAPPED_JOIN_REQUEST__COMPRESSION__GZIP
                               : LIVEKIT__WRAPPED_JOIN_REQUEST__COMPRESSION__NONE;
    size_t len;
    uint8_t *packed = wire_pack(&wrapped.base, &len);
    char *text = encode(packed, len);
    free(packed);
    return text;
}

static uint8_t *join_request(int32_t protocol, size_t *len)
{
    Livekit__ClientInfo client = LIVEKIT__CLIENT_INFO__INIT;
    client.protocol = protocol;
    Livekit__JoinRequest request = LIVEKIT__JOIN_REQUEST__INIT;
    request.client_info = &client;
    request.participant_sid = "PA_1";
    return wire_pack(&request.base, len);
}

static char *plain_join(int32_t protocol)
{
    size_t len;
    uint8_t *inner = join_request(protocol, &len);
    char *text = wrap(inner, len, false);
    free(inner);
    return text;
}

static uint8_t *gzip(const uint8_t *data, size_t len, size_t *out_len)
{
    z_stream stream = {0};
    uint8_t *out = mem_alloc(len + 1024);
    assert_int_equal(deflateInit2(&stream, 9, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY),
                     Z_OK);
    stream.next_in = (uint8_t *)(uintptr_t)data;
    stream.avail_in = (unsigned)len;
    stream.next_out = out;
    stream.avail_out = (unsigned)len + 1024;
    assert_int_equal(deflate(&stream, Z_FINISH), Z_STREAM_END);
    *out_len = stream.total_out;
    deflateEnd(&stream);
    return out;
}

static struct entry_request request_for(const char *path, const char *token, const char *join)
{
    return (struct entry_request){.path = path,
                                  .authorization = "",
                                  .access_token = token,
                                  .join_request = join,
                                  .protocol = "",
                                  .room = ""};
}

static int check(const struct entry_request *request, char reason[ENTRY_REASON_MAX])
{
    struct entry entry;
    int status = entry_check(&entry, request, &keys, NOW_S, reason);
    if (status == 0) {
        entry_fini(&entry);
    }
    return status;
}

/* Goal: each way to be refused has its status and says why. */
static void refusals(void **state)
{
    (void)state;
    char long_name[ENTRY_NAME_MAX + 2];
    memset(long_name, 'x', sizeof(long_name) - 1);
    long_name[sizeof(long_name) - 1] = '\0';
    struct token_video good = {.room_join = true, .room = "r"}, no_join = {.room = "r"},
                       no_room = {.room_join = true},
                       long_room = {.room_join = true, .room = long_name};
    char *ok = sign("a", &good), *join17 = plain_join(17), *join14 = plain_join(14);
    char *tokens[] = {sign("a", &no_join), sign("", &good), sign(long_name, &good),
                      sign("a", &no_room), sign("a", &long_room)};
    const struct {
        const char *path, *token, *join;
        int status;
        const char *says;
    } table[] = {
        {"/rtc/v1", "", join17, 401, "no access token"},
        {"/rtc/v1", "garbage", join17, 401, "JWT"},
        {"/rtc/v1", tokens[0], join17, 401, "roomJoin"},
        {"/rtc/v1", tokens[1], join17, 400, "identity"},
        {"/rtc/v1", tokens[2], join17, 400, "identity"},
        {"/rtc/v1", tokens[3], join17, 400, "room"},
        {"/rtc/v1", tokens[4], join17, 400, "room"},
        {"/rtc/v1", ok, "", 400, "neither a join_request"},
        {"/rtc", ok, "", 400, "neither a join_request"},
        {"/rtc/v1", ok, "!", 400, "join_request"},
        {"/rtc/v1", ok, "AAAA", 400, "join_request"},
        {"/rtc/v1", ok, join14, 400, "protocol 14"},
        {"/rtc/v1/validate", ok, join14, 400, "protocol 14"},
        {"/rtc/v1", ok, join17, 0, NULL},
        {"/rtc", ok, join17, 0, NULL},
        {"/rtc/validate", ok, "", 0, NULL},
    };
    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        char reason[ENTRY_REASON_MAX] = "";
        struct entry_request request = request_for(table[i].path, table[i].token, table[i].join);
        print_message("%zu\n", i);
        assert_int_equal(check(&request, reason), table[i].status);
        if (table[i].says != NULL) {
            assert_non_null(strstr(reason, table[i].says));
        }
    }
    struct entry_request wrong[3]; /* what nobody else looks at goes far all the same */
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        wrong[i] = request_for("/rtc/v1", ok, join17);
    }
    wrong[0].authorization = "Basic \xff";
    wrong[1].protocol = "\xc3(";
    wrong[2].room = "\xed\xa0\x80";
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        char reason[ENTRY_REASON_MAX] = "";
        assert_int_equal(check(&wrong[i], reason), 400);
        assert_non_null(strstr(reason, "UTF-8"));
    }
    for (size_t i = 0; i < ARRAY_LEN(tokens); i++) {
        free(tokens[i]);
    }
    free(ok);
    free(join17);
    free(join14);
}

/* Values of the query, NULL-terminated pairs of name and value. */
static char *from_query(const char *const pairs[])
{
    const char *values[ENTRY_PARAMETERS];
    for (size_t i = 0; i < ENTRY_PARAMETERS; i++) {
        values[i] = "";
        for (size_t k = 0; pairs[k] != NULL; k += 2) {
            values[i] = strcmp(pairs[k], entry_parameters[i]) == 0 ? pairs[k + 1] : values[i];
        }
    }
    return entry_from_parameters(values);
}

/* Goal: what v0 says in its query reads as a join request; what it leaves out has v0's defaults. */
static void query_of_v0(void **state)
{
    (void)state;
    struct token_video video = {.room_join = true, .room = "r"};
    char *token = sign("a", &video), reason[ENTRY_REASON_MAX];
    static const char *const said[] = {"sdk",
                                       "go",
                                       "protocol",
                                       "17",
                                       "client_protocol",
                                       "2",
                                       "auto_subscribe",
                                       "0",
                                       "adaptive_stream",
                                       "true",
                                       "reconnect",
                                       "1",
                                       "reconnect_reason",
                                       "3",
                                       "sid",
                                       "PA_x",
                                       "capabilities",
                                       "CAP_X,CAP_PACKET_TRAILER",
                                       "attributes",
                                       "eyJjb2xvdXIiOiJyZWQiLCJuIjoxfQ==",
                                       NULL};
    static const char *const bare[] = {"protocol", "9", "attributes", "!", NULL};
    static const char *const old[] = {"protocol", "8", NULL};
    struct entry entry;
    char *text = from_query(said);
    struct entry_request request = request_for("/rtc", token, "");
    assert_false(entry_is_v0(&request)); /* no protocol: somebody with curl */
    request.protocol = "17";
    assert_true(entry_is_v0(&request));
    request.join_request = text;
    assert_false(entry_is_v0(&request));
    request.two_connections = true;
    assert_int_equal(entry_check(&entry, &request, &keys, NOW_S, reason), 0);
    const Livekit__JoinRequest *join = entry.request;
    assert_true(entry.two_connections);
    assert_int_equal(join->client_info->sdk, LIVEKIT__CLIENT_INFO__SDK__GO);
    assert_int_equal(join->client_info->client_protocol, 2);
    assert_int_equal(join->client_info->n_capabilities, 1);
    assert_false(join->connection_settings->auto_subscribe);
    assert_true(join->connection_settings->adaptive_stream);
    assert_true(join->reconnect);
    assert_int_equal(join->reconnect_reason, LIVEKIT__RECONNECT_REASON__RR_SUBSCRIBER_FAILED);
    assert_string_equal(join->participant_sid, "PA_x");
    assert_int_equal(join->n_participant_attributes, 1);
    assert_string_equal(join->participant_attributes[0]->value, "red");
    entry_fini(&entry);
    free(text);

    request.join_request = text = from_query(bare);
    assert_int_equal(entry_check(&entry, &request, &keys, NOW_S, reason), 0);
    assert_true(entry.request->connection_settings->auto_subscribe);
    assert_false(entry.request->reconnect);
    assert_int_equal(entry.request->n_participant_attributes, 0);
    entry_fini(&entry);
    free(text);

    request.join_request = text = from_query(old);
    assert_int_equal(check(&request, reason), 400);
    assert_non_null(strstr(reason, "protocol 8"));
    free(text);
    free(token);
}

/* Goal: the header wins over the query, and v0's room parameter serves tokens without a room. */
static void where_things_come_from(void **state)
{
    (void)state;
    struct token_video any = {.room_join = true};
    char *token = sign("a", &any), *join = plain_join(17), header[4096];
    struct entry entry;
    char reason[ENTRY_REASON_MAX];
    snprintf(header, sizeof(header), "Bearer %s", token);
    struct entry_request request = request_for("/rtc/v1", "garbage", join);
    request.authorization = header;
    request.room = "lobby";
    assert_int_equal(entry_check(&entry, &request, &keys, NOW_S, reason), 0);
    assert_string_equal(entry.room, "lobby");
    assert_string_equal(entry.token.identity, "a");
    assert_string_equal(entry.request->participant_sid, "PA_1");
    entry_fini(&entry);
    free(token);
    free(join);
}

/* Goal: compressed requests are read, cut ones refused, and a bomb stops at 1 MiB. */
static void compression(void **state)
{
    (void)state;
    size_t len, packed_len;
    uint8_t *inner = join_request(17, &len);
    uint8_t *packed = gzip(inner, len, &packed_len);
    Livekit__JoinRequest *request;
    char *text = wrap(packed, packed_len, true);
    assert_int_equal(entry_decode(text, &request), 0);
    assert_int_equal(request->client_info->protocol, 17);
    livekit__join_request__free_unpacked(request, NULL);
    free(text);

    text = wrap(packed, packed_len - 9, true);
    assert_int_equal(entry_decode(text, &request), ERR_INVALID);
    free(text);
    text = wrap(inner, len, true); /* says gzip and is not */
    assert_int_equal(entry_decode(text, &request), ERR_INVALID);
    free(text);
    free(packed);

    uint8_t *zeros = mem_alloc(8 << 20);
    packed = gzip(zeros, 8 << 20, &packed_len);
    text = wrap(packed, packed_len, true);
    assert_int_equal(entry_decode(text, &request), ERR_TOO_BIG);
    free(text);
    free(packed);
    free(zeros);
    free(inner);

    char *endless = mem_alloc(ENTRY_REQUEST_MAX + 2);
    memset(endless, 'A', ENTRY_REQUEST_MAX + 1);
    assert_int_equal(entry_decode(endless, &request), ERR_TOO_BIG);
    free(endless);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refusals),
        cmocka_unit_test(query_of_v0),
        cmocka_unit_test(where_things_come_from),
        cmocka_unit_test(compression),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
