/* SPDX-License-Identifier: Apache-2.0
 *
 * SDP offers of WebRTC clients, and our answers to them. In single-PeerConnection LiveKit only the
 * client offers; the server turns the client's recvonly sections into what it sends. A client with
 * two PeerConnections is offered what we send on the second one, and says in its answer, which
 * reads as such an offer does, what it takes of that.
 *
 *   sdp_offer_parse  text -> struct sdp_offer                  what the client has and wants
 *   sdp_answer_plan  offered section + wish -> sdp_section     policy: codecs, extensions, rids
 *   sdp_answer_write offer + sections + transport -> text      the answer
 *   sdp_offer_propose m-lines -> struct sdp_offer              what a client would offer that takes
 *                                                              all we have: its answer is our offer
 *
 * All are pure. Grammar: RFC 8866 (SDP), 8829 (JSEP), 8839 (ICE), 8122 and 8842 (DTLS), 8843
 * (BUNDLE), 8841 (SCTP), 5761 (rtcp-mux), 4585 and 5104 (rtcp-fb), 4588 (RTX), 8285 (header
 * extensions), 8830 (msid), 8851 and 8853 (rid, simulcast), 5576 (ssrc).
 *
 * Everything of an offer is bundled on one transport, or it is refused: a node gives a client one
 * 5-tuple. No answer names an SSRC of ours (docs/ARCHITECTURE.md, "one nonce space").
 */
#ifndef ORCHESTRATOR_CORE_SDP_SDP_H
#define ORCHESTRATOR_CORE_SDP_SDP_H

#include "common/base/base.h"

/* Chromium 156 spends 4.7 KB on a video section and 1.2 KB on an audio one, so 1 MiB are about 170
 * subscribed participants; 512 sections are 256 of them, should their sections be shorter. */
#define SDP_TEXT_MAX    (1 << 20) /* bytes of an offer */
#define SDP_MEDIA_MAX   512       /* m-lines */
#define SDP_CODECS_MAX  128       /* payload types of an m-line, all there are (RFC 3551 §6) */
#define SDP_RIDS_MAX    8         /* of an m-line; LiveKit uses 3 */
#define SDP_SOURCES_MAX 16        /* SSRCs of an m-line, RTX not counted */
#define SDP_MID_MAX     16        /* bytes of a mid or rid: they go into one-byte extensions */
#define SDP_TOKEN_MAX   255       /* bytes of a ufrag, pwd (RFC 8839 §5.4) or part of a msid */
#define SDP_REASON_MAX  160       /* bytes of a reason, NUL included */

/* ---- Vocabulary ---------------------------------------------------------------------------- */

enum sdp_kind {
    SDP_AUDIO,
    SDP_VIDEO,
    SDP_APPLICATION, /* data channels over DTLS and SCTP */
    SDP_OTHER,       /* another media type or protocol: can only be rejected */
};

/* As the writer of the description sees it; a bit mask. */
enum sdp_direction { SDP_INACTIVE = 0, SDP_SENDONLY = 1, SDP_RECVONLY = 2, SDP_SENDRECV = 3 };

/* Codecs by name. The first ten have the numbers of control.proto's Codec. */
enum sdp_codec_id {
    SDP_CODEC_OTHER, /* nothing we know: never answered */
    SDP_OPUS,
    SDP_RED, /* RFC 2198, over Opus */
    SDP_VP8,
    SDP_H264,
    SDP_VP9,
    SDP_AV1,
    SDP_H265,
    SDP_PCMU,
    SDP_PCMA,
    SDP_RTX, /* never in a list of codecs: see sdp_codec.rtx */
};

/* Header extensions, with the numbers of control.proto's ExtensionKind. */
enum sdp_extension {
    SDP_EXT_NONE,
    SDP_EXT_MID,
    SDP_EXT_RID,
    SDP_EXT_REPAIRED_RID,
    SDP_EXT_TRANSPORT_CC,
    SDP_EXT_AUDIO_LEVEL,
    SDP_EXT_ABS_SEND_TIME,
    SDP_EXT_ABS_CAPTURE_TIME,
    SDP_EXT_DEPENDENCY_DESCRIPTOR,
    SDP_EXT_PLAYOUT_DELAY,
    SDP_EXT_COUNT,
};
#define SDP_EXT_BIT(kind) (1u << (kind))

/* rtcp-fb, a bit mask. */
enum sdp_feedback {
    SDP_FB_NACK = 1,
    SDP_FB_PLI = 2,          /* nack pli */
    SDP_FB_FIR = 4,          /* ccm fir */
    SDP_FB_TRANSPORT_CC = 8, /* transport-cc */
    SDP_FB_REMB = 16,        /* goog-remb */
};

/* "vp8", "h264", "audio/red", "video/VP8", ... in any case; SDP_CODEC_OTHER if unknown or NULL. */
enum sdp_codec_id sdp_codec_from_name(const char *name);

/* "opus", "red", "VP8", ... as in an rtpmap, and "audio/opus", "video/VP8", ... as LiveKit's
 * mime types. "" for SDP_CODEC_OTHER. */
const char *sdp_codec_name(enum sdp_codec_id id);
const char *sdp_codec_mime(enum sdp_codec_id id);

/* ---- Offers -------------------------------------------------------------------------------- */

struct sdp_codec {
    enum sdp_codec_id id;
    uint8_t payload_type; /* 0..127 */
    uint8_t rtx;          /* payload type of its RTX, 0: none */
    uint8_t channels;
    uint32_t clock_hz;
    unsigned feedback; /* enum sdp_feedback */
    const char *fmtp;  /* "" if none */
};

struct sdp_rid {
    const char *id;
    bool paused; /* ~ in a=simulcast */
};

struct sdp_source {
    uint32_t ssrc;
    uint32_t rtx_ssrc; /* of its FID group, 0: none */
};

struct sdp_fingerprint {
    const char *algorithm; /* lower case: "sha-256", "sha-384" or "sha-512" */
    uint8_t digest[64];
    size_t len;
};

/* One m-line. Directions, rids and sources are the client's. */
struct sdp_media {
    enum sdp_kind kind;
    enum sdp_direction direction;
    const char *mid;
    const char *type;         /* "audio", ...; this and the next two are echoed */
    const char *protocol;     /* "UDP/TLS/RTP/SAVPF", ... */
    const char *format;       /* the first of its formats */
    bool rejected;            /* port 0 without a=bundle-only: answer it with SDP_USE_REJECT */
    bool extmap_allow_mixed;  /* said in this m-line rather than for all */
    bool rtcp_rsize;          /* RFC 5506 */
    const char *stream;       /* a=msid: "-" or "" where there is none */
    const char *track;        /* "" where there is none: the `cid` of add_track */
    const char *cname;        /* "" if none */
    struct sdp_codec *codecs; /* in the client's order, RTX folded into its codec */
    size_t codec_count;
    unsigned extensions;          /* SDP_EXT_BIT of those offered here; ids are in the offer */
    unsigned extensions_sendonly; /* of these, offered one way (RFC 8285 §6). Firefox does so */
    unsigned extensions_recvonly;
    struct sdp_rid *rids; /* what the client sends, in a=simulcast order (order of a=rid lines
                             without one). LiveKit's layers are positions in this list */
    size_t rid_count;
    bool simulcast;             /* there was an a=simulcast:send */
    struct sdp_source *sources; /* signalled SSRCs, SIM group first, in its order */
    size_t source_count;
    uint16_t sctp_port;        /* SDP_APPLICATION */
    uint32_t max_message_size; /* SDP_APPLICATION; 65536 if not said (RFC 8841 §6.1), 0: any */
};

/* An offer. All strings live in the offer itself and are never NULL. */
struct sdp_offer {
    char *text; /* private */
    struct sdp_media *media;
    size_t media_count;
    size_t
        *bundle; /* indices into media, in the order of the BUNDLE group: all but rejected ones */
    size_t bundle_count;
    const char *ice_ufrag; /* of the BUNDLE group; new ones are an ICE restart (RFC 8839 §4.4.1) */
    const char *ice_pwd;
    struct sdp_fingerprint fingerprint;
    bool ice_trickle;
    bool extmap_allow_mixed; /* two-byte header extensions beside one-byte ones (RFC 8285 §6) */
    uint8_t extension_ids[SDP_EXT_COUNT]; /* 1..14, the same in every m-line; 0: not offered */
};

/* Parses len bytes. On success *out is to be freed with sdp_offer_free. On failure reason says in
 * one sentence what is wrong, for the client: ERR_TOO_BIG beyond a limit above, ERR_UNSUPPORTED
 * for well-formed offers we do not serve (no BUNDLE, an m-line outside of it, no rtcp-mux, an
 * ICE-lite client, one that insists on being the DTLS server), ERR_INVALID for anything else. */
int sdp_offer_parse(struct sdp_offer **out, const char *text, size_t len,
                    char reason[SDP_REASON_MAX]) MUST_CHECK;
void sdp_offer_free(struct sdp_offer *offer);

/* The same of the answer to an offer of ours, whose a=setup says nothing: passive leaves the client
 * active alone, and pion, which is that then, says passive to whoever offers as ICE-lite. */
int sdp_answer_parse(struct sdp_offer **out, const char *text, size_t len,
                     char reason[SDP_REASON_MAX]) MUST_CHECK;

/* The m-line with that mid, or NULL. */
const struct sdp_media *sdp_offer_find(const struct sdp_offer *offer, const char *mid);

/* What is known of an m-line of the previous offer of the same PeerConnection. */
struct sdp_line {
    const char *mid;
    enum sdp_kind kind;
    bool rejected; /* port 0 in the last offer or answer: its place may be taken by another mid */
};

/* Later offers repeat every m-line at its place and append (RFC 8829 §5.2.2). ERR_INVALID with a
 * reason when one is gone, moved, or has changed its kind. */
int sdp_offer_follows(const struct sdp_offer *offer, const struct sdp_line *lines, size_t count,
                      char reason[SDP_REASON_MAX]) MUST_CHECK;

/* ---- Answers ------------------------------------------------------------------------------- */

#define SDP_ANSWER_CODECS_MAX 24  /* answered in one section, RTX not counted */
#define SDP_FMTP_MAX          128 /* bytes of a format line of ours, NUL included */

enum sdp_use {
    SDP_USE_REJECT,   /* port 0, out of BUNDLE. For good: the client may then recycle the place */
    SDP_USE_INACTIVE, /* kept for later */
    SDP_USE_RECEIVE,  /* the client publishes here */
    SDP_USE_SEND,     /* we send a track here */
    SDP_USE_DATA,     /* for SDP_APPLICATION, and for that only; or REJECT */
};

/* What the owner wants of a section. Zero is a sensible default for every field but `use`. */
struct sdp_wish {
    enum sdp_use use;
    enum sdp_codec_id codec; /* RECEIVE: of add_track, SEND: of the track. Put first; OTHER: as
                                offered. For audio OPUS, RED and OTHER all mean RED, then Opus */
    bool codec_only;         /* RECEIVE: answer no other codec, for clients that send what they like
                                best rather than what is first (Firefox on Linux and Android) */
    bool red_disabled;       /* audio: no RED in the answer */
    bool dtx_disabled;       /* RECEIVE, audio */
    bool stereo;             /* audio */
    const char *stream;      /* SEND: a=msid:<stream> <track>, e.g. "PA_x|TR_y" and "TR_y" */
    const char *track;
    struct sdp_source source; /* SEND: what we send under; 0: not said, the mid has to do */
    const char *cname;        /* of source: tracks to be played in step have the same */
    uint32_t bitrate_bps_max; /* RECEIVE: b=TIAS; 0: none */
};

struct sdp_answer_codec {
    enum sdp_codec_id id;
    uint8_t payload_type; /* as offered */
    uint8_t rtx;          /* as offered; 0: none */
    uint8_t channels;
    uint32_t clock_hz;
    unsigned feedback;       /* of those offered */
    char fmtp[SDP_FMTP_MAX]; /* ours; "" if none */
};

/* What is answered for a section: sdp_answer_plan fills it in, and the session makes payload types,
 * extensions and layers of its RoomSpec from it. Strings are borrowed from offer and wish. */
struct sdp_section {
    enum sdp_use use; /* REJECT instead of the wish when nothing offered is supported */
    struct sdp_answer_codec codecs[SDP_ANSWER_CODECS_MAX]; /* by preference */
    size_t codec_count;
    unsigned extensions;        /* SDP_EXT_BIT of those kept */
    const struct sdp_rid *rids; /* RECEIVE: layers we take, in the offered order */
    size_t rid_count;
    const char *stream; /* SEND, with the next three */
    const char *track;
    struct sdp_source source;
    const char *cname;
    uint32_t bitrate_bps_max;
};

/* Chooses what to answer to one m-line. Never fails: what we cannot serve is rejected, and a wish
 * that the offered direction does not permit (receive where the client does not send, send where it
 * does not receive) becomes SDP_USE_INACTIVE. Compare out->use with wish->use. */
void sdp_answer_plan(struct sdp_section *out, const struct sdp_media *media,
                     const struct sdp_wish *wish);

/* Of a subscriber's codecs, the one for a stream that its publisher sends as `from`: the same
 * variant (H264 profile and packetization mode), else for H264 the nearest, for browsers decode
 * more than they say. NULL if the subscriber cannot take it. */
const struct sdp_answer_codec *sdp_codec_match(const struct sdp_answer_codec *codecs, size_t count,
                                               const struct sdp_answer_codec *from);

/* An ICE candidate of a node: host, component 1. */
struct sdp_candidate {
    char ip[46]; /* numeric */
    uint16_t port;
    bool tcp;          /* RFC 6544 passive */
    uint32_t priority; /* rises with every move of the client */
};

/* Our side of the transport. Always ICE-lite and the DTLS server (a=setup:passive; in an offer,
 * too, where RFC 8829 §5.2.1 has actpass: a client must not choose to be the server). */
struct sdp_local {
    const char *ice_ufrag;
    const char *ice_pwd;
    const char *fingerprint; /* "sha-256 AB:CD:..." */
    const struct sdp_candidate *candidates;
    size_t candidate_count;   /* may be 0: they then come by trickle */
    uint64_t session_id;      /* below 2^63, constant for the PeerConnection (RFC 8829 §5.2.1) */
    uint64_t session_version; /* rises with every answer */
};

/* A description of these m-lines, as of a client that receives all that we can send. To be planned
 * and written; free it with sdp_offer_free. Mids are borrowed. */
struct sdp_offer *sdp_offer_propose(const struct sdp_line *lines, size_t count) MUST_CHECK;

/* The text of the answer; sections has offer->media_count entries. Free it with free(). */
char *sdp_answer_write(const struct sdp_offer *offer, const struct sdp_section *sections,
                       const struct sdp_local *local) MUST_CHECK;

/* ---- Candidates ---------------------------------------------------------------------------- */

#define SDP_CANDIDATE_MAX 128 /* bytes of a candidate's text, NUL included */
#define SDP_TRICKLE_MAX   512 /* bytes of its JSON form, NUL included */

/* "candidate:1 1 udp 1000000 10.0.0.1 3478 typ host", the value of a=candidate and of
 * RTCIceCandidateInit.candidate. */
void sdp_candidate_write(char out[SDP_CANDIDATE_MAX], const struct sdp_candidate *candidate);

/* The JSON of RTCIceCandidateInit, as TrickleRequest.candidateInit wants it: the candidate for the
 * m-line `line` with that mid (at most SDP_MID_MAX bytes), belonging to our ufrag. */
void sdp_trickle_write(char out[SDP_TRICKLE_MAX], const struct sdp_candidate *candidate,
                       const char *mid, size_t line, const char *ufrag);

/* A candidate of the client. We are ICE-lite and learn paths from its checks, so this is looked at
 * for validity and for support lines only. */
struct sdp_remote_candidate {
    bool end; /* an empty candidate: there are no more */
    bool tcp;
    char address[256]; /* numeric, or an mDNS name */
    uint16_t port;
    char type[8]; /* "host", "srflx", "prflx", "relay" */
    uint32_t priority;
};

/* Parses RTCIceCandidateInit JSON (len bytes, at most 4 KiB). ERR_TOO_BIG or ERR_INVALID. */
int sdp_trickle_parse(struct sdp_remote_candidate *out, const char *json, size_t len) MUST_CHECK;

#endif
