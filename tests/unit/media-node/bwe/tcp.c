/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/media-node/bwe/tcp.h"

#include <math.h>
#include <stdlib.h>

#define SEGMENT    1500
#define DUPLICATES 3
#define TIMEOUT_US TIME_S(1)
#define CUBIC_C    0.4
#define CUBIC_BETA 0.7

void tcp_init(struct tcp *tcp, uint8_t flow, bool cubic, int64_t back_delay_us)
{
    *tcp = (struct tcp){
        .cubic = cubic,
        .flow = flow,
        .end_us = TIME_NEVER,
        .window = 10,
        .slow_start_until = INFINITY,
        .rtt_us = TIME_MS(100),
        .back = bottleneck_new(&(struct bottleneck_config){.delay_us = back_delay_us}, 1),
    };
}

void tcp_fini(struct tcp *tcp)
{
    free(tcp->back);
}

void tcp_arrived(struct tcp *tcp, const struct bottleneck_packet *packet)
{
    tcp->arrived_bytes += packet->size;
    bottleneck_send(tcp->back, packet);
}

static void reduce(struct tcp *tcp, int64_t now_us)
{
    tcp->recover = tcp->next;
    tcp->cubic_max = tcp->window;
    tcp->cubic_us = now_us;
    tcp->window = MAX(2.0, tcp->window * (tcp->cubic ? CUBIC_BETA : 0.5));
    tcp->slow_start_until = tcp->window;
}

static void grow(struct tcp *tcp, int64_t now_us)
{
    if (tcp->window < tcp->slow_start_until) {
        tcp->window += 1;
        return;
    }
    double reno = tcp->window + 1 / tcp->window;
    if (!tcp->cubic) {
        tcp->window = reno;
        return;
    }
    double k = cbrt(tcp->cubic_max * (1 - CUBIC_BETA) / CUBIC_C);
    double t = (double)(now_us - tcp->cubic_us + tcp->rtt_us) / 1e6 - k;
    double wanted = CUBIC_C * t * t * t + tcp->cubic_max;
    double step = (wanted - tcp->window) / tcp->window;
    tcp->window = MAX(reno, tcp->window + MIN(MAX(step, 0), 0.5));
}

static void acknowledge(struct tcp *tcp, int64_t now_us, uint64_t number)
{
    if (number < tcp->acked_to) {
        return;
    }
    tcp->acked[number % TCP_WINDOW] = true;
    tcp->rtt_us += (now_us - tcp->sent_us[number % TCP_WINDOW] - tcp->rtt_us) / 8;
    tcp->heard_us = now_us;
    grow(tcp, now_us);
    while (tcp->acked_to < tcp->next) {
        bool here = tcp->acked[tcp->acked_to % TCP_WINDOW];
        if (!here && tcp->acked_to + DUPLICATES > number) {
            return;
        }
        if (!here && tcp->acked_to >= tcp->recover) {
            reduce(tcp, now_us);
        }
        tcp->acked_to++;
    }
}

void tcp_tick(struct tcp *tcp, int64_t now_us, struct bottleneck *link)
{
    struct bottleneck_packet ack;
    if (now_us < tcp->start_us || now_us >= tcp->end_us) {
        return;
    }
    while (bottleneck_poll(tcp->back, now_us, &ack)) {
        acknowledge(tcp, ack.at_us, ack.number);
    }
    if (now_us - tcp->heard_us > TIMEOUT_US && tcp->next > tcp->acked_to) {
        reduce(tcp, now_us);
        tcp->window = 1;
        tcp->acked_to = tcp->next;
        tcp->heard_us = now_us;
    }
    while (tcp->next - tcp->acked_to < MIN((uint64_t)tcp->window, TCP_WINDOW - 1)) {
        tcp->acked[tcp->next % TCP_WINDOW] = false;
        tcp->sent_us[tcp->next % TCP_WINDOW] = now_us;
        bottleneck_send(
            link, &(struct bottleneck_packet){
                      .at_us = now_us, .number = tcp->next++, .size = SEGMENT, .flow = tcp->flow});
    }
}
