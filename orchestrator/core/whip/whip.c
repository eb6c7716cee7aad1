/* SPDX-License-Identifier: Apache-2.0
 *
 * Sessions, outputs and time.
 */
#include "orchestrator/core/whip/private.h"
#include "proto/wire/wire.h"

#include <stdlib.h>
#include <utlist.h>

struct whip *whip_new(const struct whip_config *config, int64_t now_us, int64_t wall_us)
{
    struct whip *whip = mem_alloc(sizeof(*whip));
    whip->config = *config;
    whip->now_us = now_us;
    whip->wall_offset_us = wall_us - now_us;
    return whip;
}

void whip_free(struct whip *whip)
{
    struct whip_out out;
    struct session *s, *next;
    HASH_ITER(hh, whip->by_conn, s, next)
    {
        whip_session_free(whip, s);
    }
    while (whip_poll(whip, &out)) {
        whip_out_fini(&out);
    }
    free(whip);
}

int64_t whip_wall_s(const struct whip *whip)
{
    return (whip->now_us + whip->wall_offset_us) / 1000000;
}

void whip_stats(const struct whip *whip, struct whip_stats *out)
{
    *out = whip->stats;
}

/* ---- Outputs ------------------------------------------------------------------------------- */

void whip_take(struct whip *whip, struct whip_out out)
{
    struct output *output = mem_alloc(sizeof(*output));
    output->out = out;
    DL_APPEND(whip->outputs, output);
}

bool whip_poll(struct whip *whip, struct whip_out *out)
{
    struct output *output = whip->outputs;
    if (output == NULL) {
        return false;
    }
    DL_DELETE(whip->outputs, output);
    *out = output->out;
    free(output);
    return true;
}

void whip_out_fini(struct whip_out *out)
{
    free(out->headers);
    free((uint8_t *)(uintptr_t)out->body.data);
    free(out->authorization);
    free(out->join_request);
    free(out->room);
    free(out->address);
    *out = (struct whip_out){0};
}

void whip_answer(struct whip *whip, uint64_t request, int status, const char *text)
{
    whip_take(whip, (struct whip_out){.type = WHIP_ANSWER,
                                      .id = request,
                                      .status = status,
                                      .body = {mem_copy(text, strlen(text)), strlen(text)}});
}

void whip_refuse(struct whip *whip, uint64_t request, const struct whip_refusal *why)
{
    const char *text = why->text == NULL ? "" : why->text;
    whip->stats.refused++;
    whip_take(whip, (struct whip_out){.type = WHIP_ANSWER,
                                      .id = request,
                                      .status = why->status,
                                      .retry_after_s = why->retry_after_s,
                                      .body = {mem_copy(text, strlen(text)), strlen(text)}});
}

void whip_signal(struct whip *whip, const struct session *s, const Livekit__SignalRequest *request)
{
    size_t len;
    uint8_t *data = wire_pack(&request->base, &len);
    whip_take(whip, (struct whip_out){.type = WHIP_SIGNAL, .id = s->conn, .body = {data, len}});
}

/* ---- Sessions ------------------------------------------------------------------------------ */

struct session *whip_find(const struct whip *whip, uint64_t conn)
{
    struct session *s;
    HASH_FIND(hh, whip->by_conn, &conn, sizeof(conn), s);
    return s;
}

bool whip_has(const struct whip *whip, uint64_t conn)
{
    return whip_find(whip, conn) != NULL;
}

struct session *whip_find_sid(const struct whip *whip, const char *sid)
{
    struct session *s;
    HASH_FIND(hh_sid, whip->by_sid, sid, strlen(sid), s);
    return s;
}

struct session *whip_session_new(struct whip *whip, uint64_t conn, enum mode mode)
{
    struct session *s = mem_alloc(sizeof(*s));
    assert(!whip_has(whip, conn));
    s->conn = conn;
    s->mode = mode;
    s->made_s = whip_wall_s(whip);
    s->due_us = whip->now_us + WHIP_ANSWER_US;
    id_chars(s->sid, sizeof(s->sid), &whip->config.random);
    id_chars(s->etag, sizeof(s->etag), &whip->config.random);
    HASH_ADD(hh, whip->by_conn, conn, sizeof(s->conn), s);
    HASH_ADD_KEYPTR(hh_sid, whip->by_sid, s->sid, strlen(s->sid), s);
    DL_APPEND(whip->waiting, s);
    return s;
}

static uint64_t *gauge(struct whip *whip, const struct session *s)
{
    return s->mode == PUBLISH ? &whip->stats.publishing : &whip->stats.playing;
}

void whip_session_open(struct whip *whip, struct session *s)
{
    assert(s->phase != OPEN);
    DL_DELETE(whip->waiting, s);
    s->phase = OPEN;
    s->due_us = whip->now_us + WHIP_PING_US;
    DL_APPEND(whip->open, s);
    whip->stats.opened++;
    (*gauge(whip, s))++;
}

void whip_session_free(struct whip *whip, struct session *s)
{
    whip_restart_refuse(
        whip, s, &(struct whip_refusal){HTTP_NOT_FOUND, "the session has ended meanwhile", 0});
    if (s->phase == OPEN) {
        DL_DELETE(whip->open, s);
        (*gauge(whip, s))--;
    } else {
        DL_DELETE(whip->waiting, s);
    }
    HASH_DEL(whip->by_conn, s);
    HASH_DELETE(hh_sid, whip->by_sid, s);
    free(s->identity);
    free(s->room);
    free(s->ufrag);
    free(s->next_ufrag);
    free(s->offer);
    free(s->wanted);
    free(s->links);
    free(s);
}

void whip_session_leave(struct whip *whip, struct session *s)
{
    Livekit__LeaveRequest leave = LIVEKIT__LEAVE_REQUEST__INIT;
    Livekit__SignalRequest request = LIVEKIT__SIGNAL_REQUEST__INIT;
    leave.reason = LIVEKIT__DISCONNECT_REASON__CLIENT_INITIATED;
    request.message_case = LIVEKIT__SIGNAL_REQUEST__MESSAGE_LEAVE;
    request.leave = &leave;
    whip_signal(whip, s, &request);
    whip_take(whip, (struct whip_out){.type = WHIP_DISCONNECT, .id = s->conn});
    whip_session_free(whip, s);
}

void whip_gone(struct whip *whip, int64_t now_us, uint64_t id)
{
    assert(now_us >= whip->now_us);
    whip->now_us = now_us;
    struct session *s = whip_find(whip, id);
    if (s == NULL) {
        return;
    }
    if (s->phase != OPEN) { /* else it was answered */
        whip_refuse(whip, id, &(struct whip_refusal){HTTP_UNAVAILABLE, "its client is gone", 0});
    }
    whip_session_leave(whip, s);
}

/* ---- Time ---------------------------------------------------------------------------------- */

static void ping(struct whip *whip, struct session *s)
{
    Livekit__Ping message = LIVEKIT__PING__INIT;
    Livekit__SignalRequest request = LIVEKIT__SIGNAL_REQUEST__INIT;
    message.timestamp = (whip->now_us + whip->wall_offset_us) / 1000;
    request.message_case = LIVEKIT__SIGNAL_REQUEST__MESSAGE_PING_REQ;
    request.ping_req = &message;
    whip_signal(whip, s, &request);
    DL_DELETE(whip->open, s);
    s->due_us = whip->now_us + WHIP_PING_US;
    DL_APPEND(whip->open, s);
}

void whip_expire(struct whip *whip, int64_t now_us)
{
    static const struct whip_refusal late = {HTTP_UNAVAILABLE, "the room did not answer in time",
                                             WHIP_BUSY_S};
    assert(now_us >= whip->now_us);
    whip->now_us = now_us;
    while (whip->waiting != NULL && whip->waiting->due_us <= now_us) {
        struct session *s = whip->waiting;
        whip_refuse(whip, s->conn, &late);
        whip_session_leave(whip, s);
    }
    while (whip->restarting != NULL && whip->restarting->restart_due_us <= now_us) {
        whip_restart_refuse(whip, whip->restarting, &late); /* which MUST NOT end the session */
    }
    while (whip->open != NULL && whip->open->due_us <= now_us) {
        ping(whip, whip->open);
    }
}

int64_t whip_deadline(const struct whip *whip)
{
    int64_t at = whip->waiting == NULL ? TIME_NEVER : whip->waiting->due_us;
    at = MIN(at, whip->restarting == NULL ? TIME_NEVER : whip->restarting->restart_due_us);
    return MIN(at, whip->open == NULL ? TIME_NEVER : whip->open->due_us);
}
