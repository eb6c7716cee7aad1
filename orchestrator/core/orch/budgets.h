/* SPDX-License-Identifier: Apache-2.0
 *
 * How much an orchestrator does at a time when it moves people, and what it reserves for them. No
 * settings: each is slower than reports show what was done, or longer than that takes.
 */
#ifndef ORCHESTRATOR_CORE_ORCH_BUDGETS_H
#define ORCHESTRATOR_CORE_ORCH_BUDGETS_H

#include "common/base/base.h"

/* Of registry/ and placement/ (place.c). */
#define BUDGETS_RESERVATION_US TIME_S(10)
#define BUDGETS_EXPECTATION_US TIME_S(600) /* of a room whose size was told beforehand, to fill */
#define BUDGETS_FORGET_US      TIME_S(600)
#define BUDGETS_JOIN_WEIGHT    4 /* reserved for somebody who joins: two tracks each way */

/* Of drains (drain.c): of each node by each orchestrator. */
#define BUDGETS_DRAIN_PER_S   50 /* people, on average */
#define BUDGETS_DRAIN_AT_ONCE 50

/* Of audio before video (shortage.c): of each orchestrator. */
#define BUDGETS_SHORT_STEP_US TIME_S(1)
#define BUDGETS_SHORT_PEOPLE  50 /* a step; who get their video again, or give it up */
#define BUDGETS_SHORT_ROOMS   50 /* a step, that found no place: the others do not ask then */

/* A room whose people did not arrive is tried again: more than ROOM_ARRIVAL_TIMEOUT_US. */
#define BUDGETS_AGAIN_US TIME_S(3)

#endif
