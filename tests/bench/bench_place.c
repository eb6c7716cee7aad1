/* SPDX-License-Identifier: Apache-2.0
 *
 * How many rooms a second one Redis places by script, with 10,000 nodes and the commands
 * pipelined. Two candidates are enough where the state is remote; four show what more would cost.
 *
 *     bench_place
 */
#include "orchestrator/shell/store/store.h"
#include "tests/bench/bench.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#define NODES      10000
#define ROOMS      50000 /* few enough that the nodes' rows last */
#define IN_FLIGHT  2000
#define WANTED     30000
#define PATIENCE_S 60

struct run {
    uv_loop_t loop;
    struct store *store;
    struct prng prng;
    unsigned candidates;
    uint64_t asked, answered, placed;
    bool up;
};

static char dir[] = "/tmp/bench_place_XXXXXX";
static char socket_path[64];

static pid_t start_redis(void)
{
    pid_t pid = fork();
    if (pid == 0) {
        int null = open("/dev/null", O_WRONLY);
        dup2(null, 1);
        dup2(null, 2);
        execlp("redis-server", "redis-server", "--port", "0", "--unixsocket", socket_path, "--save",
               "", "--appendonly", "no", "--dir", dir, (char *)NULL);
        _exit(127);
    }
    return pid;
}

static void on_up(void *arg)
{
    ((struct run *)arg)->up = true;
}

static void on_placed(void *arg, int err, const struct store_placed *placed)
{
    struct run *run = arg;
    if (err != 0) {
        bench_fail("a placement got no answer");
    }
    run->answered++;
    run->placed += placed->status == STORE_PLACED;
}

static void ask(struct run *run)
{
    char ids[STORE_CANDIDATES_MAX][24], room[32];
    const char *nodes[STORE_CANDIDATES_MAX];
    for (unsigned i = 0; i < run->candidates; i++) {
        snprintf(ids[i], sizeof(ids[i]), "ND_%u", (unsigned)prng_below(&run->prng, NODES));
        nodes[i] = ids[i];
    }
    snprintf(room, sizeof(room), "room %u %llu", run->candidates, (unsigned long long)run->asked++);
    store_place(run->store,
                &(struct store_place){.room = room,
                                      .epoch = 1,
                                      .request = room,
                                      .weight = 16,
                                      .permille = 800,
                                      .hold_ms = STORE_HOLD_MS,
                                      .nodes = nodes,
                                      .node_count = run->candidates},
                on_placed, run);
}

static void write_nodes(struct run *run)
{
    for (int i = 0; i < NODES; i++) {
        char id[24], json[64];
        snprintf(id, sizeof(id), "ND_%d", i);
        snprintf(json, sizeof(json), "{\"weight\": %d, \"capacity\": 4000}", i % 2000);
        store_node(run->store, id, json);
        while (store_stats(run->store)->pending > IN_FLIGHT) {
            uv_run(&run->loop, UV_RUN_ONCE);
        }
    }
    while (store_stats(run->store)->pending > 0) {
        uv_run(&run->loop, UV_RUN_ONCE);
    }
}

static double place_all(struct run *run)
{
    int64_t began_us = bench_now_us();
    while (run->answered < ROOMS) {
        while (run->asked < ROOMS && run->asked - run->answered < IN_FLIGHT) {
            ask(run);
        }
        uv_run(&run->loop, UV_RUN_ONCE);
        if (bench_now_us() - began_us > TIME_S(PATIENCE_S)) {
            bench_fail("only %llu placements in %d s", (unsigned long long)run->answered,
                       PATIENCE_S);
        }
    }
    return (double)(bench_now_us() - began_us) / 1e6;
}

static void measure(struct run *run, pid_t redis, unsigned candidates)
{
    run->candidates = candidates;
    run->asked = run->answered = run->placed = 0;
    write_nodes(run);
    int64_t redis_us = bench_process_cpu_us(redis);
    double took_s = place_all(run);
    redis_us = bench_process_cpu_us(redis) - redis_us;
    double per_cpu_s = ROOMS / ((double)redis_us / 1e6);
    printf("%d rooms on %d nodes, best of %u: %.0f placements/s, %.0f per CPU second of Redis "
           "(wanted: %d)\n",
           ROOMS, NODES, candidates, ROOMS / took_s, per_cpu_s, WANTED);
    if (run->placed != ROOMS) {
        bench_fail("only %llu were placed", (unsigned long long)run->placed);
    }
}

int main(void)
{
    struct run run = {.asked = 0};
    bench_print_machine();
    if (mkdtemp(dir) == NULL || uv_loop_init(&run.loop) != 0) {
        bench_fail("cannot start");
    }
    snprintf(socket_path, sizeof(socket_path), "%s/redis.sock", dir);
    pid_t redis = start_redis();
    prng_seed(&run.prng, 1);
    run.store = store_new(&(struct store_config){.loop = &run.loop,
                                                 .redis_host = socket_path,
                                                 .owner = "OR_1",
                                                 .on_up = on_up,
                                                 .arg = &run});
    int64_t began_us = bench_now_us();
    while (!run.up) {
        uv_run(&run.loop, UV_RUN_ONCE);
        if (bench_now_us() - began_us > TIME_S(PATIENCE_S)) {
            bench_fail("redis-server does not come up");
        }
    }
    measure(&run, redis, 2);
    measure(&run, redis, 4);
    store_free(run.store);
    uv_run(&run.loop, UV_RUN_DEFAULT);
    kill(redis, SIGKILL);
    waitpid(redis, NULL, 0);
    unlink(socket_path);
    rmdir(dir);
    return 0;
}
