/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal: what a forwarded packet costs at the least on this machine.
 */
#include "tests/bench/bench.h"
#include "tests/bench/limit.h"

#define RECEIVERS 200

int main(void)
{
    struct limit limit;
    bench_print_machine();
    limit_measure(&limit, RECEIVERS);
    limit_print(&limit);
    return 0;
}
