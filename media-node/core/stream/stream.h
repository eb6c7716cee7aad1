/* SPDX-License-Identifier: Apache-2.0
 *
 * Media streams without IO: what arrives for one SSRC, and what one subscriber gets of one track.
 *
 *   receiver  one per received SSRC, that is per layer of a track (its RTX SSRC attached): sequence
 *             numbers, loss, NACK, key-frame requests, statistics, audio level, packet cache.
 *   sender    one per subscription: chooses the layer, renumbers, answers NACKs, reports; can be
 *             handed over to another node.
 *   arrivals  one per transport: records transport-wide sequence numbers and builds the feedback.
 *
 * The way of a packet:
 *
 *   stream_receiver_media() or _repair() gives a struct stream_packet. It goes to
 *   stream_sender_forward() of every subscription of the track; each fills a struct stream_out, of
 *   which the caller makes header and ciphertext. Then stream_receiver_poll() until false: requests
 *   for the publisher.
 *
 * Payload bytes are copied once, into the cache, however many subscribers there are.
 *
 * Nothing here allocates per packet: rings and cache blocks are taken when a stream first needs
 * them and kept. Time is monotonic microseconds and never goes back (asserted).
 */
#ifndef MEDIA_NODE_CORE_STREAM_STREAM_H
#define MEDIA_NODE_CORE_STREAM_STREAM_H

#include "common/base/base.h"
#include "media-node/core/rtp/dependency.h"
#include "media-node/core/rtp/payload.h"
#include "media-node/core/rtp/rtcp.h"
#include "media-node/core/rtp/rtp.h"

#define STREAM_LAYERS_MAX   4  /* simulcast layers of a track; layer numbers are 0 .. 3 */
#define STREAM_PAYLOADS_MAX 16 /* payload types of a track or subscription */
#define STREAM_PREFIX_MAX   32 /* bytes a sender may put in place of a payload's first ones */
#define STREAM_NACK_MAX     64 /* sequence numbers in one request */
#define STREAM_BORROW_MAX   16 /* packets of one receiver that may be in use */
#define STREAM_REST_US      TIME_S(5) /* a stream of which nothing came or went for so long rests */
#define STREAM_WALL_UNKNOWN INT64_MIN
#define STREAM_RATE_ALL     7 /* no limit to temporal layers, */
#define STREAM_SIZE_ALL     7 /* nor to spatial ones inside a stream */

enum stream_kind { STREAM_AUDIO, STREAM_VIDEO };

/* One negotiated payload type. */
struct stream_payload {
    enum rtp_codec codec;
    uint8_t number;
    uint8_t rtx; /* payload type of its RTX stream (RFC 4588), 0 none */
    bool nack;   /* generic NACK negotiated */
    bool pli;
    uint32_t clock_hz;
};

#define STREAM_SPATIAL_MAX  RTP_DEPENDENCY_SPATIAL_MAX /* layers inside one stream */
#define STREAM_TEMPORAL_MAX RTP_DEPENDENCY_TEMPORAL_MAX

/* Of the decode targets of a stream. */
struct stream_target_sets {
    uint32_t within[RTP_DEPENDENCY_TARGETS_MAX]; /* by target: those whose frames it all has */
    uint32_t upto[STREAM_SPATIAL_MAX];           /* by spatial layer: those of none above it */
    uint32_t rates[STREAM_TEMPORAL_MAX];         /* by temporal layer, likewise */
};

/* What a packet is among the layers of its stream, by its dependency descriptor; read once, so that
 * a sender need not. A decode target (dependency.h) goes with its spatial layer, in the bits of
 * STREAM_TARGET_SPATIAL. */
#define STREAM_TARGET_NUMBER  0x1fu
#define STREAM_TARGET_SPATIAL 5
struct stream_dependency {
    bool numbered;    /* frame_number is set */
    bool known;       /* all else is, too */
    bool frame_start; /* first packet of a frame, that is of one layer of a picture */
    bool frame_end;
    bool picture_start; /* first packet of a picture */
    uint8_t serial;     /* another one for each structure; never 0 */
    uint8_t spatial;
    uint8_t temporal;
    uint16_t frame_number;
    uint32_t present; /* as in struct rtp_dependency_frame */
    uint32_t switches;
    uint64_t refs;
    bool attached;   /* its structure comes with it */
    uint32_t active; /* targets that the publisher sends, as far as told until this packet, */
    struct rtp_dependency_place place;     /* and where its descriptor tells of them */
    const struct stream_target_sets *sets; /* the receiver's, of its newest structure */
    /* The target to be sent to whom wants so much and no more, of those that are sent now. */
    uint8_t targets[STREAM_SPATIAL_MAX][STREAM_TEMPORAL_MAX];
};

/* A packet as its publisher sent it: what receivers give and senders take. It lives in the
 * receiver's cache: borrowed until STREAM_BORROW_MAX more came by _media or _repair of that
 * receiver, or until its _trim. */
struct stream_packet {
    struct rtp_view rtp; /* header and extensions as they came, without padding; of a packet that
                            came by RTX: as they were before. Payload empty: nothing to show,
                            codec is then RTP_CODEC_NONE */
    uint64_t seq;        /* extended; goes on rising when the source starts anew */
    int64_t arrival_us;
    int64_t wall_us; /* capture time by the publisher's clock, since NTP's zero: only differences
                        mean something; STREAM_WALL_UNKNOWN before its first sender report */
    enum rtp_codec codec;
    uint32_t clock_hz;
    uint8_t layer;
    bool late;                           /* a newer packet of this source had come before it */
    bool key_start;                      /* first packet of a key frame; each audio packet */
    struct rtp_frame_info frame;         /* video with a payload; else zeros */
    struct rtp_vp8 vp8;                  /* VP8 with a payload, or of a picture that another node
                                            left out (see Filter): payload is empty, and len bytes
                                            of descriptor are where it points; else zeros */
    struct stream_dependency dependency; /* other video with a descriptor; else zeros */
    struct bytes primary;                /* RED with a payload: its primary block */
};

/* ---- Receiver ------------------------------------------------------------------------------- */

struct stream_receiver; /* opaque outside core/stream */

struct stream_receiver_config {
    enum stream_kind kind;
    uint8_t layer; /* 0 .. STREAM_LAYERS_MAX-1: simulcast layer, 0 for audio */
    uint32_t ssrc;
    const struct stream_payload *payloads; /* copied */
    size_t payload_count;                  /* 1 .. STREAM_PAYLOADS_MAX */
    uint8_t audio_level_id;                /* RFC 6464 extension's id, 0 not negotiated */
    uint8_t dependency_id;                 /* dependency descriptor's, likewise */
};

/* config is copied. An idle receiver takes 1 KB; cache and NACK list come with media. */
struct stream_receiver *stream_receiver_new(const struct stream_receiver_config *config,
                                            int64_t now_us);
void stream_receiver_free(struct stream_receiver *receiver);

/* Round-trip time to the publisher: spacing of repeated NACKs. 100 ms until told. */
void stream_receiver_rtt(struct stream_receiver *receiver, int64_t rtt_us);

/* A packet of the media SSRC, already authenticated. in is borrowed; *out lives in the cache.
 *   0          forward it, also if it has no payload: then senders skip its number. A payload its
 *              codec cannot have, or of a type not negotiated, counts as bad and becomes empty
 *   ERR_REPLAY seen before
 *   ERR_STALE  too old to be of use
 *   ERR_AGAIN  a stray, or a source that started anew: believed once a second one follows
 * All are counted; those not 0 are to be dropped. */
MUST_CHECK int stream_receiver_media(struct stream_receiver *receiver, int64_t now_us,
                                     const struct rtp_view *in, const struct stream_packet **out);

/* What comes between the newest packet and the next one to come by _media is not missing: its
 * sender left it out on purpose. certain: even if the next number seems to be one of the last ones
 * seen. */
void stream_receiver_leap(struct stream_receiver *receiver, bool certain);

/* A packet of the RTX SSRC that belongs to this receiver: gives the original packet back (RFC 4588
 * §4). Results as above; ERR_TRUNCATED for one that carries nothing (a bandwidth probe),
 * ERR_UNSUPPORTED for a payload type that is no RTX type of the config. */
MUST_CHECK int stream_receiver_repair(struct stream_receiver *receiver, int64_t now_us,
                                      const struct rtp_view *in, const struct stream_packet **out);

/* The source's sender report: ties RTP time to wall time for an hour at most, and gives our reports
 * LSR and DLSR. */
void stream_receiver_sender_report(struct stream_receiver *receiver, int64_t now_us,
                                   const struct rtcp_sr *sr);

/* Somebody needs a key frame of this layer. Requests are joined, spaced (layer 0: 500 ms, others
 * 1 s) and repeated at that pace until one begins to arrive, at most 10 times without media. */
void stream_receiver_want_key_frame(struct stream_receiver *receiver, int64_t now_us);

/* Call when now_us >= stream_receiver_deadline(). */
void stream_receiver_expire(struct stream_receiver *receiver, int64_t now_us);
int64_t stream_receiver_deadline(const struct stream_receiver *receiver); /* or TIME_NEVER */

/* What the publisher is to be asked for. */
struct stream_request {
    bool key_frame;                 /* PLI for the receiver's SSRC */
    size_t nack_count;              /* 0: none */
    uint16_t nack[STREAM_NACK_MAX]; /* rising (RFC 4585 §6.2.1 wants them so) */
};

/* The next request; false when drained. Ask after each call above that takes now_us. */
bool stream_receiver_poll(struct stream_receiver *receiver, struct stream_request *out);

/* The report block about this source for the next receiver report (RFC 3550 §6.4.1), over the
 * interval since the last call. ERR_AGAIN before the first packet. */
MUST_CHECK int stream_receiver_report(struct stream_receiver *receiver, int64_t now_us,
                                      struct rtcp_report *out);

/* The first and the newest extended sequence number of that SSRC. False: it is not this receiver's,
 * or nothing came of it yet. */
bool stream_receiver_span(const struct stream_receiver *receiver, uint32_t ssrc, uint64_t *first,
                          uint64_t *newest);

/* A packet from the cache by its extended sequence number, or NULL. Borrowed as *out above. About
 * the last second is kept, up to 512 packets (audio: 128). */
const struct stream_packet *stream_receiver_find(const struct stream_receiver *receiver,
                                                 uint64_t seq);

/* If nothing came for STREAM_REST_US, gives back what only a receiver of media that flow needs: all
 * packets but the newest, of which senders know, and the NACK list. Call it every few seconds. */
void stream_receiver_trim(struct stream_receiver *receiver, int64_t now_us);

/* Since creation; rates over the last full second. */
struct stream_receiver_stats {
    uint64_t packets; /* media, duplicates not counted */
    uint64_t bytes;   /* payload bytes of these */
    uint64_t frames;  /* distinct timestamps with a payload */
    uint64_t key_frames;
    uint64_t lost;      /* numbers never seen, now */
    uint64_t recovered; /* came by RTX */
    uint64_t duplicates;
    uint64_t stale;
    uint64_t restarts;
    uint64_t strays; /* far off numbers not believed */
    uint64_t bad;    /* payload type not negotiated, payload or RTX malformed */
    uint64_t nacked; /* numbers asked for, repeats not counted */
    uint64_t nacks_given_up;
    uint64_t key_frames_asked;
    uint32_t jitter_us;
    uint32_t bitrate_bps;
    uint32_t frame_rate_millihz;
    int64_t last_packet_us; /* newest one with a payload, or with VP8's descriptor alone;
                               TIME_NEVER: none yet */
    size_t heap_bytes;      /* memory held now */
};
void stream_receiver_stats(const struct stream_receiver *receiver, int64_t now_us,
                           struct stream_receiver_stats *out);

/* Payload bits a second over the last full second, before there was one: so far; 0 unknown. */
uint32_t stream_receiver_bps(const struct stream_receiver *receiver, int64_t now_us);

/* What is sent of layers inside one stream (SVC, temporal layers), as stream_receiver_bps: of the
 * target that stream_dependency.targets has there, so no less further up. VP8 has temporal layers
 * alone. False: the stream has no layers that are known of. */
struct stream_rates {
    uint32_t bps[STREAM_SPATIAL_MAX][STREAM_TEMPORAL_MAX];
};
bool stream_receiver_rates(const struct stream_receiver *receiver, int64_t now_us,
                           struct stream_rates *out);

/* Loudness since the last call (RFC 6464): the caller's 400 ms tick makes the window. */
struct stream_level {
    uint8_t dbov;             /* 0 loudest .. 127 silent: mean level of the active packets */
    uint16_t active_permille; /* share of the window that was louder than 35 -dBov */
};
struct stream_level stream_receiver_level(struct stream_receiver *receiver, int64_t now_us);

/* Which layers of a track carry media now: bit n for layer n. A layer that sent has dried up when
 * it was silent for 400 ms in which another one went on for 3 frames: still content (screen share)
 * may be slow on all layers, but never on one of several. Entries may be NULL. Cheap: ask on a tick
 * of about 100 ms, and when the first packet of a layer arrives. */
uint8_t stream_layers_live(struct stream_receiver *const layers[STREAM_LAYERS_MAX], int64_t now_us);

/* ---- Filter --------------------------------------------------------------------------------
 *
 * Layers inside a stream on its way to another node, where senders choose from what comes: all
 * frames of the lowest spatial and temporal layers. Packets keep the publisher's numbers, so where
 * frames are left out their numbers go alone, as empty packets, which senders there take no number
 * for; and the others tell which decode targets are active. Less is sent from the next picture on,
 * more sizes from a key frame on, a higher rate from where all of it can be decoded with what was
 * sent: without one.
 *
 * VP8 has temporal layers alone, and its descriptor crosses with the number, for senders have to
 * know of each picture that is left out: it takes no picture id. Of what tells of no layers, all is
 * sent.
 *
 * A packet that is sent again under its index must be to the byte what it was, so of each number
 * the same is told every time. */

struct stream_filter; /* opaque outside core/stream */

struct stream_filter *stream_filter_new(void);
void stream_filter_free(struct stream_filter *filter);

/* The highest layers that are wanted; STREAM_SIZE_ALL and STREAM_RATE_ALL, as at first: all. */
void stream_filter_want(struct stream_filter *filter, uint8_t size_max, uint8_t temporal_max);

/* The source is another one, or its numbers begin elsewhere. */
void stream_filter_restart(struct stream_filter *filter);

struct stream_passage {
    bool empty;      /* its number alone; of VP8, and its descriptor */
    uint32_t active; /* as in stream_out */
};

/* The newest packet of the source. True: what is wanted needs a key frame. */
bool stream_filter_next(struct stream_filter *filter, const struct stream_packet *packet,
                        struct stream_passage *out);

/* An earlier one, that went before or comes late. False: it is too long ago. */
bool stream_filter_again(const struct stream_filter *filter, const struct stream_packet *packet,
                         struct stream_passage *out);

/* ---- Sender --------------------------------------------------------------------------------
 *
 * Numbers. An outgoing number is given for every number of the source that was not left out on
 * purpose, so a subscriber sees a gap exactly where the source lost something, and a packet that
 * comes late goes out under the number that was kept for it. Where a source's number has to be
 * filled without showing anything, a packet of padding goes out.
 *
 * Layers. target = the highest live layer that is wanted, none while paused or if none is. Start,
 * switch and resumption of video happen at the first packet of a key frame of the target, and until
 * then the sender goes on with what it has, unless it is to leave a higher layer at once; when that
 * dries up, it sends nothing. Audio starts and resumes with any packet, marked as the first of a
 * talkspurt.
 *
 * Layers inside a stream, as far as dependency descriptors tell of them (VP8: its own descriptor):
 * the frames of one decode target go out, the others take no number. Another target is begun with a
 * frame from which on all of it can be decoded with what was sent, which is a key frame where it
 * has more spatial layers; until then the sender goes on with the target it has. The last packet
 * sent of a picture gets the marker. Descriptors stay as they are, for receivers bear gaps in frame
 * numbers; but where targets are left out that the publisher sends, the first packet of each frame
 * tells which ones are active for this subscriber, so that nobody waits for the others. A stream
 * without known layers goes whole.
 *
 * Generations. Each switch, resumption or restart of the source begins one: sequence numbers and
 * VP8 picture ids go on at the next number, timestamps by the publisher's wall clock where sender
 * reports tell it, by arrival otherwise; always strictly rising. */

struct stream_sender; /* opaque outside core/stream */

struct stream_sender_config {
    enum stream_kind kind;
    uint32_t ssrc;
    uint32_t rtx_ssrc;                     /* 0: RTX not negotiated */
    const struct stream_payload *payloads; /* the subscriber's numbers; copied */
    size_t payload_count;                  /* 1 .. STREAM_PAYLOADS_MAX */
    uint64_t seq_next;                     /* first index (ROC << 16 | number); choose it random
                                              and below 2^15, or what another node handed over */
    uint64_t rtx_seq_next;                 /* the same for RTX */
    uint32_t timestamp_first;              /* random */
    bool repeat_allowed; /* without RTX: the caller can repeat a packet byte by byte, see repeat */
};

/* What the subscriber is to get. */
struct stream_want {
    bool paused; /* subscription disabled, or track muted: nothing is sent, all state is kept */
    uint8_t spatial_max;  /* simulcast layer */
    uint8_t size_max;     /* of spatial layers inside a stream; STREAM_SIZE_ALL: all */
    uint8_t temporal_max; /* STREAM_RATE_ALL: all */
    /* For want of bandwidth, until the wanted simulcast layer begins: */
    bool narrow;  /* no key frame of a higher one is sent, */
    bool at_once; /* and nothing else of it either */
};

/* An idle sender takes 0.6 KB; its ring (up to 8 KB for video, 2 for audio) grows with media, and
 * stream_sender_trim gives it back. It starts paused: tell stream_sender_want, and
 * stream_sender_layers to have it ask for a key frame before the first packet comes. */
struct stream_sender *stream_sender_new(const struct stream_sender_config *config, int64_t now_us);
void stream_sender_free(struct stream_sender *sender);

/* Bits that inputs return. */
#define STREAM_SEND 1u /* *out is filled: send it */
#define STREAM_ASK                                                                                 \
    2u /* a key frame is needed anew: call stream_receiver_want_key_frame() on the                 \
          receiver of layer stream_sender_needs_key_frame() */

/* Returns STREAM_ASK or 0. */
unsigned stream_sender_want(struct stream_sender *sender, int64_t now_us,
                            const struct stream_want *want);

/* Tells which layers are live (stream_layers_live), whenever that changes. A layer whose packets
 * are forwarded to this sender counts as live until this says otherwise, so a track of one layer
 * needs no call. Returns STREAM_ASK or 0. */
unsigned stream_sender_layers(struct stream_sender *sender, int64_t now_us, uint8_t live);

/* The subscriber sent PLI or FIR. Returns STREAM_ASK or 0. */
unsigned stream_sender_picture_lost(struct stream_sender *sender, int64_t now_us);

/* What to send: header fields, and the payload as prefix followed by payload. */
struct stream_out {
    uint64_t index; /* ROC << 16 | sequence number: the wire gets the low 16 bits, SRTP all */
    uint32_t ssrc;
    uint32_t timestamp;
    uint8_t payload_type;
    bool marker;
    bool padding; /* set the P bit: prefix, or all of the payload, is padding */
    bool rtx;     /* goes out on rtx_ssrc; prefix begins with the original number */
    bool repeat;  /* this index went out before. AES-GCM: protect it again only if every byte of
                     header, extensions and payload is what it was, for one that differs under the
                     same index gives the key away; so only with repeat_allowed */
    uint8_t prefix_len;
    uint8_t prefix[STREAM_PREFIX_MAX];
    const uint8_t *payload; /* borrowed from source */
    size_t payload_len;
    uint32_t active; /* targets to be told as active by the source's dependency descriptor
                        (rtp_dependency_write_active), 0: as it came */
    const struct stream_packet *source; /* whose header extensions may be passed on */
};

/* The hot path: a packet of any layer of the track, in order of arrival. Fills *out when
 * STREAM_SEND is returned; may return STREAM_ASK too. */
unsigned stream_sender_forward(struct stream_sender *sender, int64_t now_us,
                               const struct stream_packet *packet, struct stream_out *out);

/* What left later than that is on its way still, or lost, as transport-cc feedback tells: a queue
 * of a second is longer than the round trip of the last receiver report. 0: unknown. */
void stream_sender_reached(struct stream_sender *sender, int64_t now_us, int64_t reached_us);

/* The subscriber asked for seq again (one call a number of its NACK). layers are the receivers of
 * the track by layer, entries may be NULL. With RTX the packet comes out as RTX (RFC 4588).
 *   0               send *out
 *   ERR_NOT_FOUND   never sent, too old, or the publisher's packet is not in the cache
 *   ERR_AGAIN       sent again less than a round trip ago, on its way still, or too often
 *   ERR_FULL        over budget: resending takes at most half of what is sent
 *   ERR_UNSUPPORTED no RTX, and repeat_allowed is false */
MUST_CHECK int stream_sender_resend(struct stream_sender *sender, int64_t now_us, uint16_t seq,
                                    struct stream_receiver *const layers[STREAM_LAYERS_MAX],
                                    struct stream_out *out);

/* Composes what stream_sender_forward gave under that index once more, for a caller that held it
 * back; layers as above. ERR_NOT_FOUND: the publisher's packet is no longer in the cache. */
MUST_CHECK int stream_sender_recall(struct stream_sender *sender, uint64_t index,
                                    struct stream_receiver *const layers[STREAM_LAYERS_MAX],
                                    struct stream_out *out);

/* A packet of nothing but STREAM_PADDING bytes of padding on rtx_ssrc; source is NULL.
 * ERR_UNSUPPORTED: no RTX. */
#define STREAM_PADDING 255
MUST_CHECK int stream_sender_pad(struct stream_sender *sender, struct stream_out *out);

/* A report block the subscriber sent about ssrc (not about rtx_ssrc). */
void stream_sender_on_report(struct stream_sender *sender, int64_t now_us,
                             const struct rtcp_report *report);

/* The next sender report (RFC 3550 §6.4.1). Its NTP time is the publisher's clock, not ours, so
 * audio and video of one publisher stay in sync. ERR_AGAIN while that clock is unknown (no sender
 * report of the source yet, or none of the hour before the last packet) or nothing was sent. */
MUST_CHECK int stream_sender_report(struct stream_sender *sender, int64_t now_us,
                                    struct rtcp_sr *out);

/* Once no number was given for STREAM_REST_US, forgets all but the 16 newest: had the stream gone
 * on, the rest would be out of the cache. Those stay, for only what follows shows a subscriber that
 * the end of what came before is missing. Call it every few seconds, while no index is to be
 * recalled. */
void stream_sender_trim(struct stream_sender *sender, int64_t now_us);

/* Layer being forwarded, -1 none. */
int stream_sender_layer(const struct stream_sender *sender);

/* Live layer it is to forward, -1 none. */
int stream_sender_target(const struct stream_sender *sender);

/* Layer of which it needs a key frame, -1 none: the state of which STREAM_ASK tells the changes. */
int stream_sender_needs_key_frame(const struct stream_sender *sender);

struct stream_sender_stats {
    uint64_t packets; /* first transmissions */
    uint64_t bytes;   /* payload bytes of these */
    uint64_t resent;
    uint64_t resent_bytes;
    uint64_t fillers;  /* padding sent in place of a packet that had to be left out */
    uint64_t switches; /* generations begun */
    uint64_t nacked;   /* numbers asked for */
    uint64_t nack_misses;
    uint64_t nacks_limited;
    uint64_t drop_codec; /* codec the subscriber has no number for */
    uint64_t drop_late;  /* late and without a number kept for it */
    uint64_t drop_malformed;
    uint64_t lost;         /* by the subscriber's reports */
    uint8_t fraction_lost; /* of the last report, in 1/256 */
    uint32_t jitter_us;
    uint32_t rtt_us; /* 0 unknown */
    size_t heap_bytes;
};
void stream_sender_stats(const struct stream_sender *sender, struct stream_sender_stats *out);

/* The next index of the stream, and of its retransmissions. */
uint64_t stream_sender_next(const struct stream_sender *sender);
uint64_t stream_sender_next_rtx(const struct stream_sender *sender);

/* ---- Handover ------------------------------------------------------------------------------
 * One sender stops, and another one of the same SSRCs, at another node, goes on under the next
 * number as if it had sent all before (architecture.md §2.3, §6.4). */

#define STREAM_SERIES_MAX    128 /* 1 KB; of a stream that leaves out every other frame: 4 s */
#define STREAM_HANDED_MAX    256 /* numbers handed over: what a client may still miss */
#define STREAM_VALUE_UNKNOWN (-1)

enum stream_series_state { SERIES_SENT, SERIES_KEPT, SERIES_VOID }; /* as in control.proto */

/* Consecutive numbers, given to consecutive numbers of the source. */
struct stream_series {
    uint8_t state; /* enum stream_series_state */
    uint16_t source_seq;
    uint16_t count;
    uint16_t picture_shift;
};

/* All that the next holder needs. SenderState in control.proto says what the values mean. */
struct stream_state {
    uint64_t seq_next;
    uint64_t rtx_seq_next;
    uint64_t packets;
    uint64_t bytes;
    uint64_t lost;
    struct {
        bool known;
        enum rtp_codec codec;
        uint32_t ts;
        uint32_t clock_hz;
        int64_t arrival_us;
        int64_t wall_us; /* or STREAM_WALL_UNKNOWN */
        int picture;     /* or STREAM_VALUE_UNKNOWN, as those that follow */
        int tl0;
        int key;
    } newest;
    bool flows; /* the rest is valid */
    uint8_t layer;
    uint8_t temporal_max; /* of VP8 */
    uint8_t size;         /* of spatial layers inside the stream, the highest that is sent */
    uint8_t tl0_shift;
    uint8_t key_shift;
    uint32_t ssrc; /* of the source */
    uint32_t ts_offset;
    uint16_t source_seq;
    uint16_t picture_shift;
    int left_out;        /* or STREAM_VALUE_UNKNOWN */
    size_t series_count; /* newest first, from seq_next - 1 down; in all 0 .. STREAM_HANDED_MAX */
    struct stream_series series[STREAM_SERIES_MAX];
};

/* Where the sender stands. It may go on itself as well, but then nobody else may. */
void stream_sender_export(const struct stream_sender *sender, struct stream_state *out);

/* Whether anything of its source has come to these receivers; true as well if nothing flowed. */
bool stream_state_found(const struct stream_state *state,
                        struct stream_receiver *const layers[STREAM_LAYERS_MAX]);

/* Goes on from state. Only for a sender that never sent (asserted), after stream_sender_want;
 * layers as for stream_sender_resend. Where the source is not here, or not near where it was, the
 * sender keeps the numbers and begins anew. Returns STREAM_ASK or 0. */
unsigned stream_sender_resume(struct stream_sender *sender, int64_t now_us,
                              const struct stream_state *state,
                              struct stream_receiver *const layers[STREAM_LAYERS_MAX]);

/* After a resumption, a cached packet of its source that was not sent yet: forward it, and ask
 * again. NULL: the sender is up to date. *cursor is 0 at first. */
const struct stream_packet *
stream_sender_behind(const struct stream_sender *sender,
                     struct stream_receiver *const layers[STREAM_LAYERS_MAX], uint64_t *cursor);

/* ---- Arrivals ------------------------------------------------------------------------------
 * Transport-wide congestion control, draft-holmer-rmcat-transport-wide-cc-extensions-01. */

struct stream_arrivals; /* opaque outside core/stream */

struct stream_arrivals *stream_arrivals_new(int64_t now_us);
void stream_arrivals_free(struct stream_arrivals *arrivals);

/* A packet with that transport-wide sequence number arrived, at a time up to now; it may be earlier
 * than what was added or written before, by what it waited in the kernel. */
void stream_arrivals_add(struct stream_arrivals *arrivals, int64_t arrival_us, uint16_t seq);

/* When feedback is due: 50 ms after the first packet to be told of, at once when 100 wait;
 * TIME_NEVER if none do. */
int64_t stream_arrivals_deadline(const struct stream_arrivals *arrivals);

/* Appends one feedback packet. Call when due, again until ERR_NOT_FOUND: nothing is left to tell.
 * ERR_FULL: nothing was written, go on with an empty compound. */
MUST_CHECK int stream_arrivals_write(struct stream_arrivals *arrivals, int64_t now_us,
                                     struct rtcp_writer *writer, struct rtcp_feedback about);

#endif
