/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/media-node/stream/svc.h"

#define PT_VP9  98
#define OUT_VP9 100
#define DD_ID   8

const struct descriptor_mode svc_l1t2 = {.spatial = 1, .temporal = 2};
const struct descriptor_mode svc_l1t3 = {.spatial = 1, .temporal = 3};
const struct descriptor_mode svc_l2t1_key = {.spatial = 2, .temporal = 1, .key_only = true};
const struct descriptor_mode svc_l3t3 = {.spatial = 3, .temporal = 3};
const struct descriptor_mode svc_l3t3_key = {.spatial = 3, .temporal = 3, .key_only = true};

void svc_want(struct svc *world, uint8_t spatial, uint8_t temporal)
{
    const struct stream_want wanted = {.size_max = spatial, .temporal_max = temporal};
    unsigned bits = stream_sender_want(world->sender, world->now_us, &wanted);
    world->asked += (bits & STREAM_ASK) != 0;
}

struct stream_receiver *svc_receiver(void)
{
    static const struct stream_payload in = {RTP_CODEC_VP9, PT_VP9, PT_VP9 + 1, true, true, 90000};
    const struct stream_receiver_config config = {.kind = STREAM_VIDEO,
                                                  .ssrc = SSRC_SOURCE,
                                                  .payloads = &in,
                                                  .payload_count = 1,
                                                  .dependency_id = DD_ID};
    return stream_receiver_new(&config, 0);
}

struct stream_sender *svc_sender(void)
{
    static const struct stream_payload out = {
        .codec = RTP_CODEC_VP9, .number = OUT_VP9, .clock_hz = 90000};
    const struct stream_sender_config config = {.kind = STREAM_VIDEO,
                                                .ssrc = SSRC_OUT,
                                                .payloads = &out,
                                                .payload_count = 1,
                                                .seq_next = SEQ_OUT,
                                                .timestamp_first = TS_OUT,
                                                .repeat_allowed = true};
    return stream_sender_new(&config, 0);
}

void svc_begin(struct svc *world, const struct descriptor_mode *mode, uint8_t spatial,
               uint8_t temporal)
{
    *world = (struct svc){
        .mode = *mode, .index = SEQ_OUT, .ended = true, .number = 65500, .sizes = mode->spatial};
    world->layers[0] = svc_receiver();
    world->sender = svc_sender();
    svc_want(world, spatial, temporal);
    world->asked = 0;
}

void svc_begin_apart(struct svc *world, const struct descriptor_mode *mode, uint8_t size_max,
                     uint8_t spatial)
{
    svc_begin(world, mode, spatial, STREAM_RATE_ALL);
    world->near = svc_receiver();
    world->filter = stream_filter_new();
    stream_filter_want(world->filter, size_max, STREAM_RATE_ALL);
}

void svc_end(struct svc *world)
{
    stream_receiver_free(world->layers[0]);
    stream_sender_free(world->sender);
    if (world->filter != NULL) {
        stream_receiver_free(world->near);
        stream_filter_free(world->filter);
    }
}

/* ---- The subscriber -------------------------------------------------------------------------- */

/* Of the packet's frame: whether all that it refers to can be decoded. */
static bool refers_well(const struct svc *world, const struct rtp_dependency_frame *frame,
                        uint16_t number)
{
    for (unsigned back = 1; back < 64; back++) {
        if ((frame->refs >> back & 1) != 0 &&
            !world->decodable[(uint16_t)(number - back) % SVC_FRAMES]) {
            return false;
        }
    }
    return (frame->refs & 1) == 0;
}

static void take(struct svc *world, const struct stream_out *out)
{
    struct rtp_exts exts;
    struct rtp_ext_ids ids = {{0}};
    struct rtp_dependency_head head;
    struct rtp_dependency d;
    ids.id[RTP_EXT_DEPENDENCY_DESCRIPTOR] = DD_ID;
    rtp_exts_read(&exts, &out->source->rtp, &ids);
    struct bytes value = exts.value[RTP_EXT_DEPENDENCY_DESCRIPTOR];
    assert_int_equal(rtp_dependency_head(&head, value), 0);
    assert_int_equal(rtp_dependency_parse(&d, &world->structure, value), 0);
    world->active = head.attached ? world->structure.inhabited : world->active;
    world->active = d.active_told ? d.active : world->active;
    if (out->active != 0) { /* as if it had been written in */
        assert_true(head.frame_start);
        world->rewritten = true;
        world->active = out->active;
    }
    assert_int_equal(out->index, world->index++);
    assert_false(out->padding);
    assert_int_equal(world->ended, out->timestamp != world->out_ts);
    assert_true(refers_well(world, &d.frame, head.frame_number));
    world->ended = out->marker;
    world->out_ts = out->timestamp;
    world->decodable[head.frame_number % SVC_FRAMES] = true;
    size_t len = strlen(world->seen);
    assert_true(len + 3 < sizeof(world->seen));
    if (head.frame_end) {
        world->seen[len++] = (char)('0' + d.frame.spatial);
        world->seen[len] = out->marker ? '!' : '\0';
        world->seen[len + 1] = '\0';
    } else {
        assert_false(out->marker);
    }
}

/* ---- The publisher --------------------------------------------------------------------------- */

/* VP9's own descriptor: P, L, B, E; TID, SID, D; TL0PICIDX (RFC 9628 §4.2). */
void svc_make(struct svc *world, struct kit_packet *out, unsigned spatial, unsigned part)
{
    uint8_t descriptor[DESCRIPTOR_MAX];
    uint8_t payload[1000] = {0};
    struct rtp_ext_ids ids = {{0}};
    struct rtp_header_out where;
    unsigned temporal = descriptor_temporal(&world->mode, world->picture);
    bool last = part == SVC_PARTS - 1;
    struct descriptor_frame frame = {.number = world->number,
                                     .spatial = spatial,
                                     .picture = world->picture,
                                     .start = part == 0,
                                     .end = last};
    if (world->told && spatial == 0 && part == 0) {
        frame.active_told = true;
        frame.active = (1u << (world->sizes * world->mode.temporal)) - 1;
        world->told = false;
    }
    struct rtp_header header = {.ts = world->ts,
                                .ssrc = SSRC_SOURCE,
                                .seq = world->seq++,
                                .pt = PT_VP9,
                                .marker = last && spatial == world->sizes - 1};
    header.exts.value[RTP_EXT_DEPENDENCY_DESCRIPTOR] =
        (struct bytes){descriptor, descriptor_write(descriptor, &world->mode, &frame)};
    ids.id[RTP_EXT_DEPENDENCY_DESCRIPTOR] = DD_ID;
    assert_int_equal(rtp_header_write(out->data, &header, &ids, &where), 0);
    payload[0] = (uint8_t)((world->picture > 0 ? 0x40 : 0) | 0x20 | (part == 0 ? 0x08 : 0) |
                           (last ? 0x04 : 0));
    payload[1] = (uint8_t)(temporal << 5 | spatial << 1);
    size_t len = (size_t)100 << spatial;
    memcpy(out->data + where.len, payload, len);
    out->len = where.len + len;
    assert_int_equal(rtp_parse(&out->view, out->data, out->len), 0);
}

/* The packet as it comes over the trunk. */
static void carry(struct kit_packet *out, const struct stream_packet *packet,
                  const struct stream_passage *passage)
{
    struct rtp_ext_ids ids = {{0}};
    struct rtp_header_out where;
    uint8_t descriptor[RTP_DEPENDENCY_LEN_MAX];
    struct rtp_header header = {
        .ts = packet->rtp.ts, .ssrc = SSRC_SOURCE, .seq = packet->rtp.seq, .pt = PT_VP9};
    ids.id[RTP_EXT_DEPENDENCY_DESCRIPTOR] = DD_ID;
    if (!passage->empty) {
        rtp_exts_read(&header.exts, &packet->rtp, &ids);
        header.marker = packet->rtp.marker;
    }
    struct bytes *value = &header.exts.value[RTP_EXT_DEPENDENCY_DESCRIPTOR];
    if (passage->active != 0 && !passage->empty) {
        int len = rtp_dependency_write_active(descriptor, *value, &packet->dependency.place,
                                              passage->active);
        assert_true(len > 0);
        *value = (struct bytes){descriptor, (size_t)len};
    }
    assert_int_equal(rtp_header_write(out->data, &header, &ids, &where), 0);
    size_t len = passage->empty ? 0 : packet->rtp.payload.len;
    memcpy(out->data + where.len, packet->rtp.payload.data, len);
    out->len = where.len + len;
    assert_int_equal(rtp_parse(&out->view, out->data, out->len), 0);
}

static const struct stream_packet *over_trunk(struct svc *world, const struct stream_packet *packet)
{
    struct kit_packet carried;
    struct svc_told told = {.seq = packet->seq};
    world->trunk_asked += stream_filter_next(world->filter, packet, &told.passage);
    world->emptied += told.passage.empty;
    world->tellings[world->crossed++ % SVC_TELLINGS] = told;
    carry(&carried, packet, &told.passage);
    return kit_feed(world->layers[0], world->now_us, &carried);
}

void svc_forward(struct svc *world, const struct kit_packet *packet)
{
    struct stream_out out;
    struct stream_receiver *first = world->filter != NULL ? world->near : world->layers[0];
    const struct stream_packet *sent = kit_feed(first, world->now_us, packet);
    const struct stream_packet *given = world->filter != NULL ? over_trunk(world, sent) : sent;
    unsigned bits = stream_sender_forward(world->sender, world->now_us, given, &out);
    world->asked += (bits & STREAM_ASK) != 0;
    assert_true((bits & STREAM_ASK) == 0 || stream_sender_needs_key_frame(world->sender) == 0);
    if ((bits & STREAM_SEND) != 0) {
        take(world, &out);
    } else { /* nobody waits for what is left out */
        assert_int_equal(sent->dependency.present & world->active, 0);
    }
}

void svc_next_picture(struct svc *world)
{
    world->picture++;
    world->ts += 3000;
    world->now_us += SVC_FRAME_US;
}

const char *svc_picture(struct svc *world)
{
    struct kit_packet packet;
    world->seen[0] = '\0';
    if (world->key_wanted) {
        world->picture = 0;
        world->key_wanted = false;
    }
    for (unsigned spatial = 0; spatial < world->sizes; spatial++, world->number++) {
        for (unsigned part = 0; part < SVC_PARTS; part++) {
            svc_make(world, &packet, spatial, part);
            svc_forward(world, &packet);
        }
    }
    world->number = (uint16_t)(world->number + world->mode.spatial - world->sizes);
    assert_true(world->ended);
    svc_next_picture(world);
    return world->seen;
}

void svc_expect(struct svc *world, const char *const *pictures, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        assert_string_equal(svc_picture(world), pictures[i]);
    }
}
