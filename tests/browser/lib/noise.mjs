// SPDX-License-Identifier: Apache-2.0
//
// A picture that fills its layers, and what networks make of it.

export const WIDTH = 1280;

/**
 * Three layers of up to 120, 350 and 1,200 kbit/s, of fine noise that moves: the highest one takes all
 * it may, in the lower ones it is scaled away. Run in a page.
 */
async function publishNoise(width) {
  const height = (width * 9) / 16;
  const make = (w, h) => Object.assign(document.createElement('canvas'), { width: w, height: h });
  const noise = make(width * 2, height * 2);
  const grey = noise.getContext('2d');
  const pixels = grey.createImageData(noise.width, noise.height);
  for (let i = 0; i < pixels.data.length; i += 1) {
    pixels.data[i] = i % 4 === 3 ? 255 : 100 + Math.random() * 60;
  }
  grey.putImageData(pixels, 0, 0);
  const canvas = make(width, height);
  const context = canvas.getContext('2d');
  const draw = () =>
    context.drawImage(noise, -Math.random() * width, -Math.random() * height);
  draw();
  setInterval(draw, 66);
  const [track] = canvas.captureStream(15).getVideoTracks();
  const layer = (part, rate) => new lk.VideoPreset(width / part, height / part, rate, 15);
  await me.room.localParticipant.publishTrack(track, {
    source: lk.Track.Source.Camera,
    videoEncoding: { maxBitrate: 1_200_000, maxFramerate: 15 },
    videoSimulcastLayers: [layer(4, 120_000), layer(2, 350_000)],
  });
}

/** Somebody who publishes it, and a tone; resolves when all three layers are sent. */
export async function enterNoisy(stage, identity, how) {
  const person = await stage.enter(identity, { ...how, tone: true });
  await person.run(publishNoise, WIDTH);
  await person.until('sends all three layers', async () => {
    const out = (await me.streams()).filter(({ type, kind }) => type === 'outbound-rtp' && kind === 'video');
    return out.filter(({ framesEncoded }) => framesEncoded > 15).length === 3;
  });
  return person;
}

/** Of what somebody gets from another: sound in samples, what of it was made up, and the picture. */
export const received = (viewer, from) =>
  viewer.run(async (identity) => {
    const streams = (await me.streams()).filter(({ type }) => type === 'inbound-rtp');
    const [sound, film] = ['audio', 'video'].map((it) => streams.find(({ kind }) => kind === it));
    const picture = await me.received(identity, 'camera');
    return {
      samples: sound?.totalSamplesReceived ?? 0,
      made: sound?.concealedSamples ?? 0,
      lost: sound?.packetsLost ?? 0,
      bytes: (sound?.bytesReceived ?? 0) + (film?.bytesReceived ?? 0),
      frameWidth: picture.frameWidth,
      framesDecoded: picture.framesDecoded,
      frozenMs: 1000 * (film?.totalFreezesDuration ?? 0),
    };
  }, from);
