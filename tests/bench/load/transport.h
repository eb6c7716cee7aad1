/* SPDX-License-Identifier: Apache-2.0
 *
 * One participant's transport: ICE as a controlling client with one UDP socket (RFC 8445: the pair
 * of the highest priority that answers is nominated and used, so a candidate with a higher one
 * moves it; consent by RFC 7675), DTLS as its client, SRTP both ways with AEAD_AES_128_GCM.
 * What fails, fails for good, with a reason.
 */
#ifndef TESTS_BENCH_LOAD_TRANSPORT_H
#define TESTS_BENCH_LOAD_TRANSPORT_H

#include "media-node/core/srtp/srtp.h"
#include "tests/bench/load/offer.h"

#define TRANSPORT_REASON_MAX 128

struct transport;

/* What is received; the bytes are valid during the call. arrival_us: when the kernel had it, of
 * CLOCK_MONOTONIC. */
struct transport_handler {
    void *arg;
    void (*on_rtp)(void *arg, const struct rtp_view *packet, int64_t arrival_us);
    void (*on_rtcp)(void *arg, const uint8_t *data, size_t len, int64_t arrival_us);
};

/* Memory to receive into, shared by all transports of a thread. */
struct transport_batch *transport_batch_new(void);
void transport_batch_free(struct transport_batch *batch);

/* ICE parameters and a certificate of its own; no socket yet. prng is used during the call. Of
 * SRTP, loss_permille of the datagrams are lost by chance, each way. */
struct transport *transport_new(const struct transport_handler *handler, unsigned loss_permille,
                                struct prng *prng);
void transport_free(struct transport *transport);

const char *transport_ufrag(const struct transport *transport);
const char *transport_pwd(const struct transport *transport);
const char *transport_fingerprint(const struct transport *transport);

/* Opens the socket and begins to check the answer's candidates. ERR_IO. */
MUST_CHECK int transport_open(struct transport *transport, int64_t now_us,
                              const struct answer *answer);
int transport_fd(const struct transport *transport); /* -1 before */

/* One that came later, checked from check_us on; of more than a handful the oldest that is not in
 * use is forgotten. */
void transport_add_candidate(struct transport *transport, int64_t check_us,
                             const struct answer_candidate *candidate);

/* Reads what has come, up to a few hundred datagrams. Call it when the socket is readable. */
void transport_receive(struct transport *transport, int64_t now_us, struct transport_batch *batch);

/* Checks and repetitions that are due. Call it every 10 ms or so. */
void transport_tick(struct transport *transport, int64_t now_us);

bool transport_connected(const struct transport *transport);      /* SRTP may be sent */
const char *transport_failure(const struct transport *transport); /* NULL if there is none */

/* Protects and sends; before it is connected, or when the socket is full, the packet is dropped and
 * counted. The header is that of offer_exts; its transport-cc number is filled in. */
void transport_send_rtp(struct transport *transport, struct rtpsec_stream *stream,
                        const struct rtp_header *header, struct bytes payload);
/* A compound of up to RTCP_OUT_MAX bytes. */
void transport_send_rtcp(struct transport *transport, struct bytes compound);

/* The node's address in use; NULL: none yet. */
const struct sockaddr_in *transport_remote(const struct transport *transport);

struct transport_stats {
    uint64_t rejected; /* datagrams that did not authenticate or parse */
    uint64_t replayed; /* SRTP that was received before */
    uint64_t unsent;
    uint64_t moves;   /* to another remote address, after the first */
    int64_t moved_us; /* the last time */
};
const struct transport_stats *transport_stats(const struct transport *transport);

#endif
