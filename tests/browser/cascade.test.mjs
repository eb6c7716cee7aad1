// SPDX-License-Identifier: Apache-2.0
//
// Goal: one room over four nodes in two regions is one room: everybody sees and hears everybody,
// data included; between nodes one copy of what is watched crosses, and nothing of what is not.
import { test } from 'node:test';
import { undisturbed } from './lib/moving.mjs';
import { bringTo, testOneRoom } from './lib/spread.mjs';
import { Stage, everybodyMeets } from './lib/stage.mjs';

const stage = await Stage.open({ nodes: ['eu', 'eu', 'us', 'us'] });
const both = { camera: true, tone: true };

/** Somebody on that node. */
const at = async (node, identity, how) => bringTo(stage, await stage.enter(identity, how), node);

testOneRoom(stage, at);

test('somebody moves between regions, and back', async () => {
  const anna = await at('node-1', 'anna', both);
  const bert = await at('node-3', 'bert', both);
  await everybodyMeets([anna, bert]);
  for (const node of ['node-4', 'node-2']) {
    await stage.cluster.moveParticipant(stage.room, 'anna', node);
    await everybodyMeets([anna, bert]);
  }
  await undisturbed([anna, bert]);
});
