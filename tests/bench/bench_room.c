/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal: what one room costs a node from end to end: a publisher with audio and three layers of
 * video, 300 receivers by real signalling, ICE, DTLS and SRTP, each asking for the largest layer;
 * what they miss, how late packets are, and the CPU for each one forwarded.
 */
#include "tests/bench/bench.h"
#include "tests/bench/cluster_run.h"
#include "tests/bench/load/load.h"
#include "tests/bench/load/report.h"

#include <arpa/inet.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#define RECEIVERS 300
#define MEASURE_S 10
#define SETTLE_MS 1000

static struct load_process process_of(const char *role, pid_t pid)
{
    struct load_process process = {.pid = pid};
    snprintf(process.role, sizeof(process.role), "%s", role);
    return process;
}

int main(int argc, char **argv)
{
    if (argc < 3 || argc > 4) {
        bench_fail("usage: bench_room ROOT BUILD [RECEIVERS]");
    }
    size_t receivers = argc < 4 ? bench_amount(RECEIVERS, 30) : strtoul(argv[3], NULL, 10);
    if (receivers == 0 || receivers > LOAD_RECEIVERS_MAX) {
        bench_fail("%s: not a number of receivers", argv[3]);
    }
    if (load_raise_limits(receivers + 1) != 0) {
        bench_fail("too few files may be open");
    }
    (void)signal(SIGPIPE, SIG_IGN);
    bench_print_machine();
    struct cluster_run *run = cluster_run_start(argv[1], argv[2]);
    bench_sleep_ms(SETTLE_MS);
    const struct load_config config = {
        .servers = {{.sin_family = AF_INET,
                     .sin_port = htons(cluster_run_port(run)),
                     .sin_addr.s_addr = htonl(INADDR_LOOPBACK)}},
        .server_count = 1,
        .key = "devkey",
        .secret = "secret",
        .room = "bench",
        .prefix = "bench",
        .publishers = 1,
        .receivers = receivers,
        .audio = true,
        .layers = 3,
        .quality = 2,
        .measure_us = TIME_S((int64_t)bench_amount(MEASURE_S, 1)),
        .join_rate = 50,
        .processes = {process_of("node", cluster_run_node(run)),
                      process_of("orchestrator", cluster_run_orchestrator(run))},
        .process_count = 2,
    };
    struct load_result *result = load_run(&config);
    report_table(result, stdout);
    if (result->connected < result->participants || result->forwarded == 0) {
        bench_fail("not everybody got in, or nothing was forwarded");
    }
    free(result);
    cluster_run_stop(run);
    return 0;
}
