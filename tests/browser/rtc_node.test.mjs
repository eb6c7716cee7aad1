// SPDX-License-Identifier: Apache-2.0
//
// Goal: participants of @livekit/rtc-node exchange sound, pictures and data with a browser and with
// each other, and stay in the call when the room moves or its node dies.
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { SimulateScenarioKind, dispose } from '@livekit/rtc-node';
import { poll } from './lib/poll.mjs';
import { MOVES, chatter, killNode, moveAll, undisturbed } from './lib/moving.mjs';
import { Robot } from './lib/robot.mjs';
import { Stage } from './lib/stage.mjs';

const stage = await Stage.open({ ports: Math.ceil(MOVES / 2) + 1 }); // no client gets the same address twice
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
  const views = [[r1, 'anna'], [r1, 'r2'], [r2, 'anna'], [r2, 'r1'], [anna, 'r1'], [anna, 'r2']];
  await Promise.all(views.flatMap(([one, other]) => [one.sees(other), one.hears(other)]));
}

async function nobodyNoticed(anna, ...robots) {
  for (const { events } of robots) {
    for (const event of ['reconnecting', 'disconnected', 'trackUnsubscribed']) {
      assert.ok(!events.includes(event), events.join());
    }
  }
  await undisturbed([anna]);
}

test('sound and pictures, everybody to everybody, also over moves', (t) =>
  together(async (...people) => {
    const robots = people.slice(1);
    const silence = () => robots.reduce((sum, one) => sum + one.silence, 0);
    const rounds = async (act) => {
      const before = silence();
      for (let i = 0; i < MOVES; i++) {
        await Promise.all([act(), sleep(1_000)]);
      }
      await allFlows(...people);
      return silence() - before;
    };
    await allFlows(...people);
    const undisturbedly = await rounds(async () => {});
    const moving = await rounds(() => moveAll(stage));
    t.diagnostic(`frames of 10 ms without a sound: ${undisturbedly}, and with moves ${moving}`);
    assert.ok(moving <= undisturbedly + MOVES, 'moves are heard');
    await nobodyNoticed(...people);
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

// The last test of the file: one node is left.
test('the node of a call is killed', () =>
  together(async (anna, ...robots) => {
    await allFlows(anna, ...robots);
    const stop = await chatter(anna);
    await killNode(stage);
    await poll('everybody is elsewhere', 10_000, async () => {
      const { participants } = await stage.cluster.admin('GET', `rooms/${stage.room}/participants`);
      return participants.every(({ node_name: at }) => stage.cluster.process(at).running);
    });
    await allFlows(anna, ...robots);
    const sent = await stop();
    for (const { messages } of robots) {
      const texts = () => messages.filter(({ topic }) => topic === 'chatter').map(({ text }) => text);
      await poll(`${sent} messages`, 10_000, () => texts().length >= sent);
      assert.deepEqual(texts(), Array.from({ length: sent }, (_, i) => `${i}`));
    }
    await nobodyNoticed(anna, ...robots);
  }));
