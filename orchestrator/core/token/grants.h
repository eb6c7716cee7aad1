/* SPDX-License-Identifier: Apache-2.0
 *
 * Private to token/: the claims that are plain lists of names, so that reading and writing a token
 * cannot disagree about one.
 */
#ifndef ORCHESTRATOR_CORE_TOKEN_GRANTS_H
#define ORCHESTRATOR_CORE_TOKEN_GRANTS_H

#include "orchestrator/core/token/token.h"

struct grants_field {
    const char *name; /* of the claim */
    size_t offset;    /* of its field */
};

#define GRANTS_FLAGS   10
#define GRANTS_TRIS    6
#define GRANTS_STRINGS 5
#define GRANTS_SOURCES 5

extern const struct grants_field grants_flags[GRANTS_FLAGS];     /* bool in token_video */
extern const struct grants_field grants_tris[GRANTS_TRIS];       /* token_tri in token_video */
extern const struct grants_field grants_strings[GRANTS_STRINGS]; /* const char * in token */
extern const char *const grants_sources[GRANTS_SOURCES];         /* by bit of token_source */

#endif
