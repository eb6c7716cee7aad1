/* SPDX-License-Identifier: Apache-2.0
 *
 * Feedback goes on where the last one ended. A number that comes late, below that place but still
 * in the window, takes the next feedback back to it, and what is known from there on is told again:
 * senders ignore what they know.
 */
#include "media-node/core/stream/receiver_parts.h"

#include <stdlib.h>

#define WINDOW   1024 /* numbers whose arrival is kept */
#define LATE_MAX 256  /* numbers behind the newest to which feedback goes back */
#define RESTART  8192 /* numbers; one that far behind is of a sender that started anew */
#define DELAY_US TIME_MS(50)
#define MANY     100 /* waiting packets that make feedback due at once */
#define CYCLE    65536u

struct stream_arrivals {
    int64_t now_us;
    uint64_t next; /* first number of the next feedback */
    uint64_t end;  /* behind the highest number that arrived */
    unsigned waiting;
    int64_t due_us;
    uint8_t feedback_count;
    int64_t *times; /* arrival by number % WINDOW, of the last WINDOW numbers; NULL at first */
};

struct stream_arrivals *stream_arrivals_new(int64_t now_us)
{
    struct stream_arrivals *arrivals = mem_alloc(sizeof(*arrivals));
    *arrivals = (struct stream_arrivals){.now_us = now_us, .due_us = TIME_NEVER};
    return arrivals;
}

void stream_arrivals_free(struct stream_arrivals *arrivals)
{
    free(arrivals->times);
    free(arrivals);
}

static void start(struct stream_arrivals *arrivals, uint64_t number)
{
    for (size_t i = 0; i < WINDOW; i++) {
        arrivals->times[i] = RTCP_NOT_RECEIVED;
    }
    arrivals->next = number;
    arrivals->end = number;
    arrivals->waiting = 0;
}

/* Moves the end behind number. Numbers that do not fit the window are told of no more. */
static void extend(struct stream_arrivals *arrivals, uint64_t number)
{
    for (uint64_t i = arrivals->end; i < number; i++) {
        arrivals->times[i % WINDOW] = RTCP_NOT_RECEIVED;
    }
    arrivals->end = number + 1;
    if (arrivals->end - arrivals->next > WINDOW) {
        arrivals->next = arrivals->end - WINDOW;
    }
}

void stream_arrivals_add(struct stream_arrivals *arrivals, int64_t arrival_us, uint16_t seq)
{
    if (arrivals->times == NULL) {
        arrivals->times = mem_array(WINDOW, sizeof(*arrivals->times));
        start(arrivals, CYCLE + seq);
    }
    int diff = seq_diff(seq, (uint16_t)(arrivals->end - 1));
    uint64_t number = arrivals->end - 1 + (uint64_t)(int64_t)diff;
    if (diff >= WINDOW || diff <= -RESTART) {
        number = (arrivals->end / CYCLE + 1) * CYCLE + seq;
        start(arrivals, number);
    }
    if (number >= arrivals->end) {
        extend(arrivals, number);
    } else if (number + LATE_MAX < arrivals->end || arrivals->times[number % WINDOW] >= 0) {
        return; /* too late, or a duplicate */
    }
    arrivals->times[number % WINDOW] = arrival_us;
    arrivals->next = MIN(arrivals->next, number);
    arrivals->waiting++;
    if (arrivals->due_us == TIME_NEVER) {
        arrivals->due_us = arrival_us + DELAY_US;
    }
    if (arrivals->waiting >= MANY) {
        arrivals->due_us = MIN(arrivals->due_us, arrival_us);
    }
}

int64_t stream_arrivals_deadline(const struct stream_arrivals *arrivals)
{
    return arrivals->due_us;
}

int stream_arrivals_write(struct stream_arrivals *arrivals, int64_t now_us,
                          struct rtcp_writer *writer, struct rtcp_feedback about)
{
    assert(now_us >= arrivals->now_us);
    arrivals->now_us = now_us;
    if (arrivals->waiting == 0) {
        return ERR_NOT_FOUND;
    }
    int64_t times[WINDOW];
    size_t count = (size_t)(arrivals->end - arrivals->next);
    for (size_t i = 0; i < count; i++) {
        times[i] = arrivals->times[(arrivals->next + i) % WINDOW];
    }
    size_t covered = 0;
    const struct rtcp_arrivals run = {
        .arrival_us = times,
        .count = count,
        .base_seq = (uint16_t)arrivals->next,
        .feedback_count = arrivals->feedback_count,
    };
    int err = rtcp_write_twcc(writer, about, &run, &covered);
    if (err < 0) {
        return err;
    }
    assert(covered > 0 && covered <= count);
    arrivals->feedback_count++;
    arrivals->next += covered;
    if (arrivals->next == arrivals->end) {
        arrivals->waiting = 0;
        arrivals->due_us = TIME_NEVER;
    }
    return 0;
}
