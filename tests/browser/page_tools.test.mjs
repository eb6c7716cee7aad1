// SPDX-License-Identifier: Apache-2.0
//
// Goal: what people may use in a meeting at the page: keys in place of buttons, a view of who speaks,
// captions, a blurred background.
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { dispose } from '@livekit/rtc-node';
import { RoomServiceClient } from 'livekit-server-sdk';
import { GAP, gridFor } from '../../orchestrator/web/src/grid.js';
import { API_KEY, API_SECRET, meetingPages } from './lib/cluster.mjs';
import { Robot } from './lib/robot.mjs';
import { Stage } from './lib/stage.mjs';
import { isAccessible } from './lib/pages.mjs';
import { chequeredCamera, noteSharpness } from './lib/sharpness.mjs';
import { DEADLINE_MS, choose, showsPeople, visitors } from './lib/visitors.mjs';

const stage = await Stage.open({ pages: meetingPages });
const { enter, visit } = visitors(stage);
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

test('tiles are as large as they can be, none too narrow, and on a page as many as fit', () => {
  const table = [
    // tiles, in a room of; columns, rows, of so many on the page
    [1, 1280, 600, 1, 1, 1],
    [2, 1280, 600, 2, 1, 2],
    [9, 1280, 600, 3, 3, 9],
    [60, 1280, 600, 7, 4, 25],
    [2, 360, 490, 1, 2, 2],
    [9, 360, 490, 2, 4, 8],
    [9, 640, 245, 4, 2, 8],
    [9, 100, 100, 1, 1, 1],
    [9, 0, 0, 1, 1, 1],
  ];
  for (const [count, width, height, ...wanted] of table) {
    const { columns, rows, perPage, ...tile } = gridFor(count, { width, height });
    const what = `${count} in ${width} by ${height}: ${JSON.stringify(tile)}`;
    assert.deepEqual([columns, rows, perPage], wanted, what);
    assert.ok(columns * tile.width + (columns + 1) * GAP <= Math.max(width, GAP), what);
    assert.ok(rows * tile.height + (rows + 1) * GAP <= Math.max(height, GAP), what);
    if (width > 0) {
      const shape = tile.width / tile.height;
      assert.ok(shape > (width >= height ? 1.3 : 0.74) && shape < 1.8, what);
    }
  }
});

test('who speaks is large', async () => {
  const anna = await enter('Anna');
  await enter('Bert');
  const singer = await robot('singer', { name: 'Singer' });
  await singer.publish();
  await showsPeople(anna, 3);
  assert.equal(await anna.locator('.large').count(), 0);
  const size = anna.viewportSize();
  await anna.setViewportSize({ width: 600, height: 200 }); // where no two have a place
  await anna.getByText('1 of 3').waitFor();
  await isAccessible(anna);
  await anna.getByRole('button', { name: 'More people' }).click();
  await anna.getByText('2 of 3').waitFor();
  await showsPeople(anna, 1);
  await anna.setViewportSize(size);
  await showsPeople(anna, 3);
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

/** Steps between neighbouring pixels: of squares as they are 32, blurred below 1. */
const BLURRED_MAX = 4;
const blurs = (page) => page.getByRole('switch', { name: 'Blur background' });
const camerasOff = (page) => page.waitForFunction(() => window.cameras.every(({ readyState }) => readyState === 'ended'));

/** Pictures of others that the page gets from now on. */
async function sees(page, what, count = 5) {
  const before = await page.evaluate(() => window.seen.length);
  const enough = ([from, wanted]) => window.seen.length >= from + wanted;
  await page.waitForFunction(enough, [before, count], { timeout: DEADLINE_MS });
  const last = (await page.evaluate(() => window.seen)).at(-1);
  assert.ok(last.light > 60 && last.light < 200, `${what}: ${JSON.stringify(last)}`);
}

test('a blurred background, never clear first, and encrypted', async (t) => {
  const asked = [];
  const address = `/meet/${stage.room}#key=open-sesame`;
  const visitWith = async (name, prepare) => {
    const page = await visit(address, { prepare });
    await page.getByLabel('Your name').fill(name);
    return page;
  };
  const bert = await visitWith('Bert', (page) => page.addInitScript(noteSharpness));
  await bert.getByRole('button', { name: 'Join' }).click();
  const anna = await visitWith('Anna', async (page) => {
    await page.addInitScript(chequeredCamera);
    page.on('request', (request) => asked.push(new URL(request.url()).pathname));
  });
  assert.deepEqual(asked.filter((path) => path.startsWith('/assets/wasm/')), []);
  await blurs(anna).check();
  await anna.waitForFunction(() => document.querySelector('.preview video')?.videoWidth > 2);
  await isAccessible(anna);
  assert.ok(asked.some((path) => path.endsWith('.wasm')), asked.join('\n'));
  await anna.getByRole('button', { name: 'Join' }).click();
  await sees(bert, 'from the beginning');
  await anna.keyboard.press('v');
  await camerasOff(anna);
  await anna.keyboard.press('v');
  await sees(bert, 'off and on');
  const sharpest = await bert.evaluate(() => Math.max(...window.seen.map(({ sharpness }) => sharpness)));
  t.diagnostic(`sharpness, at most: ${sharpest.toFixed(1)}`);
  assert.ok(sharpest < BLURRED_MAX, `${sharpest}`);

  const becomes = (wanted) => bert.waitForFunction(wanted, BLURRED_MAX, { timeout: DEADLINE_MS });
  await anna.keyboard.press('b');
  await becomes((bound) => window.seen.at(-1).sharpness > 4 * bound);
  await choose(anna, 'Blur background');
  await becomes((bound) => window.seen.at(-1).sharpness < bound);
  await sees(bert, 'switched on in the meeting');

  await anna.keyboard.press('v'); // switched off while the camera is
  await camerasOff(anna);
  await anna.keyboard.press('b');
  await anna.locator('button[aria-pressed=false]', { hasText: 'Blur background' }).waitFor({ state: 'attached' });
  await anna.keyboard.press('v');
  await becomes((bound) => window.seen.at(-1).sharpness > 4 * bound);
  assert.equal(await anna.getByRole('alert').filter({ hasText: /./ }).count(), 0);
});

/** The worker finds no WebGL. */
async function withoutWebGl(route) {
  const response = await route.fetch();
  const first = `
    const { getContext } = OffscreenCanvas.prototype;
    OffscreenCanvas.prototype.getContext = function (kind) { return kind === '2d' ? getContext.call(this, kind) : null; };`;
  await route.fulfill({ response, body: first + (await response.text()) });
}

test('who cannot be blurred as wanted is not seen', async () => {
  const prepare = async (page) => {
    await page.addInitScript(chequeredCamera);
    await page.addInitScript(() => localStorage.setItem('spillway-blur', 'true'));
    await page.route('**/wasm/blur-*.js', withoutWebGl);
  };
  const bert = await enter('Bert', { prepare: (page) => page.addInitScript(noteSharpness) });
  const anna = await visit(`/meet/${stage.room}`, { prepare });
  const failed = (why) => anna.getByRole('alert').filter({ hasText: `so your camera is off (${why}` }).waitFor();
  await failed('Error: WebGL');
  await anna.getByRole('img', { name: 'Your camera is off' }).waitFor();
  await isOn(anna, 'Camera', false);
  await camerasOff(anna);
  await anna.unrouteAll();
  await anna.route('**/*.tflite', (route) => route.abort());
  await anna.getByLabel('Your name').fill('Anna');
  await anna.getByRole('button', { name: 'Join' }).click();
  await bert.getByText('2 people').waitFor();
  await anna.keyboard.press('v');
  await failed('TypeError: Failed to fetch');
  await isOn(anna, 'Camera', false);
  await camerasOff(anna);
  assert.deepEqual(await bert.evaluate(() => window.seen), []);
});
