/* SPDX-License-Identifier: Apache-2.0
 *
 * From a token's text to its grants.
 *
 *   1. shape: bounded, three parts of base64url; the header must say HS256
 *   2. `iss`, read unverified, chooses the key
 *   3. signature, with that key: libjwt compares in constant time
 *   4. times, against the caller's clock with its leeway
 *   5. claims; a claim of the wrong type refuses the token rather than being passed over
 *
 * libjwt itself would verify with whatever algorithm the header names, and take a missing key for
 * "do not verify" (jwt_decode), hence step 1. Its own checks of times read the clock and are not
 * used.
 */
#include "orchestrator/core/token/grants.h"

#include <jansson.h>
#include <jwt.h>
#include <stdio.h>
#include <stdlib.h>

struct token_memory {
    json_t *claims; /* the strings of the token */
    char *room_config;
    struct token_attribute *attributes;
    const char **kind_details;
};

static void memory_free(struct token_memory *memory)
{
    json_decref(memory->claims);
    free(memory->room_config);
    free(memory->attributes);
    free(memory->kind_details);
    free(memory);
}

static int refuse(char reason[TOKEN_REASON_MAX], int err, const char *text)
{
    snprintf(reason, TOKEN_REASON_MAX, "%s", text);
    return err;
}

static int wrong_type(char reason[TOKEN_REASON_MAX], const char *claim)
{
    snprintf(reason, TOKEN_REASON_MAX, "the token's claim \"%s\" has the wrong type", claim);
    return ERR_INVALID;
}

/* Three non-empty parts of base64url. libjwt would also take anything else for a part. */
static bool shape_good(const char *text, size_t len)
{
    size_t dots = 0;
    size_t part = 0;
    for (size_t i = 0; i < len; i++) {
        char c = text[i];
        bool letter = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
        if (c == '.') {
            if (part == 0) {
                return false;
            }
            dots++;
            part = 0;
        } else if (letter || (c >= '0' && c <= '9') || c == '-' || c == '_') {
            part++;
        } else {
            return false;
        }
    }
    /* An empty signature ("none") is not malformed: its algorithm is what is wrong with it. */
    return dots == 2;
}

/* Steps 1 and 2. */
static int key_choose(const struct token_key **out, const struct token_keys *keys, const char *text,
                      char reason[TOKEN_REASON_MAX])
{
    jwt_t *unverified = NULL;
    if (jwt_decode(&unverified, text, NULL, 0) != 0) {
        return refuse(reason, ERR_INVALID, "malformed token: header or claims are not JSON");
    }
    int err = 0;
    const char *algorithm = jwt_get_header(unverified, "alg");
    const char *issuer = jwt_get_grant(unverified, "iss");
    if (algorithm == NULL || strcmp(algorithm, "HS256") != 0) {
        err = refuse(reason, ERR_UNSUPPORTED, "the token is not signed with HS256");
    } else if (issuer == NULL || issuer[0] == '\0') {
        err = refuse(reason, ERR_INVALID, "the token names no API key (iss)");
    } else {
        *out = token_keys_find(keys, issuer);
        if (*out == NULL) {
            err = refuse(reason, ERR_NOT_FOUND, "unknown API key");
        }
    }
    jwt_free(unverified);
    return err;
}

/* Step 3. */
static int signature_check(json_t **claims, const struct token_key *key, const char *text,
                           char reason[TOKEN_REASON_MAX])
{
    assert(key->secret[0] != '\0'); /* no key would mean no verification */
    jwt_t *verified = NULL;
    const unsigned char *secret = (const unsigned char *)key->secret;
    if (jwt_decode(&verified, text, secret, (int)strlen(key->secret)) != 0) {
        snprintf(reason, TOKEN_REASON_MAX,
                 "bad signature: the token was not made with the secret of API key \"%.64s\"",
                 key->key);
        return ERR_AUTH;
    }
    assert(jwt_get_alg(verified) == JWT_ALG_HS256); /* key_choose let nothing else through */
    char *text_claims = jwt_get_grants_json(verified, NULL);
    jwt_free(verified);
    *claims = text_claims != NULL ? json_loads(text_claims, 0, NULL) : NULL;
    free(text_claims);
    if (*claims == NULL) {
        return refuse(reason, ERR_INVALID, "malformed token: claims cannot be read");
    }
    return 0;
}

/* A NumericDate (RFC 7519 §2): seconds, perhaps with a fraction. */
static int64_t numeric_date(const json_t *value)
{
    double seconds = json_number_value(value);
    double limit = 1e15; /* far beyond any date, and exact in both types */
    return (int64_t)MAX(-limit, MIN(limit, seconds));
}

/* Step 4. */
static int times_check(struct token *token, const json_t *claims, int64_t now_s,
                       char reason[TOKEN_REASON_MAX])
{
    const json_t *expires = json_object_get(claims, "exp");
    const json_t *not_before = json_object_get(claims, "nbf");
    if (expires == NULL || json_is_null(expires)) {
        return refuse(reason, ERR_EXPIRED, "the token has no expiry (exp)");
    }
    if (!json_is_number(expires)) {
        return wrong_type(reason, "exp");
    }
    token->expires_s = numeric_date(expires);
    if (now_s > token->expires_s + TOKEN_LEEWAY_S) {
        snprintf(reason, TOKEN_REASON_MAX, "the token expired %lld s ago",
                 (long long)(now_s - token->expires_s));
        return ERR_EXPIRED;
    }
    if (not_before == NULL || json_is_null(not_before)) {
        return 0;
    }
    if (!json_is_number(not_before)) {
        return wrong_type(reason, "nbf");
    }
    int64_t not_before_s = numeric_date(not_before);
    if (now_s < not_before_s - TOKEN_LEEWAY_S) {
        snprintf(reason, TOKEN_REASON_MAX, "the token is not valid yet, only in %lld s",
                 (long long)(not_before_s - now_s));
        return ERR_STATE;
    }
    return 0;
}

/* A string claim; absent and null are empty. */
static int string_read(const char **out, const json_t *object, const char *name,
                       char reason[TOKEN_REASON_MAX])
{
    const json_t *value = json_object_get(object, name);
    if (value != NULL && !json_is_null(value) && !json_is_string(value)) {
        return wrong_type(reason, name);
    }
    *out = json_is_string(value) ? json_string_value(value) : "";
    return 0;
}

static int tri_read(enum token_tri *out, const json_t *object, const char *name,
                    char reason[TOKEN_REASON_MAX])
{
    const json_t *value = json_object_get(object, name);
    if (value != NULL && !json_is_null(value) && !json_is_boolean(value)) {
        return wrong_type(reason, name);
    }
    *out = json_is_boolean(value) ? (json_is_true(value) ? TOKEN_YES : TOKEN_NO) : TOKEN_UNSET;
    return 0;
}

static int flag_read(bool *out, const json_t *object, const char *name,
                     char reason[TOKEN_REASON_MAX])
{
    enum token_tri tri;
    int err = tri_read(&tri, object, name, reason);
    if (err == 0) {
        *out = tri == TOKEN_YES;
    }
    return err;
}

static int sources_read(unsigned *out, const json_t *video, char reason[TOKEN_REASON_MAX])
{
    const char *claim = "canPublishSources";
    const json_t *list = json_object_get(video, claim);
    if (list != NULL && !json_is_null(list) && !json_is_array(list)) {
        return wrong_type(reason, claim);
    }
    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *name = json_string_value(json_array_get(list, i));
        if (name == NULL) {
            return wrong_type(reason, claim);
        }
        unsigned bit = TOKEN_SOURCE_UNKNOWN;
        for (unsigned source = 1; source < GRANTS_SOURCES; source++) {
            bit = strcmp(name, grants_sources[source]) == 0 ? 1u << source : bit;
        }
        *out |= bit;
    }
    return 0;
}

static int video_read(struct token *token, const json_t *claims, char reason[TOKEN_REASON_MAX])
{
    struct token_video *video = &token->video;
    const json_t *grant = json_object_get(claims, "video");
    if (grant != NULL && !json_is_null(grant) && !json_is_object(grant)) {
        return wrong_type(reason, "video");
    }
    token->has_video = json_is_object(grant);
    int err = sources_read(&video->can_publish_sources, grant, reason);
    if (err == 0) {
        err = string_read(&video->room, grant, "room", reason);
    }
    if (err == 0) {
        err = string_read(&video->destination_room, grant, "destinationRoom", reason);
    }
    for (size_t i = 0; err == 0 && i < GRANTS_FLAGS; i++) {
        const struct grants_field *field = &grants_flags[i];
        err = flag_read((bool *)((char *)video + field->offset), grant, field->name, reason);
    }
    for (size_t i = 0; err == 0 && i < GRANTS_TRIS; i++) {
        const struct grants_field *field = &grants_tris[i];
        err =
            tri_read((enum token_tri *)((char *)video + field->offset), grant, field->name, reason);
    }
    return err;
}

static int attributes_read(struct token *token, json_t *claims, char reason[TOKEN_REASON_MAX])
{
    json_t *map = json_object_get(claims, "attributes");
    if (map == NULL || json_is_null(map)) {
        return 0;
    }
    if (!json_is_object(map)) {
        return wrong_type(reason, "attributes");
    }
    struct token_attribute *list = mem_array(json_object_size(map), sizeof(*list));
    token->memory->attributes = list;
    token->attributes = list;
    const char *name;
    json_t *value;
    json_object_foreach(map, name, value)
    {
        if (!json_is_string(value)) {
            return wrong_type(reason, "attributes");
        }
        list[token->attribute_count++] =
            (struct token_attribute){.name = name, .value = json_string_value(value)};
    }
    return 0;
}

static int kind_details_read(struct token *token, const json_t *claims,
                             char reason[TOKEN_REASON_MAX])
{
    const json_t *details = json_object_get(claims, "kindDetails");
    if (details == NULL || json_is_null(details)) {
        return 0;
    }
    if (!json_is_array(details)) {
        return wrong_type(reason, "kindDetails");
    }
    const char **list = mem_array(json_array_size(details), sizeof(*list));
    token->memory->kind_details = list;
    token->kind_details = list;
    for (size_t i = 0; i < json_array_size(details); i++) {
        list[i] = json_string_value(json_array_get(details, i));
        if (list[i] == NULL) {
            return wrong_type(reason, "kindDetails");
        }
        token->kind_detail_count++;
    }
    return 0;
}

static int sip_read(struct token *token, const json_t *claims, char reason[TOKEN_REASON_MAX])
{
    const json_t *grant = json_object_get(claims, "sip");
    if (grant != NULL && !json_is_null(grant) && !json_is_object(grant)) {
        return wrong_type(reason, "sip");
    }
    int err = flag_read(&token->sip_admin, grant, "admin", reason);
    return err != 0 ? err : flag_read(&token->sip_call, grant, "call", reason);
}

/* A name that we do not know is refused: whoever made the token meant something by it. */
static int role_read(struct token *token, const json_t *claims, char reason[TOKEN_REASON_MAX])
{
    const char *name;
    const json_t *grant = json_object_get(claims, "spillway");
    if (grant != NULL && !json_is_null(grant) && !json_is_object(grant)) {
        return wrong_type(reason, "spillway");
    }
    int err = string_read(&name, grant, "role", reason);
    if (err == 0 && name[0] != '\0' && token_role_find(name, &token->role) != 0) {
        return refuse(reason, ERR_INVALID, "the token's role is none of read, operate, admin");
    }
    return err;
}

static int room_config_read(struct token *token, const json_t *claims,
                            char reason[TOKEN_REASON_MAX])
{
    const json_t *config = json_object_get(claims, "roomConfig");
    if (config == NULL || json_is_null(config)) {
        return 0;
    }
    if (!json_is_object(config)) {
        return wrong_type(reason, "roomConfig");
    }
    token->memory->room_config = json_dumps(config, JSON_COMPACT);
    token->room_config = token->memory->room_config;
    return 0;
}

/* Step 5. */
static int claims_read(struct token *token, json_t *claims, char reason[TOKEN_REASON_MAX])
{
    int err = string_read(&token->identity, claims, "sub", reason);
    if (err == 0 && token->identity[0] == '\0') {
        err = string_read(&token->identity, claims, "jti", reason);
    }
    for (size_t i = 0; err == 0 && i < GRANTS_STRINGS; i++) {
        const struct grants_field *field = &grants_strings[i];
        err = string_read((const char **)((char *)token + field->offset), claims, field->name,
                          reason);
    }
    int (*const readers[])(struct token *, const json_t *, char *) = {
        video_read, kind_details_read, sip_read, role_read, room_config_read,
    };
    for (size_t i = 0; err == 0 && i < ARRAY_LEN(readers); i++) {
        err = readers[i](token, claims, reason);
    }
    return err != 0 ? err : attributes_read(token, claims, reason);
}

int token_verify(struct token *out, const struct token_keys *keys, const char *text, size_t len,
                 int64_t now_s, char reason[TOKEN_REASON_MAX])
{
    if (len > TOKEN_TEXT_MAX) {
        return refuse(reason, ERR_TOO_BIG, "the token is too long");
    }
    if (!shape_good(text, len)) {
        return refuse(reason, ERR_INVALID, len == 0 ? "no token" : "malformed token: not a JWT");
    }
    char *copy = mem_copy(text, len);
    const struct token_key *key = NULL;
    json_t *claims = NULL;
    int err = key_choose(&key, keys, copy, reason);
    if (err == 0) {
        err = signature_check(&claims, key, copy, reason);
    }
    free(copy);
    if (err != 0) {
        return err;
    }
    struct token token = {.memory = mem_alloc(sizeof(struct token_memory))};
    token.memory->claims = claims;
    token.key = json_string_value(json_object_get(claims, "iss"));
    err = times_check(&token, claims, now_s, reason);
    if (err == 0) {
        err = claims_read(&token, claims, reason);
    }
    if (err != 0) {
        memory_free(token.memory);
        return err;
    }
    *out = token;
    return 0;
}

void token_fini(struct token *token)
{
    memory_free(token->memory);
    *token = (struct token){0};
}
