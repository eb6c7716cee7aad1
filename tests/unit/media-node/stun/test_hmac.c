/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal: HMAC-SHA1 as RFC 2202 has it, and as OpenSSL's own, for passwords and messages of all
 * lengths, in whatever two pieces.
 */
#include "media-node/core/stun/hmac.h"

#include "common/base/openssl.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <setjmp.h>

#include <cmocka.h>

#define PWD_MAX 256 /* characters of an ice-pwd (RFC 8839 §5.4) */
#define LEN_MAX 200

static void is_that_of_rfc_2202(void **state)
{
    (void)state;
    /* §3, test cases 1, 2, 6 and 7 */
    static const struct {
        uint8_t key; /* a byte of it; 0: the text */
        size_t key_len;
        const char *text;
        uint8_t wanted[STUN_HMAC_LEN];
    } rows[] = {
        {0x0b, 20, "Hi There", {0xb6, 0x17, 0x31, 0x86, 0x55, 0x05, 0x72, 0x64, 0xe2, 0x8b,
                                0xc0, 0xb6, 0xfb, 0x37, 0x8c, 0x8e, 0xf1, 0x46, 0xbe, 0x00}},
        {0, 4, "what do ya want for nothing?", {0xef, 0xfc, 0xdf, 0x6a, 0xe5, 0xeb, 0x2f,
                                                0xa2, 0xd2, 0x74, 0x16, 0xd5, 0xf1, 0x84,
                                                0xdf, 0x9c, 0x25, 0x9a, 0x7c, 0x79}},
        {0xaa,
         80,
         "Test Using Larger Than Block-Size Key - Hash Key First",
         {0xaa, 0x4a, 0xe5, 0xe1, 0x52, 0x72, 0xd0, 0x0e, 0x95, 0x70,
          0x56, 0x37, 0xce, 0x8a, 0x3b, 0x55, 0xed, 0x40, 0x21, 0x12}},
        {0xaa,
         80,
         "Test Using Larger Than Block-Size Key and Larger Than One Block-Size Data",
         {0xe8, 0xe9, 0x9d, 0x0f, 0x45, 0x23, 0x7d, 0x78, 0x6d, 0x6b,
          0xba, 0xa7, 0x96, 0x5c, 0x78, 0x08, 0xbb, 0xff, 0x1a, 0x91}},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char pwd[PWD_MAX + 1] = "Jefe";
        uint8_t mac[STUN_HMAC_LEN];
        if (rows[i].key != 0) {
            memset(pwd, rows[i].key, rows[i].key_len);
        }
        const struct bytes text = {(const uint8_t *)rows[i].text, strlen(rows[i].text)};
        stun_hmac(pwd, text, (struct bytes){0}, mac);
        assert_memory_equal(mac, rows[i].wanted, STUN_HMAC_LEN);
    }
}

static void is_openssls(void **state)
{
    (void)state;
    struct prng prng;
    prng_seed(&prng, 1);
    for (size_t pwd_len = 0; pwd_len <= PWD_MAX; pwd_len++) {
        char pwd[PWD_MAX + 1];
        uint8_t data[LEN_MAX];
        for (size_t i = 0; i < pwd_len; i++) {
            pwd[i] = (char)(1 + prng_below(&prng, 255));
        }
        pwd[pwd_len] = '\0';
        prng_fill(&prng, data, sizeof(data));
        size_t len = prng_below(&prng, LEN_MAX + 1);
        size_t first = prng_below(&prng, len + 1);
        uint8_t mac[STUN_HMAC_LEN];
        uint8_t wanted[EVP_MAX_MD_SIZE];
        stun_hmac(pwd, (struct bytes){data, first}, (struct bytes){data + first, len - first}, mac);
        assert_non_null(HMAC(EVP_sha1(), pwd, (int)pwd_len, data, len, wanted, NULL));
        assert_memory_equal(mac, wanted, STUN_HMAC_LEN);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(is_that_of_rfc_2202),
        cmocka_unit_test(is_openssls),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
