/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/media-node/node/remb_receiver.h"

#include "media-node/core/rtp/rtp.h"
#include "tests/lib/media_client.h"

#define BUCKET_US TIME_MS(100)
#define LONG_US   TIME_MS(60)
#define BEGIN_US  TIME_S(5)
#define TELL_US   TIME_S(1)
#define HOLD_US   TIME_MS(300)
#define STEP      1.0077 /* 8 % a second */

static int64_t delay_us(int64_t now_us, struct bytes sent)
{
    assert(sent.len == 3);
    return (int64_t)((rtp_abs_send_time(now_us) - be24_get(sent.data)) & 0xffffff) * 1000000 >> 18;
}

static double incoming_bps(const struct remb_receiver *receiver)
{
    double bytes = 0;
    for (size_t i = 0; i < REMB_RECEIVER_BUCKETS; i++) {
        bytes += receiver->bytes[i];
    }
    return bytes * 8; /* of a second */
}

static void step(struct remb_receiver *receiver, int64_t now_us)
{
    double bps = (double)receiver->bps;
    double incoming = incoming_bps(receiver);
    if (receiver->bps == 0) {
        bps = now_us - receiver->first_us >= BEGIN_US ? incoming : 0;
    } else if (receiver->over_us > receiver->step_us - BUCKET_US) {
        receiver->fell = 0.85 * incoming < bps;
        bps = MIN(bps, 0.85 * incoming);
    } else if (now_us - receiver->over_us >= HOLD_US) {
        bps = MAX(bps, MIN(bps * STEP, 1.5 * incoming + 10000));
    }
    receiver->bps = (uint64_t)bps;
}

static void advance(struct remb_receiver *receiver, int64_t now_us)
{
    for (; receiver->step_us + BUCKET_US <= now_us; receiver->step_us += BUCKET_US) {
        step(receiver, receiver->step_us + BUCKET_US);
        receiver->bytes[(receiver->step_us / BUCKET_US + 1) % REMB_RECEIVER_BUCKETS] = 0;
    }
}

void remb_receiver_add(struct remb_receiver *receiver, int64_t now_us, const uint8_t *data,
                       size_t len)
{
    uint8_t header[MEDIA_CLIENT_PACKET];
    struct rtp_exts exts;
    size_t payload = media_client_read_exts(&exts, header, data, len) - RTPSEC_RTP_OVERHEAD;
    if ((data[1] & 0x7f) == MEDIA_OPUS) {
        return;
    }
    int64_t delay = delay_us(now_us, exts.value[RTP_EXT_ABS_SEND_TIME]);
    if (receiver->first_us == 0) {
        receiver->first_us = now_us;
        receiver->step_us = now_us / BUCKET_US * BUCKET_US;
        receiver->least_us = delay;
    }
    advance(receiver, now_us);
    receiver->least_us = MIN(receiver->least_us, delay);
    if (delay > receiver->least_us + LONG_US) {
        receiver->over_us = now_us;
    }
    receiver->bytes[now_us / BUCKET_US % REMB_RECEIVER_BUCKETS] += (uint32_t)payload;
}

bool remb_receiver_due(struct remb_receiver *receiver, int64_t now_us, uint64_t *bps)
{
    if (receiver->first_us == 0) {
        return false;
    }
    advance(receiver, now_us);
    bool due = receiver->fell || now_us - receiver->told_us >= TELL_US;
    if (receiver->bps == 0 || !due) {
        return false;
    }
    receiver->fell = false;
    receiver->told_us = now_us;
    *bps = receiver->bps;
    return true;
}
