/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/orchestrator/sdp/wish.h"

#include <stdio.h>
#include <stdlib.h>

static const struct sdp_candidate candidates[] = {
    {.ip = "127.0.0.1", .port = 40000, .priority = 1000001},
    {.ip = "127.0.0.1", .port = 40000, .tcp = true, .priority = 1000000},
};

static const struct sdp_local local = {
    .ice_ufrag = "serverufrag",
    .ice_pwd = "serverpassword1234567890",
    .fingerprint = "sha-256 00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF:"
                   "00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF",
    .candidates = candidates,
    .candidate_count = ARRAY_LEN(candidates),
    .session_id = 4611686018427387904,
    .session_version = 1,
};

static void option_parse(struct sdp_wish *wish, const char *word)
{
    if (strcmp(word, "only") == 0) {
        wish->codec_only = true;
    } else if (strcmp(word, "no-red") == 0) {
        wish->red_disabled = true;
    } else if (strcmp(word, "no-dtx") == 0) {
        wish->dtx_disabled = true;
    } else if (strcmp(word, "stereo") == 0) {
        wish->stereo = true;
    } else if (strncmp(word, "max=", 4) == 0) {
        wish->bitrate_bps_max = (uint32_t)strtoul(word + 4, NULL, 10);
    } else {
        wish->codec = sdp_codec_from_name(word);
        assert(wish->codec != SDP_CODEC_OTHER);
    }
}

static struct sdp_wish wish_parse(char *line, const struct sdp_media *media)
{
    static const char *const uses[] = {"reject", "inactive", "receive", "send", "data"};
    char *rest = NULL;
    const char *use = line != NULL ? strtok_r(line, " ", &rest) : NULL;
    bool data = media->kind == SDP_APPLICATION;
    struct sdp_wish wish = {.use = data ? SDP_USE_DATA : SDP_USE_INACTIVE};
    if (use == NULL) {
        return wish;
    }
    for (unsigned i = 0; i < ARRAY_LEN(uses); i++) {
        wish.use = strcmp(use, uses[i]) == 0 ? (enum sdp_use)i : wish.use;
    }
    if (wish.use == SDP_USE_SEND) {
        wish.stream = strtok_r(NULL, " ", &rest);
        wish.track = strtok_r(NULL, " ", &rest);
    }
    for (char *word = strtok_r(NULL, " ", &rest); word; word = strtok_r(NULL, " ", &rest)) {
        option_parse(&wish, word);
    }
    return wish;
}

char *wish_answer(const char *offer_text, size_t len, char *text, char reason[SDP_REASON_MAX])
{
    struct sdp_offer *offer;
    if (sdp_offer_parse(&offer, offer_text, len, reason) != 0) {
        return NULL;
    }
    struct sdp_section *sections = mem_array(offer->media_count, sizeof(*sections));
    char *rest = NULL;
    char *line = strtok_r(text, "\n", &rest);
    for (size_t i = 0; i < offer->media_count; i++) {
        struct sdp_wish wish = wish_parse(line, &offer->media[i]);
        sdp_answer_plan(&sections[i], &offer->media[i], &wish);
        line = strtok_r(NULL, "\n", &rest);
    }
    char *answer = sdp_answer_write(offer, sections, &local);
    free(sections);
    sdp_offer_free(offer);
    return answer;
}

char *wish_file(const char *path, size_t *len)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        fprintf(stderr, "%s: cannot be opened\n", path);
        abort();
    }
    fseek(file, 0, SEEK_END);
    long size = ftell(file);
    rewind(file);
    char *text = mem_alloc((size_t)size + 1);
    *len = fread(text, 1, (size_t)size, file);
    fclose(file);
    return text;
}
