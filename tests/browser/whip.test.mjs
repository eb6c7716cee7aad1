// SPDX-License-Identifier: Apache-2.0
//
// Goal: a page without an SDK publishes by WHIP and plays by WHEP, through the room's owner and
// through another orchestrator, and meets people of livekit-client there.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { poll } from './lib/poll.mjs';
import { Stage } from './lib/stage.mjs';

// Who joins first does so in eu, where one is alone: the owner.
const stage = await Stage.open({ orchestrators: ['eu', 'us'], nodes: ['eu', 'eu'] });
const fronts = stage.cluster.orchestrators;
const bearer = async (identity, grants, room = stage.room) =>
  `Bearer ${await stage.cluster.token(room, identity, grants)}`;

/** A page of home that offers to front, and plays what it gets; resolves with the answer. */
async function connect(who, path, { front = fronts[0], home = front, grants, simulcast = false } = {}) {
  const page = await stage.visitor(who, { front: home });
  const authorization = await bearer(who, grants);
  const answer = await page.run(
    async (url, auth, layers) => {
      const pc = new RTCPeerConnection();
      window.plain = { pc, frames: 0 };
      if (url.includes('/whip/')) {
        const camera = { width: 640, height: 360, frameRate: 15 };
        const stream = await navigator.mediaDevices.getUserMedia({ audio: true, video: camera });
        for (const track of stream.getTracks()) {
          const sendEncodings =
            track.kind === 'video' && layers
              ? [{ rid: 'q', scaleResolutionDownBy: 4 }, { rid: 'h', scaleResolutionDownBy: 2 }, { rid: 'f' }]
              : undefined;
          pc.addTransceiver(track, { direction: 'sendonly', streams: [stream], sendEncodings });
        }
      } else {
        const element = document.createElement('video');
        element.autoplay = true;
        document.body.append(element);
        element.srcObject = new MediaStream();
        pc.ontrack = ({ track }) => element.srcObject.addTrack(track);
        const presented = () => {
          plain.frames += 1;
          element.requestVideoFrameCallback(presented);
        };
        element.requestVideoFrameCallback(presented);
        pc.addTransceiver('audio', { direction: 'recvonly' });
        pc.addTransceiver('video', { direction: 'recvonly' });
      }
      await pc.setLocalDescription();
      const response = await fetch(url, {
        method: 'POST',
        headers: { Authorization: auth, 'Content-Type': 'application/sdp' },
        body: pc.localDescription.sdp,
      });
      const body = await response.text();
      const location = response.headers.get('Location');
      plain.session = location && new URL(location, url).href;
      plain.etag = response.headers.get('ETag');
      if (response.status === 201) {
        await pc.setRemoteDescription({ type: 'answer', sdp: body });
      }
      return { status: response.status, retry: response.headers.get('Retry-After'), body };
    },
    front.http + path,
    authorization,
    simulcast,
  );
  return { page, authorization, answer };
}

/** Of the page's session: the status. */
const change = ({ page, authorization }, method, headers = {}, body = undefined) =>
  page.run(
    async (verb, more, auth, content) =>
      (await fetch(plain.session, { method: verb, headers: { Authorization: auth, ...more }, body: content }))
        .status,
    method,
    headers,
    authorization,
    body ?? null,
  );

/** Waits until the page got more pictures and sound. */
async function plays({ page }) {
  const before = await page.run(() => plain.frames);
  await page.until(`plays pictures (${before} before)`, (least) => plain.frames >= least, before + 5);
  await page.until('plays sound', async () => {
    const report = await plain.pc.getStats();
    return [...report.values()].some(
      ({ type, kind, totalAudioEnergy }) =>
        type === 'inbound-rtp' && kind === 'audio' && totalAudioEnergy > 0,
    );
  });
}

for (const [name, at] of [['the same', 0], ['another', 1]]) {
  test(`published by WHIP through ${name} orchestrator, seen, heard, and ended`, async () => {
    const anna = await stage.enter('anna', { front: fronts[0] });
    const obs = await connect('obs', '/whip/v1', { front: fronts[at], simulcast: at === 1 });
    assert.equal(obs.answer.status, 201, obs.answer.body);
    assert.match(obs.answer.body, /^a=candidate:/m);
    await anna.sees('obs');
    await anna.hears('obs');

    const fragment = { 'Content-Type': 'application/trickle-ice-sdpfrag' };
    const [ufrag, etag] = await obs.page.run(() => [
      plain.pc.localDescription.sdp.match(/a=ice-ufrag:.*/)[0],
      plain.etag,
    ]);
    assert.equal(await change(obs, 'PATCH', { ...fragment, 'If-Match': etag }, `${ufrag}\r\n`), 204);
    assert.equal(await change(obs, 'PATCH', { ...fragment, 'If-Match': '*' }, 'a=ice-ufrag:new\r\n'), 422);
    await anna.sees('obs');

    assert.equal(await change(obs, 'DELETE'), 200);
    await anna.until('obs is gone', () => me.count('participantDisconnected') === 1);
    assert.equal(await change(obs, 'DELETE'), 404);
  });

  test(`published by livekit-client, played by WHEP through ${name} orchestrator`, async () => {
    const early = await connect('early', '/whep/v1', { front: fronts[at] });
    assert.equal(early.answer.status, 409);
    assert.ok(Number(early.answer.retry) > 0);

    const anna = await stage.enter('anna', { camera: true, tone: true, front: fronts[0] });
    const player = await connect('player', '/whep/v1', { front: fronts[at] });
    assert.equal(player.answer.status, 201, player.answer.body);
    await plays(player);
    assert.equal(await change(player, 'DELETE'), 200);
    await anna.until('the player is gone', () => !me.participant('player'));
  });
}

test('WHIP to WHEP, the one that was asked for', async () => {
  await stage.enter('anna', { camera: true });
  const obs = await connect('obs', '/whip/v1/');
  assert.equal(obs.answer.status, 201, obs.answer.body);
  const bert = await stage.enter('bert');
  await bert.sees('obs');
  const player = await connect('player', '/whep/v1?participant=obs');
  assert.equal(player.answer.status, 201, player.answer.body);
  await plays(player);
  assert.equal(await change(obs, 'DELETE'), 200);
  await bert.until('the player is gone, with what it played', () => !me.participant('player'));
  const nobody = await connect('other', '/whep/v1?participant=nobody');
  assert.equal(nobody.answer.status, 409);
});

test('a page of another origin', async (t) => {
  const elsewhere = createServer((_, response) => response.end());
  await once(elsewhere.listen(0, '127.0.0.1'), 'listening');
  t.after(() => elsewhere.close());
  const home = { page: `http://127.0.0.1:${elsewhere.address().port}/` };
  const early = await connect('early', '/whep/v1', { home });
  assert.equal(early.answer.status, 409);
  assert.ok(Number(early.answer.retry) > 0, 'it reads when to come again');
  const obs = await connect('obs', '/whip/v1', { home });
  assert.equal(obs.answer.status, 201, obs.answer.body);
  assert.match(await obs.page.run(() => plain.etag), /^"\w+"$/);
  assert.equal(await change(obs, 'DELETE'), 200); // at the Location that it read
});

test('a publisher that goes without a word does not stay', async () => {
  const anna = await stage.enter('anna');
  const obs = await connect('obs', '/whip/v1');
  assert.equal(obs.answer.status, 201, obs.answer.body);
  await anna.sees('obs');
  await obs.page.close();
  await poll('obs is gone', 60_000, () => anna.run(() => me.count('participantDisconnected') === 1));
});

test('what is refused, and how', async () => {
  const url = `${fronts[0].http}/whip/v1`;
  const post = async (path, headers, body = 'v=0\r\n') => {
    const response = await fetch(url + path, { method: 'POST', headers, body });
    await response.text();
    return response.status;
  };
  const type = { 'Content-Type': 'application/sdp' };
  const auth = { Authorization: await bearer('obs') };
  assert.equal(await post('', type), 401);
  assert.equal(await post('', { ...type, Authorization: 'Bearer x.y.z' }), 401);
  assert.equal(await post('', { ...type, Authorization: await bearer('obs', { canPublish: false }) }), 403);
  assert.equal(await post('/attic', { ...type, ...auth }), 403);
  assert.equal(await post('', { ...auth, 'Content-Type': 'application/json' }), 415);
  assert.equal(await post('', { ...type, ...auth }), 400);
  assert.equal(await post(`/${stage.room}`, { ...type, ...auth }), 400);
  assert.equal(await post('', { ...type, ...auth }, 'x'.repeat(100_000)), 413);
  for (const method of ['DELETE', 'PATCH']) {
    const headers = { ...auth, 'Content-Type': 'application/trickle-ice-sdpfrag', 'If-Match': '*' };
    const body = method === 'PATCH' ? 'a=ice-ufrag:a\r\n' : undefined;
    assert.equal((await fetch(`${url}/sessions/none`, { method, headers, body })).status, 404);
  }
  const get = await fetch(url, { headers: auth });
  assert.equal(get.status, 405);
  assert.match(get.headers.get('Allow'), /POST/);
  const options = await fetch(url, { method: 'OPTIONS' });
  assert.equal(options.status, 204);
  assert.equal(options.headers.get('Access-Control-Allow-Origin'), '*');
});

test('the orchestrator of a publisher is killed: his media go on, and end with him', async () => {
  const anna = await stage.enter('anna', { front: fronts[0] });
  const obs = await connect('obs', '/whip/v1', { front: fronts[1] });
  assert.equal(obs.answer.status, 201, obs.answer.body);
  await anna.sees('obs');
  await stage.cluster.processes.find(({ name }) => name === fronts[1].name).kill();
  await sleep(2000); // by now its loss is known
  await anna.sees('obs', 'camera', 75);
  await anna.hears('obs');
  assert.equal(await anna.run(() => me.count('participantDisconnected')), 0);
  await obs.page.close();
  await poll('obs is gone', 60_000, () => anna.run(() => me.count('participantDisconnected') === 1));
});
