/* SPDX-License-Identifier: Apache-2.0
 *
 * One end of SCTP in short (RFC 9260): what the other one says arrives once and in order, over
 * datagrams that may be lost or overtaken, as long as both ends have the same association. With
 * the next one they have nothing in common: what was not acknowledged is gone.
 */
#ifndef TESTS_SIM_ASSOC_ASSOC_H
#define TESTS_SIM_ASSOC_ASSOC_H

#include "common/base/base.h"

#define ASSOC_FIRST_BYTE 23           /* of its datagrams: application data of DTLS */
#define ASSOC_TICK_US    TIME_MS(100) /* assoc_tick() is called so often */

struct assoc_message;

/* Zero-initialised it is none. */
struct assoc {
    uint32_t tag;      /* of both ends, 0: none. Packets with another one are of another one */
    uint32_t said;     /* messages, as the rest */
    uint32_t acked;    /* of these */
    uint32_t received; /* of the other end's */
    bool owes;         /* an acknowledgement */
    struct assoc_message *unacked; /* the oldest first */
    struct assoc_message *early;   /* of the other end's, which wait for one before */
};

/* How it sends, and what it was told. */
struct assoc_handler {
    void (*send)(void *arg, struct bytes datagram);
    void (*told)(void *arg, struct bytes message);
    void *arg;
};

void assoc_begin(struct assoc *assoc, uint32_t tag);
/* Its counters can be read still. */
void assoc_end(struct assoc *assoc);

void assoc_say(struct assoc *assoc, int64_t now_us, struct bytes message,
               const struct assoc_handler *handler);
void assoc_receive(struct assoc *assoc, struct bytes datagram, const struct assoc_handler *handler);
void assoc_tick(struct assoc *assoc, int64_t now_us, const struct assoc_handler *handler);

#endif
