// SPDX-License-Identifier: Apache-2.0
//
// The row of buttons below a meeting.
import {
  ChatIcon,
  DisconnectButton,
  LeaveIcon,
  MediaDeviceMenu,
  StartMediaButton,
  TrackToggle,
  useLocalParticipant,
  useParticipantAttribute,
} from '@livekit/components-react';
import { Track } from 'livekit-client';
import { HandIcon, PeopleIcon } from './icons.jsx';
import { More } from './more.jsx';
import { HAND, raiseHand } from './people.jsx';
import { useShortcut } from './shortcuts.jsx';
import { say } from './words/words.js';

const canShareScreen = 'getDisplayMedia' in (navigator.mediaDevices ?? {});

function Device({ source, kind, name, choose, onError }) {
  const label = say(name);
  return (
    <div className="lk-button-group">
      <TrackToggle source={source} aria-label={label} onDeviceError={onError} {...useShortcut(name)}>
        <span>{label}</span>
      </TrackToggle>
      <div className="lk-button-group-menu">
        <MediaDeviceMenu aria-label={choose} kind={kind} />
      </div>
    </div>
  );
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
 * More.
 */
export function Controls({ unread, waiting, panel, onPanel, choices, onError }) {
  const { Camera, Microphone, ScreenShare } = Track.Source;
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
        choose={say('chooseMicrophone')}
        onError={onError}
      />
      <Device
        source={Camera}
        kind="videoinput"
        name="camera"
        choose={say('chooseCamera')}
        onError={onError}
      />
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
      <StartMediaButton label={say('startSound')} />
    </nav>
  );
}
