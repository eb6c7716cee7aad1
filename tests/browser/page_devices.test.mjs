// SPDX-License-Identifier: Apache-2.0
//
// Goal: another microphone, camera or speaker at the meeting page, and one that is unplugged and plugged
// in again.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { meetingPages } from './lib/cluster.mjs';
import { isAccessible } from './lib/pages.mjs';
import { Stage } from './lib/stage.mjs';
import { DEADLINE_MS, join, says, showsPeople, visitors } from './lib/visitors.mjs';

const stage = await Stage.open({ pages: meetingPages });
const { enter, visit } = visitors(stage);

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
  await anna.getByRole('button', { name: 'Microphone', exact: true }).click();
  await join(anna, 'Anna');
  await anna.getByRole('button', { name: 'Microphone', exact: true }).click(); // switched on only now
  await anna.locator('button[data-lk-enabled=true]', { hasText: 'Microphone' }).waitFor();
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
