/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal: each library makes the bytes of the specification's own examples, both make the same of
 * anything, wherever a message is split and in place, and neither opens what was changed.
 */
#include "common/gcm/gcm.h"

#include <setjmp.h>
#include <stdio.h>

#include <cmocka.h>

#define TEXT_MAX 1500
#define AAD_MAX  80
#define RANDOMS  2000

static const struct gcm_library *libraries(size_t i)
{
    return i == 0 ? &gcm_openssl : gcm_ipsec_mb();
}

static size_t from_hex(const char *hex, uint8_t *out)
{
    size_t len = strlen(hex) / 2;
    for (size_t i = 0; i < len; i++) {
        unsigned byte;
        assert_int_equal(sscanf(hex + 2 * i, "%2x", &byte), 1);
        out[i] = (uint8_t)byte;
    }
    return len;
}

/* ---- The specification's --------------------------------------------------------------------- */

#define PLAIN                                                                                      \
    "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6" \
    "b525b16aedf5aa0de657ba637b39"
#define AAD "feedfacedeadbeeffeedfacedeadbeefabaddad2"
#define IV  "cafebabefacedbaddecaf888"
#define KEY "feffe9928665731c6d6a8f9467308308"

/* "The Galois/Counter Mode of Operation", McGrew and Viega, test cases 4 and 16. */
static const struct {
    const char *key, *sealed;
} examples[] = {
    {KEY,
     "42831ec2217774244b7221b784d0d49ce3aa212f2c02a4e035c17e2329aca12e21d514b25466931c7d8f6a5aac84"
     "aa051ba30b396a0aac973d58e091"
     "5bc94fbc3221a5db94fae95ae7121a47"},
    {KEY KEY,
     "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3da7b08b1056"
     "828838c5f61e6393ba7a0abcc9f662"
     "76fc6ece0f4e1768cddf8853bb2d551b"},
};

static void test_examples(void **state)
{
    (void)state;
    uint8_t key[32], iv[GCM_IV_LEN], aad[AAD_MAX], plain[TEXT_MAX], sealed[TEXT_MAX], out[TEXT_MAX];
    size_t text_len = from_hex(PLAIN, plain);
    size_t aad_len = from_hex(AAD, aad);
    from_hex(IV, iv);
    for (size_t i = 0; i < 2; i++) {
        const struct gcm_library *library = libraries(i);
        for (size_t e = 0; library != NULL && e < ARRAY_LEN(examples); e++) {
            size_t key_len = from_hex(examples[e].key, key);
            size_t len = from_hex(examples[e].sealed, sealed);
            struct gcm *gcm = library->make(key, key_len, GCM_SEAL);
            assert_non_null(gcm);
            assert_true(library->seal(gcm, iv, (struct bytes){aad, aad_len}, (struct bytes){0},
                                      (struct bytes){plain, text_len}, out));
            library->free(gcm);
            assert_int_equal(len, text_len + GCM_TAG_LEN);
            assert_memory_equal(out, sealed, len);
        }
    }
}

/* ---- Anything -------------------------------------------------------------------------------- */

struct message {
    struct prng prng;
    uint8_t key[32], iv[GCM_IV_LEN], aad[AAD_MAX], text[TEXT_MAX];
    size_t key_len, aad_len, prefix, len; /* len: with the prefix */
};

static void draw(struct message *m)
{
    prng_fill(&m->prng, m->key, sizeof(m->key));
    prng_fill(&m->prng, m->iv, sizeof(m->iv));
    prng_fill(&m->prng, m->aad, sizeof(m->aad));
    prng_fill(&m->prng, m->text, sizeof(m->text));
    m->key_len = prng_below(&m->prng, 2) == 0 ? 16 : 32;
    m->aad_len = 1 + prng_below(&m->prng, AAD_MAX);
    m->len = prng_below(&m->prng, TEXT_MAX + 1);
    m->prefix = prng_below(&m->prng, 2) == 0 ? 0 : prng_below(&m->prng, MIN(m->len, 40) + 1);
}

static void seal(const struct gcm_library *library, const struct message *m, uint8_t *out)
{
    struct gcm *gcm = library->make(m->key, m->key_len, GCM_SEAL);
    assert_non_null(gcm);
    struct bytes body = {m->text + m->prefix, m->len - m->prefix};
    if (m->prefix == 0) { /* in place */
        memcpy(out, m->text, m->len);
        body.data = out;
    }
    assert_true(library->seal(gcm, m->iv, (struct bytes){m->aad, m->aad_len},
                              (struct bytes){m->text, m->prefix}, body, out));
    library->free(gcm);
}

static bool open(const struct gcm_library *library, const struct message *m, uint8_t *sealed)
{
    struct gcm *gcm = library->make(m->key, m->key_len, GCM_OPEN);
    assert_non_null(gcm);
    bool opened = library->open(gcm, m->iv, (struct bytes){m->aad, m->aad_len}, sealed, m->len);
    library->free(gcm);
    return opened;
}

static void test_same(void **state)
{
    (void)state;
    const struct gcm_library *fast = gcm_ipsec_mb();
    if (fast == NULL) {
        skip();
    }
    struct message m = {0};
    prng_seed(&m.prng, 38);
    for (unsigned i = 0; i < RANDOMS; i++) {
        uint8_t one[TEXT_MAX + GCM_TAG_LEN], other[TEXT_MAX + GCM_TAG_LEN];
        draw(&m);
        seal(&gcm_openssl, &m, one);
        seal(fast, &m, other);
        assert_memory_equal(one, other, m.len + GCM_TAG_LEN);
        assert_true(open(fast, &m, one));
        assert_memory_equal(one, m.text, m.len);
        assert_true(open(&gcm_openssl, &m, other));
        assert_memory_equal(other, m.text, m.len);
    }
}

static void test_changed(void **state)
{
    (void)state;
    struct message m = {0};
    prng_seed(&m.prng, 39);
    for (unsigned i = 0; i < RANDOMS; i++) {
        const struct gcm_library *library = libraries(i % 2);
        uint8_t sealed[TEXT_MAX + GCM_TAG_LEN];
        draw(&m);
        if (library == NULL) {
            continue;
        }
        seal(library, &m, sealed);
        size_t bit = prng_below(&m.prng, 8 * (m.len + GCM_TAG_LEN + m.aad_len + GCM_IV_LEN));
        size_t byte = bit / 8;
        uint8_t *changed = byte < m.len + GCM_TAG_LEN ? &sealed[byte]
                           : byte < m.len + GCM_TAG_LEN + m.aad_len
                               ? &m.aad[byte - m.len - GCM_TAG_LEN]
                               : &m.iv[byte - m.len - GCM_TAG_LEN - m.aad_len];
        *changed ^= (uint8_t)(1 << bit % 8);
        assert_false(open(library, &m, sealed));
    }
}

static void test_choice(void **state)
{
    (void)state;
    const struct gcm_library *fast = gcm_ipsec_mb();
    assert_ptr_equal(gcm_library(), fast != NULL ? fast : &gcm_openssl);
    printf("%s\n", gcm_library()->name);
#ifdef __x86_64__
    /* What deploys there must not be the slow one for want of a library. */
    assert_true(fast != NULL || !__builtin_cpu_supports("aes"));
#endif
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_examples),
        cmocka_unit_test(test_same),
        cmocka_unit_test(test_changed),
        cmocka_unit_test(test_choice),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
