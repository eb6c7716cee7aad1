/* SPDX-License-Identifier: Apache-2.0 */
#include "media-node/core/stream/sender_parts.h"

#include <stdlib.h>

#define STEPS    4 /* what is sent again is not older than that many changes of what is wanted */
#define RATE_TOP (STREAM_TEMPORAL_MAX - 1) /* all are sent, and are told to be: they were not */

/* What is sent. */
struct step {
    uint64_t since; /* number of the packet it begins with */
    uint8_t size;   /* highest spatial layer; STREAM_SIZE_ALL */
    uint8_t rate;   /* highest temporal layer; STREAM_RATE_ALL */
    uint32_t upto;  /* targets that have none above these */
};

struct stream_filter {
    uint8_t size_max; /* wanted, */
    uint8_t temporal_max;
    bool awaits_key;
    struct step steps[STEPS]; /* newest first */
};

struct stream_filter *stream_filter_new(void)
{
    struct stream_filter *filter = mem_alloc(sizeof(*filter));
    stream_filter_want(filter, STREAM_SIZE_ALL, STREAM_RATE_ALL);
    stream_filter_restart(filter);
    return filter;
}

void stream_filter_free(struct stream_filter *filter)
{
    free(filter);
}

void stream_filter_want(struct stream_filter *filter, uint8_t size_max, uint8_t temporal_max)
{
    filter->size_max = size_max;
    filter->temporal_max = temporal_max;
}

void stream_filter_restart(struct stream_filter *filter)
{
    filter->awaits_key = false;
    memset(filter->steps, 0, sizeof(filter->steps));
    filter->steps[0].size = STREAM_SIZE_ALL;
    filter->steps[0].rate = STREAM_RATE_ALL;
}

static void tell(const struct step *step, const struct stream_packet *packet,
                 struct stream_passage *out)
{
    const struct stream_dependency *frame = &packet->dependency;
    bool some = step->size != STREAM_SIZE_ALL || step->rate != STREAM_RATE_ALL;
    bool told = some && frame->known && frame->frame_start;
    out->empty = packet->vp8.temporal > step->rate ||
                 (frame->known && (frame->spatial > step->size || frame->temporal > step->rate));
    out->active = told ? frame->active & step->upto : 0;
}

static void begin(struct stream_filter *filter, const struct stream_packet *packet, uint8_t size,
                  uint8_t rate)
{
    const struct stream_target_sets *sets = packet->dependency.sets;
    struct step step = {.since = packet->seq, .size = size, .rate = rate};
    if (sets != NULL) {
        step.upto =
            sets->upto[MIN(size, STREAM_SPATIAL_MAX - 1)] & sets->rates[MIN(rate, RATE_TOP)];
    }
    struct step *last = &filter->steps[0];
    if (step.size != last->size || step.rate != last->rate || step.upto != last->upto) {
        memmove(filter->steps + 1, filter->steps, sizeof(filter->steps) - sizeof(step));
        *last = step;
    }
}

/* At the first frame of a picture. Less is begun with one that is still sent, for it has to tell
 * so; more where it says that all later ones follow from it, as those of other sizes then say too.
 */
static uint8_t next_rate(const struct stream_filter *filter, const struct stream_packet *packet)
{
    const struct stream_dependency *frame = &packet->dependency;
    uint8_t rate = filter->steps[0].rate;
    uint8_t wanted = filter->temporal_max;
    if (wanted <= rate || packet->key_start) {
        return frame->temporal <= wanted ? wanted : rate;
    }
    uint8_t top = MIN(wanted, RATE_TOP);
    unsigned target = frame->targets[0][top] & STREAM_TARGET_NUMBER;
    bool follows = (frame->switches >> target & 1) != 0 && frame->temporal <= rate;
    return follows ? top : rate;
}

static bool next_picture(struct stream_filter *filter, const struct stream_packet *packet)
{
    uint8_t size = filter->steps[0].size;
    bool more = filter->size_max > size && !packet->key_start;
    begin(filter, packet, more ? size : filter->size_max, next_rate(filter, packet));
    /* Again with each picture of the lowest rate: the last one may have been lost. */
    bool asks = more && (!filter->awaits_key || packet->dependency.temporal == 0);
    filter->awaits_key = more;
    return asks;
}

bool stream_filter_next(struct stream_filter *filter, const struct stream_packet *packet,
                        struct stream_passage *out)
{
    bool asks = false;
    if (packet->dependency.known && packet->dependency.picture_start) {
        asks = next_picture(filter, packet);
    } else if (packet->codec == RTP_CODEC_VP8) {
        const struct step *last = &filter->steps[0];
        begin(filter, packet, last->size,
              stream_vp8_limit(packet, last->rate, filter->temporal_max));
    }
    tell(&filter->steps[0], packet, out);
    return asks;
}

bool stream_filter_again(const struct stream_filter *filter, const struct stream_packet *packet,
                         struct stream_passage *out)
{
    size_t at = 0;
    while (at < STEPS - 1 && packet->seq < filter->steps[at].since) {
        at++;
    }
    tell(&filter->steps[at], packet, out);
    return packet->seq >= filter->steps[at].since;
}
