// SPDX-License-Identifier: Apache-2.0
//
// Goal: of a track with several sizes and rates in one stream (SVC), each viewer gets what it asked
// for, and a change of that is no freeze.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { bringTo } from './lib/spread.mjs';
import { Stage } from './lib/stage.mjs';

const stage = await Stage.open({ nodes: ['eu', 'us'] });

const WIDTH = 960; // the least that Chromium makes three sizes of VP9 of
const FREEZE_MAX_MS = 1_000;

const publish = (person, videoCodec, scalabilityMode) =>
  person.run(
    (codec, mode, width) =>
      me.publishCanvas({
        width,
        height: (width * 9) / 16,
        videoCodec: codec,
        scalabilityMode: mode,
        backupCodec: false,
        degradationPreference: 'maintain-resolution',
        videoEncoding: { maxBitrate: 1_500_000, maxFramerate: 15 },
      }),
    videoCodec,
    scalabilityMode,
    WIDTH,
  );

const asks = (person, quality) =>
  person.run((wanted) => {
    me.publication('anna', 'camera').setVideoQuality(lk.VideoQuality[wanted]);
  }, quality);

const fpsAtMost = (person, fps) =>
  person.run((wanted) => {
    me.publication('anna', 'camera').setVideoFPS(wanted);
  }, fps);

const getsWidth = (person, width) =>
  person.until(
    `gets pictures ${width} wide`,
    async (wanted) => (await me.received('anna', 'camera')).frameWidth === wanted,
    width,
  );

/** Asks for that, and returns the longest time without a new picture until 1 s after it came. */
async function changeTo(person, quality, width) {
  const from = await person.run(() => performance.now());
  await asks(person, quality);
  await getsWidth(person, width);
  await sleep(1_000);
  return person.run((since) => me.longestGap('anna', 'camera', since), from);
}

for (const [codec, mode] of [['vp9', 'L3T3_KEY'], ['vp9', 'L3T3'], ['av1', 'L3T3_KEY']]) {
  test(`each its size of ${codec} ${mode}`, async (t) => {
    const anna = await stage.enter('anna');
    const bert = await stage.enter('bert');
    const carla = await stage.enter('carla');
    await publish(anna, codec, mode);
    await carla.sees('anna');
    await asks(carla, 'LOW');
    await getsWidth(bert, WIDTH);
    await getsWidth(carla, WIDTH / 4);
    const sent = await anna.run(() => me.sent('camera'));
    assert.equal(sent.length, 1);
    assert.equal(sent[0].scalabilityMode, mode);

    for (const [quality, width] of [['MEDIUM', WIDTH / 2], ['HIGH', WIDTH], ['LOW', WIDTH / 4], ['HIGH', WIDTH]]) {
      const gap = await changeTo(carla, quality, width);
      t.diagnostic(`to ${quality}: ${gap.toFixed(0)} ms without a picture at most`);
      assert.ok(gap < FREEZE_MAX_MS, `${gap} ms without a picture, to ${quality}`);
    }
    await asks(carla, 'LOW');
    await getsWidth(carla, WIDTH / 4);
    // The other one was not disturbed, and what was left out is not taken for lost.
    const before = await bert.received('anna');
    const after = await bert.sees('anna', 'camera', 20);
    assert.equal(after.frameWidth, WIDTH);
    assert.equal(after.packetsLost, before.packetsLost);
    assert.equal((await carla.received('anna')).packetsLost, 0);
    // Somebody who comes later, and to whom it is all new.
    const dora = await stage.enter('dora');
    await dora.sees('anna');
    await getsWidth(dora, WIDTH);
  });
}

/** What the nodes send to each other in two seconds, in bytes. */
async function relayed() {
  const bytes = async () => {
    const all = await Promise.all(['node-1', 'node-2'].map((name) => stage.cluster.metrics(name)));
    return all.reduce((sum, metrics) => sum + metrics.spillway_node_relay_bytes_out_total, 0);
  };
  const before = await bytes();
  await sleep(2_000);
  return (await bytes()) - before;
}

/** A trunk carries the sizes that are wanted behind it; who moves goes on with what was sent. */
test('beyond another node, and on the way there and back', async (t) => {
  const anna = await bringTo(stage, await stage.enter('anna'), 'node-1');
  const bert = await bringTo(stage, await stage.enter('bert'), 'node-1');
  const carla = await bringTo(stage, await stage.enter('carla'), 'node-2');
  await publish(anna, 'vp9', 'L3T3_KEY');
  await carla.sees('anna');
  await asks(carla, 'LOW');
  await getsWidth(bert, WIDTH);
  await getsWidth(carla, WIDTH / 4);
  const crossed = {};
  for (const [quality, width] of [['HIGH', WIDTH], ['LOW', WIDTH / 4]]) {
    const gap = await changeTo(carla, quality, width);
    t.diagnostic(`to ${quality}: ${gap.toFixed(0)} ms without a picture at most`);
    assert.ok(gap < FREEZE_MAX_MS, `${gap} ms without a picture, to ${quality}`);
    await sleep(1_000); // less crosses 1.5 s after it is wanted
    crossed[quality] = await relayed();
  }
  t.diagnostic(`${crossed.LOW} bytes crossed in two seconds for the lowest size, ${crossed.HIGH} for all`);
  assert.ok(crossed.LOW < crossed.HIGH / 2, 'sizes that nobody wants cross');
  for (const [person, width] of [[bert, WIDTH], [carla, WIDTH / 4]]) {
    for (const node of ['node-1', 'node-2', 'node-1']) {
      const from = await person.run(() => performance.now());
      await bringTo(stage, person, node);
      await person.sees('anna', 'camera', 15);
      const gap = await person.run((since) => me.longestGap('anna', 'camera', since), from);
      t.diagnostic(`${width} wide to ${node}: ${gap.toFixed(0)} ms without a picture at most`);
      assert.ok(gap < FREEZE_MAX_MS, `${gap} ms without a picture, to ${node}`);
      await getsWidth(person, width);
    }
  }
});

test('fewer pictures a second of one size', async (t) => {
  const anna = await stage.enter('anna');
  const bert = await stage.enter('bert');
  await publish(anna, 'vp9', 'L1T3');
  await bert.sees('anna', 'camera', 10);
  const rate = async () => {
    const before = await bert.received('anna');
    await sleep(3_000);
    return ((await bert.received('anna')).framesDecoded - before.framesDecoded) / 3;
  };
  const full = await rate();
  await fpsAtMost(bert, 5);
  await sleep(1_000);
  const fewer = await rate();
  t.diagnostic(`${full.toFixed(1)} pictures a second, then ${fewer.toFixed(1)}`);
  assert.ok(full > 11, `${full} pictures a second`);
  assert.ok(fewer > 2 && fewer < full / 2.5, `${fewer} pictures a second`);
  await fpsAtMost(bert, 30);
  await sleep(1_000);
  assert.ok((await rate()) > 11);
});
