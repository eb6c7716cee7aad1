/* SPDX-License-Identifier: Apache-2.0
 *
 * What a forwarded packet costs at the least, on this machine and now: the cipher with a kept
 * context, and the kernel's ways to send. CPU time of the sending thread, the median of some
 * rounds.
 */
#ifndef TESTS_BENCH_LIMIT_H
#define TESTS_BENCH_LIMIT_H

#include "common/base/base.h"

#define LIMIT_PLAIN  1100 /* bytes of an RTP packet before protection */
#define LIMIT_SEALED 1116 /* and with the tag of AES-128-GCM */
#define LIMIT_BURSTS 3

extern const unsigned limit_bursts[LIMIT_BURSTS]; /* packets of a GSO burst: 4, 8, 16 */

/* All in microseconds per packet of LIMIT_PLAIN bytes. */
struct limit {
    size_t receivers;
    double cipher;     /* AES-128-GCM by OpenSSL, over kept contexts */
    double own_cipher; /* by the library that media nodes use here */
    double sendto;
    double sendmmsg; /* 64 packets a call, each to another receiver */
    double gso[LIMIT_BURSTS];
    double lost; /* share of what was sent that no receiver's buffer had room for */
};

void limit_measure(struct limit *out, size_t receivers);
void limit_print(const struct limit *limit);

/* The least for a packet when frames of so many packets arrive at a time: with OpenSSL's cipher,
 * and with the other. */
double limit_of_burst(const struct limit *limit, unsigned burst);
double limit_own_of_burst(const struct limit *limit, unsigned burst);

#endif
