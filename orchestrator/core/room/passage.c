/* SPDX-License-Identifier: Apache-2.0
 *
 * Joins and moves that are traced: from the first word to media flowing, as spans
 * (docs/operations/tracing.md). Who is not traced has no passage, and everything here returns at
 * once.
 *
 *   join   negotiation   to the answer of the first offer
 *          spec          from the node's spec with the transport to its word
 *          ice           the node's own span, of which it tells (Span of control.proto)
 *          dtls          from the path to the keys
 *          media         from then to the first packet in or out, if there is something to come
 *
 *   move   detection     of a death: from the node's last word to the verdict
 *          spec, ice     as above, at the next node
 *          hand_over     as planned: from the path there to the old node's last word
 *          media         as above, from the next node
 *
 * It is through once path and keys are there and, if something is published or subscribed to, the
 * first packet has come; a client that is muted, or whose picture is paused, sends and gets none,
 * so that is waited for no longer than MEDIA_US, and is no failure.
 */
#include "orchestrator/core/room/private.h"

#include <stdio.h>
#include <stdlib.h>

#define MEDIA_US TIME_S(5)

static const struct tracer *tracer_of(const struct participant *p)
{
    return p->room->config->tracer;
}

static struct trace_span part(const struct participant *p, int64_t now_us, const char *name,
                              enum trace_kind kind)
{
    return trace_part(tracer_of(p), now_us, name, kind, &p->passage->whole.context);
}

void passage_forget(struct participant *p)
{
    p->room->passages -= p->passage != NULL;
    free(p->passage);
    p->passage = NULL;
}

void passage_end(struct participant *p, int64_t now_us, const char *why, struct effects *fx)
{
    struct passage *passage = p->passage;
    if (passage == NULL) {
        return;
    }
    struct trace_span *parts[] = {&passage->negotiation, &passage->spec, &passage->dtls,
                                  &passage->hand_over, &passage->media};
    for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
        if (why != NULL) {
            trace_end_failed(tracer_of(p), parts[i], now_us, why);
        } /* else it did not come to pass, and that is well */
    }
    trace_end_failed(tracer_of(p), &passage->whole, now_us, why);
    if (passage->conn != 0) {
        effects_take(fx, (struct effect){.type = EFFECT_JOINED,
                                         .id = passage->conn,
                                         .text = why == NULL ? NULL : mem_str(why)});
    }
    passage_forget(p);
}

static struct passage *begin(struct participant *p, const struct trace_span *whole)
{
    struct passage *passage = mem_alloc(sizeof(*passage));
    passage->whole = *whole;
    passage->until_us = TIME_NEVER;
    p->passage = passage;
    p->room->passages++;
    return passage;
}

void passage_join(struct participant *p, int64_t now_us, const struct room_join *join)
{
    if (!trace_is_traced(&join->trace.context)) {
        return;
    }
    begin(p, &join->trace)->conn = join->conn;
    trace_text(&p->passage->whole, "spillway.participant", p->sid);
    p->passage->negotiation = part(p, now_us, "negotiation", TRACE_INTERNAL);
}

void passage_move(struct participant *p, int64_t now_us, const struct host *to,
                  const struct room_cause *cause, struct effects *fx)
{
    const struct tracer *tracer = tracer_of(p);
    int64_t from_us = cause->since_us != 0 ? cause->since_us : now_us;
    if (p->passage != NULL && p->passage->conn != 0) { /* its join goes on, there */
        trace_end_failed(tracer, &p->passage->spec, now_us, "moved");
        p->passage->node[0] = '\0';
        return;
    }
    passage_end(p, now_us, "moved", fx);
    struct trace_span whole =
        trace_part_or_root(tracer, from_us, "move", TRACE_INTERNAL, &cause->trace);
    if (!trace_is_traced(&whole.context)) {
        return;
    }
    trace_text(&whole, "spillway.move.cause", cause->why == NULL ? "" : cause->why);
    trace_text(&whole, "spillway.move.from", p->host->node);
    trace_text(&whole, "spillway.move.to", to->node);
    trace_text(&whole, "spillway.room", p->room->sid);
    trace_text(&whole, "spillway.participant", p->sid);
    begin(p, &whole);
    if (cause->since_us != 0) {
        struct trace_span detection =
            trace_part(tracer, from_us, "detection", TRACE_INTERNAL, &whole.context);
        trace_end(tracer, &detection, now_us);
    }
}

struct bytes passage_context(const struct participant *p)
{
    return p->passage == NULL ? (struct bytes){0} : trace_context_bytes(&p->passage->whole.context);
}

const char *passage_word(const struct participant *p, char out[TRACE_WORD_MAX])
{
    static const struct trace_context none;
    return trace_word(p->passage == NULL ? &none : &p->passage->whole.context, out);
}

void passage_answered(struct participant *p, int64_t now_us)
{
    if (p->passage != NULL) {
        trace_end(tracer_of(p), &p->passage->negotiation, now_us);
    }
}

/* ---- What the node has --------------------------------------------------------------------- */

/* To look at all of them; nobody where none is traced. */
static struct participant *first(const struct room *room)
{
    return room->passages == 0 ? NULL : room->participants;
}

void passage_sent(struct room *room, const struct host *host, int64_t now_us)
{
    for (struct participant *p = first(room); p != NULL; p = next_connection(p)) {
        struct passage *passage = p->passage;
        int place = passage == NULL ? -1 : host_place(p, host);
        int target = p->next == NULL || p->phase == MOVE_SETTLING ? HERE : NEXT;
        if (place != target || !p->entry[place].in_spec || passage->node[0] != '\0') {
            continue;
        }
        snprintf(passage->node, sizeof(passage->node), "%s", host->node);
        passage->version = host->version;
        passage->spec = part(p, now_us, "spec", TRACE_CLIENT);
        trace_text(&passage->spec, "spillway.node", host->node);
    }
}

void passage_acked(struct room *room, const struct host *host, int64_t now_us)
{
    for (struct participant *p = first(room); p != NULL; p = next_connection(p)) {
        struct passage *passage = p->passage;
        if (passage != NULL && strcmp(passage->node, host->node) == 0 &&
            passage->version <= host->acked) {
            trace_end(tracer_of(p), &passage->spec, now_us);
        }
    }
}

void passage_span(struct room *room, int64_t now_us, const struct host *host,
                  const Spillway__Control__Span *told)
{
    static const char *const names[] = {"ice", "media_receive", "media_send"};
    const struct participant *p = room_find_transport(room, told->transport);
    struct trace_context context;
    if (p == NULL || p->passage == NULL || (size_t)told->kind >= ARRAY_LEN(names) ||
        !trace_context_read(&context, (struct bytes){told->trace.data, told->trace.len}) ||
        memcmp(&context, &p->passage->whole.context, sizeof(context)) != 0) {
        return; /* it came after the end */
    }
    int64_t age_us = now_us - p->passage->whole.start_us; /* no part is older */
    int64_t start_us = now_us - (int64_t)MIN(told->duration_us, (uint64_t)age_us);
    struct trace_span span =
        trace_part(tracer_of(p), start_us, names[told->kind], TRACE_INTERNAL, &context);
    snprintf(span.node, sizeof(span.node), "%s", host->node);
    trace_text(&span, "spillway.node.name", host->info->name);
    trace_end(tracer_of(p), &span, now_us);
}

/* ---- Media --------------------------------------------------------------------------------- */

static bool expects_media(const struct participant *p)
{
    const struct track *track;
    const struct subscription *subscription;
    bool planned = p->phase == MOVE_SETTLING; /* what it publishes came there before */
    /* If a track is in no offer yet, it is on its way into one. */
    DL_FOREACH(p->tracks, track)
    {
        if (!track->info->muted && !planned) {
            return true;
        }
    }
    DL_FOREACH(p->subscriptions, subscription)
    {
        if (subscription->entry[HERE].in_spec && !subscription->track->info->muted &&
            !subscribe_is_off(subscription)) {
            return true;
        }
    }
    return false;
}

/* The way is there, with its keys. */
static void arrive(struct participant *p, int64_t now_us, struct effects *fx)
{
    struct passage *passage = p->passage;
    if (!p->connected || p->address == NULL || passage->until_us != TIME_NEVER) {
        return;
    }
    if (!expects_media(p)) {
        passage_end(p, now_us, NULL, fx);
        return;
    }
    passage->media = part(p, now_us, "media", TRACE_INTERNAL);
    passage->until_us = now_us + MEDIA_US;
}

void passage_path(struct participant *p, int64_t now_us, struct effects *fx)
{
    if (p->passage == NULL || p->next != NULL) { /* a planned move is not through by that */
        return;
    }
    if (!p->connected && !trace_is_traced(&p->passage->dtls.context)) {
        p->passage->dtls = part(p, now_us, "dtls", TRACE_INTERNAL);
    }
    arrive(p, now_us, fx);
}

void passage_keys(struct participant *p, int64_t now_us, struct effects *fx)
{
    if (p->passage != NULL) {
        trace_end(tracer_of(p), &p->passage->dtls, now_us);
        arrive(p, now_us, fx);
    }
}

void passage_handing(struct participant *p, int64_t now_us)
{
    if (p->passage != NULL) {
        p->passage->hand_over = part(p, now_us, "hand_over", TRACE_INTERNAL);
    }
}

void passage_handed(struct participant *p, int64_t now_us)
{
    if (p->passage != NULL) {
        trace_end(tracer_of(p), &p->passage->hand_over, now_us);
    }
    if (p->passage != NULL && p->passage->conn == 0) { /* a join's is through */
        arrive(p, now_us, NULL);
    }
}

void passage_stays(struct participant *p, int64_t now_us, const char *why)
{
    if (p->passage != NULL && p->passage->conn == 0) {
        passage_end(p, now_us, why, NULL);
    }
}

void passage_media(struct participant *p, int64_t now_us, struct effects *fx)
{
    if (p->passage != NULL && p->passage->until_us != TIME_NEVER) {
        trace_end(tracer_of(p), &p->passage->media, now_us);
        passage_end(p, now_us, NULL, fx);
    }
}

void passage_expire(struct participant *p, int64_t now_us, struct effects *fx)
{
    if (passage_deadline(p) <= now_us) {
        passage_end(p, now_us, NULL, fx);
    }
}

int64_t passage_deadline(const struct participant *p)
{
    return p->passage == NULL ? TIME_NEVER : p->passage->until_us;
}
