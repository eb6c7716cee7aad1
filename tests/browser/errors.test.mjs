// SPDX-License-Identifier: Apache-2.0
//
// Goal: whatever a client does wrong gets an answer that says so, and disturbs nobody else.
import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';
import { AccessToken, RoomServiceClient } from 'livekit-server-sdk';
import { JoinRequest, SignalRequest, WrappedJoinRequest } from '@livekit/protocol';
import WebSocket from 'ws';
import { API_KEY, API_SECRET } from './lib/cluster.mjs';
import { Stage } from './lib/stage.mjs';

const stage = await Stage.open();

// Two people in a call, who must not notice anything of all that.
const calm = { room: 'calm', stays: true };
const anna = await stage.enter('anna', { ...calm, camera: true, microphone: true });
const bert = await stage.enter('bert', calm);
afterEach(async () => {
  await bert.sees('anna');
  await bert.hears('anna');
  for (const person of [anna, bert]) {
    for (const event of ['reconnecting', 'signalReconnecting', 'disconnected']) {
      assert.equal(await person.count(event), 0, `${person.identity}: ${event}`);
    }
  }
});

async function refused(token, connectOptions) {
  const visitor = await stage.visitor('visitor');
  return visitor.run(
    (url, jwt, options) => me.fail(url, jwt, options),
    stage.cluster.ws,
    token,
    connectOptions,
  );
}

async function signed(options, grant, secret = API_SECRET, key = API_KEY) {
  const token = new AccessToken(key, secret, { identity: 'visitor', ttl: '10m', ...options });
  token.addGrant(grant);
  return token.toJwt();
}

test('tokens that are wrong', async () => {
  const grant = { roomJoin: true, room: 'calm' };
  const long = 'x'.repeat(300);
  const cases = [
    ['no token at all', 'nonsense', /token/i],
    ['a wrong secret', await signed({}, grant, 'wrong'), /token|signature/i],
    ['an unknown key', await signed({}, grant, API_SECRET, 'nobody'), /key/i],
    ['an expired one', await signed({ ttl: -600 }, grant), /expired/i],
    ['no right to join', await signed({}, { roomList: true }), /join|permission|grant/i],
    ['an over-long identity', await signed({ identity: long }, grant), /identity/i],
  ];
  for (const [what, token, text] of cases) {
    const error = await refused(token);
    assert.equal(error.type, 'ConnectionError', what);
    if (what !== 'an over-long identity') {
      assert.equal(error.reason, 'NotAllowed', `${what}: ${JSON.stringify(error)}`);
      assert.match(error.message, text, what);
    }
  }
});

test('validate says what is wrong', async () => {
  const ask = async (token, path = '/rtc/v1/validate') => {
    const response = await fetch(`${stage.cluster.http}${path}?access_token=${token}`);
    assert.equal(response.headers.get('access-control-allow-origin'), '*');
    return [response.status, await response.text()];
  };
  const good = await stage.cluster.token('calm', 'visitor');
  assert.equal((await ask(good, '/rtc/validate'))[0], 200);
  const [status, text] = await ask(await signed({ ttl: -600 }, { roomJoin: true, room: 'calm' }));
  assert.equal(status, 401);
  assert.match(text, /expired/i);
  const longName = await signed({ identity: 'x'.repeat(300) }, { roomJoin: true, room: 'calm' });
  assert.equal((await ask(longName, '/rtc/validate'))[0], 400);
});

test('a full room', async () => {
  const service = new RoomServiceClient(stage.cluster.http, API_KEY, API_SECRET);
  await service.createRoom({ name: 'small', maxParticipants: 1 });
  const first = await stage.enter('first', { room: 'small' });
  const error = await refused(await stage.cluster.token('small', 'visitor'));
  assert.equal(error.type, 'ConnectionError');
  await first.run(() => me.leave());
  await stage.enter('second', { room: 'small' });
});

test('the same identity twice: the newer one stays', async () => {
  const old = await stage.enter('twin', { camera: true });
  const witness = await stage.enter('witness');
  await witness.sees('twin');
  await stage.enter('twin', { camera: true });
  await old.until('out', () => me.room.state === 'disconnected');
  const [reason] = await old.run(() => me.events.find(({ name }) => name === 'disconnected').about);
  assert.equal(reason, await old.run(() => lk.DisconnectReason.DUPLICATE_IDENTITY));
  await witness.sees('twin');
  assert.equal(await witness.run(() => me.room.remoteParticipants.size), 1);
});

/**
 * A client without an SDK. Acts at the first message, and resolves with {status, text} when it is
 * refused, or else with {code, reason} when it is closed.
 */
function raw(search, act = () => {}) {
  const url = `${stage.cluster.ws}/rtc/v1?${new URLSearchParams(search)}`;
  const socket = new WebSocket(url, { perMessageDeflate: false });
  return new Promise((resolve, reject) => {
    setTimeout(() => reject(new Error('neither refused nor closed')), 15_000).unref();
    socket.once('message', () => act(socket));
    socket.on('close', (code, reason) => resolve({ code, reason: reason.toString() }));
    socket.on('error', reject);
    socket.on('unexpected-response', async (_, response) => {
      const chunks = await response.toArray();
      resolve({ status: response.statusCode, text: chunks.join('') });
    });
  });
}

function joinRequest(fields) {
  const join = new JoinRequest({
    clientInfo: { protocol: 17, sdk: 1, version: '2.23.0' },
    connectionSettings: { autoSubscribe: true },
    ...fields,
  });
  const wrapped = new WrappedJoinRequest({ joinRequest: join.toBinary() });
  return Buffer.from(wrapped.toBinary()).toString('base64url');
}

async function rawJoin(fields, act) {
  const token = await stage.cluster.token('calm', 'raw');
  return raw({ access_token: token, join_request: joinRequest(fields) }, act);
}

test('joins that make no sense', async () => {
  const token = await stage.cluster.token('calm', 'raw');
  const garbage = await raw({ access_token: token, join_request: '!!!' });
  assert.equal(garbage.status, 400);
  assert.match(garbage.text, /join_request/);
  assert.equal((await raw({ access_token: token })).status, 400);
  const old = await rawJoin({ clientInfo: { protocol: 9 } });
  assert.equal(old.status, 400);
  assert.match(old.text, /protocol 9 is too old/);
  const offer = { type: 'offer', sdp: 'not sdp', id: 1 };
  const { code, reason } = await rawJoin({ publisherOffer: offer });
  assert.equal(code, 1_008);
  assert.match(reason, /line 1/);
});

test('signalling that makes no sense', async () => {
  const offer = (sdp) =>
    new SignalRequest({
      message: { case: 'offer', value: { type: 'offer', sdp, id: 7 } },
    }).toBinary();
  const lonely = `v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n\
m=audio 9 UDP/TLS/RTP/SAVPF 111\r\nc=IN IP4 0.0.0.0\r\na=mid:0\r\na=sendonly\r\na=rtcp-mux\r\n\
a=rtpmap:111 opus/48000/2\r\n`;
  const cases = [
    ['garbage for protobuf', Buffer.from('ffffffffffff', 'hex'), 1_008, /SignalRequest/],
    ['garbage for SDP', offer('v=0 and nothing else'), 1_008, /line 1/],
    ['SDP without BUNDLE', offer(lonely), 1_008, /BUNDLE/],
    ['a message of 2 MiB', Buffer.alloc(2 * 1024 * 1024 + 1), 1_009, /too big/],
  ];
  for (const [what, message, code, reason] of cases) {
    const end = await rawJoin({}, (socket) => socket.send(message));
    assert.equal(end.code, code, what);
    assert.match(end.reason, reason, what);
  }
  // They are gone from the room, too.
  await bert.until('alone with anna', () => me.room.remoteParticipants.size === 1);
});

test('a path, a page and a method that do not exist', async () => {
  const get = async (path, options) => (await fetch(`${stage.cluster.http}${path}`, options)).status;
  assert.equal(await get('/nothing/here'), 404);
  assert.equal(await get('/../../etc/passwd'), 404);
  assert.equal(await get('/rtc/v1'), 404);
  assert.equal(await get('/admin/v1/nodes'), 401);
});

test('the errors are counted', async () => {
  await refused('nonsense');
  const metrics = await (await fetch(`${stage.cluster.http}/metrics`)).text();
  const refusals = metrics.split('\n').filter((line) => /refused.*token/.test(line));
  assert.ok(refusals.some((line) => Number(line.split(' ').pop()) > 0), refusals.join('\n'));
});
