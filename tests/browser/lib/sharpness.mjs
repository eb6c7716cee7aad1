// SPDX-License-Identifier: Apache-2.0
//
// How sharp the pictures are that somebody gets: a camera of small squares, and what of them arrives. Both
// functions run in the page before anything else.

/** Cameras show a chequered board that moves; all that were ever opened are in `cameras`. */
export function chequeredCamera() {
  const devices = navigator.mediaDevices;
  const real = devices.getUserMedia.bind(devices);
  window.cameras = [];
  const chequered = () => {
    const canvas = Object.assign(document.createElement('canvas'), { width: 320, height: 180 });
    const context = canvas.getContext('2d');
    let shift = 0;
    setInterval(() => {
      shift = (shift + 1) % 16;
      context.fillStyle = 'white';
      context.fillRect(0, 0, 320, 180);
      context.fillStyle = 'black';
      for (let y = 0; y < 180; y += 8) {
        for (let x = shift - 16 + (y % 16); x < 320; x += 16) {
          context.fillRect(x, y, 8, 8);
        }
      }
    }, 100);
    const [track] = canvas.captureStream().getVideoTracks();
    window.cameras.push(track);
    return track;
  };
  devices.getUserMedia = async ({ audio, video }) => {
    const stream = audio ? await real({ audio }) : new MediaStream();
    if (video) {
      stream.addTrack(chequered());
    }
    return stream;
  };
}

/**
 * Adds to `seen`, for each picture of others: {light, sharpness}, the mean of all pixels, and of the steps
 * between neighbours in a line, both 0 to 255.
 */
export function noteSharpness() {
  window.seen = [];
  const canvas = new OffscreenCanvas(320, 180);
  const context = canvas.getContext('2d', { willReadFrequently: true });
  const note = (video) => {
    context.drawImage(video, 0, 0, 320, 180);
    const { data } = context.getImageData(0, 0, 320, 180);
    const sum = { light: 0, sharpness: 0 };
    for (let at = 4; at < data.length; at += 4) {
      sum.light += data[at];
      sum.sharpness += at % (320 * 4) ? Math.abs(data[at] - data[at - 4]) : 0;
    }
    window.seen.push({ light: (4 * sum.light) / data.length, sharpness: (4 * sum.sharpness) / data.length });
  };
  const watched = new WeakSet();
  new MutationObserver(() => {
    for (const video of document.querySelectorAll('video[data-lk-local-participant=false]')) {
      if (!watched.has(video)) {
        watched.add(video);
        const again = () => {
          note(video);
          video.requestVideoFrameCallback(again);
        };
        video.requestVideoFrameCallback(again);
      }
    }
  }).observe(document, { subtree: true, childList: true });
}
