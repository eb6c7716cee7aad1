// SPDX-License-Identifier: Apache-2.0
//
// Goal: somebody whose network blocks UDP calls, and is moved, over ICE-TCP.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openChromium } from './lib/browsers.mjs';
import { movesOnce } from './lib/moving.mjs';
import { Stage } from './lib/stage.mjs';

const blocked = () => openChromium(['--webrtc-ip-handling-policy=disable_non_proxied_udp']);
const stage = await Stage.open({ browsers: [blocked, openChromium] });
const both = { camera: true, tone: true };

/** "tcp" or "udp": what somebody's media take. */
const protocol = (person) => person.run(() => me.protocol());

test('a call over TCP with somebody on UDP, and a move', async (t) => {
  const anna = await stage.enter('anna', both);
  const bert = await stage.enter('bert', { ...both, browser: stage.browsers[1] });
  await anna.sees('bert');
  await bert.sees('anna');
  assert.equal(await protocol(anna), 'tcp');
  assert.equal(await protocol(bert), 'udp');
  await movesOnce(t, stage, anna, bert);
  assert.equal(await protocol(anna), 'tcp');
});
