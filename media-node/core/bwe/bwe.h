/* SPDX-License-Identifier: Apache-2.0
 *
 * Bandwidth towards one subscriber: how fast its transport may be fed. One estimator a transport,
 * without IO, under the caller's time.
 *
 * Which file follows what:
 *
 * - groups.c: inter-group delay variation, draft-ietf-rmcat-gcc-02 §5.1 and §5.2 (groups of 5 ms,
 *   bursts of a path that had stopped merged).
 * - trend.c: over-use, by §5.4's adaptive threshold on the slope of a regression line over the
 *   delay (Carlucci et al., "Congestion Control for Web Real-Time Communication", IEEE/ACM ToN
 *   25(5), 2017; libwebrtc's way) in place of §5.3's Kalman filter, which libwebrtc dropped too.
 * - aimd.c: rate control, §5.5, additive near the last known capacity; on a contended path the
 *   growth of Reno (RFC 5681 §3.1).
 * - drain.c: a queue that stands, by delay over its least as in LEDBAT (RFC 6817), and whether it
 *   is held by somebody else, as Copa asks (Arun and Balakrishnan, NSDI 2018).
 * - loss.c: in place of §6's two thresholds the likelihood of a model with inherent loss, as in
 *   libwebrtc's loss-based v2, so that random loss is not congestion. Ours: the inherent part has a
 *   closed form.
 * - probe.c: packet trains as libwebrtc's, but two at a time: a round trip gains a factor of 6, the
 *   next ones 4; libwebrtc's gain 2 from the second on.
 * - trial.c: without transport-cc, where the receiver's own estimate (REMB,
 *   draft-alvestrand-rmcat-remb-03) is followed instead: rounds of sending more than there is to
 *   send, for REMB follows what is sent.
 * - meter.c: what was sent and what arrived over half a second. Application-limited is a transport
 *   that sends under 65 % of its estimate (libwebrtc's threshold, on a plain window).
 *
 * Left out: SCReAM (RFC 8298) and NADA (RFC 8698), for they want their own feedback or one-way
 * delay and no browser steers by them; a congestion window (libwebrtc's is off by default); RFC
 * 8888 feedback and ECN, which no client offers; coupling of several transports (RFC 8699); trains
 * above the estimate where a client has no transport-cc, for its REMB follows what is sent; and
 * without it, silence: reports of sound come once in 5 s.
 * After an idle time the old estimate stands: probes correct it within seconds.
 *
 * The order of things: bwe_sent() for every packet that carries a transport-wide number, all inputs
 * as they come, bwe_expire() at bwe_deadline(), then bwe_poll() until false and bwe_estimate().
 *
 * Memory: under 2 KB, and 8 bytes for each packet of the last seconds, 256 to 8,192 packets, taken
 * when something is sent and given back 10 s after the last. Nothing is allocated per packet.
 */
#ifndef MEDIA_NODE_CORE_BWE_BWE_H
#define MEDIA_NODE_CORE_BWE_BWE_H

#include "common/base/base.h"
#include "media-node/core/rtp/rtcp.h"

#define BWE_START_BPS 300000u
#define BWE_MIN_BPS   40000u
#define BWE_MAX_BPS   50000000u

struct bwe; /* opaque outside core/bwe */

struct bwe_config {
    uint32_t start_bps; /* first estimate; 0: BWE_START_BPS */
    uint32_t min_bps;   /* 0: BWE_MIN_BPS */
    uint32_t max_bps;   /* 0: BWE_MAX_BPS */
    bool transport_cc;  /* negotiated; else receiver reports and REMB are all there is */
};

struct bwe *bwe_new(const struct bwe_config *config, int64_t now_us);
void bwe_free(struct bwe *bwe);

/* ---- Inputs --------------------------------------------------------------------------------- */

struct bwe_packet {
    uint16_t seq;  /* transport-wide; the first may be any, then rising (asserted); gaps are packets
                      that were never sent */
    uint16_t size; /* bytes from the IP header on, for trains may be of small packets */
    uint8_t probe; /* id of the cluster it belongs to, 0 none */
    bool untaken;  /* of a stream that the receiver may drop for want of its description: if it is
                      told lost, that says nothing of the path */
};

/* The hot path: a packet left. Without transport-cc seq is of no matter. */
void bwe_sent(struct bwe *bwe, int64_t now_us, const struct bwe_packet *packet);

/* Transport-cc feedback. Bounded whatever it says: arrivals can't lift the estimate above 1.25
 * times what was sent, numbers never sent are counted and ignored, and no more statuses are read
 * than the history can hold. */
void bwe_feedback(struct bwe *bwe, int64_t now_us, const struct rtcp_twcc *twcc);

/* The loss that receiver reports tell of, all streams of one compound added up, since the last one.
 * Ignored with transport-cc, which knows better. */
struct bwe_loss {
    uint32_t expected; /* packets */
    uint32_t lost;     /* of these */
};
void bwe_report(struct bwe *bwe, int64_t now_us, struct bwe_loss loss);

/* The receiver's own estimate (REMB): an upper bound for the next 5 s. Without transport-cc the
 * estimate follows it both ways, up to what an honest receiver can know: 1.5 times what was sent.
 */
void bwe_remb(struct bwe *bwe, int64_t now_us, uint64_t bps);

/* Round-trip time by a receiver report. Until told: taken from the feedback. */
void bwe_rtt(struct bwe *bwe, int64_t now_us, int64_t rtt_us);

/* What the subscriber would get if there were no limit (struct allocator_sum), probing goes up to
 * it. 0, and so at the start: nothing is to be sent, so nothing is probed. */
void bwe_wanted(struct bwe *bwe, int64_t now_us, uint32_t bps);

/* Without transport-cc: what is tried for. */
struct bwe_step {
    uint32_t bps; /* an estimate at which more would be sent (struct allocator_sum); 0: none */
    bool padding; /* clusters can be filled; else the step is tried itself */
};
void bwe_next(struct bwe *bwe, int64_t now_us, const struct bwe_step *step);

void bwe_expire(struct bwe *bwe, int64_t now_us);
int64_t bwe_deadline(const struct bwe *bwe); /* or TIME_NEVER: an idle transport needs no timer */

/* ---- Outputs -------------------------------------------------------------------------------- */

/* A cluster to send: from now on at rate_bps, media included, filled up with RTX of what was sent
 * lately or with padding, until both bytes and packets_min are reached. Mark every packet of it. To
 * be begun by deadline_us, else forgotten. Clusters are sent in the order they come. */
struct bwe_probe {
    uint8_t id;
    uint8_t packets_min;
    uint32_t rate_bps;
    uint32_t bytes;
    int64_t deadline_us;
};
bool bwe_poll(struct bwe *bwe, struct bwe_probe *out);

struct bwe_estimate {
    uint32_t target_bps;      /* for all of media, audio, repair; by REMB, for what that tells of */
    uint32_t pacing_bps;      /* 2.5 times that: key frames spread, but not for long (gcc §4) */
    bool application_limited; /* so little is sent that the path shows nothing of its limit */
    int64_t reached_us;       /* what left later has not arrived yet, or is lost; 0: unknown */
    bool overused;            /* a queue is growing somewhere: keep probes and repeats back */
};
struct bwe_estimate bwe_estimate(const struct bwe *bwe);

/* Whether feedback told that the packet of this number came, lately. */
bool bwe_arrived(struct bwe *bwe, uint16_t seq);

/* For statistics and tests. */
struct bwe_stats {
    uint32_t delay_bps; /* what delay, loss and REMB allow, each; UINT32_MAX: no limit */
    uint32_t loss_bps;
    uint32_t remb_bps;
    uint32_t sent_bps;
    uint32_t acked_bps; /* arrived; 0 unknown */
    int64_t rtt_us;     /* 0 unknown */
    int64_t queue_us;   /* on the way, above the least of the last 15 to 30 s */
    bool contended;     /* that queue is held by somebody else */
    uint64_t feedbacks;
    uint64_t feedbacks_refused; /* not negotiated */
    uint64_t unknown;           /* statuses of numbers not in the history */
    uint64_t silences;          /* times the estimate was cut because no feedback came */
    uint64_t probes;
    uint64_t probes_failed; /* not all sent, or not reported on */
    size_t memory;          /* bytes held now */
};
void bwe_stats(const struct bwe *bwe, struct bwe_stats *out);

#endif
