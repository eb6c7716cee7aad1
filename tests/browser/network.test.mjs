// SPDX-License-Identifier: Apache-2.0
//
// Goal: a client whose network changes during a call keeps it, its WebSocket changing as well as its
// media: its SDK resumes, nobody starts over or notices more than a gap, and everything reliable that
// is sent to it arrives. The system aborts the connections of an address that is gone, as phones do,
// so the SDK knows at once; elsewhere it does when the ping's timeout is over, 15 s later.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { openChromium, openChromiumIn } from './lib/browsers.mjs';
import { allArrived, chatter, longestGap } from './lib/moving.mjs';
import { poll } from './lib/poll.mjs';
import { Stage } from './lib/stage.mjs';

const HOST = '203.0.113.1'; // tests/browser/in_networks
const GAP_MS_MAX = 8_000; // Chromium alone takes 2 s to look for addresses, the SDK as long to be content

const stage = await Stage.open({
  places: { here: { address: HOST, listen: '0.0.0.0', enter: [] } },
  nodes: ['here'],
  orchestrators: ['here'],
});
const { port } = stage.cluster.orchestrators[0];
const front = { page: `http://${HOST}:${port}/`, ws: `ws://${HOST}:${port}` };
// Pages have the rights of secure ones only from loopback, which is another one there.
const secure = `--unsafely-treat-insecure-origin-as-secure=http://${HOST}:${port}`;
stage.browsers.push(await openChromiumIn('client', [secure]));
const both = { camera: true, tone: true };

/** A command in the client's namespace. */
const client = (command) =>
  promisify(execFile)('nsenter', ['--net=/run/netns/client', ...command.split(' ')]);

/** Anna's network changes, to that address, while she and Bert talk. */
async function change(t, address, act) {
  const anna = await stage.enter('anna', { ...both, browser: stage.browsers[1], front });
  const bert = await stage.enter('bert', both);
  await anna.sees('bert');
  await bert.sees('anna');
  const people = [anna, bert];
  const sids = () => Promise.all(people.map((one) => one.run(() => me.sids())));
  const before = await sids();
  const stop = await chatter(bert);
  const gap = await longestGap(people, act);
  t.diagnostic(`longest gap between pictures ${gap.toFixed(0)} ms`);
  await allArrived(anna, await stop());
  assert.ok(gap < GAP_MS_MAX, `a gap of ${gap.toFixed(0)} ms`);
  await poll(`media over ${address}`, 5_000, async () => {
    return (await anna.run(() => me.localCandidate()))?.address === address; // reports lag behind
  });
  assert.deepEqual(await sids(), before);
  for (const event of ['reconnecting', 'signalReconnecting', 'participantDisconnected']) {
    assert.equal(await bert.count(event), 0, `bert: ${event}`);
  }
  for (const person of people) {
    assert.equal(await person.count('disconnected'), 0, person.identity);
    assert.equal(await person.count('trackUnsubscribed'), 0, person.identity);
    assert.deepEqual(await person.run(() => me.errors), []);
  }
}

test('another address', (t) =>
  change(t, '192.0.2.11', async () => {
    await client('ip addr del 192.0.2.10/24 dev wifi');
    await client('ss -K src 192.0.2.10');
    await client('ip addr add 192.0.2.11/24 dev wifi');
    await client('ip route add default via 192.0.2.1');
  }));

test('another network', (t) =>
  change(t, '198.51.100.10', async () => {
    await client('ip addr add 198.51.100.10/24 dev lte');
    await client('ip link set lte up');
    await client('ip link del wifi');
    await client('ss -K src 192.0.2.11');
    await client('ip route add default via 198.51.100.1');
  }));
