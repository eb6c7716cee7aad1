// SPDX-License-Identifier: Apache-2.0
//
// Goal: a viewer whose network takes 500 kbit/s hears everything and gets the layer that fits; when
// it takes 5 Mbit/s, it gets the best one. The publisher is beside the node, the viewer beyond an
// emulated link (tests/link/in_regions).
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { openChromiumIn } from './lib/browsers.mjs';
import { emulatedRegions } from './lib/cluster.mjs';
import { poll } from './lib/poll.mjs';
import { Stage } from './lib/stage.mjs';

const stage = await Stage.open({
  places: emulatedRegions(),
  nodes: ['eu'],
  orchestrators: ['eu', 'us'],
  browsers: [() => openChromiumIn('eu'), () => openChromiumIn('us')],
});
const [near, far] = stage.cluster.orchestrators;
const WIDTH = 1280;
const STEADY_MS = 6_000;

/** What the node's region sends to the viewer's. */
const link = (settings) => writeFile(process.env.SPILLWAY_LINK_CONTROL, `eu ${settings}\n`);

/**
 * Three layers of up to 120, 350 and 1,200 kbit/s, of fine noise that moves: the highest one takes all
 * it may, in the lower ones it is scaled away.
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

/** Sound that came and what of it was made up, in samples; and the picture's width. */
const now = (viewer) =>
  viewer.run(async () => {
    const [sound] = (await me.streams()).filter(
      ({ type, kind }) => type === 'inbound-rtp' && kind === 'audio',
    );
    const { frameWidth, framesDecoded } = await me.received('anna', 'camera');
    const { totalSamplesReceived: samples = 0, concealedSamples: made = 0 } = sound ?? {};
    return { samples, made, lost: sound?.packetsLost ?? 0, frameWidth, framesDecoded };
  });

test('a viewer gets what fits through 500 kbit/s, then through 5 Mbit/s', async (t) => {
  const anna = await stage.enter('anna', { browser: stage.browsers[0], front: near, tone: true });
  await anna.run(publishNoise, WIDTH);
  await anna.until('sends all three layers', async () => {
    const out = (await me.streams()).filter(({ type, kind }) => type === 'outbound-rtp' && kind === 'video');
    return out.filter(({ framesEncoded }) => framesEncoded > 15).length === 3;
  });
  const bert = await stage.visitor('bert', { browser: stage.browsers[1], front: far });
  await link('rate 500kbit');
  const token = await stage.cluster.token(stage.room, 'bert');
  await bert.run((url, jwt) => me.join(url, jwt, {}, {}), far.ws, token);
  await bert.sees('anna', 'camera', 10);
  await bert.hears('anna');
  await sleep(3_000);

  const before = await now(bert);
  await sleep(STEADY_MS);
  const after = await now(bert);
  const made = (after.made - before.made) / 48;
  const frames = after.framesDecoded - before.framesDecoded;
  t.diagnostic(`500 kbit/s: ${after.frameWidth} wide, ${frames} frames in ${STEADY_MS} ms; ` +
    `sound lost ${after.lost - before.lost} packets, made up ${made.toFixed(0)} ms`);
  assert.ok(after.frameWidth > 0 && after.frameWidth < WIDTH, `${after.frameWidth} wide`);
  assert.ok(frames > (STEADY_MS / 1000) * 10, `${frames} frames`);
  assert.equal(after.lost - before.lost, 0);
  assert.ok(made < STEADY_MS / 100, `${made} ms of sound made up`);

  await link('rate 5mbit');
  const opened = Date.now();
  await poll('the best layer', 15_000, async () => (await now(bert)).frameWidth === WIDTH);
  t.diagnostic(`5 Mbit/s: ${WIDTH} wide after ${Date.now() - opened} ms`);
});
