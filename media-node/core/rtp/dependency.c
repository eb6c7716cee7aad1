/* SPDX-License-Identifier: Apache-2.0
 *
 * Fields of any number of bits follow one another. A field that is not there reads as 0, and that
 * it was not is asked once, at the end: every loop below also ends over zeros.
 *
 *   start 1, end 1, template 6, frame number 16; then, if there is a fourth byte:
 *   structure? 1, active targets? 1, custom indications? 1, custom references? 1, custom chains? 1,
 *   [structure] [active targets: 1 each] [indications: 2 each] [references] [chains: 8 each]
 *
 * Left out: chains, which tell early that a frame was lost (here NACK does), and sizes of pictures.
 */
#include "media-node/core/rtp/dependency.h"

#define HEAD_LEN    3
#define FLAGS       5    /* bits behind the head, */
#define ACTIVE_TOLD 0x08 /* one of them */

/* What a frame is to a target (A.8.3, decode target indication). */
enum { NOT_PRESENT, DISCARDABLE, SWITCH, REQUIRED };

enum { SAME_LAYER, NEXT_TEMPORAL, NEXT_SPATIAL, NO_MORE_TEMPLATES };

struct bits {
    struct bytes bytes;
    size_t at; /* in bits */
    bool over; /* more was taken than there was */
};

/* count is at most 32. */
static uint32_t take(struct bits *bits, unsigned count)
{
    uint32_t value = 0;
    if (count > bits->bytes.len * 8 - bits->at) {
        bits->over = true;
        bits->at = bits->bytes.len * 8;
        return 0;
    }
    while (count > 0) {
        unsigned left = 8 - bits->at % 8;
        unsigned part = MIN(left, count);
        unsigned byte = bits->bytes.data[bits->at / 8];
        value = value << part | (byte >> (left - part) & ((1u << part) - 1));
        bits->at += part;
        count -= part;
    }
    return value;
}

/* ns(n) of the specification: one of n values, the first ones in a bit less. */
static uint32_t take_below(struct bits *bits, uint32_t n)
{
    unsigned width = 0;
    while (n >> width != 0) {
        width++;
    }
    uint32_t short_ones = (1u << width) - n;
    uint32_t value = take(bits, width - 1);
    return value < short_ones ? value : (value << 1) - short_ones + take(bits, 1);
}

/* ---- The structure --------------------------------------------------------------------------- */

static int take_layers(struct bits *bits, struct rtp_dependency_structure *s)
{
    uint8_t spatial = 0, temporal = 0;
    for (;;) {
        if (s->template_count == RTP_DEPENDENCY_TEMPLATES_MAX) {
            return ERR_INVALID;
        }
        if (spatial >= RTP_DEPENDENCY_SPATIAL_MAX || temporal >= RTP_DEPENDENCY_TEMPORAL_MAX) {
            return ERR_UNSUPPORTED;
        }
        s->templates[s->template_count++] =
            (struct rtp_dependency_frame){.spatial = spatial, .temporal = temporal};
        switch (take(bits, 2)) {
        case SAME_LAYER:
            break;
        case NEXT_TEMPORAL:
            temporal++;
            break;
        case NEXT_SPATIAL:
            temporal = 0;
            spatial++;
            break;
        case NO_MORE_TEMPLATES:
            return 0;
        default:
            unreachable();
        }
    }
}

static void take_indications(struct bits *bits, unsigned targets, struct rtp_dependency_frame *out)
{
    out->present = 0;
    out->switches = 0;
    for (unsigned i = 0; i < targets; i++) {
        uint32_t indication = take(bits, 2);
        out->present |= (uint32_t)(indication != NOT_PRESENT) << i;
        out->switches |= (uint32_t)(indication == SWITCH) << i;
    }
}

static uint64_t ref(uint32_t distance)
{
    return distance < 64 ? (uint64_t)1 << distance : 1;
}

static uint64_t take_template_refs(struct bits *bits)
{
    uint64_t refs = 0;
    while (take(bits, 1) != 0) {
        refs |= ref(take(bits, 4) + 1);
    }
    return refs;
}

static void skip_chains(struct bits *bits, struct rtp_dependency_structure *s)
{
    s->chain_count = (uint8_t)take_below(bits, s->target_count + 1u);
    if (s->chain_count == 0) {
        return;
    }
    for (unsigned i = 0; i < s->target_count; i++) {
        (void)take_below(bits, s->chain_count); /* which one protects it */
    }
    for (unsigned i = 0; i < (unsigned)s->template_count * s->chain_count; i++) {
        (void)take(bits, 4);
    }
}

static void skip_sizes(struct bits *bits, const struct rtp_dependency_structure *s)
{
    unsigned layers = s->templates[s->template_count - 1].spatial + 1u; /* they rise */
    if (take(bits, 1) != 0) {
        for (unsigned i = 0; i < layers; i++) {
            (void)take(bits, 32);
        }
    }
}

/* The layer of a target is the highest of what belongs to it (A.8.3.5). */
static void describe_targets(struct rtp_dependency_structure *s)
{
    for (unsigned i = 0; i < s->template_count; i++) {
        const struct rtp_dependency_frame *frame = &s->templates[i];
        s->inhabited |= frame->present;
        for (unsigned target = 0; target < s->target_count; target++) {
            if ((frame->present >> target & 1) != 0) {
                s->targets[target].spatial = MAX(s->targets[target].spatial, frame->spatial);
                s->targets[target].temporal = MAX(s->targets[target].temporal, frame->temporal);
            }
        }
    }
}

static int take_structure(struct bits *bits, struct rtp_dependency_structure *s)
{
    *s = (struct rtp_dependency_structure){.template_first = (uint8_t)take(bits, 6)};
    s->target_count = (uint8_t)(take(bits, 5) + 1);
    int err = take_layers(bits, s);
    if (err != 0) {
        return bits->over ? ERR_TRUNCATED : err;
    }
    for (unsigned i = 0; i < s->template_count; i++) {
        take_indications(bits, s->target_count, &s->templates[i]);
    }
    for (unsigned i = 0; i < s->template_count; i++) {
        s->templates[i].refs = take_template_refs(bits);
    }
    skip_chains(bits, s);
    skip_sizes(bits, s);
    describe_targets(s);
    return 0;
}

/* ---- A frame --------------------------------------------------------------------------------- */

static uint64_t take_custom_refs(struct bits *bits)
{
    uint64_t refs = 0;
    for (uint32_t size = take(bits, 2); size != 0; size = take(bits, 2)) {
        refs |= ref(take(bits, 4 * size) + 1);
    }
    return refs;
}

int rtp_dependency_head(struct rtp_dependency_head *out, struct bytes value)
{
    if (value.len < HEAD_LEN) {
        return ERR_TRUNCATED;
    }
    *out = (struct rtp_dependency_head){
        .frame_start = value.data[0] >> 7,
        .frame_end = value.data[0] >> 6 & 1,
        .template_id = value.data[0] & 0x3f,
        .frame_number = be16_get(value.data + 1),
        .attached = value.len > HEAD_LEN && value.data[HEAD_LEN] >> 7,
    };
    return 0;
}

int rtp_dependency_parse(struct rtp_dependency *out, struct rtp_dependency_structure *structure,
                         struct bytes value)
{
    struct rtp_dependency_head head;
    struct rtp_dependency_structure brought;
    const struct rtp_dependency_structure *s = structure;
    struct rtp_dependency result = {0};
    int err = rtp_dependency_head(&head, value);
    if (err != 0) {
        return err;
    }
    struct bits bits = {.bytes = value, .at = (size_t)8 * HEAD_LEN};
    uint32_t flags = value.len > HEAD_LEN ? take(&bits, FLAGS) : 0;
    if (head.attached) {
        err = take_structure(&bits, &brought);
        if (err != 0) {
            return err;
        }
        s = &brought;
    }
    unsigned place = (head.template_id + 64u - s->template_first) % 64;
    if (place >= s->template_count) {
        return bits.over ? ERR_TRUNCATED : ERR_NOT_FOUND;
    }
    result.place = (struct rtp_dependency_place){.at = (uint16_t)bits.at, .width = s->target_count};
    if ((flags & ACTIVE_TOLD) != 0) {
        result.active_told = true;
        result.active = take(&bits, s->target_count);
        result.place.len = s->target_count;
    }
    result.frame = s->templates[place];
    if ((flags & 0x04) != 0) {
        take_indications(&bits, s->target_count, &result.frame);
    }
    if ((flags & 0x02) != 0) {
        result.frame.refs = take_custom_refs(&bits);
    }
    for (unsigned i = 0; (flags & 0x01) != 0 && i < s->chain_count; i++) {
        (void)take(&bits, 8);
    }
    if (bits.over) {
        return ERR_TRUNCATED;
    }
    if (head.attached) {
        *structure = brought;
    }
    *out = result;
    return 0;
}

/* ---- Active targets -------------------------------------------------------------------------- */

/* Appends bits to a descriptor under way; false: it is full. */
static bool put(uint8_t *out, size_t *at, uint32_t value, unsigned count)
{
    if (*at + count > (size_t)8 * RTP_DEPENDENCY_LEN_MAX) {
        return false;
    }
    while (count-- > 0) {
        uint8_t bit = (uint8_t)(0x80 >> *at % 8);
        out[*at / 8] = (uint8_t)((out[*at / 8] & ~bit) | ((value >> count & 1) != 0 ? bit : 0));
        ++*at;
    }
    return true;
}

static bool copy(uint8_t *out, size_t *at, struct bits *from, size_t end)
{
    bool room = true;
    while (room && from->at < end) {
        unsigned count = (unsigned)MIN(end - from->at, 32);
        room = put(out, at, take(from, count), count);
    }
    return room;
}

int rtp_dependency_write_active(uint8_t out[RTP_DEPENDENCY_LEN_MAX], struct bytes value,
                                const struct rtp_dependency_place *place, uint32_t active)
{
    struct bits from = {.bytes = value};
    size_t at = 0;
    if (value.len < HEAD_LEN) {
        return ERR_TRUNCATED;
    }
    bool room = copy(out, &at, &from, (size_t)8 * HEAD_LEN);
    uint32_t flags = value.len > HEAD_LEN ? take(&from, FLAGS) : 0;
    room = room && put(out, &at, flags | ACTIVE_TOLD, FLAGS) &&
           copy(out, &at, &from, value.len > HEAD_LEN ? place->at : 0) &&
           put(out, &at, active, place->width);
    from.at += place->len;
    room = room && copy(out, &at, &from, value.len * 8);
    if (room && at % 8 != 0) {
        room = put(out, &at, 0, 8 - at % 8);
    }
    return room ? (int)(at / 8) : ERR_TOO_BIG;
}
