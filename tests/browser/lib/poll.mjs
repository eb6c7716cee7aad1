// SPDX-License-Identifier: Apache-2.0
//
// Waiting for something to become true, with a deadline.
import { setTimeout as sleep } from 'node:timers/promises';

const EVERY_MS = 50;

/**
 * Calls `check` until it returns something true, and returns that. What it throws ends the waiting.
 * `explain`, called after the deadline, adds to the error's text.
 */
export async function poll(what, timeoutMs, check, explain = async () => '') {
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    const value = await check();
    if (value) {
      return value;
    }
    if (Date.now() > deadline) {
      throw new Error(`not within ${timeoutMs} ms: ${what}${await explain()}`);
    }
    await sleep(EVERY_MS);
  }
}
