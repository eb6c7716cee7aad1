// SPDX-License-Identifier: Apache-2.0
//
// Goal: pages without an SDK that publish and play keep their calls when their network changes, and
// restart ICE, and when they are moved.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { killNode, moveAll } from './lib/moving.mjs';
import { change, connect as plainConnect, plays, restart, restarted } from './lib/plain.mjs';
import { Stage } from './lib/stage.mjs';

// Who joins first does so in eu, where one is alone: the owner.
const stage = await Stage.open({ orchestrators: ['eu', 'us'], nodes: ['eu', 'eu'] });
const fronts = stage.cluster.orchestrators;
const connect = (who, path) => plainConnect(stage, who, path, { front: fronts[1] });

test('ICE restarts of a publisher and of a player, twice', async () => {
  const fragment = { 'Content-Type': 'application/trickle-ice-sdpfrag' };
  const obs = await connect('obs', '/whip/v1');
  assert.equal(obs.answer.status, 201, obs.answer.body);
  const anna = await stage.enter('anna');
  await anna.sees('obs');
  const player = await connect('player', '/whep/v1');
  assert.equal(player.answer.status, 201, player.answer.body);
  await plays(player);
  for (let round = 0; round < 2; round++) {
    for (const who of [obs, player]) {
      const { status, renewed, old, ufrag } = await restart(who);
      assert.equal(status, 200);
      assert.ok(renewed, 'credentials and an ETag that are new');
      assert.equal(await change(who, 'PATCH', { ...fragment, 'If-Match': old }, ufrag), 412);
      const etag = await who.page.run(() => plain.etag);
      assert.equal(await change(who, 'PATCH', { ...fragment, 'If-Match': etag }, ufrag), 204);
      await restarted(who);
    }
    await anna.sees('obs', 'camera', 15);
    await anna.hears('obs');
    await plays(player);
  }
  assert.equal(await anna.run(() => me.count('participantDisconnected')), 0);
  assert.equal(await change(player, 'DELETE'), 200);
  assert.equal(await change(obs, 'DELETE'), 200);
});

/** Notes every state of the page's connection that is not connected, from now on. */
const watch = ({ page }) =>
  page.run(() => {
    plain.states = [];
    const note = ({ target }) => plain.states.push(target.connectionState);
    plain.pc.addEventListener('connectionstatechange', note);
    return plain.pc.connectionState;
  });

// The last test of the file: one node is left.
test('a publisher and a player are moved, and again when their node is killed', async () => {
  const anna = await stage.enter('anna', { front: fronts[0] });
  const obs = await connect('obs', '/whip/v1');
  assert.equal(obs.answer.status, 201, obs.answer.body);
  await anna.sees('obs');
  const player = await connect('player', '/whep/v1');
  assert.equal(player.answer.status, 201, player.answer.body);
  await plays(player);
  for (const who of [obs, player]) {
    assert.equal(await watch(who), 'connected');
  }
  await moveAll(stage);
  await anna.sees('obs');
  await plays(player);
  await killNode(stage);
  await anna.sees('obs', 'camera', 45); // 3 s: who has not arrived by then is given up
  await anna.hears('obs');
  await plays(player);
  for (const who of [obs, player]) {
    assert.deepEqual(await who.page.run(() => plain.states), []);
  }
  assert.equal((await restart(obs)).status, 200); // with candidates of the node that it is on now
  await restarted(obs);
  await anna.sees('obs');
  assert.equal(await anna.run(() => me.count('participantDisconnected')), 0);
});
