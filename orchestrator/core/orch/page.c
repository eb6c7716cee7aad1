/* SPDX-License-Identifier: Apache-2.0
 *
 * Tokens for the visitors of a demo's meeting page. A real deployment has a backend that knows its
 * users and signs their tokens; without one, this makes everybody a participant of any room, who
 * waits to be let in where a host has locked it.
 */
#include "orchestrator/core/orch/private.h"
#include "proto/wire/wire.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#define TOKEN_TTL_S (6 * 3600)

static bool fits(const char *text)
{
    size_t len = strlen(text);
    return len <= ENTRY_NAME_MAX && wire_utf8(text, len) == len;
}

void orch_page_token(struct orch *orch, int64_t now_us, uint64_t request,
                     const struct orch_page_request *page)
{
    orch_tick(orch, now_us);
    const struct token_key *key = token_keys_find(&orch->config.keys, orch->config.demo_api_key);
    if (key == NULL) {
        effect_reply(&orch->fx, request, 404, "text/plain; charset=utf-8",
                     "this server gives no tokens to visitors (pages.demo_api_key)");
        return;
    }
    if (page->room[0] == '\0' || page->identity[0] == '\0' || !fits(page->room) ||
        !fits(page->identity) || !fits(page->name)) {
        effect_reply(&orch->fx, request, 400, "text/plain; charset=utf-8",
                     "room and identity must have 1 to 256 bytes of UTF-8, name at most 256");
        return;
    }
    struct token token = {
        .identity = page->identity,
        .name = page->name,
        .has_video = true,
        .video = {.room_join = true,
                  .room = page->room,
                  .can_update_own_metadata = TOKEN_YES,
                  .waits_if_locked = true},
    };
    char *text = token_sign(&token, key, orch_wall_s(orch), TOKEN_TTL_S);
    assert(text != NULL); /* short texts, no roomConfig */
    json_t *json = json_pack("{s:s}", "token", text);
    char *body = json_dumps(json, JSON_COMPACT);
    effect_reply(&orch->fx, request, 200, "application/json", body);
    free(body);
    json_decref(json);
    free(text);
}
