/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/bench/load/account.h"

void account_init(struct account *account, int64_t now_us)
{
    *account = (struct account){.last_us = now_us};
}

static bool is_seen(const struct account *account, uint32_t counter)
{
    return account->seen[counter % ACCOUNT_WINDOW / 64] >> counter % 64 & 1;
}

static void set_seen(struct account *account, uint32_t counter, bool seen)
{
    uint64_t bit = UINT64_C(1) << counter % 64;
    uint64_t *word = &account->seen[counter % ACCOUNT_WINDOW / 64];
    *word = seen ? *word | bit : *word & ~bit;
}

static void advance(struct account *account, uint32_t counter)
{
    if (account->received == 0) {
        account->oldest = counter;
    } else if (counter - account->newest >= ACCOUNT_WINDOW) {
        memset(account->seen, 0, sizeof(account->seen));
    } else {
        for (uint32_t i = account->newest + 1; i != counter; i++) {
            set_seen(account, i, false);
        }
    }
    account->newest = counter;
    set_seen(account, counter, true);
}

static void note_arrival(struct account *account, int64_t arrival_us)
{
    account->gap_us_max = MAX(account->gap_us_max, arrival_us - account->last_us);
    account->last_us = MAX(account->last_us, arrival_us);
    account->received++;
}

bool account_has(const struct account *account, uint32_t counter)
{
    return account->received > 0 && counter <= account->newest &&
           account->newest - counter < ACCOUNT_WINDOW && is_seen(account, counter);
}

void account_add(struct account *account, uint32_t counter, int64_t arrival_us)
{
    bool newer = account->received == 0 || counter > account->newest;
    if (newer) {
        advance(account, counter);
    } else if (account->newest - counter >= ACCOUNT_WINDOW) {
        account->stale++;
        return;
    } else if (is_seen(account, counter)) {
        account->duplicated++;
        return;
    } else {
        set_seen(account, counter, true);
        account->oldest = MIN(account->oldest, counter);
        account->reordered++;
    }
    note_arrival(account, arrival_us);
}

void account_end(struct account *account, int64_t now_us)
{
    account->gap_us_max = MAX(account->gap_us_max, now_us - account->last_us);
}
