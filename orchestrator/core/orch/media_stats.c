/* SPDX-License-Identifier: Apache-2.0
 *
 * How somebody's media fare, as JSON: GET rooms/NAME/participants/IDENTITY/stats of the admin API.
 * Null is what nobody knows. Nodes may report any number, and JSON's end at 2^63 - 1.
 */
#include "orchestrator/core/orch/private.h"

#include <jansson.h>
#include <math.h>

static const char *const quality_words[] = {[LIVEKIT__CONNECTION_QUALITY__POOR] = "poor",
                                            [LIVEKIT__CONNECTION_QUALITY__GOOD] = "good",
                                            [LIVEKIT__CONNECTION_QUALITY__EXCELLENT] = "excellent",
                                            [LIVEKIT__CONNECTION_QUALITY__LOST] = "lost"};

static const char *const pause_words[] = {[ROOM_FLOWS] = "",
                                          [ROOM_PAUSED_BANDWIDTH] = "bandwidth",
                                          [ROOM_PAUSED_PLACE] = "place",
                                          [ROOM_PAUSED_CLIENT] = "client",
                                          [ROOM_PAUSED_PERMISSION] = "permission"};

static json_t *count_json(uint64_t count)
{
    return json_integer((json_int_t)MIN(count, (uint64_t)INT64_MAX));
}

static json_t *known_json(uint64_t value)
{
    return value == 0 ? json_null() : count_json(value);
}

static json_t *score_json(int score)
{
    return score < 0 ? json_null() : json_integer(score);
}

static json_t *ms_json(uint64_t us)
{
    return json_real((double)us / 1000);
}

/* A second, to a tenth. */
static json_t *rate_json(double count, uint32_t interval_ms)
{
    return interval_ms == 0 ? json_null() : json_real(round(count * 10000 / interval_ms) / 10);
}

static json_t *ratio_json(double lost, double of)
{
    return of == 0 ? json_null() : json_real(round(lost * 10000 / of) / 10000);
}

/* What layers and subscriptions have in common. of: how many packets there were to lose. */
static void add_flow(json_t *json, const struct room_flow *flow, uint32_t interval_ms, double of)
{
    const struct room_counts *last = &flow->last, *total = &flow->total;
    uint32_t span_ms = flow->reported ? interval_ms : 0;
    double bits = round(8000 * (double)last->bytes / MAX(span_ms, 1));
    json_object_set_new(json, "bits_per_second",
                        span_ms == 0 ? json_null() : count_json((uint64_t)MIN(bits, 9e18)));
    json_object_set_new(json, "packets_per_second", rate_json((double)last->packets, span_ms));
    json_object_set_new(json, "lost_ratio", ratio_json(MIN((double)last->lost, of), of));
    json_object_set_new(json, "jitter_ms", flow->reported ? ms_json(flow->jitter_us) : json_null());
    json_object_set_new(json, "packets", count_json(total->packets));
    json_object_set_new(json, "bytes", count_json(total->bytes));
    json_object_set_new(json, "lost_packets", count_json(total->lost));
    json_object_set_new(json, "nacked_packets", count_json(total->nacked));
    json_object_set_new(json, "repaired_packets", count_json(total->repaired));
    json_object_set_new(json, "key_frame_requests", count_json(total->key_frames_asked));
}

static json_t *layer_json(const struct room_layer_stats *layer, uint32_t interval_ms)
{
    const struct room_flow *flow = &layer->flow;
    json_t *json = json_pack("{s:I, s:s}", "layer", (json_int_t)layer->spatial, "rid", layer->rid);
    add_flow(json, flow, interval_ms, (double)flow->last.packets + (double)flow->last.lost);
    json_object_set_new(json, "frames_per_second",
                        rate_json((double)flow->last.frames, flow->reported ? interval_ms : 0));
    json_object_set_new(json, "frames", count_json(flow->total.frames));
    return json;
}

static json_t *track_json(const struct room_track_stats *track, uint32_t interval_ms)
{
    json_t *json = orch_track_json(track->info);
    json_t *layers = json_array();
    for (size_t i = 0; i < track->layer_count; i++) {
        json_array_append_new(layers, layer_json(&track->layers[i], interval_ms));
    }
    json_object_set_new(json, "score", score_json(track->score));
    json_object_set_new(json, "layers", layers);
    return json;
}

static json_t *subscription_json(const struct room_subscription_stats *subscription,
                                 uint32_t interval_ms)
{
    json_t *json = orch_track_json(subscription->info);
    json_object_set_new(json, "publisher", json_string(subscription->publisher));
    json_object_set_new(json, "score", score_json(subscription->score));
    json_object_set_new(json, "paused", json_string(pause_words[subscription->pause]));
    json_object_set_new(json, "layer", score_json(subscription->layer));
    json_object_set_new(json, "layer_max", json_integer(subscription->layer_max));
    add_flow(json, &subscription->flow, interval_ms, (double)subscription->flow.last.packets);
    return json;
}

static json_t *quality_json(int quality)
{
    bool known = quality >= 0 && (size_t)quality < ARRAY_LEN(quality_words);
    return known ? json_string(quality_words[quality]) : json_null();
}

static json_t *participant_json(const struct orch *orch, const struct room_entry *entry,
                                const char *identity, const struct room_stats *stats)
{
    const char *node = room_node_of(entry->room, identity);
    json_t *tracks = json_array(), *subscriptions = json_array();
    for (size_t i = 0; i < stats->track_count; i++) {
        json_array_append_new(tracks, track_json(&stats->tracks[i], stats->interval_ms));
    }
    for (size_t i = 0; i < stats->subscription_count; i++) {
        json_array_append_new(subscriptions,
                              subscription_json(&stats->subscriptions[i], stats->interval_ms));
    }
    json_t *json =
        json_pack("{s:s, s:s, s:s, s:s, s:s}", "room", entry->name, "identity", identity, "sid",
                  stats->sid, "node", node, "node_name", orch_node_name(orch, node));
    bool reported = stats->age_us >= 0;
    json_object_set_new(json, "age_ms",
                        reported ? json_integer(stats->age_us / 1000) : json_null());
    json_object_set_new(json, "interval_ms", known_json(stats->interval_ms));
    json_object_set_new(json, "quality", quality_json(stats->quality));
    json_object_set_new(json, "rtt_ms", stats->rtt_us == 0 ? json_null() : ms_json(stats->rtt_us));
    json_object_set_new(json, "estimate_bits_per_second", known_json(stats->estimate_bps));
    json_object_set_new(json, "remb_bits_per_second", known_json(stats->remb_bps));
    json_object_set_new(json, "tracks", tracks);
    json_object_set_new(json, "subscriptions", subscriptions);
    return json;
}

json_t *orch_media_stats(const struct orch *orch, const struct room_entry *entry,
                         const char *identity)
{
    struct arena arena = {0};
    const struct room_stats *stats = room_stats(entry->room, orch->now_us, identity, &arena);
    json_t *json = stats == NULL ? NULL : participant_json(orch, entry, identity, stats);
    arena_fini(&arena);
    return json;
}
