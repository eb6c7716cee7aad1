/* SPDX-License-Identifier: Apache-2.0
 *
 * Finds nodes that live, by all they say of themselves, and that clients do not reach: gray ones.
 * Only who uses a node sees that ("differential observability": Huang et al., Gray Failure: The
 * Achilles' Heel of Cloud-Scale Systems, HotOS 2017), so it is judged by what became of its
 * clients in the last GRAY_WINDOW_US, as an owner learns it:
 *
 *   unreached   of those who tried to reach it (a join, a move, an ICE restart), who did not in
 *               their time
 *   losing      of those who are on it, whose media it lost, who asked to restart their ICE for it,
 *               while their signalling went on, or whom it did not hear, and another node did
 *
 * A node is gray when, for one of the two,
 *
 *   - at least GRAY_CLIENTS_MIN of its clients failed, and GRAY_SHARE_PERMILLE of all of them
 *     (Jicofo's detector takes 10 % of at least 30 who ask for a restart in 2 minutes, and compares
 *     with nothing; a share this high with so few needs the next rule, too);
 *   - that is all but impossible for a node at which clients fail as often as at the others: with k
 *     of n failed here and a rate p elsewhere, n KL(k/n || p) > ln(GRAY_ODDS nodes), Chernoff's
 *     bound on the tail, for the chance of a false verdict in the whole fleet. Trouble everywhere
 *     raises p, so it is blamed on no node. p is estimated as if GRAY_PRIOR more clients had been
 *     seen and one of them failed, and nothing is judged while nobody is well elsewhere.
 *
 * Clients of one network (an office, a carrier's gateway) fail together, and count as one, unless
 * somebody of that network reached another node meanwhile: then it is not the network.
 *
 * A gray node is condemned: the caller takes it out of service. It is tried again after
 * GRAY_REST_US, by clients that lose nothing if they do not reach it (a planned move). The third
 * of them in a row who did makes it trusted; one who did not begins the rest anew, twice as long up
 * to GRAY_REST_MAX_US. Where there is nobody to try it with for GRAY_IDLE_US it is trusted again.
 *
 * Bounds: GRAY_SAMPLES_MAX clients a node, and GRAY_FLED_MAX who are to go elsewhere; the oldest
 * are forgotten.
 */
#ifndef ORCHESTRATOR_CORE_GRAY_GRAY_H
#define ORCHESTRATOR_CORE_GRAY_GRAY_H

#include "common/base/base.h"

#define GRAY_ID_MAX         64 /* bytes of a node's id, NUL included */
#define GRAY_WINDOW_US      TIME_S(120)
#define GRAY_CLIENTS_MIN    4
#define GRAY_SHARE_PERMILLE 250
#define GRAY_ODDS           10000 /* a false verdict in so many windows, at most */
#define GRAY_PRIOR          20
#define GRAY_REST_US        TIME_S(60)
#define GRAY_REST_MAX_US    TIME_S(600)
#define GRAY_FORGIVE_US     TIME_S(3600) /* condemned again within it: rests longer than before */
#define GRAY_IDLE_US        TIME_S(600)
#define GRAY_PROBE_US       TIME_S(3) /* between two that try it */
#define GRAY_PROBES         3
#define GRAY_SAMPLES_MAX    1024
#define GRAY_FLED_MAX       4096

struct gray;

enum gray_how {
    GRAY_REACHED,
    GRAY_MISSED, /* did not reach it in its time */
    GRAY_LOST,   /* was there, and its media are not any more */
};

enum gray_verdict { GRAY_FINE, GRAY_UNREACHED, GRAY_LOSING };

struct gray_outcome {
    const char *node;
    uint64_t client;  /* hash of who it is, over reconnects */
    uint64_t network; /* hash of the network that it is in */
    enum gray_how how;
};

struct gray_facts {
    uint32_t nodes;     /* that live */
    uint32_t here;      /* clients on the node, of those whose outcomes are told here */
    uint32_t elsewhere; /* and on all others */
};

struct gray *gray_new(void);
void gray_free(struct gray *gray);

void gray_outcome(struct gray *gray, int64_t now_us, const struct gray_outcome *outcome);

/* Forgets who failed before the window; whether anybody failed within it. Call now and then. */
bool gray_expire(struct gray *gray, int64_t now_us);

/* Whether so many failed there that it is worth to gather the facts. */
bool gray_suspects(const struct gray *gray, int64_t now_us, const char *node);
enum gray_verdict gray_judge(const struct gray *gray, int64_t now_us, const char *node,
                             const struct gray_facts *facts);

/* The node at which that client failed last, within the window; NULL: none. */
const char *gray_failed_at(const struct gray *gray, int64_t now_us, uint64_t client);

/* The node is out of service for being gray, by whosever verdict. Again, for one that is: another
 * one's probe failed, so the rest begins anew. */
void gray_condemn(struct gray *gray, int64_t now_us, const char *node);
/* Somebody is to try it now; the next one GRAY_PROBE_US later. */
bool gray_probe_due(struct gray *gray, int64_t now_us, const char *node);
/* Whether it proved itself, or had nobody to do so with. */
bool gray_trusted(const struct gray *gray, int64_t now_us, const char *node);
/* A probe failed since this was asked last: others are to know. */
bool gray_relapsed(struct gray *gray, const char *node);
/* In service again, or an operator's business: what was seen so far counts no more. */
void gray_forgive(struct gray *gray, int64_t now_us, const char *node);
void gray_forget(struct gray *gray, const char *node); /* it is gone */

/* One stable word each, for logs. */
const char *gray_verdict_name(enum gray_verdict verdict);

#endif
