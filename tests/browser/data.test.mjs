// SPDX-License-Identifier: Apache-2.0
//
// Goal: data packets, streams, remote calls and data tracks reach whom they are for, whole, in
// order, and nobody else.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Stage } from './lib/stage.mjs';

const stage = await Stage.open();

async function three() {
  const people = [];
  for (const identity of ['anna', 'bert', 'carla']) {
    people.push(await stage.enter(identity));
  }
  return people;
}

/** Waits for a message that was sent after all others, and so shows that they came, or did not. */
const last = (person, text, topic) =>
  person.until(`the message ${text}`, (t, k) => me.texts(k).includes(t), text, topic);

test('reliable messages arrive at everybody else, once and in order', async () => {
  const [anna, bert, carla] = await three();
  await anna.run(async () => {
    for (let i = 0; i < 300; i++) {
      await me.send(`${i}`, { reliable: true, topic: 'count' });
    }
  });
  const expected = Array.from({ length: 300 }, (_, i) => `${i}`);
  for (const person of [bert, carla]) {
    await last(person, '299', 'count');
    assert.deepEqual(await person.run(() => me.texts('count')), expected);
    assert.deepEqual(await person.run(() => me.messages[0]), {
      from: 'anna',
      topic: 'count',
      text: '0',
      kind: 'RELIABLE',
    });
  }
  assert.deepEqual(await anna.run(() => me.messages), []);
});

test('a message for one is for nobody else', async () => {
  const [anna, bert, carla] = await three();
  await anna.run(async () => {
    await me.send('secret', { reliable: true, destinationIdentities: ['bert'] });
    await me.send('end', { reliable: true, topic: 'end' });
  });
  await last(bert, 'end', 'end');
  await last(carla, 'end', 'end');
  assert.deepEqual(await bert.run(() => me.messages.map(({ text }) => text)), ['secret', 'end']);
  assert.deepEqual(await carla.run(() => me.messages.map(({ text }) => text)), ['end']);
});

test('lossy messages, and both ways at once', async () => {
  const [anna, bert] = await three();
  const count = async () => {
    for (let i = 0; i < 50; i++) {
      await me.send(`${i}`, { reliable: false, topic: 'lossy' });
      await new Promise((done) => setTimeout(done, 10));
    }
  };
  await Promise.all([anna.run(count), bert.run(count)]);
  for (const person of [anna, bert]) {
    await person.until('most of them', () => me.texts('lossy').length >= 45);
    const numbers = (await person.run(() => me.texts('lossy'))).map(Number);
    assert.deepEqual([...new Set(numbers)], numbers, 'doubled');
    assert.equal(await person.run(() => me.messages[0].kind), 'LOSSY');
  }
});

test('messages of up to 60 KB', async () => {
  const [anna, bert] = await three();
  await anna.run(async () => {
    for (const size of [1, 1_200, 15_000, 60_000]) {
      await me.send('x'.repeat(size), { reliable: true, topic: 'size' });
    }
  });
  await bert.until('all four', () => me.texts('size').length === 4);
  assert.deepEqual(
    await bert.run(() => me.texts('size').map((text) => text.length)),
    [1, 1_200, 15_000, 60_000],
  );
});

test('without the right to send data, nothing arrives', async () => {
  const mute = await stage.enter('mute', { grants: { canPublishData: false } });
  const anna = await stage.enter('anna');
  const bert = await stage.enter('bert');
  await mute.run(() => me.send('no', { reliable: true }).catch(() => 0));
  await anna.run(() => me.send('yes', { reliable: true }));
  await bert.until('the other message', () => me.messages.some(({ text }) => text === 'yes'));
  assert.deepEqual(await bert.run(() => me.messages.map(({ text }) => text)), ['yes']);
});

test('text in one piece and streamed, with its attributes', async () => {
  const [anna, bert] = await three();
  await bert.run(() => {
    me.streamed = [];
    me.room.registerTextStreamHandler('story', async (reader, { identity }) => {
      const text = await reader.readAll();
      me.streamed.push({ identity, text, attributes: { ...reader.info.attributes } });
    });
  });
  const story = 'Ein Fluß. '.repeat(5_000); // over three chunks, and not ASCII
  await anna.run(async (text) => {
    const options = { topic: 'story', attributes: { chapter: '1' } };
    await me.room.localParticipant.sendText(text, options);
    const writer = await me.room.localParticipant.streamText({ topic: 'story' });
    for (const word of ['to', ' be', ' continued']) {
      await writer.write(word);
    }
    await writer.close();
  }, story);
  await bert.until('both', () => me.streamed.length === 2);
  const [whole, pieces] = await bert.run(() => me.streamed);
  assert.equal(whole.identity, 'anna');
  assert.equal(whole.text, story);
  assert.equal(whole.attributes.chapter, '1');
  assert.equal(pieces.text, 'to be continued');
});

test('a file, byte for byte, with its progress', async () => {
  const [anna, bert] = await three();
  await bert.run(() => {
    me.room.registerByteStreamHandler('files', async (reader) => {
      const progress = [];
      reader.onProgress = (ratio) => progress.push(ratio);
      const bytes = new Uint8Array(await new Blob(await reader.readAll()).arrayBuffer());
      me.file = { name: reader.info.name, size: bytes.length, last: progress.at(-1) };
      me.file.sum = bytes.reduce((sum, byte, i) => (sum + byte * (i % 251)) % 1_000_003, 0);
    });
  });
  const sum = await anna.run(async () => {
    const bytes = Uint8Array.from({ length: 400_000 }, (_, i) => (i * 2_654_435_761) >>> 24);
    const file = new File([bytes], 'noise.bin', { type: 'application/octet-stream' });
    await me.room.localParticipant.sendFile(file, { topic: 'files' });
    return bytes.reduce((total, byte, i) => (total + byte * (i % 251)) % 1_000_003, 0);
  });
  const file = await bert.until('the file', () => me.file);
  assert.deepEqual(file, { name: 'noise.bin', size: 400_000, last: 1, sum });
});

test('remote calls: an answer, an error, nobody there', async () => {
  const [anna, bert] = await three();
  await bert.run(() => {
    me.room.registerRpcMethod('greet', async ({ callerIdentity, payload }) => {
      if (payload === 'fail') {
        throw new lk.RpcError(1_500, 'no');
      }
      return `${payload}, ${callerIdentity}`;
    });
  });
  const call = (params) =>
    anna.run(
      (given) =>
        me.room.localParticipant.performRpc(given).then(
          (payload) => payload,
          ({ code, message }) => ({ code, message }),
        ),
      params,
    );
  const to = { destinationIdentity: 'bert', method: 'greet' };
  assert.equal(await call({ ...to, payload: 'hello' }), 'hello, anna');
  const long = 'x'.repeat(14_000);
  assert.equal(await call({ ...to, payload: long }), `${long}, anna`);
  assert.deepEqual(await call({ ...to, payload: 'fail' }), { code: 1_500, message: 'no' });
  assert.equal((await call({ ...to, method: 'sing', payload: '' })).code, 1_400);
  const many = await Promise.all(
    Array.from({ length: 20 }, (_, i) => call({ ...to, payload: `${i}` })),
  );
  assert.deepEqual(many, Array.from({ length: 20 }, (_, i) => `${i}, anna`));
});

test('a data track: its frames, its end', async () => {
  const [anna, bert, carla] = await three();
  await bert.run(() => {
    me.frames = [];
    me.room.on('dataTrackPublished', async (track) => {
      me.dataTrack = track.info.name;
      const reader = track.subscribe().getReader();
      for (;;) {
        const { done, value } = await reader.read();
        if (done) {
          me.ended = true;
          return;
        }
        me.frames.push(`${value.payload.length} ${value.payload[0]}`);
      }
    });
  });
  await anna.run(async () => {
    me.track = await me.room.localParticipant.publishDataTrack({ name: 'sensor' });
  });
  await bert.until('the track', () => me.dataTrack === 'sensor');
  await carla.until('the track', () => me.count('dataTrackPublished') === 1);
  // Frames before the subscription stands go to nobody: push until the first arrives.
  await anna.run(() => {
    me.pushing = setInterval(() => me.track.tryPush({ payload: new Uint8Array([1]) }), 50);
  });
  await bert.until('a first frame', () => me.frames.includes('1 1'));
  await anna.run(async () => {
    clearInterval(me.pushing);
    me.track.tryPush({ payload: new Uint8Array(20_000).fill(2) });
    await me.track.flush();
  });
  await bert.until('a frame of many packets', () => me.frames.includes('20000 2'));
  await anna.run(() => me.track.unpublish());
  await bert.until('its end', () => me.ended && me.count('dataTrackUnpublished') === 1);
});
