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

/** Files of everybody, as entries of the chat; and a function to send one. */
function useFiles() {
  const room = useRoomContext();
  const [files, setFiles] = useState([]);
  const urls = useRef([]); // each of which keeps its file in memory
  const add = useCallback((from, name, blob) => {
    const file = { name, url: URL.createObjectURL(blob) };
    setFiles((before) => [...before, { id: file.url, at: Date.now(), from, file }].slice(-FILES_MAX));
    if (urls.current.push(file.url) > FILES_MAX) {
      URL.revokeObjectURL(urls.current.shift());
    }
  }, []);

  useEffect(() => {
    room.registerByteStreamHandler(FILES, async (reader, { identity }) => {
      const { name, mimeType, size } = reader.info;
      if (!(size <= FILE_BYTES_MAX)) {
        return; // nor one that does not say how large it is
      }
      const parts = await reader.readAll().catch(() => null); // its sender left, or sent something else
      if (parts) {
        // Saved, never shown: a page of somebody else's must not run as one of ours.
        add(nameOf(room.remoteParticipants.get(identity)), name, new Blob(parts, { type: mimeType }));
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
    add(nameOf(room.localParticipant), file.name, file);
  };
  return { files, sendFile };
}

/** {entries: [{id, at, from, text or file}], send(text), sendFile(file)} */
export function useMeetingChat() {
  const { chatMessages, send } = useChat();
  const { files, sendFile } = useFiles();
  const said = chatMessages.map(({ id, timestamp, from, message }) => ({
    id,
    at: timestamp,
    from: nameOf(from),
    text: message,
  }));
  return { entries: [...said, ...files].sort((a, b) => a.at - b.at), send, sendFile };
}

function Entry({ from, at, text, file }) {
  return (
    <div>
      <p className="small">
        <span>{from}</span>{' '}
        <time dateTime={new Date(at).toISOString()}>
          {new Date(at).toLocaleTimeString(language, { hour: '2-digit', minute: '2-digit' })}
        </time>
      </p>
      <p>
        {file ? (
          <a href={file.url} download={file.name}>
            {file.name}
          </a>
        ) : (
          formatChatMessageLinks(text)
        )}
      </p>
    </div>
  );
}

export function Chat({ chat, onError }) {
  const [text, setText] = useState('');
  const end = useRef(null);
  const fileId = useId();
  const { entries, send, sendFile } = chat;
  useEffect(() => {
    end.current?.scrollIntoView({ block: 'nearest' });
  }, [entries.length]);

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
      await sendFile(file).catch(onError);
    }
  };
  return (
    <section className="panel" aria-label={say('chat')}>
      <div className="log" role="log" tabIndex="0" aria-label={say('messages')}>
        {entries.map((entry) => (
          <Entry key={entry.id} {...entry} />
        ))}
        <div ref={end} />
      </div>
      <form onSubmit={submit}>
        <input
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
    </section>
  );
}
