/* SPDX-License-Identifier: Apache-2.0 */
#include "common/base/base.h"

#define ID_CHARS 12

void id_chars(char *out, size_t len, const struct random_source *random)
{
    static const char alphabet[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    assert(len > 0);
    for (size_t i = 0; i + 1 < len; i++) {
        uint8_t byte;
        /* 248 = 4 * 62: larger bytes would favour the first characters. */
        do {
            random->fill(random->arg, &byte, 1);
        } while (byte >= 248);
        out[i] = alphabet[byte % 62];
    }
    out[len - 1] = '\0';
}

void id_new(char out[ID_MAX], const char *prefix, const struct random_source *random)
{
    size_t prefix_len = strlen(prefix);
    assert(prefix_len + ID_CHARS < ID_MAX);
    memcpy(out, prefix, prefix_len);
    id_chars(out + prefix_len, ID_CHARS + 1, random);
}
