/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/protojson/protojson.h"

/* The value of a character in either alphabet, -1 for a foreign one. */
static int digit(char c)
{
    if (c >= 'A' && c <= 'Z') {
        return c - 'A';
    }
    if (c >= 'a' && c <= 'z') {
        return c - 'a' + 26;
    }
    if (c >= '0' && c <= '9') {
        return c - '0' + 52;
    }
    if (c == '+' || c == '-') {
        return 62;
    }
    return c == '/' || c == '_' ? 63 : -1;
}

int protojson_base64_decode(const char *text, size_t len, uint8_t *out, size_t *out_len)
{
    if (len > 0 && len % 4 == 0) { /* padding belongs to the last group of four only */
        len -= text[len - 1] == '=';
        len -= len % 4 == 3 && text[len - 1] == '=';
    }
    if (len % 4 == 1) {
        return ERR_INVALID;
    }
    uint32_t group = 0;
    size_t done = 0;
    for (size_t i = 0; i < len; i++) {
        int value = digit(text[i]);
        if (value < 0) {
            return ERR_INVALID;
        }
        group = group << 6 | (uint32_t)value;
        switch (i % 4) { /* the first digit of four completes no byte */
        case 1:
            out[done++] = (uint8_t)(group >> 4);
            break;
        case 2:
            out[done++] = (uint8_t)(group >> 2);
            break;
        case 3:
            out[done++] = (uint8_t)group;
            break;
        default:
            break;
        }
    }
    *out_len = done;
    return 0;
}

void protojson_base64_encode(struct bytes in, char *out)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (size_t i = 0; i < in.len; i += 3) {
        size_t have = MIN(in.len - i, 3);
        uint32_t group = (uint32_t)in.data[i] << 16;
        group |= have > 1 ? (uint32_t)in.data[i + 1] << 8 : 0;
        group |= have > 2 ? in.data[i + 2] : 0;
        *out++ = digits[group >> 18];
        *out++ = digits[group >> 12 & 63];
        *out++ = have > 1 ? digits[group >> 6 & 63] : '=';
        *out++ = have > 2 ? digits[group & 63] : '=';
    }
    *out = '\0';
}
