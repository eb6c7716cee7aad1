/* SPDX-License-Identifier: Apache-2.0
 *
 * Any packet as RTP: refused, or a view inside it, whose extensions compose into a header that
 * reads back the same.
 */
#include "media-node/core/rtp/rtp.h"

static const struct rtp_ext_ids ids = {{1, 2, 3, 4, 5, 6, 7, 8, 9}};

static void check_inside(struct bytes part, const uint8_t *data, size_t len)
{
    assert(part.data == NULL || (part.data >= data && part.data + part.len <= data + len));
}

static void check_round_trip(const struct rtp_view *v, const struct rtp_exts *exts)
{
    uint8_t out[RTP_HEADER_OUT_MAX];
    struct rtp_header_out where;
    struct rtp_view again;
    struct rtp_exts exts_again;
    struct rtp_header header = {
        .ts = v->ts,
        .ssrc = v->ssrc,
        .seq = v->seq,
        .pt = v->pt,
        .marker = v->marker,
        .exts = *exts,
    };
    if (rtp_header_write(out, &header, &ids, &where) != 0) {
        return;
    }
    int err = rtp_parse(&again, out, where.len);
    assert(err == 0 && again.ts == v->ts && again.seq == v->seq && again.ssrc == v->ssrc);
    rtp_exts_read(&exts_again, &again, &ids);
    for (int kind = 0; kind < RTP_EXT_KINDS; kind++) {
        if (kind == RTP_EXT_TRANSPORT_CC || kind == RTP_EXT_ABS_SEND_TIME) {
            continue; /* written as zeros */
        }
        struct bytes a = exts->value[kind];
        struct bytes b = exts_again.value[kind];
        assert(a.len == b.len);
        assert(a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct rtp_view v;
    struct rtp_ext ext;
    struct rtp_exts exts;
    if (rtp_parse(&v, data, len) != 0) {
        return 0;
    }
    check_inside(v.payload, data, len);
    check_inside(v.ext, data, len);
    struct rtp_ext_iter iter = rtp_ext_begin(&v);
    while (rtp_ext_next(&iter, &ext)) {
        assert(ext.id != 0);
        check_inside(ext.value, data, len);
    }
    rtp_exts_read(&exts, &v, &ids);
    check_round_trip(&v, &exts);
    return 0;
}
