/* SPDX-License-Identifier: Apache-2.0 */
#include "media-node/core/rtp/rtp.h"

#define EXT_ONE_BYTE     0xbede
#define EXT_TWO_BYTE     0x1000 /* the low four bits are the application's */
#define EXT_ID_STOP      15     /* one-byte form: ends the walk (RFC 8285 §4.2) */
#define EXT_ONE_BYTE_MAX 16     /* bytes of a value in the one-byte form */

/* ---- Reading ------------------------------------------------------------------------------- */

/* Steps over a block of need bytes, or tells that it is not there. */
static bool skip(size_t *at, size_t need, size_t len)
{
    if (need > len - *at) {
        return false;
    }
    *at += need;
    return true;
}

int rtp_parse(struct rtp_view *out, const uint8_t *data, size_t len)
{
    size_t at = 0;
    if (len > RTP_PACKET_MAX) {
        return ERR_TOO_BIG;
    }
    if (!skip(&at, RTP_HEADER_LEN, len)) {
        return ERR_TRUNCATED;
    }
    if (data[0] >> 6 != 2) {
        return ERR_INVALID;
    }
    struct rtp_view view = {
        .data = data,
        .marker = data[1] >> 7,
        .pt = data[1] & 0x7f,
        .seq = be16_get(data + 2),
        .ts = be32_get(data + 4),
        .ssrc = be32_get(data + 8),
    };
    if (!skip(&at, 4u * (data[0] & 0x0f), len)) { /* CSRCs */
        return ERR_TRUNCATED;
    }
    if ((data[0] & 0x10) != 0) {
        const uint8_t *head = data + at;
        if (!skip(&at, 4, len)) {
            return ERR_TRUNCATED;
        }
        view.ext_profile = be16_get(head);
        view.ext = (struct bytes){head + 4, 4u * be16_get(head + 2)};
        if (!skip(&at, view.ext.len, len)) {
            return ERR_TRUNCATED;
        }
    }
    if ((data[0] & 0x20) != 0) {
        view.padding_len = data[len - 1];
        if (view.padding_len == 0 || view.padding_len > len - at) {
            return ERR_INVALID;
        }
    }
    view.payload = (struct bytes){data + at, len - at - view.padding_len};
    *out = view;
    return 0;
}

struct rtp_ext_iter rtp_ext_begin(const struct rtp_view *view)
{
    bool two_byte = (view->ext_profile & 0xfff0) == EXT_TWO_BYTE;
    bool known = two_byte || view->ext_profile == EXT_ONE_BYTE;
    return (struct rtp_ext_iter){
        .rest = known ? view->ext : (struct bytes){NULL, 0},
        .two_byte = two_byte,
    };
}

bool rtp_ext_next(struct rtp_ext_iter *iter, struct rtp_ext *out)
{
    struct bytes *rest = &iter->rest;
    while (rest->len > 0 && rest->data[0] == 0) { /* padding between elements */
        rest->data++;
        rest->len--;
    }
    size_t head = iter->two_byte ? 2 : 1;
    if (rest->len < head) {
        return false;
    }
    uint8_t id = iter->two_byte ? rest->data[0] : rest->data[0] >> 4;
    size_t len = iter->two_byte ? rest->data[1] : (rest->data[0] & 0x0fu) + 1u;
    bool stop = id == 0 || (!iter->two_byte && id == EXT_ID_STOP);
    if (stop || len > rest->len - head) {
        rest->len = 0;
        return false;
    }
    *out = (struct rtp_ext){id, {rest->data + head, len}};
    rest->data += head + len;
    rest->len -= head + len;
    return true;
}

static bool value_len_ok(enum rtp_ext_kind kind, size_t len)
{
    switch (kind) {
    case RTP_EXT_MID:
    case RTP_EXT_RID:
    case RTP_EXT_REPAIRED_RID:
        return len >= 1;
    case RTP_EXT_TRANSPORT_CC:
        return len == 2;
    case RTP_EXT_AUDIO_LEVEL:
        return len == 1;
    case RTP_EXT_ABS_SEND_TIME:
    case RTP_EXT_PLAYOUT_DELAY:
        return len == 3;
    case RTP_EXT_ABS_CAPTURE_TIME:
        return len == 8 || len == 16;
    case RTP_EXT_DEPENDENCY_DESCRIPTOR:
        return len >= 3;
    case RTP_EXT_KINDS:
        break;
    }
    unreachable();
}

void rtp_exts_read(struct rtp_exts *out, const struct rtp_view *view, const struct rtp_ext_ids *ids)
{
    *out = (struct rtp_exts){0};
    struct rtp_ext_iter iter = rtp_ext_begin(view);
    struct rtp_ext ext;
    while (rtp_ext_next(&iter, &ext)) {
        for (int kind = 0; kind < RTP_EXT_KINDS; kind++) {
            if (ids->id[kind] == ext.id && out->value[kind].data == NULL &&
                value_len_ok((enum rtp_ext_kind)kind, ext.value.len)) {
                out->value[kind] = ext.value;
            }
        }
    }
}

/* ---- Editing ------------------------------------------------------------------------------- */

void rtp_set_pt(uint8_t *data, uint8_t pt)
{
    assert(pt < 128);
    data[1] = (uint8_t)((data[1] & 0x80) | pt);
}

void rtp_set_marker(uint8_t *data, bool marker)
{
    data[1] = (uint8_t)((data[1] & 0x7f) | marker << 7);
}

void rtp_set_seq(uint8_t *data, uint16_t seq)
{
    be16_put(data + 2, seq);
}

void rtp_set_ts(uint8_t *data, uint32_t ts)
{
    be32_put(data + 4, ts);
}

void rtp_set_ssrc(uint8_t *data, uint32_t ssrc)
{
    be32_put(data + 8, ssrc);
}

void rtp_exts_rename(uint8_t *data, const struct rtp_view *view, const struct rtp_ext_ids *from,
                     const struct rtp_ext_ids *to)
{
    struct rtp_ext_iter iter = rtp_ext_begin(view);
    struct rtp_ext ext;
    while (rtp_ext_next(&iter, &ext)) {
        uint8_t id = iter.two_byte ? UINT8_MAX : EXT_ID_STOP - 1;
        for (int kind = 0; kind < RTP_EXT_KINDS; kind++) {
            id = from->id[kind] == ext.id && to->id[kind] != 0 ? to->id[kind] : id;
        }
        uint8_t *head = data + (ext.value.data - view->data) - (iter.two_byte ? 2 : 1);
        *head = iter.two_byte ? id : (uint8_t)((unsigned)id << 4 | (*head & 0x0fu));
    }
}

/* ---- Composing ----------------------------------------------------------------------------- */

static const uint8_t zeros[3];

/* The value of one kind to be written; data NULL: none. */
static struct bytes value_of(const struct rtp_header *header, const struct rtp_ext_ids *ids,
                             enum rtp_ext_kind kind)
{
    if (ids->id[kind] == 0) {
        return (struct bytes){NULL, 0};
    }
    switch (kind) {
    case RTP_EXT_TRANSPORT_CC:
        return (struct bytes){zeros, 2};
    case RTP_EXT_ABS_SEND_TIME:
        return (struct bytes){zeros, 3};
    default:
        return header->exts.value[kind];
    }
}

static bool needs_two_byte(const struct rtp_header *header, const struct rtp_ext_ids *ids)
{
    for (int kind = 0; kind < RTP_EXT_KINDS; kind++) {
        struct bytes value = value_of(header, ids, (enum rtp_ext_kind)kind);
        bool one_byte =
            ids->id[kind] < EXT_ID_STOP && value.len >= 1 && value.len <= EXT_ONE_BYTE_MAX;
        if (value.data != NULL && !one_byte) {
            return true;
        }
    }
    return false;
}

/* Writes the elements behind out + at, padded to whole words; returns where they end, or an error.
 */
static int write_elements(uint8_t *out, size_t at, const struct rtp_header *header,
                          const struct rtp_ext_ids *ids, struct rtp_header_out *where)
{
    bool two_byte = needs_two_byte(header, ids);
    be16_put(out + at - 4, two_byte ? EXT_TWO_BYTE : EXT_ONE_BYTE);
    for (int kind = 0; kind < RTP_EXT_KINDS; kind++) {
        struct bytes value = value_of(header, ids, (enum rtp_ext_kind)kind);
        if (value.data == NULL) {
            continue;
        }
        if (value.len > UINT8_MAX || at + 2 + value.len > RTP_HEADER_OUT_MAX) {
            return ERR_TOO_BIG;
        }
        if (two_byte) {
            out[at++] = ids->id[kind];
            out[at++] = (uint8_t)value.len;
        } else {
            out[at++] = (uint8_t)((unsigned)ids->id[kind] << 4 | (value.len - 1));
        }
        if (kind == RTP_EXT_TRANSPORT_CC) {
            where->transport_cc_at = (uint16_t)at;
        } else if (kind == RTP_EXT_ABS_SEND_TIME) {
            where->abs_send_time_at = (uint16_t)at;
        }
        memcpy(out + at, value.data, value.len);
        at += value.len;
    }
    while (at % 4 != 0) {
        out[at++] = 0; /* never past the end: RTP_HEADER_OUT_MAX is a multiple of 4 */
    }
    return (int)at;
}

int rtp_header_write(uint8_t *out, const struct rtp_header *header, const struct rtp_ext_ids *ids,
                     struct rtp_header_out *where)
{
    assert(header->pt < 128 && header->csrc_count <= RTP_HEADER_CSRCS);
    size_t fixed = RTP_HEADER_LEN + (size_t)4 * header->csrc_count;
    struct rtp_header_out w = {.len = (uint16_t)fixed};
    size_t body_at = fixed + 4;
    int end = write_elements(out, body_at, header, ids, &w);
    if (end < 0) {
        return end;
    }
    bool extended = (size_t)end > body_at;
    if (extended) {
        be16_put(out + fixed + 2, (uint16_t)(((size_t)end - body_at) / 4));
        w.len = (uint16_t)end;
    }
    out[0] = (uint8_t)(0x80u | (unsigned)(header->padding_len != 0) << 5 | (unsigned)extended << 4 |
                       header->csrc_count);
    out[1] = (uint8_t)(header->marker << 7 | header->pt);
    be16_put(out + 2, header->seq);
    be32_put(out + 4, header->ts);
    be32_put(out + 8, header->ssrc);
    for (unsigned i = 0; i < header->csrc_count; i++) {
        be32_put(out + RTP_HEADER_LEN + 4u * i, header->csrcs[i]);
    }
    *where = w;
    return 0;
}

uint32_t rtp_abs_send_time(int64_t now_us)
{
    assert(now_us >= 0);
    /* Only the low 6 bits of the seconds count, so the product cannot overflow. */
    uint64_t us = (uint64_t)now_us % (64 * UINT64_C(1000000));
    return (uint32_t)((us << 18) / 1000000) & 0xffffff;
}
