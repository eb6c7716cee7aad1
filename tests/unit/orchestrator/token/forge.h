/* SPDX-License-Identifier: Apache-2.0
 *
 * Makes JWTs of any content, right or wrong, without the code under test.
 */
#ifndef TESTS_UNIT_ORCHESTRATOR_TOKEN_FORGE_H
#define TESTS_UNIT_ORCHESTRATOR_TOKEN_FORGE_H

#include <stddef.h>

#define FORGE_MAX 4096

/* Appends base64url without padding to the text in out. */
void forge_base64url(char *out, const void *bytes, size_t len);

/* Appends the dot between two parts. */
void forge_dot(char *out);

/* header.claims.HMAC-SHA256, whatever the header says. Returns out. */
const char *forge_token(char out[FORGE_MAX], const char *header, const char *claims,
                        const char *secret);

#endif
