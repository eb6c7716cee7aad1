/* SPDX-License-Identifier: Apache-2.0
 *
 * What the tests of core/stream share: a publisher's packets made by hand, receivers and senders
 * with usual settings, and a world of three layers under virtual time.
 */
#ifndef TESTS_UNIT_MEDIA_NODE_STREAM_KIT_H
#define TESTS_UNIT_MEDIA_NODE_STREAM_KIT_H

#include "media-node/core/stream/stream.h"

#include <setjmp.h>
#include <stdlib.h>

#include <cmocka.h>

/* The publisher's payload types. */
#define PT_OPUS     111
#define PT_RED      63
#define PT_VP8      96
#define PT_VP8_RTX  97
#define PT_H264     102
#define PT_H264_RTX 103
/* The subscriber's. */
#define OUT_OPUS    109
#define OUT_RED     110
#define OUT_VP8     120
#define OUT_VP8_RTX 121
#define OUT_H264    126

#define SSRC_SOURCE  0x1000u /* + layer */
#define SSRC_REPAIR  0x2000u
#define SSRC_OUT     0xaaaa0001u
#define SSRC_OUT_RTX 0xaaaa0002u
#define SEQ_OUT      1000u
#define TS_OUT       700000u
#define LEVEL_EXT_ID 1
#define KIT_TAG_LEN  4 /* every payload made here ends with a tag, see kit_tag */

struct kit_packet {
    uint8_t data[RTP_PACKET_MAX];
    size_t len;
    struct rtp_view view;
};

/* A packet to make; unset fields are 0. */
struct kit_spec {
    uint16_t seq;
    uint32_t ts;
    uint32_t ssrc; /* 0: SSRC_SOURCE */
    uint8_t pt;    /* 0: PT_VP8, or PT_OPUS */
    bool marker;
    uint32_t tag; /* put at the end of the payload to know it again */
    size_t extra; /* bytes more of payload */
    uint8_t padding;
    uint8_t level; /* audio: value of the level extension, with has_level */
    bool has_level;
    /* VP8 */
    bool key;
    bool start;
    bool no_ids; /* a descriptor of one byte */
    bool short_id;
    uint16_t picture_id;
    uint8_t tl0;
    uint8_t temporal;
    bool sync;
    uint8_t key_index;
};

void kit_raw(struct kit_packet *out, const struct kit_spec *spec, const void *payload, size_t len);
void kit_vp8(struct kit_packet *out, const struct kit_spec *spec);
void kit_opus(struct kit_packet *out, const struct kit_spec *spec);

/* packet as a repair (RFC 4588) under the repair stream's number. */
void kit_rtx(struct kit_packet *out, const struct kit_packet *packet, uint16_t rtx_seq);

/* The last KIT_TAG_LEN bytes of a payload. */
uint32_t kit_tag(const uint8_t *payload, size_t len);

struct stream_receiver *kit_receiver(enum stream_kind kind, uint8_t layer);
struct stream_sender *kit_sender(enum stream_kind kind);

struct stream_state kit_state(const struct stream_sender *sender);

/* Feeds a packet that must be accepted. */
const struct stream_packet *kit_feed(struct stream_receiver *receiver, int64_t now_us,
                                     const struct kit_packet *packet);

/* A number up to max - 1 behind head, but not below low. */
uint64_t kit_behind(struct prng *prng, uint64_t head, uint64_t low, uint64_t max);

/* What goes out, as the subscriber's decoder would see it. */
struct kit_seen {
    uint8_t payload[RTP_PACKET_MAX]; /* prefix and payload in one */
    size_t len;
    uint32_t tag;
    struct rtp_vp8 vp8;
    uint8_t key_index;
};
struct kit_seen kit_see(const struct stream_out *out);

#endif
