/* SPDX-License-Identifier: Apache-2.0
 *
 * Which orchestrator owns which room, as far as this one knows: its own rooms, and what the others
 * said of theirs. Pure: no time, no messages.
 *
 * A room nobody is known to own has a preferred owner, the highest random weight of (room, member)
 * over the live members (rendezvous hashing, Thaler and Ravishankar 1998): everybody who knows the
 * same members names the same one, and a member that comes or goes changes only its own share.
 * Preference is where to ask first. Ownership is what the store's claim says (store.h): it gives
 * each owner of a room a higher epoch than the one before, so of two who believe they own it, the
 * one with the lower epoch is wrong.
 */
#ifndef ORCHESTRATOR_CORE_OWNERSHIP_OWNERSHIP_H
#define ORCHESTRATOR_CORE_OWNERSHIP_OWNERSHIP_H

#include "common/base/base.h"

#define OWNERSHIP_SELF        0 /* members are numbered: this orchestrator, then its peers */
#define OWNERSHIP_MEMBERS_MAX 9
#define OWNERSHIP_NOBODY      OWNERSHIP_MEMBERS_MAX

struct ownership;

/* The name weights are made of is a member's id. Strings are copied. */
struct ownership *ownership_new(const char *id, const char *region);
void ownership_free(struct ownership *ownership);

/* ---- Members ------------------------------------------------------------------------------- */

/* claims: its store can be reached, so it can own a room for sure. Known already: updated. */
void ownership_member(struct ownership *ownership, size_t member, const char *id,
                      const char *region);
void ownership_member_claims(struct ownership *ownership, size_t member, bool claims);
/* Cut off: its rooms are its own, and it is nobody's preferred owner. */
void ownership_member_away(struct ownership *ownership, size_t member, bool away);
/* It is about to stop: nobody's preferred owner as long as there is another. Until it is gone. */
void ownership_member_leaves(struct ownership *ownership, size_t member);
/* It is no more, and nobody owns its rooms. Harmless for one that is unknown. */
void ownership_member_gone(struct ownership *ownership, size_t member);
/* The live member with this id, or NOBODY. */
size_t ownership_member_of(const struct ownership *ownership, const char *id);

enum ownership_scope {
    OWNERSHIP_REGION,  /* who can claim, of our own region; if there is none, of all */
    OWNERSHIP_ANYWHERE /* the store is away: all, so that every region names the same one */
};
size_t ownership_preferred(const struct ownership *ownership, const char *room,
                           enum ownership_scope scope);

/* Who is to own a room next whose owner, of that region, was told to stop: preferred of those of
 * its region that stay, or else of all, whether they can claim just now or not. So everybody names
 * the same one. */
size_t ownership_heir(const struct ownership *ownership, const char *room, const char *region);

/* ---- Rooms --------------------------------------------------------------------------------- */

/* The member that owns the room, or NOBODY. */
size_t ownership_owner(const struct ownership *ownership, const char *room, uint64_t *epoch);

enum ownership_verdict {
    OWNERSHIP_NOTED,
    OWNERSHIP_STALE, /* a higher epoch is known: nothing changed */
    OWNERSHIP_LOST,  /* noted, and it was ours: whoever is in it goes over to the new owner */
};
/* A member owns the room since this epoch; SELF: we claimed it. Equal epochs come of a clock and
 * not of the store: the greater id wins. */
enum ownership_verdict ownership_take(struct ownership *ownership, size_t member, const char *room,
                                      uint64_t epoch);
/* It does not any more. Said of another owner or epoch than the known one: nothing changes. */
void ownership_release(struct ownership *ownership, size_t member, const char *room,
                       uint64_t epoch);

/* An epoch for a room whose store may have forgotten the last one: at least this clock, and higher
 * than any that was heard of here. */
uint64_t ownership_next_epoch(const struct ownership *ownership, uint64_t wall_us);
/* An epoch somebody has under which a room was decided, whoever that was. One of 2^53 or more makes
 * no sense, and is not heeded. */
void ownership_heard_of(struct ownership *ownership, uint64_t epoch);

/* Walks a member's rooms in the order they were taken: NULL, then what it returned; NULL at the
 * end. No room may change in between. */
struct ownership_room {
    const char *name;
    uint64_t epoch;
};
const struct ownership_room *ownership_next(const struct ownership *ownership, size_t member,
                                            const struct ownership_room *last);
size_t ownership_count(const struct ownership *ownership, size_t member);

#endif
