/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal: whatever is set and removed in whatever order, a room holds what a plain list of wishes
 * would hold, and nothing dangles (the sanitizers watch).
 */
#include "media-node/core/forward/forward.h"

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define MEMBERS       6
#define TRACKS        20
#define SUBSCRIPTIONS 60
#define STEPS         20000

/* The model: ids are 1 + index; 0 means not there. */
struct model {
    struct fwd_member *members[MEMBERS];
    size_t track_member[TRACKS];      /* 1 + member */
    size_t sub_track[SUBSCRIPTIONS];  /* 1 + track */
    size_t sub_member[SUBSCRIPTIONS]; /* 1 + member */
};

struct bench {
    struct fwd *fwd;
    struct outbox *outbox;
    struct fwd_burst *burst;
    struct fwd_events events;
    struct counters counters;
    struct prng prng;
    struct model model;
};

static void set_member(struct bench *b, size_t m)
{
    char ufrag[8];
    snprintf(ufrag, sizeof(ufrag), "srv%zu", m);
    struct fwd_transport transport = {.id = m + 1,
                                      .credentials = {.local_ufrag = ufrag,
                                                      .local_pwd = "serverpassword12345678",
                                                      .remote_ufrag = "",
                                                      .remote_pwd = "",
                                                      .previous_ufrag = "",
                                                      .previous_pwd = ""}};
    assert_int_equal(fwd_set_transport(b->fwd, 0, &transport, &b->model.members[m]), 0);
}

static void forget_track(struct model *model, size_t t)
{
    model->track_member[t] = 0;
    for (size_t s = 0; s < SUBSCRIPTIONS; s++) {
        if (model->sub_track[s] == t + 1) {
            model->sub_track[s] = 0;
        }
    }
}

static void remove_member(struct bench *b, size_t m)
{
    struct model *model = &b->model;
    if (model->members[m] == NULL) {
        return;
    }
    fwd_remove_transport(b->fwd, model->members[m]);
    model->members[m] = NULL;
    for (size_t t = 0; t < TRACKS; t++) {
        if (model->track_member[t] == m + 1) {
            forget_track(model, t);
        }
    }
    for (size_t s = 0; s < SUBSCRIPTIONS; s++) {
        if (model->sub_member[s] == m + 1) {
            model->sub_track[s] = 0;
        }
    }
}

static void set_track(struct bench *b, size_t t)
{
    struct model *model = &b->model;
    size_t m = model->track_member[t] != 0 ? model->track_member[t] - 1
                                           : (size_t)prng_below(&b->prng, MEMBERS);
    if (model->members[m] == NULL) {
        return;
    }
    struct fwd_track track = {.published = {.id = (uint32_t)t + 1, .layer_count = 1},
                              .kind = STREAM_AUDIO,
                              .payloads = {{.codec = RTP_CODEC_OPUS,
                                            .number = (uint8_t)prng_below(&b->prng, 3),
                                            .clock_hz = 48000}},
                              .payload_count = 1,
                              .muted = prng_below(&b->prng, 2) == 0};
    assert_int_equal(fwd_set_track(b->fwd, 0, model->members[m], &track), 0);
    model->track_member[t] = m + 1;
}

static void set_subscription(struct bench *b, size_t s)
{
    struct model *model = &b->model;
    size_t t = (size_t)prng_below(&b->prng, TRACKS);
    size_t m = (size_t)prng_below(&b->prng, MEMBERS);
    if (model->track_member[t] == 0 || model->members[m] == NULL) {
        return;
    }
    struct fwd_subscription subscription = {
        .id = (uint32_t)s + 1,
        .track = (uint32_t)t + 1,
        .mid = "1",
        .ssrc = (uint32_t)(1000 + s),
        .payloads = {{.codec = RTP_CODEC_OPUS, .number = 111, .clock_hz = 48000}},
        .payload_count = 1};
    fwd_set_subscription(b->fwd, 0, model->members[m], &subscription);
    model->sub_track[s] = t + 1;
    model->sub_member[s] = m + 1;
}

static void act(struct bench *b)
{
    size_t t = (size_t)prng_below(&b->prng, TRACKS);
    size_t s = (size_t)prng_below(&b->prng, SUBSCRIPTIONS);
    switch (prng_below(&b->prng, 12)) {
    case 0:
        set_member(b, (size_t)prng_below(&b->prng, MEMBERS));
        break;
    case 1:
        if (prng_below(&b->prng, 8) == 0) {
            remove_member(b, (size_t)prng_below(&b->prng, MEMBERS));
        }
        break;
    case 2:
    case 3:
        set_track(b, t);
        break;
    case 4:
        fwd_remove_track(b->fwd, (uint32_t)t + 1);
        forget_track(&b->model, t);
        break;
    case 5:
        fwd_remove_subscription(b->fwd, (uint32_t)s + 1);
        b->model.sub_track[s] = 0;
        break;
    default:
        set_subscription(b, s);
        break;
    }
}

static void compare(const struct bench *b)
{
    const struct model *model = &b->model;
    struct fwd_counts counts = {0};
    for (size_t m = 0; m < MEMBERS; m++) {
        counts.members += model->members[m] != NULL;
    }
    for (uint32_t t = 0; t < TRACKS; t++) {
        size_t m = model->track_member[t];
        counts.tracks += m != 0;
        assert_ptr_equal(fwd_track_member(b->fwd, t + 1), m == 0 ? NULL : model->members[m - 1]);
    }
    for (uint32_t s = 0; s < SUBSCRIPTIONS; s++) {
        bool there = model->sub_track[s] != 0;
        counts.subscriptions += there;
        const struct fwd_member *member = fwd_subscription_member(b->fwd, s + 1);
        assert_ptr_equal(member, there ? model->members[model->sub_member[s] - 1] : NULL);
        if (there) {
            assert_int_equal(fwd_subscription_track(b->fwd, s + 1), model->sub_track[s]);
            assert_int_equal(fwd_ssrc_subscription(member, 1000 + s), s + 1);
        }
    }
    struct fwd_counts got = fwd_counts(b->fwd);
    assert_int_equal(got.members, counts.members);
    assert_int_equal(got.tracks, counts.tracks);
    assert_int_equal(got.subscriptions, counts.subscriptions);
}

static void test_against_model(void **state)
{
    (void)state;
    struct bench b = {.outbox = outbox_new(16), .burst = fwd_burst_new()};
    prng_seed(&b.prng, 11);
    const struct fwd_config config = {.random = prng_source(&b.prng),
                                      .outbox = b.outbox,
                                      .burst = b.burst,
                                      .events = &b.events,
                                      .counters = &b.counters};
    b.fwd = fwd_new(&config, 0);
    for (int step = 0; step < STEPS; step++) {
        act(&b);
        compare(&b);
    }
    assert_int_equal(b.events.count, 0); /* nothing came in, nothing is to tell */
    fwd_free(b.fwd);
    free(b.events.list);
    outbox_free(b.outbox);
    fwd_burst_free(b.burst);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_against_model),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
