/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/lib/openssl_time.h"

#include <sys/time.h>
#include <time.h>

#define EPOCH_S 1700000000

static int64_t virtual_us;

void openssl_time_set(int64_t now_us)
{
    virtual_us = now_us;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone)
{
    (void)zone;
    now->tv_sec = EPOCH_S + virtual_us / 1000000;
    now->tv_usec = virtual_us % 1000000;
    return 0;
}

time_t time(time_t *out)
{
    time_t now = EPOCH_S + virtual_us / 1000000;
    if (out != NULL)
        *out = now;
    return now;
}
