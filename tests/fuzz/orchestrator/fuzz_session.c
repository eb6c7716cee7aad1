/* SPDX-License-Identifier: Apache-2.0
 *
 * Any answer to an offer of ours: the first byte says how many subscriptions were offered, and
 * which of them ended meanwhile. Whatever came of it, there is an offer to follow.
 */
#include "orchestrator/core/session/session.h"

#include <stdlib.h>

#define OFFERED 7 /* subscriptions, at most */

static char *propose(struct session *session, const struct random_source *random)
{
    for (size_t i = 0; i < session->line_count; i++) {
        struct session_line *line = &session->lines[i];
        bool sends = line->subscription != 0 && !line->rejected;
        line->wish = (struct sdp_wish){.use = line->rejected                  ? SDP_USE_REJECT
                                              : line->kind == SDP_APPLICATION ? SDP_USE_DATA
                                              : sends                         ? SDP_USE_SEND
                                                                              : SDP_USE_INACTIVE,
                                       .stream = "PA|TR",
                                       .track = "TR",
                                       .cname = "PA",
                                       .source = {sends ? line->subscription : 0, 0}};
    }
    return session_propose(session, random, false, "sha-256 00");
}

static void offer_some(struct session *session, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct session_line *line =
            session_sending_line(session, i % 2 == 0 ? SDP_AUDIO : SDP_VIDEO);
        line->subscription = (uint32_t)i + 1;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    if (len == 0) {
        return 0;
    }
    struct prng prng;
    prng_seed(&prng, 1);
    struct random_source random = prng_source(&prng);
    struct session session;
    session_init(&session);
    (void)session_sending_line(&session, SDP_APPLICATION);
    offer_some(&session, data[0] % OFFERED);
    free(propose(&session, &random));
    for (size_t i = 1; i < session.line_count; i++) {
        if ((data[0] >> 3 & 1U << i) != 0) {
            session.lines[i].subscription = 0;
            session.lines[i].releasing = true;
        }
    }
    char *text = mem_copy(data + 1, len - 1); /* with a zero byte behind it */
    char reason[SDP_REASON_MAX] = "";
    bool restarted;
    int err = session_answered(&session, text, &restarted, reason);
    assert((err != 0) == (reason[0] != '\0'));
    assert((session.transport != 0) == (err == 0));
    for (size_t i = 0; i < session.line_count; i++) {
        const struct session_line *line = &session.lines[i];
        assert(line->use != SDP_USE_SEND || (line->subscription != 0 && line->codec_count > 0));
    }
    free(propose(&session, &random));
    free(text);
    session_fini(&session);
    return 0;
}
