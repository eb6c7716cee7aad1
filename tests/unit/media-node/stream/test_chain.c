/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal: a simulcast publisher behind a network that loses, reorders and repeats, three receivers
 * and one sender whose wants change all the time, against a model that keeps everything in plain
 * lists: every packet goes out under the right number, once, with the right picture id, TL0PICIDX,
 * KEYIDX and timestamp, and a NACK for any number gets exactly what went out under it. The same
 * with a sender that is handed over to another one every other second: the subscriber, that is the
 * model, does not notice.
 */
#include "tests/unit/media-node/stream/kit.h"

#define MS TIME_MS(1)

enum { LAYERS = 3, PACKETS = 20000, PENDING = 4096, NUMBERS = 10000, RING = 512 };

/* ---- The publisher: every packet ever made -------------------------------------------------- */

struct made {
    struct kit_spec spec;
    uint8_t layer;
    uint32_t frame; /* of its layer, from 0 */
    bool padding;
};

struct publisher {
    struct made made[PACKETS]; /* by tag */
    uint32_t count;
    uint32_t by_seq[LAYERS][1 << 16]; /* tag */
    uint16_t seq[LAYERS];
    uint32_t frames[LAYERS];
    uint8_t tl0[LAYERS];
    uint8_t key_index[LAYERS];
    int64_t key_due_us[LAYERS]; /* a key frame was asked for */
};

/* ---- The network ------------------------------------------------------------------------------
 */

struct pending {
    int64_t at_us;
    uint32_t tag;
    bool repair;
};

/* ---- The model of the sender ------------------------------------------------------------------
 */

enum owner_state { KEPT, SENT, FILLER, GONE /* not handed over */ };

/* One outgoing number. */
struct owner {
    enum owner_state state;
    int run;
    uint8_t layer;
    uint64_t source;
    struct kit_seen seen;
    uint32_t timestamp;
    bool marker;
    int64_t resent_us;
    int tries;
};

struct model {
    struct owner owners[NUMBERS]; /* by index - SEQ_OUT */
    size_t count;
    uint8_t live;
    int current;
    int run;
    size_t run_index; /* first number of the run */
    uint64_t run_first;
    uint64_t head;
    uint32_t ts_offset;
    uint32_t ts_max;
    bool any;
    uint8_t limit;   /* of temporal layers */
    uint8_t *limits; /* at each source number of the run, from run_first on */
    bool *left_out;  /* frames of the layer left out, by frame, in this run */
    /* What the first packet of the run had, in and out. */
    struct made first;
    uint16_t picture_base;
    uint8_t tl0_base;
    uint8_t key_base;
    uint16_t picture_last;
    uint8_t tl0_last;
    uint8_t key_last;
};

struct world {
    struct prng prng;
    int64_t now_us;
    struct publisher publisher;
    struct pending pending[PENDING];
    size_t pending_count;
    struct stream_receiver *layers[STREAM_LAYERS_MAX];
    struct stream_sender *sender;
    struct stream_want want;
    int64_t temporal_changed_us;
    struct model model;
    uint64_t rtx_next;
    bool hands_over;
    int64_t resume_us; /* a handover is under way until then; TIME_NEVER: none */
    struct stream_state state;
    struct stream_sender_stats stats; /* of the senders before */
    unsigned handovers;
};

static bool chance(struct world *world, uint64_t percent)
{
    return prng_below(&world->prng, 100) < percent;
}

static void transmit(struct world *world, uint32_t tag, bool repair, int64_t delay_us)
{
    if (chance(world, repair ? 20 : 4)) {
        return;
    }
    for (unsigned copy = 0; copy < (chance(world, 2) ? 2u : 1u); copy++) {
        uint64_t jitter_us = chance(world, 10) ? prng_below(&world->prng, 30000) : 0;
        assert_true(world->pending_count < PENDING);
        world->pending[world->pending_count++] =
            (struct pending){world->now_us + delay_us + (int64_t)jitter_us, tag, repair};
    }
}

static void make(struct world *world, uint8_t layer, struct made made)
{
    struct publisher *publisher = &world->publisher;
    uint32_t tag = publisher->count++;
    assert_true(tag < PACKETS);
    made.layer = layer;
    made.spec.seq = publisher->seq[layer]++;
    made.spec.ssrc = SSRC_SOURCE + layer;
    made.spec.tag = tag;
    publisher->made[tag] = made;
    publisher->by_seq[layer][made.spec.seq] = tag;
    transmit(world, tag, false, 20 * MS);
}

static void publish_frame(struct world *world, uint8_t layer)
{
    static const uint8_t temporal[] = {0, 2, 1, 2};
    static const bool sync[] = {false, true, true, false};
    struct publisher *publisher = &world->publisher;
    uint32_t frame = publisher->frames[layer]++;
    bool key = frame == 0 || publisher->key_due_us[layer] <= world->now_us;
    uint8_t phase = frame % 4;
    if (key) {
        publisher->key_due_us[layer] = TIME_NEVER;
        publisher->key_index[layer]++;
    }
    uint8_t temporal_layer = key ? 0 : temporal[phase];
    publisher->tl0[layer] = (uint8_t)(publisher->tl0[layer] + (temporal_layer == 0));
    uint64_t packets = 1 + prng_below(&world->prng, key ? 8 : 3);
    for (uint64_t i = 0; i < packets; i++) {
        make(world, layer,
             (struct made){
                 .frame = frame,
                 .spec = {.ts = (uint32_t)(world->now_us * 9 / 100) + layer * 777777u,
                          .key = key,
                          .start = i == 0,
                          .marker = i == packets - 1,
                          .picture_id = (uint16_t)((frame + 32700u + layer * 1000u) & 0x7fff),
                          .tl0 = publisher->tl0[layer],
                          .temporal = temporal_layer,
                          .sync = key || sync[phase],
                          .key_index = publisher->key_index[layer] & 0x1f}});
    }
    if (chance(world, 3)) {
        make(world, layer, (struct made){.padding = true, .frame = frame});
    }
}

/* ---- The model --------------------------------------------------------------------------------
 */

static int model_target(const struct world *world)
{
    for (int i = MIN(world->want.spatial_max, 3); i >= 0 && !world->want.paused; i--) {
        if ((world->model.live >> i & 1) != 0) {
            return i;
        }
    }
    return -1;
}

static void model_begin(struct world *world, const struct made *made, uint64_t seq)
{
    struct model *model = &world->model;
    model->current = made->layer;
    model->run++;
    model->run_index = model->count;
    model->run_first = seq;
    model->head = seq - 1;
    model->first = *made;
    model->limit = world->want.temporal_max;
    model->picture_base = model->any ? model->picture_last + 1 : made->spec.picture_id;
    model->tl0_base = model->any ? (uint8_t)(model->tl0_last + 1) : made->spec.tl0;
    model->key_base = model->any ? (model->key_last + 1) & 0x1f : made->spec.key_index;
    memset(model->left_out, 0, PACKETS * sizeof(bool));
}

/* Whether the newest packet is left out; decided for its frame at its first packet. */
static bool model_leaves_out(struct world *world, const struct made *made, uint64_t seq)
{
    struct model *model = &world->model;
    uint8_t wanted = world->want.temporal_max;
    if (!made->padding && made->spec.start && wanted != model->limit) {
        if (wanted < model->limit || made->spec.key) {
            model->limit = wanted;
        } else if (made->spec.temporal > model->limit && made->spec.temporal <= wanted &&
                   made->spec.sync) {
            model->limit = made->spec.temporal;
        }
    }
    model->limits[seq - model->run_first] = model->limit;
    if (made->padding) {
        return true;
    }
    bool out = made->spec.temporal > model->limit;
    model->left_out[made->frame] = model->left_out[made->frame] || out;
    return out;
}

static struct owner *model_append(struct model *model, uint64_t source)
{
    struct owner *owner = &model->owners[model->count++];
    assert_true(model->count < NUMBERS);
    *owner = (struct owner){
        .run = model->run, .layer = (uint8_t)model->current, .source = source, .state = KEPT};
    return owner;
}

/* Checks what a subscriber sees of a packet against the plain definition. */
static void check_seen(struct model *model, const struct made *made, const struct stream_out *out)
{
    struct kit_seen seen = kit_see(out);
    unsigned before = 0; /* frames left out before it */
    for (uint32_t i = model->first.frame; i < made->frame; i++) {
        before += model->left_out[i];
    }
    unsigned picture = model->picture_base + (made->frame - model->first.frame) - before;
    uint8_t tl0 = (uint8_t)(model->tl0_base + (made->spec.tl0 - model->first.spec.tl0));
    unsigned key = model->key_base + (unsigned)(made->spec.key_index - model->first.spec.key_index);
    assert_int_equal(seen.tag, made->spec.tag);
    assert_int_equal(seen.vp8.picture_id, picture & 0x7fff);
    assert_int_equal(seen.vp8.tl0, tl0);
    assert_int_equal(seen.key_index, key & 0x1f);
    assert_int_equal(out->timestamp, made->spec.ts + model->ts_offset);
    assert_int_equal(out->marker, made->spec.marker);
    assert_int_equal(out->payload_type, OUT_VP8);
}

static void remember(struct owner *owner, const struct stream_out *out)
{
    owner->state = out->padding ? FILLER : SENT;
    owner->seen = kit_see(out);
    owner->timestamp = out->timestamp;
    owner->marker = out->marker;
}

/* The newest packet of the current source. */
static void model_next(struct world *world, const struct made *made, uint64_t seq, bool sent,
                       const struct stream_out *out)
{
    struct model *model = &world->model;
    bool began = seq == model->run_first;
    for (uint64_t missing = model->head + 1; missing < seq; missing++) {
        model_append(model, missing);
        model->limits[missing - model->run_first] = model->limit;
    }
    model->head = seq;
    bool left_out = model_leaves_out(world, made, seq);
    assert_int_equal(sent, !left_out);
    if (left_out) {
        return;
    }
    struct owner *owner = model_append(model, seq);
    assert_int_equal(out->index - SEQ_OUT, model->count - 1);
    if (began) {
        assert_true(!model->any || ts_diff(out->timestamp, model->ts_max) > 0);
        model->ts_offset = out->timestamp - made->spec.ts;
        model->ts_max = model->any ? model->ts_max : out->timestamp;
        model->any = true;
    }
    check_seen(model, made, out);
    remember(owner, out);
    model->ts_max = ts_diff(out->timestamp, model->ts_max) > 0 ? out->timestamp : model->ts_max;
    model->picture_last = owner->seen.vp8.picture_id;
    model->tl0_last = owner->seen.vp8.tl0;
    model->key_last = owner->seen.key_index;
}

static void model_late(struct world *world, const struct made *made, uint64_t seq, bool sent,
                       const struct stream_out *out)
{
    struct model *model = &world->model;
    for (size_t i = model->run_index; i < model->count; i++) {
        struct owner *owner = &model->owners[i];
        if (owner->source != seq || owner->state != KEPT || model->count - i > RING) {
            continue;
        }
        assert_true(sent);
        assert_int_equal(out->index - SEQ_OUT, i);
        bool left_out =
            made->padding || made->spec.temporal > model->limits[seq - model->run_first];
        assert_int_equal(out->padding, left_out);
        if (!left_out) {
            check_seen(model, made, out);
        }
        remember(owner, out);
        return;
    }
    assert_false(sent);
}

static void model_forward(struct world *world, const struct made *made,
                          const struct stream_packet *packet, bool sent,
                          const struct stream_out *out)
{
    struct model *model = &world->model;
    int layer = made->layer;
    model->live = (uint8_t)(model->live | (packet->late ? 0u : 1u << layer));
    if (layer == model->current && packet->seq > model->head &&
        packet->seq - model->head > RING / 2) {
        model->current = -1;
    }
    if (layer != model->current) {
        bool key_start = !made->padding && made->spec.key && made->spec.start;
        assert_int_equal(packet->key_start, key_start);
        if (layer != model_target(world) || !key_start) {
            assert_false(sent);
            return;
        }
        model_begin(world, made, packet->seq);
    }
    if (packet->seq > model->head) {
        model_next(world, made, packet->seq, sent, out);
    } else {
        model_late(world, made, packet->seq, sent, out);
    }
}

/* ---- Events -----------------------------------------------------------------------------------
 */

static void ask(struct world *world, unsigned bits)
{
    int layer = stream_sender_needs_key_frame(world->sender);
    if ((bits & STREAM_ASK) != 0) {
        assert_true(layer >= 0);
        stream_receiver_want_key_frame(world->layers[layer], world->now_us);
    }
}

static void forward(struct world *world, const struct made *made, const struct stream_packet *given)
{
    struct stream_out out;
    unsigned bits = stream_sender_forward(world->sender, world->now_us, given, &out);
    model_forward(world, made, given, (bits & STREAM_SEND) != 0, &out);
    assert_int_equal(stream_sender_layer(world->sender), world->model.current);
    assert_int_equal(stream_sender_target(world->sender), model_target(world));
    ask(world, bits);
}

static void deliver(struct world *world, struct pending pending)
{
    const struct made *made = &world->publisher.made[pending.tag];
    struct kit_packet packet;
    struct kit_packet repair;
    const struct stream_packet *given;
    if (made->padding) {
        struct kit_spec spec = made->spec;
        spec.pt = PT_VP8;
        spec.padding = 20;
        kit_raw(&packet, &spec, "", 0);
    } else {
        kit_vp8(&packet, &made->spec);
    }
    struct stream_receiver *receiver = world->layers[made->layer];
    int err;
    if (pending.repair) {
        kit_rtx(&repair, &packet, (uint16_t)pending.tag);
        err = stream_receiver_repair(receiver, world->now_us, &repair.view, &given);
    } else {
        err = stream_receiver_media(receiver, world->now_us, &packet.view, &given);
    }
    if (err < 0) {
        assert_true(err == ERR_REPLAY || err == ERR_STALE);
        return;
    }
    if (world->resume_us == TIME_NEVER) {
        forward(world, made, given);
    }
}

static void deliver_due(struct world *world)
{
    size_t kept = 0;
    for (size_t i = 0; i < world->pending_count; i++) {
        struct pending pending = world->pending[i];
        if (pending.at_us <= world->now_us) {
            deliver(world, pending);
        } else {
            world->pending[kept++] = pending;
        }
    }
    world->pending_count = kept;
}

static void publisher_answers(struct world *world)
{
    for (uint8_t layer = 0; layer < LAYERS; layer++) {
        struct stream_request request;
        stream_receiver_expire(world->layers[layer], world->now_us);
        while (stream_receiver_poll(world->layers[layer], &request)) {
            for (size_t i = 0; i < request.nack_count; i++) {
                uint32_t tag = world->publisher.by_seq[layer][request.nack[i]];
                assert_int_equal(world->publisher.made[tag].spec.seq, request.nack[i]);
                transmit(world, tag, true, 40 * MS);
            }
            if (request.key_frame) {
                world->publisher.key_due_us[layer] = world->now_us + 50 * MS;
            }
        }
    }
}

static void check_resent(struct world *world, struct owner *owner, const struct stream_out *out)
{
    struct kit_seen seen = kit_see(out);
    assert_true(out->rtx && !out->repeat);
    assert_int_equal(out->index, world->rtx_next++);
    assert_true(owner->state == KEPT || out->padding == (owner->state == FILLER));
    if (owner->state == SENT) {
        assert_int_equal(seen.len, owner->seen.len + 2);
        assert_memory_equal(seen.payload + 2, owner->seen.payload, owner->seen.len);
        assert_int_equal(out->timestamp, owner->timestamp);
        assert_int_equal(out->marker, owner->marker);
    } else if (owner->state == KEPT) { /* came before its number was kept: sent now, at last */
        owner->state = out->padding ? FILLER : SENT;
        owner->seen = seen;
        owner->seen.len -= 2;
        memmove(owner->seen.payload, seen.payload + 2, owner->seen.len);
        owner->timestamp = out->timestamp;
        owner->marker = out->marker;
        const struct made *made = &world->publisher.made[seen.tag];
        assert_true(out->padding || made->layer == owner->layer);
        assert_true(out->padding || made->spec.seq == (uint16_t)owner->source);
    }
    owner->tries++;
    owner->resent_us = world->now_us;
}

static void subscriber_asks_again(struct world *world)
{
    struct model *model = &world->model;
    if (model->count == 0) {
        return;
    }
    size_t back = prng_below(&world->prng, 600);
    size_t i = back >= model->count ? 0 : model->count - 1 - back;
    struct owner *owner = &model->owners[i];
    struct stream_out out;
    const struct stream_packet *packet =
        stream_receiver_find(world->layers[owner->layer], owner->source);
    int err = stream_sender_resend(world->sender, world->now_us, (uint16_t)(SEQ_OUT + i),
                                   world->layers, &out);
    if (model->count - i > RING || packet == NULL || owner->state == GONE) {
        assert_int_equal(err, ERR_NOT_FOUND);
    } else if (owner->tries > 0 && world->now_us - owner->resent_us < 49 * MS) {
        assert_int_equal(err, ERR_AGAIN);
    } else if (err == 0) {
        assert_int_equal(be16_get(out.prefix), (uint16_t)(SEQ_OUT + i));
        check_resent(world, owner, &out);
    } else {
        assert_true(err == ERR_FULL || err == ERR_AGAIN);
    }
}

static void change_wants(struct world *world)
{
    struct stream_want want = world->want;
    want.paused = chance(world, 15);
    want.spatial_max = (uint8_t)prng_below(&world->prng, 4);
    /* The sender remembers a few changes for late packets: leave it time. */
    if (world->now_us - world->temporal_changed_us > TIME_S(2)) {
        world->temporal_changed_us = world->now_us;
        want.temporal_max = (uint8_t)(chance(world, 50) ? 7 : prng_below(&world->prng, 3));
    }
    world->want = want;
    if (want.paused) {
        world->model.current = -1;
    }
    ask(world, stream_sender_want(world->sender, world->now_us, &want));
}

static void change_layers(struct world *world)
{
    uint8_t live = stream_layers_live(world->layers, world->now_us);
    world->model.live = live;
    if (world->model.current >= 0 && (live >> world->model.current & 1) == 0) {
        world->model.current = -1;
    }
    ask(world, stream_sender_layers(world->sender, world->now_us, live));
}

/* ---- Handover ---------------------------------------------------------------------------------
 */

/* What is handed over is what the model knows, and the rest can't be asked for any more. */
static void check_state(struct world *world)
{
    static const enum owner_state states[] = {
        [SERIES_SENT] = SENT, [SERIES_KEPT] = KEPT, [SERIES_VOID] = GONE};
    struct model *model = &world->model;
    const struct stream_state *state = &world->state;
    size_t told = 0;
    assert_int_equal(state->seq_next, SEQ_OUT + model->count);
    assert_int_equal(state->flows ? state->layer : -1, model->current);
    for (size_t i = 0; i < state->series_count; i++) {
        for (size_t n = state->series[i].count; n > 0; n--) {
            struct owner *owner = &model->owners[model->count - ++told];
            assert_int_equal((uint16_t)(state->series[i].source_seq + n - 1),
                             (uint16_t)owner->source);
            assert_int_equal(owner->run, model->run);
            if (state->series[i].state != SERIES_VOID) {
                assert_int_equal(owner->state, states[state->series[i].state]);
            }
            owner->state = states[state->series[i].state];
            owner->tries = 0;
        }
    }
    assert_true(told <= STREAM_HANDED_MAX);
    for (size_t i = 0; i < model->count - told; i++) {
        model->owners[i].state = GONE;
    }
}

static void stop_sender(struct world *world)
{
    struct stream_sender_stats stats;
    stream_sender_export(world->sender, &world->state);
    stream_sender_stats(world->sender, &stats);
    world->stats.switches += stats.switches;
    world->stats.resent += stats.resent;
    world->handovers++;
    stream_sender_free(world->sender);
    world->sender = NULL;
    check_state(world);
    world->resume_us = world->now_us + (int64_t)prng_below(&world->prng, 40) * MS;
}

/* Nothing that can be sent waits. */
static void check_up_to_date(const struct world *world)
{
    const struct model *model = &world->model;
    if (model->current < 0) {
        return;
    }
    const struct stream_receiver *receiver = world->layers[model->current];
    uint64_t first, newest;
    uint32_t ssrc = SSRC_SOURCE + (uint32_t)model->current;
    assert_true(stream_receiver_span(receiver, ssrc, &first, &newest));
    assert_int_equal(model->head, newest);
    for (size_t i = model->run_index; i < model->count; i++) {
        const struct owner *owner = &model->owners[i];
        assert_true(owner->state != KEPT || model->count - i > RING ||
                    stream_receiver_find(receiver, owner->source) == NULL);
    }
}

/* The next one goes on with what came in between. */
static void resume_sender(struct world *world)
{
    uint64_t cursor = 0;
    const struct stream_packet *packet;
    world->resume_us = TIME_NEVER;
    world->sender = kit_sender(STREAM_VIDEO);
    (void)stream_sender_layers(world->sender, world->now_us, world->model.live);
    (void)stream_sender_want(world->sender, world->now_us, &world->want);
    ask(world, stream_sender_resume(world->sender, world->now_us, &world->state, world->layers));
    assert_int_equal(stream_sender_layer(world->sender), world->model.current);
    while ((packet = stream_sender_behind(world->sender, world->layers, &cursor)) != NULL) {
        uint32_t tag = world->publisher.by_seq[packet->layer][packet->rtp.seq];
        forward(world, &world->publisher.made[tag], packet);
    }
    check_up_to_date(world);
}

/* ---- A minute of it ----------------------------------------------------------------------------
 */

static struct world *world_new(uint64_t seed)
{
    struct world *world = mem_alloc(sizeof(*world));
    prng_seed(&world->prng, seed);
    world->sender = kit_sender(STREAM_VIDEO);
    world->resume_us = TIME_NEVER;
    world->want.paused = true;
    world->model.current = -1;
    world->model.limits = mem_alloc(PACKETS);
    world->model.left_out = mem_array(PACKETS, sizeof(bool));
    for (uint8_t i = 0; i < LAYERS; i++) {
        world->layers[i] = kit_receiver(STREAM_VIDEO, i);
        world->publisher.seq[i] = (uint16_t)prng_next(&world->prng);
        world->publisher.key_due_us[i] = TIME_NEVER;
    }
    return world;
}

static void world_free(struct world *world)
{
    for (size_t i = 0; i < LAYERS; i++) {
        stream_receiver_free(world->layers[i]);
    }
    stream_sender_free(world->sender);
    free(world->model.limits);
    free(world->model.left_out);
    free(world);
}

static void check_totals(const struct world *world)
{
    const struct model *model = &world->model;
    struct stream_sender_stats stats;
    size_t sent = 0;
    size_t fillers = 0;
    for (size_t i = 0; i < model->count; i++) {
        sent += model->owners[i].state == SENT;
        fillers += model->owners[i].state == FILLER;
    }
    stream_sender_stats(world->sender, &stats);
    assert_int_equal(kit_state(world->sender).seq_next, SEQ_OUT + model->count);
    assert_int_equal(world->stats.switches + stats.switches, model->run);
    assert_true(model->run > 15);
    if (world->hands_over) { /* most numbers are gone */
        assert_true(world->handovers > 15 && world->stats.resent + stats.resent > 250);
    } else {
        assert_true(sent > 1500 && fillers > 10 && stats.resent > 500);
    }
}

/* Everything that is the sender's. */
static void be_subscriber(struct world *world, int ms)
{
    if (ms % 100 == 0) {
        change_layers(world);
    }
    if (ms % 700 == 0) {
        change_wants(world);
    }
    if (chance(world, 5)) {
        subscriber_asks_again(world);
    }
    if (ms % 5000 == 4000) {
        ask(world, stream_sender_picture_lost(world->sender, world->now_us));
    }
    if (world->hands_over && prng_below(&world->prng, 2000) == 0) {
        stop_sender(world);
    }
}

static void run(uint64_t seed, bool hands_over)
{
    struct world *world = world_new(seed);
    world->hands_over = hands_over;
    unsigned flowing = 7;
    for (int ms = 0; ms < 60000; ms++) {
        world->now_us = ms * MS;
        deliver_due(world);
        publisher_answers(world);
        if (ms % 33 == 0) {
            for (uint8_t layer = 0; layer < LAYERS; layer++) {
                if ((flowing >> layer & 1) != 0) {
                    publish_frame(world, layer);
                }
            }
        }
        if (ms % 2000 == 0) { /* the publisher's uplink changes */
            flowing = 1u | (unsigned)prng_below(&world->prng, 8);
        }
        if (world->resume_us <= world->now_us) {
            resume_sender(world);
        }
        if (world->resume_us == TIME_NEVER) {
            be_subscriber(world, ms);
        }
    }
    if (world->resume_us != TIME_NEVER) {
        resume_sender(world);
    }
    check_totals(world);
    world_free(world);
}

static void random_worlds(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 6; seed++) {
        run(seed, false);
    }
}

static void random_worlds_with_handovers(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 12; seed++) {
        run(seed, true);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_worlds),
        cmocka_unit_test(random_worlds_with_handovers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
