/* SPDX-License-Identifier: Apache-2.0
 *
 * Any offer, answered in every way; any trickled candidate (the input that begins with '{').
 */
#include "orchestrator/core/sdp/sdp.h"

#include <stdlib.h>

static void answer(const struct sdp_offer *offer, enum sdp_use use)
{
    const struct sdp_candidate candidate = {.ip = "127.0.0.1", .port = 1, .priority = 1};
    const struct sdp_local local = {.ice_ufrag = "ufrag",
                                    .ice_pwd = "pwd",
                                    .fingerprint = "sha-256 00",
                                    .candidates = &candidate,
                                    .candidate_count = 1};
    struct sdp_section *sections = mem_array(offer->media_count, sizeof(*sections));
    for (size_t i = 0; i < offer->media_count; i++) {
        bool data = offer->media[i].kind == SDP_APPLICATION;
        struct sdp_wish wish = {.use = data && use != SDP_USE_REJECT ? SDP_USE_DATA : use,
                                .codec = (enum sdp_codec_id)(i % SDP_RTX),
                                .stereo = i % 2 == 0,
                                .codec_only = i % 3 == 0,
                                .stream = "PA|TR",
                                .track = "TR"};
        sdp_answer_plan(&sections[i], &offer->media[i], &wish);
        const struct sdp_answer_codec *codecs = sections[i].codecs;
        for (size_t c = 0; c < sections[i].codec_count; c++) {
            assert(sdp_codec_match(codecs, sections[i].codec_count, &codecs[c]) != NULL);
        }
    }
    free(sdp_answer_write(offer, sections, &local));
    free(sections);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    if (len > 0 && data[0] == '{') {
        struct sdp_remote_candidate candidate;
        if (sdp_trickle_parse(&candidate, (const char *)data, len) == 0) {
            assert(candidate.end || candidate.address[0] != '\0');
        }
        return 0;
    }
    struct sdp_offer *offer = NULL;
    char reason[SDP_REASON_MAX] = "";
    if (sdp_offer_parse(&offer, (const char *)data, len, reason) != 0) {
        assert(reason[0] != '\0');
        return 0;
    }
    for (enum sdp_use use = SDP_USE_REJECT; use < SDP_USE_DATA; use++) {
        answer(offer, use);
    }
    sdp_offer_free(offer);
    return 0;
}
