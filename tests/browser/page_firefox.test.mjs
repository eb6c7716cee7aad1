// SPDX-License-Identifier: Apache-2.0
//
// Goal: the meeting page in Firefox: two people meet, chat, and are told of a move. In a network
// namespace with an outer address, as firefox.test.mjs.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openFirefox } from './lib/browsers.mjs';
import { meetingPages, outerAddress } from './lib/cluster.mjs';
import { moveAll } from './lib/moving.mjs';
import { Stage } from './lib/stage.mjs';

const stage = await Stage.open({ media: outerAddress(), browsers: [openFirefox], pages: meetingPages });
const [firefox] = stage.browsers;
const DEADLINE_MS = 30_000;

async function enter(name) {
  const { page } = await firefox.open(`${stage.cluster.http}/meet/${stage.room}`);
  page.setDefaultTimeout(DEADLINE_MS);
  const type = async (field, text) => (await page.waitForSelector(field)).type(text);
  await type('input[name=name]', name);
  await page.click('button.join');
  await page.waitForSelector('nav.controls');
  return { page, type };
}

const reads = ({ page }, where, text) =>
  page.waitForFunction(
    (selector, wanted) => document.querySelector(selector)?.textContent.includes(wanted),
    {},
    where,
    text,
  );

const seesBoth = ({ page }) =>
  page.waitForFunction(() => {
    const all = [...document.querySelectorAll('.lk-participant-tile video')];
    return all.filter(({ videoWidth, currentTime }) => videoWidth > 0 && currentTime > 0.5).length === 2;
  });

test('two people meet, chat, and are moved', async () => {
  const anna = await enter('Anna');
  const bert = await enter('Bert');
  await seesBoth(anna);
  await seesBoth(bert);
  await anna.page.keyboard.press('c');
  await anna.type('.panel input[autocomplete=off]', 'Good morning');
  await anna.page.keyboard.press('Enter');
  await reads(bert, '.log', 'Good morning');
  const more = await anna.page.$$eval('.more button', (buttons) => buttons.map(({ textContent }) => textContent));
  assert.deepEqual(more, ['Speaker view', 'Captions', 'Keyboard shortcuts']); // it cannot blur a background
  await moveAll(stage);
  await reads(anna, '[role=status]', 'You were moved to another server.');
  await reads(bert, '[role=status]', 'You were moved to another server.');
});
