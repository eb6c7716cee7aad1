// SPDX-License-Identifier: Apache-2.0
//
// Goal: across a WAN of 80 ms, 5 ms of jitter and 1 % loss each way, with people, nodes and
// orchestrators on both sides and Redis on one, one room is one room: everybody sees and hears
// everybody, reliable data come complete and in order, and only what is watched crosses.
import { openChromiumIn } from './lib/browsers.mjs';
import { emulatedRegions } from './lib/cluster.mjs';
import { bringTo, testOneRoom } from './lib/spread.mjs';
import { Stage } from './lib/stage.mjs';

const stage = await Stage.open({
  places: emulatedRegions(),
  nodes: ['eu', 'eu', 'us', 'us'],
  orchestrators: ['eu', 'us', 'eu'],
  browsers: [() => openChromiumIn('eu'), () => openChromiumIn('us')],
});
const [eu, us, eu2] = stage.cluster.orchestrators;
const nodes = { 'node-1': eu, 'node-2': eu2, 'node-3': us, 'node-4': us };

/** Somebody in the region of that node, on it. */
async function at(node, identity, how = {}) {
  const front = nodes[node];
  const browser = stage.browsers[front.region === 'eu' ? 0 : 1];
  return bringTo(stage, await stage.enter(identity, { ...how, front, browser }), node);
}

testOneRoom(stage, at);
