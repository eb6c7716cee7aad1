/* SPDX-License-Identifier: Apache-2.0 */
#include "orchestrator/core/session/session.h"

#include <stdio.h>
#include <stdlib.h>

void session_init(struct session *session)
{
    *session = (struct session){.priority = SESSION_PRIORITY_START};
}

static void line_fini(struct session_line *line)
{
    free(line->cid);
    free(line->codecs);
    free(line->rids);
    *line = (struct session_line){0};
}

void session_fini(struct session *session)
{
    for (size_t i = 0; i < session->line_count; i++) {
        line_fini(&session->lines[i]);
    }
    free(session->lines);
    free(session->sections);
    *session = (struct session){0};
}

/* To be freed; mids are borrowed. */
static struct sdp_line *known_lines(const struct session *session)
{
    struct sdp_line *known = mem_array(session->line_count, sizeof(*known));
    for (size_t i = 0; i < session->line_count; i++) {
        known[i] = (struct sdp_line){.mid = session->lines[i].mid,
                                     .kind = session->lines[i].kind,
                                     .rejected = session->lines[i].rejected};
    }
    return known;
}

static int check_order(const struct session *session, const struct sdp_offer *offer,
                       char reason[SDP_REASON_MAX])
{
    struct sdp_line *known = known_lines(session);
    int err = sdp_offer_follows(offer, known, session->line_count, reason);
    free(known);
    return err;
}

static enum session_role role_of(const struct sdp_media *media)
{
    if (media->rejected || media->kind == SDP_OTHER) {
        return SESSION_IDLE;
    }
    if (media->kind == SDP_APPLICATION) {
        return SESSION_DATA;
    }
    if ((media->direction & SDP_SENDONLY) != 0) {
        return SESSION_PUBLISH;
    }
    return media->direction == SDP_RECVONLY ? SESSION_SUBSCRIBE : SESSION_IDLE;
}

static void read_line(struct session_line *line, const struct sdp_media *media)
{
    if (strcmp(line->mid, media->mid) != 0) { /* new, or a rejected place taken by another mid */
        line_fini(line);
        snprintf(line->mid, sizeof(line->mid), "%s", media->mid);
    }
    line->kind = media->kind;
    line->rejected = media->rejected;
    line->role = role_of(media);
    free(line->cid);
    line->cid = mem_str(media->track);
    free(line->rids);
    line->rid_count = media->rid_count;
    line->rids = mem_array(media->rid_count, sizeof(*line->rids));
    for (size_t i = 0; i < media->rid_count; i++) {
        snprintf(line->rids[i], sizeof(*line->rids), "%s", media->rids[i].id);
    }
    line->source_count = MIN(media->source_count, SDP_SOURCES_MAX);
    for (size_t i = 0; i < line->source_count; i++) {
        line->sources[i] = media->sources[i];
    }
    line->wish = (struct sdp_wish){
        .use = media->rejected ? SDP_USE_REJECT
                               : (line->role == SESSION_DATA ? SDP_USE_DATA : SDP_USE_INACTIVE)};
}

static void write_fingerprint(char out[SESSION_FINGERPRINT],
                              const struct sdp_fingerprint *fingerprint)
{
    int used = snprintf(out, SESSION_FINGERPRINT, "%s ", fingerprint->algorithm);
    for (size_t i = 0; i < fingerprint->len; i++) {
        used += snprintf(out + used, SESSION_FINGERPRINT - (size_t)used, "%s%02X",
                         i == 0 ? "" : ":", fingerprint->digest[i]);
    }
}

/* A PeerConnection has its certificate for life (W3C webrtc §4.4.1.1); DTLS goes on with it through
 * ICE restarts and from node to node. Another one is another PeerConnection, of which we know
 * nothing. */
static int check_fingerprint(const struct session *session, const struct sdp_offer *offer,
                             char reason[SDP_REASON_MAX])
{
    char offered[SESSION_FINGERPRINT];
    write_fingerprint(offered, &offer->fingerprint);
    if (session->fingerprint[0] != '\0' && strcmp(session->fingerprint, offered) != 0) {
        snprintf(reason, SDP_REASON_MAX,
                 "the certificate's fingerprint is not that of the offers "
                 "before: a new peer connection has to join anew");
        return ERR_INVALID;
    }
    return 0;
}

static void renew_local(struct session *session, const struct random_source *random)
{
    memcpy(session->previous_ufrag, session->local_ufrag, sizeof(session->previous_ufrag));
    memcpy(session->previous_pwd, session->local_pwd, sizeof(session->previous_pwd));
    id_chars(session->local_ufrag, sizeof(session->local_ufrag), random);
    id_chars(session->local_pwd, sizeof(session->local_pwd), random);
}

static bool has_remote(const struct session *session, const struct sdp_offer *offer)
{
    return strcmp(session->remote_ufrag, offer->ice_ufrag) == 0 &&
           strcmp(session->remote_pwd, offer->ice_pwd) == 0;
}

static void take_remote(struct session *session, const struct sdp_offer *offer)
{
    snprintf(session->remote_ufrag, sizeof(session->remote_ufrag), "%s", offer->ice_ufrag);
    snprintf(session->remote_pwd, sizeof(session->remote_pwd), "%s", offer->ice_pwd);
}

static void choose_transport(uint64_t *transport, const struct random_source *random)
{
    while (*transport == 0) {
        random->fill(random->arg, transport, sizeof(*transport));
    }
}

/* New client credentials on a living transport are an ICE restart, which needs new ones of ours
 * (RFC 8839 §4.4.1.1.1); checks with the old ones are still answered until it is through. */
static bool read_ice(struct session *session, const struct sdp_offer *offer,
                     const struct random_source *random)
{
    bool first = session->remote_ufrag[0] == '\0';
    if (!first && has_remote(session, offer)) {
        return false;
    }
    renew_local(session, random);
    take_remote(session, offer);
    return !first;
}

int session_offer(struct session *session, const char *text, const struct random_source *random,
                  struct sdp_offer **out, bool *restarted, char reason[SDP_REASON_MAX])
{
    struct sdp_offer *offer;
    int err = sdp_offer_parse(&offer, text, strlen(text), reason);
    if (err != 0) {
        return err;
    }
    err = check_order(session, offer, reason);
    err = err == 0 ? check_fingerprint(session, offer, reason) : err;
    if (err != 0) {
        sdp_offer_free(offer);
        return err;
    }
    if (offer->media_count > session->line_count) {
        session->lines = mem_grow(session->lines, offer->media_count, sizeof(*session->lines));
        memset(session->lines + session->line_count, 0,
               (offer->media_count - session->line_count) * sizeof(*session->lines));
        session->line_count = offer->media_count;
    }
    for (size_t i = 0; i < offer->media_count; i++) {
        read_line(&session->lines[i], &offer->media[i]);
    }
    choose_transport(&session->transport, random);
    *restarted = read_ice(session, offer, random);
    write_fingerprint(session->fingerprint, &offer->fingerprint);
    memcpy(session->extension_ids, offer->extension_ids, sizeof(session->extension_ids));
    *out = offer;
    return 0;
}

static void keep_section(struct session_line *line, const struct sdp_section *section)
{
    line->use = section->use;
    line->rejected = section->use == SDP_USE_REJECT;
    free(line->codecs);
    line->codec_count = section->codec_count;
    line->codecs = mem_copy(section->codecs, section->codec_count * sizeof(*line->codecs));
    line->sent = section->use == SDP_USE_SEND ? section->source : (struct sdp_source){0};
    if (section->use == SDP_USE_INACTIVE || section->use == SDP_USE_REJECT) {
        line->releasing = false;
    }
}

void session_plan_line(struct session *session, const struct sdp_offer *offer, size_t line)
{
    struct sdp_section *section = &session->sections[line];
    sdp_answer_plan(section, &offer->media[line], &session->lines[line].wish);
    keep_section(&session->lines[line], section);
}

void session_plan(struct session *session, const struct sdp_offer *offer)
{
    assert(offer->media_count == session->line_count && session->sections == NULL);
    session->sections = mem_array(offer->media_count, sizeof(*session->sections));
    for (size_t i = 0; i < offer->media_count; i++) {
        session_plan_line(session, offer, i);
    }
}

static char *write_text(struct session *session, const struct sdp_offer *offer,
                        const struct sdp_section *sections, const char *fingerprint)
{
    struct sdp_local local = {
        .ice_ufrag = session->local_ufrag,
        .ice_pwd = session->local_pwd,
        .fingerprint = fingerprint,
        .candidates = session->candidates,
        .candidate_count = session->candidate_count,
        .session_id = (session->transport != 0 ? session->transport : session->proposed) >> 1,
        .session_version = ++session->version,
    };
    return sdp_answer_write(offer, sections, &local);
}

char *session_answer(struct session *session, const struct sdp_offer *offer,
                     const char *fingerprint)
{
    assert(session->sections != NULL);
    char *text = write_text(session, offer, session->sections, fingerprint);
    free(session->sections);
    session->sections = NULL;
    return text;
}

/* ---- Where we offer ------------------------------------------------------------------------ */

struct session_line *session_sending_line(struct session *session, enum sdp_kind kind)
{
    for (size_t i = 0; i < session->line_count; i++) {
        struct session_line *line = &session->lines[i];
        if (line->kind == kind && line->subscription == 0 && !line->releasing && !line->rejected) {
            return line;
        }
    }
    if (session->line_count == SDP_MEDIA_MAX) {
        return NULL;
    }
    session->lines = mem_grow(session->lines, session->line_count + 1, sizeof(*session->lines));
    struct session_line *line = &session->lines[session->line_count];
    *line = (struct session_line){.kind = kind, .cid = mem_str("")};
    snprintf(line->mid, sizeof(line->mid), "%zu", session->line_count++);
    return line;
}

char *session_propose(struct session *session, const struct random_source *random, bool restart,
                      const char *fingerprint)
{
    if (session->transport == 0) {
        choose_transport(&session->proposed, random);
    }
    if (restart || session->local_ufrag[0] == '\0') {
        renew_local(session, random);
    }
    struct sdp_line *lines = known_lines(session);
    struct sdp_offer *offer = sdp_offer_propose(lines, session->line_count);
    struct sdp_section *sections = mem_array(session->line_count, sizeof(*sections));
    for (size_t i = 0; i < session->line_count; i++) {
        struct session_line *line = &session->lines[i];
        sdp_answer_plan(&sections[i], &offer->media[i], &line->wish);
        line->offered = sections[i].use;
        line->sent = line->offered == SDP_USE_SEND ? sections[i].source : (struct sdp_source){0};
    }
    char *text = write_text(session, offer, sections, fingerprint);
    free(sections);
    free(lines);
    sdp_offer_free(offer);
    return text;
}

static int check_answer(const struct session *session, const struct sdp_offer *answer,
                        char reason[SDP_REASON_MAX])
{
    if (answer->media_count != session->line_count) {
        snprintf(reason, SDP_REASON_MAX, "the answer has %zu m-lines, the offer had %zu",
                 answer->media_count, session->line_count);
        return ERR_INVALID;
    }
    int err = check_order(session, answer, reason);
    return err == 0 ? check_fingerprint(session, answer, reason) : err;
}

/* What a line was offered for may have ended since: then another offer is to say so. */
static void take_answer(struct session_line *line, const struct sdp_media *media)
{
    if (line->rejected) {
        return; /* it was offered so, and what the client says beside port 0 is nothing */
    }
    bool ended = line->offered == SDP_USE_SEND && line->subscription == 0;
    struct sdp_section section;
    struct sdp_source sent = line->sent;
    enum sdp_use use = ended ? SDP_USE_INACTIVE : line->offered;
    read_line(line, media);
    if (line->role == SESSION_PUBLISH) {
        line->role = SESSION_IDLE; /* it was not asked to send, and nothing takes it */
    }
    line->wish.use = line->rejected ? SDP_USE_REJECT : use;
    line->wish.source = sent;
    line->wish.stream = line->wish.track = line->wish.cname = "";
    sdp_answer_plan(&section, media, &line->wish);
    keep_section(line, &section);
    line->releasing = line->releasing || (ended && !line->rejected);
}

int session_answered(struct session *session, const char *text, bool *restarted,
                     char reason[SDP_REASON_MAX])
{
    struct sdp_offer *answer;
    int err = sdp_answer_parse(&answer, text, strlen(text), reason);
    if (err != 0) {
        return err;
    }
    err = check_answer(session, answer, reason);
    for (size_t i = 0; err == 0 && i < session->line_count; i++) {
        take_answer(&session->lines[i], &answer->media[i]);
    }
    if (err == 0) {
        *restarted = session->remote_ufrag[0] != '\0' && !has_remote(session, answer);
        take_remote(session, answer);
        session->transport = session->transport != 0 ? session->transport : session->proposed;
        write_fingerprint(session->fingerprint, &answer->fingerprint);
        memcpy(session->extension_ids, answer->extension_ids, sizeof(session->extension_ids));
    }
    sdp_offer_free(answer);
    return err;
}

/* ---- Lines --------------------------------------------------------------------------------- */

struct session_line *session_free_line(struct session *session, enum sdp_kind kind)
{
    for (size_t i = 0; i < session->line_count; i++) {
        struct session_line *line = &session->lines[i];
        if (line->role == SESSION_SUBSCRIBE && line->kind == kind && line->subscription == 0 &&
            !line->releasing && !line->rejected) {
            return line;
        }
    }
    return NULL;
}

struct session_line *session_line_of_track(struct session *session, uint32_t track)
{
    for (size_t i = 0; i < session->line_count; i++) {
        if (session->lines[i].track == track) {
            return &session->lines[i];
        }
    }
    return NULL;
}

struct session_line *session_line_of_subscription(struct session *session, uint32_t subscription)
{
    for (size_t i = 0; i < session->line_count; i++) {
        if (session->lines[i].subscription == subscription) {
            return &session->lines[i];
        }
    }
    return NULL;
}

const struct sdp_answer_codec *session_line_codec(const struct session_line *line,
                                                  enum sdp_codec_id id)
{
    for (size_t i = 0; i < line->codec_count; i++) {
        if (line->codecs[i].id == id) {
            return &line->codecs[i];
        }
    }
    return NULL;
}
