// SPDX-License-Identifier: Apache-2.0
//
// Microphone, camera and speaker of a meeting, as they are chosen, unplugged and plugged in again.
//
// Of a microphone or camera whose device is gone LiveKit's client takes what the browser calls the
// default one, or mutes. Here is what it leaves out: it is said; a camera that was chosen by its id is
// followed by any other; and when the device is there again it is taken again, and switched on if it was
// only off for want of one. Of each source:
//
//   here --ended--> ended --restarted with another-----> replaced --plugged in or chosen--> here
//                     |
//                     +--muted, and there is no other--> off --any plugged in or chosen--> here
import { RoomEvent, Track, TrackEvent } from 'livekit-client';
import { useEffect, useMemo } from 'react';
import { kept } from '../kept.js';
import { say } from '../words/words.js';
import { devicesOf } from './menu.jsx';

export const SPEAKER = 'speaker'; // the name under which its id is kept

const sources = {
  [Track.Source.Microphone]: { kind: 'audioinput', gone: 'microphoneGone' },
  [Track.Source.Camera]: { kind: 'videoinput', gone: 'cameraGone' },
};

export class Devices {
  #room;
  #say;
  #onError;
  #lost = {}; // by source: {deviceId, label, state: 'ended', 'replaced' or 'off'}

  /** onSaid(text, good): good is what mends the bad news before it. */
  constructor(room, onSaid, onError) {
    this.#room = room;
    this.#say = onSaid;
    this.#onError = onError;
  }

  /** Takes the device of that kind for the rest of the meeting. */
  choose = async (kind, deviceId) => {
    const source = Object.keys(sources).find((one) => sources[one].kind === kind);
    const lost = this.#lost[source];
    delete this.#lost[source];
    try {
      await this.#room.switchActiveDevice(kind, deviceId);
      if (lost?.state === 'off') {
        await this.#switchOn(source);
      }
    } catch (error) {
      this.#onError(error);
    }
  };

  watch() {
    const { localParticipant } = this.#room;
    const published = ({ track }) => {
      if (track && Object.hasOwn(sources, track.source)) {
        track
          .off(TrackEvent.Ended, this.#ended)
          .off(TrackEvent.Restarted, this.#restarted)
          .off(TrackEvent.Muted, this.#muted) // published again, it is the same one
          .on(TrackEvent.Ended, this.#ended)
          .on(TrackEvent.Restarted, this.#restarted)
          .on(TrackEvent.Muted, this.#muted);
      }
    };
    localParticipant.trackPublications.forEach(published);
    this.#room.on(RoomEvent.LocalTrackPublished, published);
    this.#room.on(RoomEvent.MediaDevicesChanged, this.#changed); // when LiveKit has made its choices
    return () => {
      this.#room.off(RoomEvent.LocalTrackPublished, published);
      this.#room.off(RoomEvent.MediaDevicesChanged, this.#changed);
    };
  }

  #switchOn(source) {
    const { localParticipant } = this.#room;
    return source === Track.Source.Camera
      ? localParticipant.setCameraEnabled(true)
      : localParticipant.setMicrophoneEnabled(true);
  }

  #ended = ({ source, isMuted, mediaStreamTrack }) => {
    const { deviceId } = mediaStreamTrack.getSettings();
    const lost = this.#lost[source] ?? { deviceId, label: mediaStreamTrack.label }; // or who came in its place
    this.#lost[source] = lost;
    lost.state = isMuted ? 'replaced' : 'ended';
    if (isMuted) {
      this.#substitute(source).catch(this.#onError); // for when it is switched on
    }
  };

  async #substitute(source) {
    const { kind } = sources[source];
    const [other] = await devicesOf(kind);
    return other !== undefined && this.#room.switchActiveDevice(kind, other.deviceId);
  }

  #restarted = ({ source, mediaStreamTrack }) => {
    const lost = this.#lost[source];
    if (!lost) {
      return;
    }
    if (mediaStreamTrack.getSettings().deviceId === lost.deviceId) {
      delete this.#lost[source];
    } else if (lost.state === 'ended') {
      this.#say(say('deviceReplaced', { device: lost.label, other: mediaStreamTrack.label }), false);
    }
    lost.state = 'replaced';
  };

  #muted = async ({ source }) => {
    const lost = this.#lost[source];
    if (lost?.state !== 'ended') {
      return;
    }
    try {
      if (await this.#substitute(source)) {
        await this.#switchOn(source);
        return;
      }
    } catch {
      // It can't be used: as if it were not there.
    }
    lost.state = 'off';
    this.#say(say(sources[source].gone, { device: lost.label }), false);
  };

  #changed = async () => {
    await this.#speaker();
    for (const source of Object.keys(this.#lost)) {
      await this.#return(source).catch(this.#onError);
    }
  };

  async #return(source) {
    const lost = this.#lost[source];
    const there = await devicesOf(sources[source].kind);
    if (!lost || lost !== this.#lost[source]) {
      return; // found meanwhile, or another was chosen
    }
    const back = there.find(({ deviceId }) => deviceId === lost.deviceId);
    if (!back && !(lost.state === 'off' && there.length > 0)) {
      return;
    }
    const { deviceId, label } = back ?? there[0];
    const isOff = lost.state === 'off';
    delete this.#lost[source];
    await this.#room.switchActiveDevice(sources[source].kind, deviceId);
    if (isOff) {
      await this.#switchOn(source);
    }
    this.#say(say('deviceBack', { device: label }), true);
  }

  /** LiveKit's client goes on with another one, and stays with it. */
  async #speaker() {
    const wanted = kept(SPEAKER, '');
    const there = await devicesOf('audiooutput');
    if (there.some(({ deviceId }) => deviceId === wanted)) {
      await this.#room.switchActiveDevice('audiooutput', wanted).catch(this.#onError);
    }
  }
}

/** Returns choose(kind, deviceId). */
export function useDevicesOf(room, onSaid, onError) {
  const devices = useMemo(() => new Devices(room, onSaid, onError), [room, onSaid, onError]);
  useEffect(() => devices.watch(), [devices]);
  return devices.choose;
}
