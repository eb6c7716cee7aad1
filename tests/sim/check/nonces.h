/* SPDX-License-Identifier: Apache-2.0
 *
 * Which SRTP nonces were used, and for what: a table that only grows.
 */
#ifndef TESTS_SIM_CHECK_NONCES_H
#define TESTS_SIM_CHECK_NONCES_H

#include "common/base/base.h"

struct nonce {
    uint64_t key, ssrc, index;
};

/* Zero-initialised is empty. */
struct nonces {
    struct nonce_use *slots;
    size_t count, capacity; /* a power of two; at most half of it is used */
};

/* False: the nonce was used before, for other bytes. bytes: a hash of them. */
bool nonces_use(struct nonces *nonces, const struct nonce *nonce, uint64_t bytes);
void nonces_fini(struct nonces *nonces);

/* Of whatever a check wants to compare; the same on every run. */
uint64_t check_hash(uint64_t seed, const void *bytes, size_t len);

#endif
