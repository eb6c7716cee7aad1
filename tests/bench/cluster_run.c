/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/bench/cluster_run.h"

#include "tests/bench/bench.h"

#include <fcntl.h>
#include <ftw.h>
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define START_MS    30000
#define PORTS       16 /* of the cluster's own connections: one before --port, the others behind */
#define MEDIA_PORTS 4

struct cluster_run {
    char dir[64];
    uint16_t port;
    pid_t pid; /* of the script */
    pid_t orchestrator;
    pid_t node;
};

static void start_script(struct cluster_run *run, const char *root, const char *build)
{
    char script[512];
    char port[8];
    char media[8];
    uint16_t first = bench_free_ports(PORTS + MEDIA_PORTS);
    run->port = (uint16_t)(first + 1);
    snprintf(script, sizeof(script), "%s/deploy/cluster.py", root);
    snprintf(port, sizeof(port), "%u", run->port);
    snprintf(media, sizeof(media), "%u", first + PORTS);
    run->pid = fork();
    if (run->pid == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGTERM); /* should the bench fail */
        (void)dup2(open("/dev/null", O_WRONLY | O_CLOEXEC), STDOUT_FILENO); /* its greeting */
        execl(script, script, "--no-redis", "--nodes", "1", "--port", port, "--media-port", media,
              "--build", build, "--run", run->dir, (char *)NULL);
        _exit(127);
    }
}

/* False while the file is not there. */
static bool read_rows(struct cluster_run *run)
{
    char path[128];
    size_t i;
    json_t *row;
    snprintf(path, sizeof(path), "%s/cluster.json", run->dir);
    json_t *file = json_load_file(path, 0, NULL);
    json_array_foreach(json_object_get(file, "processes"), i, row)
    {
        const char *role = json_string_value(json_object_get(row, "role"));
        pid_t pid = (pid_t)json_integer_value(json_object_get(row, "pid"));
        if (role != NULL && strcmp(role, "orchestrator") == 0) {
            run->orchestrator = pid;
        } else if (role != NULL && strcmp(role, "node") == 0) {
            run->node = pid;
        }
    }
    json_decref(file);
    return run->orchestrator != 0 && run->node != 0;
}

struct cluster_run *cluster_run_start(const char *root, const char *build)
{
    struct cluster_run *run = mem_alloc(sizeof(*run));
    snprintf(run->dir, sizeof(run->dir), "%s/spillway-bench-XXXXXX", P_tmpdir);
    if (mkdtemp(run->dir) == NULL) {
        bench_fail("%s: can't be made", run->dir);
    }
    start_script(run, root, build);
    for (int ms = 0; !read_rows(run); ms += 20) {
        if (ms >= START_MS || waitpid(run->pid, NULL, WNOHANG) != 0) {
            bench_fail("the cluster does not start; see %s", run->dir);
        }
        bench_sleep_ms(20);
    }
    return run;
}

static int remove_entry(const char *path, const struct stat *stat, int kind, struct FTW *walk)
{
    (void)stat;
    (void)kind;
    (void)walk;
    return remove(path);
}

void cluster_run_stop(struct cluster_run *run)
{
    kill(run->pid, SIGTERM);
    waitpid(run->pid, NULL, 0);
    (void)nftw(run->dir, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
    free(run);
}

uint16_t cluster_run_port(const struct cluster_run *run)
{
    return run->port;
}

pid_t cluster_run_orchestrator(const struct cluster_run *run)
{
    return run->orchestrator;
}

pid_t cluster_run_node(const struct cluster_run *run)
{
    return run->node;
}
