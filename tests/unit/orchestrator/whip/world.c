/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/orchestrator/whip/world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "proto/wire/wire.h"
#include "tests/unit/orchestrator/whip/offers.h"

static const struct token_key key = {"key", "secret"};

char *world_bearer(const char *identity, const struct token_video *video, int64_t ttl_s)
{
    struct token token = {.identity = identity, .has_video = true, .video = *video};
    char *text = token_sign(&token, &key, WORLD_WALL_S, ttl_s);
    assert_non_null(text);
    size_t cap = strlen(text) + 8;
    char *header = mem_alloc(cap);
    snprintf(header, cap, "Bearer %s", text);
    free(text);
    return header;
}

const struct token_video world_plain = {.room_join = true, .room = "hall"};

void world_setup(struct world *w)
{
    *w = (struct world){.now_us = TIME_S(1)};
    prng_seed(&w->prng, 1);
    w->whip = whip_new(&(struct whip_config){.keys = {&key, 1}, .random = prng_source(&w->prng)},
                       w->now_us, TIME_S(WORLD_WALL_S));
    w->authorization = world_bearer("obs", &world_plain, 600);
    w->offer = offer_text("sendonly", "sendonly");
}

void world_teardown(struct world *w)
{
    whip_out_fini(&w->out);
    whip_free(w->whip);
    free(w->authorization);
    free(w->offer);
}

const struct whip_out *world_next(struct world *w, enum whip_out_type type)
{
    whip_out_fini(&w->out);
    assert_true(whip_poll(w->whip, &w->out));
    assert_int_equal(w->out.type, type);
    return &w->out;
}

void world_nothing(struct world *w)
{
    struct whip_out out;
    assert_false(whip_poll(w->whip, &out));
}

struct whip_request world_request(const struct world *w, const char *verb, const char *path)
{
    return (struct whip_request){
        .verb = verb,
        .path = path,
        .authorization = w->authorization,
        .content_type = "application/sdp",
        .if_match = "",
        .participant = "",
        .address = "192.0.2.9",
        .body = {(const uint8_t *)w->offer, strlen(w->offer)},
    };
}

void world_ask(struct world *w, uint64_t id, const struct whip_request *request)
{
    whip_request(w->whip, w->now_us, id, request);
}

int world_refusal(struct world *w, const struct whip_request *request)
{
    world_ask(w, 99, request);
    int status = world_next(w, WHIP_ANSWER)->status;
    assert_int_equal(w->out.id, 99);
    world_nothing(w);
    assert_false(whip_has(w->whip, 99));
    return status;
}

void world_says(struct world *w, uint64_t conn, const Livekit__SignalResponse *response)
{
    size_t len;
    uint8_t *data = wire_pack(&response->base, &len);
    whip_message(w->whip, w->now_us, conn, (struct bytes){data, len});
    free(data);
}

void world_says_join(struct world *w, uint64_t conn, Livekit__ParticipantInfo **others,
                     size_t count)
{
    Livekit__JoinResponse join = LIVEKIT__JOIN_RESPONSE__INIT;
    Livekit__SignalResponse response = LIVEKIT__SIGNAL_RESPONSE__INIT;
    join.other_participants = others;
    join.n_other_participants = count;
    response.message_case = LIVEKIT__SIGNAL_RESPONSE__MESSAGE_JOIN;
    response.join = &join;
    world_says(w, conn, &response);
}

void world_says_description(struct world *w, uint64_t conn,
                            const Livekit__SessionDescription *answer)
{
    Livekit__SignalResponse response = LIVEKIT__SIGNAL_RESPONSE__INIT;
    response.message_case = LIVEKIT__SIGNAL_RESPONSE__MESSAGE_ANSWER;
    response.answer = (Livekit__SessionDescription *)(uintptr_t)answer;
    world_says(w, conn, &response);
}

void world_says_answer(struct world *w, uint64_t conn, bool carries)
{
    Livekit__SessionDescription answer = LIVEKIT__SESSION_DESCRIPTION__INIT;
    Livekit__SessionDescription__MidToTrackIdEntry entry =
        LIVEKIT__SESSION_DESCRIPTION__MID_TO_TRACK_ID_ENTRY__INIT;
    Livekit__SessionDescription__MidToTrackIdEntry *entries = &entry;
    entry.key = "0";
    entry.value = "TR_1";
    answer.type = "answer";
    answer.sdp = "v=0\r\n";
    answer.mid_to_track_id = &entries;
    answer.n_mid_to_track_id = carries;
    world_says_description(w, conn, &answer);
}

void world_says_leave(struct world *w, uint64_t conn, Livekit__DisconnectReason reason)
{
    Livekit__LeaveRequest leave = LIVEKIT__LEAVE_REQUEST__INIT;
    Livekit__SignalResponse response = LIVEKIT__SIGNAL_RESPONSE__INIT;
    leave.reason = reason;
    response.message_case = LIVEKIT__SIGNAL_RESPONSE__MESSAGE_LEAVE;
    response.leave = &leave;
    world_says(w, conn, &response);
}

const Livekit__SignalRequest *world_next_signal(struct world *w, ProtobufCMessage **unpacked)
{
    const struct whip_out *out = world_next(w, WHIP_SIGNAL);
    assert_int_equal(wire_unpack(&livekit__signal_request__descriptor, out->body, unpacked), 0);
    return (const Livekit__SignalRequest *)*unpacked;
}

void world_next_signal_is(struct world *w, Livekit__SignalRequest__MessageCase what)
{
    ProtobufCMessage *unpacked;
    assert_int_equal(world_next_signal(w, &unpacked)->message_case, what);
    protobuf_c_message_free_unpacked(unpacked, NULL);
}

void world_publish(struct world *w, char sid[WHIP_SID_MAX], char etag[WHIP_ETAG_MAX])
{
    struct whip_request post = world_request(w, "POST", "/whip/v1");
    world_ask(w, 1, &post);
    (void)world_next(w, WHIP_CONNECT);
    world_says_join(w, 1, NULL, 0);
    world_says_answer(w, 1, false);
    const struct whip_out *out = world_next(w, WHIP_ANSWER);
    assert_int_equal(out->status, 201);
    assert_int_equal(sscanf(out->headers,
                            "Location: /whip/v1/sessions/%32[^\r]\r\nETag: \"%8[^\"]\"", sid, etag),
                     2);
    world_nothing(w);
}
