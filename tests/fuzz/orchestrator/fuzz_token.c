/* SPDX-License-Identifier: Apache-2.0
 *
 * Any text as a token, and any claims under a right signature: the input that begins with '{' is
 * claims. What is accepted can be signed again and says the same.
 */
#include "orchestrator/core/token/token.h"
#include "tests/unit/orchestrator/token/forge.h"

#include <stdlib.h>

#define NOW_S      1500
#define CLAIMS_MAX 2500 /* fits a forged token once encoded */

static const struct token_key key = {"k", "s"};
static const struct token_keys keys = {&key, 1};

static void check_round_trip(const struct token *token)
{
    char *text = token_sign(token, &key, NOW_S, 60);
    if (text == NULL) {
        return;
    }
    struct token again;
    char reason[TOKEN_REASON_MAX];
    int err = token_verify(&again, &keys, text, strlen(text), NOW_S, reason);
    assert(err == 0);
    assert(strcmp(again.identity, token->identity) == 0);
    assert(again.attribute_count == token->attribute_count);
    assert(again.video.can_publish_sources == token->video.can_publish_sources);
    assert(token_can_publish_data(&again.video) == token_can_publish_data(&token->video));
    token_fini(&again);
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    char forged[FORGE_MAX];
    char *text = mem_copy(data, len);
    const char *token_text = text;
    if (text[0] == '{' && len <= CLAIMS_MAX) {
        token_text = forge_token(forged, "{\"alg\":\"HS256\"}", text, key.secret);
        len = strlen(forged);
    }
    struct token token;
    char reason[TOKEN_REASON_MAX] = "";
    if (token_verify(&token, &keys, token_text, len, NOW_S, reason) == 0) {
        check_round_trip(&token);
        token_fini(&token);
    } else {
        assert(reason[0] != '\0');
    }
    free(text);
    return 0;
}
