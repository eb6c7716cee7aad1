/* SPDX-License-Identifier: Apache-2.0
 *
 * RTP over the trunk: the hot path. Nothing is allocated here.
 *
 * Indices. A run of a stream places its first packet RUN_GAP or more above all indices used before,
 * and each further one as far above as its extended number is: so within a run one index is one
 * packet of one receiver's cache, and sending it again is the same bytes. Under new keys, a run is
 * placed anew. The other end drops what comes late of an earlier run, for it is behind its window.
 */
#include "media-node/core/relay/private.h"

#define RUN_GAP (2 * RTPSEC_REPLAY_WINDOW)
#define WORDS   2 /* CSRCs: source, and word */

/* ---- In -------------------------------------------------------------------------------------- */

/* The window of this source under these keys. */
static struct rtpsec_window *window_of(struct relay_source *source, const struct keys *keys)
{
    size_t slot = (size_t)(keys - source->relay->keys);
    if (source->generations[slot] != keys->generation) {
        source->generations[slot] = keys->generation;
        source->windows[slot] = (struct rtpsec_window){0};
    }
    return &source->windows[slot];
}

static bool note_run(struct relay_source *source, uint8_t run)
{
    bool cut = source->run_known && source->run != run;
    source->run_known = true;
    source->run = run;
    return cut;
}

static void count_refusal(struct counters *counters, int err)
{
    if (err == ERR_REPLAY || err == ERR_STALE) {
        counters->drop_trunk_replay++;
    } else {
        counters->drop_trunk_auth++;
    }
}

MUST_CHECK static int open_packet(struct relay_source *source, int64_t now_us,
                                  struct relay_rtp *out, size_t len)
{
    struct relay *relay = source->relay;
    struct counters *counters = relay->config.counters;
    uint32_t word = rtp_csrc(&out->view, 1);
    struct keys *keys = relay_find_keys(relay, word >> WORD_GENERATION, GENERATION_MASK);
    if (keys == NULL) {
        counters->drop_trunk_keys++;
        return ERR_NOT_FOUND;
    }
    uint8_t *data = (uint8_t *)(uintptr_t)out->view.data;
    uint64_t index = (uint64_t)(word & WORD_ROC_MAX) << 16 | out->view.seq;
    size_t header_len = (size_t)(out->view.payload.data - data);
    int err = rtpsec_open_rtp(keys->sec, window_of(source, keys), index, data, header_len, &len);
    if (err != 0) {
        count_refusal(counters, err);
        return err;
    }
    out->view.payload.len = len - header_len;
    out->view.ssrc = rtp_csrc(&out->view, 0);
    out->to = source->to;
    out->cut = note_run(source, (uint8_t)(word >> WORD_RUN & RUN_MASK));
    relay_heard(relay, now_us, keys);
    counters->relay_in++;
    return 0;
}

int relay_rtp(struct relay *relay, int64_t now_us, uint8_t *data, size_t len, struct relay_rtp *out)
{
    struct counters *counters = relay->config.counters;
    relay->rtp_in++;
    relay->totals.packets_in++;
    relay->totals.bytes_in += len;
    counters->relay_bytes_in += len;
    /* No node sends padding; of a sealed packet its length could not be read either. */
    if (len < RTP_HEADER_LEN || (data[0] & 0x20) != 0 || rtp_parse(&out->view, data, len) != 0 ||
        rtp_csrc_count(&out->view) != WORDS) {
        counters->drop_trunk_malformed++;
        return ERR_INVALID;
    }
    struct relay_source *source;
    HASH_FIND(hh, relay->sources, &out->view.ssrc, sizeof(out->view.ssrc), source);
    if (source == NULL) {
        counters->drop_trunk_ssrc++;
        return ERR_NOT_FOUND;
    }
    return open_packet(source, now_us, out, len);
}

/* ---- Out ------------------------------------------------------------------------------------- */

static const struct retired *find_retired(const struct relay *relay, uint32_t ssrc)
{
    for (size_t i = 0; i < relay->retired_count; i++) {
        if (relay->retired[i].ssrc == ssrc) {
            return &relay->retired[i];
        }
    }
    return NULL;
}

/* The stream's first packet under the keys sent with. False: no more SSRCs can be remembered. */
static bool begin_generation(struct relay_stream *stream)
{
    struct relay *relay = stream->relay;
    const struct retired *old = find_retired(relay, stream->ssrc);
    if (old == NULL && relay->retired_count >= RELAY_RETIRED_MAX) {
        return false;
    }
    if (old == NULL) {
        rtpsec_stream_init(&stream->sec, stream->ssrc);
    } else {
        rtpsec_stream_resume(&stream->sec, stream->ssrc, (uint32_t)(old->newest >> 16),
                             (uint16_t)old->newest);
    }
    stream->generation = relay->sending->generation;
    stream->placed = false;
    return true;
}

static void place(struct relay_stream *stream, uint64_t seq)
{
    uint64_t least =
        stream->sec.started ? rtpsec_stream_newest(&stream->sec) + RUN_GAP : RTPSEC_SEND_WINDOW;
    uint64_t index = (least & ~UINT64_C(0xffff)) | (seq & 0xffff);
    index += index < least ? 0x10000 : 0;
    stream->offset = index - seq;
    stream->placed = true;
    if (stream->cut) {
        stream->cut = false;
        stream->run = (stream->run + 1u) & RUN_MASK;
    }
}

void relay_cut(struct relay_stream *stream)
{
    stream->cut = stream->generation != 0; /* a run that never began need not end */
    stream->placed = false;
}

bool relay_seq(const struct relay_stream *stream, uint16_t number, uint64_t *seq)
{
    if (!stream->placed || !stream->sec.started) {
        return false;
    }
    uint64_t newest = rtpsec_stream_newest(&stream->sec);
    *seq = newest + (uint64_t)(int64_t)seq_diff(number, (uint16_t)newest) - stream->offset;
    return true;
}

/* What of a packet's extensions goes over a trunk: the others are between a client and its node. */
static const struct rtp_ext_ids carried = {.id = {
                                               [RTP_EXT_AUDIO_LEVEL] = 5,
                                               [RTP_EXT_ABS_CAPTURE_TIME] = 7,
                                               [RTP_EXT_DEPENDENCY_DESCRIPTOR] = 8,
                                               [RTP_EXT_PLAYOUT_DELAY] = 9,
                                           }};

/* Writes the header; its length, or an error. */
static int write_header(const struct relay_stream *stream, const struct relay_packet *packet,
                        uint64_t index, uint8_t *slot)
{
    uint32_t word = (stream->generation & GENERATION_MASK) << WORD_GENERATION |
                    (uint32_t)stream->run << WORD_RUN | (uint32_t)(index >> 16);
    struct rtp_header header = {.ts = packet->ts,
                                .ssrc = stream->ssrc,
                                .seq = (uint16_t)packet->seq,
                                .pt = packet->pt,
                                .marker = packet->marker,
                                .csrc_count = WORDS,
                                .csrcs = {packet->source, word},
                                .exts = *packet->exts};
    struct rtp_header_out where;
    int err = rtp_header_write(slot, &header, &carried, &where);
    if (err == 0 && where.len + packet->payload.len + RTPSEC_RTP_OVERHEAD > OUTBOX_PACKET_MAX) {
        err = ERR_TOO_BIG;
    }
    return err != 0 ? err : where.len;
}

bool relay_send(struct relay_stream *stream, int64_t now_us, const struct relay_packet *packet,
                bool again)
{
    struct relay *relay = stream->relay;
    struct counters *counters = relay->config.counters;
    uint8_t *slot = relay_reserve(relay);
    if (slot == NULL) {
        return false;
    }
    if (stream->generation != relay->sending->generation && !begin_generation(stream)) {
        counters->drop_send_protect++;
        return false;
    }
    if (!stream->placed) {
        place(stream, packet->seq);
    }
    uint64_t index = packet->seq + stream->offset;
    int header_len = write_header(stream, packet, index, slot);
    if (header_len < 0) {
        counters->drop_send_size++;
        return false;
    }
    const struct rtpsec_packet sealed = {.header_len = (size_t)header_len,
                                         .body = packet->payload,
                                         .again = again && rtpsec_stream_used(&stream->sec, index)};
    int len = index >> 16 > WORD_ROC_MAX
                  ? ERR_STATE
                  : rtpsec_seal_rtp(relay->sending->sec, &stream->sec, index, &sealed, slot);
    if (len < 0) {
        counters->drop_send_protect++;
        return false;
    }
    relay->rtp_out++;
    relay_commit(relay, (size_t)len);
    (void)pacer_sent(&relay->pacer, now_us, (uint16_t)len);
    return true;
}
