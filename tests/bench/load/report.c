/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/bench/load/report.h"

#include <arpa/inet.h>
#include <jansson.h>

static const char *const kind_names[SCENE_KINDS] = {"audio", "video"};

double report_ns_per_packet(const struct load_result *result, const char *role)
{
    int64_t used_us = 0;
    bool any = false;
    for (size_t i = 0; i < result->cpu_count; i++) {
        if (strcmp(result->cpu[i].process.role, role) != 0) {
            continue;
        }
        if (result->cpu[i].used_us < 0) {
            return -1;
        }
        used_us += result->cpu[i].used_us;
        any = true;
    }
    return any && result->forwarded > 0 ? (double)used_us * 1000 / (double)result->forwarded : -1;
}

#define NODE_NAME_MAX 32 /* of an IPv4 address with its port, NUL included */

static const char *node_name(char out[NODE_NAME_MAX], const struct scene_node *node)
{
    char ip[INET_ADDRSTRLEN];
    (void)inet_ntop(AF_INET, &node->addr.sin_addr, ip, sizeof(ip));
    snprintf(out, NODE_NAME_MAX, "%s:%u", ip, ntohs(node->addr.sin_port));
    return out;
}

static double per_second(const struct load_result *result, uint64_t count)
{
    return (double)count * 1e6 / (double)MAX(result->measured_us, 1);
}

/* ---- Table ----------------------------------------------------------------------------------- */

static void print_durations(FILE *out, const char *name, const struct histogram *h)
{
    fprintf(out, "  %-22s p50 %8.2f  p95 %8.2f  p99 %8.2f  max %8.2f ms\n", name,
            (double)histogram_us(h, 500) / 1000, (double)histogram_us(h, 950) / 1000,
            (double)histogram_us(h, 990) / 1000, (double)h->max_us / 1000);
}

static void print_kind(FILE *out, const struct load_result *result, enum scene_kind kind)
{
    const struct load_kind *k = &result->kinds[kind];
    char name[32];
    if (k->tracks_expected == 0) {
        return;
    }
    fprintf(out,
            "  %-6s %zu of %zu tracks; packets: %llu expected, %llu received, %llu lost, "
            "%llu duplicated, %llu reordered, %llu of other layers\n",
            kind_names[kind], k->tracks, k->tracks_expected, (unsigned long long)k->expected,
            (unsigned long long)k->received, (unsigned long long)k->lost,
            (unsigned long long)k->duplicated, (unsigned long long)k->reordered,
            (unsigned long long)k->other_layers);
    snprintf(name, sizeof(name), "%s delay", kind_names[kind]);
    print_durations(out, name, &result->scene.delay[kind]);
    snprintf(name, sizeof(name), "%s longest pause", kind_names[kind]);
    print_durations(out, name, &k->gap);
}

static void print_nodes(FILE *out, const struct load_result *result)
{
    char name[NODE_NAME_MAX];
    for (size_t i = 0; i < result->scene.node_count && result->scene.node_count > 1; i++) {
        const struct scene_node *node = &result->scene.nodes[i];
        fprintf(out, "  at %s %zu receivers; packets: %llu expected, %llu received\n",
                node_name(name, node), node->receivers, (unsigned long long)node->expected,
                (unsigned long long)node->received);
        for (size_t kind = 0; kind < SCENE_KINDS; kind++) {
            if (node->delay[kind].count > 0) {
                snprintf(name, sizeof(name), "  %s delay", kind_names[kind]);
                print_durations(out, name, &node->delay[kind]);
            }
        }
    }
}

static void print_cpu(FILE *out, const struct load_result *result)
{
    static const char *const roles[] = {"node", "orchestrator"};
    double measured_us = (double)MAX(result->measured_us, 1);
    for (size_t i = 0; i < result->cpu_count; i++) {
        const struct load_cpu *cpu = &result->cpu[i];
        fprintf(out, "  %-14s pid %-8d", cpu->process.role, (int)cpu->process.pid);
        if (cpu->used_us < 0) {
            fputs("ended\n", out);
        } else {
            fprintf(out, "%6.1f %% of a core\n", 100 * (double)cpu->used_us / measured_us);
        }
    }
    fprintf(out, "  this program   %18.1f %% of a core\n",
            100 * (double)result->own_cpu_us / measured_us);
    for (size_t i = 0; i < ARRAY_LEN(roles); i++) {
        double ns = report_ns_per_packet(result, roles[i]);
        if (ns >= 0) {
            fprintf(out, "  %-14s %.0f ns of CPU for each packet forwarded\n", roles[i], ns);
        }
    }
}

void report_table(const struct load_result *result, FILE *out)
{
    fprintf(out, "Participants: %zu, joined %zu, connected %zu, failed %zu\n", result->participants,
            result->joined, result->connected, result->failed);
    print_durations(out, "join", &result->join);
    print_durations(out, "connected", &result->connect);
    print_durations(out, "first media", &result->first);
    fprintf(out, "Media, measured for %.1f s: %.0f packets/s, %.1f Mbit/s forwarded\n",
            (double)result->measured_us / 1e6, per_second(result, result->forwarded),
            per_second(result, 8 * result->forwarded_bytes) / 1e6);
    print_kind(out, result, SCENE_AUDIO);
    print_kind(out, result, SCENE_VIDEO);
    print_nodes(out, result);
    print_durations(out, "sent late by us", &result->scene.late);
    fprintf(out,
            "  sent %llu, key frames %llu; NACKed %llu, repaired %llu (%llu to spare), repeated by "
            "publishers %llu, "
            "PLIs %llu, moves %llu\n",
            (unsigned long long)result->sent, (unsigned long long)result->key_frames,
            (unsigned long long)result->nacked, (unsigned long long)result->repaired,
            (unsigned long long)result->spare, (unsigned long long)result->repeated,
            (unsigned long long)result->plis, (unsigned long long)result->moves);
    fputs("CPU while it was measured\n", out);
    print_cpu(out, result);
    if (result->failed > 0) {
        fprintf(out, "Failures: %zu participants\n", result->failed);
    }
    for (size_t i = 0; i < result->failure_count; i++) {
        fprintf(out, "  %s\n", result->failures[i]);
    }
    if (result->failed > result->failure_count) {
        fprintf(out, "  and %zu more\n", result->failed - result->failure_count);
    }
}

/* ---- JSON ------------------------------------------------------------------------------------ */

static json_t *durations(const struct histogram *h)
{
    return json_pack("{s:I, s:I, s:I, s:I, s:I}", "count", (json_int_t)h->count, "p50",
                     (json_int_t)histogram_us(h, 500), "p95", (json_int_t)histogram_us(h, 950),
                     "p99", (json_int_t)histogram_us(h, 990), "max", (json_int_t)h->max_us);
}

static json_t *kind_object(const struct load_result *result, enum scene_kind kind)
{
    const struct load_kind *k = &result->kinds[kind];
    return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:o, s:o}", "tracks_expected",
                     (json_int_t)k->tracks_expected, "tracks", (json_int_t)k->tracks, "expected",
                     (json_int_t)k->expected, "received", (json_int_t)k->received, "lost",
                     (json_int_t)k->lost, "duplicated", (json_int_t)k->duplicated, "reordered",
                     (json_int_t)k->reordered, "other_layers", (json_int_t)k->other_layers,
                     "delay_us", durations(&result->scene.delay[kind]), "pause_us",
                     durations(&k->gap));
}

static json_t *counts_object(const struct load_result *result)
{
    return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "sent",
                     (json_int_t)result->sent, "key_frames", (json_int_t)result->key_frames,
                     "nacked", (json_int_t)result->nacked, "repaired", (json_int_t)result->repaired,
                     "spare", (json_int_t)result->spare, "repeated", (json_int_t)result->repeated,
                     "plis", (json_int_t)result->plis, "moves", (json_int_t)result->moves,
                     "strange", (json_int_t)result->strange, "misrouted",
                     (json_int_t)result->misrouted, "undecodable", (json_int_t)result->undecodable,
                     "rejected", (json_int_t)result->rejected, "replayed",
                     (json_int_t)result->replayed);
}

static json_t *nodes_array(const struct load_result *result)
{
    char name[NODE_NAME_MAX];
    json_t *list = json_array();
    for (size_t i = 0; i < result->scene.node_count; i++) {
        const struct scene_node *node = &result->scene.nodes[i];
        json_array_append_new(
            list, json_pack("{s:s, s:I, s:I, s:I, s:o, s:o}", "address", node_name(name, node),
                            "receivers", (json_int_t)node->receivers, "expected",
                            (json_int_t)node->expected, "received", (json_int_t)node->received,
                            "audio_delay_us", durations(&node->delay[SCENE_AUDIO]),
                            "video_delay_us", durations(&node->delay[SCENE_VIDEO])));
    }
    return list;
}

static json_t *cpu_object(const struct load_result *result)
{
    json_t *list = json_array();
    for (size_t i = 0; i < result->cpu_count; i++) {
        const struct load_cpu *cpu = &result->cpu[i];
        json_array_append_new(
            list,
            json_pack("{s:s, s:i, s:o}", "role", cpu->process.role, "pid", (int)cpu->process.pid,
                      "used_us", cpu->used_us < 0 ? json_null() : json_integer(cpu->used_us)));
    }
    double node_ns = report_ns_per_packet(result, "node");
    return json_pack("{s:o, s:I, s:o}", "processes", list, "own_us", (json_int_t)result->own_cpu_us,
                     "node_ns_per_packet", node_ns < 0 ? json_null() : json_real(node_ns));
}

void report_json(const struct load_result *result, FILE *out)
{
    json_t *failures = json_array();
    for (size_t i = 0; i < result->failure_count; i++) {
        json_array_append_new(failures, json_string(result->failures[i]));
    }
    json_t *object = json_pack(
        "{s:I, s:I, s:I, s:I, s:o, s:o, s:o, s:I, s:I, s:I, s:o, s:o, s:o, s:o, s:o, s:o, s:o}",
        "participants", (json_int_t)result->participants, "joined", (json_int_t)result->joined,
        "connected", (json_int_t)result->connected, "failed", (json_int_t)result->failed, "join_us",
        durations(&result->join), "connected_us", durations(&result->connect), "first_media_us",
        durations(&result->first), "measured_us", (json_int_t)result->measured_us, "forwarded",
        (json_int_t)result->forwarded, "forwarded_bytes", (json_int_t)result->forwarded_bytes,
        "audio", kind_object(result, SCENE_AUDIO), "video", kind_object(result, SCENE_VIDEO),
        "nodes", nodes_array(result), "late_us", durations(&result->scene.late), "counts",
        counts_object(result), "cpu", cpu_object(result), "failures", failures);
    assert(object != NULL);
    json_dumpf(object, out, JSON_INDENT(2));
    fputc('\n', out);
    json_decref(object);
}
