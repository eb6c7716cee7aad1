/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/orchestrator/sdp/offers.h"

#include <stdio.h>

#include <setjmp.h>

#include <cmocka.h>

const char *edited(char out[8192], const char *from, const char *to)
{
    const char *at = strstr(base, from);
    assert_non_null(at);
    snprintf(out, 8192, "%.*s%s%s", (int)(at - base), base, to, at + strlen(from));
    return out;
}

struct sdp_offer *parsed(const char *text)
{
    struct sdp_offer *offer = NULL;
    char reason[SDP_REASON_MAX] = "";
    if (sdp_offer_parse(&offer, text, strlen(text), reason) != 0) {
        fail_msg("refused: %s", reason);
    }
    return offer;
}
