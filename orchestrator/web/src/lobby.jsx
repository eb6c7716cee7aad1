// SPDX-License-Identifier: Apache-2.0
//
// Before the meeting: who you are, which room, and how you look and sound.
import {
  CameraDisabledIcon,
  CameraIcon,
  MicDisabledIcon,
  MicIcon,
  ParticipantPlaceholder,
  usePersistentUserChoices,
  useTrackVolume,
} from '@livekit/components-react';
import { TrackEvent } from 'livekit-client';
import { useEffect, useReducer, useRef, useState } from 'react';
import { BlurSwitch, useBlurredPreview } from './blur/switch.jsx';
import { DeviceMenu, SpeakerMenu } from './devices/menu.jsx';
import { SPEAKER } from './devices/unplugged.js';
import { canEncrypt, newPassphrase } from './encryption.js';
import { passphraseFromAddress, roomFromAddress, tokenFromAddress } from './entry.js';
import { useKept } from './kept.js';
import { usePreview } from './preview.js';
import { troubleBefore } from './trouble.js';
import { languages } from './words/languages.js';
import { keepLanguage, language, say } from './words/words.js';

function CameraPreview({ track }) {
  const video = useRef(null);
  useEffect(() => {
    track?.attach(video.current);
    return () => void track?.detach();
  }, [track]);
  return (
    <div className="preview">
      {track ? (
        <video ref={video} aria-label={say('yourCamera')} muted playsInline />
      ) : (
        <ParticipantPlaceholder aria-label={say('cameraOff')} role="img" />
      )}
    </div>
  );
}

/** Reads off the track anew when it is restarted: what was read of another device is over. */
function useRestarts(track) {
  const [, readAnew] = useReducer((count) => count + 1, 0);
  useEffect(() => {
    track?.on(TrackEvent.Restarted, readAnew);
    return () => void track?.off(TrackEvent.Restarted, readAnew);
  }, [track]);
}

function MicrophoneLevel({ track }) {
  useRestarts(track);
  const volume = useTrackVolume(track);
  return <meter className="level" aria-label={say('microphoneLevel')} max="0.6" value={track ? volume : 0} />;
}

/** No camera has the id 'default': asked for it, LiveKit's client would fail, and insist on nothing then. */
const wantedOf = (id) => (id === 'default' ? {} : { deviceId: id });

const devices = {
  microphone: { kind: 'audioinput', On: MicIcon, Off: MicDisabledIcon },
  camera: { kind: 'videoinput', On: CameraIcon, Off: CameraDisabledIcon },
};

function DeviceButton({ name, on, track, deviceId, onSwitch, onDevice }) {
  const { kind, On, Off } = devices[name];
  useRestarts(track);
  const { deviceId: active = deviceId } = track?.mediaStreamTrack.getSettings() ?? {};
  return (
    <div className="lk-button-group">
      <button className="lk-button" type="button" aria-pressed={on} onClick={() => onSwitch(!on)}>
        {on ? <On /> : <Off />}
        {say(name)}
      </button>
      <DeviceMenu kind={kind} active={active} cue={track} onChoose={onDevice} />
    </div>
  );
}

function Encryption({ on, onSwitch, passphrase, onPassphrase }) {
  if (!canEncrypt) {
    return passphraseFromAddress() && <p className="note">{say('cannotEncrypt')}</p>;
  }
  return (
    <fieldset>
      <label className="switch">
        <input type="checkbox" role="switch" checked={on} onChange={(event) => onSwitch(event.target.checked)} />
        {say('encryption')}
      </label>
      {on && (
        <>
          <label>
            {say('passphrase')}
            <input
              className="lk-form-control"
              name="passphrase"
              autoComplete="off"
              spellCheck="false"
              required
              value={passphrase}
              onChange={(event) => onPassphrase(event.target.value)}
            />
          </label>
          <p className="small">{say('whatIsEncrypted')}</p>
        </>
      )}
    </fieldset>
  );
}

function Language() {
  const choose = ({ target }) => {
    keepLanguage(target.value);
    location.reload();
  };
  return (
    <select className="lk-button" aria-label={say('languageOf')} value={language} onChange={choose}>
      {Object.entries(languages).map(([tag, words]) => (
        <option key={tag} value={tag} lang={tag}>
          {words.language}
        </option>
      ))}
    </select>
  );
}

export function Lobby({ note, onJoin }) {
  const saved = usePersistentUserChoices();
  const { username, audioEnabled, videoEnabled, audioDeviceId, videoDeviceId } = saved.userChoices;
  const [room, setRoom] = useState(roomFromAddress);
  const [encrypts, setEncrypts] = useState(canEncrypt && passphraseFromAddress() !== '');
  const [passphrase, setPassphrase] = useState(passphraseFromAddress);
  const [trouble, setTrouble] = useState(troubleBefore);
  const [joining, setJoining] = useState(false);
  const [speaker, keepSpeaker] = useKept(SPEAKER, '');
  // The devices that a preview starts with; a later choice switches the running track.
  const [start, setStart] = useState({ microphone: audioDeviceId, camera: videoDeviceId });
  const invited = tokenFromAddress() !== ''; // the token says who you are and where you go

  const blur = useBlurredPreview((error) => {
    setTrouble(error.message);
    saved.saveVideoInputEnabled(false);
  });
  const { microphone, camera, failed, retry, choose } = usePreview(
    {
      audio: audioEnabled && wantedOf(start.microphone),
      video: videoEnabled && { ...wantedOf(start.camera), processor: blur.processor },
    },
    setTrouble,
  );
  const audio = audioEnabled && !failed.microphone;
  const video = videoEnabled && !failed.camera;
  const switcher = (name, save) => (on) => {
    setTrouble('');
    retry(name);
    save(on);
  };
  /** Whatever was wrong with the one before, and also where it was off. */
  const chooser = (name, track, switchTo, keep) => (id) => {
    keep(id);
    if (track) {
      setTrouble('');
      choose(name, id);
    } else {
      setStart((before) => ({ ...before, [name]: id }));
      switchTo(true);
    }
  };
  const switchTo = {
    microphone: switcher('microphone', saved.saveAudioInputEnabled),
    camera: switcher('camera', saved.saveVideoInputEnabled),
  };

  const submit = async (event) => {
    event.preventDefault();
    setJoining(true);
    await onJoin({
      name: username.trim(),
      room: room.trim(),
      passphrase: encrypts ? passphrase : '',
      audio: audio && wantedOf(audioDeviceId),
      video: video && wantedOf(videoDeviceId),
      later: { audioCaptureDefaults: wantedOf(audioDeviceId), videoCaptureDefaults: wantedOf(videoDeviceId) },
    });
    setJoining(false);
  };

  return (
    <main className="lobby">
      <header>
        <img src="/icon.svg" alt="" width="40" height="40" />
        <h1>Spillway</h1>
        <Language />
      </header>
      <div className="looks">
        <CameraPreview track={camera} />
        <div className="devices">
          <DeviceButton
            name="microphone"
            on={audio}
            track={microphone}
            deviceId={audioDeviceId}
            onSwitch={switchTo.microphone}
            onDevice={chooser('microphone', microphone, switchTo.microphone, saved.saveAudioInputDeviceId)}
          />
          <DeviceButton
            name="camera"
            on={video}
            track={camera}
            deviceId={videoDeviceId}
            onSwitch={switchTo.camera}
            onDevice={chooser('camera', camera, switchTo.camera, saved.saveVideoInputDeviceId)}
          />
          <SpeakerMenu active={speaker || 'default'} cue={microphone} onChoose={keepSpeaker} />
        </div>
        <MicrophoneLevel track={microphone} />
        <BlurSwitch {...blur} />
      </div>
      <form onSubmit={submit}>
        {invited ? (
          <p className="invited">
            {say('room')}: <bdi>{room}</bdi>
          </p>
        ) : (
          <>
            <label>
              {say('yourName')}
              <input
                className="lk-form-control"
                name="name"
                autoComplete="name"
                maxLength="64"
                required
                value={username}
                onChange={(event) => saved.saveUsername(event.target.value)}
              />
            </label>
            <label>
              {say('room')}
              <input
                className="lk-form-control"
                name="room"
                autoComplete="off"
                autoCapitalize="none"
                maxLength="128"
                required
                value={room}
                onChange={(event) => setRoom(event.target.value)}
              />
            </label>
          </>
        )}
        <Encryption
          on={encrypts}
          onSwitch={(on) => {
            setEncrypts(on);
            setPassphrase(passphrase || newPassphrase());
          }}
          passphrase={passphrase}
          onPassphrase={setPassphrase}
        />
        <button className="lk-button join" type="submit" disabled={joining}>
          {say(joining ? 'joining' : 'join')}
        </button>
        <p className="note" role="alert">
          {note || trouble}
        </p>
      </form>
    </main>
  );
}
