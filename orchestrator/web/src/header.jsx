// SPDX-License-Identifier: Apache-2.0
//
// What is above the pictures: which room it is, who is there, whether it is encrypted, and its link.
import { useParticipants } from '@livekit/components-react';
import { RoomEvent } from 'livekit-client';
import { useEffect, useRef, useState } from 'react';
import { fingerprintOf } from './encryption.js';
import { addressOf } from './entry.js';
import { nameOf } from './people.jsx';
import { isWaiting, useLocked } from './waiting.jsx';
import { say } from './words/words.js';

const COPIED_MS = 2000;

const encryptionEvents = [
  RoomEvent.ParticipantEncryptionStatusChanged,
  RoomEvent.ParticipantConnected,
  RoomEvent.ParticipantDisconnected,
  RoomEvent.LocalTrackPublished,
  RoomEvent.TrackPublished,
  RoomEvent.TrackUnpublished,
];

/** Identities of those from whom something came that did not open. */
function useUnreadable(room) {
  const [unreadable, setUnreadable] = useState([]);
  useEffect(() => {
    const failed = (_, { identity } = {}) =>
      identity && setUnreadable((before) => (before.includes(identity) ? before : [...before, identity]));
    const left = ({ identity }) => setUnreadable((before) => before.filter((one) => one !== identity));
    room.on(RoomEvent.EncryptionError, failed).on(RoomEvent.ParticipantDisconnected, left);
    return () => void room.off(RoomEvent.EncryptionError, failed).off(RoomEvent.ParticipantDisconnected, left);
  }, [room]);
  return unreadable;
}

/** Says how far it goes, for it ends at whoever does not encrypt, or with another passphrase. */
function Encryption({ name, room, passphrase }) {
  const [fingerprint, setFingerprint] = useState('…');
  const people = useParticipants({ updateOnlyOn: encryptionEvents });
  const open = people.filter(({ trackPublications: { size }, isEncrypted }) => size > 0 && !isEncrypted);
  const identities = useUnreadable(room);
  const unreadable = people.filter(({ identity }) => identities.includes(identity));
  useEffect(() => {
    fingerprintOf(passphrase, name).then(setFingerprint);
  }, [name, passphrase]);
  const state = (open.length > 0 && 'notEverybody') || (unreadable.length > 0 && 'passphrasesDiffer') || 'encrypted';
  const names = (some) => ({ names: some.map(nameOf).join(', ') });
  return (
    <details className="encryption" data-state={state}>
      <summary>{say(state)}</summary>
      <div>
        {unreadable.length > 0 && <p className="note">{say('unreadable', names(unreadable))}</p>}
        {open.length > 0 && <p className="note">{say('unencrypted', names(open))}</p>}
        <p>{say('fingerprint', { digits: fingerprint })}</p>
        <p>{say('whatIsEncrypted')}</p>
      </div>
    </details>
  );
}

/** Where the page may not use the clipboard (http:, or the person said no) people copy it themselves. */
function CopyLink({ link }) {
  const [copied, setCopied] = useState(false);
  const dialog = useRef(null);
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(link);
      setCopied(true);
      setTimeout(() => setCopied(false), COPIED_MS);
    } catch {
      dialog.current.showModal();
    }
  };
  return (
    <>
      <button className="lk-button" type="button" onClick={copy}>
        {say(copied ? 'copied' : 'copyLink')}
      </button>
      <dialog ref={dialog} className="dialog" aria-label={say('copyLink')}>
        <form method="dialog">
          <label>
            {say('linkToCopy')}
            <input
              className="lk-form-control"
              readOnly
              dir="ltr"
              value={link}
              onFocus={({ target }) => target.select()}
            />
          </label>
          <button className="lk-button">{say('close')}</button>
        </form>
      </dialog>
    </>
  );
}

export function Header({ name, room, passphrase }) {
  const people = useParticipants().filter((one) => !isWaiting(one)).length;
  const locked = useLocked(room);
  return (
    <header>
      <img src="/icon.svg" alt="" width="28" height="28" />
      <h1 dir="auto">{name}</h1>
      <span className="people">{say(people === 1 ? 'people_one' : 'people_other', { count: people })}</span>
      {locked && <span className="people">{say('locked')}</span>}
      {passphrase && <Encryption name={name} room={room} passphrase={passphrase} />}
      <CopyLink link={addressOf(name, passphrase)} />
    </header>
  );
}
