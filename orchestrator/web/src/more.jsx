// SPDX-License-Identifier: Apache-2.0
//
// What is needed now and then: a menu at the end of the row of buttons, closed again once something of
// it was chosen, by Escape, and when one goes elsewhere.
import { useRef } from 'react';
import { MoreIcon } from './icons.jsx';
import { useShortcut } from './shortcuts.jsx';
import { say } from './words/words.js';

function Choice({ name, on, onClick }) {
  return (
    <button className="lk-button" type="button" aria-pressed={on} onClick={onClick} {...useShortcut(name)}>
      {say(name)}
    </button>
  );
}

/** choices: [{name, on, onClick}]; on is undefined for what is no switch. */
export function More({ choices }) {
  const menu = useRef(null);
  const close = () => {
    menu.current.open = false;
  };
  return (
    <details
      ref={menu}
      className="more"
      onKeyDown={({ key }) => key === 'Escape' && close()}
      onBlur={({ relatedTarget }) => menu.current.contains(relatedTarget) || close()}
    >
      <summary className="lk-button" aria-label={say('more')}>
        <MoreIcon />
        <span>{say('more')}</span>
      </summary>
      <div tabIndex={-1} onClick={close} /* Safari's buttons take no focus: then this does */>
        {choices.map((choice) => (
          <Choice key={choice.name} {...choice} />
        ))}
      </div>
    </details>
  );
}
