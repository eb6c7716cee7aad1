/* SPDX-License-Identifier: Apache-2.0
 *
 * The ICE-lite agent of one transport (RFC 8445 §2.5), always controlled, without sockets or
 * clocks: one input, then ice_poll until false, then wait for ice_deadline. It answers the client's
 * checks, knows which paths are authenticated and which one is selected, notices lost consent, and,
 * when the client is moved here, sends checks of its own (moving-a-peer-connection.md).
 *
 * A path is (local endpoint, client's address, protocol). It is known once a check authenticated on
 * it, the client's or ours; only a known path may carry DTLS or media. Selected is the path of the
 * newest of these: a check with USE-CANDIDATE; the first SRTP or SRTCP on the path, or the first
 * after ICE_MEDIA_QUIET without; an answer to our own check while nothing is selected.
 *
 * Consent to send (RFC 7675) is what authenticates: the client's own checks, which a full agent
 * repeats every few seconds on the path it uses, and its answers to ours. Being lite we send none
 * of RFC 7675's. Media is no consent: whoever repeats a client's packets could keep us sending to
 * where it was. A path without consent for ICE_PATH_CONSENT is forgotten; without any for
 * ICE_CONSENT all are.
 */
#ifndef MEDIA_NODE_CORE_ICE_ICE_H
#define MEDIA_NODE_CORE_ICE_ICE_H

#include "common/base/base.h"
#include "common/net/net.h"
#include "media-node/core/stun/stun.h"

#define ICE_PATHS_MAX      8 /* known paths; the least recently used goes, never the selected one */
#define ICE_UFRAG_MAX      256 /* characters (RFC 8839 §5.4) */
#define ICE_PWD_MAX        256
#define ICE_CHECKS_MAX     4 /* own checks under way at a time */
#define ICE_CHECK_SENDS    8 /* a check is given up after so many */
#define ICE_CHECK_INTERVAL TIME_MS(60)
#define ICE_CONSENT        TIME_S(15) /* without STUN while connected: lost */
#define ICE_PATH_CONSENT   TIME_S(30) /* without STUN on one path, while there is some on another */
#define ICE_MEDIA_QUIET    TIME_S(1)

struct ice;

enum ice_protocol { ICE_UDP = 0, ICE_TCP = 1 };

struct ice_path {
    struct net_addr remote;
    uint16_t endpoint; /* index of the local ip:port, the socket owner's */
    uint8_t protocol;  /* enum ice_protocol */
};
bool ice_path_equal(const struct ice_path *a, const struct ice_path *b);

/* Strings are copied. "" where unknown: remote_* before the client's offer is known, previous_*
 * when no ICE restart is under way (RFC 8445 §9). ice_set_credentials may repeat what is set
 * already. */
struct ice_credentials {
    const char *local_ufrag; /* not "" */
    const char *local_pwd;   /* not "" */
    const char *remote_ufrag;
    const char *remote_pwd;
    const char *previous_ufrag;
    const char *previous_pwd;
};
struct ice_config {
    struct ice_credentials credentials;
    struct random_source random; /* transaction ids, tie-breaker; kept */
};

/* ERR_INVALID: a credential too long, or a local one empty. */
MUST_CHECK int ice_new(struct ice **out, const struct ice_config *config);
void ice_free(struct ice *ice);
/* ERR_INVALID, and nothing is changed. Known paths stay: an ICE restart replaces them by use. */
MUST_CHECK int ice_set_credentials(struct ice *ice, const struct ice_credentials *credentials);

/* ---- Input --------------------------------------------------------------------------------- */

/* A message that stun_parse accepted, which arrived on path. Returns 0 if it authenticated, or what
 * was wrong with it (counted; an error response may be in the output): ERR_INVALID, ERR_AUTH,
 * ERR_NOT_FOUND (another ufrag; response to no check of ours), ERR_DENIED (role conflict; the
 * client refused our check), ERR_UNSUPPORTED (indications, unknown attributes). */
int ice_receive(struct ice *ice, int64_t now_us, const struct ice_path *path,
                const struct stun_message *message);

/* SRTP or SRTCP that authenticated arrived on this path. Cheap; call for every packet. A path that
 * is not known changes nothing. */
void ice_media(struct ice *ice, int64_t now_us, const struct ice_path *path);

/* The TCP connection of this path is gone: forget it. */
void ice_path_closed(struct ice *ice, int64_t now_us, const struct ice_path *path);

/* Check this path with that PRIORITY: up to ICE_CHECK_SENDS requests until one is answered. A check
 * under way on the same path is replaced. ERR_STATE while remote credentials are unknown, ERR_FULL
 * beyond ICE_CHECKS_MAX. */
MUST_CHECK int ice_check(struct ice *ice, int64_t now_us, const struct ice_path *path,
                         uint32_t priority);

/* Call when now_us >= ice_deadline. */
void ice_expire(struct ice *ice, int64_t now_us);
int64_t ice_deadline(const struct ice *ice); /* TIME_NEVER if none */

/* ---- Output -------------------------------------------------------------------------------- */

enum ice_out_kind {
    ICE_SEND,          /* data[0..len) to path */
    ICE_PATH_ADDED,    /* path is known now: map its address to this transport */
    ICE_PATH_REMOVED,  /* unmap it (least recently used, connection closed, no consent, or lost) */
    ICE_PATH_SELECTED, /* send media and DTLS to path from now on */
    ICE_ANSWERED,      /* our check on path was answered */
    ICE_UNANSWERED,    /* our check on path was given up */
    ICE_LOST           /* consent expired: nothing is selected or known; a new check starts anew */
};
struct ice_out {
    enum ice_out_kind kind;
    struct ice_path path;
    size_t len;
    uint8_t data[STUN_BUILD_MAX]; /* ICE_SEND */
};

/* False when drained. Every input asserts that the one before was drained. */
bool ice_poll(struct ice *ice, struct ice_out *out);

/* ---- Questions ----------------------------------------------------------------------------- */

bool ice_path_known(const struct ice *ice, const struct ice_path *path);
const struct ice_path *ice_selected(const struct ice *ice); /* NULL: none; until the next input */

/* Time of the last authenticated STUN message, and of the last media; -1: none yet. What the rule
 * "STUN but no media for 1.5 s: the client has left" is made of. */
int64_t ice_last_stun_us(const struct ice *ice);
int64_t ice_last_media_us(const struct ice *ice);

struct ice_counters {
    uint64_t requests;          /* authenticated */
    uint64_t answered;          /* own checks answered */
    uint64_t unanswered;        /* own checks given up */
    uint64_t bad_fingerprint;   /* absent or wrong: dropped */
    uint64_t bad_request;       /* no username or integrity: 400 */
    uint64_t bad_user;          /* not our ufrag: 401 */
    uint64_t bad_integrity;     /* 401 */
    uint64_t unknown_attribute; /* 420 */
    uint64_t role_conflict;     /* 487 */
    uint64_t indications;       /* dropped */
    uint64_t stray_responses; /* to no check under way, from elsewhere, or not authentic: dropped */
    uint64_t error_responses; /* to our checks */
    uint64_t paths_evicted;
};
const struct ice_counters *ice_counters(const struct ice *ice);

#endif
