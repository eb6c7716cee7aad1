/* SPDX-License-Identifier: Apache-2.0 */
#include "media-node/core/peer/peer.h"

#include "media-node/core/peer/sources.h"

#include <stdlib.h>

#define PADDING_BIT  0x20 /* of the first byte (RFC 3550 §5.1) */
#define ASK_PRIORITY 1    /* both ends know the path: neither is to prefer it for that */

struct peer {
    struct peer_config config;
    struct ice *ice;
    struct rtpsec *sec; /* NULL: no keys yet */
    struct peer_keys keys;
    struct peer_keys replaced; /* the keys before; RTPSEC_NONE: none */
    uint32_t key_generation;
    uint32_t rtcp_ssrc;
    struct sources sources;
    struct stream_arrivals *arrivals; /* taken with the first numbered packet */
    struct ice_path selected;
    struct ice_path dtls;
    bool has_selected;
    bool has_dtls;
    bool left;          /* the client was heard to have left */
    bool quiet;         /* see peer_set_quiet */
    int64_t learned_us; /* by then, as many may be learned at once as ever */
    uint32_t cc_ssrc;   /* of the last packet that had a transport-wide number */
    uint16_t cc_seq;    /* next transport-wide number to send */
    int64_t heard_us;   /* last SRTP or SRTCP, -1 never */
    /* the first packets sent since then, TIME_NEVER none: any, and one with a number */
    int64_t unanswered_us;
    int64_t unanswered_cc_us;
    struct ice_path asked; /* see peer_ask */
    int64_t asked_us;      /* TIME_NEVER: no answer is awaited */
};

/* ---- Whether the client is still here ------------------------------------------------------- */

static void expect_nothing(struct peer *peer)
{
    peer->unanswered_us = TIME_NEVER;
    peer->unanswered_cc_us = TIME_NEVER;
}

static void heard(struct peer *peer, int64_t now_us)
{
    peer->heard_us = now_us;
    peer->left = false;
    expect_nothing(peer);
}

static void sent(struct peer *peer, int64_t now_us, bool numbered)
{
    if (peer->heard_us < 0) {
        return;
    }
    peer->unanswered_us = MIN(peer->unanswered_us, now_us);
    if (numbered) {
        peer->unanswered_cc_us = MIN(peer->unanswered_cc_us, now_us);
    }
}

static bool unanswered_too_long(const struct peer *peer, int64_t now_us)
{
    return (peer->unanswered_us != TIME_NEVER &&
            now_us - peer->unanswered_us >= PEER_LEFT_REPORT_US) ||
           (peer->unanswered_cc_us != TIME_NEVER &&
            now_us - peer->unanswered_cc_us >= PEER_LEFT_FEEDBACK_US);
}

/* A check of the client authenticated: the moment to judge. */
static void judge_left(struct peer *peer, int64_t now_us, const struct stun_message *check)
{
    if (check->use_candidate) {
        peer->left = false;
        expect_nothing(peer);
    } else if (!peer->left && unanswered_too_long(peer, now_us)) {
        peer->left = true;
        peer->config.counters->transports_left++;
    }
}

int peer_new(struct peer **out, const struct peer_config *config)
{
    struct ice *ice;
    struct ice_config ice_config = {.credentials = config->credentials, .random = config->random};
    int err = ice_new(&ice, &ice_config);
    if (err != 0) {
        return err;
    }
    struct peer *peer = mem_alloc(sizeof(*peer));
    *peer = (struct peer){.config = *config, .ice = ice, .heard_us = -1, .asked_us = TIME_NEVER};
    expect_nothing(peer);
    peer->config.credentials = (struct ice_credentials){0}; /* the agent has copies */
    *out = peer;
    return 0;
}

void peer_free(struct peer *peer)
{
    ice_free(peer->ice);
    if (peer->sec != NULL) {
        rtpsec_free(peer->sec);
    }
    if (peer->arrivals != NULL) {
        stream_arrivals_free(peer->arrivals);
    }
    sources_fini(&peer->sources);
    explicit_bzero(&peer->keys, sizeof(peer->keys));
    explicit_bzero(&peer->replaced, sizeof(peer->replaced));
    free(peer);
}

/* ---- What the transport should be ----------------------------------------------------------- */

int peer_set_credentials(struct peer *peer, const struct ice_credentials *credentials)
{
    return ice_set_credentials(peer->ice, credentials);
}

void peer_set_exts(struct peer *peer, const struct rtp_ext_ids *exts)
{
    peer->config.exts = *exts;
}

const struct rtp_ext_ids *peer_exts(const struct peer *peer)
{
    return &peer->config.exts;
}

static bool same_keys(const struct peer_keys *a, const struct peer_keys *b)
{
    return a->suite == b->suite && memcmp(a->client, b->client, sizeof(a->client)) == 0 &&
           memcmp(a->server, b->server, sizeof(a->server)) == 0;
}

int peer_set_keys(struct peer *peer, const struct peer_keys *keys)
{
    size_t len = rtpsec_key_len(keys->suite);
    if (len == 0) {
        return ERR_INVALID;
    }
    if (same_keys(keys, &peer->keys)) {
        return 0;
    }
    if (same_keys(keys, &peer->replaced)) {
        return ERR_STALE;
    }
    struct rtpsec *sec;
    struct rtpsec_config config = {
        .suite = keys->suite, .receive_key = {keys->client, len}, .send_key = {keys->server, len}};
    int err = rtpsec_new(&sec, &config);
    if (err != 0) {
        return err;
    }
    if (peer->sec != NULL) {
        rtpsec_free(peer->sec);
    }
    peer->sec = sec;
    peer->replaced = peer->keys;
    peer->keys = *keys;
    peer->key_generation++;
    peer->config.random.fill(peer->config.random.arg, &peer->rtcp_ssrc, sizeof(peer->rtcp_ssrc));
    expect_nothing(peer);
    return 0;
}

void peer_ask(struct peer *peer, int64_t now_us)
{
    if (peer->has_selected && ice_check(peer->ice, now_us, &peer->selected, ASK_PRIORITY) == 0) {
        peer->asked = peer->selected;
        peer->asked_us = now_us;
    }
}

uint32_t peer_key_generation(const struct peer *peer)
{
    return peer->key_generation;
}

int peer_check(struct peer *peer, int64_t now_us, const struct ice_path *path, uint32_t priority)
{
    return ice_check(peer->ice, now_us, path, priority);
}

int peer_publish(struct peer *peer, const struct peer_track *track)
{
    return sources_publish(&peer->sources, track);
}

void peer_unpublish(struct peer *peer, uint32_t track)
{
    for (size_t i = 0; i < peer->sources.count && peer->sec != NULL; i++) {
        if (peer->sources.list[i].track == track) {
            rtpsec_forget(peer->sec, peer->sources.list[i].ssrc);
        }
    }
    sources_unpublish(&peer->sources, track);
}

const struct peer_source *peer_source_at(const struct peer *peer, size_t i)
{
    return i < peer->sources.count ? &peer->sources.list[i] : NULL;
}

/* ---- Input ---------------------------------------------------------------------------------- */

int peer_stun(struct peer *peer, int64_t now_us, const struct ice_path *path,
              const struct stun_message *message)
{
    int err = ice_receive(peer->ice, now_us, path, message);
    if (err == 0 && message->kind == STUN_REQUEST) {
        judge_left(peer, now_us, message);
    }
    return err;
}

static void note_media(struct peer *peer, int64_t now_us, const struct ice_path *path)
{
    heard(peer, now_us);
    ice_media(peer->ice, now_us, path);
}

static void count_rtp_error(struct counters *counters, int err)
{
    if (err == ERR_REPLAY || err == ERR_STALE) {
        counters->drop_rtp_replay++;
    } else {
        counters->drop_rtp_auth++;
    }
}

/* The header of a packet that is still encrypted. So is the length of its padding, if it has any:
 * nothing may be made of that yet. */
MUST_CHECK static int parse_sealed(struct rtp_view *out, uint8_t *data, size_t len)
{
    if (len < RTP_HEADER_LEN) {
        return ERR_TRUNCATED;
    }
    uint8_t first = data[0];
    data[0] = first & (uint8_t)~PADDING_BIT;
    int err = rtp_parse(out, data, len);
    data[0] = first; /* it is authenticated */
    return err;
}

static bool may_learn(const struct peer *peer, int64_t now_us)
{
    return peer->learned_us - now_us <= (PEER_LEARN_BURST - 1) * PEER_LEARN_US;
}

/* Finds out what the packet is before it is decrypted, so that an SSRC that maps to nothing costs
 * no cipher and no place among the sources. */
MUST_CHECK static int identify(struct peer *peer, int64_t now_us, const struct rtp_view *view,
                               const struct rtp_exts *exts, struct peer_rtp *out)
{
    const struct peer_source *known = sources_find(&peer->sources, view->ssrc);
    if (known != NULL) {
        out->source = *known;
        out->first = !known->arrived;
        return 0;
    }
    out->first = true;
    int err = sources_resolve(&peer->sources, view, exts, &out->source);
    return err == 0 && !may_learn(peer, now_us) ? ERR_FULL : err;
}

static void arrive(struct peer *peer, int64_t now_us, struct peer_rtp *rtp)
{
    rtp->source.arrived = true;
    rtp->source.pt = rtp->view.pt;
    struct peer_source *known = sources_find(&peer->sources, rtp->source.ssrc);
    if (known != NULL) {
        *known = rtp->source;
        return;
    }
    peer->learned_us = MAX(peer->learned_us, now_us) + PEER_LEARN_US;
    uint32_t gone = sources_learn(&peer->sources, &rtp->source);
    if (gone != 0) {
        rtpsec_forget(peer->sec, gone);
    }
}

static void number_arrived(struct peer *peer, int64_t arrival_us, uint32_t ssrc, struct bytes value)
{
    if (value.data == NULL) {
        return;
    }
    peer->cc_ssrc = ssrc;
    if (peer->arrivals == NULL) {
        peer->arrivals = stream_arrivals_new(arrival_us);
    }
    stream_arrivals_add(peer->arrivals, arrival_us, be16_get(value.data));
}

int peer_rtp(struct peer *peer, int64_t now_us, const struct ice_path *path,
             const struct peer_datagram *in, struct peer_rtp *out)
{
    uint8_t *data = in->data;
    size_t len = in->len;
    struct counters *counters = peer->config.counters;
    if (peer->sec == NULL) {
        counters->drop_no_keys++;
        return ERR_STATE;
    }
    struct rtp_view view;
    struct rtp_exts exts;
    int err = parse_sealed(&view, data, len);
    if (err != 0) {
        counters->drop_rtp_malformed++;
        return err;
    }
    rtp_exts_read(&exts, &view, &peer->config.exts);
    err = identify(peer, now_us, &view, &exts, out);
    if (err != 0) {
        counters->drop_rtp_source++;
        return err;
    }
    err = rtpsec_unprotect_rtp(peer->sec, data, &len);
    if (err != 0) {
        count_rtp_error(counters, err);
        return err;
    }
    err = rtp_parse(&out->view, data, len);
    if (err != 0) {
        counters->drop_rtp_malformed++;
        return err;
    }
    counters->rtp_in++;
    note_media(peer, now_us, path);
    number_arrived(peer, in->arrival_us, view.ssrc, exts.value[RTP_EXT_TRANSPORT_CC]);
    if (out->first) {
        arrive(peer, now_us, out);
    }
    return 0;
}

int peer_rtcp(struct peer *peer, int64_t now_us, const struct ice_path *path, uint8_t *data,
              size_t len, struct rtcp_iter *out)
{
    struct counters *counters = peer->config.counters;
    if (peer->sec == NULL) {
        counters->drop_no_keys++;
        return ERR_STATE;
    }
    int err = rtpsec_unprotect_rtcp(peer->sec, data, &len);
    if (err == ERR_REPLAY || err == ERR_STALE) {
        counters->drop_rtcp_replay++;
        return err;
    }
    if (err != 0) {
        counters->drop_rtcp_auth++;
        return err;
    }
    note_media(peer, now_us, path);
    err = rtcp_begin(out, data, len);
    if (err != 0) {
        counters->drop_rtcp_malformed++;
        return err;
    }
    counters->rtcp_in++;
    return 0;
}

void peer_dtls(struct peer *peer, const struct ice_path *path)
{
    peer->dtls = *path;
    peer->has_dtls = true;
}

void peer_path_closed(struct peer *peer, int64_t now_us, const struct ice_path *path)
{
    ice_path_closed(peer->ice, now_us, path);
}

static bool feedback_due(const struct peer *peer, int64_t now_us)
{
    return peer->arrivals != NULL && peer_can_send(peer) &&
           stream_arrivals_deadline(peer->arrivals) <= now_us;
}

/* Until there is nothing due, or, with all, nothing waiting. */
static void send_feedback(struct peer *peer, int64_t now_us, bool all)
{
    struct peer_rtcp rtcp;
    while ((all || feedback_due(peer, now_us)) && peer_rtcp_begin(peer, &rtcp, NULL, 0)) {
        /* It is about the whole transport, but libwebrtc heeds it only for an SSRC of its own. */
        struct rtcp_feedback about = {.sender_ssrc = rtcp.ssrc, .media_ssrc = peer->cc_ssrc};
        if (stream_arrivals_write(peer->arrivals, now_us, &rtcp.writer, about) != 0) {
            break;
        }
        peer_rtcp_end(peer, &rtcp);
    }
}

void peer_expire(struct peer *peer, int64_t now_us)
{
    ice_expire(peer->ice, now_us);
    send_feedback(peer, now_us, false);
}

void peer_set_quiet(struct peer *peer, int64_t now_us, bool quiet)
{
    if (quiet && !peer->quiet && peer->arrivals != NULL) {
        send_feedback(peer, now_us, true);
    }
    peer->quiet = quiet;
}

uint16_t peer_transport_cc(const struct peer *peer)
{
    return peer->cc_seq;
}

void peer_set_transport_cc(struct peer *peer, uint16_t next)
{
    peer->cc_seq = next;
}

int64_t peer_deadline(const struct peer *peer)
{
    int64_t at = ice_deadline(peer->ice);
    if (peer->arrivals == NULL || !peer_can_send(peer)) {
        return at;
    }
    return MIN(at, stream_arrivals_deadline(peer->arrivals));
}

/* ---- Output --------------------------------------------------------------------------------- */

static void send_stun(struct peer *peer, const struct ice_out *stun)
{
    uint8_t *slot = outbox_reserve(peer->config.outbox);
    if (slot == NULL) {
        peer->config.counters->drop_outbox_full++;
        return;
    }
    memcpy(slot, stun->data, stun->len);
    outbox_commit(peer->config.outbox, &stun->path, stun->len);
}

static void path_gone(struct peer *peer, const struct ice_path *path)
{
    if (peer->has_dtls && ice_path_equal(&peer->dtls, path)) {
        peer->has_dtls = false;
    }
    if (peer->has_selected && ice_path_equal(&peer->selected, path)) {
        peer->has_selected = false;
    }
}

/* Media on a new path means the client is here, whatever the rule said before. */
static void path_selected(struct peer *peer, const struct ice_path *path)
{
    peer->selected = *path;
    peer->has_selected = true;
    peer->dtls = *path;
    peer->has_dtls = true;
    peer->left = false;
    expect_nothing(peer);
}

static bool was_asked(const struct peer *peer, const struct ice_path *path)
{
    return peer->asked_us != TIME_NEVER && ice_path_equal(&peer->asked, path);
}

/* A check of ours has ended. False: nobody is to know. */
static bool checked(struct peer *peer, const struct ice_out *ice, struct peer_event *out)
{
    bool answered = ice->kind == ICE_ANSWERED;
    if (was_asked(peer, &ice->path)) {
        out->kind = PEER_SILENT;
        bool silent = !answered && peer_last_us(peer) < peer->asked_us;
        peer->asked_us = TIME_NEVER;
        return silent;
    }
    peer->config.counters->moves_answered += answered;
    peer->config.counters->moves_unanswered += !answered;
    out->kind = PEER_UNANSWERED;
    return !answered;
}

bool peer_poll(struct peer *peer, struct peer_event *out)
{
    struct ice_out ice;
    while (ice_poll(peer->ice, &ice)) {
        out->path = ice.path;
        switch (ice.kind) {
        case ICE_SEND:
            send_stun(peer, &ice);
            continue;
        case ICE_PATH_ADDED:
            out->kind = PEER_PATH_ADDED;
            return true;
        case ICE_PATH_REMOVED:
            path_gone(peer, &ice.path);
            out->kind = PEER_PATH_REMOVED;
            return true;
        case ICE_PATH_SELECTED:
            path_selected(peer, &ice.path);
            out->kind = PEER_PATH_SELECTED;
            return true;
        case ICE_ANSWERED:
        case ICE_UNANSWERED:
            if (!checked(peer, &ice, out)) {
                continue;
            }
            return true;
        case ICE_LOST:
            peer->has_selected = false;
            out->kind = PEER_LOST;
            return true;
        }
        unreachable();
    }
    return false;
}

bool peer_can_send(const struct peer *peer)
{
    return peer->sec != NULL && peer->has_selected && !peer->left && !peer->quiet;
}

const struct ice_path *peer_selected(const struct peer *peer)
{
    return peer->has_selected ? &peer->selected : NULL;
}

/* The values that are known only when a packet leaves. */
static void stamp(struct peer *peer, int64_t now_us, uint8_t *header,
                  const struct rtp_header_out *where)
{
    if (where->transport_cc_at != 0) {
        be16_put(header + where->transport_cc_at, peer->cc_seq);
        peer->cc_seq++;
    }
    if (where->abs_send_time_at != 0) {
        be24_put(header + where->abs_send_time_at, rtp_abs_send_time(now_us));
    }
}

/* Of a packet alone in its datagram or segment: RFC 791, RFC 8200, RFC 768, RFC 9293 without
 * options, RFC 4571. */
static int headers_size(const struct ice_path *path)
{
    int ip = path->remote.family == NET_V6 ? 40 : 20;
    return ip + (path->protocol == ICE_UDP ? 8 : 20 + 2);
}

bool peer_send_rtp(struct peer *peer, int64_t now_us, const struct peer_packet *packet,
                   struct peer_sent *out)
{
    struct counters *counters = peer->config.counters;
    if (!peer_can_send(peer)) {
        counters->drop_send_path++;
        return false;
    }
    uint8_t *slot = outbox_reserve(peer->config.outbox);
    if (slot == NULL) {
        counters->drop_outbox_full++;
        return false;
    }
    struct rtp_header_out where;
    int err = rtp_header_write(slot, &packet->header, packet->ids, &where);
    size_t payload_len = packet->prefix.len + packet->body.len;
    if (err != 0 || where.len + payload_len + RTPSEC_RTP_OVERHEAD > OUTBOX_PACKET_MAX) {
        counters->drop_send_size++;
        return false;
    }
    out->numbered = where.transport_cc_at != 0;
    out->seq = peer->cc_seq;
    stamp(peer, now_us, slot, &where);
    struct rtpsec_packet plain = {
        .header_len = where.len, .prefix = packet->prefix, .body = packet->body};
    int len = rtpsec_protect_rtp(peer->sec, packet->stream, &plain, slot);
    if (len < 0) {
        counters->drop_send_protect++;
        return false;
    }
    outbox_commit(peer->config.outbox, &peer->selected, (size_t)len);
    sent(peer, now_us, out->numbered);
    out->size = (uint16_t)(len + headers_size(&peer->selected));
    return true;
}

bool peer_rtcp_begin(struct peer *peer, struct peer_rtcp *rtcp, const struct rtcp_report *reports,
                     size_t count)
{
    if (!peer_can_send(peer)) {
        return false;
    }
    uint8_t *slot = outbox_reserve(peer->config.outbox);
    if (slot == NULL) {
        peer->config.counters->drop_outbox_full++;
        return false;
    }
    *rtcp =
        (struct peer_rtcp){.writer = {.data = slot, .cap = RTCP_OUT_MAX}, .ssrc = peer->rtcp_ssrc};
    int err = rtcp_write_rr(&rtcp->writer, rtcp->ssrc, reports, count);
    assert(err == 0); /* 31 blocks fit */
    return true;
}

void peer_rtcp_end(struct peer *peer, struct peer_rtcp *rtcp)
{
    size_t len = rtcp->writer.len;
    if (rtpsec_protect_rtcp(peer->sec, rtcp->writer.data, &len) != 0) {
        peer->config.counters->drop_send_protect++;
        return;
    }
    outbox_commit(peer->config.outbox, &peer->selected, len);
}

bool peer_send_dtls(struct peer *peer, struct bytes datagram)
{
    struct counters *counters = peer->config.counters;
    if (!peer->has_dtls) {
        counters->drop_send_path++;
        return false;
    }
    if (datagram.len == 0 || datagram.len > OUTBOX_PACKET_MAX) {
        counters->drop_send_size++;
        return false;
    }
    uint8_t *slot = outbox_reserve(peer->config.outbox);
    if (slot == NULL) {
        counters->drop_outbox_full++;
        return false;
    }
    memcpy(slot, datagram.data, datagram.len);
    outbox_commit(peer->config.outbox, &peer->dtls, datagram.len);
    return true;
}

int64_t peer_heard_us(const struct peer *peer)
{
    return peer->heard_us;
}

int64_t peer_last_us(const struct peer *peer)
{
    return MAX(peer->heard_us, ice_last_stun_us(peer->ice));
}
