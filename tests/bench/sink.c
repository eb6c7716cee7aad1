/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/bench/sink.h"

#include "tests/bench/bench.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define SWEEP_MS 2
#define BATCH    64
#define HEAD     8 /* bytes read of a packet: enough to know its payload type and timestamp */

struct outlet {
    int fd;
    struct sockaddr_in addr;
    _Atomic uint64_t received[128]; /* by payload type */
    struct sink_stamp *stamps;      /* NULL: it is not watched */
    size_t stamp_max;
    _Atomic size_t stamp_count;
    uint8_t stamp_pt;
};

struct sink {
    struct outlet *outlets;
    size_t count;
    bool borrowed; /* the sockets */
    pthread_t thread;
    atomic_bool running;
};

static void open_outlet(struct outlet *outlet)
{
    socklen_t len = sizeof(outlet->addr);
    outlet->addr =
        (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    outlet->fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int bytes = 1 << 20;
    if (outlet->fd < 0 || bind(outlet->fd, (struct sockaddr *)&outlet->addr, len) != 0 ||
        getsockname(outlet->fd, (struct sockaddr *)&outlet->addr, &len) != 0) {
        bench_fail("no socket for a receiver");
    }
    (void)setsockopt(outlet->fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof(bytes));
}

struct sink *sink_new(size_t count)
{
    struct sink *sink = mem_alloc(sizeof(*sink));
    sink->outlets = mem_array(count, sizeof(*sink->outlets));
    sink->count = count;
    for (size_t i = 0; i < count; i++) {
        open_outlet(&sink->outlets[i]);
    }
    return sink;
}

struct sink *sink_new_of(const int *fds, size_t count)
{
    struct sink *sink = mem_alloc(sizeof(*sink));
    sink->outlets = mem_array(count, sizeof(*sink->outlets));
    sink->count = count;
    sink->borrowed = true;
    for (size_t i = 0; i < count; i++) {
        sink->outlets[i].fd = fds[i];
    }
    return sink;
}

void sink_free(struct sink *sink)
{
    for (size_t i = 0; i < sink->count; i++) {
        free(sink->outlets[i].stamps);
        if (!sink->borrowed) {
            close(sink->outlets[i].fd);
        }
    }
    free(sink->outlets);
    free(sink);
}

int sink_fd(const struct sink *sink, size_t i)
{
    return sink->outlets[i].fd;
}

struct sockaddr_in sink_addr(const struct sink *sink, size_t i)
{
    return sink->outlets[i].addr;
}

void sink_watch(struct sink *sink, size_t i, uint8_t pt, size_t max)
{
    struct outlet *outlet = &sink->outlets[i];
    int on = 1;
    outlet->stamps = mem_array(max, sizeof(*outlet->stamps));
    outlet->stamp_max = max;
    outlet->stamp_pt = pt;
    if (setsockopt(outlet->fd, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof(on)) != 0) {
        bench_fail("the kernel does not stamp packets");
    }
}

const struct sink_stamp *sink_stamps(const struct sink *sink, size_t i, size_t *count)
{
    const struct outlet *outlet = &sink->outlets[i];
    *count = atomic_load(&outlet->stamp_count);
    return outlet->stamps;
}

void sink_forget(struct sink *sink)
{
    for (size_t i = 0; i < sink->count; i++) {
        atomic_store(&sink->outlets[i].stamp_count, 0);
    }
}

/* ---- The thread ------------------------------------------------------------------------------ */

struct reader {
    uint8_t heads[BATCH][HEAD];
    struct iovec bytes[BATCH];
    struct mmsghdr messages[BATCH];
    union {
        struct cmsghdr align;
        uint8_t bytes[CMSG_SPACE(sizeof(struct timespec))];
    } notes[BATCH];
};

static void keep_stamp(struct outlet *outlet, const uint8_t *head, struct msghdr *header)
{
    size_t count = atomic_load_explicit(&outlet->stamp_count, memory_order_relaxed);
    const struct cmsghdr *note = CMSG_FIRSTHDR(header);
    if ((head[1] & 0x7f) != outlet->stamp_pt || count == outlet->stamp_max || note == NULL) {
        return;
    }
    struct timespec at;
    memcpy(&at, CMSG_DATA(note), sizeof(at));
    outlet->stamps[count] = (struct sink_stamp){
        .ts = be32_get(head + 4), .arrival_us = (uint32_t)(TIME_S(at.tv_sec) + at.tv_nsec / 1000)};
    atomic_store(&outlet->stamp_count, count + 1);
}

static void want_notes(struct reader *reader)
{
    for (size_t i = 0; i < BATCH; i++) {
        reader->messages[i].msg_hdr.msg_control = &reader->notes[i];
        reader->messages[i].msg_hdr.msg_controllen = sizeof(reader->notes[i]);
    }
}

static void empty(struct outlet *outlet, struct reader *reader)
{
    int count;
    do {
        if (outlet->stamps != NULL) {
            want_notes(reader);
        }
        count = recvmmsg(outlet->fd, reader->messages, BATCH, MSG_DONTWAIT, NULL);
        for (int i = 0; i < count; i++) {
            const uint8_t *head = reader->heads[i];
            atomic_fetch_add_explicit(&outlet->received[head[1] & 0x7f], 1, memory_order_relaxed);
            if (outlet->stamps != NULL) {
                keep_stamp(outlet, head, &reader->messages[i].msg_hdr);
            }
        }
    } while (count == BATCH);
}

/* Before all else, the bench that wants to go first too, if that is allowed: what overflows is no
 * result. */
static void go_first(void)
{
    const struct sched_param first = {.sched_priority = 2};
    (void)pthread_setschedparam(pthread_self(), SCHED_RR, &first);
}

static void *run(void *arg)
{
    struct sink *sink = arg;
    struct reader reader = {0};
    for (size_t i = 0; i < BATCH; i++) {
        reader.bytes[i] = (struct iovec){reader.heads[i], HEAD};
        reader.messages[i].msg_hdr = (struct msghdr){.msg_iov = &reader.bytes[i], .msg_iovlen = 1};
    }
    bool last = false;
    go_first();
    while (!last) {
        last = !atomic_load(&sink->running); /* one more sweep after the end */
        for (size_t i = 0; i < sink->count; i++) {
            empty(&sink->outlets[i], &reader);
        }
        bench_sleep_ms(SWEEP_MS);
    }
    return NULL;
}

void sink_start(struct sink *sink)
{
    atomic_store(&sink->running, true);
    if (pthread_create(&sink->thread, NULL, run, sink) != 0) {
        bench_fail("no thread for the receivers");
    }
}

void sink_stop(struct sink *sink)
{
    atomic_store(&sink->running, false);
    pthread_join(sink->thread, NULL);
}

uint64_t sink_received(const struct sink *sink, size_t i, uint8_t pt)
{
    return atomic_load_explicit(&sink->outlets[i].received[pt], memory_order_relaxed);
}

uint64_t sink_received_all(const struct sink *sink, uint8_t pt)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < sink->count; i++) {
        sum += sink_received(sink, i, pt);
    }
    return sum;
}
