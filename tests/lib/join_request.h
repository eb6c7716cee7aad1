/* SPDX-License-Identifier: Apache-2.0
 *
 * What a LiveKit SDK asks for when it joins with /rtc/v1: an access token, and a join request with
 * the first offer embedded (livekit-client's join_request parameter).
 */
#ifndef TESTS_LIB_JOIN_REQUEST_H
#define TESTS_LIB_JOIN_REQUEST_H

#include "common/base/base.h"

struct join_request {
    const char *key; /* of the API, and its secret */
    const char *secret;
    const char *room;
    const char *identity;
    const char *offer; /* SDP, NULL: none */
    uint32_t offer_id;
    bool subscribe; /* to everything, by itself */
    bool reconnect;
    const char *sid;    /* of the session that it resumes; NULL: none */
    const char *region; /* attribute of the token, NULL: none */
};

/* The two parameters, to be freed. now_s: seconds since 1970; the token is good for an hour. */
char *join_request_token(const struct join_request *request, int64_t now_s);
char *join_request_parameter(const struct join_request *request);

/* Path and query with both, for the WebSocket; free() it. */
char *join_request_target(const struct join_request *request, int64_t now_s);

#endif
