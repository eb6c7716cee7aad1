/* SPDX-License-Identifier: Apache-2.0
 *
 * What is going to happen, in order of virtual time; of two at the same instant the one that was
 * asked for first. Nothing is ever taken back: whoever is called looks whether it still matters.
 */
#ifndef TESTS_SIM_EVENTS_EVENTS_H
#define TESTS_SIM_EVENTS_EVENTS_H

#include "common/base/base.h"

struct events;

struct events *events_new(int64_t start_us);
void events_free(struct events *events);

int64_t events_now(const struct events *events);

/* detail: taken over, and freed after the call; may be NULL. */
typedef void events_fn(void *arg, void *detail);
void events_at(struct events *events, int64_t at_us, events_fn *fn, void *arg, void *take_detail);

/* Everything up to and including that time. */
void events_run(struct events *events, int64_t until_us);

#endif
