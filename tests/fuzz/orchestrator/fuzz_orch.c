/* SPDX-License-Identifier: Apache-2.0
 *
 * People, nodes and losses around an orchestrator core as the fuzzer wants: real node cores take
 * every spec, deltas add up to whole specs, no SSRC has two holders, and in the end nothing is left
 * (tests/lib/orch_nodes.h).
 *
 * The input is a list of steps of three bytes, see tests/lib/orch_play.h.
 */
#include "tests/lib/orch_play.h"

#define STEPS_MAX 200

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct orch_play play;
    orch_play_init(&play);
    for (size_t i = 0; i < MIN(size / sizeof(struct orch_play_step), STEPS_MAX); i++) {
        struct orch_play_step step;
        memcpy(&step, data + i * sizeof(step), sizeof(step));
        orch_play_step(&play, step);
    }
    world_check(&play.world);
    orch_play_end(&play);
    return 0;
}
