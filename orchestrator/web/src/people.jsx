// SPDX-License-Identifier: Apache-2.0
//
// Everybody in the room, raised hands first; and what a host may do.
import { useParticipants } from '@livekit/components-react';
import { RoomEvent } from 'livekit-client';
import { isHeard } from './host.js';
import { HandRaised } from './icons.jsx';
import { say } from './words/words.js';

export const HAND = 'hand'; // the attribute: since when it is up, in ms of the raiser's clock

const changes = [
  RoomEvent.ParticipantConnected,
  RoomEvent.ParticipantDisconnected,
  RoomEvent.ParticipantAttributesChanged,
  RoomEvent.ParticipantNameChanged,
  RoomEvent.TrackPublished,
  RoomEvent.TrackUnpublished,
  RoomEvent.TrackMuted,
  RoomEvent.TrackUnmuted,
  RoomEvent.LocalTrackPublished,
];

export const nameOf = (participant) => participant?.name || participant?.identity || say('somebody');
const handOf = (participant) => participant.attributes[HAND] ?? '';
export const raiseHand = (local, up) => local.setAttributes({ [HAND]: up ? String(Date.now()) : '' });

const byHandAndName = (a, b) =>
  Number(handOf(a) || Infinity) - Number(handOf(b) || Infinity) || nameOf(a).localeCompare(nameOf(b));

function Person({ participant, host, onError }) {
  const name = nameOf(participant);
  const acts = host && !participant.isLocal;
  return (
    <li>
      <span className="name">{participant.isLocal ? say('you', { name }) : name}</span>
      {handOf(participant) && <HandRaised label={say('handUp')} />}
      {!isHeard(participant) && <span className="small">{say('muted')}</span>}
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

export function People({ host, onError }) {
  const people = useParticipants({ updateOnlyOn: changes }).sort(byHandAndName);
  const heard = people.filter((one) => !one.isLocal && isHeard(one));
  const muteAll = () => Promise.all(heard.map((one) => host.mute(one))).catch(onError);
  return (
    <section className="panel" aria-label={say('people')}>
      <ul>
        {people.map((participant) => (
          <Person key={participant.identity} participant={participant} host={host} onError={onError} />
        ))}
      </ul>
      {host && (
        <button className="lk-button" type="button" disabled={heard.length === 0} onClick={muteAll}>
          {say('muteAll')}
        </button>
      )}
    </section>
  );
}
