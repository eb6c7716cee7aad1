/* SPDX-License-Identifier: Apache-2.0
 *
 * What /metrics says of an orchestrator: docs/reference/metrics.md, made anew when it changes.
 */
#include "orchestrator/core/detector/detector.h"
#include "orchestrator/shell/server/internal.h"

#include <stdlib.h>

struct list {
    struct probes_metric *out;
    size_t max, count;
    struct arena *arena; /* lives as long as what is listed */
};

static void add(struct list *list, enum probes_kind kind, const char *name, const char *labels,
                double value, const char *help)
{
    if (list->count < list->max) {
        list->out[list->count++] = (struct probes_metric){
            .name = name, .help = help, .kind = kind, .labels = labels, .value = value};
    }
}

static void add_times(struct list *list, const char *name, const char *labels,
                      const struct timings *histogram, const char *help)
{
    struct timings *copy = arena_alloc(list->arena, sizeof(*copy));
    *copy = *histogram;
    if (list->count < list->max) {
        list->out[list->count++] = (struct probes_metric){.name = name,
                                                          .help = help,
                                                          .kind = PROBES_HISTOGRAM,
                                                          .labels = labels,
                                                          .histogram = copy};
    }
}

/* ---- Nodes by region -----------------------------------------------------------------------
 * Not by node: of 10,000 that would be 60,000 series, the same at each orchestrator. A node tells
 * its own capacity, weight and state. */

static const char *region_label(struct arena *arena, const char *region, const char *state)
{
    char label[6 * REGISTRY_NAME_MAX];
    if (probes_label(label, sizeof(label), "region", region) < 0) {
        unreachable(); /* each byte takes two at most */
    }
    return state == NULL ? arena_str(arena, label)
                         : arena_printf(arena, "%s,state=\"%s\"", label, state);
}

static const char *pair_label(struct arena *arena, const char *from, const char *to)
{
    char from_label[6 * REGISTRY_NAME_MAX], to_label[6 * REGISTRY_NAME_MAX];
    if (probes_label(from_label, sizeof(from_label), "from_region", from) < 0 ||
        probes_label(to_label, sizeof(to_label), "to_region", to) < 0) {
        unreachable();
    }
    return arena_printf(arena, "%s,%s", from_label, to_label);
}

static void add_states(struct list *list, const struct orch_region_stats *region)
{
    static const char help[] = "Media nodes by state, as this orchestrator sees them.";
    for (int state = REGISTRY_READY; state <= REGISTRY_GONE; state++) {
        add(list, PROBES_GAUGE, "nodes",
            region_label(list->arena, region->region,
                         registry_state_text((enum registry_state)state)),
            (double)region->nodes[state], help);
    }
    add(list, PROBES_GAUGE, "nodes", region_label(list->arena, region->region, "suspect"),
        (double)region->suspect, help);
}

static void add_regions(struct list *list, const struct orch *orch)
{
    static const struct {
        const char *name;
        const char *help;
        size_t offset;
    } weights[] = {
        {"region_capacity_weight", "Capacity of the region's nodes that take rooms.",
         offsetof(struct orch_region_stats, capacity)},
        {"region_weight", "What these carry, as they reported it.",
         offsetof(struct orch_region_stats, weight)},
        {"region_reserved_weight", "What this orchestrator promised them beside that.",
         offsetof(struct orch_region_stats, reserved)},
        {"region_headroom_weight", "What new rooms may still take there, up to fill_percent.",
         offsetof(struct orch_region_stats, headroom)},
    };
    struct orch_region_stats *regions = mem_array(REGISTRY_REGIONS_MAX, sizeof(*regions));
    size_t count = orch_region_stats(orch, regions, REGISTRY_REGIONS_MAX);
    for (size_t i = 0; i < count; i++) {
        add_states(list, &regions[i]);
    }
    for (size_t w = 0; w < ARRAY_LEN(weights); w++) {
        for (size_t i = 0; i < count; i++) {
            uint64_t value;
            memcpy(&value, (const char *)&regions[i] + weights[w].offset, sizeof(value));
            add(list, PROBES_GAUGE, weights[w].name,
                region_label(list->arena, regions[i].region, NULL), (double)value, weights[w].help);
        }
    }
    free(regions);
}

static void add_wanted(struct list *list, struct orch *orch)
{
    struct orch_wanted wanted[SCALING_REGIONS_MAX];
    size_t count = orch_wanted(orch, server_now(), wanted, ARRAY_LEN(wanted));
    for (size_t i = 0; i < count; i++) {
        add(list, PROBES_GAUGE, "wanted_nodes", region_label(list->arena, wanted[i].region, NULL),
            wanted[i].nodes, "Media nodes that the region is to have; none if that is not known.");
    }
    for (size_t i = 0; i < count; i++) {
        add(list, PROBES_GAUGE, "wanted_nodes_held",
            region_label(list->arena, wanted[i].region, NULL), wanted[i].held,
            "1 while wanted_nodes stays as it is since not everything of the region is known.");
    }
}

static double crossing_value(const struct orch_crossing *crossing, size_t of)
{
    const double values[] = {(double)crossing->bytes, crossing->lost_permille / 1000.0,
                             crossing->queue_us / 1e6};
    return values[of];
}

static void add_crossings(struct list *list, const struct orch *orch)
{
    static const struct {
        enum probes_kind kind;
        const char *name, *help;
    } rows[] = {
        {PROBES_COUNTER, "relay_bytes_total",
         "Bytes that nodes of a region sent to those of another."},
        {PROBES_GAUGE, "relay_lost_ratio",
         "Of these, the share lost before repair in the last second, where it is highest between "
         "two nodes."},
        {PROBES_GAUGE, "relay_queue_seconds",
         "Round trip above its least of the last minute, where it is longest between two nodes."},
    };
    struct orch_crossing *crossings = mem_array(ORCH_CROSSINGS_MAX, sizeof(*crossings));
    size_t count = orch_crossings(orch, crossings, ORCH_CROSSINGS_MAX);
    for (size_t row = 0; row < ARRAY_LEN(rows); row++) {
        for (size_t i = 0; i < count; i++) {
            add(list, rows[row].kind, rows[row].name,
                pair_label(list->arena, crossings[i].from, crossings[i].to),
                crossing_value(&crossings[i], row), rows[row].help);
        }
    }
    free(crossings);
}

/* ---- What is counted ----------------------------------------------------------------------- */

static void add_core(struct list *list, const struct orch_stats *stats)
{
    static const char *const reasons[ORCH_REFUSED_COUNT] = {
        "reason=\"bad_request\"", "reason=\"bad_token\"", "reason=\"room_full\"",
        "reason=\"no_node\"", "reason=\"unknown_session\""};
    static const char *const faults[ORCH_EXPELLED_COUNT] = {
        "reason=\"malformed\"", "reason=\"offer\"", "reason=\"request\""};
    static const char *const refusals[ORCH_NODE_REFUSED_COUNT] = {
        "reason=\"protocol\"", "reason=\"identity\"", "reason=\"endpoint\"", "reason=\"name\"",
        "reason=\"full\""};
    static const char *const causes[BALANCE_CAUSES] = {"", "cause=\"weight\"", "cause=\"cpu\"",
                                                       "cause=\"loop_lag\""};
    static const char *const verdicts[] = {"verdict=\"spared\"", "verdict=\"unreached\"",
                                           "verdict=\"losing\""};
    add(list, PROBES_GAUGE, "rooms", NULL, (double)stats->rooms, "Rooms owned.");
    add(list, PROBES_GAUGE, "participants", NULL, (double)stats->participants,
        "Participants in them.");
    add(list, PROBES_GAUGE, "nodes_ready", NULL, (double)stats->nodes_ready,
        "Media nodes that take rooms.");
    add(list, PROBES_COUNTER, "joins_total", NULL, (double)stats->joins, "Participants joined.");
    add(list, PROBES_COUNTER, "resumes_total", NULL, (double)stats->resumes,
        "Participants that resumed after losing signalling.");
    for (size_t i = 0; i < ORCH_REFUSED_COUNT; i++) {
        add(list, PROBES_COUNTER, "refused_total", reasons[i], (double)stats->refused[i],
            "Joins and resumes refused.");
    }
    for (size_t i = 0; i < ORCH_EXPELLED_COUNT; i++) {
        add(list, PROBES_COUNTER, "expelled_total", faults[i], (double)stats->expelled[i],
            "Clients expelled for signalling that breaks the protocol.");
    }
    add(list, PROBES_COUNTER, "participant_moves_total", NULL, (double)stats->moves,
        "Participants moved to another node.");
    add(list, PROBES_GAUGE, "participants_without_video", NULL, (double)stats->without_video,
        "Participants that get no video until there is place for it.");
    add(list, PROBES_GAUGE, "waiting_weight", NULL, (double)stats->waiting,
        "Weight of participants on dead media nodes whom no node takes yet, not even with sound "
        "alone.");
    add(list, PROBES_GAUGE, "nodes_hot", NULL, (double)stats->nodes_hot,
        "Media nodes above rebalance.hot_percent, and not below cool_percent since.");
    for (size_t i = BALANCE_WEIGHT; i < BALANCE_CAUSES; i++) {
        add(list, PROBES_COUNTER, "rebalance_moves_total", causes[i], (double)stats->rebalanced[i],
            "Participants moved off a node that was too hot, by what made it so.");
    }
    add(list, PROBES_COUNTER, "rebalance_stuck_total", NULL, (double)stats->rebalance_stuck,
        "Times no other node of the region would have stayed cool with them.");
    add(list, PROBES_COUNTER, "nodes_lost_total", NULL, (double)stats->nodes_lost,
        "Media nodes judged dead.");
    add(list, PROBES_GAUGE, "nodes_gray", NULL, (double)stats->nodes_gray,
        "Media nodes out of service since clients do not reach them.");
    for (size_t i = 0; i < ARRAY_LEN(stats->gray); i++) {
        add(list, PROBES_COUNTER, "gray_verdicts_total", verdicts[i], (double)stats->gray[i],
            "Media nodes found not to be reached; spared: left in service, since too many are.");
    }
    add(list, PROBES_COUNTER, "gray_probes_total", NULL, (double)stats->gray_probes,
        "Participants moved to a gray node to see whether it is well.");
    add(list, PROBES_COUNTER, "silent_moves_total", NULL, (double)stats->silent_moves,
        "Participants given another node since nothing of theirs reached their own.");
    for (size_t i = 0; i < ORCH_NODE_REFUSED_COUNT; i++) {
        add(list, PROBES_COUNTER, "nodes_refused_total", refusals[i],
            (double)stats->nodes_refused[i], "Registrations of media nodes refused.");
    }
    add(list, PROBES_COUNTER, "stale_events_total", NULL, (double)stats->stale_events,
        "Events of nodes about rooms they no longer hold.");
}

static void add_faults(struct list *list, const struct orch_stats *stats)
{
    static const char *const causes[ORCH_DETECTED_COUNT] = {
        [DETECTOR_LINK_LOST] = "cause=\"link_lost\"",
        [DETECTOR_SILENT] = "cause=\"silent\"",
        [DETECTOR_WITNESSED] = "cause=\"witnessed\""};
    for (size_t i = 0; i < ORCH_DETECTED_COUNT; i++) {
        add_times(list, "node_detection_seconds", causes[i], &stats->detection[i],
                  "From the last word of a media node that is dead to that verdict.");
    }
    add_times(
        list, "recovery_seconds", NULL, &stats->recovery,
        "From the verdict that a node is dead to media of each of its participants at another.");
    add(list, PROBES_COUNTER, "participants_displaced_total", NULL, (double)stats->displaced,
        "Participants given another node since theirs is dead.");
    add(list, PROBES_COUNTER, "participants_refused_by_node_total", NULL,
        (double)stats->refused_by_node,
        "Of these, refused by a node that others had filled meanwhile: they are given another "
        "one.");
    add(list, PROBES_GAUGE, "drains", NULL, (double)stats->drains,
        "Media nodes that are to be empty: drained, stopping, or gray.");
    add(list, PROBES_GAUGE, "specs_unacked", NULL, (double)stats->specs_unacked,
        "Room specs that their node has not confirmed: on their way, or not taken.");
    add(list, PROBES_GAUGE, "drain_remaining_participants", NULL, (double)stats->draining_people,
        "Participants of rooms of this orchestrator that are on these still.");
    add(list, PROBES_COUNTER, "loop_late_total", NULL, (double)stats->loop_late,
        "Times that this program stood still for so long that it judged no node for a while.");
    add(list, PROBES_COUNTER, "nodes_all_silent_total", NULL, (double)stats->all_silent,
        "Times that no media node was heard at all.");
}

static void add_front(struct list *list, const struct front *front)
{
    struct front_stats stats;
    front_stats(front, &stats);
    add(list, PROBES_GAUGE, "transports", NULL, stats.transports, "DTLS transports open.");
    add(list, PROBES_GAUGE, "handshakes", NULL, stats.handshakes, "DTLS handshakes in progress.");
    add(list, PROBES_COUNTER, "handshakes_done_total", NULL, (double)stats.handshakes_done,
        "DTLS handshakes completed.");
    add(list, PROBES_COUNTER, "front_dropped_total", "reason=\"unknown\"",
        (double)stats.dropped_unknown, "Datagrams from the tunnel that were dropped.");
    add(list, PROBES_COUNTER, "front_dropped_total", "reason=\"failed\"",
        (double)stats.dropped_failed, "");
    add(list, PROBES_COUNTER, "front_dropped_total", "reason=\"flood\"",
        (double)stats.dropped_flood, "");
    add(list, PROBES_COUNTER, "front_dropped_total", "reason=\"malformed\"",
        (double)stats.dropped_malformed, "");
    add(list, PROBES_COUNTER, "data_messages_total", "direction=\"in\"", (double)stats.messages_in,
        "Data channel messages.");
    add(list, PROBES_COUNTER, "data_messages_total", "direction=\"out\"",
        (double)stats.messages_out, "");
    add(list, PROBES_COUNTER, "data_messages_dropped_total", NULL,
        (double)stats.messages_lossy_dropped, "Lossy data messages dropped for slow readers.");
}

static void add_whip(struct list *list, const struct whip *whip)
{
    struct whip_stats stats;
    whip_stats(whip, &stats);
    add(list, PROBES_GAUGE, "whip_sessions", "protocol=\"whip\"", (double)stats.publishing,
        "Sessions of WHIP and WHEP open.");
    add(list, PROBES_GAUGE, "whip_sessions", "protocol=\"whep\"", (double)stats.playing, "");
    add(list, PROBES_COUNTER, "whip_opened_total", NULL, (double)stats.opened,
        "Sessions of WHIP and WHEP opened.");
    add(list, PROBES_COUNTER, "whip_refused_total", NULL, (double)stats.refused,
        "Requests of WHIP and WHEP answered with an error.");
}

static void add_http(struct list *list, const struct http_counters *http)
{
    add(list, PROBES_GAUGE, "http_connections", NULL, (double)http->connections,
        "TCP connections of clients open.");
    add(list, PROBES_COUNTER, "http_connections_total", NULL, (double)http->connections_total,
        "TCP connections of clients accepted.");
    add(list, PROBES_COUNTER, "http_connections_refused_total", NULL,
        (double)http->connections_refused, "TCP connections over the limit.");
    add(list, PROBES_COUNTER, "http_connections_silent_total", NULL,
        (double)http->connections_silent, "TCP connections that ended without a request.");
    add(list, PROBES_COUNTER, "http_requests_total", NULL, (double)http->requests_total,
        "HTTP requests.");
    add(list, PROBES_COUNTER, "http_requests_refused_total", "reason=\"too_large\"",
        (double)http->requests_too_large, "HTTP requests whose body was not taken.");
    add(list, PROBES_COUNTER, "http_requests_refused_total", "reason=\"shed\"",
        (double)http->requests_shed, "");
    add(list, PROBES_GAUGE, "websockets", NULL, (double)http->websockets, "WebSockets open.");
    add(list, PROBES_COUNTER, "websockets_closed_total", "reason=\"slow\"", (double)http->ws_slow,
        "WebSockets closed because the client did not read, or sent too big a message.");
    add(list, PROBES_COUNTER, "websockets_closed_total", "reason=\"too_big\"",
        (double)http->ws_too_big, "");
}

static void add_places(struct list *list, const struct orch_stats *stats)
{
    static const char *const refusals[ORCH_UNPLACED_COUNT] = {
        "result=\"refused\",reason=\"full\"", "result=\"refused\",reason=\"join_rate\"",
        "result=\"refused\",reason=\"no_nodes\""};
    add(list, PROBES_COUNTER, "placements_total", "result=\"placed\",reason=\"chosen\"",
        (double)stats->placed[0],
        "Joins that were given a node, new to the room (chosen) or not (kept), or none.");
    add(list, PROBES_COUNTER, "placements_total", "result=\"placed\",reason=\"kept\"",
        (double)stats->placed[1], "");
    for (size_t i = 0; i < ORCH_UNPLACED_COUNT; i++) {
        add(list, PROBES_COUNTER, "placements_total", refusals[i], (double)stats->unplaced[i], "");
    }
    add(list, PROBES_COUNTER, "store_placements_total", "result=\"agreed\"",
        (double)stats->places_agreed,
        "Nodes that were asked for in the store for a room that is new to them.");
    add(list, PROBES_COUNTER, "store_placements_total", "result=\"full\"",
        (double)stats->places_full, "");
    add(list, PROBES_COUNTER, "store_placements_total", "result=\"late\"",
        (double)stats->places_late, "");
    add(list, PROBES_COUNTER, "rooms_adopted_total", NULL, (double)stats->rooms_adopted,
        "Rooms gone on with after their owner died.");
    add(list, PROBES_COUNTER, "participants_adopted_total", NULL, (double)stats->people_adopted,
        "People in those rooms.");
}

static void add_cluster(struct list *list, const struct server *server)
{
    struct cluster_stats stats;
    cluster_stats(server->cluster, &stats);
    add(list, PROBES_COUNTER, "leaving_refused_total", NULL, (double)stats.leaving_refused,
        "WebSockets refused since this orchestrator is about to stop.");
    add_times(
        list, "placement_seconds", NULL, &stats.placement,
        "From a join that came to the orchestrator that decides about its room to its answer.");
    add(list, PROBES_GAUGE, "peers", NULL, (double)server->peer_count,
        "Other orchestrators that the settings name.");
    add(list, PROBES_GAUGE, "peers_up", NULL, (double)stats.peers_up,
        "Other orchestrators that are there.");
    add(list, PROBES_GAUGE, "peers_cut_off", NULL, (double)stats.peers_cut_off,
        "Other orchestrators whose region is cut off.");
    add(list, PROBES_GAUGE, "peer_messages_kept", NULL, (double)stats.kept,
        "Messages to orchestrators of other regions that they have not received yet.");
    add(list, PROBES_COUNTER, "cut_offs_total", NULL, (double)stats.cut_offs,
        "Times that the region of another orchestrator was cut off.");
    add(list, PROBES_GAUGE, "conns_elsewhere", NULL, (double)stats.conns_elsewhere,
        "WebSockets of this front whose room another orchestrator owns.");
    add(list, PROBES_GAUGE, "asks_waiting", NULL, (double)stats.asks,
        "Joins and calls that wait for the owner of their room.");
    add(list, PROBES_COUNTER, "claims_total", NULL, (double)stats.claims,
        "Rooms asked of the store.");
    add(list, PROBES_COUNTER, "claims_failed_total", NULL, (double)stats.claims_failed,
        "Of these, while the store was away.");
    add(list, PROBES_COUNTER, "redirects_total", NULL, (double)stats.redirects,
        "Joins and calls that another orchestrator sent on to the owner.");
    add(list, PROBES_COUNTER, "asks_refused_total", "reason=\"full\"", (double)stats.asks_full,
        "Joins and calls given up because no owner was found.");
    add(list, PROBES_COUNTER, "asks_refused_total", "reason=\"late\"", (double)stats.asks_late, "");
    add(list, PROBES_COUNTER, "rooms_yielded_total", NULL, (double)stats.yields,
        "Rooms given up to an owner with a later claim.");
    add(list, PROBES_COUNTER, "peers_lost_total", NULL, (double)stats.peers_lost,
        "Links to other orchestrators that were lost.");
    add(list, PROBES_COUNTER, "peer_messages_dropped_total", "reason=\"lossy\"",
        (double)server->peers_lossy_dropped, "Messages from and to other orchestrators dropped.");
    add(list, PROBES_COUNTER, "peer_messages_dropped_total", "reason=\"malformed\"",
        (double)stats.malformed, "");
    add(list, PROBES_COUNTER, "peer_messages_dropped_total", "reason=\"stale\"",
        (double)stats.stale, "");
    add(list, PROBES_COUNTER, "peer_messages_dropped_total", "reason=\"nobody\"",
        (double)stats.undeliverable, "");
    add(list, PROBES_COUNTER, "peer_messages_dropped_total", "reason=\"unfit\"",
        (double)stats.unfit, "");
    add(list, PROBES_COUNTER, "lists_incomplete_total", NULL, (double)stats.unanswered,
        "Lists without the part of an orchestrator that did not answer.");
}

static void add_traces(struct list *list, const struct server *server)
{
    static const struct exporter_counters none;
    const struct exporter_counters *traces =
        server->exporter == NULL ? &none : exporter_counters(server->exporter);
    add(list, PROBES_COUNTER, "trace_spans_exported_total", NULL, (double)traces->exported,
        "Spans that the collector took.");
    add(list, PROBES_COUNTER, "trace_spans_dropped_total", "reason=\"overflow\"",
        (double)traces->dropped_overflow,
        "Spans lost because the collector was away or slow, or refused them.");
    add(list, PROBES_COUNTER, "trace_spans_dropped_total", "reason=\"refused\"",
        (double)traces->dropped_refused, "");
    add(list, PROBES_COUNTER, "trace_requests_failed_total", NULL, (double)traces->failures,
        "Requests to the collector that it did not take; those for which that may pass come "
        "again.");
    add(list, PROBES_GAUGE, "trace_spans_waiting", NULL, (double)traces->waiting,
        "Spans that wait to be sent.");
}

static void add_shells(struct list *list, const struct server *server)
{
    const struct bus_stats *control = bus_stats(server->control);
    const struct bus_stats *tunnel = bus_stats(server->tunnel);
    const struct store_stats *store = store_stats(server->store);
    const struct webhooks_counters *webhooks = webhooks_counters(server->webhooks);
    add(list, PROBES_COUNTER, "channels_full_total", NULL, (double)server->channels_full,
        "Clients given up because they did not read their data channel.");
    add(list, PROBES_COUNTER, "bus_messages_dropped_total", "socket=\"control\"",
        (double)(control->dropped_full + control->dropped_unknown),
        "Messages to nodes that found no place.");
    add(list, PROBES_COUNTER, "bus_messages_dropped_total", "socket=\"tunnel\"",
        (double)(tunnel->dropped_full + tunnel->dropped_unknown), "");
    add(list, PROBES_COUNTER, "bus_refused_total", "reason=\"key\"",
        (double)(control->refused_key + tunnel->refused_key), "Connections of nodes refused.");
    add(list, PROBES_COUNTER, "bus_refused_total", "reason=\"handshake\"",
        (double)(control->handshake_failed + tunnel->handshake_failed), "");
    add(list, PROBES_COUNTER, "bus_messages_refused_total", "reason=\"malformed\"",
        (double)(control->dropped_malformed + tunnel->dropped_malformed),
        "Messages of nodes dropped.");
    add(list, PROBES_COUNTER, "bus_messages_refused_total", "reason=\"spoofed\"",
        (double)(control->dropped_spoofed + tunnel->dropped_spoofed), "");
    add(list, PROBES_COUNTER, "tunnel_malformed_total", NULL, (double)server->tunnel_malformed,
        "Tunnel frames that could not be read.");
    add(list, PROBES_GAUGE, "store_up", NULL, store->up, "1 while the hint store is reachable.");
    add(list, PROBES_COUNTER, "store_dropped_total", NULL, (double)store->dropped,
        "Hints not written because the store was away or full.");
    add(list, PROBES_COUNTER, "webhooks_delivered_total", NULL, (double)webhooks->delivered,
        "Webhooks taken by their receiver.");
    add(list, PROBES_COUNTER, "webhooks_failed_total", NULL,
        (double)(webhooks->dropped_gave_up + webhooks->dropped_overflow), "Webhooks given up.");
    add_traces(list, server);
}

size_t metrics_collect(void *arg, struct probes_metric *out, size_t max)
{
    struct server *server = arg;
    struct list list = {.out = out, .max = max, .arena = &server->scrape};
    struct orch_stats stats;
    arena_fini(&server->scrape);
    orch_stats(server->orch, &stats);
    add_core(&list, &stats);
    add_regions(&list, server->orch);
    add_wanted(&list, server->orch);
    add_faults(&list, &stats);
    add_places(&list, &stats);
    add_cluster(&list, server);
    add_front(&list, server->front);
    add_whip(&list, server->whip);
    add_http(&list, http_counters(orch_http_server(server->http)));
    add(&list, PROBES_GAUGE, "tls_certificate_not_after_timestamp_seconds", NULL,
        (double)server->certificate_ends_s,
        "When the certificate that clients are shown ends, since 1970; 0: without TLS.");
    add_shells(&list, server);
    add_crossings(&list, server->orch); /* the last to go, should there be too many of all */
    return list.count;
}
