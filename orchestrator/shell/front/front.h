/* SPDX-License-Identifier: Apache-2.0
 *
 * The front's stateful end of a client's transport: DTLS (always the server, RFC 5764) and, inside
 * it, SCTP with data channels (RFC 8831, RFC 8832). Datagrams come from and go to the client's
 * media node through the tunnel; the SRTP keys leave for the node with the handshake's last flight.
 *
 * Shape: no socket, no thread, no loop. One or more inputs, then front_poll() until it returns
 * false, then sleep until front_deadline(). OpenSSL and usrsctp live inside, and each of them reads
 * the real clock in places (style.md §6.4), so now_us must advance as the real clock does. usrsctp
 * is one global per process: several fronts may exist (tests), all fed the same now_us.
 *
 * A transport's life:
 *   opened      front_open(): costs a few hundred bytes, no handshake state yet
 *   handshake   from the first datagram, at most FRONT_HANDSHAKE_US; handshakes_max of them at once
 *   connected   keys are known; the SCTP association begins when the client sends its INIT
 *   failed      FRONT_FAILED was given; everything that arrives is dropped until front_close()
 * front_close() is possible in each state and puts nothing on the wire: a DTLS alert or an SCTP
 * abort would close the client's data channels for good (browsers.md).
 *
 * Nothing is restored: when an orchestrator dies its clients handshake anew with another front,
 * where front_reopen() says which of their channels live on.
 */
#ifndef ORCHESTRATOR_SHELL_FRONT_FRONT_H
#define ORCHESTRATOR_SHELL_FRONT_FRONT_H

#include "common/base/base.h"

#define FRONT_HANDSHAKE_US   TIME_S(30)
#define FRONT_HANDSHAKES_MAX 512 /* default of handshakes_max */
#define FRONT_MESSAGE_IN_MAX                                                                       \
    ((size_t)256 << 10)                      /* a client that sends more loses the transport       \
                                              */
#define FRONT_BUFFERED_MAX ((size_t)4 << 20) /* unacknowledged bytes towards one client */
#define FRONT_LOSSY_BUFFER_MAX                                                                     \
    ((size_t)64 << 10)            /* above it messages of lossy channels are dropped */
#define FRONT_DATAGRAMS_MAX   64  /* in one output */
#define FRONT_CHANNELS_MAX    8   /* of front_reopen() and front_offer() */
#define FRONT_LABEL_MAX       256 /* bytes of a channel's label, NUL included */
#define FRONT_FINGERPRINT_MAX 96  /* "AA:BB:..." of SHA-256, NUL included */
#define FRONT_KEY_MAX         44  /* AES-256-GCM: 32 bytes of key, 12 of salt */

struct front;

struct front_config {
    const struct log_sink *log; /* borrowed, outlives the front; NULL: silent */
    uint32_t handshakes_max;    /* in progress at once, 0: FRONT_HANDSHAKES_MAX */
};

/* Makes the certificate (self-signed ECDSA P-256, random serial, in memory only). ERR_CRYPTO when
 * OpenSSL cannot. */
int front_new(struct front **out, const struct front_config *config) MUST_CHECK;

/* Closes every transport, silently. */
void front_free(struct front *front);

/* SHA-256 of the certificate in SDP's form ("AA:BB:..."), for a=fingerprint:sha-256. Lives as long
 * as the front. Every answer says a=setup:passive beside it. */
const char *front_fingerprint(const struct front *front);

/* ---- Transports ----------------------------------------------------------------------------- */

/* What the client's SDP says in a=fingerprint. sha-256, sha-384 and sha-512 are taken (RFC 8122
 * demands no more of us, and weaker ones would be an invitation). */
struct front_fingerprint {
    const char *hash;  /* "sha-256", in any case */
    const char *value; /* "AB:CD:...", in any case */
};

/* transport: the cluster-wide id of control.proto. ERR_EXISTS: open already; ERR_UNSUPPORTED: hash
 * not taken; ERR_INVALID: malformed value. A client whose certificate does not match gets a
 * bad_certificate alert and FRONT_FAILED, before any key exists. */
int front_open(struct front *front, uint64_t transport,
               const struct front_fingerprint *expected) MUST_CHECK;

/* The same for a client whose peer connection had another front, where these channels were open:
 * its association there is replaced as soon as DTLS is through, and FRONT_CHANNEL_OPEN follows for
 * each. ERR_INVALID also for more than FRONT_CHANNELS_MAX channels. Labels are copied. */
struct front_channel {
    uint16_t stream;   /* from the DCEP message: its order means nothing (browsers.md) */
    const char *label; /* UTF-8, NUL-terminated; a label with a NUL inside is refused */
    bool ordered;
    bool reliable; /* false: limited retransmissions or lifetime */
};
int front_reopen(struct front *front, uint64_t transport, const struct front_fingerprint *expected,
                 const struct front_channel *channels, size_t count) MUST_CHECK;

/* As front_open(), for a client that waits for us to open these channels (odd streams, see
 * orch_sctp_offer()): FRONT_CHANNEL_OPEN follows for each, once its association is up. */
int front_offer(struct front *front, uint64_t transport, const struct front_fingerprint *expected,
                const struct front_channel *channels, size_t count) MUST_CHECK;

/* Forgets it without a word on the wire, its queued outputs included. Unknown ids are ignored. */
void front_close(struct front *front, uint64_t transport);

/* ---- Inputs --------------------------------------------------------------------------------- */

/* One datagram of the client (first byte 20..63). Dropped and counted: unknown or failed transport,
 * handshakes_max reached (the client sends again by itself), whatever DTLS or SCTP refuse. */
void front_datagram(struct front *front, int64_t now_us, uint64_t transport, struct bytes datagram);

/* Call when now_us >= front_deadline(); calling it more often does no harm. */
void front_expire(struct front *front, int64_t now_us);

/* TIME_NEVER when nothing waits. With an SCTP association alive it is at most 10 ms away, since
 * usrsctp does not tell when its next timer fires. */
int64_t front_deadline(const struct front *front);

struct front_message {
    uint16_t stream; /* of FRONT_CHANNEL_OPEN, or front_stream() */
    bool binary;     /* else UTF-8 text; a browser hands them over as different types */
    struct bytes data;
};

/* Ordered and reliable as the client opened the channel. The message is copied.
 * ERR_NOT_FOUND: no such transport, or no such channel open on it.
 * ERR_TOO_BIG: larger than FRONT_MESSAGE_IN_MAX (clients take no more either).
 * ERR_FULL: a reliable channel with FRONT_BUFFERED_MAX waiting; FRONT_DRAINED tells when half of it
 *   has gone. The message was not taken: hold it, drop it, or give the client up.
 * ERR_FULL also for a channel that may lose messages and finds FRONT_LOSSY_BUFFER_MAX waiting: the
 *   message is lost, as these are, and counted in messages_lossy_dropped; no FRONT_DRAINED follows.
 */
int front_send(struct front *front, int64_t now_us, uint64_t transport,
               const struct front_message *message) MUST_CHECK;

/* The stream of an open channel by its label (the lowest where a client uses one twice), or
 * ERR_NOT_FOUND. */
int front_stream(const struct front *front, uint64_t transport, const char *label) MUST_CHECK;

/* Bytes given to front_send() that the client has not acknowledged; 0 for an unknown transport. */
size_t front_buffered(const struct front *front, uint64_t transport);

/* ---- Outputs -------------------------------------------------------------------------------- */

enum front_suite { /* the numbers of control.proto's SrtpKeys.Suite */
                   FRONT_SUITE_NONE = 0,
                   FRONT_AES_128_GCM = 1,
                   FRONT_AES_256_GCM = 2,
                   FRONT_AES_128_CM_SHA1_80 = 3,
};

/* key then salt of each direction, in the order RFC 5764 §4.2 exports them. Secret: never logged.
 */
struct front_keys {
    enum front_suite suite;
    uint8_t len;                       /* 28, 44 or 30 by suite */
    uint8_t client_key[FRONT_KEY_MAX]; /* what the client encrypts with */
    uint8_t server_key[FRONT_KEY_MAX]; /* what the node encrypts with */
};

enum front_failure {
    FRONT_FAILURE_NONE,
    FRONT_FAILURE_FINGERPRINT, /* the client's certificate is not the one its SDP announced */
    FRONT_FAILURE_HANDSHAKE,   /* DTLS could not agree, or the client sent a fatal alert */
    FRONT_FAILURE_TIMEOUT,     /* not done within FRONT_HANDSHAKE_US */
    FRONT_FAILURE_NO_SRTP,     /* no common SRTP profile */
    FRONT_FAILURE_PEER_CLOSED, /* the client ended DTLS or SCTP: its PeerConnection is gone */
    FRONT_FAILURE_SCTP,        /* minutes without an acknowledgement; media keys are still good */
    FRONT_FAILURE_MESSAGE_TOO_BIG, /* larger than FRONT_MESSAGE_IN_MAX */
    FRONT_FAILURES                 /* how many there are */
};

/* "fingerprint mismatch", ...: for logs and metrics. */
const char *front_failure_text(enum front_failure failure);

enum front_out_kind {
    /* To the client, through its node: what one TunnelFrame carries. `keys` is set with the
     * handshake's last flight, and again with every output until the client showed that it has
     * that flight (its first application data): so a node never sees the flight without the keys,
     * and losing the frame loses both, which the client's retransmission repairs. */
    FRONT_DATAGRAMS,
    FRONT_CONNECTED,      /* `keys` again, for the owner's session. After the FRONT_DATAGRAMS. */
    FRONT_CHANNEL_OPEN,   /* the client's was answered, or of front_reopen() or _offer() */
    FRONT_MESSAGE,        /* `channel` (stream and label) and `message` */
    FRONT_CHANNEL_CLOSED, /* the client closed it, or began a new association; `channel` */
    FRONT_DRAINED,        /* after ERR_FULL of a reliable channel: half of the buffer is free */
    FRONT_FAILED,         /* `failure`; the last output of this transport but for an alert before */
};

struct front_out {
    enum front_out_kind kind;
    uint64_t transport;
    const struct bytes *datagrams; /* FRONT_DATAGRAMS: 1..FRONT_DATAGRAMS_MAX of them */
    size_t datagram_count;
    const struct front_keys *keys; /* FRONT_DATAGRAMS: or NULL; FRONT_CONNECTED */
    struct front_channel channel;
    struct front_message message;
    enum front_failure failure;
};

/* False when drained. What *out points at is valid until the next front_poll(), front_datagram(),
 * front_expire() or front_close(): a message may be handed on with front_send() as it is. */
bool front_poll(struct front *front, struct front_out *out);

/* ---- Watching ------------------------------------------------------------------------------- */

/* Counters only rise; gauges are named so. */
struct front_stats {
    uint32_t transports;   /* gauge: open, in whatever state */
    uint32_t handshakes;   /* gauge: in progress */
    uint32_t associations; /* gauge: with SCTP state */
    uint64_t handshakes_started;
    uint64_t handshakes_done;
    uint64_t failures[FRONT_FAILURES];
    uint64_t dropped_unknown;   /* datagrams for a transport that is not open */
    uint64_t dropped_failed;    /* for a failed one */
    uint64_t dropped_flood;     /* first datagrams while handshakes_max were in progress */
    uint64_t dropped_malformed; /* neither a DTLS record nor a data channel message */
    uint64_t dropped_output;    /* datagrams beyond a queue's bound */
    uint64_t messages_in;
    uint64_t messages_out;
    uint64_t messages_lossy_dropped; /* not sent, see front_send() */
    uint64_t messages_stray;         /* on a stream without an open channel */
    uint64_t channels_refused;       /* too many, or with a label we do not take */
};
void front_stats(const struct front *front, struct front_stats *out);

#endif
