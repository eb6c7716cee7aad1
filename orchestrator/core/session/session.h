/* SPDX-License-Identifier: Apache-2.0
 *
 * The negotiated state of one client's PeerConnection: its m-lines and what each is used for, ICE
 * parameters of both sides, and the candidates it was given. Where the client offers, one exchange
 * is:
 *
 *   session_offer    reads the offer, gives every m-line its role
 *   (the room binds tracks to PUBLISH lines, subscriptions to free SUBSCRIBE lines)
 *   session_plan     what each line will be used for, and with which codecs
 *   (the room may change its mind about a line: session_plan_line)
 *   session_answer   writes the answer
 *
 * On the second PeerConnection of a client that has two, we offer, one offer at a time:
 *
 *   session_sending_line  an idle m-line of its kind, or a new one, for each subscription
 *   session_propose       the text of the offer, by the lines' wishes
 *   session_answered      reads the answer: what the client takes in each line
 *
 * A line that carried a subscription is inactive once, in an answer or offer, before it is used
 * again: only so does the client see one track end and another begin.
 */
#ifndef ORCHESTRATOR_CORE_SESSION_SESSION_H
#define ORCHESTRATOR_CORE_SESSION_SESSION_H

#include "common/base/base.h"
#include "orchestrator/core/sdp/sdp.h"

#define SESSION_UFRAG          9  /* bytes of ours, NUL included: 8 characters, 47 bits */
#define SESSION_PWD            25 /* 24 characters, 142 bits; RFC 8445 asks for 128 */
#define SESSION_FINGERPRINT    256
#define SESSION_CANDIDATES_MAX 16 /* UDP and TCP at each of a node's addresses */
/* Priorities of candidates: no two alike, and with every move all of them above the last node's
 * (architecture.md §6.4): each move adds SESSION_CANDIDATES_MAX. */
#define SESSION_PRIORITY_START 1000000

enum session_role {
    SESSION_IDLE,      /* nobody sends here */
    SESSION_DATA,      /* the application section */
    SESSION_PUBLISH,   /* the client sends */
    SESSION_SUBSCRIBE, /* the client is ready to receive */
};

struct session_line {
    char mid[SDP_MID_MAX + 1];
    enum sdp_kind kind;
    enum session_role role;
    bool rejected;

    char *cid;      /* PUBLISH: the msid's track id, owned, "" if none */
    uint32_t track; /* PUBLISH: the room's track published here, 0 none yet */

    uint32_t subscription; /* SUBSCRIBE: the room's subscription sent here, 0 none */
    bool releasing;        /* its subscription ended; not free before an answer said inactive */

    struct sdp_wish wish; /* for the next answer; strings must live as long as the answer takes */

    /* Agreed in the last answer. */
    enum sdp_use use;
    struct sdp_answer_codec *codecs; /* owned */
    size_t codec_count;
    char (*rids)[SDP_MID_MAX + 1]; /* owned; layers the client sends, in its order */
    size_t rid_count;
    struct sdp_source sources[SDP_SOURCES_MAX];
    size_t source_count;
    struct sdp_source sent; /* what the client was told that we send under; 0: nothing */
    enum sdp_use offered;   /* by us, in the offer that is to be answered */
};

struct session {
    uint64_t transport; /* random, 0 until the first offer, or answer to an offer of ours */
    uint64_t proposed;  /* what it will be then */
    struct session_line *lines;
    size_t line_count;

    char local_ufrag[SESSION_UFRAG], local_pwd[SESSION_PWD];
    char previous_ufrag[SESSION_UFRAG],
        previous_pwd[SESSION_PWD]; /* until the restart is through */
    char remote_ufrag[SDP_TOKEN_MAX + 1], remote_pwd[SDP_TOKEN_MAX + 1];
    char fingerprint[SESSION_FINGERPRINT]; /* the client's, "sha-256 AB:CD:..."; stays */
    uint8_t extension_ids[SDP_EXT_COUNT];

    struct sdp_candidate candidates[SESSION_CANDIDATES_MAX]; /* of the present node */
    size_t candidate_count;
    uint32_t priority;            /* the highest given so far */
    uint64_t version;             /* answers or offers written */
    struct sdp_section *sections; /* owned; from session_plan to session_answer, else NULL */
};

void session_init(struct session *session);
void session_fini(struct session *session);

/* Reads an offer. On success *out is the parsed offer for session_answer (free it with
 * sdp_offer_free), lines are up to date, and restarted tells whether ICE starts anew with fresh
 * local credentials. A PUBLISH line whose track the client no longer sends keeps `track` with
 * another role: the room unpublishes it and sets it to 0. On failure nothing has changed and reason
 * says why; an offer with another certificate than those before fails. */
MUST_CHECK int session_offer(struct session *session, const char *text,
                             const struct random_source *random, struct sdp_offer **out,
                             bool *restarted, char reason[SDP_REASON_MAX]);

/* Plans the answer for the offer just read, by the lines' wishes: each line's `use` and codecs. */
void session_plan(struct session *session, const struct sdp_offer *offer);
/* Plans one line again, whose wish has changed. */
void session_plan_line(struct session *session, const struct sdp_offer *offer, size_t line);

/* Writes the answer that was planned; free() it. fingerprint is the front's. */
MUST_CHECK char *session_answer(struct session *session, const struct sdp_offer *offer,
                                const char *fingerprint);

/* Our offer, to be freed with free(); its number is session->version. restart: with fresh local ICE
 * credentials, which the first one has anyway. */
MUST_CHECK char *session_propose(struct session *session, const struct random_source *random,
                                 bool restart, const char *fingerprint);

/* Reads the answer to the last offer; lines say what was agreed on. On failure nothing has changed
 * and reason says why: an m-line is missing or another one, or the certificate is. restarted:
 * the client's ICE credentials are others than before. */
MUST_CHECK int session_answered(struct session *session, const char *text, bool *restarted,
                                char reason[SDP_REASON_MAX]);

/* A line of ours to send a subscription of that kind in: an idle one, or one more. NULL: there are
 * SDP_MEDIA_MAX. Before anything else, the one for data. */
struct session_line *session_sending_line(struct session *session, enum sdp_kind kind);

/* A line free to carry a subscription of that kind now, or NULL. */
struct session_line *session_free_line(struct session *session, enum sdp_kind kind);

/* The line of a track or subscription, or NULL. */
struct session_line *session_line_of_track(struct session *session, uint32_t track);
struct session_line *session_line_of_subscription(struct session *session, uint32_t subscription);

/* The codec agreed on a line, or NULL. */
const struct sdp_answer_codec *session_line_codec(const struct session_line *line,
                                                  enum sdp_codec_id id);

#endif
