/* SPDX-License-Identifier: Apache-2.0
 *
 * spillway-link: a network link between two namespaces, as bad as one wants it.
 *
 * One thread: whatever is readable at a device goes into its direction's core, whatever is through
 * goes out at the other, and ppoll() sleeps until the next frame is through. A frame that the other
 * kernel does not take (its device is down) is counted as refused. Lines on stdin change the link
 * while it runs; when stdin ends, or with SIGTERM or SIGINT, it says what it did and ends.
 */
#include "tests/link/link.h"
#include "tests/link/tap.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#define BATCH         64 /* frames of one device before the other has its turn */
#define COMMAND_BYTES 256

static const char help[] =
    "Usage: spillway-link [--seed N] [--device NAME] END=NETNS END=NETNS [SETTINGS]...\n"
    "\n"
    "Joins two network namespaces by a pair of TAP devices (named like the link, default wan; "
    "they\n"
    "have no address yet) and treats the frames between them as told. END names an end, NETNS is\n"
    "the path of a namespace: /run/netns/NAME, /proc/PID/ns/net, or nothing for one's own.\n"
    "\n"
    "SETTINGS, each an argument or later a line on stdin: [END] WORD VALUE ...; of what END "
    "sends,\n"
    "or of both directions:\n"
    "  delay 40ms    jitter 5ms    loss 1%    rate 500kbit|none    queue 64kb    order kept|free\n"
    "\n"
    "Prints 'ready' when both devices are there, and counters of each direction at the end, which\n"
    "comes with the end of stdin, SIGTERM or SIGINT. Exit status: 0, 1 if it can't run, 2 for\n"
    "wrong arguments.\n";

struct end {
    char name[16];
    const char *netns;
    int tap;
    struct link *link; /* of what this end sends */
    struct link_config config;
    uint64_t refused; /* frames that this end's kernel did not take */
};

static struct end ends[2];
static volatile sig_atomic_t stopped;

static void stop(int number)
{
    (void)number;
    stopped = 1;
}

static int64_t now_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return TIME_S(now.tv_sec) + now.tv_nsec / 1000;
}

/* ---- Settings -------------------------------------------------------------------------------- */

/* [END] WORD VALUE ...; all of it or, if it makes no sense, nothing. */
static bool apply(const char *line)
{
    struct end *only = NULL;
    size_t len = strcspn(line, " \t\r\n");
    for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
        if (strlen(ends[i].name) == len && strncmp(line, ends[i].name, len) == 0) {
            only = &ends[i];
            line += len;
            break;
        }
    }
    struct link_config wanted[ARRAY_LEN(ends)] = {ends[0].config, ends[1].config};
    for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
        if ((only == NULL || only == &ends[i]) && link_config_read(&wanted[i], line) != 0) {
            return false;
        }
    }
    for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
        ends[i].config = wanted[i];
        link_configure(ends[i].link, &wanted[i]);
    }
    return true;
}

/* Lines of stdin. False: it ended. */
static bool read_lines(void)
{
    static char line[COMMAND_BYTES];
    static size_t len;
    ssize_t n = read(STDIN_FILENO, line + len, sizeof(line) - 1 - len);
    if (n <= 0) {
        return n < 0 && (errno == EAGAIN || errno == EINTR);
    }
    len += (size_t)n;
    line[len] = '\0';
    for (char *end; (end = strchr(line, '\n')) != NULL || len == sizeof(line) - 1;) {
        size_t used = end != NULL ? (size_t)(end - line) + 1 : len;
        if (end != NULL) {
            *end = '\0';
        }
        bool ok = end != NULL && apply(line);
        printf("%s %s\n", ok ? "set" : "not understood:", line);
        fflush(stdout);
        len -= used;
        memmove(line, line + used, len + 1);
    }
    return true;
}

/* ---- Frames ---------------------------------------------------------------------------------- */

static void take_in(struct end *from)
{
    static uint8_t frame[LINK_FRAME_MAX];
    for (int i = 0; i < BATCH; i++) {
        ssize_t n = read(from->tap, frame, sizeof(frame));
        if (n <= 0) {
            return; /* nothing more, or the device is down */
        }
        link_push(from->link, now_us(), (struct bytes){frame, (size_t)n});
    }
}

static void give_out(struct end *from, struct end *to)
{
    struct bytes frame;
    while (link_pop(from->link, now_us(), &frame)) {
        if (write(to->tap, frame.data, frame.len) != (ssize_t)frame.len) {
            to->refused++;
        }
    }
}

static void run(void)
{
    sigset_t while_asleep;
    sigprocmask(SIG_SETMASK, NULL, &while_asleep);
    sigdelset(&while_asleep, SIGTERM);
    sigdelset(&while_asleep, SIGINT);
    bool open = true;
    while (open && !stopped) {
        struct pollfd fds[] = {{.fd = ends[0].tap, .events = POLLIN},
                               {.fd = ends[1].tap, .events = POLLIN},
                               {.fd = STDIN_FILENO, .events = POLLIN}};
        int64_t due_us = MIN(link_deadline(ends[0].link), link_deadline(ends[1].link));
        int64_t wait_us = due_us == TIME_NEVER ? TIME_S(60) : MAX(due_us - now_us(), 0);
        struct timespec timeout = {wait_us / 1000000, wait_us % 1000000 * 1000};
        if (ppoll(fds, ARRAY_LEN(fds), &timeout, &while_asleep) > 0) {
            open = fds[2].revents == 0 || read_lines();
            take_in(&ends[0]);
            take_in(&ends[1]);
        }
        give_out(&ends[0], &ends[1]);
        give_out(&ends[1], &ends[0]);
    }
}

static void report(void)
{
    for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
        const struct link_stats *stats = link_stats(ends[i].link);
        printf("from %s: frames=%llu bytes=%llu lost=%llu queue_full=%llu frames_full=%llu "
               "reordered=%llu refused=%llu queue_delay_max_us=%lld\n",
               ends[i].name, (unsigned long long)stats->frames, (unsigned long long)stats->bytes,
               (unsigned long long)stats->lost, (unsigned long long)stats->queue_full,
               (unsigned long long)stats->frames_full, (unsigned long long)stats->reordered,
               (unsigned long long)ends[1 - i].refused, (long long)stats->queue_delay_us_max);
    }
}

/* ---- Start ----------------------------------------------------------------------------------- */

static bool read_end(struct end *end, char *argument, uint64_t seed)
{
    char *sign = strchr(argument, '=');
    if (sign == NULL || sign == argument || (size_t)(sign - argument) >= sizeof(end->name)) {
        return false;
    }
    snprintf(end->name, sizeof(end->name), "%.*s", (int)(sign - argument), argument);
    end->netns = sign + 1;
    end->config = LINK_CONFIG_DEFAULT;
    end->link = link_new(seed);
    return true;
}

/* Returns the exit status. */
static int start(char **arguments, uint64_t seed, const char *device)
{
    for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
        if (*arguments == NULL || !read_end(&ends[i], *arguments, seed + i)) {
            fprintf(stderr, "spillway-link: two of END=NETNS are needed; --help\n");
            return 2;
        }
        arguments++;
    }
    for (; *arguments != NULL; arguments++) {
        if (!apply(*arguments)) {
            fprintf(stderr, "spillway-link: not understood: %s\n", *arguments);
            return 2;
        }
    }
    for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
        ends[i].tap = tap_open(ends[i].netns, device);
        if (ends[i].tap < 0) {
            fprintf(stderr, "spillway-link: device %s in '%s': %s\n", device, ends[i].netns,
                    strerror(errno));
            return 1;
        }
    }
    return 0;
}

static void await_signals(void)
{
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    sigprocmask(SIG_BLOCK, &signals, NULL); /* they come while ppoll() sleeps, never before */
    struct sigaction action = {.sa_handler = stop};
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
}

int main(int argc, char **argv)
{
    (void)argc;
    uint64_t seed = 1;
    const char *device = "wan";
    char **next = argv + 1;
    for (; *next != NULL && strncmp(*next, "--", 2) == 0; next += 2) {
        if (strcmp(*next, "--help") == 0) {
            fputs(help, stdout);
            return 0;
        }
        bool is_seed = strcmp(*next, "--seed") == 0;
        if (next[1] == NULL || (!is_seed && strcmp(*next, "--device") != 0)) {
            fprintf(stderr, "spillway-link: %s? --help\n", *next);
            return 2;
        }
        if (is_seed) {
            seed = strtoull(next[1], NULL, 10);
        } else {
            device = next[1];
        }
    }
    await_signals();
    prctl(PR_SET_TIMERSLACK, 1000ul); /* ns: the default of 50 us would be part of every delay */
    int status = start(next, seed, device);
    if (status == 0) {
        puts("ready");
        fflush(stdout);
        run();
        report();
    }
    for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
        if (ends[i].link != NULL) {
            link_free(ends[i].link);
        }
    }
    return status;
}
