// SPDX-License-Identifier: Apache-2.0
//
// How long it takes from the click on Join to the first picture of somebody who is there already:
// Chromium on loopback, a page of its own for each join, the median of 15. A publisher is asked for
// at most one key frame a second, so the joins lie further apart than that.
import { setTimeout as sleep } from 'node:timers/promises';
import { openChromium } from './lib/browsers.mjs';
import { Cluster } from './lib/cluster.mjs';
import { Participant } from './lib/stage.mjs';

const SHORT = 'SPILLWAY_SHORT' in process.env; // only shows that it works: tests/bench/bench.h
const JOINS = SHORT ? 3 : 15;
const APART_MS = 1_200;
const cluster = await Cluster.start();
const chromium = await openChromium();

async function visit(identity) {
  const tab = await chromium.open(`${cluster.http}/`);
  return new Participant(identity, tab);
}

/** Joins, and resolves with the milliseconds until the first picture was shown, and until connected. */
function join(url, token) {
  return new Promise((resolve, reject) => {
    const start = performance.now();
    let connected;
    const room = new lk.Room();
    room.on('trackSubscribed', (track) => {
      if (track.kind === 'video') {
        const element = track.attach();
        document.body.append(element);
        element.requestVideoFrameCallback((now) => resolve({ connected, picture: now - start }));
      }
    });
    room.connect(url, token).then(() => {
      connected = performance.now() - start;
    }, reject);
  });
}

const sorted = (values) => [...values].sort((a, b) => a - b);
const line = (what, values) => {
  const [least, median, most] = [0, Math.floor(JOINS / 2), JOINS - 1].map((i) => sorted(values)[i]);
  console.log(`${what}: median ${median.toFixed(0)} ms (${least.toFixed(0)} to ${most.toFixed(0)})`);
};

if (SHORT) {
  console.log('a short run, whose numbers say nothing');
}
try {
  const host = await visit('host');
  await host.run((url, token) => me.join(url, token), cluster.ws, await cluster.token('r', 'host'));
  await host.run(() => me.publishCanvas({ width: 640, height: 360, fps: 30 }));
  const times = [];
  for (let i = 0; i < JOINS; i++) {
    const guest = await visit(`guest-${i}`);
    times.push(await guest.run(join, cluster.ws, await cluster.token('r', `guest-${i}`)));
    await guest.close();
    await sleep(APART_MS);
  }
  line('join to connected', times.map(({ connected }) => connected));
  line('join to first picture', times.map(({ picture }) => picture));
} finally {
  await chromium.close();
  await cluster.stop();
}
