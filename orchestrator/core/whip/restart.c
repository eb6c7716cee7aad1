/* SPDX-License-Identifier: Apache-2.0
 *
 * ICE restarts (RFC 9725 §4.3.3). To the room one is the client's offer once more, with other
 * credentials; of its answer the client gets what is about ICE. One at a time is awaited: who
 * restarts again has given up the first (§4.3.3, "only the last sent request").
 */
#include "orchestrator/core/whip/private.h"

#include <stdio.h>
#include <stdlib.h>
#include <utlist.h>

#define HEADERS_BYTES 64 /* of an ETag */

void whip_offer(struct whip *whip, struct session *s, const char *offer)
{
    Livekit__SessionDescription description = LIVEKIT__SESSION_DESCRIPTION__INIT;
    Livekit__SignalRequest request = LIVEKIT__SIGNAL_REQUEST__INIT;
    description.type = "offer";
    description.sdp = (char *)(uintptr_t)offer;
    description.id = ++s->offer_id;
    request.message_case = LIVEKIT__SIGNAL_REQUEST__MESSAGE_OFFER;
    request.offer = &description;
    whip_signal(whip, s, &request);
}

/* Nobody waits for the room's answer any more. */
static void settle(struct whip *whip, struct session *s)
{
    DL_DELETE2(whip->restarting, s, prev_restart, next_restart);
    s->restart = 0;
}

void whip_restart_refuse(struct whip *whip, struct session *s, const struct whip_refusal *why)
{
    if (s->restart != 0) {
        whip_refuse(whip, s->restart, why);
        settle(whip, s);
    }
}

int whip_restart(struct whip *whip, struct session *s, uint64_t request, const struct whip_ice *ice,
                 char reason[SDP_REASON_MAX])
{
    struct sdp_offer *parsed;
    if (MAX(ice->ufrag.len, ice->pwd.len) > SDP_TOKEN_MAX) {
        snprintf(reason, SDP_REASON_MAX, "ICE credentials of more than %d bytes", SDP_TOKEN_MAX);
        return ERR_INVALID;
    }
    char *offer = whip_fragment_apply(s->offer, ice);
    int err = sdp_offer_parse(&parsed, offer, strlen(offer), reason);
    if (err == 0) { /* what the room would not take it would expel the client for (MUST NOT) */
        whip_restart_refuse(whip, s,
                            &(struct whip_refusal){HTTP_CONFLICT, "it was restarted once more", 0});
        free(s->next_ufrag);
        s->next_ufrag = mem_str(parsed->ice_ufrag);
        s->restart = request;
        s->restart_due_us = whip->now_us + WHIP_ANSWER_US;
        DL_APPEND2(whip->restarting, s, prev_restart, next_restart);
        whip_offer(whip, s, offer);
        sdp_offer_free(parsed);
    }
    free(offer);
    return err;
}

void whip_restarted(struct whip *whip, struct session *s, const Livekit__SessionDescription *sdp)
{
    if (s->restart == 0 || sdp->id != s->offer_id) {
        return; /* of one that is given up */
    }
    char *fragment = whip_fragment_of(sdp->sdp);
    char *headers = mem_alloc(HEADERS_BYTES);
    free(s->ufrag);
    s->ufrag = s->next_ufrag;
    s->next_ufrag = NULL;
    id_chars(s->etag, sizeof(s->etag), &whip->config.random);
    snprintf(headers, HEADERS_BYTES, "ETag: \"%s\"\r\n", s->etag);
    whip_take(whip, (struct whip_out){.type = WHIP_ANSWER,
                                      .id = s->restart,
                                      .status = HTTP_OK,
                                      .content_type = WHIP_TYPE_FRAGMENT,
                                      .headers = headers,
                                      .body = {(uint8_t *)fragment, strlen(fragment)}});
    settle(whip, s);
}
