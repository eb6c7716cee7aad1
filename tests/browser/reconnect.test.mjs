// SPDX-License-Identifier: Apache-2.0
//
// Goal: a client that loses its signalling, or its whole connection, gets back into the same
// meeting, by a resume where that is possible, and media go on in both directions.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Stage, everybodyMeets } from './lib/stage.mjs';

const stage = await Stage.open();
const both = { camera: true, tone: true };

async function pair() {
  const anna = await stage.enter('anna', both);
  const bert = await stage.enter('bert', both);
  await Promise.all([anna.sees('bert'), bert.sees('anna')]);
  return { anna, bert, sid: await anna.run(() => me.room.localParticipant.sid) };
}

const simulate = (person, scenario) =>
  person.run((name) => me.room.simulateScenario(name).then(() => 0), scenario);

const resumes = ['signal-reconnect', 'disconnect-signal-on-resume'];
const restarts = [
  'full-reconnect',
  'resume-reconnect', // whose first resume the SDK fails itself
  'disconnect-signal-on-resume-no-messages',
  'node-failure',
  'migration',
];

for (const scenario of resumes) {
  test(`${scenario}: resumed as the same participant`, async () => {
    const { anna, bert, sid } = await pair();
    await simulate(anna, scenario);
    await anna.until('reconnected', () => me.count('reconnected') >= 1);
    await everybodyMeets([anna, bert]);
    assert.equal(await anna.run(() => me.room.localParticipant.sid), sid);
    assert.equal(await anna.count('reconnecting'), 0, 'a full reconnect');
    assert.equal(await bert.count('participantDisconnected'), 0, 'seen by the other');
    assert.equal(await bert.count('trackUnsubscribed'), 0, 'a track was lost');
  });
}

for (const scenario of restarts) {
  test(`${scenario}: back, one way or the other`, async () => {
    const { anna, bert } = await pair();
    await simulate(anna, scenario);
    await anna.until('reconnected', () => me.count('reconnected') >= 1);
    await bert.until('anna with her tracks', () => {
      const publications = [...(me.participant('anna')?.trackPublications.values() ?? [])];
      return publications.filter(({ isSubscribed }) => isSubscribed).length === 2;
    });
    await everybodyMeets([anna, bert]);
    assert.equal(await anna.run(() => me.room.state), 'connected');
    assert.equal(await bert.run(() => me.room.remoteParticipants.size), 1);
    assert.equal(await bert.count('reconnecting'), 0, 'the other was disturbed');
  });
}

test('server-leave: the meeting is over for this one', async () => {
  const { anna, bert } = await pair();
  await simulate(anna, 'server-leave');
  await anna.until('disconnected', () => me.room.state === 'disconnected');
  await bert.until('anna is gone', () => !me.participant('anna'));
});

test('speaker: simulated speakers are announced', async () => {
  const { anna } = await pair();
  await simulate(anna, 'speaker');
  await anna.until('a speaker', () => me.count('activeSpeakersChanged') > 0);
});

test('a track muted and one published while away are known after a resume', async () => {
  const { anna, bert } = await pair();
  await anna.run(() => {
    me.socket = me.room.engine.client.ws;
    return me.room.simulateScenario('signal-reconnect', 1_500).then(() => 0);
  });
  await bert.run(async () => {
    await me.room.localParticipant.setMicrophoneEnabled(false);
    await me.publishCanvas({ width: 320, height: 180, name: 'slides', source: 'screen_share' });
  });
  await anna.until('reconnected', () => me.count('reconnected') >= 1);
  await anna.until('the mute', () => me.publication('bert', 'microphone').isMuted);
  await anna.sees('bert', 'screen_share', 3);
});

test('reliable messages sent during a resume arrive once and in order', async () => {
  const { anna, bert } = await pair();
  const sending = bert.run(async () => {
    for (let i = 0; i < 200; i++) {
      await me.send(`${i}`, { reliable: true, topic: 'count' });
      await new Promise((done) => setTimeout(done, 10));
    }
  });
  await simulate(anna, 'signal-reconnect');
  await sending;
  await anna.until('the last one', () => me.texts('count').includes('199'));
  assert.deepEqual(
    await anna.run(() => me.texts('count')),
    Array.from({ length: 200 }, (_, i) => `${i}`),
  );
});

test('many resumes in a row', async () => {
  const { anna, bert, sid } = await pair();
  for (let round = 1; round <= 4; round++) {
    await simulate(anna, 'signal-reconnect');
    await anna.until(`resume ${round}`, (n) => me.count('reconnected') >= n, round);
  }
  await everybodyMeets([anna, bert]);
  assert.equal(await anna.run(() => me.room.localParticipant.sid), sid);
});
