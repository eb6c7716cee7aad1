/* SPDX-License-Identifier: Apache-2.0
 *
 * STUN binding messages as ICE uses them (RFC 8489, RFC 8445 §16.1), RFC 4571 frames for ICE-TCP,
 * and the sorting of a datagram by its first byte (RFC 7983). Pure functions; messages are parsed
 * into borrowed views and built into the caller's buffer. Left out: every method but Binding,
 * long-term credentials, MESSAGE-INTEGRITY-SHA256 and the RFC 3489 form without the magic cookie.
 */
#ifndef MEDIA_NODE_CORE_STUN_STUN_H
#define MEDIA_NODE_CORE_STUN_STUN_H

#include "common/base/base.h"
#include "common/net/net.h"

#define STUN_HEADER_LEN      20
#define STUN_TRANSACTION_LEN 12
#define STUN_USERNAME_MAX    513  /* RFC 8489 §14.3 */
#define STUN_PARSE_MAX       1500 /* longer messages are refused */
#define STUN_BUILD_MAX       640  /* no message built here is longer */
#define STUN_UNKNOWN_MAX     4    /* unknown attributes remembered for a 420 */

/* ---- Sorting ------------------------------------------------------------------------------- */

enum packet_kind { PACKET_UNKNOWN, PACKET_STUN, PACKET_DTLS, PACKET_RTP, PACKET_RTCP };

/* By the first byte (RFC 7983 §7), RTP and RTCP by the second (RFC 5761 §4). An RTP or RTCP result
 * has at least the 12 or 8 bytes of its fixed header. TURN channels and ZRTP are PACKET_UNKNOWN. */
enum packet_kind stun_classify(const uint8_t *data, size_t len);

/* ---- Reading ------------------------------------------------------------------------------- */

enum stun_class { STUN_REQUEST = 0, STUN_INDICATION = 1, STUN_SUCCESS = 2, STUN_ERROR = 3 };

/* A view into the parsed bytes: valid while they are. */
struct stun_message {
    struct bytes raw;           /* the whole message */
    const uint8_t *transaction; /* STUN_TRANSACTION_LEN bytes */
    struct bytes username;      /* data NULL: absent */
    struct net_addr mapped;     /* XOR-MAPPED-ADDRESS; NET_NONE: absent */
    enum stun_class kind;
    uint32_t priority;    /* 0: absent */
    uint64_t tie_breaker; /* of ICE-CONTROLLING or ICE-CONTROLLED */
    bool use_candidate;
    bool controlling;                   /* ICE-CONTROLLING present */
    bool controlled;                    /* ICE-CONTROLLED present */
    uint16_t error_code;                /* 300..699; 0: absent */
    uint16_t integrity_at;              /* offset of MESSAGE-INTEGRITY; 0: absent */
    uint16_t fingerprint_at;            /* offset of FINGERPRINT; 0: absent */
    uint16_t unknown[STUN_UNKNOWN_MAX]; /* comprehension-required, not understood */
    uint8_t unknown_count;
};

/* Checks structure only, not integrity or fingerprint. Attributes behind MESSAGE-INTEGRITY other
 * than FINGERPRINT are ignored, as are repeated ones (RFC 8489 §14). ERR_TRUNCATED, ERR_TOO_BIG,
 * ERR_INVALID, or ERR_UNSUPPORTED for a method that is not Binding. */
MUST_CHECK int stun_parse(struct stun_message *out, const uint8_t *data, size_t len);

/* The part of username before the colon: in a request to us, our own ufrag. ERR_NOT_FOUND if there
 * is no username or no colon in it. */
MUST_CHECK int stun_local_ufrag(const struct stun_message *message, struct bytes *out);

/* 0, ERR_NOT_FOUND (no such attribute), or ERR_AUTH (HMAC-SHA1 under pwd differs). */
MUST_CHECK int stun_check_integrity(const struct stun_message *message, const char *pwd);

/* 0, ERR_NOT_FOUND, or ERR_INVALID. */
MUST_CHECK int stun_check_fingerprint(const struct stun_message *message);

/* ---- Building ------------------------------------------------------------------------------
 * Each writes to out, which holds STUN_BUILD_MAX bytes, and returns the length: they cannot fail.
 * All end in FINGERPRINT; a pwd that is not NULL puts MESSAGE-INTEGRITY before it. */

size_t stun_build_success(uint8_t *out, const uint8_t transaction[STUN_TRANSACTION_LEN],
                          const struct net_addr *mapped, const char *pwd);

enum stun_error_code {
    STUN_BAD_REQUEST = 400,
    STUN_UNAUTHENTICATED = 401,
    STUN_UNKNOWN_ATTRIBUTE = 420,
    STUN_ROLE_CONFLICT = 487
};

/* The answer to request; 420 lists its unknown attributes. 400 and 401 carry no integrity: pass
 * NULL (RFC 8489 §9.1.3). */
size_t stun_build_error(uint8_t *out, const struct stun_message *request, enum stun_error_code code,
                        const char *pwd);

/* A connectivity check of ours, always in the controlled role. */
struct stun_check {
    const uint8_t *transaction; /* STUN_TRANSACTION_LEN bytes */
    const char *remote_ufrag;   /* USERNAME is remote_ufrag:local_ufrag, each up to 256 bytes */
    const char *local_ufrag;
    const char *remote_pwd;
    uint64_t tie_breaker;
    uint32_t priority;
};
size_t stun_build_request(uint8_t *out, const struct stun_check *check);

/* ---- RFC 4571 frames -----------------------------------------------------------------------
 * ICE-TCP puts a 16-bit length before each packet. To send: be16_put the length, then the packet.
 */

#define STUN_FRAME_HEADER 2
#define STUN_FRAME_MAX    2048 /* longer frames end the connection */

/* One per TCP connection; all zero is its initial state. */
struct stun_framer {
    uint8_t data[STUN_FRAME_HEADER + STUN_FRAME_MAX];
    uint16_t len;  /* bytes in data */
    bool complete; /* data holds a frame that was handed out */
};

/* Takes bytes from *input, which shrinks. Returns 1 with *frame set (its bytes belong to the
 * framer, may be changed in place, and live until the next call), 0 when input is used up, or
 * ERR_TOO_BIG: close the connection. Frames of length 0 are skipped (RFC 4571 §2 allows them). */
MUST_CHECK int stun_framer_next(struct stun_framer *framer, struct bytes *input, uint8_t **frame,
                                size_t *frame_len);

#endif
