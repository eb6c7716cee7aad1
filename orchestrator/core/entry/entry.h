/* SPDX-License-Identifier: Apache-2.0
 *
 * A client at the door: what the request for a WebSocket says, and whether it may come in. The same
 * checks answer the plain-HTTP validate paths, by which clients learn why an upgrade was refused
 * (livekit-protocol.md §1).
 */
#ifndef ORCHESTRATOR_CORE_ENTRY_ENTRY_H
#define ORCHESTRATOR_CORE_ENTRY_ENTRY_H

#include "common/base/base.h"
#include "orchestrator/core/token/token.h"
#include "proto/gen/client.pb-c.h"

#define ENTRY_PROTOCOL_MIN 15 /* of LiveKit's signalling */
#define ENTRY_PROTOCOL_MIN_V0                                                                      \
    9 /* the same of clients with two peer connections: offers without waiting, DISCONNECTED in    \
         updates (livekit-protocol.md §0.1) */
#define ENTRY_REQUEST_MAX  (64 * 1024)   /* bytes of join_request, as text */
#define ENTRY_INFLATED_MAX (1024 * 1024) /* bytes of a JoinRequest, unpacked */
#define ENTRY_NAME_MAX     256           /* bytes of an identity or a room's name */
#define ENTRY_REASON_MAX   200

/* As HTTP gave it, percent-decoded; "" where absent. */
struct entry_request {
    const char *path; /* "/rtc", "/rtc/v1", and each with "/validate" */
    const char *authorization;
    const char *access_token;
    const char *join_request;
    const char *protocol; /* v0's parameter */
    const char *room;     /* v0's parameter, for tokens that name no room */
    bool two_connections; /* join_request is of entry_from_parameters() */
};

/* What v0's query says of a client beside these: names of its parameters. */
#define ENTRY_PARAMETERS 18
extern const char *const entry_parameters[ENTRY_PARAMETERS];

/* Whether a client comes by them: at /rtc, with a protocol and no join_request. */
bool entry_is_v0(const struct entry_request *request);

/* A join_request of their values ("" where absent), to be freed with free(). */
MUST_CHECK char *entry_from_parameters(const char *const values[ENTRY_PARAMETERS]);

struct entry {
    struct token token;
    const char *room;              /* in the token or the request */
    Livekit__JoinRequest *request; /* empty, not NULL, where none was given */
    bool two_connections;          /* it receives on a second one, which we offer */
};

/* 0: *out is filled, entry_fini() it. Otherwise an HTTP status (400, 401), and reason is its body.
 */
MUST_CHECK int entry_check(struct entry *out, const struct entry_request *request,
                           const struct token_keys *keys, int64_t now_s,
                           char reason[ENTRY_REASON_MAX]);
void entry_fini(struct entry *entry);

/* The bearer token of an Authorization header, else the fallback. */
const char *entry_bearer(const char *authorization, const char *fallback);

/* Decodes a join_request parameter (base64 of a WrappedJoinRequest, perhaps gzip inside).
 * ERR_INVALID, ERR_TOO_BIG. */
MUST_CHECK int entry_decode(const char *text, Livekit__JoinRequest **out);

/* The reverse, without compression; to be freed with free(). */
MUST_CHECK char *entry_encode(const Livekit__JoinRequest *request);

#endif
