// SPDX-License-Identifier: Apache-2.0
//
// In the meeting: people in a grid, or one of them large; the controls, the chat, the connection.
import {
  CarouselLayout,
  Chat,
  ChatIcon,
  ChatToggle,
  DisconnectButton,
  FocusLayout,
  FocusLayoutContainer,
  GridLayout,
  LayoutContextProvider,
  LeaveIcon,
  LiveKitRoom,
  MediaDeviceMenu,
  ParticipantTile,
  RoomAudioRenderer,
  StartMediaButton,
  TrackToggle,
  isTrackReference,
  useConnectionState,
  useCreateLayoutContext,
  useParticipants,
  usePinnedTracks,
  useTracks,
} from '@livekit/components-react';
import { ConnectionError, ConnectionState, DisconnectReason, RoomEvent, Track } from 'livekit-client';
import { useCallback, useState } from 'react';
import { addressOf, signalUrl } from './entry.js';

const canShareScreen = 'getDisplayMedia' in (navigator.mediaDevices ?? {});

const farewells = {
  [DisconnectReason.CLIENT_INITIATED]: '',
  [DisconnectReason.DUPLICATE_IDENTITY]: 'You joined from another window.',
  [DisconnectReason.PARTICIPANT_REMOVED]: 'You were removed from the meeting.',
  [DisconnectReason.ROOM_DELETED]: 'The meeting was ended.',
  [DisconnectReason.ROOM_CLOSED]: 'The meeting was ended.',
  [DisconnectReason.SERVER_SHUTDOWN]: 'The server was shut down.',
};

function Header({ name, encrypted }) {
  const people = useParticipants().length;
  const [copied, setCopied] = useState(false);
  const copy = async () => {
    await navigator.clipboard?.writeText(addressOf(name));
    setCopied(true);
    setTimeout(() => setCopied(false), 2000);
  };
  return (
    <header>
      <img src="/icon.svg" alt="" width="28" height="28" />
      <h1>{name}</h1>
      <span className="people">{people === 1 ? 'Only you' : `${people} people`}</span>
      {encrypted && <span className="people">Encrypted</span>}
      <button className="lk-button" type="button" onClick={copy}>
        {copied ? 'Copied' : 'Copy link'}
      </button>
    </header>
  );
}

/** Says what the connection does while it is not simply there. */
function ConnectionBanner() {
  const state = useConnectionState();
  const text = {
    [ConnectionState.Connecting]: 'Connecting…',
    [ConnectionState.Reconnecting]: 'The connection was lost. Reconnecting…',
    [ConnectionState.SignalReconnecting]: 'The connection was lost. Reconnecting…',
  }[state];
  return (
    <p className="banner" role="status" hidden={!text}>
      {text}
    </p>
  );
}

/** What was pinned, or else a shared screen, is large; everybody else, or everybody, in a row. */
function Stage({ layout }) {
  const tracks = useTracks(
    [
      { source: Track.Source.Camera, withPlaceholder: true },
      { source: Track.Source.ScreenShare, withPlaceholder: false },
    ],
    { updateOnlyOn: [RoomEvent.ActiveSpeakersChanged], onlySubscribed: false },
  );
  const key = (track) => `${track.participant.identity} ${track.source}`;
  const pinned = usePinnedTracks(layout)[0];
  const large =
    tracks.find((track) => pinned && key(track) === key(pinned)) ??
    tracks.find((track) => isTrackReference(track) && track.source === Track.Source.ScreenShare);
  if (!large) {
    return (
      <GridLayout tracks={tracks}>
        <ParticipantTile />
      </GridLayout>
    );
  }
  return (
    <FocusLayoutContainer>
      <CarouselLayout tracks={tracks.filter((track) => track !== large)}>
        <ParticipantTile />
      </CarouselLayout>
      <FocusLayout trackRef={large} />
    </FocusLayoutContainer>
  );
}

function Device({ source, kind, label, onError }) {
  return (
    <div className="lk-button-group">
      <TrackToggle source={source} aria-label={label} onDeviceError={onError}>
        <span>{label}</span>
      </TrackToggle>
      <div className="lk-button-group-menu">
        <MediaDeviceMenu aria-label={`Choose ${label.toLowerCase()}`} kind={kind} />
      </div>
    </div>
  );
}

function Controls({ unread, onError }) {
  const { Camera, Microphone, ScreenShare } = Track.Source;
  return (
    <nav className="controls" aria-label="Meeting controls">
      <Device source={Microphone} kind="audioinput" label="Microphone" onError={onError} />
      <Device source={Camera} kind="videoinput" label="Camera" onError={onError} />
      {canShareScreen && (
        <TrackToggle
          source={ScreenShare}
          aria-label="Share screen"
          captureOptions={{ audio: true, selfBrowserSurface: 'include' }}
          onDeviceError={onError}
        >
          <span>Share screen</span>
        </TrackToggle>
      )}
      <ChatToggle aria-label={unread ? `Chat, ${unread} unread` : 'Chat'}>
        <ChatIcon />
        <span>Chat</span>
      </ChatToggle>
      <DisconnectButton aria-label="Leave">
        <LeaveIcon />
        <span>Leave</span>
      </DisconnectButton>
      <StartMediaButton />
    </nav>
  );
}

function Conference({ choices, trouble, onError }) {
  const layout = useCreateLayoutContext();
  const [widgets, setWidgets] = useState({ showChat: false, unreadMessages: 0 });
  return (
    <LayoutContextProvider value={layout} onWidgetChange={setWidgets}>
      <Header name={choices.room} encrypted={choices.passphrase !== ''} />
      <ConnectionBanner />
      <div className="middle">
        <main>
          <Stage layout={layout} />
        </main>
        <aside hidden={!widgets.showChat}>
          <Chat />
        </aside>
      </div>
      <Controls unread={widgets.unreadMessages} onError={onError} />
      <p className="note" role="alert">
        {trouble}
      </p>
      <RoomAudioRenderer />
    </LayoutContextProvider>
  );
}

export function Meeting({ room, token, choices, onLeave }) {
  const [trouble, setTrouble] = useState('');
  // A device that fails does not end a meeting; a connection that can't be made does.
  const onError = useCallback(
    (error) =>
      error instanceof ConnectionError ? onLeave(error.message) : setTrouble(error.message),
    [onLeave],
  );
  const onDisconnected = useCallback(
    (reason) => onLeave(farewells[reason] ?? 'The connection was lost.'),
    [onLeave],
  );
  return (
    <LiveKitRoom
      className="meeting"
      room={room}
      serverUrl={signalUrl}
      token={token}
      audio={choices.audio}
      video={choices.video}
      onError={onError}
      onDisconnected={onDisconnected}
    >
      <Conference choices={choices} trouble={trouble} onError={onError} />
    </LiveKitRoom>
  );
}
