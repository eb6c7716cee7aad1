// SPDX-License-Identifier: Apache-2.0
//
// Goal: a call with a node that has an IPv6 address alone, over UDP and over TCP.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openChromium } from './lib/browsers.mjs';
import { Stage } from './lib/stage.mjs';

const ADDRESS = '2001:db8::1'; // tests/browser/in_networks
const tcpOnly = () => openChromium(['--webrtc-ip-handling-policy=disable_non_proxied_udp']);
const stage = await Stage.open({ media: ADDRESS, nodes: 1, browsers: [openChromium, tcpOnly] });
const both = { camera: true, tone: true };

test('a call over IPv6', async () => {
  const anna = await stage.enter('anna', both);
  const bert = await stage.enter('bert', { ...both, browser: stage.browsers[1] });
  for (const [person, other, protocol] of [[anna, 'bert', 'udp'], [bert, 'anna', 'tcp']]) {
    await person.sees(other);
    await person.hears(other);
    const { remote } = await person.run(() => me.pairInUse());
    assert.deepEqual([remote.address, remote.protocol], [ADDRESS, protocol]);
  }
});
