// SPDX-License-Identifier: Apache-2.0
//
// What whoever's token says roomAdmin may do with the others: the server API's own calls, which take
// that token for the room it names.
import { Track } from 'livekit-client';
import { metadataOf } from './waiting.jsx';

function grantsOf(token) {
  try {
    const [, payload] = token.split('.');
    const bytes = Uint8Array.from(atob(payload.replace(/-/g, '+').replace(/_/g, '/')), (c) => c.charCodeAt(0));
    return JSON.parse(new TextDecoder().decode(bytes)).video ?? {};
  } catch {
    return {}; // the server will say what is wrong with it
  }
}

async function call(token, method, request) {
  const response = await fetch(`/twirp/livekit.RoomService/${method}`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', Authorization: `Bearer ${token}` },
    body: JSON.stringify(request),
  });
  if (!response.ok) {
    const { msg } = await response.json().catch(() => ({}));
    throw new Error(msg ?? `${method}: ${response.status}`);
  }
}

export const microphoneOf = (participant) => participant.getTrackPublication(Track.Source.Microphone);
export const isHeard = (participant) => microphoneOf(participant)?.isMuted === false;

/** Of who was let in, as a token without restrictions has them. */
const permission = {
  can_subscribe: true,
  can_publish: true,
  can_publish_data: true,
  can_update_metadata: true,
};

/**
 * {mute, remove, letIn: of a participant, setLocked(room, locked)}, or null for who is no host. All
 * reject if refused.
 */
export function hostWith(token) {
  const { roomAdmin, room } = grantsOf(token);
  return roomAdmin && room
    ? {
        mute: (participant) => {
          const { trackSid } = microphoneOf(participant);
          const { identity } = participant;
          return call(token, 'MutePublishedTrack', { room, identity, track_sid: trackSid, muted: true });
        },
        remove: ({ identity }) => call(token, 'RemoveParticipant', { room, identity }),
        letIn: ({ identity }) => call(token, 'UpdateParticipant', { room, identity, permission }),
        setLocked: async (meeting, locked) => {
          const metadata = metadataOf(meeting);
          if (!metadata) {
            throw new Error('the metadata of this room is no JSON object');
          }
          await call(token, 'UpdateRoomMetadata', { room, metadata: JSON.stringify({ ...metadata, locked }) });
        },
      }
    : null;
}
