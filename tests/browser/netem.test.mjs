// SPDX-License-Identifier: Apache-2.0
//
// Goal: what a viewer in real Chromium gets through emulated links (tests/link/in_regions): one that
// narrows and widens, one that loses, a long one, and one that is shared. The publisher is beside the
// node, the viewers beyond the link. Figures are printed in a table beside what is wanted; on a busy
// machine the encoder and the players add to them, so only what no load excuses fails.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { after, afterEach, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { openChromiumIn } from './lib/browsers.mjs';
import { emulatedRegions } from './lib/cluster.mjs';
import { WIDTH, enterNoisy, received } from './lib/noise.mjs';
import { poll } from './lib/poll.mjs';
import { Report } from './lib/report.mjs';
import { Stage } from './lib/stage.mjs';

const places = emulatedRegions();
const stage = await Stage.open({
  places,
  nodes: ['eu'],
  orchestrators: ['eu', 'us'],
  browsers: [() => openChromiumIn('eu'), () => openChromiumIn('us')],
});
const [near, far] = stage.cluster.orchestrators;
const ROUND_TRIP = 'delay 20ms';
const WATCHED_MS = 20_000;
const WANTED_BPS = 1_250_000; // the best layer and the tone

const most = (ms) => ({ of: 'max', most: ms, gate: false });
const report = new Report({
  step: { 'lower layer, ms': most(3_000), 'best layer again, ms': most(8_000), 'frozen, ms': most(1_000) },
  loss: { 'longest gap of picture, ms': most(500), 'sound made up, permille': most(30) },
  far: { 'best layer after the join, ms': most(4_000) },
  steady: { 'estimate off the link, %': most(15) },
  tcp: { 'short of what it would take, %': most(33) },
  calls: { 'off a fair share, %': most(33) },
});
after(async () => {
  console.log(`\n${report.table()}\n${report.where(stage.browsers[0].version)}\n`);
});
afterEach(() => link(`rate none loss 0% ${ROUND_TRIP}`));

/** What the node's region sends to the viewers'. */
const link = (settings) => writeFile(process.env.SPILLWAY_LINK_CONTROL, `eu ${settings}\n`);
const publisher = () => enterNoisy(stage, 'anna', { browser: stage.browsers[0], front: near });

async function viewer(identity) {
  const person = await stage.visitor(identity, { browser: stage.browsers[1], front: far });
  const token = await stage.cluster.token(stage.room, identity);
  person.joined = Date.now();
  await person.run((url, jwt) => me.join(url, jwt, {}, {}), far.ws, token);
  return person;
}

/** How long from `since` until the picture's width is that; NaN if it does not come. */
async function until(person, since, fits) {
  try {
    await poll('a layer', 30_000, async () => fits((await received(person, 'anna')).frameWidth));
    return Date.now() - since;
  } catch {
    return NaN;
  }
}
const best = (width) => width === WIDTH;

/** What came to somebody meanwhile. */
async function meanwhile(person, act) {
  const from = await person.run(() => performance.now());
  const before = await received(person, 'anna');
  const start = Date.now();
  await act();
  const now = await received(person, 'anna');
  const gap = await person.run((since) => me.longestGap('anna', 'camera', since), from);
  const bps = ((now.bytes - before.bytes) * 8000) / (Date.now() - start);
  const permille = (1000 * (now.made - before.made)) / (now.samples - before.samples);
  const frames = now.framesDecoded - before.framesDecoded;
  return { gap, bps, permille, frames, frozenMs: now.frozenMs - before.frozenMs, lost: now.lost - before.lost };
}

test('from 2 Mbit/s to 500 kbit/s and back', async () => {
  await publisher();
  await link('rate 2mbit');
  const bert = await viewer('bert');
  assert.ok(await until(bert, bert.joined, best), 'the best layer fits through 2 Mbit/s');
  await sleep(5_000);
  const seen = await meanwhile(bert, async () => {
    let changed = Date.now();
    await link('rate 500kbit');
    report.add('step', 'lower layer, ms', await until(bert, changed, (width) => !best(width)));
    await sleep(10_000);
    changed = Date.now();
    await link('rate 2mbit');
    report.add('step', 'best layer again, ms', await until(bert, changed, best));
  });
  report.add('step', 'frozen, ms', seen.frozenMs);
  report.add('step', 'sound made up, permille', seen.permille);
  assert.ok(seen.frames > 0);
});

test('one packet in ten is lost', async () => {
  await publisher();
  const bert = await viewer('bert');
  await until(bert, bert.joined, best);
  await link('loss 10%');
  await sleep(3_000);
  const { gap, permille, frames, lost } = await meanwhile(bert, () => sleep(WATCHED_MS));
  report.add('loss', 'longest gap of picture, ms', gap);
  report.add('loss', 'sound made up, permille', permille);
  report.add('loss', 'frames a second', (frames * 1000) / WATCHED_MS);
  assert.ok(lost > 0, 'something was lost');
});

test('a round trip of 300 ms', async () => {
  await publisher();
  await link('delay 150ms');
  await writeFile(process.env.SPILLWAY_LINK_CONTROL, 'us delay 150ms\n');
  const bert = await viewer('bert');
  const came = await until(bert, bert.joined, best);
  report.add('far', 'best layer after the join, ms', came);
  assert.ok(came > 0, 'the best layer comes');
  await writeFile(process.env.SPILLWAY_LINK_CONTROL, `us ${ROUND_TRIP}\n`);
});

test('a link of 800 kbit/s is known', async () => {
  await publisher();
  await link('rate 800kbit');
  const bert = await viewer('bert');
  await bert.sees('anna', 'camera', 10);
  await sleep(10_000);
  for (let i = 0; i < 5; i++) {
    const { estimate_bits_per_second: bps } = await stage.cluster.admin(
      'GET', `rooms/${stage.room}/participants/bert/stats`);
    report.add('steady', 'estimate off the link, %', Math.abs(100 * (bps / 800_000 - 1)));
    assert.ok(bps > 0, 'something is estimated');
    await sleep(5_000); // as often as it is told
  }
});

/** A TCP flow through the link, towards the viewers, for so long; resolves with its rate. */
async function tcpFlow(ms) {
  const serve = `const { createServer } = require('net');
    createServer((s) => { const more = () => { while (s.write(Buffer.alloc(65536))); }; s.on('drain', more); s.on('error', () => {}); more(); })
      .listen(7099, '${places.eu.address}')`;
  const take = `let n = 0; require('net').connect(7099, '${places.eu.address}').on('data', (d) => { n += d.length; });
    setTimeout(() => { console.log(n); process.exit(); }, ${ms})`;
  const run = (place, code) => {
    const [program, ...words] = [...place.enter, process.execPath, '-e', code];
    return spawn(program, words, { stdio: ['ignore', 'pipe', 'inherit'] });
  };
  const server = run(places.eu, serve);
  await sleep(500);
  const client = run(places.us, take);
  let out = '';
  client.stdout.on('data', (text) => { out += text; });
  await new Promise((resolve) => client.once('exit', resolve));
  server.kill();
  return (Number(out) * 8000) / ms;
}

const offFair = (mine, other) => Math.abs(100 * ((2 * mine) / (mine + other) - 1));

test('beside a TCP flow, through 3 Mbit/s', async () => { // half of it takes the best layer
  await publisher();
  await link('rate 3mbit');
  const bert = await viewer('bert');
  await until(bert, bert.joined, best);
  let tcp;
  const { bps } = await meanwhile(bert, async () => { tcp = await tcpFlow(2 * WATCHED_MS); });
  assert.ok(bps > 0 && tcp > 0, 'both flow');
  report.add('tcp', 'kbit/s of the call', bps / 1000);
  report.add('tcp', 'kbit/s of TCP', tcp / 1000);
  report.add('tcp', 'short of what it would take, %', Math.max(0, 100 * (1 - bps / WANTED_BPS)));
});

test('two calls through 2 Mbit/s', async () => {
  await publisher();
  await link('rate 2mbit');
  const people = [await viewer('bert'), await viewer('carla')];
  await Promise.all(people.map((person) => person.sees('anna', 'camera', 10)));
  await sleep(10_000);
  const [{ bps: bert }, { bps: carla }] = await Promise.all(
    people.map((person) => meanwhile(person, () => sleep(WATCHED_MS))));
  assert.ok(bert > 0 && carla > 0, 'both flow');
  report.add('calls', 'kbit/s of one', bert / 1000);
  report.add('calls', 'kbit/s of the other', carla / 1000);
  report.add('calls', 'off a fair share, %', offFair(bert, carla));
});
