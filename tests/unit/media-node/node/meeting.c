/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/media-node/node/meeting.h"

#include "proto/wire/wire.h"
#include "tests/lib/room_spec.h"

#include <stdio.h>
#include <stdlib.h>

#define FRAME_US    33333
#define SLOW_US     66667 /* of Chromium, as tests/browser/netem.test.mjs has it */
#define KEY_FACTOR  5     /* key frames are so much larger */
#define PACKET      1000
#define HEADERS     28 /* of IP and UDP */
#define DELAY_MS    20
#define TAG         16 /* of AES-GCM, behind the payload */
#define MISSING_MAX 100

static const char *const rids[] = {"q", "h", "f", "" /* the other one has none */};
static const uint32_t layer_bps[SOURCES] = {150000, 600000, 1700000, 150000};
static const uint32_t chromium_bps[SOURCES] = {120000, 350000, 1200000, 150000};
static const struct descriptor_mode svc_mode = {.spatial = 3, .temporal = 3};
static const unsigned svc_bps[] = {100000, 300000, 900000}; /* of each size alone */

static const struct node_endpoint endpoint = {NODE_UDP, 40000};

/* ---- The node -------------------------------------------------------------------------------- */

static void input(struct meeting *m, struct media_client *from, uint8_t *data, size_t len)
{
    const struct node_datagram datagram = {.remote = from->config.addr, .data = data, .len = len};
    assert_int_equal(node_datagrams(m->node, m->now_us, &datagram, 1), 1);
}

static void take_event(struct meeting *m, const Spillway__Control__Event *event)
{
    if (event->event_case == SPILLWAY__CONTROL__EVENT__EVENT_VIDEO_PAUSED) {
        assert_int_equal(event->video_paused->transport, 12);
        m->paused = (unsigned)event->video_paused->n_subscriptions;
        m->paused_told++;
    } else if (event->event_case == SPILLWAY__CONTROL__EVENT__EVENT_TRANSPORT_REPORT &&
               event->transport_report->transport == 12) {
        m->estimate_bps = event->transport_report->estimate_bps;
    }
}

static void take_control(struct meeting *m, struct bytes bytes)
{
    Spillway__Control__NodeMessage *message =
        spillway__control__node_message__unpack(NULL, bytes.len, bytes.data);
    assert_non_null(message);
    if (message->message_case == SPILLWAY__CONTROL__NODE_MESSAGE__MESSAGE_SPEC_ACK) {
        assert_int_equal(message->spec_ack->result, 0);
    }
    if (message->message_case == SPILLWAY__CONTROL__NODE_MESSAGE__MESSAGE_EVENTS) {
        for (size_t i = 0; i < message->events->n_events; i++) {
            take_event(m, message->events->events[i]);
        }
    }
    spillway__control__node_message__free_unpacked(message, NULL);
}

/* On the wire: with its headers, of which the link takes no notice but that they are there. */
static void put_through(struct meeting *m, const struct outbox_packet *packet)
{
    uint8_t frame[HEADERS + OUTBOX_PACKET_MAX] = {0};
    memcpy(frame + HEADERS, packet->data, packet->len);
    link_push(m->down, m->now_us, (struct bytes){frame, HEADERS + packet->len});
}

static void pump(struct meeting *m)
{
    struct outbox_packet packet;
    struct node_message message;
    while (node_poll_packets(m->node, &packet, 1) > 0) {
        uint8_t data[OUTBOX_PACKET_MAX];
        uint8_t answer[MEDIA_CLIENT_PACKET];
        struct media_incoming *changed;
        if (net_equal(&packet.path.remote, &m->viewer->config.addr)) {
            put_through(m, &packet);
            continue;
        }
        memcpy(data, packet.data, packet.len);
        size_t len = media_client_receive(m->publisher, data, packet.len, answer, &changed);
        if (len > 0) {
            input(m, m->publisher, answer, len);
        }
    }
    while (node_poll_control(m->node, &message)) {
        take_control(m, message.bytes);
    }
}

static void control(struct meeting *m, const ProtobufCMessage *message)
{
    size_t len;
    uint8_t *bytes = wire_pack(message, &len);
    node_control(m->node, m->now_us, 0, (struct bytes){bytes, len});
    free(bytes);
    pump(m);
}

static void register_node(struct meeting *m)
{
    static char id[] = "OR_1";
    Spillway__Control__OrchestratorMessage message = SPILLWAY__CONTROL__ORCHESTRATOR_MESSAGE__INIT;
    Spillway__Control__Registered registered = SPILLWAY__CONTROL__REGISTERED__INIT;
    message.message_case = SPILLWAY__CONTROL__ORCHESTRATOR_MESSAGE__MESSAGE_REGISTERED;
    message.registered = &registered;
    registered.orchestrator_id = id;
    registered.heartbeat_ms = 250;
    node_link_up(m->node, m->now_us, 0);
    pump(m);
    control(m, &message.base);
}

void meeting_tell_room(struct meeting *m)
{
    struct room_spec spec;
    room_spec_init(&spec, "RM_1", 1, 0, 1);
    room_spec_transport(&spec, 11, m->publisher, true);
    room_spec_transport(&spec, 12, m->viewer, true)->transport_cc = VIEWER_CC;
    room_spec_video(&spec, VIDEO, 11, "1", rids);
    room_spec_audio(&spec, AUDIO, 11, "2");
    static const char *const no_rids[] = {""};
    Spillway__Control__Track *other_track = room_spec_video(&spec, OTHER_VIDEO, 11, "3", no_rids);
    const struct room_spec_want wants[] = {{21, VIDEO, 12, "5", 5000, false},
                                           {22, AUDIO, 12, "6", 6000, true},
                                           {23, OTHER_VIDEO, 12, "7", 7000, false}};
    Spillway__Control__Subscription *other = NULL;
    for (size_t i = 0; i < ARRAY_LEN(wants); i++) {
        other = room_spec_subscription(&spec, &wants[i]);
        other->payload_types[0]->transport_cc = m->feedback == MEETING_TRANSPORT_CC;
        other->payload_types[0]->remb = !wants[i].audio;
        other->rtx_ssrc = m->feedback == MEETING_REMB_WITHOUT_RTX ? 0 : other->rtx_ssrc;
    }
    other->screen = m->screen;
    other->priority = m->priority;
    if (m->svc) {
        other->payload_types[0]->codec = SPILLWAY__CONTROL__CODEC__VP9;
        other_track->payload_types[0]->codec = SPILLWAY__CONTROL__CODEC__VP9;
    }
    size_t len;
    uint8_t *bytes = room_spec_pack(&spec, &len);
    node_control(m->node, m->now_us, 0, (struct bytes){bytes, len});
    free(bytes);
    room_spec_fini(&spec);
    pump(m);
}

/* ---- The publisher --------------------------------------------------------------------------- */

/* One packet of a frame. Its last byte is the layer, as media_client_receive wants it. */
static void send_packet(struct meeting *m, size_t layer, size_t size, unsigned place)
{
    struct media_source *source = m->layers[layer];
    bool first = (place & 1) != 0;
    static const unsigned pattern[] = {0, 2, 1, 2};
    unsigned temporal = m->rates && !source->key_wanted ? pattern[source->picture % 4] : 0;
    m->tl0[layer] = (uint8_t)(m->tl0[layer] + (first && temporal == 0));
    uint8_t payload[PACKET] = {
        first ? 0x90 : 0x80, /* X, and S for the start of partition 0 (RFC 7741 §4.2) */
        0xe0,                /* picture id, TL0PICIDX and TID follow */
        (uint8_t)(0x80 | source->picture >> 8),
        (uint8_t)source->picture,
        m->tl0[layer],
        (uint8_t)(temporal << 6 | (temporal > 0 ? 0x20 : 0)),
        first && source->key_wanted ? 0x10 : 0x11, /* bit 0: not a key frame */
    };
    uint8_t out[MEDIA_CLIENT_PACKET];
    struct rtp_header header = {.ts = source->ts,
                                .ssrc = source->ssrc,
                                .seq = source->seq++,
                                .pt = MEDIA_VP8,
                                .marker = (place & 2) != 0};
    struct rtp_header_out where;
    payload[size - 1] = (uint8_t)layer;
    const char *mid = layer == OTHER ? "3" : "1";
    header.exts.value[RTP_EXT_MID] = (struct bytes){(const uint8_t *)mid, 1};
    header.exts.value[RTP_EXT_RID] =
        (struct bytes){(const uint8_t *)rids[layer], strlen(rids[layer])};
    assert_int_equal(rtp_header_write(out, &header, &media_client_exts, &where), 0);
    be16_put(out + where.transport_cc_at, m->publisher->cc_seq++);
    const struct rtpsec_packet packet = {.header_len = where.len, .body = {payload, size}};
    int len = rtpsec_protect_rtp(m->publisher->sec, &source->stream, &packet, out);
    assert_true(len > 0);
    input(m, m->publisher, out, (size_t)len);
    pump(m);
}

/* A key frame is 4.5 times the mean, as libvpx bounds it at 15 pictures a second, and what it took
 * is saved on the pictures after it. */
static size_t chromium_size(struct meeting *m, size_t layer)
{
    size_t mean = (size_t)chromium_bps[layer] / 8 / 15;
    size_t size = mean * m->encoder.percent / 100;
    size_t *owed = &m->encoder.owed[layer];
    if (m->layers[layer]->key_wanted) {
        *owed += size * 7 / 2;
        return size * 9 / 2;
    }
    size_t saved = MIN(*owed, size / 3);
    *owed -= saved;
    return size - saved;
}

static size_t frame_size(struct meeting *m, size_t layer)
{
    if (m->encoder.chromium) {
        return chromium_size(m, layer);
    }
    bool key = m->layers[layer]->key_wanted;
    return (size_t)layer_bps[layer] / 8 / 30 * (key ? KEY_FACTOR : 1) * MAX(m->factor, 1) /
           MAX(m->divisor, 1);
}

static void send_frame(struct meeting *m, size_t layer)
{
    struct media_source *source = m->layers[layer];
    size_t left = frame_size(m, layer);
    for (unsigned first = 1; left > 0; first = 0) {
        size_t size = MIN(left, PACKET);
        size = left - size < 32 ? MIN(left, PACKET) : size;
        left -= size;
        send_packet(m, layer, MAX(size, 32), first | (left == 0 ? 2u : 0u));
    }
    source->key_wanted = false;
    source->picture = (source->picture + 1) & 0x7fff;
    source->ts += m->encoder.chromium ? 6000 : 3000;
    source->due_us += m->encoder.chromium ? SLOW_US : FRAME_US;
}

static bool wants_key(struct meeting *m)
{
    bool wanted = false;
    for (size_t i = 0; i < LAYERS; i++) {
        wanted = wanted || m->layers[i]->key_wanted;
        m->layers[i]->key_wanted = false;
    }
    return wanted;
}

static void send_chromium(struct meeting *m)
{
    struct meeting_encoder *encoder = &m->encoder;
    if (wants_key(m) && encoder->key_us == TIME_NEVER) {
        int64_t least_us = encoder->slow_us / 4;
        encoder->key_us =
            m->now_us + least_us + (int64_t)prng_below(&m->prng, (uint64_t)(3 * least_us + 1));
    }
    if (m->now_us < m->layers[0]->due_us) {
        return;
    }
    bool key = m->now_us >= encoder->key_us;
    encoder->key_us = key ? TIME_NEVER : encoder->key_us;
    encoder->percent = 60 + (uint32_t)prng_below(&m->prng, 81);
    for (size_t i = LAYERS; i-- > 0;) {
        m->layers[i]->key_wanted = key;
        send_frame(m, i);
    }
}

static void send_svc_picture(struct meeting *m)
{
    uint8_t out[MEDIA_CLIENT_PACKET];
    svc_source_begin(&m->svc_source);
    for (unsigned spatial = 0; spatial < svc_mode.spatial; spatial++) {
        size_t left = svc_bps[spatial] / 8 / 30;
        for (bool first = true; left > 0; first = false) {
            size_t size = MIN(left, PACKET);
            left -= size;
            size_t len = svc_source_send(m->publisher, &m->svc_source, spatial, MAX(size, 32),
                                         first, left == 0, out);
            input(m, m->publisher, out, len);
            pump(m);
        }
    }
    svc_source_end(&m->svc_source);
    m->layers[OTHER]->due_us += FRAME_US;
}

static void publish(struct meeting *m)
{
    if (m->encoder.chromium) {
        send_chromium(m);
    }
    for (size_t i = m->encoder.chromium ? OTHER : 0; i < SOURCES; i++) {
        while (m->layers[i]->due_us <= m->now_us) {
            if (i == OTHER && m->svc) {
                send_svc_picture(m);
            } else {
                send_frame(m, i);
            }
        }
    }
    while (m->voice->due_us <= m->now_us) {
        uint8_t out[MEDIA_CLIENT_PACKET];
        size_t len = media_client_send(m->publisher, m->voice, out);
        m->voice->due_us += TIME_MS(20);
        input(m, m->publisher, out, len);
        pump(m);
    }
}

/* ---- The viewer ------------------------------------------------------------------------------ */

static void count(struct meeting *m, const struct media_incoming *in, size_t len)
{
    if (in == NULL) {
        m->repairs++;
    } else if (in->pt == MEDIA_OPUS) {
        m->audio.packets++;
        m->audio.longest_us =
            MAX(m->audio.longest_us, m->audio_us == 0 ? 0 : (unsigned)(m->now_us - m->audio_us));
        m->audio_us = m->now_us;
    } else {
        m->video.packets++;
        m->layer_bits |= 1u << in->layer;
    }
    m->video.bytes += (unsigned)len;
}

static void read_descriptor(struct meeting *m, struct bytes packet)
{
    uint8_t header[MEDIA_CLIENT_PACKET];
    struct rtp_exts exts;
    struct rtp_dependency told;
    (void)media_client_read_exts(&exts, header, packet.data, packet.len);
    struct bytes value = exts.value[RTP_EXT_DEPENDENCY_DESCRIPTOR];
    if (value.len > 0 && rtp_dependency_parse(&told, &m->svc_structure, value) == 0 &&
        told.active_told) {
        m->svc_active = told.active;
    }
}

/* Decrypted by now; RTX is what it repairs. */
static void decode(struct meeting *m, uint8_t *data, size_t len)
{
    struct rtp_view view;
    if (!m->encoder.chromium || rtp_parse(&view, data, len - TAG) != 0) {
        return;
    }
    if (view.pt == MEDIA_VP8_RTX && view.payload.len > 2) {
        view.seq = be16_get(view.payload.data);
        view.payload = (struct bytes){view.payload.data + 2, view.payload.len - 2};
    } else if (view.pt != MEDIA_VP8) {
        return;
    }
    decoder_add(&m->decoder, m->now_us, &view);
}

void meeting_lost_picture(struct meeting *m)
{
    uint8_t out[MEDIA_CLIENT_PACKET];
    const struct media_feedback feedback = {.pli_ssrc = 5000};
    input(m, m->viewer, out, media_client_rtcp(m->viewer, &feedback, out));
    pump(m);
}

static void ask_again(struct meeting *m)
{
    uint16_t seqs[MISSING_MAX];
    uint8_t out[MEDIA_CLIENT_PACKET];
    struct rtcp_writer writer = {.data = out, .cap = RTCP_OUT_MAX};
    struct rtcp_feedback about = {.sender_ssrc = m->viewer->rtcp_ssrc, .media_ssrc = 5000};
    size_t count = decoder_missing(&m->decoder, m->now_us, seqs, MISSING_MAX);
    if (count > 0 && rtcp_write_rr(&writer, m->viewer->rtcp_ssrc, NULL, 0) == 0 &&
        rtcp_write_nack(&writer, about, seqs, count) == 0) {
        size_t len = writer.len;
        assert_int_equal(rtpsec_protect_rtcp(m->viewer->sec, out, &len), 0);
        input(m, m->viewer, out, len);
        pump(m);
    }
    if (decoder_asks(&m->decoder, m->now_us)) {
        meeting_lost_picture(m);
    }
}

/* The headers are in the clear. */
static bool drops(struct meeting *m, struct bytes packet)
{
    struct rtp_view view;
    if (m->drops_us == 0 || stun_classify(packet.data, packet.len) != PACKET_RTP ||
        rtp_parse(&view, packet.data, packet.len) != 0 || view.pt == MEDIA_OPUS) {
        return false;
    }
    if (m->dropped == 0 && view.pt == MEDIA_VP8) {
        m->applies_us = m->now_us + m->drops_us;
    }
    bool dropped = m->applies_us == 0 || m->now_us < m->applies_us;
    m->dropped += dropped && view.pt == MEDIA_VP8;
    return dropped;
}

static void receive(struct meeting *m)
{
    struct bytes frame;
    while (link_pop(m->down, m->now_us, &frame)) {
        uint8_t data[LINK_FRAME_MAX];
        uint8_t answer[MEDIA_CLIENT_PACKET];
        struct media_incoming *in;
        frame = (struct bytes){frame.data + HEADERS, frame.len - HEADERS};
        if (drops(m, frame)) {
            continue;
        }
        memcpy(data, frame.data, frame.len);
        bool rtp = stun_classify(data, frame.len) == PACKET_RTP;
        if (rtp && m->svc) {
            read_descriptor(m, frame);
        }
        size_t len = media_client_receive(m->viewer, data, frame.len, answer, &in);
        if (len > 0) {
            input(m, m->viewer, answer, len);
        }
        if (rtp && m->feedback != MEETING_TRANSPORT_CC) {
            remb_receiver_add(&m->remb, m->now_us, frame.data, frame.len);
            count(m, in, frame.len);
        } else if (rtp) {
            stream_arrivals_add(m->arrivals, m->now_us, m->viewer->numbered_seq);
            count(m, in, frame.len);
            decode(m, data, frame.len);
        }
    }
    if (m->encoder.chromium) {
        ask_again(m);
    }
}

static void send_remb(struct meeting *m)
{
    struct media_feedback feedback = {0};
    struct rtcp_report report = {0};
    struct media_incoming *video = media_client_incoming(m->viewer, "5");
    if (!m->answers || !remb_receiver_due(&m->remb, m->now_us, &feedback.remb_bps)) {
        return;
    }
    if (video != NULL) {
        report = (struct rtcp_report){
            .ssrc = video->ssrc, .seq_high = video->seq, .lost = (int32_t)video->gaps};
        feedback.report = &report;
    }
    feedback.remb_bps = m->lie_bps != 0 ? m->lie_bps : feedback.remb_bps;
    uint8_t out[MEDIA_CLIENT_PACKET];
    input(m, m->viewer, out, media_client_rtcp(m->viewer, &feedback, out));
    pump(m);
}

static void send_feedback(struct meeting *m)
{
    if (m->feedback != MEETING_TRANSPORT_CC) {
        send_remb(m);
        return;
    }
    while (m->answers && stream_arrivals_deadline(m->arrivals) <= m->now_us) {
        uint8_t out[MEDIA_CLIENT_PACKET];
        struct rtcp_writer writer = {.data = out, .cap = RTCP_OUT_MAX};
        struct rtcp_feedback about = {.sender_ssrc = m->viewer->rtcp_ssrc, .media_ssrc = 5000};
        assert_int_equal(rtcp_write_rr(&writer, m->viewer->rtcp_ssrc, NULL, 0), 0);
        if (stream_arrivals_write(m->arrivals, m->now_us, &writer, about) != 0) {
            break;
        }
        size_t len = writer.len;
        assert_int_equal(rtpsec_protect_rtcp(m->viewer->sec, out, &len), 0);
        input(m, m->viewer, out, len);
        pump(m);
    }
}

static void check(struct meeting *m, struct media_client *client)
{
    uint8_t out[MEDIA_CLIENT_PACKET];
    size_t len = media_client_check(client, true, out);
    input(m, client, out, len);
    pump(m);
}

/* ---- Time ------------------------------------------------------------------------------------ */

static void end_second(struct meeting *m)
{
    if (getenv("BWE_TRACE") != NULL) {
        print_message("%6lld ms: %4u kbit/s, layers %x, audio %u (%u ms), estimate %u, paused %u, "
                      "queue %lld ms, lost %llu, padding %u, paced %llu\n",
                      (long long)(m->now_us / 1000), m->video.bytes / 125, m->layer_bits,
                      m->audio.packets, m->audio.longest_us / 1000, m->estimate_bps, m->paused,
                      (long long)link_stats(m->down)->queue_delay_us_max / 1000,
                      (unsigned long long)link_stats(m->down)->queue_full, m->repairs,
                      (unsigned long long)node_counters(m->node)->paced);
    }
    m->audio_was = m->audio;
    m->video_was = m->video;
    m->layer_bits_was = m->layer_bits;
    m->audio = (struct seen){0};
    m->video = (struct seen){0};
    m->layer_bits = 0;
    m->repairs = 0;
    m->second_us += TIME_S(1);
    check(m, m->publisher);
    check(m, m->viewer);
}

void meeting_step(struct meeting *m)
{
    m->now_us += TIME_MS(1);
    while (node_deadline(m->node) <= m->now_us) {
        node_expire(m->node, m->now_us);
        pump(m);
    }
    publish(m);
    receive(m);
    send_feedback(m);
    if (m->now_us >= m->second_us) {
        end_second(m);
    }
}

void meeting_run(struct meeting *m, unsigned seconds)
{
    for (int64_t end_us = m->now_us + TIME_S(seconds); m->now_us < end_us;) {
        meeting_step(m);
    }
}

void meeting_set_rate(struct meeting *m, uint64_t bps)
{
    struct link_config config = LINK_CONFIG_DEFAULT;
    config.delay_us = TIME_MS(DELAY_MS);
    config.rate_bps = bps;
    link_configure(m->down, &config);
}

static struct media_client *join(uint8_t number, const char *ufrag, const char *server_ufrag)
{
    const struct media_client_config config = {
        .addr = {.ip = {192, 0, 2, number}, .port = 5000, .family = NET_V4},
        .ufrag = ufrag,
        .pwd = "clientpassword12345678",
        .server_ufrag = server_ufrag,
        .server_pwd = "serverpassword12345678",
        .seed = number,
    };
    return media_client_new(&config);
}

void meeting_begin(struct meeting *m, uint64_t bps)
{
    meeting_begin_with(m, bps, MEETING_TRANSPORT_CC);
}

void meeting_begin_with(struct meeting *m, uint64_t bps, enum meeting_feedback feedback)
{
    *m = (struct meeting){
        .now_us = TIME_S(1), .second_us = TIME_S(2), .answers = true, .feedback = feedback};
    prng_seed(&m->prng, 7);
    struct net_addr advertise;
    assert_int_equal(net_from_text(&advertise, "198.51.100.1", 0), 0);
    const struct node_config config = {.id = "ND_1",
                                       .name = "node-a",
                                       .region = "",
                                       .zone = "",
                                       .version = "test",
                                       .capacity = 100,
                                       .endpoints = &endpoint,
                                       .endpoint_count = 1,
                                       .advertise = &advertise,
                                       .advertise_count = 1,
                                       .link_count = 1,
                                       .congestion_control = true,
                                       .random = prng_source(&m->prng)};
    m->node = node_new(&config, m->now_us);
    m->publisher = join(1, "cliA", "srvA");
    m->viewer = join(2, "cliB", "srvB");
    for (size_t i = 0; i < SOURCES; i++) {
        struct media_source source = {.layer = (uint8_t)i};
        snprintf(source.mid, sizeof(source.mid), "%s", i == OTHER ? "3" : "1");
        snprintf(source.rid, sizeof(source.rid), "%s", rids[i]);
        m->layers[i] = media_client_publish(m->publisher, &source);
        m->layers[i]->due_us = i == OTHER ? TIME_NEVER : m->now_us + TIME_MS(2 * (int64_t)i);
    }
    m->svc_source = (struct svc_source){.source = m->layers[OTHER], .mode = svc_mode};
    m->voice =
        media_client_publish(m->publisher, &(struct media_source){.mid = "2", .audio = true});
    m->voice->due_us = m->now_us;
    m->down = link_new(3);
    m->arrivals = stream_arrivals_new(m->now_us);
    meeting_set_rate(m, bps);
    register_node(m);
    meeting_tell_room(m);
    check(m, m->publisher);
    check(m, m->viewer);
}

void meeting_chromium(struct meeting *m, int64_t slow_us, uint64_t seed)
{
    prng_seed(&m->prng, seed);
    m->encoder =
        (struct meeting_encoder){.chromium = true, .slow_us = slow_us, .key_us = TIME_NEVER};
    m->layers[0]->due_us = m->now_us + (int64_t)prng_below(&m->prng, SLOW_US);
}

void meeting_end(struct meeting *m)
{
    node_free(m->node);
    media_client_free(m->publisher);
    media_client_free(m->viewer);
    stream_arrivals_free(m->arrivals);
    link_free(m->down);
}

unsigned meeting_until_layer(struct meeting *m, unsigned layer, unsigned seconds_max)
{
    unsigned seconds = 0;
    while (m->layer_bits_was != 1u << layer || m->layer_bits != 0) {
        assert_true(seconds < seconds_max);
        meeting_run(m, 1);
        seconds++;
    }
    return seconds;
}
