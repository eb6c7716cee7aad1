// SPDX-License-Identifier: Apache-2.0
//
// Goal: a client with two peer connections (signalling v0), as LiveKit's Go SDK and older SDKs are,
// meets one that has one; each loses nothing by what happens to its signalling or its node.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { allArrived, chatter, killNode, longestGap, move, undisturbed } from './lib/moving.mjs';
import { Stage, everybodyMeets } from './lib/stage.mjs';

const stage = await Stage.open({ ports: 4 });
const both = { camera: true, tone: true };
const dual = { ...both, options: { singlePeerConnection: false } };

/** anna has two connections, bert one. */
async function pair() {
  const [anna, bert] = await Promise.all([stage.enter('anna', dual), stage.enter('bert', both)]);
  const mode = () => me.room.engine.pcManager.mode;
  assert.deepEqual([await anna.run(mode), await bert.run(mode)], ['subscriber-primary', 'publisher-only']);
  await everybodyMeets([anna, bert]);
  return [anna, bert];
}

const eachWay = async ([anna, bert], act) => {
  await act(anna, bert);
  await act(bert, anna);
};

/** A message of each kind. */
const talk = (people) =>
  eachWay(people, async (from, to) => {
    for (const reliable of [true, false]) {
      await from.run((sure) => me.send('hello', { reliable: sure, topic: `sure ${sure}` }), reliable);
      await to.until(`the message, reliable: ${reliable}`, (sure) => me.texts(`sure ${sure}`).includes('hello'), reliable);
    }
  });

const call = (people) =>
  eachWay(people, async (caller, callee) => {
    await callee.run(() => {
      me.room.localParticipant.registerRpcMethod('shout', async ({ payload }) => payload.toUpperCase());
      me.room.registerTextStreamHandler('notes', async (reader) => (me.note = await reader.readAll()));
    });
    const answer = await caller.run(
      (id) => me.room.localParticipant.performRpc({ destinationIdentity: id, method: 'shout', payload: 'hey' }),
      callee.identity,
    );
    assert.equal(answer, 'HEY');
    await caller.run(() => me.room.localParticipant.sendText('x'.repeat(100_000), { topic: 'notes' }).then(() => 0));
    await callee.until('the text', () => me.note?.length === 100_000);
  });

/** Muted, and on again; published, taken back, and something else in its place. */
const change = (people) =>
  eachWay(people, async (one, other) => {
    const slides = () =>
      one.run(() => me.publishCanvas({ width: 320, height: 180, name: 'slides', source: 'screen_share' }));
    await one.run(() => me.room.localParticipant.setCameraEnabled(false).then(() => 0));
    await other.until('muted', (id) => me.publication(id, 'camera').isMuted, one.identity);
    await one.run(() => me.room.localParticipant.setCameraEnabled(true).then(() => 0));
    await slides();
    await other.sees(one.identity, 'screen_share', 2);
    await one.run(async () => {
      const { track } = me.publication(me.room.localParticipant.identity, 'screen_share');
      await me.room.localParticipant.unpublishTrack(track);
    });
    await other.until('unpublished', (id) => !me.publication(id, 'screen_share'), one.identity);
    await slides();
    await other.sees(one.identity, 'screen_share', 2);
    await other.sees(one.identity, 'camera', 2);
  });

test('a call, resumed, moved, and its node killed', async (t) => {
  const people = await pair();
  const [anna, bert] = people;
  const sid = await anna.run(() => me.room.localParticipant.sid);
  await talk(people);
  await call(people);
  await change(people);
  await anna.run(() => me.publication('bert', 'camera').setSubscribed(false));
  await anna.until('unsubscribed', () => !me.publication('bert', 'camera').isSubscribed);
  await anna.run(() => me.publication('bert', 'camera').setSubscribed(true));
  await anna.sees('bert');

  await Promise.all(people.map((one) => one.run(() => (me.events = []) && 0)));
  const stops = [await chatter(anna), await chatter(bert)];
  const gap = await move(stage, people);
  t.diagnostic(`moved: longest gap between pictures ${gap.toFixed(0)} ms`);
  await undisturbed(people);

  await anna.run(() => me.room.simulateScenario('signal-reconnect').then(() => 0));
  await anna.until('resumed', () => me.count('reconnected') === 1);
  await everybodyMeets([anna, bert]);
  assert.equal(await anna.run(() => me.room.localParticipant.sid), sid);
  assert.equal(await anna.count('reconnecting'), 0, 'a full reconnect');
  await undisturbed([bert]);

  await anna.run(() => (me.events = []) && 0);
  const dead = await longestGap(people, () => killNode(stage));
  t.diagnostic(`node killed: longest gap between pictures ${dead.toFixed(0)} ms`);
  await undisturbed(people);
  await allArrived(bert, await stops[0]());
  await allArrived(anna, await stops[1]());
});

test('two of them, and a full reconnect', async () => {
  const [anna, carla] = await Promise.all([stage.enter('anna', dual), stage.enter('carla', dual)]);
  await everybodyMeets([anna, carla]);
  await anna.run(() => me.room.simulateScenario('full-reconnect').then(() => 0));
  await anna.until('reconnected', () => me.count('reconnected') === 1);
  await carla.until('her tracks', () => me.publication('anna', 'camera')?.isSubscribed);
  // What is said before that, her SDK keeps for a resume, and forgets.
  await anna.until('her SDK is done with it', () => !me.room.engine.attemptingReconnect);
  await everybodyMeets([anna, carla]);
  await talk([anna, carla]);
  await anna.run(() => me.leave());
  await carla.until('anna is gone', () => !me.participant('anna'));
  assert.deepEqual(await anna.run(() => me.errors), []);
});
