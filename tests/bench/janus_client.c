/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/bench/janus_client.h"

#include "tests/bench/bench.h"
#include "tests/bench/fanout.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#define TICKS      180 /* of the RTP clock a packet; nobody looks */
#define TURN_US    TIME_MS(700)
#define REPORT_LEN 8

/* ---- Transports ------------------------------------------------------------------------------ */

static void on_rtp(void *arg, const struct rtp_view *packet, int64_t arrival_us)
{
    struct janus_client *client = arg;
    (void)arrival_us;
    client->pt = packet->pt;
    client->received++;
}

static void on_rtcp(void *arg, const uint8_t *data, size_t len, int64_t arrival_us)
{
    (void)arg;
    (void)data;
    (void)len;
    (void)arrival_us;
}

static void client_init(struct janus_clients *clients, struct janus_client *client)
{
    const struct transport_handler handler = {.arg = client, .on_rtp = on_rtp, .on_rtcp = on_rtcp};
    client->transport = transport_new(&handler, 0, &clients->prng);
    client->handle = janus_run_attach(clients->run);
}

void janus_client_fini(struct janus_client *client)
{
    transport_free(client->transport);
}

void janus_client_turn(struct janus_clients *clients, struct janus_client *client)
{
    int64_t now_us = bench_now_us();
    transport_receive(client->transport, now_us, clients->batch);
    transport_tick(client->transport, now_us);
    if (transport_failure(client->transport) != NULL) {
        bench_fail("a client of Janus: %s", transport_failure(client->transport));
    }
}

/* Checks Janus's address and tells it ours, which is on the same machine. */
static void client_open(struct janus_clients *clients, struct janus_client *client, const char *sdp)
{
    struct answer answer;
    struct sockaddr_in own;
    socklen_t len = sizeof(own);
    char ip[INET_ADDRSTRLEN];
    char candidate[128];
    if (answer_read(&answer, sdp) != 0) {
        bench_fail("Janus offers no address: it takes none of loopback");
    }
    if (transport_open(client->transport, bench_now_us(), &answer) != 0 ||
        getsockname(transport_fd(client->transport), (struct sockaddr *)&own, &len) != 0) {
        bench_fail("no socket for a client");
    }
    inet_ntop(AF_INET, &answer.candidates[0].addr.sin_addr, ip, sizeof(ip));
    snprintf(candidate, sizeof(candidate), "candidate:1 1 udp 2130706431 %s %u typ host", ip,
             ntohs(own.sin_port));
    janus_run_trickle(clients->run, client->handle, candidate);
}

void janus_clients_wait(struct janus_clients *clients, struct janus_client *list, size_t count)
{
    size_t connected = 0;
    for (int ms = 0; connected < count; ms++) {
        if (ms == JANUS_CLIENT_WAIT_MS) {
            bench_fail("Janus does not connect: %zu of %zu clients", connected, count);
        }
        connected = 0;
        for (size_t i = 0; i < count; i++) {
            janus_client_turn(clients, &list[i]);
            connected += transport_connected(list[i].transport);
        }
        bench_sleep_ms(1);
    }
}

struct sink *janus_clients_sink(const struct janus_client *list, size_t count)
{
    int *fds = mem_array(count, sizeof(*fds));
    for (size_t i = 0; i < count; i++) {
        fds[i] = transport_fd(list[i].transport);
    }
    struct sink *sink = sink_new_of(fds, count);
    free(fds);
    sink_start(sink);
    return sink;
}

static void send_report(const struct janus_client *client)
{
    uint8_t report[REPORT_LEN] = {0x80, 201, 0, 1, 0, 0, 0, 1}; /* an empty RR (RFC 3550 §6.4.2) */
    transport_send_rtcp(client->transport, (struct bytes){report, sizeof(report)});
}

void janus_clients_keep(struct janus_client_turns *turns, const struct janus_client *list,
                        size_t count)
{
    for (; turns->due_us <= bench_now_us(); turns->due_us += TURN_US / (int64_t)count) {
        transport_tick(list[turns->next].transport, bench_now_us());
        send_report(&list[turns->next]);
        turns->next = (turns->next + 1) % count;
    }
}

/* ---- Descriptions ---------------------------------------------------------------------------- */

static bool starts(const char *line, const char *with)
{
    return strncmp(line, with, strlen(with)) == 0;
}

/* A description with this client's parameters in place of whose it was: Janus's offer becomes the
 * answer of somebody who takes everything in it, our own offer says who begins the handshake. */
static char *describe(const char *sdp, const struct janus_client *client)
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
                    transport_ufrag(client->transport), transport_fingerprint(client->transport));
        } else if (starts(line, "a=ice-pwd:")) {
            fprintf(file, "a=ice-pwd:%s\r\n", transport_pwd(client->transport));
        } else if (starts(line, "a=setup:")) {
            fputs("a=setup:active\r\n", file);
        } else if (starts(line, "a=sendonly") && client->views) {
            fputs("a=recvonly\r\n", file);
        } else if (!skip) {
            fwrite(line, 1, n, file);
        }
        line += n;
    }
    fclose(file);
    return out;
}

static char *offer_of(const struct janus_client *client, size_t layers)
{
    const struct offer_section section = {.video = true, .layers = layers, .cid = "video"};
    const struct offer offer = {.ufrag = transport_ufrag(client->transport),
                                .pwd = transport_pwd(client->transport),
                                .fingerprint = transport_fingerprint(client->transport),
                                .sections = &section,
                                .section_count = 1,
                                .version = 1};
    char *written = offer_write(&offer);
    char *sdp = describe(written, client);
    free(written);
    return sdp;
}

/* ---- The room -------------------------------------------------------------------------------- */

json_int_t janus_client_publish(struct janus_clients *clients, struct janus_client *client,
                                size_t layers)
{
    client_init(clients, client);
    json_t *join = json_pack("{s:s, s:s, s:i}", "request", "joinandconfigure", "ptype", "publisher",
                             "room", JANUS_CLIENT_ROOM);
    char *offer = offer_of(client, layers);
    json_t *said = janus_run_ask(clients->run, client->handle, join, "offer", offer);
    free(offer);
    const json_t *data = json_object_get(json_object_get(said, "plugindata"), "data");
    json_int_t id = json_integer_value(json_object_get(data, "id"));
    client_open(clients, client, janus_run_sdp(said));
    json_decref(said);
    janus_clients_wait(clients, client, 1);
    return id;
}

void janus_client_view(struct janus_clients *clients, struct janus_client *client,
                       const json_int_t *feeds, size_t count, int substream)
{
    client->views = true;
    client_init(clients, client);
    json_t *streams = json_array();
    for (size_t i = 0; i < count; i++) {
        json_array_append_new(streams,
                              json_pack("{s:I, s:i}", "feed", feeds[i], "substream", substream));
    }
    json_t *join = json_pack("{s:s, s:s, s:i, s:o}", "request", "join", "ptype", "subscriber",
                             "room", JANUS_CLIENT_ROOM, "streams", streams);
    json_t *said = janus_run_ask(clients->run, client->handle, join, NULL, NULL);
    if (strstr(janus_run_sdp(said), "a=sendonly") == NULL) {
        bench_fail("Janus offers a viewer nothing");
    }
    char *answer = describe(janus_run_sdp(said), client);
    json_t *start = json_pack("{s:s}", "request", "start");
    json_decref(janus_run_ask(clients->run, client->handle, start, "answer", answer));
    free(answer);
    client_open(clients, client, janus_run_sdp(said));
    json_decref(said);
}

/* ---- Media ----------------------------------------------------------------------------------- */

void janus_source_init(struct janus_source *source, uint32_t ssrc, const char *rid)
{
    *source = (struct janus_source){.rid = rid, .ssrc = ssrc, .key = true};
    rtpsec_stream_init(&source->stream, ssrc);
}

static void send_packet(struct janus_source *source, const struct janus_client *client, bool first,
                        bool last)
{
    uint8_t payload[FANOUT_PACKET];
    uint8_t scratch[RTP_HEADER_OUT_MAX];
    struct rtp_header_out where;
    struct rtp_header header = {.ts = source->ts,
                                .ssrc = source->ssrc,
                                .seq = source->seq++,
                                .pt = OFFER_VP8,
                                .marker = last};
    header.exts.value[RTP_EXT_MID] = (struct bytes){(const uint8_t *)"0", 1};
    if (source->rid[0] != '\0') {
        header.exts.value[RTP_EXT_RID] =
            (struct bytes){(const uint8_t *)source->rid, strlen(source->rid)};
    }
    if (rtp_header_write(scratch, &header, &offer_exts, &where) != 0) {
        bench_fail("no RTP header");
    }
    size_t size = FANOUT_PACKET - where.len;
    fanout_payload(payload, size, first, source->key, source->picture);
    transport_send_rtp(client->transport, &source->stream, &header, (struct bytes){payload, size});
}

void janus_source_frame(struct janus_source *source, const struct janus_client *client,
                        unsigned packets)
{
    int fd = transport_fd(client->transport);
    assert(packets <= BENCH_HELD);
    bench_hold(fd, FANOUT_PACKET + RTPSEC_RTP_OVERHEAD);
    for (unsigned i = 0; i < packets; i++) {
        send_packet(source, client, i == 0, i + 1 == packets);
    }
    bench_release(fd);
    source->key = false;
    source->picture = (source->picture + 1) & 0x7fff;
    source->ts += TICKS * packets;
}

/* ---- Life ------------------------------------------------------------------------------------ */

void janus_clients_init(struct janus_clients *clients, unsigned event_loops, size_t publishers)
{
    *clients =
        (struct janus_clients){.run = janus_run_start(event_loops), .batch = transport_batch_new()};
    prng_seed(&clients->prng, 1);
    json_t *room = json_pack("{s:s, s:i, s:i, s:s}", "request", "create", "room", JANUS_CLIENT_ROOM,
                             "publishers", (int)publishers, "videocodec", "vp8");
    json_int_t handle = janus_run_attach(clients->run);
    json_decref(janus_run_ask(clients->run, handle, room, NULL, NULL));
}

void janus_clients_fini(struct janus_clients *clients)
{
    transport_batch_free(clients->batch);
    janus_run_stop(clients->run);
}
