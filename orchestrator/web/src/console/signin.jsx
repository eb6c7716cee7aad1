// SPDX-License-Identifier: Apache-2.0
import { useState } from 'react';
import { call } from './api.js';

const REASONS = {
  0: () => 'This orchestrator does not answer. Try again, or open the console of another one.',
  401: (message) => `This token is not accepted: ${message}.`,
  403: (message) => `This token may not look at the cluster: ${message}.`,
};

/** note: why somebody who was in is here again. onToken(token) once the orchestrator took it. */
export function SignIn({ note, onToken }) {
  const [said, setSaid] = useState(note);
  const [busy, setBusy] = useState(false);
  const submit = async (event) => {
    event.preventDefault();
    const token = new FormData(event.target).get('token').trim().replace(/^Bearer\s+/i, '');
    setBusy(true);
    setSaid('');
    try {
      await call(token, 'GET', 'snapshot');
      onToken(token);
    } catch (failure) {
      setSaid((REASONS[failure.status] ?? ((message) => `Something went wrong: ${message}.`))(failure.message));
      setBusy(false);
    }
  };
  return (
    <main className="signin">
      <form className="card" onSubmit={submit}>
        <img src="/icon.svg" alt="" width="48" height="48" />
        <h1>Spillway console</h1>
        <label htmlFor="token">Operator token</label>
        <textarea id="token" name="token" required rows={5} spellCheck={false} autoComplete="off" autoFocus />
        <p className="muted">
          Made with <code>spillctl token create --role read</code>, or <code>operate</code>, or <code>admin</code>. It stays in
          this tab and is sent to this orchestrator alone.
        </p>
        <p className="problem" role="alert">
          {said}
        </p>
        <button className="primary" disabled={busy}>
          Sign in
        </button>
      </form>
    </main>
  );
}
