/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal: a node sends a client what its network takes, and no more. A whole node with a publisher of
 * three layers and sound, and a viewer behind a modelled bottleneck that gives transport-cc
 * feedback as libwebrtc does; virtual time.
 *
 * BWE_TRACE=1 tells what happened, a line a second.
 */
#include "media-node/core/node/node.h"
#include "proto/wire/wire.h"
#include "tests/lib/descriptor.h"
#include "tests/lib/media_client.h"
#include "tests/lib/room_spec.h"
#include "tests/link/link.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define LAYERS      3
#define OTHER       3 /* the source of another video of one layer, which is silent at first */
#define SOURCES     4
#define FRAME_US    33333
#define KEY_FACTOR  5 /* key frames are so much larger */
#define PACKET      1000
#define HEADERS     28 /* of IP and UDP */
#define DELAY_MS    20
#define VIDEO       1
#define AUDIO       2
#define OTHER_VIDEO 3
#define VIEWER_CC   20000 /* where the node is told to begin to number */

static const char *const rids[] = {"q", "h", "f", "" /* the other one has none */};
static const uint32_t layer_bps[SOURCES] = {150000, 600000, 1700000, 150000};

struct seen {
    unsigned packets;
    unsigned bytes;
    unsigned longest_us; /* between two packets */
};

struct meeting {
    struct node *node;
    struct prng prng;
    int64_t now_us;
    struct media_client *publisher;
    struct media_client *viewer;
    struct media_source *layers[SOURCES];
    struct media_source *voice;
    struct link *down; /* to the viewer */
    struct stream_arrivals *arrivals;
    bool answers;      /* the viewer gives feedback */
    int64_t audio_us;  /* last packet of sound the viewer got */
    int64_t second_us; /* end of the second that is counted */
    struct seen audio; /* in it */
    struct seen video;
    unsigned repairs;      /* RTX and padding */
    unsigned layer_bits;   /* layers seen in it */
    unsigned paused;       /* subscriptions, as the node told last */
    unsigned paused_told;  /* times it told */
    struct seen audio_was; /* of the second before */
    struct seen video_was;
    unsigned layer_bits_was;
    uint32_t estimate_bps;
    unsigned factor, divisor; /* of what the layers take; 0: 1 */
    bool screen;              /* the other video is a screen share, */
    uint32_t priority;        /* or has one */
    bool rates;               /* all video is VP8 of three temporal layers */
    bool svc;                 /* the other video is VP9 of three sizes and rates in one stream */
    unsigned svc_picture;     /* of it, since the last key frame */
    uint16_t svc_frame;       /* next number */
};

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

static void tell_room(struct meeting *m)
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
    room_spec_subscription(&spec, &wants[0]);
    room_spec_subscription(&spec, &wants[1]);
    Spillway__Control__Subscription *other = room_spec_subscription(&spec, &wants[2]);
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
    uint8_t payload[PACKET] = {
        first ? 0x90 : 0x80, /* X, and S for the start of partition 0 (RFC 7741 §4.2) */
        0xe0,                /* picture id, TL0PICIDX and TID follow */
        (uint8_t)(0x80 | source->picture >> 8),
        (uint8_t)source->picture,
        (uint8_t)source->picture,
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

static void send_frame(struct meeting *m, size_t layer)
{
    struct media_source *source = m->layers[layer];
    bool key = source->key_wanted;
    size_t left = (size_t)layer_bps[layer] / 8 / 30 * (key ? KEY_FACTOR : 1) * MAX(m->factor, 1) /
                  MAX(m->divisor, 1);
    for (unsigned first = 1; left > 0; first = 0) {
        size_t size = MIN(left, PACKET);
        size = left - size < 32 ? MIN(left, PACKET) : size;
        left -= size;
        send_packet(m, layer, MAX(size, 32), first | (left == 0 ? 2u : 0u));
    }
    source->key_wanted = false;
    source->picture = (source->picture + 1) & 0x7fff;
    source->ts += 3000;
    source->due_us += FRAME_US;
}

/* A packet of a frame of the other video, and which size it is of in its last byte. Its descriptor
 * (RFC 9628 §4.2) is P, L, B, E; TID, SID; TL0PICIDX. */
static void send_svc_packet(struct meeting *m, unsigned spatial, size_t size, unsigned place)
{
    struct media_source *source = m->layers[OTHER];
    bool first = (place & 1) != 0, last = (place & 2) != 0;
    unsigned temporal = descriptor_temporal(&svc_mode, m->svc_picture);
    uint8_t out[MEDIA_CLIENT_PACKET], descriptor[DESCRIPTOR_MAX];
    uint8_t payload[PACKET] = {
        (uint8_t)((m->svc_picture > 0 ? 0x40 : 0) | 0x20 | (first ? 0x08 : 0) | (last ? 0x04 : 0)),
        (uint8_t)(temporal << 5 | spatial << 1)};
    const struct descriptor_frame frame = {.number = m->svc_frame,
                                           .spatial = spatial,
                                           .picture = m->svc_picture,
                                           .start = first,
                                           .end = last};
    struct rtp_header header = {.ts = source->ts,
                                .ssrc = source->ssrc,
                                .seq = source->seq++,
                                .pt = MEDIA_VP8,
                                .marker = last && spatial == svc_mode.spatial - 1};
    struct rtp_header_out where;
    payload[size - 1] = (uint8_t)spatial;
    header.exts.value[RTP_EXT_MID] = (struct bytes){(const uint8_t *)"3", 1};
    header.exts.value[RTP_EXT_DEPENDENCY_DESCRIPTOR] =
        (struct bytes){descriptor, descriptor_write(descriptor, &svc_mode, &frame)};
    assert_int_equal(rtp_header_write(out, &header, &media_client_exts, &where), 0);
    be16_put(out + where.transport_cc_at, m->publisher->cc_seq++);
    const struct rtpsec_packet packet = {.header_len = where.len, .body = {payload, size}};
    int len = rtpsec_protect_rtp(m->publisher->sec, &source->stream, &packet, out);
    assert_true(len > 0);
    input(m, m->publisher, out, (size_t)len);
    pump(m);
}

static void send_svc_picture(struct meeting *m)
{
    struct media_source *source = m->layers[OTHER];
    m->svc_picture = source->key_wanted ? 0 : m->svc_picture;
    source->key_wanted = false;
    for (unsigned spatial = 0; spatial < svc_mode.spatial; spatial++, m->svc_frame++) {
        size_t left = svc_bps[spatial] / 8 / 30;
        for (unsigned first = 1; left > 0; first = 0) {
            size_t size = MIN(left, PACKET);
            left -= size;
            send_svc_packet(m, spatial, MAX(size, 32), first | (left == 0 ? 2u : 0u));
        }
    }
    m->svc_picture++;
    source->ts += 3000;
    source->due_us += FRAME_US;
}

static void publish(struct meeting *m)
{
    for (size_t i = 0; i < SOURCES; i++) {
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

static void receive(struct meeting *m)
{
    struct bytes frame;
    while (link_pop(m->down, m->now_us, &frame)) {
        uint8_t data[LINK_FRAME_MAX];
        uint8_t answer[MEDIA_CLIENT_PACKET];
        struct media_incoming *in;
        size_t size = frame.len - HEADERS;
        memcpy(data, frame.data + HEADERS, size);
        bool rtp = stun_classify(data, size) == PACKET_RTP;
        size_t len = media_client_receive(m->viewer, data, size, answer, &in);
        if (len > 0) {
            input(m, m->viewer, answer, len);
        }
        if (rtp) {
            stream_arrivals_add(m->arrivals, m->now_us, m->viewer->numbered_seq);
            count(m, in, size);
        }
    }
}

static void send_feedback(struct meeting *m)
{
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

static void step(struct meeting *m)
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

static void run(struct meeting *m, unsigned seconds)
{
    for (int64_t end_us = m->now_us + TIME_S(seconds); m->now_us < end_us;) {
        step(m);
    }
}

static void set_rate(struct meeting *m, uint64_t bps)
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

static void begin(struct meeting *m, uint64_t bps)
{
    *m = (struct meeting){.now_us = TIME_S(1), .second_us = TIME_S(2), .answers = true};
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
    m->voice =
        media_client_publish(m->publisher, &(struct media_source){.mid = "2", .audio = true});
    m->voice->due_us = m->now_us;
    m->down = link_new(3);
    m->arrivals = stream_arrivals_new(m->now_us);
    set_rate(m, bps);
    register_node(m);
    tell_room(m);
    check(m, m->publisher);
    check(m, m->viewer);
}

static void end(struct meeting *m)
{
    node_free(m->node);
    media_client_free(m->publisher);
    media_client_free(m->viewer);
    stream_arrivals_free(m->arrivals);
    link_free(m->down);
}

/* ---- Stories --------------------------------------------------------------------------------- */

/* Until the second before shows just that layer; how long it took. */
static unsigned until_layer(struct meeting *m, unsigned layer, unsigned seconds_max)
{
    unsigned seconds = 0;
    while (m->layer_bits_was != 1u << layer || m->layer_bits != 0) {
        assert_true(seconds < seconds_max);
        run(m, 1);
        seconds++;
    }
    return seconds;
}

static void layers_follow_the_link(void **state)
{
    (void)state;
    struct meeting m;
    begin(&m, 600000);
    run(&m, 3);
    uint64_t lost = link_stats(m.down)->queue_full;
    for (unsigned i = 0; i < 7; i++) {
        run(&m, 1);
        assert_int_equal(m.layer_bits_was, 1);
        assert_in_range(m.audio_was.packets, 48, 52);
        assert_in_range(m.audio_was.longest_us, 0, TIME_MS(60));
    }
    assert_int_equal(link_stats(m.down)->queue_full, lost);
    assert_int_equal(m.paused, 0);
    assert_in_range(m.estimate_bps, 550000,
                    600000); /* padding is small: a tenth of it is headers */
    set_rate(&m, 5000000);
    unsigned up = until_layer(&m, 2, 10);
    print_message("from 600 kbit/s to 5 Mbit/s: the highest layer after %u s, %llu lost at the "
                  "start\n",
                  up, (unsigned long long)lost);
    run(&m, 5);
    assert_int_equal(m.layer_bits_was, 4);
    set_rate(&m, 600000);
    (void)until_layer(&m, 0, 5);
    end(&m);
}

static void no_bandwidth_pauses_video_not_sound(void **state)
{
    (void)state;
    struct meeting m;
    begin(&m, 600000);
    run(&m, 5);
    assert_int_equal(m.paused, 0);
    set_rate(&m, 90000);
    run(&m, 5);
    for (unsigned i = 0; i < 3; i++) {
        run(&m, 1);
        assert_int_equal(m.layer_bits_was, 0);
        assert_in_range(m.audio_was.packets, 48, 52);
        assert_in_range(m.audio_was.longest_us, 0, TIME_MS(80));
    }
    assert_int_equal(m.paused, 1);
    set_rate(&m, 600000);
    (void)until_layer(&m, 0, 10);
    assert_int_equal(m.paused, 0);
    end(&m);
}

/* The link takes less than sound and the lowest layer for a second. */
static void a_moment_is_no_reason_to_pause(void **state)
{
    (void)state;
    struct meeting m;
    begin(&m, 600000);
    run(&m, 5);
    set_rate(&m, 140000);
    run(&m, 1);
    set_rate(&m, 600000);
    run(&m, 5);
    assert_int_equal(m.paused_told, 0);
    assert_int_equal(m.layer_bits_was, 1);
    end(&m);
}

/* Two videos and room for one. */
static void what_matters_most_stays(void **state)
{
    (void)state;
    static const struct {
        bool screen;
        uint32_t priority;
        unsigned layer; /* that stays */
    } rows[] = {{false, 0, 0}, {true, 0, OTHER}, {false, 1, OTHER}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct meeting m;
        begin(&m, 600000);
        m.screen = rows[i].screen;
        m.priority = rows[i].priority;
        tell_room(&m);
        m.layers[OTHER]->due_us = m.now_us;
        m.layers[1]->due_us = m.layers[2]->due_us = TIME_NEVER;
        run(&m, 5);
        assert_int_equal(m.layer_bits_was, 1u << OTHER | 1);
        set_rate(&m, 260000);
        run(&m, 6);
        assert_int_equal(m.layer_bits_was, 1u << rows[i].layer);
        assert_int_equal(m.paused, 1);
        end(&m);
    }
}

/* As its owner says where a client comes from a dead node. */
static void numbers_begin_where_told(void **state)
{
    (void)state;
    struct meeting m;
    begin(&m, 0);
    while (m.second_us == TIME_S(2) && m.viewer->numbered_seq == 0) {
        step(&m);
    }
    assert_in_range(m.viewer->numbered_seq, VIEWER_CC, VIEWER_CC + 10);
    end(&m);
}

static void an_open_link_has_all_within_a_second(void **state)
{
    (void)state;
    struct meeting m;
    begin(&m, 0);
    run(&m, 2);
    assert_int_equal(m.layer_bits_was, 4);
    assert_true(node_counters(m.node)->trains_sent > 0);
    end(&m);
}

/* One layer of next to nothing for 10 s, then of 900 kbit/s: nobody paused it for what it had not
 * needed so far. */
static void what_was_still_may_move(void **state)
{
    (void)state;
    struct meeting m;
    begin(&m, 5000000);
    m.layers[1]->due_us = TIME_NEVER;
    m.layers[2]->due_us = TIME_NEVER;
    m.divisor = 10;
    run(&m, 10);
    m.divisor = 0;
    m.factor = 6;
    for (unsigned i = 0; i < 5; i++) {
        run(&m, 1);
        assert_true(m.video_was.packets > 28);
    }
    assert_int_equal(m.paused_told, 0);
    end(&m);
}

/* Sizes inside one stream, as simulcast layers: those that fit; and at last fewer pictures. */
static void sizes_inside_a_stream_follow_the_link(void **state)
{
    (void)state;
    struct meeting m;
    begin(&m, 600000);
    m.svc = true;
    tell_room(&m);
    for (size_t i = 0; i < LAYERS; i++) {
        m.layers[i]->due_us = TIME_NEVER;
    }
    m.layers[OTHER]->due_us = m.now_us;
    run(&m, 10);
    for (unsigned i = 0; i < 3; i++) {
        run(&m, 1);
        assert_int_equal(m.layer_bits_was, 3); /* the middle size, and the lowest that it needs */
        assert_in_range(m.audio_was.packets, 48, 52);
    }
    set_rate(&m, 5000000);
    unsigned seconds = 0;
    for (; m.layer_bits_was != 7; seconds++) {
        assert_true(seconds < 10);
        run(&m, 1);
    }
    print_message("from 600 kbit/s to 5 Mbit/s: the largest size after %u s\n", seconds);
    set_rate(&m, 600000);
    run(&m, 5);
    assert_int_equal(m.layer_bits_was, 3);
    set_rate(&m, 80000); /* the smallest size and sound would take 125 kbit/s */
    run(&m, 8);
    for (unsigned i = 0; i < 3; i++) {
        run(&m, 1);
        assert_int_equal(m.layer_bits_was, 1);
        assert_in_range(m.video_was.packets, 7, 16);
    }
    assert_int_equal(m.paused, 0);
    end(&m);
}

/* Sound and all of the lowest layer take 180 kbit/s, with half of its pictures 100. */
static void fewer_pictures_rather_than_none(void **state)
{
    (void)state;
    struct meeting m;
    begin(&m, 600000);
    m.rates = true;
    run(&m, 5);
    assert_int_equal(m.layer_bits_was, 1);
    assert_in_range(m.video_was.packets, 29, 35);
    set_rate(&m, 160000);
    run(&m, 6);
    for (unsigned i = 0; i < 3; i++) {
        run(&m, 1);
        assert_int_equal(m.layer_bits_was, 1);
        assert_in_range(m.video_was.packets, 7, 17);
        assert_in_range(m.audio_was.packets, 48, 52);
    }
    assert_int_equal(m.paused, 0);
    set_rate(&m, 600000);
    run(&m, 10);
    assert_in_range(m.video_was.packets, 29, 35);
    end(&m);
}

static void who_gives_no_feedback_is_not_limited(void **state)
{
    (void)state;
    struct meeting m;
    begin(&m, 0);
    m.answers = false;
    run(&m, 3);
    assert_int_equal(m.layer_bits_was, 4);
    assert_in_range(node_counters(m.node)->paced, 0, 5); /* of the first trains */
    end(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(layers_follow_the_link),
        cmocka_unit_test(no_bandwidth_pauses_video_not_sound),
        cmocka_unit_test(a_moment_is_no_reason_to_pause),
        cmocka_unit_test(what_matters_most_stays),
        cmocka_unit_test(numbers_begin_where_told),
        cmocka_unit_test(an_open_link_has_all_within_a_second),
        cmocka_unit_test(what_was_still_may_move),
        cmocka_unit_test(sizes_inside_a_stream_follow_the_link),
        cmocka_unit_test(fewer_pictures_rather_than_none),
        cmocka_unit_test(who_gives_no_feedback_is_not_limited),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
