// SPDX-License-Identifier: Apache-2.0
//
// Which microphone, camera or speaker: a menu of those that there are, and none where the browser names
// none: before it lets the page use any, or because it gives no choice of speakers.
import { supportsAudioOutputSelection } from 'livekit-client';
import { useCallback, useEffect, useState } from 'react';
import { SpeakerIcon } from '../icons.jsx';
import { Choice, Menu } from '../menu.jsx';
import { say } from '../words/words.js';

const ways = {
  audioinput: 'chooseMicrophone',
  videoinput: 'chooseCamera',
  audiooutput: 'chooseSpeaker',
};

/** Those with a name, now; without one the browser tells of them only that there are some. */
export async function devicesOf(kind) {
  const all = (await navigator.mediaDevices?.enumerateDevices()) ?? [];
  return all.filter((device) => device.kind === kind && device.label);
}

/** [devices, look()]; looked for when they change, and when cue does: no event tells of a permission. */
function useDevices(kind, cue) {
  const [devices, setDevices] = useState([]);
  const look = useCallback(() => devicesOf(kind).then(setDevices), [kind]);
  useEffect(() => {
    look();
    navigator.mediaDevices?.addEventListener('devicechange', look);
    return () => navigator.mediaDevices?.removeEventListener('devicechange', look);
  }, [look, cue]);
  return [devices, look];
}

/** active: id of the one in use; onChoose(id); cue: changes when a permission may have been given. */
export function DeviceMenu({ kind, active, cue, onChoose, sign }) {
  const [devices, look] = useDevices(kind, cue);
  return (
    devices.length > 0 && (
      <Menu className="choose" label={say(ways[kind])} sign={sign} onOpen={look}>
        {devices.map(({ deviceId, label }) => (
          <Choice key={deviceId} on={deviceId === active} onClick={() => onChoose(deviceId)}>
            <bdi>{label}</bdi>
          </Choice>
        ))}
      </Menu>
    )
  );
}

/** The menu of speakers is a button of its own, for there is nothing to switch on and off. */
export function SpeakerMenu(props) {
  const sign = (
    <>
      <SpeakerIcon />
      <span>{say('speaker')}</span>
    </>
  );
  return supportsAudioOutputSelection() && <DeviceMenu kind="audiooutput" sign={sign} {...props} />;
}
