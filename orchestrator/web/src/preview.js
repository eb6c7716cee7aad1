// SPDX-License-Identifier: Apache-2.0
//
// Camera and microphone before the meeting. They are asked for together, so that the browser asks once;
// where that fails, each alone, for of two one may be there. What fails is off until it is switched on
// again, or until devices change where it is only missing: that is not kept, for the next time it may be
// plugged in. One that ends is tried once more: another one may take its place.
import { usePreviewTracks } from '@livekit/components-react';
import { Track, TrackEvent } from 'livekit-client';
import { useCallback, useEffect, useState } from 'react';
import { troubleWith } from './trouble.js';

const NONE = { microphone: '', camera: '' }; // or the name of its error, or ENDED
const ENDED = 'ended';
const of = (tracks, kind) => tracks?.find((track) => track.kind === kind);

/** What ended, at once; what was not found, when devices change. */
function useTriedAgain({ microphone, camera }, failed, setFailed, onTrouble) {
  const end = (name, track) => {
    const ended = () => setFailed((before) => ({ ...before, [name]: ENDED }));
    track?.on(TrackEvent.Ended, ended);
    return () => void track?.off(TrackEvent.Ended, ended);
  };
  useEffect(() => end('microphone', microphone), [microphone]);
  useEffect(() => end('camera', camera), [camera]);
  useEffect(() => {
    const again = (reason) =>
      setFailed((before) =>
        Object.fromEntries(Object.entries(before).map(([name, why]) => [name, why === reason ? '' : why])),
      );
    if (Object.values(failed).includes(ENDED)) {
      again(ENDED); // it was without a track for a moment, so a new one is asked for
    }
    const changed = () => {
      if (Object.values(failed).includes('NotFoundError')) {
        onTrouble('');
        again('NotFoundError');
      }
    };
    navigator.mediaDevices?.addEventListener('devicechange', changed);
    return () => navigator.mediaDevices?.removeEventListener('devicechange', changed);
  }, [failed, setFailed, onTrouble]);
}

/**
 * audio, video: what the preview is to start with, false for what is off; onTrouble(text).
 * Returns {microphone, camera: the tracks, failed: {microphone, camera}, retry(name), choose(name, deviceId)}.
 */
export function usePreview({ audio, video }, onTrouble) {
  const [apart, setApart] = useState(false);
  const [failed, setFailed] = useState(NONE);
  const fail = useCallback(
    (names, error) => {
      setFailed((before) => ({ ...before, ...Object.fromEntries(names.map((name) => [name, error.name])) }));
      onTrouble(troubleWith(names, error));
    },
    [onTrouble],
  );
  const wanted = {
    audio: !failed.microphone && audio,
    video: !failed.camera && video,
  };
  const alone = wanted.audio && wanted.video ? null : wanted.audio ? 'microphone' : 'camera';
  const onFailure = useCallback(
    (error) => {
      if (alone) {
        fail([alone], error);
      } else if (error.name === 'NotAllowedError') {
        fail(['microphone', 'camera'], error); // asked again, who said no would be asked twice
      } else {
        setApart(true);
      }
    },
    [alone, fail],
  );
  const failAlone = {
    microphone: useCallback((error) => fail(['microphone'], error), [fail]),
    camera: useCallback((error) => fail(['camera'], error), [fail]),
  };
  const together = usePreviewTracks(apart ? {} : wanted, onFailure);
  const heard = usePreviewTracks({ audio: apart && wanted.audio }, failAlone.microphone);
  const seen = usePreviewTracks({ video: apart && wanted.video }, failAlone.camera);
  const microphone = wanted.audio ? of(apart ? heard : together, Track.Kind.Audio) : undefined;
  const camera = wanted.video ? of(apart ? seen : together, Track.Kind.Video) : undefined;
  useTriedAgain({ microphone, camera }, failed, setFailed, onTrouble);
  return {
    microphone,
    camera,
    failed,
    retry: (name) => setFailed((before) => ({ ...before, [name]: '' })),
    /** Takes another device for a track that there is. */
    choose: (name, deviceId) => {
      const track = { microphone, camera }[name];
      return track.setDeviceId({ exact: deviceId }).catch((error) => fail([name], error));
    },
  };
}
