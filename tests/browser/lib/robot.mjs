// SPDX-License-Identifier: Apache-2.0
//
// A participant without a browser: @livekit/rtc-node, which is the Rust SDK. It publishes a tone and
// a picture that changes, and counts what it gets of others.
import { setTimeout as sleep } from 'node:timers/promises';
import {
  AudioFrame,
  AudioSource,
  AudioStream,
  LocalAudioTrack,
  LocalVideoTrack,
  Room,
  RoomEvent,
  TrackKind,
  TrackPublishOptions,
  TrackSource,
  VideoBufferType,
  VideoFrame,
  VideoSource,
  VideoStream,
} from '@livekit/rtc-node';
import { poll } from './poll.mjs';

const RATE_HZ = 48_000;
const SAMPLES = RATE_HZ / 100; // 10 ms
const WIDTH = 320;
const HEIGHT = 180;
const LOUD = 1_000; // of 32,767: no noise of a codec is that loud
const UNTIL_MS = 20_000;

export class Robot {
  room = new Room();
  events = [];
  messages = []; // {from, topic, text}
  frames = new Map(); // identity -> frames seen
  sounds = new Map(); // identity -> loud audio frames heard
  silence = 0; // other ones, of anybody who had been loud: 10 ms each
  #going = true;

  static async enter(url, token) {
    const robot = new Robot();
    robot.#listen();
    await robot.room.connect(url, token, { autoSubscribe: true, dynacast: true });
    return robot;
  }

  #listen() {
    for (const name of Object.values(RoomEvent)) {
      this.room.on(name, () => this.events.push(name));
    }
    this.room.on(RoomEvent.TrackSubscribed, (track, _, { identity }) => {
      if (track.kind === TrackKind.KIND_VIDEO) {
        this.#watch(track, identity);
      } else {
        this.#hear(track, identity);
      }
    });
    this.room.on(RoomEvent.DataReceived, (payload, from, _, topic) => {
      const text = new TextDecoder().decode(payload);
      this.messages.push({ from: from?.identity, topic, text });
    });
  }

  async #watch(track, identity) {
    for await (const event of new VideoStream(track)) {
      if (event.frame.width > 0) {
        this.frames.set(identity, (this.frames.get(identity) ?? 0) + 1);
      }
    }
  }

  async #hear(track, identity) {
    for await (const frame of new AudioStream(track)) {
      if (frame.data.some((sample) => Math.abs(sample) > LOUD)) {
        this.sounds.set(identity, (this.sounds.get(identity) ?? 0) + 1);
      } else if (this.sounds.has(identity)) {
        this.silence += 1;
      }
    }
  }

  async publish() {
    await this.#publishTone();
    await this.#publishPicture();
  }

  async #publishTone() {
    const source = new AudioSource(RATE_HZ, 1);
    const track = LocalAudioTrack.createAudioTrack('tone', source);
    const options = new TrackPublishOptions({ source: TrackSource.SOURCE_MICROPHONE });
    await this.room.localParticipant.publishTrack(track, options);
    const play = async () => {
      for (let n = 0; this.#going; n += SAMPLES) {
        const frame = AudioFrame.create(RATE_HZ, 1, SAMPLES);
        for (let i = 0; i < SAMPLES; i++) {
          frame.data[i] = 12_000 * Math.sin((2 * Math.PI * 440 * (n + i)) / RATE_HZ);
        }
        await source.captureFrame(frame); // waits while its queue is full
      }
    };
    this.playing = play().catch(() => {}); // the source ends with the room
  }

  async #publishPicture() {
    const source = new VideoSource(WIDTH, HEIGHT);
    const track = LocalVideoTrack.createVideoTrack('picture', source);
    const options = new TrackPublishOptions({ source: TrackSource.SOURCE_CAMERA });
    await this.room.localParticipant.publishTrack(track, options);
    const show = async () => {
      const size = (WIDTH * HEIGHT * 3) / 2; // I420
      for (let n = 0; this.#going; n++) {
        const data = new Uint8Array(size).fill(128).fill((n * 5) % 200, 0, WIDTH * HEIGHT);
        source.captureFrame(new VideoFrame(data, WIDTH, HEIGHT, VideoBufferType.I420));
        await sleep(1000 / 15);
      }
    };
    this.showing = show().catch(() => {});
  }

  async say(text, options) {
    await this.room.localParticipant.publishData(new TextEncoder().encode(text), options);
  }

  async sees(identity, more = 10) {
    const least = (this.frames.get(identity) ?? 0) + more;
    await poll(`frames of ${identity}`, UNTIL_MS, () => this.frames.get(identity) >= least);
  }

  async hears(identity, more = 5) {
    const least = (this.sounds.get(identity) ?? 0) + more;
    await poll(`sound of ${identity}`, UNTIL_MS, () => this.sounds.get(identity) >= least);
  }

  async leave() {
    this.#going = false;
    await Promise.all([this.playing, this.showing]);
    await this.room.disconnect();
  }
}
