// SPDX-License-Identifier: Apache-2.0
//
// People at the meeting page, in Chromium. What their pages do that they never should, ends the test:
// a request to another origin, something that the page's policy stopped, an error that nothing caught.
import assert from 'node:assert/strict';
import { afterEach } from 'node:test';
import { watch } from './pages.mjs';

export const DEADLINE_MS = 40_000;

/** Runs in the page before anything else: cameras are small and slow, for encoders share the machine. */
function modestCamera() {
  const devices = navigator.mediaDevices;
  const real = devices?.getUserMedia.bind(devices);
  const modest = { width: 320, height: 180, frameRate: 10 };
  if (real) {
    devices.getUserMedia = ({ video, ...rest }) =>
      real({ ...rest, video: video && { ...(video === true ? {} : video), ...modest } });
  }
}

/** {visit(path, options), enter(name, options)}: each resolves with a page, closed after the test. */
export function visitors(stage) {
  const [chromium] = stage.browsers;
  const tabs = [];
  const strangers = [];
  afterEach(async () => {
    await Promise.all(tabs.splice(0).map((tab) => tab.close()));
    assert.deepEqual(strangers.splice(0), []);
  });

  /** prepare(page): before it is opened; waitUntil: Playwright's. Other options are those of a context. */
  async function visit(path, { prepare = async () => {}, waitUntil, ...options } = {}) {
    const tab = await chromium.open('about:blank', options);
    tabs.push(tab);
    const { page } = tab;
    page.setDefaultTimeout(DEADLINE_MS);
    watch(page, `127.0.0.1:${stage.cluster.port}`, strangers);
    await page.addInitScript(modestCamera);
    await prepare(page);
    await page.goto(`${stage.cluster.http}${path}`, { waitUntil });
    return page;
  }

  async function enter(name, options) {
    const page = await visit(`/meet/${stage.room}`, options);
    await join(page, name);
    return page;
  }

  /** Somebody whose token says roomAdmin. */
  async function enterAsHost(name) {
    const token = await stage.cluster.token(stage.room, 'host', { roomAdmin: true }, { name });
    const page = await visit(`/meet/${stage.room}#token=${token}`);
    await page.getByRole('button', { name: 'Join' }).click();
    await page.getByRole('navigation').waitFor();
    return page;
  }
  return { visit, enter, enterAsHost };
}

/** Out of the lobby, into the meeting. */
export async function join(page, name) {
  await page.getByLabel('Your name').fill(name);
  await page.getByRole('button', { name: 'Join' }).click();
  await page.getByRole('navigation').waitFor();
}

/** What is said to whoever cannot see it, too. */
export const says = (page, text) => page.getByRole('alert').filter({ hasText: text }).waitFor();

/** So many tiles show moving pictures. */
export function showsPeople(page, count) {
  return page.waitForFunction(
    (wanted) => {
      const all = [...document.querySelectorAll('.lk-participant-tile video')];
      return all.filter((video) => video.videoWidth > 0 && video.currentTime > 0.5).length === wanted;
    },
    count,
    { timeout: DEADLINE_MS },
  );
}

export async function choose(page, name) {
  await page.locator('.more > summary').click();
  await page.getByRole('button', { name, exact: true }).click();
}
