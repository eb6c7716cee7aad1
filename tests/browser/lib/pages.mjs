// SPDX-License-Identifier: Apache-2.0
//
// What holds for every page that an orchestrator serves: it speaks to its own origin alone, breaks no
// rule of axe-core, and throws nothing.
import assert from 'node:assert/strict';
import axe from 'axe-core';

/** By axe-core's own choice of rules: WCAG's, A and AA, and what it calls best practice. */
export async function isAccessible(page) {
  await page.evaluate(axe.source);
  const { violations } = await page.evaluate(() => axe.run());
  assert.deepEqual(violations.map(({ id, nodes }) => [id, nodes.map(({ html }) => html)]), []);
}

/** Adds to `strangers` each request to another host, what the page's policy stopped, and what it threw. */
export function watch(page, host, strangers) {
  const check = (address) => {
    const url = new URL(address);
    if (!['blob:', 'data:'].includes(url.protocol) && url.host !== host) {
      strangers.push(address);
    }
  };
  page.on('request', (request) => check(request.url()));
  page.on('websocket', (socket) => check(socket.url()));
  page.on('console', (message) => {
    if (/Content Security Policy/.test(message.text())) {
      strangers.push(message.text());
    }
  });
  page.on('pageerror', (error) => strangers.push(`error: ${error.message}`));
}
