// SPDX-License-Identifier: Apache-2.0
//
// How one gets in: which room the address names, a token for it, and the SDK's room object.
//
//   /                      no room yet
//   /meet/ROOM             a room; the orchestrator's demo endpoint gives a token
//   /meet/ROOM#token=...   a token made elsewhere (spillctl token create)
//   /meet/ROOM#key=...     end-to-end encrypted, with that passphrase
//
// The part after # never leaves the browser.
import { Room } from 'livekit-client';
import { SPEAKER } from './devices/unplugged.js';
import { encryptionWith } from './encryption.js';
import { kept } from './kept.js';
import { say } from './words/words.js';

/** Signalling is where the page came from. */
export const signalUrl = `${location.protocol === 'https:' ? 'wss' : 'ws'}://${location.host}`;

export function roomFromAddress() {
  const [, meet, room] = location.pathname.split('/');
  try {
    return meet === 'meet' && room ? decodeURIComponent(room) : '';
  } catch {
    return ''; // not an address we wrote: %-signs that mean nothing
  }
}

const fromHash = (name) => new URLSearchParams(location.hash.slice(1)).get(name) ?? '';
export const tokenFromAddress = () => fromHash('token');
export const passphraseFromAddress = () => fromHash('key');

/** The link for the others: their tokens are their own. */
export function addressOf(room, passphrase) {
  const key = passphrase ? `#${new URLSearchParams({ key: passphrase })}` : '';
  return `${location.origin}/meet/${encodeURIComponent(room)}${key}`;
}

/** What the address bar shows in the meeting: enough to come back by reloading. */
export function ownAddressOf(room, passphrase) {
  const token = tokenFromAddress();
  const own = new URLSearchParams({ ...(token && { token }), ...(passphrase && { key: passphrase }) });
  return `${addressOf(room)}${own.size > 0 ? `#${own}` : ''}`;
}

/** People may share a name, so an identity has something random behind it. */
function identityFor(name) {
  const random = crypto.getRandomValues(new Uint32Array(1))[0].toString(36);
  return `${name.replace(/\s+/g, '-').slice(0, 40)}-${random}`;
}

/** Throws an Error whose text may be shown. */
export async function getToken(room, name) {
  const given = tokenFromAddress();
  if (given) {
    return given;
  }
  const query = new URLSearchParams({ room, identity: identityFor(name), name });
  let response;
  try {
    response = await fetch(`/api/token?${query}`, { cache: 'no-store' });
  } catch {
    throw new Error(say('serverSilent'));
  }
  if (response.status === 404) {
    throw new Error(say('noTokens'));
  }
  if (!response.ok) {
    const error = (await response.text()).slice(0, 200) || response.status;
    throw new Error(say('noToken', { error }));
  }
  return (await response.json()).token;
}

/**
 * A room that sends only the layers somebody watches, and asks for what its own tiles are large
 * enough to show. With a passphrase, what it sends is encrypted for the others in the room. later: LiveKit's
 * options of devices that are switched on in the meeting.
 */
export async function makeRoom(passphrase, later) {
  const options = { adaptiveStream: true, dynacast: true, ...later };
  const deviceId = kept(SPEAKER, '');
  if (deviceId) {
    options.audioOutput = { deviceId };
  }
  if (!passphrase) {
    return new Room(options);
  }
  const room = new Room({ ...options, encryption: await encryptionWith(passphrase) });
  await room.setE2EEEnabled(true);
  return room;
}
