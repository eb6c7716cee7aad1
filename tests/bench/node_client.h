/* SPDX-License-Identifier: Apache-2.0
 *
 * A client of the node's program: keys and checks of a media_client, with a real socket, and frames
 * as large as those of cameras.
 */
#ifndef TESTS_BENCH_NODE_CLIENT_H
#define TESTS_BENCH_NODE_CLIENT_H

#include "tests/bench/node_run.h"

#define NODE_CLIENT_TEXT 12

struct node_client {
    struct media_client *media; /* points into ufrag and server_ufrag: this struct does not move */
    char ufrag[NODE_CLIENT_TEXT];
    char server_ufrag[NODE_CLIENT_TEXT];
    int fd;                  /* the caller's */
    struct sockaddr_in node; /* the port it speaks to */
};

/* number: another one for each client of the node. */
void node_client_init(struct node_client *client, const struct node_run *run, size_t number,
                      int fd);
void node_client_fini(struct node_client *client);

/* Its transport's number, as random as orchestrators make them: nodes spread reports by it. */
static inline uint64_t node_client_id(size_t number)
{
    return (1 + number) * UINT64_C(0x9e3779b97f4a7c15);
}

void node_client_send(const struct node_client *client, const uint8_t *data, size_t len);
void node_client_check(const struct node_client *client);
void node_client_report(const struct node_client *client); /* an empty receiver report */

/* Takes what waits, requests for key frames among it, and answers checks. */
void node_client_receive(struct node_client *client);

/* Checks until each is answered. */
void node_clients_check(struct node_client *clients, size_t count, struct node_run *run);

/* Where clients are who keep themselves alive in turn; zero but for due_us. */
struct node_client_turns {
    size_t next;
    uint64_t turns; /* of all of them */
    int64_t due_us; /* the next one's; bench_now_us() to begin with */
};

/* Sends what is due: a report of each client every 0.7 seconds and a check every 2.8, as libwebrtc
 * does every 2.5. Call it often. */
void node_clients_keep(struct node_client_turns *turns, const struct node_client *clients,
                       size_t count);

/* The next frame of a source, packets of FANOUT_PACKET bytes. Its RTP timestamp is bench_wall_us()
 * modulo 2^32, whatever the clock's rate should be: nobody plays it. */
void node_client_frame(const struct node_client *client, struct media_source *source,
                       unsigned packets);

#endif
