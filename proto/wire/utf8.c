/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/wire/wire.h"

/* The well-formed sequences of RFC 3629 §4 by their first byte. The second byte's range is what
 * keeps out overlong forms, surrogates and code points above U+10FFFF. */
static const struct sequence {
    uint8_t first_min, first_max;
    uint8_t second_min, second_max;
    uint8_t len;
} sequences[] = {
    {0xc2, 0xdf, 0x80, 0xbf, 2}, {0xe0, 0xe0, 0xa0, 0xbf, 3}, {0xe1, 0xec, 0x80, 0xbf, 3},
    {0xed, 0xed, 0x80, 0x9f, 3}, {0xee, 0xef, 0x80, 0xbf, 3}, {0xf0, 0xf0, 0x90, 0xbf, 4},
    {0xf1, 0xf3, 0x80, 0xbf, 4}, {0xf4, 0xf4, 0x80, 0x8f, 4},
};

/* Length of the sequence at text, 0 if it is malformed. */
static size_t sequence_len(const uint8_t *text, size_t len)
{
    if (text[0] < 0x80) {
        return 1;
    }
    for (size_t i = 0; i < ARRAY_LEN(sequences); i++) {
        const struct sequence *s = &sequences[i];
        if (text[0] < s->first_min || text[0] > s->first_max) {
            continue;
        }
        if (len < s->len || text[1] < s->second_min || text[1] > s->second_max) {
            return 0;
        }
        for (size_t k = 2; k < s->len; k++) {
            if ((text[k] & 0xc0) != 0x80) {
                return 0;
            }
        }
        return s->len;
    }
    return 0;
}

size_t wire_utf8(const char *text, size_t len)
{
    size_t done = 0;
    while (done < len) {
        size_t step = sequence_len((const uint8_t *)text + done, len - done);
        if (step == 0) {
            break;
        }
        done += step;
    }
    return done;
}
