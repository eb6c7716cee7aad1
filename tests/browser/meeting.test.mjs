// SPDX-License-Identifier: Apache-2.0
//
// Goal: people in Chromium see and hear each other, and what they, or the server, change in the
// middle of a meeting arrives at everybody.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RoomServiceClient, TrackSource } from 'livekit-server-sdk';
import { API_KEY, API_SECRET } from './lib/cluster.mjs';
import { Stage, everybodyMeets } from './lib/stage.mjs';

const stage = await Stage.open();
const both = { camera: true, microphone: true };
const service = () => new RoomServiceClient(stage.cluster.http, API_KEY, API_SECRET);

test('three people all see and hear each other', async () => {
  const people = [];
  for (const identity of ['anna', 'bert', 'carla']) {
    people.push(await stage.enter(identity, both));
  }
  await everybodyMeets(people);
  for (const person of people) {
    for (const { identity } of people.filter((one) => one !== person)) {
      assert.equal((await person.received(identity, 'camera')).codec, 'video/VP8');
      assert.match((await person.received(identity, 'microphone')).codec, /^audio\/(opus|red)$/);
    }
    assert.deepEqual(await person.run(() => me.errors), []);
  }
});

test('who comes, goes or resumes leaves the streams of the others as they are', async () => {
  const anna = await stage.enter('anna');
  await stage.enter('bert', both);
  await anna.sees('bert', 'camera', 10);
  await anna.hears('bert');
  const streams = () => Promise.all(['camera', 'microphone'].map((kind) => anna.received('bert', kind)));
  let before = await streams();
  const onlyMore = async () => { // libwebrtc counts from zero, and asks for a key frame, if it begins one anew
    await anna.sees('bert', 'camera', 10);
    const after = await streams();
    after.forEach((now, i) => {
      assert.equal(now.ssrc, before[i].ssrc);
      assert.ok(now.packetsReceived > before[i].packetsReceived);
      assert.equal(now.pliCount, before[i].pliCount);
    });
    before = after;
  };
  const carla = await stage.enter('carla', both);
  await anna.sees('carla');
  await onlyMore();
  await carla.run(() => me.room.disconnect());
  await anna.until('carla left', () => !me.participant('carla'));
  await onlyMore();
  await anna.run(() => me.room.simulateScenario('signal-reconnect').then(() => 0));
  await anna.until('resumed', () => me.count('reconnected') > 0);
  await onlyMore();
});

test('the simulcast layer that fits what is asked for is sent', async () => {
  const anna = await stage.enter('anna');
  const bert = await stage.enter('bert');
  await anna.run(() => me.publishCanvas({ width: 960, height: 540 }));
  const width = (quality) =>
    bert.until(
      `a picture for quality ${quality}`,
      async (wanted) => {
        const publication = me.publication('anna', 'camera');
        publication?.setVideoQuality(wanted);
        const { frameWidth } = await me.received('anna', 'camera');
        const expected = [240, 480, 960][wanted];
        return frameWidth === expected && frameWidth;
      },
      quality,
    );
  // Up and down, with frames of each layer really decoded.
  for (const quality of [0, 1, 2, 0, 2]) {
    await width(quality);
    await bert.sees('anna', 'camera', 3);
  }
});

test('with dynacast nothing is encoded that nobody watches', async () => {
  const anna = await stage.enter('anna', { options: { dynacast: true } });
  const bert = await stage.enter('bert');
  await anna.run(() => me.publishCanvas({ width: 960, height: 540 }));
  const widthIs = (width) =>
    bert.until(
      `a picture ${width} wide`,
      async (w) => (await me.received('anna', 'camera')).frameWidth === w,
      width,
    );
  const encoded = () =>
    anna.run(async () =>
      Object.fromEntries((await me.sent('camera')).map((s) => [s.rid, s.framesEncoded])),
    );
  // How long layers `rids` are still encoded: until the last change seen before 1.5 s without one.
  const stopped = async (rids) => {
    const started = Date.now();
    let [seen, changed] = [await encoded(), started];
    while (Date.now() < changed + 1500) {
      assert.ok(Date.now() < started + 20_000, `${rids} are encoded for ever`);
      const now = await encoded();
      if (rids.some((rid) => now[rid] !== seen[rid])) {
        [seen, changed] = [now, Date.now()];
      }
    }
    return changed - started;
  };
  const watch = (quality) =>
    bert.run((wanted) => me.publication('anna', 'camera').setVideoQuality(wanted), quality);

  await widthIs(960);
  await watch(0);
  const upper = await stopped(['f', 'h']);
  assert.ok(upper < 2000, `unwatched layers were encoded for ${upper} ms`);
  await widthIs(240);
  await bert.sees('anna');
  await watch(2);
  await widthIs(960);
  await bert.sees('anna');

  await bert.run(() => me.publication('anna', 'camera').setEnabled(false));
  const all = await stopped(['f', 'h', 'q']);
  assert.ok(all < 2000, `a video nobody watches was encoded for ${all} ms`);
  await bert.run(() => me.publication('anna', 'camera').setEnabled(true));
  await widthIs(960);
  await bert.sees('anna');
  console.log(`  unwatched layers stopped after ${upper} ms, an unwatched video after ${all} ms`);
});

test('a small tile gets a small picture, a large one a large, a hidden one none', async () => {
  const anna = await stage.enter('anna');
  const bert = await stage.enter('bert', { options: { adaptiveStream: true } });
  await anna.run(() => me.publishCanvas({ width: 960, height: 540 }));
  await bert.until('the tile', () => document.querySelector('video') !== null);
  const resize = (width, height) =>
    bert.run(
      (w, h) => {
        const tile = document.querySelector('video');
        tile.style.cssText = `width:${w}px;height:${h}px;display:${w ? 'block' : 'none'}`;
      },
      width,
      height,
    );
  const widthIs = (width) =>
    bert.until(
      `a picture ${width} wide`,
      async (w) => (await me.received('anna', 'camera')).frameWidth === w,
      width,
    );
  await resize(200, 112);
  await widthIs(240);
  await resize(960, 540);
  await widthIs(960);
  await resize(0, 0);
  await bert.until('no more frames', async () => {
    const count = async () => (await me.received('anna', 'camera')).framesDecoded;
    const before = await count();
    await new Promise((done) => setTimeout(done, 700));
    return (await count()) === before;
  });
  await resize(400, 225);
  await bert.sees('anna');
});

test('mute and unmute by oneself, mute by the server', async () => {
  const anna = await stage.enter('anna', both);
  const bert = await stage.enter('bert');
  await bert.sees('anna');
  const muted = (source, state) =>
    bert.until(
      `${source} ${state ? 'muted' : 'unmuted'}`,
      (kind, wanted) => me.publication('anna', kind).isMuted === wanted,
      source,
      state,
    );

  await anna.run(() => me.room.localParticipant.setCameraEnabled(false).then(() => 0));
  await muted('camera', true);
  await anna.run(() => me.room.localParticipant.setCameraEnabled(true).then(() => 0));
  await muted('camera', false);
  await bert.sees('anna');

  const sid = await anna.run(() => me.publication('anna', 'microphone').trackSid);
  await service().mutePublishedTrack(stage.room, 'anna', sid, true);
  await muted('microphone', true);
  await anna.until('told of it', () => me.publication('anna', 'microphone').isMuted);
  await anna.run(() => me.room.localParticipant.setMicrophoneEnabled(true).then(() => 0));
  await muted('microphone', false);
  await bert.hears('anna');
});

test('a shared screen, and the end of it', async () => {
  const anna = await stage.enter('anna', both);
  const bert = await stage.enter('bert');
  await anna.run(() =>
    me.room.localParticipant.setScreenShareEnabled(true, { audio: false }).then(() => 0),
  );
  await bert.sees('anna', 'screen_share', 2);
  await bert.sees('anna', 'camera');
  await anna.run(() => me.room.localParticipant.setScreenShareEnabled(false).then(() => 0));
  await bert.until('no screen', () => !me.publication('anna', 'screen_share'));
  assert.equal(await bert.count('trackUnsubscribed'), 1);
});

test('a track that is published again after it was taken back', async () => {
  const anna = await stage.enter('anna', both);
  const bert = await stage.enter('bert');
  await bert.sees('anna');
  for (let round = 0; round < 3; round++) {
    await anna.run(async () => {
      const { track } = me.publication('anna', 'camera');
      await me.room.localParticipant.unpublishTrack(track.mediaStreamTrack);
    });
    await bert.until('no camera', () => !me.publication('anna', 'camera'));
    await anna.run(() => me.room.localParticipant.setCameraEnabled(true).then(() => 0));
    await bert.sees('anna');
  }
});

test('who speaks is told to everybody', async () => {
  const anna = await stage.enter('anna');
  const bert = await stage.enter('bert');
  await anna.run(() => me.publishTone());
  const speaks = () =>
    me.room.activeSpeakers.some(({ identity, audioLevel }) => identity === 'anna' && audioLevel > 0);
  await bert.until('anna speaks', speaks);
  await anna.until('she herself is told', speaks);
  await anna.run(() => me.room.localParticipant.setMicrophoneEnabled(false).then(() => 0));
  await bert.until('silence', () => me.room.activeSpeakers.length === 0);
});

test('name, metadata and attributes', async () => {
  const anna = await stage.enter('anna', {
    grants: { canUpdateOwnMetadata: true },
    claims: { name: 'Anna', metadata: 'first', attributes: { hand: 'down' } },
  });
  const bert = await stage.enter('bert');
  const profile = (name, metadata, attributes) =>
    bert.until(
      `anna is ${name}, ${metadata}, ${JSON.stringify(attributes)}`,
      (...wanted) => {
        const anna = me.participant('anna');
        const is = [anna.name, anna.metadata, { ...anna.attributes }];
        return JSON.stringify(is) === JSON.stringify(wanted);
      },
      name,
      metadata,
      attributes,
    );
  await profile('Anna', 'first', { hand: 'down' });
  await anna.run(async () => {
    await me.room.localParticipant.setName('Anna B.');
    await me.room.localParticipant.setMetadata('second');
    await me.room.localParticipant.setAttributes({ hand: 'up' });
  });
  await profile('Anna B.', 'second', { hand: 'up' });
  await service().updateParticipant(stage.room, 'anna', { attributes: { hand: '', role: 'host' } });
  await profile('Anna B.', 'second', { role: 'host' });
});

test('nobody is told of a hidden participant, who sees and hears all the same', async () => {
  const anna = await stage.enter('anna', both);
  const ghost = await stage.enter('ghost', { grants: { hidden: true, canPublish: false } });
  await ghost.sees('anna');
  await ghost.hears('anna');
  const late = await stage.enter('late');
  for (const person of [anna, late]) {
    assert.equal(await person.run(() => me.participant('ghost')?.identity), undefined);
  }
  await ghost.run(() => me.leave());
  assert.equal(await anna.count('participantDisconnected'), 0);
});

test('without the right to publish, publishing is refused', async () => {
  const anna = await stage.enter('anna', { grants: { canPublish: false } });
  const refused = await anna.run(() =>
    me.publishCanvas({ width: 320, height: 180 }).then(
      () => 'published',
      (error) => error.message,
    ),
  );
  assert.match(refused, /permission/i);
});

test('only the sources that a token names may be published', async () => {
  const anna = await stage.enter('anna', {
    grants: { canPublishSources: [TrackSource.MICROPHONE] },
    microphone: true,
  });
  const bert = await stage.enter('bert');
  await bert.hears('anna');
  const refused = await anna.run(() =>
    me.publishCanvas({ width: 320, height: 180 }).then(
      () => 'published',
      (error) => error.message,
    ),
  );
  assert.match(refused, /permission/i);
});

test('the right to publish, given and taken in the middle', async () => {
  const anna = await stage.enter('anna', { grants: { canPublish: false } });
  const bert = await stage.enter('bert');
  const permit = (canPublish) =>
    service().updateParticipant(stage.room, 'anna', {
      permission: { canPublish, canSubscribe: true, canPublishData: true },
    });
  await permit(true);
  await anna.until('the right', () => me.room.localParticipant.permissions.canPublish);
  await anna.run(() => me.publishCanvas({ width: 640, height: 360 }));
  await bert.sees('anna');
  await permit(false);
  await bert.until('the track is gone', () => !me.publication('anna', 'camera'));
});

test('a publisher chooses who may subscribe', async () => {
  const anna = await stage.enter('anna', both);
  const bert = await stage.enter('bert');
  const carla = await stage.enter('carla');
  await bert.sees('anna');
  await carla.sees('anna');
  await anna.run(() =>
    me.room.localParticipant.setTrackSubscriptionPermissions(false, [
      { participantIdentity: 'bert', allowAll: true },
    ]),
  );
  await carla.until('not allowed', () => {
    const publication = me.publication('anna', 'camera');
    return publication.permissionStatus === 'not_allowed' && !publication.isSubscribed;
  });
  await bert.sees('anna');
  await anna.run(() => me.room.localParticipant.setTrackSubscriptionPermissions(true, []));
  await carla.sees('anna');
});

test('without auto-subscribe one gets what one asks for, and no longer than one wants', async () => {
  await stage.enter('anna', both);
  const bert = await stage.enter('bert', { connect: { autoSubscribe: false } });
  await bert.until('the publications', () =>
    Boolean(me.publication('anna', 'camera') && me.publication('anna', 'microphone')),
  );
  await bert.run(() => me.publication('anna', 'camera').setSubscribed(true));
  await bert.sees('anna');
  assert.equal(await bert.run(() => me.publication('anna', 'microphone').isSubscribed), false);
  await bert.run(() => me.publication('anna', 'camera').setSubscribed(false));
  await bert.until('unsubscribed', () => !me.publication('anna', 'camera').isSubscribed);
  await bert.run(() => me.publication('anna', 'camera').setSubscribed(true));
  await bert.sees('anna');
});

test('a disabled track costs nothing until it is enabled again', async () => {
  await stage.enter('anna', both);
  const bert = await stage.enter('bert');
  await bert.sees('anna');
  await bert.run(() => me.publication('anna', 'camera').setEnabled(false));
  await bert.until('no more packets', async () => {
    const count = async () => (await me.received('anna', 'camera')).packetsReceived;
    const before = await count();
    await new Promise((done) => setTimeout(done, 700));
    return (await count()) === before;
  });
  await bert.run(() => me.publication('anna', 'camera').setEnabled(true));
  await bert.sees('anna');
});

test('who leaves is gone for the others, and nothing else happens to them', async () => {
  const anna = await stage.enter('anna', both);
  const bert = await stage.enter('bert', both);
  const carla = await stage.enter('carla');
  await carla.sees('bert');
  await bert.run(() => me.leave());
  for (const person of [anna, carla]) {
    await person.until('bert is gone', () => !me.participant('bert'));
  }
  await carla.sees('anna');
  assert.equal(await carla.count('reconnecting'), 0);
});

test('connection quality is told', async () => {
  const anna = await stage.enter('anna', both);
  await stage.enter('bert', both);
  await anna.until('a quality for both', () =>
    ['anna', 'bert'].every((id) => ['excellent', 'good'].includes(me.participant(id).connectionQuality)),
  );
});
