/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/bench/fanout_janus.h"

#include "tests/bench/bench.h"
#include "tests/bench/janus_client.h"

#include <stdlib.h>

#define SSRC     4242
#define TOGETHER 25 /* viewers that connect at a time */

struct fanout_janus {
    struct janus_clients clients;
    struct janus_client publisher; /* what it would view is nothing */
    struct janus_source source;
    struct janus_client *viewers;
    size_t count;
    struct sink *sink;
    struct janus_client_turns turns;
};

/* ---- Media ----------------------------------------------------------------------------------- */

static void send_frame(void *arg, unsigned packets)
{
    struct fanout_janus *janus = arg;
    janus_source_frame(&janus->source, &janus->publisher, packets);
}

static void keep(void *arg)
{
    struct fanout_janus *janus = arg;
    janus_client_turn(&janus->clients, &janus->publisher);
    janus_run_drain(janus->clients.run);
    janus_clients_keep(&janus->turns, janus->viewers, janus->count);
}

/* Frames until every viewer has decrypted some. */
static void wait_media(struct fanout_janus *janus)
{
    size_t watching = 0;
    for (int ms = 0; watching < janus->count; ms += 50) {
        if (ms >= JANUS_CLIENT_WAIT_MS) {
            bench_fail("%zu of %zu viewers of Janus see anything", watching, janus->count);
        }
        send_frame(janus, 1);
        bench_sleep_ms(50);
        janus_client_turn(&janus->clients, &janus->publisher);
        watching = 0;
        for (size_t i = 0; i < janus->count; i++) {
            janus_client_turn(&janus->clients, &janus->viewers[i]);
            watching += janus->viewers[i].received > 0;
        }
    }
}

/* ---- Life ------------------------------------------------------------------------------------ */

struct fanout_janus *fanout_janus_start(unsigned event_loops, size_t receivers, struct fanout *out)
{
    struct fanout_janus *janus = mem_alloc(sizeof(*janus));
    janus_clients_init(&janus->clients, event_loops, 1);
    janus->viewers = mem_array(receivers, sizeof(*janus->viewers));
    janus->count = receivers;
    janus_source_init(&janus->source, SSRC, "");
    json_int_t feed = janus_client_publish(&janus->clients, &janus->publisher, 1);
    for (size_t i = 0; i < receivers; i += TOGETHER) {
        size_t end = MIN(i + TOGETHER, receivers);
        for (size_t k = i; k < end; k++) {
            janus_client_view(&janus->clients, &janus->viewers[k], &feed, 1, JANUS_CLIENT_BEST);
        }
        janus_clients_wait(&janus->clients, &janus->viewers[i], end - i);
        janus_client_turn(&janus->clients, &janus->publisher);
    }
    wait_media(janus);
    janus->sink = janus_clients_sink(janus->viewers, janus->count);
    janus->turns.due_us = bench_now_us();
    *out = (struct fanout){.arg = janus,
                           .pid = janus_run_pid(janus->clients.run),
                           .sink = janus->sink,
                           .receivers = receivers,
                           .copies = receivers,
                           .pt = janus->viewers[0].pt,
                           .send_frame = send_frame,
                           .keep = keep};
    return janus;
}

void fanout_janus_stop(struct fanout_janus *janus)
{
    sink_stop(janus->sink);
    sink_free(janus->sink);
    for (size_t i = 0; i < janus->count; i++) {
        janus_client_fini(&janus->viewers[i]);
    }
    janus_client_fini(&janus->publisher);
    janus_clients_fini(&janus->clients);
    free(janus->viewers);
    free(janus);
}
