/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal: a token is accepted exactly when it was signed with HS256 by a key of ours and is in its
 * time, every refusal says why, and what token_sign writes token_verify reads back whole.
 */
#include "orchestrator/core/token/token.h"
#include "tests/unit/orchestrator/token/forge.h"

#include <stdio.h>
#include <stdlib.h>

#include <setjmp.h>

#include <cmocka.h>

#define NOW_S 1795562917

static const struct token_key key_list[] = {
    {"other", "another secret"},
    {"devkey", "secret"},
};
static const struct token_keys keys = {key_list, ARRAY_LEN(key_list)};

/* Made by livekit-server-sdk 2.19.2 at NOW_S: an AccessToken for six hours, and one for the API. */
static const char sdk_room_token[] =
    "eyJhbGciOiJIUzI1NiJ9."
    "eyJtZXRhZGF0YSI6IntcInhcIjoxfSIsImF0dHJpYnV0ZXMiOnsiY29sb3IiOiJncmVlbiIsIm1vb2QiOiIifSwibmFt"
    "ZSI6IkFsaWNlIMOEIiwidmlkZW8iOnsicm9vbUpvaW4iOnRydWUsInJvb20iOiJsb2JieSIsImNhblB1Ymxpc2giOnRy"
    "dWUsImNhblB1Ymxpc2hTb3VyY2VzIjpbImNhbWVyYSIsInNjcmVlbl9zaGFyZSJdLCJjYW5TdWJzY3JpYmUiOmZhbHNl"
    "LCJjYW5VcGRhdGVPd25NZXRhZGF0YSI6dHJ1ZSwiaGlkZGVuIjp0cnVlfSwia2luZCI6ImFnZW50Iiwicm9vbVByZXNl"
    "dCI6ImJpZyIsImlzcyI6ImRldmtleSIsImV4cCI6MTc5NTU4NDUxNywibmJmIjoxNzk1NTYyOTE3LCJzdWIiOiJhbGlj"
    "ZSJ9.DvpEHzsgn-Z7FpKCYt1wu71gYnHudwgZgWFW7Z7m27Q";
static const char sdk_api_token[] =
    "eyJhbGciOiJIUzI1NiJ9.eyJ2aWRlbyI6eyJyb29tQ3JlYXRlIjp0cnVlLCJyb29tTGlzdCI6dHJ1ZX0sImlzcyI6ImR"
    "ldmtleSIsImV4cCI6MTc5NTU2MzUxNywibmJmIjoxNzk1NTYyOTE3fQ.5lTludwyoydZvKWQFNEJmIJX4hGGEZeoMkmu"
    "xPKKMnQ";

static int verify(struct token *token, const char *text, int64_t now_s,
                  char reason[TOKEN_REASON_MAX])
{
    reason[0] = '\0';
    return token_verify(token, &keys, text, strlen(text), now_s, reason);
}

static void accepts_the_sdks_room_token(void **state)
{
    (void)state;
    struct token token;
    char reason[TOKEN_REASON_MAX];
    assert_int_equal(verify(&token, sdk_room_token, NOW_S, reason), 0);
    assert_string_equal(token.key, "devkey");
    assert_string_equal(token.identity, "alice");
    assert_string_equal(token.name, "Alice Ä");
    assert_string_equal(token.metadata, "{\"x\":1}");
    assert_string_equal(token.kind, "agent");
    assert_string_equal(token.room_preset, "big");
    assert_string_equal(token.sha256, "");
    assert_null(token.room_config);
    assert_int_equal(token.expires_s, NOW_S + 6 * 3600);
    assert_int_equal(token.attribute_count, 2);
    for (size_t i = 0; i < 2; i++) {
        bool color = strcmp(token.attributes[i].name, "color") == 0;
        assert_string_equal(token.attributes[i].name, color ? "color" : "mood");
        assert_string_equal(token.attributes[i].value, color ? "green" : "");
    }
    const struct token_video *video = &token.video;
    assert_true(token.has_video && video->room_join && video->hidden);
    assert_false(video->room_admin || video->room_create || video->recorder || video->agent);
    assert_string_equal(video->room, "lobby");
    assert_int_equal(video->can_publish, TOKEN_YES);
    assert_int_equal(video->can_subscribe, TOKEN_NO);
    assert_int_equal(video->can_publish_data, TOKEN_UNSET);
    assert_int_equal(video->can_publish_sources, TOKEN_SOURCE_CAMERA | TOKEN_SOURCE_SCREEN_SHARE);
    assert_true(token_can_update_own_metadata(video));
    token_fini(&token);
}

static void accepts_the_sdks_api_token(void **state)
{
    (void)state;
    struct token token;
    char reason[TOKEN_REASON_MAX];
    assert_int_equal(verify(&token, sdk_api_token, NOW_S, reason), 0);
    assert_string_equal(token.identity, "");
    assert_true(token.video.room_create && token.video.room_list && !token.video.room_join);
    token_fini(&token);
}

#define HS256  "{\"alg\":\"HS256\",\"typ\":\"JWT\"}"
#define DEVKEY "\"iss\":\"devkey\",\"exp\":2000"

struct refusal {
    const char *header;
    const char *claims;
    const char *secret;
    int64_t now_s;
    int err;
    const char *reason; /* what it must begin with; "" for accepted */
};

static const struct refusal refusals[] = {
    /* times, with 60 s of leeway: exp 2000, nbf 1000 */
    {HS256, "{" DEVKEY "}", "secret", 1500, 0, ""},
    {HS256, "{" DEVKEY ",\"nbf\":1000}", "secret", 1000, 0, ""},
    {HS256, "{" DEVKEY "}", "secret", 2060, 0, ""},
    {HS256, "{" DEVKEY "}", "secret", 2061, ERR_EXPIRED, "the token expired 61 s ago"},
    {HS256, "{" DEVKEY ",\"nbf\":1000}", "secret", 940, 0, ""},
    {HS256, "{" DEVKEY ",\"nbf\":1000}", "secret", 939, ERR_STATE,
     "the token is not valid yet, only in 61 s"},
    {HS256, "{\"iss\":\"devkey\",\"exp\":1500.75}", "secret", 1500, 0, ""},
    {HS256, "{\"iss\":\"devkey\",\"exp\":1e300}", "secret", 1500, 0, ""},
    {HS256, "{\"iss\":\"devkey\",\"exp\":-1e300}", "secret", 1500, ERR_EXPIRED,
     "the token expired"},
    {HS256, "{\"iss\":\"devkey\"}", "secret", 1500, ERR_EXPIRED, "the token has no expiry"},
    {HS256, "{\"iss\":\"devkey\",\"exp\":null}", "secret", 1500, ERR_EXPIRED,
     "the token has no expiry"},
    {HS256, "{\"iss\":\"devkey\",\"exp\":\"2000\"}", "secret", 1500, ERR_INVALID,
     "the token's claim \"exp\" has the wrong type"},
    {HS256, "{" DEVKEY ",\"nbf\":\"x\"}", "secret", 1500, ERR_INVALID,
     "the token's claim \"nbf\" has the wrong type"},
    /* keys */
    {HS256, "{" DEVKEY "}", "wrong", 1500, ERR_AUTH,
     "bad signature: the token was not made with the secret of API key \"devkey\""},
    {HS256, "{\"iss\":\"other\",\"exp\":2000}", "secret", 1500, ERR_AUTH, "bad signature"},
    {HS256, "{\"iss\":\"other\",\"exp\":2000}", "another secret", 1500, 0, ""},
    {HS256, "{\"iss\":\"nobody\",\"exp\":2000}", "secret", 1500, ERR_NOT_FOUND, "unknown API key"},
    {HS256, "{\"exp\":2000}", "secret", 1500, ERR_INVALID, "the token names no API key"},
    {HS256, "{\"iss\":\"\",\"exp\":2000}", "secret", 1500, ERR_INVALID,
     "the token names no API key"},
    /* algorithms: the signatures here are right in HMAC-SHA256 */
    {"{\"alg\":\"none\"}", "{" DEVKEY "}", "secret", 1500, ERR_UNSUPPORTED,
     "the token is not signed with HS256"},
    {"{\"alg\":\"HS512\"}", "{" DEVKEY "}", "secret", 1500, ERR_UNSUPPORTED,
     "the token is not signed with HS256"},
    {"{\"alg\":\"RS256\"}", "{" DEVKEY "}", "secret", 1500, ERR_UNSUPPORTED,
     "the token is not signed with HS256"},
    {"{\"alg\":\"hs256\"}", "{" DEVKEY "}", "secret", 1500, ERR_UNSUPPORTED,
     "the token is not signed with HS256"},
    {"{\"alg\":\"ES999\"}", "{" DEVKEY "}", "secret", 1500, ERR_INVALID, "malformed token"},
    {"{}", "{" DEVKEY "}", "secret", 1500, ERR_INVALID, "malformed token"},
    /* shapes */
    {"[]", "{" DEVKEY "}", "secret", 1500, ERR_INVALID, "malformed token"},
    {HS256, "[1]", "secret", 1500, ERR_INVALID, "the token names no API key"},
    {HS256, "nonsense", "secret", 1500, ERR_INVALID, "malformed token"},
    /* claims */
    {HS256, "{" DEVKEY ",\"sub\":7}", "secret", 1500, ERR_INVALID,
     "the token's claim \"sub\" has the wrong type"},
    {HS256, "{" DEVKEY ",\"video\":true}", "secret", 1500, ERR_INVALID,
     "the token's claim \"video\" has the wrong type"},
    {HS256, "{" DEVKEY ",\"video\":{\"roomJoin\":\"true\"}}", "secret", 1500, ERR_INVALID,
     "the token's claim \"roomJoin\" has the wrong type"},
    {HS256, "{" DEVKEY ",\"video\":{\"canPublish\":0}}", "secret", 1500, ERR_INVALID,
     "the token's claim \"canPublish\" has the wrong type"},
    {HS256, "{" DEVKEY ",\"video\":{\"canPublishSources\":\"camera\"}}", "secret", 1500,
     ERR_INVALID, "the token's claim \"canPublishSources\" has the wrong type"},
    {HS256, "{" DEVKEY ",\"video\":{\"canPublishSources\":[1]}}", "secret", 1500, ERR_INVALID,
     "the token's claim \"canPublishSources\" has the wrong type"},
    {HS256, "{" DEVKEY ",\"attributes\":{\"a\":1}}", "secret", 1500, ERR_INVALID,
     "the token's claim \"attributes\" has the wrong type"},
    {HS256, "{" DEVKEY ",\"kindDetails\":[\"a\",1]}", "secret", 1500, ERR_INVALID,
     "the token's claim \"kindDetails\" has the wrong type"},
    {HS256, "{" DEVKEY ",\"sip\":[]}", "secret", 1500, ERR_INVALID,
     "the token's claim \"sip\" has the wrong type"},
    {HS256, "{" DEVKEY ",\"spillway\":\"admin\"}", "secret", 1500, ERR_INVALID,
     "the token's claim \"spillway\" has the wrong type"},
    {HS256, "{" DEVKEY ",\"spillway\":{\"role\":3}}", "secret", 1500, ERR_INVALID,
     "the token's claim \"role\" has the wrong type"},
    {HS256, "{" DEVKEY ",\"spillway\":{\"role\":\"root\"}}", "secret", 1500, ERR_INVALID,
     "the token's role is none of read, operate, admin"},
    {HS256, "{" DEVKEY ",\"spillway\":{}}", "secret", 1500, 0, ""},
    {HS256, "{" DEVKEY ",\"roomConfig\":\"x\"}", "secret", 1500, ERR_INVALID,
     "the token's claim \"roomConfig\" has the wrong type"},
    {HS256, "{" DEVKEY ",\"video\":null,\"sub\":null,\"attributes\":null}", "secret", 1500, 0, ""},
};

static void refuses_with_a_reason(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(refusals); i++) {
        const struct refusal *row = &refusals[i];
        char text[FORGE_MAX];
        char reason[TOKEN_REASON_MAX];
        struct token token = {0};
        forge_token(text, row->header, row->claims, row->secret);
        int err = verify(&token, text, row->now_s, reason);
        if (err != row->err || strncmp(reason, row->reason, strlen(row->reason)) != 0 ||
            (err != 0 && reason[0] == '\0')) {
            fail_msg("row %zu %s: %d \"%s\"", i, row->claims, err, reason);
        }
        if (err == 0) {
            token_fini(&token);
        }
    }
}

static void refuses_foreign_shapes(void **state)
{
    (void)state;
    char none[FORGE_MAX] = "";
    forge_base64url(none, "{\"alg\":\"none\"}", 14);
    forge_dot(none);
    forge_base64url(none, "{" DEVKEY "}", strlen("{" DEVKEY "}"));
    forge_dot(none);
    char padded[4096];
    snprintf(padded, sizeof(padded), "%s=", sdk_room_token);
    char longer[4096];
    snprintf(longer, sizeof(longer), "%s.x", sdk_room_token);
    char spaced[4096];
    snprintf(spaced, sizeof(spaced), " %s", sdk_room_token);
    char cut[4096];
    snprintf(cut, sizeof(cut), "%.*s", (int)strlen(sdk_room_token) - 1, sdk_room_token);
    char unsigned_text[4096];
    snprintf(unsigned_text, sizeof(unsigned_text), "%.*s",
             (int)(strrchr(sdk_room_token, '.') - sdk_room_token) + 1, sdk_room_token);
    const struct {
        const char *text;
        int err;
        const char *reason;
    } rows[] = {
        {"", ERR_INVALID, "no token"},
        {"x", ERR_INVALID, "malformed token: not a JWT"},
        {"..", ERR_INVALID, "malformed token: not a JWT"},
        {"a.b", ERR_INVALID, "malformed token: not a JWT"},
        {"a.b.c", ERR_INVALID, "malformed token: header or claims are not JSON"},
        {padded, ERR_INVALID, "malformed token: not a JWT"},
        {longer, ERR_INVALID, "malformed token: not a JWT"},
        {spaced, ERR_INVALID, "malformed token: not a JWT"},
        {cut, ERR_AUTH, "bad signature"},
        {unsigned_text, ERR_AUTH, "bad signature"},
        {none, ERR_UNSUPPORTED, "the token is not signed with HS256"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct token token;
        char reason[TOKEN_REASON_MAX];
        int err = verify(&token, rows[i].text, NOW_S, reason);
        if (err != rows[i].err || strncmp(reason, rows[i].reason, strlen(rows[i].reason)) != 0) {
            fail_msg("%s: %d \"%s\"", rows[i].text, err, reason);
        }
    }
}

static void refuses_hidden_zero_bytes_and_giants(void **state)
{
    (void)state;
    struct token token;
    char reason[TOKEN_REASON_MAX];
    char zero[sizeof(sdk_room_token) + 4];
    memcpy(zero, sdk_room_token, sizeof(sdk_room_token));
    memcpy(zero + sizeof(sdk_room_token), "x.y", 4);
    assert_int_equal(token_verify(&token, &keys, zero, sizeof(zero), NOW_S, reason), ERR_INVALID);
    char *giant = mem_alloc(TOKEN_TEXT_MAX + 1);
    memset(giant, 'a', TOKEN_TEXT_MAX + 1);
    giant[10] = giant[20] = '.';
    assert_int_equal(token_verify(&token, &keys, giant, TOKEN_TEXT_MAX + 1, NOW_S, reason),
                     ERR_TOO_BIG);
    assert_int_equal(token_verify(&token, &keys, giant, TOKEN_TEXT_MAX, NOW_S, reason),
                     ERR_INVALID);
    free(giant);
}

/* Any single changed character of claims or signature is noticed. */
static void notices_every_changed_character(void **state)
{
    (void)state;
    char text[sizeof(sdk_api_token)];
    const char *claims = strchr(sdk_api_token, '.') + 1;
    for (size_t i = (size_t)(claims - sdk_api_token); i < sizeof(sdk_api_token) - 1; i++) {
        memcpy(text, sdk_api_token, sizeof(text));
        text[i] = text[i] == '.' ? 'A' : text[i] == 'A' ? 'B' : 'A';
        struct token token;
        char reason[TOKEN_REASON_MAX];
        assert_int_not_equal(verify(&token, text, NOW_S, reason), 0);
    }
}

static void identity_falls_back_to_jti(void **state)
{
    (void)state;
    struct token token;
    char text[FORGE_MAX];
    char reason[TOKEN_REASON_MAX];
    forge_token(text, HS256, "{" DEVKEY ",\"jti\":\"bob\"}", "secret");
    assert_int_equal(verify(&token, text, 1500, reason), 0);
    assert_string_equal(token.identity, "bob");
    assert_false(token.has_video);
    token_fini(&token);
    forge_token(text, HS256, "{" DEVKEY ",\"jti\":\"bob\",\"sub\":\"eve\"}", "secret");
    assert_int_equal(verify(&token, text, 1500, reason), 0);
    assert_string_equal(token.identity, "eve");
    token_fini(&token);
}

static void absent_grants_have_their_defaults(void **state)
{
    (void)state;
    const struct {
        const char *video;
        bool publish, data, subscribe, camera, metadata;
    } rows[] = {
        {"{}", true, true, true, true, false},
        {"{\"canPublish\":false}", false, false, true, false, false},
        {"{\"canPublish\":true,\"canPublishData\":false}", true, false, true, true, false},
        {"{\"canPublish\":false,\"canPublishData\":true}", false, true, true, false, false},
        {"{\"canSubscribe\":false,\"canUpdateOwnMetadata\":true}", true, true, false, true, true},
        {"{\"canPublishSources\":[]}", true, true, true, true, false},
        {"{\"canPublishSources\":[\"camera\"]}", true, true, true, true, false},
        {"{\"canPublishSources\":[\"microphone\"]}", true, true, true, false, false},
        {"{\"canPublishSources\":[\"hologram\"]}", true, true, true, false, false},
        {"{\"canPublish\":false,\"canPublishSources\":[\"camera\"]}", false, false, true, false,
         false},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct token token;
        char claims[512];
        char text[FORGE_MAX];
        char reason[TOKEN_REASON_MAX];
        snprintf(claims, sizeof(claims), "{" DEVKEY ",\"video\":%s}", rows[i].video);
        forge_token(text, HS256, claims, "secret");
        assert_int_equal(verify(&token, text, 1500, reason), 0);
        const struct token_video *video = &token.video;
        assert_int_equal(token_can_publish(video), rows[i].publish);
        assert_int_equal(token_can_publish_data(video), rows[i].data);
        assert_int_equal(token_can_subscribe(video), rows[i].subscribe);
        assert_int_equal(token_can_publish_source(video, TOKEN_SOURCE_CAMERA), rows[i].camera);
        assert_int_equal(token_can_update_own_metadata(video), rows[i].metadata);
        token_fini(&token);
    }
}

static void what_is_signed_is_read_back(void **state)
{
    (void)state;
    const struct token_attribute attributes[] = {{"lang", "de"}, {"", "empty name"}};
    const char *const details[] = {"cloud_agent", "simulation"};
    struct token in = {
        .identity = "carol",
        .name = "Carol \"C\" \xf0\x9f\x8e\xa4",
        .metadata = "line\nbreak",
        .kind = "standard",
        .kind_details = details,
        .kind_detail_count = 2,
        .attributes = attributes,
        .attribute_count = 2,
        .has_video = true,
        .video = {.room_join = true,
                  .agent = true,
                  .room = "a/b c",
                  .destination_room = "elsewhere",
                  .can_publish = TOKEN_NO,
                  .can_publish_data = TOKEN_YES,
                  .can_manage_agent_session = TOKEN_YES,
                  .can_publish_sources = TOKEN_SOURCE_MICROPHONE},
        .sip_call = true,
        .role = TOKEN_ROLE_OPERATE,
        .room_config = "{\"agents\":[{}],\"emptyTimeout\":10}",
        .room_preset = "p",
        .sha256 = "base64+/=",
    };
    char *text = token_sign(&in, &key_list[1], NOW_S, 600);
    assert_non_null(text);
    struct token out;
    char reason[TOKEN_REASON_MAX];
    assert_int_equal(verify(&out, text, NOW_S, reason), 0);
    assert_string_equal(out.key, "devkey");
    assert_string_equal(out.identity, in.identity);
    assert_string_equal(out.name, in.name);
    assert_string_equal(out.metadata, in.metadata);
    assert_string_equal(out.kind, in.kind);
    assert_int_equal(out.kind_detail_count, 2);
    assert_string_equal(out.kind_details[1], "simulation");
    assert_int_equal(out.attribute_count, 2);
    assert_true(out.video.room_join && out.video.agent && !out.video.room_admin);
    assert_string_equal(out.video.room, in.video.room);
    assert_string_equal(out.video.destination_room, in.video.destination_room);
    assert_int_equal(out.video.can_publish, TOKEN_NO);
    assert_int_equal(out.video.can_subscribe, TOKEN_UNSET);
    assert_int_equal(out.video.can_publish_data, TOKEN_YES);
    assert_int_equal(out.video.can_manage_agent_session, TOKEN_YES);
    assert_int_equal(out.video.can_publish_sources, TOKEN_SOURCE_MICROPHONE);
    assert_true(out.sip_call && !out.sip_admin);
    assert_int_equal(out.role, TOKEN_ROLE_OPERATE);
    assert_string_equal(out.room_config, "{\"agents\":[{}],\"emptyTimeout\":10}");
    assert_string_equal(out.room_preset, in.room_preset);
    assert_string_equal(out.sha256, in.sha256);
    assert_int_equal(out.expires_s, NOW_S + 600);
    token_fini(&out);
    assert_int_equal(verify(&out, text, NOW_S + 661, reason), ERR_EXPIRED);
    assert_int_equal(verify(&out, text, NOW_S - 61, reason), ERR_STATE);
    free(text);
}

/* Each role includes those before it; LiveKit's grants are worth roles. */
static void roles_are_steps(void **state)
{
    (void)state;
    static const struct {
        struct token token;
        bool read, operate, admin;
    } rows[] = {
        {{.role = TOKEN_ROLE_NONE}, false, false, false},
        {{.role = TOKEN_ROLE_READ}, true, false, false},
        {{.role = TOKEN_ROLE_OPERATE}, true, true, false},
        {{.role = TOKEN_ROLE_ADMIN}, true, true, true},
        {{.video = {.room_list = true}}, true, false, false},
        {{.video = {.room_create = true}}, false, true, true},
        {{.role = TOKEN_ROLE_READ, .video = {.room_create = true}}, true, true, true},
        {{.video = {.room_admin = true, .room_join = true}}, false, false, false},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        assert_int_equal(token_may(&rows[i].token, TOKEN_ROLE_READ), rows[i].read);
        assert_int_equal(token_may(&rows[i].token, TOKEN_ROLE_OPERATE), rows[i].operate);
        assert_int_equal(token_may(&rows[i].token, TOKEN_ROLE_ADMIN), rows[i].admin);
    }
}

/* An empty token says only who signed it and when. */
static void an_empty_token_is_small(void **state)
{
    (void)state;
    char *text = token_sign(&(struct token){0}, &key_list[1], 1000, 10);
    assert_non_null(text);
    char claims[FORGE_MAX] = ".";
    const char *expected = "{\"exp\":1010,\"iss\":\"devkey\",\"nbf\":1000}";
    forge_base64url(claims, expected, strlen(expected));
    forge_dot(claims);
    assert_int_equal(strncmp(strchr(text, '.'), claims, strlen(claims)), 0);
    free(text);
}

static void does_not_sign_what_it_cannot_say(void **state)
{
    (void)state;
    assert_null(token_sign(&(struct token){.name = "\xff"}, &key_list[1], 0, 10));
    assert_null(token_sign(&(struct token){.room_config = "[]"}, &key_list[1], 0, 10));
    assert_null(token_sign(&(struct token){.room_config = "{"}, &key_list[1], 0, 10));
    char *giant = mem_alloc(TOKEN_TEXT_MAX + 1);
    memset(giant, 'a', TOKEN_TEXT_MAX);
    assert_null(token_sign(&(struct token){.metadata = giant}, &key_list[1], 0, 10));
    free(giant);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(accepts_the_sdks_room_token),
        cmocka_unit_test(accepts_the_sdks_api_token),
        cmocka_unit_test(refuses_with_a_reason),
        cmocka_unit_test(refuses_foreign_shapes),
        cmocka_unit_test(refuses_hidden_zero_bytes_and_giants),
        cmocka_unit_test(notices_every_changed_character),
        cmocka_unit_test(identity_falls_back_to_jti),
        cmocka_unit_test(absent_grants_have_their_defaults),
        cmocka_unit_test(what_is_signed_is_read_back),
        cmocka_unit_test(roles_are_steps),
        cmocka_unit_test(an_empty_token_is_small),
        cmocka_unit_test(does_not_sign_what_it_cannot_say),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
