// SPDX-License-Identifier: Apache-2.0
//
// Goal: Firefox joins, calls, reconnects and is moved as Chromium is, with a Chromium at the other
// end and with another Firefox. It never pairs a candidate on loopback with one of its own, so the
// test runs in a network namespace with another address (in_namespace).
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openChromium, openFirefox } from './lib/browsers.mjs';
import { outerAddress } from './lib/cluster.mjs';
import {
  MOVES,
  allArrived,
  chatter,
  killNode,
  longestGap,
  portsForMoves,
  undisturbed,
  unnoticedMoves,
} from './lib/moving.mjs';
import { Stage, everybodyMeets } from './lib/stage.mjs';

const stage = await Stage.open({
  media: outerAddress(),
  ports: portsForMoves(MOVES),
  browsers: [openFirefox, openChromium],
});
const [firefox, chromium] = stage.browsers;
const both = { camera: true, tone: true };

async function pair(other = chromium) {
  const anna = await stage.enter('anna', { ...both, browser: firefox });
  const bert = await stage.enter('bert', { ...both, browser: other });
  return [anna, bert];
}

const flows = (...people) => everybodyMeets(people, 5);

test('a call with Chromium: pictures, sound, data, mute', async () => {
  const [anna, bert] = await pair();
  await flows(anna, bert);
  await anna.run(() => me.send('hello', { reliable: true, topic: 'chat' }));
  await bert.until('the message', () => me.texts('chat').includes('hello'));
  await bert.run(() => me.send('hello', { reliable: false, topic: 'chat' }));
  await anna.until('the message', () => me.texts('chat').includes('hello'));
  await anna.run(() => me.room.localParticipant.setCameraEnabled(false).then(() => 0));
  await bert.until('muted', () => me.publication('anna', 'camera').isMuted);
  await anna.run(() => me.room.localParticipant.setCameraEnabled(true).then(() => 0));
  await flows(anna, bert);
});

test('a call between two Firefoxes', async () => {
  const [anna, bert] = await pair(firefox);
  await flows(anna, bert);
});

test('moves in a row', async (t) => {
  const [anna, bert] = await pair();
  await everybodyMeets([anna, bert], 30);
  const stop = await chatter(anna);
  await unnoticedMoves(t, stage, [anna, bert], MOVES);
  await allArrived(bert, await stop());
});

for (const scenario of ['signal-reconnect', 'full-reconnect']) {
  test(`${scenario}`, async () => {
    const [anna, bert] = await pair();
    await flows(anna, bert);
    await anna.run((name) => me.room.simulateScenario(name).then(() => 0), scenario);
    await anna.until('reconnected', () => me.count('reconnected') >= 1);
    await bert.until('anna with her tracks', () => {
      const publications = [...(me.participant('anna')?.trackPublications.values() ?? [])];
      return publications.filter(({ isSubscribed }) => isSubscribed).length === 2;
    });
    await flows(anna, bert);
  });
}

// The last test of the file: one node is left.
test('the node of a call is killed', async (t) => {
  const [anna, bert] = await pair();
  await flows(anna, bert);
  const stops = [await chatter(anna), await chatter(bert)];
  const gap = await longestGap([anna, bert], () => killNode(stage));
  t.diagnostic(`longest gap between pictures ${gap.toFixed(0)} ms`);
  await allArrived(bert, await stops[0]());
  await allArrived(anna, await stops[1]());
  await undisturbed([anna, bert]);
});
