/* SPDX-License-Identifier: Apache-2.0
 *
 * What HTTP asks for: a session, or something of one.
 */
#include "orchestrator/core/whip/private.h"
#include "proto/wire/wire.h"

#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#define TYPE_OFFER "application/sdp"
#define SESSIONS   "sessions/"

/* Why a request is not served. */
struct fault {
    int status; /* 0: it is */
    char reason[ENTRY_REASON_MAX];
};

static bool fail(struct fault *fault, int status, const char *reason)
{
    fault->status = status;
    snprintf(fault->reason, sizeof(fault->reason), "%s", reason);
    return false;
}

/* Fit for a text in a message to the room. */
static bool is_text(struct bytes bytes)
{
    return memchr(bytes.data, '\0', bytes.len) == NULL &&
           wire_utf8((const char *)bytes.data, bytes.len) == bytes.len;
}

static bool is_type(const char *content_type, const char *wanted)
{
    size_t len = strlen(wanted);
    return strncasecmp(content_type, wanted, len) == 0 &&
           (content_type[len] == '\0' || content_type[len] == ';' || content_type[len] == ' ');
}

static void answer_fault(struct whip *whip, uint64_t id, const struct fault *fault,
                         const char *headers)
{
    bool challenge = fault->status == HTTP_UNAUTHORIZED;
    whip->stats.refused++;
    whip_take(whip,
              (struct whip_out){
                  .type = WHIP_ANSWER,
                  .id = id,
                  .status = fault->status,
                  .retry_after_s = fault->status == HTTP_UNAVAILABLE ? WHIP_BUSY_S : 0,
                  .headers = challenge ? mem_str("WWW-Authenticate: Bearer\r\n")
                                       : (headers == NULL ? NULL : mem_str(headers)),
                  .body = {mem_copy(fault->reason, strlen(fault->reason)), strlen(fault->reason)},
              });
}

/* ---- Tokens -------------------------------------------------------------------------------- */

/* at_s: the time it has to be valid at. */
static bool read_token(const struct whip *whip, const struct whip_request *from, int64_t at_s,
                       struct token *out, struct fault *fault)
{
    char why[TOKEN_REASON_MAX];
    const char *text = entry_bearer(from->authorization, "");
    if (text[0] == '\0') {
        return fail(fault, HTTP_UNAUTHORIZED, "no access token");
    }
    if (token_verify(out, &whip->config.keys, text, strlen(text), at_s, why) != 0) {
        return fail(fault, HTTP_UNAUTHORIZED, why);
    }
    return true;
}

/* Whether it may open a session, of that room; "" where the URL names none. */
static bool may_join(const struct token *token, enum mode mode, const char *room,
                     struct fault *fault)
{
    if (!token->has_video || !token->video.room_join) {
        return fail(fault, HTTP_FORBIDDEN, "the token does not grant roomJoin");
    }
    if (mode == PUBLISH && !token_can_publish(&token->video)) {
        return fail(fault, HTTP_FORBIDDEN, "the token does not grant canPublish");
    }
    if (mode == PLAY && !token_can_subscribe(&token->video)) {
        return fail(fault, HTTP_FORBIDDEN, "the token does not grant canSubscribe");
    }
    if (room[0] != '\0' && token->video.room[0] != '\0' && strcmp(room, token->video.room) != 0) {
        return fail(fault, HTTP_FORBIDDEN, "the token is for another room");
    }
    return true;
}

static bool may_send(const struct token *token, const struct media *media, struct fault *fault)
{
    bool audio = token_can_publish_source(&token->video, TOKEN_SOURCE_MICROPHONE);
    bool video = token_can_publish_source(&token->video, TOKEN_SOURCE_CAMERA);
    if ((media->audio != NULL && !audio) || (media->video != NULL && !video)) {
        return fail(fault, HTTP_FORBIDDEN, "the token's canPublishSources lack one of these");
    }
    return true;
}

/* ---- POST ---------------------------------------------------------------------------------- */

static bool read_offer(const struct whip_request *from, struct sdp_offer **out, struct fault *fault)
{
    char reason[SDP_REASON_MAX];
    if (!is_type(from->content_type, TYPE_OFFER)) {
        return fail(fault, HTTP_UNSUPPORTED_TYPE, "the body is to be " TYPE_OFFER);
    }
    if (from->body.len > WHIP_BODY_MAX) {
        return fail(fault, HTTP_TOO_LARGE, "the offer is too large");
    }
    if (!is_text(from->body)) {
        return fail(fault, HTTP_BAD_REQUEST, "the offer is no UTF-8");
    }
    switch (sdp_offer_parse(out, (const char *)from->body.data, from->body.len, reason)) {
    case 0:
        return true;
    case ERR_UNSUPPORTED:
        return fail(fault, HTTP_UNPROCESSABLE, reason);
    case ERR_TOO_BIG:
        return fail(fault, HTTP_TOO_LARGE, reason);
    default:
        return fail(fault, HTTP_BAD_REQUEST, reason);
    }
}

struct opening {
    enum mode mode;
    const char *room; /* in the URL, "" none */
    const struct token *token;
    const struct sdp_offer *offer;
    struct media media;
};

static void begin(struct whip *whip, uint64_t id, const struct whip_request *from,
                  const struct opening *opening)
{
    const char *offer = (const char *)from->body.data;
    const char *room = opening->token->video.room;
    struct session *s = whip_session_new(whip, id, opening->mode);
    s->identity = mem_str(opening->token->identity);
    s->room = mem_str(room[0] != '\0' ? room : opening->room);
    s->ufrag = mem_str(opening->offer->ice_ufrag);
    s->wanted = mem_str(from->participant);
    s->audio = opening->media.audio != NULL;
    s->video = opening->media.video != NULL;
    s->offer = mem_str(offer);
    s->offer_id = opening->mode == PLAY ? 0 : WHIP_OFFER_ID;
    whip_take(whip, (struct whip_out){
                        .type = WHIP_CONNECT,
                        .id = id,
                        .authorization = mem_str(from->authorization),
                        .join_request = whip_join_request(opening->mode == PLAY ? NULL : offer,
                                                          &opening->media),
                        .room = mem_str(opening->room),
                        .address = mem_str(from->address),
                    });
}

static bool open_session(struct whip *whip, uint64_t id, const struct whip_request *from,
                         struct opening *opening, struct fault *fault)
{
    struct token token;
    struct sdp_offer *offer;
    char reason[SDP_REASON_MAX];
    if (HASH_COUNT(whip->by_conn) >= WHIP_SESSIONS_MAX) {
        return fail(fault, HTTP_UNAVAILABLE, "too many sessions");
    }
    if (!is_text((struct bytes){(const uint8_t *)opening->room, strlen(opening->room)})) {
        return fail(fault, HTTP_BAD_REQUEST, "the room's name is no UTF-8");
    }
    if (!read_token(whip, from, whip_wall_s(whip), &token, fault)) {
        return false;
    }
    bool ok = may_join(&token, opening->mode, opening->room, fault);
    if (ok && read_offer(from, &offer, fault)) {
        int status = whip_read_offer(&opening->media, offer, opening->mode, reason);
        ok = status == 0 ? opening->mode == PLAY || may_send(&token, &opening->media, fault)
                         : fail(fault, status, reason);
        opening->token = &token;
        opening->offer = offer;
        if (ok) {
            begin(whip, id, from, opening);
        }
        sdp_offer_free(offer);
    }
    token_fini(&token);
    return fault->status == 0;
}

static void post(struct whip *whip, uint64_t id, const struct whip_request *from, enum mode mode,
                 const char *rest)
{
    struct fault fault = {0};
    struct opening opening = {.mode = mode, .room = rest};
    if (!open_session(whip, id, from, &opening, &fault)) {
        bool type = fault.status == HTTP_UNSUPPORTED_TYPE;
        answer_fault(whip, id, &fault, type ? "Accept-Post: " TYPE_OFFER "\r\n" : NULL);
    }
}

/* ---- PATCH and DELETE ---------------------------------------------------------------------- */

/* The session, of a client that may speak of it: its token is of the same room and identity, and is
 * valid, or was when it opened it. */
static struct session *session_of(struct whip *whip, const struct whip_request *from,
                                  enum mode mode, const char *sid, struct fault *fault)
{
    struct token token;
    struct session *s = whip_find_sid(whip, sid);
    struct fault expired;
    if (!read_token(whip, from, whip_wall_s(whip), &token, fault) &&
        (s == NULL || !read_token(whip, from, s->made_s, &token, &expired))) {
        return NULL;
    }
    *fault = (struct fault){0};
    const char *room = token.video.room;
    if (s == NULL || s->mode != mode || s->phase != OPEN) {
        (void)fail(fault, HTTP_NOT_FOUND, "no such session");
    } else if (strcmp(token.identity, s->identity) != 0 ||
               (room[0] != '\0' && strcmp(room, s->room) != 0)) {
        (void)fail(fault, HTTP_FORBIDDEN, "the session is somebody else's");
    }
    token_fini(&token);
    return fault->status == 0 ? s : NULL;
}

/* If-Match has to name the ICE session (RFC 9725 §4.3.1), or "*" for another one (§4.3.3), which
 * the examples there have in quotation marks. */
static bool matches(const struct session *s, const char *if_match, struct fault *fault)
{
    char quoted[WHIP_ETAG_MAX + 2];
    snprintf(quoted, sizeof(quoted), "\"%s\"", s->etag);
    if (if_match[0] == '\0') {
        return fail(fault, HTTP_PRECONDITION_REQUIRED, "no If-Match");
    }
    if (strcmp(if_match, "*") != 0 && strcmp(if_match, "\"*\"") != 0 &&
        strcmp(if_match, quoted) != 0) {
        return fail(fault, HTTP_PRECONDITION_FAILED, "If-Match names another ICE session");
    }
    return true;
}

static bool read_fragment(const struct session *s, const struct whip_request *from,
                          struct whip_ice *out, struct fault *fault)
{
    if (!is_type(from->content_type, WHIP_TYPE_FRAGMENT)) {
        return fail(fault, HTTP_UNSUPPORTED_TYPE, "the body is to be " WHIP_TYPE_FRAGMENT);
    }
    if (!matches(s, from->if_match, fault)) {
        return false;
    }
    if (!is_text(from->body) || !whip_fragment_read(from->body, out)) {
        return fail(fault, HTTP_BAD_REQUEST, "no a=ice-ufrag in the fragment");
    }
    return true;
}

/* Other credentials are an ICE restart, whatever If-Match says (RFC 9725 §4.3.3). */
static bool restarts(const struct session *s, const struct whip_ice *ice)
{
    return ice->ufrag.len != strlen(s->ufrag) ||
           memcmp(ice->ufrag.data, s->ufrag, ice->ufrag.len) != 0;
}

static void patch(struct whip *whip, uint64_t id, const struct whip_request *from,
                  struct session *s)
{
    struct fault fault = {0};
    struct whip_ice ice;
    char reason[SDP_REASON_MAX];
    if (!read_fragment(s, from, &ice, &fault)) {
        bool type = fault.status == HTTP_UNSUPPORTED_TYPE;
        answer_fault(whip, id, &fault, type ? "Accept-Patch: " WHIP_TYPE_FRAGMENT "\r\n" : NULL);
    } else if (!restarts(s, &ice)) {
        whip_answer(whip, id, HTTP_NO_CONTENT, "");
    } else if (whip_restart(whip, s, id, &ice, reason) != 0) {
        (void)fail(&fault, HTTP_BAD_REQUEST, reason);
        answer_fault(whip, id, &fault, NULL);
    }
}

static void of_session(struct whip *whip, uint64_t id, const struct whip_request *from,
                       enum mode mode, const char *sid)
{
    struct fault fault = {0};
    struct session *s = session_of(whip, from, mode, sid, &fault);
    if (s == NULL) {
        answer_fault(whip, id, &fault, NULL);
    } else if (strcmp(from->verb, "DELETE") == 0) {
        whip_session_leave(whip, s);
        whip_answer(whip, id, HTTP_OK, "");
    } else {
        patch(whip, id, from, s);
    }
}

void whip_request(struct whip *whip, int64_t now_us, uint64_t id, const struct whip_request *from)
{
    assert(now_us >= whip->now_us);
    whip->now_us = now_us;
    struct fault fault = {0};
    enum mode mode = strncmp(from->path, "/whep", 5) == 0 ? PLAY : PUBLISH;
    const char *rest = from->path + strlen("/whip/v1"); /* as long as the other */
    rest += rest[0] == '/';
    bool session = strncmp(rest, SESSIONS, strlen(SESSIONS)) == 0;
    bool posts = strcmp(from->verb, "POST") == 0;
    bool changes = strcmp(from->verb, "PATCH") == 0 || strcmp(from->verb, "DELETE") == 0;
    if (posts && !session) {
        post(whip, id, from, mode, rest);
    } else if (changes && session) {
        of_session(whip, id, from, mode, rest + strlen(SESSIONS));
    } else { /* RFC 9725 §4.2 and §4.3: the others are for later versions */
        (void)fail(&fault, HTTP_NOT_ALLOWED, "not a method of this resource");
        answer_fault(whip, id, &fault,
                     session ? "Allow: PATCH, DELETE, OPTIONS\r\n" : "Allow: POST, OPTIONS\r\n");
    }
}
