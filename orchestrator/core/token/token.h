/* SPDX-License-Identifier: Apache-2.0
 *
 * Access tokens: the JWTs that LiveKit SDKs and server SDKs present, and those we make ourselves
 * (refreshed tokens, webhook signatures, `spillctl token create`).
 *
 * One algorithm, HS256 (RFC 7518 §3.2); `iss` names the API key, `sub` is the identity (`jti` where
 * there is no `sub`), `exp` is required, `nbf` is honoured, both with 60 s of leeway. Claims that
 * no part of Spillway acts on (agent, inference, observability grants) are not kept.
 *
 * Wall time is an argument: seconds since 1970. Nothing here reads a clock or keeps state.
 */
#ifndef ORCHESTRATOR_CORE_TOKEN_TOKEN_H
#define ORCHESTRATOR_CORE_TOKEN_TOKEN_H

#include "common/base/base.h"

#define TOKEN_TEXT_MAX   65536 /* bytes of a token; larger ones are refused unread */
#define TOKEN_LEEWAY_S   60    /* clocks of token makers and ours may differ by this much */
#define TOKEN_REASON_MAX 160   /* bytes of a reason, NUL included */

/* ---- Keys ---------------------------------------------------------------------------------- */

struct token_key {
    const char *key;    /* API key, the `iss` of its tokens */
    const char *secret; /* not empty */
};

struct token_keys {
    const struct token_key *list;
    size_t count;
};

/* The entry of that name, or NULL. */
const struct token_key *token_keys_find(const struct token_keys *keys, const char *key);

/* ---- Grants -------------------------------------------------------------------------------- */

/* A grant that may be left out. What absence means is decided by the token_can_* functions. */
enum token_tri { TOKEN_UNSET, TOKEN_NO, TOKEN_YES };

/* Bits of can_publish_sources: 1 << livekit.TrackSource. A name we do not know sets the first bit,
 * so that a list of unknown names allows nothing rather than everything. */
enum token_source {
    TOKEN_SOURCE_UNKNOWN = 1 << 0,
    TOKEN_SOURCE_CAMERA = 1 << 1,
    TOKEN_SOURCE_MICROPHONE = 1 << 2,
    TOKEN_SOURCE_SCREEN_SHARE = 1 << 3,
    TOKEN_SOURCE_SCREEN_SHARE_AUDIO = 1 << 4,
};

struct token_video {
    bool room_create; /* actions on any room */
    bool room_list;
    bool room_record;
    bool ingress_admin;
    bool room_admin; /* actions on `room` */
    bool room_join;
    const char *room;             /* "" if none */
    const char *destination_room; /* "" if none */
    enum token_tri can_publish;
    enum token_tri can_subscribe;
    enum token_tri can_publish_data;
    enum token_tri can_update_own_metadata;
    enum token_tri can_subscribe_metrics;
    enum token_tri can_manage_agent_session;
    unsigned can_publish_sources; /* enum token_source bits; 0: no list given, every source */
    bool hidden;
    bool recorder;
    bool agent;           /* may register as an agent worker */
    bool waits_if_locked; /* ours: in a room that is locked it waits to be let in (room/lock.c) */
};

/* What an operator may do with the admin API (claim spillway.role): each role includes those before
 * it. */
enum token_role {
    TOKEN_ROLE_NONE,
    TOKEN_ROLE_READ,    /* look */
    TOKEN_ROLE_OPERATE, /* cordon, drain, move */
    TOKEN_ROLE_ADMIN, /* and what may harm meetings, such as a drain without place for everybody */
    TOKEN_ROLES
};

struct token_attribute {
    const char *name;
    const char *value;
};

struct token_memory; /* what the strings of a verified token live in */

/* A token's content. Strings are never NULL in a verified token, except room_config. For
 * token_sign fill in what is wanted; NULL strings count as empty there. */
struct token {
    const char *key;      /* `iss`; ignored by token_sign, which uses its key */
    const char *identity; /* `sub`, or `jti`; may be empty in tokens for the server API */
    const char *name;
    const char *metadata;
    const char *kind; /* "standard", "ingress", "egress", "sip", "agent", ...; "" if none */
    const char *const *kind_details;
    size_t kind_detail_count;
    const struct token_attribute *attributes;
    size_t attribute_count;
    bool has_video; /* a `video` grant was there; when false all of video is empty */
    struct token_video video;
    bool sip_admin;
    bool sip_call;
    enum token_role role;
    const char *room_config; /* livekit.RoomConfiguration as JSON text, NULL if none */
    const char *room_preset;
    const char *sha256; /* base64 digest of a webhook's body */
    int64_t expires_s;  /* set by token_verify */
    struct token_memory *memory;
};

/* The defaults rule: publishing and subscribing are allowed unless denied, publishing data follows
 * publishing, the rest is denied unless allowed. */
bool token_can_publish(const struct token_video *video);
bool token_can_publish_source(const struct token_video *video, enum token_source source);
bool token_can_subscribe(const struct token_video *video);
bool token_can_publish_data(const struct token_video *video);
bool token_can_update_own_metadata(const struct token_video *video);
bool token_can_subscribe_metrics(const struct token_video *video);

/* Whether its holder may do what takes this role: by its own role, or by a grant of LiveKit's:
 * roomList is enough to look, roomCreate for everything else. */
bool token_may(const struct token *token, enum token_role role);
/* "read"; "" for NONE. */
const char *token_role_name(enum token_role role);
/* ERR_NOT_FOUND: there is none of that name. */
int token_role_find(const char *name, enum token_role *out) MUST_CHECK;

/* ---- Verify and sign ----------------------------------------------------------------------- */

/* Verifies a token's text (len bytes, no "Bearer "). On success fills out, to be released with
 * token_fini. On failure out is untouched and reason holds a sentence that may be shown to the
 * client as the body of a 401; it never repeats the token's bytes.
 *
 *   ERR_TOO_BIG      longer than TOKEN_TEXT_MAX
 *   ERR_INVALID      not a JWT, or a claim of the wrong type
 *   ERR_UNSUPPORTED  signed with anything but HS256 ("none" included)
 *   ERR_NOT_FOUND    `iss` names no key of ours
 *   ERR_AUTH         bad signature
 *   ERR_EXPIRED      `exp` has passed, or there is no `exp`
 *   ERR_STATE        `nbf` has not come yet
 */
int token_verify(struct token *out, const struct token_keys *keys, const char *text, size_t len,
                 int64_t now_s, char reason[TOKEN_REASON_MAX]) MUST_CHECK;

/* Releases what token_verify took. Not for tokens that the caller filled in. */
void token_fini(struct token *token);

/* The signed text of a token that is valid from now_s for ttl_s seconds (> 0), to be freed with
 * free(). NULL if room_config is no JSON object, a string is not UTF-8, or the text would exceed
 * TOKEN_TEXT_MAX. */
char *token_sign(const struct token *token, const struct token_key *key, int64_t now_s,
                 int64_t ttl_s) MUST_CHECK;

#endif
