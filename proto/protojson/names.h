/* SPDX-License-Identifier: Apache-2.0
 *
 * Private to the folder: how a field is called in JSON.
 */
#ifndef PROTO_PROTOJSON_NAMES_H
#define PROTO_PROTOJSON_NAMES_H

#include "common/base/base.h"

#define NAME_MAX_LEN 64 /* of a field's name, NUL included; ours reach 44 */

/* protoc's rule: drop each underscore and put the letter behind it in upper case. */
static inline void camel_name(const char *name, char out[NAME_MAX_LEN])
{
    assert(strlen(name) < NAME_MAX_LEN);
    bool upper = false;
    for (; *name != '\0'; name++) {
        if (*name == '_') {
            upper = true;
            continue;
        }
        *out++ = upper && *name >= 'a' && *name <= 'z' ? (char)(*name - 'a' + 'A') : *name;
        upper = false;
    }
    *out = '\0';
}

#endif
