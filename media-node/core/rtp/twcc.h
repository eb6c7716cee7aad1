/* SPDX-License-Identifier: Apache-2.0
 *
 * Transport-cc feedback on the wire (draft-holmer-rmcat-transport-wide-cc-extensions-01 §3.1).
 */
#ifndef MEDIA_NODE_CORE_RTP_TWCC_H
#define MEDIA_NODE_CORE_RTP_TWCC_H

/* In the body of an RTPFB packet: two SSRCs, base sequence, status count, reference time, feedback
 * count; then chunks; then deltas. */
#define TWCC_BASE_AT      8
#define TWCC_COUNT_AT     10
#define TWCC_REFERENCE_AT 12
#define TWCC_FEEDBACK_AT  15
#define TWCC_CHUNKS_AT    16
#define TWCC_CHUNK_LEN    2

#define TWCC_TICK_US      250   /* of a delta */
#define TWCC_REFERENCE_US 64000 /* of the reference time */

enum twcc_symbol {
    TWCC_NOT_RECEIVED = 0,
    TWCC_SMALL = 1, /* delta in one byte, 0..255 ticks */
    TWCC_LARGE = 2, /* delta in two bytes, signed */
    TWCC_RESERVED = 3
};

/* A run-length chunk has a zero bit, a symbol, and 13 bits of length; a vector a one bit, a bit for
 * the symbol size, and 14 symbols of one bit or 7 of two. */
#define TWCC_RUN_MAX     0x1fff
#define TWCC_VECTOR_1BIT 0x8000
#define TWCC_VECTOR_2BIT 0xc000
#define TWCC_1BIT_COUNT  14
#define TWCC_2BIT_COUNT  7

#endif
