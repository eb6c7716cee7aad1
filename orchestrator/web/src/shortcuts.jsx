// SPDX-License-Identifier: Apache-2.0
//
// Keyboard shortcuts: single keys, which no browser has for itself, and which are off wherever one
// types and for whoever switches them off (WCAG 2.1.4). A button says which key is its own, with
// aria-keyshortcuts, and that key clicks it. The space bar is another matter: one talks while it is
// held.
import { useRoomContext } from '@livekit/components-react';
import { createContext, useContext, useEffect, useId, useRef } from 'react';
import { canBlur } from './blur/camera.js';
import { say } from './words/words.js';

const Active = createContext(false);
export const ShortcutsActive = Active.Provider;

const list = {
  microphone: 'm',
  camera: 'v',
  shareScreen: 's',
  raiseHand: 'h',
  people: 'p',
  chat: 'c',
  speakerView: 'l',
  captions: 't',
  ...(canBlur && { blur: 'b' }),
  shortcuts: '?',
};

/** For the button that does this. */
export function useShortcut(name) {
  return { 'aria-keyshortcuts': useContext(Active) ? list[name] : undefined };
}

const typing = 'input, textarea, select, [contenteditable]';
const takesSpace = 'button, a[href], summary, [tabindex]'; // is pressed by it, or scrolls

const isOurs = (event) =>
  !(event.ctrlKey || event.altKey || event.metaKey || event.isComposing || event.defaultPrevented) &&
  !document.querySelector('dialog[open]') &&
  !event.target.closest(typing);

/** What the key has printed on it, also where it writes other letters than Latin ones. */
function keyOf({ key, code }) {
  if (key === '?' || key === '؟') {
    return '?';
  }
  return /^[a-z]$/i.test(key) ? key.toLowerCase() : (/^Key([A-Z])$/.exec(code)?.[1].toLowerCase() ?? '');
}

function onKey(event) {
  const key = keyOf(event);
  const button = key && isOurs(event) && document.querySelector(`[aria-keyshortcuts="${key}"]`);
  if (button) {
    event.preventDefault();
    if (!event.repeat) {
      button.click();
    }
  }
}

/** Returns what to do with keydown and keyup. */
function pushToTalk(localParticipant, onError) {
  let held = false;
  let done = Promise.resolve(); // one after the other, or a short word leaves the microphone on
  const talk = (on) => {
    held = on;
    done = done.then(() => localParticipant.setMicrophoneEnabled(on)).catch(onError);
  };
  return {
    down: (event) => {
      if (event.code !== 'Space' || event.shiftKey || !isOurs(event) || event.target.closest(takesSpace)) {
        return;
      }
      event.preventDefault(); // nor does the page scroll
      if (!event.repeat && !localParticipant.isMicrophoneEnabled) {
        talk(true);
      }
    },
    up: (event) => {
      if (held && (event.type === 'blur' || event.code === 'Space')) {
        talk(false);
      }
    },
  };
}

/** While it is on, keys do what the list says. */
export function useShortcuts(on, onError) {
  const { localParticipant } = useRoomContext();
  useEffect(() => {
    if (!on) {
      return undefined;
    }
    const { down, up } = pushToTalk(localParticipant, onError);
    const handlers = { keydown: [onKey, down], keyup: [up], blur: [up] };
    const all = Object.entries(handlers).flatMap(([type, some]) => some.map((handler) => [type, handler]));
    all.forEach(([type, handler]) => window.addEventListener(type, handler));
    return () => {
      up({ type: 'blur' });
      all.forEach(([type, handler]) => window.removeEventListener(type, handler));
    };
  }, [on, localParticipant, onError]);
}

export function ShortcutList({ open, onClose, on, onSwitch }) {
  const dialog = useRef(null);
  const title = useId();
  useEffect(() => {
    if (open) {
      dialog.current.showModal();
    } else {
      dialog.current.close();
    }
  }, [open]);
  return (
    <dialog ref={dialog} className="dialog shortcuts" aria-labelledby={title} onClose={onClose}>
      <h2 id={title}>{say('shortcuts')}</h2>
      <label className="switch">
        <input type="checkbox" role="switch" checked={on} onChange={({ target }) => onSwitch(target.checked)} />
        {say('useShortcuts')}
      </label>
      <dl>
        {Object.entries({ ...list, pushToTalk: say('spaceBar') }).map(([name, key]) => (
          <div key={name}>
            <dt>
              <kbd>{key.toUpperCase()}</kbd>
            </dt>
            <dd>{say(name)}</dd>
          </div>
        ))}
      </dl>
      <button className="lk-button" type="button" onClick={onClose}>
        {say('close')}
      </button>
    </dialog>
  );
}
