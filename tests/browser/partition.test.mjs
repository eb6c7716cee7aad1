// SPDX-License-Identifier: Apache-2.0
//
// Goal: when the way between two regions is gone for 8 s, people go on hearing those of their own
// side; when it is back, the room is one again, everybody is in it once at every orchestrator, and
// nobody was told that anything happened.
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { RoomServiceClient } from 'livekit-server-sdk';
import { API_KEY, API_SECRET } from './lib/cluster.mjs';
import { allArrived, chatter, undisturbed } from './lib/moving.mjs';
import { poll } from './lib/poll.mjs';
import { everybodyMeets } from './lib/stage.mjs';
import { openRegions } from './lib/wan.mjs';

const { stage, at } = await openRegions();
const CUT_MS = 8_000;

const link = (line) => writeFile(process.env.SPILLWAY_LINK_CONTROL, `${line}\n`);

/** Everybody once, whichever orchestrator is asked. */
async function listed(people) {
  const expected = people.map(({ identity }) => identity).sort();
  for (const { http } of stage.cluster.orchestrators) {
    const service = new RoomServiceClient(http, API_KEY, API_SECRET);
    const list = await service.listParticipants(stage.room);
    assert.deepEqual(list.map(({ identity }) => identity).sort(), expected, http);
  }
}

test('two regions lose each other, and find each other again', async (t) => {
  const people = [];
  for (const [i, identity] of ['anna', 'bert', 'carla', 'dora'].entries()) {
    const person = await at(`node-${i + 1}`, identity, { tone: true });
    await person.run(() => me.publishCanvas({ width: 320, height: 180 }));
    people.push(person);
  }
  await everybodyMeets(people);
  const stops = [await chatter(people[0]), await chatter(people[3])];

  const start = Date.now();
  await link('loss 100%');
  await sleep(CUT_MS / 2); // by now both sides have noticed
  await Promise.all([everybodyMeets(people.slice(0, 2)), everybodyMeets(people.slice(2))]);
  await sleep(Math.max(0, start + CUT_MS - Date.now()));
  await link('loss 1%');
  const healed = Date.now();
  t.diagnostic(`cut off for ${healed - start} ms`);

  await everybodyMeets(people);
  t.diagnostic(`everybody met again after ${Date.now() - healed} ms`);
  // Media are there first: an orchestrator says for as long that it cannot know, and nothing wrong.
  const cutOff = ({ status }) => status === 503;
  await poll('every orchestrator knows the room', 10_000, () =>
    listed(people).then(() => true, (error) => assert.ok(cutOff(error), error)),
  );
  t.diagnostic(`every orchestrator knew it after ${Date.now() - healed} ms`);
  const [annas, doras] = await Promise.all(stops.map((stop) => stop()));
  for (const person of people.slice(1)) {
    await allArrived(person, annas, 'anna');
  }
  for (const person of people.slice(0, 3)) {
    await allArrived(person, doras, 'dora');
  }
  await undisturbed(people);
  await listed(people);
});
