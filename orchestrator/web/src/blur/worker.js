// SPDX-License-Identifier: Apache-2.0
//
// Blurs what is behind people, picture by picture: {readable, writable} of VideoFrames come as a message,
// and what went wrong goes back as one. A picture goes out blurred or not at all.
import { HEIGHT, WIDTH, loadSegmenter } from './people.js';

const BLUR_PX = 6; // of WIDTH
const BEYOND_PX = 3 * BLUR_PX; // the edges, or they would be blurred with nothing
const INTERVAL_US_MIN = 1e6 / 26; // 25 pictures a second, and some jitter

const contextOf = (width, height) => new OffscreenCanvas(width, height).getContext('2d');
const small = contextOf(WIDTH, HEIGHT);
const blurred = contextOf(WIDTH, HEIGHT);
const output = contextOf(WIDTH, HEIGHT);
small.globalCompositeOperation = 'copy'; // of a picture before nothing stays
blurred.globalCompositeOperation = 'copy';
blurred.filter = `blur(${BLUR_PX}px)`;
let loading;

/** Where a picture lies on the small canvas, as large as it fits: [x, y, width, height]. */
function placeOf({ displayWidth, displayHeight }) {
  const scale = Math.min(WIDTH / displayWidth, HEIGHT / displayHeight);
  const [width, height] = [displayWidth * scale, displayHeight * scale];
  return [(WIDTH - width) / 2, (HEIGHT - height) / 2, width, height];
}

/** The people as they are, and behind them the whole picture, blurred. */
function compose(frame, mask, place) {
  const { displayWidth: width, displayHeight: height } = frame;
  if (output.canvas.width !== width || output.canvas.height !== height) {
    Object.assign(output.canvas, { width, height });
  }
  const around = [-BEYOND_PX, -BEYOND_PX, WIDTH + 2 * BEYOND_PX, HEIGHT + 2 * BEYOND_PX];
  blurred.drawImage(small.canvas, ...place, ...around);
  const whole = [0, 0, width, height];
  output.globalCompositeOperation = 'copy';
  output.drawImage(mask, ...place, ...whole);
  output.globalCompositeOperation = 'source-in';
  output.drawImage(frame, ...whole);
  output.globalCompositeOperation = 'destination-over';
  output.drawImage(blurred.canvas, ...whole);
}

function blurring(segment) {
  let last = -Infinity;
  return (frame, controller) => {
    const { timestamp } = frame;
    if (timestamp - last < INTERVAL_US_MIN) {
      return;
    }
    last = timestamp;
    const place = placeOf(frame);
    small.drawImage(frame, ...place);
    const mask = segment(small.canvas);
    compose(frame, mask, place);
    mask.close();
    controller.enqueue(new VideoFrame(output.canvas, { timestamp, alpha: 'discard' }));
  };
}

self.onmessage = async ({ data: { readable, writable } }) => {
  try {
    const blur = blurring(await (loading ??= loadSegmenter()));
    const transform = (frame, controller) => {
      try {
        blur(frame, controller);
      } catch (error) {
        self.postMessage(String(error));
        throw error;
      } finally {
        frame.close();
      }
    };
    // It ends, well or not, with the camera or with the track that it goes to.
    readable.pipeThrough(new TransformStream({ transform })).pipeTo(writable).catch(() => {});
  } catch (error) {
    self.postMessage(String(error));
  }
};
