/* SPDX-License-Identifier: Apache-2.0
 *
 * One participant as the SDKs have it: signalling on /rtc/v1 with the first offer in the join
 * request, a transport, and then either it publishes (add_track, offer), or it receives (answers
 * media_sections_requirement with an offer that has the sections, and asks for a layer with
 * track_setting). It follows a move (a trickled candidate); it does not resume: a closed WebSocket
 * or a `leave` is a failure. No data channels.
 */
#ifndef TESTS_BENCH_LOAD_PARTICIPANT_H
#define TESTS_BENCH_LOAD_PARTICIPANT_H

#include "tests/bench/load/publisher.h"
#include "tests/bench/load/receiver.h"

#define PARTICIPANT_IDENTITY_MAX 64
#define PARTICIPANT_REASON_MAX   300

struct participant_config {
    struct scene *scene;
    struct sockaddr_in server; /* for signalling */
    const char *key;           /* of the API, and its secret */
    const char *secret;
    const char *room;
    char identity[PARTICIPANT_IDENTITY_MAX];
    int publisher;       /* its number, 0 .. SCENE_PUBLISHERS_MAX - 1; -1: it receives */
    bool audio;          /* what it publishes */
    size_t layers;       /* 0: no video */
    int quality;         /* asked for by receivers: livekit.VideoQuality */
    uint32_t tile_width; /* or the size they show the video in; 0: by quality */
    uint32_t tile_height;
    int64_t tick_us;        /* a trickled candidate is checked after up to so long, at random */
    unsigned loss_permille; /* of media packets, each way */
};

struct participant;

struct participant *participant_new(const struct participant_config *config, struct prng *prng);
void participant_free(struct participant *p);

const char *participant_identity(const struct participant *p);

/* Begins to join. */
void participant_join(struct participant *p, int64_t now_us);

/* To be watched as ws_client.h and transport.h say; -1 as long as there is none. */
int participant_ws_fd(const struct participant *p);
int participant_udp_fd(const struct participant *p);

void participant_on_ws(struct participant *p, int64_t now_us);
void participant_on_udp(struct participant *p, int64_t now_us, struct transport_batch *batch);

/* What is due: call it every 10 ms or so, and participant_send often. */
void participant_tick(struct participant *p, int64_t now_us);
void participant_send(struct participant *p, int64_t now_us);

/* Tells the server, once. */
void participant_leave(struct participant *p);

bool participant_publishing(const struct participant *p);
const char *participant_failure(const struct participant *p); /* NULL if there is none */

/* Monotonic; 0: has not happened. */
struct participant_times {
    int64_t began_us;
    int64_t joined_us;    /* the `join` message came */
    int64_t connected_us; /* ICE and DTLS are done */
};
const struct participant_times *participant_times(const struct participant *p);
const struct sockaddr_in *participant_node(const struct participant *p); /* NULL: not there yet */
const struct transport_stats *participant_transport(const struct participant *p);

/* NULL if it is the other kind, or has not got that far. */
struct receiver *participant_receiver(const struct participant *p);
struct publisher *participant_publisher(const struct participant *p);

#endif
