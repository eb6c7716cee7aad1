/* SPDX-License-Identifier: Apache-2.0
 *
 * Any feedback to a transport that sends: two bytes say what is sent before the next datagram, and
 * how long it takes, then its length and the datagram itself, taken as an RTCP compound. Whatever
 * it says the estimate stays within its bounds, and nothing is asked for without end.
 */
#include "media-node/core/bwe/bwe.h"

struct input {
    const uint8_t *data;
    size_t len;
};

static uint8_t next(struct input *input)
{
    if (input->len == 0) {
        return 0;
    }
    input->len--;
    return *input->data++;
}

struct transport {
    struct bwe *bwe;
    int64_t now_us;
    uint16_t seq;
    struct bwe_probe probe;
};

static void send(struct transport *transport, uint8_t count, uint8_t step)
{
    for (unsigned i = 0; i < count; i++) {
        transport->now_us += step * 100;
        const struct bwe_packet packet = {
            .seq = transport->seq++,
            .size = (uint16_t)(100 + 10 * step),
            .probe = transport->probe.id,
        };
        bwe_sent(transport->bwe, transport->now_us, &packet);
    }
    if (step == 255) {
        transport->now_us += TIME_S(20);
        transport->seq += 12345;
    }
}

static void read(struct transport *transport, const uint8_t *data, size_t len)
{
    struct rtcp_iter iter;
    struct rtcp_packet packet;
    struct rtcp_twcc twcc;
    uint64_t bps;
    if (rtcp_begin(&iter, data, len) != 0) {
        return;
    }
    while (rtcp_next(&iter, &packet)) {
        if (rtcp_is(&packet, RTCP_RTPFB, RTCP_TWCC) && rtcp_read_twcc(&packet, &twcc) == 0) {
            bwe_feedback(transport->bwe, transport->now_us, &twcc);
        } else if (rtcp_is(&packet, RTCP_PSFB, RTCP_AFB) && rtcp_read_remb(&packet, &bps) == 0) {
            bwe_remb(transport->bwe, transport->now_us, bps);
        }
    }
}

static void check(struct transport *transport)
{
    unsigned polls = 0;
    while (bwe_poll(transport->bwe, &transport->probe)) {
        assert(++polls <= 4);
        assert(transport->probe.id != 0 && transport->probe.bytes > 0);
    }
    if (bwe_deadline(transport->bwe) <= transport->now_us) {
        bwe_expire(transport->bwe, transport->now_us);
        assert(bwe_deadline(transport->bwe) > transport->now_us);
    }
    struct bwe_estimate estimate = bwe_estimate(transport->bwe);
    assert(estimate.target_bps >= BWE_MIN_BPS && estimate.target_bps <= BWE_MAX_BPS);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct input input = {data, len};
    struct transport transport = {
        .bwe = bwe_new(&(struct bwe_config){.transport_cc = (next(&input) & 1) != 0}, 0),
    };
    transport.seq = (uint16_t)(next(&input) << 8);
    bwe_wanted(transport.bwe, 0, 1000000u * next(&input));
    uint8_t step = next(&input);
    bwe_next(transport.bwe, 0,
             &(struct bwe_step){.bps = 100000u * (step >> 1), .padding = (step & 1) != 0});
    while (input.len > 0) {
        uint8_t count = next(&input);
        send(&transport, count, next(&input));
        size_t part = next(&input);
        part = MIN(part, input.len);
        read(&transport, input.data, part);
        input.data += part;
        input.len -= part;
        check(&transport);
    }
    bwe_free(transport.bwe);
    return 0;
}
