/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal: a spec is applied whole or not at all: fenced by epoch and version, idempotent, and refused
 * with a reason for everything that makes no sense.
 */
#include "tests/unit/media-node/node/world.h"

/* Room with transports 11 and 12, audio track 2 of 11, subscription 31 of 12. */
static void small(struct room_spec *spec, const struct world *w, uint64_t epoch, uint64_t version)
{
    room_spec_init(spec, "RM_1", epoch, 0, version);
    room_spec_transport(spec, 11, w->clients[0].client, true);
    room_spec_transport(spec, 12, w->clients[1].client, true);
    room_spec_audio(spec, 2, 11, "1");
    const struct room_spec_want want = {31, 2, 12, "6", 8000, true};
    room_spec_subscription(spec, &want);
}

static void start(struct world *w)
{
    struct room_spec spec;
    world_init(w);
    world_register(w);
    for (int i = 0; i < 4; i++) {
        world_join(w);
    }
    small(&spec, w, 5, 3);
    world_spec(w, &spec);
    world_expect(w, "    0 register node-a endpoints 5 rooms 0 link 0\n"
                    "    0 ack RM_1 5.3 applied\n");
}

static void send_empty(struct world *w, const char *room, uint64_t epoch, uint64_t base,
                       uint64_t version)
{
    struct room_spec spec;
    room_spec_init(&spec, room, epoch, base, version);
    world_spec(w, &spec);
}

static void test_versions(void **state)
{
    (void)state;
    struct world w;
    start(&w);
    send_empty(&w, "RM_1", 5, 3, 4); /* follows */
    send_empty(&w, "RM_1", 5, 3, 4); /* again */
    send_empty(&w, "RM_1", 5, 1, 2); /* long known */
    send_empty(&w, "RM_1", 5, 5, 6); /* a gap */
    send_empty(&w, "RM_1", 4, 4, 5); /* an outdated owner */
    send_empty(&w, "RM_1", 4, 0, 99);
    send_empty(&w, "RM_1", 6, 4, 5); /* a new owner begins whole */
    send_empty(&w, "RM_2", 1, 1, 2); /* never heard of */
    assert_int_equal(node_transport_count(w.node), 2);
    send_empty(&w, "RM_1", 6, 0, 1); /* whole and empty */
    assert_int_equal(node_transport_count(w.node), 0);
    assert_int_equal(node_room_count(w.node), 1);
    world_expect(&w, "    0 ack RM_1 5.4 applied\n"
                     "    0 ack RM_1 5.4 applied\n"
                     "    0 ack RM_1 5.4 applied\n"
                     "    0 ack RM_1 5.4 need whole\n"
                     "    0 ack RM_1 5.4 stale epoch\n"
                     "    0 ack RM_1 5.4 stale epoch\n"
                     "    0 ack RM_1 5.4 need whole\n"
                     "    0 ack RM_2 0.0 need whole\n"
                     "    0 ack RM_1 6.1 applied\n");
    const struct counters *counters = node_counters(w.node);
    assert_int_equal(counters->specs_applied, 3);
    assert_int_equal(counters->specs_known, 2);
    assert_int_equal(counters->specs_need_whole, 3);
    assert_int_equal(counters->specs_stale, 2);
    world_fini(&w);
}

/* A dropped room stays a fence for a minute, also where it has never been. */
static void test_fence(void **state)
{
    (void)state;
    struct world w;
    struct room_spec spec;
    start(&w);
    room_spec_init(&spec, "RM_1", 7, 0, 1);
    spec.message.dropped = true;
    world_spec(&w, &spec);
    room_spec_init(&spec, "RM_9", 7, 0, 1);
    spec.message.dropped = true;
    world_spec(&w, &spec);
    assert_int_equal(node_room_count(w.node), 0);
    small(&spec, &w, 6, 50);
    world_spec(&w, &spec);
    send_empty(&w, "RM_9", 6, 0, 50);
    send_empty(&w, "RM_1", 7, 1, 2); /* a delta to nothing */
    world_run(&w, 59000);
    send_empty(&w, "RM_9", 6, 0, 50);
    world_run(&w, 2000);
    send_empty(&w, "RM_9", 6, 0, 50);
    small(&spec, &w, 8, 1);
    world_spec(&w, &spec);
    world_expect(&w, "    0 ack RM_1 7.1 applied\n"
                     "    0 ack RM_9 7.1 applied\n"
                     "    0 ack RM_1 7.1 stale epoch, dropped\n"
                     "    0 ack RM_9 7.1 stale epoch, dropped\n"
                     "    0 ack RM_1 7.0 need whole\n"
                     "59000 ack RM_9 7.1 stale epoch, dropped\n"
                     "61000 ack RM_9 6.50 applied\n"
                     "61000 ack RM_1 8.1 applied\n");
    world_fini(&w);
}

/* What a removed thing carried goes with it; removing what is not there is fine. */
static void test_removal(void **state)
{
    (void)state;
    struct world w;
    struct room_spec spec;
    start(&w);
    room_spec_init(&spec, "RM_1", 5, 3, 4);
    room_spec_remove(&spec, 12, 77, 78);
    world_spec(&w, &spec);
    world_check(&w, &w.clients[1], true); /* its ufrag is unknown now */
    assert_int_equal(node_counters(w.node)->drop_stun_ufrag, 1);
    assert_int_equal(node_transport_count(w.node), 1);
    room_spec_init(&spec, "RM_1", 5, 4, 5);
    room_spec_transport(&spec, 12, w.clients[1].client, true);
    const struct room_spec_want want = {32, 2, 12, "6", 8000, true};
    room_spec_subscription(&spec, &want);
    world_spec(&w, &spec);
    room_spec_init(&spec, "RM_1", 5, 5, 6);
    room_spec_remove(&spec, 11, 0, 0); /* track 2 and subscription 32 go too */
    world_spec(&w, &spec);
    room_spec_init(&spec, "RM_1", 5, 6, 7);
    room_spec_subscription(&spec, &want);
    world_spec(&w, &spec);
    assert_string_equal(w.ack_reason, "subscription 32: unknown track");
    world_expect(&w, "    0 ack RM_1 5.4 applied\n"
                     "    0 ack RM_1 5.5 applied\n"
                     "    0 ack RM_1 5.6 applied\n"
                     "    0 ack RM_1 5.6 invalid\n");
    world_fini(&w);
}

/* ---- What is refused ------------------------------------------------------------------------- */

typedef void spoil(struct room_spec *spec, const struct world *w);

static Spillway__Control__Transport *add_transport(struct room_spec *spec, const struct world *w)
{
    return room_spec_transport(spec, 13, w->clients[2].client, true);
}

static Spillway__Control__Subscription *add_subscription(struct room_spec *spec)
{
    const struct room_spec_want want = {41, 2, 12, "7", 9000, false};
    return room_spec_subscription(spec, &want);
}

static void no_room(struct room_spec *spec, const struct world *w)
{
    (void)w;
    spec->message.room[0] = '\0';
    spec->message.base_version = 0;
}
static void no_epoch(struct room_spec *spec, const struct world *w)
{
    (void)w;
    static char fresh[] = "RM_3";
    spec->message.room = fresh;
    spec->message.base_version = 0;
    spec->message.epoch = 0;
}
static void dropped_delta(struct room_spec *spec, const struct world *w)
{
    (void)w;
    spec->message.dropped = true;
}
static void transport_zero(struct room_spec *spec, const struct world *w)
{
    add_transport(spec, w)->id = 0;
}
static void transport_twice(struct room_spec *spec, const struct world *w)
{
    add_transport(spec, w);
    room_spec_transport(spec, 13, w->clients[3].client, true);
}
static void ufrag_taken(struct room_spec *spec, const struct world *w)
{
    room_spec_transport(spec, 13, w->clients[0].client, true);
}
static void ufrag_twice(struct room_spec *spec, const struct world *w)
{
    room_spec_transport(spec, 13, w->clients[2].client, true);
    room_spec_transport(spec, 14, w->clients[2].client, true);
}
static void short_pwd(struct room_spec *spec, const struct world *w)
{
    add_transport(spec, w)->local_pwd[21] = '\0';
}
static void half_remote(struct room_spec *spec, const struct world *w)
{
    add_transport(spec, w)->remote_pwd[0] = '\0';
}
static void short_key(struct room_spec *spec, const struct world *w)
{
    add_transport(spec, w)->srtp->client_key.len = 27;
}
static void odd_suite(struct room_spec *spec, const struct world *w)
{
    add_transport(spec, w)->srtp->suite = (Spillway__Control__SrtpKeys__Suite)9;
}
static void extension_15(struct room_spec *spec, const struct world *w)
{
    add_transport(spec, w)->extensions[0]->id = 15;
}
static void extension_twice(struct room_spec *spec, const struct world *w)
{
    add_transport(spec, w)->extensions[0]->id = 2;
}
static void bad_client(struct room_spec *spec, const struct world *w)
{
    Spillway__Control__Transport *transport = add_transport(spec, w);
    room_spec_moved(spec, transport, w->clients[2].client, 5);
    transport->client->ip[0] = 'x';
}
static void bad_local(struct room_spec *spec, const struct world *w)
{
    Spillway__Control__Transport *transport = add_transport(spec, w);
    room_spec_moved(spec, transport, w->clients[2].client, 5);
    transport->local = transport->client; /* port 5000 is none of ours */
}
static void other_room(struct room_spec *spec, const struct world *w)
{
    static char fresh[] = "RM_3";
    spec->message.room = fresh;
    spec->message.base_version = 0;
    room_spec_transport(spec, 11, w->clients[2].client, true);
}
static void track_without_transport(struct room_spec *spec, const struct world *w)
{
    (void)w;
    room_spec_audio(spec, 3, 99, "2");
}
static void track_of_removed(struct room_spec *spec, const struct world *w)
{
    (void)w;
    room_spec_remove(spec, 11, 0, 0);
    room_spec_audio(spec, 3, 11, "2");
}
static void track_moves(struct room_spec *spec, const struct world *w)
{
    (void)w;
    room_spec_audio(spec, 2, 12, "1");
}
static void track_kind(struct room_spec *spec, const struct world *w)
{
    (void)w;
    room_spec_video(spec, 2, 11, "1", NULL);
}
static void no_layers(struct room_spec *spec, const struct world *w)
{
    (void)w;
    room_spec_audio(spec, 3, 11, "2")->n_layers = 0;
}
static void layer_order(struct room_spec *spec, const struct world *w)
{
    (void)w;
    room_spec_audio(spec, 3, 11, "2")->layers[0]->spatial = 1;
}
static void track_ssrc_twice(struct room_spec *spec, const struct world *w)
{
    (void)w;
    room_spec_audio(spec, 3, 11, "2")->layers[0]->ssrc = 1234;
    room_spec_audio(spec, 4, 11, "3")->layers[0]->ssrc = 1234;
}
static void no_payloads(struct room_spec *spec, const struct world *w)
{
    (void)w;
    room_spec_audio(spec, 3, 11, "2")->n_payload_types = 0;
}
static void odd_codec(struct room_spec *spec, const struct world *w)
{
    (void)w;
    room_spec_audio(spec, 3, 11, "2")->payload_types[0]->codec = (Spillway__Control__Codec)77;
}
static void payload_128(struct room_spec *spec, const struct world *w)
{
    (void)w;
    room_spec_audio(spec, 3, 11, "2")->payload_types[0]->number = 128;
}
static void too_many_tracks(struct room_spec *spec, const struct world *w)
{
    (void)w;
    for (uint32_t i = 0; i < PEER_TRACKS_MAX; i++) {
        room_spec_audio(spec, 100 + i, 11, "2");
    }
}
static void unknown_track(struct room_spec *spec, const struct world *w)
{
    (void)w;
    add_subscription(spec)->track = 99;
}
static void unknown_transport(struct room_spec *spec, const struct world *w)
{
    (void)w;
    add_subscription(spec)->transport = 99;
}
static void no_mid(struct room_spec *spec, const struct world *w)
{
    (void)w;
    add_subscription(spec)->mid[0] = '\0';
}
static void ssrc_zero(struct room_spec *spec, const struct world *w)
{
    (void)w;
    add_subscription(spec)->ssrc = 0;
}
static void ssrc_taken(struct room_spec *spec, const struct world *w)
{
    (void)w;
    add_subscription(spec)->rtx_ssrc = 8000;
}
static void ssrc_swapped(struct room_spec *spec, const struct world *w)
{
    (void)w;
    const struct room_spec_want want = {31, 2, 12, "6", 9100, true};
    room_spec_subscription(spec, &want);
    add_subscription(spec)->ssrc = 8000;
}
static void ssrc_twice(struct room_spec *spec, const struct world *w)
{
    (void)w;
    add_subscription(spec);
    add_subscription(spec)->id = 42;
}

static const struct {
    spoil *spoil;
    const char *reason;
} refused[] = {
    {no_room, "room sid missing or too long"},
    {no_epoch, "epoch 0, or version not above base_version"},
    {dropped_delta, "dropped by a delta"},
    {transport_zero, "transport 0: id is 0 or comes twice"},
    {transport_twice, "transport 13: id is 0 or comes twice"},
    {ufrag_taken, "transport 13: ufrag of another transport"},
    {ufrag_twice, "two transports with one ufrag"},
    {short_pwd, "transport 13: local ufrag or pwd too short or too long (RFC 8839 §5.4)"},
    {half_remote, "transport 13: ufrag without pwd, or pwd without ufrag"},
    {short_key, "transport 13: SRTP keys of a wrong length or suite"},
    {odd_suite, "transport 13: SRTP keys of a wrong length or suite"},
    {extension_15, "transport 13: extension id not in 1..14 or twice"},
    {extension_twice, "transport 13: extension id not in 1..14 or twice"},
    {bad_client, "transport 13: client or local is no address"},
    {bad_local, "transport 13: local is no UDP endpoint of this node"},
    {other_room, "transport 11: belongs to another room"},
    {track_without_transport, "track 3: unknown transport"},
    {track_of_removed, "track 3: unknown transport"},
    {track_moves, "track 2: id used before for another transport or kind"},
    {track_kind, "track 2: id used before for another transport or kind"},
    {no_layers, "track 3: no layers, or more than 4"},
    {layer_order, "track 3: layers must be numbered 0, 1, 2, ... from low to high"},
    {track_ssrc_twice, "track 4: its ssrc comes twice"},
    {no_payloads, "track 3: no payload types, or more than 16"},
    {odd_codec, "track 3: unknown codec"},
    {payload_128, "track 3: payload type above 127, or without a clock"},
    {too_many_tracks, "transport 11: too many tracks"},
    {unknown_track, "subscription 41: unknown track"},
    {unknown_transport, "subscription 41: unknown transport"},
    {no_mid, "subscription 41: mid missing or too long"},
    {ssrc_zero, "subscription 41: ssrc is 0, or the RTX one as well"},
    {ssrc_taken, "subscription 41: ssrc of another subscription"},
    {ssrc_swapped, "subscription 41: ssrc of another subscription"},
    {ssrc_twice, "subscription 42: its ssrc comes twice"},
};

/* Each is refused with its reason, and nothing of it is applied: the same delta without the mistake
 * still follows version 3 afterwards. */
static void test_refused(void **state)
{
    (void)state;
    struct world w;
    struct room_spec spec;
    start(&w);
    for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
        w.ack_reason[0] = '\0';
        room_spec_init(&spec, "RM_1", 5, 3, 4);
        refused[i].spoil(&spec, &w);
        world_spec(&w, &spec);
        assert_string_equal(w.ack_reason, refused[i].reason);
        assert_int_equal(node_counters(w.node)->specs_invalid, i + 1);
        assert_int_equal(node_transport_count(w.node), 2);
    }
    assert_int_equal(node_room_count(w.node), 1);
    world_forget(&w);
    send_empty(&w, "RM_1", 5, 3, 4);
    world_expect(&w, "    0 ack RM_1 5.4 applied\n");
    world_fini(&w);
}

static void test_malformed(void **state)
{
    (void)state;
    struct world w;
    static const uint8_t junk[] = {0x12, 0xff, 0xff, 0x01};
    start(&w);
    node_control(w.node, w.now_us, 0, (struct bytes){junk, sizeof(junk)});
    node_control(w.node, w.now_us, 0, (struct bytes){junk, 0});
    node_tunnel(w.node, w.now_us, 0, (struct bytes){junk, sizeof(junk)});
    assert_int_equal(node_counters(w.node)->drop_control_malformed, 2);
    assert_int_equal(node_counters(w.node)->drop_tunnel_malformed, 1);
    world_fini(&w);
}

/* Refused registrations and ones without an answer are tried again. */
static void test_register_again(void **state)
{
    (void)state;
    struct world w;
    world_init(&w);
    node_link_up(w.node, w.now_us, 1);
    world_run(&w, 6500);
    node_link_down(w.node, w.now_us, 1);
    world_run(&w, 10000);
    world_expect(&w, "    0 register node-a endpoints 5 rooms 0 link 1\n"
                     " 3000 register node-a endpoints 5 rooms 0 link 1\n"
                     " 6000 register node-a endpoints 5 rooms 0 link 1\n");
    world_fini(&w);
}

static void send_promise(struct world *w, const char *room, uint64_t base, uint64_t version,
                         uint32_t weight)
{
    struct room_spec spec;
    room_spec_init(&spec, room, 5, base, version);
    spec.message.weight_max = 10;
    spec.message.weight = weight;
    world_spec(w, &spec);
}

/* Nothing that has a limit is taken beyond it, promises of the last 10 s included. */
static void test_full(void **state)
{
    (void)state;
    struct world w;
    start(&w); /* 2 */
    send_promise(&w, "RM_2", 0, 1, 9);
    assert_int_equal(w.ack.answers, 1);
    assert_int_equal(w.ack.weight, 11);
    assert_int_equal(node_room_count(w.node), 1);
    send_promise(&w, "RM_2", 0, 2, 8);
    send_promise(&w, "RM_3", 0, 1, 1);
    assert_int_equal(w.ack.weight, 11);
    send_promise(&w, "RM_2", 2, 3, 9);
    send_promise(&w, "RM_2", 2, 4, 8); /* no more than it has */
    send_promise(&w, "RM_1", 3, 4, 2);
    send_empty(&w, "RM_3", 5, 0, 2); /* without a limit */
    world_expect(&w, "    0 ack RM_2 0.0 full\n"
                     "    0 ack RM_2 5.2 applied\n"
                     "    0 ack RM_3 0.0 full\n"
                     "    0 ack RM_2 5.2 full\n"
                     "    0 ack RM_2 5.4 applied\n"
                     "    0 ack RM_1 5.4 applied\n"
                     "    0 ack RM_3 5.2 applied\n");
    assert_int_equal(node_counters(w.node)->specs_full, 3);
    world_run(&w, 10000);
    world_forget(&w);
    send_promise(&w, "RM_3", 2, 3, 8); /* nothing came of what was promised */
    world_expect(&w, "10000 ack RM_3 5.3 applied\n");
    world_fini(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_versions),  cmocka_unit_test(test_fence),
        cmocka_unit_test(test_removal),   cmocka_unit_test(test_refused),
        cmocka_unit_test(test_malformed), cmocka_unit_test(test_register_again),
        cmocka_unit_test(test_full),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
