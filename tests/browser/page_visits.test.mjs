// SPDX-License-Identifier: Apache-2.0
//
// Goal: the meeting page in a browser that keeps sound off, whose back button is pressed, that reloads,
// that has a second tab.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { meetingPages } from './lib/cluster.mjs';
import { isAccessible } from './lib/pages.mjs';
import { poll } from './lib/poll.mjs';
import { Stage } from './lib/stage.mjs';
import { DEADLINE_MS, join, says, showsPeople, visitors } from './lib/visitors.mjs';

const stage = await Stage.open({ pages: meetingPages });
const { enter, visit } = visitors(stage);

test('sound that the browser keeps off', async () => {
  const blocked = (page) =>
    page.addInitScript(() => {
      const { play } = HTMLMediaElement.prototype;
      let clicked = false;
      HTMLMediaElement.prototype.play = function () {
        const refused = this instanceof HTMLAudioElement && !clicked;
        return refused ? Promise.reject(new DOMException('no', 'NotAllowedError')) : play.call(this);
      };
      addEventListener('click', ({ target }) => (clicked ||= target.textContent === 'Start sound'), true);
    });
  await enter('Bert');
  const anna = await visit(`/meet/${stage.room}`, { prepare: blocked });
  await anna.getByRole('button', { name: 'Microphone', exact: true }).click(); // who uses one is never refused
  await join(anna, 'Anna');
  await says(anna, 'The browser keeps the sound off until you allow it.');
  await isAccessible(anna);
  await anna.getByRole('button', { name: 'Start sound' }).click();
  await anna.getByText('The browser keeps the sound off').waitFor({ state: 'detached' });
});

test('back, and reloaded', async () => {
  const bert = await enter('Bert');
  const anna = await visit('/');
  await anna.getByLabel('Room', { exact: true }).fill(stage.room);
  await join(anna, 'Anna');
  await bert.getByText('2 people').waitFor();
  await anna.goBack();
  await anna.getByRole('button', { name: 'Join' }).waitFor();
  await bert.getByText('Only you').waitFor();
  assert.equal(new URL(anna.url()).pathname, '/');
  await anna.goForward(); // nobody is in a meeting without having said so
  assert.equal(await anna.getByRole('navigation').count(), 0);
  await anna.getByRole('button', { name: 'Join' }).waitFor();
  await anna.reload();
  await join(anna, 'Anna');
  await bert.getByText('2 people').waitFor();
  await anna.reload();
  await bert.getByText('Only you').waitFor();
  assert.equal(await anna.getByLabel('Your name').inputValue(), 'Anna');
  assert.equal(await anna.getByLabel('Room', { exact: true }).inputValue(), stage.room);
});

test('one link in two tabs is one person, in the newer one', async () => {
  const token = await stage.cluster.token(stage.room, 'guest', {}, { name: 'Guest' });
  const open = async () => {
    const page = await visit(`/meet/${stage.room}#token=${token}`);
    await page.getByRole('button', { name: 'Join' }).click();
    await page.getByRole('navigation').waitFor();
    return page;
  };
  const bert = await enter('Bert');
  const older = await open();
  await bert.getByText('2 people').waitFor();
  const newer = await open();
  await says(older, 'You joined from another window.');
  await older.getByRole('button', { name: 'Join' }).waitFor();
  await showsPeople(newer, 2);
  const sid = async () => {
    const { participants } = await stage.cluster.admin('GET', `rooms/${stage.room}/participants`);
    return participants.find(({ identity }) => identity === 'guest')?.sid;
  };
  const before = await poll('the newer one is listed', DEADLINE_MS, sid);
  await older.waitForTimeout(3000); // in which it would come again
  assert.equal(await sid(), before);
  assert.equal(await newer.getByRole('navigation').count(), 1);
});
