/* SPDX-License-Identifier: Apache-2.0
 *
 * The wire format of the Data Channel Establishment Protocol (RFC 8832 §5, §8.2).
 */
#ifndef ORCHESTRATOR_SHELL_SCTP_DCEP_H
#define ORCHESTRATOR_SHELL_SCTP_DCEP_H

#include "orchestrator/shell/sctp/sctp.h"

#define DCEP_OPEN_SIZE 12 /* bytes before the label */
#define DCEP_OPEN_MAX  (DCEP_OPEN_SIZE + ORCH_SCTP_LABEL_MAX)

/* Payload protocol identifiers of RFC 8831 §8, in host order. */
enum {
    DCEP_PPID = 50,
    PPID_TEXT = 51,
    PPID_BINARY = 53,
    PPID_TEXT_EMPTY = 56, /* SCTP has no empty messages: one byte goes along, to be ignored */
    PPID_BINARY_EMPTY = 57,
};

enum dcep_type { DCEP_ACK = 2, DCEP_OPEN = 3 };

struct dcep_open { /* borrowed from the message */
    bool ordered;
    enum orch_sctp_reliability reliability;
    uint32_t limit;
    uint16_t priority;
    struct bytes label;
    struct bytes protocol;
};

/* The type of a message: DCEP_ACK, DCEP_OPEN, or ERR_INVALID. */
int dcep_type(struct bytes message) MUST_CHECK;

/* ERR_TRUNCATED: shorter than its lengths say; ERR_INVALID: not an OPEN, or an unknown channel
 * type. Bytes behind the protocol are ignored. */
int dcep_parse_open(struct dcep_open *out, struct bytes message) MUST_CHECK;

/* Returns the length. The label is shorter than ORCH_SCTP_LABEL_MAX; there is no protocol. */
size_t dcep_write_open(uint8_t out[DCEP_OPEN_MAX], const struct orch_sctp_channel *channel);

#endif
