/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/bench/echo.h"

#include "tests/bench/bench.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PT           96
#define BATCH        64
#define BUFFER_BYTES (8 << 20) /* of its socket, as the node has it */
#define STAMPS_MAX   1000000

struct echo {
    struct sink *sink;
    size_t count;
    uint32_t *sent_at; /* by socket */
    size_t next;       /* that sends */
    uint16_t seq;
    int fd; /* of the process that echoes */
    struct sockaddr_in addr;
    pid_t pid;
};

/* ---- The process ----------------------------------------------------------------------------- */

static int64_t worked_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

/* Without work all that came goes back at once. */
static void answer(int fd, struct mmsghdr *messages, unsigned count, int64_t work_ns)
{
    unsigned together = work_ns > 0 ? 1 : count;
    for (unsigned i = 0; i < count; i += together) {
        int64_t until_ns = worked_ns() + work_ns;
        while (work_ns > 0 && worked_ns() < until_ns) {
        }
        (void)sendmmsg(fd, messages + i, together, 0);
    }
}

static _Noreturn void run(int fd, int64_t work_ns)
{
    static uint8_t data[BATCH][2 * FANOUT_PACKET];
    static struct sockaddr_in addrs[BATCH];
    static struct iovec bytes[BATCH];
    static struct mmsghdr messages[BATCH];
    for (;;) {
        for (size_t i = 0; i < BATCH; i++) {
            bytes[i] = (struct iovec){data[i], sizeof(data[i])};
            messages[i].msg_hdr = (struct msghdr){.msg_name = &addrs[i],
                                                  .msg_namelen = sizeof(addrs[i]),
                                                  .msg_iov = &bytes[i],
                                                  .msg_iovlen = 1};
        }
        int count = recvmmsg(fd, messages, BATCH, MSG_WAITFORONE, NULL);
        for (int i = 0; i < count; i++) {
            bytes[i].iov_len = messages[i].msg_len;
        }
        if (count > 0) {
            answer(fd, messages, (unsigned)count, work_ns);
        }
    }
}

static void start_process(struct echo *echo, double work_us)
{
    int size = BUFFER_BYTES;
    socklen_t len = sizeof(echo->addr);
    echo->addr =
        (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    echo->fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (echo->fd < 0 || bind(echo->fd, (struct sockaddr *)&echo->addr, len) != 0 ||
        getsockname(echo->fd, (struct sockaddr *)&echo->addr, &len) != 0) {
        bench_fail("no socket for the echo");
    }
    (void)setsockopt(echo->fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
    echo->pid = fork();
    if (echo->pid == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL); /* should the bench fail */
        run(echo->fd, (int64_t)(work_us * 1000));
    }
}

/* ---- Who sends to it ------------------------------------------------------------------------- */

static void send_frame(void *arg, unsigned packets)
{
    static uint8_t data[BATCH][FANOUT_PACKET];
    struct echo *echo = arg;
    struct iovec bytes[BATCH];
    struct mmsghdr messages[BATCH] = {0};
    assert(packets <= BATCH);
    echo->sent_at[echo->next] = (uint32_t)bench_wall_us();
    for (unsigned i = 0; i < packets; i++) {
        data[i][0] = 0x80;
        data[i][1] = PT;
        be16_put(data[i] + 2, echo->seq++);
        be32_put(data[i] + 4, echo->sent_at[echo->next]);
        bytes[i] = (struct iovec){data[i], FANOUT_PACKET};
        messages[i].msg_hdr = (struct msghdr){.msg_name = &echo->addr,
                                              .msg_namelen = sizeof(echo->addr),
                                              .msg_iov = &bytes[i],
                                              .msg_iovlen = 1};
    }
    if (sendmmsg(sink_fd(echo->sink, echo->next), messages, packets, 0) != (int)packets) {
        bench_fail("nothing can be sent to the echo: %s", strerror(errno));
    }
    echo->next = (echo->next + 1) % echo->count;
}

static uint32_t sent_at(const void *arg, size_t receiver)
{
    const struct echo *echo = arg;
    return echo->sent_at[receiver];
}

static void keep(void *arg)
{
    (void)arg;
}

/* ---- Life ------------------------------------------------------------------------------------ */

struct echo *echo_start(size_t sockets, double work_us, struct fanout *out)
{
    struct echo *echo = mem_alloc(sizeof(*echo));
    echo->sink = sink_new(sockets);
    echo->count = sockets;
    echo->sent_at = mem_array(sockets, sizeof(*echo->sent_at));
    start_process(echo, work_us);
    for (size_t i = 0; i < sockets; i++) {
        sink_watch(echo->sink, i, PT, STAMPS_MAX / sockets);
    }
    sink_start(echo->sink);
    *out = (struct fanout){.arg = echo,
                           .pid = echo->pid,
                           .sink = echo->sink,
                           .receivers = sockets,
                           .copies = 1,
                           .pt = PT,
                           .send_frame = send_frame,
                           .keep = keep,
                           .sent_at = sent_at};
    return echo;
}

void echo_stop(struct echo *echo)
{
    kill(echo->pid, SIGKILL);
    waitpid(echo->pid, NULL, 0);
    sink_stop(echo->sink);
    sink_free(echo->sink);
    close(echo->fd);
    free(echo->sent_at);
    free(echo);
}
