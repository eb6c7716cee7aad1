/* SPDX-License-Identifier: Apache-2.0
 *
 * One transport: a client's PeerConnection as a node sees it. It joins the leaves that belong to
 * one client: the ICE agent, the SRTP keys, the table of incoming SSRCs, the transport-cc numbers
 * of both directions, and the rule that tells when a client has left for another node.
 *
 * What is sent goes to the outbox at once. Media and RTCP go to the selected path; DTLS goes to
 * where the client's last DTLS came from. Without keys or path nothing is sent: dropped, counted.
 *
 * Left (architecture.md §2.3): a client that still checks this path with STUN, but no longer names
 * it its candidate (USE-CANDIDATE), and has answered nothing of what it was sent with SRTP or SRTCP
 * for PEER_LEFT_FEEDBACK_US, has moved to another node. Then nothing more is sent until SRTP, SRTCP
 * or USE-CANDIDATE is heard again. That holds for packets with a transport-wide number, which are
 * answered many times a second; where none was among them it takes PEER_LEFT_REPORT_US, for
 * receiver reports about audio are rare. A client that was never heard has not left: it has not
 * arrived. One of whom STUN is not heard either has a network that failed: it is sent to until
 * consent expires, for it may be back the next moment.
 *
 * Quiet: another node serves this client, still or by now. What comes is received, STUN and DTLS go
 * on, but no SRTP or SRTCP is sent: that is for the other one to do, under the same keys.
 */
#ifndef MEDIA_NODE_CORE_PEER_PEER_H
#define MEDIA_NODE_CORE_PEER_PEER_H

#include "common/base/base.h"
#include "media-node/core/counters/counters.h"
#include "media-node/core/ice/ice.h"
#include "media-node/core/outbox/outbox.h"
#include "media-node/core/rtp/rtcp.h"
#include "media-node/core/rtp/rtp.h"
#include "media-node/core/srtp/srtp.h"
#include "media-node/core/stream/stream.h"

#define PEER_TRACKS_MAX       64 /* tracks one client publishes */
#define PEER_MID_MAX          17 /* bytes with NUL: a one-byte extension holds 16 (RFC 8285 §4.2) */
#define PEER_RID_MAX          17
#define PEER_LEFT_FEEDBACK_US TIME_MS(1500)
#define PEER_LEFT_REPORT_US   TIME_S(15)
/* Of SSRCs that were not signalled so many are learned at once, all that a client may publish, and
 * then one each PEER_LEARN_US: whoever owns the room is told of each. */
#define PEER_LEARN_BURST (2 * PEER_TRACKS_MAX * STREAM_LAYERS_MAX)
#define PEER_LEARN_US    TIME_MS(100)

struct peer; /* opaque outside core/peer */

struct peer_config {
    struct ice_credentials credentials;
    struct rtp_ext_ids exts; /* the same for every m-line of the BUNDLE group */
    struct random_source random;
    struct outbox *outbox;     /* outlives the peer */
    struct counters *counters; /* outlives the peer */
};

/* ERR_INVALID: credentials ice_new refuses. */
MUST_CHECK int peer_new(struct peer **out, const struct peer_config *config);
void peer_free(struct peer *peer);

/* ---- What the transport should be ----------------------------------------------------------- */

/* May repeat what is set. ERR_INVALID, and nothing is changed. */
MUST_CHECK int peer_set_credentials(struct peer *peer, const struct ice_credentials *credentials);
void peer_set_exts(struct peer *peer, const struct rtp_ext_ids *exts);
const struct rtp_ext_ids *peer_exts(const struct peer *peer);

struct peer_keys {
    enum rtpsec_suite suite;
    uint8_t client[RTPSEC_KEY_MAX]; /* what the client encrypts with; rtpsec_key_len(suite) bytes */
    uint8_t server[RTPSEC_KEY_MAX];
};

/* Uses these keys from now on. Returns 0, also if they are in use already; ERR_STALE for keys that
 * were replaced before (a spec may overtake the handshake that replaced them); ERR_INVALID. */
MUST_CHECK int peer_set_keys(struct peer *peer, const struct peer_keys *keys);

/* Rises with each set of keys taken into use, 0 before the first: streams start a new life of their
 * rollover counter with it. */
uint32_t peer_key_generation(const struct peer *peer);

/* Being quiet or not. What waits to be said as feedback is said before the quiet. */
void peer_set_quiet(struct peer *peer, int64_t now_us, bool quiet);

/* The next transport-wide number towards the client. */
uint16_t peer_transport_cc(const struct peer *peer);
void peer_set_transport_cc(struct peer *peer, uint16_t next);

/* Sends STUN checks to path, as when a client is moved here. ERR_STATE, ERR_FULL as ice_check. */
MUST_CHECK int peer_check(struct peer *peer, int64_t now_us, const struct ice_path *path,
                          uint32_t priority);

/* Asks the client whether it is there, by a check on its selected path: what a client sends by
 * itself may be one STUN message in 4 to 6 s (RFC 7675 §5.1). Without a path nothing is asked. */
void peer_ask(struct peer *peer, int64_t now_us);

/* ---- What it publishes: which SSRC is which layer ------------------------------------------- */

struct peer_layer {
    char rid[PEER_RID_MAX]; /* "" without simulcast */
    uint32_t ssrc;          /* signalled, or learned by an earlier holder; 0 unknown */
    uint32_t rtx_ssrc;
};
struct peer_track {
    uint32_t id;
    char mid[PEER_MID_MAX];
    struct peer_layer layers[STREAM_LAYERS_MAX]; /* by simulcast layer */
    size_t layer_count;                          /* 1 .. STREAM_LAYERS_MAX */
    uint8_t rtx_pts[STREAM_PAYLOADS_MAX];        /* payload types that mean RTX */
    size_t rtx_pt_count;
};

/* Adds or replaces a track by id; what was learned of it stays. ERR_FULL. */
MUST_CHECK int peer_publish(struct peer *peer, const struct peer_track *track);
void peer_unpublish(struct peer *peer, uint32_t track);

struct peer_source {
    uint32_t ssrc;
    uint32_t track;
    uint8_t layer;
    uint8_t pt; /* of the first packet */
    bool repair;
    bool arrived; /* authenticated packets came; else only signalled */
};

/* Source number i of the table, NULL past the last. Valid until the next packet or publication. */
const struct peer_source *peer_source_at(const struct peer *peer, size_t i);

/* ---- Input -----------------------------------------------------------------------------------
 * Poll until drained after each (asserted by the ICE agent). Data is decrypted in place. */

/* 0, or what ice_receive says. */
int peer_stun(struct peer *peer, int64_t now_us, const struct ice_path *path,
              const struct stun_message *message);

/* An authenticated RTP packet. */
struct peer_rtp {
    struct rtp_view view;      /* of the decrypted packet */
    struct peer_source source; /* by value: the table may grow */
    bool first;                /* of its SSRC: tell what was learned */
};

/* A datagram on its way in. */
struct peer_datagram {
    uint8_t *data; /* scratch: decrypted in place */
    size_t len;
    int64_t arrival_us; /* when the kernel had it, up to now */
};

/* 0 with *out filled, or an error: the packet is dropped and counted. path is a known one. */
MUST_CHECK int peer_rtp(struct peer *peer, int64_t now_us, const struct ice_path *path,
                        const struct peer_datagram *in, struct peer_rtp *out);

/* 0 with *out over the whole decrypted compound, or an error: dropped and counted. */
MUST_CHECK int peer_rtcp(struct peer *peer, int64_t now_us, const struct ice_path *path,
                         uint8_t *data, size_t len, struct rtcp_iter *out);

/* A DTLS datagram came on path: answers go there. */
void peer_dtls(struct peer *peer, const struct ice_path *path);

/* The TCP connection of this path is gone. */
void peer_path_closed(struct peer *peer, int64_t now_us, const struct ice_path *path);

/* Call when now_us >= peer_deadline(). */
void peer_expire(struct peer *peer, int64_t now_us);
int64_t peer_deadline(const struct peer *peer);

/* ---- Output --------------------------------------------------------------------------------- */

enum peer_event_kind {
    PEER_PATH_ADDED,    /* datagrams from this path belong to this peer */
    PEER_PATH_REMOVED,  /* no longer */
    PEER_PATH_SELECTED, /* media goes there from now on */
    PEER_UNANSWERED,    /* a check of ours was given up */
    PEER_SILENT,        /* nothing came since peer_ask(), on path, and that was not answered */
    PEER_LOST           /* no consent any more */
};
struct peer_event {
    enum peer_event_kind kind;
    struct ice_path path;
};

/* False when drained. */
bool peer_poll(struct peer *peer, struct peer_event *out);

/* Keys and a path are there, the client has not left, and the peer is not quiet. */
bool peer_can_send(const struct peer *peer);

/* NULL: none. Valid until the next input. */
const struct ice_path *peer_selected(const struct peer *peer);

struct peer_packet {
    struct rtp_header header;      /* exts: what is carried over, and the mid */
    const struct rtp_ext_ids *ids; /* the subscriber's; TRANSPORT_CC and ABS_SEND_TIME are filled */
    struct rtpsec_stream *stream;
    struct bytes prefix; /* first payload bytes */
    struct bytes body;   /* the rest */
};

struct peer_sent {
    uint16_t size; /* on the wire: from the IP header on */
    bool numbered; /* transport-wide: by seq */
    uint16_t seq;
};

/* Encrypts one packet into the outbox. False: not sent, counted. */
bool peer_send_rtp(struct peer *peer, int64_t now_us, const struct peer_packet *packet,
                   struct peer_sent *out);

/* A compound under way, built where it will be sent from. No other send in between. */
struct peer_rtcp {
    struct rtcp_writer writer;
    uint32_t ssrc; /* the sender of it all, random with each set of keys (architecture.md §2.3) */
};

/* Starts a compound with a receiver report of count blocks. False: nothing can be sent now. */
bool peer_rtcp_begin(struct peer *peer, struct peer_rtcp *rtcp, const struct rtcp_report *reports,
                     size_t count);

/* Encrypts and sends it. */
void peer_rtcp_end(struct peer *peer, struct peer_rtcp *rtcp);

/* One DTLS datagram to the client. False: no path yet, or too big. */
bool peer_send_dtls(struct peer *peer, struct bytes datagram);

/* When SRTP or SRTCP last authenticated; -1 never. */
int64_t peer_heard_us(const struct peer *peer);

/* When anything did, STUN too; -1 never. */
int64_t peer_last_us(const struct peer *peer);

#endif
