/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/check/nonces.h"

#include <stdlib.h>

#define CAPACITY_MIN 4096

struct nonce_use {
    struct nonce nonce;
    uint64_t bytes;
    bool used;
};

/* FNV-1a, eight bytes at a time: nobody here is an adversary. */
uint64_t check_hash(uint64_t seed, const void *bytes, size_t len)
{
    const uint8_t *at = bytes;
    uint64_t value = seed ^ 0xcbf29ce484222325u;
    for (; len > 0;) {
        uint64_t word = 0;
        size_t part = MIN(len, sizeof(word));
        memcpy(&word, at, part);
        value = (value ^ word) * 0x100000001b3u;
        value ^= value >> 32;
        at += part;
        len -= part;
    }
    return value;
}

static struct nonce_use *slot_of(const struct nonces *nonces, const struct nonce *nonce)
{
    size_t at = (size_t)check_hash(0, nonce, sizeof(*nonce)) & (nonces->capacity - 1);
    while (nonces->slots[at].used && memcmp(&nonces->slots[at].nonce, nonce, sizeof(*nonce)) != 0) {
        at = (at + 1) & (nonces->capacity - 1);
    }
    return &nonces->slots[at];
}

static void grow(struct nonces *nonces)
{
    const struct nonces old = *nonces;
    nonces->capacity = MAX(CAPACITY_MIN, 2 * old.capacity);
    nonces->slots = mem_array(nonces->capacity, sizeof(*nonces->slots));
    for (size_t i = 0; i < old.capacity; i++) {
        if (old.slots[i].used) {
            *slot_of(nonces, &old.slots[i].nonce) = old.slots[i];
        }
    }
    free(old.slots);
}

bool nonces_use(struct nonces *nonces, const struct nonce *nonce, uint64_t bytes)
{
    if (2 * (nonces->count + 1) > nonces->capacity) {
        grow(nonces);
    }
    struct nonce_use *use = slot_of(nonces, nonce);
    if (use->used) {
        return use->bytes == bytes;
    }
    *use = (struct nonce_use){.nonce = *nonce, .bytes = bytes, .used = true};
    nonces->count++;
    return true;
}

void nonces_fini(struct nonces *nonces)
{
    free(nonces->slots);
    *nonces = (struct nonces){0};
}
