// SPDX-License-Identifier: Apache-2.0
//
// Goal: what people may use in a meeting at the page: keys in place of buttons, a view of who speaks,
// captions.
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { dispose } from '@livekit/rtc-node';
import { RoomServiceClient } from 'livekit-server-sdk';
import { API_KEY, API_SECRET, meetingPages } from './lib/cluster.mjs';
import { Robot } from './lib/robot.mjs';
import { Stage } from './lib/stage.mjs';
import { isAccessible } from './lib/pages.mjs';
import { choose, showsPeople, visitors } from './lib/visitors.mjs';

const stage = await Stage.open({ pages: meetingPages });
const { enter } = visitors(stage);
after(() => dispose());

/** Whether a button is pressed, or what it is of is on. */
const isOn = (page, name, on) =>
  page.locator(`button:is([aria-pressed=${on}], [data-lk-enabled=${on}])`, { hasText: name }).first().waitFor();

async function robot(identity, claims) {
  const token = await stage.cluster.token(stage.room, identity, {}, claims);
  return Robot.enter(stage.cluster.ws, token);
}

test('keys in place of buttons', async () => {
  const page = await enter('Anna');
  await showsPeople(page, 1);
  await isOn(page, 'Microphone', true);
  for (const on of [false, true, false]) {
    await page.keyboard.press('m');
    await isOn(page, 'Microphone', on);
  }
  await page.keyboard.down('Space'); // one talks while it is held
  await isOn(page, 'Microphone', true);
  await page.keyboard.up('Space');
  await isOn(page, 'Microphone', false);
  await page.keyboard.press('v');
  await isOn(page, 'Camera', false);
  await page.keyboard.press('h');
  await isOn(page, 'Lower hand', true);
  await page.keyboard.press('s');
  await page.locator('.large video[data-lk-source="screen_share"]').waitFor();
  await page.keyboard.press('c');
  const entry = page.getByPlaceholder('Enter a message...');
  await entry.fill('');
  await entry.pressSequentially('chvm ?');
  assert.equal(await entry.inputValue(), 'chvm ?');
  await isOn(page, 'Camera', false);
  await entry.evaluate((field) => field.blur());
  await page.keyboard.press('Control+c'); // the browser's own
  await isOn(page, 'Chat', true);

  const list = page.getByRole('dialog', { name: 'Keyboard shortcuts' });
  await page.keyboard.press('?');
  await list.getByText('Raise hand').waitFor();
  await isAccessible(page);
  await page.keyboard.press('v'); // not behind the list
  await list.getByRole('switch').uncheck();
  await page.keyboard.press('Escape');
  await list.waitFor({ state: 'hidden' });
  await page.keyboard.press('v');
  await page.keyboard.press('?');
  assert.equal(await list.count(), 0);
  await isOn(page, 'Camera', false);
  await choose(page, 'Keyboard shortcuts'); // without a key
  await list.getByRole('switch').check();
  await list.getByRole('button', { name: 'Close' }).click();
  await page.keyboard.press('v');
  await isOn(page, 'Camera', true);
});

test('who speaks is large', async () => {
  const anna = await enter('Anna');
  await enter('Bert');
  const singer = await robot('singer', { name: 'Singer' });
  await singer.publish();
  await showsPeople(anna, 3);
  assert.equal(await anna.locator('.large').count(), 0);
  await choose(anna, 'Speaker view');
  await anna.locator('.large').getByText('Singer').waitFor();
  await anna.getByRole('button', { name: 'Make Bert large' }).click(); // whom one wants to see all the same
  await anna.locator('.large').getByText('Bert').waitFor();
  await anna.keyboard.press('l');
  await anna.getByRole('button', { name: 'Make Bert large' }).click();
  await anna.locator('.large').waitFor({ state: 'detached' });
  await singer.leave();
});

test('captions of whoever sends some', async () => {
  const anna = await enter('Anna');
  await choose(anna, 'Captions');
  const captions = anna.getByRole('region', { name: 'Captions' });
  await captions.getByText('No captions').waitFor();
  const bert = await robot('bert', { name: 'Bert' });
  const agent = await robot('agent', { kind: 'agent' });
  const of = (id, final, track) => ({
    topic: 'lk.transcription',
    attributes: {
      'lk.segment_id': id,
      'lk.transcription_final': String(final),
      'lk.transcribed_track_id': track,
    },
  });
  const line = (text) => captions.locator('p').filter({ hasText: text }).waitFor();
  const service = new RoomServiceClient(stage.cluster.http, API_KEY, API_SECRET);
  const people = await service.listParticipants(stage.room);
  const track = people.find(({ name }) => name === 'Anna').tracks[0].sid;
  await bert.room.localParticipant.sendText('Bert says th', of('1', false, track));
  await line(/^Bert Bert says th$/); // in his own name, whatever track he names
  await bert.room.localParticipant.sendText('Bert says this', of('1', true, track));
  await line(/^Bert Bert says this$/);
  assert.equal(await captions.locator('p').count(), 1);
  await agent.room.localParticipant.sendText('Anna says that', of('2', true, track));
  await line(/^Anna Anna says that$/);
  const segment = { id: '3', text: 'in the old way', startTime: 0n, endTime: 0n, language: 'en', final: true };
  await agent.room.localParticipant.publishTranscription({
    participantIdentity: 'bert',
    trackSid: track,
    segments: [segment],
  });
  await line(/^Bert in the old way$/);
  await isAccessible(anna);
  await anna.keyboard.press('t');
  await captions.waitFor({ state: 'detached' });
  await Promise.all([bert.leave(), agent.leave()]);
});
