// SPDX-License-Identifier: Apache-2.0
//
// Before the meeting: who you are, which room, and how you look and sound.
import {
  MediaDeviceMenu,
  ParticipantPlaceholder,
  TrackToggle,
  usePersistentUserChoices,
  usePreviewTracks,
  useTrackVolume,
} from '@livekit/components-react';
import { Track } from 'livekit-client';
import { useCallback, useEffect, useRef, useState } from 'react';
import { roomFromAddress, tokenFromAddress } from './entry.js';

const canEncrypt = 'RTCRtpScriptTransform' in window || 'createEncodedStreams' in RTCRtpSender.prototype;

function deviceTrouble(error) {
  return error.name === 'NotAllowedError'
    ? 'The browser does not let this page use your camera or microphone. You can join without.'
    : `Camera or microphone: ${error.message}. You can join without.`;
}

function CameraPreview({ track }) {
  const video = useRef(null);
  useEffect(() => {
    track?.attach(video.current);
    return () => void track?.detach();
  }, [track]);
  return (
    <div className="preview">
      {track ? (
        <video ref={video} aria-label="Your camera" muted playsInline />
      ) : (
        <ParticipantPlaceholder aria-label="Your camera is off" role="img" />
      )}
    </div>
  );
}

function MicrophoneLevel({ track }) {
  const volume = useTrackVolume(track);
  return <meter className="level" aria-label="Microphone level" max="0.6" value={track ? volume : 0} />;
}

function DeviceButton({ source, kind, label, enabled, track, deviceId, onToggle, onDevice }) {
  return (
    <div className="lk-button-group">
      <TrackToggle source={source} initialState={enabled} onChange={onToggle}>
        {label}
      </TrackToggle>
      <div className="lk-button-group-menu">
        <MediaDeviceMenu
          aria-label={`Choose ${label.toLowerCase()}`}
          kind={kind}
          initialSelection={deviceId}
          disabled={!track}
          tracks={{ [kind]: track }}
          onActiveDeviceChange={(_, id) => onDevice(id)}
        />
      </div>
    </div>
  );
}

export function Lobby({ note, onJoin }) {
  const saved = usePersistentUserChoices();
  const { username, audioEnabled, videoEnabled, audioDeviceId, videoDeviceId } = saved.userChoices;
  const [room, setRoom] = useState(roomFromAddress);
  const [passphrase, setPassphrase] = useState('');
  const [trouble, setTrouble] = useState('');
  const [joining, setJoining] = useState(false);
  // The device a preview starts with; a later choice switches the running track.
  const [start] = useState({ audioDeviceId, videoDeviceId });
  const invited = tokenFromAddress() !== ''; // the token says who you are and where you go

  const onError = useCallback((error) => setTrouble(deviceTrouble(error)), []);
  const tracks = usePreviewTracks(
    {
      audio: audioEnabled && { deviceId: start.audioDeviceId },
      video: videoEnabled && { deviceId: start.videoDeviceId },
    },
    onError,
  );
  const camera = videoEnabled ? tracks?.find((track) => track.kind === Track.Kind.Video) : undefined;
  const microphone = audioEnabled
    ? tracks?.find((track) => track.kind === Track.Kind.Audio)
    : undefined;

  const submit = async (event) => {
    event.preventDefault();
    setJoining(true);
    await onJoin({
      name: username.trim(),
      room: room.trim(),
      passphrase,
      audio: audioEnabled && { deviceId: audioDeviceId },
      video: videoEnabled && { deviceId: videoDeviceId },
    });
    setJoining(false);
  };

  return (
    <main className="lobby">
      <header>
        <img src="/icon.svg" alt="" width="40" height="40" />
        <h1>Spillway</h1>
      </header>
      <CameraPreview track={camera} />
      <div className="devices">
        <DeviceButton
          source={Track.Source.Microphone}
          kind="audioinput"
          label="Microphone"
          enabled={audioEnabled}
          track={microphone}
          deviceId={audioDeviceId}
          onToggle={saved.saveAudioInputEnabled}
          onDevice={saved.saveAudioInputDeviceId}
        />
        <DeviceButton
          source={Track.Source.Camera}
          kind="videoinput"
          label="Camera"
          enabled={videoEnabled}
          track={camera}
          deviceId={videoDeviceId}
          onToggle={saved.saveVideoInputEnabled}
          onDevice={saved.saveVideoInputDeviceId}
        />
      </div>
      <MicrophoneLevel track={microphone} />
      <form onSubmit={submit}>
        {!invited && (
          <>
            <label>
              Your name
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
              Room
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
        {canEncrypt && (
          <details>
            <summary>End-to-end encryption</summary>
            <label>
              Passphrase, the same for everybody in the room
              <input
                className="lk-form-control"
                name="passphrase"
                type="password"
                autoComplete="off"
                value={passphrase}
                onChange={(event) => setPassphrase(event.target.value)}
              />
            </label>
          </details>
        )}
        <button className="lk-button join" type="submit" disabled={joining}>
          {joining ? 'Joining…' : 'Join'}
        </button>
        <p className="note" role="alert">
          {note || trouble}
        </p>
      </form>
    </main>
  );
}
