/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/bench/load/receiver.h"

#include "media-node/core/rtp/payload.h"
#include "tests/bench/load/source.h"
#include "tests/bench/load/stamp.h"

#include <stdio.h>
#include <stdlib.h>

#define REPORT_US    TIME_S(1)
#define REPORTS_MAX  31 /* blocks in one packet */
#define NACK_US      TIME_MS(100)
#define NACKS_MAX    10 /* for one packet, as libwebrtc */
#define MISSING_MAX  64
#define PLI_US       TIME_MS(500)
#define CC_US        TIME_MS(100)
#define CC_WINDOW    1024
#define CC_COUNT_MAX 512 /* statuses in one feedback packet */

struct missing {
    uint16_t seq;
    int tries;
    int64_t due_us;
};

/* What comes with one mid. */
struct inlet {
    bool mapped;
    enum scene_kind kind;
    int publisher;   /* -1: unknown */
    uint32_t ssrc;   /* newest; 0: none yet */
    uint32_t cycles; /* of its sequence numbers, << 16 */
    uint16_t seq_max;
    uint16_t seq_first;
    uint32_t packets;
    uint8_t stream;     /* of the newest packet */
    uint32_t sr_middle; /* of its last sender report */
    int64_t sr_us;
    struct missing missing[MISSING_MAX];
    size_t missing_count;
    bool key_wanted;
    int64_t pli_us; /* when the last one left */
};

/* How a packet came: by RTX, right behind the newest one, behind a gap, or after its time. */
enum place { REPAIR, NEXT, BEHIND_GAP, LATE };

struct receiver {
    struct scene *scene;
    struct transport *transport;
    struct scene_node *node;
    uint32_t ssrc;        /* of our RTCP */
    struct inlet *inlets; /* by mid */
    size_t inlet_count;
    struct receiver_track *tracks[SCENE_PUBLISHERS_MAX][SCENE_KINDS];
    struct receiver_stats stats;
    int64_t report_us; /* when the next ones are due */
    int64_t cc_us;
    bool cc_started;
    uint16_t cc_base; /* the next to be reported */
    uint16_t cc_end;  /* behind the newest */
    uint8_t cc_count;
    uint32_t cc_ssrc;
    int64_t cc_arrival_us[CC_WINDOW];
};

struct receiver *receiver_new(struct scene *scene, struct transport *transport, struct prng *prng)
{
    struct receiver *receiver = mem_alloc(sizeof(*receiver));
    receiver->scene = scene;
    receiver->transport = transport;
    receiver->ssrc = (uint32_t)prng_next(prng) | 1;
    return receiver;
}

void receiver_free(struct receiver *receiver)
{
    if (receiver == NULL) {
        return;
    }
    for (size_t i = 0; i < SCENE_PUBLISHERS_MAX; i++) {
        free(receiver->tracks[i][SCENE_AUDIO]);
        free(receiver->tracks[i][SCENE_VIDEO]);
    }
    free(receiver->inlets);
    free(receiver);
}

void receiver_map(struct receiver *receiver, size_t mid, enum scene_kind kind, int publisher)
{
    while (mid >= receiver->inlet_count) {
        receiver->inlets =
            mem_grow(receiver->inlets, receiver->inlet_count + 1, sizeof(*receiver->inlets));
        receiver->inlets[receiver->inlet_count++] = (struct inlet){0};
    }
    struct inlet *inlet = &receiver->inlets[mid];
    inlet->mapped = true;
    inlet->kind = kind;
    inlet->publisher = publisher;
}

const struct receiver_stats *receiver_stats(const struct receiver *receiver)
{
    return &receiver->stats;
}

/* ---- Accounts -------------------------------------------------------------------------------- */

static struct receiver_track *track_of(struct receiver *receiver, uint16_t publisher,
                                       enum scene_kind kind)
{
    struct receiver_track **slot = &receiver->tracks[publisher][kind];
    if (*slot == NULL) {
        *slot = mem_alloc(sizeof(**slot));
        if (receiver->scene->begin_us != TIME_NEVER) {
            account_init(&(*slot)->account, receiver->scene->begin_us);
        }
    }
    return *slot;
}

const struct receiver_track *receiver_track(const struct receiver *receiver, uint16_t publisher,
                                            enum scene_kind kind)
{
    return receiver->tracks[publisher][kind];
}

struct scene_node *receiver_node(const struct receiver *receiver)
{
    return receiver->node;
}

void receiver_begin(struct receiver *receiver, struct scene_node *node)
{
    receiver->node = node;
    for (size_t i = 0; i < SCENE_PUBLISHERS_MAX; i++) {
        for (size_t kind = 0; kind < SCENE_KINDS; kind++) {
            if (receiver->tracks[i][kind] != NULL) {
                account_init(&receiver->tracks[i][kind]->account, receiver->scene->begin_us);
            }
        }
    }
}

void receiver_end(struct receiver *receiver)
{
    for (size_t i = 0; i < SCENE_PUBLISHERS_MAX; i++) {
        for (size_t kind = 0; kind < SCENE_KINDS; kind++) {
            if (receiver->tracks[i][kind] != NULL) {
                account_end(&receiver->tracks[i][kind]->account, receiver->scene->end_us);
            }
        }
    }
}

static void note_delay(struct receiver *receiver, enum scene_kind kind, int64_t delay_us)
{
    histogram_add(&receiver->scene->delay[kind], delay_us);
    if (receiver->node != NULL) {
        histogram_add(&receiver->node->delay[kind], delay_us);
    }
}

static void keep_account(struct receiver *receiver, const struct stamp *stamp, enum place place,
                         int64_t arrival_us)
{
    struct scene *scene = receiver->scene;
    enum scene_kind kind = stamp->stream == 0 ? SCENE_AUDIO : SCENE_VIDEO;
    struct receiver_track *track = track_of(receiver, stamp->publisher, kind);
    bool counts = scene_counts(scene, stamp->sent_us);
    if (kind == SCENE_VIDEO && stamp->stream != scene->wanted) {
        track->other_layers += counts;
        return;
    }
    track->flows = true;
    if (place == REPAIR && account_has(&track->account, stamp->counter)) {
        receiver->stats.spare++; /* the packet and our NACK for it have crossed */
    } else if (counts) {
        account_add(&track->account, stamp->counter, arrival_us);
        note_delay(receiver, kind, arrival_us - stamp->sent_us);
    }
}

/* ---- Numbers --------------------------------------------------------------------------------- */

static void forget_missing(struct inlet *inlet, uint16_t seq)
{
    for (size_t i = 0; i < inlet->missing_count; i++) {
        if (inlet->missing[i].seq == seq) {
            inlet->missing[i] = inlet->missing[--inlet->missing_count];
            return;
        }
    }
}

static void begin_ssrc(struct inlet *inlet, uint32_t ssrc, uint16_t seq)
{
    inlet->ssrc = ssrc;
    inlet->cycles = 0;
    inlet->seq_first = seq;
    inlet->seq_max = (uint16_t)(seq - 1);
    inlet->packets = 0;
    inlet->sr_middle = 0;
    inlet->missing_count = 0;
}

static void miss(struct inlet *inlet, uint16_t seq)
{
    if (inlet->missing_count == MISSING_MAX) { /* too many for NACK: begin anew */
        inlet->missing_count = 0;
        inlet->key_wanted = true;
    }
    inlet->missing[inlet->missing_count++] = (struct missing){.seq = seq};
}

static enum place take_number(struct inlet *inlet, const struct rtp_view *packet, bool lossy)
{
    if (packet->ssrc != inlet->ssrc) {
        begin_ssrc(inlet, packet->ssrc, packet->seq);
    }
    int distance = seq_diff(packet->seq, inlet->seq_max);
    inlet->packets++;
    if (distance <= 0) {
        forget_missing(inlet, packet->seq);
        return LATE;
    }
    if (inlet->kind == SCENE_VIDEO && distance <= MISSING_MAX) {
        for (uint16_t seq = (uint16_t)(inlet->seq_max + 1); seq != packet->seq; seq++) {
            miss(inlet, seq);
        }
    } else if (inlet->kind == SCENE_VIDEO) {
        inlet->key_wanted = true;
    }
    inlet->cycles += packet->seq < inlet->seq_max && distance > 0 ? 1 << 16 : 0;
    inlet->seq_max = packet->seq;
    bool surely = inlet->packets > 1 || !lossy; /* else the first ones may be lost */
    return distance == 1 && surely ? NEXT : BEHIND_GAP;
}

static void note_cc(struct receiver *receiver, uint16_t number, int64_t arrival_us)
{
    if (!receiver->cc_started) {
        receiver->cc_started = true;
        receiver->cc_base = receiver->cc_end = number;
    }
    if (seq_less(number, receiver->cc_base)) {
        return; /* reported as lost already */
    }
    if ((uint16_t)(number - receiver->cc_base) >= CC_WINDOW) {
        receiver->cc_base = receiver->cc_end = number;
    }
    while (!seq_less(number, receiver->cc_end)) {
        receiver->cc_arrival_us[receiver->cc_end++ % CC_WINDOW] = RTCP_NOT_RECEIVED;
    }
    receiver->cc_arrival_us[number % CC_WINDOW] = arrival_us;
}

/* ---- Packets --------------------------------------------------------------------------------- */

static struct inlet *inlet_of(struct receiver *receiver, struct bytes mid)
{
    size_t number = 0;
    for (size_t i = 0; i < mid.len; i++) {
        if (mid.data[i] < '0' || mid.data[i] > '9' || number > OFFER_SECTIONS_MAX) {
            return NULL;
        }
        number = 10 * number + (size_t)(mid.data[i] - '0');
    }
    if (mid.len == 0 || number >= receiver->inlet_count || !receiver->inlets[number].mapped) {
        return NULL;
    }
    return &receiver->inlets[number];
}

static bool is_plausible(const struct inlet *inlet, const struct stamp *stamp)
{
    enum scene_kind kind = stamp->stream == 0 ? SCENE_AUDIO : SCENE_VIDEO;
    return kind == inlet->kind && (inlet->publisher < 0 || inlet->publisher == stamp->publisher);
}

static void note_strange(struct receiver *receiver, const struct rtp_view *packet, const char *why)
{
    if (receiver->stats.strange++ == 0) {
        snprintf(receiver->stats.strange_first, RECEIVER_STRANGE_MAX,
                 "%s, ssrc %08x, payload type %u, %zu bytes", why, (unsigned)packet->ssrc,
                 (unsigned)packet->pt, packet->payload.len);
    }
}

static void take_payload(struct receiver *receiver, struct inlet *inlet,
                         const struct rtp_view *packet, struct bytes payload, enum place place,
                         int64_t arrival_us)
{
    struct stamp stamp;
    struct rtp_vp8 vp8 = {0};
    if (stamp_read(&stamp, payload) != 0 || stamp.publisher >= SCENE_PUBLISHERS_MAX ||
        stamp.stream >= SOURCE_STREAMS_MAX ||
        (inlet->kind == SCENE_VIDEO && rtp_vp8_parse(&vp8, payload) != 0)) {
        note_strange(receiver, packet, "no media of ours");
        return;
    }
    if (!is_plausible(inlet, &stamp)) {
        receiver->stats.misrouted++;
        return;
    }
    if (place == NEXT && inlet->kind == SCENE_VIDEO && stamp.stream != inlet->stream) {
        receiver->stats.undecodable += !(vp8.start && vp8.key);
    }
    if (place == NEXT || place == BEHIND_GAP) {
        inlet->stream = stamp.stream;
    }
    keep_account(receiver, &stamp, place, arrival_us);
}

static void take_repair(struct receiver *receiver, struct inlet *inlet,
                        const struct rtp_view *packet, int64_t arrival_us)
{
    if (packet->payload.len <= 2) { /* a probe */
        return;
    }
    receiver->stats.repaired++;
    forget_missing(inlet, be16_get(packet->payload.data));
    take_payload(receiver, inlet, packet,
                 (struct bytes){packet->payload.data + 2, packet->payload.len - 2}, REPAIR,
                 arrival_us);
}

void receiver_take_rtp(struct receiver *receiver, const struct rtp_view *packet, int64_t arrival_us)
{
    struct rtp_exts exts;
    rtp_exts_read(&exts, packet, &offer_exts);
    struct inlet *inlet = inlet_of(receiver, exts.value[RTP_EXT_MID]);
    receiver->stats.packets++;
    receiver->stats.bytes += packet->payload.len;
    if (receiver->stats.first_us == 0) {
        receiver->stats.first_us = arrival_us;
    }
    if (inlet == NULL) {
        struct bytes mid = exts.value[RTP_EXT_MID];
        char why[32];
        snprintf(why, sizeof(why), "mid \"%.*s\"", (int)mid.len, (const char *)mid.data);
        note_strange(receiver, packet, why);
        return;
    }
    if (exts.value[RTP_EXT_TRANSPORT_CC].data != NULL) {
        receiver->cc_ssrc = packet->ssrc;
        note_cc(receiver, be16_get(exts.value[RTP_EXT_TRANSPORT_CC].data), arrival_us);
    }
    if (inlet->kind == SCENE_VIDEO && packet->pt == OFFER_VP8_RTX) {
        take_repair(receiver, inlet, packet, arrival_us);
        return;
    }
    if (packet->pt != (inlet->kind == SCENE_VIDEO ? OFFER_VP8 : OFFER_OPUS)) {
        note_strange(receiver, packet, "another codec");
        return;
    }
    enum place place = take_number(inlet, packet, receiver->scene->lossy);
    if (packet->payload.len > 0) { /* else a probe */
        take_payload(receiver, inlet, packet, packet->payload, place, arrival_us);
    }
}

void receiver_take_rtcp(struct receiver *receiver, const struct rtcp_packet *packet,
                        int64_t arrival_us)
{
    struct rtcp_sr sr;
    if (packet->type != RTCP_SR || rtcp_read_sr(packet, &sr) != 0) {
        return;
    }
    for (size_t i = 0; i < receiver->inlet_count; i++) {
        if (receiver->inlets[i].ssrc == packet->ssrc) {
            receiver->inlets[i].sr_middle = rtcp_ntp_middle(sr.ntp);
            receiver->inlets[i].sr_us = arrival_us;
        }
    }
}

/* ---- Feedback -------------------------------------------------------------------------------- */

static void send_compound(struct receiver *receiver, const struct rtcp_writer *writer)
{
    if (writer->len > 0) {
        transport_send_rtcp(receiver->transport, (struct bytes){writer->data, writer->len});
    }
}

static struct rtcp_report report_of(const struct inlet *inlet, int64_t now_us)
{
    uint32_t high = inlet->cycles + inlet->seq_max;
    int64_t lost = (int64_t)high - inlet->seq_first + 1 - inlet->packets;
    int64_t since_us = now_us - inlet->sr_us;
    return (struct rtcp_report){
        .ssrc = inlet->ssrc,
        .seq_high = high,
        .lost = (int32_t)MAX(lost, 0),
        .lsr = inlet->sr_middle,
        .dlsr = inlet->sr_middle == 0 ? 0 : (uint32_t)(since_us * 65536 / TIME_S(1)),
    };
}

static void send_reports(struct receiver *receiver, int64_t now_us)
{
    struct rtcp_report reports[REPORTS_MAX];
    uint8_t data[RTCP_OUT_MAX];
    size_t i = 0;
    do { /* an empty one, too: it says that we live */
        size_t count = 0;
        for (; i < receiver->inlet_count && count < REPORTS_MAX; i++) {
            if (receiver->inlets[i].ssrc != 0) {
                reports[count++] = report_of(&receiver->inlets[i], now_us);
            }
        }
        struct rtcp_writer writer = {.data = data, .cap = sizeof(data)};
        int err = rtcp_write_rr(&writer, receiver->ssrc, reports, count);
        assert(err == 0);
        send_compound(receiver, &writer);
    } while (i < receiver->inlet_count);
}

static int by_seq(const void *a, const void *b)
{
    return seq_diff(*(const uint16_t *)a, *(const uint16_t *)b);
}

/* Numbers to ask for now; what was asked for often enough is given up. */
static size_t collect_missing(struct inlet *inlet, int64_t now_us, uint16_t seqs[MISSING_MAX])
{
    size_t count = 0;
    for (size_t i = inlet->missing_count; i-- > 0;) {
        struct missing *missing = &inlet->missing[i];
        if (missing->due_us > now_us) {
            continue;
        }
        if (missing->tries == NACKS_MAX) {
            *missing = inlet->missing[--inlet->missing_count];
            inlet->key_wanted = true;
            continue;
        }
        missing->tries++;
        missing->due_us = now_us + NACK_US;
        seqs[count++] = missing->seq;
    }
    qsort(seqs, count, sizeof(seqs[0]), by_seq);
    return count;
}

static void ask_again(struct receiver *receiver, struct inlet *inlet, int64_t now_us)
{
    uint8_t data[RTCP_OUT_MAX];
    uint16_t seqs[MISSING_MAX];
    struct rtcp_writer writer = {.data = data, .cap = sizeof(data)};
    struct rtcp_feedback about = {.sender_ssrc = receiver->ssrc, .media_ssrc = inlet->ssrc};
    size_t count = collect_missing(inlet, now_us, seqs);
    if (count > 0 && rtcp_write_nack(&writer, about, seqs, count) == 0) {
        receiver->stats.nacked += count;
    }
    if (inlet->key_wanted && now_us - inlet->pli_us >= PLI_US &&
        rtcp_write_pli(&writer, about) == 0) {
        inlet->key_wanted = false;
        inlet->pli_us = now_us;
        receiver->stats.plis++;
    }
    send_compound(receiver, &writer);
}

static void send_cc(struct receiver *receiver)
{
    uint8_t data[RTCP_OUT_MAX];
    int64_t arrivals[CC_COUNT_MAX];
    struct rtcp_writer writer = {.data = data, .cap = sizeof(data)};
    struct rtcp_feedback about = {.sender_ssrc = receiver->ssrc, .media_ssrc = receiver->cc_ssrc};
    size_t count = (uint16_t)(receiver->cc_end - receiver->cc_base);
    count = MIN(count, CC_COUNT_MAX);
    bool any = false;
    for (size_t i = 0; i < count; i++) {
        arrivals[i] = receiver->cc_arrival_us[(receiver->cc_base + i) % CC_WINDOW];
        any |= arrivals[i] != RTCP_NOT_RECEIVED;
    }
    size_t covered = count;
    if (any) {
        struct rtcp_arrivals what = {.arrival_us = arrivals,
                                     .count = count,
                                     .base_seq = receiver->cc_base,
                                     .feedback_count = receiver->cc_count++};
        if (rtcp_write_twcc(&writer, about, &what, &covered) != 0) {
            covered = count;
        }
    }
    receiver->cc_base = (uint16_t)(receiver->cc_base + covered);
    send_compound(receiver, &writer);
}

void receiver_tick(struct receiver *receiver, int64_t now_us)
{
    for (size_t i = 0; i < receiver->inlet_count; i++) {
        struct inlet *inlet = &receiver->inlets[i];
        if (inlet->ssrc != 0 && (inlet->missing_count > 0 || inlet->key_wanted)) {
            ask_again(receiver, inlet, now_us);
        }
    }
    if (now_us >= receiver->report_us) {
        send_reports(receiver, now_us);
        receiver->report_us = now_us + REPORT_US;
    }
    if (now_us >= receiver->cc_us) {
        send_cc(receiver);
        receiver->cc_us = now_us + CC_US;
    }
}
