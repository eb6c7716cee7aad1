/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal: how much later a packet leaves the node than it came, when the node uses 70 and 90 % of
 * what its thread can do, and whether it loses any. Rooms of a publisher and ten receivers, frames
 * at random times over loopback; what the node can do is measured first, by sending more.
 *
 *     bench_latency [--receivers N] [--rooms N] [--frame PACKETS] [--seconds N] [--write DIR]
 *                   SPILLWAY_NODE
 *
 * At 70 %, the same frames through a process that only echoes them tell what is the machine's, and
 * through one that first spends as much CPU time as the node does on each packet, what is the
 * queue's. Each runs on a CPU of its own, and goes before everything else, if it may. How large a
 * room is decides much: a frame for a hundred takes ten times as long to be made as one for ten,
 * and the last one waits. --write puts latency.json into a folder.
 */
#include "tests/bench/bench.h"
#include "tests/bench/echo.h"
#include "tests/bench/fanout_node.h"
#include "tests/bench/files.h"
#include "tests/bench/latency.h"

#include <getopt.h>
#include <stdlib.h>
#include <unistd.h>

#define RECEIVERS 1000
#define ROOMS     100
#define FRAME     4
#define SECONDS   2
#define FIRST     200000 /* copies a second, to begin to look for the capacity with */
#define WATCHED   11     /* every so many receivers: another place of each room */
#define ECHOES    16
#define WANTED_US 1000
#define OWN_CPU   0
#define THEIR_CPU 1
#define SEED      1
#define SHARE     0.7 /* of the capacity */
#define SHARE_MAX 0.9

struct options {
    const char *program;
    const char *dir; /* NULL: nothing is written */
    size_t receivers;
    size_t rooms;
    unsigned frame;
    unsigned seconds; /* of each row */
};

struct report {
    char machine[256];
    bool pinned;
    struct latency_capacity capacity;
    struct latency_result node; /* at SHARE of that, and the other two */
    struct latency_result busy; /* an echo that works as long */
    struct latency_result echo;
    struct latency_result node_max; /* at SHARE_MAX */
};

static void measure_node(struct report *report, const struct options *options)
{
    struct fanout fanout;
    const struct fanout_node_config config = {.program = options->program,
                                              .receivers = options->receivers,
                                              .rooms = options->rooms,
                                              .watched = WATCHED};
    struct fanout_node *node = fanout_node_start(&config, &fanout);
    report->pinned = bench_pin(fanout.pid, THEIR_CPU);
    struct latency *latency = latency_new(&fanout, SEED);
    report->capacity =
        latency_capacity(latency, (double)FIRST / (double)fanout.copies, options->frame);
    report->node = latency_measure(latency, SHARE * report->capacity.rate, options->frame,
                                   TIME_S(options->seconds));
    report->node_max = latency_measure(latency, SHARE_MAX * report->capacity.rate, options->frame,
                                       TIME_S(options->seconds));
    latency_free(latency);
    fanout_node_stop(node);
}

static struct latency_result measure_echo(struct report *report, const struct options *options,
                                          double work_us)
{
    struct fanout fanout;
    struct echo *echo = echo_start(ECHOES, work_us, &fanout);
    report->pinned &= bench_pin(fanout.pid, THEIR_CPU);
    struct latency *latency = latency_new(&fanout, SEED);
    struct latency_result result = latency_measure(latency, SHARE * report->capacity.rate,
                                                   options->frame, TIME_S(options->seconds));
    latency_free(latency);
    echo_stop(echo);
    return result;
}

/* CPU time of each packet that went in. */
static double cost_us(const struct latency_result *result)
{
    return result->busy * 1e6 / result->rate;
}

/* ---- The report ------------------------------------------------------------------------------ */

static void print_result(const char *name, const struct latency_result *result)
{
    printf("  %-28s %9.0f %8.0f %% %9lld %9lld %9lld %8.3f %%\n", name, result->rate,
           100 * result->busy, (long long)result->p50_us, (long long)result->p99_us,
           (long long)result->max_us, 100 * result->lost);
}

static void print(const struct report *report, const struct options *options)
{
    double copies = (double)options->receivers / (double)options->rooms;
    printf("%zu rooms of a publisher and %.0f receivers, frames of %u packets; %s\n",
           options->rooms, copies, options->frame,
           report->pinned ? "each on a CPU of its own" : "not on CPUs of their own");
    printf("capacity: %.0f packets/s in, %.0f out, at %.0f %% of a core\n", report->capacity.rate,
           report->capacity.rate * copies, 100 * report->capacity.busy);
    printf("  %-28s %9s %10s %9s %9s %9s %10s\n", "", "in, /s", "of a core", "p50, us", "p99, us",
           "max, us", "lost");
    printf("at %.0f %% of that\n", 100 * SHARE);
    print_result("node", &report->node);
    print_result("an echo that works as long", &report->busy);
    print_result("an echo", &report->echo);
    printf("at %.0f %% of that\n", 100 * SHARE_MAX);
    print_result("node", &report->node_max);
    printf("wanted: p99 under %d us at 70 %%, nothing lost below 90 %%\n", WANTED_US);
}

static json_t *row_json(const char *name, double share, const struct latency_result *result)
{
    return json_pack("{s:s, s:f, s:f, s:f, s:f, s:I, s:I, s:I}", "through", name, "of_capacity",
                     share, "packets_per_second", files_rounded(result->rate), "busy",
                     files_rounded(result->busy), "lost", files_rounded(result->lost), "p50_us",
                     (json_int_t)result->p50_us, "p99_us", (json_int_t)result->p99_us, "max_us",
                     (json_int_t)result->max_us);
}

static void write_json(const struct report *report, const struct options *options)
{
    json_t *rows = json_pack("[o, o, o, o]", row_json("node", SHARE, &report->node),
                             row_json("echo as busy", SHARE, &report->busy),
                             row_json("echo", SHARE, &report->echo),
                             row_json("node", SHARE_MAX, &report->node_max));
    json_t *json = files_begin(report->machine);
    json_object_update_new(
        json, json_pack("{s:b, s:i, s:i, s:i, s:i, s:f, s:f, s:o}", "pinned", report->pinned,
                        "receivers", (int)options->receivers, "rooms", (int)options->rooms, "bytes",
                        FANOUT_PACKET, "packets_a_frame", (int)options->frame,
                        "capacity_packets_per_second", files_rounded(report->capacity.rate),
                        "capacity_busy", files_rounded(report->capacity.busy), "rows", rows));
    files_write_json(options->dir, "latency.json", json);
}

/* ---- The run --------------------------------------------------------------------------------- */

static void read_options(struct options *out, int argc, char **argv)
{
    static const struct option names[] = {
        {"receivers", required_argument, NULL, 'r'}, {"rooms", required_argument, NULL, 'o'},
        {"frame", required_argument, NULL, 'f'},     {"seconds", required_argument, NULL, 's'},
        {"write", required_argument, NULL, 'w'},     {0}};
    int option;
    *out = (struct options){.receivers = bench_amount(RECEIVERS, RECEIVERS / 5),
                            .rooms = bench_amount(ROOMS, ROOMS / 5),
                            .frame = FRAME,
                            .seconds = (unsigned)bench_amount(SECONDS, 1)};
    while ((option = getopt_long(argc, argv, "", names, NULL)) != -1) {
        if (option == 'r') {
            out->receivers = strtoul(optarg, NULL, 10);
        } else if (option == 'o') {
            out->rooms = strtoul(optarg, NULL, 10);
        } else if (option == 'f') {
            out->frame = (unsigned)strtoul(optarg, NULL, 10);
        } else if (option == 's') {
            out->seconds = (unsigned)strtoul(optarg, NULL, 10);
        } else if (option == 'w') {
            out->dir = optarg;
        } else {
            exit(2);
        }
    }
    if (optind + 1 != argc || out->receivers == 0 || out->rooms == 0 || out->frame == 0 ||
        out->frame > 16 || out->seconds == 0 || out->receivers % out->rooms != 0) {
        bench_fail("usage: bench_latency [--receivers N (times rooms)] [--rooms N] "
                   "[--frame PACKETS (1 to 16)] [--seconds N] [--write DIR] SPILLWAY_NODE");
    }
    out->program = argv[optind];
}

int main(int argc, char **argv)
{
    struct options options;
    struct report report = {0};
    read_options(&options, argc, argv);
    bench_allow_files(options.receivers + options.rooms + 64);
    bench_go_first();
    (void)bench_pin(getpid(), OWN_CPU);
    setvbuf(stdout, NULL, _IOLBF, 0);
    bench_machine(report.machine, sizeof(report.machine));
    puts(report.machine);
    measure_node(&report, &options);
    report.echo = measure_echo(&report, &options, 0);
    report.busy =
        measure_echo(&report, &options, MAX(cost_us(&report.node) - cost_us(&report.echo), 1));
    print(&report, &options);
    if (options.dir != NULL) {
        write_json(&report, &options);
    }
    return 0;
}
