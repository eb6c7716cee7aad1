// SPDX-License-Identifier: Apache-2.0
//
// The meeting page: a lobby, a meeting, and the lobby again with what happened.
import '@livekit/components-styles';
import './style.css';
import { useCallback, useEffect, useState } from 'react';
import { createRoot } from 'react-dom/client';
import { getToken, makeRoom, ownAddressOf } from './entry.js';
import { Lobby } from './lobby.jsx';
import { Meeting } from './meeting.jsx';

function Page() {
  const [meeting, setMeeting] = useState(null); // {room, token, choices} while in one
  const [note, setNote] = useState('');

  const join = async (choices) => {
    setNote('');
    try {
      const token = await getToken(choices.room, choices.name);
      const room = await makeRoom(choices.passphrase, choices.later);
      history.pushState(null, '', ownAddressOf(choices.room, choices.passphrase));
      document.title = `${choices.room} · Spillway`;
      setMeeting({ room, token, choices });
    } catch (error) {
      setNote(error.message);
    }
  };
  const leave = useCallback((text) => {
    document.title = 'Spillway';
    setNote(text);
    setMeeting(null);
  }, []);
  // Back is to the lobby.
  useEffect(() => {
    if (!meeting) {
      return undefined;
    }
    const back = () => leave('');
    addEventListener('popstate', back);
    return () => removeEventListener('popstate', back);
  }, [meeting, leave]);

  return meeting ? <Meeting {...meeting} onLeave={leave} /> : <Lobby note={note} onJoin={join} />;
}

// Where it is missing or fails (private windows), the page is one that needs its server.
navigator.serviceWorker?.register('/service-worker.js').catch(() => {});

createRoot(document.getElementById('page')).render(<Page />);
