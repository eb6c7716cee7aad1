/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal: what is lost before and behind a node is repaired, also around a rest, and what cannot be
 * costs one key frame.
 */
#include "tests/unit/media-node/node/call.h"

/* What the last report of client 1 or 2, the viewers, says of video. */
static const Spillway__Control__SubscriptionReport *video_report(const struct world *w, size_t i)
{
    const Spillway__Control__TransportReport *report = world_report(w, 11 + i);
    assert_non_null(report);
    assert_int_equal(report->n_subscriptions, 2);
    return report->subscriptions[report->subscriptions[0]->spatial == 2 ? 0 : 1];
}

/* Half of what is lost on the way to the node is asked for again, and comes: no subscriber sees a
 * hole it could not have filled. */
static void test_loss_before_the_node(void **state)
{
    (void)state;
    struct world w;
    call_start(&w, 2);
    const struct counters *counters = node_counters(w.node);
    w.trickle = 20;
    world_run(&w, 5000);
    w.trickle = 0;
    world_run(&w, 500);
    assert_true(counters->nacks_sent > 10);
    assert_true(media_client_incoming(w.clients[1].client, "5")->packets > 160);
    const struct Spillway__Control__TransportReport *report = world_report(&w, 11);
    assert_non_null(report);
    assert_int_equal(report->n_tracks, 2);
    assert_int_equal(report->tracks[0]->n_layers, 3);
    for (size_t i = 0; i < 3; i++) {
        assert_true(report->tracks[0]->layers[i]->packets > 120);
        assert_true(report->tracks[0]->layers[i]->lost <= 1); /* the one under way */
        assert_in_range(report->tracks[0]->layers[i]->nacked, 3, 20);
        assert_in_range(report->tracks[0]->layers[i]->repaired, 3,
                        report->tracks[0]->layers[i]->nacked);
    }
    world_fini(&w);
}

/* Padding of any length passes, and its number is no hole for the subscriber. Its length byte is
 * encrypted on the way, and looks like anything. */
static void test_padding(void **state)
{
    (void)state;
    struct world w;
    uint8_t data[MEDIA_CLIENT_PACKET];
    call_start(&w, 2);
    for (int i = 0; i < 50; i++) {
        struct media_source *video = &w.clients[0].client->sources[2];
        size_t len = media_client_pad(w.clients[0].client, video, (uint8_t)(1 + i), data);
        world_send(&w, &w.clients[0], data, len);
        world_run(&w, 40);
    }
    const struct counters *counters = node_counters(w.node);
    assert_int_equal(counters->drop_rtp_malformed, 0);
    assert_int_equal(counters->drop_rtp_stream, 0);
    assert_int_equal(counters->nacks_sent, 0);
    assert_int_equal(media_client_incoming(w.clients[1].client, "5")->gaps, 0);
    assert_int_equal(w.clients[0].client->bad + w.clients[1].client->bad, 0);
    world_fini(&w);
}

static void test_loss_behind_the_node(void **state)
{
    (void)state;
    struct world w;
    call_start(&w, 2);
    struct media_client *b = w.clients[1].client;
    struct media_incoming *in = media_client_incoming(b, "5");
    w.clients[0].client->sources[3].on = false; /* so that the lost one is video */
    world_run(&w, 100);
    b->lose = 1;
    world_run(&w, 100);
    assert_int_equal(in->gaps, 1);
    const struct media_feedback nack = {.nack_ssrc = in->ssrc, .nack_seq = b->lost_seq};
    world_rtcp(&w, &w.clients[1], &nack);
    assert_int_equal(in->repairs, 1);
    assert_int_equal(in->repaired_seq, b->lost_seq);
    const struct media_feedback never = {.nack_ssrc = in->ssrc,
                                         .nack_seq = (uint16_t)(in->seq + 1000)};
    world_rtcp(&w, &w.clients[1], &never);
    assert_int_equal(in->repairs, 1);
    assert_int_equal(node_counters(w.node)->rtx_sent, 1);
    assert_int_equal(node_counters(w.node)->drop_resend, 1);
    world_run(&w, 5000);
    assert_int_equal(video_report(&w, 1)->nacked, 2);
    assert_int_equal(video_report(&w, 1)->repaired, 1);
    assert_int_equal(video_report(&w, 1)->key_frames_asked, 0);
    world_fini(&w);
}

/* The camera stands still for longer than anything of it is remembered but its end; then it goes on
 * with the next number, and what is lost is repaired as before. */
static void test_loss_around_a_rest(void **state)
{
    (void)state;
    struct world w;
    call_start(&w, 2);
    struct media_client *b = w.clients[1].client;
    struct media_incoming *in = media_client_incoming(b, "5");
    for (size_t i = 0; i < 4; i++) {
        w.clients[0].client->sources[i].on = i == 2;
    }
    world_run(&w, 2000);
    w.clients[0].client->sources[2].on = false;
    uint16_t last = in->seq;
    unsigned packets = in->packets;
    const struct counters *counters = node_counters(w.node);
    const struct media_feedback end = {.nack_ssrc = in->ssrc, .nack_seq = last};
    const struct media_feedback before = {.nack_ssrc = in->ssrc, .nack_seq = (uint16_t)(last - 20)};
    world_run(&w, 4000);
    world_rtcp(&w, &w.clients[1], &before);
    assert_int_equal(in->repaired_seq, last - 20); /* it has not rested for long */
    world_run(&w, 12000);
    world_rtcp(&w, &w.clients[1], &before);
    assert_int_equal(counters->drop_resend, 1); /* given back */
    world_rtcp(&w, &w.clients[1], &end);
    assert_int_equal(in->repaired_seq, last);
    w.clients[0].client->sources[2].due_us = w.now_us;
    w.clients[0].client->sources[2].on = true;
    world_run(&w, 20);
    assert_int_equal(in->packets, packets + 1);
    assert_int_equal(in->seq, last + 1);
    world_run(&w, 2000);
    const struct media_feedback again = {.nack_ssrc = in->ssrc, .nack_seq = (uint16_t)(last + 1)};
    world_rtcp(&w, &w.clients[1], &again);
    assert_int_equal(in->repaired_seq, last + 1);
    assert_int_equal(in->repairs, 3);
    assert_int_equal(in->gaps, 0);
    world_fini(&w);
}

/* Two subscribers that lost the picture at once cost the publisher one key frame. */
static void test_key_frame_requests_are_joined(void **state)
{
    (void)state;
    struct world w;
    call_start(&w, 3);
    world_run(&w, 2000);
    unsigned plis = call_video(&w, 2)->plis;
    for (size_t i = 1; i < 3; i++) {
        const struct media_feedback pli = {
            .pli_ssrc = media_client_incoming(w.clients[i].client, "5")->ssrc};
        world_rtcp(&w, &w.clients[i], &pli);
        world_rtcp(&w, &w.clients[i], &pli);
    }
    assert_int_equal(call_video(&w, 2)->plis, plis + 1);
    assert_int_equal(call_video(&w, 0)->plis + call_video(&w, 1)->plis, 0);
    world_run(&w, 100);
    for (size_t i = 1; i < 3; i++) {
        assert_int_equal(media_client_incoming(w.clients[i].client, "5")->gaps, 0);
    }
    world_run(&w, 2000);
    assert_int_equal(call_video(&w, 2)->plis, plis + 1); /* it came: nobody asks again */
    world_run(&w, 1000);
    const Spillway__Control__TransportReport *report = world_report(&w, 11);
    assert_int_equal(video_report(&w, 1)->key_frames_asked, 2);
    assert_int_equal(video_report(&w, 2)->key_frames_asked, 2);
    assert_int_equal(report->tracks[0]->layers[2]->key_frames_asked, plis + 1);
    world_run(&w, 5000);
    assert_int_equal(video_report(&w, 1)->key_frames_asked, 0);
    world_fini(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_loss_before_the_node),
        cmocka_unit_test(test_padding),
        cmocka_unit_test(test_loss_behind_the_node),
        cmocka_unit_test(test_loss_around_a_rest),
        cmocka_unit_test(test_key_frame_requests_are_joined),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
