/* SPDX-License-Identifier: Apache-2.0
 *
 * A random story: people come, go and change rooms, and meanwhile things of some class break, one
 * or two at a time. After each round everything is whole again, and must be well within
 * SCHEDULE_WELL_US; in the end everybody leaves, and nothing may be left. How many take part,
 * and how many rounds there are, follows from the seed.
 */
#ifndef TESTS_SIM_SCHEDULE_SCHEDULE_H
#define TESTS_SIM_SCHEDULE_SCHEDULE_H

#include "tests/sim/faults/faults.h"

#define SCHEDULE_ROUNDS   3 /* at most */
#define SCHEDULE_WELL_US  TIME_S(30)
#define SCHEDULE_EMPTY_US TIME_S(90)

struct schedule_class {
    const char *name;
    unsigned kinds; /* of what breaks, FAULT() of each */
    unsigned also;  /* in each round one of these, instead of another one */
    size_t faults;  /* at a time, at most */
    bool tight;     /* nodes carry a fraction of what would come: some are refused */
    bool brim;      /* and people are let in up to the brim: nodes refuse who flees to them */
    bool operated;  /* an operator is at work, in every story and not in some */
    bool data;      /* people say reliable messages, too */
    bool video;     /* and have cameras */
};

/* NULL: there is none of that name. */
const struct schedule_class *schedule_class(const char *name);

/* Ends the program if something is wrong. Returns a digest of everything that was sent. */
uint64_t schedule_play(const struct schedule_class *class, uint64_t seed, bool aloud);

#endif
