/* SPDX-License-Identifier: Apache-2.0
 *
 * Wishes as text, so that a golden case is three files: offer, wishes, answer. One line per m-line:
 *
 *   reject | inactive | data
 *   receive [codec] [only] [no-red] [no-dtx] [stereo] [max=<bit/s>]
 *   send <stream> <track> [codec] [no-red] [stereo]
 *
 * Missing lines mean what a server does at first: `data` for application, `inactive` for the rest.
 */
#ifndef TESTS_UNIT_ORCHESTRATOR_SDP_WISH_H
#define TESTS_UNIT_ORCHESTRATOR_SDP_WISH_H

#include "orchestrator/core/sdp/sdp.h"

/* The answer to an offer by these wishes (text is cut up in place), from a fixed transport. NULL
 * with a reason where the offer is refused. Free it with free(). */
char *wish_answer(const char *offer, size_t len, char *text, char reason[SDP_REASON_MAX]);

/* A file whole, NUL-terminated; aborts when it cannot be read. Free it with free(). */
char *wish_file(const char *path, size_t *len);

#endif
