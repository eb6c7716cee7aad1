/* SPDX-License-Identifier: Apache-2.0
 *
 * The room and its members: coming, going, input, time.
 */
#include "media-node/core/forward/room.h"

#include <stdlib.h>
#include <utlist.h>

/* A member is looked at no more often than this, whatever its deadline says: nothing here needs it
 * finer, and no deadline that fails to move can stop the node. */
#define STEP_US TIME_MS(1)

struct fwd *fwd_new(const struct fwd_config *config, int64_t now_us)
{
    struct fwd *fwd = mem_alloc(sizeof(*fwd));
    fwd->config = *config;
    agenda_set(&fwd->agenda, &fwd->levels.entry, now_us + FWD_LEVELS_US);
    return fwd;
}

void fwd_free(struct fwd *fwd)
{
    while (fwd->members != NULL) {
        fwd_remove_transport(fwd, fwd->members);
    }
    while (fwd->tracks != NULL) {
        fwd_remove_track(fwd, fwd->tracks->id);
    }
    assert(fwd->subscriptions == NULL && fwd->edges == NULL && fwd->bundles == NULL);
    free(fwd->shares);
    free(fwd->level_list);
    free(fwd->layer_reports);
    free(fwd->subscription_reports);
    free(fwd->standing_list);
    agenda_fini(&fwd->agenda);
    free(fwd);
}

void *fwd_owner(const struct fwd *fwd)
{
    return fwd->config.owner;
}

struct fwd_counts fwd_counts(const struct fwd *fwd)
{
    return (struct fwd_counts){.members = fwd->member_count,
                               .tracks = HASH_COUNT(fwd->tracks),
                               .subscriptions = HASH_COUNT(fwd->subscriptions),
                               .held = fwd->held,
                               .edges = HASH_COUNT(fwd->edges)};
}

struct fwd_event *room_event(struct fwd *fwd, struct fwd_member *member, enum fwd_event_kind kind)
{
    struct fwd_events *events = fwd->config.events;
    if (events->count == events->capacity) {
        events->capacity = events->capacity == 0 ? 64 : events->capacity * 2;
        events->list = mem_grow(events->list, events->capacity, sizeof(*events->list));
    }
    struct fwd_event *event = &events->list[events->count++];
    *event = (struct fwd_event){.kind = kind, .fwd = fwd, .member = member};
    return event;
}

/* ---- Members --------------------------------------------------------------------------------- */

int64_t room_together(int64_t at_us, int64_t grid_us)
{
    return (at_us + grid_us - 1) / grid_us * grid_us;
}

/* Statistics are spread over the interval, for members may come by the hundred (a moved room), but
 * not each by itself. */
static int64_t first_report_us(int64_t now_us, uint64_t id)
{
    return room_together(now_us + (int64_t)(id % (uint64_t)FWD_REPORT_US), FWD_TELL_US);
}

static void remember(struct fwd_member *member, const struct fwd_transport *transport,
                     int64_t now_us)
{
    memcpy(member->participant, transport->participant, sizeof(member->participant));
    member->start_bps = transport->estimate_bps;
    if (member->lease != transport->lease) {
        member->lease = transport->lease;
        lease_tell_all(member, now_us);
    }
}

MUST_CHECK static int add_member(struct fwd *fwd, int64_t now_us,
                                 const struct fwd_transport *transport, struct fwd_member **out)
{
    struct peer *peer;
    struct peer_config config = {.credentials = transport->credentials,
                                 .exts = transport->exts,
                                 .random = fwd->config.random,
                                 .outbox = fwd->config.outbox,
                                 .counters = fwd->config.counters};
    int err = peer_new(&peer, &config);
    if (err != 0) {
        return err;
    }
    if (transport->keys.suite != RTPSEC_NONE) {
        err = peer_set_keys(peer, &transport->keys);
    }
    if (err != 0) {
        peer_free(peer);
        return err;
    }
    struct fwd_member *member = mem_alloc(sizeof(*member));
    *member = (struct fwd_member){.due = {.what = DUE_MEMBER},
                                  .fwd = fwd,
                                  .peer = peer,
                                  .id = transport->id,
                                  .rtcp_at_us = now_us + FWD_RTCP_US,
                                  .live_at_us = TIME_NEVER,
                                  .standing_at_us = TIME_NEVER,
                                  .silence_at_us = now_us + FWD_SILENT_US,
                                  .silent_us = TIME_NEVER,
                                  .report_at_us = first_report_us(now_us, transport->id),
                                  .reported_us = now_us};
    remember(member, transport, now_us);
    peer_set_transport_cc(peer, transport->transport_cc);
    DL_APPEND(fwd->members, member);
    fwd->member_count++;
    *out = member;
    room_settle(member, now_us);
    return 0;
}

/* Which extensions a subscription may use follows from its member's. */
static void set_exts(struct fwd_member *member, const struct rtp_ext_ids *exts)
{
    if (memcmp(exts, peer_exts(member->peer), sizeof(*exts)) == 0) {
        return;
    }
    peer_set_exts(member->peer, exts);
    for (size_t i = 0; i < member->subscription_count; i++) {
        struct subscription *subscription = member->subscriptions[i];
        subscription->ids = *peer_exts(member->peer);
        if (!subscription->spec.transport_cc) {
            subscription->ids.id[RTP_EXT_TRANSPORT_CC] = 0;
        }
    }
}

int fwd_set_transport(struct fwd *fwd, int64_t now_us, const struct fwd_transport *transport,
                      struct fwd_member **member)
{
    if (*member == NULL) {
        return add_member(fwd, now_us, transport, member);
    }
    struct fwd_member *known = *member;
    assert(known->fwd == fwd && known->id == transport->id);
    int err = peer_set_credentials(known->peer, &transport->credentials);
    if (err != 0) {
        return err;
    }
    if (transport->keys.suite != RTPSEC_NONE) {
        err = peer_set_keys(known->peer, &transport->keys);
        if (err != 0 && err != ERR_STALE) {
            return err;
        }
    }
    remember(known, transport, now_us);
    set_exts(known, &transport->exts);
    room_settle(known, now_us);
    return 0;
}

void fwd_remove_transport(struct fwd *fwd, struct fwd_member *member)
{
    while (member->subscription_count > 0) {
        fwd_remove_subscription(fwd, member->subscriptions[0]->id);
    }
    while (member->track_count > 0) {
        fwd_remove_track(fwd, member->tracks[0]->id);
    }
    agenda_set(&fwd->agenda, &member->due.entry, TIME_NEVER);
    DL_DELETE(fwd->members, member);
    fwd->member_count--;
    bandwidth_free(member);
    peer_free(member->peer);
    free(member->tracks);
    free(member->subscriptions);
    free(member->retired);
    free(member->handed);
    free(member);
}

uint64_t fwd_member_id(const struct fwd_member *member)
{
    return member->id;
}

struct fwd_counts fwd_member_counts(const struct fwd_member *member)
{
    return (struct fwd_counts){
        .members = 1, .tracks = member->track_count, .subscriptions = member->subscription_count};
}

void fwd_list_members(const struct fwd *fwd, struct fwd_member **out)
{
    struct fwd_member *member;
    DL_FOREACH(fwd->members, member)
    {
        *out++ = member;
    }
}

/* ---- Input ----------------------------------------------------------------------------------- */

/* A client that stands between two nodes is at this one when its media are, for it may name a path
 * long before it takes it; or in a while, if it has none. */
static void tell_path(struct fwd_member *member, int64_t now_us)
{
    const struct ice_path *selected = peer_selected(member->peer);
    if (member->duty == FWD_STANDBY && peer_heard_us(member->peer) < member->selected_at_us &&
        now_us - member->selected_at_us < FWD_NAMED_US) {
        return;
    }
    member->path_untold = false;
    if (selected != NULL) {
        member->path_at_us = now_us + FWD_PATHS_US;
        room_event(member->fwd, member, FWD_PATH_SELECTED)->path = *selected;
    }
}

static void pass_on(struct fwd_member *member, int64_t now_us, const struct peer_event *said)
{
    static const enum fwd_event_kind kinds[] = {
        [PEER_PATH_ADDED] = FWD_PATH_ADDED,
        [PEER_PATH_REMOVED] = FWD_PATH_REMOVED,
        [PEER_UNANSWERED] = FWD_CHECK_UNANSWERED,
        [PEER_LOST] = FWD_LOST,
    };
    if (said->kind == PEER_PATH_SELECTED) {
        member->path_untold = true;
        member->lost = false;
        member->selected_at_us = now_us;
        return;
    }
    if (said->kind == PEER_SILENT) {
        silence_begins(member, now_us);
        return;
    }
    if (said->kind == PEER_LOST) {
        member->fwd->config.counters->transports_lost++;
        member->lost = true;
    }
    room_event(member->fwd, member, kinds[said->kind])->path = said->path;
}

/* New keys are a new life for every outgoing stream: the client's rollover counters are back at
 * zero, and no nonce of the old keys counts. */
static void renew_streams(struct fwd_member *member)
{
    member->retired_count = 0;
    bandwidth_drop(member);
    for (size_t i = 0; i < member->subscription_count; i++) {
        struct subscription *subscription = member->subscriptions[i];
        rtpsec_stream_init(&subscription->media, subscription->spec.ssrc);
        rtpsec_stream_init(&subscription->rtx, subscription->spec.rtx_ssrc);
        handover_renew(subscription);
        lease_begin(subscription);
    }
}

static int64_t receivers_deadline(const struct track *track)
{
    int64_t at = TIME_NEVER;
    for (size_t layer = 0; layer < STREAM_LAYERS_MAX; layer++) {
        const struct stream_receiver *receiver = track->receivers[layer];
        if (receiver != NULL) {
            at = MIN(at, stream_receiver_deadline(receiver));
        }
    }
    return at;
}

/* When a path that was not told of yet is. */
static int64_t path_deadline(const struct fwd_member *member)
{
    return member->duty == FWD_STANDBY ? member->selected_at_us + FWD_NAMED_US : member->path_at_us;
}

static int64_t deadline_of(const struct fwd_member *member)
{
    int64_t at = MIN(peer_deadline(member->peer), member->report_at_us);
    at = MIN(at, MIN(member->rtcp_at_us, member->live_at_us));
    at = MIN(at, bandwidth_deadline(member));
    at = MIN(at, MIN(member->standing_at_us, member->silence_at_us));
    at = member->path_untold ? MIN(at, path_deadline(member)) : at;
    for (size_t i = 0; i < member->track_count; i++) {
        at = MIN(at, receivers_deadline(member->tracks[i]));
    }
    return at;
}

/* Receivers and layers of a member's tracks are on its own entry. */
void room_settle_track(struct track *track, int64_t now_us)
{
    int64_t at = MIN(track->clock_at_us, track->backup_at_us);
    if (track->member == NULL) {
        at = MIN(at, MIN(track->live_at_us, receivers_deadline(track)));
    }
    at = at == TIME_NEVER ? at : MAX(at, now_us + STEP_US);
    agenda_set(&track->fwd->agenda, &track->due.entry, at);
}

void room_settle(struct fwd_member *member, int64_t now_us)
{
    struct peer_event said;
    while (peer_poll(member->peer, &said)) {
        pass_on(member, now_us, &said);
    }
    silence_heed(member);
    if (member->path_untold && now_us >= member->path_at_us) {
        tell_path(member, now_us);
    }
    if (peer_key_generation(member->peer) != member->key_generation) {
        member->key_generation = peer_key_generation(member->peer);
        renew_streams(member);
    }
    if (peer_can_send(member->peer) != member->sending) {
        member->sending = !member->sending;
        bandwidth_drop(member);
        for (size_t i = 0; i < member->subscription_count; i++) {
            media_apply_want(member->subscriptions[i], now_us);
        }
        bandwidth_soon(member, now_us);
    }
    int64_t at = MAX(deadline_of(member), now_us + STEP_US);
    agenda_set(&member->fwd->agenda, &member->due.entry, at);
}

void room_due(struct fwd_member *member, int64_t now_us, int64_t at_us)
{
    struct agenda *agenda = &member->fwd->agenda;
    int64_t at = MAX(at_us, now_us + STEP_US);
    if (at < agenda_time(agenda, &member->due.entry)) {
        agenda_set(agenda, &member->due.entry, at);
    }
}

int fwd_set_keys(struct fwd_member *member, int64_t now_us, const struct peer_keys *keys)
{
    int err = peer_set_keys(member->peer, keys);
    room_settle(member, now_us);
    return err;
}

int fwd_check(struct fwd_member *member, int64_t now_us, const struct ice_path *path,
              uint32_t priority)
{
    int err = peer_check(member->peer, now_us, path, priority);
    room_settle(member, now_us);
    return err;
}

void fwd_tell(struct fwd_member *member, int64_t now_us)
{
    struct fwd *fwd = member->fwd;
    tell_path(member, now_us);
    if (member->lost && peer_selected(member->peer) == NULL) {
        room_event(fwd, member, FWD_LOST);
    } else if (member->silent_us != TIME_NEVER) {
        room_event(fwd, member, FWD_SILENT);
    }
    const struct peer_source *source;
    for (size_t i = 0; (source = peer_source_at(member->peer, i)) != NULL; i++) {
        struct track *track;
        HASH_FIND(hh, fwd->tracks, &source->track, sizeof(source->track), track);
        if (source->arrived && track != NULL) {
            struct fwd_event *event = room_event(fwd, member, FWD_SOURCE);
            event->source = *source;
            event->rid = track->spec.published.layers[source->layer].rid;
        }
    }
    for (size_t i = 0; i < member->track_count; i++) {
        if (member->tracks[i]->arrived) {
            room_event(fwd, member, FWD_MEDIA)->track = member->tracks[i]->id;
        }
    }
    if (member->duty == FWD_HANDS_OVER) {
        handover_tell(member);
    }
    bandwidth_tell(member);
    lease_tell_all(member, now_us);
}

int fwd_stun(struct fwd_member *member, int64_t now_us, const struct ice_path *path,
             const struct stun_message *message)
{
    int err = peer_stun(member->peer, now_us, path, message);
    if (err == 0) {
        member->fwd->config.counters->stun_in++;
    } else {
        member->fwd->config.counters->drop_stun_refused++;
    }
    room_settle(member, now_us);
    return err;
}

void fwd_dtls(struct fwd_member *member, const struct ice_path *path)
{
    member->fwd->config.counters->dtls_in++;
    peer_dtls(member->peer, path);
}

void fwd_path_closed(struct fwd_member *member, int64_t now_us, const struct ice_path *path)
{
    bool had_path = peer_selected(member->peer) != NULL;
    peer_path_closed(member->peer, now_us, path);
    room_settle(member, now_us);
    if (had_path && peer_selected(member->peer) == NULL) {
        member->fwd->config.counters->transports_lost++;
        member->lost = true;
        struct fwd_event *event = room_event(member->fwd, member, FWD_LOST);
        event->path = *path;
        event->tcp = true;
    }
}

bool fwd_send_dtls(struct fwd_member *member, struct bytes datagram)
{
    bool sent = peer_send_dtls(member->peer, datagram);
    if (sent) {
        member->fwd->config.counters->dtls_out++;
    }
    return sent;
}

/* ---- Time ------------------------------------------------------------------------------------ */

static void expire_receivers(struct track *track, int64_t now_us)
{
    for (size_t layer = 0; layer < STREAM_LAYERS_MAX; layer++) {
        struct stream_receiver *receiver = track->receivers[layer];
        if (receiver != NULL && stream_receiver_deadline(receiver) <= now_us) {
            stream_receiver_expire(receiver, now_us);
            media_ask(track, now_us, layer);
        }
    }
}

/* Whether a packet of the track that came waits to be forwarded, or for its turn. */
static bool waits(const struct track *track)
{
    bool any = track->waiting > 0;
    for (size_t i = 0; i < track->subscription_count && !any; i++) {
        any = bandwidth_waits(track->subscriptions[i]->member);
    }
    return any;
}

static void trim_track(struct track *track, int64_t now_us)
{
    bool idle = !waits(track);
    for (size_t layer = 0; layer < STREAM_LAYERS_MAX && idle; layer++) {
        if (track->receivers[layer] != NULL) {
            stream_receiver_trim(track->receivers[layer], now_us);
        }
    }
}

/* What rests gives back what it remembers. One of its subscribers looks after a track from another
 * node. */
static void trim_member(struct fwd_member *member, int64_t now_us)
{
    for (size_t i = 0; i < member->track_count; i++) {
        trim_track(member->tracks[i], now_us);
    }
    for (size_t i = 0; i < member->subscription_count; i++) {
        struct track *track = member->subscriptions[i]->track;
        if (!bandwidth_waits(member)) {
            stream_sender_trim(member->subscriptions[i]->sender, now_us);
        }
        if (track->member == NULL && track->subscriptions[0] == member->subscriptions[i]) {
            trim_track(track, now_us);
        }
    }
    bandwidth_trim(member, now_us);
}

/* Goes on while anything flows; the first packet of a layer starts it again. */
static void look_at_layers(struct fwd_member *member, int64_t now_us)
{
    bool flows = false;
    for (size_t i = 0; i < member->track_count; i++) {
        flows = media_look_at_layers(member->tracks[i], now_us) || flows;
    }
    member->live_at_us = flows ? now_us + FWD_LIVE_US : TIME_NEVER;
}

static void expire_member(struct fwd_member *member, int64_t now_us)
{
    if (peer_deadline(member->peer) <= now_us) {
        peer_expire(member->peer, now_us);
    }
    for (size_t i = 0; i < member->track_count; i++) {
        expire_receivers(member->tracks[i], now_us);
    }
    if (member->live_at_us <= now_us) {
        look_at_layers(member, now_us);
    }
    bandwidth_expire(member, now_us);
    if (member->rtcp_at_us <= now_us) {
        member->rtcp_at_us = room_together(now_us + FWD_RTCP_US, FWD_RTCP_GRID_US);
        report_rtcp(member, now_us);
    }
    if (member->report_at_us <= now_us) {
        member->report_at_us = room_together(now_us + FWD_REPORT_US, FWD_TELL_US);
        report_statistics(member, now_us);
        trim_member(member, now_us);
    }
    if (member->standing_at_us <= now_us) {
        member->standing_at_us = TIME_NEVER;
        lease_report(member);
    }
    room_settle(member, now_us);
    if (member->silence_at_us <= now_us) {
        silence_look(member, now_us);
    }
}

static void expire_track(struct track *track, int64_t now_us)
{
    if (track->member == NULL) {
        expire_receivers(track, now_us);
        if (track->live_at_us <= now_us) {
            bool flows = media_look_at_layers(track, now_us);
            track->live_at_us = flows ? now_us + FWD_LIVE_US : TIME_NEVER;
        }
    }
    if (track->clock_at_us <= now_us) {
        track->clock_at_us = now_us + FWD_RTCP_US;
        trim_track(track, now_us);
        for (size_t i = 0; i < track->edge_count; i++) {
            edge_clock(track->edges[i], UINT8_MAX);
        }
    }
    if (track->backup_at_us <= now_us) {
        origin_want_backups(track, now_us);
    }
    room_settle_track(track, now_us);
}

void fwd_expire(struct fwd *fwd, int64_t now_us)
{
    struct agenda_entry *entry = agenda_due(&fwd->agenda, now_us);
    if (entry == NULL) {
        return;
    }
    struct due *due = (struct due *)((char *)entry - offsetof(struct due, entry));
    switch (due->what) {
    case DUE_LEVELS:
        agenda_set(&fwd->agenda, entry, now_us + FWD_LEVELS_US);
        report_levels(fwd, now_us);
        return;
    case DUE_MEMBER:
        expire_member((struct fwd_member *)((char *)due - offsetof(struct fwd_member, due)),
                      now_us);
        return;
    case DUE_TRACK:
        expire_track((struct track *)((char *)due - offsetof(struct track, due)), now_us);
        return;
    }
    unreachable();
}

int64_t fwd_deadline(const struct fwd *fwd)
{
    return agenda_deadline(&fwd->agenda);
}
