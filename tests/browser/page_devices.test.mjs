// SPDX-License-Identifier: Apache-2.0
//
// Goal: what people do to a meeting from outside of it: another speaker, a device unplugged and plugged
// in again, a browser that keeps sound off, its back button, reloading, a second tab.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { meetingPages } from './lib/cluster.mjs';
import { isAccessible } from './lib/pages.mjs';
import { poll } from './lib/poll.mjs';
import { Stage } from './lib/stage.mjs';
import { DEADLINE_MS, showsPeople, visitors } from './lib/visitors.mjs';

const stage = await Stage.open({ pages: meetingPages });
const { enter, visit } = visitors(stage);

const says = (page, text) => page.getByRole('alert').filter({ hasText: text }).waitFor();
const menu = (page, label) => page.locator(`summary[aria-label="${label}"]`);

async function choose(page, label, device) {
  await menu(page, label).click();
  await page.getByRole('button', { name: device, exact: true }).click();
}

/** Of the menu of that label, what is in use. */
async function inUse(page, label, device) {
  await menu(page, label).click();
  await page.getByRole('button', { name: device, exact: true, pressed: true }).waitFor();
  await menu(page, label).press('Escape');
}

async function join(page, name) {
  await page.getByLabel('Your name').fill(name);
  await page.getByRole('button', { name: 'Join' }).click();
  await page.getByRole('navigation').waitFor();
}

/** Runs in the page before anything else: window.plug(label, whether it is there), as browsers have it. */
function unpluggable() {
  const { mediaDevices } = navigator;
  const out = new Set();
  const opened = [];
  const enumerate = mediaDevices.enumerateDevices.bind(mediaDevices);
  const open = mediaDevices.getUserMedia.bind(mediaDevices);
  mediaDevices.enumerateDevices = async () => (await enumerate()).filter(({ label }) => !out.has(label));
  mediaDevices.getUserMedia = async (wanted) => {
    const stream = await open(wanted);
    const tracks = stream.getTracks();
    if (tracks.some(({ label }) => out.has(label))) {
      tracks.forEach((track) => track.stop());
      throw new DOMException('Requested device not found', 'NotFoundError');
    }
    opened.push(...tracks);
    return stream;
  };
  window.plug = (label, there) => {
    out[there ? 'delete' : 'add'](label);
    opened
      .filter((track) => !there && track.label === label && track.readyState === 'live')
      .forEach((track) => {
        track.stop();
        track.dispatchEvent(new Event('ended'));
      });
    mediaDevices.dispatchEvent(new Event('devicechange'));
  };
}

const plug = (page, label, there) => page.evaluate(([what, is]) => window.plug(what, is), [label, there]);
const prepare = (page) => page.addInitScript(unpluggable);
const CAMERA = 'fake_device_0';
const MICROPHONE = 'Fake Audio Input 1';

test('another speaker, kept', async () => {
  const heardAt = (page, device) =>
    page.waitForFunction(
      async (label) => {
        const devices = await navigator.mediaDevices.enumerateDevices();
        const { deviceId } = devices.find((one) => one.kind === 'audiooutput' && one.label === label);
        const all = [...document.querySelectorAll('audio')];
        return all.length > 0 && all.every(({ sinkId }) => sinkId === deviceId);
      },
      device,
      { timeout: DEADLINE_MS },
    );
  await enter('Bert');
  const anna = await visit(`/meet/${stage.room}`);
  await inUse(anna, 'Choose speaker', 'Fake Default Audio Output');
  await choose(anna, 'Choose speaker', 'Fake Audio Output 1');
  await isAccessible(anna);
  await join(anna, 'Anna');
  await heardAt(anna, 'Fake Audio Output 1');
  await inUse(anna, 'Choose speaker', 'Fake Audio Output 1');
  await choose(anna, 'Choose speaker', 'Fake Audio Output 2');
  await choose(anna, 'Choose microphone', MICROPHONE);
  await heardAt(anna, 'Fake Audio Output 2');
  await isAccessible(anna);
  await anna.reload();
  await inUse(anna, 'Choose speaker', 'Fake Audio Output 2');
  await inUse(anna, 'Choose microphone', MICROPHONE);
});

test('no choice of speakers where the browser has none', async () => {
  const without = (page) => page.addInitScript(() => delete HTMLMediaElement.prototype.setSinkId);
  const page = await visit('/', { prepare: without });
  await menu(page, 'Choose microphone').waitFor();
  assert.equal(await menu(page, 'Choose speaker').count(), 0);
});

test('unplugged in the lobby', async () => {
  const page = await visit(`/meet/${stage.room}`, { prepare });
  const preview = page.locator('.preview video');
  await preview.waitFor();
  await plug(page, CAMERA, false);
  await says(page, 'Camera: not found. You can join without.');
  await preview.waitFor({ state: 'detached' });
  await plug(page, CAMERA, true);
  await preview.waitFor();
  assert.equal(await page.getByRole('alert').filter({ hasText: /./ }).count(), 0);
});

test('unplugged in the meeting, and plugged in again', async () => {
  const on = (page, name) => page.locator('button[data-lk-enabled=true]', { hasText: name }).waitFor();
  const bert = await enter('Bert');
  const anna = await visit(`/meet/${stage.room}`, { prepare });
  await choose(anna, 'Choose microphone', MICROPHONE);
  await join(anna, 'Anna');
  await inUse(anna, 'Choose microphone', MICROPHONE);
  await plug(anna, MICROPHONE, false);
  await says(anna, `${MICROPHONE} is gone. In use now: Fake Default Audio Input.`);
  await on(anna, 'Microphone');
  await inUse(anna, 'Choose microphone', 'Fake Default Audio Input');
  await plug(anna, MICROPHONE, true);
  await says(anna, `In use again: ${MICROPHONE}.`);
  await inUse(anna, 'Choose microphone', MICROPHONE);

  await showsPeople(bert, 2);
  await plug(anna, CAMERA, false);
  await says(anna, `Your camera is gone (${CAMERA}). Nobody sees you until one is plugged in.`);
  await showsPeople(bert, 1);
  await isAccessible(anna);
  await plug(anna, CAMERA, true);
  await says(anna, `In use again: ${CAMERA}.`);
  await showsPeople(bert, 2);
  await anna.getByRole('button', { name: 'Camera', exact: true }).click(); // who switched it off
  await showsPeople(bert, 1);
  await plug(anna, CAMERA, false);
  await plug(anna, CAMERA, true);
  await anna.getByRole('button', { name: 'Microphone', exact: true }).click();
  await bert.getByRole('button', { name: 'People' }).click();
  await bert.getByRole('listitem').filter({ hasText: /^AnnaMuted$/ }).waitFor();
  await showsPeople(bert, 1); // is not seen for having plugged it in
});

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
  const anna = await enter('Anna', { prepare: blocked });
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
