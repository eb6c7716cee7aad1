// SPDX-License-Identifier: Apache-2.0
//
// Everybody in the room, who waits and raised hands first; and what a host may do.
import { useParticipants, useRoomContext } from '@livekit/components-react';
import { RoomEvent } from 'livekit-client';
import { useState } from 'react';
import { isHeard } from './host.js';
import { HandRaised } from './icons.jsx';
import { isWaiting, useLocked } from './waiting.jsx';
import { say } from './words/words.js';

export const HAND = 'hand'; // the attribute: since when it is up, in ms of the raiser's clock

const changes = [
  RoomEvent.ParticipantConnected,
  RoomEvent.ParticipantDisconnected,
  RoomEvent.ParticipantAttributesChanged,
  RoomEvent.ParticipantNameChanged,
  RoomEvent.ParticipantPermissionsChanged,
  RoomEvent.TrackPublished,
  RoomEvent.TrackUnpublished,
  RoomEvent.TrackMuted,
  RoomEvent.TrackUnmuted,
  RoomEvent.LocalTrackPublished,
];

export const nameOf = (participant) => participant?.name || participant?.identity || say('somebody');
const handOf = (participant) => participant.attributes[HAND] ?? '';
export const raiseHand = (local, up) => local.setAttributes({ [HAND]: up ? String(Date.now()) : '' });

const inOrder = (a, b) =>
  Number(isWaiting(b)) - Number(isWaiting(a)) ||
  Number(handOf(a) || Infinity) - Number(handOf(b) || Infinity) || nameOf(a).localeCompare(nameOf(b));

function Person({ participant, host, onError }) {
  const name = nameOf(participant);
  const acts = host && !participant.isLocal;
  const waits = isWaiting(participant);
  const muted = !waits && !isHeard(participant);
  return (
    <li>
      <bdi className="name">{participant.isLocal ? say('you', { name }) : name}</bdi>
      {handOf(participant) && <HandRaised label={say('handUp')} />}
      {waits && <span className="small">{say('waits')}</span>}
      {muted && <span className="small">{say('muted')}</span>}
      {acts && waits && (
        <button className="lk-button" type="button" onClick={() => host.letIn(participant).catch(onError)}>
          {say('letIn', { name })}
        </button>
      )}
      {acts && isHeard(participant) && (
        <button className="lk-button" type="button" onClick={() => host.mute(participant).catch(onError)}>
          {say('mute', { name })}
        </button>
      )}
      {acts && (
        <button className="lk-button" type="button" onClick={() => host.remove(participant).catch(onError)}>
          {say('remove', { name })}
        </button>
      )}
    </li>
  );
}

/** Whoever comes while it is on waits. Who waits when it is switched off, is let in. */
function Lock({ host, people, onError }) {
  const room = useRoomContext();
  const locked = useLocked(room);
  const [wanted, setWanted] = useState(); // until the server has said so
  const set = async ({ target: { checked } }) => {
    setWanted(checked);
    try {
      await host.setLocked(room, checked);
      if (!checked) {
        await Promise.all(people.filter(isWaiting).map(host.letIn));
      }
    } catch (error) {
      onError(error);
    }
    setWanted(undefined);
  };
  return (
    <label className="switch">
      <input type="checkbox" role="switch" checked={wanted ?? locked} onChange={set} />
      {say('lock')}
    </label>
  );
}

export function People({ host, onError }) {
  const people = useParticipants({ updateOnlyOn: changes }).sort(inOrder);
  const heard = people.filter((one) => !one.isLocal && isHeard(one));
  const muteAll = () => Promise.all(heard.map((one) => host.mute(one))).catch(onError);
  return (
    <>
      <ul>
        {people.map((participant) => (
          <Person key={participant.identity} participant={participant} host={host} onError={onError} />
        ))}
      </ul>
      {host && (
        <>
          <Lock host={host} people={people} onError={onError} />
          <button className="lk-button" type="button" disabled={heard.length === 0} onClick={muteAll}>
            {say('muteAll')}
          </button>
        </>
      )}
    </>
  );
}
