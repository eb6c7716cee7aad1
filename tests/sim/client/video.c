/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/client/video.h"

#include "media-node/core/rtp/rtcp.h"
#include "tests/sim/client/pc.h"

#include <stdio.h>

#define DESCRIPTOR 6 /* bytes, RFC 7741 §4.2 */
#define KEY_HEADER 10
#define MARK       2 /* behind it: whose, and that it is of this model */
#define MAGIC      0x56
#define ASK_US     TIME_MS(500)

static const char *const rids[VIDEO_LAYERS] = {"q", "h", "f"}; /* as offer_write() has them */
static const uint16_t widths[VIDEO_LAYERS] = {320, 640, 1280};

void video_on(struct pc *pc, unsigned section)
{
    struct video *video = &pc->video;
    for (size_t i = 0; !video->on && i < VIDEO_LAYERS; i++) {
        struct video_layer *layer = &video->layers[i];
        rtpsec_stream_init(&layer->stream, (uint32_t)prng_next(pc->prng) | 1);
        layer->seq = (uint16_t)prng_below(pc->prng, 0x7000);
        layer->key_wanted = true;
    }
    video->on = true;
    snprintf(video->mid, sizeof(video->mid), "%u", section);
}

void video_rekeyed(struct video *video)
{
    for (size_t i = 0; i < VIDEO_LAYERS; i++) {
        rtpsec_stream_init(&video->layers[i].stream, video->layers[i].stream.ssrc);
    }
}

/* ---- Sending ------------------------------------------------------------------------------- */

/* 15 bits of picture id, TL0PICIDX, temporal layer 0; then the head of a frame, RFC 6386 §9.1. */
static size_t write_frame(uint8_t *out, const struct video_layer *layer, uint16_t width,
                          uint8_t who)
{
    uint8_t *frame = out + DESCRIPTOR;
    const uint8_t key[KEY_HEADER] = {
        0x10, 0, 0, 0x9d, 0x01, 0x2a, (uint8_t)width, (uint8_t)(width >> 8), 180, 0};
    memset(frame, 0, KEY_HEADER);
    out[0] = 0x90;
    out[1] = 0xe0;
    be16_put(out + 2, (uint16_t)(0x8000 | (layer->picture & 0x7fff)));
    out[4] = (uint8_t)layer->picture;
    out[5] = 0;
    frame[0] = 0x11;
    if (layer->key_wanted) {
        memcpy(frame, key, sizeof(key));
    }
    frame[KEY_HEADER] = MAGIC;
    frame[KEY_HEADER + 1] = who;
    return DESCRIPTOR + KEY_HEADER + MARK;
}

static struct bytes text_bytes(const char *text)
{
    return (struct bytes){(const uint8_t *)text, strlen(text)};
}

void video_send(struct pc *pc, const struct pc_handler *handler)
{
    for (size_t i = 0; i < VIDEO_LAYERS; i++) {
        struct video_layer *layer = &pc->video.layers[i];
        uint8_t payload[DESCRIPTOR + KEY_HEADER + MARK];
        size_t len = write_frame(payload, layer, widths[i], pc->who);
        struct rtp_header header = {.ts = layer->ts,
                                    .ssrc = layer->stream.ssrc,
                                    .seq = layer->seq++,
                                    .pt = OFFER_VP8,
                                    .marker = true};
        header.exts.value[RTP_EXT_MID] = text_bytes(pc->video.mid);
        header.exts.value[RTP_EXT_RID] = text_bytes(rids[i]);
        layer->ts += (uint32_t)(90 * pc->talk_ticks * PC_TICK_US / 1000);
        layer->picture++;
        layer->key_wanted = false;
        pc_send_rtp(pc, &layer->stream, &header, (struct bytes){payload, len}, handler);
    }
}

void video_feedback(struct video *video, struct bytes rtcp)
{
    struct rtcp_iter iter;
    struct rtcp_packet packet;
    uint32_t ssrc;
    if (rtcp_begin(&iter, rtcp.data, rtcp.len) != 0) {
        return;
    }
    while (rtcp_next(&iter, &packet)) {
        if (!rtcp_is(&packet, RTCP_PSFB, RTCP_PLI) || rtcp_read_media_ssrc(&packet, &ssrc) != 0) {
            continue;
        }
        for (size_t i = 0; i < VIDEO_LAYERS; i++) {
            video->layers[i].key_wanted |= video->layers[i].stream.ssrc == ssrc;
        }
    }
}

/* ---- Watching ------------------------------------------------------------------------------ */

static void ask_for_key(struct pc *pc, int64_t now_us, struct video_view *view,
                        const struct pc_handler *handler)
{
    uint8_t out[128];
    struct rtcp_writer writer = {.data = out, .cap = sizeof(out) - RTPSEC_RTCP_OVERHEAD};
    if (now_us - view->asked_us < ASK_US) {
        return;
    }
    view->asked_us = now_us;
    int err = rtcp_write_rr(&writer, pc->rtcp_ssrc, NULL, 0);
    assert(err == 0);
    err = rtcp_write_pli(&writer, (struct rtcp_feedback){pc->rtcp_ssrc, view->ssrc});
    assert(err == 0);
    pc_send_rtcp(pc, out, writer.len, handler);
}

void video_take(struct pc *pc, int64_t now_us, const struct rtp_view *packet,
                const struct pc_handler *handler)
{
    const uint8_t *frame = packet->payload.data + packet->payload.len - KEY_HEADER - MARK;
    if (packet->pt != OFFER_VP8 || packet->payload.len <= KEY_HEADER + MARK ||
        frame[KEY_HEADER] != MAGIC || frame[KEY_HEADER + 1] >= VIDEO_PEOPLE) {
        return; /* RTX, padding */
    }
    uint8_t who = frame[KEY_HEADER + 1];
    struct video_view *view = &pc->video.views[who];
    bool follows = view->ssrc == packet->ssrc && view->next == packet->seq;
    view->decodes = (frame[0] & 1) == 0 || (view->decodes && follows);
    view->ssrc = packet->ssrc;
    view->next = (uint16_t)(packet->seq + 1);
    if (view->decodes) {
        handler->seen(handler->arg, who);
    } else {
        ask_for_key(pc, now_us, view, handler);
    }
}
