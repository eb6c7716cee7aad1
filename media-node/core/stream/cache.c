/* SPDX-License-Identifier: Apache-2.0
 *
 * Packets lie behind one another, each with its description in front, in blocks that are used in
 * turn. A full block is followed by the oldest one if all in it is older than CACHE_KEEP_US, by a
 * new one while blocks_max allows, else by the oldest in any case. So memory follows the bitrate: a
 * thumbnail takes two blocks, and nothing is taken before the first packet.
 *
 * A slot says where a number was written, and when by the block's serial: once the block is used
 * anew, the slot no longer matches.
 */
#include "media-node/core/stream/receiver_parts.h"

#include <stdlib.h>

#define CACHE_ALIGN 16u

struct stream_cache_block {
    uint32_t serial;
    uint32_t used;     /* bytes */
    int64_t newest_us; /* when the last packet was written */
    _Alignas(CACHE_ALIGN) uint8_t bytes[];
};

#define BLOCK_MIN  4096u
#define PER_BLOCK  (BLOCK_MIN / (sizeof(struct stream_packet) + RTP_PACKET_MAX + CACHE_ALIGN))
#define BLOCKS_MIN 16u

static const struct stream_cache_shape shapes[] = {
    [STREAM_AUDIO] = {.slots = 128, .block_size = BLOCK_MIN, .blocks_max = BLOCKS_MIN},
    [STREAM_VIDEO] = {.slots = 512, .block_size = 16384, .blocks_max = 48},
};

static_assert(PER_BLOCK >= 1, "any packet fits the smallest block");
static_assert((BLOCKS_MIN - 1) * PER_BLOCK >= STREAM_BORROW_MAX,
              "no block is used anew before that many packets more");
static_assert(sizeof(struct stream_packet) % _Alignof(struct stream_packet) == 0 &&
                  _Alignof(struct stream_packet) <= CACHE_ALIGN,
              "descriptions are aligned");

void stream_cache_init(struct stream_cache *cache, enum stream_kind kind)
{
    *cache = (struct stream_cache){.shape = shapes[kind]};
}

void stream_cache_fini(struct stream_cache *cache)
{
    for (uint32_t i = 0; i < cache->block_count; i++) {
        free(cache->blocks[i]);
    }
    free(cache->blocks);
    free(cache->slots);
}

static uint32_t oldest_block(const struct stream_cache *cache)
{
    uint32_t oldest = 0;
    for (uint32_t i = 1; i < cache->block_count; i++) {
        /* Serials never wrap: 2^32 blocks of 4 KB are years of media. */
        if (cache->blocks[i]->serial < cache->blocks[oldest]->serial) {
            oldest = i;
        }
    }
    return oldest;
}

/* Makes an empty block the current one. */
static void next_block(struct stream_cache *cache, int64_t now_us)
{
    const struct stream_cache_shape *shape = &cache->shape;
    if (cache->blocks == NULL) {
        cache->blocks = mem_array(shape->blocks_max, sizeof(struct stream_cache_block *));
        cache->slots = mem_array(shape->slots, sizeof(struct stream_cache_slot));
    }
    bool have_old = cache->block_count > 0 &&
                    cache->blocks[oldest_block(cache)]->newest_us < now_us - CACHE_KEEP_US;
    if (have_old || cache->block_count == shape->blocks_max) {
        cache->current = oldest_block(cache);
    } else {
        cache->current = cache->block_count++;
        cache->blocks[cache->current] =
            mem_alloc(sizeof(struct stream_cache_block) + shape->block_size);
    }
    cache->blocks[cache->current]->serial = ++cache->serial;
    cache->blocks[cache->current]->used = 0;
}

struct stream_packet *stream_cache_put(struct stream_cache *cache, int64_t now_us, uint64_t seq,
                                       struct bytes header, struct bytes payload)
{
    size_t need = sizeof(struct stream_packet) + header.len + payload.len;
    need = (need + CACHE_ALIGN - 1) / CACHE_ALIGN * CACHE_ALIGN;
    assert(need <= cache->shape.block_size);
    if (cache->block_count == 0 ||
        need > cache->shape.block_size - cache->blocks[cache->current]->used) {
        next_block(cache, now_us);
    }
    struct stream_cache_block *block = cache->blocks[cache->current];
    struct stream_packet *packet = (void *)(block->bytes + block->used);
    uint8_t *data = (uint8_t *)(packet + 1);
    memcpy(data, header.data, header.len);
    if (payload.len > 0) {
        memcpy(data + header.len, payload.data, payload.len);
    }
    *packet = (struct stream_packet){
        .seq = seq,
        .rtp = {.data = data, .payload = {data + header.len, payload.len}},
    };
    cache->slots[seq % cache->shape.slots] = (struct stream_cache_slot){
        .serial = block->serial,
        .block = (uint16_t)cache->current,
        .at = (uint16_t)(block->used / CACHE_ALIGN),
    };
    block->used += (uint32_t)need;
    block->newest_us = now_us;
    return packet;
}

const struct stream_packet *stream_cache_find(const struct stream_cache *cache, uint64_t seq)
{
    if (cache->slots == NULL) {
        return NULL;
    }
    struct stream_cache_slot slot = cache->slots[seq % cache->shape.slots];
    if (slot.serial == 0 || cache->blocks[slot.block]->serial != slot.serial) {
        return NULL;
    }
    const uint8_t *at = cache->blocks[slot.block]->bytes + slot.at * CACHE_ALIGN;
    const struct stream_packet *packet = (const void *)at;
    return packet->seq == seq ? packet : NULL;
}

/* Where the block with that serial stands. */
static uint32_t block_of(const struct stream_cache *cache, uint32_t serial)
{
    uint32_t i = 0;
    while (cache->blocks[i]->serial != serial) {
        i++;
    }
    return i;
}

static bool outlives_rest(const struct stream_cache *cache, uint32_t serial)
{
    return serial + CACHE_BLOCKS_REST > cache->serial;
}

bool stream_cache_rests(const struct stream_cache *cache, int64_t now_us)
{
    return cache->block_count == 0 ||
           now_us - cache->blocks[cache->current]->newest_us >= STREAM_REST_US;
}

void stream_cache_trim(struct stream_cache *cache)
{
    if (cache->block_count <= CACHE_BLOCKS_REST) {
        return;
    }
    uint32_t kept = 0;
    for (uint32_t i = 0; i < cache->block_count; i++) {
        if (outlives_rest(cache, cache->blocks[i]->serial)) {
            cache->blocks[kept++] = cache->blocks[i];
        } else {
            free(cache->blocks[i]);
        }
    }
    assert(kept == CACHE_BLOCKS_REST);
    cache->block_count = kept;
    cache->current = block_of(cache, cache->serial);
    for (uint32_t i = 0; i < cache->shape.slots; i++) {
        struct stream_cache_slot *slot = &cache->slots[i];
        if (outlives_rest(cache, slot->serial)) {
            slot->block = (uint16_t)block_of(cache, slot->serial);
        } else {
            *slot = (struct stream_cache_slot){0};
        }
    }
}

size_t stream_cache_bytes(const struct stream_cache *cache)
{
    const struct stream_cache_shape *shape = &cache->shape;
    if (cache->slots == NULL) {
        return 0;
    }
    return shape->slots * sizeof(struct stream_cache_slot) + shape->blocks_max * sizeof(void *) +
           cache->block_count * (sizeof(struct stream_cache_block) + shape->block_size);
}
