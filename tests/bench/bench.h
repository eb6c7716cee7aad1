/* SPDX-License-Identifier: Apache-2.0
 *
 * What the benches share: the CPU time and memory of processes, and of the running thread.
 *
 * A bench prints numbers, and ratios of numbers of the same run; it fails when it can't measure,
 * never because a number is large: machines differ, and this one may be busy.
 */
#ifndef TESTS_BENCH_BENCH_H
#define TESTS_BENCH_BENCH_H

#include "common/base/base.h"

#include <sys/types.h>

/* Says what went wrong and ends the process, as a bench does that can't measure. */
_Noreturn void bench_fail(const char *format, ...) PRINTF_LIKE(1, 2);

/* Whether it only has to show that it works, as in the plain run of all tests (tests/run): little
 * is measured, the line of the machine says so, and nothing is written. SPILLWAY_SHORT in the
 * environment. */
bool bench_short(void);

/* How much of something: what a number takes, or in a short run what shows that it works. */
size_t bench_amount(size_t full, size_t little);

/* The machine, in a line, and what load it has. */
void bench_machine(char *out, size_t cap);
void bench_print_machine(void);

int64_t bench_now_us(void);        /* monotonic */
int64_t bench_wall_us(void);       /* of the clock that the kernel stamps packets with */
int64_t bench_thread_cpu_us(void); /* user and system time of the calling thread */

/* User and system time of all threads of a process. */
int64_t bench_process_cpu_us(pid_t pid);

/* How often its main thread has gone to sleep, and was woken. */
uint64_t bench_process_wakes(pid_t pid);

/* Resident memory: all of it, and what is no page of a file, which others may share. */
struct bench_memory {
    int64_t total_kb;
    int64_t anonymous_kb;
};
struct bench_memory bench_process_memory(pid_t pid);

/* The first of count ports in a row that are free on loopback, for UDP and TCP. */
uint16_t bench_free_ports(unsigned count);

void bench_sleep_ms(int ms);

/* Before everything else of the machine, with all that is started from here on, if that is allowed:
 * else it is measured what others make of caches, and they overflow what is not read in time. */
void bench_go_first(void);

/* Every thread that a process has now runs on this CPU alone. False: it can't be had. */
bool bench_pin(pid_t pid, unsigned cpu);

/* Raises the limit of open files as far as it goes, and fails if that is less than count. */
void bench_allow_files(size_t count);

/* What is sent between the two arrives at once, as from a network card that hands over together
 * what came together: up to BENCH_HELD packets of so many bytes, and to one address. */
#define BENCH_HELD 16
void bench_hold(int fd, size_t bytes);
void bench_release(int fd);

#endif
