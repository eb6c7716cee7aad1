/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal: the admin API says of somebody's media what his node reported of them, and nothing that
 * nobody knows, whatever a node says.
 */
#include "tests/lib/orch_world.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include <setjmp.h>

#include <cmocka.h>

#define MICROPHONE "bdff7259-4fed-4deb-bf36-e87d9a3f493c" /* of chromium-publish.offer */
#define CAMERA     "b43b7cab-1f6a-433c-9307-80364c14926b"

enum { SOUND = 1, PICTURE = 2 }; /* tracks of alice's, and bob's subscriptions to them */

struct meeting {
    struct world world;
    uint64_t beats;
    json_t *shown;
};

static void meet(struct meeting *m)
{
    struct world *world = &m->world;
    *m = (struct meeting){0};
    world_init(world);
    world_node(world, "ND_a");
    world_join(world, 1, &(struct world_join){.room = "lobby", .identity = "alice"});
    world_add_track(world, 1, MICROPHONE, LIVEKIT__TRACK_TYPE__AUDIO);
    world_add_track(world, 1, CAMERA, LIVEKIT__TRACK_TYPE__VIDEO);
    world_offer(world, 1, "chromium-publish.offer", 1);
    world_join(world, 2,
               &(struct world_join){
                   .room = "lobby", .identity = "bob", .offer_file = "chromium-join.offer"});
    world_connected(world, 1);
    world_connected(world, 2);
}

static void part(struct meeting *m)
{
    json_decref(m->shown);
    world_fini(&m->world);
}

static void pass(struct meeting *m, int64_t ms)
{
    for (int64_t passed = 0; passed < ms; passed += 250) {
        world_advance(&m->world, TIME_MS(250));
        world_heartbeat(&m->world, "ND_a", ++m->beats);
    }
}

static int get(struct meeting *m, const char *path)
{
    world_admin(&m->world, "GET", path, "");
    return m->world.last_status;
}

static const json_t *show(struct meeting *m, const char *identity)
{
    char path[128];
    snprintf(path, sizeof(path), "/admin/v1/rooms/lobby/participants/%s/stats", identity);
    assert_int_equal(get(m, path), 200);
    json_decref(m->shown);
    m->shown = json_loads(m->world.last_reply, 0, NULL);
    assert_non_null(m->shown);
    return m->shown;
}

static const json_t *at(const json_t *json, const char *list, size_t index)
{
    const json_t *found = json_array_get(json_object_get(json, list), index);
    assert_non_null(found);
    return found;
}

/* The values of these keys, as compact JSON. */
static void assert_values(const json_t *json, const char *keys, const char *expected)
{
    char list[256], *rest = list, *key;
    json_t *values = json_array();
    snprintf(list, sizeof(list), "%s", keys);
    while ((key = strsep(&rest, " ")) != NULL) {
        json_t *value = json_object_get(json, key);
        assert_non_null(value);
        json_array_append(values, value);
    }
    char *text = json_dumps(values, JSON_COMPACT | JSON_REAL_PRECISION(15));
    assert_string_equal(text, expected);
    free(text);
    json_decref(values);
}

/* ---- Reports ------------------------------------------------------------------------------- */

struct said {
    Spillway__Control__TransportReport report;
    Spillway__Control__TrackReport track, *tracks[1];
    Spillway__Control__LayerReport layer, *layers[1];
    Spillway__Control__SubscriptionReport subscription, *subscriptions[1];
};

/* Of five seconds, with one layer of that track. */
static void begin(struct said *said, uint32_t track, uint32_t spatial)
{
    spillway__control__transport_report__init(&said->report);
    spillway__control__track_report__init(&said->track);
    spillway__control__layer_report__init(&said->layer);
    said->report.interval_ms = 5000;
    said->report.tracks = said->tracks;
    said->report.n_tracks = 1;
    said->tracks[0] = &said->track;
    said->track.track = track;
    said->track.layers = said->layers;
    said->track.n_layers = 1;
    said->layers[0] = &said->layer;
    said->layer.spatial = spatial;
}

/* Of five seconds, with that subscription. */
static void begin_subscription(struct said *said, uint32_t id)
{
    begin(said, 0, 0);
    spillway__control__subscription_report__init(&said->subscription);
    said->report.n_tracks = 0;
    said->report.subscriptions = said->subscriptions;
    said->report.n_subscriptions = 1;
    said->subscriptions[0] = &said->subscription;
    said->subscription.subscription = id;
}

/* transport: 1 alice's, 2 bob's. */
static void say(struct meeting *m, const char *node, size_t transport, struct said *said)
{
    Spillway__Control__Event event = SPILLWAY__CONTROL__EVENT__INIT;
    said->report.transport = m->world.transports[transport - 1];
    event.event_case = SPILLWAY__CONTROL__EVENT__EVENT_TRANSPORT_REPORT;
    event.transport_report = &said->report;
    world_event(&m->world, node, &event);
}

/* ---- Stories ------------------------------------------------------------------------------- */

#define PERSON "age_ms interval_ms rtt_ms estimate_bits_per_second remb_bits_per_second"
#define RATES  "bits_per_second packets_per_second lost_ratio jitter_ms"
#define REPAIR "nacked_packets repaired_packets key_frame_requests"
#define SUMS   "packets bytes lost_packets"

/* Goal: before the first report everything is listed, and no number made up. */
static void nothing_reported(void **state)
{
    (void)state;
    struct meeting m;
    meet(&m);
    const json_t *alice = show(&m, "alice");
    assert_values(alice, "room identity node node_name", "[\"lobby\",\"alice\",\"ND_a\",\"ND_a\"]");
    assert_values(alice, PERSON " quality", "[null,null,null,null,null,null]");
    assert_values(at(alice, "tracks", 0), "kind muted score", "[\"audio\",false,null]");
    assert_int_equal(json_array_size(json_object_get(at(alice, "tracks", 0), "layers")), 1);
    const json_t *picture = at(alice, "tracks", 1);
    assert_values(picture, "kind mime_type", "[\"video\",\"video/VP8\"]");
    for (size_t i = 0; i < 3; i++) {
        const json_t *layer = at(picture, "layers", i);
        assert_int_equal(json_integer_value(json_object_get(layer, "layer")), i);
        assert_values(layer, RATES " frames_per_second", "[null,null,null,null,null]");
        assert_values(layer, SUMS " frames", "[0,0,0,0]");
    }
    assert_int_equal(json_array_size(json_object_get(alice, "subscriptions")), 0);
    const json_t *bob = show(&m, "bob");
    assert_int_equal(json_array_size(json_object_get(bob, "tracks")), 0);
    assert_int_equal(json_array_size(json_object_get(bob, "subscriptions")), 2);
    assert_values(at(bob, "subscriptions", 1), "kind publisher paused layer layer_max score " RATES,
                  "[\"video\",\"alice\",\"\",null,2,null,null,null,null,null]");
    part(&m);
}

/* Goal: rates are those of the last report, sums of all, whoever sent them; what the last one does
 * not name has no rate. */
static void published(void **state)
{
    (void)state;
    struct meeting m;
    struct said said;
    meet(&m);
    begin(&said, PICTURE, 1);
    said.report.rtt_us = 24500;
    said.layer.packets = 990;
    said.layer.lost = 10;
    said.layer.bytes = 625000;
    said.layer.frames = 149;
    said.layer.jitter_us = 1250;
    said.layer.nacked = 30;
    said.layer.repaired = 20;
    said.layer.key_frames_asked = 1;
    say(&m, "ND_a", 1, &said);
    pass(&m, 2000);
    const json_t *alice = show(&m, "alice");
    assert_values(alice, PERSON, "[2000,5000,24.5,null,null]");
    const json_t *layer = at(at(alice, "tracks", 1), "layers", 1);
    assert_values(layer, RATES " frames_per_second", "[1000000,198.0,0.01,1.25,29.8]");
    assert_values(layer, SUMS " frames", "[990,625000,10,149]");
    assert_values(at(at(alice, "tracks", 1), "layers", 0), RATES, "[null,null,null,null]");

    said.report.interval_ms = 1000;
    said.layer.lost = 0;
    say(&m, "ND_a", 1, &said);
    layer = at(at(show(&m, "alice"), "tracks", 1), "layers", 1);
    assert_values(layer, RATES, "[5000000,990.0,0.0,1.25]");
    assert_values(layer, SUMS " " REPAIR, "[1980,1250000,10,60,40,2]");

    said.layer.spatial = 0;
    say(&m, "ND_a", 1, &said);
    layer = at(at(show(&m, "alice"), "tracks", 1), "layers", 1);
    assert_values(layer, RATES, "[null,null,null,null]");
    assert_values(layer, SUMS, "[1980,1250000,10]");
    part(&m);
}

/* Goal: a subscription says what is forwarded of what there is, and why nothing is. */
static void subscribed(void **state)
{
    (void)state;
    struct meeting m;
    struct said said;
    meet(&m);
    begin_subscription(&said, PICTURE);
    said.report.remb_bps = 800000;
    said.report.estimate_bps = 700000;
    said.subscription.packets = 500;
    said.subscription.lost = 10;
    said.subscription.bytes = 312500;
    said.subscription.jitter_us = 2000;
    said.subscription.spatial = 1;
    said.subscription.nacked = 9;
    said.subscription.repaired = 8;
    said.subscription.key_frames_asked = 2;
    say(&m, "ND_a", 2, &said);
    const json_t *bob = show(&m, "bob");
    assert_values(bob, PERSON, "[0,5000,null,700000,800000]");
    const json_t *picture = at(bob, "subscriptions", 1);
    assert_values(picture, RATES " " SUMS, "[500000,100.0,0.02,2.0,500,312500,10]");
    assert_values(picture, REPAIR, "[9,8,2]");
    assert_values(picture, "layer layer_max paused", "[1,2,\"\"]");
    said.report.estimate_bps = 0; /* unknown again */
    say(&m, "ND_a", 2, &said);
    assert_values(show(&m, "bob"), PERSON, "[0,5000,null,null,800000]");

    Spillway__Control__VideoPaused paused = SPILLWAY__CONTROL__VIDEO_PAUSED__INIT;
    Spillway__Control__Event event = SPILLWAY__CONTROL__EVENT__INIT;
    paused.transport = m.world.transports[1];
    paused.subscriptions = (uint32_t[]){PICTURE};
    paused.n_subscriptions = 1;
    event.event_case = SPILLWAY__CONTROL__EVENT__EVENT_VIDEO_PAUSED;
    event.video_paused = &paused;
    world_event(&m.world, "ND_a", &event);
    assert_values(at(show(&m, "bob"), "subscriptions", 1), "paused", "[\"bandwidth\"]");
    assert_values(at(show(&m, "bob"), "subscriptions", 0), "paused", "[\"\"]");
    world_watch(&m.world, 2, LIVEKIT__VIDEO_QUALITY__OFF);
    assert_values(at(show(&m, "bob"), "subscriptions", 1), "paused", "[\"client\"]");
    world_watch(&m.world, 2, LIVEKIT__VIDEO_QUALITY__LOW);
    assert_values(at(show(&m, "bob"), "subscriptions", 1), "paused layer_max", "[\"bandwidth\",0]");
    part(&m);
}

/* Goal: quality is what clients were told, and a stream's score why. */
static void quality(void **state)
{
    (void)state;
    struct meeting m;
    struct said said;
    meet(&m);
    pass(&m, 5000);
    assert_values(show(&m, "bob"), "quality", "[\"excellent\"]");
    for (int i = 0; i < 3; i++) {
        begin_subscription(&said, PICTURE);
        said.subscription.packets = 1000;
        said.subscription.lost = 50;
        say(&m, "ND_a", 2, &said);
    }
    assert_values(show(&m, "bob"), "quality", "[\"excellent\"]"); /* so far */
    pass(&m, 5000);
    assert_values(show(&m, "bob"), "quality", "[\"good\"]");
    assert_values(at(show(&m, "bob"), "subscriptions", 1), "score", "[50]");
    assert_values(show(&m, "alice"), "quality", "[\"excellent\"]");
    part(&m);
}

/* Goal: another node goes on where the last one was, and that one's word counts no more. */
static void moved(void **state)
{
    (void)state;
    struct meeting m;
    struct said said;
    meet(&m);
    begin(&said, SOUND, 0);
    said.layer.packets = 250;
    say(&m, "ND_a", 1, &said);
    world_node(&m.world, "ND_b");
    orch_node_link_lost(m.world.orch, m.world.now_us, "ND_a");
    world_drain(&m.world);
    say(&m, "ND_a", 1, &said);
    say(&m, "ND_b", 1, &said);
    const json_t *alice = show(&m, "alice");
    assert_values(alice, "node", "[\"ND_b\"]");
    assert_values(at(at(alice, "tracks", 0), "layers", 0), SUMS, "[500,0,0]");
    part(&m);
}

static const json_t *sound(struct meeting *m)
{
    return at(at(show(m, "alice"), "tracks", 0), "layers", 0);
}

/* Goal: whatever a node says, what is shown are numbers, each of them where it belongs; and the
 * next honest report is as good as ever. */
static void lies(void **state)
{
    (void)state;
    struct meeting m;
    struct said said;
    meet(&m);
    begin(&said, SOUND, 0);
    said.report.interval_ms = 1;
    said.report.rtt_us = UINT32_MAX;
    said.report.remb_bps = said.layer.packets = said.layer.bytes = said.layer.lost = UINT64_MAX;
    said.layer.frames = said.layer.jitter_us = UINT32_MAX;
    said.layer.nacked = said.layer.repaired = said.layer.key_frames_asked = UINT64_MAX;
    for (int i = 0; i < 2; i++) {
        say(&m, "ND_a", 1, &said);
    }
    assert_values(show(&m, "alice"), "rtt_ms remb_bits_per_second",
                  "[4294967.295,9223372036854775807]");
    assert_values(sound(&m), SUMS, "[9223372036854775807,9223372036854775807,9223372036854775807]");
    assert_values(sound(&m), "bits_per_second lost_ratio frames",
                  "[9000000000000000000,0.5,8589934590]");

    begin(&said, SOUND, 7); /* no such layer */
    say(&m, "ND_a", 1, &said);
    begin(&said, 77, 0); /* nor such a track */
    say(&m, "ND_a", 1, &said);
    begin(&said, SOUND, 0); /* it is not bob's */
    say(&m, "ND_a", 2, &said);
    begin_subscription(&said, 77);
    say(&m, "ND_a", 2, &said);
    begin_subscription(&said, SOUND); /* nor is it alice's */
    say(&m, "ND_a", 1, &said);
    assert_values(sound(&m), "bits_per_second jitter_ms", "[null,null]");
    said.report.interval_ms = 0;
    said.subscription.lost = 9;
    said.subscription.spatial = INT32_MIN;
    said.subscription.packets = 3; /* of which more than all were lost */
    say(&m, "ND_a", 2, &said);
    const json_t *heard = at(show(&m, "bob"), "subscriptions", 0);
    assert_values(heard, "layer bits_per_second lost_ratio jitter_ms", "[null,null,1.0,0.0]");
    said.subscription.spatial = INT32_MAX;
    say(&m, "ND_a", 2, &said);
    assert_values(at(show(&m, "bob"), "subscriptions", 0), "layer", "[null]");

    begin(&said, SOUND, 0);
    said.layer.packets = 250;
    said.layer.bytes = 20000;
    say(&m, "ND_a", 1, &said);
    assert_values(sound(&m), RATES, "[32000,50.0,0.0,0.0]");
    part(&m);
}

/* Goal: who asks wrongly hears what he hears of a participant. */
static void wrong_questions(void **state)
{
    (void)state;
    static const struct {
        const char *verb, *path;
        int status;
    } rows[] = {
        {"GET", "nowhere/participants/alice/stats", 404},
        {"GET", "lobby/participants/nobody/stats", 404},
        {"GET", "lobby/participants//stats", 404},
        {"GET", "lobby/participants/alice/statistics", 404},
        {"GET", "lobby/participants/alice/stats/1", 404},
        {"GET", "lobby/people/alice/stats", 404},
        {"POST", "lobby/participants/alice/stats", 405},
        {"ASK", "lobby/participants/alice/stats", 403},
    };
    struct meeting m;
    meet(&m);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char path[128];
        snprintf(path, sizeof(path), "/admin/v1/rooms/%s", rows[i].path);
        m.world.last_status = 0;
        world_admin(&m.world, rows[i].verb, path, "{}");
        assert_int_equal(m.world.last_status, rows[i].status);
    }
    part(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_reported),
        cmocka_unit_test(published),
        cmocka_unit_test(subscribed),
        cmocka_unit_test(quality),
        cmocka_unit_test(moved),
        cmocka_unit_test(lies),
        cmocka_unit_test(wrong_questions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
