// SPDX-License-Identifier: Apache-2.0
//
// The faults, each as (scene, trials, record): strikes so many times, and says record(quantity,
// value) for what came of it. One cast of people serves several trials: what was killed is started
// again, and they are moved back. A client is never given the same address of a node twice, so that
// a cast is good for as many trials as a node has ports, less some.
import { setTimeout as sleep } from 'node:timers/promises';
import { RoomServiceClient } from 'livekit-server-sdk';
import { API_KEY, API_SECRET } from '../cluster.mjs';
import { Cast } from './cast.mjs';

const TRIALS_A_CAST = 10;
export const MET_MS = 2_500; // longer than any move that is not told to restart
const VICTIM = 'node-2';
/** anna and bert beside each other, and carla on the node that is struck. */
const AROUND = {
  anna: { node: 'node-1', door: 0 },
  bert: { node: 'node-1', door: 1 },
  carla: { node: VICTIM, door: 1 },
};

/** Calls trial(cast) so often, with a new cast every now and then. */
export async function inCasts(scene, where, trials, trial, record) {
  for (let done = 0; done < trials;) {
    const cast = await Cast.enter(scene, where);
    const stop = record && (await cast.talk());
    for (let i = 0; i < TRIALS_A_CAST && done < trials; i++, done++) {
      await trial(cast);
    }
    if (stop) {
      record('messages astray', await stop());
    }
    await cast.leave();
  }
}

export const countOf = (events, ...names) => events.filter(({ name }) => names.includes(name)).length;

export function recordEvents({ events, same }, record) {
  record('reconnects', countOf(events, 'reconnecting', 'signalReconnecting', 'disconnected'));
  record('other events', events.length);
  record('sids changed', same ? 0 : 1);
}

/** Of those who view and are seen, who is concerned how: of(viewer, seen) names it. */
export function recordViews({ views }, of, record) {
  for (const { viewer, seen, video, audio } of views) {
    record(`video, ${of(viewer, seen)}`, video);
    record(`audio, ${of(viewer, seen)}`, audio);
  }
}

export async function undisturbed(scene, trials, record) {
  await inCasts(scene, AROUND, trials, async (cast) => {
    const seen = await cast.during(async () => {}, MET_MS);
    recordViews(seen, () => 'everybody', record);
    recordEvents(seen, record);
  }, record);
}

const byNode = (viewer, seen) =>
  viewer === 'carla' ? 'own node' : seen === 'carla' ? "publisher's node" : 'others';

/** strike() the victim; mend() makes it whole again. */
function atNode(strike, mend, metMs) {
  return (scene, trials, record) =>
    inCasts(scene, AROUND, trials, async (cast) => {
      const marks = await scene.marks();
      let at;
      const seen = await cast.during(async () => {
        at = Date.now();
        await strike(scene);
      }, metMs);
      const found = await scene.since(marks, 'node_dead', 10_000);
      record('detect', Math.max(...found) - at);
      recordViews(seen, byNode, record);
      recordEvents(seen, record);
      await mend(scene, record);
      await cast.home();
    }, record);
}

const signal = (scene, name) => scene.cluster.process(VICTIM).child.kill(name);

export const crash = atNode(
  (scene) => signal(scene, 'SIGKILL'),
  (scene) => scene.restart(VICTIM),
  MET_MS,
);

/** It is back, and holds nothing of what it held. */
async function comesBack(scene, record) {
  await scene.whole();
  await sleep(500); // two heartbeats, of which the first says what it holds
  const { spillway_node_transports: left } = await scene.cluster.metrics(VICTIM);
  record('kept by the old node', left);
}

export const hang = atNode(
  (scene) => signal(scene, 'SIGSTOP'),
  async (scene, record) => {
    signal(scene, 'SIGCONT');
    await comesBack(scene, record);
  },
  2 * MET_MS,
);

export const cut = atNode(
  (scene) => scene.farLink.write('loss 100%\n'),
  async (scene, record) => {
    scene.farLink.write('loss 0%\n');
    await comesBack(scene, record);
  },
  2 * MET_MS,
);

const LEFT_MS = 20_000; // a browser and the node see within 15 s that nothing comes

/** Somebody comes to a room that has its place at that node: ms until he is in it, elsewhere. */
async function joinAt(scene, cast, node) {
  const room = `${cast.room}-${Date.now()}`;
  const service = new RoomServiceClient(scene.cluster.http, API_KEY, API_SECRET);
  await scene.onlyOn(node, () => service.createRoom({ name: room }));
  const at = performance.now();
  const visitor = await cast.visitor('dora', room);
  const ms = performance.now() - at;
  const elsewhere = (await scene.nodeOf(room, 'dora')) !== node;
  await visitor.leave();
  return elsewhere ? ms : Infinity;
}

/** Clients and their node do not reach each other any more; the bus goes on. */
export async function gray(scene, trials, record) {
  await inCasts(scene, AROUND, trials, async (cast) => {
    const seen = await cast.during(async () => {
      await scene.clientsReach(false);
      record('joined elsewhere', await joinAt(scene, cast, VICTIM));
    }, LEFT_MS);
    recordViews(seen, byNode, record);
    record('started over', countOf(seen.events, 'reconnecting'));
    await scene.clientsReach(true);
    await scene.cluster.admin('POST', `nodes/${VICTIM}/uncordon`); // forgets what was seen of it
    await cast.home();
  }, record);
}

/** Their fronts are the three orchestrators, and their nodes two. */
const APART = {
  anna: { node: 'node-1', door: 0 },
  bert: { node: 'node-1', door: 1 },
  carla: { node: 'node-2', door: 2 },
};

/** When that happened to somebody last, ms; undefined for whom it did not. */
function lastOf(events, who, name) {
  return events.filter((event) => event.who === who && event.name === name).pop()?.ms;
}

/** As Cast.during, of what may take people with it; undefined if they are not all back in 20 s. */
async function ifTheyComeBack(cast, act, record) {
  const seen = await cast.during(act, MET_MS).catch((error) => console.error(error.message));
  record('not back within 20 s', seen ? 0 : 1);
  return seen;
}

function recordReturn(people, { events }, record) {
  for (const who of people) {
    const resumed = lastOf(events, who, 'signalResumed');
    const told = lastOf(events, who, 'reconnected');
    if (told !== undefined) {
      record('signalling back', told);
      if (resumed !== undefined) { // else he started over
        record('... of it, resume answered', resumed);
      }
    }
  }
  record('started over', countOf(events, 'reconnecting'));
}

/** Kills the owner, or a front of somebody that is not. */
function atOrchestrator(ofOwner) {
  return async (scene, trials, record) => {
    for (let trial = 0; trial < trials; trial++) {
      const cast = await Cast.enter(scene, APART); // the balancer has put them elsewhere
      const owner = await scene.ownerOf(cast.room);
      const victim = ofOwner ? owner : (owner + 1) % 3;
      const { name } = scene.cluster.orchestrators[victim];
      const kill = () => scene.cluster.process(name).child.kill('SIGKILL');
      const seen = await ifTheyComeBack(cast, kill, record);
      const dead = (who) => APART[who].door === victim;
      if (seen) {
        recordViews(seen, (a, b) => (dead(a) || dead(b) ? 'dead front' : 'others'), record);
        recordReturn(Object.keys(APART), seen, record);
      }
      await cast.leave();
      await scene.restart(name);
    }
  };
}

export const owner = atOrchestrator(true);
export const front = atOrchestrator(false);

/** carla lives in the region that is lost. */
const IN_REGIONS = { ...AROUND, carla: { node: 'node-3', door: 2 } };

export async function region(scene, trials, record) {
  const lost = ['node-3', 'orchestrator-3'];
  const of = (viewer, other) => (byNode(viewer, other) === 'others' ? 'others' : 'lost region');
  for (let trial = 0; trial < trials; trial++) {
    const cast = await Cast.enter(scene, IN_REGIONS);
    const kill = () => lost.forEach((name) => scene.cluster.process(name).child.kill('SIGKILL'));
    const seen = await ifTheyComeBack(cast, kill, record);
    if (seen) {
      recordViews(seen, of, record);
      recordReturn(['carla'], seen, record);
    }
    await cast.leave();
    await scene.restart(...lost);
  }
}
