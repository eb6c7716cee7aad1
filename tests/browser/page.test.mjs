// SPDX-License-Identifier: Apache-2.0
//
// Goal: the meeting page, as people use it: lobby, call, chat, mute, shared screen, leaving, with the
// keyboard alone, on a phone's screen; and no request ever leaves its own origin.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import { RoomServiceClient } from 'livekit-server-sdk';
import { languages } from '../../orchestrator/web/src/words/languages.js';
import { API_KEY, API_SECRET, meetingPages } from './lib/cluster.mjs';
import { poll } from './lib/poll.mjs';
import { Stage } from './lib/stage.mjs';
import { isAccessible } from './lib/pages.mjs';
import { DEADLINE_MS, showsPeople, visitors } from './lib/visitors.mjs';

const stage = await Stage.open({ pages: meetingPages });
const { visit, enter, enterAsHost } = visitors(stage);

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
  await entry.and(anna.locator(':focus')).waitFor();
  await anna.keyboard.type('Shall we begin?');
  await anna.keyboard.press('Enter');
  await bert.getByRole('button', { name: 'Chat, 1 unread' }).click();
  await bert.getByText('Shall we begin?').waitFor();
  const file = (name, content) => ({ name, mimeType: 'text/plain', buffer: Buffer.from(content) });
  const tooLong = file('long.txt', new Uint8Array((20 << 20) + 1));
  await bert.getByLabel('File').setInputFiles([file('notes.txt', 'as agreed'), file('empty.txt', ''), tooLong]);
  await bert.getByRole('alert').filter({ hasText: 'long.txt is larger than 20 MB.' }).waitFor();
  await anna.getByText('empty.txt 0 byte').waitFor();
  await anna.getByText('notes.txt 9 byte').waitFor();
  const download = anna.waitForEvent('download');
  await anna.getByRole('link', { name: 'notes.txt' }).click();
  assert.equal(await readFile(await (await download).path(), 'utf8'), 'as agreed');
  await entry.press('Escape');
  await entry.waitFor({ state: 'hidden' });

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
  const screen = anna.locator('.large video[data-lk-source="screen_share"]');
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

test('end-to-end encrypted by a link, for those who have it', async () => {
  const encrypts = (page) => page.getByRole('switch', { name: 'End-to-end encryption' });
  const fingerprint = async (page) => {
    await page.locator('.encryption > summary').click();
    const text = await page.getByText(/^Fingerprint: ([0-9A-F]{4} ?){4}\./).textContent();
    await page.locator('.encryption > summary').click();
    return text;
  };
  const say = async (page, text) => {
    await page.getByRole('button', { name: /^Chat/ }).click();
    await page.getByPlaceholder('Enter a message...').fill(text);
    await page.keyboard.press('Enter');
  };
  const anna = await visit(`/meet/${stage.room}`);
  await anna.getByLabel('Your name').fill('Anna');
  await encrypts(anna).check();
  assert.match(await anna.getByLabel('Passphrase').inputValue(), /^[\w-]{22}$/);
  await anna.getByRole('button', { name: 'Join' }).click();
  await anna.getByText('Encrypted', { exact: true }).waitFor();

  const bert = await visit('/');
  await bert.goto(anna.url()); // as Anna's address bar and her "Copy link" have it
  await bert.reload(); // the address differs in its hash alone
  await bert.getByLabel('Your name').fill('Bert');
  assert.ok(await encrypts(bert).isChecked());
  await bert.getByRole('button', { name: 'Join' }).click();
  await showsPeople(bert, 2);
  await showsPeople(anna, 2);
  assert.equal(await fingerprint(bert), await fingerprint(anna));

  const eve = await visit(`/meet/${stage.room}#key=guess`);
  await eve.getByLabel('Your name').fill('Eve');
  await eve.getByRole('button', { name: 'Join' }).click();
  await eve.getByText('3 people').waitFor();
  await showsPeople(eve, 1); // her own
  await showsPeople(anna, 2); // of Eve comes nothing that she could show
  assert.notEqual(await fingerprint(eve), await fingerprint(anna));
  await eve.getByText('Passphrases differ').click();
  await eve.getByText(/^Your passphrase does not open what comes from: (Anna|Bert)/).waitFor();
  await anna.getByText('Passphrases differ').click();
  await anna.getByText('Your passphrase does not open what comes from: Eve.').waitFor();
  await say(anna, 'open sesame');
  await bert.getByRole('button', { name: 'Chat, 1 unread' }).waitFor();
  assert.equal(await eve.getByRole('button', { name: 'Chat', exact: true }).count(), 1);

  await enter('Olga');
  await anna.getByText('Not everybody encrypts').waitFor();
  await anna.getByText('Unencrypted: Olga').waitFor();
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

test('what cannot work is said before it is tried', async () => {
  const note = (page, text) => page.getByRole('alert').filter({ hasText: text }).waitFor();
  await note(await visit('/meet/%FF'), 'This link names no room.');
  const old = (page) =>
    page.addInitScript(() => {
      delete window.RTCPeerConnection;
      delete window.webkitRTCPeerConnection;
      delete window.RTCRtpSender;
    });
  await note(await visit('/', { prepare: old }), 'This browser cannot take part in a meeting');
  const refuses = (name, refused) => (page) =>
    page.addInitScript(
      ([error, kinds]) => {
        const { mediaDevices } = navigator;
        const open = mediaDevices.getUserMedia.bind(mediaDevices);
        mediaDevices.getUserMedia = (wanted) =>
          kinds.some((kind) => wanted[kind]) ? Promise.reject(new DOMException('no', error)) : open(wanted);
      },
      [name, refused],
    );
  const isOn = (page, name, on) => page.getByRole('button', { name, exact: true, pressed: on }).waitFor();
  const anna = await enter('Anna', { prepare: refuses('NotAllowedError', ['audio', 'video']) });
  await isOn(anna, 'Microphone', false);
  assert.equal(await anna.getByRole('alert').filter({ hasText: /./ }).count(), 0); // it was said before
  await anna.getByRole('button', { name: 'Camera', exact: true }).click();
  await note(anna, 'The browser does not let this page use that device.');
  await anna.evaluate(() => Object.defineProperty(navigator, 'clipboard', { value: undefined })); // as with http:
  await anna.getByRole('button', { name: 'Copy link' }).click();
  const byHand = anna.getByRole('dialog', { name: 'Copy link' });
  assert.equal(await byHand.getByRole('textbox').inputValue(), anna.url());
  await isAccessible(anna);
  await byHand.getByRole('button', { name: 'Close' }).click();
  await anna.getByRole('alert').getByRole('button', { name: 'Close' }).click();
  assert.equal(await anna.getByRole('alert').filter({ hasText: /./ }).count(), 0);
  await anna.getByRole('button', { name: 'Leave' }).click();
  await note(anna, 'You can join without.');
  await isOn(anna, 'Camera', false);

  const bert = await visit('/', { prepare: refuses('NotFoundError', ['video']) }); // has no camera
  await note(bert, 'Camera: not found. You can join without.');
  await isOn(bert, 'Camera', false);
  await isOn(bert, 'Microphone', true);
  await bert.waitForFunction(() => document.querySelector('meter').value > 0);
});

test('who leaves before the connection is made is told of no failure', async () => {
  const prepare = (page) =>
    page.addInitScript(() => {
      RTCPeerConnection.prototype.setRemoteDescription = () => new Promise(() => {}); // so never is
    });
  const page = await enter('Anna', { prepare });
  await page.getByRole('button', { name: 'Leave' }).click();
  await page.getByRole('button', { name: 'Join' }).waitFor();
  assert.equal(await page.getByRole('alert').count(), 0);
});

test('a link that is too old', async () => {
  const token = await stage.cluster.token(stage.room, 'late', {}, { ttl: -600 });
  const page = await visit(`/meet/${stage.room}#token=${token}`);
  await page.getByRole('button', { name: 'Join' }).click();
  await page.getByRole('alert').filter({ hasText: /The server refuses this link \(.*expired/ }).waitFor();
});

test('painted at once, and small', async (t) => {
  const firstPaint = async (page) => {
    const paint = () => performance.getEntriesByName('first-contentful-paint')[0]?.startTime;
    return (await page.waitForFunction(paint)).jsonValue();
  };
  const withoutAssets = (page) => page.route('**/assets/**', () => {}); // which are never answered
  await firstPaint(await visit('/', { prepare: withoutAssets, waitUntil: 'commit' }));

  // Lighthouse's slow 4G, as it has the browser apply it: by request.
  const slow4G = { offline: false, latency: 562.5, downloadThroughput: 184_320, uploadThroughput: 84_375 };
  const prepare = async (page) => {
    const devtools = await page.context().newCDPSession(page);
    await devtools.send('Network.emulateNetworkConditions', slow4G);
  };
  const page = await visit('/', { prepare });
  const scripts = await page.evaluate(() =>
    performance
      .getEntriesByType('resource')
      .filter(({ name }) => name.endsWith('.js'))
      .reduce((sum, { encodedBodySize }) => sum + encodedBodySize, 0),
  );
  t.diagnostic(`slow 4G: first paint after ${(await firstPaint(page)).toFixed(0)} ms`);
  t.diagnostic(`scripts before a meeting: ${(scripts / 1024).toFixed(0)} KB compressed`);
  assert.ok(scripts > 10_000 && scripts < 500 * 1024, `${scripts} bytes`);
});

test('with a token from elsewhere', async () => {
  const token = await stage.cluster.token(stage.room, 'guest', {}, { name: 'Guest' });
  const page = await visit(`/meet/${stage.room}#token=${token}`);
  await page.getByText(`Room: ${stage.room}`).waitFor();
  await page.getByRole('button', { name: 'Join' }).click();
  await page.getByRole('navigation').waitFor();
  const { participants } = await stage.cluster.admin('GET', `rooms/${stage.room}/participants`);
  assert.deepEqual(participants.map(({ identity }) => identity), ['guest']);
});

test('hands are raised, and a host keeps order', async () => {
  const host = await enterAsHost('Hanna');
  const anna = await enter('Anna');
  const bert = await enter('Bert');
  await anna.getByRole('button', { name: 'People' }).click();
  assert.equal(await anna.getByRole('button', { name: 'Mute everybody' }).count(), 0);
  await bert.getByRole('button', { name: 'Raise hand' }).click();
  const list = anna.getByRole('listitem');
  await list.first().getByRole('img', { name: 'Hand raised' }).waitFor();
  assert.match(await list.first().textContent(), /^Bert/);
  await bert.getByRole('button', { name: 'Lower hand' }).click();
  await anna.getByRole('img', { name: 'Hand raised' }).first().waitFor({ state: 'detached' });

  await host.getByRole('button', { name: 'People' }).click();
  await host.getByRole('button', { name: 'Mute Bert' }).click();
  await list.filter({ hasText: /^BertMuted$/ }).waitFor();
  await host.getByRole('button', { name: 'Mute everybody' }).click();
  await list.filter({ hasText: /^Anna \(you\)Muted$/ }).waitFor();
  await isAccessible(host);
  await host.getByRole('button', { name: 'Remove Bert' }).click();
  await bert.getByRole('alert').filter({ hasText: 'You were removed from the meeting.' }).waitFor();
  await anna.getByText('2 people').waitFor();
});

test('for those who do not see, hear or point', async () => {
  const anna = await visit(`/meet/${stage.room}#key=open-sesame`);
  await anna.getByLabel('Your name').fill('Anna');
  await isAccessible(anna);
  await anna.getByRole('button', { name: 'Join' }).click();
  await enter('Bert');
  await anna.getByText('2 people').waitFor();
  await isAccessible(anna);
  await anna.getByRole('button', { name: 'Chat' }).click();
  await anna.getByPlaceholder('Enter a message...').fill('Good morning');
  await anna.keyboard.press('Enter');
  await anna.getByText('Not everybody encrypts').click();
  await isAccessible(anna);
});

test('in the language of the person', async () => {
  const japanese = await visit('/', { locale: 'ja-JP' });
  await japanese.getByRole('button', { name: '参加' }).waitFor();
  assert.equal(await japanese.evaluate(() => document.documentElement.lang), 'ja');
  const page = await visit('/', { locale: 'nl-NL' }); // which there is not
  await page.getByRole('button', { name: 'Join' }).waitFor();
  for (const [tag, words] of Object.entries(languages)) {
    await page.getByRole('combobox').selectOption({ label: words.language });
    await page.getByRole('button', { name: words.join, exact: true }).waitFor();
    assert.equal(await page.evaluate(() => document.documentElement.dir), tag === 'ar' ? 'rtl' : 'ltr');
    assert.deepEqual(Object.keys(words), Object.keys(languages.en), tag);
    await isAccessible(page);
  }
  await page.getByRole('combobox').selectOption('ar');
  await page.getByLabel(languages.ar.yourName).fill('Anna');
  await page.getByLabel(languages.ar.room, { exact: true }).fill(stage.room);
  await page.getByRole('button', { name: languages.ar.join }).click();
  await page.getByText(languages.ar.people_one).waitFor();
  await page.getByRole('button', { name: languages.ar.people }).click();
  await page.getByText(languages.ar.you.replace('{name}', '\u2068Anna\u2069')).waitFor(); // her name stays whole
  await isAccessible(page);
});

test('it opens while its server is away', async () => {
  const page = await visit('/');
  await page.evaluate(() => navigator.serviceWorker.ready);
  await stage.cluster.process('orchestrator').kill();
  await page.goto(`${stage.cluster.http}/meet/${stage.room}`);
  await page.getByLabel('Your name').fill('Anna');
  await page.getByRole('button', { name: 'Join' }).click();
  await page.getByRole('alert').filter({ hasText: 'The server does not answer.' }).waitFor();
  await stage.cluster.restart('orchestrator');
  await poll('it is back', DEADLINE_MS, () => stage.cluster.isWhole().catch(() => false));
  await page.getByRole('button', { name: 'Join' }).click();
  await page.getByRole('navigation').waitFor();
});
