/* SPDX-License-Identifier: Apache-2.0
 *
 * Any dependency descriptors, one after another, on one stream: each is refused and changes
 * nothing, or speaks of layers and targets that there are, and can be told other active ones. The
 * input is a list of them, each behind
 * its length.
 */
#include "media-node/core/rtp/dependency.h"

static void check_frame(const struct rtp_dependency_frame *frame, uint32_t targets)
{
    assert(frame->spatial < RTP_DEPENDENCY_SPATIAL_MAX);
    assert(frame->temporal < RTP_DEPENDENCY_TEMPORAL_MAX);
    assert((frame->present & ~targets) == 0);
    assert((frame->switches & ~frame->present) == 0);
}

static void check_structure(const struct rtp_dependency_structure *s, uint32_t targets)
{
    assert(s->template_count >= 1 && s->template_count <= RTP_DEPENDENCY_TEMPLATES_MAX);
    assert(s->target_count >= 1 && s->target_count <= RTP_DEPENDENCY_TARGETS_MAX);
    assert(s->chain_count <= s->target_count && (s->inhabited & ~targets) == 0);
    for (unsigned i = 0; i < s->template_count; i++) {
        check_frame(&s->templates[i], targets);
    }
}

static void check_rewritten(const struct rtp_dependency *dependency,
                            const struct rtp_dependency_structure *structure, struct bytes value,
                            uint32_t active)
{
    uint8_t out[RTP_DEPENDENCY_LEN_MAX];
    struct rtp_dependency_structure again = *structure;
    struct rtp_dependency read;
    int len = rtp_dependency_write_active(out, value, &dependency->place, active);
    if (len < 0) {
        assert(len == ERR_TOO_BIG && value.len > RTP_DEPENDENCY_LEN_MAX - 5);
        return;
    }
    int err = rtp_dependency_parse(&read, &again, (struct bytes){out, (size_t)len});
    assert(err == 0 && read.active_told && read.active == active);
    assert(memcmp(&read.frame, &dependency->frame, sizeof(read.frame)) == 0);
    assert(memcmp(&again, structure, sizeof(again)) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct rtp_dependency_structure structure = {0};
    for (size_t at = 0; at < len;) {
        struct bytes value = {data + at + 1, MIN(data[at], len - at - 1)};
        at += 1 + value.len;
        struct rtp_dependency_structure before = structure;
        struct rtp_dependency dependency;
        if (rtp_dependency_parse(&dependency, &structure, value) != 0) {
            assert(memcmp(&before, &structure, sizeof(structure)) == 0);
            continue;
        }
        uint32_t targets = (uint32_t)((UINT64_C(1) << structure.target_count) - 1);
        check_structure(&structure, targets);
        check_frame(&dependency.frame, targets);
        assert((dependency.active & ~targets) == 0);
        check_rewritten(&dependency, &structure, value, 0x55555555 & targets);
    }
    return 0;
}
