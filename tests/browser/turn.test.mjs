// SPDX-License-Identifier: Apache-2.0
//
// Goal: people whose networks let them reach the TURN server and nothing else call through it, over
// UDP, over TCP and over TLS, with the credentials that the orchestrator made and the configuration in
// deploy/coturn. Whom the server lets in or through not, is told by its log, and fails in the SDK.
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { openChromium } from './lib/browsers.mjs';
import { outerAddress } from './lib/cluster.mjs';
import { certify, Coturn } from './lib/coturn.mjs';
import { movesOnce } from './lib/moving.mjs';
import { poll } from './lib/poll.mjs';
import { Stage } from './lib/stage.mjs';

const SECRET = 'what orchestrators share with their TURN servers';
const OTHER = 'what they will share with them in the near future';
const address = outerAddress();
const server = `turn:${address}:3478`;
const tlsServer = `turns:${address}:443?transport=tcp`;
const dir = await mkdtemp(join(tmpdir(), 'spillway-turns-'));
const certificate = await certify(dir, address);
const trusting = () => openChromium([`--ignore-certificate-errors-spki-list=${certificate.spki}`]);
const tcpOnly = () => openChromium(['--webrtc-ip-handling-policy=disable_non_proxied_udp']);

let coturn = await Coturn.start(address, address, [SECRET]);
const stage = await Stage.open({
  media: address,
  browsers: [openChromium, tcpOnly, trusting],
  settings: {
    turn: { urls: [`${server}?transport=udp`, `${server}?transport=tcp`, tlsServer], secret: SECRET },
  },
});
after(async () => {
  await coturn.stop();
  await rm(dir, { recursive: true });
});

const relayed = { rtcConfig: { iceTransportPolicy: 'relay' } };
const enter = (identity, browser) =>
  stage.enter(identity, { camera: true, tone: true, browser, connect: relayed });

/** The server starts once more, for media nodes at that address. */
async function again(secrets, { node = address, tls } = {}) {
  await coturn.stop();
  coturn = await Coturn.start(address, node, secrets, tls);
}

/** Nobody gets in through the server, which says why, unless it is the client that will not have it. */
async function refused(t, why = /./) {
  const visitor = await stage.visitor('carl');
  const token = await stage.cluster.token(stage.room, 'carl');
  const error = await visitor.run(
    (url, jwt, options) => me.fail(url, jwt, options),
    stage.cluster.ws,
    token,
    { ...relayed, peerConnectionTimeout: 5_000 },
  );
  t.diagnostic(`the SDK: ${error.type}: ${error.message}`);
  assert.match(error.message, /could not establish pc connection/);
  assert.match(await coturn.log(), why);
}

/** How somebody's media leave. */
const way = async (person) => {
  const { candidateType, relayProtocol } = await person.run(() => me.localCandidate());
  return `${candidateType} ${relayProtocol}`;
};

/** ICE takes the first way that works, and the best of those it was offered once that one does. */
const leavesBy = (person, expected) =>
  poll(expected, 10_000, async () => (await way(person)) === expected, async () => `, but ${await way(person)}`);

async function flows(anna, bert) {
  for (const [person, other] of [[anna, 'bert'], [bert, 'anna']]) {
    await person.sees(other);
    await person.hears(other);
  }
}

test('a call through the server alone, and a move', async (t) => {
  const anna = await enter('anna', stage.browsers[0]);
  const bert = await enter('bert', stage.browsers[1]);
  await flows(anna, bert);
  await leavesBy(anna, 'relay udp');
  await leavesBy(bert, 'relay tcp');
  await movesOnce(t, stage, anna, bert);
  await leavesBy(anna, 'relay udp');
});

/**
 * Publishes by WHIP in a page without an SDK, which makes its offer first and gathers candidates once
 * the answer has told it of servers. Resolves with the type of the candidate that its media leave by.
 */
async function publishByWhip(identity) {
  const page = await stage.visitor(identity);
  const token = await stage.cluster.token(stage.room, identity);
  return page.run(
    async (url, bearer) => {
      const pc = (window.plain = new RTCPeerConnection());
      const stream = await navigator.mediaDevices.getUserMedia({ video: { width: 320, height: 180 } });
      pc.addTransceiver(stream.getVideoTracks()[0], { direction: 'sendonly', streams: [stream] });
      const offer = await pc.createOffer();
      const headers = { Authorization: `Bearer ${bearer}`, 'Content-Type': 'application/sdp' };
      const response = await fetch(url, { method: 'POST', headers, body: offer.sdp });
      const link = response.headers.get('Link') ?? '';
      const iceServers = link.split(', <').map((one) => ({
        urls: /^<?([^>]+)>/.exec(one)?.[1],
        username: /username="([^"]+)"/.exec(one)?.[1],
        credential: /credential="([^"]+)"/.exec(one)?.[1],
      }));
      pc.setConfiguration({ iceServers, iceTransportPolicy: 'relay' });
      await pc.setLocalDescription(offer);
      await pc.setRemoteDescription({ type: 'answer', sdp: await response.text() });
      await new Promise((resolve, reject) => {
        pc.onconnectionstatechange = () => pc.connectionState === 'connected' && resolve();
        setTimeout(() => reject(new Error(`not connected: ${link}`)), 15_000);
      });
      for (;;) {
        const stats = await pc.getStats();
        const { selectedCandidatePairId: id } = [...stats.values()].find(({ type }) => type === 'transport');
        if (stats.has(id)) {
          return stats.get(stats.get(id).localCandidateId).candidateType;
        }
        await new Promise((resolve) => setTimeout(resolve, 50)); // for it to be nominated
      }
    },
    `${stage.cluster.http}/whip/v1`,
    token,
  );
}

test('who publishes by WHIP is told of the server, too', async () => {
  const anna = await enter('anna', stage.browsers[0]);
  assert.equal(await publishByWhip('camera'), 'relay');
  await anna.sees('camera');
});

test('a server with another secret lets nobody in', async (t) => {
  await again([OTHER]);
  await refused(t, /Cannot find credentials of user <\d+:PA_/);
});

test('a server lets nobody reach what is no media node', async (t) => {
  await again([SECRET], { node: '192.0.2.99' });
  await refused(t, /A peer IP 192\.0\.2\.1 denied/);
});

test('while the secret changes the server takes both', async () => {
  await again([OTHER, SECRET]);
  await flows(await enter('anna', stage.browsers[0]), await enter('bert', stage.browsers[1]));
});

test('where only TLS is let through, for whom trusts the certificate', async (t) => {
  await again([SECRET], { tls: certificate });
  const anna = await enter('anna', stage.browsers[2]);
  const bert = await enter('bert', stage.browsers[2]);
  await flows(anna, bert);
  await leavesBy(anna, 'relay tls');
  await refused(t);
});
