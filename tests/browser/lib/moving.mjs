// SPDX-License-Identifier: Apache-2.0
//
// What it takes for a move of a room to go unnoticed.
import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { poll } from './poll.mjs';
import { everybodyMeets } from './stage.mjs';

export const GAP_MS_MAX = 600;
/** In a row, of clients that are not Chromium, whose test has ten; -C full has ten of all. */
export const MOVES = Number(process.env.SPILLWAY_MOVES ?? 5);

/** Reliable messages from somebody until stop() is called; stop() resolves with how many. */
export async function chatter(from) {
  await from.run(() => {
    me.sent = 0;
    me.chatter = setInterval(() => {
      me.send(`${me.sent}`, { reliable: true, topic: 'chatter' });
      me.sent += 1;
    }, 20);
  });
  return () =>
    from.run(() => {
      clearInterval(me.chatter);
      return me.sent;
    });
}

/** All `sent` messages of the chatter arrived at `person`, once and in order; of `from` alone, if given. */
export async function allArrived(person, sent, from) {
  const enough = (n, who) => me.texts('chatter', who).length >= n;
  const texts = () => person.run((who) => me.texts('chatter', who), from);
  try {
    await person.until(`${sent} messages`, enough, sent, from);
  } catch (error) {
    const came = await texts();
    const gap = came.findIndex((text, i) => text !== `${i}`);
    error.message += `\n  ${came.length} came, in order up to ${gap < 0 ? came.length : gap}`;
    throw error;
  }
  assert.deepEqual(
    await texts(),
    Array.from({ length: sent }, (_, i) => `${i}`),
  );
}

/** What WebRTC counts of a person's streams that no planned move may add to. */
export function counts(person) {
  return person.run(async () => {
    const sum = { videoLost: 0, audioLost: 0, concealed: 0, keyFramesAsked: 0 };
    for (const stream of await me.streams()) {
      const video = stream.kind === 'video';
      if (stream.type === 'outbound-rtp') {
        sum.keyFramesAsked += (video && stream.pliCount) || 0;
      } else {
        sum[video ? 'videoLost' : 'audioLost'] += stream.packetsLost ?? 0;
        sum.concealed += stream.concealedSamples ?? 0;
      }
    }
    return sum;
  });
}

/** How many ports each of two nodes needs for unnoticedMoves: no client is given the same address twice. */
export const portsForMoves = (times) => times + 1;

const median = (numbers) => [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)];

const nothing = () => ({ videoLost: 0, audioLost: 0, concealed: 0, keyFramesAsked: 0 });

/** Acts for half a second: to `into`, the longest gap between pictures, and what was counted by all. */
async function measure(people, act, into) {
  const before = await Promise.all(people.map(counts));
  const gap = await longestGap(people, () => Promise.all([act(), sleep(500)]));
  const after = await Promise.all(people.map(counts));
  const added = nothing();
  after.forEach((now, k) => {
    for (const name of Object.keys(added)) {
      added[name] += now[name] - before[k][name];
      into.total[name] += now[name] - before[k][name];
    }
  });
  into.gaps.push(Math.round(gap));
  into.concealed.push(added.concealed);
}

/**
 * Planned moves of a room that nobody notices: not a packet is lost, no key frame asked for, and
 * pictures and sound go on as they do when nothing happens. What depends on how busy the machine is,
 * is judged by the median of times with a move beside that of times without one, in turns, so
 * that both see the same machine; and by twice as many where so few do not tell. Nodes need
 * portsForMoves(times).
 */
export async function unnoticedMoves(t, stage, people, times) {
  const quiet = { gaps: [], concealed: [], total: nothing() };
  const moves = { gaps: [], concealed: [], total: nothing() };
  const gapsAsQuiet = () => median(moves.gaps) <= median(quiet.gaps) + 20;
  const soundAsQuiet = () => median(moves.concealed) <= median(quiet.concealed);
  for (let round = 0; round === 0 || (round === 1 && !(gapsAsQuiet() && soundAsQuiet())); round++) {
    for (let i = 0; i < times; i++) {
      await measure(people, async () => {}, quiet);
      await measure(people, () => moveAll(stage), moves);
    }
  }
  t.diagnostic(`longest gaps, ms: undisturbed ${quiet.gaps}; moves ${moves.gaps}`);
  t.diagnostic(`samples concealed: undisturbed ${quiet.concealed}; moves ${moves.concealed}`);
  assert.equal(moves.total.videoLost, 0, 'packets of video lost');
  assert.equal(moves.total.audioLost, 0, 'packets of audio lost');
  assert.equal(moves.total.keyFramesAsked, 0, 'key frames asked for');
  assert.ok(gapsAsQuiet(), 'gaps between pictures');
  assert.ok(soundAsQuiet(), 'sound made up');
  await undisturbed(people);
}

/** One move of a call in which the first one talks and the second one hears every message. */
export async function movesOnce(t, stage, talker, listener) {
  const stop = await chatter(talker);
  const gap = await move(stage, [talker, listener]);
  t.diagnostic(`longest gap between pictures ${gap.toFixed(0)} ms`);
  assert.ok(gap < GAP_MS_MAX, `a gap of ${gap.toFixed(0)} ms`);
  await allArrived(listener, await stop());
  await undisturbed([talker, listener]);
}

/**
 * Does something to the cluster, and resolves with the longest gap, ms, in the pictures that any of
 * these people sees of any other.
 */
export async function longestGap(people, act) {
  const starts = await Promise.all(people.map((person) => person.run(() => performance.now())));
  await act();
  const views = people.flatMap((viewer, i) =>
    people.filter((one) => one !== viewer).map((seen) => ({ viewer, seen, start: starts[i] })),
  );
  // Twenty frames after it, and so well past it.
  await everybodyMeets(people, 20);
  const gaps = await Promise.all(
    views.map(({ viewer, seen, start }) =>
      viewer.run((id, from) => me.longestGap(id, 'camera', from), seen.identity, start),
    ),
  );
  return Math.max(...gaps);
}

/** Moves the room to another node; resolves when all are there. */
export async function moveAll(stage) {
  const node = await stage.cluster.moveRoom(stage.room);
  await poll(`all are at ${node}`, 5_000, async () => {
    const { participants } = await stage.cluster.admin('GET', `rooms/${stage.room}/participants`);
    return participants.every(({ node_name: at }) => at === node);
  });
}

/** The same, as longestGap. */
export function move(stage, people) {
  return longestGap(people, () => moveAll(stage));
}

/** kill -9 of the room's node. */
export async function killNode(stage) {
  const { node_name: node } = await stage.cluster.admin('GET', `rooms/${stage.room}`);
  stage.cluster.process(node).kill();
}

export async function undisturbed(people) {
  for (const person of people) {
    for (const event of ['reconnecting', 'signalReconnecting', 'disconnected', 'trackUnsubscribed']) {
      assert.equal(await person.count(event), 0, `${person.identity}: ${event}`);
    }
    assert.deepEqual(await person.run(() => me.errors), []);
  }
}
