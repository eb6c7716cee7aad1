// SPDX-License-Identifier: Apache-2.0
//
// Goal: a page without an SDK publishes by WHIP and plays by WHEP, through the room's owner and
// through another orchestrator, and meets people of livekit-client there.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { authorizationOf, change, connect as plainConnect, plays } from './lib/plain.mjs';
import { poll } from './lib/poll.mjs';
import { Stage } from './lib/stage.mjs';

// Who joins first does so in eu, where one is alone: the owner.
const stage = await Stage.open({ orchestrators: ['eu', 'us'], nodes: ['eu', 'eu'] });
const fronts = stage.cluster.orchestrators;
const bearer = (identity, grants) => authorizationOf(stage, identity, grants);
const connect = (who, path, how) => plainConnect(stage, who, path, how);

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
    assert.equal(await change(obs, 'PATCH', { ...fragment, 'If-Match': '*' }, 'a=ice-ufrag:new\r\n'), 400);
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

test('the orchestrator of a publisher is killed: his media go on; who goes without a word does not stay', async () => {
  const anna = await stage.enter('anna', { front: fronts[0] });
  const publishers = { cam: fronts[0], obs: fronts[1] };
  const pages = [];
  for (const [name, front] of Object.entries(publishers)) {
    const { answer, page } = await connect(name, '/whip/v1', { front });
    assert.equal(answer.status, 201, answer.body);
    await anna.sees(name);
    pages.push(page);
  }
  await stage.cluster.processes.find(({ name }) => name === fronts[1].name).kill();
  await sleep(2000); // by now its loss is known
  await anna.sees('obs', 'camera', 75);
  await Promise.all(Object.keys(publishers).map((name) => anna.hears(name)));
  assert.equal(await anna.run(() => me.count('participantDisconnected')), 0);
  await Promise.all(pages.map((page) => page.close()));
  for (const name of Object.keys(publishers)) {
    await poll(`${name} is gone`, 60_000, () => anna.run((who) => !me.participant(who), name));
  }
  assert.equal(await anna.run(() => me.count('participantDisconnected')), 2);
});
