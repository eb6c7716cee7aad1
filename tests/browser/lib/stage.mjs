// SPDX-License-Identifier: Apache-2.0
//
// What every test file stands on: a cluster and browsers for the whole file, a room and its people
// for each test.
import { after, afterEach, beforeEach } from 'node:test';
import { openChromium } from './browsers.mjs';
import { Cluster } from './cluster.mjs';
import { poll } from './poll.mjs';

const UNTIL_MS = 20_000;

/** Somebody in a browser's page; see page/client.js for what the functions run there can use. */
export class Participant {
  constructor(identity, tab) {
    this.identity = identity;
    this.tab = tab;
  }

  /** Runs `fn` in the page. */
  run(fn, ...args) {
    return this.tab.run(fn, ...args);
  }

  /** Runs `fn` in the page until it returns something true, and returns that. */
  until(what, fn, ...args) {
    return poll(
      `${this.identity}: ${what}`,
      UNTIL_MS,
      () => this.run(fn, ...args),
      () => this.#explain(),
    );
  }

  async #explain() {
    const events = await this.run(() =>
      me.events
        .filter(({ name }) => !['dataReceived', 'activeSpeakersChanged'].includes(name))
        .slice(-25)
        .map(({ name, about, at }) => `${at.toFixed(0)} ${name} ${about}`),
    );
    return `\n  its last events:\n    ${events.join('\n    ')}`;
  }

  count(event) {
    return this.run((name) => me.count(name), event);
  }

  /** Waits until so many more frames of this track were presented; resolves as received(). */
  async sees(identity, source = 'camera', frames = 5) {
    const count = (from, kind) => me.frameTimes(from, kind).length;
    const before = await this.run(count, identity, source);
    try {
      await this.until(
        `sees ${identity}'s ${source} (${before} frames before)`,
        (from, kind, least) => me.frameTimes(from, kind).length >= least,
        identity,
        source,
        before + frames,
      );
    } catch (error) {
      error.message += `\n  received: ${JSON.stringify(await this.received(identity, source))}`;
      throw error;
    }
    return this.received(identity, source);
  }

  /** Waits until more sound of this track is played than was before; resolves as received(). */
  async hears(identity, source = 'microphone') {
    const before = await this.received(identity, source);
    return this.until(
      `hears ${identity}'s ${source}`,
      async (from, kind, { ssrc, totalAudioEnergy }) => {
        const now = await me.received(from, kind);
        return now.totalAudioEnergy > (now.ssrc === ssrc ? totalAudioEnergy : 0) && now;
      },
      identity,
      source,
      before,
    );
  }

  received(identity, source = 'camera') {
    return this.run((from, kind) => me.received(from, kind), identity, source);
  }

  close() {
    return this.tab.close();
  }
}

/** Each of them sees so many more frames of every other one, and hears them. */
export async function everybodyMeets(people, frames = 10) {
  await Promise.all(
    people.flatMap((viewer) =>
      people
        .filter((one) => one !== viewer)
        .flatMap(({ identity }) => [
          viewer.sees(identity, 'camera', frames),
          viewer.hears(identity),
        ]),
    ),
  );
}

export class Stage {
  #people = [];
  #rooms = 0;

  /** Opened once by a test file, at its top. options: those of Cluster.start, and browsers. */
  static async open({ browsers = [openChromium], ...options } = {}) {
    const stage = new Stage();
    stage.cluster = await Cluster.start(options);
    stage.browsers = await Promise.all(browsers.map((open) => open()));
    beforeEach(() => {
      stage.#rooms += 1;
      stage.room = `room-${stage.#rooms}`;
    });
    afterEach(() => Promise.all(stage.#people.splice(0).map((person) => person.close())));
    after(async () => {
      await Promise.all(stage.browsers.map((browser) => browser.close()));
      await stage.cluster.stop();
    });
    return stage;
  }

  /** A page that has not joined yet. */
  async visitor(identity, { browser = this.browsers[0], front, stays = false } = {}) {
    const { page } = front ?? this.cluster.orchestrators[0];
    const person = new Participant(identity, await browser.open(page));
    if (!stays) {
      this.#people.push(person);
    }
    return person;
  }

  /**
   * Somebody in the room of the test. grants and claims are for the token, options and connect for
   * the SDK. camera, microphone: whether to publish the fake ones; tone: a sound without a pause,
   * where the fake microphone beeps once a second. browser, and front, an orchestrator that it
   * reaches: where to. stays: for all tests of the file.
   */
  async enter(identity, how = {}) {
    const { room = this.room, grants, claims, options = {}, connect = {} } = how;
    const person = await this.visitor(identity, how);
    const token = await this.cluster.token(room, identity, grants, claims);
    await person.run(
      (url, jwt, a, b) => me.join(url, jwt, a, b),
      how.front?.ws ?? this.cluster.ws,
      token,
      options,
      connect,
    );
    if (how.microphone) {
      await person.run(() => me.room.localParticipant.setMicrophoneEnabled(true).then(() => 0));
    }
    if (how.tone) {
      await person.run(() => me.publishTone());
    }
    if (how.camera) {
      await person.run(
        (resolution) =>
          me.room.localParticipant.setCameraEnabled(true, { resolution }).then(() => 0),
        { width: 640, height: 360, frameRate: 15 },
      );
    }
    return person;
  }
}
