/* SPDX-License-Identifier: Apache-2.0
 *
 * A hostile orchestrator: any control and tunnel messages in any order, in between registrations,
 * broken links and time. The node neither stops nor holds more than it was told to.
 *
 * The input is a list of steps: what to do, a length in two bytes, and as many bytes.
 */
#include "media-node/core/node/node.h"

#include <stdlib.h>

#define STEP_LEN 3

enum { CONTROL, TUNNEL, UP, DOWN, DRAIN, WAIT, STEPS };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void drain(struct node *node)
{
    struct outbox_packet packets[64];
    struct node_message message;
    while (node_poll_packets(node, packets, ARRAY_LEN(packets)) > 0) {
    }
    while (node_poll_control(node, &message)) {
        assert(message.bytes.len > 0 && message.link == 0);
    }
    while (node_poll_tunnel(node, &message)) {
    }
}

static void step(struct node *node, int64_t *now_us, unsigned what, struct bytes bytes)
{
    switch (what % STEPS) {
    case CONTROL:
        node_control(node, *now_us, 0, bytes);
        break;
    case TUNNEL:
        node_tunnel(node, *now_us, 0, bytes);
        break;
    case UP:
        node_link_up(node, *now_us, 0);
        break;
    case DOWN:
        node_link_down(node, *now_us, 0);
        break;
    case DRAIN:
        node_drain(node, *now_us);
        break;
    default:
        *now_us += TIME_MS(bytes.len > 0 ? bytes.data[0] : 1);
        node_expire(node, *now_us);
        break;
    }
    drain(node);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct prng prng;
    prng_seed(&prng, 1);
    const struct node_endpoint endpoint = {NODE_UDP, 40000};
    const struct net_addr advertise = {.ip = {127, 0, 0, 1}, .family = NET_V4};
    const struct node_config config = {.id = "ND_1",
                                       .congestion_control = true,
                                       .name = "fuzz",
                                       .region = "",
                                       .zone = "",
                                       .version = "0",
                                       .endpoints = &endpoint,
                                       .endpoint_count = 1,
                                       .advertise = &advertise,
                                       .advertise_count = 1,
                                       .link_count = 1,
                                       .outbox_slots = 64,
                                       .random = prng_source(&prng)};
    int64_t now_us = TIME_S(1);
    struct node *node = node_new(&config, now_us);
    while (size >= STEP_LEN) {
        size_t len = MIN((size_t)be16_get(data + 1), size - STEP_LEN);
        step(node, &now_us, data[0], (struct bytes){data + STEP_LEN, len});
        data += STEP_LEN + len;
        size -= STEP_LEN + len;
    }
    assert(node_transport_count(node) == 0 || node_room_count(node) > 0);
    node_free(node);
    return 0;
}
