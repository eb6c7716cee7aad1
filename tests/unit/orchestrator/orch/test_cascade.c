/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal: a room whose people are on several nodes is told to each of them so that every track gets
 * to everybody who watches it, once to each node, in the layers that are watched there.
 */
#include "tests/lib/orch_world.h"

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define MICROPHONE "bdff7259-4fed-4deb-bf36-e87d9a3f493c" /* of chromium-publish.offer */
#define CAMERA     "b43b7cab-1f6a-433c-9307-80364c14926b"

static void add_node(struct world *world, const char *id, const char *region)
{
    world->node_region = region;
    world_node(world, id);
}

static void join(struct world *world, uint64_t conn, const char *identity, const char *region)
{
    world->region = region;
    world_join(world, conn,
               &(struct world_join){
                   .room = "lobby", .identity = identity, .offer_file = "chromium-join.offer"});
}

/* alice publishes in eu, bob watches in us. */
static void meeting(struct world *world)
{
    world_init(world);
    add_node(world, "ND_a", "eu");
    add_node(world, "ND_b", "us");
    join(world, 1, "alice", "eu");
    world_add_track(world, 1, MICROPHONE, LIVEKIT__TRACK_TYPE__AUDIO);
    world_add_track(world, 1, CAMERA, LIVEKIT__TRACK_TYPE__VIDEO);
    world_connected(world, 1);
    world_offer(world, 1, "chromium-publish.offer", 2);
    join(world, 2, "bob", "us");
}

static void move(struct world *world, const char *identity, const char *node)
{
    char json[128];
    snprintf(json, sizeof(json), "{\"participant\": \"%s\", \"to\": \"%s\"}", identity, node);
    world_admin(world, "POST", "/admin/v1/rooms/lobby/move", json);
}

static void nodes_live(struct world *world, uint64_t sequence)
{
    world_heartbeat(world, "ND_a", sequence);
    world_heartbeat(world, "ND_b", sequence);
    world_story(world);
}

/* Goal: each region has its node, and each track one edge between them, in the layers watched. */
static void two_regions(void **state)
{
    (void)state;
    struct world world;
    meeting(&world);
    const char *story = world_story(&world);
    assert_non_null(strstr(story, "node ND_a < spec v4 base=3 t=0 k=2 s=0 -t=0 -k=0 -s=0\n"
                                  "node ND_a < track 1 to ND_b layers=1\n"
                                  "node ND_a < track 2 to ND_b layers=4\n"
                                  "node ND_b < spec v5 base=0 t=1 k=2 s=2 -t=0 -k=0 -s=0\n"
                                  "node ND_b < track 1 from ND_a\n"
                                  "node ND_b < track 2 from ND_a\n"));
    world_fini(&world);
}

/* Goal: both ends of an edge are told the same: SSRCs, the addresses of the trunk, and its keys the
 * other way round. */
static void ends_agree(void **state)
{
    (void)state;
    struct world world;
    meeting(&world);
    const Spillway__Control__RoomSpec *there = world.spec_before, *here = world.last_spec;
    assert_int_equal(here->n_trunks, 1);
    assert_int_equal(there->n_trunks, 1);
    const Spillway__Control__Trunk *near = here->trunks[0], *far = there->trunks[0];
    assert_string_equal(near->node, "ND_a");
    assert_string_equal(far->node, "ND_b");
    assert_int_equal(near->generation, far->generation);
    assert_int_equal(near->keys->client_key.len, 28);
    assert_memory_equal(near->keys->client_key.data, far->keys->server_key.data, 28);
    assert_memory_equal(near->keys->server_key.data, far->keys->client_key.data, 28);
    assert_memory_not_equal(near->keys->server_key.data, near->keys->client_key.data, 28);
    assert_int_equal(near->remote->port, far->local->port);
    assert_int_equal(there->n_edges, 2);
    assert_int_equal(here->n_tracks, 2);
    for (size_t i = 0; i < here->n_tracks; i++) {
        const Spillway__Control__Upstream *upstream = here->tracks[i]->upstreams[0];
        assert_int_equal(here->tracks[i]->transport, 0);
        assert_int_equal(upstream->n_ssrcs, here->tracks[i]->n_layers);
        assert_memory_equal(upstream->ssrcs, there->edges[i]->ssrcs, 4 * upstream->n_ssrcs);
    }
    world_fini(&world);
}

/* Of the edge, this was told since the last look; NULL: nothing. Returns what else was. */
static const char *told_of_edge(struct world *world, const char *line)
{
    const char *story = world_story(world);
    if (line == NULL) {
        assert_null(strstr(story, "layers="));
    } else {
        assert_non_null(strstr(story, line));
    }
    return story;
}

/* Goal: more is wanted at once, less after a moment in which the old want does not come back. */
static void layers_follow_the_watchers(void **state)
{
    (void)state;
    struct world world;
    meeting(&world);
    world_connected(&world, 2);
    world_story(&world);
    world_watch(&world, 2, LIVEKIT__VIDEO_QUALITY__LOW);
    assert_non_null(strstr(world_story(&world), "node ND_a < track 2 to ND_b layers=5\n"));
    world_advance(&world, TIME_MS(1000));
    world_watch(&world, 2, LIVEKIT__VIDEO_QUALITY__HIGH);
    world_advance(&world, TIME_MS(1900));
    nodes_live(&world, 1);
    world_watch(&world, 2, LIVEKIT__VIDEO_QUALITY__LOW);
    world_advance(&world, TIME_MS(1999));
    assert_non_null(strstr(world_story(&world), "node ND_a < track 2 to ND_b layers=1\n"));
    nodes_live(&world, 2);
    world_watch(&world, 2, LIVEKIT__VIDEO_QUALITY__OFF);
    world_advance(&world, TIME_MS(1999));
    assert_non_null(strstr(world_story(&world), "node ND_a < track 2 to ND_b layers=0\n"));
    world_fini(&world);
}

/* Goal: who wants fewer pictures has no more cross of that layer: a higher rate at once, a lower
 * one after a moment, and none told where all is wanted. */
static void rates_follow_the_watchers(void **state)
{
    (void)state;
    struct world world;
    meeting(&world);
    world_connected(&world, 2);
    world_story(&world);
    static const struct {
        Livekit__VideoQuality quality;
        uint32_t fps;
        const char *edge, *later; /* what is told of it */
    } rows[] = {
        {LIVEKIT__VIDEO_QUALITY__HIGH, 5, NULL, "to ND_b layers=4 rates=0,0,1\n"},
        {LIVEKIT__VIDEO_QUALITY__HIGH, 15, "to ND_b layers=4 rates=0,0,2\n", NULL},
        {LIVEKIT__VIDEO_QUALITY__LOW, 5, "to ND_b layers=5 rates=1,0,2\n",
         "to ND_b layers=1 rates=1\n"},
        {LIVEKIT__VIDEO_QUALITY__LOW, 30, "to ND_b layers=1\n", NULL},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        world_watch_at(&world, 2, rows[i].quality, rows[i].fps);
        (void)told_of_edge(&world, rows[i].edge);
        world_advance(&world, TIME_MS(1499));
        (void)told_of_edge(&world, NULL);
        world_advance(&world, TIME_MS(1));
        (void)told_of_edge(&world, rows[i].later);
    }
    world_fini(&world);
}

/* In eu, with a camera that is announced in words of the test's own. */
static void alice_publishes(struct world *world, Livekit__AddTrackRequest *camera,
                            const char *offer)
{
    Livekit__SignalRequest request = LIVEKIT__SIGNAL_REQUEST__INIT;
    camera->cid = CAMERA;
    camera->type = LIVEKIT__TRACK_TYPE__VIDEO;
    request.message_case = LIVEKIT__SIGNAL_REQUEST__MESSAGE_ADD_TRACK;
    request.add_track = camera;
    world_init(world);
    add_node(world, "ND_a", "eu");
    join(world, 1, "alice", "eu");
    world_add_track(world, 1, MICROPHONE, LIVEKIT__TRACK_TYPE__AUDIO);
    world_signal(world, 1, &request);
    world_connected(world, 1);
    world_offer_text(world, 1, offer, 2);
}

/* Goal: the node that shares out a client's bandwidth knows what is a screen share, and what the
 * client said is more important. */
static void what_matters_is_told(void **state)
{
    (void)state;
    struct world world;
    Livekit__AddTrackRequest screen = LIVEKIT__ADD_TRACK_REQUEST__INIT;
    Livekit__SignalRequest request = LIVEKIT__SIGNAL_REQUEST__INIT;
    screen.source = LIVEKIT__TRACK_SOURCE__SCREEN_SHARE;
    char *offer = world_read_offer("chromium-publish.offer");
    alice_publishes(&world, &screen, offer);
    free(offer);
    join(&world, 2, "bob", "eu");
    const Spillway__Control__RoomSpec *spec = world.last_spec;
    assert_int_equal(spec->n_subscriptions, 2);
    assert_int_equal(spec->subscriptions[0]->screen + spec->subscriptions[1]->screen, 1);
    for (size_t i = 0; i < spec->n_subscriptions; i++) { /* browsers offer REMB for video alone */
        assert_int_equal(spec->subscriptions[i]->payload_types[0]->remb,
                         spec->subscriptions[i]->screen);
    }

    char *sids[] = {world.last_sid};
    Livekit__UpdateTrackSettings settings = LIVEKIT__UPDATE_TRACK_SETTINGS__INIT;
    settings.track_sids = sids;
    settings.n_track_sids = 1;
    settings.priority = 1000;
    request.message_case = LIVEKIT__SIGNAL_REQUEST__MESSAGE_TRACK_SETTING;
    request.track_setting = &settings;
    world_signal(&world, 2, &request);
    assert_int_equal(world.last_spec->n_subscriptions, 1);
    assert_int_equal(world.last_spec->subscriptions[0]->priority, 255);
    world_fini(&world);
}

/* Makes all of these, as many letters, of it. */
static void overwrite(char *text, const char *what, const char *by)
{
    for (char *at = strstr(text, what); at != NULL; at = strstr(at, what)) {
        memcpy(at, by, strlen(by));
    }
}

/* Goal: of a track with its sizes in one stream (SVC), a subscription asks for a size as it does
 * for a simulcast layer; to another node crosses what is wanted there, more at once, less a moment
 * later; and its publisher is to send all of it as long as anybody watches. */
static void sizes_inside_one_stream(void **state)
{
    (void)state;
    struct world world;
    static char codec_name[] = "vp9";
    Livekit__VideoLayer sizes[3], *layers[3];
    for (int i = 0; i < 3; i++) {
        livekit__video_layer__init(&sizes[i]);
        sizes[i].quality = (Livekit__VideoQuality)i;
        sizes[i].width = 320u << i;
        sizes[i].height = 180u << i;
        layers[i] = &sizes[i];
    }
    Livekit__SimulcastCodec codec = LIVEKIT__SIMULCAST_CODEC__INIT, *codecs[] = {&codec};
    codec.codec = codec_name;
    Livekit__AddTrackRequest camera = LIVEKIT__ADD_TRACK_REQUEST__INIT;
    camera.source = LIVEKIT__TRACK_SOURCE__CAMERA;
    camera.layers = layers;
    camera.n_layers = 3;
    camera.simulcast_codecs = codecs;
    camera.n_simulcast_codecs = 1;
    char *offer = world_read_offer("chromium-publish.offer");
    overwrite(offer, "a=rid:", "a=xxx:");
    overwrite(offer, "a=simulcast:", "a=xxxxxxxxx:");

    alice_publishes(&world, &camera, offer);
    add_node(&world, "ND_b", "us");
    join(&world, 2, "bob", "us");
    world_connected(&world, 2);
    world_story(&world);
    static const struct {
        Livekit__VideoQuality quality;
        uint32_t sizes;
        const char *edge, *later; /* what is told of it */
    } rows[] = {{LIVEKIT__VIDEO_QUALITY__LOW, 1, NULL, "to ND_b layers=1 sizes=1\n"},
                {LIVEKIT__VIDEO_QUALITY__MEDIUM, 2, "to ND_b layers=1 sizes=2\n", NULL},
                {LIVEKIT__VIDEO_QUALITY__HIGH, 3, "to ND_b layers=1 sizes=3\n", NULL},
                {LIVEKIT__VIDEO_QUALITY__MEDIUM, 2, NULL, "to ND_b layers=1 sizes=2\n"}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        world_watch(&world, 2, rows[i].quality);
        assert_int_equal(world.last_spec->n_subscriptions, 1);
        assert_int_equal(world.last_spec->subscriptions[0]->spatial_max, 0);
        assert_int_equal(world.last_spec->subscriptions[0]->sizes, rows[i].sizes);
        assert_null(strstr(told_of_edge(&world, rows[i].edge), "quality"));
        world_advance(&world, TIME_MS(1499));
        assert_null(strstr(told_of_edge(&world, NULL), "quality"));
        world_advance(&world, TIME_MS(1));
        assert_null(strstr(told_of_edge(&world, rows[i].later), "quality"));
    }
    world_watch(&world, 2, LIVEKIT__VIDEO_QUALITY__OFF);
    world_advance(&world, TIME_MS(1999));
    const char *story = world_story(&world);
    assert_non_null(strstr(story, "node ND_a < track 2 to ND_b layers=0\n"));
    assert_non_null(strstr(story, "quality TR_VC vp9 0=off 1=off 2=off\n"));
    free(offer);
    world_fini(&world);
}

/* Goal: a second node of a region gets its media from the region's first, with the way round it
 * told beforehand; nothing crosses between regions a second time. */
static void hub_and_leaf(void **state)
{
    (void)state;
    struct world world;
    meeting(&world);
    add_node(&world, "ND_c", "us");
    join(&world, 3, "carol", "us");
    world_story(&world);
    move(&world, "carol", "ND_c");
    assert_string_equal(world_story(&world),
                        "front T3 route ND_c\n"
                        "conn 3 < trickle udp\n"
                        "conn 3 < trickle tcp\n"
                        "reply 1 200\n"
                        "conn 3 < sections audio=0 video=0\n"
                        "node ND_a < spec v7 base=4 t=0 k=0 s=0 -t=0 -k=0 -s=0\n"
                        "node ND_a < track 1 to ND_c layers=1 backup\n"
                        "node ND_a < track 2 to ND_c layers=4 backup\n"
                        "node ND_b < spec v8 base=6 t=0 k=0 s=0 -t=1 -k=0 -s=0\n"
                        "node ND_b < track 1 to ND_c layers=1\n"
                        "node ND_b < track 2 to ND_c layers=4\n"
                        "node ND_c < spec v9 base=0 t=1 k=2 s=1 -t=0 -k=0 -s=0\n"
                        "node ND_c < track 1 from ND_b\n"
                        "node ND_c < track 1 from ND_a backup\n"
                        "node ND_c < track 2 from ND_b\n"
                        "node ND_c < track 2 from ND_a backup\n");
    orch_disconnected(world.orch, world.now_us, 3); /* she never got as far as media: she is gone */
    world_advance(&world, 0);
    world_heartbeat(&world, "ND_b", 1);
    const char *story = world_story(&world);
    assert_non_null(strstr(story, "node ND_c < drop"));
    assert_non_null(strstr(story, "node ND_b < edge"));
    world_fini(&world);
}

/* Goal: a publisher that moves leaves its subscribers where they are: on its old node they get it
 * over a trunk from then on, and the transport goes as the track gets another origin. */
static void publisher_moves_away(void **state)
{
    (void)state;
    struct world world;
    meeting(&world);
    join(&world, 3, "dave", "eu");
    world_story(&world);
    move(&world, "alice", "ND_b");
    const char *story = world_story(&world);
    assert_non_null(strstr(story, "k=2 s=0 -t=1 -k=0 -s=0\nnode ND_a < track 1 from ND_b\n"));
    assert_non_null(strstr(story, "node ND_b < track 1 to ND_a layers=1\n"));
    assert_null(strstr(story, "-k=2"));
    world_fini(&world);
}

/* Goal: everybody on a node that dies goes to the one that is left, and no way leads there. */
static void node_dies(void **state)
{
    (void)state;
    struct world world;
    meeting(&world);
    world_story(&world);
    orch_node_link_lost(world.orch, world.now_us, "ND_b");
    world_advance(&world, 0);
    world_heartbeat(&world, "ND_a", 1);
    const char *story = world_story(&world);
    assert_non_null(strstr(story, "front T2 route ND_a\n"));
    assert_non_null(strstr(story, "node ND_a < edge 1 gone\nnode ND_a < edge 2 gone\n"));
    assert_null(strstr(story, "to ND_b"));
    world_fini(&world);
}

static void measure(struct world *world, const char *to, uint32_t rtt_us)
{
    Spillway__Control__TrunkReport trunk = SPILLWAY__CONTROL__TRUNK_REPORT__INIT;
    trunk.node = (char *)to;
    trunk.rtt_us = rtt_us;
    world->trunk = &trunk;
    world_heartbeat(world, "ND_a", 1);
    world->trunk = NULL;
}

/* Goal: a region is as far as its trunks say: who finds their own full goes to the nearest. */
static void distances_are_measured(void **state)
{
    (void)state;
    for (unsigned near = 0; near < 2; near++) {
        struct world world;
        world_init(&world);
        world.node_weight = 1000; /* full */
        add_node(&world, "ND_a", "eu");
        add_node(&world, "ND_b", "us");
        add_node(&world, "ND_c", "ap");
        measure(&world, "ND_b", near == 0 ? 80000 : 300000);
        measure(&world, "ND_c", near == 0 ? 300000 : 80000);
        measure(&world, "ND_c", 0); /* not known now: what was known holds */
        measure(&world, "ND_x", 1);
        world_story(&world);
        join(&world, 1, "alice", "eu");
        assert_non_null(strstr(world_story(&world), near == 0 ? "route ND_b" : "route ND_c"));
        world_fini(&world);
    }
}

static uint64_t nodes_lost(const struct world *world)
{
    struct orch_stats stats;
    orch_stats(world->orch, &stats);
    return stats.nodes_lost;
}

static void does_not_hear(struct world *world, const char *id, const char *silent)
{
    Spillway__Control__TrunkReport trunk = SPILLWAY__CONTROL__TRUNK_REPORT__INIT;
    trunk.node = (char *)silent;
    trunk.silent = true;
    world->trunk = &trunk;
    world_heartbeat(world, id, 1);
    world->trunk = NULL;
}

/* Goal: who does not hear its neighbour is a witness of that one's death, if it is silent here,
 * too. One of another region is not: the way there may be gone. */
static void neighbours_are_witnesses(void **state)
{
    (void)state;
    struct world world;
    world_init(&world);
    add_node(&world, "ND_a", "eu");
    add_node(&world, "ND_b", "eu");
    add_node(&world, "ND_c", "us");
    world_advance(&world, TIME_MS(650));
    does_not_hear(&world, "ND_c", "ND_b");
    assert_int_equal(nodes_lost(&world), 0);
    does_not_hear(&world, "ND_a", "ND_x");
    does_not_hear(&world, "ND_a", "ND_c"); /* which has just spoken */
    assert_int_equal(nodes_lost(&world), 0);
    does_not_hear(&world, "ND_a", "ND_b");
    assert_int_equal(nodes_lost(&world), 1);
    world_fini(&world);
}

/* Goal: of a node that was late of late one more such moment is no death, however late it was: up
 * to a second more than of others. */
static void late_nodes_are_waited_for(void **state)
{
    static const struct {
        uint32_t lag_us;
        int64_t alive_us, dead_us; /* silence */
    } rows[] = {{20000, TIME_MS(630), TIME_MS(645)},
                {150000, TIME_MS(890), TIME_MS(905)},
                {3000000, TIME_MS(1590), TIME_MS(1605)}};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct world world;
        world_init(&world);
        add_node(&world, "ND_a", "eu");
        add_node(&world, "ND_b", "eu");
        world.node_lag_us = rows[i].lag_us;
        world_heartbeat(&world, "ND_b", 1);
        for (int part = 0; part < 5; part++) {
            world_heartbeat(&world, "ND_a", 1); /* else all are silent */
            world_advance(&world, rows[i].alive_us / 5);
        }
        does_not_hear(&world, "ND_a", "ND_b");
        assert_int_equal(nodes_lost(&world), 0);
        world_advance(&world, rows[i].dead_us - rows[i].alive_us);
        does_not_hear(&world, "ND_a", "ND_b");
        assert_int_equal(nodes_lost(&world), 1);
        world_fini(&world);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(two_regions),
        cmocka_unit_test(ends_agree),
        cmocka_unit_test(layers_follow_the_watchers),
        cmocka_unit_test(rates_follow_the_watchers),
        cmocka_unit_test(what_matters_is_told),
        cmocka_unit_test(sizes_inside_one_stream),
        cmocka_unit_test(hub_and_leaf),
        cmocka_unit_test(publisher_moves_away),
        cmocka_unit_test(node_dies),
        cmocka_unit_test(neighbours_are_witnesses),
        cmocka_unit_test(late_nodes_are_waited_for),
        cmocka_unit_test(distances_are_measured),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
