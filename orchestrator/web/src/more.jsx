// SPDX-License-Identifier: Apache-2.0
//
// What is needed now and then: a menu at the end of the row of buttons.
import { MoreIcon } from './icons.jsx';
import { Choice, Menu } from './menu.jsx';
import { useShortcut } from './shortcuts.jsx';
import { say } from './words/words.js';

const Named = ({ name, ...props }) => (
  <Choice {...props} {...useShortcut(name)}>
    {say(name)}
  </Choice>
);

/** choices: [{name, on, onClick}]; on is undefined for what is no switch. */
export function More({ choices }) {
  const sign = (
    <>
      <MoreIcon />
      <span>{say('more')}</span>
    </>
  );
  return (
    <Menu className="more" label={say('more')} sign={sign}>
      {choices.map((choice) => (
        <Named key={choice.name} {...choice} />
      ))}
    </Menu>
  );
}
