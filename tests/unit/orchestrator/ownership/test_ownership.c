/* SPDX-License-Identifier: Apache-2.0
 *
 * Who is asked for a room first, and who is known to own it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "orchestrator/core/ownership/ownership.h"

#define ROOMS 3000

/* The same cluster as one of its members sees it: itself is number 0. */
static struct ownership *view(size_t self, size_t count, const char *const regions[])
{
    char id[ID_MAX];
    snprintf(id, sizeof(id), "OR_%zu", self);
    struct ownership *o = ownership_new(id, regions[self]);
    ownership_member_claims(o, OWNERSHIP_SELF, true);
    for (size_t i = 0, member = 1; i < count; i++) {
        if (i != self) {
            snprintf(id, sizeof(id), "OR_%zu", i);
            ownership_member(o, member, id, regions[i]);
            ownership_member_claims(o, member++, true);
        }
    }
    return o;
}

/* The member's number in the cluster, from a member's number in the view of `self`. */
static size_t global(size_t self, size_t member)
{
    return member == OWNERSHIP_SELF ? self : member <= self ? member - 1 : member;
}

static size_t preferred(const struct ownership *o, size_t self, const char *room,
                        enum ownership_scope scope)
{
    return global(self, ownership_preferred(o, room, scope));
}

/* Goal: all members name the same owner, each gets its share, and a member that goes changes only
 * the rooms that were its own. */
static void rendezvous(void **state)
{
    (void)state;
    static const char *const regions[] = {"", "", "", ""};
    struct ownership *views[4];
    size_t share[4] = {0}, changed = 0;
    size_t owner[ROOMS];
    char room[32];
    for (size_t i = 0; i < 4; i++) {
        views[i] = view(i, 4, regions);
    }
    for (size_t r = 0; r < ROOMS; r++) {
        snprintf(room, sizeof(room), "room-%zu", r);
        owner[r] = preferred(views[0], 0, room, OWNERSHIP_REGION);
        share[owner[r]]++;
        for (size_t i = 1; i < 4; i++) {
            assert_int_equal(preferred(views[i], i, room, OWNERSHIP_REGION), owner[r]);
        }
    }
    for (size_t i = 0; i < 4; i++) { /* 750 +- 5 standard deviations of 24 */
        assert_in_range(share[i], 630, 870);
    }
    ownership_member_gone(views[0], 3);
    for (size_t r = 0; r < ROOMS; r++) {
        snprintf(room, sizeof(room), "room-%zu", r);
        size_t now = preferred(views[0], 0, room, OWNERSHIP_REGION);
        changed += now != owner[r];
        assert_true(now == owner[r] || owner[r] == 3);
    }
    assert_int_equal(changed, share[3]);
    for (size_t i = 0; i < 4; i++) {
        ownership_free(views[i]);
    }
}

/* Goal: after one that was told to stop all name the same next owner, in its region if somebody is
 * there, also while they do not know alike who can claim. */
static void heirs(void **state)
{
    (void)state;
    static const char *const regions[] = {"r1", "r1", "r1", "r2", "r2"};
    struct ownership *views[5];
    char room[32];
    for (size_t i = 0; i < 5; i++) {
        views[i] = view(i, 5, regions);
        ownership_member_leaves(views[i], i == 0 ? OWNERSHIP_SELF : 1);
        ownership_member_claims(views[i], i, i % 2 == 0); /* whoever that is */
    }
    for (size_t r = 0; r < 100; r++) {
        snprintf(room, sizeof(room), "room-%zu", r);
        size_t heir = global(0, ownership_heir(views[0], room, "r1"));
        assert_in_range(heir, 1, 2);
        for (size_t i = 1; i < 5; i++) {
            assert_int_equal(global(i, ownership_heir(views[i], room, "r1")), heir);
        }
        assert_in_range(global(0, ownership_heir(views[0], room, "r2")), 3, 4);
        assert_in_range(global(0, ownership_heir(views[0], room, "r3")), 1, 4);
    }
    for (size_t i = 0; i < 5; i++) {
        ownership_free(views[i]);
    }
}

/* Goal: the region of who asks comes first, as far as somebody there can claim; without a store all
 * regions name the same one. */
static void regions_first(void **state)
{
    (void)state;
    static const char *const regions[] = {"r1", "r1", "r2"};
    struct ownership *a = view(0, 3, regions), *c = view(2, 3, regions);
    char room[32];
    for (size_t r = 0; r < 100; r++) {
        snprintf(room, sizeof(room), "room-%zu", r);
        assert_int_not_equal(preferred(a, 0, room, OWNERSHIP_REGION), 2);
        assert_int_equal(preferred(c, 2, room, OWNERSHIP_REGION), 2);
        assert_int_equal(preferred(a, 0, room, OWNERSHIP_ANYWHERE),
                         preferred(c, 2, room, OWNERSHIP_ANYWHERE));
    }
    ownership_member_claims(c, OWNERSHIP_SELF, false);
    assert_int_not_equal(preferred(c, 2, "room", OWNERSHIP_REGION), 2);
    ownership_free(a);
    ownership_free(c);
}

/* Goal: the higher epoch owns the room, whatever comes late, and an owner that is gone owns
 * nothing. */
static void epochs(void **state)
{
    (void)state;
    static const char *const regions[] = {"", "", ""};
    struct ownership *o = view(0, 3, regions);
    uint64_t epoch = 0;
    assert_int_equal(ownership_owner(o, "room", &epoch), OWNERSHIP_NOBODY);
    assert_int_equal(ownership_take(o, OWNERSHIP_SELF, "room", 5), OWNERSHIP_NOTED);
    assert_int_equal(ownership_take(o, 1, "room", 4), OWNERSHIP_STALE);
    assert_int_equal(ownership_owner(o, "room", &epoch), OWNERSHIP_SELF);
    assert_int_equal(ownership_take(o, 1, "room", 6), OWNERSHIP_LOST);
    assert_int_equal(ownership_owner(o, "room", &epoch), 1);
    assert_int_equal(epoch, 6);
    ownership_release(o, 1, "room", 5); /* late */
    ownership_release(o, 2, "room", 6); /* not its own */
    assert_int_equal(ownership_owner(o, "room", &epoch), 1);
    ownership_take(o, 1, "other", 1);
    assert_int_equal(ownership_count(o, 1), 2);
    ownership_member_gone(o, 1);
    assert_int_equal(ownership_owner(o, "room", &epoch), OWNERSHIP_NOBODY);
    assert_int_equal(ownership_count(o, 1), 0);

    /* Of two clocks that agree the greater id wins, whoever hears it. */
    assert_int_equal(ownership_take(o, OWNERSHIP_SELF, "same", 7), OWNERSHIP_NOTED);
    assert_int_equal(ownership_take(o, 2, "same", 7), OWNERSHIP_LOST);
    assert_int_equal(ownership_take(o, OWNERSHIP_SELF, "same", 7), OWNERSHIP_STALE);
    ownership_free(o);
}

/* Goal: a member's rooms are walked in the order they were taken. */
static void walk(void **state)
{
    (void)state;
    static const char *const regions[] = {"", ""};
    struct ownership *o = view(0, 2, regions);
    ownership_take(o, OWNERSHIP_SELF, "a", 1);
    ownership_take(o, 1, "x", 1);
    ownership_take(o, OWNERSHIP_SELF, "b", 2);
    ownership_take(o, OWNERSHIP_SELF, "a", 3); /* again */
    const struct ownership_room *room = ownership_next(o, OWNERSHIP_SELF, NULL);
    assert_string_equal(room->name, "b");
    room = ownership_next(o, OWNERSHIP_SELF, room);
    assert_string_equal(room->name, "a");
    assert_int_equal(room->epoch, 3);
    assert_null(ownership_next(o, OWNERSHIP_SELF, room));
    ownership_free(o);
}

/* Goal: a new epoch is higher than any heard of, whatever became of that room or its owner. */
static void next_epoch(void **state)
{
    (void)state;
    static const char *const regions[] = {"", ""};
    struct ownership *o = view(0, 2, regions);
    assert_int_equal(ownership_next_epoch(o, 5), 5);
    ownership_take(o, 1, "a", 8);
    ownership_release(o, 1, "a", 8);
    ownership_member_gone(o, 1);
    assert_int_equal(ownership_next_epoch(o, 5), 9);
    assert_int_equal(ownership_next_epoch(o, 10), 10);
    ownership_heard_of(o, 11);
    ownership_heard_of(o, 7);
    ownership_heard_of(o, UINT64_MAX);
    assert_int_equal(ownership_next_epoch(o, 10), 12);
    ownership_free(o);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(rendezvous),    cmocka_unit_test(heirs),
                                       cmocka_unit_test(regions_first), cmocka_unit_test(epochs),
                                       cmocka_unit_test(next_epoch),    cmocka_unit_test(walk)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
