// SPDX-License-Identifier: Apache-2.0
//
// The own camera with its background blurred, before anything else gets it: preview, encoder, and so
// end-to-end encryption. It fails closed: what is shown and sent is a track that only blurred pictures
// are put into, from the start, so that there is none before the first one and none after a failure.
//
// What blurs is a worker (worker.js), started when somebody asks for it. The pictures go there and
// back as streams, past the page's thread and its timers, which browsers slow down behind other pages.
import { say } from '../words/words.js';

/* global BLUR_WORKER */

/** Firefox and Safari have no such streams in a page. */
export const canBlur = 'MediaStreamTrackProcessor' in window && 'MediaStreamTrackGenerator' in window;

const PIXELS_MAX = 640 * 360; // without a GPU 23 ms of a core each, and twice that for 960 by 540

/** Has the camera give no more pixels than that. LiveKit puts back what was asked of it before. */
async function keepSmall(track) {
  const { width, height } = track.getSettings();
  const factor = Math.sqrt(PIXELS_MAX / (width * height));
  if (factor < 1) {
    const ideal = (length) => ({ ideal: Math.round(length * factor) });
    await track.applyConstraints({ ...track.getConstraints(), width: ideal(width), height: ideal(height) });
  }
}

/** A TrackProcessor of LiveKit's client, for one camera at a time; onFailure gets an Error to be shown. */
export class BlurredBackground {
  name = 'blurred-background';
  #onFailure;
  #worker;

  constructor(onFailure) {
    this.#onFailure = onFailure;
  }

  async init({ track }) {
    // Never undefined from here on: LiveKit would take the camera's own.
    this.processedTrack = new MediaStreamTrackGenerator({ kind: 'video' });
    await keepSmall(track).catch(() => {}); // more pixels cost time, no more
    if (track.readyState === 'ended') {
      return; // the camera is off: restart() comes with the next one
    }
    const { readable } = new MediaStreamTrackProcessor({ track, maxBufferSize: 1 });
    const { writable } = this.processedTrack;
    this.#worker ??= this.#start();
    this.#worker.postMessage({ readable, writable }, [readable, writable]);
  }

  async restart(options) {
    this.processedTrack.stop();
    await this.init(options);
  }

  async destroy() {
    this.processedTrack?.stop();
    this.#worker?.terminate();
    this.#worker = undefined;
  }

  #start() {
    const worker = new Worker(BLUR_WORKER);
    const fail = (error) => {
      worker.terminate();
      if (worker === this.#worker) {
        this.#worker = undefined; // the next camera tries anew
        this.#onFailure(new Error(say('blurFailed', { error })));
      }
    };
    worker.onmessage = ({ data }) => fail(data);
    worker.onerror = ({ message }) => fail(message ?? BLUR_WORKER); // without one, it did not come
    return worker;
  }
}
