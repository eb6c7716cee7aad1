/* SPDX-License-Identifier: Apache-2.0
 *
 * The way of a frame: chance (loss) -> the bottleneck, which is only the time until which it is
 * busy
 * -> delay and jitter -> a heap by the time at which it is through.
 */
#include "tests/link/link.h"

#include <stdlib.h>

#define NS_PER_US 1000

struct frame {
    int64_t due_us;
    uint64_t number; /* in the order they went in; decides between equal times */
    uint8_t *data;
    size_t len;
};

struct link {
    struct link_config config;
    struct prng prng;
    struct link_stats stats;
    struct frame *heap; /* of LINK_FRAMES_MAX; stats.under_way of them, the earliest first */
    uint8_t *popped;    /* lent out by link_pop */
    int64_t now_us;
    int64_t busy_until_ns; /* the bottleneck; ns, for a small frame takes less than 1 us */
    int64_t last_due_us;
    uint64_t pushed;      /* frames that were not dropped */
    uint64_t last_number; /* the highest that came out */
};

struct link *link_new(uint64_t seed)
{
    struct link *link = mem_alloc(sizeof(*link));
    link->config = LINK_CONFIG_DEFAULT;
    link->heap = mem_array(LINK_FRAMES_MAX, sizeof(*link->heap));
    prng_seed(&link->prng, seed);
    return link;
}

void link_free(struct link *link)
{
    for (size_t i = 0; i < link->stats.under_way; i++) {
        free(link->heap[i].data);
    }
    free(link->heap);
    free(link->popped);
    free(link);
}

void link_configure(struct link *link, const struct link_config *config)
{
    assert(config->delay_us >= 0 && config->delay_us <= LINK_DELAY_US_MAX);
    assert(config->jitter_us >= 0 && config->jitter_us <= config->delay_us);
    assert(config->loss_permille <= 1000);
    assert(config->rate_bps <= LINK_RATE_BPS_MAX);
    assert(config->queue_bytes <= LINK_QUEUE_MAX);
    link->config = *config;
}

/* ---- Frames under way: a binary heap --------------------------------------------------------- */

static bool earlier(const struct frame *a, const struct frame *b)
{
    return a->due_us != b->due_us ? a->due_us < b->due_us : a->number < b->number;
}

static void heap_push(struct link *link, struct frame frame)
{
    size_t at = link->stats.under_way++;
    for (size_t up; at > 0 && earlier(&frame, &link->heap[up = (at - 1) / 2]); at = up) {
        link->heap[at] = link->heap[up];
    }
    link->heap[at] = frame;
}

static struct frame heap_pop(struct link *link)
{
    struct frame first = link->heap[0];
    size_t count = --link->stats.under_way;
    struct frame last = link->heap[count];
    size_t at = 0;
    for (size_t down; (down = 2 * at + 1) < count; at = down) {
        if (down + 1 < count && earlier(&link->heap[down + 1], &link->heap[down])) {
            down++;
        }
        if (!earlier(&link->heap[down], &last)) {
            break;
        }
        link->heap[at] = link->heap[down];
    }
    link->heap[at] = last;
    return first;
}

/* ---- In and out ------------------------------------------------------------------------------ */

/* Waits for the bottleneck and passes it. False: no room. *through_us is when it is past it. */
static bool pass_bottleneck(struct link *link, size_t len, int64_t *through_us)
{
    int64_t now_ns = link->now_us * NS_PER_US;
    uint64_t rate_bps = link->config.rate_bps;
    *through_us = link->now_us;
    if (rate_bps == 0) {
        return true;
    }
    int64_t start_ns = MAX(now_ns, link->busy_until_ns);
    uint64_t wait_us = (uint64_t)(start_ns - now_ns) / NS_PER_US;
    uint64_t waiting_bytes = wait_us * rate_bps / 8000000; /* at most 64 MB: no overflow */
    if (waiting_bytes > 0 && waiting_bytes + len > link->config.queue_bytes) {
        link->stats.queue_full++;
        return false;
    }
    link->stats.queue_delay_us_max = MAX(link->stats.queue_delay_us_max, (int64_t)wait_us);
    link->busy_until_ns = start_ns + (int64_t)(len * 8 * 1000000000 / rate_bps);
    *through_us = (link->busy_until_ns + NS_PER_US - 1) / NS_PER_US;
    return true;
}

static int64_t draw_delay_us(struct link *link)
{
    int64_t jitter_us = link->config.jitter_us;
    if (jitter_us == 0) {
        return link->config.delay_us;
    }
    uint64_t draw = prng_below(&link->prng, (uint64_t)jitter_us * 2 + 1);
    return link->config.delay_us - jitter_us + (int64_t)draw;
}

void link_push(struct link *link, int64_t now_us, struct bytes frame)
{
    assert(now_us >= link->now_us);
    assert(frame.len > 0 && frame.len <= LINK_FRAME_MAX);
    link->now_us = now_us;
    if (prng_below(&link->prng, 1000) < link->config.loss_permille) {
        link->stats.lost++;
        return;
    }
    if (link->stats.under_way == LINK_FRAMES_MAX) {
        link->stats.frames_full++;
        return;
    }
    int64_t through_us;
    if (!pass_bottleneck(link, frame.len, &through_us)) {
        return;
    }
    int64_t due_us = through_us + draw_delay_us(link);
    if (!link->config.reorder) {
        due_us = MAX(due_us, link->last_due_us);
    }
    link->last_due_us = MAX(due_us, link->last_due_us);
    heap_push(link, (struct frame){.due_us = due_us,
                                   .number = ++link->pushed,
                                   .data = mem_copy(frame.data, frame.len),
                                   .len = frame.len});
}

bool link_pop(struct link *link, int64_t now_us, struct bytes *out)
{
    assert(now_us >= link->now_us);
    link->now_us = now_us;
    if (link_deadline(link) > now_us) {
        return false;
    }
    struct frame frame = heap_pop(link);
    free(link->popped);
    link->popped = frame.data;
    link->stats.frames++;
    link->stats.bytes += frame.len;
    link->stats.reordered += frame.number < link->last_number;
    link->last_number = MAX(frame.number, link->last_number);
    *out = (struct bytes){frame.data, frame.len};
    return true;
}

int64_t link_deadline(const struct link *link)
{
    return link->stats.under_way > 0 ? link->heap[0].due_us : TIME_NEVER;
}

const struct link_stats *link_stats(const struct link *link)
{
    return &link->stats;
}
