// SPDX-License-Identifier: Apache-2.0
//
// Goal: the meeting page, as people use it: lobby, call, chat, mute, shared screen, leaving, with the
// keyboard alone, on a phone's screen; and no request ever leaves its own origin.
import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';
import { RoomServiceClient } from 'livekit-server-sdk';
import { API_KEY, API_SECRET, meetingPages } from './lib/cluster.mjs';
import { Stage } from './lib/stage.mjs';

const stage = await Stage.open({ pages: meetingPages });
const [chromium] = stage.browsers;
const DEADLINE_MS = 20_000;

let tabs = [];
let strangers = []; // requests to other origins, and what the page's policy stopped
afterEach(async () => {
  await Promise.all(tabs.splice(0).map((tab) => tab.close()));
  assert.deepEqual(strangers.splice(0), []);
});

async function visit(path, options) {
  const tab = await chromium.open('about:blank', options);
  tabs.push(tab);
  const { page } = tab;
  page.setDefaultTimeout(DEADLINE_MS);
  page.on('request', (request) => {
    const url = new URL(request.url());
    if (!['blob:', 'data:'].includes(url.protocol) && url.host !== `127.0.0.1:${stage.cluster.port}`) {
      strangers.push(request.url());
    }
  });
  page.on('websocket', (socket) => {
    if (!socket.url().startsWith(stage.cluster.ws)) {
      strangers.push(socket.url());
    }
  });
  page.on('console', (message) => {
    if (/Content Security Policy/.test(message.text())) {
      strangers.push(message.text());
    }
  });
  page.on('pageerror', (error) => strangers.push(`error: ${error.message}`));
  await page.goto(`${stage.cluster.http}${path}`);
  return page;
}

async function enter(name, options) {
  const page = await visit(`/meet/${stage.room}`, options);
  await page.getByLabel('Your name').fill(name);
  await page.getByRole('button', { name: 'Join' }).click();
  await page.getByRole('navigation').waitFor();
  return page;
}

/** So many tiles show moving pictures. */
function showsPeople(page, count) {
  return page.waitForFunction(
    (wanted) => {
      const all = [...document.querySelectorAll('.lk-participant-tile video')];
      return all.filter((video) => video.videoWidth > 0 && video.currentTime > 0.5).length === wanted;
    },
    count,
    { timeout: DEADLINE_MS },
  );
}

test('three people meet, chat, mute and leave', async () => {
  const anna = await enter('Anna');
  const bert = await enter('Bert');
  const carla = await enter('Carla');
  for (const page of [anna, bert, carla]) {
    await showsPeople(page, 3);
    await page.getByText('3 people').waitFor();
  }
  const entry = anna.getByPlaceholder('Enter a message...');
  assert.equal(await entry.isVisible(), false);
  await anna.getByRole('button', { name: 'Chat' }).click();
  await entry.fill('Shall we begin?');
  await anna.keyboard.press('Enter');
  await bert.getByRole('button', { name: 'Chat, 1 unread' }).click();
  await bert.getByText('Shall we begin?').waitFor();

  await anna.getByRole('button', { name: 'Camera', exact: true }).click();
  await showsPeople(carla, 2);
  await anna.getByRole('button', { name: 'Leave' }).click();
  await anna.getByRole('button', { name: 'Join' }).waitFor();
  await bert.getByText('2 people').waitFor();
});

test('a shared screen is large for the others', async () => {
  const anna = await enter('Anna');
  const bert = await enter('Bert');
  await showsPeople(anna, 2);
  await bert.getByRole('button', { name: 'Share screen' }).click();
  const screen = anna.locator('.lk-focus-layout video[data-lk-source="screen_share"]');
  await screen.waitFor();
  await showsPeople(anna, 3);
  const { width } = await screen.boundingBox();
  assert.ok(width > 600, `${width} pixels wide`);
  await bert.getByRole('button', { name: 'Share screen' }).click();
  await screen.waitFor({ state: 'detached' });
});

test('with the keyboard alone, on the screen of a phone', async () => {
  const phone = { viewport: { width: 375, height: 700 } };
  const page = await visit('/', phone);
  await page.getByLabel('Your name').focus();
  await page.keyboard.type('Anna');
  await page.keyboard.press('Tab');
  await page.keyboard.type(stage.room);
  await page.keyboard.press('Enter');
  await page.getByRole('navigation').waitFor();
  assert.equal(new URL(page.url()).pathname, `/meet/${stage.room}`);
  for (const name of ['Microphone', 'Camera', 'Share screen', 'Chat', 'Leave']) {
    const box = await page.getByRole('button', { name, exact: true }).boundingBox();
    assert.ok(box.x >= 0 && box.x + box.width <= 375, `${name} is off the screen`);
    assert.ok(box.y + box.height <= 700, `${name} is below the screen`);
  }
  await page.getByRole('button', { name: 'Leave' }).focus();
  await page.keyboard.press('Enter');
  await page.getByRole('button', { name: 'Join' }).waitFor();
});

test('end-to-end encrypted, for those who know the passphrase', async () => {
  const encrypted = async (name, passphrase) => {
    const page = await visit(`/meet/${stage.room}`);
    await page.getByLabel('Your name').fill(name);
    await page.getByText('End-to-end encryption').click();
    await page.getByLabel('Passphrase').fill(passphrase);
    await page.getByRole('button', { name: 'Join' }).click();
    await page.getByText('Encrypted').waitFor();
    return page;
  };
  const anna = await encrypted('Anna', 'open sesame');
  const bert = await encrypted('Bert', 'open sesame');
  const eve = await encrypted('Eve', 'guess');
  await showsPeople(anna, 2); // of Eve comes nothing that she could show
  await showsPeople(bert, 2);
  await showsPeople(eve, 1);
});

test('what went wrong is said', async () => {
  const service = new RoomServiceClient(stage.cluster.http, API_KEY, API_SECRET);
  await service.createRoom({ name: stage.room, maxParticipants: 1 });
  const anna = await enter('Anna');
  const bert = await visit(`/meet/${stage.room}`);
  await bert.getByLabel('Your name').fill('Bert');
  await bert.getByRole('button', { name: 'Join' }).click();
  await bert.getByRole('alert').filter({ hasText: /connection/i }).waitFor();
  await service.deleteRoom(stage.room);
  await anna.getByRole('alert').filter({ hasText: 'The meeting was ended.' }).waitFor();
});

test('with a token from elsewhere', async () => {
  const token = await stage.cluster.token(stage.room, 'guest', {}, { name: 'Guest' });
  const page = await visit(`/meet/${stage.room}#token=${token}`);
  await page.getByRole('button', { name: 'Join' }).click();
  await page.getByRole('navigation').waitFor();
  const { participants } = await stage.cluster.admin('GET', `rooms/${stage.room}/participants`);
  assert.deepEqual(participants.map(({ identity }) => identity), ['guest']);
});
