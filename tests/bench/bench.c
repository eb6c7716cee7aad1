/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/bench/bench.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <netinet/udp.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

void bench_fail(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
    exit(1);
}

static FILE *open_proc(pid_t pid, const char *name)
{
    char path[64];
    snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
    FILE *file = fopen(path, "r");
    if (file == NULL) {
        bench_fail("%s: no such process any more", path);
    }
    return file;
}

static void read_cpu_model(char *out, size_t cap)
{
    char line[256];
    FILE *file = fopen("/proc/cpuinfo", "r");
    out[0] = '\0';
    while (file != NULL && fgets(line, sizeof(line), file) != NULL) {
        const char *colon = strchr(line, ':');
        if (colon != NULL && strncmp(line, "model name", 10) == 0) {
            snprintf(out, cap, "%.*s", (int)strcspn(colon + 2, "\n"), colon + 2);
            break;
        }
    }
    if (file != NULL) {
        fclose(file);
    }
}

bool bench_short(void)
{
    return getenv("SPILLWAY_SHORT") != NULL;
}

size_t bench_amount(size_t full, size_t little)
{
    return bench_short() ? little : full;
}

void bench_machine(char *out, size_t cap)
{
    char model[128];
    struct utsname name = {0};
    double loads[1] = {0};
    read_cpu_model(model, sizeof(model));
    (void)uname(&name);
    (void)getloadavg(loads, 1);
    snprintf(out, cap, "%s, %ld cores, %s %s, load %.1f%s", model, sysconf(_SC_NPROCESSORS_ONLN),
             name.sysname, name.release, loads[0],
             bench_short() ? "; a short run, whose numbers say nothing" : "");
}

void bench_print_machine(void)
{
    char machine[256];
    bench_machine(machine, sizeof(machine));
    puts(machine);
}

static int64_t clock_us(clockid_t id)
{
    struct timespec now;
    if (clock_gettime(id, &now) != 0) {
        bench_fail("no clock %d", (int)id);
    }
    return TIME_S(now.tv_sec) + now.tv_nsec / 1000;
}

int64_t bench_now_us(void)
{
    return clock_us(CLOCK_MONOTONIC);
}

int64_t bench_wall_us(void)
{
    return clock_us(CLOCK_REALTIME);
}

int64_t bench_thread_cpu_us(void)
{
    return clock_us(CLOCK_THREAD_CPUTIME_ID);
}

/* Its clock counts exactly, where /proc/PID/stat counts ticks of 10 ms. */
int64_t bench_process_cpu_us(pid_t pid)
{
    clockid_t clock;
    if (clock_getcpuclockid(pid, &clock) != 0) {
        bench_fail("no CPU clock of process %d", (int)pid);
    }
    return clock_us(clock);
}

struct bench_memory bench_process_memory(pid_t pid)
{
    char line[256];
    long long kb;
    struct bench_memory memory = {0};
    FILE *file = open_proc(pid, "status");
    while (fgets(line, sizeof(line), file) != NULL) {
        if (sscanf(line, "VmRSS: %lld", &kb) == 1) {
            memory.total_kb = kb;
        } else if (sscanf(line, "RssAnon: %lld", &kb) == 1) {
            memory.anonymous_kb = kb;
        }
    }
    fclose(file);
    return memory;
}

uint64_t bench_process_wakes(pid_t pid)
{
    char line[256];
    unsigned long long wakes = 0;
    FILE *file = open_proc(pid, "status");
    while (fgets(line, sizeof(line), file) != NULL) {
        (void)sscanf(line, "voluntary_ctxt_switches: %llu", &wakes);
    }
    fclose(file);
    return wakes;
}

static bool is_free(uint16_t port, int type)
{
    struct sockaddr_in addr = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, type, 0);
    bool ok = bind(fd, (struct sockaddr *)&addr, sizeof(addr)) == 0;
    close(fd);
    return ok;
}

uint16_t bench_free_ports(unsigned count)
{
    for (unsigned first = 20000 + (unsigned)getpid() % 10000; first < 30000; first += 7) {
        unsigned ok = 0;
        while (ok < count && is_free((uint16_t)(first + ok), SOCK_DGRAM) &&
               is_free((uint16_t)(first + ok), SOCK_STREAM)) {
            ok++;
        }
        if (ok == count) {
            return (uint16_t)first;
        }
    }
    bench_fail("no %u free ports in a row", count);
}

void bench_sleep_ms(int ms)
{
    poll(NULL, 0, ms);
}

void bench_go_first(void)
{
    const struct sched_param first = {.sched_priority = 1};
    (void)sched_setscheduler(0, SCHED_RR, &first);
}

bool bench_pin(pid_t pid, unsigned cpu)
{
    char path[64];
    cpu_set_t set;
    const struct dirent *entry;
    bool pinned = true;
    CPU_ZERO(&set);
    CPU_SET(cpu, &set);
    snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
    DIR *threads = opendir(path);
    while (threads != NULL && (entry = readdir(threads)) != NULL) {
        pid_t thread = (pid_t)strtol(entry->d_name, NULL, 10);
        pinned &= thread == 0 || sched_setaffinity(thread, sizeof(set), &set) == 0;
    }
    if (threads == NULL) {
        return false;
    }
    closedir(threads);
    return pinned;
}

void bench_allow_files(size_t count)
{
    struct rlimit files = {0};
    (void)getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &files);
    if (files.rlim_cur < count) {
        bench_fail("too few files may be open: %lu", (unsigned long)files.rlim_cur);
    }
}

/* Held back, they are one message, which the kernel cuts for receivers that do not take it whole.
 */
static void hold(int fd, int segment, int on)
{
    if (setsockopt(fd, SOL_UDP, UDP_SEGMENT, &segment, sizeof(segment)) != 0 ||
        setsockopt(fd, SOL_UDP, UDP_CORK, &on, sizeof(on)) != 0) {
        bench_fail("packets can't be held back: %s", strerror(errno));
    }
}

void bench_hold(int fd, size_t bytes)
{
    hold(fd, (int)bytes, 1);
}

void bench_release(int fd)
{
    hold(fd, 0, 0);
}
