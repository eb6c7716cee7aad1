/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal: each rule of the proto3 JSON mapping, both ways, and an error with its place for each
 * breach of one.
 */
#include "proto/gen/kinds.pb-c.h"
#include "proto/protojson/protojson.h"
#include "proto/wire/wire.h"

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static const struct protojson_options plain = {0};
static const struct protojson_options lenient = {.ignore_unknown = true};

static ProtobufCMessage *parsed(const char *text, const struct protojson_options *options)
{
    ProtobufCMessage *message = NULL;
    struct protojson_error error = {""};
    int err =
        protojson_parse(&test__kinds__descriptor, text, strlen(text), options, &message, &error);
    if (err != 0) {
        fail_msg("%s: %s", text, error.text);
    }
    return message;
}

static void assert_prints(ProtobufCMessage *message, const struct protojson_options *options,
                          const char *expected)
{
    size_t len;
    char *text = protojson_print(message, options, &len);
    assert_string_equal(text, expected);
    assert_int_equal(len, strlen(text));
    free(text);
}

/* What is read, and what the message prints as; NULL: the same text. */
static const struct {
    const char *in, *out;
} mappings[] = {
    {"{}", NULL},
    {" { } \n", "{}"},
    /* Names. */
    {"{\"someText\":\"a\"}", NULL},
    {"{\"some_text\":\"a\"}", "{\"someText\":\"a\"}"},
    {"{\"mixedCase\":\"a\"}", NULL},
    {"{\"i32\":3,\"sf64\":\"-4\"}", NULL},
    /* Integers: numbers or text, with a fraction of zero or an exponent; 64 bits go out as text. */
    {"{\"i32\":-2147483648,\"u32\":4294967295,\"s32\":2147483647,\"f32\":1,\"sf32\":-1}", NULL},
    {"{\"i32\":\"-2147483648\",\"u32\":\"4294967295\"}",
     "{\"i32\":-2147483648,\"u32\":4294967295}"},
    {"{\"i32\":1.0,\"u32\":1e3,\"i64\":-50e-1}", "{\"i32\":1,\"i64\":\"-5\",\"u32\":1000}"},
    {"{\"i64\":\"-9223372036854775808\",\"u64\":\"18446744073709551615\"}", NULL},
    {"{\"i64\":-9223372036854775808,\"s64\":9223372036854775807,\"f64\":12}",
     "{\"i64\":\"-9223372036854775808\",\"s64\":\"9223372036854775807\",\"f64\":\"12\"}"},
    {"{\"i32\":-0,\"u32\":\"-0\",\"u64\":-0.0}", "{}"},
    /* Numbers with a fraction. */
    {"{\"aDouble\":0.5,\"aFloat\":-0.25}", NULL},
    {"{\"aDouble\":\"0.5\",\"aFloat\":\"1e2\"}", "{\"aDouble\":0.5,\"aFloat\":100.0}"},
    {"{\"aDouble\":\"NaN\",\"aFloat\":\"-Infinity\"}", NULL},
    {"{\"aFloat\":\"Infinity\",\"aDouble\":7}", "{\"aDouble\":7.0,\"aFloat\":\"Infinity\"}"},
    {"{\"aDouble\":-0.0}", "{}"},
    /* Truth, text, bytes. */
    {"{\"truth\":true}", NULL},
    {"{\"truth\":false,\"someText\":\"\",\"someBytes\":\"\"}", "{}"},
    {"{\"someText\":\"\\u00e9 \\ud83d\\ude00 \\\" \\\\ \\n \\/\"}",
     "{\"someText\":\"\xc3\xa9 \xf0\x9f\x98\x80 \\\" \\\\ \\n /\"}"},
    {"{\"someBytes\":\"-_8\"}", "{\"someBytes\":\"+/8=\"}"},
    {"{\"blobs\":[\"\",\"AA==\"]}", NULL},
    /* Enums: name or number, known or not. */
    {"{\"colour\":\"GREEN\"}", NULL},
    {"{\"colour\":-2,\"colours\":[0,\"BLUE\",77]}",
     "{\"colour\":\"BLUE\",\"colours\":[\"RED\",\"BLUE\",77]}"},
    {"{\"colour\":\"RED\"}", "{}"},
    /* Messages: one that is there but empty is not one that is absent. */
    {"{\"child\":{}}", NULL},
    {"{\"child\":{\"child\":{\"i32\":1}},\"children\":[{},{\"truth\":true}]}", NULL},
    /* null is absence. */
    {"{\"i32\":null,\"someText\":null,\"child\":null,\"numbers\":null,\"labels\":null,"
     "\"word\":null,\"maybe\":null}",
     "{}"},
    /* A oneof's member is there even with its type's zero; so is an optional field. */
    {"{\"word\":\"\"}", NULL},
    {"{\"number\":\"0\"}", NULL},
    {"{\"tree\":{\"word\":\"x\"}}", NULL},
    {"{\"paint\":\"RED\"}", NULL},
    {"{\"maybe\":0}", NULL},
    {"{\"word\":\"a\",\"number\":null}", "{\"word\":\"a\"}"},
    /* Lists and maps. */
    {"{\"numbers\":[1,\"2\",-3],\"words\":[\"\",\"b\"]}",
     "{\"numbers\":[1,2,-3],\"words\":[\"\",\"b\"]}"},
    {"{\"numbers\":[],\"labels\":{}}", "{}"},
    {"{\"labels\":{\"some_key\":\"v\",\"\":\"\"}}", NULL},
    {"{\"byI32\":{\"-1\":\"18446744073709551615\",\"2\":3}}",
     "{\"byI32\":{\"-1\":\"18446744073709551615\",\"2\":\"3\"}}"},
    {"{\"byU64\":{\"18446744073709551615\":{},\"0\":{\"i32\":1}}}", NULL},
    {"{\"byTruth\":{\"true\":\"BLUE\",\"false\":1}}",
     "{\"byTruth\":{\"true\":\"BLUE\",\"false\":\"GREEN\"}}"},
};

static void test_mappings(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(mappings); i++) {
        const char *out = mappings[i].out != NULL ? mappings[i].out : mappings[i].in;
        ProtobufCMessage *message = parsed(mappings[i].in, &plain);
        assert_prints(message, &plain, out);

        size_t len;
        uint8_t *packed = wire_pack(message, &len);
        ProtobufCMessage *again = NULL;
        assert_int_equal(wire_unpack(&test__kinds__descriptor, (struct bytes){packed, len}, &again),
                         0);
        assert_prints(again, &plain, out);
        protobuf_c_message_free_unpacked(again, NULL);
        protobuf_c_message_free_unpacked(message, NULL);
        free(packed);
    }
}

static const struct {
    const char *in, *error;
} breaches[] = {
    {"", "line 1, column 0: '[' or '{' expected near end of file"},
    {"[]", "an object expected"},
    {"{\"i32\":1", "line 1, column 8: '}' expected near end of file"},
    {"{\"i32\":1}x", "line 1, column 10: end of file expected near 'x'"},
    {"{\"i32\":1,\"i32\":1}", "line 1, column 14: duplicate object key near '\"i32\"'"},
    {"{\"someText\":\"\\u0000\"}",
     "line 1, column 20: \\u0000 is not allowed without JSON_ALLOW_NUL near '\"\\u0000\"'"},
    {"{\"someText\":\"\xff\"}", "line 1, column 13: unable to decode byte 0xff near '\"'"},
    {"{\"someText\":\"a\",\"some_text\":\"b\"}", "someText: given twice"},
    {"{\"nope\":1}", "no field \"nope\" in Kinds"},
    {"{\"SomeText\":\"a\"}", "no field \"SomeText\" in Kinds"},
    {"{\"child\":{\"nope\":null}}", "child: no field \"nope\" in Kinds"},
    {"{\"i32\":2147483648}", "i32: does not fit int32"},
    {"{\"i32\":-2147483649}", "i32: does not fit int32"},
    {"{\"i32\":1.5}", "i32: an integer expected"},
    {"{\"i32\":\"\"}", "i32: an integer expected"},
    {"{\"i32\":\"-\"}", "i32: an integer expected"},
    {"{\"i32\":\" 1\"}", "i32: an integer expected"},
    {"{\"i32\":\"0x1\"}", "i32: an integer expected"},
    {"{\"i32\":true}", "i32: an integer expected"},
    {"{\"u32\":-1}", "u32: does not fit uint32"},
    {"{\"u32\":4294967296}", "u32: does not fit uint32"},
    {"{\"i64\":\"9223372036854775808\"}", "i64: does not fit int64"},
    {"{\"u64\":\"18446744073709551616\"}", "u64: an integer expected"},
    {"{\"u64\":1e20}", "u64: an integer expected"},
    {"{\"aFloat\":1e39}", "aFloat: does not fit float"},
    {"{\"aDouble\":\"1e999\"}", "aDouble: a number expected"},
    {"{\"aDouble\":\"\"}", "aDouble: a number expected"},
    {"{\"aDouble\":\"nan\"}", "aDouble: a number expected"},
    {"{\"aDouble\":\"0x10\"}", "aDouble: a number expected"},
    {"{\"aDouble\":[]}", "aDouble: a number expected"},
    {"{\"truth\":1}", "truth: true or false expected"},
    {"{\"truth\":\"true\"}", "truth: true or false expected"},
    {"{\"someText\":1}", "someText: text expected"},
    {"{\"someBytes\":\"?\"}", "someBytes: base64 text expected"},
    {"{\"someBytes\":[1]}", "someBytes: base64 text expected"},
    {"{\"colour\":\"PINK\"}", "colour: no value \"PINK\""},
    {"{\"colour\":true}", "colour: the name or number of an enum value expected"},
    {"{\"colour\":4294967296}", "colour: does not fit int32"},
    {"{\"child\":[]}", "child: an object expected"},
    {"{\"word\":\"a\",\"number\":1}", "number: excludes a field given before"},
    {"{\"numbers\":{}}", "numbers: a list expected"},
    {"{\"numbers\":[1,null]}", "numbers[1]: an integer expected"},
    {"{\"children\":[{},{\"words\":[\"\",7]}]}", "children[1].words[1]: text expected"},
    {"{\"labels\":[]}", "labels: an object expected"},
    {"{\"labels\":{\"a\":null}}", "labels.a: text expected"},
    {"{\"by_i32\":{\"x\":1}}", "by_i32.x: an integer expected"},
    {"{\"byTruth\":{\"maybe\":0}}", "byTruth.maybe: true or false expected"},
    {"{\"byU64\":{\"1\":{\"i32\":\"x\"}}}", "byU64.1.i32: an integer expected"},
};

static void test_breaches(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(breaches); i++) {
        ProtobufCMessage *message = NULL;
        struct protojson_error error = {""};
        const char *in = breaches[i].in;
        if (protojson_parse(&test__kinds__descriptor, in, strlen(in), &plain, &message, &error) !=
            ERR_INVALID) {
            fail_msg("%s was taken", in);
        }
        assert_null(message);
        assert_string_equal(error.text, breaches[i].error);
        assert_int_equal(
            protojson_parse(&test__kinds__descriptor, in, strlen(in), &plain, &message, NULL),
            ERR_INVALID);
    }
}

/* Newer senders know fields and enum values that we do not. */
static void test_ignore_unknown(void **state)
{
    (void)state;
    ProtobufCMessage *message =
        parsed("{\"nope\":{\"deep\":[1,{}]},\"colour\":\"PINK\",\"colours\":[\"RED\",\"PINK\",1],"
               "\"byTruth\":{\"true\":\"PINK\",\"false\":\"BLUE\"},\"paint\":\"PINK\",\"i32\":1}",
               &lenient);
    assert_prints(message, &plain,
                  "{\"i32\":1,\"colours\":[\"RED\",\"GREEN\"],\"byTruth\":{\"false\":\"BLUE\"}}");
    protobuf_c_message_free_unpacked(message, NULL);
}

static void test_proto_names_and_all_fields(void **state)
{
    (void)state;
    ProtobufCMessage *message = parsed("{\"someText\":\"a\",\"i64\":1,\"maybe\":0}", &plain);
    assert_prints(message, &(struct protojson_options){.proto_names = true},
                  "{\"i64\":\"1\",\"some_text\":\"a\",\"maybe\":0}");
    assert_prints(message, &(struct protojson_options){.proto_names = true, .all_fields = true},
                  "{\"a_double\":0.0,\"a_float\":0.0,\"i32\":0,\"i64\":\"1\",\"u32\":0,"
                  "\"u64\":\"0\",\"s32\":0,\"s64\":\"0\",\"f32\":0,\"f64\":\"0\",\"sf32\":0,"
                  "\"sf64\":\"0\",\"truth\":false,\"some_text\":\"a\",\"some_bytes\":\"\","
                  "\"colour\":\"RED\",\"child\":null,\"maybe\":0,\"numbers\":[],\"words\":[],"
                  "\"colours\":[],\"children\":[],\"blobs\":[],\"labels\":{},\"by_i32\":{},"
                  "\"by_u64\":{},\"by_truth\":{},\"mixedCase\":\"\"}");
    protobuf_c_message_free_unpacked(message, NULL);
}

/* Binary input may carry what JSON cannot: bad text, and map entries without a value. */
static void test_print_repairs(void **state)
{
    (void)state;
    Test__Kinds__ByU64Entry entry = TEST__KINDS__BY_U64_ENTRY__INIT;
    entry.key = 7;
    Test__Kinds__ByU64Entry *entries[] = {&entry};
    Test__Kinds kinds = TEST__KINDS__INIT;
    kinds.some_text = (char *)(uintptr_t) "a\xff\xc3\xa9\xed\xa0\x80z\xc3";
    kinds.n_by_u64 = 1;
    kinds.by_u64 = entries;
    assert_prints(&kinds.base, &plain,
                  "{\"someText\":\"a\xef\xbf\xbd\xc3\xa9\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbdz"
                  "\xef\xbf\xbd\",\"byU64\":{\"7\":{}}}");
}

/* A text built piece by piece into memory of a fixed size. */
struct builder {
    char *text;
    size_t len, size;
};

static struct builder builder_new(size_t size)
{
    return (struct builder){.text = mem_alloc(size), .size = size};
}

static void put(struct builder *builder, const char *piece)
{
    size_t len = strlen(piece);
    assert_true(builder->len + len < builder->size);
    memcpy(builder->text + builder->len, piece, len + 1);
    builder->len += len;
}

static char *nested(size_t depth)
{
    struct builder builder = builder_new(depth * 10 + 1);
    for (size_t i = 1; i < depth; i++) {
        put(&builder, "{\"child\":");
    }
    put(&builder, "{");
    for (size_t i = 0; i < depth; i++) {
        put(&builder, "}");
    }
    return builder.text;
}

static int parse_freed(const char *text, struct protojson_error *error)
{
    ProtobufCMessage *message = NULL;
    int err =
        protojson_parse(&test__kinds__descriptor, text, strlen(text), &plain, &message, error);
    if (err == 0) {
        protobuf_c_message_free_unpacked(message, NULL);
    }
    return err;
}

static void test_depth(void **state)
{
    (void)state;
    struct protojson_error error = {""};
    char *text = nested(PROTOJSON_DEPTH_MAX);
    assert_int_equal(parse_freed(text, &error), 0);
    free(text);
    text = nested(PROTOJSON_DEPTH_MAX + 1);
    assert_int_equal(parse_freed(text, &error), ERR_TOO_BIG);
    assert_non_null(strstr(error.text, "child.child.child"));
    free(text);
}

static char *list_of(size_t count)
{
    struct builder builder = builder_new(count * 2 + 32);
    put(&builder, "{\"numbers\":[1");
    for (size_t i = 1; i < count; i++) {
        put(&builder, ",1");
    }
    put(&builder, "]}");
    return builder.text;
}

static void test_size(void **state)
{
    (void)state;
    struct protojson_error error = {""};
    char *text = list_of(PROTOJSON_VALUES_MAX - 3);
    assert_int_equal(parse_freed(text, &error), 0);
    free(text);
    text = list_of(PROTOJSON_VALUES_MAX);
    assert_int_equal(parse_freed(text, &error), ERR_TOO_BIG);
    assert_string_equal(error.text, "more than 65536 values");
    free(text);

    /* Commas and brackets inside text are no values. */
    struct builder builder = builder_new(PROTOJSON_VALUES_MAX * 4 + 32);
    put(&builder, "{\"someText\":\"\\\"");
    for (size_t i = 0; i < PROTOJSON_VALUES_MAX; i++) {
        put(&builder, ",[{,");
    }
    put(&builder, "\"}");
    text = builder.text;
    assert_int_equal(parse_freed(text, &error), 0);
    free(text);

    ProtobufCMessage *message;
    assert_int_equal(protojson_parse(&test__kinds__descriptor, "{}", PROTOJSON_SIZE_MAX + 1, &plain,
                                     &message, &error),
                     ERR_TOO_BIG);
}

/* A path or name too long for the error is cut between characters. */
static void test_long_error(void **state)
{
    (void)state;
    char text[1024];
    struct protojson_error error = {""};
    snprintf(text, sizeof(text), "{\"labels\":{\"%0*d\xc3\xa9\xc3\xa9\":1}}", 59, 0);
    assert_int_equal(parse_freed(text, &error), ERR_INVALID);
    assert_int_equal(wire_utf8(error.text, strlen(error.text)), strlen(error.text));
    snprintf(text, sizeof(text), "{\"%0*d\xc3\xa9\xc3\xa9\":1}", 59, 0);
    assert_int_equal(parse_freed(text, &error), ERR_INVALID);
    assert_int_equal(wire_utf8(error.text, strlen(error.text)), strlen(error.text));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_mappings),       cmocka_unit_test(test_breaches),
        cmocka_unit_test(test_ignore_unknown), cmocka_unit_test(test_proto_names_and_all_fields),
        cmocka_unit_test(test_print_repairs),  cmocka_unit_test(test_depth),
        cmocka_unit_test(test_size),           cmocka_unit_test(test_long_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
