/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal: the agent's outputs, as a story told in virtual milliseconds: joining, moving, losing a
 * client, restarts, and everything hostile.
 */
#include "media-node/core/ice/ice.h"
#include "tests/lib/stun_client.h"

#include <setjmp.h>
#include <stdio.h>

#include <cmocka.h>

#define STORY_MAX 4096

/* The story so far, and everything a client's side needs. */
struct world {
    struct ice *ice;
    struct prng prng;
    int64_t now_ms;
    uint8_t sent[STUN_BUILD_MAX]; /* our last check */
    size_t sent_len;
    char story[STORY_MAX];
    size_t story_len;
};

static const struct ice_credentials joined = {
    "srvU", "serverpassword12345678", "cliU", "clientpassword12345678", "", ""};

static void world_init(struct world *w, const struct ice_credentials *credentials)
{
    *w = (struct world){.now_ms = 0};
    prng_seed(&w->prng, 8445);
    struct ice_config config = {*credentials, prng_source(&w->prng)};
    assert_int_equal(ice_new(&w->ice, &config), 0);
}

/* Paths are letters: port, and for lower-case ones TCP. */
static struct ice_path path_of(char name)
{
    struct ice_path path = {
        .protocol = name >= 'a' ? ICE_TCP : ICE_UDP,
        .endpoint = (uint16_t)(name % 4),
        .remote = {.ip = {192, 0, 2, 1}, .port = (uint16_t)name, .family = NET_V4},
    };
    return path;
}

__attribute__((format(printf, 2, 3))) static void tell(struct world *w, const char *format, ...)
{
    va_list args;
    char *at = w->story + w->story_len;
    size_t room = STORY_MAX - w->story_len;
    int n = snprintf(at, room, "%5lld ", (long long)w->now_ms);
    va_start(args, format);
    n += vsnprintf(at + n, room - (size_t)n, format, args);
    va_end(args);
    w->story_len += (size_t)n;
    assert_true(w->story_len < STORY_MAX - 80);
}

static void tell_sent(struct world *w, char name, const struct ice_out *out)
{
    struct stun_message m;
    char text[NET_TEXT_MAX];
    assert_int_equal(stun_parse(&m, out->data, out->len), 0);
    assert_int_equal(stun_check_fingerprint(&m), 0);
    if (m.kind == STUN_SUCCESS) {
        tell(w, "%c success %s\n", name, net_text(&m.mapped, text));
    } else if (m.kind == STUN_ERROR) {
        tell(w, "%c error %u%s\n", name, m.error_code, m.integrity_at != 0 ? " signed" : "");
    } else {
        tell(w, "%c check %.*s priority %u\n", name, (int)m.username.len, m.username.data,
             m.priority);
        assert_true(m.controlled);
        memcpy(w->sent, out->data, out->len);
        w->sent_len = out->len;
    }
}

static void drain(struct world *w)
{
    static const char *const names[] = {"",         "added",      "removed", "selected",
                                        "answered", "unanswered", "lost"};
    struct ice_out out;
    while (ice_poll(w->ice, &out)) {
        char name = out.kind == ICE_LOST ? '-' : (char)out.path.remote.port;
        if (out.kind == ICE_SEND) {
            tell_sent(w, name, &out);
        } else {
            tell(w, "%c %s\n", name, names[out.kind]);
        }
    }
}

/* Runs the timers that are due on the way. */
static void until(struct world *w, int64_t ms)
{
    while (ice_deadline(w->ice) <= TIME_MS(ms)) {
        w->now_ms = (ice_deadline(w->ice) + 999) / 1000;
        ice_expire(w->ice, TIME_MS(w->now_ms));
        drain(w);
    }
    w->now_ms = ms;
}

static int receive(struct world *w, char name, const uint8_t *data, size_t len)
{
    struct stun_message m;
    struct ice_path path = path_of(name);
    assert_int_equal(stun_parse(&m, data, len), 0);
    int err = ice_receive(w->ice, TIME_MS(w->now_ms), &path, &m);
    drain(w);
    return err;
}

static int client_sends(struct world *w, char name, const struct stun_client_check *check)
{
    uint8_t data[STUN_BUILD_MAX];
    return receive(w, name, data, stun_client_request(data, check));
}

/* A check of the client as it should be. */
static void client_checks(struct world *w, char name, bool use_candidate)
{
    struct stun_client_check check = {.server_ufrag = joined.local_ufrag,
                                      .client_ufrag = joined.remote_ufrag,
                                      .server_pwd = joined.local_pwd,
                                      .priority = 1,
                                      .use_candidate = use_candidate};
    assert_int_equal(client_sends(w, name, &check), 0);
}

static void client_media(struct world *w, char name)
{
    struct ice_path path = path_of(name);
    ice_media(w->ice, TIME_MS(w->now_ms), &path);
    drain(w);
}

/* The client's answer to our last check, as seen on a path. */
static int client_answers(struct world *w, char name, const char *pwd)
{
    uint8_t data[STUN_BUILD_MAX];
    struct net_addr us = {.ip = {198, 51, 100, 1}, .port = 7882, .family = NET_V4};
    return receive(w, name, data, stun_build_success(data, w->sent + 8, &us, pwd));
}

static void we_check(struct world *w, char name, uint32_t priority)
{
    struct ice_path path = path_of(name);
    assert_int_equal(ice_check(w->ice, TIME_MS(w->now_ms), &path, priority), 0);
    drain(w);
}

static void expect(struct world *w, const char *story)
{
    assert_string_equal(w->story, story);
    w->story_len = 0;
    w->story[0] = '\0';
}

static void world_fini(struct world *w)
{
    expect(w, "");
    ice_free(w->ice);
}

/* ---- Paths --------------------------------------------------------------------------------- */

static void a_client_joins(void **state)
{
    (void)state;
    struct world w;
    world_init(&w, &joined);
    assert_true(ice_deadline(w.ice) == TIME_NEVER);
    struct ice_path a = path_of('A');
    assert_false(ice_path_known(w.ice, &a));

    until(&w, 100);
    client_media(&w, 'A'); /* no check yet: counts for nothing */
    client_checks(&w, 'A', false);
    until(&w, 150);
    client_checks(&w, 'B', false);
    until(&w, 200);
    client_checks(&w, 'A', true);
    client_checks(&w, 'A', true);
    expect(&w, "  100 A success 192.0.2.1:65\n"
               "  100 A added\n"
               "  150 B success 192.0.2.1:66\n"
               "  150 B added\n"
               "  200 A success 192.0.2.1:65\n"
               "  200 A selected\n"
               "  200 A success 192.0.2.1:65\n");
    assert_true(ice_path_known(w.ice, &a));
    assert_true(ice_path_equal(ice_selected(w.ice), &a));
    assert_true(ice_last_stun_us(w.ice) == TIME_MS(200));
    assert_true(ice_last_media_us(w.ice) == -1);
    assert_int_equal(ice_counters(w.ice)->requests, 4);
    world_fini(&w);
}

/* Endpoint and protocol are part of a path's identity. */
static void paths_differ_by_each_part(void **state)
{
    (void)state;
    struct ice_path a = path_of('A');
    struct ice_path b = a;
    assert_true(ice_path_equal(&a, &b));
    b.protocol = ICE_TCP;
    assert_false(ice_path_equal(&a, &b));
    b = a;
    b.endpoint++;
    assert_false(ice_path_equal(&a, &b));
    b = a;
    b.remote.port++;
    assert_false(ice_path_equal(&a, &b));
}

/* Media on a checked path comes before USE-CANDIDATE on it (moving-a-peer-connection.md).
 * Stragglers on the old path do not switch back; media after a pause there does, and so does
 * USE-CANDIDATE. */
static void the_newest_sign_of_life_wins(void **state)
{
    (void)state;
    struct world w;
    world_init(&w, &joined);
    client_checks(&w, 'A', true);
    client_media(&w, 'A');
    client_checks(&w, 'B', false);
    w.story_len = 0;

    until(&w, 500);
    client_media(&w, 'A');
    until(&w, 510);
    client_media(&w, 'B');
    until(&w, 515);
    client_media(&w, 'A'); /* overtaken on the way */
    client_media(&w, 'B');
    until(&w, 572);
    client_checks(&w, 'B', true);
    until(&w, 1400);
    client_media(&w, 'A'); /* not quiet for long enough */
    until(&w, 2500);
    client_media(&w, 'A');
    until(&w, 2600);
    client_checks(&w, 'B', true);
    expect(&w, "  510 B selected\n"
               "  572 B success 192.0.2.1:66\n"
               " 2500 A selected\n"
               " 2600 B success 192.0.2.1:66\n"
               " 2600 B selected\n");
    world_fini(&w);
}

static void the_ninth_path_replaces_the_least_used(void **state)
{
    (void)state;
    struct world w;
    world_init(&w, &joined);
    client_checks(&w, 'A', true);
    for (char name = 'B'; name <= 'H'; name++) {
        until(&w, w.now_ms + 10);
        client_checks(&w, name, false);
    }
    until(&w, 100);
    client_media(&w, 'B'); /* keeps B young, and selects it */
    until(&w, 110);
    client_checks(&w, 'A', true); /* selected again: never the one to go */
    w.story_len = 0;
    for (char name = 'I'; name <= 'O'; name++) {
        until(&w, w.now_ms + 10);
        client_checks(&w, name, false);
    }
    expect(&w, "  120 I success 192.0.2.1:73\n"
               "  120 C removed\n"
               "  120 I added\n"
               "  130 J success 192.0.2.1:74\n"
               "  130 D removed\n"
               "  130 J added\n"
               "  140 K success 192.0.2.1:75\n"
               "  140 E removed\n"
               "  140 K added\n"
               "  150 L success 192.0.2.1:76\n"
               "  150 F removed\n"
               "  150 L added\n"
               "  160 M success 192.0.2.1:77\n"
               "  160 G removed\n"
               "  160 M added\n"
               "  170 N success 192.0.2.1:78\n"
               "  170 H removed\n"
               "  170 N added\n"
               "  180 O success 192.0.2.1:79\n"
               "  180 B removed\n"
               "  180 O added\n");
    assert_int_equal(ice_counters(w.ice)->paths_evicted, 7);
    world_fini(&w);
}

static void consent_expires_and_a_client_may_return(void **state)
{
    (void)state;
    struct world w;
    world_init(&w, &joined);
    client_checks(&w, 'A', true);
    until(&w, 5000);
    client_checks(&w, 'B', false);
    until(&w, 10000);
    client_media(&w, 'A'); /* media is no consent */
    w.story_len = 0;
    until(&w, 30000);
    assert_null(ice_selected(w.ice));
    assert_true(ice_deadline(w.ice) == TIME_NEVER);
    client_checks(&w, 'A', true);
    expect(&w, "20000 B removed\n"
               "20000 A removed\n"
               "20000 - lost\n"
               "30000 A success 192.0.2.1:65\n"
               "30000 A added\n"
               "30000 A selected\n");
    world_fini(&w);
}

/* The client has gone to another network and checks from there without nominating, while its media
 * still come from the old one, or seem to: RFC 7675 has us send there for 30 s more at most. */
static void each_path_needs_its_own_consent(void **state)
{
    (void)state;
    struct world w;
    world_init(&w, &joined);
    client_checks(&w, 'A', true);
    client_checks(&w, 'C', false);
    until(&w, 5000);
    client_checks(&w, 'B', false);
    w.story_len = 0;
    for (int s = 6; s < 50; s++) {
        until(&w, s * 1000);
        client_media(&w, s < 32 ? 'A' : 'B');
        if (s % 4 == 0) {
            size_t told = w.story_len;
            client_checks(&w, 'B', false);
            w.story_len = told; /* its answers are what other stories are about */
            w.story[told] = '\0';
        }
    }
    expect(&w, "30000 C removed\n"
               "30000 A removed\n"
               "32000 B selected\n");
    world_fini(&w);
}

static void a_closed_connection_is_forgotten(void **state)
{
    (void)state;
    struct world w;
    world_init(&w, &joined);
    client_checks(&w, 'a', true);
    client_checks(&w, 'B', false);
    client_media(&w, 'a');
    w.story_len = 0;
    struct ice_path path = path_of('a');
    until(&w, 100);
    ice_path_closed(w.ice, TIME_MS(100), &path);
    drain(&w);
    assert_null(ice_selected(w.ice));
    ice_path_closed(w.ice, TIME_MS(100), &path); /* nothing left to do */
    drain(&w);
    client_media(&w, 'a');
    client_media(&w, 'B');
    expect(&w, "  100 a removed\n"
               "  100 B selected\n");
    world_fini(&w);
}

/* ---- Our checks ---------------------------------------------------------------------------- */

static void a_client_is_moved_here(void **state)
{
    (void)state;
    struct world w;
    world_init(&w, &joined);
    until(&w, 1000);
    we_check(&w, 'A', 1000001);
    until(&w, 1065);
    assert_int_equal(client_answers(&w, 'B', joined.remote_pwd), ERR_NOT_FOUND);
    assert_int_equal(client_answers(&w, 'A', joined.local_pwd), ERR_AUTH);
    assert_int_equal(client_answers(&w, 'A', joined.remote_pwd), 0);
    assert_int_equal(client_answers(&w, 'A', joined.remote_pwd), ERR_NOT_FOUND);
    until(&w, 1200);
    client_media(&w, 'A');
    client_checks(&w, 'A', true);
    expect(&w, " 1000 A check cliU:srvU priority 1000001\n"
               " 1060 A check cliU:srvU priority 1000001\n"
               " 1065 A added\n"
               " 1065 A answered\n"
               " 1065 A selected\n"
               " 1200 A success 192.0.2.1:65\n");
    assert_int_equal(ice_counters(w.ice)->answered, 1);
    assert_int_equal(ice_counters(w.ice)->stray_responses, 3);
    world_fini(&w);
}

/* An answer of ours does not take over from a path the client chose. */
static void an_answer_does_not_switch(void **state)
{
    (void)state;
    struct world w;
    world_init(&w, &joined);
    client_checks(&w, 'A', true);
    w.story_len = 0;
    we_check(&w, 'B', 7);
    assert_int_equal(client_answers(&w, 'B', joined.remote_pwd), 0);
    expect(&w, "    0 B check cliU:srvU priority 7\n"
               "    0 B added\n"
               "    0 B answered\n");
    world_fini(&w);
}

static void an_unanswered_check_is_given_up(void **state)
{
    (void)state;
    struct world w;
    world_init(&w, &joined);
    we_check(&w, 'A', 5);
    w.story_len = 0;
    until(&w, 400);
    expect(&w, "   60 A check cliU:srvU priority 5\n"
               "  120 A check cliU:srvU priority 5\n"
               "  180 A check cliU:srvU priority 5\n"
               "  240 A check cliU:srvU priority 5\n"
               "  300 A check cliU:srvU priority 5\n"
               "  360 A check cliU:srvU priority 5\n");
    until(&w, 1000);
    expect(&w, "  420 A check cliU:srvU priority 5\n"
               "  480 A unanswered\n");
    assert_int_equal(client_answers(&w, 'A', joined.remote_pwd), ERR_NOT_FOUND); /* too late */
    assert_int_equal(ice_counters(w.ice)->unanswered, 1);
    world_fini(&w);
}

static void checks_are_bounded(void **state)
{
    (void)state;
    struct world w;
    world_init(&w, &joined);
    for (char name = 'A'; name < 'A' + ICE_CHECKS_MAX; name++) {
        we_check(&w, name, 1);
    }
    struct ice_path path = path_of('Z');
    assert_int_equal(ice_check(w.ice, 0, &path, 1), ERR_FULL);
    w.story_len = 0;
    we_check(&w, 'B', 9); /* replaced, not added */
    expect(&w, "    0 B check cliU:srvU priority 9\n");
    path = path_of('C');
    ice_path_closed(w.ice, 0, &path);
    drain(&w);
    we_check(&w, 'Z', 1); /* C's place */
    w.story_len = 0;
    until(&w, 60);
    expect(&w, "   60 A check cliU:srvU priority 1\n"
               "   60 B check cliU:srvU priority 9\n"
               "   60 Z check cliU:srvU priority 1\n"
               "   60 D check cliU:srvU priority 1\n");
    world_fini(&w);
}

static void no_check_without_remote_credentials(void **state)
{
    (void)state;
    struct world w;
    struct ice_credentials early = joined;
    early.remote_ufrag = "";
    early.remote_pwd = "";
    world_init(&w, &early);
    struct ice_path path = path_of('A');
    assert_int_equal(ice_check(w.ice, 0, &path, 1), ERR_STATE);
    client_checks(&w, 'A', true); /* its checks need none */
    w.story_len = 0;
    assert_int_equal(ice_set_credentials(w.ice, &joined), 0);
    we_check(&w, 'A', 1);
    assert_int_equal(client_answers(&w, 'A', joined.remote_pwd), 0);
    expect(&w, "    0 A check cliU:srvU priority 1\n"
               "    0 A answered\n");
    world_fini(&w);
}

static void an_error_response_ends_nothing(void **state)
{
    (void)state;
    struct world w;
    world_init(&w, &joined);
    we_check(&w, 'A', 1);
    struct stun_message request;
    uint8_t data[STUN_BUILD_MAX];
    assert_int_equal(stun_parse(&request, w.sent, w.sent_len), 0);
    size_t len = stun_build_error(data, &request, STUN_UNAUTHENTICATED, NULL);
    assert_int_equal(receive(&w, 'A', data, len), ERR_DENIED);
    until(&w, 60);
    assert_int_equal(client_answers(&w, 'A', joined.remote_pwd), 0);
    assert_int_equal(ice_counters(w.ice)->error_responses, 1);
    w.story_len = 0;
    w.story[0] = '\0';
    world_fini(&w);
}

/* ---- Restart ------------------------------------------------------------------------------- */

static void both_generations_pass_during_a_restart(void **state)
{
    (void)state;
    struct world w;
    world_init(&w, &joined);
    client_checks(&w, 'A', true);
    struct ice_credentials next = {"newU",
                                   "newserverpassword12345",
                                   "newC",
                                   "newclientpassword12345",
                                   joined.local_ufrag,
                                   joined.local_pwd};
    struct stun_client_check check = {.server_ufrag = "newU",
                                      .client_ufrag = "newC",
                                      .server_pwd = next.local_pwd,
                                      .use_candidate = true};
    assert_int_equal(client_sends(&w, 'B', &check), ERR_NOT_FOUND); /* not told yet */
    w.story_len = 0;
    assert_int_equal(ice_set_credentials(w.ice, &next), 0);
    client_checks(&w, 'A', true);
    assert_int_equal(client_sends(&w, 'B', &check), 0);
    check.server_pwd = joined.local_pwd; /* passwords do not mix */
    assert_int_equal(client_sends(&w, 'B', &check), ERR_AUTH);
    next.previous_ufrag = "";
    next.previous_pwd = "";
    assert_int_equal(ice_set_credentials(w.ice, &next), 0);
    check.server_ufrag = joined.local_ufrag; /* the old generation is over */
    assert_int_equal(client_sends(&w, 'A', &check), ERR_NOT_FOUND);
    check.server_ufrag = ""; /* "no previous one" is no password */
    check.server_pwd = "";
    assert_int_equal(client_sends(&w, 'A', &check), ERR_NOT_FOUND);
    expect(&w, "    0 A success 192.0.2.1:65\n"
               "    0 B success 192.0.2.1:66\n"
               "    0 B added\n"
               "    0 B selected\n"
               "    0 B error 401\n"
               "    0 A error 401\n"
               "    0 A error 401\n");
    world_fini(&w);
}

static void refuses_bad_credentials(void **state)
{
    (void)state;
    char longest[ICE_UFRAG_MAX + 2];
    memset(longest, 'x', ICE_UFRAG_MAX + 1);
    longest[ICE_UFRAG_MAX + 1] = '\0';
    struct ice_credentials rows[4] = {joined, joined, joined, joined};
    rows[0].local_ufrag = "";
    rows[1].local_pwd = "";
    rows[2].remote_ufrag = longest;
    rows[3].previous_pwd = longest;
    struct prng prng;
    struct ice *ice = NULL;
    prng_seed(&prng, 1);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct ice_config config = {rows[i], prng_source(&prng)};
        assert_int_equal(ice_new(&ice, &config), ERR_INVALID);
    }
    assert_null(ice);
}

/* ---- Hostile ------------------------------------------------------------------------------- */

/* Nothing of this makes a path known, and each is counted under its own name. */
static void wrong_checks_are_answered_and_counted(void **state)
{
    (void)state;
    struct world w;
    world_init(&w, &joined);
    const struct stun_client_check good = {.server_ufrag = joined.local_ufrag,
                                           .client_ufrag = joined.remote_ufrag,
                                           .server_pwd = joined.local_pwd,
                                           .use_candidate = true};
    struct stun_client_check check = good;
    check.server_pwd = NULL;
    assert_int_equal(client_sends(&w, 'A', &check), ERR_INVALID);
    check = good;
    check.no_username = true;
    assert_int_equal(client_sends(&w, 'B', &check), ERR_INVALID);
    check = good;
    check.server_ufrag = "srvu";
    assert_int_equal(client_sends(&w, 'C', &check), ERR_NOT_FOUND);
    check = good;
    check.server_pwd = "guess";
    assert_int_equal(client_sends(&w, 'D', &check), ERR_AUTH);
    check = good;
    check.unknown_attribute = true;
    assert_int_equal(client_sends(&w, 'E', &check), ERR_UNSUPPORTED);
    check = good;
    check.controlled = true;
    assert_int_equal(client_sends(&w, 'F', &check), ERR_DENIED);
    check = good;
    check.no_fingerprint = true;
    assert_int_equal(client_sends(&w, 'G', &check), ERR_INVALID);
    check = good;
    check.indication = true;
    assert_int_equal(client_sends(&w, 'H', &check), ERR_UNSUPPORTED);
    expect(&w, "    0 A error 400\n"
               "    0 B error 400\n"
               "    0 C error 401\n"
               "    0 D error 401\n"
               "    0 E error 420 signed\n"
               "    0 F error 487 signed\n");
    const struct ice_counters want = {.bad_request = 2,
                                      .bad_user = 1,
                                      .bad_integrity = 1,
                                      .unknown_attribute = 1,
                                      .role_conflict = 1,
                                      .bad_fingerprint = 1,
                                      .indications = 1};
    assert_memory_equal(ice_counters(w.ice), &want, sizeof(want));
    assert_true(ice_deadline(w.ice) == TIME_NEVER);
    assert_true(ice_last_stun_us(w.ice) == -1);
    world_fini(&w);
}

static void an_ipv6_client_is_told_its_address(void **state)
{
    (void)state;
    struct world w;
    world_init(&w, &joined);
    struct ice_path path = {.endpoint = 3};
    assert_int_equal(net_parse(&path.remote, "[2001:db8::9]:65"), 0);
    struct stun_client_check check = {.server_ufrag = joined.local_ufrag,
                                      .client_ufrag = joined.remote_ufrag,
                                      .server_pwd = joined.local_pwd};
    uint8_t data[STUN_BUILD_MAX];
    struct stun_message m;
    assert_int_equal(stun_parse(&m, data, stun_client_request(data, &check)), 0);
    assert_int_equal(ice_receive(w.ice, 0, &path, &m), 0);
    drain(&w);
    expect(&w, "    0 A success [2001:db8::9]:65\n"
               "    0 A added\n");
    world_fini(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_client_joins),
        cmocka_unit_test(paths_differ_by_each_part),
        cmocka_unit_test(the_newest_sign_of_life_wins),
        cmocka_unit_test(the_ninth_path_replaces_the_least_used),
        cmocka_unit_test(consent_expires_and_a_client_may_return),
        cmocka_unit_test(each_path_needs_its_own_consent),
        cmocka_unit_test(a_closed_connection_is_forgotten),
        cmocka_unit_test(a_client_is_moved_here),
        cmocka_unit_test(an_answer_does_not_switch),
        cmocka_unit_test(an_unanswered_check_is_given_up),
        cmocka_unit_test(checks_are_bounded),
        cmocka_unit_test(no_check_without_remote_credentials),
        cmocka_unit_test(an_error_response_ends_nothing),
        cmocka_unit_test(both_generations_pass_during_a_restart),
        cmocka_unit_test(refuses_bad_credentials),
        cmocka_unit_test(wrong_checks_are_answered_and_counted),
        cmocka_unit_test(an_ipv6_client_is_told_its_address),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
