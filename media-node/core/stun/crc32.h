/* SPDX-License-Identifier: Apache-2.0
 *
 * The CRC-32 of ITU V.42, which FINGERPRINT uses (RFC 8489 §14.7). A nibble at a time: messages are
 * a hundred bytes, and 16 constants can be checked by eye.
 */
#ifndef MEDIA_NODE_CORE_STUN_CRC32_H
#define MEDIA_NODE_CORE_STUN_CRC32_H

#include "common/base/base.h"

static inline uint32_t stun_crc32(const uint8_t *data, size_t len)
{
    static const uint32_t table[16] = {
        0x00000000, 0x1db71064, 0x3b6e20c8, 0x26d930ac, 0x76dc4190, 0x6b6b51f4,
        0x4db26158, 0x5005713c, 0xedb88320, 0xf00f9344, 0xd6d6a3e8, 0xcb61b38c,
        0x9b64c2b0, 0x86d3d2d4, 0xa00ae278, 0xbdbdf21c,
    };
    uint32_t crc = UINT32_MAX;
    for (size_t i = 0; i < len; i++) {
        crc ^= data[i];
        crc = crc >> 4 ^ table[crc & 15];
        crc = crc >> 4 ^ table[crc & 15];
    }
    return ~crc;
}

#endif
