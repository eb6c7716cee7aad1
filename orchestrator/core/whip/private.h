/* SPDX-License-Identifier: Apache-2.0
 *
 * Inside whip/: sessions, and the prototypes shared by its files.
 */
#ifndef ORCHESTRATOR_CORE_WHIP_PRIVATE_H
#define ORCHESTRATOR_CORE_WHIP_PRIVATE_H

#include "orchestrator/core/sdp/sdp.h"
#include "orchestrator/core/whip/whip.h"
#include "proto/gen/client.pb-c.h"

#include <uthash.h>

#define WHIP_SID_MAX  33 /* 32 characters of 62: 190 bits */
#define WHIP_ETAG_MAX 9
#define WHIP_OFFER_ID 1 /* of the offer in a join request */
#define WHIP_BUSY_S   5 /* Retry-After where nobody knows better */

#define WHIP_TYPE_FRAGMENT "application/trickle-ice-sdpfrag" /* RFC 8840 §9 */

enum {
    HTTP_OK = 200,
    HTTP_CREATED = 201,
    HTTP_NO_CONTENT = 204,
    HTTP_BAD_REQUEST = 400,
    HTTP_UNAUTHORIZED = 401,
    HTTP_FORBIDDEN = 403,
    HTTP_NOT_FOUND = 404,
    HTTP_NOT_ALLOWED = 405,
    HTTP_CONFLICT = 409,
    HTTP_PRECONDITION_FAILED = 412,
    HTTP_TOO_LARGE = 413,
    HTTP_UNSUPPORTED_TYPE = 415,
    HTTP_UNPROCESSABLE = 422,
    HTTP_PRECONDITION_REQUIRED = 428,
    HTTP_UNAVAILABLE = 503,
};

enum mode { PUBLISH, PLAY };

enum phase { JOINING, ASKING, OPEN };

struct played {
    char publisher[ID_MAX], track[ID_MAX]; /* sids */
};

struct session {
    uint64_t conn; /* and the request that it answers, until it is open */
    enum mode mode;
    enum phase phase;
    char sid[WHIP_SID_MAX];
    char etag[WHIP_ETAG_MAX]; /* of its ICE session, unquoted */
    char *identity, *room;
    int64_t made_s;          /* wall time */
    char *ufrag;             /* the client's */
    char *offer;             /* as it came; a restart says it again, with other credentials */
    uint32_t offer_id;       /* of the last one said */
    bool audio, video;       /* PLAY: what it offers to receive */
    char *wanted;            /* PLAY: whose tracks, "" anybody's */
    char *links;             /* header lines of TURN servers, once it has joined */
    struct played played[2]; /* PLAY: what is left of what it was given */
    size_t played_count;
    bool left; /* the room said `leave`, and why */
    Livekit__DisconnectReason reason;
    uint64_t restart; /* the PATCH that waits for the answer of offer_id; 0: none */
    char *next_ufrag; /* the client's, if that is answered */
    int64_t restart_due_us;
    struct session *prev_restart, *next_restart;
    int64_t due_us;              /* JOINING, ASKING: the answer; OPEN: the next ping */
    struct session *prev, *next; /* of its list, in the order of due_us */
    UT_hash_handle hh, hh_sid;
};

struct whip_ice {
    struct bytes ufrag, pwd; /* borrowed */
};

struct output {
    struct whip_out out;
    struct output *prev, *next;
};

struct whip {
    struct whip_config config;
    int64_t now_us;
    int64_t wall_offset_us;
    struct session *by_conn, *by_sid;
    struct session *waiting, *open; /* lists */
    struct session *restarting;     /* those of the open ones, in the order of restart_due_us */
    struct output *outputs;         /* bounded by what one input can cause */
    struct whip_stats stats;
};

/* ---- whip.c ---- */
/* Takes the strings of out over. */
void whip_take(struct whip *whip, struct whip_out out);
void whip_answer(struct whip *whip, uint64_t request, int status, const char *text);
void whip_refuse(struct whip *whip, uint64_t request, const struct whip_refusal *why);
void whip_signal(struct whip *whip, const struct session *s, const Livekit__SignalRequest *request);
struct session *whip_find(const struct whip *whip, uint64_t conn);
struct session *whip_find_sid(const struct whip *whip, const char *sid);
/* Zeroes it but for what finds it. */
struct session *whip_session_new(struct whip *whip, uint64_t conn, enum mode mode);
void whip_session_open(struct whip *whip, struct session *s);
void whip_session_free(struct whip *whip, struct session *s);
/* The participant leaves, and the session is no more. */
void whip_session_leave(struct whip *whip, struct session *s);
int64_t whip_wall_s(const struct whip *whip);

/* ---- join.c ---- */
/* What of an offer is to be published or played; 0, or an HTTP status and a reason. */
struct media {
    const struct sdp_media *audio, *video;
};
int whip_read_offer(struct media *out, const struct sdp_offer *offer, enum mode mode,
                    char reason[SDP_REASON_MAX]);
/* The join_request of an entry_request, to be freed with free(). offer: of a publisher, with media;
 * NULL for a player. */
char *whip_join_request(const char *offer, const struct media *media);

/* ---- links.c ---- */
/* Link header lines, "" of none; to be freed with free(). */
char *whip_links(Livekit__ICEServer *const *servers, size_t count);

/* ---- restart.c ---- */
/* Says an offer to the room, under a number of its own. */
void whip_offer(struct whip *whip, struct session *s, const char *offer);
/* A PATCH asks an open session for an ICE restart: it is answered later. Else an ERR_* with a
 * reason, and nothing has changed. */
MUST_CHECK int whip_restart(struct whip *whip, struct session *s, uint64_t request,
                            const struct whip_ice *ice, char reason[SDP_REASON_MAX]);
/* The room answered an open session. */
void whip_restarted(struct whip *whip, struct session *s, const Livekit__SessionDescription *sdp);
/* Answers the PATCH that waits for that, if any; what the room makes of it is nobody's. */
void whip_restart_refuse(struct whip *whip, struct session *s, const struct whip_refusal *why);

/* ---- fragment.c ---- */
/* The credentials in a body of application/trickle-ice-sdpfrag, the first there are: pwd is empty
 * where it has none, of any content; false: no ufrag. */
bool whip_fragment_read(struct bytes body, struct whip_ice *out);
/* An offer with these credentials, without a zero byte; free() it. */
char *whip_fragment_apply(const char *offer, const struct whip_ice *ice);
/* What an answer of ours says of ICE, as such a body; free() it. */
char *whip_fragment_of(const char *answer);

#endif
