/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/bench/latency.h"

#include "tests/bench/bench.h"
#include "tests/bench/load/histogram.h"

#include <math.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <time.h>

#define WARM_US   TIME_MS(300)
#define PRESS_US  TIME_MS(700)
#define SETTLE_MS 100
#define SETTLES   30
#define KEEP_US   TIME_MS(1)
#define SPIN_US   10         /* sleeping less is inexact */
#define BEHIND_US TIME_MS(1) /* a sender that did not run catches up on so much */
#define TRIES     8          /* to find the capacity */
#define FULL      0.97       /* of a core: busy all the time */
#define TAKEN     0.9        /* of what came: less is all that can be forwarded */

struct latency {
    const struct fanout *fanout;
    struct prng prng;
    uint32_t *offsets; /* of timestamps, by receiver */
    int64_t kept_us;
};

/* ---- Sending --------------------------------------------------------------------------------- */

static void wait_until(struct latency *latency, int64_t due_us)
{
    for (;;) {
        int64_t now_us = bench_now_us();
        if (now_us - latency->kept_us >= KEEP_US) {
            latency->kept_us = now_us;
            latency->fanout->keep(latency->fanout->arg);
        } else if (now_us >= due_us) {
            return;
        } else if (due_us - now_us > SPIN_US) {
            int64_t nap_us = MIN(due_us - now_us - SPIN_US, KEEP_US);
            const struct timespec nap = {.tv_nsec = (long)nap_us * 1000};
            nanosleep(&nap, NULL);
        }
    }
}

/* Exponentially distributed. */
static double gap_us(struct latency *latency, double mean_us)
{
    double uniform = ((double)prng_below(&latency->prng, 1u << 30) + 0.5) / (1u << 30);
    return -log(uniform) * mean_us;
}

/* Returns how many packets were sent. */
static uint64_t play(struct latency *latency, double rate, unsigned burst, int64_t for_us)
{
    uint64_t sent = 0;
    double due_us = (double)bench_now_us();
    const double end_us = due_us + (double)for_us;
    for (;;) {
        due_us += gap_us(latency, 1e6 * burst / rate);
        due_us = MAX(due_us, (double)(bench_now_us() - BEHIND_US));
        if (due_us >= end_us) {
            break;
        }
        wait_until(latency, (int64_t)due_us);
        latency->fanout->send_frame(latency->fanout->arg, burst);
        sent += burst;
    }
    return sent;
}

/* Until nothing comes any more: what was too much waits in sockets. */
static void settle(const struct latency *latency)
{
    const struct fanout *fanout = latency->fanout;
    uint64_t before = 0;
    uint64_t received = sink_received_all(fanout->sink, fanout->pt);
    for (int i = 0; i < SETTLES && received != before; i++) {
        for (int ms = 0; ms < SETTLE_MS; ms++) {
            fanout->keep(fanout->arg);
            bench_sleep_ms(1);
        }
        before = received;
        received = sink_received_all(fanout->sink, fanout->pt);
    }
}

/* ---- Measuring ------------------------------------------------------------------------------- */

static void collect(const struct latency *latency, struct histogram *out)
{
    for (size_t i = 0; i < latency->fanout->receivers; i++) {
        size_t count;
        const struct sink_stamp *stamps = sink_stamps(latency->fanout->sink, i, &count);
        for (size_t k = 0; stamps != NULL && k < count; k++) {
            uint32_t sent_us = stamps[k].ts - latency->offsets[i];
            histogram_add(out, (int32_t)(stamps[k].arrival_us - sent_us));
        }
    }
}

struct latency_result latency_measure(struct latency *latency, double rate, unsigned burst,
                                      int64_t for_us)
{
    const struct fanout *fanout = latency->fanout;
    struct histogram *histogram = mem_alloc(sizeof(*histogram));
    (void)play(latency, rate, burst, WARM_US);
    settle(latency);
    sink_forget(fanout->sink);
    uint64_t received = sink_received_all(fanout->sink, fanout->pt);
    int64_t cpu_us = bench_process_cpu_us(fanout->pid);
    int64_t wall_us = bench_now_us();
    uint64_t sent = play(latency, rate, burst, for_us);
    wall_us = bench_now_us() - wall_us;
    cpu_us = bench_process_cpu_us(fanout->pid) - cpu_us;
    settle(latency);
    received = sink_received_all(fanout->sink, fanout->pt) - received;
    collect(latency, histogram);
    struct latency_result result = {.p50_us = histogram_us(histogram, 500),
                                    .p99_us = histogram_us(histogram, 990),
                                    .max_us = histogram->max_us,
                                    .samples = histogram->count,
                                    .rate = (double)sent * 1e6 / (double)wall_us,
                                    .busy = (double)cpu_us / (double)wall_us,
                                    .lost = 1 - (double)received / (double)(sent * fanout->copies)};
    free(histogram);
    return result;
}

/* What comes out while it goes on: nothing is waited for. */
static struct latency_capacity press(struct latency *latency, double rate, unsigned burst)
{
    const struct fanout *fanout = latency->fanout;
    (void)play(latency, rate, burst, WARM_US);
    uint64_t received = sink_received_all(fanout->sink, fanout->pt);
    int64_t cpu_us = bench_process_cpu_us(fanout->pid);
    int64_t wall_us = bench_now_us();
    (void)play(latency, rate, burst, PRESS_US);
    received = sink_received_all(fanout->sink, fanout->pt) - received;
    wall_us = bench_now_us() - wall_us;
    cpu_us = bench_process_cpu_us(fanout->pid) - cpu_us;
    return (struct latency_capacity){.rate = (double)received * 1e6 /
                                             (double)(wall_us * (int64_t)fanout->copies),
                                     .busy = (double)cpu_us / (double)wall_us};
}

struct latency_capacity latency_capacity(struct latency *latency, double first_rate, unsigned burst)
{
    double rate = first_rate;
    for (int i = 0; i < TRIES; i++) {
        struct latency_capacity taken = press(latency, rate, burst);
        if (taken.busy >= FULL || taken.rate < TAKEN * rate) {
            settle(latency);
            return taken;
        }
        rate *= taken.busy < FULL / 2 ? 2 : 1.3;
    }
    bench_fail("nothing that can be sent from here keeps it busy");
}

/* ---- Life ------------------------------------------------------------------------------------ */

/* Whoever empties the receivers' sockets can wait: frames that he held up would come together, and
 * wait for each other. */
static void go_before_receivers(void)
{
    const struct sched_param first = {.sched_priority = 3};
    (void)pthread_setschedparam(pthread_self(), SCHED_RR, &first);
}

/* Whoever forwards adds to each receiver's timestamps what it likes, but always the same. */
static void learn_offsets(struct latency *latency)
{
    const struct fanout *fanout = latency->fanout;
    sink_forget(fanout->sink);
    for (size_t i = 0; i < fanout->receivers; i += fanout->copies) {
        fanout->send_frame(fanout->arg, 1);
    }
    settle(latency);
    for (size_t i = 0; i < fanout->receivers; i++) {
        size_t count;
        const struct sink_stamp *stamps = sink_stamps(fanout->sink, i, &count);
        if (stamps != NULL && count == 0) {
            bench_fail("receiver %zu gets nothing", i);
        } else if (stamps != NULL) {
            latency->offsets[i] = stamps[count - 1].ts - fanout->sent_at(fanout->arg, i);
        }
    }
}

struct latency *latency_new(const struct fanout *fanout, uint64_t seed)
{
    struct latency *latency = mem_alloc(sizeof(*latency));
    latency->fanout = fanout;
    latency->offsets = mem_array(fanout->receivers, sizeof(*latency->offsets));
    prng_seed(&latency->prng, seed);
    go_before_receivers();
    (void)play(latency, (double)(fanout->receivers / fanout->copies) * 20, 1, WARM_US);
    settle(latency);
    learn_offsets(latency);
    return latency;
}

void latency_free(struct latency *latency)
{
    free(latency->offsets);
    free(latency);
}
