/* SPDX-License-Identifier: Apache-2.0
 *
 * An owner dies before it has received what clients of a living front said: the next owner hears
 * it. No node of this world keeps rooms, so the next owner's word is made up here.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "proto/gen/bus.pb-c.h"
#include "proto/gen/client.pb-c.h"
#include "proto/wire/wire.h"
#include "tests/lib/cluster_world.h"

#define OWNER 0 /* of the room */
#define FRONT 1 /* of bob */
#define NEXT  2 /* owner */

static const char *const regions[SITES] = {"r1", "r1", "r1"};

static Spillway__Bus__PeerMessage *unpack(const struct parcel *parcel)
{
    Spillway__Bus__PeerMessage *m =
        spillway__bus__peer_message__unpack(NULL, parcel->len, parcel->data);
    assert_non_null(m);
    return m;
}

static void say(struct cluster_world *w, uint32_t sequence, uint16_t stream)
{
    struct world *at = &w->sites[FRONT];
    Livekit__UserPacket user = LIVEKIT__USER_PACKET__INIT;
    Livekit__DataPacket packet = LIVEKIT__DATA_PACKET__INIT;
    packet.value_case = LIVEKIT__DATA_PACKET__VALUE_USER;
    packet.user = &user;
    packet.sequence = sequence;
    size_t len;
    uint8_t *data = wire_pack(&packet.base, &len);
    cluster_channel_message(at->cluster, at->now_us, at->transports[0], stream,
                            (struct bytes){data, len});
    world_drain(at);
    free(data);
}

static void mute(struct cluster_world *w, bool muted)
{
    Livekit__MuteTrackRequest mute = LIVEKIT__MUTE_TRACK_REQUEST__INIT;
    Livekit__SignalRequest request = LIVEKIT__SIGNAL_REQUEST__INIT;
    mute.sid = (char *)(uintptr_t) "TR_x";
    mute.muted = muted;
    request.message_case = LIVEKIT__SIGNAL_REQUEST__MESSAGE_MUTE;
    request.mute = &mute;
    world_signal(&w->sites[FRONT], CLUSTER_ID(FRONT, 1), &request);
}

/* alice and the room at site 0, bob at site 1; he said 1 and muted, which was received, and 2, 3,
 * something lossy and that he is no longer muted, which was not. */
static void begin(struct cluster_world *w)
{
    cluster_world_init(w, regions);
    cluster_world_join(w, OWNER, 1, "room-1", "alice", false);
    cluster_world_settle(w);
    cluster_world_join(w, FRONT, 1, "room-1", "bob", false);
    cluster_world_settle(w);
    world_connected(&w->sites[FRONT], 1);
    cluster_world_channels(w, FRONT, 1);
    cluster_world_settle(w);
    assert_int_equal(cluster_world_owner(w, "room-1"), OWNER);
    say(w, 1, 0);
    mute(w, true);
    cluster_world_advance(w, TIME_MS(300));
    say(w, 2, 0);
    say(w, 3, 0);
    say(w, 9, 1);
    say(w, 0, 0); /* an old SDK's, which nobody could tell from its twin */
    mute(w, false);
}

/* Of what one sends to the other; taken from the newest that waits. */
static uint64_t session(struct cluster_world *w, size_t from, size_t to)
{
    struct world *site = &w->sites[from];
    world_advance(site, TIME_MS(300)); /* a beat */
    assert_non_null(w->links[from][to]);
    Spillway__Bus__PeerMessage *m = unpack(w->links[from][to]->prev);
    uint64_t found = m->session;
    spillway__bus__peer_message__free_unpacked(m, NULL);
    return found;
}

/* "That one is mine now." */
static void adopt(struct cluster_world *w, Spillway__Bus__Effect__Type type, uint64_t id)
{
    Spillway__Bus__PeerMessage message = SPILLWAY__BUS__PEER_MESSAGE__INIT;
    Spillway__Bus__Effect effect = SPILLWAY__BUS__EFFECT__INIT;
    message.session = session(w, NEXT, FRONT);
    message.message_case = SPILLWAY__BUS__PEER_MESSAGE__MESSAGE_EFFECT;
    message.effect = &effect;
    effect.type = type;
    effect.id = id;
    size_t len;
    uint8_t *data = wire_pack(&message.base, &len);
    cluster_peer_message(w->sites[FRONT].cluster, w->sites[FRONT].now_us, NEXT - 1,
                         (struct bytes){data, len});
    free(data);
    world_drain(&w->sites[FRONT]);
}

/* What the next owner is told, in words. */
static void told(const struct cluster_world *w, char out[512])
{
    const struct parcel *parcel;
    size_t at = 0;
    out[0] = '\0';
    for (parcel = w->links[FRONT][NEXT]; parcel != NULL; parcel = parcel->next) {
        Spillway__Bus__PeerMessage *m = unpack(parcel);
        if (m->message_case == SPILLWAY__BUS__PEER_MESSAGE__MESSAGE_TRANSPORT_EVENT) {
            const Spillway__Bus__TransportEvent *event = m->transport_event;
            Livekit__DataPacket *packet =
                event->kind != SPILLWAY__BUS__TRANSPORT_EVENT__KIND__CHANNEL_MESSAGE
                    ? NULL
                    : livekit__data_packet__unpack(NULL, event->data.len, event->data.data);
            at += (size_t)snprintf(out + at, 512 - at, packet == NULL ? "event %d\n" : "says %d\n",
                                   packet == NULL ? (int)event->kind : (int)packet->sequence);
            livekit__data_packet__free_unpacked(packet, NULL);
        } else if (m->message_case == SPILLWAY__BUS__PEER_MESSAGE__MESSAGE_SIGNAL) {
            Livekit__SignalRequest *request = livekit__signal_request__unpack(
                NULL, m->signal->message.len, m->signal->message.data);
            at += (size_t)snprintf(out + at, 512 - at, "signal %d %s\n", (int)request->message_case,
                                   request->mute->muted ? "muted" : "heard");
            livekit__signal_request__free_unpacked(request, NULL);
        }
        spillway__bus__peer_message__free_unpacked(m, NULL);
    }
}

/* Goal: the next owner gets how the transport is, then what the dead one had not received and what
 * has come since, in order; of lossy data, and of what has no sequence, nothing. */
static void unreceived(void **state)
{
    (void)state;
    struct cluster_world w;
    char text[512];
    begin(&w);
    uint64_t transport = w.sites[FRONT].transports[0];
    cluster_world_kill(&w, OWNER);
    say(&w, 4, 0);
    cluster_world_settle(&w);
    adopt(&w, SPILLWAY__BUS__EFFECT__TYPE__FRONT_ADOPT, transport);
    told(&w, text);
    assert_string_equal(text, "event 0\nevent 2\nevent 2\nsays 2\nsays 3\nsays 4\n");
    cluster_world_settle(&w);
    adopt(&w, SPILLWAY__BUS__EFFECT__TYPE__CONN_ADOPT, CLUSTER_ID(FRONT, 1));
    told(&w, text);
    assert_string_equal(text, "signal 5 heard\n");
    cluster_world_fini(&w);
}

/* Goal: who says more than is kept resumes, and says it all once more; he is not thrown out. */
static void too_much(void **state)
{
    (void)state;
    struct cluster_world w;
    begin(&w);
    for (size_t i = 0; i < CLUSTER_EARLY_MAX; i++) {
        mute(&w, false);
    }
    (void)cluster_world_story(&w, FRONT);
    cluster_world_kill(&w, OWNER);
    assert_string_equal(cluster_world_story(&w, FRONT), "conn 1 close 1013\n");
    cluster_world_fini(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(unreceived),
        cmocka_unit_test(too_much),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
