/* SPDX-License-Identifier: Apache-2.0
 *
 * token create, without asking anybody: who has the API secret may.
 */
#include <stdlib.h>
#include <time.h>

#include "common/rfc3339/rfc3339.h"
#include "orchestrator/cli/cli.h"
#include "orchestrator/core/token/token.h"

#define ATTRIBUTES_MAX 64

/* ---- token create -------------------------------------------------------------------------- */

struct create {
    const char *room;
    const char *identity;
    const char *name;
    const char *metadata;
    const char *attributes;
    const char *kind;
    const char *ttl;
    const char *sources;
    const char *can_publish;
    const char *can_subscribe;
    const char *can_publish_data;
    const char *can_update_own_metadata;
    const char *hidden;
    const char *waits_if_locked;
    const char *agent;
    const char *room_create;
    const char *room_list;
    const char *room_admin;
    const char *role;
};

/* A grant that may be left out. */
static enum token_tri tri(const char *flag)
{
    return flag == NULL ? TOKEN_UNSET : cli_on(flag) ? TOKEN_YES : TOKEN_NO;
}

/* "camera,microphone" */
static bool read_sources(const struct cli *cli, const char *text, unsigned *out)
{
    static const char *const names[] = {"camera", "microphone", "screen_share",
                                        "screen_share_audio"};
    for (const char *p = text; p != NULL && *p != '\0';) {
        size_t len = strcspn(p, ",");
        bool found = false;
        for (size_t i = 0; i < ARRAY_LEN(names); i++) {
            if (strlen(names[i]) == len && strncmp(p, names[i], len) == 0) {
                *out |= (unsigned)TOKEN_SOURCE_CAMERA << i;
                found = true;
            }
        }
        if (!found) {
            cli_usage(cli,
                      "--can-publish-sources knows camera, microphone, screen_share and "
                      "screen_share_audio, not \"%.*s\"",
                      (int)len, p);
            return false;
        }
        p += len + (p[len] == ',');
    }
    return true;
}

/* "a=1,b=2" cut up in place. */
static bool read_attributes(const struct cli *cli, char *text, struct token_attribute *list,
                            size_t *count)
{
    char *rest = NULL;
    for (char *pair = strtok_r(text, ",", &rest); pair != NULL; pair = strtok_r(NULL, ",", &rest)) {
        char *equals = strchr(pair, '=');
        if (equals == NULL || equals == pair || *count == ATTRIBUTES_MAX) {
            cli_usage(cli, "--attributes takes up to %d of NAME=VALUE, not \"%s\"", ATTRIBUTES_MAX,
                      pair);
            return false;
        }
        *equals = '\0';
        list[(*count)++] = (struct token_attribute){pair, equals + 1};
    }
    return true;
}

static bool read_grants(const struct cli *cli, const struct create *c, struct token_video *video)
{
    *video = (struct token_video){
        .room = c->room,
        .room_join = c->room != NULL,
        .can_publish = tri(c->can_publish),
        .can_subscribe = tri(c->can_subscribe),
        .can_publish_data = tri(c->can_publish_data),
        .can_update_own_metadata = tri(c->can_update_own_metadata),
        .hidden = cli_on(c->hidden),
        .waits_if_locked = cli_on(c->waits_if_locked),
        .agent = cli_on(c->agent),
        .room_create = cli_on(c->room_create),
        .room_list = cli_on(c->room_list),
        .room_admin = cli_on(c->room_admin),
    };
    return read_sources(cli, c->sources, &video->can_publish_sources);
}

static enum cli_exit print_token(const struct cli *cli, const struct create *c,
                                 const struct token *token, int64_t ttl_s)
{
    struct token_key key;
    int64_t now_s = (int64_t)time(NULL);
    char expires[RFC3339_MAX];
    enum cli_exit exit_code = cli_key(cli, &key);
    if (exit_code != CLI_OK) {
        return exit_code;
    }
    if (key.secret == NULL) {
        return cli_usage(cli, "an API key is needed: " CLI_KEY_SOURCES);
    }
    char *text = token_sign(token, &key, now_s, ttl_s);
    if (text == NULL) {
        cli_say("no token can be made of this: a text is not UTF-8, or all is too long");
        return CLI_FAILED;
    }
    rfc3339_s(expires, now_s + ttl_s);
    json_t *json = json_pack("{s:s, s:s*, s:s*, s:s}", "token", text, "identity", c->identity,
                             "room", c->room, "expires_at", expires);
    if (!cli_print_data(cli, json, NULL)) {
        puts(text);
        cli_talk(cli, "valid until %s", expires);
    }
    json_decref(json);
    free(text);
    return CLI_OK;
}

static enum cli_exit create(const struct cli *cli, const struct create *c)
{
    struct token_attribute attributes[ATTRIBUTES_MAX];
    struct token token = {
        .identity = c->identity,
        .name = c->name,
        .metadata = c->metadata,
        .kind = c->kind,
        .attributes = attributes,
        .has_video = true,
    };
    int64_t ttl_s = cli_seconds(c->ttl == NULL ? "6h" : c->ttl);
    if (ttl_s <= 0) {
        return cli_usage(cli, "--ttl takes a time such as 30m or 6h, not \"%s\"", c->ttl);
    }
    if (c->room != NULL && c->identity == NULL) {
        return cli_usage(cli, "a token for a room needs --identity");
    }
    if (!read_grants(cli, c, &token.video)) {
        return CLI_USAGE;
    }
    if (c->role != NULL && token_role_find(c->role, &token.role) != 0) {
        return cli_usage(cli, "--role is one of read, operate, admin, not \"%s\"", c->role);
    }
    if (c->room == NULL && c->role == NULL && !token.video.room_create && !token.video.room_list &&
        !token.video.agent) {
        return cli_usage(cli,
                         "a token needs --room, or --role, --room-create, --room-list or --agent");
    }
    char *text = mem_str(c->attributes);
    enum cli_exit exit_code = CLI_USAGE;
    if (read_attributes(cli, text, attributes, &token.attribute_count)) {
        exit_code = print_token(cli, c, &token, ttl_s);
    }
    free(text);
    return exit_code;
}

enum cli_exit cli_cmd_token(struct cli *cli, int argc, char **argv)
{
    struct create c = {0};
    const struct cli_option options[] = {
        {"room", "ROOM", &c.room, "the room it lets in to"},
        {"identity", "ID", &c.identity, "who its holder is"},
        {"name", "TEXT", &c.name, "what others see"},
        {"metadata", "TEXT", &c.metadata, "the participant's metadata"},
        {"attributes", "A=1,B=2", &c.attributes, "the participant's attributes"},
        {"kind", "KIND", &c.kind, "standard, agent, ingress, egress, sip"},
        {"ttl", "TIME", &c.ttl, "how long it is valid (6h)"},
        {"can-publish", NULL, &c.can_publish, "=false: may not publish tracks"},
        {"can-publish-sources", "LIST", &c.sources, "camera,microphone,screen_share,..."},
        {"can-publish-data", NULL, &c.can_publish_data, "=false: may not send data"},
        {"can-subscribe", NULL, &c.can_subscribe, "=false: may not see or hear"},
        {"can-update-own-metadata", NULL, &c.can_update_own_metadata,
         "may change its own metadata"},
        {"hidden", NULL, &c.hidden, "others do not see it"},
        {"waits-if-locked", NULL, &c.waits_if_locked, "waits where a host has locked the room"},
        {"agent", NULL, &c.agent, "may register as an agent worker"},
        {"room-create", NULL, &c.room_create, "server API: make and delete rooms"},
        {"room-list", NULL, &c.room_list, "server API: list rooms"},
        {"room-admin", NULL, &c.room_admin, "server API: govern the room"},
        {"role", "ROLE", &c.role, "of an operator: read, operate, admin"},
    };
    enum cli_exit exit_code;
    if (!cli_parse(cli, argc, argv, "token create", options, ARRAY_LEN(options), &exit_code)) {
        return exit_code;
    }
    if (cli->argument_count != 1 || strcmp(cli->arguments[0], "create") != 0) {
        return cli_usage(cli, "token takes one word: create");
    }
    return create(cli, &c);
}
