// SPDX-License-Identifier: Apache-2.0
//
// In the meeting: the pictures, and what is around them.
import {
  LayoutContextProvider,
  RoomAudioRenderer,
  RoomContext,
  useCreateLayoutContext,
} from '@livekit/components-react';
import { DisconnectReason, RoomEvent } from 'livekit-client';
import { useCallback, useEffect, useMemo, useState } from 'react';
import { useBlurredCamera } from './blur/switch.jsx';
import { Captions } from './captions.jsx';
import { Chat, useMeetingChat } from './chat.jsx';
import { Connection } from './connection.jsx';
import { Controls } from './controls.jsx';
import { useDevicesOf } from './devices/unplugged.js';
import { signalUrl } from './entry.js';
import { Header } from './header.jsx';
import { hostWith } from './host.js';
import { useKeptSwitch } from './kept.js';
import { People } from './people.jsx';
import { useOfRoom } from './room.js';
import { ShortcutList, ShortcutsActive, useShortcuts } from './shortcuts.jsx';
import { Stage } from './stage.jsx';
import { endsMeeting, troubleInMeeting, troubleJoining } from './trouble.js';
import { WaitingRoom, useIsWaiting, usePublishing, useWaiting } from './waiting.jsx';
import { say } from './words/words.js';

const farewells = {
  [DisconnectReason.CLIENT_INITIATED]: '',
  [DisconnectReason.DUPLICATE_IDENTITY]: say('otherWindow'),
  [DisconnectReason.PARTICIPANT_REMOVED]: say('removed'),
  [DisconnectReason.ROOM_DELETED]: say('ended'),
  [DisconnectReason.ROOM_CLOSED]: say('ended'),
  [DisconnectReason.SERVER_SHUTDOWN]: say('shutDown'),
};

/** Beside the pictures: 'chat' or 'people', whichever is open. */
function Panel({ name, open, onClose, children }) {
  const escape = ({ key }) => key === 'Escape' && onClose();
  return (
    <aside hidden={open !== name} onKeyDown={escape}>
      <section className="panel" aria-label={say(name)}>
        <header>
          <h2>{say(name)}</h2>
          <Close onClose={onClose} />
        </header>
        {children}
      </section>
    </aside>
  );
}

const Close = ({ onClose }) => (
  <button className="lk-button close" type="button" aria-label={say('close')} onClick={onClose}>
    ×
  </button>
);

const SAID_MS = 8000;
const NOTHING = { text: '', good: false };

/** {text, good}: until it is closed, or what is good for some seconds. */
function Trouble({ said, onClose }) {
  useEffect(() => {
    if (!said.good) {
      return undefined;
    }
    const timer = setTimeout(onClose, SAID_MS);
    return () => clearTimeout(timer);
  }, [said, onClose]);
  return (
    <div className={said.good ? 'said' : 'said trouble'} role="alert">
      {said.text && (
        <>
          {said.text}
          <Close onClose={onClose} />
        </>
      )}
    </div>
  );
}

const playback = [RoomEvent.AudioPlaybackStatusChanged, RoomEvent.VideoPlaybackStatusChanged];
const readBlocked = ({ canPlaybackAudio, canPlaybackVideo }) => !canPlaybackAudio || !canPlaybackVideo;

/** Browsers may want a click before anything is heard. */
function StartSound({ room, onError }) {
  const start = () => Promise.all([room.startAudio(), room.startVideo()]).catch(onError);
  return (
    useOfRoom(room, playback, readBlocked) && (
      <div className="said" role="alert">
        {say('soundBlocked')}
        <button className="lk-button start" type="button" onClick={start}>
          {say('startSound')}
        </button>
      </div>
    )
  );
}

function Conference({ room, token, choices, blur, said, onDevice, onError, onRead }) {
  const layout = useCreateLayoutContext();
  const chat = useMeetingChat();
  const host = useMemo(() => hostWith(token), [token]);
  const waiting = useWaiting(room);
  const [panel, setPanel] = useState('');
  const close = () => setPanel('');
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
        <Panel name="chat" open={panel} onClose={close}>
          <Chat chat={chat} open={panel === 'chat'} onError={onError} />
        </Panel>
        <Panel name="people" open={panel} onClose={close}>
          <People host={host} onError={onError} />
        </Panel>
      </div>
      <div className="above">
        {host && waiting > 0 && panel !== 'people' && (
          <div className="said" role="status">
            {say('knocking', { count: waiting })}
            <button className="lk-button" type="button" onClick={() => setPanel('people')}>
              {say('people')}
            </button>
          </div>
        )}
        <StartSound room={room} onError={onError} />
        <Trouble said={said} onClose={onRead} />
      </div>
      <ShortcutsActive value={shortcuts}>
        <Controls
          unread={Math.max(count - seen, 0)}
          waiting={host ? waiting : 0}
          panel={panel}
          onPanel={setPanel}
          choices={more}
          onDevice={onDevice}
          onError={onError}
        />
      </ShortcutsActive>
      <ShortcutList open={listed} onClose={() => setListed(false)} on={shortcuts} onSwitch={setShortcuts} />
      <RoomAudioRenderer />
    </LayoutContextProvider>
  );
}

/** The meeting, or the waiting room before it. */
function Inside({ room, choices, onSaid, onError, onLeave, ...rest }) {
  const waits = useIsWaiting(room);
  const blur = useBlurredCamera(room, onError); // before anything is published
  const choose = useDevicesOf(room, onSaid, onError);
  usePublishing(choices, onError);
  return (
    <>
      <Connection />
      {waits ? (
        <WaitingRoom name={choices.room} onLeave={onLeave} />
      ) : (
        <Conference room={room} choices={choices} blur={blur} onDevice={choose} onError={onError} {...rest} />
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
  const [said, setSaid] = useState(NOTHING);
  const onSaid = useCallback((text, good) => setSaid({ text, good }), []);
  const onRead = useCallback(() => setSaid(NOTHING), []);
  // A device that fails does not end a meeting; a connection that can't be made does.
  const onError = useCallback(
    (error) => (endsMeeting(error) ? onLeave(troubleJoining(error)) : onSaid(troubleInMeeting(error), false)),
    [onLeave, onSaid],
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
          said={said}
          onSaid={onSaid}
          onError={onError}
          onRead={onRead}
          onLeave={leave}
        />
      </div>
    </RoomContext.Provider>
  );
}
