// SPDX-License-Identifier: Apache-2.0
//
// A button that opens a list of choices, closed again once one of them was made, by Escape, and when one
// goes elsewhere.
import { useRef } from 'react';

/** sign: what the button shows; label: its name; onOpen() before its choices are seen. */
export function Menu({ className, label, sign, onOpen, children }) {
  const menu = useRef(null);
  const close = () => {
    menu.current.open = false;
  };
  return (
    <details
      ref={menu}
      className={`menu ${className}`}
      onToggle={() => menu.current.open && onOpen?.()}
      onKeyDown={({ key }) => key === 'Escape' && close()}
      onBlur={({ relatedTarget }) => menu.current.contains(relatedTarget) || close()}
    >
      <summary className="lk-button" aria-label={label}>
        {sign}
      </summary>
      <div tabIndex={-1} onClick={close} /* Safari's buttons take no focus: then this does */>
        {children}
      </div>
    </details>
  );
}

/** on: undefined for what is no switch. */
export const Choice = ({ on, ...props }) => (
  <button className="lk-button" type="button" aria-pressed={on} {...props} />
);
