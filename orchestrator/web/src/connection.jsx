// SPDX-License-Identifier: Apache-2.0
//
// What became of the connection, in a word: being made, lost, back, at another server, weak, or too
// slow for every picture. What has passed is said for some seconds, what is so for as long as it is.
import { useConnectionQualityIndicator, useConnectionState, useRoomContext } from '@livekit/components-react';
import { ConnectionQuality, ConnectionState, RoomEvent, Track } from 'livekit-client';
import { useEffect, useState } from 'react';
import { useOfRoom } from './room.js';
import { Whereabouts } from './whereabouts.js';
import { say } from './words/words.js';

const LOOK_MS = 1000;
const SAID_MS = 8000;

const unconnected = {
  [ConnectionState.Connecting]: 'connecting',
  [ConnectionState.Reconnecting]: 'reconnecting',
  [ConnectionState.SignalReconnecting]: 'reconnecting',
};

/** 'moved' or 'back', soon after it happened, or ''. */
function usePassed(room) {
  const [passed, setPassed] = useState({ what: '' });
  useEffect(() => {
    const whereabouts = new Whereabouts();
    const look = async () => {
      // A connection that is being closed has no statistics; the next one will.
      if (await whereabouts.moved(room).catch(() => false)) {
        setPassed({ what: 'moved' });
      }
    };
    const back = () => {
      setPassed(({ what }) => ({ what: what || 'back' })); // who was moved knows
      look();
    };
    const timer = setInterval(look, LOOK_MS);
    room.on(RoomEvent.Connected, look).on(RoomEvent.Reconnected, back);
    return () => {
      clearInterval(timer);
      room.off(RoomEvent.Connected, look).off(RoomEvent.Reconnected, back);
    };
  }, [room]);
  useEffect(() => {
    if (!passed.what) {
      return undefined;
    }
    const timer = setTimeout(() => setPassed({ what: '' }), SAID_MS);
    return () => clearTimeout(timer);
  }, [passed]);
  return passed.what;
}

const pausing = [
  RoomEvent.TrackStreamStateChanged,
  RoomEvent.TrackSubscribed,
  RoomEvent.TrackUnsubscribed,
  RoomEvent.Reconnected,
];

function anyPaused({ remoteParticipants }) {
  const publications = [...remoteParticipants.values()].flatMap((one) => [...one.videoTrackPublications.values()]);
  return publications.some(({ track }) => track?.streamState === Track.StreamState.Paused);
}

const weak = [ConnectionQuality.Poor, ConnectionQuality.Lost];

export function Connection() {
  const room = useRoomContext();
  const state = useConnectionState();
  const passed = usePassed(room);
  const paused = useOfRoom(room, pausing, anyPaused);
  const { quality } = useConnectionQualityIndicator({ participant: room.localParticipant });
  const lasting = (weak.includes(quality) && 'weak') || (paused && 'videoPaused') || '';
  const word = unconnected[state] ?? (passed || lasting);
  return (
    <p className={unconnected[state] ? 'word banner' : 'word'} role="status">
      {word && say(word)}
    </p>
  );
}
