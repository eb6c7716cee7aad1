// SPDX-License-Identifier: Apache-2.0
//
// Three people in a room, and what an outage did to them: for each that sees another, the longest
// time without a new picture and how much sound is missing.
import { setTimeout as sleep } from 'node:timers/promises';
import { chatter } from '../moving.mjs';
import { Participant } from '../stage.mjs';

const CAMERA = { width: 320, height: 180, frameRate: 30 };
const SENT = { simulcast: false, videoEncoding: { maxBitrate: 200_000, maxFramerate: 60 } };
const QUIET_MS = 1_200; // for what a move leaves behind on the old node, and the next key frame

/** What the SDK tells of; the rest comes at any time. */
const NOTICED = [
  'reconnecting', 'signalReconnecting', 'signalResumed', 'reconnected', 'disconnected',
  'participantConnected', 'participantDisconnected', 'trackPublished', 'trackUnpublished', 'trackSubscribed',
  'trackUnsubscribed', 'trackMuted', 'trackUnmuted', 'trackStreamStateChanged',
  'localTrackPublished', 'localTrackUnpublished', 'moved',
];

let rooms = 0;

export class Cast {
  /** where: {identity: {node, door}}, a name and a number; they enter in this order. */
  static async enter(scene, where) {
    const cast = new Cast();
    rooms += 1;
    Object.assign(cast, { scene, room: `room-${rooms}`, where, people: [] });
    for (const identity of Object.keys(where)) {
      cast.people.push(await cast.#enter(identity));
    }
    await cast.home();
    return cast;
  }

  async #join(identity, room, door) {
    const person = new Participant(identity, await this.scene.browser.open(`http://${door}/`));
    await person.run(() => {
      me.player.decodesOnly = true;
    });
    const token = await this.scene.cluster.token(room, identity);
    const join = () => person.run((url, jwt) => me.join(url, jwt), `ws://${door}`, token);
    await join().catch((error) => {
      console.error(`${identity} joins ${room} again: ${error.message.split('\n')[0]}`);
      return sleep(2_000).then(join); // how long a dead orchestrator's claims last
    });
    return person;
  }

  /** Somebody who only looks, in this room or another; leave() ends that. Throws if it is refused. */
  async visitor(identity, room) {
    const person = await this.#join(identity, room, this.scene.doors[0]);
    return { leave: () => this.#leave(person) };
  }

  async #enter(identity) {
    const person = await this.#join(identity, this.room, this.scene.doors[this.where[identity].door]);
    await person.run(() => me.publishTone());
    await person.run(
      (camera, how) =>
        me.room.localParticipant.setCameraEnabled(true, { resolution: camera }, how).then(() => 0),
      CAMERA,
      SENT,
    );
    return person;
  }

  async #leave(person) {
    await person.run(() => me.leave());
    await person.close();
  }

  async leave() {
    await Promise.all(this.people.map((person) => this.#leave(person)));
  }

  /** Everybody is on their node; resolves once that is quiet. */
  async home() {
    for (const [identity, { node }] of Object.entries(this.where)) {
      await this.scene.bring(this.room, identity, node);
    }
    await this.allSee(10);
    await sleep(QUIET_MS);
  }

  get views() {
    return this.people.flatMap((viewer) =>
      this.people.filter((one) => one !== viewer).map((seen) => ({ viewer, seen })),
    );
  }

  async allSee(frames) {
    await Promise.all(
      this.views.map(async ({ viewer, seen }) => {
        await viewer.sees(seen.identity, 'camera', frames);
        await viewer.hears(seen.identity);
      }),
    );
  }

  /** Reliable messages of everybody to everybody; the function it resolves with ends and counts. */
  async talk() {
    const stops = await Promise.all(this.people.map((person) => chatter(person)));
    return async () => {
      const sent = await Promise.all(stops.map((stop) => stop()));
      const astray = await Promise.all(
        this.views.map(({ viewer, seen }) =>
          countAstray(viewer, seen, sent[this.people.indexOf(seen)])),
      );
      return astray.reduce((a, b) => a + b);
    };
  }

  /**
   * Acts. Resolves, forMs later and when everybody sees and hears everybody again, with
   *   views   [{viewer, seen, video, audio}]: the longest gap, and what is missing, ms
   *   events  [{who, name, ms}]: after the act
   *   same    whether participants and tracks have the sids they had
   */
  async during(act, forMs) {
    await Promise.all(this.people.map((person) => person.run(() => me.watchSounds())));
    const before = await Promise.all(this.people.map(snapshot));
    await act();
    await sleep(forMs);
    await this.allSee(5);
    const after = await Promise.all(this.people.map(snapshot));
    const views = this.views.map(async ({ viewer, seen: { identity } }) => {
      const i = this.people.indexOf(viewer);
      const gap = (id, from) => me.longestGap(id, 'camera', from);
      const video = await viewer.run(gap, identity, before[i].now);
      const audio = missing(before[i], after[i], identity);
      return { viewer: viewer.identity, seen: identity, video, audio };
    });
    return {
      views: await Promise.all(views),
      events: after.flatMap(({ events }, i) =>
        events.slice(before[i].events.length).map(({ name, at }) => ({
          who: this.people[i].identity, name, ms: at - before[i].now,
        }))),
      same: after.every(({ sids }, i) => JSON.stringify(sids) === JSON.stringify(before[i].sids)),
    };
  }
}

function snapshot(person) {
  const take = (names) => ({
    now: performance.now(),
    played: me.played,
    sids: me.sids(),
    events: me.events.filter(({ name }) => names.includes(name)).map(({ name, at }) => ({ name, at })),
  });
  return person.run(take, NOTICED);
}

/** Time without somebody's sound between two snapshots, ms: what passed less what was played. */
function missing(before, after, identity) {
  const of = ({ played }) => played.filter((each) => each.identity === identity);
  const [first] = of(before);
  if (!first || of(after).length === 0) {
    return Infinity;
  }
  const earlier = new Map(of(before).map(({ ssrc, played }) => [ssrc, played]));
  const gained = of(after).map(({ ssrc, played }) => played - (earlier.get(ssrc) ?? 0));
  const end = Math.max(...of(after).map(({ at }) => at));
  return Math.max(0, end - first.at - gained.reduce((a, b) => a + b));
}

/** How many of somebody's messages a person did not get once and in order. */
async function countAstray(person, from, sent) {
  const enough = (n, who) => me.texts('chatter', who).length >= n;
  await person.until('all messages', enough, sent, from.identity).catch(() => {}); // counted below
  const texts = await person.run((who) => me.texts('chatter', who), from.identity);
  const inOrder = texts.filter((text, i) => Number(text) === i).length;
  const astray = Math.max(sent, texts.length) - inOrder;
  if (astray > 0) {
    const first = texts.findIndex((text, i) => Number(text) !== i);
    console.error(`${person.identity} got ${texts.length} of ${sent} messages of ${from.identity}` +
      (first < 0 ? '' : `, wrong from ${first} on: ${texts.slice(first, first + 5)}`));
  }
  return astray;
}
