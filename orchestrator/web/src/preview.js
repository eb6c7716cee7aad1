// SPDX-License-Identifier: Apache-2.0
//
// Camera and microphone before the meeting. They are asked for together, so that the browser asks once;
// where that fails, each alone, for of two one may be there. What fails is off until it is switched on
// again: that is not kept, for the next time it may be plugged in.
import { usePreviewTracks } from '@livekit/components-react';
import { Track } from 'livekit-client';
import { useCallback, useState } from 'react';
import { troubleWith } from './trouble.js';

const NONE = { microphone: false, camera: false };
const of = (tracks, kind) => tracks?.find((track) => track.kind === kind);

/**
 * audio, video: what the preview is to start with, false for what is off; onTrouble(text).
 * Returns {microphone, camera: the tracks, failed: {microphone, camera}, retry(name)}.
 */
export function usePreview({ audio, video }, onTrouble) {
  const [apart, setApart] = useState(false);
  const [failed, setFailed] = useState(NONE);
  const fail = useCallback(
    (names, error) => {
      setFailed((before) => ({ ...before, ...Object.fromEntries(names.map((name) => [name, true])) }));
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
  return {
    microphone: wanted.audio ? of(apart ? heard : together, Track.Kind.Audio) : undefined,
    camera: wanted.video ? of(apart ? seen : together, Track.Kind.Video) : undefined,
    failed,
    retry: (name) => setFailed((before) => ({ ...before, [name]: false })),
  };
}
