/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal: a client that goes over from one node to another in a planned move gets every packet, under
 * the numbers, pictures and transport-wide numbers that come next, and nothing else happens: no key
 * frame, no packet twice, not a byte from the node that stands by or has stopped.
 */
#include "tests/unit/media-node/node/cascade.h"

#include "media-node/core/forward/forward.h"

#define VIDEO 1
#define AUDIO 2

enum { PUBLISHER, VIEWER };
enum { SOURCE = 1, OLD = 2, NEW = 3 }; /* nodes */

#define VIDEO_SSRC 7010
#define AUDIO_SSRC 8010

static uint32_t ssrc_on(unsigned from, unsigned to)
{
    return 1000 * from + 100 * to;
}

/* ---- Specs ----------------------------------------------------------------------------------- */

static void publish(struct cascade *c)
{
    struct media_client *a = c->clients[PUBLISHER].client;
    const struct media_source video = {.mid = "0", .layer = 0, .due_us = c->now_us};
    const struct media_source audio = {.mid = "1", .audio = true, .level = 20, .due_us = c->now_us};
    media_client_publish(a, &video);
    media_client_publish(a, &audio);
}

static void add_tracks(struct room_spec *spec, unsigned self)
{
    uint64_t transport = self == SOURCE ? 11 : 0;
    Spillway__Control__Track *video = room_spec_video(spec, VIDEO, transport, "0", NULL);
    Spillway__Control__Track *audio = room_spec_audio(spec, AUDIO, transport, "1");
    video->participant = audio->participant = arena_str(&spec->arena, "PA_11");
    if (self != SOURCE) {
        room_spec_trunk(spec, self, SOURCE, 1);
        room_spec_upstream(spec, video, SOURCE, ssrc_on(SOURCE, self));
        room_spec_upstream(spec, audio, SOURCE, ssrc_on(SOURCE, self) + 10);
    }
}

static void open_source(struct cascade *c)
{
    struct room_spec spec;
    cascade_spec(c, &spec, SOURCE);
    room_spec_transport(&spec, 11, c->clients[PUBLISHER].client, true);
    add_tracks(&spec, SOURCE);
    for (unsigned to = OLD; to <= NEW; to++) {
        const struct room_spec_edge video = {10 * to + 1, VIDEO, to, ssrc_on(SOURCE, to), 1, 1};
        const struct room_spec_edge audio = {10 * to + 2, AUDIO, to, ssrc_on(SOURCE, to) + 10,
                                             1,           1};
        room_spec_trunk(&spec, SOURCE, to, 1);
        room_spec_edge(&spec, &video);
        room_spec_edge(&spec, &audio);
    }
    cascade_apply(c, &spec, SOURCE);
}

static Spillway__Control__SenderState *state_of(const Spillway__Control__HandedOver *handed,
                                                uint32_t subscription)
{
    for (size_t i = 0; handed != NULL && i < handed->n_senders; i++) {
        if (handed->senders[i]->subscription == subscription) {
            return handed->senders[i];
        }
    }
    return NULL;
}

/* What the viewer's transport is to be there. */
enum duty { SERVE, STAND_BY, HAND_OVER };

struct view {
    enum duty duty;
    bool paused;
    const Spillway__Control__HandedOver *handed; /* goes on there; NULL: begins */
};

static void add_viewer(const struct cascade *c, struct room_spec *spec, const struct view *view)
{
    Spillway__Control__Transport *transport =
        room_spec_transport(spec, 12, c->clients[VIEWER].client, true);
    transport->standby = view->duty == STAND_BY;
    transport->hand_over = view->duty == HAND_OVER;
    const struct room_spec_want wants[] = {{21, VIDEO, 12, "5", VIDEO_SSRC, false},
                                           {22, AUDIO, 12, "6", AUDIO_SSRC, true}};
    for (size_t i = 0; i < ARRAY_LEN(wants); i++) {
        Spillway__Control__Subscription *subscription = room_spec_subscription(spec, &wants[i]);
        subscription->paused = view->paused;
        subscription->resume = state_of(view->handed, wants[i].id);
    }
    transport->transport_cc = view->handed == NULL ? 0 : view->handed->transport_cc;
}

static void tell(struct cascade *c, unsigned node, const struct view *view)
{
    struct room_spec spec;
    cascade_spec(c, &spec, node);
    add_tracks(&spec, node);
    add_viewer(c, &spec, view);
    cascade_apply(c, &spec, node);
}

/* ---- What the viewer gets ------------------------------------------------------------------- */

static struct cascade_flow *video_of(struct cascade *c)
{
    return cascade_flow(&c->clients[VIEWER], VIDEO_SSRC);
}

static struct cascade_flow *audio_of(struct cascade *c)
{
    return cascade_flow(&c->clients[VIEWER], AUDIO_SSRC);
}

/* ---- A viewer at the old node ---------------------------------------------------------------- */

static struct cascade *begin(void)
{
    struct cascade *c = cascade_new(3);
    cascade_join(c, SOURCE)->sends_clock = true;
    cascade_join(c, OLD);
    open_source(c);
    tell(c, OLD, &(struct view){.duty = SERVE});
    cascade_run(c, 200);
    publish(c);
    cascade_run(c, 3000);
    video_of(c)->keys = 0; /* counted from here on */
    c->clients[PUBLISHER].client->sources[0].plis = 0;
    return c;
}

/* Both nodes know; the client still sends to the one it knows. */
static void prepare(struct cascade *c, unsigned to)
{
    tell(c, to, &(struct view){.duty = STAND_BY});
    cascade_run(c, 200);
}

/* The client's media go to the new node; it is heard there at once. */
static void arrive(struct cascade *c, unsigned to)
{
    struct cascade_client *viewer = &c->clients[VIEWER];
    viewer->old = viewer->node;
    viewer->node = to;
    viewer->check_at_us = c->now_us;
    viewer->rtcp_at_us = c->now_us;
}

/* The owner's part, with some time for its messages. */
static void hand_over(struct cascade *c, unsigned from, unsigned to)
{
    cascade_run(c, 7);
    tell(c, from, &(struct view){.duty = HAND_OVER});
    assert_non_null(c->handed[from]);
    cascade_run(c, 25);
    tell(c, to, &(struct view){.duty = SERVE, .handed = c->handed[from]});
}

static void move(struct cascade *c, unsigned from, unsigned to)
{
    prepare(c, to);
    arrive(c, to);
    hand_over(c, from, to);
}

static void leave(struct cascade *c, unsigned node)
{
    struct room_spec spec;
    cascade_spec(c, &spec, node);
    add_tracks(&spec, node);
    room_spec_remove(&spec, 12, 0, 0);
    cascade_apply(c, &spec, node);
}

/* Since begin(): everything came, once and in one piece. */
static void check_undisturbed(struct cascade *c)
{
    const struct media_client *viewer = c->clients[VIEWER].client;
    assert_int_equal(cascade_missing(video_of(c)), 0);
    assert_int_equal(cascade_missing(audio_of(c)), 0);
    assert_int_equal(viewer->bad, 0);
    assert_int_equal(video_of(c)->keys, 0);
    assert_int_equal(c->clients[PUBLISHER].client->sources[0].plis, 0);
}

/* ---- Tests ----------------------------------------------------------------------------------- */

static void test_nothing_is_lost(void **state)
{
    (void)state;
    struct cascade *c = begin();
    struct cascade_client *viewer = &c->clients[VIEWER];
    unsigned before = video_of(c)->distinct;
    uint16_t picture = media_client_incoming(viewer->client, "5")->picture;
    uint32_t ts = media_client_incoming(viewer->client, "5")->ts;
    viewer->client->numbered_jumps = 0;
    move(c, OLD, NEW);
    cascade_run(c, 2000);
    check_undisturbed(c);
    unsigned came = video_of(c)->distinct - before;
    assert_in_range(came, 64, 70); /* 30 a second */
    assert_int_equal((uint16_t)(picture + came) & 0x7fff,
                     media_client_incoming(viewer->client, "5")->picture);
    assert_int_equal(ts + came * 3000, media_client_incoming(viewer->client, "5")->ts);
    assert_int_equal(viewer->client->numbered_jumps, 0);
    assert_true(video_of(c)->pause_us <= TIME_MS(33 + 33 + 25));
    assert_true(media_client_incoming(viewer->client, "5")->reports >= 3); /* here as there */
    cascade_free(c);
}

/* Not a byte of SRTP or SRTCP from a node on standby, whatever it hears. */
static void test_standby_is_quiet(void **state)
{
    (void)state;
    struct cascade *c = begin();
    prepare(c, NEW);
    uint64_t before = cascade_counters(c, NEW)->rtp_forwarded;
    arrive(c, NEW);
    c->clients[VIEWER].old = 0; /* what comes now, comes from there */
    unsigned packets = video_of(c)->distinct;
    uint32_t rtcp_ssrc = c->clients[VIEWER].client->server_rtcp_ssrc;
    cascade_run(c, 3000);
    assert_int_equal(video_of(c)->distinct, packets);
    assert_int_equal(cascade_counters(c, NEW)->rtp_forwarded, before);
    assert_int_equal(c->clients[VIEWER].client->server_rtcp_ssrc, rtcp_ssrc);
    assert_true(c->clients[VIEWER].client->answers > 0); /* but STUN is answered */
    cascade_free(c);
}

/* A check with USE-CANDIDATE, while all else goes to the old node. */
static void name_path(struct cascade *c, unsigned node)
{
    struct media_client *viewer = c->clients[VIEWER].client;
    uint8_t data[MEDIA_CLIENT_PACKET];
    size_t len = media_client_check(viewer, true, data);
    const struct node_datagram check = {.remote = viewer->config.addr, .data = data, .len = len};
    (void)node_datagrams(c->nodes[node], c->now_us, &check, 1);
}

/* A client may name the new path long before it takes it. */
static void test_arrived_with_its_media(void **state)
{
    (void)state;
    struct cascade *c = begin();
    prepare(c, NEW);
    name_path(c, NEW);
    cascade_run(c, 500);
    assert_int_equal(c->paths[NEW], 0);
    arrive(c, NEW);
    cascade_run(c, 2);
    assert_int_equal(c->paths[NEW], 1);
    cascade_run(c, 500);
    assert_int_equal(c->paths[NEW], 1);
    cascade_free(c);
}

/* One who sends nothing arrives all the same. */
static void test_arrived_without_media(void **state)
{
    (void)state;
    struct cascade *c = begin();
    prepare(c, NEW);
    name_path(c, NEW);
    cascade_run(c, FWD_NAMED_US / 1000 - 1);
    assert_int_equal(c->paths[NEW], 0);
    cascade_run(c, 2);
    assert_int_equal(c->paths[NEW], 1);
    cascade_free(c);
}

/* The old one stops at once, and says the same each time it is asked. */
static void test_the_same_answer(void **state)
{
    (void)state;
    struct cascade *c = begin();
    struct room_spec spec;
    prepare(c, NEW);
    arrive(c, NEW);
    cascade_run(c, 7);
    tell(c, OLD, &(struct view){.duty = HAND_OVER});
    uint64_t index = state_of(c->handed[OLD], 21)->next_index;
    uint16_t last = (uint16_t)video_of(c)->newest;
    assert_int_equal((uint16_t)index, (uint16_t)(last + 1));
    assert_int_equal(state_of(c->handed[OLD], 21)->packets, video_of(c)->distinct);
    cascade_run(c, 500);
    assert_int_equal((uint16_t)video_of(c)->newest, last);
    spillway__control__handed_over__free_unpacked(c->handed[OLD], NULL);
    c->handed[OLD] = NULL;
    room_spec_init(&spec, "RM_1", 1, 0, ++c->versions[OLD]); /* whole, as for a new owner */
    add_tracks(&spec, OLD);
    add_viewer(c, &spec, &(struct view){.duty = HAND_OVER});
    cascade_apply(c, &spec, OLD);
    assert_int_equal(state_of(c->handed[OLD], 21)->next_index, index);
    assert_in_range(state_of(c->handed[OLD], 21)->newest->age_us, TIME_MS(500), TIME_MS(540));
    /* what came since is in the new one's cache: half a second of it */
    tell(c, NEW, &(struct view){.duty = SERVE, .handed = c->handed[OLD]});
    cascade_run(c, 1000);
    check_undisturbed(c);
    cascade_free(c);
}

/* Told again, or with a state it has left behind, a node goes on where it is. */
static void test_resumed_once(void **state)
{
    (void)state;
    struct cascade *c = begin();
    move(c, OLD, NEW);
    for (int i = 0; i < 5; i++) {
        tell(c, NEW, &(struct view){.duty = SERVE, .handed = c->handed[OLD]});
        cascade_run(c, 40);
    }
    cascade_run(c, 1000);
    check_undisturbed(c);
    cascade_free(c);
}

static void test_ten_moves_in_a_row(void **state)
{
    (void)state;
    struct cascade *c = begin();
    for (unsigned i = 0; i < 10; i++) {
        unsigned from = i % 2 == 0 ? OLD : NEW;
        unsigned to = i % 2 == 0 ? NEW : OLD;
        move(c, from, to);
        cascade_run(c, 150);
        leave(c, from);
    }
    cascade_run(c, 1000);
    check_undisturbed(c);
    cascade_free(c);
}

/* Back to a node where the transport still stands, which handed over a moment ago. */
static void test_back_again(void **state)
{
    (void)state;
    struct cascade *c = begin();
    c->clients[VIEWER].client->numbered_jumps = 0;
    for (unsigned i = 0; i < 6; i++) {
        move(c, i % 2 == 0 ? OLD : NEW, i % 2 == 0 ? NEW : OLD);
        cascade_run(c, 300);
    }
    cascade_run(c, 1000);
    check_undisturbed(c);
    assert_int_equal(c->clients[VIEWER].client->numbered_jumps, 0);
    cascade_free(c);
}

/* Losses and reordering on the trunks, each node with its own: each repairs, and what the old one
 * kept a number for the new one sends under it. */
static void test_over_bad_trunks(void **state)
{
    (void)state;
    struct cascade *c = begin();
    c->loss = 100;
    c->jitter_us = TIME_MS(30);
    unsigned kept = 0;
    for (unsigned i = 0; i < 30; i++) {
        unsigned from = i % 2 == 0 ? OLD : NEW;
        unsigned to = i % 2 == 0 ? NEW : OLD;
        move(c, from, to);
        const Spillway__Control__SentRun *run = state_of(c->handed[from], 21)->run;
        for (size_t n = 0; n < run->n_series; n++) {
            kept += run->series[n]->state == SPILLWAY__CONTROL__SENT_SERIES__STATE__KEPT;
        }
        cascade_run(c, 450);
        leave(c, from);
    }
    c->loss = 0;
    cascade_run(c, 2000);
    assert_true(kept > 0);
    assert_true(video_of(c)->distinct > 600);
    assert_int_equal(cascade_missing(video_of(c)), 0);
    assert_int_equal(c->clients[VIEWER].client->bad, 0);
    assert_int_equal(video_of(c)->keys, 0);
    cascade_free(c);
}

/* Told again before anything new came, the new node does not send again what it sent under the
 * numbers that the old one kept. (simulator, drains, seed 81) */
static void test_kept_numbers_once(void **state)
{
    (void)state;
    struct cascade *c = begin();
    c->loss = 100;
    c->jitter_us = TIME_MS(30);
    for (unsigned i = 0; i < 30; i++) {
        unsigned from = i % 2 == 0 ? OLD : NEW;
        unsigned to = i % 2 == 0 ? NEW : OLD;
        move(c, from, to);
        tell(c, to, &(struct view){.duty = SERVE, .handed = c->handed[from]});
        cascade_run(c, 450);
        leave(c, from);
    }
    assert_int_equal(c->clients[VIEWER].client->bad, 0);
    cascade_free(c);
}

/* What was lost of the old node's last packets is sent again by the new one. */
static void test_repair_across_the_move(void **state)
{
    (void)state;
    struct cascade *c = begin();
    struct cascade_client *viewer = &c->clients[VIEWER];
    uint8_t data[MEDIA_CLIENT_PACKET];
    prepare(c, NEW);
    while (viewer->client->lose == 0 && viewer->client->lost_seq == 0) {
        viewer->client->lose = 1;
        cascade_run(c, 1);
        if (viewer->client->lost_seq != (uint16_t)(video_of(c)->newest + 1)) {
            viewer->client->lose = 0; /* it was audio, or none */
            viewer->client->lost_seq = 0;
        }
    }
    uint16_t lost = viewer->client->lost_seq;
    arrive(c, NEW);
    hand_over(c, OLD, NEW);
    const struct media_feedback nack = {.nack_ssrc = VIDEO_SSRC, .nack_seq = lost};
    size_t len = media_client_rtcp(viewer->client, &nack, data);
    const struct node_datagram datagram = {
        .remote = viewer->client->config.addr, .data = data, .len = len};
    (void)node_datagrams(c->nodes[NEW], c->now_us, &datagram, 1);
    cascade_run(c, 100);
    assert_int_equal(media_client_incoming(viewer->client, "5")->repairs, 1);
    assert_int_equal(media_client_incoming(viewer->client, "5")->repaired_seq, lost);
    assert_int_equal(viewer->client->bad, 0);
    cascade_free(c);
}

/* A paused stream is handed over paused, and later goes on by a key frame at the next number. */
static void test_paused(void **state)
{
    (void)state;
    struct cascade *c = begin();
    uint64_t newest = video_of(c)->newest;
    tell(c, OLD, &(struct view){.duty = SERVE, .paused = true});
    cascade_run(c, 500);
    tell(c, NEW, &(struct view){.duty = STAND_BY, .paused = true});
    cascade_run(c, 200);
    arrive(c, NEW);
    cascade_run(c, 7);
    tell(c, OLD, &(struct view){.duty = HAND_OVER, .paused = true});
    tell(c, NEW, &(struct view){.duty = SERVE, .paused = true, .handed = c->handed[OLD]});
    cascade_run(c, 500);
    assert_in_range(video_of(c)->newest, newest, newest + 1);
    newest = video_of(c)->newest;
    tell(c, NEW, &(struct view){.duty = SERVE});
    cascade_run(c, 1000);
    assert_true(video_of(c)->newest > newest + 20);
    assert_int_equal(cascade_missing(video_of(c)), 0);
    assert_int_equal(video_of(c)->keys, 1);
    assert_int_equal(c->clients[VIEWER].client->bad, 0);
    cascade_free(c);
}

/* The client arrives before anything of its tracks does, and for a second nothing comes at all. */
static struct cascade *wait_for_source(void)
{
    struct cascade *c = begin();
    c->cut[SOURCE][NEW] = true;
    cascade_run(c, 100);
    prepare(c, NEW);
    c->clients[PUBLISHER].client->sources[0].on = false;
    c->clients[PUBLISHER].client->sources[1].on = false;
    cascade_run(c, 100);
    arrive(c, NEW);
    hand_over(c, OLD, NEW);
    c->cut[SOURCE][NEW] = false;
    cascade_run(c, 1000);
    return c;
}

/* More than 25 frames of the next second. */
static void source_comes(struct cascade *c)
{
    for (size_t i = 0; i < 2; i++) {
        c->clients[PUBLISHER].client->sources[i].on = true;
        c->clients[PUBLISHER].client->sources[i].due_us = c->now_us;
    }
    unsigned before = video_of(c)->distinct;
    cascade_run(c, 1000);
    assert_true(video_of(c)->distinct > before + 25);
}

/* A client may be faster than its tracks: they are waited for, and go on all the same. */
static void test_source_comes_later(void **state)
{
    (void)state;
    struct cascade *c = wait_for_source();
    source_comes(c);
    check_undisturbed(c);
    cascade_free(c);
}

static void rekey(struct cascade *c, unsigned node, uint8_t seed)
{
    struct room_spec spec;
    c->clients[VIEWER].old = 0;
    media_client_rekey(c->clients[VIEWER].client, seed);
    cascade_spec(c, &spec, node);
    room_spec_transport(&spec, 12, c->clients[VIEWER].client, true);
    cascade_apply(c, &spec, node);
}

/* Under new keys there is nothing to go on with: what is waited for begins anew. */
static void test_new_keys_meanwhile(void **state)
{
    (void)state;
    struct cascade *c = wait_for_source();
    uint16_t newest = (uint16_t)audio_of(c)->newest;
    rekey(c, NEW, 99);
    source_comes(c);
    assert_int_equal(c->clients[VIEWER].client->bad, 0);
    assert_in_range((uint16_t)audio_of(c)->newest - newest, 1, 100); /* it goes on all the same */
    cascade_free(c);
}

/* Told again after that, the node does not go back to where it once began. (simulator,
 * orchestrator, seed 160) */
static void test_told_again_under_new_keys(void **state)
{
    (void)state;
    struct cascade *c = begin();
    move(c, OLD, NEW);
    cascade_run(c, 1000);
    c->clients[PUBLISHER].client->sources[0].on = false;
    c->clients[PUBLISHER].client->sources[1].on = false;
    cascade_run(c, 200);
    uint64_t newest = video_of(c)->newest + audio_of(c)->newest;
    uint64_t forwarded = cascade_counters(c, NEW)->rtp_forwarded;
    rekey(c, NEW, 99);
    tell(c, NEW, &(struct view){.duty = SERVE, .handed = c->handed[OLD]});
    source_comes(c);
    assert_int_equal(video_of(c)->newest + audio_of(c)->newest - newest,
                     cascade_counters(c, NEW)->rtp_forwarded - forwarded);
    assert_int_equal(c->clients[VIEWER].client->bad, 0);
    cascade_free(c);
}

/* Under new keys rollover counters begin at 0 anew, and this is what the next node has to know. */
static void test_moved_under_new_keys(void **state)
{
    (void)state;
    struct cascade *c = begin();
    prepare(c, NEW);
    arrive(c, NEW);
    cascade_run(c, 7);
    tell(c, OLD, &(struct view){.duty = HAND_OVER});
    for (size_t i = 0; i < c->handed[OLD]->n_senders; i++) { /* as if long ago */
        c->handed[OLD]->senders[i]->next_index = 65536 + 3;
    }
    tell(c, NEW, &(struct view){.duty = SERVE, .handed = c->handed[OLD]});
    cascade_run(c, 100);
    rekey(c, NEW, 99);
    c->clients[VIEWER].client->bad = 0;
    cascade_run(c, 500);
    assert_int_equal(c->clients[VIEWER].client->bad, 0);
    leave(c, OLD);
    move(c, NEW, OLD);
    cascade_run(c, 500);
    assert_int_equal(c->clients[VIEWER].client->bad, 0);
    assert_true(c->handed[NEW]->senders[0]->next_index < 65536);
    cascade_free(c);
}

/* The new node has not got the track in time: the numbers go on all the same, with a key frame. */
static void test_source_unknown_there(void **state)
{
    (void)state;
    struct cascade *c = begin();
    c->cut[SOURCE][NEW] = true;
    cascade_run(c, 100);
    move(c, OLD, NEW);
    cascade_run(c, 200);
    c->cut[SOURCE][NEW] = false;
    cascade_run(c, 2000);
    assert_int_equal(cascade_missing(video_of(c)), 0);
    assert_int_equal(video_of(c)->keys, 1);
    assert_int_equal(c->clients[VIEWER].client->bad, 0);
    cascade_free(c);
}

/* The old node goes on itself: the move was given up. */
static void test_taken_back(void **state)
{
    (void)state;
    struct cascade *c = begin();
    prepare(c, NEW);
    tell(c, OLD, &(struct view){.duty = HAND_OVER});
    cascade_run(c, 20);
    leave(c, NEW);
    tell(c, OLD, &(struct view){.duty = SERVE});
    cascade_run(c, 2000);
    assert_int_equal(cascade_missing(video_of(c)), 0);
    assert_int_equal(cascade_missing(audio_of(c)), 0);
    assert_int_equal(c->clients[VIEWER].client->bad, 0);
    assert_true(video_of(c)->distinct > 140);
    cascade_free(c);
}

/* The publisher's two nodes have the track from each other for a while: what it says goes round
 * once. */
static void test_publisher_at_both_nodes(void **state)
{
    (void)state;
    struct room_spec spec;
    struct cascade *c = cascade_new(2);
    const struct media_source video = {.mid = "0", .due_us = c->now_us + TIME_MS(200)};
    struct cascade_client *publisher = cascade_join(c, 1);
    struct media_source *source = media_client_publish(publisher->client, &video);
    publisher->sends_clock = true;
    c->delay_us = 0;
    for (unsigned node = 1; node <= 2; node++) {
        const struct room_spec_edge edge = {10 + node, VIDEO, 3 - node, ssrc_on(node, 3 - node),
                                            1,         1};
        cascade_join(c, node);
        cascade_spec(c, &spec, node);
        room_spec_transport(&spec, 11, publisher->client, true)->standby = node == 2;
        room_spec_transport(&spec, 11 + node, c->clients[node].client, true);
        Spillway__Control__Track *track = room_spec_video(&spec, VIDEO, 11, "0", NULL);
        track->layers[0]->ssrc = source->ssrc;
        room_spec_trunk(&spec, node, 3 - node, 1);
        room_spec_upstream(&spec, track, 3 - node, ssrc_on(3 - node, node));
        room_spec_edge(&spec, &edge);
        const struct room_spec_want want = {20 + node, VIDEO, 11 + node, "5", 7000 + node, false};
        room_spec_subscription(&spec, &want);
        cascade_apply(c, &spec, node);
    }
    cascade_run(c, 3000);
    publisher->node = 2;
    publisher->check_at_us = c->now_us;
    cascade_run(c, 3000);
    assert_true(c->rtcp < 250); /* 155; without end they would be 20,000 */
    for (unsigned node = 1; node <= 2; node++) {
        const struct cascade_flow *flow = cascade_flow(&c->clients[node], 7000 + node);
        assert_int_equal(cascade_missing(flow), 0);
        assert_in_range(flow->distinct, 170, 182);
    }
    cascade_free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing_is_lost),
        cmocka_unit_test(test_standby_is_quiet),
        cmocka_unit_test(test_arrived_with_its_media),
        cmocka_unit_test(test_arrived_without_media),
        cmocka_unit_test(test_the_same_answer),
        cmocka_unit_test(test_resumed_once),
        cmocka_unit_test(test_ten_moves_in_a_row),
        cmocka_unit_test(test_back_again),
        cmocka_unit_test(test_over_bad_trunks),
        cmocka_unit_test(test_kept_numbers_once),
        cmocka_unit_test(test_repair_across_the_move),
        cmocka_unit_test(test_paused),
        cmocka_unit_test(test_source_comes_later),
        cmocka_unit_test(test_new_keys_meanwhile),
        cmocka_unit_test(test_told_again_under_new_keys),
        cmocka_unit_test(test_moved_under_new_keys),
        cmocka_unit_test(test_source_unknown_there),
        cmocka_unit_test(test_taken_back),
        cmocka_unit_test(test_publisher_at_both_nodes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
