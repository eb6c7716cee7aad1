// SPDX-License-Identifier: Apache-2.0
//
// What holds for a room that is spread over four nodes in two regions, wherever these are.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { allArrived, chatter, undisturbed } from './moving.mjs';
import { everybodyMeets } from './stage.mjs';

/** Moves somebody to a node, unless they are there. */
export async function bringTo(stage, person, node) {
  const { node_name: now } = await stage.cluster.admin(
    'GET',
    `rooms/${stage.room}/participants/${person.identity}`,
  );
  if (now !== node) {
    await stage.cluster.moveParticipant(stage.room, person.identity, node);
  }
  return person;
}

async function fourPeopleMeet(stage, at) {
  const people = [];
  for (const [i, identity] of ['anna', 'bert', 'carla', 'dora'].entries()) {
    people.push(await at(`node-${i + 1}`, identity, { camera: true, tone: true }));
  }
  const { nodes } = await stage.cluster.admin('GET', `rooms/${stage.room}`);
  assert.deepEqual(nodes.map(({ participants }) => participants), [1, 1, 1, 1]);
  await everybodyMeets(people);
  const stop = await chatter(people[0]);
  await everybodyMeets(people);
  const sent = await stop();
  for (const person of people.slice(1)) {
    await allArrived(person, sent);
  }
  await undisturbed(people);
}

/** Packets that these nodes have sent on to others. */
async function relayed(stage, ...nodes) {
  const all = await Promise.all(nodes.map((node) => stage.cluster.metrics(node)));
  const name = (metrics) => Object.keys(metrics).find((one) => one.endsWith('relay_out_total'));
  return all.reduce((sum, metrics) => sum + metrics[name(metrics)], 0);
}

async function onlyWatchedCrosses(t, stage, at) {
  const publisher = await at('node-1', 'anna');
  const viewers = [await at('node-3', 'bert'), await at('node-4', 'carla')];
  await publisher.run(() => me.publishCanvas({ width: 640, height: 360 }));
  for (const viewer of viewers) {
    await viewer.sees('anna', 'camera', 30);
  }
  const counts = () => Promise.all([
    viewers[0].received('anna').then(({ packetsReceived }) => packetsReceived),
    relayed(stage, 'node-1'),
    relayed(stage, 'node-3', 'node-4'), // one of them is the hub of the viewers' region
  ]);
  const before = await counts();
  await viewers[0].sees('anna', 'camera', 60);
  const after = await counts();
  const [got, crossed, onward] = after.map((now, i) => now - before[i]);
  t.diagnostic(`${got} packets came, ${crossed} crossed between regions, ${onward} went on`);
  for (const sent of [crossed, onward]) { // padding and what is on its way make the difference
    assert.ok(sent > 0.7 * got && sent < 1.4 * got, `${sent} relayed for ${got} received`);
  }

  const watch = (viewer, on) =>
    viewer.run((yes) => me.publication('anna', 'camera').setEnabled(yes), on);
  await Promise.all(viewers.map((viewer) => watch(viewer, false)));
  await sleep(2500); // the layer may be kept for 2 s
  const quiet = (await counts()).slice(1);
  await sleep(2000);
  assert.deepEqual((await counts()).slice(1), quiet);

  await watch(viewers[1], true);
  await viewers[1].sees('anna', 'camera', 10);
  assert.ok((await relayed(stage, 'node-1')) > quiet[0]);
}

/** at(node, identity, how): somebody on that node, in its region. */
export function testOneRoom(stage, at) {
  test('four people on four nodes in two regions', () => fourPeopleMeet(stage, at));
  test('one copy of what is watched crosses, and nothing of what is not', (t) =>
    onlyWatchedCrosses(t, stage, at));
}
