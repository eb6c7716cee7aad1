/* SPDX-License-Identifier: Apache-2.0
 *
 * What must never happen, looked at all the time:
 *
 *   - two packets with different bytes under one SRTP nonce (key, SSRC, index), whoever sends them;
 *   - a node that goes on with another one's SSRC elsewhere than where that one stopped;
 *   - two orchestrators that send specs of one room with the same epoch;
 *   - somebody who has to start over though neither his front nor his room's owner was disturbed,
 *     and there was always a node, or to resume where nothing breaks, whatever an operator does;
 *   - where orchestrators are told to stop and nothing else happens, somebody who starts over, or
 *     resumes twice for one of them, and one that ends while it is somebody's front;
 *   - a node that says it carries more than its capacity, or refuses a spec as invalid;
 *   - a reliable message that somebody lacks who has later ones of the same session, but for what
 *     was lost with a front (messages.c);
 *   - more messages than what happened since all was quiet allows for (traffic.h);
 *
 * and what must be so once nothing is broken any more, for whoever asks: a room has one owner,
 * everybody in it hears, sees and has listed exactly the others, and has their messages; and when
 * all have left, nothing is left.
 *
 * A breach ends the program, with the seed and the timeline.
 */
#ifndef TESTS_SIM_CHECK_CHECK_H
#define TESTS_SIM_CHECK_CHECK_H

#include "common/base/base.h"
#include "common/net/net.h"
#include "tests/sim/check/nonces.h"
#include "tests/sim/check/traffic.h"

#define CHECK_HEARD_US   TIME_S(1) /* everybody talks five times in it */
#define CHECK_SEEN_US    TIME_S(2) /* and a key frame that is asked for comes */
#define CHECK_AHEAD      64        /* numbers, when one node goes on with another one's stream */
#define CHECK_LATE_US    TIME_S(1) /* for a node that was away to hear what it has to do now */
#define CHECK_KEPT_US    TIME_S(5)
#define CHECK_SETTLES_US TIME_S(5) /* one that was away gives rooms up that others took */

struct client;
struct data_heard;
struct sim;
struct node_process;
struct orchestrator;

struct check {
    struct nonces nonces;
    struct traffic traffic;
    struct reign *reigns;
    struct holding *holdings;
    struct keying *keyings;
    struct keyed *keyed;
    uint64_t digest; /* of all that was looked at, in order */
};

void check_fini(struct check *check);

/* Every packet that a node sends, and every control message. */
void check_client_packet(struct sim *sim, const struct node_process *from,
                         const struct net_addr *to, struct bytes data);
void check_trunk_packet(struct sim *sim, const struct node_process *from,
                        const struct node_process *to, struct bytes data);
void check_node_message(struct sim *sim, struct node_process *from, struct bytes message);
/* An OrchestratorMessage with a spec, as it is sent. */
void check_spec(struct sim *sim, const struct orchestrator *from, struct bytes message);

/* Who sent the specs of that room's newest epoch, as a bit. */
uint32_t check_owner(const struct sim *sim, const char *room);

/* A client that was in a room has to start over: only if its front or its room's owner was
 * disturbed in this round, or at the end of the one before. */
void check_session_lost(struct sim *sim, const struct client *client);
/* A client has to resume: only if something may break at all, and once for each orchestrator that
 * is told to stop, if nothing else does. */
void check_session_broken(struct sim *sim, struct client *client, const char *why);
/* Its process ends, as it was told to: with nobody left there. Where other things break, too, who
 * is may have to start over; and so may people of its rooms, if the store hangs within
 * CHECK_KEPT_US before or after it: a claim that it carries out when it wakes takes a room from its
 * owner. */
void check_stopped(struct sim *sim, struct orchestrator *orchestrator);
/* Something happens to these orchestrators, by bit. */
void check_disturbed(struct sim *sim, uint32_t who);
/* The store hangs. */
void check_struck(struct sim *sim);
void check_round_over(struct sim *sim);

/* A reliable message of that session came, and before that one the other. The SDK has dropped what
 * came twice, or behind its time, so that whatever went wrong is a hole. */
void check_message(struct sim *sim, const struct client *to, const struct data_heard *heard,
                   const struct data_heard *before);
/* That client's front is lost: since when what it was given may be lost with it, half a second
 * before something happened to it or to the room's owner; TIME_NEVER: it was told to stop, and
 * nothing is. What it had not acknowledged may be lost as well, unless it is TIME_NEVER. */
int64_t check_front_lost(const struct sim *sim, const struct client *client);

/* The first thing that is not as it should be; "" if there is none. */
#define CHECK_TEXT_MAX 200
void check_meetings(const struct sim *sim, char out[CHECK_TEXT_MAX]);
/* Part of it: of one of those who meet. */
void check_messages(const struct sim *sim, const struct client *to, const struct client *from,
                    char out[CHECK_TEXT_MAX]);
/* Every orchestrator has all others and all nodes: the next one may be told to stop. */
void check_acquainted(const struct sim *sim, char out[CHECK_TEXT_MAX]);
void check_empty(const struct sim *sim, char out[CHECK_TEXT_MAX]);

_Noreturn void check_fail(struct sim *sim, const char *format, ...) PRINTF_LIKE(2, 3);

#endif
