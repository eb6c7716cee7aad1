/* SPDX-License-Identifier: Apache-2.0
 *
 * Inside a room: the prototypes shared by its files, grouped by the file that defines them.
 */
#ifndef ORCHESTRATOR_CORE_ROOM_PRIVATE_H
#define ORCHESTRATOR_CORE_ROOM_PRIVATE_H

#include "orchestrator/core/room/model.h"

/* ---- room.c */
struct participant *room_find(const struct room *room, const char *identity);
struct participant *room_find_transport(const struct room *room, uint64_t transport);

/* ---- leave.c */
/* Removes a participant: says leave if it has a connection, tells the others, frees it. */
void room_leave(struct room *room, int64_t now_us, struct participant *p,
                Livekit__DisconnectReason reason, Livekit__LeaveRequest__Action action,
                bool say_leave, struct effects *fx);

/* Its permission to be seen was taken, or given: the others see it leave, or come. */
void room_hide(struct participant *p);
void room_reveal(struct participant *p, struct effects *fx);
/* Everything it had in the room goes. */
void leave_forget(struct participant *p, int64_t now_us, struct effects *fx);
/* With the next flush, everybody hears that this one is gone. info is copied. */
void leave_tell(struct room *room, Livekit__ParticipantInfo *info);
/* Its node knows of no path to it, and so will miss none: if it does not come back, it is gone. */
void leave_unless_back(struct participant *p, int64_t now_us);

/* ---- participant.c */
struct participant *participant_new(struct room *room, int64_t now_us,
                                    const struct room_join *join);
/* Of nobody yet: what a client that comes is, whatever it brings. */
struct participant *participant_blank(struct room *room, int64_t now_us);
void participant_free(struct participant *p);
void participant_set_attribute(struct participant *p, const char *name, const char *value);
/* The same with each of these, which are borrowed. False, and nothing is changed: it would have
 * more than anybody may. */
MUST_CHECK bool participant_update_attributes(struct participant *p, const struct attribute *list,
                                              size_t count);
void participant_set_permission(struct participant *p, const Livekit__ParticipantPermission *from);
void participant_changed(struct participant *p);
void participant_refresh_token(struct participant *p, int64_t now_us, struct effects *fx);

/* Gives it a second peer connection, at the node where the first one is. */
void participant_add_receiver(struct participant *p, int64_t now_us);

bool participant_is_firefox(const struct participant *p);
bool participant_is_pion(const struct participant *p);
bool participant_is_plain(const struct participant *p); /* WHIP or WHEP: hears of no candidates */

/* An agent or a recorder, which is there for the others: no room goes on for it, or is full by it.
 */
bool participant_is_dependent(const struct participant *p);
bool participant_would_depend(const struct token *token);
size_t participant_count_people(const struct room *room); /* all others */
/* After somebody came, left or became another: since when nobody of these is here. */
void participant_recount(struct room *room, int64_t now_us);

/* ---- front.c */
struct room_front room_front_copy(const struct room_front *front);
void room_front_free(struct room_front *front);
/* It is to change with the client's next resume. */
void room_front_lose(struct participant *p);
/* Whether DTLS can begin anew on its client's peer connection. */
bool room_front_may_change(const struct participant *p);
/* It restarted its ICE: if its front is gone, the one its WebSocket reached takes its place. */
void room_front_change(struct participant *p, int64_t now_us, struct effects *fx);

/* ---- lock.c */
void lock_meet(struct participant *p);        /* one that has just come */
bool lock_waits(const struct participant *p); /* to be let in */

/* ---- join.c */
void join_tell_state(struct participant *p, struct effects *fx); /* everybody, and the room */

/* ---- info.c */
Livekit__TrackInfo *info_track(const struct track *track, struct arena *arena);
Livekit__ParticipantInfo *info_participant(const struct participant *p, struct arena *arena);
Livekit__Room *info_room(const struct room *room, struct arena *arena);
/* The TURN servers, with credentials made now; NULL, and count 0: there are none. */
Livekit__ICEServer **info_ice_servers(const struct participant *p, int64_t now_us,
                                      struct arena *arena, size_t *count);
void *info_clone(const ProtobufCMessage *message); /* deep; free with free_unpacked(m, NULL) */
void info_set(char **field, const char *text);     /* of a cloned message; text is copied */

/* ---- missed.c: who left while its signalling was away, or may have been */
void missed_departed(struct room *room, int64_t now_us, const Livekit__ParticipantInfo *info);
bool missed_was_told(const struct room *room, const char *sid);     /* lately, that it left */
bool missed_was_replaced(const struct room *room, const char *sid); /* and by its own identity */
void missed_room_fini(struct room *room);
void missed_note(struct participant *p, const Livekit__ParticipantInfo *info);
bool missed_too_much(const struct participant *p); /* it cannot resume */
void missed_tell(struct participant *p, struct effects *fx);
void missed_forget(struct participant *p);

/* ---- signal.c: what goes to clients */
void signal_send(const struct participant *p, const Livekit__SignalResponse *response,
                 struct effects *fx);
void signal_leave(const struct participant *p, Livekit__DisconnectReason reason,
                  Livekit__LeaveRequest__Action action, struct effects *fx);
void signal_request_response(const struct participant *p, uint32_t request_id,
                             Livekit__RequestResponse__Reason reason, const char *message,
                             struct effects *fx);

/* ---- negotiate.c */
MUST_CHECK int negotiate_offer(struct participant *p, int64_t now_us,
                               const Livekit__SessionDescription *offer, struct effects *fx,
                               char reason[SDP_REASON_MAX]);
void negotiate_flush(struct participant *p, struct effects *fx);
/* Shared by answers and offers of ours: what a subscription's line is to say (its strings are the
 * arena's), that it waits for one, what the client is told beside the SDP, whether a line as agreed
 * on carries the track in a codec that its publisher sends, and if none does. */
void negotiate_wish(struct session_line *line, struct subscription *subscription,
                    struct arena *arena);
bool negotiate_waits(const struct subscription *subscription, const struct session_line *line);
void negotiate_name_mids(struct participant *p, Livekit__SessionDescription *description,
                         struct arena *arena);
/* The client does not take in that section what it carries: then it is refused, and the section is
 * free. */
bool negotiate_refuse_untaken(struct participant *p, struct session_line *line, struct effects *fx);
struct subscription *negotiate_subscription(const struct participant *p, uint32_t id);
void negotiate_restarted(struct participant *p, int64_t now_us, struct effects *fx); /* its ICE */
void negotiate_settled(struct participant *p); /* an exchange is through: its node is to know */
/* The client was told of other SSRCs in this section than those of the subscription. */
bool negotiate_is_stale(const struct subscription *subscription, const struct session_line *line);
/* Candidates at the room's node: one of its UDP ports, at random because each is a socket with a
 * buffer of its own, and its TCP port, each at every address that the node advertises, in the
 * node's order, the first preferred; the client takes the family it can. Never an ip:port that this
 * peer connection had before (architecture.md §2.3): going back to an old one took Chromium 3.6 s
 * and failed in Firefox. False: it had them all; there are no candidates, only an ICE restart
 * helps. Who cannot be asked for one (participant_is_plain) is given old ones again: it may not
 * come there, and then stays where it is if that still serves it. */
bool negotiate_choose_candidates(struct participant *p, const struct host *host);
/* Whether the node has a UDP port that the client was not given yet. */
bool negotiate_may_reach(const struct participant *p, const Spillway__Control__Register *node);
void negotiate_trickle(struct participant *p, struct effects *fx);

/* ---- propose.c: offers of ours, on a receiver's peer connection */
void propose_flush(struct participant *receiver, int64_t now_us, struct effects *fx);
/* Its person's client answers. ERR_INVALID, ...: it is to be closed with reason. */
MUST_CHECK int propose_answered(struct participant *p, int64_t now_us,
                                const Livekit__SessionDescription *answer, struct effects *fx,
                                char reason[SDP_REASON_MAX]);
/* It resumes: the offer that may be on its way is lost, and its ICE begins anew. */
void propose_resumed(struct participant *p);

/* ---- node.c: whether media arrive at the node */
void node_expect(struct participant *p, int64_t now_us); /* within ROOM_ARRIVAL_TIMEOUT_US */
void node_restart(struct participant *p, int64_t now_us, struct effects *fx);
void node_late(struct participant *p, int64_t now_us, struct effects *fx);
/* It has its first offer answered, or goes elsewhere before it was connected. */
void node_expect_first(struct participant *p, int64_t now_us);
/* How its media fare at that host: whoever looks for gray nodes is told. */
void node_fared(const struct participant *p, const struct host *host, enum effect_media how,
                struct effects *fx);

/* ---- passage.c: traces of joins and moves. Nothing happens where none is traced */
void passage_join(struct participant *p, int64_t now_us, const struct room_join *join);
/* It is about to go to another host. */
void passage_move(struct participant *p, int64_t now_us, const struct host *to,
                  const struct room_cause *cause, struct effects *fx);
/* As planned: the old node is told to stop; and has, or is not asked any more. */
void passage_handing(struct participant *p, int64_t now_us);
void passage_handed(struct participant *p, int64_t now_us);
/* A move is given up. */
void passage_stays(struct participant *p, int64_t now_us, const char *why);
/* It is through; or failed, and why. */
void passage_end(struct participant *p, int64_t now_us, const char *why, struct effects *fx);
void passage_forget(struct participant *p);                /* without a word */
struct bytes passage_context(const struct participant *p); /* for Transport.trace */
const char *passage_word(const struct participant *p, char out[TRACE_WORD_MAX]); /* for the log */
void passage_answered(struct participant *p, int64_t now_us);                    /* an offer */
/* Of everybody on that host: its spec went out, or was acknowledged. */
void passage_sent(struct room *room, const struct host *host, int64_t now_us);
void passage_acked(struct room *room, const struct host *host, int64_t now_us);
/* A part of it that its node tells of. */
void passage_span(struct room *room, int64_t now_us, const struct host *host,
                  const Spillway__Control__Span *told);
void passage_path(struct participant *p, int64_t now_us, struct effects *fx); /* is selected */
void passage_keys(struct participant *p, int64_t now_us, struct effects *fx); /* are there */
/* The first packet of a track of its was forwarded, or one was sent to it. */
void passage_media(struct participant *p, int64_t now_us, struct effects *fx);
void passage_expire(struct participant *p, int64_t now_us, struct effects *fx);
int64_t passage_deadline(const struct participant *p);

/* ---- publish.c */
struct track *publish_find(const struct participant *p, const char *sid);
struct track *publish_find_id(const struct room *room, uint32_t id);
MUST_CHECK int publish_add(struct participant *p, int64_t now_us,
                           const Livekit__AddTrackRequest *request, struct effects *fx,
                           char reason[SDP_REASON_MAX]);
/* As its client says that it was answered, before its room came here. False: it was not so. */
bool publish_again(struct participant *p, int64_t now_us,
                   const Livekit__TrackPublishedResponse *published, struct effects *fx);
void publish_bind(struct participant *p); /* pending tracks to sections */
void publish_announce(struct participant *p, int64_t now_us, struct effects *fx);
void publish_remove(struct track *track, int64_t now_us, struct effects *fx);
/* The same, and its publisher is told. */
void publish_withdraw(struct track *track, int64_t now_us, struct effects *fx);
void publish_mute(struct track *track, bool muted);
void publish_claim_ssrc(struct participant *p, uint32_t *slot, uint32_t ssrc);
bool publish_allowed(const struct participant *p, const struct track *track);

/* ---- shortage.c */
void shortage_tell(struct participant *p, struct effects *fx); /* which of its video is paused */
/* Its node says for which of its video there is no bandwidth. */
void shortage_paused(struct participant *p, const Spillway__Control__VideoPaused *paused);
void shortage_moved(struct participant *p); /* another node serves it now */

/* ---- subscribe.c */
/* Nothing of it flows: its subscriber does not want it now, or it is held for want of place. */
bool subscribe_is_off(const struct subscription *subscription);
bool subscribe_is_held(const struct subscription *subscription);
struct subscription *subscribe_find(const struct participant *p, const struct track *track);
void subscribe_add(struct participant *p, struct track *track);
void subscribe_remove(struct subscription *subscription);
void subscribe_everybody(struct track *track); /* who subscribes by itself */
void subscribe_end(struct track *track);       /* all subscriptions to it */
void subscribe_auto(struct participant *p);    /* to everything published */
void subscribe_nothing(struct participant *p); /* any more */
void subscribe_request(struct participant *p, const Livekit__UpdateSubscription *request,
                       struct effects *fx);
void subscribe_settings(struct participant *p, const Livekit__UpdateTrackSettings *settings);
void subscribe_disable(struct participant *p, const char *track_sid);
void subscribe_permission(struct participant *p, const Livekit__SubscriptionPermission *permission);
bool subscribe_permitted(const struct track *track, const struct participant *subscriber);
/* It may have come to be carried: in the node's spec, to a client whose DTLS is up. */
void subscribe_carried(struct subscription *subscription);
/* What may be said only after the update that announces a track, or once it is carried. */
void subscribe_flush(struct participant *p, struct effects *fx);
/* The highest simulcast layer that is wanted; how many spatial layers inside the track's one
 * stream, 0 all; and the highest temporal layer. */
uint32_t subscribe_spatial_max(const struct subscription *subscription);
uint32_t subscribe_sizes(const struct subscription *subscription);
#define RATE_ALL 7 /* as control.proto has it */
uint32_t subscribe_temporal_max(const struct subscription *subscription);

/* ---- wants.c */
void wants_begin(struct subscription *subscription);
void wants_changed(struct subscription *subscription); /* after whatever may have changed it */
void wants_end(struct subscription *subscription);
void wants_repeat(const struct participant *p, struct effects *fx); /* all it was told */
void wants_flush(struct room *room, int64_t now_us, struct effects *fx);

/* ---- host.c: which nodes the room is on */
struct host *host_find(const struct room *room, const char *node);
struct host *host_of(struct room *room, const Spillway__Control__Register *node); /* adds it */
/* Hosts that carry nobody are dropped. */
void host_flush(struct room *room, struct effects *fx);
void host_free(struct room *room, struct host *host);

/* HERE or NEXT; -1: it is not there. */
int host_place(const struct participant *p, const struct host *host);

/* It lives after all: the others are told the ways to it. */
void host_found(struct room *room, struct host *host);

/* What it adds to a node's weight by itself. */
uint32_t host_connection_weight(const struct participant *p);

/* What the room comes to there, as the node counts it (Load.weight), once all of it flows: with
 * the tracks that are to come from other nodes, and those to go there. */
uint32_t host_weight(const struct room *room, const struct host *host);

/* ---- move.c: from one host to another */
void move_to(struct participant *p, int64_t now_us, struct host *host, struct effects *fx);
/* The same without the old host, which is dead, or while nothing flows. */
void move_at_once(struct participant *p, int64_t now_us, struct host *host, struct effects *fx);
void move_arrived(struct participant *p, int64_t now_us, struct effects *fx); /* at NEXT */
void move_handed_over(struct participant *p, int64_t now_us,
                      const Spillway__Control__HandedOver *handed);
void move_cancel(struct participant *p, int64_t now_us); /* it stays HERE, whatever the phase */
/* Where it was before it moved at once to HERE, which refused it. unused: nothing can have been
 * sent to it from there. */
void move_back(struct participant *p, struct host *old, bool unused);
void move_expire(struct participant *p, int64_t now_us, struct effects *fx);

/* ---- refuge.c: whom the next node may refuse */
void refuge_begin(struct participant *p, const Spillway__Control__Register *from,
                  uint32_t weight_max);
void refuge_end(struct participant *p);
/* The limit of a spec that is about to be sent, by who fled there. */
void refuge_limit(const struct room *room, const struct host *host,
                  Spillway__Control__RoomSpec *spec);
void refuge_applied(const struct room *room, const struct host *host, uint64_t version);
/* Words between us and the node were lost: whom it may have, it is to have. */
void refuge_unknown(const struct room *room, const struct host *host);

/* ---- cascade.c: how tracks get from node to node */
void cascade_changed(struct track *track); /* who wants it, or where its publisher is */
void cascade_changed_all(struct room *room);
void cascade_flush(struct room *room, int64_t now_us);
void cascade_leave_host(struct room *room, struct host *host); /* it is dropped */
void cascade_forget(struct track *track);                      /* it is nowhere any more */
struct copy *cascade_copy(const struct track *track, const struct host *host); /* or NULL */

/* ---- spec.c: what each of them is told. *_changed: it is sent with the next flush */
void spec_flush(struct room *room, int64_t now_us, struct effects *fx);
void spec_transport_changed(struct participant *p);
void spec_track_changed(struct track *track);
void spec_copy_changed(struct copy *copy);
void spec_edge_changed(struct edge *edge);
void spec_put_wants(Spillway__Control__Edge *entry, const struct wants *wants, struct arena *arena);
struct wants spec_wants(const Spillway__Control__Edge *entry);
void spec_subscription_changed(struct subscription *subscription);
void spec_remove_transport(struct participant *p); /* everywhere, with its subscriptions */
void spec_leave_next(struct participant *p);       /* the same from NEXT alone */
void spec_remove_copy(const struct track *track, struct copy *copy);
void spec_remove_edge(struct edge *edge);
void spec_withdraw(struct subscription *subscription);
void spec_begin_anew(struct subscription *subscription); /* its holder is another one */
void spec_drop(struct room *room, struct host *host, struct effects *fx);
uint32_t spec_fresh_ssrc(const struct room *room);
/* Fresh ones, unless it has some: never in use before (spec.c). */
void spec_choose_ssrcs(struct subscription *subscription);

/* ---- lease.c: the SSRCs of a dead node's streams go on elsewhere */
void lease_told(struct participant *p, int64_t now_us, const Spillway__Control__Standing *standing);
/* Its holder is to be another one. False: only under fresh SSRCs. */
bool lease_pass(struct subscription *subscription);
/* Where the next holder begins; NULL: it was not passed to it. The message is arena's. */
Spillway__Control__SenderState *lease_resume(struct subscription *subscription, int64_t now_us,
                                             struct arena *arena);
/* The one that was told where to begin did not begin. */
void lease_untaken(struct subscription *subscription);
/* Its holder is another one, which knows where to go on, or it has other SSRCs. */
void lease_forget(struct subscription *subscription);
void lease_renew(struct participant *p); /* under new keys */

/* ---- sealed.c: what nodes keep for the next owner */
void sealed_changed(struct participant *p); /* after what session.proto has of it */
/* What it is told now, its node is to have before. */
void sealed_now(struct participant *p);
void sealed_room_now(struct room *room);
void sealed_flush(struct room *room, int64_t now_us);
void sealed_done(struct room *room); /* after spec_flush() */
/* As they are now, in the arena; of a session that is too big, nothing. */
ProtobufCBinaryData sealed_room(struct room *room, struct arena *arena);
ProtobufCBinaryData sealed_session(struct participant *p, struct arena *arena);

/* ---- channel.c */
void channel_broadcast(struct room *room, int64_t now_us, const struct participant *sender,
                       const struct data_packet *packet, bool reliable, struct effects *fx);
int64_t channel_rpc_deadline(const struct room *room);
void channel_rpc_free(struct rpc_call *call); /* which is on no list */
void channel_rpc_expire(struct room *room, int64_t now_us, struct effects *fx);
void channel_rpc_forget(struct room *room, const char *destination, struct effects *fx);

const char *channel_label(enum channel_kind kind);
bool channel_of(const char *label, enum channel_kind *out); /* false: an application's own */

/* ---- suspend.c: data channels that get another SCTP association */
void channel_suspend(struct participant *p);
size_t channel_waiting(const struct participant *p, struct effect_channel out[CHANNEL_COUNT]);
void channel_received(struct participant *p, const Livekit__SyncState *state);
bool channel_kept(const struct participant *p); /* all that is to be sent to it again */
void channel_resumed(struct participant *p, int64_t now_us);
bool channel_lacks(const struct participant *p, const struct data_replay_entry *entry,
                   const struct data_packet *packet);
void channel_forget(struct participant *p); /* nothing waits for it any more */
/* Whether a reliable packet of the client is news, and the next one. */
bool channel_takes(struct participant *p, int64_t now_us, uint32_t sequence);

/* ---- data_track.c */
void data_track_publish(struct participant *p, const Livekit__PublishDataTrackRequest *request,
                        struct effects *fx);
void data_track_unpublish(struct participant *p, const Livekit__UnpublishDataTrackRequest *request,
                          struct effects *fx);
void data_track_subscribe(struct participant *p, const Livekit__UpdateDataSubscription *request,
                          struct effects *fx);
void data_track_reveal(struct participant *p, struct effects *fx); /* auto, to what it publishes */
void data_track_end(struct participant *p); /* all subscriptions to what it publishes */
void data_track_auto(struct participant *p, struct effects *fx);
void data_track_unsubscribe(struct participant *p, struct effects *fx); /* from everything */
void data_track_forward(struct participant *p, struct bytes packet, struct effects *fx);
void data_track_forget(struct participant *p); /* frees all of its data track state */

/* ---- speakers.c */
void speakers_levels(struct room *room, int64_t now_us, const struct host *host,
                     const Spillway__Control__Levels *levels, struct effects *fx);
void speakers_simulate(struct participant *p, int64_t now_us, int32_t seconds);
void speakers_expire(struct room *room, int64_t now_us, struct effects *fx);
int64_t speakers_deadline(const struct room *room);

/* ---- quality.c */
void quality_report(struct participant *p, const Spillway__Control__TransportReport *report);
void quality_expire(struct room *room, struct effects *fx);

/* ---- webhook.c */
void webhook_room(const struct room *room, int64_t now_us, const char *event, struct effects *fx);
void webhook_participant(const struct participant *p, int64_t now_us, const char *event,
                         struct effects *fx);
void webhook_track(const struct track *track, int64_t now_us, const char *event,
                   struct effects *fx);

#endif
