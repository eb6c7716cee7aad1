/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal: base64 matches the vectors of RFC 4648, takes both alphabets with and without padding, and
 * refuses everything else.
 */
#include "proto/protojson/protojson.h"

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static const struct {
    const char *bytes, *text, *unpadded;
} vectors[] = {
    {"", "", ""},
    {"f", "Zg==", "Zg"},
    {"fo", "Zm8=", "Zm8"},
    {"foo", "Zm9v", "Zm9v"},
    {"foob", "Zm9vYg==", "Zm9vYg"},
    {"fooba", "Zm9vYmE=", "Zm9vYmE"},
    {"foobar", "Zm9vYmFy", "Zm9vYmFy"},
    {"\xfb\xff\xbf", "+/+/", "-_-_"},
    {"\xfb\xff", "+/8=", "-_8"},
};

static const char *const refused[] = {
    "Z",     "Zm9vY",  "Zg=",  "Zg===",    "=",    "==",   "====",       "Zm8=Zm8=",
    "Zm 9v", "Zm9v\n", "Zm9*", "Zg==Zm9v", "Z===", "Zm=v", "\xc3\xa9zz",
};

static void assert_decodes(const char *text, const char *bytes)
{
    uint8_t *out = mem_alloc(PROTOJSON_DECODED_MAX(strlen(text)));
    size_t len = 0;
    assert_int_equal(protojson_base64_decode(text, strlen(text), out, &len), 0);
    assert_int_equal(len, strlen(bytes));
    assert_memory_equal(out, bytes, len);
    free(out);
}

static void test_vectors(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(vectors); i++) {
        struct bytes in = {(const uint8_t *)vectors[i].bytes, strlen(vectors[i].bytes)};
        char text[16];
        assert_int_equal(PROTOJSON_ENCODED_LEN(in.len), strlen(vectors[i].text));
        protojson_base64_encode(in, text);
        assert_string_equal(text, vectors[i].text);
        assert_decodes(vectors[i].text, vectors[i].bytes);
        assert_decodes(vectors[i].unpadded, vectors[i].bytes);
    }
}

static void test_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
        uint8_t out[PROTOJSON_DECODED_MAX(16)];
        size_t len = 99;
        if (protojson_base64_decode(refused[i], strlen(refused[i]), out, &len) != ERR_INVALID) {
            fail_msg("\"%s\" was taken", refused[i]);
        }
        assert_int_equal(len, 99);
    }
}

/* Memory is taken exactly, so that the address sanitizer sees a byte too many. */
static void test_round_trip(void **state)
{
    (void)state;
    struct prng prng;
    prng_seed(&prng, 4648);
    for (size_t len = 0; len < 200; len++) {
        uint8_t *in = mem_alloc(len);
        prng_fill(&prng, in, len);
        char *text = mem_alloc(PROTOJSON_ENCODED_LEN(len) + 1);
        protojson_base64_encode((struct bytes){in, len}, text);
        uint8_t *out = mem_alloc(PROTOJSON_DECODED_MAX(strlen(text)));
        size_t out_len = 0;
        assert_int_equal(protojson_base64_decode(text, strlen(text), out, &out_len), 0);
        assert_int_equal(out_len, len);
        assert_memory_equal(out, in, len);
        free(out);
        free(text);
        free(in);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_vectors),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_round_trip),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
