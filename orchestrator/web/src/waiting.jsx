// SPDX-License-Identifier: Apache-2.0
//
// The waiting room: who comes to a locked room is in it without any permission until a host gives
// some. The room is locked while its metadata says so.
import { useRoomContext } from '@livekit/components-react';
import { RoomEvent } from 'livekit-client';
import { useEffect } from 'react';
import { useOfRoom } from './room.js';
import { say } from './words/words.js';

/** May do nothing; before the server has said anything, nobody waits. */
export const isWaiting = ({ permissions: may }) =>
  may !== undefined && !(may.canSubscribe || may.canPublish || may.canPublishData);

const comings = [
  RoomEvent.ParticipantConnected,
  RoomEvent.ParticipantDisconnected,
  RoomEvent.ParticipantPermissionsChanged,
  RoomEvent.SignalConnected,
  RoomEvent.Connected,
];

const waitsHere = ({ localParticipant }) => isWaiting(localParticipant);
export const useIsWaiting = (room) => useOfRoom(room, comings, waitsHere);

const countWaiting = ({ remoteParticipants }) => [...remoteParticipants.values()].filter(isWaiting).length;

/** How many others wait to be let in. */
export const useWaiting = (room) => useOfRoom(room, comings, countWaiting);

/** The room's metadata as an object; null where it is something else's text. */
export function metadataOf(room) {
  try {
    const metadata = JSON.parse(room.metadata || '{}');
    return typeof metadata === 'object' && !Array.isArray(metadata) ? metadata : null;
  } catch {
    return null;
  }
}

const metadataEvents = [RoomEvent.RoomMetadataChanged, RoomEvent.Connected];
const readLocked = (room) => metadataOf(room)?.locked === true;
export const useLocked = (room) => useOfRoom(room, metadataEvents, readLocked);

/** Publishes what was chosen in the lobby, once this is allowed. */
export function usePublishing({ audio, video }, onError) {
  const room = useRoomContext();
  useEffect(() => {
    let done = false;
    const publish = () => {
      const { localParticipant } = room;
      if (done || !localParticipant.permissions?.canPublish) {
        return;
      }
      done = true;
      Promise.all([
        audio && localParticipant.setMicrophoneEnabled(true, audio),
        video && localParticipant.setCameraEnabled(true, video),
      ]).catch(onError);
    };
    room.on(RoomEvent.SignalConnected, publish).on(RoomEvent.ParticipantPermissionsChanged, publish);
    return () => {
      room.off(RoomEvent.SignalConnected, publish).off(RoomEvent.ParticipantPermissionsChanged, publish);
    };
  }, [room, audio, video, onError]);
}

export function WaitingRoom({ name, onLeave }) {
  return (
    <main className="waiting">
      <img src="/icon.svg" alt="" width="40" height="40" />
      <h1>{name}</h1>
      <p role="status">{say('waiting')}</p>
      <p className="small">{say('whileWaiting')}</p>
      <button className="lk-button" type="button" onClick={onLeave}>
        {say('leave')}
      </button>
    </main>
  );
}
