// SPDX-License-Identifier: Apache-2.0
//
// Goal: the status page states how each region is, to everybody: without JavaScript, on a phone, in
// the dark, to a screen reader; says when what it shows is old; and asks nobody but its own origin.
import assert from 'node:assert/strict';
import { after, afterEach, test } from 'node:test';
import { openChromium } from './lib/browsers.mjs';
import { isAccessible } from './lib/pages.mjs';
import { StatusFolder } from './lib/status_folder.mjs';

const NOW = new Date('2026-11-29T12:00:00Z');
const folder = await StatusFolder.open();
const browser = await openChromium();
after(async () => {
  await browser.close();
  folder.close();
});

let strangers = []; // requests to other origins, and what the page's policy stopped
let tabs = [];
afterEach(async () => {
  await Promise.all(tabs.splice(0).map((tab) => tab.close()));
  assert.deepEqual(strangers.splice(0), []);
});

/** The page as it is so long after its last round, by the reader's clock. */
async function visit({ story = 'mixed', seconds = 5, ...options } = {}) {
  folder.publish(story, new Date(NOW - seconds * 1000));
  const tab = await browser.open('about:blank', { timezoneId: 'UTC', ...options });
  tabs.push(tab);
  const { page } = tab;
  page.on('request', (request) => {
    if (!request.url().startsWith(`${folder.origin}/`) && !request.url().startsWith('data:')) {
      strangers.push(request.url());
    }
  });
  page.on('console', (message) => strangers.push(message.text()));
  page.on('pageerror', (error) => strangers.push(`error: ${error.message}`));
  if (options.javaScriptEnabled !== false) {
    await page.clock.install({ time: NOW });
  }
  await page.goto(folder.url);
  return page;
}

const states = (page) => page.getByRole('heading', { level: 3 }).locator('.state').allTextContents();

for (const javaScriptEnabled of [true, false]) {
  test(`the three states, ${javaScriptEnabled ? 'with' : 'without'} JavaScript`, async () => {
    const page = await visit({ javaScriptEnabled });
    assert.deepEqual(await states(page), ['Operational', 'Degraded', 'Down']);
    await page.getByRole('heading', { name: 'Asia Pacific is down', exact: true, level: 2 }).waitFor();
    await page.getByText('Calls are carried by another region. Since ').waitFor();
    await page.getByText(/Joining takes \d\.\d s, more than 3\.0 s\. Since /).waitFor();
    assert.equal(await page.getByRole('img', { name: /The last 90 days/ }).count(), 3);
    assert.equal(await page.getByText(/^\d+(\.\d+)? % uptime$/).count(), 3);
    assert.equal(await page.getByText(/goes on/).count(), 2);
    assert.equal(await page.getByRole('alert').isVisible(), false);
    assert.equal(await page.locator('noscript p').isVisible(), !javaScriptEnabled);
  });
}

test('times are those of the reader', async () => {
  const page = await visit({ seconds: 0, timezoneId: 'Asia/Tokyo', locale: 'en-GB' });
  await page.getByText('As of 29 Nov 2026, 21:00').waitFor();
});

test('it takes what comes, and says so when nothing comes', async () => {
  const page = await visit({ story: 'mixed', seconds: 30 });
  folder.publish('whole', NOW);
  await page.clock.runFor(31_000);
  await page.getByRole('heading', { name: 'All regions are operational' }).waitFor();
  assert.match(await page.title(), /All regions are operational/);
  assert.equal(await page.getByRole('alert').isVisible(), false);
  await page.clock.runFor(10 * 60_000);
  const alert = page.getByRole('alert');
  await alert.waitFor();
  assert.match(await alert.textContent(), /Nothing was reported since .*, 11 minutes ago/);
  folder.publish('whole', new Date(NOW.getTime() + 11 * 60_000));
  await page.clock.runFor(31_000);
  await alert.waitFor({ state: 'hidden' });
});

test('opened when its data are old, and when its server is away', async () => {
  const page = await visit({ story: 'whole', seconds: 7200 });
  const alert = page.getByRole('alert');
  await alert.waitFor();
  assert.match(await alert.textContent(), /2 hours ago: the probe\s+has stopped/);
  folder.publish('whole', NOW);
  await page.route('**', (route) => route.abort());
  await page.clock.runFor(3600_000);
  await alert.waitFor();
  assert.match(await alert.textContent(), /3 hours ago/);
  assert.ok(strangers.splice(0).every((text) => text.includes('ERR_FAILED')));
});

for (const colorScheme of ['light', 'dark']) {
  test(`on a phone, ${colorScheme}: nothing beside the screen, and accessible`, async () => {
    const page = await visit({ colorScheme, viewport: { width: 360, height: 740 }, seconds: 3600 });
    await page.getByText('How this is measured').click();
    assert.equal(await page.evaluate(() => document.documentElement.scrollWidth), 360);
    // By the debugger: the page's own policy lets no script in.
    await isAccessible(page);
  });
}
