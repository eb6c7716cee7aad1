/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal: of a stream with layers inside, a subscriber gets those that it wants and no others, under
 * numbers without a hole; whatever it is sent can be decoded with what it was sent, and the last
 * packet of each picture that it gets has the marker, and no other.
 */
#include "tests/lib/descriptor.h"
#include "tests/unit/media-node/stream/kit.h"

#define PT_VP9   98
#define OUT_VP9  100
#define DD_ID    8
#define FRAME_US 33333
#define PARTS    2 /* packets of a frame */
#define FRAMES   4096
#define SENT_MAX 64

static const struct descriptor_mode l1t2 = {.spatial = 1, .temporal = 2};
static const struct descriptor_mode l1t3 = {.spatial = 1, .temporal = 3};
static const struct descriptor_mode l2t1_key = {.spatial = 2, .temporal = 1, .key_only = true};
static const struct descriptor_mode l3t3 = {.spatial = 3, .temporal = 3};
static const struct descriptor_mode l3t3_key = {.spatial = 3, .temporal = 3, .key_only = true};

struct world {
    struct stream_receiver *layers[STREAM_LAYERS_MAX];
    struct stream_sender *sender;
    struct descriptor_mode mode;
    struct rtp_dependency_structure structure; /* as the subscriber knows it, */
    uint32_t active;                           /* and these; 0: nothing yet */
    bool rewritten;                            /* some descriptor was */
    int64_t now_us;
    uint16_t seq;     /* next of the publisher */
    uint16_t number;  /* next frame */
    unsigned picture; /* since the last key frame */
    uint32_t ts;
    unsigned sizes;         /* spatial layers that the publisher sends now */
    bool key_wanted;        /* a key frame was asked for */
    unsigned asked;         /* times */
    bool told;              /* the next key frame tells which targets are active */
    uint64_t index;         /* next to be seen by the subscriber */
    uint32_t out_ts;        /* of the picture that it gets now */
    bool ended;             /* that had its marker */
    bool decodable[FRAMES]; /* by its number, mod FRAMES */
    char seen[SENT_MAX];    /* layers of the last picture's frames sent, '!' for a marker */
};

static void want(struct world *world, uint8_t spatial, uint8_t temporal)
{
    const struct stream_want wanted = {.size_max = spatial, .temporal_max = temporal};
    unsigned bits = stream_sender_want(world->sender, world->now_us, &wanted);
    world->asked += (bits & STREAM_ASK) != 0;
}

static struct stream_receiver *new_receiver(void)
{
    static const struct stream_payload in = {RTP_CODEC_VP9, PT_VP9, PT_VP9 + 1, true, true, 90000};
    const struct stream_receiver_config config = {.kind = STREAM_VIDEO,
                                                  .ssrc = SSRC_SOURCE,
                                                  .payloads = &in,
                                                  .payload_count = 1,
                                                  .dependency_id = DD_ID};
    return stream_receiver_new(&config, 0);
}

static struct stream_sender *new_sender(void)
{
    static const struct stream_payload out = {
        .codec = RTP_CODEC_VP9, .number = OUT_VP9, .clock_hz = 90000};
    const struct stream_sender_config config = {.kind = STREAM_VIDEO,
                                                .ssrc = SSRC_OUT,
                                                .payloads = &out,
                                                .payload_count = 1,
                                                .seq_next = SEQ_OUT,
                                                .timestamp_first = TS_OUT,
                                                .repeat_allowed = true};
    return stream_sender_new(&config, 0);
}

static void begin(struct world *world, const struct descriptor_mode *mode, uint8_t spatial,
                  uint8_t temporal)
{
    *world = (struct world){
        .mode = *mode, .index = SEQ_OUT, .ended = true, .number = 65500, .sizes = mode->spatial};
    world->layers[0] = new_receiver();
    world->sender = new_sender();
    want(world, spatial, temporal);
    world->asked = 0;
}

static void end(struct world *world)
{
    stream_receiver_free(world->layers[0]);
    stream_sender_free(world->sender);
}

/* ---- The subscriber -------------------------------------------------------------------------- */

/* Of the packet's frame: whether all that it refers to can be decoded. */
static bool refers_well(const struct world *world, const struct rtp_dependency_frame *frame,
                        uint16_t number)
{
    for (unsigned back = 1; back < 64; back++) {
        if ((frame->refs >> back & 1) != 0 &&
            !world->decodable[(uint16_t)(number - back) % FRAMES]) {
            return false;
        }
    }
    return (frame->refs & 1) == 0;
}

static void take(struct world *world, const struct stream_out *out)
{
    struct rtp_exts exts;
    struct rtp_ext_ids ids = {{0}};
    struct rtp_dependency_head head;
    struct rtp_dependency d;
    ids.id[RTP_EXT_DEPENDENCY_DESCRIPTOR] = DD_ID;
    rtp_exts_read(&exts, &out->source->rtp, &ids);
    struct bytes value = exts.value[RTP_EXT_DEPENDENCY_DESCRIPTOR];
    assert_int_equal(rtp_dependency_head(&head, value), 0);
    assert_int_equal(rtp_dependency_parse(&d, &world->structure, value), 0);
    world->active = head.attached ? world->structure.inhabited : world->active;
    world->active = d.active_told ? d.active : world->active;
    if (out->active != 0) { /* as if it had been written in */
        assert_true(head.frame_start);
        world->rewritten = true;
        world->active = out->active;
    }
    assert_int_equal(out->index, world->index++);
    assert_false(out->padding);
    assert_int_equal(world->ended, out->timestamp != world->out_ts);
    assert_true(refers_well(world, &d.frame, head.frame_number));
    world->ended = out->marker;
    world->out_ts = out->timestamp;
    world->decodable[head.frame_number % FRAMES] = true;
    size_t len = strlen(world->seen);
    assert_true(len + 3 < sizeof(world->seen));
    if (head.frame_end) {
        world->seen[len++] = (char)('0' + d.frame.spatial);
        world->seen[len] = out->marker ? '!' : '\0';
        world->seen[len + 1] = '\0';
    } else {
        assert_false(out->marker);
    }
}

/* ---- The publisher --------------------------------------------------------------------------- */

/* VP9's own descriptor: P, L, B, E; TID, SID, D; TL0PICIDX (RFC 9628 §4.2). */
static void make(struct world *world, struct kit_packet *out, unsigned spatial, unsigned part)
{
    uint8_t descriptor[DESCRIPTOR_MAX];
    uint8_t payload[1000] = {0};
    struct rtp_ext_ids ids = {{0}};
    struct rtp_header_out where;
    unsigned temporal = descriptor_temporal(&world->mode, world->picture);
    bool last = part == PARTS - 1;
    struct descriptor_frame frame = {.number = world->number,
                                     .spatial = spatial,
                                     .picture = world->picture,
                                     .start = part == 0,
                                     .end = last};
    if (world->told && spatial == 0 && part == 0) {
        frame.active_told = true;
        frame.active = (1u << (world->sizes * world->mode.temporal)) - 1;
        world->told = false;
    }
    struct rtp_header header = {.ts = world->ts,
                                .ssrc = SSRC_SOURCE,
                                .seq = world->seq++,
                                .pt = PT_VP9,
                                .marker = last && spatial == world->sizes - 1};
    header.exts.value[RTP_EXT_DEPENDENCY_DESCRIPTOR] =
        (struct bytes){descriptor, descriptor_write(descriptor, &world->mode, &frame)};
    ids.id[RTP_EXT_DEPENDENCY_DESCRIPTOR] = DD_ID;
    assert_int_equal(rtp_header_write(out->data, &header, &ids, &where), 0);
    payload[0] = (uint8_t)((world->picture > 0 ? 0x40 : 0) | 0x20 | (part == 0 ? 0x08 : 0) |
                           (last ? 0x04 : 0));
    payload[1] = (uint8_t)(temporal << 5 | spatial << 1);
    size_t len = (size_t)100 << spatial;
    memcpy(out->data + where.len, payload, len);
    out->len = where.len + len;
    assert_int_equal(rtp_parse(&out->view, out->data, out->len), 0);
}

static void forward(struct world *world, const struct kit_packet *packet)
{
    struct stream_out out;
    const struct stream_packet *given = kit_feed(world->layers[0], world->now_us, packet);
    unsigned bits = stream_sender_forward(world->sender, world->now_us, given, &out);
    world->asked += (bits & STREAM_ASK) != 0;
    assert_true((bits & STREAM_ASK) == 0 || stream_sender_needs_key_frame(world->sender) == 0);
    if ((bits & STREAM_SEND) != 0) {
        take(world, &out);
    } else { /* nobody waits for what is left out */
        assert_int_equal(given->dependency.present & world->active, 0);
    }
}

static void next_picture(struct world *world)
{
    world->picture++;
    world->ts += 3000;
    world->now_us += FRAME_US;
}

/* A picture, and what of it arrived; a key frame if one is wanted. */
static const char *picture(struct world *world)
{
    struct kit_packet packet;
    world->seen[0] = '\0';
    if (world->key_wanted) {
        world->picture = 0;
        world->key_wanted = false;
    }
    for (unsigned spatial = 0; spatial < world->sizes; spatial++, world->number++) {
        for (unsigned part = 0; part < PARTS; part++) {
            make(world, &packet, spatial, part);
            forward(world, &packet);
        }
    }
    world->number = (uint16_t)(world->number + world->mode.spatial - world->sizes);
    assert_true(world->ended);
    next_picture(world);
    return world->seen;
}

static void expect(struct world *world, const char *const *pictures, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        assert_string_equal(picture(world), pictures[i]);
    }
}

#define EXPECT(world, ...)                                                                         \
    expect(world, (const char *const[]){__VA_ARGS__},                                              \
           sizeof((const char *const[]){__VA_ARGS__}) / sizeof(const char *))

/* ---- Stories --------------------------------------------------------------------------------- */

static void one_target_from_the_start(void **state)
{
    (void)state;
    static const struct {
        const struct descriptor_mode *mode;
        uint8_t spatial, temporal;
        const char *pictures[6];
    } cases[] = {
        {&l1t2, 2, 7, {"0!", "0!", "0!", "0!", "0!", "0!"}},
        {&l1t2, 2, 0, {"0!", "", "0!", "", "0!", ""}},
        {&l1t3, 0, 1, {"0!", "", "0!", "", "0!", ""}},
        {&l1t3, 0, 0, {"0!", "", "", "", "0!", ""}},
        {&l3t3, 2, 7, {"012!", "012!", "012!", "012!", "012!", "012!"}},
        {&l3t3, 1, 7, {"01!", "01!", "01!", "01!", "01!", "01!"}},
        {&l3t3, 0, 1, {"0!", "", "0!", "", "0!", ""}},
        {&l3t3_key, 2, 7, {"012!", "2!", "2!", "2!", "2!", "2!"}},
        {&l3t3_key, 1, 7, {"01!", "1!", "1!", "1!", "1!", "1!"}},
        {&l3t3_key, 0, 7, {"0!", "0!", "0!", "0!", "0!", "0!"}},
        {&l3t3_key, 2, 0, {"012!", "", "", "", "2!", ""}},
        {&l2t1_key, 2, 7, {"01!", "1!", "1!", "1!", "1!", "1!"}},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct world world;
        begin(&world, cases[i].mode, cases[i].spatial, cases[i].temporal);
        expect(&world, cases[i].pictures, ARRAY_LEN(cases[i].pictures));
        assert_int_equal(world.asked, 0);
        end(&world);
    }
}

/* Targets go from size to size, in each from rate to rate. */
static void who_gets_few_targets_is_told_so(void **state)
{
    (void)state;
    static const struct {
        const struct descriptor_mode *mode;
        uint8_t spatial, temporal;
        uint32_t active;
    } cases[] = {
        {&l1t3, 0, 0, 1},         {&l1t3, 0, 1, 3},      {&l1t3, 0, 7, 7},     {&l3t3, 0, 7, 7},
        {&l3t3, 1, 1, 0x1b},      {&l3t3, 1, 7, 0x3f},   {&l3t3, 2, 0, 0x49},  {&l3t3, 2, 7, 0x1ff},
        {&l3t3_key, 2, 7, 0x1c0}, {&l3t3_key, 1, 1, 24}, {&l2t1_key, 0, 7, 1},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct world world;
        begin(&world, cases[i].mode, cases[i].spatial, cases[i].temporal);
        for (unsigned n = 0; n < 8; n++) {
            picture(&world);
        }
        assert_int_equal(world.active, cases[i].active);
        end(&world);
    }
}

static void targets_that_come_back_are_told(void **state)
{
    (void)state;
    struct world world;
    begin(&world, &l1t3, 0, 7);
    EXPECT(&world, "0!", "0!");
    assert_int_equal(world.active, 7);
    want(&world, 0, 0);
    for (unsigned n = 0; n < 6; n++) {
        picture(&world);
    }
    assert_int_equal(world.active, 1);
    want(&world, 0, 7);
    for (unsigned n = 0; n < 8; n++) {
        picture(&world);
    }
    assert_int_equal(world.active, 7);
    world.key_wanted = true; /* brings the structure: all are active again by themselves */
    picture(&world);
    world.rewritten = false;
    picture(&world);
    assert_false(world.rewritten);
    end(&world);
}

static void more_sizes_come_with_a_key_frame(void **state)
{
    (void)state;
    static const struct descriptor_mode *const modes[] = {&l3t3, &l3t3_key};
    for (size_t i = 0; i < ARRAY_LEN(modes); i++) {
        struct world world;
        begin(&world, modes[i], 0, 7);
        EXPECT(&world, "0!", "0!", "0!");
        want(&world, 2, 7);
        EXPECT(&world, "0!", "0!");
        assert_true(world.asked >= 1);
        assert_int_equal(stream_sender_needs_key_frame(world.sender), 0);
        world.key_wanted = true;
        EXPECT(&world, "012!");
        assert_int_equal(stream_sender_needs_key_frame(world.sender), -1);
        end(&world);
    }
}

/* In full SVC the lower layers were sent all along. */
static void fewer_sizes(void **state)
{
    (void)state;
    struct world world;
    begin(&world, &l3t3, 2, 7);
    EXPECT(&world, "012!", "012!");
    want(&world, 1, 7); /* a picture of the lowest or middle rate begins it */
    EXPECT(&world, "01!", "01!", "01!");
    want(&world, 0, 7); /* not with one of the highest: it says nothing of later ones */
    EXPECT(&world, "01!", "0!", "0!");
    assert_int_equal(world.asked, 0);
    end(&world);

    begin(&world, &l3t3_key, 2, 7);
    EXPECT(&world, "012!", "2!", "2!");
    want(&world, 0, 7); /* the lowest of the key frame was sent, and is referred to now */
    EXPECT(&world, "2!", "0!", "0!");
    assert_int_equal(world.asked, 0);
    end(&world);

    begin(&world, &l3t3_key, 2, 7);
    EXPECT(&world, "012!", "2!", "2!", "2!", "2!");
    want(&world, 0, 7); /* its last frames were not sent: till a key frame, all goes on */
    EXPECT(&world, "2!", "2!", "2!", "2!");
    assert_true(world.asked >= 1);
    world.key_wanted = true;
    EXPECT(&world, "0!", "0!");
    assert_int_equal(stream_sender_needs_key_frame(world.sender), -1);
    end(&world);
}

static void rates_change_without_key_frames(void **state)
{
    (void)state;
    struct world world;
    begin(&world, &l3t3_key, 2, 7);
    EXPECT(&world, "012!", "2!", "2!");
    want(&world, 2, 0);
    EXPECT(&world, "2!", "2!", "", "", "", "2!"); /* from the next picture of the lowest rate on */
    want(&world, 2, 7);
    EXPECT(&world, "", "2!", "2!", "2!"); /* from the middle one on, that refers to the lowest */
    assert_int_equal(world.asked, 0);
    end(&world);

    begin(&world, &l3t3, 1, 0);
    EXPECT(&world, "01!", "", "", "", "01!");
    want(&world, 1, 1);
    EXPECT(&world, "", "", "", "01!", "", "01!");
    assert_int_equal(world.asked, 0);
    end(&world);
}

static void a_key_frame_that_was_lost_is_asked_for_again(void **state)
{
    (void)state;
    struct world world;
    struct kit_packet packet;
    begin(&world, &l3t3_key, 0, 7);
    EXPECT(&world, "0!", "0!");
    want(&world, 2, 7);
    EXPECT(&world, "0!");
    unsigned before = world.asked;
    world.picture = 0; /* its first packet is lost */
    make(&world, &packet, 0, 0);
    world.index++; /* the number that is kept for it */
    make(&world, &packet, 0, 1);
    forward(&world, &packet);
    world.number = (uint16_t)(world.number + 3);
    next_picture(&world);
    EXPECT(&world, "0!", "0!", "0!", "0!");
    assert_true(world.asked > before);
    world.key_wanted = true;
    EXPECT(&world, "012!");
    end(&world);
}

/* A publisher that gives up its largest size says so, and its pictures end earlier. */
static void active_targets_are_heeded(void **state)
{
    (void)state;
    struct world world;
    begin(&world, &l3t3, 2, 7);
    EXPECT(&world, "012!", "012!", "012!", "012!");
    world.sizes = 2;
    world.told = true;
    EXPECT(&world, "01!", "01!");
    world.sizes = 3;
    world.key_wanted = true; /* with a structure, and so all targets */
    EXPECT(&world, "012!", "012!");
    end(&world);
}

static void another_structure_has_other_numbers(void **state)
{
    (void)state;
    struct world world;
    begin(&world, &l3t3, 1, 7);
    EXPECT(&world, "01!", "01!");
    world.mode = l2t1_key;
    world.mode.first = 15;
    world.sizes = 2;
    world.key_wanted = true;
    EXPECT(&world, "01!", "1!", "1!");
    world.mode = l1t3;
    world.mode.first = 20;
    world.sizes = 1;
    world.key_wanted = true;
    EXPECT(&world, "0!", "0!", "0!");
    end(&world);
}

/* What comes late goes where its number was kept: shown if it belongs to what was sent then, else
 * as a filler. */
static void late_packets(void **state)
{
    (void)state;
    struct world world;
    struct kit_packet packets[3 * PARTS];
    begin(&world, &l3t3, 1, 7);
    EXPECT(&world, "01!");
    for (unsigned spatial = 0; spatial < 3; spatial++, world.number++) {
        for (unsigned part = 0; part < PARTS; part++) {
            make(&world, &packets[spatial * PARTS + part], spatial, part);
        }
    }
    struct {
        unsigned packet;
        bool padding, marker;
    } lines[] = {{0, false, false}, {1, false, false}, {2, false, false}, /* 3 and 4 are missing */
                 {5, false, false}, {3, false, true},  {4, true, false}};
    for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
        struct stream_out out;
        const struct stream_packet *given =
            kit_feed(world.layers[0], world.now_us, &packets[lines[i].packet]);
        unsigned bits = stream_sender_forward(world.sender, world.now_us, given, &out);
        assert_int_equal(bits, lines[i].packet == 5 ? 0 : STREAM_SEND);
        if (bits != 0) {
            assert_int_equal(out.index, world.index + lines[i].packet);
            assert_int_equal(out.padding, lines[i].padding);
            assert_int_equal(out.marker, lines[i].marker);
        }
    }
    end(&world);
}

/* The same bytes again, marker and all. */
static void sent_again_as_it_was(void **state)
{
    (void)state;
    struct world world;
    struct stream_out out;
    begin(&world, &l3t3, 0, 7);
    EXPECT(&world, "0!", "0!");
    assert_int_equal(stream_sender_resend(world.sender, world.now_us, SEQ_OUT + PARTS * 2 - 1,
                                          world.layers, &out),
                     0);
    assert_true(out.repeat);
    assert_true(out.marker);
    assert_int_equal(out.active, 0);
    /* What it told of active targets may be forgotten by then. */
    assert_int_equal(stream_sender_resend(world.sender, world.now_us, SEQ_OUT + PARTS * 2 - 2,
                                          world.layers, &out),
                     ERR_NOT_FOUND);
    end(&world);
}

/* Another sender takes over, at another node that has the stream. */
static unsigned move(struct world *world)
{
    struct stream_state state = kit_state(world->sender);
    stream_sender_free(world->sender);
    world->sender = new_sender();
    want(world, 2, 7);
    world->asked = 0;
    return stream_sender_resume(world->sender, world->now_us, &state, world->layers);
}

static void goes_on_at_another_node(void **state)
{
    (void)state;
    struct world world;
    begin(&world, &l3t3_key, 2, 7);
    EXPECT(&world, "012!", "2!", "2!", "2!", "2!", "2!");
    assert_int_equal(move(&world), 0);
    EXPECT(&world, "2!", "2!", "2!");
    assert_int_equal(world.asked, 0);
    end(&world);
}

/* There a trunk brought it since a moment ago, and its structure is not known: all is sent, and a
 * key frame asked for once. */
static void goes_on_where_the_structure_is_not_known(void **state)
{
    (void)state;
    struct world world;
    struct kit_packet packet;
    struct stream_out out;
    begin(&world, &l3t3_key, 2, 7);
    EXPECT(&world, "012!", "2!");
    stream_receiver_free(world.layers[0]);
    world.layers[0] = new_receiver();
    make(&world, &packet, 0, 0);
    (void)kit_feed(world.layers[0], world.now_us, &packet);
    assert_int_equal(move(&world), 0);
    for (unsigned part = 0; part < 4; part++) {
        make(&world, &packet, 0, 1);
        unsigned bits = stream_sender_forward(
            world.sender, world.now_us, kit_feed(world.layers[0], world.now_us, &packet), &out);
        assert_int_equal(bits, part == 0 ? STREAM_SEND | STREAM_ASK : STREAM_SEND);
    }
    assert_int_equal(stream_sender_needs_key_frame(world.sender), 0);
    world.number = (uint16_t)(world.number + 3);
    next_picture(&world);
    world.index = out.index + 1;
    world.ended = true;
    world.key_wanted = true;
    EXPECT(&world, "012!", "2!");
    assert_int_equal(stream_sender_needs_key_frame(world.sender), -1);
    end(&world);
}

/* Whatever is wanted when, what is sent can be decoded (take), and what is wanted comes. */
static void any_wishes_at_any_time(void **state)
{
    (void)state;
    static const struct descriptor_mode *const modes[] = {&l1t2, &l1t3, &l2t1_key, &l3t3,
                                                          &l3t3_key};
    for (unsigned seed = 0; seed < 50; seed++) {
        struct prng prng;
        struct world world;
        prng_seed(&prng, seed);
        const struct descriptor_mode *mode = modes[seed % ARRAY_LEN(modes)];
        begin(&world, mode, 2, 7);
        for (unsigned i = 0; i < 40; i++) {
            uint8_t spatial = (uint8_t)prng_below(&prng, 3);
            uint8_t temporal = (uint8_t)prng_below(&prng, 4);
            want(&world, spatial, temporal);
            uint64_t pictures = 1 + prng_below(&prng, 20);
            for (uint64_t n = 0; n < pictures; n++) {
                bool needed = stream_sender_needs_key_frame(world.sender) == 0;
                world.key_wanted = needed && prng_below(&prng, 3) == 0;
                (void)picture(&world);
            }
        }
        want(&world, 1, 7);
        unsigned highest = MIN(1u, mode->spatial - 1);
        for (unsigned n = 0; n < 10; n++) { /* whatever must be asked for, and a whole pattern */
            world.key_wanted = stream_sender_needs_key_frame(world.sender) == 0;
            (void)picture(&world);
        }
        size_t len = strlen(world.seen);
        assert_true(len >= 2 && world.seen[len - 1] == '!');
        assert_int_equal(world.seen[len - 2], '0' + (int)highest);
        end(&world);
    }
}

/* ---- Rates ----------------------------------------------------------------------------------- */

static void rates_of_each_target(void **state)
{
    (void)state;
    struct world world;
    struct stream_rates rates;
    begin(&world, &l3t3, 2, 7);
    assert_false(stream_receiver_rates(world.layers[0], 0, &rates));
    for (unsigned i = 0; i < 70; i++) {
        (void)picture(&world);
    }
    assert_true(stream_receiver_rates(world.layers[0], world.now_us, &rates));
    /* Thirty pictures a second, of which a quarter has the lowest rate. */
    const uint32_t lowest = 30 * PARTS * 100 * 8;
    assert_in_range(rates.bps[0][3], lowest * 95 / 100, lowest * 105 / 100);
    assert_in_range(rates.bps[0][0], lowest * 20 / 100, lowest * 30 / 100);
    assert_in_range(rates.bps[0][1], lowest * 45 / 100, lowest * 55 / 100);
    assert_in_range(rates.bps[1][3], 3 * lowest * 95 / 100, 3 * lowest * 105 / 100);
    assert_in_range(rates.bps[2][3], 7 * lowest * 95 / 100, 7 * lowest * 105 / 100);
    assert_int_equal(rates.bps[2][2], rates.bps[3][3]); /* no more than there is */
    end(&world);

    begin(&world, &l3t3_key, 2, 7);
    for (unsigned i = 0; i < 70; i++) {
        (void)picture(&world);
    }
    assert_true(stream_receiver_rates(world.layers[0], world.now_us, &rates));
    assert_in_range(rates.bps[2][3], 4 * lowest * 95 / 100, 4 * lowest * 105 / 100);
    end(&world);
}

/* VP8: its temporal layers. */
static void rates_of_temporal_layers(void **state)
{
    (void)state;
    struct stream_receiver *receiver = kit_receiver(STREAM_VIDEO, 0);
    struct stream_rates rates;
    static const uint8_t temporal[] = {0, 2, 1, 2};
    for (unsigned i = 0; i < 70; i++) {
        struct kit_packet packet;
        kit_vp8(&packet, &(struct kit_spec){.seq = (uint16_t)i,
                                            .ts = i * 3000,
                                            .start = true,
                                            .key = i == 0,
                                            .temporal = temporal[i % 4],
                                            .extra = 490});
        (void)kit_feed(receiver, (int64_t)i * FRAME_US, &packet);
    }
    assert_true(stream_receiver_rates(receiver, 70 * (int64_t)FRAME_US, &rates));
    assert_in_range(rates.bps[0][3], 115000, 125000);
    assert_in_range(rates.bps[0][0], 25000, 35000);
    assert_in_range(rates.bps[0][1], 55000, 65000);
    assert_int_equal(rates.bps[2][1], rates.bps[0][1]);
    stream_receiver_free(receiver);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_target_from_the_start),
        cmocka_unit_test(who_gets_few_targets_is_told_so),
        cmocka_unit_test(targets_that_come_back_are_told),
        cmocka_unit_test(more_sizes_come_with_a_key_frame),
        cmocka_unit_test(fewer_sizes),
        cmocka_unit_test(rates_change_without_key_frames),
        cmocka_unit_test(a_key_frame_that_was_lost_is_asked_for_again),
        cmocka_unit_test(active_targets_are_heeded),
        cmocka_unit_test(another_structure_has_other_numbers),
        cmocka_unit_test(late_packets),
        cmocka_unit_test(sent_again_as_it_was),
        cmocka_unit_test(goes_on_at_another_node),
        cmocka_unit_test(goes_on_where_the_structure_is_not_known),
        cmocka_unit_test(any_wishes_at_any_time),
        cmocka_unit_test(rates_of_each_target),
        cmocka_unit_test(rates_of_temporal_layers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
