/* SPDX-License-Identifier: Apache-2.0 */
#include "media-node/core/stream/stream.h"

#include <stdlib.h>

#define STEPS 4 /* what is sent again is not older than that many changes of what is wanted */

struct stream_filter {
    uint8_t size_max; /* wanted */
    bool awaits_key;
    struct {
        uint64_t since; /* number of the packet it begins with */
        uint8_t size;   /* highest spatial layer that is sent; STREAM_SIZE_ALL */
        uint32_t upto;  /* targets that have none above it */
    } steps[STEPS];     /* newest first */
};

struct stream_filter *stream_filter_new(void)
{
    struct stream_filter *filter = mem_alloc(sizeof(*filter));
    filter->size_max = STREAM_SIZE_ALL;
    stream_filter_restart(filter);
    return filter;
}

void stream_filter_free(struct stream_filter *filter)
{
    free(filter);
}

void stream_filter_want(struct stream_filter *filter, uint8_t size_max)
{
    filter->size_max = size_max;
}

void stream_filter_restart(struct stream_filter *filter)
{
    filter->awaits_key = false;
    memset(filter->steps, 0, sizeof(filter->steps));
    filter->steps[0].size = STREAM_SIZE_ALL;
}

static void tell(const struct stream_filter *filter, size_t step,
                 const struct stream_packet *packet, struct stream_passage *out)
{
    const struct stream_dependency *frame = &packet->dependency;
    uint8_t size = filter->steps[step].size;
    bool told = size != STREAM_SIZE_ALL && frame->known && frame->frame_start;
    out->empty = frame->known && frame->spatial > size;
    out->active = told ? frame->active & filter->steps[step].upto : 0;
}

static void step(struct stream_filter *filter, const struct stream_packet *packet, uint8_t size)
{
    unsigned layer = MIN(size, STREAM_SPATIAL_MAX - 1);
    uint32_t upto = packet->dependency.sets->upto[layer];
    if (size != filter->steps[0].size || upto != filter->steps[0].upto) {
        memmove(filter->steps + 1, filter->steps, sizeof(filter->steps) - sizeof(filter->steps[0]));
        filter->steps[0].since = packet->seq;
        filter->steps[0].size = size;
        filter->steps[0].upto = upto;
    }
}

bool stream_filter_next(struct stream_filter *filter, const struct stream_packet *packet,
                        struct stream_passage *out)
{
    bool asks = false;
    if (packet->dependency.known && packet->dependency.picture_start) {
        uint8_t size = filter->steps[0].size;
        bool more = filter->size_max > size && !packet->key_start;
        step(filter, packet, more ? size : filter->size_max);
        /* Again with each picture of the lowest rate: the last one may have been lost. */
        asks = more && (!filter->awaits_key || packet->dependency.temporal == 0);
        filter->awaits_key = more;
    }
    tell(filter, 0, packet, out);
    return asks;
}

bool stream_filter_again(const struct stream_filter *filter, const struct stream_packet *packet,
                         struct stream_passage *out)
{
    size_t at = 0;
    while (at < STEPS - 1 && packet->seq < filter->steps[at].since) {
        at++;
    }
    tell(filter, at, packet, out);
    return packet->seq >= filter->steps[at].since;
}
