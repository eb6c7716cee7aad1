/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal: packets that arrive together leave subscriber by subscriber, each one's in order and none
 * lost, whatever else comes between them and whenever they are polled.
 */
#include "tests/unit/media-node/node/world.h"

#define LISTENERS 3
#define BATCH_MAX 64

struct batch {
    struct world w;
    struct node_datagram in[BATCH_MAX];
    uint8_t bytes[BATCH_MAX][MEDIA_CLIENT_PACKET];
    size_t count;
    char order[256]; /* whom packets went to, by name, as they were polled */
    size_t polled;
};

/* A has a camera and a microphone, and B to D watch and hear it. */
static void start(struct batch *b)
{
    static const char *const one[] = {"", NULL, NULL, NULL};
    struct world *w = &b->w;
    struct room_spec spec;
    memset(b, 0, sizeof(*b));
    world_init(w);
    world_register(w);
    for (uint32_t i = 0; i <= LISTENERS; i++) {
        world_join(w);
    }
    room_spec_init(&spec, "RM_1", 1, 0, 1);
    room_spec_video(&spec, 1, 11, "0", one);
    room_spec_audio(&spec, 2, 11, "1");
    for (uint32_t i = 0; i <= LISTENERS; i++) {
        room_spec_transport(&spec, 11 + i, w->clients[i].client, true);
        if (i > 0) {
            const struct room_spec_want video = {20 + i, 1, 11 + i, "5", 7000 + i * 10, false};
            const struct room_spec_want audio = {30 + i, 2, 11 + i, "6", 8000 + i * 10, true};
            room_spec_subscription(&spec, &video);
            room_spec_subscription(&spec, &audio);
        }
    }
    world_spec(w, &spec);
    for (size_t i = 0; i <= LISTENERS; i++) {
        world_check(w, &w->clients[i], true);
    }
    const struct media_source video = {.mid = "0", .due_us = w->now_us};
    const struct media_source audio = {.mid = "1", .audio = true, .due_us = w->now_us};
    media_client_publish(w->clients[0].client, &video);
    media_client_publish(w->clients[0].client, &audio);
    world_run(w, 200);
    world_forget(w);
}

static void finish(struct batch *b)
{
    world_fini(&b->w);
}

static struct media_source *source_of(const struct batch *b, const char *mid)
{
    return &b->w.clients[0].client->sources[mid[0] - '0'];
}

static void append(struct batch *b, size_t from, size_t len)
{
    b->in[b->count] = (struct node_datagram){.endpoint = b->w.clients[from].endpoint,
                                             .remote = b->w.clients[from].client->config.addr,
                                             .data = b->bytes[b->count],
                                             .len = len};
    b->count++;
}

static void append_media(struct batch *b, const char *mid, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        assert_true(b->count < BATCH_MAX);
        append(b, 0,
               media_client_send(b->w.clients[0].client, source_of(b, mid), b->bytes[b->count]));
    }
}

/* Gives what was appended from that one on. */
static size_t give(struct batch *b, size_t from)
{
    return node_datagrams(b->w.node, b->w.now_us, b->in + from, b->count - from);
}

static void poll(struct batch *b)
{
    struct outbox_packet packets[8];
    size_t count;
    while ((count = node_poll_packets(b->w.node, packets, ARRAY_LEN(packets))) > 0) {
        for (size_t i = 0; i < count; i++) {
            uint8_t data[OUTBOX_PACKET_MAX];
            uint8_t answer[MEDIA_CLIENT_PACKET];
            struct media_incoming *changed;
            size_t to = packets[i].path.remote.ip[3] - 1u;
            memcpy(data, packets[i].data, packets[i].len);
            (void)media_client_receive(b->w.clients[to].client, data, packets[i].len, answer,
                                       &changed);
            if (changed != NULL && b->polled < sizeof(b->order) - 1) {
                b->order[b->polled++] = b->w.clients[to].name;
            }
        }
    }
}

/* Gives all, polling as the shell does. */
static void give_all(struct batch *b)
{
    size_t taken = 0;
    while (taken < b->count) {
        size_t more = give(b, taken);
        assert_true(more > 0);
        taken += more;
        poll(b);
    }
    b->count = 0;
}

static unsigned got(const struct batch *b, size_t client, const char *mid)
{
    const struct media_incoming *in = media_client_incoming(b->w.clients[client].client, mid);
    assert_non_null(in);
    assert_int_equal(in->gaps, 0);
    return in->packets;
}

static void test_subscriber_by_subscriber(void **state)
{
    (void)state;
    struct batch b;
    start(&b);
    append_media(&b, "0", 3);
    append_media(&b, "1", 1);
    append_media(&b, "0", 2);
    give_all(&b);
    assert_string_equal(b.order, "BBBBBCCCCCDDDDDBCD");
    for (size_t i = 1; i <= LISTENERS; i++) {
        (void)got(&b, i, "5"); /* no gap */
        (void)got(&b, i, "6");
    }
    finish(&b);
}

/* No more of a track than its cache keeps for sure. */
static void test_long_batch(void **state)
{
    (void)state;
    struct batch b;
    start(&b);
    const unsigned before[] = {got(&b, 1, "5"), got(&b, 1, "6")};
    append_media(&b, "0", STREAM_BORROW_MAX + 4);
    append_media(&b, "1", 4);
    assert_int_equal(give(&b, 0), STREAM_BORROW_MAX);
    assert_int_equal(give(&b, STREAM_BORROW_MAX), 8); /* not polled: the first were made for it */
    poll(&b);
    assert_int_equal(b.polled, LISTENERS * b.count);
    for (size_t i = 1; i <= LISTENERS; i++) {
        assert_int_equal(got(&b, i, "5"), before[0] + STREAM_BORROW_MAX + 4);
        assert_int_equal(got(&b, i, "6"), before[1] + 4);
    }
    finish(&b);
}

/* Batches of any make-up reach everybody. */
static void test_random_batches(void **state)
{
    (void)state;
    struct batch b;
    start(&b);
    struct prng prng;
    prng_seed(&prng, 5);
    unsigned video = got(&b, 1, "5");
    unsigned audio = got(&b, 1, "6");
    for (int round = 0; round < 200; round++) {
        while (b.count < BATCH_MAX && prng_below(&prng, 20) != 0) {
            bool sound = prng_below(&prng, 2) == 0;
            audio += sound;
            video += !sound;
            append_media(&b, sound ? "1" : "0", 1);
        }
        give_all(&b);
        b.w.now_us += TIME_MS(5);
    }
    for (size_t i = 1; i <= LISTENERS; i++) {
        assert_int_equal(got(&b, i, "5"), video);
        assert_int_equal(got(&b, i, "6"), audio);
    }
    finish(&b);
}

/* A camera begins anew in the middle: the receiver of what waits makes room for the next. */
static void test_new_source(void **state)
{
    (void)state;
    struct batch b;
    start(&b);
    unsigned before = got(&b, 1, "5");
    append_media(&b, "0", 5);
    source_of(&b, "0")->on = false;
    const struct media_source again = {.mid = "0", .key_wanted = true, .due_us = TIME_NEVER};
    struct media_source *source = media_client_publish(b.w.clients[0].client, &again);
    for (int i = 0; i < 4; i++) {
        append(&b, 0, media_client_send(b.w.clients[0].client, source, b.bytes[b.count]));
    }
    give_all(&b);
    for (size_t i = 1; i <= LISTENERS; i++) {
        assert_int_equal(got(&b, i, "5"), before + 9);
    }
    finish(&b);
}

/* What was not polled when a listener goes is not lost for the others, nor sent to whom it must not
 * be. */
static void test_listener_goes(void **state)
{
    (void)state;
    struct batch b;
    struct room_spec spec;
    start(&b);
    unsigned before = got(&b, 2, "5");
    append_media(&b, "0", 6);
    assert_int_equal(give(&b, 0), 6);
    room_spec_init(&spec, "RM_1", 1, 1, 2);
    room_spec_remove(&spec, 0, 0, 21);
    world_spec(&b.w, &spec);                       /* polls, into world's clients */
    assert_int_equal(got(&b, 1, "5"), before + 6); /* it was still there as they came */
    assert_int_equal(got(&b, 2, "5"), before + 6);
    b.count = 0;
    append_media(&b, "0", 2);
    give_all(&b);
    assert_int_equal(got(&b, 1, "5"), before + 6);
    assert_int_equal(got(&b, 2, "5"), before + 8);
    finish(&b);
}

/* A listener says in the middle that it has no picture: it gets the rest, and the key frame is
 * asked for. */
static void test_feedback_between(void **state)
{
    (void)state;
    struct batch b;
    start(&b);
    unsigned before = got(&b, 3, "5");
    unsigned plis = source_of(&b, "0")->plis;
    const struct media_feedback lost = {.pli_ssrc = 7030};
    append_media(&b, "0", 4);
    append(&b, 3, media_client_rtcp(b.w.clients[3].client, &lost, b.bytes[b.count]));
    append_media(&b, "0", 4);
    give_all(&b);
    assert_int_equal(got(&b, 3, "5"), before + 8);
    assert_int_equal(source_of(&b, "0")->plis, plis + 1);
    finish(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_subscriber_by_subscriber),
        cmocka_unit_test(test_long_batch),
        cmocka_unit_test(test_random_batches),
        cmocka_unit_test(test_new_source),
        cmocka_unit_test(test_listener_goes),
        cmocka_unit_test(test_feedback_between),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
