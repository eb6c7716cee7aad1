/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/bench/limit.h"

#include "tests/bench/bench.h"
#include "tests/bench/sink.h"

#include "common/gcm/gcm.h"

#include <errno.h>
#include <netinet/udp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define ROUNDS    7
#define PACKETS   6400 /* of a round */
#define BATCH     64   /* messages of one sendmmsg */
#define HEADER    12
#define BURST_MAX 16
#define PT        96
#define CONTROL   CMSG_SPACE(sizeof(uint16_t))
#define SETTLE_MS 5 /* for the receivers, between rounds */

const unsigned limit_bursts[LIMIT_BURSTS] = {4, 8, 16};

struct probe {
    struct sink *sink;
    int fd;
    size_t receivers;
    struct sockaddr_in *addrs;
    const struct gcm_library *cipher;
    struct gcm **keys; /* of each receiver */
    uint8_t plain[LIMIT_PLAIN];
    uint8_t (*sealed)[LIMIT_SEALED]; /* BURST_MAX * BATCH of them */
    uint64_t sent;
};

/* ---- The cipher ------------------------------------------------------------------------------ */

static void seal(struct probe *probe, size_t receiver, uint64_t index, uint8_t *out)
{
    uint8_t iv[GCM_IV_LEN] = {0};
    be64_put(iv + 4, index);
    memcpy(out, probe->plain, HEADER);
    if (!probe->cipher->seal(
            probe->keys[receiver], iv, (struct bytes){out, HEADER}, (struct bytes){0},
            (struct bytes){probe->plain + HEADER, LIMIT_PLAIN - HEADER}, out + HEADER)) {
        bench_fail("AES-128-GCM failed");
    }
}

static void take_cipher(struct probe *probe, const struct gcm_library *cipher)
{
    static const uint8_t key[16] = {1};
    for (size_t i = 0; i < probe->receivers; i++) {
        if (probe->cipher != NULL) {
            probe->cipher->free(probe->keys[i]);
        }
        probe->keys[i] = cipher->make(key, sizeof(key), GCM_SEAL);
        if (probe->keys[i] == NULL) {
            bench_fail("no AES-128-GCM");
        }
    }
    probe->cipher = cipher;
}

static void encrypt_all(struct probe *probe, unsigned unused)
{
    (void)unused;
    for (uint64_t i = 0; i < PACKETS; i++) {
        seal(probe, i % probe->receivers, i, probe->sealed[i % BATCH]);
    }
}

/* ---- The kernel ------------------------------------------------------------------------------ */

static void send_single(struct probe *probe, unsigned unused)
{
    (void)unused;
    for (size_t i = 0; i < PACKETS; i++) {
        const struct sockaddr_in *to = &probe->addrs[i % probe->receivers];
        if (sendto(probe->fd, probe->sealed[i % BATCH], LIMIT_SEALED, 0,
                   (const struct sockaddr *)to, sizeof(*to)) != LIMIT_SEALED) {
            bench_fail("sendto: %s", strerror(errno));
        }
    }
    probe->sent += PACKETS;
}

static void flush(struct probe *probe, struct mmsghdr *messages, unsigned count)
{
    unsigned done = 0;
    while (done < count) {
        int n = sendmmsg(probe->fd, messages + done, count - done, 0);
        if (n < 0) {
            bench_fail("sendmmsg: %s", strerror(errno));
        }
        done += (unsigned)n;
    }
}

/* Bursts of so many packets for one receiver, each one message; 64 messages a call. With bursts of
 * one it is plain sendmmsg. */
static void send_batches(struct probe *probe, unsigned burst)
{
    struct mmsghdr messages[BATCH] = {0};
    struct iovec bytes[BATCH];
    _Alignas(struct cmsghdr) uint8_t control[BATCH][CONTROL];
    unsigned waiting = 0;
    for (size_t i = 0; i < PACKETS / burst; i++) {
        struct msghdr *header = &messages[waiting].msg_hdr;
        bytes[waiting] =
            (struct iovec){probe->sealed[waiting * burst], (size_t)burst * LIMIT_SEALED};
        *header = (struct msghdr){.msg_name = &probe->addrs[i % probe->receivers],
                                  .msg_namelen = sizeof(probe->addrs[0]),
                                  .msg_iov = &bytes[waiting],
                                  .msg_iovlen = 1};
        if (burst > 1) {
            const uint16_t segment = LIMIT_SEALED;
            header->msg_control = control[waiting];
            header->msg_controllen = CONTROL;
            struct cmsghdr *cmsg = CMSG_FIRSTHDR(header);
            cmsg->cmsg_level = SOL_UDP;
            cmsg->cmsg_type = UDP_SEGMENT;
            cmsg->cmsg_len = CMSG_LEN(sizeof(segment));
            memcpy(CMSG_DATA(cmsg), &segment, sizeof(segment));
        }
        if (++waiting == BATCH) {
            flush(probe, messages, waiting);
            waiting = 0;
        }
    }
    flush(probe, messages, waiting);
    probe->sent += PACKETS / burst * burst;
}

/* ---- Rounds ---------------------------------------------------------------------------------- */

typedef void measured(struct probe *probe, unsigned burst);

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median_us(struct probe *probe, measured *what, unsigned burst)
{
    double rounds[ROUNDS];
    for (size_t i = 0; i < ROUNDS; i++) {
        bench_sleep_ms(SETTLE_MS);
        int64_t before_us = bench_thread_cpu_us();
        what(probe, burst);
        rounds[i] = (double)(bench_thread_cpu_us() - before_us) / PACKETS;
    }
    qsort(rounds, ROUNDS, sizeof(rounds[0]), compare);
    return rounds[ROUNDS / 2];
}

static void begin(struct probe *probe, size_t receivers)
{
    *probe = (struct probe){.sink = sink_new(receivers),
                            .receivers = receivers,
                            .addrs = mem_array(receivers, sizeof(*probe->addrs)),
                            .keys = mem_array(receivers, sizeof(struct gcm *))};
    probe->fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    probe->sealed = mem_array((size_t)BURST_MAX * BATCH, LIMIT_SEALED);
    be16_put(probe->plain, 0x8000 | PT);
    for (size_t i = 0; i < (size_t)BURST_MAX * BATCH; i++) {
        memcpy(probe->sealed[i], probe->plain, LIMIT_PLAIN);
    }
    for (size_t i = 0; i < probe->receivers; i++) {
        probe->addrs[i] = sink_addr(probe->sink, i);
    }
    sink_start(probe->sink);
}

static void end(struct probe *probe)
{
    for (size_t i = 0; i < probe->receivers; i++) {
        probe->cipher->free(probe->keys[i]);
    }
    sink_free(probe->sink);
    free(probe->sealed);
    free(probe->addrs);
    free(probe->keys);
    close(probe->fd);
}

void limit_measure(struct limit *out, size_t receivers)
{
    struct probe probe;
    begin(&probe, receivers);
    out->receivers = receivers;
    take_cipher(&probe, gcm_library());
    out->own_cipher = median_us(&probe, encrypt_all, 1);
    take_cipher(&probe, &gcm_openssl);
    out->cipher = median_us(&probe, encrypt_all, 1);
    out->sendto = median_us(&probe, send_single, 1);
    out->sendmmsg = median_us(&probe, send_batches, 1);
    for (size_t i = 0; i < LIMIT_BURSTS; i++) {
        out->gso[i] = median_us(&probe, send_batches, limit_bursts[i]);
    }
    sink_stop(probe.sink);
    out->lost = 1 - (double)sink_received_all(probe.sink, PT) / (double)probe.sent;
    end(&probe);
}

void limit_print(const struct limit *limit)
{
    printf("The limit: %d-byte packets to %zu receivers, us of CPU per packet\n", LIMIT_PLAIN,
           limit->receivers);
    printf("  AES-128-GCM, kept context      %6.2f\n", limit->cipher);
    printf("  ... by %-20s    %6.2f\n", gcm_library()->name, limit->own_cipher);
    printf("  sendto                         %6.2f\n", limit->sendto);
    printf("  sendmmsg, 64 a call            %6.2f\n", limit->sendmmsg);
    for (size_t i = 0; i < LIMIT_BURSTS; i++) {
        printf("  UDP_SEGMENT, bursts of %-2u      %6.2f\n", limit_bursts[i], limit->gso[i]);
    }
    printf("  lost at full receive buffers   %5.1f %%\n", 100 * limit->lost);
}

static double send_of_burst(const struct limit *limit, unsigned burst)
{
    double send = limit->sendmmsg;
    for (size_t i = 0; i < LIMIT_BURSTS; i++) {
        send = burst >= limit_bursts[i] ? limit->gso[i] : send;
    }
    return send;
}

double limit_of_burst(const struct limit *limit, unsigned burst)
{
    return limit->cipher + send_of_burst(limit, burst);
}

double limit_own_of_burst(const struct limit *limit, unsigned burst)
{
    return limit->own_cipher + send_of_burst(limit, burst);
}
