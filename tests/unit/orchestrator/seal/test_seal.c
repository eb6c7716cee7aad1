/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal: what one process sealed every other one of the cluster opens, byte for byte; nothing else
 * opens it, and nothing else is opened.
 */
#include "orchestrator/core/seal/seal.h"

#include <stdlib.h>

#include <setjmp.h>

#include <cmocka.h>

static const uint8_t secret[32] = {1, 2, 3};
static const uint8_t other_secret[32] = {1, 2, 4};

static struct seal *process(uint64_t seed, const uint8_t of[32])
{
    struct prng prng;
    prng_seed(&prng, seed);
    struct random_source random = prng_source(&prng);
    return seal_new((struct bytes){of, 32}, &random);
}

static struct bytes text(const char *content)
{
    return (struct bytes){(const uint8_t *)content, strlen(content)};
}

static void assert_opens(struct seal *seal, const char *room, const uint8_t *sealed, size_t len,
                         const char *content)
{
    uint8_t *plain;
    size_t plain_len;
    assert_int_equal(seal_open(seal, room, (struct bytes){sealed, len}, &plain, &plain_len), 0);
    assert_int_equal(plain_len, strlen(content));
    assert_string_equal((char *)plain, content);
    free(plain);
}

static void assert_refused(struct seal *seal, const char *room, const uint8_t *sealed, size_t len,
                           int err)
{
    uint8_t *plain;
    size_t plain_len;
    assert_int_equal(seal_open(seal, room, (struct bytes){sealed, len}, &plain, &plain_len), err);
}

static void test_others_open_it(void **state)
{
    (void)state;
    struct seal *first = process(1, secret), *second = process(2, secret);
    size_t len, second_len;
    uint8_t *sealed = seal_close(first, "RM_a", text("anna"), &len);
    uint8_t *of_second = seal_close(second, "RM_a", text(""), &second_len);
    assert_int_equal(len, 4 + SEAL_OVERHEAD);
    for (int round = 0; round < 2; round++) { /* the one's and the other's by turns */
        assert_opens(second, "RM_a", sealed, len, "anna");
        assert_opens(second, "RM_a", of_second, second_len, "");
        assert_opens(first, "RM_a", of_second, second_len, "");
    }
    free(sealed);
    free(of_second);
    seal_free(first);
    seal_free(second);
}

static void test_nobody_else_does(void **state)
{
    (void)state;
    struct seal *seal = process(1, secret), *stranger = process(1, other_secret);
    size_t len;
    uint8_t *sealed = seal_close(seal, "RM_a", text("anna"), &len);
    assert_refused(stranger, "RM_a", sealed, len, ERR_AUTH);
    assert_refused(seal, "RM_b", sealed, len, ERR_AUTH);
    assert_refused(seal, "RM_a", sealed, len - 1, ERR_AUTH);
    assert_refused(seal, "RM_a", sealed, SEAL_OVERHEAD - 1, ERR_TRUNCATED);
    for (size_t i = 1; i < len; i++) {
        sealed[i] ^= 1;
        assert_refused(seal, "RM_a", sealed, len, ERR_AUTH);
        sealed[i] ^= 1;
    }
    sealed[0]++;
    assert_refused(seal, "RM_a", sealed, len, ERR_UNSUPPORTED);
    free(sealed);
    seal_free(seal);
    seal_free(stranger);
}

static void test_no_two_are_alike(void **state)
{
    (void)state;
    struct seal *seal = process(1, secret);
    size_t len;
    uint8_t *first = seal_close(seal, "RM_a", text("anna"), &len);
    uint8_t *second = seal_close(seal, "RM_a", text("anna"), &len);
    assert_memory_not_equal(first + SEAL_OVERHEAD - 16, second + SEAL_OVERHEAD - 16, 4);
    free(first);
    free(second);
    seal_free(seal);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_others_open_it),
        cmocka_unit_test(test_nobody_else_does),
        cmocka_unit_test(test_no_two_are_alike),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
