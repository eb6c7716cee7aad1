/* SPDX-License-Identifier: Apache-2.0
 *
 * A session as session.proto writes it down, and back.
 */
#include "orchestrator/core/session/record.h"

#include <stdio.h>
#include <stdlib.h>

typedef Spillway__Session__Connection connection_record;
typedef Spillway__Session__Line line_record;
typedef Spillway__Session__Codec codec_record;
typedef Spillway__Session__CodecList codec_list_record;

/* Packing only reads them. */
static char *text(const char *borrowed)
{
    return (char *)(uintptr_t)borrowed;
}

/* ---- Writing ------------------------------------------------------------------------------- */

codec_record *session_record_codec(const struct sdp_answer_codec *codec, struct arena *arena)
{
    codec_record *out = arena_alloc(arena, sizeof(*out));
    spillway__session__codec__init(out);
    out->id = codec->id;
    out->payload_type = codec->payload_type;
    out->rtx = codec->rtx;
    out->channels = codec->channels;
    out->clock_hz = codec->clock_hz;
    out->feedback = codec->feedback;
    out->fmtp = text(codec->fmtp);
    return out;
}

static bool same_codecs(const struct session_line *a, const struct session_line *b)
{
    if (a->codec_count != b->codec_count) {
        return false;
    }
    for (size_t i = 0; i < a->codec_count; i++) {
        const struct sdp_answer_codec *x = &a->codecs[i], *y = &b->codecs[i];
        if (x->id != y->id || x->payload_type != y->payload_type || x->rtx != y->rtx ||
            x->channels != y->channels || x->clock_hz != y->clock_hz ||
            x->feedback != y->feedback || strcmp(x->fmtp, y->fmtp) != 0) {
            return false;
        }
    }
    return true;
}

static codec_list_record *record_codecs(const struct session_line *line, struct arena *arena)
{
    codec_list_record *list = arena_alloc(arena, sizeof(*list));
    spillway__session__codec_list__init(list);
    list->codecs = arena_array(arena, line->codec_count, sizeof(*list->codecs));
    for (size_t i = 0; i < line->codec_count; i++) {
        list->codecs[list->n_codecs++] = session_record_codec(&line->codecs[i], arena);
    }
    return list;
}

static Spillway__Session__Source *record_source(const struct sdp_source *source,
                                                struct arena *arena)
{
    Spillway__Session__Source *out = arena_alloc(arena, sizeof(*out));
    spillway__session__source__init(out);
    out->ssrc = source->ssrc;
    out->rtx_ssrc = source->rtx_ssrc;
    return out;
}

static line_record *record_line(const struct session_line *line, struct arena *arena)
{
    line_record *out = arena_alloc(arena, sizeof(*out));
    spillway__session__line__init(out);
    out->mid = text(line->mid);
    out->kind = line->kind;
    out->role = line->role;
    out->rejected = line->rejected;
    out->cid = text(line->cid == NULL ? "" : line->cid);
    out->track = line->track;
    out->subscription = line->subscription;
    out->releasing = line->releasing;
    out->use = line->use;
    out->rids = arena_array(arena, line->rid_count, sizeof(*out->rids));
    for (size_t i = 0; i < line->rid_count; i++) {
        out->rids[out->n_rids++] = text(line->rids[i]);
    }
    out->sources = arena_array(arena, line->source_count, sizeof(*out->sources));
    for (size_t i = 0; i < line->source_count; i++) {
        out->sources[out->n_sources++] = record_source(&line->sources[i], arena);
    }
    out->sent = line->sent.ssrc == 0 ? NULL : record_source(&line->sent, arena);
    return out;
}

/* Lines of one kind and use mostly agreed on the same codecs, which are the most of a line. */
static void record_lines(connection_record *out, const struct session *session, struct arena *arena)
{
    out->lines = arena_array(arena, session->line_count, sizeof(*out->lines));
    out->codecs = arena_array(arena, session->line_count, sizeof(*out->codecs));
    const struct session_line **firsts = arena_array(arena, session->line_count, sizeof(*firsts));
    for (size_t i = 0; i < session->line_count; i++) {
        const struct session_line *line = &session->lines[i];
        line_record *record = record_line(line, arena);
        size_t list = 0;
        while (list < out->n_codecs && !same_codecs(firsts[list], line)) {
            list++;
        }
        if (line->codec_count > 0 && list == out->n_codecs) {
            firsts[list] = line;
            out->codecs[out->n_codecs++] = record_codecs(line, arena);
        }
        record->codecs = line->codec_count > 0 ? (uint32_t)list + 1 : 0;
        out->lines[out->n_lines++] = record;
    }
}

connection_record *session_record(const struct session *session, struct arena *arena)
{
    connection_record *out = arena_alloc(arena, sizeof(*out));
    spillway__session__connection__init(out);
    out->transport = session->transport;
    record_lines(out, session, arena);
    out->local_ufrag = text(session->local_ufrag);
    out->local_pwd = text(session->local_pwd);
    out->previous_ufrag = text(session->previous_ufrag);
    out->previous_pwd = text(session->previous_pwd);
    out->remote_ufrag = text(session->remote_ufrag);
    out->remote_pwd = text(session->remote_pwd);
    out->fingerprint = text(session->fingerprint);
    out->extension_ids.data = (uint8_t *)(uintptr_t)session->extension_ids;
    out->extension_ids.len = sizeof(session->extension_ids);
    out->candidates = arena_array(arena, session->candidate_count, sizeof(*out->candidates));
    for (size_t i = 0; i < session->candidate_count; i++) {
        Spillway__Session__Candidate *candidate = arena_alloc(arena, sizeof(*candidate));
        spillway__session__candidate__init(candidate);
        candidate->ip = text(session->candidates[i].ip);
        candidate->port = session->candidates[i].port;
        candidate->tcp = session->candidates[i].tcp;
        candidate->priority = session->candidates[i].priority;
        out->candidates[out->n_candidates++] = candidate;
    }
    out->priority = session->priority;
    out->version = session->version;
    return out;
}

/* ---- Reading ------------------------------------------------------------------------------- */

static void put(char *out, size_t size, const char *from)
{
    snprintf(out, size, "%s", from);
}

void session_restore_codec(struct sdp_answer_codec *out, const codec_record *record)
{
    *out = (struct sdp_answer_codec){.id = (enum sdp_codec_id)record->id,
                                     .payload_type = (uint8_t)record->payload_type,
                                     .rtx = (uint8_t)record->rtx,
                                     .channels = (uint8_t)record->channels,
                                     .clock_hz = record->clock_hz,
                                     .feedback = record->feedback};
    put(out->fmtp, sizeof(out->fmtp), record->fmtp);
}

static void restore_codecs(struct session_line *line, const codec_list_record *list)
{
    line->codec_count = list->n_codecs;
    line->codecs = mem_array(list->n_codecs, sizeof(*line->codecs));
    for (size_t i = 0; i < list->n_codecs; i++) {
        session_restore_codec(&line->codecs[i], list->codecs[i]);
    }
}

static struct sdp_source source_of(const Spillway__Session__Source *record)
{
    return (struct sdp_source){.ssrc = record->ssrc, .rtx_ssrc = record->rtx_ssrc};
}

static void restore_line(struct session_line *line, const line_record *record,
                         const connection_record *connection)
{
    put(line->mid, sizeof(line->mid), record->mid);
    line->kind = (enum sdp_kind)record->kind;
    line->role = (enum session_role)record->role;
    line->rejected = record->rejected;
    line->cid = mem_str(record->cid);
    line->track = record->track;
    line->subscription = record->subscription;
    line->releasing = record->releasing;
    line->use = (enum sdp_use)record->use;
    if (record->codecs > 0 && record->codecs <= connection->n_codecs) {
        restore_codecs(line, connection->codecs[record->codecs - 1]);
    }
    line->rid_count = record->n_rids;
    line->rids = mem_array(record->n_rids, sizeof(*line->rids));
    for (size_t i = 0; i < record->n_rids; i++) {
        put(line->rids[i], sizeof(line->rids[i]), record->rids[i]);
    }
    line->source_count = MIN(record->n_sources, SDP_SOURCES_MAX);
    for (size_t i = 0; i < line->source_count; i++) {
        line->sources[i] = source_of(record->sources[i]);
    }
    if (record->sent != NULL) {
        line->sent = source_of(record->sent);
    }
}

void session_restore(struct session *session, const connection_record *record)
{
    session_init(session);
    session->transport = record->transport;
    session->line_count = record->n_lines;
    session->lines = mem_array(record->n_lines, sizeof(*session->lines));
    for (size_t i = 0; i < record->n_lines; i++) {
        restore_line(&session->lines[i], record->lines[i], record);
    }
    put(session->local_ufrag, sizeof(session->local_ufrag), record->local_ufrag);
    put(session->local_pwd, sizeof(session->local_pwd), record->local_pwd);
    put(session->previous_ufrag, sizeof(session->previous_ufrag), record->previous_ufrag);
    put(session->previous_pwd, sizeof(session->previous_pwd), record->previous_pwd);
    put(session->remote_ufrag, sizeof(session->remote_ufrag), record->remote_ufrag);
    put(session->remote_pwd, sizeof(session->remote_pwd), record->remote_pwd);
    put(session->fingerprint, sizeof(session->fingerprint), record->fingerprint);
    memcpy(session->extension_ids, record->extension_ids.data,
           MIN(record->extension_ids.len, sizeof(session->extension_ids)));
    session->candidate_count = MIN(record->n_candidates, SESSION_CANDIDATES_MAX);
    for (size_t i = 0; i < session->candidate_count; i++) {
        const Spillway__Session__Candidate *from = record->candidates[i];
        struct sdp_candidate *to = &session->candidates[i];
        *to = (struct sdp_candidate){
            .port = (uint16_t)from->port, .tcp = from->tcp, .priority = from->priority};
        put(to->ip, sizeof(to->ip), from->ip);
    }
    session->priority = MAX(record->priority, SESSION_PRIORITY_START);
    session->version = record->version;
}
