/* SPDX-License-Identifier: Apache-2.0
 *
 * From grants to a token's text. What is empty or unset is left out, as LiveKit's SDKs do.
 */
#include "orchestrator/core/token/grants.h"

#include <jansson.h>
#include <jwt.h>
#include <stdlib.h>

/* Jansson refuses text that is not UTF-8. A token that lacks what it should say must not go out. */
struct claims {
    json_t *all;
    bool failed;
};

static void put(struct claims *claims, json_t *object, const char *name, json_t *value)
{
    if (json_object_set_new(object, name, value) != 0) {
        claims->failed = true;
    }
}

static void put_string(struct claims *claims, json_t *object, const char *name, const char *value)
{
    if (value != NULL && value[0] != '\0') {
        put(claims, object, name, json_string(value));
    }
}

static void put_video(struct claims *claims, const struct token_video *video)
{
    json_t *grant = json_object();
    put(claims, claims->all, "video", grant);
    put_string(claims, grant, "room", video->room);
    put_string(claims, grant, "destinationRoom", video->destination_room);
    for (size_t i = 0; i < GRANTS_FLAGS; i++) {
        const bool *flag = (const bool *)((const char *)video + grants_flags[i].offset);
        if (*flag) {
            put(claims, grant, grants_flags[i].name, json_true());
        }
    }
    for (size_t i = 0; i < GRANTS_TRIS; i++) {
        const enum token_tri *tri =
            (const enum token_tri *)((const char *)video + grants_tris[i].offset);
        if (*tri != TOKEN_UNSET) {
            put(claims, grant, grants_tris[i].name, json_boolean(*tri == TOKEN_YES));
        }
    }
    if (video->can_publish_sources != 0) {
        json_t *sources = json_array();
        for (unsigned source = 0; source < GRANTS_SOURCES; source++) {
            if ((video->can_publish_sources & 1u << source) != 0) {
                json_array_append_new(sources, json_string(grants_sources[source]));
            }
        }
        put(claims, grant, "canPublishSources", sources);
    }
}

static void put_profile(struct claims *claims, const struct token *token)
{
    put_string(claims, claims->all, "sub", token->identity);
    for (size_t i = 0; i < GRANTS_STRINGS; i++) {
        const char *const *value =
            (const char *const *)((const char *)token + grants_strings[i].offset);
        put_string(claims, claims->all, grants_strings[i].name, *value);
    }
    if (token->attribute_count > 0) {
        json_t *attributes = json_object();
        for (size_t i = 0; i < token->attribute_count; i++) {
            const struct token_attribute *attribute = &token->attributes[i];
            put(claims, attributes, attribute->name, json_string(attribute->value));
        }
        put(claims, claims->all, "attributes", attributes);
    }
    if (token->kind_detail_count > 0) {
        json_t *details = json_array();
        for (size_t i = 0; i < token->kind_detail_count; i++) {
            if (json_array_append_new(details, json_string(token->kind_details[i])) != 0) {
                claims->failed = true;
            }
        }
        put(claims, claims->all, "kindDetails", details);
    }
    if (token->sip_admin || token->sip_call) {
        json_t *sip = json_object();
        put(claims, sip, "admin", json_boolean(token->sip_admin));
        put(claims, sip, "call", json_boolean(token->sip_call));
        put(claims, claims->all, "sip", sip);
    }
    if (token->role != TOKEN_ROLE_NONE) {
        json_t *ours = json_object();
        put(claims, ours, "role", json_string(token_role_name(token->role)));
        put(claims, claims->all, "spillway", ours);
    }
}

/* The signed text of these claims; NULL when it would be too long. */
static char *claims_sign(const json_t *claims, const struct token_key *key)
{
    jwt_t *jwt = NULL;
    char *signed_text = NULL;
    char *text = json_dumps(claims, JSON_COMPACT);
    const unsigned char *secret = (const unsigned char *)key->secret;
    if (text != NULL && jwt_new(&jwt) == 0 && jwt_add_grants_json(jwt, text) == 0 &&
        jwt_set_alg(jwt, JWT_ALG_HS256, secret, (int)strlen(key->secret)) == 0) {
        signed_text = jwt_encode_str(jwt);
    }
    free(text);
    jwt_free(jwt);
    if (signed_text != NULL && strlen(signed_text) > TOKEN_TEXT_MAX) {
        free(signed_text);
        return NULL;
    }
    return signed_text;
}

char *token_sign(const struct token *token, const struct token_key *key, int64_t now_s,
                 int64_t ttl_s)
{
    assert(ttl_s > 0);
    assert(key->secret[0] != '\0');
    json_t *room_config = NULL;
    if (token->room_config != NULL && token->room_config[0] != '\0') {
        room_config = json_loads(token->room_config, 0, NULL);
        if (!json_is_object(room_config)) {
            json_decref(room_config);
            return NULL;
        }
    }
    struct claims claims = {.all = json_object()};
    put(&claims, claims.all, "iss", json_string(key->key));
    put(&claims, claims.all, "nbf", json_integer(now_s));
    put(&claims, claims.all, "exp", json_integer(now_s + ttl_s));
    put_profile(&claims, token);
    if (token->has_video) {
        put_video(&claims, &token->video);
    }
    if (room_config != NULL) {
        put(&claims, claims.all, "roomConfig", room_config);
    }
    char *text = claims.failed ? NULL : claims_sign(claims.all, key);
    json_decref(claims.all);
    return text;
}
