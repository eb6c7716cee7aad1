/* SPDX-License-Identifier: Apache-2.0
 *
 * Life, keys, and who has which SSRC.
 *
 * Keys: at most two generations are held, both are received under. Sending is under the older until
 * the other end was heard under the newer; a third replaces the oldest, whether it was sent under
 * or not.
 */
#include "media-node/core/relay/private.h"

#include <stdlib.h>

const struct rtp_ext_ids relay_ext_ids = {.id = {
                                              [RTP_EXT_MID] = 1,
                                              [RTP_EXT_RID] = 2,
                                              [RTP_EXT_REPAIRED_RID] = 3,
                                              [RTP_EXT_TRANSPORT_CC] = 4,
                                              [RTP_EXT_AUDIO_LEVEL] = 5,
                                              [RTP_EXT_ABS_SEND_TIME] = 6,
                                              [RTP_EXT_ABS_CAPTURE_TIME] = 7,
                                              [RTP_EXT_DEPENDENCY_DESCRIPTOR] = 8,
                                              [RTP_EXT_PLAYOUT_DELAY] = 9,
                                          }};

struct relay *relay_new(const struct relay_config *config, int64_t now_us)
{
    struct relay *relay = mem_alloc(sizeof(*relay));
    *relay = (struct relay){
        .config = *config,
        .made_us = now_us,
        .heard_us = -1,
        .ping_at_us = TIME_NEVER,
        .pacer = {.burst_us = RELAY_BURST_US},
        .measured_us = now_us,
        .least_us = {TIME_NEVER, TIME_NEVER},
        .least_since_us = now_us,
    };
    return relay;
}

void relay_free(struct relay *relay)
{
    assert(relay->sources == NULL && relay->streams == NULL);
    for (size_t i = 0; i < KEYS_KEPT; i++) {
        if (relay->keys[i].sec != NULL) {
            rtpsec_free(relay->keys[i].sec);
        }
    }
    pacer_fini(&relay->pacer);
    free(relay->retired);
    free(relay);
}

void relay_set_path(struct relay *relay, int64_t now_us, const struct ice_path *path)
{
    if (path == NULL) {
        relay->has_path = false;
        relay->ping_at_us = TIME_NEVER;
        return;
    }
    bool same = relay->has_path && ice_path_equal(&relay->path, path);
    relay->path = *path;
    if (!relay->has_path) {
        relay->made_us = now_us; /* so that it has a while to be heard */
    }
    relay->has_path = true;
    if (!same) {
        relay->ping_at_us = now_us;
    }
}

/* ---- Keys ------------------------------------------------------------------------------------ */

/* SSRCs that were closed are remembered for the generation sent with: of a new one none was used.
 */
static void send_with(struct relay *relay, struct keys *keys)
{
    relay->sending = keys;
    relay->retired_count = 0;
}

int relay_set_keys(struct relay *relay, int64_t now_us, uint32_t generation,
                   const struct relay_keys *keys)
{
    size_t len = rtpsec_key_len(keys->suite);
    if (len == 0 || keys->suite == RTPSEC_AES_128_CM_SHA1_80) {
        return ERR_INVALID;
    }
    if (relay->newest != NULL && generation <= relay->newest->generation) {
        return 0;
    }
    struct rtpsec *sec;
    struct rtpsec_config config = {
        .suite = keys->suite, .receive_key = {keys->receive, len}, .send_key = {keys->send, len}};
    int err = rtpsec_new(&sec, &config);
    if (err != 0) {
        return err;
    }
    struct keys *slot = relay->newest == &relay->keys[0] ? &relay->keys[1] : &relay->keys[0];
    if (slot->sec != NULL) {
        rtpsec_free(slot->sec);
    }
    if (relay->newest == NULL) {
        send_with(relay, slot);
    } else if (relay->sending == slot) {
        send_with(relay, relay->newest);
    }
    *slot = (struct keys){.generation = generation, .sec = sec};
    const struct random_source *random = &relay->config.random;
    random->fill(random->arg, &slot->rtcp_ssrc, sizeof(slot->rtcp_ssrc));
    relay->newest = slot;
    if (relay->has_path) {
        relay->ping_at_us = now_us;
    }
    return 0;
}

struct keys *relay_find_keys(struct relay *relay, uint32_t low, uint32_t mask)
{
    if (relay->newest == NULL) {
        return NULL;
    }
    if ((relay->newest->generation & mask) == low) {
        return relay->newest;
    }
    struct keys *older = relay->newest == &relay->keys[0] ? &relay->keys[1] : &relay->keys[0];
    return older->sec != NULL && (older->generation & mask) == low ? older : NULL;
}

void relay_heard(struct relay *relay, int64_t now_us, struct keys *keys)
{
    relay->heard_us = now_us;
    if (keys == relay->newest && relay->sending != keys) {
        send_with(relay, keys);
    }
}

uint32_t relay_generation(const struct relay *relay)
{
    return relay->sending == NULL ? 0 : relay->sending->generation;
}

/* ---- SSRCs ----------------------------------------------------------------------------------- */

struct relay_source *relay_listen(struct relay *relay, uint32_t ssrc, void *owner, uint8_t layer)
{
    assert(relay_listener(relay, ssrc) == NULL);
    struct relay_source *source = mem_alloc(sizeof(*source));
    source->relay = relay;
    source->ssrc = ssrc;
    source->to = (struct relay_owner){owner, layer};
    HASH_ADD(hh, relay->sources, ssrc, sizeof(source->ssrc), source);
    return source;
}

void relay_unlisten(struct relay_source *source)
{
    HASH_DEL(source->relay->sources, source);
    free(source);
}

struct relay_stream *relay_open(struct relay *relay, uint32_t ssrc, void *owner, uint8_t layer)
{
    assert(relay_speaker(relay, ssrc) == NULL);
    struct relay_stream *stream = mem_alloc(sizeof(*stream));
    stream->relay = relay;
    stream->ssrc = ssrc;
    stream->to = (struct relay_owner){owner, layer};
    HASH_ADD(hh, relay->streams, ssrc, sizeof(stream->ssrc), stream);
    return stream;
}

static void retire(struct relay *relay, const struct relay_stream *stream)
{
    const struct retired retired = {stream->ssrc, rtpsec_stream_newest(&stream->sec)};
    for (size_t i = 0; i < relay->retired_count; i++) {
        if (relay->retired[i].ssrc == stream->ssrc) {
            relay->retired[i] = retired;
            return;
        }
    }
    if (relay->retired_count == relay->retired_capacity) {
        relay->retired_capacity = MAX(64, relay->retired_capacity * 2);
        relay->retired = mem_grow(relay->retired, relay->retired_capacity, sizeof(*relay->retired));
    }
    relay->retired[relay->retired_count++] = retired;
}

void relay_close(struct relay_stream *stream)
{
    struct relay *relay = stream->relay;
    if (stream->sec.started && stream->generation == relay->sending->generation) {
        retire(relay, stream);
    }
    pacer_forget(&relay->pacer, stream->ssrc);
    HASH_DEL(relay->streams, stream);
    free(stream);
}

const struct relay_owner *relay_listener(const struct relay *relay, uint32_t ssrc)
{
    struct relay_source *source;
    HASH_FIND(hh, relay->sources, &ssrc, sizeof(ssrc), source);
    return source == NULL ? NULL : &source->to;
}

const struct relay_owner *relay_speaker(const struct relay *relay, uint32_t ssrc)
{
    struct relay_stream *stream;
    HASH_FIND(hh, relay->streams, &ssrc, sizeof(ssrc), stream);
    return stream == NULL ? NULL : &stream->to;
}

size_t relay_ports(const struct relay *relay)
{
    return HASH_COUNT(relay->sources) + HASH_COUNT(relay->streams);
}

/* ---- Datagrams ------------------------------------------------------------------------------- */

uint8_t *relay_reserve(struct relay *relay)
{
    if (!relay->has_path || relay->sending == NULL) {
        relay->config.counters->drop_trunk_unready++;
        return NULL;
    }
    uint8_t *slot = outbox_reserve(relay->config.outbox);
    if (slot == NULL) {
        relay->config.counters->drop_outbox_full++;
    }
    return slot;
}

void relay_commit(struct relay *relay, size_t len)
{
    relay->totals.packets_out++;
    relay->totals.bytes_out += len;
    relay->config.counters->relay_bytes_out += len;
    outbox_commit(relay->config.outbox, &relay->path, len);
}

int64_t relay_heard_us(const struct relay *relay)
{
    return relay->heard_us;
}
