/* SPDX-License-Identifier: Apache-2.0
 *
 * Ownership in Redis. Redis runs a script as one step. Epochs are microseconds since 1970 and a
 * little more: Lua's numbers, doubles, are exact up to 2^53, which is the year 2255.
 *
 * ARGV[1] is the common start of all presence keys: which one matters is known only from the row.
 */
#include "orchestrator/shell/store/internal.h"

#include <inttypes.h>
#include <stdio.h>

#define READ_ROW                                                                                   \
    "local owner = redis.call('HGET', KEYS[1], 'owner')\n"                                         \
    "local epoch = tonumber(redis.call('HGET', KEYS[1], 'epoch') or 0) or 0\n"                     \
    "local present = owner and redis.call('EXISTS', ARGV[1] .. owner) == 1\n"

/* ARGV: presence, me, lowest epoch, TTL of the row, TTL of my presence, who died. The node that a
 * row names goes with its owner. A row of my own that is older than what I ask for is one that a
 * failover brought back: its epoch may have been used up. */
static const char claim_script[] =
    READ_ROW "redis.call('SET', ARGV[1] .. ARGV[2], '1', 'PX', ARGV[5])\n"
             "local mine = owner == ARGV[2] and epoch >= tonumber(ARGV[3])\n"
             "if mine or (present and owner ~= ARGV[2] and owner ~= ARGV[6]) then\n"
             "  return {owner, string.format('%.0f', epoch)}\n"
             "end\n"
             "epoch = string.format('%.0f', math.max(epoch + 1, tonumber(ARGV[3])))\n"
             "redis.call('DEL', KEYS[1])\n"
             "redis.call('HSET', KEYS[1], 'owner', ARGV[2], 'epoch', epoch)\n"
             "redis.call('EXPIRE', KEYS[1], ARGV[4])\n"
             "return {ARGV[2], epoch}\n";

static const char look_script[] = READ_ROW "if present then\n"
                                           "  return {owner, string.format('%.0f', epoch)}\n"
                                           "end\n"
                                           "return {'', '0'}\n";

/* ARGV: presence, me, epoch, node, TTL. 0: somebody else has it, rightly. */
static const char renewal_script[] =
    READ_ROW "if present and owner ~= ARGV[2] and epoch > tonumber(ARGV[3]) then\n"
             "  return 0\n"
             "end\n"
             "redis.call('HSET', KEYS[1], 'owner', ARGV[2], 'epoch', ARGV[3], 'node', ARGV[4])\n"
             "redis.call('EXPIRE', KEYS[1], ARGV[5])\n"
             "return 1\n";

/* ARGV: presence, me, epoch. */
static const char release_script[] =
    READ_ROW "if owner == ARGV[2] and epoch == tonumber(ARGV[3]) then\n"
             "  return redis.call('DEL', KEYS[1])\n"
             "end\n"
             "return 0\n";

#define NUMBER_MAX 24

static const char *number(char out[NUMBER_MAX], uint64_t value)
{
    snprintf(out, NUMBER_MAX, "%" PRIu64, value);
    return out;
}

static void of_script(struct row *out, const char *script, const char *room, size_t count,
                      const char *const *arguments)
{
    char key[ROW_KEY_MAX], presence[ROW_KEY_MAX];
    const char *words[ROW_WORDS_MAX] = {"EVAL", script, "1", key, presence};
    row_room_key(key, sizeof(key), room);
    row_presence_key(presence, sizeof(presence), "");
    assert(5 + count <= ROW_WORDS_MAX);
    for (size_t i = 0; i < count; i++) {
        words[5 + i] = arguments[i];
    }
    row_of_words(out, 5 + count, words);
}

void row_of_claim(struct row *out, const char *owner, const struct store_claim *claim)
{
    char epoch[NUMBER_MAX], ttl[NUMBER_MAX], presence[NUMBER_MAX];
    const char *const arguments[] = {owner, number(epoch, claim->epoch_min),
                                     number(ttl, STORE_ROOM_TTL_S),
                                     number(presence, STORE_PRESENCE_MS), claim->over};
    of_script(out, claim_script, claim->room, ARRAY_LEN(arguments), arguments);
}

void row_of_look(struct row *out, const char *room)
{
    of_script(out, look_script, room, 0, NULL);
}

void row_of_renewal(struct row *out, const struct store_room *room)
{
    char epoch[NUMBER_MAX], ttl[NUMBER_MAX];
    const char *const arguments[] = {room->owner, number(epoch, room->epoch), room->node,
                                     number(ttl, STORE_ROOM_TTL_S)};
    of_script(out, renewal_script, room->name, ARRAY_LEN(arguments), arguments);
}

void row_of_release(struct row *out, const char *owner, const char *room, uint64_t epoch)
{
    char text[NUMBER_MAX];
    const char *const arguments[] = {owner, number(text, epoch)};
    of_script(out, release_script, room, ARRAY_LEN(arguments), arguments);
}
