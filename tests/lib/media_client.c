/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/lib/media_client.h"

#include "tests/lib/stun_client.h"

#include <stdlib.h>

#define VP8_DESCRIPTOR 6
#define VP8_TAG        10 /* frame tag, start code and size, as a key frame has them */
#define OPUS_LEN       4
#define CAPTURED_LEN   8 /* of the time of capture, behind these */

const struct rtp_ext_ids media_client_exts = {
    .id = {[RTP_EXT_MID] = MEDIA_EXT_MID,
           [RTP_EXT_RID] = MEDIA_EXT_RID,
           [RTP_EXT_REPAIRED_RID] = MEDIA_EXT_REPAIRED_RID,
           [RTP_EXT_TRANSPORT_CC] = MEDIA_EXT_TRANSPORT_CC,
           [RTP_EXT_AUDIO_LEVEL] = MEDIA_EXT_AUDIO_LEVEL,
           [RTP_EXT_ABS_SEND_TIME] = MEDIA_EXT_ABS_SEND_TIME,
           [RTP_EXT_DEPENDENCY_DESCRIPTOR] = MEDIA_EXT_DEPENDENCY}};

static void make_keys(struct media_client *client, uint64_t seed)
{
    struct prng prng;
    prng_seed(&prng, seed);
    size_t len = rtpsec_key_len(RTPSEC_AES_128_GCM);
    client->keys.suite = RTPSEC_AES_128_GCM;
    prng_fill(&prng, client->keys.client, len);
    prng_fill(&prng, client->keys.server, len);
    struct rtpsec_config sec = {.suite = RTPSEC_AES_128_GCM,
                                .receive_key = {client->keys.server, len},
                                .send_key = {client->keys.client, len}};
    int err = rtpsec_new(&client->sec, &sec);
    assert(err == 0);
}

struct media_client *media_client_new(const struct media_client_config *config)
{
    struct media_client *client = mem_alloc(sizeof(*client));
    client->config = *config;
    client->priority = 1000000;
    prng_seed(&client->prng, config->seed);
    client->rtcp_ssrc = (uint32_t)prng_next(&client->prng);
    make_keys(client, config->seed);
    return client;
}

void media_client_free(struct media_client *client)
{
    rtpsec_free(client->sec);
    free(client);
}

void media_client_rekey(struct media_client *client, uint64_t seed)
{
    rtpsec_free(client->sec);
    make_keys(client, seed);
    for (size_t i = 0; i < client->source_count; i++) {
        rtpsec_stream_init(&client->sources[i].stream, client->sources[i].ssrc);
        rtpsec_stream_init(&client->sources[i].rtx_stream, client->sources[i].rtx_ssrc);
    }
}

struct media_source *media_client_publish(struct media_client *client,
                                          const struct media_source *source)
{
    assert(client->source_count < MEDIA_CLIENT_SOURCES);
    struct media_source *added = &client->sources[client->source_count++];
    *added = *source;
    if (added->ssrc == 0) {
        added->ssrc = (uint32_t)prng_next(&client->prng) | 1;
        added->rtx_ssrc = added->audio ? 0 : (uint32_t)prng_next(&client->prng) | 1;
    }
    added->seq = (uint16_t)prng_below(&client->prng, 0x7000);
    added->rtx_seq = (uint16_t)prng_below(&client->prng, 0x7000);
    added->ts = (uint32_t)prng_next(&client->prng);
    added->picture = (uint16_t)prng_below(&client->prng, 0x7000);
    added->key_wanted = true;
    added->on = true;
    rtpsec_stream_init(&added->stream, added->ssrc);
    rtpsec_stream_init(&added->rtx_stream, added->rtx_ssrc);
    return added;
}

size_t media_client_check(struct media_client *client, bool use_candidate, uint8_t *out)
{
    const struct stun_client_check check = {
        .server_ufrag = client->config.server_ufrag,
        .client_ufrag = client->config.ufrag,
        .server_pwd = client->config.server_pwd,
        .priority = client->priority,
        .transaction = client->transaction++,
        .use_candidate = use_candidate,
    };
    return stun_client_request(out, &check);
}

/* ---- Sending --------------------------------------------------------------------------------- */

static size_t add_captured(uint8_t *out, const struct media_source *source)
{
    if (source->captured_ntp == 0) {
        return 0;
    }
    be64_put(out, source->captured_ntp);
    return CAPTURED_LEN;
}

/* TID and Y of the next picture: but for the one behind layer 1, each refers to layer 0 alone. */
static uint8_t next_temporal(struct media_source *source)
{
    static const uint8_t order[] = {0, 2 << 6 | 1 << 5, 1 << 6 | 1 << 5, 2 << 6};
    source->since_key = source->key_wanted || !source->temporal ? 0 : source->since_key + 1;
    uint8_t temporal = order[source->since_key % ARRAY_LEN(order)];
    source->tl0 = (uint8_t)(source->tl0 + (temporal == 0));
    return temporal;
}

static uint8_t vp8_payload(uint8_t *out, struct media_source *source)
{
    bool key = source->key_wanted;
    uint8_t temporal = next_temporal(source);
    const uint8_t bytes[VP8_DESCRIPTOR + VP8_TAG] = {
        0x90, /* X, start of partition 0 */
        0xe0, /* picture id, TL0PICIDX and TID follow */
        (uint8_t)(0x80 | source->picture >> 8),
        (uint8_t)source->picture,
        source->tl0,
        temporal,
        key ? 0x10 : 0x11, /* bit 0: not a key frame */
        0,
        0,
        0x9d,
        0x01,
        0x2a,
        16,
        0,
        16,
        0,
    };
    memcpy(out, bytes, sizeof(bytes));
    size_t len = sizeof(bytes) + add_captured(out + sizeof(bytes), source);
    out[len] = source->layer;
    source->key_wanted = false;
    source->picture = (source->picture + 1) & 0x7fff;
    return (uint8_t)(len + 1);
}

static uint8_t opus_payload(uint8_t *out, const struct media_source *source)
{
    memcpy(out, "opus", OPUS_LEN);
    return (uint8_t)(OPUS_LEN + add_captured(out + OPUS_LEN, source));
}

static struct bytes text_bytes(const char *text)
{
    return (struct bytes){text[0] == '\0' ? NULL : (const uint8_t *)text, strlen(text)};
}

static size_t finish(struct media_client *client, struct rtpsec_stream *stream,
                     const struct rtp_header *header, const uint8_t *payload, size_t len,
                     uint8_t *out)
{
    struct rtp_header_out where;
    int err = rtp_header_write(out, header, &media_client_exts, &where);
    assert(err == 0);
    be16_put(out + where.transport_cc_at, client->cc_seq++);
    const struct rtpsec_packet packet = {.header_len = where.len, .body = {payload, len}};
    int sealed = rtpsec_protect_rtp(client->sec, stream, &packet, out);
    assert(sealed > 0);
    return (size_t)sealed;
}

size_t media_client_send(struct media_client *client, struct media_source *source, uint8_t *out)
{
    uint8_t level = source->level;
    struct rtp_header header = {.ts = source->ts,
                                .ssrc = source->ssrc,
                                .seq = source->seq,
                                .pt = source->audio ? MEDIA_OPUS : MEDIA_VP8,
                                .marker = !source->audio};
    if (!source->no_exts) {
        header.exts.value[RTP_EXT_MID] = text_bytes(source->mid);
        header.exts.value[RTP_EXT_RID] = text_bytes(source->rid);
    }
    if (source->audio) {
        header.exts.value[RTP_EXT_AUDIO_LEVEL] = (struct bytes){&level, 1};
    }
    size_t i = source->seq % MEDIA_CLIENT_HISTORY;
    uint8_t *payload = source->history[i].payload;
    uint8_t len = source->audio ? opus_payload(payload, source) : vp8_payload(payload, source);
    source->history[i].seq = source->seq;
    source->history[i].ts = source->ts;
    source->history[i].marker = header.marker;
    source->history[i].len = len;
    source->seq++;
    source->ts += source->audio ? 960 : 3000;
    return finish(client, &source->stream, &header, payload, len, out);
}

size_t media_client_pad(struct media_client *client, struct media_source *source, uint8_t padding,
                        uint8_t *out)
{
    uint8_t bytes[255] = {0};
    struct rtp_header header = {.ts = source->ts - 3000, /* of the frame before */
                                .ssrc = source->ssrc,
                                .seq = source->seq++,
                                .pt = MEDIA_VP8,
                                .padding_len = padding};
    bytes[padding - 1] = padding;
    return finish(client, &source->stream, &header, bytes, padding, out);
}

size_t media_client_repair(struct media_client *client, struct media_source *source, uint16_t seq,
                           uint8_t *out)
{
    size_t i = seq % MEDIA_CLIENT_HISTORY;
    if (source->history[i].len == 0 || source->history[i].seq != seq) {
        return 0;
    }
    struct rtp_header header = {.ts = source->history[i].ts,
                                .ssrc = source->rtx_ssrc,
                                .seq = source->rtx_seq++,
                                .pt = MEDIA_VP8_RTX,
                                .marker = source->history[i].marker};
    header.exts.value[RTP_EXT_MID] = text_bytes(source->mid);
    header.exts.value[RTP_EXT_REPAIRED_RID] = text_bytes(source->rid);
    uint8_t payload[2 + 32];
    be16_put(payload, seq);
    memcpy(payload + 2, source->history[i].payload, source->history[i].len);
    return finish(client, &source->rtx_stream, &header, payload, source->history[i].len + 2u, out);
}

size_t media_client_rtcp(struct media_client *client, const struct media_feedback *feedback,
                         uint8_t *out)
{
    struct rtcp_writer writer = {.data = out, .cap = MEDIA_CLIENT_PACKET - RTPSEC_RTCP_OVERHEAD};
    int err = rtcp_write_rr(&writer, client->rtcp_ssrc, feedback->report,
                            feedback->report != NULL ? 1 : 0);
    struct rtcp_feedback about = {.sender_ssrc = client->rtcp_ssrc};
    if (err == 0 && feedback->nack_ssrc != 0) {
        about.media_ssrc = feedback->nack_ssrc;
        err = rtcp_write_nack(&writer, about, &feedback->nack_seq, 1);
    }
    if (err == 0 && feedback->pli_ssrc != 0) {
        about.media_ssrc = feedback->pli_ssrc;
        err = rtcp_write_pli(&writer, about);
    }
    if (err == 0 && feedback->remb_bps != 0) {
        err = rtcp_write_remb(&writer, client->rtcp_ssrc, feedback->remb_bps, NULL, 0);
    }
    if (err == 0 && feedback->sr != NULL) {
        const struct rtcp_sr sr = {.ntp = rtcp_ntp(feedback->wall_us), .ts = feedback->sr->ts};
        err = rtcp_write_sr(&writer, feedback->sr->ssrc, &sr, NULL, 0);
    }
    assert(err == 0);
    size_t len = writer.len;
    err = rtpsec_protect_rtcp(client->sec, out, &len);
    assert(err == 0);
    return len;
}

/* ---- Receiving ------------------------------------------------------------------------------- */

static struct media_incoming *incoming_of(struct media_client *client, uint32_t ssrc)
{
    for (size_t i = 0; i < client->incoming_count; i++) {
        if (client->incoming[i].ssrc == ssrc) {
            return &client->incoming[i];
        }
    }
    return NULL;
}

size_t media_client_read_exts(struct rtp_exts *out, uint8_t header[MEDIA_CLIENT_PACKET],
                              const uint8_t *data, size_t len)
{
    struct rtp_view view;
    assert(len <= MEDIA_CLIENT_PACKET);
    memcpy(header, data, len);
    header[0] &= (uint8_t)~0x20; /* the length of padding may be encrypted */
    int err = rtp_parse(&view, header, len);
    assert(err == 0);
    rtp_exts_read(out, &view, &media_client_exts);
    return view.payload.len;
}

struct media_incoming *media_client_incoming(struct media_client *client, const char *mid)
{
    for (size_t i = client->incoming_count; i-- > 0;) {
        if (strcmp(client->incoming[i].mid, mid) == 0) {
            return &client->incoming[i];
        }
    }
    return NULL;
}

static struct media_source *source_of(struct media_client *client, uint32_t ssrc)
{
    for (size_t i = 0; i < client->source_count; i++) {
        if (client->sources[i].ssrc == ssrc) {
            return &client->sources[i];
        }
    }
    return NULL;
}

static size_t take_stun(struct media_client *client, const uint8_t *data, size_t len, uint8_t *out)
{
    struct stun_message message;
    if (stun_parse(&message, data, len) != 0) {
        client->bad++;
        return 0;
    }
    if (message.kind == STUN_SUCCESS) {
        client->answers++;
        return 0;
    }
    if (message.kind != STUN_REQUEST || stun_check_integrity(&message, client->config.pwd) != 0) {
        client->bad++;
        return 0;
    }
    client->checks++;
    client->check_priority = message.priority;
    const struct net_addr server = {.ip = {127, 0, 0, 1}, .port = 1, .family = NET_V4};
    return stun_build_success(out, message.transaction, &server, client->config.pwd);
}

/* RTX is told by its payload type: it repairs the media SSRC of the same mid. */
static void take_repair(struct media_client *client, const struct rtp_view *view, const char *mid)
{
    struct media_incoming *media = media_client_incoming(client, mid);
    if (view->payload.len == 0) {
        return; /* padding, to probe the path with */
    }
    if (media == NULL || view->payload.len < 2) {
        client->bad++;
        return;
    }
    media->repairs++;
    media->repaired_seq = be16_get(view->payload.data);
}

static uint64_t captured_ntp(const struct rtp_view *view)
{
    size_t at = view->pt == MEDIA_VP8 ? VP8_DESCRIPTOR + VP8_TAG : OPUS_LEN;
    return view->payload.len < at + CAPTURED_LEN ? 0 : be64_get(view->payload.data + at);
}

static void take_payload(struct media_incoming *in, const struct rtp_view *view)
{
    struct rtp_vp8 vp8;
    in->captured_ntp = captured_ntp(view);
    if (view->pt != MEDIA_VP8 || rtp_vp8_parse(&vp8, view->payload) != 0) {
        return;
    }
    uint8_t layer = view->payload.data[view->payload.len - 1];
    in->layer_changed = in->packets == 0 || layer != in->layer;
    in->layer = layer;
    in->key = vp8.key;
    in->pictures_skipped += in->packets > 0 && vp8.picture_id != ((in->picture + 1) & 0x7fff);
    in->picture = vp8.picture_id;
    in->temporal = vp8.temporal;
}

static void note_number(struct media_client *client, struct bytes value)
{
    if (value.data == NULL) {
        return;
    }
    uint16_t seq = be16_get(value.data);
    client->numbered_jumps += client->numbered && seq != (uint16_t)(client->numbered_seq + 1);
    client->numbered_seq = seq;
    client->numbered = true;
}

static struct media_incoming *take_rtp(struct media_client *client, uint8_t *data, size_t len)
{
    struct rtp_view view;
    struct rtp_exts exts;
    if (client->lose > 0) {
        client->lose--;
        client->lost_seq = be16_get(data + 2);
        return NULL;
    }
    if (rtpsec_unprotect_rtp(client->sec, data, &len) != 0 || rtp_parse(&view, data, len) != 0) {
        client->bad++;
        return NULL;
    }
    rtp_exts_read(&exts, &view, &media_client_exts);
    note_number(client, exts.value[RTP_EXT_TRANSPORT_CC]);
    char mid[PEER_MID_MAX] = "";
    struct bytes value = exts.value[RTP_EXT_MID];
    memcpy(mid, value.data, MIN(value.len, sizeof(mid) - 1));
    if (view.pt == MEDIA_VP8_RTX) {
        take_repair(client, &view, mid);
        return NULL;
    }
    struct media_incoming *in = incoming_of(client, view.ssrc);
    if (in == NULL) {
        assert(client->incoming_count < MEDIA_CLIENT_INCOMING);
        in = &client->incoming[client->incoming_count++];
        *in = (struct media_incoming){.ssrc = view.ssrc, .seq = (uint16_t)(view.seq - 1)};
    }
    in->layer_changed = false;
    in->key = false;
    take_payload(in, &view);
    in->gaps += (uint16_t)(view.seq - in->seq - 1);
    memcpy(in->mid, mid, sizeof(mid));
    in->seq = view.seq;
    in->ts = view.ts;
    in->pt = view.pt;
    in->packets++;
    in->numbered = exts.value[RTP_EXT_TRANSPORT_CC].data != NULL;
    value = exts.value[RTP_EXT_AUDIO_LEVEL];
    in->level = value.data == NULL ? -1 : rtp_audio_level_dbov(value);
    return in;
}

static void take_feedback(struct media_client *client, const struct rtcp_packet *packet)
{
    uint32_t ssrc;
    uint16_t seqs[64];
    struct media_source *source = NULL;
    if (rtcp_read_media_ssrc(packet, &ssrc) == 0) {
        source = source_of(client, ssrc);
    }
    if (source == NULL) {
        client->bad++;
    } else if (rtcp_is(packet, RTCP_RTPFB, RTCP_TWCC)) {
        client->feedback++; /* only about one of its own, as libwebrtc */
    } else if (rtcp_is(packet, RTCP_PSFB, RTCP_PLI)) {
        source->plis++;
        source->key_wanted = true;
    } else if (rtcp_is(packet, RTCP_RTPFB, RTCP_NACK)) {
        int count = rtcp_read_nack(packet, seqs, ARRAY_LEN(seqs));
        if (count > 0) {
            source->nacked += (unsigned)count;
            source->nack_seq = seqs[count - 1];
        }
    }
}

static void take_sender_report(struct media_client *client, const struct rtcp_packet *packet)
{
    struct media_incoming *in = incoming_of(client, packet->ssrc);
    if (in != NULL && rtcp_read_sr(packet, &in->report) == 0) {
        in->reports++;
    }
}

static void take_rtcp(struct media_client *client, uint8_t *data, size_t len)
{
    struct rtcp_iter iter;
    struct rtcp_packet packet;
    if (rtpsec_unprotect_rtcp(client->sec, data, &len) != 0 || rtcp_begin(&iter, data, len) != 0) {
        client->bad++;
        return;
    }
    client->server_rtcp_ssrc = be32_get(data + 4);
    while (rtcp_next(&iter, &packet)) {
        if (packet.type == RTCP_RTPFB || packet.type == RTCP_PSFB) {
            take_feedback(client, &packet);
        } else if (packet.type == RTCP_RR) {
            client->reports += packet.count;
        } else if (packet.type == RTCP_SR) {
            take_sender_report(client, &packet);
        }
    }
}

size_t media_client_receive(struct media_client *client, uint8_t *data, size_t len, uint8_t *out,
                            struct media_incoming **changed)
{
    *changed = NULL;
    switch (stun_classify(data, len)) {
    case PACKET_STUN:
        return take_stun(client, data, len, out);
    case PACKET_DTLS:
        client->dtls++;
        break;
    case PACKET_RTP:
        *changed = take_rtp(client, data, len);
        break;
    case PACKET_RTCP:
        take_rtcp(client, data, len);
        break;
    case PACKET_UNKNOWN:
        client->bad++;
        break;
    }
    return 0;
}
