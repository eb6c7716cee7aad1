/* SPDX-License-Identifier: Apache-2.0
 *
 * A whip core under virtual time, what HTTP asks of it, and a room that answers as it is told to.
 */
#ifndef TESTS_UNIT_ORCHESTRATOR_WHIP_WORLD_H
#define TESTS_UNIT_ORCHESTRATOR_WHIP_WORLD_H

#include "orchestrator/core/whip/private.h"

#define WORLD_WALL_S 1600000000

struct world {
    struct whip *whip;
    struct prng prng;
    int64_t now_us;
    char *authorization;
    char *offer;
    struct whip_out out; /* the last one polled */
};

extern const struct token_video world_plain; /* may join "hall" */

void world_setup(struct world *w);
void world_teardown(struct world *w);
/* An Authorization header, to be freed with free(). */
char *world_bearer(const char *identity, const struct token_video *video, int64_t ttl_s);

/* The next output, which is of that type. */
const struct whip_out *world_next(struct world *w, enum whip_out_type type);
void world_nothing(struct world *w);
/* The next output, which is a signal; to be freed as unpacked. */
const Livekit__SignalRequest *world_next_signal(struct world *w, ProtobufCMessage **unpacked);
void world_next_signal_is(struct world *w, Livekit__SignalRequest__MessageCase what);

/* With the world's authorization and offer. */
struct whip_request world_request(const struct world *w, const char *verb, const char *path);
void world_ask(struct world *w, uint64_t id, const struct whip_request *request);
/* The status it is refused with, or answered at once. */
int world_refusal(struct world *w, const struct whip_request *request);

/* What the room says. */
void world_says(struct world *w, uint64_t conn, const Livekit__SignalResponse *response);
void world_says_join(struct world *w, uint64_t conn, Livekit__ParticipantInfo **others,
                     size_t count);
void world_says_description(struct world *w, uint64_t conn,
                            const Livekit__SessionDescription *answer);
void world_says_answer(struct world *w, uint64_t conn, bool carries);
void world_says_leave(struct world *w, uint64_t conn, Livekit__DisconnectReason reason);

/* Opens connection 1; of its session. */
void world_publish(struct world *w, char sid[WHIP_SID_MAX], char etag[WHIP_ETAG_MAX]);

#endif
