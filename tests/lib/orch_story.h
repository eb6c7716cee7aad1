/* SPDX-License-Identifier: Apache-2.0
 *
 * Private to orch_world.c.
 */
#ifndef TESTS_LIB_ORCH_STORY_H
#define TESTS_LIB_ORCH_STORY_H

#include "tests/lib/orch_world.h"

/* Carries an effect out, as far as there is somebody to receive it, and writes it down. */
void story_tell(struct world *world, const struct effect *effect);

#endif
