// SPDX-License-Identifier: Apache-2.0
//
// Goal: the owner of a room dies, and somebody with two peer connections, whose front lives, notices
// nothing: the next owner goes on with both of them, and offers what is published after.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { allArrived, chatter, undisturbed } from './lib/moving.mjs';
import { Stage } from './lib/stage.mjs';

const stage = await Stage.open({ orchestrators: ['eu', 'us', 'us'], nodes: ['eu', 'eu'] });
const [owner, ...fronts] = stage.cluster.orchestrators; // who joins first does so in eu, where one is alone
const both = { camera: true, tone: true };

test('the owner is killed', async () => {
  await stage.enter('zoe', { front: owner });
  const dual = { ...both, options: { singlePeerConnection: false } };
  const anna = await stage.enter('anna', { ...dual, front: fronts[0] });
  const carla = await stage.enter('carla', { ...both, front: fronts[1] });
  const people = [anna, carla];
  const flows = () =>
    Promise.all([
      anna.sees('carla', 'camera', 10),
      carla.sees('anna', 'camera', 10),
      anna.hears('carla'),
      carla.hears('anna'),
    ]);
  await flows();
  const sid = await anna.run(() => me.room.localParticipant.sid);
  await Promise.all(people.map((one) => one.run(() => (me.messages = me.events = []) && 0)));
  const stops = [await chatter(anna), await chatter(carla)];
  await sleep(500);

  stage.cluster.process(owner.name).child.killed = true; // on purpose
  await stage.cluster.process(owner.name).kill();
  await sleep(2_000);
  await flows();
  await allArrived(carla, await stops[0](), 'anna');
  await allArrived(anna, await stops[1](), 'carla');
  await undisturbed(people);
  assert.equal(await anna.run(() => me.room.localParticipant.sid), sid);
  for (const [one, other] of [people, [carla, anna]]) {
    await one.run(() =>
      me.publishCanvas({ width: 320, height: 180, name: 'slides', source: 'screen_share' }),
    );
    await other.sees(one.identity, 'screen_share', 3);
  }
});
