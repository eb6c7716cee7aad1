/* SPDX-License-Identifier: Apache-2.0
 *
 * A hostile publisher and a hostile subscriber: any packets in any order into receivers and a
 * sender. What goes out lies inside the packet it came from; no number is given to two packets; one
 * sent again is to the byte what was sent first.
 *
 * The input is a list of steps: what to do, two numbers for it, a length, and as many bytes.
 */
#include "media-node/core/stream/stream.h"

#include <stdlib.h>

#define LAYERS     2
#define STEP_LEN   4
#define NUMBERS    4096 /* followed: more do not fit an input */
#define CONTENT    64   /* bytes remembered of each */
#define SSRC_MEDIA 100  /* + layer */
#define DESCRIPTOR 2    /* id of the dependency descriptor */

enum { MEDIA, REPAIR, WANT, LAYERS_LIVE, AGAIN, WAIT, REPORTS, LOST, STEPS };

struct content {
    bool sent;
    bool marker;
    size_t len;
    uint32_t timestamp;
    uint8_t bytes[CONTENT];
};

struct world {
    int64_t now_us;
    struct stream_receiver *layers[STREAM_LAYERS_MAX];
    struct stream_sender *sender;
    struct content contents[NUMBERS];
};

static const struct stream_payload payloads[] = {
    {RTP_CODEC_VP8, 96, 97, true, true, 90000},   {RTP_CODEC_H264, 98, 99, true, true, 90000},
    {RTP_CODEC_VP9, 100, 101, true, true, 90000}, {RTP_CODEC_H265, 102, 103, true, true, 90000},
    {RTP_CODEC_AV1, 104, 105, true, true, 90000},
};
static const struct stream_payload audio_payloads[] = {
    {RTP_CODEC_OPUS, 96, 97, true, false, 48000},
    {RTP_CODEC_RED, 98, 99, true, false, 48000},
};

static void check_bounds(const struct stream_out *out)
{
    const struct rtp_view *rtp = &out->source->rtp;
    assert(out->prefix_len <= sizeof(out->prefix));
    assert(out->payload_len == 0 ||
           (out->payload >= rtp->payload.data &&
            out->payload + out->payload_len <= rtp->payload.data + rtp->payload.len));
    assert(!out->padding || (out->payload_len == 0 && out->prefix[out->prefix_len - 1] == 1));
    assert(out->prefix_len + out->payload_len > 0);
}

static struct content content_of(const struct stream_out *out, size_t skip)
{
    struct content content = {.sent = true,
                              .marker = out->marker,
                              .len = out->prefix_len + out->payload_len - skip,
                              .timestamp = out->timestamp};
    for (size_t i = 0; i < MIN(content.len, CONTENT); i++) {
        size_t at = i + skip;
        content.bytes[i] =
            at < out->prefix_len ? out->prefix[at] : out->payload[at - out->prefix_len];
    }
    return content;
}

static void note(struct world *world, uint64_t index, struct content content)
{
    if (index >= NUMBERS) {
        return;
    }
    struct content *known = &world->contents[index];
    assert(!known->sent || memcmp(known, &content, sizeof(content)) == 0);
    *known = content;
}

/* The first of the bytes, behind their number, as an extension of a header that ends at data + at;
 * returns where it ends then. */
static size_t put_descriptor(uint8_t *data, size_t at, struct bytes *bytes)
{
    if (bytes->len == 0) {
        return at;
    }
    size_t len = MIN(bytes->data[0], bytes->len - 1);
    size_t words = (2 + len + 3) / 4;
    memset(data + at, 0, 4 + 4 * words);
    data[0] |= 0x10;
    be16_put(data + at, 0x1000); /* the two-byte form */
    be16_put(data + at + 2, (uint16_t)words);
    data[at + 4] = DESCRIPTOR;
    data[at + 5] = (uint8_t)len;
    memcpy(data + at + 6, bytes->data + 1, len);
    *bytes = (struct bytes){bytes->data + 1 + len, bytes->len - 1 - len};
    return at + 4 + 4 * words;
}

static void receive(struct world *world, bool repair, const uint8_t *step, struct bytes bytes)
{
    uint8_t data[RTP_HEADER_LEN + 8 + UINT8_MAX];
    size_t layer = step[1] % LAYERS;
    struct rtp_view view;
    const struct stream_packet *packet;
    struct stream_out out;
    data[0] = step[1] & 0x20 ? 0xa0 : 0x80; /* with padding: its last byte says how much */
    data[1] = (uint8_t)((step[1] & 0x80) | (96 + (step[1] >> 1) % 16));
    be16_put(data + 2, (uint16_t)(step[2] & 0x80 ? step[2] * 200 : step[2]));
    be32_put(data + 4, step[2] * 3000u);
    be32_put(data + 8, SSRC_MEDIA + (uint32_t)layer);
    size_t at = RTP_HEADER_LEN;
    if ((step[1] & 0x40) != 0) {
        at = put_descriptor(data, at, &bytes);
    }
    memcpy(data + at, bytes.data, bytes.len);
    if (rtp_parse(&view, data, at + bytes.len) != 0) {
        return;
    }
    struct stream_receiver *receiver = world->layers[layer];
    int err = repair ? stream_receiver_repair(receiver, world->now_us, &view, &packet)
                     : stream_receiver_media(receiver, world->now_us, &view, &packet);
    if (err != 0) {
        return;
    }
    assert(stream_receiver_find(receiver, packet->seq) == packet);
    unsigned bits = stream_sender_forward(world->sender, world->now_us, packet, &out);
    if ((bits & STREAM_SEND) != 0) {
        check_bounds(&out);
        assert(!out.rtx && !out.repeat);
        assert(out.index >= NUMBERS || !world->contents[out.index].sent);
        note(world, out.index, content_of(&out, 0));
    }
    assert((bits & STREAM_ASK) == 0 || stream_sender_needs_key_frame(world->sender) >= 0);
}

static void again(struct world *world, const uint8_t *step)
{
    struct stream_out out;
    uint16_t seq = be16_get(step + 1);
    if (stream_sender_resend(world->sender, world->now_us, seq, world->layers, &out) != 0) {
        return;
    }
    check_bounds(&out);
    if (out.rtx) {
        assert(be16_get(out.prefix) == seq);
        note(world, seq, content_of(&out, 2));
    } else {
        assert((uint16_t)out.index == seq);
        assert(out.index >= NUMBERS || out.repeat == world->contents[out.index].sent);
        note(world, out.index, content_of(&out, 0));
    }
}

static void poll(struct world *world)
{
    for (size_t i = 0; i < LAYERS; i++) {
        struct stream_request request;
        stream_receiver_expire(world->layers[i], world->now_us);
        for (unsigned n = 0; stream_receiver_poll(world->layers[i], &request); n++) {
            assert(n < 100);
            assert(request.key_frame || request.nack_count > 0);
        }
        assert(stream_receiver_deadline(world->layers[i]) > world->now_us);
    }
}

static void reports(struct world *world, const uint8_t *step, struct bytes bytes)
{
    struct rtcp_report report = {.lsr = step[1], .dlsr = step[2] * 7777777u};
    struct rtcp_sr sr = {.ntp = (uint64_t)step[1] << 56, .ts = step[2] * 0x1010101u};
    size_t layer = step[1] % LAYERS;
    if (bytes.len >= 8) {
        sr.ntp = be64_get(bytes.data);
    }
    stream_receiver_sender_report(world->layers[layer], world->now_us, &sr);
    if (stream_sender_report(world->sender, world->now_us, &sr) == 0) {
        report.lsr = rtcp_ntp_middle(sr.ntp);
    }
    stream_sender_on_report(world->sender, world->now_us, &report);
    if (stream_receiver_report(world->layers[layer], world->now_us, &report) == 0) {
        (void)stream_receiver_level(world->layers[layer], world->now_us);
    }
}

static void act(struct world *world, const uint8_t *step, struct bytes bytes)
{
    struct stream_want want = {.paused = step[1] & 1,
                               .spatial_max = step[2] % 4,
                               .size_max = step[2] % 4,
                               .temporal_max = step[2] / 4 % 8};
    switch (step[0] % STEPS) {
    case MEDIA:
    case REPAIR:
        receive(world, step[0] % STEPS == REPAIR, step, bytes);
        break;
    case WANT:
        stream_sender_want(world->sender, world->now_us, &want);
        break;
    case LAYERS_LIVE:
        stream_sender_layers(world->sender, world->now_us,
                             stream_layers_live(world->layers, world->now_us));
        break;
    case AGAIN:
        again(world, step);
        break;
    case WAIT:
        world->now_us += TIME_MS(step[1] * step[2]);
        poll(world);
        break;
    case REPORTS:
        reports(world, step, bytes);
        break;
    case LOST:
        stream_sender_picture_lost(world->sender, world->now_us);
        stream_receiver_want_key_frame(world->layers[step[1] % LAYERS], world->now_us);
        break;
    default:
        unreachable();
    }
}

static void open_world(struct world *world, uint8_t options)
{
    bool audio = options & 1;
    struct stream_sender_config sender = {
        .kind = audio ? STREAM_AUDIO : STREAM_VIDEO,
        .ssrc = 1,
        .rtx_ssrc = options & 2 ? 2 : 0,
        .payloads = audio ? audio_payloads : payloads,
        .payload_count = options & 4 || audio ? 1 : ARRAY_LEN(payloads),
        .repeat_allowed = options & 8,
    };
    world->sender = stream_sender_new(&sender, 0);
    for (uint8_t i = 0; i < LAYERS; i++) {
        struct stream_receiver_config receiver = {
            .kind = sender.kind,
            .layer = i,
            .ssrc = SSRC_MEDIA + i,
            .payloads = sender.payloads,
            .payload_count = audio ? ARRAY_LEN(audio_payloads) : ARRAY_LEN(payloads),
            .audio_level_id = 1,
            .dependency_id = DESCRIPTOR,
        };
        world->layers[i] = stream_receiver_new(&receiver, 0);
    }
    stream_sender_want(world->sender, 0,
                       &(struct stream_want){.spatial_max = 3, .size_max = 3, .temporal_max = 7});
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    if (len == 0) {
        return 0;
    }
    struct world *world = mem_alloc(sizeof(*world));
    open_world(world, data[0]);
    size_t at = 1;
    while (len - at >= STEP_LEN) {
        const uint8_t *step = data + at;
        at += STEP_LEN;
        struct bytes bytes = {data + at, MIN(step[3], len - at)};
        at += bytes.len;
        act(world, step, bytes);
    }
    for (size_t i = 0; i < LAYERS; i++) {
        stream_receiver_free(world->layers[i]);
    }
    stream_sender_free(world->sender);
    free(world);
    return 0;
}
