// SPDX-License-Identifier: Apache-2.0
//
// Goal: a planned move loses nothing. The old node serves until the client's media reach the new
// one, which goes on at the very next packet: ten times in a row, with simulcast, congestion control
// and data under way.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { allArrived, chatter, portsForMoves, unnoticedMoves } from './lib/moving.mjs';
import { Stage, everybodyMeets } from './lib/stage.mjs';

const MOVES = 10;
const stage = await Stage.open({ ports: portsForMoves(MOVES) });

const packetsSent = (person) =>
  person.run(async () => {
    const streams = await me.streams();
    const video = streams.filter(({ type, kind }) => type === 'outbound-rtp' && kind === 'video');
    return Object.fromEntries(video.map(({ rid, packetsSent }) => [rid, packetsSent]));
  });

test('ten moves of a call in a row', async (t) => {
  const people = [];
  for (const identity of ['anna', 'bert']) {
    const person = await stage.enter(identity, { tone: true });
    await person.run(() => me.publishCanvas({ width: 640, height: 360 }));
    people.push(person);
  }
  const [anna, bert] = people;
  await everybodyMeets(people, 60);
  const stop = await chatter(anna);
  const rate = await anna.run(() => me.uplinkBps());
  const layers = await packetsSent(anna);

  await unnoticedMoves(t, stage, people, MOVES);

  await allArrived(bert, await stop());
  const now = await packetsSent(anna);
  assert.deepEqual(Object.keys(now), Object.keys(layers));
  for (const rid of Object.keys(now)) {
    assert.ok(now[rid] > layers[rid] + 50, `layer ${rid}: ${layers[rid]}, then ${now[rid]} packets`);
  }
  const rateNow = await anna.run(() => me.uplinkBps());
  t.diagnostic(`estimate of the uplink: ${rate} before, ${rateNow} after`);
  assert.ok(rateNow > 0.8 * rate, 'congestion control has begun anew');
});
