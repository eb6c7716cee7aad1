/* SPDX-License-Identifier: Apache-2.0
 *
 * What an owner leaves with media nodes for the next owner: readable by orchestrators of the
 * cluster alone, and only as a part of the room that it was sealed for (architecture.md §2.6).
 *
 * AES-256-GCM. The key is HMAC-SHA256(cluster secret, label, salt), the salt random for each
 * process and told in every seal, the nonce counts: so no two seals of the cluster share a key and
 * nonce.
 *
 *   version (1 byte) | salt (16) | counter (8, big-endian) | ciphertext | tag (16)
 */
#ifndef ORCHESTRATOR_CORE_SEAL_SEAL_H
#define ORCHESTRATOR_CORE_SEAL_SEAL_H

#include "common/base/base.h"

#define SEAL_SECRET_MIN 32
#define SEAL_OVERHEAD   (1 + 16 + 8 + 16) /* bytes that a seal is longer than what is in it */

struct seal;

/* The secret, SEAL_SECRET_MIN bytes or more, is copied. */
struct seal *seal_new(struct bytes secret, const struct random_source *random);
void seal_free(struct seal *seal);

/* The seal of plain for that room, plain.len + SEAL_OVERHEAD bytes, to be freed with free(). */
uint8_t *seal_close(struct seal *seal, const char *room, struct bytes plain, size_t *len);

/* Opens what any orchestrator of this cluster sealed. On success *out holds *len bytes, and one
 * zero behind, to be freed with free(). ERR_TRUNCATED, ERR_UNSUPPORTED (of a later version),
 * ERR_AUTH (another cluster's, another room's, or damaged). */
MUST_CHECK int seal_open(struct seal *seal, const char *room, struct bytes sealed, uint8_t **out,
                         size_t *len);

#endif
