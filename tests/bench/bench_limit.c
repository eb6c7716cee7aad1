/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal: what a forwarded packet costs at the least on this machine.
 */
#include "tests/bench/bench.h"
#include "tests/bench/limit.h"

int main(void)
{
    struct limit limit;
    bench_print_machine();
    limit_measure(&limit);
    limit_print(&limit);
    return 0;
}
