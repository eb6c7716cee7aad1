/* SPDX-License-Identifier: Apache-2.0
 *
 * What a peer says, once its link has it for a message of the session that is up: checked, and
 * handed to its subject.
 */
#include "orchestrator/core/cluster/private.h"
#include "proto/gen/control.pb-c.h"

static bool is_complete(const Spillway__Bus__Ask *ask)
{
    if (strlen(ask->room) > ENTRY_NAME_MAX) {
        return false;
    }
    switch (ask->ask_case) {
    case SPILLWAY__BUS__ASK__ASK_CONNECT:
        return ask->connect->entry != NULL && strchr(ask->connect->fingerprint, ' ') != NULL &&
               strlen(ask->connect->sid) < ID_MAX;
    case SPILLWAY__BUS__ASK__ASK_VALIDATE:
    case SPILLWAY__BUS__ASK__ASK_TWIRP:
    case SPILLWAY__BUS__ASK__ASK_ADMIN:
        return true;
    default:
        return false;
    }
}

/* A peer may speak for its own front only. */
static bool is_theirs(struct cluster *c, size_t member, uint64_t id)
{
    bool theirs = cluster_front_of(c, id) == member;
    c->stats.malformed += !theirs;
    return theirs;
}

/* What was asked before a cut, and comes as it ends, was given up there (ask_peer_gone). */
static void asked(struct cluster *c, size_t member, const Spillway__Bus__Ask *ask)
{
    if (!is_theirs(c, member, ask->id)) {
        return;
    }
    if (c->peers[member].away) {
        c->stats.asks_late++;
        return;
    }
    if (!is_complete(ask)) {
        c->stats.malformed++;
        return;
    }
    ask_new(c, member, ask);
}

static void signalled(struct cluster *c, size_t member, const Spillway__Bus__Signal *signal)
{
    if (!is_theirs(c, member, signal->conn)) {
        return;
    }
    if (signal->malformed) {
        orch_signal_malformed(c->orch, c->now_us, signal->conn);
    } else {
        orch_signal(c->orch, c->now_us, signal->conn,
                    (struct bytes){signal->message.data, signal->message.len});
    }
}

static void disconnected(struct cluster *c, size_t member, uint64_t conn)
{
    if (!is_theirs(c, member, conn)) {
        return;
    }
    struct ask *ask = ask_find(c, conn);
    if (ask != NULL) {
        ask_forget(c, ask);
    }
    orch_disconnected(c->orch, c->now_us, conn);
}

/* What a front says of a transport of ours. */
void peer_transport_event(struct cluster *c, const Spillway__Bus__TransportEvent *event)
{
    Spillway__Control__SrtpKeys keys = SPILLWAY__CONTROL__SRTP_KEYS__INIT;
    uint64_t transport = event->transport;
    uint16_t stream = (uint16_t)event->stream;
    switch (event->kind) {
    case SPILLWAY__BUS__TRANSPORT_EVENT__KIND__CONNECTED:
        keys.suite = (Spillway__Control__SrtpKeys__Suite)event->suite;
        keys.client_key = event->client_key;
        keys.server_key = event->server_key;
        orch_front_connected(c->orch, c->now_us, transport, &keys);
        break;
    case SPILLWAY__BUS__TRANSPORT_EVENT__KIND__FAILED:
        orch_front_failed(c->orch, c->now_us, transport, event->text);
        break;
    case SPILLWAY__BUS__TRANSPORT_EVENT__KIND__CHANNEL_OPENED:
        orch_channel_opened(c->orch, c->now_us, transport, stream, event->text);
        break;
    case SPILLWAY__BUS__TRANSPORT_EVENT__KIND__CHANNEL_CLOSED:
        orch_channel_closed(c->orch, c->now_us, transport, stream);
        break;
    case SPILLWAY__BUS__TRANSPORT_EVENT__KIND__CHANNEL_MESSAGE:
        orch_channel_message(c->orch, c->now_us, transport, stream,
                             (struct bytes){event->data.data, event->data.len});
        break;
    default:
        c->stats.malformed++;
        break;
    }
}

static void transport_event(struct cluster *c, size_t member,
                            const Spillway__Bus__TransportEvent *event)
{
    uint64_t front;
    if (!orch_has_transport(c->orch, event->transport, &front) ||
        front != c->peers[member].number) {
        c->stats.stale++; /* it left, or went to another front, while this was on its way */
        return;
    }
    peer_transport_event(c, event);
}

static void missed(struct cluster *c, const Spillway__Bus__Joiner *joiner)
{
    if (joiner->sid[0] == '\0' || strlen(joiner->sid) >= ID_MAX) {
        c->stats.malformed++;
        return;
    }
    orch_miss(c->orch, c->now_us, joiner->room, joiner->identity, joiner->sid);
}

static void heard_beat(struct cluster *c, size_t member, const Spillway__Bus__Beat *beat)
{
    struct peer *peer = &c->peers[member];
    ownership_member_claims(c->ownership, member, beat->store_up);
    hold_acked(c, member, beat->received);
    if (beat->leaves && !peer->leaves) {
        log_write(c->config.log, LOG_INFO, "peer_leaves peer=%s name=%s", peer->id, peer->name);
        peer->leaves = true;
        ownership_member_leaves(c->ownership, member);
        orch_front_leaves(c->orch, c->now_us, peer->number);
    }
    peer->told = true;
    peer->left |= beat->left;
    peer->waiting = MIN(beat->waiting, UINT32_MAX);
    peer_hear_waiting(c);
    for (size_t i = 0; i < beat->n_silent && i < ORCH_MISSED_MAX; i++) {
        orch_node_missed(c->orch, c->now_us, beat->silent[i], peer->region, c->config.front.region);
    }
}

void peer_hear(struct cluster *c, size_t member, const Spillway__Bus__PeerMessage *m)
{
    switch (m->message_case) {
    case SPILLWAY__BUS__PEER_MESSAGE__MESSAGE_BEAT:
        heard_beat(c, member, m->beat);
        break;
    case SPILLWAY__BUS__PEER_MESSAGE__MESSAGE_OWNED:
        rooms_owned(c, member, m->owned);
        break;
    case SPILLWAY__BUS__PEER_MESSAGE__MESSAGE_RELEASED:
        rooms_released(c, member, m->released);
        break;
    case SPILLWAY__BUS__PEER_MESSAGE__MESSAGE_ASK:
        asked(c, member, m->ask);
        break;
    case SPILLWAY__BUS__PEER_MESSAGE__MESSAGE_SIGNAL:
        signalled(c, member, m->signal);
        break;
    case SPILLWAY__BUS__PEER_MESSAGE__MESSAGE_DISCONNECTED:
        disconnected(c, member, m->disconnected->conn);
        break;
    case SPILLWAY__BUS__PEER_MESSAGE__MESSAGE_TRANSPORT_EVENT:
        transport_event(c, member, m->transport_event);
        break;
    case SPILLWAY__BUS__PEER_MESSAGE__MESSAGE_JOINER:
        missed(c, m->joiner);
        break;
    case SPILLWAY__BUS__PEER_MESSAGE__MESSAGE_EFFECT:
        front_effect(c, member, m->effect);
        break;
    case SPILLWAY__BUS__PEER_MESSAGE__MESSAGE_CHANNEL_SEND:
        front_channel_send(c, member, m->channel_send);
        break;
    case SPILLWAY__BUS__PEER_MESSAGE__MESSAGE_REDIRECT:
        ask_redirected(c, member, m->redirect);
        break;
    case SPILLWAY__BUS__PEER_MESSAGE__MESSAGE_EVENTS:
        events_heard(c, m->events);
        break;
    case SPILLWAY__BUS__PEER_MESSAGE__MESSAGE_RESERVATION:
        reservation_heard(c, m->reservation);
        break;
    case SPILLWAY__BUS__PEER_MESSAGE__MESSAGE_REMAINS:
        hand_over_heard(c, member, m->remains);
        break;
    default: /* newer than this program */
        c->stats.malformed++;
        break;
    }
}
