/* SPDX-License-Identifier: Apache-2.0
 *
 * Events that were told beforehand. An orchestrator that was away may write an old version of one:
 * the later stays. What is over goes with the next that is written.
 */
#include "orchestrator/shell/store/internal.h"

#include <inttypes.h>
#include <stdio.h>

/* ARGV: id, text, seconds until it is over. Beside the hash is a sorted set of when they are. */
static const char script[] =
    "local call = redis.call\n"
    "local now, left = tonumber(call('TIME')[1]), tonumber(ARGV[3])\n"
    "local before = call('HGET', KEYS[1], ARGV[1])\n"
    "if before and cjson.decode(before).changed_us > cjson.decode(ARGV[2]).changed_us then\n"
    "  return\n"
    "end\n"
    "for _, id in ipairs(call('ZRANGEBYSCORE', KEYS[2], '-inf', now)) do\n"
    "  call('HDEL', KEYS[1], id)\n"
    "  call('ZREM', KEYS[2], id)\n"
    "end\n"
    "call('HSET', KEYS[1], ARGV[1], ARGV[2])\n"
    "call('ZADD', KEYS[2], now + left, ARGV[1])\n"
    "if call('TTL', KEYS[1]) < left then\n"
    "  call('EXPIRE', KEYS[1], left)\n"
    "  call('EXPIRE', KEYS[2], left)\n"
    "end\n";

void row_of_reservation(struct row *out, const struct store_reservation *reservation)
{
    char left[24];
    snprintf(left, sizeof(left), "%" PRId64, reservation->left_s);
    const char *const words[] = {"EVAL",
                                 script,
                                 "2",
                                 RESERVATIONS_KEY,
                                 RESERVATIONS_KEY ":until",
                                 reservation->id,
                                 reservation->text,
                                 left};
    row_of_words(out, ARRAY_LEN(words), words);
}
