/* SPDX-License-Identifier: Apache-2.0
 *
 * What the node learns and the front reports: paths, sources, keys, losses.
 */
#include "orchestrator/core/room/private.h"

void node_fared(const struct participant *p, const struct host *host, enum effect_media how,
                struct effects *fx)
{
    if (participant_conn(p) != 0) { /* else the client itself may be gone, or its whole network */
        const Livekit__ClientInfo *client = person_of(p)->client;
        const char *address = client == NULL ? "" : client->address;
        effect_media(fx, host->node, p->identity, address, how);
    }
}

/* Of two peer connections, the one that receives is the primary one, by which clients go. */
static void activate(struct participant *connection, int64_t now_us, struct effects *fx)
{
    struct participant *p = person_of(connection);
    if (p->join_by_us == TIME_NEVER || connection != receiver_of(p)) {
        return;
    }
    p->join_by_us = TIME_NEVER;
    p->state = LIVEKIT__PARTICIPANT_INFO__STATE__ACTIVE;
    participant_changed(p);
    webhook_participant(p, now_us, "participant_joined", fx);
}

void room_keys(struct room *room, int64_t now_us, uint64_t transport,
               const Spillway__Control__SrtpKeys *keys, struct effects *fx)
{
    struct participant *p = room_find_transport(room, transport);
    if (p == NULL) {
        return;
    }
    if (p->keys != NULL) {
        spillway__control__srtp_keys__free_unpacked(p->keys, NULL);
    }
    p->keys = info_clone(&keys->base);
    lease_renew(p);
    p->connected = true;
    p->keys_by_us = TIME_NEVER;
    p->reach_by_us = TIME_NEVER;
    node_fared(p, p->host, EFFECT_MEDIA_REACHED, fx);
    spec_transport_changed(p);
    struct subscription *subscription;
    DL_FOREACH(p->subscriptions, subscription)
    {
        subscribe_carried(subscription);
    }
    activate(p, now_us, fx);
    passage_keys(p, now_us, fx);
}

/* The peer connection cannot be mended by what we know: the client starts over. */
void room_front_failed(struct room *room, int64_t now_us, uint64_t transport, const char *why,
                       struct effects *fx)
{
    struct participant *p = room_find_transport(room, transport);
    if (p == NULL) {
        return;
    }
    log_write(room->config->log, LOG_WARN, "transport_failed participant=%s why=%s", p->sid, why);
    if (!p->connected) {
        node_fared(p, p->host, EFFECT_MEDIA_MISSED, fx);
    }
    room_leave(room, now_us, p, LIVEKIT__DISCONNECT_REASON__MEDIA_FAILURE,
               LIVEKIT__LEAVE_REQUEST__ACTION__RECONNECT, true, fx);
}

static void path_selected(struct participant *p, int64_t now_us,
                          const Spillway__Control__PathSelected *path, struct effects *fx)
{
    if (path->client == NULL) {
        return;
    }
    if (p->address != NULL) {
        spillway__control__endpoint__free_unpacked(p->address, NULL);
    }
    p->address = info_clone(&path->client->base);
    sealed_changed(p);
    if (p->reach_by_us != TIME_NEVER) { /* its ICE is through, and DTLS begins */
        p->reach_by_us = now_us + ROOM_KEYS_TIMEOUT_US;
    }
    if (p->arrive_by_us != TIME_NEVER) {
        node_fared(p, p->host, EFFECT_MEDIA_REACHED, fx);
    }
    if (p->phase != MOVE_STARTED) {
        p->check_priority = 0; /* it has arrived */
    }
    if (p->node_died_us != TIME_NEVER) {
        effects_take(fx,
                     (struct effect){.type = EFFECT_RECOVERED, .id = (uint64_t)p->node_died_us});
    }
    p->media_lost = false;
    p->lost_at_us = TIME_NEVER;
    p->arrive_by_us = TIME_NEVER;
    p->node_died_us = TIME_NEVER;
    p->restarting = false;
    passage_path(p, now_us, fx);
}

/* ---- Arrival (architecture.md §6.4) ---------------------------------------------------------
 * A client whose media do not reach its node is asked to resume, which restarts its ICE. If that
 * does not help either, it starts over. */

void node_expect(struct participant *p, int64_t now_us)
{
    p->arrive_by_us = now_us + (p->restarting ? ROOM_RESTART_TIMEOUT_US : ROOM_ARRIVAL_TIMEOUT_US);
}

void node_expect_first(struct participant *p, int64_t now_us)
{
    p->reach_by_us = now_us + ROOM_REACH_US;
}

static bool awaits_media(const struct participant *p)
{
    return p->session.transport != 0 && !p->connected && p->address == NULL;
}

bool room_awaits_media(const struct room *room, const char *identity)
{
    const struct participant *p = room_find(room, identity);
    return p != NULL && p->conn != 0 && (awaits_media(p) || awaits_media(receiver_of(p)));
}

/* The client is told to resume (ICE restart), and kept for a while (livekit-protocol.md §3.3). */
void node_restart(struct participant *p, int64_t now_us, struct effects *fx)
{
    p->restarting = true;
    p->arrive_by_us = now_us + ROOM_RESTART_TIMEOUT_US;
    p->media_lost = true;
    p->lost_at_us = now_us + ROOM_LOST_TIMEOUT_US;
    struct participant *person = person_of(p);
    if (person->conn != 0) {
        signal_leave(person, LIVEKIT__DISCONNECT_REASON__CONNECTION_TIMEOUT,
                     LIVEKIT__LEAVE_REQUEST__ACTION__RESUME, fx);
        effect_close(fx, person->conn, 1000);
        person->conn = 0;
    }
}

void node_late(struct participant *p, int64_t now_us, struct effects *fx)
{
    log_write(p->room->config->log, LOG_INFO, "media_late participant=%s restarted=%d", p->sid,
              p->restarting);
    p->arrive_by_us = TIME_NEVER;
    node_fared(p, p->host, EFFECT_MEDIA_MISSED, fx);
    if (p->restarting && participant_conn(p) != 0) {
        room_leave(p->room, now_us, p, LIVEKIT__DISCONNECT_REASON__MEDIA_FAILURE,
                   LIVEKIT__LEAVE_REQUEST__ACTION__RECONNECT, true, fx);
    } else if (!p->restarting) {
        node_restart(p, now_us, fx);
    } /* else: its signalling is away, and lost_at_us decides */
}

static void source_learned(struct room *room, const struct host *host,
                           const Spillway__Control__SourceLearned *source)
{
    struct track *track = publish_find_id(room, source->track);
    if (track == NULL || host_place(track->publisher, host) < 0) {
        return;
    }
    for (size_t i = 0; i < track->layer_count; i++) {
        struct layer *layer = &track->layers[i];
        if (strcmp(layer->rid, source->rid) != 0) {
            continue;
        }
        sealed_changed(track->publisher);
        /* Kept for the next node; the one that told us knows, so no delta. */
        if (source->repair) {
            publish_claim_ssrc(track->publisher, &layer->rtx_ssrc, source->ssrc);
        } else {
            publish_claim_ssrc(track->publisher, &layer->ssrc, source->ssrc);
        }
        return;
    }
}

/* What a node says of a transport that has moved on is old news. */
static struct participant *on_host(const struct room *room, const struct host *host,
                                   uint64_t transport)
{
    struct participant *p = room_find_transport(room, transport);
    return p == NULL || p->host != host ? NULL : p;
}

static struct participant *on_next(const struct room *room, const struct host *host,
                                   uint64_t transport)
{
    struct participant *p = room_find_transport(room, transport);
    return p == NULL || p->next != host ? NULL : p;
}

/* Each flight uses up addresses that later moves may need, so of those in vain there are few. */
static void transport_silent(struct participant *p, bool over, struct effects *fx)
{
    log_write(p->room->config->log, LOG_INFO, "transport_%s participant=%s",
              over ? "heard" : "silent", p->sid);
    p->silent = !over;
    if (p->silent && p->flights < ROOM_FLIGHTS_MAX) {
        node_fared(p, p->host, EFFECT_MEDIA_SILENT, fx);
    }
}

static void transport_report(struct participant *p, int64_t now_us,
                             const Spillway__Control__TransportReport *report)
{
    if (report->estimate_bps != 0) { /* else what an earlier node knew is better than nothing */
        p->estimate_bps = report->estimate_bps;
    }
    p->transport_cc = (uint16_t)report->transport_cc;
    quality_report(p, report);
    stats_report(p, now_us, report);
}

static void media_arrived(struct room *room, int64_t now_us, const struct host *host, uint32_t id,
                          struct effects *fx)
{
    const struct track *track = publish_find_id(room, id);
    if (track != NULL && track->publisher->host == host) {
        passage_media(track->publisher, now_us, fx);
    }
}

static void standing(struct room *room, int64_t now_us, const struct host *host,
                     const Spillway__Control__Standing *told, struct effects *fx)
{
    struct participant *p = on_host(room, host, told->transport);
    if (p != NULL) {
        lease_told(p, now_us, told);
        passage_media(p, now_us, fx);
    }
}

static void transport_lost(struct participant *p, int64_t now_us, struct effects *fx)
{
    if (p != NULL) {
        log_write(p->room->config->log, LOG_INFO, "transport_lost participant=%s", p->sid);
        node_fared(p, p->host, EFFECT_MEDIA_LOST, fx);
        node_restart(p, now_us, fx);
    }
}

void room_node_event(struct room *room, int64_t now_us, const char *node,
                     const Spillway__Control__Event *event, struct effects *fx)
{
    const struct host *host = host_find(room, node);
    struct participant *p;
    switch (event->event_case) {
    case SPILLWAY__CONTROL__EVENT__EVENT_PATH_SELECTED:
        p = on_host(room, host, event->path_selected->transport);
        if (p != NULL) {
            p->silent = false;
            path_selected(p, now_us, event->path_selected, fx);
        }
        p = on_next(room, host, event->path_selected->transport);
        if (p != NULL && p->phase == MOVE_STARTED) {
            path_selected(p, now_us, event->path_selected, fx);
            move_arrived(p, now_us, fx);
        }
        break;
    case SPILLWAY__CONTROL__EVENT__EVENT_HANDED_OVER:
        p = on_host(room, host, event->handed_over->transport);
        if (p != NULL) {
            move_handed_over(p, now_us, event->handed_over);
        }
        break;
    case SPILLWAY__CONTROL__EVENT__EVENT_STANDING:
        standing(room, now_us, host, event->standing, fx);
        break;
    case SPILLWAY__CONTROL__EVENT__EVENT_TRANSPORT_LOST:
        transport_lost(on_host(room, host, event->transport_lost->transport), now_us, fx);
        break;
    case SPILLWAY__CONTROL__EVENT__EVENT_TRANSPORT_SILENT:
        p = on_host(room, host, event->transport_silent->transport);
        p = p != NULL ? p : on_next(room, host, event->transport_silent->transport);
        if (p != NULL) {
            transport_silent(p, event->transport_silent->over, fx);
        }
        break;
    case SPILLWAY__CONTROL__EVENT__EVENT_SOURCE_LEARNED:
        source_learned(room, host, event->source_learned);
        break;
    case SPILLWAY__CONTROL__EVENT__EVENT_LEVELS:
        speakers_levels(room, now_us, host, event->levels, fx);
        break;
    case SPILLWAY__CONTROL__EVENT__EVENT_TRANSPORT_REPORT:
        p = on_host(room, host, event->transport_report->transport);
        if (p != NULL) {
            transport_report(p, now_us, event->transport_report);
        }
        break;
    case SPILLWAY__CONTROL__EVENT__EVENT_VIDEO_PAUSED:
        p = on_host(room, host, event->video_paused->transport);
        if (p != NULL) {
            shortage_paused(p, event->video_paused);
        }
        break;
    case SPILLWAY__CONTROL__EVENT__EVENT_SPAN:
        passage_span(room, now_us, host, event->span);
        break;
    case SPILLWAY__CONTROL__EVENT__EVENT_MEDIA_ARRIVED:
        media_arrived(room, now_us, host, event->media_arrived->track, fx);
        break;
    default: /* newer than this program */
        break;
    }
}
