// SPDX-License-Identifier: Apache-2.0
//
// Work on a cluster that nobody should notice: a node with a hundred people is drained, and Redis is
// away and comes back empty. As faults.mjs.
import { execFile, spawn } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { counts } from '../moving.mjs';
import { poll } from '../poll.mjs';
import { Cast } from './cast.mjs';
import { MET_MS, countOf, inCasts, recordEvents, recordViews } from './faults.mjs';

const CROWD = 97; // and three in Chromium
const TOGETHER = {
  anna: { node: 'node-1', door: 0 },
  bert: { node: 'node-1', door: 1 },
  carla: { node: 'node-1', door: 2 },
};

/** A room of people that only count, for so long; resolves once all are there, with their result. */
async function gather(scene, seconds) {
  const urls = scene.doors.flatMap((door) => ['--url', `ws://${door}`]);
  const how = ['--room', `crowd-${Date.now()}`, '--publishers', '1', '--receivers', `${CROWD - 1}`];
  const what = ['--audio', '--seconds', `${seconds}`, '--ice-tick', '330', '--progress', '-o', 'json'];
  const child = spawn('nsenter', ['--net=/run/netns/us', process.env.SPILLWAY_LOAD, ...urls, ...how, ...what]);
  let out = '';
  child.stdout.on('data', (text) => { out += text; });
  const ended = new Promise((resolve) => child.once('exit', resolve));
  await new Promise((resolve) => {
    child.stderr.on('data', (text) => /measuring/.test(text) && resolve());
    child.once('exit', resolve);
  });
  return { result: ended.then(() => JSON.parse(out)) };
}

/** What WebRTC counts as lost, and as made up, ms, by everybody together. */
async function sums(cast) {
  const all = await Promise.all(cast.people.map(counts));
  const sum = (name) => all.reduce((total, each) => total + each[name], 0);
  return { lost: sum('videoLost') + sum('audioLost'), madeUp: sum('concealed') / 48 };
}

async function watched(cast, act) {
  const before = await sums(cast);
  const seen = await cast.during(act, MET_MS);
  const after = await sums(cast);
  return { ...seen, lost: after.lost - before.lost, madeUp: after.madeUp - before.madeUp };
}

async function drainOnce(scene, cast, record) {
  const quiet = await watched(cast, async () => {});
  quiet.views.forEach(({ video }) => record('video, undisturbed', video));
  record('audio made up, undisturbed', quiet.madeUp);
  const from = await scene.nodeOf(cast.room, 'anna');
  const seen = await watched(cast, async () => {
    await scene.cluster.admin('POST', `nodes/${from}/drain`);
    await poll(`${from} is empty`, 10_000, async () =>
      (await scene.cluster.admin('GET', `nodes/${from}`)).transports === 0);
  });
  seen.views.forEach(({ video }) => record('video, drained', video));
  record('audio made up, drained', seen.madeUp);
  record('packets lost', seen.lost);
  recordEvents(seen, record);
  await scene.cluster.admin('POST', `nodes/${from}/uncordon`);
}

const DRAIN_S = 9; // about, for one of them

export async function drain(scene, trials, record) {
  for (let done = 0; done < trials;) {
    const some = Math.min(8, trials - done); // as many as there are addresses
    const { result } = await scene.onlyOn('node-1', () => gather(scene, DRAIN_S * some + 10));
    const cast = await Cast.enter(scene, TOGETHER);
    for (let i = 0; i < some; i++, done++) {
      await drainOnce(scene, cast, record);
    }
    await cast.leave();
    const { connected, failures, audio, counts: crowd } = await result;
    record('dropped', CROWD - connected + failures.filter((text) => !/lost/.test(text)).length);
    record('packets lost, crowd', audio.lost);
    record('moves of the crowd', crowd.moves);
    record('longest pause of the crowd', audio.pause_us.max / 1000);
  }
}

const AWAY_MS = 30_000;

async function rows(scene) {
  const { redis, orchestrators } = scene.cluster;
  const command = ['-h', orchestrators[0].place.address, '-p', `${redis}`, 'KEYS', 'spillway:room:*'];
  const { stdout } = await promisify(execFile)('redis-cli', command);
  return stdout.split('\n').filter((line) => line).map((line) => line.split(':').pop());
}

/** Somebody joins the room and leaves, and a room is made; resolves with how often that was refused. */
async function newcomers(scene, cast) {
  let refused = 0;
  for (const room of [cast.room, cast.room, `${cast.room}-new`]) {
    const person = await cast.visitor('dora', room).catch(() => undefined);
    refused += person === undefined;
    await person?.leave();
  }
  return refused;
}

export async function redis(scene, trials, record) {
  await inCasts(scene, {
    anna: { node: 'node-1', door: 0 }, bert: { node: 'node-1', door: 1 }, carla: { node: 'node-2', door: 2 },
  }, trials, async (cast) => {
    let refused;
    const seen = await cast.during(async () => {
      const end = Date.now() + AWAY_MS;
      await scene.cluster.process('redis').kill();
      refused = await newcomers(scene, cast);
      await sleep(Math.max(0, end - Date.now()));
      await scene.cluster.restart('redis');
    }, 5_000);
    record('rooms lost', (await rows(scene)).includes(cast.room) ? 0 : 1);
    record('joins refused', refused + (await newcomers(scene, cast)));
    recordViews(seen, () => 'everybody', record);
    record('reconnects', countOf(seen.events, 'reconnecting', 'signalReconnecting', 'disconnected'));
  }, record);
}
