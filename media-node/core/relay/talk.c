/* SPDX-License-Identifier: Apache-2.0
 *
 * RTCP over the trunk: pings, and compounds for others to fill.
 *
 * A ping is 28 bytes: our clock, the clock of the last ping that came, how long ago it came, all in
 * microseconds (the last in 32 bits), and the count of RTP packets sent. One that came without an
 * earlier one of ours has a zero as the echo.
 */
#include "media-node/core/relay/private.h"

#define NAME_HEAD 0x53505759u /* "SPWY" */
#define PING_LEN  28

/* ---- Round-trip time and loss ---------------------------------------------------------------- */

/* RFC 6298 §2, without its lower bound: nothing here is as coarse as its clocks. */
static void take_sample(struct relay *relay, int64_t rtt_us)
{
    if (relay->srtt_us == 0) {
        relay->srtt_us = rtt_us;
        relay->rttvar_us = rtt_us / 2;
        return;
    }
    int64_t off_us = relay->srtt_us - rtt_us;
    off_us = off_us < 0 ? -off_us : off_us;
    relay->rttvar_us += (off_us - relay->rttvar_us) / 4;
    relay->srtt_us = MAX(relay->srtt_us + (rtt_us - relay->srtt_us) / 8, 1);
}

static void note_least(struct relay *relay, int64_t now_us, int64_t rtt_us)
{
    if (now_us - relay->least_since_us >= RELAY_LEAST_US) {
        relay->least_us[1] = relay->least_us[0];
        relay->least_us[0] = TIME_NEVER;
        relay->least_since_us = now_us;
    }
    relay->least_us[0] = MIN(relay->least_us[0], rtt_us);
}

static void take_echo(struct relay *relay, int64_t arrival_us, uint64_t echo, uint32_t delay_us)
{
    int64_t rtt_us = (int64_t)((uint64_t)arrival_us - echo) - delay_us;
    if (echo == 0 || echo <= relay->echoed || echo > (uint64_t)arrival_us || rtt_us < 0) {
        return;
    }
    relay->echoed = echo;
    take_sample(relay, MAX(rtt_us, 1));
    note_least(relay, arrival_us, rtt_us);
}

/* A count below the last one: the other end's trunk was made anew. */
static void take_sent(struct relay *relay, uint64_t sent)
{
    if (relay->pinged && sent >= relay->their_sent) {
        relay->sent_since += sent - relay->their_sent;
        relay->got_since += relay->rtp_in - relay->got_then;
    }
    relay->their_sent = sent;
    relay->got_then = relay->rtp_in;
}

static void take_ping(struct relay *relay, int64_t arrival_us, const uint8_t *ping)
{
    uint64_t clock = be64_get(ping);
    if (relay->pinged && clock == relay->their_clock) {
        return; /* the same under other keys */
    }
    take_echo(relay, arrival_us, be64_get(ping + 8), be32_get(ping + 16));
    take_sent(relay, be64_get(ping + 20));
    relay->pinged = true;
    relay->their_clock = clock;
    relay->pinged_us = arrival_us;
}

int64_t relay_rto_us(const struct relay *relay)
{
    return relay->srtt_us == 0 ? 0 : relay->srtt_us + 4 * relay->rttvar_us;
}

int64_t relay_rtt_us(const struct relay *relay)
{
    return relay->srtt_us;
}

bool relay_silent(const struct relay *relay, int64_t now_us)
{
    return relay->heard_us >= relay->made_us && now_us - relay->heard_us >= RELAY_SILENT_US;
}

struct relay_report relay_report(struct relay *relay)
{
    struct relay_report report = relay->totals;
    report.rtt_us = (uint32_t)MIN(relay->srtt_us, UINT32_MAX);
    int64_t least_us = MIN(relay->least_us[0], relay->least_us[1]);
    report.queue_us = report.rtt_us - (uint32_t)MIN(report.rtt_us, least_us);
    if (relay->sent_since > relay->got_since) {
        report.lost_permille =
            (uint32_t)((relay->sent_since - relay->got_since) * 1000 / relay->sent_since);
    }
    relay->sent_since = 0;
    relay->got_since = 0;
    return report;
}

/* ---- In -------------------------------------------------------------------------------------- */

static void read_pings(struct relay *relay, int64_t arrival_us, struct rtcp_iter iter)
{
    struct rtcp_packet packet;
    uint32_t name;
    struct bytes data;
    while (rtcp_next(&iter, &packet)) {
        if (packet.type == RTCP_APP && rtcp_read_app(&packet, &name, &data) == 0 &&
            name == NAME_HEAD && data.len == PING_LEN) {
            take_ping(relay, arrival_us, data.data);
        }
    }
}

int relay_rtcp(struct relay *relay, int64_t now_us, uint8_t *data, size_t len, int64_t waited_us,
               struct rtcp_iter *out)
{
    struct counters *counters = relay->config.counters;
    relay->totals.packets_in++;
    relay->totals.bytes_in += len;
    counters->relay_bytes_in += len;
    if (len < RTCP_HEADER_LEN || data[1] != RTCP_APP) {
        counters->drop_trunk_malformed++;
        return ERR_INVALID;
    }
    struct keys *keys = relay_find_keys(relay, data[0] & SUBTYPE_MASK, SUBTYPE_MASK);
    if (keys == NULL) {
        counters->drop_trunk_keys++;
        return ERR_NOT_FOUND;
    }
    int err = rtpsec_unprotect_rtcp(keys->sec, data, &len);
    if (err != 0) {
        bool replay = err == ERR_REPLAY || err == ERR_STALE;
        counters->drop_trunk_replay += replay;
        counters->drop_trunk_auth += !replay;
        return err;
    }
    relay_heard(relay, now_us, keys);
    err = rtcp_begin(out, data, len);
    if (err != 0) {
        counters->drop_trunk_malformed++;
        return err;
    }
    read_pings(relay, now_us - waited_us, *out);
    return 0;
}

/* ---- Out ------------------------------------------------------------------------------------- */

static bool begin(struct relay *relay, const struct keys *keys, struct bytes ping,
                  struct rtcp_writer *writer)
{
    uint8_t *slot = relay_reserve(relay);
    if (slot == NULL) {
        return false;
    }
    *writer = (struct rtcp_writer){.data = slot, .cap = RTCP_OUT_MAX};
    const struct rtcp_app head = {.ssrc = keys->rtcp_ssrc,
                                  .name = NAME_HEAD,
                                  .subtype = (uint8_t)(keys->generation & SUBTYPE_MASK),
                                  .data = ping};
    int err = rtcp_write_app(writer, &head);
    assert(err == 0);
    return true;
}

static void end(struct relay *relay, const struct keys *keys, const struct rtcp_writer *writer)
{
    size_t len = writer->len;
    if (rtpsec_protect_rtcp(keys->sec, writer->data, &len) != 0) {
        relay->config.counters->drop_send_protect++;
        return;
    }
    relay_commit(relay, len);
}

bool relay_rtcp_begin(struct relay *relay, struct rtcp_writer *writer, uint32_t *ssrc)
{
    if (!begin(relay, relay->sending, (struct bytes){0}, writer)) {
        return false;
    }
    *ssrc = relay->sending->rtcp_ssrc;
    return true;
}

void relay_rtcp_end(struct relay *relay, struct rtcp_writer *writer)
{
    end(relay, relay->sending, writer);
}

static void send_ping(struct relay *relay, int64_t now_us, const struct keys *keys)
{
    uint8_t ping[PING_LEN] = {0};
    struct rtcp_writer writer;
    be64_put(ping, (uint64_t)now_us);
    if (relay->pinged) {
        be64_put(ping + 8, relay->their_clock);
        be32_put(ping + 16, (uint32_t)MIN(now_us - relay->pinged_us, UINT32_MAX));
    }
    be64_put(ping + 20, relay->rtp_out);
    if (begin(relay, keys, (struct bytes){ping, sizeof(ping)}, &writer)) {
        end(relay, keys, &writer);
    }
}

void relay_expire(struct relay *relay, int64_t now_us)
{
    if (now_us < relay->ping_at_us) {
        return;
    }
    relay->ping_at_us = now_us + (relay_ports(relay) > 0 ? RELAY_PING_US : RELAY_PING_IDLE_US);
    relay_measure(relay, now_us);
    if (relay->sending == NULL) {
        return;
    }
    send_ping(relay, now_us, relay->sending);
    if (relay->newest != relay->sending) {
        send_ping(relay, now_us, relay->newest);
    }
}

int64_t relay_deadline(const struct relay *relay)
{
    return MIN(relay->ping_at_us, pacer_deadline(&relay->pacer));
}
