/* SPDX-License-Identifier: Apache-2.0 */
#include "orchestrator/core/scaling/scaling.h"

static uint64_t sum_of(const uint64_t *values, size_t count)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < count; i++) {
        sum += values[i];
    }
    return sum;
}

/* The lowest value, how many have it, and the next one above it, `most` at the most. */
struct lowest {
    uint64_t value, next;
    size_t count;
};

static struct lowest lowest_of(const uint64_t *values, size_t count, uint64_t most)
{
    struct lowest low = {.value = most, .next = most};
    for (size_t i = 0; i < count; i++) {
        if (values[i] < low.value) {
            low = (struct lowest){.value = values[i], .next = low.value, .count = 1};
        } else if (values[i] == low.value) {
            low.count++;
        } else {
            low.next = MIN(low.next, values[i]);
        }
    }
    return low;
}

/* Raises the lowest together until they meet the next, and so on, until `extra` is given. */
static void fill(uint64_t *values, size_t count, uint64_t extra, uint64_t most)
{
    while (extra > 0) {
        struct lowest low = lowest_of(values, count, most);
        assert(low.value < most);
        uint64_t each = MIN(low.next - low.value, extra / low.count);
        uint64_t odd = each < low.next - low.value ? extra % low.count : 0; /* one more for these */
        extra -= each * low.count + odd;
        for (size_t i = 0; i < count; i++) {
            if (values[i] == low.value) {
                values[i] += each + (odd > 0 ? 1 : 0);
                odd -= odd > 0;
            }
        }
    }
}

uint64_t scaling_spread(const uint64_t *least, size_t count, uint64_t load, uint64_t *out)
{
    assert(count > 0 && count <= SCALING_REGIONS_MAX);
    uint64_t sum = sum_of(least, count), highest = 0;
    for (size_t i = 0; i < count; i++) {
        highest = MAX(highest, least[i]);
        out[i] = least[i];
    }
    if (count == 1) {
        return sum;
    }
    uint64_t even = (load * count + count - 2) / (count - 1);
    uint64_t total = MAX(MAX(sum, load + highest), even);
    fill(out, count, total - sum, total - load);
    return total;
}
