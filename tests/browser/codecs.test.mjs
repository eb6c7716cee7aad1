// SPDX-License-Identifier: Apache-2.0
//
// Goal: every codec that Chromium sends arrives as the codec it was sent as.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Stage } from './lib/stage.mjs';

const stage = await Stage.open();

for (const codec of ['vp8', 'h264', 'vp9', 'av1']) {
  test(`video in ${codec}`, async () => {
    const anna = await stage.enter('anna');
    const bert = await stage.enter('bert');
    await anna.run(
      (videoCodec) =>
        me.publishCanvas({ width: 640, height: 360, videoCodec, backupCodec: false }),
      codec,
    );
    const { codec: got } = await bert.sees('anna', 'camera', 10);
    assert.equal(got.toLowerCase(), `video/${codec}`);
    const sent = await anna.run(() => me.sent('camera'));
    assert.ok(sent.every((stream) => stream.codec.toLowerCase() === `video/${codec}`));
    // Somebody who comes later gets a key frame.
    const carla = await stage.enter('carla');
    await carla.sees('anna', 'camera', 10);
  });
}

test('one layer instead of simulcast', async () => {
  const anna = await stage.enter('anna');
  const bert = await stage.enter('bert');
  await anna.run(() =>
    me.publishCanvas({
      width: 640,
      height: 360,
      simulcast: false,
      degradationPreference: 'maintain-resolution',
    }),
  );
  await bert.until('the whole picture', async () => {
    return (await me.received('anna', 'camera')).frameWidth === 640;
  });
  assert.equal((await anna.run(() => me.sent('camera'))).length, 1);
});

for (const red of [true, false]) {
  test(`sound ${red ? 'with' : 'without'} redundancy`, async () => {
    const anna = await stage.enter('anna', {
      options: { publishDefaults: { red, dtx: false } },
      microphone: true,
    });
    const bert = await stage.enter('bert');
    await bert.hears('anna');
    // Statistics name the codec inside; what is negotiated first is what is sent.
    const codec = await anna.run(
      () => me.publication('anna', 'microphone').track.sender.getParameters().codecs[0].mimeType,
    );
    assert.equal(codec, red ? 'audio/red' : 'audio/opus');
    const { packetsLost } = await bert.hears('anna');
    assert.equal(packetsLost, 0);
  });
}

test('stereo music without pauses', async () => {
  const anna = await stage.enter('anna');
  const bert = await stage.enter('bert');
  await anna.run(() => me.publishTone({ forceStereo: true, dtx: false }));
  await bert.hears('anna');
});
