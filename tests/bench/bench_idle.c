/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal: what participants cost who do nothing: memory of the node and the orchestrator, empty and
 * with 1,000 participants whose DTLS, SCTP and data channels are up, and the CPU both use then.
 */
#include "tests/bench/bench.h"
#include "tests/bench/cluster_run.h"
#include "tests/bench/crowd.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#define PARTICIPANTS 1000
#define ROOM_SIZE    10
#define SETTLE_MS    3000
#define IDLE_MS      10000
#define OFFER_MAX    65536

struct process {
    const char *name;
    pid_t pid;
    struct bench_memory before;
    int64_t join_cpu_us;
    double kb_wanted; /* of a participant, at most */
};

static char *read_offer(const char *root)
{
    char path[512];
    snprintf(path, sizeof(path), "%s/tests/data/sdp/chromium-join.offer", root);
    char *text = mem_alloc(OFFER_MAX);
    FILE *file = fopen(path, "r");
    if (file == NULL || fread(text, 1, OFFER_MAX - 1, file) == 0) {
        bench_fail("%s: can't be read", path);
    }
    fclose(file);
    return text;
}

static void look_before(struct process *process)
{
    process->before = bench_process_memory(process->pid);
    process->join_cpu_us = bench_process_cpu_us(process->pid);
    printf("  %-14s %8.1f MB resident, %.1f MB of it its own\n", process->name,
           (double)process->before.total_kb / 1024, (double)process->before.anonymous_kb / 1024);
}

static void join_all(struct crowd *crowd, size_t participants, struct process *processes,
                     size_t count)
{
    int64_t begin_us = bench_now_us();
    for (size_t i = 0; i < participants; i++) {
        crowd_join(crowd);
    }
    printf("%zu participants in rooms of %d: joined in %.1f s\n", participants, ROOM_SIZE,
           (double)(bench_now_us() - begin_us) / 1e6);
    crowd_run(crowd, (int)bench_amount(SETTLE_MS, 500));
    for (size_t i = 0; i < count; i++) {
        struct process *process = &processes[i];
        struct bench_memory now = bench_process_memory(process->pid);
        int64_t cpu_us = bench_process_cpu_us(process->pid) - process->join_cpu_us;
        printf("  %-14s %8.1f KB each (wanted: under %.0f), %.2f ms of CPU each\n", process->name,
               (double)(now.total_kb - process->before.total_kb) / (double)participants,
               process->kb_wanted, (double)cpu_us / 1000 / (double)participants);
    }
}

static void idle(struct crowd *crowd, const struct process *processes, size_t count)
{
    int64_t cpu_us[2];
    assert(count == ARRAY_LEN(cpu_us));
    for (size_t i = 0; i < count; i++) {
        cpu_us[i] = bench_process_cpu_us(processes[i].pid);
    }
    int64_t begin_us = bench_now_us();
    crowd_run(crowd, (int)bench_amount(IDLE_MS, 1000));
    double passed_us = (double)(bench_now_us() - begin_us);
    printf("Idle, a STUN check each 2.5 s and a signalling ping each 5 s from everybody\n");
    for (size_t i = 0; i < count; i++) {
        double used_us = (double)(bench_process_cpu_us(processes[i].pid) - cpu_us[i]);
        printf("  %-14s %8.1f %% of a core\n", processes[i].name, 100 * used_us / passed_us);
    }
}

int main(int argc, char **argv)
{
    if (argc < 3 || argc > 4) {
        bench_fail("usage: bench_idle ROOT BUILD [PARTICIPANTS]");
    }
    size_t participants = argc < 4 ? bench_amount(PARTICIPANTS, 50) : strtoul(argv[3], NULL, 10);
    if (participants == 0) {
        bench_fail("%s: not a number of participants", argv[3]);
    }
    bench_allow_files(2 * participants + 64); /* two sockets of our own for each */
    (void)signal(SIGPIPE, SIG_IGN);
    bench_print_machine();
    char *offer = read_offer(argv[1]);
    struct cluster_run *run = cluster_run_start(argv[1], argv[2]);
    bench_sleep_ms(1000);
    struct process processes[] = {
        {.name = "node", .pid = cluster_run_node(run), .kb_wanted = 20},
        {.name = "orchestrator", .pid = cluster_run_orchestrator(run), .kb_wanted = 120},
    };
    printf("Empty (wanted: a node under 20 MB)\n");
    for (size_t i = 0; i < ARRAY_LEN(processes); i++) {
        look_before(&processes[i]);
    }
    const struct crowd_config config = {.port = cluster_run_port(run),
                                        .offer = offer,
                                        .room_size = ROOM_SIZE,
                                        .size_max = participants};
    struct crowd *crowd = crowd_new(&config);
    join_all(crowd, participants, processes, ARRAY_LEN(processes));
    idle(crowd, processes, ARRAY_LEN(processes));
    crowd_free(crowd);
    cluster_run_stop(run);
    free(offer);
    return 0;
}
