/* SPDX-License-Identifier: Apache-2.0
 *
 * How many people rooms of a name had. A name is forgotten when it was not used for a while or when
 * there are too many, the least recently used first; so beside the hash of sizes there is a sorted
 * set of when.
 */
#include "orchestrator/shell/store/internal.h"

#include <inttypes.h>
#include <stdio.h>

/* ARGV: name, people, most names, TTL in seconds. Up at once, down by half: a meeting that was
 * badly attended once is not expected to be small for ever. */
static const char size_script[] =
    "local call = redis.call\n"
    "local people, ttl = tonumber(ARGV[2]), tonumber(ARGV[4])\n"
    "local before = tonumber(call('HGET', KEYS[1], ARGV[1]) or 0)\n"
    "local now = tonumber(call('TIME')[1])\n"
    "call('HSET', KEYS[1], ARGV[1], math.max(people, math.floor((before + people) / 2)))\n"
    "call('ZADD', KEYS[2], now, ARGV[1])\n"
    "local old = call('ZRANGEBYSCORE', KEYS[2], '-inf', now - ttl, 'LIMIT', 0, 100)\n"
    "local over = call('ZCARD', KEYS[2]) - #old - tonumber(ARGV[3])\n"
    "if over > 0 then\n"
    "  local more = call('ZRANGE', KEYS[2], #old, #old + math.min(over, 100) - 1)\n"
    "  for _, name in ipairs(more) do table.insert(old, name) end\n"
    "end\n"
    "for _, name in ipairs(old) do\n"
    "  call('HDEL', KEYS[1], name)\n"
    "  call('ZREM', KEYS[2], name)\n"
    "end\n"
    "call('EXPIRE', KEYS[1], ttl)\n"
    "call('EXPIRE', KEYS[2], ttl)\n";

void row_of_size(struct row *out, const char *room, uint32_t people, uint32_t names_max)
{
    char numbers[3][16];
    snprintf(numbers[0], sizeof(numbers[0]), "%" PRIu32, people);
    snprintf(numbers[1], sizeof(numbers[1]), "%" PRIu32, names_max);
    snprintf(numbers[2], sizeof(numbers[2]), "%d", STORE_SIZES_TTL_S);
    const char *const words[] = {"EVAL", size_script, "2",        SIZES_KEY, SIZES_KEY ":at",
                                 room,   numbers[0],  numbers[1], numbers[2]};
    row_of_words(out, ARRAY_LEN(words), words);
}
