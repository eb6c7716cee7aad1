/* SPDX-License-Identifier: Apache-2.0
 *
 * Virtual time for OpenSSL and usrsctp: linking openssl_time.c into a test program replaces
 * gettimeofday() and time() for every shared library in it, and both libraries ask these two
 * (style.md §6.4). Does not work with a static OpenSSL.
 */
#ifndef TESTS_LIB_OPENSSL_TIME_H
#define TESTS_LIB_OPENSSL_TIME_H

#include <stdint.h>

/* The clock then stands still until the next call. Starts at 0, which both libraries see as a day
 * in 2023; must not go back while one of their timers runs. */
void openssl_time_set(int64_t now_us);

#endif
