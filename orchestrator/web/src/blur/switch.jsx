// SPDX-License-Identifier: Apache-2.0
//
// The switch for a blurred background, in the lobby and in the meeting: kept, so that whoever joins with
// it is never seen without.
import { RoomEvent, Track } from 'livekit-client';
import { useEffect, useMemo, useRef } from 'react';
import { useKeptSwitch } from '../kept.js';
import { say } from '../words/words.js';
import { BlurredBackground, canBlur } from './camera.js';

const useKept = () => {
  const [on, setOn] = useKeptSwitch('blur', false);
  return [canBlur && on, setOn];
};

/** {on, setOn, processor: for the camera of a preview}. onFailure switches the camera off. */
export function useBlurredPreview(onFailure) {
  const [on, setOn] = useKept();
  const newest = useRef(onFailure);
  newest.current = onFailure;
  const processor = useMemo(
    () => (on ? new BlurredBackground((error) => newest.current(error)) : undefined),
    [on],
  );
  return { on, setOn, processor };
}

export function BlurSwitch({ on, setOn }) {
  return (
    canBlur && (
      <label className="switch">
        <input type="checkbox" role="switch" checked={on} onChange={({ target }) => setOn(target.checked)} />
        {say('blur')}
      </label>
    )
  );
}

/** Of the room: the camera that is there, and each that comes. Returns the choices of More: one, or none. */
export function useBlurredCamera(room, onError) {
  const [on, setOn] = useKept();
  useEffect(() => {
    const { localParticipant } = room;
    const fail = (error) => {
      onError(error);
      localParticipant.setCameraEnabled(false).catch(onError);
    };
    const blur = on ? new BlurredBackground(fail) : undefined;
    let given; // the camera that has it: a second time, LiveKit would take it away first
    const give = () => {
      const camera = localParticipant.getTrackPublication(Track.Source.Camera)?.track;
      if (!camera || camera === given || (blur && camera.getProcessor() === blur)) {
        return;
      }
      given = camera;
      // What LiveKit then asks of a camera that is off fails, and its next one is right all the same.
      const trouble = (error) => camera.isMuted || onError(error);
      (blur ? camera.setProcessor(blur) : camera.stopProcessor()).catch(trouble);
    };
    room.options.videoCaptureDefaults.processor = blur;
    give();
    room.on(RoomEvent.LocalTrackPublished, give); // one that was begun before
    return () => void room.off(RoomEvent.LocalTrackPublished, give);
  }, [room, on, onError]);
  return canBlur ? [{ name: 'blur', on, onClick: () => setOn(!on) }] : [];
}
