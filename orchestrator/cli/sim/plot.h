/* SPDX-License-Identifier: Apache-2.0
 *
 * A run as a picture: people without a node and without video, the fullest node and the mean, over
 * time, with what happened. SVG 1.1, without scripts or references.
 */
#ifndef ORCHESTRATOR_CLI_SIM_PLOT_H
#define ORCHESTRATOR_CLI_SIM_PLOT_H

#include "orchestrator/cli/sim/sim.h"

/* Whether all of it could be written is for the caller to ask (ferror). */
void plot_write(FILE *out, const struct sim_result *result);

#endif
