// SPDX-License-Identifier: Apache-2.0
//
// What is said, as text, from whoever in the room writes it down (LiveKit's transcriptions: an agent,
// or people's own software). Nothing is recognised here: browsers that offer it send the sound to
// their makers.
import { useRoomContext } from '@livekit/components-react';
import { RoomEvent } from 'livekit-client';
import { useEffect, useState } from 'react';
import { nameOf } from './people.jsx';
import { say } from './words/words.js';

const TOPIC = 'lk.transcription';
const LINES_MAX = 3;
const TEXT_MAX = 300; // the end of what is longer
const SHOWN_MS = 10_000;

const everybody = (room) => [room.localParticipant, ...room.remoteParticipants.values()];
const byIdentity = (room, identity) => everybody(room).find((one) => one.identity === identity);

/** Of others than its sender, who are taken at their word by agents alone. */
function speakerOf(room, identity, track) {
  const sender = byIdentity(room, identity);
  return (sender?.isAgent && everybody(room).find((one) => one.trackPublications.has(track))) || sender;
}

/** The last lines: [{id, name, text}], each of which may change while it is spoken. */
function useLines(room) {
  const [lines, setLines] = useState([]);
  useEffect(() => {
    const timers = new Set();
    const put = (id, speaker, text) => {
      const line = { id, name: nameOf(speaker), text: text.slice(-TEXT_MAX) };
      setLines((before) =>
        (before.some((one) => one.id === id)
          ? before.map((one) => (one.id === id ? line : one))
          : [...before, line]
        ).slice(-LINES_MAX),
      );
      const timer = setTimeout(() => {
        timers.delete(timer);
        setLines((before) => before.filter((one) => one !== line));
      }, SHOWN_MS);
      timers.add(timer);
    };
    const segments = (list, participant) => list.forEach(({ id, text }) => put(id, participant, text));
    room.on(RoomEvent.TranscriptionReceived, segments);
    room.registerTextStreamHandler(TOPIC, async (reader, { identity }) => {
      const { id, attributes = {} } = reader.info;
      const speaker = speakerOf(room, identity, attributes['lk.transcribed_track_id']);
      let text = '';
      try {
        for await (const part of reader) {
          text = (text + part).slice(-TEXT_MAX);
          put(`${identity} ${attributes['lk.segment_id'] ?? id}`, speaker, text);
        }
      } catch {
        // Its sender left in the middle of it: what came stays for its time.
      }
    });
    return () => {
      room.off(RoomEvent.TranscriptionReceived, segments);
      room.unregisterTextStreamHandler(TOPIC);
      timers.forEach(clearTimeout);
    };
  }, [room]);
  return lines;
}

export function Captions() {
  const lines = useLines(useRoomContext());
  return (
    <section className="captions" aria-label={say('captions')}>
      {lines.length === 0 && <p className="small">{say('noCaptions')}</p>}
      {lines.map(({ id, name, text }) => (
        <p key={id} dir="auto">
          <strong>{name}</strong> {text}
        </p>
      ))}
    </section>
  );
}
