// SPDX-License-Identifier: Apache-2.0
//
// Goal: livekit-server-sdk, unmodified, drives every method of RoomService, and its WebhookReceiver
// verifies what the server posts.
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { after, test } from 'node:test';
import {
  AccessToken,
  DataPacket_Kind,
  RoomServiceClient,
  WebhookReceiver,
} from 'livekit-server-sdk';
import { API_KEY, API_SECRET } from './lib/cluster.mjs';
import { poll } from './lib/poll.mjs';
import { Stage } from './lib/stage.mjs';

/** Takes webhooks; the first try of those about the room `refused` gets a 500. */
class Receiver {
  events = [];
  #refused = new Set();
  #verifier = new WebhookReceiver(API_KEY, API_SECRET);

  async listen() {
    this.server = createServer((request, response) => {
      let body = '';
      request.on('data', (chunk) => (body += chunk));
      request.on('end', () => this.#take(request, body, response));
    });
    await new Promise((done) => this.server.listen(0, '127.0.0.1', done));
    return `http://127.0.0.1:${this.server.address().port}/hook`;
  }

  async #take(request, body, response) {
    try {
      const event = await this.#verifier.receive(body, request.headers.authorization);
      assert.equal(request.headers['content-type'], 'application/webhook+json');
      if (event.room.name === 'refused' && !this.#refused.has(event.id)) {
        this.#refused.add(event.id);
        response.writeHead(500).end();
        return;
      }
      this.events.push(event);
      response.writeHead(200).end();
    } catch (error) {
      this.events.push({ event: `not verified: ${error.message}` });
      response.writeHead(401).end();
    }
  }

  of(room) {
    return this.events.filter((event) => event.room?.name === room).map(({ event }) => event);
  }
}

const receiver = new Receiver();
const hook = await receiver.listen();
const stage = await Stage.open({ settings: { webhooks: { urls: [hook], api_key: API_KEY } } });
after(() => receiver.server.close());

const service = (key = API_KEY, secret = API_SECRET) =>
  new RoomServiceClient(stage.cluster.http, key, secret);

/** What a call that must fail says: [HTTP status, code]. */
async function failure(promise) {
  const error = await promise.then(
    () => assert.fail('the call was to fail'),
    (thrown) => thrown,
  );
  return [error.status, error.code];
}

test('rooms: create, list, change, delete', async () => {
  const options = { name: 'hall', metadata: 'first', emptyTimeout: 600, maxParticipants: 7 };
  const made = await service().createRoom(options);
  assert.match(made.sid, /^RM_/);
  assert.equal(made.maxParticipants, 7);
  assert.equal((await service().createRoom({ name: 'hall' })).sid, made.sid, 'created twice');
  await service().createRoom({ name: 'attic' });

  const names = async (wanted) => (await service().listRooms(wanted)).map(({ name }) => name).sort();
  assert.deepEqual(await names(), ['attic', 'hall']);
  assert.deepEqual(await names(['hall', 'cellar']), ['hall']);

  const changed = await service().updateRoomMetadata('hall', 'second');
  assert.equal(changed.metadata, 'second');
  assert.equal((await service().listRooms(['hall']))[0].metadata, 'second');

  await service().deleteRoom('hall');
  await service().deleteRoom('attic');
  assert.deepEqual(await names(), []);
  assert.deepEqual(await failure(service().deleteRoom('hall')), [404, 'not_found']);
});

test('the room itself tells its people of new metadata and of its end', async () => {
  const anna = await stage.enter('anna');
  await service().updateRoomMetadata(stage.room, 'agenda');
  await anna.until('the metadata', () => me.room.metadata === 'agenda');
  await service().deleteRoom(stage.room);
  await anna.until('the end', () => me.room.state === 'disconnected');
  const [reason] = await anna.run(
    () => me.events.find(({ name }) => name === 'disconnected').about,
  );
  assert.equal(reason, await anna.run(() => lk.DisconnectReason.ROOM_DELETED));
});

test('participants: list, get, change, remove', async () => {
  const anna = await stage.enter('anna', { claims: { name: 'Anna' }, camera: true });
  const bert = await stage.enter('bert');
  const list = await service().listParticipants(stage.room);
  assert.deepEqual(list.map(({ identity }) => identity).sort(), ['anna', 'bert']);

  const info = await service().getParticipant(stage.room, 'anna');
  assert.equal(info.name, 'Anna');
  assert.equal(info.tracks.length, 1);
  assert.equal(info.tracks[0].mimeType.toLowerCase(), 'video/vp8');
  assert.equal(info.tracks[0].layers.length > 0, true);

  const changed = await service().updateParticipant(stage.room, 'anna', {
    name: 'Anna B.',
    metadata: 'host',
    attributes: { hand: 'up' },
  });
  assert.equal(changed.name, 'Anna B.');
  await bert.until('the new profile', () => {
    const { name, metadata, attributes } = me.participant('anna');
    return name === 'Anna B.' && metadata === 'host' && attributes.hand === 'up';
  });

  await service().removeParticipant(stage.room, 'anna');
  await anna.until('removed', () => me.room.state === 'disconnected');
  await bert.until('anna is gone', () => !me.participant('anna'));
  const missing = service().getParticipant(stage.room, 'anna');
  assert.deepEqual(await failure(missing), [404, 'not_found']);
});

test('tracks: mute, unsubscribe and subscribe somebody', async () => {
  const anna = await stage.enter('anna', { camera: true });
  const bert = await stage.enter('bert');
  await bert.sees('anna');
  const sid = await anna.run(() => me.publication('anna', 'camera').trackSid);

  await service().updateSubscriptions(stage.room, 'bert', [sid], false);
  await bert.until('unsubscribed', () => me.count('trackUnsubscribed') === 1);
  await service().updateSubscriptions(stage.room, 'bert', [sid], true);
  await bert.sees('anna');

  const track = await service().mutePublishedTrack(stage.room, 'anna', sid, true);
  assert.equal(track.muted, true);
  await bert.until('muted', () => me.publication('anna', 'camera').isMuted);
  const unknown = service().mutePublishedTrack(stage.room, 'anna', 'TR_none', true);
  assert.deepEqual(await failure(unknown), [404, 'not_found']);
});

test('a locked room: tokens wait that say so, and who is in stays in', async () => {
  const waiting = { grants: { waitsIfLocked: true } };
  const reconnect = async (person, scenario) => {
    const before = await person.count('reconnected');
    await person.run((name) => me.room.simulateScenario(name).then(() => 0), scenario);
    await person.until('back', (times) => me.count('reconnected') > times, before);
  };
  const anna = await stage.enter('anna', { ...waiting, camera: true });
  await service().updateRoomMetadata(stage.room, JSON.stringify({ locked: true, of: 'an application' }));
  const eve = await stage.enter('eve', waiting);
  const bert = await stage.enter('bert'); // whose token says nothing of it
  await bert.sees('anna');
  for (const scenario of ['signal-reconnect', 'full-reconnect']) {
    await Promise.all([anna, eve].map((person) => reconnect(person, scenario)));
    await bert.sees('anna');
  }
  await anna.run(() => me.send('secret', { reliable: true, topic: 'chat' }));
  await bert.until('the message', () => me.texts('chat').includes('secret'));
  assert.deepEqual(await eve.run(() => me.texts('chat')), []);
  assert.ok(await eve.run(() => me.publication('anna', 'camera').track === undefined));
  await assert.rejects(eve.run(() => me.room.localParticipant.setMicrophoneEnabled(true)), /permission/);

  const all = { canSubscribe: true, canPublish: true, canPublishData: true };
  await service().updateParticipant(stage.room, 'eve', { permission: all });
  await eve.sees('anna');
  await reconnect(eve, 'full-reconnect');
  await eve.sees('anna');
});

test('data from the server, to everybody and to some', async () => {
  const anna = await stage.enter('anna');
  const bert = await stage.enter('bert');
  const send = (text, kind, options) =>
    service().sendData(stage.room, new TextEncoder().encode(text), kind, options);
  const { RELIABLE } = DataPacket_Kind;
  await send('for anna', RELIABLE, { destinationIdentities: ['anna'], topic: 'news' });
  await send('for all', RELIABLE, { topic: 'news' });
  for (const person of [anna, bert]) {
    await person.until('the last one', () => me.texts('news').includes('for all'));
  }
  assert.deepEqual(await anna.run(() => me.texts('news')), ['for anna', 'for all']);
  assert.deepEqual(await bert.run(() => me.texts('news')), ['for all']);
});

test('a remote call by the server', async () => {
  const anna = await stage.enter('anna');
  await anna.run(() => me.room.registerRpcMethod('greet', async ({ payload }) => `hi ${payload}`));
  const token = new AccessToken(API_KEY, API_SECRET, { ttl: '1m' });
  token.addGrant({ roomAdmin: true, room: stage.room });
  const call = async (method) => {
    const response = await fetch(`${stage.cluster.http}/twirp/livekit.RoomService/PerformRpc`, {
      method: 'POST',
      headers: {
        Authorization: `Bearer ${await token.toJwt()}`,
        'Content-Type': 'application/json',
      },
      body: JSON.stringify({
        room: stage.room,
        destination_identity: 'anna',
        method,
        payload: 'there',
        response_timeout_ms: 5_000,
      }),
    });
    return [response.status, await response.json()];
  };
  assert.deepEqual(await call('greet'), [200, { payload: 'hi there' }]);
  const [status] = await call('unknown');
  assert.notEqual(status, 200);
});

test('what is refused, and how', async () => {
  const { http } = stage.cluster;
  await service().createRoom({ name: 'refusals' });
  assert.deepEqual(await failure(service(API_KEY, 'wrong').listRooms()), [401, 'unauthenticated']);
  assert.deepEqual(await failure(service('nobody', 'x').listRooms()), [401, 'unauthenticated']);
  assert.deepEqual(await failure(service().listParticipants('nowhere')), [404, 'not_found']);
  assert.deepEqual(
    await failure(service().moveParticipant('refusals', 'anna', 'elsewhere')),
    [501, 'unimplemented'],
  );
  assert.deepEqual(
    await failure(service().forwardParticipant('refusals', 'anna', 'elsewhere')),
    [501, 'unimplemented'],
  );
  const call = (body, headers) =>
    fetch(`${http}/twirp/livekit.RoomService/ListRooms`, { method: 'POST', headers, body });
  assert.equal((await call('{}', { 'Content-Type': 'application/json' })).status, 401);

  const token = new AccessToken(API_KEY, API_SECRET, { ttl: '1m' });
  token.addGrant({ roomList: true });
  const authorized = { Authorization: `Bearer ${await token.toJwt()}` };
  const malformed = await call('{', { ...authorized, 'Content-Type': 'application/json' });
  assert.equal(malformed.status, 400);
  assert.equal((await malformed.json()).code, 'malformed');
  const unknown = await fetch(`${http}/twirp/livekit.Egress/ListEgress`, {
    method: 'POST',
    headers: { ...authorized, 'Content-Type': 'application/json' },
    body: '{}',
  });
  assert.ok([404, 501].includes(unknown.status));
  const preflight = await fetch(`${http}/twirp/livekit.RoomService/ListRooms`, {
    method: 'OPTIONS',
    headers: {
      Origin: 'http://elsewhere.example',
      'Access-Control-Request-Method': 'POST',
      'Access-Control-Request-Headers': 'authorization,content-type',
    },
  });
  assert.ok(preflight.ok);
  assert.ok(['*', 'http://elsewhere.example'].includes(
    preflight.headers.get('access-control-allow-origin'),
  ));
});

test('webhooks tell the life of a meeting in order', async () => {
  const anna = await stage.enter('anna', { camera: true });
  const bert = await stage.enter('bert');
  await bert.sees('anna');
  await bert.run(() => me.leave());
  await anna.run(async () => {
    await me.room.localParticipant.setCameraEnabled(false);
    const { track } = me.publication('anna', 'camera');
    await me.room.localParticipant.unpublishTrack(track.mediaStreamTrack);
  });
  await poll('the track is gone', 10_000, () => receiver.of(stage.room).includes('track_unpublished'));
  await anna.run(() => me.leave());
  await service().deleteRoom(stage.room);
  await poll('the last event', 10_000, () => receiver.of(stage.room).includes('room_finished'));

  const events = receiver.of(stage.room);
  const sorted = [...events].sort();
  assert.deepEqual(sorted, [
    'participant_joined',
    'participant_joined',
    'participant_left',
    'participant_left',
    'room_finished',
    'room_started',
    'track_published',
    'track_unpublished',
  ]);
  assert.equal(events[0], 'room_started');
  assert.equal(events.at(-1), 'room_finished');
  const ids = receiver.events.map(({ id }) => id);
  assert.equal(new Set(ids).size, ids.length, 'an event came twice');
});

test('a webhook that is refused is sent again', async () => {
  await stage.enter('anna', { room: 'refused' });
  await poll('the second try', 15_000, () => receiver.of('refused').includes('room_started'));
});
