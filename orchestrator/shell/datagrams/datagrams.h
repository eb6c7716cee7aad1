/* SPDX-License-Identifier: Apache-2.0
 *
 * A short queue of datagrams between two machines of the front: what DTLS wants on the wire, what
 * it decrypted, what SCTP wants encrypted. An empty queue owns no memory, for a thousand
 * participants are idle most of the time.
 *
 * Bound: DATAGRAMS_MAX. Policy when full: the new one is refused and the caller counts it, since
 * whatever is in here may be lost on the way anyhow and is repaired by the protocol above.
 */
#ifndef ORCHESTRATOR_SHELL_DATAGRAMS_DATAGRAMS_H
#define ORCHESTRATOR_SHELL_DATAGRAMS_DATAGRAMS_H

#include "common/base/base.h"

#define DATAGRAMS_MAX 64

struct datagrams {  /* all zero: empty */
    uint8_t *bytes; /* of each datagram its length (16 bits, host order) and its bytes */
    size_t used;
    size_t capacity;
    size_t count;
};

/* Copies the datagram. False: DATAGRAMS_MAX are waiting, or it is larger than 65,535 bytes. */
bool datagrams_push(struct datagrams *queue, struct bytes datagram) MUST_CHECK;

/* Shows all of them, the oldest first, and returns their count. Valid until push or clear. */
size_t datagrams_view(const struct datagrams *queue, struct bytes out[DATAGRAMS_MAX]);

/* Empties it and gives its memory back. */
void datagrams_clear(struct datagrams *queue);

#endif
