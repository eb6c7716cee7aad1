// SPDX-License-Identifier: Apache-2.0
//
// Goal: a room moves from node to node in the middle of a call, and its people notice nothing:
// pictures go on within 600 ms, no reliable message is lost or doubled, no client reconnects. The
// same when its node dies.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  GAP_MS_MAX,
  allArrived,
  chatter,
  killNode,
  longestGap,
  move,
  undisturbed,
} from './lib/moving.mjs';
import { Stage, everybodyMeets } from './lib/stage.mjs';

// With two addresses a node, a client knows all there are after three moves.
const stage = await Stage.open({ ports: 2 });
const both = { camera: true, tone: true };

test('three moves in a row, and one more than the nodes have addresses', async (t) => {
  const people = [await stage.enter('anna', both), await stage.enter('bert', both)];
  const [anna, bert] = people;
  await everybodyMeets([anna, bert], 15);
  const stop = await chatter(anna);
  for (let round = 1; round <= 3; round++) {
    const gap = await move(stage, people);
    t.diagnostic(`move ${round}: longest gap between pictures ${gap.toFixed(0)} ms`);
    assert.ok(gap < GAP_MS_MAX, `move ${round}: a gap of ${gap.toFixed(0)} ms`);
  }
  await undisturbed(people);

  // Their ICE has to restart, with which they can be moved again.
  const gap = await move(stage, people);
  t.diagnostic(`move 4: longest gap between pictures ${gap.toFixed(0)} ms`);
  for (const person of people) {
    await person.until('resumed', () => me.count('reconnected') === 1);
    assert.equal(await person.count('reconnecting'), 0, 'a full reconnect');
  }
  assert.ok((await move(stage, people)) < GAP_MS_MAX);
  await allArrived(bert, await stop());
});

test('after a move everything else still works', async () => {
  const anna = await stage.enter('anna', both);
  const bert = await stage.enter('bert', both);
  await anna.sees('bert');
  await bert.sees('anna');
  await move(stage, [anna, bert]);

  const carla = await stage.enter('carla', both); // who joins on the new node
  await carla.sees('anna');
  await anna.sees('carla');
  await anna.run(() => me.room.localParticipant.setCameraEnabled(false).then(() => 0));
  await carla.until('muted', () => me.publication('anna', 'camera').isMuted);
  await anna.run(() => me.room.localParticipant.setCameraEnabled(true).then(() => 0));
  await carla.sees('anna');
  await bert.run(() =>
    me.publishCanvas({ width: 320, height: 180, name: 'slides', source: 'screen_share' }),
  );
  await anna.sees('bert', 'screen_share');
  await anna.run(() => me.room.simulateScenario('signal-reconnect').then(() => 0));
  await anna.until('resumed', () => me.count('reconnected') === 1);
  await carla.sees('anna');
  await anna.sees('carla');
});

test('a room of three with simulcast moves', async (t) => {
  const people = [];
  for (const identity of ['anna', 'bert', 'carla']) {
    const person = await stage.enter(identity, { microphone: true });
    await person.run(() => me.publishCanvas({ width: 640, height: 360 }));
    people.push(person);
  }
  await everybodyMeets(people, 60); // estimates have risen, and everybody has the layers that stay
  const stop = await chatter(people[0]);
  const gap = await move(stage, people);
  t.diagnostic(`longest gap between pictures ${gap.toFixed(0)} ms`);
  assert.ok(gap < GAP_MS_MAX, `a gap of ${gap.toFixed(0)} ms`);
  const sent = await stop();
  await allArrived(people[1], sent);
  await allArrived(people[2], sent);
  await undisturbed(people);
});

// The last test of the file: one node is left.
test('the node of a call is killed', async (t) => {
  const anna = await stage.enter('anna', both);
  const bert = await stage.enter('bert', both);
  await everybodyMeets([anna, bert], 60); // as above
  const stop = await chatter(anna);
  const gap = await longestGap([anna, bert], () => killNode(stage));
  t.diagnostic(`longest gap between pictures ${gap.toFixed(0)} ms`);
  assert.ok(gap < GAP_MS_MAX, `a gap of ${gap.toFixed(0)} ms`);
  await allArrived(bert, await stop());
  await undisturbed([anna, bert]);
});
