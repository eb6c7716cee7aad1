/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal: what it costs the node's program to forward a packet: one VP8 stream of 1,100-byte packets
 * to many subscribers over loopback, beside the limit of the same machine and run, and beside
 * Debian's Janus with the same frames and rate, where that is installed.
 *
 *     bench_fanout [--receivers N] [--beside PACKETS_PER_SECOND] [--seconds N] [--write DIR]
 *                  SPILLWAY_NODE
 *
 * Frames come in bursts, as pacers of clients let them out, and the size of a burst decides what
 * can be saved: several are run. The rate is chosen so that all receivers together get 100,000
 * packets a second; beside Janus 20,000 unless told otherwise, since what loses packets does not
 * count. Then the same sockets stand for as many other nodes, and the stream is relayed to each
 * over a trunk. --write puts fanout.json and fanout.svg into a folder.
 */
#include "media-node/core/srtp/srtp.h"
#include "tests/bench/bench.h"
#include "tests/bench/fanout_janus.h"
#include "tests/bench/fanout_node.h"
#include "tests/bench/fanout_report.h"
#include "tests/bench/janus_run.h"
#include "tests/bench/limit.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

#define RECEIVERS 1000   /* 100 in a short run, with one size of bursts */
#define ALL       100000 /* packets a second, to all receivers */
#define ALL_JANUS 20000

static const unsigned janus_loops[FANOUT_JANUS_MODES] = {
    [FANOUT_JANUS_THREADS] = 0, [FANOUT_JANUS_LOOPS] = 2};

struct options {
    const char *program;
    const char *dir; /* NULL: nothing is written */
    size_t receivers;
    size_t beside;    /* packets a second to all receivers, when compared with Janus */
    unsigned seconds; /* of a measurement */
};

static void begin(const struct fanout *fanout, unsigned rate)
{
    (void)fanout_play(fanout, rate, 1, TIME_S(1));
    fanout_check_all_receive(fanout);
}

static void measure_janus(struct fanout_report *report, size_t mode)
{
    struct fanout fanout;
    struct fanout_janus *janus = fanout_janus_start(janus_loops[mode], report->receivers, &fanout);
    begin(&fanout, report->janus_rate);
    for (size_t i = 0; i < report->bursts; i++) {
        struct fanout_result *result = &report->rows[i].janus[mode];
        *result = fanout_measure(&fanout, report->janus_rate, fanout_bursts[i], report->seconds);
        printf("janus, %s, %u a frame: %.2f us, %.0f %% of a core, lost %.2f %%\n",
               fanout_janus_names[mode], fanout_bursts[i], result->us, 100 * result->busy,
               100 * result->lost);
    }
    fanout_janus_stop(janus);
}

static void measure_relays(const struct fanout *fanout, const struct fanout_report *report)
{
    printf("spillway-node, relaying to %zu other nodes\n", report->receivers);
    for (size_t i = 0; i < report->bursts; i++) {
        const struct fanout_row *row = &report->rows[i];
        struct fanout_result result =
            fanout_measure(fanout, report->rate, row->burst, report->seconds);
        printf("  %2u a frame: %.2f us, %.0f %% of the limit, %.0f %% of a core, lost %.2f %%\n",
               row->burst, result.us, 100 * row->limit_us / result.us, 100 * result.busy,
               100 * result.lost);
    }
}

/* The limit right before and after, as the machine is then: it may have other work to do. */
static void measure_row(struct fanout_report *report, size_t i, const struct fanout *fanout)
{
    struct limit before;
    struct limit after;
    struct fanout_row *row = &report->rows[i];
    row->burst = fanout_bursts[i];
    limit_measure(&before, report->receivers);
    row->full = fanout_measure(fanout, report->rate, row->burst, report->seconds);
    limit_measure(&after, report->receivers);
    row->own_limit_us =
        (limit_own_of_burst(&before, row->burst) + limit_own_of_burst(&after, row->burst)) / 2;
    row->limit_us = (limit_of_burst(&before, row->burst) + limit_of_burst(&after, row->burst)) / 2;
    row->beside = fanout_measure(fanout, report->janus_rate, row->burst, report->seconds);
    printf("spillway-node, %u a frame: %.2f us, %.0f %% of the limit, lost %.2f %%; "
           "at the rate of janus: %.2f us\n",
           row->burst, row->full.us, 100 * row->limit_us / row->full.us, 100 * row->full.lost,
           row->beside.us);
}

static void measure_node(struct fanout_report *report, const char *program)
{
    struct fanout fanout;
    const struct fanout_node_config config = {
        .program = program, .receivers = report->receivers, .rooms = 1};
    struct fanout_node *node = fanout_node_start(&config, &fanout);
    begin(&fanout, report->rate);
    for (size_t i = 0; i < report->bursts; i++) {
        measure_row(report, i, &fanout);
    }
    fanout_node_relay(node);
    measure_relays(&fanout, report);
    fanout_node_stop(node);
}

static void run(struct fanout_report *report, const struct options *options)
{
    struct limit limit;
    limit_measure(&limit, report->receivers);
    limit_print(&limit);
    measure_node(report, options->program);
    for (size_t mode = 0; report->janus && mode < FANOUT_JANUS_MODES; mode++) {
        measure_janus(report, mode);
    }
    fanout_report_print(report);
    if (options->dir != NULL) {
        fanout_report_write(report, options->dir);
    }
}

static void read_options(struct options *out, int argc, char **argv)
{
    static const struct option names[] = {{"receivers", required_argument, NULL, 'r'},
                                          {"beside", required_argument, NULL, 'b'},
                                          {"seconds", required_argument, NULL, 's'},
                                          {"write", required_argument, NULL, 'w'},
                                          {0}};
    int option;
    *out = (struct options){.receivers = bench_amount(RECEIVERS, 100),
                            .beside = ALL_JANUS,
                            .seconds = (unsigned)bench_amount(FANOUT_SECONDS, 1)};
    while ((option = getopt_long(argc, argv, "", names, NULL)) != -1) {
        if (option == 'r') {
            out->receivers = strtoul(optarg, NULL, 10);
        } else if (option == 'b') {
            out->beside = strtoul(optarg, NULL, 10);
        } else if (option == 's') {
            out->seconds = (unsigned)strtoul(optarg, NULL, 10);
        } else if (option == 'w') {
            out->dir = optarg;
        } else {
            exit(2);
        }
    }
    if (optind + 1 != argc || out->receivers == 0 || out->beside < out->receivers ||
        out->seconds == 0) {
        bench_fail("usage: bench_fanout [--receivers N] [--beside PACKETS_PER_SECOND] "
                   "[--seconds N] [--write DIR] SPILLWAY_NODE");
    }
    out->program = argv[optind];
}

int main(int argc, char **argv)
{
    struct options options;
    read_options(&options, argc, argv);
    struct fanout_report report = {.receivers = options.receivers,
                                   .rate = (unsigned)(ALL / options.receivers),
                                   .janus_rate = (unsigned)(options.beside / options.receivers),
                                   .seconds = options.seconds,
                                   .bursts = bench_amount(FANOUT_BURSTS, 1),
                                   .janus = !bench_short() && janus_run_installed()};
    bench_allow_files(2 * options.receivers + 64); /* of its own and in what is started */
    bench_go_first();
    setvbuf(stdout, NULL, _IOLBF, 0);
    bench_machine(report.machine, sizeof(report.machine));
    puts(report.machine);
    run(&report, &options);
    return 0;
}
