// SPDX-License-Identifier: Apache-2.0
//
// How one gets in: which room the address names, a token for it, and the SDK's room object.
//
//   /                      no room yet
//   /meet/ROOM             a room; the orchestrator's demo endpoint gives a token
//   /meet/ROOM#token=...   a token made elsewhere (spillctl token create); the part after # never
//                          leaves the browser
import { ExternalE2EEKeyProvider, Room } from 'livekit-client';

/* global ENCRYPTION_WORKER */

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

export function addressOf(room) {
  return `${location.origin}/meet/${encodeURIComponent(room)}`;
}

export function tokenFromAddress() {
  return new URLSearchParams(location.hash.slice(1)).get('token') ?? '';
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
    throw new Error('The server does not answer. Is it running?');
  }
  if (response.status === 404) {
    throw new Error('This server gives out no tokens itself. Ask for a link that carries one.');
  }
  if (!response.ok) {
    throw new Error(`No token: ${(await response.text()).slice(0, 200) || response.status}`);
  }
  return (await response.json()).token;
}

/**
 * A room that sends only the layers somebody watches, and asks for what its own tiles are large
 * enough to show. With a passphrase, what it sends is encrypted for the others in the room.
 */
export async function makeRoom(passphrase) {
  const options = { adaptiveStream: true, dynacast: true };
  if (!passphrase) {
    return new Room(options);
  }
  const keyProvider = new ExternalE2EEKeyProvider();
  const worker = new Worker(ENCRYPTION_WORKER, { type: 'module' });
  const room = new Room({ ...options, encryption: { keyProvider, worker } });
  await keyProvider.setKey(passphrase);
  await room.setE2EEEnabled(true);
  return room;
}
