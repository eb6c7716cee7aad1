/* SPDX-License-Identifier: Apache-2.0
 *
 * Which layers inside a stream a subscriber gets.
 *
 * VP8 tells of temporal layers alone, and its frames are renumbered where some are left out. All
 * else goes by dependency descriptors: the frames of one decode target are sent. Another target is
 * begun at the first packet of a frame that says that all later ones of that target follow from it
 * (a switch indication), and that refers to frames that were sent alone; so a receiver never gets
 * what it cannot decode, which libwebrtc would hold a whole picture back for. More spatial layers
 * are begun with a picture's first frame: a receiver must not be told that a picture has ended, and
 * then get more of it.
 */
#include "media-node/core/stream/sender_parts.h"

#define FRAMES_SEEN 64 /* bits of stream_frames.sent */

static void set_limit(struct stream_temporal *temporal, uint64_t since, uint8_t limit,
                      uint32_t active)
{
    memmove(temporal->steps + 1, temporal->steps,
            sizeof(temporal->steps) - sizeof(temporal->steps[0]));
    temporal->steps[0].since = since;
    temporal->steps[0].limit = limit;
    temporal->steps[0].active = active;
}

static size_t step_at(const struct stream_temporal *temporal, uint64_t seq)
{
    size_t step = 0;
    while (step < TEMPORAL_STEPS - 1 && seq < temporal->steps[step].since) {
        step++;
    }
    return step;
}

static uint8_t limit_at(const struct stream_temporal *temporal, uint64_t seq)
{
    return temporal->steps[step_at(temporal, seq)].limit;
}

uint32_t stream_layers_active(const struct stream_sender *sender,
                              const struct stream_packet *packet)
{
    const struct stream_dependency *frame = &packet->dependency;
    bool told = frame->known && frame->frame_start;
    return told ? sender->temporal.steps[step_at(&sender->temporal, packet->seq)].active : 0;
}

void stream_layers_begin(struct stream_sender *sender, enum rtp_codec codec)
{
    uint8_t limit = codec == RTP_CODEC_VP8 ? sender->want.temporal_max : LIMIT_NONE;
    sender->temporal = (struct stream_temporal){.steps = {{.since = 0, .limit = limit}}};
    sender->frames = (struct stream_frames){0};
}

void stream_layers_export(const struct stream_sender *sender, struct stream_state *out)
{
    const struct stream_temporal *temporal = &sender->temporal;
    bool vp8 = sender->sent.codec == RTP_CODEC_VP8;
    uint8_t limit = temporal->steps[0].limit;
    out->temporal_max = vp8 ? limit : STREAM_RATE_ALL;
    out->left_out = temporal->left_out ? temporal->picture : STREAM_VALUE_UNKNOWN;
    if (!vp8) {
        out->size = limit == LIMIT_NONE ? STREAM_SPATIAL_MAX - 1 : limit >> STREAM_TARGET_SPATIAL;
    }
}

void stream_layers_resume(struct stream_sender *sender, const struct stream_state *state)
{
    bool vp8 = state->newest.codec == RTP_CODEC_VP8;
    sender->temporal = (struct stream_temporal){
        .steps = {{.since = 0, .limit = vp8 ? state->temporal_max : LIMIT_NONE}},
        .left_out = state->left_out != STREAM_VALUE_UNKNOWN,
        .picture = (uint16_t)state->left_out,
    };
    sender->frames = (struct stream_frames){.resumed = !vp8, .size = state->size};
}

/* ---- VP8 ------------------------------------------------------------------------------------- */

/* Temporal layers change where a decoder can bear it: fewer from any frame on, more from a frame on
 * that refers to none of the layers left out (RFC 7741 §4.2, Y bit), all from a key frame on. */
uint8_t stream_vp8_limit(const struct stream_packet *packet, uint8_t limit, uint8_t wanted)
{
    const struct rtp_vp8 *vp8 = &packet->vp8;
    if (!vp8->start || packet->rtp.payload.len == 0) {
        return limit;
    }
    if (wanted < limit || vp8->key) {
        return wanted;
    }
    bool more = vp8->temporal > limit && vp8->temporal <= wanted && vp8->layer_sync;
    return more ? vp8->temporal : limit;
}

static bool vp8_left_out(struct stream_sender *sender, const struct stream_packet *packet)
{
    struct stream_temporal *temporal = &sender->temporal;
    uint8_t limit = stream_vp8_limit(packet, temporal->steps[0].limit, sender->want.temporal_max);
    if (limit != temporal->steps[0].limit) {
        set_limit(temporal, packet->seq, limit, 0);
    }
    if (packet->rtp.payload.len > 0 && packet->vp8.temporal <= limit) {
        return false;
    }
    uint16_t picture = packet->vp8.picture_id;
    if (packet->vp8.picture_id_at != 0 && (!temporal->left_out || temporal->picture != picture)) {
        temporal->left_out = true;
        temporal->picture = picture;
        sender->run.picture_shift = (uint16_t)((sender->run.picture_shift + 1) & PICTURE_ID_MASK);
    }
    return true;
}

/* ---- Dependency descriptors ------------------------------------------------------------------ */

static unsigned spatial_of(uint8_t target)
{
    return target >> STREAM_TARGET_SPATIAL;
}

static bool has(uint32_t set, uint8_t target)
{
    return (set >> (target & STREAM_TARGET_NUMBER) & 1) != 0;
}

static bool belongs(const struct stream_dependency *frame, uint8_t limit)
{
    return !frame->known || limit == LIMIT_NONE || has(frame->present, limit);
}

static void follow_frames(struct stream_frames *frames, uint16_t number)
{
    int ahead = frames->known ? seq_diff(number, frames->number) : FRAMES_SEEN;
    if (ahead > 0) {
        frames->sent = ahead < FRAMES_SEEN ? frames->sent << ahead : 0;
        frames->number = number;
        frames->known = true;
    }
}

static void note_sent(struct stream_frames *frames, uint16_t number)
{
    int behind = seq_diff(frames->number, number);
    if (behind >= 0 && behind < FRAMES_SEEN) {
        frames->sent |= UINT64_C(1) << behind;
    }
}

/* Whether the target may be begun with this frame. Where everything was sent, it can be; but if no
 * picture was begun, the marker may have been given already. */
static bool may_begin(const struct stream_sender *sender, const struct stream_dependency *frame,
                      uint8_t target)
{
    uint8_t limit = sender->temporal.steps[0].limit;
    if (limit == LIMIT_NONE) {
        return frame->picture_start;
    }
    bool more = spatial_of(target) > spatial_of(limit);
    return has(frame->switches, target) && (frame->refs & ~sender->frames.sent) == 0 &&
           (!more || frame->picture_start || frame->refs == 0);
}

/* Whether it takes a key frame to begin the target: more spatial layers always do; others, if not
 * even a frame of the lowest rate refers only to what was sent. */
static bool needs_key_frame(uint8_t limit, const struct stream_dependency *frame, uint8_t target)
{
    return spatial_of(target) > spatial_of(limit) ||
           (spatial_of(target) < spatial_of(limit) && has(frame->switches, target) &&
            frame->spatial == spatial_of(target) && frame->temporal == 0);
}

static uint8_t wanted_target(const struct stream_sender *sender,
                             const struct stream_dependency *frame, unsigned size_max)
{
    unsigned temporal = MIN(sender->want.temporal_max, STREAM_TEMPORAL_MAX - 1);
    return frame->targets[MIN(size_max, STREAM_SPATIAL_MAX - 1)][temporal];
}

/* What the subscriber is to be told of active targets with this frame. Who was told of few believes
 * in them until told of others, at the latest by the next structure (A.8.3.3). */
static uint32_t active_of(const struct stream_sender *sender, const struct stream_dependency *frame,
                          uint8_t limit)
{
    if (limit == LIMIT_NONE) {
        return 0;
    }
    uint32_t sent = frame->active & frame->sets->within[limit & STREAM_TARGET_NUMBER];
    bool believes = sender->temporal.steps[0].active != 0 && !frame->attached;
    return sent != frame->active || believes ? sent : 0;
}

/* At the first packet of a frame. */
static void adjust_target(struct stream_sender *sender, const struct stream_packet *packet)
{
    const struct stream_dependency *frame = &packet->dependency;
    struct stream_frames *frames = &sender->frames;
    uint8_t limit = sender->temporal.steps[0].limit;
    uint8_t wanted = wanted_target(sender, frame, sender->want.size_max);
    if (wanted != limit && may_begin(sender, frame, wanted)) {
        limit = wanted;
    }
    uint32_t active = active_of(sender, frame, limit);
    if (limit != sender->temporal.steps[0].limit || active != sender->temporal.steps[0].active) {
        set_limit(&sender->temporal, packet->seq, limit, active);
    }
    if (wanted == limit) {
        frames->awaits_key = false;
    } else if (limit != LIMIT_NONE && needs_key_frame(limit, frame, wanted)) {
        /* Again with each picture of the lowest rate: the last one may have been lost. */
        frames->asks = !frames->awaits_key || (frame->picture_start && frame->temporal == 0);
        frames->awaits_key = true;
    }
}

/* Goes on with the target that was sent elsewhere. What its frames are, nobody may know here yet;
 * then all are sent, and a key frame is asked for, with which it is told. */
static void go_on(struct stream_sender *sender, const struct stream_packet *packet)
{
    const struct stream_dependency *frame = &packet->dependency;
    struct stream_frames *frames = &sender->frames;
    if (packet->key_start) {
        frames->awaits_key = false;
        frames->resumed = false;
    } else if (frame->known) {
        sender->temporal.steps[0].limit = wanted_target(sender, frame, frames->size);
        frames->serial = frame->serial;
        frames->resumed = false;
    } else if (!frames->awaits_key) {
        frames->awaits_key = true;
        frames->asks = true;
    }
}

static bool frame_left_out(struct stream_sender *sender, const struct stream_packet *packet)
{
    const struct stream_dependency *frame = &packet->dependency;
    struct stream_frames *frames = &sender->frames;
    if (!frame->numbered) {
        return false;
    }
    follow_frames(frames, frame->frame_number);
    if (frames->resumed) {
        go_on(sender, packet);
    }
    if (frame->known && frame->serial != frames->serial) { /* targets have other numbers now */
        frames->serial = frame->serial;
        if (sender->temporal.steps[0].limit != LIMIT_NONE) {
            set_limit(&sender->temporal, packet->seq, LIMIT_NONE, 0);
        }
    }
    if (frame->known && frame->frame_start) {
        adjust_target(sender, packet);
    }
    bool out = !belongs(frame, sender->temporal.steps[0].limit);
    if (!out) {
        note_sent(frames, frame->frame_number);
    }
    return out;
}

/* ---- Both ------------------------------------------------------------------------------------ */

static bool nothing_to_send(struct stream_sender *sender, const struct stream_packet *packet)
{
    if (packet->rtp.payload.len == 0) {
        return true;
    }
    if (sender->codecs[packet->codec].plan == PLAN_DROP) {
        sender->stats.drop_codec++;
        return true;
    }
    return sender->codecs[packet->codec].plan == PLAN_UNPACK && packet->primary.len == 0;
}

bool stream_sender_left_out(struct stream_sender *sender, const struct stream_packet *packet)
{
    bool vp8 = packet->vp8.len > 0;
    if (nothing_to_send(sender, packet)) {
        return packet->rtp.payload.len == 0 && vp8 ? vp8_left_out(sender, packet) : true;
    }
    return vp8 ? vp8_left_out(sender, packet) : frame_left_out(sender, packet);
}

/* Of a target that is not sent any more, what is below it is all that comes until another is begun.
 */
static bool ends_picture(const struct stream_dependency *frame, uint8_t limit)
{
    unsigned top = spatial_of(frame->targets[STREAM_SPATIAL_MAX - 1][STREAM_TEMPORAL_MAX - 1]);
    return frame->known && limit != LIMIT_NONE && frame->frame_end &&
           frame->spatial == MIN(spatial_of(limit), top);
}

bool stream_layers_end(const struct stream_sender *sender, const struct stream_packet *packet)
{
    return ends_picture(&packet->dependency, sender->temporal.steps[0].limit);
}

void stream_sender_fill_slot(struct stream_sender *sender, struct stream_slot *slot,
                             const struct stream_packet *packet)
{
    const struct stream_dependency *frame = &packet->dependency;
    uint8_t limit = limit_at(&sender->temporal, packet->seq);
    bool out =
        packet->codec == RTP_CODEC_VP8 ? packet->vp8.temporal > limit : !belongs(frame, limit);
    if (nothing_to_send(sender, packet) || out) {
        slot->state = SLOT_FILLER;
        return;
    }
    slot->state = SLOT_SENT;
    slot->told = stream_layers_active(sender, packet) != 0;
    if (sender->video && ends_picture(frame, limit)) {
        slot->marker = 1;
    }
    if (frame->numbered) {
        note_sent(&sender->frames, frame->frame_number);
    }
}
