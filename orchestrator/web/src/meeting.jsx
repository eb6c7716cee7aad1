// SPDX-License-Identifier: Apache-2.0
//
// In the meeting: the pictures, and what is around them.
import {
  LayoutContextProvider,
  RoomAudioRenderer,
  RoomContext,
  useCreateLayoutContext,
  useParticipants,
} from '@livekit/components-react';
import { DisconnectReason, RoomEvent } from 'livekit-client';
import { useCallback, useEffect, useMemo, useState } from 'react';
import { useBlurredCamera } from './blur/switch.jsx';
import { Captions } from './captions.jsx';
import { Chat, useMeetingChat } from './chat.jsx';
import { Connection } from './connection.jsx';
import { Controls } from './controls.jsx';
import { fingerprintOf } from './encryption.js';
import { addressOf, signalUrl } from './entry.js';
import { hostWith } from './host.js';
import { useKeptSwitch } from './kept.js';
import { People, nameOf } from './people.jsx';
import { ShortcutList, ShortcutsActive, useShortcuts } from './shortcuts.jsx';
import { Stage } from './stage.jsx';
import { endsMeeting, troubleInMeeting, troubleJoining } from './trouble.js';
import { WaitingRoom, isWaiting, useIsWaiting, useLocked, usePublishing, useWaiting } from './waiting.jsx';
import { say } from './words/words.js';

const encryptionEvents = [
  RoomEvent.ParticipantEncryptionStatusChanged,
  RoomEvent.LocalTrackPublished,
  RoomEvent.TrackPublished,
  RoomEvent.TrackUnpublished,
];

const farewells = {
  [DisconnectReason.CLIENT_INITIATED]: '',
  [DisconnectReason.DUPLICATE_IDENTITY]: say('otherWindow'),
  [DisconnectReason.PARTICIPANT_REMOVED]: say('removed'),
  [DisconnectReason.ROOM_DELETED]: say('ended'),
  [DisconnectReason.ROOM_CLOSED]: say('ended'),
  [DisconnectReason.SERVER_SHUTDOWN]: say('shutDown'),
};

/** Says how far it goes, for it ends at whoever does not encrypt. */
function Encryption({ name, room, passphrase }) {
  const [fingerprint, setFingerprint] = useState('…');
  const [unreadable, setUnreadable] = useState(false);
  const people = useParticipants({ updateOnlyOn: encryptionEvents });
  const open = people.filter(({ trackPublications: { size }, isEncrypted }) => size > 0 && !isEncrypted);
  useEffect(() => {
    fingerprintOf(passphrase, name).then(setFingerprint);
    const failed = () => setUnreadable(true);
    room.on(RoomEvent.EncryptionError, failed);
    return () => void room.off(RoomEvent.EncryptionError, failed);
  }, [name, room, passphrase]);
  return (
    <details className="encryption">
      <summary>{say(open.length === 0 ? 'encrypted' : 'notEverybody')}</summary>
      <div>
        <p>{say('whatIsEncrypted')}</p>
        <p>{say('fingerprint', { digits: fingerprint })}</p>
        {open.length > 0 && <p>{say('unencrypted', { names: open.map(nameOf).join(', ') })}</p>}
        {unreadable && <p className="note">{say('unreadable')}</p>}
      </div>
    </details>
  );
}

function Header({ name, room, passphrase }) {
  const people = useParticipants().filter((one) => !isWaiting(one)).length;
  const locked = useLocked(room);
  const [copied, setCopied] = useState(false);
  const copy = async () => {
    await navigator.clipboard?.writeText(addressOf(name, passphrase));
    setCopied(true);
    setTimeout(() => setCopied(false), 2000);
  };
  return (
    <header>
      <img src="/icon.svg" alt="" width="28" height="28" />
      <h1>{name}</h1>
      <span className="people">{say(people === 1 ? 'people_one' : 'people_other', { count: people })}</span>
      {locked && <span className="people">{say('locked')}</span>}
      {passphrase && <Encryption name={name} room={room} passphrase={passphrase} />}
      <button className="lk-button" type="button" onClick={copy}>
        {say(copied ? 'copied' : 'copyLink')}
      </button>
    </header>
  );
}

function Conference({ room, token, choices, blur, trouble, onError }) {
  const layout = useCreateLayoutContext();
  const chat = useMeetingChat();
  const host = useMemo(() => hostWith(token), [token]);
  const waiting = useWaiting(room);
  const [panel, setPanel] = useState('');
  const [speakerView, setSpeakerView] = useKeptSwitch('speaker-view', false);
  const [captions, setCaptions] = useKeptSwitch('captions', false);
  const [shortcuts, setShortcuts] = useKeptSwitch('shortcuts', true);
  const [listed, setListed] = useState(false); // the shortcuts
  useShortcuts(shortcuts, onError);
  const [seen, setSeen] = useState(0); // entries of the chat
  const count = chat.entries.length;
  useEffect(() => {
    if (panel === 'chat') {
      setSeen(count);
    }
  }, [panel, count]);
  const more = [
    { name: 'speakerView', on: speakerView, onClick: () => setSpeakerView(!speakerView) },
    ...blur,
    { name: 'captions', on: captions, onClick: () => setCaptions(!captions) },
    { name: 'shortcuts', onClick: () => setListed(true) },
  ];
  return (
    <LayoutContextProvider value={layout}>
      <Header name={choices.room} room={room} passphrase={choices.passphrase} />
      <div className="middle">
        <main>
          <Stage layout={layout} speakerView={speakerView} />
          {captions && <Captions />}
        </main>
        <aside hidden={panel !== 'chat'}>
          <Chat chat={chat} onError={onError} />
        </aside>
        <aside hidden={panel !== 'people'}>
          <People host={host} onError={onError} />
        </aside>
      </div>
      <ShortcutsActive value={shortcuts}>
        <Controls
          unread={Math.max(count - seen, 0)}
          waiting={host ? waiting : 0}
          panel={panel}
          onPanel={setPanel}
          choices={more}
          onError={onError}
        />
      </ShortcutsActive>
      <ShortcutList open={listed} onClose={() => setListed(false)} on={shortcuts} onSwitch={setShortcuts} />
      <p className="note" role="alert">
        {trouble}
      </p>
      <RoomAudioRenderer />
    </LayoutContextProvider>
  );
}

/** The meeting, or the waiting room before it. */
function Inside({ room, choices, onError, onLeave, ...rest }) {
  const waits = useIsWaiting(room);
  const blur = useBlurredCamera(room, onError); // before anything is published
  usePublishing(choices, onError);
  return (
    <>
      <Connection />
      {waits ? (
        <WaitingRoom name={choices.room} onLeave={onLeave} />
      ) : (
        <Conference room={room} choices={choices} blur={blur} onError={onError} {...rest} />
      )}
    </>
  );
}

/** Is in the room as long as it is shown. */
function useConnected(room, token, onError, onDisconnected) {
  useEffect(() => {
    let here = true;
    let connected = false;
    // Before it is connected the error says more, but of who is sent away then there is none.
    const ended = (reason) => {
      if (here && (connected || reason in farewells)) {
        here = false;
        onDisconnected(reason);
      }
    };
    const enter = async () => {
      room.on(RoomEvent.Disconnected, ended);
      try {
        await room.connect(signalUrl, token);
        connected = true;
      } catch (error) {
        if (here) {
          onError(error);
        }
      }
    };
    enter();
    return () => {
      here = false;
      room.off(RoomEvent.Disconnected, ended);
      room.disconnect();
    };
  }, [room, token, onError, onDisconnected]);
}

export function Meeting({ room, token, choices, onLeave }) {
  const [trouble, setTrouble] = useState('');
  // A device that fails does not end a meeting; a connection that can't be made does.
  const onError = useCallback(
    (error) => (endsMeeting(error) ? onLeave(troubleJoining(error)) : setTrouble(troubleInMeeting(error))),
    [onLeave],
  );
  const onDisconnected = useCallback(
    (reason) => onLeave(farewells[reason] ?? say('connectionLost')),
    [onLeave],
  );
  useConnected(room, token, onError, onDisconnected);
  const leave = () => onLeave('');
  return (
    <RoomContext.Provider value={room}>
      <div className="lk-room-container meeting">
        <Inside
          room={room}
          token={token}
          choices={choices}
          trouble={trouble}
          onError={onError}
          onLeave={leave}
        />
      </div>
    </RoomContext.Provider>
  );
}
