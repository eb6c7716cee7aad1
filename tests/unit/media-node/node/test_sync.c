/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal: lips move with the sound. By the sender reports that a viewer gets, sound and pictures of
 * one publisher were captured when they were, at his node and behind two others: while clocks of
 * the publisher drift and wrap, layers change, and pictures pause.
 */
#include "tests/unit/media-node/node/chain.h"

#define VIEWERS 3 /* clients 1 to 3, the last of them beside the publisher */
#define NODES   3
#define APART   TIME_MS(20)        /* of sound and pictures, at most: ITU-R BT.1359 notices 45 */
#define ERA_END TIME_S(2085978496) /* 2036-02-07 06:28:16 UTC, when NTP's seconds are 0 again */

/* What a sound card and a camera are off by at the worst, and a time of day that is just set. */
static const struct cascade_clocks drifting = {.wall_us = TIME_S(1700000000),
                                               .wall_ppm = 500,
                                               .audio_ppm = 200,
                                               .video_ppm = -200,
                                               .audio_late_us = TIME_MS(10),
                                               .video_late_us = TIME_MS(70),
                                               .wrap_s = 7,
                                               .report_us = TIME_S(5)};

/* At which node a viewer is. */
static unsigned node_of(size_t viewer)
{
    return viewer == VIEWERS ? 1 : (unsigned)viewer + 1;
}

static struct cascade *meet(const struct cascade_clocks *clocks)
{
    struct room_spec spec;
    struct cascade *c = chain_new(NODES, 7);
    c->clients[0].clocks = clocks;
    c->clients[0].sends_clock = true;
    c->jitter_us = TIME_MS(20);
    cascade_join(c, node_of(VIEWERS));
    cascade_spec(c, &spec, node_of(VIEWERS));
    chain_subscriber(c, &spec, VIEWERS);
    cascade_apply(c, &spec, node_of(VIEWERS));
    return c;
}

/* What every viewer wants of the video from here on. */
static void want(struct cascade *c, uint32_t spatial_max, bool paused)
{
    for (size_t viewer = 1; viewer <= VIEWERS; viewer++) {
        struct room_spec spec;
        cascade_spec(c, &spec, node_of(viewer));
        Spillway__Control__Subscription *video = chain_video(&spec, viewer);
        video->spatial_max = spatial_max;
        video->paused = paused;
        cascade_apply(c, &spec, node_of(viewer));
    }
}

/* Of every viewer: packets whose time it could tell, each flow, and how far sound and pictures were
 * apart at the most. */
static void check_in_sync(struct cascade *c, unsigned video_min, unsigned audio_min)
{
    for (size_t viewer = 1; viewer <= VIEWERS; viewer++) {
        struct cascade_client *client = &c->clients[viewer];
        const struct cascade_flow *video = cascade_flow(client, chain_video_ssrc(viewer));
        const struct cascade_flow *audio = cascade_flow(client, chain_audio_ssrc(viewer));
        assert_non_null(video);
        assert_non_null(audio);
        print_message("node %u: video off by %lld to %lld us, audio by %lld to %lld\n",
                      node_of(viewer), (long long)video->off_us_min, (long long)video->off_us_max,
                      (long long)audio->off_us_min, (long long)audio->off_us_max);
        assert_true(video->timed >= video_min);
        assert_true(audio->timed >= audio_min);
        assert_true(video->off_us_max - audio->off_us_min < APART);
        assert_true(audio->off_us_max - video->off_us_min < APART);
        assert_int_equal(client->client->bad, 0);
    }
}

static void sound_and_pictures_stay_together(void **state)
{
    (void)state;
    struct cascade *c = meet(&drifting);
    cascade_run(c, 12000); /* all clocks have wrapped */
    check_in_sync(c, 100, 250);
    want(c, 0, false);
    cascade_run(c, 3000);
    assert_int_equal(media_client_incoming(c->clients[VIEWERS - 1].client, "5")->layer, 0);
    want(c, 3, true);
    cascade_run(c, 4000);
    want(c, 3, false);
    cascade_run(c, 6000);
    assert_int_equal(media_client_incoming(c->clients[VIEWERS - 1].client, "5")->layer, 2);
    check_in_sync(c, 350, 900);
    cascade_free(c);
}

static void an_era_of_ntp_ends(void **state)
{
    (void)state;
    struct cascade_clocks clocks = drifting;
    clocks.wall_us = ERA_END - TIME_S(8);
    struct cascade *c = meet(&clocks);
    cascade_run(c, 16000);
    check_in_sync(c, 200, 450);
    assert_true(media_client_incoming(c->clients[VIEWERS - 1].client, "6")->report.ntp >> 32 < 60);
    cascade_free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sound_and_pictures_stay_together),
        cmocka_unit_test(an_era_of_ntp_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
