// SPDX-License-Identifier: Apache-2.0
//
// What people write to each other, and the files they send: over the SDK's data streams, so encrypted
// when the meeting is. Who comes later does not get what was said before.
import { formatChatMessageLinks, useChat, useRoomContext } from '@livekit/components-react';
import { useCallback, useEffect, useId, useRef, useState } from 'react';
import { nameOf } from './people.jsx';
import { language, say } from './words/words.js';

const FILES = 'spillway.files'; // the topic of their streams
const FILE_BYTES_MAX = 20 << 20;
const FILES_MAX = 20; // kept, the oldest go first

/** Its parts; null of one that is too large, for of no bytes LiveKit says what it says of who does not tell. */
async function contentOf(reader) {
  const parts = [];
  let bytes = 0;
  for await (const part of reader) {
    bytes += part.length;
    if (bytes > FILE_BYTES_MAX) {
      return null;
    }
    parts.push(part);
  }
  return parts;
}

/** Files of everybody, as entries of the chat; and a function to send one. */
function useFiles() {
  const room = useRoomContext();
  const [files, setFiles] = useState([]);
  const urls = useRef([]); // each of which keeps its file in memory
  const add = useCallback((from, name, blob) => {
    const file = { name, size: blob.size, url: URL.createObjectURL(blob) };
    const entry = { id: file.url, at: Date.now(), from: nameOf(from), own: from?.isLocal, file };
    setFiles((before) => [...before, entry].slice(-FILES_MAX));
    if (urls.current.push(file.url) > FILES_MAX) {
      URL.revokeObjectURL(urls.current.shift());
    }
  }, []);

  useEffect(() => {
    room.registerByteStreamHandler(FILES, async (reader, { identity }) => {
      const { name, mimeType, size } = reader.info;
      if (size > FILE_BYTES_MAX) {
        return;
      }
      const parts = await contentOf(reader).catch(() => null); // its sender left, or sent something else
      if (parts) {
        // Saved, never shown: a page of somebody else's must not run as one of ours.
        add(room.remoteParticipants.get(identity), name, new Blob(parts, { type: mimeType }));
      }
    });
    return () => room.unregisterByteStreamHandler(FILES);
  }, [room, add]);
  useEffect(() => () => urls.current.splice(0).forEach((url) => URL.revokeObjectURL(url)), []);

  const sendFile = async (file) => {
    if (file.size > FILE_BYTES_MAX) {
      throw new Error(say('tooLarge', { name: file.name, limit: FILE_BYTES_MAX >> 20 }));
    }
    await room.localParticipant.sendFile(file, { topic: FILES, mimeType: file.type });
    add(room.localParticipant, file.name, file);
  };
  return { files, sendFile };
}

/** {entries: [{id, at, from, own, text or file}], send(text), sendFile(file)} */
export function useMeetingChat() {
  const { chatMessages, send } = useChat();
  const { files, sendFile } = useFiles();
  const said = chatMessages.map(({ id, timestamp, from, message }) => ({
    id,
    at: timestamp,
    from: nameOf(from),
    own: from?.isLocal,
    text: message,
  }));
  return { entries: [...said, ...files].sort((a, b) => a.at - b.at), send, sendFile };
}

const UNITS = ['byte', 'kilobyte', 'megabyte'];

function sizeOf(bytes) {
  const step = Math.min(Math.floor(Math.log10(Math.max(bytes, 1)) / 3), UNITS.length - 1);
  const form = { style: 'unit', unit: UNITS[step], maximumFractionDigits: 1 };
  return new Intl.NumberFormat(language, form).format(bytes / 1000 ** step);
}

function Entry({ from, own, at, text, file }) {
  return (
    <div className="entry" data-own={own || undefined}>
      <p className="small">
        <bdi>{from}</bdi>{' '}
        <time dateTime={new Date(at).toISOString()}>
          {new Date(at).toLocaleTimeString(language, { hour: '2-digit', minute: '2-digit' })}
        </time>
      </p>
      <p dir="auto">
        {file ? (
          <>
            <a href={file.url} download={file.name}>
              {file.name}
            </a>{' '}
            <span className="small">{sizeOf(file.size)}</span>
          </>
        ) : (
          formatChatMessageLinks(text)
        )}
      </p>
    </div>
  );
}

const hasKeyboard = matchMedia('(hover: hover)').matches; // on a phone, one would cover what was said

export function Chat({ chat, open, onError }) {
  const [text, setText] = useState('');
  const [sending, setSending] = useState(''); // the name of a file
  const entry = useRef(null);
  const end = useRef(null);
  const fileId = useId();
  const { entries, send, sendFile } = chat;
  useEffect(() => {
    end.current?.scrollIntoView({ block: 'nearest' });
  }, [entries.length, open]);
  useEffect(() => {
    if (open && hasKeyboard) {
      entry.current.focus();
    }
  }, [open]);

  const submit = async (event) => {
    event.preventDefault();
    if (text.trim()) {
      setText('');
      await send(text).catch(onError);
    }
  };
  const choose = async ({ target }) => {
    const files = [...target.files];
    target.value = '';
    for (const file of files) {
      setSending(file.name);
      await sendFile(file).catch(onError);
    }
    setSending('');
  };
  return (
    <>
      <div className="log" role="log" tabIndex="0" aria-label={say('messages')}>
        {entries.map((entry) => (
          <Entry key={entry.id} {...entry} />
        ))}
        <div ref={end} />
      </div>
      {sending && <p className="small sending">{say('sending', { name: sending })}</p>}
      <form onSubmit={submit}>
        <input
          ref={entry}
          className="lk-form-control"
          aria-label={say('message')}
          placeholder={say('writeMessage')}
          autoComplete="off"
          maxLength="4000"
          value={text}
          onChange={(event) => setText(event.target.value)}
        />
        <label className="lk-button" htmlFor={fileId}>
          {say('file')}
          <input id={fileId} className="hidden" type="file" multiple onChange={choose} />
        </label>
        <button className="lk-button" type="submit">
          {say('send')}
        </button>
      </form>
    </>
  );
}
