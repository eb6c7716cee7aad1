/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/bench/fanout_janus.h"

#include "tests/bench/bench.h"
#include "tests/bench/janus_run.h"
#include "tests/bench/load/transport.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#define ROOM          1234
#define SSRC          4242
#define TICKS         180 /* of the RTP clock a packet; nobody looks */
#define TOGETHER      25  /* viewers that connect at a time */
#define CONNECT_MS    12000
#define KEEP_ALIVE_US TIME_MS(700)
#define REPORT_LEN    8

struct viewer {
    struct transport *transport;
    json_int_t handle;
    uint8_t pt;      /* of what it got last */
    size_t received; /* decrypted packets, until the sink has the socket */
};

struct fanout_janus {
    struct janus_run *run;
    struct prng prng;
    struct transport_batch *batch;
    struct viewer publisher; /* what it would view is nothing */
    struct viewer *viewers;
    size_t count;
    struct rtpsec_stream stream;
    uint16_t seq;
    uint16_t picture;
    uint32_t ts;
    struct sink *sink;
    size_t next_alive;
    int64_t alive_due_us;
};

/* ---- Transports ------------------------------------------------------------------------------ */

static void on_rtp(void *arg, const struct rtp_view *packet, int64_t arrival_us)
{
    struct viewer *viewer = arg;
    (void)arrival_us;
    viewer->pt = packet->pt;
    viewer->received++;
}

static void on_rtcp(void *arg, const uint8_t *data, size_t len, int64_t arrival_us)
{
    (void)arg;
    (void)data;
    (void)len;
    (void)arrival_us;
}

static void viewer_init(struct fanout_janus *janus, struct viewer *viewer)
{
    const struct transport_handler handler = {.arg = viewer, .on_rtp = on_rtp, .on_rtcp = on_rtcp};
    viewer->transport = transport_new(&handler, 0, &janus->prng);
    viewer->handle = janus_run_attach(janus->run);
}

static void viewer_turn(struct fanout_janus *janus, struct viewer *viewer)
{
    int64_t now_us = bench_now_us();
    transport_receive(viewer->transport, now_us, janus->batch);
    transport_tick(viewer->transport, now_us);
    if (transport_failure(viewer->transport) != NULL) {
        bench_fail("a client of Janus: %s", transport_failure(viewer->transport));
    }
}

/* Checks Janus's address and tells it ours, which is on the same machine. */
static void viewer_open(struct fanout_janus *janus, struct viewer *viewer, const char *sdp)
{
    struct answer answer;
    struct sockaddr_in own;
    socklen_t len = sizeof(own);
    char ip[INET_ADDRSTRLEN];
    char candidate[128];
    if (answer_read(&answer, sdp) != 0) {
        bench_fail("Janus offers no address: it takes none of loopback");
    }
    if (transport_open(viewer->transport, bench_now_us(), &answer) != 0 ||
        getsockname(transport_fd(viewer->transport), (struct sockaddr *)&own, &len) != 0) {
        bench_fail("no socket for a client");
    }
    inet_ntop(AF_INET, &answer.candidates[0].addr.sin_addr, ip, sizeof(ip));
    snprintf(candidate, sizeof(candidate), "candidate:1 1 udp 2130706431 %s %u typ host", ip,
             ntohs(own.sin_port));
    janus_run_trickle(janus->run, viewer->handle, candidate);
}

static void wait_connected(struct fanout_janus *janus, struct viewer *viewers, size_t count)
{
    size_t connected = 0;
    for (int ms = 0; connected < count; ms++) {
        if (ms == CONNECT_MS) {
            bench_fail("Janus does not connect: %zu of %zu clients", connected, count);
        }
        connected = 0;
        for (size_t i = 0; i < count; i++) {
            viewer_turn(janus, &viewers[i]);
            connected += transport_connected(viewers[i].transport);
        }
        bench_sleep_ms(1);
    }
}

/* ---- Descriptions ---------------------------------------------------------------------------- */

static bool starts(const char *line, const char *with)
{
    return strncmp(line, with, strlen(with)) == 0;
}

/* A description with this client's parameters in place of whose it was: Janus's offer becomes the
 * answer of somebody who takes everything in it, our own offer says who begins the handshake. */
static char *describe(const char *sdp, const struct viewer *viewer)
{
    static const char *const left_out[] = {"a=candidate:",  "a=end-of-candidates", "a=ssrc",
                                           "a=msid:",       "a=ice-lite",          "a=ice-options:",
                                           "a=fingerprint:"};
    char *out = NULL;
    size_t len = 0;
    FILE *file = open_memstream(&out, &len);
    assert(file != NULL);
    for (const char *line = sdp; *line != '\0';) {
        size_t n = strcspn(line, "\n") + 1;
        bool skip = false;
        for (size_t i = 0; i < ARRAY_LEN(left_out); i++) {
            skip |= starts(line, left_out[i]);
        }
        if (starts(line, "a=ice-ufrag:")) {
            fprintf(file, "a=ice-ufrag:%s\r\na=ice-options:trickle\r\na=fingerprint:sha-256 %s\r\n",
                    transport_ufrag(viewer->transport), transport_fingerprint(viewer->transport));
        } else if (starts(line, "a=ice-pwd:")) {
            fprintf(file, "a=ice-pwd:%s\r\n", transport_pwd(viewer->transport));
        } else if (starts(line, "a=setup:")) {
            fputs("a=setup:active\r\n", file);
        } else if (!skip) {
            fwrite(line, 1, n, file);
        }
        line += n;
    }
    fclose(file);
    return out;
}

static char *answer_of(const char *offer, const struct viewer *viewer)
{
    char *sdp = describe(offer, viewer);
    char *direction = strstr(sdp, "a=sendonly");
    if (direction == NULL) {
        bench_fail("Janus offers a viewer nothing");
    }
    memcpy(direction, "a=recvonly", strlen("a=recvonly"));
    return sdp;
}

static char *offer_of(const struct viewer *viewer)
{
    const struct offer_section section = {.video = true, .layers = 1, .cid = "video"};
    const struct offer offer = {.ufrag = transport_ufrag(viewer->transport),
                                .pwd = transport_pwd(viewer->transport),
                                .fingerprint = transport_fingerprint(viewer->transport),
                                .sections = &section,
                                .section_count = 1,
                                .version = 1};
    char *written = offer_write(&offer);
    char *sdp = describe(written, viewer);
    free(written);
    return sdp;
}

/* ---- The room -------------------------------------------------------------------------------- */

/* Returns what viewers name the publisher by. */
static json_int_t publish(struct fanout_janus *janus)
{
    struct viewer *publisher = &janus->publisher;
    viewer_init(janus, publisher);
    json_t *room = json_pack("{s:s, s:i, s:i, s:s}", "request", "create", "room", ROOM,
                             "publishers", 1, "videocodec", "vp8");
    json_decref(janus_run_ask(janus->run, publisher->handle, room, NULL, NULL));
    json_t *join = json_pack("{s:s, s:s, s:i}", "request", "joinandconfigure", "ptype", "publisher",
                             "room", ROOM);
    char *offer = offer_of(publisher);
    json_t *said = janus_run_ask(janus->run, publisher->handle, join, "offer", offer);
    free(offer);
    const json_t *data = json_object_get(json_object_get(said, "plugindata"), "data");
    json_int_t id = json_integer_value(json_object_get(data, "id"));
    viewer_open(janus, publisher, janus_run_sdp(said));
    json_decref(said);
    wait_connected(janus, publisher, 1);
    return id;
}

static void view(struct fanout_janus *janus, struct viewer *viewer, json_int_t feed)
{
    viewer_init(janus, viewer);
    json_t *join = json_pack("{s:s, s:s, s:i, s:[{s:I}]}", "request", "join", "ptype", "subscriber",
                             "room", ROOM, "streams", "feed", feed);
    json_t *said = janus_run_ask(janus->run, viewer->handle, join, NULL, NULL);
    char *answer = answer_of(janus_run_sdp(said), viewer);
    json_t *start = json_pack("{s:s}", "request", "start");
    json_decref(janus_run_ask(janus->run, viewer->handle, start, "answer", answer));
    free(answer);
    viewer_open(janus, viewer, janus_run_sdp(said));
    json_decref(said);
}

/* ---- Media ----------------------------------------------------------------------------------- */

static void send_packet(struct fanout_janus *janus, bool first, bool last)
{
    uint8_t payload[FANOUT_PACKET];
    uint8_t scratch[RTP_HEADER_OUT_MAX];
    struct rtp_header_out where;
    struct rtp_header header = {
        .ts = janus->ts, .ssrc = SSRC, .seq = janus->seq++, .pt = OFFER_VP8, .marker = last};
    header.exts.value[RTP_EXT_MID] = (struct bytes){(const uint8_t *)"0", 1};
    if (rtp_header_write(scratch, &header, &offer_exts, &where) != 0) {
        bench_fail("no RTP header");
    }
    size_t size = FANOUT_PACKET - where.len;
    fanout_payload(payload, size, first, janus->picture == 0, janus->picture);
    transport_send_rtp(janus->publisher.transport, &janus->stream, &header,
                       (struct bytes){payload, size});
}

static void send_frame(void *arg, unsigned packets)
{
    struct fanout_janus *janus = arg;
    for (unsigned i = 0; i < packets; i++) {
        send_packet(janus, i == 0, i + 1 == packets);
    }
    janus->picture = (janus->picture + 1) & 0x7fff;
    janus->ts += TICKS * packets;
}

static void send_report(const struct viewer *viewer)
{
    uint8_t report[REPORT_LEN] = {0x80, 201, 0, 1, 0, 0, 0, 1}; /* an empty RR (RFC 3550 §6.4.2) */
    transport_send_rtcp(viewer->transport, (struct bytes){report, sizeof(report)});
}

/* The sink has the viewers' sockets, so that no answer to a check is read any more. */
static void keep(void *arg)
{
    struct fanout_janus *janus = arg;
    viewer_turn(janus, &janus->publisher);
    janus_run_drain(janus->run);
    while (janus->alive_due_us <= bench_now_us()) {
        struct viewer *viewer = &janus->viewers[janus->next_alive];
        transport_tick(viewer->transport, bench_now_us());
        send_report(viewer);
        janus->next_alive = (janus->next_alive + 1) % janus->count;
        janus->alive_due_us += KEEP_ALIVE_US / (int64_t)janus->count;
    }
}

/* Frames until every viewer has decrypted some. */
static void wait_media(struct fanout_janus *janus)
{
    size_t watching = 0;
    for (int ms = 0; watching < janus->count; ms += 50) {
        if (ms >= CONNECT_MS) {
            bench_fail("%zu of %zu viewers of Janus see anything", watching, janus->count);
        }
        send_frame(janus, 1);
        bench_sleep_ms(50);
        viewer_turn(janus, &janus->publisher);
        watching = 0;
        for (size_t i = 0; i < janus->count; i++) {
            viewer_turn(janus, &janus->viewers[i]);
            watching += janus->viewers[i].received > 0;
        }
    }
}

/* ---- Life ------------------------------------------------------------------------------------ */

static void start_sink(struct fanout_janus *janus)
{
    int *fds = mem_array(janus->count, sizeof(*fds));
    for (size_t i = 0; i < janus->count; i++) {
        fds[i] = transport_fd(janus->viewers[i].transport);
    }
    janus->sink = sink_new_of(fds, janus->count);
    free(fds);
    sink_start(janus->sink);
}

struct fanout_janus *fanout_janus_start(unsigned event_loops, size_t receivers, struct fanout *out)
{
    struct fanout_janus *janus = mem_alloc(sizeof(*janus));
    prng_seed(&janus->prng, 1);
    janus->run = janus_run_start(event_loops);
    janus->batch = transport_batch_new();
    janus->viewers = mem_array(receivers, sizeof(*janus->viewers));
    janus->count = receivers;
    rtpsec_stream_init(&janus->stream, SSRC);
    json_int_t feed = publish(janus);
    for (size_t i = 0; i < receivers; i += TOGETHER) {
        size_t end = MIN(i + TOGETHER, receivers);
        for (size_t k = i; k < end; k++) {
            view(janus, &janus->viewers[k], feed);
        }
        wait_connected(janus, &janus->viewers[i], end - i);
        viewer_turn(janus, &janus->publisher);
    }
    wait_media(janus);
    start_sink(janus);
    janus->alive_due_us = bench_now_us();
    *out = (struct fanout){.arg = janus,
                           .pid = janus_run_pid(janus->run),
                           .sink = janus->sink,
                           .receivers = receivers,
                           .pt = janus->viewers[0].pt,
                           .send_frame = send_frame,
                           .keep = keep};
    return janus;
}

void fanout_janus_stop(struct fanout_janus *janus)
{
    sink_stop(janus->sink);
    sink_free(janus->sink);
    for (size_t i = 0; i < janus->count; i++) {
        transport_free(janus->viewers[i].transport);
    }
    transport_free(janus->publisher.transport);
    transport_batch_free(janus->batch);
    janus_run_stop(janus->run);
    free(janus->viewers);
    free(janus);
}
