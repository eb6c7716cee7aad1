/* SPDX-License-Identifier: Apache-2.0
 *
 * Clients with two peer connections. On the first one they offer, publish, and send their data
 * (negotiate.c); on the second one we offer what they receive: an application section with channels
 * that we open, and a section for each subscription. One offer is on its way at a time, and names
 * all that has changed by then; the answer comes with its number. A resume loses what is on its
 * way, and begins ICE anew with the next offer. Who does not answer gets nothing new any more, and
 * after ROOM_ANSWER_TIMEOUT_US is told to start over (room.c).
 */
#include "orchestrator/core/room/private.h"

#include <stdio.h>
#include <stdlib.h>

/* ---- Offer --------------------------------------------------------------------------------- */

/* Whether there is anything to be said of it. */
static bool assign_lines(struct participant *p)
{
    struct session *session = &p->session;
    bool changed = session->line_count == 0;
    if (changed) {
        (void)session_sending_line(session, SDP_APPLICATION);
    }
    struct subscription *subscription;
    DL_FOREACH(p->subscriptions, subscription)
    {
        struct session_line *line = session_line_of_subscription(session, subscription->id);
        changed = changed || (line != NULL && line->use != SDP_USE_SEND) ||
                  (line != NULL && negotiate_is_stale(subscription, line));
        if (!negotiate_waits(subscription, line)) {
            continue;
        }
        line = session_sending_line(session, subscription->track->kind);
        if (line != NULL) { /* else there are as many as there may be */
            line->subscription = subscription->id;
            changed = true;
        }
    }
    for (size_t i = 0; i < session->line_count; i++) {
        changed = changed || session->lines[i].releasing;
    }
    return changed;
}

static void make_wishes(struct participant *p, struct arena *arena)
{
    for (size_t i = 0; i < p->session.line_count; i++) {
        struct session_line *line = &p->session.lines[i];
        line->wish = (struct sdp_wish){.use = SDP_USE_INACTIVE};
        if (line->rejected) {
            line->wish.use = SDP_USE_REJECT;
        } else if (line->kind == SDP_APPLICATION) {
            line->wish.use = SDP_USE_DATA;
        } else if (line->subscription != 0) {
            negotiate_wish(line, negotiate_subscription(p, line->subscription), arena);
        }
    }
}

static void send_offer(struct participant *p, int64_t now_us, bool restart, struct effects *fx)
{
    struct arena arena = {0};
    make_wishes(p, &arena);
    char *text =
        session_propose(&p->session, &p->room->config->random, restart, p->front.fingerprint);
    Livekit__SessionDescription offer = LIVEKIT__SESSION_DESCRIPTION__INIT;
    offer.type = "offer";
    offer.sdp = text;
    offer.id = (uint32_t)p->session.version;
    negotiate_name_mids(p, &offer, &arena);
    Livekit__SignalResponse response = LIVEKIT__SIGNAL_RESPONSE__INIT;
    response.message_case = LIVEKIT__SIGNAL_RESPONSE__MESSAGE_OFFER;
    response.offer = &offer;
    signal_send(p, &response, fx);
    free(text);
    arena_fini(&arena);
    sealed_now(p);
    p->asked = true;
    p->answer_by_us = now_us + ROOM_ANSWER_TIMEOUT_US;
}

void propose_flush(struct participant *p, int64_t now_us, struct effects *fx)
{
    if (!p->renegotiate || p->asked || participant_conn(p) == 0) {
        return;
    }
    bool first = p->session.local_ufrag[0] == '\0';
    bool restart = p->restart_due && !first;
    p->renegotiate = p->restart_due = false;
    if (!assign_lines(p) && !restart) {
        return;
    }
    if (restart) {
        negotiate_restarted(p, now_us, fx);
        spec_transport_changed(p);
    }
    if (first || restart) {
        (void)negotiate_choose_candidates(p, p->host); /* the slate is clean */
    }
    send_offer(p, now_us, restart, fx);
}

void propose_resumed(struct participant *person)
{
    struct participant *p = person->receiver;
    if (p == NULL) {
        return;
    }
    struct subscription *subscription;
    DL_FOREACH(p->subscriptions, subscription)
    {
        subscription->refused = false; /* once more */
        wants_changed(subscription);
        cascade_changed(subscription->track);
    }
    p->asked = false;
    p->answer_by_us = TIME_NEVER;
    p->renegotiate = p->restart_due = true;
}

/* ---- Answer -------------------------------------------------------------------------------- */

/* With the channels that we open. A DTLS client takes even streams, and so the server odd ones (RFC
 * 8832 §6). */
static void open_front(struct participant *p, int64_t now_us, struct effects *fx)
{
    struct effect_channel channels[CHANNEL_COUNT];
    for (unsigned kind = 0; kind < CHANNEL_COUNT; kind++) {
        channels[kind] = (struct effect_channel){.stream = (uint16_t)(2 * kind + 1),
                                                 .lossy = kind != CHANNEL_RELIABLE};
        snprintf(channels[kind].label, sizeof(channels[kind].label), "%s",
                 channel_label((enum channel_kind)kind));
    }
    effect_front_open_with(fx, p->session.transport, p->front.number, p->session.fingerprint,
                           EFFECT_CHANNELS_OURS, channels, CHANNEL_COUNT);
    effect_front_route(fx, p->session.transport, p->front.number, p->host->node);
    node_expect_first(p, now_us);
}

/* What the client does not take in a section is refused, and the section freed. */
static void refuse_untaken(struct participant *p, struct effects *fx)
{
    for (size_t i = 0; i < p->session.line_count; i++) {
        struct session_line *line = &p->session.lines[i];
        if (negotiate_refuse_untaken(p, line, fx)) {
            line->releasing = !line->rejected;
        }
    }
}

int propose_answered(struct participant *person, int64_t now_us,
                     const Livekit__SessionDescription *answer, struct effects *fx,
                     char reason[SDP_REASON_MAX])
{
    struct participant *p = person->receiver;
    bool meant =
        p != NULL && p->asked && (answer->id == 0 || answer->id == (uint32_t)p->session.version);
    if (!meant) { /* to none of our offers, or to one that a resume made void */
        log_write(person->room->config->log, LOG_DEBUG, "answer_ignored participant=%s id=%u",
                  person->sid, answer->id);
        return 0;
    }
    bool first = p->session.transport == 0, restarted;
    int err = session_answered(&p->session, answer->sdp, &restarted, reason);
    if (err != 0) {
        return err;
    }
    p->asked = false;
    p->answer_by_us = TIME_NEVER;
    p->renegotiate = true; /* the flush sees what has changed meanwhile */
    refuse_untaken(p, fx);
    if (first) {
        open_front(p, now_us, fx);
    }
    sealed_now(p);
    negotiate_settled(p);
    return 0;
}
