/* SPDX-License-Identifier: Apache-2.0
 *
 * Names of claims and grants, and what a grant that is absent means.
 */
#include "orchestrator/core/token/grants.h"

#define VIDEO(name, field)                                                                         \
    {                                                                                              \
        name, offsetof(struct token_video, field)                                                  \
    }
#define CLAIM(name, field)                                                                         \
    {                                                                                              \
        name, offsetof(struct token, field)                                                        \
    }

const struct grants_field grants_flags[GRANTS_FLAGS] = {
    VIDEO("roomCreate", room_create),
    VIDEO("roomList", room_list),
    VIDEO("roomRecord", room_record),
    VIDEO("ingressAdmin", ingress_admin),
    VIDEO("roomAdmin", room_admin),
    VIDEO("roomJoin", room_join),
    VIDEO("hidden", hidden),
    VIDEO("recorder", recorder),
    VIDEO("agent", agent),
    VIDEO("waitsIfLocked", waits_if_locked),
};

const struct grants_field grants_tris[GRANTS_TRIS] = {
    VIDEO("canPublish", can_publish),
    VIDEO("canSubscribe", can_subscribe),
    VIDEO("canPublishData", can_publish_data),
    VIDEO("canUpdateOwnMetadata", can_update_own_metadata),
    VIDEO("canSubscribeMetrics", can_subscribe_metrics),
    VIDEO("canManageAgentSession", can_manage_agent_session),
};

const struct grants_field grants_strings[GRANTS_STRINGS] = {
    CLAIM("name", name),     CLAIM("metadata", metadata),
    CLAIM("kind", kind),     CLAIM("roomPreset", room_preset),
    CLAIM("sha256", sha256),
};

const char *const grants_sources[GRANTS_SOURCES] = {
    "unknown", "camera", "microphone", "screen_share", "screen_share_audio",
};

const struct token_key *token_keys_find(const struct token_keys *keys, const char *key)
{
    for (size_t i = 0; i < keys->count; i++) {
        if (strcmp(keys->list[i].key, key) == 0) {
            return &keys->list[i];
        }
    }
    return NULL;
}

static const char *const roles[TOKEN_ROLES] = {"", "read", "operate", "admin"};

const char *token_role_name(enum token_role role)
{
    return roles[role];
}

int token_role_find(const char *name, enum token_role *out)
{
    for (enum token_role role = TOKEN_ROLE_READ; role < TOKEN_ROLES; role++) {
        if (strcmp(roles[role], name) == 0) {
            *out = role;
            return 0;
        }
    }
    return ERR_NOT_FOUND;
}

bool token_may(const struct token *token, enum token_role role)
{
    const struct token_video *video = &token->video;
    return token->role >= role || (role == TOKEN_ROLE_READ ? video->room_list : video->room_create);
}

bool token_can_publish(const struct token_video *video)
{
    return video->can_publish != TOKEN_NO;
}

bool token_can_publish_source(const struct token_video *video, enum token_source source)
{
    if (!token_can_publish(video)) {
        return false;
    }
    return video->can_publish_sources == 0 || (video->can_publish_sources & source) != 0;
}

bool token_can_subscribe(const struct token_video *video)
{
    return video->can_subscribe != TOKEN_NO;
}

bool token_can_publish_data(const struct token_video *video)
{
    if (video->can_publish_data == TOKEN_UNSET) {
        return token_can_publish(video);
    }
    return video->can_publish_data == TOKEN_YES;
}

bool token_can_update_own_metadata(const struct token_video *video)
{
    return video->can_update_own_metadata == TOKEN_YES;
}

bool token_can_subscribe_metrics(const struct token_video *video)
{
    return video->can_subscribe_metrics == TOKEN_YES;
}
