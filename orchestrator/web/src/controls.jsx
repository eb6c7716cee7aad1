// SPDX-License-Identifier: Apache-2.0
//
// The row of buttons below a meeting.
import {
  ChatIcon,
  DisconnectButton,
  LeaveIcon,
  TrackToggle,
  useLocalParticipant,
  useParticipantAttribute,
  usePersistentUserChoices,
  useRoomContext,
} from '@livekit/components-react';
import { RoomEvent, Track } from 'livekit-client';
import { DeviceMenu, SpeakerMenu } from './devices/menu.jsx';
import { SPEAKER } from './devices/unplugged.js';
import { HandIcon, PeopleIcon } from './icons.jsx';
import { useKept } from './kept.js';
import { More } from './more.jsx';
import { HAND, raiseHand } from './people.jsx';
import { useOfRoom } from './room.js';
import { useShortcut } from './shortcuts.jsx';
import { say } from './words/words.js';

const canShareScreen = 'getDisplayMedia' in (navigator.mediaDevices ?? {});

const activity = [RoomEvent.ActiveDeviceChanged, RoomEvent.LocalTrackPublished];
const readActive = {
  audioinput: (room) => room.getActiveDevice('audioinput'),
  videoinput: (room) => room.getActiveDevice('videoinput'),
  audiooutput: (room) => room.getActiveDevice('audiooutput'),
};
const useActive = (kind) => useOfRoom(useRoomContext(), activity, readActive[kind]);

function Device({ source, kind, name, onChoose, onError }) {
  const label = say(name);
  const active = useActive(kind);
  return (
    <div className="lk-button-group">
      <TrackToggle source={source} aria-label={label} onDeviceError={onError} {...useShortcut(name)}>
        <span>{label}</span>
      </TrackToggle>
      <DeviceMenu kind={kind} active={active} cue={active} onChoose={onChoose} />
    </div>
  );
}

function Speaker({ onChoose }) {
  const cue = useActive('audioinput'); // whose permission lets speakers have names
  return <SpeakerMenu active={useActive('audiooutput')} cue={cue} onChoose={onChoose} />;
}

function Hand({ onError }) {
  const { localParticipant } = useLocalParticipant();
  const up = Boolean(useParticipantAttribute(HAND, { participant: localParticipant }));
  const label = say(up ? 'lowerHand' : 'raiseHand');
  return (
    <button
      className="lk-button"
      type="button"
      aria-label={label}
      aria-pressed={up}
      onClick={() => raiseHand(localParticipant, !up).catch(onError)}
      {...useShortcut('raiseHand')}
    >
      <HandIcon />
      <span>{label}</span>
    </button>
  );
}

/**
 * panel: '', 'chat' or 'people', which is open; waiting: how many are to be let in; choices: those of
 * More; onDevice(kind, deviceId).
 */
export function Controls({ unread, waiting, panel, onPanel, choices, onDevice, onError }) {
  const { Camera, Microphone, ScreenShare } = Track.Source;
  const { saveAudioInputDeviceId, saveVideoInputDeviceId } = usePersistentUserChoices();
  const [, keepSpeaker] = useKept(SPEAKER, '');
  const chooser = (kind, keep) => (id) => {
    keep(id);
    onDevice(kind, id);
  };
  const screenShortcut = useShortcut('shareScreen');
  const panels = { people: useShortcut('people'), chat: useShortcut('chat') };
  const opens = (name) => ({
    className: 'lk-button',
    type: 'button',
    'aria-pressed': panel === name,
    onClick: () => onPanel(panel === name ? '' : name),
    ...panels[name],
  });
  return (
    <nav className="controls" aria-label={say('controls')}>
      <Device
        source={Microphone}
        kind="audioinput"
        name="microphone"
        onChoose={chooser('audioinput', saveAudioInputDeviceId)}
        onError={onError}
      />
      <Device
        source={Camera}
        kind="videoinput"
        name="camera"
        onChoose={chooser('videoinput', saveVideoInputDeviceId)}
        onError={onError}
      />
      <Speaker onChoose={chooser('audiooutput', keepSpeaker)} />
      {canShareScreen && (
        <TrackToggle
          source={ScreenShare}
          aria-label={say('shareScreen')}
          captureOptions={{ audio: true, selfBrowserSurface: 'include' }}
          onDeviceError={(error) => error.name !== 'NotAllowedError' && onError(error)} // thought better of it
          {...screenShortcut}
        >
          <span>{say('shareScreen')}</span>
        </TrackToggle>
      )}
      <Hand onError={onError} />
      <button
        {...opens('people')}
        aria-label={say(waiting ? 'peopleWaiting' : 'people', { count: waiting })}
        data-unread={waiting || undefined}
      >
        <PeopleIcon />
        <span>{say('people')}</span>
      </button>
      <button
        {...opens('chat')}
        aria-label={say(unread ? 'chatUnread' : 'chat', { count: unread })}
        data-unread={unread || undefined}
      >
        <ChatIcon />
        <span>{say('chat')}</span>
      </button>
      <More choices={choices} />
      <DisconnectButton aria-label={say('leave')}>
        <LeaveIcon />
        <span>{say('leave')}</span>
      </DisconnectButton>
    </nav>
  );
}
