// SPDX-License-Identifier: Apache-2.0
//
// Goal: participants of @livekit/rtc-node exchange sound, pictures and data with a browser and with
// each other, and stay in the call when the room moves.
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { SimulateScenarioKind, dispose } from '@livekit/rtc-node';
import { poll } from './lib/poll.mjs';
import { Robot } from './lib/robot.mjs';
import { Stage } from './lib/stage.mjs';

const stage = await Stage.open();
after(() => dispose());

async function robot(identity) {
  const entered = await Robot.enter(
    stage.cluster.ws,
    await stage.cluster.token(stage.room, identity),
  );
  await entered.publish();
  return entered;
}

async function together(act) {
  const anna = await stage.enter('anna', { camera: true });
  await anna.run(() => me.publishTone());
  const robots = [await robot('r1'), await robot('r2')];
  try {
    await act(anna, ...robots);
  } finally {
    await Promise.all(robots.map((one) => one.leave()));
  }
}

async function allFlows(anna, r1, r2) {
  for (const [one, other] of [
    [r1, 'anna'],
    [r1, 'r2'],
    [r2, 'anna'],
    [r2, 'r1'],
  ]) {
    await one.sees(other);
    await one.hears(other);
  }
  for (const identity of ['r1', 'r2']) {
    await anna.sees(identity);
    await anna.hears(identity);
  }
}

test('sound and pictures, everybody to everybody, before and after a move', () =>
  together(async (...people) => {
    await allFlows(...people);
    await stage.cluster.moveRoom(stage.room);
    await allFlows(...people);
    for (const { events } of people.slice(1)) {
      assert.ok(!events.includes('reconnecting'), events.join());
      assert.ok(!events.includes('disconnected'), events.join());
    }
    assert.equal(await people[0].count('reconnecting'), 0);
  }));

test('data, text and remote calls', () =>
  together(async (anna, r1, r2) => {
    await anna.run(() => me.send('to r1', { reliable: true, destinationIdentities: ['r1'] }));
    await anna.run(() => me.send('to all', { reliable: true, topic: 'news' }));
    for (const one of [r1, r2]) {
      await poll('the news', 10_000, () => one.messages.some(({ topic }) => topic === 'news'));
    }
    assert.deepEqual(r1.messages.map(({ text }) => text), ['to r1', 'to all']);
    assert.deepEqual(r2.messages, [{ from: 'anna', topic: 'news', text: 'to all' }]);

    for (let i = 0; i < 50; i++) {
      await r2.say(`${i}`, { reliable: true, topic: 'count' });
    }
    await anna.until('fifty', () => me.texts('count').length === 50);
    await poll('fifty', 10_000, () => r1.messages.filter(({ from }) => from === 'r2').length === 50);

    r1.room.localParticipant.registerRpcMethod('greet', async ({ payload }) => `r1: ${payload}`);
    const call = { destinationIdentity: 'r1', method: 'greet', payload: 'hi' };
    const answer = await anna.run((params) => me.room.localParticipant.performRpc(params), call);
    assert.equal(answer, 'r1: hi');
    assert.equal(await r2.room.localParticipant.performRpc(call), 'r1: hi');

    const texts = [];
    r2.room.registerTextStreamHandler('story', async (reader) => texts.push(await reader.readAll()));
    const story = 'once upon a time '.repeat(3_000);
    await anna.run((t) => me.room.localParticipant.sendText(t, { topic: 'story' }), story);
    await poll('the story', 10_000, () => texts[0] === story);
  }));

for (const [name, scenario] of [
  ['a resume', SimulateScenarioKind.SIMULATE_SIGNAL_RECONNECT],
  ['a full reconnect', SimulateScenarioKind.SIMULATE_FULL_RECONNECT],
]) {
  test(`${name} of one of them`, () =>
    together(async (anna, r1, r2) => {
      await allFlows(anna, r1, r2);
      await r1.room.simulateScenario(scenario);
      await poll('reconnected', 15_000, () => r1.events.includes('reconnected'));
      await allFlows(anna, r1, r2);
    }));
}
