/* SPDX-License-Identifier: Apache-2.0
 *
 * A session as session.proto writes it down for the room's next owner, and back. What one offer and
 * its answer need between them (wishes, sections) is not in it: there is none under way.
 */
#ifndef ORCHESTRATOR_CORE_SESSION_RECORD_H
#define ORCHESTRATOR_CORE_SESSION_RECORD_H

#include "orchestrator/core/session/session.h"
#include "proto/gen/session.pb-c.h"

/* Lives in the arena, and borrows the session's strings. */
Spillway__Session__Connection *session_record(const struct session *session, struct arena *arena);
Spillway__Session__Codec *session_record_codec(const struct sdp_answer_codec *codec,
                                               struct arena *arena);

/* Initialises the session with copies. What is longer than a session holds is cut: it was sealed by
 * one of us, so nothing is. */
void session_restore(struct session *session, const Spillway__Session__Connection *record);
void session_restore_codec(struct sdp_answer_codec *out, const Spillway__Session__Codec *record);

#endif
