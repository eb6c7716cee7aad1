/* SPDX-License-Identifier: Apache-2.0
 *
 * Any body of a request and any word of the room. The first byte says of what: an offer to publish
 * or to play, a fragment for an open session, a SignalResponse to a player who joins, the answer to
 * an ICE restart. Whatever comes, each request is answered once, by the time a room has for it, and
 * what is asked of a room is what it can read.
 */
#include "orchestrator/core/sdp/sdp.h"
#include "orchestrator/core/whip/whip.h"
#include "proto/gen/client.pb-c.h"
#include "proto/wire/wire.h"

#include <stdio.h>
#include <stdlib.h>

#define WALL_S 1000

static const struct token_key key = {"k", "s"};

static const char offer[] =
    "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0\r\n"
    "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\nc=IN IP4 0.0.0.0\r\na=ice-ufrag:abcd\r\n"
    "a=ice-pwd:0123456789abcdefghijkl\r\na=fingerprint:sha-256 00:01:02:03:04:05:06:07:08:09:0A:0B:"
    "0C:0D:0E:0F:10:11:12:13:14:15:16:17:18:19:1A:1B:1C:1D:1E:1F\r\na=setup:actpass\r\n"
    "a=rtcp-mux\r\na=mid:0\r\na=sendrecv\r\na=rtpmap:111 opus/48000/2\r\n";

/* LeaveRequest of a SignalResponse is not needed; a JoinResponse, then an answer, empty. */
static const uint8_t joined[] = {0x0a, 0x00}, answered[] = {0x12, 0x00};

static const char restart[] = "a=ice-ufrag:efgh\r\na=ice-pwd:lkjihgfedcba9876543210\r\n";

struct tally {
    size_t answers, connects, offers;
    int status;
    char session[64];
};

static char *bearer(void)
{
    struct token token = {
        .identity = "i", .has_video = true, .video = {.room_join = true, .room = "r"}};
    char *text = token_sign(&token, &key, WALL_S, 600);
    char *header = mem_alloc(strlen(text) + 8);
    memcpy(header, "Bearer ", 7);
    memcpy(header + 7, text, strlen(text));
    free(text);
    return header;
}

/* What a room is offered by an open session it reads, and has as many sections as the first one. */
static void check_signal(struct bytes body, struct tally *tally)
{
    ProtobufCMessage *unpacked;
    char reason[SDP_REASON_MAX];
    int err = wire_unpack(&livekit__signal_request__descriptor, body, &unpacked);
    assert(err == 0);
    const Livekit__SignalRequest *said = (const Livekit__SignalRequest *)unpacked;
    if (said->message_case == LIVEKIT__SIGNAL_REQUEST__MESSAGE_OFFER && tally->session[0] != '\0') {
        struct sdp_offer *parsed;
        err = sdp_offer_parse(&parsed, said->offer->sdp, strlen(said->offer->sdp), reason);
        assert(err == 0 && parsed->media_count == 1);
        sdp_offer_free(parsed);
        tally->offers++;
    }
    protobuf_c_message_free_unpacked(unpacked, NULL);
}

static void drain(struct whip *whip, struct tally *tally)
{
    struct whip_out out;
    while (whip_poll(whip, &out)) {
        if (out.type == WHIP_ANSWER) {
            tally->answers++;
            tally->status = out.status;
            assert(out.status >= 200 && out.status <= 503);
        }
        if (out.type == WHIP_ANSWER && out.status == 201) {
            assert(sscanf(out.headers, "Location: %63[^\r]", tally->session) == 1);
        }
        if (out.type == WHIP_SIGNAL) {
            check_signal(out.body, tally);
        }
        if (out.type == WHIP_CONNECT) {
            Livekit__JoinRequest *join;
            tally->connects++;
            int err = entry_decode(out.join_request, &join);
            assert(err == 0);
            livekit__join_request__free_unpacked(join, NULL);
        }
        whip_out_fini(&out);
    }
}

static void ask(struct whip *whip, uint64_t id, const struct whip_request *request,
                struct tally *tally)
{
    whip_request(whip, 0, id, request);
    drain(whip, tally);
}

/* text: has a zero byte behind it. */
static void answer_restart(struct whip *whip, struct bytes text)
{
    Livekit__SessionDescription answer = LIVEKIT__SESSION_DESCRIPTION__INIT;
    Livekit__SignalResponse response = LIVEKIT__SIGNAL_RESPONSE__INIT;
    size_t len;
    if (wire_utf8((const char *)text.data, text.len) != text.len) {
        text.data = (const uint8_t *)"";
    }
    answer.type = "answer";
    answer.sdp = (char *)(uintptr_t)text.data;
    answer.id = 2;
    response.message_case = LIVEKIT__SIGNAL_RESPONSE__MESSAGE_ANSWER;
    response.answer = &answer;
    uint8_t *data = wire_pack(&response.base, &len);
    whip_message(whip, 0, 1, (struct bytes){data, len});
    free(data);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    if (len == 0) {
        return 0;
    }
    struct prng prng;
    prng_seed(&prng, 1);
    struct whip *whip = whip_new(
        &(struct whip_config){.keys = {&key, 1}, .random = prng_source(&prng)}, 0, TIME_S(WALL_S));
    struct tally tally = {0};
    char *authorization = bearer();
    uint8_t *body = mem_copy(data + 1, len - 1);
    bool plays = (data[0] & 1) != 0, later = (data[0] & 2) != 0, answers = (data[0] & 4) != 0;
    struct whip_request request = {.verb = "POST",
                                   .path = plays ? "/whep/v1" : "/whip/v1",
                                   .authorization = authorization,
                                   .content_type = "application/sdp",
                                   .if_match = "",
                                   .participant = "",
                                   .address = "",
                                   .body = {body, len - 1}};
    size_t asked = 1;
    if (later) {
        request.path = "/whip/v1";
        request.body = (struct bytes){(const uint8_t *)offer, sizeof(offer) - 1};
    }
    ask(whip, 1, &request, &tally);
    if (later && plays) {
        whip_message(whip, 0, 1, (struct bytes){body, len - 1});
        drain(whip, &tally);
    } else if (later) {
        whip_message(whip, 0, 1, (struct bytes){joined, sizeof(joined)});
        whip_message(whip, 0, 1, (struct bytes){answered, sizeof(answered)});
        drain(whip, &tally);
        assert(tally.status == 201);
        request.verb = "PATCH";
        request.path = tally.session;
        request.content_type = "application/trickle-ice-sdpfrag";
        request.if_match = "*";
        request.body = (struct bytes){body, len - 1};
        if (answers) {
            request.body = (struct bytes){(const uint8_t *)restart, sizeof(restart) - 1};
        }
        ask(whip, 2, &request, &tally);
        asked++;
        assert(tally.status == 400 || tally.status == 204 || tally.offers == 1);
        assert(!answers || tally.offers == 1);
        if (answers) {
            answer_restart(whip, (struct bytes){body, len - 1});
            drain(whip, &tally);
            assert(tally.status == 200);
        }
    }
    whip_expire(whip, WHIP_ANSWER_US);
    drain(whip, &tally);
    assert(tally.answers == asked && tally.connects <= 1);
    whip_free(whip);
    free(authorization);
    free(body);
    return 0;
}
