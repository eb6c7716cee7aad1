// SPDX-License-Identifier: Apache-2.0
//
// Goal: the meeting page says what became of the connection, and nothing else: moved as planned or
// because a node died, lost and back, weak, some video paused.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ConnectionQuality, SignalResponse, StreamState } from '@livekit/protocol';
import { RoomServiceClient } from 'livekit-server-sdk';
import { Whereabouts } from '../../orchestrator/web/src/whereabouts.js';
import { API_KEY, API_SECRET, meetingPages } from './lib/cluster.mjs';
import { killNode, moveAll } from './lib/moving.mjs';
import { Stage } from './lib/stage.mjs';
import { isAccessible } from './lib/pages.mjs';
import { DEADLINE_MS, showsPeople, visitors } from './lib/visitors.mjs';

const stage = await Stage.open({ pages: meetingPages });
const { enter } = visitors(stage);

const MOVED = 'You were moved to another server.';
const BACK = 'Connected again.';
const PAUSED = /^Some video is paused/;
const WEAK = 'Your connection is weak.';

/** All words of the status since the page was opened. */
const notes = (page) =>
  page.addInitScript(() => {
    window.said = [];
    const note = () => {
      const text = document.querySelector('[role=status]')?.textContent;
      if (text && text !== window.said.at(-1)) {
        window.said.push(text);
      }
    };
    new MutationObserver(note).observe(document, { subtree: true, childList: true, characterData: true });
  });

const said = (page, text) =>
  page.waitForFunction((wanted) => window.said.includes(wanted), text, { timeout: DEADLINE_MS });

const status = (page, hasText) => page.getByRole('status').filter({ hasText });

test('what is a move, and what is not', async () => {
  const whereabouts = new Whereabouts();
  const look = ({ ice = 'aaaa', node = 'ND_a', priority, protocol = 'udp', given = priority }) => {
    const candidate = { type: 'remote-candidate', id: 'c', priority, protocol };
    const pair = { type: 'candidate-pair', id: 'p', selected: true, remoteCandidateId: 'c' };
    const publisher = {
      getRemoteDescription: () => ({
        sdp: `a=ice-ufrag:${ice}\r\na=candidate:1 1 udp ${given} 192.0.2.1 40000 typ host\r\n`,
      }),
      getStats: async () => new Map([candidate, pair].map((one) => [one.id, one])),
    };
    const engine = { pcManager: { publisher }, latestJoinResponse: { serverInfo: { nodeId: node } } };
    return whereabouts.moved({ engine });
  };
  const story = [
    [{ priority: 1_000_016 }, false, 'it begins'],
    [{ priority: 1_000_015 }, false, 'another address of the node'],
    [{ priority: 500_016, protocol: 'tcp' }, false, 'and its TCP port'],
    [{ priority: 500_032, protocol: 'tcp' }, true, 'the next node, by TCP'],
    [{ priority: 1_000_032 }, false, 'and by UDP'],
    [{ priority: 1_000_048 }, true, 'one more'],
    [{ priority: 1_000_048, ice: 'bbbb', given: 1_000_064 }, false, 'ICE anew: it was here that we moved'],
    [{ priority: 1_000_064, ice: 'bbbb' }, false, 'which is through'],
    [{ priority: 1_000_080, ice: 'cccc' }, false, 'and again, at the same node'],
    [{ priority: 1_000_096, ice: 'dddd', node: 'ND_b' }, true, 'and at another one'],
  ];
  for (const [seen, moved, what] of story) {
    assert.equal(await look(seen), moved, what);
  }
  assert.equal(await new Whereabouts().moved({}), false);
});

test('moved as planned, in a word that goes again', async () => {
  const anna = await enter('Anna', { prepare: notes });
  const bert = await enter('Bert', { prepare: notes });
  await showsPeople(anna, 2);
  await showsPeople(bert, 2);
  await moveAll(stage);
  for (const page of [anna, bert]) {
    await said(page, MOVED);
  }
  await isAccessible(anna);
  await status(anna, MOVED).waitFor({ state: 'detached' });
  await moveAll(stage);
  await status(anna, MOVED).waitFor();
  assert.equal(await anna.getByRole('dialog').count(), 0);
  for (const page of [anna, bert]) {
    const words = await page.evaluate(() => window.said);
    assert.ok(!words.some((text) => text === BACK || /lost/.test(text)), words.join('\n'));
  }
});

test('lost and back at the same server, weak, and paused', async () => {
  let signal; // of Anna, between page and server
  const prepare = async (page) => {
    await notes(page);
    await page.routeWebSocket(/\/rtc/, (socket) => {
      const server = socket.connectToServer();
      signal = { socket, server };
    });
  };
  const anna = await enter('Anna', { prepare });
  const bert = await enter('Bert');
  await showsPeople(anna, 2);
  const service = new RoomServiceClient(stage.cluster.http, API_KEY, API_SECRET);
  const people = await service.listParticipants(stage.room);
  const [annaSid, bertSid] = ['Anna', 'Bert'].map((name) => people.find((one) => one.name === name).sid);
  const tell = (message) => signal.socket.send(Buffer.from(new SignalResponse({ message }).toBinary()));
  const paused = (state) => {
    const trackSid = people.find(({ sid }) => sid === bertSid).tracks.find(({ type }) => type === 1).sid;
    tell({ case: 'streamStateUpdate', value: { streamStates: [{ participantSid: bertSid, trackSid, state }] } });
  };
  paused(StreamState.PAUSED);
  await status(anna, PAUSED).waitFor();
  paused(StreamState.ACTIVE);
  await status(anna, PAUSED).waitFor({ state: 'detached' });
  const quality = (value) =>
    tell({ case: 'connectionQuality', value: { updates: [{ participantSid: annaSid, quality: value, score: 1 }] } });
  quality(ConnectionQuality.POOR);
  await said(anna, WEAK);
  quality(ConnectionQuality.EXCELLENT);
  await status(anna, WEAK).waitFor({ state: 'detached' });

  await signal.server.close();
  await signal.socket.close();
  await said(anna, BACK);
  await showsPeople(bert, 2);
  const words = await anna.evaluate(() => window.said);
  assert.ok(words.includes('The connection was lost. Reconnecting…'), words.join('\n'));
  assert.ok(!words.includes(MOVED), words.join('\n'));
});

// The last test of the file: one node is left.
test('moved because the node died', async () => {
  const anna = await enter('Anna', { prepare: notes });
  const bert = await enter('Bert', { prepare: notes });
  await showsPeople(anna, 2);
  await showsPeople(bert, 2);
  await killNode(stage);
  await said(anna, MOVED);
  await said(bert, MOVED);
});
