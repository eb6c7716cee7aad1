/* SPDX-License-Identifier: Apache-2.0
 *
 * What arrives of any SSRC: its index is found, checked against those that came before, and kept if
 * the packet authenticates. Sources are bounded, since a client may invent as many as it likes.
 */
#include "media-node/core/srtp/private.h"

#include <stdlib.h>

#define CYCLE UINT64_C(0x10000)

/* ---- Sources ------------------------------------------------------------------------------- */

/* The place of the first source whose SSRC is not below. */
static size_t lower_bound(const struct rtpsec *sec, uint32_t ssrc)
{
    size_t low = 0;
    size_t high = sec->source_count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (sec->sources[middle]->ssrc < ssrc) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static struct source *find_source(const struct rtpsec *sec, uint32_t ssrc)
{
    size_t at = lower_bound(sec, ssrc);
    return at < sec->source_count && sec->sources[at]->ssrc == ssrc ? sec->sources[at] : NULL;
}

/* The one of reports alone that was heard longest ago; NULL: none. */
static const struct source *oldest_reporter(const struct rtpsec *sec)
{
    const struct source *oldest = NULL;
    for (size_t i = 0; i < sec->source_count; i++) {
        const struct source *source = sec->sources[i];
        if (!source->rtp.started && (oldest == NULL || source->heard_at < oldest->heard_at)) {
            oldest = source;
        }
    }
    return oldest;
}

static bool is_full(const struct rtpsec *sec)
{
    return sec->source_count == RTPSEC_SOURCES_MAX && oldest_reporter(sec) == NULL;
}

static struct source *add_source(struct rtpsec *sec, uint32_t ssrc)
{
    if (sec->source_count == RTPSEC_SOURCES_MAX) {
        rtpsec_forget(sec, oldest_reporter(sec)->ssrc);
    }
    if (sec->source_count == sec->source_cap) {
        sec->source_cap = MAX(4, 2 * sec->source_cap);
        sec->sources = mem_grow(sec->sources, sec->source_cap, sizeof(*sec->sources));
    }
    size_t at = lower_bound(sec, ssrc);
    memmove(sec->sources + at + 1, sec->sources + at,
            (sec->source_count - at) * sizeof(*sec->sources));
    sec->sources[at] = mem_alloc(sizeof(*sec->sources[at]));
    sec->sources[at]->ssrc = ssrc;
    sec->source_count++;
    return sec->sources[at];
}

void rtpsec_forget(struct rtpsec *sec, uint32_t ssrc)
{
    size_t at = lower_bound(sec, ssrc);
    if (at == sec->source_count || sec->sources[at]->ssrc != ssrc) {
        return;
    }
    free(sec->sources[at]);
    memmove(sec->sources + at, sec->sources + at + 1,
            (sec->source_count - at - 1) * sizeof(*sec->sources));
    sec->source_count--;
}

/* A packet of it authenticated; source NULL: its first. */
static struct source *hear(struct rtpsec *sec, struct source *source, uint32_t ssrc)
{
    source = source == NULL ? add_source(sec, ssrc) : source;
    source->heard_at = ++sec->heard;
    return source;
}

/* ---- Packets ------------------------------------------------------------------------------- */

/* The index nearest to the newest one (RFC 3711 §3.3.1). */
static uint64_t nearest(uint64_t newest, uint16_t seq)
{
    uint64_t index = (newest & ~(CYCLE - 1)) | seq;
    if (index > newest + CYCLE / 2 && index >= CYCLE) {
        return index - CYCLE;
    }
    return index + CYCLE / 2 < newest ? index + CYCLE : index;
}

/* Of the first packet of a source the rollover counter is found by trial. */
static int find_index(const struct rtpsec *sec, const struct source *source, const uint8_t *packet,
                      size_t len, uint64_t *index)
{
    uint16_t seq = be16_get(packet + 2);
    if (source != NULL && source->rtp.started) {
        *index = nearest(source->rtp.newest, seq);
        return rtpsec_window_check(&source->rtp, *index);
    }
    uint32_t roc;
    int err = rtpsec_find_roc(sec, packet, len, &roc);
    *index = err == 0 ? (uint64_t)roc << 16 | seq : 0;
    return err;
}

int rtpsec_unprotect_rtp(struct rtpsec *sec, uint8_t *packet, size_t *len)
{
    if (*len < RTP_FIXED_LEN || *len > RTPSEC_PACKET_MAX) {
        return ERR_INVALID;
    }
    size_t header_len = rtpsec_header_len(packet, *len);
    if (header_len == 0) {
        return ERR_AUTH;
    }
    uint32_t ssrc = be32_get(packet + 8);
    struct source *source = find_source(sec, ssrc);
    if (source == NULL && is_full(sec)) {
        return ERR_FULL;
    }
    uint64_t index;
    int err = find_index(sec, source, packet, *len, &index);
    if (err == 0) {
        err = rtpsec_rtp_open_at(sec, index, packet, header_len, len);
    }
    if (err == 0) {
        rtpsec_window_mark(&hear(sec, source, ssrc)->rtp, index);
    }
    return err;
}

int rtpsec_unprotect_rtcp(struct rtpsec *sec, uint8_t *packet, size_t *len)
{
    if (*len < RTCP_FIXED_LEN || *len > RTPSEC_PACKET_MAX) {
        return ERR_INVALID;
    }
    uint32_t ssrc = be32_get(packet + 4);
    struct source *source = find_source(sec, ssrc);
    if (source == NULL && is_full(sec)) {
        return ERR_FULL;
    }
    uint32_t index;
    int err = rtpsec_rtcp_index(sec, packet, *len, &index);
    if (err == 0 && source != NULL) {
        err = rtpsec_window_check(&source->rtcp, index);
    }
    if (err == 0) {
        err = rtpsec_rtcp_open_at(sec, index, packet, len);
    }
    if (err == 0) {
        rtpsec_window_mark(&hear(sec, source, ssrc)->rtcp, index);
    }
    return err;
}

/* ---- Life ---------------------------------------------------------------------------------- */

int rtpsec_receiver_init(struct rtpsec *sec, struct bytes master)
{
    memcpy(sec->master, master.data, master.len);
    return rtpsec_derive_keys(sec->suite, sec->master, USE_RTP, &sec->receive_keys);
}

void rtpsec_receiver_fini(struct rtpsec *sec)
{
    for (size_t i = 0; i < sec->source_count; i++) {
        free(sec->sources[i]);
    }
    free(sec->sources);
    rtpsec_transform_fini(&sec->receive_rtp);
    rtpsec_transform_fini(&sec->receive_rtcp);
}
