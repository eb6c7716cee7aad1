/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/bench/load/judge.h"

#include <stdio.h>

/* Counters of the wanted streams of publishers that run elsewhere, as far as anybody saw them. */
struct span {
    bool any;
    uint32_t oldest;
    uint32_t newest;
};

struct judge {
    const struct load_config *config;
    struct participant *const *participants;
    struct load_result *result;
    struct span spans[SCENE_PUBLISHERS_MAX][SCENE_KINDS];
    char text[LOAD_FAILURE_MAX - PARTICIPANT_IDENTITY_MAX -
              2]; /* what the participant at hand has to complain about */
    size_t text_len;
};

static void complain(struct judge *judge, const char *format, ...) PRINTF_LIKE(2, 3);
static void complain(struct judge *judge, const char *format, ...)
{
    va_list args;
    if (judge->text_len > 0 && judge->text_len + 2 < sizeof(judge->text)) {
        memcpy(judge->text + judge->text_len, "; ", 3);
        judge->text_len += 2;
    }
    size_t cap = sizeof(judge->text) - judge->text_len;
    va_start(args, format);
    int len = vsnprintf(judge->text + judge->text_len, cap, format, args);
    va_end(args);
    judge->text_len += MIN((size_t)MAX(len, 0), cap - 1);
}

static void file_complaints(struct judge *judge, const char *identity)
{
    struct load_result *result = judge->result;
    if (judge->text_len == 0) {
        return;
    }
    result->failed++;
    if (result->failure_count < LOAD_FAILURES_MAX) {
        snprintf(result->failures[result->failure_count++], LOAD_FAILURE_MAX, "%s: %s", identity,
                 judge->text);
    }
    judge->text_len = 0;
    judge->text[0] = '\0';
}

/* ---- What was sent --------------------------------------------------------------------------- */

static bool is_sent(const struct load_config *config, enum scene_kind kind)
{
    return kind == SCENE_AUDIO ? config->audio : config->layers > 0;
}

static void widen(struct span *span, const struct receiver_track *track)
{
    if (track == NULL || track->account.received == 0) {
        return;
    }
    span->oldest = span->any ? MIN(span->oldest, track->account.oldest) : track->account.oldest;
    span->newest = span->any ? MAX(span->newest, track->account.newest) : track->account.newest;
    span->any = true;
}

static void find_spans(struct judge *judge)
{
    for (size_t i = judge->config->publishers; i < judge->result->participants; i++) {
        const struct receiver *receiver = participant_receiver(judge->participants[i]);
        for (uint16_t publisher = 0; publisher < SCENE_PUBLISHERS_MAX; publisher++) {
            widen(&judge->spans[publisher][SCENE_AUDIO],
                  receiver_track(receiver, publisher, SCENE_AUDIO));
            widen(&judge->spans[publisher][SCENE_VIDEO],
                  receiver_track(receiver, publisher, SCENE_VIDEO));
        }
    }
}

/* Packets that every receiver should have; 0: there is no such track. */
static uint64_t expected(const struct judge *judge, uint16_t publisher, enum scene_kind kind)
{
    const struct load_config *config = judge->config;
    const struct span *span = &judge->spans[publisher][kind];
    if (!is_sent(config, kind)) {
        return 0;
    }
    if (config->publishers == 0) {
        return span->any ? span->newest - span->oldest + 1 : 0;
    }
    if (publisher >= config->publishers) {
        return 0;
    }
    uint8_t stream = kind == SCENE_AUDIO ? 0 : judge->result->scene.wanted;
    return publisher_counted(participant_publisher(judge->participants[publisher]), stream);
}

/* ---- Receivers ------------------------------------------------------------------------------- */

static void note_node(struct scene_node *node, const struct receiver_track *track, uint64_t wanted)
{
    if (node != NULL) {
        node->expected += wanted;
        node->received += track == NULL ? 0 : MIN(track->account.received, wanted);
    }
}

static void judge_track(struct judge *judge, const struct receiver_track *track, uint16_t publisher,
                        enum scene_kind kind, uint64_t wanted)
{
    static const char *const names[] = {"audio", "video"};
    struct load_kind *sum = &judge->result->kinds[kind];
    sum->tracks_expected++;
    sum->expected += wanted;
    if (track == NULL || !track->flows) {
        sum->lost += wanted;
        complain(judge, "no %s of publisher %u%s", names[kind], publisher,
                 track == NULL ? "" : ", but another layer");
        return;
    }
    const struct account *account = &track->account;
    uint64_t lost = wanted - MIN(account->received, wanted);
    uint64_t doubled = account->duplicated + account->stale;
    sum->tracks++;
    sum->received += account->received;
    sum->lost += lost;
    sum->duplicated += doubled;
    sum->reordered += account->reordered;
    sum->other_layers += track->other_layers;
    histogram_add(&sum->gap, account->gap_us_max);
    if (lost > judge->config->lost_max) {
        complain(judge, "%llu of %llu packets of %s of publisher %u lost", (unsigned long long)lost,
                 (unsigned long long)wanted, names[kind], publisher);
    }
    if (doubled > 0 || account->received > wanted) {
        complain(judge, "%llu packets of %s of publisher %u too many",
                 (unsigned long long)(doubled + account->received - MIN(account->received, wanted)),
                 names[kind], publisher);
    }
    if (judge->config->gap_us_max > 0 && account->gap_us_max > judge->config->gap_us_max) {
        complain(judge, "%s of publisher %u paused for %.0f ms", names[kind], publisher,
                 (double)account->gap_us_max / 1000);
    }
}

static void add_stats(struct judge *judge, const struct receiver_stats *stats, int64_t began_us)
{
    struct load_result *result = judge->result;
    result->repaired += stats->repaired;
    result->spare += stats->spare;
    result->nacked += stats->nacked;
    result->plis += stats->plis;
    result->strange += stats->strange;
    result->misrouted += stats->misrouted;
    result->undecodable += stats->undecodable;
    if (stats->first_us != 0) {
        histogram_add(&result->first, stats->first_us - began_us);
    }
    if (stats->strange + stats->misrouted + stats->undecodable > 0) {
        complain(judge,
                 "packets: %llu strange (%s), %llu misrouted, %llu layers without a key frame",
                 (unsigned long long)stats->strange, stats->strange_first,
                 (unsigned long long)stats->misrouted, (unsigned long long)stats->undecodable);
    }
}

static void judge_receiver(struct judge *judge, const struct participant *p)
{
    const struct receiver *receiver = participant_receiver(p);
    bool any = false;
    for (uint16_t publisher = 0; publisher < SCENE_PUBLISHERS_MAX; publisher++) {
        for (enum scene_kind kind = SCENE_AUDIO; kind < SCENE_KINDS; kind++) {
            uint64_t wanted = expected(judge, publisher, kind);
            any |= wanted > 0;
            if (wanted > 0) {
                const struct receiver_track *track = receiver_track(receiver, publisher, kind);
                judge_track(judge, track, publisher, kind, wanted);
                note_node(receiver_node(receiver), track, wanted);
            }
        }
    }
    if (!any) {
        complain(judge, "nothing was published");
    }
    add_stats(judge, receiver_stats(receiver), participant_times(p)->began_us);
}

/* ---- Everybody ------------------------------------------------------------------------------- */

static void judge_transport(struct judge *judge, const struct transport_stats *stats)
{
    judge->result->rejected += stats->rejected;
    judge->result->replayed += stats->replayed;
    judge->result->moves += stats->moves;
    if (stats->rejected + stats->replayed > 0) {
        complain(judge, "datagrams: %llu not authentic or malformed, %llu received twice",
                 (unsigned long long)stats->rejected, (unsigned long long)stats->replayed);
    }
}

static void judge_publisher(struct judge *judge, const struct participant *p)
{
    struct publisher_stats stats = publisher_stats(participant_publisher(p));
    judge->result->sent += stats.packets;
    judge->result->key_frames += stats.key_frames;
    judge->result->repeated += stats.repeated;
    if (stats.packets == 0) {
        complain(judge, "did not get to publish");
    }
}

static void judge_join(struct judge *judge, const struct participant *p)
{
    const struct participant_times *times = participant_times(p);
    struct load_result *result = judge->result;
    if (participant_failure(p) != NULL) {
        complain(judge, "%s", participant_failure(p));
    } else if (times->connected_us == 0) {
        complain(judge, "still on its way in");
    }
    if (times->joined_us != 0) {
        result->joined++;
        histogram_add(&result->join, times->joined_us - times->began_us);
    }
    if (times->connected_us != 0) {
        result->connected++;
        histogram_add(&result->connect, times->connected_us - times->began_us);
    }
}

void judge_run(const struct load_config *config, struct participant *const *participants,
               struct load_result *result)
{
    struct judge judge = {.config = config, .participants = participants, .result = result};
    find_spans(&judge);
    for (size_t i = 0; i < result->participants; i++) {
        const struct participant *p = participants[i];
        judge_join(&judge, p);
        if (i < config->publishers) {
            judge_publisher(&judge, p);
        } else {
            judge_receiver(&judge, p);
        }
        judge_transport(&judge, participant_transport(p));
        file_complaints(&judge, participant_identity(p));
    }
}
