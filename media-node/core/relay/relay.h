/* SPDX-License-Identifier: Apache-2.0
 *
 * One trunk: this end of the one UDP 5-tuple that carries all rooms' media to one other node, and
 * back. SRTP with AES-GCM (RFC 7714); no ICE, for both ends are told both addresses.
 *
 * On the wire a packet is RTP as its publisher sent it: number, timestamp, marker, payload type and
 * payload, which is empty, or VP8's descriptor alone, where nobody there wants that layer of the
 * stream; header extensions that matter onward, under the numbers of control.proto's ExtensionKind;
 * the trunk's SSRC for (track, layer). Two CSRCs say what else the other end needs: the publisher's
 * SSRC, and a word of
 *
 *   bits 31..26  generation of the keys, low bits
 *        25..20  run: another one where the sender went on elsewhere in the source's numbers on
 *                purpose, so that what lies between is not missed
 *        19..0   SRTP's rollover counter
 *
 * so the receiver need not guess keys or index. A lost packet is sent again to the byte.
 *
 * RTCP compounds begin with an APP packet "SPWY" whose subtype is the generation's low bits, and
 * which is a ping where it has data: sender's clock, the last clock heard from the other end and
 * how long ago, and how many RTP packets were sent so far. Pings go out ten times a second while
 * anything is relayed, else four times; they make the round-trip time (RFC 6298), the measured
 * loss, and the word of life. They go out under the newest keys too, before those are used for
 * media: once the other end was heard under them, all is sent under them.
 *
 * The law of nonces: RTCP's sender SSRC is random with every generation and life of a trunk; an
 * SSRC that was closed is remembered, with where it ended, as long as its keys are used.
 */
#ifndef MEDIA_NODE_CORE_RELAY_RELAY_H
#define MEDIA_NODE_CORE_RELAY_RELAY_H

#include "common/agenda/agenda.h"
#include "common/base/base.h"
#include "media-node/core/counters/counters.h"
#include "media-node/core/outbox/outbox.h"
#include "media-node/core/rtp/rtcp.h"
#include "media-node/core/rtp/rtp.h"
#include "media-node/core/srtp/srtp.h"

#define RELAY_PING_US      TIME_MS(100) /* between pings while something is relayed */
#define RELAY_PING_IDLE_US TIME_MS(200) /* while nothing is: who lost one is not silent */
#define RELAY_SILENT_US    TIME_MS(500) /* without a word: silent */
#define RELAY_RETIRED_MAX  (1 << 18)    /* SSRCs of one generation; more are not sent */
#define RELAY_PORTS_MAX    (1 << 15)    /* SSRCs open at a time, each way */

/* Video to who is so far away, by the round trip, is paced: a burst goes at once, at
 * RELAY_PACE_BPS_MIN or more, and nothing waits for much longer than RELAY_WAIT_US. */
#define RELAY_FAR_US       TIME_MS(5)
#define RELAY_BURST_US     TIME_MS(2)
#define RELAY_PACE_BPS_MIN 8000000
#define RELAY_WAIT_US      TIME_MS(50)

/* Ids of the header extensions: ExtensionKind of control.proto. Cached packets carry these,
 * wherever they came from. */
extern const struct rtp_ext_ids relay_ext_ids;

struct relay;        /* opaque outside core/relay */
struct relay_source; /* an SSRC listened to */
struct relay_stream; /* an SSRC sent */

struct relay_config {
    struct random_source random;
    struct outbox *outbox;     /* outlives the relay */
    struct counters *counters; /* outlives the relay */
    struct agenda *agenda; /* where relay_wait puts the entry at relay_deadline; NULL: nowhere */
    struct agenda_entry *entry;
};

struct relay *relay_new(const struct relay_config *config, int64_t now_us);

/* Nothing may be open any more (asserted). */
void relay_free(struct relay *relay);

/* ---- What it should be ----------------------------------------------------------------------- */

/* Where the other end is. NULL: the trunk rests, silent; its keys and what it remembers stay. */
void relay_set_path(struct relay *relay, int64_t now_us, const struct ice_path *path);

struct relay_keys {
    enum rtpsec_suite suite;         /* one of the GCM suites */
    uint8_t receive[RTPSEC_KEY_MAX]; /* what the other end encrypts with */
    uint8_t send[RTPSEC_KEY_MAX];
};

/* Takes keys of a higher generation than known; one known or older is passed over. ERR_INVALID: not
 * a GCM suite. ERR_CRYPTO. */
MUST_CHECK int relay_set_keys(struct relay *relay, int64_t now_us, uint32_t generation,
                              const struct relay_keys *keys);

/* Each SSRC once per direction (asserted). owner is given back with what comes for it. */
struct relay_source *relay_listen(struct relay *relay, uint32_t ssrc, void *owner, uint8_t layer);
void relay_unlisten(struct relay_source *source);
struct relay_stream *relay_open(struct relay *relay, uint32_t ssrc, void *owner, uint8_t layer);
void relay_close(struct relay_stream *stream);

/* Whose an SSRC is; NULL: nobody's. */
struct relay_owner {
    void *owner;
    uint8_t layer;
};
const struct relay_owner *relay_listener(const struct relay *relay, uint32_t ssrc);
const struct relay_owner *relay_speaker(const struct relay *relay, uint32_t ssrc);

size_t relay_ports(const struct relay *relay); /* open SSRCs, both ways */

/* ---- Input -----------------------------------------------------------------------------------
 * Data is decrypted in place. Errors are counted, and the datagram is to be dropped. */

struct relay_rtp {
    struct relay_owner to;
    struct rtp_view view; /* ssrc: the publisher's */
    bool cut;             /* numbers between the one before and this one are not missing */
};
MUST_CHECK int relay_rtp(struct relay *relay, int64_t now_us, uint8_t *data, size_t len,
                         struct relay_rtp *out);

/* Pings are acted upon, without what the datagram waited for us since it came; the rest is for the
 * owners. */
MUST_CHECK int relay_rtcp(struct relay *relay, int64_t now_us, uint8_t *data, size_t len,
                          int64_t waited_us, struct rtcp_iter *out);

/* Call when now_us >= relay_deadline(). */
void relay_expire(struct relay *relay, int64_t now_us);
int64_t relay_deadline(const struct relay *relay);

/* ---- Output ---------------------------------------------------------------------------------- */

struct relay_packet {
    uint64_t seq;    /* extended by the receiver of the source; rises over restarts */
    uint32_t source; /* the publisher's SSRC */
    uint32_t ts;
    uint8_t pt;
    bool marker;
    const struct rtp_exts *exts; /* of which those that matter onward are written */
    struct bytes payload;
};

/* The next packet sent begins a new run: what it is of was left out for a while, or its receiver
 * was made anew, so that seq counts from elsewhere. */
void relay_cut(struct relay_stream *stream);

/* Encrypts one packet into the outbox. again: of a number sent before, with the same content to the
 * byte; or of one that was not, and is late. False: not sent, counted. */
bool relay_send(struct relay_stream *stream, int64_t now_us, const struct relay_packet *packet,
                bool again);

/* Whether video has to wait now: then name it by relay_wait, and send it when relay_next_turn has
 * its turn (at relay_deadline), in this order. What is sent meanwhile does not wait, but counts. */
bool relay_holds(const struct relay *relay, int64_t now_us);

/* A packet that waits, and the stream it is of; nothing waits once that is closed. */
struct relay_turn {
    struct relay_owner of;
    uint64_t name; /* as given */
};

/* One more waits. True: too many did, so *out is to be sent now. */
bool relay_wait(struct relay_stream *stream, uint64_t name, struct relay_turn *out);
bool relay_next_turn(struct relay *relay, int64_t now_us, struct relay_turn *out);

/* The extended number that the other end means by one of 16 bits; false: none of this run. */
bool relay_seq(const struct relay_stream *stream, uint16_t number, uint64_t *seq);

/* A compound under way, built where it will be sent from. No other send in between. False: nothing
 * can be sent now. */
bool relay_rtcp_begin(struct relay *relay, struct rtcp_writer *writer, uint32_t *ssrc);
void relay_rtcp_end(struct relay *relay, struct rtcp_writer *writer);

/* ---- Views ----------------------------------------------------------------------------------- */

/* When anything of the other end last authenticated; -1 never. */
int64_t relay_heard_us(const struct relay *relay);

/* How long an answer may take: smoothed round trip and four times its deviation (RFC 6298 §2);
 * 0 unknown. */
int64_t relay_rto_us(const struct relay *relay);
int64_t relay_rtt_us(const struct relay *relay); /* smoothed; 0 unknown */

/* The other end was heard since this one woke, and has not been for RELAY_SILENT_US. */
bool relay_silent(const struct relay *relay, int64_t now_us);

uint32_t relay_generation(const struct relay *relay); /* of the keys sent with; 0 no keys */

/* Counts since the trunk was made; loss since the last call. */
#define RELAY_LEAST_US TIME_S(30)
struct relay_report {
    uint32_t rtt_us;   /* 0 unknown */
    uint32_t queue_us; /* of it, above the least of the last RELAY_LEAST_US to twice as long */
    uint32_t lost_permille;
    uint64_t bytes_in;
    uint64_t bytes_out;
    uint64_t packets_in;
    uint64_t packets_out;
};
struct relay_report relay_report(struct relay *relay);

#endif
