/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal: what a meeting costs for each forwarded packet: 30 participants, all of whom send a camera
 * in three layers and watch nine tiles of the middle one, in the node's program and, where it is
 * installed, in Debian's Janus with the same frames at the same rate.
 *
 *     bench_grid [--participants N] [--fps N] [--write DIR] SPILLWAY_NODE
 *
 * CPU time of the whole process, divided by the packets that viewers received: what comes in and is
 * watched by nobody is in it. --write puts grid.json into a folder.
 */
#include "tests/bench/bench.h"
#include "tests/bench/files.h"
#include "tests/bench/grid.h"
#include "tests/bench/janus_run.h"

#include <getopt.h>
#include <stdlib.h>

#define PARTICIPANTS 30
#define FPS          30
#define WANTED       4.0 /* times Janus */
#define LOST_MAX     0.01

enum { THREADS, LOOPS, MODES };
static const struct {
    const char *name;
    unsigned event_loops;
} modes[MODES] = {
    [THREADS] = {"janus, a thread per handle", 0}, [LOOPS] = {"janus, event_loops = 2", 2}};

struct options {
    const char *program;
    const char *dir; /* NULL: nothing is written */
    size_t participants;
    unsigned fps;
};

struct report {
    char machine[256];
    struct fanout_result node;
    bool installed;
    struct fanout_result janus[MODES];
};

static struct fanout_result measure(const struct fanout *fanout, const struct options *options)
{
    unsigned packets = grid_packets[GRID_WATCHED];
    unsigned rate = (unsigned)options->participants * options->fps * packets;
    (void)fanout_play(fanout, rate, packets, TIME_S(2)); /* until layers are chosen */
    fanout_check_all_receive(fanout);
    return fanout_measure(fanout, rate, packets, (unsigned)bench_amount(FANOUT_SECONDS, 1));
}

static void measure_all(struct report *report, const struct options *options)
{
    struct fanout fanout;
    struct grid_node *node = grid_node_start(options->program, options->participants, &fanout);
    report->node = measure(&fanout, options);
    grid_node_stop(node);
    report->installed = !bench_short() && janus_run_installed();
    for (size_t i = 0; report->installed && i < MODES; i++) {
        struct grid_janus *janus =
            grid_janus_start(modes[i].event_loops, options->participants, &fanout);
        report->janus[i] = measure(&fanout, options);
        grid_janus_stop(janus);
    }
}

/* ---- The report ------------------------------------------------------------------------------ */

/* What loses packets is overloaded: its cost says nothing. */
static bool counts(const struct fanout_result *result)
{
    return result->lost < LOST_MAX && result->lost > -LOST_MAX;
}

/* The better of its ways to run, by our own cost; 0 if there is none to compare with. */
static double times_janus(const struct report *report)
{
    double us = 0;
    for (size_t i = 0; report->installed && i < MODES; i++) {
        if (counts(&report->janus[i]) && (us == 0 || report->janus[i].us < us)) {
            us = report->janus[i].us;
        }
    }
    return counts(&report->node) ? us / report->node.us : 0;
}

static void print_row(const char *name, const struct fanout_result *result)
{
    printf("  %-28s %8.2f %10.0f %% %9.2f %%\n", name, result->us, 100 * result->busy,
           100 * result->lost);
}

static void print(const struct report *report, const struct options *options)
{
    unsigned in = grid_packets[0] + grid_packets[1] + grid_packets[2];
    printf("%zu participants, %u frames/s of %u, %u and %u packets in, %d tiles of the middle "
           "layer: %zu packets/s in, %zu out\n",
           options->participants, options->fps, grid_packets[0], grid_packets[1], grid_packets[2],
           GRID_TILES, options->participants * options->fps * in,
           options->participants * options->fps * grid_packets[GRID_WATCHED] * GRID_TILES);
    printf("  %-28s %8s %12s %11s\n", "", "us each", "of a core", "lost");
    print_row("spillway", &report->node);
    for (size_t i = 0; report->installed && i < MODES; i++) {
        print_row(modes[i].name, &report->janus[i]);
    }
    if (report->installed) {
        printf("  times janus: %.1f (wanted: %.0f)\n", times_janus(report), WANTED);
    } else {
        printf("  Without Janus (apt-get install janus; never in a short run)\n");
    }
}

static void write_json(const struct report *report, const struct options *options)
{
    double times = times_janus(report);
    json_t *json = files_begin(report->machine);
    json_object_update_new(
        json, json_pack("{s:i, s:i, s:i, s:[i, i, i], s:f, s:f, s:o}", "participants",
                        (int)options->participants, "tiles", GRID_TILES, "frames_per_second",
                        (int)options->fps, "packets_a_frame_of_layers", (int)grid_packets[0],
                        (int)grid_packets[1], (int)grid_packets[2], "us_per_packet",
                        files_rounded(report->node.us), "lost", files_rounded(report->node.lost),
                        "times_janus", times > 0 ? json_real(files_rounded(times)) : json_null()));
    if (report->installed) {
        const struct fanout_result *threads = &report->janus[THREADS];
        const struct fanout_result *loops = &report->janus[LOOPS];
        json_object_update_new(
            json, json_pack("{s:f, s:f, s:f, s:f}", "janus_us_threads", files_rounded(threads->us),
                            "janus_lost_threads", files_rounded(threads->lost),
                            "janus_us_event_loops_2", files_rounded(loops->us),
                            "janus_lost_event_loops_2", files_rounded(loops->lost)));
    }
    files_write_json(options->dir, "grid.json", json);
}

/* ---- The run --------------------------------------------------------------------------------- */

static void read_options(struct options *out, int argc, char **argv)
{
    static const struct option names[] = {{"participants", required_argument, NULL, 'p'},
                                          {"fps", required_argument, NULL, 'f'},
                                          {"write", required_argument, NULL, 'w'},
                                          {0}};
    int option;
    *out = (struct options){.participants = bench_amount(PARTICIPANTS, GRID_TILES + 1), .fps = FPS};
    while ((option = getopt_long(argc, argv, "", names, NULL)) != -1) {
        if (option == 'p') {
            out->participants = strtoul(optarg, NULL, 10);
        } else if (option == 'f') {
            out->fps = (unsigned)strtoul(optarg, NULL, 10);
        } else if (option == 'w') {
            out->dir = optarg;
        } else {
            exit(2);
        }
    }
    if (optind + 1 != argc || out->participants <= GRID_TILES || out->participants > 64 ||
        out->fps == 0) {
        bench_fail("usage: bench_grid [--participants N (%d to 64)] [--fps N] [--write DIR] "
                   "SPILLWAY_NODE",
                   GRID_TILES + 1);
    }
    out->program = argv[optind];
}

int main(int argc, char **argv)
{
    struct options options;
    struct report report = {0};
    read_options(&options, argc, argv);
    bench_allow_files(4 * options.participants + 64);
    bench_go_first();
    setvbuf(stdout, NULL, _IOLBF, 0);
    bench_machine(report.machine, sizeof(report.machine));
    puts(report.machine);
    measure_all(&report, &options);
    print(&report, &options);
    if (options.dir != NULL) {
        write_json(&report, &options);
    }
    return 0;
}
