// SPDX-License-Identifier: Apache-2.0
//
// Asks before something is changed. Whatever is refused says so here, and that nothing was done.
import { useEffect, useRef, useState } from 'react';

/** act() does it, label says it; onClose(done) with whether it was done. */
export function Ask({ title, label, danger = false, act, onClose, children }) {
  const dialog = useRef(null);
  const harmless = useRef(null);
  const [busy, setBusy] = useState(false);
  const [said, setSaid] = useState('');
  useEffect(() => {
    dialog.current.showModal();
    harmless.current.focus();
  }, []);

  const submit = async (event) => {
    event.preventDefault();
    setBusy(true);
    setSaid('');
    try {
      await act();
      onClose(true);
    } catch ({ status, message }) {
      setSaid(status === 0 ? `It may have been done or not: ${message}.` : `Nothing was done: ${message}.`);
      setBusy(false);
    }
  };
  return (
    <dialog ref={dialog} className="card" aria-labelledby="ask-title" onClose={() => onClose(false)}>
      <form onSubmit={submit}>
        <h2 id="ask-title">{title}</h2>
        {children}
        <p className="problem" role="alert">
          {said}
        </p>
        <div className="buttons">
          <button type="button" ref={harmless} onClick={() => onClose(false)}>
            Leave it as it is
          </button>
          <button className={danger ? 'danger' : 'primary'} disabled={busy}>
            {label}
          </button>
        </div>
      </form>
    </dialog>
  );
}
