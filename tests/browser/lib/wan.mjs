// SPDX-License-Identifier: Apache-2.0
//
// A cluster over the two regions of tests/link/in_regions: two nodes each, three orchestrators, Redis
// in eu; and a browser in each.
import { openChromiumIn } from './browsers.mjs';
import { emulatedRegions } from './cluster.mjs';
import { bringTo } from './spread.mjs';
import { Stage } from './stage.mjs';

/** {stage, at(node, identity, how)}: at is somebody in the region of that node, on it. */
export async function openRegions() {
  const stage = await Stage.open({
    places: emulatedRegions(),
    nodes: ['eu', 'eu', 'us', 'us'],
    orchestrators: ['eu', 'us', 'eu'],
    browsers: [() => openChromiumIn('eu'), () => openChromiumIn('us')],
  });
  const [eu, us, eu2] = stage.cluster.orchestrators;
  const fronts = { 'node-1': eu, 'node-2': eu2, 'node-3': us, 'node-4': us };
  const at = async (node, identity, how = {}) => {
    const front = fronts[node];
    const browser = stage.browsers[front.region === 'eu' ? 0 : 1];
    return bringTo(stage, await stage.enter(identity, { ...how, front, browser }), node);
  };
  return { stage, at };
}
