/* SPDX-License-Identifier: Apache-2.0
 *
 * Offers of clients, and our answers; ours are in propose.c. With one peer connection only the
 * client offers: when a subscription has no section to be sent in, or has lost its track, the
 * client is asked for a new offer with as many more recvonly sections as are missing
 * (media_sections_requirement), and its subscriptions find their place in the answer.
 *
 * libwebrtc begins every stream whose SSRC it was not told of anew with each offer and each answer
 * (Chromium 156: a picture stands still until the next key frame, sound has a gap). So answers name
 * SSRCs (decisions/0012), and when a subscription gets others, for nobody knows how far a dead node
 * got (lease.c), the client is asked for an offer, too. Firefox does no such thing, and goes by the
 * mid.
 */
#include "orchestrator/core/room/private.h"

#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#define FRUITLESS_ASKS_MAX 5      /* a client that never adds sections is not asked for ever */
#define TCP_PRIORITY_BELOW 500000 /* UDP is preferred at every node, old or new */

/* ---- Candidates ---------------------------------------------------------------------------- */

static bool was_given(const struct participant *p, const Spillway__Control__Endpoint *endpoint)
{
    bool tcp = endpoint->protocol == SPILLWAY__CONTROL__ENDPOINT__PROTOCOL__TCP;
    for (size_t i = 0; i < p->used_count; i++) {
        const struct used_address *used = &p->used[i];
        if (used->port == endpoint->port && used->tcp == tcp &&
            strcmp(used->ip, endpoint->ip) == 0) {
            return true;
        }
    }
    return false;
}

static bool is_of(const Spillway__Control__Endpoint *endpoint,
                  Spillway__Control__Endpoint__Protocol protocol, uint32_t port)
{
    return endpoint->protocol == protocol && endpoint->port == port;
}

/* At none of the node's addresses. */
static bool is_fresh(const struct participant *p, const Spillway__Control__Register *node,
                     Spillway__Control__Endpoint__Protocol protocol, uint32_t port)
{
    for (size_t i = 0; i < node->n_endpoints; i++) {
        if (is_of(node->endpoints[i], protocol, port) && was_given(p, node->endpoints[i])) {
            return false;
        }
    }
    return true;
}

/* The first that is left, 0 if there is none: what leaves a node through one socket needs one
 * system call, so clients are not spread over ports that are only there for moves. */
static uint32_t choose_port(const struct participant *p, const struct host *host,
                            Spillway__Control__Endpoint__Protocol protocol)
{
    const Spillway__Control__Register *node = host->info;
    for (size_t i = 0; i < node->n_endpoints; i++) {
        const Spillway__Control__Endpoint *endpoint = node->endpoints[i];
        if (endpoint->protocol == protocol && is_fresh(p, node, protocol, endpoint->port)) {
            return endpoint->port;
        }
    }
    return 0;
}

static void give(struct participant *p, const Spillway__Control__Endpoint *endpoint,
                 uint32_t priority)
{
    struct session *session = &p->session;
    bool tcp = endpoint->protocol == SPILLWAY__CONTROL__ENDPOINT__PROTOCOL__TCP;
    struct sdp_candidate *candidate = &session->candidates[session->candidate_count++];
    *candidate =
        (struct sdp_candidate){.port = (uint16_t)endpoint->port, .tcp = tcp, .priority = priority};
    snprintf(candidate->ip, sizeof(candidate->ip), "%s", endpoint->ip);
    p->used = mem_grow(p->used, p->used_count + 1, sizeof(*p->used));
    struct used_address *used = &p->used[p->used_count++];
    *used = (struct used_address){.port = (uint16_t)endpoint->port, .tcp = tcp};
    snprintf(used->ip, sizeof(used->ip), "%s", endpoint->ip);
}

static void give_port(struct participant *p, const struct host *host,
                      Spillway__Control__Endpoint__Protocol protocol, uint32_t priority)
{
    const Spillway__Control__Register *node = host->info;
    uint32_t port = choose_port(p, host, protocol);
    size_t most = p->session.candidate_count + SESSION_CANDIDATES_MAX / 2;
    for (size_t i = 0; port != 0 && i < node->n_endpoints; i++) {
        if (is_of(node->endpoints[i], protocol, port) && p->session.candidate_count < most &&
            p->used_count < USED_MAX) {
            give(p, node->endpoints[i], priority--);
        }
    }
}

bool negotiate_may_reach(const struct participant *p, const Spillway__Control__Register *node)
{
    if (participant_is_plain(p)) {
        return true;
    }
    const Spillway__Control__Endpoint__Protocol udp = SPILLWAY__CONTROL__ENDPOINT__PROTOCOL__UDP;
    for (size_t i = 0; i < node->n_endpoints && p->used_count < USED_MAX; i++) {
        if (node->endpoints[i]->protocol == udp &&
            is_fresh(p, node, udp, node->endpoints[i]->port)) {
            return true;
        }
    }
    return false;
}

static bool is_at(const struct used_address *used, const Spillway__Control__Register *node)
{
    for (size_t i = 0; i < node->n_endpoints; i++) {
        if (used->port == node->endpoints[i]->port &&
            strcmp(used->ip, node->endpoints[i]->ip) == 0) {
            return true;
        }
    }
    return false;
}

static void forget_given(struct participant *p, const Spillway__Control__Register *node)
{
    size_t kept = 0;
    for (size_t i = 0; i < p->used_count; i++) {
        if (!is_at(&p->used[i], node)) {
            p->used[kept++] = p->used[i];
        }
    }
    p->used_count = kept < USED_MAX ? kept : 0;
}

static bool choose_candidates(struct participant *p, const struct host *host)
{
    struct session *session = &p->session;
    session->candidate_count = 0;
    session->priority += SESSION_CANDIDATES_MAX;
    give_port(p, host, SPILLWAY__CONTROL__ENDPOINT__PROTOCOL__UDP, session->priority);
    give_port(p, host, SPILLWAY__CONTROL__ENDPOINT__PROTOCOL__TCP,
              session->priority - TCP_PRIORITY_BELOW);
    return session->candidate_count > 0;
}

bool negotiate_choose_candidates(struct participant *p, const struct host *host)
{
    if (choose_candidates(p, host)) {
        return true;
    }
    if (!participant_is_plain(p)) {
        return false;
    }
    forget_given(p, host->info); /* it can not be asked to restart its ICE: it would be gone */
    return choose_candidates(p, host);
}

void negotiate_trickle(struct participant *p, struct effects *fx)
{
    const struct session *session = &p->session;
    size_t line = 0;
    while (line + 1 < session->line_count && session->lines[line].rejected) {
        line++;
    }
    for (size_t i = 0; i < session->candidate_count; i++) {
        char json[SDP_TRICKLE_MAX];
        sdp_trickle_write(json, &session->candidates[i], session->lines[line].mid, line,
                          session->local_ufrag);
        Livekit__TrickleRequest trickle = LIVEKIT__TRICKLE_REQUEST__INIT;
        trickle.candidateinit = json;
        trickle.target = p->person != NULL ? LIVEKIT__SIGNAL_TARGET__SUBSCRIBER
                                           : LIVEKIT__SIGNAL_TARGET__PUBLISHER;
        Livekit__SignalResponse response = LIVEKIT__SIGNAL_RESPONSE__INIT;
        response.message_case = LIVEKIT__SIGNAL_RESPONSE__MESSAGE_TRICKLE;
        response.trickle = &trickle;
        signal_send(p, &response, fx);
    }
}

/* ---- Sections ------------------------------------------------------------------------------ */

struct subscription *negotiate_subscription(const struct participant *p, uint32_t id)
{
    struct subscription *subscription;
    DL_FOREACH(p->subscriptions, subscription)
    {
        if (subscription->id == id) {
            return subscription;
        }
    }
    return NULL;
}

static void wish_receive(struct participant *p, struct session_line *line)
{
    const struct track *track = line->track == 0 ? NULL : publish_find_id(p->room, line->track);
    struct sdp_wish wish = {.use = SDP_USE_RECEIVE};
    if (track == NULL && !p->permission.can_publish) {
        return; /* stays inactive */
    }
    if (track != NULL) {
        const Livekit__TrackInfo *info = track->info;
        wish.codec = sdp_codec_from_name(info->mime_type);
        wish.codec_only = track->kind == SDP_VIDEO && participant_is_firefox(p);
        wish.red_disabled =
            info->disable_red || info->encryption != LIVEKIT__ENCRYPTION__TYPE__NONE;
        wish.dtx_disabled = info->disable_dtx;
        wish.stereo = info->stereo;
    }
    line->wish = wish;
}

static bool offers_codec(const struct sdp_media *media, enum sdp_codec_id codec)
{
    for (size_t i = 0; i < media->codec_count; i++) {
        if (media->codecs[i].id == codec ||
            (codec == SDP_RED && media->codecs[i].id == SDP_OPUS)) { /* the node unpacks RED */
            return true;
        }
    }
    return false;
}

/* The client cannot decode the track: better said than silence. */
static void refuse(struct subscription *subscription, struct effects *fx)
{
    subscription->refused = true;
    wants_changed(subscription);
    cascade_changed(subscription->track);
    if (subscription->refused_told) {
        return;
    }
    subscription->refused_told = true;
    Livekit__SubscriptionResponse refusal = LIVEKIT__SUBSCRIPTION_RESPONSE__INIT;
    refusal.track_sid = subscription->track->info->sid;
    refusal.err = LIVEKIT__SUBSCRIPTION_ERROR__SE_CODEC_UNSUPPORTED;
    Livekit__SignalResponse response = LIVEKIT__SIGNAL_RESPONSE__INIT;
    response.message_case = LIVEKIT__SIGNAL_RESPONSE__MESSAGE_SUBSCRIPTION_RESPONSE;
    response.subscription_response = &refusal;
    signal_send(subscription->subscriber, &response, fx);
}

bool negotiate_is_stale(const struct subscription *subscription, const struct session_line *line)
{
    return line->use == SDP_USE_SEND && line->sent.ssrc != 0 &&
           line->sent.ssrc != subscription->ssrc;
}

void negotiate_wish(struct session_line *line, struct subscription *subscription,
                    struct arena *arena)
{
    const Livekit__TrackInfo *info = subscription->track->info;
    struct participant *p = subscription->subscriber;
    line->wish = (struct sdp_wish){
        .use = SDP_USE_SEND,
        .codec = sdp_codec_from_name(info->mime_type),
        .red_disabled = strcasecmp(info->mime_type, "audio/red") != 0,
        .stereo = info->stereo,
        .stream = arena_printf(arena, "%s|%s", subscription->track->publisher->sid, info->sid),
        .track = info->sid,
    };
    bool answers = p->person == NULL;
    if (answers && (participant_is_firefox(p) || participant_is_pion(p))) {
        return;
    }
    spec_choose_ssrcs(subscription);
    line->wish.source = (struct sdp_source){subscription->ssrc, subscription->rtx_ssrc};
    line->wish.cname = subscription->track->publisher->sid;
    if (negotiate_is_stale(subscription, line)) {
        p->asked_fruitless = 0;
    }
}

/* The client changed what a line is for: what was there goes, or waits for another line. */
static void release_line(struct participant *p, struct session_line *line, int64_t now_us,
                         struct effects *fx)
{
    if (line->track != 0 && line->role != SESSION_PUBLISH) {
        struct track *track = publish_find_id(p->room, line->track);
        assert(track != NULL);
        publish_remove(track, now_us, fx); /* clears line->track */
    }
    if (line->subscription != 0 && line->role != SESSION_SUBSCRIBE) {
        struct subscription *subscription = negotiate_subscription(p, line->subscription);
        assert(subscription != NULL);
        line->subscription = 0;
        spec_withdraw(subscription);
    }
}

bool negotiate_waits(const struct subscription *subscription, const struct session_line *line)
{
    return line == NULL && subscription->allowed && !subscription->refused;
}

static void assign_subscriptions(struct participant *p, const struct sdp_offer *offer,
                                 struct effects *fx)
{
    struct subscription *subscription;
    DL_FOREACH(p->subscriptions, subscription)
    {
        if (subscription->refused) { /* this offer may have what the last one lacked */
            subscription->refused = false;
            wants_changed(subscription);
            cascade_changed(subscription->track);
        }
        struct session_line *line = session_line_of_subscription(&p->session, subscription->id);
        line = negotiate_waits(subscription, line)
                   ? session_free_line(&p->session, subscription->track->kind)
                   : NULL;
        if (line == NULL) {
            continue;
        }
        const struct sdp_media *media = &offer->media[line - p->session.lines];
        if (!offers_codec(media, sdp_codec_from_name(subscription->track->info->mime_type))) {
            refuse(subscription, fx);
            continue;
        }
        line->subscription = subscription->id;
        p->asked_fruitless = 0;
    }
}

static void make_wishes(struct participant *p, struct arena *arena)
{
    for (size_t i = 0; i < p->session.line_count; i++) {
        struct session_line *line = &p->session.lines[i];
        if (line->role == SESSION_PUBLISH) {
            wish_receive(p, line);
        } else if (line->role == SESSION_SUBSCRIBE && line->subscription != 0) {
            negotiate_wish(line, negotiate_subscription(p, line->subscription), arena);
        }
    }
}

/* ---- Answer -------------------------------------------------------------------------------- */

void negotiate_name_mids(struct participant *p, Livekit__SessionDescription *description,
                         struct arena *arena)
{
    description->mid_to_track_id =
        arena_array(arena, p->session.line_count, sizeof(*description->mid_to_track_id));
    for (size_t i = 0; i < p->session.line_count; i++) {
        struct session_line *line = &p->session.lines[i];
        if (line->subscription == 0) {
            continue;
        }
        Livekit__SessionDescription__MidToTrackIdEntry *entry = arena_alloc(arena, sizeof(*entry));
        livekit__session_description__mid_to_track_id_entry__init(entry);
        entry->key = line->mid;
        entry->value = negotiate_subscription(p, line->subscription)->track->info->sid;
        description->mid_to_track_id[description->n_mid_to_track_id++] = entry;
    }
}

/* Whether a line as planned carries the track in a codec that its publisher sends. */
static bool carries(const struct session_line *line, const struct track *track)
{
    const struct session_line *from = session_line_of_track(&track->publisher->session, track->id);
    assert(from != NULL && from->codec_count > 0); /* it is published */
    const struct sdp_answer_codec *sent = &from->codecs[0];
    if (line->use != SDP_USE_SEND) {
        return false;
    }
    return sdp_codec_match(line->codecs, line->codec_count, sent) != NULL ||
           (sent->id == SDP_RED && session_line_codec(line, SDP_OPUS) != NULL);
}

bool negotiate_refuse_untaken(struct participant *p, struct session_line *line, struct effects *fx)
{
    struct subscription *subscription =
        line->subscription == 0 ? NULL : negotiate_subscription(p, line->subscription);
    if (subscription == NULL || carries(line, subscription->track)) {
        return false;
    }
    refuse(subscription, fx);
    spec_withdraw(subscription);
    line->subscription = 0;
    return true;
}

/* A section may list the track's codec, and yet not the variant that we and its publisher use. */
static void refuse_undecodable(struct participant *p, const struct sdp_offer *offer,
                               struct effects *fx)
{
    for (size_t i = 0; i < p->session.line_count; i++) {
        struct session_line *line = &p->session.lines[i];
        if (negotiate_refuse_untaken(p, line, fx)) {
            line->wish = (struct sdp_wish){.use = SDP_USE_INACTIVE};
            session_plan_line(&p->session, offer, i);
        }
    }
}

static void send_answer(struct participant *p, const struct sdp_offer *offer, uint32_t id,
                        struct effects *fx)
{
    struct arena arena = {0};
    make_wishes(p, &arena);
    session_plan(&p->session, offer);
    refuse_undecodable(p, offer, fx);
    char *text = session_answer(&p->session, offer, p->front.fingerprint);
    Livekit__SessionDescription answer = LIVEKIT__SESSION_DESCRIPTION__INIT;
    answer.type = "answer";
    answer.sdp = text;
    answer.id = id;
    negotiate_name_mids(p, &answer, &arena);
    Livekit__SignalResponse response = LIVEKIT__SIGNAL_RESPONSE__INIT;
    response.message_case = LIVEKIT__SIGNAL_RESPONSE__MESSAGE_ANSWER;
    response.answer = &answer;
    signal_send(p, &response, fx);
    free(text);
    arena_fini(&arena);
}

/* What was published, or was to be, in a section that we cannot receive. */
static void unpublish_unusable(struct participant *p, int64_t now_us, struct effects *fx)
{
    struct track *track, *next;
    DL_FOREACH_SAFE(p->tracks, track, next)
    {
        const struct session_line *line = session_line_of_track(&p->session, track->id);
        if (line != NULL && line->use != SDP_USE_RECEIVE) {
            publish_withdraw(track, now_us, fx);
        }
    }
}

/* Which of a subscriber's payload types comes first depends on the publisher's (spec_entry.c). */
static void follow_codec(struct participant *p, struct track *track)
{
    const struct session_line *line = session_line_of_track(&p->session, track->id);
    if (line == NULL || line->codec_count == 0) {
        return;
    }
    const struct sdp_answer_codec *codec = &line->codecs[0];
    if (codec->id != track->codec.id || strcmp(codec->fmtp, track->codec.fmtp) != 0) {
        struct subscription *subscription;
        track->codec = *codec;
        DL_FOREACH2(track->subscriptions, subscription, track_next)
        {
            spec_subscription_changed(subscription);
        }
    }
}

void negotiate_settled(struct participant *p)
{
    struct subscription *subscription;
    struct track *track;
    spec_transport_changed(p);
    DL_FOREACH(p->subscriptions, subscription)
    {
        spec_subscription_changed(subscription);
    }
    DL_FOREACH(p->tracks, track)
    {
        spec_track_changed(track);
        follow_codec(p, track);
        cascade_changed(track);
    }
}

void negotiate_restarted(struct participant *p, int64_t now_us, struct effects *fx)
{
    move_cancel(p, now_us);
    /* a new ufrag clears the slate of endpoints given before */
    p->used_count = 0;
    p->flights = 0;
    p->media_lost = false;
    p->check_priority = 0;
    room_front_change(p, now_us, fx);
}

int negotiate_offer(struct participant *p, int64_t now_us,
                    const Livekit__SessionDescription *description, struct effects *fx,
                    char reason[SDP_REASON_MAX])
{
    struct sdp_offer *offer;
    bool restarted;
    bool first = p->session.transport == 0;
    int err = session_offer(&p->session, description->sdp, &p->room->config->random, &offer,
                            &restarted, reason);
    if (err != 0) {
        return err;
    }
    if (restarted) {
        negotiate_restarted(p, now_us, fx);
    }
    if (first || restarted) {
        (void)negotiate_choose_candidates(p, p->host); /* the slate is clean */
    }
    if (first) {
        effect_front_open(fx, p->session.transport, p->front.number, p->session.fingerprint);
        effect_front_route(fx, p->session.transport, p->front.number, p->host->node);
        node_expect_first(p, now_us);
    }
    for (size_t i = 0; i < p->session.line_count; i++) {
        release_line(p, &p->session.lines[i], now_us, fx);
    }
    publish_bind(p);
    p->asked = false;
    p->asked_audio = p->asked_video = 0;
    assign_subscriptions(p, offer, fx);
    send_answer(p, offer, description->id, fx);
    passage_answered(p, now_us);
    sdp_offer_free(offer);
    unpublish_unusable(p, now_us, fx);
    publish_announce(p, now_us, fx);
    negotiate_settled(p);
    p->renegotiate = true; /* the flush sees whether anything is still waiting */
    return 0;
}

void negotiate_flush(struct participant *p, struct effects *fx)
{
    if (!p->renegotiate || p->session.transport == 0 || p->conn == 0) {
        return; /* without an offer yet: the first one is on its way */
    }
    p->renegotiate = false;
    uint32_t waiting[2] = {0}, free_lines[2] = {0};
    bool releasing = false, stale = false;
    const struct subscription *subscription;
    DL_FOREACH(p->subscriptions, subscription)
    {
        const struct session_line *line =
            session_line_of_subscription(&p->session, subscription->id);
        waiting[subscription->track->kind == SDP_VIDEO] += negotiate_waits(subscription, line);
        stale |= line != NULL && negotiate_is_stale(subscription, line);
    }
    for (size_t i = 0; i < p->session.line_count; i++) {
        const struct session_line *line = &p->session.lines[i];
        releasing |= line->releasing;
        free_lines[line->kind == SDP_VIDEO] += line->role == SESSION_SUBSCRIBE &&
                                               line->subscription == 0 && !line->releasing &&
                                               !line->rejected;
    }
    if (waiting[0] + waiting[1] == 0 && !releasing && !stale) {
        return;
    }
    uint32_t audio = waiting[0] - MIN(waiting[0], free_lines[0] + p->asked_audio);
    uint32_t video = waiting[1] - MIN(waiting[1], free_lines[1] + p->asked_video);
    if (p->asked && audio + video == 0) {
        return; /* the offer that was asked for will do */
    }
    if (p->asked_fruitless++ >= FRUITLESS_ASKS_MAX) {
        return;
    }
    p->asked = true;
    p->asked_audio += audio;
    p->asked_video += video;
    Livekit__MediaSectionsRequirement requirement = LIVEKIT__MEDIA_SECTIONS_REQUIREMENT__INIT;
    requirement.num_audios = audio;
    requirement.num_videos = video;
    Livekit__SignalResponse response = LIVEKIT__SIGNAL_RESPONSE__INIT;
    response.message_case = LIVEKIT__SIGNAL_RESPONSE__MESSAGE_MEDIA_SECTIONS_REQUIREMENT;
    response.media_sections_requirement = &requirement;
    signal_send(p, &response, fx);
}
