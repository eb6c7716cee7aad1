/* SPDX-License-Identifier: Apache-2.0
 *
 * A client of Janus's videoroom: a handle, and a transport by real ICE, DTLS and SRTP (AES-128-GCM,
 * the cheaper suite of Debian's libsrtp2).
 */
#ifndef TESTS_BENCH_JANUS_CLIENT_H
#define TESTS_BENCH_JANUS_CLIENT_H

#include "tests/bench/janus_run.h"
#include "tests/bench/load/transport.h"
#include "tests/bench/sink.h"

#define JANUS_CLIENT_ROOM    1234
#define JANUS_CLIENT_WAIT_MS 12000 /* for clients to connect, and for media to flow */

struct janus_client {
    struct transport *transport;
    json_int_t handle;
    bool views;      /* takes what Janus offers */
    uint8_t pt;      /* of what it got last */
    size_t received; /* decrypted packets, until a sink has the socket */
};

/* What clients of one run share. */
struct janus_clients {
    struct janus_run *run;
    struct prng prng;
    struct transport_batch *batch;
};

/* event_loops: as janus_run_start(). Opens the room for so many publishers. */
void janus_clients_init(struct janus_clients *clients, unsigned event_loops, size_t publishers);
void janus_clients_fini(struct janus_clients *clients);

/* Publishes VP8 in so many layers and waits until it is connected. Returns what viewers name it by.
 */
json_int_t janus_client_publish(struct janus_clients *clients, struct janus_client *client,
                                size_t layers);

/* Views feeds; of simulcast the layer of that number, 0 the lowest. Not connected yet. */
#define JANUS_CLIENT_BEST 2
void janus_client_view(struct janus_clients *clients, struct janus_client *client,
                       const json_int_t *feeds, size_t count, int substream);
void janus_client_fini(struct janus_client *client);

void janus_clients_wait(struct janus_clients *clients, struct janus_client *list, size_t count);

/* The sockets of connected clients, from here on emptied by a sink that runs. */
struct sink *janus_clients_sink(const struct janus_client *list, size_t count);

/* Reads and repeats what is due. What fails ends the bench. */
void janus_client_turn(struct janus_clients *clients, struct janus_client *client);

/* Where clients are who keep themselves alive in turn. */
struct janus_client_turns {
    size_t next;
    int64_t due_us; /* the next one's; bench_now_us() to begin with */
};

/* Sends what is due: an empty receiver report of each client every 0.7 seconds, and a check every
 * 2.8 for its first half minute: answers to those are not read, for a sink has the sockets. */
void janus_clients_keep(struct janus_client_turns *turns, const struct janus_client *list,
                        size_t count);

/* A packet of FANOUT_PACKET bytes of a VP8 frame. */
struct janus_source {
    struct rtpsec_stream stream;
    const char *rid; /* "": no simulcast */
    uint32_t ssrc;
    uint16_t seq;
    uint16_t picture;
    uint32_t ts;
    bool key; /* the next frame is a key frame */
};
void janus_source_init(struct janus_source *source, uint32_t ssrc, const char *rid);
void janus_source_frame(struct janus_source *source, const struct janus_client *client,
                        unsigned packets);

#endif
