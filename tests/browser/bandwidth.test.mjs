// SPDX-License-Identifier: Apache-2.0
//
// Goal: a viewer whose network takes 500 kbit/s hears everything and gets the layer that fits; when
// it takes 5 Mbit/s, it gets the best one. The publisher is beside the node, the viewer beyond an
// emulated link (tests/link/in_regions).
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { openChromiumIn } from './lib/browsers.mjs';
import { emulatedRegions } from './lib/cluster.mjs';
import { WIDTH, enterNoisy, received } from './lib/noise.mjs';
import { poll } from './lib/poll.mjs';
import { Stage } from './lib/stage.mjs';

const stage = await Stage.open({
  places: emulatedRegions(),
  nodes: ['eu'],
  orchestrators: ['eu', 'us'],
  browsers: [() => openChromiumIn('eu'), () => openChromiumIn('us')],
});
const [near, far] = stage.cluster.orchestrators;
const STEADY_MS = 6_000;

/** What the node's region sends to the viewer's. */
const link = (settings) => writeFile(process.env.SPILLWAY_LINK_CONTROL, `eu ${settings}\n`);

async function getsWhatFits(t, { withoutTransportCc, bestWithinMs }) {
  await enterNoisy(stage, 'anna', { browser: stage.browsers[0], front: near });
  const bert = await stage.visitor('bert', { browser: stage.browsers[1], front: far });
  await link('rate 500kbit');
  const token = await stage.cluster.token(stage.room, 'bert');
  await bert.run(
    (url, jwt, without) => {
      me.withoutTransportCc = without;
      return me.join(url, jwt, {}, {});
    },
    far.ws,
    token,
    withoutTransportCc,
  );
  await bert.sees('anna', 'camera', 10);
  await bert.hears('anna');
  await sleep(3_000);

  const before = await received(bert, 'anna');
  await sleep(STEADY_MS);
  const after = await received(bert, 'anna');
  const made = (after.made - before.made) / 48;
  const frames = after.framesDecoded - before.framesDecoded;
  t.diagnostic(`500 kbit/s: ${after.frameWidth} wide, ${frames} frames in ${STEADY_MS} ms; ` +
    `sound lost ${after.lost - before.lost} packets, made up ${made.toFixed(0)} ms`);
  assert.ok(after.frameWidth > 0 && after.frameWidth < WIDTH, `${after.frameWidth} wide`);
  assert.ok(frames > (STEADY_MS / 1000) * 10, `${frames} frames`);
  assert.equal(after.lost - before.lost, 0);
  assert.ok(made < STEADY_MS / 100, `${made} ms of sound made up`);

  await link('rate 5mbit');
  const opened = Date.now();
  await poll('the best layer', bestWithinMs, async () => (await received(bert, 'anna')).frameWidth === WIDTH);
  t.diagnostic(`5 Mbit/s: ${WIDTH} wide after ${Date.now() - opened} ms`);
}

test('a viewer gets what fits through 500 kbit/s, then through 5 Mbit/s', (t) =>
  getsWhatFits(t, { withoutTransportCc: false, bestWithinMs: 15_000 }));

// Its estimate rises by 8 % a second at most.
test('so does one that gives REMB alone, in its time', (t) =>
  getsWhatFits(t, { withoutTransportCc: true, bestWithinMs: 120_000 }));
