/* SPDX-License-Identifier: Apache-2.0
 *
 * A room gets another owner (control.proto, Claim): the fence rises, media go on, and the new owner
 * is given what was kept for it, and which SSRCs are in use. That is one message, which all that
 * people may say of themselves does not fit: where it is too much, those with the longest sessions
 * start over.
 */
#include "media-node/core/node/parts.h"

#include <stdlib.h>

#define SEALED_TOLD_MAX (NODE_MESSAGE_MAX / 4 * 3) /* bytes; the rest is for everything else */

typedef Spillway__Control__RoomState state_message;
typedef Spillway__Control__SessionState session_message;

static const char *node_at(const struct node *node, const struct relay *relay)
{
    const struct trunk *trunk = node->trunks;
    while (trunk != NULL && trunk->relay != relay) {
        trunk = trunk->hh.next;
    }
    return trunk == NULL ? "" : trunk->node;
}

static void put_edges(const struct node *node, const struct room *room, struct arena *arena,
                      state_message *out)
{
    size_t count = fwd_counts(room->fwd).edges;
    uint32_t *ids = arena_array(arena, count, sizeof(*ids));
    struct fwd_edge *edges = arena_array(arena, count, sizeof(*edges));
    fwd_list_edges(room->fwd, ids);
    out->edges = arena_array(arena, count, sizeof(*out->edges));
    for (size_t i = 0; i < count; i++) {
        fwd_get_edge(room->fwd, ids[i], &edges[i]);
        Spillway__Control__Edge *edge = arena_alloc(arena, sizeof(*edge));
        spillway__control__edge__init(edge);
        edge->id = edges[i].id;
        edge->track = edges[i].track;
        edge->node = arena_str(arena, node_at(node, edges[i].relay));
        edge->ssrcs = edges[i].ssrcs;
        edge->n_ssrcs = edges[i].ssrc_count;
        out->edges[out->n_edges++] = edge;
    }
}

static void put_subscription(const struct room *room, session_message *session, uint32_t id,
                             struct arena *arena)
{
    struct fwd_subscription from;
    Spillway__Control__SubscriptionState *state = arena_alloc(arena, sizeof(*state));
    spillway__control__subscription_state__init(state);
    fwd_get_subscription(room->fwd, id, &from);
    state->id = id;
    state->ssrc = from.ssrc;
    state->rtx_ssrc = from.rtx_ssrc;
    session->subscriptions[session->n_subscriptions++] = state;
}

static int compare_sizes(const void *a, const void *b)
{
    size_t x = *(const size_t *)a;
    size_t y = *(const size_t *)b;
    return (x > y) - (x < y);
}

/* Longer sessions are left out. */
static size_t sealed_max(const struct node *node, struct fwd_member *const *members, size_t count,
                         struct arena *arena)
{
    size_t *sizes = arena_array(arena, count, sizeof(*sizes));
    size_t total = 0;
    for (size_t i = 0; i < count; i++) {
        sizes[i] = node_find_transport(node, fwd_member_id(members[i]))->sealed_len;
    }
    qsort(sizes, count, sizeof(*sizes), compare_sizes);
    for (size_t i = 0; i < count; i++) {
        total += sizes[i];
        if (total > SEALED_TOLD_MAX) {
            return sizes[i] - 1;
        }
    }
    return SPEC_SEALED_MAX;
}

static session_message *put_session(const struct node *node, struct fwd_member *member,
                                    size_t longest, struct arena *arena)
{
    session_message *session = arena_alloc(arena, sizeof(*session));
    const struct transport *transport = node_find_transport(node, fwd_member_id(member));
    spillway__control__session_state__init(session);
    session->transport = transport->id;
    if (transport->sealed_len <= longest) {
        session->sealed = (ProtobufCBinaryData){transport->sealed_len, transport->sealed};
    }
    session->moving = fwd_member_duty(member) != FWD_SERVES;
    session->subscriptions = arena_array(arena, fwd_member_counts(member).subscriptions,
                                         sizeof(*session->subscriptions));
    return session;
}

static int compare_sessions(const void *a, const void *b)
{
    uint64_t x = (*(session_message *const *)a)->transport;
    uint64_t y = (*(session_message *const *)b)->transport;
    return (x > y) - (x < y);
}

/* Every subscription is a member's. */
static session_message *session_of(const state_message *state, uint64_t transport)
{
    session_message key = {.transport = transport};
    session_message *wanted = &key;
    session_message **found = bsearch(&wanted, state->sessions, state->n_sessions,
                                      sizeof(session_message *), compare_sessions);
    assert(found != NULL);
    return *found;
}

static void put_sessions(const struct node *node, const struct room *room, struct arena *arena,
                         state_message *out)
{
    struct fwd_counts counts = fwd_counts(room->fwd);
    struct fwd_member **members = arena_array(arena, counts.members, sizeof(*members));
    uint32_t *ids = arena_array(arena, counts.subscriptions, sizeof(*ids));
    fwd_list_members(room->fwd, members);
    fwd_list_subscriptions(room->fwd, ids);
    out->sessions = arena_array(arena, counts.members, sizeof(*out->sessions));
    size_t longest = sealed_max(node, members, counts.members, arena);
    for (size_t i = 0; i < counts.members; i++) {
        out->sessions[out->n_sessions++] = put_session(node, members[i], longest, arena);
    }
    qsort(out->sessions, out->n_sessions, sizeof(session_message *), compare_sessions);
    for (size_t i = 0; i < counts.subscriptions; i++) {
        uint64_t transport = fwd_member_id(fwd_subscription_member(room->fwd, ids[i]));
        put_subscription(room, session_of(out, transport), ids[i], arena);
    }
}

static void answer(struct node *node, size_t link, const struct room *room, uint64_t claimed)
{
    struct arena arena = {0};
    state_message state = SPILLWAY__CONTROL__ROOM_STATE__INIT;
    state.room = arena_str(&arena, room->id);
    state.epoch = room->epoch;
    state.claimed = claimed;
    if (room->epoch == claimed && room->link == link && room->fwd != NULL) {
        state.version = room->applied;
        state.sealed = (ProtobufCBinaryData){room->sealed_len, room->sealed};
        put_sessions(node, room, &arena, &state);
        put_edges(node, room, &arena, &state);
    }
    tell_room_state(node, link, &state);
    arena_fini(&arena);
}

void claim_room(struct node *node, int64_t now_us, size_t link,
                const Spillway__Control__Claim *claim)
{
    if (claim->room[0] == '\0' || strlen(claim->room) >= SPEC_ROOM_MAX || claim->epoch == 0) {
        node->counters.drop_control_malformed++;
        return;
    }
    struct room *room = apply_hold(node, claim->room);
    if (claim->epoch > room->epoch) {
        room->epoch = claim->epoch;
        room->version = 0;
        apply_set_link(node, room, link);
        log_write(node->config.log, LOG_INFO, "room_claimed room=%s epoch=%llu by=%s", room->id,
                  (unsigned long long)room->epoch, room->orchestrator);
        if (room->fwd == NULL) {
            apply_fence(node, room, now_us);
        }
    }
    answer(node, link, room, claim->epoch);
}
